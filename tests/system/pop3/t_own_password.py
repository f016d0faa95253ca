# SPDX-License-Identifier: ISC
"""Users change their own passwords at port 106, as webmail programs do it for
them: only from this machine, only by the present password, only their own line
of the users file, and at once for all servers. Nothing else in the file
changes, and nobody else's change is lost."""
import fcntl
import os
import re
import socket
import stat
import struct
import subprocess
import sys
import threading

from lib import logins, proc
from lib.logins import PasswordServer, kept
from lib.namespace import LOOPBACK, NETWORK, again
from lib.player import PASSWORDS
from lib.scratch import AM_ROOT, Scratch, tool
from lib.talk import Closed, Talker
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
ALICE, BOB = PASSWORDS["alice"], PASSWORDS["bob"]
NEW = "kiln apron velvet"
ACL = "system.posix_acl_access"


class Server(PasswordServer):
    """These, and clients of the one for passwords."""

    def dial(self):
        """A connection to it, whose greeting has been read."""
        talker = self.connect(self.passwords.ports[0])
        talker.expect("200 ")
        return talker

    def change(self, user, before, after):
        """The last reply to a whole change."""
        with self.dial() as talker:
            talker.expect("200 ", "USER " + user)
            talker.send(f"PASS {before}\r\n")
            reply = talker.reply().last
            if reply.startswith("200 "):
                talker.send(f"NEWPASS {after}\r\n")
                reply = talker.reply().last
            return reply

    def smtp_login(self, user, password):
        """The code of AUTH PLAIN."""
        return int(logins.smtp(self, user, password)[:3])

    def pop_opens(self, user, password):
        """True if USER and PASS open the mailbox."""
        return logins.pop3(self, user, password).startswith("+OK")

    def scram_opens(self, user, password, name="SCRAM-SHA-256"):
        """True if a proof of SCRAM opens SMTP."""
        return logins.scram(self, user, password, name).startswith("235 ")


@kept
def test_webmail(server):
    """The dialogue of a webmail's driver: lower case, and no QUIT"""
    sock = socket.create_connection(("127.0.0.1", server.passwords.ports[0]))
    with sock, sock.makefile("rwb") as talk:
        good = (rb"2\d\d", rb"[23]\d\d", rb"[23]\d\d", rb"2\d\d")
        for line, want in zip((None, b"user bob", b"pass " + BOB.encode(),
                               b"newpass " + NEW.encode()), good):
            if line is not None:
                talk.write(line + b"\r\n")
                talk.flush()
            reply = talk.readline().rstrip()
            check(re.match(want, reply), f"{line}: {reply}")
    equal((server.smtp_login("bob", NEW), server.smtp_login("bob", BOB)),
          (235, 535), "SMTP")
    equal((server.pop_opens("bob", NEW), server.pop_opens("bob", BOB)),
          (True, False), "POP3")


@kept
def test_at_once(server):
    """Servers that run, and a session that is open, know it at once"""
    with server.connect(server.pop3) as talker:
        talker.pop("+OK")
        equal(server.change("alice", ALICE, NEW)[:4], "200 ", "the change")
        talker.pop("+OK", "USER alice")
        talker.pop("-ERR", "PASS " + ALICE)
        talker.pop("+OK", "USER alice")
        talker.pop("+OK", "PASS " + NEW)
    check(server.scram_opens("alice", NEW), "SCRAM with the new one")
    check(not server.scram_opens("alice", ALICE), "SCRAM with the old one")
    equal(server.change("alice", ALICE, NEW + "2")[:4], "500 ", "the old one")


