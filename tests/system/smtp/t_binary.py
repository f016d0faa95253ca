# SPDX-License-Identifier: ISC
"""BINARYMIME: what is decoded at the other end is what was sent.

A converter that misses a delimiter, or sees one where there is none, loses the
octets around it; one that holds parts in memory ends when they are large.
"""
import email
import random
import re
from pathlib import Path

from lib import mbox
from lib.fakemx import FakeMx
from lib.player import PASSWORDS
from lib.scratch import LONG, Scratch
from lib.tap import Tap, check, equal

tap = Tap()
ROUNDS = 3000 if LONG else 400
MEMORY = 16 * 1024  # KiB
BOUNDARIES = ("b", "bb", "b--", "-", "b b", "=_x", "a:b", "b" * 70)
PIECES = (b"\r\n", b"\r", b"\n", b"\0", b"-", b"--", b"\r\n--", b"\n--b\n",
          b"\r\n--b\n", b"\r\n-", b"\r--b\r\n", b".\r\n", b"\r\n.\r\n",
          b"From x\r\n", b"\xff\xfe", b"=", b"Content-Type: x/y\r\n\r\n",
          b"x" * 1200, bytes(range(256)))
LINES = (b"hello\r\n", b"\r\n", b".\r\n", b"From here\r\n", b"caf\xc3\xa9\r\n",
         b"=3D\r\n", b" --b\r\n", b"y" * 990 + b"\r\n")


def delimits(data, open_ones):
    """Whether a delimiter of one of the boundaries is in data."""
    return any(re.search(rb"(?:^|\r\n)--" + re.escape(b.encode())
                         + rb"(?:--)?[ \t]*(?:\r\n|\r?$)", data)
               for b in open_ones)


class Message:
    """A random one: its octets, and the leaves in it as they are meant."""

    def __init__(self, dice):
        self.dice = dice
        self.leaves = []
        self.lines = False  # whether the last leaf is one of lines
        self.wire = b"MIME-Version: 1.0\r\n" + self.entity(0, ())
        if self.lines and not self.wire.endswith(b"\r\n"):
            # Where nothing delimits it, a line gets its end.
            kind, data = self.leaves[-1]
            self.leaves[-1] = (kind, data + b"\r\n")

    def header(self, kind, encoding):
        """Two fields in any order and case, and perhaps a third one."""
        fields = [b"Content-Type: " + kind.encode(),
                  b"Content-Transfer-Encoding: " + encoding]
        if self.dice.random() < .3:
            fields.append(b"Content-Description: some\r\n thing")
        self.dice.shuffle(fields)
        if encoding == b"7bit" and self.dice.random() < .5:
            fields = [f for f in fields if not f.endswith(b"7bit")]
        return b"".join(f + b"\r\n" for f in fields) + b"\r\n"

    def content(self, binary, open_ones):
        """Octets, or lines, without a delimiter in them."""
        while True:
            pieces = PIECES if binary else LINES
            data = b"".join(self.dice.choices(
                pieces, k=self.dice.randrange(8)))
            if binary:
                data += self.dice.randbytes(self.dice.choice((0, 1, 56, 57)))
            elif data:
                data = data[:-2]
            if not delimits(data, open_ones):
                return data

    def entity(self, depth, open_ones):
        """A header and a body."""
        roll = self.dice.random() + depth / 12
        if roll < .5:
            return self.multipart(depth, open_ones)
        if roll < .6:
            return self.header("message/rfc822", self.dice.choice(
                (b"binary", b"8bit"))) + b"Subject: inside\r\n" + \
                self.entity(depth + 1, open_ones)
        binary = self.dice.random() < .7
        kind = self.dice.choice(("text/plain", "application/x", "image/png"))
        data = self.content(binary, open_ones)
        self.leaves.append((kind, data))
        self.lines = not binary
        return self.header(kind, self.dice.choice(
            (b"binary", b"BINARY", b"(it is) binary") if binary
            else (b"8bit", b"7bit"))) + data

    def multipart(self, depth, open_ones):
        """One of up to four parts; the end may be missing inside another."""
        boundary = self.dice.choice(
            [b for b in BOUNDARIES if b not in open_ones and
             b + "--" not in open_ones and b[:-2] not in open_ones])
        inner = (*open_ones, boundary)
        wire = self.header(
            f'multipart/mixed; boundary="{boundary}"',
            self.dice.choice((b"binary", b"8bit")))
        if self.dice.random() < .3:
            wire += b"preamble\r\n"
        line = b"--" + boundary.encode()
        for number in range(self.dice.randrange(1, 5)):
            blank = self.dice.choice((b"", b"", b" \t"))
            wire += (b"\r\n" if number else b"") + line + blank + b"\r\n" + \
                self.entity(depth + 1, inner)
        if not open_ones or self.dice.random() < .9:
            wire += b"\r\n" + line + b"--"
            if not open_ones or self.dice.random() < .3:
                wire += b"\r\nepilogue\r\n"
        return wire


def leaves(wire):
    """The leaves that Python finds, decoded."""
    return [(part.get_content_type(), part.get_payload(decode=True))
            for part in email.message_from_bytes(wire).walk()
            if not part.is_multipart()]


def begin(scratch, role="mx"):
    """A session that has said hello."""
    talker, process = scratch.session("smtpd", "--role", role)
    talker.hello()
    if role == "submission":
        talker.login("alice", PASSWORDS["alice"])
    return talker, process


