# SPDX-License-Identifier: ISC
"""Writes STATE/stats (common/log/stats.h): a past that a test wants."""
import json
import struct
import time

DAYS, ROOM, TOP_DAYS, TOP, NAME = 32, 96, 14, 24, 96


def today():
    """The local date, as days since 1970."""
    now = time.time()
    return int(now + time.localtime(now).tm_gmtoff) // 86400


class Counts:
    """What happened on which day; ago: in days."""

    def __init__(self, scratch):
        self.path = scratch.dir / "state" / "stats"
        said = scratch.call("smtpd", "--stats", "--json").stdout
        self.names = list(json.loads(said)["totals"])
        self.scratch = scratch
        self.today = today()
        self.days = {}
        self.senders = {}
        self.disk = {}

    def add(self, ago, **counts):
        """So much of each was counted then."""
        for name, count in counts.items():
            self.days.setdefault(ago, {})[name] = count

    def write(self):
        """The file, whole."""
        table = [(0, 0, {})] * DAYS
        for ago in {*self.days, *self.disk}:
            day = self.today - ago
            table[day % DAYS] = (day, self.disk.get(ago, 0),
                                 self.days.get(ago, {}))
        data = struct.pack("<8sII", b"RSTSTAT2", ROOM, DAYS)
        data += bytes(8 * ROOM)
        for day, disk, counts in table:
            numbers = [counts.get(name, 0) for name in self.names]
            numbers += [0] * (ROOM - len(numbers))
            data += struct.pack(f"<II{ROOM}Q", day, disk, *numbers)
        tops = [(0, [])] * TOP_DAYS
        for ago, rows in self.senders.items():
            tops[(self.today - ago) % TOP_DAYS] = (self.today - ago, rows)
        for day, rows in tops:
            data += struct.pack("<II", day, 0)
            for name, count in [*rows, *[(b"", 0)] * TOP][:TOP]:
                data += struct.pack(f"<Q{NAME}s", count, name)
        self.path.write_bytes(data)
        self.path.chmod(0o600)
        self.scratch.own()
