# SPDX-License-Identifier: ISC
"""Mail that we forward has a sender of ours, and reports find the way back.

Guards against forwarded mail that fails SPF because it goes with a stranger's
sender, against relaying for those who make up such addresses or change them,
and against a secret that is lost, half written, or readable by others.
"""
import os
import stat

from lib.dns import RealDns
from lib.fakemx import FakeMx
from lib.site import Site
from lib.tap import Tap, check, equal
from lib.two_sites import THIRD, ZONE, Opened

tap = Tap()
STRANGER = "carol@example.com"
LETTER = "Subject: x\r\n\r\nText.\r\n"
KEEP = (32 + 32) + 1    # octets of a key in its file


class World(Opened):
    """a.test forwards to b.test, that to c.test: whatever a test puts there;
    and so does everything of example.com go."""

    def __enter__(self):
        try:
            self.a = self.open(Site(2, "mx.a.test", "a.test", port=self.port,
                                    tls=False))
            zone = ZONE + ["example.com. 60 IN MX 10 mx.c.test."]
            self.dns = self.open(RealDns(self.a, zone))
            self.b = self.open(Site(3, "mx.b.test", "b.test", port=self.port,
                                    tls=False))
            for site in (self.a, self.b):
                site.change(self.keys())
        except BaseException:
            self.__exit__()
            raise
        return self

    def keys(self):
        """Mail by MX on the common port; aliases; no SPF of strangers."""
        return (f"resolver {self.dns.address}\nroute * mx:{self.port}\n"
                "aliases %DIR/aliases\nauth off\n")

    def third(self):
        """The rest of the Internet."""
        return FakeMx(host=THIRD, port=self.port)

    def notes(self):
        """Both sites' logs."""
        return f"A\n{self.a.notes()}\nB\n{self.b.notes()}"


def alias(site, text):
    """Writes the aliases of a site."""
    path = site.dir / "aliases"
    path.write_text(text)
    site.hand(path)


def receive(site, sender, *recipients):
    """A message from outside."""
    with site.talk() as talker:
        talker.hello()
        return talker.submit(sender, recipients, LETTER)


def refused(site, code, recipient, sender=""):
    """How RCPT TO is answered to somebody from outside."""
    with site.talk() as talker:
        talker.hello()
        talker.expect("250 ", f"MAIL FROM:<{sender}>")
        return talker.expect(code, f"RCPT TO:<{recipient}>").last


def forwarded(world, hop, count=1):
    """The sender that a stranger's mail to far@a.test has at c.test."""
    alias(world.a, "far: x@c.test\n")
    receive(world.a, STRANGER, "far@a.test")
    sender = hop.wait(count)[-1].sender
    world.a.wait_empty()
    return sender


def test_there_and_back(world):
    """A stranger's mail goes on with our sender; a report on it comes back"""
    with world.third() as hop:
        sender = forwarded(world, hop)
        check(sender.startswith("SRS0=") and sender.endswith("@a.test"),
              sender)
        check("=example.com=carol@" in sender, sender)
        check(b"SRS0" not in hop.messages[0].body, "the text changed")
        receive(world.a, "", sender)
        back = hop.wait(2)[1]
        equal((back.sender, back.rcpts), ("", [STRANGER]), "the report")
        world.a.wait_empty()
        for form in (sender.replace("SRS0=", "srs0=", 1),
                     sender.replace("SRS0=", "SRS0+", 1),
                     sender.replace("@a.test", "@A.Test")):
            refused(world.a, "250 ", form)


def test_dot_forward_and_ours(world):
    """Senders of ours stay, as do those of mail that is not forwarded"""
    with world.third() as hop:
        alias(world.a, "far: x@c.test\nmixed: x@c.test, bob\nin: bob\n")
        for n, sender in enumerate(("alice@a.test", ""), 1):
            receive(world.a, sender, "far@a.test")
            equal(hop.wait(n)[-1].sender, sender, "the sender")
            world.a.wait_empty()
        world.a.send("alice@a.test", ["far@a.test", "y@c.test"], LETTER)
        world.a.wait_empty()
        equal({m.sender for m in hop.messages}, {"alice@a.test", ""},
              "senders")
        receive(world.a, STRANGER, "mixed@a.test")
        world.a.wait_empty()
        check(hop.messages[-1].sender.startswith("SRS0="), "mixed")
        box = world.a.wait_mail("bob")
        check(b"Return-Path: <carol@example.com>" in box[-1].wire
              or b"SRS0" not in box[-1].wire, "the mailbox's copy")
        world.a.settled()


def cases_hostile(world):
    """What is forged, changed, too old, or no report is refused"""
    with world.third() as hop:
        good = forwarded(world, hop)
    local = good.split("@")[0]
    tag, mac, day, host, user = local.split("=")
    other = "A" if mac[0] != "A" else "B"
    forms = {
        "another hash": f"{tag}={other}{mac[1:]}={day}={host}={user}",
        "a short hash": f"{tag}={mac[:4]}={day}={host}={user}",
        "no hash": f"{tag}=={day}={host}={user}",
        "another day": f"{tag}={mac}=AA={host}={user}",
        "another host": f"{tag}={mac}={day}=example.net={user}",
        "another user": f"{tag}={mac}={day}={host}=dave",
        "a user in other case": f"{tag}={mac}={day}={host}={user.upper()}",
        "a longer user": f"{tag}={mac}={day}={host}={user}=x",
        "nothing else": f"{tag}=x",
        "SRS1 of it": f"SRS1={mac}={host}=={day}={host}={user}",
        "SRS1 without a host": "SRS1=AAAAAAAA===x",
        "too many parts": "SRS0" + "=A" * 25,
    }
    for name, form in forms.items():
        with tap.case(name):
            answer = refused(world.a, "550 ", form + "@a.test")
            check(answer.startswith("550 5.1.1"), answer)
    with tap.case("mail of a sender is no report"):
        answer = refused(world.a, "550 ", good, sender=STRANGER)
        check(answer.startswith("550 5.7.1"), answer)
    with tap.case("nor by another server's secret"):
        answer = refused(world.b, "550 ", local + "@b.test")
        check(answer.startswith("550 5.1.1"), answer)
    with tap.case("the right one is taken after all of them"):
        refused(world.a, "250 ", good)


