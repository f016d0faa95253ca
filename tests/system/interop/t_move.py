# SPDX-License-Identifier: ISC
"""A user moves here from another server, with clients that leave mail there.

Dovecot serves a Maildir by POP3, or servers that answer as Courier, qmail and
others do; getmail, fetchmail and mpop collect all of it and keep their lists.
Then the mail is imported with the list of UIDLs, and the same clients find us at
the same address: what they have does not come again, and what is new comes.
"""
import email
import re
import select
import socket
import socketserver
import subprocess
import threading

from lib import dovecot, peers
from lib.fakemx import FakeMx
from lib.player import PASSWORDS
from lib.scratch import Instance
from lib.tap import Tap, check, equal

tap = Tap()
PASSWORD = PASSWORDS["bob"]
COUNT = 5


def message(name):
    """A message, with LF."""
    return (f"From: carol@example.com\nTo: bob@example.org\nSubject: {name}\n"
            "Date: Mon, 06 Jan 2025 10:00:00 +0000\n"
            f"Message-ID: <{name}@example.com>\n\n.\nFrom {name}\n").encode()


NAMES = [f"m{n}" for n in range(COUNT)]


# ---- an address, and who answers there ----

class Handler(socketserver.StreamRequestHandler):
    """One connection."""

    def handle(self):
        self.server.answer(self)

    def say(self, text):
        """Sends a line, or several."""
        self.wfile.write(text.encode() + b"\r\n")

    def log_in(self):
        """The commands before the login; whether there was one."""
        self.say("+OK ready")
        for line in self.rfile:
            verb = line.split()[0].upper() if line.split() else b""
            if verb == b"CAPA":
                self.say("+OK\r\nTOP\r\nUIDL\r\nUSER\r\n.")
            elif verb == b"USER":
                self.say("+OK")
            elif verb == b"PASS":
                return True
            elif verb == b"QUIT":
                self.say("+OK")
                return False
            else:
                self.say("-ERR no")
        return False

    def splice(self, other):
        """Passes everything on, both ways, until one ends."""
        pairs = {self.connection: other, other: self.connection}
        while True:
            for ready in select.select(list(pairs), [], [], 60)[0]:
                data = ready.recv(65536)
                if not data:
                    return
                pairs[ready].sendall(data)


class Address(socketserver.ThreadingTCPServer):
    """127.0.0.1 and a port that stay the same."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = None
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


def ours(server):
    """Our pop3d answers."""
    def answer(handler):
        with socket.create_connection(("127.0.0.1", server.pop3)) as other:
            handler.splice(other)
    return answer


class Canned:
    """A server with these messages and UIDLs."""

    def __init__(self, texts):
        self.texts = texts          # (UIDL, message on the wire)

    def __call__(self, handler):
        if not handler.log_in():
            return
        handler.say("+OK")
        for line in handler.rfile:
            verb, *numbers = line.decode().split()
            at = int(numbers[0]) - 1 if numbers else None
            handler.say(self.reply(verb.upper(), at))
            if verb.upper() == "QUIT":
                return

    def reply(self, verb, at):
        """The answer to a command."""
        sizes = [str(len(text)) for _, text in self.texts]
        if verb == "STAT":
            return f"+OK {len(sizes)} {sum(map(int, sizes))}"
        if verb in ("LIST", "UIDL"):
            column = sizes if verb == "LIST" else [u for u, _ in self.texts]
            if at is not None:
                return f"+OK {at + 1} {column[at]}"
            return "\r\n".join(["+OK", *(f"{n} {word}" for n, word in
                                         enumerate(column, 1)), "."])
        if verb in ("RETR", "TOP"):
            text = self.texts[at][1].decode()
            return "+OK\r\n" + re.sub(r"(?m)^\.", "..", text) + "."
        return "+OK" if verb in ("NOOP", "QUIT", "RSET") else "-ERR no"


class Dovecot:
    """Dovecot's pop3 on a Maildir."""

    def __init__(self, server, maildir, **settings):
        self.server = server
        words = dovecot.command(server, "bob", dovecot.find(
            "pop3", "dovecot-pop3d"), dovecot.DEBIAN)
        place = {"mail_location": f"maildir:{maildir}"} \
            if dovecot.version() < (2, 4) else \
            {"mail_driver": "maildir", "mail_path": str(maildir),
             "mail_inbox_path": str(maildir), "mail_index_path": ""}
        for key, value in {**place, **settings}.items():
            words += ["-o", f"{key}={value}"]
        self.words = words

    def __call__(self, handler):
        if not handler.log_in():
            return
        mine, theirs = socket.socketpair()
        process = subprocess.Popen(
            self.words, stdin=theirs, stdout=theirs, cwd="/",
            env=dovecot.environment(self.server, "bob"),
            **self.server.as_user())
        theirs.close()
        handler.say("+OK Logged in.")
        with mine:
            handler.splice(mine)
        process.wait()


