# SPDX-License-Identifier: ISC
"""smtpd --reports: aggregate reports of DMARC are read and summed up.

Guards against reports that are not counted, or twice; against a table from
which nobody learns what to do; and against files that are no reports at all,
or made to stop whoever reads them: bombs of zip, gzip and XML, sizes that lie,
a million records.
"""
import base64
import gzip
import io
import json
import os
import random
import re
import struct
import subprocess
import sys
import zipfile
import zlib

from lib import proc
from lib.scratch import Scratch
from lib.spfsuite import ZoneDns, records_of
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
DOMAIN = "example.org"


def record(source="192.0.2.1", count=1, dkim="pass", spf="pass", done="none",
           signer=DOMAIN, sender=DOMAIN, results=("pass", "pass"), reason="",
           author=DOMAIN):
    """One record."""
    return (f"<record><row><source_ip>{source}</source_ip><count>{count}"
            f"</count><policy_evaluated><disposition>{done}</disposition>"
            f"<dkim>{dkim}</dkim><spf>{spf}</spf>"
            + (f"<reason><type>{reason}</type></reason>" if reason else "")
            + "</policy_evaluated></row><identifiers><header_from>"
            f"{author}</header_from></identifiers><auth_results>"
            f"<dkim><domain>{signer}</domain><selector>s</selector>"
            f"<result>{results[0]}</result></dkim><spf><domain>{sender}"
            f"</domain><result>{results[1]}</result></spf></auth_results>"
            "</record>")


def report(*records, org="receiver.example", ident="1", domain=DOMAIN,
           policy="none", days=1, top='<?xml version="1.0"?>', space=""):
    """A whole report."""
    return (f"{top}<feedback{space}><version>1.0</version><report_metadata>"
            f"<org_name>{org}</org_name><email>postmaster@{org}</email>"
            f"<report_id>{ident}</report_id><date_range><begin>1790000000"
            f"</begin><end>{1790000000 + days * 86400}</end></date_range>"
            f"</report_metadata><policy_published><domain>{domain}</domain>"
            f"<adkim>r</adkim><p>{policy}</p></policy_published>"
            + "".join(records or [record()]) + "</feedback>").encode()


