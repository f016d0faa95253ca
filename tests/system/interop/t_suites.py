# SPDX-License-Identifier: ISC
"""Scanners and test data that others have made, against our servers.

nmap's scripts and gnutls-cli-debug look at the ports; the messages of Python's
email tests go in and come out, and through us to the smtp-server of npm; the
address parsers of npm must take the addresses that we take. npm packages are
looked for in the folder that RESTANTE_NPM names (node_modules).
"""
import json
import os
import random
import re
import subprocess
from pathlib import Path

from lib import peers
from lib.libraries import node, npm
from lib.peers import find
from lib.player import PASSWORDS
from lib.scratch import Instance, tool
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()


# ---- nmap ----

def nmap(server, port, *scripts):
    """What the scripts say, as one text."""
    path = find("nmap", "nmap")
    root = path.removesuffix("/usr/bin/nmap")
    if not Path(root, "usr/share/nmap/nse_main.lua").exists():
        root = root.removesuffix("/nmap") + "/nmap-common"
    if not Path(root, "usr/share/nmap/nse_main.lua").exists():
        raise Skip("nmap has no scripts (Debian package nmap-common)")
    env = dict(os.environ, NMAPDIR=root + "/usr/share/nmap",
               LUA_PATH=root + "/usr/share/lua/5.3/?.lua;;")
    done = subprocess.run(
        [path, "--unprivileged", "-sT", "-Pn", "-n", "-d", "-p", str(port),
         "--script", ",".join("+" + s for s in scripts), "--script-args",
         "smtp-enum-users.methods={VRFY,EXPN}", "127.0.0.1"], env=env,
        capture_output=True, text=True, check=False, cwd=server.dir)
    if "error while loading shared" in done.stderr:
        raise Skip("nmap lacks libraries: " + done.stderr.strip()[:100])
    equal(done.returncode, 0, done.stderr[-500:])
    check(" ERROR: " not in done.stdout, done.stdout[-1500:])
    return "\n".join(line for line in done.stdout.splitlines()
                     if line.startswith("|"))


def test_nmap_smtp(server):
    """nmap: no open relay, no user found, no fault that it knows"""
    said = nmap(server, server.smtp, "smtp-commands", "smtp-open-relay",
                "smtp-enum-users", "smtp-vuln-cve2010-4344",
                "smtp-vuln-cve2011-1720", "smtp-vuln-cve2011-1764",
                "smtp-ntlm-info")
    check("Server doesn't seem to be an open relay, all tests failed" in said,
          said[-1500:])
    check("Couldn't find any accounts" in said, said[-1500:])
    check(not re.search(r"(?<!NOT )VULNERABLE|ntlm-info", said), said[-1500:])
    check(re.search(r"smtp-commands: mail\.example\.org, .*CHUNKING", said),
          said[-1500:])
    said = nmap(server, server.submission, "smtp-commands", "smtp-open-relay")
    check("authentication needed" in said, said[-1500:])


def test_nmap_pop3(server):
    """nmap: the capabilities of POP3"""
    said = nmap(server, server.pop3, "pop3-capabilities", "pop3-ntlm-info")
    line = re.search(r"pop3-capabilities: (.*)", said).group(1).split()
    check({"TOP", "UIDL", "STLS", "USER"} <= set(line), said[-1500:])
    check("Product_Version" not in said, said[-1500:])


def test_nmap_tls(server):
    """nmap: ciphers of grade A alone, at 465 and 995"""
    for port in (server.submissions, server.pop3s):
        said = nmap(server, port, "ssl-enum-ciphers", "ssl-poodle",
                    "ssl-heartbleed", "ssl-ccs-injection", "ssl-dh-params",
                    "sslv2-drown")
        equal(re.findall(r"least strength: (.*)", said), ["A"])
        check(not re.search(r"SSLv|TLSv1\.[01]|(?<!NOT )VULNERABLE", said),
              said[-1500:])


# ---- GnuTLS ----

