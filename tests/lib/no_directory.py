# SPDX-License-Identifier: ISC
"""A directory of accounts that a test can silence (no_directory_shim.c)."""
from .shim import build_shim, shimmed


class NoDirectory:
    """For a Scratch: all its programs have the shim."""

    library = None

    def environment(self):
        """The environment of all programs: with the shim."""
        if self.library is None:
            self.library = self.dir / "shim.so"
            build_shim(self.library, "no_directory_shim.c")
        return shimmed(super().environment(), self.library,
                       NO_DIRECTORY=str(self.dir / "silent"))

    def silence(self, number):
        """From now on looking an account up fails so."""
        # By a rename: an empty file would say that there is no such account.
        made = self.dir / "silent.new"
        made.write_text(str(number))
        made.rename(self.dir / "silent")

    def speak(self):
        """The directory answers again."""
        (self.dir / "silent").unlink(missing_ok=True)
