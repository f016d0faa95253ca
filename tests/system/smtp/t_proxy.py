# SPDX-License-Identifier: ISC
"""The PROXY protocol: from listed peers, and from nobody else; then the
client's own address is what counts everywhere. By hand and by haproxy."""
import json
import socket
import struct

from lib.haproxy import Haproxy
from lib.player import PASSWORDS
from lib.ports import free_port
from lib.scratch import Instance, Scratch, client_context
from lib.talk import Closed, Talker
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
CLIENT = "192.0.2.7"
CONFIG = "proxy 127.0.0.1\nauth off\n"


def v1(address=CLIENT, port=4711):
    """A header of version 1."""
    family = "TCP6" if ":" in address else "TCP4"
    other = "2001:db8::1" if ":" in address else "192.0.2.1"
    return f"PROXY {family} {address} {other} {port} 25\r\n".encode()


def v2(address=CLIENT, port=4711, fields=b""):
    """A header of version 2."""
    six = ":" in address
    kind = socket.AF_INET6 if six else socket.AF_INET
    packed = socket.inet_pton(kind, address)
    body = packed + packed + struct.pack("!HH", port, 25) + fields
    return SIGNATURE + struct.pack("!BBH", 0x21, 0x21 if six else 0x11,
                                   len(body)) + body


LOCAL = SIGNATURE + b"\x20\0\0\0"
UNKNOWN = b"PROXY UNKNOWN\r\n"


def connect(server, port, header, tls=None):
    """A connection that begins with these octets, ahead of TLS."""
    talker = server.connect(port)
    talker.send(header)
    if tls:
        talker.start_tls(tls)
    return talker


def offers(talker):
    """The EHLO keywords."""
    return {word.split()[0] for word in talker.hello().words()}


def wait_log(daemon, text):
    """Waits for a line in the log."""
    wait_for(lambda: text in daemon.text(), f"{text!r} in the log")


def trace(server):
    """The mailbox of bob as octets, and away with it."""
    path = server.mailbox("bob")
    data = path.read_bytes()
    path.unlink()
    return data


def send_mail(talker):
    """One message to bob."""
    talker.hello()
    talker.submit("a@example.com", ["bob@example.org"],
                  "Subject: x\r\n\r\nx\r\n")
    talker.expect("221 ", "QUIT")
    talker.closed()


def test_versions(server):
    """Both versions and families: the address is in trace header and log"""
    for header, address in ((v1(), CLIENT), (v2(), CLIENT),
                            (v2(fields=b"\4\0\1x"), CLIENT),
                            (v1("2001:db8::7"), "2001:db8::7"),
                            (v2("2001:db8::7"), "2001:db8::7")):
        with connect(server, server.smtp, header) as talker:
            send_mail(talker)
        check(address.encode() in trace(server), f"no {address}")
    with connect(server, server.pop3s, v2("198.51.100.9"),
                 client_context()) as talker:
        talker.pop_login("bob", PASSWORDS["bob"])
        talker.pop("+OK", "QUIT")
    wait_log(server.pop3d, "LOGIN, user=bob, ip=[198.51.100.9], port=[4711]")


def test_pieces(server):
    """A header in two pieces, cut at each octet, the client's words after it"""
    for header in (v1(), v2()):
        whole = header + b"EHLO client.example.net\r\n"
        for cut in range(1, len(header) + 1):
            with server.connect(server.smtp) as talker:
                talker.send(whole[:cut])
                talker.send(whole[cut:])
                talker.expect("220 ")
                talker.expect("250 ")
                check(CLIENT in repr(talker.expect("211 ", "HELP STATUS")),
                      f"cut at {cut}")


def test_tls(server):
    """Ahead of TLS on its own port; and STARTTLS keeps the address"""
    with connect(server, server.submissions, v1(), client_context()) as talker:
        talker.hello()
        check(CLIENT in repr(talker.expect("211 ", "HELP STATUS")), "TLS")
    with connect(server, server.smtp, v2()) as talker:
        talker.hello()
        talker.expect("220 ", "STARTTLS")
        talker.start_tls(client_context())
        talker.expect("250 ", "EHLO client.example.net")
        check(CLIENT in repr(talker.expect("211 ", "HELP STATUS")), "STARTTLS")


