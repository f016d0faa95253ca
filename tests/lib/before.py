# SPDX-License-Identifier: ISC
"""What an earlier version has left on the disk: lib/before/.

    RESTANTE_BUILD=OLD PYTHONPATH=tests python3 -B tests/lib/before.py

makes these files with the programs of the build tree OLD, which is only done
when a format has got a new version. Files that are not text are kept as hex:
a line for each 32 octets that are not all zero, and the length at the end.
What names the machine (device, inode, boot) is set by whoever uses them.
"""
import fcntl
import shutil
import struct
from pathlib import Path

from lib.scratch import ALICE, SRC, Instance, Scratch
from lib.sweep import COUNT, HALF, Bench, entry
from lib.tap import check, equal
from lib.wait import wait_for

FOLDER = SRC / "tests/lib/before"
BINARY = ("index", "journal", "append", "session")
CONFIG = "undelete 7\nmark-as-read on\nexpire 30\nplaintext-login always"
ROW = 32
WORD = (1 << 64) - 1


def to_hex(data):
    """Octets as text."""
    rows = [f"{at:06x}: {data[at:at + ROW].hex()}\n"
            for at in range(0, len(data), ROW)
            if data[at:at + ROW].strip(b"\0")]
    return "".join(rows) + f"{len(data):06x}\n"


def from_hex(text):
    """The octets again."""
    *rows, size = text.splitlines()
    data = bytearray(int(size, 16))
    for row in rows:
        at, _, octets = row.partition(": ")
        piece = bytes.fromhex(octets)
        data[int(at, 16):int(at, 16) + len(piece)] = piece
    return data


def fnv(data):
    """FNV-1a of 64 bits, octet by octet."""
    value = 0xcbf29ce484222325
    for octet in data:
        value = (value ^ octet) * 0x100000001b3 & WORD
    return value


def fnv_words(data):
    """The sum of an index: by words of eight octets, then by octets."""
    value = 0xcbf29ce484222325
    whole = len(data) // 8 * 8
    for word, in struct.iter_unpack("<Q", data[:whole]):
        value = (value ^ word) * 0x100000001b3 & WORD
        value ^= value >> 29
    for octet in data[whole:]:
        value = (value ^ octet) * 0x100000001b3 & WORD
    return value ^ value >> 32


# ---- making them ----

def message(ident, *more):
    """A message in wire form, always the same."""
    lines = [f"Message-ID: <{ident}@before.test>", f"Subject: {ident}",
             *more, "", "From the one before",
             ">From one that was quoted", "", "."]
    lines += [f"{ident} {n:04d} ".ljust(60, "x") for n in range(12)]
    return "".join(line + "\r\n" for line in lines).encode()


def keep(bench, name, **texts):
    """Copies the mailbox, the files of its owner, and further texts."""
    to = FOLDER / name
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir(parents=True)
    (to / "mbox").write_bytes(bench.path.read_bytes())
    for path in sorted(bench.home.rglob("*")):
        if path.is_dir():
            continue
        target = to / path.relative_to(bench.home)
        target.parent.mkdir(exist_ok=True)
        if path.name in BINARY:
            target.with_suffix(".hex").write_text(
                to_hex(path.read_bytes()))
        else:
            target.write_bytes(path.read_bytes())
    for text, lines in texts.items():
        (to / text).write_text("".join(line + "\n" for line in lines))


def uidls(bench):
    """What POP3 says of the mailbox: number, UIDL, octets."""
    talker, process = bench.start("pop3d", False)
    try:
        talker.pop_login("bob", "two words, and a third")
        unique = talker.pop_block("UIDL").decode().split("\r\n")
        sizes = talker.pop_block("LIST").decode().split("\r\n")
        talker.pop("+OK", "QUIT")
    finally:
        bench.end(talker, process)
    return [f"{u} {s.split()[1]}" for u, s in zip(unique, sizes) if u]


def point(bench, act, call, path):
    """The number of the first such call on a file of that name."""
    bench.control.set(COUNT)
    act()
    calls = bench.control.calls()
    check((call, path) in calls, f"no {call} of {path}: {calls}")
    return 1 + calls.index((call, path))


