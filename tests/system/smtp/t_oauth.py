# SPDX-License-Identifier: ISC
"""OAUTHBEARER and XOAUTH2: a program says which tokens are good, and nobody
gets in by one that it refused, that is another's, or that it could not judge.
"""
import base64
import json
import subprocess

from lib.auth import BOTH as PEERS, Pop, Smtp
from lib.player import PASSWORDS
from lib.scratch import Instance, Scratch, client_context, tool
from lib.talk import b64, plain
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
BOTH = ("OAUTHBEARER", "XOAUTH2")

# Answers by the token; keeps the questions and its arguments.
PROGRAM = r"""#!/bin/sh
echo "args $*" >>"$1"
while read -r key value; do
    test "$key" = token || echo "$key $value" >>"$1"
    test "$key" = token && token=$value
done
case $token in
good) exit 0 ;;
alice) echo alice@example.org; exit 0 ;;
bob) echo bob; exit 0 ;;
odd) echo 'nobody at all'; exit 0 ;;
broken) echo 'the issuer cannot be reached' >&2; exit 75 ;;
killed) kill -9 $$ ;;
slow) sleep 1000 ;;
esac
exit 1
"""


def message(mechanism, user, token, more=""):
    """What the client says first."""
    if mechanism == "XOAUTH2":
        return f"user={user}\1auth=Bearer {token}\1\1"
    return f"n,a={user},\1{more}auth=Bearer {token}\1\1"


def login(peer, mechanism, user, token, more="", dummy=b64("\1")):
    """Logs in; the last word. A refusal must have told its reasons."""
    answer = peer.say(
        f"AUTH {mechanism} {b64(message(mechanism, user, token, more))}")
    if not answer.startswith(peer.MORE):
        check(not answer.startswith(peer.WRONG), f"no reasons: {answer}")
        return answer
    reasons = json.loads(base64.b64decode(answer[len(peer.MORE):]))
    equal(reasons["status"],
          "invalid_token" if mechanism == "OAUTHBEARER" else "401", "status")
    return peer.say(dummy)


def attempt(server, kind, mechanism, user, token, want):
    """One login on a connection of its own."""
    peer = kind(server, True)
    with peer.talker:
        answer = login(peer, mechanism, user, token)
        check(answer.startswith(getattr(peer, want)),
              f"{kind.__name__} {mechanism} {user} {token}: {answer}")


def everywhere(server, user, token, want):
    """The same by both mechanisms in both servers."""
    for kind in PEERS:
        for mechanism in BOTH:
            attempt(server, kind, mechanism, user, token, want)


def test_offer(server):
    """Tokens are asked for in TLS alone, after the mechanisms of before"""
    for kind in PEERS:
        peer = kind(server, True)
        peer.talker.close()
        equal(peer.offer[-2:], list(BOTH), "offer")
        equal(peer.offer[:2], ["PLAIN", "LOGIN"], "what was there before")
    with server.connect(server.submission) as talker:
        check("OAUTH" not in " ".join(talker.hello().words()),
              "offered in the clear")
        for mechanism in BOTH:
            talker.expect("504 5.5.4", f"AUTH {mechanism} " + b64(
                message(mechanism, "alice", "good")))
    with server.connect(server.pop3) as talker:
        talker.pop("+OK")
        talker.pop("-ERR Unknown", "AUTH OAUTHBEARER")
        talker.pop("+OK", "AUTH")
        check(b"OAUTH" not in talker.block(), "listed in the clear")


def test_good(server):
    """A good token logs in, with and without an initial response"""
    everywhere(server, "alice", "good", "GOOD")
    everywhere(server, "alice", "alice", "GOOD")
    everywhere(server, "Alice@example.org", "alice", "GOOD")
    for kind in PEERS:
        peer = kind(server, True)
        with peer.talker:
            answer = peer.say("AUTH OAUTHBEARER")
            equal(answer.rstrip(), peer.MORE.rstrip(), "prompt")
            answer = peer.say(b64(message(BOTH[0], "alice", "good")))
            check(answer.startswith(peer.GOOD), answer)
    wait_for(lambda: "sasl_method=OAUTHBEARER"
             in server.smtpd.text(), "a line in the log")