def test_malformed(server):
    """What is no header ends the connection without a word"""
    for number, words in enumerate((
            b"EHLO client.example.net\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01",
            b"PROXY TCP4 192.0.2.7\r\n", b"PROXY TCP4 0.0.0.0 1.1.1.1 1 2\r\n",
            SIGNATURE + b"\x21\x11\xff\xff", b"GET / HTTP/1.1\r\n\r\n"), 1):
        with connect(server, server.smtp, words) as talker:
            talker.closed()
        wait_for(lambda n=number: server.smtpd.text().count(
            "malformed PROXY header from 127.0.0.1") >= n, "the log")
    with connect(server, server.pop3, b"CAPA\r\nCAPA\r\n") as talker:
        talker.closed()
    with server.connect(server.smtp) as talker:
        talker.closed()     # silent for some seconds
    wait_log(server.smtpd, "no PROXY header from 127.0.0.1")
    with connect(server, server.smtp, v1()[:20]) as talker:
        talker.closed()


def test_never_from_here(server):
    """A client is never on this machine, whatever is said of it"""
    for header in (v1("127.0.0.1"), v2("::1"), UNKNOWN):
        with connect(server, server.submission, header) as talker:
            check("AUTH" not in offers(talker), repr(header))
    with connect(server, server.submission, LOCAL) as talker:
        check("AUTH" in offers(talker), "the proxy itself is")


def lines_of(server, act):
    """What the two logs have to say about that, and the connections that are
    counted meanwhile."""
    def counted():
        said = server.call("smtpd", "--stats", "--json").stdout
        total = json.loads(said)["totals"]
        return total["connections"] + total["pop3_connections"]
    logs = (server.smtpd, server.pop3d)
    before, count = [len(log.text()) for log in logs], counted()
    act()
    # The logs are in order: what came before an ordinary client is there.
    for port, hello in ((server.smtp, "220 "), (server.pop3, "+OK")):
        with connect(server, port, v1()) as talker:
            check(talker.line().startswith(hello), "greeting")
    wait_for(lambda: all(CLIENT in log.text()[n:]
                         for log, n in zip(logs, before)), "the client")
    lines = "".join(log.text()[n:] for log, n in zip(logs, before))
    return [line for line in lines.splitlines() if CLIENT not in line], \
        counted() - count - 2


def test_health_checks(server):
    """What a proxy asks for itself is no session in the log, until it has mail
    or a login"""
    def probes():
        for header in (LOCAL, UNKNOWN):
            with connect(server, server.smtp, header) as talker:
                talker.expect("220 ")
                talker.expect("250 ", "EHLO check.example.org")
                talker.expect("221 ", "QUIT")
            with connect(server, server.smtp, header) as talker:
                talker.expect("220 ")
            with connect(server, server.pop3, header) as talker:
                talker.pop("+OK")
            with connect(server, server.pop3, header) as talker:
                talker.pop("+OK")
                talker.pop("+OK", "QUIT")
        for port in (server.smtp, server.pop3):
            for linger in (False, True):
                with socket.create_connection(("127.0.0.1", port)) as sock:
                    if linger:      # as a check of the connection alone
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                        struct.pack("ii", 1, 0))
    equal(lines_of(server, probes), ([], 0), "what health checks leave")

    def works():
        with connect(server, server.smtp, LOCAL) as talker:
            talker.expect("220 ")
            talker.expect("250 ", "EHLO check.example.org")
            talker.expect("250 ", "MAIL FROM:<a@example.com>")
        with connect(server, server.pop3, LOCAL) as talker:
            talker.pop("+OK")
            talker.send("USER bob\r\n")
            talker.line()
    lines, count = lines_of(server, works)
    equal(count, 2, "\n".join(lines))
    for word in ("]: connect from", "disconnect from", "Connection, ip=["):
        equal(sum(word in line for line in lines), 1, "\n".join(lines))


def test_twice(server):
    """A second header is a command like any other"""
    with connect(server, server.smtp, v1() + v1("198.51.100.1")) as talker:
        talker.expect("220 ")
        talker.expect("500 ")
        check(CLIENT in repr(talker.expect("211 ", "HELP STATUS")), "taken")


