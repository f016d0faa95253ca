# SPDX-License-Identifier: ISC
"""Every call of the process that works on a mailbox fails, one at a time.

And then also: a disk that is full, or broken, from some call on, and calls
that do half of what they were asked for. The client hears a temporary failure
or a success that is durable; the mailbox is the old or the new one; nothing
that is left is in the way of the next session; and what could not be synced
is never acknowledged.
"""
import errno
import itertools

from lib import mbox
from lib.sweep import (COUNT, FAIL, FAIL_ON, NO_SYNC, SHORT, TINY, Bench,
                       Story, look, make, sample)
from lib.tap import Tap, check, equal

tap = Tap()
MOST = 36       # failures in one sweep, without RESTANTE_LONG
OLD = {f"old{i}": make(f"old{i}") for i in range(6)}
NAMES = list(OLD)
FULL = ("ENOSPC", "EDQUOT", "EIO")
ERRORS = {
    "open": ("ENOSPC", "EIO", "ENOMEM", "EMFILE", "EINTR"), "mkdir": FULL,
    "read": ("EIO", "EINTR"), "pread": ("EIO", "EINTR", "ENOMEM"),
    "write": FULL + ("EINTR",), "pwrite": FULL + ("EINTR",),
    "fsync": FULL, "fdatasync": FULL, "ftruncate": ("EIO", "EINTR"),
    "posix_fallocate": ("ENOSPC", "EIO", "EINTR", "EOPNOTSUPP"),
    "linkat": ("ENOSPC", "EIO"), "unlinkat": ("EIO", "EROFS"),
    "renameat": ("ENOSPC", "EIO"), "fcntl": ("ENOLCK", "EINTR", "EIO"),
    "mmap": ("ENOMEM",), "fstat": ("EIO", "ENOMEM"), "fstatat": ("EIO",),
    "faccessat": ("EIO", "ENOMEM"), "close": ("EIO", "ENOSPC"),
    "utimensat": ("EIO",)}
LASTING = {
    "a full disk": ("ENOSPC", ("write", "pwrite", "posix_fallocate", "linkat",
                               "mkdir", "fsync", "fdatasync")),
    "a disk that cannot be written": ("EIO", (
        "write", "pwrite", "fsync", "fdatasync", "ftruncate", "unlinkat",
        "renameat", "linkat", "posix_fallocate")),
    "a disk that cannot be read": ("EIO", ("read", "pread", "mmap")),
    "no memory": ("ENOMEM", ("mmap", "open")),
}


LATER = "-ERR [SYS/TEMP] Some messages may be there still, until the next " \
    "login"
UNSYNCED = "-ERR [SYS/TEMP] Messages may come back, they are not deleted for " \
    "good"