# ---- the clients ----

class Client:
    """One that leaves mail on the server, and knows what it has by UIDL."""

    def __init__(self, server, port):
        self.server, self.port = server, port
        self.folder = server.dir / type(self).__name__.lower()
        self.folder.mkdir(exist_ok=True)
        self.folder.chmod(0o700)
        for path in self.folder.iterdir():
            path.unlink()

    def run(self, name, package, *args, status=(0,)):
        """Runs it to its end."""
        self.server.own()
        done = subprocess.run(
            [peers.find(name, package), *map(str, args)], timeout=120,
            capture_output=True, cwd=self.folder, check=False,
            env=dict(self.server.environment(), FETCHMAILHOME=str(
                self.folder)), **self.server.as_user())
        check(done.returncode in status, f"{name}: {done.returncode} "
              f"{done.stderr[-600:]!r} {done.stdout[-600:]!r}")

    def file(self, name, text):
        """A file of its own."""
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        return path


class Getmail(Client):
    """getmail6."""

    def collect(self):
        """What it collects: subjects."""
        with FakeMx(lmtp=True) as hop:
            self.file("getmailrc", (
                "[retriever]\ntype = SimplePOP3Retriever\n"
                f"server = 127.0.0.1\nport = {self.port}\nusername = bob\n"
                f"password = {PASSWORD}\n[destination]\ntype = MDA_lmtp\n"
                f"host = 127.0.0.1\nport = {hop.port}\n"
                "override = bob@example.org\n[options]\nread_all = false\n"
                "delete = false\ndelivered_to = false\nreceived = false\n"))
            self.run("getmail", "getmail6", f"--getmaildir={self.folder}")
            return [email.message_from_bytes(m.body)["Subject"]
                    for m in hop.messages]


class Fetchmail(Client):
    """fetchmail, which ends with 1 if there is nothing new."""

    def collect(self):
        """What it collects: subjects."""
        rc = self.file("rc", (
            f"poll 127.0.0.1 protocol pop3 port {self.port} user bob "
            f"password \"{PASSWORD}\" sslproto '' "
            f"mda \"cat >> {self.folder}/got\"\n"))
        got = self.file("got", "")
        self.run("fetchmail", "fetchmail", "-f", rc, "--nodetach",
                 "--nosyslog", "--pidfile", self.folder / "pid", "-i",
                 self.folder / "ids", "--keep", "--uidl", status=(0, 1))
        return re.findall(r"^Subject: (.*)", got.read_text(), re.M)


class Mpop(Client):
    """mpop."""

    def collect(self):
        """What it collects: subjects."""
        got = self.file("got", "")
        rc = self.file("rc", (
            f"account x\nhost 127.0.0.1\nport {self.port}\ntls off\n"
            f"auth user\nuser bob\npassword {PASSWORD}\nkeep on\n"
            f"uidls_file {self.folder}/uidls\nreceived_header off\n"
            f"delivery mbox {got}\naccount default : x\n"))
        self.run("mpop", "mpop", "-C", rc)
        return re.findall(r"^Subject: (.*)", got.read_text(), re.M)


CLIENTS = (Getmail, Fetchmail, Mpop)


# ---- the move ----

def make_maildir(server, names):
    """A Maildir, with files of these names for the messages."""
    path = server.dir / "old"
    subprocess.run(["rm", "-rf", path], check=True)
    for folder in ("cur", "new", "tmp"):
        (path / folder).mkdir(parents=True)
    for name, subject in zip(names, NAMES):
        (path / name).write_bytes(message(subject))
    for place in [path, *path.rglob("*")]:
        if server.user:
            subprocess.run(["chown", str(server.user.pw_uid), place],
                           check=True)
    return path