def send(talker, pieces, recipient="bob@example.org"):
    """A message in chunks, all in one write."""
    talker.send(f"MAIL FROM:<alice@example.org> BODY=BINARYMIME\r\n"
                f"RCPT TO:<{recipient}>\r\n".encode() + b"".join(
                    b"BDAT %d%s\r\n" % (len(piece), b" LAST" * (n == 1))
                    + piece
                    for n, piece in zip(range(len(pieces), 0, -1), pieces)))
    for _ in range(len(pieces) + 1):
        talker.expect("250 2.")
    talker.expect("250 2.0.0 ")


def collected(scratch):
    """What bob gets by POP3, without our trace; his mailbox is emptied."""
    with scratch.session("pop3d")[0] as talker:
        talker.pop_login("bob", PASSWORDS["bob"])
        number = int(talker.pop("+OK", "STAT").split()[1])
        got = [mbox.strip_trace(talker.pop_block(f"RETR {n + 1}"))
               for n in range(number)]
        for n in range(number):
            talker.pop("+OK", f"DELE {n + 1}")
        talker.pop("+OK", "QUIT")
    return got


def cuts(dice, wire):
    """The message in random pieces."""
    at = sorted(dice.choices(range(len(wire) + 1), k=dice.randrange(4)))
    return [wire[a:b] for a, b in zip([0, *at], [*at, len(wire)])]


def test_generated(scratch):
    """Messages of many structures come out by POP3 as they were sent"""
    dice = random.Random(11)
    for _ in range(ROUNDS // 40):
        sent = [Message(dice) for _ in range(40)]
        with begin(scratch)[0] as talker:
            for message in sent:
                send(talker, cuts(dice, message.wire))
        got = collected(scratch)
        equal(len(got), 40, "messages")
        for message, wire in zip(sent, got):
            equal(leaves(wire), message.leaves, repr(message.wire[:3000]))
            check(b"binary\r\n" not in wire.lower(), repr(wire[:2000]))


SMALL = (b"Content-Type: multipart/mixed; boundary=b\r\n"
         b"Content-Transfer-Encoding: binary\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n"
         b"Content-Transfer-Encoding: binary\r\n\r\n\0\r\n\n--b\r\n-\r\n--bb"
         b"\r\n--b--\r\n")
INSIDE = [("text/plain", b"text"),
          ("text/plain", b"\0\r\n\n--b\r\n-\r\n--bb")]


def test_cuts(scratch):
    """A small one in two chunks, cut at each octet, and in chunks of one"""
    with begin(scratch)[0] as talker:
        for cut in range(len(SMALL) + 1):
            send(talker, [SMALL[:cut], SMALL[cut:]])
        send(talker, [SMALL[i:i + 1] for i in range(len(SMALL))] + [b""])
    got = collected(scratch)
    equal(len(got), len(SMALL) + 2, "messages")
    for cut, wire in enumerate(got):
        equal(leaves(wire), INSIDE, f"cut at {cut}")
        equal(wire, got[0], f"cut at {cut}")


def test_untouched(scratch):
    """What does not say binary stays, octet for octet"""
    text = (b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
            b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            b"AAA=\r\n--b \r\n\r\n" + b"z" * 5000 + b"\xff\r\n--b--\r\n")
    with begin(scratch)[0] as talker:
        send(talker, [text])
    equal(collected(scratch), [text], "messages")


def test_large(scratch):
    """40 MB in one part: the session's memory does not grow with it"""
    head = (b"MIME-Version: 1.0\r\nContent-Type: image/png\r\n"
            b"Content-Transfer-Encoding: binary\r\n\r\n")
    block = random.Random(12).randbytes(1 << 20)
    talker, process = begin(scratch)
    with talker:
        send(talker, [head] + [block] * 40)
        status = Path(f"/proc/{process.pid}/status").read_text("ascii")
        peak = int(re.search(r"VmHWM:\s+(\d+)", status)[1])
    check(peak < MEMORY, f"{peak} KiB")
    with open(scratch.mailbox("bob"), "rb") as file:
        wire = file.read().partition(b"MIME-Version")[2]
    scratch.mailbox("bob").unlink()
    check(leaves(b"MIME-Version" + wire) == [("image/png", block * 40)],
          "the part has changed")


def test_relay():
    """Next hops get lines, and never hear of BINARYMIME"""
    for known in (("8BITMIME",), (), ("8BITMIME", "CHUNKING", "BINARYMIME")):
        with FakeMx(extensions=("SIZE",) + known) as mx, Scratch(
                f"relay smtp://127.0.0.1:{mx.port}?tls=never") as scratch:
            with begin(scratch, "submission")[0] as talker:
                send(talker, [SMALL], "far@far.example")
            scratch.run_queue()
            equal(mx.complaints, [])
            equal(len(mx.messages), 1, "messages")
            check("BODY=BINARYMIME" not in mx.messages[0].mail_params,
                  mx.messages[0].mail_params)
            equal(leaves(mx.messages[0].body), INSIDE, str(known))


def test_vanished(scratch):
    """A client that vanishes within a part leaves nothing"""
    with begin(scratch)[0] as talker:
        talker.expect("250 ", "MAIL FROM:<a@example.com> BODY=BINARYMIME")
        talker.expect("250 ", "RCPT TO:<bob@example.org>")
        talker.send(b"BDAT %d\r\n" % len(SMALL) + SMALL + b"BDAT 9 LAST\r\nx")
        talker.expect("250 2.0.0 ")
    with begin(scratch)[0] as talker:
        send(talker, [SMALL])
    equal(len(collected(scratch)), 1, "messages")


if __name__ == "__main__":
    with Scratch() as fixture:
        tap.run(globals(), fixture)
    tap.finish()
