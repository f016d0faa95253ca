# SPDX-License-Identifier: ISC
"""What the tests of the launchers have in common.

A launcher is a foreground program with a config of its own; start() gives it
a free port and waits until something listens there.
"""
import os
import selectors
import signal
import socket
import subprocess
import time
from pathlib import Path

from . import proc
from .ports import free_port
from .tap import check, equal
from .wait import wait_for


class Launcher:
    """A running launcher; a context manager that ends it by its pid."""

    def __init__(self, scratch, make_command, ports=1, as_root=True):
        self.scratch = scratch
        self.log = scratch.dir / "launcher.log"
        for attempt in range(5):
            self.ports = [free_port() for _ in range(ports)]
            command = make_command(*self.ports)
            with open(self.log, "ab") as log:
                if as_root:
                    self.process = subprocess.Popen(
                        command, stdin=subprocess.DEVNULL, stdout=log,
                        stderr=log, cwd="/", env=scratch.environment())
                else:
                    self.process = scratch.popen(
                        command, stdin=subprocess.DEVNULL, stdout=log,
                        stderr=log)
            self.pid = self.process.pid
            try:
                wait_for(self._ready, "the launcher to listen")
                return
            except AssertionError:
                self.__exit__()
                if attempt == 4:
                    raise

    def _ready(self):
        check(self.process.poll() is None, "the launcher has ended: "
              + self.log.read_text(errors="replace")[-600:])
        return all(proc.listeners(port) for port in self.ports)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        started = proc.children(self.pid)
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pid in started:
            end(pid)


def end(pid):
    """Ends a child of a launcher that has gone, and waits for that."""
    for number, seconds in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            if not Path(f"/proc/{pid}").exists():
                return
            time.sleep(0.01)


def burst(port, count, greeting=b"220 ", say=b"QUIT\r\n", answer=b"221 "):
    """Opens many connections at once; returns how many were served whole."""
    selector = selectors.DefaultSelector()
    for _ in range(count):
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex(("127.0.0.1", port))
        selector.register(sock, selectors.EVENT_READ, bytearray())
    served = 0
    limit = time.monotonic() + 60
    while selector.get_map() and time.monotonic() < limit:
        for key, _ in selector.select(5):
            sock, seen = key.fileobj, key.data
            try:
                data = sock.recv(4096)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if data:
                fresh = not seen
                seen += data
                if fresh:
                    sock.send(say)
                continue
            selector.unregister(sock)
            sock.close()
            if seen.startswith(greeting) and b"\r\n" + answer in seen:
                served += 1
    left = list(selector.get_map().values())
    for key in left:
        selector.unregister(key.fileobj)
        key.fileobj.close()
    selector.close()
    return served


def exchange(server, smtp_port, pop3_port, password):
    """One message in by SMTP and out by POP3 through a launcher."""
    with server.connect(smtp_port) as talker:
        talker.hello()
        talker.submit("carol@example.com", ["bob@example.org"],
                      "Subject: launched\r\n\r\n.\r\nx\r\n")
        talker.expect("221 ", "QUIT")
        talker.closed()
    with server.connect(pop3_port) as talker:
        talker.pop_login("bob", password)
        talker.pop("+OK 1 ", "STAT")
        text = talker.pop_block("RETR 1")
        head, _, body = text.partition(b"\r\n\r\n")
        check(b"\r\nSubject: launched\r\n" in head and body == b".\r\nx\r\n",
              repr(text))
        talker.pop("+OK", "DELE 1")
        talker.pop("+OK", "QUIT")
        talker.closed()
    equal(server.mailbox("bob").stat().st_size, 0, "octets left")
