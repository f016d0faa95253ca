# SPDX-License-Identifier: ISC
"""Mail through providers that take it from the account's address alone.

A machine at home with an address at QQ, 163 or Outlook. What its users send
from their phones, cron's mail, mail that is forwarded and reports of failures
all have to leave under that one address, or the provider refuses them: users'
mail comes back, and reports are lost without a word. Nor may a report that has
a sender by now begin a loop of reports.
"""
import contextlib
import re
from dataclasses import replace

from lib import dkimpeers
from lib.authprobe import Probe
from lib.providers import KINDS, MODERN, NETEASE, OUTLOOK, QQ, Provider, fields
from lib.scratch import ALICE, Instance
from lib.site import Queue
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
FAR, NO = "far@far.example", "no@far.example"
STRANGER = "carol@example.com"
GONE = "550 5.1.1 no such user"


class Home(Queue, Instance):
    """The machine, without a provider yet."""

    def __init__(self):
        super().__init__("", tls=False)
        self.hop = None

    def through(self, hop, more="", from_it=True, source=None):
        """All mail to others leaves by that provider, from now on."""
        self.hop = hop
        secret = self.dir / "secret"
        secret.write_text(hop.kind.secret + "\n")
        self.hand(secret, 0o600)
        source = source or \
            ("token-file:" if hop.takes_tokens else "file:") + \
            str(secret)
        own = f"relay-from localhost {hop.kind.account} header\n" \
            if from_it else ""
        self.configure(f"relay {hop.url}\ntls-trust {hop.trust}\n"
                       f"relay-password localhost {source}\n"
                       f"plaintext-login always\nauth off\n{own}{more}",
                       False)
        self.own()
        self.smtpd.stop()
        self.smtpd = self.serve("smtpd", "127.0.0.1:0",
                                "127.0.0.1:0=submission")
        self.smtp, self.submission = self.smtpd.ports

    def talk(self, port, sender, recipients, text, login=False):
        """A message by SMTP."""
        with self.connect(port) as talker:
            talker.hello()
            if login:
                talker.login(*ALICE)
            return talker.submit(sender, recipients, text)

    def phone(self, recipient=FAR, text="From: Alice <alice@example.org>\r\n"
             "Subject: user\r\n\r\nText.\r\n"):
        """A user's mail program sends something."""
        self.talk(self.submission, "alice@example.org", [recipient], text,
                  True)

    def stranger(self, recipient, sender=STRANGER, more=""):
        """A stranger's mail."""
        self.talk(self.smtp, sender, [recipient],
                  f"From: Carol <{STRANGER}>\r\nSubject: stranger\r\n{more}"
                  "\r\nText.\r\n")

    def cron(self, *words, text="Subject: cron\n\nText.\n"):
        """A program calls sendmail."""
        done = self.call("smtpd", "-i", *words, stdin=text)
        equal(done.returncode, 0, done.stderr)

    def aliases(self, text):
        """The file of aliases."""
        path = self.dir / "aliases"
        path.write_text(text)
        self.hand(path)

    def log(self):
        """All that the programs have said."""
        return "".join(p.read_text(errors="replace")
                       for p in self.dir.glob("*.log"))


@contextlib.contextmanager
def home(kind, more="", **settings):
    """A Home that sends through a provider of that kind: both."""
    with Home() as machine, Provider(kind, machine.dir) as hop:
        machine.through(hop, more, **settings)
        yield machine, hop


def named(hop, subject):
    """The message of that subject that the provider has taken."""
    found = [m for m in hop.messages if fields(m, "Subject") == [subject]]
    equal(len(found), 1, f"{subject}: {hop.notes()}")
    return found[0]


def reports(hop):
    """The reports that it has taken."""
    return [m for m in hop.messages
            if b"multipart/report" in m.body.lower()]


