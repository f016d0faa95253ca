# SPDX-License-Identifier: ISC
"""Room on the disk that strangers share: those that hold most give theirs up,
and are killed if they do not; a polite client beside them is served, users are
not asked, and nothing is taken from a worker."""
import contextlib
import fcntl
import os
import tempfile
import time
from pathlib import Path

from lib import hostile, mbox, proc
from lib.player import PASSWORDS
from lib.scratch import Instance
from lib.tap import Skip, Tap, check, equal
from lib.traffic import connect
from lib.wait import wait_for

tap = Tap()
MEGABYTE = 1 << 20
CAP = 10 * MEGABYTE
CONFIG = "strangers-room 10M\nplaintext-login always\n"
GREEDY = [f"127.0.2.{n // 8}" for n in range(24)]
LINE = b"x" * 62 + b"\r\n"
TOLD = "is told to give up a message"
KILLED = "does not give up its message, and is killed"
CATCH = "giveup_catch();"
BEGUN = "(delivered at once)"   # in the log, before the lock


def held(server):
    """Octets that the server's files without a name hold, if it can be
    known; else what makes the caller none the wiser."""
    queue = str(server.dir / "queue") + "/"
    pid = server.smtpd.pid
    sizes = []
    for number, target in proc.descriptors(pid).items():
        if target.startswith(queue) and target.endswith("(deleted)"):
            with contextlib.suppress(FileNotFoundError):
                sizes.append(os.stat(f"/proc/{pid}/fd/{number}").st_blocks)
    return sum(sizes) * 512


def lines_with(server, words):
    """How many lines of the log have these words."""
    return sum(words in line for line in server.smtpd.text().splitlines())


def begin(talker, megabytes, subject, login=None, to="bob"):
    """A message of so many MiB, without its end."""
    talker.hello()
    if login:
        talker.login(login, PASSWORDS[login])
    talker.expect("250 ", "MAIL FROM:<a@example.com>"
                  if not login else f"MAIL FROM:<{login}@example.org>")
    talker.expect("250 ", f"RCPT TO:<{to}@example.org>")
    talker.expect("354 ", "DATA")
    talker.send(f"Subject: {subject}\r\n\r\n".encode()
                + LINE * int(megabytes * MEGABYTE / len(LINE)))


@contextlib.contextmanager
def crowd(server, megabytes=1):
    """Strangers from several addresses, each with a message under way."""
    talkers = []
    try:
        for source in GREEDY:
            talkers.append(connect(server.smtp, source))
            begin(talkers[-1], megabytes, "greedy")
        yield talkers
    finally:
        for talker in talkers:
            talker.close()


def settled(server):
    """Waits until the files hold no more than they may."""
    try:
        proc.descriptors(server.smtpd.pid)
    except Skip:
        return
    wait_for(lambda: held(server) <= CAP, "the room to be given back")


def at_rest(server):
    """Waits until nobody is there, and no room is taken."""
    wait_for(lambda: not proc.children(server.smtpd.pid), "the sessions' end")
    with contextlib.suppress(Skip):
        equal(held(server), 0, "octets held")


def test_polite_one_is_served(server):
    """A polite client's message, larger than each of a greedy crowd's, is
    taken; the crowd gives up room until the rest has enough"""
    told = lines_with(server, TOLD)
    with connect(server.smtp, "127.0.3.1") as polite:
        begin(polite, 1.5, "polite")
        with crowd(server) as greedy:
            wait_for(lambda: lines_with(server, TOLD) >= told + 14,
                     "sessions to be told")
            settled(server)
            polite.expect("250 ", ".")
            polite.expect("221 ", "QUIT")
            codes = [talker.expect(("250 ", "452 4.3.1"), ".").code
                     for talker in greedy]
            check(codes.count(452) >= 14 and codes.count(250) >= 4,
                  f"{codes}")
            for talker in greedy:       # and each may go on
                talker.expect("250 ", "MAIL FROM:<a@example.com>")
    at_rest(server)
    equal(lines_with(server, KILLED), 0, "sessions killed")
    subjects = [m.sent.split(b"\r\n")[0] for m in
                mbox.read(server.mailbox("bob"))]
    equal((subjects.count(b"Subject: polite"),
           subjects.count(b"Subject: greedy")), (1, codes.count(250)),
          "messages")
    server.mailbox("bob").unlink()


