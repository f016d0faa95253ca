# SPDX-License-Identifier: ISC
"""Certificates of servers that we connect to.

A client that verifies takes the one that is for the host, from an issuer whom
it trusts, at this time, and says of any other what is wrong with it; one that
does not takes any.
"""
import re
import socket
import ssl
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

from lib.scratch import BUILD, tool
from lib.tap import Tap, check, equal

tap = Tap()
PROBE = BUILD / "tests/lib/net-probe"
HOST = "mail.example.org"
# Lines of certtool templates by certificate.
CASES = {
    "good": f"dns_name = {HOST}\ntls_www_server",
    "no purpose": f"dns_name = {HOST}",
    "wildcard": "dns_name = *.example.org\ntls_www_server",
    "top wildcard": "dns_name = *.org\ntls_www_server",
    "other name": "cn = mail.example.org\ndns_name = www.example.net\n"
                  "dns_name = ftp.example.net\ntls_www_server",
    "common name": f"cn = {HOST}\ntls_www_server",
    "address": "ip_address = 127.0.0.1\nip_address = ::1\ntls_www_server",
    "expired": f"dns_name = {HOST}\ntls_www_server\n"
               'activation_date = "2001-01-01 00:00:00"\n'
               'expiration_date = "2002-01-01 00:00:00"',
    "early": f"dns_name = {HOST}\ntls_www_server\n"
             'activation_date = "2090-01-01 00:00:00"\n'
             'expiration_date = "2091-01-01 00:00:00"',
    "client": f"dns_name = {HOST}\ntls_www_client",
}


def certtool(*words):
    """Runs it."""
    subprocess.run(["certtool", *map(str, words)], check=True,
                   capture_output=True)


class Certificates:
    """An issuer, another one, and what the cases ask for."""

    def __init__(self, folder):
        self.dir = Path(folder)
        self.key = self.make_key("key")
        self.issuer = self.root("issuer", self.key)
        self.stranger = self.root("stranger", self.make_key("stranger-key"))
        self.impostor = self.root("issuer", self.make_key("impostor-key"),
                                  "impostor.pem")
        for case in CASES:
            self.make(case, "--generate-certificate", "--load-ca-privkey",
                      self.key, "--load-ca-certificate", self.issuer)
        CASES["self-signed"] = CASES["good"]
        self.make("self-signed", "--generate-self-signed")

    def make_key(self, name):
        """A private key."""
        path = self.dir / name
        certtool("--generate-privkey", "--key-type", "ecdsa", "--curve",
                 "secp256r1", "--outfile", path)
        return path

    def root(self, name, key, file=None):
        """The certificate of an issuer."""
        template = self.dir / "template"
        path = self.dir / (file or f"{name}.pem")
        template.write_text(f"cn = The {name}\nca\ncert_signing_key\n"
                            "expiration_days = 30\n")
        certtool("--generate-self-signed", "--template", template,
                 "--load-privkey", key, "--outfile", path)
        return path

    def make(self, case, *words):
        """Key and certificate in one file."""
        template, path = self.dir / "template", self.dir / "certificate"
        text = CASES[case] + "\nsigning_key\n"
        if "expiration_date" not in text:
            text += "expiration_days = 30\n"
        template.write_text(text)
        certtool(*words, "--template", template, "--load-privkey", self.key,
                 "--outfile", path)
        self.path(case).write_bytes(self.key.read_bytes()
                                    + path.read_bytes())

    def path(self, case):
        """The file of a case."""
        return self.dir / (case.replace(" ", "-") + ".pem")


def context(path, **settings):
    """A server's TLS."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(path)
    for name, value in settings.items():
        setattr(made, name, value)
    return made


@contextmanager
def server(serve, host="127.0.0.1"):
    """Serves one connection after the other; its port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        def loop():
            while True:
                try:
                    sock, _ = listener.accept()
                    with sock:
                        serve(sock)
                except ssl.SSLError:
                    pass        # the client did not like it
                except OSError:
                    if listener.fileno() == -1:
                        return
        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def speak(made, names=None):
    """A server that says the line back that it is told."""
    def serve(sock):
        if names is not None:
            made.sni_callback = lambda _, name, __: names.append(name)
        with made.wrap_socket(sock, server_side=True) as tls:
            tls.sendall(tls.recv(100).upper())
            tls.recv(1)
    return serve


def connect(port, name, trust=None, host="127.0.0.1"):
    """What the client says."""
    words = [PROBE, "tls", host, str(port), name, *([trust] if trust else [])]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60,
                          check=False)
    equal(done.returncode, 0, done.stdout + done.stderr)
    return done.stdout


def good(said):
    """It must have worked."""
    check(re.fullmatch(r"ok: TLS1\.[23], \S+\nHELLO\n", said), said)


