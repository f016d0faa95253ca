# SPDX-License-Identifier: ISC
"""smtpd as sendmail(1): what cron, scripts and PHP call."""
import re
import signal
import subprocess

from lib import mbox, proc
from lib.scratch import Instance
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()


def sendmail(server, *args, stdin="", name=None, status=0):
    """Runs smtpd with sendmail's arguments, or as the link `name`."""
    command = server.command("smtpd")
    if name:
        link = server.dir / name
        if not link.is_symlink():
            link.symlink_to(command[0])
        command[0] = str(link)
    done = subprocess.run(
        [*command, *args], input=stdin.encode(), capture_output=True,
        timeout=60, cwd="/", env=server.environment(), check=False,
        **server.as_user())
    equal(done.returncode, status, f"{name or 'smtpd'} {args}: "
          + (done.stdout + done.stderr).decode(errors="replace"))
    return done.stdout.decode()


def last(server, user="bob"):
    """The last message in a mailbox."""
    box = mbox.read(server.mailbox(user))
    check(box, f"no mail for {user}")
    return box[-1]


def headers(message):
    """The header lines, unfolded, by lower-case name."""
    lines = re.sub(rb"\r\n[ \t]+", b" ", message.headers).split(b"\r\n")
    found = {}
    for line in lines:
        name, _, value = line.partition(b":")
        found.setdefault(name.lower().decode(), []).append(
            value.strip().decode("utf-8", "replace"))
    return found


def test_arguments(server):
    """Recipients as arguments; LF lines become one clean message"""
    sendmail(server, "-f", "carol@example.com", "bob@example.org",
             stdin="Subject: args\n\nHello.\n")
    message = last(server)
    check(message.wire.endswith(b"\r\n\r\nHello.\r\n"), repr(message.wire))
    equal(headers(message)["return-path"], ["<carol@example.com>"], "path")


def test_text_with_colons(server):
    """A script's text is text, though its first line has a colon"""
    for text in ("Warning: disk full\n", "10:30 done\n10:31 out\n\nbye\n",
                 "http://x is down\n", ":-) done\n", "From here on: none\n",
                 "From now on\nit is dark\n", "Error:\n\tdisk\n\tfull\n"):
        sendmail(server, "bob@example.org", stdin=text)
        message = last(server)
        check(message.wire.endswith(
            ("\n\n" + text).replace("\n", "\r\n").encode()),
            repr(message.wire))
        equal(len(headers(message)["from"]), 1, "From of its own")


def test_header_with_colons(server):
    """One field that is common in mail makes a header section"""
    for head in ("Warning: x\nSubject: y\n", "Subject : y\n",
                 ": x\nsubject: y\n", ">From a\nFrom b\nSubject: y\n",
                 "Subject: y\r\r\nWarning: x\r\r\n"):
        sendmail(server, "bob@example.org", stdin=head + "\nText.\n")
        message = last(server)
        check(message.wire.endswith(b"\r\n\r\nText.\r\n"),
              repr(message.wire))
        equal(len(headers(message)["message-id"]), 1, "Message-ID")
        check(b"\r\nsubject" in message.headers.lower(),
              repr(message.headers))


def test_signed(server):
    """A signed message goes out as it was written, but for Bcc"""
    head = ("DKIM-Signature: v=1; d=example.org; h=from:to;\n b=x\n"
            "From: root\nTo: bob, postmaster@localhost\n")
    sendmail(server, "bob@example.org", stdin=head + "Bcc: eve\n\nText.\n")
    message = last(server)
    check((head + "\nText.\n").replace("\n", "\r\n").encode()
          in message.wire, repr(message.wire))
    check(message.wire.count(b"Message-ID:") == 0, "nothing is added")
    check(b"eve" not in message.wire, "Bcc goes")


