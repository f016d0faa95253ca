# SPDX-License-Identifier: ISC
"""A directory of accounts that a test can silence (no_directory_shim.c)."""
import subprocess
from pathlib import Path

from .scratch import tool
from .tap import Skip


class NoDirectory:
    """For a Scratch: all its programs have the shim."""

    library = None

    def environment(self):
        """The environment of all programs: with the shim."""
        compiler = tool("cc") or tool("gcc")
        if not compiler:
            raise Skip("no C compiler for the preloaded library")
        if self.library is None:
            self.library = self.dir / "shim.so"
            source = Path(__file__).with_name("no_directory_shim.c")
            subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o",
                            self.library, source, "-ldl"], check=True,
                           capture_output=True)
        env = dict(super().environment(), LD_PRELOAD=str(self.library),
                   NO_DIRECTORY=str(self.dir / "silent"))
        env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") \
            + ":verify_asan_link_order=0"
        return env

    def silence(self, number):
        """From now on looking an account up fails so."""
        # By a rename: an empty file would say that there is no such account.
        made = self.dir / "silent.new"
        made.write_text(str(number))
        made.rename(self.dir / "silent")

    def speak(self):
        """The directory answers again."""
        (self.dir / "silent").unlink(missing_ok=True)
