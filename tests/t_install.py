# SPDX-License-Identifier: ISC
"""make install, again over what an administrator has changed, and make
uninstall: into a scratch folder, by DESTDIR."""
import os
import re
import subprocess
import tempfile
from pathlib import Path

from lib import documents
from lib.scratch import BUILD, tool
from lib.tap import Skip, Tap, check, equal

tap = Tap()
PROGRAM = "/usr/local/sbin/smtpd"
MTA = ("usr/sbin/sendmail", "usr/lib/sendmail", "usr/bin/mailq",
       "usr/bin/newaliases")


def make(root, *targets):
    """Runs make for an installation in the folder root."""
    if not tool("make") or not (BUILD / "Makefile").exists():
        raise Skip("no make, or no build folder that make knows")
    done = subprocess.run(
        ["make", "-s", "-C", str(BUILD), f"DESTDIR={root}",
         "prefix=/usr/local", "sysconfdir=/etc",
         "systemdsystemunitdir=/lib/systemd/system", *targets],
        capture_output=True, text=True, check=False,
        env={k: v for k, v in os.environ.items() if "MAKE" not in k})
    return done.returncode, done.stdout + done.stderr


def files(root):
    """All that is in it but folders."""
    return {str(p.relative_to(root)) for p in Path(root).rglob("*")
            if p.is_symlink() or not p.is_dir()}


def install(root):
    """make install, which has to work."""
    status, said = make(root, "install")
    equal(status, 0, said)
    return said


def test_twice():
    """what the administrator has changed stays as it is, and make says so"""
    with tempfile.TemporaryDirectory(prefix="restante-test-") as root:
        install(root)
        conf = Path(root, "etc/restante/restante.conf")
        entry = Path(root, "etc/xinetd.d/restante-smtpd")
        conf.write_text("hostname mail.example.org\n")
        enabled = re.sub(r"(disable *= )yes", r"\1no", entry.read_text())
        entry.write_text(enabled)
        said = install(root)
        equal(conf.read_text(), "hostname mail.example.org\n", "conf")
        equal(entry.read_text(), enabled, "the xinetd entry")
        check(f"{entry} stays as it is" in said, said)


def services_of(text):
    """The services of an xinetd entry that are not disabled."""
    return set(re.findall(
        r"^service (\w+)\n{[^}]*^\s*disable\s*= no$", text, re.M))


def test_xinetd():
    """what doc/by-hand.md types enables SMTP and POP3, and nothing else"""
    typed = [line for page in documents.pages()
             if page.name == "doc/by-hand.md" for block in page.of("sh")
             for line in block.text.splitlines() if "/etc/xinetd.d/" in line]
    equal(len(typed), 1, typed)
    with tempfile.TemporaryDirectory(prefix="restante-test-") as root:
        install(root)
        entries = [Path(root, "etc/xinetd.d", name)
                   for name in ("restante-smtpd", "restante-pop3d")]
        equal([services_of(e.read_text()) for e in entries], [set(), set()],
              "installed")
        subprocess.run(["sh", "-c", typed[0].replace(
            "/etc/", f"{root}/etc/")], check=True)
        equal([services_of(e.read_text()) for e in entries],
              [{"smtp", "submission", "submissions"}, {"pop3", "pop3s"}],
              "enabled")


def test_uninstall():
    """nothing is left: entries that were enabled, links of systemctl enable,
    and the links to sendmail included"""
    with tempfile.TemporaryDirectory(prefix="restante-test-") as root:
        install(root)
        equal(make(root, "install-mta")[0], 0, "install-mta")
        entry = Path(root, "etc/xinetd.d/restante-pop3d")
        entry.write_text(re.sub(r"(disable *= )yes", r"\1no",
                                entry.read_text()))
        wants = Path(root, "etc/systemd/system/sockets.target.wants")
        wants.mkdir(parents=True)
        (wants / "restante-smtp.socket").symlink_to(
            "/lib/systemd/system/restante-smtp.socket")
        (wants / "other.socket").symlink_to("/lib/systemd/system/other.socket")
        status, said = make(root, "uninstall")
        equal(status, 0, said)
        equal(files(root),
              {"etc/systemd/system/sockets.target.wants/other.socket"}, "left")


def test_uninstall_changed():
    """the administrator's own files stay, and are named"""
    with tempfile.TemporaryDirectory(prefix="restante-test-") as root:
        install(root)
        conf = Path(root, "etc/restante/restante.conf")
        entry = Path(root, "etc/xinetd.d/restante-smtpd")
        conf.write_text("hostname mail.example.org\n")
        entry.write_text(entry.read_text().replace("1000", "10", 1))
        _, said = make(root, "uninstall")
        equal(files(root), {"etc/restante/restante.conf",
                            "etc/xinetd.d/restante-smtpd"}, "left")
        check(f"{entry} was changed, and stays" in said, said)


def test_mta():
    """sendmail, mailq and newaliases lie where cron and PHP look; installing
    them twice does no harm"""
    with tempfile.TemporaryDirectory(prefix="restante-test-") as root:
        for _ in range(2):
            status, said = make(root, "install-mta")
            equal(status, 0, said)
        for name in MTA:
            equal(os.readlink(Path(root, name)), PROGRAM, name)


def test_mta_of_another():
    """the commands of another mail server stay, and are named"""
    with tempfile.TemporaryDirectory(prefix="restante-test-") as root:
        other = Path(root, MTA[0])
        other.parent.mkdir(parents=True)
        other.write_text("another\n")
        status, said = make(root, "install-mta")
        check(status != 0 and f"{other} belongs to another" in said, said)
        equal(other.read_text(), "another\n", "it")
        make(root, "uninstall")
        equal(other.read_text(), "another\n", "after uninstall")


def test_mta_beside():
    """links on this machine are not taken for those that are to be made"""
    with tempfile.TemporaryDirectory(prefix="restante-test-") as root:
        here = Path(root, "here")
        (here / "sbin").mkdir(parents=True)
        (here / "sbin/smtpd").touch()
        (here / "sendmail").symlink_to(here / "sbin/smtpd")
        there = Path(root, "there")
        status, said = make(there, "install-mta", f"sbindir={here}/sbin",
                            f"mta_links={here}/sendmail")
        equal(status, 0, said)
        equal(files(there), {str(here / "sendmail")[1:]}, "links")


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
