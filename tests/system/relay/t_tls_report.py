# SPDX-License-Identifier: ISC
"""Reports on TLS (RFC 8460), from sessions with exchangers to the report.

Guards against results that are counted wrongly, or for another domain; against
reports that nobody has asked for, that do not arrive because TLS does not work,
or that lead to further reports; and against notes that are not ours.

The web servers are at ports of loopback, in a network namespace of this test's
own. Needs root.
"""
import datetime
import email
import gzip
import hashlib
import json
import re

from lib import mbox
from lib.chain import Chain
from lib.dns import NXDOMAIN, SERVFAIL, TXT, LyingDns, record, refuse
from lib.fakemx import DROP, EXTENSIONS, FakeMx
from lib.namespace import in_network
from lib.queuefile import make
from lib.scratch import Scratch
from lib.site import Queue
from lib.tap import Tap, check, equal
from t_sts import DOMAIN, HOST, TEXT, Rig, answer, policy

tap = Tap()
TYPE = "Content-Type: application/tlsrpt+gzip"


def text(name, *strings):
    """An answer with TXT records."""
    return lambda q: q.answer(*(
        record(name, TXT, b"".join(
            bytes([len(t[i:i + 250])]) + t[i:i + 250].encode()
            for i in range(0, len(t), 250))) for t in strings))


class Server(Queue, Scratch):
    """A server with a queue, its name server and an exchanger."""

    def __init__(self, rig, hop, lies, config="reports on\n", relay="mx:{}"):
        said = rig.lies(lies.pop("sts", ()), lies.pop("signed", False))
        said.update(lies)
        self.dns = LyingDns(
            said, lambda q: q.answer(code=NXDOMAIN, flags=0x81A0))
        self.dns.__enter__()
        super().__init__(f"resolver {self.dns.address}\n"
                         f"tls-trust {rig.trust}\nrelay {relay.format(hop.port)}\n"
                         + config)
        self.flush("-q")            # makes the folders

    def __exit__(self, *args):
        super().__exit__(*args)
        self.dns.__exit__(*args)

    def notes(self, days=0):
        """The file of a day."""
        day = datetime.datetime.now(datetime.timezone.utc) \
            - datetime.timedelta(days)
        return self.dir / "state" / "reports" / f"tls.{day:%Y%m%d}"

    def lines(self):
        """Today's notes, as words without those of the addresses."""
        path = self.notes()
        return [line.split(" ")[:5] for line in path.read_text().splitlines()
                ] if path.exists() else []

    def yesterday(self, notes):
        """These are the notes of yesterday."""
        path = self.notes(1)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_text(notes)
        self.own()

    def bring(self, **settings):
        """A message for the domain."""
        make(self.dir / "queue", sender="alice@example.org",
             recipients=[f"bob@{DOMAIN}"], body=TEXT, **settings)
        return self.flush("-q")

    def counts(self):
        """What --stats counts of TLS, but for zeros."""
        done = self.call("smtpd", "--stats", "--json")
        equal(done.returncode, 0, done.stderr)
        found = json.loads(done.stdout)["totals"]
        return {k: v for k, v in found.items() if v and re.match(
            "tls_|no_policy_|sts_|dane_", k)}


def carried(rig, lies, certificate="good", says=None, config="reports on\n",
            relay="mx:{}", script=None, **settings):
    """A message goes, or waits: (notes, counts, messages)."""
    rig.web.says = answer(policy()) if says is None else says
    pem = rig.names[certificate] if certificate else None
    with FakeMx(script, pem=pem) as hop:
        lies = lies(hop.port) if callable(lies) else dict(lies)
        with Server(rig, hop, lies, config, relay) as server:
            server.bring(**settings)
            SEEN.update(line[3] for line in server.lines())
            return server.lines(), server.counts(), list(hop.messages)


# RFC 8460 section 4.3, and success.
RESULTS = {
    "ok", "starttls-not-supported", "certificate-host-mismatch",
    "certificate-expired", "certificate-not-trusted", "validation-failure",
    "tlsa-invalid", "dnssec-invalid", "dane-required",
    "sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid"}
SEEN = set()
STS = {"sts": ("v=STSv1; id=1",)}
STRINGS = f"version:+STSv1;mode:+{{}};mx:+{HOST};max_age:+86400"


