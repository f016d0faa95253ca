# SPDX-License-Identifier: ISC
"""smtpd --setup with an address at a provider: what a provider wants is asked
for, the login is tried before anything is written, and the first mail leaves
as the provider demands it.

The provider here is as strict as QQ: TLS, an authorization code in place of
the password, and no sender but the owner of the account.
"""
import contextlib
import os
import re
import stat
import subprocess

from lib.fakemx import DROP, FakeMx
from lib.scratch import Scratch, make_certificate
from lib.tap import Tap, check, equal
from lib.terminal import on_terminal
from lib.wait import wait_for

tap = Tap()
ADDRESS, CODE = "12345@qq.com", "abcdefghijklmnop"
ONLY_OWN = "501 mail from address must be same as authorization user"


def own_sender(session, argument):
    """None, as usual, for the sender that has logged in."""
    own = argument.upper().startswith(f"FROM:<{session.user}>".upper())
    return None if own else ONLY_OWN


@contextlib.contextmanager
def provider(script=None, users=None, wrapped=True):
    """A Scratch, the path of its configuration, and a provider: (scratch,
    conf, hop, url)."""
    with Scratch(tls=False) as scratch:
        folder = scratch.dir / "new"
        folder.mkdir()
        pem = scratch.dir / "hop.pem"
        make_certificate(pem, "localhost")
        trust = scratch.dir / "trust.pem"
        text = pem.read_text()
        trust.write_text(text[text.index("-----BEGIN CERT"):])
        conf = folder / "restante.conf"
        conf.write_text(f"hostname mail.example.org\ntls-trust {trust}\n"
                        "resolver 127.0.0.1:1\n"
                        "relay-password other.example file:/dev/null\n"
                        "masquerade me@other.example you@other.example\n")
        scratch.program("pop3d")
        scratch.own()
        with FakeMx({"mail": own_sender, **(script or {})}, pem=pem,
                    users=users or {ADDRESS: CODE}, wrapped=wrapped,
                    mechanisms=("LOGIN", "PLAIN")) as hop:
            yield scratch, conf, hop, \
                f"smtps://12345%40qq.com@localhost:{hop.port}"


def setup(scratch, conf, *words):
    """smtpd --setup to its end; (status, what it said)."""
    done = subprocess.run(
        [scratch.program("smtpd"), "-c", str(conf), "--setup", *words],
        capture_output=True, text=True, check=False, timeout=120, cwd="/",
        input="", env=scratch.environment(), **scratch.as_user())
    return done.returncode, done.stdout + done.stderr


def hand(scratch, path, mode):
    """Gives a file to the user of the programs."""
    path.chmod(mode)
    if scratch.user:
        os.chown(path, scratch.user.pw_uid, scratch.user.pw_gid)


def secret(scratch, text=CODE):
    """A file with a password."""
    path = scratch.dir / "code"
    path.write_text(text + "\n")
    hand(scratch, path, 0o600)
    return str(path)


def files(folder):
    """What is in a folder, and what it says."""
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


def test_first_mail():
    """A code from a file: tried, kept for the owner alone, and the first mail
    reaches the provider from the address that it wants"""
    with provider() as (scratch, conf, hop, url):
        status, said = setup(scratch, conf, "--relay", url, "--relay-password",
                             secret(scratch), ADDRESS)
        equal(status, 0, said)
        check(f"ok: localhost takes the login of {ADDRESS}" in said, said)
        check("has left by its provider" in said, said)
        check(CODE not in said, "the code is shown")
        kept = conf.parent / "relay-password"
        equal(kept.read_text(), CODE + "\n", "kept")
        equal(stat.S_IMODE(kept.stat().st_mode), 0o600, "mode")
        equal([(m.sender, m.rcpts, m.user) for m in hop.messages],
              [(ADDRESS, [ADDRESS], ADDRESS)], "messages")
        check(b"\r\nAuto-Submitted: auto-generated\r\n"
              in hop.messages[0].body, "a program's mail")
        equal(hop.complaints, [], "complaints")
        text = conf.read_text()
        check(f"relay-password  localhost file:{kept}\n" in text, text)
        check("masquerade      @mail.example.org 12345@qq.com\n" in text, text)
        check("relay-from      localhost 12345@qq.com header\n" in text, text)
        # What others need stays.
        check("relay-password other.example file:/dev/null\n" in text, text)
        check("masquerade me@other.example you@other.example\n" in text, text)
        before = files(conf.parent)
        status, said = setup(scratch, conf, ADDRESS)
        equal((status, "Nothing has to be changed." in said), (0, True), said)
        equal(files(conf.parent), before, "the second time")


