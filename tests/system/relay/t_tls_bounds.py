# SPDX-License-Identifier: ISC
"""What processes can take that ask about TLS, or report on it, whatever they
are answered: memory, descriptors, processes, time.

The relay agent asks for TLSA records and fetches policies; others make reports
of notes, send them by HTTPS, and read those of others. Needs root.
"""
import gzip
import json
import os
import re
import subprocess
import threading

from lib.dns import record
from lib.fakemx import FakeMx
from lib.limits import MIB, bounded, limits, peer, sanitized, trouble
from lib.namespace import in_network
from lib.scratch import tool
from lib.tap import Skip, Tap, check, equal
from t_sts import DOMAIN, HOST, LIES, PLAIN, TEXT, Rig, answer, known, policy
from t_tls_report import NOTES, Server, ask

tap = Tap()
AGENT = 320     # MiB: what the largest envelope needs


class Looking:
    """A web server's answer: it looks at who asks, and goes on as it should."""

    def __init__(self, says):
        self.says, self.found = says, None

    def __call__(self, tls):
        pid = peer(tls)
        if callable(self.says):
            try:
                self.says(tls)
            except OSError:
                pass            # it has had enough
            self.found = look(pid) or self.found
            return
        # All but the end, so that it is still there.
        tls.sendall(self.says[:-1])
        self.found = look(pid)
        tls.sendall(self.says[-1:])


def look(pid):
    """Its limits, or None if it has ended."""
    try:
        return limits(pid)
    except (OSError, KeyError, StopIteration):
        return None


def carry(rig, hop, says=None, certificate=None, **settings):
    """One message: its outcome, and the log."""
    if says is not None:
        rig.web.says = says
    dns, relay = rig.open(hop.port, **settings)
    with dns, relay:
        outcome = relay.send(TEXT, [f"bob@{DOMAIN}"])[0]
        relay.finish()
        return outcome, (relay.dir / "agent.log").read_text()


def cases_fetch(rig):
    """An agent that fetches a policy: from servers that are right, and lie"""
    endless = {
        "fields without end": lambda tls: [tls.sendall(
            b"HTTP/1.1 200 OK\r\n"), [tls.sendall(b"X: " + b"y" * 1000
                                                  + b"\r\n")
                                      for _ in range(5000)]],
        "chunks without end": lambda tls: [tls.sendall(
            f"HTTP/1.1 200 OK\r\n{PLAIN}Transfer-Encoding: chunked\r\n\r\n"
            .encode()), [tls.sendall(b"1\r\nx\r\n" * 1000)
                         for _ in range(500)]],
        "a length of 2^64": answer("").replace(
            b"Length: 0", b"Length: 18446744073709551616"),
    }
    for name, says in {"a policy": answer(policy()), **endless,
                       **LIES}.items():
        if not says:
            continue
        with tap.case(f"an agent fetches: {name}"), \
                FakeMx(pem=rig.good) as hop:
            looking = Looking(says)
            outcome, log = carry(rig, hop, looking)
            equal(outcome.kind, "sent", log)
            if name == "a policy" or looking.found:
                bounded(looking.found, memory=AGENT)


def cases_exchanger(rig):
    """An agent that has asked for TLSA records: none, and very many"""
    for count in (1, 400):
        with tap.case(f"an agent with {count} TLSA records"):
            found = {}

            def at_mail(session, _, found=found):
                found.update(look(peer(session.sock)) or {})
            with FakeMx({"greeting": at_mail}, pem=rig.good) as hop:
                owner = f"_{hop.port}._tcp.{HOST}"
                records = [record(owner, 52, bytes((3, 1, 1))
                                  + n.to_bytes(32, "big"))
                           for n in range(count)]
                outcome, log = carry(
                    rig, hop, answer(policy()), signed=True, lies={
                        (owner, 52): lambda q, records=records: q.answer(
                            *records, flags=0x81A0)})
            check(outcome.kind != "sent", log)
            bounded(found, memory=AGENT)


def stalls(event, first=b""):
    """A web server that says so much, and no more until that event."""
    def says(tls):
        if first:
            tls.sendall(first)
        event.wait(200)
    return says


