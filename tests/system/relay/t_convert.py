# SPDX-License-Identifier: ISC
"""What a next hop cannot take is converted, and nothing else is changed.

Python's email package reads what went in and what came out: every part of
every message must say the same. What needs no change arrives as it was sent,
octet for octet.
"""
import random
import re

from lib.fakemx import EXTENSIONS, FakeMx
from lib.mails import Mail, contents, python_mails
from lib.relaying import Relaying
from lib.scratch import ALICE, Instance
from lib.site import Queue, Site
from lib.tap import Skip, Tap, check, equal

tap = Tap()
PLAIN = ("PIPELINING", "SIZE 10485760", "DSN")
SEALED = (b"Subject: sealed\r\nMIME-Version: 1.0\r\nContent-Type: multipart/"
          b"signed; micalg=pgp-sha256;\r\n protocol=\"application/pgp-"
          b"signature\"; boundary=s\r\n\r\n--s\r\nContent-Type: text/plain; "
          b"charset=utf-8\r\nContent-Transfer-Encoding: %s\r\n\r\n%s\r\n--s"
          b"\r\nContent-Type: application/pgp-signature\r\n\r\nabc\r\n"
          b"--s--\r\n")


def carry(wires, extensions, **settings):
    """Sends them through one session; outcomes, and what arrived."""
    with FakeMx(extensions=extensions) as mx, \
            Relaying(f"smtp://127.0.0.1:{mx.port}") as relay:
        outcomes = [relay.send(wire, ["b@example.net"], **settings)[0]
                    for wire in wires]
        equal(mx.complaints, [])
        return outcomes, list(mx.messages)


def all_sent(outcomes):
    """No message was refused."""
    bad = [(n, o.dsn, o.text) for n, o in enumerate(outcomes)
           if o.kind != "sent"]
    check(not bad, f"{bad[:5]}")


def size_said(message):
    """The parameter of MAIL."""
    return [int(word[5:]) for word in message.mail_params.split()
            if word.startswith("SIZE=")][0]


def same_meaning(wires, messages, ascii_only):
    """What arrived means what was sent, and goes over any wire."""
    equal(len(messages), len(wires))
    for number, (wire, message) in enumerate(zip(wires, messages)):
        what = f"message {number}\n{wire!r:.1500}\n{message.body!r:.1500}\n"
        if ascii_only:
            check(message.body.isascii(), what)
            check("8BITMIME" not in message.mail_params, what)
        check(max(map(len, message.body.split(b"\r\n"))) <= 998, what)
        equal(size_said(message), len(message.body), what)
        before, after = contents(wire), contents(message.body)
        for left, right in zip(before, after):
            equal(right, left, what)
        equal(len(after), len(before), what)


def test_seven_bit():
    """Without 8BITMIME: ASCII arrives, and it means the same"""
    for seed, extensions in ((1, PLAIN), (2, PLAIN + ("CHUNKING",))):
        dice = random.Random(seed)
        wires = [Mail(dice, long_lines=n % 4 == 0).wire for n in range(200)]
        outcomes, messages = carry(wires, extensions, head="body: 8bit")
        all_sent(outcomes)
        same_meaning(wires, messages, True)
        check(any(b"quoted-printable" in m.body for m in messages))


def test_again():
    """What was converted is not converted again"""
    dice = random.Random(3)
    wires = [Mail(dice).wire for _ in range(60)]
    _, once = carry(wires, PLAIN)
    outcomes, twice = carry([m.body for m in once], PLAIN)
    all_sent(outcomes)
    equal([m.body for m in twice], [m.body for m in once])


def test_long_lines():
    """With 8BITMIME: long lines are encoded, and the other parts stay"""
    dice = random.Random(4)
    wires = [Mail(dice, long_lines=True).wire for _ in range(100)]
    outcomes, messages = carry(wires, EXTENSIONS)
    all_sent(outcomes)
    same_meaning(wires, messages, False)
    check(any(not m.body.isascii() for m in messages))


def test_untouched():
    """What a server takes arrives octet for octet"""
    dice = random.Random(5)
    high = [Mail(dice).wire for _ in range(150)]
    low = [Mail(dice, eight_bit=False).wire for _ in range(150)]
    for wires, extensions in ((high, EXTENSIONS), (low, PLAIN),
                              (low, PLAIN + ("CHUNKING",)),
                              (high, PLAIN + ("8BITMIME",))):
        outcomes, messages = carry(wires, extensions)
        all_sent(outcomes)
        equal([m.body for m in messages], wires)


