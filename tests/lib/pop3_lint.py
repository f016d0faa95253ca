# SPDX-License-Identifier: ISC
"""Holds a POP3 server against RFC 1939, whatever its mailbox is.

lint(connect, path) returns what is wrong, a line for each fault; connect()
gives a socket, and login the commands that a session begins with; None if the server
neither greets nor asks who it is. What it looks at:

- STAT, LIST and UIDL agree with each other, all at once and one by one
- UIDLs are well formed, of one message alone, and the same in each session
- RETR sends the octets that LIST promised, in lines that end in CRLF
- TOP n k is the header, the empty line and k lines of what RETR sends
- after DELE the others keep their numbers, and what is deleted is gone;
  RSET brings it back
- a session without DELE leaves the file as it was
"""
import os
import re

SECONDS = 20
MOST_DELETED = 3    # each makes errors, of which a server takes some


class Broken(Exception):
    """Server and client are out of step, and the session is of no use."""


class Client:
    """One session, logged in."""

    def __init__(self, sock, login, faults):
        self.sock, self.faults = sock, faults
        sock.settimeout(SECONDS)
        self.lines = sock.makefile("rb")
        if login is not None:
            self.expect_ok("the greeting", self.reply())
        for command in login or ():
            self.ok(command)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lines.close()
        self.sock.close()

    def reply(self):
        """A line of the server."""
        try:
            return self.lines.readline()
        except OSError as error:
            raise Broken(str(error)) from None

    @staticmethod
    def expect_ok(what, line):
        """What follows only makes sense if the line is good."""
        if not line.startswith(b"+OK") or not line.endswith(b"\r\n"):
            raise Broken(f"{what}: {line[:80]!r}")
        return line.decode("latin-1")

    def say(self, command):
        """A command and its reply."""
        self.sock.sendall(command.encode() + b"\r\n")
        return self.reply()

    def ok(self, command):
        """The same, if it must succeed."""
        return self.expect_ok(command, self.say(command))

    def refused(self, command):
        """The same, if it must not."""
        line = self.say(command)
        if not line.startswith(b"-ERR"):
            self.faults.append(f"{command}: {line[:80]!r}, not -ERR")
            if line.startswith(b"+OK"):
                raise Broken(f"{command}: no telling what follows")

    def block(self, command):
        """The lines after +OK without their dots, and without CRLF."""
        self.ok(command)
        found = []
        while True:
            line = self.reply()
            if line == b".\r\n":
                return found
            if not line.endswith(b"\r\n"):
                if not line:
                    raise Broken(f"{command}: it ends in the middle")
                self.faults.append(f"{command}: a line ends in a bare LF")
            elif line.endswith(b"\r\r\n"):
                self.faults.append(f"{command}: a line ends in CR CR LF")
            line = line.removesuffix(b"\n").removesuffix(b"\r")
            found.append(line[1:] if line.startswith(b".") else line)

    def table(self, command):
        """What LIST or UIDL says of each message, by number."""
        found = {}
        for line in self.block(command):
            match = re.fullmatch(r"([1-9]\d*) (\S+)", line.decode("latin-1"))
            if not match:
                raise Broken(f"{command}: {line!r}")
            if match.group(1) in found:
                self.faults.append(f"{command}: {line!r} is there twice")
            found[match.group(1)] = match.group(2)
        return found


def octets(lines):
    """The size of lines with CRLF."""
    return sum(len(line) + 2 for line in lines)


def check_stat(client, sizes):
    """STAT is the sum of LIST."""
    stat = client.ok("STAT").split()[1:3]
    wanted = [str(len(sizes)), str(sum(map(int, sizes.values())))]
    if stat != wanted:
        client.faults.append(f"STAT: {stat}, and LIST makes {wanted}")


def check_tables(client):
    """STAT, LIST and UIDL; the UIDLs of two sessions are compared outside."""
    sizes, uidls = client.table("LIST"), client.table("UIDL")
    check_stat(client, sizes)
    if list(sizes) != [str(n) for n in range(1, len(sizes) + 1)]:
        client.faults.append(f"LIST: numbers {list(sizes)[:20]}")
    if list(uidls) != list(sizes):
        client.faults.append("UIDL has other numbers than LIST")
    seen = {}
    for number, uidl in uidls.items():
        if not re.fullmatch(r"[\x21-\x7e]{1,70}", uidl):
            client.faults.append(f"UIDL {number}: {uidl!r}")
        if uidl in seen:
            client.faults.append(
                f"UIDL {number}: that of message {seen[uidl]}, too")
        seen[uidl] = number
    for command, table in (("LIST", sizes), ("UIDL", uidls)):
        for number, value in table.items():
            line = client.ok(f"{command} {number}").split()[1:3]
            if line != [number, value]:
                client.faults.append(f"{command} {number}: {line}")
        client.refused(f"{command} {len(table) + 1}")
        client.refused(f"{command} 0")


def check_messages(client):
    """RETR is as long as promised, and TOP is the start of it."""
    for number, size in client.table("LIST").items():
        lines = client.block(f"RETR {number}")
        if octets(lines) != int(size):
            client.faults.append(f"RETR {number}: {octets(lines)} octets, and "
                                 f"LIST says {size}")
        head = lines.index(b"") + 1 if b"" in lines else len(lines)
        body = len(lines) - head
        for count in sorted({0, 1, 2, body // 2, body, body + 1}):
            if client.block(f"TOP {number} {count}") != lines[:head + count]:
                client.faults.append(f"TOP {number} {count} is not the start "
                                     f"of RETR {number}")
        client.ok("NOOP")


def check_deletion(client):
    """DELE renumbers nothing; the session says RSET ahead of QUIT."""
    sizes, uidls = client.table("LIST"), client.table("UIDL")
    deleted = list(sizes)[::2][:MOST_DELETED]
    for gone in deleted:
        client.ok(f"DELE {gone}")
        for command in ("LIST", "UIDL", "RETR", "DELE"):
            client.refused(f"{command} {gone}")
        client.refused(f"TOP {gone} 0")
    rest = [number for number in sizes if number not in deleted]
    left = {number: sizes[number] for number in rest}
    if client.table("LIST") != left:
        client.faults.append("LIST after DELE: not the others as they were")
    if client.table("UIDL") != {number: uidls[number] for number in rest}:
        client.faults.append("UIDL after DELE: not the others as they were")
    check_stat(client, left)
    client.ok("RSET")
    if client.table("LIST") != sizes or client.table("UIDL") != uidls:
        client.faults.append("RSET does not bring all back")
    check_stat(client, sizes)


def fingerprint(path):
    """What a session without DELE has no business to change."""
    status = os.stat(path)
    with open(path, "rb") as box:
        return status.st_ino, status.st_mtime_ns, box.read()


def uidls_of(client):
    """For the comparison of sessions."""
    return client.table("UIDL")


def lint(connect, path, login=None):
    """See above."""
    faults, answers = [], []
    before = fingerprint(path)
    for step in (uidls_of, check_tables, check_messages, check_deletion,
                 uidls_of):
        try:
            with Client(connect(), login, faults) as client:
                answers.append(step(client))
                client.ok("QUIT")
                client.reply()
        except Broken as error:
            faults.append(f"out of step: {error}")
    if len(answers) > 1 and answers[0] != answers[-1]:
        faults.append("UIDLs differ from session to session")
    if fingerprint(path) != before:
        faults.append("the file is not what it was, without any DELE")
    return faults
