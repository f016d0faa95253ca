# SPDX-License-Identifier: ISC
"""Deleted mail that is kept aside: a message is in the mailbox or aside,
never in neither, whatever ends the program; and it comes back as it was."""
import mailbox
import os
import re
import time

from lib import mbox
from lib.player import PASSWORDS
from lib.scratch import Instance
from lib.tap import Tap, check, equal

tap = Tap()
DAY = 24 * 60 * 60
WEIRD = (">From here\n>>From there\n\n.dot\nStatus: not a field\n")


def fill(server, names="abc", user="bob"):
    """Starts over: a mailbox with these messages, and nothing aside."""
    server.mailbox(user).write_text("".join(
        f"From {n}@b Mon Jan  6 10:00:00 2025\nStatus: RO\nSubject: {n}\n\n"
        f"{WEIRD}{n}\n\n" for n in names))
    for path in kept(server, user):
        path.unlink()
    server.own()


def kept(server, user="bob"):
    """The files of what is kept aside, the oldest first."""
    return sorted((server.dir / "state" / "users" / user).glob("deleted/*"))


def session(server, *commands, end="+OK", user="bob"):
    """Logs in, says the commands, and QUIT; returns its answer."""
    with server.connect(server.pop3) as talker:
        talker.pop_login(user, PASSWORDS[user])
        for command in commands:
            talker.pop("+OK", command)
        return talker.pop(end, "QUIT")


def view(server):
    """What POP3 shows: message by UIDL."""
    with server.connect(server.pop3) as talker:
        talker.pop_login("bob", PASSWORDS["bob"])
        lines = talker.pop_block("UIDL").decode().split()
        return {uidl: talker.pop_block(f"RETR {n}")
                for n, uidl in zip(lines[::2], lines[1::2])}


def subjects(path):
    """The subjects in an mbox, in order."""
    return "".join(re.search(rb"^Subject: (.*?)\r", m.wire, re.M)
                   .group(1).decode() for m in mbox.read(path))


def verb(server, *words, status=0):
    """Runs pop3d with a verb; what it prints."""
    done = server.call("pop3d", *words)
    equal(done.returncode, status, " ".join(words) + ": " + done.stderr)
    return done.stdout if status == 0 else done.stderr


def test_there_and_back(server):
    """What is deleted is aside, and comes back octet for octet"""
    fill(server)
    before = view(server)
    data = server.mailbox("bob").read_bytes()
    session(server, "DELE 1", "DELE 3")
    equal(subjects(server.mailbox("bob")), "b", "the mailbox")
    equal([subjects(p) for p in kept(server)], ["ac"], "aside")
    out = verb(server, "--undelete", "bob")
    equal(out.count(" is back\n"), 2, out)
    equal(view(server), before, "messages, UIDLs and all")
    for part in data.split(b"From "):
        check(part in server.mailbox("bob").read_bytes(), part)
    out = verb(server, "--undelete", "bob")
    equal(out.count(" is in the mailbox\n"), 2, "once more: " + out)
    equal(len(view(server)), 3, "nothing comes twice")


def test_listing(server):
    """--deleted tells id, time, size, sender and subject, and is no weapon"""
    fill(server)
    ids = list(view(server))
    equal(verb(server, "--deleted", "bob"), "", "nothing yet")
    text = server.mailbox("bob").read_text()
    server.mailbox("bob").write_text(
        text.replace("Subject: b", "Subject: b\x1b[2J\nFrom: eve"))
    ids[1] = list(view(server))[1]
    session(server, "DELE 2")
    session(server, "DELE 1")
    lines = [line.split("  ") for line in
             verb(server, "--deleted", "bob").splitlines()]
    equal([row[0] for row in lines], [ids[0], ids[1]], "newest first")
    equal(lines[1][3:], ["eve", "b?[2J"], "sender and subject")
    check(abs(time.mktime(time.strptime(lines[0][1], "%Y-%m-%d %H:%M:%S"))
              - time.time()) < 300, lines[0][1])


def test_by_id(server):
    """--undelete with ids puts these back, and says what is not there"""
    fill(server)
    ids = list(view(server))
    session(server, "DELE 1", "DELE 2", "DELE 3")
    verb(server, "--undelete", "bob", ids[1])
    equal(subjects(server.mailbox("bob")), "b", "one")
    error = verb(server, "--undelete", "bob", "0" * 32, status=65)
    check("not all of these messages are kept" in error, error)
    equal(subjects(server.mailbox("bob")), "b", "still one")
    error = verb(server, "--undelete", "alice", status=65)
    check("no deleted message is kept" in error, error)


def test_pruned(server):
    """After its days it goes, and not before"""
    fill(server)
    session(server, "DELE 1")
    old, = kept(server)
    now = int(time.time())
    for age, stays in ((6.9, True), (7, False)):
        name = f"{now - int(age * DAY):012d}.000"
        old = old.rename(old.parent / name)
        session(server)
        equal(old.exists(), stays, f"after {age} days")
    odd = old.parent / "notes.txt"
    odd.write_text("mine")
    server.own()
    session(server, "DELE 1")
    check(odd.exists(), "a file of somebody else's")
    odd.unlink()


def test_nothing_deleted(server):
    """Without DELE, or without QUIT, nothing is kept"""
    fill(server)
    session(server)
    session(server, "DELE 1", "RSET")
    with server.connect(server.pop3) as talker:
        talker.pop_login("bob", PASSWORDS["bob"])
        talker.pop("+OK", "DELE 1")
    equal(kept(server), [], "files")


def test_no_room(server):
    """When it cannot be kept, nothing is deleted, and the client is told"""
    fill(server)
    data = server.mailbox("bob").read_bytes()
    folder = server.dir / "state" / "users" / "bob" / "deleted"
    for path in kept(server):
        path.unlink()
    if folder.exists():
        folder.rmdir()
    folder.write_text("in the way")
    server.own()
    answer = session(server, "DELE 1", end="-ERR")
    check("Messages were not deleted" in answer, answer)
    equal(server.mailbox("bob").read_bytes(), data, "the mailbox")
    folder.unlink()


def test_who_has_none(server):
    """The control: without the key what is deleted is gone"""
    fill(server, user="alice")
    session(server, "DELE 1", user="alice")
    equal(kept(server, "alice"), [], "files")
    verb(server, "--undelete", "alice", status=65)


def test_during_a_session(server):
    """What is put back while a session is open is there in the next"""
    fill(server)
    session(server, "DELE 2")
    with server.connect(server.pop3) as talker:
        talker.pop_login("bob", PASSWORDS["bob"])
        verb(server, "--undelete", "bob")
        talker.pop("+OK 2 ", "STAT")
        talker.pop("+OK", "DELE 1")
        talker.pop("+OK", "QUIT")
    equal(subjects(server.mailbox("bob")), "cb", "the mailbox")


def test_another_program_reads_it(server):
    """Each file is an mbox, private to its owner"""
    fill(server)
    session(server, "DELE 1", "DELE 2")
    path, = kept(server)
    box = mailbox.mbox(path, create=False)
    equal([m["Subject"] for m in box], ["a", "b"], "read by Python")
    box.close()
    equal(os.stat(path).st_mode & 0o777, 0o600, "mode")
    equal(os.stat(path.parent).st_mode & 0o777, 0o700, "of the folder")


if __name__ == "__main__":
    with Instance("plaintext-login always\nundelete 7\nundelete 0 alice") \
            as instance:
        tap.run(globals(), instance)
    tap.finish()
