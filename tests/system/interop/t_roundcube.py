# SPDX-License-Identifier: ISC
"""Users of Roundcube change their passwords: the driver poppassd of its plugin
"password", run by PHP, speaks to port 106 of pop3d."""
import subprocess

from lib import logins, peers
from lib.logins import PasswordServer, kept
from lib.player import PASSWORDS
from lib.scratch import SRC
from lib.tap import Tap, check, equal

tap = Tap()
BOB = PASSWORDS["bob"]
NEW = "kiln apron velvet 73"
DRIVER = "usr/share/roundcube/plugins/password/drivers/poppassd.php"


class Server(PasswordServer):
    """These, and Roundcube's driver."""

    def roundcube(self, user, present, new, port=None):
        """What Roundcube would do, and show: [code, text]."""
        driver = peers.files(DRIVER, "roundcube-plugins")[0]
        folders = [str(peers.files(f"usr/share/php/{file}", package)[0]
                       .parents[file.count("/")])
                   for file, package in (("PEAR.php", "php-pear"),
                                         ("Net/Socket.php", "php-net-socket"))]
        done = subprocess.run(
            [peers.php(), "-n", "-d", "display_errors=stderr", "-d",
             "error_reporting=8191", "-f",
             str(SRC / "tests/lib/drivers/change_roundcube.php")],
            input=f"{present}\n{new}\n{user}".encode(), capture_output=True,
            timeout=60, check=False,
            env=dict(self.environment(), DRIVER=str(driver),
                     FOLDERS=":".join(folders),
                     PORT=str(port or self.passwords.ports[0])))
        equal((done.returncode, done.stderr), (0, b""), "PHP")
        return done.stdout.decode().rstrip("\n").split("\n")

    def opens(self, user, password):
        """True if POP3 lets the user in."""
        return logins.pop3(self, user, password).startswith("+OK")


@kept
def test_change(server):
    """The new password works by POP3 and SMTP, the old one no more"""
    check(server.opens("bob", BOB), "POP3 before")
    equal(server.roundcube("bob", BOB, NEW), ["changed"], "Roundcube")
    equal((server.opens("bob", NEW), server.opens("bob", BOB)), (True, False),
          "POP3 with the new one, and with the old one")
    check(logins.smtp(server, "bob", NEW).startswith("235 "), "SMTP")
    equal(server.roundcube("bob", NEW, BOB), ["changed"], "and back")
    check(server.opens("bob", BOB), "POP3 after that")


@kept
def test_address(server):
    """Who logs in to webmail by the address changes the same password"""
    equal(server.roundcube("bob@example.org", BOB, NEW), ["changed"],
          "Roundcube")
    check(server.opens("bob", NEW), "POP3")


@kept
def test_letters(server):
    """A password with blanks, quotes and letters that are not ASCII"""
    new = " \"Gr\u00fc\u00dfe\" aus 'Li\u00e8ge' \\ \u90ae\u4ef6 "
    equal(server.roundcube("bob", BOB, new), ["changed"], "Roundcube")
    check(server.opens("bob", new), "POP3")
    check(not server.opens("bob", new.strip()), "without the blanks")


@kept
def test_wrong(server):
    """A wrong password is refused, and nothing changes"""
    before = server.users.read_bytes()
    for user, present in (("bob", "not " + BOB), ("bob", ""),
                          ("nobody-here", BOB)):
        said = server.roundcube(user, present, NEW)
        equal(said[0], "refused", f"{user}: {said}")
        check(len(said) == 2 and said[1] != "", f"no words: {said}")
    equal(server.users.read_bytes(), before, "the file")
    check(server.opens("bob", BOB) and not server.opens("bob", NEW), "POP3")


@kept
def test_weak(server):
    """Of a weak one, Roundcube shows why it was refused"""
    before = server.users.read_bytes()
    for weak, words in (("short", "too short"), (BOB, "present one")):
        said = server.roundcube("bob", BOB, weak)
        equal(said[0], "refused", str(said))
        check(words in said[1], str(said))
    equal(server.users.read_bytes(), before, "the file")


def test_nobody(server):
    """Without a server, Roundcube says that it cannot connect"""
    gone = server.serve("pop3d", "127.0.0.1:0=passwd")
    port = gone.ports[0]
    gone.stop()
    said = server.roundcube("bob", BOB, NEW, port)
    equal(said[0], "connect", str(said))


if __name__ == "__main__":
    with Server("penalties-exempt 127.0.0.1\n") as fixture:
        tap.run({k: v for k, v in globals().items()
                 if k.startswith("test_")}, fixture)
    tap.finish()
