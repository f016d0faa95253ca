# SPDX-License-Identifier: ISC
"""Reports of DMARC that are sent, from a stranger's mail to the report.

Guards against reports that nobody asked for, or about reports; against counts
that are not those of the mail; and against notes that are not ours.
"""
import datetime
import email
import gzip
import json
import os
import subprocess
import xml.etree.ElementTree as ET

from lib.tap import Tap, check, equal
from t_verify import CLIENT, TEXT, Server

tap = Tap()
NAMESPACE = "{urn:ietf:params:xml:ns:dmarc-2.0}"
SPF = f"v=spf1 ip4:{CLIENT} -all"
RECORDS = {
    "good.example": {"TXT": [SPF]},
    "_dmarc.good.example": {"TXT": [
        "v=DMARC1; p=reject; sp=quarantine; aspf=s; "
        "rua=https://good.example/, mailto:bob@example.org!10m"]},
    "good.example._report._dmarc.example.org": {"TXT": ["v=DMARC1"]},
    "shy.example": {"TXT": [SPF]},
    "_dmarc.shy.example": {"TXT": [
        "v=DMARC1; p=none; rua=mailto:bob@example.org"]},
    "mute.example": {"TXT": [SPF]},
    "_dmarc.mute.example": {"TXT": ["v=DMARC1; p=none"]},
    "_dmarc.example.org": {"TXT": [
        "v=DMARC1; p=none; rua=mailto:bob@example.org"]},
    "own.example": {"TXT": [SPF]},
    "_dmarc.own.example": {"TXT": [
        "v=DMARC1; p=none; rua=mailto:x@mail.own.example,"
        "mailto:y@mail.own.example,mailto:z@mail.own.example"]},
    "mail.own.example": "failed",
    "_dmarc.mail.own.example": {"TXT": ["v=DMARC1; p=none"]},
    "_dmarc.sub.mail.own.example": {"TXT": [
        "v=DMARC1; p=none; rua=mailto:above@mail.own.example"]},
    "_dmarc.one.suffix.example": {"TXT": [
        "v=DMARC1; p=none; rua=mailto:suffix@suffix.example"]},
    "suffix.example": "failed",
    "_dmarc.psd.example": {"TXT": ["v=DMARC1; p=none; psd=y"]},
    "_dmarc.one.psd.example": {"TXT": [
        "v=DMARC1; p=none; rua=mailto:psd@psd.example"]},
    "psd.example": "failed",
    **{f"_dmarc.silent{i}.example": "silent" for i in range(40)},
    "_dmarc.waits.example": {"TXT": [
        "v=DMARC1; p=none; rua=mailto:bob@example.org,mailto:a@hush.example"]},
    "waits.example._report._dmarc.example.org": {"TXT": ["v=DMARC1"]},
    "waits.example._report._dmarc.hush.example": "silent",
}


def notes(server, days=0):
    """The file of a day."""
    day = datetime.datetime.now(datetime.timezone.utc) \
        - datetime.timedelta(days)
    return server.dir / "state" / "reports" / f"dmarc.{day:%Y%m%d}"


def yesterday(server, text=None):
    """Makes today's notes, or these, yesterday's."""
    old = notes(server, 1)
    if text is None:
        notes(server).rename(old)
    else:
        old.write_text(text)
    server.hand_over(old)
    return old


def sent(server):
    """The reports in bob's mailbox, which is emptied: (mail, XML)."""
    box = server.mailbox("bob")
    text = box.read_bytes() if box.exists() else b""
    if box.exists():
        box.write_bytes(b"")
    found = []
    for part in text.split(b"\nFrom ") if text else []:
        mail = email.message_from_bytes(part.split(b"\n", 1)[1])
        if mail.get_content_type() != "multipart/mixed":
            continue
        packed = mail.get_payload()[1].get_payload(decode=True)
        found.append((mail, ET.fromstring(gzip.decompress(packed))))
    return found


def value(root, path):
    """The text of an element."""
    return root.findtext("/".join(NAMESPACE + p for p in path.split("/")))


class Reporting(Server):
    """With reports on."""

    def hand_over(self, path):
        """The user of the programs owns that file."""
        if self.user:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)
        path.chmod(0o600)

    def queue_run(self):
        """smtpd -q"""
        done = self.call("smtpd", "-q")
        equal(done.returncode, 0, done.stderr)
        return done.stderr


