# SPDX-License-Identifier: ISC
"""The access file: whom its rules refuse, at RCPT and by From at the end of
the data; whom they accept, and what they never do; that it is read again when
it changes, and that what cannot be read leaves the old rules as they were."""
import json
import re
import smtplib

from lib import readers
from lib.dns import A, LyingDns, a, honest
from lib.scratch import ALICE, AM_ROOT, Instance, Scratch, client_context
from lib.spfsuite import ZoneDns, records_of
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
HERE, THERE = "127.0.0.1", "127.0.0.9"
BOB = "bob@example.org"
DENIED = "550 5.7.1 Not accepted here"
CONFIG = "access %DIR/access\nauth off\npolicy-exempt 192.0.2.1\n"


class Server(Instance):
    """A server with such rules."""

    def __init__(self, rules, config="", **settings):
        self.rules = rules
        super().__init__(CONFIG + config, **settings)

    def configure(self, extra="", tls=True):
        super().configure(extra, tls)
        self.write(self.rules)

    def write(self, rules):
        """Other rules, in one step."""
        path = self.dir / "access.new"
        path.write_text(rules)
        path.chmod(0o644)
        path.rename(self.dir / "access")
        self.own()


def rcpt(server, recipient=BOB, *, sender="a@friend.example", helo="mx.example",
         source=HERE, port=None):
    """The reply to RCPT."""
    with server.connect(port or server.smtp, source=source) as talker:
        talker.hello(helo)
        talker.expect("250 ", f"MAIL FROM:<{sender}>")
        talker.send(f"RCPT TO:<{recipient}>\r\n")
        return talker.reply().last


def message(server, author, *recipients, source=HERE, header=""):
    """The reply to a message that has this in From."""
    with server.connect(server.smtp, source=source) as talker:
        talker.hello()
        talker.expect("250 ", "MAIL FROM:<bounce@list.example>")
        for recipient in recipients or (BOB,):
            talker.expect("250 ", f"RCPT TO:<{recipient}>")
        talker.expect("354 ", "DATA")
        talker.send(f"{header}From: {author}\r\nSubject: x\r\n\r\nx\r\n.\r\n")
        return talker.reply().last


# ---- at RCPT ----

RULES = """# first match counts
accept from good@spam.example
refuse from @spam.example We have had enough
refuse from @.spam.example
refuse to old@example.org Gone since May
refuse helo ylmf-pc
refuse client 127.0.0.9 Not from there
"""
# What is said, and the reply; None: bob gets it.
TABLE = [
    ({}, None),
    ({"sender": "x@spam.example"}, "550 5.7.1 We have had enough"),
    ({"sender": "X@SPAM.Example"}, "550 5.7.1 We have had enough"),
    ({"sender": "good@spam.example"}, None),
    ({"sender": "x@a.spam.example"}, DENIED),
    ({"sender": "x@notspam.example"}, None),
    ({"sender": ""}, None),
    ({"recipient": "old@example.org"}, "550 5.7.1 Gone since May"),
    ({"recipient": "old+list@example.org"}, "550 5.7.1 Gone since May"),
    ({"recipient": "old@example.net"}, "550 5.1.1 "),
    ({"helo": "ylmf-pc"}, DENIED),
    ({"helo": "YLMF-PC"}, DENIED),
    ({"helo": "ylmf-pc.example"}, None),
    ({"source": THERE}, "550 5.7.1 Not from there"),
    ({"source": THERE, "sender": ""}, "550 5.7.1 Not from there"),
    ({"source": THERE, "sender": "good@spam.example"}, None),
    ({"source": THERE, "recipient": "postmaster"}, None),
    ({"source": THERE, "recipient": "Postmaster@example.org"}, None),
    ({"sender": "x@spam.example", "recipient": "postmaster@example.net"},
     None),
    ({"source": THERE, "recipient": "postmaster@far.example"},
     "550 5.7.1 Not from there"),
    ({"sender": "good@spam.example", "recipient": "x@far.example"},
     "550 5.7.1 Relaying denied"),
]


