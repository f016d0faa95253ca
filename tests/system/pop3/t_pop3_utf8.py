# SPDX-License-Identifier: ISC
"""Messages with UTF-8 in their header, with and without UTF8 (RFC 6856).

A client that knows no UTF-8 must get a form that it can read, in the size that
LIST says; one that has said UTF8, and the mailbox, must not notice.
"""
import email
import email.policy
import random

from lib.player import PASSWORDS
from lib.scratch import LONG, Scratch
from lib.tap import Tap, check, equal
from lib.pop3_lint import lint

tap = Tap()
ROUNDS = 40 if LONG else 6
FROM = "From carol@example.com Mon Jan  6 10:00:00 2025\n"
NOBODY = "invalid@internationalized-address.invalid"
WORDS = ("Grüße", "a", "日本語", "(", "word", "=?utf-8?q?x?=", "é" * 90, ",",
         "Привет, мир", "\"", "<", "😀", "plain words")
FIELDS = ("Subject", "X-Note", "Message-ID", "Received", "Comments", "To",
          "Content-Type", "Content-Disposition", "List-Id", "Reply-To")


class Session:
    """A POP3 session of alice, with UTF8 or without it."""

    def __init__(self, scratch, utf8):
        self.talker = scratch.session("pop3d")[0]
        self.talker.pop("+OK")
        if utf8:
            self.talker.pop("+OK", "UTF8")
        self.talker.pop("+OK", "USER alice")
        self.hello = self.talker.pop("+OK", "PASS " + PASSWORDS["alice"])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.talker.pop("+OK", "QUIT")
        self.talker.close()

    def sizes(self):
        """What LIST says; STAT and the greeting must say the same."""
        lines = self.talker.pop_block("LIST").decode().splitlines()
        sizes = [int(line.split()[1]) for line in lines]
        equal(self.talker.pop("+OK", "STAT"),
              f"+OK {len(sizes)} {sum(sizes)}")
        equal(self.hello, f"+OK {len(sizes)} messages, {sum(sizes)} octets")
        return sizes

    def uidls(self):
        """What UIDL says."""
        return self.talker.pop_block("UIDL")

    def message(self, number):
        """What RETR gives, which begins with what TOP gives."""
        wire = self.talker.pop_block(f"RETR {number}")
        head = wire.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        if b"\r\n\r\n" in wire:
            equal(self.talker.pop_block(f"TOP {number} 0"), head, "TOP")
        return wire


def put(scratch, *messages):
    """Makes these alice's mailbox."""
    box = scratch.mailbox("alice")
    box.write_bytes(b"".join(FROM.encode() + m + b"\n" for m in messages))
    scratch.own()
    return box.read_bytes()


def both(scratch, number=1):
    """What alice gets of a message with UTF8 and without; sizes must fit."""
    got, uidls = [], []
    before = scratch.mailbox("alice").read_bytes()
    for utf8 in (True, False):
        with Session(scratch, utf8) as session:
            sizes = session.sizes()
            uidls.append(session.uidls())
            for index, size in enumerate(sizes, 1):
                wire = session.message(index)
                equal(len(wire), size, f"octets of {index}, UTF8 {utf8}")
                if index == number:
                    got.append(wire)
    equal(uidls[0], uidls[1], "UIDLs")
    equal(scratch.mailbox("alice").read_bytes(), before, "the mailbox")
    return got


def header(wire):
    """The header section, which must be ASCII, as Python reads it."""
    head = wire.partition(b"\r\n\r\n")[0]
    check(head.isascii(), repr(head))
    return email.message_from_bytes(wire, policy=email.policy.default)


TEXT = """Subject: Grüße aus Köln
From: "Jörg Müller" <joerg@example.com>
To: "Ünal" <用户@example.com>, bob@example.org
Content-Type: multipart/mixed; boundary=b

--b

Grüße
--b
Content-Type: image/png; name="Büro.png"
Content-Disposition: attachment; filename="Büro.png"

é
--b--
""".encode()


def test_domains(scratch):
    """What smtpd notes of a domain is what pop3d sends, with its tables or not
    """
    put(scratch)
    for name in ("bücher", "BÜCHER", "straße", "Bu\u0308cher", "ｂücher",
                 "ПРИМЕР", "مثال", "例え", "ü_a"):
        with scratch.session("smtpd", "--role", "mx")[0] as talker:
            talker.hello()
            talker.expect("250 ", "MAIL FROM:<x@far.example> SMTPUTF8")
            talker.expect("250 ", "RCPT TO:<alice@example.org>")
            talker.expect("354 ", "DATA")
            talker.send(f"From: Jörg <a@{name}.example>\r\nTo: b@c.example,"
                        f" d@{name}.example\r\nSubject: x\r\n\r\nx\r\n.\r\n")
            talker.expect("250 2.0.0 Delivered")
    _, plain = both(scratch)
    equal(header(plain)["To"], "b@c.example, d@xn--bcher-kva.example")
    check("GnuTLS" not in scratch.notes(), scratch.notes())


