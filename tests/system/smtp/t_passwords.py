# SPDX-License-Identifier: ISC
"""Several passwords for a user: each opens what it is for, until its day, and
nothing of anybody else's; and what smtpd --passwd does to the users file."""
import base64
import fcntl
import hashlib
import hmac
import os
import re

from lib.logins import kept, pop3, scram, smtp
from lib.player import PASSWORDS
from lib.scratch import Instance
from lib.talk import b64
from lib.tap import Tap, check, equal
from lib.terminal import on_terminal
from lib.wait import wait_for

tap = Tap()
MAIN = PASSWORDS["alice"]


def opens(server, password, in_smtp, in_pop3, user="alice"):
    """Whether a password opens the two servers, and by SCRAM."""
    for name, answer, want in (
            ("SMTP", smtp(server, user, password), in_smtp),
            ("SCRAM", scram(server, user, password), in_smtp),
            ("POP3", pop3(server, user, password), in_pop3)):
        good = answer.startswith(("235 2.7.0", "+OK"))
        check(good or answer.startswith(("535 5.7.8", "-ERR [AUTH]")),
              f"{name}: {answer}")
        equal(good, want, f"{name}, {password}")


@kept
def test_labels(server):
    """A second password opens both servers; the first one, too; no other"""
    server.passwd("alice", "of the phone", "--label", "phone")
    opens(server, "of the phone", True, True)
    opens(server, MAIN, True, True)
    opens(server, "of the phon", False, False)
    opens(server, "of the phone", False, False, "bob")
    wait_for(lambda: 'user: alice has used the password "phone"'
             in server.smtpd.text(), "its label in smtpd's log")
    wait_for(lambda: 'user: alice has used the password "phone"'
             in server.pop3d.text(), "its label in pop3d's log")


@kept
def test_protocol(server):
    """A password for one protocol does not open the other"""
    server.passwd("alice", "collects it", "--label", "c", "--for", "pop3")
    server.passwd("alice", "sends it only", "--label", "s", "--for", "smtp")
    opens(server, "collects it", False, True)
    opens(server, "sends it only", True, False)
    wait_for(lambda: 'the password "c" of alice is not for SMTP'
             in server.smtpd.text(), "the reason in smtpd's log")
    wait_for(lambda: 'the password "s" of alice is not for POP3'
             in server.pop3d.text(), "the reason in pop3d's log")


@kept
def test_expiry(server):
    """A password counts until its day has ended, and the log says so"""
    server.passwd("alice", "good still", "--label", "new",
                  "--until", "2199-12-31")
    server.passwd("alice", "gone by then", "--label", "old", "--until",
                  "2001-01-01")
    opens(server, "good still", True, True)
    opens(server, "gone by then", False, False)
    wait_for(lambda: 'the password "old" of alice has expired'
             in server.smtpd.text(), "the reason in smtpd's log")
    server.passwd("alice", MAIN, "--until", "2001-01-01")
    opens(server, MAIN, False, False)
    opens(server, "good still", True, True)


@kept
def test_unreadable_terms(server):
    """A line whose terms cannot be read opens nothing; others still do"""
    server.passwd("alice", "of the phone", "--label", "phone")
    text = server.users.read_text()
    for terms in ("for=imap", "until=tomorrow", "x" * 300, "for=pop3 x"):
        server.users.write_text(re.sub(
            r"(?m)^(alice/phone:.*)$", r"\1::" + terms, text))
        opens(server, "of the phone", False, False)
        opens(server, MAIN, True, True)
        done = server.call("smtpd", "--check")
        check("nobody logs in by that line" in done.stdout,
              f"--check: {done.stdout}")
    server.users.write_text(text)
    opens(server, "of the phone", True, True)


