# SPDX-License-Identifier: ISC
"""smtpd --passwd typed by a user who can neither read nor write the users file:
the server changes it, at the local socket, for the user that the kernel names,
and for nobody else."""
import base64
import functools
import pwd
import re
import socket
import subprocess

from lib import logins
from lib.player import PASSWORDS
from lib.scratch import AM_ROOT, Instance, Scratch
from lib.talk import Talker, b64
from lib.tap import Tap, check, equal
from lib.terminal import on_terminal
from lib.wait import wait_for

tap = Tap()
USER, OTHER = "nobody", "daemon"
OLD, NEW = "a lamp of brass", "kiln apron velvet"


class Server(Instance):
    """A server of root's with a local socket."""

    local = None

    def start(self):
        super().start()
        self.path = self.dir / "submission"
        self.local = self.serve("smtpd", f"unix:{self.path}")

    def __exit__(self, *_):
        if self.local is not None:
            self.local.stop()
        super().__exit__()

    def as_(self, name):
        """Popen's arguments for that user."""
        account = pwd.getpwnam(name)
        return {"user": account.pw_uid, "group": account.pw_gid,
                "extra_groups": []}

    def typed(self, *words, lines=(OLD, NEW), name=USER):
        """smtpd --passwd of that user, with these lines of input."""
        return subprocess.run(
            [self.program("smtpd", anybody=True), "-c", str(self.conf),
             "--passwd", *words], input="".join(x + "\n" for x in lines),
            text=True, capture_output=True, cwd="/", timeout=60, check=False,
            env=self.environment(), **self.as_(name))

    def said(self, user, *lines):
        """The replies to lines at the socket, by a process of that user."""
        code = ("import socket, sys\n"
                "s = socket.socket(socket.AF_UNIX)\n"
                "s.connect(sys.argv[1])\n"
                "f = s.makefile('rwb')\n"
                "f.readline()\n"
                "for line in sys.argv[2:]:\n"
                "    f.write(line.encode() + b'\\r\\n')\n"
                "    f.flush()\n"
                "    reply = b'000-'\n"
                "    while reply[3:4] == b'-':\n"
                "        reply = f.readline()\n"
                "    print(reply.decode().rstrip())\n")
        done = subprocess.run(
            ["python3", "-c", code, str(self.path), "EHLO x", *lines],
            capture_output=True, text=True, timeout=60, check=False, cwd="/",
            env=self.environment(), **self.as_(user))
        return done.stdout.splitlines()[1:]

    def opens(self, user, password):
        """True if AUTH PLAIN is taken."""
        return logins.smtp(self, user, password).startswith("235 ")


def xpasswd(before, after):
    """The command."""
    return f"XPASSWD {b64(before)} {b64(after)}"


def kept(function):
    """A test that begins with USER's password being OLD."""
    @functools.wraps(function)
    def test(server):
        server.passwd(USER, OLD)
        function(server)
    return logins.kept(test)


@kept
def test_script(server):
    """Two lines of standard input: the present password, and the new one"""
    before = server.users.stat()
    equal(oct(before.st_mode & 0o777), "0o600", "nobody else can read it")
    done = server.typed(USER)
    equal((done.returncode, done.stdout, done.stderr), (0, "", ""), "result")
    check(server.opens(USER, NEW) and not server.opens(USER, OLD), "logins")
    after = server.users.stat()
    equal([after.st_mode, after.st_uid, after.st_gid],
          [before.st_mode, before.st_uid, before.st_gid], "rights")
    wait_for(lambda: f"user: {USER} has a new password now, ip=[local]"
             in server.local.text(), "a line in the log")


@kept
def test_terminal(server):
    """At a terminal it asks, as passwd(1) does"""
    said, status = on_terminal(
        [server.program("smtpd", anybody=True), "-c", str(server.conf),
         "--passwd", USER],
        (("Present password: ", OLD + "\n"), ("New password: ", NEW + "\n"),
         ("Once more: ", NEW + "\n")),
        env=server.environment(), **server.as_(USER))
    equal(status, 0, said)
    check(server.opens(USER, NEW), "a login")
    check(NEW.encode() not in said and OLD.encode() not in said, said)


@kept
def test_generate(server):
    """--generate makes one, and prints it"""
    done = server.typed(USER, "--generate", lines=(OLD,))
    equal((done.returncode, done.stderr), (0, ""), "result")
    check(server.opens(USER, done.stdout.strip()), done.stdout)
    done = server.typed(USER, "--generate", lines=(OLD,))
    check(done.returncode == 65 and done.stdout == "", "the old one")


@kept
def test_refusals(server):
    """What is refused, and why; the file stays"""
    before = server.users.read_bytes()
    for words, lines, status, why in (
            ((USER,), ("wrong", NEW), 65, "535 5.7.8 Wrong password"),
            ((USER,), (OLD, "velvet-7"), 65, "The password is too short"),
            ((USER,), (OLD, OLD), 65, "is the present one"),
            ((USER,), (OLD,), 66, "no password on standard input"),
            (("alice",), (OLD, NEW), 77, "only root changes"),
            ((USER, "--label", "x"), (OLD, NEW), 77, "only root can do that"),
            ((USER, "--remove"), (), 77, "only root can do that"),
            ((USER, "--cram-md5"), (OLD, NEW), 77, "only root can do that"),
            ((USER, "--for", "smtp"), (OLD, NEW), 77, "only root can")):
        done = server.typed(*words, lines=lines)
        equal(done.returncode, status, f"{words}: {done.stderr}")
        check(why in done.stderr, f"{words}: {done.stderr}")
        check(NEW not in done.stderr and OLD not in done.stderr, done.stderr)
    equal(server.users.read_bytes(), before, "the file")


