# SPDX-License-Identifier: ISC
"""What we sign is what we send, whatever the message and the way it takes.

Guards against signatures of a form that the next hop never sees: before a
conversion, with other line ends, without what was completed, with other fields
than others find. Messages of many forms come in by each way and leave by each
kind of hop; our own verifier, dkimpy, opendkim and Mail::DKIM pass each of
their signatures, and none when a bit of what is signed is another.
RESTANTE_DKIM_MESSAGES: how many messages; RESTANTE_SEED: which.
"""
import os
import random
import re
import subprocess

from lib import dkimpeers
from lib.authprobe import Probe
from lib.fakemx import FakeMx
from lib.mails import Mail
from lib.scratch import ALICE, LONG, Scratch
from lib.site import Site
from lib.tap import Tap, check, equal

tap = Tap()
DOMAIN = "example.org"
MANY = int(os.environ.get("RESTANTE_DKIM_MESSAGES", 200))
SEED = int(os.environ.get("RESTANTE_SEED", 11))
BASE = ("PIPELINING", "SIZE 10485760", "DSN")
HOPS = {
    "nothing": BASE,
    "8BITMIME": BASE + ("8BITMIME",),
    "8BITMIME and SMTPUTF8": BASE + ("8BITMIME", "SMTPUTF8"),
    "CHUNKING": BASE + ("CHUNKING",),
    "all": BASE + ("8BITMIME", "SMTPUTF8", "CHUNKING", "BINARYMIME"),
}
REFUSED = "no@example.net"
AUTHOR = b"From: Alice <a@example.org>\r\n"
# Fields that stand below the author's, and bodies.
FIELDS = (
    b"Subject: plain\r\n",
    b"Subject:\r\nTo: b@example.net\r\n",
    b"Subject: \r\nCc: \t \r\n",
    b"SUBJECT:two  blanks \t and some at the end \t \r\n",
    b"Subject: folded\r\n and\r\n\t once more\r\n  \t  deeper\r\n",
    b"Subject: an empty fold\r\n \r\n and more\r\n",
    b"Subject: Gr\xc3\xbc\xc3\x9fe aus K\xc3\xb6ln\r\n"
    b"To: \"J\xc3\xb6rg\" <b@example.net>\r\n",
    b"Subject: raw \xe4\xf6\xfc of ISO 8859-1\r\n",
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= =?utf-8?b?w6TDtsO8?=\r\n",
    b"Subject: " + b"a long line " * 80 + b"\r\n",
    b"Subject: " + b"x" * 990 + b"\r\n",
    b"Subject: one\r\nSubject: two\r\nTo: b@example.net\r\n"
    b"To: c@example.net\r\n",
    b"Subject: Re: x\r\nIn-Reply-To: <0@example.net>\r\nReferences:\r\n"
    + b"".join(b" <%d.%d@example.net>\r\n" % (n, n * n) for n in range(60)),
    b"Subject: news\r\nList-Id: News <news.example.org>\r\n"
    b"List-Unsubscribe: <mailto:u@example.org>,\r\n <https://example.org/u>"
    b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    b"List-Post: NO\r\nPrecedence: list\r\nX-Campaign: 7\r\n",
    b"Resent-Date: Mon, 6 Jan 2025 10:00:00 +0000\r\nResent-From: "
    b"a@example.org\r\nResent-To: b@example.net\r\nResent-Message-ID: "
    b"<r@example.org>\r\nSubject: sent again\r\n",
    b"Received: from x by y; Mon, 6 Jan 2025 10:00:00 +0000\r\n" * 30
    + b"Subject: far travelled\r\n" + b"Keywords: a\r\n" * 25
    + b"Sender: a@example.org\r\n" * 20,
    b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=old.example;\r\n"
    b" s=x; h=from; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA"
    b"\r\nSubject: of another\r\n",
    b"Sender: s@example.org\r\nReply-To: r@example.org (a : comment; here)\r\n"
    b"Subject: b=; d=x; h=from: bh=\r\nDate: Mon, 6 Jan 2025 10:00:00 +0000"
    b"\r\n",
)
MIME = (
    b"",
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: 8bit\r\n",
    b"MIME-Version: 1.0 (of a\r\n kind)\r\nContent-Type: text/plain;\r\n"
    b"\tcharset=\"iso-8859-1\"\r\nContent-ID: <c@example.org>\r\n"
    b"Content-Description: text\r\n",
    b"MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n",
)
BODIES = (
    b"",
    b"\r\n",
    b"\r\n" * 2000,
    b"one line\r\n",
    b"no end of the line",
    b"blanks at the end  \r\n \t \r\nof lines\t\r\n  \r\n\t\r\n",
    b".\r\n..\r\n...dots\r\n.\r\n",
    b"From the start\r\n>From\r\n-- \r\na signature\r\n\r\n\r\n",
    b" begins with a blank\r\n\ttab  and   runs \t\t of \t them\r\n",
    b"\xc3\xa4\xc3\xb6\xc3\xbc \xe4\xf6\xfc \xff\xfe\r\n.\xc3\xa4  \r\n",
    b"x" * 998 + b"\r\n" + b"y" * 999 + b"\r\n" + b"z " * 9000 + b"\r\n",
    b"=3D =20\r\n soft=\r\nbreak=\r\n",
    b"A" * 4095 + b"  \r\n" + b"B" * 4096 + b"\r\n\r\n",
)


