# SPDX-License-Identifier: ISC
"""Chains of ARC (RFC 8617): whom we believe, and what we forward.

Guards against a DMARC policy that anybody gets around by sealing a message, or
by a sealer whom one trusts but who saw it before it was changed; against seals
that others cannot verify, of mail that is not a stranger's, or that say what a
stranger wrote in our name.
"""
import base64
import hashlib
import re
import subprocess
import time

from lib import dkimpeers
from lib.authprobe import Probe
from lib.fakemx import EXTENSIONS, FakeMx
from lib.scratch import Scratch
from lib.strangers import CLIENT, Host
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
OURS = "mail.example.org"
SEALERS = ("trusted.example", "sub.trusted.example", "evil.example")
ELSEWHERE = "198.51.100.99"     # SPF passes for nobody there
FIELD = r"(?m)^%s:((?:.*\n)(?:[ \t].*\n)*)"
LETTER = (b"From: a@good.example\r\nTo: far@example.org\r\nSubject: hello\r\n"
          b"\r\ntext \xc3\xa4\r\n")
PLAIN = ("PIPELINING", "SIZE 10485760", "DSN")
RECORDS = {
    "good.example": {"TXT": [f"v=spf1 ip4:{CLIENT} -all"],
                     "MX": ["mx.good.example"]},
    "_dmarc.good.example": {"TXT": ["v=DMARC1; p=reject"]},
    "quarantine.example": {"TXT": [f"v=spf1 ip4:{CLIENT} -all"]},
    "_dmarc.quarantine.example": {"TXT": ["v=DMARC1; p=quarantine"]},
    "_dmarc.strict.example": {"TXT": ["v=DMARC1; p=reject; adkim=s; aspf=s"]},
}


class World:
    """A host that forwards all of far@ to a fake next hop, and sealers."""

    def __init__(self):
        self.opened = []
        self.hop = self.open(FakeMx())
        self.host = self.open(Host(dict(RECORDS)))
        self.probes = {}
        for domain in (*SEALERS, "example.org"):
            records = dkimpeers.published(self.host, domain)
            self.host.records.update({name: {"TXT": [text]} for name, text in
                                      records.items()})
            path = next((self.host.dir / "state/dkim" / domain).glob("r*.pem"))
            self.probes[domain] = self.open(
                Probe({}, (path.read_text(), domain, path.stem)))
            if domain != "example.org":
                for path in path.parent.iterdir():
                    path.unlink()
                path.parent.rmdir()
        self.records = {name: found["TXT"][0] for name, found in
                        self.host.records.items() if "_domainkey" in name}
        (self.host.dir / "aliases").write_text("far: x@c.test\nin: bob\n")
        self.host.hand(self.host.dir / "aliases")
        self.dkim = dkimpeers.dkimpy()
        self.ask = dkimpeers.asks(self.records)
        self.set()

    def open(self, thing):
        """To be closed in the end."""
        self.opened.append(thing.__enter__())
        return thing

    def close(self):
        """Ends it all."""
        for thing in reversed(self.opened):
            thing.__exit__(None, None, None)

    def notes(self):
        """The host's log."""
        return self.host.notes()

    def set(self, more="arc-seal on\n", extensions=EXTENSIONS):
        """Other keys in its configuration."""
        self.hop.extensions = extensions
        self.host.change(
            self.host.keys() + "aliases %DIR/aliases\nsrs off\n"
            f"relay smtp://127.0.0.1:{self.hop.port}?tls=never\n" + more)

    def sealed(self, domain, message, results):
        """The message with one more set of that sealer."""
        added, why = self.probes[domain].seal(
            f"Authentication-Results: mx.{domain}; {results}\r\n".encode()
            + message, f"mx.{domain}", now=int(time.time()))
        check(added, why)
        return added + message

    def forward(self, message, **how):
        """What arrives of it where far@ leads to."""
        before = len(self.hop.messages)
        reply = self.host.bring(message, "far@example.org", **how)
        check(reply.startswith("250 "), reply)
        body = self.hop.wait(before + 1)[-1].body
        self.host.wait_empty()
        return body

    def chain(self, body):
        """What dkimpy finds."""
        return (self.dkim.arc_verify(body, dnsfunc=self.ask)[0]
                or b"fail").decode()


