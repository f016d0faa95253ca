# SPDX-License-Identifier: ISC
"""Mail of ours leaves with a DKIM signature that everybody can verify.

Guards against signatures of something else than what was sent (a hop without
8BITMIME, long lines, dots), mail that leaves without one because a key or a
process was missing, signatures of what strangers wrote, and fields that
somebody adds or changes on the way without anybody noticing.
"""
import os
import random
import re
import shutil

from lib import dkimpeers, proc
from lib.authprobe import Probe
from lib.dns import RealDns
from lib.fakemx import EXTENSIONS, STALL, FakeMx
from lib.mails import Mail
from lib.scratch import LONG, Scratch
from lib.site import Site
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
DOMAIN = "example.org"
PLAIN = ("PIPELINING", "SIZE 10485760", "DSN")
HOPS = (EXTENSIONS, PLAIN, PLAIN + ("CHUNKING",),
        PLAIN + ("8BITMIME", "SMTPUTF8"))
MANY = 250 if LONG else 40      # messages for each kind of hop
LETTER = (b"From: Alice <a@example.org>\r\nTo: b@example.net\r\n"
          b"Subject: one\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; "
          b"charset=utf-8\r\n\r\n.dot\r\n..dots \xc3\xa4  \r\n\r\n\r\n")


def keys(site, *more, status=0):
    """Makes keys if need be; {name: record} of what is to be published."""
    return dkimpeers.published(site, DOMAIN, *more, status=status)


def site_for(mx, more=""):
    """A site that relays all of its mail to a fake one."""
    return Site(2, "mx.example.org", DOMAIN,
                f"relay smtp://127.0.0.1:{mx.port}?tls=never\n" + more)


def through(site, mx, wires, sender="a@example.org"):
    """What arrives of messages that alice sends."""
    before = len(mx.messages)
    for wire in wires:
        site.send(sender, ["b@example.net"], wire)
    mx.wait(before + len(wires), 300)
    return [message.body for message in mx.messages[before:]]


def probe_of(records):
    """Our own verifier, with these records."""
    return Probe({name: [text] for name, text in records.items()})


def flips(text):
    """Copies with one bit changed, in what is signed."""
    head, body = text.split(b"\r\n\r\n", 1)
    end = head.index(b"\r\nFrom:") if b"\r\nFrom:" in head else 0
    for at in range(end + 2, len(head)):
        old, new = text[at], text[at] ^ 1
        if head[at:at + 1].isalnum() and bytes([new]).isalnum() and \
                head.rfind(b"\r\n", 0, at) >= end:
            yield text[:at] + bytes([old ^ 1]) + text[at + 1:]
    for at in range(len(head) + 4, len(head) + 4 + len(body.rstrip())):
        if not text[at:at + 1].isspace():
            new = text[at] ^ 1
            if not bytes([new]).isspace():
                yield text[:at] + bytes([new]) + text[at + 1:]


class World:
    """Many messages, as each kind of hop got them."""

    def __init__(self):
        self.bodies = []
        dice = random.Random(7)
        for number, extensions in enumerate(HOPS):
            with FakeMx(extensions=extensions) as mx, \
                    site_for(mx, "dkim-sign both\n") as site:
                if number == 0:
                    self.records = keys(site)
                    self.stash = {
                        p.name: p.read_bytes() for p in
                        (site.dir / "state/dkim" / DOMAIN).iterdir()}
                else:
                    keys(site)
                    folder = site.dir / "state/dkim" / DOMAIN
                    for path in folder.iterdir():
                        path.write_bytes(self.stash[path.name])
                wires = [Mail(dice, long_lines=n % 4 == 0).wire
                         for n in range(MANY)] + [LETTER]
                self.bodies += through(site, mx, wires)
                equal(mx.complaints, [], "what a client may not do")


def test_ours(world):
    """Our own verifier passes all of them, with both keys"""
    with probe_of(world.records) as probe:
        for body in world.bodies:
            got = probe.dkim(body)
            equal([(s["result"], s["a"]) for s in got],
                  [("pass", "rsa-sha256"), ("pass", "ed25519-sha256")],
                  f"{got} {body!r:.1500}")


