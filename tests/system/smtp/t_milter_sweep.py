# SPDX-License-Identifier: ISC
"""The worker that asks a filter is killed, or fails, at every call.

The client hears 451, and then nothing has come in; or 250, and then the message
is there once: with all edits of the filter, or, with filter-failure accept, as
it was. There is never half a list of edits.
"""
import tempfile
from pathlib import Path

from lib.milter import Filter, add, change
from lib.scratch import preloadable
from lib.talk import stuff
from lib.tap import Tap, check, equal
from lib.worker_faults import (COUNT, KILL, Faulty, failures, kills, sweep)

tap = Tap()
# Both are long, so that they are moved in more than one piece.
OLD = b"".join(b"line %d of the body\r\n" % i for i in range(9000))
NEW = b"".join(b"line %d of another body\r\n" % i for i in range(9000))
TEXT = b"From: a@example.net\r\nSubject: message %d\r\nX-Old: 1\r\n\r\n"
EDITS = [add("X-New", "1"), change(1, "X-Old", "")] \
    + [b"b" + NEW[at:at + 60000] for at in range(0, len(NEW), 60000)]


class Bench(Faulty):
    """A server that asks a filter."""

    DONE = b"\nX-New: 1\n"

    def __init__(self, place, accept):
        self.number, self.accept = 0, accept
        super().__init__(f"filter {place}\nauth off\npenalties off\n"
                         + ("filter-failure accept\n" if accept else ""),
                         tls=False)

    def bring(self):
        """(reply, what has come into the mailbox) of one more message."""
        path = self.mailbox("bob")
        before = path.stat().st_size if path.exists() else 0
        self.number += 1
        with self.connect(self.smtp) as talker:
            talker.hello()
            talker.expect("250 ", "MAIL FROM:<a@example.net>")
            talker.expect("250 ", "RCPT TO:<bob@example.org>")
            talker.expect("354 ", "DATA")
            talker.send(stuff(TEXT % self.number + OLD) + b".\r\n")
            reply = talker.reply().last
            talker.expect("221 ", "QUIT")
        data = path.read_bytes()[before:] if path.exists() else b""
        return reply, data

    def judge(self, reply, data):
        """What is wrong with the outcome."""
        if reply.startswith("451 "):
            return [] if data == b"" else ["451, but it is in the mailbox"]
        if not reply.startswith("250 "):
            return [reply]
        head, _, body = data.partition(b"\n\n")
        head += b"\n"
        done = (self.DONE in head, b"\nX-Old: 1\n" not in head,
                body.strip() == NEW.replace(b"\r\n", b"\n").strip())
        undone = (self.DONE not in head, b"\nX-Old: 1\n" in head,
                  body.strip() == OLD.replace(b"\r\n", b"\n").strip())
        trouble = []
        if head.count(b"\nSubject: message %d\n" % self.number) != 1:
            trouble.append("it is not there once")
        if not all(done) and not (self.accept and all(undone)):
            trouble.append(f"half a list of edits: {done}")
        return trouble


def calls_of(bench):
    """Those of a worker that meets no fault."""
    bench.set(COUNT)
    reply, data = bench.bring()
    check(reply.startswith("250 ") and bench.DONE in data, reply)
    equal(bench.judge(reply, data), [])
    calls = bench.calls()
    for name in ("connect", "pread", "pwrite", "recv", "send", "ftruncate",
                 "malloc"):
        check(name in calls, f"no {name} in {calls}")
    return calls


def cases_faults(place):
    """Killed and failing, for both values of filter-failure"""
    for accept in (False, True):
        word = "accept" if accept else "tempfail"
        with Bench(place, accept) as bench:
            with tap.case(f"killed at any call: {word}"):
                sweep(tap, bench, "kill", kills(calls_of(bench)))
            with tap.case(f"any call fails: {word}"):
                sweep(tap, bench, "fail", failures(calls_of(bench)))


def test_control(place):
    """The judge sees half a list of edits"""
    with Bench(place, False) as bench:
        bench.set(COUNT)
        reply, data = bench.bring()
        equal(bench.judge(reply, data), [])
        for half in (data.replace(b"\nX-New: 1", b""),
                     data.replace(b"\nX-New: 1", b"\nX-Old: 1"),
                     data.replace(b"another body", b"the body")):
            check(bench.judge(reply, half), "half a list passes")
        check(bench.judge("451 4.7.1", data), "a message that was refused")
        bench.set(KILL, 1)
        reply, data = bench.bring()
        check(bench.hit and reply.startswith("451 ") and data == b"",
              "a kill is met")


def main():
    """A filter that makes edits, whatever comes."""
    preloadable()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        with Filter(folder) as filter:
            filter.say["E"] = EDITS + [b"a"]
            tap.run(globals(), filter.place)
    tap.finish()


if __name__ == "__main__":
    main()
