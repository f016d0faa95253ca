# SPDX-License-Identifier: ISC
"""What goes in by SMTP comes out by POP3, byte for byte.

Every nasty text is sent and collected; LIST, STAT and TOP must agree with
what RETR sends. The same mailbox rules hold for files that other programs
left in the spool.
"""
import re

from lib import mbox
from lib.player import PASSWORDS
from lib.scratch import Instance
from lib.tap import Tap, check, equal

tap = Tap()
PROXY = "127.0.0.9"
HEAD = b"Subject: nasty\r\n\r\n"
NASTY = {
    "a dot as first byte": b".first: byte\r\n\r\nx\r\n",
    "a message that is one dot": b".\r\n",
    "lines of dots": HEAD + b".\r\n..\r\n...\r\n.x\r\n..x\r\n.\r\n",
    "From_ lines": HEAD + b"From alice\r\n\r\nFrom bob@x Mon Jan  6 10:00:00"
                   b" 2025\r\n>From one\r\n>>From two\r\n> From no\r\nfrom\r\n",
    "a From_ line as first line": b"From someone\r\nSubject: x\r\n\r\n1\r\n",
    "a quoted From_ line first": b">From someone\r\nSubject: x\r\n\r\n1\r\n",
    "an empty message": b"",
    "one empty line": b"\r\n",
    "only headers": b"Subject: only headers\r\n",
    "headers and the empty line": HEAD,
    "no headers": b"<html><body>hello</body></html>\r\n",
    "empty lines at the end": HEAD + b"x\r\n\r\n\r\n\r\n",
    "empty lines only": b"\r\n" * 20,
    "eight-bit bytes": HEAD + bytes(range(128, 256)) + b"\r\n\xff\r\n",
    "control bytes": HEAD + bytes(b for b in range(1, 128)
                                  if b not in (10, 13)) + b"\r\n",
    "a line of 998": HEAD + b"x" * 998 + b"\r\n",
    "a line of 100 KiB": HEAD + b"y" * 102400 + b"\r\nend\r\n",
    "a line of 100 KiB of dots": HEAD + b"." * 102400 + b"\r\n",
    "Content-Length that lies": b"Content-Length: 3\r\n" + HEAD
                                + b"a\r\n\r\nFrom b\r\nc\r\n",
    "a big one": HEAD + b"".join(b"%06d From .\r\n" % n
                                 for n in range(60000)),
    "dots around buffer ends": HEAD + b"".join(
        b"z" * n + b"\r\n.\r\nFrom \r\n" for n in range(4080, 4110)),
}
FOREIGN = {
    "mboxo From_ quoting, no date": b"From a Mon Jan  6 10:00:00 2025\n"
                                    b"Subject: a\n\nx\n>From y\n\n",
    "no final newline": b"From a@x Mon Jan  6 10:00:00 2025\n"
                        b"Subject: cut\n\nno newline",
    "no empty line at the end": b"From a@x Mon Jan  6 10:00:00 2025\n"
                                b"Subject: cut\n\nbody\n",
    "CRLF lines": b"From a@x Mon Jan  6 10:00:00 2025\r\nSubject: crlf\r\n"
                  b"\r\nbody\r\n\r\n",
    "Status headers of a mail reader": b"From a@x Mon Jan  6 10:00:00 2025\n"
                                       b"Subject: s\nStatus: RO\n"
                                       b"X-Status: A\n\nbody\n\n",
    "a bare CR and a NUL": b"From a@x Mon Jan  6 10:00:00 2025\n"
                           b"Subject: s\n\na\rb\0c\n\n",
    "no body at all": b"From a@x Mon Jan  6 10:00:00 2025\n\n",
    "only a From_ line": b"From a@x Mon Jan  6 10:00:00 2025\n",
}


def received(data):
    """What must come out after the trace headers.

    A message without a header section gets an empty line in front, which
    ends ours: its first line must not become part of our header. A line of an
    mbox on top of one becomes a field.
    """
    first = data.split(b"\r\n")[0]
    if re.match(rb">?From [^\r]*\r\n[!-9;-~]+:", data):
        return b"X-Mailbox-Line: " + data
    if first and not re.match(rb"[!-9;-~]+:", first):
        return b"\r\n" + data
    return data