def cases_stall(rig):
    """A web server that is silent delays mail no longer than it may, with a
    policy that is known, or none; the clock of the agent is fast"""
    half = answer(policy())[:-5]
    for name, first in (("silent", b""), ("silent after a half", half)):
        for state in (None, known(policy())):
            what = "nothing" if state is None else "a policy"
            with tap.case(f"a web server is {name}, {what} is known"), \
                    FakeMx(pem=None) as hop:
                event = threading.Event()
                try:
                    outcome, log = carry(
                        rig, hop, stalls(event, first), state=state,
                        txt=("v=STSv1; id=7",), speed=15)
                finally:
                    event.set()
                # Only then is what is known counted on.
                equal(outcome.kind, "sent" if state is None else "dead", log)
                if state is None:
                    equal(len(hop.messages), 1)
                    check("it does not answer in time" in log, log)
                else:
                    equal(hop.messages, [])


def test_post(rig):
    """The process that sends a report by HTTPS has its bounds, and no files"""
    looking, kinds = Looking(answer("")), []

    def says(tls):
        pid = peer(tls)
        kinds.extend(os.readlink(f"/proc/{pid}/fd/{n}")
                     for n in os.listdir(f"/proc/{pid}/fd") if int(n) > 2)
        looking(tls)
    rig.web.says = says
    with FakeMx(pem=rig.good) as hop, Server(
            rig, hop, ask(f"https://mta-sts.{DOMAIN}/tls")) as server:
        server.yesterday(NOTES)
        said = server.flush("-q")
    check("sent 1 reports of TLS" in said, said)
    bounded(looking.found)
    equal([k for k in kinds if not k.startswith("socket:")], [], str(kinds))


def cases_post_answers(rig):
    """What the web server says to a report is bounded, too"""
    for name, says in LIES.items():
        with tap.case(f"a report is answered by: {name}"), \
                FakeMx(pem=rig.good) as hop, Server(
                    rig, hop, ask(f"https://mta-sts.{DOMAIN}/tls")) as server:
            looking = Looking(says) if says else None
            rig.web.says = looking or b""
            server.yesterday(NOTES)
            said = server.flush("-q")
            check(re.search("sent [01] reports of TLS", said), said)
            if looking and looking.found:
                bounded(looking.found)
            check(not list(server.notes(1).parent.glob("*.sending")),
                  "notes are left over")


def memory_limits(server, *command):
    """The limits of memory that the processes of a command set, in octets."""
    if not tool("strace"):
        raise Skip("strace is not there")
    path = server.dir / "limits.trace"
    subprocess.run(
        [tool("strace"), "-f", "-qq", "-o", str(path), "-e",
         "trace=prlimit64,setrlimit", *server.command("smtpd", *command)],
        capture_output=True, timeout=200, check=False,
        env=server.environment(), cwd="/")
    return [int(n) * (1024 if kib else 1) for n, kib in re.findall(
        r"RLIMIT_DATA, \{rlim_cur=(\d+)(\*1024)?", path.read_text())]


def test_reader(rig):
    """So have the process that reads reports, and that which makes them"""
    if sanitized():
        raise Skip("a sanitizer build")
    with FakeMx(pem=rig.good) as hop, Server(
            rig, hop, ask("mailto:bob@example.org")) as server:
        path = server.dir / "report.json.gz"
        path.write_bytes(gzip.compress(json.dumps({
            "organization-name": "x" * 1000, "policies": []}).encode()))
        path.chmod(0o644)
        for command in (("--reports", str(path)), ("-q",)):
            server.yesterday(NOTES)
            sizes = memory_limits(server, *command)
            # What reports are unpacked into is there before, and counts.
            check(sizes and max(sizes) < 160 * MIB, f"{command}: {sizes}")


def test_control(rig):
    """Who has no bounds is noticed"""
    del rig
    check("data None" in trouble(limits(os.getpid())), "this process is bound")


if __name__ == "__main__":
    in_network(tap, "bounds of processes that ask about TLS", globals(), Rig)
