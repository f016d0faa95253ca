# SPDX-License-Identifier: ISC
"""Users' mail is handed on by LMTP (key deliver-by), and Dovecot's Pigeonhole
files it by Sieve, beside our pop3d.

Guards against mail for nobody that Dovecot would be asked about, mail that is
lost or comes twice while Dovecot is away, and mailboxes that two programs
write at the same time without each other's locks.
"""
import threading

from lib import sieve
from lib.fakemx import FakeMx
from lib.scratch import ALICE
from lib.site import Site
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
STRANGER = "carol@example.com"
USERS = ("alice", "bob")


def letter(name):
    """A short message."""
    return f"Subject: {name}\r\nX-Name: {name}\r\n\r\nText.\r\n"


def receive(site, name, *recipients):
    """A message from outside."""
    with site.talk() as talker:
        talker.hello()
        talker.submit(STRANGER, recipients, letter(name))


def names(messages):
    """Their names, in order."""
    return [m.split(b"X-Name: ")[1].split(b"\r")[0].decode()
            for m in messages]


def keys(site, where, more=""):
    """Hands users' mail to that server from now on."""
    site.settled()
    site.change(f"auth off\ndeliver-by lmtp:{where}\n{more}")


def test_who_exists(site):
    """The users file and the aliases say who exists; the server is not asked"""
    path = site.dir / "aliases"
    path.write_text("both: alice, bob\n")
    site.hand(path)
    with FakeMx(lmtp=True) as hop:
        keys(site, f"127.0.0.1:{hop.port}", "aliases %DIR/aliases")
        with site.talk() as talker:
            talker.hello()
            talker.expect("250 ", f"MAIL FROM:<{STRANGER}>")
            talker.expect("550 5.1.1", "RCPT TO:<dave@home.test>")
        receive(site, "one", "both@home.test", "alice+x@home.test")
        got = hop.wait(1)
        equal(sorted(r for m in got for r in m.rcpts), list(USERS), "names")
        equal({m.sender for m in got}, {STRANGER}, "the sender")
        site.wait_empty()
        check(not site.mailbox("alice").exists(), "a mailbox of ours")


def test_server_away(site):
    """Mail waits for a server that is away, and comes once"""
    with FakeMx(lmtp=True) as hop:
        port = hop.port
    keys(site, f"127.0.0.1:{port}")
    receive(site, "one", "alice@home.test")
    site.waits_with("refused")
    with FakeMx(lmtp=True, port=port) as hop:
        site.flush("-qf")
        site.wait_empty()
        equal([m.rcpts for m in hop.messages], [["alice"]], "messages")


def test_said_by_others(site):
    """-bt and --check say where users' mail goes"""
    keys(site, f"unix:{site.dir}/nothing")
    done = site.call("smtpd", "-bt", "alice@home.test")
    check("alice is handed on, by the key deliver-by" in done.stdout,
          done.stdout)
    done = site.call("smtpd", "--check")
    check("deliver-by: no socket at" in done.stdout, done.stdout)


def test_filed_by_sieve(site):
    """A script files mail; the rest is in the mailbox that pop3d serves"""
    with sieve.DovecotSieve(site, USERS) as hop:
        hop.script("alice", 'require "fileinto";\n'
                   'if header :contains "Subject" "list" {\n'
                   '  fileinto "lists";\n}\n')
        keys(site, f"unix:{hop.socket}")
        receive(site, "list", "alice@home.test", "bob@home.test")
        receive(site, "plain", "alice@home.test")
        site.wait_empty()
        wait_for(lambda: hop.messages("alice", "lists"), "the list's mail")
        equal(names(hop.messages("alice", "lists")), ["list"], "the folder")
        equal(names(hop.messages("bob")), ["list"], "bob's mailbox")
        equal(pop3(site, delete=True), ["plain"], "by POP3")
        equal(pop3(site), [], "after that")


def pop3(site, delete=False):
    """The names of alice's messages, as pop3d has them."""
    if site.pop3d is None:
        site.pop3d = site.serve("pop3d", "127.0.0.1:0")
    with site.connect(site.pop3d.ports[0]) as talker:
        talker.pop_login(*ALICE)
        count = int(talker.pop("+OK", "STAT").split()[1])
        found = []
        for n in range(1, count + 1):
            found += names([talker.pop_block(f"RETR {n}")])
            if delete:
                talker.pop("+OK", f"DELE {n}")
        talker.pop("+OK", "QUIT")
        return found


def test_locks(site):
    """Dovecot delivers while pop3d deletes: each message is seen once"""
    count = 40
    with sieve.DovecotSieve(site, USERS) as hop:
        keys(site, f"unix:{hop.socket}")
        wanted = [f"m{n:03}" for n in range(count)]

        def send():
            for name in wanted:
                receive(site, name, "alice@home.test")
        sender = threading.Thread(target=send)
        sender.start()
        found = []

        def all_there():
            found.extend(pop3(site, delete=True))
            return len(found) >= count
        wait_for(all_there, f"{count} messages", 120)
        sender.join()
        equal(sorted(found), wanted, "messages")
        equal(pop3(site), [], "the rest")


if __name__ == "__main__":
    tap.run_each(globals(), lambda: Site(2, "mx.home.test", "home.test"))
    tap.finish()
