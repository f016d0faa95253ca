# SPDX-License-Identifier: ISC
"""Which process has which secret in its memory: what SECURITY.md's table says,
and nothing else.

All readable memory of a process of each kind is searched, through /proc, for
each kind of secret, in each form that it could have there.
"""
import base64
import hashlib
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

from lib import proc
from lib.fakemx import STALL, FakeMx
from lib.player import PASSWORDS
from lib.resolver import Resolver, batch
from lib.scratch import (ALICE, AM_ROOT, SRC, Instance, client_context,
                         make_certificate, tool)
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
RELAY = "r3lay-passw0rd-of-the-smarthost"
SECRETS = ("private keys", "relay passwords", "verifiers", "users' passwords",
           "forwarding key")
FORWARDING = hashlib.sha256(b"forwarding key").digest()
MOST = 64 << 20     # octets of one mapping that are read
CONFIG = f"""tls %DIR/tls.pem
tls %DIR/rsa.pem
aliases %DIR/aliases
alias-owner nobody
relay smtp://mailer:{RELAY}@127.0.0.1:%PORT?tls=never
"""


def table():
    """{process: {secret: what its cell says}} of SECURITY.md."""
    text = (SRC / "SECURITY.md").read_text()
    part = text.split("\n## Which process has which secret\n")[1] \
               .split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")]
            for line in part.splitlines() if line.startswith("|")]
    equal(tuple(rows[0][1:]), SECRETS, "the columns")
    return {row[0]: dict(zip(SECRETS, row[1:])) for row in rows[2:]}


def numbers(pem):
    """The secret numbers of a key, as octets."""
    text = subprocess.run(["openssl", "pkey", "-in", str(pem), "-noout",
                           "-text"], capture_output=True, text=True,
                          check=True).stdout
    for name in ("priv", "privateExponent", "prime1", "prime2", "exponent1",
                 "exponent2", "coefficient"):
        match = re.search(rf"^{name}:\n((?:    .*\n)+)", text, re.M)
        if match:
            yield bytes.fromhex(re.sub(r"[\s:]", "", match.group(1))) \
                .lstrip(b"\0")


def key_forms(pem):
    """What a private key could look like in memory."""
    text = pem.read_text()
    body = text.split("PRIVATE KEY-----\n")[1].split("-----END")[0]
    der = base64.b64decode(body)
    for number in numbers(pem):
        yield number            # as DER and GnuTLS have it
        yield number[::-1]      # as GMP does, on this kind of machine
    # Not what the public key begins with, too.
    for line in body.splitlines():
        if len(line) >= 64:
            yield line.encode()
    yield der[-48:] if b"BEGIN EC" in text.encode() else der[:64]


def public_parts(pem):
    """The octets of the certificates, which everybody may have."""
    text = pem.read_text()
    return b"".join(base64.b64decode(part.split("-----END")[0])
                    for part in text.split("CERTIFICATE-----\n")[1:]
                    if part.strip())


def secrets(server):
    """{kind: forms} of all that is looked for."""
    keys = [form for pem in (server.pem, server.dir / "rsa.pem")
            for form in key_forms(pem)
            if form not in public_parts(pem) and len(form) >= 24]
    check(len(keys) > 20, f"only {len(keys)} forms of the keys")
    verifiers = [word.encode() for word in re.findall(
        r"\{[A-Z0-9-]+\}(\S{20,})", server.users.read_text())]
    check(len(verifiers) >= 3, "no verifiers to look for")
    name, password = ALICE
    plain = f"\0{name}\0{password}".encode()
    return {"private keys": keys, "relay passwords": [RELAY.encode()],
            "verifiers": verifiers,
            "users' passwords": [password.encode(), base64.b64encode(plain)],
            "forwarding key": [FORWARDING, FORWARDING.hex().encode()]}


def memory(pid):
    """All readable memory of a process."""
    parts = []
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) r", line)
            if match and "[v" not in line:
                start, end = (int(x, 16) for x in match.groups())
                try:
                    file.seek(start)
                    parts.append(file.read(min(end - start, MOST)))
                except OSError:
                    pass
    check(sum(map(len, parts)) > 100000, f"no memory of {pid} was read")
    return b"\0".join(parts)


