# SPDX-License-Identifier: ISC
"""The worker that verifies a message is killed, or fails, at every call.

The client hears 451, and then nothing has come in, or 250, and then the message
is there once, whole, and with results; trouble is never a reason to refuse it
for good. The next message finds nothing in its way.
"""
from collections import Counter
from contextlib import suppress

from lib import dkimpeers
from lib.hunger import Hunger
from lib.resolver import both_ways
from lib.scratch import Scratch, preloadable
from lib.spfsuite import ZoneDns, records_of
from lib.sweep import sample
from lib.talk import Closed, stuff
from lib.tap import Tap, check, equal
from lib.worker_faults import COUNT, MOST, Faulty, failures, kills, sweep

tap = Tap()
CLIENT = "198.51.100.7"
# An answer that needs TCP, a signature that has a key, a name of the client.
RECORDS = {
    "good.example": {"TXT": ["x" * 3000, f"v=spf1 ip4:{CLIENT} -all"]},
    "_dmarc.good.example": {"TXT": ["v=DMARC1; p=reject"]},
    "k._domainkey.good.example": {"TXT": ["v=DKIM1; p=AAAA"]},
    "7.100.51.198.in-addr.arpa": {"PTR": ["mx.good.example"]},
    "mx.good.example": {"A": [bytes([198, 51, 100, 7])]},
}
# The body is long, so that it is moved in more than one piece.
BODY = b"".join(b"line %d of the body\r\n" % i for i in range(9000))
TEXT = b"Authentication-Results: mail.example.org; dmarc=pass\r\n" \
    b"DKIM-Signature: v=1; a=rsa-sha256; d=good.example; s=k;\r\n" \
    b" h=from; bh=%s; b=AAAA\r\n" \
    b"From: a@good.example\r\nSubject: message %%d\r\n\r\n" % (b"A" * 43 + b"=") \
    + BODY.replace(b"%", b"%%")


class Bench(Faulty):
    """A server that verifies mail."""

    DONE = b"dmarc=pass"

    def __init__(self):
        self.dns = ZoneDns(records_of(RECORDS))
        self.number = 0
        try:
            super().__init__(f"resolver {self.dns.address}\nproxy 127.0.0.1\n"
                             "policy-exempt 192.0.2.200\npenalties off")
        except BaseException:
            self.dns.__exit__()
            raise

    def __exit__(self, *_):
        super().__exit__()
        self.dns.__exit__()

    def bring(self):
        """(reply, what has come into the mailbox) of one more message."""
        path = self.mailbox("bob")
        before = path.stat().st_size if path.exists() else 0
        self.number += 1
        with self.connect(self.smtp) as talker:
            talker.send(f"PROXY TCP4 {CLIENT} 192.0.2.1 4711 25\r\n")
            talker.expect("220 ")
            talker.expect("250", "EHLO client.good.example")
            talker.expect("250 ", "MAIL FROM:<a@good.example>")
            talker.expect("250 ", "RCPT TO:<bob@example.org>")
            talker.expect("354 ", "DATA")
            talker.send(stuff(TEXT % self.number) + b".\r\n")
            reply = talker.reply().last
            talker.expect("221 ", "QUIT")
        data = b""
        if path.exists():
            data = path.read_bytes()[before:]
        return reply, data

    def judge(self, reply, data):
        """What is wrong with the outcome."""
        if reply.startswith("451 "):
            return [] if data == b"" else ["451, but it is in the mailbox"]
        if not reply.startswith("250 "):
            return [reply]
        head, _, body = data.partition(b"\n\n")
        trouble = []
        if head.count(b"\nSubject: message %d\n" % self.number) != 1 \
                and not head.endswith(b"\nSubject: message %d" % self.number):
            trouble.append("it is not there once")
        if body.strip() != BODY.replace(b"\r\n", b"\n").strip():
            trouble.append("the body is another")
        if head.count(b"Authentication-Results: mail.example.org;") != 1 \
                or b"mail.example.org; dmarc=pass\n" in head:
            trouble.append("the results are not ours alone")
        return trouble


def calls_of(bench):
    """Those of a worker that meets no fault."""
    bench.set(COUNT)
    reply, data = bench.bring()
    check(reply.startswith("250 ") and b"dmarc=pass" in data, reply)
    equal(bench.judge(reply, data), [])
    calls = bench.calls()
    for name in ("pread", "pwrite", "recv", "calloc"):
        check(name in calls, f"no {name} in {calls}")
    return calls


def test_killed(bench):
    """Killed at any call"""
    sweep(tap, bench, "kill", kills(calls_of(bench)))


def test_failing(bench):
    """Any call fails, memory among them"""
    sweep(tap, bench, "fail", failures(calls_of(bench)))


class Hungry(Scratch):
    """A server whose processes may have no memory from some allocation on."""

    starved = {}

    def environment(self):
        """Of the server."""
        return dict(super().environment(), **self.starved)


def signed(site):
    """A message that only its signature vouches for; its records."""
    records = dkimpeers.published(site, "example.org")
    path = next((site.dir / "state/dkim/example.org").glob("r*.pem"))
    text = b"From: a@example.org\r\nSubject: hungry\r\n\r\ntext\r\n"
    return dkimpeers.dkimpy().sign(
        text, path.stem.encode(), b"example.org", path.read_bytes(),
        canonicalize=(b"relaxed", b"relaxed")) + text, records


def hungry(site, hunger, number, text):
    """The reply to a message, or to the command that is refused."""
    site.starved = hunger.environment(number, "NO_MEMORY_FORKED")
    server = site.serve("smtpd", "127.0.0.1:0")
    reply = "421"
    with suppress(Closed), site.connect(server.ports[0]) as talker:
        for line in (f"PROXY TCP4 {CLIENT} 192.0.2.1 4711 25\r\n",
                     "EHLO c.example.org\r\n",
                     "MAIL FROM:<a@example.org>\r\n",
                     "RCPT TO:<bob@example.org>\r\n", "DATA\r\n",
                     stuff(text) + b".\r\n"):
            talker.send(line)
            reply = talker.reply().last
            if reply[0] not in "23":
                break
    server.stop()
    return reply


def cases_hungry():
    """No message is refused for good because there is no memory to verify it
    """
    with Hungry(tls=False) as site:
        text, records = signed(site)
        zone = {name: {"TXT": [record]} for name, record in records.items()}
        zone["example.org"] = {"TXT": ["v=spf1 -all"], "MX": ["mx.example.org"]}
        zone["_dmarc.example.org"] = {"TXT": ["v=DMARC1; p=reject"]}
        hunger = Hunger(site)
        with ZoneDns(records_of(zone)) as dns:
            site.configure(f"resolver {dns.address}\nproxy 127.0.0.1\n"
                           "penalties off", tls=False)
            for name, message in (
                    ("a signature alone vouches for it", text),
                    ("its author's domain is outside ASCII", text.replace(
                        b"@example.org\r\n", "@bücher.example\r\n".encode()))):
                with tap.case(f"No memory: {name}"):
                    check(hungry(site, hunger, 10 ** 9, message)
                          .startswith("250 "), "with memory")
                    replies = {number: hungry(site, hunger, number, message)
                               for number in sample(range(1, 3000), 3 * MOST)}
                    tap.diag(f"{Counter(r[:3] for r in replies.values())}")
                    equal({n: r for n, r in replies.items() if r[0] == "5"},
                          {}, "what is refused")


def everything():
    """All of this."""
    with Bench() as shared:
        tap.run(globals(), shared)


if __name__ == "__main__":
    preloadable()
    both_ways(tap, everything)
    tap.finish()
