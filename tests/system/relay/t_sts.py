# SPDX-License-Identifier: ISC
"""MTA-STS (RFC 8461): what the policy of a domain asks of its exchangers, where
it comes from, and that it is remembered.

The web server of the policy is at port 443 of loopback, in a network namespace
of this test's own. Needs root.
"""
import contextlib
import hashlib
import re
import time
from pathlib import Path

from lib.chain import Chain
from lib.dns import (A, AAAA, MX, NXDOMAIN, SERVFAIL, TXT, LyingDns, a, mx,
                     record, refuse)
from lib import mbox
from lib.fakemx import DROP, EXTENSIONS, FakeMx
from lib.namespace import in_network
from lib.queuefile import make
from lib.relaying import Relaying, wire
from lib.scratch import Scratch
from lib.site import Queue
from lib.tap import Tap, check, equal
from lib.web import PLAIN, Web, answer

tap = Tap()
DOMAIN, HOST, OTHER = "far.example", "mx.far.example", "second.far.example"
WEB = f"mta-sts.{DOMAIN}"
TEXT = wire("Subject: hello\n\nHello.\n")
OLD = ('activation_date = "2001-01-01 00:00:00"\n'
       'expiration_date = "2002-01-01 00:00:00"\n')


def policy(mode="enforce", hosts=(HOST,), age=86400, more=""):
    """The text of a policy."""
    return "".join(f"{line}\r\n" for line in (
        "version: STSv1", f"mode: {mode}", *(f"mx: {h}" for h in hosts),
        f"max_age: {age}")) + more


class Rig:
    """The web server, certificates, and what the DNS says."""

    def __init__(self, folder):
        self.chain = Chain(folder)
        self.good = self.chain.server(HOST, file="good.pem")
        self.names = {
            "good": self.good,
            "other": self.chain.server("other.example", file="other.pem"),
            "old": self.chain.server(HOST, OLD, file="old.pem"),
        }
        self.web_pem = self.chain.server(WEB, file="web.pem")
        self.web = Web(self.web_pem)
        self.trust = self.chain.file("trust.pem", self.chain.ca.read_bytes())
        self.folder = Path(folder)
        self.folder.chmod(0o755)
        self.trust.chmod(0o644)

    def scratch(self, name):
        """A folder of that name."""
        path = self.folder / name
        path.mkdir()
        return path

    def lies(self, txt, signed=False, domain=DOMAIN):
        """What the name server says."""
        flags = 0x81A0 if signed else 0x8180
        web = f"mta-sts.{domain}"

        def say(*records):
            return lambda q: q.answer(*records, flags=flags)
        return {
            (domain, MX): say(mx(domain, 10, HOST)),
            (HOST, A): say(a(HOST)), (HOST, AAAA): say(),
            (OTHER, A): say(a(OTHER, "127.0.0.2")), (OTHER, AAAA): say(),
            (web, A): say(a(web)), (web, AAAA): say(),
            (f"_mta-sts.{domain}", TXT): say(*(
                record(f"_mta-sts.{domain}", TXT, bytes([len(t)]) + t.encode())
                for t in txt)),
        }

    def open(self, port, txt=("v=STSv1; id=1",), config="", state=None,
             speed=None, **lies):
        """A name server and an agent; both are context managers."""
        said = self.lies(txt, lies.pop("signed", False))
        said.update(lies.get("lies", {}))
        dns = LyingDns(said, lambda q: q.answer(code=NXDOMAIN, flags=0x81A0))
        relay = Relaying(
            f"mx:{port}", f"resolver {dns.address}\ntls-trust {self.trust}\n"
            + config, domain=DOMAIN, prepare=state, speed=speed)
        return dns, relay


def known(text=None, ident="1", fetched=None, retry=0):
    """Prepares what is known of the domain."""
    fetched = int(time.time()) if fetched is None else fetched

    def prepare(relay):
        folder = relay.dir / "state" / "sts"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / DOMAIN).write_text(
            f"id: {ident if text else ''}\nfetched: {fetched}\n"
            f"retry: {retry}\n\n{text or ''}")
        relay.own()
    return prepare


def carry(rig, says=None, certificate="good", script=None, **settings):
    """Sends one message; (outcome, messages, requests, the file, log)."""
    rig.web.says = answer(policy()) if says is None else says
    before = len(rig.web.asked)
    pem = rig.names[certificate] if certificate else None
    with FakeMx(script, pem=pem) as hop:
        dns, relay = rig.open(hop.port, **settings)
        with dns, relay:
            outcome = relay.send(TEXT, [f"bob@{DOMAIN}"])[0]
            relay.finish()
            path = relay.dir / "state" / "sts" / DOMAIN
            file = path.read_text() if path.is_file() else ""
            log = (relay.dir / "agent.log").read_text()
        return (outcome, list(hop.messages), rig.web.asked[before:], file,
                log)


