# SPDX-License-Identifier: ISC
"""Name servers that answer, fail, lie and fall silent, on both protocols.

What is not a clear no must be temporary trouble, within a limited time, and no
file may be opened once the resolver is ready.
"""
import re
import socket
import socketserver
import struct
import subprocess
import threading
from contextlib import contextmanager

from lib.scratch import BUILD, tool
from lib.tap import Skip, Tap, check, equal

tap = Tap()
PROBE = BUILD / "tests/lib/net-probe"
A, CNAME, MX, AAAA = 1, 5, 15, 28
OK, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5


def name(text):
    """A name as labels."""
    return b"".join(bytes([len(w)]) + w.encode() for w in text.split(".")
                    if w) + b"\0"


def mx(preference, host):
    """The data of an MX record."""
    return MX, struct.pack(">H", preference) + name(host)


def a(address):
    """The data of an A record."""
    return A, socket.inet_aton(address)


def aaaa(address):
    """The data of an AAAA record."""
    return AAAA, socket.inet_pton(socket.AF_INET6, address)


MANY = [mx(i % 7, f"host-{i}.with-a-long-name.example.net")
        for i in range(200)]
# What is said about a name: records, a code, or a way to misbehave.
ZONE = {
    "example.org": [mx(20, "b.example.org"), mx(10, "a.example.org")],
    "a.example.org": [a("192.0.2.1"), aaaa("2001:db8::1")],
    "v4.example.org": [a("192.0.2.1"), a("192.0.2.2")],
    "v6.example.org": [aaaa("2001:db8::1")],
    "null.example.org": [mx(0, "")],
    "nothing.example.org": [],
    "implicit.example.org": [a("192.0.2.1")],
    "servfail.example.org": SERVFAIL,
    "refused.example.org": REFUSED,
    "half.example.org": {A: [a("192.0.2.1")], AAAA: SERVFAIL},
    "otherhalf.example.org": {A: SERVFAIL, AAAA: [aaaa("2001:db8::1")]},
    "empty-half.example.org": {A: SERVFAIL, AAAA: []},
    "many.example.org": MANY,
    "crowd.example.org": [a(f"192.0.2.{i}") for i in range(100)]
    + [aaaa(f"2001:db8::{i:x}") for i in range(100)],
    "alias.example.org": [(CNAME, name("example.org"))],
    "circle.example.org": [(CNAME, name("circle.example.org"))],
    "stall.example.org": "stall",
    "silent.example.org": "silent",
    "garbage.example.org": "garbage",
    "mute-tcp.example.org": "mute-tcp",
    "other.example.org": "other",
    "us.example.org": [mx(10, "better.example.org"),
                       mx(20, "MAIL.us.example"), mx(20, "equal.example.org"),
                       mx(30, "worse.example.org")],
    "loop.example.org": [mx(20, "mail.us.example"), mx(30, "b.example.org")],
    "mail.us.example": [a("192.0.2.1")],
}


def records_of(asked, kind):
    """The code and the records with their owners, CNAMEs followed."""
    found = ZONE.get(asked, NXDOMAIN)
    if isinstance(found, dict):
        found = found.get(kind, [])
    if isinstance(found, int):
        return found, []
    records = []
    for record, data in found:
        if record == CNAME:
            records.append((asked, record, data))
            target = ".".join(w.decode() for w in labels(data))
            if target != asked:
                records += records_of(target, kind)[1]
        elif record == kind:
            records.append((asked, record, data))
    return OK, records


def labels(data):
    """The labels of an uncompressed name."""
    while data[0]:
        yield data[1:1 + data[0]]
        data = data[1 + data[0]:]


