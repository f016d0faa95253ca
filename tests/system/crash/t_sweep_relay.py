# SPDX-License-Identifier: ISC
"""SIGKILL at every system call of the queue runner and of its agents.

A queue with mail for a next hop, for a user here, and for somebody whom the
next hop refuses is run, and the runner, or its whole family, is killed as it
enters its n-th system call (by strace). Then an ordinary run follows. Nobody
may miss his mail or his report, the queue must be empty, and one kill may
make at most one copy too many. The accepting side is made to run out of disk
at each of its calls: it says 4xx then, and leaves nothing behind. And when it
says 250 the file was synced under its name, and then the folder.
"""
import errno
import shutil

from lib import powercut, queuefile
from lib.scratch import LONG
from lib.site import Queue
from lib.sweep import COUNT, FAIL, FAIL_ON, Bench, sample
from lib.sweeprun import NO, Hop, Runner, points, text, traced
from lib.tap import Skip, Tap, check, equal

tap = Tap()
MOST = 40       # kills in one sweep, without RESTANTE_LONG


def sweep(runner, name, family):
    """Kills at each call; in a family each process at its own n-th."""
    with tap.case(name, runner.notes):
        every = points(runner, family)
        chosen = sample(every, MOST)
        troubles, kills, unfinished, double = [], 0, 0, 0
        for call, number in chosen:
            runner.fill()
            path = runner.dir / "trace"
            kills += runner.run(
                *traced(family), "-o", path, "-e", f"trace={call}", "-e",
                f"inject={call}:signal=KILL:when={number}")[1]
            runner.still()
            killed = path.read_text(errors="replace").count("+++ killed by")
            before = runner.queued()
            unfinished += before > 0
            runner.run()
            runner.still()
            double += sum(n - 1 for n in runner.counts().values())
            # The runner and several agents may have met their n-th call.
            wrong = runner.trouble(killed)
            if wrong:
                troubles.append(f"at {call} {number} ({before} left): "
                                f"{wrong[:3]}")
        tap.diag(f"{kills} runners killed, at {len(chosen)} of {len(every)} "
                 f"points; {unfinished} left mail, {double} made a copy too "
                 "many")
        check(family or kills > len(chosen) * 0.8, "hardly a kill")
        check(unfinished > len(chosen) * 0.5, "hardly one that left mail")
        equal(troubles[:6], [], f"{len(troubles)} troubles")


def controls(runner):
    """The checks must see what they are there for."""
    with tap.case("control: a run without a kill is in order",
                  runner.notes):
        runner.fill()
        runner.run()
        equal(runner.trouble(0), [], "trouble")
    with tap.case("control: lost, doubled and stray mail is noticed",
                  runner.notes):
        runner.fill()
        (runner.dir / "queue/active" / f"{0:012d}").unlink()
        runner.run()
        equal(runner.trouble(1), ["LOST ('far0', 'x0@far.test')"], "trouble")
        runner.hop.received.append(runner.hop.received[0])
        runner.hop.received.append(runner.hop.received[0])
        check("DOUBLE" in str(runner.trouble(1)), f"{runner.trouble(1)}")
        runner.hop.received[0].rcpts.append("stray@far.test")
        check("STRAY" in str(runner.trouble(9)), f"{runner.trouble(9)}")


def cases_kills():
    """The runner, and the runner with its agents"""
    with Hop(NO) as hop, Runner(hop) as runner:
        controls(runner)
        sweep(runner, "the runner is killed at each of its system calls",
              False)
        sweep(runner, "the runner and its agents are killed", True)


# ---- taking a message, and running out of disk then ----

