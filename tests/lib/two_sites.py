# SPDX-License-Identifier: ISC
"""Two of our servers, a name server and, at a third address, whatever a test
puts there.

All listen on one port of several loopback addresses, so that a test needs no
root; "route * mx:PORT" is all that differs from the Internet.
"""
import email
import random

from .dns import RealDns
from .ledger import compose
from .nexthops import text_of
from .ports import free_port
from .site import Site
from .tap import equal

FROM = "alice@a.test"
HERE, THERE, THIRD = (f"127.0.0.{n}" for n in (2, 3, 4))
ZONE = f"""
a.test. 60 IN MX 10 mx.a.test.
mx.a.test. 60 IN A {HERE}
b.test. 60 IN MX 10 mx.b.test.
mx.b.test. 60 IN A {THERE}
c.test. 60 IN MX 10 mx.c.test.
mx.c.test. 60 IN A {THIRD}
two.test. 60 IN MX 5 down.test.
two.test. 60 IN MX 20 mx.c.test.
down.test. 60 IN A 127.0.0.99
plain.test. 60 IN A {THIRD}
alias.test. 60 IN CNAME c.test.
hosts.test. 60 IN MX 10 hop.hosts.test.
hop.hosts.test. 60 IN CNAME mx.c.test.
null.test. 60 IN MX 0 .
text.test. 60 IN TXT "neither MX nor address"
back.test. 60 IN MX 5 mx.a.test.
back.test. 60 IN MX 10 mx.c.test.
late.test. 60 IN MX 5 mx.c.test.
late.test. 60 IN MX 10 mx.a.test.
""".strip().splitlines()


class Opened:
    """Sites on one port, and what is opened beside them, closed in the end."""

    def __init__(self):
        self.port = free_port()
        self.opened = []

    def open(self, thing):
        """To be closed in the end."""
        self.opened.append(thing.__enter__())
        return thing

    def __exit__(self, *_):
        for thing in reversed(self.opened):
            thing.__exit__(None, None, None)


class TwoSites(Opened):
    """Two sites, a name server, and a fake site: the rest of the Internet."""

    def __init__(self):
        super().__init__()
        self.number = 0

    def __enter__(self):
        try:
            self.a = self.open(Site(2, "mx.a.test", "a.test",
                                    port=self.port))
            self.dns = self.open(RealDns(self.a, ZONE))
            self.b = self.open(Site(3, "mx.b.test", "b.test",
                                    self.direct(), port=self.port))
            self.a.change(self.direct())
        except BaseException:
            self.__exit__()
            raise
        return self

    def direct(self, resolver=None):
        """The keys for mail by MX on the common port."""
        return (f"resolver {resolver or self.dns.address}\n"
                f"route * mx:{self.port}\n")

    def settled(self):
        """Ends what is left over of a test, so that none inherits it."""
        for site in (self.a, self.b):
            site.settled()

    def notes(self):
        """Both sites' logs."""
        return f"A\n{self.a.notes()}\nB\n{self.b.notes()}"

    def message(self):
        """(id, text) of another one."""
        self.number += 1
        ident = f"x{self.number}"
        return ident, compose(ident, random.Random(ident))

    def send(self, *recipients):
        """Alice of a.test sends a message; returns its id and text."""
        ident, text = self.message()
        self.a.send(FROM, recipients, text)
        return ident, text


def whole(box, ident, text):
    """The last message of a mailbox must be that."""
    equal(text_of(box[-1].wire, ident), text.rstrip(b"\r\n"), "text")


def taken(hop, ident, text, count=1):
    """The fake server must have got that last, octet for octet."""
    got = hop.wait(count)
    equal(len(got), count, "messages")
    equal(text_of(got[-1].body, ident), text.rstrip(b"\r\n"), "text")
    return got[-1]


def report(site, action="failed"):
    """(status, diagnostic) of the one report that alice has got."""
    box = site.wait_mail("alice")
    parts = [p for p in email.message_from_bytes(box[0].wire).walk()
             if p.get_content_type() == "message/delivery-status"]
    fields = parts[0].get_payload()[1]
    equal(fields["Action"], action, "action")
    site.settled()
    return fields["Status"], fields["Diagnostic-Code"] or ""
