# SPDX-License-Identifier: ISC
"""smtpd --dns: what the DNS should have, and what it has.

Guards against a check that is content with a zone in which something is
missing, or another; against records that a name server does not take; and
against a finding that does not say which mistake of a web page it is.
"""
import hashlib
import json
import re
import shutil
import subprocess
import sys

from lib import namespace, peers
from lib.dns import LyingDns, NXDOMAIN, RealDns, dead, refuse, SERVFAIL, TXT
from lib.scratch import tool
from lib.site import Site
from lib.tap import Skip, Tap, check, equal

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


def key_of(pem):
    """The public key of a file, in DER."""
    return subprocess.run(
        ["certtool", "--pubkey-info", "--outder", "--load-privkey", pem],
        check=True, capture_output=True).stdout


def tlsa_of(pem):
    """The data of the record for the key in a file."""
    return f"3 1 1 {hashlib.sha256(key_of(pem)).hexdigest()}"


def certificate_of(pem):
    """The certificate of a file, in DER."""
    return subprocess.run(
        ["certtool", "--certificate-info", "--outder", "--infile", pem],
        check=True, capture_output=True).stdout


def test_certificate():
    """TLSA: a comment until it is published; then it must be of our key"""
    if not tool("certtool"):
        raise Skip("no certtool")
    with Site(2, HOST, DOMAIN) as site:
        said = site.call("smtpd", "--dns").stdout
        owner, ours = f"_25._tcp.{HOST}", tlsa_of(site.pem)
        check(f"\n; {owner}. IN TLSA {ours}\n" in said, said)
        equal(site.call("smtpd", "--dkim", DOMAIN).returncode, 0)
        records = zone(site)
        der, key = certificate_of(site.pem), key_of(site.pem)
        whole = hashlib.sha256(der).hexdigest()
        wrong = "00" * 32
        for data, word in (
                ([], None), ([ours], "OK"), ([f"3 1 1 {wrong}"], "DIFFERS"),
                (["3 0 1 " + ours[6:]], "DIFFERS"), ([f"2 1 1 {wrong}"], "OK"),
                ([f"3 0 1 {whole}"], "OK"), ([f"3 1 0 {key.hex()}"], "OK"),
                ([f"3 0 0 {der.hex()}"], "OK"),
                ([f"3 1 2 {hashlib.sha512(key).hexdigest()}"], "OK"),
                ([ours, f"3 1 1 {wrong}"], "OK"),
                # Of digests the strongest alone counts (RFC 7671 section 9).
                ([ours, f"3 1 2 {wrong * 2}"], "DIFFERS"),
                ([f"1 1 1 {ours[6:]}"], "DIFFERS"),
                ([ours, f"1 1 1 {wrong}"], "OK")):
            more = [f"{owner}. IN TLSA {one}" for one in data]
            with RealDns(site, records + more) as dns:
                site.change(f"resolver {dns.address}\n")
                done = site.call("smtpd", "--dns", DOMAIN, "--check")
            shutil.rmtree(site.dir / "nsd")
            found = re.search(rf"(?m)^([A-Z]+) +TLSA {owner}$", done.stdout)
            equal(found and found[1], word, f"{data}: {done.stdout}")
            equal(done.returncode, int(word == "DIFFERS"), done.stdout)


def test_silence():
    """A name server that says nothing is no answer, and is named"""
    with Site(2, HOST, DOMAIN, "resolver 127.0.0.1:9\n") as site:
        done = site.call("smtpd", "--dns", "--check")
        equal(done.returncode, 2, done.stdout)
        check("MISSING" not in done.stdout, done.stdout)
        equal(done.stdout.count("127.0.0.1:9 does not answer"), 1,
              f"once: {done.stdout}")
        check("should be" not in done.stdout, done.stdout)
        done = site.call("smtpd", "--dns", "--check", "--json")
        equal(done.returncode, 2, done.stdout)
        told = json.loads(done.stdout)
        equal(told["status"], "unknown")
        equal({r["status"] for r in told["records"]}, {"unknown"})


