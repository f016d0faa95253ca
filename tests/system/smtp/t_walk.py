# SPDX-License-Identifier: ISC
"""Random commands, against a model of the protocol.

State that outlives its transaction, a refusal that opens one, a chunk that is
obeyed: such faults show in sequences that nobody thinks of. Commands of all
kinds, good and bad, one by one and pipelined, in the clear and over TLS; each
reply must have the code that lib/automaton.py says, and each mailbox as many
messages as were answered 250. RESTANTE_LONG=1: a million commands.
RESTANTE_SEED=N repeats a walk.
"""
import os
import random
import re

from lib import automaton, mbox
from lib.player import PASSWORDS
from lib.scratch import LONG, Scratch, client_context
from lib.talk import plain
from lib.tap import Tap, check, equal

LIMIT = 20000
GOOD = plain("alice", PASSWORDS["alice"])
TEXT = b"Subject: x\r\n\r\n..\r\n.x\r\ntext\r\n"
# What is said, and how often.
WORDS = {
    b"EHLO client.example.net\r\n": 6, b"HELO client\r\n": 2, b"EHLO\r\n": 1,
    b"MAIL FROM:<a@example.com>\r\n": 14, b"mail From:<> SIZE=10\r\n": 4,
    b"MAIL FROM:<a\r\n": 1, b"MAIL FROM:<a@b.c> FOO=1\r\n": 1,
    b"MAIL FROM:<a@b.c> SIZE=99999\r\n": 1, b"MAIL\r\n": 1,
    b"MAIL FROM:<\xc3\xa9@b.c>\r\n": 1,
    b"RCPT TO:<bob@example.org>\r\n": 12, b"RCPT TO:<ALICE@example.org>\r\n": 6,
    b"RCPT TO:<nobody@example.org>\r\n": 2, b"RCPT TO:<>\r\n": 1,
    b"RCPT TO:<bob@example.org> FOO=1\r\n": 1,
    b"RCPT TO:<bob@example.org>\r\n" * 60: 1,
    b"DATA\r\n" + TEXT + b".\r\n": 3, b"DATA\r\n.\r\n": 1, b"DATA\r\n": 1,
    b"DATA x\r\n": 1, b"DATA\r\nbare\nbare\r\n.\r\n": 1,
    b"DATA\r\nx\0y\r\n.\r\n": 1,
    b"DATA\r\n" + b"x" * 1000 * 50 + b"\r\n.\r\n": 0.1,
    b"BDAT 7 LAST\r\nX: y\r\n.": 3, b"BDAT 3\r\n\r\n.": 5,
    b"BDAT 6\r\nRSET\r\n": 3, b"BDAT 0\r\n": 2, b"bdat 0 last\r\n": 2,
    b"BDAT 5\r\nbare\n": 0.5, b"BDAT 1\r\n\0": 1, b"BDAT 1x\r\n": 0.1,
    b"BDAT\r\n": 0.1, b"BDAT 50000\r\n" + b"x" * 50000: 0.1,
    b"RSET\r\n": 4, b"RSET x\r\n": 1, b"VRFY bob\r\n": 2, b"EXPN bob\r\n": 1,
    b"VRFY\r\n": 1, b"HELP\r\n": 1, b"HELP STATUS\r\n": 1, b"NOOP\r\n": 2,
    b"noop at all  \r\n": 1, b"QUIT\r\n": 0.3, b"QUIT now\r\n": 1,
    b"AUTH PLAIN " + GOOD.encode() + b"\r\n": 3, b"AUTH LOGIN\r\n*\r\n": 1,
    b"AUTH PLAIN !\r\n": 1, b"AUTH FOO\r\n": 1, b"AUTH\r\n": 1,
    b"ETRN example.com\r\n": 1, b"STARTTLS\r\n": 3, b"STARTTLS x\r\n": 1,
    b"\r\n": 1, b"FOO bar\r\n": 1, b"NOOP\n": 1, b"NO\rOP\r\n": 1,
    b"NOOP \xe9\r\n": 1, b"NOOP \0\r\n": 1, b"x" * 3000 + b"\r\n": 1,
    b"GET / HTTP/1.0\r\n": 0.1, b"BDAT 6\nRSET\r\n": 0.1,
}


