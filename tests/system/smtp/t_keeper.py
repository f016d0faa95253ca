# SPDX-License-Identifier: ISC
"""The keeper of private keys: it signs by every kind of key, is replaced when
it ends or says nothing, and makes nobody wait that has no need of it."""
import ctypes
import errno
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from lib import hostile, proc
from lib.scratch import Instance, client_context, make_certificate, tool
from lib.talk import Closed
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
KINDS = {
    "rsa": ["rsa:2048"], "rsa-pss": ["rsa-pss"], "ed25519": ["ed25519"],
    "ed448": ["ed448"], "p256": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "p384": ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "p521": ["ec", "-pkeyopt", "ec_paramgen_curve:P-521"],
}
VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
BROKEN = (ssl.SSLError, OSError, Closed)


def keeper(daemon):
    """The one keeper of a daemon."""
    return wait_for(lambda: len(proc.keepers(daemon.pid)) == 1 and
                    proc.keepers(daemon.pid)[0], "one keeper")


def hello(server, context=None, name="mail.example.org"):
    """A handshake and a word; the certificate that was shown."""
    with server.connect(server.submissions, context or client_context(),
                        name=name) as talker:
        talker.hello()
        return talker.sock.getpeercert(True)


def made(kind):
    """A key and its certificate, by openssl(1)."""
    with tempfile.TemporaryDirectory() as work:
        key, cert = Path(work, "key"), Path(work, "cert")
        done = subprocess.run(
            ["openssl", "req", "-x509", "-newkey", *KINDS[kind], "-nodes",
             "-days", "30", "-subj", f"/CN={kind}.example", "-addext",
             f"subjectAltName=DNS:{kind}.example", "-keyout", key, "-out",
             cert], capture_output=True, check=False)
        return key.read_bytes() + cert.read_bytes() \
            if done.returncode == 0 else None


def renew(server, pem):
    """Puts a key and its certificate in place; returns that."""
    temporary = Path(f"{server.pem}.new")
    temporary.write_bytes(pem)
    temporary.rename(server.pem)
    server.own()
    text = pem.decode()
    return ssl.PEM_cert_to_DER_cert(
        text[text.index("-----BEGIN CERTIFICATE"):])


def kinds():
    """Handshakes by each kind of key."""
    with Instance("tls-priority +RSA") as server:
        for kind in KINDS:
            with tap.case(f"a key of kind {kind} signs", server.notes):
                pem = made(kind) if tool("openssl") else None
                if not pem:
                    raise Skip("no openssl that makes such keys")
                der = renew(server, pem)
                wait_for(lambda d=der: hello(server) == d, "the new key")
                for version in VERSIONS:
                    equal(hello(server, client_context(
                        maximum_version=version, minimum_version=version)),
                        der, f"certificate by {version}")
        with tap.case("RSA signs by each hash, and never decrypts, whatever "
                      "tls-priority says", server.notes):
            pem = made("rsa") if tool("openssl") else None
            if not pem:
                raise Skip("no openssl")
            der = renew(server, pem)
            wait_for(lambda: hello(server) == der, "the new key")
            for size in (256, 384, 512):
                pkcs1(server, size)
            done = s_client(server, "-cipher",
                            "AES256-GCM-SHA384:AES128-GCM-SHA256")
            check(done.returncode != 0, repr(done.stdout[-300:]))


def s_client(server, *options):
    """openssl(1) as a client that speaks TLS 1.2."""
    return subprocess.run(
        ["openssl", "s_client", "-connect",
         f"127.0.0.1:{server.submissions}", "-tls1_2", "-brief", *options],
        input=b"QUIT\n", capture_output=True, timeout=60, check=False)


def pkcs1(server, size):
    """A handshake in which the server must sign by PKCS #1 v1.5."""
    said = s_client(server, "-sigalgs", f"RSA+SHA{size}").stderr.decode()
    kind = re.search(r"Signature type: (\S+)", said)
    check(f"Hash used: SHA{size}" in said and kind is not None
          and kind[1] in ("RSA", f"rsa_pkcs1_sha{size}"), said)