def test_chunks(server):
    """The same for BDAT: what was said 250 to is refused at the next chunk"""
    with server.connect(server.smtp) as talker:
        talker.hello()
        talker.expect("250 ", "MAIL FROM:<a@example.com>")
        talker.expect("250 ", "RCPT TO:<bob@example.org>")
        talker.send(b"BDAT %d\r\n" % (CAP + MEGABYTE)
                    + LINE * ((CAP + MEGABYTE) // len(LINE)))
        first = talker.reply().code
        if first == 250:
            wait_for(lambda: held(server) == 0, "the room to be given back")
            talker.expect("452 4.3.1", "BDAT 3 LAST\r\nx")
        else:
            equal(first, 452, "code")
            talker.expect("452 4.3.1", "BDAT 3 LAST\r\nx")
        talker.expect("250 ", "NOOP")
    at_rest(server)
    check(not server.mailbox("bob").exists(), "delivered")


def test_without_a_pause(server):
    """A client that never lets its session wait is asked as well"""
    told = lines_with(server, TOLD)
    with server.connect(server.smtp) as talker:
        begin(talker, 15, "without a pause")
        end = time.monotonic() + 30
        while lines_with(server, TOLD) == told and time.monotonic() < end:
            talker.send(LINE)
        talker.expect("452 4.3.1", ".")
        talker.expect("221 ", "QUIT")
    at_rest(server)
    check(not server.mailbox("bob").exists(), "delivered")


def some_stay(server):
    """A crowd gives up what is too much, and nobody else's is counted."""
    told = lines_with(server, TOLD)
    with crowd(server) as greedy:
        wait_for(lambda: lines_with(server, TOLD) >= told + 14,
                 "sessions to be told")
        codes = [talker.expect(("250 ", "452 4.3.1"), ".").code
                 for talker in greedy]
    check(codes.count(452) >= 14 and codes.count(250) >= 4, f"{codes}")


def test_users(server):
    """Who has logged in is not asked, and does not count"""
    with server.connect(server.submission) as user:
        begin(user, 15, "user", "bob")
        some_stay(server)
        user.expect("250 ", ".")
    at_rest(server)
    equal(sum(m.sent.startswith(b"Subject: user") for m in
              mbox.read(server.mailbox("bob"))), 1, "the user's messages")
    server.mailbox("bob").unlink()


def test_worker_keeps_it(server):
    """What a worker delivers already stays whole, and does not count"""
    box = server.mailbox("alice")
    box.write_bytes(b"")
    if server.user:
        os.chown(box, server.user.pw_uid, server.user.pw_gid)
    with open(box, "r+b") as file, server.connect(server.smtp) as talker:
        fcntl.lockf(file, fcntl.LOCK_EX)
        begin(talker, 9.5, "with a worker", to="alice")
        begun = lines_with(server, BEGUN)
        talker.send(".\r\n")
        wait_for(lambda: lines_with(server, BEGUN) > begun, "its worker")
        some_stay(server)
        fcntl.lockf(file, fcntl.LOCK_UN)
        talker.expect("250 ")
    at_rest(server)
    (message,) = mbox.read(box)
    check(message.sent.endswith(LINE * 1000), "it is torn")


class Taken(Instance):
    """Servers whose smtpd is a hostile build."""

    def __init__(self, built, config):
        self.built = built
        super().__init__(config)

    def program(self, name):
        """The hostile build, where the user of the test can run it."""
        return str(self.built) if name == "smtpd" else super().program(name)


def cases_taken_over():
    """Sessions that have been taken over, and do not give up anything"""
    changes = {
        "ignore the signal": ("common/server/child.c", CATCH,
                              "signal(SIGUSR1, SIG_IGN);"),
        "never empty the file": ("common/io/giveup.c",
                                 "(void)!ftruncate(file, 0);",
                                 "asked = 0;"),
        "let it grow instead": ("common/io/giveup.c",
                                "(void)!ftruncate(file, 0);",
                                "(void)!pwrite(file, \"x\", 1, 12 << 20); "
                                "asked = 0;"),
    }
    for name, (source, old, new) in changes.items():
        with tap.case(f"sessions that {name} are killed"), \
                tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            built = hostile.build(Path(folder), "smtpd",
                                  {source: [(old, new)]})
            with Taken(built, CONFIG) as server, \
                    connect(server.smtp, "127.0.3.1") as polite:
                begin(polite, 1.5, "polite")
                with crowd(server):
                    wait_for(lambda: lines_with(server, KILLED) >= 14,
                             "sessions to be killed")
                    settled(server)
                    polite.expect("250 ", ".")
                polite.close()
                at_rest(server)


if __name__ == "__main__":
    with Instance(CONFIG) as fixture:
        tap.run({k: v for k, v in globals().items()
                 if k.startswith("test_")}, fixture)
    cases_taken_over()
    tap.finish()
