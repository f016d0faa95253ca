# SPDX-License-Identifier: ISC
"""Local delivery from the queue: files and commands.

As root, to accounts made for this test, and as one user. Guards against
commands and files that are run or written with more than their owner's rights,
that see what is none of theirs, or that stop the agent.
"""
import os
import pwd
import re
import shutil
import stat
import subprocess
import sys

from lib import mbox
from lib.local import BODY, DRIVER, GROUP, INSIDE, main, need_driver
from lib.scratch import Scratch
from lib.tap import Tap, check, equal

tap = Tap()


def test_pipe_rights(place):
    """A command runs as its owner, in no other group, out of root's reach"""
    status = "|".join(("Uid", "Gid", "Groups", "CapEff", "CapPrm"))
    kind, _, text = place.one(
        ("p", f"/bin/grep -E '^({status}):' /proc/self/status", "alice"))
    equal(kind, "sent", text)
    uid = place.uids["alice"]
    said = " ".join(text.split(": ", 1)[1].split())
    check(f"Uid: {uid} {uid} {uid} {uid} Gid: {uid} {uid} {uid} {uid} Groups:"
          in said, said)
    check(re.search(r"Groups: CapPrm: 0{16} CapEff: 0{16}", said), said)


def test_pipe_descriptors(place):
    """A command has descriptors 0, 1 and 2, and no other"""
    kind, _, text = place.one(("p", "/bin/ls -l /proc/self/fd", "alice"))
    equal(kind, "sent", text)
    equal(re.findall(r" (\d+) -> (?!/proc/)", text), ["0", "1", "2"], text)


def test_pipe_words(place):
    """Words that mean something to a shell are passed on as they are"""
    kind, _, text = place.one(
        ("p", "/bin/echo ; | $(id) `id` * ~ >x && 'a  b' $HOME", "alice"))
    equal(kind, "sent", text)
    check(text.endswith(": ; | $(id) `id` * ~ >x && a  b $HOME "), text)


def test_pipe_environment(place):
    """A command's environment is clean, and says whose mail it is"""
    os.environ["LD_PRELOAD_X"] = "leak"
    kind, _, text = place.one(("p", "/usr/bin/env", "alice"))
    equal(kind, "sent", text)
    said = text.split("/usr/bin/env: ", 1)[1]
    equal(sorted(re.findall(r"(\w+)=", said)), sorted(
        "PATH SHELL LANG HOME USER LOGNAME SENDER RECIPIENT "
        "ORIGINAL_RECIPIENT EXTENSION".split()), "variables")
    check("EXTENSION=more " in said and "USER=alice " in said, said)


def test_pipe_input(place):
    """A command reads the message, and may leave large ones unread"""
    target = place.home("alice") / "input"
    equal(place.one(("p", f"/bin/sh -c 'cat >{target}'", "alice"))[0],
          "sent", "outcome")
    equal(target.read_bytes(), b"Return-Path: <carol@example.com>\n"
          b"Delivered-To: given+more@example.org\n" + BODY, "the input")
    equal(stat.S_IMODE(target.stat().st_mode), 0o600, "mode")
    big = b"Subject: big\n\n" + b"x" * 70 * 30000 + b"\n"
    equal(place.one(("p", "/bin/true", "alice"), body=big)[0], "sent",
          "a large message to /bin/true")


def test_pipe_owners(place):
    """Nothing is run as root, or as nobody in particular"""
    for owner in ("root", "", "no-such-account"):
        kind, dsn, text = place.one(("p", "/usr/bin/id", owner))
        equal((kind, dsn), ("deferred", "4.3.5"), f"{owner}: {text}")
        check("uid=" not in text, text)


def test_pipe_status(place):
    """An exit status means later, or never"""
    for status, expected in ((0, "sent"), (75, "deferred"), (67, "failed"),
                             (1, "failed"), (127, "deferred")):
        kind, _, text = place.one(
            ("p", f"/bin/sh -c 'exit {status}'", "alice"))
        equal(kind, expected, text)


def test_killed(place):
    """A delivery process that is killed, by its user say, defers"""
    kind, _, text = place.one(("p", "/bin/sh -c 'kill -9 $PPID'", "alice"))
    equal(kind, "deferred", text)


