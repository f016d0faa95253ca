# SPDX-License-Identifier: ISC
"""What is added to the header section of mail that users send.

A server that adds nothing sends mail that others refuse for want of a Date; one
that adds too much breaks signatures, or changes mail that is not its users'.
"""
import re
import socket

from lib import mbox
from lib.player import PASSWORDS
from lib.scratch import Scratch
from lib.talk import Talker, stuff
from lib.tap import Tap, check, equal

tap = Tap()
WHOLE = (b"From: Alice <alice@example.org>\r\n"
         b"Date: Sun, 01 Nov 2026 10:00:00 +0000\r\n"
         b"Message-ID: <1@example.org>\r\nX-Odd :  a\tb \r\n\r\n.\r\n")
BODY = b"\r\nFrom: nobody\r\nDate:\r\n.\r\n"
DATE = rb"Date: [A-Z][a-z]{2}, \d\d? [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d " \
       rb"[+-]\d{4}\r\n"
ID = rb"Message-ID: <([A-Z0-9]{12})@mail\.example\.org>\r\n"
FROM = rb"From: alice@example\.org\r\n"


def connect(scratch, args):
    """A session; args: how it is started, or a socket that is served."""
    if args[:1] == ("127.0.0.1",):
        return Talker(socket.create_connection(args))
    if isinstance(args, tuple):
        return scratch.session("smtpd", *args)[0]
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(args)
    return Talker(sock)


def send(scratch, text, args=("--role", "submission"), login=True,
         sender="alice@example.org", chunk=0):
    """Sends a message to bob; what then is in his mailbox, which is emptied."""
    with connect(scratch, args) as talker:
        talker.hello()
        if login:
            talker.login("alice", PASSWORDS["alice"])
        talker.expect("250 ", f"MAIL FROM:<{sender}>")
        talker.expect("250 ", "RCPT TO:<bob@example.org>")
        if chunk == 0:
            talker.expect("354 ", "DATA")
            talker.send(stuff(text) + b".\r\n")
        for at in range(0, len(text), chunk) if chunk else ():
            piece = text[at:at + chunk]
            talker.send(b"BDAT %d\r\n" % len(piece) + piece)
            talker.expect("250 ")
        if chunk != 0:
            talker.send("BDAT 0 LAST\r\n")
        reply = talker.expect("250 2.0.0 Delivered").last
        talker.expect("221", "QUIT")
    (message,) = mbox.read(scratch.mailbox("bob"))
    scratch.mailbox("bob").unlink()
    return message.sent, reply.split()[-1].encode()


def matches(got, pattern, what):
    """All of it must match."""
    found = re.fullmatch(pattern, got, re.S)
    check(found, f"{what}: {got[:400]!r}")
    return found


MARK = "\N{BYTE ORDER MARK}".encode()  # some editors begin files with it
TOPS = [  # what comes, and what is kept of its top
    (b"Subject : hello\r\n", b"Subject : hello\r\n"),
    (b"Subject\t \t: hello\r\n", b"Subject\t \t: hello\r\n"),
    (b"From  : a@far.example\r\nTo    : b@far.example\r\n",
     b"From  : a@far.example\r\nTo    : b@far.example\r\n"),
    (b": nameless\r\n", b": nameless\r\n"),
    (b"From joe@b.example Mon Jan  1 00:00:00 2024\r\n",
     b"X-Mailbox-Line: From joe@b.example Mon Jan  1 00:00:00 2024\r\n"),
    (b">From joe Mon Jan  1 00:00:00 2024\r\nFrom x\r\n y\r\n",
     b"X-Mailbox-Line: >From joe Mon Jan  1 00:00:00 2024\r\n"
     b"X-Mailbox-Line: From x\r\n y\r\n"),
    (b">>From joe\r\n: nameless\r\n",
     b"X-Mailbox-Line: >>From joe\r\n: nameless\r\n"),
    (MARK + b"Subject: hello\r\n", b"Subject: hello\r\n"),
    (MARK * 2 + b"From  : a@far.example\r\n", b"From  : a@far.example\r\n"),
    (MARK + b"From joe\r\n" + MARK, b"X-Mailbox-Line: From joe\r\n"),
]
TEXTS = [  # no header section: an empty line is put before it
    b"From now on it is dark.\r\nNothing else.\r\n", b"hello\r\n\r\nyou\r\n",
    b"From now on\r\n\r\nSubject: x\r\n", b":-) hello\r\n", b":-)\r\nyou\r\n",
    MARK + b"hello\r\n", MARK[:2] + b"Subject: x\r\n",
    b" Subject: x\r\n", b"From a\r\n" * 9 + b"Subject: x\r\n",
]


