# SPDX-License-Identifier: ISC
"""What is wrong must be said clearly, and where: config, files, ports."""
import os
import re
import socket
import subprocess

from lib import mbox
from lib.player import PASSWORDS
from lib.scratch import AM_ROOT, Scratch
from lib.tap import Skip, Tap, check, equal

tap = Tap()
BOTH = ("smtpd", "pop3d")
CONFIG, USAGE = 78, 64


def fails(scratch, name, *args, status=None, words=(), stdin=""):
    """The program must end with an error that holds all the words."""
    done = scratch.call(name, *args, stdin=stdin)
    what = f"{name} {args}: {done.returncode} {done.stderr!r}"
    check(done.returncode > 0, "no failure: " + what)
    if status is not None:
        equal(done.returncode, status, what)
    check(re.match(rf"(\S*/)?{name}(\[\d+\])?: ", done.stderr),
          "no name in front: " + what)
    for word in words:
        check(str(word) in done.stderr, f"no {word!r} in: {what}")
    check(len(done.stderr.splitlines()) <= 10, "too long: " + what)


def with_config(scratch, text, function):
    """Runs function() with text as the whole config."""
    old = scratch.conf.read_text()
    scratch.conf.write_text(text)
    try:
        return function()
    finally:
        scratch.conf.write_text(old)


def test_unknown_key(scratch):
    """An unknown key is an error with file, line and key, exit status 78"""
    for name in BOTH:
        with_config(scratch, "# comment\n\nhostname a.example\nfoo bar\n",
                    lambda n=name: fails(
                        scratch, n, "-l", "127.0.0.1:0", status=CONFIG,
                        words=(f"{n}: {scratch.conf}:4:", '"foo"')))


def bad_values(scratch):
    """Bad values are errors with file and line."""
    for line in ("size-limit many", "size-limit -1", "size-limit 50X",
                 "size-limit 99999999999999999999", "sessions x",
                 "sessions -1", "sessions 1 2", "idle-exit soon",
                 "plaintext-login maybe", "log printer", "hostname",
                 "hostname two words", "hostname a b.c", "domains a@b",
                 "domains ..", "mailbox", "mailbox /var/mail/%q",
                 "user", "tls"):
        with tap.case(f"bad value: {line}"):
            with_config(scratch, f"# one\n{line}\n", lambda text=line: fails(
                scratch, "smtpd", "-l", "127.0.0.1:0", status=CONFIG,
                words=(f"{scratch.conf}:2:",)))


def test_odd_but_valid_config(scratch):
    """Blanks, tabs, comments, CRLF-free endings and accepted keys are fine"""
    text = scratch.conf.read_text()
    odd = ("\t# a comment\n\n   size-limit\t1K   # one KiB\naliases /etc/a\n"
           "relay smtps://u:p@smtp.example.net\nresolver 127.0.0.1:53\n"
           "tls-priority -VERS-TLS1.2")
    with_config(scratch, text + odd, lambda: _size(scratch, "1024"))


def _size(scratch, expected):
    with scratch.session()[0] as talker:
        words = talker.hello().words()
        check(f"SIZE {expected}" in words, str(words))


def test_missing_config(scratch):
    """A file given by -c must exist"""
    for name in BOTH:
        done = scratch.call(name, "-c", scratch.dir / "absent.conf", "-l",
                            "127.0.0.1:0", config=False)
        equal(done.returncode, CONFIG, done.stderr)
        check(str(scratch.dir / "absent.conf") in done.stderr, done.stderr)


def test_config_that_is_a_folder(scratch):
    """A config that cannot be read is named"""
    for name in BOTH:
        done = scratch.call(name, "-c", scratch.dir, "-l", "127.0.0.1:0",
                            config=False)
        check(done.returncode > 0, "no failure")
        check(str(scratch.dir) in done.stderr, done.stderr)


def test_usage(scratch):
    """Wrong options are a usage error, 64"""
    for name in BOTH:
        fails(scratch, name, "--no-such-option", status=USAGE)
        fails(scratch, name, "-l", status=USAGE)


