#!/usr/bin/env python3
"""A webhook receiver that does what the path says: /ok, /status/<n>, /hang, /drop, /slow, /moved/<port>, /talk, /endless.

Prints its port, and then each request as a line of JSON, before it answers."""

import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

output = threading.Lock()


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        with output:
            print(json.dumps({"method": self.command, "path": self.path, "headers": headers, "body": body}), flush=True)
        kind, _, rest = self.path.strip("/").partition("/")
        if kind == "hang":
            time.sleep(3_600)
        elif kind == "drop":
            self.close_connection = True
        elif kind == "slow":
            time.sleep(0.5)
            self.answer(200)
        elif kind == "status":
            self.answer(int(rest.partition("/")[0]), b"said-by-the-receiver")
        elif kind == "moved":
            self.answer(302, b"", {"Location": f"http://127.0.0.1:{rest}/ok"})
        elif kind == "talk":
            self.answer(200, b"said-by-the-receiver" * 100_000)
        elif kind == "endless":
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"said-by-the-receiver" * 1_000)
            except OSError:
                self.close_connection = True
        else:
            self.answer(200)

    do_POST = do_GET

    def answer(self, status, body=b"", headers={}):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_):
        pass


def end_with_parent():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_parent, daemon=True).start()
server = Server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0), Receiver)
print(server.server_address[1], flush=True)
server.serve_forever()
