# SPDX-License-Identifier: ISC
"""Programs that submit mail, each behind the same three lines of interface.

A client is asked to send one message by one mechanism over one kind of
connection. What it cannot do it does not list; what is not there skips.
"""
import os
import smtplib
import subprocess
from email.message import EmailMessage
from pathlib import Path

from . import peers
from .player import PASSWORDS
from .scratch import client_context
from .tap import Skip, equal

USER, PASSWORD = "alice", PASSWORDS["alice"]
SENDER, RCPT = "alice@example.org", "bob@example.org"
CLEAR, STARTTLS, TLS = "clear", "STARTTLS", "TLS"
KINDS = (CLEAR, STARTTLS, TLS)
WORK = "clients"        # a folder that anybody may read


class Job:
    """What is to be sent, how, and to which of our ports."""

    def __init__(self, server, mechanism, kind, text):
        self.server, self.mechanism, self.kind = server, mechanism, kind
        self.text = text
        self.port = server.submissions if kind == TLS else server.submission
        self.dir = server.dir / WORK
        self.dir.mkdir(exist_ok=True)

    def message(self):
        """The whole message, as bytes with LF."""
        message = EmailMessage()
        message["From"], message["To"] = SENDER, RCPT
        message["Subject"] = "matrix"
        message.set_content(self.text, cte="8bit" if not self.text.isascii()
                            else "7bit")
        return message.as_bytes()

    def wire(self):
        """The same with CRLF, for those that send what they are given."""
        return self.message().replace(b"\n", b"\r\n")

    def file(self, name, data):
        """Writes a file for the client; returns its path."""
        path = self.dir / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        path.chmod(0o600)
        return path

    def run(self, *command, stdin=b"", env=None):
        """Runs the client to its end, which must be a good one."""
        environment = dict(self.server.environment(), **(env or {}))
        done = subprocess.run(
            [str(word) for word in command], input=stdin, timeout=120,
            capture_output=True, cwd=self.dir, env=environment, check=False)
        equal(done.returncode, 0, (done.stderr + done.stdout)[-900:].decode(
            errors="replace"))


class Client:
    """One of them."""

    name = ""
    mechanisms = ("PLAIN", "LOGIN", "CRAM-MD5")
    kinds = KINDS

    def look(self):
        """Raises Skip if none of its rows can be had."""

    def send(self, job):
        """Sends job's message, or raises."""
        raise NotImplementedError

    def binds(self, mechanism, kind):
        """Whether it insists on a login that is bound to the connection."""
        return False


class Python(Client):
    """smtplib."""

    name = "smtplib"

    def send(self, job):
        if job.kind == TLS:
            smtp = smtplib.SMTP_SSL("127.0.0.1", job.port, timeout=60,
                                    context=client_context())
        else:
            smtp = smtplib.SMTP("127.0.0.1", job.port, timeout=60)
        with smtp:
            if job.kind == STARTTLS:
                smtp.starttls(context=client_context())
            smtp.ehlo()
            smtp.user, smtp.password = USER, PASSWORD
            method = getattr(smtp, "auth_"
                             + job.mechanism.lower().replace("-", "_"))
            smtp.auth(job.mechanism, method)
            options = [] if job.text.isascii() else ["BODY=8BITMIME"]
            smtp.sendmail(SENDER, [RCPT], job.wire(), options)


class Curl(Client):
    """curl."""

    name = "curl"

    def send(self, job):
        scheme = "smtps" if job.kind == TLS else "smtp"
        options = ["--ssl-reqd"] if job.kind == STARTTLS else []
        path = job.file("mail", job.wire())
        job.run(peers.find("curl", "curl"), "-sSk", *options,
                "--user", f"{USER}:{PASSWORD}", "--login-options",
                f"AUTH={job.mechanism}", "--mail-from", SENDER,
                "--mail-rcpt", RCPT, "-T", path,
                f"{scheme}://127.0.0.1:{job.port}/client.example.net")


class Swaks(Client):
    """swaks, which pipelines when told to."""

    name = "swaks"
    options = ()

    def send(self, job):
        tls = {CLEAR: [], STARTTLS: ["--tls"], TLS: ["--tls-on-connect"]}
        path = job.file("mail", job.message())
        job.run(peers.find("swaks", "swaks"), "--server",
                f"127.0.0.1:{job.port}", "--from", SENDER, "--to", RCPT,
                "--ehlo", "client.example.net", "--data", f"@{path}",
                "--auth", job.mechanism, "--auth-user", USER,
                "--auth-password", PASSWORD, "--silent", "2",
                *tls[job.kind], *self.options)


class SwaksPipelining(Swaks):
    """The same, with MAIL, RCPT and DATA in one go."""

    name = "swaks --pipeline"
    options = ("--pipeline",)


