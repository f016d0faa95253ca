# SPDX-License-Identifier: ISC
"""s-nail in the spool loses mail; by way of POP3 it does not.

s-nail keeps a copy of the mailbox that it has opened and writes it back when
it quits. What has come meanwhile it takes over only when the mailbox is then
longer than it was. So if others delete and then new mail comes, the new mail
goes and the deleted comes back. No server can prevent that: the first tests
here show what the manual warns of, and the last ones what it advises.
"""
import os
import subprocess
from urllib.parse import quote

from lib import mbox, writers
from lib.player import PASSWORDS
from lib.scratch import Instance, tool
from lib.tap import Skip, Tap, check, equal

tap = Tap()
USER = "bob"


class Snail:
    """A running s-nail that has opened a mailbox and listed it."""

    def __init__(self, server, where, *settings):
        program = tool("s-nail")
        if not program:
            raise Skip("s-nail is not there (Debian package s-nail)")
        command = [program, "-n", "-Sv15-compat", f"-Sfolder={server.dir}",
                   f"-Smbox={server.dir}/read-mail"]
        command += [f"-S{setting}" for setting in settings]
        inbox = str(server.mailbox(USER))
        if where == "spool":
            command.append(f"-Sinbox={inbox}")
        else:
            command += ["-f", where]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, cwd=server.dir, env=dict(
                server.environment(), MAIL=inbox, MAILRC="/dev/null"),
            **server.as_user())
        self.shown = b""
        self.say("from *\necho it is open\n")
        while b"it is open" not in self.shown:
            data = os.read(self.process.stdout.fileno(), 65536)
            check(data, f"s-nail has ended: {self.shown!r}")
            self.shown += data

    def say(self, text):
        """Lines of commands."""
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def end(self, text):
        """The last commands; returns what it has shown."""
        self.say(text)
        self.process.stdin.close()
        self.shown += self.process.stdout.read()
        self.process.stdout.close()
        equal(self.process.wait(60), 0, f"exit status, after {self.shown!r}")
        return self.shown


def deliver(server, name, lines):
    """A message of so many lines."""
    with server.connect(server.smtp) as talker:
        talker.hello()
        talker.submit("carol@example.com", [f"{USER}@example.org"],
                      f"X-Ledger: {name}\r\nSubject: {name}\r\n\r\n"
                      + ("x" * 60 + "\r\n") * lines)


def old_mail(server):
    """Four messages."""
    server.mailbox(USER).unlink(missing_ok=True)
    for number in range(4):
        deliver(server, f"old{number}", 40)


def delete_two(server):
    """POP3 deletes the first two."""
    with server.connect(server.pop3) as talker:
        talker.pop_login(USER, PASSWORDS[USER])
        talker.pop("+OK", "DELE 1")
        talker.pop("+OK", "DELE 2")
        talker.pop("+OK", "QUIT")


def names(server):
    """What lies in the mailbox."""
    return [writers.ID.search(message.wire).group(1).decode()
            for message in mbox.read(server.mailbox(USER))]


def test_shrink_and_append(server):
    """s-nail in the spool: mail that came after a deletion is lost"""
    old_mail(server)
    snail = Snail(server, "spool", "hold")
    delete_two(server)
    deliver(server, "new", 5)
    equal(names(server), ["old2", "old3", "new"], "before s-nail quits")
    snail.end("quit\n")
    left = names(server)
    check("new" not in left and "old0" in left, "this s-nail does better "
          f"than the manual says: {left}")


def test_shrink_and_append_nohold(server):
    """s-nail in the spool: the same when it moves read mail away"""
    old_mail(server)
    snail = Snail(server, "spool", "nohold")
    delete_two(server)
    deliver(server, "new", 5)
    snail.end("type 3\nquit\n")
    left = names(server)
    check("new" not in left and "old0" in left, "this s-nail does better "
          f"than the manual says: {left}")


def test_append(server):
    """s-nail in the spool: mail that came without a deletion is kept"""
    old_mail(server)
    snail = Snail(server, "spool", "hold")
    deliver(server, "new", 5)
    snail.end("delete 4\nquit\n")
    equal(names(server), ["old0", "old1", "old2", "new"], "messages")


def test_our_side(server):
    """s-nail in the spool: what it leaves is a mailbox that we can use"""
    old_mail(server)
    snail = Snail(server, "spool", "hold")
    delete_two(server)
    deliver(server, "new", 5)
    snail.end("delete 2\nquit\n")
    deliver(server, "newer", 5)
    left = names(server)
    with server.connect(server.pop3) as talker:
        talker.pop_login(USER, PASSWORDS[USER])
        talker.pop(f"+OK {len(left)} ", "STAT")
        for number, name in enumerate(left, 1):
            text = talker.pop_block(f"RETR {number}")
            equal(writers.ID.search(text).group(1).decode(), name, "id")
            talker.pop("+OK", f"DELE {number}")
        talker.pop("+OK", "QUIT")
    equal(names(server), [], "messages")


def by_pop3(server):
    """The address of the mailbox for s-nail."""
    return f"pop3://{USER}:{quote(PASSWORDS[USER])}@127.0.0.1:{server.pop3}/"


def test_pop3(server):
    """s-nail by POP3: mail that came meanwhile stays"""
    old_mail(server)
    snail = Snail(server, by_pop3(server), "pop3-auth=plain",
                  "pop3-no-apop", "pop3-bulk-load", "hold")
    deliver(server, "new", 5)
    shown = snail.end("delete 1 2\nquit\n")
    equal(names(server), ["old2", "old3", "new"],
          f"messages, after {shown!r:.900}")


def test_pop3_twice(server):
    """s-nail by POP3, after another POP3 session has deleted"""
    old_mail(server)
    delete_two(server)
    snail = Snail(server, by_pop3(server), "pop3-auth=plain",
                  "pop3-no-apop", "hold")
    deliver(server, "new", 5)
    shown = snail.end("type 1\ndelete 2\nquit\n")
    check(b"x" * 60 in shown, "message 1 was not shown")
    equal(names(server), ["old2", "new"], f"messages, after {shown!r:.900}")


if __name__ == "__main__":
    with Instance(tls=False) as fixture:
        tap.run(globals(), fixture)
    tap.finish()
