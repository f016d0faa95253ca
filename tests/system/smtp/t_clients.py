# SPDX-License-Identifier: ISC
"""smtpd --clients: the files for mail clients are what these read, whatever
names are in them, and what they say logs in."""
import json
import os
import poplib
import re
import smtplib
import ssl
import subprocess
import xml.etree.ElementTree as ET
import zipfile

from lib import client_settings
from lib.peers import files, find
from lib.scratch import ALICE, SRC, Instance, Scratch, make_certificate, tool
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
HOST = "mail.example.org"
FILES = (("--thunderbird",), ("--outlook",), ("--apple", "alice"))
# What is typed, and what the DNS has.
DOMAINS = (("example.org", "example.org"),
           ("Example.NET", "example.net"),
           ("\u4f8b\u5b50.example", "xn--fsqu00a.example"),
           ("b\u00fccher.example", "xn--bcher-kva.example"),
           ("xn--fsqu00a.example", "xn--fsqu00a.example"))


class Clients(Scratch):
    """A configuration."""

    def __init__(self, host=HOST, more=""):
        super().__init__(f"hostname {host}\ndomains example.org\n{more}",
                         tls=False, users=False)

    def print(self, *words):
        """smtpd --clients; what it prints."""
        done = self.call("smtpd", "--clients", *words)
        equal((done.returncode, done.stderr), (0, ""), f"{words}")
        return done.stdout


def servers(host, user):
    """What every client has to know."""
    return [client_settings.Server("pop3", host, 995, True, user),
            client_settings.Server("smtp", host, 465, True, user)]


def test_thunderbird():
    """Thunderbird's parser takes all of the file, for each domain"""
    with Clients() as clients:
        for typed, domain in DOMAINS:
            text = clients.print(typed, "--thunderbird")
            domains, shown, incoming, outgoing = client_settings.thunderbird(
                text, f"alice@{domain}")
            equal((domains, shown), ([domain], typed), "domain")
            equal([*incoming, *outgoing],
                  servers(HOST, f"alice@{domain}"), "servers")


# Of one release or another.
MODULES = ("readFromXML.sys.mjs", "JXON.sys.mjs", "InputSanitizer.sys.mjs",
           "Sanitizer.sys.mjs", "AccountConfig.sys.mjs",
           "OAuth2Providers.sys.mjs", "hostnameUtils.sys.mjs")
SSL_AT_ONCE, PASSWORD = 3, 3    # of nsMsgSocketType and nsMsgAuthMethod


def imported(match):
    """An import of Thunderbird's: from the same folder, or of no use here."""
    names, module = match.groups()
    return f'import {{{names}}} from "./{module}"' if module in MODULES \
        else f"const {{{names}}} = globalThis.absent"


def unpack_parser(archive, folder):
    """What Thunderbird reads such files by, in one folder."""
    with zipfile.ZipFile(archive) as packed:
        for path in packed.namelist():
            name = os.path.basename(path)
            if name in MODULES:
                text = packed.read(path).decode()
                (folder / name).write_text(re.sub(
                    r'import\s*{([^}]*)}\s*from\s+"resource:[^"]*/([^/"]+)"',
                    imported, text), encoding="utf-8")


def tree(element):
    """A document as thunderbird_config.mjs takes it."""
    children = [element.text or ""]
    for child in element:
        children += [tree(child), child.tail or ""]
    return {"name": element.tag, "attributes": element.attrib,
            "children": [c for c in children if c]}


def test_thunderbird_itself():
    """Thunderbird's own code reads the file, and has all that it needs for an
    account"""
    node = find("node", "nodejs")
    archive = files("usr/share/thunderbird/omni.ja", "thunderbird")[0]
    driver = SRC / "tests/lib/drivers/thunderbird_config.mjs"
    with Clients() as clients:
        folder = clients.dir / "modules"
        folder.mkdir()
        unpack_parser(archive, folder)
        for typed, domain in DOMAINS:
            text = clients.print(typed, "--thunderbird")
            done = subprocess.run(
                [node, str(driver), str(folder)], capture_output=True,
                text=True, check=False, timeout=60,
                input=json.dumps(tree(ET.fromstring(text))))
            equal(done.returncode, 0, done.stderr)
            found = json.loads(done.stdout)
            check(found["complete"], found)
            equal((found["id"], found["domains"], found["displayName"]),
                  (domain, [domain], typed), "names")
            for way, kind, port in (("incoming", "pop3", 995),
                                    ("outgoing", "smtp", 465)):
                server = found[way]
                equal([server[x] for x in ("type", "hostname", "port",
                                           "socketType", "auth", "username")],
                      [kind, HOST, port, SSL_AT_ONCE, PASSWORD,
                       "%EMAILADDRESS%"], way)
                equal(found[way + "Alternatives"], [], "alternatives")
            equal(found["incoming"]["leaveMessagesOnServer"], True, "leave")


