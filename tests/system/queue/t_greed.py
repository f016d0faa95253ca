# SPDX-License-Identifier: ISC
"""Somebody greedy in the queue, and somebody polite beside.

Guards against local mail that keeps other people's mail waiting: by a command
that does not end, a mailbox that stays locked, or by its number alone. In each
test the greedy one's work ends only when the polite one has been served.
"""
import os
import pwd
import subprocess

from lib import mbox, queuefile
from lib.queuefile import recipient
from lib.scratch import Scratch
from lib.tap import Tap, equal
from lib.wait import wait_for

tap = Tap()
NAMES = [f"user{n}" for n in range(50)]


class Greedy(Scratch):
    """A queue with commands that end when they are told to."""

    def __init__(self, config=""):
        super().__init__("alias-owner daemon\n" + config, tls=False)
        self.queue = self.dir / "queue"
        self.go = self.dir / "go"
        self.began = self.dir / "began"
        self.began.mkdir(mode=0o777)
        self.began.chmod(0o777)
        # Users without passwords, of whom mailboxes are all that matters.
        with open(self.users, "a", encoding="utf-8") as users:
            users.writelines(f"{name}:*\n" for name in NAMES)

    def slow(self, number=0):
        """A command that notes its beginning and waits until told to end."""
        script = self.dir / f"slow{number}"
        if not script.exists():
            script.write_text(
                "#!/bin/sh\n"
                f"echo $$ >{self.began}/$$; cat >/dev/null\n"
                # It ends with the folder, too, when the test fails.
                f"until test -e {self.go} || ! test -d {self.began}; do "
                "/bin/sleep 0.2; done\n"
                f"rm {self.began}/$$\n")
            script.chmod(0o755)
        return str(script)

    def put(self, *recipients, **fields):
        """A message in the queue."""
        return queuefile.make(self.queue, sender="carol@remote.test",
                              recipients=recipients, **fields)

    def start(self, *args):
        """Starts a run of the queue; returns the Popen."""
        with open(self.dir / "runner.log", "ab") as log:
            return self.popen(self.command("smtpd", *(args or ("-q",))),
                              stdin=subprocess.DEVNULL, stdout=log,
                              stderr=log)

    def at_work(self):
        """How many of the slow commands are running."""
        return len(list(self.began.iterdir()))

    def count(self, user):
        """How many messages are in a mailbox."""
        path = self.mailbox(user)
        return len(mbox.read(path)) if path.exists() else 0

    def lock(self, *users):
        """Locks mailboxes as another program would: by a dotlock."""
        for user in users:
            lock = self.mail / f"{user}.lock"
            lock.write_text(f"{os.getpid()}\n")
            self.own()

    def end(self, run):
        """Lets the greedy ones end, and waits for the run."""
        self.go.touch()
        for lock in self.mail.glob("*.lock"):
            lock.unlink(missing_ok=True)
        equal(run.wait(90), 0, self.notes())

    def wait(self, what, text):
        """Waits for an event of the run."""
        try:
            return wait_for(what, text, 60)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.notes()}") from None


def command(path, owner="", kind="p"):
    """A recipient that is a command."""
    return recipient(path, kind=kind, given="x@example.org",
                     **({"owner": owner} if owner else {}))


def user(name):
    """A recipient that is a mailbox."""
    return recipient(name, kind="u")


def test_command_of_alias():
    """Commands of an alias that do not end keep nobody's mail waiting"""
    with Greedy() as g:
        greedy = [g.put(command(g.slow())) for _ in range(60)]
        other = g.dir / "other"
        g.put(command(f"/bin/sh -c 'cat >{other}'"))
        g.put(user("bob"), id="Z" * 12)
        run = g.start()
        g.wait(lambda: g.count("bob") == 1, "bob's mail")
        g.wait(other.exists, "another command of the aliases")
        g.wait(lambda: g.at_work() == 2, "two at work")
        g.wait(lambda: queuefile.ids(g.queue) == sorted(greedy),
               "the others' mail to be settled")
        g.end(run)
        equal(queuefile.ids(g.queue), [])


