# SPDX-License-Identifier: ISC
"""UIDLs in the style of Dovecot and popa3d: the servers themselves tell them.

A site that moves in with its mailboxes must keep the UIDLs that its clients
know, or they all collect everything once more. Debian's popa3d (for root, in a
mount namespace of its own) and Dovecot's pop3 say what the UIDLs of generated
mailboxes are. Unlike popa3d we must never give two messages the same.
"""
import os
import random
import re
import subprocess

from lib import dovecot
from lib.player import PASSWORDS
from lib.popa3d import Popa3d
from lib.scratch import LONG, Scratch
from lib.tap import Tap, check, equal

tap = Tap()
SEEDS = 60 if LONG else 8
FROM = b"From alice@example.com Sun Nov 22 07:00:00 2026\n"
NATIVE = re.compile(r"[0-9a-f]{32}(\.\d+)?")
EMPTY = "d98c1dd404b2008f"      # popa3d's for messages that it knows not
UIDL = b"UIDL\r\nQUIT\r\n"


def message(*lines, body="text"):
    """A message of a mailbox; lines are those of its header."""
    text = "".join(line + "\n" for line in (*lines, "", body))
    return FROM + text.encode("latin-1") + b"\n"


def told(answer):
    """The UIDLs in what a server answered."""
    return re.findall(rb"^\d+ (\S+)\r$", answer, re.M)


