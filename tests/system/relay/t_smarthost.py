# SPDX-License-Identifier: ISC
"""Mail goes through a smarthost, with a login over TLS that is verified.

The usual set-up of a machine at home, and what people get wrong in it: a
password, a certificate, a mechanism. The mail stays in the queue, with the
reason, until it is put right; nothing of that makes a bounce, and no password
goes where it should not.
"""
import ctypes
import threading

from lib.fakemx import FakeMx
from lib.scratch import ALICE, make_certificate
from lib.tap import Skip, Tap, check, equal
from lib.two_sites import FROM, THERE, THIRD, TwoSites, taken
from lib.wait import wait_for

tap = Tap()
LANDLOCK = 444          # landlock_create_ruleset(2), which tells its version


def certificate(path):
    """A file with the same certificate, but without its key."""
    text = path.read_text()
    trust = path.with_suffix(".trust")
    trust.write_text(text[text.index("-----BEGIN CERT"):])
    trust.chmod(0o644)
    return trust


def smarthost(sites, scheme, password=ALICE[1], host="mx.b.test", trust=None):
    """All mail of a.test goes through b.test, from now on."""
    port = sites.b.submissions if scheme == "smtps" else sites.b.submission
    trust = trust or certificate(sites.b.pem)
    sites.a.change(f"resolver {sites.dns.address}\ntls-trust {trust}\n"
                   f"relay {scheme}://alice:{password}@{host}:{port}\n")


def replies(site, domain, text):
    """Waits until the mail to a domain is deferred; the reason."""
    found = wait_for(
        lambda: [r["reply"] for m in site.a.mailq() for r in m["recipients"]
                 if r["state"] == "waiting" and r.get("reply")
                 and r["address"].endswith(domain)],
        f"a reason for {domain}")
    check(text in found[0], found[0])


def test_smarthost(sites):
    """Through a smarthost: STARTTLS and TLS at once, verified, with a login"""
    for scheme in ("smtp", "smtps"):
        with FakeMx(host=THIRD, port=sites.port) as hop:
            smarthost(sites, scheme)
            ident, text = sites.send("x@c.test")
            got = taken(hop, ident, text)
            check(b"ESMTPSA" in got.body, f"{got.body!r:.900}")
            equal(got.name, "mx.b.test", "who relayed it")
            sites.a.wait_empty()
            sites.b.wait_empty()


def test_wrong_password(sites):
    """A wrong password: queued, with the reason; put right, it goes"""
    smarthost(sites, "smtp", "wrong")
    ident, text = sites.send("x@c.test")
    sites.a.waits_with("535")
    check("535" in sites.a.mailq_text(), sites.a.mailq_text())
    sites.a.flush("-qf")
    sites.a.waits_with("535")
    with FakeMx(host=THIRD, port=sites.port) as hop:
        smarthost(sites, "smtp")
        sites.a.flush("-qf")
        taken(hop, ident, text)
        sites.a.wait_empty()
    equal(sites.a.mailbox("alice").exists(), False, "a report")


def test_password_sources(sites):
    """The password from a file, and from a command; from a file that is gone"""
    port, trust = sites.b.submission, certificate(sites.b.pem)
    secret = sites.a.dir / "secret"
    for source in (f"file:{secret}", f"command:/bin/cat {secret}"):
        secret.write_text(ALICE[1] + "\n")
        sites.a.hand(secret, 0o600)
        with FakeMx(host=THIRD, port=sites.port) as hop:
            sites.a.change(
                f"resolver {sites.dns.address}\ntls-trust {trust}\n"
                f"relay smtp://alice@mx.b.test:{port}\n"
                f"relay-password alice@mx.b.test {source}\n")
            ident, text = sites.send("x@c.test")
            taken(hop, ident, text)
            sites.a.wait_empty()
            sites.b.wait_empty()
            sites.a.end_runners()   # and connections that are logged in
            secret.unlink()
            sites.send("x@c.test")
            sites.a.waits_with(str(secret))
            sites.a.settled()


def test_wrong_certificate(sites):
    """A certificate for another name, or by nobody we trust: queued"""
    other = sites.a.dir / "other.pem"
    make_certificate(other, "mx.b.test")
    for settings in ({"host": THERE}, {"trust": certificate(other)}):
        for scheme in ("smtp", "smtps"):
            smarthost(sites, scheme, **settings)
            sites.send("x@c.test")
            sites.a.waits_with("certificate")
            sites.a.settled()


