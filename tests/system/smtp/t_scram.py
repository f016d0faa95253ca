# SPDX-License-Identifier: ISC
"""SCRAM and its -PLUS in both servers: who gets in, who does not, and
that nobody learns who is a user."""
import base64
import hashlib
import hmac
import os
import re
import subprocess
import time

from lib.auth import BOTH, Pop, Smtp
from lib.clients import scram_in_tls
from lib.player import PASSWORDS
from lib.scram import Scram
from lib.scratch import Instance, Scratch, client_context, tool
from lib.talk import b64
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
PLUS = "SCRAM-SHA-256-PLUS"
END_POINT = "p=tls-server-end-point,,"


def unfold(peer, answer):
    """The text of a challenge."""
    check(answer.startswith(peer.MORE), f"no challenge: {answer}")
    return base64.b64decode(answer[len(peer.MORE):], validate=True).decode()


def login(peer, scram, mechanism="SCRAM-SHA-256", initial=True):
    """Logs in; the server's last word. A good end must have been proved."""
    with peer.talker:
        if initial:
            answer = peer.say(f"AUTH {mechanism} {b64(scram.first())}")
        else:
            equal(unfold(peer, peer.say("AUTH " + mechanism)), "", "prompt")
            answer = peer.say(b64(scram.first()))
        if not answer.startswith(peer.MORE):
            return answer
        answer = peer.say(b64(scram.last(unfold(peer, answer))))
        if not answer.startswith(peer.MORE):
            return answer
        check(scram.verify(unfold(peer, answer)), "the signature is wrong")
        return peer.say("")


def expect(peer, answer, want, what):
    """The last word must be of that kind."""
    check(answer.startswith(getattr(peer, want)),
          f"{peer.__name__}, {what}: {answer}")


def test_offer(server):
    """SCRAM is offered, and PLUS under TLS alone"""
    for peer in BOTH:
        for tls in (False, True):
            made = peer(server, tls)
            made.talker.close()
            equal([m for m in made.offer if m.startswith("SCRAM")],
                  ["SCRAM-SHA-256"] + [PLUS] * tls, "offer")
            equal(made.offer[:2], ["PLAIN", "LOGIN"], "what was there before")


def test_bare_auth_lists(server):
    """AUTH alone lists the mechanisms over POP3"""
    with Pop(server).talker as t:
        t.pop("+OK", "AUTH")
        equal(t.block().decode().split(),
              ["PLAIN", "LOGIN", "SCRAM-SHA-256"], "list")


def test_cram_not_for_all(server):
    """POP3 lists CRAM-MD5 when all users have it; it is taken anyway"""
    text = server.users.read_text()
    made = Pop(server)
    check("CRAM-MD5" not in made.offer, "listed, though bob has none")
    with made.talker as talker:
        answer = unfold(made, made.say("AUTH CRAM-MD5"))
        digest = hmac.new(PASSWORDS["alice"].encode(), answer.encode(),
                          hashlib.md5).hexdigest()
        talker.pop("+OK", b64("alice " + digest))
    server.users.write_text("".join(
        line for line in text.splitlines(True) if "{CRAM-MD5}" in line))
    try:
        made = Pop(server)
        made.talker.close()
        check("CRAM-MD5" in made.offer, "not listed")
    finally:
        server.users.write_text(text)


def test_plus_by_default():
    """PLUS is not offered unless the configuration says so"""
    with Scratch() as other:
        talker, _ = other.session("pop3d")
        with talker:
            talker.pop("+OK")
            talker.pop("+OK", "STLS")
            talker.start_tls(client_context())
            talker.pop("+OK", "AUTH")
            equal(b"PLUS" in talker.block(), False, "-PLUS is listed")
            talker.pop("-ERR", "AUTH " + PLUS)


def test_authorization_identity(server):
    """The user may be named in two ways, and nobody else may be"""
    for other, verdict in (("ALICE", "GOOD"), ("alice@example.org", "GOOD"),
                           ("alice@example.net", "GOOD"), ("bob", "WRONG"),
                           ("bob@example.org", "WRONG"),
                           ("alice@elsewhere.example", "WRONG")):
        for peer in BOTH:
            scram = Scram("alice", PASSWORDS["alice"], authzid=other)
            expect(peer, login(peer(server, False), scram), verdict, other)


