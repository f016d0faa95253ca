# SPDX-License-Identifier: ISC
"""Asks tests/lib/auth-probe about messages, with a DNS that is a table."""
import json
import os
import subprocess
import tempfile
from pathlib import Path

from .scratch import BUILD
from .tap import Skip, check, equal

CLOCK = 1796100000      # when the vectors are to be evaluated


def data(*names):
    """A file of $RESTANTE_DATA, the test data that is not of the source."""
    root = os.environ.get("RESTANTE_DATA")
    path = Path(root or "/nonexistent", *names)
    if not path.exists():
        raise Skip(f"{'/'.join(names)} is not there (RESTANTE_DATA)")
    return path


def zone_of(path):
    """The TXT records of a dns.json: name to list of records."""
    zone = {}
    for name, types in json.loads(path.read_text()).items():
        if types.get("RCODE"):
            zone[name] = None
        for strings in types.get("TXT", ()):
            zone.setdefault(name, []).append("".join(strings))
    return zone


class Probe:
    """The process; a context manager. zone: name to list of TXT records, or
    None for a server that fails. key: (PEM, domain, selector) that seals."""

    def __init__(self, zone, key=None):
        self.folder = tempfile.TemporaryDirectory(prefix="restante-auth-")
        lines = [f"{name}\t{record}\n" for name, records in zone.items()
                 for record in (["!"] if records is None else records)]
        dns = Path(self.folder.name, "dns")
        dns.write_text("".join(lines))
        self.file = Path(self.folder.name, "message")
        more = []
        if key:
            pem = Path(self.folder.name, "key")
            pem.write_text(key[0])
            more = [pem, *key[1:]]
        self.process = subprocess.Popen(
            [BUILD / "tests/lib/auth-probe", dns, *more], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.process.stdin.close()
            equal(self.process.wait(timeout=60), 0, "exit status of the probe")
        finally:
            self.process.kill()
            self.process.wait()
            self.folder.cleanup()

    def ask(self, what, message, piece=65536, author="-", now=CLOCK):
        """The lines of the answer."""
        self.file.write_bytes(message)
        self.process.stdin.write(
            f"{what} {self.file} {piece} {now} {author}\n".encode())
        self.process.stdin.flush()
        lines = []
        while True:
            line = self.process.stdout.readline()
            check(line, "the probe ended")
            if line == b".\n":
                return lines
            lines.append(line.decode().rstrip("\n"))

    def dkim(self, message, **how):
        """[{result, d, s, a, b, reason}] from top to bottom."""
        found = []
        for line in self.ask("dkim", message, **how)[:-1]:
            result, *tags, reason = line.split(" ", 5)
            found.append({"result": result, "reason": reason,
                          **dict(tag.split("=", 1) for tag in tags)})
        return found

    def seal(self, message, name, **how):
        """The fields of the set that is added, as octets, or None; and what
        the answer was."""
        lines = self.ask("seal", message, author=name, **how)
        if lines[0].startswith("none "):
            return None, lines[0]
        return "".join(f"{line.rstrip()}\r\n" for line in lines).encode(), ""

    def results(self, message, **how):
        """The results alone."""
        return [one["result"] for one in self.dkim(message, **how)]
