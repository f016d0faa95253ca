# SPDX-License-Identifier: ISC
"""restante-cluster(7) works: its lines are typed on a balancer, two fronts and
two stores, with HAProxy and Dovecot of Debian 12; mail goes in and out, a
front and a store die, and a queue is adopted. (t_reputation has its lines for
Rspamd and Redis.)

The machines are namespaces with one network, where each has an address. What
installs something does nothing, what starts something is started here, and
the database is one of SQLite.
"""
import imaplib
import os
import poplib
import smtplib
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lib import dovecot, peers
from lib.manual import lines_of
from lib.namespace import again
from lib.node import COVERED, Node
from lib.scratch import (AM_ROOT, BUILD, client_context, make_certificate,
                         make_value, tool)
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
PAGE = "restante-cluster.7"
INSIDE = ["unshare", "--mount", "--net", "--pid", "--uts", "--fork",
          "--kill-child", "--mount-proc", "--propagation", "private",
          "sh", "-c", '"$@"; exit $?', "sh"]
PACKAGES = ("dovecot-core", "dovecot-lmtpd", "dovecot-imapd", "dovecot-pop3d",
            "haproxy", "nsd")
VIP, FRONTS, STORES = "192.0.2.10", (11, 12), (21, 22)
CLIENTS = [f"198.51.100.{n}" for n in range(1, 21)]
PASSWORD = "kiln apron velvet owl"
SHARDS = {"alice": "10.0.0.21", "bob": "10.0.0.22"}
ACCOUNTS = ("dovecot", "dovenull", "haproxy", "_restante")
# Stand-ins: descriptor 3 takes what is to be started.
BEGIN = """export PATH="$PATH:/usr/sbin:/sbin"
apt() { :; }
systemctl() { shift; echo "$@" >&3; }
smtpd() { %s "$@"; }
"""
PSQL = """#!/usr/bin/python3
import os, sqlite3, sys
words = sys.argv[1:]
assert words[:3] == ["-At", "-h", "db.example.org"], words
assert words[3] == "-c" and words[5:] == ["mail"], words
with sqlite3.connect(os.environ["DATABASE"]) as database:
    for row in database.execute(words[4]):
        print("|".join(row))
sys.exit(os.path.exists(os.environ["DATABASE"] + ".down"))
"""


def hash_of(password):
    """As /etc/shadow has it."""
    return subprocess.run(["openssl", "passwd", "-6", password], check=True,
                          capture_output=True, text=True).stdout.strip()


def make_layer(folder):
    """What the machines have besides this one's files: accounts, psql."""
    for name in ("etc/restante", "etc/haproxy", "etc/dovecot", "etc/nsd",
                 "usr/local/bin", "run/haproxy", "var/lib/haproxy"):
        (folder / name).mkdir(parents=True)
    for name in ("passwd", "group"):
        text = Path("/etc", name).read_text()
        have = {line.split(":")[0] for line in text.splitlines()}
        for number, account in enumerate(ACCOUNTS, 790):
            if account not in have:
                text += f"{account}:x:{number}:" + (
                    f"{number}::/nonexistent:/usr/sbin/nologin\n"
                    if name == "passwd" else "\n")
        (folder / "etc" / name).write_text(text)
    etc = Path(make_value("sysconfdir"))
    if etc != Path("/etc"):
        if etc.parts[1] not in COVERED:
            raise Skip(f"{etc} is this machine's own")
        link = folder / etc.relative_to("/")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to("/etc")
    (folder / "etc/resolv.conf").write_text("nameserver 127.0.0.1\n")
    psql = folder / "usr/local/bin/psql"
    psql.write_text(PSQL)
    psql.chmod(0o755)
    make_certificate(folder / "etc/restante/tls.pem", "mx.example.org")