def test_report(server):
    """A day's mail becomes one report, to who asks for it"""
    for _ in range(3):
        check(server.write().startswith("250 "))
    check(server.write(client="198.51.100.8").startswith("550 5.7.26 "))
    check(server.write("a@sub.good.example").startswith("250 "))
    check(server.write("a@shy.example", sender="a@shy.example")
          .startswith("250 "))
    check(server.write("a@mute.example", sender="a@mute.example")
          .startswith("250 "))
    check(server.write("a@example.org").startswith("250 "))
    server.mailbox("bob").write_bytes(b"")
    yesterday(server)
    server.queue_run()
    check(not notes(server, 1).exists(), "the notes are still there")
    reports = sent(server)
    equal(len(reports), 1, "reports")
    mail, root = reports[0]
    equal(mail["To"], "bob@example.org")
    equal(mail["From"], "noreply-dmarc@example.org")
    check(mail["Subject"].replace("\n", "").startswith(
        "Report Domain: good.example Submitter: mail.example.org Report-ID: "
        "<"), mail["Subject"])
    part = mail.get_payload()[1]
    equal(part.get_content_type(), "application/gzip")
    name = part.get_filename().split("!")
    equal(name[:2], ["mail.example.org", "good.example"])
    check(name[4].endswith(".xml.gz"), str(name))
    equal(int(name[3]) - int(name[2]), 86399)
    equal(value(root, "report_metadata/date_range/begin"), name[2])
    equal(value(root, "report_metadata/org_name"), "mail.example.org")
    for key, text in (("domain", "good.example"), ("p", "reject"),
                      ("sp", "quarantine"), ("adkim", "r"), ("aspf", "s"),
                      ("testing", "n"), ("discovery_method", "treewalk")):
        equal(value(root, f"policy_published/{key}"), text, key)
    rows = {}
    for record in root.iter(NAMESPACE + "record"):
        row = [value(record, p) for p in (
            "row/source_ip", "identifiers/header_from",
            "row/policy_evaluated/disposition", "row/policy_evaluated/spf",
            "row/policy_evaluated/dkim", "auth_results/spf/domain",
            "auth_results/spf/scope", "auth_results/spf/result")]
        rows[tuple(row)] = int(value(record, "row/count"))
    equal(rows, {
        (CLIENT, "good.example", "none", "pass", "fail", "good.example",
         "mfrom", "pass"): 3,
        ("198.51.100.8", "good.example", "reject", "fail", "fail",
         "good.example", "mfrom", "fail"): 1,
        (CLIENT, "sub.good.example", "quarantine", "fail", "fail",
         "good.example", "mfrom", "pass"): 1})


def test_read_again(server):
    """What we send, we can read"""
    check(server.write().startswith("250 "))
    yesterday(server)
    server.mailbox("bob").write_bytes(b"")
    server.queue_run()
    done = server.call("smtpd", "--reports", "--json",
                       str(server.mailbox("bob")))
    equal(done.returncode, 0, done.stderr)
    told = json.loads(done.stdout)
    equal([(d["domain"], d["passed"], d["failed"]) for d in told["domains"]],
          [("good.example", 1, 0)])
    subprocess.run(["gzip", "-t"], check=True, input=sent(
        server)[0][0].get_payload()[1].get_payload(decode=True))


def test_once(server):
    """Notes of a day are sent once, and those of today not yet"""
    check(server.write().startswith("250 "))
    server.mailbox("bob").write_bytes(b"")
    server.queue_run()
    equal(sent(server), [], "today's")
    check(notes(server).exists(), "today's notes are gone")
    yesterday(server)
    server.queue_run()
    server.queue_run()
    equal(len(sent(server)), 1)


def test_no_loop(server):
    """Mail that is a report is in none"""
    data = TEXT.format(author="a@good.example", more="").replace(
        "Subject: hello", "Subject: Report\r\n domain: x.example").encode()
    check(server.bring(data).startswith("250 "))
    data = data.replace(b"Report\r\n domain", b"report DOMAIN")
    check(server.bring(data).startswith("250 "))
    check(not notes(server).exists() or not notes(server).read_text(),
          "it was noted")


