# SPDX-License-Identifier: ISC
"""Each way to be refused or lost, as fail2ban, logwatch and pflogsumm read it:
they know every line, put it where it belongs, and count what smtpd --stats
counts. Nor does what a next hop says pass for what became of the mail."""
import json
import re

from lib import proc, readers
from lib.traffic import connect
from lib.dns import A, LyingDns, a, honest
from lib.fakemx import FakeMx
from lib.scratch import ALICE, BOB, Instance, client_context
from lib.talk import plain
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
GOOD, LISTED, CROWD, SPAMMER, LONG, HTTP, LOST = (
    f"127.0.5.{n}" for n in range(1, 8))
LIE = ("550 5.1.1 no) to=<bob@example.org>, relay=x, delay=1, delays=0/0/0/1, "
       "dsn=2.0.0, status=sent (250 OK")
CONFIG = """penalties all
sessions-per-source 3
policy-exempt 127.0.5.1
dnsbl bl.test
size-limit 50000
sender-check login
account-messages 1
login-delay 3600
"""


def recipient(server, source, rcpt, code, mail="MAIL FROM:<a@example.com>"):
    """A first recipient, who is answered like that."""
    with connect(server.smtp, source) as talker:
        talker.hello()
        talker.expect("250 ", mail)
        talker.expect(code, f"RCPT TO:<{rcpt}>")
        talker.expect("221 ", "QUIT")


def message(server, text, code):
    """A message to bob, whose end is answered like that."""
    with connect(server.smtp, GOOD) as talker:
        talker.hello()
        talker.expect("250 ", "MAIL FROM:<a@example.com>")
        talker.expect("250 ", "RCPT TO:<bob@example.org>")
        talker.expect("354 ", "DATA")
        talker.expect(code, text + "\r\n.")
    # The next one is of the same address, which may have three.
    wait_for(lambda: not proc.children(server.smtpd.pid), "it to end")


def user(server):
    """What alice may not."""
    with connect(server.submissions, GOOD) as talker:
        talker.sock = client_context().wrap_socket(talker.sock)
        talker.hello()
        talker.expect("235 ", "AUTH PLAIN " + plain(*ALICE))
        talker.expect("553 ", "MAIL FROM:<bob@example.org>")
        talker.expect("552 ", "MAIL FROM:<alice@example.org> SIZE=60000")
        for code in ("250 ", "450 "):
            talker.expect("250 ", "MAIL FROM:<alice@example.org>")
            talker.expect("250 ", "RCPT TO:<liar@remote.example>")
            talker.expect("354 ", "DATA")
            talker.expect(code, "Message-ID: <x@example.org>\r\n\r\nx\r\n.")
        talker.expect("221 ", "QUIT")


def crowd(server):
    """Four at once, of whom three are served."""
    served = []
    for _ in range(3):
        served.append(connect(server.smtp, CROWD))
        served[-1].expect("220 ")
    with connect(server.smtp, CROWD) as talker:
        talker.expect("421 4.7.0")
    for talker in served:
        talker.expect("221 ", "QUIT")
        talker.close()


def guess(server):
    """Recipients until the address is not served any more."""
    talkers = [connect(server.smtp, SPAMMER) for _ in range(2)]
    for talker in talkers:
        talker.hello()
        talker.expect("250 ", "MAIL FROM:<a@example.com>")
    for talker in talkers:
        for number in range(15):
            talker.expect("550 5.1.1", f"RCPT TO:<no{number}@example.org>")
        talker.expect("221 ", "QUIT")
        talker.close()
    with connect(server.smtp, SPAMMER) as talker:
        talker.expect("421 4.7.0")
    with connect(server.pop3, SPAMMER) as talker:
        talker.pop("-ERR [SYS/TEMP]")


def rude(server):
    """A line without an end, HTTP, half a chunk, no TLS."""
    with connect(server.smtp, LONG) as talker:
        talker.hello()
        talker.send("x" * 200000)
        talker.expect("500 ")
    with connect(server.smtp, HTTP) as talker:
        talker.expect("220 ")
        talker.expect("554 ", "GET / HTTP/1.0")
    with connect(server.smtp, LOST) as talker:
        talker.hello()
        talker.expect("250 ", "MAIL FROM:<a@example.com>")
        talker.expect("250 ", "RCPT TO:<bob@example.org>")
        talker.send("BDAT 100 LAST\r\nhalf")
    for port in (server.submissions, server.pop3s):
        with connect(port, GOOD) as talker:
            talker.send("NOOP\r\n" * 20)
            talker.rest()


def collect(server):
    """A second session, and one that comes too soon."""
    with connect(server.pop3, GOOD) as talker:
        talker.pop_login(*BOB)
        with connect(server.pop3, GOOD) as second:
            second.pop("+OK")
            second.pop("+OK", f"USER {BOB[0]}")
            second.pop("-ERR [IN-USE]", f"PASS {BOB[1]}")
        talker.pop("+OK", "QUIT")
    with connect(server.pop3, GOOD) as talker:
        talker.pop("+OK")
        talker.pop("+OK", f"USER {BOB[0]}")
        talker.pop("-ERR [LOGIN-DELAY]", f"PASS {BOB[1]}")


