# SPDX-License-Identifier: ISC
"""The resolver, which asks name servers for servers that have no network.

Whatever it says or does not say, mail comes in: it may lie as a name server
may, and no more. What workers send it can make it ask for names and nothing
else, and nobody keeps others from being answered.
"""
import os
import re
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

from lib import proc
from lib.dns import SERVFAIL, TXT, A, LyingDns, Question, dead, honest
from lib.dns import name as wire_name
from lib.dns import record, refuse
from lib.namespace import again
from lib.resolver import (BATCH, BATCH_SIZE, GREETING, HEAD, MOST, NAME,
                          QUESTION, Hostile, Resolver, batch, greeting)
from lib.scratch import AM_ROOT, Instance, Scratch
from lib.spfsuite import ZoneDns, records_of
from lib.talk import stuff
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
PLACES = 256


# ---- what it may be asked ----

class Site:
    """The resolver, and a name server: said(question) answers all."""

    def __init__(self, said=honest()):
        self.scratch = Scratch(tls=False, users=False)
        self.dns = LyingDns({}, said)
        self.resolver = Resolver(self.scratch)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.resolver.stop()
        self.dns.__exit__()
        self.scratch.__exit__()

    def connect(self):
        """A connection that asks this name server."""
        return self.resolver.connect(self.dns.address)


def answers(sock, n):
    """The next n answers: {(serial, number): octets}."""
    found = {}
    for _ in range(n):
        said = sock.recv(70000)
        check(said, "it has closed the connection")
        found[HEAD.unpack_from(said)] = said[HEAD.size:]
    equal(len(found), n, "answers")
    return found


def test_raw():
    """The answer comes through octet for octet, with the AD bit, or without"""
    for flags in (0x85A0, 0x8580):
        sent = []

        def say(question, flags=flags, sent=sent):
            sent.append(question.answer(
                record(question.name, TXT, b"\3a\0b"), flags=flags))
            return sent[-1]
        with Site(say) as site, site.connect() as sock:
            sock.send(batch([(TXT, "x.test")]))
            said = answers(sock, 1)[1, 0]
            equal(said, sent[-1])
            equal(said[3] & 0x20, flags & 0x20, "AD")


def test_long():
    """An answer of 60 KB, which comes by TCP"""
    def say(question):
        if not question.tcp:
            return question.answer(flags=0x8780)
        return question.answer(record(question.name, TXT,
                                      (b"\xff" + b"x" * 255) * 234))
    with Site(say) as site, site.connect() as sock:
        for serial in (1, 2):
            sock.send(batch([(TXT, "x.test")] * 3, serial))
            for said in answers(sock, 3).values():
                check(len(said) > 59000, f"{len(said)} octets")


def test_at_once():
    """As many questions as a batch has room for; one without an answer keeps
    the others from nothing"""
    def say(question):
        return None if question.name == "n7.test" else question.answer()
    with Site(say) as site, site.connect() as sock:
        names = [(A, f"n{n}.test") for n in range(MOST - 1)]
        sock.send(batch([*names, (A, "no..name")], patience=2000))
        found = answers(sock, MOST)
        equal({n for (_, n), said in found.items() if not said}, {7, MOST - 1})
        sock.send(batch([(A, "n7.test")], 2, 100))
        sock.send(batch([(A, "n8.test")], 3))
        found = answers(sock, 2)
        equal({key: bool(said) for key, said in found.items()},
              {(2, 0): False, (3, 0): True})


def test_unsure():
    """A name server that fails is no answer"""
    with Site(refuse(SERVFAIL)) as site, site.connect() as sock:
        sock.send(batch([(A, "x.test")]))
        equal(answers(sock, 1), {(1, 0): b""})


GOOD = batch([(A, "x.test")])
LONG_NAME = BATCH.pack(1, 1, 5000) + QUESTION.pack(A, b"x" * NAME)
BAD_GREETINGS = {
    "of another version": GREETING.pack(2, b""),
    "that is too short": greeting()[:-1],
    "that is too long": greeting() + b"\0",
    "whose server has no end": GREETING.pack(1, b"1" * 256),
    "whose server is none": greeting("localhost"),
    "that is a batch": GOOD,
}
BAD_BATCHES = {
    "of no question": batch([]),
    "of too many": batch([], count=MOST + 1),
    "of a great many": batch([], count=0xFFFFFFFF),
    "that is too short": GOOD[:-1],
    "that is too long": GOOD + b"\0",
    "that is one octet": b"x",
    "whose name has no end": LONG_NAME.ljust(BATCH_SIZE, b"\0"),
    "of patience without an end": batch([(A, "x.test")], patience=1 << 31),
    **{f"of type {kind}": batch([(kind, "x.test")])
       for kind in (0, 41, 128, 252, 255, 1 << 16 | A)},
}