def test_no_starttls(sites):
    """A smarthost without STARTTLS never gets the password"""
    with FakeMx(host=THERE, users=dict([ALICE]),
                mechanisms=("PLAIN", "LOGIN")) as hop:
        sites.a.change(f"resolver {sites.dns.address}\n"
                       f"tls-trust {sites.a.pem}\n"
                       f"relay smtp://{':'.join(ALICE)}@{THERE}:{hop.port}\n")
        sites.send("x@c.test")
        sites.a.waits_with("TLS")
        check(not hop.logins, f"{hop.logins}")
    sites.a.settled()


def test_mechanisms(sites):
    """Each mechanism alone; and the next one, when one is not taken"""
    pem = sites.a.dir / "hop.pem"
    make_certificate(pem, "mx.b.test")
    trust = certificate(pem)
    every = ("SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN")
    cases = [((mechanism,), {}) for mechanism in every]
    cases.append((every, {"auth": ["535 5.7.8 No", "504 5.5.4 No"]}))
    for mechanisms, script in cases:
        with FakeMx(script, host=THERE, pem=pem, users=dict([ALICE]),
                    mechanisms=mechanisms, auth_needs_tls=True) as hop:
            sites.a.change(
                f"resolver {sites.dns.address}\ntls-trust {trust}\n"
                f"relay smtp://{':'.join(ALICE)}@mx.b.test:{hop.port}\n")
            ident, text = sites.send("x@c.test")
            got = taken(hop, ident, text)
            equal((got.user, got.tls), (ALICE[0], True), "login")
            equal(hop.complaints, [], "complaints")
            sites.a.wait_empty()


def test_trust_is_read_once(sites):
    """The agents of a queue run are given whom to trust, and do not read it"""
    if ctypes.CDLL(None).syscall(LANDLOCK, None, 0, 1) < 2:
        raise Skip("the kernel has no Landlock that confines a runner")
    trust, stop = certificate(sites.b.pem), threading.Event()
    with FakeMx({"1:mail": [lambda *_: stop.wait(60)]}, host=THIRD) as slow, \
            FakeMx(host=THIRD) as one, FakeMx(host=THIRD) as two:
        sites.a.change(
            f"resolver {sites.dns.address}\ntls-trust {trust}\n"
            f"route slow.test smtp://{THIRD}:{slow.port}?tls=never\n"
            f"route one.test smtp://{THIRD}:{one.port}?tls=verify\n"
            f"route two.test smtp://{THIRD}:{two.port}?tls=verify\n")
        sites.send("x@slow.test")       # so that the run goes on
        wait_for(lambda: any(c.startswith("MAIL") for c in slow.commands()),
                 "the first transaction")
        sites.send("x@one.test")
        replies(sites, "one.test", "TLS")
        trust.unlink()
        sites.send("x@two.test")
        replies(sites, "two.test", "TLS")
        stop.set()


def test_routes(sites):
    """By recipient domain, by sender, and the fallback relay"""
    with FakeMx(host=THIRD) as one, FakeMx(host=THIRD) as two, \
            FakeMx(host=THIRD) as three:
        sites.a.change(
            f"resolver {sites.dns.address}\n"
            f"route one.test smtp://{THIRD}:{one.port}\n"
            f"route .one.test smtp://{THIRD}:{two.port}\n"
            f"sender-relay bob@a.test smtp://{THIRD}:{two.port}\n"
            # At port 25 this machine may have a server.
            "route down.test mx:1\n"
            f"fallback-relay smtp://{THIRD}:{three.port}\n")
        for sender, to, hop, count in (
                (FROM, "x@one.test", one, 1),
                (FROM, "x@sub.one.test", two, 1),
                ("bob@a.test", "x@three.test", two, 2),
                (FROM, "x@down.test", three, 1)):
            ident, text = sites.message()
            sites.a.send(sender, [to], text)
            equal(taken(hop, ident, text, count).rcpts, [to], "recipients")
        sites.a.wait_empty()


if __name__ == "__main__":
    with TwoSites() as fixture:
        tap.run(globals(), fixture, after=fixture.settled)
    tap.finish()
