# SPDX-License-Identifier: ISC
"""Two name servers on a free loopback port: an honest one and a liar.

RealDns is NSD from Debian's package, authoritative for everything, with the
records that a test gives it. LyingDns answers as a test tells it to, octet
for octet if need be, and keeps a list of what it was asked.
"""
import os
import selectors
import signal
import socket
import struct
import subprocess
import threading

from . import peers
from .ports import free_port
from .scratch import reachable
from .tap import Skip, check
from .wait import wait_for

A, CNAME, SOA, PTR, MX, TXT, AAAA = 1, 5, 6, 12, 15, 16, 28
OPT = 41
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)
SOA_LINE = ". 60 IN SOA ns.test. root.test. 1 60 60 60 60\n. 60 IN NS ns.test."


# ---- octets ----

def name(text):
    """A domain name without compression; "" and "." are the root."""
    labels = [x.encode() for x in text.rstrip(".").split(".") if x]
    return b"".join(bytes([len(x)]) + x for x in labels) + b"\0"


def record(owner, kind, data, ttl=60, length=None):
    """A resource record; length may lie about the data."""
    owner = owner if isinstance(owner, bytes) else name(owner)
    return owner + struct.pack("!HHIH", kind, 1, ttl, len(data)
                               if length is None else length) + data


def mx(owner, preference, host, **settings):
    """An MX record."""
    return record(owner, MX, struct.pack("!H", preference) + name(host),
                  **settings)


def a(owner, address="127.0.0.1", **settings):
    """An A record."""
    return record(owner, A, socket.inet_aton(address), **settings)


def aaaa(owner, address="::1", **settings):
    """An AAAA record."""
    return record(owner, AAAA, socket.inet_pton(socket.AF_INET6, address),
                  **settings)


def cname(owner, target):
    """A CNAME record."""
    return record(owner, CNAME, name(target))


class Question:
    """What was asked: its first question, and how it came."""

    def __init__(self, wire, tcp=False):
        self.wire = wire
        self.tcp = tcp
        self.ident = wire[:2]
        labels, at = [], 12
        while wire[at]:
            labels.append(wire[at + 1:at + 1 + wire[at]].decode("latin-1"))
            at += 1 + wire[at]
        self.name = ".".join(labels).lower()
        self.kind = struct.unpack_from("!H", wire, at + 1)[0]
        self.section = wire[12:at + 5]

    def answer(self, *records, code=NOERROR, ident=None, section=None,
               flags=0x8580, count=None):
        """An answer to it, of which every part may lie."""
        body = b"".join(records)
        return struct.pack(
            "!2sHHHHH", ident or self.ident, flags | code, 1,
            len(records) if count is None else count, 0, 0) \
            + (self.section if section is None else section) + body


def read_name(wire, at):
    """(text of the name at that place, place after it)."""
    labels, end = [], None
    for _ in range(200):
        size = wire[at]
        if size >= 0xC0:
            end = end or at + 2
            at = struct.unpack_from("!H", wire, at)[0] & 0x3FFF
        elif size == 0:
            return ".".join(labels), end or at + 1
        else:
            labels.append(wire[at + 1:at + 1 + size].decode("latin-1"))
            at += 1 + size
    raise AssertionError("a compression loop")


