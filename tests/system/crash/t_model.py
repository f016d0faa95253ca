# SPDX-License-Identifier: ISC
"""The journal's specification (model.py): crashed, broken, compared with C.

Stories are seeded: a plan, a crash at some step, other programs at work, and
recoveries that crash too. The mailbox that comes out must be the old or the
new one and what was appended. Then the model is broken in each way that an
implementation might be, and that must be noticed. At last the C code, through
`tests/unit/t-journal --trace`, must do the very same to the disk for the same plan.
"""
import hashlib
import os
import random
import subprocess

from lib.scratch import BUILD
from lib.tap import Skip, Tap, check, equal
from lib.model import NO_DATA, Journal, Plan
from lib.model_disk import Crash, Disk

tap = Tap()
LONG = 10 if os.environ.get("RESTANTE_LONG") else 1
STORIES, BROKEN, TRACES = 6000 * LONG, 10000, 400 * LONG


def letters(rng, size, first="a", count=26):
    return bytes(ord(first) + rng.randrange(count) for _ in range(size))


def make_plan(rng, old):
    """Pieces stay, go, or are replaced by text. The plan, the new mailbox."""
    new, ranges, text, start, at = b"", [], b"", None, 0
    while at < len(old):
        size = min(rng.randint(1, 60), len(old) - at)
        fate = rng.random()
        keep = fate < .5 and (start is not None or at + size < len(old))
        if not keep and start is None:
            start = at
        if keep:
            new += old[at:at + size]
            if start is not None:
                ranges.append((at, size, 0))
        at += size
        if not keep and fate > .8:
            literal = letters(
                rng, rng.randint(0, min(80, at - len(new))), "A")
            ranges.append((len(text), len(literal), 1))
            text += literal
            new += literal
    return Plan(start, len(old), ranges, text), new


class Story:
    """One seed: returns from play() with what is wrong, or None."""

    def __init__(self, seed, kind):
        self.rng = rng = random.Random(seed)
        self.kind = kind
        self.batch = rng.choice((16, 48, 100))
        self.old = letters(rng, rng.randint(1, 400))
        self.plan, self.new = make_plan(rng, self.old)
        self.app = b""
        self.other = None
        self.restored = False
        self.crashes = 0
        # Sometimes the last message was appended without a sync.
        self.soft = rng.randint(1, min(40, len(self.old))) \
            if rng.random() < .1 else 0
        self.disk = Disk(self.old[:len(self.old) - self.soft],
                         rng.choice((8, 32, 512)), rng)
        # A restored mailbox is told from others by slots that are whole.
        self.disk.whole = self.disk.block == 512 and rng.random() < .5
        # What does not move is no sign of that, nor are a few octets.
        target, moves = self.plan.start, True
        for begin, size, is_text in self.plan.ranges:
            moves = moves and (is_text or begin > target)
            target += size
        rest = self.plan.total % self.batch
        self.may_restore = self.disk.whole and moves and not 0 < rest < 8
        if self.soft:
            self.disk.mailbox.write(len(self.old) - self.soft,
                                    self.old[-self.soft:], self.disk.block)

    def attempt(self, what, last):
        """A run or recovery that may end in a crash, by kill or power cut."""
        disk, rng = self.disk, self.rng
        disk.crash_at = disk.steps + rng.randint(1, last) if last else None
        try:
            what(self.kind(disk, self.batch))
        except Crash:
            self.crashes += 1
            if rng.random() < .6:
                disk.power_cut()
            return False
        finally:
            disk.crash_at = None
        if last and rng.random() < .3:
            disk.power_cut()
        return True

    def others(self):
        """Other programs append, rewrite all, or restore a backup."""
        disk, rng = self.disk, self.rng
        if self.soft or rng.random() > .4:
            return
        if rng.random() < .1 and self.plan.size > self.plan.new_size + 8:
            self.app, self.other = b"", letters(rng, rng.randint(0, 600), "A")
            disk.mailbox.cut(0, disk.block)
            disk.mailbox.write(0, self.other, disk.block)
            disk.inode += rng.randrange(2)
        elif rng.random() < .1 and self.other is None \
                and self.may_restore and not self.app:
            self.restored = True
            disk.mailbox.cut(0, disk.block)
            disk.mailbox.write(0, self.old, disk.block)
        else:
            more = letters(rng, rng.randint(1, rng.choice((40, 400))),
                           chr(ord("0") + 2 * min(4, len(self.app) % 5)), 2)
            disk.mailbox.write(len(disk.mailbox.now), more, disk.block)
            self.app += more
        disk.mailbox.sync()

    def wrong(self):
        got = bytes(self.disk.mailbox.now)
        if self.disk.names.get("journal.lost") and self.other is None \
                and not self.restored:
            return "set aside, though nobody had rewritten the mailbox"
        if self.disk.names.get("journal"):
            return "the journal stays"
        if self.other is not None:
            return None if got == self.other + self.app else "not the other's"
        if got in (self.new + self.app, self.old + self.app):
            return None
        whole = self.old[:len(self.old) - self.soft]
        if self.soft and got[:len(whole)] == whole and \
                len(got) <= len(self.old):
            return None         # what was torn had not been synced
        return f"{got} is neither the old nor the new mailbox"

    def play(self):
        done = self.attempt(lambda j: j.run(self.plan), 60)
        for _ in range(self.rng.randrange(4)):
            self.others()
            self.attempt(lambda j: j.recover(), self.rng.choice((8, 40)))
        for _ in range(2):      # what was found good stays so
            self.attempt(lambda j: j.recover(), 0)
            if self.wrong():
                return self.wrong()
            self.disk.power_cut()
        self.attempt(lambda j: j.recover(), 0)
        if done and self.other is None and not self.restored and \
                bytes(self.disk.mailbox.now) != self.new + self.app:
            return "not the new mailbox, after a success"
        return self.wrong()


