# SPDX-License-Identifier: ISC
"""Programs that call sendmail: mail readers, cron jobs, PHP, monitors.

Each is the real one, from its Debian package where it is installed or
unpacked; where it runs /usr/sbin/sendmail and nothing else, its arguments and
its words are replayed as they are. They come in by a link named sendmail, as
after an installation, and each must have got its mail to the reader with the
headers that it wrote, and those that it left out.
"""
import email
import email.policy
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

from lib import mbox, peers
from lib.scratch import Scratch, reachable
from lib.tap import Skip, Tap, check, equal

tap = Tap()
HOST = "mail.example.org"
CONFIG = f"log syslog\nmasquerade root@{HOST} admin@example.net"
FIELDS = ("From", "To", "Date", "Message-ID", "Subject")


def libraries():
    """Where libraries of unpacked packages are."""
    root = os.environ.get("RESTANTE_PEERS")
    found = [] if not root else [
        str(path) for path in Path(root).glob("lib*/usr/lib/*-linux-gnu")]
    found += [f"{path}/mailutils" for path in found
              if Path(path, "mailutils").is_dir()]
    perl = [str(path) for path in Path(root or "/nowhere").glob(
        "lib*-perl/usr/share/perl5")]
    return {"LD_LIBRARY_PATH": ":".join(found), "PERL5LIB": ":".join(perl)}


class Caller:
    """A set-up with a sendmail, and one who calls it."""

    def __init__(self, server):
        self.server = server
        folder = server.dir / "sbin"
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        real = folder / "real"
        real.mkdir(exist_ok=True)
        real.chmod(0o755)
        if not (real / "sendmail").is_symlink():
            (real / "sendmail").symlink_to(server.program("smtpd"))
        self.sendmail = folder / "sendmail"
        # The configuration is the one thing that an installation knows.
        self.sendmail.write_text(
            f'#!/bin/sh\nexec {real}/sendmail -c {server.conf} "$@"\n')
        self.sendmail.chmod(0o755)
        uid = server.user.pw_uid if server.user else os.getuid()
        self.login = pwd.getpwuid(uid).pw_name
        self.me = f"{self.login}@{HOST}"

    def run(self, command, text="", **settings):
        """Runs a program to its end."""
        settings.setdefault("cwd", self.server.dir)
        environment = {**self.server.environment(), **libraries(),
                       "MAILRC": "/dev/null", **settings.pop("env", {})}
        done = subprocess.run(
            [str(word) for word in command], input=text.encode(),
            capture_output=True, timeout=60, check=False, env=environment,
            **{**self.server.as_user(), **settings})
        for lack in (b"error while loading shared libraries",
                     b"module is not here"):
            if lack in done.stderr:
                raise Skip(f"{command[0]} lacks something: "
                           + done.stderr.decode().splitlines()[0])
        return done

    def sent(self, command, text="", user="bob", **settings):
        """Runs a program that must send one message; returns that, parsed."""
        done = self.run(command, text, **settings)
        said = (done.stdout + done.stderr).decode(errors="replace")
        equal(done.returncode, 0, said)
        path = self.server.mailbox(user)
        box = mbox.read(path) if path.exists() else []
        equal(len(box), 1, f"messages for {user}: {said}")
        path.unlink()
        message = email.message_from_bytes(box[0].wire,
                                           policy=email.policy.default)
        for field in FIELDS:
            check(len(message.get_all(field, [])) == 1,
                  f"{field}: {message.get_all(field)}, {said}")
        check(not message["Bcc"], f"Bcc: {message['Bcc']}")
        for field in ("From", "To", "Cc"):
            for address in message[field].addresses if message[field] else ():
                check(address.domain, f"{field}: {message[field]}")
        return message


def is_mail(message, sender, subject, text, path=None):
    """Who it is from, what it is about, and what it says."""
    equal(message["From"].addresses[0].addr_spec, sender, "From")
    equal(message["Subject"], subject, "Subject")
    said = message.get_content().replace("\r\n", "\n")
    check(text in said, repr(said))
    equal(message["Return-Path"], f"<{sender if path is None else path}>",
          "Return-Path")


def test_cron(server):
    """cron of Debian: its arguments and its words"""
    caller = Caller(server)
    message = caller.sent(
        [caller.sendmail, "-i", "-FCronDaemon", "-B8BITMIME", "-oem", "bob"],
        "From: root (Cron Daemon)\nTo: bob\nSubject: Cron <bob@box> /bin/df\n"
        "MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n"
        "Content-Transfer-Encoding: 8bit\nX-Cron-Env: <SHELL=/bin/sh>\n"
        "X-Cron-Env: <HOME=/root>\n\n/dev/sda1 \u2013 100%\n.\nmore\n")
    is_mail(message, "admin@example.net", "Cron <bob@box> /bin/df",
            "\u2013 100%\n.\nmore\n", caller.me)


