# SPDX-License-Identifier: ISC
"""Greedy clients, and polite ones beside them: whoever has taken all places and
brings nothing makes room, a message under way is not cut off, and submission
and those who have logged in keep their places."""
import contextlib
import os
import re
import socket
import subprocess

from lib import holdings, mbox, proc
from lib.player import PASSWORDS
from lib.scratch import AM_ROOT, Instance, Scratch, client_context
from lib.talk import Talker
from lib.tap import Skip, Tap, check, equal
from lib.traffic import connect
from lib.wait import wait_for

tap = Tap()
ALONE = ("test_users_share", "test_local_crowds")
PLACES = 60
GREEDY = 96
CONFIG = f"sessions {PLACES}\nproxy 127.0.9.9\nplaintext-login always\n"
TEXT = "Subject: polite\r\nFrom: a@example.com\r\n\r\nx\r\n"
CLEAR = [(f"127.0.2.{n // 12}", "") for n in range(GREEDY)]
OWN = [("127.0.0.1", "")] * GREEDY
FAR = [("127.0.9.9", f"PROXY TCP4 198.51.100.{n} 192.0.2.1 4000 25\r\n")
       for n in range(GREEDY)]
ALICE = "PROXY TCP4 203.0.113.7 192.0.2.1 4000 587\r\n"


@contextlib.contextmanager
def crowd(port, sources, says=b""):
    """Connections that stay, from many addresses, and say no more."""
    socks = []
    try:
        for source, header in sources:
            sock = socket.socket()
            socks.append(sock)
            sock.settimeout(30)
            sock.bind((source, 0))
            sock.connect(("127.0.0.1", port))
            with contextlib.suppress(OSError):  # it may be refused by now
                sock.sendall(header.encode() + says)
        yield socks
    finally:
        for sock in socks:
            sock.close()


def polite(server, port, user=None, header=""):
    """A message that is taken."""
    source = "127.0.9.9" if header else "127.0.0.1"
    with connect(port, source) as talker:
        talker.send(header)
        talker.hello()
        if user:
            talker.login(user, PASSWORDS[user])
        talker.submit("bob@example.org", ["bob@example.org"], TEXT)
        talker.expect("221 ", "QUIT")


def collect(server):
    """A polite POP3 session."""
    with server.connect(server.pop3) as talker:
        talker.pop_login("bob", PASSWORDS["bob"])
        talker.pop("+OK", "STAT")
        talker.pop("+OK", "QUIT")


def begin(server):
    """A message under way."""
    talker = server.connect(server.smtp)
    talker.hello()
    talker.expect("250 ", "MAIL FROM:<a@example.com>")
    talker.expect("250 ", "RCPT TO:<bob@example.org>")
    talker.expect("354 ", "DATA")
    talker.send("Subject: under way\r\nFrom: a@example.com\r\n\r\n")
    return talker


def cases_idle(server):
    """Idle crowds, from several addresses and from one, in each port."""
    for name, sources in (("several addresses", CLEAR),
                          ("one's own machine", OWN),
                          ("a proxy's many clients", FAR)):
        for said in (b"", b"EHLO greedy\r\n", b"NOOP\r\n" * 50):
            for place in ("smtp", "submission"):
                what = said[:4].decode() or "nothing"
                with tap.case(f"A crowd from {name} says {what}, {place}",
                              server.notes):
                    idle(server, getattr(server, place), sources, said)


def idle(server, port, sources, said):
    """A crowd that brings nothing, and clients that do."""
    before = holdings.measure(server.smtpd)
    with begin(server) as under_way, crowd(port, sources, said):
        polite(server, server.smtp)
        polite(server, server.submission, "bob")
        polite(server, server.submission, "alice", ALICE)
        under_way.expect("250 ", "x\r\n.")
    holdings.check_returned(server.smtpd, before)


def test_pop3_crowd(server):
    """A crowd that does not log in leaves POP3 to users, who keep theirs"""
    before = holdings.measure(server.pop3d)
    with server.connect(server.pop3) as user:
        user.pop_login("alice", PASSWORDS["alice"])
        with crowd(server.pop3, CLEAR), crowd(server.pop3s, CLEAR):
            collect(server)
            user.pop("+OK", "STAT")
            user.pop("+OK", "QUIT")
    holdings.check_returned(server.pop3d, before)


def test_handshakes(server):
    """Nor do handshakes that never come shut anybody out"""
    before = holdings.measure(server.smtpd)
    with crowd(server.submissions, CLEAR):
        polite(server, server.smtp)
        with server.connect(server.submissions, client_context()) as talker:
            talker.hello()
            talker.login("bob", PASSWORDS["bob"])
            talker.expect("221 ", "QUIT")
    holdings.check_returned(server.smtpd, before)


