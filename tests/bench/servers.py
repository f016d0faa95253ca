# SPDX-License-Identifier: ISC
"""The servers under test: restante in its two launch styles, and its peers
from Debian's packages, unpacked into the scratch folder and started from
there inside namespaces where only the benchmark's users exist."""
import ctypes
import fcntl
import glob
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

# crypt(3) of "bench", SHA-512 with few rounds: cheap for everybody
HASH = ("$6$rounds=1000$benchbenchbench$8e1hyQJhHM81Nm3UszKZ1755RbuWp1OR5HmTEQ"
        "xiOD33SkAsE154vYCWiD2pJTFTUx1FEE32MiNulJnL8yRBX0")
EXIM = "exim4-daemon-light"
PEERS = {"xinetd": ["xinetd"], "postfix": ["postfix"], "popa3d": ["popa3d"],
         "dovecot": ["dovecot-core", "dovecot-pop3d"], EXIM: [EXIM]}
BACKLOG = 512
HERE = os.path.dirname(os.path.abspath(__file__))


# ---- clients --------------------------------------------------------------

def compile_c(work, name, parts, *libraries):
    """Compiles files of this folder to a program in the scratch folder, if it
    is not there."""
    program = os.path.join(work, name)
    sources = [os.path.join(HERE, f"{part}.c") for part in parts]
    if os.path.exists(program) and os.path.getmtime(program) > max(
            map(os.path.getmtime, [*sources, os.path.join(HERE, "load.h")])):
        return
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-D_GNU_SOURCE", "-o",
                    program, *sources, *libraries], check=True)


def compile_load(work):
    """The load generator; the benchmarks' log is read by it, too."""
    compile_c(work, "load", ["load", "load-smtp", "load-pop3", "load-tls"],
              "-lgnutls")


# ---- packages -------------------------------------------------------------

def fetch(work, given, peers=PEERS):
    """Unpacks the peers into work/peers/NAME; a package that cannot be had
    leaves its server out.  `given` may hold folders NAME or .deb files, or
    folders of packages where a peer consists of several."""
    debs = os.path.join(work, "debs")
    os.makedirs(debs, exist_ok=True)
    for peer, packages in PEERS.items():
        if peer not in peers:
            continue
        into = os.path.join(work, "peers", peer)
        if os.path.isdir(into):
            continue
        if given and os.path.isdir(os.path.join(given, peer)):
            os.makedirs(os.path.dirname(into), exist_ok=True)
            os.symlink(os.path.abspath(os.path.join(given, peer)), into)
            continue
        os.makedirs(into)
        for package in packages:
            for library in libraries(unpack(package, debs, given, into)):
                unpack(library, debs, given, into)


def package_file(package, *folders):
    for folder in folders:
        found = folder and sorted(glob.glob(f"{folder}/{package}_*.deb"))
        if found:
            return found[-1]
    return None


def unpack(package, debs, given, into):
    tree = given and os.path.join(given, package)
    if tree and os.path.isdir(tree):
        shutil.copytree(tree, into, symlinks=True, dirs_exist_ok=True)
        return None
    deb = package_file(package, given, debs)
    if not deb and not os.environ.get("RESTANTE_OFFLINE"):
        subprocess.run(["apt-get", "download", "-qq", package], cwd=debs,
                       stderr=subprocess.DEVNULL)
        deb = package_file(package, debs)
    if deb:
        subprocess.run(["dpkg", "-x", deb, into], check=True)
    else:
        print(f"run: cannot get the package {package}", file=sys.stderr)
    return deb


