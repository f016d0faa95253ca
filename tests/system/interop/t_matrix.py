# SPDX-License-Identifier: ISC
"""What people's programs submit arrives: each client by each mechanism over
each kind of connection, and what is large, or 8-bit, as well."""
import email
import email.policy
import re

from lib import clients, mbox, postfix
from lib.scratch import Instance
from lib.tap import Skip, Tap, check, equal

tap = Tap()
SMALL = "Hello.\n.\n..dots\nFrom here\nlast\n"
EIGHT = "Grüße aus Köln\n.\nΓειά σου\n日本語\nlast\n"
LARGE = "".join(f"{n:07} {'x' * 900}\n" for n in range(1200))


def submit(server, client, mechanism, kind, text):
    """Sends text; looks at what has arrived."""
    server.mailbox("bob").unlink(missing_ok=True)
    client.send(clients.Job(server, mechanism, kind, text))
    box = mbox.read(server.mailbox("bob"))
    equal(len(box), 1, "messages")
    message = email.message_from_bytes(box[0].wire,
                                       policy=email.policy.default)
    equal(message["Subject"], "matrix", "Subject")
    got = message.get_content().replace("\r\n", "\n")
    equal(got.rstrip("\n"), text.rstrip("\n"), "text")
    received = re.sub(rb"\s+", b" ", box[0].headers)
    # The latter if the client has asked for SMTPUTF8, as new ones do.
    names = (b"ESMTPA", b"UTF8SMTPA") if kind == clients.CLEAR else \
        (b"ESMTPSA", b"UTF8SMTPSA")
    check(any(b"with " + name + b" " in received for name in names),
          repr(received))


def cases_matrix(server, bound):
    """The rows of one table; what one client lacks is not in it."""
    for client in clients.ALL:
        try:
            client.look()
        except Skip as reason:
            tap.skip(client.name, reason)
            continue
        for kind in client.kinds:
            for mechanism in client.mechanisms:
                where = bound if client.binds(mechanism, kind) else server
                with tap.case(f"{client.name}: {mechanism}, {kind}",
                              where.notes):
                    submit(where, client, mechanism, kind, SMALL)
        for name, text in (("8-bit", EIGHT), ("a large message", LARGE)):
            for kind in client.kinds:
                with tap.case(f"{client.name}: {name}, {kind}", server.notes):
                    submit(server, client, client.mechanisms[0], kind, text)


def cases_without_binding():
    """Nobody offers what mutt chooses and cannot do; it goes by itself."""
    with Instance("channel-binding off") as server:
        for kind in clients.KINDS:
            with tap.case(f"mutt: whatever it chooses, {kind}, channel-binding"
                          " off", server.notes):
                submit(server, clients.Mutt(), None, kind, SMALL)


def forwarded(server):
    """What Postfix has handed on: {row: text}."""
    found = {}
    for message in mbox.read(server.mailbox("bob")):
        parsed = email.message_from_bytes(message.wire,
                                          policy=email.policy.default)
        found[parsed["Subject"]] = parsed.get_content().replace("\r\n", "\n")
    return found


def postfix_rows(server):
    """{recipient: (port, mechanism, kind)}: all that it can do."""
    rows = {}
    for kind in clients.KINDS:
        port = server.submissions if kind == clients.TLS else \
            server.submission
        for mechanism in ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"):
            rows[f"bob+{mechanism}-{kind}@example.org".lower()] = (
                port, mechanism, kind)
    return rows


def through_postfix(server):
    """Postfix as a client: it pipelines, and uses CHUNKING and 8BITMIME."""
    relay = postfix.PostfixClient(server, "bob")
    rows = postfix_rows(server)
    relay.relay(server, rows, clients.USER, clients.PASSWORD)
    relay.start()
    server.mailbox("bob").unlink(missing_ok=True)
    texts = {"small": SMALL, "8-bit": EIGHT, "large": LARGE}
    try:
        for rcpt in rows:
            for name, text in texts.items():
                data = (f"From: {clients.SENDER}\nTo: {rcpt}\n"
                        f"Subject: {rcpt} {name}\nMIME-Version: 1.0\n"
                        "Content-Type: text/plain; charset=utf-8\n"
                        f"Content-Transfer-Encoding: 8bit\n\n{text}")
                relay.submit(clients.SENDER, rcpt,
                             data.replace("\n", "\r\n").encode(),
                             ("BODY=8BITMIME",))
        relay.settle()
    finally:
        relay.stop()
    found = forwarded(server)
    for rcpt, (_, mechanism, kind) in rows.items():
        for name, text in texts.items():
            with tap.case(f"Postfix: {mechanism}, {kind}, {name}",
                          server.notes):
                got = found.get(f"{rcpt} {name}")
                equal(got and got.rstrip("\n"), text.rstrip("\n"), "text")


def cases_postfix(server):
    """The rows above, or their absence by name."""
    try:
        through_postfix(server)
    except Skip as reason:
        tap.skip("Postfix as a client", reason)


if __name__ == "__main__":
    with Instance() as fixture, Instance("channel-binding on") as other:
        tap.run(globals(), fixture, other)
    tap.finish()
