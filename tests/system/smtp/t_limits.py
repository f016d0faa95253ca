# SPDX-License-Identifier: ISC
"""The limit of a message: how large it is."""
from lib.scratch import ALICE, Instance
from lib.tap import Tap, equal

tap = Tap()
LIMIT = 102400


def begin(server, port, rcpt="bob@example.org"):
    """A session with a transaction."""
    talker = server.connect(port)
    talker.hello()
    if port == server.submission:
        talker.login(*ALICE)
    talker.expect("250 ", "MAIL FROM:<alice@example.org>")
    talker.expect("250 ", f"RCPT TO:<{rcpt}>")
    return talker


def message(octets):
    """A message of that many octets, almost all of them line ends."""
    head = b"Subject: x\r\n\r\n"
    rest = octets - len(head)
    return head + b"x" * (rest % 2) + b"\r\n" * (rest // 2)


def cases_size(server):
    """RFC 1870: a line end is two octets, by DATA and BDAT"""
    for role in ("smtp", "submission"):
        port = getattr(server, role)
        for octets, code in ((LIMIT, "250 "), (LIMIT + 1, "552 "),
                             (2 * LIMIT - 800, "552 ")):
            text = message(octets)
            equal(len(text), octets, "a message")
            with tap.case(f"{role}: DATA of {octets}", server.notes), \
                    begin(server, port) as talker:
                talker.expect("354 ", "DATA")
                talker.send(text + b".\r\n")
                talker.expect(code)
            with tap.case(f"{role}: BDAT of {octets}", server.notes), \
                    begin(server, port) as talker:
                talker.send(b"BDAT %d LAST\r\n" % octets + text)
                talker.expect(code)
        with tap.case(f"{role}: BDAT that ends within a line", server.notes), \
                begin(server, port) as talker:
            text = message(LIMIT - 1) + b"x"
            talker.send(b"BDAT %d LAST\r\n" % LIMIT + text)
            talker.expect("250 ")
        with tap.case(f"{role}: what SIZE says", server.notes), \
                server.connect(port) as talker:
            talker.hello()
            if role == "submission":
                talker.login(*ALICE)
            talker.expect("552 ", "MAIL FROM:<a@example.org> SIZE=102401")
            talker.expect("250 ", "MAIL FROM:<a@example.org> SIZE=102400")


if __name__ == "__main__":
    with Instance(f"size-limit {LIMIT}\n") as fixture:
        tap.run(globals(), fixture)
    tap.finish()
