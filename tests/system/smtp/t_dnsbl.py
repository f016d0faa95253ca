# SPDX-License-Identifier: ISC
"""DNS lists: whom they keep out, whom they are never asked about, and that
mail goes on when they do not answer, or lie."""
import re
import signal
import socket
import threading

from lib import proc
from lib.dns import (SERVFAIL, TXT, A, LyingDns, a, dead, honest, record,
                     refuse)
from lib.resolver import both_ways
from lib.scratch import ALICE, AM_ROOT, Instance, Scratch
from lib.talk import Talker
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
ME = "1.0.0.127."
BLOCKED = "554 5.7.1 Service unavailable; Client host [127.0.0.1] blocked " \
    "using "


def text(owner, *strings):
    """A TXT record."""
    return record(owner, TXT, b"".join(bytes([len(s)]) + s for s in strings))


class Server(Instance):
    """A server whose clients are strangers, with a name server that says
    that; zones: lines of configuration."""

    def __init__(self, lies, *zones, exempt="192.0.2.1", **settings):
        self.dns = LyingDns(lies)
        lines = [f"dnsbl {zone}" for zone in zones or ("bl.test",)] \
            + [f"resolver {self.dns.address}", "auth off"] \
            + ([f"policy-exempt {exempt}"] if exempt else [])
        try:
            super().__init__("\n".join(lines), **settings)
        except BaseException:
            self.dns.__exit__()
            raise

    def __exit__(self, *_):
        super().__exit__()
        self.dns.__exit__()

    def rcpt(self, to="bob@example.org"):
        """The reply to a first recipient."""
        with self.connect(self.smtp) as talker:
            talker.hello()
            talker.expect("250 ", "MAIL FROM:<a@example.com>")
            talker.send(f"RCPT TO:<{to}>\r\n")
            return talker.reply().last

    def logged(self, pattern):
        """Waits for that in the log."""
        return wait_for(lambda: re.search(pattern, self.smtpd.text()),
                        f"{pattern!r} in the log")

    def names(self):
        """What was asked for."""
        return sorted(set(self.dns.asked))


def listed(zone="bl.test", address="127.0.0.2", why=None):
    """Lies that have loopback in a list."""
    name = ME + zone
    lies = {(name, A): honest(a(name, address))}
    if why is not None:
        lies[name, TXT] = honest(text(name, *why))
    return lies


def test_listed():
    """A client in a list is refused, with what the list says, and logged"""
    with Server(listed(why=[b"see bl.test/", b"x"])) as server:
        equal(server.rcpt(), BLOCKED + "bl.test; see bl.test/x")
        server.logged(r"NOQUEUE: reject: RCPT from \S*\[127\.0\.0\.1\]: "
                      r"554 5\.7\.1 Service unavailable; Client host "
                      r"\[127\.0\.0\.1\] blocked using bl\.test; see bl\.test"
                      r"/x; from=<a@example.com> to=<bob@example.org> ")
        equal(server.names(), [(ME + "bl.test", A, "udp"),
                               (ME + "bl.test", TXT, "udp")])


def test_not_listed():
    """A client in no list is served; each list is asked once"""
    with Server({}, "bl.test", "b2.test") as server, \
            server.connect(server.smtp) as talker:
        talker.hello()
        for _ in range(2):
            talker.submit("a@example.com",
                          ["bob@example.org", "alice@example.org"], "\r\n")
        equal(server.dns.asked.count((ME + "bl.test", A, "udp")), 1)
        equal(len(server.dns.asked), 2, str(server.dns.asked))


def test_several():
    """All recipients are refused; the first list in the file is named"""
    lies = {**listed("b2.test"), **listed("b3.test")}
    with Server(lies, "bl.test", "b2.test", "b3.test") as server, \
            server.connect(server.smtp) as talker:
        talker.hello()
        talker.expect("250 ", "MAIL FROM:<a@example.com>")
        for to in ("bob", "alice", "bob"):
            equal(talker.expect("554", f"RCPT TO:<{to}@example.org>").last,
                  BLOCKED + "b2.test")
        talker.expect("554 5.5.1", "DATA")


def test_postmaster():
    """Postmaster can be reached, in each spelling, and the list is not asked"""
    with Server(listed()) as server:
        for to in ("postmaster", "Postmaster@example.org",
                   "POSTMASTER@example.net"):
            check(server.rcpt(to).startswith("250 "), to)
        equal(server.dns.asked, [])
        check(server.rcpt("postmasters@example.org").startswith("554 5.7.1"))


def test_relaying():
    """Who wants to relay is not looked up"""
    with Server(listed()) as server:
        equal(server.rcpt("x@example.com"), "550 5.7.1 Relaying denied")
        equal(server.dns.asked, [])


