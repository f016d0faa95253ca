# SPDX-License-Identifier: ISC
"""Who is told what about a message that did not, or did, arrive.

RFC 3461 and 3464 from end to end: reports that people and programs can read,
that come once, to the right one, never as an answer to a report; what a
client asks for goes on to a next hop that knows the extension, and is
honoured by us where it ends.
"""
import email
import email.policy
import random

from lib.fakemx import EXTENSIONS, FakeMx
from lib.ledger import compose
from lib.site import Site
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
ALICE = "alice@home.test"
NO = "550 5.1.1 No such user here"
PLAIN = tuple(x for x in EXTENSIONS if x != "DSN")
NO_BDAT = tuple(x for x in EXTENSIONS if x != "CHUNKING")
TEXT = compose("bounced", random.Random(1)).replace(
    b"Subject: ledger", b"Message-ID: <orig@home.test>\r\n"
    b"Subject: Gr\xc3\xbc\xc3\x9fe").decode("utf-8", "surrogateescape")


class Report:
    """A report as Python's email package sees it."""

    def __init__(self, wire):
        self.wire = wire
        self.message = email.message_from_bytes(
            wire, policy=email.policy.default)
        equal(self.message.defects, [], "defects")
        equal(self.message.get_content_type(), "multipart/report", "type")
        equal(self.message.get_param("report-type"), "delivery-status", "it")
        parts = list(self.message.iter_parts())
        equal(len(parts), 3, "parts")
        self.text = parts[0].get_content()
        self.original = parts[2]
        blocks = parts[1].get_payload()
        self.head, self.recipients = blocks[0], blocks[1:]

    def recipient(self):
        """The fields of the only one."""
        equal(len(self.recipients), 1, "recipients")
        return self.recipients[0]


def raw(wire):
    """A message in bytes for smtp: it may have octets of any kind."""
    return wire.encode("utf-8", "surrogateescape")


def send(site, hop, rcpts=("x@far.test",), sender=ALICE, mail="", rcpt="",
         text=TEXT):
    """A message on its way to the hop."""
    site.change(f"route far.test smtp://127.0.0.1:{hop.port}")
    site.send(sender, rcpts, raw(text), mail, rcpt)


def reports(site, count=1, user="alice"):
    """Waits for the queue to be empty and for so many reports."""
    site.wait_empty()
    box = site.wait_mail(user, count) if count else []
    if not count and site.mailbox(user).exists():
        equal(site.mailbox(user).stat().st_size, 0, f"mail for {user}")
    found = [Report(message.wire) for message in box]
    site.settled()
    return found


def test_unknown_user(site):
    """An unknown user elsewhere: a report with everything in it"""
    with FakeMx({"rcpt": NO}, name="mx.far.test") as hop:
        send(site, hop)
        report, = reports(site)
    fields = report.recipient()
    equal(report.head["Reporting-MTA"], "dns; mx.home.test", "Reporting-MTA")
    check(report.head["Arrival-Date"], "no Arrival-Date")
    equal(fields["Final-Recipient"].replace(" ", ""), "rfc822;x@far.test",
          "Final-Recipient")
    equal((fields["Action"], fields["Status"]), ("failed", "5.1.1"), "what")
    check("127.0.0.1" in fields["Remote-MTA"], fields["Remote-MTA"])
    check("No such user here" in fields["Diagnostic-Code"], "Diagnostic-Code")
    check("smtp" in fields["Diagnostic-Code"], fields["Diagnostic-Code"])
    check(fields["Last-Attempt-Date"], "no Last-Attempt-Date")
    for word in ("x@far.test", "No such user here"):
        check(word in report.text, report.text)
    message = report.message
    check(message["From"].addresses[0].username == "MAILER-DAEMON",
          message["From"])
    equal(message["To"].addresses[0].addr_spec, ALICE, "To")
    equal(message["Auto-Submitted"], "auto-replied", "Auto-Submitted")
    check(message["Date"] and message["Message-ID"], "no Date or Message-ID")
    check("<orig@home.test>" in message["References"], "References")
    check(b"Return-Path: <>" in report.wire.split(b"\r\n\r\n")[0], "path")
    check(b"bounced" in report.wire, "nothing of the message")


