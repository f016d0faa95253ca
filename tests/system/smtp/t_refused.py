# SPDX-License-Identifier: ISC
"""The sendmail command with good and bad recipients: the good ones get it."""
import subprocess

from lib import mbox
from lib.scratch import ALICE, Instance
from lib.tap import Tap, check, equal

tap = Tap()
ALIASES = """postmaster: alice
moved: :moved: elsewhere@example.net
nobodys: nosuchuser, nor-this-one
both: bob, nosuchuser
"""


class Sendmail:
    """The command of a scratch set-up, and what comes of it."""

    def __init__(self, server):
        self.server = server
        self.link = server.dir / "sendmail"
        if not self.link.is_symlink():
            self.link.symlink_to(server.program("smtpd"))

    def run(self, *args, text="Subject: RAID\n\nmd0 [U_]\n", status=0):
        """Calls it, and lets the queue run; what it says."""
        done = subprocess.run(
            [str(self.link), "-c", str(self.server.conf), "-i", *args],
            input=text.encode("utf-8", "surrogateescape"), timeout=120,
            cwd="/", capture_output=True, env=self.server.environment(), check=False,
            **self.server.as_user())
        said = done.stderr.decode("utf-8", "replace")
        equal(done.returncode, status, f"{args}: {said}")
        self.server.run_queue()
        return said

    def take(self, user):
        """The messages of a user, which go."""
        path = self.server.mailbox(user)
        found = [m.wire.decode("utf-8", "replace") for m in mbox.read(path)] \
            if path.exists() else []
        path.unlink(missing_ok=True)
        return found


def test_beside_good_ones(server):
    """Whoever is refused is reported, and the others get the message"""
    command = Sendmail(server)
    for bad in ("has-left", "has-left@example.org", "a%b@example.org",
                "|id", "/etc/passwd", "moved", "nobodys"):
        for args in (("bob", bad), (bad, "bob"), (bad, "bob", "nor-this-one"),
                     (bad, "both")):
            said = command.run("-f", "alice", *args)
            check(bad in said and "report" in said, f"{args}: {said}")
            got = command.take("bob")
            equal(len(got), 1, f"{args}: bob")
            check("md0 [U_]" in got[0], got[0])
            reports = "".join(command.take("alice"))
            name = "nosuchuser" if bad == "nobodys" else bad
            check(name in reports, f"{args}: {reports}")
            equal("nor-this-one" in reports, "nor-this-one" in args
                  or bad == "nobodys", f"{args}: {reports}")
            check("\r\nStatus: 5.1." in reports, reports)


def test_rules(server):
    """A rule of `access` holds beside good ones, too, and is the reason"""
    command, before = Sendmail(server), server.conf.read_text()
    rules = server.dir / "access"
    rules.write_text("refuse to carol@example.org Carol is away\n"
                     "refuse to @far.example\n")
    server.conf.write_text(before + f"access {rules}\n")
    try:
        for bad, why in (("carol@example.org", ": Carol is away"),
                         ("x@far.example", "")):
            said = command.run("-f", "alice", "bob", bad)
            check(bad in said and "report" in said, said)
            equal(len(command.take("bob")), 1, "bob")
            equal(command.take("carol"), [], "carol")
            reports = " ".join("".join(command.take("alice")).split())
            check(f"Final-Recipient: rfc822; {bad} " in reports, reports)
            check("Status: 5.7.1" in reports, reports)
            check(f"refused by a rule of this server{why} Last-Attempt"
                  in reports, reports)
            equal(server.queue_files(), [], "the queue")
            command.run("-f", "alice", bad, status=67)
    finally:
        server.conf.write_text(before)
        rules.unlink()


def test_none_good(server):
    """Where all are refused nothing is sent, and the exit status tells"""
    command = Sendmail(server)
    for args in (("has-left",), ("has-left", "moved", "nobodys"),
                 tuple(f"gone{n}" for n in range(250))):
        said = command.run("-f", "alice", *args, status=67)
        for name in args:
            check(name in said, f"{name}: {said}")
        equal(server.queue_files(), [], "the queue")
        equal(command.take("alice"), [], "a report")


NO_ADDRESSES = ["has left", "a b@@c", "@example.org", "bob@", "x" * 300,
                "joe@" + "x" * 300, '"joe <joe@example.org', "<>", "a@b@c",
                b"\xe9@example.org", "joe\nsmith@x y", ":include:/x"]


