# SPDX-License-Identifier: ISC
"""A QUIT that marks messages, keeps some aside and deletes them, with SIGKILL
or an error at every call. A message is in the mailbox or aside, whole; what
stays is whole; and what cannot be kept is not deleted.
"""
import errno
import re

from lib import mbox
from lib.sweep import (COUNT, FAIL, HALF, KILL, Bench, Story, entry, look,
                       make, sample)
from lib.tap import Skip, Tap, check, equal

tap = Tap()
MOST = 60       # points in one sweep, without RESTANTE_LONG
OLD = {f"old{i}": make(f"old{i}") for i in range(6)}
DELETE = (2, 4, 5)
DOOMED = [f"old{n - 1}" for n in DELETE]
CONFIG = "undelete 7\nmark-as-read on\nexpire 30\nplaintext-login always"
KEPT = ("deleted", "new")       # a failure there is the keeping's
FAILING = ("write", "pwrite", "fsync", "mkdir", "fdatasync", "renameat",
           "open")
BROKEN = (errno.ENOSPC, errno.EIO)


class Sweep:
    """The mailbox of six messages that mail readers have seen."""

    def __init__(self, bench):
        self.bench = bench
        self.bench.configure(CONFIG, tls=False)
        self.bench.own()
        self.raw = b"".join(
            re.sub(rb"^(From .*\n)", rb"\1Status: O \n", entry(message))
            for message in OLD.values())

    def act(self, mode, at=0, error=0):
        """One session; the Story of it, and whether QUIT was answered +OK."""
        self.bench.put([], self.raw)
        story = Story(OLD, [n for n in OLD if n not in DOOMED], DOOMED)
        self.bench.control.set(mode, at, error)
        _, story.gone = self.bench.pop(DELETE, fault=True, read=True)
        return story

    def aside(self):
        """The messages that are kept."""
        return [m.wire for path in self.bench.home.glob("deleted/0*")
                for m in mbox.read(path)]

    def judge(self, story, strict=False):
        """What is wrong afterwards; strict: refused is not deleted."""
        deleted = story.gone
        trouble = look(self.bench, story)
        kept = b"\n".join(self.aside())
        stored = mbox.read(self.bench.path)
        there = b"\n".join(m.wire for m in stored)
        for name, text in OLD.items():
            if text not in kept and text not in there:
                trouble.append(f"{name} is nowhere")
            if deleted and name in DOOMED and text not in kept:
                trouble.append(f"{name} is not aside")
        if strict and not deleted and len(stored) != len(OLD):
            trouble.append("refused, and deleted")
        marks = re.findall(rb"(?m)^Status: (..)$",
                           self.bench.path.read_bytes())
        if len(marks) != len(stored) or \
                not set(marks) <= {b"O ", b"R ", b"RO", b"OO"}:
            trouble.append(f"marks {marks}")
        return trouble

    def calls(self):
        """The calls of a session without a fault, from the first of QUIT."""
        story = self.act(COUNT)
        check(story.gone, "QUIT fails without a fault\n" + self.bench.notes())
        calls = list(enumerate(self.bench.control.calls(), 1))
        equal(self.judge(story), [], "without a fault")
        first = [n for n, call in calls if call[1] == "collected"]
        return [c for c in calls if not first or c[0] >= first[0]]

    def run(self, points):
        """A fault at each point: (mode, number, error, strict)."""
        hits, troubles = 0, []
        for mode, at, error, strict in points:
            story = self.act(mode, at, error)
            hits += bool(self.bench.control.hit)
            found = self.judge(story, strict)
            if found:
                troubles.append((mode, at, error, found[:3]))
        check(hits > len(points) * 0.8, f"{hits} of {len(points)} hit")
        equal(troubles[:5], [], f"{len(troubles)} troubles")


def test_killed(sweep, calls):
    """killed at any call of QUIT: in the mailbox or aside"""
    sweep.run(sample([(KILL, n, 0, False) for n, _ in calls], MOST))


def test_killed_in_write(sweep, calls):
    """killed in the middle of a write"""
    writes = [(n, c) for n, c in calls if c[0] in ("write", "pwrite")]
    sweep.run(sample([(HALF, n, 0, False) for n, _ in writes], MOST))


def test_failing(sweep, calls):
    """a call fails: refused, or deleted and aside"""
    sweep.run(sample([(FAIL, n, e, c[1] in KEPT) for n, c in calls
                      for e in BROKEN if c[0] in FAILING], MOST))


if __name__ == "__main__":
    with Bench() as fixture:
        try:
            fixture.compile()
        except Skip as why:
            tap.skip("killed in QUIT, with deleted mail kept", why)
            tap.finish()
        quits = Sweep(fixture)
        tap.run(globals(), quits, quits.calls())
    tap.finish()
