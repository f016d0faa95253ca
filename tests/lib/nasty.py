# SPDX-License-Identifier: ISC
"""Messages as they really come: newsletters, patches, reports, calendars, and
all of them as broken programs write them.

    for name, octets in mails(seed=1, count=10000): ...

Octets are in wire form, but for what is broken: bare CR and LF, NULs, no line
end at the end. The same seed makes the same messages, one by one: the number
in a name, with the seed, is all that is needed to have a message again.
"""
import base64
import quopri
import random

from .mails import MULTIPARTS, NAMES, TEXTS

CHARSETS = ("utf-8", "iso-8859-1", "windows-1252", "gb18030", "iso-2022-jp",
            "shift_jis", "koi8-r", "euc-kr", "utf-16", "us-ascii", "x-unknown")
SAMPLES = TEXTS[:7] + ("汉字和标点，「引号」", "かなとカナ", "한국어", "žluťoučký kůň")
ENCODINGS = ("7bit", "8bit", "binary", "quoted-printable", "base64")
MISTYPED = ("8-bit", "7-bit", "8bits", "quoted_printable", "quotedprintable",
            "base-64", "BASE64;", '"base64"', "x-uuencode",
            "utf-8", "none", "", "8bit, 7bit", "binary\r\n ", "\t8bit")
FILES = ("winmail.dat", "image001.png", "Rechnung März.pdf", "a b;c.txt",
         "名前.doc", "x" * 120 + ".bin", "no\"quote", "..", "CON", "a/b.txt",
         "=?utf-8?b?eA==?=")
TYPES = ("application/ms-tnef", "image/png", "application/pdf", "text/plain",
         "application/octet-stream", "text/calendar; method=REQUEST",
         "message/rfc822", "text", "text/", "/plain", "application/x-x; a=b; a=c", "multipart/mixed")


def line_ends(data):
    """LF becomes CR LF."""
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