def cases_no_address(server):
    """What is no address stops nobody's mail either: arguments and -t"""
    command = Sendmail(server)
    for bad in NO_ADDRESSES:
        octets = bad if isinstance(bad, bytes) else bad.encode()
        flat = octets.replace(b"\n", b"\n ").decode("utf-8", "surrogateescape")
        for name, args, head in (
                ("first", (bad, "bob"), "To: x@y\n"),
                ("last", ("bob", bad), "To: x@y\n"),
                ("-t", ("-t",), f"To: {flat}, bob\n"),
                ("-t in another field", ("-t",), f"To: bob\nCc: {flat}\n"),
                ("-s", ("-s", "x", "bob", bad), "")):
            if (name == "first" and octets[:1] == b":") or \
                    (name[:2] == "-t" and octets in (b'"joe <joe@example.org',
                                                     b":include:/x")):
                continue            # these are other things there
            with tap.case(f"{name}: {octets[:30]!r}"):
                said = command.run("-f", "alice", *args,
                                   text=head + "Subject: RAID\n\nmd0 [U_]\n")
                check("not an address" in said, said)
                got = command.take("bob")
                equal(len(got), 1, "bob")
                check("md0 [U_]" in got[0], got[0])
                reports = "".join(command.take("alice")).replace("\r\n ", " ")
                check('rfc822; "not an address: ' in reports, reports)
                check("\r\nStatus: 5." in reports, reports)


def test_empty(server):
    """An empty argument, as of a variable that is not set, is nobody"""
    command = Sendmail(server)
    for args in (("", "bob"), ("bob", ""), ("bob", " , ")):
        command.run("-f", "alice", *args)
        equal(len(command.take("bob")), 1, f"{args}: bob")
        equal(command.take("alice"), [], f"{args}: a report")


def test_far(server):
    """Good ones may be elsewhere, too"""
    command = Sendmail(server)
    done = subprocess.run(
        [str(command.link), "-c", str(server.conf), "-f", "alice",
         "far@elsewhere.example", "has-left"], input=b"x\n", timeout=60,
        capture_output=True, env=server.environment(), check=False,
        **server.as_user())
    equal(done.returncode, 0, done.stderr.decode())
    check("far@elsewhere.example" in server.call("smtpd", "-bp").stdout, "-bp")
    server.call("smtpd", "--remove", "all")
    command.take("alice")


def test_senders(server):
    """Without a sender postmaster hears of it; nobody, if that is asked for"""
    command = Sendmail(server)
    command.run("-f", "<>", "bob", "has-left")
    check("has-left" in "".join(command.take("alice")), "postmaster")
    said = command.run("-f", "alice", "-N", "never", "bob", "has-left")
    check("report" not in said, said)
    equal(command.take("alice"), [], "-N never")
    equal(len(command.take("bob")), 2, "bob")


def test_many(server):
    """More than a session has errors, and than a transaction recipients"""
    command = Sendmail(server)
    gone = [f"gone{n}" for n in range(230)]
    for position in (0, 50, 130, 230):
        args = gone[:position] + ["bob"] + gone[position:]
        command.run("-f", "alice", *args)
        equal(len(command.take("bob")), 1, f"bob at {position}")
        reports = "".join(command.take("alice"))
        for name in gone:
            equal(reports.count(f"Final-Recipient: rfc822; {name}@"), 1,
                  f"{name}, bob at {position}")


def test_not_for_strangers(server):
    """Servers take what is refused from our own command alone"""
    for port in (server.smtp, server.submission):
        with server.connect(port) as talker:
            talker.hello()
            if port == server.submission:
                talker.login(*ALICE)
            talker.expect("250 ", "MAIL FROM:<alice@example.org>")
            talker.expect("555 ", "RCPT TO:<bob@example.org> XREPORT")
            talker.expect("555 ", "RCPT TO:<gone@example.org> XREPORT")
            talker.expect("250 ", "RCPT TO:<bob@example.org>")
            talker.expect("550 ", "RCPT TO:<gone@example.org>")


if __name__ == "__main__":
    with Instance() as fixture:
        (fixture.dir / "aliases").write_text(ALIASES)
        tap.run(globals(), fixture)
    tap.finish()