def answer(query, tcp):
    """What to say to a query, or None: nothing."""
    words = list(labels(query[12:]))
    asked = b".".join(words).decode().lower()
    end = 12 + sum(len(w) + 1 for w in words) + 5
    kind = struct.unpack(">H", query[end - 4:end - 2])[0]
    what = ZONE.get(asked)
    question = query[12:end]
    if what in ("silent", "mute-tcp", "stall", "other") and not tcp:
        if what == "silent":
            return None
        return query[:2] + b"\x83\x80\0\1\0\0\0\0\0\0" + question
    if what == "mute-tcp":
        return b""
    if what == "stall":
        return None
    if what == "garbage":
        return query[:2] + b"\x81\x80\0\1\0\3\0\0\0\0" + question + b"\xff" * 9
    if what == "other":
        question = name("evil.example.org") + question[-4:]
        asked = "example.org"
    code, records = records_of(asked, kind)
    body = b"".join(name(owner) + struct.pack(">HHIH", record, 1, 60,
                                              len(data)) + data
                    for owner, record, data in records)
    flags = 0x8180 | code
    head = struct.pack(">HHHHHH", 0, flags, 1, len(records), 0, 0)
    if not tcp and len(body) > 450:
        head = struct.pack(">HHHHHH", 0, flags | 0x200, 1, 0, 0, 0)
        body = b""
    return query[:2] + head[2:] + question + body


class Udp(socketserver.BaseRequestHandler):
    """One datagram."""

    def handle(self):
        query, sock = self.request
        said = answer(query, False)
        if said is not None:
            sock.sendto(said, self.client_address)


class Tcp(socketserver.BaseRequestHandler):
    """One connection, one question."""

    def handle(self):
        size = self.request.recv(2, socket.MSG_WAITALL)
        query = self.request.recv(struct.unpack(">H", size)[0],
                                  socket.MSG_WAITALL)
        said = answer(query, True)
        if said is None:
            self.request.sendall(b"\0")     # and not an octet more
            self.request.recv(1)
        elif said:
            data = struct.pack(">H", len(said)) + said
            for i in range(0, len(data), 700):
                self.request.sendall(data[i:i + 700])


@contextmanager
def name_server(family=socket.AF_INET):
    """A name server on one port of both protocols: its address."""
    class UdpServer(socketserver.ThreadingUDPServer):
        """Datagrams."""
        address_family = family
        daemon_threads = True

    class TcpServer(socketserver.ThreadingTCPServer):
        """Connections."""
        address_family = family
        daemon_threads = True

    host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
    for _ in range(100):
        udp = UdpServer((host, 0), Udp)
        try:
            tcp = TcpServer((host, udp.server_address[1]), Tcp)
            break
        except OSError:
            udp.server_close()
    servers = [udp, tcp]
    for server in servers:
        threading.Thread(target=server.serve_forever, args=(0.05,),
                         daemon=True).start()
    try:
        yield f"[{host}]:{udp.server_address[1]}" if ":" in host \
            else f"{host}:{udp.server_address[1]}"
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def probe(*words, seconds=60):
    """The first line of what net-probe says, and the others."""
    done = subprocess.run([PROBE, *words], capture_output=True, text=True,
                          timeout=seconds, check=False)
    equal(done.returncode, 0, f"{words}: {done.stderr}")
    first, *rest = done.stdout.splitlines()
    return first, rest


def expect(resolver, what, domain, first, rest=None):
    """One question and what must come of it."""
    said, more = probe(what, resolver, domain)
    check(said.startswith(first + ":"), f"{domain}: {said}")
    if rest is not None:
        equal(more, rest, domain)


def test_mx(resolver):
    """MX records, aliases of them, none, and no domain"""
    expect(resolver, "mx", "example.org", "ok",
           ["20 b.example.org", "10 a.example.org"])
    expect(resolver, "mx", "Example.ORG.", "ok",
           ["20 b.example.org", "10 a.example.org"])
    expect(resolver, "mx", "alias.example.org", "ok",
           ["20 b.example.org", "10 a.example.org"])
    expect(resolver, "mx", "nothing.example.org", "no data", [])
    expect(resolver, "mx", "absent.example.org", "none", [])
    expect(resolver, "mx", "x" * 64 + ".example.org", "none", [])
    expect(resolver, "mx", ".".join(["label"] * 60), "none", [])


def test_temporary(resolver):
    """A server that fails, refuses or lies is temporary trouble"""
    for domain in ("servfail", "refused", "garbage", "circle", "other",
                   "mute-tcp"):
        said, more = probe("mx", resolver, f"{domain}.example.org")
        check(said.startswith("temporary: the name server at " + resolver),
              said)
        check(f"for {domain}.example.org (MX)" in said, said)
        equal(more, [], domain)