def test_login(server):
    """The right password logs in, with and without an initial response"""
    for peer in BOTH:
        for user in ("alice", "Alice@example.org"):
            for initial in (True, False):
                for tls in (True, False):
                    scram = Scram(user, PASSWORDS["alice"])
                    expect(peer, login(peer(server, tls), scram,
                                       initial=initial), "GOOD", user)


def test_session_goes_on(server):
    """After the login the mailbox is there, and mail may be sent"""
    for tls in (False, True):
        peer = Pop(server, tls)
        scram = Scram("bob", PASSWORDS["bob"])
        with peer.talker as talker:
            answer = peer.say("AUTH SCRAM-SHA-256 " + b64(scram.first()))
            answer = peer.say(b64(scram.last(unfold(peer, answer))))
            check(scram.verify(unfold(peer, answer)), "signature")
            # What follows at once is for the mailbox process.
            talker.send("\r\nSTAT\r\nQUIT\r\n")
            for _ in range(3):
                talker.pop("+OK")
    peer = Smtp(server, True)
    scram = Scram("bob", PASSWORDS["bob"])
    with peer.talker as talker:
        answer = peer.say("AUTH SCRAM-SHA-256 " + b64(scram.first()))
        answer = peer.say(b64(scram.last(unfold(peer, answer))))
        equal(peer.say("")[:3], "235", "code")
        talker.expect("250 ", "MAIL FROM:<bob@example.org>")


def test_wrong(server):
    """A wrong password, and no such user, end the same way"""
    for peer in BOTH:
        for user, password in (("alice", "wrong"), ("nosuchuser", "wrong"),
                               ("alice", PASSWORDS["bob"]), ("root", ""),
                               ("alice@elsewhere.example",
                                PASSWORDS["alice"])):
            start = time.monotonic()
            answer = login(peer(server), Scram(user, password))
            expect(peer, answer, "WRONG", user)
            check(time.monotonic() - start > 0.5, f"{user}: no delay")


def challenge(peer, user):
    """Salt and iterations for a user."""
    with peer.talker:
        scram = Scram(user, "x")
        scram.last(unfold(peer, peer.say(
            "AUTH SCRAM-SHA-256 " + b64(scram.first()))))
        return scram.salt, scram.iterations


def test_salts_tell_nothing(server):
    """Who is no user has a salt, too: always the same, its own"""
    seen = {}
    for user in ("alice", "bob", "carol", "carol@example.org", "dave", "-x"):
        said = {challenge(peer(server), user) for peer in BOTH
                for _ in range(2)}
        equal(len(said), 1, f"salts for {user}")
        salt, iterations = seen[user] = said.pop()
        equal(iterations, 10000, "iterations")
        equal(len(base64.b64decode(salt)), 16, "octets of salt")
    equal(seen["carol"], seen["carol@example.org"], "carol's two names")
    equal(len(set(seen.values())), 5, "different salts")
    path = server.dir / "state" / "secret"
    equal(path.stat().st_size, 32, "octets of secret")
    equal(oct(path.stat().st_mode & 0o777), oct(0o600), "mode of the secret")
    server.pop3d.stop()
    server.smtpd.stop()
    server.start()
    equal(challenge(Smtp(server), "carol"), seen["carol"],
          "carol's after a restart")
    equal([p.name for p in path.parent.glob("secret*")], ["secret"], "files")


def test_no_secret(server):
    """Users log in where no secret can be kept, and the log says so"""
    state = server.dir / "state"
    away = server.dir / "state.away"
    state.rename(away)
    state.write_text("not a folder")
    try:
        expect(Smtp, login(Smtp(server), Scram("alice", PASSWORDS["alice"])),
               "GOOD", "alice")
        expect(Smtp, login(Smtp(server), Scram("carol", "x")), "WRONG",
               "carol")
    finally:
        state.unlink()
        away.rename(state)
    wait_for(lambda: "cannot store" in server.smtpd.text(), "a line in the log")