def sent(got, tls=True, why=""):
    """It arrived."""
    outcome, messages = got[:2]
    equal((outcome.kind, [m.tls for m in messages]), ("sent", [tls]),
          f"{why}: {outcome}\n{got[4]}")


def waits(got, words, why=""):
    """Not an octet of it did."""
    outcome, messages = got[:2]
    equal((outcome.kind, messages), ("dead", []), f"{why}: {outcome}")
    check(words in outcome.text, f"{why}: {outcome.text}")


WRONG = (("other", "is for"), ("old", "expired"), (None, "STARTTLS"))


def test_enforce(rig):
    """A policy that is new: it is fetched, obeyed and remembered"""
    got = carry(rig)
    sent(got)
    equal(len(got[2]), 1, "requests")
    check(got[2][0].startswith("GET /.well-known/mta-sts.txt HTTP/1.1\r\n")
          and f"\r\nHost: {WEB}\r\n" in got[2][0], got[2][0])
    check(got[3].startswith("id: 1\n") and policy() in got[3].replace(
        "\n", "\r\n").replace("\r\r", "\r"), got[3])
    check("policy=sts" in got[4] and "result=ok" in got[4], got[4])
    for certificate, words in WRONG:
        waits(carry(rig, certificate=certificate), words, f"{certificate}")


# A man in the middle: no STARTTLS, one that is refused or broken, a
# certificate of somebody else, or an old one.
MIDDLE = ((None, None), ("good", {"starttls": "454 4.7.0 Not now"}),
          ("good", {"starttls": DROP}), ("good", {"starttls": "500 What?"}),
          ("other", None), ("old", None))


def test_man_in_the_middle(rig):
    """With enforce he gets not an octet of the mail; with testing he does"""
    for certificate, script in MIDDLE:
        why = f"{certificate} {script}"
        waits(carry(rig, certificate=certificate, script=script), "", why)
        if script != {"starttls": DROP}:
            outcome = carry(rig, answer(policy("testing")), certificate,
                            script)[0]
            equal(outcome.kind, "sent", why)


class Server(Queue, Scratch):
    """A server with a queue."""


def require(rig, says=None, certificate="good", script=None,
            extensions=("REQUIRETLS",), to=DOMAIN, domain=DOMAIN):
    """A message with REQUIRETLS, from the queue: what the hop got, what waits,
    and what came back."""
    rig.web.says = answer(policy()) if says is None else says
    pem = rig.names[certificate] if certificate else None
    with FakeMx(script, pem=pem, extensions=EXTENSIONS + extensions) as hop:
        said = rig.lies(("v=STSv1; id=1",), domain=domain)
        with LyingDns(said, lambda q: q.answer(code=NXDOMAIN)) as dns, Server(
                f"resolver {dns.address}\ntls-trust {rig.trust}\n"
                f"relay mx:{hop.port}\n") as server:
            server.flush("-q")      # makes the folders
            if to.isascii():
                make(server.dir / "queue", sender="alice@example.org",
                     recipients=[f"bob@{to}"], body=TEXT, tls="required")
            else:
                done = server.call("smtpd", "-i", "-f", "alice@example.org",
                                   f"bob@{to}", stdin=TEXT.decode())
                equal(done.returncode, 0, done.stderr)
            server.flush("-q")
            return (list(hop.messages), server.mailq(),
                    mbox.read(server.mailbox("alice")))


def test_requiretls(rig):
    """REQUIRETLS: to hosts that a policy vouches for, if it is no test"""
    got, left, back = require(rig)
    equal(([m.tls for m in got], left, back), ([True], [], []))
    check("REQUIRETLS" in got[0].mail_params.split(), got[0].mail_params)
    for says, extensions in ((answer(policy("testing")), ("REQUIRETLS",)),
                             (answer(policy("none", ())), ("REQUIRETLS",)),
                             (answer("", "404 No"), ("REQUIRETLS",)),
                             (None, ())):
        got, left, back = require(rig, says, extensions=extensions)
        equal((got, left, len(back)), ([], [], 1), f"{says}")
        check(b"5.7.30" in back[0].wire, repr(back[0].wire))