class Ways:
    """The ways into a site; each sends one message."""

    def __init__(self, site, mx):
        self.site, self.mx = site, mx

    def submission(self, wire):
        """After a login, by DATA."""
        self.site.send("a@example.org", ["b@example.net"],
                       wire if wire.endswith(b"\r\n") else wire + b"\r\n")

    def chunks(self, wire):
        """After a login, by BDAT: maybe without a line end."""
        with self.site.talk(self.site.submission) as talker:
            talker.hello()
            talker.login(*ALICE)
            talker.expect("250 ", "MAIL FROM:<a@example.org> BODY=BINARYMIME")
            talker.expect("250 ", "RCPT TO:<b@example.net>")
            middle = len(wire) // 2
            talker.send(f"BDAT {middle}\r\n".encode() + wire[:middle])
            talker.expect("250 ")
            talker.send(f"BDAT {len(wire) - middle} LAST\r\n".encode()
                        + wire[middle:])
            talker.expect("250 ")

    def sendmail(self, wire):
        """As a script does: with LF."""
        self.command(wire.replace(b"\r\n", b"\n"), "-i", "-f",
                     "a@example.org", "b@example.net")

    def minus_t(self, wire):
        """To whom the message says."""
        self.command(b"To: b@example.net\n" + wire.replace(b"\r\n", b"\n"),
                     "-t", "-i", "-f", "a@example.org")

    def attached(self, wire):
        """Composed: the message is the text, and a file, too."""
        path = self.site.dir / "a file \u00e4.bin"
        path.write_bytes(wire)
        self.site.hand(path)
        self.command(b"Hello.\n", "-f", "a@example.org", "-s",
                     "K\u00f6ln, and a subject that is long" + " x" * 90, "-a",
                     path, "b@example.net")

    def bounce(self, wire):
        """A report on it."""
        self.site.send("x@example.net", [REFUSED],
                       wire if wire.endswith(b"\r\n") else wire + b"\r\n")

    def command(self, text, *args):
        """smtpd as sendmail(1)."""
        done = subprocess.run(
            [*self.site.command("smtpd"), *map(str, args)], input=text,
            capture_output=True, timeout=60, cwd="/", check=False,
            env=self.site.environment(), **self.site.as_user())
        equal(done.returncode, 0, f"{args}: {done.stderr.decode()}")


NAMES = ("submission", "chunks", "sendmail", "minus_t", "attached", "bounce")


def messages(dice):
    """Messages without end."""
    number = 0
    while True:
        number += 1
        if number % 3 == 0:
            yield Mail(dice, long_lines=dice.random() < 0.3).wire
            continue
        fields = [AUTHOR, dice.choice(FIELDS), dice.choice(MIME)]
        dice.shuffle(fields)
        yield b"".join(fields) + b"\r\n" + dice.choice(BODIES)


