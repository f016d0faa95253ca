# SPDX-License-Identifier: ISC
"""One uid for one level of trust: smtpd --check warns of parts of the server
that run as one user, says what to type, and is content when all differ."""
import grp
import os
import pwd

from lib.scratch import AM_ROOT, Scratch
from lib.tap import Tap, check, equal

tap = Tap()
APART = {"user": "daemon", "mailbox-owner": "bin", "alias-owner": "games",
         "oauth-owner": "sys", "oauth-command": "/bin/true"}
# What is changed of that, and of which key the warning has to speak.
TOGETHER = [
    ({"alias-owner": "daemon"}, "user"),
    ({"mailbox-owner": "daemon"}, "user"),
    ({"oauth-owner": "daemon"}, "user"),
    ({"oauth-owner": "games"}, "oauth-owner"),
    ({"mailbox-owner": "games"}, "alias-owner"),
]


def warnings(changes):
    """What --check warns of about users, as root."""
    config = "".join(f"{key} {value}\n"
                     for key, value in {**APART, **changes}.items())
    with Scratch(config, as_root=True, users=False) as scratch:
        scratch.users.touch(mode=0o600)
        said = scratch.call("smtpd", "--check").stdout
    return [line for line in said.splitlines()
            if line.startswith("warning:") and "useradd" in line]


def test_apart():
    """All different: no warning"""
    equal(warnings({}), [], "warnings")


def test_together():
    """Two that are one user are named, with what to type"""
    for changes, key in TOGETHER:
        found = warnings(changes)
        equal(len(found), 1, f"warnings with {changes}: {found}")
        check(f"set the key {key} " in found[0], found[0])


def test_mail():
    """Mailboxes of users without an account should not belong to mail"""
    found = warnings({"mailbox-owner": "mail"})
    check(len(found) == 1 and "_restante-mail" in found[0], str(found))


def test_unused():
    """What the configuration does not use is not warned of"""
    equal(warnings({"users": "system", "mailbox-owner": "daemon"}), [],
          "warnings with users system")


def folder_warnings(change):
    """What is said of a folder of mailboxes that a change was made to."""
    with Scratch("mailbox %DIR/mail/in/%u\nmailbox-owner bin",
                 as_root=True) as scratch:
        folder = scratch.mail / "in"
        folder.mkdir()
        scratch.mail.chmod(0o755)
        os.chown(scratch.mail, 0, 0)
        os.chown(folder, 0, grp.getgrnam("mail").gr_gid)
        folder.chmod(0o2775)
        if change:
            change(folder)
        said = scratch.call("smtpd", "--check").stdout
    return [line.replace(str(folder), "IN") for line in said.splitlines()
            if "do not get its group" in line]


def test_folder_group():
    """A folder of mailboxes that gives its group no longer is named"""
    uid = pwd.getpwnam("games").pw_uid
    equal(folder_warnings(lambda folder: os.chown(folder, 0, -1)), [],
          "said of one that is root's")
    found = folder_warnings(lambda folder: os.chown(folder, uid, -1))
    equal(len(found), 1, f"one that is not: {found}")
    check(found[0].endswith("type: chown root IN"), found[0])
    found = folder_warnings(lambda folder: os.chown(folder.parent, uid, -1))
    equal(len(found), 1, f"one whose parent is not: {found}")
    check("type: namei -l IN" in found[0], found[0])
    equal(folder_warnings(lambda folder: folder.chmod(0o755)), [],
          "said of one that has no group to give")


def test_landlock():
    """It says what the kernel has to confine a mailbox process"""
    with Scratch() as scratch:
        said = scratch.call("smtpd", "--check").stdout
    check("ok: the kernel has " in said and "Landlock" in said, said)
    if "the kernel has Landlock" in said:
        check("sendmail can write to no file" in said, said)


if __name__ == "__main__":
    if not AM_ROOT:
        for name in ("test_apart", "test_together", "test_mail",
                     "test_unused", "test_folder_group"):
            tap.skip(globals().pop(name).__doc__, "needs root")
    tap.run(globals())
    tap.finish()
