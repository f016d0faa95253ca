# SPDX-License-Identifier: ISC
"""ETRN sends what waits for one domain, and nothing else."""
import time

from lib.fakemx import FakeMx
from lib.queuefile import make, recipient
from lib.scratch import Scratch
from lib.site import Queue
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()


class Server(Queue, Scratch):
    """A server that mail waits at."""


def wait_here(server, address, held=False):
    """Puts a message for an address aside until an hour from now."""
    due = int(time.time()) + 3600
    return make(server.dir / "queue", "deferred", sender="alice@example.org",
                recipients=[recipient(address, attempts=3, due=due)],
                **({"hold": due} if held else {}))


def cases_etrn(server, mx):
    """What waits, before and after ETRN"""
    sent = wait_here(server, "bob@dialup.example")
    kept = [wait_here(server, "bob@far.example"),
            wait_here(server, "bob@sub.dialup.example"),
            wait_here(server, "bob@dialup.example", held=True)]
    with tap.case("what waits for the domain is sent", server.notes), \
            server.session()[0] as talker:
        talker.hello()
        talker.expect("250 2.0.0", "ETRN Dialup.Example")
        wait_for(lambda: mx.messages, "the message", 60, 0.05)
        equal([m.rcpts for m in mx.messages], [["bob@dialup.example"]])
    with tap.case("the rest waits as it did, and so does what is held",
                  server.notes):
        wait_for(lambda: len(server.mailq()) == len(kept),
                 "the queue to be smaller", 60, 0.05)
        left = {m["id"]: m for m in server.mailq()}
        check(sent not in left, str(left))
        equal(sorted(left), sorted(kept))
        for message in left.values():
            (to,) = message["recipients"]
            equal((message["place"], to["attempts"]), ("deferred", 3))
            check(to["next"] > time.time(), str(to))


if __name__ == "__main__":
    with FakeMx() as hop, Server(
            f"relay smtp://127.0.0.1:{hop.port}?tls=never\n"
            f"route dialup.example smtp://127.0.0.1:{hop.port}?tls=never"
            ) as fixture:
        fixture.flush("-q")     # makes the folders
        tap.run(globals(), fixture, hop)
    tap.finish()
