# SPDX-License-Identifier: ISC
"""Programs for which it is later (later_shim.c)."""
from .shim import build_shim, shimmed


class Later:
    """For a Scratch: the clock of all its programs can be set forward."""

    library = None
    seconds = 0

    def environment(self):
        """The environment of all programs: with the shim."""
        if self.library is None:
            self.library = self.dir / "later.so"
            build_shim(self.library, "later_shim.c")
        return shimmed(super().environment(), self.library,
                       LATER=str(self.dir / "later"))

    def go_by(self, seconds):
        """So much time has passed."""
        self.seconds += seconds
        made = self.dir / "later.new"
        made.write_text(str(self.seconds))
        made.rename(self.dir / "later")
