# SPDX-License-Identifier: ISC
"""Somebody greedy on the way to next hops, and somebody polite beside.

Guards against mail that keeps other people's mail from leaving: reports that
strangers have written to servers that never greet, one user's mail to many of
these, or more of it than fits into memory. The silent servers stay silent
until the polite mail has left.
"""
import shutil
import subprocess

from lib import mbox, queuefile
from lib.fakemx import STALL, FakeMx
from lib.queuefile import recipient
from lib.scratch import Scratch
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
LAST = "Z" * 12


class Silence(Scratch):
    """Many next hops that are one server, which never greets, and a good
    one."""

    def __init__(self, silent, good, config="", hops=40):
        super().__init__(
            f"route good.test smtp://127.0.0.1:{good.port}?tls=never\n"
            f"route * mx:{silent.port}\n" + config, tls=False)
        self.queue = self.dir / "queue"
        self.silent, self.good = silent, good
        self.hops = hops

    def put(self, *recipients, **fields):
        """A message in the queue, from a stranger unless fields say else."""
        fields.setdefault("client", "203.0.113.7")
        fields.setdefault("sender", "")
        return queuefile.make(self.queue, recipients=recipients, **fields)

    @staticmethod
    def domain(number):
        """That of a silent hop: an address, which needs no name server."""
        return f"[127.0.1.{number + 1}]"

    def flood(self, times=1, **fields):
        """Mail to each of the silent hops."""
        for n in range(self.hops * times):
            self.put(f"x@{self.domain(n % self.hops)}", **fields)

    def alice(self):
        """The polite one's mail, which is found last."""
        return self.put("bob@good.test", id=LAST, sender="alice@example.org",
                        user="alice", client="local")

    def start(self, *prefix):
        """Starts a run of the queue."""
        with open(self.dir / "runner.log", "ab") as log:
            return self.popen([*prefix, *self.command("smtpd", "-q")],
                              stdin=subprocess.DEVNULL, stdout=log,
                              stderr=log)

    def at_work(self):
        """Waits until the greedy one's mail is on its way, too."""
        wait_for(lambda: self.silent.connections > 0, "the silent server", 60)

    def served(self, count=1):
        """Waits until mail has come to the good hop."""
        try:
            wait_for(lambda: len(self.good.messages) >= count,
                     "polite mail to leave", 60)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.notes()}") from None


def silence():
    """A server that never greets, on many addresses."""
    return FakeMx({"greeting": STALL}, host="0.0.0.0")


def test_reports():
    """Reports to servers that never greet leave places for users' mail"""
    with silence() as silent, FakeMx() as good, \
            Silence(silent, good, "queue-concurrency 12\n") as s:
        for n in range(40):
            s.put(f"x@{s.domain(n)}", client=f"198.51.{n}.1")
            s.put(f"y@{s.domain(n)}", client=f"198.51.{n}.2")
        s.alice()
        s.start()
        s.served()
        s.at_work()


def test_reports_of_one():
    """One client's reports leave places for reports of others"""
    with silence() as silent, FakeMx() as good, \
            Silence(silent, good, "queue-concurrency 20\n") as s:
        s.flood(2)
        s.put("bob@good.test", client="198.51.100.1", id=LAST)
        s.start()
        s.served()
        s.at_work()


def test_user():
    """One user's mail to silent servers leaves places for another's"""
    with silence() as silent, FakeMx() as good, \
            Silence(silent, good, "queue-concurrency 12\n") as s:
        s.flood(2, sender="eve@example.org", user="eve", client="192.0.2.1")
        s.alice()
        s.start()
        s.served()
        s.at_work()


def test_memory():
    """One user's mail leaves room in memory for another's"""
    if not shutil.which("prlimit"):
        raise Skip("no prlimit")
    with silence() as silent, FakeMx() as good, \
            Silence(silent, good, "queue-concurrency 8\n", hops=100) as s:
        s.flood(sender="eve@example.org", user="eve", client="192.0.2.1")
        s.alice()
        s.start("prlimit", "--nofile=100:100")
        s.served()


def test_hurry():
    """A report does not wait long for a greeting while others wait"""
    with silence() as silent, FakeMx() as good, \
            Silence(silent, good, "queue-concurrency 4\n", hops=1) as s:
        first = s.put(f"x@{s.domain(0)}", id="0" * 12)
        s.put("bob@good.test", client="198.51.100.1", id=LAST)
        run = s.start()
        s.served()
        equal(run.wait(60), 0, s.notes())
        message = queuefile.find(s.queue, first)
        equal((message.place, message.recipients[0]["attempts"]),
              ("deferred", 1))
        check("other mail waits" in queuefile.reason(s.queue, first)[0],
              queuefile.reason(s.queue, first))


def test_order():
    """To one hop, users' mail goes first, then strangers', then reports"""
    with FakeMx() as good, \
            Silence(good, good, "relay-concurrency 1\n", hops=1) as s:
        s.put("r@good.test", id="0" * 12)
        s.put("s@good.test", id="1" * 12, sender="x@remote.test")
        s.alice()
        equal(s.start().wait(60), 0, s.notes())
        equal([m.sender for m in good.messages],
              ["alice@example.org", "x@remote.test", ""])


def test_successes():
    """Strangers get some reports of success, users get them all"""
    with FakeMx(host="0.0.0.0") as good, Silence(good, good) as s:
        def ask(domain, **fields):
            for _ in range(25):
                s.put(recipient("bob", kind="u", given="bob@example.org",
                                notify="success"),
                      sender=f"x@{domain}", **fields)

        ask("good.test")
        ask(s.domain(1), client="198.51.100.9")
        ask(s.domain(2), client="192.0.2.8", user="alice")
        run = s.start()
        equal(run.wait(90), 0, s.notes())
        equal(len(mbox.read(s.mailbox("bob"))), 75, "messages for bob")
        equal(queuefile.ids(s.queue), [])
        told = [m.rcpts[0] for m in good.messages]
        equal([told.count(f"x@{d}") for d in
               ("good.test", s.domain(1), s.domain(2))], [20, 20, 25], "reports")
        # It holds from one run to the next.
        ask("good.test", client="203.0.113.99")
        equal(s.start().wait(90), 0, s.notes())
        equal(len(good.messages), len(told), "reports in all")
        log = (s.dir / "runner.log").read_text()
        check("no report of success: too many" in log, log)


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
