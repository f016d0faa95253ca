# SPDX-License-Identifier: ISC
"""A mailbox locked by another program: wait, then say so, and lose nothing.

Each kind of lock is held for good and for a moment. The waits (5 s for a
delivery, 20 s for a login) are the program's own; all cases run at once. A
client has no more patience than 20 s, as many have, and sends again after that.
"""
import fcntl
import os
import subprocess
import threading

from lib import mbox
from lib.player import PASSWORDS
from lib.scratch import Instance
from lib.tap import Tap, check, equal

tap = Tap()
KEPT = b"From a@x Mon Jan  6 10:00:00 2025\nSubject: kept\n\nkept\n\n"


def hold_fcntl(path):
    """Locks the whole file as mail readers do; returns what lets go."""
    file = open(path, "r+b")
    fcntl.lockf(file, fcntl.LOCK_EX)
    return file.close


def hold_tail(path):
    """Locks from the end of the file on, as procmail does."""
    file = open(path, "r+b")
    fcntl.lockf(file, fcntl.LOCK_EX, 0, os.fstat(file.fileno()).st_size)
    return file.close


def hold_dotlock(path):
    """Makes PATH.lock with the pid of a living process."""
    lock = path.with_name(path.name + ".lock")
    lock.write_text(f"{os.getpid()}\n")
    return lock.unlink


LOCKS = {"fcntl": hold_fcntl, "fcntl on the tail": hold_tail,
         "dotlock": hold_dotlock}


def give_up(server, user, hold):
    """A lock that stays: the queue takes the message, and delivers it."""
    release = hold(server.mailbox(user))
    try:
        with server.connect(server.smtp, timeout=20) as talker:
            talker.hello()
            talker.expect("250 ", "MAIL FROM:<carol@example.com>")
            talker.expect("250 ", f"RCPT TO:<{user}@example.org>")
            talker.expect("354 ", "DATA")
            talker.send("Subject: late\r\n\r\nx\r\n.\r\n")
            talker.expect("250 2.0.0 Queued")
            equal(server.mailbox(user).read_bytes(), KEPT, "the mailbox")
            talker.expect("250 ", "NOOP")
            if hold is hold_dotlock:
                lock = server.mail / f"{user}.lock"
                equal(lock.read_text(), f"{os.getpid()}\n", "their dotlock")
    finally:
        release()
    server.run_queue()
    equal(len(mbox.read(server.mailbox(user))), 2, "messages")


def give_up_login(server, user, hold):
    """The same for a POP3 login."""
    release = hold(server.mailbox(user))
    try:
        with server.connect(server.pop3, timeout=120) as talker:
            talker.pop("+OK")
            talker.pop("+OK", "USER " + user)
            talker.pop("-ERR [IN-USE]", "PASS " + PASSWORDS["bob"])
    finally:
        release()
    with server.connect(server.pop3) as talker:
        talker.pop_login(user, PASSWORDS["bob"])
        talker.pop("+OK 1 ", "STAT")


def patience(server, user, hold):
    """A lock that goes away: the message is delivered."""
    release = hold(server.mailbox(user))
    with server.connect(server.smtp, timeout=120) as talker:
        talker.hello()
        talker.expect("250 ", "MAIL FROM:<carol@example.com>")
        talker.expect("250 ", f"RCPT TO:<{user}@example.org>")
        talker.expect("354 ", "DATA")
        talker.send("Subject: patient\r\n\r\nx\r\n.\r\n")
        check(talker.quiet(), "an answer while the lock is held")
        release()
        talker.expect("250 2.0.0")
    equal(len(mbox.read(server.mailbox(user))), 2, "messages")


def stale_dotlock(server, user, _):
    """A dotlock of a process that is gone does not stop a delivery."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    lock = server.mail / f"{user}.lock"
    lock.write_text(f"{gone.pid}\n")
    os.utime(lock, (0, 0))
    with server.connect(server.smtp, timeout=120) as talker:
        talker.hello()
        talker.submit("carol@example.com", [f"{user}@example.org"],
                      "Subject: stale\r\n\r\nx\r\n")
    check(not lock.exists(), "the dotlock is still there")
    equal(len(mbox.read(server.mailbox(user))), 2, "messages")


def cases_locks():
    """Each lock, all at once, each with a user of its own"""
    cases = []      # (title, function, lock); each gets a user of its own
    for name, hold in LOCKS.items():
        cases.append((f"{name} held: a delivery goes on from the queue",
                      give_up, hold))
        cases.append((f"{name} held: a login ends with [IN-USE]",
                      give_up_login, hold))
        cases.append((f"{name} released: the delivery goes on",
                      patience, hold))
    cases.append(("a stale dotlock is broken", stale_dotlock, None))
    with Instance() as server:
        for number in range(len(cases)):
            server.passwd(f"user{number}", PASSWORDS["bob"])
            server.mailbox(f"user{number}").write_bytes(KEPT)
        server.own()
        errors = [None] * len(cases)

        def run(number, function, hold):
            try:
                function(server, f"user{number}", hold)
            except Exception as error:
                errors[number] = error

        threads = [threading.Thread(target=run, args=(n, *case[1:]))
                   for n, case in enumerate(cases)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for error, (title, *_) in zip(errors, cases):
            with tap.case(title, server.notes):
                if error is not None:
                    raise error


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
