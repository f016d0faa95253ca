# SPDX-License-Identifier: ISC
"""Real clients from Debian's packages send and collect."""
import re
import subprocess

from lib import mbox, peers
from lib.player import PASSWORDS
from lib.scratch import Instance
from lib.tap import Tap, check, equal

tap = Tap()
TEXT = "From: alice@example.org\r\nSubject: interop\r\n" \
       "Date: Sun, 01 Nov 2026 10:00:00 +0000\r\n" \
       "Message-ID: <interop@example.org>\r\n\r\nHello.\r\n.\r\n..dots\r\n" \
       "From here\r\nlast\r\n"
ALICE, BOB = PASSWORDS["alice"], PASSWORDS["bob"]


def run(server, name, package, *args, stdin="", status=0):
    """Runs a client; returns what it wrote to stdout."""
    command = [peers.find(name, package), *map(str, args)]
    done = subprocess.run(command, input=stdin.encode(), capture_output=True,
                          timeout=120, cwd=server.dir, check=False,
                          env=dict(server.environment(),
                                   FETCHMAILHOME=str(server.dir)))
    equal(done.returncode, status, f"{name}: {done.stderr[-900:].decode()}"
          f"{done.stdout[-900:].decode(errors='replace')}")
    return done.stdout


def fresh(server):
    """Empties bob's mailbox."""
    server.mailbox("bob").unlink(missing_ok=True)


def arrived(server, text=TEXT):
    """Bob must have exactly one message, ending in the text."""
    box = mbox.read(server.mailbox("bob"))
    equal(len(box), 1, "messages")
    wire = box[0].wire.rstrip(b"\r\n")     # swaks adds empty lines
    check(wire.endswith(text.rstrip("\r\n").encode()), f"got {wire!r:.900}")
    return box[0]


def fill(server, count=1):
    """Puts messages into bob's mailbox."""
    fresh(server)
    with server.connect(server.smtp) as talker:
        talker.hello()
        for _ in range(count):
            talker.submit("alice@example.org", ["bob@example.org"], TEXT)


def curl_smtp(server, url, *options):
    """Sends TEXT by curl."""
    fresh(server)
    path = server.dir / "message"
    path.write_bytes(TEXT.encode())
    run(server, "curl", "curl", "-sSk", "--mail-from", "alice@example.org",
        "--mail-rcpt", "bob@example.org", "-T", path, *options, url)
    arrived(server)


def test_curl_smtp(server):
    """curl smtp: in the clear, without a login"""
    curl_smtp(server, f"smtp://127.0.0.1:{server.smtp}/client.example.net")


def test_curl_smtp_starttls(server):
    """curl smtp: STARTTLS and each mechanism"""
    for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5"):
        curl_smtp(server, f"smtp://127.0.0.1:{server.submission}",
                  "--ssl-reqd", "--user", f"alice:{ALICE}",
                  "--login-options", f"AUTH={mechanism}")


def test_curl_smtps(server):
    """curl smtps"""
    curl_smtp(server, f"smtps://127.0.0.1:{server.submissions}",
              "--user", f"alice:{ALICE}")


def test_curl_wrong_password(server):
    """curl smtp: a wrong password is exit status 67"""
    run(server, "curl", "curl", "-sSk", "--ssl-reqd", "--user", "alice:wrong",
        "--mail-from", "alice@example.org", "--mail-rcpt", "bob@example.org",
        "-T", "-", f"smtp://127.0.0.1:{server.submission}",
        "--login-options", "AUTH=PLAIN", stdin=TEXT, status=67)


def test_curl_pop3(server):
    """curl pop3 and pop3s: LIST, RETR, DELE"""
    for url, options in ((f"pop3://127.0.0.1:{server.pop3}/", ()),
                         (f"pop3://127.0.0.1:{server.pop3}/", ("--ssl-reqd",)),
                         (f"pop3s://127.0.0.1:{server.pop3s}/", ())):
        fill(server, 2)
        common = ("-sSk", "--user", f"bob:{BOB}", *options)
        listing = run(server, "curl", "curl", *common, url).split()
        equal((len(listing), listing[0]), (4, b"1"), "LIST")
        text = run(server, "curl", "curl", *common, url + "1")
        check(text.endswith(TEXT.encode()), repr(text))
        equal(len(text), int(listing[1]), "octets")
        run(server, "curl", "curl", *common, "-X", "DELE 1", "-I", url)
        equal(len(mbox.read(server.mailbox("bob"))), 1, "messages left")