def test_failure():
    """One name that the server fails for is unknown, and the rest is told"""
    with Site(2, HOST, DOMAIN) as site:
        lies = {(f"_dmarc.{DOMAIN}", TXT): refuse(SERVFAIL)}
        with LyingDns(lies) as dns:
            site.change(f"resolver {dns.address}\n")
            done = site.call("smtpd", "--dns", DOMAIN, "--check")
        check(f"UNKNOWN TXT _dmarc.{DOMAIN}" in done.stdout, done.stdout)
        check(f"MISSING MX {DOMAIN}" in done.stdout, done.stdout)
        equal(done.returncode, 1, "what is wrong counts more")


def letter(site):
    """What the letter says, on one line."""
    done = site.call("smtpd", "--letter", seconds=240)
    equal(done.returncode, 0, done.stderr)
    return " ".join(done.stdout.split())


def test_letter():
    """A name server that is silent or fails gives the letter nothing to do"""
    with Site(2, HOST, DOMAIN) as site:
        for trouble in (dead, refuse(SERVFAIL)):
            with LyingDns({}, trouble) as dns:
                site.change(f"resolver {dns.address}\n")
                said = letter(site)
                check(dns.asked, "nobody was asked")
            check("! DNS not all is as it should be, and not all could be "
                  "asked" in said, said)
            for words in ("cannot be asked", "--dns", "no mail comes in"):
                check(words not in said, said)
        check(f"smtpd --dkim {DOMAIN}" in said, "that needs no name server")
        with LyingDns({}) as dns:
            site.change(f"resolver {dns.address}\n")
            said = letter(site)
        check("DNS not all is as it should be" in said, said)
        check(f"smtpd --dns {DOMAIN} --check" in said, said)


def test_partly():
    """Where the server fails for what a finding rests upon, there is none"""
    with Site(2, HOST, "lists." + DOMAIN) as site:
        equal(site.call("smtpd", "--dkim", site.domain).returncode, 0)
        records = [line for line in zone(site)
                   if not line.startswith((HOST, "_dmarc"))]
        passes = f'TXT "v=spf1 include:s.{DOMAIN} -all"'
        records = [re.sub('TXT "v=spf1 mx .*', passes, line)
                   for line in records]
        for what, zones, kind in (
                ("addresses", {f"{HOST}.": None}, f"TXT {site.domain}"),
                ("the policy above", {f"_dmarc.{DOMAIN}.": None},
                 f"TXT _dmarc.{site.domain}")):
            shutil.rmtree(site.dir / "nsd", ignore_errors=True)
            more = [] if HOST + "." in zones else [
                f'{HOST}. IN TXT "v=spf1 a -all"', f"{HOST}. IN A 1.2.3.4"]
            with RealDns(site, records + more, zones) as dns:
                site.change(f"resolver {dns.address}\n")
                done = site.call("smtpd", "--dns", "--check")
                check(f"UNKNOWN {kind}\n" in done.stdout,
                      f"{what}: {done.stdout}")
                check("no address that" not in done.stdout, done.stdout)
                said = letter(site)
                check(f"no {kind}" not in said and f"another {kind}"
                      not in said and "no mail comes" not in said, said)


def test_signed():
    """Whether the zone is signed is what the name server says, if it is asked
    """
    with Site(2, HOST, DOMAIN) as site:
        for signed in (True, False):
            def answer(question, signed=signed):
                asks = question.wire[3] & 0x20
                return question.answer(code=NXDOMAIN, flags=0x8580 | (
                    0x20 if asks and (
                        signed or question.name != DOMAIN) else 0))
            with LyingDns({}, answer) as dns:
                site.change(f"resolver {dns.address}\n")
                done = site.call("smtpd", "--dns", DOMAIN, "--check", "--json")
                equal(json.loads(done.stdout)["signed"], signed)
                done = site.call("smtpd", "--dns", DOMAIN, "--check")
                equal("The zone is signed" in done.stdout, signed, done.stdout)


