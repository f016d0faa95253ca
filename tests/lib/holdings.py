# SPDX-License-Identifier: ISC
"""What a server holds when nobody is there, before a crowd and after it.

A crowd may leave what is soon needed again, up to a number that is the
server's own: spare files, tables, pages of its heap. More is a leak.
"""
import os
from pathlib import Path

from . import proc
from .tap import check
from .wait import wait_for

SPARE = 18      # empty body files, and the table of penalties
HEAP = 1024     # KiB; the slots of a thousand sessions take half of that


def is_sanitized(pid):
    """True if it keeps what it has freed, to watch it."""
    try:
        return "libasan" in Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return False


def measure(daemon):
    """(descriptors, processes, KiB of its own memory) once it is at rest.

    A server that cannot be traced hides its descriptors from all but root.
    """
    wait_for(lambda: not proc.children(daemon.pid) and
             not proc.session_starters(daemon.pid), "the children's end", 120)
    try:
        files = len(os.listdir(f"/proc/{daemon.pid}/fd"))
    except PermissionError:
        files = 0
    memory = int(proc.status(daemon.pid)["RssAnon"].split()[0])
    return files, len(proc.all_children(daemon.pid)), memory


def check_returned(daemon, before):
    """It holds what it has held, when it is at rest again."""
    after = measure(daemon)
    text = f"descriptors, processes, KiB: {before} before, {after} after"
    check(after[0] <= before[0] + SPARE, text)
    # A keeper that was not needed before may have come.
    check(after[1] <= max(before[1], 1), text)
    check(is_sanitized(daemon.pid) or after[2] <= before[2] + HEAP, text)
