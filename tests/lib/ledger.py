# SPDX-License-Identifier: ISC
"""Keeps account of every message sent, and finds what became of it.

Each message carries its id in a header and is remembered by the hash of its
text. Afterwards the union of all mailboxes and all messages collected is held
against it: LOST was acknowledged and is nowhere, TORN has another text than
was sent, STRAY lies where nobody sent it. DOUBLE was kept more often than
sent; that is no loss, and counted apart.
"""
import hashlib
import random
import re
import threading

ID = re.compile(rb"^X-Ledger: (\S+)\r\n", re.M)


def compose(ident, generator):
    """A message with an id and a text that likes to break mailboxes."""
    name = ident.encode()
    parts = [b"X-Ledger: %s\r\nSubject: ledger\r\nFrom: a@ledger.example\r\n"
             b"Date: Sun, 01 Nov 2026 10:00:00 +0000\r\n"
             b"Message-ID: <%s@ledger.example>\r\n\r\n" % (name, name)]
    for _ in range(generator.randint(0, 40)):
        parts.append(generator.choice((
            b"From the top\r\n", b"\r\n", b".\r\n", b"..\r\n",
            b">From quoted\r\n", b"\r\nFrom a@b Mon Jan  6 10:00:00 2025\r\n",
            b"x" * generator.randint(0, 900) + b"\r\n",
            generator.randbytes(40).hex().encode() + b"\r\n")))
    parts.append(b"end of %s\r\n" % name)
    return b"".join(parts)


class Ledger:
    """What was sent, to whom, and whether it was acknowledged."""

    def __init__(self):
        self.lock = threading.Lock()
        self.sent = {}      # id -> (hash, recipients)
        self.acked = set()
        self.found = []     # (id, hash, mailbox)
        self.unknown = []   # (mailbox, text) of messages without an id

    def new(self, recipients, generator):
        """Enters a message about to be sent; returns (id, bytes)."""
        with self.lock:
            ident = f"{len(self.sent)}-{generator.randrange(10**9)}"
            data = compose(ident, generator)
            self.sent[ident] = (hashlib.sha256(data).digest(),
                                tuple(recipients))
        return ident, data

    def ack(self, ident):
        """The server has said 250 to it."""
        with self.lock:
            self.acked.add(ident)

    def see(self, mailbox, wire):
        """A message that lies in a mailbox or was collected from it."""
        match = ID.search(wire)
        with self.lock:
            if match is None:
                self.unknown.append((mailbox, wire))
                return
            text = wire[match.start():]
            self.found.append((match.group(1).decode(),
                               hashlib.sha256(text).digest(), mailbox))

    def balance(self):
        """{"LOST": [...], "TORN": [...], "STRAY": [...], "DOUBLE": [...]}"""
        whole = {}
        torn, stray = [], [f"in {box}: {text[:60]!r}"
                           for box, text in self.unknown]
        for ident, digest, box in self.found:
            if ident not in self.sent or box not in self.sent[ident][1]:
                stray.append(f"{ident} in {box}")
            elif digest != self.sent[ident][0]:
                torn.append(f"{ident} in {box}")
            else:
                whole[ident, box] = whole.get((ident, box), 0) + 1
        lost = [f"{ident} for {box}" for ident in sorted(self.acked)
                for box in self.sent[ident][1] if (ident, box) not in whole]
        double = [f"{ident} in {box}, {n} times"
                  for (ident, box), n in whole.items() if n > 1]
        return {"LOST": lost, "TORN": torn, "STRAY": stray, "DOUBLE": double}


def generator(seed):
    """A source of chance that a failure can be repeated with."""
    return random.Random(seed)
