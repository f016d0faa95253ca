# SPDX-License-Identifier: ISC
"""How long a POP3 session may take: ten minutes of silence once logged in,
three minutes in all before that, and no end for whoever does not read. None
of that deletes anything. The clock of the programs goes faster than ours, see
lib/fast_clock_shim.c; what must not end too early is held against that
clock."""
import time

from lib.fast_clock import FastClock, again, ended
from lib.player import PASSWORDS
from lib.scratch import client_context
from lib.talk import Closed
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
BIG = "x" * 70 + "\n"


class Bench(FastClock):
    """And a mailbox."""

    def fill(self, size=0):
        """Two messages for bob, the second one so large."""
        self.mailbox("bob").write_text(
            "From a@b Mon Jan  6 10:00:00 2025\nSubject: a\n\na\n\n"
            "From a@b Mon Jan  6 10:00:00 2025\nSubject: b\n\n"
            + BIG * (size // len(BIG)) + "\n")
        self.own()
        return self.mailbox("bob").read_bytes()


def login(talker):
    """Logs bob in."""
    talker.pop_login("bob", PASSWORDS["bob"])


@again
def test_silence(scratch):
    """Ten minutes of silence end a session, which deletes nothing"""
    data = scratch.fill()
    talker, process = scratch.begin(300)
    with talker:
        login(talker)
        talker.pop("+OK", "DELE 1")
        before = time.monotonic()
        talker.pop("-ERR Too slow")
        passed = (time.monotonic() - before) * 300
        talker.closed()
    ended(process)
    check(passed > 590, f"after {passed} seconds")
    equal(scratch.mailbox("bob").read_bytes(), data, "the mailbox")


@again
def test_in_tls(scratch):
    """So it does in TLS"""
    data = scratch.fill()
    talker, process = scratch.begin(300, "--implicit-tls")
    with talker:
        talker.start_tls(client_context())
        login(talker)
        talker.pop("+OK", "DELE 1")
        before = time.monotonic()
        talker.pop("-ERR Too slow")
        passed = (time.monotonic() - before) * 300
    ended(process)
    check(passed > 590, f"after {passed} seconds")
    equal(scratch.mailbox("bob").read_bytes(), data, "the mailbox")


@again
def test_commands_keep_it(scratch):
    """Whoever says something now and then stays, in TLS too"""
    for args in ((), ("--implicit-tls",)):
        scratch.fill()
        talker, process = scratch.begin(100, *args)
        with talker:
            if args:
                talker.start_tls(client_context())
            login(talker)
            before = time.monotonic()
            while time.monotonic() - before < 660 / 100:
                talker.pop("+OK", "NOOP")
            talker.pop("+OK", "QUIT")
        ended(process)


@again
def test_before_login(scratch):
    """Before the login three minutes are all, whatever the client says"""
    talker, process = scratch.begin(100)
    with talker:
        talker.pop("+OK")
        before = time.monotonic()
        line = "+OK"
        while line.startswith("+OK"):
            if talker.quiet():      # it may not say much, either
                talker.send("NOOP\r\n")
            try:
                line = talker.line()
            except Closed:
                break
            check(time.monotonic() - before < 40, "it goes on for ever")
        passed = (time.monotonic() - before) * 100
    ended(process)
    check(line.startswith("-ERR Too slow"), line)
    check(passed > 170, f"after {passed} seconds")


@again
def test_silence_before_login(scratch):
    """A client that says nothing at all ends as well"""
    talker, process = scratch.begin(100)
    with talker:
        talker.pop("+OK")
        talker.pop("-ERR Too slow")
        talker.closed()
    ended(process)


@again
def test_nobody_reads(scratch):
    """A client that stops reading ends, and nothing is deleted"""
    data = scratch.fill(8 << 20)
    for args in ((), ("--implicit-tls",)):
        talker, process = scratch.begin(300, *args)
        with talker:
            if args:
                talker.start_tls(client_context())
            login(talker)
            talker.pop("+OK", "DELE 1")
            talker.send("RETR 2\r\nQUIT\r\n")
            ended(process)
        wait_for(lambda: free(scratch), "the mailbox to be free", 60)
        equal(scratch.mailbox("bob").read_bytes(), data, "the mailbox")


def free(scratch):
    """Whether bob can log in."""
    talker, process = scratch.begin(1)
    with talker:
        talker.pop("+OK")
        talker.pop("+OK", "USER bob")
        talker.send(f"PASS {PASSWORDS['bob']}\r\n")
        line = talker.line()
    ended(process)
    return line.startswith("+OK")


def test_hang_up(scratch):
    """A connection that breaks in the middle of RETR deletes nothing"""
    data = scratch.fill(8 << 20)
    talker, process = scratch.begin(1)
    with talker:
        login(talker)
        talker.pop("+OK", "DELE 1")
        talker.send("RETR 2\r\nQUIT\r\n")
        talker.pop("+OK")
    ended(process)
    equal(scratch.mailbox("bob").read_bytes(), data, "the mailbox")


if __name__ == "__main__":
    with Bench("plaintext-login always") as bench:
        tap.run(globals(), bench)
    tap.finish()
