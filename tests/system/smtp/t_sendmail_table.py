# SPDX-License-Identifier: ISC
"""The sendmail command: what goes in, and the message and envelope it makes.

Each row of the table is one call: the arguments, what is piped in, who must
have got the message, from whom, and every line of it below the trace header.
What is new in each message stands as %DATE and %ID there, and the account that
runs the test as %ME (login) and %NAME (From with its full name).
"""
import ctypes
import os
import pwd
import re
import resource
import subprocess

from lib import mbox
from lib.scratch import AM_ROOT, Scratch, reachable
from lib.tap import Skip, Tap, check, equal

tap = Tap()
HOST = "mail.example.org"
CONFIG = f"""log syslog
masquerade root@{HOST} admin@example.net
masquerade @old.example @new.example"""
BOB, ALICE = f"bob@{HOST}", f"alice@{HOST}"
FIX = "From: %NAME\nDate: %DATE\nMessage-ID: %ID\n"
ADD = "Date: %DATE\nMessage-ID: %ID\n"
BOTH, ME = ["alice", "bob"], f"%ME@{HOST}"

# name, arguments, input, sender, who gets it, message
TABLE = [
    ("a body alone", "bob", "Hello.\n", ME, ["bob"], FIX + "\nHello.\n"),
    ("a message without an end of line", "bob", "Hello", ME, ["bob"],
     FIX + "\nHello\n"),
    ("nothing at all", "bob", "", ME, ["bob"], FIX + "\n"),
    ("a header alone", "bob", "Subject: x\n", ME, ["bob"],
     "Subject: x\n" + FIX + "\n"),
    ("an empty line first", "bob", "\nSubject: x\n", ME, ["bob"],
     FIX + "\nSubject: x\n"),
    ("CR LF", "bob", "Subject: x\r\n\r\nHello.\r\n", ME, ["bob"],
     "Subject: x\n" + FIX + "\nHello.\n"),
    ("CR LF in the header, LF in the body", "bob",
     "Subject: x\r\n\r\na\nb\r\nc\n", ME, ["bob"],
     "Subject: x\n" + FIX + "\na\nb\nc\n"),
    ("LF in one field, CR LF in the others", "-t",
     "To: bob\nSubject: x\nX-A: b\r\nX-C: d\r\n\na\n", ME, ["bob"],
     f"To: {BOB}\nSubject: x\nX-A: b\nX-C: d\n" + FIX + "\na\n"),
    ("a line of an mbox on top", "bob",
     "From carol Sat Jan  1 00:00:00 2000\nSubject: x\n\na\n", ME, ["bob"],
     "Subject: x\n" + FIX + "\na\n"),
    ("a header that breaks off", "bob", "Subject: x\nIt broke.\nTo: you\n",
     ME, ["bob"], "Subject: x\n" + FIX + "\nIt broke.\nTo: you\n"),
    ("a dot ends it", "bob", "a\n.\nb\n", ME, ["bob"], FIX + "\na\n"),
    ("a dot ends it, with CR LF", "bob", "a\r\n.\r\nb\r\n", ME, ["bob"],
     FIX + "\na\n"),
    ("a dot does not, with -i", "-i bob", "a\n.\nb\n", ME, ["bob"],
     FIX + "\na\n.\nb\n"),
    ("a dot does not, with -oi", "-oi bob", "a\n.\n..\n.b\n", ME, ["bob"],
     FIX + "\na\n.\n..\n.b\n"),
    ("Debian's cron", "-i -FCronDaemon -B8BITMIME -oem bob",
     "From: root (Cron Daemon)\nTo: bob\nSubject: Cron <bob@h> df\n"
     "MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n"
     "Content-Transfer-Encoding: 8bit\nX-Cron-Env: <SHELL=/bin/sh>\n\nfull\n",
     ME, ["bob"],
     f"From: admin@example.net (Cron Daemon)\nTo: {BOB}\n"
     "Subject: Cron <bob@h> df\n"
     "MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n"
     "Content-Transfer-Encoding: 8bit\nX-Cron-Env: <SHELL=/bin/sh>\n"
     + ADD + "\nfull\n"),
    ("cronie", "-FCronDaemon -i -odi -oem -oi -t -f root",
     'From: "(Cron Daemon)" <root>\nTo: bob\nSubject: Cron <root@h> df\n'
     "Auto-Submitted: auto-generated\nPrecedence: bulk\n\nfull\n",
     "admin@example.net", ["bob"],
     f'From: "(Cron Daemon)" <admin@example.net>\nTo: {BOB}\n'
     "Subject: Cron <root@h> df\nAuto-Submitted: auto-generated\n"
     "Precedence: bulk\n" + ADD + "\nfull\n"),
    ("the first cron", "-FCronDaemon -odi -oem -or0s bob",
     "From: root (Cron Daemon)\nTo: bob\nSubject: x\n\nfull\n", ME, ["bob"],
     f"From: admin@example.net (Cron Daemon)\nTo: {BOB}\nSubject: x\n"
     + ADD + "\nfull\n"),
    ("anacron", "-FAnacron -odi bob",
     "From: Anacron <root>\nTo: bob\nSubject: Anacron job\n\nx\n", ME, ["bob"],
     f"From: Anacron <admin@example.net>\nTo: {BOB}\nSubject: Anacron job\n"
     + ADD + "\nx\n"),
    ("at", "-i bob", "Subject: Output from your job        1\nTo: bob\n\nx\n",
     ME, ["bob"], f"Subject: Output from your job        1\nTo: {BOB}\n"
     + FIX + "\nx\n"),
    ("mdadm", "-t", "From: mdadm monitoring <root>\nTo: bob\n"
     "Subject: Fail event on /dev/md0:h\n\nThis is an alert\n.\n", ME, ["bob"],
     f"From: mdadm monitoring <admin@example.net>\nTo: {BOB}\n"
     "Subject: Fail event on /dev/md0:h\n" + ADD + "\nThis is an alert\n"),
    ("fail2ban", "-f fail2ban bob",
     "Subject: [Fail2Ban] sshd: banned 192.0.2.1 from h\n"
     "Date: Mon, 02 Nov 2026 10:00:00 +0000\n"
     "From: Fail2Ban <fail2ban>\nTo: bob\n\nHi,\n", f"fail2ban@{HOST}",
     ["bob"], "Subject: [Fail2Ban] sshd: banned 192.0.2.1 from h\n"
     "Date: Mon, 02 Nov 2026 10:00:00 +0000\n"
     f"From: Fail2Ban <fail2ban@{HOST}>\nTo: {BOB}\nMessage-ID: %ID\n\nHi,\n"),
    ("a name by -F", ["-F", "Ann Author", "bob"], "x\n", ME, ["bob"],
     f"From: Ann Author <{ME}>\n" + ADD + "\nx\n"),
    ("a name of another script by -F", ["-F", "J\u00fcrgen", "bob"], "x\n", ME,
     ["bob"], f"From: =?utf-8?Q?J=C3=BCrgen?= <{ME}>\n" + ADD + "\nx\n"),
    ("a sender by -f, and a name", ["-f", "carol", "-F", "Carol", "bob"],
     "x\n", f"carol@{HOST}", ["bob"],
     f"From: Carol <carol@{HOST}>\n" + ADD + "\nx\n"),
    ("a sender by -r", "-rcarol@example.com bob", "x\n", "carol@example.com",
     ["bob"], "From: carol@example.com\n" + ADD + "\nx\n"),
    ("a sender with a name", ["-f", "Carol C <carol@example.com>", "bob"],
     "From: c@d.example\n\nx\n", "carol@example.com", ["bob"],
     "From: c@d.example\n" + ADD + "\nx\n"),
    ("no sender", ["-f", "<>", "bob"], "From: c@d.example\n\nx\n", "",
     ["bob"], "From: c@d.example\n" + ADD + "\nx\n"),
    ("an empty sender", ["-f", "", "bob"], "From: c@d.example\n\nx\n", "",
     ["bob"], "From: c@d.example\n" + ADD + "\nx\n"),
    ("a sender that is masked", "-f root bob", "x\n", "admin@example.net",
     ["bob"], "From: admin@example.net\n" + ADD + "\nx\n"),
    ("a domain that is masked", "-f carol@old.example bob",
     "Reply-To: dan@OLD.example\n\nx\n", "carol@new.example", ["bob"],
     "Reply-To: dan@new.example\nFrom: carol@new.example\n" + ADD + "\nx\n"),
    ("-t", "-t", "To: bob@example.org\nCc: alice@example.org\n"
     "Subject: x\n\nx\n", ME, BOTH,
     "To: bob@example.org\nCc: alice@example.org\nSubject: x\n" + FIX
     + "\nx\n"),
    ("-t and Bcc", "-t", "Bcc: alice,\n bob\nSubject: x\n\nx\n", ME, BOTH,
     "Subject: x\n" + FIX + "To: undisclosed-recipients:;\n\nx\n"),
    ("-t, an empty To and Bcc", "-ti", "To: \nbcc: bob\n\n.\n", ME, ["bob"],
     FIX + "To: undisclosed-recipients:;\n\n.\n"),
    ("-t and arguments add up", "-t alice", "To: bob\n\nx\n", ME, BOTH,
     f"To: {BOB}\n" + FIX + "\nx\n"),
    ("-t: Resent fields win", "-t", "To: alice\nBcc: alice\nResent-From: root\n"
     "Resent-To: bob\nResent-Bcc: bob\n\nx\n", ME, ["bob"],
     f"To: {ALICE}\nResent-From: admin@example.net\nResent-To: {BOB}\n"
     + FIX + "\nx\n"),
    ("-t: names, comments, groups", "-t",
     'To: "Bob, B." <bob@example.org> (him), g: alice;\n\nx\n', ME, BOTH,
     f'To: "Bob, B." <bob@example.org> (him), g: {ALICE};\n' + FIX + "\nx\n"),
    ("arguments hide Bcc, too", "bob", "Bcc: eve@example.com\n\nx\n", ME,
     ["bob"], FIX + "\nx\n"),
    ("a list in an argument", ["alice, bob"], "x\n", ME, BOTH,
     FIX + "\nx\n"),
    ("a name in an argument", ["Bob B <bob@example.org>"], "x\n", ME, ["bob"],
     FIX + "\nx\n"),
    ("somebody twice", ["bob", "bob", BOB], "x\n", ME, ["bob"], FIX + "\nx\n"),
    ("nothing is missing", "-t", "From: c@d.example\nTo: bob@example.org\n"
     "Date: Mon, 02 Nov 2026 10:00:00 +0000\nMessage-Id: <a@b>\n\nx\n", ME,
     ["bob"], "From: c@d.example\nTo: bob@example.org\n"
     "Date: Mon, 02 Nov 2026 10:00:00 +0000\nMessage-Id: <a@b>\n\nx\n"),
    ("eight bits", "bob", "Subject: \u00fc\n\n\u20ac \U0001f600\n", ME, ["bob"],
     "Subject: \u00fc\n" + FIX + "\n\u20ac \U0001f600\n"),
    ("a CR in a header makes no field", "bob",
     "Subject: a\rX-Evil: yes\n\nx\n", ME, ["bob"],
     "Subject: a X-Evil: yes\n" + FIX + "\nx\n"),
    ("a long line", "bob", "x" * 5000 + "\n", ME, ["bob"],
     FIX + "\n" + "x" * 5000 + "\n"),
    ("a line longer than the buffer", "bob", "x" * 200000 + "\r\ny\r\n", ME,
     ["bob"], FIX + "\n" + "x" * 200000 + "\ny\n"),
    ("options of others", "-v -m -n -U -oem -odb -O A=b -X /nowhere/x -Lx "
     "-hq -p x -em -C /etc/passwd -Ac -d0.1 -G bob", "x\n", ME, ["bob"],
     FIX + "\nx\n"),
]

