# SPDX-License-Identifier: ISC
"""The machines of the site: a directory, two stores, three fronts, a balancer,
configured as an administrator would."""
import contextlib
import shutil

from lib import queuefile
from lib.fakemx import FakeMx
from lib.haproxy import rows
from lib.wait import wait_for

from machines import DISK, STRANGERS, Machine

DIRECTORY, BALANCER = "10.77.0.2", "10.77.0.10"
STORES = {"s1": "10.77.0.21", "s2": "10.77.0.22"}
FRONTS = {"f1": "10.77.0.11", "f2": "10.77.0.12", "f3": "10.77.0.13"}
SINK = f"{STRANGERS}.200"       # the world's only mail server
AGENTS = 4                      # that one front has at work for a hop
PEOPLE = tuple(f"u{n:02}" for n in range(1, 21))
FULL = "full"                   # a user whose mailbox is
ON_S2 = {name for n, name in enumerate(PEOPLE) if n % 2}

PASSWD = """root:x:0:0::/root:/bin/sh
daemon:x:1:1::/nonexistent:/usr/sbin/nologin
mail:x:8:8::/nonexistent:/usr/sbin/nologin
_restante:x:990:990::/nonexistent:/usr/sbin/nologin
_restante-mail:x:991:8::/nonexistent:/usr/sbin/nologin
nslcd:x:992:992::/nonexistent:/usr/sbin/nologin
dovecot:x:993:993::/nonexistent:/usr/sbin/nologin
dovenull:x:994:994::/nonexistent:/usr/sbin/nologin
vmail:x:5000:5000::/nonexistent:/usr/sbin/nologin
nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin
"""
GROUP = "".join(f"{name}:x:{gid}:\n" for name, gid in (
    ("root", 0), ("daemon", 1), ("tty", 5), ("mail", 8), ("_restante", 990),
    ("nslcd", 992), ("dovecot", 993), ("dovenull", 994), ("vmail", 5000),
    ("nogroup", 65534)))

SLAPD = """include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/misc.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile /run/slapd.pid
database mdb
suffix "dc=example,dc=org"
directory /var/lib/ldap
index objectClass,uid,uidNumber eq
access to attrs=userPassword by anonymous auth by * none
access to * by * read
"""
TOP = """dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
o: example
dc: example

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

"""
PERSON = """dn: uid={name},ou=people,dc=example,dc=org
objectClass: account
objectClass: posixAccount
objectClass: inetLocalMailRecipient
uid: {name}
cn: {name}
gecos: {quota}
uidNumber: {number}
gidNumber: 8
homeDirectory: /home/{name}
loginShell: /usr/sbin/nologin
mailHost: {store}
userPassword: pw-{name}

"""
DNSMASQ = f"""no-resolv
no-hosts
port=53
listen-address={DIRECTORY}
bind-interfaces
user=root
group=root
pid-file=/run/dnsmasq.pid
local=/org/
local=/net/
local=/example/
local=/in-addr.arpa/
mx-host=example.org,mail.example.org,10
mx-host=ledger.example,mx.elsewhere.net,10
address=/mail.example.org/{BALANCER}
address=/mx.elsewhere.net/{SINK}
""" + "".join(f"address=/mx{name[1]}.example.org/{address}\n"
              for name, address in FRONTS.items())

HAPROXY = """global
  stats socket /run/haproxy.sock mode 600 level user
  maxconn 4000
defaults
  mode tcp
  timeout connect 3s
  timeout client 5m
  timeout server 5m
  option redispatch
  retries 2
"""
LISTEN = """listen {name}
  bind {balancer}:{port}
  balance source
  hash-type consistent
{check}  default-server send-proxy-v2 check check-send-proxy {more}inter 1s \
fall 2 rise 2 on-marked-down shutdown-sessions
"""
PASS_ON = """listen {name}
  bind {balancer}:{port}
  balance source
  hash-type consistent
  default-server check inter 1s fall 2 rise 2 on-marked-down shutdown-sessions
"""

