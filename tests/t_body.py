# SPDX-License-Identifier: ISC
"""Body files: a server hands them from one connection to the next, emptied,
and keeps no more of them than it soon needs again."""
import os
from pathlib import Path

from lib import mbox, proc
from lib.scratch import Instance
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
SPARES = 16


def bodies(server):
    """{descriptor: size} of the server's body files."""
    queue = str(server.dir / "queue") + "/"
    found = {}
    for number, target in proc.descriptors(server.smtpd.pid).items():
        if target.startswith(queue) and target.endswith(" (deleted)"):
            found[number] = os.stat(
                Path(f"/proc/{server.smtpd.pid}/fd/{number}")).st_size
    return found


def at_rest(server, count):
    """Waits for all sessions to be over, with so many empty body files."""
    wait_for(lambda: not proc.children(server.smtpd.pid) and
             list(bodies(server).values()) == [0] * count,
             f"{count} empty body files")
    return bodies(server).keys()


def begin(server):
    """A session in the middle of a message."""
    talker = server.connect(server.smtp)
    talker.hello()
    talker.expect("250 ", "MAIL FROM:<a@example.com>")
    talker.expect("250 ", "RCPT TO:<bob@example.org>")
    talker.expect("354 ", "DATA")
    return talker


def test_nothing_is_left_over(server):
    """What a client has begun and left is not there for the next"""
    with begin(server) as talker:
        talker.send(b"Subject: secret\r\n\r\n" + b"secret\r\n" * 200000)
        wait_for(lambda: any(size > 1000000
                             for size in bodies(server).values()),
                 "the text in the body file")
    left = at_rest(server, 1)
    with begin(server) as talker:
        equal(bodies(server).keys(), left, "body files in use")
        talker.send(b"Subject: mine\r\n\r\nmine\r\n.\r\n")
        talker.expect("250 ")
    box = mbox.read(server.mailbox("bob"))
    equal(len(box), 1, "messages")
    check(b"mine" in box[0].wire and b"secret" not in box[0].wire,
          repr(box[0].wire[:300]))


def test_each_has_its_own(server):
    """Sessions side by side have body files of their own, and a crowd's
    are given back"""
    server.mailbox("bob").unlink(missing_ok=True)
    crowd = [begin(server) for _ in range(SPARES + 4)]
    equal(len(bodies(server)), SPARES + 4, "body files of the crowd")
    for number, talker in enumerate(crowd):
        talker.send(f"Subject: {number}\r\n\r\ntext {number}\r\n".encode())
    for talker in crowd:
        talker.expect("250 ", ".")
        talker.close()
    found = sorted(int(m.wire.rsplit(b"text ")[-1])
                   for m in mbox.read(server.mailbox("bob")))
    equal(found, list(range(SPARES + 4)), "messages")
    at_rest(server, SPARES)


if __name__ == "__main__":
    with Instance() as fixture:
        tap.run(globals(), fixture)
    tap.finish()
