# SPDX-License-Identifier: ISC
"""Providers that take mail from the address of the account alone.

    with Provider(QQ, folder) as hop:
        ... relay to hop.url ...

Each refuses as the real one is known to: another sender, none, another From,
the account's password in place of its code or token.
"""
import email.policy
from dataclasses import dataclass

from .fakemx import FakeMx
from .scratch import make_certificate

PLAIN = ("PIPELINING", "SIZE 73400320", "8BITMIME")
MODERN = ("PIPELINING", "SIZE 157286400", "DSN", "ENHANCEDSTATUSCODES",
          "8BITMIME", "CHUNKING", "SMTPUTF8")


@dataclass(frozen=True)
class Kind:
    """What a provider is like."""

    name: str
    account: str
    password: str       # of the web page
    secret: str         # for programs: a code, or a token
    wrapped: bool
    extensions: tuple
    mechanisms: tuple
    sender: str         # the reply to another sender
    nobody: str         # to MAIL FROM:<>
    author: str         # to another From
    login: str          # to the password


QQ = Kind(
    "QQ", "12345@qq.com", "password", "abcdefghijklmnop", True, PLAIN,
    ("LOGIN", "PLAIN"),
    "501 mail from address must be same as authorization user",
    "501 mail from address must be same as authorization user",
    "550 Mail From header must be same as authorization user",
    "535 Login Fail. Please enter your authorization code to login")
NETEASE = Kind(
    "163", "mm@163.com", "password", "ABCDEFGHIJKLMNOP", True, PLAIN,
    ("LOGIN", "PLAIN"), "553 Mail from must equal authorized user",
    "553 Mail from must equal authorized user",
    "550 Invalid header From: must equal authorized user",
    "535 Error: authentication failed")
OUTLOOK = Kind(
    "Outlook", "me@outlook.com", "password", "t0ken.of.today", False, MODERN,
    ("LOGIN", "XOAUTH2"),
    "554 5.2.252 SendAsDenied; not allowed to send as this sender",
    "554 5.2.252 SendAsDenied; not allowed to send as nobody",
    "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
    "535 5.7.139 Authentication unsuccessful, basic authentication is "
    "disabled")
TOKENS = {"OAUTHBEARER", "XOAUTH2"}
KINDS = (QQ, NETEASE, OUTLOOK)


def fields(message, name):
    """The values of a header field in a message that has arrived."""
    parsed = email.message_from_bytes(message.body,
                                      policy=email.policy.compat32)
    return parsed.get_all(name, [])


class Provider(FakeMx):
    """One of them, at localhost; its certificate is in `trust`."""

    def __init__(self, kind, folder):
        self.kind = kind
        pem = folder / f"{kind.name}.pem"
        make_certificate(pem, "localhost")
        self.trust = folder / f"{kind.name}.trust"
        text = pem.read_text()
        self.trust.write_text(text[text.index("-----BEGIN CERT"):])
        super().__init__(
            {"mail": self.judge_sender, "dot": self.judge_author,
             "auth": self.judge_login},
            pem=pem, wrapped=kind.wrapped, extensions=kind.extensions,
            users={kind.account: kind.secret}, mechanisms=kind.mechanisms)

    @property
    def url(self):
        """For the key relay."""
        scheme = "smtps" if self.wrapped else "smtp"
        user = self.kind.account.replace("@", "%40")
        return f"{scheme}://{user}@localhost:{self.port}"

    @property
    def takes_tokens(self):
        """Passwords are of no use."""
        return not TOKENS.isdisjoint(self.mechanisms)

    def judge_sender(self, session, argument):
        """The account's alone, once it has logged in."""
        address, _ = session.path(argument, "FROM")
        if not session.user:
            return "530 5.7.57 Client was not authenticated"
        if address == "":
            return self.kind.nobody
        return None if address == session.user else self.kind.sender

    def judge_author(self, session, _argument):
        """One From, and the account in it."""
        found = fields(self.received[-1], "From")
        good = len(found) == 1 and \
            email.utils.getaddresses(found)[0][1] == session.user and \
            len(email.utils.getaddresses(found)) == 1
        return None if good else self.kind.author

    def judge_login(self, session, argument):
        """With tokens alone, a password fails whatever it is."""
        mechanism = argument.split()[0].upper()
        if self.takes_tokens and mechanism not in TOKENS:
            session.mx.logins.append((mechanism, "", False))
            return self.kind.login
        return None