def test_root():
    """Mail for root, which an alias sends on to the provider, has the one
    sender that the provider takes"""
    with provider() as (scratch, conf, hop, url):
        status, said = setup(scratch, conf, "--relay", url, "--relay-password",
                             secret(scratch), ADDRESS)
        equal(status, 0, said)
        for words, text in ((["-i", "root"], "Subject: a report\n\nx\n"),
                            (["-q"], "")):
            done = subprocess.run(
                [scratch.program("smtpd"), "-c", str(conf), *words],
                capture_output=True, text=True, check=False, timeout=120,
                cwd="/", input=text, env=scratch.environment(),
                **scratch.as_user())
            equal(done.returncode, 0, done.stderr)
        # Another run, which the command has started, may have it.
        wait_for(lambda: len(hop.messages) > 1, "the second message")
        equal([(m.sender, m.rcpts) for m in hop.messages],
              [(ADDRESS, [ADDRESS])] * 2, "messages")
        check(b"Subject: a report" in hop.messages[1].body, "what came")


def test_own_domain():
    """Mail of a domain of one's own by an account that sends as itself alone"""
    with provider() as (scratch, conf, hop, url):
        status, said = setup(scratch, conf, "--yes", "--relay", url,
                             "--relay-password", secret(scratch),
                             "alice@example.org")
        equal(status, 0, said)
        check(f"takes the login of {ADDRESS}, but mail from no other address"
              in said, said)
        text = conf.read_text()
        check(f"relay-from      localhost {ADDRESS} header\n" in text, text)
        check("alice@example.org was sent, and collected by POP3" in said,
              said)
        for words, mail in ((["-i", "-f", "alice@example.org", "x@far.test"],
                             "From: Alice <alice@example.org>\n"
                             "Subject: hello\n\nx\n"), (["-q"], "")):
            subprocess.run(
                [scratch.program("smtpd"), "-c", str(conf), *words],
                check=True, timeout=120, cwd="/", input=mail.encode(),
                capture_output=True, env=scratch.environment(),
                **scratch.as_user())
        wait_for(lambda: hop.messages, "the message")
        equal((hop.messages[0].sender, hop.messages[0].rcpts),
              (ADDRESS, ["x@far.test"]), "envelope")
        head = hop.messages[0].body.partition(b"\r\n\r\n")[0]
        check(re.search(rb"(?m)^From: .*<12345@qq\.com>", head)
              and re.search(rb"(?m)^Reply-To: .*<alice@example\.org>", head),
              str(head))
    nobody = {"mail": lambda *_: ONLY_OWN}
    with provider(nobody) as (scratch, conf, hop, url):
        before = files(conf.parent)
        status, said = setup(scratch, conf, "--yes", "--relay", url,
                             "--relay-password", secret(scratch),
                             "alice@example.org")
        equal(status, 77, said)
        check("does not take mail from alice@example.org" in said, said)
        equal(files(conf.parent), before, "files")


def test_refused():
    """A password that is refused: a finding that says what to get, and nothing
    is written"""
    with provider() as (scratch, conf, hop, url):
        before = files(conf.parent)
        status, said = setup(scratch, conf, "--relay", url, "--relay-password",
                             secret(scratch, "the password"), ADDRESS)
        equal(status, os.EX_NOPERM, said)
        check(f"localhost refuses the login of {ADDRESS}" in said, said)
        check("535" in said, said)
        check("authorization code (\u6388\u6743\u7801)" in said, said)
        check("mail.qq.com, \u8bbe\u7f6e" in said, said)
        equal(files(conf.parent), before, "files")
        equal(hop.messages, [], "messages")
        equal(sorted(p.name for p in conf.parent.iterdir()),
              ["restante.conf"], "folder")