def test_dots(server):
    """A dot ends the message without -i, and does not with -i"""
    text = "Subject: dots\n\none\n.\ntwo\n"
    sendmail(server, "-i", "bob@example.org", stdin=text)
    check(last(server).wire.endswith(b"one\r\n.\r\ntwo\r\n"), "with -i")
    sendmail(server, "-oi", "bob@example.org", stdin=text)
    check(last(server).wire.endswith(b"one\r\n.\r\ntwo\r\n"), "with -oi")
    sendmail(server, "bob@example.org", stdin=text)
    check(last(server).wire.endswith(b"one\r\n"), repr(last(server).wire))


def test_header_injection(server):
    """Line breaks in -f and -F make no headers and no commands"""
    before = len(mbox.read(server.mailbox("bob")))
    for option in ("-f", "-F", "-r"):
        for evil in ("x\nX-Evil: yes", "x\r\nX-Evil: yes", "x\rX-Evil: yes",
                     "a@b>\r\nRCPT TO:<alice@example.org>"):
            done = subprocess.run(
                [*server.command("smtpd"), option, evil, "bob@example.org"],
                input=b"Subject: evil\n\nx\n", capture_output=True,
                timeout=60, env=server.environment(), check=False,
                **server.as_user())
            check(done.returncode >= 0, f"killed by {-done.returncode}")
    for message in mbox.read(server.mailbox("bob"))[before:]:
        check("x-evil" not in headers(message), repr(message.wire))


def test_options_as_recipients(server):
    """What stands after -- is an address, never an option"""
    for address in ("-bp", "-Xfile", "-C/etc/passwd"):
        done = subprocess.run(
            [*server.command("smtpd"), "--", address], input=b"x\n",
            capture_output=True, timeout=60, env=server.environment(),
            cwd=server.dir, check=False, **server.as_user())
        check(done.returncode > 0, f"took {address}: {done.stdout!r}")
    check(not (server.dir / "file").exists(), "-X wrote a file")


def test_exit_codes(server):
    """An unknown user is 67, and what is no address 64"""
    sendmail(server, "nosuchuser@example.org", stdin="x\n", status=67)
    sendmail(server, "bob@", stdin="x\n", status=64)


def test_elsewhere(server):
    """Mail for another domain is queued, and mailq says so"""
    sendmail(server, "bob@elsewhere.example", stdin="Subject: far\n\nx\n")
    check("bob@elsewhere.example" in sendmail(server, "-bp"), "-bp")
    sendmail(server, "--remove", "all")


def test_blocked_signals(server):
    """A caller that blocks SIGCHLD, as mutt does, leaves no server behind"""
    blocked = {signal.SIGCHLD, signal.SIGTERM, signal.SIGTSTP}
    done = subprocess.run(
        [*server.command("smtpd"), "bob@example.org"], input=b"x\n",
        timeout=60, check=False, env=server.environment(),
        preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, blocked),
        **server.as_user())
    equal(done.returncode, 0, "exit status")
    daemons = {server.smtpd.pid, server.pop3d.pid}
    mine = daemons | set(proc.tree(server.smtpd.pid))
    wait_for(lambda: not set(proc.named(str(server.conf))) - mine,
             "the server behind the command to end")


def test_killed(server):
    """A command that is killed as it reads leaves nobody with its pipes"""
    with server.popen(server.command("smtpd", "bob"), stdin=subprocess.PIPE,
                      stdout=subprocess.PIPE) as command:
        # The server that it may need waits, where the kernel has Landlock.
        wait_for(lambda: proc.children(command.pid) or
                 proc.status(command.pid).get("State", "S")[0] == "S",
                 "the command to read")
        waiting = proc.children(command.pid)
        command.kill()
        equal(command.stdout.read(), b"", "output")
    wait_for(lambda: not any(proc.status(pid) for pid in waiting),
             "the server to end")


def test_mailq(server):
    """-bp and the names mailq and newaliases"""
    check("Mail queue is empty" in sendmail(server, "-bp"), "-bp")
    sendmail(server, "-bi")
    check("Mail queue is empty" in sendmail(server, name="mailq"), "mailq")
    sendmail(server, name="newaliases")


