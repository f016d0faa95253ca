# SPDX-License-Identifier: ISC
"""What BDAT takes is what was sent, however it is cut.

A server that looks for line ends or dots chunk by chunk loses octets where
the cut is; one that looks for the end of the data in them can be made to see
a second message.
"""
import socket

from lib import mbox
from lib.smuggling import FORMS
from lib.player import PASSWORDS
from lib.proc import status
from lib.scratch import LONG, Scratch
from lib.tap import Tap, check, equal

tap = Tap()
TEXT = (b"Subject: chunks\r\n\r\n.\r\n..\r\n.x\r\nFrom here\r\n>From\r\n\r\n"
        b"caf\xc3\xa9 \xff\r\n.\r\n\r\nend\r\n")
TINY = 1000 if LONG else 100    # thousands of chunks
MEMORY = 16 * 1024              # KiB
HUGE = tuple(str(power + n) for power in (1 << 31, 1 << 32, 1 << 63)
             for n in (-1, 0, 1)) + (str((1 << 64) - 1),)
WRONG = (str(1 << 64), str((1 << 64) + 1), str((1 << 64) + 10), "-1", "+5",
         "0x10", "1e3", "5.0", "9" * 100, "")
SECOND = (b"MAIL FROM:<evil@example.com>\r\nRCPT TO:<bob@example.org>\r\n"
          b"BDAT 4 LAST\r\nevil\r\n")


def begin(scratch, role="mx"):
    """A session that has said hello, and logged in where that is due."""
    talker, _ = scratch.session("smtpd", "--role", role)
    talker.hello()
    if role == "submission":
        talker.login("alice", PASSWORDS["alice"])
    return talker


def envelope(talker):
    """MAIL and RCPT."""
    talker.expect("250 ", "MAIL FROM:<alice@example.org>")
    talker.expect("250 ", "RCPT TO:<bob@example.org>")


def chunks(pieces):
    """The commands for pieces, the last of which is the LAST."""
    return b"".join(
        b"BDAT %d%s\r\n" % (len(piece), b" LAST" if n == len(pieces) else b"")
        + piece for n, piece in enumerate(pieces, 1))


def received(scratch):
    """What has come into bob's mailbox, which is emptied."""
    found = [m.sent for m in mbox.read(scratch.mailbox("bob"))]
    scratch.mailbox("bob").unlink(missing_ok=True)
    return found


def test_cuts(scratch):
    """A message in two chunks, cut at each octet"""
    with begin(scratch) as talker:
        for cut in range(len(TEXT) + 1):
            envelope(talker)
            talker.send(chunks([TEXT[:cut], TEXT[cut:]]))
            talker.expect(f"250 2.0.0 {cut} ")
            talker.expect("250 2.0.0 Delivered")
            equal(received(scratch), [TEXT], f"cut at {cut}")


def test_octets(scratch):
    """A message in chunks of one octet each, and none in the last"""
    with begin(scratch) as talker:
        envelope(talker)
        talker.send(chunks([TEXT[i:i + 1] for i in range(len(TEXT))] + [b""]))
        for _ in TEXT:
            talker.expect("250 2.0.0 1 ")
        talker.expect("250 2.0.0 Delivered")
        equal(received(scratch), [TEXT], "messages")


def test_big(scratch):
    """Two MiB in chunks around the size of the buffer"""
    text = b"Subject: big\r\n\r\n" + (b"." * 60 + b"\r\n") * 34000
    for size in (65535, 65536, 65537, 1000003):
        with begin(scratch) as talker:
            envelope(talker)
            pieces = [text[i:i + size] for i in range(0, len(text), size)]
            talker.send(chunks(pieces))
            for _ in pieces[1:]:
                talker.expect("250 2.0.0 ")
            talker.expect("250 2.0.0 Delivered")
            check(received(scratch) == [text], f"chunks of {size}")


