# SPDX-License-Identifier: ISC
"""Who may send as whom: sender-check and sender.

A server that checks too little lets each user write in the name of all others;
one that checks too much keeps people from sending as what they are.
"""
from lib import mbox
from lib.player import PASSWORDS
from lib.scratch import Scratch
from lib.tap import Tap, check, equal

tap = Tap()
ALIASES = """\
info: alice, bob
loop: pool
pool: loop
deep: info
out: someone@far.example
pipe: |/bin/cat
bob: alice
sales@example.net: alice@example.org
@virtual.example: alice
postmaster: bob
"""
CONFIG = "virtual-domains virtual.example\nsender alice Boss@Far.example " \
         "@club.example\nsender bob wide@example.org\n"
# Of everybody: off, domain, login say yes (1) or no.
SENDERS = {
    "alice@example.org": "111", "ALICE@Example.NET": "111",
    "alice+list@example.org": "111", "alice": "111", "": "111",
    "alice@mail.example.org": "111",
    "info@example.org": "111", "deep@example.net": "111",
    "sales@example.net": "111", "sales@example.org": "100",
    "any@virtual.example": "111",
    "bob@example.org": "100", "bob+x@example.org": "100", "bob": "100",
    "postmaster@example.org": "100", "loop@example.org": "100",
    "out@example.org": "100", "pipe@example.org": "100",
    "nobody.else@example.org": "100", "wide@example.org": "100",
    "a%b@example.org": "100", '"alice@example.org"@example.net': "100",
    "alice@far.example": "110", "x@[192.0.2.1]": "110",
    "boss@far.example": "111", "x@CLUB.example": "111",
    "x@not-club.example": "110",
}


def login(scratch, role="submission"):
    """A session of alice's."""
    talker, _ = scratch.session("smtpd", "--role", role)
    talker.hello()
    talker.login("alice", PASSWORDS["alice"])
    return talker


def test_envelope(scratch):
    """The sender of the envelope: off, domain and login"""
    for number, check_word in enumerate(("off", "domain", "login")):
        scratch.configure(f"{CONFIG}sender-check {check_word}")
        for role in ("submission", "mx"):
            with login(scratch, role) as talker:
                for at, (sender, said) in enumerate(SENDERS.items()):
                    if at % 12 == 11:   # errors end a session
                        talker.close()
                        talker = login(scratch, role)
                    code = "250 2.1.0" if said[number] == "1" else "553 5.7.1"
                    talker.expect(code, f"MAIL FROM:<{sender}>")
                    talker.expect("250", "RSET")


def test_default(scratch):
    """Unless it is asked for nothing is checked"""
    scratch.configure(CONFIG)
    with login(scratch) as talker:
        talker.expect("250", "MAIL FROM:<bob@example.org>")


def test_strangers(scratch):
    """It is about users: others on port 25 may say what they like"""
    scratch.configure(f"{CONFIG}sender-check login header")
    with scratch.session("smtpd")[0] as talker:
        talker.hello()
        talker.submit("bob@example.org", ["alice@example.org"],
                      "From: bob@example.org\r\n\r\n")


def test_other_user(scratch):
    """The same addresses, asked by bob"""
    scratch.configure(f"{CONFIG}sender-check login")
    talker, _ = scratch.session("smtpd", "--role", "submission")
    with talker:
        talker.hello()
        talker.login("bob", PASSWORDS["bob"])
        for sender, code in (("bob@example.org", "250"), ("info", "250"),
                             ("alice@example.org", "553 5.7.1"),
                             ("boss@far.example", "553 5.7.1"),
                             ("wide@example.org", "250"),
                             ("postmaster@example.org", "250")):
            talker.expect(code, f"MAIL FROM:<{sender}>")
            talker.expect("250", "RSET")


def test_header(scratch):
    """From of the message, if that is wanted"""
    good = ("From: alice@example.org", "From: Alice <info@example.org>",
            "From: alice", "From: bob@example.org (not yet)\r\nFrom :alice",
            "X-From: bob@example.org", "Subject: x\r\n\r\nFrom: bob",
            "no field\r\nFrom: bob", "X: y\r\nno field\r\n\r\nFrom: bob")
    bad = ("From: bob@example.org",
           "X: y\r\nfrom : \"alice@example.org\" <bob>",
           "From: alice@example.org, bob@example.org", "From:\r\n bob",
           "From: alice\r\nFrom: bob@example.org", "From: alice@example.org>x",
           "DKIM-Signature: v=1\r\nFrom: bob@example.org",
           "X: y\r\nno field\r\nFrom: bob@example.org",
           "From: alice\r\nno field\r\n  at all\r\nFrom: bob@example.org",
           "X: " + "x" * 300000 + "\r\nFrom: bob",
           ("X: " + "x" * 60 + "\r\n") * 20000 + "From: alice")
    for word, texts, reply in (
            ("", good + bad, "250"), (" header", good[:3] + good[4:], "250"),
            (" header", bad + good[3:4], "550 5.7.1")):
        scratch.configure(f"{CONFIG}sender-check login{word}")
        with login(scratch) as talker:
            for text in texts:
                talker.expect("250", "MAIL FROM:<alice@example.org>")
                talker.expect("250", "RCPT TO:<bob@example.org>")
                talker.expect("354", "DATA")
                talker.send(text + "\r\n\r\nx\r\n.\r\n")
                got = talker.reply()
                check(got.startswith(reply), f"{word} {text[:80]!r}: {got!r}")
    check("rejected: From names" in scratch.notes(), "it is logged")


def test_logged(scratch):
    """A refusal is logged with the login"""
    scratch.configure(f"{CONFIG}sender-check login")
    with login(scratch) as talker:
        talker.expect("553", "MAIL FROM:<bob@example.org>")
        talker.expect("221", "QUIT")
    (line,) = [line for line in scratch.notes().splitlines()
               if "reject: MAIL from" in line][-1:]
    check("553 5.7.1" in line and "Not an address of alice" in line
          and "from=<bob@example.org>" in line, line)


def test_no_other(scratch):
    """Nothing reached the mailbox of the other user"""
    equal(mbox.read(scratch.mailbox("nobody.else")), [], "no more")


if __name__ == "__main__":
    with Scratch(CONFIG, tls=False) as fixture:
        (fixture.dir / "aliases").write_text(ALIASES)
        fixture.own()
        tap.run(globals(), fixture)
    tap.finish()
