# SPDX-License-Identifier: ISC
"""smtpd --setup in a folder of its own: what it writes, that it shows it
before, and that it is done once."""
import contextlib
import os
import re
import stat
import subprocess
from pathlib import Path

from lib.scratch import Scratch, make_certificate, tool
from lib.tap import Skip, Tap, check, equal
from lib.terminal import on_terminal

tap = Tap()
ADDRESS = "alice@example.org"


@contextlib.contextmanager
def folder():
    """A Scratch, and a path in it where nothing is yet."""
    with Scratch(tls=False) as scratch:
        scratch.program("pop3d")    # which lies beside smtpd, as installed
        yield scratch, scratch.dir / "new" / "restante.conf"


def setup(scratch, conf, *words, env=None, **settings):
    """smtpd --setup to its end."""
    return subprocess.run(
        [scratch.program("smtpd"), "-c", str(conf), "--setup", *words],
        capture_output=True, text=True, check=False, timeout=120, cwd="/",
        input="", env=dict(scratch.environment(), **(env or {})),
        **scratch.as_user(), **settings)


def snapshot(path):
    """All files below a path, with what is in them; but not the counts, which
    processes of the trial mail may write when they end."""
    return {str(p.relative_to(path)): p.read_bytes()
            for p in Path(path).rglob("*") if p.is_file()
            and p.name != "stats"}


def test_first():
    """one command: a user, a certificate, a configuration, and a mail that is
    sent and collected"""
    with folder() as (scratch, conf):
        done = setup(scratch, conf, "--yes", ADDRESS)
        said = done.stdout + done.stderr
        equal(done.returncode, 0, said)
        check(f"ok: a mail to {ADDRESS} was sent, and collected by POP3"
              in said, said)
        equal(conf.read_text().split(), ["hostname", "mail.example.org",
                                         "domains", "example.org"], "conf")
        for name in ("users", "tls.pem"):
            mode = stat.S_IMODE((conf.parent / name).stat().st_mode)
            equal(mode, 0o600, name)
        password = re.search(r"Password of alice: (\S+)", said).group(1)
        check(password not in (conf.parent / "users").read_text(), "plain")
        check("root: alice" in (conf.parent / "aliases").read_text(), "root")
        check(f"smtpd -c {conf} --passwd alice changes it" in said, said)
        check(f"smtpd -c {conf} --dns, " in said, said)
        check("-l 127.0.0.1:2465/tls=submission " in said, said)
        check(not (conf.parent / "mail/alice").read_bytes(), "mail is left")
        keys = list((conf.parent / "state/dkim/example.org").iterdir())
        equal(sorted(k.suffix for k in keys), [".pem", ".pem"], "DKIM keys")
        for key in keys:
            check(f"{key.stem}._domainkey.example.org. IN TXT" in said, said)
        for record in ("example.org. IN MX 10 mail.example.org.",
                       '_dmarc.example.org. IN TXT "v=DMARC1;',
                       'example.org. IN TXT "v=spf1 mx'):
            check(record in said, f"{record}: {said}")


def test_check():
    """--check finds no error in what it has made"""
    with folder() as (scratch, conf):
        setup(scratch, conf, "--yes", ADDRESS)
        with conf.open("a") as file:
            file.write("resolver 127.0.0.1:1\n")   # nobody answers there
        done = subprocess.run(
            [scratch.program("smtpd"), "-c", str(conf), "--check"],
            capture_output=True, text=True, check=False, cwd="/",
            env=scratch.environment(), **scratch.as_user())
        check("0 errors" in done.stdout, done.stdout + done.stderr)
        check("certificate good for 36" in done.stdout, done.stdout)


def test_certificate():
    """the certificate is for a server of that name, and no authority"""
    if not tool("openssl"):
        raise Skip("no openssl")
    with folder() as (scratch, conf):
        setup(scratch, conf, "--yes", ADDRESS)
        pem = conf.parent / "tls.pem"
        said = subprocess.run(
            ["openssl", "x509", "-noout", "-text", "-in", str(pem)],
            capture_output=True, text=True, check=True).stdout
        for text in ("DNS:mail.example.org", "CA:FALSE", "P-256",
                     "TLS Web Server Authentication", "Digital Signature"):
            check(text in said, f"{text}: {said}")
        said = subprocess.run(
            ["openssl", "verify", "-CAfile", str(pem), "-verify_hostname",
             "mail.example.org", str(pem)],
            capture_output=True, text=True, check=False)
        equal(said.returncode, 0, said.stderr)


def test_dry_run():
    """--dry-run shows the plan and writes nothing"""
    with folder() as (scratch, conf):
        done = setup(scratch, conf, "--dry-run", ADDRESS)
        equal(done.returncode, 0, done.stderr)
        check(f"write {conf}\n        hostname mail.example.org\n"
              "        domains example.org\n" in done.stdout, done.stdout)
        check(not conf.parent.exists(), "the folder is there")


def test_twice():
    """the second time nothing is changed"""
    with folder() as (scratch, conf):
        setup(scratch, conf, "--yes", ADDRESS)
        before = snapshot(conf.parent)
        done = setup(scratch, conf, "--yes", ADDRESS)
        equal(done.returncode, 0, done.stderr)
        check("Nothing has to be changed." in done.stdout, done.stdout)
        after = snapshot(conf.parent)
        equal([name for name in {**before, **after}
               if before.get(name) != after.get(name)], [], "files")