@kept
def test_kinds(server):
    """Each kind of secret is renewed, and what is none stays"""
    server.passwd("alice", ALICE, "--cram-md5", "--scram-sha-1")
    server.passwd("alice", "of the phone", "--label", "phone")
    text = server.users.read_text()
    crypted = subprocess.run(
        ["openssl", "passwd", "-6", BOB], capture_output=True, text=True,
        check=True).stdout.strip()
    text = re.sub(r"(?m)^(alice:.*)$",
                  r"\1 {OAUTH} {EXTERNAL}sha256-" + "ab" * 32, text)
    text = re.sub(r"(?m)^bob:.*$", f"bob:{crypted}", text)
    server.users.write_text(text)
    equal(server.change("alice", ALICE, NEW)[:4], "200 ", "alice")
    equal(server.change("bob", BOB, NEW)[:4], "200 ", "bob")
    before, after = text.splitlines(), server.users.read_text().splitlines()
    equal(len(after), len(before), "lines")
    words = {x.partition(":")[0]: x.partition(":")[2].split() for x in after}
    kinds = [re.match(r"\{[^}]*\}", w).group() for w in words["alice"]]
    equal(kinds, ["{SCRAM-SHA-256}", "{SCRAM-SHA-1}", "{CRAM-MD5}", "{OAUTH}",
                  "{EXTERNAL}"], "kinds")
    old = [x for x in before if x.startswith("alice:")][0].split(":")[1].split()
    equal([a == b for a, b in zip(old, words["alice"])],
          [False, False, False, True, True], "what is new")
    check(words["bob"][0].startswith("$6$") and crypted not in words["bob"],
          words["bob"])
    equal([x for x in after if "/phone" in x],
          [x for x in before if "/phone" in x], "the phone's line")
    for user in ("alice", "bob"):
        equal((server.smtp_login(user, NEW), server.pop_opens(user, NEW)),
              (235, True), user)
    equal(server.smtp_login("alice", "of the phone"), 235, "the phone")
    equal(len({x.split("$")[1] for x in after if x.startswith("alice")}), 1,
          "salts of alice's")


@kept
def test_rest_of_the_file(server):
    """Comments, order, owners, terms and odd lines stay, octet for octet"""
    line = [x for x in server.users.read_text().splitlines()
            if x.startswith("bob:")][0]
    odd = [b"# ours", b"", b"  # indented", b"x" * 9000, b"nul:\0here:x",
           b"windows:*:vmail\r", b"carol:!:vmail:for=pop3 until=2031-12-31"]
    text = b"\n".join([*odd[:3], b"Bob:" + line[4:].encode()
                       + b":vmail:until=2199-12-31", *odd[3:], b"# no end"])
    server.users.write_bytes(text)
    equal(server.change("bob", BOB, NEW)[:4], "200 ", "the change")
    was, now = text.split(b"\n"), server.users.read_bytes().split(b"\n")
    equal(now[:3] + now[4:], was[:3] + was[4:] + [b""], "the others")
    check(re.fullmatch(rb"Bob:\{SCRAM-SHA-256\}\S+:vmail:until=2199-12-31",
                       now[3]), now[3])
    equal(server.smtp_login("bob", NEW), 235, "it opens")


@kept
def test_rights(server):
    """The file's mode and access list stay, and a link stays a link"""
    real = server.dir / "elsewhere" / "users"
    real.parent.mkdir()
    server.users.rename(real)
    server.users.symlink_to("elsewhere/users")
    server.own()
    real.chmod(0o640)
    acl = struct.pack("<I", 2) + b"".join(
        struct.pack("<HHI", *entry) for entry in (
            (1, 6, 0xffffffff), (2, 4, 12345), (4, 4, 0xffffffff),
            (0x10, 4, 0xffffffff), (0x20, 0, 0xffffffff)))
    try:
        os.setxattr(real, ACL, acl)
    except OSError as error:
        tap.diag(f"no access lists here: {error}")
        acl = None
    before = real.stat()
    try:
        equal(server.change("bob", BOB, NEW)[:4], "200 ", "the change")
        after = real.stat()
        check(server.users.is_symlink(), "the link was replaced")
        check(after.st_ino != before.st_ino, "the file was not replaced")
        equal([stat.S_IMODE(after.st_mode), after.st_uid, after.st_gid],
              [stat.S_IMODE(before.st_mode), before.st_uid, before.st_gid],
              "mode and owner")
        equal(acl and os.getxattr(real, ACL), acl, "the access list")
        equal([p.name for p in real.parent.iterdir()], ["users"], "what lies "
              "there")
        server.passwd("bob", BOB)
        check(server.users.is_symlink(), "--passwd has replaced the link")
    finally:
        server.users.unlink()
        real.rename(server.users)
        real.parent.rmdir()


