# SPDX-License-Identifier: ISC
"""Sends messages by Twisted's SMTP client: see lib/libraries.py."""
import io
import json
import sys

from twisted.internet import defer, reactor, ssl
from twisted.mail import smtp

JOB = json.load(sys.stdin)
AUTHENTICATORS = {"PLAIN": smtp.PLAINAuthenticator,
                  "LOGIN": smtp.LOGINAuthenticator,
                  "CRAM-MD5": smtp.CramMD5ClientAuthenticator}


class Sender(smtp.ESMTPSender):
    """With the one mechanism that is asked for."""

    def _registerAuthenticators(self):
        self.registerAuthenticator(
            AUTHENTICATORS[JOB["mechanism"]](self.username))


class Factory(smtp.ESMTPSenderFactory):
    """Of these."""

    protocol = Sender


@defer.inlineCallbacks
def send(text, rcpt):
    """One message; what was answered, "" if all went well."""
    done = defer.Deferred()
    any_certificate = ssl.CertificateOptions(verify=False)
    starttls = JOB["kind"] == "STARTTLS"
    factory = Factory(
        JOB["user"].encode(), JOB["password"].encode(), JOB["sender"], rcpt,
        io.BytesIO(text), done, retries=0, timeout=60,
        contextFactory=any_certificate, requireAuthentication=True,
        requireTransportSecurity=starttls)
    if JOB["kind"] == "TLS":
        reactor.connectSSL("127.0.0.1", JOB["port"], factory, any_certificate)
    else:
        reactor.connectTCP("127.0.0.1", JOB["port"], factory)
    try:
        yield done
    except Exception as error:
        return f"{getattr(error, 'code', '')} {error}".strip()
    return ""


@defer.inlineCallbacks
def main():
    """All of them, one after the other."""
    said = []
    for path, rcpt in JOB["mails"]:
        with open(path, "rb") as file:
            said.append((yield send(file.read(), rcpt)))
    print(json.dumps(said))
    reactor.stop()


reactor.callWhenRunning(main)
reactor.run()
