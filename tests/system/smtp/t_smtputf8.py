# SPDX-License-Identifier: ISC
"""SMTPUTF8 from a client to the next hop, the mailbox and the report.

A server that takes such a message and forgets that it is one hands it to a
next hop that reads it as something else.
"""
from lib import mbox
from lib.fakemx import FakeMx
from lib.player import PASSWORDS
from lib.scratch import Scratch
from lib.tap import Tap, check, equal

tap = Tap()
PLAIN = ("PIPELINING", "SIZE 10485760", "8BITMIME")
WITH = PLAIN + ("SMTPUTF8",)
TEXT = "From: Jörg <alice@example.org>\r\nSubject: Grüße\r\n" \
       "Date: Sun, 01 Nov 2026 10:00:00 +0000\r\n" \
       "Message-ID: <1@example.org>\r\n\r\nGrüße\r\n"


def send(scratch, sender, recipient, what="SMTPUTF8"):
    """Submits one message."""
    with scratch.session("smtpd", "--role", "submission")[0] as talker:
        talker.hello()
        talker.login("alice", PASSWORDS["alice"])
        talker.expect("250 ", f"MAIL FROM:<{sender}> {what}")
        talker.expect("250 ", f"RCPT TO:<{recipient}>")
        talker.expect("354 ", "DATA")
        talker.send(TEXT + ".\r\n")
        talker.expect("250 2.0.0")


def relayed(extensions, *messages):
    """What a next hop gets of (sender, recipient), and what alice gets."""
    with FakeMx(extensions=extensions) as mx, \
            Scratch(f"relay smtp://127.0.0.1:{mx.port}?tls=never") as scratch:
        for sender, recipient in messages:
            send(scratch, sender, recipient)
        scratch.run_queue()
        equal(mx.complaints, [])
        return list(mx.messages), mbox.read(scratch.mailbox("alice"))


def test_relay():
    """A next hop that knows it gets it, and the domains as the DNS has them"""
    got, _ = relayed(WITH, ("jörg@example.org", "用户@bücher.example"))
    equal([(m.sender, m.rcpts) for m in got],
          [("jörg@example.org", ["用户@xn--bcher-kva.example"])])
    check("SMTPUTF8" in got[0].mail_params, got[0].mail_params)
    check(got[0].body.endswith(TEXT.encode()), repr(got[0].body))
    check(b"with UTF8SMTPA id" in got[0].body, repr(got[0].body))


FORBIDDEN = ["b\u200bü.example", "a\u200b.example", "b\u2060ü.example",
             "\ufeffü.example", "ü\u3002example", "ü\uff0ea.example",
             "b\u00adü.example", "-ü.example", "ab--ü.example", "ü_a.example"]
MAPPED = {"BÜCHER.example": "xn--bcher-kva.example",
          "Bu\u0308cher.EXAMPLE": "xn--bcher-kva.EXAMPLE",
          "ｂücher.example": "xn--bcher-kva.example",
          "straße.example": "xn--strae-oqa.example",
          "ПРИМЕР.РФ": "xn--e1afmkfd.xn--p1ai",
          "ＪＰ.example": "jp.example"}


def test_domains():
    """Domains are mapped as libidn2 says; what IDNA forbids is refused"""
    with Scratch("domains example.org "
                 + " ".join(sorted(set(MAPPED.values())))) as scratch:
        for args in ((), ("--role", "mx")):
            with scratch.session("smtpd", *args)[0] as talker:
                talker.hello()
                for written, meant in MAPPED.items():
                    talker.expect("250 ",
                                  f"MAIL FROM:<a@{written}> SMTPUTF8")
                    talker.expect("250 ", f"RCPT TO:<alice@{written}>")
                    talker.expect("250 ", f"RCPT TO:<alice@{meant}>")
                    talker.expect("250", "RSET")
                talker.expect("221", "QUIT")
            for domain in FORBIDDEN:
                with scratch.session("smtpd", *args)[0] as talker:
                    talker.hello()
                    talker.expect("501 5.1.7",
                                  f"MAIL FROM:<a@{domain}> SMTPUTF8")
                    talker.expect("250 ",
                                  "MAIL FROM:<a@far.example> SMTPUTF8")
                    talker.expect("501 5.1.3", f"RCPT TO:<alice@{domain}>")
                    talker.expect("221", "QUIT")


HEAD = ("From: Jörg <alice@bücher.example> (Grüße)\r\n"
        "To: bob@BÜCHER.example,\r\n\tc@far.example\r\nSubject: x\r\n"
        "Date: Sun, 01 Nov 2026 10:00:00 +0000\r\n"
        "Message-ID: <1@example.org>\r\n\r\nx\r\n")


