# SPDX-License-Identifier: ISC
"""Greylisting: strangers come back, and are known then; nobody else waits.

All of loopback is strangers here, but in the tests about the default.
"""
import os
import re
import socket

from lib.scratch import ALICE, Instance
from lib.talk import Talker
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
STRANGERS = "policy-exempt 192.0.2.1\n"
GREY = "450 4.7.1 Greylisted: try again in "


def connect(port, source="127.0.0.1"):
    """A Talker that has said EHLO, from an address of loopback."""
    talker = Talker(socket.create_connection(("127.0.0.1", port), 60,
                                             (source, 0)))
    talker.hello()
    return talker


def rcpt(port, to="bob@example.org", sender="a@example.com",
         source="127.0.0.1"):
    """The reply to a first recipient."""
    with connect(port, source) as talker:
        talker.expect("250 ", f"MAIL FROM:<{sender}>")
        talker.send(f"RCPT TO:<{to}>\r\n")
        return talker.reply().last


def comes_back(port, **settings):
    """Tries until it is welcome."""
    wait_for(lambda: rcpt(port, **settings).startswith("250 "),
             "a stranger to be welcome", 60, 0.1)


def test_first_time():
    """A stranger is told to come back, and that is logged"""
    with Instance(STRANGERS + "greylist 3600") as server:
        for _ in range(2):
            equal(rcpt(server.smtp), GREY + "3600 seconds or later")
        check(re.search(r"NOQUEUE: reject: RCPT from \S*\[127\.0\.0\.1\]: "
                        r"450 4\.7\.1 .*Greylisted.*; from=<a@example.com> "
                        r"to=<bob@example.org> ", server.smtpd.text()),
              server.smtpd.text())
        equal((server.dir / "state/greylist").stat().st_mode & 0o777, 0o600)


def test_comes_back():
    """Who comes back is welcome, and known to other servers and later ones"""
    with Instance(STRANGERS + "greylist 1") as server:
        check(rcpt(server.smtp).startswith(GREY))
        comes_back(server.smtp)
        server.configure(STRANGERS + "greylist 3600")
        server.own()
        other = server.serve("smtpd", "127.0.0.1:0")
        try:
            with connect(other.ports[0]) as talker:
                talker.submit("A@Example.COM", ["BOB@example.org"], "\r\n")
            check(rcpt(other.ports[0], source="127.0.0.200")
                  .startswith("250 "), "another host of the same network")
            for change in ({"to": "alice@example.org"},
                           {"sender": "b@example.com"}, {"sender": ""},
                           {"source": "127.0.1.1"}):
                check(rcpt(other.ports[0], **change).startswith(GREY),
                      str(change))
        finally:
            other.stop()


def test_known_client():
    """After two of its messages a client is known, whatever it sends"""
    with Instance(STRANGERS + "greylist 1") as server:
        comes_back(server.smtp, to="bob@example.org")
        comes_back(server.smtp, to="alice@example.org")
        server.configure(STRANGERS + "greylist 3600")
        server.own()
        other = server.serve("smtpd", "127.0.0.1:0")
        try:
            check(rcpt(other.ports[0], "bob@example.net", "new@example.com")
                  .startswith("250 "))
            check(rcpt(other.ports[0], "bob@example.net", "new@example.com",
                       "127.0.1.1").startswith(GREY), "another client")
        finally:
            other.stop()


def test_some_recipients():
    """Each recipient has its own reply, and nobody unknown is greylisted"""
    with Instance(STRANGERS + "greylist 1") as server:
        comes_back(server.smtp)
        with connect(server.smtp) as talker:
            talker.expect("250 ", "MAIL FROM:<a@example.com>")
            talker.expect("250 ", "RCPT TO:<bob@example.org>")
            talker.expect("450 4.7.1", "RCPT TO:<alice@example.org>")
            talker.expect("550 5.1.1", "RCPT TO:<nobody-here@example.org>")
            talker.expect("550 5.7.1", "RCPT TO:<x@example.com>")
            talker.expect("250 ", "RCPT TO:<Postmaster@example.org>")
            talker.expect("250 ", "RCPT TO:<postmaster>")
            talker.expect("354 ", "DATA")
            talker.send("Subject: x\r\n\r\nx\r\n.\r\n")
            talker.expect("250 2.0.0")
        check(not server.mailbox("alice").exists(), "she got it")


def test_null_sender():
    """A null sender is as good as another"""
    with Instance(STRANGERS + "greylist 1") as server:
        check(rcpt(server.smtp, sender="").startswith(GREY))
        comes_back(server.smtp, sender="")


def test_spared():
    """Not by default for this machine, nor for users, nor without the key"""
    with Instance("greylist 3600") as server:
        check(rcpt(server.smtp).startswith("250 "))
    with Instance(STRANGERS) as server:
        check(rcpt(server.smtp).startswith("250 "))
    with Instance(STRANGERS + "greylist 3600") as server:
        for port in (server.smtp, server.submission):
            with connect(port) as talker:
                talker.login(*ALICE)
                talker.submit("alice@example.org", ["bob@example.org"], "\r\n")
        check(rcpt(server.smtp).startswith(GREY), "a stranger there")


def damage():
    """What may be found in the place of the table."""
    cases = [
        ("noise", lambda p: p.write_bytes(os.urandom(100000)), False),
        ("nothing", lambda p: p.write_bytes(b""), False),
        ("zeros", lambda p: p.write_bytes(b"\0" * 5000), False),
        ("a folder", lambda p: p.mkdir(), True),
        ("a symbolic link", lambda p: p.symlink_to("/etc/passwd"), True),
        ("a pipe", os.mkfifo, True),
    ]
    for what, make, open_door in cases:
        with tap.case(f"{what} instead of the table: "
                      + ("mail is let through, logged once a session"
                         if open_door else "a new one, and strangers wait")):
            with Instance(STRANGERS + "greylist 3600") as server:
                path = server.dir / "state/greylist"
                make(path)
                server.own()
                with connect(server.smtp) as talker:
                    talker.expect("250 ", "MAIL FROM:<a@example.com>")
                    for to in ("bob", "alice"):
                        talker.expect("250 " if open_door else "450 ",
                                      f"RCPT TO:<{to}@example.org>")
                equal(server.smtpd.text().count("no greylisting, mail is let"),
                      open_door)


if __name__ == "__main__":
    tap.run(globals())
    damage()
    tap.finish()
