# SPDX-License-Identifier: ISC
"""Everything a test needs of the programs under test, in a folder of its own.

Scratch makes users, a certificate and a config; Instance also starts smtpd
and pop3d on free loopback ports. Both are context managers that leave nothing
behind. Started as root, they run the programs as an ordinary user, as all
tests must pass without root; `as_root=True` is for those about root itself.
"""
import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

from .talk import Talker
from .tap import Skip
from .wait import wait_for

SRC = Path(os.environ.get("RESTANTE_SRC")
           or Path(__file__).resolve().parents[2])
BUILD = Path(os.environ.get("RESTANTE_BUILD")
             or (Path.cwd() if Path("smtpd/smtpd").exists() else SRC))
ALICE = ("alice", "opensesame")
BOB = ("bob", "two words, and a third")
AM_ROOT = os.geteuid() == 0
LONG = bool(os.environ.get("RESTANTE_LONG"))

# The runner ends a hanging program by SIGTERM: let it clean up behind itself.
signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))


def tool(name):
    """The path of an installed program, or None."""
    return shutil.which(name, path=os.environ.get("PATH", "")
                        + ":/usr/local/sbin:/usr/sbin:/sbin")


def sysconfdir():
    """Where the programs under test look for the installed config."""
    try:
        text = (BUILD / "Makefile").read_text()
    except OSError:
        raise Skip("no Makefile in the build folder") from None
    values = dict(re.findall(r"^(\w+) = (.*)$", text, re.M))
    name = values["sysconfdir"]
    for _ in range(5):
        name = re.sub(r"\$\{(\w+)\}", lambda m: values[m[1]], name)
    return Path(name)


def make_value(name):
    """A variable of the build's Makefile."""
    values = dict(re.findall(r"^(\w+) = (.*)$",
                             (BUILD / "Makefile").read_text(), re.M))
    text = values[name]
    while "${" in text:
        text = re.sub(r"\$\{(\w+)\}", lambda m: values[m[1]], text)
    return text


