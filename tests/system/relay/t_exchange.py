# SPDX-License-Identifier: ISC
"""Two of our servers send each other mail, as the name server says.

MX in its forms, from a real name server. What is wrong with the network or
with the name server keeps mail in the queue, with the reason, and makes no
bounce; what the name server says for good makes one.
"""
import subprocess

from lib import lies
from lib.dns import MX, SERVFAIL, LyingDns, dead, refuse
from lib.fakemx import FakeMx
from lib.tap import Tap, check, equal
from lib.world import FROM, THIRD, World, report, taken, whole

tap = Tap()


# ---- by MX ----

def test_there_and_back(world):
    """By MX: from a.test to b.test, and the answer from b.test to a.test"""
    ident, text = world.send("bob@b.test")
    whole(world.b.wait_mail("bob"), ident, text)
    world.a.wait_empty()
    ident, text = world.message()
    world.b.send("bob@b.test", [FROM], text)
    whole(world.a.wait_mail("alice"), ident, text)
    world.b.wait_empty()
    world.a.settled()
    world.b.settled()


def test_several_domains(world):
    """One message for users here, there and elsewhere"""
    with FakeMx(host=THIRD, port=world.port) as hop:
        ident, text = world.send("bob@a.test", "bob@b.test", "x@c.test",
                                 "y@c.test")
        taken(hop, ident, text)
        equal(hop.messages[0].rcpts, ["x@c.test", "y@c.test"], "recipients")
        for site in (world.a, world.b):
            whole(site.wait_mail("bob"), ident, text)
        world.a.wait_empty()
        for site in (world.a, world.b):
            site.settled()


def test_kinds_of_names(world):
    """The second MX, an address alone, CNAMEs of the domain and of its MX"""
    with FakeMx(host=THIRD, port=world.port) as hop:
        for n, domain in enumerate(("two", "plain", "alias", "hosts"), 1):
            ident, text = world.send(f"x@{domain}.test")
            got = taken(hop, ident, text, n)
            equal(got.rcpts, [f"x@{domain}.test"], "recipients")
        world.a.wait_empty()


def test_literal(world):
    """An address in brackets needs no name server"""
    with FakeMx(host=THIRD, port=world.port) as hop:
        ident, text = world.send(f"x@[{THIRD}]")
        taken(hop, ident, text)
        world.a.wait_empty()


def test_names_that_fail(world):
    """A null MX, no such domain, a domain without any host, and a loop"""
    for domain, status in (("null", "5.1.10"), ("nosuch", "5.1.2"),
                           ("text", "5.1.2"), ("back", "5.4.6")):
        world.send(f"x@{domain}.test")
        got = report(world.a)
        check(got[0] == status or (domain == "text" and got[0][0] == "5"),
              f"{domain}: {got}")
        world.a.wait_empty()


def test_backup_mx(world):
    """We are the backup for a domain: only better hosts are tried"""
    with FakeMx(host=THIRD, port=world.port) as hop:
        ident, text = world.send("x@late.test")
        taken(hop, ident, text)
        world.a.wait_empty()
    world.send("y@late.test")
    world.a.waits_with("mx.c.test")
    world.a.settled()


# ---- trouble that is not the message's fault ----

def test_dns_dead(world):
    """A name server that is dead, or says SERVFAIL: deferred, with reason"""
    for lie, words in ((dead, "does not answer"),
                       (refuse(SERVFAIL), "c.test")):
        with LyingDns({}, lie) as dns:
            world.a.change(world.direct(dns.address))
            ident, text = world.send("x@c.test")
            world.a.waits_with(words)
            check(dns.asked, "nobody asked")
        world.a.change(world.direct())
        with FakeMx(host=THIRD, port=world.port) as hop:
            world.a.flush("-qf")
            taken(hop, ident, text)
        world.a.wait_empty()
    equal(world.a.mailbox("alice").exists(), False, "a report")


def test_dns_recovers(world):
    """A name server that loses the first questions, or cuts its answer"""
    for lie in (lies.late(lies.honest(lies.mx("c.test", 5, "h.test")), 1),
                lies.truncated(lies.honest(lies.mx("c.test", 5, "h.test")))):
        answers = {("c.test", MX): lie,
                   ("h.test", lies.A): lies.honest(
                       lies.record("h.test", lies.A,
                                   bytes(map(int, THIRD.split(".")))))}
        with LyingDns(answers, lies.empty) as dns, \
                FakeMx(host=THIRD, port=world.port) as hop:
            world.a.change(world.direct(dns.address))
            ident, text = world.send("x@c.test")
            taken(hop, ident, text)
            world.a.wait_empty()
    world.a.change(world.direct())


def test_nobody_listens(world):
    """Nobody listens: deferred, and a flush delivers when somebody does"""
    ident, text = world.send("x@c.test")
    found = world.a.waits_with("refused")
    check(found[0]["recipients"][0]["next"] > found[0]["arrival"],
          f"{found}")
    with FakeMx(host=THIRD, port=world.port) as hop:
        world.a.flush("-q")
        equal(hop.messages, [], "tried before its time")
        world.a.flush("-qf")
        taken(hop, ident, text)
    world.a.wait_empty()


def test_sendmail(world):
    """What sendmail takes goes out, too"""
    world.a.change(world.direct())
    with FakeMx(host=THIRD, port=world.port) as hop:
        done = subprocess.run(
            [*world.a.command("smtpd"), "-i", "-f", FROM, "x@c.test"],
            input=b"Subject: cron\n\nA line.\n", capture_output=True,
            env=world.a.environment(), check=False, **world.a.as_user())
        equal(done.returncode, 0, done.stderr.decode())
        check(hop.wait()[0].body.endswith(b"\r\n\r\nA line.\r\n"),
              repr(hop.messages[0].body))
        world.a.wait_empty()


if __name__ == "__main__":
    with World() as fixture:
        tap.run(globals(), fixture, after=fixture.settled)
    tap.finish()