def cases_listen(scratch):
    """Where nobody can listen, the words say what to write"""
    for where, said in (
            ("127.0.0.1:pop4", "a port is a number, or a name in"),
            ("127.0.0.1:0x19", "a port is a number, or a name in"),
            ("mail.example:25", "an IP address or * expected"),
            ("192.0.2.300:25", "an IP address or * expected"),
            ("127.0.0.1:65536", "ADDRESS:PORT[/tls] or unix:PATH expected"),
            ("25", "ADDRESS:PORT[/tls] or unix:PATH expected")):
        for name in BOTH:
            with tap.case(f"{name} -l {where}"):
                fails(scratch, name, "-l", where, status=71,
                      words=(f"{name}: cannot listen on {where}: {said}",))


def test_usage_words(scratch):
    """Both programs word what is wrong with options alike"""
    for words, said in (
            (("--no-such-option",), "unknown option --no-such-option"),
            (("--hlep",), "unknown option --hlep; did you mean --help?"),
            (("-Z",), "unknown option -Z"),
            (("-l",), "option -l needs an argument: ADDRESS:PORT"),
            (("-l", "127.0.0.1:0", "bob"), "a server takes no "),
            (("--implicit-tls=1",),
             "option --implicit-tls takes no argument")):
        for name in BOTH:
            fails(scratch, name, *words, status=USAGE,
                  words=(f"{name}: {said}", "(see --help)"))
    fails(scratch, "pop3d", "--import", "bob", "file", "more", status=USAGE,
          words=('"more" is one argument too many: '
                 '--import takes USER FILE|MAILDIR',))
    fails(scratch, "pop3d", "--deleted", status=USAGE,
          words=("pop3d: --deleted needs an argument: USER",))
    fails(scratch, "pop3d", "--recover", "--last-login", status=USAGE,
          words=("pop3d: --last-login and --recover exclude each other",))


def verbs(scratch, name):
    """The options of --help that say what to do; what they have besides
    follows them with three dots."""
    lines = scratch.call(name, "--help").stdout.splitlines()
    looked_after = False
    for line, after in zip(lines, lines[1:]):
        if line and line[0] != " ":
            looked_after = line.startswith(("Set up", "Look", "Users", "The"))
        option = re.match(r"  (?:-\w, )?--([a-z-]+)", line)
        text = line[26:] or after[26:]
        if looked_after and option and not text.startswith(("...", "with ")):
            yield option[1]


def test_other_program(scratch):
    """An option that the other program has leads there"""
    known = {name: set(verbs(scratch, name)) for name in BOTH}
    check({"passwd", "setup", "hold"} <= known["smtpd"], known)
    check({"undelete", "import"} <= known["pop3d"], known)
    for name, other in (BOTH, BOTH[::-1]):
        for option in sorted(known[other] - known[name]):
            fails(scratch, name, f"--{option}", status=USAGE,
                  words=(f"did you mean {other} --{option}?",))


def test_key_hint(scratch):
    """The key that was probably meant is named"""
    for name in BOTH:
        with_config(scratch, "hostnme a.example\n",
                    lambda n=name: fails(
                        scratch, n, "-l", "127.0.0.1:0", status=CONFIG,
                        words=('"hostnme"; did you mean hostname?',)))


def bad_addresses(scratch):
    """What cannot be listened on is an error, and no server starts."""
    for address in ("nonsense", "127.0.0.1", "127.0.0.1:99999",
                    "127.0.0.1:x", "127.0.0.1:", "127.0.0.1:-1",
                    "127.0.0.1:0/ssl", ":", "[::1:25", "127.0.0.1:0=nobody",
                    "300.0.0.1:0", "", "unix:", "unix:/no/such/folder/x"):
        for name in BOTH:
            with tap.case(f"{name} -l {address or 'with an empty word'}"):
                try:
                    done = scratch.call(name, "-l", address, seconds=10)
                except subprocess.TimeoutExpired as error:
                    said = (error.stderr or b"").decode().strip()
                    raise AssertionError("it serves: " + said) from None
                check(done.returncode > 0, "no failure")
                check(address.removeprefix("unix:") in done.stderr,
                      repr(done.stderr))