def test_python_mails():
    """The mails of Python's own tests"""
    mails = [wire for _, wire in python_mails()]
    short = [m for m in mails
             if max(map(len, m.split(b"\r\n"))) <= 998]
    check(len(short) > 40, f"{len(short)} of them")
    outcomes, messages = carry(short, EXTENSIONS)
    all_sent(outcomes)
    equal([m.body for m in messages], short)
    outcomes, messages = carry(short, PLAIN)
    arrived = iter(messages)
    for wire, outcome in zip(short, outcomes):
        if outcome.kind == "sent":
            body = next(arrived).body
            check(body.isascii(), f"{body!r:.900}")
            equal(body if wire.isascii() else wire,
                  wire, "an ASCII message")
        else:
            check(not wire.isascii(), f"{outcome} {wire!r:.900}")
            equal(outcome.dsn[:4], "5.6.")


LABELS = (
    "", "7bit", "8bit", "binary", "quoted-printable", "Quoted-Printable",
    "quoted_printable", "quotedprintable", "quoted printable", "qp", "base64",
    "base-64", "BASE_64", "base64x", "hexbin")
BODIES = (  # none of them is what every label says
    "grün\r\n", "a=3Db grün =C3=BC\r\n", "1+1=2, gr=\r\nün\r\n",
    "Z3LDvG4=\r\n", "Z3LDvG4=\r\nViele Grüße\r\n", "Z3L\u00a0DvG4=\r\n",
    "=\r\n=ü\r\n", "trailing \t\r\nü \r\n", "ü=", "ü" * 2000 + "\r\n",
    "AAAA" * 400 + "\r\n")


def test_mislabelled():
    """What says to be encoded and is not arrives as its readers read it"""
    wires = []
    for label in LABELS:
        for kind in ("text/plain; charset=utf-8", "text/html", "a/b"):
            for body in BODIES:
                field = f"Content-Transfer-Encoding: {label}\r\n"
                wire = (f"Subject: a\r\nMIME-Version: 1.0\r\nContent-Type: "
                        f"{kind}\r\n{field if label else ''}\r\n"
                        f"{body}").encode()
                wires.append(wire if wire.endswith(b"\n") else wire + b"\r\n")
    for wire in wires[::7]:
        wires.append(b"Subject: b\r\nMIME-Version: 1.0\r\nContent-Type: multi"
                     b"part/mixed; boundary=o\r\n\r\n--o\r\n%s\r\n--o--\r\n"
                     % wire)
    outcomes, messages = carry(wires, PLAIN)
    all_sent(outcomes)
    same_meaning(wires, messages, True)


def test_private():
    """An encoding by agreement is not replaced: only its readers know it"""
    for label in ("x-uuencode", "X-Yencode", "uuencode"):
        wire = ("Subject: a\r\nMIME-Version: 1.0\r\nContent-Type: text/plain"
                f"\r\nContent-Transfer-Encoding: {label}\r\n\r\n"
                "begin ü\r\n").encode()
        outcomes, messages = carry([wire], PLAIN)
        equal((outcomes[0].kind, outcomes[0].dsn), ("failed", "5.6.3"))
        equal(messages, [])


def test_mistyped():
    """A mistyped transfer encoding is text as it stands"""
    for label in ("7-bit", "8-bit", "8bits", "utf-8", "8 bit", "none",
                  "iso-8859-1"):
        wire = ("Subject: a\r\nMIME-Version: 1.0\r\nContent-Type: text/plain;"
                f" charset=utf-8\r\nContent-Transfer-Encoding: {label}\r\n\r\n"
                "grün\r\n").encode()
        whole = (b"Subject: b\r\nMIME-Version: 1.0\r\nContent-Type: multipart/"
                 b"mixed; boundary=o\r\nContent-Transfer-Encoding: %s\r\n\r\n"
                 b"--o\r\n%s\r\n--o--\r\n" % (label.encode(), wire))
        outcomes, messages = carry([wire, whole], PLAIN)
        all_sent(outcomes)
        for message in messages:
            check(message.body.isascii(), f"{label}: {message.body!r}")
            check(b"quoted-printable\r\n\r\ngr=C3=BCn" in message.body,
                  f"{label}: {message.body!r}")


def test_signed():
    """What is signed is sent as it is, or refused with the reason"""
    good = SEALED % (b"quoted-printable", b"=C3=BC")
    outcomes, messages = carry([good], PLAIN)
    all_sent(outcomes)
    equal(messages[0].body, good)
    bad = SEALED % (b"8bit", b"\xc3\xbc")
    for wire, extensions in ((bad, PLAIN),
                             (SEALED % (b"7bit", b"x" * 999), EXTENSIONS)):
        outcomes, messages = carry([wire], extensions)
        equal((outcomes[0].kind, outcomes[0].dsn), ("failed", "5.6.3"))
        check("signed" in outcomes[0].text, outcomes[0].text)
        equal(messages, [])
    outcomes, messages = carry([bad], EXTENSIONS)
    equal(messages[0].body, bad)


