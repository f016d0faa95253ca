# SPDX-License-Identifier: ISC
"""What an earlier version has left on the disk is read as it was meant.

Guards against a change of a format that nobody meant to change: mailboxes
whose clients collect everything again because UIDLs are others, a deletion or
delivery that is never finished, queued mail that is set aside as damaged. The
files in lib/before/ were made by the programs of that version, see
lib/before.py.
"""
import hashlib
import re
import struct
import sys
import time

from lib import mbox
from lib.before import CONFIG, FOLDER, fnv, fnv_words, from_hex, uidls
from lib.fakemx import FakeMx
from lib.scratch import Scratch
from lib.sweep import Bench
from lib.tap import Skip, Tap, check, equal

tap = Tap()
# Where the fields are that name the machine, and the sum over what.
INDEX_STATUS, INDEX_SUM = 8, 120
JOURNAL_FILE, JOURNAL_SUM = 8, 120
APPEND_BOOT, APPEND_INODE, APPEND_SUM = 8, 48, 584
LONG_AGO, WAITING, HELD, NEW = "000000000001", "74MPLOWZNXK9", \
    "HLNUB6R1HH5V", "Z5Y8YAQ8RLJ7"
ARRIVAL = 1796018203


def localise(name, data, st):
    """Puts this machine and this mailbox into a file of the owner's."""
    if name == "index":
        struct.pack_into("<7Q", data, INDEX_STATUS, st.st_dev, st.st_ino,
                         st.st_size, *divmod(st.st_mtime_ns, 10 ** 9),
                         *divmod(st.st_ctime_ns, 10 ** 9))
        struct.pack_into("<Q", data, INDEX_SUM, fnv_words(data[:INDEX_SUM]))
    elif name == "journal":
        struct.pack_into("<2Q", data, JOURNAL_FILE, st.st_dev, st.st_ino)
        data[JOURNAL_SUM:JOURNAL_SUM + 16] = hashlib.sha256(
            data[:JOURNAL_SUM]).digest()[:16]
    elif name == "append" and data[0] != 0:
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:
            struct.pack_into("40s", data, APPEND_BOOT, file.read(39))
        struct.pack_into("<Q", data, APPEND_INODE, st.st_ino)
        struct.pack_into("<Q", data, APPEND_SUM, fnv(data[:APPEND_SUM]))
    return data


class Before(Bench):
    """bob's mailbox and files as one of the folders has them."""

    def __init__(self, name):
        super().__init__()
        self.configure(CONFIG, tls=False)
        self.own()
        self.source = FOLDER / name
        self.put([], (self.source / "mbox").read_bytes())
        self.home.mkdir(parents=True)
        st = self.path.stat()
        for path in sorted(self.source.rglob("*")):
            to = self.home / path.relative_to(self.source)
            if path.is_dir():
                to.mkdir()
            elif path.suffix == ".hex":
                to.with_suffix("").write_bytes(localise(
                    path.stem, from_hex(path.read_text()), st))
            elif path.name not in ("mbox", "uidls"):
                to.write_bytes(path.read_bytes())
        for path in [self.home.parent, *self.home.parent.rglob("*")]:
            self.give(path)

    def expected(self):
        """The lines of UIDL and LIST that the old version gave."""
        return (self.source / "uidls").read_text().splitlines()


def binary(test):
    """The formats are in the byte order of the machine."""
    def run():
        if sys.byteorder != "little":
            raise Skip("the files were made on a little-endian machine")
        test()
    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


def test_mailbox():
    """UIDLs and sizes are the same without the index"""
    with Before("read") as b:
        (b.home / "index").unlink()
        equal(uidls(b), b.expected())


@binary
def test_index():
    """The index is made anew, with the same UIDLs, and used from then on"""
    with Before("read") as b:
        index = b.home / "index"
        equal(uidls(b), b.expected())
        inode, size = index.stat().st_ino, index.stat().st_size
        check(b.deliver(b"Subject: more\r\n\r\nx\r\n"), "not taken")
        equal(index.stat().st_ino, inode, "the index is another file")
        check(index.stat().st_size > size, "no record was added")
        equal(uidls(b)[:-1], b.expected())


@binary
def test_journal():
    """A deletion that was interrupted is finished by the next login"""
    with Before("journal") as b:
        equal(uidls(b), b.expected())
        check(not (b.home / "journal").exists(), "the journal is still there")
        equal(list(b.home.glob("journal.lost*")), [])
        equal(len(mbox.read(b.path)), len(b.expected()))


