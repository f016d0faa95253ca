# SPDX-License-Identifier: ISC
"""Dovecot's programs on one of our mailboxes, without its master process.

They come from Debian's packages dovecot-core and dovecot-imapd: installed, or
only unpacked below $RESTANTE_PEERS. All settings are on the command line (-O:
no config file), and everything they write is in the scratch folder.
"""
import functools
import os
import re
import socket
import subprocess
from pathlib import Path

from . import peers
from .namespace import with_mount
from .tap import Skip
from .talk import Talker

DEBIAN = "fcntl dotlock"        # the order in Debian's 10-mail.conf
UPSTREAM = "dotlock fcntl"
FETCHED = re.compile(r"\* (\d+) FETCH \((.*)\)$")


def find(name, package):
    """The path of one of its programs, which lie in no PATH."""
    places = [Path("/")]
    if os.environ.get("RESTANTE_PEERS"):
        places.append(Path(os.environ["RESTANTE_PEERS"], package))
    for place in places:
        path = place / "usr/lib/dovecot" / name
        if os.access(path, os.X_OK):
            return str(path)
    raise Skip(f"{name} is not there (Debian package {package})")


def setting(order):
    """A name for the lock order in the name of a test."""
    return "Debian's order" if order == DEBIAN else "upstream's order"


def folder(scratch, user):
    """Where it keeps what it knows of a user's mailbox."""
    path = scratch.dir / "dovecot" / user
    if not path.exists():
        path.mkdir(parents=True)
        scratch.own()
    return path


@functools.cache
def version():
    """(2, 3) on Debian 12, (2, 4) on Debian 13."""
    done = subprocess.run(
        [peers.find("dovecot", "dovecot-core"), "--version"], check=True,
        capture_output=True, text=True, env=dict(
            os.environ, LD_LIBRARY_PATH=libraries()))
    return tuple(map(int, done.stdout.split()[0].split(".")[:2]))


def location(inbox, home):
    """The settings that say where mail is."""
    if version() < (2, 4):
        return {"mail_location":
                f"mbox:{home}/mail:INBOX={inbox}:INDEX={home}/index"}
    return {"mail_driver": "mbox", "mail_path": f"{home}/mail",
            "mail_inbox_path": str(inbox), "mail_index_path": f"{home}/index"}


def command(scratch, user, program, order):
    """The argument list for a program of its on the mailbox of a user."""
    home = folder(scratch, user)
    options = {
        **location(scratch.mailbox(user), home),
        "mbox_write_locks": order, "mbox_lock_timeout": "100s",
        "log_path": str(scratch.dir / "dovecot.log"),
        "info_log_path": "/dev/null", "base_dir": str(home),
        "auth_socket_path": "/nonexistent", "stats_writer_socket_path": "",
        "postmaster_address": "postmaster@example.org",
        "hostname": "mail.example.org"}
    words = [program, "-O"]
    for key, value in options.items():
        words += ["-o", f"{key}={value}"]
    return words


def libraries():
    """The folder of its libraries, which is not known to the loader when it is
    only unpacked."""
    return str(Path(find("dovecot-lda", "dovecot-core")).parent)


def installed():
    """Words before a command for which /usr/lib/dovecot is there, where 2.4
    looks for its plugins whatever it is told."""
    place = "/usr/lib/dovecot"
    if version() < (2, 4) or Path(place, "modules").exists():
        return []
    return with_mount('mount -t overlay -o lowerdir="$0/usr:/usr" usr /usr',
                      Path(libraries()).parents[2])


def environment(scratch, user):
    """What its programs need."""
    return dict(scratch.environment(), USER=user, HOME=str(
        folder(scratch, user)), LD_LIBRARY_PATH=libraries())


class Imap:
    """One pre-authenticated IMAP session with INBOX selected."""

    def __init__(self, scratch, user, order=DEBIAN):
        program = find("imap", "dovecot-imapd")
        ours, theirs = socket.socketpair()
        with open(scratch.dir / "imap.err", "ab") as log:
            self.process = subprocess.Popen(
                command(scratch, user, program, order), stdin=theirs,
                stdout=theirs, stderr=log, cwd="/",
                env=environment(scratch, user), **scratch.as_user())
        theirs.close()
        self.talker = Talker(ours, 120)
        self.tag = 0
        self.talker.pop("* PREAUTH")
        lines = self.say("SELECT INBOX")
        self.validity = number("UIDVALIDITY", lines)
        self.next = number("UIDNEXT", lines)

    def say(self, text):
        """A command; returns the untagged lines. Anything but OK fails."""
        self.tag += 1
        self.talker.send(f"a{self.tag} {text}\r\n")
        lines = []
        while True:
            line = self.talker.line()
            literal = re.search(r"\{(\d+)\}$", line)
            if literal:
                line = line[:literal.start()] + self.literal(
                    int(literal.group(1)))
            if line.startswith(f"a{self.tag} "):
                if not line.startswith(f"a{self.tag} OK"):
                    raise AssertionError(f"{text}: {line}")
                return lines
            lines.append(line)

    def literal(self, size):
        """A literal, quoted, and the rest of its line."""
        while len(self.talker.buffer) < size:
            if not self.talker._fill():
                raise AssertionError("closed in a literal")
        data = self.talker.buffer[:size]
        self.talker.buffer = self.talker.buffer[size:]
        return repr(data.decode("latin-1")) + self.talker.line()

    def append(self, data):
        """APPEND to INBOX; data is in wire form."""
        self.tag += 1
        self.talker.send(f"a{self.tag} APPEND INBOX {{{len(data)}+}}\r\n")
        self.talker.send(data + b"\r\n")
        while True:
            line = self.talker.line()
            if line.startswith(f"a{self.tag} "):
                return line.startswith(f"a{self.tag} OK")

    def uids(self):
        """{X-Ledger field of a message: (UID, its flags)}."""
        self.say("NOOP")
        found = {}
        for line in self.say("UID FETCH 1:* (UID FLAGS BODY.PEEK"
                             "[HEADER.FIELDS (X-LEDGER)])"):
            match = FETCHED.match(line)
            ident = re.search(r"X-Ledger: (\S+?)\\r", line)
            uid = re.search(r"\bUID (\d+)", line)
            if match and ident and uid:
                flags = re.search(r"FLAGS \(([^)]*)\)", line)
                found[ident.group(1)] = (
                    int(uid.group(1)), set(flags.group(1).split()))
        return found

    def close(self):
        """LOGOUT, and waits for its end."""
        try:
            self.say("LOGOUT")
        finally:
            self.talker.close()
            if self.process.poll() is None:
                try:
                    self.process.wait(60)
                except subprocess.TimeoutExpired:
                    self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.close()
            return
        self.process.kill()
        self.process.wait()
        self.talker.close()


def number(name, lines):
    """A number in brackets of the answer to SELECT, such as UIDNEXT."""
    for line in lines:
        match = re.search(rf"\[{name} (\d+)\]", line)
        if match:
            return int(match.group(1))
    raise AssertionError(f"no {name} in {lines}")
