#!/usr/bin/env python3
"""Carries connections to a port of this machine over TLS, with a client certificate if one is given.

Arguments: the port, the file of the authority that the server is checked by, certificate and key. Prints the port that it
takes connections at. What either side ends or refuses is ended for the other."""

import os
import select
import socket
import ssl
import sys
import threading

port, authority, *own = sys.argv[1:]
context = ssl.create_default_context(cafile=authority)
if own:
    context.load_cert_chain(*own)


def carry(plain):
    try:
        with plain, socket.create_connection(("127.0.0.1", int(port))) as raw:
            with context.wrap_socket(raw, server_hostname="localhost") as far:
                while True:
                    ready = [far] if far.pending() else select.select([plain, far], [], [])[0]
                    for source, target in ((plain, far), (far, plain)):
                        if source in ready:
                            data = source.recv(65_536)
                            if not data:
                                return
                            target.sendall(data)
    except OSError:
        # Refused: the connection ends, which is all that the other side is told.
        pass


def end_with_parent():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_parent, daemon=True).start()
listener = socket.create_server(("127.0.0.1", 0), backlog=64)
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=carry, args=(listener.accept()[0],), daemon=True).start()