def test_check():
    """--check of the set-up tells what the DNS lacks, and is no error for it"""
    with Site(2, HOST, DOMAIN) as site:
        equal(site.call("smtpd", "--dkim", DOMAIN).returncode, 0)
        records = zone(site)
        rows = ((records, f"ok: +the DNS has the records of {DOMAIN}\n"),
                ([r for r in records if "_dmarc" not in r],
                 f"warning: +the DNS has no TXT _dmarc for {DOMAIN}; type: "
                 f"smtpd --dns {DOMAIN} --check\n"),
                ([r.replace("MX 10 mx", "MX 10 my") for r in records],
                 f"warning: +the DNS has another MX @ for {DOMAIN}; "))
        before = None
        for spoilt, words in rows:
            shutil.rmtree(site.dir / "nsd", ignore_errors=True)
            with RealDns(site, spoilt) as dns:
                site.change(f"resolver {dns.address}\n")
                done = site.call("smtpd", "--check")
            check(re.search(words, done.stdout), words + done.stdout)
            before = done.returncode if before is None else before
            equal(done.returncode, before, "the status")
        site.change("resolver 127.0.0.1:9\n")
        done = site.call("smtpd", "--check")
        check(f"the DNS cannot be asked about {DOMAIN}: the name server at "
              "127.0.0.1:9" in done.stdout, done.stdout)
        check("the DNS has" not in done.stdout, done.stdout)


def said(site, records, about):
    """What --check says about a record, whose line ends with `about`."""
    shutil.rmtree(site.dir / "nsd", ignore_errors=True)
    with RealDns(site, records) as dns:
        site.change(f"resolver {dns.address}\n")
        done = site.call("smtpd", "--dns", DOMAIN, "--check")
    found = re.search(rf"(?m)^[A-Z]+ +{re.escape(about)}\n((?: .*\n)*)",
                      done.stdout)
    check(found, f"{about}: {done.stdout}")
    return found[0]


def cases_traps():
    """What web pages do to records, and what is said about it"""
    dmarc = f"TXT _dmarc.{DOMAIN}"
    key = f"TXT r[0-9]+._domainkey.{DOMAIN}"
    rows = (
        ("the page adds the domain", "_dmarc.example.org. IN",
         "_dmarc.example.org.example.org. IN", dmarc, "enter the name as "
         "_dmarc", "MISSING"),
        ("quotes are kept", r'TXT "v=DMARC1(.*)"', r'TXT "\"v=DMARC1\1\""',
         dmarc, "quotes are part", "DIFFERS"),
        ("semicolons are escaped", "DMARC1; p=none;",
         r"DMARC1\\\\; p=none\\\\;", dmarc, "backslashes are part",
         "DIFFERS"),
        ("the value is cut", r'(TXT\s+"v=DKIM1; k=rsa[^"]*").*$', r"\1", key,
         "it ends after 255 characters", "DIFFERS"),
        ("underscores are refused", "_dmarc.example.org. IN",
         "dmarc.example.org. IN", dmarc, "the underscore is missing",
         "MISSING"),
        ("the name is an alias", r"_dmarc.example.org. IN .*",
         "_dmarc.example.org. IN CNAME elsewhere.example.net.", dmarc,
         "an alias (CNAME) of elsewhere.example.net", "MISSING"),
        ("a wildcard answers", r"_dmarc.example.org. IN .*",
         '*.example.org. IN TXT "v=spf1 -all"', dmarc, "a wildcard",
         "MISSING"),
        ("the policy has no sense", "p=none; rua", "p=nothing; ruf", dmarc,
         "p=nothing", "DIFFERS"),
        ("all pass", "v=spf1 mx ~all", "v=spf1 mx +all", f"TXT {DOMAIN}",
         "lets anybody pass", "DIFFERS"),
        ("another host comes first", "MX 10 mx",
         "MX 5 mx.example.net.\nexample.org. IN MX 10 mx", f"MX {DOMAIN}",
         "others get the mail first: mx.example.net", "DIFFERS"),
        ("a port differs", "SRV 0 1 995", "SRV 0 1 110",
         f"SRV _pop3s._tcp.{DOMAIN}", "0 1 110 mx.example.org", "DIFFERS"),
        ("a control character", "spf1 a -all", r"spf1 b\\027[2J", f"TXT {HOST}",
         "v=spf1 b?[2J", "DIFFERS"),
    )
    with Site(2, HOST, DOMAIN) as site:
        equal(site.call("smtpd", "--dkim", DOMAIN).returncode, 0)
        records = zone(site)
        for title, old, new, about, words, word in rows:
            with tap.case(f"{title}: it is said"):
                spoilt = [re.sub(old, new, line) for line in records]
                check(spoilt != records, f"{old} is not there")
                if about == key:
                    about = next(f"TXT {line.split()[0][:-1]}"
                                 for line in records if "k=rsa" in line)
                text = said(site, spoilt, about)
                check(text.startswith(word), text)
                check(words in text, text)


