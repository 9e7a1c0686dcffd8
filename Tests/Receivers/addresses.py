#!/usr/bin/env python3
"""A webhook receiver at the given addresses of this machine, all at one port; those it does not have are left out.

It answers with the status that the path says, /status/<n>, or with 200. Prints its port, and then as lines of JSON the
address of each connection and of each request, before it answers."""

import json
import os
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

output = threading.Lock()


def tell(**line):
    with output:
        print(json.dumps(line), flush=True)


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        tell(request=self.server.server_address[0], host=self.headers.get("Host", ""))
        kind, _, rest = self.path.strip("/").partition("/")
        self.send_response(int(rest) if kind == "status" else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def get_request(self):
        accepted = super().get_request()
        tell(connection=self.server_address[0])
        return accepted

    def handle_error(self, *_):
        pass


class ServerOfVersion6(Server):
    address_family = socket.AF_INET6


def listening(addresses):
    """Servers at one port that is free at all of the addresses."""
    while True:
        servers, port = [], 0
        try:
            for address in addresses:
                servers.append((ServerOfVersion6 if ":" in address else Server)((address, port), Receiver))
                port = servers[0].server_address[1]
            return servers
        except OSError:
            for server in servers:
                server.server_close()


def is_here(address):
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        try:
            probe.bind((address, 0))
            return True
        except OSError:
            return False


def end_with_parent():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_parent, daemon=True).start()
servers = listening([address for address in sys.argv[1:] if is_here(address)])
print(servers[0].server_address[1], flush=True)
for server in servers:
    threading.Thread(target=server.serve_forever).start()
