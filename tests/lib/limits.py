# SPDX-License-Identifier: ISC
"""What the kernel allows a process, and what it has used."""
import os
import socket
import struct
import subprocess
from pathlib import Path

from . import proc
from .scratch import BUILD
from .tap import check

MIB = 1024 * 1024
ROWS = {"data": "Max data size", "files": "Max open files",
        "processes": "Max processes", "core": "Max core file size"}


def sanitized():
    """Whether this is a build that needs more memory than any other."""
    return subprocess.run(
        ["grep", "-q", "libasan", str(BUILD / "smtpd" / "smtpd")],
        check=False).returncode == 0


def limits(pid):
    """{name of ROWS: number, or None if there is no limit}; most: the octets
    of memory that it has had, seccomp: whether it has a filter."""
    text = Path(f"/proc/{pid}/limits").read_text()
    found = {}
    for name, row in ROWS.items():
        words = next(line for line in text.splitlines()
                     if line.startswith(row))[len(row):].split()
        found[name] = None if words[1] == "unlimited" else int(words[1])
    status = proc.status(pid)
    found["most"] = int(status["VmHWM"].split()[0]) * 1024
    found["seccomp"] = status["Seccomp"] == "2"
    return found


def trouble(found, memory=16, files=64):
    """Which bounds are missing: so many MiB beside what was inherited (which is
    not much), descriptors; no other process, no core."""
    wrong = []
    if not sanitized() and (
            found["data"] is None or found["data"] > (memory + 48) * MIB):
        wrong.append(f"data {found['data']}")
    if not sanitized() and found["most"] > 48 * MIB:
        wrong.append(f"it has used {found['most']} octets")
    if found["files"] is None or found["files"] > files:
        wrong.append(f"files {found['files']}")
    for name in ("processes", "core"):
        if found[name] != 0:
            wrong.append(f"{name} {found[name]}")
    if not found["seccomp"]:
        wrong.append("no filter of system calls")
    return wrong


def bounded(found, **most):
    """All bounds are there."""
    check(not trouble(found, **most), f"{trouble(found, **most)}: {found}")


def peer(sock):
    """The process at the other end of a socket, which may be of loopback."""
    if sock.family == socket.AF_UNIX:
        return struct.unpack("3i", sock.getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
    inode = proc.server_inode(sock)
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        if inode in proc.sockets_or_none(int(pid)):
            return int(pid)
    raise AssertionError(f"nobody has the socket {inode}")
