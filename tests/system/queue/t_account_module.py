# SPDX-License-Identifier: ISC
"""Accounts that only a module of nsswitch.conf(5) knows, as that of LDAP does:
a runner, which can open no library after its start, finds them, too. Else mail
that waits for them would be returned."""
import os
import subprocess
import sys
from pathlib import Path

from lib import mbox, queuefile
from lib.namespace import again
from lib.scratch import Scratch, preloadable, tool
from lib.shim import build_shim
from lib.tap import Skip, Tap, equal

tap = Tap()
INSIDE = "inside"
SOURCE = """
#include <errno.h>
#include <nss.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum nss_status
_nss_faraway_getpwnam_r(const char *name, struct passwd *pw, char *buffer,
    size_t size, int *error)
{
    (void)buffer;
    (void)size;
    if (access(getenv("FARAWAY"), F_OK) == 0) {
        *error = ENOENT;
        return NSS_STATUS_UNAVAIL;
    }
    if (strcmp(name, "traveller") != 0) {
        return NSS_STATUS_NOTFOUND;
    }
    *pw = (struct passwd){ .pw_name = "traveller", .pw_passwd = "x",
        .pw_uid = 65534, .pw_gid = 65534, .pw_gecos = "",
        .pw_dir = "/nonexistent", .pw_shell = "/bin/false" };
    return NSS_STATUS_SUCCESS;
}
"""


class Site(Scratch):
    """A folder with such a module, which can be silent."""

    def __init__(self):
        super().__init__("users system", as_root=True, users=False, tls=False)
        self.silent = self.dir / "lib/silent"

    def module(self):
        """Makes it, and has the C library ask it."""
        folder = self.dir / "lib"
        folder.mkdir()
        (folder / "module.c").write_text(SOURCE)
        build_shim(folder / "libnss_faraway.so.2", folder / "module.c")
        conf = folder / "nsswitch.conf"
        conf.write_text("passwd: files faraway\ngroup: files\n")
        subprocess.run(["mount", "--bind", conf, "/etc/nsswitch.conf"],
                       check=True)

    def environment(self):
        return dict(super().environment(), FARAWAY=str(self.silent),
                    LD_LIBRARY_PATH=str(self.dir / "lib"))

    def queue_with(self, user):
        """A run of the queue with a message to somebody; what is left."""
        queuefile.make(self.dir / "queue", sender="a@far.test",
                       recipients=[f"{user}@example.org"])
        self.call("smtpd", "-qf")
        return [(m.fields["sender"], m.states())
                for m in queuefile.messages(self.dir / "queue")]


def test_delivered(site):
    """Mail that waits for a user that only a module knows is delivered"""
    equal(site.queue_with("traveller"), [], "the queue")
    equal(len(mbox.read(site.mailbox("traveller"))), 1, "messages")


def test_waits(site):
    """Where the module cannot ask, mail waits, and is not returned"""
    site.silent.touch()
    equal(site.queue_with("traveller"),
          [("a@far.test", ["waiting"])], "the queue")
    site.silent.unlink()
    site.call("smtpd", "-qf")
    equal(len(mbox.read(site.mailbox("traveller"))), 2, "messages")


def test_nobody(site):
    """A module that says no is believed"""
    equal(site.queue_with("stranger"), [("", ["waiting"])], "the queue")


def test_sssd(site):
    """--check warns of sssd, which says no where it cannot ask"""
    conf = Path("/etc/nsswitch.conf")
    before = conf.read_text()
    for sources, warned in (("files faraway", False), ("files sss", True)):
        conf.write_text(f"passwd: {sources}\ngroup: files\n")
        equal("{PAM}" in site.call("smtpd", "--check").stdout, warned, sources)
    conf.write_text(before)


def main():
    """In a mount namespace, for its nsswitch.conf."""
    if sys.argv[1:] == [INSIDE]:
        with Site() as site:
            site.module()
            tap.run(globals(), site)
        tap.finish()
    try:
        if os.geteuid() != 0 or not Path("/etc/nsswitch.conf").exists():
            raise Skip("needs root, and an nsswitch.conf")
        if not tool("cc"):
            raise Skip("no C compiler for the module")
        preloadable()
        again(tap, INSIDE, ("mount", "--bind", "/dev/null", "/etc/hosts"))
    except Skip as reason:
        tap.skip("accounts that a module knows", str(reason))
    tap.finish()


if __name__ == "__main__":
    main()
