#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Sessions that are forked before their clients come.

They must be as shut in as all others, know what has changed meanwhile, and not
outlive the server; whatever becomes of them or of the process that forks them,
clients are served.
"""
import os
import signal
import sys
import threading
from pathlib import Path

from lib import proc
from lib.scratch import AM_ROOT, Instance
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()


def busy(server):
    """Connects until sessions wait; those and the one that forks them."""
    def come():
        with server.connect(server.smtp) as talker:
            talker.hello()
        found = proc.session_starters(server.smtpd.pid)
        return len(found) > 1 and found
    return wait_for(come, "sessions that wait")


def starter(server):
    """The process that forks them: the eldest."""
    return min(busy(server), key=lambda p: int(
        Path(f"/proc/{p}/stat").read_text().rsplit(")", 1)[1].split()[19]))


def session(server):
    """The session of the one connection, when those before it have ended."""
    return wait_for(lambda: len(proc.children(server.smtpd.pid)) == 1 and
                    proc.children(server.smtpd.pid), "one session")[0]


def limits(pid):
    """The limits of a process, by name: soft and hard."""
    rows = Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]
    return {row[:26].strip(): row[26:66].split() for row in rows}


def test_shut_in(server):
    """A session that waited is shut in as all others"""
    busy(server)
    with server.connect(server.smtp) as talker:
        talker.hello()
        pid = session(server)
        has, may = proc.status(pid), limits(pid)
        equal(has["Name"], "smtpd")
        equal(has["Seccomp_filters"], "2", "filters: it has not waited")
        equal(has["NoNewPrivs"], "1", "NoNewPrivs")
        for name in ("CapEff", "CapPrm"):
            equal(int(has[name], 16), 0, name)
        for name in ("open files", "processes", "core file size"):
            most = "3" if name == "open files" else "0"
            equal(may[f"Max {name}"], [most, most], name)
        equal(os.getpgid(pid), pid, "its process group")
        if AM_ROOT:
            equal(len(proc.descriptors(pid)), 6, "descriptors: three, the "
                  "client, the server and the body")
        if AM_ROOT:
            equal(int(has["CapBnd"], 16), 0, "CapBnd")
            check("0" not in has["Uid"].split(), "root")
            equal(os.listdir(f"/proc/{pid}/root"), [], "its root folder")


def test_waiting(server):
    """Who waits, and who forks them, has no rights and no client either"""
    for pid in busy(server):
        has = proc.status(pid)
        if not has:
            continue    # it has got a client
        equal(has["Seccomp"], "2", "Seccomp")
        if AM_ROOT:
            equal(int(has["CapBnd"], 16), 0, "CapBnd")
            check("0" not in has["Uid"].split(), "root")
        check(not proc.sockets_or_none(pid) & clients(server), "a client")


def clients(server):
    """The inodes of the sockets of clients of smtpd."""
    return {row[9] for row in proc.tcp_rows()
            if row[1].endswith(f":{server.smtp:04X}")} - {"0"}


def test_starter_ends(server):
    """A starter that is killed or stopped is replaced; clients are served"""
    for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGSTOP):
        old = starter(server)
        os.kill(old, number)
        wait_for(lambda o=old: not proc.status(o), "its end")
        with server.connect(server.smtp) as talker:
            talker.hello()
        check(starter(server) != old, "the same one")


def test_waiting_end(server):
    """Sessions that die while they wait are no client's loss"""
    for number in (signal.SIGKILL, signal.SIGSTOP):
        old = starter(server)
        waiting = [p for p in proc.session_starters(server.smtpd.pid)
                   if p != old]
        for pid in waiting:
            os.kill(pid, number)
        wait_for(lambda w=waiting: not any(map(proc.status, w)), "their end")
        for _ in range(8):
            with server.connect(server.smtp) as talker:
                talker.hello()


def test_changes(server):
    """A user or alias of this moment is known to the next session"""
    for number in range(3):
        busy(server)
        with open(server.dir / "aliases", "a", encoding="ascii") as file:
            file.write(f"new{number}: alice\n")
        with server.connect(server.smtp) as talker:
            talker.hello()
            talker.expect("250 ", "MAIL FROM:<>")
            talker.expect("250 ", f"RCPT TO:<new{number}@example.org>")


def test_numbers(server):
    """Sessions of one starter draw numbers of their own"""
    ids = set()
    for _ in range(6):
        busy(server)
        with server.connect(server.smtp) as talker:
            talker.hello()
            talker.expect("250 ", "MAIL FROM:<>")
            talker.expect("250 ", "RCPT TO:<alice@example.org>")
            talker.expect("354 ", "DATA")
            talker.send(b"Subject: x\r\n\r\nx\r\n.\r\n")
            ids.add(str(talker.expect("250 ")).split()[-1])
    equal(len(ids), 6, "names of messages")


def test_many(server):
    """More clients at once than sessions wait are all served"""
    failed = []

    def come():
        try:
            for _ in range(5):
                with server.connect(server.smtp) as talker:
                    talker.hello()
                    talker.expect("221 ", "QUIT")
        except Exception as error:      # pylint: disable=broad-except
            failed.append(error)
    threads = [threading.Thread(target=come) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(failed, [], "failures")


def test_they_go(server):
    """When nobody comes they end"""
    busy(server)
    wait_for(lambda: not proc.session_starters(server.smtpd.pid), "their end")


def test_killed_server(server):
    """They do not outlive a server that is killed"""
    pids = busy(server)
    server.smtpd.kill()
    wait_for(lambda: not any(proc.status(p) for p in pids), "their end")


if __name__ == "__main__":
    with Instance(as_root=AM_ROOT) as fixture:
        tap.run(globals(), fixture)
    tap.finish()
