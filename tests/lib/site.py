# SPDX-License-Identifier: ISC
"""Mail servers that send mail to each other, and look at their queues.

A Site is an Instance with a loopback address, a host name and a domain of its
own. All Sites of a test share one port, so that "route * mx:PORT" finds every
one of them by the addresses that the name server gives.
"""
import json
import os
import signal
import socket

from . import mbox, proc
from .scratch import ALICE, Instance, make_certificate
from .talk import Talker, stuff
from .tap import equal
from .wait import wait_for


class Queue:
    """What people and timers do with the queue of a Scratch."""

    smtpd = pop3d = None

    def flush(self, *args, status=0, seconds=120):
        """Runs smtpd -q (or with these arguments) to its end."""
        done = self.call("smtpd", *(args or ("-q",)), seconds=seconds)
        equal(done.returncode, status,
              f"smtpd {args}: {done.stdout}{done.stderr}\n{self.notes()}")
        with open(self.dir / "runner.log", "a", encoding="utf-8") as log:
            log.write(done.stderr)
        return done.stderr

    def mailq(self):
        """The queue, one dictionary for each message."""
        done = self.call("smtpd", "-bp", "-j")
        equal(done.returncode, 0, f"mailq: {done.stdout}{done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def mailq_text(self):
        """The queue as people see it."""
        return self.call("smtpd", "-bp").stdout

    def queued(self):
        """How many messages are in the queue: files, and no program asked."""
        folder = self.dir / "queue"
        return sum(len([p for p in (folder / place).iterdir()
                        if not p.name.startswith(".")])
                   for place in ("active", "deferred", "hold", "corrupt")
                   if (folder / place).is_dir())

    def waits_with(self, text, count=1):
        """Waits until so many messages are deferred, each for that reason;
        returns them."""
        def there():
            found = self.mailq()
            replies = [r.get("reply") or "" for m in found
                       for r in m["recipients"] if r["state"] == "waiting"]
            return len(found) == count and replies and all(
                text.lower() in reply.lower() for reply in replies) and found
        try:
            return wait_for(there, f"{count} messages with {text!r}", 60, 0.1)
        except AssertionError as error:
            raise AssertionError(f"{error}; there is {self.mailq()}\n"
                                 + self.notes()) from None

    def wait_empty(self, seconds=60):
        """Waits until every message has left."""
        try:
            wait_for(lambda: self.queued() == 0, "an empty queue", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.mailq()}\n"
                                 + self.notes()) from None

    def wait_mail(self, user, count=1, seconds=60):
        """Waits for so many messages in a mailbox; returns them."""
        path = self.mailbox(user)

        def there():
            try:
                box = mbox.read(path)
            except (AssertionError, OSError):
                return None     # just being written, or not there yet
            return len(box) >= count and box
        try:
            box = wait_for(there, f"{count} messages for {user}", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; the queue: {self.mailq()}\n"
                                 + self.notes()) from None
        equal(len(box), count, f"messages for {user}")
        return box

    def settled(self):
        """Ends what is left over of a test."""
        self.end_runners()
        self.call("smtpd", "--remove", "all")
        for path in self.mail.iterdir():
            path.unlink()

    def end_runners(self, kill=signal.SIGTERM):
        """Ends runners of the queue, which have read an older config."""
        servers = [d.pid for d in (self.smtpd, self.pop3d) if d is not None]

        def left(number=0):
            pids = [pid for pid in proc.named(str(self.conf))
                    if pid not in servers]
            for pid in pids:
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    pass
            return pids
        left(kill)
        wait_for(lambda: not left(), "the runners to end", 60)

    def hand(self, path, mode=0o644):
        """The user of the programs owns that file."""
        if self.user:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)
        path.chmod(mode)


class Site(Queue, Instance):
    """See above."""

    def __init__(self, number, host, domain, config="", port=None, **settings):
        self.address = f"127.0.0.{number}"
        self.host, self.domain, self.port = host, domain, port
        super().__init__(config, **settings)

    def configure(self, extra="", tls=True):
        """Its own names, and a certificate for them."""
        if tls and not self.conf.exists():
            make_certificate(self.pem, self.host)
        super().configure(f"hostname {self.host}\ndomains {self.domain}\n"
                          + extra, tls)

    def change(self, extra):
        """Another config from now on."""
        self.configure(extra, self.pem.exists())
        self.hand(self.conf)
        if self.smtpd is not None:
            self.smtpd.stop()
            self.smtpd = None
            self.end_runners()
            self.start()

    def start(self):
        """As an Instance's, but on the address of the site."""
        tls = self.pem.exists()
        any_port = f"{self.address}:0"
        self.smtpd = self.serve(
            "smtpd", f"{self.address}:{self.port or 0}",
            any_port + "=submission",
            *([any_port + "/tls=submission"] if tls else []))
        self.smtp, self.submission, *more = self.smtpd.ports
        self.submissions = more[0] if more else None

    def __exit__(self, *_):
        """An agent may still wait for a next hop that is gone."""
        try:
            if self.smtpd is not None:
                self.smtpd.stop()
            self.end_runners(signal.SIGKILL)
        finally:
            super().__exit__()

    def talk(self, port=None):
        """A Talker connected to its mx, or another port."""
        sock = socket.create_connection((self.address, port or self.smtp), 60)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Talker(sock)

    def send(self, sender, recipients, data, mail="", rcpt=""):
        """Submits a message as alice; mail, rcpt: parameters after it."""
        if isinstance(data, str):
            data = data.encode()
        with self.talk(self.submission) as talker:
            talker.hello()
            talker.login(*ALICE)
            talker.expect("250 ", f"MAIL FROM:<{sender}>{mail}")
            for recipient in recipients:
                talker.expect("25", f"RCPT TO:<{recipient}>{rcpt}")
            talker.expect("354 ", "DATA")
            talker.send(stuff(data) + b".\r\n")
            return talker.expect("250 2.0.0")