def collect(server, user="bob", delete=True):
    """All messages of a mailbox by POP3, checking every count on the way."""
    with server.connect(server.pop3) as talker:
        talker.pop_login(user, PASSWORDS[user])
        count, total = map(int, talker.pop("+OK ", "STAT").split()[1:3])
        listing = [tuple(map(int, line.split())) for line in
                   talker.pop_block("LIST").decode().splitlines()]
        equal([n for n, _ in listing], list(range(1, count + 1)), "numbers")
        equal(sum(size for _, size in listing), total, "octets in STAT")
        uids = [line.split() for line in
                talker.pop_block("UIDL").decode().splitlines()]
        equal(len({uid for _, uid in uids}), count, "different UIDLs")
        texts = []
        for number, size in listing:
            text = talker.pop_block(f"RETR {number}")
            equal(len(text), size, f"octets of message {number}")
            line = talker.pop("+OK", f"LIST {number}")
            equal(line.split()[1:3], [str(number), str(size)], "LIST n")
            check_top(talker, number, text)
            texts.append(text)
            if delete:
                talker.pop("+OK", f"DELE {number}")
        talker.pop("+OK", "QUIT")
        talker.closed()
    return texts


def check_top(talker, number, text):
    """TOP must be RETR cut after the header or some lines of the body."""
    head, empty, body = text.partition(b"\r\n\r\n")
    if text.startswith(b"\r\n"):
        head, empty, body = b"", b"\r\n", text[2:]
    for count in (0, 1, 3):
        top = talker.pop_block(f"TOP {number} {count}")
        if empty:
            lines = body.split(b"\r\n")[:-1][:count]
            equal(top, head + empty + b"".join(x + b"\r\n" for x in lines),
                  f"TOP {number} {count}")
        check(text.startswith(top), "TOP is no beginning of RETR")
    equal(talker.pop_block(f"TOP {number} 100000000"), text, "TOP of all")


def deliver(server, data, user="bob"):
    """Sends one message as a stranger: what programs here send is completed."""
    with server.connect(server.smtp, source=PROXY) as talker:
        talker.send("PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n")
        talker.hello()
        talker.submit("carol@example.com", [user + "@example.org"], data)
        talker.expect("221 ", "QUIT")


def cases_alone(server):
    """Each text goes through an empty mailbox."""
    for name, data in NASTY.items():
        with tap.case(f"alone: {name}", server.notes):
            deliver(server, data)
            texts = collect(server)
            equal(len(texts), 1, "messages")
            equal(mbox.strip_trace(texts[0]), received(data), "the text")
            equal(server.mailbox("bob").stat().st_size, 0, "octets left")


def cases_together(server):
    """All texts lie in one mailbox."""
    with tap.case("all nasty messages in one mailbox", server.notes):
        for data in NASTY.values():
            deliver(server, data)
        kept = mbox.read(server.mailbox("bob"))
        wanted = list(map(received, NASTY.values()))
        equal([m.sent for m in kept], wanted, "the mailbox")
        texts = collect(server, delete=False)
        for name, text, data in zip(NASTY, texts, wanted):
            equal(mbox.strip_trace(text), data, name)
        equal(len(texts), len(NASTY), "messages")
        collect(server)


def cases_deletions(server):
    """Every other message goes; the rest must stay as it was."""
    with tap.case("deleting every other message keeps the rest intact",
                  server.notes):
        for data in NASTY.values():
            deliver(server, data)
        with server.connect(server.pop3) as talker:
            talker.pop_login("bob", PASSWORDS["bob"])
            for number in range(1, len(NASTY) + 1, 2):
                talker.pop("+OK", f"DELE {number}")
            talker.pop("+OK", "QUIT")
        equal([mbox.strip_trace(t) for t in collect(server)],
              [received(x) for x in NASTY.values()][1::2], "what is left")


def cases_foreign(server):
    """Mailboxes that other programs wrote."""
    for name, data in FOREIGN.items():
        with tap.case(f"foreign mailbox: {name}", server.notes):
            server.mailbox("bob").write_bytes(data)
            server.own()
            texts = collect(server, delete=False)
            equal(len(texts), 1, "messages")
            equal(server.mailbox("bob").read_bytes(), data, "the file")
            check(b"\r\r\n" not in texts[0], "CR CR LF")
            check(b"Status: " not in texts[0], "a Status line is sent")
            deliver(server, HEAD + b"appended\r\n")
            again = collect(server, delete=False)
            equal(len(again), 2, "messages after a delivery")
            equal(again[0], texts[0], "the foreign message")
            equal(mbox.strip_trace(again[1]), HEAD + b"appended\r\n", "ours")
            equal(len(collect(server)), 2, "messages")


if __name__ == "__main__":
    with Instance(f"proxy {PROXY}\nauth off\n") as fixture:
        tap.run(globals(), fixture)
    tap.finish()