def test_top(scratch):
    """What looks like a header section to readers is one, however it begins"""
    rest = WHOLE.replace(b"From: Alice <", b"Reply-To: <")
    for top, kept in TOPS:
        for args, login, chunk in ((("--role", "mx"), False, 0),
                                   (("--role", "mx"), False, 1),
                                   (("--role", "submission"), True, 7)):
            text = top + (rest if top.startswith(b"From  :") else WHOLE)
            got, _ = send(scratch, text, args=args, login=login, chunk=chunk,
                          sender="alice@example.org")
            equal(got, kept + text[len(top):], repr(top))


def test_text(scratch):
    """Text without a header section stays text, octet for octet"""
    for text in TEXTS:
        for chunk in (0, 1, 1000):
            got, _ = send(scratch, text, args=("--role", "mx"), login=False,
                          chunk=chunk)
            equal(got, b"\r\n" + text, repr(text))


def test_cr_cr_lf(scratch):
    """CR CR LF is one line end in mail from users, and an offence elsewhere"""
    for count in (2, 3, 100):
        text = WHOLE.replace(b"\r\n", b"\r" * count + b"\n") + b"x\r\n"
        for chunk in (0, 1, 50):
            got, _ = send(scratch, text, chunk=chunk)
            equal(got, WHOLE + b"x\r\n", f"{count} CRs, pieces of {chunk}")
    got, _ = send(scratch, WHOLE + b"a\r\rb\r\n")
    equal(got, WHOLE + b"a\r\n\r\nb\r\n", "CRs without an LF")
    with scratch.session("smtpd", "--role", "mx")[0] as talker:
        talker.hello()
        talker.expect("250 ", "MAIL FROM:<alice@example.org>")
        talker.expect("250 ", "RCPT TO:<bob@example.org>")
        talker.expect("354 ", "DATA")
        talker.send(b"Subject: x\r\r\n\r\n.\r\n")
        talker.expect("550 5.5.2")


def test_machine_names(scratch):
    """EHLO of a machine whose name is not ASCII is forgiven to users alone"""
    for verb in ("EHLO", "HELO", "ehlo"):
        for name in ("M\u00dcLLER-PC".encode(), b"M\xdcller pc", b"\xff"):
            line = verb.encode() + b" " + name + b"\r\n"
            with scratch.session("smtpd", "--role", "submission")[0] as talker:
                talker.expect("220")
                talker.send(line)
                talker.expect("250")
            with scratch.session("smtpd", "--role", "mx")[0] as talker:
                talker.expect("220")
                talker.send(line)
                talker.expect("500 5.5.2")
    with scratch.session("smtpd", "--role", "submission")[0] as talker:
        talker.expect("220")
        talker.send("EHLO M\u00dcLLER-PC\r\n".encode())
        talker.expect("250")
        talker.login("alice", PASSWORDS["alice"])
        talker.expect("250 ", "MAIL FROM:<alice@example.org>")
        talker.expect("250 ", "RCPT TO:<bob@example.org>")
        talker.expect("354 ", "DATA")
        talker.send(stuff(WHOLE) + b".\r\n")
        talker.expect("250 2.0.0 Delivered")
        talker.send(b"NOOP \xff\r\n")
        talker.expect("500 5.5.2")
        talker.expect("221", "QUIT")
    (message,) = mbox.read(scratch.mailbox("bob"))
    scratch.mailbox("bob").unlink()
    check(message.headers.isascii(), repr(message.headers))


def test_missing(scratch):
    """Date, Message-ID and From are added after what is there"""
    text = b"Subject: x\r\nTo: bob@example.org\r\n" + BODY
    for chunk in (0, 1, 30, 1000):
        got, name = send(scratch, text, chunk=chunk)
        found = matches(got, re.escape(text[:-len(BODY)]) + FROM + DATE + ID
                        + re.escape(BODY), f"chunks of {chunk}")
        equal(found.group(1), name, "the id in the reply and the field")


def test_there(scratch):
    """What is there stays, octet for octet"""
    equal(send(scratch, WHOLE)[0], WHOLE)
    equal(send(scratch, WHOLE, chunk=7)[0], WHOLE)