FRONT = """hostname mx{number}.example.org
domains example.org mx{number}.example.org
users system
route example.org lmtp:127.0.0.1:24
route mx{number}.example.org lmtp:127.0.0.1:24
proxy {balancer}
tls /etc/restante/tls.pem
resolver {directory}
relay-concurrency {agents}
queue {disk}/queue
state {disk}/state
mailbox /var/mail/%u
aliases /etc/aliases
log stderr
"""
NSLCD = f"""uid nslcd
gid nslcd
uri ldap://{DIRECTORY}/
base ou=people,dc=example,dc=org
bind_timelimit 3
timelimit 3
reconnect_sleeptime 1
reconnect_retrytime 5
"""
# A cache of its own, of names that it has seen; of passwords it has none.
SSSD = f"""[sssd]
services = nss, pam
domains = people
[domain/people]
id_provider = ldap
auth_provider = ldap
ldap_uri = ldap://{DIRECTORY}
ldap_search_base = ou=people,dc=example,dc=org
ldap_auth_disable_tls_never_use_in_production = true
ldap_network_timeout = 3
ldap_opt_timeout = 3
offline_timeout = 1
offline_timeout_random_offset = 0
"""
PAM_SSS = "auth required pam_sss.so\naccount required pam_sss.so\n"
PAM = "auth required pam_ldap.so minimum_uid=1000\n" \
    "account required pam_ldap.so minimum_uid=1000\n"

LDAP = f"""uris = ldap://{DIRECTORY}/
base = ou=people,dc=example,dc=org
pass_filter = (&(objectClass=posixAccount)(uid=%n))
"""
PROXY_LDAP = LDAP + \
    "pass_attrs = uid=user, mailHost=host, =proxy=y, =nopassword=y\n"
STORE_LDAP = LDAP + f"""auth_bind = yes
auth_bind_userdn = uid=%n,ou=people,dc=example,dc=org
user_filter = (&(objectClass=posixAccount)(uid=%n))
user_attrs = =home={DISK}/mail/%n, gecos=quota_rule
"""
DOVECOT = """protocols = lmtp pop3 imap
base_dir = /run/dovecot
log_path = /dev/stderr
ssl = no
disable_plaintext_auth = no
auth_username_format = %Ln
default_vsz_limit = 0
passdb {
  driver = ldap
  args = /etc/dovecot/ldap.conf
}
"""
PROXY = DOVECOT + """lmtp_proxy = yes
userdb {
  driver = static
  args = uid=5000 gid=5000 home=/nonexistent
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = 24
  }
}
service pop3-login {
  inet_listener pop3 {
    port = 110
  }
}
service imap-login {
  inet_listener imap {
    port = 143
  }
}
"""
STORE = DOVECOT + """mail_location = maildir:~/Maildir
mail_uid = 5000
mail_gid = 5000
mail_fsync = always
mail_plugins = quota
lmtp_rcpt_check_quota = yes
userdb {
  driver = ldap
  args = /etc/dovecot/ldap.conf
}
plugin {
  quota = maildir:User quota
}
service lmtp {
  inet_listener lmtp {
    port = 24
  }
}
"""


class Host(Machine):
    """One that knows these accounts, and who resolves names."""

    passwd = "files"

    def __init__(self, work, name, address, megabytes=0):
        super().__init__(work, name, address, megabytes)
        self.write("/etc/passwd", PASSWD)
        self.write("/etc/group", GROUP)
        self.write("/etc/shadow", "", 0o600)
        self.write("/etc/nsswitch.conf", f"passwd: {self.passwd}\n"
                   "group: files\nshadow: files\nhosts: files dns\n")
        self.write("/etc/resolv.conf", f"nameserver {DIRECTORY}\n")
        self.write("/etc/hosts", "127.0.0.1 localhost\n")


class Directory(Host):
    """slapd, and dnsmasq as the name server."""

    def __init__(self, work):
        super().__init__(work, "dir", DIRECTORY)
        for path in sorted((self.usr.parent / "schema").iterdir()):
            self.write(f"/etc/ldap/schema/{path.name}", path.read_text())
        self.write("/etc/ldap/slapd.conf", SLAPD)
        self.write("/etc/dnsmasq.conf", DNSMASQ)
        stores = list(STORES.values())
        self.write("/etc/people.ldif", TOP + "".join(
            PERSON.format(name=name, number=100000 + n,
                          store=stores[name in ON_S2],
                          quota="*:storage=1K" if name == FULL
                          else "*:storage=1G")
            for n, name in enumerate((*PEOPLE, FULL))))

    def start(self):
        self.must("mkdir", "-p", "/var/lib/ldap")
        if not self.inside("/var/lib/ldap/data.mdb").exists():
            self.must("slapadd", "-q", "-f", "/etc/ldap/slapd.conf", "-l",
                      "/etc/people.ldif")
        self.slapd()
        self.launch("dnsmasq", "dnsmasq", "-k", "-C", "/etc/dnsmasq.conf")
        self.listens(53)

    def slapd(self):
        """Starts it."""
        self.launch("slapd", "slapd", "-d", "0", "-f", "/etc/ldap/slapd.conf",
                    "-h", f"ldap://{DIRECTORY}/")
        self.listens(389)


