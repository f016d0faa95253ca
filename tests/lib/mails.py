# SPDX-License-Identifier: ISC
"""Messages of many forms, and what Python's email package reads in them.

    mail = Mail(random.Random(7))
    mail.wire           the octets, lines ending in CR LF
    contents(mail.wire) what they mean, whatever the transfer encodings
    MAILS               a few that are always the same, by name
"""
import base64
import email
import email.errors
import email.header
import email.message
import email.policy
import quopri
import re

from . import peers

TEXTS = ("Grüße aus Köln", "naïve café", "Привет, мир", "日本語のテキスト",
         "emoji 🎉 party", "plain words", "a = b + c", "trailing  ",
         "From the start", ".", "..dots", "", "tab\there", "~" * 70,
         "x" * 76 + " y")
CHARSETS = ("utf-8", "iso-8859-1", "windows-1251", "koi8-r", "shift_jis",
            "utf-8", "us-ascii")
NAMES = ("Jörg", "Ωmega", "李雷", "Plain Name", "O'Neil, Jr.", "a (b) c")
MULTIPARTS = ("mixed", "alternative", "related", "parallel", "digest",
              "report", "x-unknown")


def attached(kind, data):
    """A part that holds octets."""
    text = base64.encodebytes(data).replace(b"\n", b"\r\n")
    return b"--b\r\nContent-Type: %s\r\nContent-Disposition: attachment;" \
        b" filename=\"a b.bin\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" \
        b"%s" % (kind, text)


TOP = b"From: alice@example.org\r\nTo: bob@example.org\r\n" \
    b"Date: Sun, 22 Nov 2026 10:00:00 +0000\r\n"
# One of each kind that programs like to break; complete, so that nobody adds
# a field.
MAILS = {name: b"Message-ID: <%s@example.org>\r\nSubject: %s\r\n%s%s" % (
    name.encode(), name.encode(), TOP, rest) for name, rest in {
        "empty": b"\r\n",
        "no-body": b"",
        "dots": b"\r\n.\r\n..\r\n.a\r\n\r\n.\r\n",
        "from": b"\r\nFrom here on.\r\n>From there.\r\n\r\n",
        "eight-bit": b"MIME-Version: 1.0\r\nContent-Type: text/plain; "
        b"charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        + "Grüße, 日本語, 🎉\r\n".encode() * 40,
        "latin-1": b"MIME-Version: 1.0\r\nContent-Type: text/plain; "
        b"charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        + "Köln\r\n".encode("latin-1") * 3,
        "long-lines": b"\r\n" + b"x" * 998 + b"\r\n" + b"y" * 12000
        + b"\r\nend\r\n",
        "attachments": b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; "
        b"boundary=b\r\n\r\n--b\r\n\r\nText.\r\n"
        + attached(b"application/octet-stream", bytes(range(256)) * 900)
        + attached(b"image/png", b"\x89PNG\r\n\x1a\n" * 30) + b"--b--\r\n",
        "blanks": b"\r\n \r\n\t\r\ntrailing  \r\n\r\n\r\n"}.items()}