def cases_table():
    """Each of these."""
    with Server(RULES, "aliases %DIR/aliases\n") as server:
        for words, reply in TABLE:
            with tap.case(f"RCPT: {words}"):
                got = rcpt(server, **words)
                check(got.startswith(reply or "250 "), got)


def test_users():
    """Of users only recipients count, here and elsewhere; of scripts, too"""
    with Server(RULES + "refuse to @rival.example\n"
                "refuse from @example.org\n") as server:
        with server.connect(server.submission, source=THERE) as talker:
            talker.hello("ylmf-pc")
            talker.login(*ALICE)
            talker.expect("250 ", "MAIL FROM:<alice@example.org>")
            talker.expect("550 5.7.1 Gone", "RCPT TO:<old@example.org>")
            talker.expect(DENIED, "RCPT TO:<x@rival.example>")
            talker.expect("250 ", "RCPT TO:<x@far.example>")
            talker.expect("250 ", f"RCPT TO:<{BOB}>")
        check(rcpt(server, sender="alice@example.org").startswith(DENIED))
        done = server.call("smtpd", "old@example.org", stdin="\nx\n")
        check("Gone since May" in done.stderr, done.stderr)


def test_proxy():
    """A proxy's client is refused, and not the proxy"""
    with Server(RULES + "refuse client 192.0.2.7\n", "proxy 127.0.0.9\n"
                ) as server:
        for address, refused in (("192.0.2.7", True), ("192.0.2.8", False)):
            with server.connect(server.smtp, source=THERE) as talker:
                talker.send(f"PROXY TCP4 {address} 192.0.2.1 4711 25\r\n")
                talker.hello()
                talker.expect("250 ", "MAIL FROM:<a@friend.example>")
                talker.expect(DENIED if refused else "250 ",
                              f"RCPT TO:<{BOB}>")


def test_tls():
    """A session with TLS has the rules, also those that came later"""
    with Server(RULES) as server:
        for rules, refused in ((None, False),
                               ("refuse from @friend.example\n", True)):
            if rules:
                server.write(rules)
            with server.connect(server.smtp) as talker:
                talker.hello()
                talker.expect("220 ", "STARTTLS")
                talker.start_tls(client_context())
                talker.expect("250 ", "EHLO mx.example")
                talker.expect("250 ", "MAIL FROM:<a@friend.example>")
                talker.expect(DENIED if refused else "250 ",
                              f"RCPT TO:<{BOB}>")


# ---- accept ----

def test_accept():
    """Accepted ones skip greylist and dnsbl, and no filter of the envelope"""
    lists = {("1.0.0.127.bl.test", A): honest(a("1.0.0.127.bl.test",
                                                "127.0.0.2"))}
    with LyingDns(lists) as dns, \
            Server("accept from @friend.example\n", "greylist 300\n"
                   f"dnsbl bl.test\nresolver {dns.address}\n") as server:
        check(rcpt(server).startswith("250 "))
        check(rcpt(server, sender="x@other.example").startswith("554 "))
        check(rcpt(server, sender="x@other.example",
                   source="127.0.0.2").startswith("450 "))
        check(rcpt(server, source="127.0.0.2").startswith("250 "))


def test_dmarc():
    """DMARC refuses no accepted message, unless it is for others as well"""
    records = {"list.example": {"MX": ["mx.list.example"]},
               "_dmarc.list.example": {"TXT": ["v=DMARC1; p=reject"]}}
    with ZoneDns(records_of(records)) as dns, \
            Server("accept client 127.0.0.9\naccept to alice@example.org\n"
                   "accept header boss@list.example\n",
                   f"auth on\nresolver {dns.address}\n") as server:
        refused = "550 5.7.26 "
        who = "a@list.example"
        first = message(server, who)
        check(first.startswith(refused), first)
        check(message(server, who, source=THERE).startswith("250 "))
        alice = "alice@example.org"
        check(message(server, who, alice).startswith("250 "))
        check(message(server, who, alice, BOB).startswith(refused))
        check(message(server, "boss@list.example").startswith("250 "))
        check("X-Spam-Flag" not in server.mailbox("bob").read_text())


# ---- From ----

