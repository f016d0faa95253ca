# SPDX-License-Identifier: ISC
"""SIGKILL, and errors, at the calls of a worker that stays for the next
messages to a mailbox, while several wait for it.

What was acknowledged is there once and whole; what was not is there at most
once. Whoever is not served by a resident that has ended is served by another
worker, or told to try again. The control has the sync do nothing and a
message acknowledged that is not there.
"""
import os
import socket

from lib.sweep import (COUNT, FAIL, HALF, KILL, RCPT, SENDER, Bench, Story,
                       look, make, sample)
from lib.tap import Tap, check, equal
from lib.talk import Closed, Talker, stuff
from lib.wait import wait_for

tap = Tap()
MOST = 16       # faults in one sweep, without RESTANTE_LONG
OLD = {f"old{i}": make(f"old{i}") for i in range(3)}
WAITING = 3     # messages that wait together
ERRORS = (("ENOSPC", 28, ("write", "pwrite")),
          ("EIO", 5, ("write", "pwrite", "fdatasync", "ftruncate")),
          ("EMFILE", 24, ("open", "openat")))


class Served(Bench):
    """A Bench whose smtpd listens, with faults in all of its processes."""

    server = None
    faulty = False

    def environment(self):
        env = super().environment()
        if self.faulty:
            env = self.control.environment(env, self.library)
        return env

    def listen(self):
        """Starts the server anew."""
        self.hang_up()
        self.faulty = True
        self.server = self.serve("smtpd", "127.0.0.1:0")
        self.faulty = False

    def hang_up(self):
        """Ends it."""
        if self.server is not None:
            self.server.stop()
            self.server = None

    def __exit__(self, *args):
        self.hang_up()
        super().__exit__(*args)

    def caller(self, message):
        """A client that has sent all but the end of a message."""
        talker = Talker(socket.create_connection(
            ("127.0.0.1", self.server.ports[0]), 60), 60)
        talker.hello()
        talker.expect("250 ", f"MAIL FROM:<{SENDER}>")
        talker.expect("250 ", f"RCPT TO:<{RCPT}>")
        talker.expect("354 ", "DATA")
        talker.send(stuff(message))
        return talker

    def send(self, messages):
        """Ends all messages at once; which were acknowledged."""
        talkers = [self.caller(message) for message in messages]
        # Another program has the mailbox until all of them wait.
        lock = self.path.with_name("bob.lock")
        lock.write_text(f"{os.getpid()}\n")
        before = self.server.text().count(": message-id=")
        for talker in talkers:
            talker.send(b".\r\n")
        wait_for(lambda: self.server.text().count(": message-id=")
                 == before + len(talkers), "messages to be handed on")
        lock.unlink(missing_ok=True)    # who had it before may take it away
        return [acknowledged(talker) for talker in talkers]


def acknowledged(talker):
    """Whether a message was taken: 250, and not 4xx or the end."""
    try:
        code = talker.reply().code
        check(code // 100 in (2, 4), f"said {code} to a message")
        return code == 250
    except Closed:
        return False
    finally:
        talker.close()


class Sweep:
    """A resident that is hit while messages wait for it."""

    def __init__(self, bench):
        self.bench = bench
        self.troubles = []
        self.hits = 0

    def begin(self):
        """A server with a resident for bob; returns the Story."""
        bench = self.bench
        bench.put(OLD.values())
        bench.control.set(COUNT)
        bench.listen()
        story = Story(OLD, OLD)
        for number in range(2):     # the second makes one stay
            message = make(f"first{number}")
            equal(bench.send([message]), [True], "the first messages")
            story.add(f"first{number}", message, True)
        return story

    def act(self, story):
        """What meets the fault."""
        messages = {f"new{i}": make(f"new{i}") for i in range(WAITING)}
        got = self.bench.send(messages.values())
        for (ident, message), sure in zip(messages.items(), got):
            story.add(ident, message, sure)
        story.ordered = False
        return got

    def count(self):
        """The calls without a fault."""
        story = self.begin()
        self.bench.control.set(COUNT)
        equal(self.act(story), [True] * WAITING, "without a fault")
        self.bench.hang_up()
        equal(look(self.bench, story), [], "without a fault")
        return self.bench.control.calls()

    def one(self, mode, at, error=0):
        """One fault; notes what is wrong afterwards."""
        story = self.begin()
        self.bench.control.set(mode, at, error)
        got = []
        try:
            got = self.act(story)
            hit = self.bench.control.hit
            self.hits += bool(hit)
            self.bench.control.set(COUNT)
            message = make("later")
            equal(self.bench.send([message]), [True], "the next message")
            story.add("later", message, True)
            self.bench.hang_up()
            trouble = look(self.bench, story)
        except AssertionError as problem:
            trouble = [f"{problem}"[:400]]
        if trouble:
            self.troubles.append(f"{mode} at {at}: {got} {trouble[:4]}")

    def run(self, name, points):
        """The sweep, as one test."""
        with tap.case(name, self.bench.notes):
            chosen = sample(points, MOST)
            for mode, at, error in chosen:
                self.one(mode, at, error)
            tap.diag(f"{self.hits} hits at {len(chosen)} of {len(points)}")
            check(self.hits > len(chosen) * 0.7, "hardly a hit")
            equal(self.troubles[:6], [], f"{len(self.troubles)} troubles")


def cases_sweeps(bench):
    """Kills between all calls, in the middle of writes, and errors."""
    calls = Sweep(bench).count()
    names = [name for name, _ in calls]
    with tap.case("several messages become durable by one sync"):
        check(names.count("fdatasync") < WAITING,
              f"{names.count('fdatasync')} syncs for {WAITING} messages")
    Sweep(bench).run("a resident that is killed while messages wait",
                     [(KILL, n + 1, 0) for n in range(len(calls))])
    Sweep(bench).run("a resident that is killed in the middle of a write",
                     [(HALF, n, 0) for n, name in enumerate(names, 1)
                      if name in ("write", "pwrite")])
    for name, error, where in ERRORS:
        Sweep(bench).run(f"a resident that meets {name}",
                         [(FAIL, n, error) for n, call in enumerate(names, 1)
                          if call in where])


def cases_control(bench):
    """The judgement must find a message that was acknowledged and is gone."""
    with tap.case("control: a message that a resident has lost is noticed"):
        sweep = Sweep(bench)
        story = sweep.begin()
        sweep.act(story)
        bench.hang_up()
        size = os.path.getsize(bench.path)
        os.truncate(bench.path, size - 200)
        check(look(bench, story), "nothing is wrong though it must be")


if __name__ == "__main__":
    with Served() as fixture:
        with tap.case("the calls of our programs can be counted"):
            fixture.compile()
        if fixture.library.exists():
            tap.run(globals(), fixture)
    tap.finish()
