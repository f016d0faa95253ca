# SPDX-License-Identifier: ISC
"""Real messages by every way in, and to next hops of three kinds.

Port 25 keeps every octet. Users' mail and the sendmail command keep the body and
what the fields mean; next hops get what they can take, and it means the same.
RESTANTE_CORPUS names a folder of messages (.eml) and mailboxes (mbox), which are
all taken; without it, some of Python's own tests and generated ones are.
"""
import mailbox
import os
import random
import re
import subprocess
from pathlib import Path

from lib import mbox
from lib.fakemx import EXTENSIONS, FakeMx
from lib.mails import Mail, contents, python_mails
from lib.player import PASSWORDS
from lib.relaying import Relaying
from lib.scratch import Scratch
from lib.talk import stuff
from lib.tap import Skip, Tap, check, equal

tap = Tap()
GENERATED = 15
HOPS = {"7-bit": ("PIPELINING", "SIZE 104857600"),
        "8-bit": ("PIPELINING", "SIZE 104857600", "8BITMIME"),
        "SMTPUTF8": EXTENSIONS}
FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
MBOX = re.compile(rb">*From ")
OURS = re.compile(rb"Return-Path: [^\r]*\r\nReceived: from [^\r]*\r\n"
                  rb"(?:\t[^\r]*\r\n)+")
ADDED = {"date", "message-id", "from"}
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
    data = re.sub(rb"\r*\n|\r", b"\r\n", data.replace(b"\0", b""))
    return data if data.endswith(b"\r\n") or not data else data + b"\r\n"


def corpus():
    """Names and messages."""
    if "RESTANTE_CORPUS" in os.environ:
        found = [(name, clean(data))
                 for name, data in folder(os.environ["RESTANTE_CORPUS"])]
    else:
        try:
            found = [(name, clean(data)) for name, data in
                     sorted(python_mails())[::3]]
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
    check(found, "there are messages")
    return found


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
    (message,) = mbox.read(scratch.mailbox("bob"))
    scratch.mailbox("bob").unlink()
    trace = OURS.match(message.wire)
    check(trace, f"our trace fields: {message.wire!r:.300}")
    return message.wire[trace.end():]


def by_smtp(scratch, wire, role):
    """What becomes of it; None: refused for what it holds."""
    with scratch.session("smtpd", "--role", role)[0] as talker:
        talker.hello()
        if role == "submission":
            talker.login("alice", PASSWORDS["alice"])
        talker.expect("250 ", "MAIL FROM:<alice@example.org> BODY=8BITMIME")
        talker.expect("250 ", "RCPT TO:<bob@example.org>")
        talker.expect("354 ", "DATA")
        talker.send(stuff(wire) + b".\r\n")
        talker.expect("250 2.0.0")
        talker.expect("221", "QUIT")
    return arrived(scratch)


def same_mail(what, wire, got):
    """Fields may be added, and Bcc goes; all else means what it meant."""
    top, fields, rest = split(wire)
    if fields is None:
        check(got.endswith(b"\r\n\r\n" + wire), f"{what}: {got!r:.900}")
        return
    _, after, body = split(got)
    equal(body, rest or b"\r\n", f"{what}: the body")
    is_signed = "dkim-signature" in names(fields)
    left = [n for n in names(after) if n != "x-mailbox-line"]
    for name in names(fields):
        if name in left:
            left.remove(name)
        else:
            check(name in ADDED | BLIND, f"{what}: {name} is missing")
    check(set(left) <= (set() if is_signed else ADDED), f"{what}: {left}")
    check(is_signed or not BLIND & set(names(after)), f"{what}: Bcc")
    before, since = (contents(readable(f) + r) for f, r in
                     ((fields, rest), (after, body)))
    equal([x for x in since if len(x) == 3], [x for x in before if len(x) == 3],
          f"{what}: the parts")


def test_port_25():
    """By port 25, octet for octet"""
    with Scratch("size-limit 0", tls=False) as scratch:
        for name, wire in corpus():
            equal(by_smtp(scratch, wire, "mx"), kept(wire), name)


def test_submission():
    """By submission, with what is missing and without Bcc"""
    with Scratch("size-limit 0", tls=False) as scratch:
        for name, wire in corpus():
            same_mail(name, wire, by_smtp(scratch, wire, "submission"))


def test_command():
    """By the sendmail command"""
    with Scratch("size-limit 0", tls=False) as scratch:
        for name, wire in corpus():
            _, fields, _ = split(wire)
            if not fields:
                continue
            done = subprocess.run(
                [*scratch.command("smtpd"), "-i", "-f", "alice@example.org",
                 "bob@example.org"], input=wire.replace(b"\r\n", b"\n"),
                capture_output=True, timeout=60, check=False, cwd="/",
                env=scratch.environment(), **scratch.as_user())
            equal(done.returncode, 0, f"{name}: {done.stderr}")
            same_mail(name, wire, arrived(scratch))


def test_hops():
    """To next hops that take 7 bits, 8 bits, and UTF-8 in fields"""
    for hop, extensions in HOPS.items():
        with FakeMx(extensions=extensions) as mx, \
                Relaying(f"smtp://127.0.0.1:{mx.port}") as relay:
            for name, wire in corpus():
                wire = kept(wire)
                seen = len(mx.messages)
                outcome = relay.send(wire, ["b@example.net"])[0]
                what = f"{name} to a hop of {hop}"
                plain = wire.isascii() and \
                    max(map(len, wire.split(b"\r\n"))) <= 998
                if outcome.kind != "sent":
                    check(not plain and outcome.dsn.startswith("5.6."),
                          f"{what}: {outcome}")
                    continue
                (message,) = mx.messages[seen:]
                if plain or wire == message.body:
                    equal(message.body, wire, what)
                    continue
                check(max(map(len, message.body.split(b"\r\n"))) <= 998, what)
                check(hop != "7-bit" or message.body.isascii(), what)
                equal([x[1:] for x in contents(message.body) if len(x) == 3],
                      [x[1:] for x in contents(wire) if len(x) == 3], what)
            equal(mx.complaints, [])


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
