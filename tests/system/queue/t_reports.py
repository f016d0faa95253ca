# SPDX-License-Identifier: ISC
"""Reports as a mail program sees them: parsed by Python's email package.

Kinds, NOTIFY, RET and sizes; replies that try to be something else; and that
a report is in the queue once, and never on the way in a circle.
"""
import itertools
import os
import time
from datetime import timezone
from email.utils import parsedate_to_datetime

from lib import queuefile
from lib.queuefile import make, recipient
from lib.reports import (ACTIONS, BODY, DELAYED, DELIVERED, EXPANDED, FAILED,
                         HOST, RELAYED, Reports)
from lib.tap import Skip, Tap, check, equal

tap = Tap()


def test_form(reports):
    """A report has the header and the parts that it must have"""
    before = time.time()
    r = reports.one([(0, FAILED, "5.1.1", "mx.example.net[192.0.2.1]:25",
                      "550 5.1.1 no such user")], envid="abc+2B1",
                    arrival=1795338307, people=[recipient(
                        "bob@example.net", orcpt="rfc822;Bob+2Bx@example.net",
                        last=1795338400)])
    equal(r.queued.place, "active")
    equal(r.queued.fields["sender"], "")
    equal([(p["kind"], p["text"]) for p in r.queued.recipients],
          [("a", "alice@example.org")])
    check("body" not in r.queued.fields, "it is marked as 8bit")
    equal(r.mail.get_content_type(), "multipart/report")
    equal(r.mail.get_param("report-type"), "delivery-status")
    equal(r.mail["From"], f"Mail Delivery System <MAILER-DAEMON@{HOST}>")
    equal(r.mail["To"], "alice@example.org")
    equal(r.mail["Subject"], "Mail not delivered: bob@example.net")
    equal(r.mail["Auto-Submitted"], "auto-replied")
    equal(r.mail["In-Reply-To"], "<1@example.org>")
    equal(r.mail["References"], "<1@example.org>")
    equal(r.mail["Message-ID"], f"<{r.queued.id}@{HOST}>")
    date = parsedate_to_datetime(str(r.mail["Date"]))
    check(abs(date.timestamp() - before) < 600, f"{date}")
    equal(r.text.get_content_type(), "text/plain")
    equal(r.text.get_content_charset(), "utf-8")
    equal(r.status.get_content_type(), "message/delivery-status")
    equal(r.message["Reporting-MTA"], f"dns; {HOST}")
    equal(r.message["Original-Envelope-Id"], "abc+1")
    equal(parsedate_to_datetime(r.message["Arrival-Date"]).astimezone(
        timezone.utc).timestamp(), 1795338307)
    bob, = r.people
    equal(list(bob.items())[:-1], [
        ("Original-Recipient", "rfc822; Bob+x@example.net"),
        ("Final-Recipient", "rfc822; bob@example.net"),
        ("Action", "failed"), ("Status", "5.1.1"),
        ("Remote-MTA", "dns; mx.example.net"),
        ("Diagnostic-Code", "smtp; 550 5.1.1 no such user")])
    equal(parsedate_to_datetime(bob["Last-Attempt-Date"]).timestamp(),
          1795338400)
    equal(r.returned.get_content_type(), "message/rfc822")
    check(b"\r\n\r\n" + BODY + b"\r\n--" in r.raw, "octet for octet")


def test_words(reports):
    """What we say is not put into the mouth of the server"""
    host = "mx.example.net[192.0.2.1]:25"
    for code, reply, text, said in (
            ("5.7.30", f"host {host} does not offer REQUIRETLS",
             "(REQUIRETLS)", False),
            ("5.3.3", f"host {host} does not support DELIVERBY",
             "rather than to deliver it late", False),
            ("5.4.7", "delivery time expired; last reply: 450 4.2.1 Busy",
             "It was tried", False),
            ("5.7.1", "550 5.7.1 No", "by its own rules", True)):
        r = reports.one([(0, FAILED, code, host, reply)])
        check(text in r.words, r.words)
        equal(f"The server {host} said:" in r.words, said, r.words)
        check(reply in r.words, r.words)


def test_diagnostic(reports):
    """Diagnostic-Code is what the server said, and nothing else"""
    host = "mx.example.net[192.0.2.1]:25"
    for reply, said in (
            ("550 5.1.1 No such user (in reply to RCPT TO)",
             "smtp; 550 5.1.1 No such user"),
            ("550 5.1.1 Said there (in reply to X) (in reply to end of DATA)",
             "smtp; 550 5.1.1 Said there (in reply to X)"),
            ("550 5.1.1 No (really)", "smtp; 550 5.1.1 No (really)"),
            (f"host {host} does not offer REQUIRETLS",
             f"x-restante; host {host} does not offer REQUIRETLS")):
        r = reports.one([(0, FAILED, "5.1.1", host, reply)])
        equal(" ".join(r.people[0]["Diagnostic-Code"].split()), said)


