# SPDX-License-Identifier: ISC
"""The queue runner: what it takes, who gets it, and what becomes of the rest.

Guards against mail that is sent twice by two runners or by a second try, that
bounces because a next hop is down, a clock has jumped or a helper process has
died, against a server that gets a connection for each message, and against a
runner that does not end.
"""
import os
import re
import signal
import subprocess
import threading
import time

from lib import mbox, proc, queuefile
from lib.fakemx import DROP, FakeMx
from lib.queuefile import recipient
from lib.scratch import Scratch, tool
from lib.shim import build_shim, shimmed
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
DAY, YEAR = 24 * 60 * 60, 365 * 24 * 60 * 60
DEFERRAL = "451 4.2.0 Not now, please"


class Runner(Scratch):
    """A scratch folder whose mail goes to a fake next hop."""

    def __init__(self, mx, config=""):
        super().__init__(f"relay smtp://127.0.0.1:{mx.port}?tls=never\n"
                         + config, tls=False)
        self.queue = self.dir / "queue"
        self.mx = mx

    def put(self, *recipients, **fields):
        """A message of its own in the queue; its id is in its Message-ID."""
        id = fields.pop("id", None) or queuefile.new_id()
        body = (f"Message-ID: <{id}@test>\r\nSubject: {id}\r\n\r\n"
                "Hello\r\n.\r\n..x\r\n").encode()
        fields.setdefault("sender", "alice@example.org")
        return queuefile.make(self.queue, id=id, body=body,
                              recipients=recipients, **fields)

    def start(self, *args):
        """Starts a run; returns the Popen."""
        log = open(self.dir / "runner.log", "ab")
        with log:
            return self.popen(self.command("smtpd", *(args or ("-q",))),
                              stdin=subprocess.DEVNULL, stdout=log,
                              stderr=log)

    def run(self, *args, status=0):
        """Runs the queue to its end; returns the log of that."""
        before = len(self.log())
        process = self.start(*args)
        process.wait(90)
        log = self.log()[before:]
        equal(process.returncode, status, f"exit status; {log}")
        return log

    def log(self):
        """All that the runs have said."""
        path = self.dir / "runner.log"
        return path.read_text() if path.exists() else ""

    def find(self, id):
        """The message, wherever it lies."""
        return queuefile.find(self.queue, id)

    def left(self):
        """Ids of all that is in the queue."""
        return queuefile.ids(self.queue)

    def box(self, user):
        """The messages in a mailbox, as octets."""
        return [m.wire for m in mbox.read(self.mailbox(user))]


def sent_once(mx, ids):
    """Each of these messages was sent, and only once."""
    equal(dict(mx.bodies_by_id()), {f"<{id}@test>": 1 for id in ids},
          "messages at the next hop")


def test_sends():
    """What is in the queue goes to the next hop as it is, and is gone"""
    with FakeMx() as mx, Runner(mx) as r:
        id = r.put("bob@remote.test", "carl@else.test", client="local")
        log = r.run()
        equal(r.left(), [], "the queue")
        message, = mx.messages
        equal(sorted(message.rcpts), ["bob@remote.test", "carl@else.test"])
        equal(message.sender, "alice@example.org")
        sent_once(mx, [id])
        check(re.search(rf"{id}: to=<bob@remote.test>, relay=\S+, "
                        r"delay=[\d.]+, delays=[\d./]+, dsn=2\.\S+, "
                        r"status=sent \(", log), log)
        check(f"{id}: removed" in log, log)


def test_one_connection():
    """Many messages go over one connection"""
    with FakeMx() as mx, Runner(mx, "relay-concurrency 1") as r:
        ids = [r.put("bob@remote.test") for _ in range(20)]
        r.run()
        sent_once(mx, ids)
        equal(mx.connections, 1, "connections")
        equal(mx.complaints, [])