def test_help_and_version(scratch):
    """--help and --version print to stdout and succeed"""
    for name in BOTH:
        done = scratch.call(name, "--version", config=False)
        equal(done.returncode, 0, done.stderr)
        check(re.search(r"\d+\.\d+", done.stdout), done.stdout)
        done = scratch.call(name, "--help", config=False)
        equal(done.returncode, 0, done.stderr)
        check("-l" in done.stdout and "-c" in done.stdout, done.stdout)


def test_port_in_use(scratch):
    """A port in use is named with its address"""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for name in BOTH:
            fails(scratch, name, "-l", address, words=(address,))


def test_all_or_nothing(scratch):
    """If one of several addresses cannot be had, nothing is served"""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        fails(scratch, "smtpd", "-l", "127.0.0.1:0", "-l", address,
              words=(address,))


def test_unreadable_certificate(scratch):
    """A certificate that cannot be read or parsed is named"""
    for content in (None, b"", b"no PEM at all\n",
                    scratch.pem.read_bytes()[:300]):
        path = scratch.dir / "odd.pem"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        scratch.configure(f"tls {path}")
        try:
            done = scratch.call("smtpd", "--check")
            check("error: " in done.stdout + done.stderr, done.stdout)
            check(str(path) in done.stdout + done.stderr, done.stdout)
            equal(done.returncode, 1, f"--check: {done.stdout}")
            for name in BOTH:
                fails(scratch, name, "-l", "127.0.0.1:0/tls", words=(path,))
        finally:
            scratch.configure()


def test_certificate_without_rights(scratch):
    """A certificate without read permission is named"""
    if AM_ROOT and not scratch.user:
        raise Skip("root may read everything")
    scratch.pem.chmod(0)
    try:
        fails(scratch, "smtpd", "-l", "127.0.0.1:0/tls", words=(scratch.pem,))
    finally:
        scratch.pem.chmod(0o600)


def test_check_is_happy(scratch):
    """--check: one line each finding, exit status 0 when all is well"""
    done = scratch.call("smtpd", "--check")
    lines = (done.stdout + done.stderr).splitlines()
    check(lines, "no findings")
    for line in lines:
        check(line.startswith(("ok: ", "warning: ", "error: "))
              or line == lines[-1] and "0 errors" in line, line)
    equal(done.returncode, 0, "\n".join(lines))


def test_check_findings(scratch):
    """--check finds missing folders and files, and says what to type"""
    for key in ("queue", "state", "users"):
        path = scratch.dir / "not" / "there"
        scratch.configure(f"{key} {path}")
        try:
            done = scratch.call("smtpd", "--check")
            text = done.stdout + done.stderr
            bad = [line for line in text.splitlines()
                   if line.startswith(("error: ", "warning: "))]
            check(any(str(path) in line for line in bad),
                  f"{key}: nothing about {path} in:\n{text}")
        finally:
            scratch.configure()


def test_check_senders(scratch):
    """--check finds lines for senders that do nothing"""
    scratch.configure("sender alice x@far.example\nsender nobody y@far.example"
                      "\nprofile mx strict")
    try:
        said = scratch.call("smtpd", "--check").stdout
        check("sender has no effect" in said, said)
        check("sender nobody: there is no such user" in said, said)
        check("sender alice" not in said, said)
        check("port 25 refuses what RFC 5321" in said, said)
    finally:
        scratch.configure()


def test_check_open_users_file(scratch):
    """--check warns of a users file that others may read"""
    scratch.users.chmod(0o644)
    try:
        done = scratch.call("smtpd", "--check")
        text = done.stdout + done.stderr
        check(any(line.startswith(("warning: ", "error: "))
                  and str(scratch.users) in line
                  for line in text.splitlines()), text)
    finally:
        scratch.users.chmod(0o600)