def test_no_end(scratch):
    """A message that ends within a line gets its end; one without fields, its
    empty line; wherever it is cut"""
    with begin(scratch) as talker:
        for text, want in ((b"X: y\r\n\r\nend", b"X: y\r\n\r\nend\r\n"),
                           (b"hello", b"\r\nhello\r\n"), (b"", b""),
                           (b"no field\r\ne",
                            b"\r\nno field\r\ne\r\n")):
            for cut in range(len(text) + 1):
                envelope(talker)
                talker.send(chunks([text[:cut], text[cut:]]))
                talker.expect("250 2.0.0 ")
                talker.expect("250 2.0.0 Delivered")
                equal(received(scratch), [want], f"{text!r} cut at {cut}")


def test_edges(scratch):
    """64 strings around a dot end nothing, in a chunk and between chunks"""
    for role in ("mx", "submission"):
        for edge in FORMS.values():
            text = b"X: y\r\n\r\ntext" + edge + SECOND
            for cut in (0, len(text) - len(SECOND), len(text)):
                with begin(scratch, role) as talker:
                    envelope(talker)
                    talker.send(chunks([text[:cut], text[cut:]]) + b"QUIT\r\n")
                    replies = talker.rest().decode().splitlines()
                messages = received(scratch)
                judge(edge, role, replies, messages)


def judge(edge, role, replies, messages):
    """One message with all of it, or a refusal of all of it."""
    bare = edge.replace(b"\r\n", b"")
    fine = b"\0" not in edge and (role == "submission" or (
        b"\r" not in bare and b"\n" not in bare))
    what = f"{role} {edge!r}: {replies}"
    equal(len(messages), 1 if fine else 0, what)
    check(any(r.startswith("250 2.0.0 Del") for r in replies) == fine, what)
    check(fine or any(r.startswith("550 5.") for r in replies), what)
    for message in messages:
        check(message.endswith(SECOND), what)


def test_huge(scratch):
    """What follows a count of 31, 32, 63 or 64 bits is data, and no command"""
    for size in HUGE:
        with begin(scratch) as talker:
            envelope(talker)
            talker.send(f"BDAT {size} LAST\r\nX: y\r\n\r\nRSET\r\n")
            talker.send(SECOND + b"QUIT\r\n")
            talker.sock.shutdown(socket.SHUT_WR)
            equal(talker.rest(), b"", f"replies after BDAT {size}")
        equal(received(scratch), [], f"messages, BDAT {size}")


def test_wrong(scratch):
    """A count of more than 64 bits, or that is none, ends the session"""
    for size in WRONG:
        with begin(scratch) as talker:
            envelope(talker)
            talker.send(f"BDAT {size} LAST\r\n")
            talker.expect("501 5.5.4")
            talker.closed()
        equal(received(scratch), [], f"messages, BDAT {size}")


def test_tiny(scratch):
    """Very many chunks of one octet: memory does not grow with them"""
    talker, process = scratch.session("smtpd", "--role", "mx")
    with talker:
        talker.hello()
        envelope(talker)
        talker.send(b"BDAT 17\r\nSubject: tiny\r\n\r\n")
        talker.expect("250 2.0.0 17")
        block = b"BDAT 1\r\nx" * 1000
        for _ in range(TINY):
            talker.send(block)
            for _ in range(1000):
                talker.expect("250 2.0.0 1 ")
        talker.send(b"BDAT 2 LAST\r\n\r\n")
        talker.expect("250 2.0.0 Delivered")
        peak = int(status(process.pid)["VmHWM"].split()[0])
        check(peak < MEMORY, f"{peak} KiB")
    equal(received(scratch), [b"Subject: tiny\r\n\r\n" +
                              b"x" * 1000 * TINY + b"\r\n"], "messages")


def test_vanished(scratch):
    """A client that vanishes amid chunks leaves nothing"""
    with begin(scratch) as talker:
        envelope(talker)
        talker.send(b"BDAT 6\r\nX: y\r\nBDAT 100 LAST\r\nX: z\r\n")
        talker.expect("250 2.0.0 6")
    with begin(scratch) as talker:
        envelope(talker)
        talker.send(chunks([TEXT]))
        talker.expect("250 2.0.0 Delivered")
    equal(received(scratch), [TEXT], "messages")


if __name__ == "__main__":
    with Scratch() as fixture:
        tap.run(globals(), fixture)
    tap.finish()