def test_limit():
    """A next hop gets so many connections at a time, and no more"""
    now, most, lock = 0, 0, threading.Lock()

    def body(_session, _argument):
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.02)
        with lock:
            now -= 1

    with FakeMx({"mail": body}) as mx, \
            Runner(mx, "relay-concurrency 3") as r:
        ids = [r.put(f"bob@remote{n % 4}.test") for n in range(40)]
        r.run()
        sent_once(mx, ids)
        check(1 < mx.connections <= 3, f"{mx.connections} connections")
        check(most <= 3, f"{most} transactions at a time")


def test_limit_of_all():
    """Four runners together keep to the connections of one next hop"""
    now, most, lock = set(), 0, threading.Lock()

    def count(session, _argument):
        nonlocal most
        with lock:
            now.add(session.number)
            most = max(most, len(now))

    def leave(session, _argument):
        with lock:
            now.discard(session.number)

    with FakeMx({"greeting": count, "quit": leave}) as mx, \
            Runner(mx, "relay-concurrency 2") as r:
        ids = [r.put(f"bob@{place}.test") for place in "abcd"
               for _ in range(10)]
        runs = [r.start("-qR", f"@{place}.test") for place in "abcd"]
        for run in runs:
            equal(run.wait(90), 0, r.log())
        sent_once(mx, ids)
        equal(r.left(), [])
        check(most <= 2, f"{most} connections at a time")


def test_killed_runner_leaves_no_connection():
    """A runner that is killed holds no connection of the next one"""
    go = threading.Event()
    with FakeMx({"1:mail": [lambda *_: go.wait(30) and None]}) as mx, \
            Runner(mx, "relay-concurrency 1") as r:
        id = r.put("bob@a.test")
        run = r.start("-qI", id)
        wait_for(lambda: any(c.startswith("MAIL") for c in mx.commands()),
                 "the first transaction")
        run.kill()
        run.wait()
        second = r.put("bob@b.test")
        run = r.start("-qI", second)
        go.set()
        equal(run.wait(60), 0, r.log())
        check(f"<{second}@test>" in mx.bodies_by_id(), mx.bodies_by_id())


def test_total():
    """All next hops together get so many processes, and each its turn"""
    with FakeMx() as mx, FakeMx() as a, FakeMx() as b, \
            Runner(mx, "queue-concurrency 1\n"
                       f"route a.test smtp://127.0.0.1:{a.port}?tls=never\n"
                       f"route b.test smtp://127.0.0.1:{b.port}?tls=never\n"
                   ) as r:
        for domain in ("a.test", "b.test", "c.test"):
            for _ in range(4):
                r.put("x@" + domain)
        r.run()
        equal([len(m.messages) for m in (mx, a, b)], [4, 4, 4])
        equal(r.left(), [])


def test_deferred():
    """A temporary refusal is noted down in full, and tried later"""
    with FakeMx({"rcpt": {"bob@remote.test": DEFERRAL}}) as mx, \
            Runner(mx) as r:
        id = r.put("bob@remote.test", "carl@remote.test")
        before = int(time.time())
        log = r.run()
        after = int(time.time())
        message = r.find(id)
        equal(message.place, "deferred")
        equal(message.states(), ["waiting", "sent"])
        bob = message.recipients[0]
        equal(bob["attempts"], 1)
        check(before <= bob["last"] <= after, f"tried at {bob['last']}")
        check(before + 300 <= bob["due"] <= after + 360,
              f"due in {bob['due'] - after} s")
        equal(int(message.due), bob["due"], "time of the file")
        check(DEFERRAL in queuefile.reason(r.queue, id)[0],
              queuefile.reason(r.queue, id))
        check("dsn=4.2.0, status=deferred" in log, log)
        equal(r.box("alice"), [], "mail about that")
        # Nothing happens before its time; then the wait is doubled.
        r.run()
        equal(r.find(id).recipients[0], bob)
        r.run("-qf")
        again = r.find(id).recipients[0]
        equal(again["attempts"], 2)
        check(600 <= again["due"] - again["last"] <= 720,
              f"then due in {again['due'] - again['last']} s")
        equal(len(mx.messages), 1, "bodies sent")