def test_long(server):
    """A long token may come along with AUTH, in POP3 too; no other line"""
    everywhere(server, "alice", "x" * 4000, "WRONG")
    with server.connect(server.pop3) as talker:
        talker.pop("+OK")
        talker.pop("-ERR Line too long", "USER " + "x" * 1020)
        talker.pop("-ERR [AUTH] Name too long", "USER " + "x" * 1019)
        talker.pop("-ERR Line too long", "AUTHX " + "x" * 1020)
        talker.pop("-ERR Malformed", "AUTH PLAIN " + "!" * 12277)
        talker.pop("-ERR Line too long", "AUTH PLAIN " + "!" * 12278)


def test_refused(server):
    """A bad token is refused with reasons, and the session goes on"""
    everywhere(server, "alice", "bad", "WRONG")
    for kind in PEERS:
        peer = kind(server, True)
        with peer.talker:
            for dummy in (b64("\1"), ""):
                answer = login(peer, "OAUTHBEARER", "alice", "bad",
                               dummy=dummy)
                check(answer.startswith(peer.WRONG), answer)
            answer = login(peer, "OAUTHBEARER", "alice", "good")
            check(answer.startswith(peer.GOOD), answer)


def test_whose(server):
    """A token of another user, or of nobody, opens nothing"""
    everywhere(server, "alice", "bob", "WRONG")
    everywhere(server, "alice", "odd", "WRONG")
    wait_for(lambda: "the token that came for alice is one of bob"
             in server.smtpd.text(), "a line in the log")


def test_who(server):
    """Only whose line says so logs in by tokens; others as if unknown"""
    for user in ("bob", "carol", "root", "alice@elsewhere.example", "-x"):
        everywhere(server, user, "good", "WRONG")
    for kind in PEERS:
        peer = kind(server, True)
        with peer.talker:
            for text in ("n,,\1auth=Bearer good\1\1", "n,a=alice,\1\1"):
                answer = peer.say("AUTH OAUTHBEARER " + b64(text))
                check(answer.startswith(peer.MORE), answer)
                check(peer.say(b64("\1")).startswith(peer.WRONG), text)
    with server.connect(server.submission) as talker:
        talker.hello()
        talker.expect("535 ", "AUTH PLAIN " + plain("alice", "{OAUTH}"))
        talker.expect("235 ", "AUTH PLAIN "
                      + plain("alice", PASSWORDS["alice"]))


def test_terms(server):
    """A line's terms hold for tokens, too"""
    text = server.users.read_text()
    server.users.write_text(text.replace(" {OAUTH}", "")
                            + "alice/sso:{OAUTH}::for=pop3\n"
                            + "bob/sso:{OAUTH}::until=2001-01-01\n")
    try:
        for mechanism in BOTH:
            attempt(server, Smtp, mechanism, "alice", "good", "WRONG")
            attempt(server, Pop, mechanism, "alice", "good", "GOOD")
            attempt(server, Pop, mechanism, "bob", "good", "WRONG")
    finally:
        server.users.write_text(text)


def test_trouble(server):
    """A program that fails is temporary trouble, without reasons"""
    everywhere(server, "alice", "broken", "TEMPORARY")
    everywhere(server, "alice", "killed", "TEMPORARY")
    everywhere(server, "carol", "broken", "TEMPORARY")
    wait_for(lambda: "status 75: the issuer cannot be reached"
             in server.smtpd.text(), "its words in the log")
    program = server.dir / "oauth"
    away = server.dir / "away"
    program.rename(away)
    try:
        everywhere(server, "alice", "good", "TEMPORARY")
        check("oauth-command" in server.call("smtpd", "--check").stdout,
              "--check does not see it")
    finally:
        away.rename(program)


def test_late(server):
    """A program that does not end is ended, and that is temporary"""
    attempt(server, Smtp, "OAUTHBEARER", "alice", "slow", "TEMPORARY")
    wait_for(lambda: "did not end within" in server.smtpd.text(),
             "a line in the log")


def test_question(server):
    """The program hears who, where and by what; never in its arguments"""
    asked = server.dir / "asked"
    asked.write_text("")
    server.own()
    for kind in PEERS:
        peer = kind(server, True)
        with peer.talker:
            answer = login(peer, "OAUTHBEARER", "Alice@example.org", "bad",
                           "host=mail.example.org\1port=465\1")
            check(answer.startswith(peer.WRONG), answer)
    wanted = [f"args {asked} two", "mechanism OAUTHBEARER", "service smtpd",
              "client 127.0.0.1", "host mail.example.org", "port 465",
              "user alice"]
    equal(asked.read_text().splitlines(),
          wanted + [w.replace("smtpd", "pop3d") for w in wanted], "asked")


