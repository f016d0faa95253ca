# SPDX-License-Identifier: ISC
"""Postfix's local(8), with a master and a queue of its own in the scratch.

It comes from Debian's package, unpacked below $RESTANTE_PEERS, since to
install it would start it. It needs root: local(8) becomes its recipient, who
here is the user that our programs run as.
"""
import os
import re
import shutil
import signal
import smtplib
import subprocess
from pathlib import Path

from . import proc
from .ports import free_port
from .scratch import AM_ROOT
from .tap import Skip, check
from .wait import wait_for
from .writers import Writer

OWNER, GROUP = "daemon", "games"    # accounts that every Debian has
FOLDERS = ("active", "bounce", "corrupt", "defer", "deferred", "flush",
           "hold", "incoming", "private", "saved", "trace", "pid", "public",
           "maildrop")
# qmgr is woken each second: a message that a slow client process of its own
# still has open goes back to incoming for a minute, and then waits for that.
SERVICES = ("cleanup unix n - n - 0 cleanup", "qmgr unix n - n 1 1 qmgr",
            "rewrite unix - - n - - trivial-rewrite",
            "bounce unix - - n - 0 bounce", "defer unix - - n - 0 bounce",
            "trace unix - - n - 0 bounce", "flush unix n - n 1000? 0 flush",
            "proxymap unix - - n - - proxymap", "error unix - - n - - error",
            "retry unix - - n - - error", "local unix - n n - - local",
            "anvil unix - - n - 1 anvil",
            "postlog unix-dgram n - n - 1 postlogd")


