# SPDX-License-Identifier: ISC
"""Kills without end: every 200 ms some process of the server is killed.

Senders with several recipients each, readers who delete, mailboxes that
another program locks now and then; sessions, workers, deliveries, runners,
agents, mailbox processes, the keepers of keys and at times a server itself are
killed by SIGKILL. Half of the senders speak TLS, which needs a keeper.
What was acknowledged is there afterwards, whole, and nowhere else.

RESTANTE_SOAK_SECONDS says for how long (default 8; a campaign takes 600).
"""
import os
import signal
import threading
import time
from collections import Counter

from lib import mbox
from lib.ledger import Ledger, generator
from lib.proc import children, keepers, tree
from lib.scratch import Instance, client_context
from lib.tap import Tap, check
from lib.wait import wait_for

tap = Tap()
SECONDS = float(os.environ.get("RESTANTE_SOAK_SECONDS", "8"))
SEED = int(os.environ.get("RESTANTE_SEED", str(time.time_ns() % 10**6)))
USERS = ("alice", "bob", "carol", "dora", "eve", "frank")
PASSWORD = "soak password"
PAUSE = 0.2         # s between two kills
RESTART = min(10, SECONDS)  # s between two kills of the servers
BROKEN = (OSError, EOFError, AssertionError, ValueError)


