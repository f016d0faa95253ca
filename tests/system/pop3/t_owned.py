# SPDX-License-Identifier: ISC
"""A user's own directory holds what the user puts there: FIFOs, links, other
files' names. Whatever it is, nobody waits for it, nothing is written through
it, mail comes and is collected, and the log says what to type."""
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess

from lib import mbox, proc
from lib.player import PASSWORDS
from lib.scratch import AM_ROOT, Instance
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
SECRET = b"not yours\n"
SECONDS = 20    # for a command that waits for nobody
NAMES = ("append", "index", "journal", "session", "last-login.pop3",
         "last-login.smtp", "collected", "collected.new")


def make_fifo(path, _):
    """Nobody ever opens its other end."""
    os.mkfifo(path)


def make_link(path, victim):
    """Leads to a file that is not ours to write."""
    path.symlink_to(victim)


def make_loose_link(path, victim):
    """Leads nowhere yet."""
    path.symlink_to(f"{victim}.none")


def make_folder(path, _):
    """A folder with something in it."""
    path.mkdir()
    (path / "x").write_text("x")


def make_socket(path, _):
    """A socket, whose path may be no longer than 107 octets."""
    here = os.getcwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(path.name)
    finally:
        os.chdir(here)


def make_second_name(path, victim):
    """The second name of a file of the same user."""
    os.link(victim, path)


def make_foreign(path, _):
    """A file of somebody else's."""
    path.write_bytes(SECRET)


KINDS = {"a FIFO": make_fifo, "a link": make_link, "a folder": make_folder,
         "a link to nothing": make_loose_link, "a socket": make_socket,
         "a second name": make_second_name, "another's file": make_foreign}
MAY_BE_ONE = ("a second name", "another's file")


def folder(server):
    """bob's directory."""
    return server.dir / "state" / "users" / "bob"


def plant(server, name, kind):
    """Puts it there, as bob could; the victim."""
    victim = server.dir / "victim"
    victim.write_bytes(SECRET)
    shutil.rmtree(folder(server), ignore_errors=True)
    server.mailbox("bob").unlink(missing_ok=True)
    folder(server).mkdir(parents=True, exist_ok=True)
    server.own()
    KINDS[kind](folder(server) / name, victim)
    if kind != "another's file" and server.user:
        os.chown(folder(server) / name, server.user.pw_uid,
                 server.user.pw_gid, follow_symlinks=False)
    return victim


def deliver(server, subject):
    """A message to bob that the server takes."""
    with server.connect(server.smtp, timeout=SECONDS) as talker:
        talker.hello()
        talker.submit("a@example.com", ["bob@example.org"],
                      f"Subject: {subject}\r\n\r\nx\r\n")


def collect(server, count):
    """bob fetches so many messages and deletes them."""
    with server.connect(server.pop3, timeout=SECONDS) as talker:
        talker.pop_login("bob", PASSWORDS["bob"])
        talker.pop(f"+OK {count} ", "STAT")
        for number in range(1, count + 1):
            talker.pop_block(f"RETR {number}")
            talker.pop("+OK", f"DELE {number}")
        talker.pop("+OK", "QUIT")


def command(server, *words):
    """A verb of pop3d, which must end."""
    try:
        return server.call("pop3d", *words, seconds=SECONDS)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"pop3d {words} does not end") from None


def logs(server):
    """All that both servers have said."""
    return server.smtpd.text() + server.pop3d.text()


def what_we_said(server, name):
    """The words of the log that tell what to type about it."""
    return re.search(rf"in \S*/users/bob, {re.escape(name)} [^\n]*: type "
                     rf"there (\w+ [^\n]*{re.escape(name)}[^\n]*)$",
                     logs(server), re.M)


def waits(server, name):
    """Mail waits for what may be a journal, and goes when that is mended."""
    deliver(server, "waits")
    command(server, "--recover")
    check(server.queue_files(), "nothing waits in the queue")
    said = what_we_said(server, name)
    check(said, logs(server)[-600:])
    subprocess.run(["sh", "-c", said.group(1)], cwd=folder(server),
                   check=True)
    server.own()
    server.run_queue()
    equal(len(mbox.read(server.mailbox("bob"))), 1, "messages that waited")
    collect(server, 1)


