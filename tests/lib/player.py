# SPDX-License-Identifier: ISC
"""Plays transcripts: what a client says and what the server must answer.

A .talk file holds several tests. Each begins with `== name` and gets a
process of its own, speaking through a socketpair on fd 0. The lines:

    C: text     sent with CRLF after it
    C\\: text    sent as it stands, without CRLF
    S: text     the next line of the server begins with text
    S~ regex    the next line of the server matches the regex as a whole
    S+ text     skips lines of the server up to one that begins with text
                (three digits alone stand for the last line of a reply)
    S$          the server has ended the connection, saying nothing more
    @config KEY VALUE     a config line for this test (or, above the first
                          test, for all of the file)
    @role mx|submission   the role of the session; @args WORD... more options
    @mbox USER N          at this point the mailbox of USER holds N messages
    @fill USER            puts the lines that follow, marked `| `, into the
                          mailbox of USER before the session starts

Escapes in C lines: \\r \\n \\t \\0 \\\\ and \\xHH; in C and S lines
${alice} ${bob} are passwords, ${plain:alice} initial responses of AUTH PLAIN,
${b64:text} is base64, and ${many:N:c} is N times the character c.
"""
import re

from . import mbox
from .scratch import ALICE, BOB, Scratch
from .talk import b64, plain
from .wait import wait_for

PASSWORDS = dict([ALICE, BOB])
ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\"}


def expand(text):
    """Replaces the ${...} of a line."""
    def value(match):
        what, _, rest = match.group(1).partition(":")
        if what == "plain":
            return plain(rest, PASSWORDS[rest])
        if what == "b64":
            return b64(expand(rest))
        if what == "many":
            number, _, character = rest.partition(":")
            return character * int(number)
        return PASSWORDS[what]
    return re.sub(r"\$\{([^}]*)\}", value, text)


def raw(text):
    """The bytes of a C line: ${...} and then the escapes."""
    def escape(match):
        word = match.group(1)
        if word.startswith("x"):
            return chr(int(word[1:], 16))
        return ESCAPES[word]
    return re.sub(r"\\(x[0-9A-Fa-f]{2}|[rnt0\\])", escape,
                  expand(text)).encode("latin-1")


def prefix(text):
    """What a line must begin with; a code alone means the last line."""
    text = expand(text)
    return text + " " if re.fullmatch(r"\d{3}", text) else text


class Script:
    """One test of a .talk file."""

    def __init__(self, name, config, place):
        self.name = name
        self.config = list(config)
        self.args = []
        self.steps = []     # (line number, kind, text)
        self.boxes = {}
        self.place = place


def load(path):
    """Reads a .talk file; returns its Scripts."""
    scripts = []
    common = []
    current = box = None
    for number, line in enumerate(
            path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("|") and box is not None:
            box.append(line[2:])
        elif not line.strip() or line.startswith("#"):
            continue
        elif line.startswith("== "):
            current = Script(line[3:].strip(), common, path.name)
            scripts.append(current)
        elif line.startswith("@config "):
            (current.config if current else common).append(line[8:])
        elif line.startswith("@role "):
            current.args += ["--role", line[6:].strip()]
        elif line.startswith("@args "):
            current.args += line[6:].split()
        elif line.startswith("@fill "):
            box = current.boxes.setdefault(line[6:].strip(), [])
        else:
            match = re.fullmatch(r"(C:|C\\:|S:|S~|S\+|S\$|@mbox)(?: (.*))?",
                                 line)
            if not match or current is None:
                raise ValueError(f"{path.name}:{number}: {line}")
            current.steps.append((number, match.group(1),
                                  match.group(2) or ""))
    return scripts


def play(scratch, program, script):
    """Plays one script; raises AssertionError where it goes wrong."""
    scratch.configure("\n".join(script.config))
    for user in PASSWORDS:
        scratch.mailbox(user).unlink(missing_ok=True)
    for user, lines in script.boxes.items():
        scratch.mailbox(user).write_text("\n".join(lines) + "\n",
                                         encoding="latin-1")
    scratch.own()
    talker, process = scratch.session(program, *script.args)
    with talker:
        for number, kind, text in script.steps:
            try:
                step(scratch, talker, kind, text)
            except AssertionError as error:
                raise AssertionError(
                    f"{script.place}:{number}: {kind} {text}\n{error}"
                ) from None
    wait_for(lambda: process.poll() is not None, "the end of the session")
    if process.returncode != 0:
        raise AssertionError(f"exit status {process.returncode}")


def step(scratch, talker, kind, text):
    """One line of a script."""
    if kind == "C:":
        talker.send(raw(text) + b"\r\n")
    elif kind == "C\\:":
        talker.send(raw(text))
    elif kind == "S:":
        talker.pop(prefix(text))
    elif kind == "S~":
        line = talker.line()
        if not re.fullmatch(text, line):
            raise AssertionError(f"got {line!r}")
    elif kind == "S+":
        while not talker.line().startswith(prefix(text)):
            pass
    elif kind == "S$":
        talker.closed()
    elif kind == "@mbox":
        user, count = text.split()
        found = len(mbox.read(scratch.mailbox(user)))
        if found != int(count):
            raise AssertionError(f"{found} messages in the mailbox")


def play_folder(tap, folder, program):
    """Plays all .talk files of a folder, one TAP line for each test."""
    with Scratch() as scratch:
        for path in sorted(folder.glob("*.talk")):
            for script in load(path):
                with tap.case(f"{path.stem}: {script.name}", scratch.notes):
                    play(scratch, program, script)
