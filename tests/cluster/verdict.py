# SPDX-License-Identifier: ISC
"""What became of the mail of one case: clients at work, then the account."""
from lib.repeating import CLIENTS, Clients
from lib.tap import check, equal
from lib.wait import wait_for

from machines import STRANGERS
from places import AGENTS, BALANCER, PEOPLE


def stranger(number, chance):
    """The balancer gives each address to one front."""
    return f"{STRANGERS}.{1 + number + CLIENTS * chance.randrange(10)}"


class Round:
    """Mail by the balancer to the people of the site."""

    def __init__(self, site, seed=0, people=PEOPLE):
        self.site, self.people, self.deaths = site, people, 0
        site.messages()     # what other cases have left
        site.sink.received.clear()
        self.clients = Clients((BALANCER, 25), people, stranger, seed)

    def kill(self, machine):
        """It ends, and the network says so."""
        self.deaths += 1
        machine.kill()

    def cut_power(self, machine):
        """It is gone."""
        self.deaths += 1
        machine.cut_power()

    def back(self, machine):
        """It is booted. No machine does that before its death is noticed:
        else its clients would wait for what the dead one had to say."""
        site = self.site
        wait_for(lambda: site.balancer.states().get(
            machine.name, "DOWN").startswith("DOWN"),
            f"the death of {machine.name} to be noticed", 60, 0.1)
        machine.boot()

    def count(self, fronts=None):
        """(the ledger's balance, the verdict), once the queues are empty."""
        clients, ledger = self.clients, self.clients.ledger
        reports = [m for front in self.site.fronts if front.pid is not None
                   for m in front.waiting() if not m.fields["sender"]]
        for front in fronts or self.site.fronts:
            front.drain()
        for user, text in self.site.messages():
            ledger.see(user, text)
        found = ledger.balance()
        found["STRAY"] += [f"a report of {m.id}" for m in reports]
        found["STRAY"] += [f"to a stranger: {m.rcpts}"
                           for m in self.site.sink.received]
        found["EXTRA"] = len(ledger.found) - len(
            {ident for ident, _, _ in ledger.found})
        return found, (
            f"acknowledged {len(ledger.acked)}, LOST {len(found['LOST'])}, "
            f"TORN {len(found['TORN'])}, STRAY {len(found['STRAY'])}, "
            f"DOUBLE {found['EXTRA']}, longest wait {clients.longest:.1f} s, "
            f"5yz {len(clients.refusals)}")

    def verdict(self, fronts=None):
        """Nothing may be lost; twice is what the deaths explain."""
        found, text = self.count(fronts)
        equal(self.clients.refusals, [], text + "\n5yz")
        for kind in ("LOST", "TORN", "STRAY"):
            equal(found[kind], [], f"{text}\n{kind}")
        most = self.deaths * AGENTS * len(self.site.fronts) \
            + len(self.clients.unsure)
        check(found["EXTRA"] <= most,
              f"{text}\nmore than {most}: {found['DOUBLE']}")
        return text