class Machine(Node):
    """One of the page's machines, with its number."""

    def __init__(self, top, layers, number):
        self.number = number
        os.environ["DATABASE"] = str(top / "mail.db")
        super().__init__(top / str(number), layers)

    def paste(self, title, block=0, extra="", others=True):
        """Types the lines of the page, with the numbers of this machine."""
        lines = lines_of(PAGE, title, block)
        if others and self.number in (FRONTS[1], STORES[1]):
            lines = lines.replace(f"10.0.0.{self.number - 1}",
                                  f"10.0.0.{self.number}")
            for old, new in (("mx1.example", "mx2.example"),
                             ("127.0.0.1", "127.0.0.2")):
                lines = lines.replace(old, new)
        asked = self.sh(BEGIN % (BUILD / "smtpd/smtpd") + extra + lines)
        for service in asked.split():
            self.serve(service)
        return lines

    def serve(self, service):
        """Starts what a service would; again: it was stopped by hand."""
        address = f"10.0.0.{self.number}"
        name = service.split(".")[0]
        if name == "restante-smtp":
            self.start(BUILD / "smtpd/smtpd", *(
                word for port in (25, 587, 465)
                for word in ("-l", f"{address}:{port}")))
            answers(address, 25)
        elif name == "dovecot":
            conf = self.path("/etc/dovecot/dovecot.conf")
            if "log_path" not in conf.read_text():
                with conf.open("a") as file:    # there is no syslog
                    file.write("log_path = /dev/stderr\n"
                               "info_log_path = /dev/null\n")
            self.start("dovecot", "-F", "-c", "/etc/dovecot/dovecot.conf")
            answers(address, 993 if self.number in FRONTS else 24)
        elif name == "haproxy":
            self.start("haproxy", "-db", "-f", "/etc/haproxy/haproxy.cfg")
            answers(VIP, 25)
        else:
            check(name == "restante-submission", f"what is {service}?")

    def stop_dovecot(self):
        """Its processes are killed."""
        self.sh("kill -9 $(cat /run/dovecot/master.pid)")
        wait_for(lambda: not listens(f"10.0.0.{self.number}", 24),
                 "Dovecot to end", 60)

    def smtpd(self, *words):
        """Runs smtpd; what it prints."""
        self.sh(" ".join(map(str, (BUILD / "smtpd/smtpd", *words))))
        return self.said

    def queued(self):
        """How many messages wait there."""
        folder = self.path("/var/spool/restante")
        return sum(len([p for p in (folder / place).glob("*")
                        if not p.name.startswith(".")])
                   for place in ("active", "deferred"))

    def mail_of(self, user):
        """The texts of a user's mail."""
        folder = self.path(f"/var/vmail/{user}/Maildir")
        return [path.read_text() for path in sorted(folder.glob("*/*"))
                if path.parent.name in ("new", "cur")]


def listens(address, port):
    """Whether somebody accepts connections there."""
    try:
        socket.create_connection((address, port), 30).close()
    except OSError:
        return False
    return True


def answers(address, port):
    """Waits for that."""
    wait_for(lambda: listens(address, port), f"{address}:{port}", 120, 0.05)


class Site:
    """All of it."""

    def __init__(self, top):
        layer = top / "layer"
        make_layer(layer)
        root = os.environ.get("RESTANTE_PEERS", "/nowhere")
        layers = [layer] + [Path(root, name).resolve() for name in PACKAGES
                            if Path(root, name).is_dir()]
        hashed = hash_of(PASSWORD)
        self.database = sqlite3.connect(top / "mail.db")
        self.database.execute("create table mailbox (local, password, shard)")
        self.database.executemany(
            "insert into mailbox values (?, ?, ?)",
            [(user, hashed, shard) for user, shard in SHARDS.items()])
        self.database.commit()
        self.down = top / "mail.db.down"
        self.balancer, *rest = [Machine(top, layers, number) for number in
                                (10, *FRONTS, *STORES)]
        self.fronts, self.stores = rest[:2], rest[2:]
        for store in self.stores:
            store.path("/etc/dovecot/users").write_text(
                "".join(f"{user}:{hashed}\n" for user in SHARDS))

    def notes(self):
        """The ends of all logs."""
        return "\n".join(m.notes() for m in (
            self.balancer, *self.fronts, *self.stores))

    def servers(self):
        """What the balancer thinks: {(listener, server): (status, check)}."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(self.balancer.path("/run/haproxy/admin.sock")))
            sock.sendall(b"show stat\n")
            text = b"".join(iter(lambda: sock.recv(65536), b"")).decode()
        rows = [line.split(",") for line in text.splitlines() if line]
        return {(r[0], r[1]): r[17].split()[0] for r in rows[1:]
                if r[1].startswith("f")}

    def send(self, user, subject, client=CLIENTS[0]):
        """A stranger's message by the balancer."""
        with smtplib.SMTP(VIP, 25, "client.example.com", 120,
                          (client, 0)) as smtp:
            smtp.sendmail("someone@example.com", f"{user}@example.org",
                          f"From: someone@example.com\nSubject: {subject}\n"
                          "\nhello\n")

    def accepts(self, *what):
        """Whether it is accepted, by a client that is not disconnected."""
        try:
            self.send(*what)
        except (OSError, smtplib.SMTPException):
            return False
        return True

    def arrives(self, user, subject):
        """Waits for it at the store of that user; its text."""
        store = next(s for s in self.stores
                     if SHARDS[user] == f"10.0.0.{s.number}")

        def there():
            return next((text for text in store.mail_of(user)
                         if f"Subject: {subject}\n" in text), None)
        return wait_for(there, f"{subject} for {user}", 120, 0.1)