def libraries(deb):
    """Packages of shared libraries that it needs and this machine lacks."""
    depends = deb and subprocess.run(
        ["dpkg-deb", "-f", deb, "Depends"], stdout=subprocess.PIPE,
        text=True).stdout
    for package in re.findall(r"(?:^|, )(lib[a-z0-9.+-]+)", depends or ""):
        status = subprocess.run(
            ["dpkg-query", "-W", "-f", "${db:Status-Status}", package],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if status.stdout != "installed":
            yield package


# ---- namespaces -----------------------------------------------------------

def mount(*args):
    subprocess.run(["mount", *args], check=True)


def enter(work, users):
    """Inside fresh namespaces: loopback, the users, a syslog, /var/mail."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, 0x8914, struct.pack("16sh14x", b"lo", 1))
    # A burst above a listen backlog shall wait, not be lost for good.
    for name, value in (("tcp_syncookies", "0"), ("tcp_tw_reuse", "1"),
                        ("ip_local_port_range", "10000 65000")):
        with open(f"/proc/sys/net/ipv4/{name}", "w") as f:
            f.write(value)
    accounts(work, users)
    exim_config(work)
    mail = os.path.join(work, "mail")
    os.makedirs(mail, exist_ok=True)
    os.chown(mail, 0, 8)
    os.chmod(mail, 0o2775)
    os.makedirs(f"{work}/lib/popa3d", exist_ok=True)
    os.chmod(f"{work}/lib", 0o755)
    mount("-t", "overlay", "-o", f"lowerdir={work}/etc:/etc", "etc", "/etc")
    mount("-t", "overlay", "-o", f"lowerdir={work}/lib:/var/lib", "lib",
          "/var/lib")
    mount("--bind", mail, "/var/mail")
    mount("-t", "tmpfs", "dev", "/dev")
    for name, minor in (("null", 3), ("zero", 5), ("random", 8),
                        ("urandom", 9)):
        os.mknod(f"/dev/{name}", 0o20666, os.makedev(1, minor))
        os.chmod(f"/dev/{name}", 0o666)
    log = open(os.path.join(work, "log"), "w")
    subprocess.Popen([os.path.join(work, "load"), "log", "/dev/log"],
                     stdout=log)


def accounts(work, users):
    etc = os.path.join(work, "etc")
    os.makedirs(f"{etc}/pam.d", exist_ok=True)
    with open("/etc/passwd") as p, open("/etc/group") as g:
        passwd, group = p.read(), g.read()
    daemons = ("_restante", "postfix", "popa3d", "dovecot", "dovenull",
               "postdrop", "Debian-exim")
    for i, name in enumerate(daemons):
        passwd = re.sub(rf"(?m)^{name}:.*\n", "", passwd)
        group = re.sub(rf"(?m)^{name}:.*\n", "", group)
        passwd += f"{name}:x:{61500 + i}:{61500 + i}::/:/bin/false\n"
        group += f"{name}:x:{61500 + i}:\n"
    shadow = "".join(f"{n}:*:20000::::::\n" for n in ("root", *daemons))
    for n in range(users):
        passwd += f"b{n:03d}:x:{61000 + n}:8::/nonexistent:/bin/sh\n"
        shadow += f"b{n:03d}:{HASH}:20000:0:99999:7:::\n"
    for name, text in (("passwd", passwd), ("group", group),
                       ("shadow", shadow),
                       ("nsswitch.conf", "passwd: files\ngroup: files\n"
                        "shadow: files\nhosts: files\n"),
                       ("pam.d/popa3d", "auth required pam_unix.so\n"
                        "account required pam_unix.so\n"
                        "session required pam_unix.so\n")):
        write(f"{etc}/{name}", text)
    os.chmod(f"{etc}/shadow", 0o640)


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)


# ---- control groups: CPU time of a server, with all that it started -------

def group_root():
    for root in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        if os.path.exists(f"{root}/cgroup.controllers"):
            return root
    return None


def group_name(work, name):
    return f"{group_root()}/{os.path.basename(work)}-{name}"


def remove_groups(work):
    for _ in range(50):
        left = glob.glob(group_name(work, "*")) if group_root() else []
        for folder in left:
            try:
                os.rmdir(folder)
            except OSError:
                time.sleep(0.1)
        if not left:
            return


class Server:
    """One server: where it listens, how it starts, what CPU it has used."""

    def __init__(self, work, name, protocol, port, argv):
        self.work, self.name, self.protocol = work, name, protocol
        self.port, self.argv = port, argv
        self.id = f"{protocol}-{port}"
        self.group = group_name(work, self.id) if group_root() else None

    def start(self):
        if self.group:
            os.makedirs(self.group, exist_ok=True)
        errors = open(f"{self.work}/{self.id}.err", "w")
        self.process = subprocess.Popen(
            self.argv, cwd=self.work, stdin=subprocess.DEVNULL,
            stdout=errors, stderr=errors, preexec_fn=self.join)
        deadline = time.monotonic() + 10
        talks_first = self.protocol != "pop3s"
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with socket.create_connection(("127.0.0.1", self.port),
                                              timeout=5) as s:
                    ready = s.recv(1) if talks_first else b"connected"
            except OSError:
                ready = b""
            if ready:
                deepen(self.process.pid, self.port)
                return
            time.sleep(0.1)
        with open(errors.name, errors="replace") as f:
            raise RuntimeError(f"{self.name}, {self.protocol}, does not start "
                               f"(-w keeps the log): {f.read()[-500:]}")

    def join(self):
        if self.group:
            with open(f"{self.group}/cgroup.procs", "w") as f:
                f.write("0")

    def cpu(self):
        """Seconds so far, or NaN where there are no control groups."""
        if not self.group:
            return float("nan")
        with open(f"{self.group}/cpu.stat") as f:
            return int(f.readline().split()[1]) / 1e6

    def stop(self):
        if getattr(self, "process", None) and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()


def deepen(pid, port):
    """xinetd and popa3d listen with a backlog that only a benchmark fills:
    gives each listening socket the same, larger one."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = os.pidfd_open(pid)
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            link = os.readlink(f"/proc/{pid}/fd/{name}")
        except OSError:
            continue
        if not link.startswith("socket:"):
            continue
        fd = libc.syscall(438, handle, int(name), 0)  # pidfd_getfd
        if fd < 0:
            continue
        with socket.socket(fileno=fd) as s:
            if (s.family == socket.AF_INET and s.getsockname()[1] == port
                    and s.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)):
                s.listen(BACKLOG)
    os.close(handle)