def client_context(**settings):
    """A TLS context of a client that accepts any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for name, value in settings.items():
        setattr(context, name, value)
    return context


def make_certificate(path, name):
    """Writes an ECDSA P-256 key and a self-signed certificate to path."""
    with tempfile.TemporaryDirectory() as work:
        key, cert = Path(work, "key"), Path(work, "cert")
        if not tool("openssl") and not tool("certtool"):
            raise Skip("neither openssl nor certtool is there, to make a "
                       "certificate (Debian packages openssl, gnutls-bin)")
        if tool("openssl"):
            command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                       "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                       "-subj", "/CN=" + name, "-keyout", key, "-out", cert,
                       "-addext", "subjectAltName=DNS:" + name]
            subprocess.run(command, check=True, capture_output=True)
        else:
            template = Path(work, "template")
            template.write_text(f"cn = {name}\ndns_name = {name}\n"
                                "tls_www_server\nsigning_key\n"
                                "expiration_days = 30\n")
            subprocess.run(["certtool", "--generate-privkey", "--key-type",
                            "ecdsa", "--curve", "secp256r1", "--outfile",
                            key], check=True, capture_output=True)
            subprocess.run(["certtool", "--generate-self-signed", "--template",
                            template, "--load-privkey", key, "--outfile",
                            cert], check=True, capture_output=True)
        temporary = Path(f"{path}.new")
        temporary.write_bytes(key.read_bytes() + cert.read_bytes())
        temporary.chmod(0o600)
        temporary.rename(path)      # in one step, as a renewal does it


def reachable(path):
    """Whether any user may get at (and run) the file at path."""
    path = Path(path).resolve()
    return all(p.stat().st_mode & stat.S_IXOTH for p in [path, *path.parents])


def preloadable():
    """Skips where a library of ours that has the allocator cannot be
    preloaded."""
    if "-fsanitize" in (BUILD / "Makefile").read_text():
        raise Skip("nothing with an allocator can be preloaded into a "
                   "sanitizer build")


class Daemon:
    """A server process: its listening addresses, its log and its end."""

    def __init__(self, scratch, command, sockets, name):
        self.log = scratch.dir / f"{name}.log"
        self.before = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "ab") as log:
            self.process = scratch.popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.pid = self.process.pid
        try:
            self.addresses = wait_for(lambda: self._ready(sockets),
                                      f"{name} to listen")
        except BaseException:
            self.kill()
            raise
        self.ports = [int(a.rpartition(":")[2]) for a in self.addresses
                      if not a.startswith("unix:")]

    def text(self):
        """What it has written so far."""
        with open(self.log, "rb") as log:
            log.seek(self.before)
            return log.read().decode("utf-8", "replace")

    def _ready(self, sockets):
        found = re.findall(r"^listening on (\S+)$", self.text(), re.M)
        if len(found) < sockets and self.process.poll() is not None:
            raise AssertionError(f"ended with {self.process.returncode}:\n"
                                 + self.text())
        return found if len(found) >= sockets else None

    def stop(self, number=signal.SIGTERM, seconds=20):
        """Asks it to end; returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"pid {self.pid} does not end on signal "
                                 f"{number}:\n{self.text()}") from None

    def kill(self):
        """Ends it at once."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Scratch:
    """A folder with users, a certificate, mailboxes and a config file."""

    beside = None       # a class: of what runs beside the programs

    def __init__(self, config="", tls=True, as_root=False, users=True):
        self.dir = Path(tempfile.mkdtemp(prefix="restante-test-"))
        self.user = None
        self.as_root = as_root
        if AM_ROOT and not as_root:
            self.user = pwd.getpwnam("nobody")
        self.mail = self.dir / "mail"
        self.users = self.dir / "users"
        self.pem = self.dir / "tls.pem"
        self.conf = self.dir / "restante.conf"
        self.running = []
        beside, self.beside = self.beside, None
        try:
            self.dir.chmod(0o755)
            for name in ("mail", "queue", "state"):
                (self.dir / name).mkdir()
            if tls:
                make_certificate(self.pem, "mail.example.org")
            self.configure(config, tls)
            self.own()
            if as_root:
                self._root_folders()
            if users:
                self.passwd(*ALICE, "--cram-md5")
                self.passwd(*BOB)
            if beside:
                self.beside = beside(self)
        except BaseException:
            self.__exit__()
            raise

    def configure(self, extra="", tls=True):
        """Writes the config; a key in extra replaces the usual one."""
        usual = {"hostname": "mail.example.org",
                 "domains": "example.org example.net",
                 "users": str(self.users), "mailbox": f"{self.mail}/%u",
                 "queue": str(self.dir / "queue"),
                 "state": str(self.dir / "state"), "log": "stderr",
                 "aliases": str(self.dir / "aliases"),
                 # Nobody answers there: mail for elsewhere stays queued.
                 "resolver": "127.0.0.1:1"}
        if self.as_root:
            # Else it depends on the accounts of the machine.
            usual["mailbox-owner"] = "mail"
        if tls:
            usual["tls"] = str(self.pem)
        extra = extra.replace("%DIR", str(self.dir)).strip()
        own = {line.split()[0] for line in extra.splitlines() if line.split()}
        lines = [f"{key} {value}" for key, value in usual.items()
                 if key not in own]
        self.conf.write_text("\n".join(lines + [extra]) + "\n")

    def own(self):
        """Gives the folder and all in it to the user of the programs."""
        if self.user:
            for path in [self.dir, *self.dir.rglob("*")]:
                with contextlib.suppress(FileNotFoundError):
                    # The programs go on, and take files away.
                    os.chown(path, self.user.pw_uid, self.user.pw_gid,
                             follow_symlinks=False)

    def _root_folders(self):
        """The folders as a package would make them."""
        mail = pwd.getpwnam("mail")
        os.chown(self.mail, 0, mail.pw_gid)
        self.mail.chmod(0o3775)
        (self.dir / "state").chmod(0o755)
        (self.dir / "queue").chmod(0o700)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.beside:
            self.beside.stop()
            self.beside = None
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def program(self, name, anybody=False):
        """The path of smtpd or pop3d, where the test's user can run it; or
        anybody."""
        path = BUILD / name / name
        if (self.user or anybody) and not reachable(path):
            copy = self.dir / "bin" / name
            if not copy.exists():
                copy.parent.mkdir(exist_ok=True)
                shutil.copy(path, copy)
                copy.chmod(0o755)
            return str(copy)
        return str(path)

    def command(self, name, *args):
        """The argument list for a program with this config."""
        return [self.program(name), "-c", str(self.conf), *map(str, args)]

    def environment(self):
        """A plain environment; what only sanitizers need is kept."""
        keep = {k: v for k, v in os.environ.items()
                if k.endswith("SAN_OPTIONS")}
        return dict(keep, PATH=os.environ["PATH"], HOME=str(self.dir),
                    LC_ALL="C.UTF-8", TMPDIR=str(self.dir))

    def as_user(self):
        """Popen's arguments for running as the test's user."""
        if not self.user:
            return {}
        return {"user": self.user.pw_uid, "group": self.user.pw_gid,
                "extra_groups": []}

    def popen(self, command, **settings):
        """Starts a program as the user of the test; ended with the folder."""
        settings.setdefault("env", self.environment())
        settings.setdefault("cwd", "/")
        process = subprocess.Popen(command, **self.as_user(), **settings)
        self.running.append(process)
        return process

    def call(self, name, *args, stdin="", config=True, seconds=60):
        """Runs smtpd or pop3d to its end; returns the CompletedProcess."""
        command = self.command(name, *args) if config else \
            [self.program(name), *map(str, args)]
        return subprocess.run(
            command, input=stdin, text=True, capture_output=True, cwd="/",
            timeout=seconds, env=self.environment(), **self.as_user())

    def passwd(self, user, password, *options):
        """Sets the password of a user with smtpd --passwd."""
        done = self.call("smtpd", "--passwd", user, *options,
                         stdin=password + "\n")
        if done.returncode != 0:
            raise AssertionError(f"--passwd {user}: exit status "
                                 f"{done.returncode}: {done.stderr}")

    def session(self, name="smtpd", *args, timeout=60.0):
        """One nowait session, its socket on fd 0 and 1: (Talker, Popen)."""
        ours, theirs = socket.socketpair()
        with open(self.dir / "session.log", "ab") as log:
            process = self.popen(self.command(name, *args), stdin=theirs,
                                 stdout=theirs, stderr=log)
        theirs.close()
        return Talker(ours, timeout), process

    def serve(self, name, *listen):
        """Starts a daemon with -l for each address; returns the Daemon."""
        args = [word for address in listen for word in ("-l", address)]
        daemon = Daemon(self, self.command(name, *args), len(listen), name)
        return daemon

    def connect(self, port, tls=None, timeout=60.0, name="mail.example.org",
                source="127.0.0.1"):
        """A Talker connected to a port, with TLS from the start if wanted."""
        sock = socket.create_connection(("127.0.0.1", port), timeout,
                                        (source, 0))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            sock = tls.wrap_socket(sock, server_hostname=name)
        return Talker(sock, timeout)

    def mailbox(self, user):
        """The path of a user's mailbox."""
        return self.mail / user

    def queue_files(self):
        """Every message in the queue, and whatever does not belong there."""
        found = []
        for path in sorted((self.dir / "queue").iterdir()):
            if path.is_dir():
                found += sorted(path.iterdir())
            elif path.name not in ("runner", "last-run", "next-run",
                                   "connections"):
                found.append(path)
        return found

    def run_queue(self, seconds=60):
        """Runs the queue until nothing is left in it."""
        def empty():
            if self.queue_files():
                self.call("smtpd", "-qf")
            return not self.queue_files()
        wait_for(empty, "the queue to be empty", seconds, 0.1)

    def notes(self):
        """The ends of all logs, and what could not be done before."""
        parts = []
        for log in sorted(self.dir.glob("*.log")):
            lines = log.read_text(errors="replace").splitlines()
            tail = [line for line in lines[:-12] if "cannot " in line][-4:]
            tail += lines[-12:]
            if tail:
                parts.append(f"--- {log.name}:\n" + "\n".join(tail))
        return "\n".join(parts)


class Instance(Scratch):
    """A Scratch with both daemons running."""

    smtpd = pop3d = None

    def __init__(self, config="", **settings):
        super().__init__(config, **settings)
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise

    def start(self):
        """Starts smtpd (mx, submission, submissions) and pop3d (both)."""
        any_port = "127.0.0.1:0"
        tls = self.pem.exists()
        self.smtpd = self.serve(
            "smtpd", any_port, any_port + "=submission",
            *([any_port + "/tls=submission"] if tls else []))
        self.pop3d = self.serve(
            "pop3d", any_port, *([any_port + "/tls"] if tls else []))
        self.smtp, self.submission, *more = self.smtpd.ports
        self.submissions = more[0] if more else None
        self.pop3, *more = self.pop3d.ports
        self.pop3s = more[0] if more else None

    def __exit__(self, *_):
        try:
            for daemon in (self.smtpd, self.pop3d):
                if daemon is not None:
                    daemon.stop()
        finally:
            super().__exit__()