def test_curl_pop3_wrong_password(server):
    """curl pop3: a wrong password is exit status 67"""
    run(server, "curl", "curl", "-sSk", "--user", "bob:wrong",
        f"pop3://127.0.0.1:{server.pop3}/", status=67)


def swaks(server, *options, status=0):
    """Sends by swaks; returns its transcript."""
    fresh(server)
    path = server.dir / "message"
    path.write_bytes(TEXT.replace("\r\n", "\n").encode())
    return run(server, "swaks", "swaks", "--server", "127.0.0.1", "--from",
               "alice@example.org", "--to", "bob@example.org", "--ehlo",
               "client.example.net", "--data", f"@{path}", *options,
               status=status).decode()


def swaks_logins(server):
    """Each mechanism over each kind of connection."""
    kinds = {"in the clear": (server.submission,),
             "--tls": (server.submission, "--tls"),
             "--tls-on-connect": (server.submissions, "--tls-on-connect")}
    for kind, (port, *options) in kinds.items():
        for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5"):
            with tap.case(f"swaks: AUTH {mechanism} {kind}", server.notes):
                said = swaks(server, "--port", str(port), *options, "--auth",
                             mechanism, "--auth-user", "alice",
                             "--auth-password", ALICE)
                check(re.search(r"<[~-] +235 2\.7\.0", said), said)
                box = arrived(server, "last\r\n")
                received = re.sub(rb"\s+", b" ", box.headers)
                wanted = b"ESMTPA" if not options else b"ESMTPSA"
                check(b"with " + wanted in received, repr(received))


def test_swaks_refusals(server):
    """swaks: a relay attempt and a wrong password have their exit codes"""
    said = swaks(server, "--port", str(server.smtp), "--to",
                 "bob@elsewhere.example", status=24)
    check("550 5.7.1" in said, said)
    said = swaks(server, "--port", str(server.submission), "--auth", "PLAIN",
                 "--auth-user", "alice", "--auth-password", "wrong",
                 status=28)
    check("535 5.7.8" in said, said)


def test_swaks_pipeline(server):
    """swaks: PIPELINING"""
    swaks(server, "--port", str(server.smtp), "--pipeline")
    arrived(server, "last\r\n")


def test_msmtp(server):
    """msmtp: STARTTLS and TLS, with a login; --serverinfo understands us"""
    for port, starttls in ((server.submission, "on"),
                           (server.submissions, "off")):
        fresh(server)
        path = server.dir / "msmtprc"
        path.write_text(
            f"account default\nhost 127.0.0.1\nport {port}\nauth plain\n"
            f"user alice\npassword {ALICE}\nfrom alice@example.org\ntls on\n"
            f"tls_starttls {starttls}\ntls_certcheck off\ndomain x.example\n")
        path.chmod(0o600)
        run(server, "msmtp", "msmtp", "-C", path, "bob@example.org",
            stdin=TEXT.replace("\r\n", "\n"))
        arrived(server)
        said = run(server, "msmtp", "msmtp", "-C", path, "--serverinfo")
        for word in (b"PIPELINING", b"SIZE", b"CRAM-MD5"):
            check(word in said, said.decode())


def test_msmtp_wrong_password(server):
    """msmtp: a wrong password is EX_NOPERM, 77"""
    path = server.dir / "msmtprc"
    path.write_text(
        f"account default\nhost 127.0.0.1\nport {server.submissions}\n"
        "auth plain\nuser alice\npassword wrong\nfrom alice@example.org\n"
        "tls on\ntls_starttls off\ntls_certcheck off\n")
    path.chmod(0o600)
    run(server, "msmtp", "msmtp", "-C", path, "bob@example.org",
        stdin=TEXT, status=77)