def cases_bad():
    """What is no greeting or batch ends the connection, and asks nobody"""
    with Site() as site:
        path = str(site.scratch.dir / "resolver")
        for kind, table in (("greeting", BAD_GREETINGS),
                            ("batch", BAD_BATCHES)):
            for what, text in table.items():
                with tap.case(f"A {kind} {what}"), site.connect() as sock:
                    if kind == "greeting":
                        sock.close()
                        sock = type(sock)(sock.family, sock.type)
                        sock.connect(path)
                    with sock:
                        sock.settimeout(60)
                        sock.send(text)
                        try:
                            sock.send(GOOD)
                            said = sock.recv(70000)
                        except (BrokenPipeError, ConnectionResetError):
                            said = b""
                        equal(said, b"")
        with tap.case("Nobody was asked for any of these"):
            equal(site.dns.asked, [])
        with tap.case("And one that is right is answered"), \
                site.connect() as sock:
            sock.send(GOOD)
            check(answers(sock, 1)[1, 0], "no answer")
            check(site.dns.asked, "nobody was asked")


# ---- what it may do ----

def test_shut_in():
    """The process of a connection has a filter, no rights and no files"""
    with Site(dead) as site, site.connect() as sock:
        sock.send(batch([(A, "x.test")], patience=20000))
        wait_for(lambda: site.dns.asked, "the question")
        pid, = proc.children(site.resolver.pid)
        state = proc.status(pid)
        equal((state["Seccomp"], state["NoNewPrivs"]), ("2", "1"))
        equal(set(state["CapEff"] + state["CapPrm"]), {"0"})
        if AM_ROOT:
            check("0" not in state["Uid"].split(), state["Uid"])
        with open(f"/proc/{pid}/limits", encoding="ascii") as file:
            limits = file.read()
        for what, most in (("open files", 64), ("processes", 0),
                           ("core file size", 0), ("cpu time", 10)):
            check(re.search(rf"(?m)^Max {what} +{most} ", limits), limits)
        targets = sorted(os.readlink(f"/proc/{pid}/fd/{fd}")
                         for fd in os.listdir(f"/proc/{pid}/fd"))
        files = {t for t in targets if not t.startswith("socket:")}
        equal(files, {"/dev/null", str(site.resolver.log)})
        equal(len(targets), 5, str(targets))    # a connection, a question


def test_greed():
    """More connections than there are places for: all are answered that come
    later"""
    with Site(lambda q: None if q.name == "silent.test" else q.answer()) \
            as site:
        socks = []
        for _ in range(PLACES + 20):
            socks.append(site.connect())
            socks[-1].send(batch([(A, "silent.test")], patience=20000))
        wait_for(lambda: len(proc.children(site.resolver.pid)) == PLACES,
                 "all places to be taken")
        with site.connect() as sock:
            sock.send(batch([(A, "x.test")]))
            check(answers(sock, 1)[1, 0], "no answer")
        check(len(proc.children(site.resolver.pid)) <= PLACES, "too many")
        for sock in socks:
            sock.close()


def test_not_read():
    """Who does not read what it says keeps nobody from being answered"""
    def say(question):
        return question.answer(flags=0x8780) if not question.tcp else \
            question.answer(record(question.name, TXT,
                                   (b"\xff" + b"x" * 255) * 234))
    with Site(say) as site, site.connect() as deaf, site.connect() as sock:
        deaf.send(batch([(TXT, "x.test")] * 32))
        sock.send(batch([(TXT, "x.test")]))
        check(answers(sock, 1)[1, 0], "no answer")


def test_by_hand():
    """It does not start without its socket, or as root"""
    with Scratch(tls=False, users=False) as scratch:
        done = scratch.call("smtpd", "--resolver", config=False)
        equal(done.returncode, 64, done.stderr)
        check("restante-resolver.socket" in done.stderr, done.stderr)
    if AM_ROOT:
        with Scratch(tls=False, users=False, as_root=True) as scratch:
            done = scratch.call("smtpd", "--resolver", config=False)
            equal(done.returncode, 64, done.stderr)
            check("root" in done.stderr, done.stderr)