def test_crashes():
    """Whatever the crash, the old or the new mailbox comes out"""
    crashes = 0
    for seed in range(STORIES):
        story = Story(seed, Journal)
        wrong = story.play()
        check(not wrong, f"story {seed}: {wrong}")
        crashes += story.crashes
    tap.diag(f"{STORIES} stories, {crashes} crashes")
    check(crashes > STORIES / 2, "hardly any crashes")


# ---- the model, broken ----

class PlainShift(Journal):
    """no journal at all, one sync at the end"""

    def run(self, plan):
        self.plan = plan
        while self.position < plan.total:
            size = min(self.batch, plan.total - self.position)
            data = self.stream(self.position, size)
            self.disk.write(self.mailbox, plan.start + self.position, data)
            self.position += size
        self.disk.cut(self.mailbox, plan.new_size)
        self.disk.sync(self.mailbox)


class Unsynced:
    """A disk whose syncs do nothing."""

    def __init__(self, disk):
        self._disk = disk

    def __getattr__(self, name):
        return getattr(self._disk, name)

    def sync(self, *_):
        self._disk.step()

    def sync_names(self):
        self._disk.step()


class BlindRecovery(Journal):
    """no look at whether the mailbox was restored from a backup"""

    def is_behind(self, slots):
        return False


def without_sync(method):
    """A method of the journal, with its syncs left out."""
    original = getattr(Journal, method)

    def quiet(self, *args):
        disk, self.disk = self.disk, Unsynced(self.disk)
        try:
            return original(self, *args)
        finally:
            self.disk = disk
    return quiet


class UncommittedBatches(Journal):
    """no sync of the journal before the mailbox is written"""
    write_slot = without_sync("write_slot")


class UnsyncedBatches(Journal):
    """no sync of the mailbox before the next batch is committed"""
    settle = without_sync("settle")


class UnsyncedCut(Journal):
    """no fsync of the mailbox before the journal is unlinked"""
    cut = without_sync("cut")


class UnsyncedPlan(Journal):
    """no sync of the plan, nor of what others appended before"""
    write_plan = without_sync("write_plan")


class UnsyncedName(Journal):
    """no fsync of the directory"""

    def __init__(self, disk, *args):
        super().__init__(disk, *args)
        self.disk = QuietDirectory(disk)


class QuietDirectory(Unsynced):
    """A disk where the sync of the directory alone does nothing."""

    def sync(self, *args):
        self._disk.sync(*args)


class SingleArea(Journal):
    """one data area instead of two"""

    def area(self, serial):
        return super().area(0)


class SingleSlot(Journal):
    """one slot and one area instead of two"""

    def write_slot(self, slot):
        saved, self.serial = self.serial, 0
        super().write_slot(slot)
        self.serial = saved

    def area(self, serial):
        return super().area(0)


