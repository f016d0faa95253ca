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
