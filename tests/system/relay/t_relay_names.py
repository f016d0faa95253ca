# SPDX-License-Identifier: ISC
"""Name servers that fail, lie or fall silent, while mail waits for them.

No lie makes a report or loses mail: it waits, with a reason, or goes where
the lie says. Only NXDOMAIN and a null MX are an answer for good; t_exchange
has those.
"""
from lib import dns_faults
from lib.dns import (A, AAAA, MX, REFUSED, SERVFAIL, LyingDns, a, aaaa,
                     dead, honest, mx, refuse)
from lib.fakemx import FakeMx
from lib.site import Site
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
ALICE = "alice@home.test"
OK_HOST = honest(a("h.test"))


def truth(question):
    """The right answer: h.test takes mail for every domain."""
    return question.answer(mx(question.name, 1, "h.test"))


LIES = [
    ("is dead", dead), ("SERVFAIL", refuse(SERVFAIL)),
    ("REFUSED", refuse(REFUSED)), ("FORMERR", refuse(1)),
    ("another id", dns_faults.wrong_id(truth)),
    ("another question", dns_faults.wrong_name(mx("other.test", 1, "h.test"))),
    ("truncated for ever", dns_faults.truncated_for_ever),
    ("truncated, then SERVFAIL", dns_faults.truncated(refuse(SERVFAIL))),
    ("truncated, then REFUSED", dns_faults.truncated(refuse(REFUSED))),
    ("a loop in the host", dns_faults.loop_in_name),
    ("a loop in the owner", dns_faults.loop_in_owner),
    ("a pointer past the end", dns_faults.past_the_end),
    ("a host of 320 octets", dns_faults.many_labels),
    ("60000 records promised", dns_faults.more_promised()),
    ("an answer of 5 octets", dns_faults.cut(5)),
    ("an answer of 40 octets", dns_faults.cut(40)),
    ("noise", dns_faults.noise), ("an alias of itself", dns_faults.endless),
] + [(f"a length that lies ({n})", lie) for n, lie in enumerate(
    dns_faults.lengths(b"\xc0\x0c", MX, b"\0\1\1h\4test\0"))]


def resolver(site, dns, port):
    """By MX on that port, from now on."""
    site.change(f"resolver {dns.address}\nroute * mx:{port}\n")


def reply(site, address):
    """Why that one waits, if he does."""
    return [r["reply"] for m in site.mailq() for r in m["recipients"]
            if r["address"] == address and r["state"] == "waiting"]


def cases_names(site):
    """Each lie about a domain of its own, all at once; then the truth."""
    people = [f"x@d{n}.test" for n in range(len(LIES))]
    domains = [f"d{n}.test" for n in range(len(LIES))]
    table = {(d, MX): lie for d, (_, lie) in zip(domains, LIES)}
    with FakeMx() as hop, LyingDns({**table, ("h.test", A): OK_HOST},
                                   dns_faults.empty) as dns:
        resolver(site, dns, hop.port)
        site.send(ALICE, people, "Subject: x\r\n\r\nx\r\n")

        def arrived(person):
            return [m for m in hop.messages if person in m.rcpts]

        def told():
            path = site.mailbox("alice")
            return path.read_text() if path.exists() else ""
        with tap.case("lies come to an end", site.notes):
            wait_for(lambda: all(arrived(p) or p in told()
                                 or any(reply(site, p)) for p in people),
                     "all decisions", 150, 0.2)
        dns.lies.update({(d, MX): truth for d in domains})
        site.flush("-qf")
        site.wait_empty()
        for person, (name, _) in zip(people, LIES):
            with tap.case(f"the answer to MX: {name}", site.notes):
                check(person not in told(), f"a report: {told()}")
                equal(len(arrived(person)), 1, "messages in the end")


def test_many_mx(site):
    """As many MX records as fit: the best is found, though it comes last"""
    with FakeMx() as hop, LyingDns({
            ("far.test", MX): dns_faults.many_mx("far.test", 2500),
            ("h0.test", A): honest(a("h0.test"))}, dns_faults.empty) as dns:
        resolver(site, dns, hop.port)
        site.send(ALICE, ["x@far.test"], "Subject: x\r\n\r\nx\r\n")
        hop.wait()
        site.wait_empty()


def test_chain(site):
    """An alias of an alias, five times, and fifty times"""
    for length, arrives in ((5, True), (50, False)):
        end = dns_faults.chain("far.test", "end.test", length,
                         mx("end.test", 1, "h.test"))
        with FakeMx() as hop, LyingDns({
                ("far.test", MX): end, ("h.test", A): OK_HOST},
                dns_faults.empty) as dns:
            resolver(site, dns, hop.port)
            site.send(ALICE, ["x@far.test"], "Subject: x\r\n\r\nx\r\n")
            if arrives:
                hop.wait()
                site.wait_empty()
            else:
                wait_for(lambda: hop.messages
                         or any(reply(site, "x@far.test")), "a decision")
        site.settled()


def test_addresses(site):
    """AAAA fails and A answers, or nobody listens at the first address"""
    both = (a("h.test", "127.0.0.98"), a("h.test", "127.0.0.1"))
    for table in ({("h.test", A): OK_HOST,
                   ("h.test", AAAA): refuse(SERVFAIL)},
                  {("h.test", A): OK_HOST,
                   ("h.test", AAAA): honest(aaaa("h.test", "::1"))},
                  {("h.test", A): honest(*both)}):
        with FakeMx() as hop, LyingDns(
                {("far.test", MX): honest(mx("far.test", 1, "h.test")),
                 **table}, dns_faults.empty) as dns:
            resolver(site, dns, hop.port)
            site.send(ALICE, ["x@far.test"], "Subject: x\r\n\r\nx\r\n")
            hop.wait()
            site.wait_empty()


if __name__ == "__main__":
    with Site(2, "mx.home.test", "home.test") as instance:
        tap.run(globals(), instance, after=instance.settled)
    tap.finish()
