# SPDX-License-Identifier: ISC
"""A user can stop the process that delivers to their mailbox, by SIGSTOP: that
is to nobody else's loss. The sender hears of the others in time and does not
send again, the stopped process is killed, and its message waits."""
import fcntl
import os
import signal

from lib import mbox, proc
from lib.fast_clock import FastClock
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
TIMES = 1       # so much faster goes the clock of the server
KEPT = b"From a@x Mon Jan  6 10:00:00 2025\nSubject: kept\n\nkept\n\n"


def deliveries(pid):
    """The processes that a worker of the server has forked."""
    return [heir for child in proc.children(pid)
            for heir in proc.children(child)]


def delivered(scratch, user, count):
    """A user has so many messages."""
    path = scratch.mailbox(user)
    return path.exists() and len(mbox.read(path)) == count


def stop_delivery(scratch, process):
    """Stops the one that waits for bob's mailbox; its pid."""
    wait_for(lambda: delivered(scratch, "alice", 1), "alice's copy")
    pid = wait_for(lambda: len(deliveries(process.pid)) == 1 and
                   deliveries(process.pid), "one delivery that waits")[0]
    os.kill(pid, signal.SIGSTOP)
    wait_for(lambda: "stopped" in proc.status(pid).get("State", ""),
             "the stopped process")
    return pid


def test_stopped(scratch):
    """The others' copies count, and that of who stopped theirs is queued"""
    scratch.mailbox("bob").write_bytes(KEPT)
    scratch.own()
    talker, process = scratch.begin(TIMES, name="smtpd")
    with talker, open(scratch.mailbox("bob"), "r+b") as box:
        fcntl.lockf(box, fcntl.LOCK_EX)
        talker.hello()
        talker.expect("250 ", "MAIL FROM:<a@example.com>")
        for user in ("alice", "bob"):
            talker.expect("250 ", f"RCPT TO:<{user}@example.org>")
        talker.expect("354 ", "DATA")
        talker.send("Subject: both\r\n\r\nx\r\n.\r\n")
        pid = stop_delivery(scratch, process)
        talker.expect("250 ")
        wait_for(lambda: not proc.status(pid), "the stopped process to go")
    check(scratch.queue_files(), "nothing waits in the queue")
    scratch.run_queue()
    equal([len(mbox.read(scratch.mailbox(u))) for u in ("alice", "bob")],
          [1, 2], "messages of alice and bob")
    check("is killed" in scratch.notes(), scratch.notes())


if __name__ == "__main__":
    with FastClock() as fixture:
        tap.run(globals(), fixture)
    tap.finish()
