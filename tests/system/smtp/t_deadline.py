# SPDX-License-Identifier: ISC
"""Deadlines that the server keeps for its children: who hangs, or is stopped by
a user who has its uid, holds nothing up. Its session hears of trouble that
passes, nothing is lost, and the log says once where to look. The clock of the
programs goes faster than ours, see lib/fast_clock.py."""
import fcntl
import os
import re
import signal
from pathlib import Path

from lib import hostile, mbox, proc
from lib.fast_clock import FastClock
from lib.player import PASSWORDS
from lib.scratch import Instance, client_context
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
SPEED = 50
CROWD = 40
SESSION = r"(?:/smtpd|pop3d)\[(\d+)\]: (?:connect from|Connection)"
STOPPED = "was stopped, and is killed"
LATE = "is too late, and is killed: see "
HANG = "\twhile (access(\"{}\", F_OK) == 0) {{\n\t\tpause();\n\t}}\n"
# What hangs, as at a disk or a directory that does not answer.
WORKERS = {
    "smtpd": {
        "smtpd/worker/delivery.c": "delivery_run(const struct task *task)\n{\n",
        "smtpd/worker/rcpt.c": "rcpt_run(const struct task *task)\n{\n",
        "common/login/login.c": "login_run(const struct task *task)\n{\n",
    },
    "pop3d": {
        "common/login/login.c": "login_run(const struct task *task)\n{\n",
    },
}
INCLUDE = "#include <string.h>\n"
CHECKS_RCPT = "quota 1000000\n"


class Hanging(FastClock, Instance):
    """Servers whose workers hang while there is a file "hang"."""

    def __init__(self):
        self.ready = False
        super().__init__(CHECKS_RCPT)

    def start(self):
        """Builds what hangs, and starts it."""
        self.hang = self.dir / "hang"
        for name, edits in WORKERS.items():
            folder = self.dir / f"hanging-{name}"
            folder.mkdir()
            hostile.build(folder, name, {
                source: [(begin, begin + HANG.format(self.hang)),
                         (INCLUDE, INCLUDE + "#include <unistd.h>\n")]
                for source, begin in edits.items()})
        self.library()
        self.own()
        self.ready = True
        super().start()

    def program(self, name):
        path = self.dir / f"hanging-{name}" / name
        return str(path) if self.ready else super().program(name)

    def environment(self):
        if not self.ready:
            return super().environment()
        self.ready = False      # fast_environment() asks here, too
        try:
            return dict(self.fast_environment(SPEED), CLOCK_COARSE="1")
        finally:
            self.ready = True


def once(daemon, words):
    """These words are in the log, once."""
    wait_for(lambda: words in daemon.text(), words)
    found = [line for line in daemon.text().splitlines() if words in line]
    equal(len(found), 1, f"lines of {found}")


def text_of(subject):
    """A message."""
    return f"Subject: {subject}\r\n\r\nx\r\n"


def begin(talker, user="bob"):
    """Envelope and go-ahead of a message."""
    talker.expect("250 ", "MAIL FROM:<a@example.com>")
    talker.expect("250 ", f"RCPT TO:<{user}@example.org>")
    talker.expect("354 ", "DATA")


def subjects(server, user):
    """Those of a user's mail."""
    return [re.match(rb"Subject: (\S+)", m.sent).group(1).decode()
            for m in mbox.read(server.mailbox(user))]


# ---- who hangs ----

def hung_delivery(server):
    """A delivery that hangs is killed; 451, and the next one is made"""
    with server.connect(server.smtp) as talker:
        talker.hello()
        begin(talker)
        server.hang.touch()
        talker.send(text_of("first") + ".\r\n")
        talker.expect("451 ")
        server.hang.unlink()
        begin(talker)
        talker.send(text_of("second") + ".\r\n")
        talker.expect("250 ")
    equal(subjects(server, "bob"), ["second"], "bob's mail")
    once(server.smtpd, f"for DELIVER {LATE}the disk and the locks of the")
    check("signal 9" not in server.smtpd.text(), "it is logged twice")


def hung_recipient(server):
    """A look at a quota that hangs is killed: what counts is the delivery"""
    with server.connect(server.smtp) as talker:
        talker.hello()
        talker.expect("250 ", "MAIL FROM:<a@example.com>")
        server.hang.touch()
        talker.expect("250 ", "RCPT TO:<bob@example.org>")
    once(server.smtpd, f"for RCPT {LATE}NSS")


def hung_login(server):
    """A check of a password that hangs is killed, and no wrong password"""
    with server.connect(server.submission) as talker:
        talker.hello()
        server.hang.touch()
        talker.expect("454 ", "AUTH PLAIN AGFsaWNlAHdyb25n")
        server.hang.unlink()
        talker.login("bob", PASSWORDS["bob"])
    once(server.smtpd, f"for LOGIN {LATE}the users file")
    with server.connect(server.pop3) as talker:
        talker.pop("+OK")
        server.hang.touch()
        talker.pop("+OK", "USER bob")
        talker.pop("-ERR [SYS/TEMP]", "PASS " + PASSWORDS["bob"])
        server.hang.unlink()
        talker.pop("+OK", "USER bob")
        talker.pop("+OK", "PASS " + PASSWORDS["bob"])
    once(server.pop3d, f"for LOGIN {LATE}the users file")


