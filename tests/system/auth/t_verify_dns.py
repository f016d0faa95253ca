# SPDX-License-Identifier: ISC
"""Name servers that lie, fail and fall silent while a message is verified.

They are those of whoever has written it. What they say must neither keep mail
out nor let a message in that another domain's policy refuses; no process may
live or grow beyond its limits, and others are served meanwhile.
"""
import base64
import hashlib
import re
import struct
import threading

from lib import proc
from lib.dns import (CNAME, MX, NXDOMAIN, REFUSED, SERVFAIL, TXT, A, Question,
                     cname, name, record, refuse)
from lib.dns_faults import (cut, late, loop_in_owner, many_labels,
                            more_promised, noise, truncated,
                            truncated_for_ever, wrong_id)
from lib.resolver import both_ways
from lib.scratch import Instance
from lib.spfsuite import Timeout, ZoneDns, records_of
from lib.strangers import Host
from lib.talk import stuff
from lib.tap import Tap, check, equal

tap = Tap()
CLIENT = "198.51.100.7"
MOST = 64 * 1024        # KiB that a worker may have at its highest
TEXT = b"From: a@%s\r\nTo: bob@example.org\r\nSubject: hello\r\n\r\ntext\r\n"
RECORDS = {
    "good.example": {"TXT": [f"v=spf1 ip4:{CLIENT} -all"]},
    "_dmarc.good.example": {"TXT": ["v=DMARC1; p=reject"]},
}


def txt(*texts):
    """The data of a TXT record."""
    return b"".join(bytes([len(t)]) + t for t in texts)


def honest(question):
    """What would be a policy, or a pass of SPF for everybody."""
    text = b"v=DMARC1; p=reject" if question.name.startswith("_dmarc.") \
        else b"v=spf1 +all"
    return question.answer(record(b"\xc0\x0c", TXT, txt(text)))


def with_records(*records, **settings):
    """An answer of these records."""
    return lambda question: question.answer(*records, **settings)


def chain(question):
    """An alias of a name that has not been asked for, each time."""
    return question.answer(cname(question.name, "x" + question.name[-60:]))


def circle(question):
    """Two aliases of each other."""
    return question.answer(cname(question.name, "circle.test"),
                           cname("circle.test", question.name))


def long_chain(question):
    """A thousand aliases in a row, and a record at their end."""
    names = [question.name, *(f"c{n}.test" for n in range(1000))]
    return question.answer(*map(cname, names, names[1:]),
                           record(names[-1], TXT, txt(b"v=spf1 +all")))


def loop_in_target(question):
    """An alias whose target is a pointer to itself."""
    at = 12 + len(question.section) + 12
    return question.answer(record(b"\xc0\x0c", CNAME,
                                  struct.pack("!H", 0xC000 | at)))


def huge(question):
    """64 KiB in one record, which is one of SPF in its beginning."""
    text = [b"v=spf1 +all " + b" " * 200] + [b" " * 255] * 250
    return question.answer(record(b"\xc0\x0c", TXT, txt(*text)))


def crowd(question):
    """As many records as an answer has room for."""
    one = record(b"\xc0\x0c", TXT, txt(b"x"))
    return question.answer(*[one] * 4500)


def flood(question):
    """Two megabytes: one answer after another."""
    return [crowd(question)] * 32


def case_changed(question):
    """The truth, about the name in other letters."""
    section = question.section.upper()
    return Question.answer(question, record(
        b"\xc0\x0c", TXT, txt(b"v=spf1 +all")), section=section)


def twice(question):
    """A wrong answer, and then the truth."""
    return [wrong_id(honest)(question), honest(question)]


def slow_tcp(question):
    """Nothing by TCP."""
    return None if question.tcp else question.answer(flags=0x8780)


