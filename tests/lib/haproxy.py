# SPDX-License-Identifier: ISC
"""haproxy in front of servers, installed or unpacked."""
import os
import socket
from pathlib import Path

from .nexthops import peer
from .tap import check

LIBRARIES = ("liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1")


class Haproxy:
    """One, with these sections in its configuration. It ends with the folder
    of its Scratch."""

    def __init__(self, scratch, sections):
        path = peer("haproxy", "usr/sbin/haproxy")
        root = os.environ.get("RESTANTE_PEERS")
        libraries = {str(p.parent) for name in LIBRARIES
                     for p in Path(root or "/nowhere", name).rglob("*.so*")}
        self.socket = scratch.dir / "haproxy.sock"
        config = scratch.dir / "haproxy.cfg"
        config.write_text("global\n    stats socket "
                          f"{self.socket} mode 600 level user\n{sections}")
        scratch.own()
        with open(scratch.dir / "haproxy.log", "ab") as log:
            self.process = scratch.popen(
                [str(path), "-db", "-f", str(config)], stdout=log, stderr=log,
                env=dict(scratch.environment(),
                         LD_LIBRARY_PATH=":".join(sorted(libraries))))

    def checks(self):
        """What its health checks found, by server."""
        check(self.process.poll() is None, "haproxy has ended")
        return {row["svname"]: row["check_status"]
                for row in rows(self.socket)}


def rows(path):
    """What is known of the servers, by the names of the columns; nothing as
    long as nobody answers at the socket."""
    with socket.socket(socket.AF_UNIX) as sock:
        try:
            sock.connect(str(path))
        except OSError:
            return []
        sock.sendall(b"show stat\n")
        text = b"".join(iter(lambda: sock.recv(65536), b"")).decode()
    names, *lines = [line.split(",") for line in text.splitlines() if line]
    names[0] = names[0].lstrip("# ")
    return [row for row in (dict(zip(names, line)) for line in lines)
            if row.get("check_status")]