# name, arguments, input, exit status, what it says
REFUSED = [
    ("nobody to send to", "", "x\n", 64, "no recipient"),
    ("-t and nobody", "-t", "Subject: x\n\nx\n", 64, "no recipient"),
    ("-t and words", "-t", "To: two words\n\nx\n", 65, "To"),
    ("somebody unknown", "nosuchuser", "x\n", 67, "nosuchuser"),
    ("a command", ["|id"], "x\n", 67, "|id"),
    ("a file", ["/etc/passwd"], "x\n", 67, "/etc/passwd"),
    ("what looks like an option", ["--", "-bp"], "x\n", 67, "-bp"),
    ("a list from a file", [":include:/etc/passwd"], "x\n", 64, ":include:"),
    ("an empty argument", [""], "x\n", 64, "not an address"),
    ("half of an address", ["bob@"], "x\n", 64, "not an address"),
    ("a line end in a recipient", ["bob\nalice"], "x\n", 64, "not an address"),
    ("a command in -f", ["-f", "a@b>\r\nRCPT TO:<alice@example.org", "bob"],
     "x\n", 64, "not an address"),
    ("an option in -f", ["-f", "a -Xfile", "bob"], "x\n", 64,
     "not an address"),
    ("two addresses in -f", ["-f", "a@b, c@d", "bob"], "x\n", 64,
     "not an address"),
    ("a sender beyond UTF-8", ["-f", "j\udcf6rgen@example.com", "bob"], "x\n",
     64, "UTF-8"),
    ("a recipient in control characters", ["j\u0085@example.com"], "x\n", 64,
     "UTF-8"),
    ("-bd", "-bd", "", 64, "restante-smtp.socket"),
    ("a name without end", ["-F", "x" * 5000, "bob"], "x\n", 64, "-F"),
    ("-N nonsense", "-N sometimes bob", "x\n", 64, "-N"),
]


