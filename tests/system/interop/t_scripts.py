# SPDX-License-Identifier: ISC
"""The three scripts that a newcomer writes first, word for word.

Python's smtplib and poplib in the clear with STARTTLS, the same over TLS from
the first byte, and what people type by hand into a raw connection.
"""
import poplib
import re
import smtplib
from email import message_from_bytes, policy
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

from lib import mbox
from lib.player import PASSWORDS
from lib.scratch import Instance, client_context
from lib.talk import b64
from lib.tap import Tap, check, equal

tap = Tap()
TEXT = "Grüße aus der Werkstatt: 1 € = 100 ¢\n.\nFrom here on\n"


def letter():
    """The message of the scripts."""
    message = MIMEText(TEXT, "plain", "utf-8")
    message["Subject"] = "Grüße"
    message["From"] = "alice@example.org"
    message["To"] = "bob@example.org"
    return message


def collect(client):
    """user, pass_, list, retr, dele, quit; returns the message's bytes."""
    client.user("bob")
    client.pass_(PASSWORDS["bob"])
    _, listing, _ = client.list()
    equal(len(listing), 1, "messages")
    number, size = listing[0].split()
    equal(number, b"1", "number")
    _, lines, octets = client.retr(1)
    data = b"".join(line + b"\r\n" for line in lines)
    equal(len(data), int(size), "octets in LIST")
    equal(octets, int(size), "octets read by poplib")
    client.dele(1)
    client.quit()
    return data


def compare(data, message):
    """What came out must be what went in, after the trace headers, and with
    what scripts forget."""
    data = re.sub(rb"\r\nDate: [^\r]*\r\nMessage-ID: <[^\r]*>\r\n", b"\r\n",
                  data, count=1)
    sent = message.as_bytes(policy=message.policy.clone(linesep="\r\n"))
    equal(mbox.strip_trace(data), sent, "the message")
    parsed = message_from_bytes(data, policy=policy.default)
    equal(parsed["Subject"], "Grüße", "Subject")
    body = parsed.get_body(("plain",)) or parsed
    equal(body.get_content().replace("\r\n", "\n"), TEXT, "the text")


def test_starttls_and_login(server):
    """smtplib: starttls, login, send_message; poplib collects and deletes"""
    message = letter()
    with smtplib.SMTP("127.0.0.1", server.submission, timeout=60) as client:
        client.starttls(context=client_context())
        client.login("alice", PASSWORDS["alice"])
        equal(client.send_message(message), {}, "refused recipients")
    data = collect(poplib.POP3("127.0.0.1", server.pop3, timeout=60))
    compare(data, message)
    equal(server.mailbox("bob").stat().st_size, 0, "octets left")


def test_tls_from_the_start(server):
    """SMTP_SSL and POP3_SSL do the same"""
    message = letter()
    with smtplib.SMTP_SSL("127.0.0.1", server.submissions, timeout=60,
                          context=client_context()) as client:
        client.login("alice", PASSWORDS["alice"])
        equal(client.send_message(message), {}, "refused recipients")
    data = collect(poplib.POP3_SSL("127.0.0.1", server.pop3s, timeout=60,
                                   context=client_context()))
    compare(data, message)


def test_stls(server):
    """poplib's stls, and an attachment of all bytes"""
    message = MIMEMultipart()
    message["Subject"] = "Grüße"
    message["From"] = "alice@example.org"
    message["To"] = "bob@example.org"
    message.attach(MIMEText(TEXT, "plain", "utf-8"))
    attached = bytes(range(256)) * 400
    message.attach(MIMEApplication(attached, Name="all.bin"))
    with smtplib.SMTP("127.0.0.1", server.submission, timeout=60) as client:
        client.starttls(context=client_context())
        client.login("alice@example.org", PASSWORDS["alice"])
        client.send_message(message)
    client = poplib.POP3("127.0.0.1", server.pop3, timeout=60)
    client.stls(context=client_context())
    data = collect(client)
    parsed = message_from_bytes(data, policy=policy.default)
    equal(next(parsed.iter_attachments()).get_content(), attached,
          "the attachment")


def test_by_hand(server):
    """By hand: auth login in lower case, blanks after the colons, no headers"""
    html = "<html><body><h1>hello</h1></body></html>"
    with server.connect(server.submission) as talker:
        talker.expect("220 ")
        talker.expect("250 ", "HELO localhost")
        equal(talker.expect("334 ", "auth login").last, "334 VXNlcm5hbWU6",
              "first challenge")
        equal(talker.expect("334 ", b64("alice")).last, "334 UGFzc3dvcmQ6",
              "second challenge")
        talker.expect("235 ", b64(PASSWORDS["alice"]))
        talker.expect("250 ", "MAIL FROM: <alice@example.org>")
        talker.expect("250 ", "RCPT TO: <bob@example.org>")
        talker.expect("354 ", "DATA")
        talker.send(html + "\r\n")
        talker.expect("250 ", ".")
        talker.expect("221 ", "QUIT")
        talker.closed()
    with server.connect(server.pop3) as talker:
        talker.pop("+OK")
        talker.pop("+OK", "user bob")
        talker.pop("+OK", "pass " + PASSWORDS["bob"])
        equal(len(talker.pop_block("LIST").splitlines()), 1, "messages")
        text = talker.pop_block("RETR 1")
        # An empty line ends the header section, which is all ours.
        head, _, body = mbox.strip_trace(text).partition(b"\r\n\r\n")
        equal(body, html.encode() + b"\r\n", "the text")
        equal(re.findall(rb"^[^:]+", head, re.M),
              [b"From", b"Date", b"Message-ID"], "fields")
        talker.pop("+OK", "DELE 1")
        talker.pop("+OK", "QUIT")
        talker.closed()
    equal(server.mailbox("bob").stat().st_size, 0, "octets left")


def test_by_hand_on_port_25(server):
    """By hand on the mx port: a login is possible, not needed"""
    with server.connect(server.smtp) as talker:
        talker.expect("220 ")
        talker.expect("250 ", "helo localhost")
        talker.expect("250 ", "mail from: <carol@example.com>")
        talker.expect("250 ", "rcpt to: <bob@example.org>")
        talker.expect("354 ", "data")
        talker.send("hi\r\n")
        talker.expect("250 ", ".")
        talker.expect("221 ", "quit")
    client = poplib.POP3("127.0.0.1", server.pop3, timeout=60)
    head, _, text = mbox.strip_trace(collect(client)).partition(b"\r\n\r\n")
    equal(text, b"hi\r\n", "the text")
    check(head.startswith(b"From: carol@example.com\r\nDate: "), repr(head))


if __name__ == "__main__":
    with Instance() as fixture:
        tap.run(globals(), fixture)
    tap.finish()
