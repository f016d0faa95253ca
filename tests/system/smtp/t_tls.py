# SPDX-License-Identifier: ISC
"""TLS: implicit TLS, versions, certificates and their renewal."""
import re
import socket
import ssl
import subprocess
import threading

from lib.player import PASSWORDS
from lib.scratch import (Instance, Scratch, client_context, make_certificate,
                         tool)
from lib.talk import Closed, plain
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()


def certificate(server, port, name="mail.example.org"):
    """The certificate a TLS port shows for a name, as DER."""
    with server.connect(port, client_context(), name=name) as talker:
        return talker.sock.getpeercert(True)


def pem_certificate(path):
    """The certificate in a PEM file, as DER."""
    text = path.read_text()
    return ssl.PEM_cert_to_DER_cert(
        text[text.index("-----BEGIN CERTIFICATE"):])


def test_mistrust(server):
    """A client that does not trust the certificate: the log says just that"""
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for name, port, daemon in (("smtpd", server.submissions, server.smtpd),
                                   ("pop3d", server.pop3s, server.pop3d)):
            before = daemon.text().count("does not trust our certificate")
            context = ssl.create_default_context()
            context.minimum_version = context.maximum_version = version
            with socket.create_connection(("127.0.0.1", port), 60) as sock:
                try:
                    context.wrap_socket(sock, server_hostname="mail.example.org")
                except ssl.SSLError:
                    pass
            wait_for(lambda d=daemon, b=before: d.text().count(
                "does not trust our certificate") == b + 1,
                f"{name}, {version.name}: a line in the log")


def test_no_login(server):
    """A session under TLS that ends without a login is no trouble of TLS"""
    with server.connect(server.pop3s, client_context()) as talker:
        talker.pop("+OK")
        before = server.pop3d.text().count("DISCONNECTED")
    wait_for(lambda: server.pop3d.text().count("DISCONNECTED") == before + 1,
             "the end of the session")
    line = [l for l in server.pop3d.text().splitlines()
            if "DISCONNECTED" in l][-1]
    check("TLS" not in line, line)


def test_implicit_tls(server):
    """The /tls addresses speak TLS from the first byte"""
    with server.connect(server.submissions, client_context()) as talker:
        check("STARTTLS" not in talker.hello().words(), "STARTTLS offered")
        talker.expect("530 5.7.0", "MAIL FROM:<alice@example.org>")
        talker.login("alice", PASSWORDS["alice"])
    with server.connect(server.pop3s, client_context()) as talker:
        talker.pop_login("alice", PASSWORDS["alice"])
        talker.pop("+OK", "QUIT")


def test_implicit_tls_nowait(server):
    """--implicit-tls does the same for a session on fd 0"""
    talker, process = server.session("smtpd", "--implicit-tls", "--role",
                                     "submission")
    with talker:
        talker.start_tls(client_context())
        talker.hello()
        talker.login("alice", PASSWORDS["alice"])
        talker.expect("221 ", "QUIT")
    equal(process.wait(30), 0, "exit status")
    talker, process = server.session("pop3d", "--implicit-tls")
    with talker:
        talker.start_tls(client_context())
        talker.pop_login("alice", PASSWORDS["alice"])
        talker.pop("+OK", "QUIT")
    equal(process.wait(30), 0, "exit status")


def test_log_without_errors(server):
    """A session without a login logs an end, and no trouble with TLS"""
    before = server.pop3d.text().count("LOGOUT, ip=")
    with server.connect(server.pop3s, client_context()) as talker:
        talker.pop("+OK")
        talker.pop("+OK", "QUIT")
    with server.connect(server.pop3, None) as talker:
        talker.pop("+OK")
        talker.pop("+OK", "STLS")
        talker.start_tls(client_context())
        talker.pop("+OK", "QUIT")
    wait_for(lambda: server.pop3d.text().count("LOGOUT, ip=") == before + 2,
             "both ends in the log")
    ends = re.findall(r"LOGOUT, ip=.*", server.pop3d.text())[before:]
    equal(ends, ["LOGOUT, ip=[127.0.0.1]"] * 2, "lines")


def test_plaintext_on_a_tls_port(server):
    """Plaintext on a TLS port is answered by no reply and closed"""
    for port in (server.submissions, server.pop3s):
        with server.connect(port) as talker:
            talker.send(b"EHLO client.example.net\r\nQUIT\r\n")
            rest = talker.rest()
            check(b"250" not in rest and b"+OK" not in rest, repr(rest))


def old_context(version):
    """A client that speaks one TLS version and nothing else."""
    context = client_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = version
    context.maximum_version = version
    return context