def test_ipv6():
    """An address of IPv6 is asked for by its nibbles"""
    name = "1." + "0." * 31 + "bl.test"
    with Server({(name, A): honest(a(name, "127.0.0.2"))}) as server:
        daemon = server.serve("smtpd", "[::1]:0")
        try:
            with Talker(socket.create_connection(
                    ("::1", daemon.ports[0]), 60)) as talker:
                talker.hello()
                talker.expect("250 ", "MAIL FROM:<a@example.com>")
                talker.expect("554 5.7.1", "RCPT TO:<bob@example.org>")
        finally:
            daemon.stop()
        equal(server.names(), [(name, A, "udp"), (name, TXT, "udp")])


def spared():
    """Whom the lists are never asked about."""
    with Server(listed(), exempt=None) as server:
        with tap.case("By default this machine is not looked up"):
            check(server.rcpt().startswith("250 "))
            equal(server.dns.asked, [])
    with Server(listed()) as server:
        with tap.case("Users are not looked up, on either port"):
            for port in (server.smtp, server.submission):
                with server.connect(port) as talker:
                    talker.hello()
                    talker.login(*ALICE)
                    talker.submit("alice@example.org", ["bob@example.org"],
                                  "\r\n")
            equal(server.dns.asked, [])
        with tap.case("But a stranger at the same server is"):
            check(server.rcpt().startswith("554 "))


def test_proxied():
    """Behind a proxy it is the client that is looked up"""
    name = "7.2.0.192.bl.test"
    with LyingDns({(name, A): honest(a(name, "127.0.0.2"))}) as dns, \
            Instance(f"dnsbl bl.test\nproxy 127.0.0.1\ngreylist 3600\n"
                     f"resolver {dns.address}") as server:
        for client, code in (("192.0.2.7", "554 5.7.1"),
                             ("192.0.2.8", "450 4.7.1"),
                             ("10.0.0.1", "250 ")):
            with server.connect(server.smtp) as talker:
                talker.send(f"PROXY TCP4 {client} 192.0.2.1 4711 25\r\n")
                talker.hello()
                talker.expect("250 ", "MAIL FROM:<a@example.com>")
                talker.expect(code, "RCPT TO:<bob@example.org>")
        equal(sorted({q[0] for q in dns.asked}),
              [name, "8.2.0.192.bl.test"])


# A name, what the list says, the key's value, whether that lists the client.
ANSWERS = [
    ("a code that is asked for", "127.0.0.4", "bl.test=127.0.0.4", True),
    ("a code that is not", "127.0.0.3", "bl.test=127.0.0.4-11", False),
    ("one in a range", "127.0.0.11", "bl.test=127.0.0.4-11", True),
    ("an address that is no code", "192.0.2.1", "bl.test", False),
    ("127.0.0.1", "127.0.0.1", "bl.test", False),
    ("that it does not serve us", "127.255.255.254", "bl.test", False),
]


def stranger_id(question):
    """An answer to somebody else's question."""
    return question.answer(a(question.name, "127.0.0.2"), ident=b"\0\0")


def other_name(question):
    """An answer to another question."""
    return question.answer(a("x.test", "127.0.0.2"),
                           section=b"\1x\4test\0\0\1\0\1")


def second_try():
    """A server that loses the first query of each name."""
    seen = set()

    def answer(question):
        if question.name not in seen:
            seen.add(question.name)
            return None
        return question.answer(a(question.name, "127.0.0.2"))
    return answer


# Name servers that do not tell, in so many ways; and two that do in the end.
SILENT = [dead, refuse(SERVFAIL), lambda _: b"x" * 40, stranger_id, other_name]
TELLING = [second_try(), lambda q: [
    stranger_id(q), q.answer(a(q.name, "127.0.0.2"))]]


def answers():
    """What lists say, and how name servers fail."""
    for what, address, zone, blocks in ANSWERS:
        with tap.case(f"A list that says {what}: "
                      + ("refused" if blocks else "served")):
            with Server(listed(address=address), zone) as server:
                equal(server.rcpt().startswith("554 "), blocks)
                if address.startswith("127.255"):
                    server.logged("dnsbl bl.test does not answer us")
    with tap.case("Name servers that are silent, fail and lie: served"):
        zones = [f"b{n}.test" for n in range(len(SILENT))]
        with Server({(ME + z, A): lie for z, lie in zip(zones, SILENT)},
                    *zones) as server:
            check(server.rcpt().startswith("250 "))
            server.logged(r"5 of 5 dnsbl say nothing about 127\.0\.0\.1")
            check(len(server.names()) == len(SILENT), str(server.names()))
    for lie in TELLING:
        with tap.case("A query is lost, or a lie comes first: refused"):
            with Server({(ME + "bl.test", A): lie}) as server:
                check(server.rcpt().startswith("554 "))
    with tap.case("An answer without a record: served"):
        with Server({(ME + "bl.test", A): honest()}) as server:
            check(server.rcpt().startswith("250 "))


