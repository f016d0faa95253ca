# SPDX-License-Identifier: ISC
"""What the processes may do, seen from outside through /proc.

The session, which reads the network, is locked in: seccomp, no new
privileges, no file open but its own, not to be traced, and flat in memory
however big the message.
"""
import contextlib
import os
import pty
import pwd
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from lib import mbox, queuefile
from lib.player import PASSWORDS
from lib.proc import children, descriptors, status, tree
from lib.scratch import (AM_ROOT, LONG, Instance, client_context,
                         reachable)
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
MIB = 1024 * 1024
TRACER = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long] * 4
result = libc.ptrace(16, int(sys.argv[1]), 0, 0)
error = ctypes.get_errno()
if result == 0:
    os.waitpid(int(sys.argv[1]), 0x40000000)
    libc.ptrace(17, int(sys.argv[1]), 0, 0)
print(result, error)
"""


def anonymous(pids):
    """The most anonymous memory any of the processes has, in bytes."""
    most = 0
    for pid in pids:
        try:
            most = max(most, int(status(pid)["RssAnon"].split()[0]) * 1024)
        except (OSError, KeyError):
            pass
    return most


def sessions(daemon):
    """The sandboxed processes of a daemon, once there are some."""
    def ready():
        pids = [p for p in tree(daemon.pid) if status(p).get("Seccomp") == "2"]
        return pids or None
    return wait_for(ready, "a session process under seccomp")


def each_kind(server):
    """(name, daemon, talker) for an idle session of every kind."""
    tls = client_context()
    for name, daemon, port, context in (
            ("smtp", server.smtpd, server.smtp, None),
            ("submissions", server.smtpd, server.submissions, tls),
            ("pop3", server.pop3d, server.pop3, None),
            ("pop3s", server.pop3d, server.pop3s, tls)):
        with server.connect(port, context) as talker:
            talker.pop(("220 ", "+OK"))
            yield name, daemon, talker
        wait_for(lambda d=daemon: not children(d.pid), "the session's end")


def test_sandbox(server):
    """Every process a stranger talks to has Seccomp 2 and NoNewPrivs 1"""
    for name, daemon, _ in each_kind(server):
        for pid in sessions(daemon):
            has = status(pid)
            equal(has["Seccomp"], "2", f"{name}: Seccomp of {pid}")
            equal(has["NoNewPrivs"], "1", f"{name}: NoNewPrivs of {pid}")
            equal(int(has["CapEff"], 16), 0, f"{name}: capabilities")
            equal(int(has["CapPrm"], 16), 0, f"{name}: capabilities")
        # A queue runner, to whom nobody talks, may look in for a moment.
        wait_for(lambda d=daemon: all(status(pid).get("Seccomp", "2") == "2"
                                      for pid in tree(d.pid)),
                 f"{name}: all to be under seccomp")


def test_mailbox_sandbox(server):
    """The process of a mailbox is shut in, its owner, and without rights"""
    for port, context in ((server.pop3, None),
                          (server.pop3s, client_context())):
        with server.connect(port, context) as talker:
            talker.pop_login("bob", PASSWORDS["bob"])
            count = 2 if context else 1     # the session pumps, or is over
            wait_for(lambda n=count: len(tree(server.pop3d.pid)) == n,
                     f"{count} processes")
            for has in map(status, tree(server.pop3d.pid)):
                equal(has["Seccomp"], "2", "Seccomp")
                equal(has["NoNewPrivs"], "1", "NoNewPrivs")
                equal(int(has["CapEff"], 16), 0, "capabilities")
            talker.pop("+OK", "QUIT")
        wait_for(lambda: not children(server.pop3d.pid), "its end")


def test_descriptors(server):
    """A session has sockets, /dev/null, the log and its body file, no more"""
    for name, daemon, _ in each_kind(server):
        for pid in sessions(daemon):
            names = descriptors(pid)
            body = re.escape(str(server.dir / "queue")) + r"/\S+ \(deleted\)$"
            bad = {fd: target for fd, target in names.items() if not re.match(
                r"socket:|pipe:|/dev/null$|anon_inode:|" + body, target)
                and target != str(daemon.log)}
            equal(bad, {}, f"{name}: descriptors")
            check(len(names) <= 12, f"{name}: {len(names)} descriptors")


def test_maps(server):
    """A session's memory map holds no users file and no config"""
    for name, daemon, _ in each_kind(server):
        for pid in sessions(daemon):
            try:
                maps = Path(f"/proc/{pid}/maps").read_text()
            except PermissionError:
                raise Skip("reading another process's map needs root") \
                    from None
            check(str(server.users) not in maps, f"{name}: users file")