def work(server):
    """All of it; waits for the lines."""
    recipient(server, GOOD, "nosuch@example.org", "550 5.1.1")
    recipient(server, GOOD, "x@elsewhere.example", "550 5.7.1")
    recipient(server, LISTED, "bob@example.org", "554 5.7.1")
    message(server, "Subject: \0", "550 5.6.0")
    message(server, "Subject: a\nb", "550 5.5.2")
    message(server, "Received: x\r\n" * 101, "554 5.4.6")
    message(server, ("y" * 70 + "\r\n") * 1000, "552 5.3.4")
    user(server)
    crowd(server)
    guess(server)
    rude(server)
    collect(server)
    wait_for(lambda: server.smtpd.text().count("disconnect from ") == 17
             and "status=bounced" in server.smtpd.text()
             and server.pop3d.text().count("DISCONNECTED, ") == 4,
             "all sessions to end")


def lines_of(server):
    """What was logged."""
    return [line for daemon in (server.smtpd, server.pop3d)
            for line in daemon.text().splitlines()
            if not line.startswith("listening on ")]


def test_logwatch(server):
    """logwatch knows each line, and where it belongs"""
    report = readers.logwatch(server.dir, lines_of(server), "postfix")
    check("Unmatched" not in report, report)
    for name, count in (("5xx Reject relay denied", 1),
                        ("5xx Reject DATA", 3),
                        ("5xx Reject unknown user", 31),
                        ("5xx Reject sender address", 1),
                        ("5xx Reject RBL", 1),
                        ("5xx Reject message size", 2),
                        ("4xx Reject sender address", 1),
                        ("4xx Reject client host", 2),
                        ("SMTP protocol violations", 2),
                        ("Bounced \\(\\w+\\)", 1)):
        found = re.search(rf"^\s*(\d+) +{name} ", report, re.M)
        check(found and int(found.group(1)) == count,
              f"{count} {name} in\n{report}")
    report = readers.logwatch(server.dir, lines_of(server), "pop3")
    check("Unmatched" not in report, report)


def test_lie(server):
    """What a next hop says is no other status of the message"""
    text = server.smtpd.text()
    check("status?sent" in text, text)
    report = readers.logwatch(server.dir, lines_of(server), "postfix")
    check("Sent via SMTP" not in report, report)
    # The line that would do it, were it written as it was said.
    lies = text.replace("status?", "status=").splitlines()
    report = readers.logwatch(server.dir, lies, "postfix")
    check("Sent via SMTP" in report, f"control: {report}")


def test_fail2ban(server):
    """fail2ban's narrow modes find who they are for"""
    fail2ban = readers.Fail2ban(server.dir)
    for mode, hosts in (("rbl", [LISTED]), ("errors", [LONG, HTTP])):
        equal(fail2ban.hosts(lines_of(server), "postfix", mode=mode), hosts,
              mode)


def test_sums(server):
    """pflogsumm and --stats count as many refusals as there are lines"""
    lines = lines_of(server)
    refusals = sum(": reject: " in line for line in lines)
    equal(refusals, 42, "lines")
    equal(readers.number(readers.pflogsumm(lines), "rejected"), refusals,
          "pflogsumm")
    done = server.call("smtpd", "--stats", "--json")
    totals = json.loads(done.stdout)["totals"]
    equal({name: count for name, count in totals.items()
           if name.startswith("rejected_") and count > 0},
          {"rejected_unknown_user": 31, "rejected_relay": 1,
           # One beyond its hour, one of a crowd, one guesser.
           "rejected_dnsbl": 1, "rejected_rate": 3, "rejected_size": 2,
           # NUL, bare LF, a loop, another's address.
           "rejected_other": 4, "rejected_syntax": 1}, "--stats")


def test_lost(server):
    """A command that ended with its connection is counted as that command"""
    check(f"disconnect from unknown[{LOST}] ehlo=1 mail=1 rcpt=1 bdat=0/1 "
          "commands=3/4\n" in server.smtpd.text(), server.smtpd.text())


def main():
    """All of it."""
    name = ".".join(reversed(LISTED.split("."))) + ".bl.test"
    with LyingDns({(name, A): honest(a(name, "127.0.0.2"))}) as dns, \
            FakeMx({"rcpt": {"liar@remote.example": LIE}}) as hop, \
            Instance(CONFIG + f"resolver {dns.address}\n"
                     f"relay smtp://127.0.0.1:{hop.port}?tls=never\n"
                     ) as server:
        with tap.case("Each is refused or lost in its way"):
            work(server)
        tap.run(globals(), server)
    tap.finish()


if __name__ == "__main__":
    main()