class Command:
    """The sendmail of a scratch set-up."""

    def __init__(self, server):
        self.server = server
        self.link = server.dir / "sendmail"
        if not self.link.is_symlink():
            self.link.symlink_to(server.program("smtpd"))
        uid = server.user.pw_uid if server.user else os.getuid()
        self.me = pwd.getpwuid(uid)

    def run(self, args, text=b"", **settings):
        """Runs it; returns the CompletedProcess."""
        args = args.split() if isinstance(args, str) else args
        settings.setdefault("env", self.server.environment())
        settings.setdefault("cwd", "/")
        if "stdin" not in settings:
            settings["input"] = text if isinstance(text, bytes) \
                else text.encode()
        return subprocess.run(
            [str(self.link), "-c", str(self.server.conf), *args],
            capture_output=True, timeout=60, check=False,
            **{**self.server.as_user(), **settings})

    def take(self):
        """What has come since the last time: (users, last message)."""
        users, last = [], None
        for user in ("alice", "bob"):
            path = self.server.mailbox(user)
            box = mbox.read(path) if path.exists() else []
            if box:
                users.append(user)
                equal(len(box), 1, f"messages for {user}")
                last = box[0]
                path.unlink()
        return users, last

    def expected(self, text):
        """A pattern for a message of the table."""
        name = self.me.pw_gecos.split(",")[0].replace(
            "&", self.me.pw_name.capitalize())
        address = f"{self.me.pw_name}@{HOST}"
        text = text.replace("%NAME", f"{name} <{address}>"
                            if name else address)
        text = re.escape(text.replace("%ME", self.me.pw_name))
        text = text.replace("%DATE", r"\w{3}, \d+ \w{3} \d{4} [\d:]{8} "
                            r"[-+]\d{4}")
        return text.replace("%ID", rf"<\w+@{re.escape(HOST)}>")


