# SPDX-License-Identifier: ISC
"""SMTP rules that need more than a transcript: sets, counts and contents."""
import re

from lib import mbox
from lib.player import PASSWORDS
from lib.scratch import Scratch
from lib.talk import Closed, plain
from lib.tap import Tap, check, equal

tap = Tap()
USUAL = {"PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "HELP"}


def keywords(reply):
    """EHLO's answer as {keyword: parameters}, without the first line."""
    found = {}
    for words in reply.words()[1:]:
        name, _, rest = words.partition(" ")
        check(name not in found, f"{name} listed twice")
        found[name] = rest
    return found


def test_ehlo_keywords(scratch):
    """EHLO lists exactly what is offered in the clear on loopback"""
    with scratch.session()[0] as talker:
        reply = talker.hello()
        check(reply.words()[0].startswith("mail.example.org"), repr(reply))
        found = keywords(reply)
        check(USUAL <= set(found), repr(reply))
        equal(found["SIZE"], str(50 * 1024 * 1024), "SIZE")
        check("STARTTLS" in found, "STARTTLS is not offered")
        equal(set(found["AUTH"].split()),
              {"PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"}, "AUTH")
        equal(keywords(talker.expect("250 ", "EHLO again")), found, "EHLO 2")


def test_ehlo_after_login(scratch):
    """Logged in, EHLO still works and offers the rest"""
    with scratch.session("smtpd", "--role", "submission")[0] as talker:
        talker.hello()
        talker.login("alice", PASSWORDS["alice"])
        found = keywords(talker.expect("250 ", "EHLO again"))
        check(USUAL <= set(found), str(found))


def test_ehlo_without_tls(scratch):
    """Without a certificate STARTTLS is not offered"""
    scratch.configure("tls %DIR/absent.pem")
    try:
        with scratch.session()[0] as talker:
            check("STARTTLS" not in keywords(talker.hello()), "offered")
    finally:
        scratch.configure()


def test_ehlo_auth_never(scratch):
    """plaintext-login never: no AUTH in the clear"""
    scratch.configure("plaintext-login never")
    try:
        with scratch.session()[0] as talker:
            found = keywords(talker.hello())
            check("AUTH" not in found, str(found))
            check("STARTTLS" in found, str(found))
    finally:
        scratch.configure()


def test_ehlo_cram_only_if_stored(scratch):
    """CRAM-MD5 is offered only if some user has that kind of password"""
    text = scratch.users.read_text()
    kept = "".join(line for line in text.splitlines(True)
                   if "{CRAM-MD5}" not in line)
    check(kept != text, "alice has no CRAM-MD5 credential")
    scratch.users.write_text(kept)
    try:
        with scratch.session()[0] as talker:
            equal(set(keywords(talker.hello())["AUTH"].split()),
                  {"PLAIN", "LOGIN", "SCRAM-SHA-256"}, "AUTH")
    finally:
        scratch.users.write_text(text)


def test_size_keyword_follows_the_config(scratch):
    """SIZE in EHLO is the configured limit"""
    scratch.configure("size-limit 12345")
    try:
        with scratch.session()[0] as talker:
            equal(keywords(talker.hello())["SIZE"], "12345", "SIZE")
    finally:
        scratch.configure()


def test_too_many_errors(scratch):
    """Twenty errors end the session with 421 4.7.0"""
    talker, process = scratch.session()
    with talker:
        talker.hello()
        codes = []
        try:
            for _ in range(30):
                talker.send("BOGUS\r\n")
                codes.append(talker.reply().last[:9])
        except Closed:
            pass
        check("421 4.7.0" in codes, f"no 421: {codes}")
        check(15 <= len(codes) <= 22, f"{len(codes)} replies")
        equal(codes[-1], "421 4.7.0", "the last reply")
    equal(process.wait(30), 0, "exit status")


def test_good_commands_do_not_count(scratch):
    """Sixty commands without an error do not end the session"""
    with scratch.session()[0] as talker:
        talker.hello()
        for _ in range(30):
            talker.expect("250 ", "NOOP")
            talker.expect("250 ", "RSET")


def test_recipients(scratch):
    """As many recipients as are wanted; one more gets 452, others the mail"""
    scratch.configure("recipients 100")
    text = scratch.users.read_text()
    credential = next(line.split(":", 1)[1] for line in text.splitlines()
                      if line.startswith("bob:"))
    names = [f"user{n}" for n in range(101)]
    scratch.users.write_text(
        text + "".join(f"{name}:{credential}\n" for name in names))
    try:
        with scratch.session()[0] as talker:
            talker.hello()
            talker.expect("250 ", "MAIL FROM:<a@example.com>")
            for name in names[:100]:
                talker.expect("250 ", f"RCPT TO:<{name}@example.org>")
            # Who does not know of the limit may say all that there are.
            for _ in range(60):
                talker.expect("452 4.5.3", "RCPT TO:<user100@example.org>")
            talker.expect("354 ", "DATA")
            talker.send("Subject: to a hundred\r\n\r\nHello.\r\n.\r\n")
            talker.expect("250 2.0.0")
            talker.expect("221 ", "QUIT")
    finally:
        scratch.users.write_text(text)
        scratch.configure()
    boxes = [mbox.read(scratch.mailbox(name)) for name in names]
    equal([len(box) for box in boxes], [1] * 100 + [0], "copies")
    equal(len({box[0].sent for box in boxes[:100]}), 1, "different texts")


def test_trace_headers(scratch):
    """Return-Path and Received stand on top; `for` only for one recipient"""
    with scratch.session()[0] as talker:
        talker.hello("client.example.net")
        talker.submit("carol@example.com", ["bob@example.org"],
                      "Subject: one\r\n\r\n1\r\n")
        talker.submit("", ["bob@example.org", "alice@example.org"],
                      "Subject: two\r\n\r\n2\r\n")
    one, two = mbox.read(scratch.mailbox("bob"))[-2:]
    lines = one.wire.split(b"\r\n")
    equal(lines[0].lower(), b"return-path: <carol@example.com>", "line 1")
    check(lines[1].startswith(b"Received: "), repr(lines[1]))
    unfolded = re.sub(rb"\r\n[ \t]+", b" ", one.headers)
    received = [line for line in unfolded.split(b"\r\n")
                if line.startswith(b"Received:")]
    equal(len(received), 1, "Received lines")
    for part in (b"from client.example.net", b"by mail.example.org",
                 b"with ESMTP", b"bob@example.org", b"; "):
        check(part in received[0], f"{part!r} not in {received[0]!r}")
    check(max(map(len, one.headers.split(b"\r\n"))) <= 998, "long line")
    check(two.wire.lower().startswith(b"return-path: <>\r\n"),
          repr(two.wire[:60]))
    for name in (b"alice@", b"bob@"):
        check(name not in two.headers, f"{name!r} leaks: {two.headers!r}")
    check(one.from_line.startswith(b"From carol@example.com "),
          repr(one.from_line))
    equal((one.sent, two.sent), (b"Subject: one\r\n\r\n1\r\n",
                                 b"Subject: two\r\n\r\n2\r\n"), "the texts")


def test_helo_name_cannot_forge_headers(scratch):
    """An odd HELO name neither breaks the Received line nor adds another"""
    with scratch.session()[0] as talker:
        talker.expect("220 ")
        talker.expect("250 ", "EHLO x(y\\);by%s${run}<evil>\"q")
        talker.submit("a@example.com", ["bob@example.org"],
                      "Subject: odd name\r\n\r\nx\r\n")
    message = mbox.read(scratch.mailbox("bob"))[-1]
    equal(message.sent, b"Subject: odd name\r\n\r\nx\r\n", "the text")


def test_loop(scratch):
    """100 Received lines pass, 101 are a loop: 554 5.4.6"""
    for count, answer in ((100, "250 2.0.0"), (101, "554 5.4.6")):
        with scratch.session()[0] as talker:
            talker.hello()
            talker.expect("250 ", "MAIL FROM:<a@example.com>")
            talker.expect("250 ", "RCPT TO:<bob@example.org>")
            talker.expect("354 ", "DATA")
            talker.send("Received: by here;\r\n\tnow\r\n" * count
                        + f"Subject: {count}\r\n\r\n"
                        + "Received: not a header\r\n" * 200 + ".\r\n")
            talker.expect(answer)
            talker.expect("250 ", "NOOP")


def test_login_shows_in_received(scratch):
    """After a login the protocol in Received is ESMTPA"""
    with scratch.session("smtpd", "--role", "submission")[0] as talker:
        talker.hello()
        talker.expect("235 ", "AUTH PLAIN "
                      + plain("alice", PASSWORDS["alice"]))
        talker.submit("alice@example.org", ["bob@example.org"],
                      "Subject: login\r\n\r\nx\r\n")
    message = mbox.read(scratch.mailbox("bob"))[-1]
    check(b"with ESMTPA" in re.sub(rb"\s+", b" ", message.headers),
          repr(message.headers))


def test_http_is_not_smtp(scratch):
    """A web request gets errors and delivers nothing"""
    with scratch.session()[0] as talker:
        talker.expect("220 ")
        talker.send("POST / HTTP/1.1\r\nHost: mail.example.org\r\n"
                    "Content-Length: 100\r\n\r\n")
        codes = re.findall(rb"^(\d)\d\d ", _until_quit(talker), re.M)
        check(set(codes) <= {b"5", b"4", b"2"} and b"5" in codes, str(codes))


def _until_quit(talker):
    try:
        talker.send("QUIT\r\n")
    except Closed:
        pass
    return talker.rest()


def test_clients_that_vanish(scratch):
    """A client that hangs up anywhere leaves no mail and a clean exit"""
    talk = ["", "EHLO x\r\n", "MAIL FROM:<a@example.com>\r\n",
            "RCPT TO:<bob@example.org>\r\n", "DATA\r\n",
            "Subject: cut off\r\n\r\n", "half a message\r\n", "."]
    before = len(mbox.read(scratch.mailbox("bob")))
    for length in range(1, len(talk) + 1):
        talker, process = scratch.session()
        talker.send("".join(talk[:length]))
        talker.close()
        equal(process.wait(30), 0, f"exit status after {talk[length-1]!r}")
    equal(len(mbox.read(scratch.mailbox("bob"))), before, "messages")
    equal(scratch.queue_files(), [], "files in the queue")


if __name__ == "__main__":
    with Scratch() as fixture:
        tap.run(globals(), fixture)
    tap.finish()
