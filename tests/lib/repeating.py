# SPDX-License-Identifier: ISC
"""Clients that repeat each message until it is acknowledged, and their ledger:
for tests in which servers die."""
import socket
import threading
import time
from collections import Counter

from .ledger import Ledger, generator
from .talk import Closed, Talker, stuff
from .wait import wait_for

CLIENTS = 16
PATIENCE = 150      # seconds for a reply


class Clients:
    """They repeat each message until it is acknowledged.

    They send to address, which is a pair, for people of example.org; source()
    takes the number of a client and a generator, and returns the address that
    it connects from. A message that is at work when they end may be left over.
    """

    def __init__(self, address, people, source, seed=0):
        self.address, self.people, self.source = address, people, source
        self.seed = seed
        self.ledger = Ledger()
        self.lock = threading.Lock()
        self.codes = Counter()      # of all replies to MAIL, RCPT and the dot
        self.refusals = []          # replies of 5yz
        self.unsure = []            # ids of dots that were not answered 250
        self.longest = 0.0          # from a first try to its acknowledgement
        self.slowest = []           # (seconds, why) of that one's vain tries
        self.enough = threading.Event()
        self.threads = [threading.Thread(target=self._work, args=(n,))
                        for n in range(CLIENTS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.enough.set()
        for thread in self.threads:
            thread.join()

    def more(self, count):
        """Waits until that many more messages are acknowledged."""
        goal = len(self.ledger.acked) + count
        wait_for(lambda: len(self.ledger.acked) >= goal,
                 f"{count} more acknowledgements", 120)

    def told_no(self, count):
        """Waits until that many more commands were answered 4yz or 5yz."""
        def so_far():
            with self.lock:
                return sum(n for code, n in self.codes.items()
                           if code >= 400)
        goal = so_far() + count
        wait_for(lambda: so_far() >= goal, f"{count} times 4yz or 5yz", 300)

    def _work(self, number):
        chance = generator(self.seed * CLIENTS + number)
        while not self.enough.is_set():
            user = chance.choice(self.people)
            ident, data = self.ledger.new([user], chance)
            begun = time.monotonic()
            source, vain = self.source(number, chance), []
            while why := self._try(source, ident, user, data):
                vain.append((round(time.monotonic() - begun, 1), why))
                if self.enough.wait(0.02):
                    return
            self.ledger.ack(ident)
            taken = time.monotonic() - begun
            with self.lock:
                if taken > self.longest:
                    self.longest, self.slowest = taken, vain

    def _try(self, source, ident, user, data):
        """Why it was not acknowledged; nothing if it was."""
        at_dot, why = False, ""
        try:
            sock = socket.create_connection(self.address, PATIENCE,
                                            (source, 0))
            with Talker(sock, PATIENCE) as talker:
                for line, wanted in (
                        (None, 220), ("EHLO client.example.net", 250),
                        ("MAIL FROM:<a@ledger.example>", 250),
                        (f"RCPT TO:<{user}@example.org>", 250),
                        ("DATA", 354), (stuff(data) + b".", 250)):
                    at_dot = isinstance(line, bytes)
                    if at_dot:
                        talker.send(line + b"\r\n")
                    elif line:
                        talker.send(line + "\r\n")
                    reply = talker.reply()
                    if self._note(reply) != wanted:
                        why = reply.last
                        break
        except (OSError, Closed) as error:
            why = str(error).partition("\n")[0] or "closed"
        except AssertionError as error:     # no reply, or none of SMTP
            why = str(error)
            with self.lock:
                self.refusals.append(why)
        if at_dot and why:
            with self.lock:
                self.unsure.append(ident)
        return why

    def _note(self, reply):
        """Remembers a reply; returns its code."""
        with self.lock:
            self.codes[reply.code] += 1
            if reply.code >= 500:
                self.refusals.append(reply.last)
        return reply.code
