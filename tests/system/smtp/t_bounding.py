# SPDX-License-Identifier: ISC
"""The capability bounding set of each kind of process, started as root: empty
where no program is ever started, and else what the server has."""
import fcntl
import os

from lib import proc
from lib.player import PASSWORDS
from lib.scratch import AM_ROOT, Instance, client_context
from lib.tap import Tap, check
from lib.wait import wait_for

tap = Tap()


def bounds(pid):
    """The bounding set of a process; None if it has ended."""
    text = proc.status(pid).get("CapBnd")
    return None if text is None else int(text, 16)


def kind(name, pids, empty, count=1):
    """One row of the table: so many processes, with that set."""
    with tap.case(f"{name}: {'none' if empty else 'as the server'}"):
        wanted = 0 if empty else bounds(os.getpid())

        # One that was forked just now has still what its parent has.
        def all_have_it():
            found = [bounds(pid) for pid in pids()]
            return len(found) >= count and set(found) == {wanted}

        wait_for(all_have_it, f"{count} processes that have {wanted:#x}")


def owned_by(pid, uid):
    """The descendants of a process that run as somebody."""
    return [p for p in proc.tree(pid)
            if proc.status(p).get("Uid", "").split()[:1] == [str(uid)]]


def cases_idle(server):
    """Those that wait"""
    for name, daemon, port, context in (
            ("smtp", server.smtpd, server.smtp, None),
            ("submissions", server.smtpd, server.submissions,
             client_context()),
            ("pop3", server.pop3d, server.pop3, None),
            ("pop3s", server.pop3d, server.pop3s, client_context())):
        with server.connect(port, context) as talker:
            talker.pop(("220 ", "+OK"))
            kind(f"a session, {name}",
                 lambda d=daemon: proc.children(d.pid), True)
        wait_for(lambda d=daemon: not proc.children(d.pid), "its end")
    for daemon in (server.smtpd, server.pop3d):
        kind("a keeper", lambda d=daemon: proc.keepers(d.pid), True)
        kind("a server", lambda d=daemon: [d.pid], False)


def cases_mailbox(server):
    """The process of a mailbox, and the pump in front of it"""
    for name, port, context, count in (
            ("a mailbox process", server.pop3, None, 1),
            ("a mailbox process and its pump", server.pop3s,
             client_context(), 2)):
        with server.connect(port, context) as talker:
            talker.pop_login("bob", PASSWORDS["bob"])
            talker.pop("+OK", "NOOP")
            wait_for(lambda n=count: len(proc.tree(server.pop3d.pid)) == n,
                     f"{count} processes")
            kind(name, lambda: proc.tree(server.pop3d.pid), True, count)
            talker.pop("+OK", "QUIT")
        wait_for(lambda: not proc.children(server.pop3d.pid), "its end")


def cases_deliveries(server):
    """Deliveries that wait for a lock: by a worker, and by its processes"""
    uid = server.mailbox("bob").stat().st_uid
    check(uid != 0, "the mailbox is root's")
    for name, users in (("a worker that delivers", ("bob",)),
                        ("the processes of one", ("alice", "bob"))):
        files = [open(server.mailbox(user), "r+b") for user in users]
        for file in files:
            fcntl.lockf(file, fcntl.LOCK_EX)
        with server.connect(server.smtp) as talker:
            talker.hello()
            talker.expect("250 ", "MAIL FROM:<a@example.com>")
            for user in users:
                talker.expect("250 ", f"RCPT TO:<{user}@example.org>")
            talker.expect("354 ", "DATA")
            talker.send("Subject: x\r\n\r\nx\r\n.\r\n")
            kind(name, lambda: owned_by(server.smtpd.pid, uid), True,
                 len(users))
            for file in files:
                file.close()
            talker.expect("250 ")
        wait_for(lambda: not proc.children(server.smtpd.pid), "their end")


if __name__ == "__main__":
    if not AM_ROOT:
        tap.skip("bounding sets", "needs root")
        tap.finish()
    else:
        with Instance(as_root=True) as fixture:
            with fixture.connect(fixture.smtp) as first:
                first.hello()
                first.submit("a@example.com", ["alice@example.org",
                                               "bob@example.org"],
                             "Subject: first\r\n\r\nx\r\n")
            wait_for(lambda: not proc.children(fixture.smtpd.pid), "its end")
            tap.run({k: v for k, v in globals().items()
                     if k.startswith("cases_")}, fixture)
        tap.finish()
