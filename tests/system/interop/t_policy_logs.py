# SPDX-License-Identifier: ISC
"""What is logged of strangers, as fail2ban, logwatch and pflogsumm read it:
who is refused for good can be banned, who is asked to come back is not."""
import socket

from lib import readers
from lib.dns import A, LyingDns, a, honest
from lib.scratch import ALICE, Instance
from lib.talk import Talker
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
GOOD, EARLY, HASTY, LISTED, NEW = (f"127.0.{n}.1" for n in range(1, 6))
CONFIG = """policy-exempt 127.0.1.1
greet-delay 1
pipelining-check on
dnsbl bl.test
greylist 3600
account-messages 1
"""


def connect(port, source):
    """A Talker from that address."""
    return Talker(socket.create_connection(("127.0.0.1", port), 60,
                                           (source, 0)))


def rcpt(server, source, code):
    """A first recipient, who is answered like that."""
    with connect(server.smtp, source) as talker:
        talker.hello()
        talker.expect("250 ", "MAIL FROM:<a@example.com>")
        talker.expect(code, "RCPT TO:<bob@example.org>")
        talker.expect("221 ", "QUIT")


def test_sessions(server):
    """One of each is refused, or not"""
    rcpt(server, GOOD, "250 ")
    rcpt(server, LISTED, "554 5.7.1")
    rcpt(server, NEW, "450 4.7.1")
    with connect(server.smtp, EARLY) as talker:
        talker.send("EHLO spam.example\r\n")
        talker.expect("554 ")
    with connect(server.smtp, HASTY) as talker:
        talker.expect("220 ")
        talker.send("EHLO spam.example\r\nMAIL FROM:<a@example.com>\r\n")
        talker.expect("554 ")
    with connect(server.submission, GOOD) as talker:
        talker.hello()
        talker.login(*ALICE)
        for code in ("250 ", "450 "):
            talker.expect("250 ", "MAIL FROM:<alice@example.org>")
            talker.expect("250 ", "RCPT TO:<x@far.example>")
            talker.expect("354 ", "DATA")
            talker.send("\r\n.\r\n")
            talker.expect(code)
    wait_for(lambda: server.smtpd.text().count("disconnect from") == 6,
             "six sessions to end")


def cases_readers(server):
    """What each program makes of the log."""
    lines = [line for line in server.smtpd.text().splitlines()
             if not line.startswith("listening on ")]
    text = "\n".join(lines)
    with tap.case("fail2ban finds who was refused, and nobody else"):
        found = readers.Fail2ban(server.dir).hosts(lines, "postfix")
        equal(sorted(found), sorted([EARLY, HASTY, LISTED]), text)
    with tap.case("pflogsumm counts the refusals"):
        report = readers.pflogsumm(lines)
        equal(readers.number(report, "rejected"), 3, f"{text}\n{report}")
    with tap.case("logwatch knows each line"):
        report = readers.logwatch(server.dir, lines, "postfix")
        check("Unmatched" not in report, report)


if __name__ == "__main__":
    name = ".".join(reversed(LISTED.split("."))) + ".bl.test"
    with LyingDns({(name, A): honest(a(name, "127.0.0.2"))}) as dns, \
            Instance(CONFIG + f"resolver {dns.address}\n"
                     "plaintext-login always") as instance:
        tap.run(globals(), instance)
    tap.finish()