def tlsa(digest, kind=(3, 1, 1)):
    """Records of that key, which are signed."""
    def lies(port):
        owner = f"_{port}._tcp.{HOST}"
        data = record(owner, 52, bytes(kind) + digest)
        return {"signed": True,
                (owner, 52): lambda q: q.answer(data, flags=0x81A0)}
    return lies


def no_tlsa(port):
    """A name server that does not say if there are records."""
    return {"signed": True, (f"_{port}._tcp.{HOST}", 52): refuse(SERVFAIL)}


def cases_results(rig):
    """What a session with an exchanger is noted and counted as"""
    key = hashlib.sha256(rig.chain.spki()).digest()
    authority = hashlib.sha256(rig.chain.ca_der).digest()
    rig.names["stranger"] = Chain(rig.scratch("stranger")).server(HOST)
    none, sts, dane = "no-policy-found", "sts", "tlsa"
    testing = answer(policy("testing"))
    ones = "3+1+1+" + key.hex()
    for title, lies, pem, says, row, names, arrives in (
            ("TLS, and nobody asks for it", {}, "other", None,
             [DOMAIN, none, "-", "ok", HOST], ["no_policy_proved"], 1),
            ("no TLS, and nobody asks for it", {}, None, None,
             [DOMAIN, none, "-", "starttls-not-supported", HOST],
             ["no_policy_failed", "tls_starttls_not_supported"], 1),
            ("what the policy asks for", STS, "good", None,
             [DOMAIN, sts, STRINGS.format("enforce"), "ok", HOST],
             ["sts_proved"], 1),
            ("another's certificate", STS, "other", None,
             [DOMAIN, sts, STRINGS.format("enforce"),
              "certificate-host-mismatch", HOST],
             ["sts_failed", "tls_certificate_host_mismatch"], 0),
            ("an old certificate, in a test", STS, "old", testing,
             [DOMAIN, sts, STRINGS.format("testing"), "certificate-expired",
              HOST], ["sts_failed", "tls_certificate_expired"], 1),
            ("no TLS, against the policy", STS, None, None,
             [DOMAIN, sts, STRINGS.format("enforce"),
              "starttls-not-supported", HOST],
             ["sts_failed", "tls_starttls_not_supported"], 0),
            ("a policy that names another host", STS, "good",
             answer(policy(hosts=["mx.a.example"])),
             [DOMAIN, sts, STRINGS.format("enforce").replace(
                 HOST, "mx.a.example"), "validation-failure", HOST],
             ["sts_failed", "tls_validation_failure"], 0),
            ("the key that is published", tlsa(key), "other", None,
             [HOST, dane, ones, "ok", HOST], ["dane_proved"], 1),
            ("another key", tlsa(bytes(32)), "good", None,
             [HOST, dane, "3+1+1+" + "00" * 32,
              "certificate-not-trusted", HOST],
             ["dane_failed", "tls_certificate_not_trusted"], 0),
            ("no TLS, against the records", tlsa(key), None, None,
             [HOST, dane, ones, "starttls-not-supported", HOST],
             ["dane_failed", "tls_starttls_not_supported"], 0),
            ("another's certificate, by the authority of the records",
             tlsa(authority, (2, 0, 1)), "other", None,
             [HOST, dane, "2+0+1+" + authority.hex(),
              "certificate-host-mismatch", HOST],
             ["dane_failed", "tls_certificate_host_mismatch"], 0),
            ("an old certificate, by the authority of the records",
             tlsa(authority, (2, 0, 1)), "old", None,
             [HOST, dane, "2+0+1+" + authority.hex(), "certificate-expired",
              HOST], ["dane_failed", "tls_certificate_expired"], 0),
            ("records of which none can be used", tlsa(key, (0, 1, 1)),
             "good", None, [HOST, dane, "-", "tlsa-invalid", HOST],
             ["dane_failed", "tls_tlsa_invalid"], 1),
            ("records that nobody can ask for", no_tlsa, "good", None,
             [HOST, dane, "-", "dnssec-invalid", HOST],
             ["dane_failed", "tls_dnssec_invalid"], 0),
            ("an authority that nobody trusts", STS, "stranger", None,
             [DOMAIN, sts, STRINGS.format("enforce"),
              "certificate-not-trusted", HOST],
             ["sts_failed", "tls_certificate_not_trusted"], 0),
            ("an old certificate", STS, "old", None,
             [DOMAIN, sts, STRINGS.format("enforce"), "certificate-expired",
              HOST], ["sts_failed", "tls_certificate_expired"], 0)):
        with tap.case(title):
            judge(carried(rig, lies, pem, says), row, names, arrives)