class Store(Host):
    """Dovecot with the mailboxes of some of the users, on a disk."""

    def __init__(self, work, name):
        super().__init__(work, name, STORES[name], 256)
        self.write("/etc/dovecot/dovecot.conf", STORE)
        self.write("/etc/dovecot/ldap.conf", STORE_LDAP)

    def start(self):
        self.must("install", "-d", "-o", "vmail", "-g", "vmail",
                  DISK / "mail")
        self.launch("dovecot", "dovecot", "-F")
        self.listens(24)
        self.listens(110)
        self.listens(143)

    def collect(self):
        """(user, text) of all messages, which are deleted."""
        found = []
        for path in self.on_disk("mail").glob("*/Maildir/*/*"):
            if path.parent.name not in ("cur", "new"):
                continue
            found.append((path.parts[-4], path.read_bytes()))
            path.unlink()
        return [(user, text if b"\r\n" in text[:2000]
                 else text.replace(b"\n", b"\r\n")) for user, text in found]


class Front(Host):
    """smtpd with a queue on a disk, and Dovecot's proxy to the stores."""

    passwd = "files ldap"
    preload = None      # a library, for all that is started

    def __init__(self, work, name):
        super().__init__(work, name, FRONTS[name], 192)
        self.number = name[1]
        self.write("/etc/nslcd.conf", NSLCD, 0o600)
        self.write("/etc/pam.d/restante", PAM)
        self.write("/etc/aliases", "postmaster: u01\nroot: u01\n")
        self.write("/etc/dovecot/dovecot.conf", PROXY)
        self.write("/etc/dovecot/ldap.conf", PROXY_LDAP)
        place = self.top / "etc/restante"
        place.mkdir()
        for path in (self.usr.parent / "bin").iterdir():
            shutil.copy(path, place)
        shutil.copy(self.usr.parent / "tls.pem", place)
        self.configure()

    def configure(self, **other):
        """Writes the configuration: other values, keys of more, without those
        that are None."""
        lines = FRONT.format(number=self.number, balancer=BALANCER, disk=DISK,
                             directory=DIRECTORY, agents=AGENTS).splitlines()
        other = {key.replace("_", "-"): value for key, value in other.items()}
        lines = [line for line in lines if line.split()[0] not in other]
        lines += [f"{key} {line}" for key, value in other.items()
                  if value is not None for line in value.split("\n")]
        self.write("/etc/restante/restante.conf", "\n".join(lines) + "\n")

    def start(self):
        self.must("sh", "-c", f"mkdir -p -m 755 {DISK}/state /var/mail && "
                  "chown root:mail /var/mail && chmod 2775 /var/mail && "
                  f"mkdir -p -m 700 {DISK}/queue && "
                  "install -d -o nslcd /run/nslcd && chmod 755 /run/nslcd")
        self.nslcd()
        self.launch("dovecot", "dovecot", "-F")
        self.listens(24)
        self.smtpd()

    def nslcd(self):
        """Starts it, until it answers."""
        self.launch("nslcd", "nslcd", "-n")
        wait_for(self.inside("/run/nslcd/socket").exists, "nslcd", 60)

    def sssd(self):
        """The same; it stands in for nslcd."""
        self.must("sh", "-c", "mkdir -p -m 755 /var/log/sssd /var/lib/sss/db "
                  "/var/lib/sss/mc /var/lib/sss/pipes/private "
                  "/var/lib/sss/pubconf/krb5.include.d "
                  "/var/lib/sss/gpo_cache /var/lib/sss/keytabs "
                  "/var/lib/sss/secrets")
        self.write("/etc/sssd/sssd.conf", SSSD, 0o600)
        self.launch("sssd", "sssd", "-i", "--logger=stderr")
        wait_for(self.inside("/var/lib/sss/pipes/nss").exists, "sssd", 60)

    def accounts(self, source, pam):
        """Who knows the accounts, and their passwords."""
        self.write("/etc/nsswitch.conf", f"passwd: files {source}\n"
                   "group: files\nshadow: files\nhosts: files dns\n")
        self.write("/etc/pam.d/restante", pam)

    def smtpd(self):
        """Starts it."""
        self.launch("smtpd", *self.shim(), "/etc/restante/smtpd", "-c",
                    "/etc/restante/restante.conf",
                    "-l", ":25", "-l", ":587", "-l", ":465")
        for port in (25, 587, 465):
            self.listens(port)

    def shim(self):
        """Words before a program of ours."""
        return ["env", f"LD_PRELOAD={self.preload}"] if self.preload else []

    def again(self, **config):
        """smtpd with another configuration."""
        self.end("smtpd")
        self.configure(**config)
        self.smtpd()

    def admin(self, *words):
        """smtpd with an option that does something, and ends."""
        return self.must(*self.shim(), "/etc/restante/smtpd", "-c",
                         "/etc/restante/restante.conf", *words)

    def waiting(self):
        """The messages of its queue."""
        return queuefile.messages(self.on_disk("queue"), "active", "deferred",
                                  "hold")

    def drain(self):
        """Runs the queue until nothing is left in it."""
        def empty():
            if self.waiting():
                self.admin("-qf")
            return not self.waiting()
        try:
            # Dovecot's proxy waits two minutes for a store that died without
            # a word, and the agent with it.
            wait_for(empty, f"the queue of {self.name} to be empty", 300, 0.2)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.admin('-bp')}") from None


