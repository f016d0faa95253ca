# SPDX-License-Identifier: ISC
"""Twenty senders and five readers at once: nothing lost, torn or astray.

RESTANTE_LEDGER_SECONDS says for how long (default 10). One of the readers
deletes what it has collected. The negative controls show that the ledger
would notice.
"""
import os
import threading
import time

from lib import mbox
from lib.ledger import Ledger, compose, generator
from lib.scratch import Instance
from lib.tap import Tap, check, equal

tap = Tap()
SECONDS = float(os.environ.get("RESTANTE_LEDGER_SECONDS", "10"))
SEED = int(os.environ.get("RESTANTE_SEED", str(time.time_ns() % 10**6)))
USERS = ("alice", "bob", "carol", "dora")
PASSWORD = "ledger password"


class Crowd:
    """The threads of one run and what went wrong in them."""

    def __init__(self, server):
        self.server = server
        self.ledger = Ledger()
        self.errors = []
        self.end = time.monotonic() + SECONDS
        self.sessions = 0
        self.deleted = 0

    def guard(self, function, number):
        """Runs a thread's function; an error fails the test."""
        try:
            function(number)
        except Exception as error:
            self.errors.append(f"{function.__name__} {number}: {error}")

    def sender(self, number):
        """Session after session of one to five messages."""
        chance = generator(SEED * 100 + number)
        while time.monotonic() < self.end:
            with self.server.connect(self.server.smtp) as talker:
                talker.hello()
                for _ in range(chance.randint(1, 5)):
                    boxes = chance.sample(USERS, chance.choice((1, 1, 1, 2)))
                    ident, data = self.ledger.new(boxes, chance)
                    talker.submit("carol@example.com",
                                  [f"{b}@example.org" for b in boxes], data)
                    self.ledger.ack(ident)
                if chance.random() < 0.5:
                    talker.expect("221 ", "QUIT")

    def reader(self, number):
        """Reads mailboxes; reader 0 deletes what it has read."""
        chance = generator(SEED * 100 + 50 + number)
        while time.monotonic() < self.end:
            user = chance.choice(USERS)
            with self.server.connect(self.server.pop3) as talker:
                talker.pop("+OK")
                talker.pop("+OK", "USER " + user)
                talker.send(f"PASS {PASSWORD}\r\n")
                answer = talker.line()
                if answer.startswith("-ERR [IN-USE]"):
                    continue
                check(answer.startswith("+OK"), answer)
                self.read(talker, user, number == 0)

    def read(self, talker, user, delete):
        """One session: read all (at most 60), delete if told to."""
        self.sessions += 1
        sizes = [int(line.split()[1]) for line in
                 talker.pop_block("LIST").decode().splitlines()][:60]
        taken = []
        for number, size in enumerate(sizes, 1):
            talker.send(f"RETR {number}\r\n")
            answer = talker.line()
            if answer.startswith("-ERR"):
                continue        # another session has deleted it
            text = talker.block()
            check(len(text) == size,
                  f"message {number} of {user}: LIST {size}, RETR {len(text)}")
            if delete:
                talker.pop("+OK", f"DELE {number}")
                taken.append(text)
        talker.send("QUIT\r\n")
        answer = talker.line()
        check(answer.startswith("+OK"), f"QUIT: {answer}")
        for text in taken:
            self.ledger.see(user, text)
        self.deleted += len(taken)

    def run(self):
        """Starts all, waits for all, and counts what lies in the spool."""
        threads = [threading.Thread(target=self.guard, args=item)
                   for item in [(self.sender, n) for n in range(20)]
                   + [(self.reader, n) for n in range(5)]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.server.run_queue()     # what a locked mailbox left there
        for user in USERS:
            for message in mbox.read(self.server.mailbox(user)):
                self.ledger.see(user, message.wire)


def cases_controls():
    """The ledger must find each kind of harm done on purpose."""
    def filled():
        ledger = Ledger()
        texts = []
        for number in range(5):
            ident, data = ledger.new(["bob"], generator(number))
            ledger.ack(ident)
            texts.append(b"Received: x\r\n" + data)
        return ledger, texts

    def counts(ledger):
        return {k: len(v) for k, v in ledger.balance().items() if v}

    def case(name, spoil, expected):
        with tap.case(f"control: the ledger notices {name}"):
            ledger, texts = filled()
            boxes = spoil(texts)
            for box, text in boxes:
                ledger.see(box, text)
            equal(counts(ledger), expected, "balance")

    case("nothing where all is well", lambda t: [("bob", x) for x in t], {})
    case("a lost message", lambda t: [("bob", x) for x in t[1:]],
         {"LOST": 1})
    case("a message without its end",
         lambda t: [("bob", x) for x in [t[0][:-9]] + t[1:]],
         {"LOST": 1, "TORN": 1})
    case("a message with one byte changed",
         lambda t: [("bob", x) for x in t[1:] + [t[0][:-4] + b"!\r\n"]],
         {"LOST": 1, "TORN": 1})
    case("two messages glued together",
         lambda t: [("bob", x) for x in [t[0] + t[1]] + t[2:]],
         {"LOST": 2, "TORN": 1})
    case("a message in the wrong mailbox",
         lambda t: [("alice", t[0])] + [("bob", x) for x in t[1:]],
         {"LOST": 1, "STRAY": 1})
    case("a message nobody sent",
         lambda t: [("bob", x) for x in t]
         + [("bob", compose("9-9", generator(9)))], {"STRAY": 1})
    case("a message without an id",
         lambda t: [("bob", x) for x in t + [b"Subject: x\r\n\r\n"]],
         {"STRAY": 1})
    case("a message twice", lambda t: [("bob", x) for x in t + [t[3]]],
         {"DOUBLE": 1})


def cases_reader_controls():
    """The independent mailbox reader must tell good from bad."""
    one = b"From a@b Mon Jan  6 10:00:00 2025\nX: y\n\n>From z\n\n"
    with tap.case("control: the mailbox reader splits and unquotes"):
        texts = [m.wire for m in mbox.parse(one * 2)]
        equal(texts, [b"X: y\r\n\r\nFrom z\r\n"] * 2, "messages")
    for name, data in (("a torn end", one[:-1]), ("a lost From_", one[3:]),
                       ("a missing line end", one[:-2])):
        with tap.case(f"control: the mailbox reader refuses {name}"):
            try:
                mbox.parse(data)
            except AssertionError:
                continue
            raise AssertionError("it took it")


def cases_ledger():
    """The real thing."""
    with Instance() as server:
        for user in USERS:
            server.passwd(user, PASSWORD)
        crowd = Crowd(server)
        crowd.run()
        balance = crowd.ledger.balance()
        tap.diag(f"seed {SEED}: {len(crowd.ledger.sent)} sent, "
                 f"{len(crowd.ledger.acked)} acknowledged, {crowd.sessions} "
                 f"POP3 sessions, {crowd.deleted} collected and deleted")
        reasons = [line for line in server.smtpd.text().splitlines()
                   if "status=deferred" in line or "error" in line]
        tap.ok(not crowd.errors, "no sender and no reader met an error",
               "\n".join(crowd.errors[:5] + reasons[:10]) + server.notes())
        for kind in ("LOST", "TORN", "STRAY", "DOUBLE"):
            tap.ok(not balance[kind], f"{kind} is 0",
                   f"seed {SEED}: {len(balance[kind])}: {balance[kind][:5]}")
        with tap.case("the crowd did something"):
            check(len(crowd.ledger.acked) > 20, "hardly a message sent")
            check(crowd.sessions > 4, "hardly a session")
            check(crowd.deleted > 0, "nothing was deleted")
        with tap.case("nothing is left in the queue folder"):
            equal(server.queue_files(), [], "files")


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