def hangs():
    """Each kind of worker."""
    server = None
    with tap.case("builds that hang"):
        server = Hanging()
    if server is None:
        return
    with server:
        for check_it in (hung_delivery, hung_recipient, hung_login):
            with tap.case(check_it.__doc__):
                server.hang.unlink(missing_ok=True)
                check_it(server)
        with tap.case("and no process is left"):
            for daemon in (server.smtpd, server.pop3d):
                wait_for(lambda d=daemon: not proc.children(d.pid),
                         "the children's end")


# ---- who is stopped ----

class Locked:
    """A user's mailbox, locked as mail readers do."""

    def __init__(self, server, user):
        box = server.mailbox(user)
        if not box.exists():
            box.touch(0o600)
            if server.user:
                os.chown(box, server.user.pw_uid, server.user.pw_gid)
        self.file = open(box, "r+b")
        fcntl.lockf(self.file, fcntl.LOCK_EX)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()


TAKEN = re.compile(r"qmgr\[(\d+)\]: .*\(delivered at once\)")


def deliver_to_alice(server, talker):
    """A message to alice; the worker that delivers it."""
    begin(talker, "alice")
    before = len(TAKEN.findall(server.smtpd.text()))
    talker.send(text_of("stopped") + ".\r\n")
    return int(wait_for(lambda: TAKEN.findall(server.smtpd.text())[before:],
                        "a worker")[0])


def stop_delivery(server, talker):
    """The same; alice stops the worker."""
    worker = deliver_to_alice(server, talker)
    os.kill(worker, signal.SIGSTOP)
    return worker


def test_stopped_delivery(server):
    """Who stops the process that delivers to them, gets no mail by it, and
    the message is the sender's still"""
    with server.connect(server.smtp) as talker, Locked(server, "alice"):
        talker.hello()
        worker = stop_delivery(server, talker)
        talker.expect("451 ")
        check(not Path(f"/proc/{worker}").exists(), "it is there still")
        begin(talker)
        talker.send(text_of("polite") + ".\r\n")
        talker.expect("250 ")
    equal(subjects(server, "alice"), [], "alice's mail")
    check("polite" in subjects(server, "bob"), "bob's mail")
    wait_for(lambda: f"process {worker} {STOPPED}" in server.smtpd.text(),
             "a line in the log")


def test_stopped_crowd(server):
    """A user stops one delivery after the other, and nobody else waits"""
    server.mailbox("bob").unlink(missing_ok=True)
    talkers = [server.connect(server.smtp) for _ in range(CROWD)]
    for talker in talkers:
        talker.hello()
    with Locked(server, "alice"):
        for talker in talkers:
            stop_delivery(server, talker)
        with server.connect(server.smtp) as talker:
            talker.hello()
            talker.submit("a@example.com", ["bob@example.org"],
                          text_of("between"))
        equal(subjects(server, "bob"), ["between"], "bob's mail")
        for talker in talkers:
            talker.expect("451 ")
            talker.close()
    wait_for(lambda: not proc.children(server.smtpd.pid), "all to end")


def test_stopped_mailbox(server):
    """A mailbox process that its user stops is gone, and its client"""
    for port, context in ((server.pop3, None),
                          (server.pop3s, client_context())):
        with server.connect(port, context) as talker:
            talker.pop_login("alice", PASSWORDS["alice"])
            count = 2 if context else 1     # under TLS the session pumps
            pids = wait_for(lambda n=count: len(proc.children(
                server.pop3d.pid)) == n and
                proc.children(server.pop3d.pid), "the mailbox process")
            os.kill(pids[-1], signal.SIGSTOP)
            talker.closed()
        wait_for(lambda: not proc.children(server.pop3d.pid), "its end")
    with server.connect(server.pop3) as talker:
        talker.pop_login("alice", PASSWORDS["alice"])
        talker.pop("+OK", "QUIT")


def test_stopped_session(server):
    """A session that is stopped is gone, with its client"""
    for port, daemon in ((server.smtp, server.smtpd),
                         (server.pop3, server.pop3d)):
        with server.connect(port) as talker:
            talker.pop(("220 ", "+OK"))
            pid = int(wait_for(lambda d=daemon: re.findall(
                SESSION, d.text()), "the session")[-1])
            os.kill(pid, signal.SIGSTOP)
            talker.closed()
        wait_for(lambda d=daemon: not proc.children(d.pid), "its end")


def test_not_stopped(server):
    """A process that goes on stays: other signals of its user end nothing"""
    with server.connect(server.smtp) as talker, Locked(server, "alice"):
        talker.hello()
        worker = deliver_to_alice(server, talker)
        os.kill(worker, signal.SIGCONT)
        os.kill(worker, signal.SIGTERM)
        check(talker.quiet(), "an answer")
        check(Path(f"/proc/{worker}").exists(), "it is gone")


if __name__ == "__main__":
    with Instance() as fixture:
        tap.run(globals(), fixture)
    hangs()
    tap.finish()