@kept
def test_old_files(server):
    """What stood after the owner counts for nothing good"""
    text = server.users.read_text()
    server.users.write_text(text.replace("\nbob:", "\nbob/x:", 1))
    check(smtp(server, "bob", PASSWORDS["bob"]).startswith("535 "),
          "a label alone makes a user")
    check("bob/x has no line for bob" in server.call(
        "smtpd", "--check").stdout, "--check does not say so")
    with server.connect(server.smtp) as talker:
        talker.hello()
        talker.expect("250 ", "MAIL FROM:<a@example.com>")
        talker.expect("550 5.1.1", "RCPT TO:<bob@example.org>")
        talker.expect("550 5.1.1", "RCPT TO:<phone@example.org>")
        talker.expect("250 ", "RCPT TO:<alice@example.org>")


@kept
def test_cram_md5(server):
    """CRAM-MD5 tries all credentials that it can"""
    server.passwd("alice", "of the fax", "--label", "fax", "--cram-md5",
                  "--for", "smtp")
    server.passwd("alice", "of the telex", "--label", "telex", "--cram-md5",
                  "--for", "pop3")
    for password, want in ((MAIN, 235), ("of the fax", 235), ("fax", 535),
                           ("of the telex", 535)):
        with server.connect(server.submission) as talker:
            talker.hello()
            reply = talker.expect("334 ", "AUTH CRAM-MD5")
            digest = hmac.new(password.encode(),
                              base64.b64decode(reply.last[4:]), hashlib.md5)
            talker.send(b64("alice " + digest.hexdigest()) + "\r\n")
            equal(talker.reply().code, want, password)


@kept
def test_generate(server):
    """--generate makes a password, prints it once, and it opens"""
    seen = set()
    for label in ("one", "two"):
        done = server.call("smtpd", "--passwd", "bob", "--label", label,
                           "--generate")
        equal((done.returncode, done.stderr), (0, ""), "result")
        check(re.fullmatch(r"([a-z2-9]{4}-){4}[a-z2-9]{4}\n", done.stdout),
              f"printed: {done.stdout!r}")
        password = done.stdout.strip()
        check(password not in server.users.read_text(), "in the file")
        opens(server, password, True, True, "bob")
        seen.add(password)
    equal(len(seen), 2, "different passwords")
    opens(server, PASSWORDS["bob"], True, True, "bob")


@kept
def test_remove(server):
    """--remove takes away one password, or a user with all of them"""
    server.passwd("alice", "of the phone", "--label", "phone")
    server.passwd("alice", "of the tablet", "--label", "tablet")
    done = server.call("smtpd", "--passwd", "alice", "--label", "Phone",
                       "--remove")
    equal(done.returncode, 0, done.stderr)
    opens(server, "of the phone", False, False)
    opens(server, "of the tablet", True, True)
    done = server.call("smtpd", "--passwd", "alice", "--label", "phone",
                       "--remove")
    equal(done.returncode, 67, "once more")
    check("no line for alice/phone" in done.stderr, done.stderr)
    done = server.call("smtpd", "--passwd", "alice", "--remove")
    equal(done.returncode, 0, done.stderr)
    check("alice" not in server.users.read_text(), "something is left")
    check("bob:" in server.users.read_text(), "bob is gone, too")


@kept
def test_change(server):
    """A changed password leaves its neighbours, the owner and the order"""
    server.users.write_text("# ours\n" + server.users.read_text().replace(
        "\nbob:", "\n# bob's\nbob:", 1).rstrip("\n") + ":vmail\n")
    before = server.users.read_text().splitlines()
    server.passwd("bob", "of the phone", "--label", "phone")
    server.passwd("bob", "a newer one")
    after = server.users.read_text().splitlines()
    equal(len(after), len(before) + 1, "lines")
    for old, new in zip(before, after):
        if old.startswith("bob:"):
            check(old != new and new.startswith("bob:{SCRAM-SHA-256}")
                  and new.endswith(":vmail"), new)
        else:
            equal(new, old, "another line")
    check(after[-1].startswith("bob/phone:{SCRAM"), after[-1])
    opens(server, "a newer one", True, True, "bob")
    opens(server, "of the phone", True, True, "bob")
    opens(server, PASSWORDS["bob"], False, False, "bob")


