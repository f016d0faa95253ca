# SPDX-License-Identifier: ISC
"""Passwords: mechanisms, refusals that tell nothing, and their limits."""
import base64
import ctypes
import hashlib
import hmac
import smtplib
import time

from lib.player import PASSWORDS
from lib.scratch import LONG, Instance, client_context
from lib.talk import Closed, b64, plain
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()


def cram(talker, user, password, upper=False):
    """AUTH CRAM-MD5; returns the reply."""
    reply = talker.expect("334 ", "AUTH CRAM-MD5")
    challenge = base64.b64decode(reply.last[4:], validate=True)
    check(challenge.startswith(b"<") and challenge.endswith(b">")
          and b"@" in challenge, repr(challenge))
    digest = hmac.new(password.encode(), challenge, hashlib.md5).hexdigest()
    if upper:
        digest = digest.upper()
    talker.send(b64(f"{user} {digest}") + "\r\n")
    return talker.reply()


def test_cram_md5(server):
    """CRAM-MD5 logs in who has such a credential, and nobody else"""
    with server.connect(server.submission) as talker:
        talker.hello()
        equal(cram(talker, "bob", PASSWORDS["bob"]).last[:9], "535 5.7.8",
              "bob, who has none")
        equal(cram(talker, "alice", "wrong").last[:9], "535 5.7.8", "wrong")
        equal(cram(talker, "alice", PASSWORDS["alice"]).last[:9],
              "235 2.7.0", "alice")


def test_cram_md5_upper_case(server):
    """CRAM-MD5 takes the digest in upper case hex too"""
    with server.connect(server.submission) as talker:
        talker.hello()
        equal(cram(talker, "alice", PASSWORDS["alice"], True).code, 235,
              "code")


def test_cram_md5_replay(server):
    """A CRAM-MD5 challenge is never given twice, and a reply not reused"""
    seen = set()
    for _ in range(5):
        with server.connect(server.submission) as talker:
            talker.hello()
            for _ in range(4):
                seen.add(talker.expect("334 ", "AUTH CRAM-MD5").last)
                talker.expect("501 5.", "*")
    equal(len(seen), 20, "different challenges")


def test_cram_md5_malformed(server):
    """Malformed CRAM-MD5 answers are refused"""
    for answer in ("", "alice", "alice ", " " + "0" * 32,
                   "alice " + "0" * 31, "alice " + "0" * 33,
                   "alice " + "g" * 32, "alice\0x " + "0" * 32):
        with server.connect(server.submission) as talker:
            talker.hello()
            talker.expect("334 ", "AUTH CRAM-MD5")
            talker.send(b64(answer) + "\r\n")
            reply = talker.reply()
            check(reply.code in (501, 535), f"{answer!r}: {reply}")


def test_same_words_for_unknown_user(server):
    """An unknown user and a wrong password get the same answer, late"""
    said = set()
    for login in (("alice", "wrong"), ("nosuchuser", "wrong"),
                  ("nosuchuser", "x"), ("root", "root"),
                  ("alice", PASSWORDS["bob"]), ("alice@elsewhere.example",
                                                PASSWORDS["alice"])):
        with server.connect(server.submission) as talker:
            talker.hello()
            start = time.monotonic()
            reply = talker.expect("535 5.7.8", "AUTH PLAIN " + plain(*login))
            check(time.monotonic() - start > 0.5, f"{login}: no delay")
            said.add(repr(reply))
    equal(len(said), 1, f"different answers {said}")


