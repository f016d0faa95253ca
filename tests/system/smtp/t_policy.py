# SPDX-License-Identifier: ISC
"""What strangers on port 25 have to put up with, and that nobody else has to.

The key policy-exempt has loopback in it by default. It is set to another
network here, so that the tests are strangers; those about the default are not.
"""
import re
import socket

from lib import proc
from lib.scratch import ALICE, Instance, Scratch
from lib.talk import b64, plain
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
STRANGERS = "policy-exempt 192.0.2.1\n"
HELLO = "EHLO client.example.net\r\n"
MAIL = "MAIL FROM:<a@example.com>\r\n"
RCPT = "RCPT TO:<bob@example.org>\r\n"
TEXT = "Subject: x\r\n\r\nx\r\n.\r\n"


def logged(server, pattern):
    """Waits for a line in the log that has that in it."""
    wait_for(lambda: re.search(pattern, server.smtpd.text(), re.M),
             f"{pattern!r} in the log")


# ---- greet-delay ----

def test_early_talker():
    """greet-delay: who speaks before the greeting is refused, and logged"""
    with Instance(STRANGERS + "greet-delay 240") as server:
        with server.connect(server.smtp) as talker:
            talker.send(HELLO + "MAIL FROM:<spam@example.com>\r\n")
            talker.expect("554 5.5.1")
            talker.closed()
        logged(server, r"improper command pipelining after CONNECT from "
                       r"unknown\[127\.0\.0\.1\]: EHLO client\.example\.net$")


def test_early_talker_log():
    """greet-delay: what was said is escaped in the log, and cut"""
    with Instance(STRANGERS + "greet-delay 240") as server:
        with server.connect(server.smtp) as talker:
            talker.send(b"\x1b[2J\x00" + b"x" * 5000)
            talker.expect("554 5.5.1")
        logged(server, "after CONNECT")
        line, = [x for x in server.smtpd.text().splitlines() if "CONNECT" in x]
        check("\x1b" not in line and len(line) < 400, repr(line))


def test_early_login():
    """pipelining-check: a password is not logged with what it came after"""
    with Instance(STRANGERS + "pipelining-check on") as server:
        for said in ("AUTH PLAIN " + plain(*ALICE), b64(ALICE[1])):
            with server.connect(server.smtp) as talker:
                talker.expect("220 ")
                talker.send(HELLO + said + "\r\n")
                talker.expect("554 5.5.1")
                talker.closed()
        for word in ("AUTH", "UNKNOWN"):
            logged(server, r"improper command pipelining after EHLO from "
                           rf"unknown\[127\.0\.0\.1\]: {word}$")


def test_patient():
    """greet-delay: who waits is served, with pipelining, and by TLS"""
    with Instance(STRANGERS + "greet-delay 1") as server:
        with server.connect(server.smtp) as talker:
            talker.expect("220 ")
            talker.send(HELLO)
            talker.expect("250 ")
            talker.send(MAIL + RCPT + "DATA\r\n")
            for code in ("250 ", "250 ", "354 "):
                talker.expect(code)
            talker.send(TEXT)
            talker.expect("250 2.0.0")


def test_proxied():
    """greet-delay: behind a proxy it is the client that counts"""
    header = b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n"
    with Instance("proxy 127.0.0.1\ngreet-delay 240") as server:
        with server.connect(server.smtp) as talker:
            talker.send(header + HELLO.encode())
            talker.expect("554 5.5.1")
            talker.closed()
        logged(server, r"after CONNECT from unknown\[192\.0\.2\.7\]: EHLO")
        with server.connect(server.smtp) as talker:
            talker.send(header.replace(b"192.0.2.7", b"192.168.1.1")
                        + HELLO.encode())
            talker.expect("220 ")
            talker.expect("250 ")


def test_penalty():
    """Who talks out of turn has a penalty, if there are any"""
    with Instance(STRANGERS + "greet-delay 240\npenalties all") as server:
        with server.connect(server.smtp) as talker:
            talker.send(HELLO)
            talker.expect("554 ")
            talker.closed()
        done = server.call("smtpd", "--penalties")
        check("127.0.0.1" in done.stdout and "abuse: 1" in done.stdout,
              done.stdout)


def test_gone():
    """greet-delay: a client that is gone ends its session"""
    with Instance(STRANGERS + "greet-delay 240") as server:
        with server.connect(server.smtp) as talker:
            talker.sock.shutdown(1)
            talker.closed()
        check("CONNECT" not in server.smtpd.text(), server.smtpd.text())


def test_shutdown_meanwhile():
    """greet-delay: a shutdown does not wait for it"""
    with Instance(STRANGERS + "greet-delay 240") as server:
        with server.connect(server.smtp) as talker:
            wait_for(lambda: proc.children(server.smtpd.pid), "the session")
            server.smtpd.process.terminate()
            talker.expect("421 4.3.2")
            talker.closed()


def test_early_and_spared():
    """greet-delay: not for submission, not for who is exempt, not by default"""
    for config, port in ((STRANGERS + "greet-delay 240", "submission"),
                         ("greet-delay 240", "smtp"),
                         (STRANGERS, "smtp")):
        with Instance(config) as server, \
                server.connect(getattr(server, port)) as talker:
            talker.send("NOOP\r\n" + HELLO)
            for code in ("220 ", "250 ", "250 "):
                talker.expect(code)


# ---- --check ----