def scram_in_tls(program):
    """What msmtp or mpop speaks in TLS when it is told to speak SCRAM. Those
    that know channel binding take a login without it for an attack: they end
    before they have sent AUTH, whatever the server offers."""
    done = subprocess.run([peers.find(program, program), "--version"],
                          capture_output=True, text=True, check=False)
    known = done.stdout.split()
    for method in ("scram-sha-256-plus", "scram-sha-256"):
        if method in known:
            return method
    raise Skip(f"{program} knows no SCRAM here")


class Msmtp(Client):
    """msmtp, which pipelines when it may."""

    name = "msmtp"
    mechanisms = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256")

    def binds(self, mechanism, kind):
        return mechanism.startswith("SCRAM") and kind != CLEAR

    def send(self, job):
        method = job.mechanism.lower()
        if self.binds(job.mechanism, job.kind):
            method = scram_in_tls("msmtp")
        rc = job.file("msmtprc", (
            f"account default\nhost 127.0.0.1\nport {job.port}\n"
            f"auth {method}\nuser {USER}\n"
            f"password {PASSWORD}\nfrom {SENDER}\ndomain x.example\n"
            f"tls {'off' if job.kind == CLEAR else 'on'}\n"
            f"tls_starttls {'off' if job.kind == TLS else 'on'}\n"
            "tls_certcheck off\n"))
        job.run(peers.find("msmtp", "msmtp"), "-C", rc, RCPT,
                stdin=job.message())


class Mutt(Client):
    """mutt, with an SMTP client of its own."""

    name = "mutt"
    mechanisms = ("PLAIN", "LOGIN", "CRAM-MD5")

    def send(self, job):
        scheme = "smtps" if job.kind == TLS else "smtp"
        how = "" if job.mechanism is None else \
            f'set smtp_authenticators="{job.mechanism.lower()}"\n'
        rc = job.file("muttrc", (
            f'set smtp_url="{scheme}://{USER}@127.0.0.1:{job.port}/"\n'
            f'set smtp_pass="{PASSWORD}" from="{SENDER}" realname=""\n'
            f'{how}set certificate_file="{job.server.pem}"\n'
            "set ssl_verify_host=no ssl_verify_dates=no copy=no\n"
            f"set ssl_starttls={'yes' if job.kind == STARTTLS else 'no'}\n"
            f"set ssl_force_tls={'no' if job.kind == CLEAR else 'yes'}\n"
            'set send_charset="utf-8" charset="utf-8" allow_8bit=yes\n'
            f'set tmpdir="{job.dir}"\n'))
        job.run(peers.find("mutt", "mutt"), "-n", "-F", rc, "-s", "matrix",
                RCPT, stdin=job.text.encode())


class Git(Client):
    """git send-email."""

    name = "git send-email"
    mechanisms = ("PLAIN", "LOGIN", "CRAM-MD5")

    def send(self, job):
        kinds = {CLEAR: [], STARTTLS: ["--smtp-encryption=tls"],
                 TLS: ["--smtp-encryption=ssl"]}
        path = job.file("0001-mail.patch", job.message())
        job.run(self.program(), "--smtp-server=127.0.0.1",
                "--smtp-ssl-cert-path", "",
                # Otherwise it asks a server at port 25 for it.
                "--smtp-domain=client.example",
                f"--smtp-server-port={job.port}", *kinds[job.kind],
                f"--smtp-user={USER}", f"--smtp-pass={PASSWORD}",
                f"--smtp-auth={job.mechanism}",
                f"--from={SENDER}", f"--to={RCPT}", "--confirm=never",
                "--suppress-cc=all", f"--envelope-sender={SENDER}",
                "--transfer-encoding=8bit", "--quiet", path,
                env={"GIT_CONFIG_NOSYSTEM": "1",
                     "GIT_CEILING_DIRECTORIES": "/", "EMAIL": SENDER})

    @staticmethod
    def program():
        """It is in a folder of git's own."""
        root = os.environ.get("RESTANTE_PEERS", "/nowhere")
        for base in (Path("/"), Path(root, "git-email")):
            path = base / "usr/lib/git-core/git-send-email"
            if os.access(path, os.X_OK):
                return path
        raise Skip("git-send-email is not there (Debian package git-email)")


class Mailutils(Client):
    """mail of GNU mailutils, with an SMTP client of its own."""

    name = "mailutils"

    def send(self, job):
        scheme = "smtps" if job.kind == TLS else "smtp"
        url = f"{scheme}://{USER}:{PASSWORD}@127.0.0.1:{job.port};" \
            f"auth={job.mechanism.lower()}" \
            + (";notls" if job.kind == CLEAR else "")
        fields = ("MIME-Version: 1.0",
                  "Content-Type: text/plain; charset=utf-8",
                  "Content-Transfer-Encoding: 8bit")
        words = [peers.find("mail.mailutils", "mailutils"), "-n",
                 "--no-config", "-r", SENDER, "-s", "matrix",
                 *(word for field in fields for word in ("-a", field)),
                 "-E", f'set sendmail="{url}"', RCPT]
        for attempt in range(3):
            try:
                job.run(*words, stdin=job.text.encode())
                return
            except AssertionError as error:
                # Now and then it sends its password as it keeps it in memory,
                # with each octet changed.
                if attempt == 2 or "handshake failed: 535" not in str(error):
                    raise


