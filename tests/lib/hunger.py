# SPDX-License-Identifier: ISC
"""Programs that run out of memory, by a preloaded library."""
import os
import subprocess
from pathlib import Path

from .scratch import preloadable, tool
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
        compiler = tool("cc")
        if not compiler:
            raise Skip("no C compiler for the preloaded library")
        if "SAN_OPTIONS" in " ".join(os.environ):
            raise Skip("nothing can be preloaded into a sanitizer build")
        subprocess.run([compiler, "-shared", "-fPIC", "-D_GNU_SOURCE", "-o",
                        self.library,
                        Path(__file__).parent / "no_memory_shim.c",
                        "-ldl", "-lpthread"], check=True, capture_output=True)
        self.library.chmod(0o755)

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
