# SPDX-License-Identifier: ISC
"""The answer of a user who is away (smtpd --vacation, RFC 3834).

Guards against answers to programs, lists, reports and forged senders; against
answers that answer each other, or that a storm of mail makes without end; and
against mail that is lost, or comes twice, because an answer fails.
"""
import email
import email.policy
import os

from lib.fakemx import FakeMx
from lib.ports import free_port
from lib.site import Site
from lib.tap import Tap, check, equal

tap = Tap()
STRANGER = "carol@example.com"
TEXT = "I am away.\n"
ALIASES = ("info: alice\nteam: alice, bob\nalice: \\alice, /dev/null\n"
           "loop: loop2\nloop2: loop\n")


class World:
    """A site whose mail for others goes to a fake server."""

    def __init__(self):
        self.port = free_port()

    def __enter__(self):
        self.site = Site(2, "mx.home.test", "home.test", tls=False).__enter__()
        path = self.site.dir / "aliases"
        path.write_text(ALIASES)
        self.site.hand(path)
        self.site.change("auth off\nsrs off\naliases %DIR/aliases\n"
                         f"relay smtp://127.0.0.1:{self.port}\n")
        return self

    def __exit__(self, *_):
        self.site.__exit__(None, None, None)

    def notes(self):
        """The log."""
        return self.site.notes()

    def hop(self):
        """The rest of the Internet."""
        return FakeMx(port=self.port)

    def fresh(self, user="alice", *options, text=TEXT):
        """Nothing is left of other tests; that user is away."""
        for name in ("alice", "bob"):
            self.say(name, "--off")
        self.site.settled()
        return self.say(user, *options, text=text)

    def say(self, user, *options, text="", status=0):
        """smtpd --vacation."""
        done = self.site.call("smtpd", "--vacation", user, *options,
                              stdin=text)
        equal(done.returncode, status, done.stderr)
        return done.stderr

    def files(self, user="alice"):
        """The folder of the user's state."""
        return self.site.dir / "state/users" / user

    def receive(self, *lines, sender=STRANGER, to="alice@home.test",
                head=None):
        """A message from outside; lines: more fields."""
        head = [f"To: {to}", "Subject: Lunch?",
                "Message-ID: <m1@example.com>"] if head is None else head
        with self.site.talk() as talker:
            talker.hello()
            talker.submit(sender, [to],
                          "\r\n".join((*head, *lines, "", "Text.", "")))

    def delivered(self, count, user="alice"):
        """So many messages have come, and nothing is under way any more."""
        self.site.wait_mail(user, count)
        self.site.wait_empty()


def parsed(message):
    """What the fake server has got, as an email message."""
    return email.message_from_bytes(message.body, policy=email.policy.default)


def test_answer(world):
    """The answer: null sender, our address, the thread, Auto-Submitted"""
    world.fresh()
    with world.hop() as hop:
        world.receive("References: <a@example.com>\r\n <b@example.com>",
                      "Auto-Submitted: no")
        world.delivered(1)
        got, = hop.wait(1)
        mail = parsed(got)
    equal((got.sender, got.rcpts), ("", [STRANGER]), "envelope")
    equal(mail["From"].addresses[0].addr_spec, "alice@home.test", "From")
    equal(mail["To"].addresses[0].addr_spec, STRANGER, "To")
    equal(mail["Subject"], "Auto: Lunch?", "Subject")
    equal(mail["In-Reply-To"], "<m1@example.com>", "In-Reply-To")
    equal(mail["References"].split(),
          ["<a@example.com>", "<b@example.com>", "<m1@example.com>"],
          "References")
    equal(mail["Auto-Submitted"], "auto-replied", "Auto-Submitted")
    equal(mail.get_content().replace("\r", ""), TEXT, "text")
    check("vacation: alice answers <carol@example.com>" in world.notes(),
          world.notes())


