# SPDX-License-Identifier: ISC
"""What a client does wrong counts against its address: in both programs, from
one nowait process to the next, and against nobody else. With `penalties all`
loopback counts, too."""
import re
import smtplib
import socket

from lib.player import PASSWORDS
from lib.scratch import Instance, Scratch
from lib.talk import Talker
from lib.tap import Tap, check, equal

tap = Tap()
HERE = "127.0.0.1"


def nowait(scratch, name):
    """A session of a process of its own, on a TCP connection as by inetd."""
    with socket.create_server((HERE, 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    with open(scratch.dir / "session.log", "ab") as log:
        scratch.popen(scratch.command(name), stdin=theirs, stdout=theirs,
                      stderr=log)
    theirs.close()
    return Talker(ours)


def offend(*talkers, errors=15):
    """Recipients that do not exist: 75 points for each session. Those who
    were greeted before there were any points are not slowed down."""
    for talker in talkers:
        talker.hello()
        talker.expect("250 ", "MAIL FROM:<a@example.com>")
    for talker in talkers:
        for number in range(errors):
            talker.expect("550 5.1.1", f"RCPT TO:<nobody{number}@example.org>")
        talker.close()


def listed(scratch):
    """What smtpd --penalties prints, by address."""
    done = scratch.call("smtpd", "--penalties")
    equal((done.returncode, done.stderr), (0, ""), "--penalties")
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


def forgive(scratch, whom):
    """smtpd --forgive."""
    done = scratch.call("smtpd", "--forgive", whom)
    equal((done.returncode, done.stderr), (0, ""), "--forgive")


def refused(talker, pop3=False):
    """One line, and closed."""
    if pop3:
        talker.pop("-ERR [SYS/TEMP] Too many errors")
    else:
        talker.expect("421 4.7.0 Too many errors")
    talker.closed()
    talker.close()


def test_processes_share():
    """nowait: what one process counts the next refuses, in both programs"""
    with Scratch("penalties all") as scratch:
        equal(listed(scratch), {}, "before")
        first = nowait(scratch, "smtpd")
        offend(first, nowait(scratch, "smtpd"))
        line = listed(scratch).get(HERE, "")
        check(line.startswith("refused: 1") and
              line.endswith(" points for wrong recipients: 30"), line)
        refused(nowait(scratch, "smtpd"))
        refused(nowait(scratch, "pop3d"), pop3=True)
        log = (scratch.dir / "session.log").read_text()
        check(re.search(rf"NOQUEUE: reject: CONNECT from unknown\[{HERE}\]: 421 "
                        r"4\.7\.0 Client host rejected: 1\d* points for wrong "
                        r"recipients: 30; proto=SMTP\n", log)
              and re.search(rf"DISCONNECTED, ip=\[{HERE}\], refused: 1\d* "
                            "points", log), log[-500:])
        forgive(scratch, "192.0.2.1")
        refused(nowait(scratch, "smtpd"))
        forgive(scratch, HERE)
        equal(listed(scratch), {}, "forgiven")
        nowait(scratch, "smtpd").hello()
        nowait(scratch, "pop3d").pop("+OK")


def test_listener():
    """-l: smtpd counts, pop3d refuses, also who speaks TLS at once"""
    with Instance("penalties all") as server:
        offend(server.connect(server.smtp), server.connect(server.smtp))
        refused(server.connect(server.smtp))
        refused(server.connect(server.pop3), pop3=True)
        with server.connect(server.submission) as talker:
            talker.expect("421 4.7.0")
        with socket.create_connection((HERE, server.submissions)) as sock:
            equal(sock.recv(100), b"", "before a handshake")
        forgive(server, "all")
        with server.connect(server.smtp) as talker:
            talker.hello()


def exempt():
    """Negative controls: the same errors, and no harm."""
    for key in ("penalties off", "penalties on",
                "penalties all\npenalties-exempt 192.0.2.1 127.0.0.0/8"):
        with tap.case(f"{key.splitlines()[-1]}: loopback is served"):
            with Scratch(key) as scratch:
                offend(nowait(scratch, "smtpd"), nowait(scratch, "smtpd"),
                       nowait(scratch, "smtpd"))
                equal(listed(scratch), {}, "the list")
                nowait(scratch, "smtpd").hello()
                nowait(scratch, "pop3d").pop("+OK")
                check(not (scratch.dir / "state" / "penalties").exists(),
                      "a table that nobody needs")


def test_same_password():
    """A wrong password counts once, by three mechanisms and by POP3"""
    with Instance("penalties all") as server:
        with smtplib.SMTP(HERE, server.submission) as client:
            try:
                client.login("alice", "not it")
            except smtplib.SMTPAuthenticationError:
                pass
            else:
                raise AssertionError("logged in")
        log = server.smtpd.text()
        for name in ("CRAM-MD5", "PLAIN", "LOGIN"):
            check(f"SASL {name} authentication failed" in log, log)
        check("failed logins: 1" in listed(server)[HERE], listed(server))
        for _ in range(2):
            with server.connect(server.pop3) as talker:
                talker.pop("+OK")
                talker.pop("+OK", "USER alice")
                talker.pop("-ERR [AUTH]", "PASS not it")
        check("failed logins: 1" in listed(server)[HERE], listed(server))
        with server.connect(server.pop3) as talker:
            talker.pop("+OK")
            talker.pop("+OK", "USER alice")
            talker.pop("-ERR [AUTH]", "PASS nor this")
        check("failed logins: 2" in listed(server)[HERE], listed(server))
        table = (server.dir / "state" / "penalties").read_bytes()
        check(b"not it" not in table and b"alice" not in table, "in the open")
        with server.connect(server.pop3) as talker:
            talker.pop_login("alice", PASSWORDS["alice"])


def test_kinds():
    """HTTP, unknown commands and relaying count; typing mistakes little"""
    with Instance("penalties all") as server:
        with server.connect(server.smtp) as talker:
            talker.expect("220 ")
            talker.expect("554 ", "GET / HTTP/1.1")
            talker.closed()
        with server.connect(server.pop3) as talker:
            talker.pop("+OK")
            talker.pop("-ERR", "User-Agent: a browser")
            talker.closed()
        check("abuse: 2" in listed(server)[HERE], listed(server))
        forgive(server, "all")
        with server.connect(server.smtp) as talker:
            talker.hello()
            talker.expect("500 ", "HELLO")
            talker.expect("503 ", "DATA")
            talker.expect("501 ", "EHLO")
            talker.expect("250 ", "MAIL FROM:<a@example.com>")
            talker.expect("550 5.7.1", "RCPT TO:<a@example.com>")
            talker.expect("250 ", "RCPT TO:<bob@example.org>")
        with server.connect(server.pop3) as talker:
            talker.pop("+OK")
            talker.pop("-ERR", "HELO")
        line = listed(server)[HERE]
        check(line.startswith("served: 1") and "syntax errors: 4" in line and
              "wrong recipients: 1" in line, line)


def test_quota():
    """A message too large for a mailbox is no wrong recipient"""
    with Instance("penalties all\nquota 20K") as server:
        with server.connect(server.smtp) as talker:
            talker.hello()
            talker.expect("250 ", "MAIL FROM:<a@example.com> SIZE=30000")
            talker.expect("552 5.2.2", "RCPT TO:<bob@example.org>")
        equal(listed(server), {}, "the list")


def test_users_are_not_counted():
    """Somebody who has logged in may mistype recipients"""
    with Instance("penalties all") as server:
        with server.connect(server.submission) as talker:
            talker.hello()
            talker.login("bob", PASSWORDS["bob"])
            talker.expect("250 ", "MAIL FROM:<bob@example.org>")
            talker.expect("550 5.1.1", "RCPT TO:<bop@example.org>")
        equal(listed(server), {}, "the list")


def test_no_table():
    """Without a table everybody is served, and the log says so once"""
    with Instance("penalties all\nstate /dev/null/state") as server:
        offend(server.connect(server.smtp), server.connect(server.smtp))
        with server.connect(server.smtp) as talker:
            talker.hello()
        equal(server.smtpd.text().count("penalties are off"), 1, "complaints")


def test_noise():
    """Whatever is in the file, both programs serve, and begin it anew"""
    with Scratch("penalties all") as scratch:
        path = scratch.dir / "state" / "penalties"
        for noise in (b"", b"penalty1", b"penalty1" + bytes(300000),
                      bytes(range(256)) * 2000):
            path.write_bytes(noise)
            scratch.own()
            nowait(scratch, "pop3d").pop("+OK")
            offend(nowait(scratch, "smtpd"), nowait(scratch, "smtpd"))
            refused(nowait(scratch, "smtpd"))


def test_forgive_what():
    """--forgive wants an address; without a table there is nothing to do"""
    with Scratch() as scratch:
        done = scratch.call("smtpd", "--forgive", "example.org")
        equal(done.returncode, 64, "status")
        check("takes an address" in done.stderr, done.stderr)
        equal(scratch.call("smtpd", "--forgive").returncode, 64, "status")
        forgive(scratch, "all")


if __name__ == "__main__":
    exempt()
    tap.run(globals())
    tap.finish()