def test_chain(world):
    """Two forwarders: SRS1 names the first, and a report takes both"""
    with world.third() as hop:
        alias(world.a, "far: far@b.test\n")
        alias(world.b, "far: x@c.test\n")
        receive(world.a, STRANGER, "far@a.test")
        sender = hop.wait()[0].sender
        check(sender.startswith("SRS1=") and sender.endswith("@b.test")
              and "=a.test==" in sender, sender)
        receive(world.b, "", sender)
        back = hop.wait(2)[1]
        equal((back.sender, back.rcpts), ("", [STRANGER]), "the report")
        for site in (world.a, world.b):
            site.wait_empty()


def test_long(world):
    """A sender that is too long: who forwards hears of trouble"""
    with world.third() as hop:
        alias(world.a, "far: x@c.test\n")
        receive(world.a, "l" * 60 + "@example.com", "far@a.test")
        equal(hop.wait()[0].sender, "far@a.test", "the sender")
        world.a.wait_empty()


def owner(site):
    """The user id that the programs have."""
    return site.user.pw_uid if site.user else os.getuid()


def key_of(site):
    """Where the secret is."""
    return site.dir / "state" / "srs.key"


def test_key(world):
    """The secret is its owner's alone; a new one keeps the old one's mail"""
    with world.third() as hop:
        old = forwarded(world, hop)
        path = key_of(world.a)
        found = path.stat()
        equal(stat.S_IMODE(found.st_mode), 0o600, "mode")
        equal(found.st_uid, owner(world.a), "owner")
        first = path.read_text()
        equal(len(first), KEEP, "octets")
        path.write_text("0" * 64 + "\n" + first)
        refused(world.a, "250 ", old)
        path.write_text("0" * 64 + "\n")
        refused(world.a, "550 5.1.1", old)
        path.write_text(first)
        refused(world.a, "250 ", old)


def test_unusable_key(world):
    """A secret that others can read, or that is none: mail waits, and so do
    reports"""
    with world.third() as hop:
        good = forwarded(world, hop)
        path, text = key_of(world.a), key_of(world.a).read_text()
        for spoil in (lambda: path.chmod(0o644),
                      lambda: path.write_text("none\n"),
                      lambda: path.write_text("")):
            spoil()
            world.a.end_runners()
            refused(world.a, "451 ", good)
            receive(world.a, STRANGER, "far@a.test")
            world.a.waits_with("srs.key")
            path.chmod(0o600)
            path.write_text(text)
            refused(world.a, "250 ", good)
            before = len(hop.messages)
            world.a.flush("-qf")
            check(hop.wait(before + 1)[-1].sender.startswith("SRS0="),
                  "the sender in the end")
            world.a.wait_empty()


def test_half_made_key(world):
    """Who dies while making the secret leaves nothing that is ever used"""
    with world.third() as hop:
        path = key_of(world.a)
        for left in ("", "0" * 20, "0" * 64, "0" * 64 + "\n"):
            world.a.end_runners()
            path.unlink(missing_ok=True)
            new = path.with_name("srs.key.new")
            new.write_text(left)
            world.a.hand(new, 0o600)
            sender = forwarded(world, hop, len(hop.messages) + 1)
            check(not path.read_text().startswith("0" * 20), "the old text")
            refused(world.a, "250 ", sender)


def test_check(world):
    """--check tells of a secret, a domain and a key that cannot be used"""
    path = key_of(world.a)
    text = path.read_text() if path.exists() else "0" * 64 + "\n"
    folder = world.a.dir / "state" / "dkim" / "a.test"
    folder.mkdir(parents=True)
    (folder / "r1.pem").write_text("none\n")
    for made in (folder.parent, folder):
        world.a.hand(made, 0o700)
    world.a.hand(folder / "r1.pem", 0o600)
    try:
        path.write_text("none\n")
        world.a.hand(path, 0o600)
        world.a.configure(world.keys() + "srs-domain else.test\n", tls=False)
        said = world.a.call("smtpd", "--check").stdout
        for line in ("srs-domain else.test is none of our domains",
                     "srs.key, for senders of forwarded mail: it is no key",
                     "r1.pem is not used: not a private key in PEM"):
            check(line in said, said)
    finally:
        path.write_text(text)
        (folder / "r1.pem").unlink()
        folder.rmdir()
        folder.parent.rmdir()
        world.a.change(world.keys())
    said = world.a.call("smtpd", "--check").stdout
    check("srs" not in said.replace(str(world.a.dir), ""), said)


def test_off(world):
    """srs off: the sender stays; srs-domain names another domain"""
    alias(world.a, "far: x@c.test\n")
    try:
        with world.third() as hop:
            world.a.change(world.keys() + "srs off\n")
            equal(forwarded(world, hop), STRANGER, "the sender")
            world.a.change(world.keys().replace("auth", "srs-domain "
                                                "MX.a.test\nauth"))
            sender = forwarded(world, hop, 2)
            check(sender.endswith("@MX.a.test"), sender)
    finally:
        world.a.change(world.keys())


if __name__ == "__main__":
    with World() as w:
        tap.run(globals(), w)
    tap.finish()
