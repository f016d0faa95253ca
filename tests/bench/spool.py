# SPDX-License-Identifier: ISC
"""The mailboxes of the benchmark: filling them, and finding every message."""
import os
import re
import subprocess
import time
import zlib

MAIL = "/var/mail"
UID, GID = 61000, 8
UNQUOTE = re.compile(rb"(?m)^>(>*From )")
SUBJECT = re.compile(rb"(?m)^Subject: (\S+)$")


def box(n):
    return f"b{n:03d}"


def filesystem(folder):
    return subprocess.run(["df", "--output=fstype", folder],
                          stdout=subprocess.PIPE, text=True).stdout.split()[-1]


def give(path, n):
    os.chown(path, UID + n, GID)
    os.chmod(path, 0o660)


def empty(work, users):
    """Empty mailboxes, and no index that remembers the former ones."""
    for name in os.listdir(MAIL):
        try:
            os.unlink(os.path.join(MAIL, name))
        except FileNotFoundError:
            pass   # a lock file of a session that ends just now
    for n in range(users):
        path = os.path.join(MAIL, box(n))
        open(path, "w").close()
        give(path, n)
    for folder in ("state", "indexes"):
        for root, _, files in os.walk(os.path.join(work, folder)):
            for name in files:
                os.unlink(os.path.join(root, name))


def message(i, size):
    line = b"%05d abcdefghijklmnopqrstuvwxyz 0123456789 the quick brown fox\n"
    head = (b"From load@client.example Thu Jan  1 00:00:00 2026\n"
            b"From: load@client.example\nTo: box@bench.example\n"
            b"Subject: number %d\nMessage-ID: <f.%d@client.example>\n"
            b"Date: Thu, 01 Jan 2026 00:00:00 +0000\n\n" % (i, i))
    return head + b"".join(line % n for n in range(size // 64)) + b"\n"


def fill(work, users, protocol):
    """10 messages of 2 KiB each to log in to, or 400 of 10 KiB to fetch."""
    empty(work, users)
    count, size, boxes = (400, 10240, 32) if protocol == "retr" \
        else (10, 2048, users)
    data = b"".join(message(i, size) for i in range(count))
    for n in range(boxes):
        with open(os.path.join(MAIL, box(n)), "wb") as f:
            f.write(data)


def messages(path):
    """(id, checksum of the body) of each message, unquoted."""
    with open(path, "rb") as f:
        data = b"\n" + f.read()
    if data == b"\n":
        return
    if data.endswith(b"\n\n"):
        data = data[:-1]
    parts = data.split(b"\nFrom ")
    if parts[0]:
        yield "(before the first From_ line)", None
    for part in parts[1:]:
        head, _, body = part.partition(b"\n\n")
        subject = SUBJECT.search(head)
        yield (subject.group(1).decode() if subject else "(no subject)",
               "%08x" % zlib.crc32(UNQUOTE.sub(rb"\1", body)))


def verify(acks, users):
    expected = {}
    with open(acks) as f:
        for line in f:
            ident, user, checksum = line.split()
            expected[ident] = (user, checksum)
    found, torn, twice, stray = set(), 0, 0, 0
    for n in range(users):
        for ident, checksum in messages(os.path.join(MAIL, box(n))):
            if ident not in expected:
                stray += 1
            elif expected[ident] != (box(n), checksum):
                torn += 1
            elif ident in found:
                twice += 1
            else:
                found.add(ident)
    return {"verified": len(found), "lost": len(expected) - len(found) - torn,
            "torn": torn, "twice": twice, "stray": stray}


def state(users):
    """Bytes in all mailboxes, and when one was last written to."""
    stats = [os.stat(os.path.join(MAIL, box(n))) for n in range(users)]
    return (sum(s.st_size for s in stats),
            max((s.st_mtime for s in stats if s.st_size), default=0))


def wait(acks, users, patience=20):
    """Waits until all that was acknowledged has come, or nothing comes."""
    quiet, last = time.monotonic(), state(users)
    while True:
        time.sleep(0.1)
        this = state(users)
        if this != last:
            quiet, last = time.monotonic(), this
            continue
        silence = time.monotonic() - quiet
        if silence >= 0.2:
            result = verify(acks, users)
            if result["lost"] <= 0 or silence > patience:
                result["changed"] = this[1]
                return result
