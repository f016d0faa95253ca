# SPDX-License-Identifier: ISC
"""STARTTLS and STLS: what they forget, and plaintext slipped in after them."""
import os
import signal

from lib import proc
from lib.player import PASSWORDS
from lib.scratch import Instance, client_context
from lib.talk import Closed
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()


def test_starttls(server):
    """STARTTLS: a handshake, a new EHLO, a message"""
    with server.connect(server.smtp) as talker:
        reply = talker.hello()
        check("STARTTLS" in reply.words(), repr(reply))
        talker.expect("220 2.0.0", "STARTTLS")
        talker.start_tls(client_context())
        reply = talker.expect("250 ", "EHLO client.example.net")
        check("STARTTLS" not in reply.words(), "STARTTLS is still offered")
        talker.submit("carol@example.com", ["bob@example.org"],
                      "Subject: secret\r\n\r\nx\r\n")
        talker.expect("221 ", "QUIT")
    check(b"ESMTPS" in server.mailbox("bob").read_bytes(),
          "Received does not say ESMTPS")


def test_second_starttls(server):
    """STARTTLS under TLS is refused"""
    with server.connect(server.submissions, client_context()) as talker:
        talker.hello()
        reply = talker.expect("5", "STARTTLS")
        check(reply.code in (502, 503, 554), repr(reply))
        talker.expect("250 ", "NOOP")


def test_starttls_forgets_the_transaction(server):
    """What was said before STARTTLS counts for nothing after it"""
    with server.connect(server.smtp) as talker:
        talker.hello("before.example.net")
        talker.expect("250 ", "MAIL FROM:<carol@example.com>")
        talker.expect("250 ", "RCPT TO:<bob@example.org>")
        talker.send("STARTTLS\r\n")
        reply = talker.reply()
        if reply.code != 220:
            talker.expect("250 ", "RSET")
            talker.expect("220 ", "STARTTLS")
        talker.start_tls(client_context())
        talker.expect("503 5.5.1", "MAIL FROM:<a@example.com>")
        talker.expect("503 5.5.1", "RCPT TO:<bob@example.org>")
        talker.expect("503 5.5.1", "DATA")
        talker.expect("250 ", "EHLO after.example.net")
        talker.expect("503 5.5.1", "DATA")
        talker.submit("carol@example.com", ["bob@example.org"],
                      "Subject: after\r\n\r\nx\r\n")
    box = server.mailbox("bob").read_bytes()
    check(b"after.example.net" in box, "the EHLO name is not in Received")
    check(b"before.example.net" not in box, "the EHLO name from before TLS")


def test_starttls_forgets_the_login(server):
    """A login before STARTTLS is void after it"""
    with server.connect(server.submission) as talker:
        talker.hello()
        talker.login("alice", PASSWORDS["alice"])
        talker.send("STARTTLS\r\n")
        if talker.reply().code != 220:
            return          # refusing STARTTLS after a login is as good
        talker.start_tls(client_context())
        talker.expect("250 ", "EHLO client.example.net")
        talker.expect("530 5.7.0", "MAIL FROM:<alice@example.org>")
        talker.login("alice", PASSWORDS["alice"])


def unread(talker):
    """How many octets the server's end of a connection has not yet read."""
    inode = proc.server_inode(talker.sock)
    return sum(int(row[4].partition(":")[2], 16) for row in proc.tcp_rows()
               if row[9] == inode)


def state(pid):
    """The letter of a process's state; none if it has ended."""
    return proc.status(pid).get("State", "")[:1]


def start_tls_over_a_stopped_session(daemon, talker, session, command):
    """The server gets a request from a session that it can tell nothing."""
    os.kill(daemon.pid, signal.SIGSTOP)
    try:
        talker.send(command)
        # It has read that, and now waits for the server's answer.
        wait_for(lambda: not unread(talker) and state(session) == "S",
                 "the session to ask for TLS")
        os.kill(session, signal.SIGSTOP)
        wait_for(lambda: state(session) == "T", "the session to stop")
    finally:
        os.kill(daemon.pid, signal.SIGCONT)


def test_session_before(server):
    """The session before STARTTLS or STLS is gone when the one after it
    begins, even if it does not go by itself"""
    for daemon, port, greeting, command in (
            (server.smtpd, server.smtp, "220 ", "STARTTLS\r\n"),
            (server.pop3d, server.pop3, "+OK", "STLS\r\n")):
        wait_for(lambda d=daemon: not proc.children(d.pid), "no session")
        with server.connect(port) as talker:
            talker.pop(greeting)
            session, = proc.children(daemon.pid)
            start_tls_over_a_stopped_session(daemon, talker, session, command)
            talker.pop(("220 2.0.0", "+OK"))
            equal(state(session), "", "the session before")
            talker.start_tls(client_context())
            after, = proc.children(daemon.pid)
            check(after != session, "no other session")
            talker.pop(("221 ", "+OK"), "QUIT")
        check("signal" not in daemon.text(), daemon.text())