class NeverCopies(Journal):
    """no copy of batches that overlap their source"""

    def kind(self, length):
        return NO_DATA


class TrustingRecovery(Journal):
    """the recovery takes for durable what it can read"""

    def commit_again(self, slot, data=None):
        pass


class HastyRecovery(Journal):
    """the recovery does not know a cut whose zeros came first"""

    def zeroed(self):
        return False


class CutForgotten(Journal):
    """the recovery does not sync a cut that it finds done"""
    finish_cut = without_sync("finish_cut")


class InPlaceExtension(Journal):
    """the extended plan is written over the old one"""

    def replace_journal(self):
        self.write_plan()


class DeafRecovery(Journal):
    """what others have appended is not seen"""

    def extend(self):
        pass


class CarelessRecovery(Journal):
    """no look at whether others have rewritten the mailbox"""

    def landmarks(self):
        return bytes(16), bytes(16)


def broken(kind):
    """At least one story must go wrong; the number of the first."""
    with tap.case(f"caught: {kind.__doc__}"):
        for seed in range(BROKEN):
            try:
                wrong = Story(seed, kind).play()
            except (AssertionError, IndexError, TypeError) as error:
                wrong = repr(error)
            if wrong:
                tap.diag(f"{kind.__name__}: story {seed}")
                return
        check(False, f"{BROKEN} stories, and nothing was noticed")


# ---- the C code ----

def c_line(plan, batch, fate, step, appended):
    ranges = " ".join(f"{'t' if t else 'm'}{a}:{n}"
                      for a, n, t in plan.ranges)
    return f"{batch} {plan.start} {plan.size} {fate} {step} {appended} " \
           f"{ranges}\n"


def model_trace(plan, batch, fate, step, appended):
    """What the model does, in the words of t-journal --trace."""
    old = bytes(ord("a") + (i * 2654435761 % 2**32 >> 24) % 26
                for i in range(plan.size))
    disk = Disk(old)
    disk.crash_at = step if fate != "none" else None

    def state():
        value = hashlib.sha256(disk.mailbox.now).hexdigest()[:16]
        disk.log.append(f"mailbox {len(disk.mailbox.now)} {value}")

    try:
        Journal(disk, batch).run(plan)
    except Crash:
        disk.log.append(fate)
        if fate == "power":
            disk.power_cut()
    disk.crash_at = None
    for i in range(appended):
        disk.mailbox.write(len(disk.mailbox.now), b"%d" % (i % 10), 512)
        disk.mailbox.sync()
    state()
    Journal(disk, batch).recover()
    state()
    return disk.log


def test_same_as_c():
    """The C code does to the disk what the model does"""
    program = BUILD / "tests/unit/t-journal"
    if not program.exists():
        raise Skip("tests/unit/t-journal is not built")
    cases = []
    for seed in range(TRACES):
        rng = random.Random(seed)
        plan, _ = make_plan(rng, letters(rng, rng.randint(1, 600)))
        text = bytes(ord("A") + i % 26 for i in range(len(plan.text)))
        plan.text = text
        cases.append((plan, rng.choice((16, 48, 100, 4096)),
                      rng.choice(("none", "power", "kill", "kill")),
                      rng.randint(1, 50), rng.choice((0, 0, 7, 700))))
    done = subprocess.run(
        [program, "--trace"], input="".join(c_line(*c) for c in cases),
        capture_output=True, text=True, check=True)
    blocks = done.stdout.split("\n.\n")
    equal(len(blocks), len(cases) + 1, "answers")
    for case, block in zip(cases, blocks):
        got, expected = block.splitlines(), model_trace(*case)
        for number, (ours, theirs) in enumerate(zip(expected, got)):
            check(ours == theirs, f"plan {c_line(*case)}line {number}: the "
                  f"model does {ours!r}, the C code {theirs!r}")
        equal(len(got), len(expected), f"lines for {c_line(*case)}")
    tap.diag(f"{len(cases)} plans, "
             f"{sum(len(b.splitlines()) for b in blocks)} operations")


if __name__ == "__main__":
    tap.run(globals())
    for broken_kind in Journal.__subclasses__():
        broken(broken_kind)
    tap.finish()
