# SPDX-License-Identifier: ISC
"""A disk that keeps any subset of what was not synced, for tests/lib/model.py.

tests/unit/t-journal-store.c and t-journal-disk.c are the same in C.
"""
import hashlib

INODE = 100                 # of the first mailbox


class Crash(Exception):
    """The process ends here, or the power does."""


class File:
    """What programs see, what the disk has, and the changes in between."""

    def __init__(self, content=b""):
        self.now = bytearray(content)
        self.disk = bytes(content)
        self.changes = []       # ("size", n) or (block offset, its content)

    def grow(self, size):
        if size > len(self.now):
            self.now.extend(bytes(size - len(self.now)))
            self.changes.append(("size", size))

    def write(self, at, data, block):
        self.grow(at + len(data))
        self.now[at:at + len(data)] = data
        for b in range(at // block * block, at + len(data), block):
            self.changes.append((b, bytes(self.now[b:b + block])))

    def cut(self, size, block):
        """The rest of the last block becomes zero, and that is data: it may
        be on the disk before the size is."""
        last = size // block * block
        if last < size < len(self.now):
            zeroed = bytes(self.now[last:size]).ljust(block, b"\0")
            self.changes.append((last, zeroed))
        del self.now[size:]
        self.changes.append(("size", size))

    def sync(self):
        self.disk = bytes(self.now)
        self.changes = []

    def power_cut(self, survives):
        """Of the unsynced changes any subset has reached the disk."""
        size, disk = len(self.disk), bytearray(self.disk)
        for where, what in self.changes:
            if not survives():
                continue
            if where == "size":
                size = what
            else:
                disk.extend(bytes(max(0, where + len(what) - len(disk))))
                disk[where:where + len(what)] = what
        disk.extend(bytes(max(0, size - len(disk))))
        self.disk = bytes(disk[:size])
        self.now, self.changes = bytearray(self.disk), []


class Disk:
    """A mailbox, and a directory for the journal.

    Every call is a step, and a crash may come before any step; a write may
    then be done in part. `chance` is a random.Random; without one a crash
    loses all that is unsynced, and nothing is done in part.
    """

    def __init__(self, mailbox, block=512, chance=None):
        self.mailbox = File(mailbox)
        self.inode = INODE
        self.names = {}         # what programs see
        self.durable = {}       # what the disk has
        self.changes = []       # [(name, file or None), ...] in between
        self.block = block
        self.chance = chance
        self.whole = False      # a write is done as a whole or not at all
        self.steps = 0
        self.crash_at = None
        self.log = []

    def step(self):
        self.steps += 1
        if self.steps == self.crash_at:
            raise Crash

    def _title(self, file):
        return "mailbox" if file is self.mailbox else "journal"

    def write(self, file, at, data):
        if not data:
            return
        try:
            self.step()
        except Crash:
            if self.chance and not self.whole:
                part = data[:self.chance.randrange(len(data) + 1)]
                file.write(at, part, self.block)
            raise
        file.write(at, data, self.block)
        value = hashlib.sha256(data).hexdigest()[:16]
        self.log.append(
            f"write {self._title(file)} {at} {len(data)} {value}")

    def sync(self, file, how="fdatasync"):
        self.step()
        file.sync()
        self.log.append(f"{how} {self._title(file)}")

    def cut(self, file, size):
        self.step()
        file.cut(size, self.block)
        self.log.append(f"truncate {self._title(file)} {size}")

    def allocate(self, file, size):
        self.step()
        file.grow(size)
        self.log.append(f"allocate {self._title(file)} 0 {size}")

    def _rename(self, *changes):
        self.names.update(changes)
        self.changes.append(changes)

    def create(self, name):
        self.step()
        self._rename((name, File()))
        self.log.append(f"create {name}")
        return self.names[name]

    def unlink(self, name):
        self.step()
        if self.names.get(name):
            self._rename((name, None))
            self.log.append(f"unlink {name}")

    def rename(self, old, new):
        self.step()
        self._rename((new, self.names[old]), (old, None))
        self.log.append(f"rename {old} {new}")

    def sync_names(self):
        self.step()
        self.durable, self.changes = dict(self.names), []
        self.log.append("fsync directory")

    def power_cut(self):
        share = self.chance.choice((0, .1, .5, .9, 1)) if self.chance else 0

        def survives():
            return share > 0 and self.chance.random() < share

        files = [self.mailbox] + [
            file for change in [self.names.items(), self.durable.items(),
                                *self.changes] for _, file in change if file]
        for file in {id(f): f for f in files}.values():
            file.power_cut(survives)
        for change in self.changes:
            if survives():
                self.durable.update(change)
        self.names, self.changes = dict(self.durable), []