def test_flips(world):
    """A bit changed in anything that is signed fails"""
    with probe_of(world.records) as probe:
        body = next(b for b in world.bodies if b"..dots" in b)
        tried = 0
        for spoilt in flips(body):
            results = probe.results(spoilt)
            check("pass" not in results, f"{results} {spoilt!r}")
            tried += 1
        check(tried > 50, f"only {tried} were tried")
        for field in (b"From: x@y.example\r\n", b"Subject: x\r\n",
                      b"To: x\r\n", b"Cc: x\r\n", b"Reply-To: x\r\n",
                      b"Date: x\r\n", b"Content-Type: text/html\r\n"):
            equal(probe.results(field + body), ["fail", "fail"], field)
        equal(probe.results(b"Received: x\r\nList-Id: <y>\r\n" + body),
              ["pass", "pass"], "what lists and servers add")


def test_dkimpy(world):
    """dkimpy passes all of them"""
    dkim = dkimpeers.dkimpy()
    ask = dkimpeers.asks(world.records)
    for body in world.bodies:
        for copy in dkimpeers.alone(body):
            check(dkim.verify(copy, dnsfunc=ask), f"{copy!r:.1500}")


def test_perl(world):
    """Mail::DKIM passes the RSA signature of all of them"""
    with Scratch() as scratch:
        lines = dkimpeers.perl(scratch, world.records, world.bodies)
    for line, body in zip(lines, world.bodies):
        check("rsa-sha256=pass" in line, f"{line} {body!r:.1500}")


def test_strangers():
    """What strangers brought is not signed, whoever forwards it"""
    with FakeMx() as mx, site_for(mx, "aliases %DIR/aliases\n") as site:
        keys(site)
        (site.dir / "aliases").write_text("fwd: c@example.net\n")
        site.change(f"relay smtp://127.0.0.1:{mx.port}?tls=never\n"
                    "aliases %DIR/aliases\n")
        with site.talk() as talker:
            talker.hello()
            talker.expect("250 ", "MAIL FROM:<a@example.org>")
            talker.expect("250 ", "RCPT TO:<fwd@example.org>")
            talker.expect("354 ", "DATA")
            talker.send(LETTER.replace(b"\r\n.", b"\r\n..") + b".\r\n")
            talker.expect("250 ")
        mx.wait(1)
        check(b"DKIM-Signature" not in mx.messages[0].body,
              mx.messages[0].body)


def test_others_from():
    """Without one author of ours there is no signature, and mail goes out"""
    with FakeMx() as mx, site_for(mx) as site:
        keys(site)
        for author in (b"x@elsewhere.example", b"a@example.org, x@y.example",
                       b"a@example.org\r\nFrom: b@example.org", b"nobody:;"):
            text = LETTER.replace(b"Alice <a@example.org>", author)
            body = through(site, mx, [text])[0]
            check(b"DKIM-Signature" not in body, f"{author}: {body}")
        body = through(site, mx, [LETTER.replace(
            b"a@example.org", b"a@Sub.Example.ORG")])[0]
        check(b"d=example.org;" in body, "a subdomain has its parent's")


def test_bad_key():
    """A key that others can read signs nothing, and mail waits for another"""
    with FakeMx() as mx, site_for(mx) as site:
        keys(site)
        folder = site.dir / "state/dkim" / DOMAIN
        for path in folder.iterdir():
            path.chmod(0o644)
        site.send("a@example.org", ["b@example.net"], LETTER)
        site.waits_with("cannot be signed now")
        equal(mx.messages, [], "what was sent")
        for path in folder.iterdir():
            path.chmod(0o600)
        site.end_runners()
        site.flush("-qf")
        mx.wait(1)
        check(b"DKIM-Signature" in mx.messages[0].body, "signed in the end")


def unsigned(site):
    """How often the log has said that mail goes without a signature."""
    return site.smtpd.text().count("goes without a DKIM signature")