def test_other_services():
    """Services that others give here, and values in another order, are OK"""
    with Site(2, HOST, DOMAIN) as site:
        records = [re.sub(r"(_imaps\S+ IN SRV) .*", r"\1 0 1 993 imap.test.",
                          line) for line in zone(site)]
        records = [re.sub(r"SRV 0 1", "SRV 10 7", line) for line in records]
        found = checked(site, records, 0)
        equal(set(found.values()), {"OK"}, str(found))
        records = [line for line in records if "SRV 0 0 0" not in line]
        found = checked(site, records, 0)
        equal(set(found.values()), {"OK"}, str(found))


def test_policy_above():
    """The policy of a domain above counts for one that has none"""
    with Site(2, HOST, "lists." + DOMAIN) as site:
        records = [line for line in zone(site) if "_dmarc" not in line]
        records += [f"{HOST}. IN TXT \"v=spf1 a -all\"",
                    f"_dmarc.{DOMAIN}. IN TXT \"v=DMARC1; p=reject\""]
        shutil.rmtree(site.dir / "nsd", ignore_errors=True)
        with RealDns(site, records) as dns:
            site.change(f"resolver {dns.address}\n")
            done = site.call("smtpd", "--dns", "--check")
        equal(done.returncode, 0, done.stdout)
        check(f"the policy of {DOMAIN} counts" in done.stdout, done.stdout)


def test_web():
    """For web pages: name, type and value, one block each, nothing quoted"""
    with Site(2, HOST, DOMAIN) as site:
        equal(site.call("smtpd", "--dkim", DOMAIN).returncode, 0)
        done = site.call("smtpd", "--dns", "--web")
        equal(done.returncode, 0, done.stderr)
        blocks = [dict(re.findall(r"(?m)^(name|type|value) +(.*)$", block))
                  for block in done.stdout.split("\n\n")]
        blocks = [b for b in blocks if b]
        check(all(set(b) == {"name", "type", "value"} for b in blocks),
              done.stdout)
        told = json.loads(site.call("smtpd", "--dns", "--json").stdout)
        equal([b["value"] for b in blocks],
              [r["value"] for r in told["records"]])
        equal([b["type"] for b in blocks],
              [r["type"] for r in told["records"]])
        names = [b["name"] for b in blocks]
        check("@" in names and "_dmarc" in names and "mx" in names, names)
        check('"' not in "".join(b["value"] for b in blocks), "quotes")
        check(any(len(b["value"]) > 390 for b in blocks), "the RSA key")


def test_no_domain():
    """What is no domain becomes no line of a zone file, and no folder"""
    with Site(2, HOST, DOMAIN) as site:
        for name in ("nope", "a b.c", "a.b\nc.d", 'a".b', "a.b;c", "../a.b",
                     "a..b", ".a.b", "a.b/c", "a.b.", "$x.y"):
            for verb in ("--dns", "--dkim"):
                done = site.call("smtpd", verb, name)
                equal(done.returncode, 64, f"{verb} {name!r}: {done.stdout}")
                equal(done.stdout, "")