# ---- what it may say ----

class Closed(OSError):
    """It closes the connection."""


def close(*_):
    """At once."""
    raise Closed


def send(sock, serial, number, text):
    """A message of the resolver."""
    sock.send(HEAD.pack(serial, number) + text)


def always(make):
    """What make(number, truth) says instead of each answer."""
    def lie(sock, serial, truth):
        for number, packet in enumerate(truth):
            send(sock, serial, number, make(number, packet))
    return lie


def raw(*messages):
    """These messages, made of a serial."""
    def lie(sock, serial, _):
        for message in messages:
            sock.send(message(serial))
    return lie


def numbered(serial_of, number):
    """The truth, in the wrong place."""
    def lie(sock, serial, truth):
        send(sock, serial_of(serial), number, truth[0])
    return lie


def twice(sock, serial, truth):
    """The first question is answered, and answered again."""
    send(sock, serial, 0, truth[0])
    send(sock, serial, 0, truth[0])
    raise Closed


def first_only(sock, serial, truth):
    """Then it closes."""
    send(sock, serial, 0, truth[0])
    raise Closed


def endless(sock, serial, truth):
    """Answers to what has not been asked now, as long as somebody listens."""
    while True:
        send(sock, serial - 1, 0, truth[0])


OTHER = struct.pack("!HHHHHH", 1, 0x8580, 1, 0, 0, 0) + wire_name(
    "other.test") + struct.pack("!HH", TXT, 1)


def changed(at, bits):
    """The truth, with other bits in one octet."""
    return always(lambda _, packet: packet[:at]
                  + bytes([packet[at] ^ bits]) + packet[at + 1:])


LIES = {
    "closes": close,
    "silence": lambda *_: None,
    "nothing": raw(lambda serial: b""),
    "octet": raw(lambda serial: b"x"),
    "garbage": raw(lambda serial: os.urandom(200)),
    "no-answers": always(lambda *_: b""),
    "noise": always(lambda *_: os.urandom(500)),
    "short-noise": always(lambda *_: os.urandom(11)),
    "longest": always(lambda *_: bytes(65535)),
    "too-long": always(lambda *_: bytes(65536)),
    "much-too-long": always(lambda *_: bytes(120000)),
    "number-beyond": numbered(lambda serial: serial, 20),
    "number-far-beyond": numbered(lambda serial: serial, 0xFFFFFFFF),
    "future": numbered(lambda serial: serial + 1, 0),
    "past": numbered(lambda serial: serial - 1, 0),
    "far-past": numbered(lambda serial: 0, 0),
    "endless": endless,
    "other-name": always(lambda *_: OTHER),
    "a-question": changed(2, 0x80),
    "cut": changed(2, 0x02),
    "servfail": changed(3, SERVFAIL),
    "ends-early": always(lambda _, packet: packet[:-3]),
    "more-records": changed(6, 0x01),
    "twice": twice,
    "first-only": first_only,
}
BEGIN_WELL = "twice", "first-only"
LISTED = 99, 100    # the last octet of a client that is in the list; and more
ZONE = {"honest.lie.example": {"TXT": ["v=spf1 -all"]},
        **{f"{x}.lie.example": {"TXT": ["v=spf1 -all"]} for x in LIES},
        **{f"_dmarc.{x}.lie.example": {"TXT": ["v=DMARC1; p=reject"]}
           for x in ("honest", *LIES)},
        **{f"{n}.100.51.198.bl.test": {"A": [b"\x7f\0\0\2"]}
           for n in (LISTED[0], *(LISTED[1] + n for n, lie in enumerate(LIES)
                                  if lie not in BEGIN_WELL))}}


