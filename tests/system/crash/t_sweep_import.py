# SPDX-License-Identifier: ISC
"""An import, a restore and a backup with SIGKILL or an error at every call.

Whatever happens, the next try completes it: every message is there once and
whole, with its UIDL, and what was in the mailbox is as it was. A backup that
says that it is complete is complete.
"""
import errno
import itertools
import subprocess

from lib.sweep import (COUNT, FAIL, HALF, KILL, SHORT, Bench, Story, entry,
                       look, make, sample)
from lib.tap import Skip, Tap, check, equal

tap = Tap()
MOST = 10       # points in one sweep, without RESTANTE_LONG
OLD = {f"old{i}": make(f"old{i}") for i in range(3)}
NEW = {f"new{i}": make(f"new{i}", 100000 if i == 7 else 0) for i in range(37)}
CONFIG = "uidl header\nplaintext-login always"
WRITES = ("write", "pwrite")
ERRORS = {"open": ("ENOSPC", "EMFILE"), "read": ("EIO",), "pread": ("EIO",),
          "write": ("ENOSPC", "EIO"), "pwrite": ("ENOSPC", "EIO"),
          "fsync": ("EIO",), "fdatasync": ("EIO",), "ftruncate": ("EIO",),
          "fcntl": ("ENOLCK",), "mmap": ("ENOMEM",), "fstat": ("EIO",),
          "linkat": ("EIO",), "close": ("EIO",)}


class Verb:
    """A verb of pop3d with a mailbox of three messages."""

    name = ""
    uidls = True

    def __init__(self, bench):
        self.bench = bench
        self.source = bench.dir / self.name
        self.command = bench.command("pop3d", *self.words())
        self.numbers = itertools.count()
        self.prepare()

    def words(self):
        """Its arguments."""
        raise NotImplementedError

    def prepare(self):
        """Makes the source."""
        self.source.write_bytes(b"".join(map(
            entry, [OLD["old1"], *NEW.values()])))
        self.bench.own()

    def run(self, fault):
        """The verb; its exit status and output."""
        env = self.bench.environment()
        if fault:
            env = self.bench.control.environment(env, self.bench.library)
        with open(self.source if self.source.is_file() else "/dev/null",
                  "rb") as source:
            done = subprocess.run(
                self.command, stdin=source, capture_output=True, cwd="/",
                env=env, check=False, timeout=120, **self.bench.as_user())
        return done.returncode, done.stdout, done.stderr

    def one(self, mode, at, error=0):
        """One fault, and the next try; (whether it was hit, troubles)."""
        self.bench.put(OLD.values())
        story = Story({**OLD, **NEW}, [*OLD, *NEW])
        self.bench.control.set(mode, at, error)
        status, _, said = self.run(True)
        hit = self.bench.control.hit
        trouble = []
        if status == 0 and mode != KILL:
            trouble = [f"complete, but {t}" for t in look(self.bench, story)]
        if status != 0 and mode != KILL and not said:
            trouble.append("not a word")
        if at % 3 == 0:
            late = make(f"late{next(self.numbers)}")
            check(self.bench.deliver(late), "a delivery fails")
            story.add(late.split()[1].decode(), late, True)
            story.ordered = False
        for _ in range(2):
            again, _, said = self.run(False)
            if again != 0:
                trouble.append(f"the next try: {again} {said[-200:]}")
            trouble += look(self.bench, story)
        told = self.bench.uidls()
        if self.uidls and [u for u in told if u.startswith("id")] != [
                f"id{n + 2:02}" for n in range(len(NEW))]:
            trouble.append(f"UIDLs {told}")
        left = [n for n in self.bench.litter() if n.endswith(".lock")]
        return hit, trouble + [f"LEFT {name}" for name in left]

    def calls(self):
        """The calls without a fault."""
        for _ in range(2):
            self.bench.put(OLD.values())
            self.bench.control.set(COUNT)
            status, _, said = self.run(True)
            equal(status, 0, said)
        return list(enumerate(self.bench.control.calls(), 1))

    def sweep(self, points):
        """A fault at each point: (mode, number, error)."""
        check(points, "no calls")
        hits, troubles = 0, []
        for mode, at, error in points:
            hit, found = self.one(mode, at, error)
            hits += bool(hit)
            if found:
                troubles.append((mode, at, error, found[:3]))
        check(hits > len(points) * 0.8, f"{hits} of {len(points)} hit")
        equal(troubles[:5], [], f"{len(troubles)} troubles")

    def all(self):
        """The sweeps, each a test."""
        with tap.case(f"{self.name}: killed at any call"):
            calls = self.calls()
            tap.diag(f"{len(calls)} calls")
            self.sweep(sample([(KILL, n, 0) for n, _ in calls], MOST))
        with tap.case(f"{self.name}: killed in the middle of a write"):
            self.sweep(sample([(HALF, n, 0) for n, c in calls
                               if c[0] in WRITES], MOST // 2))
        with tap.case(f"{self.name}: a call fails"):
            points = [(FAIL, n, getattr(errno, e)) for n, c in calls
                      for e in ERRORS.get(c[0], ()) if c[1] != "bob.lock"]
            self.sweep(sample(points, MOST))
        with tap.case(f"{self.name}: half of a write is no failure"):
            self.sweep(sample([(SHORT, n, 0) for n, c in calls
                               if c[0] in WRITES], MOST // 4))


class Import(Verb):
    """From an mbox, with a list of UIDLs."""

    name = "import"

    def words(self):
        return ("--import", "bob", self.source, "--uidls",
                self.bench.dir / "list")

    def prepare(self):
        (self.bench.dir / "list").write_text("".join(
            f"{n} id{n:02}\n" for n in range(1, len(NEW) + 2)))
        super().prepare()


class ImportMaildir(Verb):
    """From a Maildir, with the names of its files."""

    name = "import-maildir"

    def words(self):
        return "--import", "bob", self.source, "--uidls", "names"

    def prepare(self):
        for folder in ("new", "cur", "tmp"):
            (self.source / folder).mkdir(parents=True)
        for n, message in enumerate([OLD["old1"], *NEW.values()], 1):
            path = self.source / ("new" if n % 2 else "cur") / f"id{n:02}"
            path.write_bytes(message.replace(b"\r\n", b"\n"))
        for path in [self.source, *self.source.rglob("*")]:
            self.bench.give(path)


class Restore(Verb):
    """From a backup."""

    name = "restore"
    uidls = False

    def words(self):
        return "--restore", "bob"


class Backup(Verb):
    """To standard output; nothing in the mailbox changes."""

    name = "backup"

    def words(self):
        return "--backup", "bob"

    def one(self, mode, at, error=0):
        self.bench.put([*OLD.values(), *NEW.values()])
        whole = self.bench.path.read_bytes()
        self.bench.control.set(mode, at, error)
        status, out, said = self.run(True)
        hit = self.bench.control.hit
        trouble = []
        if status == 0 and out != whole:
            trouble.append("complete, but it is not")
        if status != 0 and mode != KILL and not said:
            trouble.append("not a word")
        if self.bench.path.read_bytes() != whole:
            trouble.append("the mailbox has changed")
        if self.run(False)[:2] != (0, whole):
            trouble.append("the next one is not the mailbox")
        return hit, trouble


if __name__ == "__main__":
    with Bench() as fixture:
        try:
            fixture.compile()
        except Skip as why:
            tap.skip("killed in an import", why)
            tap.finish()
        fixture.configure(CONFIG, tls=False)
        fixture.own()
        for kind in (Import, ImportMaildir, Restore, Backup):
            kind(fixture).all()
    tap.finish()