def field(body, name):
    """The first field of that name, unfolded."""
    found = re.search(FIELD % name, body.decode("latin-1").replace("\r", ""))
    return found and " ".join(found[1].split())


def test_first(world):
    """A stranger's message that we forward gets a first set, by our results"""
    body = world.forward(LETTER)
    equal(world.chain(body), "pass", f"{body}")
    check(b"DKIM-Signature" not in body, "signed as if it were ours")
    got = field(body, "ARC-Authentication-Results")
    equal(got, "i=1; " + field(body, "Authentication-Results"), "results")
    check("dmarc=pass" in got and "header.from=good.example" in got, got)
    check("cv=none" in field(body, "ARC-Seal"), body)
    wait_for(lambda: re.search(r"arc-seal i=1 cv=none d=example\.org s=r\d+ "
                               r"hop=127", world.host.notes()), "the log line")


def test_second(world):
    """A chain that is valid gets one more set"""
    got = world.forward(world.sealed("evil.example", LETTER, "dmarc=pass"))
    equal(world.chain(got), "pass", f"{got}")
    check("i=2;" in field(got, "ARC-Seal"), got)
    check("arc=pass (i=1) header.oldest-pass=0 smtp.remote-ip=" + CLIENT
          in field(got, "ARC-Authentication-Results"), got)


def test_dkimpys_chain(world):
    """So does a chain that dkimpy has made, and Mail::DKIM finds it valid"""
    pem = next((world.host.dir / "state/dkim/example.org").glob("r*.pem"))
    message = LETTER
    for status in (b"none", b"pass", b"pass"):
        added = world.dkim.arc_sign(
            b"Authentication-Results: example.org; arc=" + status + b"\r\n"
            + message, pem.stem.encode(), b"example.org", pem.read_bytes(),
            b"example.org")
        check(added, "dkimpy seals nothing")
        message = b"".join(added) + message
    body = world.forward(message)
    check("i=4;" in field(body, "ARC-Seal"), body)
    equal(world.chain(body), "pass", f"{body}")
    with Scratch() as scratch:
        line = dkimpeers.perl(scratch, world.records, [body], "arc")[0]
    check(line.startswith("pass"), line)


def test_broken(world):
    """A broken chain gets a last set that says so, and nobody adds more"""
    message = world.sealed("evil.example", LETTER, "dmarc=pass")
    body = world.forward(message.replace(b"hello", b"howdy"))
    check("cv=fail" in field(body, "ARC-Seal") and
          "i=2;" in field(body, "ARC-Seal"), body)
    equal(world.chain(body), "fail", f"{body}")
    again = world.forward(body)
    equal(again.count(b"\nARC-Seal:") + again.startswith(b"ARC-Seal:"), 2,
          "sets after it was broken")
    wait_for(lambda: "no ARC seal: its chain was broken before"
             in world.host.notes(), "the log line")


def test_converted(world):
    """The set is of what the next hop gets, after a conversion"""
    try:
        world.set(extensions=PLAIN)
        body = world.forward(world.sealed("evil.example", LETTER, "none"))
        check(b"quoted-printable" in body.lower(), body)
        equal(world.chain(body), "pass", f"{body}")
        check("i=2;" in field(body, "ARC-Seal"), body)
    finally:
        world.set()


def test_forged(world):
    """What a stranger says in our name is in no set"""
    body = world.forward(f"Authentication-Results: {OURS}; dmarc=pass "
                         "header.from=bank.example\r\n".encode() + LETTER)
    check(b"bank.example" not in body, body)
    equal(world.chain(body), "pass", f"{body}")


