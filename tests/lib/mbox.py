# SPDX-License-Identifier: ISC
"""Reads a mailbox file for the tests, knowing nothing of the C code.

Form: mboxrd with LF lines. A message begins with a line "From ...", which is
the first of the file or follows an empty line; in the text, lines of `>`s and
"From " carry one `>` more than they had. One empty line follows each message.
In the header, fields that mail readers use for themselves (Status and the
like) are theirs, not part of the message; if such a field was sent, its name
has X-Restante- in front, and so has one that already had that.
"""
import re
from pathlib import Path

PREFIX = b"x-restante-"
PRIVATE = (b"content-length:", b"lines:", b"status:", b"x-imap:", b"x-imapbase:",
           b"x-keywords:", b"x-restante-uidl:", b"x-status:", b"x-uid:")
TRACE = (b"return-path:", b"received:", b"delivered-to:")


class Message:
    """One message of a mailbox: its From_ line and its text in wire form."""

    def __init__(self, from_line, lines):
        self.from_line = from_line
        end = lines.index(b"") if b"" in lines else len(lines)
        head = [line[len(PREFIX):] if line.lower().startswith(PREFIX)
                else line for line in lines[:end]
                if not line.lower().startswith(PRIVATE)]
        self.wire = b"".join(unquote(line) + b"\r\n"
                             for line in head + lines[end:])

    @property
    def headers(self):
        """The header section, as bytes."""
        return (self.wire + b"\r\n").split(b"\r\n\r\n", 1)[0] + b"\r\n"

    @property
    def sent(self):
        """The text without the trace headers that a delivery puts on top."""
        return strip_trace(self.wire)


def unquote(line):
    """Takes one level of mboxrd quoting off a line."""
    return line[1:] if re.match(rb">+From ", line) else line


def strip_trace(wire):
    """Drops the topmost Return-Path, Delivered-To and first Received."""
    lines = wire.split(b"\r\n")
    at = 0
    received = False
    while at < len(lines) and lines[at].lower().startswith(TRACE):
        if lines[at].lower().startswith(b"received:"):
            if received:
                break
            received = True
        at += 1
        while at < len(lines) and lines[at][:1] in (b" ", b"\t"):
            at += 1
    return b"\r\n".join(lines[at:])


def parse(data):
    """Splits the bytes of a mailbox; raises AssertionError if malformed."""
    if not data:
        return []
    if not data.startswith(b"From "):
        raise AssertionError(f"mailbox begins with {data[:40]!r}")
    if not data.endswith(b"\n\n"):
        raise AssertionError(f"mailbox ends with {data[-40:]!r}")
    messages = []
    lines = data[:-1].split(b"\n")
    start = 0
    for at in range(1, len(lines) + 1):
        last = at == len(lines)
        if last or lines[at].startswith(b"From ") and lines[at - 1] == b"":
            messages.append(Message(lines[start], lines[start + 1:at - 1]))
            start = at
    return messages


def read(path):
    """All messages of the mailbox at path; none if the file is absent."""
    try:
        return parse(Path(path).read_bytes())
    except FileNotFoundError:
        return []