class Server(Instance):
    """Its resolver lies as the domain or the client's address says."""

    def __init__(self):
        self.zone, self.kinds = ZoneDns(records_of(ZONE)), {}
        self.hostile = None
        super().__init__("resolver 127.0.0.1:1\nproxy 127.0.0.1\n"
                         "policy-exempt 192.0.2.200\nsessions 100\n"
                         "penalties off\ndnsbl bl.test")

    def start(self):
        self.hostile = Hostile(self, self.answer)
        super().start()

    def __exit__(self, *_):
        super().__exit__()
        if self.hostile:
            self.hostile.stop()
        self.zone.__exit__()

    def kind(self, sock, questions):
        """Which lie a connection is told, once that can be seen."""
        for _, asked in questions:
            domain = re.search(r"([a-z-]+)\.lie\.example$", asked)
            client = re.match(r"(\d+)\.100\.51\.198\.", asked)
            if domain:
                self.kinds[sock] = domain[1]
            elif client and int(client[1]) >= LISTED[1]:
                self.kinds[sock] = list(LIES)[int(client[1]) - LISTED[1]]
        return self.kinds.get(sock, "honest")

    def truth(self, questions):
        """What an honest one would say."""
        found = []
        for kind, asked in questions:
            wire = struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) \
                + wire_name(asked) + struct.pack("!HH", kind, 1)
            found += self.zone.reply(wire, True) or [
                Question(wire).answer()]
        return found

    def answer(self, sock, serial, questions):
        """For lib.resolver.Hostile."""
        lie = LIES.get(self.kind(sock, questions),
                       always(lambda _, packet: packet))
        lie(sock, serial, self.truth(questions))

    def bring(self, domain, octet):
        """Replies to RCPT and to a message of a client."""
        with self.connect(self.smtp) as talker:
            talker.sock.settimeout(90)
            talker.send(f"PROXY TCP4 198.51.100.{octet} 192.0.2.1 4711 25\r\n")
            talker.expect("220 ")
            talker.expect("250", "EHLO client.example")
            talker.expect("250 ", f"MAIL FROM:<a@{domain}>")
            talker.send("RCPT TO:<bob@example.org>\r\n")
            rcpt = talker.reply().last
            if not rcpt.startswith("250 "):
                return rcpt, ""
            talker.expect("354 ", "DATA")
            talker.send(stuff(f"From: a@{domain}\r\nSubject: x\r\n\r\nx\r\n"
                              .encode()) + b".\r\n")
            return rcpt, talker.reply().last


class Client(threading.Thread):
    """Brings the message of one lie."""

    def __init__(self, server, number, lie):
        super().__init__(daemon=True)
        self.server, self.octet = server, LISTED[1] + number
        self.domain = f"{lie}.lie.example"
        self.said = "", ""
        self.start()

    def run(self):
        try:
            self.said = self.server.bring(self.domain, self.octet)
        except (AssertionError, OSError) as trouble:
            self.said = "", repr(trouble)


def judge(server, client, lie):
    """The mail came in, and nothing that was not answered was believed."""
    rcpt, dot = client.said
    check(rcpt.startswith("250 "), f"a list that says nothing: {rcpt}")
    check(dot.startswith("250 "), dot)
    found = re.findall(rf"auth spf=(\w+) smtp\.mailfrom=<a@{client.domain}> "
                       r".*dmarc=(\w+) .* time=(\d+\.\d+)",
                       server.smtpd.text())
    equal(len(found), 1, "lines in the log")
    spf, dmarc, took = found[0]
    equal(dmarc, "temperror")
    equal(spf, "fail" if lie in BEGIN_WELL else "temperror")
    check(float(took) < 16, f"{took} s")


def cases_lies():
    """Every lie at once, to a DNS list and to a verification"""
    with Server() as server:
        with tap.case("What would be refused: if it says the truth, it is"):
            rcpt, _ = server.bring("honest.lie.example", LISTED[0])
            check(rcpt.startswith("554 5.7.1 "), rcpt)
            rcpt, dot = server.bring("honest.lie.example", 7)
            check(dot.startswith("550 5.7.26 "), f"{rcpt} {dot}")
        clients = {lie: Client(server, n, lie)
                   for n, lie in enumerate(LIES)}
        with tap.case("Others are served meanwhile"):
            rcpt, dot = server.bring("honest.lie.example", 7)
            check(dot.startswith("550 5.7.26 "), f"{rcpt} {dot}")
        for lie, client in clients.items():
            client.join(120)
            with tap.case(f"{lie}: the mail comes in", server.notes):
                judge(server, client, lie)