# ---- the servers ----------------------------------------------------------

def fleet(work, build, users):
    yield from ours(work, build, users)
    if os.path.exists(f"{work}/peers/postfix/usr/lib/postfix/sbin/master"):
        yield postfix(work)
    if has_exim(work) and xinetd_path(work):
        yield exim(work)
    if os.path.exists(f"{work}/peers/dovecot/usr/sbin/dovecot"):
        yield dovecot(work, users)
    popa3d = f"{work}/peers/popa3d/usr/sbin/popa3d"
    if os.path.exists(popa3d) and xinetd_path(work):
        yield xinetd(work, "popa3d xinetd", "pop3", 1103, [popa3d], "NODELAY")


def ours(work, build, users):
    conf = f"{work}/restante/restante.conf"
    shutil.rmtree(f"{work}/restante", ignore_errors=True)
    write(conf, f"hostname bench.example\ndomains bench.example\n"
          f"users {work}/restante/users\nmailbox /var/mail/%u\n"
          f"queue {work}/restante/queue\nstate {work}/state\n"
          f"plaintext-login always\nlog syslog\n")
    write(f"{work}/restante/users",
          "".join(f"b{n:03d}:{HASH}\n" for n in range(users)))
    os.chmod(f"{work}/restante/users", 0o600)
    os.makedirs(f"{work}/restante/queue")
    os.makedirs(f"{work}/state", exist_ok=True)
    smtpd, pop3d = f"{build}/smtpd/smtpd", f"{build}/pop3d/pop3d"
    for name, protocol, program, port in (
            ("restante -l", "smtp", smtpd, 2501),
            ("restante -l", "pop3", pop3d, 1101)):
        yield Server(work, name, protocol, port,
                     [program, "-c", conf, "-l", f"127.0.0.1:{port}"])
    if xinetd_path(work):
        yield xinetd(work, "restante xinetd", "smtp", 2502,
                     [smtpd, "-c", conf])
        yield xinetd(work, "restante xinetd", "pop3", 1102,
                     [pop3d, "-c", conf])


def secure(work, build, users, protocol):
    """The same with TLS, for those who have it: pop3s has it from the start,
    stls by the command STLS."""
    certificate(work)
    conf = f"{work}/restante/tls.conf"
    with open(f"{work}/restante/restante.conf") as plain:
        write(conf, plain.read() + f"tls {work}/tls.pem\n")
    where = {"pop3s": "1105/tls", "stls": "1107"}[protocol]
    yield Server(work, "restante -l", protocol, int(where[:4]),
                 [f"{build}/pop3d/pop3d", "-c", conf, "-l",
                  f"127.0.0.1:{where}"])
    if os.path.exists(f"{work}/peers/dovecot/usr/sbin/dovecot"):
        yield dovecot(work, users, protocol)