def test_not_sealed(world):
    """Our own mail, what nobody verified, and all of it by default"""
    before = len(world.hop.messages)
    done = world.host.call(
        "smtpd", "-f", "alice@example.org", "far@example.org",
        stdin="From: alice@example.org\nSubject: x\n\ntext\n")
    equal(done.returncode, 0, done.stderr)
    world.hop.wait(before + 1)
    body = world.hop.messages[-1].body
    check(b"ARC-" not in body and b"DKIM-Signature" in body, body)
    world.host.bring(LETTER, "in@example.org")
    check(b"ARC-" not in world.host.wait_mail("bob")[-1].wire, "kept here")
    try:
        for more in ("", "arc-seal off\n", "arc-seal on\nauth off\n"):
            world.set(more)
            body = world.forward(LETTER)
            check(b"ARC-" not in body, f"{more}: {body}")
        world.set("arc-seal on\ndkim-sign off\n")
        check(b"ARC-Seal" in world.forward(LETTER), "without DKIM")
    finally:
        world.set()


def test_key(world):
    """Without a key there is no set; with one that is no good, mail waits"""
    folder = world.host.dir / "state/dkim/example.org"
    away = folder.with_name(".away")
    folder.rename(away)
    try:
        world.host.end_runners()
        check(b"ARC-" not in world.forward(LETTER), "without a key")
    finally:
        away.rename(folder)
    for path in folder.iterdir():
        path.chmod(0o644)
    try:
        world.host.end_runners()
        before = len(world.hop.messages)
        world.host.bring(LETTER, "far@example.org")
        world.host.waits_with("cannot be signed now")
    finally:
        for path in folder.iterdir():
            path.chmod(0o600)
    world.host.end_runners()
    world.host.flush("-qf")
    check(b"ARC-Seal" in world.hop.wait(before + 1)[-1].body, "in the end")


def test_check(world):
    """--check tells of seals that cannot be, and of trust that is of no use"""
    try:
        for more, line in (
                ("arc-seal on\nauth off\n", "arc-seal: nothing is sealed, "
                 "since auth is off"),
                ("arc-seal on\nsrs-domain other.test\n", "smtpd --dkim "
                 "other.test"),
                ("arc-trust a.example\ndmarc off\n", "arc-trust is of no use")):
            world.set(more)
            said = world.host.call("smtpd", "--check").stdout
            check(line in said, said)
        world.set("arc-seal on\narc-trust a.example\n")
        check("arc-" not in world.host.call("smtpd", "--check").stdout, "fine")
    finally:
        world.set()


def test_trust_trouble(world):
    """A chain that cannot be verified now gets a mark, if it would be trusted"""
    good = "dmarc=pass header.from=good.example"
    names = [n for n in world.records if n.endswith("trusted.example")]
    trusted = [(world.sealed("trusted.example", LETTER, good), "250 "),
               (world.sealed("trusted.example", LETTER, "none"), "550 5.7.26 "),
               (world.sealed("evil.example", world.sealed(
                   "trusted.example", LETTER, good), "arc=pass"),
                "550 5.7.26 ")]
    world.set("arc-trust trusted.example\ndkim-sign off\n")
    kept = {name: world.host.records[name] for name in names}
    try:
        world.host.records.update(dict.fromkeys(names, "failed"))
        for message, code in trusted:
            reply = world.host.bring(message, "alice@example.org",
                                     client=ELSEWHERE)
            check(reply.startswith(code), reply)
        last = world.host.wait_mail("alice")[-1].wire
        check(b"\nX-Spam-Flag: YES" in last, last)
        check(b"arc=temperror" in last, last)
    finally:
        world.host.records.update(kept)
        world.set()