def test_worker():
    """A worker that asks by it can open no socket and no file"""
    asked = threading.Event()

    def wait(*_):
        asked.set()
    with Scratch("policy-exempt 192.0.2.1\nresolver 127.0.0.1:1",
                 as_root=AM_ROOT) as scratch, \
            Hostile(scratch, wait):
        daemon = scratch.serve("smtpd", "127.0.0.1:0")
        try:
            with scratch.connect(daemon.ports[0]) as talker:
                talker.hello()
                talker.expect("250 ", "MAIL FROM:<a@example.com>")
                talker.expect("250 ", "RCPT TO:<bob@example.org>")
                talker.expect("354 ", "DATA")
                talker.send(b"From: a@example.com\r\n\r\nx\r\n.\r\n")
                check(asked.wait(60), "nobody asked")
                pids = [p for p in proc.children(daemon.pid)
                        if proc.status(p).get("Seccomp") == "2"]
                equal(len(pids), 2, "a session and a worker")
                for pid in pids:
                    with open(f"/proc/{pid}/limits", encoding="ascii") as file:
                        check("Max open files            3  " in file.read(),
                              "it can get more descriptors")
                    if AM_ROOT:
                        check("0" not in proc.status(pid)["Uid"].split())
                for pid in pids:        # it would wait for 15 seconds
                    os.kill(pid, 9)
        finally:
            daemon.stop()


def test_not_ours():
    """A server that may not connect to it asks name servers itself"""
    if not AM_ROOT:
        raise Skip("needs root: the socket is to be root's")
    zone = {"example.com": {"TXT": ["v=spf1 ip4:127.0.0.1 -all"]}}
    with ZoneDns(records_of(zone)) as dns, Scratch(
            f"policy-exempt 192.0.2.1\nresolver {dns.address}") as scratch, \
            Hostile(scratch, close) as resolver:
        os.chown(scratch.dir / "resolver", 0, 0)
        daemon = scratch.serve("smtpd", "127.0.0.1:0")
        try:
            with scratch.connect(daemon.ports[0]) as talker:
                talker.hello()
                talker.submit("carol@example.com", ["bob@example.org"],
                              "From: carol@example.com\r\n\r\nx\r\n")
            check(" spf=pass " in daemon.text(), daemon.text())
            equal(resolver.connections, 0)
        finally:
            daemon.stop()


# ---- what --check says ----

WANTED = Path("/etc/systemd/system/sockets.target.wants/restante-smtp.socket")
GOOD_ONE = "ok: name servers are asked by restante-resolver.service"
MISSING = "systemctl enable --now restante-resolver.socket"
SILENT = "journalctl -u restante-resolver.service"
UNREACHABLE = "systemctl status restante-resolver.socket"


def said(scratch):
    """What it says about the resolver."""
    done = scratch.call("smtpd", "--check")
    return [x for x in done.stdout.splitlines() if "resolver." in x]


def expect(found, *words):
    """Lines, with these words in them."""
    equal(len(found), len(words), str(found))
    for line, word in zip(found, words):
        check(word in line, line)


def cases_check():
    """With port 25 in systemd's hands, in a mount namespace"""
    if not AM_ROOT:
        raise Skip("needs root")
    again(tap, "inside", ("mount", "-t", "tmpfs", "none", "/etc/systemd"))


def inside():
    """The cases of that."""
    subprocess.run(["mount", "-t", "tmpfs", "none", "/etc/systemd"],
                   check=True)
    with LyingDns({}, honest()) as dns, \
            Scratch(f"resolver {dns.address}", as_root=True) as scratch:
        with tap.case("--check: no resolver, and no unit that needs one"):
            expect(said(scratch))
        WANTED.parent.mkdir(parents=True)
        WANTED.write_text("")
        with tap.case("--check: no resolver, and a unit without a network"):
            expect(said(scratch), MISSING)
        with tap.case("--check: nobody wants to know anything"):
            scratch.configure(f"resolver {dns.address}\nauth off")
            expect(said(scratch))
            scratch.configure(f"resolver {dns.address}\nauth off\n"
                              "dnsbl bl.test")
            expect(said(scratch), MISSING)
        with tap.case("--check: a resolver that answers"), Resolver(scratch):
            expect(said(scratch), GOOD_ONE)
        (scratch.dir / "resolver").unlink()
        with tap.case("--check: one that does not"), \
                Hostile(scratch, close):
            expect(said(scratch), SILENT)
        (scratch.dir / "resolver").unlink()
        with tap.case("--check: another kind of socket"), \
                socket.socket(socket.AF_UNIX) as other:
            other.bind(str(scratch.dir / "resolver"))
            other.listen()
            expect(said(scratch), UNREACHABLE)


if __name__ == "__main__":
    if sys.argv[1:] == ["inside"]:
        inside()
    else:
        tap.run(globals())
    tap.finish()
