# SPDX-License-Identifier: ISC
"""A mailbox is copied while it is used, each message whole, and nobody waits
for the other end of a pipe; what is put back is what was there, once."""
import os
import subprocess

from lib.player import PASSWORDS
from lib.scratch import Instance
from lib.tap import Tap, check, equal

tap = Tap()
FROM = "From a@b.example Mon Jan  6 10:00:00 2025\n"
HIDDEN = FROM + "Subject: DON'T DELETE\nX-IMAP: 7 9\nStatus: RO\n\nx\n\n"


def entry(number, size=0, fields=""):
    """A message of a mailbox."""
    return (FROM + f"Subject: {number}\n{fields}\n>From here\n"
            + f"{number:010d}" * (size // 10) + "\n\n")


def fill(server, text, user="bob"):
    """Makes this the mailbox."""
    server.mailbox(user).write_text(text)
    server.own()


def text_of(server, user="bob"):
    """The mailbox."""
    return server.mailbox(user).read_text()


def backup(server, status=0):
    """--backup; what it writes."""
    done = server.call("pop3d", "--backup", "bob")
    equal(done.returncode, status, done.stderr)
    return done.stdout


def restore(server, text, status=0):
    """--restore from a pipe; what it says."""
    done = server.call("pop3d", "--restore", "bob", stdin=text)
    equal(done.returncode, status, done.stdout + done.stderr)
    return done.stdout + done.stderr


class Reader:
    """The other end of the pipe of a backup, which reads when it is told to."""

    def __init__(self, server):
        self.process = server.popen(
            server.command("pop3d", "--backup", "bob"),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.text = os.read(self.process.stdout.fileno(), 1)

    def rest(self, status=0):
        """All of it."""
        out, error = self.process.communicate(timeout=120)
        equal(self.process.returncode, status, error)
        return (self.text + out).decode()


def session(server, *commands):
    """A session of bob."""
    with server.connect(server.pop3) as talker:
        talker.pop_login("bob", PASSWORDS["bob"])
        for command in commands:
            talker.pop("+OK", command)
        talker.pop("+OK", "QUIT")
        talker.closed()


def subjects(text):
    """The numbers of the messages in a text."""
    return [int(line[9:]) for line in text.splitlines()
            if line.startswith("Subject: ")]


def test_same(server):
    """A copy is the mailbox, and comes back as it was, flags and all"""
    for text in ("", entry(1), HIDDEN + entry(1, fields="X-UID: 8\nStatus: O \n")
                 + entry(2, 3000000, "X-Restante-UIDL: old\n") + entry(2)
                 + entry(2)):
        fill(server, text)
        equal(backup(server), text, "the copy")
        server.mailbox("bob").unlink()
        count = text.count("Subject:") - text.count("DON'T")
        out = restore(server, text)
        check(f"{count} messages restored, 0 were" in out, out)
        if text:
            equal(text_of(server), text, "restored")
        check(f"0 messages restored, {count} were" in restore(server, text),
              "again")


def test_rest(server):
    """What has come since stays, and what is there does not come twice"""
    old = HIDDEN + entry(1) + entry(2) + entry(2)
    fill(server, entry(2) + entry(3))
    restore(server, old)
    equal(subjects(text_of(server)), [2, 3, 1, 2], "messages")
    session(server, "DELE 1", "DELE 3")
    restore(server, old)
    equal(subjects(text_of(server)), [3, 2, 1, 2], "what was deleted is back")


def test_torn(server):
    """A mailbox without an end, and with line ends of another kind"""
    text = entry(1) + FROM + "A: b\n\nno end"
    fill(server, text)
    equal(backup(server), text + "\n\n", "without an end")
    text = text.replace("\n", "\r\n")
    server.mailbox("bob").write_bytes(text.encode())
    copy = backup(server)
    server.mailbox("bob").unlink()
    restore(server, copy)
    equal(text_of(server).count("From a@b"), 2, "messages")
    check("0 messages restored, 2 were" in restore(server, copy), "again")


def test_slow_reader(server):
    """Mail is delivered and deleted while nobody reads the copy"""
    fill(server, "".join(entry(n, 300000) for n in range(20)))
    reader = Reader(server)
    talker, process = server.session("smtpd")
    with talker:
        talker.hello()
        talker.submit("carol@example.com", ["bob@example.org"],
                      b"Subject: 99\r\n\r\nx\r\n")
    process.wait()
    session(server, "DELE 1", "DELE 10", "DELE 20")
    check(99 in subjects(text_of(server)), "the delivery")
    copy = reader.rest()
    found = subjects(copy)
    equal(found, sorted(set(found)), "once, in order")
    check(set(range(20)) - {9, 19} <= set(found), f"there is {found}")
    for number in found:
        check(entry(number, 300000) in copy, f"{number} is torn")


def test_copies_deleted(server):
    """Of messages that are the same, one is deleted: the others are there"""
    fill(server, entry(0, 1500000) + entry(1, 300000) * 8 + entry(2))
    reader = Reader(server)
    session(server, "DELE 4")
    check(len(subjects(reader.rest())) >= 9, "messages")


def test_emptied(server):
    """Another program takes all of it meanwhile"""
    fill(server, "".join(entry(n, 300000) for n in range(20)))
    reader = Reader(server)
    fill(server, "")
    found = subjects(reader.rest())
    equal(found, list(range(len(found))), "what was read before")
    check(found, "something was")


def test_output(server):
    """What cannot be written is said, by the exit status, too"""
    fill(server, "".join(entry(n, 300000) for n in range(20)))
    reader = Reader(server)
    reader.process.stdout.close()
    reader.process.stdout = None
    _, error = reader.process.communicate(timeout=120)
    equal(reader.process.returncode, 74, error)
    check(b"cannot write the backup: Broken pipe" in error, error)
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            server.command("pop3d", "--backup", "bob"), stdout=full, cwd="/",
            stderr=subprocess.PIPE, env=server.environment(), check=False,
            **server.as_user())
    equal(done.returncode, 74, done.stderr)


def test_no_mbox(server):
    """What is no mbox is neither copied nor put back"""
    fill(server, "PK\x03\x04 no mail at all\n")
    equal(backup(server, 65), "", "of another file")
    fill(server, entry(1))
    check("no mbox" in restore(server, "PK\x03\x04 no mail\n", 65), "from one")
    equal(text_of(server), entry(1), "the mailbox")


def test_refused(server):
    """Nobody's mailbox; the mailbox as its own backup"""
    for verb in ("--backup", "--restore"):
        done = server.call("pop3d", verb, "nobody.here")
        equal(done.returncode, 67, done.stderr)
    fill(server, entry(1))
    with open(server.mailbox("bob"), "rb") as own:
        done = subprocess.run(
            server.command("pop3d", "--restore", "bob"), stdin=own, cwd="/",
            capture_output=True, env=server.environment(), check=False,
            **server.as_user())
    equal(done.returncode, 64, done.stderr)
    equal(text_of(server), entry(1), "the mailbox")


if __name__ == "__main__":
    with Instance("plaintext-login always") as instance:
        tap.run(globals(), instance)
    tap.finish()