class PhpMailer(Client):
    """PHPMailer."""

    name = "PHPMailer"
    script = r"""<?php
foreach (['Exception', 'SMTP', 'PHPMailer'] as $name)
    require getenv('MAILER') . "/$name.php";
$m = new PHPMailer\PHPMailer\PHPMailer(true);
$m->isSMTP();
$m->Host = '127.0.0.1';
$m->Port = getenv('PORT');
$m->SMTPAuth = true;
$m->AuthType = getenv('MECHANISM');
$m->Username = getenv('LOGIN');
$m->Password = getenv('SECRET');
$m->SMTPSecure = getenv('SECURE');
$m->SMTPAutoTLS = false;
$m->SMTPOptions = ['ssl' => ['verify_peer' => false,
    'verify_peer_name' => false, 'allow_self_signed' => true]];
$m->CharSet = 'utf-8';
$m->Encoding = '8bit';
$m->setFrom(getenv('FROM'));
$m->addAddress(getenv('RCPT'));
$m->Subject = 'matrix';
$m->Body = stream_get_contents(STDIN);
$m->send();
"""

    def send(self, job):
        source = peers.files("usr/share/php/libphp-phpmailer/src/PHPMailer.php",
                             "libphp-phpmailer")[0]
        secure = {CLEAR: "", STARTTLS: "tls", TLS: "ssl"}
        job.run(peers.php(), "-n", "-d", f"extension={self.ctype()}", "-f",
                job.file("mail.php", self.script),
                stdin=job.text.encode(),
                env={"MAILER": str(source.parent), "PORT": str(job.port),
                     "MECHANISM": job.mechanism, "LOGIN": USER,
                     "SECRET": PASSWORD, "SECURE": secure[job.kind],
                     "FROM": SENDER, "RCPT": RCPT})

    @staticmethod
    def ctype():
        """An extension that it needs, and that is a file of its own."""
        return peers.files("usr/lib/php/*/ctype.so", "php8.*-common")[0]


class Nodemailer(Client):
    """nodemailer."""

    name = "nodemailer"
    script = r"""
const e = process.env, fs = require('fs');
require(e.MAILER).createTransport({
    host: '127.0.0.1', port: e.PORT, secure: e.KIND === 'TLS',
    requireTLS: e.KIND === 'STARTTLS', ignoreTLS: e.KIND === 'clear',
    authMethod: e.MECHANISM, auth: { user: e.LOGIN, pass: e.SECRET },
    tls: { rejectUnauthorized: false },
}).sendMail({
    from: e.FROM, to: e.RCPT, subject: 'matrix',
    text: fs.readFileSync(0, 'utf8'),
}).catch(error => { console.error(error); process.exit(1); });
"""

    def send(self, job):
        source = peers.files("usr/share/nodejs/nodemailer/lib/nodemailer.js",
                             "node-nodemailer")[0]
        job.run(peers.find("node", "nodejs"), job.file("mail.js", self.script),
                stdin=job.text.encode(),
                env={"MAILER": str(source), "PORT": str(job.port),
                     "KIND": job.kind, "MECHANISM": job.mechanism,
                     "LOGIN": USER, "SECRET": PASSWORD, "FROM": SENDER,
                     "RCPT": RCPT})


class Busybox(Client):
    """busybox sendmail, which has openssl speak TLS for it."""

    name = "busybox sendmail"
    mechanisms = ("PLAIN", "LOGIN")

    def look(self):
        program = peers.find("busybox", "busybox")
        said = subprocess.run([program, "sendmail", "--help"],
                              capture_output=True, check=False).stderr
        if b"applet not found" in said:
            raise Skip("this busybox has no sendmail, nor has Debian's")

    def send(self, job):
        tls = f"exec openssl s_client -quiet -connect 127.0.0.1:{job.port}"
        how = {CLEAR: ["-S", f"127.0.0.1:{job.port}"], TLS: ["-H", tls],
               STARTTLS: ["-H", tls + " -starttls smtp"]}
        job.run(peers.find("busybox", "busybox"), "sendmail", "-f", SENDER,
                *how[job.kind], f"-au{USER}", f"-ap{PASSWORD}",
                f"-am{job.mechanism}", "-i", RCPT, stdin=job.message())


ALL = (Python(), Curl(), Swaks(), SwaksPipelining(), Msmtp(), Mutt(), Git(),
       Mailutils(),
       PhpMailer(), Nodemailer(), Busybox())