def test_sendmail_link(server):
    """The name sendmail submits, and -bs speaks SMTP"""
    sendmail(server, "-i", "bob@example.org", name="sendmail",
             stdin="Subject: by link\n\nx\n")
    equal(headers(last(server))["subject"], ["by link"], "Subject")
    said = sendmail(server, "-bs", name="sendmail",
                    stdin="EHLO x\r\nMAIL FROM:<a@example.com>\r\n"
                          "RCPT TO:<bob@example.org>\r\nDATA\r\n"
                          "Subject: -bs\r\n\r\nx\r\n.\r\nQUIT\r\n")
    codes = [line[:3] for line in said.splitlines() if line[3:4] == " "]
    equal(codes, ["220", "250", "250", "250", "354", "250", "221"], said)


def test_bs_lf(server):
    """-bs takes lines that end in LF, as a shell script writes them"""
    said = sendmail(server, "-bs", name="sendmail",
                    stdin="EHLO x\nMAIL FROM:<a@example.com>\n"
                          "RCPT TO:<bob@example.org>\nDATA\n"
                          "Subject: lf\n\n..a dot\nx\n.\nQUIT\n")
    codes = [line[:3] for line in said.splitlines() if line[3:4] == " "]
    equal(codes, ["220", "250", "250", "250", "354", "250", "221"], said)
    equal(headers(last(server))["subject"], ["lf"], "Subject")
    check(last(server).wire.endswith(b"\r\n\r\n.a dot\r\nx\r\n"),
          last(server).wire)


MAIL = ("EHLO x\r\nMAIL FROM:<a@example.com>\r\n"
        "RCPT TO:<bob@example.org>\r\n")
SENT = MAIL + "DATA\r\nSubject: cut\r\n\r\nx\r\n.\r\n"

# How a script's input for -bs ends: what it is, the exit status, the messages
# that were accepted.
ENDINGS = [
    ("", 0, 0),
    ("EHLO x\r\n", 0, 0),
    ("EHLO x\r\nQUIT\r\n", 0, 0),
    (MAIL + "RSET\r\n", 0, 0),
    (MAIL + "QUIT\r\n", 0, 0),
    (SENT, 0, 1),
    (SENT + "QUIT", 0, 1),
    (SENT + SENT + "quit\n", 0, 2),
    ("EHLO x\r\nMAIL FROM:<a@example.com>\r\n", 75, 0),
    (MAIL, 75, 0),
    (MAIL + "QUIT", 75, 0),
    (MAIL + "DATA\r\n", 75, 0),
    (MAIL + "DATA\r\nSubject: cut\r\n\r\nx\r\n", 75, 0),
    (MAIL + "DATA\r\nSubject: cut\r\n\r\nx", 75, 0),
    (MAIL + "DATA\r\nSubject: cut\r\n\r\nx\r\n.", 75, 0),
    (SENT + MAIL + "DATA\r\nSubject: second\r\n", 75, 1),
    (MAIL + "BDAT 100 LAST\r\nSubject: cut\r\n", 75, 0),
    (MAIL + "BDAT 14\r\nSubject: cut\r\n", 75, 0),
    (MAIL + "BDAT x\r\nSubject: cut\r\n", 75, 0),
    (SENT + "MAIL FROM:<a@example.com>", 75, 1),
    (SENT + "MAIL FROM:<" + "a" * 9000, 75, 1),
    ("x\r\n" * 100 + SENT, 75, 0),
]


def bs(server, text, *options, **streams):
    """Runs smtpd -bs with that input; it speaks as far as the input goes."""
    streams.setdefault("stdout", subprocess.PIPE)
    return subprocess.run(
        [*server.command("smtpd"), *(options or ["-bs"])],
        input=text.encode(), stderr=subprocess.PIPE, timeout=60, check=False,
        env=server.environment(), **server.as_user(), **streams)


