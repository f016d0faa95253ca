# SPDX-License-Identifier: ISC
"""Logins by a password, and tests that change passwords."""
import base64
import functools

from .scram import Scram
from .scratch import Instance
from .talk import b64, plain
from .tap import check


def smtp(server, user, password):
    """The answer to AUTH PLAIN."""
    with server.connect(server.submission) as talker:
        talker.hello()
        talker.send("AUTH PLAIN " + plain(user, password) + "\r\n")
        return talker.reply().last


def pop3(server, user, password):
    """The answer to USER and PASS."""
    with server.connect(server.pop3) as talker:
        talker.pop("+OK")
        talker.pop("+OK", "USER " + user)
        talker.send(f"PASS {password}\r\n")
        return talker.line()


def scram(server, user, password, name="SCRAM-SHA-256"):
    """The last answer to AUTH of that name over SMTP."""
    with server.connect(server.submission) as talker:
        talker.hello()
        one = Scram(user, password)
        reply = talker.expect("334 ", f"AUTH {name} " + b64(one.first()))
        challenge = base64.b64decode(reply.last[4:]).decode()
        talker.send(b64(one.last(challenge)) + "\r\n")
        reply = talker.reply()
        if reply.code != 334:
            return reply.last
        check(one.verify(base64.b64decode(reply.last[4:]).decode()), "proof")
        return talker.expect("235 ", "").last


def kept(function):
    """A test that may change the users file."""
    @functools.wraps(function)
    def test(server):
        text = server.users.read_bytes()
        try:
            function(server)
        finally:
            server.users.write_bytes(text)
            server.own()
    return test


class PasswordServer(Instance):
    """Both daemons, and one by which users change their passwords."""

    passwords = None

    def start(self):
        super().start()
        self.passwords = self.serve("pop3d", "127.0.0.1:0=passwd")

    def __exit__(self, *_):
        if self.passwords is not None:
            self.passwords.stop()
        super().__exit__()