def speaks(version, pem):
    """Whether this machine's TLS library can still speak a version."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.set_ciphers("ALL:@SECLEVEL=0")
    server.minimum_version = version
    server.load_cert_chain(pem)
    ours, theirs = socket.socketpair()

    def answer():
        try:
            server.wrap_socket(theirs, server_side=True).close()
        except (ssl.SSLError, OSError):
            theirs.close()
    thread = threading.Thread(target=answer)
    thread.start()
    try:
        old_context(version).wrap_socket(ours).close()
        return True
    except (ssl.SSLError, OSError):
        ours.close()
        return False
    finally:
        thread.join()


def versions(server):
    """Old versions are refused, new ones spoken, on every port."""
    names = {"TLS 1.0": ssl.TLSVersion.TLSv1, "TLS 1.1": ssl.TLSVersion.TLSv1_1,
             "TLS 1.2": ssl.TLSVersion.TLSv1_2,
             "TLS 1.3": ssl.TLSVersion.TLSv1_3}
    for name, version in names.items():
        good = name in ("TLS 1.2", "TLS 1.3")
        with tap.case(f"{name} is {'spoken' if good else 'refused'}",
                      server.notes):
            if not speaks(version, server.pem):
                raise Skip(f"the client's library does not speak {name}")
            for port in (server.submissions, server.pop3s):
                try:
                    with server.connect(port, old_context(version)) as talker:
                        talker.line()
                    spoken = True
                except (ssl.SSLError, OSError, Closed):
                    spoken = False
                equal(spoken, good, f"port {port} speaks {name}")


def rounds(server, *options):
    """How often the server has said ServerHello: one that wants another key
    of the client says it twice."""
    done = subprocess.run(
        ["openssl", "s_client", "-msg", "-tls1_3", "-connect",
         f"127.0.0.1:{server.submissions}", *options],
        input=b"", capture_output=True, timeout=60, check=False)
    return sum(line.startswith(b"<<<") and b", ServerHello" in line
               for line in (done.stdout + done.stderr).splitlines())


def test_one_round(server):
    """A client of OpenSSL, which offers X25519 at once, needs no second round"""
    if not tool("openssl"):
        raise Skip("openssl is not there")
    equal(rounds(server), 1, "of its defaults")
    equal(rounds(server, "-groups", "P-256"), 1, "of one that has P-256 alone")
    equal(rounds(server, "-groups", "P-521:X25519"), 2,
          "control: of one that has both, and offers the other")


class Chosen(Instance):
    """Servers on a system whose administrator has chosen GnuTLS' default."""

    def __init__(self, priority, config=""):
        self.chosen = priority
        super().__init__(config)

    def environment(self):
        path = self.dir / "gnutls.conf"
        path.write_text("[overrides]\ndefault-priority-string = "
                        f"{self.chosen}\n")
        path.chmod(0o644)
        return dict(super().environment(),
                    GNUTLS_SYSTEM_PRIORITY_FILE=str(path))


CURVES = ("X25519", "prime256v1", "secp384r1", "secp521r1")


def curves(port):
    """The curves with which a client gets a session. Python knows X25519 by
    that name from OpenSSL 3.2 on alone."""
    return [curve for curve in CURVES if subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-groups",
         curve, "-brief"], input=b"QUIT\r\n", capture_output=True,
        timeout=60, check=False).returncode == 0]


def cases_curves(_):
    """What the system's administrator has left out stays out."""
    if not tool("openssl"):
        raise Skip("no openssl")
    for name, priority, key, left in (
            ("all", "NORMAL", "", CURVES),
            ("one left out", "NORMAL:-GROUP-SECP521R1", "", CURVES[:3]),
            ("two", "NORMAL:-GROUP-SECP256R1:-GROUP-X25519", "", CURVES[2:]),
            ("one alone", "NORMAL:-GROUP-ALL:+GROUP-SECP384R1", "",
             CURVES[2:3]),
            ("one that the key adds", "NORMAL:-GROUP-SECP521R1",
             "tls-priority +GROUP-SECP521R1", CURVES),
            ("one that the key leaves out", "NORMAL",
             "tls-priority -GROUP-SECP384R1", CURVES[:2] + CURVES[3:])):
        with tap.case(f"curves: {name}"), Chosen(priority, key) as server:
            equal(curves(server.submissions), list(left), "curves")