def test_shut_in(server):
    """The keeper is behind a filter, without rights, and not to be traced"""
    for daemon in (server.smtpd, server.pop3d):
        has = proc.status(keeper(daemon))
        equal(has["Seccomp"], "2", "Seccomp")
        equal(has["NoNewPrivs"], "1", "NoNewPrivs")
        equal(int(has["CapEff"], 16), 0, "capabilities")


def test_ends(server):
    """A keeper that is killed is replaced, which the log says once"""
    for number in (signal.SIGKILL, signal.SIGSEGV):
        before = server.smtpd.text().count("keeper of the keys")
        old = keeper(server.smtpd)
        os.kill(old, number)
        wait_for(lambda o=old: o not in proc.keepers(server.smtpd.pid),
                 "its end")
        wait_for(lambda b=before: server.smtpd.text().count(
            "keeper of the keys") > b, "the line in the log")
        hello(server)       # at the latest then there is another one
        check(keeper(server.smtpd) != old, "the same one")
        equal(server.smtpd.text().count("keeper of the keys"), before + 1,
              "lines")
        with server.connect(server.smtp) as talker:
            talker.hello()
            talker.expect("220 ", "STARTTLS")
            talker.start_tls(client_context())
            talker.expect("250 ", "EHLO x")


def starter(daemon):
    """The one process of a daemon that starts sessions with TLS."""
    return wait_for(lambda: len(proc.tls_starters(daemon.pid)) == 1 and
                    proc.tls_starters(daemon.pid)[0], "one starter")


def has_gnutls(pid):
    """True if the library is mapped in a process."""
    return "/libgnutls.so" in Path(f"/proc/{pid}/maps").read_text()


def test_server_without_gnutls(server):
    """GnuTLS is in the starter of sessions with TLS, and not in the server"""
    for daemon in (server.smtpd, server.pop3d):
        check(has_gnutls(starter(daemon)), "not in the starter")
        check(not has_gnutls(daemon.pid), "in the server")
    with server.connect(server.submission) as talker:
        talker.hello()
        check(not has_gnutls(proc.session_of(talker, server.smtpd.pid)),
              "in a session without TLS")


def server_random(server):
    """What a server says is random, in its first words."""
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = client_context()      # 1.3 may first answer with a constant
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.wrap_bio(into, out).do_handshake()
    except ssl.SSLWantReadError:
        pass
    with socket.create_connection(("127.0.0.1", server.submissions),
                                  60) as sock:
        sock.sendall(out.read())
        said = sock.makefile("rb").read(43)
    equal((said[0], said[5]), (22, 2), "a record with a ServerHello")
    return said[11:43]


def test_starter_ends(server):
    """A starter that is killed or stopped is replaced, and so is its keeper"""
    for number in (signal.SIGKILL, signal.SIGSTOP):
        old = starter(server.smtpd)
        os.kill(old, number)
        wait_for(lambda o=old: f"with TLS ({o}) has ended" in
                 server.smtpd.text(), "the line in the log")
        hello(server)       # at the latest then there is another one
        check(starter(server.smtpd) != old, "the same one")
        keeper(server.smtpd)


def handshake(server, outcomes):
    """A thread that shakes hands; appends how that has ended."""
    def run():
        try:
            hello(server)
            outcomes.append("good")
        except BROKEN as error:
            outcomes.append(repr(error))
    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_stopped(server):
    """A keeper that is stopped is killed, and replaced"""
    old = keeper(server.smtpd)
    os.kill(old, signal.SIGSTOP)
    wait_for(lambda: old not in proc.keepers(server.smtpd.pid), "its end")
    wait_for(lambda: f"process {old}) has ended" in server.smtpd.text(),
             "the line in the log")
    hello(server)


def test_renewal(server):
    """A handshake that has begun goes on with the old key; then that one's
    keeper ends"""
    old = keeper(server.smtpd)
    before = hello(server)
    sock = socket.create_connection(("127.0.0.1", server.submissions), 60)
    wait_for(lambda: proc.children(server.smtpd.pid), "its session")
    make_certificate(server.pem, "mail.example.org")
    server.own()
    wait_for(lambda: hello(server) != before, "the new certificate")
    equal(len(proc.keepers(server.smtpd.pid)), 2, "keepers")
    with client_context().wrap_socket(sock) as secured:
        equal(secured.getpeercert(True), before, "of the one that waited")
    wait_for(lambda: proc.keepers(server.smtpd.pid) not in ([], [old]) and
             len(proc.keepers(server.smtpd.pid)) == 1, "one keeper")
    hello(server)


