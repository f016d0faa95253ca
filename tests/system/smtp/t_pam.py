# SPDX-License-Identifier: ISC
"""PAM, in a build of its own: who gets in is what its modules say, and those
that are slow or broken are temporary trouble, never a wrong password."""
import os
import pwd
import shutil
import signal
from pathlib import Path

from lib import with_pam
from lib.peers import files
from lib.player import PASSWORDS
from lib.scratch import BUILD, Instance, client_context
from lib.talk import plain
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
GOOD, OTHER = "right it is", "another one"

# nobody: whose the programs are; games: a slow module; daemon: no account.
SERVICE = """\
auth [success=1 default=ignore] {system}/pam_succeed_if.so quiet user != games
auth required {system}/pam_exec.so quiet {dir}/slow
auth [success=1 default=ignore] {system}/pam_succeed_if.so quiet user != bin
auth required {system}/pam_exec.so quiet /bin/false
auth required {matrix} passdb={dir}/passwords
account required {system}/pam_succeed_if.so quiet user != daemon
account required {matrix} passdb={dir}/passwords
"""


WRAPPER = files("usr/lib/*/libpam_wrapper.so*", "libpam-wrapper")[0]
MATRIX = files("usr/lib/*/pam_wrapper/pam_matrix.so",
                        "libpam-wrapper")[0]


class Wrapped(Instance):
    """Both servers with PAM, whose service and modules are ours."""

    programs = None

    def start(self):
        folder = self.dir / "pam"
        folder.mkdir()
        (folder / "restante").write_text(SERVICE.format(
            dir=self.dir, matrix=MATRIX, system=with_pam.modules()))
        (self.dir / "passwords").write_text("".join(
            f"{user}:{GOOD}:restante\n" for user in
            ("nobody", "daemon", "games", "bin", "root", "ghost-of-nobody",
             "alice", "bob", "dave", "eve")))
        slow = self.dir / "slow"
        slow.write_text(f"#!/bin/sh\necho $$ > {self.dir}/pids/$$\n"
                        "exec sleep 1000\n")
        (self.dir / "pids").mkdir()
        self.own()
        slow.chmod(0o755)
        self.people()
        super().start()

    def people(self):
        """The users are the system's accounts."""

    def __exit__(self, *details):
        # pam_exec gives its programs sessions of their own, which outlive it.
        for path in (self.dir / "pids").glob("*"):
            try:
                os.kill(int(path.name), signal.SIGKILL)
            except ProcessLookupError:
                pass
        super().__exit__(*details)
        self.forget()

    def forget(self):
        """Removes what libpam_wrapper has left of processes that were killed:
        folders with a copy of our service."""
        for copy in Path("/tmp").glob("pam.?/restante"):
            try:
                if str(self.dir) in copy.read_text():
                    shutil.rmtree(copy.parent)
            except OSError:
                pass            # another user's

    def program(self, name):
        copy = self.dir / "bin" / name
        copy.parent.mkdir(exist_ok=True)
        if not copy.exists():
            copy.write_bytes((self.programs / name / name).read_bytes())
            copy.chmod(0o755)
        return str(copy)

    def environment(self):
        return dict(super().environment(), LD_PRELOAD=str(WRAPPER),
                    PAM_WRAPPER="1",
                    PAM_WRAPPER_SERVICE_DIR=str(self.dir / "pam"))


def smtp(server, user, password, mechanism="PLAIN"):
    """The answer to AUTH."""
    with server.connect(server.submissions, client_context()) as talker:
        talker.hello()
        talker.send(f"AUTH {mechanism} {plain(user, password)}\r\n")
        return talker.reply().last


def pop3(server, user, password):
    """The answer to USER and PASS."""
    with server.connect(server.pop3s, client_context()) as talker:
        talker.pop("+OK")
        talker.pop("+OK", "USER " + user)
        talker.send(f"PASS {password}\r\n")
        return talker.line()


def refused(server, user, password):
    """Both servers must call it a wrong password."""
    answer = smtp(server, user, password)
    check(answer.startswith("535 5.7.8"), f"SMTP, {user}: {answer}")
    answer = pop3(server, user, password)
    check(answer.startswith("-ERR [AUTH]"), f"POP3, {user}: {answer}")


def temporary(server, user):
    """Both servers must call it trouble of theirs."""
    answer = smtp(server, user, GOOD)
    check(answer.startswith("454 4.7.0"), f"SMTP, {user}: {answer}")
    answer = pop3(server, user, GOOD)
    check(answer.startswith("-ERR [SYS/TEMP]"), f"POP3, {user}: {answer}")