def test_old_version_by_starttls(server):
    """openssl s_client gets no TLS 1.1 by STARTTLS and STLS"""
    if not tool("openssl"):
        raise Skip("no openssl")
    for port, kind in ((server.smtp, "smtp"), (server.pop3, "pop3")):
        for option, good in (("-tls1_1", False), ("-tls1_2", True)):
            done = subprocess.run(
                ["openssl", "s_client", "-connect", f"127.0.0.1:{port}",
                 "-starttls", kind, option, "-cipher", "ALL:@SECLEVEL=0",
                 "-brief"], input=b"QUIT\r\n", capture_output=True,
                timeout=60, check=False)
            spoken = b"Protocol version: TLSv" in done.stderr
            equal(spoken, good, f"{kind} {option}: {done.stderr[:300]!r}")


def test_renewal(server):
    """A certificate renewed on disk is shown to the next connection"""
    old = pem_certificate(server.pem)
    equal(certificate(server, server.submissions), old, "at first")
    make_certificate(server.pem, "mail.example.org")
    server.own()
    new = pem_certificate(server.pem)
    check(new != old, "the renewal made the same certificate")
    for port in (server.submissions, server.pop3s):
        wait_for(lambda p=port: certificate(server, p) == new,
                 f"the new certificate on port {port}")
    with server.connect(server.smtp) as talker:
        talker.hello()
        talker.expect("220 ", "STARTTLS")
        talker.start_tls(client_context())
        equal(talker.sock.getpeercert(True), new, "by STARTTLS")


def test_broken_renewal(server):
    """A broken renewal never opens a plaintext door"""
    good = server.pem.read_bytes()
    server.pem.write_bytes(good[:len(good) // 2])
    try:
        with server.connect(server.smtp) as talker:
            talker.hello()
            reply = talker.expect(("220 ", "454 4.7.0", "502 ", "503 "),
                                  "STARTTLS")
            if reply.code == 220:       # the old one is still in use
                talker.start_tls(client_context())
                talker.expect("250 ", "EHLO client.example.net")
        with server.connect(server.submissions) as talker:
            talker.send(b"EHLO client.example.net\r\n")
            check(b"250" not in talker.rest(), "plaintext on a TLS port")
    finally:
        server.pem.write_bytes(good)
    with server.connect(server.submissions, client_context()) as talker:
        talker.hello()


def sni():
    """Two certificates, chosen by the name the client asks for."""
    second = "%DIR/second.pem"
    with tap.case("SNI chooses between two certificates"):
        with Scratch() as maker:
            make_certificate(maker.dir / "second.pem", "mail.example.net")
            copies = {name: (maker.dir / name).read_bytes()
                      for name in ("tls.pem", "second.pem")}

        class TwoNames(Instance):
            """An Instance with a second certificate in its folder."""

            def start(self):
                (self.dir / "second.pem").write_bytes(copies["second.pem"])
                self.pem.write_bytes(copies["tls.pem"])
                self.own()
                super().start()

        with TwoNames(f"tls %DIR/tls.pem\ntls {second}") as server:
            wanted = {"mail.example.org": pem_certificate(server.pem),
                      "mail.example.net":
                      pem_certificate(server.dir / "second.pem")}
            for port in (server.submissions, server.pop3s):
                for name, der in wanted.items():
                    equal(certificate(server, port, name), der, name)
                for name in (None, "unknown.example.com"):
                    equal(certificate(server, port, name),
                          wanted["mail.example.org"], f"for {name}")


def test_cut_connection(server):
    """A TLS connection cut within DATA leaves no message"""
    before = server.mailbox("bob").read_bytes() \
        if server.mailbox("bob").exists() else b""
    with server.connect(server.submissions, client_context()) as talker:
        talker.hello()
        talker.login("alice", PASSWORDS["alice"])
        talker.expect("250 ", "MAIL FROM:<alice@example.org>")
        talker.expect("250 ", "RCPT TO:<bob@example.org>")
        talker.expect("354 ", "DATA")
        talker.send(b"Subject: cut\r\n\r\nhalf\r\n")
        talker.sock.shutdown(socket.SHUT_RDWR)
    wait_for(lambda: not server.queue_files(), "an empty queue folder")
    after = server.mailbox("bob").read_bytes() \
        if server.mailbox("bob").exists() else b""
    equal(after, before, "the mailbox")


def test_long_login_line_under_tls(server):
    """A login line in the middle of a TLS record stream is read whole"""
    with server.connect(server.submissions, client_context()) as talker:
        talker.hello()
        line = "AUTH PLAIN " + plain("alice", PASSWORDS["alice"]) + "\r\n"
        for character in line:
            talker.send(character)
        talker.expect("235 ")


if __name__ == "__main__":
    with Instance() as fixture:
        tap.run(globals(), fixture)
        versions(fixture)
    sni()
    tap.finish()