class Soak:
    """One run: its threads, what they saw, and whom the killer killed."""

    def __init__(self, server):
        self.server = server
        self.ledger = Ledger()
        self.killed = Counter()
        self.collected = self.refused = self.secured = 0
        self.tls = client_context()
        self.end = time.monotonic() + SECONDS
        self.ports = None
        self.find_ports()

    def find_ports(self):
        """Servers that were started again listen elsewhere."""
        self.ports = self.server.smtp, self.server.pop3

    def over(self):
        """True if the time is over."""
        return time.monotonic() > self.end

    # ---- those who use it ----

    def sender(self, number):
        """Messages for one to six users each, as often as it goes."""
        chance = generator(SEED * 100 + number)
        while not self.over():
            try:
                self.send(chance, number % 2 == 1)
            except BROKEN:
                self.refused += 1
                time.sleep(0.05)

    def send(self, chance, secure):
        """One session; what it does not hear of was not acknowledged."""
        with self.server.connect(self.ports[0], timeout=20) as talker:
            talker.hello()
            if secure:
                talker.expect("220 ", "STARTTLS")
                talker.start_tls(self.tls)
                talker.expect("250 ", "EHLO client.example.net")
                self.secured += 1
            for _ in range(3):
                boxes = chance.sample(USERS, chance.randint(1, len(USERS)))
                ident, data = self.ledger.new(boxes, chance)
                talker.submit("carol@example.com",
                              [f"{b}@example.org" for b in boxes], data)
                self.ledger.ack(ident)

    def reader(self, number):
        """Collects mail, and deletes what has come whole."""
        chance = generator(SEED * 100 + 50 + number)
        while not self.over():
            user = chance.choice(USERS)
            try:
                self.collect(user)
            except BROKEN:
                self.refused += 1
                time.sleep(0.05)

    def collect(self, user):
        """A session; what was read counts, whatever becomes of QUIT."""
        with self.server.connect(self.ports[1], timeout=20) as talker:
            talker.pop_login(user, PASSWORD)
            count = int(talker.pop("+OK", "STAT").split()[1])
            for number in range(1, min(count, 20) + 1):
                text = talker.pop_block(f"RETR {number}")
                self.ledger.see(user, text)
                self.collected += 1
                talker.pop("+OK", f"DELE {number}")
            talker.pop("+OK", "QUIT")

    def locker(self, _):
        """Another program that locks one mailbox after the other."""
        chance = generator(SEED * 100 + 90)
        while not self.over():
            lock = self.server.mail / (chance.choice(USERS) + ".lock")
            try:
                os.close(os.open(lock, os.O_CREAT | os.O_EXCL, 0o644))
            except FileExistsError:
                pass
            else:
                time.sleep(chance.random())
                lock.unlink(missing_ok=True)
            time.sleep(0.1)

    # ---- the killer ----

    def killer(self, _):
        """Ends one process at a time, of all that there are."""
        chance = generator(SEED * 100 + 99)
        restart_at = time.monotonic() + RESTART / 2
        while not self.over():
            time.sleep(PAUSE)
            if time.monotonic() > restart_at:
                self.restart()
                restart_at = time.monotonic() + RESTART
                continue
            self.kill_one(chance)

    def kill_one(self, chance):
        """Kills a child; those deep in the tree are few, and interesting, as
        are keepers, of whom there is one."""
        daemons = self.server.smtpd, self.server.pop3d
        near = [p for d in daemons for p in children(d.pid)]
        deep = [p for n in near for p in tree(n)]
        few = [p for d in daemons for p in keepers(d.pid)]
        kinds = {"child of a child": deep, "child": near, "keeper": few}
        kind, = chance.choices(list(kinds), (4, 4, 1))
        found = kinds[kind] or near
        if found:
            try:
                os.kill(chance.choice(found), signal.SIGKILL)
                self.killed[kind if kinds[kind] else "child"] += 1
            except ProcessLookupError:
                pass

    def lost_keepers(self):
        """Kills the keepers, and then has a handshake, until it succeeds."""
        for pid in keepers(self.server.smtpd.pid):
            os.kill(pid, signal.SIGKILL)
            self.killed["keeper"] += 1
        wait_for(self.handshake, "TLS after the end of a keeper", 60)

    def handshake(self):
        """True if a session with TLS is to be had now."""
        try:
            with self.server.connect(self.server.submissions,
                                     self.tls) as talker:
                talker.hello()
                talker.expect("221 ", "QUIT")
        except BROKEN:
            return False
        return True

    def restart(self):
        """Kills both servers, and starts them anew on the same files."""
        for daemon in (self.server.smtpd, self.server.pop3d):
            daemon.kill()
            self.killed["server"] += 1
        self.server.start()
        self.find_ports()

    # ---- all of it ----

    def guard(self, function, number, errors):
        """Runs a thread's function; an error of the test's own is kept."""
        try:
            function(number)
        except Exception as error:
            errors.append(f"{function.__name__}: {error!r}")

    def run(self):
        """Starts all, waits for all, and counts what there is."""
        errors = []
        threads = [threading.Thread(target=self.guard, args=(f, n, errors))
                   for f, n in [(self.sender, n) for n in range(6)]
                   + [(self.reader, n) for n in range(2)]
                   + [(self.locker, 0), (self.killer, 0)]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.guard(lambda _: self.lost_keepers(), 0, errors)
        for lock in self.server.mail.glob("*.lock"):
            lock.unlink()       # of whom was killed: they would grow stale
        self.server.run_queue(300)
        wait_for(lambda: not tree(self.server.smtpd.pid), "all to end", 120)
        self.server.call("pop3d", "--recover")
        for user in USERS:
            path = self.server.mailbox(user)
            for message in mbox.read(path) if path.exists() else ():
                self.ledger.see(user, message.wire)
        return errors


def cases_soak():
    """The real thing; that the ledger notices harm is t_ledger's."""
    with Instance() as server:
        for user in USERS:
            server.passwd(user, PASSWORD)
        soak = Soak(server)
        errors = soak.run()
        balance = soak.ledger.balance()
        tap.diag(f"seed {SEED}: {len(soak.ledger.sent)} sent, "
                 f"{len(soak.ledger.acked)} acknowledged, {soak.collected} "
                 f"collected, {soak.refused} sessions cut, killed: "
                 f"{dict(soak.killed)}, {len(balance['DOUBLE'])} twice")
        tap.ok(not errors, "the test itself met no error", str(errors))
        for kind in ("LOST", "TORN", "STRAY"):
            tap.ok(not balance[kind], f"{kind} is 0",
                   f"seed {SEED}: {len(balance[kind])}: {balance[kind][:5]}"
                   + server.notes())
        with tap.case("mail went through, and processes were killed"):
            check(len(soak.ledger.acked) > 5, "hardly a message")
            check(soak.collected > 0, "nothing was collected")
            check(soak.secured > 0, "nothing came by TLS")
            check(soak.killed["keeper"] > 0, "no keeper was killed")
            check(soak.killed["child"] > 2 and soak.killed["server"] > 0,
                  f"killed: {dict(soak.killed)}")


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