NO = ("for TLS 1.0 (RFC2246) support", "for TLS 1.1 (RFC4346) support",
      "for heartbeat (RFC6520) support", "for RSA key exchange support",
      "for anonymous authentication support", "for SHA1 MAC support",
      "for MD5 MAC support", "for 3DES-CBC cipher (RFC2246) support",
      "for ARCFOUR 128 cipher (RFC2246) support",
      "for AES-CBC cipher (RFC3268) support",
      "whether the server supports session resumption")
YES = ("for TLS 1.2 (RFC5246) support", "for TLS 1.3 (RFC8446) support",
       "for safe renegotiation (RFC5746) support",
       "for ext master secret (RFC7627) support",
       "for AES-GCM cipher (RFC5288) support",
       "whether the server understands TLS closure alerts")


def test_gnutls(server):
    """gnutls-cli-debug: what should be there is, what should not is not"""
    if not tool("gnutls-cli-debug"):
        raise Skip("no gnutls-cli-debug (Debian package gnutls-bin)")
    for port, *options in ((server.smtp, "--starttls-proto", "smtp"),
                           (server.pop3, "--starttls-proto", "pop3"),
                           (server.submissions,)):
        done = subprocess.run(
            ["gnutls-cli-debug", "-p", str(port), *options, "127.0.0.1"],
            capture_output=True, text=True, check=False, cwd=server.dir)
        found = dict(re.findall(r"^ *(\S.*?)\.\.\. (\S+)$", done.stdout,
                                re.M))
        equal([n for n in NO if found.get(n) != "no"], [], done.stdout[-900:])
        equal([n for n in YES if found.get(n) != "yes"], [],
              done.stdout[-900:])


# ---- messages ----

def messages():
    """The messages of Python's email tests, as SMTP carries them."""
    texts = {p.name: re.sub(rb"\r\n?|\n", b"\r\n", p.read_bytes())
             for p in peers.files(
                 "usr/lib/python3*/test/test_email/data/msg_*.txt",
                 "libpython3.*-testsuite")}
    return {name: text if text.endswith(b"\r\n") else text + b"\r\n"
            for name, text in texts.items() if b"\0" not in text}


def put(talker, rcpt, text, chunks):
    """Sends one message."""
    talker.expect("250 ", "MAIL FROM:<alice@example.org>")
    talker.expect("250 ", f"RCPT TO:<{rcpt}>")
    if chunks:
        talker.send(b"BDAT %d LAST\r\n" % len(text) + text)
    else:
        talker.expect("354 ", "DATA")
        talker.send(re.sub(rb"^\.", b"..", text, flags=re.M) + b".\r\n")
    talker.expect("250 2.0.0 ")


PROXY = "127.0.0.9"
TRACE = re.compile(rb"Return-Path: .*\r\n(Delivered-To: .*\r\n)?"
                   rb"Received: .*\r\n([ \t].*\r\n)*(\r\n)?")


def same(got, text):
    """Whether that is the message, after what we put on top: an empty line,
    too, if the text does not begin with a field. A line of an mbox on top of
    a header section becomes a field."""
    if re.match(rb">?From [^\r]*\r\n[!-9;-~]+:", text):
        text = b"X-Mailbox-Line: " + text
    return got.endswith(text) and TRACE.fullmatch(got[:-len(text)])


def test_messages(server):
    """Python's messages: what goes in by DATA and BDAT comes out by POP3"""
    texts = messages()
    check(len(texts) > 40, f"only {len(texts)}")
    for chunks in (False, True):
        server.mailbox("bob").unlink(missing_ok=True)
        # As a stranger does: what programs here send is completed.
        with server.connect(server.smtp, source=PROXY) as talker:
            talker.send("PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n")
            talker.hello()
            for text in texts.values():
                put(talker, "bob@example.org", text, chunks)
        with server.connect(server.pop3) as talker:
            talker.pop_login("bob", PASSWORDS["bob"])
            for number, (name, text) in enumerate(texts.items(), 1):
                got = talker.pop_block(f"RETR {number}")
                check(same(got, text), f"{name}: {got[:300]!r}")
    server.mailbox("bob").unlink()


# ---- npm ----

