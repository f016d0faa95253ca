# SPDX-License-Identifier: ISC
"""Zones that are signed, and a resolver that verifies signatures: NSD, keys
and signatures by BIND's tools, and unbound, all from Debian's packages."""
import os
import signal
import subprocess

from . import peers
from .dns import MX, RealDns, ask
from .ports import free_port
from .scratch import reachable, tool
from .tap import Skip, check
from .wait import wait_for

ALGORITHM = "ECDSAP256SHA256"


class SignedDns(RealDns):
    """NSD, of whose zones some are signed; anchors: {zone: its DS record}."""

    def __init__(self, scratch, records, zones, signed):
        for name in ("dnssec-keygen", "dnssec-signzone"):
            if not tool(name):
                raise Skip(f"{name} is not there (Debian package bind9-utils)")
        self.signed, self.anchors = signed, {}
        super().__init__(scratch, records, zones)

    def write(self, records, zone="."):
        super().write(records, zone)
        if zone not in self.signed:
            return
        keys = self.top / f"keys{len(self.anchors)}"
        keys.mkdir()
        path = self.file(zone)
        for command in (
                ["dnssec-keygen", "-q", "-a", ALGORITHM, "-f", "KSK", zone],
                ["dnssec-signzone", "-z", "-S", "-x", "-o", zone, "-f",
                 keys / "signed", path]):
            subprocess.run(command, cwd=keys, check=True, capture_output=True,
                           timeout=60)
        path.write_text((keys / "signed").read_text())
        (anchor,) = keys.glob("dsset-*")
        self.anchors[zone] = " ".join(anchor.read_text().split())


class Unbound:
    """It asks one name server about everything, and knows these anchors."""

    def __init__(self, scratch, upstream, anchors):
        self.scratch = scratch
        self.program = peers.find("unbound", "unbound")
        if scratch.user and not reachable(self.program):
            raise Skip("unbound cannot be run by the user of the tests")
        self.port = free_port()
        self.path = scratch.dir / "unbound.conf"
        host, _, port = upstream.rpartition(":")
        self.path.write_text(
            f'server:\n interface: 127.0.0.1@{self.port}\n'
            ' username: ""\n chroot: ""\n use-syslog: no\n'
            f' directory: "{scratch.dir}"\n pidfile: ""\n'
            ' do-not-query-localhost: no\n qname-minimisation: no\n'
            ' module-config: "validator iterator"\n do-daemonize: no\n'
            + "".join(f' trust-anchor: "{a}"\n' for a in anchors)
            + f'stub-zone:\n name: "."\n stub-addr: {host}@{port}\n'
            'remote-control:\n control-enable: no\n')
        scratch.own()
        with open(scratch.dir / "unbound.log", "ab") as log:
            self.process = scratch.popen(
                [self.program, "-d", "-c", str(self.path)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)
        wait_for(self.ready, "unbound to answer")

    def ready(self):
        """Whether it answers at all."""
        check(self.process.poll() is None, "unbound has ended\n"
              + self.scratch.notes())
        try:
            return ask(self.address, "ready.test", MX, 0.5) is not None
        except OSError:
            return False

    @property
    def address(self):
        """For the key "resolver"."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
