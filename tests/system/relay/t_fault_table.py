# SPDX-License-Identifier: ISC
"""What a next hop may do wrong: phase x answer x number of addresses.

All addresses of the hop but the last do the same wrong thing; the last one is
well. RFC 5321 says what is to come of it: the next address in the same try
while it is sure that the message was not taken, a report where the answer is a
clear no, and else a later try; nothing is lost, and nothing comes twice.
"""
import itertools

from lib.dns import AAAA, LyingDns, MX, A, a, aaaa, mx
from lib.dns_faults import empty, honest
from lib.fakemx import DROP, EXTENSIONS, STALL, FakeMx
from lib.relaying import Relaying
from lib.scratch import ALICE, LONG, Scratch, make_certificate
from lib.ports import free_port
from lib.tap import Tap, check, equal

tap = Tap()
TEXT = "Message-ID: <1@x>\nSubject: x\n\nA line.\n"
RCPTS = ["x@far.test", "y@far.test", "z@far.test"]
EXTENSIONS = tuple(x for x in EXTENSIONS if x != "CHUNKING")
FAST = 600      # time-outs of minutes become half a second
V4 = ["127.0.0.51", "127.0.0.52", "127.0.0.53"]
V6 = ["::1", "127.0.0.52"]

# What is said in the place of the right answer.
ANSWERS = {
    "4xx": "451 4.3.0 Not now",
    "4xx in two lines": b"451-4.3.0 Not\r\n451 4.3.0 now\r\n",
    "5xx": "554 5.3.0 No",
    "5xx in two lines": b"554-5.3.0 No\r\n554 5.3.0 never\r\n",
    "421": ("421 4.3.2 Bye", DROP),
    "close": DROP,
    "silence": STALL,
    "garbage": b"\x80\xffNonsense\0\r\n",
    "codes that differ": b"250-a\r\n451 b\r\n",
    "a code that does not fit": None,       # by the phase: see below
}
# These end the session.
LOSES = ("421", "close", "silence", "garbage", "codes that differ")
# What is enough for each number of addresses; two of them get all.
FEW = ("4xx", "5xx", "421", "close")
ODD = {"greeting": "250 2.0.0 Hello", "ehlo": "354 Go on", "mail": "354 Go on",
       "rcpt": "354 Go on", "data": "250 2.0.0 Ok", "dot": "354 Go on",
       "quit": "354 Go on", "starttls": "354 Go on", "auth": "354 Go on"}
# The phase in which it happens, and for rcpt to whom.
PHASES = {"connect": ("connect", RCPTS), "greeting": ("greeting", RCPTS),
          "EHLO": ("ehlo", RCPTS), "MAIL": ("mail", RCPTS),
          "RCPT, the first": ("rcpt", RCPTS[:1]),
          "RCPT, the middle": ("rcpt", RCPTS[1:2]),
          "RCPT, all": ("rcpt", RCPTS), "DATA": ("data", RCPTS),
          "the dot": ("dot", RCPTS), "QUIT": ("quit", [])}


def no(answer):
    """Whether that is a clear no."""
    return answer.startswith("5xx")


def later(answer):
    """Whether that puts off one command, and not the whole session."""
    return answer.startswith("4xx")


def expected(phase, answer, whom):
    """What becomes of each recipient: "sent" there, "next" address, "failed",
    or "unsure", which waits."""
    if phase == "quit" or (phase == "ehlo" and no(answer)):
        return ["sent"] * 3         # HELO is next
    if phase in ("connect", "greeting", "ehlo"):
        return ["next"] * 3         # RFC 5321 section 3.1: also after a 554
    if no(answer):
        return ["failed" if r in whom else "sent" for r in RCPTS]
    if phase == "dot" and not later(answer) and answer != "421":
        return ["unsure"] * 3       # a lost answer: it may be there
    if phase == "rcpt" and later(answer):
        return ["next" if r in whom else "sent" for r in RCPTS]
    return ["next"] * 3


def script(phase, answer, whom):
    """For FakeMx."""
    action = ANSWERS[answer] or ODD[phase]
    return {phase: {r: action for r in whom} if phase == "rcpt" else action}


class Hop:
    """far.test: a mail exchanger for each address, the best ones first."""

    def __init__(self, addresses, **settings):
        self.port = free_port()
        self.settings, self.mxs = settings, []
        for address in reversed(addresses):     # the last is listening always
            self.mxs.insert(0, FakeMx(host=address, port=self.port,
                                      extensions=EXTENSIONS, **settings))
        zone = {("far.test", MX): honest(*(
            mx("far.test", 10 * n, f"mx{n}.far.test")
            for n in range(len(addresses))))}
        for n, address in enumerate(addresses):
            host = f"mx{n}.far.test"
            kind, make = (AAAA, aaaa) if ":" in address else (A, a)
            zone[host, kind] = honest(make(host, address))
        self.dns = LyingDns(zone, empty)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for mx_ in self.mxs:
            mx_.stop()
        self.dns.__exit__(None, None, None)

    def send(self, script_, speed=None, hop=None, config=""):
        """A try: kinds of outcomes, who was sent it by which address, and
        connections."""
        for mx_ in self.mxs[:-1] or self.mxs:
            mx_.script = dict(script_)
        before = [mx_.connections for mx_ in self.mxs]
        for mx_ in self.mxs:
            mx_.received.clear()
        with Relaying(hop or f"mx:{self.port}",
                      f"resolver {self.dns.address}\n{config}", "far.test",
                      speed=speed) as relay:
            outcomes = relay.send(TEXT, RCPTS)
            relay.finish()      # with QUIT, and its answer
        # "dead" is of all whose fate is open: they wait.
        fates = {o.recipient: o.kind for o in outcomes[:-1]}
        open_ = "deferred" if outcomes[-1].kind == "dead" else "lost"
        kinds = [fates.get(n, open_) for n in range(len(RCPTS))]
        sent = [sorted(r for m in mx_.messages for r in m.rcpts)
                for mx_ in self.mxs]
        calls = [mx_.connections - n for mx_, n in zip(self.mxs, before)]
        return kinds, sent, calls


