# SPDX-License-Identifier: ISC
"""Two of our servers send each other mail, as the name server says.

MX in its forms, from a real name server. What is wrong with the network or
with the name server keeps mail in the queue, with the reason, and makes no
bounce; what the name server says for good makes one.
"""
import subprocess

from lib import dns_faults
from lib.dns import MX, SERVFAIL, LyingDns, dead, refuse
from lib.fakemx import FakeMx
from lib.tap import Tap, check, equal
from lib.two_sites import FROM, THIRD, TwoSites, report, taken, whole

tap = Tap()


# ---- by MX ----

def test_there_and_back(sites):
    """By MX: from a.test to b.test, and the answer from b.test to a.test"""
    ident, text = sites.send("bob@b.test")
    whole(sites.b.wait_mail("bob"), ident, text)
    sites.a.wait_empty()
    ident, text = sites.message()
    sites.b.send("bob@b.test", [FROM], text)
    whole(sites.a.wait_mail("alice"), ident, text)
    sites.b.wait_empty()
    sites.a.settled()
    sites.b.settled()


def test_several_domains(sites):
    """One message for users here, there and elsewhere"""
    with FakeMx(host=THIRD, port=sites.port) as hop:
        ident, text = sites.send("bob@a.test", "bob@b.test", "x@c.test",
                                 "y@c.test")
        taken(hop, ident, text)
        equal(hop.messages[0].rcpts, ["x@c.test", "y@c.test"], "recipients")
        for site in (sites.a, sites.b):
            whole(site.wait_mail("bob"), ident, text)
        sites.a.wait_empty()
        for site in (sites.a, sites.b):
            site.settled()


def test_kinds_of_names(sites):
    """The second MX, an address alone, CNAMEs of the domain and of its MX"""
    with FakeMx(host=THIRD, port=sites.port) as hop:
        for n, domain in enumerate(("two", "plain", "alias", "hosts"), 1):
            ident, text = sites.send(f"x@{domain}.test")
            got = taken(hop, ident, text, n)
            equal(got.rcpts, [f"x@{domain}.test"], "recipients")
        sites.a.wait_empty()


def test_literal(sites):
    """An address in brackets needs no name server"""
    with FakeMx(host=THIRD, port=sites.port) as hop:
        ident, text = sites.send(f"x@[{THIRD}]")
        taken(hop, ident, text)
        sites.a.wait_empty()


def test_names_that_fail(sites):
    """A null MX, no such domain, a domain without any host, and a loop"""
    for domain, status in (("null", "5.1.10"), ("nosuch", "5.1.2"),
                           ("text", "5.1.2"), ("back", "5.4.6")):
        sites.send(f"x@{domain}.test")
        got = report(sites.a)
        check(got[0] == status or (domain == "text" and got[0][0] == "5"),
              f"{domain}: {got}")
        sites.a.wait_empty()


def test_backup_mx(sites):
    """We are the backup for a domain: only better hosts are tried"""
    with FakeMx(host=THIRD, port=sites.port) as hop:
        ident, text = sites.send("x@late.test")
        taken(hop, ident, text)
        sites.a.wait_empty()
    sites.send("y@late.test")
    sites.a.waits_with("mx.c.test")
    sites.a.settled()


# ---- trouble that is not the message's fault ----

def test_dns_dead(sites):
    """A name server that is dead, or says SERVFAIL: deferred, with reason"""
    for lie, words in ((dead, "does not answer"),
                       (refuse(SERVFAIL), "c.test")):
        with LyingDns({}, lie) as dns:
            sites.a.change(sites.direct(dns.address))
            ident, text = sites.send("x@c.test")
            sites.a.waits_with(words)
            check(dns.asked, "nobody asked")
        sites.a.change(sites.direct())
        with FakeMx(host=THIRD, port=sites.port) as hop:
            sites.a.flush("-qf")
            taken(hop, ident, text)
        sites.a.wait_empty()
    equal(sites.a.mailbox("alice").exists(), False, "a report")


def test_dns_recovers(sites):
    """A name server that loses the first questions, or cuts its answer"""
    truth = dns_faults.honest(dns_faults.mx("c.test", 5, "h.test"))
    for lie in (dns_faults.late(truth, 1), dns_faults.truncated(truth)):
        answers = {("c.test", MX): lie,
                   ("h.test", dns_faults.A): dns_faults.honest(
                       dns_faults.record("h.test", dns_faults.A,
                                   bytes(map(int, THIRD.split(".")))))}
        with LyingDns(answers, dns_faults.empty) as dns, \
                FakeMx(host=THIRD, port=sites.port) as hop:
            sites.a.change(sites.direct(dns.address))
            ident, text = sites.send("x@c.test")
            taken(hop, ident, text)
            sites.a.wait_empty()
    sites.a.change(sites.direct())


def test_nobody_listens(sites):
    """Nobody listens: deferred, and a flush delivers when somebody does"""
    ident, text = sites.send("x@c.test")
    found = sites.a.waits_with("refused")
    check(found[0]["recipients"][0]["next"] > found[0]["arrival"],
          f"{found}")
    with FakeMx(host=THIRD, port=sites.port) as hop:
        sites.a.flush("-q")
        equal(hop.messages, [], "tried before its time")
        sites.a.flush("-qf")
        taken(hop, ident, text)
    sites.a.wait_empty()


def test_sendmail(sites):
    """What sendmail takes goes out, too"""
    sites.a.change(sites.direct())
    with FakeMx(host=THIRD, port=sites.port) as hop:
        done = subprocess.run(
            [*sites.a.command("smtpd"), "-i", "-f", FROM, "x@c.test"],
            input=b"Subject: cron\n\nA line.\n", capture_output=True,
            env=sites.a.environment(), check=False, **sites.a.as_user())
        equal(done.returncode, 0, done.stderr.decode())
        check(hop.wait()[0].body.endswith(b"\r\n\r\nA line.\r\n"),
              repr(hop.messages[0].body))
        sites.a.wait_empty()


if __name__ == "__main__":
    with TwoSites() as fixture:
        tap.run(globals(), fixture, after=fixture.settled)
    tap.finish()
