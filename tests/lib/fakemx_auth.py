# SPDX-License-Identifier: ISC
"""The server's side of SASL, for lib/fakemx.py: it checks every octet.

Each mechanism is a generator: it yields challenges (bytes; None: nothing was
sent with AUTH, so ask with an empty one), is sent the client's answers, and
returns (user, whether the secret is right).
"""
import base64
import hashlib
import hmac
import os


def plain(users, first):
    """RFC 4616"""
    answer = first if first is not None else (yield b"")
    parts = answer.split(b"\0")
    if len(parts) != 3:
        return "", False
    user, secret = parts[1].decode(), parts[2].decode()
    return user, users.get(user) == secret


def login(users, first):
    """What everybody speaks and nobody wrote down"""
    user = first if first is not None else (yield b"Username:")
    secret = yield b"Password:"
    user = user.decode()
    return user, users.get(user) == secret.decode()


def cram_md5(users, _first):
    """RFC 2195"""
    challenge = b"<%s@fake.test>" % os.urandom(8).hex().encode()
    answer = yield challenge
    user, _, digest = answer.decode().rpartition(" ")
    secret = users.get(user)
    right = hmac.new((secret or "").encode(), challenge, "md5").hexdigest()
    return user, secret is not None and right == digest


def scram_sha_256(users, first):
    """RFC 5802 with RFC 7677"""
    answer = (first if first is not None else (yield b"")).decode()
    header, bare = answer[:3], answer[3:]
    fields = dict(f.split("=", 1) for f in bare.split(","))
    user = fields["n"].replace("=2C", ",").replace("=3D", "=")
    secret = users.get(user)
    salt, rounds = os.urandom(16), 4096
    nonce = fields["r"] + os.urandom(12).hex()
    server_first = (f"r={nonce},s={base64.b64encode(salt).decode()},"
                    f"i={rounds}")
    final = (yield server_first.encode()).decode()
    without_proof, _, proof = final.rpartition(",p=")
    fields = dict(f.split("=", 1) for f in without_proof.split(","))
    if header not in ("n,,", "y,,") or fields["r"] != nonce or \
            base64.b64decode(fields["c"]).decode() != header:
        return user, False
    message = f"{bare},{server_first},{without_proof}".encode()
    salted = hashlib.pbkdf2_hmac("sha256", (secret or "").encode(), salt,
                                 rounds)
    key = hmac.new(salted, b"Client Key", "sha256").digest()
    stored = hashlib.sha256(key).digest()
    signature = hmac.new(stored, message, "sha256").digest()
    right = bytes(a ^ b for a, b in zip(key, signature))
    if secret is None or base64.b64decode(proof) != right:
        return user, False
    server = hmac.new(salted, b"Server Key", "sha256").digest()
    proof = hmac.new(server, message, "sha256").digest()
    yield b"v=" + base64.b64encode(proof)
    return user, True


def xoauth2(users, first):
    """Google's and Microsoft's, with a JSON challenge on failure"""
    answer = (first if first is not None else (yield b"")).decode()
    fields = dict(f.split("=", 1) for f in answer.split("\1") if f)
    user = fields.get("user", "")
    if users.get(user) and fields.get("auth") == "Bearer " + users[user]:
        return user, True
    yield b'{"status":"401","schemes":"bearer"}'
    return user, False


def oauthbearer(users, first):
    """RFC 7628: a refusal is a challenge, which one ^A answers"""
    answer = (first if first is not None else (yield b"")).decode()
    header, *fields, end, last = answer.split("\1")
    flag, user, rest = header.split(",")
    user = user.removeprefix("a=").replace("=2C", ",").replace("=3D", "=")
    token = dict(f.split("=", 1) for f in fields).get("auth")
    well = (flag, rest, end, last) == ("n", "", "", "")
    if well and users.get(user) and token == "Bearer " + users[user]:
        return user, True
    answer = yield b'{"status":"invalid_token","scope":"smtp"}'
    return user if answer == b"\1" else "(no ^A)", False


MECHANISMS = {"OAUTHBEARER": oauthbearer, "PLAIN": plain, "LOGIN": login, "CRAM-MD5": cram_md5,
              "SCRAM-SHA-256": scram_sha_256, "XOAUTH2": xoauth2}
