# SPDX-License-Identifier: ISC
"""Mail of other servers: an mbox of any kind or a Maildir comes into the
mailbox octet for octet, with its flags and the UIDLs that clients know, once
however often it is tried, and in a memory that does not grow with the mail."""
import os
import random
import re
import resource
import subprocess

from lib import mbox
from lib.player import PASSWORDS
from lib.scratch import Instance
from lib.tap import Tap, check, equal

tap = Tap()
FROM = "From a@b.example Mon Jan  6 10:00:00 2025\n"
NATIVE = re.compile(r"[0-9a-f]{32}(\.\d+)?")


class Old:
    """The old server's files, and the verb on them."""

    def __init__(self, server):
        self.server = server
        self.path = server.dir / "old"

    def clear(self):
        """Starts over: bob has no mail, and nothing is remembered."""
        self.remove(self.path)
        self.remove(self.server.mailbox("bob"))
        self.remove(self.server.dir / "state/users/bob")

    def remove(self, path):
        """Removes a file or a folder."""
        if path.is_dir():
            for child in path.iterdir():
                self.remove(child)
            path.rmdir()
        elif os.path.lexists(path):
            path.unlink()

    def own(self, path):
        """Gives a file to the user of the programs."""
        if self.server.user:
            os.chown(path, self.server.user.pw_uid, self.server.user.pw_gid)
        return path

    def file(self, data, name="box"):
        """A file with this content."""
        self.path.mkdir(exist_ok=True)
        path = self.path / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        self.own(self.path)
        return self.own(path)

    def maildir(self, files, **lists):
        """A Maildir: content by "cur/name"; lists are files in it."""
        for folder in ("new", "cur", "tmp"):
            (self.path / folder).mkdir(parents=True)
        for name, data in {**files, **lists}.items():
            (self.path / name).write_bytes(data)
        for path in [self.path, *self.path.rglob("*")]:
            self.own(path)
        return self.path

    def take(self, source, *options, status=0):
        """--import; what it says."""
        done = self.server.call("pop3d", "--import", "bob", source, *options)
        equal(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def wires(self):
        """The messages in the mailbox, as POP3 sends them."""
        with self.login() as talker:
            count = int(talker.pop("+OK", "STAT").split()[1])
            found = [talker.pop_block(f"RETR {n + 1}") for n in range(count)]
            talker.pop("+OK", "QUIT")
            talker.closed()
        return found

    def login(self):
        """A session of bob."""
        talker = self.server.connect(self.server.pop3)
        talker.pop_login("bob", PASSWORDS["bob"])
        return talker

    def uidls(self):
        """What POP3 says of the UIDLs."""
        with self.login() as talker:
            lines = talker.pop_block("UIDL").decode().split()
            talker.pop("+OK", "QUIT")
            talker.closed()
        return lines[1::2]

    def stored(self):
        """The mailbox."""
        path = self.server.mailbox("bob")
        return path.read_bytes().decode("latin-1") if path.exists() else ""


def crlf(text):
    """The form on the wire."""
    return text.replace("\n", "\r\n").encode()


def length(body):
    """A message with a Content-Length."""
    return f"Subject: x\nContent-Length: {len(body)}\n\n{body}\n"


# ---- mbox ----

# A file of one message or several, and what they are on the wire.
KINDS = {
    "mboxrd": (FROM + "A: b\n\n>From x\n>>From y\n> From z\n\n",
               ["A: b\n\nFrom x\n>From y\n> From z\n"]),
    "mboxo": (FROM + "A: b\n\n>From x\n\n" + FROM + "A: c\n\n\n>From\n\n",
              ["A: b\n\nFrom x\n", "A: c\n\n\n>From\n"]),
    "mboxcl": (FROM + length(">From x\n") + FROM + length("y\n"),
               ["Subject: x\n\nFrom x\n", "Subject: x\n\ny\n"]),
    "mboxcl2": (FROM + length("\n" + FROM + "x\n>From y\n") + FROM
                + length(">From z\n"),
                ["Subject: x\n\n\n" + FROM + "x\n>From y\n",
                 "Subject: x\n\n>From z\n"]),
    "with CRLF": (FROM + "A: b\r\n\r\n>From x\r\ny\r\n\r\n" + FROM
                  + "A: c\r\n\r\nz\r\n\r\n",
                  ["A: b\n\nFrom x\ny\n", "A: c\n\nz\n"]),
    "without an end": (FROM + "A: b\n\nx", ["A: b\n\nx\n"]),
    "without bodies": (FROM + "A: b\n\n" + FROM + "\n" + FROM + "A: c\n\n",
                       ["A: b\n", "", "A: c\n"]),
    "a From_ line without a date": ("From x\nA: b\n\ny\n\n", ["A: b\n\ny\n"]),
    "what mail readers keep": (
        FROM + "X-UID: 7\nX-IMAPbase: 1 9\nA: b\nStatus: RO\nX-Status: A\n"
        "X-Keywords: k\n  l\nLines: 1\n\nx\n\n", ["A: b\n\nx\n"]),
    "a blank first": (FROM + " A: b\n\nx\n\n", [" A: b\n\nx\n"]),
    "nothing but a body": (FROM + "\nx\n\n", ["\nx\n"]),
    "an UIDL of a stranger": (
        FROM + "X-Restante-UIDL: x\nA: b\n\nx\n\n", ["A: b\n\nx\n"]),
    "empty": ("", []),
}


def test_kinds(old):
    """An mbox of each kind: messages octet for octet, with and without UIDLs"""
    for kind, (text, expected) in KINDS.items():
        for uidls in ("", "".join(f"{n + 1} id{n}\r\n"
                                  for n in range(len(expected)))):
            old.clear()
            box = old.file(text)
            options = ["--uidls", old.file(uidls, "list")] if uidls else []
            out = old.take(box, *options)
            check(f"{len(expected)} messages imported, 0 were" in out, out)
            equal(old.wires(), [crlf(m) for m in expected], kind)
            if uidls:
                equal(old.uidls(), [f"id{n}" for n in range(len(expected))],
                      kind)
            check("X-UID:" not in old.stored(), old.stored())
            check("Content-Length" not in old.stored(), old.stored())
            out = old.take(box, *options)
            check(f"0 messages imported, {len(expected)} were" in out, out)
            equal(old.wires(), [crlf(m) for m in expected], kind + " again")


def test_mbox_fields(old):
    """An mbox: its From_ lines stay, and the flags of mail readers"""
    old.clear()
    old.take(old.file(KINDS["what mail readers keep"][0] + "From x\nA: c\n\n"))
    text = old.stored()
    check(text.startswith(FROM), text)
    for line in ("Status: RO", "X-Status: A", "X-Keywords: k\n  l"):
        equal(text.count(f"\n{line}\n"), 1, text)
    check(re.search(r"\nFrom MAILER-DAEMON \w{3} \w{3} .* 20\d\d\nA: c\n",
                    text), text)


def generated(seed):
    """Messages of odd lines."""
    chance = random.Random(seed)
    lines = ["From x", ">From x", ">>From x", FROM[:-1], "Status: x", "", " ",
             ">", "From", "X-Restante-Status: x", "x" * 300000, "\r", "\0",
             "\xe4", "Content-Length: 3", "text"]
    return ["".join(chance.choice(lines) + "\n"
                    for _ in range(chance.randrange(12)))
            for _ in range(12)]


def test_maildir_octets(old):
    """A Maildir: odd messages come out as they were"""
    for seed in range(4):
        old.clear()
        messages = [m for m in generated(seed) if not re.match(FROM, m)]
        old.maildir({f"cur/{n}.x:2,": m.encode("latin-1")
                     for n, m in enumerate(messages)})
        old.take(old.path, "--uidls", "names")
        equal(old.wires(), [crlf(m.replace("\r\n", "\n")).replace(
            b"\xc3\xa4", b"\xe4") for m in messages], f"seed {seed}")
        equal(old.uidls(), [f"{n}.x" for n in range(len(messages))], seed)


def test_maildir_crs(old):
    """A Maildir: a CR that a line ends in is not taken for its end"""
    old.clear()
    old.maildir({"cur/1.a": b"A: b\n\nx\r\r\n\ry\r\n", "cur/2.a":
                 b"A: b\r\n\r\nx\r", "cur/3.a": b"A: b\r\r\n"})
    old.take(old.path)
    equal(old.wires(), [b"A: b\r\n\r\nx\r\r\n\ry\r\n",
                        b"A: b\r\n\r\nx\r\r\n", b"A: b\r\r\n"], "messages")


def test_maildir(old):
    """A Maildir: flags, times, senders and the order"""
    old.clear()
    old.maildir({
        "cur/20.b:2,FRS": b"Return-Path: <carol@example.com>\nA: 2\n\nx\n",
        "cur/100.a:2,DT": b"A: 3\r\n\r\nx\r\n",
        "cur/100.b:2,": b"A: 4\n\nx",
        "new/3.a": b"From carol Mon Jan  6 10:00:00 2025\nA: 1\n\nx\n",
        "new/.hidden": b"A: 9\n\nx\n", "tmp/1.x": b"A: 9\n\nx\n",
        "cur/200.a:1,x": b"A: 5\n\nx\n"})
    os.utime(old.path / "cur/20.b:2,FRS", (0, 1736157600))
    os.utime(old.path / "new/3.a", (0, -10 ** 9))
    old.take(old.path)
    boxes = mbox.read(old.server.mailbox("bob"))
    equal([m.headers for m in boxes],
          [b"A: 1\r\n", b"Return-Path: <carol@example.com>\r\nA: 2\r\n",
           b"A: 3\r\n", b"A: 4\r\n", b"A: 5\r\n"], "order")
    equal(boxes[1].from_line,
          b"From carol@example.com Mon Jan  6 10:00:00 2025", "From_ line")
    check(boxes[0].from_line.endswith(b" 00:00:00 1970"), boxes[0].from_line)
    equal(re.findall(r"^(?:X-)?Status: .*", old.stored(), re.M),
          ["Status:   ", "Status: RO", "X-Status: AF", "Status: O ",
           "X-Status: DT", "Status: O ", "Status: O "], "flags")


# ---- once ----

def test_once(old):
    """What is there stays alone: copies count, deleted mail stays deleted"""
    old.clear()
    one, two = (FROM + f"A: {n}\n\nx\n\n" for n in (1, 2))
    first = old.file(one + one + two)
    old.server.mailbox("bob").write_text(two)
    old.own(old.server.mailbox("bob"))
    check("2 messages imported, 1 were" in old.take(first), "the first time")
    equal(old.wires(), [b"A: 2\r\n\r\nx\r\n"] + [b"A: 1\r\n\r\nx\r\n"] * 2,
          "messages")
    with old.login() as talker:
        for number in (1, 2):
            talker.pop("+OK", f"DELE {number}")
        talker.pop("+OK", "QUIT")
        talker.closed()
    check("0 messages imported, 3 were" in old.take(first), "again")
    second = old.file(one * 3 + two, "more")
    check("1 messages imported, 3 were" in old.take(second), "one more")
    equal(len(old.wires()), 2, "messages")
    (old.server.dir / "state/users/bob/imported").unlink()
    check("2 messages imported, 2 were" in old.take(second), "forgotten")


def test_bad_record(old):
    """What is wrong with the record: it is a cache, and no way to other files"""
    old.clear()
    box = old.file(FROM + "A: 1\n\nx\n\n" + FROM + "A: 2\n\nx\n\n")
    old.take(box)
    record = old.server.dir / "state/users/bob/imported"
    record.write_bytes(record.read_bytes() + b"torn")
    check("0 messages imported" in old.take(box), "half of an id")
    equal(record.stat().st_size % 16, 4, "and left alone")
    record.unlink()
    record.symlink_to(box)
    text = box.read_bytes()
    check("cannot add" in old.take(box, status=75), "a link")
    equal(box.read_bytes(), text, "where it leads")
    record.unlink()


# ---- UIDLs ----

NAMES = {"cur/1.a,S=3:2,S": b"A: 1\n\nx\n", "new/2.b": b"A: 2\n\nx\n",
         "cur/3.c:2,": b"A: 3\n\nx\n", "cur/4.d:2,": b"A: 4\n\nx\n"}
DOVECOT = b"""3 V1275660208 N25022 G3085f01b7f11094c501100008c4a11c1
9 :2.b
25 W8 S7 :1.a,S=3
250 Pkept.by-hand O3 W8 :3.c
"""

LISTS = {
    "Dovecot": (DOVECOT, (), ["000000094c0907b0", "000000194c0907b0",
                              "kept.by-hand", None]),
    "Dovecot with the format of Cyrus": (
        DOVECOT, ("--uidl-format", "%v.%u"),
        ["1275660208.9", "1275660208.25", "kept.by-hand", None]),
    "Dovecot with the names of files": (
        DOVECOT, ("--uidl-format", "%f"),
        ["2.b", "1.a,S=3", "kept.by-hand", None]),
    "Dovecot with other formats": (
        DOVECOT, ("--uidl-format", "x-%5u%%%Xv%g"),
        [None, None, "kept.by-hand", None]),
    "Dovecot 1.0": (b"1 1275660208 25022\n9 2.b\n25 1.a,S=3:2,S\n",
                    (), ["000000094c0907b0", "000000194c0907b0", None, None]),
    "Courier": (b"/3 12 1734567890\n1.a,S=3:2,S 10 7:1734567890:0\n"
                b"2.b 10 8:1734567890:1\n3.c 10 9:0:0\n4.d:2, 1 0:0:0\n",
                (), ["UID7-1734567890", "UID8-1734567890", "UID9", "4.d"]),
    "an older Courier": (b"/2 12 1734567890\n1.a,S=3 10 7:1734567890\n",
                         (), ["UID7-1734567890", None, None, None]),
}


def test_lists(old):
    """The lists of Dovecot and Courier: each message has its UIDL"""
    for name, (text, options, expected) in LISTS.items():
        old.clear()
        old.maildir(NAMES, uidls=text)
        old.take(old.path, "--uidls", old.path / "uidls", *options)
        told = old.uidls()
        equal([None if NATIVE.fullmatch(uidl) else uidl for uidl in told],
              expected, name)
        order = [b"2", b"1"] if name.startswith("Dovecot") else [b"1", b"2"]
        equal([m[3:4] for m in old.wires()][:2], order, name)


def test_names(old):
    """The names of the files, as qmail tells them, if they can be UIDLs"""
    old.clear()
    old.maildir({**NAMES, "cur/5" + "x" * 70: b"A: 5\n\nx\n",
                 "cur/6 a": b"A: 6\n\nx\n"})
    out = old.take(old.path, "--uidls", "names")
    check("uidl header" not in out, out)
    check((old.server.dir / "state/users/bob/uidls").exists(), "for --check")
    told = old.uidls()
    equal(told[:4], ["1.a,S=3", "2.b", "3.c", "4.d"], "UIDLs")
    check(all(NATIVE.fullmatch(uidl) for uidl in told[4:]), told)


def test_numbers(old):
    """What a server answers to UIDL: an mbox in the same order"""
    old.clear()
    box = old.file("".join(FROM + f"A: {n}\n\nx\n\n" for n in range(4)))
    text = "+OK 3 messages\r\n1 a\r\n2 b c\r\n3 a\r\n4 " + "d" * 71
    out = old.take(box, "--uidls", old.file(text + "\r\n.\r\n", "list"))
    check("3 lines are no UIDL" in out, out)
    told = old.uidls()
    equal(told[0], "a", "UIDL")
    check(all(NATIVE.fullmatch(uidl) for uidl in told[1:]), told)


def test_hidden(old):
    """The hidden message of IMAP servers, counted by the old server or not"""
    hidden = FROM + "Subject: DON'T DELETE\nX-IMAP: 1 2\nStatus: RO\n\nx\n\n"
    for numbers in ((1, 2), (2, 3)):
        old.clear()
        box = old.file(hidden + FROM + "A: 1\n\nx\n\n" + FROM + "A: 2\n\n")
        first = [] if numbers[0] == 1 else ["1 hidden"]
        lines = first + [f"{n} id{n - numbers[0]}" for n in numbers]
        old.take(box, "--uidls", old.file("\n".join(lines) + "\n", "list"))
        equal(old.uidls(), ["id0", "id1"], f"numbers {numbers}")
        check("DON'T" not in old.stored(), old.stored())


# ---- refusals ----

def test_refused(old):
    """What cannot be right is refused, with the reason, and changes nothing"""
    old.clear()
    box = old.file(FROM + "A: 1\n\nx\n\n")
    numbers = old.file("1 a\n2 b\n", "numbers")
    names = old.file(DOVECOT, "names")
    empty = old.file("", "empty")
    fifo = old.path / "fifo"
    os.mkfifo(fifo)
    for status, words, said in (
            (66, [old.path / "none"], "cannot open"),
            (66, [fifo], "is no regular file"),
            (65, [old.file(b"\x1f\x8b\x08\0", "gz")], "is no mbox"),
            (65, [old.path], "new and cur"),
            (66, [box, "--uidls", old.path / "none"], "cannot open"),
            (65, [box, "--uidls", numbers], "has UIDLs of 2 messages"),
            (65, [box, "--uidls", names], "is no Maildir"),
            (65, [box, "--uidls", "names"], "is no Maildir"),
            (65, [box, "--uidls", empty], "there is no UIDL in it"),
            (64, [box, "--uidl-format", "%m"], "only %u, %v")):
        out = old.take(*words, status=status)
        check(said in out, out)
        check(not old.server.mailbox("bob").exists()
              or not old.stored(), f"{words}: {out}")
    done = old.server.call("pop3d", "--import", "nobody.here", box)
    equal(done.returncode, 67, done.stderr)
    fifo.unlink()
    box = old.server.mailbox("bob")
    box.write_text(FROM + "A: 1\n\nx\n\n")
    old.own(box)
    check("is the mailbox itself" in old.take(box, status=64), "itself")
    old.clear()
    old.maildir(NAMES)
    out = old.take(old.path, "--uidls", old.file("1 a\n", "list"), status=65)
    check("have no numbers" in out, out)


def test_links(old):
    """A link in a Maildir leads nowhere, and the rest comes"""
    old.clear()
    old.maildir(NAMES)
    secret = old.file("secret", "secret")
    (old.path / "cur/5.e:2,").symlink_to(secret)
    os.mkfifo(old.path / "cur/6.f:2,")
    out = old.take(old.path, status=77)
    check("2 files of" in out and "chown -R" in out, out)
    equal(len(old.wires()), 4, "messages")
    check("secret" not in old.stored(), "the secret")


def test_locked(old):
    """While another program has the mailbox or the record, it waits or stops"""
    old.clear()
    box = old.file(FROM + "A: 1\n\nx\n\n")
    old.take(box)
    script = ("import fcntl, struct, sys\n"
              "f = open(sys.argv[1], 'r+b')\n"
              "fcntl.fcntl(f, 37, struct.pack('hhqqi4x', 1, 0, 0, 0, 0))\n"
              "print('locked', flush=True)\n"
              "sys.stdin.read()\n")
    record = old.server.dir / "state/users/bob/imported"
    with subprocess.Popen(["python3", "-c", script, record],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        equal(other.stdout.readline(), b"locked\n", "the other one")
        out = old.take(box, status=75)
        check("another import or restore" in out, out)
        other.stdin.close()


# ---- memory ----

def test_memory(old):
    """Mail of a size that does not fit into memory"""
    old.clear()
    line = b"x" * 999 + b"\n"
    most = 96 * 1024 * 1024
    big = FROM.encode() + b"A: big\n\n" + line * (most // len(line)) + b"\n"
    box = old.file(big + b"".join(
        FROM.encode() + b"A: %d\n\n" % n + line * 1000 + b"\n"
        for n in range(40)))
    command = old.server.command("pop3d", "--import", "bob", box)
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd="/",
        env=old.server.environment(), preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_DATA, (most // 6, most // 6)),
        **old.server.as_user())
    equal(done.returncode, 0, done.stderr)
    check("41 messages imported" in done.stdout, done.stdout)
    out = old.server.mailbox("bob").stat().st_size
    equal(out - box.stat().st_size, 0, "octets")
    old.clear()


if __name__ == "__main__":
    with Instance("plaintext-login always\nuidl header") as site:
        tap.run(globals(), Old(site))
    tap.finish()
