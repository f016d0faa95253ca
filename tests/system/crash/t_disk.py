# SPDX-License-Identifier: ISC
"""A full disk: 452, nothing torn, and service again when there is room.

A tmpfs of a few hundred KiB is mounted in a mount namespace of its own, so
that nothing is left mounted whatever happens. Without the right to do so the
tests are skipped; RLIMIT_FSIZE stands in for them where it can.
"""
import os
import resource
import socket
import subprocess
import sys
from contextlib import contextmanager

from lib import mbox
from lib.namespace import again
from lib.player import PASSWORDS
from lib.scratch import Instance, Scratch, tool
from lib.talk import Talker
from lib.tap import Skip, Tap, check, equal

tap = Tap()
INSIDE = "--inside"
NEEDED = ("unshare", "mount", "umount", "mountpoint")


def send(talker, size, sender="carol@example.com"):
    """Sends a message of about so many bytes; returns the last reply."""
    talker.send(f"MAIL FROM:<{sender}>\r\n")
    reply = talker.reply()
    if reply.code != 250:
        return reply
    talker.expect("250 ", "RCPT TO:<bob@example.org>")
    talker.send("DATA\r\n")
    reply = talker.reply()
    if reply.code != 354:
        talker.expect("250 ", "RSET")
        return reply
    line = b"x" * 76 + b"\r\n"
    talker.send(b"Subject: big\r\n\r\n" + line * (size // len(line))
                + b".\r\n")
    return talker.reply()


@contextmanager
def small(folder, options):
    """A tmpfs at a folder; makes sure that it is there, and that it goes."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", options + ",mode=0777",
                    "tmpfs", folder], check=True, capture_output=True)
    try:
        subprocess.run(["mountpoint", "-q", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def waiting(server):
    """The messages that the queue keeps."""
    return [p for p in server.queue_files() if p.parent.name != "reason"]


def cases_full_queue():
    """The folder for bodies under way is too small for one message."""
    with tap.case("a full queue disk: 452 4.3.1, the session goes on"):
        with Instance("minimum-free 0") as server, \
                small(server.dir / "queue", "size=256k"):
            with server.connect(server.smtp) as talker:
                talker.hello()
                equal(send(talker, 2000).code, 250, "a small one before")
                reply = send(talker, 1000000)
                check(reply.last.startswith("452 4.3.1"), repr(reply))
                equal(send(talker, 2000).code, 250, "a small one after")
                talker.expect("221 ", "QUIT")
            equal(len(mbox.read(server.mailbox("bob"))), 2, "messages")
            equal(server.queue_files(), [], "left files")


def cases_full_mailbox():
    """The disk of the mailboxes is full: what was there stays whole, and what
    does not fit waits in the queue."""
    with tap.case("a full mailbox disk: queued, and the mailbox as before"):
        with Instance() as server, small(server.mail, "size=256k"):
            with server.connect(server.smtp) as talker:
                talker.hello()
                equal(send(talker, 20000).code, 250, "the first")
                before = server.mailbox("bob").read_bytes()
                reply = send(talker, 1000000)
                check(reply.last.startswith("250 2.0.0 Queued"), repr(reply))
                equal(server.mailbox("bob").read_bytes(), before, "mailbox")
                equal(send(talker, 20000).code, 250, "one that fits")
            with server.connect(server.pop3) as talker:
                talker.pop_login("bob", PASSWORDS["bob"])
                talker.pop("+OK 2 ", "STAT")
                talker.pop("+OK", "DELE 1")
                talker.pop("+OK", "QUIT")
            equal(len(mbox.read(server.mailbox("bob"))), 1, "messages")
            equal(len(waiting(server)), 1, "messages in the queue")
            names = {p.name for p in server.mail.iterdir()}
            equal(names, {"bob"}, "files in the mail folder")


def cases_full_state():
    """The index is a cache: without room for it mail still flows."""
    with tap.case("a full state disk delays no mail"):
        with Instance() as server, small(server.dir / "state", "size=4k"):
            blocker = server.dir / "state" / "blocker"
            with open(blocker, "wb", buffering=0) as file:
                try:
                    while True:
                        file.write(b"x" * 512)
                except OSError:
                    pass
            with server.connect(server.smtp) as talker:
                talker.hello()
                for _ in range(3):
                    equal(send(talker, 2000).code, 250, "a message")
            with server.connect(server.pop3) as talker:
                talker.pop_login("bob", PASSWORDS["bob"])
                talker.pop("+OK 3 ", "STAT")
                talker.pop("+OK", "DELE 3")
                talker.pop("+OK", "QUIT")
            equal(len(mbox.read(server.mailbox("bob"))), 2, "messages")


def fill(folder):
    """Leaves no room on the disk of a folder."""
    with open(folder / "blocker", "wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                pass


def old_mail(count, size):
    """A mailbox of so many messages."""
    return b"".join(
        b"From a@b Mon Jan  6 10:00:00 2025\nSubject: %d\n\n" % number
        + b"x" * 70 * (size // 70) + b"\n\n" for number in range(count))


def delete(server, numbers, replies="+OK"):
    """A session that deletes messages, numbered from 0, and how QUIT ends."""
    with server.connect(server.pop3) as talker:
        talker.pop_login("bob", PASSWORDS["bob"])
        for number in numbers:
            talker.pop("+OK", f"DELE {number + 1}")
        return talker.pop(replies, "QUIT")


def left_of(data, numbers):
    """The mailbox without these messages."""
    messages = data.split(b"From a@b ")[1:]
    return b"".join(b"From a@b " + text for number, text in enumerate(messages)
                    if number not in numbers)


def cases_make_room():
    """Mail can be deleted when no disk has room: the way to make some."""
    plans = {"the first": [0], "one in the middle": [7],
             "every second": list(range(0, 60, 2)),
             "the last": [59], "all but one": list(range(59)), "two": [3, 40]}
    for size, name in ((300, "small"), (9000, "large")):
        data = old_mail(60, size)
        for plan, numbers in plans.items():
            with tap.case(f"full disks: {plan} of {name} messages can go"), \
                    Instance("plaintext-login always") as server, \
                    small(server.mail, "size=1M"), \
                    small(server.dir / "state", "size=160k"):
                server.mailbox("bob").write_bytes(data)
                server.own()
                delete(server, [])
                fill(server.mail)
                fill(server.dir / "state")
                delete(server, numbers)
                equal(server.mailbox("bob").read_bytes(),
                      left_of(data, numbers), "the mailbox")
                home = server.dir / "state/users/bob"
                check(not (home / "journal").exists(), "a journal is left")
                equal({p.name for p in server.mail.iterdir()},
                      {"bob", "blocker"}, "files in the mail folder")


def cases_no_spare():
    """Without even that room nothing is deleted, and QUIT says so."""
    with tap.case("full disks, and no spare journal: -ERR, and all is there"):
        with Instance("plaintext-login always") as server, \
                small(server.dir / "state", "size=100k"):
            data = old_mail(60, 9000)
            server.mailbox("bob").write_bytes(data)
            server.own()
            fill(server.dir / "state")
            reply = delete(server, [7], "-ERR")
            check("not deleted" in reply and "disk is full" in reply, reply)
            equal(server.mailbox("bob").read_bytes(), data, "the mailbox")
            delete(server, [59])
            (server.dir / "state/blocker").unlink()
            delete(server, [7])
            equal(server.mailbox("bob").read_bytes(),
                  left_of(data, [7, 59]), "when there is room")


def cases_no_inodes():
    """A disk without a free inode."""
    with tap.case("a mail disk without free inodes: the queue takes it"):
        with Instance() as server, small(server.mail, "nr_inodes=1"):
            with server.connect(server.smtp) as talker:
                talker.hello()
                reply = send(talker, 2000)
                check(reply.last.startswith("250 2.0.0 Queued"), repr(reply))
                talker.expect("250 ", "NOOP")
            equal(len(waiting(server)), 1, "messages in the queue")


def file_size_limit():
    """RLIMIT_FSIZE: writes fail with EFBIG, or SIGXFSZ if not ignored."""
    with tap.case("a file size limit is a temporary failure, not a crash"):
        with Scratch() as scratch:
            for name, limit in (("body", 200000), ("mailbox", 300000)):
                ours, theirs = socket.socketpair()
                if name == "mailbox":
                    scratch.mailbox("bob").write_bytes(
                        b"From a@x Mon Jan  6 10:00:00 2025\nSubject: old\n\n"
                        + b"y" * 80000 + b"\n\n")
                    scratch.own()
                before = scratch.mailbox("bob").read_bytes() \
                    if scratch.mailbox("bob").exists() else None
                size = 400000 if name == "body" else 250000
                limits = (limit, limit)
                process = scratch.popen(
                    scratch.command("smtpd"), stdin=theirs, stdout=theirs,
                    stderr=subprocess.DEVNULL,
                    preexec_fn=lambda v=limits: resource.setrlimit(
                        resource.RLIMIT_FSIZE, v))
                theirs.close()
                with Talker(ours) as talker:
                    talker.hello()
                    reply = send(talker, size)
                    if name == "body":
                        check(reply.code in (450, 451, 452, 552), repr(reply))
                    else:
                        check(reply.last.startswith("250 2.0.0 Queued"),
                              repr(reply))
                    talker.expect("250 ", "NOOP")
                    talker.expect("221 ", "QUIT")
                equal(process.wait(30), 0, "exit status")
                if before is not None:
                    equal(scratch.mailbox("bob").read_bytes(), before,
                          "the mailbox")


def run_inside():
    """Runs this program again in a mount namespace, and takes its results."""
    missing = [name for name in NEEDED if not tool(name)]
    if missing or os.geteuid() != 0:
        why = f"no {missing[0]}" if missing else "needs root to mount a tmpfs"
        raise Skip(why)
    again(tap, INSIDE, timeout=240)


if __name__ == "__main__":
    if INSIDE in sys.argv:
        tap.run(globals())
        tap.finish()
    with tap.case("the full disks were tried"):
        run_inside()
    file_size_limit()
    tap.finish()
