# SPDX-License-Identifier: ISC
"""Collects messages by Twisted's POP3 client: see lib/libraries.py."""
import json
import sys
from pathlib import Path

from twisted.internet import defer, endpoints, reactor, ssl
from twisted.mail import pop3

JOB = json.load(sys.stdin)
ANY = ssl.CertificateOptions(verify=False)


def connect():
    """A connection that has been greeted."""
    greeted = defer.Deferred()

    class Client(pop3.AdvancedPOP3Client):
        """Says when."""

        allowInsecureLogin = True
        MAX_LENGTH = 1 << 20    # of a line

        def _getContextFactory(self):
            return ANY          # its own speaks TLS 1.0 alone

        def serverGreeting(self, greeting):
            super().serverGreeting(greeting)
            reactor.callLater(0, greeted.callback, self)

    point = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", JOB["port"])
    if JOB["kind"] == "TLS":
        point = endpoints.wrapClientTLS(ANY, point)
    client = Client()
    endpoints.connectProtocol(point, client)
    return greeted


@defer.inlineCallbacks
def collect(client):
    """All there is."""
    folder, found = Path(JOB["folder"]), {}
    sizes = yield client.listSize()
    uidls = yield client.listUID()
    for number, size in enumerate(sizes):
        lines = yield client.retrieve(number)
        (folder / str(number + 1)).write_bytes(
            b"".join(line + b"\n" for line in lines))
        top = yield client.retrieve(number, lines=0)
        if lines[:len(top)] != top:
            raise AssertionError(f"TOP {number}")
        found[number + 1] = size
        if JOB["delete"]:
            yield client.delete(number)
    try:
        yield client.retrieve(998)
    except pop3.ServerErrorResponse as error:
        missing = error.args[0].decode()
    yield client.quit()
    return {"count": len(sizes), "sizes": found, "missing": missing,
            "uidls": {n + 1: u.decode() for n, u in enumerate(uidls)}}


@defer.inlineCallbacks
def main():
    """One session."""
    try:
        client = yield connect()
        try:
            yield client.login(JOB["user"].encode(), JOB["password"].encode())
        except pop3.ServerErrorResponse as error:
            print(json.dumps({"error": error.args[0].decode()}))
        else:
            print(json.dumps((yield collect(client))))
    finally:
        reactor.stop()


reactor.callWhenRunning(lambda: main().addErrback(
    lambda failure: sys.stderr.write(failure.getTraceback())))
reactor.run()
