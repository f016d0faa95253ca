# SPDX-License-Identifier: ISC
"""Certificates by ACME: certbot, lego, dehydrated and uacme get them from an
authority of our own (pebble), and the hook that is installed puts them where
the next connection sees them."""
import contextlib
import http.server
import shutil
import smtplib
import socket
import ssl
import subprocess
import threading
from pathlib import Path

from lib.namespace import with_mount
from lib.peers import files, find
from lib.ports import free_port
from lib.scratch import (AM_ROOT, SRC, Scratch, client_context,
                         make_certificate, reachable)
from lib.spfsuite import ZoneDns, records_of
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
NAME = "mail.example.org"
KNOWN = "/etc/ssl/certs/ca-certificates.crt"
HOOK = SRC / "smtpd/certificate-hook"


def answers(port):
    """Whether somebody listens there."""
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Site(Scratch):
    """A server with a certificate that is to be replaced."""

    def __init__(self):
        super().__init__()
        self.acme = self.dir / "acme"
        self.acme.mkdir()
        self.hook = self.place(HOOK)
        self.own()
        self.daemon = self.serve("smtpd", "127.0.0.1:0/tls=submission")

    def __exit__(self, *_):
        self.daemon.stop()
        super().__exit__()

    def place(self, path):
        """A program where the test's user can run it."""
        if not self.user or reachable(path):
            return str(path)
        copy = self.dir / "bin" / Path(path).name
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(path, copy)
        return str(copy)

    def shown(self):
        """The certificate that a new connection gets, in PEM."""
        with smtplib.SMTP_SSL("127.0.0.1", self.daemon.ports[0],
                              context=client_context()) as smtp:
            return ssl.DER_cert_to_PEM_cert(smtp.sock.getpeercert(True))

    def wait_shown(self, path):
        """Waits until that is the first certificate of a file."""
        def first(text):
            at = text.index("-----BEGIN CERT")
            return "".join(text[at:text.index("-----END", at)].split())
        wait_for(lambda: first(self.shown()) == first(Path(path).read_text()),
                 "the new certificate")

    def run(self, command, timeout=120, **env):
        """A command as the owner of the certificate; (status, output)."""
        done = subprocess.run(
            command, capture_output=True, text=True, check=False,
            timeout=timeout, cwd=self.acme, **self.as_user(), env=dict(
                self.environment(), RESTANTE_TLS=str(self.pem), **env))
        return done.returncode, done.stdout + done.stderr

    def run_trusting(self, trust, command, **env):
        """The same, where the system trusts the authority: curl's library can
        be told of it in no other way."""
        inside = with_mount(f'mount --bind "$0" {KNOWN}', trust)
        if not AM_ROOT:
            return self.run([*inside, *command], **env)
        user, self.user = self.user, None
        try:
            return self.run(
                [*inside, "setpriv", f"--reuid={user.pw_uid}",
                 f"--regid={user.pw_gid}", "--clear-groups", *command], **env)
        finally:
            self.user = user

    def pair(self, key="privkey.pem", chain="fullchain.pem"):
        """A new key and certificate in files of their own."""
        both = self.acme / "both.pem"
        make_certificate(both, NAME)
        text = both.read_text()
        both.unlink()
        at = text.index("-----BEGIN CERT")
        (self.acme / key).write_text(text[:at])
        (self.acme / chain).write_text(text[at:])
        self.own()
        return str(self.acme / key), str(self.acme / chain)


class Answers(http.server.SimpleHTTPRequestHandler):
    """A web server that logs nothing."""

    def log_message(self, *_args):
        pass


@contextlib.contextmanager
def web_server(site, port):
    """One that serves what a client of ACME puts into the folder www."""
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", port), lambda *a: Answers(
            *a, directory=str(site.acme / "www")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def authority(site):
    """pebble and a name server: (URL, file with its certificate, the port
    at which it looks for answers)."""
    pebble = site.place(find("pebble", "pebble"))
    port, web, admin = (free_port() for _ in range(3))
    pem = site.acme / "authority.pem"
    make_certificate(pem, "localhost")
    text = pem.read_text()
    (site.acme / "key.pem").write_text(text)
    pem.write_text(text[text.index("-----BEGIN CERT"):])
    conf = site.acme / "pebble.json"
    conf.write_text(f"""{{"pebble": {{
        "listenAddress": "127.0.0.1:{port}",
        "managementListenAddress": "127.0.0.1:{admin}",
        "certificate": "{pem}", "privateKey": "{site.acme}/key.pem",
        "httpPort": {web}, "tlsPort": {free_port()},
        "ocspResponderURL": "", "externalAccountBindingRequired": false}}}}""")
    site.own()
    with ZoneDns(records_of(
            {NAME: {"A": [socket.inet_aton("127.0.0.1")]}})) as dns, \
            open(site.dir / "pebble.log", "wb") as log:
        site.popen([pebble, "-config", str(conf), "-dnsserver", dns.address],
                   stdout=log, stderr=log, env=dict(
                       site.environment(), PEBBLE_VA_NOSLEEP="1",
                       PEBBLE_WFE_NONCEREJECT="0"))
        for one in (port, admin):
            wait_for(lambda p=one: answers(p), "pebble to listen")
        yield f"https://localhost:{port}/dir", str(pem), web


def lego(site, url, trust, web, *words):
    """lego run or renew, with the hook."""
    status, said = site.run(
        [site.place(find("lego", "lego")), "--server", url, "--accept-tos",
         "--email", "a@example.org", "--domains", NAME, "--http",
         "--http.port",
         f"127.0.0.1:{web}", "--key-type", "ec256", "--path",
         str(site.acme / "lego"), *words], LEGO_CA_CERTIFICATES=trust)
    equal(status, 0, said)
    return site.acme / "lego/certificates" / f"{NAME}.crt"