def make_read(bench):
    """A mailbox after a session: read, kept and deleted messages."""
    bench.put([])
    for ident in ("one", "two", "three", "four"):
        check(bench.deliver(message(ident)), "not taken")
    check(bench.deliver(message("utf8", "X-Name: J\u00f6rg")), "not taken")
    with open(bench.path, "ab") as file:
        file.write(entry(message("twice")) * 2)
    equal(bench.pop(delete=(2,), read=True)[1], True, "QUIT")
    keep(bench, "read", uidls=uidls(bench))


def make_journal(bench):
    """The mailbox of a deletion that was killed half way."""
    idents = ("one", "two", "three", "four", "five")
    raw = b"".join(entry(message(ident)) for ident in idents)
    bench.put([], raw)
    after = uidls(bench)
    def act():
        bench.put([], raw)
        bench.pop(delete=(2, 4), fault=True)
    number = point(bench, act, "pwrite", "bob")
    bench.control.set(HALF, number)
    act()
    check((bench.home / "journal").exists(), "no journal")
    left = [line.partition(" ")[2] for n, line in enumerate(after, 1)
            if n not in (2, 4)]
    keep(bench, "journal",
         uidls=[f"{n} {line}" for n, line in enumerate(left, 1)])


def make_append(bench):
    """The mailbox of a delivery that was killed half way."""
    def act():
        bench.put([message("one"), message("two")])
        uidls(bench)
        bench.deliver(message("torn"), fault=True)
    number = point(bench, act, "write", "bob")
    bench.put([message("one"), message("two")])
    before = uidls(bench)
    bench.control.set(HALF, number)
    act()
    check((bench.home / "append").read_bytes().strip(b"\0"), "no note")
    keep(bench, "append", uidls=before)


def lock(file):
    """Whether no runner can start now, because we have its lock."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def make_queue(s):
    """A message that waits, one that is held, one not tried yet."""
    queue, to = s.dir / "queue", FOLDER / "queue"
    with s.connect(s.submission) as talker:
        talker.hello()
        talker.login(*ALICE)
        for mail, rcpts in (
                ("RET=HDRS ENVID=QQ+3D314159 MT-PRIORITY=3 BODY=8BITMIME",
                 ("<bob@example.org>", "<carl@elsewhere.test> NOTIFY=FAILURE,"
                  "DELAY ORCPT=rfc822;c+2Barl@elsewhere.test")),
                ("HOLDFOR=86400 BY=90000;NT",
                 ("<dora@elsewhere.test>", "<emil@elsewhere.test>"))):
            talker.expect("250", "MAIL FROM:<alice@example.org> " + mail)
            for rcpt in rcpts:
                talker.expect("250", "RCPT TO:" + rcpt)
            talker.expect("354", "DATA")
            talker.send(message("queued").replace(b"\r\n.", b"\r\n..")
                        + b".\r\n")
            talker.expect("250")
    wait_for(lambda: not any((queue / "active").iterdir()) and
             len(list((queue / "deferred").iterdir())) == 2,
             "both messages to wait")
    with open(queue / "runner", "r+b") as turn:
        wait_for(lambda: lock(turn), "the runner to end")
        s.call("smtpd", "-i", "-f", "alice@example.org", "bob@example.org",
               "fritz@elsewhere.test",
               stdin="Subject: command\n\nFrom a script\n")
    held = [p.name for p in (queue / "deferred").iterdir()
            if b"dora@" in p.read_bytes()]
    equal(s.call("smtpd", "--hold", *held).returncode, 0, "--hold")
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(queue, to, ignore=shutil.ignore_patterns("runner"))


def main():
    """Makes them all."""
    with Bench() as bench:
        bench.configure(CONFIG, tls=False)
        bench.own()
        bench.compile()
        make_read(bench)
        make_journal(bench)
        make_append(bench)
    with Instance("plaintext-login always", tls=False) as s:
        make_queue(s)


if __name__ == "__main__":
    main()