def test_pages_lines(site):
    """All lines of the page for fronts, stores and the balancer"""
    for store in site.stores:
        store.paste("Store")
    for front in site.fronts:
        front.paste("Who exists")
        front.paste("Front")
    site.balancer.paste("HAProxy")
    wait_for(lambda: len(site.servers()) == 10 and set(
        site.servers().values()) == {"UP"}, "health checks that pass", 60, 0.1)


def test_zone(site):
    """The zone is one"""
    peers.find("nsd-checkzone", "nsd")
    site.balancer.paste("HAProxy", 1)
    check("is ok" in site.balancer.said, site.balancer.said)


def test_delivery(site):
    """Strangers' mail is at the store of its user, with the client's address;
    who does not exist is refused"""
    for user in SHARDS:
        site.send(user, f"to {user}")
        text = site.arrives(user, f"to {user}")
        check(f"[{CLIENTS[0]}]" in text, text)
    try:
        site.send("nobody-there", "x")
        check(False, "it was accepted")
    except smtplib.SMTPRecipientsRefused as error:
        reply = list(error.recipients.values())[0]
        equal((reply[0], reply[1][:5]), (550, b"5.1.1"), str(reply))


def test_users(site):
    """Users submit, and read their mail by IMAP and POP3"""
    context = client_context()
    with smtplib.SMTP_SSL(VIP, 465, "home.example.net", timeout=120,
                          source_address=(CLIENTS[1], 0),
                          context=context) as smtp:
        smtp.login("alice", PASSWORD)
        smtp.sendmail("alice@example.org", "bob@example.org",
                      "From: alice@example.org\nSubject: submitted\n\nhi\n")
    site.arrives("bob", "submitted")
    imap = imaplib.IMAP4_SSL(VIP, 993, ssl_context=context, timeout=120)
    imap.login("bob@example.org", PASSWORD)
    equal(imap.select()[1], [b"2"], "messages by IMAP")
    imap.logout()
    pop = poplib.POP3_SSL(VIP, 995, timeout=120, context=context)
    pop.user("alice")
    pop.pass_(PASSWORD)
    equal(pop.stat()[0], 1, "messages by POP3")
    pop.quit()


def test_names(site):
    """A database that fails in the middle leaves the old names; new ones are
    known at once"""
    front = site.fronts[0]
    old = front.path("/etc/restante/users").read_text()
    site.down.touch()
    front.sh("! mail-users")
    equal(front.path("/etc/restante/users").read_text(), old, "the old names")
    site.down.unlink()
    site.database.execute("insert into mailbox select 'carol', password, "
                          "shard from mailbox where local = 'alice'")
    site.database.commit()
    for one in site.fronts:
        one.sh("mail-users")
    SHARDS["carol"] = SHARDS["alice"]
    for store in site.stores:
        text = store.path("/etc/dovecot/users").read_text()
        store.path("/etc/dovecot/users").write_text(
            text + text.splitlines()[0].replace("alice", "carol") + "\n")
    # Dovecot looks once in a second whether its files were changed.
    changed = int(time.time())
    wait_for(lambda: time.time() >= changed + 2, "the next second")
    site.send("carol", "to a new one")
    site.arrives("carol", "to a new one")