def test_due():
    """What is due is taken, what is not is not even opened"""
    with FakeMx() as mx, Runner(mx) as r:
        now = int(time.time())
        due = [r.put(recipient("bob@remote.test", due=when), place="deferred")
               for when in (0, now - 1, now + 10 * YEAR)]
        later = [r.put(recipient("bob@remote.test", due=now + 3600),
                       place="deferred") for _ in range(20)]
        for id in later:
            path = r.queue / "deferred" / id
            path.write_bytes(b"whoever opens this finds damage\n")
            os.utime(path, (now + 3600,) * 2)
        held = r.put("bob@remote.test", place="hold")
        r.run()
        sent_once(mx, due)
        equal(r.left(), sorted([held, *later]))
        equal(queuefile.ids(r.queue, "corrupt"), [])


def test_one_by_id():
    """-qI takes one message, due or not, and nothing else"""
    with FakeMx() as mx, Runner(mx) as r:
        later = int(time.time()) + 3600
        ids = [r.put(recipient("bob@remote.test", due=later),
                     place="deferred") for _ in range(3)]
        new = r.put("bob@remote.test")
        r.run("-qI", ids[1])
        sent_once(mx, [ids[1]])
        r.run("-qI" + new)
        sent_once(mx, [ids[1], new])
        equal(r.left(), sorted([ids[0], ids[2]]))
        r.run("-qI", "no/such/id")
        r.run("-qI", "ABCDEFGHIJKL")


def test_by_recipient():
    """-qR takes those with that text in a recipient who waits"""
    with FakeMx() as mx, Runner(mx) as r:
        later = int(time.time()) + 3600
        a = r.put(recipient("bob@remote.TEST", due=later), place="deferred")
        b = r.put(recipient("x@else.test", due=later,
                            given="list@Remote.test"), place="deferred")
        r.put(recipient("bob@remote.test", state="s"),
              recipient("x@else.test", due=later), place="deferred")
        r.put(recipient("x@else.test", due=later), place="deferred")
        r.run("-qR", "@REMOTE.test")
        sent_once(mx, [a, b])
        equal(len(r.left()), 2)


def test_together():
    """Runners that run together send each message once"""
    with FakeMx() as mx, Runner(mx) as r:
        ids = [r.put("bob@remote.test") for _ in range(100)]
        runs = [r.start(*args) for args in
                (["-qf"], ["-q"], ["-qf"], ["-qR", "bob"])]
        for run in runs:
            equal(run.wait(90), 0, r.log())
        equal(r.left(), [])
        sent_once(mx, ids)


def test_turn():
    """A second runner leaves new mail to the first, which sees it"""
    go = threading.Event()
    with FakeMx({"1:mail": [lambda *_: go.wait(30) and None]}) as mx, \
            Runner(mx, "relay-concurrency 1") as r:
        first = r.put("bob@remote.test")
        run = r.start()
        wait_for(lambda: any(c.startswith("MAIL") for c in mx.commands()),
                 "the first transaction")
        second = r.put("bob@remote.test")
        r.run()
        equal(r.left(), sorted([first, second]))
        go.set()
        equal(run.wait(60), 0)
        sent_once(mx, [first, second])
        equal(mx.connections, 1, "connections")


class Late(Runner):
    """Runs that end late: to write their figures, which they do last, takes as
    long as a file is there, see lib/late_shim.c."""

    def __init__(self, mx):
        self.figures = None
        super().__init__(mx, "domains example.org\n"
                         "stats-file %DIR/state/figures\n"
                         "aliases %DIR/aliases")
        (self.dir / "aliases").write_text("list: bob@remote.test\n")
        build_shim(self.dir / "late.so", "late_shim.c")
        self.figures = self.dir / "state" / "figures"
        self.late = self.figures.with_suffix(".late")
        self.late.touch()
        self.own()

    def environment(self):
        env = super().environment()
        if self.figures is None:
            return env
        return shimmed(env, self.dir / "late.so", LATE=str(self.figures))


