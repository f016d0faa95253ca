# SPDX-License-Identifier: ISC
"""SIGKILL at every call of the process that works on a mailbox.

A delivery, deletions at QUIT (small, only the end, several batches) and the
recovery from either, once for each call, and once more in the middle of each
write. Afterwards our programs go on as if nothing had been, in one of several
ways. What was acknowledged is there once and whole, all deletions of a
session happened or none, and nobody has to wait.
"""
import itertools

from lib.sweep import (COUNT, HALF, KILL, Bench, Story, look, make, sample)
from lib.tap import Tap, check, equal

tap = Tap()
MOST = 20       # kills in one sweep, without RESTANTE_LONG
BIG = 20 * 1024 * 1024
OLD = {f"old{i}": make(f"old{i}") for i in range(6)}
DELETE = (2, 4, 5)
DOOMED = [f"old{n - 1}" for n in DELETE]


class Sweep:
    """One scenario: how it begins, and what is killed."""

    def __init__(self, bench, ways=("pop", "deliver", "foreign")):
        self.bench = bench
        self.ways = itertools.cycle(ways)
        self.number = 0
        self.troubles = []
        self.kills = 0
        self.pending = 0        # kills that left work to be finished

    def begin(self):
        """Puts the mailbox as it is before; returns the Story."""
        raise NotImplementedError

    def act(self, story):
        """What is killed; returns whether it was acknowledged."""
        raise NotImplementedError

    def new(self, story, kind):
        """Another message for what comes after."""
        ident = f"{kind}{self.number}"
        message = make(ident)
        self.number += 1
        if kind == "foreign":
            self.bench.foreign(message)
        else:
            check(self.bench.deliver(message), "the next delivery fails\n"
                  + self.bench.notes())
        story.add(ident, message, True)

    def after(self, story, way):
        """The next programs; what is wrong then."""
        if (self.bench.home / "journal").exists():
            self.pending += 1
        if way in ("foreign", "twice"):
            self.new(story, "foreign")
        if way == "deliver":
            self.new(story, "later")
        trouble = look(self.bench, story)
        if way != "deliver":
            self.new(story, "later")
            trouble += look(self.bench, story)
        left = [n for n in self.bench.litter() if n.endswith(".lock")]
        left += [p.name for p in self.bench.home.iterdir()
                 if p.name.startswith("journal")
                 and p.name != "journal.spare"]
        return trouble + [f"LEFT {name}" for name in left]

    def one(self, mode, at):
        """Kills at one call; notes what is wrong."""
        way = next(self.ways)
        story = self.begin()
        self.bench.control.set(mode, at)
        self.act(story)
        hit = self.bench.control.hit
        calls = self.bench.control.calls()
        self.kills += bool(hit)
        try:
            trouble = self.after(story, way)
        except AssertionError as error:
            trouble = [f"{error}"[:600]]
        if trouble:
            what = " ".join(calls[at - 1]) if at <= len(calls) else "none"
            self.troubles.append(f"{['', 'kill', 'half'][mode]} at {at} "
                                 f"({what}), then {way}: {trouble[:4]}")
        return hit

    def points(self):
        """(mode, number of the call) of all kills."""
        self.begin()
        self.bench.control.set(COUNT)
        self.act(self.begin())
        calls = self.bench.control.calls()
        writes = [n for n, (name, _) in enumerate(calls, 1)
                  if name in ("write", "pwrite")]
        return [(KILL, n + 1) for n in range(len(calls))] \
            + [(HALF, n) for n in writes]

    def run(self, tap, name, most=MOST):
        """The sweep, as one test."""
        with tap.case(name):
            points = self.points()
            chosen = sample(points, most)
            for mode, at in chosen:
                self.one(mode, at)
            tap.diag(f"{self.kills} kills at {len(chosen)} of {len(points)} "
                     f"points; {self.pending} left a journal")
            check(self.kills > len(chosen) * 0.8, "hardly a kill")
            equal(self.troubles[:8], [], f"{len(self.troubles)} troubles")


class Delivery(Sweep):
    """Into a mailbox with messages, or one that is not there."""

    size = 0
    old = OLD

    def begin(self):
        self.bench.put(self.old.values())
        return Story(self.old, self.old)

    def message(self):
        """What is delivered."""
        return make("new", self.size)

    def act(self, story):
        message = self.message()
        story.add("new", message, self.bench.deliver(message, fault=True))


class QuotedDelivery(Delivery):
    """A message whose lines look like other programs' From_ lines: what is cut
    off again is not cut at one of these."""

    def message(self):
        line = b"From a@b.example Mon Jan  6 10:00:00 2025\r\n"
        return make("new") + 20 * (b"x\r\n" + line + b">" + line + b"\r\n")


class LargeDelivery(Delivery):
    """One that takes many writes, and a durable note."""

    size = 1100000


