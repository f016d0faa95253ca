# SPDX-License-Identifier: ISC
"""The next address of a hop is tried in the same try (RFC 5321 section 5.1).

Whatever temporary trouble an address makes before it has taken the message,
the next one gets it at once, for the recipients that are left; after all of
them the fallback. What may have arrived, because the reply to the end of the
message was lost, goes nowhere else: nobody wants it twice.
"""
from lib.dns import LyingDns, MX, A, a, mx
from lib.dns_faults import empty, honest
from lib.fakemx import DROP, EXTENSIONS, RESET, FakeMx
from lib.ports import free_port
from lib.relaying import Relaying, wire
from lib.site import Site
from lib.tap import Tap, check, equal

tap = Tap()
TEXT = "Message-ID: <1@x>\nSubject: x\n\nA line.\n"
# More than a connection holds, so that its end is not on the way yet.
LONG = TEXT + ("x" * 78 + "\n") * 100000
HOSTS = [f"127.0.0.{n}" for n in (41, 42, 43)]
NO_BDAT = tuple(x for x in EXTENSIONS if x != "CHUNKING")
X, Y = "x@far.test", "y@far.test"

# The hop's hosts, best first, and their addresses.
LAYOUTS = {
    "two hosts": [1, 1],
    "two addresses": [2],
    "three hosts": [1, 1, 1],
    "two addresses and a host": [2, 1],
    "a host and two addresses": [1, 2],
}
FULL = ("two hosts", "two addresses")   # a part of the rows will do for others
LATER = [f"{code} 4.3.2 Not now" for code in (421, 450, 451, 452)]
TROUBLE = [{phase: answer}
           for phase in ("greeting", "ehlo", "mail", "rcpt", "data", "dot")
           for answer in LATER]
TROUBLE += [{phase: end} for end in (DROP, RESET)
            for phase in ("greeting", "ehlo", "mail", "rcpt", "data", "body")]
TROUBLE += [{"greeting": "554 5.3.2 No"},
            {"mail": "530 5.7.0 Log in first"},
            {"rcpt": "452 4.5.3 Too many"},
            {"mail": b"Nonsense\r\n"}]
UNSURE = [DROP, RESET, b"Nonsense\r\n", b"354 Go on\r\n"]


def zone(layout):
    """What the name server says of far.test."""
    answers, left = {}, list(HOSTS)
    hosts = [f"mx{n}.far.test" for n in range(len(layout))]
    answers["far.test", MX] = honest(*(
        mx("far.test", 10 * n, host) for n, host in enumerate(hosts)))
    for host, count in zip(hosts, layout):
        own, left = left[:count], left[count:]
        answers[host, A] = honest(*(a(host, x) for x in own))
    return answers


class Hop:
    """The addresses of far.test, and an agent that knows them by DNS."""

    def __init__(self, layout, scripts, **settings):
        port = free_port()
        self.opened = []
        self.mxs = [self.open(FakeMx(script, host=host, port=port,
                                     **settings))
                    for host, script in zip(HOSTS, scripts)]
        dns = self.open(LyingDns(zone(layout), empty))
        self.relay = self.open(Relaying(
            f"mx:{port}", f"resolver {dns.address}\n", "far.test"))

    def open(self, thing):
        """To be closed in the end."""
        self.opened.append(thing.__enter__())
        return thing

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for thing in reversed(self.opened):
            thing.__exit__(None, None, None)

    def sent(self):
        """Who was sent the message, by address."""
        return [sorted(r for m in mx.messages for r in m.rcpts)
                for mx in self.mxs]


def text_for(script):
    """A message; one that is not all under way when its text is cut off."""
    return LONG if "body" in "".join(script) else TEXT


def kinds(outcomes):
    """What became of each, in short."""
    return [o.kind for o in outcomes]


def test_table():
    """Phase, answer, number of addresses: the last address gets it"""
    for name, layout in LAYOUTS.items():
        for script in TROUBLE[::1 if name in FULL else 7]:
            count = sum(layout)
            scripts = [script] * (count - 1) + [{}]
            with Hop(layout, scripts, extensions=NO_BDAT) as hop:
                got = hop.relay.send(text_for(script), [X, Y])
                what = f"{name}, {script}"
                # The order of two addresses of a host is not ours.
                equal(kinds(got), ["sent", "sent", "done"], what)
                equal(sorted(hop.sent())[-1], [X, Y], what)
                equal(sum(map(len, hop.sent())), 2, what)
                check(all(m.connections <= 1 for m in hop.mxs), what)


def test_bdat():
    """The same where the message goes in a chunk"""
    for answer in LATER:
        with Hop([1, 1], [{"dot": answer}, {}]) as hop:
            equal(kinds(hop.relay.send(TEXT, [X])), ["sent", "done"], answer)
            equal(hop.sent(), [[], [X]], answer)