def test_replay(server):
    """What was said once does not log in again"""
    for peer in BOTH:
        one = peer(server)
        scram = Scram("alice", PASSWORDS["alice"])
        with one.talker:
            answer = one.say("AUTH SCRAM-SHA-256 " + b64(scram.first()))
            last = scram.last(unfold(one, answer))
            answer = one.say(b64(last))
            check(scram.verify(unfold(one, answer)), "signature")
        two = peer(server)
        with two.talker:
            answer = two.say("AUTH SCRAM-SHA-256 " + b64(scram.first()))
            check(unfold(two, answer) not in last, "the same nonce")
            expect(peer, two.say(b64(last)), "WRONG", "replay")


def test_sha1(server):
    """SCRAM-SHA-1, once all users have it, logs in; PLUS too"""
    text = server.users.read_text()
    server.passwd("alice", PASSWORDS["alice"], "--scram-sha-1", "--cram-md5")
    try:
        for peer in BOTH:
            made = peer(server)
            with made.talker:
                check("SCRAM-SHA-1" not in made.offer, "bob has none")
                check(made.say("AUTH SCRAM-SHA-1")[:4] in ("504 ", "-ERR"),
                      "taken all the same")
        server.passwd("bob", PASSWORDS["bob"], "--scram-sha-1")
        for peer in BOTH:
            made = peer(server, True)
            check({"SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", PLUS}
                  <= set(made.offer), f"offered: {made.offer}")
            for user, password, want in (
                    ("alice", PASSWORDS["alice"], "GOOD"),
                    ("bob", PASSWORDS["bob"], "GOOD"),
                    ("alice", PASSWORDS["bob"], "WRONG"),
                    ("carol", "x", "WRONG")):
                scram = Scram(user, password, digest="sha1")
                expect(peer, login(peer(server), scram, "SCRAM-SHA-1"),
                       want, user)
                scram = Scram(user, password)
                expect(peer, login(peer(server), scram), want, user)
            scram = Scram("alice", PASSWORDS["alice"], END_POINT,
                          end_point(made), digest="sha1")
            expect(peer, login(made, scram, "SCRAM-SHA-1-PLUS"), "GOOD",
                   "bound")
            scram = Scram("alice", PASSWORDS["alice"], END_POINT, bytes(32),
                          digest="sha1")
            expect(peer, login(peer(server, True), scram, "SCRAM-SHA-1-PLUS"),
                   "WRONG", "bound to another")
        talker = Smtp(server).talker
        with talker:
            talker.expect("235 2.7.0", "AUTH PLAIN " + b64(
                "\0bob\0" + PASSWORDS["bob"]))
    finally:
        server.users.write_text(text)


def test_malformed(server):
    """Malformed messages are refused, and the session goes on"""
    good = Scram("alice", PASSWORDS["alice"])
    for peer in BOTH:
        made = peer(server)
        with made.talker:
            for text in ("n", "n,,", "n,,n=alice", "x,,n=alice,r=a", "\0",
                         "p=tls-exporter,,n=alice,r=a", "n,,n=,r=a",
                         "n,,m=1,n=alice,r=a", good.first() + "\0"):
                expect(peer, made.say("AUTH SCRAM-SHA-256 " + b64(text)),
                       "MALFORMED", repr(text))
            expect(peer, made.say("AUTH SCRAM-SHA-256 n,,n=alice,r=a"),
                   "MALFORMED", "no base64")
        for text in ("", "c=biws", "c=biws,r=a", "p=AAAA", "c=biws,p=AAAA"):
            made = peer(server)
            with made.talker:
                unfold(made, made.say(
                    "AUTH SCRAM-SHA-256 " + b64(good.first())))
                expect(peer, made.say(b64(text)), "MALFORMED", repr(text))


