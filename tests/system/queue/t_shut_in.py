# SPDX-License-Identifier: ISC
"""Processes that read what others have written can do nothing with it.

Those that read a ~/.forward, send a message on by it, wait for a user's command,
take a message as sendmail, list the queue, or look for a mark: in a hostile
build each tries what somebody would who had taken it over. A second build,
which is not confined, shows that each of it can be done.
"""
import re
import subprocess
import tempfile
from pathlib import Path

from lib import hostile, queuefile
from lib.local import main
from lib.tap import Skip, Tap, equal

tap = Tap()

ATTEMPTS = ["write to a file", "make a file", "remove a file", "move a file",
            "cut a file", "run a program", "call a port", "signal somebody",
            "read a file"]
WHO = ["reader", "resender", "judge", "waiter", "sender", "lister"]
READS = ["read a file"]
ASKS = ["call a port", "read a file"]
ENDS = ["signal somebody"]

HELPERS = r"""
#include "common/log/log.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int
try_program(void)
{
	char *words[] = { (char *)(size_t)"true", NULL };
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		execv("/bin/true", words);
		_exit(1);
	}
	waitpid(pid, &status, 0);
	return status == 0;
}

static int
try_port(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_port = htons(1) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int result = connect(fd, (struct sockaddr *)&in, sizeof(in));
	int saved = errno;
	close(fd);
	return result == 0 || saved == ECONNREFUSED;
}

static int
try_file(const char *name, int flags)
{
	int fd = open(name, flags | O_CLOEXEC, 0600);

	if (fd != -1) {
		close(fd);
	}
	return fd != -1;
}

static void
taken_over(const char *who, const char *user)
{
	char name[6][512];
	static const char *const names[6] = { ".ssh/authorized_keys",
		"made", "removed", "moved", "cut", "went" };

	for (int i = 0; i < 6; i++) {
		snprintf(name[i], sizeof(name[i]), "@DIR@/home/%s/%s%s", user,
		    names[i], i == 0 ? "" : who);
	}
	log_warn("taken over: %s %d%d%d%d%d%d%d%d%d", who,
	    try_file(name[0], O_WRONLY | O_CREAT | O_APPEND),
	    try_file(name[1], O_WRONLY | O_CREAT | O_EXCL),
	    unlink(name[2]) == 0, rename(name[3], name[5]) == 0,
	    try_file(name[4], O_WRONLY | O_TRUNC), try_program(), try_port(),
	    kill(@PID@, 0) == 0, try_file("/etc/passwd", O_RDONLY));
}
"""

# Where each of them is taken over.
PLACES = {
    "smtpd/local/forward.c": (
        '#include "smtpd/local/forward.h"\n',
        "\tstruct stat directory, file;\n",
        '\n\ttaken_over("reader", a->name);\n'),
    "smtpd/local/resend.c": (
        '#include "smtpd/local/resend.h"\n',
        "\tmake_envelope(r, &mail);\n",
        '\ttaken_over("resender", r->user);\n'),
    "smtpd/local/pipe.c": (
        '#include "smtpd/local/pipe.h"\n',
        "\tbool in_time = wait_for_end(&r, &status);\n",
        '\ttaken_over("waiter", c->owner->name);\n'),
    "smtpd/local/junk.c": (
        '#include "smtpd/local/junk.h"\n',
        "\tstruct field f;\n",
        '\n\ttaken_over("judge", getenv("LOGNAME"));\n'),
    "smtpd/send/submit.c": (
        '#include "smtpd/send/submit.h"\n',
        "\tunsigned has = fixup_survey(s->head, s->head_len);\n",
        '\ttaken_over("sender", getenv("LOGNAME"));\n'),
    "smtpd/admin/mailq.c": (
        '#include "smtpd/admin/manage.h"\n',
        "\tstruct queue_file f;\n",
        '\ttaken_over("lister", getenv("LOGNAME"));\n'),
}
AT_LARGE = {"common/process/sandbox.c": [
    ("\tif (landlock_abi() == 0) {\n\t\treturn 0;\n\t}\n\tif (folder",
     "\tif (task_keeps[task] < UINT16_MAX) {\n\t\treturn 0;\n\t}\n\tif (folder")]}


