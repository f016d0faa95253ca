# SPDX-License-Identifier: ISC
"""A mailbox, sessions on it, one fault in one of them, and what is left.

A Bench is a Scratch whose programs can be run with lib/sweep_shim.c
preloaded: control.kill(n) and the like say what becomes of the n-th call of
the process that works on bob's mailbox. The mailbox keeps its inode number
all the time, because the journal knows it.

A Story says which messages lie where; judge() holds what is found against it.
"""
import mmap
import os
import random
import shutil
import socket
import struct

from . import mbox
from .ledger import ID, compose
from .scratch import BOB, LONG, Scratch
from .shim import build_shim, shimmed
from .talk import Closed, Talker, stuff
from .tap import Skip
from .wait import wait_for

(COUNT, KILL, HALF, FAIL, FAIL_ON, SHORT, TINY, NO_SYNC,
 NO_JOURNAL) = range(9)
HEAD = struct.Struct("6I240s256s")
CALL = struct.Struct("16s48s")
MOST = 4000
PATIENCE = 40.0     # seconds; a lock is waited for 30
SENDER = "carol@example.com"
RCPT = "bob@example.org"


def text(raw):
    """A C string as a str."""
    return raw.split(b"\0", 1)[0].decode("utf-8", "replace")


class Control:
    """The page shared with the preloaded library."""

    def __init__(self, path, arm):
        self.path = path
        self.arm = arm
        with open(path, "w+b") as file:
            file.truncate(HEAD.size + MOST * CALL.size)
            self.map = mmap.mmap(file.fileno(), 0)

    def environment(self, env, library):
        """That environment, for a program with the library."""
        return shimmed(env, library, SWEEP_CONTROL=str(self.path))

    def set(self, mode, at=0, error=0, only=()):
        """What to do from the next session on; forgets the last one."""
        self.map[:] = bytes(len(self.map))
        words = f" {' '.join(only)} " if only else ""
        HEAD.pack_into(self.map, 0, mode, at, error, 0, 0, 0,
                       self.arm.encode(), words.encode())

    @property
    def hit(self):
        """The number of the call that was hit, or 0."""
        return HEAD.unpack_from(self.map, 0)[4]

    def calls(self):
        """(name, last part of the path) of all calls so far."""
        count = min(HEAD.unpack_from(self.map, 0)[3], MOST)
        found = []
        for i in range(count):
            name, path = CALL.unpack_from(self.map, HEAD.size + i * CALL.size)
            found.append((text(name), text(path)))
        return found