def all_ways(kind):
    with home(kind) as (machine, hop):
        hop.script["rcpt"] = {NO: GONE}
        machine.aliases(f"list: {FAR}\n")
        machine.phone()
        machine.cron(FAR)
        machine.stranger("list@example.org")
        # A report to somebody elsewhere.
        machine.cron("-f", STRANGER, NO, text="Subject: lost\n\nText.\n")
        hop.wait(4)
        machine.wait_empty()
        equal({m.sender for m in hop.messages}, {kind.account}, "senders")
        equal(fields(named(hop, "user"), "From"),
              [f"Alice <{kind.account}>"], "a user's From")
        equal(fields(named(hop, "user"), "Reply-To"),
              ["Alice <alice@example.org>"], "a user's Reply-To")
        check(kind.account in fields(named(hop, "cron"), "From")[0], "cron")
        equal(fields(named(hop, "stranger"), "Reply-To"),
              [f"Carol <{STRANGER}>"], "a stranger's")
        report, = reports(hop)
        equal(report.rcpts, [STRANGER], "the report goes to")
        equal(fields(report, "Auto-Submitted"), ["auto-replied"], "report")
        equal(report.rcpt_params[STRANGER],
              "NOTIFY=NEVER" if kind.extensions == MODERN else "", "NOTIFY")
        equal([m for m in hop.received if not m.accepted], [], "refused")
        equal(hop.complaints, [], "complaints")


def test_kinds():
    """Users' mail, cron's, what is forwarded, and reports are taken"""
    for kind in KINDS:
        all_ways(kind)


def test_without():
    """Without the key each is refused, and --check says what to type"""
    for kind in KINDS:
        with home(kind, from_it=False) as (machine, hop):
            machine.phone()
            machine.wait_empty()
            equal(hop.messages, [], kind.name)
            words = kind.sender.split()[1:4]
            back, = machine.wait_mail("alice")
            check(" ".join(words).encode() in b" ".join(back.wire.split()),
                  back.wire)


def test_secrets():
    """The password of the account in place of its code: mail waits, and says
    why; put right, it goes"""
    for kind, reply in ((QQ, "535"), (NETEASE, "535"), (OUTLOOK, "535")):
        with home(kind) as (machine, hop):
            wrong = machine.dir / "wrong"
            wrong.write_text(kind.password + "\n")
            machine.hand(wrong, 0o600)
            machine.through(hop, source=f"file:{wrong}")
            if kind is not OUTLOOK:
                hop.script["auth"] = kind.login
            machine.cron(FAR)
            machine.waits_with(reply)
            hop.script["auth"] = None
            machine.through(hop)
            machine.flush("-qf")
            equal([m.rcpts for m in hop.messages], [[FAR]], kind.name)


def test_tokens():
    """A token from a file or a command, and the next one when it has expired:
    no restart, and no mail comes back"""
    with home(OUTLOOK) as (machine, hop):
        machine.cron(FAR)
        hop.wait(1)
        machine.wait_empty()
        machine.end_runners()
        hop.users[OUTLOOK.account] = "t0ken.of.tomorrow"
        machine.cron(FAR)
        machine.waits_with("535")
        token = machine.dir / "secret"
        token.write_text("t0ken.of.tomorrow\n")
        machine.flush("-qf")
        hop.wait(2)
        machine.wait_empty()
        program = machine.dir / "token"
        program.write_text("#!/bin/sh\necho t0ken.of.$1\n")
        machine.hand(program, 0o700)
        machine.through(hop, source=f"token:{program} tomorrow")
        machine.cron(FAR)
        hop.wait(3)
        machine.wait_empty()
        equal({(m, good) for m, _, good in hop.logins},
              {("XOAUTH2", True), ("XOAUTH2", False)}, "logins")