class Taking(Queue, Bench):
    """A Bench where mail for away@ goes into the queue."""

    def configure(self, extra="", tls=True):
        super().configure("aliases %DIR/aliases\n"
                          "route far.test smtp://127.0.0.1:9\n" + extra, tls)
        (self.dir / "aliases").write_text("away: x@far.test\n")

    def take(self, fault):
        """A message for somebody elsewhere; whether it was acknowledged."""
        return self.deliver(text("taken"), fault, (), "away@example.org")

    def files(self):
        """The messages in the queue, and anything else in its places."""
        return queuefile.ids(self.dir / "queue")

    def begin(self):
        """An empty queue, and nobody who works on it."""
        self.end_runners()
        shutil.rmtree(self.dir / "queue")
        (self.dir / "queue").mkdir()
        self.own()

    def litter(self):
        """Unfinished files that are left in the queue; what would say why
        something waits may be lost."""
        return [str(p) for p in (self.dir / "queue").rglob("*")
                if p.is_file() and p.name.startswith(".")
                and p.parent.name != "reason"]


def synced(bench):
    """What happens between the name and the 250."""
    bench.begin()
    trace = bench.dir / "trace"
    check(bench.deliver(text("taken"), False, powercut.strace(trace),
                        "away@example.org"), "not taken\n" + bench.notes())
    bench.end_runners()
    done = powercut.read(trace, (bench.dir / "queue",))
    links = [o[1:] for o in done if o[0] == "link"]
    if not links and not [o for o in done if o[0] == "unnamed"]:
        raise Skip("no files without names here")
    equal(len(links), 1, f"links of {done}")
    file, name = links[0]
    active = str(bench.dir / "queue/active")
    check(name.startswith(active + "/"), name)
    # The server and the runner open the queue at the same time.
    steps = [o[:2] for o in done if o[0] == "ack"
             or o[1] in (file, name, active)
             and o[0] in ("unnamed", "sync", "link", "rename")]
    at = steps.index(("unnamed", file))
    equal(steps[at:at + 5],
          [("unnamed", file), ("link", file), ("sync", file), ("rename", name),
           ("sync", active)], f"in {done}")
    check("ack" in [o[0] for o in steps[at + 5:]]
          and "ack" not in [o[0] for o in steps[:at]],
          f"250 too early, or never: {steps}")


def full_disk(bench):
    """Every call fails with ENOSPC, once, or it and all after it."""
    # Not write(2) for good: no pipe has ever been full in that way.
    lasting = ("pwrite", "linkat", "fsync", "fdatasync", "posix_fallocate",
               "ftruncate", "renameat2", "mkdirat")
    needs = (*lasting, "write", "open")
    bench.begin()
    bench.control.arm = str(bench.dir / "queue")
    bench.control.set(COUNT)
    check(bench.take(True), "not taken without a fault\n" + bench.notes())
    calls = bench.control.calls()
    spots = [n for n, (name, _) in enumerate(calls, 1) if name in needs]
    check(spots, f"no such calls: {calls}")
    troubles = []
    for mode, only in ((FAIL, ()), (FAIL_ON, lasting)):
        for at in sample(spots, MOST if LONG else 15):
            bench.begin()
            bench.control.set(mode, at, errno.ENOSPC, only)
            taken = bench.take(True)
            files = bench.files()
            bench.end_runners()
            # A runner works beside it: this time it may be another call.
            hit = bench.control.calls()[at - 1:at]
            what = f"{mode} at {at} {hit}"
            if hit and hit[0] in (("write", ""), ("send", "")):
                continue        # an answer that got lost on its way
            if taken != bool(files):
                troubles.append(f"{what}: said {taken}, there is {files}")
            if bench.litter():
                troubles.append(f"{what}: left {bench.litter()}")
            if not taken and not bench.take(False):
                troubles.append(f"{what}: not taken the next time")
    tap.diag(f"{len(spots)} calls of {len(calls)}")
    equal(troubles[:6], [], f"{len(troubles)} troubles")


def cases_taking():
    """What a taken message needs, and what is left without room for it"""
    with Taking() as bench:
        with tap.case("a message that is taken is synced when it has a name, "
                      "then its folder, and then 250", bench.notes):
            synced(bench)
        with tap.case("a full disk when a message is taken: "
                      "4xx, and nothing is left", bench.notes):
            bench.compile()
            full_disk(bench)


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