def test_big():
    """Big parts are encoded as they are read; SIZE is what it comes to"""
    octets = bytes(range(128, 256)) * 7
    head = (b"MIME-Version: 1.0\r\nContent-Type: application/x-a\r\n"
            b"Content-Transfer-Encoding: 8bit\r\n\r\n")
    wires = [head + (octets + b"\r\n") * lines for lines in (4000, 9000)]
    check(len(wires[1]) < 10485760, "the server would take it as it is")
    outcomes, messages = carry(wires, PLAIN)
    equal([(o.kind, o.dsn) for o in outcomes],
          [("sent", "2.0.0"), ("failed", "5.3.4")])
    same_meaning(wires[:1], messages, True)


def test_dkim():
    """A DKIM-Signature does not keep mail from being converted"""
    wire = (b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=x; "
            b"h=from; bh=abc=; b=abc=\r\nSubject: x\r\n\r\n\xc3\xbc\r\n")
    outcomes, messages = carry([wire], PLAIN)
    all_sent(outcomes)
    same_meaning([wire], messages, True)


def test_utf8():
    """SMTPUTF8: headers are converted, and addresses cannot be"""
    wire = ("From: Jörg <a@example.org>\r\nSubject: Grüße\r\n\r\n"
            "Grüße\r\n").encode()
    with FakeMx(extensions=("SIZE", "8BITMIME")) as mx, \
            Relaying(f"smtp://127.0.0.1:{mx.port}") as relay:
        outcomes = relay.send(wire, ["b@example.net", "ü@example.net"],
                              head="utf8: yes")
        equal([(o.kind, o.dsn) for o in outcomes[:2]],
              [("sent", "2.0.0"), ("failed", "5.6.7")])
        body = mx.messages[0].body
        check(body.endswith(b"\r\n\r\n" + "Grüße\r\n".encode()), f"{body!r}")
        check(body[:-9].isascii(), f"{body!r}")
        check("SMTPUTF8" not in mx.messages[0].mail_params)
        for sender, text in (("ü@example.org", wire), ("a@example.org",
                             wire.replace(b"a@ex", "ü@ex".encode()))):
            outcomes = relay.send(text, ["b@example.net"], sender=sender,
                                  head="utf8: yes")
            equal((outcomes[0].kind, outcomes[0].dsn), ("failed", "5.6.7"))
        equal(len(mx.messages), 1)
    outcomes, messages = carry([wire], EXTENSIONS, head="utf8: yes")
    equal(messages[0].body, wire)
    check("SMTPUTF8" in messages[0].mail_params)


class Far(Queue, Instance):
    """The server at the other end."""


def through(far, near, wires):
    """Submits them here, collects them there."""
    with near.talk(near.submission) as talker:
        talker.hello()
        talker.login(*ALICE)
        for wire in wires:
            talker.submit("alice@a.test", ["alice@example.org"], wire)
    near.flush("-q")
    near.wait_empty(300)
    far.wait_mail("alice", len(wires), 300)
    with far.connect(far.pop3) as talker:
        talker.pop("+OK")
        talker.pop("+OK", "UTF8")       # or headers are sent in ASCII
        talker.pop("+OK", "USER " + ALICE[0])
        talker.pop("+OK", "PASS " + ALICE[1])
        got = [talker.pop_block(f"RETR {n + 1}") for n in range(len(wires))]
        for number in range(len(wires)):
            talker.pop("+OK", f"DELE {number + 1}")
        talker.pop("+OK", "QUIT")
    return got


def ends_empty(wire):
    """True if nothing but fields comes before the empty line: else one is
    added where the section ends."""
    lines = wire.split(b"\r\n\r\n", 1)[0].split(b"\r\n")
    return all(re.match(rb"[!-9;-~]+[ \t]*:|[ \t]", line) for line in lines
               if line)


def test_thousand():
    """A thousand mails through DATA, relay and RETR, octet for octet"""
    dice = random.Random(6)
    try:
        wires = [wire for _, wire in python_mails()
                 if max(map(len, wire.split(b"\r\n"))) <= 998
                 and ends_empty(wire)]
    except Skip as missing:
        tap.diag(missing)
        wires = []
    while len(wires) < 1000:
        wires.append(Mail(dice, eight_bit=dice.random() < 0.7).wire)
    with Far() as far, Site(
            2, "mx.a.test", "a.test",
            f"relay smtp://127.0.0.1:{far.smtp}?tls=never\n") as near:
        for start in range(0, len(wires), 250):
            # Nothing is added to what is signed.
            sent = [b"DKIM-Signature: v=1\r\n" + wire
                    for wire in wires[start:start + 250]]
            got = through(far, near, sent)
            left = {wire: wire for wire in sent}
            for body in got:
                found = next((w for w in sent if body.endswith(w)), None)
                check(found is not None, f"{body!r:.2000}")
                left.pop(found, None)
            check(not left, f"{list(left)[:1]!r:.2000}")


def main():
    tap.run(globals())
    tap.finish()


if __name__ == "__main__":
    main()
