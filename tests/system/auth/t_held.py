# SPDX-License-Identifier: ISC
"""Spam that an alias would send to another host is kept here, or refused.

Guards against a forwarder that is taken for the source of what strangers bring,
and against marked mail that vanishes because it is not forwarded.
"""
from lib.fakemx import FakeMx
from lib.strangers import CLIENT, Host
from lib.tap import Tap, check, equal

tap = Tap()
ELSEWHERE = "198.51.100.99"
RECORDS = {
    "good.example": {"TXT": [f"v=spf1 ip4:{CLIENT} -all"]},
    "_dmarc.good.example": {"TXT": ["v=DMARC1; p=quarantine"]},
    "none.example": {"TXT": [f"v=spf1 ip4:{CLIENT} -all"]},
    "_dmarc.none.example": {"TXT": ["v=DMARC1; p=none"]},
}
ALIASES = """far: x@c.test
deep: far
both: x@c.test, alice
bob: x@c.test
kept: bob, x@c.test
"""


class World:
    """A host with aliases, and what its mail leaves to."""

    def __init__(self):
        self.hop = FakeMx()
        self.host = Host(RECORDS)
        (self.host.dir / "aliases").write_text(ALIASES)
        self.host.hand(self.host.dir / "aliases")
        self.host.change(
            self.host.keys() + "aliases %DIR/aliases\n"
            f"relay smtp://127.0.0.1:{self.hop.port}?tls=never\n")

    def close(self):
        """Ends it."""
        self.host.__exit__(None, None, None)
        self.hop.stop()

    def notes(self):
        """The log."""
        return self.host.notes()

    def bring(self, to, spam=True, domain="good.example", more=""):
        """The reply to a message that is marked, or not; then all is done."""
        text = (f"From: a@{domain}\r\nSubject: x\r\n{more}\r\ntext\r\n")
        reply = self.host.bring(text.encode(), to, f"a@{domain}",
                                ELSEWHERE if spam else CLIENT)
        self.host.wait_empty()
        return reply


def left(world):
    """How many have left, how many are here: {user: number}."""
    kept = {p.name: p.read_bytes().count(b"X-Spam-Flag: YES")
            for p in world.host.mail.iterdir() if p.name in ("alice", "bob")}
    return len(world.hop.messages), kept.get("alice", 0), kept.get("bob", 0)


def cases_held(world):
    """Who gets a message that is marked"""
    for to, refused, alice, bob in (
            ("far", True, 0, 0), ("deep", True, 0, 0), ("both", False, 1, 0),
            ("bob", False, 0, 1), ("kept", False, 0, 1)):
        with tap.case(f"{to}: " + ("refused" if refused else "kept here")):
            before = left(world)
            reply = world.bring(f"{to}@example.org")
            check(reply.startswith("550 5.7.1 The message is marked as spam"
                                   if refused else "250 "), reply)
            after = left(world)
            equal([b - a for a, b in zip(before, after)], [0, alice, bob],
                  "left, alice's and bob's")


def test_others(world):
    """What is not marked goes on: good mail, and what no policy is about"""
    for how in ({"spam": False}, {"domain": "none.example"}):
        before = left(world)[0]
        check(world.bring("far@example.org", **how).startswith("250 "), how)
        equal(left(world)[0], before + 1, f"{how}")


def test_stranger_marks(world):
    """A mark that a stranger's message brings along holds nothing back"""
    before = left(world)[0]
    world.bring("far@example.org", spam=False, more="X-Spam-Flag: YES\r\n")
    equal(left(world)[0], before + 1, "messages that left")


def test_log(world):
    """The log says why"""
    world.bring("far@example.org")
    for line in ("not forwarded, since it is marked as spam, and refused: "
                 "<far@example.org> has no mailbox",
                 "reject: END-OF-MESSAGE from"):
        check(line in world.host.smtpd.text(), line)


if __name__ == "__main__":
    w = World()
    try:
        tap.run(globals(), w)
    finally:
        w.close()
    tap.finish()
