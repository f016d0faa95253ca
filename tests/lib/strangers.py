# SPDX-License-Identifier: ISC
"""A site that strangers bring mail to, with a DNS of the test's.

A proxy says which client it is, so that any address can be one.
"""
from .site import Site
from .spfsuite import ZoneDns, records_of
from .talk import stuff

CLIENT = "198.51.100.7"


class Host(Site):
    """records: {name: {type: [record]}}, which may change at any time."""

    def __init__(self, records, config=""):
        self.records = records
        self.dns = ZoneDns(records_of(records))
        try:
            super().__init__(2, "mail.example.org", "example.org",
                             self.keys() + config)
        except BaseException:
            self.dns.__exit__()
            raise

    def __exit__(self, *_):
        super().__exit__()
        self.dns.__exit__()

    def keys(self):
        """What all its configurations have."""
        return (f"resolver {self.dns.address}\nproxy 127.0.0.1\n"
                "policy-exempt 192.0.2.200\n")

    def bring(self, data, to, sender="a@good.example", client=CLIENT,
              helo="client.good.example"):
        """The reply to a message, which is octets."""
        with self.talk() as talker:
            talker.send(f"PROXY TCP4 {client} 192.0.2.1 4711 25\r\n")
            talker.expect("220 ")
            talker.expect("250", f"EHLO {helo}")
            talker.expect("250 ", f"MAIL FROM:<{sender}>")
            talker.expect("250 ", f"RCPT TO:<{to}>")
            talker.expect("354 ", "DATA")
            end = b"" if data.endswith(b"\r\n") else b"\r\n"
            talker.send(stuff(data) + end + b".\r\n")
            return talker.reply().last