def test_store_dies(site):
    """While a store is down, its mail waits, and the other's does not"""
    site.stores[1].stop_dovecot()
    site.send("bob", "it waits")
    site.send("alice", "it does not wait")
    site.arrives("alice", "it does not wait")
    wait_for(lambda: sum(f.queued() for f in site.fronts) == 1,
             "one that waits", 60, 0.1)
    site.stores[1].serve("dovecot.service")
    for front in site.fronts:
        front.smtpd("-qf")
    site.arrives("bob", "it waits")


def test_drained(site):
    """A front that is drained gets no new clients, and its queue empties"""
    first = site.fronts[0]
    script = lines_of(PAGE, "Taking a front out, and upgrades")
    check("socat stdio /run/haproxy/admin.sock" in script, script)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(site.balancer.path("/run/haproxy/admin.sock")))
        sock.sendall(site.balancer.sh(
            "socat() { cat >&3; }\n" + script).encode())
        equal(sock.recv(4096).strip(), b"", "what HAProxy says")
    equal(site.servers()["mx", "f1"], "DRAIN", "the front")
    for number, client in enumerate(CLIENTS[:6]):
        site.send("alice", f"while drained {number}", client)
    wait_for(lambda: first.queued() == 0, "an empty queue", 60, 0.1)
    lines = lines_of(PAGE, "Taking a front out, and upgrades", 1)
    first.sh(BEGIN % (BUILD / "smtpd/smtpd") + lines)
    log = (first.top / "smtpd.log").read_text()
    check("while drained" not in log, log)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(site.balancer.path("/run/haproxy/admin.sock")))
        sock.sendall(b"set server mx/f1 state ready\n")
        sock.recv(4096)


def test_front_dies(site):
    """A front dies for good with mail in its queue: its clients go on by
    another one, which adopts the queue"""
    first, second = site.fronts
    site.stores[1].stop_dovecot()
    mine = None
    for client in CLIENTS:
        before = second.queued()
        site.send("bob", f"from {client}", client)
        if second.queued() > before:
            mine = client
            break
    check(mine, "no client is sent to the second front")
    second.die()
    begun = time.monotonic()
    wait_for(lambda: site.accepts("alice", "after the death", mine),
             "its clients to be accepted", 60, 0.1)
    tap.diag("from its death to the next message of its clients: "
             f"{time.monotonic() - begun:.1f} s")
    count = first.queued()
    disk = second.top / "upper"
    first.paste("A front dies", extra=f"""
mount() {{ command mount --bind {disk} /mnt; }}
""")
    ids = first.said.split()
    check(ids, "nothing is adopted")
    check(first.queued() <= count + len(ids), "messages")
    equal([p for p in (disk / "var/spool/restante").glob("*/*")
           if p.parent.name in ("active", "deferred")], [], "what is left")
    site.stores[1].serve("dovecot.service")
    first.smtpd("-qf")
    site.arrives("bob", f"from {mine}")


def inside():
    """In namespaces."""
    for words in (("ip", "link", "set", "lo", "up"),
                  *(("ip", "address", "add", f"{address}/32", "dev", "lo")
                    for address in (VIP, *CLIENTS, *(
                        f"10.0.0.{n}" for n in (10, *FRONTS, *STORES))))):
        subprocess.run(words, check=True)
    with tempfile.TemporaryDirectory(prefix="restante-test-") as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs",
                        folder], check=True)
        site = Site(Path(folder))
        tap.run(globals(), site)
        for machine in (site.balancer, *site.fronts, *site.stores):
            machine.die()
        subprocess.run(["umount", "-l", folder], check=True)
    tap.finish()


if __name__ == "__main__":
    if sys.argv[1:] == ["inside"]:
        inside()
    with tap.case("the lines of restante-cluster(7)", table=True):
        if not AM_ROOT:
            raise Skip("namespaces and /etc need root")
        for program in ("unshare", "nsenter", "ip", "mount", "openssl"):
            if not tool(program):
                raise Skip(f"{program} is not there")
        peers.find("haproxy", "haproxy")
        dovecot.find("lmtp", "dovecot-lmtpd")
        if dovecot.version() >= (2, 4):
            raise Skip("the lines are for Dovecot 2.3")
        again(tap, "inside", timeout=600, command=INSIDE)
    tap.finish()