def cases_trust(world):
    """Whose chain gets around a policy"""
    good = "dmarc=pass header.from=good.example"
    one = world.sealed("trusted.example", LETTER, good)
    below = world.sealed("sub.trusted.example", LETTER, good)
    evil = world.sealed("evil.example", LETTER, good)
    listed = one.replace(b"Subject: ", b"Subject: [list] ")
    strict = LETTER.replace(b"good.example", b"strict.example")
    forms = {
        "a trusted sealer": (one, True),
        "a failure, though DKIM was good": (world.sealed(
            "trusted.example", LETTER,
            "dkim=pass header.d=good.example; dmarc=fail "
            "header.from=good.example"), False),
        "DKIM of one below": (world.sealed(
            "trusted.example", LETTER,
            "dkim=pass header.d=sub.good.example"), True),
        "DKIM of one below, that is not aligned": (world.sealed(
            "trusted.example", strict,
            "dkim=pass header.d=sub.strict.example"), False),
        "SPF of one below, that is not aligned": (world.sealed(
            "trusted.example", strict,
            "spf=pass smtp.mailfrom=a@sub.strict.example"), False),
        "DKIM of the author, strictly": (world.sealed(
            "trusted.example", strict,
            "dkim=pass header.d=strict.example"), True),
        "one below a trusted domain": (below, True),
        "two of them": (world.sealed("sub.trusted.example", one, "arc=pass"),
                        True),
        "a trusted one, that DKIM was good": (world.sealed(
            "trusted.example", LETTER,
            "dkim=pass header.d=good.example"), True),
        "that SPF was": (world.sealed(
            "trusted.example", LETTER,
            "spf=pass smtp.mailfrom=a@good.example"), True),
        "sealed again after a change": (world.sealed(
            "trusted.example", listed, "arc=fail"), False),
        "a list of theirs that has changed it": (world.sealed(
            "sub.trusted.example", listed,
            "arc=pass"), True),
        "an untrusted sealer": (evil, False),
        "an untrusted one on top": (world.sealed(
            "evil.example", one, "arc=pass"), False),
        "an untrusted one below": (world.sealed(
            "trusted.example", evil, "arc=pass; dmarc=fail"), False),
        "an untrusted one below, that the trusted one confirms": (world.sealed(
            "trusted.example", evil, "arc=pass; " + good), True),
        "no result": (world.sealed("trusted.example", LETTER, "none"), False),
        "a failure": (world.sealed(
            "trusted.example", LETTER,
            "dmarc=fail header.from=good.example"), False),
        "another author": (world.sealed(
            "trusted.example", LETTER,
            "dmarc=pass header.from=other.example"), False),
        "DKIM of another": (world.sealed(
            "trusted.example", LETTER,
            "dkim=pass header.d=other.example"), False),
        "in a comment": (world.sealed(
            "trusted.example", LETTER, f"none ({good})"), False),
        "in quotes": (world.sealed(
            "trusted.example", LETTER,
            f"dkim=fail reason=\"; {good}\""), False),
        "a changed text": (one + b"more\r\n", False),
        "a changed set": (one.replace(b"mx.trusted", b"my.trusted"), False),
        "no chain": (LETTER, False),
    }
    # After a change only the list's own word is left, which is none.
    world.set("arc-trust trusted.example\ndkim-sign off\n")
    try:
        for name, (message, wanted) in forms.items():
            with tap.case(name):
                reply = world.host.bring(message, "bob@example.org",
                                         client=ELSEWHERE)
                check(reply.startswith("250 " if wanted else "550 5.7.26 "),
                      reply)
        with tap.case("the results say so"):
            last = world.host.wait_mail("bob", len(
                [f for f in forms.values() if f[1]]) + 1)[-1].wire
            got = field(last, "Authentication-Results")
            check("dmarc=fail (p=reject; action=arc) reason=\"its chain is "
                  "of trusted sealers\" header.from=good.example" in got, got)
            check(b"X-Spam" not in last, "it is not marked")
        with tap.case("a policy of quarantine marks nothing, either"):
            message = LETTER.replace(b"good.example", b"quarantine.example")
            world.host.bring(world.sealed(
                "trusted.example", message,
                "dmarc=pass header.from=quarantine.example"),
                "bob@example.org", client=ELSEWHERE)
            check(b"X-Spam" not in world.host.wait_mail("bob", len(
                [f for f in forms.values() if f[1]]) + 2)[-1].wire, "marked")
    finally:
        world.set()


