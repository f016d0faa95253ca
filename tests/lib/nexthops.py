# SPDX-License-Identifier: ISC
"""Servers that others wrote, as next hops of mail: each in a folder of its
own on free loopback ports, from Debian's packages, installed or not.

Exim and Dovecot look for an account or for programs in places that only an
installation fills: they get them in a mount namespace, which needs root, and
run as an ordinary user in it.
"""
import grp
import os
import pwd
import re
import signal
import subprocess
from pathlib import Path

from . import dovecot, mbox, proc
from .ports import free_port
from .namespace import COMMAND as UNSHARE
from .postfix import Postfix
from .scratch import AM_ROOT, make_certificate, reachable
from .tap import Skip, check
from .wait import wait_for


class Server:
    """A process that listens on self.port, and its folder self.top."""

    name = package = ""

    def __init__(self, scratch):
        self.scratch = scratch
        self.top = scratch.dir / self.name
        self.top.mkdir()
        self.prepare()
        for attempt in range(5):
            self.port = free_port()
            self.configure()
            scratch.own()
            try:
                self.start()
                return
            except AssertionError:
                self.__exit__()
                if attempt == 4:
                    raise

    def prepare(self):
        """Finds the program; raises Skip if it is absent."""

    def configure(self):
        """Writes its files for self.port."""

    def command(self):
        """The argument list."""
        raise NotImplementedError

    def identity(self):
        """Popen's arguments for the user that it is started as."""
        return self.scratch.as_user()

    def start(self):
        """Until it listens."""
        with open(self.scratch.dir / f"{self.name}.log", "ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, cwd="/", env=self.scratch.environment(),
                start_new_session=True, **self.identity())
        wait_for(self.listening, f"{self.name} to listen")

    def listening(self):
        check(self.process.poll() is None, f"{self.name} has ended\n"
              + self.scratch.notes())
        return proc.listeners(self.port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Ends it, and whatever of it is still there."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


def peer(package, path):
    """The unpacked or installed file, which any user can run."""
    places = [Path("/")]
    if os.environ.get("RESTANTE_PEERS"):
        places.insert(0, Path(os.environ["RESTANTE_PEERS"], package))
    for place in places:
        found = (place / path).resolve()
        if os.access(found, os.X_OK):
            if AM_ROOT and not reachable(found):
                raise Skip(f"{found} cannot be run by an ordinary user")
            return found
    raise Skip(f"{path} is not there (Debian package {package})")


class SmtpSink(Server):
    """Postfix's smtp-sink: takes everything; each message is a file."""

    name, package = "smtp-sink", "postfix"
    options = ()

    def prepare(self):
        self.program = peer("postfix", "usr/sbin/smtp-sink")
        self.dumps = self.top / "dumps"
        self.dumps.mkdir()
        library = self.program.parents[1] / "lib/postfix"
        self.library = str(library) if library.is_dir() else ""

    def command(self):
        return ["env", f"LD_LIBRARY_PATH={self.library}", str(self.program),
                *self.options, "-d", f"{self.dumps}/%M%S.",
                f"127.0.0.1:{self.port}", "200"]

    def messages(self):
        """The texts, in wire form, as far as they are whole."""
        found = []
        for path in sorted(self.dumps.iterdir()):
            text = path.read_bytes()
            if text.endswith(b"\n\n"):
                found.append(text.replace(b"\r\n", b"\n")
                             .replace(b"\n", b"\r\n"))
        return found


class InNamespace(Server):
    """One that must find what is not installed."""

    def prepare(self):
        if not AM_ROOT:
            raise Skip(f"{self.name} needs root, for a mount namespace")
        probe = subprocess.run([*UNSHARE, "sh", "-c", "mount -t tmpfs x /mnt"],
                               capture_output=True, check=False)
        if probe.returncode != 0:
            raise Skip("no right to a mount namespace")
        self.account = pwd.getpwnam("nobody")

    def identity(self):
        return {}

    def inside(self, mounts, *command):
        """The argument list for that, as an ordinary user."""
        ids = [str(self.account.pw_uid), str(self.account.pw_gid)]
        return [*UNSHARE, "sh", "-c", mounts + ' && exec "$@"', "sh",
                "setpriv", "--reuid", ids[0], "--regid", ids[1],
                "--clear-groups", *map(str, command)]


EXIM = """
exim_path = {program}
keep_environment =
primary_hostname = exim.test
spool_directory = {top}/spool
log_file_path = {top}/log/%slog
pid_file_path = {top}/pid
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_max = 50
chunking_advertise_hosts = *
dsn_advertise_hosts = *
tls_advertise_hosts = *
tls_certificate = {top}/pem
acl_smtp_rcpt = rcpt
begin acl
rcpt:
  deny   local_parts = nosuch
         message = 550 5.1.1 There is no such user
  defer  local_parts = later
         message = 451 4.2.0 Come back later
  accept domains = exim.test
  deny   message = relay not permitted
begin routers
all:
  driver = accept
  transport = box
begin transports
box:
  driver = appendfile
  file = {top}/mail/box
  use_fcntl_lock = true
  envelope_to_add
  return_path_add
"""


class Exim(InNamespace):
    """Exim for the domain exim.test: all mail goes into one mailbox. The user
    nosuch is refused, the user later deferred."""

    name, package = "exim", "exim4-daemon-light"

    def prepare(self):
        super().prepare()
        self.program = peer(self.package, "usr/sbin/exim4")
        for folder in ("spool", "log", "mail"):
            (self.top / folder).mkdir()
        make_certificate(self.top / "pem", "exim.test")
        uid, gid = self.account.pw_uid, self.account.pw_gid
        (self.top / "passwd").write_text(
            Path("/etc/passwd").read_text()
            + f"Debian-exim:x:{uid}:{gid}::/nonexistent:/bin/false\n")
        (self.top / "group").write_text(
            Path("/etc/group").read_text() + f"Debian-exim:x:{gid}:\n")

    def configure(self):
        (self.top / "conf").write_text(EXIM.format(
            program=self.program, top=self.top, port=self.port))

    def command(self):
        return self.inside(
            f"mount --bind {self.top}/passwd /etc/passwd && "
            f"mount --bind {self.top}/group /etc/group",
            self.program, "-C", self.top / "conf", "-bdf")

    def messages(self):
        """What it has delivered."""
        try:
            return [m.wire for m in mbox.read(self.top / "mail/box")]
        except (OSError, AssertionError):
            return []

    def log(self):
        """Its main log."""
        path = self.top / "log/mainlog"
        return path.read_text() if path.exists() else ""


DOVECOT = """{storage}
protocols = lmtp
listen = 127.0.0.1
base_dir = {top}/run
state_dir = {top}/state
log_path = {top}/log
ssl = no
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
mbox_write_locks = fcntl
first_valid_uid = 1
first_valid_gid = 1
postmaster_address = postmaster@lmtp.test
hostname = lmtp.test
service lmtp {{
  chroot =
  user = {user}
  unix_listener lmtp {{
    mode = 0666
  }}
  inet_listener lmtp {{
    port = {port}
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""
# Where users are, and mail, in the words of each version.
USERS = """passdb {{
  driver = passwd-file
  args = {top}/users
}}
userdb {{
  driver = passwd-file
  args = {top}/users
}}
"""
USERS_2_4 = """passdb passwd-file {{
  passwd_file_path = {top}/users
}}
userdb passwd-file {{
  passwd_file_path = {top}/users
}}
"""
STORAGE = """mail_location = mbox:{top}/home/%n:INBOX={top}/mail/%n
auth_username_format = %Ln
""" + USERS
STORAGE_2_4 = """dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
mail_driver = mbox
mail_path = {top}/home/%{{user | username}}
mail_inbox_path = {top}/mail/%{{user | username}}
auth_username_format = %{{user | username | lower}}
""" + USERS_2_4


class DovecotLmtp(InNamespace):
    """Dovecot's lmtp with the users joe and ann, on a port and a socket."""

    name, package = "dovecot-lmtp", "dovecot-lmtpd"

    def prepare(self):
        super().prepare()
        lower = []
        for package, path in (("dovecot-core", "usr/sbin/dovecot"),
                              (self.package, "usr/lib/dovecot/lmtp")):
            program = peer(package, path)
            top = program.parents[len(Path(path).parts) - 2]
            if top != Path("/usr"):
                lower.append(str(top))
        self.lower = ":".join([*lower, "/usr"])
        for folder in ("run", "state", "mail", "home"):
            (self.top / folder).mkdir()
        uid, gid = self.account.pw_uid, self.account.pw_gid
        (self.top / "users").write_text("".join(
            f"{user}:{{PLAIN}}x:{uid}:{gid}::{self.top}/home/{user}\n"
            for user in ("joe", "ann")))
        self.socket = self.top / "run/lmtp"

    def configure(self):
        storage = STORAGE if dovecot.version() < (2, 4) else STORAGE_2_4
        (self.top / "conf").write_text(DOVECOT.format(
            storage=storage.format(top=self.top), top=self.top,
            port=self.port, user=self.account.pw_name, group=self.group()))

    def group(self):
        """The name of its user's group."""
        return grp.getgrgid(self.account.pw_gid).gr_name

    def command(self):
        return self.inside(
            f"mount -t overlay -o lowerdir={self.lower} usr /usr",
            "/usr/sbin/dovecot", "-F", "-c", self.top / "conf")

    def listening(self):
        return super().listening() and self.socket.exists()

    def messages(self, user):
        """What lies in a user's mailbox."""
        try:
            return [m.wire for m in mbox.read(self.top / "mail" / user)]
        except (OSError, AssertionError):
            return []


class PostfixHop(Postfix):
    """A real Postfix for the domain example.org; its user is "nobody"."""

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()


def text_of(wire, ident):
    """The part of a message from its X-Ledger field on, without what servers
    add at its end."""
    at = re.search(rb"^X-Ledger: " + ident.encode() + rb"\r\n", wire, re.M)
    return wire[at.start():].rstrip(b"\r\n") if at else b""