class Balancer(Host):
    """HAProxy in front of the fronts."""

    def __init__(self, work):
        super().__init__(work, "lb", BALANCER)
        smtp = "  option smtpchk EHLO lb.example.org\n"
        sections = [
            LISTEN.format(name=name, port=port, balancer=BALANCER, check=kind,
                          more=more) + self.servers(port)
            for name, port, kind, more in (
                ("mx", 25, smtp, ""), ("submission", 587, smtp, ""),
                ("submissions", 465, "", "port 587 "))]
        sections += [
            PASS_ON.format(name=name, port=port, balancer=BALANCER)
            + self.servers(port)
            for name, port in (("pop3", 110), ("imap", 143))]
        self.write("/etc/haproxy.cfg", HAPROXY + "".join(sections))

    @staticmethod
    def servers(port):
        """All fronts, in one of the sections."""
        return "".join(f"  server {name} {address}:{port}\n"
                       for name, address in FRONTS.items())

    def start(self):
        self.launch("haproxy", "haproxy", "-db", "-f", "/etc/haproxy.cfg")
        self.listens(25)

    def states(self):
        """{front: whether its port 25 is in use, or going to be}."""
        return {row["svname"]: row["status"] for row in rows(
            self.inside("/run/haproxy.sock"))
            if row["pxname"] == "mx" and row["svname"] in FRONTS}


class Site:
    """All of them, started one after the other."""

    def __init__(self, work):
        self.directory = Directory(work)
        self.balancer = Balancer(work)
        self.stores = [Store(work, name) for name in STORES]
        self.fronts = [Front(work, name) for name in FRONTS]
        self.machines = [self.directory, *self.stores, *self.fronts,
                         self.balancer]
        self.sink = None

    def __enter__(self):
        try:
            self.sink = FakeMx(host=SINK, port=25)
            self.settle()
        except BaseException:
            print(self.notes(), flush=True)
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for machine in reversed(self.machines):
            machine.kill()
        self.sink.stop()

    def reset(self):
        """After a failure: as new."""
        for machine in reversed(self.machines):
            machine.kill()
        for machine in self.machines:
            machine.format()
        for front in self.fronts:
            front.preload = None
            front.configure()
        self.settle()

    def notes(self):
        """The ends of all logs."""
        return "\n".join(filter(None, (m.notes() for m in self.machines)))

    def settle(self):
        """Boots what is down, and waits until all fronts are in use."""
        for machine in self.machines:
            if machine.pid is None:
                machine.boot()
        wait_for(lambda: self.balancer.states() == dict.fromkeys(
            FRONTS, "UP"), "health checks that pass", 120, 0.1)

    def messages(self):
        """(user, text) of all that is in the stores, which are emptied."""
        return [message for store in self.stores
                for message in store.collect()]

    @contextlib.contextmanager
    def configured(self, **config):
        """All fronts with another configuration for some time."""
        for front in self.fronts:
            front.again(**config)
        self.settle()
        try:
            yield
        finally:
            for front in self.fronts:
                if front.pid is not None:
                    front.again()
                else:
                    front.configure()
            self.settle()