def split(message):
    """(sender, trace, the rest with LF) of a message in a mailbox."""
    text = message.wire.replace(b"\r\n", b"\n").decode()
    match = re.fullmatch(r"Return-Path: <([^>\n]*)>\n"
                         r"(Received: (?:.*\n)(?:[ \t].*\n)*)((?:.|\n)*)",
                         text)
    check(match, f"trace header: {text[:600]!r}")
    return match.groups()


def same(command, row, done):
    """Whether a row of the table came true; else what did."""
    name, _, _, sender, users, wanted = row
    if done.returncode != 0 or done.stderr:
        return f"{name}: status {done.returncode}, {done.stderr.decode()}"
    got, message = command.take()
    if got != users:
        return f"{name}: {got} got it"
    path, trace, rest = split(message)
    if path != sender.replace("%ME", command.me.pw_name):
        return f"{name}: from {path}"
    if f"uid {command.me.pw_uid})" not in trace:
        return f"{name}: no uid in {trace}"
    if not re.fullmatch(command.expected(wanted), rest):
        return f"{name}: wanted {wanted!r:.900}, got {rest!r:.900}"
    return None


def test_table(server):
    """Every row of the table, with no server running"""
    command = Command(server)
    wrong = [same(command, row, command.run(row[1], row[2])) for row in TABLE]
    check(not any(wrong), "\n".join(filter(None, wrong)))


def test_table_by_socket(server):
    """Every row once more, through the submission socket"""
    daemon = server.serve("smtpd", f"unix:{server.dir}/socket")
    command = Command(server)
    # Only the server knows of a queue.
    server.configure(CONFIG + "\nsocket %DIR/socket\nqueue %DIR/none",
                     tls=False)
    try:
        wrong = [same(command, row, command.run(row[1], row[2]))
                 for row in TABLE]
        check(not any(wrong), "\n".join(filter(None, wrong)))
    finally:
        daemon.stop()
        server.configure(CONFIG, tls=False)