def zipped(data, name="report.xml", method=zipfile.ZIP_DEFLATED, more=()):
    """A zip with it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for other in more:
            z.writestr(*other)
        z.writestr(name, data)
    return out.getvalue()


def half_encrypted(data):
    """A zip whose first file is said to be encrypted."""
    out = bytearray(zipped(data, more=(("secret", "x"),)))
    for mark, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        out[out.index(mark) + at] |= 1
    return bytes(out)


def message(data, kind="application/gzip", results="", encoding="base64",
            subject=f"Report Domain: {DOMAIN} Submitter: receiver.example"):
    """A mail with that attachment, as mailboxes have it."""
    body = base64.encodebytes(data).decode() if encoding == "base64" \
        else data.decode()
    return (f"{results}From: noreply@receiver.example\nSubject: {subject}\n"
            "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n"
            "--x\nContent-Type: text/plain\n\nThis is a report.\n--x\n"
            f"Content-Type: {kind}; name=r\nContent-Transfer-Encoding: "
            f"{encoding}\n\n{body}\n--x--\n").encode()


def mailbox(*messages):
    """An mbox."""
    return b"".join(b"From receiver@receiver.example Thu Jan  1 00:00:00 1970"
                    b"\n" + m + b"\n" for m in messages)


class Reports(Scratch):
    """Files with reports."""

    def read(self, *files, status=0, more=()):
        """The sum of files with these octets, as JSON has it."""
        names = []
        for number, data in enumerate(files):
            path = self.dir / f"file{number}"
            path.write_bytes(data)
            path.chmod(0o644)
            names.append(str(path))
        done = self.call("smtpd", "--reports", "--json", *more, *names)
        equal(done.returncode, status, done.stderr + done.stdout)
        self.said = done.stderr
        return json.loads(done.stdout)

    def text(self, *files):
        """The table."""
        self.read(*files)
        names = [str(self.dir / f"file{n}") for n in range(len(files))]
        return self.call("smtpd", "--reports", *names).stdout


def counts(told):
    """{source: messages}"""
    found = {}
    for row in told["sources"]:
        found[row["source"]] = found.get(row["source"], 0) + row["count"]
    return found


def cases_forms(server):
    """A report is found in every form"""
    xml = report(record(count=3))
    rows = (
        ("plain", xml),
        ("with a byte order mark", b"\xef\xbb\xbf" + xml),
        ("after an empty line", b"\n\n" + xml),
        ("gzip", gzip.compress(xml)),
        ("gzip, not compressed", gzip.compress(xml, 0)),
        ("gzip of two members", gzip.compress(xml[:99])
         + gzip.compress(xml[99:])),
        ("gzip, padded", gzip.compress(xml) + b"\0" * 100),
        ("zip", zipped(xml)),
        ("zip, stored", zipped(xml, method=zipfile.ZIP_STORED)),
        ("zip with a folder", zipped(xml, more=(("folder/", ""),))),
        ("zip with things of its system, and a note", zipped(xml, more=(
            ("__MACOSX/._report.xml", b"\0\5\x16\7"), ("note", "hello")))),
        ("zip, the tenth file", zipped(xml, more=tuple(
            (f"{n}.txt", "hello") for n in range(9)))),
        ("a message", message(gzip.compress(xml))),
        ("a message with a zip", message(zipped(xml), "application/zip")),
        ("a message with another type",
         message(zipped(xml), "application/octet-stream")),
        *((f"a message with {kind}", message(gzip.compress(xml), kind))
          for kind in ("application/x-gunzip", "application/x-compressed",
                       "application/tlsrpt", "binary/octet-stream")),
        ("a message with XML", message(xml, "text/xml", encoding="8bit")),
        ("a message that is only the report",
         b"Subject: Report domain: example.org\nContent-Type: application/gzip"
         b"\nContent-Transfer-Encoding: base64\n\n"
         + base64.encodebytes(gzip.compress(xml))),
        ("a mailbox", mailbox(
            b"Subject: hello\n\nFrom here on\n\nno report\n",
            message(gzip.compress(xml)),
            message(zipped(b"an invoice"), "application/zip", subject="x"))),
        ("a mailbox with CR LF", mailbox(
            message(gzip.compress(xml))).replace(b"\n", b"\r\n")),
        ("a namespace", report(record(count=3), space=' xmlns="urn:ietf:params'
                               ':xml:ns:dmarc-2.0" a=\'>\'')),
        ("a prefix", re.sub(rb"<(/?)(\w)", rb"<\1d:\2", xml)),
        ("comments, CDATA and references", xml.replace(
            b"<count>3", b"<!-- <count>9 --><count>&#x33;<!-- 4 -->")
         .replace(b">192.0.2.1<", b"><![CDATA[192.0.2.1]]><")),
        ("blanks", xml.replace(b">", b">\r\n\t ").replace(b"</", b" \n</")),
    )
    for title, data in rows:
        with tap.case(f"{title}: it is found"):
            told = server.read(data)
            equal(counts(told), {"192.0.2.1": 3}, str(told))
            equal(told["domains"][0]["passed"], 3)
            equal(told["domains"][0]["reporters"], ["receiver.example"])


def test_input(server):
    """Standard input is read, too"""
    done = server.call("smtpd", "--reports", "--json", "-",
                       stdin=report().decode())
    equal(json.loads(done.stdout)["reports"], 1, done.stderr)


def test_sum(server):
    """Reports are summed up, each once, by domain and source"""
    one = report(record(count=3), record("2001:db8::1", 2, "fail", "fail"))
    told = server.read(
        one, gzip.compress(one), report(record(count=4), ident="2"),
        report(record(count=5), org="other.example", days=9),
        report(record(count=6), domain="example.net", ident="3"))
    equal(told["reports"], 4)
    equal(told["duplicates"], 1)
    equal(counts(told), {"192.0.2.1": 18, "2001:db8::1": 2})
    by_name = {d["domain"]: d for d in told["domains"]}
    equal(by_name[DOMAIN]["passed"], 12)
    equal(by_name[DOMAIN]["failed"], 2)
    equal(by_name[DOMAIN]["end"] - by_name[DOMAIN]["begin"], 9 * 86400)
    equal(by_name[DOMAIN]["reporters"], ["receiver.example", "other.example"])
    equal(by_name["example.net"]["passed"], 6)
    equal(len(told["sources"]), 3)


def test_half(server):
    """What can be read of an archive counts, and the rest is said"""
    told = server.read(half_encrypted(report()), zipped(
        report(ident="2"), more=(("r", report(ident="3")[:-9]),)), status=65)
    equal(told["reports"], 2)
    check(re.search("not known here\n.*a tag is broken", server.said),
          server.said)


def test_numbered(server):
    """Reports with the same number are others if their domain or time is"""
    later = report(record(count=5)).replace(b"1790000000", b"1790000001")
    told = server.read(report(record(count=3)), later,
                       report(record(count=4), domain="example.net"))
    equal((told["reports"], told["duplicates"]), (3, 0))
    equal(counts(told), {"192.0.2.1": 12})
    told = server.read(tls_report(), tls_report().replace(
        DOMAIN.encode(), b"example.net"))
    equal((told["reports"], told["duplicates"]), (2, 0))


def cases_advice(server):
    """The table says what each source is, and what to do"""
    rows = (
        ("all passes", record(), "after two weeks"),
        ("forwarded", record(spf="fail", sender="list.example"),
         "the signature vouches for it"),
        ("not signed", record(dkim="fail", results=("none", "pass")),
         "not signed, so that it fails when"),
        ("a list", record(dkim="fail", spf="fail", reason="mailing_list"),
         "a mailing list or a forwarder: nothing to do"),
        ("a service that signs", record(dkim="fail", spf="fail",
                                        signer="bulk.example"),
         "signed by bulk.example alone"),
        ("a service that does not", record(
            dkim="fail", spf="fail", results=("fail", "pass"),
            sender="bulk.example"), "sent by bulk.example: if"),
        ("a forger", record(dkim="fail", spf="fail", done="reject",
                            results=("none", "fail")),
         "nobody vouches for it: forged"),
    )
    for title, row, words in rows:
        with tap.case(f"{title}: it is said"):
            text = server.text(report(row))
            check(words in text, text)
            check("192.0.2.1" in text, text)
    text = server.text(report(policy="none", days=20))
    check("All of it passes: publish p=reject" in text, text)
    text = server.text(report(policy="reject", days=20))
    check("publish" not in text, text)


def test_here(server):
    """What this machine sends is known by the address that the DNS has"""
    with ZoneDns(records_of({"mail.example.org": {
            "A": [bytes([9, 9, 9, 9])]}})) as dns:
        server.configure(f"resolver {dns.address}\n")
        text = server.text(report(record("9.9.9.9", dkim="fail", spf="fail"),
                                  record("9.9.9.8", dkim="fail", spf="fail")))
    server.configure()
    equal(text.count("this machine: its signature is missing"), 1, text)


def test_domains(server):
    """More domains than there is room for are said"""
    told = server.read(*(report(domain=f"d{n}.example", ident=str(n))
                         for n in range(70)), status=65)
    equal(len(told["domains"]), 64)
    equal(server.said.count("too many domains"), 6, server.said)


def test_vouched(server):
    """A message counts if it has passed itself, or nobody has looked at it"""
    def results(word, name="mx.example.org"):
        return f"Authentication-Results: {name}; dmarc={word}\n"
    server.configure("hostname mx.example.org\n")
    good = message(gzip.compress(report(ident="1")), results=results("pass"))
    bad = message(gzip.compress(report(ident="2")), results=results("fail"))
    other = message(gzip.compress(report(ident="3")),
                    results=results("fail", "elsewhere.example"))
    told = server.read(mailbox(good, bad, other))
    equal(told["reports"], 2)
    equal(told["unvouched"], 1)
    forms = (("PASS (p=none)\n\theader.from=a.example", True),
             ("fail; spf=pass smtp.mailfrom=dmarc=pass@evil.example", False),
             ("none (dmarc=pass)", False),
             ("none reason=\"; dmarc=pass\"", False),
             ("none; x-dmarc=pass", False), ("passed", False),
             ("fail; spf=fail\n\tsmtp.helo=\"dmarc=pass\"", False))
    for i, (words, counts) in enumerate(forms):
        told = server.read(mailbox(message(
            gzip.compress(report(ident=f"f{i}")), results=results(words))))
        equal((told["reports"], told["unvouched"]),
              (1, 0) if counts else (0, 1), words)


def test_terminal(server):
    """Nothing that a report says reaches the terminal as it is"""
    told = server.text(report(record(author="\x1b[2Jx", done="a\nb"),
                              org="\x1b]0;x\x07\u202e"))
    check(all(" " <= c < "\x7f" or c == "\n" for c in told), repr(told))
    equal(told.count("\n"), server.text(report()).count("\n"), told)


# ---- reports on TLS ----

def tls_report(ident="t1", good=5326, policies=1, **failure):
    """One of RFC 8460."""
    detail = {"result-type": "certificate-expired",
              "sending-mta-ip": "2001:db8::1",
              "receiving-mx-hostname": "MX.example.org",
              "failed-session-count": 100, **failure}
    return json.dumps({
        "organization-name": "Receiver", "report-id": ident,
        "date-range": {"start-datetime": "2026-11-01T00:00:00Z",
                       "end-datetime": "2026-11-01T23:59:59Z"},
        "contact-info": "x@receiver.example", "policies": [{
            "policy": {"policy-type": "sts", "policy-string": ["version: x"],
                       "policy-domain": DOMAIN, "mx-host": ["*.example.org"]},
            "summary": {"total-successful-session-count": good,
                        "total-failure-session-count": 100},
            "failure-details": [detail]}] * policies}, indent=1).encode()


def test_tls(server):
    """Reports on TLS are summed up in the same way"""
    told = server.read(
        tls_report(), gzip.compress(tls_report("t2")), tls_report(),
        message(gzip.compress(tls_report("t3")), "application/tlsrpt+gzip"),
        report())
    domain, = told["domains"]
    equal((domain["tls_reports"], domain["tls_good"], domain["tls_failed"]),
          (3, 15978, 300))
    equal(told["duplicates"], 1)
    equal((domain["reports"], domain["passed"]), (1, 1))
    equal(told["tls"], [{"domain": DOMAIN, "policy": "sts",
                         "result": "certificate-expired",
                         "host": "mx.example.org", "count": 300}])
    text = server.text(tls_report())
    check("renew the certificate" in text, text)
    check("DMARC" not in text, text)


def form(policies, **more):
    """A report on TLS with these policies, and members in any order."""
    return json.dumps({
        "policies": policies, "report-id": f"f{form.count}",
        "contact-info": "tls@sender.example", "organization-name": "Sender",
        "date-range": {"end-datetime": "2026-11-02T23:59:59.999+00:00",
                       "start-datetime": "2026-11-02T00:00:00.000Z"},
        **more}).encode()


form.count = 0


def cases_tls_forms(server):
    """Reports as other senders write them, within the grammar"""
    plain = {"policy": {"policy-type": "no-policy-found",
                        "policy-domain": DOMAIN},
             "summary": {"total-successful-session-count": 7,
                         "total-failure-session-count": 0}}
    failed = {"failure-details": [
        {"failed-session-count": 2, "failure-reason-code": "X509 {\"}",
         "receiving-ip": "192.0.2.1", "receiving-mx-helo": "mx",
         "receiving-mx-hostname": "mx.example.org",
         "additional-information": "https://a.example/",
         "result-type": "certificate-not-trusted"},
        {"failed-session-count": 1, "sending-mta-ip": "192.0.2.2",
         "result-type": "sts-policy-fetch-error"}],
        "summary": {"total-failure-session-count": 3,
                    "total-successful-session-count": 4},
        "policy": {"mx-host": "*.example.org", "policy-domain": DOMAIN,
                   "policy-string": ["version: STSv1", "mode: enforce"],
                   "policy-type": "sts"}}
    tlsa = {"policy": {"policy-type": "tlsa", "policy-domain":
                       "MX." + DOMAIN, "policy-string": ["3 1 1 00"]},
            "summary": {"total-successful-session-count": "5",
                        "total-failure-session-count": "0"}}
    empty = {**plain, "failure-details": []}
    rows = (
        ("one without failures", [plain], {DOMAIN: (7, 0)}, []),
        ("an empty list of failures", [empty], {DOMAIN: (7, 0)}, []),
        ("the policy comes last", [failed], {DOMAIN: (4, 3)},
         [("sts", "certificate-not-trusted", "mx.example.org", 2),
          ("sts", "sts-policy-fetch-error", "", 1)]),
        ("several policies of a domain", [plain, failed],
         {DOMAIN: (11, 3)}, [
             ("sts", "certificate-not-trusted", "mx.example.org", 2),
             ("sts", "sts-policy-fetch-error", "", 1)]),
        ("several domains, and digits as texts", [plain, tlsa],
         {DOMAIN: (7, 0), "mx." + DOMAIN: (5, 0)}, []),
    )
    for title, policies, domains, failures in rows:
        with tap.case(title):
            form.count += 1
            data = form(policies)
            for way in (data, gzip.compress(data), b"\xef\xbb\xbf" + data,
                        message(data, "application/json"),
                        message(data, "application/tlsrpt+json")):
                told = server.read(way)
                equal(told["reports"], 1)
                equal({d["domain"]: (d["tls_good"], d["tls_failed"])
                       for d in told["domains"]}, domains)
                equal([d["tls_reports"] for d in told["domains"]],
                      [1] * len(domains))
                equal([(t["policy"], t["result"], t["host"], t["count"])
                       for t in told["tls"]], failures)


def test_tls_domains(server):
    """A report with more domains than there is room for: the first ones"""
    many = [{"policy": {"policy-type": "sts", "policy-domain": f"d{i}.example"},
             "summary": {"total-successful-session-count": 2**70,
                         "total-failure-session-count": 1}}
            for i in range(100)]
    told = server.read(form(many + many), status=65)
    equal((told["reports"], len(told["domains"])), (1, 64))
    check("too many domains" in server.said, server.said)
    equal({d["tls_failed"] for d in told["domains"]}, {2})


def cases_tls_hostile(server):
    """What is no report on TLS is not counted"""
    good = tls_report()
    rows = (
        ("deep nesting", b'{"a":' * 10 ** 6, "nested"),
        ("a report that is cut", good[:-20], "comma|early|broken"),
        ("more behind it", good + b"{}", "follows the end"),
        ("other JSON", b'{"a": [1, 2, {"b": null}]}', "no report on TLS"),
        ("no policy", good.replace(b'"policies"', b'"x"'), "no report on"),
        ("no domain", good.replace(b"policy-domain", b"x"), "no domain"),
        ("a bomb", gzip.compress(b'{"a":"' + b"x" * (60 << 20)), "larger"),
        ("an array", b"[1]", "no report"),
    )
    for title, data, words in rows:
        with tap.case(f"{title}: it is said"):
            told = server.read(data, report(), status=(
                66 if data[:1] == b"[" else 65))
            equal(told["reports"], 1, "the good one beside it")
            check(re.search(words, server.said), server.said)
    told = server.read(tls_report("x", **{"failed-session-count": "1e9",
                                          "result-type": "\x1b[2J"}))
    check(told["tls"][0]["result"] == "?[2j" or
          told["tls"][0]["result"] == "?[2J", str(told))
    told = server.read(gzip.compress(tls_report("m", policies=10 ** 5)))
    equal(told["domains"][0]["tls_failed"], 10 ** 7)


# ---- hostile ----

def entity_bomb():
    """The laughs of a billion."""
    lines = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">'
                    for i in range(1, 10))
    return report(top='<?xml version="1.0"?><!DOCTYPE f [<!ENTITY a0 "ha">'
                  + lines + "]>").replace(b"<version>1.0", b"<version>&a9;")


def lying_zip(**lies):
    """A zip whose directory says something else."""
    data = bytearray(zipped(report()))
    at = data.rindex(b"PK\1\2")
    for offset, value in {"packed": 20, "size": 24, "crc": 16, "start": 42,
                          "flags": 8, "method": 10}.items():
        if offset in lies:
            form = "<H" if offset in ("flags", "method") else "<I"
            struct.pack_into(form, data, at + value, lies[offset])
    return bytes(data)


def cases_hostile(server):
    """What is no report is not counted, and harms nobody"""
    xml = report()
    packed = gzip.compress(xml)
    big = b"<feedback>" + b" " * (60 << 20)
    rows = (
        ("an entity bomb", entity_bomb(), "document type"),
        ("a file that an entity names", report(
            top='<!DOCTYPE f [<!ENTITY a SYSTEM "file:///etc/passwd">]>'),
         "document type"),
        ("an entity that is unknown", xml.replace(b"1.0<", b"&nbsp;<"),
         "entity"),
        ("deep nesting", b"<feedback>" + b"<a>" * 10 ** 6, "nested"),
        ("a gzip bomb", gzip.compress(big), "larger"),
        ("a zip bomb", zipped(big), "larger"),
        ("a gzip of gzips", gzip.compress(gzip.compress(xml)), "no report"),
        ("a bomb in a mail", message(gzip.compress(big)), "larger"),
        ("more than a mail may have", message(
            random.Random(1).randbytes(11 << 20)), "larger"),
        ("a gzip that is cut", packed[:-20], "damaged"),
        ("a gzip with a wrong sum", packed[:-8] + b"abcd" + packed[-4:],
         "damaged"),
        ("a gzip with a wrong size", packed[:-4] + b"\xff\xff\xff\x7f",
         "damaged"),
        ("a gzip with nothing", packed[:10] + b"\0" * 8, "damaged"),
        ("a zip that is larger than it says", lying_zip(size=10), "damaged"),
        ("a zip that is longer than its file", lying_zip(packed=0x7fffffff),
         "damaged"),
        ("a zip that starts elsewhere", lying_zip(start=0xfffffff0),
         "damaged"),
        ("a zip with a wrong sum", lying_zip(crc=1), "damaged"),
        ("an encrypted zip", lying_zip(flags=1), "not known here"),
        ("a zip by another method", lying_zip(method=12), "not known here"),
        ("a zip without directory", zipped(xml)[:-22], "damaged"),
        ("another document", b"<html><body>hello</body></html>",
         "no report of DMARC"),
        ("a report without records", xml.replace(b"record>", b"other>"),
         "no record"),
        ("a report about nothing", report(domain=""), "names no domain"),
        ("a report that is cut", xml[:-11], "too early"),
        ("a report with more behind it", xml + xml, "follows the end"),
        ("ends of other elements", xml.replace(b"</row>", b"</rom>"),
         "another element"),
        ("a megabyte of one name", b"<feedback" * 10 ** 5, "broken"),
        ("nothing", b"", "no report"),
        ("octets", random.Random(2).randbytes(1 << 20), "no report"),
    )
    for title, data, words in rows:
        with tap.case(f"{title}: it is said"):
            told = server.read(data, report(ident="9"), status=(
                66 if words == "no report" and b"\x1f\x8b" != data[:2]
                else 65))
            equal(told["reports"], 1, "the good one beside it")
            check(words in server.said, server.said)
            check(server.said.count("\n") == 1, server.said)


def archives(*packed):
    """A mail with all of them."""
    parts = "".join(
        "--x\nContent-Type: application/octet-stream\n"
        "Content-Transfer-Encoding: base64\n\n"
        + base64.encodebytes(data).decode() + "\n" for data in packed)
    return (f"Subject: Report Domain: {DOMAIN}\nMIME-Version: 1.0\n"
            f"Content-Type: multipart/mixed; boundary=x\n\n{parts}--x--\n"
            ).encode()


def test_bombs(server):
    """Mail that would unpack to far too much is left out by itself, and named
    """
    good = [message(gzip.compress(report(ident=f"good {n}")))
            for n in range(3)]
    big = b"<feedback>" + b" " * (45 << 20)
    packed = gzip.compress(big)
    told = server.read(mailbox(
        good[0], archives(*[packed, zipped(big)] * 200), good[1],
        archives(gzip.compress(report(ident="first")), packed, packed),
        good[2]), status=65)
    equal(told["reports"], 4, server.said)
    equal(re.findall(r"message (\d+): (.*)", server.said),
          [("2", "it ends too early"),
           ("4", "it ends too early")], server.said)
    told = server.read(mailbox(
        good[0], *[message(packed)] * 30, good[1]), status=65)
    equal(told["reports"], 2, server.said)
    check("message 17: " in server.said, server.said)
    check("14 more could not be read" in server.said, server.said)


def test_million(server):
    """A million records are read; the sources that have room are listed"""
    rows = "".join(record(f"192.0.{i >> 8 & 255}.{i & 255}", 1, "fail", "fail",
                          signer="", sender="") for i in range(65536))
    told = server.read(gzip.compress(report(rows)))
    equal(told["domains"][0]["failed"], 65536)
    equal(sum(counts(told).values()) + told["unlisted"], 65536)
    equal(len(told["sources"]), 2000)
    tiny = b"<record/>" * 10 ** 6
    told = server.read(gzip.compress(report().replace(b"</feedback>",
                                                      tiny + b"</feedback>")))
    equal(told["domains"][0]["passed"], 1)


def test_numbers(server):
    """Counts that no number holds stay at its end"""
    told = server.read(report(record(count=10 ** 30), record(count="-1"),
                              record(count="x"), record("192.0.2.9", 10 ** 30),
                              record("192.0.2.9", 10 ** 30)))
    equal(counts(told)["192.0.2.1"], 2 ** 63 - 1)
    check(counts(told)["192.0.2.9"] >= 2 ** 63 - 1, str(told))


def test_damage(server):
    """Damage anywhere in a packed report is found, or does not matter"""
    chance = random.Random(3)
    whole = gzip.compress(report())
    names = []
    for number in range(60):
        spoilt = bytearray(whole)
        spoilt[chance.randrange(10, len(spoilt))] ^= 1 << chance.randrange(8)
        path = server.dir / f"spoilt{number}"
        path.write_bytes(spoilt)
        path.chmod(0o644)
        names.append(str(path))
    done = server.call("smtpd", "--reports", "--json", *names)
    equal(done.returncode, 65, done.stderr)
    equal(json.loads(done.stdout)["reports"], 0)
    equal(done.stderr.count("damaged"), 60, done.stderr)


def test_inflate(server):
    """What zlib packs in any way is unpacked as it was"""
    chance = random.Random(4)
    for number in range(30):
        text = "".join(chance.choice("ab c0123") * chance.randrange(1, 40)
                       for _ in range(chance.randrange(3000)))
        noise = "".join(chr(chance.randrange(33, 127)) for _ in range(
            chance.randrange(2000))).replace("-", "+")
        xml = report(top=f"<!-- {text}{noise} -->".replace("--->", " -->"))
        packer = zlib.compressobj(
            chance.randrange(10), zlib.DEFLATED, 31, chance.randrange(1, 10),
            chance.choice((zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED,
                           zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED)))
        data = packer.compress(xml[:999]) + packer.flush(zlib.Z_FULL_FLUSH) \
            + packer.compress(xml[999:]) + packer.flush()
        told = server.read(data)
        equal(told["reports"], 1, f"number {number}: {server.said}")


def test_postmaster(server):
    """Without a file, the mailbox of who has postmaster's mail is read"""
    aliases = server.dir / "aliases"
    aliases.write_text("postmaster: alice\n")
    aliases.chmod(0o644)
    server.configure(f"aliases {aliases}\n")
    path = server.mail / "alice"
    path.write_bytes(mailbox(message(gzip.compress(report()))))
    if server.user:
        os.chown(path, server.user.pw_uid, server.user.pw_gid)
    told = server.read()
    equal(told["reports"], 1, server.said)


