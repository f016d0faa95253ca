# SPDX-License-Identifier: ISC
"""Faults that other mail servers have had around TLS, looked for here.

tests/README has the list of all of them.
"""
import random
import socket
import ssl
import subprocess

from lib import proc
from lib.player import PASSWORDS
from lib.scratch import LONG, Instance, client_context, tool
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()


def context(*protocols, **settings):
    """A client's, that asks for these application protocols."""
    made = client_context(**settings)
    if protocols:
        made.set_alpn_protocols(protocols)
    return made


def secured(server, port, command, made):
    """A connection under TLS, from the start or after command."""
    talker = server.connect(port)
    if command:
        talker.line()
        if command == "STARTTLS":
            talker.expect("250 ", "EHLO x")
        talker.send(command + "\r\n")
        talker.line()
    talker.start_tls(made)
    return talker


def ways(server):
    """Every way to TLS: name, port, what is said before."""
    return (("smtps", server.submissions, ""),
            ("pop3s", server.pop3s, ""),
            ("STARTTLS", server.smtp, "STARTTLS"),
            ("STLS", server.pop3, "STLS"))


def test_protocols(server):
    """Who means to speak HTTP or FTP is told no: with the same certificate
    elsewhere that would be one site's cookies at another one's port"""
    for name, port, command in ways(server):
        for wrong in (["http/1.1"], ["h2", "http/1.1"], ["ftp"], ["x"]):
            try:
                secured(server, port, command, context(*wrong)).close()
            except (ssl.SSLError, ConnectionError):
                continue
            raise AssertionError(f"{name} takes {wrong}")
        for fine in ([], ["smtp"], ["pop3"], ["http/1.1", "pop3", "smtp"]):
            with secured(server, port, command, context(*fine)) as talker:
                equal(talker.sock.selected_alpn_protocol(),
                      next((p for p in fine if p != "http/1.1"), None), name)


def test_resumption(server):
    """Nothing is resumed, at no port, with what another port has given"""
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        made = context(maximum_version=version)
        sessions = []
        for _, port, command in ways(server):
            with secured(server, port, command, made) as talker:
                talker.send("NOOP\r\nQUIT\r\n")
                talker.rest()
                sessions.append(talker.sock.session)
                check(not talker.sock.session_reused)
        for session in filter(None, sessions):
            check(not session.has_ticket, "a ticket")
            for port in (server.submissions, server.pop3s):
                sock = socket.create_connection(("127.0.0.1", port), 60)
                with made.wrap_socket(sock, session=session) as again:
                    check(not again.session_reused, f"resumed at {port}")


def test_renegotiation(server):
    """A client cannot renegotiate, nor have more said before it is dropped"""
    if not tool("openssl"):
        raise Skip("no openssl")
    for again in (False, True):
        client = server.popen(
            ["openssl", "s_client", "-connect",
             f"127.0.0.1:{server.submissions}", "-tls1_2", "-crlf"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        said = tell(client, b"EHLO x\n", b"250 HELP")
        if again:
            said = tell(client, b"R\n", b"RENEGOTIATING")
        said = tell(client, b"NOOP\nQUIT\n", None)
        check((b"221 2.0.0" in said) != again, repr(said[-500:]))
        client.wait(60)


def tell(client, words, until):
    """Types something; what is said up to an answer, or the end."""
    try:
        client.stdin.write(words)
        client.stdin.flush()
    except BrokenPipeError:
        pass
    said = b""
    while until is None or until not in said:
        more = client.stdout.read1(65536)
        if not more:
            break
        said += more
    return said


def hello_of_client():
    """The first octets that a client says."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    side = client_context().wrap_bio(incoming, outgoing,
                                     server_hostname="mail.example.org")
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def idle(server):
    """Waits until no session is left."""
    wait_for(lambda: not proc.children(server.smtpd.pid)
             and not proc.children(server.pop3d.pid), "the sessions' end")


def well(server):
    """Who comes with good intentions is served."""
    with server.connect(server.submissions, client_context()) as talker:
        talker.hello()
        talker.login("alice", PASSWORDS["alice"])


def test_cut(server):
    """A client that hangs up at any octet of its handshake leaves nothing"""
    hello = hello_of_client()
    for cut in range(0, len(hello) + 1, 1 if LONG else 17):
        for port in (server.submissions, server.pop3s):
            with socket.create_connection(("127.0.0.1", port)) as sock:
                sock.sendall(hello[:cut])
    idle(server)
    well(server)


def test_silent(server):
    """Clients that stop within their handshake hold nobody up, and are gone
    in time"""
    hello = hello_of_client()
    stopped = []
    for cut in (0, 1, 5, 6, 50, len(hello) - 1, len(hello)):
        for port in (server.submissions, server.pop3s):
            stopped.append(socket.create_connection(("127.0.0.1", port)))
            stopped[-1].sendall(hello[:cut])
    well(server)
    if LONG:
        wait_for(lambda: not proc.children(server.smtpd.pid)
                 and not proc.children(server.pop3d.pid),
                 "the server to lose patience", 120, 1)
    for sock in stopped:
        sock.close()
    idle(server)


def test_mutations(server):
    """A handshake with wrong octets: refused, and nobody falls"""
    hello = hello_of_client()
    rng = random.Random(1)
    for _ in range(2000 if LONG else 200):
        octets = bytearray(hello)
        for _ in range(rng.choice((1, 1, 2, 8))):
            octets[rng.randrange(len(octets))] = rng.randrange(256)
        with socket.create_connection(
                ("127.0.0.1", server.submissions)) as sock:
            sock.sendall(octets)
            sock.shutdown(socket.SHUT_WR)
            sock.settimeout(60)
            try:
                while sock.recv(65536):
                    pass
            except ConnectionError:
                pass
    idle(server)
    well(server)
    check("signal" not in server.smtpd.text(), server.smtpd.text()[-500:])


def test_names(server):
    """Server names of all lengths are asked for in vain"""
    for length in (1, 63, 64, 200, 250):
        name = ".".join(["a" * 50] * 5)[:length].rstrip(".") or "a"
        with server.connect(server.submissions, client_context(),
                            name=name) as talker:
            talker.hello()
    well(server)


if __name__ == "__main__":
    with Instance() as instance:
        tap.run(globals(), instance)
    tap.finish()