def test_logged_in_stay(server):
    """Who has logged in is not told to go, idle or not"""
    before = holdings.measure(server.smtpd)
    with server.connect(server.submission) as user:
        user.hello()
        user.login("bob", PASSWORDS["bob"])
        with crowd(server.smtp, CLEAR), crowd(server.submission, CLEAR):
            polite(server, server.smtp)
            user.submit("bob@example.org", ["bob@example.org"], TEXT)
            user.expect("221 ", "QUIT")
    holdings.check_returned(server.smtpd, before)


def test_begun_messages(server):
    """All places for strangers are taken by messages under way: they stay,
    and users have places that are kept for them"""
    before = holdings.measure(server.smtpd)
    header = ALICE.replace(" 587", " 25")
    polite(server, server.submission, "alice", ALICE)   # a known address
    talkers = []
    try:
        for number in range(PLACES):
            talkers.append(connect(server.smtp, "127.0.9.9"))
            talkers[-1].send(f"PROXY TCP4 198.51.100.{number} 192.0.2.1 4000 "
                             "25\r\n")
            if talkers[-1].reply().code == 421:
                talkers.pop().close()
                break
            talkers[-1].expect("250 ", "EHLO x")
            talkers[-1].expect("250 ", "MAIL FROM:<a@example.com>")
            talkers[-1].expect("250 ", "RCPT TO:<bob@example.org>")
        check(PLACES // 2 < len(talkers) < PLACES - 4,
              f"{len(talkers)} strangers")
        for port, code in ((server.smtp, "421 4.7.0"),
                           (server.submission, "220 ")):
            with server.connect(port) as talker:
                talker.expect(code)
        polite(server, server.submission, "bob", ALICE)
        polite(server, server.smtp, header=header)
        for talker in talkers:
            talker.expect("354 ", "DATA")
            talker.expect("250 ", "Subject: begun\r\nFrom: a@example.com\r\n\r\nx\r\n.")
    finally:
        for talker in talkers:
            talker.close()
    holdings.check_returned(server.smtpd, before)


def test_users_share():
    """sessions-per-user: more logins of one user are refused, of others not"""
    with Instance("sessions-per-user 3") as server:
        users = [server.connect(server.submission) for _ in range(4)]
        for talker in users[:3]:
            talker.hello()
            talker.login("alice", PASSWORDS["alice"])
        users[3].hello()
        users[3].expect("454 ", "AUTH PLAIN "
                        "AGFsaWNlAG9wZW5zZXNhbWU=")
        polite(server, server.submission, "bob")
        users[0].expect("221 ", "QUIT")
        wait_for(lambda: len(proc.children(server.smtpd.pid)) == 3,
                 "one of them to end")
        users[3].login("alice", PASSWORDS["alice"])
        for talker in users:
            talker.close()
        check("gets no more (see sessions-per-user)" in server.smtpd.text(),
              "no line in the log")


HOLD = """import socket, sys
held = [socket.socket(socket.AF_UNIX) for _ in range(int(sys.argv[2]))]
for s in held:
    s.connect(sys.argv[1])
print("ready", flush=True)
sys.stdin.read()"""


def test_local_crowds():
    """Programs of several users that hold the local socket leave others room"""
    if not AM_ROOT or not os.access("/usr/bin/python3", os.X_OK):
        raise Skip("needs root, and a Python that all users can run")
    with Scratch("sessions 16\nauth off", tls=False) as server, \
            contextlib.ExitStack() as stack:
        path = server.dir / "socket"
        daemon = server.serve("smtpd", f"unix:{path}", "127.0.0.1:0=mx")
        path.chmod(0o777)
        for uid in (54321, 54322, 54323):
            one = subprocess.Popen(
                ["/usr/bin/python3", "-c", HOLD, path, "40"], user=uid,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            stack.callback(one.communicate)
            equal(one.stdout.readline(), b"ready\n", "the crowd")
        for family, address in ((socket.AF_INET, ("127.0.0.1",
                                                  daemon.ports[0])),
                                (socket.AF_UNIX, str(path))) * 2:
            sock = socket.socket(family)
            sock.settimeout(60)
            sock.connect(address)
            with Talker(sock, 60) as talker:
                talker.hello()
                talker.submit("a@example.com", ["bob@example.org"], TEXT)
                talker.expect("221 ", "QUIT")


if __name__ == "__main__":
    with Instance(CONFIG) as fixture:
        tap.run({k: v for k, v in globals().items()
                 if k not in ALONE}, fixture)
        with tap.case("The polite ones' mail is there, and nothing else"):
            found = {re.search(rb"(?m)^Subject: (.*?)\r$", m.sent).group(1)
                     for m in mbox.read(fixture.mailbox("bob"))}
            equal(found, {b"polite", b"under way", b"begun"}, "subjects")
    tap.run({name: globals()[name] for name in ALONE})
    tap.finish()