def test_cronie(server):
    """cronie: its arguments and its words"""
    caller = Caller(server)
    message = caller.sent(
        [caller.sendmail, "-FCronDaemon", "-i", "-odi", "-oem", "-oi", "-t",
         "-f", "root"],
        'From: "(Cron Daemon)" <root>\nTo: bob\n'
        "Subject: Cron <root@box> /bin/df\nMIME-Version: 1.0\n"
        "Content-Type: text/plain; charset=UTF-8\n"
        "Content-Transfer-Encoding: 8bit\nAuto-Submitted: auto-generated\n"
        "Precedence: bulk\nX-Cron-Env: <LANG=C>\n\nfull\n")
    is_mail(message, "admin@example.net", "Cron <root@box> /bin/df", "full\n")
    equal(message["From"].addresses[0].display_name, "(Cron Daemon)", "name")


def test_mdadm(server):
    """mdadm --monitor: its arguments and its words"""
    caller = Caller(server)
    message = caller.sent(
        [caller.sendmail, "-t"],
        "From: mdadm monitoring <root>\nTo: bob\n"
        "Subject: DegradedArray event on /dev/md0:box\n\n"
        "This is an automatically generated mail message.\n"
        "A DegradedArray event had been detected on md device /dev/md0.\n\n"
        "Faithfully yours, etc.\n\n.\n")
    is_mail(message, "admin@example.net",
            "DegradedArray event on /dev/md0:box", "Faithfully", caller.me)


def test_fail2ban(server):
    """fail2ban: the shell command of its action"""
    caller = Caller(server)
    action = (r'printf %b "Subject: [Fail2Ban] sshd: banned 192.0.2.1 from box'
              "\n"
              r'Date: `LC_ALL=C date +"%a, %d %h %Y %T %z"`' "\n"
              "From: Fail2Ban <fail2ban>\nTo: bob\\n\n"
              r"Hi,\n" "\n" r'The IP 192.0.2.1 has just been banned.\n" '
              f'| {caller.sendmail} -f "fail2ban" "bob"')
    message = caller.sent(["/bin/sh", "-c", action])
    is_mail(message, f"fail2ban@{HOST}",
            "[Fail2Ban] sshd: banned 192.0.2.1 from box", "192.0.2.1")


def test_git(server):
    """git send-email"""
    caller = Caller(server)
    program = find("git-send-email", "git-email", "usr/lib/git-core")
    patch = server.dir / "0001-fix.patch"
    patch.write_text("From 1234567890123456789012345678901234567890 "
                     "Mon Sep 17 00:00:00 2001\n"
                     "From: Ann <ann@example.com>\n"
                     "Date: Mon, 2 Nov 2026 10:00:00 +0000\n"
                     "Subject: [PATCH] fix\n\n---\n x | 1 +\n\n-- \n2.39\n")
    server.own()
    message = caller.sent(
        [program, f"--smtp-server={caller.sendmail}", "--from=Ann "
         "<ann@example.com>", "--to=bob@example.org", "--confirm=never",
         "--suppress-cc=all",
         "--bcc=alice@example.org", "--envelope-sender=ann@example.com",
         "--quiet", patch],
        env={"GIT_CONFIG_NOSYSTEM": "1", "GIT_CEILING_DIRECTORIES": "/",
             "EMAIL": "ann@example.com"})
    is_mail(message, "ann@example.com", "[PATCH] fix", "x | 1 +")
    server.mailbox("alice").unlink()


def find(name, package, *folders):
    """A program that is in a folder of its own."""
    root = os.environ.get("RESTANTE_PEERS", "/nowhere")
    for folder in folders:
        for base in (Path("/"), Path(root, package)):
            if os.access(base / folder / name, os.X_OK):
                return str(base / folder / name)
    return peers.find(name, package)


def test_mutt(server):
    """mutt"""
    caller = Caller(server)
    program = peers.find("mutt", "mutt")
    message = caller.sent(
        [program, "-n", "-F", "/dev/null", "-e",
         f"set sendmail='{caller.sendmail} -oem -oi'", "-e",
         "set copy=no use_envelope_from=yes from=ann@example.com", "-e",
         "set dsn_notify='failure,delay' dsn_return=hdrs", "-s",
         "Gr\u00fc\u00dfe", "-b", "alice@example.org", "--",
         "bob@example.org"], "From me\n.\n\u00e4\n")
    is_mail(message, "ann@example.com", "Gr\u00fc\u00dfe", ".\n\u00e4\n")
    server.mailbox("alice").unlink()


def test_snail(server):
    """s-nail"""
    caller = Caller(server)
    program = peers.find("s-nail", "s-nail")
    message = caller.sent(
        [program, "-:/", "-Sv15-compat", f"-Smta={caller.sendmail}",
         "-s", "Gr\u00fc\u00dfe", "bob"], "hello\n.\nagain \u00e4\n")
    is_mail(message, caller.me, "Gr\u00fc\u00dfe", "again \u00e4\n")