class FirstDelivery(Delivery):
    """There is no mailbox yet."""

    old = {}

    def begin(self):
        self.bench.path.unlink(missing_ok=True)
        story = super().begin()
        self.bench.path.unlink()
        return story


class IndexedDelivery(Delivery):
    """Into a mailbox that has an index, which is made longer in place."""

    def begin(self):
        story = super().begin()
        self.bench.list()
        return story


class IndexedLogin(IndexedDelivery):
    """A session that makes the index longer, and fills UIDLs in."""

    def begin(self):
        story = super().begin()
        self.new(story, "foreign")
        return story

    def act(self, story):
        self.bench.uidls(fault=True)

    def after(self, story, way):
        return super().after(story, way) + twins(self.bench.uidls())


def twins(uidls):
    """UIDLs that are not the only ones."""
    return [f"TWIN {u}" for u in set(uidls) if uidls.count(u) > 1]


class Quit(Sweep):
    """Deletes in the middle: the journal."""

    old = OLD
    delete = DELETE

    def begin(self):
        self.bench.put(self.old.values())
        return self.story()

    def story(self):
        """Of a mailbox whose deletion may or may not have happened."""
        names = list(self.old)
        doomed = [names[n - 1] for n in self.delete]
        return Story(self.old, [n for n in names if n not in doomed], doomed)

    def act(self, story):
        _, story.gone = self.bench.pop(self.delete, fault=True)


class QuitEnd(Quit):
    """Deletes at the end: one truncation."""

    delete = (5, 6)


class QuitLong(Quit):
    """Deletes at the end of a mailbox whose index is changed in place."""

    old = {f"l{i}": make(f"l{i}") for i in range(270)}
    delete = (266, 269)

    def begin(self):
        story = super().begin()
        self.bench.uidls()
        return story

    def points(self):
        super().points()
        calls = self.bench.control.calls()
        found = [n for n, call in enumerate(calls, 1) if call[1] == "index"]
        return [(KILL, n) for n in found] + [(KILL, n + 1) for n in found] \
            + [(HALF, n) for n in found if calls[n - 1][0] == "pwrite"]


class QuitAll(Quit):
    """Deletes everything."""

    delete = tuple(range(1, len(OLD) + 1))