def test_late():
    """A session alone whose mail comes when a run has had its last look has
    another one made"""
    with FakeMx() as mx, Late(mx) as r:
        talker, session = r.session()
        wait_for(lambda: r.figures.with_suffix(".here").exists(),
                 "the run with which it begins to end")
        with talker:
            talker.hello()
            talker.submit("alice@example.org", ["list@example.org"],
                          "Subject: x\r\n\r\nx\r\n")
            talker.expect("221 ", "QUIT")
        wait_for(lambda: session.poll() is not None, "the end of the session")
        r.late.unlink()
        wait_for(lambda: not proc.named(str(r.conf)), "the runs to end")
        equal(len(mx.messages), 1, "messages at the next hop")
        equal(r.left(), [], "the queue")


def test_dead():
    """A next hop that is down is not tried for each message"""
    with FakeMx({"greeting": "421 4.3.2 Down for repair"}) as mx, \
            Runner(mx) as r:
        ids = [r.put("bob@remote.test") for _ in range(50)]
        r.run()
        check(mx.connections <= 6, f"{mx.connections} connections")
        equal(queuefile.ids(r.queue, "deferred"), sorted(ids))
        for id in ids:
            equal(r.find(id).recipients[0]["attempts"], 1)
            check("Down for repair" in queuefile.reason(r.queue, id)[0],
                  queuefile.reason(r.queue, id))
        equal(r.box("alice"), [])


def waits(r, id):
    """Seconds that each recipient waits after a try, at least and at most
    (they have been tried within a second)."""
    return {row["due"] - row["last"] for row in r.find(id).recipients}


def within(found, least):
    """All of these waits, with a fifth at most of jitter."""
    check(found and all(least <= n <= least * 6 / 5 for n in found),
          f"{found} and not {least} seconds and a fifth at most")


def test_soon():
    """While a next hop that has a name here is down, its mail is tried again
    soon, and what a run then finds due is due for the server, too"""
    with FakeMx({"greeting": "421 4.3.2 Down for repair"}) as mx, \
            Runner(mx) as r:
        ids = [r.put("bob@remote.test") for _ in range(3)]
        for wait in (30, 60, 120, 240, 480, 600, 600):
            r.run("-qf")
            for id in ids:
                within(waits(r, id), wait)
        first = min(r.find(id).recipients[0]["due"] for id in ids)
        check((r.queue / "next-run").stat().st_mtime <= first, "too late")
        # A run that finds nothing due knows when the next one is.
        r.run()
        equal((r.queue / "next-run").stat().st_mtime, first)
        # Long after it was planned, this clock stops.
        old = time.time() - DAY
        os.utime(r.queue / "next-run", (old, old))
        r.run()
        check(not (r.queue / "next-run").exists(), "it is planned for ever")


def cases_not_soon():
    """What is up to others has its hours"""
    for name, at, reply, config, wait in (
            ("one recipient that a relay puts off", "rcpt", DEFERRAL, "", 300),
            ("a relay that does not like us", "greeting",
             "421 4.7.0 Too many connections from you", "", 300),
            ("one recipient that a store puts off", "rcpt", DEFERRAL,
             "lmtp", 30)):
        with tap.case(name), FakeMx({at: reply}, lmtp=bool(config)) as mx, \
                Runner(mx, config and "route remote.test "
                       f"lmtp:127.0.0.1:{mx.port}") as r:
            id = r.put("bob@remote.test")
            r.run()
            within(waits(r, id), wait)
    with tap.case("a domain whose MX cannot be found"), \
            Scratch("resolver 127.0.0.1:1\n") as r:
        id = queuefile.make(r.dir / "queue", recipients=["bob@remote.test"],
                            sender="alice@example.org")
        r.own()
        r.call("smtpd", "-q")
        row, = queuefile.find(r.dir / "queue", id).recipients
        within({row["due"] - row["last"]}, 300)


