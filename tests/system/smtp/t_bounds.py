# SPDX-License-Identifier: ISC
"""What one client can take of a server: memory, commands, octets before a
login, places. And that a crowd of them leaves others served."""
import random
import resource
import socket
from pathlib import Path

from lib import proc
from lib.limits import sanitized
from lib.player import PASSWORDS
from lib.scratch import Instance, client_context
from lib.talk import Closed
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
MIB = 1024 * 1024


def session_pid(server, daemon):
    """The process of the one session that there is."""
    return wait_for(lambda: len(proc.children(daemon.pid)) == 1 and
                    proc.children(daemon.pid)[0], "one session")


def alone(server):
    """Waits until earlier sessions have ended."""
    for daemon in (server.smtpd, server.pop3d):
        wait_for(lambda pid=daemon.pid: not proc.children(pid), "no sessions")


def test_commands(server):
    """A stranger's 101st command that brings no mail nearer is the last"""
    for command in ("NOOP", "RSET", "EHLO client.example.net", "VRFY bob"):
        with server.connect(server.smtp) as talker:
            talker.hello()
            for _ in range(99):
                talker.expect("25", command)
            talker.expect("421 4.7.0 mail.example.org Too many commands")
            talker.closed()
    with server.connect(server.smtp) as talker:
        talker.hello()
        for _ in range(33):
            talker.expect("250 ", "MAIL FROM:<a@example.com>")
            talker.expect("250 ", "RCPT TO:<bob@example.org>")
            talker.expect("250 ", "RSET")
        talker.expect("250 ", "MAIL FROM:<a@example.com>")
        for _ in range(32):
            talker.expect("250 ", "NOOP")
        talker.expect("421 ")


def test_mail_is_no_idling(server):
    """Recipients, chunks and messages are not among the hundred"""
    with server.connect(server.smtp) as talker:
        talker.hello()
        for _ in range(3):
            talker.expect("250 ", "MAIL FROM:<a@example.com>")
            for number in range(60):
                talker.expect("250 ", f"RCPT TO:<bob+{number}@example.org>")
            for _ in range(60):
                talker.send(b"BDAT 3\r\nx\r\n")
                talker.expect("250 ")
            talker.expect("250 ", "BDAT 0 LAST")
            for _ in range(60):
                talker.expect("250 ", "NOOP")
        talker.expect("221 ", "QUIT")


def test_users_may(server):
    """A user who has logged in may say more than that"""
    with server.connect(server.submission) as talker:
        talker.hello()
        talker.login("bob", PASSWORDS["bob"])
        for _ in range(150):
            talker.expect("250 ", "NOOP " + "x" * 1000)
        talker.expect("221 ", "QUIT")


def test_octets(server):
    """64 KiB before a login are enough, as commands or as chunks"""
    line = "x" * 1500
    with server.connect(server.submission) as talker:
        talker.hello()
        for _ in range(43):
            talker.expect("250 ", "NOOP " + line)
        talker.send("NOOP " + line + "\r\n")
        talker.expect("250 ")
        talker.expect("421 4.7.0 mail.example.org Too many octets")
        talker.closed()
    with server.connect(server.submission) as talker:
        talker.hello()
        talker.send(b"BDAT 9000000000000000000\r\n")
        try:
            for _ in range(1000):
                talker.send(b"x" * 1000)
        except AssertionError:
            pass            # cut off
        check(b"250" not in talker.rest(), "taken")
    with server.connect(server.smtp) as talker:
        talker.hello()
        talker.submit("a@example.com", ["bob@example.org"],
                      "Subject: x\r\n\r\n" + (line[:900] + "\r\n") * 200)


def test_pop3(server):
    """POP3: a hundred commands or 64 KiB before a login are enough"""
    with server.connect(server.pop3) as talker:
        talker.pop("+OK")
        for _ in range(100):
            talker.pop("+OK", "NOOP")
        talker.pop("-ERR Too much before a login")
        talker.closed()
    with server.connect(server.pop3) as talker:
        talker.pop("+OK")
        for _ in range(70):
            talker.send("USER " + "x" * 250 + " " * 750 + "\r\n")
        text = talker.rest()
        check(text.endswith(b"-ERR Too much before a login\r\n"), text[-80:])
    with server.connect(server.pop3) as talker:
        talker.pop_login("bob", PASSWORDS["bob"])
        for _ in range(150):
            talker.pop("+OK", "NOOP")
        talker.pop("+OK", "QUIT")