def row(hop, phase, answer, whom):
    """One case."""
    count = len(hop.mxs)
    fates = expected(phase, answer, whom)
    kinds, sent, calls = hop.send(
        script(phase, answer, whom), FAST if answer == "silence" else None)
    what = f"kinds {kinds}, sent {sent}, connections {calls}"
    arrived = sorted(itertools.chain(*sent))
    if "unsure" not in fates:
        equal(arrived, [r for r, k in zip(RCPTS, kinds) if k == "sent"],
              f"{what}: what arrived is what is said to")
    names = {"sent": "sent", "failed": "failed", "unsure": "deferred",
             "next": "sent" if count > 1 else "deferred"}
    equal(kinds, [names[fate] for fate in fates], what)
    if "next" not in fates:
        equal(sum(calls[1:]), 0, f"{what}: others were asked")
    if count > 1:
        equal(sent[-1], [r for r, fate in zip(RCPTS, fates)
                         if fate == "next"], f"{what}: the last address")
    check(all(n <= 1 for n in calls), f"{what}: one is asked twice")


def cases_table():
    """Each phase, answer, and number of addresses"""
    for addresses in (V4[:1], V4[:2], V4, V6):
        with Hop(addresses) as hop:
            for name, (phase, whom) in PHASES.items():
                if phase == "connect":
                    continue
                table = ANSWERS if LONG or addresses == V4[:2] else FEW
                where = "IPv6 and IPv4" if addresses is V6 else \
                    f"{len(addresses)} addresses"
                with tap.case(f"{name}, {where}"):
                    for answer in table:
                        try:
                            row(hop, phase, answer, whom)
                        except AssertionError as error:
                            raise AssertionError(f"{answer}: {error}") \
                                from None


def test_connect():
    """Connections that are refused: the next address, or later"""
    for addresses in (V4[:1], V4[:2], V4, V6):
        with Hop(addresses) as hop:
            for mx_ in hop.mxs[:-1] or hop.mxs:
                mx_.refuse()
            last = len(addresses) > 1
            kinds, sent, _ = hop.send({})
            equal(kinds, ["sent" if last else "deferred"] * 3, "kinds")
            equal(sent[-1], RCPTS if last else [], "sent")


def secured(addresses, trust=False, **settings):
    """A Hop that offers TLS, and the configuration that believes it."""
    scratch = Scratch(tls=False, users=False)
    pem, trusted = scratch.dir / "hop.pem", scratch.dir / "trust.pem"
    make_certificate(pem, "hop.far.test")
    text = pem.read_text()
    trusted.write_text(text[text.index("-----BEGIN CERT"):])
    trusted.chmod(0o644)
    return scratch, Hop(addresses, pem=pem, **settings), \
        f"tls-trust {trusted}\n" if trust else ""


def cases_starttls():
    """STARTTLS that fails costs no mail: in the clear, or elsewhere"""
    for addresses in (V4[:1], V4[:2], V6):
        scratch, hop, _ = secured(addresses)
        with scratch, hop:
            for answer in ANSWERS:
                if answer == "silence" and not LONG:
                    continue
                with tap.case(f"STARTTLS, {answer}, {addresses[0]} and "
                              f"{len(addresses) - 1} more"):
                    kinds, sent, calls = hop.send(
                        script("starttls", answer, RCPTS),
                        FAST if answer == "silence" else None)
                    what = f"{kinds} {sent} {calls}"
                    # Where the session is lost, there is no other today.
                    lost = len(addresses) == 1 and answer in LOSES
                    equal(kinds, ["deferred" if lost else "sent"] * 3, what)
                    equal(sorted(itertools.chain(*sent)),
                          [] if lost else RCPTS, what)


def cases_auth():
    """AUTH that fails makes no report and no copy: the next address where it
    may do better, else a later try"""
    name = "hop.far.test"
    for addresses in (V4[:1], V4[:2]):
        scratch, hop, config = secured(
            addresses, True, users=dict([ALICE]), mechanisms=("PLAIN",),
            auth_needs_tls=True)
        with scratch, hop:
            # All of them are addresses of one smarthost.
            hop.dns.lies[name, A] = honest(
                *(a(name, address) for address in addresses))
            for answer in ANSWERS:
                if answer == "silence" and not LONG:
                    continue
                with tap.case(f"AUTH, {answer}, {len(addresses)} addresses"):
                    kinds, sent, calls = hop.send(
                        script("auth", answer, RCPTS),
                        FAST if answer == "silence" else None,
                        f"smtp://{ALICE[0]}:{ALICE[1]}@{name}:{hop.port}",
                        config)
                    what = f"{kinds} {sent} {calls}"
                    good = "sent" if len(addresses) > 1 and not no(answer) \
                        else "deferred"
                    arrived = sorted(itertools.chain(*sent))
                    check(kinds == [good] * 3 or no(answer), what)
                    check(set(kinds) <= {"sent", "deferred"}, what)
                    equal(arrived, RCPTS if kinds[0] == "sent" else [], what)


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
