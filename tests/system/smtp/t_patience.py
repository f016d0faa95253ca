# SPDX-License-Identifier: ISC
"""How long SMTP waits (RFC 5321 section 4.5.3.2): as a server five minutes
for each command, however slowly it comes, and a minute for a handshake; as a
client as long as the standard asks for, ten minutes for the answer to a
message, so that none is sent twice. The clock of the programs goes faster than
ours, see lib/fast_clock.py; what must not end too early is held against it."""
import subprocess
import time

from lib.fakemx import EXTENSIONS, STALL, FakeMx
from lib.fast_clock import FastClock, again, ended
from lib.player import PASSWORDS
from lib.scratch import client_context
from lib.talk import b64
from lib.tap import Tap, check, equal

tap = Tap()
SPEED = 300
EARLY = 0.99                # clocks are not read at once
RCPT = ("MAIL FROM:<a@example.com>", "RCPT TO:<bob@example.org>")


def passed(since, speed=SPEED):
    """Seconds of the program's clock, which has started no earlier."""
    return (time.monotonic() - since) * speed


def last_lines(scratch):
    """What was logged of the end of a session."""
    lines = (scratch.dir / "session.log").read_text().splitlines()
    return [line.partition("]: ")[2] for line in lines[-2:]]


STATES = {          # what is said, how the log calls it
    "before EHLO": ((), "CONNECT"),
    "after EHLO": (("EHLO x",), "EHLO"),
    "amid AUTH": (("EHLO x", "AUTH LOGIN", b64("alice")), "AUTH"),
    "after RCPT": (("EHLO x", *RCPT), "RCPT"),
    "amid a message": (("EHLO x", *RCPT, "DATA", "Subject: x"),
                       "DATA (11 bytes)"),
    "amid a chunk": (("EHLO x", *RCPT, "BDAT 99 LAST", "Subject: x"),
                     "BDAT (11 bytes)"),
}


@again
def silent(scratch, words, name, args):
    """A session that says nothing after these words."""
    before = time.monotonic()
    talker, process = scratch.begin(SPEED, *args, name="smtpd")
    with talker:
        if args:
            talker.start_tls(client_context())
        for word in words:
            before = time.monotonic()
            talker.send(word + "\r\n")
        lines = talker.rest().decode().splitlines()
        check(lines[-1].startswith("421 4.4.2 "), str(lines[-3:]))
        check(passed(before) > 300 * EARLY, f"{passed(before)} s")
    ended(process)
    equal(last_lines(scratch)[0].partition(" from ")[0],
          f"timeout after {name}")
    check(not scratch.mailbox("bob").exists(), "half a message")


def silence(scratch):
    """Five minutes of silence in each state end a session with 421."""
    for state, (words, name) in STATES.items():
        for args in ((), ("--implicit-tls",)):
            with tap.case(f"silence {state}{' in TLS' if args else ''}"):
                silent(scratch, words, name, args)


@again
def test_slow_command(scratch):
    """A command that comes by the octet has five minutes, too"""
    before = time.monotonic()
    talker, process = scratch.begin(SPEED, name="smtpd")
    with talker:
        talker.expect("220 ")
        while talker.quiet():       # a twentieth of a second, of ours
            talker.send("N")
            check(passed(before) < 30000, "it goes on for ever")
        check(passed(before) > 300 * EARLY, f"{passed(before)} seconds")
        talker.expect("421 4.4.2")
        talker.closed()
    ended(process)


@again
def test_commands_keep_it(scratch):
    """Whoever goes on stays, beyond these five minutes"""
    talker, process = scratch.begin(SPEED, name="smtpd")
    with talker:
        talker.hello()
        talker.login("alice", PASSWORDS["alice"])
        before = time.monotonic()
        while passed(before) < 700:
            talker.expect("250 ", "NOOP")
        talker.expect("221 ", "QUIT")
    ended(process)


@again
def test_handshake(scratch):
    """A handshake that does not come, or stops, is waited for a minute; by
    either server"""
    for name in ("smtpd", "pop3d"):
        for said in (b"", b"\x16\x03\x01\x02\x00\x01"):
            before = time.monotonic()
            talker, process = scratch.begin(30, "--implicit-tls", name=name)
            with talker:
                talker.send(said)
                talker.rest()
                took = passed(before, 30)
                check(60 * EARLY < took < 30 * 60, f"{took} seconds")
            ended(process)


NO_BDAT = tuple(e for e in EXTENSIONS if e != "CHUNKING")
# What the standard asks for at least, in minutes.
CLIENT = (("greeting", 5), ("ehlo", 5), ("mail", 5), ("rcpt", 5), ("data", 2),
          ("dot", 10))


def client():
    """A next hop that does not answer, in each phase."""
    for phase, minutes in CLIENT:
        with tap.case(f"A client waits {minutes} minutes at {phase}"), \
                FakeMx({phase: STALL}, extensions=NO_BDAT) as hop, \
                FastClock(f"relay smtp://127.0.0.1:{hop.port}?tls=never\n"
                        ) as scratch:
            before = time.monotonic()
            done = subprocess.run(
                scratch.command("smtpd", "-f", "a@example.org", "x@far.test"),
                input="Subject: x\n\nx\n", capture_output=True, text=True,
                timeout=60, check=False, cwd="/",
                env=scratch.fast_environment(SPEED),
                **scratch.as_user())
            took = passed(before)
            equal(done.returncode, 0, done.stderr)
            check("status=deferred" in done.stderr, done.stderr)
            check(minutes * 60 * EARLY < took, f"{took} seconds")
            check("status=sent" not in done.stderr, done.stderr)


def main():
    """All of it."""
    with FastClock("plaintext-login always") as scratch:
        silence(scratch)
        tap.run(globals(), scratch)
    client()
    tap.finish()


if __name__ == "__main__":
    main()
