# SPDX-License-Identifier: ISC
"""Programs whose minutes are short, by a library that is loaded before them."""
import socket
import subprocess
from pathlib import Path

from .scratch import Scratch, tool
from .tap import Skip
from .talk import Talker
from .wait import wait_for


class Hurried(Scratch):
    """A Scratch for sessions whose clock goes faster, see hurry_shim.c."""

    def library(self):
        """The shim, compiled."""
        path = self.dir / "hurry.so"
        compiler = tool("cc") or tool("gcc")
        if not compiler:
            raise Skip("no C compiler for the preloaded library")
        if not path.exists():
            source = Path(__file__).parent / "hurry_shim.c"
            subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", path,
                            source], check=True, capture_output=True)
            self.own()
        return path

    def hurry(self, times):
        """The environment of a program in such a hurry."""
        env = dict(self.environment(), LD_PRELOAD=str(self.library()),
                   HURRY=str(times))
        env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") \
            + ":verify_asan_link_order=0"
        return env

    def begin(self, times, *args, name="pop3d"):
        """A nowait session: (Talker, Popen)."""
        ours, theirs = socket.socketpair()
        with open(self.dir / "session.log", "ab") as log:
            process = self.popen(self.command(name, *args), stdin=theirs,
                                 stdout=theirs, stderr=log,
                                 env=self.hurry(times))
        theirs.close()
        return Talker(ours, 60.0), process


def ended(process):
    """Waits for the end of a session."""
    wait_for(lambda: process.poll() is not None, "the session to end", 60)
