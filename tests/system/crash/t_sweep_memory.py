# SPDX-License-Identifier: ISC
"""No memory from the n-th allocation on, for each n: every process answers
that it cannot now, or ends in order; nothing that was promised is lost.

The allocations are counted in the whole of a program that serves one client, or
anew in each process that a server forks: the latter reaches all that work for a
session. A server that stays has had nsswitch.conf read, without which glibc ends
a process that is short of memory; in a program for one client that is forgiven.
"""
import os
from contextlib import suppress

from lib import mbox
from lib.hunger import Hunger
from lib.player import PASSWORDS
from lib.scratch import LONG, Scratch, client_context
from lib.talk import Closed
from lib.tap import Tap, check, equal
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


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
