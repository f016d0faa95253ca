# SPDX-License-Identifier: ISC
"""Twisted's SMTP server as a next hop: see lib/python_hops.py."""
import json
import sys
from pathlib import Path

from twisted.cred import checkers, credentials, portal
from twisted.internet import defer, reactor, ssl
from twisted.mail import imap4, smtp
from zope.interface import implementer

JOB = json.loads(sys.argv[1])


@implementer(smtp.IMessage)
class Message:
    """One, line by line."""

    count = 0

    def __init__(self, rcpt, delivery):
        self.rcpt, self.delivery, self.lines = rcpt, delivery, []

    def lineReceived(self, line):
        """A line without its end."""
        self.lines.append(line)

    def eomReceived(self):
        """A file for each recipient."""
        Message.count += 1
        path = Path(JOB["folder"], str(Message.count))
        head = {"sender": self.delivery.sender, "rcpts": [self.rcpt],
                "options": [], "tls": self.delivery.tls(),
                "user": self.delivery.user}
        part = path.with_suffix(".part")
        part.write_bytes(json.dumps(head).encode() + b"\n" + b"".join(
            line + b"\r\n" for line in self.lines))
        part.rename(path)
        return defer.succeed(None)

    def connectionLost(self):
        """Then there is no message."""
        self.lines = []


@implementer(smtp.IMessageDelivery)
class Delivery:
    """What a client may do."""

    sender = protocol = None

    def __init__(self, user):
        self.user = user

    def tls(self):
        """Whether the connection is in TLS."""
        return bool(self.protocol.startedTLS)

    def receivedHeader(self, helo, origin, recipients):
        """None of its own: the message stays as it is."""
        return b"X-Hop: twisted"

    def validateFrom(self, helo, origin):
        """Any."""
        self.sender = str(origin)
        if JOB["pem"] and not self.user:
            raise smtp.SMTPBadSender(origin, 530, "Log in first")
        return origin

    def validateTo(self, user):
        """Not all of them."""
        if user.dest.local == b"nosuch":
            raise smtp.SMTPBadRcpt(user, 550, "There is no such user")
        if user.dest.local == b"later":
            raise smtp.SMTPBadRcpt(user, 451, "Come back later")
        self.protocol = user.protocol
        return lambda: Message(str(user.dest), self)


@implementer(portal.IRealm)
class Realm:
    """Of those who have logged in, and of strangers."""

    def requestAvatar(self, who, mind, *interfaces):
        """A Delivery for them."""
        return (smtp.IMessageDelivery, Delivery(bool(who)), lambda: None)


class Factory(smtp.SMTPFactory):
    """Of ESMTP."""

    def buildProtocol(self, address):
        context = ssl.DefaultOpenSSLContextFactory(JOB["pem"], JOB["pem"]) \
            if JOB["pem"] else None
        server = smtp.ESMTP(
            {b"CRAM-MD5": credentials.CramMD5Credentials,
             b"LOGIN": imap4.LOGINCredentials,
             b"PLAIN": imap4.PLAINCredentials} if JOB["pem"] else {}, context)
        server.factory, server.portal = self, self.portal
        server.host = b"twisted.test"
        return server


users = checkers.InMemoryUsernamePasswordDatabaseDontUse()
users.addUser(JOB["user"].encode(), JOB["password"].encode())
door = portal.Portal(Realm(), [users, checkers.AllowAnonymousAccess()])
reactor.listenTCP(JOB["port"], Factory(door), interface="127.0.0.1")
print("listening", flush=True)
reactor.run()
