# SPDX-License-Identifier: ISC
"""EXTERNAL: a client's certificate logs in the user whose line names it, and
nothing else does: another's, an expired one, one of another authority, or the
fingerprint of a certificate whose key the client has not."""
import hashlib
import ssl
import subprocess

from lib.auth import BOTH as PEERS, Pop, Smtp
from lib.player import PASSWORDS
from lib.scratch import Instance, client_context, tool
from lib.talk import b64, plain
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()


def run(*words):
    """Runs openssl."""
    subprocess.run(["openssl", *map(str, words)], check=True,
                   capture_output=True)


def authority(folder, name):
    """Makes an authority."""
    run("req", "-x509", "-newkey", "ec", "-pkeyopt",
        "ec_paramgen_curve:prime256v1", "-nodes", "-days", 30, "-subj",
        "/CN=" + name, "-keyout", folder / f"{name}.key", "-out",
        folder / f"{name}.pem")


def expired():
    """The options for a certificate that has expired."""
    done = subprocess.run(["openssl", "x509", "-help"], capture_output=True,
                          text=True, check=False)
    if "-not_after" in done.stderr + done.stdout:
        return ("-not_before", "20200101000000Z",
                "-not_after", "20200201000000Z")
    return ("-days", "-1")      # which newer ones refuse


def certificate(folder, ca, name, *options, purpose="clientAuth"):
    """Makes a certificate; its fingerprint."""
    options = options or ("-days", "30")
    key, request, path = (folder / f"{name}.{end}"
                          for end in ("key", "csr", "crt"))
    extensions = folder / f"{name}.ext"
    extensions.write_text(f"extendedKeyUsage={purpose}\n")
    run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-nodes", "-subj", "/CN=" + name, "-keyout", key, "-out", request)
    run("x509", "-req", "-in", request, "-CA", folder / f"{ca}.pem", "-CAkey",
        folder / f"{ca}.key", "-set_serial", len(name),
        "-extfile", extensions, "-out", path, *options)
    der = ssl.PEM_cert_to_DER_cert(path.read_text())
    path.write_text(path.read_text() + key.read_text())
    return hashlib.sha256(der).hexdigest()


def reach(kind, server, name=None):
    """A connection in TLS, by a certificate or none."""
    context = client_context()
    if name is not None:
        context.load_cert_chain(server.dir / "certs" / f"{name}.crt")
    return kind(server, context)


def everywhere(server, name, user, want):
    """AUTH EXTERNAL with a certificate, in both servers."""
    for kind in PEERS:
        peer = reach(kind, server, name)
        with peer.talker:
            answer = peer.say("AUTH EXTERNAL " + (b64(user) or "="))
            check(answer.startswith(getattr(peer, want)),
                  f"{kind.__name__} {name} {user!r}: {answer}")


def test_offer(server):
    """It is offered to who has shown a good certificate, and to nobody else"""
    for kind in PEERS:
        for name, offered in (("alice", True), ("bob", True),
                              ("nobody", True), (None, False),
                              ("expired", False), ("stranger", False),
                              ("server", False)):
            peer = reach(kind, server, name)
            peer.talker.close()
            equal("EXTERNAL" in peer.offer, offered, f"offered to {name}")
            equal(peer.offer[:2], ["PLAIN", "LOGIN"], "the others")
    with server.connect(server.submission) as talker:
        check("EXTERNAL" not in " ".join(talker.hello().words()),
              "offered in the clear")
        talker.expect("504 5.5.4", "AUTH EXTERNAL " + b64("alice"))


def test_good(server):
    """A certificate logs in its user, named or not, and in steps"""
    everywhere(server, "alice", "alice", "GOOD")
    everywhere(server, "alice", "Alice@example.org", "GOOD")
    everywhere(server, "alice", "", "GOOD")
    everywhere(server, "bob", "", "GOOD")
    wait_for(lambda: "sasl_method=EXTERNAL" in server.smtpd.text(),
             "a line in the log")
    for kind, more in ((Smtp, "334"), (Pop, "+")):
        for user in ("alice", ""):
            peer = reach(kind, server, "alice")
            with peer.talker:
                equal(peer.say("AUTH EXTERNAL").rstrip(), more, "prompt")
                answer = peer.say(b64(user))
                check(answer.startswith(peer.GOOD), answer)


def test_others(server):
    """A certificate opens nothing of anybody else's"""
    for name, user in (("alice", "bob"), ("bob", "alice"), ("alice", "carol"),
                       ("alice", "root"), ("nobody", "alice"), ("nobody", ""),
                       ("alice", "alice@elsewhere.example")):
        everywhere(server, name, user, "WRONG")


def test_not_good(server):
    """None, an expired one, another authority's, one for servers: unknown"""
    for name in (None, "expired", "stranger", "server"):
        everywhere(server, name, "alice", "UNKNOWN")
        everywhere(server, name, "", "UNKNOWN")
        # Passwords still count.
        peer = reach(Smtp, server, name)
        with peer.talker:
            answer = peer.say("AUTH PLAIN "
                              + plain("alice", PASSWORDS["alice"]))
            check(answer.startswith("235 "), f"{name}: {answer}")


