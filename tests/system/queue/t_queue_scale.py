# SPDX-License-Identifier: ISC
"""A queue of thousands: what is not due costs nothing, connections are few.

A runner must not open what is not due, must send many messages over one
connection, must not open more of them than the keys allow, and any number of
runners may work at once without sending anything twice. RESTANTE_LONG=1 takes
100 000 messages where it is 2000 else.
"""
import random
import re
import subprocess
import time

from lib import queuefile
from lib.fakemx import FakeMx
from lib.ledger import ID, compose
from lib.scratch import LONG, Scratch, tool
from lib.site import Queue
from lib.tap import Skip, Tap, check, equal

tap = Tap()
MANY = 100000 if LONG else 2000
SENT = 500


class Farm(Queue, Scratch):
    """A queue filled by hand, and a next hop for every domain."""

    def __init__(self):
        super().__init__("domains home.test", tls=False)

    def route(self, hop, more=""):
        """All mail goes there."""
        self.configure(f"domains home.test\nrelay smtp://127.0.0.1:{hop.port}"
                       f"\nrelay-concurrency 3\nqueue-concurrency 7\n{more}",
                       tls=False)
        self.hand(self.conf)

    def fill(self, count, place, address="x{}@far.test", **state):
        """So many messages with one recipient each."""
        for n in range(count):
            ident = f"s{n}"
            queuefile.make(
                self.dir / "queue", place, f"{place[0]}{n:011d}",
                "alice@home.test",
                [queuefile.recipient(address.format(n), **state)],
                compose(ident, random.Random(ident)) if place == "active"
                else b"Subject: x\r\n\r\nx\r\n")

    def empty(self):
        """Nothing is left of it."""
        for place in queuefile.PLACES:
            for path in (self.dir / "queue" / place).glob("*"):
                path.unlink()


def once(hop, count):
    """Each message must have come exactly once, whole."""
    seen = {}
    for message in hop.messages:
        ident = ID.search(message.body).group(1).decode()
        check(message.body == compose(ident, random.Random(ident)),
              f"{ident} is torn")
        seen[ident] = seen.get(ident, 0) + 1
    equal({i: n for i, n in seen.items() if n != 1}, {}, "not once")
    equal(len(seen), count, "messages")


class Hop(FakeMx):
    """A fake next hop that counts the connections open at once."""

    peak = 0

    def note(self, number, text):
        open_now = sum(thread.is_alive() for thread in self._threads)
        self.peak = max(self.peak, open_now)
        if len(self.transcript) < 1000:
            super().note(number, text)


def test_not_due(farm):
    """What is not due is not opened"""
    if not tool("strace"):
        raise Skip("strace is not there")
    later = time.time() + 3600
    farm.fill(MANY, "deferred", attempts=2, due=later, last=later - 3600)
    with Hop() as hop:
        farm.route(hop)
        queuefile.make(farm.dir / "queue", "deferred", "due000000000",
                       recipients=[queuefile.recipient(
                           "due@far.test", attempts=1, due=1000, last=900)],
                       body=compose("due", random.Random("due")))
        trace = farm.dir / "trace"
        trace.touch()
        farm.hand(trace)
        process = farm.popen(
            [tool("strace"), "-qq", "-f", "-e", "trace=openat", "-o", trace,
             *farm.command("smtpd", "-q")], stderr=subprocess.DEVNULL)
        process.wait(280)
        equal([m.rcpts for m in hop.messages], [["due@far.test"]], "sent")
        opened = set(re.findall(r'"(?:[^"]*/)?(d[a-z]*0\d{5,})"',
                                trace.read_text()))
        equal(opened, {"due000000000"}, "files that were opened")


def test_mailq(farm):
    """mailq shows each, as JSON and as a table"""
    found = farm.mailq()
    equal(len(found), MANY, "messages")
    check(all(m["recipients"][0]["attempts"] == 2 for m in found), "attempts")
    check(f"d{MANY - 1:011d}" in farm.mailq_text(), "the table")
    farm.empty()
    equal(farm.mailq_text().strip(), "Mail queue is empty", "mailq")


def test_one_destination(farm):
    """Many messages for one destination: few connections, nothing twice"""
    farm.fill(SENT, "active", "x@far.test")
    with Hop() as hop:
        farm.route(hop)
        farm.flush("-q", seconds=250)
        once(hop, SENT)
        check(hop.connections <= 6, f"{hop.connections} connections")
        check(hop.peak <= 3, f"{hop.peak} at once")
        equal(farm.queued(), 0, "messages left")


def test_many_destinations(farm):
    """Many destinations: no more agents at once than the key allows"""
    farm.fill(100, "active", "x@d{}.test")
    with Hop() as hop:
        routes = "".join(f"route d{n}.test smtp://127.0.0.1:{hop.port}"
                         f"?tls={'may' if n % 2 else 'never'}\n"
                         for n in range(30))
        farm.route(hop, routes)
        farm.flush("-q", seconds=250)
        once(hop, 100)
        check(hop.peak <= 7, f"{hop.peak} at once")


def test_several_runners(farm):
    """Runners at once: every message once"""
    farm.fill(SENT, "active", "x@far.test")
    with Hop() as hop:
        farm.route(hop)
        runners = [farm.popen(farm.command("smtpd", *args),
                              stderr=subprocess.DEVNULL)
                   for args in (["-q"], ["-qf"], ["-q"], ["-qf"],
                                ["-qR", "far.test"])]
        for runner in runners:
            equal(runner.wait(250), 0, "exit status")
        farm.flush("-qf")
        once(hop, SENT)


def test_dead_destination(farm):
    """A dead destination is given up after a few tries, for all its mail"""
    farm.fill(SENT, "active", "x@far.test")
    with Hop({"greeting": "421 4.3.2 Not now"}) as hop:
        farm.route(hop)
        farm.flush("-q", seconds=250)
        check(hop.connections <= 6, f"{hop.connections} connections")
        found = farm.mailq()
        equal(len(found), SENT, "messages")
        check(all("Not now" in m["recipients"][0]["reply"] for m in found),
              "reasons")
        dues = {m["recipients"][0]["next"] for m in found}
        check(len(dues) > 3, f"all at the same time again: {dues}")
        hop.script.clear()
        farm.flush("-qf", seconds=250)
        once(hop, SENT)


def main():
    with Farm() as farm:
        tap.run(globals(), farm)
    tap.finish()


if __name__ == "__main__":
    main()