BLIND = [b"Bcc: eve@example.org\r\n", b"bcc :eve,\r\n\tdave@x.example\r\n",
         b"BCC\t: <eve@example.org>\r\n", b"Resent-Bcc: eve\r\n dave\r\n",
         b"Bcc:\r\n", b"Bcc: =?utf-8?q?Eve?= <eve@x.example>\r\nBcc: dave\r\n"]


def test_bcc(scratch):
    """Bcc of users' mail reaches nobody, however it is written and sent"""
    others = b"X-Bcc: a\r\nBcc-Info: b\r\n"
    for blind in BLIND:
        for text in (blind + others + WHOLE, others + blind + WHOLE,
                     (others + WHOLE).replace(b"\r\n\r\n",
                                              b"\r\n" + blind + b"\r\n")):
            for chunk in (0, 7):
                got, _ = send(scratch, text, chunk=chunk)
                equal(got, text.replace(blind, b""), repr(blind))
        text = others + WHOLE + blind
        equal(send(scratch, text)[0], text, "text of the body stays")
        text = b"DKIM-Signature: v=1\r\n" + blind + WHOLE
        equal(send(scratch, text)[0], text, "what is signed stays")
        text = blind + WHOLE
        equal(send(scratch, text, (), login=False)[0], text, "strangers'")
    text = b"X-Filler: " + b"x" * 60 + b"\r\n"
    text = text * 10000 + BLIND[1] + WHOLE
    equal(send(scratch, text)[0], text.replace(BLIND[1], b""), "a long section")


def test_programs_here(scratch):
    """A program's mail to 127.0.0.1:25 is completed, unless it was relayed"""
    daemon = scratch.serve("smtpd", "127.0.0.1:0")
    here = ("127.0.0.1", daemon.ports[0])
    text = b"Subject: alert\r\nTo: bob\r\nBcc: eve\r\n" + BODY
    for chunk in (0, 5):
        got, _ = send(scratch, text, here, login=False, chunk=chunk)
        matches(got, rb"Subject: alert\r\nTo: bob@mail\.example\.org\r\n"
                + FROM + DATE + ID + re.escape(BODY), "of a program")
    got, _ = send(scratch, text, here, login=False, sender="")
    matches(got, rb"Subject: alert\r\nTo: bob@mail\.example\.org\r\n"
            + DATE + ID + re.escape(BODY), "of nobody")
    equal(send(scratch, WHOLE, here, login=False)[0], WHOLE, "a whole one")
    for extra in (b"Received: from far.example by x; now\r\n",
                  b"received : from far.example\r\n",
                  b"DKIM-Signature: v=1\r\n"):
        got, _ = send(scratch, extra + text, here, login=False)
        if b"DKIM" in extra:
            check(got.startswith(b"Authentication-Results: "), got)
        equal(got[-len(extra + text):], extra + text, "from elsewhere")
    daemon.stop()


def test_names(scratch):
    """Bare names get the hostname; other addresses stay"""
    text = WHOLE.replace(b"Alice <alice@example.org>",
                         b"Alice <alice>,\r\n b@example.org") \
        + b"\r\nTo: carol\r\n"
    text = b"To: Bob <bob>, c@far.example\r\n" + text
    got = send(scratch, text)[0]
    equal(got, text.replace(b"<alice>", b"<alice@mail.example.org>")
          .replace(b"<bob>", b"<bob@mail.example.org>"))


def test_blank(scratch):
    """A field without a value does not count"""
    got, _ = send(scratch, b"Date: \r\nFrom:\r\nSubject:\r\n" + BODY)
    matches(got, rb"Subject:\r\n" + FROM + DATE + ID + re.escape(BODY), "text")


def test_signed(scratch):
    """Of a signed message nothing is changed"""
    text = b"DKIM-Signature: v=1; d=example.org;\r\n b=x\r\nTo: bob\r\n" + BODY
    equal(send(scratch, text)[0], text)
    got, _ = send(scratch, text.replace(b"DKIM-Sig", b"X-DKIM-Sig"))
    check(b"Message-ID" in got, "one that is not signed stays as it is")


def test_strangers(scratch):
    """Mail from others is theirs; on the same port, that of users is not"""
    text = b"To: bob\r\n" + BODY
    equal(send(scratch, text, (), login=False)[0], text)
    got, _ = send(scratch, text, ())
    matches(got, rb"To: bob@mail\.example\.org\r\n" + FROM + DATE + ID
            + re.escape(BODY), "text of a user on port 25")


