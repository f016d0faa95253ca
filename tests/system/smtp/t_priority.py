# SPDX-License-Identifier: ISC
"""MT-PRIORITY: what is urgent goes first, and says so to the next hop.

A server that offers it and sends in the order of arrival has told the sender a
lie; one that opens a connection for each recipient, because others came in
between, is worse than one without.
"""
import re

from lib import queuefile
from lib.fakemx import EXTENSIONS, FakeMx
from lib.player import PASSWORDS
from lib.scratch import Scratch
from lib.site import Queue
from lib.tap import Tap, check, equal

tap = Tap()
WITH = EXTENSIONS + ("MT-PRIORITY",)


class Server(Queue, Scratch):
    """A queue with one connection at a time."""

    def __init__(self, mx):
        super().__init__(f"relay smtp://127.0.0.1:{mx.port}?tls=never\n"
                         "relay-concurrency 1\n")
        self.flush("-q")        # makes the folders

    def put(self, number, priority, recipients=1):
        """A message in the queue, whose sender is its number."""
        fields = {"priority": priority} if priority else {}
        queuefile.make(
            self.dir / "queue", id=f"{number:012d}", sender=f"s{number}@a.test",
            recipients=[f"r{i}@far.example" for i in range(recipients)],
            **fields)


def test_order():
    """Higher ones first, those of one priority in their order"""
    priorities = [0, -3, 5, 0, 9, -9, 5, 1, 0, -3]
    with FakeMx() as mx, Server(mx) as server:
        for number, priority in enumerate(priorities):
            server.put(number, priority)
        server.flush("-q")
        equal([int(m.sender[1:].split("@")[0]) for m in mx.messages],
              sorted(range(len(priorities)), key=lambda n: -priorities[n]))
        equal(server.queued(), 0, "messages left")


def test_whole():
    """The recipients of a message stay together, whatever else waits"""
    with FakeMx() as mx, Server(mx) as server:
        for number, priority in enumerate((1, 0, -1, 1, 0, -1)):
            server.put(number, priority, recipients=30)
        server.flush("-q")
        equal([len(m.rcpts) for m in mx.messages], [30] * 6)
        equal(mx.complaints, [])


def test_passed_on():
    """A next hop that knows it hears of it, others do not"""
    for extensions, words in ((WITH, {"MT-PRIORITY=-2", "MT-PRIORITY=7"}),
                              (EXTENSIONS, set())):
        with FakeMx(extensions=extensions) as mx, Server(mx) as server:
            for number, priority in enumerate((7, -2, 0)):
                server.put(number, priority)
            server.flush("-q")
            equal(len(mx.messages), 3)
            said = " ".join(m.mail_params for m in mx.messages)
            equal(set(re.findall(r"MT-PRIORITY=\S+", said)), words)


def test_kept():
    """What a user says is kept in the queue; what a stranger says, less"""
    later = {"mail": "451 4.3.0 Later"}
    with FakeMx(later) as mx, Server(mx) as server:
        # An alias, so that mail of strangers is queued, too.
        (server.dir / "aliases").write_text("far: x@far.example\n")
        server.own()
        for role, said, kept in (
                ("submission", "4", "4"),
                ("submission", "-4", "-4"),
                ("submission", "0", None), ("mx", "4", None),
                ("mx", "-4", "-4")):
            with server.session("smtpd", "--role", role)[0] as talker:
                talker.hello()
                if role == "submission":
                    talker.login("alice", PASSWORDS["alice"])
                talker.expect("250 ", "MAIL FROM:<alice@example.org> "
                                      f"MT-PRIORITY={said}")
                talker.expect("250 ", "RCPT TO:<far@example.org>")
                talker.expect("354 ", "DATA")
                talker.send("Subject: x\r\n\r\n.\r\n")
                reply = talker.expect("250 2.0.0 Queued")
            found = queuefile.find(server.dir / "queue", reply.last.split()[-1])
            equal(found.fields.get("priority"), kept, f"{role} {said}")


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