def test_own_words(world):
    """A subject and a text of the user's own, in any script"""
    world.fresh("alice", "--subject", "Bin verreist ✈", text="Grüße\n" + "x" * 2000)
    with world.hop() as hop:
        world.receive()
        world.delivered(1)
        mail = parsed(hop.wait(1)[0])
    equal(mail["Subject"], "Bin verreist ✈", "Subject")
    equal("".join(mail.get_content().split()), "Grüße" + "x" * 2000, "text")


def cases_unanswered(world):
    """No answer to what is no person's letter to the user"""
    cases = {
        "a report": {"sender": ""},
        "a list's owner": {"sender": "owner-x@example.com"},
        "a request": {"sender": "x-request@example.com"},
        "a list": {"sender": "x-owner@example.com"},
        "a mailer": {"sender": "MAILER-DAEMON@example.com"},
        "nobody": {"sender": "NoReply@example.com"},
        "nobody who has a number": {"sender": "no-reply+1@example.com"},
        "bounces": {"sender": "list-bounces@example.com"},
        "oneself": {"sender": "alice@home.test"},
        "an alias of one's own": {"sender": "info@home.test"},
        "Bcc": {"head": ["To: x@example.com", "Subject: x"]},
        "no To": {"head": ["Subject: x"]},
        "a list of users": {"head": ["To: team@home.test"]},
        "a loop of aliases": {"head": ["To: loop@home.test"]},
        "a name in a comment": {"head": ["To: x@y.example (alice@home.test)"]},
    }
    for n, line in enumerate((
            "Auto-Submitted: auto-generated", "Auto-Submitted: auto-replied",
            "AUTO-SUBMITTED:  Auto-Notified; x=y", "List-Id: <x.example>",
            "List-Unsubscribe: <mailto:x@y.example>", "Precedence: bulk",
            "Precedence: LIST", "Precedence: junk",
            "X-Auto-Response-Suppress: OOF",
            "X-Auto-Response-Suppress: DR, AutoReply",
            "X-Spam-Flag: YES",
            "Content-Type: multipart/report; boundary=x",
            "Authentication-Results: mx.home.test;\r\n dmarc=fail "
            "header.from=example.com")):
        cases[f"{line[:40].strip()} {n}"] = {"lines": [line]}
    for name, case in cases.items():
        world.fresh()
        with tap.case(name), world.hop() as hop:
            world.receive(*case.pop("lines", ()), **case)
            world.delivered(1)
            equal(hop.messages, [], "answers")
            check(not (world.files() / "vacation.seen").exists(),
                  "the sender counts as answered")


def cases_own_addresses(world):
    """Aliases of one's own are answered for, by that address"""
    for to, own in (("Info <info@home.test>", "info@home.test"),
                    ("x@y.example, Alice+x@HOME.test", "Alice+x@HOME.test"),
                    ("g: x@y.example, alice@home.test;", "alice@home.test")):
        with tap.case(to), world.hop() as hop:
            world.fresh()
            world.receive(head=[f"To: {to}", "Subject: x"])
            world.delivered(1)
            mail = parsed(hop.wait(1)[0])
            equal(mail["From"].addresses[0].addr_spec, own, "From")


def test_once(world):
    """A sender is answered once, and again when the answer is another"""
    world.fresh()
    with world.hop() as hop:
        for n in range(1, 4):
            world.receive(sender=STRANGER.upper() if n == 2 else STRANGER)
            world.delivered(n)
        equal(len(hop.wait(1)), 1, "answers")
        world.say("alice", text="Something else.\n")
        world.receive()
        world.delivered(4)
        equal(parsed(hop.wait(2)[1]).get_content().strip(), "Something else.",
              "text")


def test_days(world):
    """Only from the first day to the last; not after --off"""
    with world.hop() as hop:
        for options in (("--from", "2999-01-01"), ("--until", "2001-12-31")):
            world.fresh("alice", *options)
            world.receive()
            world.delivered(1)
        world.fresh()
        world.say("alice", "--off")
        equal(sorted(p.name for p in world.files().glob("vacation*")), [],
              "files")
        world.receive()
        world.delivered(1)
        equal(hop.messages, [], "answers")
        world.fresh("alice", "--from", "2001-01-01", "--until", "2999-12-31")
        world.receive()
        world.delivered(1)
        hop.wait(1)


