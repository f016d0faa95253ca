# SPDX-License-Identifier: ISC
"""The DNS of the RFC 7208 test suite, and SPF asked about it.

Zone is the records of one scenario as answers; Machine drives the evaluation
of common/auth/spf through tests/lib/auth-driver, with any function as its DNS.
"""
import socket
import subprocess

from .dns import (AAAA, MX, NXDOMAIN, PTR, SERVFAIL, TXT, A, LyingDns, Question,
                  name, record)
from .scratch import BUILD
from .tap import Skip, equal

DRIVER = BUILD / "tests/lib/auth-driver"
CHAIN = 12


class Timeout(Exception):
    """The name server says nothing."""


def octets(value):
    """What a record says, as octets: text that is not ASCII is Latin-1."""
    if isinstance(value, bytes):
        return value
    return str(value).encode("utf-8")


class Zone:
    """What a scenario's zonedata says about names."""

    def __init__(self, zonedata):
        self.names = {}
        for name, entries in zonedata.items():
            self.names[name.lower()] = list(entries)

    def _exists(self, name):
        return name in self.names or any(
            other.endswith("." + name) for other in self.names)

    @staticmethod
    def _typed(entries):
        """(type, value) pairs; records of type SPF count as TXT."""
        pairs = [next(iter(e.items())) for e in entries if isinstance(e, dict)]
        if any(kind == "TXT" for kind, _ in pairs):
            pairs = [p for p in pairs if p[0] != "SPF"]
        return [("TXT" if kind == "SPF" else kind, value)
                for kind, value in pairs if value != "NONE"]

    def records(self):
        """(lines, {zone: lines, or None}) for RealDns."""
        silent = {n for n, entries in self.names.items()
                  if "TIMEOUT" in entries and not any(
                      k == "TXT" for k, _ in self._typed(entries))}
        lines, zones = [], {n + ".": None for n in silent}
        for name, entries in self.names.items():
            own = [self._line(name, kind, value)
                   for kind, value in self._typed(entries)]
            if any(name.endswith("." + n) for n in silent):
                zones.setdefault(name + ".", own)
            elif name not in silent:
                lines += own
        return lines, zones

    @staticmethod
    def _line(name, kind, value):
        """A record of a zone file."""
        if kind == "TXT":
            parts = value if isinstance(value, list) else [value]
            strings = [octets(p)[i:i + 255] for p in parts
                       for i in range(0, len(octets(p)) or 1, 255)]
            text = " ".join('"' + "".join(f"\\{c:03}" for c in s) + '"'
                            for s in strings) or '""'
        elif kind == "MX":
            text = f"{value[0]} {value[1].rstrip('.')}."
        elif kind in ("A", "AAAA"):
            text = value
        else:
            text = value.rstrip(".") + "."
        owner = "".join(c if c.isalnum() or c in "-._*" else
                        f"\\{ord(c):03}" for c in name)
        return f"{owner}. 60 IN {kind} {text}"

    def ask(self, kind, name, depth=0):
        """(status, records): ok, no-data or no-name; or Timeout."""
        name = name.lower().rstrip(".")
        if name.split(".")[0] == "error" and name not in self.names:
            raise Timeout
        if not self._exists(name):
            return "no-name", []
        entries = self.names.get(name, [])
        pairs = self._typed(entries)
        found = [self._data(kind, value) for k, value in pairs if k == kind]
        if found:
            return "ok", found
        for k, value in pairs:
            if k == "CNAME":
                if depth > CHAIN:
                    raise Timeout
                return self.ask(kind, value, depth + 1)
        if "TIMEOUT" in entries:
            raise Timeout
        return "no-data", []

    @staticmethod
    def _data(kind, value):
        if kind == "A":
            return socket.inet_pton(socket.AF_INET, value)
        if kind == "AAAA":
            return socket.inet_pton(socket.AF_INET6, value)
        if kind == "MX":
            return value[1].rstrip(".").encode()
        if kind == "TXT":
            parts = value if isinstance(value, list) else [value]
            return b"".join(octets(p) for p in parts)
        return value.rstrip(".").encode()


