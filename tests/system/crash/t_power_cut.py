# SPDX-License-Identifier: ISC
"""The power goes, at every point of a delivery, of QUIT, and of a recovery.

strace records what a session does to the files; lib/powercut.py makes of each
beginning of that the states that a disk may be in after a power cut. In each
of them our programs are run again. What was acknowledged must be there once
and whole, all deletions of a session have happened or none, and an
acknowledged deletion has.

The programs see another boot id afterwards: it lies in a file that is mounted
over the kernel's, which takes root and a mount namespace. Without that only
the state that a kill leaves is tried.
"""
import hashlib
import os
import random
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

from lib import powercut
from lib.namespace import again
from lib.scratch import LONG, tool
from lib.sweep import (COUNT, HALF, NO_SYNC, Bench, Story, look, make, sample)
from lib.tap import Skip, Tap, check, equal

tap = Tap()
MAPPED = ("stats", "penalties")     # written without calls; made anew
MOST = 30           # states of one scenario, without RESTANTE_LONG
SEED = int(os.environ.get("RESTANTE_SEED", "1"))
INSIDE = "--inside"
BOOT_ID = "/proc/sys/kernel/random/boot_id"
OLD = {f"old{i}": make(f"old{i}", 5000) for i in range(6)}
DELETE = (2, 4, 5)


class Boot:
    """The boot id, if it is ours to change."""

    path = None

    @classmethod
    def mount(cls, folder):
        """Puts a file of ours over it."""
        cls.path = folder / "boot_id"
        cls.path.write_text("")
        cls.path.chmod(0o644)
        cls.new()
        subprocess.run(["mount", "--bind", cls.path, BOOT_ID], check=True)

    @classmethod
    def new(cls):
        """Another boot; in place, for the file is mounted."""
        if cls.path:
            with open(cls.path, "r+", encoding="ascii") as file:
                file.write(f"{uuid.uuid4()}\n")


class Scenario:
    """What is recorded, and what must be true after each beginning of it."""

    small = True        # messages whose note does not outlive a power cut
    fault = COUNT

    def __init__(self, bench):
        self.bench = bench
        self.roots = (bench.mail, bench.dir / "state")
        self.tried = 0

    def begin(self):
        """Puts the mailbox as it is before."""
        raise NotImplementedError

    def act(self, before):
        """The session; before: what to put in front of the program."""
        raise NotImplementedError

    def story(self, acknowledged):
        """What must be there; acknowledged: the reply was sent."""
        raise NotImplementedError

    def record(self):
        """(operations, files before, folders before)."""
        self.begin()
        self.bench.own()
        files, folders = {}, []
        for root in self.roots:
            for path in [root, *root.rglob("*")]:
                if path.is_dir():
                    folders.append(str(path))
                elif path.name not in MAPPED:
                    files[str(path)] = path.read_bytes()
        trace = self.bench.dir / "trace"
        trace.unlink(missing_ok=True)
        self.bench.control.set(self.fault)
        check(self.act(powercut.strace(trace)), "the session fails")
        operations = powercut.read(trace, self.roots)
        check(any(o[0] == "ack" for o in operations), "no reply seen")
        self.same_end(operations, files, folders)
        return operations, files, folders

    def same_end(self, operations, files, folders):
        """What was recorded must lead to what is there now."""
        disk = powercut.Disk(files, folders)
        for operation in operations:
            disk.play(operation)
        for path, content in disk.state().items():
            if content is not None and Path(path).name not in MAPPED:
                with open(path, "rb") as file:
                    check(file.read() == content,
                          f"{path} is not what was recorded")

    def states(self):
        """(model, how far, acknowledged, state), each state once."""
        operations, files, folders = self.record()
        chance = random.Random(SEED)
        disk = powercut.Disk(files, folders)
        seen = set()
        done = False
        for at, operation in enumerate([None] + operations):
            if operation:
                done = done or operation[0] == "ack"
                disk.play(operation)
            found = [("kill", disk.state())]
            if Boot.path:
                found += disk.states(chance, 10 if LONG else 3)
            for model, state in found:
                key = hashlib.sha256(repr((done, model == "kill", sorted(
                    (k, v and hashlib.sha256(v).digest())
                    for k, v in state.items()))).encode()).digest()
                if key not in seen:
                    seen.add(key)
                    yield model, at, operation, done, state

    def rebuild(self, state):
        """Makes the files be as in the state."""
        bench = self.bench
        shutil.rmtree(bench.dir / "state")
        (bench.dir / "state").mkdir()
        bench.clear()
        if str(bench.path) in state:
            bench.put([], state[str(bench.path)])
        else:
            bench.path.unlink(missing_ok=True)
        for path, content in sorted(state.items()):
            if path == str(bench.path) or path in map(str, self.roots):
                continue
            if content is None:
                os.mkdir(path)
            else:
                with open(path, "wb") as file:
                    file.write(content)
                if path.endswith(".lock"):
                    os.utime(path, (0, 0))  # a reboot takes its time
        bench.own()

    def after(self, model, done):
        """Our programs on that; what is wrong."""
        bench = self.bench
        story = self.story(done)
        story.fragments = self.small and model != "kill"
        self.tried += 1
        if self.tried % 2:
            trouble = look(bench, story)
        else:
            trouble = []
        message = make(f"later{self.tried}")
        check(bench.deliver(message), "the next delivery fails")
        story.add(f"later{self.tried}", message, True)
        return trouble + look(bench, story)

    def troubles(self, tap, most):
        """All that is wrong in as many states."""
        found = []
        states = list(self.states())
        chosen = sample(states, most)
        for model, at, operation, done, state in chosen:
            self.rebuild(state)
            if model != "kill":
                Boot.new()
            try:
                trouble = self.after(model, done)
            except AssertionError as problem:
                trouble = [f"{problem}"[:500]]
            if trouble:
                last = "" if operation is None else " ".join(
                    os.path.basename(str(x))[:20] for x in operation[:3])
                found.append(f"{model} after {at} ({last}): {trouble[:3]}")
        tap.diag(f"{len(chosen)} of {len(states)} states")
        return found

    def run(self, tap, name, most=MOST):
        """One test."""
        with tap.case(name):
            found = self.troubles(tap, most)
            equal(found[:8], [], f"{len(found)} troubles (seed {SEED})")


