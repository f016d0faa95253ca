# SPDX-License-Identifier: ISC
"""Libraries that programs of others send and collect mail by.

Each has a driver in lib/drivers/, a program in the library's own language. It
gets a job by JSON on its standard input, works it off in one session (or one
for each message), and answers by JSON. What a library makes of dots and of
the last line is its own business, and said here.
"""
import json
import os
import subprocess
from pathlib import Path

from . import peers
from .mails import MAILS
from .scratch import tool
from .tap import Skip, check

DRIVERS = Path(__file__).with_name("drivers")
CLEAR, STARTTLS, TLS = "clear", "STARTTLS", "TLS"
MISSING = ("No module named", "Can't locate ", "Cannot find module")


def perl():
    """The command of Perl, with the modules of unpacked packages."""
    if not tool("perl"):
        raise Skip("no perl")
    return ["perl"]


def python():
    """The command of Debian's Python, which has Debian's modules."""
    if not os.access("/usr/bin/python3", os.X_OK):
        raise Skip("no /usr/bin/python3")
    return ["/usr/bin/python3", "-B"]


def node():
    """The command of Node.js."""
    return [peers.find("node", "nodejs")]


def npm(package):
    """The folder of npm's packages, if that one is in it."""
    root = os.environ.get("RESTANTE_NPM")
    if not root or not Path(root, package).is_dir():
        raise Skip(f"no {package} (npm) in RESTANTE_NPM")
    return root


class Library:
    """One of them."""

    name = driver = package = ""
    kinds = (CLEAR, STARTTLS, TLS)
    mechanisms = (None,)

    def command(self):
        """Who runs the driver."""
        raise NotImplementedError

    def run(self, server, **job):
        """Works a job off; returns what the driver says."""
        done = subprocess.run(
            [*self.command(), str(DRIVERS / self.driver)],
            input=json.dumps(job), capture_output=True, text=True,
            timeout=30, check=False, cwd=server.dir,
            env=dict(server.environment(), NO_COLOR="1"))
        if any(words in done.stderr for words in MISSING):
            raise Skip(f"{self.name} is not there ({self.package})")
        check(done.returncode == 0 and done.stdout, f"{self.name}: "
              f"{done.returncode}: {done.stderr[-900:]}")
        return json.loads(done.stdout)


class Sender(Library):
    """Sends messages in wire form, or with LF if it wants that."""

    line_end = b"\n"

    def send(self, server, kind, mechanism, mails, password="opensesame"):
        """Sends [(octets, recipient)] as alice; returns a text for each,
        which is empty where all went well."""
        files = []
        for number, (wire, rcpt) in enumerate(mails):
            path = server.dir / f"mail-{number}"
            path.write_bytes(wire.replace(b"\r\n", self.line_end))
            files.append((str(path), rcpt))
        port = server.submissions if kind == TLS else server.submission
        return self.run(server, kind=kind, mechanism=mechanism, port=port,
                        mails=files, user="alice", password=password,
                        sender="alice@example.org")


class NetSmtp(Sender):
    """Perl's own."""

    name, driver = "Net::SMTP", "send_net_smtp.pl"
    package = "Debian packages libauthen-sasl-perl, libio-socket-ssl-perl"
    mechanisms = ("PLAIN", "LOGIN", "CRAM-MD5")

    def command(self):
        return perl()


class TwistedSmtp(Sender):
    """It takes STARTTLS wherever it is offered."""

    name, driver = "twisted.mail.smtp", "send_twisted.py"
    package = "Debian package python3-twisted"
    kinds = (STARTTLS, TLS)
    mechanisms = ("PLAIN", "LOGIN", "CRAM-MD5")

    def command(self):
        return python()


class Reader(Library):
    """Collects all messages of bob."""

    dotted = False      # dots at the beginning of lines stay doubled
    last_end = True     # the last line has its end
    utf8 = False        # what is no UTF-8 is lost
    has_uidls = True

    def collect(self, server, kind, mechanism, password, delete=False):
        """What the driver says, and the octets by number."""
        folder = server.dir / "collected"
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        port = server.pop3s if kind == TLS else server.pop3
        said = self.run(server, kind=kind, mechanism=mechanism, port=port,
                        user="bob", password=password, folder=str(folder),
                        delete=delete, npm=os.environ.get("RESTANTE_NPM"))
        return said, {int(path.name): path.read_bytes().replace(
            b"\r\n", b"\n") for path in folder.iterdir()}

    def expected(self, wire):
        """What it makes of that message, whatever its line ends."""
        if self.dotted:
            wire = (b"\r\n" + wire).replace(b"\r\n.", b"\r\n..")[2:]
        if not self.last_end:
            wire = wire[:-2]
        if self.utf8:
            wire = wire.decode("utf-8", "replace").encode()
        return wire.replace(b"\r\n", b"\n")


class NetPop3(Reader):
    """Perl's own."""

    name, driver = "Net::POP3", "collect_net_pop3.pl"
    package = "Debian package libio-socket-ssl-perl"

    def command(self):
        return perl()


class Pop3Client(Reader):
    """Its RetrieveToFile() leaves dots as they are on the wire."""

    name, driver = "Mail::POP3Client", "collect_pop3client.pl"
    package = "Debian package libmail-pop3client-perl"
    kinds = (CLEAR, TLS)
    mechanisms = ("PASS", "CRAM-MD5")

    def command(self):
        return perl()


class TwistedPop3(Reader):
    """It takes STLS wherever it is offered."""

    name, driver = "twisted.mail.pop3", "collect_twisted.py"
    package = "Debian package python3-twisted"
    kinds = (STARTTLS, TLS)

    def command(self):
        return python()


class NodePop3(Reader):
    """It makes strings of octets, and knows no doubled dots."""

    name, driver = "node-pop3", "collect_node_pop3.js"
    kinds = (CLEAR, TLS)
    dotted, last_end, utf8 = True, False, True

    def command(self):
        npm("node-pop3")
        return node()


class Yapople(Reader):
    """It knows no doubled dots."""

    name, driver = "yapople", "collect_yapople.js"
    kinds = (CLEAR, TLS)
    dotted, last_end = True, False
    has_uidls = False

    def command(self):
        npm("yapople")
        return node()


SENDERS = (NetSmtp(), TwistedSmtp())
READERS = (NetPop3(), Pop3Client(), TwistedPop3(), NodePop3(), Yapople())