def test_malformed(server):
    """What is malformed is refused before the program is asked"""
    asked = server.dir / "asked"
    before = asked.read_text()
    for kind in PEERS:
        peer = kind(server, True)
        with peer.talker:
            for text in ("", "\1", "n,a=alice,", "n,a=alice,\1auth=Bearer x",
                         "n,a=alice,\1auth=Bearer a b\1\1",
                         "n,a=alice,\1auth=Bearer a\nuser bob\1\1",
                         "p=tls-exporter,a=alice,\1auth=Bearer good\1\1",
                         "n,a=alice,\1auth=Bearer " + "x" * 5000 + "\1\1"):
                answer = peer.say("AUTH OAUTHBEARER " + (b64(text) or "="))
                check(answer.startswith(("501 5.5.2", "-ERR Malformed",
                                         "-ERR Line too long")),
                      f"{text[:40]!r}: {answer}")
    equal(asked.read_text(), before, "asked")


def test_not_for_all(server):
    """Without a user of tokens, or a program, they are not offered"""
    text = server.users.read_text()
    server.users.write_text(text.replace(" {OAUTH}", ""))
    try:
        for kind in PEERS:
            peer = kind(server, True)
            with peer.talker:
                check("XOAUTH2" not in peer.offer, "offered")
                check(peer.say("AUTH XOAUTH2").startswith(peer.UNKNOWN),
                      "taken all the same")
    finally:
        server.users.write_text(text)
    with Scratch() as other:
        other.users.write_text(text)
        talker, _ = other.session("smtpd", "--role", "submission")
        with talker:
            talker.hello()
            talker.expect("220 ", "STARTTLS")
            talker.start_tls(client_context())
            words = talker.expect("250", "EHLO client.example.net").words()
            check("OAUTH" not in " ".join(words), "offered without")


def test_scram_stays(server):
    """Who has tokens alone does not take SCRAM from the others"""
    text = server.users.read_text()
    server.users.write_text(text + "carol:{OAUTH}\n")
    try:
        peer = Smtp(server, True)
        peer.talker.close()
        check("SCRAM-SHA-256" in peer.offer, f"offer: {peer.offer}")
        attempt(server, Smtp, "XOAUTH2", "carol", "good", "GOOD")
        done = server.call("smtpd", "--check")
        check("carol" not in done.stdout, done.stdout)
    finally:
        server.users.write_text(text)


def test_curl(server):
    """curl logs in by OAUTHBEARER and XOAUTH2"""
    if not tool("curl"):
        raise Skip("curl is not installed")
    for mechanism in BOTH:
        for token, status in (("good", 0), ("bad", 67)):
            done = subprocess.run(
                ["curl", "-sSk", "--user", "alice", "--oauth2-bearer", token,
                 "--login-options", "AUTH=" + mechanism,
                 f"pop3s://127.0.0.1:{server.pop3s}/"],
                capture_output=True, text=True, timeout=60, check=False)
            equal(done.returncode, status, f"{mechanism}: {done.stderr}")


def test_once():
    """A token that has expired counts against the address once"""
    with Instance("oauth-command %DIR/oauth %DIR/asked two\n"
                  "penalties all") as server:
        make(server)
        for token, count in (("bad", 1), ("worse", 2)):
            everywhere(server, "alice", token, "WRONG")
            said = server.call("smtpd", "--penalties").stdout
            check(f" for failed logins: {count}\n" in said, said)


def test_no_token_in_the_logs(server):
    """No token reaches a log"""
    text = server.smtpd.text() + server.pop3d.text()
    for token in ("Bearer", b64("auth=Bearer")[:10], "token good"):
        check(token not in text, f"the log holds {token!r}")


def make(scratch):
    """The program, and alice's leave to use tokens."""
    program = scratch.dir / "oauth"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    (scratch.dir / "asked").write_text("")
    text = scratch.users.read_text()
    scratch.users.write_text(text.replace("\nbob:", " {OAUTH}\nbob:", 1))
    scratch.own()


if __name__ == "__main__":
    with Instance("oauth-command %DIR/oauth %DIR/asked two\n"
                  "penalties off") as fixture:
        make(fixture)
        tap.run({k: v for k, v in globals().items() if k != "test_once"},
                fixture)
    tap.run({"test_once": test_once})
    tap.finish()