class Mail:
    """One of them, made of random numbers.

    eight_bit: octets beyond ASCII; long_lines: some above 998 octets.
    """

    def __init__(self, dice, eight_bit=True, long_lines=False):
        self.dice = dice
        self.eight_bit, self.long_lines = eight_bit, long_lines
        self.count = 0
        lines = [f"From: {self.name()} <a@example.org>",
                 f"To: b@example.net, {self.name()} <c@example.net>",
                 f"Subject: {self.text()}",
                 "Date: Sat, 22 Nov 2025 10:00:00 +0000",
                 f"Message-ID: <{dice.getrandbits(60):x}@example.org>"]
        dice.shuffle(lines)
        self.wire = "".join(f"{line}\r\n" for line in lines).encode() + \
            self.entity(0, True)
        if not self.wire.endswith(b"\r\n"):
            self.wire += b"\r\n"

    def text(self):
        """Words that may be of any script."""
        words = " ".join(self.dice.choices(TEXTS[:7], k=3))
        return words if self.eight_bit else \
            words.encode("ascii", "replace").decode()

    def name(self):
        """A display name, in quotes if it has to be."""
        name = self.dice.choice(NAMES)
        if not self.eight_bit:
            name = name.encode("ascii", "replace").decode()
        return name if name.isalpha() else f'"{name}"'

    def entity(self, depth, message=False):
        """Header fields of MIME, the empty line and the body."""
        version = b"MIME-Version: 1.0\r\n" if message else b""
        kind = self.dice.random()
        if message and kind < 0.1:
            return b"\r\n" + self.words("utf-8") + b"\r\n"
        if depth < 4 and kind < 0.45:
            return version + self.multipart(depth)
        if depth < 4 and kind < 0.52:
            return version + b"Content-Type: message/rfc822\r\n" + \
                self.label() + b"\r\nSubject: " + self.text().encode() + \
                b"\r\n" + self.entity(depth + 1, True)
        return version + (self.leaf() if kind < 0.8 else self.attachment())

    def label(self):
        """For what has parts."""
        return self.dice.choice((b"", b"Content-Transfer-Encoding: 8bit\r\n"
                                 if self.eight_bit else b""))

    def words(self, charset):
        """Lines in a charset."""
        lines = self.dice.choices(TEXTS, k=self.dice.randint(0, 12))
        if self.long_lines and self.dice.random() < 0.5:
            lines.append("ab c" * self.dice.randint(240, 3000))
        data = "\r\n".join(lines).encode(charset, "ignore")
        return data if self.eight_bit else \
            data.decode("ascii", "ignore").encode()

    def leaf(self):
        """Text."""
        charset = self.dice.choice(CHARSETS)
        label = self.dice.choice((charset, f'"{charset}"'))
        data = self.words(charset)
        how = self.dice.choice(("8bit", "8bit", None, "quoted-printable",
                                "base64", "binary"))
        head = f"Content-Type: text/{self.dice.choice(('plain', 'html'))}" \
            f"; charset={label}\r\n"
        if how:
            head += f"Content-Transfer-Encoding: {how}\r\n"
        if how == "base64":
            data = base64.encodebytes(data).replace(b"\n", b"\r\n")
        elif how == "quoted-printable":
            data = quopri.encodestring(data.replace(b"\r\n", b"\n")) \
                .replace(b"\n", b"\r\n")
        return head.encode() + b"\r\n" + data

    def attachment(self):
        """Octets that are no text."""
        octets = self.dice.randbytes(self.dice.randint(0, 3000))
        how = self.dice.choice(("base64", "binary", "8bit"))
        if how == "base64":
            data = base64.encodebytes(octets).replace(b"\n", b"\r\n")
        else:
            most = 256 if self.eight_bit else 128
            data = bytes(b % most for b in octets if b % most not in
                         (0, 10, 13))
            if not self.long_lines:
                data = b"\r\n".join(data[i:i + 900] for i in
                                    range(0, len(data), 900))
        name = self.text().replace('"', "") + ".bin"
        return (f"Content-Type: application/octet-stream\r\n"
                f"Content-Disposition: attachment; filename=\"{name}\"\r\n"
                f"Content-Transfer-Encoding: {how}\r\n\r\n").encode() + data

    def multipart(self, depth):
        """Some parts."""
        self.count += 1
        boundary = f"=_{self.count}_{self.dice.getrandbits(40):x}"
        kind = self.dice.choice(MULTIPARTS)
        out = f"Content-Type: multipart/{kind};\r\n boundary=\"{boundary}\"" \
            "\r\n".encode() + self.label() + b"\r\n"
        out += self.dice.choice((b"", b"", b"a preamble\r\n"))
        for _ in range(self.dice.randint(1, 4)):
            out += f"--{boundary}\r\n".encode() + \
                self.entity(depth + 1) + b"\r\n"
        out += f"--{boundary}--\r\n".encode()
        return out + self.dice.choice((b"", b"", b"an epilogue\r\n"))


def decoded(message, name):
    """A header field's text, however it is encoded."""
    text = next((value for key, value in message.raw_items()
                 if key.lower() == name), "")
    parts = []
    text = re.sub(r"\r\n(?=[ \t])", "", text)
    try:
        words = email.header.decode_header(text)
    except email.errors.HeaderParseError:
        words = [(text, None)]
    for part, charset in words:
        if isinstance(part, str):
            part = part.encode("utf-8", "surrogateescape")
        elif charset not in (None, "unknown-8bit"):
            try:
                part = part.decode(charset, "replace")
                part = part.encode("utf-8", "surrogatepass")    # of UTF-7
            except (LookupError, ValueError):   # of its name, too
                pass
        parts.append(part)
    octets = b"".join(parts)
    return " ".join(octets.decode("utf-8", "replace").split())


