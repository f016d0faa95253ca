# SPDX-License-Identifier: ISC
"""Marks for local mail readers: what POP3 has collected is read for them, and
nothing else; POP3 itself sees no difference."""
import mailbox
import os

from lib.player import PASSWORDS
from lib.scratch import Instance
from lib.tap import Tap, check, equal

tap = Tap()
FOREIGN = ("From a@b Mon Jan  6 10:00:00 2025\nSubject: one\n{}\n1\n\n"
           "From a@b Mon Jan  6 10:00:00 2025\nSubject: two\n{}\n2\n\n")


def deliver(server, *names):
    """Starts over with these messages in bob's mailbox."""
    server.mailbox("bob").unlink(missing_ok=True)
    with server.connect(server.smtp) as talker:
        talker.hello()
        for name in names:
            talker.submit("carol@example.com", ["bob@example.org"],
                          f"Subject: {name}\r\n\r\n{name}\r\n")


def login(server):
    """A POP3 session of bob."""
    talker = server.connect(server.pop3)
    talker.pop_login("bob", PASSWORDS["bob"])
    return talker


def flags(server):
    """What another program reads from bob's mailbox: flags, in order."""
    box = mailbox.mbox(server.mailbox("bob"), create=False)
    try:
        return [message.get_flags() for message in box]
    finally:
        box.close()


def view(server):
    """All that POP3 shows."""
    with login(server) as talker:
        count = int(talker.pop("+OK", "STAT").split()[1])
        return [talker.pop_block("UIDL"), talker.pop_block("LIST")] + \
            [talker.pop_block(f"TOP {n} 1000") for n in range(1, count + 1)]


def test_collected(server):
    """RETR and QUIT mark a message; what was not collected stays new"""
    deliver(server, "a", "b", "c")
    equal(flags(server), ["", "", ""], "at first")
    before = view(server)
    size = server.mailbox("bob").stat().st_size
    with login(server) as talker:
        talker.pop_block("RETR 2")
        talker.pop_block("TOP 3 1000")
        talker.pop("+OK", "QUIT")
    equal(flags(server), ["", "RO", ""], "flags")
    equal(server.mailbox("bob").stat().st_size, size, "octets of the file")
    equal(view(server), before, "what POP3 shows")


def test_without_quit(server):
    """Without QUIT nothing is marked"""
    deliver(server, "a")
    data = server.mailbox("bob").read_bytes()
    with login(server) as talker:
        talker.pop_block("RETR 1")
    with login(server) as talker:
        talker.pop("+OK", "STAT")
    equal(server.mailbox("bob").read_bytes(), data, "the file")


def test_with_deletions(server):
    """Marks and deletions in one session find the right messages"""
    deliver(server, "a", "b", "c", "d")
    with login(server) as talker:
        for number in (1, 2, 4):
            talker.pop_block(f"RETR {number}")
        talker.pop("+OK", "DELE 1")
        talker.pop("+OK", "DELE 3")
        talker.pop("+OK", "QUIT")
    equal(flags(server), ["RO", "RO"], "flags of b and d")
    with login(server) as talker:
        check(b"\r\nb\r\n" in talker.pop_block("RETR 1"), "b")
        check(b"\r\nd\r\n" in talker.pop_block("RETR 2"), "d")


def test_mail_from_elsewhere(server):
    """Fields of mail readers are used where there is room, else left alone"""
    for field, after in (("Status: O\n", "R"), ("Status: O \n", "RO"),
                         ("Status: RO\n", "RO"), ("", ""),
                         ("Status: OA\n", "OA")):
        server.mailbox("bob").write_text(FOREIGN.format(field, field))
        server.own()
        before = view(server)
        others = flags(server)
        with login(server) as talker:
            talker.pop_block("RETR 1")
            talker.pop("+OK", "QUIT")
        equal(flags(server)[0], after, f"{field!r} is marked")
        equal(flags(server)[1], others[1], "the other message")
        equal(view(server), before, f"what POP3 shows: {field!r}")


def test_a_message_that_has_such_a_field(server):
    """A Status that a sender wrote is no mark, and comes out as it came"""
    server.mailbox("bob").unlink(missing_ok=True)
    with server.connect(server.smtp) as talker:
        talker.hello()
        talker.submit("carol@example.com", ["bob@example.org"],
                      "Status: O\r\nSubject: x\r\n\r\nx\r\n")
    with login(server) as talker:
        check(b"Status: O\r\n" in talker.pop_block("RETR 1"), "as it came")
        talker.pop("+OK", "QUIT")
    equal(flags(server), ["RO"], "flags")
    with login(server) as talker:
        check(b"Status: O\r\n" in talker.pop_block("RETR 1"), "still")


def test_index(server):
    """Marking leaves an index that fits: nobody reads the mailbox anew"""
    deliver(server, "a", "b")
    with login(server) as talker:
        talker.pop_block("RETR 1")
        talker.pop("+OK", "QUIT")
    index = server.dir / "state" / "users" / "bob" / "index"
    before = os.stat(index)
    with login(server) as talker:
        talker.pop("+OK 2 ", "STAT")
        talker.pop("+OK", "QUIT")
    after = os.stat(index)
    equal((after.st_ino, after.st_mtime_ns),
          (before.st_ino, before.st_mtime_ns), "the index")


def test_off(server):
    """Without the key nothing is marked, and no room is left"""
    server.configure("plaintext-login always")
    server.own()
    talker, process = server.session("smtpd")
    with talker:
        talker.hello()
        talker.submit("carol@example.com", ["alice@example.org"],
                      "Subject: x\r\n\r\nx\r\n")
        talker.expect("221", "QUIT")
    process.wait()
    data = server.mailbox("alice").read_bytes()
    check(b"Status" not in data, data)
    talker, process = server.session("pop3d")
    with talker:
        talker.pop_login("alice", PASSWORDS["alice"])
        talker.pop_block("RETR 1")
        talker.pop("+OK", "QUIT")
    equal(server.mailbox("alice").read_bytes(), data, "the file")


if __name__ == "__main__":
    with Instance("plaintext-login always\nmark-as-read on") as instance:
        tap.run(globals(), instance)
    tap.finish()
