# SPDX-License-Identifier: ISC
"""The queue on a disk that breaks, and under a process that is killed.

A small program (queue-driver.c) does one thing to a queue: puts a message in,
sets a slot, defers, holds, removes. It is killed at each of its calls, each
call fails, and the power is cut after each. An independent reader of the
files then looks: a message that was acknowledged is there, whole; one that
was not is whole or not there; a slot is the old or the new one; nothing else
is touched. Controls show that the reader sees what it should.
"""
import errno
import hashlib
import random
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from lib import powercut
from lib.scratch import BUILD, LONG
from lib.shim import build_shim
from lib.sweep import (COUNT, FAIL, FAIL_ON, HALF, KILL, NO_SYNC, SHORT, TINY,
                       Control, sample)
from lib.tap import Tap, check, equal

tap = Tap()
DRIVER = BUILD / "tests/lib/queue-driver"
SEED = 7
NONE = (COUNT,)
MOST = 60       # states of one power cut, without RESTANTE_LONG
PLACES = ("active", "deferred", "hold", "corrupt")
OLD, OTHER, NEW = "oldmessage01", "othermessag1", "newmessage01"
FILE = re.compile(
    rb"restante-queue 1  (\d{6}) {7}\n((?:[wsxfr][-d] \d{4} \d{10} \d{10}  \n)"
    rb"+)id: (\w{12})\n((?:[a-z0-9]+: [^\n\0]*\n)+)size: (\d{12})\n\n(.*)",
    re.S)
FULL = ("ENOSPC", "EIO")
ERRORS = {
    "open": ("ENOSPC", "EIO", "EMFILE", "EOPNOTSUPP"), "mkdirat": FULL,
    "pread": ("EIO", "EINTR"), "pwrite": FULL + ("EINTR",), "fsync": FULL,
    "fdatasync": FULL, "linkat": FULL, "renameat2": FULL + ("EINVAL",),
    "unlinkat": ("EIO", "EROFS"), "fcntl": ("ENOLCK", "EIO"),
    "fstat": ("EIO",), "fstatat": ("EIO",), "faccessat": ("EIO",),
    "close": ("EIO",), "futimens": ("EIO",), "fchmod": ("EIO",)}
# What some file systems cannot; then there is another way.
CANNOT = ((("open", "."), "EOPNOTSUPP"), (("renameat2", OLD), "EINVAL"))
BROKEN = ("pwrite", "write", "fsync", "fdatasync", "linkat", "renameat2",
          "unlinkat", "futimens")


def text(size):
    """The lines of a message, LF."""
    chance = random.Random(size)
    found = b"Subject: test\n\n"
    while len(found) < size:
        found += chance.randbytes(chance.randint(0, 36)).hex().encode() + b"\n"
    return found


def wire(size):
    """The same as it must lie in the queue."""
    return text(size).replace(b"\n", b"\r\n")


def parse(data):
    """(id, letters of the slots, body) of a queue file."""
    match = FILE.fullmatch(data)
    check(match, f"TORN {data[:300]!r}")
    count, slots, ident, lines, size, body = match.groups()
    check(len(slots) == 32 * int(count) == 32 * len(
        re.findall(rb"^to: ", lines, re.M)), "TORN: slots and recipients")
    check(int(size) == len(body), f"TORN: body of {len(body)}, not {size}")
    return ident.decode(), slots[::32].decode(), body