def test_requiretls_middle(rig):
    """A man in the middle gets not an octet of mail with REQUIRETLS"""
    for certificate, script in MIDDLE:
        got, left, back = require(rig, certificate=certificate, script=script)
        equal((got, len(left), back), ([], 1, []),
              f"{certificate} {script}")


def test_u_label(rig):
    """The policy of a domain outside ASCII is at its A-labels"""
    domain = "xn--fr-via.example"
    rig.web.pem = rig.chain.server(f"mta-sts.{domain}", file="a-label.pem")
    try:
        got, left, back = require(rig, to="f\u00e4r.example", domain=domain,
                                  extensions=("REQUIRETLS", "SMTPUTF8"))
    finally:
        rig.web.pem = rig.web_pem
    equal(([m.tls for m in got], left, back), ([True], [], []))
    equal(got[0].rcpts, [f"bob@{domain}"])
    check(f"Host: mta-sts.{domain}\r\n" in rig.web.asked[-1],
          rig.web.asked[-1])


def test_remembered(rig):
    """What is known and young is not fetched again, and is obeyed"""
    for certificate, words in WRONG:
        got = carry(rig, certificate=certificate, state=known(policy()))
        waits(got, words, f"{certificate}")
        equal(got[2], [], "requests")
    got = carry(rig, txt=("v=STSv1; id=2",), state=known(policy()),
                says=answer(policy("none", ())), certificate=None)
    sent(got, tls=False, why="another version")
    check(got[3].startswith("id: 2\n"), got[3])


def test_hosts(rig):
    """An exchanger that the policy does not name: the next one, or it waits"""
    waits(carry(rig, answer(policy(hosts=["mx.other.example"]))),
          "does not name it")
    sent(carry(rig, answer(policy(hosts=["*.far.example"]))))
    rig.web.says = answer(policy(hosts=[OTHER]))
    pem = rig.chain.server(OTHER, file="second.pem")
    with FakeMx(pem=rig.good) as first, FakeMx(
            pem=pem, host="127.0.0.2", port=first.port) as second:
        dns, relay = rig.open(first.port, lies={(DOMAIN, MX): lambda q: q.answer(
            mx(DOMAIN, 10, HOST), mx(DOMAIN, 20, OTHER))})
        with dns, relay:
            outcome = relay.send(TEXT, [f"bob@{DOMAIN}"])[0]
        equal((outcome.kind, len(first.messages), len(second.messages)),
              ("sent", 0, 1), f"{outcome}")


def test_testing(rig):
    """A policy that is a test: what fails is in the log, and arrives"""
    says = answer(policy("testing"))
    for certificate, result in (
            ("good", "ok"), ("other", "certificate-host-mismatch"),
            ("old", "certificate-expired"),
            (None, "starttls-not-supported")):
        got = carry(rig, says, certificate)
        sent(got, certificate is not None, f"{certificate}")
        check(re.search(rf"policy=sts-testing .*result={result}", got[4]),
              f"{certificate}: {got[4]}")


def test_none(rig):
    """No policy, one that is none, several, and mta-sts off: as ever"""
    for settings in ({"txt": ()}, {"txt": ("v=STSv1; id=1", "v=STSv1; id=2")},
                     {"txt": ("v=STSv1;",)}, {"txt": ("something else",)},
                     {"config": "mta-sts off\n"}):
        got = carry(rig, certificate=None, **settings)
        sent(got, tls=False, why=f"{settings}")
        equal((got[2], got[3]), ([], ""), f"{settings}")
    got = carry(rig, answer(policy("none", ())), certificate=None)
    sent(got, tls=False)


def flood(tls):
    """Ten megabytes."""
    tls.sendall(f"HTTP/1.1 200 OK\r\n{PLAIN}\r\n".encode())
    for _ in range(160):
        tls.sendall(b"x: " + b"y" * 65532 + b"\n")


def unmeasured(good_bye):
    """An answer that says not how long it is, but ends."""
    def says(tls):
        tls.sendall(f"HTTP/1.1 200 OK\r\n{PLAIN}\r\n{policy('none', ())}"
                    .encode())
        if good_bye:
            with contextlib.suppress(OSError):
                tls.unwrap()
    return says