def test_commands_of_user():
    """All commands of one user together have two turns at a time"""
    me = pwd.getpwuid(os.geteuid()).pw_name
    with Greedy() as g:
        owner = g.user.pw_name if g.user else me
        for n in range(40):
            g.put(command(g.slow(n % 4), owner),
                  command(g.slow(n % 4 + 4), owner))
        g.put(user("bob"), id="Z" * 12)
        run = g.start()
        g.wait(lambda: g.count("bob") == 1, "bob's mail")
        g.wait(lambda: g.at_work() == 2, "two at work")
        # What is started next is started now: the queue has been looked at.
        g.put(user("bob"))
        g.wait(lambda: g.count("bob") == 2, "bob's second mail")
        equal(g.at_work(), 2, "commands at work")
        g.end(run)
        equal(queuefile.ids(g.queue), [])


def test_commands_of_many():
    """Many slow commands leave places for mailboxes and for next hops"""
    with Greedy("queue-concurrency 8\n") as g:
        for n in range(12):
            for _ in range(3):
                g.put(command(g.slow(n)))
        g.put(user("bob"), id="Z" * 12)
        run = g.start()
        g.wait(lambda: g.count("bob") == 1, "bob's mail")
        g.wait(lambda: g.at_work() == 2, "a quarter of all places at work")
        g.end(run)
        equal(queuefile.ids(g.queue), [])


def test_locked_mailbox():
    """A mailbox that stays locked keeps no other mailbox waiting"""
    with Greedy() as g:
        g.lock("alice")
        for _ in range(60):
            g.put(user("alice"))
        g.put(user("bob"), id="Z" * 12)
        run = g.start()
        g.wait(lambda: g.count("bob") == 1, "bob's mail")
        equal(g.count("alice"), 0, "messages in the locked mailbox")
        g.end(run)
        g.run_queue()
        equal(g.count("alice"), 60)


def test_locked_mailboxes():
    """Many locked mailboxes keep no other waiting, in the same message too"""
    with Greedy() as g:
        g.lock(*NAMES[:20])
        for _ in range(3):
            g.put(*map(user, NAMES[:20]), user("alice"))
        g.put(user("bob"), id="Z" * 12)
        run = g.start()
        g.wait(lambda: g.count("bob") == 1, "bob's mail")
        g.wait(lambda: g.count("alice") == 3, "mail behind locked mailboxes")
        equal(g.count(NAMES[0]), 0, "messages in a locked mailbox")
        g.end(run)
        g.run_queue()
        equal(g.count(NAMES[19]), 3)


def test_more_than_fits():
    """Mail beyond what is kept in memory of slow owners stops nobody"""
    with Greedy("queue-concurrency 16\n") as g:
        for n in range(12):
            for _ in range(110):
                g.put(command(g.slow(n)))
        last = [g.put(user("bob"), id="Z" * 11 + letter) for letter in "XYZ"]
        run = g.start()
        g.wait(lambda: g.count("bob") == len(last), "bob's mail")
        run.terminate()
        g.end(run)


def test_behind_slow():
    """A message for a slow command and a mailbox gets to the mailbox"""
    with Greedy() as g:
        for _ in range(120):
            g.put(command(g.slow()))
        g.put(command(g.slow()), user("bob"), id="Z" * 12)
        run = g.start()
        g.wait(lambda: g.count("bob") == 1, "bob's mail")
        run.terminate()
        g.end(run)


def test_many_users():
    """A message for many users gets to each of them once"""
    with Greedy() as g:
        g.put(*map(user, NAMES), *map(user, NAMES[:5]))
        equal(g.start().wait(60), 0)
        for n, name in enumerate(NAMES):
            equal(g.count(name), 2 if n < 5 else 1, name)


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
