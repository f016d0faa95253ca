# SPDX-License-Identifier: ISC
"""Mail goes to the mail servers of Python's world, aiosmtpd and Twisted, in
the clear and by STARTTLS with a login, and means there what it meant here."""
from lib import mbox, python_hops
from lib.dns import LyingDns, A, a
from lib.dns_faults import empty, honest
from lib.mails import MAILS, contents
from lib.relaying import Relaying
from lib.scratch import ALICE, Instance, Scratch, make_certificate
from lib.talk import stuff
from lib.tap import Tap, check, equal

tap = Tap()
HOPS = (python_hops.Aiosmtpd, python_hops.Twisted)
NAME = "hop.test"


class Way:
    """A next hop, and an agent for it."""

    def __init__(self, kind, secure=False, password=ALICE[1], **settings):
        self.opened = []
        scratch = self.open(Scratch(tls=False, users=False))
        pem = trust = None
        if secure:
            pem, trust = scratch.dir / "hop.pem", scratch.dir / "trust.pem"
            make_certificate(pem, NAME)
            text = pem.read_text()
            trust.write_text(text[text.index("-----BEGIN CERT"):])
        self.hop = self.open(kind(scratch, pem, **settings))
        if not secure:
            scheme = "lmtp:" if settings.get("lmtp") else "smtp://"
            self.relay = self.open(Relaying(
                f"{scheme}127.0.0.1:{self.hop.port}"))
            return
        dns = self.open(LyingDns({(NAME, A): honest(a(NAME, "127.0.0.1"))},
                                 empty))
        self.relay = self.open(Relaying(
            f"smtp://{ALICE[0]}:{password}@{NAME}:{self.hop.port}",
            f"resolver {dns.address}\ntls-trust {trust}\n"))

    def open(self, thing):
        """To be closed in the end."""
        self.opened.append(thing.__enter__())
        return thing

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for thing in reversed(self.opened):
            thing.__exit__(None, None, None)


def same(name, wire, got):
    """As it was where the hop can take that, and else what it meant."""
    got = got.partition(b"X-Hop: twisted\r\n")[2] or got
    if wire == got:
        return
    check(not wire.isascii() or max(map(len, wire.split(b"\r\n"))) > 998
          or b"\r\n\r\n" not in wire, f"{name}: {got!r:.900}")
    equal([x[1:] for x in contents(got) if len(x) == 3],
          [x[1:] for x in contents(wire) if len(x) == 3], name)


def all_arrive(way):
    """Each of the messages."""
    for name, wire in MAILS.items():
        before = len(way.hop.messages())
        got = way.relay.send(wire, ["b@example.net"])
        equal(got[0].kind, "sent", f"{name}: {got}")
        ((head, octets),) = way.hop.messages()[before:]
        equal((head["sender"], head["rcpts"]),
              ("a@example.org", ["b@example.net"]), "envelope")
        same(name, wire, octets)
    return head


def cases_hops():
    """Each of them, in the clear, and by STARTTLS with a login"""
    for kind in HOPS:
        for secure in (False, True):
            with tap.case(f"{kind.name}: "
                          f"{'STARTTLS and a login' if secure else 'clear'}"):
                with Way(kind, secure) as way:
                    head = all_arrive(way)
                    equal((head["tls"], bool(head["user"])),
                          (secure, secure), "TLS, login")


def cases_refusals():
    """What they refuse, and put off"""
    rcpts = [f"{user}@example.net" for user in ("nosuch", "b", "later")]
    for kind in HOPS:
        with tap.case(f"{kind.name}: one is refused, one put off"):
            with Way(kind) as way:
                got = way.relay.send(MAILS["dots"], rcpts)
                equal([o.kind for o in got],
                      ["failed", "sent", "deferred", "done"], str(got))
                check("There is no such user" in got[0].text, got[0].text)
                check("Come back later" in got[2].text, got[2].text)
                equal([head["rcpts"] for head, _ in way.hop.messages()],
                      [["b@example.net"]], "recipients")
        with tap.case(f"{kind.name}: a wrong password"):
            with Way(kind, True, "wrong") as way:
                got = way.relay.send(MAILS["dots"], ["b@example.net"])
                equal(got[0].kind, "dead", str(got))   # and waits
                check("535" in got[0].text, got[0].text)
                equal(way.hop.messages(), [], "messages")


def test_lmtp():
    """aiosmtpd by LMTP"""
    with Way(python_hops.Aiosmtpd, lmtp=True) as way:
        all_arrive(way)


def put(talker, wire):
    """One message for bob."""
    talker.expect("250 ", "MAIL FROM:<alice@example.org>")
    talker.expect("250 ", "RCPT TO:<bob@example.org>")
    talker.expect("354 ", "DATA")
    talker.send(stuff(wire) + b".\r\n")
    talker.expect("250 ")


def test_proxy():
    """aiosmtpd's Proxy hands on to our port 25, and hands our words back"""
    # It takes no longer lines.
    mails = {name: wire for name, wire in MAILS.items()
             if name != "long-lines"}
    with Instance() as server, \
            python_hops.Aiosmtpd(server, forward=server.smtp) as hop:
        with server.connect(hop.port) as talker:
            talker.hello()
            for wire in mails.values():
                put(talker, wire)
        box = mbox.read(server.mailbox("bob"))
        equal(len(box), len(mails), "messages")
        for message, (name, wire) in zip(box, mails.items()):
            head, _, text = wire.partition(b"\r\n\r\n")
            # It puts a field of its own into the middle of them.
            lines = message.headers.split(b"\r\n")
            check(set(head.rstrip().split(b"\r\n")) <= set(lines), name)
            equal(message.wire.partition(b"\r\n\r\n")[2].rstrip(b"\r\n"),
                  text.rstrip(b"\r\n"), name)


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
