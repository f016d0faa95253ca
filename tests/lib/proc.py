# SPDX-License-Identifier: ISC
"""What /proc tells about the processes under test."""
import os
from pathlib import Path

from .tap import Skip

# A server's keeper of keys, those that start its sessions (with the sessions
# that wait for a client), and a runner's starter of agents.
STAYING = ("keeper", "starter", "tls-starter", "session-starter")


def name(pid):
    """The name that a process goes by; "" if it has ended."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().rstrip("\n")
    except OSError:
        return ""


def all_children(pid):
    """The pids of a process's children; none if it has ended."""
    try:
        return [int(p) for p in Path(
            f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def children(pid):
    """Those that come and go with what is to be done.

    Who stays, a server's keeper of keys and a runner's starter of agents, is
    not among them.
    """
    return [p for p in all_children(pid) if name(p) not in STAYING]


def keepers(pid):
    """A server's keepers of private keys."""
    return [p for p in all_children(pid) if name(p) == "keeper"]


def tls_starters(pid):
    """A server's processes that start sessions with TLS."""
    return [p for p in all_children(pid) if name(p) == "tls-starter"]


def session_starters(pid):
    """A server's process that forks sessions, and those that wait."""
    return [p for p in all_children(pid) if name(p) == "session-starter"]


def tree(pid):
    """The pids of a process's descendants."""
    found = children(pid)
    for child in list(found):
        found += tree(child)
    return found


def named(word):
    """The pids of live processes with that word among their arguments.

    Who stays as long as its parent is not among them.
    """
    found = []
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if word.encode() in words and name(pid) not in STAYING:
            found.append(int(pid))
    return found


def status(pid):
    """/proc/PID/status as a dictionary; empty if the process has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {k: v.strip() for k, _, v in (x.partition(":") for x in lines)}


def descriptors(pid):
    """{number: what it is} of a process's open files.

    A process that cannot be traced hides them from all but root.
    """
    found = {}
    try:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            try:
                found[entry.name] = os.readlink(entry)
            except FileNotFoundError:
                pass
    except PermissionError:
        raise Skip("reading another process's descriptors needs root") \
            from None
    return found


def sockets(pid):
    """The inodes of the sockets that a process has open."""
    return {target[8:-1] for target in descriptors(pid).values()
            if target.startswith("socket:[")}


def sockets_or_none(pid):
    """The same; none of a process that has ended, or hides them."""
    try:
        return sockets(pid)
    except (OSError, Skip):
        return set()


def tcp_rows():
    """The rows of /proc/net/tcp and tcp6, as lists of fields."""
    rows = []
    for name in ("tcp", "tcp6"):
        try:
            text = Path(f"/proc/net/{name}").read_text()
        except OSError:
            continue
        rows += [line.split() for line in text.splitlines()[1:]]
    return rows


def listeners(port):
    """The inodes of the sockets that listen on a port."""
    return {row[9] for row in tcp_rows()
            if row[3] == "0A" and row[1].endswith(f":{port:04X}")}


def server_inode(sock):
    """The inode of the socket at the server's end of a loopback connection."""
    def port(address):
        return int(address.rpartition(":")[2], 16)
    client, server = sock.getsockname()[1], sock.getpeername()[1]
    for row in tcp_rows():
        if row[9] != "0" and (port(row[1]), port(row[2])) == (server, client):
            return row[9]
    return None


def session_of(talker, parent):
    """The pid of the descendant that holds the other end of a connection."""
    inode = server_inode(talker.sock)
    for pid in tree(parent):
        try:
            if inode in sockets(pid):
                return pid
        except OSError:
            pass        # it has ended
    raise AssertionError("no child holds the connection")
