# SPDX-License-Identifier: ISC
"""AUTH over SMTP and POP3, in the same words."""
from .scratch import client_context


class Smtp:
    """A connection to the submission port that is about to log in."""

    GOOD, MORE = "235 2.7.0", "334 "
    WRONG, MALFORMED = "535 5.7.8", "501 5.5.2"
    TEMPORARY, UNKNOWN = "454 4.7.0", "504 5.5.4"

    def __init__(self, server, tls=False):
        """tls: False, True, or the context of it."""
        if tls is True:
            tls = client_context()
        self.talker = server.connect(self.port(server, tls), tls or None)
        self.offer = self.hello()

    @staticmethod
    def port(server, tls):
        """Where TLS begins at once, or not."""
        return server.submissions if tls else server.submission

    def hello(self):
        """The mechanisms that are offered."""
        words = self.talker.hello().words()
        return [w for w in words if w.startswith("AUTH ")][0].split()[1:]

    def say(self, line):
        """Sends a line; the answer."""
        self.talker.send(line + "\r\n")
        return self.talker.reply().last


class Pop(Smtp):
    """One to a POP3 port."""

    GOOD, MORE = "+OK ", "+ "
    WRONG, MALFORMED = "-ERR [AUTH]", "-ERR Mal"
    TEMPORARY, UNKNOWN = "-ERR [SYS/TEMP]", "-ERR Unkn"

    @staticmethod
    def port(server, tls):
        return server.pop3s if tls else server.pop3

    def hello(self):
        self.talker.pop("+OK")
        self.talker.pop("+OK", "CAPA")
        lines = self.talker.block().decode().split("\r\n")
        return [x for x in lines if x.startswith("SASL ")][0].split()[1:]

    def say(self, line):
        self.talker.send(line + "\r\n")
        return self.talker.line()


BOTH = (Smtp, Pop)
