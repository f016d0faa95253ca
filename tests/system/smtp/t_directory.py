# SPDX-License-Identifier: ISC
"""A directory of accounts that cannot be asked is not one that says no: mail
is put off and waits, nobody is bounced or told that a user does not exist, and
a login is no wrong password. One that does say no is believed."""
import errno
import os
import pwd
import subprocess
from pathlib import Path

from lib import mbox
from lib.no_directory import NoDirectory
from lib.scratch import AM_ROOT, Instance, tool
from lib.talk import b64, plain
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
USER = "nobody"         # a system account that is no test's own
ERRORS = ("EIO", "ENOENT", "EMFILE", "ESRCH", "ENOMEM", "ECONNREFUSED",
          "EAGAIN", "EINTR", "ERANGE", "EBADF", "EPERM", "ETIMEDOUT")


class Site(NoDirectory, Instance):
    """Both servers, whose directory of accounts a file can silence."""

    def __init__(self, config="", **settings):
        super().__init__(config, as_root=True, **settings)


def rcpt(site, user, prefix):
    """What is said to RCPT."""
    with site.connect(site.smtp) as talker:
        talker.hello()
        talker.expect("250 ", "MAIL FROM:<a@example.com>")
        talker.expect(prefix, f"RCPT TO:<{user}@example.org>")


def cases_rcpt(site):
    """Each error of the directory at RCPT"""
    for name in ERRORS:
        with tap.case(f"RCPT: {name}", site.notes):
            site.silence(getattr(errno, name))
            rcpt(site, USER, "451 4.3.0")
            rcpt(site, "no-such-user", "451 4.3.0")
            site.speak()
            rcpt(site, USER, "250 ")
    with tap.case("RCPT: a directory that says no is believed", site.notes):
        site.silence(0)
        rcpt(site, USER, "550 5.1.1")
        site.speak()
        rcpt(site, "no-such-user", "550 5.1.1")


def test_dot(site):
    """It dies between RCPT and the dot: the mail waits and is delivered"""
    site.mailbox(USER).unlink(missing_ok=True)
    with site.connect(site.smtp) as talker:
        talker.hello()
        talker.expect("250 ", "MAIL FROM:<a@example.com>")
        talker.expect("250 ", f"RCPT TO:<{USER}@example.org>")
        talker.expect("354 ", "DATA")
        site.silence(errno.ENOENT)
        talker.expect("250 ", "Subject: waits\r\n\r\nx\r\n.")
    check(site.queue_files(), "nothing waits")
    site.call("smtpd", "-qf")
    check(site.queue_files(), "nothing waits after a run")
    done = site.call("smtpd", "-bp")
    check("nobody" in done.stdout, done.stdout)
    site.speak()
    site.run_queue()
    equal(len(mbox.read(site.mailbox(USER))), 1, "messages")


def test_pop3(site):
    """A login is told to come again, and is no wrong password"""
    site.silence(errno.EIO)
    with site.connect(site.pop3) as talker:
        talker.pop("+OK")
        talker.pop("+OK", "USER " + USER)
        talker.pop("-ERR [SYS/TEMP]", "PASS x")
    site.speak()


def wrong_password(site, user, smtp, pop3):
    """What is said to a wrong password, by each protocol and mechanism."""
    with site.connect(site.submission) as talker:
        talker.hello()
        talker.expect(smtp, f"AUTH PLAIN {plain(user, 'x')}")
        talker.expect("334 ", "AUTH LOGIN")
        talker.expect("334 ", b64(user))
        talker.expect(smtp, b64("x"))
    with site.connect(site.pop3) as talker:
        talker.pop("+OK")
        talker.pop("+OK", "USER " + user)
        talker.pop(pop3, "PASS x")


def cases_passwords(site):
    """Passwords that cannot be looked up, of users who are there or not"""
    silent = site.dir / "silent.shadow"
    for name in ERRORS:
        with tap.case(f"a password: {name}", site.notes):
            silent.write_text(str(getattr(errno, name)))
            for user in (USER, "no-such-user"):
                wrong_password(site, user, "454 4.7.0", "-ERR [SYS/TEMP]")
            silent.unlink()
    with tap.case("a password: none is none", site.notes):
        silent.write_text("0")
        wrong_password(site, USER, "535 5.7.8", "-ERR [AUTH]")
        silent.unlink()


def test_command(site):
    """A script's mail fails for now: its sender is not made up"""
    site.silence(errno.EIO)
    done = site.call("smtpd", "alice@example.com", stdin="Subject: x\n\nx\n")
    equal(done.returncode, 75, done.stderr)
    site.speak()


def test_users_file():
    """With a users file the owner of a mailbox is asked for, and mail waits"""
    if not AM_ROOT:
        raise Skip("needs root")
    with Site(users=True) as site:
        site.silence(errno.ENOENT)
        with site.connect(site.smtp) as talker:
            talker.hello()
            talker.submit("a@example.com", ["bob@example.org"],
                          "Subject: x\r\n\r\nx\r\n")
        check(not site.mailbox("bob").exists(), "delivered")
        check(site.queue_files(), "nothing waits")
        site.speak()
        site.run_queue()
        equal(site.mailbox("bob").stat().st_uid, pwd.getpwnam("mail").pw_uid,
              "the owner")


def test_server_asks_nobody():
    """The server that accepts looks no user up, however long the file is"""
    if not AM_ROOT or not tool("strace"):
        raise Skip("needs root and strace")
    with Site() as site:
        lines = "".join(f"user{n}:x\n" for n in range(500))
        out = site.dir / "trace"
        process = subprocess.Popen(
            [tool("strace"), "-qq", "-e", "trace=openat,connect", "-o", out,
             "-p", str(site.smtpd.pid)], stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: "TracerPid:\t0" not in Path(
                f"/proc/{site.smtpd.pid}/status").read_text(), "strace")
            with open(site.users, "a", encoding="ascii") as users:
                users.write(lines)
            rcpt(site, "user77", "250 ")
        finally:
            process.terminate()
            process.wait()
        text = out.read_text()
        check(str(site.users) in text, "the users file was not read again")
        check("/etc/passwd" not in text and "nsswitch" not in text,
              text[-600:])


def main():
    """All need root: as an ordinary user nobody is looked up."""
    if not AM_ROOT:
        tap.skip("directories of accounts", "needs root")
        tap.finish()
        return
    os.umask(0o022)
    with Site("users system", users=False) as site:
        for name, function in list(globals().items()):
            if name.startswith(("test_dot", "test_pop3", "test_command")):
                with tap.case(function.__doc__, site.notes):
                    function(site)
        cases_rcpt(site)
        cases_passwords(site)
    for function in (test_users_file, test_server_asks_nobody):
        with tap.case(function.__doc__):
            function()
    tap.finish()


if __name__ == "__main__":
    main()
