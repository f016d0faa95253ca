# SPDX-License-Identifier: ISC
"""Programs for which it is later (later_shim.c)."""
import struct

from .shim import build_shim, shimmed


class Later:
    """For a Scratch: the clock of all its programs can be set forward. With
    monotonic so can be the one that deadlines are kept by."""

    library = None
    monotonic = False
    seconds = 0

    def environment(self):
        """The environment of all programs: with the shim."""
        path = self.dir / "later"
        if self.library is None:
            self.library = self.dir / "later.so"
            build_shim(self.library, "later_shim.c")
            path.write_bytes(struct.pack("q", 0))
            path.chmod(0o644)
        more = {"LATER_MONOTONIC": "1"} if self.monotonic else {}
        return shimmed(super().environment(), self.library, LATER=str(path),
                       **more)

    def go_by(self, seconds):
        """So much time has passed."""
        self.seconds += seconds
        with open(self.dir / "later", "r+b") as file:
            file.write(struct.pack("q", self.seconds))
