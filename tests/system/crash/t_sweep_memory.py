# SPDX-License-Identifier: ISC
"""No memory from the n-th allocation on, for each n: every process answers
that it cannot now, or ends in order; nothing that was promised is lost.

The allocations are counted in the whole of a program that serves one client, or
anew in each process that a server forks: the latter reaches all that work for a
session. A server that stays has had nsswitch.conf read, without which glibc ends
a process that is short of memory; in a program for one client that is forgiven,
for glibc asks for a few hundred octets there, for which a heap has room: with
less and less memory, as a machine would have it, no such program dies.
"""
import os
import subprocess
from contextlib import suppress

from lib import mbox
from lib.hunger import Hunger
from lib.player import PASSWORDS
from lib.scratch import LONG, Scratch, client_context, preloadable, tool
from lib.talk import Closed
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
MOST = 2000 if LONG else 200
STEP = 1 if LONG else 3
MAIL = "Subject: new\r\n\r\n" + "x" * 70 + "\r\n"
BOX = b"".join(b"From a@b Mon Jan  1 00:00:00 2024\nSubject: %d\n\nx\n\n" % i
               for i in range(3))


class Starved(Scratch):
    """Programs that run out of memory."""

    starved = {}

    def __init__(self, tls):
        super().__init__("plaintext-login always", tls=tls)
        self.hunger = Hunger(self)
        self.hunger.build()

    def environment(self):
        return dict(super().environment(), **self.starved)

    def starve(self, kind, number):
        """What is started from now on has no memory from there on."""
        self.starved = self.hunger.environment(number, kind)

    def judge(self):
        """Nobody may have ended by a fault."""
        self.starved = {}
        equal(self.hunger.read()[1], {}, "signals that ended processes")


def start(scratch, name):
    """A session of a program or a server: a Talker, and who has to end.

    The keeper of a server's keys would not start, and so would no server.
    """
    if "NO_MEMORY_FROM" in scratch.starved or scratch.pem.exists():
        return scratch.session(name)
    server = scratch.serve(name, "127.0.0.1:0")
    return scratch.connect(server.ports[0]), server


def end(talker, process):
    """Waits for the end of a session, which is one in order."""
    talker.close()
    status = process.stop() if hasattr(process, "stop") else process.wait(60)
    check(status in (os.EX_OK, os.EX_TEMPFAIL, os.EX_OSERR, os.EX_SOFTWARE,
                     os.EX_CONFIG), f"exit status {status}")


def smtp(scratch, tls):
    """Sends a message, as far as that goes.  True: it was taken."""
    talker, process = start(scratch, "smtpd")
    taken = False
    with suppress(Closed):
        steps = ["", "EHLO client.example.net"]
        if tls:
            steps += ["STARTTLS"]
        for step in steps + ["MAIL FROM:<carol@example.com>",
                             "RCPT TO:<bob@example.org>", "DATA", MAIL + "."]:
            if step:
                talker.send(step + "\r\n")
            reply = talker.reply()
            check(reply.last[0] in "234", f"{step!r:.40}: {reply}")
            if reply.last[0] == "4":
                break
            if step == "STARTTLS":
                talker.start_tls(client_context())
                talker.send("EHLO client.example.net\r\n")
                talker.reply()
            taken = step.endswith(".")
    end(talker, process)
    return taken


def pop3(scratch, tls):
    """Deletes a message, as far as that goes.  True: +OK to QUIT."""
    talker, process = start(scratch, "pop3d")
    gone = False
    with suppress(Closed):
        steps = ["", "CAPA", "STLS"] if tls else ["", "CAPA"]
        for step in steps + ["USER bob", "PASS " + PASSWORDS["bob"], "STAT",
                             "UIDL", "LIST", "TOP 1 0", "RETR 2", "DELE 2",
                             "QUIT"]:
            if step:
                talker.send(step + "\r\n")
            line = talker.line()
            check(line.startswith("+OK") or "SYS/TEMP" in line or
                  "IN-USE" in line, f"{step}: {line}")
            if not line.startswith("+OK"):
                break
            if step in ("CAPA", "UIDL", "LIST", "TOP 1 0", "RETR 2"):
                talker.block()
            if step == "STLS":
                talker.start_tls(client_context())
            gone = step == "QUIT"
    end(talker, process)
    return gone


