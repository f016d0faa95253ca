# SPDX-License-Identifier: ISC
"""The lines that the manual has for pasting."""
import re

from .scratch import SRC
from .tap import check


def lines_of(page, title, number=0):
    """The lines of a page below a title; there may be several blocks."""
    text = (SRC / f"man/{page}.in").read_text()
    section = re.search(rf"^\.Ss {title}\n((?:(?!\.S[sh]).*\n)*)", text, re.M)
    check(section, f"no {title}")
    blocks = re.findall(r"^\.Bd -literal\n((?:(?!\.Ed).*\n)+)", section[1],
                        re.M)
    return blocks[number].replace("\\e", "\\").replace("@sysconfdir@", "/etc")


def files_of(lines):
    """The files that such lines write, by path."""
    return dict(re.findall(r"^cat >>?(\S+) <<'END'\n((?:(?!END\n).*\n)*)END\n",
                           lines, re.M))