def test_start():
    """A server looks at once for what was left behind when it ended, and for
    what is to be tried soon"""
    with FakeMx() as mx, Runner(mx) as r:
        ids = [r.put("bob@remote.test")]
        r.own()
        (r.queue / "last-run").touch()
        server = r.serve("smtpd", "127.0.0.1:0")
        wait_for(lambda: not r.left(), "the mail that was in the queue")
        server.stop()
        now = time.time()
        ids.append(r.put(recipient("bob@remote.test", due=int(now) - 1),
                         place="deferred"))
        os.utime(r.queue / "last-run", (now - 60, now - 60))
        (r.queue / "next-run").touch()
        os.utime(r.queue / "next-run", (now - 60, now - 1))
        r.own()
        server = r.serve("smtpd", "127.0.0.1:0")
        wait_for(lambda: not r.left(), "the mail that is due soon")
        server.stop()
        sent_once(mx, ids)


def test_dead_in_transactions():
    """A next hop that hangs up is not tried for each message either"""
    for phase in ("mail", "rcpt", "dot"):
        with FakeMx({phase: DROP}) as mx, Runner(mx) as r:
            ids = [r.put("bob@remote.test") for _ in range(40)]
            r.run()
            check(mx.connections <= 6, f"{phase}: {mx.connections} connections")
            equal(queuefile.ids(r.queue, "deferred"), sorted(ids))


def test_local_socket_hangs_up():
    """No message waits because a socket was closed after the one before"""
    with FakeMx() as mx, Runner(mx) as r:
        path = r.dir / "lmtp"
        with FakeMx({"dot": ("250 Ok", DROP)}, unix=path, lmtp=True) as lmtp:
            path.chmod(0o777)
            r.configure(f"relay lmtp:unix:{path}\nrelay-concurrency 1",
                        tls=False)
            ids = [r.put("bob@remote.test") for _ in range(6)]
            r.run()
            sent_once(lmtp, ids)
            equal(r.left(), [])


def test_refused():
    """Nobody listens: deferred; another next hop gets its mail"""
    with FakeMx() as mx, FakeMx() as other, \
            Runner(mx, "route other.test smtp://127.0.0.1:"
                       f"{other.port}?tls=never") as r:
        mx.refuse()
        id = r.put("bob@remote.test", "carl@other.test")
        r.run()
        equal(r.find(id).states(), ["waiting", "sent"])
        sent_once(other, [id])


def test_cut_off():
    """A server that takes one message a connection gets them all"""
    def once(session, _argument):
        if any(m.connection == session.number for m in mx.messages):
            return "421 4.7.0 One message at a time", DROP
        return None

    with FakeMx({"mail": once}) as mx, Runner(mx) as r:
        ids = [r.put("bob@remote.test") for _ in range(6)]
        r.run()
        sent_once(mx, ids)
        equal(r.left(), [])


def test_fallback():
    """Mail whose MX cannot be asked for goes to the fallback relay"""
    with FakeMx() as mx, Scratch(
            "resolver 127.0.0.1:1\n"
            f"fallback-relay smtp://127.0.0.1:{mx.port}?tls=never",
            tls=False) as scratch:
        queue = scratch.dir / "queue"
        id = queuefile.make(queue, recipients=["bob@remote.test"])
        done = scratch.call("smtpd", "-q", seconds=120)
        equal(done.returncode, 0, done.stderr)
        equal(len(mx.messages), 1, done.stderr)
        equal(queuefile.find(queue, id), None)