# A configuration, and what --check says of it: a line, by its beginning.
CHECKS = [
    ("greet-delay 60", "warning: greet-delay 60: "),
    ("greylist 86400", "warning: greylist 86400: "),
    ("dnsbl bl.example", "warning: dnsbl bl.example does not answer"),
    ("policy-exempt ::/0", "warning: policy-exempt: ::/0 contains everybody"),
    ("policy-exempt 0.0.0.0/0", "warning: policy-exempt: 0.0.0.0/0 contains everybody"),
    ("account-recipients 50 bob", "warning: account-recipients 50: "),
    ("account-messages 5", "ok: accounts send at most 5 messages an hour"),
]


def checks():
    """Each of these, and a configuration that nothing is wrong with."""
    words = ("greet-delay", "greylist", "policy-exempt", "account-")
    with Scratch() as scratch:
        for config, begins in [*CHECKS, (
                "greet-delay 6\ngreylist 300\naccount-recipients 100\n"
                "policy-exempt 0.0.0.0/1 ::/1", None)]:
            with tap.case(f"--check: {config!r}"):
                scratch.configure(config)
                lines = scratch.call("smtpd", "--check").stdout.splitlines()
                found = [x for x in lines if begins and x.startswith(begins)]
                equal(len(found), int(begins is not None), str(lines))
                if begins is None:
                    check(not [x for x in lines if x.startswith("warning")
                               and any(w in x for w in words)], str(lines))


# ---- pipelining-check ----

# What is sent at once, when the client has said this before, and where it is
# told off; None: it is not.
GROUPS = [
    ("", HELLO + MAIL, "EHLO"),
    ("", "HELO a.example\r\n" + MAIL, "HELO"),
    ("", "NOOP\r\n" + HELLO, "NOOP"),
    ("", HELLO + HELLO, "EHLO"),
    (HELLO, MAIL + RCPT + "DATA\r\n" + TEXT, "DATA"),
    (HELLO, MAIL + RCPT + "data \r\n.\r\n", "data"),
    (HELLO, MAIL + RCPT + "DATA\r\nQUIT\r\n", "DATA"),
    (HELLO, "VRFY bob\r\nQUIT\r\n", "VRFY"),
    (HELLO, "EXPN bob\r\n" + MAIL, "EXPN"),
    ("HELO a.example\r\n", MAIL + RCPT, "MAIL"),
    ("HELO a.example\r\n" + MAIL, RCPT + "DATA\r\n", "RCPT"),
    (HELLO, MAIL + RCPT + "DATA\r\n", None),
    (HELLO, MAIL + RCPT + "RSET\r\n" + MAIL + RCPT + "NOOP\r\n", None),
    (HELLO, MAIL + RCPT + "BDAT 2 LAST\r\n\r\n" + MAIL + "QUIT\r\n", None),
    (HELLO + MAIL + RCPT + "DATA\r\n", TEXT + MAIL + RCPT + "DATA\r\n", None),
    (HELLO + MAIL + RCPT + "DATA\r\n", TEXT + "QUIT\r\n", None),
    ("HELO a.example\r\n" + MAIL + RCPT + "DATA\r\n", TEXT + "QUIT\r\n", None),
    (HELLO, "RSET\r\nQUIT\r\n", None),
    (HELLO, "DATABASE\r\nNOOPS\r\nRSET\r\n", None),
]


def play(talker, before, group):
    """Says what goes before line by line, then the group; the codes of the
    replies to that."""
    talker.expect("220 ")
    for line in before.splitlines():
        talker.send(line + "\r\n")
        talker.reply()
    talker.send(group)
    talker.sock.shutdown(socket.SHUT_WR)
    return re.findall(r"^(\d\d\d) ", talker.rest().decode(), re.M)


def pipelining():
    """Groups of commands, to those it is about and to those who are spared."""
    with Instance(STRANGERS + "pipelining-check on") as server, \
            Instance("pipelining-check on") as spared:
        for before, group, verb in GROUPS:
            name = repr((before + "| " + group).replace("\r\n", "; "))
            with tap.case(f"pipelining-check: {name}: "
                          + (f"refused at {verb}" if verb else "fine")):
                with server.connect(server.smtp) as talker:
                    codes = play(talker, before, group)
                check("554" not in codes[:-1], str(codes))
                equal(codes[-1] == "554", verb is not None, str(codes))
                if verb:
                    logged(server, f"improper command pipelining after {verb} "
                                   r"from unknown\[127\.0\.0\.1\]: \S")
                with spared.connect(spared.smtp) as talker:
                    codes = play(talker, before, group)
                check("554" not in codes, f"exempt, and refused: {codes}")
        with tap.case("pipelining-check: nothing was accepted of a refusal"):
            with server.connect(server.smtp) as talker:
                play(talker, HELLO, MAIL + RCPT + "DATA\r\nSubject: out of "
                     "turn\r\n\r\nx\r\n.\r\n")
            box = server.mailbox("bob").read_text()
            check("out of turn" not in box and "Subject: x" in box, box)
        with tap.case("pipelining-check: not for who has logged in"):
            with server.connect(server.smtp) as talker:
                talker.hello()
                talker.login(*ALICE)
                talker.send("NOOP\r\n" + HELLO)
                talker.expect("250 ")
                talker.expect("250 ")


if __name__ == "__main__":
    tap.run(globals())
    checks()
    pipelining()
    tap.finish()