class World:
    """Many messages, as each kind of hop got them."""

    def __init__(self):
        self.bodies, self.stash = [], {}
        dice = random.Random(SEED)
        source = messages(dice)
        for hop, extensions in HOPS.items():
            with FakeMx({"rcpt": {REFUSED: "550 5.1.1 no"}},
                        extensions=extensions) as mx, \
                    Site(2, "mx.example.org", DOMAIN,
                         f"relay smtp://127.0.0.1:{mx.port}?tls=never\n"
                         "dkim-sign both\n") as site:
                self.keys(site)
                ways = Ways(site, mx)
                for number in range(MANY // len(HOPS)):
                    way = NAMES[number % len(NAMES)]
                    try:
                        getattr(ways, way)(next(source))
                    except AssertionError as error:
                        raise AssertionError(f"{hop}, {way}: {error}\n"
                                             + site.notes()) from None
                mx.wait(MANY // len(HOPS), 300)
                self.bodies += [(hop, m.body) for m in mx.messages]
                equal(mx.complaints, [], "what a client may not do")
        self.texts = [body for _, body in self.bodies]

    def keys(self, site):
        """The same for all hops."""
        self.records = dkimpeers.published(site, DOMAIN)
        folder = site.dir / "state/dkim" / DOMAIN
        for path in folder.iterdir():
            path.write_bytes(self.stash.setdefault(path.name,
                                                   path.read_bytes()))
        self.records = dkimpeers.published(site, DOMAIN)


def probe_of(world):
    """Our own verifier."""
    return Probe({name: [text] for name, text in world.records.items()})


def test_ours(world):
    """Our own verifier passes both signatures of each, in pieces of any size
    """
    with probe_of(world) as probe:
        for number, (hop, body) in enumerate(world.bodies):
            got = probe.dkim(body, piece=(65536, 1, 2, 3, 7)[number % 5])
            mine = [(s["result"], s["a"]) for s in got
                    if s["d"] == DOMAIN]
            equal(mine, [("pass", "rsa-sha256"), ("pass", "ed25519-sha256")],
                  f"{hop}: {got} {body!r:.3000}")


def test_dkimpy(world):
    """dkimpy passes both signatures of each"""
    dkim = dkimpeers.dkimpy()
    ask = dkimpeers.asks(world.records)
    for hop, body in world.bodies:
        for copy in dkimpeers.alone(body)[:2]:
            check(dkim.verify(copy, dnsfunc=ask), f"{hop}: {copy!r:.3000}")


def test_opendkim(world):
    """opendkim passes both signatures of each"""
    with Scratch() as scratch:
        copies = [c for b in world.texts for c in dkimpeers.alone(b)[:2]]
        said = dkimpeers.opendkim(scratch.dir, world.records, copies)
    for copy, what in zip(copies, said):
        equal(what, "succeeded", f"{copy!r:.3000}")


def test_perl(world):
    """Mail::DKIM passes the RSA signature of each"""
    with Scratch() as scratch:
        lines = dkimpeers.perl(scratch, world.records, world.texts)
    for line, (hop, body) in zip(lines, world.bodies):
        check(line.startswith("rsa-sha256=pass"),
              f"{hop}: {line} {body!r:.3000}")


def spans(body):
    """(start, end) of the values of signed fields, and of the body."""
    head = body.split(b"\r\n\r\n", 1)[0] + b"\r\n"
    signature = dkimpeers.FIELD.search(head)
    names = {n.strip().lower() for n in re.search(
        rb"[;\s]h=([^;]*)", signature[0])[1].split(b":")}
    for field in re.finditer(rb"(?m)^([!-9;-~]+):((?:.*\r\n)(?:[ \t].*\r\n)*)",
                             head):
        if field[1].lower() in names:
            yield field.span(2)
    yield len(head) + 2, len(body.rstrip())


def spoilt(dice, body, most):
    """Copies with one bit changed, in what is signed."""
    places = [at for start, end in spans(body) for at in range(start, end)]
    for at in dice.sample(places, min(most, len(places))):
        new = bytes([body[at] ^ 1 << dice.randrange(8)])
        if not (body[at:at + 1].isspace() or new.isspace() or new in b"\0"):
            yield at, body[:at] + new + body[at + 1:]


def test_flips(world):
    """With one bit changed, nobody passes any signature"""
    dkim = dkimpeers.dkimpy()
    ask = dkimpeers.asks(world.records)
    dice = random.Random(SEED + 1)
    tried = 0
    with probe_of(world) as probe:
        for number, body in enumerate(dice.sample(
                world.texts, min(len(world.texts), 400 if LONG else 60))):
            for at, copy in spoilt(dice, body, 20):
                tried += 1
                results = probe.results(copy)
                check("pass" not in results, f"octet {at}: {copy!r:.3000}")
                if number % 4 == 0:
                    check(not any(dkim.verify(c, dnsfunc=ask) for c in
                                  dkimpeers.alone(copy)[:2]),
                          f"dkimpy, octet {at}: {copy!r:.3000}")
    check(tried > 500, f"only {tried} were tried")


def test_added(world):
    """A second field of those that matter is noticed"""
    with probe_of(world) as probe:
        for body in world.texts[:40]:
            for name in (b"From", b"Subject", b"To", b"Cc", b"Reply-To",
                         b"Date", b"Message-ID", b"Content-Type",
                         b"MIME-Version", b"References"):
                results = probe.results(name + b": x@y.example\r\n" + body)
                check("pass" not in results, f"{name} {body!r:.3000}")


if __name__ == "__main__":
    tap.run(globals(), World())
    tap.finish()