def test_bounce():
    """A refusal for good is reported to the sender, once"""
    with FakeMx({"rcpt": {"no@remote.test": "550 5.1.1 No such user"}}) as mx, \
            Runner(mx) as r:
        r.put("no@remote.test", "bob@remote.test")
        log = r.run()
        equal(r.left(), [])
        report, = r.box("alice")
        check(b"no@remote.test" in report, report)
        check(b"550 5.1.1 No such user" in report, report)
        check("status=bounced" in log, log)
        r.put(recipient("no@remote.test", notify="never"))
        r.run()
        equal(r.left(), [])
        equal(len(r.box("alice")), 1)


def test_null_sender():
    """What cannot be told to a null sender goes to postmaster"""
    with FakeMx({"rcpt": "550 5.1.1 No such user"}) as mx, Runner(mx) as r:
        r.put("no@remote.test", sender="")
        r.run()
        equal(r.left(), [])
        equal(len(r.box("postmaster")), 1)


def test_unreported():
    """A failure that cannot be reported is none yet: it is tried again"""
    if not tool("prlimit"):
        raise Skip("no prlimit")
    no = "550 5.1.1 No such user"
    answers = {"no@remote.test": no, "later@remote.test": DEFERRAL}
    with FakeMx({"rcpt": answers}) as mx, Runner(mx) as r:
        id = queuefile.new_id()
        text = f"Message-ID: <{id}@test>\r\n\r\n" + "line\r\n" * 4000
        queuefile.make(r.queue, id=id, sender="alice@example.org",
                       body=text.encode(), ret="full",
                       recipients=["bob@remote.test", "no@remote.test",
                                   "later@remote.test"])
        # The report is larger than a file may be, and the log is not; that
        # is an error like any other.
        done = subprocess.run(
            ["prlimit", "--fsize=8192", "--", *r.command("smtpd", "-q")],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=90, check=False, env=r.environment(), **r.as_user())
        found = r.find(id)
        equal((found.place, found.states()),
              ("deferred", ["sent", "waiting", "waiting"]), done.stderr)
        line, = re.findall(".*to=<no@remote.test>.*", done.stderr)
        for words in ("relay=127.0.0.1", "dsn=4.3.0, status=deferred",
                      "cannot write the report to the sender: File too large; "
                      f"it would say: {no}"):
            check(words in line, line)
        line, = re.findall(".*to=<later@remote.test>.*", done.stderr)
        check("the report" not in line and DEFERRAL in line, line)
        equal(r.box("alice"), [])
        log = r.run("-qI", id)
        equal(r.find(id).states(), ["sent", "failed", "waiting"], log)
        report, = r.box("alice")
        check(no.encode() in report, report)
        sent_once(mx, [id])


def test_held():
    """A report for postmaster that fails is kept on hold, and said once"""
    no = "550 5.1.1 No such user"
    answers = {"no@remote.test": no, "later@remote.test": DEFERRAL}
    with FakeMx({"rcpt": answers}) as mx, Runner(mx) as r:
        id = r.put(recipient("no@remote.test", given="postmaster@example.org"),
                   "bob@remote.test", "later@remote.test", sender="")
        log = r.run()
        equal(queuefile.ids(r.queue, "hold"), [id], log)
        equal(r.left(), [id], log)
        equal(r.find(id).states(), ["waiting", "sent", "waiting"], log)
        check("is on hold" in log, log)
        line, = re.findall(".*to=<no@remote.test>.*", log)
        check("status=bounced" in line and no in line, line)
        line, = re.findall(".*to=<later@remote.test>.*", log)
        check("status=deferred" in line and DEFERRAL in line, line)
        equal(r.box("postmaster"), [])


