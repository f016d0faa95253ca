# SPDX-License-Identifier: ISC
"""Next hops that fail, lie or fall silent.

Whatever a next hop does at whatever point, a message is either there, or
still in the queue with a reason, or its sender has a report: never lost,
never twice unless the other side has hidden its answer. Only a clear "no" to
this recipient or this message makes a report; whatever else is odd waits.
"""
import email
import random

from lib.fakemx import (DROP, ENDLESS, EXTENSIONS, LONG_LINE, RESET,
                        FakeMx)
from lib.ledger import compose
from lib.nexthops import text_of
from lib.site import Site
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
ALICE = "alice@home.test"
RCPTS = ["x@far.test", "y@far.test", "z@far.test"]
NO = "550 5.1.1 No such user"
LATER = "451 4.3.0 Not now"

NO_BDAT = tuple(x for x in EXTENSIONS if x != "CHUNKING")

# What the next hop does, and what becomes of x, y and z: s(ent), w(aiting),
# f(ailed, and told). "again": it may come once more, since the hop has it.
PHASES = ("greeting", "ehlo", "mail", "rcpt", "data", "body", "dot")
CASES = [(f"{action.strip('<>')} at {phase}", {phase: action}, "www")
         for phase in PHASES for action in (DROP, RESET)]
CASES += [(f"{code} at {phase}", {phase: f"{code} 4.3.2 Trouble"}, "www")
          for phase in ("greeting", "mail", "data", "dot")
          for code in (421, 450, 451, 452)]
CASES += [
    ("554 as a greeting", {"greeting": "554 5.7.1 Go away"}, "www"),
    ("550 to MAIL", {"mail": "550 5.1.7 No such sender"}, "fff"),
    ("550 about us to MAIL", {"mail": "550 5.7.1 Not you"}, "www"),
    ("554 to DATA", {"data": "554 5.6.0 I do not like it"}, "fff"),
    ("554 to the dot", {"dot": "554 5.6.0 I do not like it"}, "fff"),
    ("552 to the dot", {"dot": "552 5.3.4 Too big"}, "fff"),
    ("530 to MAIL", {"mail": "530 5.7.0 Log in first"}, "www"),
    ("550 to one recipient", {"rcpt": {RCPTS[1]: NO}}, "sfs"),
    ("451 to one recipient", {"rcpt": {RCPTS[0]: LATER}}, "wss"),
    ("one of each", {"rcpt": {RCPTS[0]: LATER, RCPTS[1]: NO}}, "wfs"),
    ("no recipient is taken", {"rcpt": NO}, "fff"),
    ("all recipients are put off", {"rcpt": LATER}, "www"),
    ("354 although nobody is taken", {"rcpt": NO, "data": "354 Go on"},
     "fff"),
    ("452 too many recipients", {"rcpt": {RCPTS[2]: "452 4.5.3 Too many"}},
     "ssw"),
    ("250 without a text", {"mail": b"250\r\n", "dot": b"250\r\n"}, "sss"),
    ("250 in many lines", {"mail": "250 a\nb\nc", "dot": "250 a\nb"}, "sss"),
    ("251 and 252 to RCPT", {"rcpt": {RCPTS[0]: "251 Will forward",
                                      RCPTS[1]: "252 Let us see"}}, "sss"),
    ("EHLO refused, HELO taken", {"ehlo": "502 5.5.1 What?"}, "sss"),
]
LIES = [("a reply without end", ENDLESS), ("a line without end", LONG_LINE),
        ("NUL", b"250 \0\0\r\n\0"), ("code 000", b"000 Fine\r\n"),
        ("code 999", b"999 Fine\r\n"), ("no code", b"Fine\r\n"),
        ("code 354", b"354 Go on\r\n"), ("code 100", b"100 Wait\r\n"),
        ("codes that differ", b"250-a\r\n550 b\r\n")]
CASES += [(f"{what} at {phase}", {phase: lie}, "www?")
          for what, lie in LIES for phase in ("ehlo", "mail", "rcpt", "dot")]


class Far:
    """A site, and a way to its next hop."""

    def __init__(self, site):
        self.site = site
        self.notes = site.notes
        self.number = 0
        self.route = None

    def send(self, hop, rcpts, keys=""):
        """A message on its way to that hop; returns its id and text."""
        route = f"route far.test smtp://127.0.0.1:{hop.port}\n{keys}"
        if route != self.route:
            self.site.change(route)
        self.route = route
        self.number += 1
        ident = f"f{self.number}"
        text = compose(ident, random.Random(ident))
        self.site.send(ALICE, rcpts, text)
        return ident, text

    def quiet(self):
        """Waits until nobody works on the queue; returns what is in it."""
        def still():
            found = self.site.mailq()
            return all(r["state"] != "waiting" or r["attempts"] > 0
                       for m in found for r in m["recipients"]) and \
                all(m["place"] != "active" for m in found) and [found]
        return wait_for(still, "the first try to be over", 90, 0.05)[0]

    def reports(self):
        """Recipients that alice was told of as failed."""
        told = []
        path = self.site.mailbox("alice")
        if not path.exists():
            return told
        for box in self.site.wait_mail("alice", 1):
            for part in email.message_from_bytes(box.wire).walk():
                if part.get_content_type() == "message/delivery-status":
                    told += [f["Final-Recipient"].split(";")[1].strip()
                             for f in part.get_payload()
                             if f["Action"] == "failed"]
        return told


