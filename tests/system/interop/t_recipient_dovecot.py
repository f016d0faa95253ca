# SPDX-License-Identifier: ISC
"""Dovecot's LMTP is asked about recipients ("recipient-check next-hop"): who is
unknown or full there is refused at RCPT in its words, no stranger gets a
report, and while it is down, those that it has accepted are accepted."""
from lib import dovecot, queuefile
from lib.later import Later
from lib.nexthops import DOVECOT, USERS, DovecotLmtp
from lib.scratch import Instance
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
# Each user has room for one message.
STORAGE = """mail_location = maildir:{top}/home/%n/Maildir
auth_username_format = %Ln
mail_plugins = quota
lmtp_rcpt_check_quota = yes
plugin {{
  quota = maildir:User quota
  quota_rule = *:messages=1
}}
""" + USERS
CONFIG = """hostname mx.example.org
domains example.org store.example
route store.example lmtp:{hop}
recipient-check next-hop
auth off
penalties off
"""


class Store(DovecotLmtp):
    """Dovecot with quotas."""

    def configure(self):
        if dovecot.version() >= (2, 4):
            raise Skip("the quota of Dovecot 2.4 is set in other words")
        (self.top / "conf").write_text(DOVECOT.format(
            storage=STORAGE.format(top=self.top), top=self.top,
            port=self.port, user=self.account.pw_name, group=self.group()))

    def messages(self, user):
        return list((self.top / "home" / user).glob("Maildir/new/*"))


class Front(Later, Instance):
    """A server in front of it."""

    def rcpt(self, *addresses):
        """The replies to these recipients."""
        said = []
        with self.connect(self.smtp) as talker:
            talker.hello()
            talker.expect("250 ", "MAIL FROM:<stranger@example.com>")
            for address in addresses:
                talker.send(f"RCPT TO:<{address}>\r\n")
                said.append(talker.reply().last)
        return said

    def send(self, address):
        """A message from a stranger."""
        with self.connect(self.smtp) as talker:
            talker.hello()
            talker.expect("250 ", "MAIL FROM:<stranger@example.com>")
            talker.expect("250 ", f"RCPT TO:<{address}>")
            talker.expect("354 ", "DATA")
            talker.expect("250 ", "Subject: x\r\n\r\nx\r\n.")


def ask(front, store):
    """While it is up."""
    for hop in (f"unix:{store.socket}", f"127.0.0.1:{store.port}"):
        front.smtpd.stop()
        front.pop3d.stop()
        front.configure(CONFIG.format(hop=hop), False)
        front.own()
        front.start()
        said = front.rcpt("joe@store.example", "nobody@store.example",
                          "JOE@store.example")
        equal([line[:9] for line in said],
              ["250 2.1.5", "550 5.1.1", "250 2.1.5"], str(said))
        check("User doesn't exist: nobody@store.example" in said[1], said[1])
    front.send("ann@store.example")
    wait_for(lambda: store.messages("ann"), "the message", 60)
    wait_for(lambda: not queuefile.messages(front.dir / "queue"),
             "the queue to be empty")
    front.go_by(61)
    full, = front.rcpt("ann@store.example")
    check(full[:4] in ("552 ", "452 ") and full[5:9] == ".2.2", full)
    check("quota" in full.lower(), full)


def test_store():
    """Unknown, full, and down; over TCP and a socket of this machine"""
    with Front("", tls=False) as front:
        with Store(front) as store:
            ask(front, store)
        front.go_by(601)
        said = front.rcpt("joe@store.example", "carol@store.example",
                          "nobody@store.example")
        equal([line[:3] for line in said], ["250", "451", "451"], str(said))
        check("from=<>" not in front.smtpd.text(), "a report")


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