def judge(got, row, names, arrives):
    """There is that one note, and these counts are 1."""
    notes, counts, messages = got
    equal((notes, len(messages)), ([row], arrives))
    equal(counts, dict.fromkeys(names, 1))


def cases_dane_required(rig):
    """A hop that must have TLSA records, which are not there, or useless: it is
    counted, and no owner of a domain is concerned"""
    key = hashlib.sha256(rig.chain.spki()).digest()
    for title, lies, result in (
            ("no records", {}, "dane-required"),
            ("signed absence", {"signed": True}, "dane-required"),
            ("useless records", tlsa(key, (0, 1, 1)), "tlsa-invalid")):
        with tap.case(f"?tls=dane and {title}"):
            notes, counts, messages = carried(
                rig, lies, relay=f"smtp://{HOST}:{{}}?tls=dane")
            equal((notes, messages), ([], []))
            equal(counts, {"dane_failed": 1,
                           "tls_" + result.replace("-", "_"): 1})
            SEEN.add(result)


def cases_broken(rig):
    """STARTTLS that is offered and refused, or broken, is a failure, and no
    mail goes there against the policy"""
    row = [DOMAIN, "sts", STRINGS.format("enforce"), "validation-failure",
           HOST]
    for action in ("454 4.7.0 Not now", b"220 Go\r\n250 injected\r\n",
                   (b"220 Go\r\n", DROP)):
        with tap.case(f"STARTTLS is answered {action}"):
            judge(carried(rig, STS, script={"starttls": action}), row,
                  ["sts_failed", "tls_validation_failure"], 0)


def test_fetch(rig):
    """A policy that cannot be had is noted, beside what the session was"""
    for says, pem, result in (
            (answer("", "404 Not Found"), None, "sts-policy-fetch-error"),
            (answer("mode: enforce\n"), None, "sts-policy-invalid"),
            (None, rig.good, "sts-webpki-invalid")):
        rig.web.pem = pem or rig.web_pem
        try:
            notes, counts, messages = carried(rig, STS, says=says)
        finally:
            rig.web.pem = rig.web_pem
        equal(notes, [[DOMAIN, "sts", "-", result, "-"],
                      [DOMAIN, "no-policy-found", "-", "ok", HOST]])
        equal(counts, {"no_policy_proved": 1,
                       "tls_" + result.replace("-", "_"): 1})
        equal(len(messages), 1)


def test_all_results(rig):
    """Each result type of RFC 8460 has been met, in notes or in counts"""
    del rig
    equal(sorted(RESULTS ^ SEEN), [])


def test_addresses(rig):
    """Both ends of the connection are noted"""
    with FakeMx(pem=rig.good) as hop, Server(rig, hop, {}) as server:
        server.bring()
        line = server.notes().read_text()
        equal(line.split(" ")[5:], ["127.0.0.1", "127.0.0.1\n"], line)
        equal(server.notes().stat().st_mode & 0o777, 0o600)


def test_off(rig):
    """By default nothing is noted, and all is counted"""
    notes, counts, _ = carried(rig, {}, config="")
    equal((notes, counts), ([], {"no_policy_proved": 1}))


def test_optional(rig):
    """TLS-Required: No is neither: such mail does not depend on TLS"""
    notes, counts, messages = carried(rig, STS, None, tls="optional")
    equal((notes, counts, len(messages)), ([], {}, 1))


def test_full(rig):
    """A day has so many notes; then results are only counted"""
    with FakeMx(pem=rig.good) as hop, Server(rig, hop, {}) as server:
        server.yesterday("")
        path = server.notes()
        path.write_text("x" * (4 << 20))
        server.own()
        server.bring()
        equal((path.stat().st_size, server.counts()),
              (4 << 20, {"no_policy_proved": 1}))


# ---- reports ----

LINE = (f"{DOMAIN} sts version:+STSv1;mode:+enforce;mx:+*.{DOMAIN};max_age:"
        "+86400 {} {} 192.0.2.{} 192.0.2.99\n")