def test_cut_short(server):
    """An exchange that is cancelled, or ends early, logs nobody in"""
    for peer in BOTH:
        made = peer(server)
        scram = Scram("alice", PASSWORDS["alice"])
        with made.talker:
            answer = made.say("AUTH SCRAM-SHA-256 " + b64(scram.first()))
            last = b64(scram.last(unfold(made, answer)))
            unfold(made, made.say(last))
            check(made.say("*")[:4] in ("501 ", "-ERR"), "cancelled")
            if peer is Smtp:
                made.talker.expect("530 ", "MAIL FROM:<alice@example.org>")
            else:
                made.talker.pop("-ERR", "STAT")
                made.talker.pop("-ERR USER", "PASS x")
                made.talker.pop("+OK", "USER alice")
                made.talker.pop("+OK", "PASS " + PASSWORDS["alice"])


def end_point(peer):
    """What tls-server-end-point is on this connection."""
    cert = peer.talker.sock.getpeercert(binary_form=True)
    return hashlib.sha256(cert).digest()


def test_plus_end_point(server):
    """PLUS: bound to the certificate; another one's is refused"""
    for peer in BOTH:
        made = peer(server, True)
        scram = Scram("alice", PASSWORDS["alice"], END_POINT, end_point(made))
        expect(peer, login(made, scram, PLUS), "GOOD", "bound")
        for bad in (b"", bytes(32), end_point(peer(server, True))[:31]):
            scram = Scram("alice", PASSWORDS["alice"], END_POINT, bad)
            expect(peer, login(peer(server, True), scram, PLUS), "WRONG",
                   f"bound to {bad!r}")
    wait_for(lambda: "the channel binding does not match"
             in server.smtpd.text(), "the reason in the log")


def test_downgrade(server):
    """A client that was not shown PLUS is told so by a failure"""
    for peer in BOTH:
        scram = Scram("alice", PASSWORDS["alice"], "y,,")
        expect(peer, login(peer(server, True), scram), "WRONG", "hidden")
        scram = Scram("alice", PASSWORDS["alice"], "y,,")
        expect(peer, login(peer(server), scram), "GOOD", "not there")
        scram = Scram("alice", PASSWORDS["alice"], "p=tls-unique,,")
        expect(peer, login(peer(server, True), scram, PLUS), "WRONG",
               "another kind")
        made = peer(server)
        with made.talker:
            check(made.say("AUTH " + PLUS)[:4] in ("504 ", "-ERR"),
                  "PLUS in the clear")


def test_plus_exporter(server):
    """PLUS: bound to the keys of TLS, which OpenSSL tells"""
    if not tool("openssl"):
        raise Skip("openssl is not installed")
    command = ["openssl", "s_client", "-connect",
               f"127.0.0.1:{server.pop3s}", "-crlf", "-ign_eof",
               "-keymatexport", "EXPORTER-Channel-Binding",
               "-keymatexportlen", "32"]
    with subprocess.Popen(command, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, bufsize=1) as process:
        def line(pattern):
            for text in process.stdout:
                found = re.match(pattern, text)
                if found:
                    return found
            raise AssertionError(f"no line {pattern}")

        def say(text):
            process.stdin.write(text + "\n")
            process.stdin.flush()
            found = line(r"(\+ |\+OK |-ERR)(.*)")
            check(found.group(1) == "+ ", f"no challenge: {found.group(0)}")
            return base64.b64decode(found.group(2)).decode()
        try:
            key = bytes.fromhex(
                line(r"\s+Keying material: ([0-9A-F]{64})").group(1))
            line(r"\+OK ")
            scram = Scram("alice", PASSWORDS["alice"], "p=tls-exporter,,", key)
            last = scram.last(say(f"AUTH {PLUS} {b64(scram.first())}"))
            check(scram.verify(say(b64(last))), "signature")
            process.stdin.write("\nQUIT\n")
            process.stdin.flush()
            line(r"\+OK \d+ messages")
        finally:
            process.kill()


def test_not_for_everybody(server):
    """SCRAM is not offered while somebody could not log in by it"""
    text = server.users.read_text()
    server.users.write_text(text + "carol:$6$salt$" + "x" * 86 + "\n")
    try:
        for peer in BOTH:
            made = peer(server, True)
            with made.talker:
                equal([m for m in made.offer if "SCRAM" in m], [], "offer")
                check(made.say("AUTH SCRAM-SHA-256")[:4]
                      in ("504 ", "-ERR"), "taken all the same")
    finally:
        server.users.write_text(text)


