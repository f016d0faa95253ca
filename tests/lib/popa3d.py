# SPDX-License-Identifier: ISC
"""Debian's popa3d, for root, in a mount namespace of its own."""
import os
import re
import subprocess

from . import peers
from .scratch import AM_ROOT, tool
from .tap import Skip, check

LOGIN = ("USER bob", "PASS oracle")
# crypt(3) of "oracle"
HASH = ("$6$rounds=1000$restante$zUAvCfG.CtoFsZInd9yZoGMSXr0gvvyTFwcU"
        "7869/CteEspyw/.vXYlY/vhfZXJcSjhGeUIDOoAlvk7FtMakd1")

# What popa3d needs to find: its users, PAM's rules, its folder, mailboxes.
INSIDE = """set -e
for name in passwd shadow group pam.d; do
    mount --bind "$1/$name" "/etc/$name"
done
mount -t tmpfs -o mode=755 none /var/lib
mkdir /var/lib/popa3d
mount --bind "$1/mail" /var/mail
exec "$2"
"""


class Popa3d:
    """Debian's popa3d, with one user."""

    def __init__(self, scratch):
        self.program = peers.find("popa3d", "popa3d")
        if not AM_ROOT:
            raise Skip("popa3d needs root")
        if not tool("unshare") or subprocess.run(
                ["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"],
                capture_output=True, check=False).returncode != 0:
            raise Skip("no right to make a mount namespace")
        self.dir = scratch.dir / "popa3d"
        self.owner = scratch.user
        for name in ("pam.d", "mail"):
            (self.dir / name).mkdir(parents=True)
        users = {"root": (0, "*"), "popa3d": (990, "*"),
                 "bob": (self.owner.pw_uid, HASH)}
        self.write("passwd", "".join(
            f"{name}:x:{uid}:{uid}::/:/bin/sh\n"
            for name, (uid, _) in users.items()))
        self.write("group", "".join(
            f"{name}:x:{uid}:\n" for name, (uid, _) in users.items()))
        self.write("shadow", "".join(
            f"{name}:{password}:20000:0:99999:7:::\n"
            for name, (_, password) in users.items()))
        self.write("pam.d/popa3d", "auth required pam_unix.so\n"
                   "account required pam_unix.so\n")

    def write(self, name, text):
        """A file below /etc."""
        (self.dir / name).write_text(text)

    def put(self, box):
        """Makes this bob's mailbox; returns where it is."""
        path = self.dir / "mail" / "bob"
        path.write_bytes(box)
        os.chown(path, self.owner.pw_uid, self.owner.pw_gid)
        return path

    def command(self):
        """The argument list for one session, on descriptors 0 and 1."""
        return ["unshare", "-m", "--propagation", "private", "sh", "-c",
                INSIDE, "sh", str(self.dir), self.program]

    def uidls(self, box):
        """What it says of a mailbox."""
        self.put(box)
        done = subprocess.run(
            self.command(), input="".join(
                f"{say}\r\n" for say in (*LOGIN, "UIDL", "QUIT")).encode(),
            capture_output=True, timeout=60, check=False)
        check(done.stdout.count(b"+OK") == 5, f"popa3d: {done}")
        return [uidl.decode() for uidl in
                re.findall(rb"^\d+ (\S+)\r$", done.stdout, re.M)]
