# SPDX-License-Identifier: ISC
"""smtpd --dns: what the DNS should have, and what it has.

Guards against a check that is content with a zone in which something is
missing, or another; and against records that a name server does not take.
"""
import re
import shutil

from lib.dns import RealDns
from lib.site import Site
from lib.tap import Tap, check, equal

tap = Tap()
HOST, DOMAIN = "mx.example.org", "example.org"


def zone(site, *more):
    """The lines of the zone, each record on one."""
    done = site.call("smtpd", "--dns", *more)
    equal(done.returncode, 0, done.stderr)
    text = re.sub(r'\((\s+"[^"]*")+ \)',
                  lambda m: " ".join(m[0][1:-1].split("\n")), done.stdout)
    return [line for line in text.splitlines()
            if line and line[0] not in ";$"]


def checked(site, records, status):
    """{record: word} of --check, with a name server that has these."""
    shutil.rmtree(site.dir / "nsd", ignore_errors=True)
    with RealDns(site, records) as dns:
        site.change(f"resolver {dns.address}\n")
        done = site.call("smtpd", "--dns", DOMAIN, "--check")
        equal(done.returncode, status, done.stdout + done.stderr)
        return {f"{kind} {name}": word for word, kind, name in re.findall(
            r"(?m)^([A-Z]+) +([A-Z]+) (\S+)$", done.stdout)}


def test_published():
    """What it prints is taken by a name server, and is all OK then"""
    with Site(2, HOST, DOMAIN) as site:
        equal(site.call("smtpd", "--dkim", DOMAIN).returncode, 0)
        records = zone(site)
        found = checked(site, records, 0)
        equal(set(found.values()), {"OK"}, str(found))
        for name in (f"MX {DOMAIN}", f"TXT {DOMAIN}", f"TXT {HOST}",
                     f"TXT _dmarc.{DOMAIN}"):
            equal(found.get(name), "OK", name)
        equal(sum("_domainkey" in name for name in found), 2, "keys")


def test_spoilt():
    """Each record that is missing, or another, is said"""
    with Site(2, HOST, DOMAIN) as site:
        equal(site.call("smtpd", "--dkim", DOMAIN).returncode, 0)
        records = zone(site)
        for number, line in enumerate(records):
            if " IN SRV " in line or "_tls" in line:
                continue
            rest = records[:number] + records[number + 1:]
            found = checked(site, rest, 1)
            equal(list(found.values()).count("MISSING"), 1,
                  f"without {line}: {found}")
        changes = ((r"p=MII", "p=MIJ", "DIFFERS"),
                   (r"10 mx\.", "10 my.", "DIFFERS"),
                   ("v=spf1 mx", "v=spf1 a:x", "DIFFERS"))
        for old, new, word in changes:
            spoilt = [re.sub(old, new, line) for line in records]
            check(spoilt != records, f"{old} is not there")
            check(word in checked(site, spoilt, 1).values(), new)
        more = records + [f'{DOMAIN}. IN TXT "v=spf1 -all"']
        equal(checked(site, more, 1)[f"TXT {DOMAIN}"], "EXTRA", "two of SPF")
        wider = [line.replace("~all", "include:x.example -all")
                 .replace("p=none", "p=reject") for line in records]
        equal(set(checked(site, wider, 0).values()), {"OK"}, "choices")


def test_silence():
    """A name server that says nothing is no answer"""
    with Site(2, HOST, DOMAIN, "resolver 127.0.0.1:9\n") as site:
        done = site.call("smtpd", "--dns", "--check")
        equal(done.returncode, 2, done.stdout)
        check("MISSING" not in done.stdout, done.stdout)


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