class Sweep:
    """One scenario; see begin() and act()."""

    old = OLD
    # Syncs that may fail and a success follow: without a folder of the user's
    # own (made by the session, below "users") mail is delivered all the same.
    # The index is a cache.
    excused = ("users", "..", "index")

    def __init__(self, bench):
        self.bench = bench
        self.troubles = []
        self.faults = self.refused = 0
        self.numbers = itertools.count()

    def begin(self):
        """Puts the mailbox as it is before; returns the Story."""
        raise NotImplementedError

    def act(self, story):
        """What meets the fault; returns whether it was acknowledged."""
        raise NotImplementedError

    def at_once(self, _story, _done):
        """What must be so before anybody else looks; troubles."""
        return []

    def count(self):
        """The calls of the scenario without a fault."""
        self.begin()
        story = self.begin()
        self.bench.control.set(COUNT)
        check(self.act(story), "without a fault it fails")
        return self.bench.control.calls()

    def one(self, name, mode, at, error=0, only=()):
        """One fault; notes what is wrong then."""
        story = self.begin()
        self.bench.control.set(mode, at, error, only)
        trouble = []
        try:
            done = self.act(story)
            hit = self.bench.control.hit
            calls = self.bench.control.calls()
            call, path = calls[hit - 1] if 0 < hit <= len(calls) else ("", "")
            self.faults += bool(hit)
            self.refused += not done
            if done and mode in (FAIL, FAIL_ON) \
                    and path not in self.excused and call in ("fsync", "fdatasync"):
                trouble.append("a success though the sync has failed")
            if not done and mode in (SHORT, TINY):
                trouble.append("half of a call is no reason to fail")
            trouble += self.at_once(story, done)
            trouble += self.after(story)
        except AssertionError as problem:
            call = path = "?"
            trouble.append(f"{problem}"[:600])
        if trouble:
            self.troubles.append(f"{name} at {at} ({call} {path}): "
                                 f"{trouble[:4]}")

    def after(self, story):
        """The next sessions, without a fault."""
        trouble = look(self.bench, story)
        message = make(f"later{next(self.numbers)}")
        check(self.bench.deliver(message), "the next delivery fails")
        story.add(message.split()[1].decode(), message, True)
        trouble += look(self.bench, story)
        left = [n for n in self.bench.litter() if n.endswith(".lock")] + [
            p.name for p in self.bench.home.iterdir()
            if p.name.startswith("journal")
            and p.name != "journal.spare"]
        return trouble + [f"LEFT {name}" for name in left]

    def once(self, tap, name, most=MOST):
        """Each call fails once, in each of its ways."""
        with tap.case(name + ": each call fails once"):
            # Not to see one's own lock, or not to get rid of it, only takes
            # its time, half a minute.
            cases = [(n, error) for n, (call, path)
                     in enumerate(self.count(), 1)
                     for error in ERRORS.get(call, ())
                     if path != "bob.lock"]
            chosen = sample(cases, most)
            # A sync that fails is what matters most: all of them, always.
            chosen += [case for case in cases if case not in chosen
                       and self.is_sync(case[0]) and case[1] == "EIO"]
            for at, error in chosen:
                self.one(error, FAIL, at, getattr(errno, error))
            self.report(tap, f"{len(chosen)} of {len(cases)}")

    def is_sync(self, at):
        """Whether that call (of the last count) was one."""
        calls = self.bench.control.calls()
        return at <= len(calls) and calls[at - 1][0] in ("fsync", "fdatasync")

    def lasting(self, tap, name, most=MOST):
        """From some call on all that need the disk fail."""
        with tap.case(name + ": a full or broken disk from some call on"):
            calls = self.count()
            cases = [(n, why) for why, (_, only) in LASTING.items()
                     for n, (call, _) in enumerate(calls, 1) if call in only]
            chosen = sample(cases, most)
            for at, why in chosen:
                error, only = LASTING[why]
                self.one(why, FAIL_ON, at, getattr(errno, error), only)
            self.report(tap, f"{len(chosen)} of {len(cases)}")

    def short(self, tap, name):
        """Reads and writes that do half of it."""
        with tap.case(name + ": short reads and writes change nothing"):
            cases = [n for n, (call, _) in enumerate(self.count(), 1)
                     if call in ("read", "pread", "write", "pwrite")]
            for at in sample(cases, 12):
                self.one("short", SHORT, at)
            self.one("all short", TINY, 0)
            self.report(tap, f"{len(cases)}")

    def report(self, tap, what):
        """Fails the test if anything was wrong."""
        tap.diag(f"{what}: {self.faults} faults, {self.refused} refused")
        check(self.faults, "no fault happened")
        self.faults = self.refused = 0
        found, self.troubles = self.troubles, []
        equal(found[:8], [], f"{len(found)} troubles")


class Delivery(Sweep):
    """Into a mailbox with messages."""

    size = 0

    def begin(self):
        self.bench.put(self.old.values())
        self.before = self.bench.path.read_bytes()
        return Story(self.old, self.old)

    def act(self, story):
        message = make("new", self.size)
        done = self.bench.deliver(message, fault=True)
        story.add("new", message, done)
        return done

    def at_once(self, story, done):
        """The old mailbox, or the new one, unless it could not be cut."""
        now = self.bench.path.read_bytes()
        could = not any(call == ("ftruncate", "bob")
                        for call in self.bench.control.calls())
        if now == self.before:
            return ["250, and nothing is there"] if done else []
        if not done and could:
            return ["refused, and not taken back"]
        try:
            mbox.parse(now)
        except AssertionError as error:
            return [f"MALFORMED {error}"] if done else []
        return []


class IndexedDelivery(Delivery):
    """Into a mailbox that has an index, which is made longer in place."""

    def begin(self):
        story = super().begin()
        self.bench.uidls()
        return story


class IndexedLogin(Sweep):
    """A session that makes the index longer, and fills UIDLs in."""

    def begin(self):
        self.bench.put(self.old.values())
        self.bench.uidls()
        story = Story(self.old, self.old)
        message = make("other")
        self.bench.foreign(message)
        story.add("other", message, True)
        return story

    def act(self, story):
        return len(self.bench.uidls(fault=True)) == len(self.old) + 1