def test_tcp(resolver):
    """A long answer is fetched by TCP, and its best are kept"""
    said, more = probe("mx", resolver, "many.example.org")
    check(said.startswith("ok"), said)
    equal(len(more), 32, "hosts")
    check(all(line.startswith(("0 ", "1 ")) for line in more), more)


def test_addresses(resolver):
    """Both families, one when the other fails, and room for both"""
    expect(resolver, "addresses", "a.example.org", "ok",
           ["2001:db8::1", "192.0.2.1"])
    expect(resolver, "addresses", "v4.example.org", "ok",
           ["192.0.2.1", "192.0.2.2"])
    expect(resolver, "addresses", "v6.example.org", "ok", ["2001:db8::1"])
    expect(resolver, "addresses", "half.example.org", "ok", ["192.0.2.1"])
    expect(resolver, "addresses", "otherhalf.example.org", "ok",
           ["2001:db8::1"])
    expect(resolver, "addresses", "empty-half.example.org", "temporary", [])
    expect(resolver, "addresses", "servfail.example.org", "temporary", [])
    expect(resolver, "addresses", "absent.example.org", "none", [])
    expect(resolver, "addresses", "nothing.example.org", "no data", [])
    more = probe("addresses", resolver, "crowd.example.org")[1]
    equal([":" in line for line in more], [True] * 8 + [False] * 8, "crowd")


def test_exchangers(resolver):
    """The hosts for a domain, up to where we are named ourselves"""
    cases = {
        "example.org": ("ok", ["10 a.example.org", "20 b.example.org"]),
        "us.example.org": ("ok", ["10 better.example.org"]),
        "loop.example.org": ("ourselves", []),
        "mail.us.example": ("ourselves", []),
        "implicit.example.org": ("ok", ["0 implicit.example.org"]),
        "null.example.org": ("null", []),
        "absent.example.org": ("no domain", []),
        "nothing.example.org": ("no domain", []),
        "servfail.example.org": ("temporary", []),
        "empty-half.example.org": ("temporary", []),
    }
    for domain, (first, rest) in cases.items():
        said, more = probe("exchangers", resolver, "mail.us.example", domain)
        check(said.startswith(first + ":"), f"{domain}: {said}")
        equal(more, rest, domain)


def test_ipv6(_):
    """A name server with an IPv6 address"""
    try:
        with name_server(socket.AF_INET6) as resolver:
            expect(resolver, "mx", "example.org", "ok",
                   ["20 b.example.org", "10 a.example.org"])
            equal(len(probe("mx", resolver, "many.example.org")[1]), 32,
                  "by TCP")
    except OSError as error:
        raise Skip(f"no IPv6: {error}") from error


def test_unreachable(_):
    """A port where nobody listens"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    said = probe("mx", f"127.0.0.1:{port}", "example.org")[0]
    check(said.startswith("temporary: ") and "cannot be reached" in said, said)


def test_silent(resolver):
    """A server that says nothing, or no more, is not waited for without end"""
    results = {}

    def ask(domain):
        results[domain] = probe("mx", resolver, domain)[0]
    threads = [threading.Thread(target=ask, args=(f"{d}.example.org",))
               for d in ("silent", "stall")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    said = results["silent.example.org"]
    check(said.startswith("temporary: ") and "does not answer for" in said,
          said)
    said = results["stall.example.org"]
    check(said.startswith("temporary: ") and "by TCP" in said, said)


def test_no_files(resolver):
    """Once it is ready the resolver opens no file"""
    if not tool("strace"):
        raise Skip("no strace")
    done = subprocess.run(
        ["strace", "-f", "-e", "trace=open,openat,socket,stat,newfstatat",
         PROBE, "exchangers", resolver, "mail.us.example", "us.example.org"],
        capture_output=True, text=True, check=False)
    if "ptrace" in done.stderr and done.returncode:
        raise Skip("may not trace")
    equal(done.returncode, 0, done.stderr)
    calls = done.stderr.splitlines()
    first = next(i for i, c in enumerate(calls) if "AF_INET" in c)
    files = [c for c in calls[first:]
             if re.match(r"(\[pid.*\] )?(open|openat|stat)\(", c)
             or "newfstatat(AT_FDCWD" in c]
    equal(files, [], "files opened")


if __name__ == "__main__":
    with name_server() as address:
        tap.run(globals(), address)
    tap.finish()