NOTES = (LINE.format("ok", HOST, 1) * 3 + LINE.format("ok", HOST, 2)
         + LINE.format("certificate-expired", HOST, 2) * 2
         + f"{DOMAIN} sts - sts-policy-fetch-error - - -\n"
         f"{DOMAIN} no-policy-found - ok {HOST} 192.0.2.1 192.0.2.99\n"
         f"{HOST} tlsa 3+1+1+00ff;2+0+1+ff00 certificate-not-trusted {HOST} "
         "2001:db8::1 2001:db8::2\n")


def ask(uris, domain=DOMAIN):
    """The record that asks for reports."""
    name = f"_smtp._tls.{domain}"
    return {(name, TXT): text(name, f"v=TLSRPTv1; rua={uris}")}


def taken(server, user="bob"):
    """The mails in a mailbox."""
    return [email.message_from_bytes(m.wire)
            for m in mbox.read(server.mailbox(user))]


def unpacked(mail):
    """The JSON in a mail."""
    return json.loads(gzip.decompress(
        mail.get_payload()[1].get_payload(decode=True)))


def test_mail(rig):
    """A day's notes become one report for each domain that asks, by mail"""
    with FakeMx(pem=rig.good) as hop, Server(rig, hop, {
            **ask("mailto:bob@example.org"),
            **ask("mailto:alice@example.org", HOST)}) as server:
        server.yesterday(NOTES)
        said = server.flush("-q")
        check("sent 2 reports of TLS" in said, said)
        check(not server.notes(1).exists(), "the notes are still there")
        mail, = taken(server)
        other, = taken(server, "alice")
    day = server.notes(1).name[4:]
    day = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    equal(mail["From"], "noreply-tls@example.org")
    equal((mail.get_content_type(), mail.get_param("report-type")),
          ("multipart/report", "tlsrpt"))
    equal([mail[f] for f in ("TLS-Report-Domain", "TLS-Required",
                             "Auto-Submitted")],
          [DOMAIN, "No", "auto-generated"])
    host = mail["TLS-Report-Submitter"]
    subject = " ".join(mail["Subject"].split())
    check(re.fullmatch(rf"Report Domain: {DOMAIN} Submitter: {host} "
                       r"Report-ID: <[0-9.a-f]+@" + re.escape(host) + ">",
                       subject), subject)
    part = mail.get_payload()[1]
    equal(part.get_content_type(), "application/tlsrpt+gzip")
    name = part.get_filename().split("!")
    equal(name[:2] + [int(name[3]) - int(name[2])], [host, DOMAIN, 86399])
    check(name[4].endswith(".json.gz"), str(name))
    report = unpacked(mail)
    equal(report["organization-name"], host)
    equal(report["contact-info"], "noreply-tls@example.org")
    equal(report["date-range"], {"start-datetime": f"{day}T00:00:00Z",
                                 "end-datetime": f"{day}T23:59:59Z"})
    check(f"<{report['report-id']}>" in subject, report["report-id"])
    ends = {"sending-mta-ip": "192.0.2.99", "receiving-mx-hostname": HOST}
    policies = {json.dumps(p["policy"].get("policy-string")): p
                for p in report["policies"]}
    equal(len(report["policies"]), 3)
    equal(policies['["version: STSv1", "mode: enforce", '
                   f'"mx: *.{DOMAIN}", "max_age: 86400"]'], {
        "policy": {"policy-type": "sts", "policy-string": [
            "version: STSv1", "mode: enforce", f"mx: *.{DOMAIN}",
            "max_age: 86400"], "policy-domain": DOMAIN,
            "mx-host": [f"*.{DOMAIN}"]},
        "summary": {"total-successful-session-count": 4,
                    "total-failure-session-count": 2},
        "failure-details": [{
            "result-type": "certificate-expired", **ends,
            "receiving-ip": "192.0.2.2", "failed-session-count": 2}]})
    equal(sorted((p["policy"]["policy-type"], p["summary"][
        "total-successful-session-count"], p["summary"][
            "total-failure-session-count"]) for p in report["policies"]),
        [("no-policy-found", 1, 0), ("sts", 0, 1), ("sts", 4, 2)])
    report = unpacked(other)
    equal(report["policies"][0]["policy"], {
        "policy-type": "tlsa", "policy-domain": HOST,
        "policy-string": ["3 1 1 00ff", "2 0 1 ff00"]})


