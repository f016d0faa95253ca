# SPDX-License-Identifier: ISC
"""POP3 across sessions: UIDLs, deletions and what else uses the mailbox."""
import re

from lib import mbox
from lib.player import PASSWORDS
from lib.scratch import Instance
from lib.tap import Tap, check, equal

tap = Tap()


def deliver(server, *texts):
    """Sends short messages to bob."""
    with server.connect(server.smtp) as talker:
        talker.hello()
        for text in texts:
            talker.submit("carol@example.com", ["bob@example.org"],
                          f"Subject: {text}\r\n\r\n{text}\r\n")


def login(server):
    """A POP3 session of bob."""
    talker = server.connect(server.pop3)
    talker.pop_login("bob", PASSWORDS["bob"])
    return talker


def uidl(talker):
    """The UIDLs in the order of the messages."""
    lines = talker.pop_block("UIDL").decode().splitlines()
    for line in lines:
        check(re.fullmatch(r"\d+ [\x21-\x7e]{1,70}", line), line)
    return [line.split()[1] for line in lines]


def subjects(server):
    """The subjects in bob's mailbox file."""
    return [re.search(rb"^Subject: (.*?)\r", m.wire, re.M).group(1).decode()
            for m in mbox.read(server.mailbox("bob"))]


def empty(server):
    """Starts over with an empty mailbox."""
    server.mailbox("bob").unlink(missing_ok=True)


def test_uidl_is_stable(server):
    """UIDLs stay over sessions, deliveries and deletions"""
    empty(server)
    deliver(server, "a", "b", "c", "c")
    with login(server) as talker:
        first = uidl(talker)
        equal(len(set(first)), 4, "different UIDLs")
        talker.pop("+OK", "QUIT")
    deliver(server, "d")
    with login(server) as talker:
        second = uidl(talker)
        equal(second[:4], first, "UIDLs after a delivery")
        talker.pop("+OK", "DELE 2")
        talker.pop("+OK", "QUIT")
    with login(server) as talker:
        equal(uidl(talker), second[:1] + second[2:], "after a deletion")


def test_uidl_without_the_index(server):
    """UIDLs and sizes survive a lost index and a restored mailbox"""
    empty(server)
    deliver(server, "a", "b", "c")
    with login(server) as talker:
        before = uidl(talker), talker.pop_block("LIST")
    data = server.mailbox("bob").read_bytes()
    for path in sorted((server.dir / "state").rglob("*"), reverse=True):
        path.unlink() if not path.is_dir() else path.rmdir()
    with login(server) as talker:
        equal((uidl(talker), talker.pop_block("LIST")), before, "no index")
        talker.pop("+OK", "DELE 1")
        talker.pop("+OK", "QUIT")
    server.mailbox("bob").write_bytes(data)
    with login(server) as talker:
        equal((uidl(talker), talker.pop_block("LIST")), before, "restored")


def test_uidl_and_flags(server):
    """UIDLs do not change when a mail reader adds Status lines"""
    empty(server)
    deliver(server, "a", "b")
    with login(server) as talker:
        before = uidl(talker)
    data = server.mailbox("bob").read_bytes()
    flagged = data.replace(b"\n\na\n", b"\nStatus: RO\nX-Status: A\n\na\n")
    check(flagged != data, "nothing to flag")
    server.mailbox("bob").write_bytes(flagged)
    with login(server) as talker:
        equal(uidl(talker), before, "UIDLs")


def test_identical_messages(server):
    """Identical messages in a mailbox get different UIDLs"""
    one = "From a@x Mon Jan  6 10:00:00 2025\nSubject: same\n\nsame\n\n"
    server.mailbox("bob").write_text(one * 3)
    server.own()
    with login(server) as talker:
        before = uidl(talker)
        equal(len(set(before)), 3, "different UIDLs")
    with login(server) as talker:
        equal(uidl(talker), before, "in the next session")


def test_quit_is_durable(server):
    """After +OK to QUIT the file holds the rest, in the same inode"""
    empty(server)
    deliver(server, "a", "b", "c", "d", "e")
    inode = server.mailbox("bob").stat().st_ino
    with login(server) as talker:
        for number in (1, 3, 4):
            talker.pop("+OK", f"DELE {number}")
        equal(subjects(server), ["a", "b", "c", "d", "e"], "before QUIT")
        talker.pop("+OK", "QUIT")
        equal(subjects(server), ["b", "e"], "at once after QUIT")
        talker.closed()
    equal(server.mailbox("bob").stat().st_ino, inode, "inode")