def cases_token_mechanisms():
    """A token goes by what the server offers: OAUTHBEARER first, XOAUTH2 also
    where the other one is a lie; when it has expired, the mail waits for the
    next one, and mailq has the reason"""
    bearer, other = "OAUTHBEARER", "XOAUTH2"
    for what, offers, does, used in (
            ("only OAUTHBEARER", (bearer,), (bearer,), [bearer]),
            ("only XOAUTH2", (other,), (other,), [other]),
            ("both", (other, bearer), (bearer, other), [bearer]),
            ("a lie", (bearer, other), (other,), [bearer, other])):
        kind = replace(OUTLOOK, mechanisms=("LOGIN", *offers))
        with tap.case(what), home(kind) as (machine, hop):
            def judge(session, argument, hop=hop, does=does):
                return hop.judge_login(session, argument) \
                    if argument.split()[0] in does else \
                    "504 5.7.4 Unrecognized authentication type"
            hop.script["auth"] = judge
            machine.cron(FAR)
            hop.wait(1)
            machine.wait_empty()
            machine.end_runners()
            equal([m for m, _, _ in hop.logins], used, "logins")
            equal(hop.logins[-1], (used[-1], kind.account, True))
            hop.users[kind.account] = "t0ken.of.tomorrow"
            machine.cron(FAR)
            machine.waits_with("535 5.7.8 Authentication credentials")
            for mechanism, user, good in hop.logins[len(used):]:
                if mechanism in does:
                    equal((user, good), (kind.account, False), "expired")
            token = machine.dir / "secret"
            token.write_text("t0ken.of.tomorrow\n")
            machine.flush("-qf")
            hop.wait(2)
            machine.wait_empty()
            equal(hop.complaints, [], "complaints")


def test_limits():
    """Too much mail: what is put off goes later; what is refused for good
    comes back, and that report leaves, too"""
    limits = ("421 HL:REP too many messages", "450 RP:DRC too many recipients",
              "451 MI:SFQ too many messages in 15 minutes",
              "452 MI:DMC too many messages on this connection")
    for limit in limits:
        with home(NETEASE) as (machine, hop):
            hop.script["1:mail"] = limit
            machine.phone()
            machine.waits_with(limit[:3])
            machine.flush("-qf")
            hop.wait(1)
            machine.wait_empty()
            check(not machine.mailbox("alice").exists(), f"{limit}: a report")
    with home(NETEASE) as (machine, hop):
        hop.script["rcpt"] = {FAR: "550 MI:NHD daily limit exceeded"}
        machine.aliases(f"list: {FAR}\n")
        machine.stranger("list@example.org")
        hop.wait(1)
        machine.wait_empty()
        report, = reports(hop)
        equal((report.sender, report.rcpts),
              (NETEASE.account, [STRANGER]), "the report")


def test_loop():
    """A report that is forwarded is sent once; one to our address there is not
    sent there again, and makes no other"""
    with home(QQ, "relay-from localhost home@example.org\n",
              from_it=False) as (machine, hop):
        hop.script = {"rcpt": {}}
        machine.aliases(f"home: {FAR}\nother: {FAR}\npostmaster: {FAR}\n")
        machine.stranger("other@example.org", sender="")
        hop.wait(1)
        machine.wait_empty()
        equal(hop.messages[0].sender, "home@example.org", "sender")
        equal(fields(hop.messages[0], "Auto-Submitted"), ["auto-generated"],
              "says that it is a program's")
        equal(fields(hop.messages[0], "From"), [f"Carol <{STRANGER}>"], "From")
        machine.stranger("home@example.org", sender="")
        wait_for(lambda: [m["place"] for m in machine.mailq()] == ["hold"],
                 "a message on hold", 60)
        wait_for(lambda: "whose own reports" in machine.log(), "its reason",
                 60)
        check("an undeliverable report to home@example.org is on hold"
              in machine.log(), machine.log())
        equal(len(hop.messages), 1, "messages")
        # Mail of people to that address goes on.
        machine.stranger("home@example.org")
        hop.wait(2)


