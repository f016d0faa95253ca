# SPDX-License-Identifier: ISC
"""The MTA-STS policy of our own domain: smtpd --dns prints and writes it, and
--check gets it from the web server as others do.

Guards against an id that stays when the policy changes, and against a check
that is content with a policy that senders cannot get, or that stops mail.

The web server is at port 443 of loopback, in a network namespace of this test's
own. Needs root.
"""
import json
import re
from pathlib import Path

from lib.chain import Chain
from lib.dns import A, AAAA, MX, NXDOMAIN, TXT, LyingDns, a, mx, record
from lib.namespace import in_network
from lib.site import Site
from lib.tap import Tap, check, equal
from t_sts import OLD, Web, answer, policy

tap = Tap()
DOMAIN, HOST = "example.org", "mx.example.org"
WEB = f"mta-sts.{DOMAIN}"
URL = f"https://{WEB}/.well-known/mta-sts.txt"


class Rig:
    """A web server with a certificate, and an authority to trust."""

    def __init__(self, folder):
        self.chain = Chain(folder)
        self.pem = self.chain.server(WEB, file="web.pem")
        self.web = Web(self.pem)
        self.trust = self.chain.file("trust.pem", self.chain.ca.read_bytes())
        Path(folder).chmod(0o755)
        self.trust.chmod(0o644)


def told(site, *words):
    """The object that --dns --json prints."""
    done = site.call("smtpd", "--dns", *words, "--json")
    return json.loads(done.stdout), done.returncode


def ours(site):
    """Policy and id as --dns has them."""
    zone, _ = told(site)
    ident, = [r["value"] for r in zone["records"]
              if r["name"] == f"_mta-sts.{DOMAIN}"]
    return zone["policy"], re.fullmatch(r"v=STSv1; id=([0-9a-z]+)", ident)[1]


def look(rig, says, txt, hosts=(HOST,), config=""):
    """What --check says of policy and record: ({type: entry}, text, status)."""
    rig.web.says = says
    name = f"_mta-sts.{DOMAIN}"
    lies = {
        (WEB, A): lambda q: q.answer(a(WEB)), (WEB, AAAA): lambda q: q.answer(),
        (DOMAIN, MX): lambda q: q.answer(*(
            mx(DOMAIN, 10 * i + 10, h) for i, h in enumerate(hosts))),
        (name, TXT): lambda q: q.answer(*(
            record(name, TXT, bytes([len(t)]) + t.encode()) for t in txt)),
    }
    with Site(2, HOST, DOMAIN) as site, LyingDns(
            lies, lambda q: q.answer(code=NXDOMAIN)) as dns:
        site.change(f"resolver {dns.address}\ntls-trust {rig.trust}\n"
                    + config)
        text = site.call("smtpd", "--dns", "--check").stdout
        zone, status = told(site, "--check")
    return {r["type"] + r["name"]: r for r in zone["records"]}, text, status


def verdict(got):
    """(status, note) of the policy; None: it is not looked at."""
    entry = got[0].get("policy" + URL)
    return entry and (entry["status"], entry.get("note", ""))


def test_written(_rig):
    """--policy writes the file as a whole, and names the record"""
    with Site(2, HOST, DOMAIN) as site:
        text, ident = ours(site)
        equal(text, f"version: STSv1\nmode: testing\nmx: {HOST}\n"
              "max_age: 86400\n")
        path = site.dir / "web" / "mta-sts.txt"
        path.parent.mkdir()
        site.hand(path.parent, 0o755)
        for _ in range(2):
            done = site.call("smtpd", "--dns", "--policy", str(path))
            equal((done.returncode, path.read_text(),
                   path.stat().st_mode & 0o777), (0, text, 0o644),
                  done.stderr)
            equal([p.name for p in path.parent.iterdir()], ["mta-sts.txt"])
            check(f'_mta-sts.{DOMAIN}. IN TXT "v=STSv1; id={ident}"'
                  in done.stdout.splitlines(), done.stdout)
        path.write_text("old")
        for place in (path.parent, path / "x", site.dir / "none" / "x"):
            done = site.call("smtpd", "--dns", "--policy", str(place))
            equal(done.returncode, 73, f"{place}: {done.stdout}")
        equal((path.read_text(), len(list(path.parent.iterdir()))),
              ("old", 1))


def test_printed(_rig):
    """All views have the policy and where it belongs; nothing of it is a record
    of the zone file before somebody says so"""
    with Site(2, HOST, DOMAIN) as site:
        text, ident = ours(site)
        for more in ((), ("--web",)):
            said = site.call("smtpd", "--dns", *more).stdout
            check(URL in said and all(
                f"  {line}\n" in said for line in text.splitlines()), said)
            check(f"id={ident}" in said, said)
        said = site.call("smtpd", "--dns").stdout
        check(all(line.startswith(";") for line in said.splitlines()
                  if "mta-sts" in line), said)