def found(pid, wanted):
    """The kinds of secrets that a process has."""
    text = memory(pid)
    return {kind for kind, forms in wanted.items()
            if any(form in text for form in forms)}


def jailed(daemon):
    """The one sandboxed child of a server."""
    def ready():
        pids = [p for p in proc.children(daemon.pid)
                if proc.status(p).get("Seccomp") == "2"]
        return len(pids) == 1 and pids[0]
    return wait_for(ready, "one sandboxed process")


class Searched:
    """Searches processes, and remembers what they have."""

    def __init__(self, server):
        self.server, self.wanted, self.has = server, secrets(server), {}

    def look(self, kind, pid):
        """Searches a process of that kind."""
        self.has.setdefault(kind, set()).update(found(pid, self.wanted))

    def sessions(self):
        """Sessions before and after a login, and what else belongs to them."""
        server, tls = self.server, client_context()
        ways = ((server.smtpd, server.smtp, None, ""),
                (server.smtpd, server.smtp, None, "STARTTLS"),
                (server.smtpd, server.submissions, tls, ""),
                (server.pop3d, server.pop3, None, ""),
                (server.pop3d, server.pop3, None, "STLS"),
                (server.pop3d, server.pop3s, tls, ""))
        for daemon, port, context, command in ways:
            with server.connect(port, context) as talker:
                talker.pop(("220 ", "+OK"))
                if command:
                    talker.pop(("220 ", "250 ", "+OK"), command) \
                        if command == "STLS" else self.starttls(talker)
                    talker.start_tls(client_context())
                self.look("session", jailed(daemon))
            self.over(daemon)

    def residents(self):
        """A worker that stays for the next mail to a mailbox."""
        server = self.server
        for _ in range(2):
            with server.connect(server.smtp) as talker:
                talker.hello()
                talker.submit("a@example.com", ["bob@example.org"],
                              b"Subject: x\r\n\r\nx\r\n")
                talker.expect("221 ", "QUIT")
        pid = re.findall(r"postfix/local\[(\d+)\]", server.smtpd.text())[-1]
        self.look("resident", int(pid))
        self.over(server.smtpd)

    def resolver(self):
        """Who asks name servers, and its process for a connection."""
        with Resolver(self.server) as resolver, \
                resolver.connect("127.0.0.1:1") as sock:
            self.look("resolver", resolver.pid)
            self.look("resolver", wait_for(lambda: next(
                (p for p in proc.children(resolver.pid)
                 if proc.status(p).get("Seccomp") == "2"), None),
                "a connection's process"))
            sock.send(batch([(1, "example.org")]))
            check(sock.recv(70000), "it does not answer")

    @staticmethod
    def starttls(talker):
        """Asks for TLS."""
        talker.expect("250 ", "EHLO client.example.net")
        talker.expect("220 ", "STARTTLS")

    def over(self, daemon):
        """Waits for the end of a session."""
        wait_for(lambda: not [p for p in proc.children(daemon.pid)
                              if proc.status(p).get("Seccomp") == "2"],
                 "the session's end")

    def starter(self):
        """The process that forks sessions, once there are several."""
        def found():
            with self.server.connect(self.server.smtp) as talker:
                talker.hello()
            return proc.session_starters(self.server.smtpd.pid)
        self.look("session starter", wait_for(found, "a starter")[0])
        self.over(self.server.smtpd)

    def logins(self):
        """What a login leaves behind, and where."""
        server = self.server
        with server.connect(server.submissions, client_context()) as talker:
            talker.hello()
            talker.login(*ALICE)
            self.look("session after a login", jailed(server.smtpd))
            self.look("server", server.smtpd.pid)
        self.over(server.smtpd)
        with server.connect(server.pop3) as talker:
            talker.pop_login(*ALICE)
            self.look("mailbox process", jailed(server.pop3d))
            self.look("server", server.pop3d.pid)
            talker.pop("+OK", "QUIT")
        self.over(server.pop3d)
        with server.connect(server.pop3s, client_context()) as talker:
            talker.pop_login(*ALICE)
            pids = wait_for(lambda: len(proc.children(server.pop3d.pid)) == 2
                            and proc.children(server.pop3d.pid), "two")
            owner = server.mail.stat().st_uid, os.geteuid()
            check(len(pids) == 2, f"{owner}")
            pump = next(p for p in pids if proc.status(p)["PPid"] and
                        "Max open files            3 " in
                        Path(f"/proc/{p}/limits").read_text())
            self.look("pump", pump)
            self.look("mailbox process", next(p for p in pids if p != pump))
        self.over(server.pop3d)

    def passwords(self):
        """A user changes a password; then nobody has the two any more."""
        server, after = self.server, "kiln apron velvet"
        daemon = server.serve("pop3d", "127.0.0.1:0=passwd")
        try:
            with server.connect(daemon.ports[0]) as talker:
                talker.expect("200 ")
                talker.expect("200 ", "USER " + ALICE[0])
                talker.expect("200 ", "PASS " + ALICE[1])
                session = jailed(daemon)
                self.look("session for a new password", session)
                talker.expect("200 ", "NEWPASS " + after)
                both = {"present": [ALICE[1].encode()],
                        "new": [after.encode()]}
                wait_for(lambda: proc.children(daemon.pid) == [session],
                         "the worker's end")
                for name, pid in (("session", session),
                                  ("server", daemon.pid)):
                    equal(found(pid, both), set(), f"{name}, after a change")
        finally:
            daemon.stop()
        server.passwd(*ALICE, "--cram-md5")

    def agents(self, hole):
        """A runner that has an agent of each kind under way."""
        server = self.server
        with server.connect(server.smtp) as talker:
            talker.hello()
            talker.expect("250 ", "MAIL FROM:<>")
            talker.expect("250 ", "RCPT TO:<held@example.org>")
            talker.expect("354 ", "DATA")
            talker.send(b"Subject: held\r\n\r\nheld\r\n.\r\n")
            talker.expect("250 ")
        hop = wait_for(lambda: next(iter(hole()), None), "the relay agent", 60)
        runner = int(proc.status(hop)["PPid"])
        # While its command runs, a local agent has read what it needs.
        local = wait_for(lambda: next(
            (p for p in proc.children(runner)
             if any(proc.name(q) == "sleep" for q in proc.tree(p))), None),
            "a local agent")
        self.look("relay agent", hop)
        self.look("runner", runner)
        self.look("local agent", local)
        for pid in proc.all_children(runner):
            if proc.name(pid) == "starter":     # where there is Landlock
                self.look("starter", pid)
        return runner

    def compare(self):
        """The table must be true, and the search able to find something."""
        says = table()
        equal(sorted(set(says) - {"login worker", "signer", "password worker"}),
              sorted(set(self.has) | {"starter"}),
              "kinds of processes")
        wrong = [f"{kind}: {secret}: \"{says[kind][secret]}\", but "
                 f"{'there' if secret in has else 'not there'}"
                 for kind, has in self.has.items() for secret in SECRETS
                 if says[kind][secret] in ("no", "yes") and
                 (says[kind][secret] == "yes") != (secret in has)]
        equal(wrong, [], "what SECURITY.md says")
        check("private keys" in self.has["keeper"], "no key in the keeper")
        check("forwarding key" in self.has["runner"], "none in the runner")