SPF, BAD = "temperror", ("temperror", "permerror")
# What the name server says, and what may come of SPF then.
LIES = {
    "wrong-id": (wrong_id(honest), BAD),
    "wrong-question": (lambda q: q.answer(
        section=name("other.test") + struct.pack("!HH", TXT, 1)), BAD),
    "no-question": (lambda q: q.answer(section=b""), BAD),
    "cut-short": (truncated(slow_tcp), BAD),
    "cut-for-ever": (truncated_for_ever, BAD),
    "slow-tcp": (slow_tcp, BAD),
    "circle": (circle, BAD + ("none",)),
    "chain": (chain, BAD + ("none",)),
    "long-chain": (truncated(long_chain), BAD + ("none",)),
    "loop-in-owner": (loop_in_owner, BAD),
    "loop-in-target": (loop_in_target, BAD),
    "past-the-end": (lambda q: q.answer(record(
        b"\xc0\x0c", TXT, txt(b"v=spf1 +all"), length=4000)), BAD),
    "string-past-the-end": (lambda q: q.answer(record(
        b"\xc0\x0c", TXT, b"\xffv=spf1 +all")), BAD),
    "flood": (truncated(flood), BAD + ("none",)),
    "servfail": (refuse(SERVFAIL), BAD),
    "refused": (refuse(REFUSED), BAD),
    "code-15": (refuse(15), BAD),
    "silence": (lambda q: None, BAD),
    "noise": (noise, BAD),
    "short": (cut(9), BAD),
    "empty": (lambda q: b"", BAD),
    "a-question": (lambda q: q.wire, BAD),
    "late": (late(honest, 1), ("pass",)),
    "too-late": (late(honest, 1000), BAD),
    "case": (case_changed, ("pass",)),
    "twice": (twice, ("pass",)),
    "crowd": (truncated(crowd), BAD + ("none",)),
    "many-promised": (more_promised(), BAD),
    "many-labels": (many_labels, BAD + ("none",)),
    "huge": (truncated(huge), ("pass", *BAD)),
    "another-type": (with_records(record(b"\xc0\x0c", A, b"\1\2\3\4")),
                     BAD + ("none",)),
    "no-data": (with_records(record(b"\xc0\x0c", TXT, b"")),
                BAD + ("none",)),
    "no-name-with-records": (lambda q: q.answer(record(
        b"\xc0\x0c", TXT, txt(b"v=spf1 +all")), code=NXDOMAIN),
        BAD + ("none",)),
    "of-another-name": (with_records(record(
        "other.test", TXT, txt(b"v=spf1 +all"))), BAD + ("none",)),
    "of-another-class": (lambda q: q.answer(
        b"\xc0\x0c" + struct.pack("!HHIH", TXT, 3, 60, 12)
        + txt(b"v=spf1 +all")), BAD + ("none",)),
}


class Liar(ZoneDns):
    """Says of LIE.lie.example what LIES has; else the truth."""

    def reply(self, wire, tcp):
        question = Question(wire, tcp)
        found = re.search(r"([a-z0-9-]+)\.lie\.example$", question.name)
        if not found or found[1] not in LIES:
            return super().reply(wire, tcp)
        answer = LIES[found[1]][0](question)
        return answer if isinstance(answer, list) else \
            [] if answer is None else [answer]


class Server(Instance):
    """Strangers come to it by a proxy."""

    def __init__(self):
        self.dns = Liar(records_of(RECORDS))
        try:
            super().__init__(f"resolver {self.dns.address}\nproxy 127.0.0.1\n"
                             "policy-exempt 192.0.2.200\nsessions 100\n"
                             "penalties off")
        except BaseException:
            self.dns.__exit__()
            raise

    def __exit__(self, *_):
        super().__exit__()
        self.dns.__exit__()

    def bring(self, author, sender, client=CLIENT):
        """The reply to a message."""
        with self.connect(self.smtp) as talker:
            talker.sock.settimeout(60)
            talker.send(f"PROXY TCP4 {client} 192.0.2.1 4711 25\r\n")
            talker.expect("220 ")
            talker.expect("250", "EHLO client.good.example")
            talker.expect("250 ", f"MAIL FROM:<a@{sender}>")
            talker.expect("250 ", "RCPT TO:<bob@example.org>")
            talker.expect("354 ", "DATA")
            talker.send(stuff(TEXT % author.encode()) + b".\r\n")
            return talker.reply().last

    def results(self, domain):
        """(spf, dmarc) of the message from a domain, by the log."""
        found = re.findall(
            rf"auth spf=(\w+) smtp\.mailfrom=<a@{re.escape(domain)}> .*"
            r"dmarc=(\w+) .* time=(\d+\.\d+)", self.smtpd.text())
        equal(len(found), 1, f"lines about {domain}")
        return found[0]

    def most_memory(self):
        """KiB that a process of the server has had at its highest."""
        sizes = [0]
        for pid in proc.tree(self.smtpd.pid):
            try:
                with open(f"/proc/{pid}/status", encoding="ascii") as status:
                    sizes += map(int, re.findall(
                        r"(?m)^(?:VmHWM|VmSwap):\s+(\d+)", status.read()))
            except OSError:
                pass
        return max(sizes)