def certificate(work):
    """A key on P-256 and a certificate, in one file."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
         "/CN=bench.example", "-keyout", f"{work}/key.pem", "-out",
         f"{work}/cert.pem"], check=True, stderr=subprocess.DEVNULL)
    with open(f"{work}/key.pem") as key, open(f"{work}/cert.pem") as cert:
        write(f"{work}/tls.pem", key.read() + cert.read())
    os.chmod(f"{work}/tls.pem", 0o600)


def xinetd_path(work):
    path = f"{work}/peers/xinetd/usr/sbin/xinetd"
    return path if os.path.exists(path) else None


def xinetd(work, name, protocol, port, command, flags=""):
    conf = f"{work}/xinetd/{protocol}-{port}.conf"
    write(conf, f"""defaults
{{
	instances = UNLIMITED
	per_source = UNLIMITED
	cps = 100000 1
	log_type = FILE /dev/null
	bind = 127.0.0.1
}}
service bench
{{
	type = UNLISTED
	port = {port}
	socket_type = stream
	protocol = tcp
	wait = no
	user = root
	flags = IPv4 {flags}
	server = {command[0]}
	server_args = {' '.join(command[1:])}
	disable = no
}}
""".replace("\tserver_args = \n", ""))
    return Server(work, name, protocol, port,
                  [xinetd_path(work), "-dontfork", "-f", conf])


def installed(peer, *command):
    """A command line that runs it where `peer` seems to be installed."""
    return ["unshare", "--mount", "sh", "-c",
            f'mount -t overlay -o lowerdir="{peer}/usr:/usr" usr /usr && '
            'exec "$@"', "sh", *command]


def postfix(work):
    top = f"{work}/postfix"
    shutil.rmtree(top, ignore_errors=True)
    write(f"{top}/etc/main.cf", f"""compatibility_level = 3.6
queue_directory = {top}/queue
data_directory = {top}/data
daemon_directory = /usr/lib/postfix/sbin
shlib_directory = /usr/lib/postfix
meta_directory = {top}/etc
myhostname = bench.example
mydestination = bench.example
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
local_recipient_maps = unix:passwd.byname
alias_maps =
alias_database =
mail_spool_directory = /var/mail
mailbox_size_limit = 0
biff = no
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_client_connection_count_limit = 0
default_process_limit = 300
in_flow_delay = 0
""")
    write(f"{top}/etc/master.cf", """127.0.0.1:2503 inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
local unix - n n - - local
anvil unix - - n - 1 anvil
""")
    for name in ("active", "bounce", "corrupt", "defer", "deferred", "flush",
                 "hold", "incoming", "private", "saved", "trace", "pid",
                 "public", "maildrop"):
        os.makedirs(f"{top}/queue/{name}", mode=0o700)
    os.makedirs(f"{top}/data", mode=0o700)
    return Postfix(work, "postfix", "smtp", 2503,
                   installed(f"{work}/peers/postfix",
                             "/usr/lib/postfix/sbin/master", "-d",
                             "-c", f"{top}/etc"))


class Postfix(Server):
    def start(self):
        top = f"{self.work}/postfix"
        for folder in [f"{top}/data", *glob.glob(f"{top}/queue/*")]:
            if not folder.endswith("/pid"):
                shutil.chown(folder, "postfix")
        shutil.chown(f"{top}/queue/public", "postfix", "postdrop")
        shutil.chown(f"{top}/queue/maildrop", "postfix", "postdrop")
        os.chmod(f"{top}/queue/public", 0o2710)
        os.chmod(f"{top}/queue/maildrop", 0o1730)
        super().start()


def has_exim(work):
    return os.path.exists(f"{work}/peers/{EXIM}/usr/sbin/exim4")


def exim_config(work):
    """Where Exim looks for it: of another place it would not believe that it
    may become the owner of a mailbox."""
    if not has_exim(work):
        return
    write(f"{work}/etc/exim4/exim4.conf", f"""primary_hostname = bench.example
spool_directory = {work}/exim
log_file_path = syslog
exim_user = Debian-exim
exim_group = Debian-exim
keep_environment =
host_lookup =
rfc1413_hosts =
never_users = root
smtp_accept_max = 0
smtp_connect_backlog = {BACKLOG}
tls_advertise_hosts =
acl_smtp_rcpt = recipient
begin acl
recipient:
  accept domains = bench.example
  deny