def test_author():
    """`header`: by From at the end of the data, whatever the envelope says"""
    with Server("accept to alice@example.org\n"
                "refuse header @spam.example No thanks\n"
                "refuse from @spam.example\n") as server:
        no = "550 5.7.1 No thanks"
        for author, reply in (
                ("a@good.example", "250 "),
                ("a@spam.example", no),
                ('"x@good.example" <a@SPAM.example>', no),
                ("a@good.example, b@spam.example", no),
                ("them: b@spam.example;", no),
                ("=?utf-8?q?x?= <a@spam.example>", no),
                ("x" * 3000 + " <a@spam.example>", no),
                ("spam.example", "250 ")):
            got = message(server, author)
            check(got.startswith(reply), f"{author[:40]}: {got}")
        got = message(server, "a@good.example",
                      header="From: a@spam.example\r\n")
        check(got.startswith(no), f"two fields: {got}")
        alice = "alice@example.org"
        for people, reply in (((alice,), "250 "), ((alice, BOB), no),
                              (("postmaster",), "250 "),
                              (("postmaster", BOB), no)):
            got = message(server, "a@spam.example", *people)
            check(got.startswith(reply), f"{people}: {got}")


def test_long_section():
    """A section too long for From to be found in is refused"""
    with Server("refuse header @spam.example\n") as server:
        field = "X-Long: " + "x" * 900 + "\r\n"
        check(message(server, "a@spam.example", header=field * 1300)
              .startswith("552 5.3.4 "))
        check(message(server, "a@good.example", header=field * 10)
              .startswith("250 "))


# ---- the log, and counts ----

def test_logged():
    """Refusals are logged in Postfix's words, and counted by reason"""
    with Server(RULES + "refuse header @author.example\n") as server:
        rcpt(server, sender="x@spam.example")
        rcpt(server, "old@example.org")
        rcpt(server, helo="ylmf-pc")
        rcpt(server, source=THERE)
        message(server, "a@author.example")
        wait_for(lambda: server.smtpd.text().count(": reject: ") == 5,
                 "five lines")
        text = server.smtpd.text()
        for line in (
                rf"NOQUEUE: reject: RCPT from unknown\[{HERE}\]: 550 5\.7\.1 "
                r"<x@spam\.example>: Sender address rejected: We have had "
                r"enough; from=<x@spam\.example> to=<bob@example\.org> "
                r"proto=ESMTP helo=<mx\.example>",
                r"<old@example\.org>: Recipient address rejected: Gone since",
                r"<ylmf-pc>: Helo command rejected: Access denied; ",
                rf"<unknown\[{THERE}\]>: Client host rejected: Not from",
                r"\w+: reject: END-OF-MESSAGE from \S+: 550 5\.7\.1 "
                r"<END-OF-MESSAGE>: Data command rejected: Access denied; "):
            check(re.search(line, text), f"{line}\n{text}")
        done = server.call("smtpd", "--stats", "--json")
        equal(json.loads(done.stdout)["totals"]["rejected_access"], 5)
        lines = [line for line in text.splitlines()
                 if not line.startswith("listening on ")]
        equal(readers.number(readers.pflogsumm(lines), "rejected"), 5,
              "pflogsumm")


# ---- changes ----

def said(server, text):
    """How often the log has it."""
    return server.smtpd.text().count(text)


def test_changes():
    """A change counts for the next connection; so does an empty file"""
    with Server("refuse from @a.example\n") as server:
        for rules, refused in (("refuse from @b.example\n", "b"),
                               ("refuse from @c.example\n", "c"), ("", "")):
            server.write(rules)
            for name in "abc":
                got = rcpt(server, sender=f"x@{name}.example")
                check(got.startswith(DENIED if name == refused else "250 "),
                      f"{name} by {rules}: {got}")
        check(said(server, "was changed: it has 1 rules") == 2)