def test_no_key():
    """Without a key it says how to make one"""
    with Site(2, HOST, DOMAIN) as site:
        for more in ((), ("--web",)):
            done = site.call("smtpd", "--dns", *more)
            check(f"smtpd --dkim {DOMAIN}" in done.stdout, done.stdout)


def test_rotation():
    """Next keys are published, and those that have just been replaced"""
    with Site(2, HOST, DOMAIN) as site:
        equal(site.call("smtpd", "--dkim", DOMAIN).returncode, 0)
        equal(site.call("smtpd", "--dkim", DOMAIN, "--rotate").returncode, 0)
        keys = [line for line in zone(site) if "_domainkey" in line]
        equal(len(keys), 4, "keys that sign, and the next ones")
        for path in (site.dir / "state" / "dkim" / DOMAIN).iterdir():
            if path.suffix == ".pem":
                path.rename(path.with_suffix(".old"))
        for path in (site.dir / "state" / "dkim" / DOMAIN).iterdir():
            if path.suffix == ".next":
                path.rename(path.with_suffix(".pem"))
        now = [line for line in zone(site) if "_domainkey" in line]
        equal([set(now[:2]), set(now[2:])], [set(keys[2:]), set(keys[:2])],
              "old ones come last")


# ---- with addresses that the world can reach: in a namespace ----

V4, V6 = "1.2.3.4", "2a00:1:2::3"
POINTERS = (f"4.3.2.1.in-addr.arpa. IN PTR {HOST}.",
            "3." + "0." * 19 + "2.0.0.0.1.0.0.0.0.0.a.2.ip6.arpa. IN PTR "
            + HOST + ".")


def inside_zone_file():
    """BIND and NSD take the zone as it is, with SOA and NS in front"""
    with Site(2, HOST, DOMAIN) as site:
        equal(site.call("smtpd", "--dkim", DOMAIN).returncode, 0)
        done = site.call("smtpd", "--dns")
        check(f"{HOST}. IN A {V4}\n" in done.stdout, done.stdout)
        check(f"{HOST}. IN AAAA {V6}\n" in done.stdout, done.stdout)
        path = site.dir / "zone"
        path.write_text(
            f"{DOMAIN}. 60 IN SOA {HOST}. root.{DOMAIN}. 1 60 60 60 60\n"
            f"{DOMAIN}. 60 IN NS {HOST}.\n" + done.stdout)
        for program, package, *words in (
                ("named-checkzone", "bind9-utils", "-i", "local"),
                ("nsd-checkzone", "nsd")):
            ran = subprocess.run(
                [peers.find(program, package), *words, DOMAIN, str(path)],
                capture_output=True, text=True, check=False)
            equal(ran.returncode, 0, ran.stdout + ran.stderr)


def inside_addresses():
    """Addresses, their names and SPF are compared"""
    with Site(2, HOST, DOMAIN) as site:
        records = zone(site)
        found = checked(site, records + list(POINTERS), 0)
        equal([found[k] for k in found if k.startswith(("A", "PTR"))],
              ["OK"] * 4, str(found))
        equal(list(checked(site, records, 1).values()).count("MISSING"), 2,
              "no reverse names")
        mine = [line.replace(f"mx ip4:{V4} ip6:{V6}", "include:s.test")
                for line in records] + list(POINTERS)
        check(mine != records, "nothing to replace")
        good = 's.test. IN TXT "v=spf1 ip4:1.2.3.0/24 ip6:2a00:1::/32 -all"'
        equal(checked(site, mine + [good], 0)[f"TXT {DOMAIN}"], "OK")
        text = said(site, mine + ['s.test. IN TXT "v=spf1 ip4:1.2.3.4 -all"'],
                    f"TXT {DOMAIN}")
        check(f"mail from {V6} gets softfail" in text, text)
        text = said(site, mine + ['s.test. IN TXT "v=spf1 ip4:1.2.3.4 -all"',
                                  's.test. IN TXT "v=spf1 mx -all"'],
                    f"TXT {DOMAIN}")
        check("gets permerror" in text, text)