def rsa_key(path):
    """An RSA key and its certificate."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
                    "-days", "30", "-subj", "/CN=rsa.example", "-keyout",
                    f"{path}.key", "-out", f"{path}.crt"],
                   capture_output=True, check=True)
    path.write_bytes(Path(f"{path}.key").read_bytes() +
                     Path(f"{path}.crt").read_bytes())


class Site(Instance):
    """A server with two keys, a smarthost and an alias that takes its time."""

    def start(self):
        rsa_key(self.dir / "rsa.pem")
        (self.dir / "aliases").write_text(
            'held: "|/bin/sleep 300", elsewhere@example.com\n')
        key = self.dir / "state/srs.key"
        key.write_text(FORWARDING.hex() + "\n")
        key.chmod(0o600)
        super().start()


def connected(port):
    """The processes that have a connection to a port of this machine."""
    inodes = {row[9] for row in proc.tcp_rows()
              if row[2].endswith(f":{port:04X}") and row[3] == "01"}
    return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
            if inodes & proc.sockets_or_none(pid)]


def test_table():
    """Each process has the secrets that SECURITY.md's table says"""
    if not AM_ROOT or not tool("openssl"):
        raise Skip("reading another process's memory needs root, and openssl")
    with socket.create_server(("127.0.0.1", 0)) as hole:
        port = hole.getsockname()[1]
        with Site(CONFIG.replace("%PORT", str(port)), as_root=True) as server:
            check(PASSWORDS[ALICE[0]] == ALICE[1], "another password")
            search = Searched(server)
            for daemon in (server.smtpd, server.pop3d):
                search.look("keeper", wait_for(
                    lambda d=daemon: next(iter(proc.keepers(d.pid)), None),
                    "the keeper"))
                search.look("server", daemon.pid)
                search.look("TLS starter", proc.tls_starters(daemon.pid)[0])
            search.sessions()
            search.starter()
            search.residents()
            search.resolver()
            search.logins()
            search.passwords()
            runner = search.agents(lambda: [
                p for p in connected(port) if p != os.getpid()])
            children = proc.tree(runner)
            os.kill(runner, signal.SIGKILL)
            for pid in children:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            search.compare()