def test_no_password(server):
    """The fingerprint is no password"""
    with server.connect(server.submission) as talker:
        talker.hello()
        for text in (server.prints["alice"],
                     "{EXTERNAL}sha256-" + server.prints["alice"]):
            talker.expect("535 ", "AUTH PLAIN " + plain("alice", text))


def test_two_users(server):
    """One certificate for two users: the client must say which"""
    text = server.users.read_text()
    server.users.write_text(text + "bob/two:{EXTERNAL}sha256-"
                            + server.prints["alice"] + "::for=smtp\n")
    try:
        everywhere(server, "alice", "alice", "GOOD")
        everywhere(server, "alice", "", "WRONG")
        for kind, want in ((Smtp, "GOOD"), (Pop, "WRONG")):
            peer = reach(kind, server, "alice")
            with peer.talker:
                answer = peer.say("AUTH EXTERNAL " + b64("bob"))
                check(answer.startswith(getattr(peer, want)), answer)
    finally:
        server.users.write_text(text)


def test_malformed(server):
    """NUL and long names are malformed; other forms are no fingerprints"""
    for kind in PEERS:
        peer = reach(kind, server, "alice")
        with peer.talker:
            for text in ("a\0b", "x" * 300):
                answer = peer.say("AUTH EXTERNAL " + b64(text))
                check(answer.startswith(("501 5.5.2", "-ERR Malformed")),
                      answer)
    text = server.users.read_text()
    digits = server.prints["alice"]
    for form in (digits, digits.upper(), digits[:-1], digits + "0", ""):
        server.users.write_text(
            "alice:{EXTERNAL}" + "sha256-" * (form != digits) + form + "\n")
        done = server.call("smtpd", "--check")
        check("no credentials that can be checked" in done.stdout, form)
    server.users.write_text(text)


def test_not_on_port_25(server):
    """Strangers are not asked for certificates"""
    context = client_context()
    context.load_cert_chain(server.dir / "certs" / "alice.crt")
    with server.connect(server.smtp) as talker:
        talker.hello()
        talker.expect("220 ", "STARTTLS")
        talker.start_tls(context)
        words = talker.expect("250", "EHLO client.example.net").words()
        check("EXTERNAL" not in " ".join(words), "offered on port 25")
        talker.expect("504 5.5.4", "AUTH EXTERNAL " + b64("alice"))


def test_starttls(server):
    """It is the same after STARTTLS and STLS"""
    context = client_context()
    context.load_cert_chain(server.dir / "certs" / "alice.crt")
    with server.connect(server.submission) as talker:
        talker.hello()
        talker.expect("220 ", "STARTTLS")
        talker.start_tls(context)
        talker.expect("250", "EHLO client.example.net")
        talker.expect("235 ", "AUTH EXTERNAL =")
    with server.connect(server.pop3) as talker:
        talker.pop("+OK")
        talker.pop("+OK", "STLS")
        talker.start_tls(context)
        talker.pop("+OK", "AUTH EXTERNAL =")


def test_off(server):
    """Without tls-client-ca nobody is asked"""
    conf = server.conf.read_text()
    server.conf.write_text("".join(
        line for line in conf.splitlines(True)
        if not line.startswith("tls-client-ca")))
    try:
        talker, _ = server.session("smtpd", "--role", "submission")
        with talker:
            context = client_context()
            context.load_cert_chain(server.dir / "certs" / "alice.crt")
            talker.hello()
            talker.expect("220 ", "STARTTLS")
            talker.start_tls(context)
            words = talker.expect("250", "EHLO client.example.net").words()
            check("EXTERNAL" not in " ".join(words), "offered")
            talker.expect("504 5.5.4", "AUTH EXTERNAL " + b64("alice"))
    finally:
        server.conf.write_text(conf)


def test_missing_ca(server):
    """A file that is missing or holds no certificate is said by --check"""
    path = server.dir / "certs" / "ca.pem"
    text = path.read_text()
    try:
        path.write_text("nothing\n")
        check("tls-client-ca" in server.call("smtpd", "--check").stdout,
              "an empty one")
    finally:
        path.write_text(text)


def prepare(server):
    """Certificates; alice and bob have one each."""
    folder = server.dir / "certs"
    folder.mkdir()
    authority(folder, "ca")
    authority(folder, "other")
    server.prints = {name: certificate(folder, "ca", name)
                     for name in ("alice", "bob", "nobody")}
    server.prints["expired"] = certificate(folder, "ca", "expired",
                                           *expired())
    server.prints["server"] = certificate(folder, "ca", "server",
                                          purpose="serverAuth")
    server.prints["stranger"] = certificate(folder, "other", "stranger")
    lines = [f"alice/{name}:{{EXTERNAL}}sha256-{server.prints[name]}\n"
             for name in ("alice", "expired", "server", "stranger")]
    server.users.write_text(
        server.users.read_text() + "".join(lines)
        + f"bob/laptop:{{EXTERNAL}}sha256-{server.prints['bob']}\n")
    server.own()


class Certified(Instance):
    """Both servers, which ask for certificates."""

    def start(self):
        prepare(self)
        super().start()


if __name__ == "__main__":
    if not tool("openssl"):
        raise SystemExit("1..0 # SKIP openssl is not installed")
    with Certified("tls-client-ca %DIR/certs/ca.pem\npenalties off") as made:
        tap.run(globals(), made)
    tap.finish()
