# SPDX-License-Identifier: ISC
"""Room on the disk: a stranger holds none after RSET or a message, mail is
refused while the disk is short, announced or not; and a session that has been
taken over gets nothing delivered that is too large or holds a NUL."""
import os
import tempfile
from pathlib import Path

from lib import hostile, mbox, proc
from lib.player import PASSWORDS
from lib.scratch import Instance, Scratch
from lib.shim import build_shim, shimmed
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
LARGE = 3 * 1024 * 1024
DELIVER = "switch (deliver(in)) {"
LIMIT = "return sandbox_file_size(most);"
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/statfs.h>
/* The disk is full from the second look on. */
int fstatfs(int fd, struct statfs *fs)
{
	static int calls;
	int (*next)(int, struct statfs *) =
	    (int (*)(int, struct statfs *))dlsym(RTLD_NEXT, "fstatfs");
	int result = next(fd, fs);
	if (calls++ > 0) {
		fs->f_bavail = 0;
	}
	return result;
}
"""


def body_sizes(pid, queue):
    """The sizes of the files without a name below the queue."""
    return [os.stat(f"/proc/{pid}/fd/{number}").st_size
            for number, target in proc.descriptors(pid).items()
            if target.startswith(f"{queue}/") and target.endswith("(deleted)")]


def held(server):
    """Octets that all body files of the server hold."""
    return sum(body_sizes(server.smtpd.pid, server.dir / "queue"))


def begin(talker):
    """A transaction up to the first octet."""
    talker.expect("250 ", "MAIL FROM:<a@example.com>")
    talker.expect("250 ", "RCPT TO:<bob@example.org>")


def cases_given_back(server):
    """The room is given back, and the session stays"""
    lines = b"x" * 78 + b"\r\n"
    with tap.case("after RSET", server.notes), \
            server.connect(server.smtp) as talker:
        talker.hello()
        begin(talker)
        talker.send(b"BDAT %d\r\n" % LARGE + b"x" * (LARGE - 2) + b"\r\n")
        talker.expect("250 ")
        check(held(server) > LARGE // 2, "a control: nothing was written")
        talker.expect("250 ", "RSET")
        equal(held(server), 0, "octets held")
        talker.expect("221 ", "QUIT")
    with tap.case("after a message", server.notes), \
            server.connect(server.smtp) as talker:
        talker.hello()
        begin(talker)
        talker.expect("354 ", "DATA")
        talker.send(lines * (LARGE // 80))
        talker.expect("250 ", ".")
        equal(held(server), 0, "octets held")
        equal(len(mbox.read(server.mailbox("bob"))), 1, "messages")
        server.mailbox("bob").unlink()
    with tap.case("while one that is too big still comes", server.notes), \
            server.connect(server.smtp) as talker:
        talker.hello()
        begin(talker)
        talker.expect("354 ", "DATA")
        talker.send(lines * (5 * 1024 * 1024 // 80))
        wait_for(lambda: held(server) == 0, "the room to be given back")
        talker.expect("552 ", ".")


def test_minimum_free():
    """Without room MAIL is refused, with a size and without"""
    with Scratch("minimum-free 4096T") as scratch:
        talker, _ = scratch.session()
        with talker:
            talker.hello()
            talker.expect("452 4.3.1", "MAIL FROM:<a@example.com>")
            talker.expect("452 4.3.1", "MAIL FROM:<a@example.com> SIZE=5")


def test_gets_full():
    """The disk gets full while a message comes: 452, and no octet is held"""
    with Scratch() as scratch:
        source, library = scratch.dir / "shim.c", scratch.dir / "shim.so"
        source.write_text(SHIM)
        build_shim(library, source)
        scratch.own()
        env = shimmed(scratch.environment(), library)
        scratch.environment = lambda: env
        talker, _ = scratch.session()
        with talker:
            talker.hello()
            begin(talker)
            talker.expect("354 ", "DATA")
            talker.send((b"x" * 78 + b"\r\n") * (LARGE // 80))
            talker.expect("452 4.3.1", ".")
        check(not scratch.mailbox("bob").exists(), "delivered")


class Taken(Instance):
    """Servers whose smtpd is a hostile build."""

    def __init__(self, built, config):
        self.built = built
        super().__init__(config)

    def program(self, name):
        """The hostile build, where the user of the test can run it."""
        return str(self.built) if name == "smtpd" else super().program(name)


def cases_taken_over():
    """A session that has been taken over changes what it hands on"""
    body = "in->session->connection->body"
    changes = {
        "grows to 3 GiB": f"(void)!ftruncate({body}, 3LL << 30);",
        "grows beyond the limit": f"(void)!ftruncate({body}, 6 << 20);",
        "knows no limit and grows to 3 GiB":
            f"(void)!ftruncate({body}, 3LL << 30);",
        "writes a NUL": f'(void)!pwrite({body}, "", 1, 40);',
        "does nothing": ";",
    }
    for name, change in changes.items():
        with tap.case(f"a session that {name}"), \
                tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            edits = {"smtpd/session/incoming_deliver.c": [
                (DELIVER, change + DELIVER)]}
            if "no limit" in name:
                edits["common/server/child.c"] = [(LIMIT, "return 0;")]
            built = hostile.build(Path(folder), "smtpd", edits)
            with Taken(built, "size-limit 2M") as server, \
                    server.connect(server.smtp) as talker:
                talker.hello()
                begin(talker)
                talker.expect("354 ", "DATA")
                good = name == "does nothing" or name.startswith("grows")
                talker.expect("250 " if good else "451 4.3.0",
                              "Subject: x\r\n\r\nx\r\n.")
                there = server.mailbox("bob").exists() and \
                    server.mailbox("bob").stat().st_size
                check(0 < there < 10000 if good else not there,
                      f"{there} octets in the mailbox")


def cases_changed():
    """It changes what was looked at already: the queue takes no such thing"""
    commit = "int result = queue_commit("
    for name, change in {
            "gets longer": "(void)!ftruncate(task->fd, body.length + 40);",
            "gets shorter": "(void)!ftruncate(task->fd, body.length - 1);",
            "stays as it is": ""}.items():
        with tap.case(f"a message that {name} on its way to the queue"), \
                tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            built = hostile.build(
                Path(folder), "smtpd", {"smtpd/worker/delivery.c":
                                        [(commit, change + commit)]})
            with Taken(built, "plaintext-login always") as server, \
                    server.connect(server.submission) as talker:
                talker.hello()
                talker.login("bob", PASSWORDS["bob"])
                talker.expect("250 ", "MAIL FROM:<bob@example.org>")
                talker.expect("250 ", "RCPT TO:<x@elsewhere.example>")
                talker.expect("354 ", "DATA")
                talker.expect("451 4.3.0" if change else "250 ",
                              "Subject: x\r\n\r\nx\r\n.")
                equal(len(server.queue_files()), 0 if change else 1,
                      "files in the queue")


if __name__ == "__main__":
    with Instance("size-limit 4M") as fixture:
        cases_given_back(fixture)
    for function in (test_minimum_free, test_gets_full):
        with tap.case(function.__doc__):
            function()
    cases_taken_over()
    cases_changed()
    tap.finish()
