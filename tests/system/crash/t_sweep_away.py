# SPDX-License-Identifier: ISC
"""A user who is away: each call on the files of the answer fails, or the
process is killed there.

Guards against mail that is lost, comes twice or stays in the queue because its
answer cannot be made. An answer may be missing then, and is never sent twice.
"""
import re
import shutil

from lib import mbox, queuefile
from lib.fakemx import FakeMx
from lib.scratch import Scratch, tool
from lib.site import Queue
from lib.sweeprun import text
from lib.tap import Skip, Tap, check, equal

tap = Tap()
STRANGER = "carol@example.com"
CALL = re.compile(r"^\d+ +(\w+)\(")
FAULTS = ("error=ENOSPC", "error=EIO", "signal=KILL")


class Bench(Queue, Scratch):
    """A queue with a message for alice, who is away, and ways to run it."""

    def __init__(self, hop):
        super().__init__("hostname mx.home.test\ndomains home.test\n"
                         f"relay smtp://127.0.0.1:{hop.port}\n", tls=False)
        self.hop = hop

    def fill(self):
        """The same message each time, and nobody who has been answered."""
        shutil.rmtree(self.dir / "queue")
        (self.dir / "queue").mkdir()
        for place in queuefile.PLACES:
            (self.dir / "queue" / place).mkdir(mode=0o700)
        queuefile.make(self.dir / "queue", "active", f"{1:012d}", STRANGER,
                       [queuefile.recipient("alice", "u",
                                            given="alice@home.test")],
                       b"To: alice@home.test\r\n" + text("one"))
        self.own()
        for path in self.mail.iterdir():
            path.unlink()
        done = self.call("smtpd", "--vacation", "alice", stdin="Away.\n")
        equal(done.returncode, 0, done.stderr)
        self.hop.received.clear()

    def run(self, *before):
        """A run of the queue, perhaps under another program."""
        process = self.popen([*before, *self.command("smtpd", "-qf")])
        process.communicate(timeout=120)
        self.running.remove(process)

    def trouble(self):
        """What is wrong after the last run."""
        wrong = []
        path = self.mailbox("alice")
        count = len(mbox.read(path)) if path.exists() else 0
        if count != 1:
            wrong.append(f"{count} messages in the mailbox")
        if len(self.hop.messages) > 1:
            wrong.append(f"{len(self.hop.messages)} answers")
        if self.queued():
            wrong.append(f"left {self.mailq()}")
        return wrong


def traced(bench, file, *more):
    """strace's arguments for the calls on that file."""
    if not tool("strace"):
        raise Skip("strace is not there")
    path = bench.dir / "state/users/alice" / file
    return [tool("strace"), "-f", "-q", "-P", path, "-o", bench.dir / "trace",
            *more]


def calls(bench, file):
    """(name, number) of the calls on that file in a run without a fault."""
    bench.fill()
    bench.run(*traced(bench, file))
    equal(bench.trouble(), [], "without a fault")
    equal(len(bench.hop.messages), 1, "answers without a fault")
    found, seen = [], {}
    for line in (bench.dir / "trace").read_text().splitlines():
        match = CALL.match(line)
        if match:
            name = match[1]
            seen[name] = seen.get(name, 0) + 1
            found.append((name, seen[name]))
    check(found, "strace says nothing")
    return found


def cases_faults(bench):
    """Each file, each call, each fault"""
    for file in ("vacation", "vacation.seen"):
        with tap.case(file, bench.notes):
            every, troubles, silent = calls(bench, file), [], 0
            for name, number in every:
                for fault in FAULTS:
                    bench.fill()
                    bench.run(*traced(
                        bench, file, "-e",
                        f"inject={name}:{fault}:when={number}"))
                    bench.run()
                    silent += not bench.hop.messages
                    troubles += [f"{name} {number} {fault}: {wrong}"
                                 for wrong in bench.trouble()]
            tap.diag(f"{len(every) * len(FAULTS)} faults, {silent} answers "
                     "missing")
            check(silent > 0, "no fault has hit anything")
            equal(troubles[:6], [], f"{len(troubles)} troubles")


def test_control(bench):
    """The checks see mail that is lost, or comes twice"""
    bench.fill()
    (bench.dir / "queue/active" / f"{1:012d}").unlink()
    bench.run()
    equal(bench.trouble(), ["0 messages in the mailbox"], "trouble")


if __name__ == "__main__":
    with FakeMx() as the_hop, Bench(the_hop) as b:
        tap.run(globals(), b)
    tap.finish()