def test_authorization_identity(server):
    """PLAIN: acting for oneself is fine, for somebody else is not"""
    with server.connect(server.submission) as talker:
        talker.hello()
        talker.send("AUTH PLAIN " + plain("alice", PASSWORDS["alice"], "bob")
                    + "\r\n")
        check(talker.reply().code in (535, 501, 550, 553), "acts for bob")
        talker.expect("235 ", "AUTH PLAIN "
                      + plain("alice", PASSWORDS["alice"], "alice"))
    # The same user by other names, on either side.
    for name, other in (("alice", "alice@example.org"), ("alice", "ALICE"),
                        ("alice@example.net", "Alice@EXAMPLE.org"),
                        ("ALICE", "alice"), ("alice", "alice@localhost")):
        with server.connect(server.submission) as talker:
            talker.hello()
            talker.expect("235 ", "AUTH PLAIN "
                          + plain(name, PASSWORDS["alice"], other))
    for other in ("bob@example.org", "alice@elsewhere.example", "alice+x",
                  "alicea", "alic", "@example.org"):
        with server.connect(server.submission) as talker:
            talker.hello()
            talker.expect("535 ", "AUTH PLAIN "
                          + plain("alice", PASSWORDS["alice"], other))


def test_malformed_plain(server):
    """Malformed PLAIN messages are refused, and no part of them logs in"""
    for raw in (b"\0alice", b"alice\0opensesame", b"\0alice\0opensesame\0",
                b"\0alice\0opensesame\0x", b"\0\0opensesame", b"\0alice\0",
                b"\0alice\0opensesam", b"\0alice\0opensesame ",
                b"\0" + b"a" * 300 + b"\0opensesame",
                b"\0alice\0" + b"p" * 5000, b"\0\0\0", b"\xff\xfe"):
        with server.connect(server.submission) as talker:
            talker.hello()
            talker.send("AUTH PLAIN\r\n")
            talker.expect("334 ")
            talker.send(base64.b64encode(raw) + b"\r\n")
            reply = talker.reply()
            check(reply.code in (501, 535, 500), f"{raw!r:.60}: {reply}")


def test_five_failures(server):
    """The fifth failed login ends the session with 421 4.7.0"""
    with server.connect(server.submission) as talker:
        talker.hello()
        codes = []
        try:
            for _ in range(8):
                talker.send("AUTH PLAIN " + plain("alice", "wrong") + "\r\n")
                codes.append(talker.reply().last[:9])
            talker.closed()
        except Closed:
            pass
        equal([c for c in codes if c != "535 5.7.8"], ["421 4.7.0"],
              f"other replies in {codes}")
        check(4 <= len(codes) - 1 <= 5, f"{len(codes)} replies")
        equal(codes[-1], "421 4.7.0", "the last reply")


def test_cancelled_logins_are_errors(server):
    """Cancelling for ever ends the session too"""
    with server.connect(server.submission) as talker:
        talker.hello()
        ended = False
        try:
            for _ in range(40):
                talker.send("AUTH PLAIN\r\n")
                if talker.reply().code == 421:
                    ended = True
                    break
                talker.send("*\r\n")
                if talker.reply().code == 421:
                    ended = True
                    break
        except Closed:
            ended = True
        check(ended, "forty cancelled logins in one session")


def test_never(server):
    """plaintext-login never: 538 in the clear, and 235 under TLS"""
    server.configure("plaintext-login never")
    talker, _ = server.session("smtpd", "--role", "submission")
    try:
        with talker:
            talker.hello()
            login = "AUTH PLAIN " + plain("alice", PASSWORDS["alice"])
            talker.expect("538 5.7.11", login)
            talker.expect("530 5.7.0", "MAIL FROM:<alice@example.org>")
            talker.expect("220 2.0.0", "STARTTLS")
            talker.start_tls(client_context())
            talker.expect("250 ", "EHLO client.example.net")
            talker.expect("235 2.7.0", login)
    finally:
        server.configure()


def test_passwords_under_tls(server):
    """The submissions port takes every mechanism"""
    for talk in (lambda t: t.login("bob", PASSWORDS["bob"]),
                 lambda t: cram(t, "alice", PASSWORDS["alice"])):
        with server.connect(server.submissions, client_context()) as talker:
            talker.hello()
            equal(talk(talker).code, 235, "code")


def test_smtplib_finds_a_mechanism(server):
    """smtplib's login works for a user without CRAM-MD5, after its failure"""
    with smtplib.SMTP("127.0.0.1", server.submission, timeout=60) as client:
        client.login("bob", PASSWORDS["bob"])


