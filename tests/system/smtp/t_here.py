# SPDX-License-Identifier: ISC
"""The machine's own names are here: localhost, and what the system is called.

With a relay, mail for root@localhost must not leave the machine, and no
program on it is told that there is no such address. Strangers elsewhere have
another localhost.
"""
import socket

from lib import mbox
from lib.scratch import ALICE, Instance
from lib.tap import Tap, equal

tap = Tap()
NAMES = ["localhost", "LOCALHOST", "localhost.localdomain", "[127.0.0.1]",
         "[IPv6:::1]", "[IPv6:0:0:0:0:0:0:0:1]", socket.gethostname()]
ELSEWHERE = ["[127.0.0.2]", "[192.0.2.1]", "localhost.example", "x.localhost"]
# Nobody listens there: what is sent to it stays in the queue.
CONFIG = "relay smtp://127.0.0.1:1\n"


def count(server, user):
    """How many messages are in a mailbox."""
    path = server.mailbox(user)
    return len(mbox.read(path)) if path.exists() else 0


def cases_command(server):
    """Mail by the command stays here, through aliases, too"""
    (server.dir / "aliases").write_text("root: alice\n")
    for name in [*NAMES, "[::1]"]:
        with tap.case(f"sendmail root@{name}", server.notes):
            before = count(server, "alice")
            done = server.call("smtpd", f"root@{name}",
                               stdin="Subject: SMART error\n\nx\n")
            equal(done.returncode, 0, done.stderr)
            equal(count(server, "alice"), before + 1, "mail for alice")
            equal(server.queue_files(), [], "the queue")


def connect(server, peer):
    """A session of a client elsewhere."""
    talker = server.connect(server.smtp)
    talker.send(f"PROXY TCP4 {peer} 192.0.2.9 4711 25\r\n".encode())
    talker.hello()
    talker.expect("250 ", "MAIL FROM:<monit@localhost>")
    return talker


def cases_loopback(server):
    """A program on this machine may say any of them at port 25"""
    with server.connect(server.smtp) as talker:
        talker.hello()
        talker.expect("250 ", "MAIL FROM:<monit@localhost>")
        for name in NAMES:
            with tap.case(f"RCPT TO:<alice@{name}>", server.notes):
                talker.expect("250 ", f"RCPT TO:<alice@{name}>")
        for name in NAMES:
            with tap.case(f"nobody@{name} is unknown here", server.notes):
                talker.expect("550 5.1.1", f"RCPT TO:<has-left@{name}>")
        for name in ELSEWHERE:
            with tap.case(f"{name} is elsewhere", server.notes):
                talker.expect("550 5.7.1", f"RCPT TO:<alice@{name}>")


def cases_strangers():
    """A stranger's localhost is not ours"""
    with Instance(CONFIG + "proxy 127.0.0.1\n") as server:
        for name in NAMES:
            with tap.case(f"a stranger's alice@{name}", server.notes), \
                    connect(server, "192.0.2.7") as talker:
                refuse(talker, name)


def refuse(talker, name):
    """No relaying, and our own domain as a control."""
    talker.expect("550 5.7.1", f"RCPT TO:<alice@{name}>")
    talker.expect("250 ", "RCPT TO:<alice@example.org>")


def test_user(server):
    """For a user who has logged in, localhost is the server"""
    with server.connect(server.submission) as talker:
        talker.hello()
        talker.login(*ALICE)
        talker.expect("250 ", "MAIL FROM:<alice@example.org>")
        talker.expect("250 ", "RCPT TO:<bob@localhost>")
        talker.expect("550 5.1.1", "RCPT TO:<has-left@localhost>")


def test_route(server):
    """A route for one of them is the administrator's word"""
    with open(server.conf, "a", encoding="ascii") as conf:
        conf.write("route localhost smtp://127.0.0.1:1\n")
    done = server.call("smtpd", "-bt", "alice@localhost")
    equal("127.0.0.1" in done.stdout, True, done.stdout + done.stderr)


if __name__ == "__main__":
    with Instance(CONFIG) as fixture:
        tap.run(globals(), fixture)
    tap.finish()
