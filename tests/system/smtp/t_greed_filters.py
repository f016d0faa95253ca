# SPDX-License-Identifier: ISC
"""Many messages wait for a filter that does not answer: other mail, logins and
the queue go on, nobody gets more places than are meant for him, and all that
was taken is given back.
"""
import contextlib
import tempfile
import threading
from pathlib import Path

from lib import holdings, mbox, queuefile
from lib.milter import Filter, add
from lib.player import PASSWORDS
from lib.scratch import Instance
from lib.site import Queue
from lib.tap import Tap, check, equal
from lib.traffic import connect
from lib.wait import wait_for

tap = Tap()
PLACES, RESERVED, SOURCE = 48, 16, 6
STRANGERS = PLACES - RESERVED
GREEDY, POLITE = "greedy@example.com", "polite@example.com"
SLOW, QUICK = "127.0.2.1", "127.0.3.1"
TEXT = "Subject: {}\r\nFrom: a@example.com\r\n\r\nx\r\n"
LATER = "451 4.7.1"


class Slow(Filter):
    """A filter that does not answer for the greedy until it is released, and
    for others at once."""

    def __init__(self, folder):
        super().__init__(folder)
        self.released = threading.Event()
        self.waiting = 0
        self.lock = threading.Lock()
        self.say["E"] = [self.answer]

    def answer(self, connection):
        """Waits, or does not."""
        if any(GREEDY.encode() in p for p in connection.packets
               if p[:1] == b"M"):
            with self.lock:
                self.waiting += 1
            self.released.wait(240)
        connection.answer([add("X-Seen", "yes"), b"a"])

    def holds(self, count):
        """So many messages wait there, and no more."""
        wait_for(lambda: self.waiting >= count, f"{count} messages")
        equal(self.waiting, count, "messages at the filter")


class Server(Queue, Instance):
    """A server that asks it."""

    def __init__(self, filter, config=""):
        super().__init__(
            f"filter {filter.place}\nauth off\nsessions {PLACES}\n"
            f"sessions-reserved {RESERVED}\nsessions-per-source {SOURCE}\n"
            "plaintext-login always\n" + config)


def begin(talker, sender, name):
    """Sends a message, and does not wait for the reply to it."""
    talker.hello()
    talker.expect("250 ", f"MAIL FROM:<{sender}>")
    talker.expect("250 ", "RCPT TO:<bob@example.org>")
    talker.expect("354 ", "DATA")
    talker.send(TEXT.format(name) + ".\r\n")


@contextlib.contextmanager
def crowd(server, filter, sources):
    """Messages from these addresses, all of which wait at the filter."""
    with contextlib.ExitStack() as stack:
        talkers = []
        for source in sources:
            talkers.append(stack.enter_context(connect(server.smtp, source)))
            begin(talkers[-1], GREEDY, "greedy")
        filter.holds(len(talkers))
        yield talkers


def refused(server, source):
    """There is no place for that client."""
    with connect(server.smtp, source) as talker:
        talker.expect("421 4.7.0")


def stranger(server, source=QUICK):
    """A stranger's mail passes the same filter."""
    with connect(server.smtp, source) as talker:
        begin(talker, POLITE, "stranger")
        talker.expect("250 ")
        talker.expect("221 ", "QUIT")


def others(server):
    """Users, logins, the command and the queue."""
    with server.connect(server.submission) as talker:
        talker.hello()
        talker.login("bob", PASSWORDS["bob"])
        talker.submit("bob@example.org", ["bob@example.org"],
                      TEXT.format("user"))
        talker.expect("221 ", "QUIT")
    with server.connect(server.pop3) as talker:
        talker.pop_login("bob", PASSWORDS["bob"])
        talker.pop("+OK", "STAT")
        talker.pop("+OK", "QUIT")
    done = server.call("smtpd", "-i", "bob@example.org",
                       stdin=TEXT.format("command"))
    equal(done.returncode, 0, done.stderr)
    queuefile.make(server.dir / "queue", sender="alice@example.org",
                   recipients=[queuefile.recipient("alice", "u")],
                   body=TEXT.format("queue").encode())
    server.own()
    server.flush("-q")
    server.wait_mail("alice")
    server.mailbox("alice").unlink()


def subjects(server):
    """What bob has got, in order of names."""
    path = server.mailbox("bob")
    found = sorted(m.sent.split(b"Subject: ")[1].split(b"\r\n")[0].decode()
                   for m in mbox.read(path)) if path.exists() else []
    path.unlink(missing_ok=True)
    return found


def test_one_source(folder):
    """One client's messages wait: it gets no more places, and others theirs"""
    with Slow(folder) as filter, Server(filter) as server:
        stranger(server)
        subjects(server)
        before = holdings.measure(server.smtpd)
        with crowd(server, filter, [SLOW] * SOURCE) as talkers:
            refused(server, SLOW)
            stranger(server)
            others(server)
            filter.holds(SOURCE)
            equal(subjects(server), ["command", "stranger", "user"])
            filter.released.set()
            for talker in talkers:
                talker.expect("250 ")
        equal(subjects(server), ["greedy"] * SOURCE)
        holdings.check_returned(server.smtpd, before)


def test_many_sources(folder):
    """Messages from many addresses wait in all places for strangers, and in no
    more: users, logins, the command and the queue do not notice"""
    with Slow(folder) as filter, Server(filter) as server:
        stranger(server)
        subjects(server)
        before = holdings.measure(server.smtpd)
        sources = [f"127.0.2.{n + 1}" for n in range(STRANGERS)]
        with crowd(server, filter, sources) as talkers:
            # This shows that the crowd holds what it can get.
            refused(server, QUICK)
            others(server)
            filter.holds(STRANGERS)
            equal(subjects(server), ["command", "user"])
            filter.released.set()
            for talker in talkers:
                talker.expect("250 ")
        equal(subjects(server), ["greedy"] * STRANGERS)
        stranger(server)
        equal(subjects(server), ["stranger"])
        holdings.check_returned(server.smtpd, before)


def test_patience(folder):
    """When the time of the filter is over, each client is told to come again,
    and its place is free"""
    with Slow(folder) as filter, Server(filter, "filter-timeout 2\n") \
            as server:
        before = holdings.measure(server.smtpd)
        with crowd(server, filter, [f"127.0.2.{n + 1}"
                                    for n in range(STRANGERS)]) as talkers:
            for talker in talkers:
                talker.expect(LATER)
                talker.expect("221 ", "QUIT")
        equal(server.smtpd.text().count("it does not answer in time"),
              STRANGERS, "lines in the log")
        stranger(server)
        equal(subjects(server), ["stranger"])
        filter.released.set()
        holdings.check_returned(server.smtpd, before)


def test_clients_leave(folder):
    """Clients that hang up while their messages wait hold no place for ever"""
    with Slow(folder) as filter, Server(filter) as server:
        before = holdings.measure(server.smtpd)
        with crowd(server, filter, [SLOW] * SOURCE):
            pass
        filter.released.set()
        holdings.check_returned(server.smtpd, before)
        check(len(subjects(server)) in range(SOURCE + 1), "their mail")


def main():
    """A folder for the filter's socket."""
    with tempfile.TemporaryDirectory() as name:
        for function in [f for n, f in globals().items()
                         if n.startswith("test_")]:
            folder = Path(name) / function.__name__
            folder.mkdir()
            for path in (Path(name), folder):
                path.chmod(0o755)
            tap.run({function.__name__: function}, folder)
    tap.finish()


if __name__ == "__main__":
    main()