def test_mailx(server):
    """bsd-mailx"""
    caller = Caller(server)
    program = peers.find("bsd-mailx", "bsd-mailx")
    (server.dir / ".mailrc").write_text(f"set sendmail={caller.sendmail}\n")
    message = caller.sent(
        [program, "-s", "a subject", "-b", "alice", "bob"],
        "hello\n.\nagain\n", env={"MAILRC": f"{server.dir}/.mailrc"})
    is_mail(message, caller.me, "a subject", "hello\n")
    server.mailbox("alice").unlink()


def test_mailutils(server):
    """mail of GNU mailutils"""
    caller = Caller(server)
    program = peers.find("mail.mailutils", "mailutils")
    message = caller.sent(
        [program, "-N", "-E", f'set sendmail="sendmail:{caller.sendmail}"',
         "-s", "a subject", "bob@example.org"], "hello\n")
    equal(message["Subject"], "a subject", "Subject")
    check("hello" in message.get_content(), message.get_content())


def test_php(server):
    """mail() of PHP"""
    caller = Caller(server)
    program = peers.php()
    code = ('exit(mail("bob@example.org", "Gr\u00fc\u00dfe", "hello\\n.\\r\\n'
            'again\\n", "From: Web <www@example.com>\\r\\nBcc: alice'
            '\\r\\nX-A: b", "-fwww@example.com") ? 0 : 1);')
    message = caller.sent([program, "-n", "-d",
                           f"sendmail_path={caller.sendmail} -t -i",
                           "-r", code])
    is_mail(message, "www@example.com", "Gr\u00fc\u00dfe", "hello\n.\nagain\n")
    equal(message["X-A"], "b", "X-A")
    server.mailbox("alice").unlink()
    message = caller.sent([program, "-n", "-d",
                           f"sendmail_path={caller.sendmail} -t -i", "-r",
                           'exit(mail("bob", "s", "hello") ? 0 : 1);'])
    is_mail(message, caller.me, "s", "hello\n")


def test_logwatch(server):
    """logwatch"""
    caller = Caller(server)
    program = find("logwatch", "logwatch", "usr/sbin")
    root = Path(program).parents[2]
    share = root / "usr/share/logwatch"
    if not (share / "scripts/logwatch.pl").exists():
        raise Skip("logwatch has no scripts")
    text = Path(program).read_text(encoding="utf-8", errors="replace")
    work = server.dir / "logwatch"
    shutil.rmtree(work, ignore_errors=True)
    for name in ("conf/services", "scripts/services", "tmp"):
        (work / name).mkdir(parents=True)
    (work / "conf/services/hello.conf").write_text(
        'Title = "Hello"\nLogFile = NONE\n')
    (work / "scripts/services/hello").write_text('print "All is well\\n";\n')
    text = text.replace("/usr/share/logwatch", str(share))
    text = text.replace("/etc/logwatch", str(work))
    text = text.replace("/var/cache/logwatch", str(work / "tmp"))
    (work / "logwatch.pl").write_text(text)
    (work / "conf/logwatch.conf").write_text(
        f'mailer = "{caller.sendmail} -t"\nTmpDir = {work}/tmp\n'
        "MailFrom = Logwatch\nMailTo = bob\nOutput = mail\n")
    server.own()
    message = caller.sent(["perl", work / "logwatch.pl", "--output", "mail",
                           "--mailto", "bob", "--service", "hello"])
    check("Logwatch" in message["Subject"], message["Subject"])
    check("All is well" in message.get_content(), message.get_content())
    equal(message["From"].addresses[0].addr_spec, f"logwatch@{HOST}", "From")


def test_python(server):
    """A script in Python, with subprocess and EmailMessage"""
    caller = Caller(server)
    code = ("import subprocess, sys\n"
            "from email.message import EmailMessage\n"
            "m = EmailMessage()\n"
            "m['To'] = 'bob'\nm['Bcc'] = 'alice'\n"
            "m['Subject'] = 'Gr\\u00fc\\u00dfe'\n"
            "m.set_content('hello\\n.\\n\\u00e4\\n')\n"
            "subprocess.run([sys.argv[1], '-t', '-oi'], "
            "input=m.as_bytes(), check=True)\n")
    program = sys.executable if reachable(sys.executable) else \
        "/usr/bin/python3"
    if not os.access(program, os.X_OK):
        raise Skip("no Python that everybody may run")
    message = caller.sent([program, "-c", code, caller.sendmail])
    is_mail(message, caller.me, "Gr\u00fc\u00dfe", "hello\n.\n\u00e4\n")
    server.mailbox("alice").unlink()


def test_shell(server):
    """A line of shell: no header at all"""
    caller = Caller(server)
    done = caller.run(["/bin/sh", "-c",
                       f"printf 'disk full' | {caller.sendmail} bob"])
    equal(done.returncode, 0, done.stderr.decode())
    path = server.mailbox("bob")
    check(mbox.read(path)[0].wire.endswith(b"\r\n\r\ndisk full\r\n"), "text")
    path.unlink()


if __name__ == "__main__":
    with Scratch(CONFIG, tls=False) as fixture:
        tap.run(globals(), fixture)
    tap.finish()
