# SPDX-License-Identifier: ISC
"""One uid for one level of trust: smtpd --check warns of parts of the server
that run as one user, says what to type, and is content when all differ."""
import os

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


def test_landlock():
    """It says what the kernel has to confine a mailbox process"""
    with Scratch() as scratch:
        said = scratch.call("smtpd", "--check").stdout
    check("ok: the kernel has " in said and "Landlock" in said, said)


if __name__ == "__main__":
    if not AM_ROOT:
        for name in ("test_apart", "test_together", "test_mail",
                     "test_unused"):
            tap.skip(globals().pop(name).__doc__, "needs root")
    tap.run(globals())
    tap.finish()