begin routers
user:
  driver = accept
  check_local_user
  transport = mailbox
begin transports
mailbox:
  driver = appendfile
  file = /var/mail/$local_part_data
  current_directory = /
  group = mail
  mode = 0660
begin retry
* * F,1h,1m
""")


def exim(work):
    """A daemon is what it mostly is; here it serves one session, as xinetd
    starts it, and delivers by a process for each message."""
    server = xinetd(work, "exim xinetd", "smtp", 2504,
                    ["/usr/sbin/exim4", "-bs"])
    server.argv = installed(f"{work}/peers/{EXIM}", *server.argv)
    spool = f"{work}/exim"
    shutil.rmtree(spool, ignore_errors=True)
    os.makedirs(spool)
    shutil.chown(spool, 61506, 61506)   # Debian-exim, in accounts()
    return server


# What Debian 12's and Debian 13's have under different names: the beginning,
# TLS, who may log in, and how many clients a login process serves.
DOVECOT_2_3 = ("""disable_plaintext_auth = no
mail_location = mbox:~/mail:INBOX=/var/mail/%n
""", """ssl_cert = <%(pem)s
ssl_key = <%(pem)s
""", """passdb {
  driver = passwd-file
  args = %(users)s
}
userdb {
  driver = passwd-file
  args = %(users)s
}
""", "service_count = 0")
DOVECOT_2_4 = ("""dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
auth_allow_cleartext = yes
mail_driver = mbox
mail_path = ~/mail
mail_inbox_path = /var/mail/%{user | username}
""", """ssl_server_cert_file = %(pem)s
ssl_server_key_file = %(pem)s
""", """passdb passwd-file {
  passwd_file_path = %(users)s
}
userdb passwd-file {
  passwd_file_path = %(users)s
}
""", "restart_request_count = unlimited")


def dovecot_version(work):
    """(2, 3) of Debian 12, (2, 4) of Debian 13."""
    said = subprocess.run(
        installed(f"{work}/peers/dovecot", "/usr/sbin/dovecot", "--version"),
        stdout=subprocess.PIPE, text=True, check=False).stdout
    numbers = re.match(r"(\d+)\.(\d+)", said)
    return tuple(map(int, numbers.groups())) if numbers else (2, 4)


def dovecot(work, users, protocol="pop3"):
    tls = protocol != "pop3"
    top = f"{work}/dovecot" + (f"-{protocol}" if tls else "")
    port = {"pop3": 1104, "pop3s": 1106, "stls": 1108}[protocol]
    listener = f"""
  inet_listener pop3 {{
    port = {0 if protocol == "pop3s" else port}
  }}
  inet_listener pop3s {{
    port = {port if protocol == "pop3s" else 0}
    ssl = yes
  }}"""
    shutil.rmtree(top, ignore_errors=True)
    write(f"{top}/users", "".join(
        f"b{n:03d}:{{CRYPT}}{HASH}:{61000 + n}:8::{work}/indexes/b{n:03d}\n"
        for n in range(users)))
    os.makedirs(f"{work}/indexes", exist_ok=True)
    os.chmod(f"{work}/indexes", 0o1777)
    own = DOVECOT_2_3 if dovecot_version(work) < (2, 4) else DOVECOT_2_4
    write(f"{top}/dovecot.conf", own[0] + (own[1] % {"pem": f"{work}/tls.pem"}
                                           if tls else "") + f"""
protocols = pop3
listen = 127.0.0.1
base_dir = {top}/run
state_dir = {top}/state
auth_mechanisms = plain
ssl = {"yes" if tls else "no"}
mail_privileged_group = mail
first_valid_gid = 8
mbox_read_locks = fcntl
mbox_write_locks = dotlock fcntl
mail_max_userip_connections = 1000
default_client_limit = 2000
default_process_limit = 500
{own[2] % {"users": f"{top}/users"}}
service pop3-login {{
  {own[3]}
  process_min_avail = 2{listener}
}}
service pop3 {{
  process_limit = 500
}}
""")
    os.chmod(f"{top}/users", 0o644)
    return Server(work, "dovecot", protocol, port,
                  installed(f"{work}/peers/dovecot", "/usr/sbin/dovecot",
                            "-F", "-c", f"{top}/dovecot.conf"))