def test_life():
    """Only what is old and was tried often expires; a notice is sent once"""
    with FakeMx({"rcpt": DEFERRAL}) as mx, Runner(mx) as r:
        now = time.time()
        old = r.put(recipient("bob@remote.test", attempts=7, notice=True),
                    arrival=now - 6 * DAY)
        few = r.put(recipient("bob@remote.test", attempts=2, notice=True),
                    arrival=now - 10 * YEAR)
        new = r.put(recipient("bob@remote.test", attempts=9), arrival=now)
        ahead = r.put(recipient("bob@remote.test", attempts=9),
                      arrival=now + 10 * YEAR)
        log = r.run()
        equal(r.left(), sorted([few, new, ahead]), log)
        check(re.search(rf"{old}: .*status=bounced", log), log)
        report, = r.box("alice")
        check(DEFERRAL.encode() in report, report)
        check(b"Status: 5.4.7" in report, report)
        late = r.put("bob@remote.test", arrival=now - 5 * 3600)
        r.run()
        check(r.find(late).recipients[0]["notice"], "no notice noted")
        equal(len(r.box("alice")), 2)
        r.run("-qI", late)
        equal(len(r.box("alice")), 2)


def test_success():
    """NOTIFY=SUCCESS is answered by us when the next hop cannot"""
    with FakeMx(extensions=("PIPELINING",)) as mx, Runner(mx) as r:
        r.put(recipient("bob@remote.test", notify="success"))
        r.put(recipient("carl@remote.test"))
        r.run()
        equal(r.left(), [])
        report, = r.box("alice")
        check(b"Action: relayed" in report, report)


def test_ours():
    """Addresses of our own domains are expanded, and delivered here"""
    with FakeMx() as mx, \
            Runner(mx, "aliases %DIR/aliases") as r:
        (r.dir / "aliases").write_text("both: alice, bob, x@remote.test\n")
        r.own()
        id = r.put("both@example.org", recipient("bob", "u"),
                   "nobody-there@example.org")
        log = r.run()
        equal(r.left(), [], log)
        equal([len(m.messages) for m in (mx,)], [1])
        equal(len(r.box("bob")), 2, log)
        # One copy, and the report about the address that is not there.
        equal(len(r.box("alice")), 2, log)
        check(re.search(rf"{id}: to=<both@example.org>.*forwarded as ",
                        log), log)


def test_lists():
    """Lists that aliases of ours include, and lists in these, are read"""
    with FakeMx() as mx, \
            Runner(mx, "aliases %DIR/aliases") as r:
        (r.dir / "aliases").write_text(f"staff: :include:{r.dir}/lists/one\n")
        (r.dir / "lists").mkdir()
        (r.dir / "lists/one").write_text(f"alice\n:include:{r.dir}/two\n")
        (r.dir / "two").write_text("bob, x@remote.test\n")
        r.own()
        r.put("staff@example.org")
        log = r.run()
        equal(r.left(), [], log)
        equal([len(r.box("alice")), len(r.box("bob")), len(mx.messages)],
              [1, 1, 1], log)


def test_follow_up():
    """Reports that a run for one message makes are delivered, too"""
    with FakeMx({"rcpt": "550 5.1.1 No such user"}) as mx, Runner(mx) as r:
        id = r.put("no@remote.test")
        r.run("-qI", id)
        equal(r.left(), [])
        equal(len(r.box("alice")), 1)


def test_agent_killed():
    """When an agent dies its message is deferred, and the others are sent"""
    stop = threading.Event()

    def stall(*_):
        stop.wait(30)

    with FakeMx({"1:mail": [stall]}) as mx, \
            Runner(mx, "relay-concurrency 1") as r:
        ids = [r.put("bob@remote.test") for _ in range(4)]
        run = r.start()
        wait_for(lambda: any(c.startswith("MAIL") for c in mx.commands()),
                 "the first transaction")
        victim, = proc.children(run.pid)
        os.kill(victim, signal.SIGKILL)
        equal(run.wait(60), 0, r.log())
        stop.set()
        left, = r.left()
        equal(r.find(left).recipients[0]["attempts"], 1)
        check("ended by signal 9" in queuefile.reason(r.queue, left)[0],
              r.log())
        ids.remove(left)
        sent_once(mx, ids)