def test_no_secrets_in_the_session(server):
    """No stored credential lies in the memory of a session or server"""
    if not AM_ROOT:
        raise Skip("reading another process's memory needs root")
    secrets = [part.encode() for part in re.findall(
        r"\{[A-Z0-9-]+\}(\S{20,})", server.users.read_text())]
    check(len(secrets) >= 3, "no credentials to look for")
    with server.connect(server.submission) as talker, \
            server.connect(server.pop3) as other:
        talker.hello()
        talker.login("alice", PASSWORDS["alice"])
        other.pop_login("alice", PASSWORDS["alice"])
        for daemon in (server.smtpd, server.pop3d):
            for pid in [daemon.pid, *tree(daemon.pid)]:
                memory = writable_memory(pid)
                check(len(memory) > 4096, "no memory read")
                for secret in secrets:
                    check(secret not in memory, f"{pid} of {daemon.log.name}"
                          f" holds {secret[:12]!r}...")


def writable_memory(pid):
    """The writable memory of a process, as one string of bytes."""
    parts = []
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if match and "[v" not in line:
                start, end = (int(x, 16) for x in match.groups())
                try:
                    memory.seek(start)
                    parts.append(memory.read(min(end - start, 64 * MIB)))
                except OSError:
                    pass
    return b"".join(parts)


def attach(server, pid):
    """(result, errno) of PTRACE_ATTACH by the user of the programs."""
    python = next((p for p in (sys.executable, "/usr/bin/python3")
                   if os.path.exists(p)
                   and (not server.user or reachable(p))), None)
    if python is None:
        raise Skip("no Python that the user of the programs may run")
    done = subprocess.run([python, "-c", TRACER, str(pid)],
                          capture_output=True, text=True, check=True,
                          **server.as_user())
    return tuple(map(int, done.stdout.split()))


def test_not_traceable(server):
    """A process of the same user cannot trace a session"""
    with subprocess.Popen(["sleep", "60"], **server.as_user()) as victim:
        try:
            control = attach(server, victim.pid)
        finally:
            victim.kill()
    if control[0] != 0:
        raise Skip("this system lets nobody trace a stranger "
                   f"(errno {control[1]})")
    for name, daemon, _ in each_kind(server):
        for pid in sessions(daemon):
            equal(attach(server, pid), (-1, 1), f"{name}: ptrace")


def stream(talker, size):
    """Sends a message of about size bytes."""
    block = (b"x" * 76 + b"\r\n") * 840         # about 64 KiB
    talker.send(b"Subject: very big\r\n\r\n")
    sent = 0
    while sent < size:
        talker.sock.sendall(block)
        sent += len(block)
    talker.send(b".\r\n")
    return sent


def big_message(size):
    """Memory stays flat while a big message comes in and goes out."""
    with tap.case(f"memory stays flat during {size // MIB} MiB"):
        with Instance("size-limit 0") as server:
            peak = [0]
            done = threading.Event()
            watched = (server.smtpd, server.pop3d)

            def watch():
                while not done.wait(0.02):
                    pids = [p for d in watched for p in [d.pid, *tree(d.pid)]]
                    peak[0] = max(peak[0], anonymous(pids))
            with server.connect(server.smtp, timeout=600) as talker:
                talker.hello()
                before = anonymous(tree(server.smtpd.pid))
                check(before > 0, "no session to watch")
                thread = threading.Thread(target=watch)
                thread.start()
                try:
                    talker.expect("250 ", "MAIL FROM:<a@example.com>")
                    talker.expect("250 ", "RCPT TO:<bob@example.org>")
                    talker.expect("354 ", "DATA")
                    sent = stream(talker, size)
                    talker.expect("250 2.0.0")
                    collect_big(server, sent)
                finally:
                    done.set()
                    thread.join()
            check(peak[0] > 0, "nothing was measured")
            check(peak[0] - before < 16 * MIB,
                  f"grew by {(peak[0] - before) / MIB:.1f} MiB")


def collect_big(server, sent):
    """Reads the big message by POP3 and deletes it."""
    with server.connect(server.pop3, timeout=600) as talker:
        talker.pop_login("bob", PASSWORDS["bob"])
        octets = int(talker.pop("+OK", "LIST 1").split()[2])
        check(octets > sent, f"{octets} octets of {sent}")
        talker.pop("+OK", "RETR 1")
        left = octets + 3 - len(talker.buffer)
        tail = talker.buffer[-5:]
        while left > 0:
            data = talker.sock.recv(min(left, MIB))
            check(data, "the connection ended")
            left -= len(data)
            tail = (tail + data)[-5:]
        equal(tail, b"\r\n.\r\n", "the end")
        talker.buffer = b""
        talker.pop("+OK", "DELE 1")
        talker.pop("+OK", "QUIT")


