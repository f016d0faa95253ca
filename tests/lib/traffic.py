# SPDX-License-Identifier: ISC
"""Traffic: what clients of all kinds do, from addresses that differ."""
import re
import socket

from .scratch import Instance, client_context
from .talk import Talker, b64, plain
from .wait import wait_for

SCRIPT = {"rcpt": {"no@remote.example": "550 5.1.1 No such user",
                   "later@remote.example": "450 4.2.0 Not now",
                   "odd@remote.example":
                       b"550 5.1.1 \x1b[31m\x01\x9b\xff no\r\n"}}
GOOD, GUESSER, SPAMMER, COLLECTOR = (
    "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")


def connect(port, source):
    """A Talker from that address."""
    sock = socket.create_connection(("127.0.0.1", port), 60, (source, 0))
    return Talker(sock)


class Traffic:
    """A server with clients, and the lines of its log."""

    def __init__(self, mx, config=""):
        self.server = Instance(f"relay smtp://127.0.0.1:{mx.port}?tls=never\n"
                               "size-limit 100000\n" + config)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.__exit__()

    def lines(self):
        """All that was logged."""
        return [line for daemon in (self.server.smtpd, self.server.pop3d)
                for line in daemon.text().splitlines()
                if not line.startswith("listening on ")]

    def wait(self, pattern, count=1):
        """Until so many lines have that."""
        def there():
            return sum(bool(re.search(pattern, line))
                       for line in self.lines()) >= count
        try:
            wait_for(there, f"{count} lines with {pattern}")
        except AssertionError as error:
            raise AssertionError("\n".join([str(error), *self.lines()])) \
                from None

    # ---- what clients do ----

    def send(self, rcpt, id, text="Hello", source=GOOD):
        """A user sends a message, over TLS."""
        with connect(self.server.submission, source) as talker:
            talker.hello()
            talker.expect("220 ", "STARTTLS")
            talker.start_tls(client_context())
            talker.expect("250 ", "EHLO client.example.net")
            talker.expect("235 ", "AUTH PLAIN "
                          + plain("alice", "opensesame"))
            talker.expect("250 ", "MAIL FROM:<alice@example.org>")
            for one in rcpt:
                talker.expect("250 ", f"RCPT TO:<{one}>")
            talker.expect("354 ", "DATA")
            talker.expect("250 ", f"Message-ID: <{id}>\r\n\r\n{text}\r\n.")
            talker.expect("221 ", "QUIT")

    def receive(self, rcpts, id, source=GOOD):
        """Somebody else sends to users here."""
        with connect(self.server.smtp, source) as talker:
            talker.hello()
            talker.expect("250 ", "MAIL FROM:<x@example.com>")
            for one in rcpts:
                talker.expect("250 ", f"RCPT TO:<{one}>")
            talker.expect("354 ", "DATA")
            talker.expect("250 ", f"Message-ID:\r\n <{id}>\r\n\r\nHello\r\n.")
            talker.expect("221 ", "QUIT")

    def guess(self):
        """Wrong passwords, one after the other, by SMTP and POP3."""
        with connect(self.server.submission, GUESSER) as talker:
            talker.hello()
            talker.expect("535 ", "AUTH PLAIN "
                          + plain("alice", "Hunter2-SMTP"))
            talker.expect("334 ", "AUTH LOGIN")
            talker.expect("334 ", b64("bob"))
            talker.expect("535 ", b64("Hunter2-LOGIN"))
            talker.expect("334 ", "AUTH CRAM-MD5")
            talker.expect("535 ", b64("alice 00112233445566778899aabbcc"
                                      "ddeeff"))
            talker.expect("221 ", "QUIT")
        with connect(self.server.pop3, GUESSER) as talker:
            talker.pop("+OK")
            for name in ("alice", "nosuchuser"):
                talker.pop("+OK", f"USER {name}")
                talker.pop("-ERR [AUTH]", "PASS Hunter2-POP3")
            talker.pop("+OK", "QUIT")

    def spam(self):
        """Recipients who are not here, relaying, rubbish, and no good-bye."""
        with connect(self.server.smtp, SPAMMER) as talker:
            talker.hello()
            talker.expect("250 ", "MAIL FROM:<x@example.com>")
            talker.expect("550 5.1.1", "RCPT TO:<nosuchuser@example.org>")
            talker.expect("550 5.1.1", "RCPT TO:<nobody-there@example.net>")
            talker.expect("550 5.7.1", "RCPT TO:<victim@elsewhere.example>")
            talker.expect("500 ", "FROBNICATE")
            talker.expect("250 ", "RSET")
            talker.expect("552 ", "MAIL FROM:<x@example.com> SIZE=200000")
        with connect(self.server.smtp, SPAMMER) as talker:
            talker.hello()
            talker.expect("250 ", "MAIL FROM:<x@example.com>")
            talker.expect("250 ", "RCPT TO:<bob@example.org>")
            talker.expect("354 ", "DATA")
            talker.send("Half a message\r\n")
            talker.sock.shutdown(socket.SHUT_WR)
            talker.closed()

    def collect(self):
        """POP3 in the clear and over TLS; one hangs up."""
        with connect(self.server.pop3, COLLECTOR) as talker:
            talker.pop_login("bob", "two words, and a third")
            talker.pop("+OK", "STAT")
            self.size = len(talker.pop_block("RETR 1"))
            talker.pop("+OK", "QUIT")
        with connect(self.server.pop3, COLLECTOR) as talker:
            talker.pop_login("bob", "two words, and a third")
        with connect(self.server.pop3, COLLECTOR) as talker:
            talker.pop("+OK")
            talker.pop("+OK", "STLS")
            talker.start_tls(client_context())
            talker.pop("+OK", "USER alice")
            talker.pop("+OK", "PASS opensesame")
            talker.pop("+OK", "QUIT")


def all_kinds(traffic):
    """The whole of it; waits until all lines are there."""
    traffic.receive(["bob@example.org"], "one@example.com")
    traffic.receive(["bob@example.org", "alice@example.net"], "two@example.com")
    traffic.send(["yes@remote.example"], "three@example.org")
    traffic.send(["no@remote.example", "later@remote.example"],
             "four@example.org")
    traffic.guess()
    traffic.spam()
    traffic.collect()
    traffic.wait(r"status=sent", 5)
    traffic.wait(r"status=bounced", 1)
    traffic.wait(r"status=deferred", 1)
    traffic.wait(r"disconnect from", 7)
    traffic.wait(r"(LOGOUT|DISCONNECTED), ", 4)