def judge_smtp(scratch, taken):
    """What was taken is in the mailbox or in the queue."""
    scratch.judge()

    def copies():
        return len([m for m in mbox.read(scratch.mailbox("bob"))
                    if b"Subject: new" in m.wire]) + len(
                        [path for path in scratch.queue_files()
                         if path.parent.name != "reason"])
    # A runner may be on its way from one to the other.
    wait_for(lambda: copies() <= 1, "one copy")
    check(copies() == 1 or not taken, "the message is lost")


def sweep(kind, session, tls, judge):
    """One n after the other, with a new mailbox each."""
    with Starved(tls or kind == "NO_MEMORY_FROM") as scratch:
        for number in range(1, MOST + 1, STEP):
            for path in scratch.queue_files():
                path.unlink()
            scratch.mailbox("bob").write_bytes(BOX)
            scratch.own()
            scratch.starve(kind, number)
            try:
                done = session(scratch, tls)
                judge(scratch, done)
            except AssertionError as error:
                raise AssertionError(f"from {number} on: {error}") from None


def judge_pop3(scratch, gone):
    """A message goes if QUIT was +OK, and no other one ever."""
    scratch.judge()
    call = scratch.call("pop3d", "--recover")
    equal(call.returncode, 0, call.stderr)
    found = [number for number in range(3) if
             b"Subject: %d\n" % number in scratch.mailbox("bob").read_bytes()]
    check(found == [0, 2] if gone else found in ([0, 2], [0, 1, 2]), found)


def cases_sweep():
    """Each kind of session, counted in both ways"""
    for session, judge in ((smtp, judge_smtp), (pop3, judge_pop3)):
        for tls in (False, True):
            for kind in ("NO_MEMORY_FROM", "NO_MEMORY_FORKED"):
                with tap.case(f"{session.__name__}, {'TLS' if tls else 'plain'}"
                              f", {kind}"):
                    sweep(kind, session, tls, judge)


TALKS = {"smtpd": "EHLO x\r\nMAIL FROM:<carol@example.com>\r\n"
                  "RCPT TO:<bob@example.org>\r\nDATA\r\n" + MAIL + ".\r\n"
                  "QUIT\r\n",
         "pop3d": f"USER bob\r\nPASS {PASSWORDS['bob']}\r\nSTAT\r\n"
                  "QUIT\r\n"}
ROOM = 16384        # less for each program than for the one before it


def with_room(scratch, name, octets):
    """A program for one client in so much room: its status and last line."""
    done = subprocess.run(
        ["prlimit", f"--as={octets}", "--", *scratch.command(name)],
        input=TALKS[name].encode(), capture_output=True, timeout=60, cwd="/",
        env=scratch.environment(), check=False, **scratch.as_user())
    return done.returncode, (done.stdout.splitlines() or [b""])[-1]


def cases_room():
    """Less and less memory: a program for one client ends, and by no fault"""
    if not tool("prlimit"):
        raise Skip("no prlimit")
    preloadable()   # a sanitizer needs more room than there is
    for name in TALKS:
        with tap.case(f"{name}, from enough room down to none"), \
                Scratch(tls=False) as scratch:
            octets = 4 << 20
            while not with_room(scratch, name, octets)[1].startswith(
                    (b"221", b"+OK Bye")):
                octets += 1 << 20
                check(octets < 1 << 30, "a gigabyte is not enough")
            status, seen = 0, set()
            while status != 127:        # that of ld.so
                octets -= ROOM
                status, last = with_room(scratch, name, octets)
                check(status >= 0, f"signal {-status} with {octets} octets")
                seen.add((status, last[:4]))
            check(len(seen) > 2, f"{seen}")


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