def test_read_again(rig):
    """What we send, we can read"""
    with FakeMx(pem=rig.good) as hop, Server(
            rig, hop, ask("mailto:bob@example.org")) as server:
        server.yesterday(NOTES)
        server.flush("-q")
        done = server.call("smtpd", "--reports", "--json",
                           str(server.mailbox("bob")))
    equal(done.returncode, 0, done.stderr)
    told = json.loads(done.stdout)
    equal([d["domain"] for d in told["domains"]], [DOMAIN])
    equal(sorted((t["result"], t["count"]) for t in told["tls"]),
          [("certificate-expired", 2), ("sts-policy-fetch-error", 1)])


def test_arrives(rig):
    """It arrives where TLS does not work, and is not noted itself"""
    rig.web.says = answer(policy())
    with FakeMx(pem=None, extensions=EXTENSIONS) as hop, Server(rig, hop, {
            **STS, **ask(f"mailto:tls@{DOMAIN}")}) as server:
        server.yesterday(NOTES)
        server.flush("-q")
        equal([(m.tls, m.rcpts) for m in hop.messages],
              [(False, [f"tls@{DOMAIN}"])], str(server.mailq()))
        equal((server.lines(), server.counts()), ([], {}))


def test_web(rig):
    """By POST, to a server that proves who it is"""
    url = f"https://mta-sts.{DOMAIN}/v1/tls?x=1"
    for says, pem, good in (
            (answer("", "201 Created"), None, True),
            (answer("thanks"), None, True),
            (answer("", "500 Oops"), None, False),
            (answer("", "302 Found", "Location: https://a.example/\r\n"), None,
             False),
            (b"", None, False),
            (answer(""), rig.good, False)):
        rig.web.says, before = says, len(rig.web.asked)
        rig.web.pem = pem or rig.web_pem
        try:
            with FakeMx(pem=rig.good) as hop, Server(
                    rig, hop, ask(url)) as server:
                server.yesterday(NOTES)
                said = server.flush("-q")
        finally:
            rig.web.pem = rig.web_pem
        check(f"sent {int(good)} reports of TLS" in said, said)
        equal(f"was not taken by {url}" in said, not good, said)
        asked = rig.web.asked[before:]
        equal(len(asked), int(pem is None))
        for request in asked:
            check(request.startswith("POST /v1/tls?x=1 HTTP/1.1\r\n"), request)
            check(f"\r\n{TYPE}\r\n" in request, request)
    equal(json.loads(gzip.decompress(rig.web.bodies[0]))["policies"][0][
        "policy"]["policy-domain"], DOMAIN)


def test_unasked(rig):
    """Nobody who has not asked, or not once, gets one; nor do we"""
    name = f"_smtp._tls.{DOMAIN}"
    good = "v=TLSRPTv1; rua=mailto:bob@example.org"
    for records in ((), (good, good), (good.replace("v1", "v2"),),
                    (good.replace("mailto:", "ftp:"),), ("v=TLSRPTv1;",),
                    (good.replace("bob@", ""),)):
        with FakeMx(pem=rig.good) as hop, Server(
                rig, hop, {(name, TXT): text(name, *records)}) as server:
            server.yesterday(NOTES)
            said = server.flush("-q")
            check("sent 0 reports of TLS" in said, f"{records} {said}")
            equal(taken(server), [], str(records))
    with FakeMx(pem=rig.good) as hop, Server(rig, hop, ask(
            "mailto:bob@example.org", "example.org")) as server:
        server.yesterday(NOTES.replace(DOMAIN, "example.org"))
        server.flush("-q")
        equal(taken(server), [], "about ourselves")


def test_hostile_notes(rig):
    """Lines that nobody here has written are passed over"""
    good = LINE.format("ok", HOST, 1)
    lines = ["", " ", "x", good[:-1] + " ", good[:20], "a" * 5000,
             good.replace("sts ", "dmarc "), good.replace("ok", "fine"),
             good.replace("mx:+", 'mx:+"'), good.replace("192.0.2.1", "<>&"),
             good.replace("mode", "\x1b"), good[:-1] + " more"]
    with FakeMx(pem=rig.good) as hop, Server(
            rig, hop, ask("mailto:bob@example.org")) as server:
        server.yesterday("".join(line.rstrip("\n") + "\n" for line in lines)
                         + good * 2 + good[:-1])
        server.flush("-q")
        report = unpacked(taken(server)[0])
    equal([p["summary"]["total-successful-session-count"]
           for p in report["policies"]], [2], "the last line is cut")


if __name__ == "__main__":
    in_network(tap, "reports on TLS", globals(), Rig)
