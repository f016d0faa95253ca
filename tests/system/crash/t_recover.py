# SPDX-License-Identifier: ISC
"""pop3d --recover: what a kill has left is finished without a login, whoever
else's is not, and nobody's mailbox is touched without need."""
import hashlib
import os
import struct

from lib import mbox
from lib.sweep import COUNT, HALF, KILL, Bench, make
from lib.tap import Tap, check, equal

tap = Tap()
OLD = {f"old{i}": make(f"old{i}") for i in range(6)}
PLAN = 3 * 4096     # a journal has this much before its plan


def recover(bench, status=os.EX_OK):
    """Runs it; what it says."""
    done = bench.call("pop3d", "--recover")
    equal(done.returncode, status, done.stderr)
    return done.stderr


def wires(bench):
    """The messages in bob's file."""
    return [m.wire for m in mbox.read(bench.path)]


def last(bench, call):
    """The number of the last such call of the last run."""
    return max(n for n, made in enumerate(bench.control.calls(), 1)
               if made == call)


def interrupted_deletion(bench):
    """A deletion is killed when it is decided on."""
    for mode in (COUNT, KILL):
        bench.put(OLD.values())
        at = mode != COUNT and last(bench, ("fdatasync", "bob"))
        bench.control.set(mode, at or 0)
        bench.pop((2, 4), fault=True)
    check((bench.home / "journal").exists(), "no journal")
    check(not (bench.home / "append").exists(), "there is a note, too")


def without_two():
    """What is left then."""
    return [wire for n, wire in enumerate(OLD.values(), 1) if n not in (2, 4)]


def interrupted_delivery(bench):
    """A delivery is killed in the middle of its message."""
    message = make("new", 1100000)
    for mode in (COUNT, HALF):
        bench.put(OLD.values())
        before = bench.path.read_bytes()
        at = mode != COUNT and last(bench, ("write", "bob"))
        bench.control.set(mode, at or 0)
        bench.deliver(message, fault=True)
    check(bench.path.stat().st_size > len(before), "nothing was written")
    check(not (bench.home / "journal").exists(), "there is a journal, too")
    return before


def test_deletion(bench):
    """A deletion that was killed is finished, and nothing of it is left"""
    interrupted_deletion(bench)
    bench.clear()
    dead = bench.mail / "bob.lk999999999.0123abcd"
    alive = bench.mail / f"bob.lk{os.getpid()}.0123abcd"
    for path in (dead, alive):
        path.write_bytes(b"")
        bench.give(path)
    said = recover(bench)
    check(f"recovered {bench.path}" in said, said)
    equal(wires(bench), without_two(), "messages")
    check(not (bench.home / "journal").exists(), "the journal is left")
    equal((dead.exists(), alive.exists()), (False, True),
          "files of a dead process, and of one that lives")
    alive.unlink()


def test_delivery(bench):
    """Half a message that was being delivered is taken away"""
    before = interrupted_delivery(bench)
    bench.clear()
    said = recover(bench)
    check(f"recovered {bench.path}" in said, said)
    equal(bench.path.read_bytes(), before, "the mailbox")


def test_nothing(bench):
    """Where nothing was interrupted, no mailbox is opened"""
    bench.put(OLD.values())
    equal(bench.pop((1,))[1], True, "a deletion")
    check(bench.deliver(make("more")), "a delivery")
    there = bench.path.stat()
    equal(recover(bench), "", "what is said")
    equal(bench.path.stat().st_atime_ns, there.st_atime_ns, "it was read")


def test_one_of_two(bench):
    """What cannot be recovered for one user is for the other; 75"""
    interrupted_deletion(bench)
    bench.clear()
    alices = bench.home.with_name("alice")
    alices.mkdir()
    header = b"RSTJRN9\0" + bytes(112)
    journal = header + hashlib.sha256(header).digest()[:16]
    (alices / "journal").write_bytes(journal.ljust(PLAN, b"\0"))
    for path in (bench.mailbox("alice"), alices, alices / "journal"):
        if not path.exists():
            path.write_bytes(b"")
        bench.give(path)
    said = recover(bench, os.EX_TEMPFAIL)
    check("another version" in said and
          f"cannot recover {bench.mailbox('alice')}" in said, said)
    check(f"recovered {bench.path}" in said, said)
    equal(wires(bench), without_two(), "bob's messages")
    (alices / "journal").unlink()
    alices.rmdir()
    bench.mailbox("alice").unlink()


def test_state(bench):
    """A state directory that cannot be read is told; one that is not there is
    none yet"""
    users = bench.home.parent
    aside = users.with_name("aside")
    users.rename(aside)
    equal(recover(bench), "", "without any")
    users.write_bytes(b"")
    said = recover(bench, os.EX_NOINPUT)
    check(f"cannot read {users}" in said, said)
    users.unlink()
    aside.rename(users)


if __name__ == "__main__":
    equal(struct.calcsize("8s8Q16s16s16s"), 120, "a header without its sum")
    with Bench() as fixture:
        with tap.case("the calls of our programs can be counted"):
            fixture.compile()
        if fixture.library.exists():
            tap.run(globals(), fixture)
    tap.finish()