def failed(said, *words):
    """It must have failed, for that reason."""
    check(said.startswith("failed: "), said)
    check(all(word in said for word in words), said)


def test_verified(certificates):
    """What is in order is taken: names, wildcards, no purpose"""
    for case in ("good", "wildcard", "no purpose", "common name"):
        with server(speak(context(certificates.path(case)))) as port:
            good(connect(port, HOST, certificates.issuer))


def test_case(certificates):
    """Host names have no case"""
    with server(speak(context(certificates.path("good")))) as port:
        good(connect(port, "Mail.EXAMPLE.org", certificates.issuer))


def test_refused(certificates):
    """What is not is refused, in words; without verification it is taken"""
    reasons = {
        "other name": ["is for www.example.net, ftp.example.net, not for "
                       + HOST],
        "top wildcard": ["is for *.org, not for"],
        "expired": [HOST, "has expired"],
        "early": [HOST, "is not yet valid"],
        "self-signed": ["is not trusted"],
        "client": ["is not for servers"],
        "address": ["is for 127.0.0.1, ::1, not for " + HOST],
    }
    for case, words in reasons.items():
        with server(speak(context(certificates.path(case)))) as port:
            failed(connect(port, HOST, certificates.issuer), *words)
            good(connect(port, HOST))


def test_strangers(certificates):
    """An issuer whom we do not trust, one of the same name, and no issuer"""
    with server(speak(context(certificates.path("good")))) as port:
        for trust in (certificates.stranger, certificates.impostor,
                      certificates.path("wildcard")):
            failed(connect(port, HOST, trust), "the certificate of " + HOST)
    with server(speak(context(certificates.path("self-signed")))) as port:
        good(connect(port, HOST, certificates.path("self-signed")))


def test_names(certificates):
    """Part of a name, a name with more, an empty one: none is the host"""
    with server(speak(context(certificates.path("wildcard")))) as port:
        for name in ("a.b.example.org", "example.org", "mail.example.org.evil"
                     ".example", "127.0.0.1"):
            failed(connect(port, name, certificates.issuer), "is for *.")


def test_addresses(certificates):
    """The certificate of an address is for that address alone"""
    made = context(certificates.path("address"))
    with server(speak(made)) as port:
        good(connect(port, "127.0.0.1", certificates.issuer))
        good(connect(port, "::1", certificates.issuer))
        failed(connect(port, "127.0.0.2", certificates.issuer), "is for")
        failed(connect(port, "::2", certificates.issuer), "is for")
    with server(speak(context(certificates.path("other name")))) as port:
        failed(connect(port, "127.0.0.1", certificates.issuer), "is for")


def test_server_name(certificates):
    """SNI has the host's name, and no address"""
    names = []
    made = context(certificates.path("good"))
    with server(speak(made, names)) as port:
        good(connect(port, HOST))
        good(connect(port, "127.0.0.1"))
        good(connect(port, "::1"))
    equal(names, [HOST, None, None], "names")


def test_versions(certificates):
    """TLS 1.2 and later, nothing before"""
    path = certificates.path("good")
    v = ssl.TLSVersion
    for version in (v.TLSv1_2, v.TLSv1_3):
        made = context(path, minimum_version=version, maximum_version=version)
        with server(speak(made)) as port:
            good(connect(port, HOST, certificates.issuer))
    made = context(path)
    made.set_ciphers("ALL:@SECLEVEL=0")
    made.minimum_version = v.TLSv1
    made.maximum_version = v.TLSv1_1
    with server(speak(made)) as port:
        failed(connect(port, HOST), "the server says: ")


def test_no_tls(_):
    """Plain text, a cut, and silence in place of a handshake"""
    def plain(sock):
        sock.sendall(b"220 mail.example.org ESMTP\r\n")
        sock.recv(1)

    with server(plain) as port:
        failed(connect(port, HOST))
    with server(lambda sock: sock.recv(1)) as port:
        failed(connect(port, HOST))
    ends = threading.Event()
    with server(lambda sock: ends.wait(60)) as port:
        failed(connect(port, HOST), "timed out")
        ends.set()


def test_trust(certificates):
    """A file without certificates is said before anything is sent"""
    empty = certificates.dir / "empty"
    empty.write_text("")
    for path in (empty, certificates.dir / "absent"):
        with server(lambda sock: None) as port:
            said = connect(port, HOST, path)
            check(said.startswith("no client: no certificates to trust in "),
                  said)


if __name__ == "__main__":
    if tool("certtool"):
        with tempfile.TemporaryDirectory() as work:
            tap.run(globals(), Certificates(work))
    else:
        tap.skip("certificates of servers", "no certtool")
    tap.finish()
