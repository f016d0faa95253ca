# SPDX-License-Identifier: ISC
"""aiosmtpd as a next hop: see lib/python_hops.py."""
import json
import ssl
import sys
import threading
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Proxy
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, AuthResult

JOB = json.loads(sys.argv[1])
REPLIES = {"nosuch": "550 5.1.1 There is no such user",
           "later": "451 4.2.0 Come back later"}


class Handler:
    """Takes what it may."""

    count = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        """A reply for each."""
        reply = REPLIES.get(address.partition("@")[0])
        if reply is None:
            envelope.rcpt_tos.append(address)
        return reply or "250 2.1.5 Ok"

    async def handle_DATA(self, server, session, envelope):
        """One file for each message."""
        Handler.count += 1
        path = Path(JOB["folder"], str(Handler.count))
        data = envelope.original_content
        head = {"sender": envelope.mail_from, "rcpts": envelope.rcpt_tos,
                "options": envelope.mail_options,
                "tls": session.ssl is not None,
                "user": bool(session.authenticated)}
        part = path.with_suffix(".part")
        part.write_bytes(json.dumps(head).encode() + b"\n" + data)
        part.rename(path)
        return "250 2.0.0 Taken"


def login(server, session, envelope, mechanism, data):
    """Whether that is the right password."""
    good = (data.login.decode(), data.password.decode()) == \
        (JOB["user"], JOB["password"])
    return AuthResult(success=good, handled=False)


class Hop(Controller):
    """Listens."""

    def factory(self):
        settings = {}
        if JOB["pem"]:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(JOB["pem"])
            settings = {"tls_context": context, "authenticator": login,
                        "require_starttls": True, "auth_required": True}
        kind = LMTP if JOB["lmtp"] else SMTP
        return kind(self.handler, enable_SMTPUTF8=True,
                    hostname="aiosmtpd.test", **settings)


taker = Proxy("127.0.0.1", JOB["forward"]) if JOB["forward"] else Handler()
hop = Hop(taker, hostname="127.0.0.1", port=JOB["port"])
hop.start()
print("listening", flush=True)
threading.Event().wait()