def test_outlook():
    """Outlook's answer has both servers"""
    with Clients() as clients:
        for typed, domain in DOMAINS:
            found = client_settings.outlook(
                clients.print(typed, "--outlook"), f"alice@{domain}")
            equal([found["POP3"], found["SMTP"]],
                  servers(HOST, f"alice@{domain}"), "servers")


def test_apple():
    """A profile for one user, the same each time, without a password"""
    with Clients() as clients:
        for typed, domain in DOMAINS:
            text = clients.print(typed, "--apple", "alice").encode()
            profile, account, *found = client_settings.apple(text)
            equal(found, servers(HOST, f"alice@{domain}"), "servers")
            equal(account["EmailAddress"], f"alice@{domain}", "address")
            equal(account["EmailAccountDescription"], f"alice@{typed}", "")
            check(account["OutgoingPasswordSameAsIncomingPassword"], "one")
            check("Password" not in account, "a password")
            equal(clients.print(typed, "--apple", f"alice@{typed}").encode(),
                  text, "again, by the address")
        other = client_settings.apple(
            clients.print("--apple", "bob").encode())[0]
        check(other["PayloadUUID"] != profile["PayloadUUID"], "UUIDs")


def test_names():
    """Characters that XML has a use for are text, in each file"""
    with Clients() as clients:
        for user in ("a&b", "a<b>c", "o'neil", 'say"it"', "]]>", "&amp;",
                     "\u5f20\u4e09", "x" * 64):
            account = client_settings.apple(
                clients.print("--apple", user).encode())[1]
            equal(account["EmailAddress"], f"{user}@example.org", "address")
            equal(account["EmailAccountDescription"], f"{user}@example.org",
                  "description")


def test_refused():
    """What is no domain and no user is refused, with nothing printed"""
    cases = (("a<b.example",), ("a&b.example", "--outlook"), ("nowhere",),
             ("a b.example", "--nginx"), ("-", "--srv"), ("--apple", ""),
             ("--apple", "a b"), ("--apple", "a\nb"), ("--apple", "a\x07"),
             ("--apple", "\ufffe"), ("--apple", "x" * 65),
             ("example.org", "--apple", "alice@example.net"),
             ("--apple", "a", "--outlook"), ("--thunderbird", "--srv"),
             ("example.org", "example.net"))
    with Clients() as clients:
        for words in cases:
            done = clients.call("smtpd", "--clients", *words)
            equal((done.returncode, done.stdout), (os.EX_USAGE, ""),
                  f"{words}: {done.stderr}")
            check(done.stderr, f"{words}: no reason")
    with Clients("mail") as clients:
        done = clients.call("smtpd", "--clients")
        equal((done.returncode, done.stdout), (os.EX_CONFIG, ""), "host")
        check("set the key hostname" in done.stderr, done.stderr)


def test_page():
    """The page for people has what a person has to type"""
    with Clients() as clients:
        text = clients.print()
        for words in ("NAME@example.org", f"POP3, server {HOST}, port 995",
                      f"SMTP, server {HOST}, port 465", "the whole address"):
            check(words in text, f"{words}: {text}")
        check("b\u00fccher.example (xn--bcher-kva.example)" in clients.print(
            "b\u00fccher.example"), "an IDN")


def test_srv():
    """The records are those of --dns, and read no file of root's"""
    with Clients() as clients:
        lines = clients.print("--srv").splitlines()
        every = clients.call("smtpd", "--dns").stdout.splitlines()
        records = [x for x in lines if not x.startswith(";")]
        equal(records, [x for x in every if " IN SRV " in x], "records")
        check(f"_pop3s._tcp.example.org. IN SRV 0 1 995 {HOST}." in records,
              lines)
        check("; _autodiscover._tcp.example.org. IN SRV 0 0 443 "
              "autodiscover.example.org." in lines, lines)