@kept
def test_weak(server):
    """A weak password is refused with the rule in words, and the old one stays;
    then a better one is taken"""
    before = server.users.read_bytes()
    with server.dial() as talker:
        talker.expect("200 ", "USER bob")
        talker.expect("200 ", "PASS " + BOB)
        for password, words in (
                ("velvet-7", "is too short"),
                ("aaaaaaaaaaaa", "one character over and over"),
                ("1234567890123", "row of the keyboard"),
                ("bob-bob-bob-bob", "name of the user"),
                ("mail.example.org", "name of the user or of the server"),
                ("Password2026", "tried first"),
                (BOB, "present one"), ("x" * 256, "255 octets"),
                ("tabulator\tin it", "control character")):
            reply = talker.expect("500 ", "NEWPASS " + password).last
            check(words in reply, f"{password}: {reply}")
            check(password not in reply, reply)
        talker.send(b"NEWPASS fa\xe7ade in latin one\r\n")
        check("not UTF-8" in talker.expect("500 ").last, "8-bit")
        equal(server.users.read_bytes(), before, "the file")
        talker.expect("200 ", "NEWPASS  " + "é " * 60 + "(two blanks) ")
        talker.expect("200 ", "QUIT")
        talker.closed()
    check(server.pop_opens("bob", " " + "é " * 60 + "(two blanks) "),
          "it was changed on the way")


@kept
def test_longest(server):
    """255 octets are taken, and open"""
    long = "abcdefg hijk" * 21 + "xyz"
    equal(len(long), 255, "octets")
    equal(server.change("bob", BOB, long)[:4], "200 ", "the change")
    check(server.pop_opens("bob", long), "it opens")
    check(not server.pop_opens("bob", long[:-1]), "cut off")


def test_no_commands(server):
    """NUL, a bare CR, too long a line or another verb ends the session"""
    before = server.users.read_bytes()
    for said in (b"NEWPASS ab\0cdefghijkl\r\n", b"NEWPASS abcdef\rghijkl\r\n",
                 b"NEWPASS " + b"x" * 1100 + b"\r\n", b"NEWPASS\r\n",
                 b"\r\n", b"DELE 1\r\n", b"PASS again\r\n",
                 b"POST / HTTP/1.1\r\n"):
        with server.dial() as talker:
            talker.expect("200 ", "USER bob")
            talker.expect("200 ", "PASS " + BOB)
            talker.send(said)
            talker.expect("500 ")
            talker.closed()
    equal(server.users.read_bytes(), before, "the file")


def test_order(server):
    """The order is kept, and after the change there is only QUIT"""
    for said in ("PASS x", "NEWPASS " + NEW, "STLS", "CAPA", "USER"):
        with server.dial() as talker:
            talker.expect("500 ", said)
            talker.closed()
    with server.dial() as talker:
        talker.expect("200 ", "USER alice")
        talker.expect("200 ", "USER bob")   # another name, before PASS
        talker.expect("200 ", "QUIT")
        talker.closed()


def test_three_tries(server):
    """Of bad passwords three are heard; users that do not exist look the
    same"""
    said = []
    for user in ("bob", "nobody-here", "b\xe4d name", "root", "../bob",
                 "x" * 255):
        with server.dial() as talker:
            lines = []
            for _ in range(3):
                lines.append(talker.expect("200 ", "USER " + user).last)
                lines.append(talker.expect("500 ", "PASS wrong").last)
            talker.closed()
        said.append(lines)
    equal(said, [said[0]] * len(said), "replies")
    wait_for(lambda: server.passwords.text().count("LOGIN FAILED, user=bob")
             >= 3, "the failures in the log")


