# SPDX-License-Identifier: ISC
"""systemd's socket activation, by systemd-socket-activate: Accept=yes and no."""
from lib import launch, peers, proc
from lib.player import PASSWORDS
from lib.scratch import Scratch
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()


class Activated:
    """A program behind systemd-socket-activate; a context manager."""

    def __init__(self, scratch, name, options=(), ports=1, args=()):
        program = peers.find("systemd-socket-activate", "systemd")

        def make(*numbers):
            listen = [w for n in numbers for w in ("-l", f"127.0.0.1:{n}")]
            return [program, *listen, *options,
                    *scratch.command(name, *args)]
        self.launcher = launch.Launcher(scratch, make, ports, False)
        self.ports = self.launcher.ports
        self.port = self.ports[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.launcher.__exit__()


def test_accept_yes(scratch):
    """Accept=yes: a process for each connection, mail in and out"""
    options = ("--accept", "--inetd")
    with Activated(scratch, "smtpd", options) as smtpd, \
            Activated(scratch, "pop3d", options) as pop3d:
        for _ in range(3):
            launch.exchange(scratch, smtpd.port, pop3d.port,
                            PASSWORDS["bob"])


def test_accept_no(scratch):
    """Accept=no: the listening socket as LISTEN_FDS, mail in and out"""
    with Activated(scratch, "smtpd") as smtpd, \
            Activated(scratch, "pop3d") as pop3d:
        for _ in range(3):
            launch.exchange(scratch, smtpd.port, pop3d.port,
                            PASSWORDS["bob"])


def test_accept_no_inetd(scratch):
    """Accept=no with the listening socket on fd 0"""
    with Activated(scratch, "smtpd", ("--inetd",)) as smtpd, \
            Activated(scratch, "pop3d", ("--inetd",)) as pop3d:
        for _ in range(3):
            launch.exchange(scratch, smtpd.port, pop3d.port,
                            PASSWORDS["bob"])


def test_two_sockets(scratch):
    """Accept=no with two sockets serves both"""
    with Activated(scratch, "smtpd", ports=2) as smtpd:
        for port in smtpd.ports * 2:
            with scratch.connect(port) as talker:
                talker.hello()
                talker.expect("221 ", "QUIT")


def test_role(scratch):
    """--role submission holds for activated sockets"""
    with Activated(scratch, "smtpd", args=("--role", "submission")) as smtpd:
        with scratch.connect(smtpd.port) as talker:
            talker.hello()
            talker.expect("530 5.7.0", "MAIL FROM:<alice@example.org>")


def test_idle_exit(scratch):
    """Accept=no: the server exits with 0 when idle"""
    with Activated(scratch, "smtpd") as smtpd:
        with scratch.connect(smtpd.port) as talker:
            talker.hello()
            talker.expect("221 ", "QUIT")
        process = smtpd.launcher.process
        wait_for(lambda: process.poll() is not None, "the idle server to exit")
        equal(process.returncode, 0, "exit status")


def test_burst(scratch):
    """Accept=no: a burst of 500 connections loses none"""
    with Activated(scratch, "smtpd") as smtpd:
        equal(launch.burst(smtpd.port, 500), 500, "served")


def test_sigterm(scratch):
    """Accept=no: SIGTERM ends the server and its idle sessions"""
    with Activated(scratch, "smtpd") as smtpd:
        with scratch.connect(smtpd.port) as talker:
            talker.hello()
            smtpd.launcher.process.terminate()
            talker.expect("421 4.3.2")
            talker.closed()
        equal(smtpd.launcher.process.wait(30), 0, "exit status")


def test_no_descriptor_leaks(scratch):
    """A listening descriptor is not inherited by what the server starts"""
    with Activated(scratch, "smtpd") as smtpd:
        with scratch.connect(smtpd.port) as talker:
            talker.hello()
            pids = proc.children(smtpd.launcher.process.pid)
            check(pids, "no session process")
            for pid in pids:
                check(not proc.listeners(smtpd.port) & proc.sockets(pid),
                      f"{pid} holds the listener")


if __name__ == "__main__":
    with Scratch("idle-exit 1") as fixture:
        tap.run(globals(), fixture)
    tap.finish()