def cases_bs_ending(server):
    """-bs fails if its input ends, or is given up, before the script is done"""
    box = server.mailbox("bob")
    for text, status, accepted in ENDINGS:
        with tap.case(f"-bs, {len(text)} octets that end in {text[-24:]!r}",
                      server.notes):
            before = len(mbox.read(box)) if box.exists() else 0
            done = bs(server, text)
            equal(done.returncode, status, done.stdout + done.stderr)
            equal(b"was not accepted" in done.stderr, status != 0, done.stderr)
            after = len(mbox.read(box)) if box.exists() else 0
            equal(after - before, accepted, "messages")


def test_bs_confined(server):
    """What reads the input of -bs is behind the filter of all sessions"""
    with subprocess.Popen(
            [*server.command("smtpd"), "-bs"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, env=server.environment(),
            **server.as_user()) as process:
        check(process.stdout.readline().startswith(b"220"), "no greeting")
        (session,) = proc.children(process.pid)
        status = proc.status(session)
        process.stdin.close()
    equal(process.returncode, 0, "status")
    equal((status["Seccomp"], status["NoNewPrivs"]), ("2", "1"), "a filter")


def test_bs_login(server):
    """A session that is cut off in a login fails, too"""
    done = bs(server, "EHLO x\r\nAUTH LOGIN\r\n", "--role", "submission")
    check(b"334 " in done.stdout, done.stdout)
    equal(done.returncode, 75, done.stderr)


def test_bs_deaf(server):
    """-bs fails if nobody can have read what it answered"""
    with open("/dev/full", "wb") as full:
        equal(bs(server, SENT, stdout=full).returncode, 75, "status")


def test_mark(server):
    """A file that begins with a byte order mark has a header section as well"""
    for mark in ("\ufeff", "\ufeff\ufeff", "From a\n\ufeff"):
        sendmail(server, "-i", "-t", stdin=mark + "To: bob@example.org\n"
                 "Bcc: carol\nSubject: mark\n\n\ufeffx\n")
        found = headers(last(server))
        equal(found["to"], ["bob@example.org"], "To")
        equal(found["subject"], ["mark"], "Subject")
        check("bcc" not in found, found)
        check(last(server).wire.endswith("\r\n\r\n\ufeffx\r\n".encode()),
              last(server).wire)
    sendmail(server, "bob@example.org", stdin="\ufeffhello: all\n")
    check(last(server).wire.endswith("\r\n\r\n\ufeffhello: all\r\n".encode()),
          last(server).wire)


def test_nul(server):
    """A NUL is replaced: what a program has to say is never refused"""
    for text, there in (
            (b"Subject: a\n\nrsync error\0 in file list\n",
             b"rsync error? in file list"),
            (b"Subject: a\0b\n\nx\n", b"Subject: a?b"),
            (b"\0no header\n", b"?no header"),
            (b"Subject: a\n\n" + b"\0" * 200000, b"?" * 200)):
        done = subprocess.run(
            [*server.command("smtpd"), "-i", "bob@example.org"], input=text,
            capture_output=True, timeout=120, env=server.environment(),
            check=False, **server.as_user())
        equal(done.returncode, 0, done.stderr)
        check(there in last(server).wire, last(server).wire[:1000])


def test_big_and_binary(server):
    """A big message with all bytes but NUL, CR and LF passes unchanged"""
    body = bytes(b for b in range(1, 256) if b not in (10, 13)) + b"\n"
    text = b"Subject: big\n\n" + body * 8000
    done = subprocess.run(
        [*server.command("smtpd"), "-i", "bob@example.org"], input=text,
        capture_output=True, timeout=120, env=server.environment(),
        check=False, **server.as_user())
    equal(done.returncode, 0, done.stderr)
    got = last(server).wire.partition(b"\r\n\r\n")[2]
    equal(got, body.replace(b"\n", b"\r\n") * 8000, "the text")


if __name__ == "__main__":
    with Instance() as fixture:
        tap.run(globals(), fixture)
    tap.finish()