def test_lego():
    """lego gets a certificate and renews it"""
    find("lego", "lego")
    with Site() as site, authority(site) as (url, trust, web):
        chain = lego(site, url, trust, web, "run", "--run-hook",
                     site.hook)
        site.wait_shown(chain)
        first = chain.read_text()
        chain = lego(site, url, trust, web, "renew", "--days", "9999",
                     "--no-random-sleep", "--renew-hook", site.hook)
        check(chain.read_text() != first, "renewed")
        site.wait_shown(chain)


def certbot(site, trust, *words):
    """certbot, of which only the library is needed."""
    folder = site.acme / "letsencrypt"
    status, said = site.run(
        ["/usr/bin/python3", "-c",
         "import sys; from certbot.main import main; sys.exit(main())", *words,
         "--non-interactive", *(f"--{kind}-dir={folder}/{kind}" for kind in
                                ("config", "work", "logs"))],
        REQUESTS_CA_BUNDLE=trust)
    equal(status, 0, said)
    return folder / "config/live" / NAME / "fullchain.pem"


def test_certbot():
    """certbot gets a certificate and renews it"""
    files("usr/lib/python3/dist-packages/certbot/main.py", "python3-certbot")
    with Site() as site, authority(site) as (url, trust, web):
        chain = certbot(site, trust, "certonly", "--standalone",
                        "--server", url, "--http-01-port", str(web),
                        "--http-01-address", "127.0.0.1", "--agree-tos",
                        "--email", "a@example.org", "--no-eff-email",
                        "-d", NAME, "--deploy-hook", site.hook)
        site.wait_shown(chain)
        first = chain.read_text()
        certbot(site, trust, "renew", "--force-renewal",
                "--no-random-sleep-on-renew")
        check(chain.read_text() != first, "renewed")
        site.wait_shown(chain)


def test_dehydrated():
    """dehydrated gets a certificate, by a web server that there is"""
    dehydrated = find("dehydrated", "dehydrated")
    with Site() as site, authority(site) as (url, trust, web):
        well_known = site.acme / "www/.well-known/acme-challenge"
        well_known.mkdir(parents=True)
        conf = site.acme / "config"
        conf.write_text(
            f'CA={url}\nBASEDIR={site.acme}/base\nWELLKNOWN={well_known}\n'
            f'HOOK={site.hook}\nKEY_ALGO=prime256v1\n'
            f'CURL_OPTS="--cacert {trust}"\n')
        (site.acme / "base").mkdir()
        site.own()
        with web_server(site, web):
            for words in (("--register", "--accept-terms"),
                          ("-c", "-d", NAME)):
                status, said = site.run(
                    [site.place(dehydrated), "-f", str(conf), *words])
                equal(status, 0, said)
        site.wait_shown(site.acme / "base/certs" / NAME / "fullchain.pem")


def test_uacme():
    """uacme gets a certificate, and the hook is typed after it"""
    program = find("uacme", "uacme")
    answer = files("usr/share/uacme/uacme.sh", "uacme")[0]
    if not Path(KNOWN).exists():
        raise Skip("there is no " + KNOWN)
    with Site() as site, authority(site) as (url, trust, web):
        challenges = site.acme / "www/.well-known/acme-challenge"
        challenges.mkdir(parents=True)
        command = [site.place(program), "--confdir",
                   str(site.acme / "uacme"), "--acme-url", url, "--yes",
                   "--type", "EC"]
        site.own()
        with web_server(site, web):
            for words in (("new", "a@example.org"),
                          ("--hook", site.place(answer), "issue", NAME)):
                status, said = site.run_trusting(
                    trust, [*command, *words],
                    UACME_CHALLENGE_PATH=str(challenges))
                equal(status, 0, said)
        folder = site.acme / "uacme"
        chain = folder / NAME / "cert.pem"
        status, said = site.run(
            [site.hook, str(folder / "private" / NAME / "key.pem"),
             str(chain)])
        equal((status, said), (0, ""), "the hook")
        site.wait_shown(chain)


def test_called():
    """As certbot calls it, by the folder of the renewed; as one types it after
    uacme; and whatever else dehydrated tells of is nothing to it"""
    with Site() as site:
        _, chain = site.pair()
        status, said = site.run([site.hook], RENEWED_LINEAGE=str(site.acme))
        equal((status, said), (0, ""), "certbot")
        site.wait_shown(chain)
        key, chain = site.pair()
        status, said = site.run([site.hook, key, chain])
        equal((status, said), (0, ""), "uacme")
        site.wait_shown(chain)
        equal(site.pem.stat().st_mode & 0o777, 0o600, "mode")
        before = site.pem.read_bytes()
        for words in (("startup_hook",), ("exit_hook", ""),
                      ("deploy_challenge", NAME, "token", "value"),
                      ("unchanged_cert", NAME, key, key, chain, chain)):
            status, said = site.run([site.hook, *words])
            equal((status, said), (0, ""), f"{words}")
        equal(site.pem.read_bytes(), before, "the file")


def test_refused():
    """What is no key and no certificate leaves the old file as it is"""
    with Site() as site:
        before = site.pem.read_bytes()
        key, chain = site.pair()
        nothing = str(site.acme / "nothing")
        Path(nothing).touch()
        for words in ((key, nothing), (nothing, chain), (chain, key), (key,),
                      ("/no.key", "/no.crt"), (), (key, chain, chain)):
            status, said = site.run([site.hook, *words])
            check(status != 0 and "certificate-hook: " in said,
                  f"{words}: {status} {said}")
            equal(site.pem.read_bytes(), before, f"{words}")
        equal([p.name for p in site.dir.glob("tls.pem.*")], [], "left")


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