def test_check_bad_users_file(scratch):
    """--check finds a broken line in the users file"""
    text = scratch.users.read_text()
    scratch.users.write_text(text + "carol:{NONSENSE}abc\n")
    try:
        done = scratch.call("smtpd", "--check")
        said = done.stdout + done.stderr
        check("error: " in said or "warning: " in said, said)
        check(f"{scratch.users}:3" in said or "carol" in said, said)
        check("abc" not in said, "a credential is printed")
        with scratch.session("pop3d")[0] as talker:
            talker.pop_login("alice", PASSWORDS["alice"])
    finally:
        scratch.users.write_text(text)


def test_few_descriptors(scratch):
    """A server that could only say 421 does not start, and says why"""
    for name in BOTH:
        for few in (8, 31):
            done = subprocess.run(
                ["prlimit", f"--nofile={few}:{few}",
                 *scratch.command(name, "-l", "127.0.0.1:0")],
                capture_output=True, text=True, check=False, timeout=60,
                **scratch.as_user())
            equal(done.returncode, 71, f"{name}, {few}: {done.stderr}")
            check(f"open files is {few}" in done.stderr
                  and "LimitNOFILE" in done.stderr, done.stderr)


def test_passwd_errors(scratch):
    """--passwd refuses what cannot be a user or a password"""
    before = scratch.users.read_bytes()
    for user in ("", "a:b", "a/b", "..", "a\nb", "-x", "a" * 300,
                 "\x01"):
        done = scratch.call("smtpd", "--passwd", user,
                            stdin="kiln apron velvet\n")
        check(done.returncode > 0, f"took the user {user!r}")
        check(done.stderr.startswith("smtpd"), repr(done.stderr))
    for password in ("", "\n", "x" * 5000 + "\n", "a\0b\n"):
        done = scratch.call("smtpd", "--passwd", "carol", stdin=password)
        check(done.returncode > 0, f"took the password {password[:9]!r}")
    equal(scratch.users.read_bytes(), before, "the users file")


def test_missing_mail_folder(scratch):
    """Without a mail folder a message waits until there is one"""
    away = scratch.mail.with_name("away")
    scratch.mail.rename(away)
    try:
        with scratch.session()[0] as talker:
            talker.hello()
            talker.expect("250 ", "MAIL FROM:<a@example.com>")
            talker.expect("250 ", "RCPT TO:<bob@example.org>")
            talker.expect("354 ", "DATA")
            talker.send("Subject: x\r\n\r\nx\r\n.\r\n")
            talker.expect("250 2.0.0 Queued")
            talker.expect("250 ", "NOOP")
    finally:
        away.rename(scratch.mail)
    scratch.run_queue()
    equal(len(mbox.read(scratch.mailbox("bob"))), 1, "messages")
    scratch.mailbox("bob").unlink()


def test_mailbox_is_a_folder(scratch):
    """A mailbox that is a folder: mail waits, -ERR [SYS for readers"""
    scratch.mailbox("bob").mkdir()
    scratch.own()
    try:
        with scratch.session()[0] as talker:
            talker.hello()
            talker.expect("250 ", "MAIL FROM:<a@example.com>")
            talker.expect("250 ", "RCPT TO:<bob@example.org>")
            talker.expect("354 ", "DATA")
            talker.send("Subject: x\r\n\r\nx\r\n.\r\n")
            talker.expect("250 2.0.0 Queued")
        with scratch.session("pop3d")[0] as talker:
            talker.pop("+OK")
            talker.pop("+OK", "USER bob")
            talker.pop("-ERR [SYS/", "PASS " + PASSWORDS["bob"])
    finally:
        scratch.mailbox("bob").rmdir()
    scratch.run_queue()
    equal(len(mbox.read(scratch.mailbox("bob"))), 1, "messages")
    scratch.mailbox("bob").unlink()


