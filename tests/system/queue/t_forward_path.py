# SPDX-License-Identifier: ISC
"""The files that say where mail goes, for users without an account, too (key
forward), and the programs that people run from them.

Guards against commands that run as somebody else than the owner of the mailbox,
or as root; against files that others can change; and against mail that is lost
when a command fails.
"""
import os
import shutil
import subprocess

from lib import peers, queuefile
from lib.fakemx import FakeMx
from lib.local import main
from lib.scratch import BUILD
from lib.tap import Skip, Tap, check, equal

tap = Tap()
OWNER = "user39"                # of the mailboxes of users without an account
MAILDROP = 'DEFAULT="{top}/maildrop"\n'
FDM = 'account "in" stdin\naction "keep" mbox "{top}/fdm"\n' \
      'match all action "keep"\n'


def top(place):
    """A folder of the owner's."""
    path = place.dir / "files"
    if not path.exists():
        path.mkdir(mode=0o755)
        os.chown(path, place.uids[OWNER], place.uids[OWNER])
    return path


def forward(place, user, text, mode=0o644, uid=0):
    """Writes the file of a user."""
    folder = place.dir / "forward"
    folder.mkdir(mode=0o755, exist_ok=True)
    folder.chmod(0o755)
    path = folder / user
    path.write_text(text)
    path.chmod(mode)
    os.chown(path, uid, uid)


def run(place, user, port=9, status=0):
    """A message for a user without an account, and runs of the queue."""
    users = place.dir / "users"
    users.write_text("nina:{PLAIN}long enough\nnils:{PLAIN}long enough\n")
    conf = place.dir / "forward.conf"
    conf.write_text(place.conf.read_text().replace("users system",
                                                   f"users {users}")
                    + f"user user38\nmailbox-owner {OWNER}\ndkim-sign off\n"
                    f"forward {place.dir}/forward/%u\n"
                    f"relay smtp://127.0.0.1:{port}?tls=never\n")
    queuefile.make(place.queue, sender="carol@example.com",
                   client="192.0.2.9", recipients=[queuefile.recipient(
                       user, "u", given=f"{user}@example.org")])
    for _ in range(3):
        done = subprocess.run(
            [BUILD / "smtpd/smtpd", "-c", conf, "-qf"], text=True,
            capture_output=True, timeout=100, check=False)
        equal(done.returncode, status, done.stderr)
        with place.log.open("a") as log:
            log.write(done.stderr)


def box(place, path):
    """How many messages are in a mailbox, which is emptied."""
    if not path.exists():
        return 0
    count = path.read_bytes().count(b"Subject: ")
    path.unlink()
    return count


def command(place, name, package):
    """How to run a program that may only be unpacked: a copy of it, because one
    that is set-group-ID finds no libraries elsewhere."""
    program = place.dir / f"{name}.program"
    shutil.copyfile(peers.find(name, package), program)
    program.chmod(0o755)
    try:
        library = peers.files("usr/lib/libcourierauth.so.0",
                              "courier-authlib")[0].parent
    except Skip:
        library = "/usr/lib"
    words = f"/usr/bin/env LD_LIBRARY_PATH={library} {program}"
    probe = subprocess.run([*words.split(), "-v"], capture_output=True,
                           stdin=subprocess.DEVNULL, text=True, check=False)
    if "shared libraries" in probe.stderr:
        raise Skip(probe.stderr.strip())
    return words


def cases_programs(place):
    """procmail, fdm, maildrop and vacation(1), as the owner of the mailbox"""
    files = top(place)
    rules = {"procmail": f"DEFAULT={files}/procmail\n",
             "fdm": FDM.format(top=files),
             "maildrop": MAILDROP.format(top=files)}
    for name, text in rules.items():
        path = files / f"{name}.rules"
        path.write_text(text)
        os.chown(path, place.uids[OWNER], place.uids[OWNER])
        path.chmod(0o600)
    for name, package, options in (
            ("procmail", "procmail", f"-m {files}/procmail.rules"),
            ("fdm", "fdm", f"-f {files}/fdm.rules -m -a in fetch"),
            ("maildrop", "maildrop", f"{files}/maildrop.rules")):
        for user in ("nina", "nils"):
            with tap.case(f"{name} for {user}"):
                program = command(place, name, package)
                forward(place, user, f'"|{program} {options}"\n')
                run(place, user)
                path = files / name
                equal(path.stat().st_uid, place.uids[OWNER], "its owner")
                equal(box(place, path), 1, "messages")
                equal(box(place, place.mail / user), 0, "in the mailbox")
    with tap.case("vacation(1)"), FakeMx() as hop:
        program = command(place, "vacation", "vacation")
        text = place.home(OWNER) / ".vacation.msg"
        text.write_text("Subject: away\n\nI am away.\n")
        os.chown(text, place.uids[OWNER], place.uids[OWNER])
        forward(place, "nina", f'\\nina, "|{program} -a nina {OWNER}"\n')
        run(place, "nina", hop.port)
        equal(box(place, place.mail / "nina"), 1, "messages")


def test_who(place):
    """A command has the owner's rights, and knows for whom the mail is"""
    out = top(place) / "said"
    forward(place, "nina", f'"|/bin/sh -c \'id -un; echo $RECIPIENT '
            f'$SENDER; cat > {out}.mail; id -u > {out}\'"\n')
    run(place, "nina")
    equal(out.read_text(), f"{place.uids[OWNER]}\n", "its user")
    out.unlink()


def test_elsewhere(place):
    """Addresses, and the mailbox besides"""
    with FakeMx() as hop:
        forward(place, "nils",
                "\\nils\nx@c.test\n")
        run(place, "nils", hop.port)
        got, = hop.wait(1)
    equal(got.rcpts, ["x@c.test"], "recipients")
    equal(box(place, place.mail / "nils"), 1, "in the mailbox")


def test_loop(place):
    """Two who forward to each other: the mail comes back, and only once"""
    with FakeMx() as hop:
        forward(place, "nina", "nils@example.org\n")
        forward(place, "nils", "nina@example.org\n")
        run(place, "nina", hop.port)
        got = hop.wait(1)
        equal([(m.sender, m.rcpts) for m in got],
              [("", ["carol@example.com"])], "the report")
        check(b"mail loop" in got[0].body, got[0].body)


def cases_distrusted(place):
    """A file that others can change is ignored: the mailbox has the mail"""
    command = f'"|/bin/touch {top(place)}/ran"\n'
    other = place.uids["user37"]
    for name, mode, uid, folder in (
            ("others write to it", 0o666, 0, 0o755),
            ("its group does", 0o664, 0, 0o755),
            ("it is somebody else's", 0o644, other, 0o755),
            ("nobody can read it", 0o600, 0, 0o755),
            ("others write to its folder", 0o644, 0, 0o777)):
        with tap.case(name):
            forward(place, "nina", command, mode, uid)
            (place.dir / "forward").chmod(folder)
            run(place, "nina")
            check(not (top(place) / "ran").exists(), "the command was run")
            equal(box(place, place.mail / "nina"), 1, "in the mailbox")
    (place.dir / "forward").chmod(0o755)


if __name__ == "__main__":
    main(tap, globals())
