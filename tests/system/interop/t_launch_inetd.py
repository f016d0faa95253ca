# SPDX-License-Identifier: ISC
"""Real inetd and xinetd start the programs, in nowait and in wait mode.

xinetd and openbsd-inetd conflict as packages; $RESTANTE_PEERS may hold an
unpacked copy of either (see lib/peers.py).
"""
import os
import pwd

from lib import launch, peers, proc
from lib.player import PASSWORDS
from lib.scratch import AM_ROOT, Scratch, client_context
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
CONFIG = "idle-exit 1"


def service_user(scratch):
    """The name of the user whom the services run as."""
    return (scratch.user or pwd.getpwuid(os.getuid())).pw_name


def inetd(scratch, program, services):
    """A command maker for openbsd-inetd: services are (name, wait, args)."""
    def make(*ports):
        lines = []
        for port, (name, wait, args) in zip(ports, services):
            mode = "wait.10000" if wait else "nowait.10000"
            command = scratch.command(name, *args)
            lines.append(f"127.0.0.1:{port} stream tcp4 {mode} "
                         f"{service_user(scratch)} {command[0]} {name} "
                         + " ".join(command[1:]))
        path = scratch.dir / "inetd.conf"
        path.write_text("\n".join(lines) + "\n")
        return [program, "-i", str(path)]
    return make


def xinetd(scratch, program, services):
    """The same for xinetd."""
    def make(*ports):
        user = service_user(scratch)
        text = ("defaults\n{\n instances = UNLIMITED\n per_source = UNLIMITED"
                "\n cps = 100000 1\n bind = 127.0.0.1\n"
                f" log_type = FILE {scratch.dir}/xinetd.log\n}}\n")
        for port, (name, wait, args) in zip(ports, services):
            command = scratch.command(name, *args)
            text += (f"service {name}-{port}\n{{\n type = UNLISTED\n"
                     f" port = {port}\n socket_type = stream\n"
                     f" protocol = tcp\n flags = IPv4\n"
                     f" wait = {'yes' if wait else 'no'}\n user = {user}\n"
                     f" server = {command[0]}\n"
                     f" server_args = {' '.join(command[1:])}\n"
                     " disable = no\n}\n")
        path = scratch.dir / "xinetd.conf"
        path.write_text(text)
        return [program, "-dontfork", "-f", str(path), "-pidfile",
                str(scratch.dir / "xinetd.pid")]
    return make


KINDS = {"inetd": ("openbsd-inetd", inetd), "xinetd": ("xinetd", xinetd)}


def running(kind, wait, extra=(), config=CONFIG):
    """(scratch, launcher) of smtpd and pop3d under a launcher."""
    package, maker = KINDS[kind]
    program = peers.find(kind, package)
    scratch = Scratch(CONFIG)
    scratch.configure(config)
    services = [("smtpd", wait, ()), ("pop3d", wait, ()), *extra]
    try:
        launcher = launch.Launcher(scratch, maker(scratch, program, services),
                                   len(services), AM_ROOT)
    except BaseException:
        scratch.__exit__()
        raise
    return scratch, launcher


def simple(kind, wait):
    """Mail in and out; roles by option; no process left."""
    extra = [("smtpd", wait, ("--role", "submission", "--implicit-tls")),
             ("pop3d", wait, ("--implicit-tls",))]
    scratch, launcher = running(kind, wait, extra)
    with scratch, launcher:
        smtp, pop3, submissions, pop3s = launcher.ports
        for _ in range(2):
            launch.exchange(scratch, smtp, pop3, PASSWORDS["bob"])
        with scratch.connect(submissions, client_context()) as talker:
            talker.hello()
            talker.expect("530 5.7.0", "MAIL FROM:<alice@example.org>")
            talker.login("alice", PASSWORDS["alice"])
        with scratch.connect(pop3s, client_context()) as talker:
            talker.pop_login("alice", PASSWORDS["alice"])
            talker.pop("+OK", "QUIT")
        wait_for(lambda: not proc.children(launcher.pid),
                 "the services to end")


def nothing_on_stderr(kind):
    """fd 2 is the client's socket under inetd: it must see only replies."""
    # The config asks for a log on stderr and has a bad user file: both
    # would like to write to fd 2.
    scratch, launcher = running(kind, False, config="log stderr\nusers %DIR/x")
    with scratch, launcher:
        with scratch.connect(launcher.ports[0]) as talker:
            talker.send("EHLO x\r\nAUTH PLAIN AGEAYQ==\r\nQUIT\r\n")
            for line in talker.rest().decode().splitlines():
                check(line[:3].isdigit() and line[3:4] in (" ", "-"), line)
    scratch, launcher = running(kind, False, config="no-such-key x")
    with scratch, launcher:
        with scratch.connect(launcher.ports[0]) as talker:
            check(b"no-such-key" not in talker.rest(),
                  "a config error is told to the client")


def burst(kind, count, started):
    """Wait mode: every connection of a burst is served.

    Until the server runs, the launcher's own backlog (64 with xinetd) is what
    the kernel has for them; from then on the server's.
    """
    scratch, launcher = running(kind, True)
    with scratch, launcher:
        for port, greeting, answer in zip(launcher.ports, (b"220 ", b"+OK"),
                                          (b"221 ", b"+OK")):
            with scratch.connect(port) as talker:
                if started:
                    talker.pop(greeting.decode())
                else:
                    talker.close()
                equal(launch.burst(port, count, greeting, b"QUIT\r\n",
                                   answer), count, "served")


def idle_exit(kind):
    """Wait mode: the server exits when idle, and is started again."""
    scratch, launcher = running(kind, True)
    with scratch, launcher:
        seen = set()
        for _ in range(3):
            with scratch.connect(launcher.ports[0]) as talker:
                talker.hello()
                started = proc.children(launcher.pid)
                equal(len(started), 1, f"servers {started}")
                seen.update(started)
                talker.expect("221 ", "QUIT")
            wait_for(lambda: not proc.children(launcher.pid),
                     "the idle server to exit")
        equal(len(seen), 3, "different servers")


def stays_while_busy(kind):
    """Wait mode: a long session is not cut off by the idle exit."""
    scratch, launcher = running(kind, True)
    with scratch, launcher:
        with scratch.connect(launcher.ports[0]) as talker, \
                scratch.connect(launcher.ports[1]) as other:
            talker.hello()
            other.pop("+OK")
            other.pop("+OK", "QUIT")
            # The POP3 server goes idle and exits: more than a second went by.
            wait_for(lambda: len(proc.children(launcher.pid)) == 1,
                     "the idle POP3 server to exit")
            talker.expect("250 ", "NOOP")
            with scratch.connect(launcher.ports[0]) as third:
                third.hello()
            talker.submit("a@example.com", ["bob@example.org"],
                          "Subject: x\r\n\r\nx\r\n")


def cases_launchers():
    """Each launcher in both modes"""
    for kind in KINDS:
        cases = [("nowait: mail in and out", lambda: simple(kind, False)),
                 ("wait: mail in and out", lambda: simple(kind, True)),
                 ("nowait: the client sees replies only",
                  lambda: nothing_on_stderr(kind)),
                 ("wait: a burst of 50 connections starts the server and "
                  "loses none", lambda: burst(kind, 50, False)),
                 ("wait: a burst of 500 connections loses none",
                  lambda: burst(kind, 500, True)),
                 ("wait: exits when idle and is started again",
                  lambda: idle_exit(kind)),
                 ("wait: a session outlives the idle limit",
                  lambda: stays_while_busy(kind))]
        for name, function in cases:
            with tap.case(f"{kind} {name}"):
                function()


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
