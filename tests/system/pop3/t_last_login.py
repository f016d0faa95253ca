# SPDX-License-Identifier: ISC
"""Last logins, and LOGIN-DELAY, which goes by them: what is remembered must
be true, a login too many must be refused, and nobody locked out by a clock."""
import re
import time

from lib.player import PASSWORDS
from lib.scratch import Instance, client_context
from lib.tap import Tap, check, equal

tap = Tap()
ALICE = PASSWORDS["alice"]
BOB = PASSWORDS["bob"]


def say_password(server, user, port=None, tls=None):
    """Logs in; the answer to PASS, and the Talker."""
    talker = server.connect(port or server.pop3, tls=tls)
    talker.pop("+OK")
    talker.pop("+OK", "USER " + user)
    talker.send(f"PASS {PASSWORDS[user]}\r\n")
    return talker.line(), talker


def visit(server, user, **how):
    """A login and QUIT."""
    answer, talker = say_password(server, user, **how)
    with talker:
        check(answer.startswith("+OK"), answer)
        talker.pop("+OK", "QUIT")


def note(server, user, protocol="pop3"):
    """The file of a last login."""
    return server.dir / "state" / "users" / user / f"last-login.{protocol}"


def told(server, *words):
    """What the verb prints, as lists of words."""
    done = server.call("pop3d", "--last-login", *words)
    equal(done.returncode, 0, done.stderr)
    return [line.split() for line in done.stdout.splitlines()]


def set_back(server, user, seconds):
    """Moves the last login of a user into the past."""
    path = note(server, user)
    line = path.read_bytes()
    path.write_bytes(b"%012d" % (int(line[:12]) - seconds) + line[12:])


def test_nobody(server):
    """Without a login there is nothing to tell"""
    equal(told(server), [], "lines")
    done = server.call("pop3d", "--last-login", "alice")
    equal(done.returncode, 67, "exit status")
    check("no login of alice is known" in done.stderr, done.stderr)


def test_protocols(server):
    """POP3 and SMTP, with and without TLS, are told apart"""
    before = int(time.time())
    visit(server, "bob")
    with server.connect(server.submission) as talker:
        talker.hello()
        talker.login("bob", BOB)
    words = told(server, "bob")
    equal([w[3:] for w in words],
          [["pop3", "127.0.0.1"], ["smtp", "127.0.0.1"]], "both")
    for row in words:
        when = time.mktime(time.strptime(" ".join(row[1:3]),
                                         "%Y-%m-%d %H:%M:%S"))
        check(before - 1 <= when <= time.time() + 1, row)
    visit(server, "bob", port=server.pop3s, tls=client_context())
    with server.connect(server.submissions, tls=client_context()) as talker:
        talker.hello()
        talker.login("bob", BOB)
    equal([w[3] for w in told(server, "BOB@example.org")],
          ["pop3s", "smtps"], "in TLS")


def test_failed_logins_do_not_count(server):
    """A wrong password changes nothing"""
    visit(server, "bob")
    set_back(server, "bob", 1000)
    before = note(server, "bob").read_bytes()
    with server.connect(server.pop3) as talker:
        talker.pop("+OK")
        talker.pop("+OK", "USER bob")
        talker.pop("-ERR [AUTH]", "PASS wrong")
    equal(note(server, "bob").read_bytes(), before, "the note")


def test_a_login_too_early(server):
    """A second login within the time is refused with [LOGIN-DELAY]"""
    visit(server, "alice")
    before = note(server, "alice").read_bytes()
    answer, talker = say_password(server, "alice")
    check(re.match(r"-ERR \[LOGIN-DELAY\] .* 300 seconds; .* in \d+$", answer),
          answer)
    talker.closed()
    talker.close()
    equal(note(server, "alice").read_bytes(), before, "that one counts not")
    set_back(server, "alice", 290)
    answer, talker = say_password(server, "alice")
    talker.close()
    check(answer.startswith("-ERR [LOGIN-DELAY]"), "290 seconds later")
    set_back(server, "alice", 10)
    answer, talker = say_password(server, "alice")
    with talker:
        check(b"LOGIN-DELAY 300\r\n" in talker.pop_block("CAPA"), "CAPA")


def test_in_tls_and_by_auth(server):
    """So it is in TLS, and with AUTH"""
    set_back(server, "alice", 1000)
    visit(server, "alice", port=server.pop3s, tls=client_context())
    answer, talker = say_password(server, "alice", port=server.pop3s,
                                  tls=client_context())
    talker.close()
    check(answer.startswith("-ERR [LOGIN-DELAY]"), answer)
    with server.connect(server.pop3) as talker:
        talker.pop("+OK")
        talker.pop("+ ", "AUTH LOGIN")
        talker.pop("+ ", "YWxpY2U=")
        talker.pop("-ERR [LOGIN-DELAY]", "b3BlbnNlc2FtZQ==")


def test_smtp_does_not_count(server):
    """A login by SMTP delays none by POP3"""
    set_back(server, "alice", 1000)
    with server.connect(server.submission) as talker:
        talker.hello()
        talker.login("alice", ALICE)
    visit(server, "alice")


def test_who_has_no_delay(server):
    """A user without a delay logs in as often as it likes"""
    for _ in range(3):
        visit(server, "bob")


def test_clock_and_damage(server):
    """A note from the future, a damaged one and a link lock nobody out"""
    future = b"%012d pop3 127.0.0.1" % (int(time.time()) + 100000)
    path = note(server, "alice")
    for text in (future.ljust(95) + b"\n", b"", b"\0" * 96, b"9" * 96):
        path.write_bytes(text)
        visit(server, "alice")
    target = server.dir / "state" / "elsewhere"
    target.write_bytes(b"precious")
    path.unlink()
    path.symlink_to(target)
    visit(server, "alice")
    equal(target.read_bytes(), b"precious", "what a link leads to")


if __name__ == "__main__":
    with Instance("plaintext-login always\nlogin-delay 300\n"
                  "login-delay 0 bob") as instance:
        tap.run(globals(), instance)
    tap.finish()
