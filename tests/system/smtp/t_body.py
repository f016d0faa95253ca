# SPDX-License-Identifier: ISC
"""Body files: a server hands them from one connection to the next, emptied,
keeps no more of them than it soon needs again, and lets go of none that
somebody still reads."""
import contextlib
import fcntl
import itertools
import os
import random
import signal
import socket
from pathlib import Path

from lib import mbox, proc
from lib.scratch import Instance
from lib.talk import Talker
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
SPARES = 16
KEPT = b"From a@x Mon Jan  6 10:00:00 2025\nSubject: kept\n\nkept\n\n"
LINES = 40000        # more than a session keeps in memory
ROUNDS = 40


def bodies(server, daemon=None):
    """{descriptor: size} of the server's body files."""
    pid = (daemon or server.smtpd).pid
    queue = str(server.dir / "queue") + "/"
    found = {}
    for number, target in proc.descriptors(pid).items():
        if target.startswith(queue) and target.endswith(" (deleted)"):
            found[number] = os.stat(Path(f"/proc/{pid}/fd/{number}")).st_size
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


def test_passed_on(server):
    """What a client on a local socket could have been handed is not used
    again"""
    path = server.dir / "submission"
    daemon = server.serve("smtpd", f"unix:{path}")
    try:
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(path))
        with Talker(sock) as talker:
            talker.hello()
            equal(len(bodies(server, daemon)), 1, "body files in use")
            talker.expect("221 ", "QUIT")
        wait_for(lambda: not proc.children(daemon.pid), "the session's end")
        wait_for(lambda: not bodies(server, daemon), "no body file")
    finally:
        daemon.stop()


def make_mailbox(server, user, content):
    """A user's mailbox, that of the user of the programs."""
    server.mailbox(user).write_bytes(content)
    if server.user:
        os.chown(server.mailbox(user), server.user.pw_uid, server.user.pw_gid)


@contextlib.contextmanager
def locked(server, users):
    """Mailboxes with a message, locked as mail readers do."""
    for user in users:
        make_mailbox(server, user, KEPT)
    files = [open(server.mailbox(user), "r+b") for user in users]
    try:
        for file in files:
            fcntl.lockf(file, fcntl.LOCK_EX)
        yield
    finally:
        for file in files:
            file.close()


def text(subject, lines):
    """A message that says its subject, and that nobody completes."""
    return (f"Subject: {subject}\r\nFrom: a@example.com\r\n"
            "Date: Mon, 30 Nov 2026 07:00:00 +0000\r\n"
            "Message-ID: <1@example.com>\r\n\r\n"
            + f"{subject}\r\n" * lines)


def send_text(talker, users, subject, lines=LINES):
    """A message as long as can be told whole from torn; without its end."""
    talker.expect("250 ", "MAIL FROM:<a@example.com>")
    for user in users:
        talker.expect("250 ", f"RCPT TO:<{user}@example.org>")
    talker.expect("354 ", "DATA")
    talker.send(text(subject, lines))


def deliverer(pid, count=1):
    """A worker of the server with so many processes of its own, or more."""
    for child in proc.children(pid):
        heirs = proc.children(child)
        if len(heirs) >= count:
            return child, heirs
    return None


def kill_deliverer(pid, count):
    """Kills the worker that delivers to so many; who is then left."""
    worker, heirs = wait_for(lambda: deliverer(pid, count),
                             f"a worker with {count} processes")
    os.kill(worker, signal.SIGKILL)
    return heirs


def gone(pids):
    """Waits until none of the processes is there any more."""
    wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids),
             f"the end of {pids}")


def killed_deliverer(server, talker, pid):
    """A message to alice and eve whose worker is killed; who is left."""
    talker.hello()
    send_text(talker, ("alice", "eve"), "first")
    talker.send(".\r\n")
    heirs = kill_deliverer(pid, 2)
    talker.expect("451 ")
    return heirs


def nothing_came(server):
    """The mailboxes that were locked are as they were."""
    for user in ("alice", "eve"):
        check(server.mailbox(user).read_bytes() == KEPT, f"{user}'s mailbox: "
              f"{server.mailbox(user).read_bytes()[len(KEPT):][:300]!r}")


def only_message(server, subject):
    """bob has this message, and no other."""
    box = mbox.read(server.mailbox("bob"))
    equal([m.sent for m in box], [text(subject, LINES).encode()],
          "bob's mailbox")