@kept
def test_link(server):
    """The file behind a link is changed, with its mode; the link stays, and a
    link to nothing is no place for a first user"""
    real = server.dir / "elsewhere" / "users"
    real.parent.mkdir()
    server.users.rename(real)
    server.users.symlink_to("elsewhere/users")
    real.chmod(0o644)
    server.own()
    try:
        server.passwd("bob", "a newer one")
        check(server.users.is_symlink(), "the link was replaced")
        equal(oct(real.stat().st_mode & 0o777), "0o644", "its mode")
        opens(server, "a newer one", True, True, "bob")
        server.users.unlink()
        server.users.symlink_to("elsewhere/missing")
        done = server.call("smtpd", "--passwd", "carol", "--generate")
        check(done.returncode == 73 and "it is a link" in done.stderr,
              f"{done.returncode}: {done.stderr}")
    finally:
        server.users.unlink()
        real.rename(server.users)
        real.parent.rmdir()


@kept
def test_odd_lines(server):
    """Lines that are none of ours stay, octet for octet"""
    odd = b"# " + b"x" * 9000 + b"\nnul:\0:x\nwindows:*:vmail\r\n# no end"
    server.users.write_bytes(server.users.read_bytes() + odd)
    server.passwd("bob", "a newer one")
    check(server.users.read_bytes().endswith(b"\n" + odd + b"\n"),
          "something has changed")