class Machine:
    """The program, which evaluates one question after another."""

    def __init__(self):
        if not DRIVER.exists():
            raise Skip("tests/lib/auth-driver is not built")
        self.process = subprocess.Popen(
            [str(DRIVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.asked = 0
        self.reason = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def _say(self, *words):
        line = " ".join(w.hex() or "-" if isinstance(w, bytes) else w
                        for w in words)
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().decode().rstrip("\n")

    def use(self, server, *path):
        """From now on the program asks that name server itself, or by the
        resolver that has this socket."""
        equal(self._say("resolver", server, *map(str, path)), "using")

    def check(self, address, helo, sender, ask=None):
        """(result, explanation); ask(type, name) is the DNS, if not use()."""
        said = self._say("spf", address, octets(helo), octets(sender))
        self.asked = 0
        while said.startswith("ask "):
            _, kind, name = said.split()
            self.asked += 1
            try:
                status, records = ask(
                    kind, bytes.fromhex(name).decode("latin-1"))
            except Timeout:
                status, records = "failed", []
            said = self._say("answer", status, *records)
        said, _, self.reason = said.partition(" # ")
        _, result, explanation = said.split()
        return result, bytes.fromhex(explanation.replace("-", "")).decode()

    def dmarc(self, author, identifiers, ask):
        """(result, policy, what is applied of it, whose it is) of DMARC;
        identifiers: (spf or dkim, domain) of those that are authenticated."""
        said = self._say("dmarc", author, *(w for i in identifiers for w in i))
        while said.startswith("ask "):
            _, kind, name = said.split()
            said = self._say("answer", *self._records(
                *ask(kind, bytes.fromhex(name).decode())))
        return tuple(said.split()[1:])

    @staticmethod
    def _records(status, records):
        return status, *records


def records_of(records):
    """ask(type, name) for ZoneDns, of {name: {type: [record]}}; instead of a
    name's records: failed, or silent."""
    def ask(kind, name):
        entry = records.get(name)
        if entry == "failed":
            return "failed", []
        if entry == "silent":
            raise Timeout
        if entry is None:
            below = any(other.endswith("." + name) for other in records)
            return ("no-data" if below else "no-name"), []
        found = entry.get(kind, [])
        return ("ok" if found else "no-data"), [
            f.encode() if isinstance(f, str) else f for f in found]
    return ask


class ZoneDns(LyingDns):
    """A name server on loopback: ask(type, name) says what is in the DNS."""

    TYPES = {A: "A", AAAA: "AAAA", MX: "MX", PTR: "PTR", TXT: "TXT"}
    PAYLOAD = 1232

    def __init__(self, ask):
        self.ask = ask
        super().__init__({})

    def reply(self, wire, tcp):
        question = Question(wire, tcp)
        self.asked.append((question.name, question.kind,
                           "tcp" if tcp else "udp"))
        kind = self.TYPES.get(question.kind)
        if kind is None:
            return [question.answer()]
        try:
            status, records = self.ask(kind, question.name)
        except Timeout:
            return []
        if status in ("failed", "no-name"):
            return [question.answer(
                code=SERVFAIL if status == "failed" else NXDOMAIN)]
        answer = question.answer(*(
            record(question.name, question.kind, self._data(kind, data))
            for data in records))
        if not tcp and len(answer) > self.PAYLOAD:
            answer = question.answer(flags=0x8780)
        return [answer]

    @staticmethod
    def _data(kind, data):
        if kind == "TXT":
            parts = [data[i:i + 255] for i in range(0, len(data), 255)]
            return b"".join(bytes([len(p)]) + p for p in parts or [b""])
        if kind in ("MX", "PTR"):
            prefix = b"\0\x0a" if kind == "MX" else b""
            return prefix + name(data.decode("latin-1"))
        return data