def test_every_refusal(site):
    """A refusal at each place, with the reply in full"""
    long = "550 5.7.1 because" + "\n5.7.1 and because" * 9
    for phase, reply in (("mail", "550 5.1.7 Bad sender"), ("rcpt", NO),
                         ("data", "554 5.6.0 Not this"),
                         ("dot", "552 5.2.2 The mailbox is full"),
                         ("rcpt", long)):
        with FakeMx({phase: reply}, extensions=NO_BDAT) as hop:
            send(site, hop)
            report, = reports(site)
            status = reply[4:9]
            equal(report.recipient()["Status"], status, phase)


def test_several(site):
    """Several that fail in one transaction are in one report"""
    with FakeMx({"rcpt": {f"{x}@far.test": NO for x in "ab"}}) as hop:
        send(site, hop, ["a@far.test", "b@far.test", "c@far.test"])
        report, = reports(site)
    equal(sorted(r["Final-Recipient"].split(";")[1].strip()
                 for r in report.recipients), ["a@far.test", "b@far.test"],
          "recipients")


def test_hostile_reply(site):
    """A reply with octets of all kinds cannot break the report"""
    hostile = b"550 5.1.1 a\rFrom: evil\tb \xff\xfe \0 \x1b[31m\r\n"
    with FakeMx({"rcpt": hostile}) as hop:
        send(site, hop)
        wait_for(lambda: site.mailbox("alice").exists()
                 or [m for m in site.mailq() if m["recipients"][0]["reply"]],
                 "a decision")
        if site.mailbox("alice").exists():      # else it is deferred, too
            report, = reports(site)
            check(b"\nFrom: evil" not in report.wire, "injected")
            check(b"\x1b" not in report.wire, "an escape sequence")
    site.settled()


def test_notify_never(site):
    """NOTIFY=NEVER: silence"""
    with FakeMx({"rcpt": NO}) as hop:
        send(site, hop, rcpt=" NOTIFY=NEVER")
        reports(site, 0)
        check(hop.commands(), "it was not tried")


def test_notify_success(site):
    """NOTIFY=SUCCESS: passed on, or answered by us where that is unknown"""
    with FakeMx() as hop:
        send(site, hop, rcpt=" NOTIFY=SUCCESS")
        hop.wait()
        reports(site, 0)
        check("NOTIFY=SUCCESS" in hop.messages[0].rcpt_params["x@far.test"],
              f"{hop.messages[0].rcpt_params}")
    with FakeMx(extensions=PLAIN) as hop:
        send(site, hop, rcpt=" NOTIFY=SUCCESS")
        report, = reports(site)
        equal(report.recipient()["Action"], "relayed", "action")
        equal(hop.messages[0].rcpt_params, {"x@far.test": ""}, "parameters")


def test_notify_success_here(site):
    """NOTIFY=SUCCESS for a user of ours: delivered"""
    site.send(ALICE, ["bob@home.test"], raw(TEXT), "", " NOTIFY=SUCCESS")
    report, = reports(site)
    fields = report.recipient()
    equal((fields["Action"], fields["Status"][0]), ("delivered", "2"), "what")


def test_notify_success_list(site):
    """NOTIFY=SUCCESS for an alias of several: expanded, and no more"""
    aliases = site.dir / "aliases"
    aliases.write_text("list: bob, x@far.test\none: bob\n")
    site.hand(aliases)
    with FakeMx() as hop:
        send(site, hop, ["list@home.test"], rcpt=" NOTIFY=SUCCESS,FAILURE")
        report, = reports(site)
        equal(hop.messages[0].rcpt_params["x@far.test"].split()[0],
              "NOTIFY=FAILURE", "of the target")
    fields = report.recipient()
    equal((fields["Action"], fields["Final-Recipient"]),
          ("expanded", "rfc822; list@home.test"), "what")
    site.send(ALICE, ["one@home.test"], raw(TEXT), "", " NOTIFY=SUCCESS")
    report, = reports(site)
    equal(report.recipient()["Action"], "delivered", "an alias of one")


def test_notify_failure_only(site):
    """NOTIFY=SUCCESS alone: a failure makes no report"""
    with FakeMx({"rcpt": NO}) as hop:
        send(site, hop, rcpt=" NOTIFY=SUCCESS")
        reports(site, 0)