def test_gives_way(server):
    """Where clients hold many keepers of old keys, the oldest gives way"""
    waiting, shown = [], []
    try:
        for _ in range(5):
            pids = proc.keepers(server.smtpd.pid)
            shown.append(hello(server))
            waiting.append(socket.create_connection(
                ("127.0.0.1", server.submissions), 60))
            wait_for(lambda: len(proc.children(server.smtpd.pid)) ==
                     len(waiting), "its session, and no other")
            make_certificate(server.pem, "mail.example.org")
            server.own()
            wait_for(lambda: hello(server) != shown[-1],
                     "the new certificate")
            check(len(proc.keepers(server.smtpd.pid)) <= 4, "keepers")
            check(set(proc.keepers(server.smtpd.pid)) != set(pids), "new")
        for number, sock in enumerate(waiting):
            try:
                with client_context().wrap_socket(sock) as secured:
                    got = secured.getpeercert(True)
            except BROKEN:
                got = None
            # Four places, of which one is that of the new keys.
            equal(got, None if number < 2 else shown[number],
                  f"what is shown to number {number}")
    finally:
        for sock in waiting:
            sock.close()
    wait_for(lambda: len(proc.keepers(server.smtpd.pid)) == 1, "one keeper")
    hello(server)


class Refused(Instance):
    """Servers whose kernel refuses clone3(2), as those of containers do."""

    def __init__(self, number):
        self.number = number
        super().__init__()

    def filter(self):
        """In the child: a filter that answers this call so, and no other."""
        clone3, load, jump, end = 435, 0x20, 0x15, 0x06
        program = (ctypes.c_uint64 * 4)(*(
            code | when << 16 | otherwise << 24 | k << 32
            for code, when, otherwise, k in (
                (load, 0, 0, 0), (jump, 0, 1, clone3),
                (end, 0, 0, 0x50000 | self.number), (end, 0, 0, 0x7fff0000))))
        whole = (ctypes.c_uint64 * 2)(4, ctypes.addressof(program))
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        pr_set_no_new_privs, pr_set_seccomp, mode_filter = 38, 22, 2
        if prctl(pr_set_no_new_privs, 1, 0, 0, 0) != 0 or \
                prctl(pr_set_seccomp, mode_filter, ctypes.byref(whole)) != 0:
            os._exit(99)

    def popen(self, command, **settings):
        return super().popen(command, preexec_fn=self.filter, **settings)


def cases_no_clone3(_):
    """Sessions with TLS begin where a filter knows no clone3(2)"""
    for number in (errno.ENOSYS, errno.EPERM):
        with tap.case(f"clone3(2) is refused: {errno.errorcode[number]}"), \
                Refused(number) as server:
            done = subprocess.run(
                [sys.executable, "-c", "import ctypes; c = ctypes.CDLL(None, "
                 "use_errno=True); c.syscall(435, 0, 0); "
                 "print(ctypes.get_errno())"], preexec_fn=server.filter,
                capture_output=True, text=True, check=True)
            equal(done.stdout.strip(), str(number), "control: what it says")
            hello(server)
            session = server.connect(server.submissions, client_context())
            with session:
                session.hello()
                check(proc.children(server.smtpd.pid), "not its child")
            wait_for(lambda: not proc.children(server.smtpd.pid),
                     "the server to hear of its end")


def test_ends_with_the_server(server):
    """No keeper outlives a server, not even one that is killed"""
    daemon = server.smtpd
    pid = keeper(daemon)
    daemon.kill()
    wait_for(lambda: not proc.status(pid), "the keeper's end")


class Taken(Instance):
    """Servers whose smtpd is a hostile build."""

    def __init__(self, built):
        self.built = built
        super().__init__()

    def program(self, name):
        if name != "smtpd":
            return super().program(name)
        copy = self.dir / "smtpd"
        if not copy.exists():
            shutil.copy(self.built, copy)
            copy.chmod(0o755)
        return str(copy)