def test_header_domains():
    """An address whose domain alone is not ASCII goes to any next hop"""
    with FakeMx(extensions=PLAIN) as mx, \
            Scratch(f"relay smtp://127.0.0.1:{mx.port}?tls=never") as scratch:
        with scratch.session("smtpd", "--role", "submission")[0] as talker:
            talker.hello()
            talker.login("alice", PASSWORDS["alice"])
            talker.expect("250 ", "MAIL FROM:<alice@bücher.example> SMTPUTF8")
            talker.expect("250 ", "RCPT TO:<bob@BÜCHER.example>")
            talker.expect("354 ", "DATA")
            talker.send(HEAD + ".\r\n")
            talker.expect("250 2.0.0")
        scratch.run_queue()
        (got,) = mx.messages
    equal((got.sender, got.rcpts), ("alice@xn--bcher-kva.example",
                                    ["bob@xn--bcher-kva.example"]))
    check("SMTPUTF8" not in got.mail_params, got.mail_params)
    check(got.body.isascii(), repr(got.body))
    check(b"<alice@xn--bcher-kva.example>" in got.body
          and b"To: bob@xn--bcher-kva.example,\r\n\tc@far.example\r\n"
          in got.body, repr(got.body))


def test_ascii_addresses():
    """A next hop without it gets what has only ASCII in its addresses"""
    got, _ = relayed(PLAIN, ("alice@example.org", "bob@bücher.example"))
    equal([(m.sender, m.rcpts) for m in got],
          [("alice@example.org", ["bob@xn--bcher-kva.example"])])
    check("SMTPUTF8" not in got[0].mail_params, got[0].mail_params)


def test_refused():
    """It is never sent to one without it: a report tells the sender"""
    got, reports = relayed(PLAIN, ("alice@example.org", "用户@far.example"))
    equal(len(got), 0, "messages at the next hop")
    equal(len(reports), 1, "reports")
    check(b"5.6.7" in reports[0].wire, repr(reports[0].wire))
    check("用户@far.example".encode() in reports[0].wire,
          repr(reports[0].wire))


def test_mailbox():
    """In a mailbox it is as it came"""
    with Scratch() as scratch:
        send(scratch, "jörg@example.org", "bob@example.org")
        got = mbox.read(scratch.mailbox("bob"))
    equal([m.sent for m in got], [TEXT.encode()])
    check("Return-Path: <jörg@example.org>\r\n".encode() in got[0].wire,
          repr(got[0].wire))


def test_command():
    """The sendmail command says it where an address is outside ASCII"""
    with FakeMx(extensions=WITH + ("DSN",)) as mx, \
            Scratch(f"relay smtp://127.0.0.1:{mx.port}?tls=never") as scratch:
        for args in (("-f", "jörg@bücher.example", "zoë@far.example"),
                     ("-f", "alice@example.org", "bob@bücher.example",
                      "用户@far.example"),
                     ("-f", "alice@example.org", "bob@bücher.example")):
            done = scratch.call("smtpd", *args, stdin="Subject: x\n\nx\n")
            equal(done.returncode, 0, done.stderr)
        done = scratch.call("smtpd", "-bv", "zoë@far.example")
        check("deliverable" in done.stdout, done.stdout + done.stderr)
        scratch.run_queue()
        got = sorted((m.sender, m.rcpts, "SMTPUTF8" in m.mail_params)
                     for m in mx.messages)
    equal(got, [("alice@example.org", ["bob@xn--bcher-kva.example"], False),
                ("alice@example.org", ["bob@xn--bcher-kva.example",
                                       "用户@far.example"], True),
                ("jörg@xn--bcher-kva.example", ["zoë@far.example"], True)])


def test_original():
    """The original recipient goes on in a form that every server takes"""
    with FakeMx(extensions=WITH + ("DSN",)) as mx, \
            Scratch(f"relay smtp://127.0.0.1:{mx.port}?tls=never") as scratch:
        with scratch.session("smtpd", "--role", "submission")[0] as talker:
            talker.hello()
            talker.login("alice", PASSWORDS["alice"])
            talker.expect("250 ", "MAIL FROM:<alice@example.org> SMTPUTF8")
            talker.expect("250 ", "RCPT TO:<zoë@far.example> "
                          "ORCPT=utf-8;zoë@bücher.example")
            talker.expect("354 ", "DATA")
            talker.send(TEXT + ".\r\n")
            talker.expect("250 2.0.0")
        scratch.run_queue()
        (message,) = mx.messages
    equal(message.rcpt_params["zoë@far.example"],
          r"ORCPT=utf-8;zo\x{EB}@b\x{FC}cher.example")


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