def test_refusals_do_not_add_up(server):
    """Clients that repeat a DELE, or err now and then, keep their session"""
    empty(server)
    deliver(server, "a", "b")
    with login(server) as talker:
        talker.pop("+OK", "DELE 1")
        for _ in range(40):
            talker.pop("-ERR", "DELE 1")
            talker.pop("-ERR", "RETR 3")
        for _ in range(5):
            for _ in range(10):
                talker.pop("-ERR", "XYZZY")
            talker.pop("+OK", "NOOP")
        talker.pop("+OK", "QUIT")
    equal(subjects(server), ["b"], "what is left")
    with login(server) as talker:
        talker.pop("+OK", "DELE 1")
        for _ in range(20):
            talker.pop("-ERR", "XYZZY")
        talker.pop("-ERR Too many errors")
        talker.closed()
    equal(subjects(server), ["b"], "20 errors in a row delete nothing")


def test_no_quit_no_deletion(server):
    """Without QUIT nothing is deleted, however the session ends"""
    empty(server)
    deliver(server, "a", "b")
    data = server.mailbox("bob").read_bytes()
    for last in ("", "QUI", "RSET\r\n", "STAT\r\n"):
        with login(server) as talker:
            talker.pop("+OK", "DELE 1")
            talker.send(last)
            if last.endswith("\n"):
                talker.pop("+OK")
        with login(server) as talker:
            talker.pop("+OK 2 ", "STAT")
    equal(server.mailbox("bob").read_bytes(), data, "the file")


def test_quit_without_dele_changes_nothing(server):
    """QUIT without DELE leaves the file untouched"""
    empty(server)
    deliver(server, "a", "b")
    before = server.mailbox("bob").stat()
    data = server.mailbox("bob").read_bytes()
    with login(server) as talker:
        talker.pop_block("RETR 1")
        talker.pop("+OK", "QUIT")
    after = server.mailbox("bob").stat()
    equal((after.st_ino, after.st_size, after.st_mtime_ns),
          (before.st_ino, before.st_size, before.st_mtime_ns), "stat")
    equal(server.mailbox("bob").read_bytes(), data, "the file")


def test_delivery_during_a_session(server):
    """Mail that arrives during a session is seen in the next, and not lost"""
    empty(server)
    deliver(server, "a", "b")
    with login(server) as talker:
        deliver(server, "late")
        talker.pop("+OK 2 ", "STAT")
        equal(len(talker.pop_block("LIST").splitlines()), 2, "messages")
        check(b"Subject: b\r\n" in talker.pop_block("RETR 2"), "message 2")
        talker.pop("-ERR", "RETR 3")
        talker.pop("+OK", "DELE 1")
        deliver(server, "later")
        talker.pop("+OK", "QUIT")
    equal(subjects(server), ["b", "late", "later"], "the mailbox")


def test_two_sessions(server):
    """Two sessions of one user lose nothing between them"""
    empty(server)
    deliver(server, "a", "b", "c")
    with login(server) as one:
        with server.connect(server.pop3) as two:
            two.pop("+OK")
            two.pop("+OK", "USER bob")
            two.send("PASS " + PASSWORDS["bob"] + "\r\n")
            answer = two.line()
            if answer.startswith("-ERR"):
                check("[IN-USE]" in answer, answer)
            else:
                two.pop("+OK", "DELE 1")
                two.pop("+OK", "QUIT")
            one.pop("+OK", "DELE 3")
            one.send("QUIT\r\n")
            one.line()
    left = subjects(server)
    check("b" in left and set(left) <= {"a", "b", "c"}, str(left))


def test_mailbox_that_shrinks(server):
    """A mailbox that another program empties under a session is respected"""
    empty(server)
    deliver(server, "a", "b", "c")
    with login(server) as talker:
        talker.pop("+OK", "DELE 1")
        new = b"From x@y Mon Jan  6 10:00:00 2025\nSubject: new\n\nnew\n\n"
        server.mailbox("bob").write_bytes(new)
        talker.send("RETR 2\r\n")
        talker.pop("-ERR")
        talker.send("QUIT\r\n")
        talker.line()
    equal(server.mailbox("bob").read_bytes(), new, "the file")


