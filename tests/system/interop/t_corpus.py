# SPDX-License-Identifier: ISC
"""Real messages by every way in, and to next hops of three kinds.

Port 25 keeps every octet. Users' mail and the sendmail command keep the body and
what the fields mean; next hops get what they can take, and it means the same.
RESTANTE_CORPUS names a folder of messages (.eml) and mailboxes (mbox), which are
all taken; without it, some of Python's own tests and generated ones are.
RESTANTE_NASTY is how many of those of lib/nasty.py there are, by the seed
RESTANTE_SEED; lib.nasty.mail(SEED, NUMBER) makes one again.
"""
import mailbox
import os
import random
import re
import subprocess
from contextlib import contextmanager
from pathlib import Path

from lib import mbox, nasty
from lib.fakemx import EXTENSIONS, FakeMx
from lib.mails import Mail, contents, is_broken, python_mails
from lib.player import PASSWORDS
from lib.relaying import Relaying
from lib.scratch import Scratch
from lib.talk import stuff
from lib.tap import Skip, Tap, check, equal

tap = Tap()
GENERATED = 15
NASTY = int(os.environ.get("RESTANTE_NASTY", "40"))
SEED = int(os.environ.get("RESTANTE_SEED", "1"))
SHOWN = 12
# Port 25 refuses these, since others may take them for line ends.
ODD = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")
HOPS = {"7-bit": ("PIPELINING", "SIZE 104857600"),
        "8-bit": ("PIPELINING", "SIZE 104857600", "8BITMIME"),
        "SMTPUTF8": EXTENSIONS}
FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
MBOX = re.compile(rb">*From ")
OURS = re.compile(rb"Return-Path: [^\r]*\r\nReceived: from [^\r]*\r\n"
                  rb"(?:\t[^\r]*\r\n)+")
COMMON = {"subject", "from", "to", "cc", "bcc", "date", "message-id", "received",
          "mime-version", "content-type", "sender", "reply-to"}
ADDED = {"date", "message-id", "from"}
EMPTY = {"date", "message-id", "from", "to", "cc"}    # these go when they are
BLIND = {"bcc", "resent-bcc"}
OTHER_TOPS = [
    b"Subject : blank\r\n", b": nameless\r\nSubject: x\r\n",
    b"From joe@far.example Mon Jan  1 00:00:00 2024\r\nSubject: x\r\n",
    b">From joe@far.example Mon Jan  1 00:00:00 2024\r\nFrom  : joe\r\n",
    b"Warning: disk full\r\nSubject: x\r\n"]


def folder(path):
    """The messages of a folder, whatever their line ends."""
    for file in sorted(p for p in Path(path).rglob("*") if p.is_file()):
        data = file.read_bytes()
        if file.suffix.lower() == ".eml" or not data.startswith(b"From "):
            yield file.name, data
            continue
        box = mailbox.mbox(str(file), create=False)
        for key in box.iterkeys():
            yield f"{file.name} {key}", box.get_bytes(key)
        box.close()


def clean(data):
    """As SMTP can carry it: lines that end in CR LF, and no NUL."""
    data = re.sub(rb"\r*\n|\r", b"\r\n", data.replace(b"\0", b"?"))
    return data if data.endswith(b"\r\n") or not data else data + b"\r\n"


def corpus():
    """Names and octets. What is in files is in wire form, or has LF."""
    if "RESTANTE_CORPUS" in os.environ:
        found = [(name, re.sub(rb"(?<!\r)\n", b"\r\n", data))
                 for name, data in folder(os.environ["RESTANTE_CORPUS"])]
    else:
        try:
            found = sorted(python_mails())[::3]
        except Skip as missing:
            tap.diag(missing)
            found = []
        dice = random.Random(11)
        found += [(f"generated {n}", Mail(dice).wire)
                  for n in range(GENERATED)]
        found += [(f"top {n}", top + b"To: b@far.example\r\n\r\nText.\r\n")
                  for n, top in enumerate(OTHER_TOPS)]
        found += [("text", b"Hello you,\r\n\r\nFrom here on: none.\r\n"),
                  ("paragraphs", b"From now on\r\n\r\nSubject: none\r\n")]
    check(found or NASTY, "there are messages")
    yield from found
    yield from nasty.mails(SEED, NASTY)


class Ambiguous(Exception):
    """A broken multipart is read in another way by Python than by us."""


class Faults:
    """What is wrong, with a message each; all messages are looked at."""

    def __init__(self):
        self.found, self.ambiguous = [], []
        self.count = 0

    @contextmanager
    def of(self, name):
        """A block about that message."""
        self.count += 1
        try:
            yield
        except AssertionError as error:
            self.found.append(f"{name}: {error!s:.500}")
        except Ambiguous:
            self.ambiguous.append(name)

    def none(self):
        """There must be none, and hardly any that may be one."""
        if self.ambiguous:
            tap.diag(f"ambiguous: {', '.join(self.ambiguous[:SHOWN])}")
        check(len(self.ambiguous) <= 1 + self.count // 500,
              f"ambiguous: {len(self.ambiguous)} of {self.count}")
        check(not self.found, f"{len(self.found)} of {self.count}:\n"
              + "\n".join(self.found[:SHOWN]))


