# SPDX-License-Identifier: ISC
"""Only CRLF.CRLF ends a message, whatever stands around the dot.

The matrix: each of eight strings before the dot times each of eight after it
it, followed by what would be a second message if the server took that for
the end. Bob must never see more than one message; the mx role may refuse the
first, and then ends the connection.
"""
from lib import mbox
from lib.smuggling import FORMS, SECOND, TRUE_END
from lib.player import PASSWORDS
from lib.scratch import Scratch
from lib.tap import Tap, check, equal
from lib.talk import Closed

tap = Tap()
EXTRA = {"CRLF . CRCRLF": b"\r\n.\r\r\n",
         "CRLF . blank CRLF": b"\r\n. \r\n", "CRLF .. CRLF": b"\r\n..\r\n",
         "LF . LF twice": b"\n.\n\n.\n", "LFLF . LFLF": b"\n\n.\n\n"}


def begin(scratch, role):
    """A session in which DATA has been answered by 354."""
    talker, process = scratch.session("smtpd", "--role", role)
    talker.hello()
    if role == "submission":
        talker.login("alice", PASSWORDS["alice"])
    talker.expect("250 ", "MAIL FROM:<alice@example.org>")
    talker.expect("250 ", "RCPT TO:<bob@example.org>")
    talker.expect("354 ", "DATA")
    return talker, process


def attempt(scratch, role, edge, bytewise):
    """Sends the edge and the hidden message; returns (replies, messages)."""
    scratch.mailbox("bob").unlink(missing_ok=True)
    talker, process = begin(scratch, role)
    with talker:
        data = b"Subject: first\r\n\r\ntext" + edge
        try:
            if bytewise:
                for at in range(len(data)):
                    talker.send(data[at:at + 1])
                talker.send(SECOND)
            else:
                talker.send(data + SECOND)
            talker.send(b"\r\n.\r\nQUIT\r\n")
        except Closed:
            pass            # refused and closed before we had said it all
        replies = talker.rest().decode().splitlines()
    process.wait(30)
    return replies, mbox.read(scratch.mailbox("bob"))


def judge(role, edge, replies, messages):
    """At most one message, and the first reply tells which."""
    check(replies, "no reply at all")
    if role == "submission" and b"\0" not in edge:
        check(replies[0].startswith("250 2.0.0"), replies[0])
        equal(len(messages), 1, "messages")
    elif replies[0].startswith("250"):
        equal(len(messages), 1, "messages")
    else:
        check(replies[0].startswith("550 5."), replies[0])
        equal(len(messages), 0, "messages after a refusal")
        if replies[0].startswith("550 5.5.2"):
            equal(len(replies), 1, f"replies {replies}, not closed")
    for message in messages:
        check(message.sent.startswith(b"Subject: first\r\n"),
              repr(message.sent[:80]))
        check(b"smuggled" in message.sent, "the text was cut")
        left = message.sent.replace(b"\r\n", b"")
        check(b"\r" not in left and b"\n" not in left,
              f"bare CR or LF in {message.sent!r}")


def cases_ends(scratch):
    """What ends a message, and what does not"""
    forms = {name: edge for name, edge in FORMS.items()
             if not edge.startswith(TRUE_END)}
    forms.update(EXTRA)
    for role in ("mx", "submission"):
        for name, edge in forms.items():
            with tap.case(f"{role}: {name} does not end a message",
                          scratch.notes):
                for bytewise in (False, True):
                    judge(role, edge,
                          *attempt(scratch, role, edge, bytewise))
        with tap.case(f"{role}: CRLF . CRLF does", scratch.notes):
            replies, messages = attempt(scratch, role, b"\r\n.\r\n", True)
            equal(len(messages), 2, f"messages ({replies})")
        with tap.case(f"{role}: so does CRLF . CRLF before a NUL, which "
                      "spoils the next command", scratch.notes):
            replies, messages = attempt(scratch, role, b"\r\n.\r\n\0",
                                        True)
            check(replies[1].startswith("500 5.5.2"), str(replies))
            (message,) = messages
            check(message.sent.startswith(b"Subject: first\r\n")
                  and message.sent.endswith(b"\r\n\r\ntext\r\n"),
                  repr(message.sent))


def cases_bytes(scratch):
    """CR, LF and NUL within a line"""
    for byte, code in ((b"\n", "550 5.5.2"), (b"\r", "550 5.5.2"),
                       (b"\0", "550 5.6.0")):
        with tap.case(f"mx: {byte!r} within a line gets {code}",
                      scratch.notes):
            talker, _ = begin(scratch, "mx")
            with talker:
                talker.send(b"Subject: x\r\n\r\na" + byte
                            + b"b\r\n.\r\n")
                talker.expect(code)
                if code == "550 5.5.2":
                    talker.closed()


if __name__ == "__main__":
    with Scratch() as fixture:
        tap.run(globals(), fixture)
    tap.finish()