def test_confined():
    """A runner is confined to its queue; who starts its agents is not"""
    stop = threading.Event()

    def stall(*_):
        stop.wait(30)

    with FakeMx({"1:mail": [stall]}) as mx, Runner(mx) as r:
        r.put("bob@remote.test")
        run = r.start()
        wait_for(lambda: any(c.startswith("MAIL") for c in mx.commands()),
                 "the first transaction")
        starters = [p for p in proc.all_children(run.pid)
                    if proc.name(p) == "starter"]
        confined = proc.status(run.pid)["NoNewPrivs"]
        stop.set()
        equal(run.wait(60), 0, r.log())
        if not starters:
            raise Skip("the kernel has no Landlock in which files change folders")
        equal(confined, "1")
        equal(len(starters), 1)
        equal(proc.status(starters[0]), {}, "the starter outlives the runner")


def test_sigterm():
    """SIGTERM: what is under way is finished and noted, the rest stays"""
    go = threading.Event()

    def wait(*_):
        go.wait(30)

    with FakeMx({"1:dot": [wait], "1:bdat": [wait]}) as mx, \
            Runner(mx, "relay-concurrency 1") as r:
        ids = [r.put("bob@remote.test") for _ in range(5)]
        run = r.start()
        wait_for(lambda: any(c.startswith(("DATA", "BDAT"))
                             for c in mx.commands()), "the first body")
        run.send_signal(signal.SIGTERM)
        time.sleep(0.2)     # a runner that forgot itself would have ended
        equal(run.poll(), None, "exit status with an order under way")
        go.set()
        equal(run.wait(60), 0, r.log())
        sent, = {m.id.strip("<>").partition("@")[0] for m in mx.messages}
        equal(r.left(), sorted(set(ids) - {sent}))
        equal(queuefile.ids(r.queue, "active"), r.left())
        for id in r.left():
            equal(r.find(id).recipients[0]["attempts"], 0)


def test_damaged():
    """Damage is set aside, and holds up nothing"""
    with FakeMx() as mx, Runner(mx) as r:
        bad = r.put("bob@remote.test")
        path = r.queue / "active" / bad
        path.write_bytes(path.read_bytes()[:-3])
        good = r.put("bob@remote.test")
        log = r.run()
        sent_once(mx, [good])
        equal(queuefile.ids(r.queue, "corrupt"), [bad])
        check(bad in log, log)


def test_slow_does_not_crowd_out():
    """A slow next hop with much mail does not hold up that for others"""
    go = threading.Event()

    def wait(*_):
        go.wait(60)

    with FakeMx({"mail": wait}) as mx, FakeMx() as other, \
            Runner(mx, "relay-concurrency 1\nroute other.test smtp://"
                       f"127.0.0.1:{other.port}?tls=never") as r:
        for n in range(1200):
            r.put("bob@remote.test", id=f"A{n:011d}")
        last = r.put("bob@other.test", id="Z" * 12)
        run = r.start()
        other.wait(1)
        sent_once(other, [last])
        run.send_signal(signal.SIGTERM)
        go.set()
        equal(run.wait(60), 0, r.log()[-2000:])
        equal(len(r.left()) + len(mx.messages), 1200)


def test_options():
    """-q takes an interval, which changes nothing, and refuses nonsense"""
    with FakeMx() as mx, Runner(mx) as r:
        ids = []
        for option in ("-q", "-q5m", "-q1h30m", "-q30", "-qSalice"):
            ids.append(r.put("bob@remote.test"))
            r.run(option)
            sent_once(mx, ids)
        for option in ("-qx", "-q5x", "-qm", "-q5mm", "-qI", "-qR"):
            done = r.call("smtpd", option)
            equal(done.returncode, 64, f"{option}: {done.stderr}")


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
