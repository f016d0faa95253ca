# SPDX-License-Identifier: ISC
"""Other programs deliver into a mailbox while ours deliver and delete.

For each program: several of it and of our senders write into one mailbox,
while a POP3 client collects and deletes; then the same with kill -9 of our
workers and sessions and of the other program. What was acknowledged must be
in the mailbox exactly once, or have been collected and deleted exactly once.

RESTANTE_LONG=1 makes each run longer, RESTANTE_SEED=N repeats the choices.
"""
import os
import signal
import threading
import time

from lib import proc, writers
from lib.postfix import Postfix
from lib.scratch import LONG, Instance
from lib.tap import Tap, check, equal
from lib.talk import Closed
from lib.wait import wait_for

tap = Tap()
SECONDS = 60 if LONG else 6
SEED = int(os.environ.get("RESTANTE_SEED", str(time.time_ns() % 10**6)))
PEERS, SENDERS = 3, 2
PASSWORD = "matrix password"
USER = "nobody"     # for Postfix it must be an account of the system


class Run:
    """One program against ours, for some seconds."""

    def __init__(self, server, writer, kill):
        self.server = server
        self.writer = writer
        self.kill = kill
        self.path = server.mailbox(USER)
        self.account = writers.Account()
        self.errors = []
        self.counts = dict.fromkeys(
            ("theirs", "ours", "deferred", "deleted", "killed"), 0)
        self.end = time.monotonic() + SECONDS
        self.started = time.time()

    def guard(self, function, number):
        """A thread; an error fails the test."""
        try:
            function(writers.chance(SEED * 100 + number))
        except Exception as error:
            self.errors.append(f"{function.__name__}: {error}")

    def running(self):
        """Until the time is over and, at best, all have done something."""
        idle = 0 in (self.counts["deleted"], self.counts["theirs"],
                     self.counts["ours"])
        return time.monotonic() < self.end + (4 * SECONDS if idle else 0)

    def peer(self, chance):
        """One run of the other program after the other."""
        while self.running():
            ident, data = self.account.new([USER], chance)
            if self.writer.deliver(ident, data):
                self.account.ack(ident)
                self.counts["theirs"] += 1

    def sender(self, chance):
        """One SMTP session after the other."""
        while self.running():
            try:
                self.send(chance)
            except Closed:
                if not self.kill:
                    raise

    def send(self, chance):
        """A session of up to four messages."""
        with self.server.connect(self.server.smtp, timeout=120) as talker:
            talker.hello()
            for _ in range(chance.randint(1, 4)):
                ident, data = self.account.new([USER], chance)
                talker.expect("250 ", "MAIL FROM:<carol@example.com>")
                talker.expect("250 ", f"RCPT TO:<{USER}@example.org>")
                talker.expect("354 ", "DATA")
                talker.send(data.replace(b"\r\n.", b"\r\n..") + b".\r\n")
                # A killed worker is our own trouble: 451.
                reply = talker.expect(("250 2.0.0", "451 4.3.0")
                                      if self.kill else "250 2.0.0")
                if reply.code == 250:
                    self.account.ack(ident)
                    self.counts["ours"] += 1
                else:
                    self.counts["deferred"] += 1

    def reader(self, chance):
        """Collects and deletes, all the time."""
        while self.running():
            try:
                self.collect(chance)
            except Closed:
                if not self.kill:
                    raise

    def collect(self, chance):
        """One POP3 session; deleted is what QUIT has acknowledged."""
        with self.server.connect(self.server.pop3, timeout=120) as talker:
            talker.pop("+OK")
            talker.pop("+OK", "USER " + USER)
            answer = talker.pop(("+OK", "-ERR [IN-USE]", "-ERR [SYS/TEMP]")
                                if self.kill else ("+OK", "-ERR [IN-USE]"),
                                "PASS " + PASSWORD)
            if not answer.startswith("+OK"):
                return
            sizes = [int(line.split()[1]) for line in talker.pop_block(
                "LIST").decode().splitlines()]
            taken = []
            for number in sorted(chance.sample(
                    range(len(sizes)), min(len(sizes), 25))):
                answer = talker.pop(
                    ("+OK", "-ERR [SYS/TEMP]", "-ERR [IN-USE]")
                    if self.kill else "+OK", f"RETR {number + 1}")
                if answer.startswith("-ERR"):
                    continue    # torn and put right since, or locked
                text = talker.block()
                equal(len(text), sizes[number], f"octets of {text!r:.600}")
                if chance.random() < 0.8:
                    talker.pop("+OK", f"DELE {number + 1}")
                    taken.append(text)
            self.quit(talker, taken)

    def quit(self, talker, taken):
        """QUIT; without an answer it is open what became of them."""
        talker.send("QUIT\r\n")
        try:
            answer = talker.line()
        except Closed:
            answer = "closed"
        if answer.startswith("+OK"):
            for text in taken:
                self.account.see(USER, text)
            self.counts["deleted"] += len(taken)
            return
        check(self.kill or answer.startswith("-ERR [SYS/TEMP]"), answer)
        for text in taken:
            match = writers.ID.search(text)
            if match:
                self.account.maybe.add(match.group(1).decode())

    def killer(self, chance):
        """kill -9 to one of ours or of theirs, again and again."""
        while self.running():
            pause = time.monotonic() + chance.uniform(0.02, 0.2)
            wait_for(lambda: time.monotonic() > pause, "the next kill")
            if chance.random() < 0.15:
                idents = self.writer.kill_all(lambda: self.send(chance))
                self.account.killed.update(idents)
                self.counts["killed"] += len(idents)
                continue
            self.kill_ours(chance)

    def kill_ours(self, chance):
        """One of the processes that our servers have started."""
        server = chance.choice((self.server.smtpd, self.server.pop3d)).pid
        below = proc.children(server)
        if not below:
            return
        pid = chance.choice(below)
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        try:
            # Still the same one, and no other that got its number.
            if proc.status(pid).get("PPid") == str(server):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                self.counts["killed"] += 1
                wait_for(lambda: not proc.status(pid) or
                         proc.status(pid).get("PPid") != str(server),
                         "a killed process to go")
                # Its number may soon be somebody else's.
                writers.age(self.path, lambda text: text == f"{pid}\n")
        except ProcessLookupError:
            pass
        finally:
            os.close(handle)

    def go(self):
        """All at once; then all is at rest."""
        # Postfix makes one as root's, and gives it to the user a moment later.
        self.path.touch(0o600)
        if self.server.user:
            os.chown(self.path, self.server.user.pw_uid,
                     self.server.user.pw_gid)
        work = [self.peer] * PEERS + [self.sender] * SENDERS + [self.reader] \
            + ([self.killer] if self.kill else [])
        threads = [threading.Thread(target=self.guard, args=(function, n))
                   for n, function in enumerate(work)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for daemon in (self.server.smtpd, self.server.pop3d):
            wait_for(lambda: not proc.children(daemon.pid), "all to end", 60)
        # A lock with a number is ours, and nobody is left who may hold it:
        # a process that ended with the one that was killed has left it.
        # The other program would wait until it is old.
        writers.age(self.path, lambda text: text != "")
        self.writer.settle()
        self.server.run_queue()     # what a locked mailbox left there

    def settle(self):
        """A last delivery and a last login put right what a kill left."""
        with self.server.connect(self.server.smtp) as talker:
            talker.hello()
            ident, data = self.account.new(
                [USER], writers.chance(SEED))
            talker.submit("carol@example.com", [f"{USER}@example.org"],
                          data)
            self.account.ack(ident)
        with self.server.connect(self.server.pop3) as talker:
            talker.pop_login(USER, PASSWORD)
            talker.pop("+OK", "QUIT")

    def left(self):
        """The files beside the mailbox."""
        return sorted(p.name for p in self.server.mail.iterdir()
                      if p.name != USER)


def cases_controls():
    """What the account excuses after kills, and what it does not."""
    def case(name, spoil, expected, kills=True):
        account = writers.Account()
        texts = {}
        for number in range(3):
            ident, data = account.new([USER], writers.chance(number))
            texts[ident] = b"Received: x\r\n" + data
            account.ack(ident)
        first = next(iter(texts))
        spoil(account, first, texts)
        for text in texts.values():
            account.see(USER, text)
        with tap.case(f"control: {name}"):
            equal({kind: len(found) for kind, found in
                   account.trouble(kills).items()}, expected, "trouble")

    def torn(account, first, texts):
        texts[first] = texts[first][:-9]

    def unacknowledged(account, first, texts):
        account.acked.discard(first)
        account.killed.add(first)
        torn(account, first, texts)

    def changed(account, first, texts):
        unacknowledged(account, first, texts)
        texts[first] += b"!\r\n"

    def tailed(account, first, texts):
        texts[first] += b"\r\nFr\r\n"

    def glued(account, first, texts):
        texts[first] += b"\r\nFrom carol@example.com Mon\r\nX-Ledger: 1\r\n"

    def gone(account, first, texts):
        del texts[first]

    def left_open(account, first, texts):
        gone(account, first, texts)
        account.maybe.add(first)

    def doubled(account, first, texts):
        account.maybe.add(first)
        account.see(USER, texts[first])

    case("an acknowledged message torn by a kill is noticed", torn,
         {"LOST": 1, "TORN": 1})
    case("the beginning of an unacknowledged one is excused",
         unacknowledged, {})
    case("it is not without kills", unacknowledged, {"TORN": 1}, False)
    case("nor with something after it", changed, {"TORN": 1})
    case("the beginning of a From_ line after a message is excused",
         tailed, {})
    case("but not more of it", glued, {"LOST": 1, "TORN": 1})
    case("a message that is gone is noticed", gone, {"LOST": 1})
    case("unless its session died in QUIT", left_open, {})
    case("a message twice is noticed then, too", doubled, {"DOUBLE": 1})


def cell(kind, kill):
    """One cell: a program, with or without kills."""
    title = kind.name + (", with kills" if kill else "")
    with Instance(tls=False) as server, tap.case(
            title + ": nothing lost, torn, astray or double", server.notes):
        server.passwd(USER, PASSWORD)
        writer = kind(server, USER)
        writer.start()
        try:
            run = Run(server, writer, kill)
            run.go()
        finally:
            writer.stop()
        run.settle()
        writers.collect(run.account, run.path, USER)
        numbers = ", ".join(f"{n} {what}" for what, n in run.counts.items())
        tap.diag(f"{title}: seed {SEED}: {numbers}, {len(run.account.maybe)} "
                 f"left open by a kill in QUIT; left: {run.left()}")
        trouble = run.account.trouble(foreign_kills=kill)
        check(not trouble, f"seed {SEED}: {trouble!r:.3000}")
        check(not run.errors, "\n".join(run.errors[:5]))
        if not kill:    # a resident lives on for a moment, with its file
            wait_for(lambda: not any(n.endswith(".lk") for n in run.left()),
                     "the end of the resident")
        equal([n for n in run.left() if n.endswith(".lock") or not kill], [],
              "left beside the mailbox")
        if kill:
            check(run.counts["killed"] > 0, "nothing was killed")
            return
        check(run.counts["theirs"] > 0, "not a message of theirs: "
              + run.writer.said.decode(errors="replace"))
        check(run.counts["ours"] > 0, "not a message of ours")
        check(run.counts["deleted"] > 0, "nothing was deleted")


def cases_matrix():
    """Every other program beside POP3"""
    for kind in (*writers.ALL, Postfix):
        for kill in (False, True):
            cell(kind, kill)


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