class Dovecot:
    """Dovecot's pop3 on a mailbox of ours."""

    def __init__(self, scratch, user="bob"):
        self.scratch = scratch
        self.user = user
        self.program = dovecot.find("pop3", "dovecot-pop3d")
        self.environment = dovecot.environment(scratch, user)
        for path in sorted(dovecot.folder(scratch, user).rglob("*"),
                           reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()

    def uidls(self, commands=UIDL):
        """What it says of the mailbox, which it writes to."""
        done = subprocess.run(
            dovecot.command(self.scratch, self.user, self.program,
                            dovecot.DEBIAN),
            input=commands, capture_output=True, timeout=60, check=False,
            cwd="/", env=self.environment, **self.scratch.as_user())
        check(b"\r\n+OK Logging out" in done.stdout, f"Dovecot: {done}")
        return [uidl.decode() for uidl in told(done.stdout)]


def leave(talker):
    """QUIT, and the end: only then may the next session begin."""
    talker.pop("+OK", "QUIT")
    talker.closed()


class Ours:
    """Our pop3d with one style, and bob's mailbox."""

    def __init__(self, style):
        self.scratch = Scratch(f"uidl {style}", tls=False)
        self.notes = self.scratch.notes
        self.path = self.scratch.mailbox("bob")

    def __enter__(self):
        self.daemon = self.scratch.serve("pop3d", "127.0.0.1:0")
        return self

    def __exit__(self, *_):
        self.daemon.stop()
        self.scratch.__exit__()

    def put(self, box):
        """Makes this the mailbox."""
        self.path.write_bytes(box)
        self.scratch.own()

    def add(self, *messages):
        """Appends messages."""
        self.put(self.path.read_bytes() + b"".join(messages))

    def login(self):
        """A session of bob."""
        talker = self.scratch.connect(self.daemon.ports[0])
        talker.pop_login("bob", PASSWORDS["bob"])
        return talker

    def uidls(self, *delete):
        """The UIDLs, of the list and one by one; then deletes messages."""
        with self.login() as talker:
            found = [uidl.decode() for uidl in
                     told(talker.pop_block("UIDL"))]
            for number, uidl in enumerate(found, 1):
                equal(talker.pop("+OK", f"UIDL {number}"),
                      f"+OK {number} {uidl}", "one UIDL")
            for number in delete:
                talker.pop("+OK", f"DELE {number}")
            equal(len(told(talker.pop_block("UIDL"))),
                  len(found) - len(delete), "UIDLs after DELE")
            leave(talker)
        for uidl in found:
            check(re.fullmatch(r"[\x21-\x7e]{1,70}", uidl), uidl)
        equal(len(set(found)), len(found), "different UIDLs")
        return found


# ---- popa3d ----

def header(chance):
    """The lines of a header: those that popa3d looks at, and others."""
    lines = []
    for _ in range(chance.randrange(9)):
        name = chance.choice(
            ["Received", "Date", "Message-ID", "Message-Id", "Delivered-To",
             "X-Delivery-ID", "X-Delivery-Id", "Subject", "To", "Status",
             "X-UID", "X-IMAPbase", "Return-Path", "Dates", "Resent-Date"])
        name = chance.choice([name] * 4 + [name.upper(), name.lower()])
        colon = chance.choice([": "] * 6 + [":", ":\t", " : ", ""])
        lines.append(name + colon + words(chance))
        for _ in range(chance.choice([0, 0, 0, 1, 2])):
            lines.append(chance.choice(" \t") + words(chance))
    return lines


def words(chance):
    """Something to stand in a line."""
    some = chance.choice([0, 1, 1, 2, 3, 3, 30, 600])
    return " ".join(chance.choice(
        ["<a@b>", "Date:", "x", "from", "\xe4\xff", "\r", "\0", "by (c)",
         "Received:"]) for _ in range(some))


def generated(seed):
    """A mailbox in which some messages are the same for popa3d."""
    chance = random.Random(seed)
    box = []
    for number in range(40):
        if box and chance.randrange(8) == 0:
            box.append(chance.choice(box))
        else:
            body = chance.choice(["Date: x", "Received: x", "", f"{number}"])
            box.append(message(*header(chance), body=body))
    return b"".join(box)


def test_popa3d(ours, *_):
    """popa3d: the same UIDLs, but none twice"""
    oracle = Popa3d(ours.scratch)
    for seed in range(SEEDS):
        box = generated(seed)
        ours.put(box)
        theirs = oracle.uidls(box)
        seen = {EMPTY}
        mine = ours.uidls()
        equal(len(mine), len(theirs), f"seed {seed}: messages")
        for number, (got, wanted) in enumerate(zip(mine, theirs), 1):
            if wanted not in seen:
                equal(got, wanted, f"seed {seed}, message {number}")
            else:
                check(got.startswith(wanted + ".") and
                      NATIVE.fullmatch(got[17:]), f"{got} for {wanted}")
            seen.add(wanted)


def test_popa3d_same(ours, *_):
    """popa3d: what makes equal UIDLs unique stays when others go or come"""
    first = message("Date: x", "Subject: a")
    ours.put(first + message("Subject: b") + message("Subject: c") +
             message("Date: x", "Subject: d") + message("Date: y") * 3)
    before = ours.uidls()
    equal([uidl[:16] for uidl in before[1:3]], [EMPTY] * 2, "without lines")
    equal((before[0] + ".", len(before[3])), (before[3][:17], 49), "the same")
    ours.uidls(2, 5)
    after = ours.uidls()
    equal(after[:3], [before[0]] + before[2:4], "after a deletion")
    check(set(after) < set(before), f"new: {set(after) - set(before)}")
    ours.add(message("Subject: b"), message("Date: x", "Subject: e"))
    equal(ours.uidls()[:5], after, "after a delivery")


def test_popa3d_changed(ours, *_):
    """popa3d: a message that another program removed does not matter"""
    rest = message("Date: b") + message("Date: c")
    ours.put(message("Date: a") + rest)
    before = ours.uidls()
    with ours.login() as talker:
        ours.put(rest)
        found = [uidl.decode() for uidl in told(talker.pop_block("UIDL"))]
        leave(talker)
    equal(found[1:], before[1:], "UIDLs of the others")


# ---- Dovecot ----

def test_dovecot(_, ours, __):
    """Dovecot: the UIDLs that it gave out, our own for what came later"""
    ours.put(b"".join(message(f"Subject: {n}", "Date: x") for n in range(9)))
    oracle = Dovecot(ours.scratch)
    oracle.uidls(b"DELE 1\r\nDELE 4\r\n" + UIDL)
    ours.add(message("Subject: new"), message("Subject: newer"))
    before = oracle.uidls()
    equal(len(before), 9, "messages")
    equal(ours.uidls(), before, "UIDLs")
    ours.add(message("Subject: newest"), message("Subject: newest"))
    mine = ours.uidls(1, 2, 5)
    equal(mine[:9], before, "UIDLs after a delivery")
    check(all(NATIVE.fullmatch(uidl) for uidl in mine[9:]), mine[9:])
    rest = mine[2:4] + mine[5:]
    equal(ours.uidls(), rest, "after the first ones were deleted")
    equal(oracle.uidls()[:6], rest[:6], "and so says Dovecot")


BASE = "X-IMAPbase: 1234567890 0000000020"
PSEUDO = message("X-IMAP: 1234567890 0000000020", "Status: RO")
BOXES = {
    "UIDs with gaps": message(BASE, "X-UID: 3") + message("X-UID: 9"),
    "padding": message(BASE, "X-UID: 3     ") + message("X-UID: 20 \t"),
    "the pseudo message": PSEUDO + message("X-UID: 3") + message("X-UID: 4"),
    "keywords": message(BASE + " Junk", "X-UID: 3") + message("X-UID: 4"),
    "folded keywords": message(BASE, " Junk", "X-UID: 3"),
    "other letters": message(BASE.lower(), "x-uid: 3") + message("X-uid: 4"),
    "no blanks": message(BASE.replace(": ", ":"), "X-UID:3"),
    "leading zeros": message(BASE, "X-UID: 0000000003"),
    "two bases": message(BASE, "X-IMAPbase: 5 30", "X-UID: 3"),
    "two bases, one wrong": message("X-IMAPbase: x 1", BASE, "X-UID: 3"),
    "two UIDs": message(BASE, "X-UID: 3", "X-UID: 5") + message("X-UID: 6"),
    "two UIDs, one wrong": message(BASE, "X-UID: x", "X-UID: 3"),
    "two UIDs, one too high": message(BASE, "X-UID: 30", "X-UID: 3"),
    "CRLF": (message(BASE, "X-UID: 3") + message("X-UID: 4")).replace(
        b"\n", b"\r\n"),
}


def dovecot_boxes(ours):
    """Mailboxes in which all messages have UIDs."""
    for name, box in BOXES.items():
        with tap.case(f"Dovecot: {name}", ours.notes):
            oracle = Dovecot(ours.scratch)
            ours.put(box)
            mine = ours.uidls()
            equal(oracle.uidls(), mine, "UIDLs")


def test_dovecot_odd(_, ours, __):
    """Dovecot: UIDs that make no sense, or twice"""
    ours.put(message(BASE, "X-UID: 9") + message("X-UID: 9", body="other") +
             message("X-UID: 21") + message("X-UID: 0") + message("X-UID: 3"))
    found = ours.uidls(3)
    equal((found[0], found[4]), ("00000009499602d2", "00000003499602d2"),
          "UIDLs by UID")
    check(found[1].startswith(found[0] + "."), found[1])
    check(all(NATIVE.fullmatch(uidl) for uidl in found[2:4]), found)
    equal(ours.uidls(), found[:2] + found[3:], "after a deletion")
    ours.put(message("X-UID: 3") + message(BASE, "X-UID: 4"))
    check(all(NATIVE.fullmatch(uidl) for uidl in ours.uidls()), "no base")


def test_dovecot_changed(_, ours, __):
    """Dovecot: without the first message no UIDLs are told, for once"""
    second = message("X-UID: 2", body="second")
    ours.put(message(BASE, "X-UID: 1") + second)
    with ours.login() as talker:
        ours.put(second)
        talker.pop("-ERR [SYS/TEMP]", "UIDL")
        talker.pop("-ERR [SYS/TEMP]", "UIDL 2")
        talker.pop_block("RETR 2")
        leave(talker)
    ours.put(message(BASE, "X-UID: 1") + second)
    with ours.login() as talker:
        found = talker.pop_block("UIDL")
        ours.put(second)
        equal(talker.pop_block("UIDL"), found, "what was told before")
        leave(talker)


# ---- what was noted ----

def noted(uidl, subject):
    """A message that an import has noted a UIDL in."""
    return message(f"X-Restante-UIDL: {uidl}", f"Subject: {subject}")


def test_header(_, __, ours):
    """header: what was noted, and our own for the others"""
    longest = "x" * 70
    ours.put(noted("UID7-1234", "a") + message("Subject: b") +
             noted(longest, "c") + noted("/~'\"", "d"))
    found = ours.uidls()
    equal(found[:1] + found[2:], ["UID7-1234", longest, "/~'\""], "UIDLs")
    check(NATIVE.fullmatch(found[1]), found[1])
    ours.add(message("Subject: e"))
    equal(ours.uidls(1)[:4], found, "after a delivery")
    equal(ours.uidls()[:3], found[1:], "after a deletion")


def test_header_limits(_, __, ours):
    """header: what RFC 1939 does not allow is not told"""
    ours.put(noted("x" * 71, "a") + noted("a b", "b") + noted("\xe4", "c") +
             noted("", "d") + noted("\x7f", "e") + message("X-UIDL: f"))
    for uidl in ours.uidls():
        check(NATIVE.fullmatch(uidl), uidl)


def test_header_same(_, __, ours):
    """header: of messages with one UIDL the first has it"""
    ours.put(noted("a", "a") + noted("b", "b") + noted("a", "c"))
    found = ours.uidls(2)
    equal(found[:2], ["a", "b"], "UIDLs")
    check(NATIVE.fullmatch(found[2]), found[2])
    equal(ours.uidls(), [found[0], found[2]], "after a deletion")


def test_header_ours(_, __, ours):
    """header: never the UIDL that another message has from us"""
    ours.put(message("Subject: a"))
    own, = ours.uidls()
    ours.put(noted(own, "b") + message("Subject: a"))
    found = ours.uidls()
    check(found[0] != own and NATIVE.fullmatch(found[0]), found[0])
    equal(found[1], own, "whose it is")
    ours.put(noted(own, "a") + noted("c", "c"))
    equal(ours.uidls(), [own, "c"], "its own")


def test_header_stranger(_, __, ours):
    """header: a message that is received with the field chooses no UIDL"""
    ours.put(b"")
    talker, process = ours.scratch.session("smtpd")
    with talker:
        talker.hello()
        talker.submit("carol@example.com", ["bob@example.org"],
                      b"X-Restante-UIDL: 1\r\nSubject: a\r\n\r\nx\r\n")
    process.wait()
    uidl, = ours.uidls()
    check(NATIVE.fullmatch(uidl), uidl)
    with ours.login() as talker:
        check(b"\r\nX-Restante-UIDL: 1\r\n" in talker.pop_block("RETR 1"),
              "the field")
        leave(talker)


def test_header_changed(_, __, ours):
    """header: a message that another program removed does not matter"""
    rest = noted("b", "b") + message("Subject: c")
    ours.put(noted("a", "a") + rest)
    before = ours.uidls()
    with ours.login() as talker:
        ours.put(rest)
        found = [uidl.decode() for uidl in told(talker.pop_block("UIDL"))]
        leave(talker)
    equal(found[1:], before[1:], "UIDLs of the others")


def test_nothing(*all_styles):
    """An empty mailbox has no UIDLs in any style"""
    for ours in all_styles:
        ours.put(b"")
        equal(ours.uidls(), [], "UIDLs")


if __name__ == "__main__":
    with Ours("popa3d") as one, Ours("dovecot") as other, \
            Ours("header") as third:
        tap.run(globals(), one, other, third)
        dovecot_boxes(other)
    tap.finish()
