# SPDX-License-Identifier: ISC
"""With -c FILE nothing is taken from the installation of this machine.

A machine with a live server is pretended in a mount namespace: its config,
users, certificate, queue, state, mailboxes and aliases, and something that
listens at its submission socket and, in a network namespace, at the ports of
mail. A trial with a config of its own, which
names next to nothing, must leave all that as it is; so must other tests.
"""
import os
import poplib
import random
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

from lib.namespace import again
from lib.opens import Opens
from lib.scratch import (AM_ROOT, SRC, Scratch, make_certificate,
                         sysconfdir)
from lib.tap import Skip, Tap, check, equal

tap = Tap()
INSIDE = "--inside"
PORTS = (25, 110, 465, 587, 995)
NAMESPACES = ["unshare", "-m", "-n", "--propagation", "private"]
MESSAGE = "Subject: trial\n\nThis must not reach a live mailbox.\n"


class Live:
    """The installation that is pretended, and what has come to it."""

    def __init__(self):
        etc = sysconfdir()
        for place in ("/run", "/var/spool", "/var/lib", "/var/mail"):
            self.cover(Path(place))
        if str(etc) != "/etc":
            self.cover(etc)
        else:
            self.overlay(etc)
        self.config = etc / "restante"
        self.folders = [self.config, Path("/run/restante"),
                        Path("/var/spool/restante"), Path("/var/lib/restante")]
        for folder in self.folders:
            folder.mkdir(exist_ok=True)
            folder.chmod(0o777)
        Path("/var/mail").chmod(0o1777)
        (self.config / "restante.conf").write_text(
            "hostname live.example\nlog stderr\n")
        (self.config / "users").write_text("live:{CRYPT}x\n")
        (etc / "aliases").write_text("root: live\ntrial: live\n")
        make_certificate(self.config / "tls.pem", "live.example")
        for path in self.config.iterdir():
            path.chmod(0o644)
        self.visits = []
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind("/run/restante/submission")
        os.chmod("/run/restante/submission", 0o666)
        listener.listen()
        self.listeners = [("the submission socket", listener)]
        for port in PORTS:
            self.listeners.append(
                (f"port {port}", socket.create_server(("127.0.0.1", port))))
        for name, listener in self.listeners:
            threading.Thread(target=self.listen, args=(name, listener),
                             daemon=True).start()
        self.aliases = etc / "aliases"
        self.watch()
        self.before = self.contents()

    def watch(self):
        """From now on, who opens one of its files is seen."""
        self.opened = [Opens(path) for path in
                       (*self.config.iterdir(), self.aliases)]

    @staticmethod
    def cover(place):
        """An empty file system there, in this namespace alone."""
        if not place.is_dir():
            raise Skip(f"no folder {place}")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs",
                        place], check=True)

    @staticmethod
    def overlay(place):
        """The same with what is there seen through."""
        work = Path("/run/overlay")
        for name in ("upper", "work"):
            (work / name).mkdir(parents=True)
        subprocess.run(
            ["mount", "-t", "overlay", "overlay", "-o",
             f"lowerdir={place},upperdir={work}/upper,workdir={work}/work",
             place], check=True)

    def listen(self, name, listener):
        """Remembers who comes, and takes no mail."""
        while True:
            connection, _ = listener.accept()
            self.visits.append(name)
            connection.sendall(b"554 5.3.2 This is the live server\r\n")
            connection.close()

    def contents(self):
        """All files of it, with sizes and times."""
        return sorted((str(p), p.lstat().st_size, p.lstat().st_mtime_ns)
                      for folder in [*self.folders, Path("/var/mail")]
                      for p in folder.rglob("*"))

    def untouched(self, what):
        """Fails if anybody has been there since the last time."""
        visits, self.visits = self.visits, []
        equal(visits, [], f"{what}: connections to the live server")
        before, self.before = self.before, self.contents()
        equal(sorted(set(self.before) ^ set(before)), [],
              f"{what}: live files that have changed")
        opened = [str(o.name) for o in self.opened if o.count() > 0]
        if opened:
            self.watch()
        equal(opened, [], f"{what}: live files that were opened")


class Trial(Scratch):
    """A folder whose config names neither paths nor a certificate."""

    def configure(self, extra="", tls=True):
        self.conf.write_text("hostname mail.example.org\nlog stderr\n"
                             "resolver 127.0.0.1:1\n")


def test_sends(live, trial):
    """Mail that a program sends stays in the folder of its config"""
    done = trial.call("smtpd", "alice", stdin=MESSAGE)
    equal(done.returncode, 0, done.stderr)
    check("must not reach" in (trial.mail / "alice").read_text(), "no mail")
    for words in (("x@far.example",), ("-t",), ("-q",), ("-bp",), ("-bi",),
                  ("-s", "x", "root"), ("-bt", "root"), ("--users",),
                  ("--stats",), ("--penalties",), ("--check",)):
        trial.call("smtpd", *words, stdin=MESSAGE)
        live.untouched(f"smtpd -c FILE {' '.join(words)}")