def test_meaning(scratch):
    """Without UTF8 all is ASCII, and means the same as far as can be"""
    put(scratch, TEXT)
    full, plain = both(scratch)
    equal(full, TEXT.replace(b"\n", b"\r\n"), "with UTF8")
    message = header(plain)
    equal(message["Subject"], "Grüße aus Köln")
    sender = message["From"].addresses[0]
    equal((sender.display_name, sender.addr_spec),
          ("Jörg Müller", "joerg@example.com"))
    unal, bob = message["To"].addresses
    equal((unal.display_name, unal.addr_spec),
          ("Ünal <用户@example.com>", NOBODY))
    equal(bob.addr_spec, "bob@example.org")
    text, image = message.iter_parts()
    equal(image.get_filename(), "Büro.png")
    for part, want in ((text, "Grüße"), (image, "é")):
        equal(part.get_payload(decode=True), want.encode())


def test_delivered(scratch):
    """One that came by SMTPUTF8, at the first login and at later ones"""
    put(scratch)
    with scratch.session("smtpd", "--role", "mx")[0] as talker:
        talker.hello()
        for number in range(3):
            talker.expect("250 ", "MAIL FROM:<jörg@example.com> SMTPUTF8")
            talker.expect("250 ", "RCPT TO:<alice@example.org>")
            talker.expect("354 ", "DATA")
            talker.send(f"Subject: Grüße {number}\r\n\r\né\r\n.\r\n")
            talker.expect("250 2.0.0 Delivered")
            for _ in range(2):
                full, plain = both(scratch, number + 1)
                equal(header(plain)["Subject"], f"Grüße {number}")
                check(full.endswith(f"Grüße {number}\r\n\r\né\r\n".encode()),
                      repr(full))


def test_other_charsets(scratch):
    """What is not UTF-8 is left to those who can guess what it is"""
    text = b"Subject: caf\xe9\nX: y\n\n\xe9\n"
    put(scratch, text, TEXT)
    equal(both(scratch), [text.replace(b"\n", b"\r\n")] * 2, "messages")


def test_ascii(scratch):
    """An ASCII header is not touched, whatever parts or lines there are"""
    text = (b"Content-Type: multipart/mixed; boundary=b\nX: " + b"x" * 2000
            + b"\n\n--b\nSubject: \xc3\xa9\n\n\xc3\xa9\n.\n--b--\nno end")
    put(scratch, text)
    full, plain = both(scratch)
    equal(plain, full, "the same")


def test_old_index(scratch):
    """An index of another version, and one that is damaged, count as none"""
    put(scratch, TEXT, TEXT)
    wanted = both(scratch)
    index = scratch.dir / "state/users/alice/index"
    good = index.read_bytes()
    for bad in (b"RSTIDX1" + good[7:], good[:200] + b"\xff" + good[201:],
                good[:100], b""):
        index.write_bytes(bad)
        equal(both(scratch), wanted, "messages")
        equal(len(index.read_bytes()), len(good), "the index made anew")


def generated(dice):
    """A message with anything in its header."""
    lines = []
    for _ in range(dice.randrange(1, 7)):
        value = " ".join(dice.choices(WORDS, k=dice.randrange(1, 9)))
        if dice.random() < .3:
            value = value.replace(" ", "\n ", 1)
        lines.append(f"{dice.choice(FIELDS)}: {value}".encode())
    if dice.random() < .2:
        lines.append(b"X-Raw: \xff\xfe \xc3\xa9")
    body = [dice.choice([b"", b".", b"\xc3\xa9", b">From x", b"x" * 70000])
            for _ in range(dice.randrange(4))]
    return b"\n".join(lines + [b""] + body) + b"\n"


def test_generated(scratch):
    """Any headers: sizes and UIDLs fit, and the bodies are the same"""
    dice = random.Random(21)
    for _ in range(ROUNDS):
        put(scratch, *(generated(dice) for _ in range(12)))
        for number in range(1, 13):
            full, plain = (wire.partition(b"\r\n\r\n")
                           for wire in both(scratch, number))
            equal(plain[1:], full[1:], "bodies")
            raw = b"X-Raw" in full[0]
            check(raw or plain[0].isascii(), repr(plain[0]))


def test_lint(scratch):
    """pop3_lint.py finds nothing, in either mode"""
    dice = random.Random(22)
    put(scratch, TEXT, *(generated(dice) for _ in range(6)), TEXT)
    login = ("USER alice", "PASS " + PASSWORDS["alice"])
    for first in ((), ("UTF8",)):
        started = []

        def connect():
            for process in started:
                process.wait(60)
            talker, process = scratch.session("pop3d")
            started.append(process)
            return talker.sock
        equal(lint(connect, scratch.mailbox("alice"), first + login), [],
              str(first))


if __name__ == "__main__":
    with Scratch() as fixture:
        tap.run(globals(), fixture)
    tap.finish()