ASK = ("	return channel_ask(c->channel, REQUEST_SIGN, q, sizeof(*q), "
       "signature,\n		   sizeof(*signature)) == STATUS_OK")
TWICE = {"common/session/secure.c": [
    (ASK, ASK.replace("	return ", "	bool first = ", 1) +
     ";\n	(void)first;\n" + ASK)]}
OTHERS = {"common/session/secure.c": [
    (ASK, "	struct signature_question other = *q;\n"
     "	other.key = 31;\n" + ASK.replace("q, sizeof(*q)",
                                       "&other, sizeof(other)"))]}
# Starters that have drawn random numbers before they fork.
DRAWN = {"common/tls/tls.c": [
    ("#include <stdlib.h>\n", "#include <dlfcn.h>\n#include <stdlib.h>\n"),
    ("			s = NULL;\n		}\n	}\n",
     "			s = NULL;\n		}\n	}\n	char drawn[32];\n"
     "	void *lib = dlopen(\"libgnutls.so.30\", RTLD_NOW);\n"
     "	__typeof__(&gnutls_rnd) rnd;\n"
     "	*(void **)&rnd = dlsym(lib, \"gnutls_rnd\");\n"
     "	rnd(GNUTLS_RND_NONCE, drawn, 32);\n"
     "	rnd(GNUTLS_RND_RANDOM, drawn, 32);\n")]}
SAME = {**DRAWN,
        "common/server/tls_starter.c": [("			tls_forked();\n", "")]}
MUTE = {"common/keeper/keeper.c": [
    ("		tell(channel, &result, sizeof(result));\n", "")]}


def taken(edits, run):
    """Runs a server with these edits."""
    with tempfile.TemporaryDirectory(prefix="restante-test-") as folder:
        with Taken(hostile.build(Path(folder), "smtpd", edits)) as server:
            run(server)


def test_twice():
    """A session that asks for a second signature is killed"""
    def run(server):
        outcomes = []
        handshake(server, outcomes).join(60)
        check(outcomes and outcomes != ["good"], f"{outcomes}")
        wait_for(lambda: "malformed request" in server.smtpd.text(),
                 "the line in the log")
    taken(TWICE, run)


def test_no_such_key():
    """There is no signature by a key that is none"""
    def run(server):
        old, outcomes = keeper(server.smtpd), []
        handshake(server, outcomes).join(60)
        check(outcomes and outcomes != ["good"], f"{outcomes}")
        equal(keeper(server.smtpd), old, "keeper")
    taken(OTHERS, run)


def different(count):
    """Three sessions whose random numbers are so many."""
    def run(server):
        drawn = {server_random(server)[4:] for _ in range(3)}
        equal(len(drawn), count, "different random numbers")
    return run


def test_random():
    """Sessions of one starter draw random numbers of their own"""
    taken(DRAWN, different(3))


def test_random_control():
    """Control: if GnuTLS is not told of the fork, they draw the same ones"""
    taken(SAME, different(1))


def test_mute():
    """A keeper that does not answer is killed, its client told, and others are
    served meanwhile"""
    def run(server):
        old, outcomes = keeper(server.smtpd), []
        thread = handshake(server, outcomes)
        wait_for(lambda: proc.children(server.smtpd.pid), "its session")
        with server.connect(server.smtp) as talker:
            talker.hello()
            talker.expect("221 ", "QUIT")
        equal(outcomes, [], "how the handshake has ended")
        thread.join(60)
        check(outcomes and outcomes != ["good"], f"{outcomes}")
        check(f"{old}) does not answer" in server.smtpd.text(),
              server.smtpd.text()[-500:])
    taken(MUTE, run)


if __name__ == "__main__":
    alone = {name: test for name, test in globals().items()
             if name in ("test_twice", "test_no_such_key", "test_mute")}
    shared = {name: test for name, test in globals().items()
              if name not in alone}
    with Instance() as fixture:
        tap.run(shared, fixture)
    tap.run(alone)
    kinds()
    tap.finish()