def test_matrix(reports):
    """Each kind with each RET and size sends back what it should"""
    sizes = {"small": 40, "medium": 60000, "large": 1100000}
    header = b"Subject: x\r\n\r\n"
    for kind, ret, size in itertools.product(
            range(5), ("", "full", "hdrs"), sizes):
        name = f"{ACTIONS[kind]}, RET={ret or 'unsaid'}, {size}"
        with tap.case(name):
            body = header + (b"y" * 70 + b"\r\n") * (sizes[size] // 72 + 1)
            fields = {"ret": ret} if ret else {}
            r = reports.one([(0, kind, "", "local", "")], body=body, people=[
                recipient("b@x", notify="success,failure,delay")], **fields)
            equal(r.people[0]["Action"], ACTIONS[kind])
            check(r.people[0]["Diagnostic-Code"] is None, "no reply")
            check(r.people[0]["Remote-MTA"] is None, "no server")
            equal(bool(r.people[0]["Will-Retry-Until"]), kind == DELAYED)
            whole = kind == FAILED and ret != "hdrs" and (
                size == "small" or size == "medium" and ret == "full")
            equal(r.returned.get_content_type(),
                  "message/rfc822" if whole else "text/rfc822-headers")
            equal(body in r.raw, whole, "the whole of it")
            check(b"Subject: x\r\n" in r.raw, "its header")
            check(("too many to send it back" in r.words) == (
                kind == FAILED and ret != "hdrs" and not whole), r.words)


def test_notify(reports):
    """NOTIFY is obeyed, and a null sender hears nothing"""
    wanted = {"": {FAILED, DELAYED}, "never": set(),
              "success": {DELIVERED, RELAYED, EXPANDED},
              "failure": {FAILED}, "delay": {DELAYED},
              "success,failure,delay": set(range(5))}
    for (notify, kinds), kind in itertools.product(wanted.items(), range(5)):
        reports.clear()
        fields = {"notify": notify} if notify else {}
        id = make(reports.queue, recipients=[recipient("b@x", **fields)])
        equal(reports.run(id, (0, kind, "", "", "")),
              "reported" if kind in kinds else "not wanted",
              f"{notify or 'unsaid'}, {ACTIONS[kind]}")
        reports.clear()
        id = make(reports.queue, sender="",
                  recipients=[recipient("b@x", **fields)])
        equal(reports.run(id, (0, kind, "", "", "")),
              "reported" if kind == FAILED and notify != "never"
              else "not wanted", f"<>, {notify}, {ACTIONS[kind]}")
    reports.clear()


def test_hostile(reports):
    """Replies forge no field, whatever they hold"""
    replies = {
        "line ends": b"550 no\r\nStatus: 2.0.0\r\n\r\nAction: delivered",
        "control characters": bytes(range(1, 32)) + b"\x7f end",
        "8 bit": b"550 \xff\xfe\xc3\x28 caf\xc3\xa9 \xe2\x80\xae end",
        "900 characters": b"550 " + b"x" * 896,
        "900 octets that are none": b"550 " + b"\xff" * 896,
        "900 words": b"550 " + b"y " * 448,
        "a boundary": b"550 --\r\n--\r\n--x--",
        "encoded words": b"550 =?utf-8?q?evil?=",
        "nothing": b""}
    for name, reply in replies.items():
        with tap.case(f"hostile: {name}"):
            r = reports.one([(0, FAILED, "5.7.1", b"mx\r\nX: y[1]:25", reply)])
            person, = r.people
            equal((person["Action"], person["Status"]), ("failed", "5.7.1"))
            equal(sorted(person), sorted(
                ["Final-Recipient", "Action", "Status", "Remote-MTA"]
                + ["Diagnostic-Code"] * bool(reply)), "its fields")
            said = person["Diagnostic-Code"] or ""
            check(said.isascii() and said.isprintable(), ascii(said))
            text = r.text.get_content().replace("\r\n", "\n")
            check(text.replace("\n", "").isprintable(), ascii(text))
            if name == "8 bit":
                check("caf\u00e9" in text and "\ufffd" in text, text)
                equal(r.queued.fields["body"], "8bit")
            if name == "900 words":
                equal(said, "smtp; 550 " + ("y " * 448).strip())


def test_several(reports):
    """One report on several recipients has a part for each"""
    people = [f"user{i}@example.net" for i in range(4)]
    r = reports.one([(3, FAILED, "5.1.1", "", "550 three"),
                     (0, FAILED, "5.2.2", "", "552 zero"),
                     (1, DELAYED, "4.4.1", "", "refused")], people=people)
    equal(r.mail["Subject"],
          "Mail not delivered: user3@example.net, and others")
    equal([(p["Final-Recipient"], p["Action"]) for p in r.people],
          [("rfc822; user3@example.net", "failed"),
           ("rfc822; user0@example.net", "failed"),
           ("rfc822; user1@example.net", "delayed")])
    check("user2" not in r.raw.decode(), "the others are nobody's business")
    check("these addresses" in r.words and "mailbox is full" in r.words,
          r.words)


def test_utf8(reports):
    """A message with SMTPUTF8 gets a report of RFC 6533"""
    address = "b\u00fcro@example.net"
    r = reports.one([(0, FAILED, "5.1.1", "", "550 5.1.1 n\u00f6")],
                    people=[address], utf8="yes")
    equal(r.queued.fields.get("utf8"), "yes", "it needs SMTPUTF8 itself")
    equal(r.status.get_content_type(), "message/global-delivery-status")
    check(f"Final-Recipient: utf-8; {address}\r\n".encode() in r.raw, "final")
    equal(r.returned.get_content_type(), "message/global")


def test_once(reports):
    """The same report is not queued twice, and another one is"""
    reports.clear()
    id = make(reports.queue, recipients=["a@x", "b@x"])
    for _ in range(2):
        equal(reports.run(id, (0, FAILED, "5.1.1", "", "")), "reported")
    equal(len(queuefile.ids(reports.queue)), 2, "files")
    reports.run(id, (1, FAILED, "5.1.1", "", ""))
    reports.run(id, (0, DELAYED, "4.1.1", "", ""))
    reports.run(id, (0, FAILED, "5.1.1", "", ""), (1, FAILED, "", "", ""))
    equal(len(queuefile.ids(reports.queue)), 5, "files")
    other = make(reports.queue, recipients=["a@x", "b@x"])
    reports.run(other, (0, FAILED, "5.1.1", "", ""))
    equal(len(queuefile.ids(reports.queue)), 7, "files")
    reports.clear()


def test_double(reports):
    """A failed report goes to postmaster, and his own is kept on hold"""
    r = reports.one([(0, FAILED, "5.1.1", "", "550 5.1.1 gone")], sender="",
                    people=["alice@example.org"],
                    body=BODY + b"z" * 900 + b"\r\n" + BODY * 1000)
    equal(r.queued.recipients[0]["text"], f"postmaster@{HOST}")
    equal(r.queued.fields["sender"], "")
    equal(r.mail["Subject"], "Undeliverable report: alice@example.org")
    check("no sender" in r.words, r.words)
    equal(r.returned.get_content_type(), "message/rfc822")
    said = reports.run(r.queued.id, (0, FAILED, "5.2.2", "", "full"))
    equal(said, os.strerror(31), "EMLINK")
    kept = queuefile.find(reports.queue, r.queued.id)
    equal((kept.place, kept.states()), ("hold", ["waiting"]))
    for given in (f"PostMaster@{HOST.upper()}",):
        reports.clear()
        id = make(reports.queue, sender="", recipients=[
            recipient("root@example.com", given=given)])
        equal(reports.run(id, (0, FAILED, "", "", "")), os.strerror(31))
        equal(queuefile.find(reports.queue, id).place, "hold")
    reports.clear()


def test_headers(reports):
    """Odd header sections do not spoil a report"""
    for name, body, refers in (
            ("none", b"", None), ("no end", b"Subject: x", None),
            ("empty", b"\r\nMessage-ID: <2@x>\r\n", None),
            ("folded", b"Message-ID:\r\n <3@x>\r\n\r\n", "<3@x>"),
            ("rubbish", b"Message-ID: <a b@x>\r\n\r\n", None),
            ("8 bit", b"Message-ID: <\xfc@x>\r\n\r\n", None),
            ("long", b"Message-ID: <" + b"x" * 900 + b">\r\n\r\n", None),
            ("late", b"X: y\r\nmessage-id:<4@x>\r\n\r\n", "<4@x>"),
            ("two", b"Message-ID: <5@x><6@x>\r\n\r\n", "<5@x>")):
        with tap.case(f"a header section: {name}"):
            r = reports.one([(0, FAILED, "", "", "")], body=body)
            equal(r.mail["In-Reply-To"], refers)


if __name__ == "__main__":
    try:
        the_reports = Reports()
    except Skip as reason:
        tap.skip("reports", str(reason))
    else:
        with the_reports.scratch:
            tap.run(globals(), the_reports)
    tap.finish()
