# SPDX-License-Identifier: ISC
"""A mailbox process that was taken over: what it tries is refused.

NOOP of a hostile build tries things and says which the kernel refused. A second
build, which enters no sandbox, shows that each of them can be done.
"""
import shutil
import tempfile
from pathlib import Path

from lib import hostile
from lib.player import PASSWORDS
from lib.scratch import Instance
from lib.tap import Tap, equal

tap = Tap()
# Descriptor 0 is no terminal: EPERM is the filter's answer, all else is that
# of a kernel which has looked at the request.
ATTEMPTS = {
    "type into a terminal": 'ioctl(0, TIOCSTI, "x") == 0 || errno != EPERM',
    "paste into a console": 'ioctl(0, TIOCLINUX, "") == 0 || errno != EPERM',
    "make a netlink socket": "socket(AF_NETLINK, SOCK_RAW, 0) != -1",
    "make a socket for the Internet": "socket(AF_INET, SOCK_STREAM, 0) != -1",
    "make a local socket": "socket(AF_UNIX, SOCK_DGRAM, 0) != -1",
    "talk to an abstract socket": "reach_abstract()",
    "have signals sent": "fcntl(1, F_SETOWN, getpid()) == 0 || errno != EPERM",
    "signal a process": "kill(getpid(), SIGWINCH) == 0",
}
HELPERS = """
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static bool
reach_abstract(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "\\0none" };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	return fd != -1 &&
	       (connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0 ||
		   errno == ECONNREFUSED);
}

static enum next
noop("""
ATTACK = {"pop3d/mailbox/transaction.c": [
    ("static enum next\nnoop(", HELPERS),
    ("\t(void)argument;\n\treturn reply_ok(s);\n",
     "\t(void)argument;\n\treturn reply_ok_with(s, \"" +
     "%d" * len(ATTEMPTS) + "\", " + ", ".join(ATTEMPTS.values()) + ");\n")]}
AT_LARGE = {"pop3d/mailbox/mailbox.c": [
    ("sandbox_mailbox() == -1", "sandbox_memory(SANDBOX_MEMORY) == -1")]}


class Taken(Instance):
    """Servers whose pop3d is a hostile build."""

    def __init__(self, built):
        self.built = built
        super().__init__()

    def program(self, name):
        if name != "pop3d":
            return super().program(name)
        copy = self.dir / "pop3d"
        if not copy.exists():
            shutil.copy(self.built, copy)
            copy.chmod(0o755)
        return str(copy)


def done_by(edits):
    """What the attacker could do, by name."""
    with tempfile.TemporaryDirectory(prefix="restante-test-") as folder:
        built = hostile.build(Path(folder), "pop3d", edits)
        with Taken(built) as server, server.connect(server.pop3) as talker:
            talker.pop_login("bob", PASSWORDS["bob"])
            could = talker.pop("+OK", "NOOP").split()[1]
            talker.pop("+OK", "QUIT")
    equal(len(could), len(ATTEMPTS), f"answers in {could!r}")
    return [name for name, bit in zip(ATTEMPTS, could) if bit == "1"]


def test_shut_in():
    """It can neither type, nor call, nor signal"""
    equal(done_by(ATTACK), [], "what a mailbox process could do")


def test_at_large():
    """Without the sandbox it can do all of that"""
    equal(done_by({**ATTACK, **AT_LARGE}), list(ATTEMPTS),
          "what it could do at large")


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
