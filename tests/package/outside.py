# SPDX-License-Identifier: ISC
"""usage: outside.py CERTIFICATE PASSWORD: another machine, for which carol of
mail.example.org has set up restante. A stranger writes to her by STARTTLS, she
writes to herself with a login, and collects by POP3S what has come, also what
programs there have sent. All TLS is verified by the certificate."""
import poplib
import smtplib
import ssl
import sys

HOST, USER = "mail.example.org", "carol"
ADDRESS, STRANGER = "carol@example.org", "dave@example.net"


def message(sender, subject):
    """A short message to carol."""
    return (f"From: {sender}\r\nTo: {ADDRESS}\r\nSubject: {subject}\r\n\r\n"
            "Hello.\r\n")


def send(context, password):
    """The two that come from here; and one that must not go on."""
    with smtplib.SMTP(HOST, 25, timeout=60) as client:
        client.starttls(context=context)
        client.sendmail(STRANGER, ADDRESS, message(STRANGER, "by TLS"))
        try:
            client.sendmail(STRANGER, STRANGER, message(STRANGER, "on"))
            sys.exit("a stranger's mail would be relayed")
        except smtplib.SMTPRecipientsRefused as error:
            print("relaying is refused:", error.recipients[STRANGER])
    with smtplib.SMTP_SSL(HOST, 465, timeout=60, context=context) as client:
        client.login(USER, password)
        client.sendmail(ADDRESS, ADDRESS, message(ADDRESS, "by login"))


def collect(context, password):
    """The subjects of all that has come."""
    client = poplib.POP3_SSL(HOST, 995, timeout=60, context=context)
    client.user(USER)
    client.pass_(password)
    count = client.stat()[0]
    lines = [line for n in range(count) for line in client.top(n + 1, 0)[1]]
    client.quit()
    return {line[9:].decode() for line in lines
            if line.startswith(b"Subject: ")}


def main():
    """Returns the exit status."""
    context = ssl.create_default_context(cafile=sys.argv[1])
    send(context, sys.argv[2])
    found = collect(context, sys.argv[2])
    print("collected:", ", ".join(sorted(found)))
    missing = {"by sendmail", "by TLS", "by login"} - found
    if missing:
        print("missing:", ", ".join(sorted(missing)))
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