def test_refused(server):
    """What cannot be sent: its exit status, and a reason"""
    command = Command(server)
    wrong = []
    for name, args, stdin, status, reason in REFUSED:
        done = command.run(args, stdin)
        if done.returncode != status or reason not in done.stderr.decode():
            wrong.append(f"{name}: status {done.returncode}, "
                         + done.stderr.decode())
        users, _ = command.take()
        if users:
            wrong.append(f"{name}: {users} got something")
    check(not wrong, "\n".join(wrong))


def test_injection(server):
    """Line ends in -F and in the environment make no header field"""
    command = Command(server)
    for evil in ("x\nX-Evil: y", "x\r\nX-Evil: y", "x\rX-Evil: y",
                 "x\u2028X-Evil: y", "x\vX-Evil: y", "x\fX-Evil: y",
                 "\n\n\nbody", '"\n', "\\\nX-Evil: y", "(\n"):
        environment = dict(server.environment(), NAME=evil, LOGNAME=evil,
                           USER=evil, MAILNAME=evil, TZ=evil, LANG=evil)
        done = command.run(["-F", evil, "bob"], "hello\n", env=environment)
        equal(done.returncode, 0, done.stderr.decode())
        users, message = command.take()
        equal(users, ["bob"], "who got it")
        names = [line.split(":")[0] for line in
                 split(message)[2].partition("\n\n")[0].split("\n")
                 if not line.startswith((" ", "\t"))]
        equal(names, ["From", "Date", "Message-ID"], repr(evil))


def test_many(server):
    """More recipients than one transaction has room for"""
    names = [f"user{n}" for n in range(250)]
    (server.dir / "aliases").write_text(
        "".join(f"{name}: {'bob' if n % 2 else 'alice'}\n"
                for n, name in enumerate(names)))
    command = Command(server)
    done = command.run(["-t"], "To: " + ",\n ".join(names) + "\n\nhello\n")
    equal(done.returncode, 0, done.stderr.decode())
    server.run_queue()
    for user in ("alice", "bob"):
        path = server.mailbox(user)
        equal(len(mbox.read(path)), 3, user)
        path.unlink()
    (server.dir / "aliases").unlink()


def test_reports(server):
    """-N, -R and -V reach the queue"""
    command = Command(server)
    done = command.run("-N success,delay -R hdrs -V id+2Bx -f c@d.example "
                       "far@away.example", "x\n")
    equal(done.returncode, 0, done.stderr.decode())
    said = server.queue_files()[0].read_text()
    server.call("smtpd", "--remove", "all")
    for word in ("id+2Bx", "success", "delay", "hdrs"):
        check(word in said.lower() or word in said, f"no {word} in {said}")


def test_verify(server):
    """-bv tells whether an address would do"""
    command = Command(server)
    done = command.run("-bv bob")
    equal((done.returncode, done.stdout), (0, b"bob: deliverable\n"))
    done = command.run("-bv bob nosuchuser")
    equal((done.returncode, done.stdout.splitlines()[-1]),
          (67, b"nosuchuser: no such user here"))
    equal(command.run("-bv").returncode, 64)


def test_nobody_there(server):
    """No server and no right to the queue: 75, and what to start"""
    server.configure(CONFIG + "\nqueue %DIR/none\nsocket %DIR/none", tls=False)
    done = Command(server).run("bob", "x\n")
    server.configure(CONFIG, tls=False)
    equal(done.returncode, 75, done.stderr.decode())
    check(b"restante-local.socket" in done.stderr, done.stderr)


def test_closed_descriptors(server):
    """Closed descriptors 0, 1 and 2: no message ends up in a wrong place"""
    command = Command(server)
    for closed in ((1,), (2,), (1, 2)):
        done = command.run("bob", "hello\n", preexec_fn=lambda: [
            os.close(fd) for fd in closed])  # pylint: disable=W0640
        equal(done.returncode, 0, f"{closed}: {done.stderr}")
        users, message = command.take()
        equal(users, ["bob"], f"without {closed}")
        check(split(message)[2].endswith("\n\nhello\n"), "the message")
    done = command.run("bob", stdin=subprocess.DEVNULL,
                       preexec_fn=lambda: os.close(0))
    equal(done.returncode, 74, "without 0")
    equal(command.take(), ([], None), "without 0")