class Bench:
    """A queue in a folder, and the driver with faults."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="restante-disk-")
        self.dir = Path(self.folder.name).resolve()
        self.root = self.dir / "spool"
        self.root.mkdir()
        self.queue = self.root / "queue"
        self.control = Control(self.dir / "control", str(self.queue))
        self.library = self.dir / "shim.so"
        build_shim(self.library, "sweep_shim.c")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def drive(self, *words, fault=False, before=()):
        """Runs the driver; whether it acknowledged."""
        env = {"PATH": "/usr/bin:/bin"}
        if fault:
            env = self.control.environment(
                dict(env, ASAN_OPTIONS="detect_leaks=0"), self.library)
        words = [str(word) for word in words]
        done = subprocess.run(
            [*before, str(DRIVER), str(self.queue), *words], env=env,
            capture_output=True, check=False, timeout=60)
        self.said = done.stderr.decode("utf-8", "replace")
        return done.stdout == b"done " + words[0].encode() + b"\n"

    def body(self, size):
        """A file with a text."""
        path = self.dir / f"text{size}"
        if not path.exists():
            path.write_bytes(text(size))
        return path

    def fresh(self, *messages):
        """A queue with these (id, size)."""
        shutil.rmtree(self.queue, ignore_errors=True)
        for ident, size in messages:
            check(self.drive("commit", ident, self.body(size)), self.said)

    def messages(self):
        """{(place, name): (slots, body)}, or AssertionError."""
        found = {}
        for place in PLACES:
            folder = self.queue / place
            for path in folder.iterdir() if folder.exists() else ():
                if path.name.startswith(".tmp."):
                    continue        # nobody looks at it
                ident, slots, body = parse(path.read_bytes())
                equal(ident, path.name, "id")
                found[place, path.name] = slots, body
        return found


class Scenario:
    """One thing done to a queue; what there must be then."""

    size = 3000         # of the new message
    old = 5000
    verb, ident, argument = "", OLD, ""

    def __init__(self, bench, **settings):
        self.bench = bench
        self.__dict__.update(settings)

    def make(self):
        """The queue as it is before."""
        self.bench.fresh((OLD, self.old), (OTHER, 100))

    def begin(self):
        """The same again; it is made once, and then copied."""
        kept = self.bench.dir / type(self).__name__
        if kept.exists():
            shutil.rmtree(self.bench.queue, ignore_errors=True)
            shutil.copytree(kept, self.bench.queue)
            return
        self.make()
        if self.bench.queue.exists():
            shutil.copytree(self.bench.queue, kept)

    def act(self, fault=False, before=()):
        """Does it; whether that was acknowledged."""
        return self.bench.drive(self.verb, self.ident, self.argument,
                                fault=fault, before=before)

    def judge(self, done, cut=False):
        """What is wrong now; cut: after a power cut."""
        try:
            found = self.bench.messages()
        except AssertionError as problem:
            return [f"{problem}"[:300]]
        trouble = self.other(found) + self.own(found, done, cut)
        return trouble + [f"STRAY {key}" for key in found]

    @staticmethod
    def other(found):
        """The message that nobody touches."""
        return [] if found.pop(("active", OTHER), None) == (
            "www", wire(100)) else ["LOST the other message"]

    def where(self, found, ident, size, slots):
        """Takes a message out of found: its place, or trouble."""
        keys = [key for key in found if key[1] == ident]
        if not keys:
            return None, []
        trouble = ["DOUBLE"] if len(keys) > 1 else []
        has, body = found.pop(keys[0])
        if body != wire(size):
            trouble.append("TORN body")
        if has not in slots:
            trouble.append(f"STALE slots {has}, not {slots}")
        return keys[0][0], trouble

    def own(self, found, done, cut):
        """The message that the verb is about."""
        raise NotImplementedError


class Commit(Scenario):
    """Puts a message in."""

    verb, ident = "commit", NEW

    def act(self, fault=False, before=()):
        self.argument = self.bench.body(self.size)
        return super().act(fault, before)

    def own(self, found, done, cut):
        place, trouble = self.where(found, OLD, self.old, ("www",))
        trouble += [] if place == "active" else ["LOST the old message"]
        place, more = self.where(found, NEW, self.size, ("www",))
        if done and place != "active":
            more.append("LOST an acknowledged message")
        return trouble + more


class First(Commit):
    """Into a queue that is not there yet."""

    def make(self):
        self.bench.fresh()

    def own(self, found, done, cut):
        place, trouble = self.where(found, NEW, self.size, ("www",))
        if done and place != "active":
            trouble.append("LOST an acknowledged message")
        return trouble

    @staticmethod
    def other(found):
        return []


class Careless(Commit):
    """As a beginner would."""

    verb = "careless"


class Set(Scenario):
    """Sets a slot."""

    verb, argument = "set", 1

    def own(self, found, done, cut):
        slots = ("wsw",) if done else ("www", "wsw")
        place, trouble = self.where(found, OLD, self.old, slots)
        return trouble + ([] if place == "active" else ["LOST"])


class Move(Scenario):
    """Defers, or holds."""

    verb, to = "defer", "deferred"

    def own(self, found, done, cut):
        place, trouble = self.where(found, OLD, self.old, ("www",))
        allowed = ("active", self.to)
        if done and (not cut or self.to == "hold"):
            allowed = (self.to,)
        return trouble + ([] if place in allowed else [f"LOST ({place})"])


class Remove(Scenario):
    """Takes a message out."""

    verb = "remove"

    def make(self):
        super().make()
        for number in range(3):
            check(self.bench.drive("set", OLD, number), self.bench.said)

    def own(self, found, done, cut):
        place, trouble = self.where(found, OLD, self.old, ("sss",))
        if done and place and not cut:
            trouble.append("LEFT")
        if not done and place not in ("active", None):
            trouble.append(f"LOST ({place})")
        return trouble


def scenarios(bench):
    """(name, scenario) of all."""
    return [("commit", Commit(bench)),
            ("commit of 300 KB", Commit(bench, size=300000)),
            ("first commit", First(bench)), ("set", Set(bench)),
            ("defer", Move(bench)),
            ("hold", Move(bench, verb="hold", to="hold")),
            ("remove", Remove(bench))]


# ---- kills and failures ----

def afterwards(bench, tidy=True):
    """The next ones work on the same queue; tidy: nothing is left."""
    trouble = [] if bench.drive("check", "-") else [bench.said]
    if not bench.drive("commit", "latermessag1", bench.body(10)):
        trouble.append(f"the next commit fails: {bench.said}")
    left = [p.name for p in bench.queue.rglob(".tmp.*")
            if p.parent.name != "reason" and tidy]
    return trouble + [f"LEFT {name}" for name in left]


def calls_of(scenario):
    """The calls without a fault."""
    scenario.begin()
    scenario.bench.control.set(COUNT)
    check(scenario.act(fault=True), scenario.bench.said)
    calls = scenario.bench.control.calls()
    check(calls, "the driver is not reached by a preloaded library")
    return calls


def number_of(calls, name):
    """The number of the first such call, or 0."""
    return next((n for n, call in enumerate(calls, 1) if call[0] == name), 0)


def kills(scenario):
    """Trouble after a kill at each call, and in the middle of each write."""
    found, calls = [], calls_of(scenario)
    for number, call in enumerate(calls, 1):
        for mode in (KILL, HALF) if call[0] == "pwrite" else (KILL,):
            scenario.begin()
            scenario.bench.control.set(mode, number)
            done = scenario.act(fault=True)
            check(scenario.bench.control.hit, f"not killed at {number}")
            trouble = scenario.judge(done)
            # While it is synced the file has a name that nobody looks at.
            trouble += [] if trouble else afterwards(
                scenario.bench, not number_of(calls, "linkat")
                < number <= number_of(calls, "renameat2"))
            if trouble:
                found.append(f"{number} {call}: {trouble[:3]}")
    return found


def failure(scenario, mode, at, error=0, only=()):
    """Trouble after one failure."""
    bench = scenario.bench
    scenario.begin()
    before = bench.messages()
    bench.control.set(mode, at, error, only)
    done = scenario.act(fault=True)
    hit, calls = bench.control.hit, bench.control.calls()
    call = calls[hit - 1] if 0 < hit <= len(calls) else ("", "")
    trouble = scenario.judge(done)
    if done and call[0] in ("fsync", "fdatasync"):
        trouble.append("a success though the sync has failed")
    if not done and mode == FAIL and any(
            call == can and error == getattr(errno, why)
            for can, why in CANNOT):
        trouble.append("there is another way")
    if not done and mode in (SHORT, TINY):
        trouble.append("half of a call is no reason to fail")
    lasting = mode == FAIL_ON or call in (("write", ""), ("unlinkat", NEW))
    if not done and isinstance(scenario, Commit) and not lasting \
            and bench.messages() != before:
        trouble.append("something is left of what was refused")
    if list((bench.queue / "corrupt").glob("*")):
        trouble.append("a failing disk is taken for a damaged file")
    # A disk on which nothing can be removed keeps it.
    return trouble or afterwards(bench, mode != FAIL_ON)


def failures(scenario):
    """Trouble after each call has failed, in each of its ways."""
    found = []
    calls = calls_of(scenario)
    cases = [(FAIL, n, error, ()) for n, call in enumerate(calls, 1)
             for error in ERRORS.get(call[0], ())]
    cases += [(FAIL_ON, n, error, BROKEN) for n, call in enumerate(calls, 1)
              for error in FULL if call[0] in BROKEN]
    cases += [(SHORT, n, "", ()) for n, call in enumerate(calls, 1)
              if call[0] in ("pread", "pwrite")] + [(TINY, 0, "", ())]
    for mode, at, error, only in cases:
        trouble = failure(scenario, mode, at, getattr(errno, error, 0), only)
        if trouble:
            call = calls[at - 1] if at else ""
            found.append(f"{mode} {error} at {at} {call}: {trouble[:3]}")
    return found


# ---- power cuts ----

def record(scenario, fault):
    """(operations, files before, folders before) of what the driver does."""
    bench = scenario.bench
    scenario.begin()
    files, folders = {}, []
    for path in [bench.root, *bench.root.rglob("*")]:
        if path.is_dir():
            folders.append(str(path))
        else:
            files[str(path)] = path.read_bytes()
    trace = bench.dir / "trace"
    trace.unlink(missing_ok=True)
    bench.control.set(*fault)
    check(scenario.act(fault=fault != NONE, before=powercut.strace(trace)),
          bench.said)
    operations = powercut.read(trace, (bench.root,))
    check(sum(o[0] == "ack" for o in operations) == 1, "no acknowledgement")
    disk = powercut.Disk(files, folders)
    for operation in operations:
        disk.play(operation)
    for path, content in disk.state().items():
        check(content is None or Path(path).read_bytes() == content,
              f"{path} is not what was recorded")
    return operations, files, folders


def states(scenario, fault):
    """(where, acknowledged, state), each state once."""
    operations, files, folders = record(scenario, fault)
    chance = random.Random(SEED)
    disk = powercut.Disk(files, folders)
    seen, done = set(), False
    for at, operation in enumerate([("begin", "")] + operations):
        if at:
            done = done or operation[0] == "ack"
            disk.play(operation)
        for model, state in disk.states(chance, 10 if LONG else 3):
            key = hashlib.sha256(repr((done, sorted(
                state.items(), key=lambda item: item[0]))).encode()).digest()
            if key not in seen:
                seen.add(key)
                yield (f"{model} after {at} {operation[0]} "
                       f"{Path(str(operation[1])).name}", done, state)


def rebuild(bench, state):
    """Makes the files be as in the state."""
    shutil.rmtree(bench.queue, ignore_errors=True)
    for path, content in sorted(state.items()):
        if path == str(bench.root):
            continue
        if content is None:
            Path(path).mkdir(0o700)
        else:
            Path(path).write_bytes(content)


def cuts(scenario, fault=NONE, most=MOST):
    """Trouble after a power cut at each point."""
    found = []
    known = list(states(scenario, fault))
    chosen = sample(known, most)
    for name, done, state in chosen:
        rebuild(scenario.bench, state)
        trouble = scenario.judge(done, cut=True)
        if not trouble and fault[0] != NO_SYNC:
            trouble = afterwards(scenario.bench, tidy=False)
        if trouble:
            found.append(f"{name}: {trouble[:3]}")
    tap.diag(f"{len(chosen)} of {len(known)} states")
    return found


def named_cuts(scenario):
    """The same where a file must have a name from the start."""
    at = calls_of(scenario).index(("open", ".")) + 1
    return cuts(scenario, (FAIL, at, errno.EOPNOTSUPP))


def report(found):
    """There must be none."""
    equal(found[:6], [], f"{len(found)} troubles")


def cases_controls(bench):
    """The same checks see what goes wrong without care."""
    def sees(found, *words):
        check(any(word in " ".join(found) for word in words),
              f"seen only: {found[:3]}")

    with tap.case("control: a careless commit is seen by kills"):
        sees(kills(Careless(bench, size=300000)), "TORN")
    with tap.case("control: a careless commit is seen by failures"):
        sees(failures(Careless(bench)), "TORN", "LOST")
    with tap.case("control: a careless commit is seen by power cuts"):
        sees(cuts(Careless(bench)), "LOST")
    with tap.case("control: without syncs a commit is lost"):
        sees(cuts(Commit(bench), (NO_SYNC,)), "LOST", "TORN")
    with tap.case("control: without syncs a slot is not set"):
        sees(cuts(Set(bench), (NO_SYNC,)), "STALE")
    with tap.case("control: without syncs a held message is not"):
        sees(cuts(Move(bench, verb="hold", to="hold"), (NO_SYNC,)), "LOST")


def cases_scenarios(bench):
    """Kills, failures and power cuts at each call"""
    for name, scenario in scenarios(bench):
        with tap.case(f"{name}: killed at each call"):
            report(kills(scenario))
        with tap.case(f"{name}: each call fails"):
            report(failures(scenario))
        with tap.case(f"{name}: the power is cut"):
            report(cuts(scenario))


def test_named_cuts(bench):
    """commit with a name: the power is cut"""
    report(named_cuts(Commit(bench)))


if __name__ == "__main__":
    made = None
    with tap.case("a library to be preloaded"):
        made = Bench()
    if made:
        with made:
            tap.run(globals(), made)
    tap.finish()
