# SPDX-License-Identifier: ISC
"""Mail that expires: only what was collected, only after its days, and only
at a QUIT that is answered with +OK."""
import re
import time

from lib import mbox
from lib.player import PASSWORDS
from lib.scratch import Instance
from lib.tap import Tap, check, equal

tap = Tap()
DAY = 24 * 60 * 60
MAIL = "".join(f"From a@b Mon Jan  6 10:00:00 2025\nSubject: {name}\n\n"
               f"{name}\n\n" for name in "abcd")


def fresh(server, user="bob", text=MAIL):
    """Puts a mailbox into place, of which nothing has been collected."""
    server.mailbox(user).write_text(text)
    note(server, user).unlink(missing_ok=True)
    server.own()


def note(server, user="bob"):
    """The file that says what was collected."""
    return server.dir / "state" / "users" / user / "collected"


def age(server, days, user="bob"):
    """Moves what was collected so many days into the past."""
    def back(match):
        return b"%s%012d\n" % (match.group(1),
                               int(match.group(2)) - int(days * DAY))
    path = note(server, user)
    path.write_bytes(re.sub(rb"(?m)^(\S+ )(\d{12})\n", back,
                            path.read_bytes()))


def session(server, *commands, end="QUIT", user="bob"):
    """Logs in, says the commands, and ends the session."""
    with server.connect(server.pop3) as talker:
        talker.pop_login(user, PASSWORDS[user])
        for command in commands:
            if command.split()[0] in ("RETR", "TOP", "CAPA", "UIDL"):
                talker.pop_block(command)
            else:
                talker.pop("+OK", command)
        if end:
            return talker.pop("+OK", end)
    return None


def subjects(server, user="bob"):
    """The subjects in a mailbox, in order."""
    return "".join(re.search(rb"^Subject: (.*?)\r", m.wire, re.M)
                   .group(1).decode() for m in mbox.read(server.mailbox(user)))


def test_collected_and_old(server):
    """What was collected 30 days ago goes at the next QUIT; the rest stays"""
    fresh(server)
    session(server, "RETR 2", "RETR 4")
    age(server, 30)
    equal(session(server), "+OK Bye, 2 messages left", "answer to QUIT")
    equal(subjects(server), "ac", "what stays")


def test_a_day_too_early(server):
    """The control: 29 days are not enough"""
    fresh(server)
    session(server, "RETR 2", "RETR 4")
    age(server, 29.9)
    equal(session(server), "+OK Bye, 4 messages left", "answer to QUIT")
    equal(subjects(server), "abcd", "what stays")


def test_never_collected(server):
    """Mail that nobody collected stays, however old it is"""
    fresh(server)
    session(server, "TOP 1 0", "TOP 2 100", "LIST 1", "UIDL")
    check(note(server).read_bytes() == b"", "nothing counts as collected")
    session(server)
    equal(subjects(server), "abcd", "what stays")


def test_without_quit(server):
    """A session without QUIT neither counts nor removes anything"""
    fresh(server)
    session(server, "RETR 1", end=None)
    session(server)
    check(note(server).read_bytes() == b"", "what it had collected")
    session(server, "RETR 1", "RETR 2")
    age(server, 40)
    session(server, "RETR 3", end=None)
    equal(subjects(server), "abcd", "without QUIT")
    session(server)
    equal(subjects(server), "cd", "with it")


def test_the_first_time_counts(server):
    """Collecting once more does not begin the days again"""
    fresh(server)
    session(server, "RETR 1")
    age(server, 20)
    session(server, "RETR 1", "RETR 2")
    age(server, 10)
    session(server)
    equal(subjects(server), "bcd", "what stays")


def test_with_deletions(server):
    """Deletions and expiry in one QUIT; new mail is not mixed up with them"""
    fresh(server)
    session(server, "RETR 1", "RETR 3")
    age(server, 31)
    with server.connect(server.smtp) as talker:
        talker.hello()
        talker.submit("carol@example.com", ["bob@example.org"],
                      "Subject: e\r\n\r\ne\r\n")
    equal(session(server, "DELE 2"), "+OK Bye, 2 messages left", "QUIT")
    equal(subjects(server), "de", "what stays")
    equal(note(server).read_bytes(), b"", "what is gone is forgotten")


def test_identical_messages(server):
    """Of two identical messages the one that was collected goes"""
    one = MAIL.split("From ")[1]
    fresh(server, text=f"From {one}" * 2)
    session(server, "RETR 2")
    age(server, 30)
    session(server)
    equal(subjects(server), "a", "one is left")
    session(server)
    equal(subjects(server), "a", "and stays")


def test_put_back(server):
    """A mailbox put back from a backup has not been collected anew"""
    fresh(server)
    session(server, "RETR 1")
    age(server, 30)
    session(server)
    equal(subjects(server), "bcd", "gone")
    server.mailbox("bob").write_text(MAIL)
    session(server)
    equal(subjects(server), "abcd", "back, and stays")


def test_damage(server):
    """A note that is lost, cut, empty or from the future removes nothing"""
    fresh(server)
    session(server, "RETR 1", "RETR 2", "RETR 3")
    line = note(server).read_bytes().splitlines(keepends=True)[0]
    ahead = b"%s %012d\n" % (line.split()[0], int(time.time()) + 1000 * DAY)
    for text in (b"", line[:40], line[:-1], line.replace(b" 0", b" "),
                 b"\0" * 100, line.replace(b" ", b"  "), ahead):
        note(server).write_bytes(text)
        session(server)
        equal(subjects(server), "abcd", repr(text))
    age(server, 1)
    session(server)
    equal(subjects(server), "abcd", "the days begin when the clock is right")


def test_who_has_none(server):
    """Users without an expiry keep everything; CAPA says what is so"""
    fresh(server, "alice")
    session(server, "RETR 1", user="alice")
    check(not note(server, "alice").exists(), "a note for alice")
    with server.connect(server.pop3) as talker:
        talker.pop("+OK")
        check(b"EXPIRE 30 USER\r\n" in talker.pop_block("CAPA"), "before")
        talker.pop("+OK", "USER alice")
        talker.pop("+OK", "PASS " + PASSWORDS["alice"])
        check(b"EXPIRE NEVER\r\n" in talker.pop_block("CAPA"), "alice's")
    with server.connect(server.pop3) as talker:
        talker.pop_login("bob", PASSWORDS["bob"])
        check(b"EXPIRE 30\r\n" in talker.pop_block("CAPA"), "bob's")


if __name__ == "__main__":
    with Instance("plaintext-login always\nexpire 30\nexpire 0 alice") \
            as instance:
        tap.run(globals(), instance)
    tap.finish()
