# SPDX-License-Identifier: ISC
"""What an account may send in an hour: to others, and no more than that.

Mail for elsewhere stays in the queue here, as nobody answers there.
"""
import os
import re

from lib.scratch import ALICE, BOB, Instance
from lib.site import Queue
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
FAR = "x@far.example"
LIMITED = "450 4.7.1 Your account has sent as much as it may in an hour"


class Server(Queue, Instance):
    """A server whose queue can be looked at."""


def send(server, user, *recipients, port=None):
    """The reply to a message of a user."""
    with server.connect(port or server.submission) as talker:
        talker.hello()
        talker.login(*user)
        talker.expect("250 ", f"MAIL FROM:<{user[0]}@example.org>")
        for recipient in recipients or (FAR,):
            talker.expect("250 ", f"RCPT TO:<{recipient}>")
        talker.expect("354 ", "DATA")
        talker.send("Subject: x\r\n\r\nx\r\n.\r\n")
        return talker.reply().last


def test_messages():
    """account-messages: so many, then 450; logged; not for somebody else"""
    with Server("account-messages 2") as server:
        for _ in range(2):
            check(send(server, ALICE).startswith("250 "))
        for _ in range(2):
            check(send(server, ALICE).startswith(LIMITED))
        equal(len(server.mailq()), 2, "messages in the queue")
        wait_for(lambda: len(re.findall(
            r": reject: END-OF-MESSAGE from unknown\[127\.0\.0\.1\]: 450 "
            r"4\.7\.1 .*Too much mail in an hour .*account-messages 2, .*; "
            r"from=<alice@example\.org> .*sasl_username=<alice>$",
            server.smtpd.text(), re.M)) == 2, "two lines in the log")
        check(send(server, BOB).startswith("250 "), "bob")
        equal(len(server.mailq()), 3, "messages in the queue")


def test_recipients():
    """account-recipients: what does not fit in takes nothing away"""
    with Server("account-recipients 5") as server:
        def others(*numbers):
            return [f"x{n}@far.example" for n in numbers]
        check(send(server, ALICE, *others(1, 2, 3)).startswith("250 "))
        check(send(server, ALICE, *others(1, 2, 3)).startswith(LIMITED))
        check(send(server, ALICE, *others(1, 2)).startswith("250 "))
        check(send(server, ALICE).startswith(LIMITED))


def test_ours():
    """Mail to addresses of ours does not count; behind an alias it may"""
    with Server("account-messages 1\n") as server:
        (server.dir / "aliases").write_text("away: x@far.example\n"
                                            "here: bob\n")
        server.own()
        for to in ("bob", "alice", "here", "postmaster"):
            check(send(server, ALICE, f"{to}@example.org")
                  .startswith("250 "), to)
        check(send(server, ALICE, "away@example.org").startswith("250 "))
        check(send(server, ALICE, "away@example.org").startswith(LIMITED))
        check(send(server, ALICE, "bob@example.org").startswith("250 "))
        with server.connect(server.smtp) as talker:
            talker.hello()
            for _ in range(3):      # strangers have no account
                talker.submit("a@example.com", ["away@example.org"], "\r\n")


def test_own_limits():
    """A line with a name is for that user; 0: none"""
    with Server("account-messages 1\naccount-messages 0 bob") as server:
        for _ in range(3):
            check(send(server, BOB).startswith("250 "))
        check(send(server, ALICE).startswith("250 "))
        check(send(server, ALICE).startswith(LIMITED))


def test_no_limits():
    """By default there are none, and no file"""
    with Server() as server:
        for _ in range(5):
            check(send(server, ALICE).startswith("250 "))
        check(not (server.dir / "state/accounts").exists(), "a file")


def test_servers_share():
    """Servers for one connection, and later ones, count together"""
    with Server("account-messages 3") as server:
        check(send(server, ALICE).startswith("250 "))
        replies = []
        for _ in range(3):
            talker, process = server.session("smtpd", "--role", "submission")
            with talker:
                talker.hello()
                talker.login(*ALICE)
                talker.expect("250 ", "MAIL FROM:<alice@example.org>")
                talker.expect("250 ", f"RCPT TO:<{FAR}>")
                talker.expect("354 ", "DATA")
                talker.send("\r\n.\r\n")
                replies.append(talker.reply().last[:3])
            wait_for(lambda p=process: p.poll() is not None, "its end")
        equal(replies, ["250", "250", "450"])
        check(send(server, ALICE).startswith(LIMITED), "the first one")


def test_sendmail():
    """The sendmail command counts by user of the system, and says 75"""
    with Server("account-messages 2") as server:
        ends = [server.call("smtpd", "-f", "alice@example.org", FAR,
                            stdin="Subject: x\n\nx\n") for _ in range(3)]
        equal([e.returncode for e in ends], [0, 0, 75], str(ends))
        check("try again later" in ends[2].stderr, ends[2].stderr)
        done = server.call("smtpd", "bob@example.org", stdin="\nx\n")
        equal(done.returncode, 0, done.stderr)


def test_bdat_and_rset():
    """By BDAT, and several in one session, it is the same"""
    with Server("account-messages 2") as server, \
            server.connect(server.submission) as talker:
        talker.hello()
        talker.login(*ALICE)
        for code in ("250 2.0.0", "250 2.0.0", LIMITED):
            talker.expect("250 ", "MAIL FROM:<alice@example.org>")
            talker.expect("250 ", f"RCPT TO:<{FAR}>")
            talker.send("BDAT 2 LAST\r\n\r\n")
            talker.expect(code)
        talker.submit("alice@example.org", ["bob@example.org"], "\r\n")


def trouble():
    """What may be found in the place of the table: mail goes out."""
    for what, make, said in (
            ("noise", lambda p: p.write_bytes(os.urandom(5000)), 0),
            ("a folder", lambda p: p.mkdir(), 3),
            ("a symbolic link", lambda p: p.symlink_to("/etc/passwd"), 3)):
        with tap.case(f"{what} instead of the table: "
                      + ("mail goes out, and the log says that" if said
                         else "a new one")):
            with Server("account-messages 2") as server:
                make(server.dir / "state/accounts")
                server.own()
                replies = [send(server, ALICE)[:3] for _ in range(3)]
                equal(replies, ["250", "250", "250" if said else "450"])
                equal(server.smtpd.text().count("alice sends is not counted"),
                      said)


if __name__ == "__main__":
    tap.run(globals())
    trouble()
    tap.finish()
