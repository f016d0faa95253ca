# SPDX-License-Identifier: ISC
"""A queue that is run, with the runner or its agents killed in between.

A Runner has mail for a next hop, for a user here, and for somebody whom the
next hop refuses; fill() puts it back as it was, run() runs it, perhaps under
strace, and trouble() says what is wrong after the last run.
"""
import random
import re
import shutil
import subprocess

from . import mbox, queuefile
from .fakemx import FakeMx
from .ledger import ID, compose
from .scratch import Scratch, tool
from .site import Queue
from .tap import Skip, check, equal
from .wait import wait_for

LOADER = 30     # the first calls only load the program
FAR = {f"far{n}": (f"x{n}@far.test",) for n in range(3)}
MIXED = {"mixed": ("m@far.test", "nosuch@far.test")}
HERE = {"here": ("bob",)}
HERE_ALL = {"alice", "bob"}     # other agents carry their mail
NO = {"rcpt": {"nosuch@far.test": "550 5.1.1 No such user"}}
CALL = re.compile(r"^(?:(\d+) +)?(\w+)\(")


def text(ident):
    """The message of that id, always the same.

    Without From_ lines: of a torn append, whoever comes next leaves in the
    mailbox what could be another program's message.
    """
    return compose(ident, random.Random(ident)).replace(
        b"From a@b", b"Form a@b")


class Runner(Queue, Scratch):
    """A queue as it is before each run, and ways to run it."""

    def __init__(self, hop):
        super().__init__("hostname mx.home.test\ndomains home.test\n"
                         "relay-concurrency 1\n"
                         f"route far.test smtp://127.0.0.1:{hop.port}\n",
                         tls=False)
        self.hop = hop

    def fill(self):
        """The same messages each time; nothing was delivered yet."""
        shutil.rmtree(self.dir / "queue")
        (self.dir / "queue").mkdir()
        self.own()
        for place in queuefile.PLACES:
            (self.dir / "queue" / place).mkdir(mode=0o700)
        for n, (ident, rcpts) in enumerate({**FAR, **MIXED, **HERE}.items()):
            kind = "u" if ident in HERE else "a"
            queuefile.make(
                self.dir / "queue", "active", f"{n:012d}",
                "alice@home.test", [queuefile.recipient(r, kind)
                                    for r in rcpts], text(ident))
        self.own()
        for path in self.mail.iterdir():
            path.unlink()
        self.hop.received.clear()

    def run(self, *before):
        """A run of the queue, perhaps under another program: (what it says,
        whether it was killed)."""
        command = [*before, *self.command("smtpd", "-qf")]
        process = self.popen(command, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = process.communicate(timeout=120)[0]
        self.running.remove(process)
        return said.decode(errors="replace"), process.returncode == -9

    def still(self):
        """Waits until nobody of a killed family talks to the hop."""
        wait_for(lambda: not self.hop.busy(), "the agents to end")

    def counts(self):
        """How often each lies where: {(id, recipient): number}."""
        found = {}
        for message in self.hop.messages:
            ident = ID.search(message.body).group(1).decode()
            check(message.body.endswith(text(ident)), f"{ident} is torn")
            for rcpt in message.rcpts:
                found[ident, rcpt] = found.get((ident, rcpt), 0) + 1
        for user in ("alice", "bob"):
            path = self.mailbox(user)
            for message in mbox.read(path) if path.exists() else []:
                if b"multipart/report" in message.headers:
                    ident = "report"
                    check(b"nosuch@far.test" in message.wire, "its report")
                else:
                    match = ID.search(message.wire)
                    check(match, f"what is this? {message.wire!r:.900}")
                    ident = match.group(1).decode()
                    check(message.wire.endswith(text(ident)), "torn")
                found[ident, user] = found.get((ident, user), 0) + 1
        return found

    def trouble(self, kills):
        """What is wrong after the last run."""
        wanted = {(i, r) for i, rcpts in {**FAR, **MIXED, **HERE}.items()
                  for r in rcpts if r != "nosuch@far.test"}
        wanted.add(("report", "alice"))
        found = self.counts()
        wrong = [f"LOST {item}" for item in wanted - found.keys()]
        wrong += [f"STRAY {item}" for item in found.keys() - wanted]
        for place in ({"alice"}, {"bob"}, {r for _, r in wanted} - HERE_ALL):
            extra = {k: n - 1 for k, n in found.items()
                     if n > 1 and k[1] in place}
            if sum(extra.values()) > kills:
                wrong.append(f"DOUBLE {extra}")
        if self.queued():
            wrong.append(f"LEFT {self.mailq()}")
        return wrong


class Hop(FakeMx):
    """A fake next hop that knows whether somebody talks to it."""

    def busy(self):
        """Whether a connection is still open."""
        return any(thread.is_alive() for thread in self._threads)


def traced(family):
    """strace's arguments: the runner alone, or with all that it starts."""
    if not tool("strace"):
        raise Skip("strace is not there")
    return [tool("strace"), "-q", *(["-f"] if family else [])]


def points(runner, family):
    """(name, how often) of the system calls of a run, from one process or all
    of them: strace counts the calls of one name in one process."""
    runner.fill()
    path = runner.dir / "trace"
    path.write_text("")
    runner.own()
    said, _ = runner.run(*traced(family), "-o", path)
    equal(runner.trouble(0), [], f"without any kill: {said}")
    found, seen = {}, {}
    for line in path.read_text(errors="replace").splitlines():
        match = CALL.match(line)
        if match:
            seen[match.groups()] = seen.get(match.groups(), 0) + 1
            found[match.group(2), seen[match.groups()]] = True
    check(len(found) > LOADER, f"strace says nothing: {said}")
    return list(found)[LOADER:]
