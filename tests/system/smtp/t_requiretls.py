# SPDX-License-Identifier: ISC
"""REQUIRETLS: over verified TLS to one who promises the same, or not at all;
and TLS-Required: No, mail whose sender does not care.

A server that takes such a message and sends it in the clear, or to whoever
has any certificate, has told the sender a lie.
"""
import hashlib
import subprocess

from lib import mbox
from lib.dns import (A, AAAA, MX, NXDOMAIN, LyingDns, a, mx as mx_record,
                     record)
from lib.fakemx import EXTENSIONS, FakeMx
from lib.player import PASSWORDS
from lib.queuefile import make
from lib.scratch import (Instance, Scratch, client_context,
                         make_certificate)
from lib.site import Queue
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
WITH = EXTENSIONS + ("REQUIRETLS",)
BODY = b"Subject: secret\r\n\r\nThe body.\r\n"


class Server(Queue, Scratch):
    """A server with such mail."""


def carry(folder, tls, extensions=WITH, name="localhost", pem=True,
          wrapped=False, hop=None, what="required",
          sender="alice@example.org", make_key=True):
    """Sends one such message; what the next hop got, the queue, reports."""
    certificate = folder / f"{name}.pem"
    if make_key:
        make_certificate(certificate, name)
    trust = folder / "trust.pem"
    text = certificate.read_text()
    trust.write_text(text[text.index("-----BEGIN CERT"):])
    trust.chmod(0o644)
    with FakeMx(pem=certificate if pem else None, extensions=extensions,
                wrapped=wrapped) as mx:
        hop = hop(mx.port) if hop else f"smtp://localhost:{mx.port}?tls={tls}"
        with Server(f"relay {hop}\ntls-trust {trust}\n") as server:
            server.flush("-q")      # makes the folders
            make(server.dir / "queue", sender=sender,
                 recipients=["bob@far.example"], body=BODY,
                 **({"tls": what} if what else {}))
            server.flush("-q")
            return (list(mx.messages), server.mailq(),
                    mbox.read(server.mailbox("alice")))


def test_sent(folder):
    """To one who offers it, whatever the route says of TLS"""
    for tls in ("never", "may", "must", "verify"):
        got, left, _ = carry(folder, tls)
        equal([(m.tls, m.body) for m in got], [(True, BODY)], f"{tls} {left}")
        check("REQUIRETLS" in got[0].mail_params.split(), got[0].mail_params)


def test_not_offered(folder):
    """Not to one who does not: it comes back, without its body"""
    got, left, reports = carry(folder, "verify", EXTENSIONS)
    equal((got, left, len(reports)), ([], [], 1))
    check(b"5.7.30" in reports[0].wire, repr(reports[0].wire))
    check(b"REQUIRETLS support required" in reports[0].wire,
          repr(reports[0].wire))      # RFC 8689 section 6
    check(b"Subject: secret" in reports[0].wire, repr(reports[0].wire))
    check(b"The body." not in reports[0].wire, repr(reports[0].wire))


def test_clear(folder):
    """Never in the clear: it waits"""
    got, left, _ = carry(folder, "may", pem=False)
    equal((got, len(left)), ([], 1))


def test_wrong_name(folder):
    """Never to one with another's certificate: it waits"""
    got, left, _ = carry(folder, "may", name="other.example")
    equal((got, len(left)), ([], 1))


def carry_by_mx(folder, key=None, signed=True, records=True, **settings):
    """To an exchanger that the DNS names; None: as is its key."""
    make_certificate(folder / "localhost.pem", "localhost")
    key = key or subprocess.run(
        ["certtool", "--pubkey-info", "--outder", "--load-privkey",
         folder / "localhost.pem"], check=True, capture_output=True).stdout
    flags = 0x81A0 if signed else 0x8180
    data = bytes((3, 1, 1)) + hashlib.sha256(key).digest()
    said = {
        ("far.example", MX): lambda q: q.answer(
            mx_record(q.name, 10, "mx.far.example"), flags=flags),
        ("mx.far.example", A): lambda q: q.answer(a(q.name), flags=flags),
        ("mx.far.example", AAAA): lambda q: q.answer(flags=flags)}

    def other(question):
        if question.kind == 52 and records:
            return question.answer(record(question.name, 52, data),
                                   flags=flags)
        return question.answer(code=NXDOMAIN, flags=flags)
    with LyingDns(said, other) as dns:
        return carry(folder, "", hop=lambda port:
                     f"mx:{port}\nresolver {dns.address}", make_key=False,
                     **settings)


def test_mx_unproved(folder):
    """Not to whom the DNS names without a signature: it comes back"""
    for settings in ({"signed": False}, {"records": False}):
        got, left, reports = carry_by_mx(folder, **settings)
        equal((got, left, len(reports)), ([], [], 1), f"{settings}")
        check(b"5.7.30" in reports[0].wire, repr(reports[0].wire))