def fate(far, hop, ident, text):
    """What became of each: as s, w, f, or what is wrong."""
    found = far.quiet()
    waiting = [r["address"] for m in found for r in m["recipients"]
               if r["state"] == "waiting" and r["address"] in RCPTS]
    silent = [r for m in found for r in m["recipients"]
              if r["state"] == "waiting" and not r["reply"]]
    check(not silent, f"without a reason: {silent}")
    told = far.reports()
    sent = [address for m in hop.messages for address in m.rcpts]
    for message in hop.messages:
        equal(text_of(message.body, ident), text.rstrip(b"\r\n"), "text")
    states = ""
    for address in RCPTS:
        what = [c for c, where in (("s", sent), ("w", waiting), ("f", told))
                for _ in range(where.count(address))]
        states += what[0] if len(what) == 1 else f"({''.join(what)})"
    return states


def cases_faults(far):
    """Each case; then the hop is well, and what waits must arrive."""
    with FakeMx(extensions=NO_BDAT) as hop:
        for name, script, expected in CASES:
            with tap.case(name, far.notes):
                hop.script.update(script)
                fault(far, hop, expected)
            far.site.settled()
            hop.script.clear()
            hop.received.clear()


def fault(far, hop, expected):
    """One case."""
    hidden = "dot" in hop.script    # the answer: it may be there, too
    ident, text = far.send(hop, RCPTS)
    got = fate(far, hop, ident, text)
    if expected.endswith("?") or hidden:
        got = got.replace("(sw)", "w")
        expected = expected.rstrip("?")
    equal(got, expected, "x, y and z")
    hop.script.clear()
    hop.received.clear()
    far.site.flush("-qf")
    far.site.wait_empty()
    equal(sorted(x for m in hop.messages for x in m.rcpts),
          [r for r, c in zip(RCPTS, expected) if c == "w"],
          "what came when the hop was well")


def test_no_starttls_injection(far):
    """Octets after STARTTLS' 220 are no replies"""
    with FakeMx({"starttls": b"220 Go\r\n250 injected\r\n"},
                pem=far.site.pem) as hop:
        far.send(hop, RCPTS[:1])
        found = far.quiet()
        check(not hop.messages or hop.messages[0].tls is False, "injected")
        check("injected" not in str([m.replies for m in hop.messages]), "")
        check(found or hop.messages, "it is nowhere")


def test_broken_tls(far):
    """A handshake that fails: in the clear, where nothing else was asked"""
    with FakeMx({"1:starttls": (b"220 Go\r\n", DROP)},
                pem=far.site.pem) as hop:
        ident, text = far.send(hop, RCPTS[:1])
        got = hop.wait()[0]
        equal(text_of(got.body, ident), text.rstrip(b"\r\n"), "text")
        far.site.wait_empty()


def test_tls_must(far):
    """tls=must: never in the clear"""
    with FakeMx() as hop:
        far.site.change(
            f"route far.test smtp://127.0.0.1:{hop.port}?tls=must")
        far.route = None
        far.site.send(ALICE, RCPTS[:1], "Subject: x\r\n\r\nx\r\n")
        far.site.waits_with("TLS")
        equal(hop.messages, [], "messages")


def test_too_big(far):
    """A message that is bigger than the next hop takes comes back"""
    with FakeMx(extensions=("SIZE 100", "PIPELINING")) as hop:
        far.send(hop, RCPTS[:1])
        far.site.wait_empty()
        equal(far.reports(), RCPTS[:1], "reports")
        check(not hop.messages, "it was sent")


def test_one_dead_hop(far):
    """A dead next hop does not hold up mail for another"""
    with FakeMx({"greeting": DROP}) as bad, FakeMx() as good:
        keys = f"route near.test smtp://127.0.0.1:{good.port}\n"
        far.send(bad, RCPTS[:1] + ["n@near.test"], keys)
        equal(good.wait()[0].rcpts, ["n@near.test"], "recipients")
        far.site.waits_with("127.0.0.1")


if __name__ == "__main__":
    with Site(2, "mx.home.test", "home.test") as instance:
        tap.run(globals(), Far(instance), after=instance.settled)
    tap.finish()
