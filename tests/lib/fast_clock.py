# SPDX-License-Identifier: ISC
"""Programs whose clock runs faster, by a preloaded library."""
import contextlib
import functools
import socket

from .scratch import Scratch
from .shim import build_shim, shimmed
from .talk import Talker
from .wait import wait_for


class FastClock(Scratch):
    """A Scratch for sessions whose clock goes faster, see fast_clock_shim.c."""

    def library(self):
        """The shim, compiled."""
        path = self.dir / "fast_clock.so"
        if not path.exists():
            build_shim(path, "fast_clock_shim.c")
            self.own()
        return path

    def fast_environment(self, times):
        """The environment of a program; its clock runs that much faster."""
        return shimmed(self.environment(), self.library(),
                       CLOCK_SPEED=str(times))

    def begin(self, times, *args, name="pop3d"):
        """A nowait session: (Talker, Popen)."""
        ours, theirs = socket.socketpair()
        with open(self.dir / "session.log", "ab") as log:
            process = self.popen(self.command(name, *args), stdin=theirs,
                                 stdout=theirs, stderr=log,
                                 env=self.fast_environment(times))
        theirs.close()
        return Talker(ours, 60.0), process


def again(test):
    """A test that is tried three times: where the machine stalls for a second,
    minutes have passed for the program, and it is right to end. A limit that
    is wrong fails each time."""
    @functools.wraps(test)
    def tried(*args):
        for _ in range(2):
            with contextlib.suppress(AssertionError, OSError):
                return test(*args)
        return test(*args)
    return tried


def ended(process):
    """Waits for the end of a session."""
    wait_for(lambda: process.poll() is not None, "the session to end", 60)
