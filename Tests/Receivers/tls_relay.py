#!/usr/bin/env python3
"""Carries connections to a port of this machine over TLS, with a client certificate if one is given.

Arguments: the port, the file of the authority that the server is checked by, certificate and key. Prints the port that it
takes connections at. What either side ends or refuses is ended for the other."""

import asyncio
import os
import ssl
import sys
import threading

port, authority, *own = sys.argv[1:]
context = ssl.create_default_context(cafile=authority)
if own:
    context.load_cert_chain(*own)


async def carry(source, target):
    while data := await source.read(65_536):
        target.write(data)
        await target.drain()


async def relay(reader, writer):
    far = None
    try:
        far_reader, far = await asyncio.open_connection(
            "127.0.0.1", int(port), ssl=context, server_hostname="localhost")
        ways = [asyncio.create_task(carry(reader, far)), asyncio.create_task(carry(far_reader, writer))]
        _, others = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in others:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
    except OSError:
        # Refused: the connection ends, which is all that the other side is told.
        pass
    finally:
        for side in (writer, far):
            if side:
                side.close()


def end_with_parent():
    sys.stdin.read()
    os._exit(0)


async def main():
    server = await asyncio.start_server(relay, "127.0.0.1", 0, backlog=64)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


threading.Thread(target=end_with_parent, daemon=True).start()
asyncio.run(main())
