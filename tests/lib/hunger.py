# SPDX-License-Identifier: ISC
"""Programs that run out of memory, by a preloaded library."""
import os

from .scratch import preloadable
from .shim import build_shim
from .tap import Skip

NUMBERS = 65    # of signals, and before them what was denied


class Hunger:
    """The library no_memory_shim.c, and what it notes, in a Scratch."""

    def __init__(self, scratch):
        self.library = scratch.dir / "no_memory.so"
        self.notes = scratch.dir / "no_memory.notes"

    def build(self):
        """Compiles it, once."""
        if self.library.exists():
            return
        if "SAN_OPTIONS" in " ".join(os.environ):
            raise Skip("nothing can be preloaded into a sanitizer build")
        build_shim(self.library, "no_memory_shim.c")

    def environment(self, number, kind="NO_MEMORY_FROM"):
        """Of a program that has no memory from that allocation on."""
        preloadable()
        self.build()
        self.notes.write_bytes(bytes(4 * NUMBERS))
        self.notes.chmod(0o666)
        return {"LD_PRELOAD": str(self.library),
                "NO_MEMORY_NOTES": str(self.notes), kind: str(number)}

    def read(self):
        """(how many allocations were denied, {signal: how many it ended})."""
        data = memoryview(self.notes.read_bytes()).cast("I")
        return data[0], {number: data[number]
                         for number in range(1, NUMBERS) if data[number]}