def test_imap():
    """clients-imap: the other server comes first, for each client"""
    address = "alice@example.org"
    imap = client_settings.Server("imap", HOST, 993, True, address)
    pop3, smtp = servers(HOST, address)
    with Clients(more="clients-imap on\n") as clients:
        _, _, incoming, outgoing = client_settings.thunderbird(
            clients.print("--thunderbird"), address)
        equal((incoming, outgoing), ([imap, pop3], [smtp]), "thunderbird")
        text = clients.print("--outlook")
        found = client_settings.outlook(text, address)
        equal(list(found.items()),
              [("IMAP", imap), ("POP3", pop3), ("SMTP", smtp)], "outlook")
        _, account, *found = client_settings.apple(
            clients.print("--apple", "alice").encode())
        equal(found, [imap, smtp], "apple")
        equal(account["EmailAccountType"], "EmailTypeIMAP", "apple")
        for words in (("--clients", "--srv"), ("--dns",)):
            text = clients.call("smtpd", *words).stdout
            for record in (f"_imaps._tcp.example.org. IN SRV 0 1 993 {HOST}.",
                           "_imap._tcp.example.org. IN SRV 0 0 0 ."):
                check(record in text.splitlines(), f"{record}: {text}")
        text = clients.print()
        check(f"IMAP, server {HOST}, port 993" in text, text)
        check("K-9" not in text, text)


def test_login():
    """What the files say logs in, at both servers"""
    with Instance() as site:
        text = site.call("smtpd", "--clients", "example.org",
                         "--thunderbird").stdout
        _, _, (incoming,), (outgoing,) = client_settings.thunderbird(
            text, "alice@example.org")
        tls = ssl.create_default_context(cafile=str(site.pem))
        tls.check_hostname = False
        pop = poplib.POP3_SSL("127.0.0.1", site.pop3s, context=tls)
        pop.user(incoming.user)
        pop.pass_(ALICE[1])
        pop.quit()
        with smtplib.SMTP_SSL("127.0.0.1", site.submissions,
                              context=tls) as smtp:
            smtp.login(outgoing.user, ALICE[1])


def test_nginx():
    """nginx takes the part of its configuration, and serves the files"""
    nginx = find("nginx", "nginx")
    with Clients() as clients:
        root = clients.dir / "www/example.org"
        root.mkdir(parents=True)
        for name, words in (("config-v1.1.xml", FILES[0]),
                            ("autodiscover.xml", FILES[1]),
                            ("alice.mobileconfig", FILES[2])):
            (root / name).write_text(clients.print(*words), encoding="utf-8")
        pem = clients.dir / "web.pem"
        make_certificate(pem, "autoconfig.example.org")
        socket = clients.dir / "web"
        part = clients.print("--nginx")
        part = re.sub(r"/etc/letsencrypt\S+", f"{pem};", part)
        part = part.replace("/var/www/mail-clients", str(clients.dir / "www"))
        part = re.sub(r"listen \[::\]:443 ssl;", "", part)
        part = part.replace("listen 443 ssl;", f"listen unix:{socket} ssl;")
        conf = clients.dir / "nginx.conf"
        conf.write_text(
            f"pid {clients.dir}/pid;\ndaemon off;\nerror_log stderr;\n"
            f"events {{ }}\nhttp {{ access_log off;\n" + "".join(
                f"{x}_temp_path {clients.dir}/{x};\n" for x in (
                    "client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
            + part + "}\n")
        clients.own()
        process = clients.popen([nginx, "-p", str(clients.dir), "-e",
                                 "stderr", "-c", str(conf)],
                                stderr=subprocess.PIPE)
        wait_for(lambda: socket.exists() or process.poll() is not None,
                 "nginx to listen")
        fetch(clients, socket, process)


def fetch(clients, socket, process):
    """Asks the web server as the clients do."""
    tool_ = tool("curl")
    if not tool_:
        raise Skip("no curl")
    for path, kind, words, more in (
            ("/mail/config-v1.1.xml?emailaddress=alice%40example.org",
             "text/xml", FILES[0], ()),
            ("/.well-known/autoconfig/mail/config-v1.1.xml", "text/xml",
             FILES[0], ()),
            ("/autodiscover/autodiscover.xml", "text/xml", FILES[1],
             ("-d", "<Autodiscover/>")),
            ("/Autodiscover/Autodiscover.xml", "text/xml", FILES[1],
             ("-d", "<Autodiscover/>")),
            ("/alice.mobileconfig", "application/x-apple-aspen-config",
             FILES[2], ())):
        done = subprocess.run(
            [tool_, "-sk", "--retry", "20", "--retry-connrefused",
             "--unix-socket", str(socket), "-w", "\n%{http_code} "
             "%{content_type}", *more, "https://autoconfig.example.org"
             + path], capture_output=True, text=True, check=False)
        body, _, last = done.stdout.rpartition("\n")
        equal(last, f"200 {kind}", f"{path} {process.poll()}")
        equal(body, clients.print(*words), path)


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