def test_root(server):
    """Root's reader is somebody else, in an empty folder, or owns a mailbox"""
    if server.user is None:
        raise Skip("only root can try")
    with Reports(as_root=True) as root:
        root.configure()
        equal(root.read(gzip.compress(report()))["reports"], 1)
        # Nobody who can write there leads root to a file of root's.
        secret = root.dir / "secret"
        secret.write_bytes(mailbox(message(gzip.compress(report()))))
        secret.chmod(0o600)
        box = root.mail / "postmaster"
        for link in (os.symlink, os.link):
            link(secret, box)
            done = root.call("smtpd", "--reports")
            equal(done.returncode, 66, done.stderr)
            check("cannot be read" in done.stderr, done.stderr)
            box.unlink()
        box.write_bytes(secret.read_bytes())
        owner = root.mail.stat()
        os.chown(box, owner.st_uid, owner.st_gid)
        done = root.call("smtpd", "--reports")
        equal(done.returncode, 0, done.stderr)
        check("example.org, " in done.stdout, done.stdout)


def test_confined(server):
    """Whoever reads a report has a filter, no files and no rights"""
    for as_root in {False, server.user is not None}:
        with Reports(as_root=as_root) as own:
            own.configure()
            process = own.popen(own.command("smtpd", "--reports", "-"),
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)

            def reader(parent=process.pid):
                return [p for p in proc.all_children(parent)
                        if proc.status(p).get("Seccomp") == "2"]
            pid, = wait_for(reader, "the reader")
            state = proc.status(pid)
            equal(state["NoNewPrivs"], "1")
            equal(state["CapEff"].strip("0"), "")
            check("0" not in state["Uid"].split(), state["Uid"])
            files = [os.readlink(f"/proc/{pid}/fd/{n}")
                     for n in os.listdir(f"/proc/{pid}/fd")]
            check(len(files) == 3, str(files))
            out, _ = process.communicate(report())
            equal(process.returncode, 0)
            check(b"example.org" in out, out)


def test_places(server):
    """What cannot be read is said"""
    for name in ("/", "/dev/null", str(server.dir / "none")):
        done = server.call("smtpd", "--reports", name)
        equal(done.returncode, 66, name + done.stderr)
        check(name in done.stderr, done.stderr)


if __name__ == "__main__":
    sys.setrecursionlimit(10000)
    with Reports() as fixture:
        fixture.configure()
        tap.run(globals(), fixture)
    tap.finish()
