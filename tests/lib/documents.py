# SPDX-License-Identifier: ISC
"""The pages of README and doc/, and what is in their blocks of code.

A block says what it is in the words that every page on the web uses: sh is
typed by root, conf is for restante.conf, aliases for /etc/aliases; text is for
the eye alone, and so are the files of other programs.
"""
import re
import subprocess

from .scratch import SRC

RUN, PYTHON = "sh", "python"
EYE = {"text", "ini", "yaml", "dovecot"}
MARK = "END-OF-BLOCK"
KINDS = {RUN, PYTHON, "conf", "aliases", *EYE}


class Block:
    """A block of code: its kind, its text and the line where it begins."""

    def __init__(self, page, line, kind, text):
        self.page, self.line, self.kind, self.text = page, line, kind, text

    def __str__(self):
        return f"{self.page}:{self.line}"


class Page:
    """A page in Markdown."""

    def __init__(self, path):
        self.path = path
        self.name = str(path.relative_to(SRC))
        self.text = path.read_text()
        self.lines = self.text.splitlines()
        self.blocks = list(self._blocks())

    def _blocks(self):
        begin = None
        for number, line in enumerate(self.lines, 1):
            fence = re.match(r"```(.*)$", line)
            if fence and begin is None:
                begin, kind = number, fence[1]
            elif fence:
                yield Block(self.name, begin + 1, kind,
                            "\n".join(self.lines[begin:number - 1]) + "\n")
                begin = None

    def of(self, kind):
        """The blocks of a kind."""
        return [b for b in self.blocks if b.kind == kind]

    def prose(self):
        """The lines outside blocks, with their numbers."""
        inside = False
        for number, line in enumerate(self.lines, 1):
            if line.startswith("```"):
                inside = not inside
            elif not inside:
                yield number, line

    def anchors(self):
        """Where links into this page may lead."""
        return {re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower())
                .replace(" ", "-")
                for _, line in self.prose() if line.startswith("#")}


def pages():
    """README in all its languages, and doc/."""
    return [Page(path) for path in (*sorted(SRC.glob("README*.md")),
                                    *sorted((SRC / "doc").glob("*.md")))]


def is_whole(text):
    """Whether a shell sees no command in it that goes on."""
    return subprocess.run(["sh", "-n"], input=text, text=True, check=False,
                          capture_output=True).returncode == 0


def commands(block):
    """The commands of a block, as somebody types them one by one."""
    if block.text.startswith("#!"):
        return
    waiting, begin = "", 0
    for number, line in enumerate(block.text.splitlines(), block.line):
        waiting = f"{waiting}{line}\n"
        begin = begin or number
        if line.endswith("\\") or not is_whole(waiting):
            continue
        if not re.fullmatch(r"\s*(#.*)?\s*", waiting):
            yield begin, waiting
        waiting, begin = "", 0
    if waiting:
        raise AssertionError(f"{block}: no shell command: {waiting}")


def script(blocks, answers, password, place):
    """A shell script that runs all commands, and says how each has ended; a
    conf block is added to the configuration, and so on.

    answers: a file with what is typed at a prompt; place: of a kind, the file
    that gets its blocks.
    """
    parts = []
    for block in blocks:
        if block.kind in place:
            parts.append(f"cat >>{place[block.kind]} <<'{MARK}'\n"
                         f"{block.text}{MARK}\n")
        elif block.kind == RUN:
            for number, command in commands(block):
                parts.append(
                    f"exec <{answers}\n{command}"
                    f"echo \"{block.page}:{number} $?\" >&3\n")
        elif block.kind == PYTHON:
            text = block.text.replace("the password", password)
            parts.append(
                f"python3 - <<'{MARK}'\n{text}{MARK}\n"
                f"echo \"{block.page}:{block.line} $?\" >&3\n")
    return "".join(parts)
