# SPDX-License-Identifier: ISC
"""Three servers behind haproxy that hand mail to one store: whatever dies,
each message that was acknowledged is in the store, no client is told that a
user does not exist, and nobody gets a report. A control proves that the test
would notice a lost message."""
import errno
import os
import signal

from lib import proc, queuefile
from lib.fakemx import FakeMx
from lib.haproxy import Haproxy
from lib.ledger import ID
from lib.no_directory import NoDirectory
from lib.ports import free_port
from lib.repeating import Clients
from lib.scratch import Scratch
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
AGENTS = 4      # that one server has at work for the store
PEOPLE = ("nobody", "daemon", "mail")   # accounts that each system has
CONFIG = """users system
hostname mx{number}.example.org
domains example.org
route example.org lmtp:127.0.0.1:{store}
proxy 127.0.0.1
penalties-exempt 127.0.0.0/8
relay-concurrency {agents}
"""
BALANCER = """defaults
    mode tcp
    timeout connect 3s
    timeout client 1m
    timeout server 1m
    timeout check 30s
    option redispatch
    retries 2
listen mx
    bind 127.0.0.1:{port}
    balance source
    hash-type consistent
    option smtpchk EHLO lb.example.org
    default-server send-proxy-v2 check check-send-proxy inter 200 fall 2 \
rise 2 on-marked-down shutdown-sessions
"""


class Store:
    """The next hop: closed and opened again, it remembers all messages."""

    def __init__(self):
        self.port = free_port()
        self.times = []     # one for each time that it was open
        self.open()

    def open(self):
        """It answers."""
        self.times.append(FakeMx(port=self.port, lmtp=True))

    def close(self):
        """It is gone, in the middle of whatever it did."""
        self.times[-1].stop()

    def messages(self):
        """(recipient, text) of all that it took."""
        return [(rcpt, m.body) for mx in self.times for m in mx.messages
                for rcpt in m.rcpts]


class Front(Scratch):
    """One server, with a queue of its own."""

    def __init__(self, number, store):
        self.port, self.smtpd = free_port(), None
        super().__init__(CONFIG.format(number=number, store=store.port,
                                       agents=AGENTS), tls=False, users=False)
        self.queue = self.dir / "queue"

    def start(self):
        """Begins, or begins again."""
        self.smtpd = self.serve("smtpd", f"127.0.0.1:{self.port}")

    def waiting(self):
        """The messages of the queue."""
        return queuefile.messages(self.queue)

    def die(self):
        """All its processes are killed."""
        def left():
            pids = proc.named(str(self.conf))
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            return pids
        wait_for(lambda: not left(), "the processes to end", 60)
        self.smtpd.kill()

    def drain(self):
        """Runs the queue until nothing is left in it."""
        def empty():
            if self.waiting():
                self.call("smtpd", "-qf")
            return not self.waiting()
        wait_for(empty, "the queue to be empty", 60, 0.1)

    def __exit__(self, *_):
        if self.smtpd is not None:
            self.die()
        super().__exit__()


class FrontByName(NoDirectory, Front):
    """One whose directory of accounts can be silenced."""


def source(number, chance):
    """Each client is on a network of its own."""
    return f"127.0.{number}.{chance.randint(2, 254)}"