def test_pipelined_login(server):
    """However much a client sends along with its password, all is answered"""
    empty(server)
    deliver(server, *map(str, range(20)))
    left = 20
    for many in (10, 1500, 5000, 20000):
        with server.connect(server.pop3) as talker:
            talker.pop("+OK")
            talker.send(f"USER bob\r\nPASS {PASSWORDS['bob']}\r\n"
                        + "NOOP\r\n" * many + "DELE 1\r\nQUIT\r\n")
            talker.pop("+OK")
            talker.pop(f"+OK {left} messages")
            for _ in range(many + 1):
                talker.pop("+OK")
            talker.pop(f"+OK Bye, {left - 1} messages")
            talker.closed()
        left -= 1


def test_users_see_only_their_own(server):
    """Two users at once see their own mail only"""
    empty(server)
    server.mailbox("alice").unlink(missing_ok=True)
    with server.connect(server.smtp) as talker:
        talker.hello()
        for user in ("alice", "bob"):
            talker.submit("carol@example.com", [f"{user}@example.org"],
                          f"Subject: for {user}\r\n\r\nx\r\n")
    talkers = {}
    for user, password in PASSWORDS.items():
        talkers[user] = server.connect(server.pop3)
        talkers[user].pop_login(user, password)
    for user, talker in talkers.items():
        with talker:
            talker.pop("+OK 1 ", "STAT")
            text = talker.pop_block("RETR 1")
            check(f"Subject: for {user}\r\n".encode() in text, repr(text))


def test_capa_utf8(server):
    """After UTF8 there is no STLS any more, and CAPA says so"""
    with server.connect(server.pop3) as talker:
        talker.pop("+OK")
        talker.pop("+OK", "UTF8")
        said = talker.pop_block("CAPA").decode().split("\r\n")
        check("STLS" not in said and "UTF8" in said, str(said))


def test_capa(server):
    """CAPA lists what holds in each state"""
    wanted = {"TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING"}
    with server.connect(server.pop3) as talker:
        talker.pop("+OK")
        before = set(talker.pop_block("CAPA").decode().split("\r\n"))
        check(wanted | {"USER", "STLS"} <= before, str(before))
        check(not any(c.startswith("IMPLEMENTATION") for c in before),
              "IMPLEMENTATION before the login")
        talker.pop("+OK", "USER bob")
        talker.pop("+OK", "PASS " + PASSWORDS["bob"])
        after = set(talker.pop_block("CAPA").decode().split("\r\n"))
        check(wanted <= after, str(after))
        check("STLS" not in after, "STLS after the login")
        check(any(c.startswith("IMPLEMENTATION restante") for c in after),
              str(after))


def test_lasting_trouble(server):
    """A mailbox that is a link or a folder is [SYS/PERM] for its owner"""
    path = server.mailbox("bob")
    for make in (lambda: path.symlink_to("/dev/null"), path.mkdir):
        path.unlink(missing_ok=True)
        make()
        with server.connect(server.pop3) as talker:
            talker.pop("+OK")
            talker.pop("+OK", "USER bob")
            talker.pop("-ERR [SYS/PERM]", "PASS " + PASSWORDS["bob"])
            talker.closed()
    path.rmdir()


def test_thousands(server):
    """A mailbox of 20000 messages: LIST, UIDL, RETR of the last, DELE all"""
    one = "From a@x Mon Jan  6 10:00:00 2025\nSubject: {0}\n\nmessage {0}\n\n"
    server.mailbox("bob").write_text(
        "".join(one.format(n) for n in range(1, 20001)))
    server.own()
    with login(server) as talker:
        talker.pop("+OK 20000 ", "STAT")
        equal(len(talker.pop_block("LIST").splitlines()), 20000, "LIST")
        equal(len(set(uidl(talker))), 20000, "UIDLs")
        check(b"message 20000\r\n" in talker.pop_block("RETR 20000"), "last")
        talker.send("".join(f"DELE {n}\r\n" for n in range(1, 20000)))
        for _ in range(1, 20000):
            talker.pop("+OK")
        talker.pop("+OK", "QUIT")
    equal(subjects(server), ["20000"], "what is left")


if __name__ == "__main__":
    with Instance() as fixture:
        tap.run(globals(), fixture)
    tap.finish()