def test_two_receivers(server):
    """Each of two receivers gets one, and a third one none"""
    check(server.write("a@own.example", sender="a@own.example")
          .startswith("250 "))
    yesterday(server)
    server.queue_run()
    listed = [json.loads(line) for line in server.call(
        "smtpd", "-bp", "-j").stdout.splitlines()]
    equal(sorted(r["address"] for m in listed for r in m["recipients"]),
          ["x@mail.own.example", "y@mail.own.example"])
    equal({m["sender"] for m in listed}, {"noreply-dmarc@example.org"})
    server.call("smtpd", "--remove", "all")


def test_above(server):
    """A domain above gets reports if it is of the same organization"""
    domains = ("sub.mail.own.example", "one.suffix.example", "one.psd.example")
    yesterday(server, "".join(
        f"{domain} {domain} {CLIENT} none - fail pass mfrom {domain} pass\n"
        for domain in domains))
    server.queue_run()
    listed = [json.loads(line) for line in server.call(
        "smtpd", "-bp", "-j").stdout.splitlines()]
    found = [r["address"] for m in listed for r in m["recipients"]]
    server.call("smtpd", "--remove", "all")
    equal(found, ["above@mail.own.example"])


def test_silent(server):
    """Silent name servers, however many, cost the reports to others nothing"""
    line = f"{{0}} {{0}} {CLIENT} none - fail pass mfrom {{0}} pass\n"
    domains = [f"silent{i}.example" for i in range(40)]
    server.mailbox("bob").write_bytes(b"")
    yesterday(server, "".join(line.format(d) for d in [
        *domains * 2, "good.example", "waits.example"]))
    said = server.queue_run()
    equal(sorted(value(root, "policy_published/domain")
                 for _, root in sent(server)),
          ["good.example", "waits.example"])
    equal(said.count("on 40 domains are not sent"), 1, said)
    check("of silent" in said, said)
    check(not notes(server, 1).exists(), "the notes are still there")


def test_hostile_notes(server):
    """Lines that nobody here has written are passed over"""
    good = f"good.example good.example {CLIENT} none - fail pass mfrom " \
        "good.example pass\n"
    lines = ["", " ", "x", good[:-1] + " ", good[:20], "a" * 5000,
             good.replace("pass mfrom", "maybe mfrom"),
             good.replace("mfrom", "from"), good.replace(" - ", "  "),
             good.replace(CLIENT, "<x>&"), good.replace(CLIENT, "\x1b"),
             good[:-1] + " d s\n", good[:-1] + " d s r" * 5]
    server.mailbox("bob").write_bytes(b"")
    yesterday(server, "".join(line.rstrip("\n") + "\n" for line in lines)
              + good * 2 + good[:-1])
    server.queue_run()
    (_, root), = sent(server)
    equal([value(r, "row/count") for r in root.iter(NAMESPACE + "record")],
          ["2"], "the last line is cut")


def test_many(server):
    """Notes of a busy day are one report; those of a flood are left out"""
    line = "good.example good.example 2001:db8::{:x} none - fail pass mfrom " \
        "good.example pass\n"
    server.mailbox("bob").write_bytes(b"")
    yesterday(server, "".join(line.format(i) for i in range(2000)) * 2)
    server.queue_run()
    (_, root), = sent(server)
    equal({value(r, "row/count") for r in root.iter(NAMESPACE + "record")},
          {"2"})
    equal(len(list(root.iter(NAMESPACE + "record"))), 2000)
    yesterday(server, "".join(line.format(i) for i in range(30000)))
    check("left others out" in server.queue_run(), "it is not said")
    equal(sent(server), [])


def test_old(server):
    """Notes that are older than reports may be go, and say nothing"""
    old = notes(server, 10)
    old.write_text("x\n")
    other = old.with_name("dmarc.other")
    other.write_text("x\n")
    server.hand_over(old)
    server.hand_over(other)
    server.queue_run()
    check(not old.exists(), "it is still there")
    check(other.exists(), "what is no file of notes is gone")


def test_off():
    """By default nothing is noted, and nothing sent"""
    with Server(RECORDS) as server:
        check(server.write().startswith("250 "))
        check(not (server.dir / "state" / "reports").exists(), "notes")


if __name__ == "__main__":
    with Reporting(RECORDS, "reports on\n") as fixture:
        tap.run(globals(), fixture)
    tap.finish()
