# SPDX-License-Identifier: ISC
"""Other programs that write into a mailbox, and the account of it.

Each Writer delivers one message by one run of somebody else's program; exit
status 0 is its acknowledgement. The account is a Ledger of message texts: the
programs add header fields of their own, so a message is known by the field
X-Ledger and by its body.
"""
import hashlib
import os
import random
import signal
import subprocess
import tempfile
import threading
import time

from . import dovecot, mbox
from .ledger import ID, Ledger
from .scratch import tool
from .tap import Skip

VERY_OLD = 2000     # seconds; nobody honours such a dotlock
BIG = 8     # one message in so many is bigger than everybody's buffers


def body(ident, chance):
    """Lines that no program wants to quote, wrap or encode."""
    lines = []
    for _ in range(chance.choice((1, 5, 20))):
        lines.append(chance.choice((
            b"", b".", b"x" * chance.randint(1, 70),
            chance.randbytes(30).hex().encode())))
    if chance.randrange(BIG) == 0:
        lines += [chance.randbytes(35).hex().encode()] \
            * chance.randint(300, 3000)
    return b"\r\n".join(lines + [b"end of " + ident.encode(), b""])


class Account(Ledger):
    """A Ledger that compares bodies, and knows whose fate is open."""

    def __init__(self):
        super().__init__()
        self.bodies = {}
        self.killed = set()     # their writer was killed: not acknowledged
        self.maybe = set()      # retrieved by a session that died in QUIT
        self.torn = {}

    def new(self, recipients, generator):
        """Enters a message; returns (id, header section and body)."""
        with self.lock:
            ident = f"{len(self.sent)}-{generator.randrange(10**9)}"
            text = body(ident, generator)
            self.bodies[ident] = text
            self.sent[ident] = (digest(text), tuple(recipients))
        head = f"X-Ledger: {ident}\r\nTo: bob@example.org\r\n" \
               "From: carol@example.com\r\nSubject: locks\r\n\r\n"
        return ident, head.encode() + text

    def see(self, mailbox, wire):
        """A message in a mailbox, or collected from it."""
        head, _, text = wire.partition(b"\r\n\r\n")
        match = ID.search(head + b"\r\n")
        with self.lock:
            if match is None:
                self.unknown.append((mailbox, wire))
                return None
            ident = match.group(1).decode()
            self.found.append((ident, digest(text), mailbox))
            if digest(text) != self.sent.get(ident, ("",))[0]:
                self.torn[ident] = text
        return ident

    def trouble(self, foreign_kills=False):
        """What is wrong: {"LOST": [...], ...} without what may be so.

        After kills of other programs the beginnings of their messages may
        lie about, and if that is no more than "Fr", as a last line of the
        message before it. Whatever else is torn is not excused.
        """
        balance = self.balance()
        excused = self.maybe
        if foreign_kills:
            tailed = {i for i in self.torn if self.tailed(i)}
            excused = excused | tailed
            balance["TORN"] = [
                x for x in balance["TORN"] if x.split()[0] not in tailed
                and not self.beginning(x.split()[0])]
            balance["STRAY"] = [x for x in balance["STRAY"]
                                if "X-Ledger" in x]
        balance["LOST"] = [x for x in balance["LOST"]
                           if x.split()[0] not in excused]
        balance["TORN"] = [f"{x}: {self.torn[x.split()[0]][-90:]!r}"
                           for x in balance["TORN"]]
        return {kind: found for kind, found in balance.items() if found}

    def beginning(self, ident):
        """Whether a torn message is what a killed writer had written."""
        return ident in self.killed and ident not in self.acked and \
            self.bodies[ident].startswith(self.torn[ident].rstrip(b"\r\n"))

    def tailed(self, ident):
        """Whether nothing but the beginning of a From_ line is too much."""
        whole = self.bodies.get(ident, b"?").rstrip(b"\r\n")
        rest = self.torn[ident][len(whole):].strip()
        return self.torn[ident].startswith(whole) and \
            b"From carol@example.com".startswith(rest)


def digest(text):
    """Of a body; empty lines at its end may come and go."""
    return hashlib.sha256(text.rstrip(b"\r\n")).digest()


class Writer:
    """Delivers into a user's mailbox by a program of somebody else."""

    name = package = ""

    def __init__(self, scratch, user):
        self.scratch = scratch
        self.user = user
        self.path = scratch.mailbox(user)
        self.home = scratch.dir / "writers"
        self.home.mkdir(exist_ok=True)
        self.lock = threading.Lock()
        self.running = {}       # pid of the group: id of the message
        self.killed = set()
        self.said = b""
        self.prepare()
        scratch.own()

    def prepare(self):
        """Writes what the program wants; raises Skip if it is absent."""

    def command(self):
        """The argument list."""
        raise NotImplementedError

    def environment(self):
        """Its environment."""
        return dict(self.scratch.environment(), TMPDIR=str(self.home))

    def form(self, data):
        """What it gets on stdin."""
        return data.replace(b"\r\n", b"\n")

    def deliver(self, ident, data):
        """Runs it once; returns whether it has acknowledged."""
        with tempfile.TemporaryFile() as said:
            with self.lock:
                process = subprocess.Popen(
                    self.command(), stdin=subprocess.PIPE, cwd=self.home,
                    stdout=said, stderr=said, env=self.environment(),
                    start_new_session=True, **self.scratch.as_user())
                self.running[process.pid] = ident
            try:
                process.stdin.write(self.form(data))
                process.stdin.close()
            except BrokenPipeError:
                pass
            # It stays a zombie, and its number its own, until it is removed.
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            with self.lock:
                del self.running[process.pid]
            if process.wait() != 0 and ident not in self.killed:
                said.seek(0)
                self.said = said.read()
        return process.returncode == 0

    def start(self):
        """For what must run already when a message comes."""

    def settle(self):
        """Waits until what was acknowledged is in the mailbox."""

    def stop(self):
        """Ends what start() has started."""

    def kill_all(self, then):
        """Kills those that run, with what they have started; their ids.

        None starts until then() has ended. So a dotlock of theirs that is
        there afterwards is nobody's and can be made to look old, and then()
        can close the torn end of the mailbox, to which the next of them
        would glue its message.
        """
        with self.lock:
            idents = list(self.running.values())
            self.killed.update(idents)
            # All must stand still before one leaves its lock to another.
            for number in (signal.SIGSTOP, signal.SIGKILL):
                for group in self.running:
                    try:
                        os.killpg(group, number)
                    except ProcessLookupError:
                        pass
            for group in self.running:
                os.waitid(os.P_PID, group, os.WEXITED | os.WNOWAIT)
            if idents:
                gone = {"0", *map(str, self.running)}
                age(self.path, lambda text: not text.strip().isdigit()
                    or text.strip() in gone)
                then()
        return idents