def test_file(place):
    """A file gets the message as its owner, with notes of its own"""
    target = place.home("alice") / "archive"
    for _ in range(2):
        kind, dsn, text = place.one(("f", str(target), "alice"))
        equal((kind, dsn), ("sent", "2.0.0"), text)
    equal(len(mbox.read(target)), 2, "messages")
    equal(target.stat().st_uid, place.uids["alice"], "owner")
    folders = list((place.dir / "state/users/alice").iterdir())
    check(folders and all(f.name.startswith("file-") for f in folders),
          folders)


def test_file_is_mailbox(place):
    """A user's own mailbox, by whatever path, is delivered to as such"""
    user = next(place.unused)
    other = place.dir / "spool"
    other.symlink_to(place.mail)
    for path in (place.mail / user, other / user):
        kind, _, text = place.one(("f", str(path), user))
        equal(kind, "sent", text)
    equal(place.messages(user), 2, "messages")
    check(not list((place.dir / "state/users" / user).glob("file-*")),
          "notes beside those of the mailbox")
    other.unlink()


def test_files_refused(place):
    """No links, no devices, no new folders, nothing of others or root's"""
    home = place.home("alice")
    (home / "link").symlink_to(home / "elsewhere")
    os.mkfifo(home / "fifo")
    (home / "theirs").write_text("x\n")
    (home / "two").write_text("x\n")
    os.chown(home / "two", place.uids["alice"], place.uids["alice"])
    os.link(home / "two", home / "names")
    for name in ("link", "fifo", "theirs", "two", "new/file", ""):
        kind, _, text = place.one(("f", f"{home}/{name}", "alice"))
        equal(kind, "deferred", f"{name}: {text}")
    for path, owner in ((f"{home}/x", "root"), ("/dev/zero", "alice"),
                        (f"{home}/y", "bob"), ("relative", "alice")):
        kind, _, text = place.one(("f", path, owner))
        equal(kind, "deferred", f"{path} {owner}: {text}")
    check(not (home / "elsewhere").exists() and not (home / "new").exists()
          and not (home / "x").exists(), "something was made")


def test_dev_null(place):
    """/dev/null takes everything"""
    equal(place.one(("f", "/dev/null", "alice"))[0], "sent", "outcome")


def test_group_is_not_lent(place):
    """A file in a folder of some group does not make the owner a member"""
    folder = place.dir / "shared"
    folder.mkdir()
    os.chown(folder, 0, GROUP)
    folder.chmod(0o775)
    kind, _, text = place.one(("f", str(folder / "file"), "alice"))
    equal(kind, "deferred", text)
    check(not (folder / "file").exists(), "the file is there")


def run_as_user():
    """A runner that is not root does everything as itself, and no more."""
    need_driver()
    with Scratch(tls=False) as scratch:
        driver = scratch.dir / "local-driver"
        shutil.copy(DRIVER, driver)
        me = pwd.getpwuid(scratch.user.pw_uid if scratch.user
                          else os.geteuid())
        message = scratch.dir / "message"
        message.write_bytes(BODY)
        given = "alice@example.org"
        words = ["u", "alice", given, "", "p", "/usr/bin/id -u", given, "",
                 "p", "/usr/bin/id -u", given, me.pw_name,
                 "p", "/usr/bin/id -u", given, "daemon",
                 "f", str(scratch.mail / "file"), given, "",
                 "f", str(scratch.mail / "other"), given, "root"]
        done = subprocess.run(
            [driver, scratch.conf, "", message, "1", *words],
            stdout=subprocess.PIPE, check=True, env=scratch.environment(),
            timeout=100, cwd="/", text=True, **scratch.as_user())
        said = {int(n): (kind, text) for n, kind, _, text in
                (line.split(" ", 3) for line in done.stdout.splitlines()[1:])
                if kind != "done"}
        equal([said[n][0] for n in sorted(said)],
              ["sent", "sent", "sent", "deferred", "sent", "deferred"],
              f"outcomes, {said}")
        for number in (1, 2):
            equal(said[number][1].split(": ")[2].strip(), str(me.pw_uid),
                  "uid of the command")
        equal(len(mbox.read(scratch.mailbox("alice"))), 1, "messages")
        equal(len(mbox.read(scratch.mail / "file")), 1, "messages in a file")
        check(not (scratch.mail / "other").exists(), "root's file is there")


if __name__ == "__main__":
    if INSIDE not in sys.argv:
        with tap.case("not as root, the agent does all as one user"):
            run_as_user()
    main(tap, globals())
