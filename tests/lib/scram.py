# SPDX-License-Identifier: ISC
"""A client of SCRAM (RFC 5802, RFC 7677), by Python's own hashes."""
import base64
import hashlib
import hmac
import os


def attributes(message):
    """What a message says, by letter."""
    return dict(part.split("=", 1) for part in message.split(","))


class Scram:
    """One login: first(), last() and verify() in this order."""

    def __init__(self, user, password, header="n,,", binding=b"", nonce=None,
                 digest="sha256", authzid=""):
        if authzid:
            header = f"n,a={authzid},"
        self.password = password
        self.digest = digest
        self.header = header
        self.binding = binding
        self.nonce = nonce or base64.b64encode(os.urandom(18)).decode()
        user = user.replace("=", "=3D").replace(",", "=2C")
        self.bare = f"n={user},r={self.nonce}"
        self.signature = None
        self.salt = None
        self.iterations = None

    def first(self):
        """The client's first message."""
        return self.header + self.bare

    def last(self, challenge):
        """Its answer to the server's first message."""
        said = attributes(challenge)
        if not said["r"].startswith(self.nonce) or said["r"] == self.nonce:
            raise AssertionError(f"not our nonce: {challenge}")
        self.salt, self.iterations = said["s"], int(said["i"])
        salted = hashlib.pbkdf2_hmac(
            self.digest, self.password.encode(),
            base64.b64decode(self.salt, validate=True), self.iterations)
        bound = base64.b64encode(self.header.encode() + self.binding).decode()
        last = f"c={bound},r={said['r']}"
        text = ",".join((self.bare, challenge, last)).encode()
        key = hmac.digest(salted, b"Client Key", self.digest)
        stored = hashlib.new(self.digest, key).digest()
        mask = hmac.digest(stored, text, self.digest)
        proof = bytes(a ^ b for a, b in zip(key, mask))
        server = hmac.digest(salted, b"Server Key", self.digest)
        self.signature = hmac.digest(server, text, self.digest)
        return last + ",p=" + base64.b64encode(proof).decode()

    def verify(self, words):
        """Whether the server has proved that it knows the password."""
        return words == "v=" + base64.b64encode(self.signature).decode()
