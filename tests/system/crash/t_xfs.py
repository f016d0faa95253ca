# SPDX-License-Identifier: ISC
"""Deletions on XFS, where two files can change contents in one step.

mkfs.xfs of Debian 12 does not know the feature, so its bit is set by hand.
"""
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from lib import mbox
from lib.namespace import again
from lib.player import PASSWORDS
from lib.scratch import AM_ROOT, Scratch, tool
from lib.tap import Skip, Tap, check, equal

tap = Tap()
NEEDED = ("unshare", "mount", "umount", "mountpoint", "mkfs.xfs", "xfs_db",
          "strace")
INSIDE = "--inside"


def image(path):
    """An XFS that can exchange ranges."""
    with open(path, "wb") as file:
        file.truncate(320 << 20)
    subprocess.run(["mkfs.xfs", "-q", path], check=True)
    command = ["xfs_db", "-x", "-c", "sb 0"]
    said = subprocess.run([*command, "-c", "p features_incompat", path],
                          check=True, capture_output=True, text=True).stdout
    bits = int(said.split("=")[1], 16) | 1 << 6
    subprocess.run([*command, "-c", f"write -d features_incompat {bits:#x}",
                    path], check=True, capture_output=True)


def collect(scratch, trace, *commands, options=()):
    """One POP3 session on pipes, its calls for the disk traced."""
    lines = ["USER bob", "PASS " + PASSWORDS["bob"], *commands, "QUIT"]
    done = subprocess.run(
        ["strace", "-f", "-e", "trace=ioctl,ftruncate,pwrite64,fsync",
         *options, "-o", trace, *scratch.command("pop3d")],
        input="".join(line + "\r\n" for line in lines), text=True,
        capture_output=True, timeout=60, check=False,
        env=scratch.environment())
    return done.stdout


def fill(path, count):
    """A mailbox of that many messages of some 3 kB."""
    text = "".join(
        f"From a@example.com Sun Nov 22 07:00:00 2026\nSubject: {n}\n\n"
        + f"line of message {n}\n" * 150 + "\n" for n in range(count))
    path.write_text(text)
    path.chmod(0o600)


@contextmanager
def fixture(folder):
    """A Scratch and bob's mailbox of 40 messages on that disk."""
    with Scratch(as_root=True) as scratch:
        box = Path(folder, "bob")
        fill(box, 40)
        os.chown(box, 8, 8)
        os.chown(folder, 8, 8)
        with open(scratch.conf, "a", encoding="utf-8") as conf:
            conf.write(f"mailbox {folder}/%u\nmailbox-owner mail\n")
        yield scratch, box


def delete(scratch, folder, **named):
    """Two messages go: (what pop3d has said, the calls)."""
    trace = Path(folder, "trace")
    said = collect(scratch, trace, "DELE 2", "DELE 30", **named)
    calls = trace.read_text()
    made = [line for line in calls.splitlines() if "0x58, 0x81" in line]
    check(made, "no exchange: " + calls[-2000:])
    if "EOPNOTSUPP" in made[0] or "ENOTTY" in made[0]:
        raise Skip("this kernel cannot exchange ranges")
    return said, calls


def wires(box):
    """The messages in the file."""
    return [m.wire for m in mbox.read(box)]


def test_exchange(folder):
    """What stays changes places with the old end, and nothing else moves"""
    with fixture(folder) as (scratch, box):
        before = wires(box)
        inode = box.stat().st_ino
        said, calls = delete(scratch, folder)
        check("+OK Bye" in said, said)
        equal(wires(box), [w for n, w in enumerate(before)
                           if n not in (1, 29)], "the messages")
        equal(box.stat().st_ino, inode, "the inode")
        check("/journal" not in calls, "a journal was used as well")


def test_large(folder):
    """What is copied in several pieces is whole"""
    with fixture(folder) as (scratch, box):
        fill(box, 1000)
        before = wires(box)
        said, _ = delete(scratch, folder)
        check("+OK Bye" in said, said)
        check(wires(box) == [w for n, w in enumerate(before)
                             if n not in (1, 29)], "other messages")


def test_unsynced(folder):
    """A sync that fails after the exchange: nothing is moved once more"""
    with fixture(folder) as (scratch, box):
        before = wires(box)
        for _ in range(2):      # the first one makes more than the mailbox
            fill(box, 40)
            _, calls = delete(scratch, folder)
        lines = calls.splitlines()
        at = next(n for n, line in enumerate(lines) if "0x58, 0x81" in line)
        pid = lines[at].split()[0]
        syncs = sum(line.split()[0] == pid and " fsync(" in line
                    for line in lines[:at])
        fill(box, 40)
        said, _ = delete(scratch, folder, options=[
            "-e", f"inject=fsync:error=EIO:when={syncs + 1}"])
        equal(wires(box), [w for n, w in enumerate(before)
                           if n not in (1, 29)], "the messages")
        check("-ERR [SYS/TEMP] Messages may come back" in said, said)


def inside():
    """In a mount namespace of its own."""
    with tempfile.TemporaryDirectory(prefix="restante-xfs-") as work:
        folder = Path(work, "mnt")
        folder.mkdir()
        disk = Path(work, "disk")
        image(disk)
        subprocess.run(["mount", "-o", "loop", disk, folder], check=True)
        try:
            subprocess.run(["mountpoint", "-q", folder], check=True)
            folder.chmod(0o755)
            os.chmod(work, 0o755)
            tap.run(globals(), folder)
        finally:
            subprocess.run(["umount", folder], check=True)
    tap.finish()


def run_inside():
    """All of that, where it can be."""
    lacking = [name for name in NEEDED if not tool(name)]
    supported = "\txfs\n" in Path("/proc/filesystems").read_text()
    if not AM_ROOT or lacking or not supported:
        raise Skip("needs root, XFS in the kernel and " + " ".join(NEEDED))
    again(tap, INSIDE)


if __name__ == "__main__":
    if INSIDE in sys.argv:
        inside()
    with tap.case("the XFS was tried"):
        run_inside()
    tap.finish()