def cases_deleted(server):
    """What is no folder keeps nothing of what is deleted, so that it stays"""
    for kind in KINDS.keys() - {"a folder"}:
        with tap.case(f"deleted: {kind}", server.notes):
            if kind == "another's file" and not AM_ROOT:
                raise Skip("needs root")
            victim = plant(server, "deleted", kind)
            deliver(server, "first")
            with server.connect(server.pop3, timeout=SECONDS) as talker:
                talker.pop_login("bob", PASSWORDS["bob"])
                talker.pop("+OK", "DELE 1")
                talker.pop("-ERR [SYS/PERM]", "QUIT")
            equal(len(mbox.read(server.mailbox("bob"))), 1, "messages")
            equal(victim.read_bytes(), SECRET, "the other file")
            said = what_we_said(server, "deleted")
            subprocess.run(["sh", "-c", said.group(1)], check=True,
                           cwd=folder(server))
            collect(server, 1)


def cases_table(server):
    """Each name, and each thing that may be there"""
    for name in NAMES:
        for kind in KINDS:
            with tap.case(f"{name}: {kind}", server.notes):
                if kind == "another's file" and not AM_ROOT:
                    raise Skip("needs root")
                victim = plant(server, name, kind)
                if name == "journal" and kind in MAY_BE_ONE:
                    waits(server, name)
                deliver(server, "first")
                collect(server, 1)
                deliver(server, "second")
                command(server, "--last-login")
                command(server, "--recover")
                collect(server, 1)
                equal(victim.read_bytes(), SECRET, "the other file")
                check(not victim.with_name("victim.none").exists(),
                      "a link was followed")
                if name in ("append", "index", "journal"):
                    check(what_we_said(server, name), "not in the log")


def test_to_several(server):
    """Another recipient of the same message gets it once, and at once"""
    plant(server, "append", "a FIFO")
    server.mailbox("alice").unlink(missing_ok=True)
    with server.connect(server.smtp, timeout=SECONDS) as talker:
        talker.hello()
        talker.submit("a@example.com",
                      ["bob@example.org", "alice@example.org"],
                      "Subject: both\r\n\r\nx\r\n")
    for user in ("alice", "bob"):
        equal(len(mbox.read(server.mailbox(user))), 1, user)


def test_plain_files_are_used(server):
    """A control: without such things there are no warnings, and the index is
    kept"""
    plant(server, "append", "a FIFO")
    (folder(server) / "append").unlink()
    before = len(logs(server))
    deliver(server, "plain")
    collect(server, 1)
    check("type there" not in logs(server)[before:], logs(server)[before:])
    for name in ("append", "index", "session", "last-login.pop3"):
        check((folder(server) / name).is_file(), f"no {name}")


def as_root_recover(server):
    """Root opens nothing of a user's: seen by strace, or by a FIFO."""
    user = pwd.getpwnam("nobody")
    server.users.write_text(re.sub(r"(?m)^(bob:[^:\n]*).*$", r"\1:nobody",
                                   server.users.read_text()))
    for name in ("append", "journal"):
        shutil.rmtree(folder(server), ignore_errors=True)
        deliver(server, "first")
        (folder(server) / name).unlink(missing_ok=True)
        os.mkfifo(folder(server) / name)
        os.chown(folder(server) / name, user.pw_uid, user.pw_gid)
        equal(command(server, "--recover").returncode, 0, name)
        equal(command(server, "--last-login").returncode, 0, name)
        deliver(server, "second")


def root_cases():
    """The same, started as root."""
    with tap.case("started as root: FIFOs stop neither --recover nor mail"):
        if not AM_ROOT:
            raise Skip("needs root")
        with Instance(as_root=True) as server:
            as_root_recover(server)
    with tap.case("started as root: a stopped process of a user stops nobody"):
        if not AM_ROOT:
            raise Skip("needs root")
        with Instance(as_root=True) as server:
            stopped_recovery(server)


def stopped_recovery(server):
    """--recover ends though a user stops the process that works for them."""
    folder(server).mkdir(parents=True)
    os.chown(folder(server), pwd.getpwnam("mail").pw_uid, 0)
    (folder(server) / "append").write_bytes(b"")
    process = server.popen(server.command("pop3d", "--recover"),
                           stderr=subprocess.PIPE, text=True)
    child = wait_for(lambda: proc.children(process.pid) or
                     process.poll() is not None and [0], "a child")[0]
    if child == 0:
        raise Skip("it was faster than we")
    os.kill(child, signal.SIGSTOP)
    _, said = process.communicate(timeout=300)
    check("killed" in said or process.returncode == 0, said)


if __name__ == "__main__":
    with Instance("undelete 7") as fixture:
        tap.run(globals(), fixture)
    root_cases()
    tap.finish()
