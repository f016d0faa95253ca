# SPDX-License-Identifier: ISC
"""Certificates of servers, by an authority of ours that no machine trusts."""
import subprocess
from pathlib import Path

from .scratch import tool
from .tap import Skip


def certtool(*words, text=None):
    """Its output."""
    return subprocess.run(["certtool", *map(str, words)], check=True,
                          input=text, capture_output=True).stdout


class Chain:
    """Certificates of servers, each by one authority."""

    def __init__(self, folder):
        if not tool("certtool"):
            raise Skip("no certtool")
        self.dir = Path(folder)
        self.key = self.file("key", certtool(
            "--generate-privkey", "--key-type", "ecdsa", "--curve",
            "secp256r1"))
        self.template("cn = The authority\nca\ncert_signing_key\n")
        self.ca = self.file("ca", certtool(
            "--generate-self-signed", "--load-privkey", self.key,
            "--template", self.dir / "template"))
        self.ca_der = self.der(self.ca)

    def file(self, name, data):
        """A file with that."""
        path = self.dir / name
        path.write_bytes(data)
        return path

    def template(self, text):
        """What the next certificate says."""
        if "expiration" not in text:
            text += "expiration_days = 30\n"
        self.file("template", text.encode())

    def der(self, path):
        """Of a certificate."""
        return certtool("--certificate-info", "--outder", "--infile", path)

    def server(self, name, dates="", chain=True, file="server.pem"):
        """A certificate for a name: its file, with or without its chain."""
        self.template(f"dns_name = {name}\nsigning_key\ntls_www_server\n"
                      + dates)
        path = self.file("leaf", certtool(
            "--generate-certificate", "--load-privkey", self.key,
            "--load-ca-privkey", self.key, "--load-ca-certificate", self.ca,
            "--template", self.dir / "template"))
        self.leaf_der = self.der(path)
        pem = self.key.read_bytes() + path.read_bytes()
        return self.file(file, pem + (self.ca.read_bytes()
                                      if chain else b""))

    def spki(self):
        """The public key of all."""
        return certtool("--pubkey-info", "--outder", "--load-privkey",
                        self.key)