def uidls(port):
    """What curl prints of the UIDLs."""
    done = subprocess.run(
        [peers.find("curl", "curl"), "-sS", "-u", f"bob:{PASSWORD}",
         f"pop3://127.0.0.1:{port}/", "-X", "UIDL"], capture_output=True,
        text=True, timeout=60, check=False)
    equal(done.returncode, 0, done.stderr)
    return done.stdout


def forget(server):
    """bob has no mail here yet."""
    for path in (server.mailbox("bob"),
                 server.dir / "state/users/bob/imported"):
        path.unlink(missing_ok=True)


def move(server, address, old, source, *options):
    """Moves from an old server to ours; every client comes along."""
    forget(server)
    address.answer = old
    before = uidls(address.port)
    clients = [kind(server, address.port) for kind in CLIENTS]
    for client in clients:
        equal(sorted(client.collect()), NAMES, "at the old server")
        equal(client.collect(), [], "again")
    if options == ("curl",):
        (server.dir / "uidls").write_text(before)
        options = "--uidls", server.dir / "uidls"
    done = server.call("pop3d", "--import", "bob", source, *options)
    equal(done.returncode, 0, done.stderr)
    address.answer = ours(server)
    equal(uidls(address.port), before, "UIDLs")
    for client in clients:
        equal(client.collect(), [], "here, nothing comes twice")
    with server.connect(server.smtp) as talker:
        talker.hello()
        talker.submit("carol@example.com", ["bob@example.org"],
                      message("news").replace(b"\n", b"\r\n"))
    for client in clients:
        equal(client.collect(), ["news"], "and what is new comes")


FILES = [f"cur/{1000 + n}.M{n}.host,S={len(message(name))}:2,S"
         for n, name in enumerate(NAMES)]
BASES = [name[4:-4] for name in FILES]


def canned(told):
    """A server with the messages and these UIDLs."""
    return Canned([(uidl, message(name).replace(b"\n", b"\r\n"))
                   for uidl, name in zip(told, NAMES)])


def test_dovecot(server, address):
    """From Dovecot with a Maildir, in the default format and in another"""
    for more, options in (
            ({}, ()), ({"pop3_uidl_format": "%v-%u"},
                       ("--uidl-format", "%v-%u")),
            ({"pop3_uidl_format": "%f"}, ("--uidl-format", "%f"))):
        if more and dovecot.version() >= (2, 4):
            continue
        maildir = make_maildir(server, FILES)
        move(server, address, Dovecot(server, maildir, **more), maildir,
             "--uidls", maildir / "dovecot-uidlist", *options)


def test_courier(server, address):
    """From Courier with its list"""
    maildir = make_maildir(server, FILES)
    (maildir / "courierpop3dsizelist").write_text(
        "/3 12 1734567890\n" + "".join(
            f"{base}:2,S 100 {n + 3}:1734567890:0\n"
            for n, base in enumerate(BASES)))
    move(server, address, canned(f"UID{n + 3}-1734567890"
                                 for n in range(COUNT)), maildir,
         "--uidls", maildir / "courierpop3dsizelist")


def test_qmail(server, address):
    """From qmail, whose UIDLs are the names of files"""
    maildir = make_maildir(server, FILES)
    move(server, address, canned(BASES), maildir, "--uidls", "names")


def test_any(server, address):
    """From any other server, by what curl prints, and an mbox"""
    box = server.dir / "old.mbox"
    box.write_bytes(b"".join(
        b"From a@b Mon Jan  6 10:00:00 2025\n"
        + message(name).replace(b"\nFrom ", b"\n>From ") + b"\n"
        for name in NAMES))
    move(server, address, canned(f"<{n}.~odd/{n * 7}>" for n in range(COUNT)),
         box, "curl")


if __name__ == "__main__":
    with Instance("plaintext-login always\nuidl header") as site, \
            Address() as place:
        tap.run(globals(), site, place)
        place.shutdown()
    tap.finish()