@binary
def test_append():
    """A delivery that was interrupted is undone by the next one"""
    with Before("append") as b:
        torn = b.path.stat().st_size
        equal(uidls(b), b.expected())
        check(b.path.stat().st_size < torn, "the torn end is still there")
        check(b.deliver(b"Subject: more\r\n\r\nx\r\n"), "not taken")
        equal(uidls(b)[:-1], b.expected())


def test_kept():
    """Deleted mail that was kept is listed and comes back"""
    with Before("read") as b:
        done = b.call("pop3d", "--deleted", "bob")
        check("two" in done.stdout, f"{done}")
        done = b.call("pop3d", "--undelete", "bob")
        equal(done.returncode, 0, done.stderr)
        texts = b.list()
        equal(len(texts), len(b.expected()) + 1)
        check(b"<two@before.test>" in texts[-1], "another message")


def test_collected():
    """Messages that were retrieved long ago expire, and no others"""
    with Before("read") as b:
        path = b.home / "collected"
        now = f"{int(time.time()):012d}"
        lines = [line.split()[0] for line in path.read_text().splitlines()]
        equal(lines, [line.split()[1] for line in b.expected()])
        path.write_text("".join(
            f"{uidl} {LONG_AGO if n < 3 else now}\n"
            for n, uidl in enumerate(lines)))
        equal(b.pop()[1], True, "QUIT")
        left = [line.split()[1] for line in uidls(b)]
        # The first of two copies keeps its name, and the second one, too.
        equal(left, lines[3:])


def test_last_login():
    """The last login is known"""
    with Before("read") as b:
        done = b.call("pop3d", "--last-login")
        check(re.search(r"^bob\b.*\b2026\b", done.stdout, re.M), f"{done}")


class Queue(Scratch):
    """The queue as it was left, with the times moved to now."""

    def __init__(self, mx):
        super().__init__(f"relay smtp://127.0.0.1:{mx.port}?tls=never",
                         tls=False)
        self.queue = self.dir / "queue"
        later = int(time.time()) - ARRIVAL
        for path in sorted((FOLDER / "queue").glob("*/*")):
            to = self.queue / path.parent.name / path.name
            to.parent.mkdir(exist_ok=True)
            head, blank, body = path.read_bytes().partition(b"\n\n")
            to.write_bytes(re.sub(
                rb"\b1796\d{6}\b", lambda m: b"%010d" % (
                    int(m.group()) + later), head) + blank + body)
        for path in self.queue.rglob("*"):
            path.chmod(0o700 if path.is_dir() else 0o600)
        self.own()


def test_mailq():
    """mailq lists all that lies in the queue"""
    with FakeMx() as mx, Queue(mx) as q:
        said = q.call("smtpd", "-bp").stdout
        for word in (WAITING, HELD, NEW, "bob", "carl@elsewhere.test",
                     "dora@elsewhere.test", "emil@elsewhere.test",
                     "fritz@elsewhere.test",
                     "the name server at 127.0.0.1:1 cannot be reached"):
            check(word in said, f"no {word} in\n{said}")
        done = q.call("smtpd", "--show", WAITING)
        check("<queued@before.test>" in done.stdout, f"{done}")


def test_runner():
    """The runner sends what waits, to those who wait for it, once"""
    with FakeMx() as mx, Queue(mx) as q:
        done = q.call("smtpd", "-qf")
        equal(done.returncode, 0, done.stderr)
        equal([p.name for p in q.queue_files()], [HELD], "the queue")
        first, second = sorted(mx.messages, key=lambda m: m.rcpts)
        equal((first.rcpts, second.rcpts),
              (["carl@elsewhere.test"], ["fritz@elsewhere.test"]))
        equal(first.rcpt_params["carl@elsewhere.test"].split(),
              ["NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;c+2Barl@elsewhere.test"])
        check("ENVID=QQ+3D314159" in first.mail_params, first.mail_params)
        check(first.body.startswith(b"Received: "), first.body)
        check(b"\r\nsubject: queued\r\n" in first.body.lower(), first.body)
        check(first.body.endswith(b"\r\n.\r\n" + b"".join(
            f"queued {n:04d} ".ljust(60, "x").encode() + b"\r\n"
            for n in range(12))), first.body)
        inbox, = mbox.read(q.mailbox("bob"))
        check(b"Subject: command\r\n" in inbox.wire, inbox.wire)
        done = q.call("smtpd", "--release", HELD)
        equal(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
