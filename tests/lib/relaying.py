# SPDX-License-Identifier: ISC
"""Drives one relay agent through tests/lib/relay-driver, without a runner.

    with Relaying(f"smtp://127.0.0.1:{mx.port}") as relay:
        outcome = relay.send("To: b@x\\n\\nHello\\n", ["b@x"])
        equal(outcome[0].kind, "sent")
"""
import os
import shutil
import subprocess
from dataclasses import dataclass

from .scratch import BUILD, Scratch, reachable
from .shim import build_shim
from .tap import Skip


@dataclass
class Outcome:
    """What the agent said of one recipient; of the order, of the hop."""

    kind: str
    recipient: int
    dsn: str
    relayed: int        # bits: the hop does not know 1 DSN, 2 DELIVERBY
    host: str
    text: str


def queue_file(body, recipients, sender="a@example.org", head="", tags=()):
    """The octets of a queue file; body in wire form, tags: {n: lines}."""
    tags = dict(tags)
    lines = [f"restante-queue 1  {len(recipients):06}".ljust(31)]
    lines += ["w- 0000 0000000000 0000000000  "] * len(recipients)
    lines += ["id: 4k2m8x0a1b7c", "arrival: 1763780000", f"sender: {sender}"]
    lines += head.splitlines()
    for number, address in enumerate(recipients):
        lines += [f"to: a {address}", *tags.get(number, "").splitlines()]
    lines += [f"size: {len(body):012}", "", ""]
    return "\n".join(lines).encode() + body


def wire(text):
    """A message in lines that end in CR LF."""
    return text.replace("\n", "\r\n").encode()


class Relaying(Scratch):
    """An agent for a hop, as its runner has it."""

    def __init__(self, hop, config="", domain="example.net", prepare=None,
                 as_root=False, speed=None):
        super().__init__(config, tls=False, users=False, as_root=as_root)
        try:
            self.count = 0
            if prepare:
                prepare(self)
            self.agent = self.popen(
                [self._driver(), str(self.conf), hop, domain],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=open(self.dir / "agent.log", "ab"), text=True,
                env=dict(self.environment(), **(
                    self._fast_clock(speed) if speed else {})))
        except BaseException:
            self.__exit__()
            raise

    def _driver(self):
        path = BUILD / "tests/lib/relay-driver"
        if self.user and not reachable(path):
            copy = self.dir / "relay-driver"
            shutil.copy(path, copy)
            copy.chmod(0o755)
            return str(copy)
        return str(path)

    def _fast_clock(self, times):
        """What makes the agent's clock run that many times as fast."""
        library = self.dir / "fast_clock.so"
        if "SAN_OPTIONS" in " ".join(os.environ) or b"libasan" in \
                (BUILD / "tests/lib/relay-driver").read_bytes():
            raise Skip("nothing can be preloaded into a sanitizer build")
        build_shim(library, "fast_clock_shim.c")
        return {"LD_PRELOAD": str(library), "CLOCK_SPEED": str(times)}

    def order(self, path, numbers):
        """Gives an order for a queue file; does not wait."""
        self.agent.stdin.write(" ".join([str(path), *map(str, numbers)])
                               + "\n")
        self.agent.stdin.flush()

    def hear(self):
        """The outcomes up to the end of the order, which comes last."""
        outcomes = []
        while not outcomes or outcomes[-1].kind not in (
                "done", "dead", "stale"):
            line = self.agent.stdout.readline()
            fields = line.rstrip("\n").split("\t")
            if len(fields) != 6:
                raise AssertionError(f"the agent ended: {line!r}\n"
                                     + self.notes())
            outcomes.append(Outcome(fields[0], int(fields[1]), fields[2],
                                    int(fields[3]), *fields[4:]))
        return outcomes

    def send(self, body, recipients, **settings):
        """One order: the outcomes by recipient, then the order's."""
        if isinstance(body, str):
            body = wire(body)
        self.count += 1
        path = self.dir / f"message-{self.count}"
        path.write_bytes(queue_file(body, recipients, **settings))
        path.chmod(0o644)
        self.order(path, range(len(recipients)))
        heard = self.hear()
        return sorted(heard[:-1], key=lambda o: o.recipient) + heard[-1:]

    def finish(self):
        """Closes the channel; the agent's exit status."""
        rest, _ = self.agent.communicate(timeout=60)
        return rest.strip()