def traced(server, user):
    """The calls of server, session and worker for a wrong password."""
    log = server.dir / "strace.out"
    with server.dial() as talker:
        talker.expect("200 ", "USER " + user)
        pids = [server.passwords.pid, *proc.children(server.passwords.pid)]
        with subprocess.Popen(
                ["strace", "-f", "-qq", "-e",
                 "trace=clock_nanosleep,exit_group", "-o", str(log),
                 *(word for pid in pids for word in ("-p", str(pid)))],
                stderr=subprocess.DEVNULL) as tracer:
            wait_for(lambda: all(proc.status(pid).get("TracerPid") != "0"
                                 for pid in pids), "strace")
            talker.expect("500 ", "PASS wrong")
            tracer.terminate()
    return log.read_text()


def test_time(server):
    """A refusal comes a second after PASS, for a known user as for another"""
    if not tool("strace"):
        raise Skip("no strace")
    for user in ("bob", "nobody-here"):
        text = traced(server, user)
        check(re.search(r"clock_nanosleep\(CLOCK_MONOTONIC, 0, "
                        r"\{tv_sec=0, tv_nsec=\d{3,9}\}", text),
              f"{user}: no pause: {text}")
        check("exit_group(1)" in text, f"{user}: no refusal: {text}")


@kept
def test_device(server):
    """The password of a device changes nothing, and the log says why"""
    server.passwd("bob", "of the phone", "--label", "phone")
    before = server.users.read_bytes()
    equal(server.change("bob", "of the phone", NEW)[:4], "500 ", "the reply")
    equal(server.users.read_bytes(), before, "the file")
    wait_for(lambda: 'the password "phone" of bob does not change passwords'
             in server.passwords.text(), "the reason in the log")
    server.passwd("bob", BOB, "--for", "smtp")
    equal(server.change("bob", BOB, NEW)[:4], "200 ", "one for SMTP alone")
    check(server.users.read_text().count(":for=smtp") == 1, "the terms")
    server.passwd("bob", BOB, "--until", "2001-01-01")
    equal(server.change("bob", BOB, NEW)[:4], "500 ", "one that is over")


@kept
def test_not_ours(server):
    """Who has no password in the file is not given one"""
    text = server.users.read_text()
    for credential in ("!", "", "{OAUTH}", "{EXTERNAL}sha256-" + "ab" * 32):
        server.users.write_text(re.sub(r"(?m)^bob:.*$", "bob:" + credential,
                                       text))
        for password in ("", credential, BOB):
            check(server.change("bob", password, NEW).startswith("500 "),
                  f"{credential}: {password}")