def test_no_users_file(server):
    """Without a users file it is temporary trouble"""
    away = server.users.with_name("users.away")
    for peer in BOTH:
        made = peer(server)
        server.users.rename(away)
        try:
            expect(peer, login(made, Scram("alice", "x")), "TEMPORARY",
                   "no file")
        finally:
            away.rename(server.users)


def test_only_over_tls(server):
    """plaintext-login never: POP3's AUTH needs STLS first"""
    with Scratch("plaintext-login never\nchannel-binding on") as other:
        talker, _ = other.session("pop3d")
        with talker:
            talker.pop("+OK")
            talker.pop("+OK", "CAPA")
            check(b"SASL" not in talker.block(), "offered")
            talker.pop("-ERR [AUTH]", "AUTH")
            talker.pop("-ERR [AUTH]", "AUTH SCRAM-SHA-256")
            talker.pop("+OK", "STLS")
            talker.start_tls(client_context())
            talker.pop("+OK", "AUTH")
            check(PLUS.encode() in talker.block(), "PLUS is not listed")


def client(server, command, stdin=""):
    """Runs a client to its end; its output must show no failure."""
    done = subprocess.run(command, input=stdin, capture_output=True,
                          text=True, timeout=60, env=dict(
                              os.environ, HOME=str(server.dir)))
    check(done.returncode == 0,
          f"{command[0]}: {done.returncode} {done.stdout} {done.stderr}")


def test_msmtp(server):
    """msmtp logs in by SCRAM, in TLS"""
    method = scram_in_tls("msmtp")
    client(server, [
        "msmtp", "--file=/dev/null", "--host=127.0.0.1",
        f"--port={server.submissions}", "--tls=on", "--tls-starttls=off",
        "--tls-certcheck=off", f"--auth={method}", "--user=alice",
        f"--passwordeval=echo {PASSWORDS['alice']}",
        "--from=alice@example.org", "bob@example.org"],
        "Subject: x\n\nx\n")
    wait_for(lambda: f"sasl_method={method.upper()}" in server.smtpd.text(),
             f"{method} in the log")


def test_mpop(server):
    """mpop logs in by SCRAM, in TLS"""
    client(server, [
        "mpop", "--file=/dev/null", "--host=127.0.0.1",
        f"--port={server.pop3s}", "--tls=on", "--tls-starttls=off",
        "--tls-certcheck=off", f"--auth={scram_in_tls('mpop')}",
        "--user=alice", f"--passwordeval=echo {PASSWORDS['alice']}",
        f"--delivery=mbox,{server.dir / 'collected'}", "--keep=on"])


def test_each_finds_a_mechanism(server):
    """What msmtp and mpop choose by themselves logs in"""
    if not tool("msmtp") or not tool("mpop"):
        raise Skip("msmtp or mpop is not installed")
    common = ["--file=/dev/null", "--host=127.0.0.1", "--tls=on",
              "--tls-starttls=off", "--tls-certcheck=off", "--auth=on",
              "--user=alice", f"--passwordeval=echo {PASSWORDS['alice']}"]
    client(server, ["mpop", f"--port={server.pop3s}", *common, "--keep=on",
                    f"--delivery=mbox,{server.dir / 'collected'}"])
    client(server, ["msmtp", f"--port={server.submissions}", *common,
                    "--from=alice@example.org", "bob@example.org"],
           "Subject: x\n\nx\n")


def test_curl(server):
    """curl reads a mailbox by SCRAM"""
    version = subprocess.run(["curl", "--version"], capture_output=True,
                             text=True, check=False).stdout \
        if tool("curl") else ""
    if "gsasl" not in version:
        raise Skip("curl knows no SCRAM here")
    client(server, ["curl", "-sSk", "-u", "alice:" + PASSWORDS["alice"],
                    "--login-options", "AUTH=SCRAM-SHA-256",
                    f"pop3s://127.0.0.1:{server.pop3s}/"])


if __name__ == "__main__":
    with Instance("channel-binding on") as fixture:
        tap.run(globals(), fixture)
    tap.finish()