LIES = {
    "cut by anybody on the way": unmeasured(False),
    "not found": answer("", "404 Not Found"),
    "elsewhere": answer(policy("none", ()), "301 Moved Permanently",
                        PLAIN + "Location: https://a.example/\r\n"),
    "HTML": answer(policy("none", ()), head="Content-Type: text/html\r\n"),
    "no type": answer(policy("none", ()), head=""),
    "rubbish": answer("<html>"),
    "another version": answer(policy("none", ()).replace("STSv1", "STSv9")),
    "half": answer(policy("none", ()) + "x: y")[:-3],
    "nothing": b"",
    "ten megabytes": flood,
}


def test_lies(rig):
    """A web server that fails or lies: what is known counts, else nothing"""
    for name, says in LIES.items():
        got = carry(rig, says, certificate=None, txt=("v=STSv1; id=9",),
                    state=known(policy()))
        waits(got, "STARTTLS", name)
        equal(len(got[2]), 1, f"{name}: requests")
        check(re.search(r"\nretry: [1-9]", got[3]) and "id: 1\n" in got[3],
              f"{name}: {got[3]}")
        got = carry(rig, says, certificate=None)
        sent(got, tls=False, why=name)
        check("no MTA-STS policy" in got[4], f"{name}: {got[4]}")
    # And it is left alone for a while.
    got = carry(rig, certificate=None, state=known(retry=1 << 40))
    sent(got, tls=False, why="retry")
    equal(got[2], [], "requests")


def test_unmeasured(rig):
    """The end of an answer without a length is TLS' good-bye"""
    got = carry(rig, unmeasured(True), certificate=None,
                txt=("v=STSv1; id=9",), state=known(policy()))
    sent(got, tls=False)
    check("id: 9\n" in got[3], got[3])


def test_web_certificate(rig):
    """The web server must prove who it is: by name, time and authority"""
    for pem in (rig.good, rig.chain.server(WEB, OLD, file="web-old.pem")):
        rig.web.pem = pem
        try:
            got = carry(rig, answer(policy("none", ())), certificate=None,
                        txt=("v=STSv1; id=9",), state=known(policy()))
        finally:
            rig.web.pem = rig.web_pem
        waits(got, "STARTTLS", str(pem))
        equal(got[2], [], "requests")


def test_dns_trouble(rig):
    """A record that vanishes, or a DNS that fails: what is known counts"""
    for lie in (refuse(SERVFAIL), refuse(NXDOMAIN)):
        got = carry(rig, certificate=None, state=known(policy()),
                    lies={(f"_mta-sts.{DOMAIN}", TXT): lie})
        waits(got, "STARTTLS")


def test_expired(rig):
    """What is known does not outlive its age, nor a clock that was wrong"""
    for fetched in (1, 1 << 40):
        got = carry(rig, certificate=None, txt=(),
                    state=known(policy(), fetched=fetched))
        sent(got, tls=False, why=f"{fetched}")


def test_damaged(rig):
    """A file that is damaged, or a folder, is as none"""
    def damaged(relay):
        known(policy())(relay)
        path = relay.dir / "state" / "sts" / DOMAIN
        path.write_text(path.read_text()[:40])
        relay.own()

    def folder(relay):
        (relay.dir / "state" / "sts" / DOMAIN).mkdir(parents=True)
        relay.own()
    for state in (damaged, folder):
        waits(carry(rig, certificate=None, state=state), "STARTTLS")


def test_dane_first(rig):
    """Where TLSA records are, they alone decide"""
    key = hashlib.sha256(rig.chain.spki()).digest()
    for digest, certificate, arrives in (
            (key, "other", True), (bytes(32), "good", False)):
        pem = rig.names[certificate]
        rig.web.says = answer(policy())
        with FakeMx(pem=pem) as hop:
            owner = f"_{hop.port}._tcp.{HOST}"
            data = record(owner, 52, bytes((3, 1, 1)) + digest)
            dns, relay = rig.open(hop.port, signed=True, lies={
                (owner, 52): lambda q, d=data: q.answer(d, flags=0x81A0)})
            with dns, relay:
                outcome = relay.send(TEXT, [f"bob@{DOMAIN}"])[0]
            equal((outcome.kind, len(hop.messages)),
                  ("sent", 1) if arrives else ("dead", 0), f"{outcome}")


def test_no_authorities(rig):
    """Without anybody to trust there is no MTA-STS, which the log says"""
    empty = rig.chain.file("empty.pem", b"")
    empty.chmod(0o644)
    got = carry(rig, certificate=None, config=f"tls-trust {empty}\n",
                state=known(policy()))
    sent(got, tls=False)
    check("MTA-STS policies are not asked for" in got[4], got[4])


if __name__ == "__main__":
    in_network(tap, "policies of domains", globals(), Rig)