def test_one_connection():
    """A server for one connection, and its session, have no key either"""
    if not AM_ROOT or not tool("openssl"):
        raise Skip("reading another process's memory needs root, and openssl")
    with Site(CONFIG.replace("%PORT", "1"), as_root=True) as server:
        wanted = {"private keys": secrets(server)["private keys"]}
        talker, process = server.session("smtpd", "--implicit-tls", "--role",
                                         "submission")
        with talker:
            talker.start_tls(client_context())
            talker.hello()
            for pid in (process.pid, jailed(process)):
                equal(found(pid, wanted), set(), f"in process {pid}")
            equal([found(pid, wanted) for pid in proc.keepers(process.pid)],
                  [{"private keys"}], "in the keeper")
            talker.expect("221 ", "QUIT")
        equal(process.wait(30), 0, "exit status")


def test_signer():
    """The keys that sign mail are in the signer, and in no other process"""
    if not AM_ROOT or not tool("openssl"):
        raise Skip("reading another process's memory needs root, and openssl")
    equal(table()["signer"]["private keys"], "those that sign mail", "a cell")
    with FakeMx({"dot": STALL}) as mx, \
            Instance(f"relay smtp://127.0.0.1:{mx.port}?tls=never\n",
                     as_root=True) as server:
        done = server.call("smtpd", "--dkim", "example.org")
        equal(done.returncode, 0, done.stderr)
        folder = server.dir / "state/dkim/example.org"
        wanted = {"keys": [form for pem in folder.iterdir()
                           for form in key_forms(pem) if len(form) >= 24]}
        with server.connect(server.submission) as talker:
            talker.hello()
            talker.login(*ALICE)
            talker.expect("250 ", "MAIL FROM:<alice@example.org>")
            talker.expect("250 ", "RCPT TO:<b@example.com>")
            talker.expect("354 ", "DATA")
            talker.send(b"From: alice@example.org\r\n\r\nhello\r\n.\r\n")
            talker.expect("250 ")

        def signer_of(hop):
            return [p for p in proc.children(int(proc.status(hop)["PPid"]))
                    if proc.name(p) == "signer"]
        hop, signer = wait_for(lambda: next(
            ((p, s) for p in connected(mx.port) if p != os.getpid()
             for s in signer_of(p)), None), "the signer", 60)
        equal(found(signer, wanted), {"keys"}, "in the signer")
        for pid in (hop, int(proc.status(hop)["PPid"]), server.smtpd.pid):
            equal(found(pid, wanted), set(), f"in {proc.name(pid)}")
        equal(proc.status(signer).get("Seccomp"), "2", "the signer's filter")
        check(proc.status(signer)["Uid"].split()[0] != "0", "it is root")


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