def test_parallel(server):
    """Users who change theirs at the same time lose nothing"""
    text, many = server.users.read_text(), 24
    line = [x for x in text.splitlines() if x.startswith("bob:")][0][4:]
    server.users.write_text(text + "".join(
        f"user{n}:{line}\n# after {n}\n" for n in range(many)))
    said = {}

    def one(number):
        said[number] = server.change(f"user{number}", BOB, f"{NEW} {number}")

    try:
        threads = [threading.Thread(target=one, args=(n,))
                   for n in range(many)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        equal({n: said[n][:4] for n in said}, dict.fromkeys(range(many),
                                                           "200 "), "replies")
        now = server.users.read_text().splitlines()
        equal(len(now), len(text.splitlines()) + 2 * many, "lines")
        for number in (0, 7, many - 1):
            check(server.pop_opens(f"user{number}", f"{NEW} {number}"), number)
        equal(len(set(x.partition(":")[2] for x in now
                      if x.startswith("user"))), many, "different ones")
    finally:
        server.users.write_text(text)


@kept
def test_same_user_twice(server):
    """Of two changes by one old password, one is made"""
    talkers = [server.dial() for _ in range(2)]
    for talker in talkers:
        talker.expect("200 ", "USER bob")
        talker.expect("200 ", "PASS " + BOB)
    talkers[0].expect("200 ", "NEWPASS " + NEW)
    talkers[1].expect("500 Wrong", "NEWPASS " + NEW + " 2")
    talkers[1].closed()
    check(server.pop_opens("bob", NEW), "the first one counts")


@kept
def test_locked(server):
    """Another program's lock on the folder keeps nobody waiting; what a kill
    has left is taken away"""
    (server.dir / ".users.new").write_text("half a li")
    server.own()
    fd = os.open(server.dir, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        equal(server.change("bob", BOB, NEW)[:4], "200 ", "the change")
    finally:
        os.close(fd)
    check(not (server.dir / ".users.new").exists(), "it is there still")


@kept
def test_cannot(server):
    """Where the file cannot be replaced, the reply says it, and the log why"""
    (server.dir / ".users.new").mkdir()
    before = server.users.read_bytes()
    server.own()
    try:
        reply = server.change("bob", BOB, NEW)
        check(reply.startswith("500 Cannot change the password now"), reply)
    finally:
        (server.dir / ".users.new").rmdir()
    equal(server.users.read_bytes(), before, "the file")
    wait_for(lambda: f"cannot write {server.users}" in server.passwords.text(),
             "the reason in the log")
    check(server.pop_opens("bob", BOB), "the old one")


def test_listener(_server):
    """-l takes a loopback address alone, and smtpd has no such role"""
    with Scratch(tls=False) as scratch:
        for spec in ("0.0.0.0:0=passwd", "*:0=passwd", "[::]:0=passwd"):
            done = scratch.call("pop3d", "-l", spec)
            check(done.returncode != 0 and "127.0.0.1:106=passwd"
                  in done.stderr, f"{spec}: {done.stderr}")
        done = scratch.call("smtpd", "-l", "127.0.0.1:0=passwd")
        check("mx or submission" in done.stderr, done.stderr)
        done = scratch.call("pop3d", "-l", "127.0.0.1:0=mx")
        check("the role after = is passwd" in done.stderr, done.stderr)
        done = scratch.call("pop3d", "--role", "mx")
        check("--role takes passwd" in done.stderr, done.stderr)


def test_inetd(_server):
    """By inetd the option --role says what the listener is"""
    with Scratch(tls=False) as scratch:
        talker, process = scratch.session("pop3d", "--role", "passwd")
        with talker:
            talker.expect("200 ")
            talker.expect("200 ", "USER bob")
            talker.expect("200 ", "PASS " + BOB)
            talker.expect("200 ", "NEWPASS " + NEW)
            talker.expect("200 ", "QUIT")
            talker.closed()
        equal(process.wait(), 0, "exit status")
        check(BOB not in scratch.users.read_text(), "clear text")


def test_proxy(_server):
    """A proxy speaks for nobody here: its header ends the session"""
    with Server("proxy 127.0.0.1\ntrust 192.0.2.0/24\n", tls=False) as server:
        equal(server.change("bob", BOB, NEW)[:4], "200 ", "without a header")
        one = b"PROXY TCP4 127.0.0.1 127.0.0.1 4711 106\r\n"
        two = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12)
        for header in (one, two):
            with server.connect(server.passwords.ports[0]) as talker:
                talker.send(header + b"USER bob\r\nPASS " + NEW.encode()
                            + b"\r\nNEWPASS " + BOB.encode() + b"\r\n")
                lines = talker.rest().split(b"\r\n")
            check(lines[0].startswith(b"200 ") and lines[1].startswith(b"500 ")
                  and lines[2:] == [b""], f"{header}: {lines}")
        equal(server.change("bob", NEW, BOB)[:4], "200 ", "the new one holds")


def test_penalties(_server):
    """Guesses count here, though they come from this machine; elsewhere they
    do not, and `penalties off` holds"""
    for config, refused in (("", True), ("penalties off\n", False)):
        with Server(config, tls=False) as server:
            guesses, shut = 0, False
            while guesses < 60 and not shut:
                try:
                    with server.connect(server.passwords.ports[0]) as talker:
                        shut = talker.reply().code != 200
                        if not shut:
                            for _ in range(3):
                                talker.expect("200 ", "USER bob")
                                talker.expect("500 ", f"PASS {guesses}")
                                guesses += 1
                except Closed:
                    shut = True
                if not refused and guesses >= 12:
                    break
            equal(shut, refused, f"{config!r}: after {guesses} guesses")
            check(server.pop_opens("bob", BOB), "POP3 is shut, too")


def test_plaintext(_server):
    """`plaintext-login never` holds here, too"""
    with Server("plaintext-login never\n") as server:
        with server.dial() as talker:
            talker.expect("500 Passwords need TLS", "USER bob")
            talker.closed()


def test_system(_server):
    """Where the users are the system's, passwd(1) is named"""
    with Scratch("users system\n", tls=False, users=False) as scratch:
        talker, process = scratch.session("pop3d", "--role", "passwd")
        with talker:
            talker.expect("200 ")
            reply = talker.expect("500 ", "USER root").last
            check("passwd(1)" in reply, reply)
            talker.closed()
        process.wait()


def test_no_password_in_the_logs(server):
    """No password reaches a log"""
    text = server.passwords.text() + server.pop3d.text()
    for word in (BOB, ALICE, NEW, "velvet", "{SCRAM", "of the phone"):
        check(word not in text, f"the log holds {word!r}")
    check("user: bob has a new password now, ip=[127.0.0.1]"
          in text, "no line about a change")


# ---- in a network of our own ----

def cases_remote():
    """From elsewhere nobody is served, whatever the listener is"""
    if not AM_ROOT:
        raise Skip("needs root")
    again(tap, "inside", LOOPBACK, 280, NETWORK)


def inside():
    """192.0.2.1 is an address of this machine, and not loopback."""
    subprocess.run(LOOPBACK, check=True)
    subprocess.run(["ip", "address", "add", "192.0.2.1/32", "dev", "lo"],
                   check=True)
    with tap.case("from elsewhere nobody is served, and the log says it"), \
            Scratch("trust 192.0.2.0/24\n", tls=False) as scratch, \
            socket.create_server(("0.0.0.0", 106)) as listener:
        log = scratch.dir / "pop3d.log"
        with open(log, "ab") as out:
            process = scratch.popen(scratch.command("pop3d"), stdin=listener,
                                    stdout=out, stderr=out)
        for source, want in (("192.0.2.1", 500), ("127.0.0.1", 200)):
            sock = socket.create_connection((source, 106), 60, (source, 0))
            with Talker(sock) as talker:
                equal(talker.reply().code, want, source)
                if want == 500:
                    talker.closed()
        text = log.read_text()
        check("changed from this machine alone, and 0.0.0.0:106" in text, text)
        check("ip=[192.0.2.1], refused: passwords are changed from this "
              "machine alone" in text, text)
        process.kill()
        process.wait()
    with tap.case("--check says that the listener is not on loopback"), \
            Scratch(tls=False, as_root=True) as scratch:
        for address, want in (("0.0.0.0", True), ("127.0.0.1", False),
                              ("192.0.2.1", True)):
            with socket.create_server((address, 106)):
                said = scratch.call("pop3d", "--check").stdout
                equal("port 106" in said and "127.0.0.1" in said, want,
                      f"{address}: {said}")


if __name__ == "__main__":
    if sys.argv[1:] == ["inside"]:
        inside()
        tap.finish()
    with Server("penalties-exempt 127.0.0.1\n") as fixture:
        tap.run({k: v for k, v in globals().items()
                 if k.startswith("test_")}, fixture)
    with tap.case("a network of our own"):
        cases_remote()
    tap.finish()
