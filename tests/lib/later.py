# SPDX-License-Identifier: ISC
"""Programs for which it is later (later_shim.c)."""
import subprocess
from pathlib import Path

from .scratch import tool
from .tap import Skip


class Later:
    """For a Scratch: the clock of all its programs can be set forward."""

    library = None
    seconds = 0

    def environment(self):
        """The environment of all programs: with the shim."""
        compiler = tool("cc") or tool("gcc")
        if not compiler:
            raise Skip("no C compiler for the preloaded library")
        if self.library is None:
            self.library = self.dir / "later.so"
            source = Path(__file__).with_name("later_shim.c")
            subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o",
                            self.library, source], check=True,
                           capture_output=True)
        env = dict(super().environment(), LD_PRELOAD=str(self.library),
                   LATER=str(self.dir / "later"))
        env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") \
            + ":verify_asan_link_order=0"
        return env

    def go_by(self, seconds):
        """So much time has passed."""
        self.seconds += seconds
        made = self.dir / "later.new"
        made.write_text(str(self.seconds))
        made.rename(self.dir / "later")