def split(wire):
    """Lines of an mbox on top, the fields, and the rest, as readers see it.
    None for the fields: it is all text."""
    lines = wire.splitlines(keepends=True)
    top, at, named = [], 0, False
    while at < len(lines) and (
            MBOX.match(lines[at]) and not FIELD.match(lines[at])
            or (top and lines[at][:1] in b" \t" and lines[at][:1])):
        top.append(lines[at])
        at += 1
    fields = []
    while at < len(lines):
        line = lines[at]
        folded = fields and line[:1] in (b" ", b"\t")
        if not folded and not FIELD.match(line) and line[:1] != b":":
            break
        named = named or (not folded and line[:1] != b":")
        if folded:
            fields[-1] += line
        else:
            fields.append(line)
        at += 1
    if not named:
        return ([], [], wire) if wire[:2] in (b"\r\n", b"") \
            else ([], None, wire)
    return top, fields, b"".join(lines[at:])


def kept(wire):
    """What port 25 makes of it."""
    top, fields, rest = split(wire)
    if fields is None:
        return b"\r\n" + wire
    return b"".join(line if line[:1] in (b" ", b"\t")
                    else b"X-Mailbox-Line: " + line
                    for line in top) + b"".join(fields) + rest


def names(fields):
    """Their names in small letters."""
    return [f.partition(b":")[0].strip().lower().decode("ascii", "replace")
            for f in fields]


def readable(fields):
    """As Python's reader has them: without blanks before colons."""
    return b"".join(re.sub(rb"\A([^\s:]+)[ \t]+:", rb"\1:", f)
                    for f in fields if f[:1] != b":")


def arrived(scratch):
    """The one message in bob's mailbox, which is emptied."""
    box = mbox.read(scratch.mailbox("bob"))
    scratch.mailbox("bob").unlink(missing_ok=True)
    equal(len(box), 1, "messages")
    trace = OURS.match(box[0].wire)
    check(trace, f"our trace fields: {box[0].wire!r:.300}")
    return box[0].wire[trace.end():]


class Session:
    """Sends one message after the other, to bob."""

    def __init__(self, scratch, role):
        self.scratch, self.role = scratch, role
        self.talker, self.left = None, 0

    def begin(self):
        """A session, the last one or a new one."""
        if not self.left:
            self.end()
            self.talker, _ = self.scratch.session("smtpd", "--role", self.role)
            self.talker.hello()
            if self.role == "submission":
                self.talker.login("alice", PASSWORDS["alice"])
            self.left = 50
        self.left -= 1
        return self.talker

    def send(self, wire):
        """The reply to the end of it."""
        talker = self.begin()
        try:
            talker.expect("250 ",
                          "MAIL FROM:<alice@example.org> BODY=8BITMIME")
            talker.expect("250 ", "RCPT TO:<bob@example.org>")
            talker.expect("354 ", "DATA")
            end = b"" if not wire or wire.endswith(b"\r\n") else b"\r\n"
            talker.send(stuff(wire) + end + b".\r\n")
            reply = talker.reply()
        except BaseException:
            self.left = 0
            raise
        if reply.code != 250:
            self.left = 0       # port 25 ends it after some
        return reply

    def deliver(self, wire):
        """What becomes of it."""
        reply = self.send(wire)
        check(reply.startswith("250 2.0.0"), f"{reply}")
        return arrived(self.scratch)

    def refuse(self, wire):
        """It must not be taken."""
        reply = self.send(wire)
        check(reply.code in (550, 554), f"{reply}")
        check(not self.scratch.mailbox("bob").exists(), "it was delivered")

    def end(self):
        """Hangs up."""
        if self.talker:
            self.talker.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def read(wire):
    """The parts, as Python reads them: their names and octets."""
    top, fields, rest = split(wire)
    if fields is None:
        fields = []
    if not rest.startswith(b"\r\n"):
        rest = b"\r\n" + rest     # Python would read on
    return [part[1:] for part in contents(readable(fields) + rest)
            if len(part) == 3]


def same_parts(before, since):
    """Names the first difference."""
    for number, (old, new) in enumerate(zip(before, since)):
        equal(new[0], old[0], f"name of part {number}")
        if old[1] != new[1]:
            at = len(os.path.commonprefix([old[1], new[1]]))
            part = slice(max(0, at - 20), at + 60)
            equal(new[1][part], old[1][part], f"part {number} at {at}")
    equal(len(since), len(before), "parts")


