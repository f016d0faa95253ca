# SPDX-License-Identifier: ISC
"""Two machines, as far as the network can tell: mail by MX on port 25.

Each server has a network namespace of its own, joined by a cable; both are
started by root with nothing but defaults, as a package would; the name server
is the one of /etc/resolv.conf. So nothing here depends on loopback, on the key
"resolver" or on a route that only tests have. Needs root.
"""
import os
import random
import subprocess
import sys
from pathlib import Path

from lib.dns import RealDns
from lib.ledger import compose
from lib.namespace import again
from lib.nexthops import text_of
from lib.scratch import AM_ROOT, Scratch, tool
from lib.site import Site
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
ZONE = """
a.test. 60 IN MX 10 mx.a.test.
mx.a.test. 60 IN A 192.0.2.1
mx.a.test. 60 IN AAAA 2001:db8::1
b.test. 60 IN MX 10 mx.b.test.
mx.b.test. 60 IN A 192.0.2.2
mx.b.test. 60 IN AAAA 2001:db8::2
four.test. 60 IN MX 10 half.b.test.
half.b.test. 60 IN A 192.0.2.2
half.b.test. 60 IN AAAA 2001:db8::dead
null.test. 60 IN MX 0 .
""".strip().splitlines()


class Net:
    """A network namespace, which lives as long as its process."""

    def __init__(self, number):
        self.number = number
        self.holder = subprocess.Popen(
            ["unshare", "-n", "sh", "-c", "echo; exec cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.holder.stdout.read(1)
        self.pid = self.holder.pid
        for name, value in (("ipv4/ip_unprivileged_port_start", 0),
                            ("ipv6/conf/default/accept_dad", 0)):
            self.run("sh", "-c", f"echo {value} >/proc/sys/net/{name}")
        self.run("ip", "link", "set", "lo", "up")

    def inside(self, *command):
        """The argument list for that in this namespace."""
        return ["nsenter", "-t", str(self.pid), "-n", "--", *map(str, command)]

    def run(self, *command):
        """Runs it there."""
        subprocess.run(self.inside(*command), check=True, capture_output=True)

    def cable(self, other):
        """Joins two."""
        self.run("ip", "link", "add", "cable", "type", "veth", "peer", "name",
                 "cable", "netns", str(other.pid))
        for net in (self, other):
            net.run("ip", "addr", "add", f"192.0.2.{net.number}/24", "dev",
                    "cable")
            net.run("ip", "addr", "add", f"2001:db8::{net.number}/64", "dev",
                    "cable", "nodad")
            net.run("ip", "link", "set", "cable", "up")
        # The first packet takes a second, while neighbours are looked for;
        # whoever tries both families would prefer IPv4 then.
        self.run(sys.executable, "-c", "import socket; socket.socket("
                 "socket.AF_INET6, socket.SOCK_STREAM).connect_ex("
                 f"('2001:db8::{other.number}', 9))")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.holder.stdin.close()
        self.holder.wait(10)
        self.holder.stdout.close()


class Machine(Site):
    """A Site in a namespace, started by root."""

    def __init__(self, net, name):
        self.net = net
        super().__init__(net.number, f"mx.{name}.test", f"{name}.test",
                         f"domains {name}.test four.test\n"
                         if name == "b" else "", port=25, as_root=True)

    def configure(self, extra="", tls=True):
        """With the name server of the machine."""
        super().configure(extra, tls)
        self.conf.write_text("".join(
            line for line in self.conf.read_text().splitlines(True)
            if not line.startswith("resolver ")))

    def command(self, name, *args):
        return self.net.inside(*super().command(name, *args))

    def start(self):
        number = self.net.number
        self.smtpd = self.serve("smtpd", f"192.0.2.{number}:25",
                                f"[2001:db8::{number}]:25")


class Dns(RealDns):
    """On port 53 of the first namespace."""

    def __init__(self, scratch, records, net):
        self.net = net
        super().__init__(scratch, records)

    def configure(self):
        super().configure()
        path = self.top / "nsd.conf"
        path.write_text(path.read_text().replace(
            f"127.0.0.1@{self.port}", "192.0.2.1@53"))
        self.program_inside = self.net.inside(self.program)

    def start(self):
        with open(self.scratch.dir / "nsd.log", "ab") as log:
            self.process = self.scratch.popen(
                [*self.program_inside, "-d", "-c", str(self.top / "nsd.conf")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)
        wait_for(self.ready, "NSD to listen")

    def ready(self):
        check(self.process.poll() is None, "NSD has ended\n"
              + self.scratch.notes())
        return ":0035 " in Path(f"/proc/{self.net.pid}/net/udp").read_text()


def send(machine, sender, recipients):
    """By sendmail; returns (id, text)."""
    ident = f"net-{random.randrange(10 ** 9)}"
    text = compose(ident, random.Random(ident))
    done = machine.call("smtpd", "-i", "-f", sender, *recipients,
                        stdin=text.decode().replace("\r\n", "\n"))
    equal(done.returncode, 0, done.stderr)
    return ident, text


def received(machine, ident, text, user="bob"):
    """The message in a mailbox; how it came."""
    box = machine.wait_mail(user)
    equal(text_of(box[0].wire, ident), text.rstrip(b"\r\n"), "text")
    for path in machine.mail.iterdir():
        path.unlink()
    return box[0].headers.decode()


def test_there_and_back(a, b):
    """By MX and port 25, there and back, over IPv6 and TLS"""
    head = received(b, *send(a, "alice@a.test", ["bob@b.test"]))
    check("2001:db8::1" in head, head)
    check("ESMTPS" in head, head)
    head = received(a, *send(b, "bob@b.test", ["alice@a.test"]), "alice")
    check("2001:db8::2" in head, head)
    for machine in (a, b):
        machine.wait_empty()


def test_other_family(a, b):
    """Where nobody answers over IPv6, IPv4 is used at once"""
    head = received(b, *send(a, "alice@a.test", ["bob@four.test"]))
    check("192.0.2.1" in head, head)
    a.wait_empty()


def test_report(a, b):
    """What is refused comes back as a report, also from a null MX"""
    for address, status in (("nosuch@b.test", "5.1.1"),
                            ("x@null.test", "5.1.10")):
        send(a, "alice@a.test", [address])
        box = a.wait_mail("alice")
        check(f"Status: {status}".encode() in box[0].wire, repr(box[0].wire))
        for path in a.mail.iterdir():
            path.unlink()
        a.wait_empty()
    equal(b.queued(), 0, "messages at the other end")


def test_cable(a, b):
    """The cable is cut: mail waits; plugged in again, a flush delivers it"""
    a.end_runners()     # and with them the connections that they keep
    a.net.run("ip", "link", "set", "cable", "down")
    ident, text = send(a, "alice@a.test", ["bob@b.test"])
    wait_for(lambda: any(r["reply"] for m in a.mailq()
                         for r in m["recipients"]), "a reason", 120)
    a.net.run("ip", "link", "set", "cable", "up")
    a.net.run("ip", "addr", "replace", "2001:db8::1/64", "dev", "cable",
              "nodad")
    a.flush("-qf")
    received(b, ident, text)
    a.wait_empty()


def inside():
    """In a mount namespace of its own."""
    with Scratch(users=False, tls=False) as scratch, Net(1) as one, \
            Net(2) as two:
        conf = scratch.dir / "resolv.conf"
        conf.write_text("nameserver 192.0.2.1\n")
        subprocess.run(["mount", "--bind", str(conf),
                        os.path.realpath("/etc/resolv.conf")], check=True)
        one.cable(two)
        with Machine(one, "a") as a, Machine(two, "b") as b, \
                Dns(a, ZONE, one):
            tap.run(globals(), a, b)
    tap.finish()


def main():
    if sys.argv[1:] == ["inside"]:
        inside()
    try:
        if not AM_ROOT:
            raise Skip("needs root")
        for name in ("ip", "nsenter"):
            if not tool(name):
                raise Skip(f"{name} is not there")
        again(tap, "inside", ("unshare", "-n", "ip", "link", "add", "x",
                              "type", "veth", "peer", "name", "y"), 280)
    except Skip as reason:
        tap.skip("two machines", str(reason))
    tap.finish()


if __name__ == "__main__":
    main()
