# SPDX-License-Identifier: ISC
"""pop3_lint.py on our pop3d, where it must find nothing whatever is in the
mailbox, and on Dovecot and popa3d, where it must find what is known of them:
a lint that finds nothing there would prove nothing here.
"""
import random
import shutil
import socket
import subprocess

from lib import dovecot
from lib.player import PASSWORDS
from lib.popa3d import LOGIN, Popa3d
from lib.scratch import LONG, Scratch
from lib.tap import Tap, check, equal
from lib.pop3_lint import lint

tap = Tap()
SEEDS = 200 if LONG else 25
FROM = b"From alice@example.com Sun Nov 22 07:00:00 2026\n"
ONE = FROM + (b"Received: by a\nDate: Sun, 22 Nov 2026 07:00:00 +0000\n"
              b"Message-ID: <1@a>\nSubject: one\n\nfirst\nsecond\n\n")
OTHER = ONE.replace(b"by a", b"by b").replace(b"one", b"two")

# What it is called, the mailbox, what Dovecot's and popa3d's faults are there.
BOXES = (
    ("two messages", ONE + OTHER, None, None),
    ("a dot ahead of all", ONE + FROM + b".dot: x\n\n.\n\n", "octets", None),
    ("no last line end", ONE + OTHER[:-2], "octets", "octets"),
    ("no empty line between", ONE[:-1] + OTHER, "octets", None),
    ("CRLF", (ONE + OTHER).replace(b"\n", b"\r\n"), None, "CR CR LF"),
    ("the same twice", ONE + ONE, None, "that of message 1, too"),
    ("flags of mail readers", ONE.replace(b"\n\nf", b"\nStatus: RO\n\nf") +
     OTHER.replace(b"\n\nf", b"\nX-UID: 7\nStatus: O\n\nf"), None, None),
    ("neither header nor body", FROM + b"\n" + ONE, "octets", None),
    ("NUL, CR and long lines", ONE + OTHER.replace(
        b"first", b"a\0b\rc" + b"x" * 70000), None, None),
    ("nothing", b"", None, None),
)


def session(command, **settings):
    """A socket to a server that talks on descriptors 0 and 1."""
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs,
                               **settings)
    theirs.close()
    return ours, process


class Server:
    """One that is started for each session."""

    def __init__(self, path, login, command, **settings):
        self.path, self.login = path, login
        self.command, self.settings = command, settings
        self.process = None

    def connect(self):
        """The next session begins when the last one has ended."""
        self.end()
        sock, self.process = session(self.command, **self.settings)
        return sock

    def end(self):
        """Waits for the end of a session whose socket is closed."""
        if self.process:
            self.process.wait(60)

    def lint(self):
        """What is wrong with it."""
        found = lint(self.connect, self.path, self.login)
        self.end()
        return found


class Ours(Server):
    """Our pop3d on bob's mailbox."""

    def __init__(self, scratch):
        super().__init__(
            scratch.mailbox("bob"), ("USER bob", "PASS " + PASSWORDS["bob"]),
            scratch.command("pop3d"), cwd="/", env=scratch.environment(),
            **scratch.as_user())
        self.scratch = scratch

    def connect(self):
        with open(self.scratch.dir / "session.log", "ab") as log:
            self.settings["stderr"] = log
            return super().connect()

    def put(self, box):
        """Makes this the mailbox."""
        self.path.write_bytes(box)
        self.scratch.own()


def line(dice):
    """A line that some server trips over."""
    return dice.choice([
        b"", b"", b".", b"..", b".x", b"...", b"From x", b">From x",
        b">>From y", b"From a@b Sun Nov 22 07:00:00 2026", b"a\0b", b"a\rb",
        b"x" * dice.choice([997, 998, 1025, 16383, 70000]), b"\xe4\xff",
        b"plain", b" folded", b"Status: RO", b"Content-Length: 3", b" "])


def generated(seed):
    """A mailbox with anything in it."""
    dice = random.Random(seed)
    box = b""
    for _ in range(dice.randrange(1, 9)):
        box += FROM + b"".join(
            dice.choice([b"Subject: x", b".dot: x", b"Status: RO", b"X-UID: 3",
                         b"Content-Length: 5", b"Lines: 1", b"\tfold"]) + b"\n"
            for _ in range(dice.randrange(5)))
        box += b"\n" * dice.choice([1, 1, 1, 0])
        box += b"".join(line(dice) + b"\n" for _ in range(dice.randrange(12)))
        box += dice.choice([b"\n", b"\n", b"\n", b""])
    if dice.randrange(4) == 0:
        box = box.rstrip(b"\n")
    return box.replace(b"\n", b"\r\n") if dice.randrange(6) == 0 else box


def test_ours(scratch):
    """Ours: no fault in mailboxes that others have trouble with"""
    server = Ours(scratch)
    for name, box, _, _ in BOXES:
        server.put(box)
        equal(server.lint(), [], name)


def test_generated(scratch):
    """Ours: no fault in generated mailboxes"""
    server = Ours(scratch)
    for seed in range(SEEDS):
        server.put(generated(seed))
        equal(server.lint(), [], f"seed {seed}")


def known(server, put, column):
    """Each known fault is found, and where there is none, nothing is."""
    for name, box, *faults in BOXES:
        put(box)
        found = "\n".join(f for f in server.lint()
                          if not f.startswith("the file"))
        wanted = faults[column]
        if wanted is None:
            equal(found, "", name)
        else:
            check(wanted in found, f"{name}: {wanted!r} not in {found!r}")


def test_dovecot(scratch):
    """Dovecot: the faults that it is known for are found"""
    program = dovecot.find("pop3", "dovecot-pop3d")
    with open(scratch.dir / "dovecot.err", "ab") as log:
        server = Server(
            scratch.mailbox("alice"), None, dovecot.command(
                scratch, "alice", program, dovecot.DEBIAN),
            stderr=log, cwd="/", env=dovecot.environment(scratch, "alice"),
            **scratch.as_user())

        def put(box):
            server.end()
            shutil.rmtree(dovecot.folder(scratch, "alice"))
            dovecot.folder(scratch, "alice")    # knowing nothing
            server.path.write_bytes(box)
            scratch.own()
        known(server, put, 0)
        put(ONE)
        check("the file is not what it was, without any DELE"
              in server.lint(), "it wrote nothing to the mailbox")


def test_popa3d(scratch):
    """popa3d: the faults that it is known for are found"""
    oracle = Popa3d(scratch)
    server = Server(oracle.put(b""), LOGIN, oracle.command())
    known(server, oracle.put, 1)


if __name__ == "__main__":
    with Scratch("log stderr", tls=False) as fixture:
        tap.run(globals(), fixture)
    tap.finish()