class QuitBig(Quit):
    """Several batches: only what the journal and the mailbox see."""

    old = {f"big{i}": make(f"big{i}", BIG // 4) for i in range(4)}
    delete = (1,)

    def points(self):
        calls = super().points() and self.bench.control.calls()
        first = calls.index(("open", "journal"))
        wanted = ("pwrite", "fdatasync", "fsync", "ftruncate", "unlinkat")
        found = [(KILL, n) for n, (name, _) in enumerate(calls, 1)
                 if n > first and name in wanted]
        return found + [(HALF, n) for n, (name, path) in enumerate(calls, 1)
                        if n > first and name == "pwrite" and path == "bob"]


class Recovery(Quit):
    """A session that finds what a kill in QUIT has left."""

    saved = None
    further = False

    def begin(self):
        if self.saved is None:
            # A lock that is held for long is touched: a call more, at times.
            for _ in range(10):
                if self.tear() == ("pwrite", "bob"):
                    break
            else:
                raise AssertionError("other calls each time")
            check((self.bench.home / "journal").exists(), "no journal")
            self.saved = self.bench.save()
        self.bench.restore(self.saved)
        story = self.story()
        if self.further:
            self.new(story, "foreign")
        return story

    def tear(self):
        """Kills a session in its last write to the mailbox; returns the call
        that was hit."""
        control = self.bench.control
        super().begin()
        control.set(COUNT)
        super().act(self.story())
        at = [n for n, call in enumerate(control.calls(), 1)
              if call == ("pwrite", "bob")][-1]
        super().begin()
        control.set(HALF, at)
        super().act(self.story())
        equal(control.hit, at, "the call that was hit")
        return control.calls()[at - 1]

    def act(self, story):
        self.bench.list(fault=True)


class RecoveryGrown(Recovery):
    """The same, and another program has appended meanwhile."""

    further = True


class TornAppend(Sweep):
    """A session that finds half of a message, another program's after it."""

    saved = None

    def begin(self):
        message = make("half", 300000)
        if self.saved is None:
            self.bench.put(OLD.values())
            self.bench.control.set(COUNT)
            self.bench.deliver(message, fault=True)
            at = self.bench.control.calls().index(("write", "bob")) + 3
            self.bench.put(OLD.values())
            self.bench.control.set(HALF, at)
            check(not self.bench.deliver(message, fault=True), "250")
            self.saved = self.bench.save()
            check(len(self.saved[0]) > len(b"".join(OLD.values())) + 65536,
                  "there is no torn message")
        self.bench.restore(self.saved)
        story = Story(OLD, OLD)
        story.add("half", message, False)
        self.new(story, "foreign")
        return story

    def act(self, story):
        self.bench.list(fault=True)


def cases_controls(bench):
    """The checks must see what they are there for."""
    def trouble(sweep, spoil):
        story = sweep.begin()
        spoil()
        return " ".join(look(bench, story))

    with tap.case("control: without the journal a kill in QUIT tears"):
        sweep = Recovery(bench)
        found = trouble(sweep, (bench.home / "journal").unlink)
        check("TORN" in found or "LOST" in found or "HALF" in found
              or "STRAY" in found or "MALFORMED" in found, found or "nothing")
    with tap.case("control: without its note half a message stays"):
        found = trouble(TornAppend(bench), (bench.home / "append").unlink)
        check("TORN half" in found, found or "nothing")
    with tap.case("control: a message that was acknowledged and is gone"):
        found = trouble(Delivery(bench),
                        lambda: bench.put(list(OLD.values())[1:]))
        equal(found, "LOST old0", "trouble")
    with tap.case("control: one deletion of three"):
        found = trouble(Quit(bench), lambda: bench.put(
            [OLD[n] for n in OLD if n != "old3"]))
        check(found.startswith("HALF"), found or "nothing")


def cases_index(bench):
    """What a power cut may take is synced before it is relied on."""
    with tap.case("records are written over with a sync before the header"):
        sweep = QuitLong(bench)
        story = sweep.begin()
        inode = (bench.home / "index").stat().st_ino
        bench.control.set(COUNT)
        sweep.act(story)
        calls = [c[0] for c in bench.control.calls()
                 if c[1] == "index" and c[0] in ("pwrite", "fdatasync")]
        equal(calls[-2:], ["fdatasync", "pwrite"], "the last calls")
        check("pwrite" in calls[:-2], f"no record was written: {calls}")
        equal((bench.home / "index").stat().st_ino, inode, "the index")
        equal(look(bench, story), [], "trouble")
    with tap.case("control: a record after the last one needs no sync"):
        sweep = IndexedDelivery(bench)
        story = sweep.begin()
        bench.control.set(COUNT)
        sweep.act(story)
        calls = [c[0] for c in bench.control.calls()
                 if c[1] == "index" and c[0] in ("pwrite", "fdatasync")]
        equal(calls, ["pwrite", "pwrite"], "the calls")
    with tap.case("control: an old record below a new header is noticed"):
        sweep = QuitLong(bench)
        story = sweep.begin()
        old = (bench.home / "index").read_bytes()
        sweep.act(story)
        new = (bench.home / "index").read_bytes()
        (bench.home / "index").write_bytes(new[:128] + old[128:])
        check(look(bench, story), "nothing is wrong though it must be")


def cases_litter(bench):
    """The name that link(2) needs is left by a kill right after it."""
    with tap.case("what a kill leaves beside the mailbox is not in the way"):
        story = Delivery(bench).begin()
        bench.control.set(COUNT)
        story.add("x", make("x"), bench.deliver(make("x"), fault=True))
        at = [c[0] for c in bench.control.calls()].index("linkat") + 1
        for number in range(20):
            bench.control.set(KILL, at)
            check(not bench.deliver(make("x"), fault=True), "250")
            message = make(f"n{number}")
            story.add(f"n{number}", message, bench.deliver(message))
        equal(look(bench, story), [], "trouble")


def cases_sweeps(bench):
    """All of them."""
    Delivery(bench).run(tap, "killed in a delivery: LOST, TORN, STRAY 0")
    FirstDelivery(bench, ("pop", "deliver")).run(
        tap, "killed in the first delivery to a mailbox")
    QuotedDelivery(bench).run(
        tap, "killed in a delivery with quoted From_ lines")
    IndexedDelivery(bench).run(
        tap, "killed in adding to the index in place", MOST // 2)
    IndexedLogin(bench, ("pop", "deliver")).run(
        tap, "killed in making the index longer and filling UIDLs in",
        MOST // 2)
    QuitLong(bench).run(tap, "killed in changing the end of the index", 8)
    LargeDelivery(bench).run(tap, "killed in a delivery of 1.1 MB")
    Quit(bench).run(tap, "killed in QUIT: all deletions or none", MOST * 2)
    QuitEnd(bench).run(tap, "killed in QUIT, only the end goes", MOST // 2)
    QuitAll(bench).run(tap, "killed in QUIT, everything goes", MOST // 2)
    Recovery(bench).run(tap, "killed in the recovery from that")
    RecoveryGrown(bench, ("pop", "deliver", "twice")).run(
        tap, "killed in a recovery with a message appended since")
    TornAppend(bench).run(
        tap, "killed in cutting off half a message, another after it")
    QuitBig(bench).run(tap, "killed in QUIT of 20 MB, three batches", 8)


if __name__ == "__main__":
    with Bench() as fixture:
        with tap.case("the calls of our programs can be counted"):
            fixture.compile()
        if fixture.library.exists():
            tap.run(globals(), fixture)
    tap.finish()