def sealed_by_hand(world, message, names, limit=None):
    """The message with a set of trusted.example that signs no more than that.
    All of it is in relaxed form as it is."""
    probe = world.probes["trusted.example"]
    selector = next(name for name in world.records
                    if name.startswith("r") and
                    name.endswith("._domainkey.trusted.example")).split(".")[0]

    def sign(data):
        return base64.b64encode(subprocess.run(
            ["openssl", "dgst", "-sha256", "-sign",
             f"{probe.folder.name}/key"], input=data, check=True,
            capture_output=True).stdout).decode()

    head, body = message.split(b"\r\n\r\n", 1)
    lines = dict(line.split(": ", 1) for line in
                 head.decode().split("\r\n"))
    digest = base64.b64encode(hashlib.sha256(body[:limit]).digest()).decode()
    tags = f"a=rsa-sha256; d=trusted.example; s={selector}"
    results = ("i=1; mx.trusted.example; dmarc=pass "
               "header.from=good.example")
    length = "" if limit is None else f"l={limit}; "
    signature = (f"i=1; {tags}; c=relaxed/relaxed; h={':'.join(names)}; "
                 f"{length}bh={digest}; b=")
    signature += sign("".join(
        [f"{name.lower()}:{lines[name]}\r\n" for name in names] +
        ["arc-message-signature:" + signature]).encode())
    seal = f"i=1; cv=none; {tags}; b="
    seal += sign(f"arc-authentication-results:{results}\r\n"
                 f"arc-message-signature:{signature}\r\n"
                 f"arc-seal:{seal}".encode())
    return (f"ARC-Seal: {seal}\r\nARC-Message-Signature: {signature}\r\n"
            f"ARC-Authentication-Results: {results}\r\n").encode() + message


def cases_part(world):
    """A chain vouches for what it signs, which has to be all"""
    size = len(LETTER.split(b"\r\n\r\n", 1)[1])
    half = sealed_by_hand(world, LETTER, ["From", "To", "Subject"], 4)
    forms = {
        "all": (sealed_by_hand(world, LETTER, ["To", "From"]), True),
        "all, as l says": (sealed_by_hand(world, LETTER, ["From"], size), True),
        "an empty body by l": (
            sealed_by_hand(world, LETTER, ["From"], 0), False),
        "a part of the body": (half, False),
        "more after it": (
            sealed_by_hand(world, LETTER, ["From"], size) + b"more\r\n",
            False),
        "not the author": (
            sealed_by_hand(world, LETTER, ["To", "Subject"]), False),
        "a part, that another sealer got": (
            world.sealed("trusted.example", half, "arc=pass"), False),
        "a part, that another sealer saw vouched for": (world.sealed(
            "trusted.example", half,
            "arc=pass; dmarc=pass header.from=good.example"), True),
        "all, that another sealer got": (world.sealed(
            "trusted.example", sealed_by_hand(world, LETTER, ["From"]),
            "arc=pass"), True),
    }
    world.set("arc-trust trusted.example\ndkim-sign off\n")
    try:
        for name, (message, wanted) in forms.items():
            with tap.case(name):
                reply = world.host.bring(message, "bob@example.org",
                                         client=ELSEWHERE)
                check(reply.startswith("250 " if wanted else "550 5.7.26 "),
                      reply)
    finally:
        world.set()


if __name__ == "__main__":
    w = World()
    try:
        tap.run(globals(), w)
    finally:
        w.close()
    tap.finish()