def inject(server, port, first, second):
    """Sends plaintext after the TLS command; returns what came back."""
    talker = server.connect(port)
    if port == server.pop3:
        talker.pop("+OK")
    else:
        talker.hello()
    talker.send(first)
    if second:
        talker.send(second)
    return talker


def injection(server, port, command, extra):
    """The bytes after STARTTLS must never be run, in one packet or two."""
    def one_packet():
        with inject(server, port, command + extra, b"") as talker:
            rest = talker.rest().decode()
            lines = rest.splitlines()
            check(len(lines) == 1, f"answers: {rest!r}")
            check(lines[0].startswith(("554 5.5.1", "-ERR")), rest)

    def after_the_go():
        # The server has said 220 and waits for a handshake: plaintext is
        # no handshake, so the connection ends without another word in clear.
        with inject(server, port, command, b"") as talker:
            line = talker.line()
            check(line.startswith(("220 ", "+OK")), line)
            try:
                talker.send(extra)
            except Closed:
                pass
            rest = talker.rest()
            for word in (b"250", b"221", b"+OK", b"-ERR"):
                check(word not in rest, f"answered {rest!r} in the clear")

    def two_packets():
        with inject(server, port, command, extra) as talker:
            try:
                rest = talker.rest()
            except AssertionError:
                rest = b""
            answers = [line for line in rest.split(b"\r\n")
                       if line[:3] in (b"250", b"221", b"+OK")]
            check(len(answers) <= 1, f"answers: {rest!r}")
            check(not any(a.startswith((b"250", b"221")) for a in answers),
                  f"answers: {rest!r}")
    return one_packet, after_the_go, two_packets


def injections(server):
    """All injection tests, by name."""
    for name, port, command, extra in (
            ("STARTTLS", server.smtp, b"STARTTLS\r\n", b"RSET\r\nQUIT\r\n"),
            ("STLS", server.pop3, b"STLS\r\n", b"CAPA\r\nQUIT\r\n")):
        kinds = ("in one packet", "after the go-ahead", "in two packets")
        for kind, function in zip(kinds, injection(server, port, command,
                                                   extra)):
            with tap.case(f"plaintext after {name} {kind} is never run",
                          server.notes):
                function()


def test_stls(server):
    """STLS: a handshake, no STLS in CAPA after it, and a login"""
    with server.connect(server.pop3) as talker:
        talker.pop("+OK")
        check(b"STLS\r\n" in talker.pop_block("CAPA"), "no STLS in CAPA")
        talker.pop("+OK", "STLS")
        talker.start_tls(client_context())
        capa = talker.pop_block("CAPA")
        check(b"STLS" not in capa, repr(capa))
        talker.pop("-ERR", "STLS")
        talker.pop("+OK", "USER alice")
        talker.pop("+OK", "PASS " + PASSWORDS["alice"])
        talker.pop("+OK 0 0", "STAT")
        talker.pop("+OK", "QUIT")
        talker.closed()


def test_stls_forgets_the_user(server):
    """USER given before STLS is forgotten"""
    with server.connect(server.pop3) as talker:
        talker.pop("+OK")
        talker.pop("+OK", "USER alice")
        talker.pop("+OK", "STLS")
        talker.start_tls(client_context())
        talker.pop("-ERR", "PASS " + PASSWORDS["alice"])
        talker.pop("-ERR", "STAT")


def test_plain_needs_tls_elsewhere(server):
    """Under TLS with plaintext-login never POP3 logs in, in clear it does not"""
    server.configure("plaintext-login never")
    try:
        talker, _ = server.session("pop3d")
        with talker:
            talker.pop("+OK")
            capa = talker.pop_block("CAPA")
            check(b"USER" not in capa, repr(capa))
            talker.pop("+OK", "STLS")
            talker.start_tls(client_context())
            check(b"USER" in talker.pop_block("CAPA"), "no USER under TLS")
            talker.pop("+OK", "USER alice")
            talker.pop("+OK", "PASS " + PASSWORDS["alice"])
    finally:
        server.configure()


if __name__ == "__main__":
    with Instance() as fixture:
        tap.run(globals(), fixture)
        injections(fixture)
    tap.finish()
