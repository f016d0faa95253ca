# SPDX-License-Identifier: ISC
"""A mailbox file that is no mbox: a login is refused and the log says why, once;
mail for it waits, and the file stays as it is. What a crash leaves of an mbox
is none of that.
"""
import gzip

from lib import mbox
from lib.player import PASSWORDS
from lib.scratch import Instance
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
DATE = b" Mon Jan  1 00:00:00 2024\n"
MBOX = b"From a@b" + DATE + b"Subject: old\n\nold\n\n"
FOREIGN = {
    "a single message": (b"Subject: x\n\ntext\n", "single message"),
    "one with an mbox in it": (b"Subject: x\n\n" + MBOX, "single message"),
    "text in front": (b"text\n\n" + MBOX, "text"),
    "MMDF": (b"\1\1\1\1\n" + MBOX + b"\1\1\1\1\n", "MMDF"),
    "gzip": (gzip.compress(MBOX), "gzip"),
    "lines that end in CR": (MBOX.replace(b"\n", b"\r"), "end in CR"),
    "a byte order mark": (b"\xef\xbb\xbf" + MBOX, "byte order mark"),
}
OURS = {
    "nothing": (b"", 0),
    "empty lines": (b"\n\r\n\n", 0),
    "half a word": (b"Fro", 0),
    "half a From_ line": (b"From al", 1),
    "half a From_ line in front": (b"From al\n\n" + MBOX, 2),
    "NULs in front": (b"\0" * 1024 + b"rest\n\n" + MBOX, 1),
}


def put(server, data):
    """Puts bob's mailbox into place."""
    server.mailbox("bob").write_bytes(data)
    server.own()


def send(server, *recipients):
    """Sends a message by SMTP, which takes it."""
    with server.connect(server.smtp) as talker:
        talker.hello()
        talker.submit("carol@example.com", recipients,
                      "Subject: new\r\n\r\nnew\r\n")


def login(server):
    """The reply to PASS, and STAT's or None."""
    with server.connect(server.pop3) as talker:
        talker.pop("+OK")
        talker.pop("+OK", "USER bob")
        talker.send(f"PASS {PASSWORDS['bob']}\r\n")
        reply = talker.line()
        if not reply.startswith("+OK"):
            return reply, None
        count = int(talker.pop("+OK", "STAT").split()[1])
        talker.pop("+OK", "QUIT")
        return reply, count


def told(server):
    """The lines of the log that tell of such a file."""
    return [line for line in server.pop3d.text().splitlines()
            if "it is no mbox" in line]


def cases_refused(server):
    """-ERR [SYS/PERM], and one line in the log that names what it is"""
    for name, (data, like) in FOREIGN.items():
        with tap.case(f"Refused: {name}", server.notes):
            put(server, data)
            before = len(told(server))
            reply, _ = login(server)
            check(reply.startswith("-ERR [SYS/PERM] "), reply)
            lines = told(server)
            equal(len(lines), before + 1, "lines in the log")
            for words in ("/bob: it is no mbox", like, "move it away"):
                check(words in lines[-1], lines[-1])
            equal(server.mailbox("bob").read_bytes(), data, "the file")


def cases_taken(server):
    """What a crash leaves is an mbox"""
    for name, (data, count) in OURS.items():
        with tap.case(f"Taken: {name}", server.notes):
            put(server, data)
            equal(login(server)[1], count, "messages")
            send(server, "bob@example.org")
            equal(login(server)[1], count + 1, "messages then")


def test_mail_waits(server):
    """Mail for it waits in the queue, which says why, until it is moved away"""
    data = gzip.compress(MBOX)
    put(server, data)
    send(server, "bob@example.org", "alice@example.org")
    equal(server.mailbox("bob").read_bytes(), data, "the file")
    check(b"Subject: new" in server.mailbox("alice").read_bytes(),
          "alice has her mail")

    def deferred():
        server.call("smtpd", "-qf")
        return "looks like a file compressed by gzip" in " ".join(
            server.call("smtpd", "-bp").stdout.split())
    wait_for(deferred, "the queue to try")
    server.mailbox("bob").rename(server.mailbox("bob.old"))
    server.run_queue()
    equal(len(mbox.read(server.mailbox("bob"))), 1, "messages then")
    equal(login(server)[1], 1, "by POP3")


def test_during_a_session(server):
    """One that takes a mailbox's place in a session: QUIT deletes nothing"""
    put(server, MBOX)
    data = b"text\n" + MBOX
    with server.connect(server.pop3) as talker:
        talker.pop_login("bob", PASSWORDS["bob"])
        talker.pop("+OK", "DELE 1")
        put(server, data)
        talker.pop("-ERR [SYS/PERM]", "QUIT")
    equal(server.mailbox("bob").read_bytes(), data, "the file")


if __name__ == "__main__":
    with Instance("plaintext-login always") as running:
        tap.run(globals(), running)
    tap.finish()