def test_broken_signature():
    """A stranger's signature is broken by the new From: the log says so"""
    with home(QQ) as (machine, hop):
        machine.aliases(f"list: {FAR}\n")
        machine.stranger("list@example.org",
                         more="DKIM-Signature: v=1; d=example.com;\r\n"
                         " h=from\r\n")
        hop.wait(1)
        machine.wait_empty()
        equal(len(fields(hop.messages[0], "DKIM-Signature")), 1, "it stays")
        log = machine.log()
        check(re.search(r"[A-Z0-9]{12}: relay-from localhost: From was signed "
                        "by DKIM, and that signature is broken now", log), log)
        check(f"is sent as <{QQ.account}>, and so is From, which was "
              f"{STRANGER}" in log, log)


def test_signed():
    """Our signature is for what is sent: another From, and in the form that
    the provider takes"""
    text = ("From: J\u00fcrgen <carol@example.com>\r\nSubject: x\r\n"
            "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8"
            "\r\nContent-Transfer-Encoding: 8bit\r\n\r\n.\u00e4\r\n")
    for extensions in (("SIZE 10000000",), MODERN, ("CHUNKING",)):
        with Home() as machine, Provider(QQ, machine.dir) as hop:
            hop.script, hop.extensions = {}, extensions
            machine.through(hop, "relay-from localhost post@example.org "
                            "header\n", from_it=False)
            records = dkimpeers.published(machine, "example.org")
            machine.aliases(f"list: {FAR}\n")
            machine.talk(machine.smtp, STRANGER, ["list@example.org"], text)
            message, = hop.wait(1)
            equal(hop.complaints, [], "complaints")
            check(re.search(rb"(?m)^From: .*(?:\r\n )?<post@example\.org>\r$",
                            message.body), message.body)
            with Probe({n: [t] for n, t in records.items()}) as probe:
                equal(probe.results(message.body), ["pass"], message.body)
    with home(QQ) as (machine, hop):
        dkimpeers.published(machine, "example.org")
        machine.phone()
        message, = hop.wait(1)
        equal(fields(message, "DKIM-Signature"), [], "no key of that domain")


def test_no_section():
    """Text that looks like a header section, or is none, gets one"""
    with home(QQ) as (machine, hop):
        machine.aliases(f"list: {FAR}\n")
        for text in ("From: alice@example.org\r\nno field\r\nFrom: x@y\r\n",
                     "no field\r\n", "\r\nFrom: x@y\r\n", "To: a@b\r\n"):
            before = len(hop.messages)
            machine.talk(machine.smtp, STRANGER, ["list@example.org"], text)
            body = hop.wait(before + 1)[-1].body
            check(body.endswith(b"\r\n" + text.encode().split(
                b"\r\n", 1)[-1]), body)


def test_masquerade_login():
    """With "for login", users' mail has another address wherever it goes;
    theirs is checked first"""
    rule = "masquerade alice@example.org me@example.net for login\n" \
           "masquerade @example.org other@example.net\nsender-check login " \
           "header\n"
    with Home() as machine, Provider(QQ, machine.dir) as hop:
        hop.script = {}
        machine.through(hop, rule, from_it=False)
        machine.phone()
        message, = hop.wait(1)
        equal((message.sender, fields(message, "From")),
              ("me@example.net", ["Alice <me@example.net>"]), "a user's")
        with machine.connect(machine.submission) as talker:
            talker.hello()
            talker.login(*ALICE)
            talker.expect("553", "MAIL FROM:<me@example.net>")
        # Nobody has logged in here.
        machine.aliases(f"list: {FAR}\n")
        machine.talk(machine.smtp, "alice@example.org", ["list@example.org"],
                     "From: alice@example.org\r\nSubject: x\r\n\r\n.\r\n")
        hop.wait(2)
        equal(fields(hop.messages[1], "From"), ["alice@example.org"], "From")


BOX = "box@far.example"


def copies(hop):
    """The messages that the archive has got."""
    return [m for m in hop.messages if m.rcpts == [BOX]]


