# SPDX-License-Identifier: ISC
"""Mail that is to be sent later: not before, not lost, and not given up.

A queue that takes a far time for a clock that has jumped sends at once; one
that counts a message's age from its arrival gives it up at the first failure.
"""
import time

from lib import mbox
from lib.fakemx import FakeMx
from lib.player import PASSWORDS
from lib.queuefile import make, recipient
from lib.scratch import Scratch
from lib.site import Queue
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
DAY = 24 * 60 * 60


class Server(Queue, Scratch):
    """A queue to look after."""


def send(scratch, hold, to="bob@example.org"):
    """Submits one message."""
    with scratch.session("smtpd", "--role", "submission")[0] as talker:
        talker.hello()
        talker.login("alice", PASSWORDS["alice"])
        talker.expect("250 ", f"MAIL FROM:<alice@example.org> {hold}")
        talker.expect("250 ", f"RCPT TO:<{to}>")
        talker.expect("354 ", "DATA")
        talker.send("Subject: later\r\n\r\nlater\r\n.\r\n")
        talker.expect("250 2.0.0 Queued")


def test_held():
    """A message for tomorrow waits, whatever is tried, until it is released"""
    with Server() as server:
        before = int(time.time())
        send(server, f"HOLDFOR={DAY}")
        for how in ("-q", "-qf", "-qRbob"):
            server.flush(how)
            equal(len(mbox.read(server.mailbox("bob"))), 0, how)
        (message,) = server.mailq()
        (to,) = message["recipients"]
        equal((message["place"], to["state"], to["attempts"]),
              ("deferred", "waiting", 0))
        check(before + DAY <= to["next"] <= time.time() + DAY, str(to))
        check("next try in" in server.mailq_text(), server.mailq_text())
        equal(server.call("smtpd", "--release", message["id"]).returncode, 0)
        server.flush("-q")
        server.wait_empty(60)
        equal(len(mbox.read(server.mailbox("bob"))), 1, "released")


def test_month():
    """So does one for the last day that is offered"""
    with Server() as server:
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ",
                              time.gmtime(time.time() + 30 * DAY - 60))
        send(server, f"HOLDUNTIL={until}", "bob@far.example")
        server.flush("-q")
        server.flush("-qf")
        (message,) = server.mailq()
        equal(message["recipients"][0]["attempts"], 0)


def test_in_time():
    """When its time has come it goes, to a mailbox and to a next hop"""
    with FakeMx() as mx, Server(
            f"relay smtp://127.0.0.1:{mx.port}?tls=never") as server:
        send(server, "HOLDFOR=1")
        send(server, "HOLDFOR=1", "bob@far.example")

        def empty():
            server.flush("-qf")
            return server.queued() == 0
        wait_for(empty, "the queue to be empty", 60, 0.2)
        equal(len(mbox.read(server.mailbox("bob"))), 1, "in the mailbox")
        equal(len(mx.messages), 1, "at the next hop")


def test_age():
    """Its age counts from its release, and so it is not given up"""
    now = int(time.time())
    with FakeMx() as mx:
        port = mx.port      # where nobody listens any more
    with Server(f"relay smtp://127.0.0.1:{port}?tls=never") as server:
        for hold in ({"hold": now - 60}, {}):
            make(server.dir / "queue", sender="alice@example.org",
                 recipients=[recipient("bob@far.example", attempts=20,
                                       notice=True)],
                 arrival=now - 20 * DAY, **hold)
        server.flush("-qf")
        server.flush("-q")
        equal(len(server.mailq()), 1, "messages that still wait")
        equal(len(mbox.read(server.mailbox("alice"))), 1, "reports")


def test_damaged_clock():
    """A hold further away than any is no reason to wait"""
    due = int(time.time()) + 40 * DAY
    with Server() as server:
        make(server.dir / "queue", sender="",
             recipients=[recipient("bob", "u", due=due)], hold=due)
        server.flush("-q")
        equal(len(mbox.read(server.mailbox("bob"))), 1, "in the mailbox")


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