class Client(threading.Thread):
    """Brings the message of one lie."""

    def __init__(self, server, number, lie):
        super().__init__(daemon=True)
        self.server, self.number = server, number
        self.domain = f"{lie}.lie.example"
        self.said = ""
        self.start()

    def run(self):
        try:
            self.said = self.server.bring(self.domain, self.domain,
                                          f"198.51.100.{100 + self.number}")
        except (AssertionError, OSError) as trouble:
            self.said = repr(trouble)


def cases_lies(server):
    """Every lie at once, and a client beside them"""
    clients = [Client(server, *x) for x in enumerate(LIES)]
    most, served = 0, 0
    while any(c.is_alive() for c in clients):
        check(server.bring("good.example", "good.example")
              .startswith("250 "), "the client beside them")
        served += 1
        most = max(most, server.most_memory())
    for client, (lie, (_, allowed)) in zip(clients, LIES.items()):
        with tap.case(f"{lie}: the mail comes in"):
            check(client.said.startswith("250 "), client.said)
            spf, dmarc, took = server.results(client.domain)
            check(spf in allowed, f"spf={spf}, not {allowed}")
            check(dmarc in ("none", "temperror", "pass"), f"dmarc={dmarc}")
            check(float(took) < 16, f"{took} s for name servers")
    with tap.case("no process grows beyond its room"):
        check(most < MOST, f"{most} KiB")
    with tap.case("others are served meanwhile"):
        check(served > 10, f"{served} messages")
    tap.diag(f"at most {most} KiB, {served} messages beside them")


def test_stalled(server):
    """A sender whose name server says nothing does not get round a policy"""
    reply = server.bring("good.example", "silence.lie.example")
    check(reply.startswith("550 5.7.26 The DMARC policy of good.example"),
          reply)


def test_stalled_author(server):
    """Nor does one author for another"""
    reply = server.bring("silence.lie.example, b@good.example",
                         "silence.lie.example")
    check(reply.startswith("550 5.7.26 The DMARC policy of good.example"),
          reply)


def test_neighbour():
    """A server that is silent takes no time from answers that need TCP"""
    body = b"text\r\n"
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    sign = ("DKIM-Signature: v=1; a=rsa-sha256; d=%s; s=s; h=from; "
            f"bh={digest}; b=AAAA\r\n")
    fields = "".join(sign % domain for domain in (
        "long.example", "silent.example", "other.example"))
    key = {"TXT": [f"v=DKIM1; n={'x' * 1500}; p=AAAA"]}
    with Host({**RECORDS, "s._domainkey.long.example": key,
               "s._domainkey.other.example": key}) as host:
        answer = host.dns.ask

        def ask(kind, asked):
            if asked == "s._domainkey.silent.example":
                raise Timeout
            return answer(kind, asked)
        host.dns.ask = ask
        reply = host.bring(fields.encode() + b"From: a@good.example\r\n\r\n"
                           + body, "bob@example.org")
        check(reply.startswith("250 "), reply)
        wire = host.wait_mail("bob")[-1].wire
        found = {domain: result for result, domain in re.findall(
            r"dkim=(\w+)[^;]*?header\.d=([a-z.]+)",
            " ".join(wire.decode("latin-1").split()))}
        equal(found, {"long.example": "permerror",
                      "silent.example": "temperror",
                      "other.example": "permerror"}, f"{wire}")


def everything():
    """All of this."""
    with Server() as shared:
        tap.run(globals(), shared)


if __name__ == "__main__":
    both_ways(tap, everything)
    tap.finish()