def test_mailbox_is_a_link(scratch):
    """A mailbox that is a link to another file is not written to"""
    target = scratch.dir / "target"
    for kind in ("symbolic", "hard", "dangling"):
        target.unlink(missing_ok=True)
        if kind != "dangling":
            target.write_bytes(b"precious\n")
        box = scratch.mailbox("bob")
        if kind == "hard":
            os.link(target, box)
        else:
            box.symlink_to(target)
        scratch.own()
        try:
            with scratch.session()[0] as talker:
                talker.hello()
                talker.expect("250 ", "MAIL FROM:<a@example.com>")
                talker.expect("250 ", "RCPT TO:<bob@example.org>")
                talker.expect("354 ", "DATA")
                talker.send("Subject: x\r\n\r\nx\r\n.\r\n")
                talker.expect("250 2.0.0 Queued")
            if kind == "dangling":
                check(not target.exists(), "the target was created")
            else:
                equal(target.read_bytes(), b"precious\n", f"{kind} target")
        finally:
            box.unlink()
        scratch.run_queue()
        equal(len(mbox.read(box)), 1, "messages")
        box.unlink()


def test_missing_queue(scratch):
    """Without a queue folder a message is refused for now, and said in the log"""
    scratch.configure("queue %DIR/absent")
    try:
        talker, process = scratch.session()
        with talker:
            talker.expect("220 ")
            talker.expect("250 ", "EHLO x")
            talker.expect(("250 ", "451 "), "MAIL FROM:<a@example.com>")
            talker.expect(("250 ", "451 ", "503 "),
                          "RCPT TO:<bob@example.org>")
            talker.send("DATA\r\n")
            reply = talker.reply()
            if reply.code == 354:
                talker.send("Subject: x\r\n\r\nx\r\n.\r\n")
                reply = talker.reply()
            check(reply.code in (451, 452, 503), repr(reply))
        equal(process.wait(30), 0, "exit status")
        log = (scratch.dir / "session.log").read_text()
        check(str(scratch.dir / "absent") in log, "the log names no folder")
    finally:
        scratch.configure()


def test_stdin_is_a_terminal_or_pipe(scratch):
    """Without a socket the programs talk on stdin and stdout"""
    done = scratch.call("smtpd", stdin="EHLO x\r\nQUIT\r\n")
    check(done.stdout.startswith("220 mail.example.org ESMTP"), done.stdout)
    check("\n221 " in done.stdout, done.stdout)
    equal(done.returncode, 0, done.stderr)
    done = scratch.call("pop3d", stdin="CAPA\r\nQUIT\r\n")
    check(done.stdout.startswith("+OK"), done.stdout)
    equal(done.returncode, 0, done.stderr)


def test_empty_config():
    """With an empty config and no users, a client is told of our trouble"""
    with Scratch(users=False) as scratch:
        scratch.conf.write_text("")
        talker, process = scratch.session()
        with talker:
            talker.expect(("220 ", "421 4.3."))
        process.wait(30)


def test_listening_forms():
    """-l takes IPv6, several addresses and unix: sockets, and names them"""
    with Scratch() as scratch:
        # As in /run, which is empty after each boot.
        path = scratch.dir / "folder" / "socket"
        forms = ["127.0.0.1:0", "127.0.0.1:0=submission", f"unix:{path}"]
        if socket.has_ipv6 and os.path.exists("/proc/net/if_inet6") and \
                "lo" in open("/proc/net/if_inet6").read():
            forms.append("[::1]:0")
        daemon = scratch.serve("smtpd", *forms)
        equal(daemon.addresses[2], f"unix:{path}", "third address")
        if len(forms) == 4:
            check(re.fullmatch(r"\[::1\]:\d+", daemon.addresses[3]),
                  daemon.addresses[3])
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(30)
            sock.connect(str(path))
            check(sock.recv(100).startswith(b"220 "), "no greeting")
        equal(path.parent.stat().st_mode & 0o777, 0o755, "the folder")
        equal(daemon.stop(), 0, "exit status")


if __name__ == "__main__":
    alone = (test_empty_config, test_listening_forms)
    with Scratch() as fixture:
        tap.run({k: v for k, v in globals().items() if v not in alone
                 or not callable(v)}, fixture)
        bad_values(fixture)
        bad_addresses(fixture)
    for function in alone:
        with tap.case(function.__doc__):
            function()
    tap.finish()
