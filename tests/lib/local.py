# SPDX-License-Identifier: ISC
"""The local agent of the queue, and a place with accounts for it.

A program that needs root and an /etc/passwd of its own calls main(tap,
globals()): its test_* functions are run with a Place, in a mount namespace.
"""
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from . import mbox
from .namespace import again
from .scratch import AM_ROOT, BUILD
from .tap import Skip, equal

INSIDE = "--inside-a-mount-namespace"
DRIVER = BUILD / "tests/lib/local-driver"
FIRST_UID = 54321
GROUP = 54000
CROWD = [f"crowd{n}" for n in range(20)]
PEOPLE = [f"user{n}" for n in range(40)] + ["alice", "bob"]
BODY = b"Subject: x\n\nbody\n"


class Place:
    """A folder with a queue, mailboxes, and homes of accounts of the test."""

    def __init__(self, work):
        self.dir = Path(work)
        self.dir.chmod(0o755)
        self.queue, self.mail = self.dir / "queue", self.dir / "mail"
        self.log = self.dir / "agent.log"
        self.conf = self.dir / "restante.conf"
        for name in ("queue", "mail", "state", "home"):
            (self.dir / name).mkdir()
        self.queue.chmod(0o700)
        os.chown(self.mail, 0, GROUP)
        self.mail.chmod(0o3775)
        self.conf.write_text(
            "hostname mail.example.org\ndomains example.org\n"
            f"users system\nmailbox {self.mail}/%u\nqueue {self.queue}\n"
            f"state {self.dir}/state\naliases {self.dir}/aliases\n")
        (self.dir / "aliases").write_text("")
        self.uids = {name: FIRST_UID + n for n, name in enumerate(PEOPLE + CROWD)}
        self.accounts()
        self.unused = iter(PEOPLE)
        self.ours = set()       # the ids of what the driver queued

    def accounts(self):
        """Hides the system's accounts behind ours, and makes their homes."""
        lines = ["root:x:0:0::/root:/bin/sh"]
        for name, uid in self.uids.items():
            home = self.home(name)
            home.mkdir(0o755)
            os.chown(home, uid, uid)
            lines.append(f"{name}:x:{uid}:{uid}::{home}:/bin/sh")
        passwd = self.dir / "passwd"
        passwd.write_text("\n".join(lines) + "\n")
        subprocess.run(["mount", "--bind", passwd, "/etc/passwd"], check=True)

    def home(self, user):
        """Somebody's home directory."""
        return self.dir / "home" / user

    def forward(self, user, text, mode=0o644):
        """Writes somebody's ~/.forward."""
        path = self.home(user) / ".forward"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(mode)
        os.chown(path, self.uids[user], self.uids[user])
        return path

    def deliver(self, *recipients, body=BODY, times=1, prefix=(),
                sender="carol@example.com"):
        """Has a message delivered; answers [(number, kind, dsn, text)].

        A recipient is (kind, text, owner) or a user's name.
        """
        words = []
        for recipient in recipients:
            if isinstance(recipient, str):
                recipient = ("u", recipient, "")
            kind, text, owner = recipient
            words += [kind, text, "given+more@example.org", owner]
        message = self.dir / "message"
        message.write_bytes(body)
        with open(self.log, "ab") as log:
            done = subprocess.run(
                [*prefix, DRIVER, self.conf, sender, message, str(times),
                 *words], stdout=subprocess.PIPE, stderr=log, check=False,
                timeout=100)
        lines = done.stdout.decode().splitlines()
        self.ours.update(lines[:1])     # the message itself
        equal(done.returncode, 0, "exit status of the driver")
        outcomes = [line.split(" ", 3) for line in lines[1:]]
        equal([o[1] for o in outcomes].count("done"), times, "done")
        return [(int(n), *rest) for n, *rest in outcomes
                if rest[0] != "done"]

    def one(self, *arguments, **settings):
        """The kind, dsn and text for a message with one recipient."""
        outcomes = self.deliver(*arguments, **settings)
        equal(len(outcomes), 1, f"outcomes, {outcomes}")
        return outcomes[0][1:]

    def messages(self, user):
        """How many messages are in a mailbox."""
        path = self.mail / user
        return len(mbox.read(path)) if path.exists() else 0

    def queued(self):
        """The texts of messages that the agent has queued since, by id."""
        found = {p.name: p.read_bytes().decode()
                 for p in (self.queue / "active").iterdir()
                 if p.name not in self.ours}
        self.ours.update(found)
        return found

    def notes(self):
        """What the agent has logged last."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-12:])


def inside(tap, namespace):
    """Runs the tests where /etc/passwd may be ours."""
    with tempfile.TemporaryDirectory(prefix="restante-test-") as work:
        place = Place(work)
        try:
            tap.run(namespace, place)
        finally:
            subprocess.run(["umount", "/etc/passwd"], check=True)
    tap.finish()


def need_driver():
    """Raises Skip where there is none."""
    if not DRIVER.exists():
        raise Skip("tests/lib/local-driver is not built")


def main(tap, namespace):
    """Runs the tests as root with accounts of their own, if that can be."""
    if INSIDE in sys.argv:
        inside(tap, namespace)
    with tap.case("the local agent was tried as root"):
        if not AM_ROOT:
            raise Skip("needs root")
        need_driver()
        again(tap, INSIDE, ("mount", "--bind", "/etc/passwd", "/etc/passwd"),
              timeout=240)
    tap.finish()