def test_limits(server):
    """Limits of zero: an exit status that tells of failure, and no mail"""
    command = Command(server)
    for limit in ("FSIZE", "NOFILE", "NPROC", "DATA", "STACK", "CPU"):
        number = getattr(resource, "RLIMIT_" + limit)
        done = command.run("bob", "hello\n" * 20000, preexec_fn=lambda:
                           resource.setrlimit(number, (0, 0)))  # pylint: disable=W0640
        if done.returncode != 0:
            # What was killed in the middle of an append is put right later.
            subprocess.run(server.command("pop3d", "--recover"), check=True,
                           timeout=60, cwd="/", env=server.environment(),
                           **server.as_user())
        users, message = command.take()
        # Nobody knows when a limit of CPU time ends a process: it may have
        # delivered, and not have said so.
        check(users == ["bob"] if done.returncode == 0
              else users == [] or limit == "CPU",
              f"{limit}: status {done.returncode}, {users} got it")
        if message:
            check(message.wire.endswith(b"hello\r\n"), "the message")


def test_surroundings(server):
    """A folder that is gone, a hostile environment, no name at all"""
    command = Command(server)
    gone = server.dir / "gone"
    gone.mkdir(mode=0o777)
    done = subprocess.run(
        ["/bin/sh", "-c", 'cd "$1" && rmdir "$1" && shift && exec "$@"', "sh",
         str(gone), str(command.link), "-c", str(server.conf), "bob"],
        input=b"x\n", capture_output=True, timeout=60, check=False,
        env=server.environment(), **server.as_user())
    equal(done.returncode, 0, done.stderr.decode())
    equal(command.take()[0], ["bob"], "without a folder")
    hostile = dict(PATH="/nowhere", IFS="/ ", TZ="/etc", LC_ALL="../../x",
                   TMPDIR="/nowhere", MALLOC_ARENA_MAX="x", HOME="/nowhere",
                   GNUTLS_SYSTEM_PRIORITY_FILE="/etc/passwd", LANG="x" * 5000,
                   LISTEN_FDS="3", LISTEN_PID="1", BASH_ENV="/etc/passwd")
    done = command.run("bob", "x\n", env=dict(
        hostile, **{k: v for k, v in server.environment().items()
                    if k.endswith("SAN_OPTIONS")}))
    equal(done.returncode, 0, done.stderr.decode())
    equal(command.take()[0], ["bob"], "hostile environment")
    with open("/dev/null", "rb") as null:
        done = subprocess.run(
            ["", "-c", str(server.conf)], executable=str(command.link),
            stdin=null, capture_output=True, timeout=60, check=False, cwd="/",
            **server.as_user())
    check(done.returncode >= 0, f"killed by {-done.returncode}")


def without_privileges():
    """What NoNewPrivileges of a systemd unit does, in the child."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    pr_set_no_new_privs = 38
    if prctl(pr_set_no_new_privs, 1, 0, 0, 0) != 0:
        os._exit(99)


def test_stranger(_):
    """A uid without an account and without new privileges, by the socket"""
    if not AM_ROOT:
        raise Skip("needs root")
    uid = 61234         # from the range of DynamicUser
    with Scratch("log syslog\nsocket %DIR/socket\nmailbox-owner nobody",
                 tls=False, as_root=True) as server:
        if not reachable(server.program("smtpd")):
            server.user, server.as_root = pwd.getpwnam("nobody"), False
            server.own()
        daemon = server.serve("smtpd", f"unix:{server.dir}/socket")
        try:
            done = Command(server).run(
                ["-t"], "To: bob\n\nhello\n", user=uid, group=uid,
                extra_groups=[], preexec_fn=without_privileges)
            equal(done.returncode, 0, done.stderr.decode())
            message = mbox.read(server.mailbox("bob"))[0]
        finally:
            daemon.stop()
    sender, trace, rest = split(message)
    equal(sender, f"uid{uid}@{HOST}", "sender")
    check(f"uid {uid})" in trace, trace)
    check(f"From: uid{uid}@{HOST}\n" in rest, rest)


def test_check(server):
    """--check lists what is masked, and warns of what is not ours"""
    said = server.call("smtpd", "--check").stdout
    check(f"ok: masquerade root@{HOST}: admin@example.net" in said, said)
    check("warning: masquerade @old.example: @new.example, which is not an "
          "address of ours" in said,
          said)


def test_waiting(server):
    """Nobody who reads our output waits for the queue"""
    command = Command(server)
    done = command.run("far@away.example", "x\n")
    equal((done.returncode, done.stdout), (0, b""), done.stderr.decode())
    server.call("smtpd", "--remove", "all")


if __name__ == "__main__":
    with Scratch(CONFIG, tls=False) as fixture:
        tap.run(globals(), fixture)
    tap.finish()