class LargeDelivery(Delivery):
    """One with a durable note."""

    size = 1100000


class FirstDelivery(Delivery):
    """There is no mailbox yet."""

    old = {}

    def begin(self):
        self.bench.path.unlink(missing_ok=True)
        story = super().begin()
        self.bench.path.unlink()
        return story

    def at_once(self, story, done):
        if not self.bench.path.exists():
            return ["250, and nothing is there"] if done else []
        return super().at_once(story, done)


class Quit(Sweep):
    """Deletes in the middle: the journal."""

    delete = (2, 4, 5)
    said = None     # to QUIT
    later = 0       # how often that the next login goes on

    def begin(self):
        self.bench.put(self.old.values())
        doomed = [NAMES[n - 1] for n in self.delete]
        return Story(self.old, [n for n in NAMES if n not in doomed], doomed)

    def act(self, story):
        _, story.gone = self.bench.pop(self.delete, fault=True)
        self.said = self.bench.said
        return story.gone

    def after(self, story):
        """What QUIT has said is what the next sessions find."""
        said = self.said
        trouble = super().after(story)
        if said is None or said.startswith("+OK"):
            return trouble
        later = said in (LATER, UNSYNCED)
        self.later += said == LATER
        there = [story.texts[i] for i in story.doomed]
        there = [t for t in there if any(w.endswith(t)
                                         for w in self.bench.list())]
        if later and there:
            trouble.append(f"NEVER {len(there)} messages after {said!r}")
        if not later and len(there) != len(story.doomed):
            trouble.append(f"GONE {len(there)} messages after {said!r}")
        return trouble


class QuitEnd(Quit):
    """Deletes at the end: that can be done without a journal."""

    delete = (5, 6)
    excused = ("users", "..", "journal", "home")


class Recovery(Quit):
    """A session that has to finish what another one was killed in."""

    saved = None

    def begin(self):
        story = super().begin()
        if self.saved is None:
            self.bench.control.set(COUNT)
            super().act(story)
            calls = self.bench.control.calls()
            at = [n for n, call in enumerate(calls, 1)
                  if call == ("fdatasync", "bob")][-1]
            super().begin()
            # It fails at the last one, and so leaves its journal.
            self.bench.control.set(FAIL, at, errno.EIO)
            super().act(story)
            check((self.bench.home / "journal").exists(), "no journal")
            self.saved = self.bench.save()
        self.bench.restore(self.saved)
        story.gone = False
        message = make("other")
        self.bench.foreign(message)
        story.add("other", message, True)
        return story

    def act(self, story):
        self.said = None
        return self.bench.pop(read=True, fault=True)[1]


def cases_controls(bench):
    """The checks must see what they are there for."""
    with tap.case("control: a success with a failed sync is noticed"):
        sweep = Delivery(bench)
        at = sweep.count().index(("fdatasync", "bob")) + 1
        # The preloaded library hides the failure from the program.
        sweep.act = lambda story: Delivery.act(sweep, story) or True
        sweep.one("EIO", FAIL, at, errno.EIO)
        check("the sync has failed" in " ".join(sweep.troubles),
              f"{sweep.troubles}")
        check("nothing is there" in " ".join(sweep.troubles),
              f"{sweep.troubles}")
    with tap.case("control: the library can make syncs do nothing"):
        sweep = Quit(bench)
        story = sweep.begin()
        bench.control.set(NO_SYNC)
        check(sweep.act(story), "QUIT fails")
        equal(look(bench, story), [], "without a crash that is unseen")


def cases_sweeps(bench):
    """All of them."""
    for kind, name in ((Delivery, "delivery"),
                       (FirstDelivery, "the first delivery to a mailbox"),
                       (IndexedDelivery, "a delivery that adds to the index"),
                       (IndexedLogin, "a login that adds to the index"),
                       (LargeDelivery, "a delivery of 1.1 MB"),
                       (Quit, "QUIT with deletions"),
                       (QuitEnd, "QUIT, only the end goes"),
                       (Recovery, "recovery")):
        sweep = kind(bench)
        sweep.once(tap, name)
        sweep.lasting(tap, name, MOST // 2)
        sweep.short(tap, name)
        if kind is Quit:
            tap.ok(sweep.later, "QUIT, at some faults, says that the next "
                   "login goes on")


if __name__ == "__main__":
    with Bench() as fixture:
        with tap.case("the calls of our programs can be counted"):
            fixture.compile()
        if fixture.library.exists():
            tap.run(globals(), fixture)
    tap.finish()