def test_good(server):
    """Who has the password that PAM knows gets in, by either server"""
    answer = smtp(server, "nobody", GOOD)
    check(answer.startswith("235 2.7.0"), answer)
    answer = smtp(server, "Nobody@example.org", GOOD)
    check(answer.startswith("235 2.7.0"), answer)
    answer = pop3(server, "nobody", GOOD)
    check(answer.startswith("+OK"), answer)


def test_wrong(server):
    """Another password, an unknown user, root: the same words"""
    refused(server, "nobody", OTHER)
    answer = smtp(server, "nobody", "")
    check(answer.startswith("535 5.7.8"), answer)
    refused(server, "ghost-of-nobody", GOOD)
    refused(server, "no-such-user", GOOD)
    refused(server, "a/b", GOOD)
    refused(server, "root", GOOD)


def test_account(server):
    """An account that PAM says may not be used is refused"""
    refused(server, "daemon", GOOD)


def test_broken(server):
    """A module that fails is temporary trouble"""
    temporary(server, "bin")
    wait_for(lambda: "PAM cannot check bin" in server.smtpd.text(),
             "the reason in the log")


def test_slow(server):
    """A module that does not answer is ended: temporary trouble"""
    answer = smtp(server, "games", GOOD)
    check(answer.startswith("454 4.7.0"), answer)
    wait_for(lambda: "PAM has not answered within" in server.smtpd.text(),
             "the reason in the log")
    answer = smtp(server, "nobody", GOOD)
    check(answer.startswith("235 2.7.0"), answer)


def test_offer(server):
    """What PAM cannot check is not offered"""
    with server.connect(server.submissions, client_context()) as talker:
        words = talker.hello().words()
        equal([w for w in words if w.startswith("AUTH ")],
              ["AUTH PLAIN LOGIN"], "offer")


def test_logs(server):
    """No password reaches a log"""
    text = server.smtpd.text() + server.pop3d.text()
    for word in (GOOD, OTHER, plain("nobody", GOOD)):
        check(word not in text, f"the log holds {word!r}")


class WithFile(Wrapped):
    """The same with a users file."""

    def people(self):
        """alice's password is PAM's, dave's has one of his own as well, eve's
        is for POP3 alone; bob's is not PAM's business."""
        self.passwd("bob", PASSWORDS["bob"])
        line = self.users.read_text().strip()
        own = line.partition(":")[2]
        self.users.write_text("\n".join([
            line, "alice:{PAM}", f"dave:{own} {{PAM}}", "eve:{PAM}::for=pop3",
            "bin:{PAM}:nobody", "root:{PAM}", "zoe:{PAM}"]) + "\n")
        self.own()


def file_good(server):
    """{PAM} in the users file: the password that PAM knows, or one there"""
    for user in ("alice", "Alice@example.org", "dave"):
        answer = smtp(server, user, GOOD)
        check(answer.startswith("235 2.7.0"), f"{user}: {answer}")
    answer = smtp(server, "dave", PASSWORDS["bob"])
    check(answer.startswith("235 2.7.0"), answer)
    answer = pop3(server, "eve", GOOD)
    check(answer.startswith("+OK"), answer)


def file_wrong(server):
    """PAM lets in nobody whose line does not say so, nor beyond its terms"""
    for user, password in (("alice", OTHER), ("dave", OTHER), ("bob", GOOD),
                           ("bob", OTHER), ("carol", GOOD), ("root", GOOD),
                           ("zoe", GOOD), ("alice", PASSWORDS["bob"])):
        refused(server, user, password)
    answer = smtp(server, "eve", GOOD)
    check(answer.startswith("535 5.7.8"), answer)


def file_outage(server):
    """While PAM cannot be asked, the users are there, and their mail comes"""
    temporary(server, "bin")
    with server.connect(server.smtp) as talker:
        talker.hello()
        talker.expect("250 ", "MAIL FROM:<x@example.com>")
        talker.expect("250 ", "RCPT TO:<bin@example.org>")
        talker.expect("550 ", "RCPT TO:<ghost@example.org>")
    answer = smtp(server, "bob", PASSWORDS["bob"])
    check(answer.startswith("235 2.7.0"), answer)


def file_offer(server):
    """No mechanism is offered that needs what only PAM has"""
    test_offer(server)


def run():
    """All of it, if it can be built and there are such accounts."""
    if "-fsanitize" in (BUILD / "Makefile").read_text():
        raise Skip("the wrapper and sanitizers exclude each other")
    try:
        for user in ("nobody", "daemon", "games", "bin"):
            pwd.getpwnam(user)
    except KeyError as error:
        raise Skip(str(error)) from None
    Wrapped.programs = with_pam.build()
    with Wrapped("users system\npenalties off", users=False) as server:
        tap.run(globals(), server)
    with WithFile("penalties off", users=False) as server:
        tap.run({"test_" + key: value for key, value in globals().items()
                 if key.startswith("file_")}, server)
    tap.finish()


if __name__ == "__main__":
    run()
