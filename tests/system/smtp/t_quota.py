# SPDX-License-Identifier: ISC
"""Quotas: mail that a mailbox has no room for must be refused or kept, never
dropped and never delivered in part; and only that mail."""
import re

from lib import mbox
from lib.scratch import Instance
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
KIB = 1024
CONFIG = "quota 20K\nquota 0 alice\nplaintext-login always"


def text(size, subject="x"):
    """A message of about so many octets."""
    line = "x" * 70 + "\r\n"
    return f"Subject: {subject}\r\n\r\n" + line * (size // len(line))


def fill(server, user, size):
    """Puts a mailbox of just so many octets into place."""
    head = "From a@b Mon Jan  6 10:00:00 2025\nSubject: old\n\n"
    body = "y" * (size - len(head) - 2) + "\n\n"
    server.mailbox(user).write_text(head + body)
    server.own()


def rcpt(server, user, size=None):
    """The reply to RCPT for a message of that size."""
    with server.connect(server.smtp) as talker:
        talker.hello()
        more = "" if size is None else f" SIZE={size}"
        talker.expect("250", f"MAIL FROM:<carol@example.com>{more}")
        talker.send(f"RCPT TO:<{user}@example.org>\r\n")
        return talker.reply().last


def send(server, user, data):
    """Sends without SIZE; the message's octets that were there before."""
    with server.connect(server.smtp) as talker:
        talker.hello()
        talker.submit("carol@example.com", [f"{user}@example.org"], data)


def subjects(server, user):
    """The subjects in a mailbox, in order."""
    return [re.search(rb"^Subject: (.*?)\r", m.wire, re.M).group(1).decode()
            for m in mbox.read(server.mailbox(user))]


def test_at_rcpt(server):
    """RCPT: 452 for a mailbox that is full, 552 for what can never fit"""
    fill(server, "bob", 15 * KIB)
    for size, reply in ((None, "250 "), (4 * KIB, "250 "),
                        (6 * KIB, "452 4.2.2"), (19 * KIB, "452 4.2.2"),
                        (20 * KIB, "552 5.2.2"), (30 * KIB, "552 5.2.2")):
        got = rcpt(server, "bob", size)
        check(got.startswith(reply), f"SIZE={size}: {got}")
    fill(server, "bob", 20 * KIB)
    check(rcpt(server, "bob").startswith("452 4.2.2"), "full, no SIZE")
    check(rcpt(server, "bob+list").startswith("452 4.2.2"), "a subaddress")


def test_others_are_taken(server):
    """One full mailbox refuses no mail for others in the same transaction"""
    fill(server, "bob", 20 * KIB)
    fill(server, "alice", 40 * KIB)
    with server.connect(server.smtp) as talker:
        talker.hello()
        talker.expect("250", "MAIL FROM:<carol@example.com>")
        talker.expect("452 4.2.2", "RCPT TO:<bob@example.org>")
        talker.expect("250", "RCPT TO:<alice@example.org>")
        talker.expect("354", "DATA")
        talker.send("Subject: new\r\n\r\nnew\r\n.\r\n")
        talker.expect("250")
    equal(subjects(server, "alice"), ["old", "new"], "alice has no quota")


def test_at_the_delivery(server):
    """Without SIZE: queued whole, deferred as full, delivered when there is
    room"""
    fill(server, "bob", 15 * KIB)
    before = server.mailbox("bob").read_bytes()
    send(server, "bob", text(6 * KIB, "late"))
    equal(server.mailbox("bob").read_bytes(), before, "not an octet of it")

    def deferred():
        server.call("smtpd", "-qf")
        return "the mailbox is full" in " ".join(
            server.call("smtpd", "-bp").stdout.split())
    wait_for(deferred, "the queue to try")
    equal(server.mailbox("bob").read_bytes(), before, "nor from the queue")
    fill(server, "bob", 5 * KIB)
    server.run_queue()
    equal(subjects(server, "bob"), ["old", "late"], "when there is room")


def test_too_large_for_good(server):
    """Without SIZE, larger than the quota: goes back to the sender at once"""
    fill(server, "bob", 1 * KIB)
    server.mailbox("alice").unlink(missing_ok=True)
    with server.connect(server.smtp) as talker:
        talker.hello()
        talker.submit("alice@example.org", ["bob@example.org"],
                      text(25 * KIB))
    server.run_queue()
    equal(subjects(server, "bob"), ["old"], "the mailbox")
    report = server.mailbox("alice").read_text()
    check("5.2.2" in report and "larger than the mailbox may be" in report,
          report[:3000])


def test_just_fits(server):
    """The control: up to the quota mail is delivered at once"""
    fill(server, "bob", 10 * KIB)
    send(server, "bob", text(9 * KIB, "fits"))
    equal(subjects(server, "bob"), ["old", "fits"], "the mailbox")
    check(server.mailbox("bob").stat().st_size <= 20 * KIB, "its size")
    equal(server.queue_files(), [], "the queue")


def test_local_programs(server):
    """What a program here sends to a full mailbox waits in the queue"""
    fill(server, "bob", 20 * KIB)
    done = server.call("smtpd", "bob", stdin="Subject: cron\n\ncron\n")
    equal(done.returncode, 0, done.stderr)
    check(server.queue_files(), "the queue is empty")
    server.mailbox("bob").unlink()
    server.run_queue()
    equal(subjects(server, "bob"), ["cron"], "when there is room")


def test_check(server):
    """--check tells of full mailboxes, and of limits for nobody"""
    fill(server, "bob", 19 * KIB)
    out = server.call("smtpd", "--check").stdout
    check(re.search(r"warning: \S*/bob has 19456 octets of a quota of 20480",
                    out), out)
    check("alice has" not in out, "alice has no quota")
    check("quota is set for nobody-here, which is not a user" in out, out)


if __name__ == "__main__":
    with Instance(CONFIG + "\nquota 1M nobody-here") as instance:
        tap.run(globals(), instance)
    tap.finish()
