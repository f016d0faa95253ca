#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""The mail part of ./bootstrap run.

  mail.py ports PORT ...           prints each port, or 0 where it is taken
  mail.py mail SMTP POP3S CERT     sends a mail from alice to bob, collects it
                                   as bob, compares; exit status 0: the same

Passwords come in ALICE_PASSWORD and BOB_PASSWORD.
"""

import email
import email.policy
import email.utils
import hashlib
import os
import poplib
import random
import smtplib
import socket
import ssl
import sys
import textwrap
from email.message import EmailMessage

HOST = "127.0.0.1"
TIMEOUT = 60


def free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((HOST, port))
        except OSError:
            return False
    return True


def compose(attachment):
    msg = EmailMessage(policy=email.policy.SMTP)
    msg["From"] = "Alice <alice@example.org>"
    msg["To"] = "Bob <bob@example.org>"
    msg["Subject"] = "A parcel for you"
    msg["Date"] = email.utils.localtime()
    msg["Message-ID"] = email.utils.make_msgid(domain="example.org")
    msg.set_content(
        "Hello Bob,\n\n"
        "From here on it is yours.\n"
        ".\n"
        "..two dots, and a line that looks like the start of a mail:\n"
        "From alice, with greetings\n")
    msg.add_attachment(attachment, maintype="application",
                       subtype="octet-stream", filename="parcel.bin")
    return msg


def send(msg, port, password, tls):
    print(f"alice sends bob a mail, {len(msg.as_bytes())} octets:")
    with smtplib.SMTP(HOST, port, timeout=TIMEOUT) as smtp:
        print(f"  connected to {HOST}:{port}")
        smtp.starttls(context=tls)
        print(f"  STARTTLS: {smtp.sock.version()}, {smtp.sock.cipher()[0]}")
        print("  AUTH:", reply(smtp.login("alice", password)))
        smtp.mail("alice@example.org")
        print("  RCPT:", reply(smtp.rcpt("bob@example.org")))
        code, text = smtp.data(msg.as_bytes())
        print("  DATA:", reply((code, text)))
        return code == 250


def reply(answer):
    return f"{answer[0]} {answer[1].decode()}"


def collect(message_id, port, password, tls):
    """Returns the mail with this Message-ID as sent by the server, or None."""
    print("\nbob collects it:")
    pop = poplib.POP3_SSL(HOST, port, context=tls, timeout=TIMEOUT)
    try:
        print(f"  connected to {HOST}:{port}, {pop.sock.version()}")
        pop.user("bob")
        print("  PASS:", pop.pass_(password).decode())
        count = pop.stat()[0]
        print(f"  STAT: {count} message" + ("" if count == 1 else "s"))
        for number in range(count, 0, -1):
            raw = b"\r\n".join(pop.retr(number)[1]) + b"\r\n"
            if email.message_from_bytes(raw)["Message-ID"] == message_id:
                print(f"  RETR {number}: {len(raw)} octets")
                return raw
    finally:
        pop.quit()
    return None


def show_headers(raw):
    print("\nThe headers of the mail that arrived:")
    head = raw.split(b"\r\n\r\n", 1)[0].decode("ascii", "replace")
    print(textwrap.indent(head.replace("\r\n", "\n"), "  "))


def compare(sent, raw, attachment):
    """What was sent must be the end of what came: trace lines go on top."""
    got = email.message_from_bytes(raw, policy=email.policy.SMTP)
    parts = [p.get_payload(decode=True) for p in got.iter_attachments()]
    same_file = parts == [attachment]
    same_mail = raw.endswith(sent)
    digest = hashlib.sha256(parts[0] if parts else b"").hexdigest()
    print(f"\nThe attachment, {len(attachment)} octets, SHA-256")
    print(f"  sent      {hashlib.sha256(attachment).hexdigest()}")
    print(f"  collected {digest}")
    print("  the same" if same_file else "  NOT the same")
    print("The mail after the trace lines: "
          + ("the same, octet for octet" if same_mail else "NOT the same"))
    return same_file and same_mail


def mail(smtp_port, pop_port, cert):
    # The one certificate that is trusted is the server's.
    tls = ssl.create_default_context(cafile=cert)
    tls.check_hostname = False
    attachment = random.randbytes(100_000)
    msg = compose(attachment)
    if not send(msg, smtp_port, os.environ["ALICE_PASSWORD"], tls):
        return 1
    raw = collect(msg["Message-ID"], pop_port, os.environ["BOB_PASSWORD"],
                  tls)
    if raw is None:
        print("  the mail is not there")
        return 1
    show_headers(raw)
    return 0 if compare(msg.as_bytes(), raw, attachment) else 1


def main():
    if len(sys.argv) > 2 and sys.argv[1] == "ports":
        print(*(p if free(int(p)) else 0 for p in sys.argv[2:]))
        return 0
    if len(sys.argv) == 5 and sys.argv[1] == "mail":
        try:
            return mail(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
        except (OSError, smtplib.SMTPException, poplib.error_proto) as e:
            print(f"  failed: {e}")
            return 1
    print(__doc__, file=sys.stderr)
    return 64


if __name__ == "__main__":
    sys.exit(main())