class Bench(Scratch):
    """See above."""

    def __init__(self):
        super().__init__(tls=False)
        try:
            self.path = self.mailbox("bob")
            self.home = self.dir / "state/users/bob"
            self.control = Control(self.dir / "control", str(self.home))
            self.library = self.dir / "shim.so"
            # The queue is out of order: a delivery that fails is refused.
            (self.dir / "queue" / "active").touch()
            self.own()
        except BaseException:
            self.__exit__()
            raise

    def compile(self):
        """Makes the library; raises Skip where that cannot be."""
        if self.library.exists():
            return
        build_shim(self.library, "sweep_shim.c")
        self.own()
        self.put([])
        self.control.set(COUNT)
        self.list(fault=True)
        if not self.control.calls():
            raise Skip("the programs are not reached by a preloaded library")

    # ---- the mailbox and what belongs to it ----

    def put(self, messages, raw=None):
        """The mailbox holds these messages, and nothing else is known."""
        data = b"".join(map(entry, messages)) if raw is None else raw
        with open(self.path, "r+b" if self.path.exists() else "wb") as file:
            file.write(data)
            file.truncate()
        shutil.rmtree(self.home, ignore_errors=True)
        self.clear()
        self.give(self.path)

    def clear(self):
        """Takes away what a killed process left beside the mailbox."""
        for path in self.mail.iterdir():
            if path != self.path:
                path.unlink()

    def give(self, path):
        """The user of the programs owns it."""
        if self.user:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)
        path.chmod(0o700 if path.is_dir() else 0o600)

    def save(self):
        """The bytes of the mailbox and of all files of the user."""
        files = {p.name: p.read_bytes() for p in self.home.iterdir()} \
            if self.home.exists() else {}
        return self.path.read_bytes(), files

    def restore(self, saved):
        """Puts back what save() gave."""
        data, files = saved
        self.put([], data)
        self.home.mkdir()
        self.give(self.home)
        for name, content in files.items():
            (self.home / name).write_bytes(content)
            self.give(self.home / name)

    def foreign(self, message):
        """Another program appends a message, without looking."""
        with open(self.path, "ab") as file:
            file.write(entry(message))

    # ---- sessions ----

    def start(self, name, fault, before=()):
        """A nowait session: (Talker, Popen)."""
        ours, theirs = socket.socketpair()
        env = self.environment()
        if fault:
            env = self.control.environment(env, self.library)
        with open(self.dir / "session.log", "ab") as log:
            process = self.popen([*before, *self.command(name)], stdin=theirs,
                                 stdout=theirs, stderr=log, env=env)
        theirs.close()
        return Talker(ours, PATIENCE), process

    def end(self, talker, process):
        """Hangs up, and waits until nothing of it runs any more."""
        talker.close()
        try:
            wait_for(lambda: process.poll() is not None,
                     "the end of a session", PATIENCE, 0.001)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            self.running.remove(process)

    def deliver(self, message, fault=False, before=(), rcpt=RCPT):
        """Sends a message; whether it was acknowledged."""
        talker, process = self.start("smtpd", fault, before)
        try:
            talker.hello()
            talker.send(f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{rcpt}>\r\n")
            if talker.reply().code != 250 or talker.reply().code != 250:
                return False
            talker.expect("354 ", "DATA")
            talker.send(stuff(message) + b".\r\n")
            reply = talker.reply()
            if reply.code // 100 not in (2, 4):
                raise AssertionError(f"said {reply!r} to a message")
            return reply.code == 250
        except Closed:
            return False
        finally:
            self.end(talker, process)

    def pop(self, delete=(), fault=False, read=False, before=()):
        """A POP3 session: (texts of the messages if read, QUIT is +OK).

        Its answer to QUIT is in self.said, which is None if none came.
        """
        self.said = None
        talker, process = self.start("pop3d", fault, before)
        texts = []
        try:
            talker.pop("+OK")
            talker.pop("+OK", "USER " + BOB[0])
            talker.send(f"PASS {BOB[1]}\r\n")
            if not talker.line().startswith("+OK"):
                return texts, False
            count = int(talker.pop("+OK", "STAT").split()[1]) if read else 0
            for number in range(1, count + 1):
                talker.send(f"RETR {number}\r\n")
                if not talker.line().startswith("+OK"):
                    return texts, False
                texts.append(talker.block())
            for number in delete:
                talker.send(f"DELE {number}\r\n")
                if not talker.line().startswith("+OK"):
                    return texts, False
            talker.send("QUIT\r\n")
            self.said = talker.line()
            return texts, self.said.startswith("+OK")
        except Closed:
            return texts, False
        finally:
            self.end(talker, process)

    def uidls(self, fault=False):
        """The UIDLs of the messages, as far as the session goes."""
        talker, process = self.start("pop3d", fault)
        try:
            talker.pop("+OK")
            talker.pop("+OK", "USER " + BOB[0])
            talker.send(f"PASS {BOB[1]}\r\n")
            if not talker.line().startswith("+OK"):
                return []
            talker.send("UIDL\r\n")
            if not talker.line().startswith("+OK"):
                return []
            found = talker.block().decode().splitlines()
            talker.send("QUIT\r\n")
            talker.line()
            return [line.split()[1] for line in found]
        except Closed:
            return []
        finally:
            self.end(talker, process)

    def list(self, fault=False, before=()):
        """What POP3 shows; the session must succeed unless it is to fail."""
        texts, good = self.pop(read=True, fault=fault, before=before)
        if not good and not fault:
            raise AssertionError("a POP3 session fails\n" + self.notes())
        return texts

    def litter(self):
        """Names that are left in the folder of the mailboxes."""
        return sorted(p.name for p in self.mail.iterdir() if p != self.path)


# ---- messages ----

def entry(message):
    """A message as another program would append it to a mailbox."""
    lines = [b"From other@example.net Mon Jan  6 10:00:00 2025"]
    for line in message.split(b"\r\n")[:-1]:
        quoted = line.lstrip(b">").startswith(b"From ")
        lines.append((b">" if quoted else b"") + line)
    return b"\n".join(lines) + b"\n\n"


def make(ident, size=0):
    """The message of that id, always the same; at least size octets."""
    chance = random.Random(f"{ident} {size}")
    message = compose(ident, chance)
    line = chance.randbytes(36).hex().encode() + b"\r\n"
    while len(message) < size:
        step = chance.randbytes(36).hex().encode() + b"\r\n"
        many = min(200, (size - len(message)) // len(line) + 1)
        message += step + line * (many - 1)
    return message


class Story:
    """Which messages must be there, may be there, or go together."""

    def __init__(self, texts, keep, doomed=(), maybe=()):
        self.texts = dict(texts)
        self.keep = list(keep)
        self.doomed = list(doomed)
        self.maybe = set(maybe)
        self.gone = False       # the deletion was acknowledged
        self.fragments = False  # of maybe, after a power cut
        self.ordered = True     # not if several clients send at once
        self.last = self.keep[-1] if self.keep else None

    def add(self, ident, message, sure):
        """One more, appended; sure: acknowledged."""
        self.texts[ident] = message
        if sure:
            self.keep.append(ident)
        else:
            self.maybe.add(ident)

    def judge(self, texts):
        """What is wrong with this list of texts: a list of words."""
        trouble, seen = [], []
        for wire in texts:
            match = ID.search(wire)
            ident = match and match.group(1).decode()
            if ident not in self.texts:
                if not self.fragments:
                    trouble.append(f"STRAY {wire[:60]!r}")
            elif wire[match.start():] == self.texts[ident]:
                seen.append(ident)
            elif self.fragments and ident == self.last and wire[
                    match.start():].startswith(self.texts[ident]):
                seen.append(ident)      # with a fragment after it
            elif not (self.fragments and ident in self.maybe):
                trouble.append(f"TORN {ident}: ends {wire[-60:]!r}")
        trouble += [f"LOST {i}" for i in self.keep if i not in seen]
        trouble += [f"DOUBLE {i}" for i in set(seen) if seen.count(i) > 1]
        left = [i for i in self.doomed if i in seen]
        if left and (self.gone or len(left) != len(self.doomed)):
            trouble.append(f"HALF: of {self.doomed} there is {left}")
        order = [i for i in seen if i in self.texts]
        if self.ordered and not trouble and order != sorted(order, key=list(
                self.texts).index):
            trouble.append(f"ORDER {order}")
        return trouble


def look(bench, story, before=()):
    """What is wrong, as POP3 and as an independent reader see it."""
    shown = bench.list(before=before)
    try:
        stored = [message.wire for message in mbox.read(bench.path)]
    except AssertionError as error:
        # Our own reader must cope with fragments; the strict one need not.
        return story.judge(shown) if story.fragments else [
            f"MALFORMED {error}"]
    trouble = story.judge(stored)
    if [strip(t) for t in shown] != [strip(t) for t in stored]:
        trouble += ["POP3 shows otherwise"] + story.judge(shown)
    return trouble


def strip(wire):
    """From the id on."""
    match = ID.search(wire)
    return wire[match.start():] if match else wire


def sample(items, most):
    """At most so many, evenly spread; all with RESTANTE_LONG."""
    items = list(items)
    if LONG or len(items) <= most:
        return items
    return [items[i * len(items) // most] for i in range(most)]
