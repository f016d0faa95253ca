# SPDX-License-Identifier: ISC
"""Reports that the queue runner makes, each in a queue of its own, taken apart."""
import email
import email.policy
import subprocess

from . import queuefile
from .queuefile import make
from .scratch import BUILD, Scratch, reachable
from .tap import Skip, check, equal

FAILED, DELAYED, DELIVERED, RELAYED, EXPANDED = range(5)
ACTIONS = ("failed", "delayed", "delivered", "relayed", "expanded")
HOST = "mail.example.org"
BODY = (b"From: alice@example.org\r\nMessage-ID: <1@example.org>\r\n"
        b"Subject: hello\r\n\r\nDear Bob\r\n")


class Reports:
    """A queue, and the program that puts reports into it."""

    def __init__(self):
        self.scratch = Scratch(tls=False, users=False)
        self.queue = self.scratch.dir / "queue"
        program = BUILD / "tests/lib/report-one"
        if not program.exists():
            raise Skip("tests/lib/report-one is not built")
        if self.scratch.user and not reachable(program):
            copy = self.scratch.dir / program.name
            copy.write_bytes(program.read_bytes())
            copy.chmod(0o755)
            program = copy
        self.program = program

    def run(self, id, *about, place="active"):
        """Reports on recipients: tuples (number, kind, dsn, host, text)."""
        words = [word for one in about for word in one]
        done = subprocess.run(
            [self.program, self.queue, place, id, HOST,
             *(w if isinstance(w, bytes) else str(w) for w in words)],
            capture_output=True, check=True, env=self.scratch.environment(),
            **self.scratch.as_user())
        return done.stdout.decode().strip()

    def clear(self):
        """Empties the queue."""
        for path in self.queue.rglob("*"):
            if path.is_file():
                path.unlink()

    def one(self, about, body=BODY, sender="alice@example.org",
            people=("bob@example.net",), **fields):
        """Makes a message, reports on it, and takes the report apart."""
        self.clear()
        id = make(self.queue, sender=sender, recipients=people, body=body,
                  **fields)
        equal(self.run(id, *about), "reported")
        found, = [m for m in queuefile.messages(self.queue) if m.id != id]
        return Report(found)


class Report:
    """A report, taken apart."""

    def __init__(self, queued):
        self.queued = queued
        self.raw = queued.body
        check(b"\n" not in self.raw.replace(b"\r\n", b"")
              and b"\r" not in self.raw.replace(b"\r\n", b""), "bare CR or LF")
        check(max(map(len, self.raw.split(b"\r\n"))) <= 998, "a long line")
        self.mail = email.message_from_bytes(
            self.raw, policy=email.policy.default)
        parts = list(self.mail.iter_parts())
        equal(len(parts), 3, "parts")
        for part in self.mail.walk():
            equal(part.defects, [], "defects")
        self.text, self.status, self.returned = parts
        self.words = " ".join(self.text.get_content().split())
        self.message, *self.people = self.status.get_payload()