def test_edited():
    """keys and comments of the administrator stay where they are"""
    with folder() as (scratch, conf):
        setup(scratch, conf, "--yes", ADDRESS)
        text = ("# mine\nquota 500M # enough\n#hostname x\n"
                "hostname  mx.example.org\ndomains\texample.net\n")
        conf.write_text(text)
        done = setup(scratch, conf, "--yes", ADDRESS)
        equal(done.returncode, 0, done.stdout + done.stderr)
        equal(conf.read_text(), text.replace(
            "domains\texample.net",
            "domains         example.net example.org"), "conf")
        equal((conf.parent / "restante.conf.old").read_text(), text, "old")


def test_two_files():
    """--tls names a key and a certificate that another program renews"""
    with folder() as (scratch, conf):
        both = scratch.dir / "both.pem"
        make_certificate(both, "mail.example.org")
        text = both.read_text()
        at = text.index("-----BEGIN CERT")
        names = []
        for name, part in (("a.key", text[:at]), ("a.crt", text[at:])):
            (scratch.dir / name).write_text(part)
            names.append(str(scratch.dir / name))
        scratch.own()
        done = setup(scratch, conf, "--tls", " ".join(names), ADDRESS)
        equal(done.returncode, 0, done.stdout + done.stderr)
        check(f"tls             {' '.join(names)}\n" in conf.read_text(),
              conf.read_text())
        check(not (conf.parent / "tls.pem").exists(), "one of its own")
        check("collected by POP3" in done.stdout, done.stdout)


def test_bad_certificate():
    """a file that no server could start with is refused before anything is
    written, and a person is asked again"""
    with folder() as (scratch, conf):
        good, key = scratch.dir / "good.pem", scratch.dir / "key.pem"
        make_certificate(good, "mail.example.org")
        text = good.read_text()
        key.write_text(text[:text.index("-----BEGIN CERT")])
        other = scratch.dir / "other.pem"
        make_certificate(other, "mail.example.net")
        scratch.own()
        for value in (key, f"{key} {other}", f"{other} {key}"):
            done = setup(scratch, conf, "--tls", str(value), ADDRESS)
            equal(done.returncode, os.EX_DATAERR, f"{value}: {done.stderr}")
            check(str(key) in done.stderr, done.stderr)
            check(not conf.parent.exists(), f"{value}: the folder is there")
        done = setup(scratch, conf, "--dry-run", "--tls", str(other), ADDRESS)
        equal(done.returncode, 0, done.stderr)
        check(f"warning: the certificate in {other} is not for mail.example."
              "org" in done.stdout, done.stdout)
        said, status = on_terminal(
            [scratch.program("smtpd"), "-c", str(conf), "--setup",
             "--dry-run", ADDRESS],
            [("Full name", "mail\n"), ("Full name", "\n"),
             ("Provider", "\n"), ("Certificate [", f"{key}\n"),
             ("Certificate [", f"{good}\n")],
            env=scratch.environment(), cwd="/", **scratch.as_user())
        equal(status, 0, said)
        check(b"is no full name" in said, said)
        check(f"tls {good}".encode() in said, said)


def test_provider():
    """an address of a provider: mail leaves by it, and nothing is ours there"""
    with folder() as (scratch, conf):
        done = setup(scratch, conf, "--yes", "12345@qq.com")
        equal(done.returncode, 1, done.stdout + done.stderr)
        text = conf.read_text()
        check("smtps://12345%40qq.com@smtp.qq.com" in text, text)
        check("domains" not in text, text)
        check("root: 12345@qq.com" in (conf.parent / "aliases").read_text(),
              "aliases")
        check("no password for the provider yet" in done.stdout, done.stdout)
        done = setup(scratch, conf, "--yes", "me@outlook.com")
        check("takes no passwords" in done.stderr, done.stderr)


WRONG = (
    ((), "no address: type smtpd --setup you@example.org"),
    (("alice",), "is no address"),
    (("a b@example.org",), "is no address"),
    (("alice@nowhere",), "is no address"),
    (("--hostname", "mail", ADDRESS), "is no full name"),
    (("--tls", "/nowhere.pem", ADDRESS), "no file that can be read"),
    (("--relay", "a b", ADDRESS), "is no URL"),
    (("--relay",), "--relay needs an argument: URL"),
    (("--frob", ADDRESS), "unknown option --frob"),
    (("--hostnme", "a.example", ADDRESS), "did you mean --hostname?"),
    ((ADDRESS, "bob@example.org"), "--setup takes [ADDRESS]"))


def test_wrong():
    """what cannot be done is said before anything is written"""
    for words, text in WRONG:
        with folder() as (scratch, conf):
            done = setup(scratch, conf, "--yes", *words)
            check(done.returncode not in (0, 1), f"{words}: status")
            check(text in done.stderr, f"{words}: {done.stderr}")
            check(not conf.parent.exists(), f"{words}: the folder is there")


def test_asked():
    """a person answers the questions, and may say no"""
    with folder() as (scratch, conf):
        command = [scratch.program("smtpd"), "-c", str(conf), "--setup"]
        talk = [("Your address", "nobody\n"), ("Your address", ADDRESS + "\n"),
                ("Full name", "mx.example.org\n"), ("Provider", "\n"),
                ("Certificate [", "\n"), ("Go on?", "n\n")]
        said, status = on_terminal(
            command, talk, env=scratch.environment(), cwd="/",
            **scratch.as_user())
        equal(status, 0, said)
        check(b"Nothing was changed." in said, said)
        check(not conf.parent.exists(), "the folder is there")
        said, status = on_terminal(
            command, [*talk[1:-1], ("Go on?", "y\n")],
            env=scratch.environment(), cwd="/", **scratch.as_user())
        equal(status, 0, said)
        check("mx.example.org" in conf.read_text(), conf.read_text())


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