def test_mpop(server):
    """mpop: keep by UIDL, then collect and delete, over STLS and TLS"""
    for port, starttls in ((server.pop3, "on"), (server.pop3s, "off")):
        fill(server, 3)
        path, target = server.dir / "mpoprc", server.dir / "mpop-mbox"
        uidls = server.dir / "mpop-uidls"
        for file in (target, uidls):
            file.unlink(missing_ok=True)
        path.write_text(
            f"account default\nhost 127.0.0.1\nport {port}\nuser bob\n"
            f'password "{BOB}"\nauth user\ntls on\ntls_starttls {starttls}\n'
            f"tls_certcheck off\nuidls_file {uidls}\n"
            f"delivery mbox {target}\n")
        path.chmod(0o600)
        for keep, left in (("on", 3), ("on", 3), ("off", 0)):
            run(server, "mpop", "mpop", "-C", path, f"--keep={keep}")
            equal(len(mbox.read(server.mailbox("bob"))), left, "left")
        got = target.read_bytes()
        equal(got.count(b"Subject: interop\n"), 3, "collected once each")
        check(b"\n.\n..dots\n>From here\nlast\n" in got, repr(got))


def fetchmail(server, *options, port=None, ssl="", status=0):
    """Runs fetchmail; what it delivers is appended to a file."""
    path = server.dir / "fetchmailrc"
    path.write_text(
        f'poll 127.0.0.1 protocol pop3 port {port or server.pop3} '
        f'user "bob" password "{BOB}" {ssl} no sslcertck '
        f'mda "cat >> {server.dir}/fetched"\n')
    path.chmod(0o600)
    return run(server, "fetchmail", "fetchmail", "-f", path, "--nodetach",
               "--nosyslog", "--idfile", server.dir / "fetchids", *options,
               status=status)


def fetched(server):
    """How many messages fetchmail has delivered so far."""
    path = server.dir / "fetched"
    return path.read_bytes().count(b"Subject: interop") if path.exists() else 0


def test_fetchmail(server):
    """fetchmail: keep with UIDL, then flush, then no mail (status 1)"""
    fill(server, 3)
    for file in ("fetched", "fetchids"):
        (server.dir / file).unlink(missing_ok=True)
    fetchmail(server, "--keep", "--uidl")
    equal((fetched(server), len(mbox.read(server.mailbox("bob")))), (3, 3),
          "fetched and kept")
    fetchmail(server, "--keep", "--uidl", status=1)
    equal(fetched(server), 3, "fetched again though seen")
    fetchmail(server, "--all", "--nokeep")
    equal((fetched(server), len(mbox.read(server.mailbox("bob")))), (6, 0),
          "fetched and left")
    fetchmail(server, status=1)


def test_fetchmail_tls(server):
    """fetchmail: over TLS, and --flush"""
    fill(server, 2)
    (server.dir / "fetched").unlink(missing_ok=True)
    (server.dir / "fetchids").unlink(missing_ok=True)
    fetchmail(server, "--keep", "--uidl", port=server.pop3s, ssl="ssl")
    equal(fetched(server), 2, "fetched")
    fill_more = len(mbox.read(server.mailbox("bob")))
    equal(fill_more, 2, "kept")
    fetchmail(server, "--flush", "--uidl", port=server.pop3s, ssl="ssl",
              status=1)
    equal(len(mbox.read(server.mailbox("bob"))), 0, "left after --flush")


def test_openssl(server):
    """openssl s_client: STARTTLS smtp and STLS pop3"""
    for port, kind in ((server.smtp, "smtp"), (server.pop3, "pop3")):
        said = run(server, "openssl", "openssl", "s_client", "-connect",
                   f"127.0.0.1:{port}", "-starttls", kind, "-quiet",
                   "-no_ign_eof", stdin="QUIT\r\n")
        check(said is not None)


def test_gnutls_cli(server):
    """gnutls-cli: TLS on the submissions and pop3s ports"""
    for port in (server.submissions, server.pop3s):
        said = run(server, "gnutls-cli", "gnutls-bin", "--insecure", "-p",
                   str(port), "127.0.0.1", stdin="QUIT\r\n")
        check(b"Handshake was completed" in said, said.decode())


if __name__ == "__main__":
    with Instance() as fixture:
        tap.run(globals(), fixture)
        swaks_logins(fixture)
    tap.finish()