def ask(address, text, kind, seconds=5.0):
    """Asks a server by UDP: (code, [(name, kind, data or host)])."""
    host, _, port = address.rpartition(":")
    query = struct.pack("!HHHHHH", 0x1234, 0x0100, 1, 0, 0, 0) + name(text) \
        + struct.pack("!HH", kind, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(seconds)
        sock.sendto(query, (host, int(port)))
        wire = sock.recv(65535)
    count, at, found = struct.unpack_from("!H", wire, 6)[0], len(query), []
    for _ in range(count):
        owner, at = read_name(wire, at)
        its, _, _, length = struct.unpack_from("!HHIH", wire, at)
        at += 10
        data = wire[at:at + length]
        if its == MX:
            data = (struct.unpack("!H", data[:2])[0],
                    read_name(wire, at + 2)[0])
        elif its in (A, AAAA):
            data = socket.inet_ntop(socket.AF_INET if its == A
                                    else socket.AF_INET6, data)
        found.append((owner, its, data))
        at += length
    return wire[3] & 15, found


# ---- the honest one ----

class RealDns:
    """NSD; records: lines of a zone file, with names that end in a dot.

    Of zones with a list of lines of their own it has these; of those with
    None it has nothing, and answers SERVFAIL.
    """

    def __init__(self, scratch, records, zones=None):
        self.scratch = scratch
        self.zones = {".": records, **(zones or {})}
        self.program = peers.find("nsd", "nsd")
        if scratch.user and not reachable(self.program):
            raise Skip("nsd cannot be run by the user of the tests")
        self.top = scratch.dir / "nsd"
        self.top.mkdir()
        for zone, lines in self.zones.items():
            if lines is not None:
                self.write(lines, zone)
        for attempt in range(5):
            self.port = free_port()
            self.configure()
            try:
                self.start()
                return
            except AssertionError:
                self.__exit__()
                if attempt == 4:
                    raise

    def configure(self):
        """One process, no control channel, nothing outside its folder."""
        (self.top / "nsd.conf").write_text(
            f"server:\n ip-address: 127.0.0.1@{self.port}\n"
            f" server-count: 1\n username: \"\"\n chroot: \"\"\n"
            f" database: \"\"\n zonesdir: \"{self.top}\"\n"
            f" pidfile: \"{self.top}/pid\"\n"
            f" zonelistfile: \"{self.top}/list\"\n"
            f" xfrdfile: \"{self.top}/xfrd\"\n xfrdir: \"{self.top}\"\n"
            " rrl-ratelimit: 0\n rrl-whitelist-ratelimit: 0\n"
            "remote-control:\n control-enable: no\n" + "".join(
                f"zone:\n name: \"{zone}\"\n"
                f" zonefile: \"{self.file(zone)}\"\n"
                for zone in self.zones))
        self.scratch.own()

    def file(self, zone):
        """The zone file of a zone."""
        return self.top / f"zone{list(self.zones).index(zone)}"

    def write(self, records, zone="."):
        """The zone file of a zone."""
        start = SOA_LINE if zone == "." else (
            f"$ORIGIN {zone}\n@ 60 IN SOA ns.test. root.test. 1 60 60 60 60\n"
            "@ 60 IN NS ns.test.")
        self.file(zone).write_text("\n".join([start, *records]) + "\n")

    def start(self):
        with open(self.scratch.dir / "nsd.log", "ab") as log:
            self.process = self.scratch.popen(
                [self.program, "-d", "-c", str(self.top / "nsd.conf")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)
        wait_for(self.ready, "NSD to answer")

    def ready(self):
        check(self.process.poll() is None, "NSD has ended\n"
              + self.scratch.notes())
        try:
            return ask(self.address, ".", SOA, 0.5)[1]
        except OSError:
            return False

    @property
    def address(self):
        """For the key "resolver"."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """It is a group of processes, and all of it ours."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


# ---- the liar ----

def honest(*records):
    """A lie that is none: these records, whatever is asked."""
    return lambda question: question.answer(*records)


def refuse(code):
    """An answer that is only a code."""
    return lambda question: question.answer(code=code)


def dead(_):
    """No answer."""
    return None


class LyingDns:
    """Answers by `lies`: {(name, type): function of the Question}.

    A function answers the octets to send, a list of several answers, or None
    for none. What is not in lies is in `default` (NXDOMAIN). (name, None) is
    for all types.
    """

    def __init__(self, lies, default=refuse(NXDOMAIN)):
        self.lies = {(n.lower(), k): v for (n, k), v in lies.items()}
        self.default = default
        self.asked = []     # (name, type, "udp" or "tcp")
        self.open()
        self.wake, self.ending = socket.socketpair()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def open(self):
        """UDP and TCP on one port."""
        self.port = free_port()
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", self.port))
        self.tcp = socket.create_server(("127.0.0.1", self.port))

    @property
    def address(self):
        """For the key "resolver"."""
        return f"127.0.0.1:{self.port}"

    def reply(self, wire, tcp):
        """What to send: a list of octets."""
        question = Question(wire, tcp)
        self.asked.append((question.name, question.kind,
                           "tcp" if tcp else "udp"))
        lie = self.lies.get((question.name, question.kind)) \
            or self.lies.get((question.name, None)) or self.default
        answer = lie(question)
        if answer is None:
            return []
        return answer if isinstance(answer, list) else [answer]

    def run(self):
        """Until close()."""
        with selectors.DefaultSelector() as selector:
            for sock in (self.udp, self.tcp, self.ending):
                selector.register(sock, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self.ending:
                        return
                    if key.fileobj is self.tcp:
                        threading.Thread(target=self.stream, daemon=True,
                                         args=(self.tcp.accept()[0],)).start()
                    else:
                        wire, peer = self.udp.recvfrom(65535)
                        for answer in self.reply(wire, False):
                            self.udp.sendto(answer, peer)

    def stream(self, sock):
        """One connection by TCP."""
        with sock:
            sock.settimeout(30)
            try:
                while True:
                    size = sock.recv(2, socket.MSG_WAITALL)
                    if len(size) < 2:
                        return
                    wire = sock.recv(struct.unpack("!H", size)[0],
                                     socket.MSG_WAITALL)
                    for answer in self.reply(wire, True):
                        sock.sendall(struct.pack("!H", len(answer)) + answer)
            except OSError:
                return

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.wake.close()
        self.thread.join(10)
        for sock in (self.udp, self.tcp, self.ending):
            sock.close()
