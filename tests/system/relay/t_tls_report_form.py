# SPDX-License-Identifier: ISC
"""Reports on TLS as others read them: the JSON against a schema of RFC 8460,
the mail by section 5.3, and its signature by three programs, of which dkimpy
knows what a report on TLS is.
"""
import copy
import datetime
import email
import email.policy
import gzip
import json
import re
import tempfile
from pathlib import Path

from lib import dkimpeers, peers
from lib.dns import A, AAAA, MX, NXDOMAIN, TXT, LyingDns, a, mx, record
from lib.fakemx import FakeMx
from lib.scratch import Scratch
from lib.site import Queue
from lib.tap import Tap, check, equal
from lib.tlsrpt_schema import REPORT, RESULTS

tap = Tap()
DOMAIN, HOST = "far.example", "mx.far.example"
STRINGS = f"version:+STSv1;mode:+enforce;mx:+{HOST};mx:+*.{DOMAIN};max_age:+1"
LINE = "{} {} {} {} {} {} {}\n"
# Each policy, each result, both families, and what is missing.
NOTES = "".join(
    [LINE.format(DOMAIN, "sts", STRINGS, result, HOST, "192.0.2.1",
                 "192.0.2.99") for result in ["ok", *RESULTS]]
    + [LINE.format(DOMAIN, "tlsa", "3+1+1+00ff;2+0+1+ff00", result, HOST,
                   "2001:db8::1", "2001:db8::99") for result in RESULTS]
    + [LINE.format(DOMAIN, kind, "-", result, host, "-", "-")
       for kind in ("no-policy-found", "sts", "tlsa")
       for result in ("ok", *RESULTS) for host in (HOST, "-")])


class Made:
    """A report, as its receiver gets it, and what the DNS says of its key."""

    def __init__(self):
        def say(*found):
            return lambda q: q.answer(*found)
        name = f"_smtp._tls.{DOMAIN}"
        wish = f"v=TLSRPTv1; rua=mailto:tls@{DOMAIN}".encode()
        lies = {(DOMAIN, MX): say(mx(DOMAIN, 10, HOST)),
                (HOST, A): say(a(HOST)), (HOST, AAAA): say(),
                (name, TXT): say(record(name, TXT,
                                        bytes([len(wish)]) + wish))}

        class Server(Queue, Scratch):
            """A server with a queue."""
        with FakeMx() as hop, LyingDns(
                lies, lambda q: q.answer(code=NXDOMAIN)) as dns, Server(
                    f"resolver {dns.address}\nreports on\n"
                    f"relay mx:{hop.port}\n", tls=False) as server:
            server.flush("-q")
            self.records = dkimpeers.published(server, "example.org")
            folder = server.dir / "state" / "reports"
            folder.mkdir(mode=0o700, exist_ok=True)
            day = datetime.datetime.now(datetime.timezone.utc) \
                - datetime.timedelta(1)
            (folder / f"tls.{day:%Y%m%d}").write_text(NOTES)
            server.own()
            said = server.flush("-q")
            server.flush("-q")
            check("sent 1 reports of TLS" in said, said)
            equal(len(hop.messages), 1, server.notes())
            self.message = hop.messages[0]
        self.octets = self.message.body
        self.mail = email.message_from_bytes(
            self.octets, policy=email.policy.default)
        self.parts = list(self.mail.iter_parts())
        self.report = json.loads(gzip.decompress(
            self.parts[1].get_payload(decode=True)))


def schema():
    """A function that says what is wrong with a report."""
    jsonschema = peers.module("jsonschema", "python3-jsonschema")
    validator = jsonschema.Draft7Validator(REPORT)
    return lambda report: [f"{list(e.absolute_path)}: {e.message}"
                           for e in validator.iter_errors(report)]


def test_schema(made):
    """The JSON is what RFC 8460 section 4.4 says"""
    wrong = schema()
    equal(wrong(made.report), [])
    results = {f["result-type"] for p in made.report["policies"]
               for f in p.get("failure-details", [])}
    equal(sorted(results), sorted(RESULTS), "results in it")
    for policy in made.report["policies"]:
        equal(sum(f["failed-session-count"]
                  for f in policy.get("failure-details", [])),
              policy["summary"]["total-failure-session-count"], str(policy))