class Nasty:
    """Makes one message by one dice."""

    def __init__(self, dice):
        self.dice = dice
        self.count = 0

    # ---- words ----

    def words(self, number=6):
        """Some of the world's words."""
        return " ".join(self.dice.choices(SAMPLES, k=number))

    def encoded_word(self, text):
        """An encoded word, well or badly made."""
        charset = self.dice.choice(CHARSETS)
        data = text.encode(charset if charset != "x-unknown" else "utf-8",
                           "replace")
        if self.dice.random() < 0.5:
            code = "b", base64.b64encode(data).decode()
        else:
            code = "Q", "".join(f"={octet:02X}" for octet in data)
        word = f"=?{charset}?{code[0]}?{code[1]}?="
        return word[:self.dice.choice((None, None, None, -1, -2, 9))]

    def raw(self, text):
        """Octets of a text in a header field: encoded, or as they are."""
        if self.dice.random() < 0.4:
            return self.encoded_word(text).encode()
        charset = self.dice.choice(("utf-8", "utf-8", "latin-1", "gb18030",
                                    "ascii"))
        return text.encode(charset, "replace")

    def address(self):
        """An address with a name, or something like it."""
        name = self.raw(self.dice.choice(NAMES)).replace(b'"', b"'")
        return self.dice.choice((
            b'"%s" <a@example.org>' % name, b"%s <b@example.net>" % name,
            b"c@example.com (%s)" % name, b"undisclosed-recipients:;",
            b"list: d@example.org, e@example.org;", b"<@h.example:f@g.example>",
            b"no address", b"", b"a@example.org,,b@example.org"))

    # ---- the body ----

    def lines(self, charset="utf-8"):
        """A text in a charset."""
        rows = [self.words(self.dice.randint(0, 9))
                for _ in range(self.dice.randint(0, 15))]
        rows += self.dice.choices((".", "..", ".x", "From me to you", "> From",
                                   ">From x", "-- ", "", " ", "--", "-----",
                                   "a" * 76, "=20=", "=", "=3D=ZZ", "begin 644 x"),
                                  k=self.dice.randint(0, 5))
        self.dice.shuffle(rows)
        codec = "utf-8" if charset == "x-unknown" else charset
        return "\n".join(rows).encode(codec, "replace")

    def long_line(self):
        """One line of text that no line limit allows."""
        size = self.dice.choice((997, 998, 999, 1000, 4096, 70000))
        piece = self.dice.choice(("x", "word ", "ü", "日", "=", "."))
        return piece.encode() * (size // len(piece.encode()))

    def encode(self, data, encoding):
        """By an encoding, well or with an error."""
        if encoding == "base64":
            text = line_ends(base64.encodebytes(data))
            return self.dice.choice((
                text, text, text, text[:-3], text.replace(b"\r\n", b""),
                text[:40] + b"!?\x80" + text[40:], text + b"trailing words"))
        if encoding == "quoted-printable":
            text = line_ends(quopri.encodestring(data))
            return self.dice.choice((
                text, text, text, text.lower(), text.replace(b"=\r\n", b""),
                text + b"=", text + b"=G1 =\r\n"))
        return line_ends(data)

    def leaf(self):
        """A part without parts: its fields and its body."""
        charset = self.dice.choice(CHARSETS)
        data = self.lines(charset)
        if self.dice.random() < 0.1:
            data += b"\n" + self.long_line()
        kind = b"text/" + self.dice.choice((b"plain", b"html", b"x-diff"))
        kind += b"; charset=" + self.dice.choice((
            b"%s", b'"%s"', b"'%s'", b"%s; format=flowed")) % charset.encode()
        head = [b"Content-Type: " + kind]
        if self.dice.random() < 0.35:
            data = self.dice.randbytes(self.dice.choice((0, 1, 56, 57, 3000)))
            name = self.raw(self.dice.choice(FILES))
            head = [b"Content-Type: %s; name=\"%s\"" % (
                self.dice.choice(TYPES).encode(), name),
                self.dice.choice((b"Content-Disposition: attachment; filename="
                                  b"\"%s\"", b"Content-Disposition: inline;\r\n"
                                  b"\tfilename*=utf-8''%s",
                                  b"Content-Disposition: %s")) % name]
        return self.labelled(head, data)

    def labelled(self, head, data):
        """With a transfer encoding that is true, or not."""
        encoding = self.dice.choice(ENCODINGS)
        body = self.encode(data, encoding)
        label = encoding if self.dice.random() < 0.8 else \
            self.dice.choice(MISTYPED + ENCODINGS)
        if self.dice.random() < 0.85:
            head.append(b"Content-Transfer-Encoding: " + label.encode())
        if self.dice.random() < 0.03:
            head.append(self.dice.choice(head))
        self.dice.shuffle(head)
        return head, body

    def multipart(self, depth):
        """Some parts, with boundaries that fit, or do not."""
        self.count += 1
        boundary = self.dice.choice((
            f"=_{self.count}", "b", "b" * self.count, "a b", "x" * 70,
            "x" * 75, "----", f"({self.count})'+_,-./:=?", "b=b"))
        kind = self.dice.choice(MULTIPARTS + ("signed", "encrypted"))
        label = self.dice.choice((f'"{boundary}"', f'"{boundary}"', boundary,
                                  f"'{boundary}'", f'"{boundary} "'))
        name = self.dice.choice(("boundary",) * 8 + ("Boundary", "bondary",
                                                     "boundary*0"))
        head = [f"Content-Type: multipart/{kind};\r\n\t{name}={label}".encode()]
        if self.dice.random() < 0.3:
            head.append(b"Content-Transfer-Encoding: " + self.dice.choice(
                ENCODINGS + MISTYPED[:3]).encode())
        used = boundary.encode()
        if self.dice.random() < 0.1:
            used = self.dice.choice((used + b"x", used[:-1], used.upper(), b""))
        body = self.dice.choice((b"", b"", b"A preamble.\r\n", b"\r\n"))
        for _ in range(self.dice.randint(0, 3)):
            fields, inner = self.entity(depth + 1)
            body += b"--" + used + self.dice.choice((b"", b"", b" ", b"\t")) + \
                b"\r\n" + b"".join(f + b"\r\n" for f in fields) + b"\r\n" + \
                inner + b"\r\n"
        body += self.dice.choice((b"--" + used + b"--\r\n",) * 5 + (
            b"", b"--" + used + b"-\r\n", b"--" + used, b"--" + used
            + b"--\r\nAn epilogue.\r\n--" + used + b"\r\n\r\nAgain.\r\n"))
        return head, body

    def entity(self, depth=0):
        """Fields and a body."""
        dice = self.dice.random()
        if depth < 5 and dice < 0.4:
            return self.multipart(depth)
        if depth < 5 and dice < 0.47:
            fields, body = self.entity(depth + 1)
            inner = [b"Subject: " + self.raw(self.words(3)),
                     b"MIME-Version: 1.0", *fields]
            return ([b"Content-Type: message/rfc822"],
                    b"".join(f + b"\r\n" for f in inner) + b"\r\n" + body)
        return self.leaf()

    # ---- the header section ----

    def header(self):
        """The fields of a message, but for those of MIME."""
        fields = [
            b"From: " + self.address(), b"To: " + self.address(),
            b"Subject: " + self.raw(self.words()),
            b"Date: " + self.dice.choice((
                b"Mon, 2 Nov 2026 10:00:00 +0100", b"Mon Nov  2 10:00:00 2026",
                b"2026-11-02T10:00:00Z", b"never", b"")),
            b"Message-ID: " + self.dice.choice((
                b"<%x@example.org>" % self.dice.getrandbits(60), b"<a b@c>",
                b"x", b"<>", b"<%s@x>" % (b"y" * 300)))]
        extra = (
            b"Received: from a.example (b.example [192.0.2.1])\r\n\tby c.example "
            b"with SMTP id x; Mon, 2 Nov 2026 10:00:00 +0100",
            b"X-Empty:", b"X-Blank: ", b"X-Fold:\r\n first\r\n\tsecond",
            b"X-Fold: a\r\n \r\n b", b"Cc: " + self.address(),
            b"Bcc: secret@example.org", b"Resent-To: x@example.org",
            b"Resent-Bcc:\r\n y@example.org", b"Reply-To: " + self.address(),
            b"Status: RO", b"X-UID: 7", b"Content-Length: 999999",
            b"X-Restante-Status: x", b"List-Id: <l.example.org>",
            b"In-Reply-To: " + b" ".join([b"<a@b>"] * 300),
            b"References: " + b"\r\n ".join([b"<a@b.example>"] * 500),
            b"Subject : again", b"X-\xc3\xbc: 8-bit name", b"X-Long: "
            + b"z" * self.dice.choice((980, 990, 991, 2000, 20000)),
            b"X-Words: " + self.words(400).encode(), b"X:no blank",
            b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=x;\r\n"
            b" h=from; bh=eA==; b=eA==", b"Disposition-Notification-To: a@b",
            b"Mime-Version: 1.0", b"MIME-Version: 2.0",
            b"Content-Type: text/plain; charset=us-ascii")
        fields += self.dice.sample(extra, self.dice.randint(0, 6))
        if self.dice.random() < 0.05:
            fields.pop(self.dice.randrange(len(fields)))
        self.dice.shuffle(fields)
        return fields

    # ---- a whole message ----

    def usual(self):
        """Fields, an empty line, a body."""
        fields, body = self.entity()
        version = [b"MIME-Version: 1.0"] if self.dice.random() < 0.9 else []
        head = self.header() + version + fields
        return b"".join(f + b"\r\n" for f in head) + b"\r\n" + body

    def patch(self):
        """What git format-patch writes, its From_ line and all."""
        return line_ends(
            b"From %040x Mon Sep 17 00:00:00 2001\nFrom: Ann <a@example.org>\n"
            b"Subject: [PATCH] %s\n\n---\n a | 2 +-\n\n-old\n+new\n-- \n2.39\n"
            % (self.dice.getrandbits(160), self.raw(self.words(3))))

    def text_alone(self):
        """Text without a header section."""
        return line_ends(self.lines() + b"\n")

    def many_fields(self):
        """Thousands of fields."""
        return b"".join(b"X-%d: %d\r\n" % (n, n) for n in range(
            self.dice.choice((500, 3000, 9000)))) + b"Subject: many\r\n\r\nx\r\n"

    def many_parts(self):
        """Thousands of parts, one after the other."""
        part = b"--b\r\n\r\n" + self.dice.choice((b"a", b"\xc3\xbc")) + b"\r\n"
        return b"Subject: many\r\nMIME-Version: 1.0\r\nContent-Type: multipart/" \
            b"mixed; boundary=b\r\n\r\n" + part * self.dice.choice(
                (300, 2000, 5000)) + b"--b--\r\n"

    def deep(self):
        """Parts in parts in parts."""
        depth = self.dice.choice((10, 40, 200))
        out = b"Subject: deep\r\nMIME-Version: 1.0\r\n"
        for number in range(depth):
            out += b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n" \
                b"--b%d\r\n" % (number, number)
        return out + b"\r\n" + self.lines().replace(b"\n", b"\r\n") + b"\r\n"

    def tiny(self):
        """Hardly anything."""
        return self.dice.choice((
            b"", b"\r\n", b"\r\n\r\n", b"x", b".\r\n", b"Subject: x\r\n",
            b"Subject: x", b"Subject: x\r\n\r\n", b" \r\n", b":\r\n",
            b"From \r\n", b"\r\nSubject: text\r\n", b"Subject:\r\n\r\n.\r\n"))

    def long_text(self):
        """Long lines alone."""
        return b"Subject: long\r\n\r\n" + b"\r\n".join(
            self.long_line() for _ in range(self.dice.randint(1, 4))) + b"\r\n"

    def break_it(self, wire):
        """Does what broken programs do on the way."""
        at = self.dice.randint(0, len(wire))
        return self.dice.choice((
            lambda: wire[:at] + b"\r" + wire[at:],
            lambda: wire[:at] + b"\n" + wire[at:],
            lambda: wire[:at] + b"\0" + wire[at:],
            lambda: wire.replace(b"\r\n", b"\n"),
            lambda: wire.replace(b"\r\n", b"\r\r\n"),
            lambda: wire[:at],
            lambda: wire[:at] + b"\r\n.\r\n" + wire[at:],
            lambda: wire[:at] + b"\r\nFrom a@b Mon Nov  2 10:00:00 2026\r\n"
            + wire[at:],
            lambda: wire[:at] + bytes([self.dice.randrange(128, 256)])
            + wire[at:],
            lambda: wire.rstrip(b"\r\n")))()

    def wire(self):
        """One of all these."""
        make = self.dice.choices(
            (self.usual, self.patch, self.text_alone, self.many_fields,
             self.many_parts, self.deep, self.tiny, self.long_text),
            (80, 4, 4, 0.3, 0.3, 0.6, 3, 2))[0]
        octets = make()
        if self.dice.random() < 0.25:
            octets = self.break_it(octets)
        return octets


def mail(seed, number):
    """That message of that seed."""
    return Nasty(random.Random(f"{seed} {number}")).wire()


def mails(seed, count):
    """Names and octets."""
    for number in range(count):
        yield f"nasty {seed} {number}", mail(seed, number)