def test_killed_and_next_connection(server):
    """A delivery worker is killed: what it has forked delivers nothing of the
    next connection's message"""
    server.mailbox("bob").unlink(missing_ok=True)
    with locked(server, ("alice", "eve")):
        with server.connect(server.smtp) as talker:
            heirs = killed_deliverer(server, talker, server.smtpd.pid)
            talker.expect("221 ", "QUIT")
            talker.closed()
        with server.connect(server.smtp) as talker:
            talker.hello()
            send_text(talker, ("bob",), "second")
            talker.expect("250 ", ".")
    gone(heirs)
    nothing_came(server)
    only_message(server, "second")


def test_killed_and_half_a_message(server):
    """The same, while the next connection's message is coming"""
    server.mailbox("bob").unlink(missing_ok=True)
    with server.connect(server.smtp) as second:
        with locked(server, ("alice", "eve")):
            with server.connect(server.smtp) as talker:
                heirs = killed_deliverer(server, talker, server.smtpd.pid)
            second.hello()
            send_text(second, ("bob",), "half")
            wait_for(lambda: any(0 < size for size in
                                 bodies(server).values()), "half a message")
        gone(heirs)
        nothing_came(server)
        second.expect("250 ", ".")
    only_message(server, "half")


def test_killed_and_next_message(server):
    """The same, and the next message comes by the same connection"""
    server.mailbox("bob").unlink(missing_ok=True)
    with server.connect(server.smtp) as talker:
        with locked(server, ("alice", "eve")):
            heirs = killed_deliverer(server, talker, server.smtpd.pid)
            send_text(talker, ("bob",), "next")
            talker.expect("250 ", ".")
        gone(heirs)
        nothing_came(server)
    only_message(server, "next")


def test_killed_in_one_session(server):
    """A server for one connection leaves nobody who delivers, either"""
    server.mailbox("bob").unlink(missing_ok=True)
    talker, process = server.session("smtpd")
    with talker:
        with locked(server, ("alice", "eve")):
            heirs = killed_deliverer(server, talker, process.pid)
            send_text(talker, ("bob",), "alone")
            talker.expect("250 ", ".")
            talker.expect("221 ", "QUIT")
            talker.closed()
            equal(process.wait(30), 0, "exit status")
            check(not any(map(proc.status, heirs)), "somebody is left")
        nothing_came(server)
    only_message(server, "alone")


def kill_anywhere(server, rng, number, users):
    """A message whose worker is killed at some moment, one mailbox locked,
    and another message by the next connection."""
    with locked_for_now(server, rng.choice(users)):
        with server.connect(server.smtp) as talker:
            talker.hello()
            send_text(talker, users, f"{number}.{'+'.join(users)}", 100)
            talker.send(".\r\n")
            worker, _ = wait_for(lambda: deliverer(server.smtpd.pid),
                                 "a worker", pause=rng.random() * 0.003)
            os.kill(worker, signal.SIGKILL)
            talker.expect("451 ")
        with server.connect(server.smtp) as talker:
            talker.hello()
            send_text(talker, ("dave",), f"{number}.dave", 100)
            talker.expect("250 ", ".")


@contextlib.contextmanager
def locked_for_now(server, user):
    """A mailbox is locked."""
    with open(server.mailbox(user), "r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        yield


def stray_or_torn(server, users):
    """What is in mailboxes where it does not belong, or not whole."""
    trouble = []
    for user in users:
        for message in mbox.read(server.mailbox(user)):
            first = message.sent.split(b"\r\n")[0]
            subject = first.removeprefix(b"Subject: ")
            names = subject.partition(b".")[2].split(b"+")
            if message.sent != text(subject.decode(), 100).encode():
                trouble.append(f"TORN {user}: {message.sent[:60]!r}")
            elif user.encode() not in names:
                trouble.append(f"STRAY {user}: {subject!r}")
    return trouble


def test_killed_anywhere(server):
    """Delivery workers killed by the dozen: STRAY 0, TORN 0"""
    rng = random.Random(1)
    users = ("alice", "bob", "eve", "carol")
    for user in users:
        make_mailbox(server, user, b"")
    crowds = itertools.cycle([*itertools.combinations(users, 2),
                              *itertools.combinations(users, 3)])
    for number in range(ROUNDS):
        kill_anywhere(server, rng, number, next(crowds))
    wait_for(lambda: not proc.tree(server.smtpd.pid), "all to have ended")
    equal(stray_or_torn(server, (*users, "dave")), [], "trouble")
    equal(len(mbox.read(server.mailbox("dave"))), ROUNDS,
          "messages of the next connections")


if __name__ == "__main__":
    with Instance() as fixture:
        for name in ("carol", "dave", "eve"):
            fixture.passwd(name, "one of many")
        tap.run(globals(), fixture)
    tap.finish()