def test_pop3_errors(server):
    """POP3: errors in a row end a session, not those of a whole evening"""
    box = server.mailbox("bob")
    box.write_bytes(b"".join(
        b"From a@b.example Mon Jan  1 00:00:00 2024\nSubject: %d\n\nx\n\n" % n
        for n in range(40)))
    server.own()
    with server.connect(server.pop3) as talker:
        talker.pop_login("bob", PASSWORDS["bob"])
        for number in range(1, 31):     # a client that repeats itself
            talker.pop("+OK", f"DELE {number}")
            talker.pop("-ERR", f"DELE {number}")
        for _ in range(30):             # harmless, and in a row
            talker.pop("-ERR", "RETR 1")
            talker.pop("-ERR", "RETR 77")
            talker.pop("-ERR", "USER bob")
        for _ in range(30):
            talker.pop("-ERR", "XTND XMIT")
            talker.pop("+OK", "NOOP")
        talker.pop("+OK", "QUIT")
    with server.connect(server.pop3) as talker:
        talker.pop_login("bob", PASSWORDS["bob"])
        talker.pop("+OK 10 ", "STAT")
        for _ in range(20):
            talker.pop("-ERR", "XTND XMIT")
        talker.pop("-ERR Too many errors")
        talker.closed()
    box.unlink()


ENDLESS = [
    ("the first line", "smtp", [], b"NOOP "),
    ("before EHLO", "smtp", [], b""),
    ("a command", "smtp", ["EHLO x"], b"NOOP "),
    ("NULs", "smtp", ["EHLO x"], b"\0\0\0"),
    ("a sender", "smtp", ["EHLO x"], b"MAIL FROM:<"),
    ("a recipient", "smtp", ["EHLO x", "MAIL FROM:<a@example.com>"],
     b"RCPT TO:<bob@example.org> ORCPT=rfc822;"),
    ("after a chunk", "smtp",
     ["EHLO x", "MAIL FROM:<a@example.com>", "RCPT TO:<bob@example.org>",
      "BDAT 0"], b"BDAT "),
    ("an initial response", "submission", ["EHLO x"], b"AUTH PLAIN "),
    ("a name", "submission", ["EHLO x", "AUTH LOGIN"], b""),
    ("a password", "submission",
     ["EHLO x", "AUTH LOGIN", "YWxpY2U="], b""),
]


def flood(talker, octets):
    """Sends it; the server may close before all is taken."""
    try:
        talker.send(octets)
    except Closed:
        pass


def cases_endless_line(server):
    """Wherever it comes, a line without an end is told 421 before the end"""
    for name, port, before, start in ENDLESS:
        for octets in (100000, 1000000):
            with tap.case(f"421 for a line of {octets} octets: {name}"), \
                    server.connect(getattr(server, port)) as talker:
                talker.expect("220 ")
                for line in before:
                    talker.expect(("250 ", "334 "), line)
                flood(talker, start + b"x" * octets + b"\r\n")
                talker.expect("500 5.5.6 ")
                talker.expect("421 4.7.0 mail.example.org")


def cases_endless_pop3(server):
    """Words before the end in POP3, too"""
    for name, before, start in (
            ("a command", [], b"NOOP "), ("a name", [], b"USER "),
            ("a password", ["USER bob"], b"PASS "),
            ("a response", ["AUTH PLAIN"], b""),
            ("after the login",
             ["USER bob", "PASS " + PASSWORDS["bob"]], b"RETR ")):
        with tap.case(f"POP3: -ERR for a line without an end: {name}"), \
                server.connect(server.pop3) as talker:
            talker.pop("+OK")
            for line in before:
                talker.pop("+", line)
            flood(talker, start + b"x" * 200000 + b"\r\n")
            talker.pop("-ERR Line too long")


