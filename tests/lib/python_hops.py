# SPDX-License-Identifier: ISC
"""Python's mail servers as next hops: aiosmtpd and Twisted, each in a process
of its own. The user nosuch is refused, the user later is put off."""
import json
import shutil
import subprocess

from . import libraries
from .nexthops import Server
from .scratch import ALICE
from .tap import Skip


class PythonHop(Server):
    """One of them. With a certificate it wants STARTTLS and a login; it can
    forward what it gets to a port."""

    driver = package = ""

    def __init__(self, scratch, pem=None, lmtp=False, forward=None):
        self.pem, self.lmtp, self.forward = pem, lmtp, forward
        super().__init__(scratch)

    def prepare(self):
        self.program = libraries.python()
        done = subprocess.run([*self.program, "-c", f"import {self.name}"],
                              capture_output=True, check=False)
        if done.returncode != 0:
            raise Skip(f"{self.name} is not there (Debian package "
                       f"{self.package})")
        # The user of the test may have no way to the source.
        self.copy = self.top / self.driver
        shutil.copy(libraries.DRIVERS / self.driver, self.copy)
        self.folder = self.top / "mail"
        self.folder.mkdir()

    def command(self):
        job = {"port": self.port, "folder": str(self.folder),
               "pem": self.pem and str(self.pem), "lmtp": self.lmtp,
               "forward": self.forward, "user": ALICE[0], "password": ALICE[1]}
        return [*self.program, str(self.copy), json.dumps(job)]

    def messages(self):
        """(what was said, octets) of each, in the order of arrival."""
        found = []
        for path in sorted((p for p in self.folder.iterdir()
                            if not p.suffix), key=lambda p: int(p.name)):
            head, _, wire = path.read_bytes().partition(b"\n")
            found.append((json.loads(head), wire))
        return found


class Aiosmtpd(PythonHop):
    """aiosmtpd: 8BITMIME, SMTPUTF8, SIZE; lines of 1001 octets at most."""

    name, driver, package = "aiosmtpd", "hop_aiosmtpd.py", "python3-aiosmtpd"


class Twisted(PythonHop):
    """Twisted: no extension at all but STARTTLS and AUTH."""

    name, driver, package = "twisted.mail", "hop_twisted.py", "python3-twisted"