def file_name(part):
    """From its Content-Disposition, however it is encoded."""
    copy = email.message.Message()
    for key, value in part.raw_items():
        if key.lower() == "content-disposition":
            octets = value.encode("utf-8", "surrogateescape").replace(
                b"*=unknown-8bit''", b"*=utf-8''")
            if b"*" in octets:      # where Python takes octets for Latin-1
                octets = re.sub(rb"[\x80-\xff]",
                                lambda m: b"%%%02X" % m[0][0], octets)
            copy[key] = octets.decode("utf-8", "replace")
    return copy.get_filename()


def octets(part):
    """Its body. A multipart whose parts cannot be found has no encoding,
    whatever its label; nor has base64 that is none. In quotes, an encoding is
    unknown to readers."""
    raw = part._payload     # pylint: disable=protected-access
    raw = raw.encode("ascii", "surrogateescape") if isinstance(raw, str) \
        else b""
    how = str(part.get("content-transfer-encoding", "")).strip(" \t;").lower()
    if part.get_content_maintype() == "multipart":
        return raw
    if how == "quoted-printable":
        # RFC 2045 section 6.7: blanks at the ends of lines go.
        return quopri.decodestring(
            re.sub(rb"[ \t]+(?=\r?\n|\Z)", b"", raw))
    if how != "base64":
        return part.get_payload(decode=True)
    first = raw.lstrip().split(b"\n")[0].strip()
    digits = len(re.findall(rb"[A-Za-z0-9+/=]", first.lstrip(b"=")))
    if (len(first) - digits) * 8 > digits:
        return raw
    text = re.sub(rb"[^A-Za-z0-9+/]", b"", raw.partition(b"=")[0])
    return base64.b64decode(text[:len(text) - (len(text) % 4 == 1)] + b"==")


def walk(part, depth=0):
    """What it holds, part by part."""
    yield (depth, part.get_content_type(), decoded(part, "subject"),
           decoded(part, "from"), decoded(part, "to"))
    if part.is_multipart():
        for inner in part.get_payload():
            yield from walk(inner, depth + 1)
        return
    name = file_name(part)
    yield (depth, name, octets(part))


def is_broken(wire):
    """Whether there are parts that are not as they should be, so that others
    than Python may find other parts or octets."""
    for part in email.message_from_bytes(
            wire, policy=email.policy.compat32).walk():
        raw = part._payload     # pylint: disable=protected-access
        how = str(part.get("content-transfer-encoding", "")).lower()
        kind = str(part.get("content-type", "")).partition(";")[0]
        from_line = isinstance(raw, str) and raw.startswith("From ")
        if part.defects or not kind.isascii() or from_line or (
                isinstance(raw, str) and "base64" in how and not re.fullmatch(
                    r"([A-Za-z0-9+/]{4})*(..==|...=)?", "".join(raw.split()))
                ) or (isinstance(raw, str) and "quoted-printable" in how
                      and re.search(r"=(?![0-9A-Fa-f]{2}|[ \t]*\r?\n)", raw)):
            return True
    return False


def contents(wire):
    """What a message means."""
    found = list(walk(email.message_from_bytes(
        wire, policy=email.policy.compat32)))
    # The line end of the last line is the message's, or the body's.
    depth, name, body = found[-1] if len(found[-1]) == 3 else (0, None, b"")
    if len(found[-1]) == 3:
        found[-1] = (depth, name, body.rstrip(b"\r\n"))
    return found


def python_mails():
    """The messages that Python's own tests have, with lines ending in CR LF.
    Debian: libpython3.*-testsuite, unpacked in $RESTANTE_PEERS."""
    found = []
    for path in peers.files("usr/lib/python3*/test/test_email/data/*.txt",
                            "libpython3.*-testsuite"):
        data = path.read_bytes().replace(b"\r\n", b"\n")
        data = data.replace(b"\r", b"\n").replace(b"\0", b"")
        data = data if data.endswith(b"\n") else data + b"\n"
        found.append((path.name, data.replace(b"\n", b"\r\n")))
    return found
