# SPDX-License-Identifier: ISC
"""testssl.sh looks at the TLS ports and finds nothing to complain about.

Versions, ciphers, key exchanges and the faults that have names: whatever it
takes for less than good on one of our ports is a failure. The certificate is
in order, too, so that nothing need be excused. RESTANTE_LONG=1: everything on
five ports, a minute or more each; else the protocols, on one.
"""
import json
import os
import subprocess

from lib.peers import find
from lib.scratch import LONG, Instance, tool
from lib.tap import Skip, Tap, check

tap = Tap()
NAME = "mail.example.org"
# What is said of its own installation, and of records in the DNS.
NOT_OURS = ("engine_problem", "service", "scanTime", "DNS_CAArecord")
FINE = ("OK", "INFO", "DEBUG", "WARN")
EXTENSIONS = f"""subjectAltName=DNS:{NAME}
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
extendedKeyUsage=serverAuth
authorityKeyIdentifier=keyid
crlDistributionPoints=URI:http://example.org/ca.crl
"""


class Site(Instance):
    """Both servers, with a certificate as one gets it from an issuer."""

    def openssl(self, *words):
        """Runs it in the folder."""
        subprocess.run(["openssl", *words], cwd=self.dir, check=True,
                       capture_output=True)

    def start(self):
        """Replaces the certificate first."""
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
               "-nodes")
        self.openssl("req", "-x509", *key, "-subj", "/CN=Issuer", "-days",
                     "400", "-keyout", "ca.key", "-out", "ca.pem", "-addext",
                     "keyUsage=critical,keyCertSign,cRLSign")
        self.openssl("req", *key, "-subj", f"/CN={NAME}", "-keyout", "own.key",
                     "-out", "own.csr")
        (self.dir / "extensions").write_text(EXTENSIONS)
        self.openssl("x509", "-req", "-in", "own.csr", "-CA", "ca.pem",
                     "-CAkey", "ca.key", "-CAcreateserial", "-days", "90",
                     "-extfile", "extensions", "-out", "own.crt")
        self.pem.write_text("".join(
            (self.dir / name).read_text()
            for name in ("own.key", "own.crt", "ca.pem")))
        self.own()
        super().start()


def program():
    """(testssl, the folder with its tables)"""
    path = find("testssl", "testssl.sh")
    for name in ("openssl", "hexdump", "ps"):
        if not tool(name):
            raise Skip(f"it needs {name}")
    tables = path.removesuffix("/usr/bin/testssl") + "/etc/testssl"
    if not os.path.isdir(tables):
        raise Skip("no tables of testssl.sh")
    return path, tables


def scan(server, port, *options):
    """What it finds: {id: (severity, words)}."""
    path, tables = program()
    folder = server.dir / f"testssl-{port}"
    folder.mkdir()
    # It wants to look names up, of which it has no need here.
    (folder / "host").write_text("#!/bin/sh\nexit 1\n")
    (folder / "host").chmod(0o755)
    report = folder / "report.json"
    done = subprocess.run(
        [path, "--quiet", "--color", "0", "--warnings", "batch", "--nodns",
         "none", "--ip", "127.0.0.1", "--jsonfile", str(report), *options,
         f"{NAME}:{port}"], stdin=subprocess.DEVNULL, capture_output=True,
        cwd=folder, check=False, env=dict(
            server.environment(), TESTSSL_INSTALL_DIR=tables,
            PATH=f"{folder}:{os.environ['PATH']}", HOME=str(folder),
            ADDITIONAL_CA_FILES=str(server.dir / "ca.pem")))
    check(report.exists(), (done.stdout + done.stderr)[-800:].decode())
    return {f["id"]: (f["severity"], f["finding"])
            for f in json.loads(report.read_text())}


def judge(found):
    """Nothing is less than good; and it has looked."""
    bad = {name: what for name, what in found.items()
           if what[0] not in FINE and name not in NOT_OURS}
    check(not bad, str(bad))
    for version in ("SSLv2", "SSLv3", "TLS1", "TLS1_1"):
        check("not offered" in found[version][1], str(found[version]))
    for version in ("TLS1_2", "TLS1_3"):
        check(found[version][1].startswith("offered"), str(found[version]))


def cases_ports(server):
    """Nothing below good"""
    ports = {"25": (server.smtp, "--starttls", "smtp")}
    if LONG:
        ports.update({"587": (server.submission, "--starttls", "smtp"),
                      "465": (server.submissions,), "995": (server.pop3s,),
                      "110": (server.pop3, "--starttls", "pop3")})
    for name, (port, *options) in ports.items():
        with tap.case(f"port {name}: nothing below good", server.notes):
            found = scan(server, port, *options,
                         *([] if LONG else ["--protocols"]))
            judge(found)
            check(not LONG or len(found) > 100, f"only {len(found)} findings")


def test_control(server):
    """A server without TLS 1.3 does not pass; TLS 1.1 is not to be had"""
    server.configure("tls-priority -VERS-TLS1.3:+VERS-TLS1.1:+VERS-TLS1.0:"
                     "+SHA1:+AES-128-CBC")
    weak = server.serve("smtpd", "127.0.0.1:0/tls=mx")
    try:
        found = scan(server, weak.ports[0], "--protocols")
    finally:
        weak.stop()
    # What these sign with, the keeper of the keys does not make.
    for version in ("TLS1", "TLS1_1"):
        check("not offered" in found[version][1], str(found[version]))
    try:
        judge(found)
    except AssertionError:
        return
    raise AssertionError("it passed")


if __name__ == "__main__":
    try:
        program()
    except Skip as reason:
        tap.skip("testssl.sh", reason)
        tap.finish()
    with Site() as instance:
        tap.run(globals(), instance)
    tap.finish()