OTHERS = (
    # A script, words of the command, the status, what it says.
    ({}, {"users": {"me": CODE}}, "smtps://me@localhost:PORT", os.EX_NOPERM,
     "does not take mail from"),
    ({"greeting": DROP}, {}, None, os.EX_TEMPFAIL, "cannot be tried"),
    ({"ehlo": "250 fake.test"}, {}, None, os.EX_TEMPFAIL, "offer AUTH"),
    ({"ehlo": "250 fake.test"}, {"wrapped": False},
     "smtp://12345%40qq.com@localhost:PORT", os.EX_TEMPFAIL, "STARTTLS"),
    ({}, {}, "smtps://12345%40qq.com@127.0.0.1:PORT", os.EX_TEMPFAIL,
     "certificate"),
    ({}, {}, "smtps://12345%40qq.com:word@localhost:PORT", os.EX_USAGE,
     "leave the password out"),
    ({}, {}, "smtps://12345%40qq.com@localhost:x", os.EX_DATAERR, "is no URL"))


def test_others():
    """Whatever else a provider has against it is said, and nothing is
    written"""
    for script, settings, other, wanted, text in OTHERS:
        with provider(script, **settings) as (scratch, conf, hop, url):
            before = files(conf.parent)
            status, said = setup(
                scratch, conf, "--relay", (other or url).replace(
                    "PORT", str(hop.port)), "--relay-password",
                secret(scratch), ADDRESS)
            equal(status, wanted, f"{text}: {said}")
            check(text in said, f"{text}: {said}")
            equal(files(conf.parent), before, f"{text}: files")


def test_root_elsewhere():
    """What the aliases say of root stays, and is told; each new line of the
    configuration is shown whole"""
    with provider() as (scratch, conf, _hop, url):
        aliases = conf.parent / "aliases"
        conf.write_text(conf.read_text() + f"aliases {aliases}\n")
        for line, told in (("root: carol\n", True),
                           (f"root:\t{ADDRESS}\n", False)):
            aliases.write_text(line)
            scratch.own()
            status, said = setup(scratch, conf, "--relay", url, "--dry-run",
                                 "--relay-password", secret(scratch), ADDRESS)
            equal(status, 0, said)
            equal("mail for root goes to carol, not to " + ADDRESS in said,
                  told, said)
            equal("stays as it is" in said, told, said)
            check("\n        masquerade @mail.example.org 12345@qq.com\n"
                  in said, said)


def test_asked():
    """A person is asked for the code, sees no echo, and may try again"""
    with provider() as (scratch, conf, hop, url):
        said, status = on_terminal(
            [scratch.program("smtpd"), "-c", str(conf), "--setup", "--relay",
             url, ADDRESS],
            [("not shown", "not this\n"), ("not shown", CODE + "\n"),
             ("Go on?", "y\n")],
            env=scratch.environment(), cwd="/", **scratch.as_user())
        text = said.decode()
        equal(status, 0, text)
        check("not this" not in text and CODE not in text, text)
        check("refuses the login" in text, text)
        check("It takes an authorization code" in text, text)
        equal([good for _, _, good in hop.logins if good][:1], [True], "login")
        equal(len(hop.messages), 1, "messages")


def test_later():
    """Without a password all but that is done, and a later run does the
    rest"""
    with provider() as (scratch, conf, hop, url):
        status, said = setup(scratch, conf, "--relay", url, ADDRESS)
        equal(status, 1, said)
        check("--relay-password FILE" in said, said)
        equal(hop.messages, [], "messages")
        status, said = setup(scratch, conf, "--relay-password",
                             secret(scratch), ADDRESS)
        equal(status, 0, said)
        equal(len(hop.messages), 1, "messages")


def test_token():
    """An address whose provider takes tokens alone: a program gets them"""
    with provider() as (scratch, conf, hop, url):
        status, said = setup(scratch, conf, "me@outlook.com")
        equal(status, os.EX_UNAVAILABLE, said)
        check("takes no passwords" in said and "token:PATH" in said, said)
        program = scratch.dir / "token"
        program.write_text("#!/bin/sh\necho t0ken\n")
        hand(scratch, program, 0o700)
        hop.users["me@outlook.com"] = "t0ken"
        hop.mechanisms = ("XOAUTH2",)
        hop.script.pop("mail")
        status, said = setup(
            scratch, conf, "--relay", url.replace("12345%40qq.com",
                                                  "me%40outlook.com"),
            "--relay-password", f"token:{program}", "me@outlook.com")
        equal(status, 0, said)
        check(f"relay-password  localhost token:{program}\n"
              in conf.read_text(), conf.read_text())
        check("relay-from      localhost me@outlook.com header\n"
              in conf.read_text(), conf.read_text())
        equal([m.user for m in hop.messages], ["me@outlook.com"], "messages")


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