def test_limits():
    """Sessions and penalties count for the client, not for the proxy"""
    with Instance(CONFIG + "sessions-per-source 2") as server:
        talkers = [connect(server, server.smtp, v1()) for _ in range(2)]
        for talker in talkers:
            talker.expect("220 ")
        with connect(server, server.smtp, v2()) as talker:
            talker.expect("421 4.7.0 Too many sessions")
            talker.closed()
        others = [connect(server, server.smtp, v1(f"198.51.100.{n}"))
                  for n in range(1, 5)] + \
            [connect(server, server.smtp, LOCAL) for _ in range(4)]
        for talker in others + talkers:
            talker.close()
    with Instance(CONFIG) as server:
        talkers = [connect(server, server.smtp, v2("2001:db8::7"))
                   for _ in range(2)]
        for talker in talkers:
            talker.hello()
            talker.expect("250 ", "MAIL FROM:<a@example.com>")
        for talker in talkers:
            for number in range(15):
                talker.expect("550 5.1.1", f"RCPT TO:<n{number}@example.org>")
        with connect(server, server.smtp, v1("2001:db8::8")) as talker:
            talker.expect("421 4.7.0 Too many errors")
            talker.closed()
        with connect(server, server.pop3, v2("2001:db8::9")) as talker:
            talker.pop("-ERR [SYS/TEMP] Too many errors")
            talker.closed()
        with connect(server, server.pop3s, v2("2001:db8::9")) as talker:
            talker.closed()
        wait_log(server.smtpd, "CONNECT from unknown[2001:db8::8]: 421 4.7.0 Client "
                 "host rejected: 1")
        said = server.call("smtpd", "--penalties").stdout
        check(said.startswith("2001:db8::/56 refused: 1"), said)
        for header in (v1("2001:db8:1::8"), v1(), LOCAL, UNKNOWN):
            with connect(server, server.smtp, header) as talker:
                talker.hello()


def test_not_listed():
    """From a peer that is not listed a header is a wrong command"""
    with Instance("proxy 192.0.2.1 2001:db8::/32") as server:
        with connect(server, server.smtp, v1()) as talker:
            talker.expect("220 ")
            talker.expect("500 ")
            check("127.0.0.1" in repr(talker.expect("211 ", "HELP STATUS")),
                  "taken")
        with connect(server, server.smtp, v2()) as talker:
            talker.expect("220 ")
            check("250" not in repr(talker.reply()), "taken")
        with connect(server, server.submissions, v1()) as talker:
            try:
                talker.start_tls(client_context())
            except (OSError, Closed):
                pass
            else:
                raise AssertionError("a handshake after a header")


def test_local():
    """Programs of this machine have no address, and are in no network"""
    with Scratch("proxy 0.0.0.0/0 ::/0") as scratch:
        said = scratch.call("smtpd", "-bs", stdin="EHLO x\r\nQUIT\r\n")
        check(said.stdout.startswith("220 "), said)
        said = scratch.call("smtpd", "-bm", "-f", "alice@example.org",
                            "bob@example.org", stdin="Subject: x\n\nx\n")
        equal(said.returncode, 0, said.stderr)
        check(b"Subject: x" in scratch.mailbox("bob").read_bytes(), "mail")


SECTIONS = """defaults
    mode tcp
    timeout connect 30s
    timeout client 1m
    timeout server 1m
    timeout check 30s
listen smtp
    bind 127.0.0.1:{ports[0]}
    option smtpchk EHLO check.example.org
    server one 127.0.0.1:{server.smtp} send-proxy check inter 200
listen smtp2
    bind 127.0.0.1:{ports[1]}
    option smtpchk EHLO check.example.org
    server two 127.0.0.1:{server.smtp} send-proxy-v2 check inter 200
listen pop3
    bind 127.0.0.1:{ports[2]}
    option tcp-check
    tcp-check expect string +OK
    server three 127.0.0.1:{server.pop3} send-proxy-v2 check inter 200
"""


def test_haproxy(server):
    """haproxy: send-proxy, send-proxy-v2, and its health checks"""
    ports = [free_port() for _ in range(3)]     # one for each version
    front = Haproxy(server, SECTIONS.format(ports=ports, server=server))
    wait_for(lambda: front.checks() == {"one": "L7OK", "two": "L7OK",
                                        "three": "L7OK"},
             "health checks that pass", 60, 0.1)

    def client(port):
        sock = socket.create_connection(("127.0.0.1", port), 60,
                                        source_address=("127.0.0.9", 0))
        return Talker(sock)
    for port in ports[:2]:
        with client(port) as talker:
            send_mail(talker)
        text = trace(server)
        check(b"127.0.0.9" in text and b"127.0.0.1]" not in text, repr(text))
    with client(ports[2]) as talker:
        talker.pop("+OK")
        talker.pop("-ERR", "USER bob")
    equal(front.process.poll(), None, "haproxy")
    front.process.terminate()
    front.process.wait()


if __name__ == "__main__":
    with Instance(CONFIG) as running:
        alone = ("test_limits", "test_not_listed", "test_local")
        tap.run({k: v for k, v in globals().items() if k not in alone},
                running)
    tap.run({k: globals()[k] for k in alone})
    tap.finish()