def test_id(_rig):
    """The id is that of the text: each change of it is another one"""
    seen = set()
    for host, config in ((HOST, ""), (HOST, "mta-sts-mode enforce\n"),
                         (HOST, "mta-sts-mode none\n"), ("b.example.org", "")):
        with Site(2, host, DOMAIN, config) as site:
            one = ours(site)
            equal(ours(site), one, "asked again")
            seen.add(one[1])
            if "enforce" in config:
                check("max_age: 604800\n" in one[0], one[0])
    equal(len(seen), 4, str(seen))


def test_ok(rig):
    """What --policy writes and --dns prints is OK, with both ends of lines"""
    for mode in ("testing", "enforce", "none"):
        config = f"mta-sts-mode {mode}\n"
        with Site(2, HOST, DOMAIN, config) as site:
            text, ident = ours(site)
        for end in ("\n", "\r\n"):
            got = look(rig, answer(text.replace("\n", end)),
                       [f"v=STSv1; id={ident}"], config=config)
            equal(verdict(got)[0], "ok", f"{mode}: {got[1]}")
            equal(got[0][f"TXT_mta-sts.{DOMAIN}"]["status"], "ok")
            equal("only asks for reports" in got[1], mode == "testing")


def test_own_choice(rig):
    """Another policy that names all hosts in MX, with another id, is a choice
    """
    got = look(rig, answer(policy("enforce", (HOST, "*.example.net"))),
               ["v=STSv1; id=20261130"], (HOST, "mx2.example.net"))
    equal(verdict(got), ("ok", ""), got[1])


def cases_wrong(rig):
    """What senders would stumble over"""
    with Site(2, HOST, DOMAIN) as site:
        text, ident = ours(site)
    mine, other = [f"v=STSv1; id={ident}"], ["v=STSv1; id=1"]
    for title, says, txt, hosts, word, words in (
            ("there is no file", answer("", "404 Not Found"), mine, (HOST,),
             "missing", "status 404"),
            ("it is elsewhere", answer(
                "", "301 Moved", "Location: https://a.example/\r\n"), mine,
             (HOST,), "missing", "status 301"),
            ("it is HTML", answer(text, head="Content-Type: text/html\r\n"),
             mine, (HOST,), "missing", "text/plain"),
            ("nothing comes", b"", mine, (HOST,), "missing", "was cut"),
            ("it is no policy", answer("mode: enforce\n"), mine, (HOST,),
             "differs", "no policy"),
            ("a host is missing", answer(text), mine, (HOST, "mx2.a.example"),
             "differs", "does not name the host mx2.a.example"),
            ("the id is an old one", answer(text), other, (HOST,),
             "differs", f"enter id={ident}"),
            ("the file is an old one", answer(policy(hosts=(HOST,))), mine,
             (HOST,), "differs", "--policy"),
            ("it has control characters", answer("\x1b[2J: x\n"), mine,
             (HOST,), "differs", "no policy")):
        with tap.case(f"{title}: it is said"):
            got = look(rig, says, txt, hosts)
            status, note = verdict(got)
            equal((status, got[2]), (word, 1), got[1])
            check(words in note, note)
            check(f"{word.upper():7} policy {URL}\n" in got[1], got[1])
            check("\x1b" not in got[1], repr(got[1]))


def test_certificate(rig):
    """A web server whose certificate is another's, or too old"""
    for pem, words in (
            (rig.chain.server("a.example", file="a.pem"), "is for"),
            (rig.chain.server(WEB, OLD, file="old.pem"), "expired")):
        rig.web.pem = pem
        try:
            got = look(rig, answer(policy()), ["v=STSv1; id=1"])
        finally:
            rig.web.pem = rig.pem
        equal(verdict(got)[0], "missing", got[1])
        check(words in verdict(got)[1], got[1])


def test_no_record(rig):
    """Without a record, or with several, nobody gets the policy: nor does it"""
    before = len(rig.web.asked)
    for txt, word in (((), "absent"), (("v=STSv1; id=1",) * 2, "extra"),
                      (("v=STSv1;",), "differs"),
                      (("v=STSv1; id=a-b",), "differs")):
        got = look(rig, answer(policy()), txt)
        equal((got[0][f"TXT_mta-sts.{DOMAIN}"]["status"], verdict(got)),
              (word, None), got[1])
    equal(len(rig.web.asked), before, "requests")


if __name__ == "__main__":
    in_network(tap, "our policy", globals(), Rig)