class Postfix(Writer):
    """Takes a message by SMTP and delivers it by local(8)."""

    name, package = "Postfix's local", "postfix"

    def prepare(self):
        if not AM_ROOT:
            raise Skip("Postfix needs root")
        self.program = self.find()
        self.top = self.scratch.dir / "postfix"
        for folder in ("etc", "data", *(f"queue/{f}" for f in FOLDERS)):
            (self.top / folder).mkdir(parents=True)
        self.port = free_port()
        library = self.program.parents[1]
        (self.top / "etc/main.cf").write_text(
            f"compatibility_level = 3.6\nqueue_directory = {self.top}/queue\n"
            f"data_directory = {self.top}/data\n"
            f"daemon_directory = {self.program.parent}\n"
            f"shlib_directory = {library}\nmeta_directory = {self.top}/etc\n"
            f"maillog_file = {self.top}/maillog\n"
            f"maillog_file_prefixes = {self.top}\n"
            "import_environment = LD_LIBRARY_PATH MAIL_CONFIG MAIL_LOGTAG\n"
            f"mail_owner = {OWNER}\nsetgid_group = {GROUP}\n"
            "myhostname = mail.example.org\nmydestination = example.org\n"
            "inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\n"
            "local_recipient_maps =\nalias_maps =\nalias_database =\n"
            f"forward_path =\nmail_spool_directory = {self.scratch.mail}\n"
            "mailbox_delivery_lock = fcntl, dotlock\nbiff = no\n"
            "mailbox_size_limit = 0\n"
            "disable_dns_lookups = yes\nsmtpd_peername_lookup = no\n"
            "smtpd_relay_restrictions = reject_unauth_destination\n"
            "minimal_backoff_time = 3s\nmaximal_backoff_time = 4s\n"
            "queue_run_delay = 1s\nin_flow_delay = 0\n"
            "local_destination_concurrency_limit = 3\n")
        (self.top / "etc/master.cf").write_text(
            f"127.0.0.1:{self.port} inet n - n - - smtpd\n"
            + "\n".join(SERVICES) + "\n")
        self.environ = dict(self.scratch.environment(),
                            LD_LIBRARY_PATH=str(library))

    @staticmethod
    def find():
        """The path of master."""
        root = os.environ.get("RESTANTE_PEERS")
        if root:
            path = Path(root, "postfix/usr/lib/postfix/sbin/master").resolve()
            if os.access(path, os.X_OK):
                return path
        raise Skip("master is not below $RESTANTE_PEERS/postfix")

    def start(self):
        """Starts master, once all belongs to whom it must."""
        os.chown(self.top, 0, 0)
        for path in (self.top / "etc", *(self.top / "etc").iterdir(),
                     self.top / "queue", self.top / "queue/pid"):
            os.chown(path, 0, 0)
        for path in [self.top / "data", *(self.top / "queue").iterdir()]:
            if path.name != "pid":
                shutil.chown(path, OWNER)
        for name, mode in (("public", 0o2710), ("maildrop", 0o1730)):
            shutil.chown(self.top / "queue" / name, OWNER, GROUP)
            (self.top / "queue" / name).chmod(mode)
        with open(self.scratch.dir / "postfix.log", "ab") as log:
            self.master = subprocess.Popen(
                [str(self.program), "-d", "-c", str(self.top / "etc")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=self.environ, cwd="/", start_new_session=True)
        wait_for(self.listening, "Postfix to listen")

    def listening(self):
        check(self.master.poll() is None, "Postfix has ended: " + self.log())
        return proc.listeners(self.port)

    def log(self):
        """What it has logged of trouble, first of all."""
        lines = []
        for path in (self.scratch.dir / "postfix.log", self.top / "maillog"):
            lines += path.read_text().splitlines() if path.exists() else []
        return "\n".join([line[:400] for line in lines if not
                          re.search(r"status=sent|connect from|postfix/(qmgr|"
                                    r"cleanup)|: client=|: removed", line)
                          ][:12])

    def deliver(self, _, data):
        """Its 250 means that it has queued the message, durably."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=120) as client:
            client.sendmail("carol@example.com",
                            [f"{self.user}@example.org"], data)
        return True

    def kill_all(self, then):
        """Not killed: a queue would deliver again what was delivered."""
        then()
        return []

    def queued(self):
        """The files of messages that it still has."""
        return [path for folder in ("active", "deferred", "incoming")
                for path in (self.top / "queue" / folder).rglob("*")
                if path.is_file()]

    def settle(self):
        """Waits until its queue is empty."""
        try:
            wait_for(lambda: not self.queued(), "Postfix to deliver", 180)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()}") from None

    def stop(self):
        """Ends it and what it has started."""
        started = proc.tree(self.master.pid)
        self.master.send_signal(signal.SIGTERM)
        self.master.wait(30)
        wait_for(lambda: not [p for p in started
                              if proc.status(p).get("State", "Z")[0] != "Z"],
                 "Postfix's processes to end")


class PostfixClient(Postfix):
    """Hands what it is given on to a submission server, after a login.

    Each recipient is sent by a transport of its own, which says how.
    """

    name = "Postfix"

    def relay(self, server, rows, user, password):
        """rows: {recipient: (port, mechanism, kind)}, before start()."""
        ports = {port for port, _, _ in rows.values()}
        logins = "".join(f"[127.0.0.1]:{port} {user}:{password}\n"
                         for port in ports)
        (self.top / "etc/logins").write_text(logins)
        with open(self.top / "etc/main.cf", "a", encoding="utf-8") as file:
            file.write(
                f"transport_maps = texthash:{self.top}/etc/transport\n"
                f"smtp_sasl_password_maps = texthash:{self.top}/etc/logins\n"
                "smtp_sasl_auth_enable = yes\n"
                "smtp_sasl_security_options = noanonymous\n"
                "smtp_host_lookup = native\nsmtp_dns_support_level =\n"
                f"smtp_tls_CAfile = {server.pem}\n")
        services, maps = "", ""
        for number, (rcpt, row) in enumerate(rows.items()):
            port, mechanism, kind = row
            level = "none" if kind == "clear" else "encrypt"
            services += (
                f"how{number} unix - - n - - smtp\n"
                f"  -o smtp_sasl_mechanism_filter={mechanism.lower()}\n"
                f"  -o smtp_tls_security_level={level}\n"
                "  -o smtp_tls_wrappermode="
                f"{'yes' if kind == 'TLS' else 'no'}\n")
            maps += f"{rcpt} how{number}:[127.0.0.1]:{port}\n"
        with open(self.top / "etc/master.cf", "a", encoding="utf-8") as file:
            file.write("tlsmgr unix - - n 1000? 1 tlsmgr\n" + services)
        (self.top / "etc/transport").write_text(maps)

    def submit(self, sender, rcpt, data, options=()):
        """Gives it a message."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=60) as client:
            client.sendmail(sender, [rcpt], data, list(options))