def test_damaged():
    """With mistakes in the file, the rules from before hold; said once"""
    with Server("refuse from @a.example\n") as server:
        rcpt(server)
        for rules in ("refuse from @b.example\nrefuse frm @c.example\n",
                      "\0" * 100, "x" * 5000):
            server.write(rules)
            before = said(server, "the rules from before hold")
            for name, refused in (("a", True), ("b", False), ("a", True)):
                got = rcpt(server, sender=f"x@{name}.example")
                check(got.startswith(DENIED if refused else "250 "), got)
            equal(said(server, "the rules from before hold"), before + 1,
                  f"once: {rules[:40]}")
        check(said(server, "access:2: client, helo, from, to or header"))
        server.write("refuse from @b.example\n")
        check(rcpt(server, sender="x@b.example").startswith(DENIED))


def test_gone():
    """Gone, a folder, huge, unreadable: the same, and then it is read again"""
    with Server("refuse from @a.example\n") as server:
        rcpt(server)
        path = server.dir / "access"

        def huge():
            server.write("refuse from @b.example\n" * 50000)

        def hidden():
            server.write("refuse from @b.example\n")
            path.chmod(0)

        for what in (path.unlink, path.mkdir, path.rmdir, huge, hidden):
            what()
            before = said(server, "its rules from before hold")
            for name, refused in (("a", True), ("b", False), ("a", True)):
                got = rcpt(server, sender=f"x@{name}.example")
                check(got.startswith(DENIED if refused else "250 "),
                      f"{what}: {got}")
            equal(said(server, "its rules from before hold"), before + 1,
                  f"once: {what}")
        path.chmod(0o644)
        check(rcpt(server, sender="x@b.example").startswith(DENIED))


def test_first_damaged():
    """Where there are no older rules, those without mistakes count"""
    with Server("refuse from @a.example\nnonsense\n") as server:
        check(rcpt(server, sender="x@a.example").startswith(DENIED))
        check(rcpt(server).startswith("250 "))
        equal(said(server, "such lines do not count"), 1, "once")
    with Server("") as server:
        (server.dir / "access").unlink()
        for _ in range(2):
            check(rcpt(server).startswith("250 "))


def test_under_load():
    """While it is replaced again and again, one or the other always holds"""
    rules = ["refuse from @a.example\n" + f"refuse to x{n}@example.org\n" * 2000
             for n in range(2)]
    with Server(rules[0]) as server:
        for n in range(40):
            server.write(rules[n % 2])
            got = [rcpt(server, sender="x@a.example"), rcpt(server)]
            check(got[0].startswith(DENIED) and got[1].startswith("250 "), got)
            check(rcpt(server, f"x{n % 2}@example.org").startswith(DENIED))
        equal(said(server, "the rules from before hold"), 0)


def test_others():
    """A file that others can write is not believed by root"""
    if not AM_ROOT:
        raise Skip("not root")
    with Server("refuse from @a.example\n", as_root=True) as server:
        rcpt(server)
        server.write("refuse from @b.example\n")
        (server.dir / "access").chmod(0o666)
        check(rcpt(server, sender="x@b.example").startswith("250 "))
        check(rcpt(server, sender="x@a.example").startswith(DENIED))
        check(said(server, "can be written by others; type chmod go-w"))


def test_smtplib():
    """smtplib hears of it as of any refused recipient"""
    with Server(RULES) as server, \
            smtplib.SMTP("127.0.0.1", server.smtp) as client:
        try:
            client.sendmail("x@spam.example", [BOB], "Subject: x\n\nx\n")
        except smtplib.SMTPRecipientsRefused as error:
            equal(error.recipients[BOB][0], 550)
        else:
            raise AssertionError("it was taken")


# ---- --check ----

def cases_check():
    """What --check says."""
    with Scratch() as scratch:
        path = scratch.dir / "access"
        for rules, begins in (
                ("refuse from @a.example\n", "ok: 1 rules for clients in "),
                ("", "ok: 0 rules for clients in "),
                ("\nrefuse frm @a.example\n", f"error: {path}:2: client, "),
                (None, f"error: cannot read {path}: No such file")):
            with tap.case(f"--check: {rules!r}"):
                scratch.configure("access %DIR/access")
                path.unlink(missing_ok=True)
                if rules is not None:
                    path.write_text(rules)
                lines = scratch.call("smtpd", "--check").stdout.splitlines()
                check([x for x in lines if x.startswith(begins)], str(lines))


tap.run(globals())
tap.finish()
