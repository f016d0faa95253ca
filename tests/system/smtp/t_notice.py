# SPDX-License-Identifier: ISC
"""smtpd --dedupe: a dead disk does not send 4000 mails, and does send one."""
import os
import re
import subprocess
import time

from lib import mbox
from lib.scratch import Instance, Scratch
from lib.tap import Tap, check, equal

tap = Tap()
SECONDS_OF_2001 = 1000000000


def start(server, key, *args, env=None, to="bob@example.org"):
    """smtpd, started; it has its text."""
    command = [*server.command("smtpd"), "-s", "disk is dead", "--dedupe", key,
               *args, to]
    process = server.popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(server.environment(), **(env or {})))
    try:
        process.stdin.write(b"sda: I/O error\n")
        process.stdin.close()
    except BrokenPipeError:
        pass        # it knows already that it cannot send
    process.stdin = None
    return process


def send(server, key, *args, status=0, **settings):
    """The same, to its end; what it said on stderr."""
    process = start(server, key, *args, **settings)
    said = process.communicate(timeout=60)[1].decode()
    equal(process.returncode, status, f"exit status; {said}")
    return said


def count(server):
    """How many messages bob has."""
    path = server.mailbox("bob")
    return len(mbox.read(path)) if path.exists() else 0


def last(server):
    """The text of the newest."""
    return mbox.read(server.mailbox("bob"))[-1].wire.decode()


def files(server):
    """What is remembered, newest last."""
    folder = server.dir / ".local/state/restante/notices"
    return sorted(folder.iterdir(), key=lambda p: p.stat().st_mtime_ns)


def remember(server, sent, held):
    """Makes the newest memory say something else."""
    files(server)[-1].write_text(f"restante-notice 1 {sent:019} {held:019} \n")


def test_once(server):
    """The same notice is sent once, and the next one says how many were"""
    before = count(server)
    for _ in range(5):
        send(server, "sda", "--every", "1h")
    equal(count(server) - before, 1, "messages")
    check("held back" not in last(server), "the first one counts")
    check("Auto-Submitted: auto-generated" in last(server), last(server))
    remember(server, int(time.time()) - 3601, 4)
    send(server, "sda", "--every", "1h")
    equal(count(server) - before, 2, "messages")
    found = re.search(r"\(4 more like this were held back since (.*)\)",
                      last(server))
    check(found, last(server))
    send(server, "sda", "--every", "1h")
    equal(count(server) - before, 2, "messages")


def test_default_period(server):
    """Without --every it is an hour"""
    before = count(server)
    send(server, "default")
    remember(server, int(time.time()) - 3500, 0)
    send(server, "default")
    equal(count(server) - before, 1, "messages")
    remember(server, int(time.time()) - 3601, 1)
    send(server, "default")
    equal(count(server) - before, 2, "messages")
    check("(1 more like this was held back since" in last(server),
          last(server))


def test_keys(server):
    """Keys are any text, and each is for itself"""
    before, known = count(server), len(files(server))
    keys = ["sdb", "sdc", "", "../../etc/passwd", "键 😀", "a\nb", "x" * 5000]
    for key in keys + keys:
        send(server, key)
    equal(count(server) - before, len(keys), "messages")
    equal(len(files(server)) - known, len(keys), "files")
    for path in files(server):
        check(re.fullmatch("[0-9a-f]{32}", path.name), path.name)
        equal(path.stat().st_mode & 0o777, 0o600, "mode")


def test_together(server):
    """Of many at once one is sent, and all others are counted"""
    before = count(server)
    running = [start(server, "together") for _ in range(12)]
    for process in running:
        equal(process.wait(120), 0, "exit status")
        process.communicate()
    equal(count(server) - before, 1, "messages")
    remember_held = files(server)[-1].read_text().split()[3]
    equal(int(remember_held), 11, "held back")


def test_damage(server):
    """A damaged memory holds nothing back"""
    good = None
    send(server, "damage")
    path = files(server)[-1]
    good = path.read_bytes()
    for bad in (b"", b"\0" * 59, good[:-1], good + b"x", b"x" * 100000,
                good.replace(b" 0", b" -", 1), b"\xff" * 59):
        path.write_bytes(bad)
        before = count(server)
        send(server, "damage")
        equal(count(server) - before, 1, f"messages with {bad[:60]!r}")
        equal(len(path.read_bytes()), 59, "repaired")
    send(server, "damage")
    equal(count(server) - before, 1, "messages")


def test_clock(server):
    """A clock that was set back holds nothing back"""
    send(server, "clock")
    remember(server, int(time.time()) + 86400 * 365, 2)
    before = count(server)
    send(server, "clock")
    equal(count(server) - before, 1, "messages")
    send(server, "clock")
    equal(count(server) - before, 1, "messages")


def test_failure(server):
    """What could not be submitted does not count as sent"""
    before = count(server)
    send(server, "failure", to="nosuchuser@example.org", status=67)
    send(server, "failure", "-a", "/nonexistent", status=66)
    send(server, "failure")
    send(server, "failure")
    equal(count(server) - before, 1, "messages")


def test_no_memory(server):
    """Where nothing can be remembered everything is sent, and it says so"""
    before = count(server)
    for env in ({"XDG_STATE_HOME": "/proc"}, {"XDG_STATE_HOME": "/dev/null"},
                {"XDG_STATE_HOME": "/" + "x" * 5000},
                {"HOME": "/nonexistent", "XDG_STATE_HOME": "relative"}):
        said = send(server, "nowhere", env=env)
        check("cannot record notices" in said, f"{env!r:.80}: {said}")
    equal(count(server) - before, 4, "messages")
    check(not os.path.exists(server.dir / "relative"), "a relative path")


def test_xdg(server):
    """XDG_STATE_HOME says where"""
    state = server.dir / "xdg"
    state.mkdir()
    server.own()
    before = count(server)
    for _ in range(2):
        send(server, "xdg", env={"XDG_STATE_HOME": str(state)})
    equal(count(server) - before, 1, "messages")
    equal(len(list((state / "restante/notices").iterdir())), 1, "files")


def test_html_note(server):
    """HTML says how many were held back, too"""
    page = server.dir / "page.html"
    page.write_text("<p>dead</p>")
    page.chmod(0o644)
    send(server, "html", "--html", str(page))
    remember(server, SECONDS_OF_2001, 7)
    send(server, "html", "--html", str(page))
    equal(last(server).count("(7 more like this were held back"), 2,
          last(server))
    equal(page.read_text(), "<p>dead</p>", "the file")


def test_files_of_others(server):
    """A link in place of the memory is not followed"""
    send(server, "link")
    path = files(server)[-1]
    victim = server.dir / "victim"
    victim.write_text("precious")
    server.own()
    path.unlink()
    path.symlink_to(victim)
    before = count(server)
    check("cannot record notices" in send(server, "link"), "nothing was said")
    equal(count(server) - before, 1, "messages")
    equal(victim.read_text(), "precious", "the file behind the link")
    path.unlink()


def test_root(_):
    """root's memory is in the state folder"""
    if os.geteuid() != 0:
        return
    with Scratch(tls=False, as_root=True, users=False) as server:
        server.conf.write_text(
            re.sub(r"(?m)^users .*$", "users system",
                   server.conf.read_text()))
        send(server, "root", to="far@elsewhere.example")
        found = list((server.dir / "state/notices").iterdir())
        equal(len(found), 1, "files")
        check(not (server.dir / ".local").exists(), "in root's home, too")


if __name__ == "__main__":
    with Instance(tls=False) as fixture:
        tap.run(globals(), fixture)
    tap.finish()