class Delivery(Scenario):
    """Into a mailbox with messages."""

    size = 30000
    old = OLD

    def begin(self):
        self.bench.put(self.old.values())
        self.bench.list()       # so that there is an index

    def act(self, before):
        return self.bench.deliver(make("new", self.size), before=before,
                                  fault=self.fault != COUNT)

    def story(self, acknowledged):
        story = Story(self.old, self.old)
        story.add("new", make("new", self.size), acknowledged)
        return story


class LargeDelivery(Delivery):
    """One with a durable note."""

    size = 1100000
    small = False


class FirstDelivery(Delivery):
    """There is no mailbox yet."""

    old = {}

    def begin(self):
        super().begin()
        self.bench.path.unlink()


class Quit(Scenario):
    """Deletes in the middle: the journal."""

    small = False
    delete = DELETE

    def begin(self):
        self.bench.put(OLD.values())
        self.bench.list()

    def act(self, before):
        return self.bench.pop(self.delete, before=before,
                              fault=self.fault != COUNT)[1]

    def story(self, acknowledged):
        names = list(OLD)
        doomed = [names[n - 1] for n in self.delete]
        story = Story(OLD, [n for n in names if n not in doomed], doomed)
        story.gone = acknowledged
        return story


class QuitEnd(Quit):
    """Deletes at the end: one truncation."""

    delete = (5, 6)


class FirstQuit(Quit):
    """The first session for that user: there is no folder yet."""

    def begin(self):
        self.bench.put(OLD.values())
        shutil.rmtree(self.bench.home.parent, ignore_errors=True)


class Recovery(Quit):
    """A session that finishes what another one was killed in."""

    foreign = False
    saved = None

    def begin(self):
        bench = self.bench
        if self.saved is None:
            bench.put(OLD.values())
            bench.control.set(COUNT)
            check(bench.pop(self.delete, fault=True)[1], "QUIT fails")
            at = [n for n, call in enumerate(bench.control.calls(), 1)
                  if call == ("pwrite", "bob")][-1]
            bench.put(OLD.values())
            bench.control.set(HALF, at)
            bench.pop(self.delete, fault=True)
            check((bench.home / "journal").exists(), "no journal")
            self.saved = bench.save()
        bench.restore(self.saved)
        if self.foreign:
            bench.foreign(make("other", 9000))

    def act(self, before):
        return self.bench.pop(before=before, fault=self.fault != COUNT)[1]

    def story(self, acknowledged):
        story = super().story(False)
        if self.foreign:
            story.add("other", make("other", 9000), True)
        return story


class RecoveryGrown(Recovery):
    """The same, and another program has appended meanwhile."""

    foreign = True


def cases_controls(bench):
    """Without syncs the same checks must see losses."""
    def case(name, scenario, words):
        with tap.case(f"control: {name}"):
            bench.compile()
            if not Boot.path:
                raise Skip("needs root, for another boot id")
            scenario.fault = NO_SYNC
            scenario.small = False
            found = " ".join(scenario.troubles(tap, 150))
            check(any(word in found for word in words), found or "no trouble")

    case("without fdatasync a delivery loses", Delivery(bench),
         ("LOST new",))
    case("without syncs QUIT tears a mailbox", Quit(bench),
         ("TORN old", "LOST old"))


def cases_scenarios(bench):
    """All of them."""
    Delivery(bench).run(tap, "power cut in a delivery")
    FirstDelivery(bench).run(tap, "power cut in the first delivery")
    LargeDelivery(bench).run(tap, "power cut in a delivery of 1.1 MB")
    Quit(bench).run(tap, "power cut in QUIT", MOST * 2)
    FirstQuit(bench).run(tap, "power cut in the first session of a user")
    QuitEnd(bench).run(tap, "power cut in QUIT, only the end goes", MOST // 2)
    Recovery(bench).run(tap, "power cut in a recovery")
    RecoveryGrown(bench).run(
        tap, "power cut in a recovery with a message appended since", MOST * 2)


def all_tests():
    """The whole, in whatever namespace."""
    with Bench() as bench:
        if INSIDE in sys.argv:
            Boot.mount(bench.dir)
        try:
            tap.run(globals(), bench)
        finally:
            if Boot.path:
                subprocess.run(["umount", BOOT_ID], check=True)


def run_inside():
    """Runs this program again in a mount namespace; whether that worked."""
    if os.geteuid() != 0 or not tool("unshare") or not tool("mount"):
        raise Skip("another boot id needs root, unshare and mount")
    again(tap, INSIDE, ("mount", "--bind", "/dev/null", BOOT_ID))


if __name__ == "__main__":
    if INSIDE in sys.argv:
        all_tests()
        tap.finish()
    inside = False
    with tap.case("after a power cut there is another boot id"):
        run_inside()
        inside = True
    if not inside and not tap.failed:
        all_tests()
    tap.finish()