def started_as_root():
    """The uids and owners when the servers are started as root."""
    with tap.case("started as root: sessions run as somebody else"):
        if not AM_ROOT:
            raise Skip("needs root")
        with Instance(as_root=True) as server:
            with server.connect(server.smtp) as smtp, \
                    server.connect(server.pop3) as pop3:
                smtp.hello()
                pop3.pop("+OK")
                for daemon in (server.smtpd, server.pop3d):
                    for pid in sessions(daemon):
                        has = status(pid)
                        for kind in ("Uid", "Gid"):
                            check("0" not in has[kind].split(),
                                  f"{kind} {has[kind]}")
                        check("0" not in has["Groups"].split(), "group 0")
                        equal(int(has["CapEff"], 16), 0, "capabilities")
                        equal(int(has["CapBnd"], 16), 0, "bounding set")
                smtp.submit("a@example.com", ["bob@example.org"],
                            "Subject: root\r\n\r\nx\r\n")
                pop3.pop("+OK", "USER bob")
                pop3.pop("+OK", "PASS " + PASSWORDS["bob"])
                pop3.pop("+OK 1 ", "STAT")
                pop3.pop_block("RETR 1")
                for pid in tree(server.pop3d.pid):
                    has = status(pid)
                    check("0" not in has["Uid"].split(),
                          f"{has['Name']} has uids {has['Uid']}")
                    equal(int(has["CapBnd"], 16), 0, "bounding set")
                pop3.pop("+OK", "DELE 1")
                box = server.mailbox("bob").stat()
                check(box.st_uid != 0, "the mailbox belongs to root")
                check(box.st_mode & 0o007 == 0, oct(box.st_mode))
                pop3.pop("+OK", "QUIT")
            equal(mbox.read(server.mailbox("bob")), [], "messages left")
            for daemon in (server.smtpd, server.pop3d):
                equal(daemon.stop(), 0, "exit status")


def groups(server, uid):
    """The further groups of pop3d's processes with that uid."""
    all_of_them = [status(pid) for pid in tree(server.pop3d.pid)]
    return [has["Groups"].split() for has in all_of_them
            if has and has["Uid"].split()[0] == str(uid)]


def groups_of_mailboxes():
    """Which groups the process of a mailbox has, by the folder it lies in."""
    with tap.case("started as root: one more group only where locks need it"):
        if not AM_ROOT:
            raise Skip("needs root")
        owner, group = pwd.getpwnam("nobody"), pwd.getpwnam("mail").pw_gid
        with Instance(as_root=True) as server:
            server.users.write_text(re.sub(
                r"(?m)^(bob:[^:\n]*).*$", r"\1:nobody",
                server.users.read_text()))
            for uid, gid, mode, more in (
                    (0, group, 0o3775, [group]), (0, group, 0o3777, []),
                    (0, owner.pw_gid, 0o3775, []),
                    (owner.pw_uid, group, 0o770, [])):
                os.chown(server.mail, uid, gid)
                server.mail.chmod(mode)
                box = server.mailbox("bob")
                box.unlink(missing_ok=True)
                box.write_text("From a Mon Jan  6 10:00:00 2025\n\nx\n\n")
                os.chown(box, owner.pw_uid, owner.pw_gid)
                with server.connect(server.pop3) as talker:
                    talker.pop_login("bob", PASSWORDS["bob"])
                    # Sessions that have not ended yet have none.
                    has = groups(server, owner.pw_uid)
                    wanted = [str(g) for g in more]
                    check(wanted in has and all(
                        h in ([], wanted) for h in has), f"{mode:o}: {has}")
                    talker.pop("+OK", "DELE 1")
                    talker.pop("+OK", "QUIT")
                equal(box.stat().st_size, 0, "the mailbox")
                wait_for(lambda: not any(groups(server, owner.pw_uid)),
                         "the end of the process")


def root_has_no_mail():
    """users system: root never logs in."""
    with tap.case("users system: root cannot log in"):
        if not AM_ROOT:
            raise Skip("needs root")
        with Instance("users system", as_root=True, users=False) as server:
            with server.connect(server.pop3) as talker:
                talker.pop("+OK")
                talker.pop("+OK", "USER root")
                talker.pop("-ERR [AUTH]", "PASS root")
            with server.connect(server.smtp) as talker:
                talker.hello()
                talker.expect("250 ", "MAIL FROM:<a@example.com>")
                talker.expect("250 ", "RCPT TO:<nobody@example.org>")
                talker.expect("550 5.1.1", "RCPT TO:<nosuch@example.org>")


def test_limits(server):
    """A session makes no core dumps"""
    for name, daemon, _ in each_kind(server):
        for pid in sessions(daemon):
            limits = Path(f"/proc/{pid}/limits").read_text()
            match = re.search(r"Max core file size +(\d+)", limits)
            check(match and match.group(1) == "0", f"{name}: core dumps")


