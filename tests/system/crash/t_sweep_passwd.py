# SPDX-License-Identifier: ISC
"""The worker that changes a user's password is killed at each of its calls, or
that call fails, or does half of its work. The users file is the old one or the
new one, octet for octet; the reply is 200 only for the new one, on the disk;
and the next change succeeds and leaves nothing behind."""
import errno
import re
import socket

from lib.player import PASSWORDS
from lib.scratch import LONG, Scratch
from lib.shim import build_shim
from lib.sweep import COUNT, FAIL, KILL, SHORT, Control, sample
from lib.talk import Closed, Talker
from lib.tap import Skip, Tap, check, equal

tap = Tap()
OLD, NEW = PASSWORDS["bob"], "kiln apron velvet"
MOST = 12               # faults of a sweep, without RESTANTE_LONG
# More than is copied at a time.
FILLER = "".join(f"# {n}: {'x' * 200}\n" for n in range(120))


class Bench(Scratch):
    """A users file, and changes by one server for one connection."""

    def __init__(self):
        super().__init__(tls=False)
        try:
            self.library = self.dir / "shim.so"
            build_shim(self.library, "sweep_shim.c")
            self.control = Control(self.dir / "control", ".users.new")
            self.before = self.users.read_text() + FILLER + "# the end\n"
            self.clear()
        except BaseException:
            self.__exit__()
            raise

    def clear(self):
        """The file as it was at first."""
        self.users.write_text(self.before)
        self.own()

    def change(self, before=OLD, after=NEW, fault=False):
        """The last reply to a change, or "" where none comes."""
        ours, theirs = socket.socketpair()
        env = self.environment()
        if fault:
            env.update(LD_PRELOAD=str(self.library),
                       SWEEP_CONTROL=str(self.control.path))
        with open(self.dir / "pop3d.log", "ab") as log:
            process = self.popen(
                self.command("pop3d", "--role", "passwd"), stdin=theirs,
                stdout=theirs, stderr=log, env=env)
        theirs.close()
        with Talker(ours) as talker:
            try:
                talker.expect("200 ")
                talker.expect("200 ", "USER bob")
                talker.expect("200 ", "PASS " + before)
                talker.send(f"NEWPASS {after}\r\n")
                reply = talker.reply().last
            except Closed:
                reply = ""
        process.wait()
        return reply

    def opens(self, password):
        """Whether POP3 opens by the password."""
        talker, process = self.session("pop3d")
        with talker:
            talker.pop("+OK")
            talker.pop("+OK", "USER bob")
            talker.send(f"PASS {password}\r\n")
            good = talker.line().startswith("+OK")
        process.wait()
        return good

    def state(self):
        """"old", "new", or what else the file is."""
        text = self.users.read_text()
        if text == self.before:
            return "old"
        mark = r"(?m)^bob:\{SCRAM-SHA-256\}\S+$"
        same = re.sub(mark, "", text) == re.sub(mark, "", self.before)
        return "new" if same and self.opens(NEW) else f"torn: {text[:300]!r}"

    def judge(self, reply):
        """What is wrong after a fault."""
        state, trouble = self.state(), []
        if state not in ("old", "new"):
            trouble.append(state)
        if reply.startswith("200 ") and state != "new":
            trouble.append(f"{reply}, and it is {state}")
        if not reply.startswith(("200 ", "500 Cannot change")):
            trouble.append(f"reply {reply!r}")
        again = self.change(OLD if state == "old" else NEW, NEW + " 2")
        if not again.startswith("200 "):
            trouble.append(f"the next change: {again!r}")
        litter = [p.name for p in self.dir.iterdir()
                  if p.name.startswith(".users")]
        return trouble + ([f"left: {litter}"] if litter else [])


def test_order(bench):
    """The file is on the disk before it takes the old one's place, and that is
    on the disk before the reply"""
    bench.clear()
    bench.control.set(COUNT)
    equal(bench.change(fault=True)[:4], "200 ", "the reply")
    calls = bench.control.calls()
    if not calls:
        raise Skip("the programs are not reached by a preloaded library")
    names = [name for name, _ in calls]
    check(names.count("write") > 3, f"one write: {calls}")
    rest = names[names.index("fsync"):]
    rest = [x for x in rest if x in ("fsync", "renameat", "send")]
    equal(rest[:4], ["fsync", "renameat", "fsync", "send"], f"in {calls}")


def sweep(bench, mode, error=0):
    """One fault after the other."""
    bench.clear()
    bench.control.set(COUNT)
    bench.change(fault=True)
    calls = bench.control.calls()
    if not calls:
        raise Skip("the programs are not reached by a preloaded library")
    ends = [i + 1 for i, (name, _) in enumerate(calls) if name == "send"]
    most = ends[0] if ends else len(calls)
    troubles, states = [], set()
    for at in sample(range(1, most + 1), most if LONG else MOST):
        bench.clear()
        bench.control.set(mode, at, error)
        reply = bench.change(fault=True)
        states.add(bench.state())
        found = bench.judge(reply)
        if found:
            troubles.append(f"{at}, {calls[at - 1]}: {found[:2]}")
    equal(troubles[:4], [], f"{len(troubles)} troubles")
    return states


def test_killed(bench):
    """It is killed"""
    check("old" in sweep(bench, KILL), "no kill was early")


def test_errors(bench):
    """A call fails"""
    for error in (errno.EIO, errno.ENOSPC):
        check("old" in sweep(bench, FAIL, error), "no call did fail")


def test_short(bench):
    """A call does half of its work"""
    sweep(bench, SHORT)


if __name__ == "__main__":
    with Bench() as fixture:
        tap.run(globals(), fixture)
    tap.finish()
