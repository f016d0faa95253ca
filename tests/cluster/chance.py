# SPDX-License-Identifier: ISC
"""Machines that die at random."""
import random

from verdict import Round


class Chance:
    """Random machines die in random ways, while mail flows."""

    def __init__(self, site, seed, ends):
        self.site, self.chance = site, random.Random(seed)
        self.seed, self.ends = seed, ends
        self.kinds = {"killed": 0, "power": 0, "cable": 0}
        self.waiting = {}   # machine: what brings it back
        self.killed, self.work = 0, None
        self.sums, self.longest = {}, 0.0

    def victim(self):
        """One that is up; one front always stays."""
        up = [m for m in (*self.site.fronts, *self.site.stores)
              if m not in self.waiting]
        fronts = [m for m in up if m in self.site.fronts]
        return self.chance.choice([m for m in up if len(fronts) > 1
                                   or m not in fronts])

    def strike(self):
        """One machine more is gone; some of those that are come back."""
        machine = self.victim()
        kind = self.chance.choice(list(self.kinds))
        self.kinds[kind] += 1
        self.killed += 1
        if kind == "cable":
            machine.link("down")
            self.work.deaths += 1
            self.waiting[machine] = lambda: machine.link("up")
        else:
            (self.work.kill if kind == "killed" else
             self.work.cut_power)(machine)
            self.waiting[machine] = lambda: self.work.back(machine)
        while len(self.waiting) > 2 or (
                self.waiting and self.chance.random() < 0.5):
            self.restore(self.chance.choice(list(self.waiting)))

    def restore(self, machine):
        """It is back."""
        self.waiting.pop(machine)()

    def round(self, number):
        """Some deaths, and an account of the mail."""
        self.work = Round(self.site, 100 + self.seed * 1000 + number)
        with self.work.clients as clients:
            for _ in range(10):
                if self.ends(self.killed):
                    break
                clients.more(self.chance.randint(1, 40))
                self.strike()
            clients.more(20)
            for machine in list(self.waiting):
                self.restore(machine)
            clients.more(20)
        self.site.settle()
        self.work.verdict()
        self.add()

    def add(self):
        """To the sums over all rounds."""
        work, ledger = self.work, self.work.clients.ledger
        self.longest = max(self.longest, work.clients.longest)
        if work.clients.longest > 10:
            print(f"#    waited {work.clients.longest:.1f} s: "
                  f"{work.clients.slowest[:6]}", flush=True)
        for name, count in (
                ("acknowledged", len(ledger.acked)),
                ("double", len(ledger.found) - len(
                    {ident for ident, _, _ in ledger.found})),
                ("unsure", len(work.clients.unsure))):
            self.sums[name] = self.sums.get(name, 0) + count

    def run(self):
        """All of them; the verdict."""
        number = 0
        while not self.ends(self.killed):
            self.round(number)
            number += 1
            print(f"#    {self.killed} deaths, {self.sums['acknowledged']} "
                  f"acknowledged, DOUBLE {self.sums['double']}, longest wait "
                  f"{self.longest:.1f} s", flush=True)
        return (f"{self.killed} deaths (" + ", ".join(
            f"{kind} {count}" for kind, count in self.kinds.items())
            + f"): acknowledged {self.sums['acknowledged']}, LOST 0, TORN 0, "
            f"STRAY 0, DOUBLE {self.sums['double']} (dots without an answer "
            f"{self.sums['unsure']}), longest wait {self.longest:.1f} s, "
            f"5yz 0; seed {self.seed}")