HOP = """
const { SMTPServer } = require(process.argv[2] + "/smtp-server");
const fs = require("fs");
let count = 0;
const server = new SMTPServer({
  authOptional: true, disabledCommands: ["STARTTLS", "AUTH"], logger: false,
  onData(stream, session, done) {
    const parts = [];
    stream.on("data", (part) => parts.push(part));
    stream.on("end", () => {
      fs.writeFileSync(process.argv[3] + "/" + count++, Buffer.concat(parts));
      done();
    });
  },
});
server.listen(0, "127.0.0.1", () =>
  console.log(server.server.address().port));
"""
ADDRESSES = """
const { Address } = require(process.argv[2] + "/address-rfc2821");
const given = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(given.map((text) => {
  try { new Address(text); return true; } catch { return false; }
})));
"""


def body(text):
    """What is after the header section; its last line if nothing is."""
    head, _, rest = text.partition(b"\r\n\r\n")
    return rest or head.splitlines(True)[-1]


def test_npm_server(server):
    """smtp-server of npm gets Python's messages from us, as they are"""
    (program,), root, texts = node(), npm("smtp-server"), messages()
    folder = server.dir / "hop"
    folder.mkdir()
    hop = subprocess.Popen([program, "-e", HOP, "--", "-", root, str(folder)],
                           stdout=subprocess.PIPE, text=True)
    try:
        port = int(hop.stdout.readline())
        server.configure(f"relay smtp://127.0.0.1:{port}?tls=never")
        with server.session("smtpd", "--role", "submission")[0] as talker:
            talker.hello()
            talker.login("alice", PASSWORDS["alice"])
            for text in texts.values():
                put(talker, "x@elsewhere.example", text, False)
        server.run_queue()
        wait_for(lambda: len(list(folder.iterdir())) == len(texts), "them")
        got = [p.read_bytes() for p in folder.iterdir()]
        # What users send gets the fields that it lacks: the bodies are equal.
        lost = [name for name, text in texts.items() if not any(
            body(text) in g for g in got)]
        equal(lost, [], "what did not arrive")
    finally:
        hop.kill()
        hop.wait()
        hop.stdout.close()


def invented(count):
    """Addresses, good and bad."""
    rng = random.Random(5321)
    atoms = ["a", "bob", "a.b", "a+b", "x_y", "o'neil", "1", "a-b", "{x}",
             '"a b"', '"a@b"', '"a\\"b"', '""', "a..b", ".a", "a.", "a b",
             "a@b", "a(b", "a,b", "a;b", "a\\b", '"a', 'a"b"', "x" * 64]
    hosts = ["b.c", "example.org", "x-y.example", "1.example", "a.b.c.d.e",
             "-b.c", "b-.c", "b..c", ".b", "b.", "b c", "[1.2.3.4]",
             "[IPv6:::1]", "[300.1.1.1]", "[1.2.3]", "b_c.d", "b!c", "x" * 63]
    for _ in range(count):
        yield f"<{rng.choice(atoms)}@{rng.choice(hosts)}>"


# What is taken though no RFC has it: dots that are not between atoms, and
# host names as they are, underscores, a dot at the end.
LIBERAL = r"<.*@([\w.-]*_[\w.-]*|.*\.)>|<(\.[^@]*|[^@]*\.|[^@]*\.\.[^@]*)@.*>"


def test_npm_addresses(server):
    """We take what address-rfc2821 of npm takes, and little else"""
    (program,), root = node(), npm("address-rfc2821")
    given = sorted(set(invented(2000)))
    done = subprocess.run([program, "-e", ADDRESSES, "--", "-", root],
                          input=json.dumps(given), capture_output=True,
                          text=True, check=True)
    for address, theirs in zip(given, json.loads(done.stdout)):
        with server.session("smtpd")[0] as talker:
            talker.hello()
            talker.send(f"MAIL FROM:{address}\r\n")
            code = talker.reply().code
        check(code in (250, 501), f"{address}: {code}")
        if theirs:
            equal(code, 250, address)
        elif code == 250:
            check(re.fullmatch(LIBERAL, address), f"{address} is taken")


