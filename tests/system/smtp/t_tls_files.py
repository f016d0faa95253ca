# SPDX-License-Identifier: ISC
"""The key `tls KEYFILE CHAINFILE`, for certificates that other programs renew:
both files are read again when they have changed, nobody is served a key with
another's certificate in between, and --check finds two that do not fit."""
import re
import smtplib
import ssl

from lib.scratch import ALICE, Scratch, client_context, make_certificate
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
NAME = "mail.example.org"


class Files(Scratch):
    """A configuration whose key and certificate are apart."""

    def __init__(self):
        super().__init__("tls %DIR/live/key.pem %DIR/live/chain.pem\n",
                         tls=False)
        (self.dir / "live").mkdir()
        self.renew()
        self.own()

    def make(self):
        """A new pair: (key, certificate)."""
        path = self.dir / "pair.pem"
        make_certificate(path, NAME)
        text = path.read_text()
        at = text.index("-----BEGIN CERT")
        return text[:at], text[at:]

    def put(self, name, text):
        """Replaces one of the files, as renewals do."""
        path = self.dir / "live" / (name + ".new")
        path.write_text(text)
        path.chmod(0o600)
        self.own()
        path.rename(path.with_suffix(""))

    def renew(self):
        """Replaces both."""
        key, chain = self.make()
        self.put("key.pem", key)
        self.put("chain.pem", chain)
        return chain


def shown(port):
    """The certificate that a new connection gets, in PEM."""
    with smtplib.SMTP_SSL("127.0.0.1", port,
                          context=client_context()) as smtp:
        return ssl.DER_cert_to_PEM_cert(smtp.sock.getpeercert(True))


def same(one, other):
    """Whether two texts in PEM are the same certificate."""
    return re.sub(r"\s", "", one) == re.sub(r"\s", "", other)


def test_renewed():
    """A pair that is renewed file by file: old, old, new; an open session goes
    on"""
    with Files() as files:
        first = files.renew()
        files.own()
        daemon = files.serve("smtpd", "127.0.0.1:0/tls=submission")
        port = daemon.ports[0]
        check(same(shown(port), first), "the first")
        with smtplib.SMTP_SSL("127.0.0.1", port,
                              context=client_context()) as session:
            session.login(*ALICE)
            key, chain = files.make()
            files.put("key.pem", key)
            shown(port)     # has it read again
            wait_for(lambda: "keeping the old certificate" in daemon.text(),
                     "the server to say that the files do not fit")
            check("is not that of the certificate in" in daemon.text(),
                  daemon.text())
            check(same(shown(port), first), "while one file is new")
            files.put("chain.pem", chain)
            wait_for(lambda: same(shown(port), chain), "the new certificate")
            equal(session.noop()[0], 250, "the session from before")
        daemon.stop()


def findings(files):
    """What --check says about certificates."""
    text = files.call("smtpd", "--check").stdout
    return "\n".join(x for x in text.splitlines()
                     if "certificate" in x or "key in" in x)


def test_check():
    """--check counts the days of the certificate, and sees that the key is
    another's, gone, or open to everybody"""
    with Files() as files:
        chain, key = files.dir / "live/chain.pem", files.dir / "live/key.pem"
        said = findings(files)
        check(re.search(r"ok: certificate good for (29|30) more days: "
                        f"{chain}", said), said)
        key.chmod(0o644)
        said = findings(files)
        check(f"error: everybody can read the key in {key}" in said, said)
        chain.chmod(0o644)
        key.chmod(0o600)
        check("everybody" not in findings(files), findings(files))
        files.put("key.pem", files.make()[0])
        said = findings(files)
        check(f"error: certificate: the key in {key} is not that of the "
              f"certificate in {chain}" in said, said)
        for path in (key, chain):
            files.renew()
            path.unlink()
            said = findings(files)
            check(f"cannot read {path}" in said, said)


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