def bound(pid):
    """The limit of a process's data, and the most that it has had, in MiB."""
    limits = Path(f"/proc/{pid}/limits").read_text()
    words = next(line for line in limits.splitlines()
                 if line.startswith("Max data size")).split()
    check(words[3] != "unlimited", limits)
    most = int(proc.status(pid)["VmHWM"].split()[0]) / 1024
    return int(words[3]) / MIB, most


def hostile(talker):
    """All that might make a server keep things."""
    noise = random.Random(1)
    talker.hello()
    talker.expect("500 ", "x" * 60000)
    talker.expect("5", "AUTH PLAIN " + "A" * 12000)
    talker.expect("250 ", "MAIL FROM:<a@example.com>")
    for number in range(100):
        talker.expect("250 ", f"RCPT TO:<bob+{'x' * 40}{number}@example.org>"
                      " ORCPT=rfc822;" + "y" * 400)
    talker.expect("354 ", "DATA")
    for _ in range(64):     # header fields without end
        talker.send(b"X-Field: " + b"z" * 65536)
    talker.send(b"\r\n" + b"Received: x\r\n" * 1000 + b"\r\n")
    for _ in range(64):
        talker.send(bytes(noise.choice(b"abc=\r\t ") for _ in range(4096)) +
                    b"\n")
    talker.send(b"\r\n.\r\n")
    talker.reply()


def test_memory(server):
    """A session has 16 MiB for itself, and does with less, whatever it hears"""
    if sanitized():
        raise Skip("a sanitizer build")
    for port, tls in ((server.smtp, None),
                      (server.submissions, client_context())):
        alone(server)
        with server.connect(port, tls) as talker:
            pid = session_pid(server, server.smtpd)
            if tls is None:
                hostile(talker)
            else:
                talker.hello()
                talker.login("bob", PASSWORDS["bob"])
                talker.submit("bob@example.org", ["bob@example.org"],
                              "Subject: x\r\n\r\n" + "y" * 900 + "\r\n")
            limit, most = bound(pid)
            check(limit < 64, f"{limit} MiB allowed")
            check(most < 16, f"{most} MiB used")
    alone(server)
    with server.connect(server.pop3) as talker:
        pid = session_pid(server, server.pop3d)
        talker.pop("+OK")
        talker.pop("-ERR", "x" * 60000)
        limit, most = bound(pid)
        check(limit < 64 and most < 16, f"{most} of {limit} MiB")


def test_crowd():
    """500 idle clients, and others that come and go: a clean one is served"""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 4000:
        raise Skip("not enough descriptors for 500 sessions")
    resource.setrlimit(resource.RLIMIT_NOFILE,
                       (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with Instance() as server:
        idle = []
        for _ in range(500):
            sock = socket.create_connection(("127.0.0.1", server.smtp), 60)
            idle.append(sock)
        for sock in idle:
            equal(sock.recv(3), b"220", "a greeting for each")
        noise = random.Random(2)
        for number in range(300):
            sock = socket.create_connection(("127.0.0.1", server.smtp), 60)
            if number % 3:
                sock.sendall(noise.randbytes(200))
            if number % 2:
                sock.shutdown(socket.SHUT_WR)
            sock.close()
        with server.connect(server.smtp) as talker:
            talker.hello()
            talker.submit("a@example.com", ["bob@example.org"],
                          "Subject: x\r\n\r\nx\r\n")
        with server.connect(server.pop3) as talker:
            talker.pop_login("bob", PASSWORDS["bob"])
            talker.pop("+OK 1 ", "STAT")
            talker.pop("+OK", "QUIT")
        for sock in idle:
            sock.sendall(b"NOOP\r\nQUIT\r\n")
        for sock in idle:
            text = b"".join(iter(lambda s=sock: s.recv(4096), b""))
            check(b"\r\n221 " in text, repr(text))
            sock.close()


if __name__ == "__main__":
    with Instance() as running:
        tap.run({k: v for k, v in globals().items() if k != "test_crowd"},
                running)
    tap.run({"test_crowd": test_crowd})
    tap.finish()