@kept
def test_uid(server):
    """The uid decides: another user, root, and a user whose mailbox belongs to
    somebody else change nothing"""
    server.passwd(OTHER, OLD)
    change = xpasswd(OLD, NEW)
    before = server.users.read_bytes()
    nobody = "550 5.7.0 No user here has your name"
    for user, text in (("bin", ""), ("root", ""), (USER, ":" + OTHER)):
        if text:
            server.users.write_text(re.sub(
                rf"(?m)^({USER}:.*)$", r"\1" + text,
                server.users.read_text()))
            before = server.users.read_bytes()
        last = server.said(user, "NOOP", change)[-1]
        check(last.startswith(nobody), f"{user}: {last}")
        equal(server.users.read_bytes(), before, f"the file, {user}")
    check(server.said(OTHER, change)[-1].startswith("250 2.7.0"), OTHER)
    check(server.opens(OTHER, NEW) and server.opens(USER, OLD), "logins")


@kept
def test_owner(server):
    """Users of the shared owner of mailboxes are nobody's own, for whoever runs
    as that owner"""
    check(server.said("mail", xpasswd(OLD, NEW))[-1].startswith("550 5.7.0"),
          "mail, who owns all mailboxes of users without an account")
    server.passwd("mail", OLD)
    check(server.said("mail", xpasswd(OLD, NEW))[-1].startswith("250 "),
          "its own name")


@kept
def test_guesses(server):
    """Three wrong passwords end the session"""
    said = server.said(USER, *[xpasswd(f"wrong {n}", NEW) for n in range(3)])
    check(all(x.startswith("535 5.7.8") for x in said), said)
    check(server.opens(USER, OLD), "the old one")


@kept
def test_malformed(server):
    """What is no two passwords in base64 is refused"""
    nul = base64.b64encode(b"a\0b").decode()
    for argument in ("", b64(OLD), f"{b64(OLD)}  {b64(NEW)}", "!! !!",
                     f"{nul} {b64(NEW)}", f"{b64(OLD)} {nul}",
                     f"{b64(OLD)} {b64('x' * 256)}", f"{b64('x' * 513)} eA==",
                     f"{b64(OLD)} {b64(NEW)} more"):
        last = server.said(USER, "XPASSWD " + argument)[-1]
        check(last.startswith("501 "), f"{argument[:40]}: {last}")
    last = server.said(USER, xpasswd(OLD, "\r\nrow of control"))[-1]
    check("control character" in last, last)
    check(server.opens(USER, OLD), "the old one")


@kept
def test_elsewhere(server):
    """At the ports there is no such command, whoever has logged in"""
    server.passwd(USER, OLD)
    for port in (server.smtp, server.submission):
        with server.connect(port) as talker:
            talker.hello()
            if port == server.submission:
                talker.login(USER, OLD)
            talker.expect("500 5.5.1", xpasswd(OLD, NEW))
    check(server.opens(USER, OLD), "the old one")


@kept
def test_pam(server):
    """A password that PAM knows is not ours to change"""
    server.users.write_text(server.users.read_text()
                            + "games:{PAM}\n")
    last = server.said("games", xpasswd(OLD, NEW))[-1]
    check(last.startswith("550 5.7.0") and "passwd(1)" in last, last)


def test_nobody_there(server):
    """Without a server at the socket it says who would have to be there"""
    config = server.conf.read_text()
    other = server.dir / "other.conf"
    other.write_text(config.replace(str(server.path), "/nonexistent/socket"))
    done = subprocess.run(
        [server.program("smtpd", anybody=True), "-c", str(other), "--passwd",
         USER], input=f"{OLD}\n{NEW}\n", text=True, capture_output=True,
        cwd="/", timeout=60, check=False, env=server.environment(),
        **server.as_(USER))
    equal(done.returncode, 69, done.stderr)
    check("/nonexistent/socket, which does not answer" in done.stderr,
          done.stderr)


def test_system(_server):
    """Where the users are the system's, passwd(1) is named"""
    with Scratch("users system\n", tls=False, users=False,
                 as_root=True) as scratch:
        done = scratch.call("smtpd", "--passwd", USER, stdin="x\ny\n")
        check(done.returncode == 64 and f"use passwd {USER}" in done.stderr,
              done.stderr)


def test_pair(server):
    """A socket pair has no uid: it is nobody"""
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(
        [server.program("smtpd"), "-c", str(server.conf), "-bs"],
        stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL, cwd="/",
        env=server.environment())
    theirs.close()
    with Talker(ours) as talker:
        talker.hello()
        talker.send(xpasswd(PASSWORDS["alice"], NEW) + "\r\n")
        check(talker.reply().code in (500, 550), "alice's")
    process.wait()


def test_no_password_in_the_logs(server):
    """No password reaches a log"""
    text = server.local.text() + server.smtpd.text()
    for word in (OLD, NEW, b64(OLD), b64(NEW), "{SCRAM"):
        check(word not in text, f"the log holds {word!r}")


if __name__ == "__main__":
    if not AM_ROOT:
        tap.skip("smtpd --passwd of users", "not root")
    else:
        with Server("socket %DIR/submission\npenalties off\n",
                    as_root=True) as fixture:
            tap.run(globals(), fixture)
    tap.finish()