def said_once(site, mx):
    """Three runs, and a day later one more."""
    for round_, wanted in enumerate((1, 1, 1, 2)):
        if round_ == 3:
            path = site.dir / "state/unsigned"
            past = path.stat().st_mtime - 25 * 3600
            os.utime(path, (past, past))
        body = through(site, mx, [LETTER])[0]
        check(b"DKIM-Signature" not in body, body)
        site.wait_empty()
        site.end_runners()
        wait_for(lambda: unsigned(site) == wanted,
                 f"{wanted} lines after {round_ + 1} messages")


def test_no_key():
    """Without a key for a domain mail goes unsigned, and the log says so once
    a day"""
    with FakeMx() as mx, site_for(mx) as site:
        dkimpeers.published(site, "other.example")
        said_once(site, mx)


def test_no_keys():
    """The same by MX, where there is no key at all, with what to type"""
    with FakeMx() as mx, Site(2, "mx.example.org", DOMAIN) as site, \
            RealDns(site, ["example.net. 60 IN MX 10 mx.example.net.",
                           "mx.example.net. 60 IN A 127.0.0.1"]) as dns:
        site.change(f"resolver {dns.address}\nroute * mx:{mx.port}\n")
        said_once(site, mx)
        check("type: smtpd --dkim example.org" in site.smtpd.text(),
              "what to do")
        site.change(f"resolver {dns.address}\nroute * mx:{mx.port}\n"
                    "dkim-sign off\n")
        (site.dir / "state/unsigned").unlink()
        through(site, mx, [LETTER])
        equal(unsigned(site), 0, "lines with dkim-sign off")


def test_bounce():
    """A report is signed as well"""
    with FakeMx(script={"rcpt": ["550 5.1.1 no", "250 ok"]}) as mx, \
            site_for(mx) as site:
        records = keys(site)
        site.send("x@example.net", ["b@example.net"], LETTER)
        mx.wait(1)
        equal(mx.messages[0].sender, "", "the sender of a report")
        with probe_of(records) as probe:
            equal(probe.results(mx.messages[0].body), ["pass"], "its results")


def test_bounce_elsewhere():
    """The same on a host whose name is not below a domain with a key"""
    with FakeMx(script={"rcpt": ["550 5.1.1 no", "250 ok"]}) as mx, \
            Site(2, "mx.elsewhere.example", DOMAIN,
                 f"relay smtp://127.0.0.1:{mx.port}?tls=never\n") as site:
        records = keys(site)
        site.send("x@example.net", ["b@example.net"], LETTER)
        body = mx.wait(1)[0].body
        check(b"<MAILER-DAEMON@example.org>" in body, f"{body}")
        with probe_of(records) as probe:
            equal(probe.results(body), ["pass"], "its results")


def signers(site):
    """The processes that have the keys."""
    return {pid for pid in proc.named(str(site.conf))
            if proc.name(str(pid)) == "signer"}


def test_killed():
    """A signer that is killed costs a delay, and no mail leaves without it"""
    with FakeMx() as mx, site_for(mx) as site:
        keys(site)
        through(site, mx, [LETTER])
        for pid in signers(site):
            os.kill(pid, 9)
        site.send("a@example.org", ["b@example.net"], LETTER)

        def there():
            if len(mx.messages) < 2:
                site.flush("-qf")
            return len(mx.messages) == 2
        wait_for(there, "the second message", 60, 0.5)
        for message in mx.messages:
            check(b"DKIM-Signature" in message.body, message.body)