class Walk:
    """A walk of so many commands."""

    def __init__(self, scratch, ports, seed, model=automaton.Automaton):
        self.scratch, self.ports, self.model = scratch, ports, model
        self.random = random.Random(seed)
        self.commands = self.sessions = 0
        self.seen, self.owed = set(), []

    def batch(self):
        """Some commands; STARTTLS ends what is sent in one piece."""
        count = self.random.choice((1, 1, 1, 2, 3, 8, 20))
        words = self.random.choices(list(WORDS), WORDS.values(), k=count)
        if b"STARTTLS\r\n" in words:
            words = words[:words.index(b"STARTTLS\r\n") + 1]
        return words

    def session(self):
        """One session to its end."""
        self.sessions += 1
        role = self.random.choice(("mx", "submission"))
        tls = self.random.random() < 0.1
        talker = self.scratch.connect(self.ports[role, tls],
                                      client_context() if tls else None)
        with talker:
            talker.expect("220 ")
            model = self.model(role, tls, GOOD, LIMIT)
            said = 0
            while not model.over:
                words = self.batch()
                said += len(b"".join(words))
                if role == "submission" and not model.user and said > 65000:
                    return      # t_bounds has what comes then
                self.commands += len(words)
                talker.send(b"".join(words))
                for code in model.feed(b"".join(words)):
                    self.seen.add((model.state, code))
                    got = f"{talker.reply().code:03}"
                    check(got == code, f"{code} expected in {words}:\n"
                          + "\n".join(talker.talk[-20:]))
                if model.secured:
                    talker.start_tls(client_context())
                    self.owed += model.delivered
                    said = 0
                    model = self.model(role, True, GOOD, LIMIT)
            talker.closed()
        self.owed += model.delivered

    def settle(self):
        """The mailboxes hold what was promised."""
        for user in ("alice", "bob"):
            equal(len(mbox.read(self.scratch.mailbox(user))),
                  self.owed.count(user), f"messages for {user}")
            self.scratch.mailbox(user).unlink(missing_ok=True)
        self.owed = []

    def run(self, count):
        """Sessions until so many commands were said."""
        while self.commands < count:
            self.session()
            if self.sessions % 100 == 0:
                self.settle()
        self.settle()


def test_walk(scratch, ports, tap):
    """Every reply is the one that the model says"""
    seed = int(os.environ.get("RESTANTE_SEED") or random.randrange(1 << 32))
    tap.diag(f"RESTANTE_SEED={seed}")
    walk = Walk(scratch, ports, seed)
    walk.run(1000000 if LONG else 20000)
    tap.diag(f"{walk.commands} commands in {walk.sessions} sessions, "
             f"{len(walk.seen)} pairs of state and code")
    check(len(walk.seen) > 50, f"only {sorted(walk.seen)}")


def cases_two_faults(scratch, ports, tap):
    """A message that is too large and has a NUL, in each order"""
    large = b"x" * 78 + b"\r\n"
    large *= LIMIT // len(large) + 1
    texts = {"before": b"\0\r\n" + large, "after": large + b"\0\r\n",
             "in it": large[:800] + b"\0" + large}
    for where, text in texts.items():
        ways = {
            "DATA": b"DATA\r\n" + text + b".\r\n",
            "BDAT": b"BDAT %d LAST\r\n" % len(text) + text,
            "two of BDAT": b"BDAT 900\r\n" + text[:900] + b"BDAT %d LAST\r\n"
                           % (len(text) - 900) + text[900:]}
        for way, words in ways.items():
            with tap.case(f"Too large, and a NUL {where}, by {way}"), \
                    scratch.connect(ports["mx", False]) as talker:
                talker.expect("220 ")
                model = automaton.Automaton("mx", False, GOOD, LIMIT)
                words = (b"EHLO a\r\nMAIL FROM:<a@b.c>\r\n"
                         b"RCPT TO:<bob@example.org>\r\n" + words)
                talker.send(words)
                for code in model.feed(words):
                    equal(f"{talker.reply().code:03}", code, "the reply")


def broken(name, **changes):
    """A model with a fault."""
    return type(name, (automaton.Automaton,), changes)


def vrfy_resets(self, argument):
    """A VRFY that ends the transaction"""
    self.reset()
    return automaton.Automaton.vrfy(self, argument)


def keeps_recipients(self, fault):
    """A transaction that outlives a message that was refused"""
    if fault:
        return fault
    return automaton.Automaton.conclude(self, fault)


def forgets_refusal(self, size, last):
    """Chunks that are taken again after one that was refused"""
    self.refusal = None
    return automaton.Automaton.chunk(self, size, last)


def counts_twice(self, fault):
    """A message that comes twice"""
    self.delivered += sorted(self.rcpts)
    return automaton.Automaton.conclude(self, fault)


FAULTS = {vrfy_resets: "vrfy", keeps_recipients: "conclude",
          forgets_refusal: "chunk", counts_twice: "conclude"}


def test_controls(scratch, ports, _):
    """A model with a fault is found out"""
    for fault, method in FAULTS.items():
        walk = Walk(scratch, ports, 1, broken("Broken", **{method: fault}))
        try:
            walk.run(20000)
        except AssertionError as error:
            check(re.search("expected", str(error)), str(error))
        else:
            raise AssertionError(f"nobody noticed: {fault.__doc__}")
        for user in ("alice", "bob"):
            scratch.mailbox(user).unlink(missing_ok=True)


def main():
    """All of it."""
    tap = Tap()
    with Scratch(f"size-limit {LIMIT}\n"
                 f"recipients {automaton.MOST_RCPTS}\n"
                 f"recipients {automaton.MOST_RCPTS} user") as scratch:
        kinds = {(role, tls): f"127.0.0.1:0{'/tls' if tls else ''}={role}"
                 for role in ("mx", "submission") for tls in (False, True)}
        server = scratch.serve("smtpd", *kinds.values())
        tap.run(globals(), scratch, dict(zip(kinds, server.ports)), tap)
        server.stop()
    tap.finish()


if __name__ == "__main__":
    main()