def checked():
    """What --check finds out about a list."""
    here, nobody = "2.0.0.127.bl.test", "1.0.0.127.bl.test"
    good = {(here, A): honest(a(here, "127.0.0.9"))}
    for what, lies, begins in (
            ("that works", good, "ok: strangers whose address is in bl.test"),
            ("that has everybody",
             {**good, (nobody, A): honest(a(nobody, "127.0.0.9"))},
             "error: dnsbl bl.test lists everybody"),
            ("that answers a parking page",
             {(n, A): honest(a(n, "192.0.2.1")) for n in (here, nobody)},
             "warning: dnsbl bl.test does not answer"),
            ("that does not serve us",
             {(here, A): honest(a(here, "127.255.255.254"))},
             "warning: dnsbl bl.test does not answer"),
            ("that is gone", {}, "warning: dnsbl bl.test does not answer")):
        with tap.case(f"--check of a list {what}"), LyingDns(lies) as dns, \
                Scratch(f"dnsbl bl.test=127.0.0.4\nresolver {dns.address}"
                        ) as scratch:
            lines = scratch.call("smtpd", "--check").stdout.splitlines()
            check([x for x in lines if x.startswith(begins)], str(lines))


def test_one_of_two():
    """A list that answers counts, whatever becomes of the other"""
    with Server({(ME + "bl.test", A): dead, **listed("b2.test")},
                "bl.test", "b2.test") as server:
        equal(server.rcpt(), BLOCKED + "b2.test")


def test_nobody_there():
    """No name server at all: served"""
    with Server({}) as server:
        server.configure("policy-exempt 192.0.2.1\ndnsbl bl.test\n"
                         "resolver 127.0.0.1:1")
        server.own()
        daemon = server.serve("smtpd", "127.0.0.1:0")
        try:
            with server.connect(daemon.ports[0]) as talker:
                talker.hello()
                talker.submit("a@example.com", ["bob@example.org"], "\r\n")
        finally:
            daemon.stop()


def test_hostile_text():
    """What the list says stays on its line, and is cut"""
    why = [b"a\r\n250 ok\0\x1b\xff", b"x" * 250]
    with Server(listed(why=why)) as server:
        reply = server.rcpt()
        check(reply.startswith(BLOCKED + "bl.test; a??250 ok???xxx"), reply)
        check(len(reply) < 300, reply)


def runs_queue(state):
    """Is this child of the server the runner of the queue? It leads a session
    of its own and ends at SIGTERM, which a worker ignores."""
    ignores = int(state["SigIgn"], 16) & 1 << (signal.SIGTERM - 1)
    return state["NSsid"] == state["Pid"] and not ignores


def two_others(server):
    """The children that do not run the queue, once they are two."""
    states = [proc.status(pid) for pid in proc.children(server.smtpd.pid)]
    states = [s for s in states if s and not runs_queue(s)]
    return states if len(states) == 2 else None


def confined(root):
    """The worker that asks is shut in while it waits."""
    go_on = threading.Event()

    def wait(question):
        go_on.wait(60)
        return question.answer()
    with Server({(ME + "bl.test", A): wait}, as_root=root) as server, \
            server.connect(server.smtp) as talker:
        talker.hello()
        talker.expect("250 ", "MAIL FROM:<a@example.com>")
        talker.send("RCPT TO:<bob@example.org>\r\n")
        wait_for(lambda: server.dns.asked, "the worker to ask")
        # A runner that has just been begun is none to be seen yet.
        states = wait_for(lambda: two_others(server), "a session and a worker")
        equal([s["Seccomp"] for s in states], ["2", "2"])
        equal([s["NoNewPrivs"] for s in states], ["1", "1"])
        if root:
            check(all("0" not in s["Uid"].split() for s in states),
                  str([s["Uid"] for s in states]))
        go_on.set()
        talker.expect("250 ")


def test_confined():
    """The worker that asks a name server is in a sandbox"""
    confined(False)


def test_confined_root():
    """With a server of root's, it is somebody else by then"""
    if not AM_ROOT:
        raise Skip("not root")
    confined(True)


def everything():
    """All of this."""
    tap.run(globals())
    spared()
    checked()
    answers()


if __name__ == "__main__":
    both_ways(tap, everything)
    tap.finish()
