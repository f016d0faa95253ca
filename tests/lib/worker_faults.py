# SPDX-License-Identifier: ISC
"""A worker that looks at a message is killed, or fails, at every call.

A Faulty is a server that verify_shim.c, or another SHIM, reaches. Of its tests
it wants: bring(), which sends a message and returns the reply and what has come
into the mailbox; judge(), which says what is wrong with these; and DONE, which a
message has when the worker has done its work.
"""
import errno
import mmap
import struct

from .scratch import Instance
from .shim import build_shim, shimmed
from .sweep import sample
from .tap import check, equal

COUNT, KILL, FAIL = range(3)
HEAD = struct.Struct("5Ii")
NAME, MOST_CALLS = 16, 2000
MOST = 24       # faults in one sweep, without RESTANTE_LONG
ERRORS = {
    "pread": ("EIO", "EINTR", "ENOMEM"), "pwrite": ("EIO", "ENOSPC", "EINTR"),
    "ftruncate": ("EIO", "EINTR"), "lseek": ("EIO",),
    "socket": ("EMFILE", "ENOBUFS", "EACCES"), "connect": ("ENETUNREACH",),
    "send": ("EINTR", "ENETUNREACH", "EPERM", "EAGAIN"),
    "recv": ("EINTR", "EAGAIN", "ECONNREFUSED"),
    "poll": ("EINTR", "ENOMEM"), "close": ("EIO",),
    "malloc": ("ENOMEM",), "calloc": ("ENOMEM",)}


class Faulty(Instance):
    """See above."""

    DONE = b""
    SHIM = "verify_shim.c"

    def environment(self):
        """With the library, which is compiled here."""
        library = self.dir / "verify_shim.so"
        path = self.dir / "control"
        if not library.exists():
            build_shim(library, self.SHIM)
            with open(path, "w+b") as file:
                file.truncate(HEAD.size + NAME * MOST_CALLS)
                self.map = mmap.mmap(file.fileno(), 0)
            self.own()
        return shimmed(super().environment(), library,
                       VERIFY_CONTROL=str(path))

    def set(self, mode, at=0, error=0):
        """What becomes of the next worker."""
        self.map[:] = bytes(len(self.map))
        HEAD.pack_into(self.map, 0, mode, at, error, 0, 0, 0)

    def calls(self):
        """The names of its calls."""
        count = HEAD.unpack_from(self.map, 0)[3]
        return [self.map[HEAD.size + i * NAME:HEAD.size + (i + 1) * NAME]
                .split(b"\0")[0].decode() for i in range(count)]

    @property
    def hit(self):
        """Whether the fault came."""
        return HEAD.unpack_from(self.map, 0)[4] != 0


def sweep(tap, bench, name, cases):
    """Each fault in turn, (mode, call, error), and a message after it."""
    troubles, hits, accepted = [], 0, 0
    for mode, at, error in cases:
        bench.set(mode, at, error)
        reply, data = bench.bring()
        calls = bench.calls()
        hits += bench.hit
        accepted += reply.startswith("250 ")
        wrong = bench.judge(reply, data)
        bench.set(COUNT)
        reply, data = bench.bring()
        if not reply.startswith("250 ") or bench.DONE not in data:
            wrong.append(f"the next one: {reply}")
        wrong += bench.judge(reply, data)
        if wrong:
            call = calls[at - 1] if at <= len(calls) else "none"
            troubles.append(f"{name} at {at} ({call}, {error}): {wrong}")
    tap.diag(f"{len(cases)} faults, {hits} came, {accepted} were accepted")
    check(hits > len(cases) * 0.8, "hardly a fault")
    equal(troubles[:8], [], f"{len(troubles)} troubles")


def kills(calls):
    """A kill at each call, or at some."""
    return sample([(KILL, n + 1, 0) for n in range(len(calls))], MOST)


def failures(calls):
    """Each call fails, or some."""
    cases = [(FAIL, n, getattr(errno, error))
             for n, call in enumerate(calls, 1)
             for error in ERRORS.get(call, ())]
    return sample(cases, 2 * MOST)
