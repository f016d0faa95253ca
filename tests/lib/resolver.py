# SPDX-License-Identifier: ISC
"""The resolver of the programs, as systemd would start it; and one of the
test's own, which does not keep to what common/dns/resolver.h says.

Either is found by all servers of a scratch folder, since its socket lies beside
the configuration.
"""
import os
import pwd
import socket
import struct
import subprocess
import threading

from .scratch import AM_ROOT, Scratch
from .tap import check
from .wait import wait_for

NAME, SERVER, MOST = 256, 256, 32
GREETING = struct.Struct(f"=I{SERVER}s")
BATCH = struct.Struct("=III")
QUESTION = struct.Struct(f"=I{NAME}s")
HEAD = struct.Struct("=II")
BATCH_SIZE = BATCH.size + MOST * QUESTION.size


def listener(scratch):
    """The socket that restante-resolver.socket has."""
    path = str(scratch.dir / "resolver")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.bind(path)
    os.chmod(path, 0o600)
    if scratch.user:
        os.chown(path, scratch.user.pw_uid, scratch.user.pw_gid)
    sock.listen(4096)
    return sock


class Resolver:
    """smtpd --resolver, which runs as a user that is nobody else's; before: a
    command that sees to that, and to more."""

    used = 0    # by how many it was asked

    def __init__(self, scratch, before=()):
        self.scratch, self.log = scratch, scratch.dir / "resolver.log"
        self.sock = listener(scratch)
        settings = {}
        if AM_ROOT and not before:
            user = pwd.getpwnam("games")
            settings = {"user": user.pw_uid, "group": user.pw_gid,
                        "extra_groups": []}
        command = [*before, "/bin/sh", "-c",
                   "exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 "
                   'exec "$@"', "-", scratch.program("smtpd", True), "--resolver"]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=self.sock, stdout=log, stderr=log, cwd="/",
                env=scratch.environment(), **settings)
        self.pid = self.process.pid
        # Until then it has no name of its own.
        wait_for(self.ready, "the resolver")

    def ready(self):
        """Whether it has begun."""
        if self.process.poll() is not None:
            raise AssertionError("the resolver has ended: "
                                 + self.log.read_text())
        with open(f"/proc/{self.pid}/comm", encoding="ascii") as name:
            return name.read() == "resolver\n"

    def connect(self, server=""):
        """A connection to it, greeted."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sock.settimeout(60)
        sock.connect(str(self.scratch.dir / "resolver"))
        sock.send(greeting(server))
        return sock

    def faults(self):
        """The minor faults of the processes that connections have had."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            return int(stat.read().rpartition(")")[2].split()[8])

    def stop(self):
        """Ends it, and closes the socket."""
        if self.process.poll() is None and self.faults():
            Resolver.used += 1
        self.process.terminate()
        self.process.wait(20)
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def both_ways(tap, run):
    """Runs tests twice: name servers are asked by the programs themselves, and
    then by the resolver."""
    run()
    tap.prefix, Scratch.beside = "by the resolver: ", Resolver
    try:
        run()
        with tap.case("It was asked, indeed"):
            check(Resolver.used, "never")
    finally:
        tap.prefix, Scratch.beside = "", None


def greeting(server="", version=1):
    """How a connection begins."""
    return GREETING.pack(version, server.encode())


def batch(questions, serial=1, patience=5000, count=None):
    """Questions: (type, name)."""
    text = b"".join(QUESTION.pack(kind, name.encode())
                    for kind, name in questions)
    count = len(questions) if count is None else count
    return (BATCH.pack(serial, count, patience) + text).ljust(BATCH_SIZE,
                                                              b"\0")


def questions_of(wire):
    """(serial, [(type, name)]) of a batch."""
    serial, count, _ = BATCH.unpack_from(wire)
    found = []
    for i in range(count):
        kind, name = QUESTION.unpack_from(
            wire, BATCH.size + i * QUESTION.size)
        found.append((kind, name.rstrip(b"\0").decode()))
    return serial, found


class Hostile:
    """A resolver that says what the test wants: answer(sock, serial,
    questions) is called for each batch, in a thread for each connection."""

    def __init__(self, scratch, answer):
        self.answer, self.connections, self.batches = answer, 0, 0
        self.sock = listener(scratch)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        """Until the socket is shut down."""
        while True:
            try:
                sock, _ = self.sock.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.converse, args=(sock,),
                             daemon=True).start()

    def converse(self, sock):
        """One connection."""
        with sock:
            try:
                sock.recv(1 << 16)
                while wire := sock.recv(1 << 16):
                    self.batches += 1
                    self.answer(sock, *questions_of(wire))
            except OSError:
                return

    def stop(self):
        """Ends it."""
        self.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join(10)
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
