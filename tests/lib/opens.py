# SPDX-License-Identifier: ISC
"""Sees how often a file is opened, by inotify(7): tries to lock it open it."""
import ctypes
import os
import struct

IN_OPEN, IN_ISDIR = 0x20, 0x40000000
HEADER = struct.Struct("iIII")     # struct inotify_event, before its name


class Opens:
    """Counts the openings of a file in a folder; a context manager."""

    def __init__(self, path):
        libc = ctypes.CDLL(None, use_errno=True)
        self.name = os.fsencode(path.name)
        self.fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd == -1 or libc.inotify_add_watch(
                self.fd, os.fsencode(path.parent), IN_OPEN) == -1:
            raise OSError(ctypes.get_errno(), "inotify")
        self.seen = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)

    def count(self):
        """How many there have been."""
        try:
            data = os.read(self.fd, 65536)
        except BlockingIOError:
            data = b""
        while data:
            length = HEADER.unpack_from(data)[3]
            name = data[HEADER.size:HEADER.size + length].rstrip(b"\0")
            self.seen += name == self.name
            data = data[HEADER.size + length:]
        return self.seen


class Openings:
    """Sees which files in some folders, and below, are opened. A folder that
    is only read is not seen."""

    def __init__(self, places):
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self.folders = {}
        for place in places:
            folders = [place, *(p for p in place.rglob("*") if p.is_dir()
                                and not p.is_symlink())]
            for path in folders:
                watch = libc.inotify_add_watch(self.fd, os.fsencode(path),
                                               IN_OPEN)
                if watch == -1:
                    raise OSError(ctypes.get_errno(), "inotify", str(path))
                self.folders[watch] = path

    def close(self):
        """It sees no more."""
        os.close(self.fd)

    def names(self):
        """The files that have been opened, each once."""
        found = set()
        while True:
            try:
                data = os.read(self.fd, 65536)
            except BlockingIOError:
                return sorted(found)
            while data:
                watch, mask, _, length = HEADER.unpack_from(data)
                name = data[HEADER.size:HEADER.size + length].rstrip(b"\0")
                if watch in self.folders and not mask & IN_ISDIR:
                    found.add(self.folders[watch] / os.fsdecode(name))
                data = data[HEADER.size + length:]