def cases_archive():
    """A copy for an archive elsewhere leaves as all else does: under the
    account's address, as its author's own words, and without reports"""
    for kind in KINDS:
        with tap.case(kind.name), home(kind, f"archive {BOX}\n") as (
                machine, hop):
            machine.phone()
            machine.stranger("bob@example.org")
            hop.wait(3)
            machine.wait_empty()
            equal([m.sender for m in hop.messages], [kind.account] * 3)
            equal(sorted(fields(m, "Reply-To")[0] for m in copies(hop)),
                  ["Alice <alice@example.org>", f"Carol <{STRANGER}>"],
                  "who wrote what is in the archive")
            for copy in copies(hop):
                equal(fields(copy, "Auto-Submitted"), [], "a person's words")
                equal(copy.rcpt_params[BOX],
                      "NOTIFY=NEVER" if kind.extensions == MODERN else "")
            equal([m for m in hop.received if not m.accepted], [], "refused")


def test_archive_refused():
    """Neither sender nor account hears of an archive that takes nothing"""
    with home(QQ, f"archive {BOX}\n") as (machine, hop):
        hop.script["rcpt"] = {BOX: GONE}
        machine.stranger("bob@example.org")
        machine.phone()
        machine.wait_mail("bob", 1)
        machine.wait_empty()
        equal([m.rcpts for m in hop.messages], [[FAR]], "what left")
        equal(len(machine.wait_mail("bob", 1)), 1, "bob's")
        check(not machine.mailbox("alice").exists(), "alice has a report")


def test_archive_loop():
    """A copy that another server's archive sends back, under a sender by now,
    is not copied again; no user gets past the archive in this way"""
    with home(QQ, f"archive {BOX}\n") as (machine, hop):
        machine.stranger("bob@example.org")
        hop.wait(1)
        machine.wait_empty()
        back = copies(hop)[0].body.decode()
        machine.talk(machine.smtp, "54321@qq.com", ["bob@example.org"], back)
        machine.wait_mail("bob", 2)
        machine.wait_empty()
        equal(len(copies(hop)), 1, "copies")
        check("has been here before" in machine.log(), machine.log())
        machine.phone(text=back)
        hop.wait(3)
        equal(len(copies(hop)), 2, "a user's mail is copied")


def test_archive_own():
    """The account itself may be the archive"""
    with home(QQ, f"archive {QQ.account} in\n") as (machine, hop):
        machine.stranger("bob@example.org")
        got, = hop.wait(1)
        machine.wait_empty()
        equal((got.sender, got.rcpts), (QQ.account, [QQ.account]))


def test_check():
    """--check names the hosts of providers that have no address yet"""
    with Home() as machine:
        cases = (
            ("relay smtps://1%40qq.com:x@smtp.qq.com\n",
             "set: relay-from smtp.qq.com 1@qq.com header"),
            ("route far.example smtps://mm:x@smtp.163.com\n",
             "set: relay-from smtp.163.com ADDRESS header"),
            ("relay smtps://1%40qq.com:x@smtp.qq.com\n"
             "relay-from smtp.qq.com 1@qq.com header\n",
             "sent as 1@qq.com, in From, too"),
            ("relay smtps://1%40qq.com:x@smtp.qq.com\n"
             "relay-from smtp.q.com 1@qq.com\n",
             "relay-from smtp.q.com: no relay or route names that host"),
            ("masquerade @example.org a@example.net for login\n",
             "a@example.net, for users who log in, too"))
        for config, wanted in cases:
            machine.configure(config, False)
            machine.own()
            said = machine.call("smtpd", "--check").stdout
            check(wanted in said, f"{wanted}: {said}")
            said = machine.call("smtpd", "-bt", FAR).stdout
            equal("sent as 1@qq.com, by the key relay-from, in From, too"
                  in said, "sent as" in wanted, said)


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