class Taken:
    """A hostile smtpd, and somebody of each user's to be signalled."""

    def __init__(self, place, edits):
        self.place = place
        self.user = next(place.unused)
        self.uid = place.uids[self.user]
        self.victim = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE,
                                       user=self.uid)
        self.folder = tempfile.TemporaryDirectory(dir=place.dir)
        Path(self.folder.name).chmod(0o755)
        helpers = HELPERS.replace("@DIR@", str(place.dir)).replace(
            "@PID@", str(self.victim.pid))
        changes = {source: [(own, own + helpers), (at, at + attack)]
                   for source, (own, at, attack) in PLACES.items()}
        self.smtpd = hostile.build(Path(self.folder.name), "smtpd",
                                   {**changes, **edits})
        self.conf = place.dir / "taken.conf"
        self.conf.write_text(place.conf.read_text() + "user user39\n"
                             "log stderr\nresolver 127.0.0.1:1\n"
                             f"junk {place.mail}/%u.junk\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.victim.kill()
        self.victim.communicate()
        self.folder.cleanup()

    def prepare(self):
        """Files of the user's."""
        home = self.place.home(self.user)
        (home / ".ssh").mkdir(exist_ok=True)
        (home / ".ssh/authorized_keys").write_text("x\n")
        for who in WHO:
            for name in ("made", "went"):
                (home / f"{name}{who}").unlink(missing_ok=True)
            for name in ("removed", "moved", "cut"):
                (home / f"{name}{who}").write_text("x\n")
        subprocess.run(["chown", "-R", self.user, home], check=True)

    def run(self, *words, stdin="", user=None):
        """Runs it; answers what it says, and what was done, by process."""
        self.prepare()
        done = subprocess.run(
            [self.smtpd, "-c", self.conf, *words], input=stdin, text=True,
            capture_output=True, timeout=100, check=False, user=user, cwd="/",
            env={"LOGNAME": self.user, "PATH": "/usr/bin:/bin"})
        self.place.log.open("a").write(done.stderr)
        said = re.findall(r"taken over: (\w+) (\d+)", done.stderr)
        # Of several of a kind the first one counts.
        return done, {who: [what for what, bit in zip(ATTEMPTS, bits)
                            if bit == "1"] for who, bits in said[::-1]}

    def deliver(self, kind, text, **owner):
        """Has a message delivered by the runner; answers the same."""
        queuefile.make(self.place.queue, sender="carol@example.com",
                       client="192.0.2.9", recipients=[queuefile.recipient(
                           text, kind, **owner,
                           given=f"{self.user}@example.org")])
        done, could = self.run("-qf")
        equal(done.returncode, 0, done.stderr)
        return could

    def all(self):
        """What each of the processes could do."""
        self.place.forward(self.user, f"\\{self.user}, x@c.test\n")
        could = self.deliver("u", self.user)
        could |= self.deliver("p", "/bin/cat", owner=self.user)
        could |= self.run("-oi", "bob", stdin="Subject: x\n\nx\n",
                          user=self.uid)[1]
        could |= self.run("-bp")[1]
        return could


def need_kernel(place):
    """Raises Skip where the kernel cannot do all of it."""
    said = subprocess.run(
        [hostile.BUILD / "smtpd/smtpd", "-c", place.conf, "--check"],
        capture_output=True, text=True, check=False).stdout
    version = re.search(r"Landlock \(version (\d+)\)", said)
    if not version or int(version[1]) < 6:
        raise Skip("the kernel has no Landlock of version 6")


def test_confined(place):
    """They write nothing, run nothing, and signal nobody"""
    need_kernel(place)
    with Taken(place, {}) as taken:
        equal(taken.all(), {"reader": READS, "resender": ASKS, "judge": [],
                            "waiter": ENDS,
                            "sender": ASKS, "lister": READS},
              "what they could do")


def test_at_large(place):
    """Without that, each of them can do all of it"""
    need_kernel(place)
    with Taken(place, AT_LARGE) as taken:
        could = taken.all()
        for who in WHO:
            equal(could.get(who), ATTEMPTS, f"what the {who} could do")


if __name__ == "__main__":
    main(tap, globals())
