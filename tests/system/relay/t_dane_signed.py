# SPDX-License-Identifier: ISC
"""DANE with signatures that somebody verifies: zones that are signed, that are
not, and that are forged, behind unbound; and a man in the middle.

What the records ask for is in t_dane; here the word on them is a real
resolver's.
"""
import hashlib
import subprocess

from lib.dnssec import SignedDns, Unbound
from lib.fakemx import DROP, EXTENSIONS, FakeMx
from lib.ports import free_port
from lib.relaying import Relaying, wire
from lib.scratch import Scratch, make_certificate, tool
from lib.tap import Skip, Tap, check, equal

tap = Tap()
TEXT = wire("Subject: hello\n\nHello.\n")
OTHER = bytes(32).hex()


class Rig:
    """Zones, their name server, a resolver and the exchanger's certificate."""

    def __init__(self, scratch):
        if not tool("certtool"):
            raise Skip("no certtool")
        self.scratch, self.port = scratch, free_port()
        self.pem = scratch.dir / "mx.pem"
        make_certificate(self.pem, "mx.elsewhere.example")
        key = hashlib.sha256(subprocess.run(
            ["certtool", "--pubkey-info", "--outder", "--load-privkey",
             self.pem], check=True, capture_output=True).stdout).hexdigest()
        self.zones = {
            "good.example.": self.zone(key),
            "wrong.example.": self.zone(OTHER),
            "bare.example.": ["@ 60 IN MX 10 mx", "mx 60 IN A 127.0.0.1"],
            "plain.example.": self.zone(OTHER),     # which nobody signs
            "forged.example.": self.zone(key),      # signed by another key
            "six.example.": ["@ 60 IN MX 10 mx", "mx 60 IN AAAA ::1",
                             f"_{self.port}._tcp.mx 60 IN TLSA 3 1 1 {key}"],
            "implicit.example.": [
                "@ 60 IN A 127.0.0.1",
                f"_{self.port}._tcp 60 IN TLSA 3 1 1 {key}"],
            # Aliases that lead into a signed zone, and into another.
            "alias.example.": ["@ 60 IN MX 10 mx",
                               "mx 60 IN CNAME mx.good.example."],
            "away.example.": [
                "@ 60 IN MX 10 mx", "mx 60 IN CNAME mx.plain.example.",
                f"_{self.port}._tcp.mx 60 IN TLSA 3 1 1 {OTHER}"],
            "guest.example.": ["@ 60 IN MX 10 mx.wrong.example."],
            "open.example.": ["@ 60 IN MX 10 mx.wrong.example."],
        }
        unsigned = ("plain.example.", "open.example.")
        self.dns = SignedDns(scratch, [], self.zones,
                             [z for z in self.zones if z not in unsigned])

    def zone(self, digest):
        """An exchanger with one record."""
        return ["@ 60 IN MX 10 mx", "mx 60 IN A 127.0.0.1",
                f"_{self.port}._tcp.mx 60 IN TLSA 3 1 1 {digest}"]

    def anchors(self):
        """What the resolver is told; a digit of one of them is wrong."""
        text = self.dns.anchors["forged.example."]
        text = text[:-1] + ("0" if text[-1] != "0" else "1")
        return list({**self.dns.anchors, "forged.example.": text}.values())

    def send(self, domain, host="127.0.0.1", **settings):
        """Sends one message; (its outcome, what the exchanger got)."""
        settings.setdefault("pem", self.pem)
        with FakeMx(host=host, port=self.port, **settings) as hop, Relaying(
                f"mx:{self.port}", f"resolver {self.resolver.address}\n",
                domain=domain) as relay:
            outcome = relay.send(TEXT, [f"bob@{domain}"])[0]
            return outcome, list(hop.messages)

    def sent(self, domain, tls=True, **settings):
        """It goes there."""
        outcome, messages = self.send(domain, **settings)
        equal((outcome.kind, [m.tls for m in messages]), ("sent", [tls]),
              f"{domain}: {outcome}")

    def waits(self, domain, words, **settings):
        """Nothing of it does."""
        outcome, messages = self.send(domain, **settings)
        equal((outcome.kind, messages), ("dead", []), f"{domain}: {outcome}")
        check(words in outcome.text, f"{domain}: {outcome.text}")


def test_signed(rig):
    """Records that are signed: the right certificate, and no other"""
    rig.sent("good.example")
    rig.sent("implicit.example")
    rig.sent("six.example", host="::1")
    rig.waits("wrong.example", "TLSA")


def test_signed_absence(rig):
    """No records, by a signature: as ever"""
    rig.sent("bare.example")
    rig.sent("bare.example", tls=False, pem=None)


def test_unsigned(rig):
    """A zone that nobody signs: its records say nothing"""
    rig.sent("plain.example")
    rig.sent("plain.example", tls=False, pem=None)
    # Nor do those of an exchanger that an unsigned zone names.
    rig.sent("open.example")


def test_forged(rig):
    """A zone whose signatures are wrong: nothing goes there"""
    rig.waits("forged.example", "")


def test_aliases(rig):
    """An exchanger in another zone, and one that is an alias"""
    rig.sent("alias.example")
    rig.waits("away.example", "TLSA")
    rig.waits("guest.example", "TLSA")


def test_man_in_the_middle(rig):
    """STARTTLS taken out of the offer, refused, or broken; a certificate of
    somebody else: not an octet of the mail"""
    other = rig.scratch.dir / "other.pem"
    make_certificate(other, "mx.good.example")
    rig.waits("good.example", "STARTTLS", pem=None)
    rig.waits("good.example", "TLSA", pem=other)
    for action in ("454 4.7.0 Not now", DROP, "500 5.5.1 What?"):
        rig.waits("good.example", "", script={"starttls": action})
    # The same is no obstacle where no record asks for more.
    rig.sent("bare.example", tls=False,
             script={"starttls": "454 4.7.0 Not now"})
    rig.sent("bare.example", pem=other, extensions=EXTENSIONS)


if __name__ == "__main__":
    with Scratch(tls=False, users=False) as place:
        try:
            made = Rig(place)
            with made.dns, Unbound(place, made.dns.address,
                                   made.anchors()) as made.resolver:
                tap.run(globals(), made)
        except Skip as reason:
            tap.skip("DANE behind a resolver that verifies", reason)
    tap.finish()