@kept
def test_lock_on_the_folder(server):
    """A lock that anybody can have keeps nobody from a change"""
    fd = os.open(server.dir, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        server.passwd("bob", "a newer one")
    finally:
        os.close(fd)


@kept
def test_credential(server):
    """--credential stores what it is given, if it is one"""
    line = [x for x in server.users.read_text().splitlines()
            if x.startswith("alice:")][0].partition(":")[2].split()[0]
    done = server.call("smtpd", "--passwd", "bob", "--label", "moved",
                       "--for", "smtp", "--credential", line)
    equal(done.returncode, 0, done.stderr)
    check(smtp(server, "bob", MAIN).startswith("235 "), "SMTP")
    check(pop3(server, "bob", MAIN).startswith("-ERR [AUTH]"), "POP3")
    before = server.users.read_bytes()
    for text in ("", "secret", "{OAUTH}:root", line + "\nroot:x", "!", "*"):
        done = server.call("smtpd", "--passwd", "bob", "--label", "x",
                           "--credential", text)
        equal(done.returncode, 64, repr(text))
    equal(server.users.read_bytes(), before, "the file")


@kept
def test_weak(server):
    """What guessers try first is refused, and what to do instead is said"""
    text = server.conf.read_text()
    server.configure(text + "password-minimum 10\n")
    before = server.users.read_bytes()
    for password in ("velvet-7", "aaaaaaaaaaaa", "1234567890123",
                     "Password2026", "bob-bob-bob", "example.org"):
        done = server.call("smtpd", "--passwd", "bob", stdin=password + "\n")
        equal(done.returncode, 65, f"{password}: {done.stderr}")
        check("--passwd bob --generate" in done.stderr
              and password not in done.stderr, done.stderr)
        equal(server.users.read_bytes(), before, f"the file, {password}")
    check(smtp(server, "bob", PASSWORDS["bob"]).startswith("235 "), "it holds")
    server.configure(text + "password-minimum 4\n")
    server.passwd("bob", "k7wq")
    server.configure(text)
    opens(server, "k7wq", True, True, "bob")


@kept
def test_weak_at_a_terminal(server):
    """A person has to choose a better one, also without the key"""
    before = server.users.read_bytes()
    said, status = on_terminal(
        server.command("smtpd", "--passwd", "bob"),
        (("New password: ", "pw-bob\n"), ("Once more: ", "pw-bob\n")),
        env=server.environment(), **server.as_user())
    equal(status, 65, said)
    check(b"too short: choose another one" in said, said)
    equal(server.users.read_bytes(), before, "the file")


@kept
def test_weak_of_a_program(server):
    """Without the key a program's password is taken, with a warning"""
    done = server.call("smtpd", "--passwd", "bob", stdin="pw-bob\n")
    equal(done.returncode, 0, done.stderr)
    check("too short, and is taken" in done.stderr
          and "pw-bob" not in done.stderr, done.stderr)
    opens(server, "pw-bob", True, True, "bob")


@kept
def test_list(server):
    """--users shows who logs in by what, and no credential"""
    server.passwd("alice", "not shown here", "--label", "phone", "--for", "pop3",
                  "--until", "2199-12-31", "--scram-sha-1")
    done = server.call("smtpd", "--users")
    equal(done.returncode, 0, done.stderr)
    equal(done.stdout.splitlines(), [
        "alice\t-\t-\tSCRAM-SHA-256,CRAM-MD5", "bob\t-\t-\tSCRAM-SHA-256",
        "alice\tphone\tfor=pop3 until=2199-12-31\tSCRAM-SHA-256,SCRAM-SHA-1"],
        "list")
    server.users.write_text("carol:$6$x$y\ndave:\neve:!:vmail\n")
    equal(server.call("smtpd", "--users").stdout.splitlines(), [
        "carol\t-\t-\tcrypt", "dave\t-\t-\tnone", "eve\t-\t-\tnone"], "list")


@kept
def test_list_on_terminal(server):
    """A person sees columns below a header, which a script does not get"""
    said, status = on_terminal(server.command("smtpd", "--users"),
                               **server.as_user())
    equal(status, 0, said)
    lines = said.decode().splitlines()
    equal(lines[0].split(), ["USER", "LABEL", "TERMS", "CREDENTIALS"],
          "header")
    equal(lines[1].index("SCRAM"), lines[0].index("CREDENTIALS"), "columns")
    check("\t" not in said.decode(), "tabs")


@kept
def test_errors(server):
    """What cannot be is refused, and the file stays as it was"""
    before = server.users.read_bytes()
    for status, words in (
            (67, ["--passwd", "carol", "--label", "x"]),
            (67, ["--passwd", "carol", "--remove"]),
            (64, ["--passwd", "alice", "--label", "a/b"]),
            (64, ["--passwd", "alice", "--label", ""]),
            (64, ["--passwd", "alice", "--label"]),
            (64, ["--passwd", "alice", "--label", "x" * 33]),
            (64, ["--passwd", "alice", "--for", "imap"]),
            (64, ["--passwd", "alice", "--until", "2031-02-29"]),
            (64, ["--passwd", "alice", "--until", "soon"]),
            (64, ["--label", "x"]), (64, ["--generate"])):
        done = server.call("smtpd", *words, stdin="kiln apron velvet\n")
        equal(done.returncode, status, f"{words}: {done.stderr}")
        check(done.stderr.startswith("smtpd"), repr(done.stderr))
        equal(server.users.read_bytes(), before, f"the file after {words}")


@kept
def test_most(server):
    """There is a bound to the passwords of a user, and it is said"""
    line = [x for x in server.users.read_text().splitlines()
            if x.startswith("bob:")][0].partition(":")[2]
    with server.users.open("a") as f:
        for number in range(31):
            f.write(f"bob/{number}:{line}\n")
    done = server.call("smtpd", "--passwd", "bob", "--label", "one-more",
                       "--generate")
    check(done.returncode != 0 and "remove one first" in done.stderr,
          f"{done.returncode} {done.stderr}")
    server.passwd("bob", "another one", "--label", "7")
    opens(server, "another one", True, True, "bob")


def test_nothing_in_the_logs(server):
    """No password reaches a log, whatever its label"""
    text = server.smtpd.text() + server.pop3d.text()
    for word in ("of the", "collects it", "sends it only", "gone by then",
                 MAIN, "{SCRAM"):
        check(word not in text.replace("of the password", ""),
              f"the log holds {word!r}")


if __name__ == "__main__":
    with Instance() as fixture:
        tap.run(globals(), fixture)
    tap.finish()