def test_ids_are_the_users(server):
    """Not started as root, every process has the user's id"""
    wanted = str(server.user.pw_uid if server.user else os.getuid())
    for name, daemon, _ in each_kind(server):
        for pid in [daemon.pid, *tree(daemon.pid)]:
            equal(set(status(pid)["Uid"].split()), {wanted}, name)


def terminal(pid):
    """The number of a process's controlling terminal, 0 for none."""
    text = Path(f"/proc/{pid}/stat").read_text()
    return int(text.rpartition(")")[2].split()[4])


@contextlib.contextmanager
def by_hand(server, *words):
    """A program that somebody has started in a terminal: (pid, terminal)."""
    pid, master = pty.fork()
    if pid == 0:
        command = server.command(*words)
        if server.user:
            os.setgroups([])
            os.setgid(server.user.pw_gid)
            os.setuid(server.user.pw_uid)
        os.execve(command[0], command, server.environment())
    try:
        yield pid, master
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(master)


def test_children_leave_the_terminal(server):
    """Of a server started by hand, no child keeps the terminal (TIOCSTI)"""
    with by_hand(server, "pop3d", "-l", "127.0.0.1:0") as (pid, master):
        line = b""
        while b"listening on" not in line or not line.endswith(b"\n"):
            line += os.read(master, 4096)
        port = int(re.search(rb"listening on \S+:(\d+)", line).group(1))
        with server.connect(port) as talker:
            talker.pop("+OK")
            session = wait_for(lambda: children(pid), "a session")
            check(terminal(pid) != 0, "the server itself has a terminal")
            wait_for(lambda: terminal(session[0]) == 0, "the session to leave")
            talker.pop("+OK", "USER bob")
            talker.pop("+OK", "PASS " + PASSWORDS["bob"])
            wait_for(lambda: children(pid) not in ([], session), "a mailbox")
            wait_for(lambda: not any(map(terminal, children(pid))),
                     "the mailbox process to leave")


def test_agents_leave_the_terminal(server):
    """Nor does an agent, or a user's command, of a queue run by hand"""
    with socket.create_server(("127.0.0.1", 0)) as hop:
        conf = server.dir / "by-hand.conf"
        conf.write_text(server.conf.read_text() + "relay smtp://127.0.0.1:"
                        f"{hop.getsockname()[1]}?tls=never\n")
        for kind, text in (("a", "x@elsewhere.test"), ("p", "/bin/sleep 600")):
            queuefile.make(server.dir / "queue", recipients=[
                queuefile.recipient(text, kind, given="x@example.org")])
        server.own()
        with by_hand(server, "smtpd", "-c", conf, "-qf") as (pid, _):
            connection, _ = hop.accept()
            found = wait_for(lambda: len(tree(pid)) >= 4 and tree(pid),
                             "relay and local agent, a delivery, a command")
            check(terminal(pid) != 0, "the runner itself has a terminal")
            wait_for(lambda: not any(map(terminal, found)), "all to leave it")
            for child in found:
                os.kill(child, signal.SIGKILL)
            connection.close()


def test_idle_server_sleeps(_):
    """A server started with -l that has nothing to do uses no CPU

    It once asked poll() not to wait as soon as idle-exit had passed.
    """
    def turns(pid):
        return int(status(pid)["voluntary_ctxt_switches"]) + int(
            status(pid)["nonvoluntary_ctxt_switches"])

    with Instance("idle-exit 1") as idle:
        pids = [daemon.pid for daemon in (idle.smtpd, idle.pop3d)]
        end = time.monotonic() + 1.3
        wait_for(lambda: time.monotonic() > end, "idle-exit to pass")
        before = [Path(f"/proc/{pid}/stat").read_text().split()[13:15]
                  for pid in pids]
        turned = [turns(pid) for pid in pids]
        end = time.monotonic() + 0.5
        wait_for(lambda: time.monotonic() > end, "half a second")
        after = [Path(f"/proc/{pid}/stat").read_text().split()[13:15]
                 for pid in pids]
        for old, new, pid, count in zip(before, after, pids, turned):
            used = sum(map(int, new)) - sum(map(int, old))
            check(used <= 2, f"{used} ticks of CPU in half a second")
            check(turns(pid) - count < 50, "it wakes all the time")


if __name__ == "__main__":
    with Instance() as fixture:
        tap.run(globals(), fixture)
    started_as_root()
    groups_of_mailboxes()
    root_has_no_mail()
    big_message(200 * MIB)
    if LONG:
        big_message(1024 * MIB)
    else:
        tap.skip("memory stays flat during 1024 MiB", "set RESTANTE_LONG=1")
    tap.finish()