def test_each_other(world):
    """Two who are away do not answer each other's answers"""
    world.fresh("alice")
    world.say("bob", text=TEXT)
    with world.hop() as hop:
        world.site.send("alice@home.test", ["bob@home.test"],
                        "From: alice@home.test\r\nTo: bob@home.test\r\n"
                        "Subject: x\r\n\r\nText.\r\n")
        box = world.site.wait_mail("alice", 1)
        check(b"Auto-Submitted: auto-replied" in box[0].wire, box[0].wire)
        world.delivered(1)
        world.delivered(1, "bob")
        equal(hop.messages, [], "mail for others")


def test_storm(world):
    """A storm of senders gets the answers of a day, and all mail arrives"""
    world.fresh()
    with world.hop() as hop:
        with world.site.talk() as talker:
            talker.hello()
            for n in range(130):
                talker.submit(f"u{n}@example.com", ["alice@home.test"],
                              "To: alice@home.test\r\n\r\nText.\r\n")
            talker.submit(STRANGER, ["bob@home.test"], "To: b\r\n\r\nx\r\n")
        world.site.wait_mail("bob", 1)
        world.site.wait_mail("alice", 130, 200)
        world.site.wait_empty(200)
        equal(len(hop.wait(100, 100)), 100, "answers")
        equal(len({m.rcpts[0] for m in hop.messages}), 100, "senders")
        size = (world.files() / "vacation.seen").stat().st_size
        check(size <= 64 * 1024, f"{size} octets of senders")


def spoil_with(make):
    """Puts something else in the place of a file."""
    def spoil(path):
        path.unlink(missing_ok=True)
        make(path)
    return spoil


def cases_spoiled(world):
    """Whatever lies in place of its files: mail arrives, nobody is answered"""
    hostile = {
        "a folder": os.mkdir,
        "a FIFO": os.mkfifo,
        "a link": lambda path: path.symlink_to("/etc/passwd"),
        "another user's": lambda path: path.write_text("\nx\n"),
    }
    texts = {
        "nothing": "", "no text": "\n", "no empty line": "from 2001-01-01\n",
        "a NUL": "\nx\0y\n", "another word": "to x@y.example\n\nx\n",
        "a field in the subject": "subject x\rBcc: y@z.example\n\nx\n",
        "a day that is none": "from 2001-13-01\n\nx\n",
        "too much": "\n" + "x" * 100000,
    }
    for name, make in hostile.items():
        for file in ("vacation", "vacation.seen"):
            world.fresh()
            path = world.files() / file
            spoil_with(make)(path)
            if name != "another user's":
                world.site.own()
            if name != "another user's" or os.geteuid() == 0:
                unanswered(world, f"{name} as {file}")
            os.rmdir(path) if path.is_dir() else path.unlink()
    for name, text in texts.items():
        world.fresh()
        path = world.files() / "vacation"
        path.write_text(text)
        world.site.hand(path, 0o600)
        unanswered(world, name)
        path.unlink()


def unanswered(world, name):
    """Mail arrives once, and no answer leaves."""
    with tap.case(name), world.hop() as hop:
        world.receive()
        world.delivered(1)
        equal(hop.messages, [], "answers")


def cases_command(world):
    """What is no answer is refused, and the old one stays"""
    world.fresh()
    before = (world.files() / "vacation").read_bytes()
    for name, options, text, status in (
            ("an unknown user", ("dave",), TEXT, 67),
            ("no text", ("alice",), "", 65),
            ("too much text", ("alice",), "x" * 40000, 65),
            ("a day that is none", ("alice", "--from", "today"), TEXT, 64),
            ("a subject of two lines", ("alice", "--subject", "x\ny"), TEXT, 64)):
        with tap.case(name):
            world.say(*options, text=text, status=status)
            equal((world.files() / "vacation").read_bytes(), before, "file")


if __name__ == "__main__":
    with World() as w:
        tap.run(globals(), w)
    tap.finish()