def age(path, whose):
    """Makes a mailbox's dotlock old if whose(its text) says so."""
    try:
        fd = os.open(f"{path}.lock", os.O_RDONLY)
    except OSError:
        # Of mode 0, which only root may open: then by its name.
        fd = None
    try:
        text = os.read(fd, 40).decode("latin-1") if fd is not None else ""
        if whose(text):
            then = time.time() - VERY_OLD
            os.utime(f"{path}.lock" if fd is None else fd, (then, then))
    except FileNotFoundError:
        pass
    finally:
        if fd is not None:
            os.close(fd)


class DovecotLda(Writer):
    """dovecot-lda, with the mailbox's locks in one of two orders."""

    package = "dovecot-core"
    order = dovecot.DEBIAN

    def prepare(self):
        self.program = dovecot.find("dovecot-lda", "dovecot-core")
        dovecot.folder(self.scratch, self.user)

    def command(self):
        return dovecot.command(self.scratch, self.user, self.program,
                               self.order) + ["-f", "carol@example.com"]

    def environment(self):
        return dovecot.environment(self.scratch, self.user)


class DovecotDebian(DovecotLda):
    """Debian's order: fcntl dotlock."""

    name = "dovecot-lda in Debian's lock order"


class DovecotUpstream(DovecotLda):
    """Upstream's order: dotlock fcntl."""

    name = "dovecot-lda in upstream's lock order"
    order = dovecot.UPSTREAM


class Procmail(Writer):
    """procmail with a local lock file, as recipes should have it."""

    name, package = "procmail, :0:", "procmail"
    recipe = ":0:"

    def prepare(self):
        self.program = tool("procmail")
        if not self.program:
            raise Skip("procmail is not there (Debian package procmail)")
        self.rc = self.home / f"procmailrc-{self.recipe.count(':')}"
        self.rc.write_text(
            f"MAILDIR={self.home}\nDEFAULT=/dev/null\nLOCKSLEEP=1\n"
            f"{self.recipe}\n{self.path}\n")

    def command(self):
        # Without -m it would make a system mailbox for whoever runs it.
        return [self.program, "-f", "carol@example.com", "-m", str(self.rc)]


class ProcmailNoLock(Procmail):
    """procmail without a local lock file: only fcntl."""

    name = "procmail, :0 without a lock file"
    recipe = ":0"


class Mutt(Writer):
    """mutt, which files a copy of what it sends in the mailbox."""

    name, package = "mutt, fcc", "mutt"

    def prepare(self):
        self.program = tool("mutt")
        if not self.program:
            raise Skip("mutt is not there (Debian package mutt)")
        self.rc = self.home / "muttrc"
        self.rc.write_text(
            'set sendmail="/bin/true" copy=yes fcc_before_send=yes\n'
            f'set record="{self.path}" folder="{self.home}"\n'
            f'set tmpdir="{self.home}" from="carol@example.com"\n')

    def command(self):
        return [self.program, "-n", "-F", str(self.rc), "-H", "-"]


class Dotlockfile(Writer):
    """A script that appends under liblockfile's dotlock alone."""

    name, package = "dotlockfile and cat", "liblockfile-bin"

    def prepare(self):
        self.program = tool("dotlockfile")
        if not self.program:
            raise Skip("dotlockfile is not there (Debian package "
                       "liblockfile-bin)")

    def command(self):
        # The process that the lock names must live as long as the writing.
        return [self.program, "-p", "-r", "30", "-i", "1", "-l",
                f"{self.path}.lock", "/bin/sh", "-c",
                'exec cat >>"$0"', str(self.path)]

    def form(self, data):
        return b"From carol@example.com Mon Jan  6 10:00:00 2025\n" \
            + super().form(data) + b"\n"


ALL = (DovecotDebian, DovecotUpstream, Procmail, ProcmailNoLock, Mutt,
       Dotlockfile)


def collect(account, path, user):
    """Enters what lies in a mailbox, but for a fragment on top of it."""
    data = path.read_bytes()
    if not b"From ".startswith(data[:5]):
        data = data[data.find(b"\n\nFrom ") + 2:]
    for message in mbox.parse(data):
        account.see(user, message.wire)


def chance(seed):
    """A source of chance that a failure can be repeated with."""
    return random.Random(seed)