def inside_relay():
    """With a relay SPF is its provider's, and our addresses matter to nobody"""
    relay = "relay smtps://relay.example.net\n"
    with Site(2, HOST, DOMAIN) as site:
        records = [r for r in zone(site)
                   if not r.startswith(f"{DOMAIN}. IN TXT")]
        rows = (("v=spf1 include:s.test ~all", 0, "OK"),
                ("v=spf1 include:s.test +all", 1, "DIFFERS"),
                ("v=spf1 include:none.test ~all", 1, "DIFFERS"))
        for text, status, word in rows:
            shutil.rmtree(site.dir / "nsd", ignore_errors=True)
            with RealDns(site, records + [
                    f'{DOMAIN}. IN TXT "{text}"',
                    's.test. IN TXT "v=spf1 ip4:9.9.9.9 -all"']) as dns:
                site.change(relay + f"resolver {dns.address}\n")
                done = site.call("smtpd", "--dns", "--check")
                equal(done.returncode, status, text + done.stdout)
                check(re.search(rf"(?m)^{word} +TXT {DOMAIN}$", done.stdout),
                      done.stdout)
                check("PTR" not in done.stdout, done.stdout)
                check(" listed " not in site.call("smtpd", "--check").stdout,
                      "lists are asked")


def inside_lists():
    """--check says which lists have an address of this machine"""
    with Site(2, HOST, DOMAIN) as site:
        records = zone(site) + list(POINTERS)
        listed = "4.3.2.1.zen.spamhaus.org. IN A "
        rows = (([], "ok: +1.2.3.4 is not listed by zen.spamhaus.org"),
                ([listed + "127.0.0.2"],
                 "warning: +1.2.3.4 is listed as a sender of spam by zen"),
                ([listed + "127.255.255.254"],
                 "warning: +zen.spamhaus.org does not say if 1.2.3.4"))
        for more, words in rows:
            shutil.rmtree(site.dir / "nsd", ignore_errors=True)
            with RealDns(site, records + more) as dns:
                site.change(f"resolver {dns.address}\n")
                done = site.call("smtpd", "--check")
                check(re.search(words, done.stdout), words + done.stdout)
                check((" listed " in letter(site)) == ("as a" in words), words)
                site.change(f"resolver {dns.address}\ndnsbl bl.test\n")
                done = site.call("smtpd", "--check")
                check(f"{V6} is not listed by bl.test" in done.stdout,
                      done.stdout)
                check("spamhaus" not in done.stdout, done.stdout)


def inside_router():
    """Behind a router the addresses are those that the DNS has"""
    subprocess.run(["ip", "addr", "flush", "dev", "lo", "scope", "global"],
                   check=True)
    with Site(2, HOST, DOMAIN) as site:
        records = zone(site)
        check(not any(" IN A " in line for line in records), str(records))
        more = [f"{HOST}. IN A {V4}"]
        equal(checked(site, records + more, 1)["PTR 4.3.2.1.in-addr.arpa"],
              "MISSING")
        found = checked(site, records + more + list(POINTERS[:1]), 0)
        equal(found["PTR 4.3.2.1.in-addr.arpa"], "OK")


def test_namespace():
    """With public addresses"""
    namespace.again(tap, "inside", ("ip", "link", "set", "lo", "up"),
                    command=namespace.NETWORK)


def inside():
    """In the namespace."""
    for words in (("link", "set", "lo", "up"),
                  ("addr", "add", f"{V4}/32", "dev", "lo"),
                  ("addr", "add", f"{V6}/128", "dev", "lo", "nodad")):
        subprocess.run(["ip", *words], check=True)
    for name in ("zone_file", "addresses", "relay", "lists",
                 "router"):
        function = globals()["inside_" + name]
        with tap.case(function.__doc__):
            function()
    tap.finish()


if __name__ == "__main__":
    if sys.argv[1:] == ["inside"]:
        inside()
    tap.run(globals())
    tap.finish()