def same_mail(wire, got, what="mail"):
    """Fields may be added, and Bcc goes; all else means what it meant."""
    top, fields, rest = split(wire)
    if fields is None:
        check(got.endswith(b"\r\n\r\n" + wire), f"{what}: {got!r:.900}")
        return
    _, after, body = split(got)
    # What is no field ends the header section, with or without an empty line.
    if not rest.startswith(b"\r\n") and body != rest:
        rest = b"\r\n" + rest
    at = len(os.path.commonprefix([body, rest]))
    equal(body[at:at + 80], rest[at:at + 80], f"{what}: the body at {at}")
    is_signed = "dkim-signature" in names(fields)
    left = [n for n in names(after) if n != "x-mailbox-line"]
    for field, name in zip(fields, names(fields)):
        if name in left:
            left.remove(name)
        elif field.partition(b":")[2].strip() or name not in EMPTY:
            check(name in ADDED | BLIND, f"{what}: {name} is missing")
    check(set(left) <= (set() if is_signed else ADDED), f"{what}: {left}")
    check(is_signed or not BLIND & set(names(after)), f"{what}: Bcc")
    same_parts(read(b"".join(fields) + rest), read(b"".join(after) + body))


def as_given(octets, got):
    """What the command has made of it. A CR inside of a field is a blank there,
    and what has no field that is common in mail may be text. CRs at the end of
    the input are one line end, as those before an LF are."""
    if octets.endswith(b"\r"):
        octets = octets.rstrip(b"\r") + b"\n"
    _, fields, _ = split(clean(octets))
    if fields and not COMMON & set(names(fields)) and \
            got.endswith(b"\r\n\r\n" + clean(octets)):
        return
    end = re.search(rb"\n\r*\n|\Z", octets).start()
    forms = [octets, re.sub(rb"\r(?!\r*(\n|\Z))", b" ", octets[:end])
             + octets[end:],
             re.sub(rb"\n\r(?=[^\r\n])", b"\n\n\n", b"\n" + octets)[1:]]
    for form in forms:
        try:
            same_mail(clean(form), got)
            return
        except AssertionError as error:
            wrong = error
    raise wrong


def test_port_25():
    """By port 25, octet for octet; nothing that is not quite in wire form"""
    faults = Faults()
    with Scratch("size-limit 0\nauth off", tls=False) as scratch, \
            Session(scratch, "mx") as session:
        for name, octets in corpus():
            with faults.of(name):
                if ODD.search(octets):
                    session.refuse(octets)
                wire = clean(octets)
                equal(session.deliver(wire), kept(wire))
    faults.none()


def test_submission():
    """By submission, with what is missing and without Bcc"""
    faults = Faults()
    with Scratch("size-limit 0", tls=False) as scratch, \
            Session(scratch, "submission") as session:
        for name, octets in corpus():
            with faults.of(name):
                if octets and not octets.endswith(b"\r\n"):
                    octets += b"\r\n"
                if b"\0" in octets:
                    session.refuse(octets)
                    octets = octets.replace(b"\0", b"?")
                same_mail(clean(octets), session.deliver(octets))
    faults.none()


def test_command():
    """By the sendmail command"""
    faults = Faults()
    with Scratch("size-limit 0", tls=False) as scratch:
        for name, octets in corpus():
            with faults.of(name):
                done = subprocess.run(
                    [*scratch.command("smtpd"), "-i", "-f",
                     "alice@example.org", "bob@example.org"],
                    input=octets if ODD.search(octets) else
                    octets.replace(b"\r\n", b"\n"),
                    capture_output=True, timeout=60, check=False, cwd="/",
                    env=scratch.environment(), **scratch.as_user())
                equal(done.returncode, 0, f"{done.stderr}")
                as_given(octets, arrived(scratch))
    faults.none()


def relayed(relay, mx, wire, seven_bit):
    """By an agent to a next hop: it means the same there. False: it was
    given back."""
    seen = len(mx.messages)
    outcome = relay.send(wire, ["b@example.net"])[0]
    plain = wire.isascii() and max(map(len, wire.split(b"\r\n"))) <= 998
    if outcome.kind != "sent":
        check(not plain and outcome.dsn.startswith("5.6."), f"{outcome}")
        return False
    (message,) = mx.messages[seen:]
    if plain or wire == message.body:
        equal(message.body, wire)
        return True
    check(max(map(len, message.body.split(b"\r\n"))) <= 998, "long lines")
    check(not seven_bit or message.body.isascii(), "8-bit octets")
    try:
        same_parts(read(wire), read(message.body))
    except AssertionError as error:
        if is_broken(wire):
            raise Ambiguous(error) from None
        raise
    return True


def cases_hops():
    """To next hops that take 7 bits, 8 bits, and UTF-8 in fields"""
    for hop, extensions in HOPS.items():
        faults, returned = Faults(), 0
        with tap.case(f"To a next hop that takes {hop}"):
            with FakeMx(extensions=extensions) as mx, \
                    Relaying(f"smtp://127.0.0.1:{mx.port}") as relay:
                for name, octets in corpus():
                    with faults.of(name):
                        returned += not relayed(
                            relay, mx, kept(clean(octets)), hop == "7-bit")
                    mx.received.clear()
                equal(mx.complaints, [])
            tap.diag(f"{hop}: {returned} of {faults.count} come back")
            faults.none()


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