def test_rotate():
    """New keys sign only when the DNS shows them"""
    with FakeMx() as mx, site_for(mx) as site:
        before = keys(site)
        with RealDns(site, dkimpeers.zone_lines(before)) as dns:
            site.change(f"relay smtp://127.0.0.1:{mx.port}?tls=never\n"
                        f"resolver {dns.address}\n")
            fresh = keys(site, "--rotate")
            check(len(fresh) == 2 and not set(fresh) & set(before), str(fresh))
            equal(keys(site, "--rotate", status=75), fresh, "not published")
            equal(keys(site), before, "what signs")
            wrong = dict(zip(fresh, reversed(fresh.values())))
            dns.__exit__()
        for records, status, now in ((wrong, 75, before),
                                     ({**before, **fresh}, 0, fresh)):
            shutil.rmtree(site.dir / "nsd")
            with RealDns(site, dkimpeers.zone_lines(records)) as dns:
                site.change(f"relay smtp://127.0.0.1:{mx.port}?tls=never\n"
                            f"resolver {dns.address}\n")
                keys(site, "--rotate", status=status)
                equal(keys(site), now, f"what signs after {status}")
        with probe_of(fresh) as probe:
            body = through(site, mx, [LETTER])[0]
            equal(probe.results(body), ["pass"], "by the new key")


def signer_of(site, mx, author=DOMAIN):
    """Domain and selector of the one signature that a message leaves with."""
    text = LETTER.replace(b"a@example.org", b"a@" + author.encode())
    body = through(site, mx, [text])[0]
    found = re.findall(rb"\bd=([^;]+);\s*s=([^;]+);", body)
    equal(len(found), 1, f"signatures of {body}")
    return tuple(part.decode() for part in found[0])


def cases_steady():
    """Keys that change while a runner works sign the next message"""
    with FakeMx() as mx, FakeMx({"rcpt": STALL}) as slow, \
            site_for(mx, "dkim-sign rsa\nroute slow.example smtp://127.0.0.1:"
                     f"{slow.port}?tls=never\n") as site:
        folder = site.dir / "state/dkim"
        dkimpeers.published(site, DOMAIN)
        old = next((folder / DOMAIN).glob("r*.pem"))
        site.send("a@example.org", ["b@slow.example"], LETTER)
        wait_for(lambda: slow.connections == 1, "a delivery that takes long")
        equal(signer_of(site, mx), (DOMAIN, old.stem), "the first key")
        first = signers(site)
        with tap.case("the first key of a domain below"):
            dkimpeers.published(site, "sub." + DOMAIN)
            below = next((folder / f"sub.{DOMAIN}").glob("r*.pem"))
            equal(signer_of(site, mx, "sub." + DOMAIN),
                  ("sub." + DOMAIN, below.stem))
        with tap.case("a later key of the same domain"):
            key = folder / DOMAIN / "zz.pem"
            shutil.copy2(below, key)
            shutil.chown(key, old.stat().st_uid, old.stat().st_gid)
            equal(signer_of(site, mx), (DOMAIN, "zz"))
        with tap.case("a key that others can read by now, and not any more"):
            key.chmod(0o644)
            site.send("a@example.org", ["b@example.net"], LETTER)
            wait_for(lambda: "cannot be signed now" in site.notes(),
                     "the log line")
            key.chmod(0o600)
            equal(signer_of(site, mx), (DOMAIN, "zz"))
        with tap.case("a key that is gone"):
            key.rename(key.with_suffix(".old"))
            equal(signer_of(site, mx), (DOMAIN, old.stem))
        with tap.case("a domain whose folder is gone"):
            (folder / f"sub.{DOMAIN}").rename(folder / ".away")
            equal(signer_of(site, mx, "sub." + DOMAIN), (DOMAIN, old.stem))
        with tap.case("nothing has changed"):
            before = signers(site)
            equal(signer_of(site, mx), (DOMAIN, old.stem))
            check(before and signers(site) == before, "another signer")
            check(first and not first & before, "that of the first keys")


def cases_domains():
    """What is no domain gets no keys"""
    with Site(2, "mx.example.org", DOMAIN) as site:
        for word in ("", "localhost", "../../etc", "a/b.example", ".example",
                     "a..example"):
            with tap.case(f"--dkim {word!r} is an error"):
                done = site.call("smtpd", "--dkim", word)
                check(done.returncode not in (0, 75), str(done))
                check(not (site.dir / "state/dkim").exists(), "made a folder")


if __name__ == "__main__":
    tap.run(globals(), World())
    tap.finish()