def test_no_queue(live, trial):
    """Without a queue there the command says so, and goes nowhere else"""
    (trial.dir / "queue").rename(trial.dir / "away")
    try:
        done = trial.call("smtpd", "root", stdin=MESSAGE)
        equal(done.returncode, os.EX_TEMPFAIL, done.stderr)
        check(str(trial.dir) in done.stderr, done.stderr)
    finally:
        (trial.dir / "away").rename(trial.dir / "queue")
    live.untouched("smtpd -c FILE root")


def test_serves(live, trial):
    """Servers have their own users, and no certificate but their own"""
    trial.pem.unlink()
    smtpd = trial.serve("smtpd", "127.0.0.1:0", "127.0.0.1:0=submission")
    pop3d = trial.serve("pop3d", "127.0.0.1:0")
    with trial.connect(smtpd.ports[0]) as talker:
        talker.expect("220 mail.example.org")
        check("STARTTLS" not in str(talker.expect("250", "EHLO x")),
              "STARTTLS")
        talker.expect("250", "MAIL FROM:<a@b.example>")
        talker.expect("550", "RCPT TO:<live@mail.example.org>")
        talker.expect("250", "RCPT TO:<bob@mail.example.org>")
        talker.expect("354", "DATA")
        talker.expect("250", MESSAGE.replace("\n", "\r\n") + ".")
    client = poplib.POP3("127.0.0.1", pop3d.ports[0], timeout=60)
    client.user("bob")
    client.pass_("two words, and a third")
    equal(client.stat()[0], 1, "bob's messages")
    client.quit()
    trial.call("pop3d", "--recover")
    trial.call("pop3d", "--last-login")
    equal([smtpd.stop(), pop3d.stop()], [0, 0], "exit status")
    live.untouched("servers")


def test_help(live, trial):
    """--help and --version need no config, and read none"""
    for name in ("smtpd", "pop3d"):
        for option in ("--help", "--version"):
            done = trial.call(name, option, config=False)
            equal(done.returncode, 0, done.stderr)
    live.untouched("--help and --version")


def test_control(live, trial):
    """Control: without -c all this is the live installation's"""
    trial.call("smtpd", "root", config=False, stdin=MESSAGE)
    try:
        live.untouched("smtpd root")
    except AssertionError as error:
        check("connections" in str(error), str(error))
    else:
        raise AssertionError("smtpd without -c was not seen")
    check(any(o.count() for o in live.opened), "the live config is not read")
    live.opened = [Opens(live.config / name)
                   for name in ("restante.conf", "users", "tls.pem")]


def programs():
    """Those that had sent mail into a live installation, and others by lot."""
    fixed = ["smtp/t_quota", "smtp/t_sendmail", "smtp/t_notice",
             "smtp/t_sendmail_table"]
    folder = SRC / "tests/system"
    others = [str(path.relative_to(folder).with_suffix(""))
              for path in sorted(folder.rglob("t_*.py"))]
    others = [name for name in others
              if name not in fixed and not name.endswith(Path(__file__).stem)]
    number = int(os.environ.get("RESTANTE_INSTALLED", "0"))
    dice = random.Random(os.environ.get("RESTANTE_SEED", "1"))
    return fixed + dice.sample(others, min(number, len(others)))


def cases_programs(live):
    """Test programs beside the live installation, which is not touched"""
    for name in programs():
        with tap.case(f"{name} passes and does not reach it"):
            live.untouched("before it")
            done = subprocess.run(
                [sys.executable, "-B", f"{SRC}/tests/system/{name}.py"],
                env=dict(os.environ, PYTHONPATH=f"{SRC}/tests"), check=False,
                capture_output=True, text=True, timeout=900)
            live.untouched(name)
            failed = re.findall(r"(?m)^not ok .*(?:\n# .*)*", done.stdout)
            equal(done.returncode, 0, "\n".join(failed)[-2000:]
                  + done.stderr[-900:])


def main():
    """Makes the namespace, or runs in it."""
    if sys.argv[1:] == [INSIDE]:
        with tap.case("a pretended installation", table=True):
            live = Live()
            with Trial() as trial:
                tap.run({k: v for k, v in globals().items()
                         if k.startswith("test_")}, live, trial)
            tap.run({"cases_programs": cases_programs}, live)
    else:
        with tap.case("a live installation", table=True):
            if not AM_ROOT:
                raise Skip("mounts need root")
            again(tap, INSIDE, probe=("ip", "link", "set", "lo", "up"),
                  command=NAMESPACES,
                  timeout=None if "RESTANTE_INSTALLED" in os.environ else 900)
    tap.finish()


signal.signal(signal.SIGPIPE, signal.SIG_IGN)
main()
