# SPDX-License-Identifier: ISC
"""Messages to a thousand recipients, also with the longest addresses and
parameters that the standards allow (RFC 5321 sections 4.5.3.1.8 and 10): each
gets it once.  Where one envelope would become too large, RCPT is answered 452,
and the client sends the message again to the rest."""
import re
import smtplib
from email.message import EmailMessage

from lib import mbox
from lib.postfix import Postfix
from lib.scratch import Scratch
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
MANY = 1000     # recipients; as many as users may name by default
LEAST = 100     # that every server takes
# 64 octets before the "@", and 254 in all: a path of 256.
DOMAIN = ".".join(["d" * 60] * 3) + ".exampl"
LONG = [f"{n:04}".ljust(64, "x") + "@" + DOMAIN for n in range(MANY)]
ORCPT = "rfc822;".ljust(500, "y")
CONFIG = f"""domains example.org {DOMAIN}
aliases %DIR/aliases
recipients {MANY}"""


def site():
    """A server that has a mailbox for whatever is in the long domain."""
    scratch = Scratch(CONFIG)
    (scratch.dir / "aliases").write_text(f"@{DOMAIN}: bob\n")
    scratch.own()
    return scratch


def transaction(talker, recipients, parameters):
    """Sends to as many as are taken; the others."""
    talker.expect("250 ", "MAIL FROM:<a@example.com>")
    left = []
    for recipient in recipients:
        talker.send(f"RCPT TO:<{recipient}>{parameters}\r\n")
        reply = talker.reply()
        if reply.code != 250:
            check(reply.last.startswith("452 4.5.3 "), repr(reply))
            left.append(recipient)
        elif left:
            raise AssertionError("taken after one that was too many")
    talker.expect("354 ", "DATA")
    talker.send("Subject: x\r\n\r\nx\r\n.\r\n")
    talker.expect("250 2.0.0")
    return left


def copies(scratch):
    """What has been delivered, once the queue has been looked through."""
    scratch.call("smtpd", "-q")
    box = scratch.mailbox("bob")
    return mbox.read(box) if box.exists() else []


def cases_session():
    """A client that goes on with the rest reaches all"""
    for name, parameters, most in (
            ("the longest addresses", "", 1),
            ("the longest addresses with NOTIFY", " NOTIFY=FAILURE,DELAY", 1),
            ("the longest parameters, too",
             f" NOTIFY=SUCCESS,FAILURE,DELAY ORCPT={ORCPT}", 3)):
        with tap.case(name), site() as scratch:
            equal([len(LONG[0]), len(ORCPT)], [254, 500], "lengths")
            left, times = LONG, 0
            with scratch.session()[0] as talker:
                talker.hello()
                while left:
                    before = len(left)
                    left = transaction(talker, left, parameters)
                    times += 1
                    check(before - len(left) >= min(LEAST, before),
                          f"{before - len(left)} at a time")
            check(times <= most, f"{times} transactions")
            wait_for(lambda: len(copies(scratch)) >= times, "all copies")
            equal(len(copies(scratch)), times, "copies")


class Relay(Postfix):
    """Postfix that sends all mail to one server, as many recipients at once
    as it can."""

    def __init__(self, scratch, port):
        self.to = port
        super().__init__(scratch, "bob")

    def prepare(self):
        super().prepare()
        with open(self.top / "etc/main.cf", "a", encoding="ascii") as config:
            config.write(
                f"relayhost = [127.0.0.1]:{self.to}\nmydestination =\n"
                "mynetworks = 127.0.0.0/8\n"
                "smtpd_relay_restrictions = permit_mynetworks, reject\n"
                f"smtpd_recipient_limit = {MANY + 1}\n"
                f"default_destination_recipient_limit = {MANY + 1}\n"
                "smtp_tls_security_level = none\n")
        with open(self.top / "etc/master.cf", "a", encoding="ascii") as table:
            table.write("smtp unix - - n - - smtp\n"
                        "relay unix - - n - - smtp\n")


def test_postfix():
    """Postfix sends the rest again, and each recipient has it once"""
    with site() as scratch:
        server = scratch.serve("smtpd", "127.0.0.1:0")
        relay = Relay(scratch, server.ports[0])
        relay.start()
        try:
            message = EmailMessage()
            message["Subject"] = "to a thousand"
            message.set_content("Hello.\n")
            with smtplib.SMTP("127.0.0.1", relay.port, timeout=120) as client:
                client.ehlo()
                client.mail("a@example.com")
                for recipient in LONG:
                    code, said = client.rcpt(
                        recipient, [f"ORCPT={ORCPT}", "NOTIFY=FAILURE"])
                    equal(code, 250, said)
                equal(client.data(message.as_bytes())[0], 250, "DATA")
            try:
                wait_for(lambda: not relay.queued(), "Postfix to send it", 200)
            except AssertionError as error:
                raise AssertionError(f"{error}\n{relay.log()}"
                                     + scratch.notes()) from None
            log = (relay.top / "maillog").read_text()
        finally:
            relay.stop()
            server.stop()
        sent = re.findall(r"to=<(\d{4})x+@\S+ .* status=sent", log)
        equal(sorted(sent), [f"{n:04}" for n in range(MANY)],
              "who got it:\n" + relay.log())
        check("status=bounced" not in log, relay.log())
        check("452 4.5.3" in log, "nothing was too many")


tap.run(globals())
tap.finish()