MAILBOXES = """
const { parse } = require(process.argv[2] + "/smtp-address-parser");
const given = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(given.map((text) => {
  try { parse(text); return true; } catch { return false; }
})));
"""
LOCALS = ["a", "bob.x+y", "!#$%&'*+-/=?^_`{|}~", "1", "a..b", ".a", "a.", "",
          '""', '" "', '"a b"', '"a@b"', '"a\\"b"', '"\\\\"', '"a\\bc"', '"a"b',
          'a"b"', '"a".b', '"', '"a', "a b", "a@b", "a,b", "(c)a", "a\\@b",
          "x" * 64, "x" * 65, '"' + "x" * 62 + '"', '"' + "x" * 63 + '"',
          "j\u00f6rg", "\u65e5\u672c", "\U0001f389", '"j\u00f6 rg"', "a\u00a0b",
          '"\t"', "postmaster"]
DOMAINS = ["b.example", "B.Example", "x-y.example", "1.example", "1.2.3.4",
           "a.b.c.d.e.f.example", "example", "b.x", "-b.example", "b-.example",
           "b..example", ".example", "b.example.", "b_c.example", "b c.example",
           "b!c.example", "x" * 63 + ".example", "x" * 64 + ".example",
           ".".join(["x" * 61] * 4) + ".ab", ".".join(["x" * 61] * 4) + ".abcdef",
           "[1.2.3.4]", "[0.0.0.0]", "[300.1.1.1]", "[1.2.3]", "[01.2.3.4]",
           "[IPv6:::1]", "[ipv6:2001:db8::1]", "[IPv6:1:2:3:4:5:6:7:8]",
           "[IPv6:1::2::3]", "[IPv6:::1.2.3.4]", "[IPv6:g::1]", "[::1]",
           "[IPv6:1:2:3:4:5:6:7::]", "[x:y]", "[]", "[1.2.3.4", "1.2.3.4]",
           "k\u00f6ln.example", "\u65e5\u672c.example", "xn--kln-sna.example",
           "\u200b.example", "\U0001f389.example", "b.\u2602", ""]
# Where we and smtp-address-parser differ: (theirs, pattern, why it is so).
DIFFERENCES = [
    (False, r"a@(example|b\.x|b\.\u2602|1\.2\.3\.4)",
     "one label is enough in RFC 5321, and so is a letter: the DNS knows"),
    (False, r"a@b\.example\.", "some programs write the root's dot"),
    (False, r"a@b_c\.example", "there are hosts with such names"),
    (False, r"(\.a|a\.|a\.\.b)@.*", "people have such addresses"),
    (True, "a@\u200b\\.example", "IDNA has no such character"),
]


def codes(server, given):
    """What MAIL answers to each."""
    found = []
    for start in range(0, len(given), 15):
        with server.session("smtpd")[0] as talker:
            talker.hello()
            for address in given[start:start + 15]:
                talker.send(f"MAIL FROM:<{address}> SMTPUTF8\r\n")
                found.append(talker.reply().code)
                if found[-1] == 250:
                    talker.expect("250", "RSET")
    return found


def test_npm_mailboxes(server):
    """smtp-address-parser of npm: what it takes and refuses; each difference
    has its reason in a table"""
    (program,), root = node(), npm("smtp-address-parser")
    given = [f"{local}@{domain}" for local in LOCALS for domain in
             DOMAINS[:4 if local != "a" else None]]
    done = subprocess.run([program, "-e", MAILBOXES, "--", "-", root],
                          input=json.dumps(given), capture_output=True,
                          text=True, check=True)
    used = set()
    for address, theirs, code in zip(given, json.loads(done.stdout),
                                     codes(server, given)):
        check(code in (250, 501, 550, 553), f"{address}: {code}")
        if theirs == (code == 250):
            continue
        rows = [row for row in DIFFERENCES
                if row[0] == theirs and re.fullmatch(row[1], address)]
        check(rows, f"{ascii(address)}: {code}, theirs {theirs}")
        used.update(rows)
    equal([row for row in DIFFERENCES if row not in used], [], "unused rows")


if __name__ == "__main__":
    with Instance(f"proxy {PROXY}\nauth off\n") as instance:
        tap.run(globals(), instance)
    tap.finish()