def test_local(scratch):
    """Programs of this machine need no login, and no name is made up"""
    text = b"To: bob\r\n" + BODY
    path = str(scratch.dir / "socket")
    daemon = scratch.serve("smtpd", "unix:" + path)
    got, _ = send(scratch, text, path, login=False)
    matches(got, rb"To: bob@mail\.example\.org\r\n" + FROM + DATE + ID
            + re.escape(BODY), "text")
    got, _ = send(scratch, text, path, login=False, sender="")
    daemon.stop()
    matches(got, rb"To: bob@mail\.example\.org\r\n" + DATE + ID
            + re.escape(BODY), "text of nobody")


def test_sender(scratch):
    """A message of nobody is from who has logged in"""
    got, _ = send(scratch, b"To: bob@example.org\r\n" + BODY, sender="")
    check(b"\r\nFrom: alice@mail.example.org\r\n" in got, repr(got))


def test_no_head(scratch):
    """Text alone gets a header section"""
    for text in (b"just text\r\nDate: x\r\n", b"\r\ntext\r\n", b"\r\n", b""):
        got, _ = send(scratch, text)
        end = text if text[:2] in (b"\r\n", b"") else b"\r\n" + text
        matches(got, FROM + DATE + ID + re.escape(end), repr(text))


def test_no_body(scratch):
    """So does a header section that nothing follows, or no empty line"""
    got, _ = send(scratch, b"Subject: x\r\n")
    matches(got, rb"Subject: x\r\n" + FROM + DATE + ID + rb"(?:\r\n)?", "head")
    got, _ = send(scratch, b"Subject: x\r\ntext\r\n\r\nmore\r\n")
    matches(got, rb"Subject: x\r\n" + FROM + DATE + ID
            + rb"\r\ntext\r\n\r\nmore\r\n", "head and text")


def test_no_field(scratch):
    """A line that is no field ends the section for all readers"""
    hidden = b"From: ceo@bank.example\r\nBcc: eve\r\n\r\ntext\r\n"
    whole = WHOLE.removesuffix(b"\r\n.\r\n")
    for line in (b"this is no field", b"From", b"X Y: z", b"From a@b.example",
                 b">From a@b.example", b"\xc3\xa4: x", b"x" * 999):
        for top in (whole, b"DKIM-Signature: v=1\r\n" + whole):
            for chunk in (0, 1, 50):
                got, _ = send(scratch, top + line + b"\r\n" + hidden,
                              chunk=chunk)
                equal(got, top + b"\r\n" + line + b"\r\n" + hidden, line)


def test_long(scratch):
    """Long header sections are completed; beyond all reason, left alone"""
    line = b"X-Filler: " + b"x" * 60 + b"\r\n"
    for size, added in ((150, True), (950, True), (1100, False)):
        text = line * (size * 1024 // len(line)) + b"To: bob\r\n" + BODY
        got, _ = send(scratch, text)
        equal(got.startswith(line * 100), True, "its start")
        check(got.endswith(BODY), "its end")
        equal(got == text, not added, f"{size} KiB unchanged")
        equal(len(re.findall(rb"^" + FROM + DATE + ID, got, re.M)), int(added),
              f"{size} KiB: fields")


def test_refusals(scratch):
    """Faults are found as before"""
    for text, reply in ((b"To: bob\r\n" + b"x" * 70 + b"\r\n" * 1600000,
                         "552 5.3.4"), (b"To: bob\r\n\0\r\n", "550 5.6.0")):
        with scratch.session("smtpd", "--role", "submission")[0] as talker:
            talker.hello()
            talker.login("alice", PASSWORDS["alice"])
            talker.expect("250 ", "MAIL FROM:<alice@example.org>")
            talker.expect("250 ", "RCPT TO:<bob@example.org>")
            talker.expect("354 ", "DATA")
            talker.send(text + b".\r\n")
            talker.expect(reply)
            talker.submit("alice@example.org", ["bob@example.org"], WHOLE)
        (message,) = mbox.read(scratch.mailbox("bob"))
        scratch.mailbox("bob").unlink()
        equal(message.sent, WHOLE, "the next one")


if __name__ == "__main__":
    config = "size-limit 1500K\nmasquerade @example.org @far.example"
    with Scratch(config, tls=False) as fixture:
        tap.run(globals(), fixture)
    tap.finish()
