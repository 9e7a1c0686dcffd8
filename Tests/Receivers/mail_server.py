#!/usr/bin/env python3
"""An SMTP server that does what the recipient says: defer@, refuse@, hang@, drop@; all others are taken.

Arguments: a folder for a certificate, for STARTTLS; with 'login' it wants ada's password 'pass' as well, and with
'plain' it has no STARTTLS. Prints its port, and then each message as a line of JSON, before it answers."""

import asyncio
import json
import os
import ssl
import subprocess
import sys
import threading

from aiosmtpd.smtp import SMTP, AuthResult

folder, options = sys.argv[1], sys.argv[2:]


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, _):
        kind = address.split("@")[0]
        if kind == "defer":
            return "451 said-by-the-receiver, come back later"
        if kind == "refuse":
            return "550 said-by-the-receiver, no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = {
            "sender": envelope.mail_from, "recipients": envelope.rcpt_tos, "encrypted": session.ssl is not None,
            "user": getattr(session, "auth_data", None), "data": envelope.content.decode(),
        }
        print(json.dumps(message), flush=True)
        kind = envelope.rcpt_tos[0].split("@")[0]
        if kind == "hang":
            await asyncio.sleep(3_600)
        if kind == "drop":
            server.transport.close()
        return "250 OK"


def login(server, session, envelope, mechanism, data):
    if data.login == b"ada" and data.password == b"pass":
        return AuthResult(success=True, auth_data="ada")
    return AuthResult(success=False, handled=False)


def context():
    certificate, key = folder + "/certificate.pem", folder + "/key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key,
         "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


async def main():
    tls = None if "plain" in options else context()

    def protocol():
        return SMTP(
            Handler(), hostname="localhost", tls_context=tls, require_starttls=tls is not None,
            authenticator=login, auth_required="login" in options, auth_require_tls=tls is not None)

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def end_with_parent():
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=end_with_parent, daemon=True).start()
asyncio.run(main())
