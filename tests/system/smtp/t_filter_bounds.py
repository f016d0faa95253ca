# SPDX-License-Identifier: ISC
"""What a worker that asks a filter can take, whatever filter and client do:
memory, descriptors, processes. And that this is enough for its work."""
import os
import tempfile
from pathlib import Path

from lib import mbox
from lib.limits import bounded, limits, peer, trouble
from lib.milter import Filter, Raw, add, insert, packet, strings
from lib.scratch import Instance
from lib.talk import stuff
from lib.tap import Tap, check, equal

tap = Tap()
HEAD = b"From: a@example.com\r\nSubject: large\r\n"
# As much as a filter is shown of a header section.
FIELDS = b"".join(b"X-%05d: %s\r\n" % (n, b"y" * 240) for n in range(16000))
LINE = b"z" * 76 + b"\r\n"
BODY = LINE * 20000


class Looking:
    """A filter's last answer: floods, or edits, and then looks at the worker."""

    def __init__(self, *answers):
        self.answers, self.found = answers, None

    def __call__(self, connection):
        pid = peer(connection.sock)
        try:
            connection.sock.sendall(b"".join(
                one if isinstance(one, Raw) else packet(one)
                for one in self.answers[:-1]))
        finally:
            # It is there until the last word, or until it has given up.
            try:
                self.found = limits(pid)
            except (OSError, KeyError, StopIteration):
                pass
        connection.answer(self.answers[-1:])


def send(server, head, body):
    """Sends a message; the last line of the reply to its end."""
    with server.connect(server.smtp) as talker:
        talker.hello()
        talker.expect("250 ", "MAIL FROM:<a@example.com>")
        for n in range(100):
            talker.expect("250 ", f"RCPT TO:<bob+{'x' * 40}{n}@example.org>"
                          " ORCPT=rfc822;" + "y" * 400)
        talker.expect("354 ", "DATA")
        talker.send(head)
        talker.send(stuff(b"\r\n" + body) + b".\r\n")
        return talker.reply().last


def taken(server):
    """The message that has come, which is then removed."""
    path = server.mailbox("bob")
    found = mbox.read(path) if path.exists() else []
    path.unlink(missing_ok=True)
    return found


def test_needs(server, filter):
    """The longest header section, all edits and another body: all is done"""
    new = b"another line\r\n" * 4000
    look = Looking(*[add("X-Added", "v" * 80)] * 9000,
                   insert(0, "X-Long", "w" * 60000),
                   *[b"b" + new] * 20, b"a")
    filter.reset(E=[look])
    said = send(server, HEAD + FIELDS, BODY)
    check(said.startswith("250 "), said)
    bounded(look.found, files=3)
    message = taken(server)[0].sent
    head, _, body = message.partition(b"\r\n\r\n")
    head += b"\r\n"
    equal(body, new * 20, "the body")
    equal(head.count(b"X-Added: " + b"v" * 80 + b"\r\n"), 9000, "edits")
    check(FIELDS in head and b"X-Long: " + b"w" * 60000 in head, "fields")


SECTIONS = {
    "a million fields": lambda: b"X: y\r\n" * 1000000,
    "a field too many": lambda: b"X-A: y\r\n" * 16384,
    "long fields": lambda: FIELDS * 2,
    "one field": lambda: b"X-A: y\r\n" + b" " * 70 + b"y\r\n"
    + (b" " + b"z" * 75 + b"\r\n") * 65000,
}


def cases_sections(server, filter):
    """A header section that no filter can be shown is refused"""
    for name, section in SECTIONS.items():
        with tap.case(f"a header section of {name}", server.notes):
            filter.reset()
            said = send(server, HEAD + section(), LINE)
            check(said.startswith("552 5.3.4 The header section is too long"),
                  said)
            equal(taken(server), [], "what has come")
            check(not any(filter.seen), "the filter has seen something")
            filter.reset()
            check(send(server, HEAD, LINE).startswith("250 "), "the next one")
            equal(len(taken(server)), 1, "the next one")


FLOODS = {
    "fields": lambda: [add("X", "y")] * 200000,
    "long fields": lambda: [add("X", "y" * 1000000)] * 64,
    "a body": lambda: [b"b" + LINE * 800] * 2000,
    "recipients": lambda: [
        b"+" + strings(f"<bob+{n}@example.org>") for n in range(100000)],
    "senders": lambda: [b"e" + strings("<" + "x" * 60000 + ">")] * 100,
    "replies": lambda: [b"y" + strings("550 " + "x" * 1000000)],
    "a long packet": lambda: [Raw(b"\x7f\xff\xff\xff" + b"b" * (4 << 20))],
    "progress": lambda: [Raw(packet(b"p") * 1000)] * 2000,
}


def cases_floods(server, filter):
    """A filter that floods gets nothing but the worker's end"""
    for name, flood in FLOODS.items():
        with tap.case(f"a flood of {name}", server.notes):
            look = Looking(*flood(), b"a")
            filter.reset(E=[look])
            said = send(server, HEAD, BODY)
            check(said[:3] in ("451", "550"), said)
            equal(taken(server), [], "what has come")
            if look.found:
                bounded(look.found, files=3)


def test_reasons(server, filter):
    """A message that is held for endless reasons is held for one"""
    look = Looking(*[b"q" + strings("x" * 500000)] * 100, b"a")
    filter.reset(E=[look])
    said = send(server, HEAD, BODY)
    check(said.startswith("250 "), said)
    bounded(look.found, files=3)
    equal(taken(server), [], "what has come")


def test_symbols(server, filter):
    """Nor does an answer to the offer that asks for endless macros"""
    filter.reset()
    filter.symbols = b"".join(
        n.to_bytes(4, "big") + strings(" ".join(["{x}"] * 20000))
        for n in range(7))
    said = send(server, HEAD, BODY)
    check(said[:3] in ("250", "451"), said)
    taken(server)


def test_control(server, filter):
    """A process that nobody has bound is told from one that is"""
    del filter
    found = limits(server.smtpd.pid)
    names = " ".join(trouble(found, files=3))
    for word in ("data", "files", "processes", "filter"):
        check(word in names, f"{word} not in {names}")
    check(trouble(limits(os.getpid())), "this test is bound")


def main():
    """A server, and a filter that it asks."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        with Filter(Path(name)) as filter, \
                Instance(f"filter {filter.place}\nauth off\npenalties off\n"
                         "size-limit 20M\n") as server:
            tap.run(globals(), server, filter)
    tap.finish()


if __name__ == "__main__":
    main()