class Cluster:
    """The store, three servers, haproxy and the clients' account."""

    def __init__(self, kind=Front):
        self.deaths = 0
        self.fronts = []
        self.store = Store()
        port = free_port()
        self.clients = Clients(("127.0.0.1", port), PEOPLE, source)
        try:
            for number in (1, 2, 3):
                self.fronts.append(kind(number, self.store))
                self.fronts[-1].start()
            self.haproxy = Haproxy(
                self.fronts[0], BALANCER.format(port=port) + "".join(
                    f"    server f{n} 127.0.0.1:{front.port}\n"
                    for n, front in enumerate(self.fronts, 1)))
            wait_for(lambda: list(self.haproxy.checks().values())
                     == ["L7OK"] * 3, "health checks that pass", 60, 0.1)
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for front in reversed(self.fronts):
            front.__exit__()
        self.store.close()

    def notes(self):
        """The ends of the logs."""
        return "\n".join(front.notes() for front in self.fronts)

    def die(self, front):
        """A server is killed while clients are at work."""
        self.deaths += 1
        front.die()

    def balance(self, fronts=None):
        """What became of all messages, once these queues are empty; the list
        of those that are lost."""
        clients, ledger = self.clients, self.clients.ledger
        for front in fronts or self.fronts:
            equal([m.fields["sender"] for m in front.waiting()
                   if m.fields["sender"] != "a@ledger.example"], [], "reports")
            front.drain()
        for rcpt, body in self.store.messages():
            ledger.see(rcpt.partition("@")[0], body)
        found = ledger.balance()
        equal(clients.refusals, [], "replies of 5yz")
        equal(found["TORN"] + found["STRAY"], [], "torn or stray")
        double = len(ledger.found) - len({ident for ident, _, _
                                          in ledger.found})
        check(double <= self.deaths * AGENTS + len(clients.unsure),
              f"{double} duplicates: {found['DOUBLE']}")
        tap.diag(f"{len(ledger.acked)} acknowledged, {double} duplicates, "
                 f"{len(clients.unsure)} tries without 250 to the dot, "
                 f"replies {dict(clients.codes)}, longest wait "
                 f"{clients.longest:.1f} s")
        return found["LOST"]

    def lose_for_good(self):
        """The third server is gone for good while the store is closed: its
        messages that were acknowledged and are nowhere else."""
        gone = self.fronts[2]
        with self.clients as clients:
            clients.more(40)
            self.store.close()
            wait_for(lambda: len(gone.waiting()) >= 10, "mail that waits", 60)
            self.die(gone)
            clients.more(40)
        sure = clients.ledger.acked.difference(clients.unsure, (
            ID.search(text)[1].decode() for _, text in self.store.messages()))
        ids = {ID.search(m.body)[1].decode(): m for m in gone.waiting()}
        found = {k: m for k, m in ids.items() if k in sure}
        self.store.open()
        check(len(found) > 1, "its queue is empty")
        return found

    def adopt(self):
        """The first server takes the third one's queue over."""
        first, gone = self.fronts[0], self.fronts[2]
        count = len(gone.waiting())
        done = first.call("smtpd", "--adopt", gone.queue)
        equal((done.returncode, len(done.stdout.split())), (0, count),
              done.stderr)


def test_front_killed(cluster):
    """One is killed, and comes back later with its queue"""
    second = cluster.fronts[1]
    with cluster.clients as clients:
        clients.more(60)
        cluster.die(second)
        clients.more(120)
        second.start()
        clients.more(60)
    equal(cluster.balance(), [], "LOST")


def test_store_closed(cluster):
    """The store is closed for some time: acceptance goes on"""
    with cluster.clients as clients:
        clients.more(60)
        cluster.store.close()
        cluster.deaths += len(cluster.fronts)   # for the agents of each
        clients.more(150)
        cluster.store.open()
        clients.more(60)
    equal(cluster.balance(), [], "LOST")


def test_adopted(cluster):
    """One is gone for good, and another one adopts its queue"""
    cluster.lose_for_good()
    cluster.deaths += len(cluster.fronts)
    cluster.adopt()
    equal(cluster.balance(cluster.fronts[:2]), [], "LOST")


def test_control(cluster):
    """Control: a message that is taken off the dead one's disk is LOST"""
    ident, message = sorted(cluster.lose_for_good().items())[0]
    cluster.deaths += len(cluster.fronts)
    message.path.unlink()
    cluster.adopt()
    lost = cluster.balance(cluster.fronts[:2])
    equal([name.split()[0] for name in lost], [ident], "LOST")


def test_directory(cluster):
    """The directory of accounts is silent for some time: 451, no report"""
    with cluster.clients as clients:
        clients.more(60)
        for front in cluster.fronts:
            front.silence(errno.ENOENT)
        clients.told_no(100)
        for front in cluster.fronts:
            front.speak()
        clients.more(60)
    check(clients.codes[451], f"no 451: {dict(clients.codes)}")
    equal(cluster.balance(), [], "LOST")


if __name__ == "__main__":
    by_name = {"test_directory": test_directory}
    tap.run_each({k: v for k, v in globals().items() if k not in by_name},
                 Cluster)
    tap.run_each(by_name, lambda: Cluster(FrontByName))
    tap.finish()
