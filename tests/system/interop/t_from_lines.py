# SPDX-License-Identifier: ISC
"""Which lines begin a message: pop3d and Dovecot count the same messages.

Each line of the table is put behind text, and behind an empty line; a field or
text follows. Where we differ from Dovecot on purpose, the table says so.
"""
from lib import dovecot
from lib.dovecot import Imap
from lib.player import PASSWORDS
from lib.scratch import Instance
from lib.tap import Tap, equal

tap = Tap()
FIRST = "From a@b Mon Jan  1 00:00:00 2024\nSubject: 1\n\nfirst\n"
# Dovecot splits at these, wherever they are.
DATES = (
    "x Mon Jan  1 00:00:00 2024", "x@y Mon Jan  1 00:00 2024",
    "x Mon Jan 1 00:00:00 2024", "x Mon Jan 01 00:00:00 2024",
    "x  Mon Jan  1 00:00:00 2024", "- Mon Jan 01 00:00:00 2024",
    "x Mon Jan  1 00:00:00 CET 2024", "x Mon Jan  1 00:00:00 +0100 2024",
    "x Mon Jan  1 00:00:00 GMT+01:00 2024",
    "x Mon Jan  1 00:00:00 Europe/Berlin 2024",
    "x Mon Jan  1 00:00:00 2024 +0100",
    "x Mon Jan  1 00:00:00 2024 remote from y", "x mon jan  1 00:00:00 2024",
    "x Mon, 1 Jan 2024 00:00:00", "x Mon, 1 Jan 2024 00:00:00 +0000",
    '"a b"@c Mon Jan  1 00:00:00 2024', " Mon Jan  1 00:00:00 2024")
# It splits at none of these. We do, behind an empty line and before a field.
TEXTS = (
    "host1 at 12:00:01 in 1999 it failed", "alice", "the year 2024",
    "12:30 on we wait", "Mon Jan  1 00:00:00 2024",
    "a b Mon Jan  1 00:00:00 2024", "x Jan  1 00:00:00 2024",
    "then on, Mon Jan  1 00:00:00 2024 was a date",
    "x Monday Jan  1 00:00:00 2024", "x Mon Foo  1 00:00:00 2024",
    "x Mon Jan 001 00:00:00 2024", "x Mon Jan  1 0:00:00 2024",
    "x Mon Jan  1 00:00:00 24", "x Mon Jan  1 at 00:00:00 2024",
    "x Mon Jan  1 2024 00:00:00", "x Mon 1 Jan 00:00:00 2024",
    "x 2024-01-01 00:00:00", "x Mon Jan  1 00:00:00 MET DST 2024")
FOLLOWERS = {"a field": "Subject: 2\n\nsecond\n\n", "text": "more text\n\n",
             "an empty line": "\nmore text\n\n", "nothing": ""}


def count_ours(server):
    """The messages of bob's mailbox by POP3."""
    with server.connect(server.pop3) as talker:
        talker.pop_login("bob", PASSWORDS["bob"])
        count = int(talker.pop("+OK", "STAT").split()[1])
        talker.pop("+OK", "QUIT")
    return count


def count_theirs(server):
    """The same by Dovecot."""
    folder = dovecot.folder(server, "bob")
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    with Imap(server, "bob") as imap:
        return imap.next - 1


def compare(server, line, separator, follower, fields):
    """Both must count as many; fields: we may take a field for a sign."""
    server.mailbox("bob").write_text(
        FIRST + separator + "From " + line + "\n" + FOLLOWERS[follower])
    server.own()
    ours, theirs = count_ours(server), count_theirs(server)
    more = fields and separator != "" and follower == "a field"
    equal(ours, theirs + more, f"before {follower}")


def cases_lines(server):
    """Lines that begin a message, and lines that do not"""
    for lines, fields in ((DATES, False), (TEXTS, True)):
        for line in lines:
            for separator, where in (("", "text"), ("\n", "an empty line")):
                with tap.case(f"From {line}, behind {where}", server.notes):
                    for follower in FOLLOWERS:
                        compare(server, line, separator, follower, fields)


if __name__ == "__main__":
    with Instance("plaintext-login always", tls=False) as running:
        tap.run(globals(), running)
    tap.finish()