def test_mx_proved(folder):
    """To whom signed TLSA records name, with REQUIRETLS; else it waits"""
    got, left, reports = carry_by_mx(folder)
    equal(([m.tls for m in got], left, reports), ([True], [], []))
    check("REQUIRETLS" in got[0].mail_params.split(), got[0].mail_params)
    got, left, reports = carry_by_mx(folder, b"another key")
    equal((got, len(left), reports), ([], 1, []))


def test_mx_optional(folder):
    """TLS-Required: No goes there, whatever the TLSA records say"""
    got, left, _ = carry_by_mx(folder, b"another key", what="optional")
    equal(([m.tls for m in got], left), ([True], []))
    got, left, _ = carry_by_mx(folder, b"another key", what="")
    equal((got, len(left)), ([], 1))


def test_report(folder):
    """A report on such a message is passed on so if it can be, or else not"""
    got, left, _ = carry(folder, "may", sender="")
    equal([m.tls for m in got], [True], f"{left}")
    check("REQUIRETLS" in got[0].mail_params.split(), got[0].mail_params)
    for pem, extensions in ((True, EXTENSIONS), (False, EXTENSIONS)):
        got, left, _ = carry(folder, "may", extensions, pem=pem, sender="")
        equal([(m.tls, m.body) for m in got], [(pem, BODY)], f"{left}")
        check("REQUIRETLS" not in got[0].mail_params, got[0].mail_params)


def test_optional(folder):
    """TLS-Required: No: what would wait for TLS goes without"""
    for tls in ("must", "verify"):
        got, left, _ = carry(folder, tls, pem=False, what="")
        equal((got, len(left)), ([], 1), f"{tls}, other mail")
        got, left, _ = carry(folder, tls, pem=False, what="optional")
        equal([(m.tls, m.body) for m in got], [(False, BODY)], f"{tls} {left}")


def test_optional_tls(folder):
    """It goes over TLS if it can, whoever's certificate that is"""
    got, left, _ = carry(folder, "verify", name="other.example", what="")
    equal((got, len(left)), ([], 1), "other mail")
    got, left, _ = carry(folder, "verify", name="other.example",
                         what="optional")
    equal([m.tls for m in got], [True], f"{left}")
    check("REQUIRETLS" not in got[0].mail_params, got[0].mail_params)
    got, left, _ = carry(folder, "never", what="optional")
    equal([m.tls for m in got], [False], f"{left}")


def test_optional_password(folder):
    """A password is not sent without verified TLS, whatever the mail says"""
    with FakeMx(extensions=EXTENSIONS + ("AUTH PLAIN",)) as mx:
        got, left, _ = carry(
            folder, "", hop=lambda _: f"smtp://u:secret@localhost:{mx.port}",
            what="optional")
        equal((got, mx.messages, len(left)), ([], [], 1))


def taken(server):
    """Takes the one message out of the queue, where a runner may move it."""
    def take():
        try:
            (path,) = server.queue_files()
            text = path.read_bytes()
            path.unlink()
        except (FileNotFoundError, ValueError):
            return None
        return text
    return wait_for(take, "one message in the queue")


def test_field():
    """The field is read when the message comes; REQUIRETLS counts for more"""
    with Instance("relay smtp://127.0.0.1:9?tls=never") as server, \
            server.connect(server.submission) as talker:
        talker.hello()
        talker.expect("220 2.0.0", "STARTTLS")
        talker.start_tls(client_context())
        talker.expect("250 ", "EHLO client.example.net")
        talker.login("alice", PASSWORDS["alice"])
        for field, param, line in (
                (b"TLS-Required: No", "", b"\ntls: optional\n"),
                (b"TLS-Required: No", " REQUIRETLS", b"\ntls: required\n"),
                (b"TLS-Required: Yes", "", b"")):
            talker.expect("250 ", "MAIL FROM:<alice@example.org>"
                                  f" HOLDFOR=3600{param}")
            talker.expect("250 ", "RCPT TO:<bob@far.example>")
            talker.expect("354 ", "DATA")
            talker.send(field + b"\r\n" + BODY + b".\r\n")
            talker.expect("250 2.0.0 Queued")
            head = taken(server).partition(b"\n\n")[0]
            check(line in head and (line or b"\ntls:" not in head), repr(head))


def test_session():
    """Under TLS it is offered, and kept in the queue"""
    with Instance("relay smtp://127.0.0.1:9?tls=never") as server, \
            server.connect(server.submission) as talker:
        talker.hello()
        talker.expect("220 2.0.0", "STARTTLS")
        talker.start_tls(client_context())
        reply = talker.expect("250 ", "EHLO client.example.net")
        check("REQUIRETLS" in reply.words(), repr(reply))
        talker.login("alice", PASSWORDS["alice"])
        talker.expect("250 ", "MAIL FROM:<alice@example.org> REQUIRETLS "
                              "HOLDFOR=3600")
        talker.expect("250 ", "RCPT TO:<bob@far.example>")
        talker.expect("354 ", "DATA")
        talker.send(BODY + b".\r\n")
        talker.expect("250 2.0.0 Queued")
        text = taken(server)
        check(b"\ntls: required\nhold: " in text, repr(text))


if __name__ == "__main__":
    with Scratch() as scratch:
        tap.run(globals(), scratch.dir)
    tap.finish()