def test_backend_not_there(server):
    """Without a users file AUTH is 454 4.7.0 and PASS is [SYS/TEMP]"""
    away = server.users.with_name("users.away")
    with server.connect(server.submission) as talker, \
            server.connect(server.pop3) as pop:
        talker.hello()
        pop.pop("+OK")
        pop.pop("+OK", "USER alice")
        server.users.rename(away)
        try:
            talker.expect("454 4.7.0", "AUTH PLAIN "
                          + plain("alice", PASSWORDS["alice"]))
            pop.pop("-ERR [SYS/TEMP]", "PASS " + PASSWORDS["alice"])
        finally:
            away.rename(server.users)


def test_new_password_at_once(server):
    """A password changed while the server runs counts for the next login"""
    server.passwd("alice", "another one", "--cram-md5")
    try:
        with server.connect(server.submission) as talker:
            talker.hello()
            talker.expect("535 ", "AUTH PLAIN "
                          + plain("alice", PASSWORDS["alice"]))
            talker.expect("235 ", "AUTH PLAIN "
                          + plain("alice", "another one"))
    finally:
        server.passwd("alice", PASSWORDS["alice"], "--cram-md5")


def test_users_file(server):
    """--passwd keeps the other users and the rights of the file"""
    mode = server.users.stat().st_mode & 0o777
    equal(oct(mode), oct(0o600), "mode")
    text = server.users.read_text()
    for password in PASSWORDS.values():
        check(password not in text, "a password stands in the clear")
    names = [line.split(":")[0] for line in text.splitlines()
             if line and not line.startswith("#")]
    equal(sorted(names), ["alice", "bob"], "users")
    check("{SCRAM-SHA-256}" in text and "{CRAM-MD5}" in text, "credentials")


def crypt(password, setting):
    """crypt(3), which new versions of Python do not offer."""
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    return library.crypt(password.encode(), setting.encode()).decode()


def test_crypt_hash(server):
    """A crypt(3) hash serves as a password as well"""
    hashed = crypt("open sesame", "$6$c2FsdHNhbHQ$")
    check(hashed.startswith("$6$") and len(hashed) > 90, hashed)
    text = server.users.read_text()
    server.users.write_text(text + f"# a comment\ncarol:{hashed}\n")
    try:
        with server.connect(server.pop3) as talker:
            talker.pop_login("carol", "open sesame")
            talker.pop("+OK", "QUIT")
        with server.connect(server.pop3) as talker:
            talker.pop("+OK")
            talker.pop("+OK", "USER carol")
            talker.pop("-ERR [AUTH]", "PASS open sesam")
    finally:
        server.users.write_text(text)


def test_pop3_three_failures(server):
    """POP3: the same answer for unknown users; the third failure closes"""
    said = []
    with server.connect(server.pop3) as talker:
        talker.pop("+OK")
        for user in ("alice", "nosuchuser", "alice"):
            talker.pop("+OK", "USER " + user)
            talker.send("PASS wrong\r\n")
            said.append(talker.pop("-ERR"))
        talker.closed()
    check(all(s.startswith("-ERR [AUTH]") for s in said[:2]), str(said))
    equal(said[0], said[1], "answers")


def test_no_password_in_the_logs(server):
    """No password and no credential reaches a log"""
    text = "".join(log.read_text(errors="replace")
                   for log in server.dir.glob("*.log"))
    for user, password in PASSWORDS.items():
        for form in (password, b64(password), plain(user, password)):
            check(form not in text, f"the log holds {form!r}")


def test_failed_logins_are_logged(server):
    """A failed login is logged with the user and the address"""
    def lines():
        return [x for x in server.smtpd.text().splitlines()
                if "alice" in x and "127.0.0.1" in x]
    wait_for(lines, "a line about alice")


def test_idle_timeout(server):
    """An idle session ends with 421 4.4.2"""
    if not LONG:
        raise Skip("takes five minutes; set RESTANTE_LONG=1")
    with server.connect(server.smtp, timeout=400) as talker:
        talker.hello()
        talker.expect("421 4.4.2")
        talker.closed()


if __name__ == "__main__":
    with Instance() as fixture:
        tap.run(globals(), fixture)
    tap.finish()