def test_parameters_pass(site):
    """ENVID, RET and ORCPT reach a next hop that offers DSN, and only it"""
    mail = " RET=HDRS ENVID=a+2Bb"
    rcpt = " NOTIFY=FAILURE,DELAY ORCPT=rfc822;first+2Blast@far.test"
    with FakeMx() as hop:
        send(site, hop, mail=mail, rcpt=rcpt)
        got = hop.wait()[0]
        for word in ("RET=HDRS", "ENVID=a+2Bb"):
            check(word in got.mail_params, got.mail_params)
        params = got.rcpt_params["x@far.test"]
        check("ORCPT=rfc822;first+2Blast@far.test" in params, params)
        check("FAILURE" in params and "DELAY" in params, params)
    with FakeMx(extensions=PLAIN) as hop:
        send(site, hop, mail=" RET=HDRS ENVID=abc", rcpt=rcpt)
        got = hop.wait()[0]
        check("RET" not in got.mail_params and "ENVID" not in
              got.mail_params, got.mail_params)
        equal(got.rcpt_params, {"x@far.test": ""}, "parameters")
    site.wait_empty()


def test_parameters_return(site):
    """ENVID and ORCPT come back in the report, decoded"""
    with FakeMx({"rcpt": NO}, extensions=PLAIN) as hop:
        send(site, hop, mail=" ENVID=QQ+2B314159",
             rcpt=" ORCPT=rfc822;Bob+2Bx@First.Example")
        report, = reports(site)
    equal(report.head["Original-Envelope-Id"], "QQ+314159", "envelope id")
    equal(report.recipient()["Original-Recipient"].replace(" ", ""),
          "rfc822;Bob+x@First.Example", "original recipient")


def test_ret(site):
    """RET: headers alone, or the whole message; what is large is cut"""
    large = TEXT + ("y" * 70 + "\r\n") * 20000
    for ret, text, kind, body in (
            ("HDRS", TEXT, "text/rfc822-headers", False),
            ("FULL", TEXT, "message/rfc822", True),
            ("FULL", large, "text/rfc822-headers", False)):
        with FakeMx({"rcpt": NO}) as hop:
            send(site, hop, mail=f" RET={ret}", text=text)
            report, = reports(site)
        equal(report.original.get_content_type(), kind, f"RET={ret}")
        equal(b"\r\nend of bounced\r\n" in report.wire, body, "the body")


def test_null_sender(site):
    """Nobody answers to a report: a null sender's goes to postmaster once"""
    with FakeMx({"rcpt": NO}) as hop:
        (site.dir / "aliases").write_text("postmaster: bob\nroot: bob\n")
        site.hand(site.dir / "aliases")
        site.change(f"route far.test smtp://127.0.0.1:{hop.port}\n"
                    "aliases %DIR/aliases")
        site.send("", ["x@far.test"], raw(TEXT))
        report, = reports(site, 1, "bob")
        check("x@far.test" in report.text, report.text)
        reports(site, 0)
        equal(len([c for c in hop.commands() if c.startswith("MAIL")]), 1,
              "transactions at the next hop")


def test_double_bounce(site):
    """A report that cannot be delivered goes to postmaster"""
    with FakeMx({"rcpt": NO}) as hop:
        (site.dir / "aliases").write_text("postmaster: bob\nroot: bob\n")
        site.hand(site.dir / "aliases")
        site.change(f"route far.test smtp://127.0.0.1:{hop.port}\n"
                    "aliases %DIR/aliases")
        site.send("away@far.test", ["x@far.test"], raw(TEXT))
        report, = reports(site, 1, "bob")
        check("away@far.test" in report.text, report.text)
        tries = [c for c in hop.commands() if c.startswith("MAIL FROM:<>")]
        equal(len(tries), 1, "tries of the report")


def test_refused_in_the_session(site):
    """An unknown user of ours is refused at once, and nobody gets a report"""
    with site.talk() as talker:
        talker.hello()
        talker.expect("250 ", "MAIL FROM:<forged@far.test>")
        talker.expect("550 5.1.1", "RCPT TO:<nosuch@home.test>")
    equal(site.queued(), 0, "messages in the queue")


def test_bounce_by_hand(site):
    """smtpd --bounce gives up now, with the last reply in the report"""
    with FakeMx({"rcpt": "451 4.2.2 Full for today"}) as hop:
        send(site, hop)
        found = site.waits_with("Full for today")
        site.flush("--bounce", found[0]["id"])
        site.flush("-q")
        report, = reports(site)
        check("Full for today" in report.wire.decode("latin-1"), report.text)


if __name__ == "__main__":
    tap.run_each(globals(), lambda: Site(2, "mx.home.test", "home.test",
                                         tls=False))
    tap.finish()