def test_schema_control(made):
    """The schema finds what is wrong"""
    wrong = schema()

    def without(report, *path):
        for step in path[:-1]:
            report = report[step]
        del report[path[-1]]

    def put(report, value, *path):
        for step in path[:-1]:
            report = report[step]
        report[path[-1]] = value
    first = ("policies", 0)
    for change in (
            lambda r: without(r, "report-id"),
            lambda r: without(r, "date-range", "end-datetime"),
            lambda r: without(r, *first, "summary"),
            lambda r: put(r, "yesterday", "date-range", "start-datetime"),
            lambda r: put(r, [], "policies"),
            lambda r: put(r, "dane", *first, "policy", "policy-type"),
            lambda r: put(r, "3", *first, "summary",
                          "total-failure-session-count"),
            lambda r: put(r, [{"result-type": "fine",
                               "failed-session-count": 1}], *first,
                          "failure-details"),
            lambda r: put(r, "x", "another")):
        report = copy.deepcopy(made.report)
        change(report)
        check(wrong(report), str(report)[:300])


def test_mail(made):
    """The mail is what RFC 8460 section 5.3 says"""
    mail = made.mail
    equal((mail.get_content_type(), mail["Content-Type"].params[
        "report-type"]), ("multipart/report", "tlsrpt"))
    equal([p.get_content_type() for p in made.parts],
          ["text/plain", "application/tlsrpt+gzip"])
    submitter = mail["TLS-Report-Submitter"]
    equal(mail["TLS-Report-Domain"], DOMAIN)
    equal(len(mail.get_all("TLS-Report-Submitter")), 1)
    match = re.fullmatch(
        r"Report Domain: (\S+) Submitter: (\S+) Report-ID: <([^<>\s]+@\S+)>",
        mail["Subject"])
    check(match, mail["Subject"])
    equal(match.groups(), (DOMAIN, submitter, made.report["report-id"]))
    name = re.fullmatch(r"([^!]+)!([^!]+)!(\d+)!(\d+)(!\w+)?\.json\.gz",
                        made.parts[1].get_filename())
    check(name, made.parts[1].get_filename())
    equal(name.groups()[:2], (submitter, DOMAIN))
    for number, word in ((3, "start"), (4, "end")):
        when = datetime.datetime.fromtimestamp(int(name[number]),
                                               datetime.timezone.utc)
        equal(f"{when:%Y-%m-%dT%H:%M:%SZ}",
              made.report["date-range"][f"{word}-datetime"])
    equal(made.message.rcpts, [f"tls@{DOMAIN}"])
    equal([mail[n] for n in ("TLS-Required", "MIME-Version")], ["No", "1.0"])
    for name in ("From", "To", "Date", "Message-ID", "Subject"):
        equal(len(mail.get_all(name, [])), 1, name)
    check(max(map(len, made.octets.split(b"\r\n"))) <= 998, "long lines")


def signature(made):
    """The tags of the one signature."""
    fields = made.mail.get_all("DKIM-Signature")
    equal(len(fields), 1, "signatures")
    return dict(tag.strip().split("=", 1) for tag in re.sub(
        r"\s+", "", str(fields[0])).rstrip(";").split(";"))


def test_signature(made):
    """The signature is of the sender's domain, and covers all of the text
    (section 3)"""
    tags = signature(made)
    sender = made.mail["From"].addresses[0].domain
    equal(tags["d"], sender)
    check("l" not in tags, "l=")
    for name in ("from", "subject", "date", "to", "content-type"):
        check(name in tags["h"].lower().split(":"), f"{name}: {tags['h']}")


def cases_verified(made):
    """Three programs verify it, and none of them a changed one"""
    at = made.octets.index(b"\r\n\r\n") + 200
    changed = made.octets[:at] + bytes([made.octets[at] ^ 1]) \
        + made.octets[at + 1:]
    with tap.case("dkimpy, as a report on TLS"):
        dkim = dkimpeers.dkimpy()
        asks = dkimpeers.asks(made.records)
        equal([dkim.verify(o, dnsfunc=asks, tlsrpt=True)
               for o in (made.octets, changed)], [True, False])
    with tap.case("opendkim"), tempfile.TemporaryDirectory() as name:
        said = dkimpeers.opendkim(Path(name), made.records,
                                  [made.octets, changed])
        equal(["succeeded" in s for s in said], [True, False], str(said))
    with tap.case("Mail::DKIM"), Scratch(tls=False, users=False) as scratch:
        equal(dkimpeers.perl(scratch, made.records,
                             [made.octets, changed]),
              ["rsa-sha256=pass", "rsa-sha256=fail"])


if __name__ == "__main__":
    tap.run(globals(), Made())
    tap.finish()