def test_some():
    """Recipients who are put off go on alone, each once"""
    for answer in LATER[1:]:
        with Hop([1, 1, 1], [{"rcpt": {X: answer}},
                             {"rcpt": {X: answer}}, {}]) as hop:
            got = hop.relay.send(TEXT, [X, Y, "z@far.test"])
            equal(kinds(got), ["sent"] * 3 + ["done"], answer)
            equal(hop.sent(), [[Y, "z@far.test"], [], [X]], answer)


def test_refused_for_good():
    """What is refused for good is asked nowhere else"""
    with Hop([1, 1], [{"rcpt": {X: "550 5.1.1 No"}}, {}]) as hop:
        equal(kinds(hop.relay.send(TEXT, [X, Y])),
              ["failed", "sent", "done"])
        equal(hop.mxs[1].connections, 0, "connections")


def test_all_put_off():
    """All put it off: deferred, with what the server has said"""
    with Hop([2, 1], [{"rcpt": "451 4.3.0 Not now"}] * 2 +
             [{"greeting": DROP}]) as hop:
        got = hop.relay.send(TEXT, [X])
        equal(kinds(got), ["deferred", "done"])
        check("451 4.3.0 Not now" in got[0].text, got[0].text)
        equal([m.connections for m in hop.mxs], [1, 1, 1], "connections")


def test_unsure():
    """A lost reply to the end of the message: no second copy in this try"""
    for answer in UNSURE:
        for extensions in (EXTENSIONS, NO_BDAT):
            with Hop([1, 1], [{"dot": answer}, {}],
                     extensions=extensions) as hop:
                got = hop.relay.send(TEXT, [X, Y])
                equal(kinds(got)[:2], ["deferred"] * 2, str(answer))
                equal(hop.mxs[1].connections, 0, str(answer))


def test_next_message():
    """The next message begins with the best address again, and the kept
    connection is used as long as it works"""
    with Hop([1, 1], [{"mail": ["451 4.3.0 Not now"]}, {}]) as hop:
        equal(kinds(hop.relay.send(TEXT, [X])), ["sent", "done"])
        equal(kinds(hop.relay.send(TEXT, [X])), ["sent", "done"])
        equal(hop.sent(), [[], [X, X]])
        hop.mxs[1].hang_up(1)
        equal(kinds(hop.relay.send(TEXT, [X])), ["sent", "done"])
        equal(hop.sent(), [[X], [X, X]])


def test_kept_and_lost():
    """A kept connection that is lost before the end of the message is opened
    anew at once, whatever was said last"""
    for phase in ("mail", "rcpt", "data", "body"):
        for end in (DROP, RESET, ("421 4.4.2 Idle", DROP)):
            script = {"1:" + phase: [None, end]}
            with FakeMx(script, extensions=NO_BDAT) as one, \
                    Relaying(f"smtp://{one.address}?tls=never") as relay:
                for _ in range(2):
                    equal(kinds(relay.send(text_for(script), [X])),
                          ["sent", "done"], f"{phase}: {end}")
                equal((one.connections, len(one.messages)), (2, 2), phase)


# ---- the fallback, which the runner knows ----

def test_fallback():
    """After all addresses of a hop comes the fallback, in the same try"""
    with Site(2, "mx.home.test", "home.test") as site:
        for script in TROUBLE[::3]:
            with FakeMx(script, extensions=NO_BDAT) as bad, \
                    FakeMx(extensions=NO_BDAT) as good:
                site.change(f"relay smtp://127.0.0.1:{bad.port}?tls=never\n"
                            "fallback-relay "
                            f"smtp://127.0.0.1:{good.port}?tls=never\n")
                site.send("alice@home.test", [X, Y], wire(text_for(script)))
                site.wait_empty()
                equal([sorted(m.rcpts) for m in good.messages], [[X, Y]],
                      str(script))
                equal(bad.messages, [], str(script))
        site.settled()


def test_no_fallback():
    """What may have arrived does not go to the fallback"""
    with Site(2, "mx.home.test", "home.test") as site:
        for answer in UNSURE:
            with FakeMx({"dot": answer}, extensions=NO_BDAT) as bad, \
                    FakeMx(extensions=NO_BDAT) as good:
                site.change(f"relay smtp://127.0.0.1:{bad.port}?tls=never\n"
                            "fallback-relay "
                            f"smtp://127.0.0.1:{good.port}?tls=never\n")
                site.send("alice@home.test", [X], wire(TEXT))
                site.waits_with("")
                equal(good.connections, 0, str(answer))
                site.settled()


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
