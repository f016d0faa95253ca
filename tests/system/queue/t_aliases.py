# SPDX-License-Identifier: ISC
"""Who gets mail for an address here: aliases, lists, files, commands.

From a line of the aliases file to the mailbox, through a session, the queue
and whatever carries it; and what must never happen on the way: a loop, a
shell, a file that somebody else may write, mail for nobody.
"""
import email
import os
import pwd
import stat

from lib import mbox
from lib.fakemx import FakeMx
from lib.site import Site
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
CAROL = "carol@example.com"
COMMAND = """#!/bin/sh
{ for word; do echo "arg [$word]"; done; env | sort; echo; cat; } >"$0.new"
mv "$0.new" "$0.out"
"""


class Home(Site):
    """A site whose aliases a test writes."""

    def __init__(self, keys="", **settings):
        owner = pwd.getpwuid(os.getuid() or pwd.getpwnam("nobody").pw_uid)
        self.keys = (f"aliases %DIR/aliases\nalias-owner {owner.pw_name}\n"
                     + keys)
        super().__init__(2, "mx.home.test", "home.test", self.keys,
                         tls=False, **settings)

    def aliases(self, text):
        """Writes the file."""
        path = self.dir / "aliases"
        path.write_text(text.replace("%DIR", str(self.dir)))
        self.hand(path)

    def script(self, name, text=COMMAND):
        """An executable file, and where COMMAND writes."""
        path = self.dir / name
        path.write_text(text)
        self.hand(path, 0o755)
        return self.dir / (name + ".out")

    def receive(self, *recipients, text="Subject: x\r\n\r\nText.\r\n"):
        """A message from outside."""
        with self.talk() as talker:
            talker.hello()
            return talker.submit(CAROL, recipients, text)

    def refuses(self, code, recipient):
        """How RCPT TO is answered."""
        with self.talk() as talker:
            talker.hello()
            talker.expect("250 ", f"MAIL FROM:<{CAROL}>")
            return talker.expect(code, f"RCPT TO:<{recipient}>").last


def boxes(site, **counts):
    """Waits for that many messages in each mailbox; no other may be there."""
    for user, count in counts.items():
        site.wait_mail(user, count)
    site.wait_empty()
    found = {p.name: len(mbox.read(p)) for p in site.mail.iterdir()
             if not p.name.endswith((".lock", ".lk"))}
    equal({k: v for k, v in found.items() if v}, counts, "mailboxes")
    site.settled()


def test_nobody(site):
    """An alias that leads to nobody alone is no user; others still work"""
    site.aliases("sales: eve\nteam: eve, mallory@home.test\n"
                 "chain: team, \\eve\nmixed: eve, bob\nfar: x@far.test\n"
                 "self: \\bob\nnamed: Eve <eve@home.test>\n"
                 "told: :forwarded: eve@home.test\nold: told\n"
                 "gone: :moved: eve@far.test\nlast: gone\n"
                 "here: :forwarded: bob@home.test\nalso: here\n"
                 "person: Bob <bob@home.test>\n")
    for name in ("sales", "team", "chain", "named", "told", "old", "last"):
        said = site.refuses("550 5.1.1", f"{name}@home.test")
        check("5.1.1" in str(said), str(said))
    for name in ("mixed", "far", "self"):
        site.refuses("250 ", f"{name}@home.test")
    site.refuses("551 ", "gone@home.test")
    site.refuses("251 ", "here@home.test")
    for name in ("self", "also", "person"):
        site.receive(f"{name}@home.test")
    boxes(site, bob=3)


def test_utf8_target(site):
    """A target in UTF-8 is as any other: it goes to a hop with SMTPUTF8"""
    with FakeMx() as hop:
        site.change(site.keys.replace("%DIR", str(site.dir)) +
                    f"route far.test smtp://127.0.0.1:{hop.port}")
        site.aliases("intl: bü@far.test, \"B. Ü\" <ü@far.test>\n")
        site.receive("intl@home.test")
        got = hop.wait()[0]
        equal(sorted(got.rcpts), ["bü@far.test", "ü@far.test"], "recipients")
        check("SMTPUTF8" in got.mail_params, got.mail_params)
        site.wait_empty()
    site.settled()


def test_users(site):
    """A name for a user, for several, for another name; each gets one"""
    site.aliases("# comment\nboss: alice\nstaff: alice,\n  bob , boss\n"
                 "deep: deeper\ndeeper: \"staff\"\nBoTh: Alice, staff\n")
    site.receive("boss@home.test")
    boxes(site, alice=1)
    site.receive("staff@home.test", "alice@home.test")
    boxes(site, alice=1, bob=1)
    for name in ("deep", "both", "BOTH"):
        site.receive(f"{name}@home.test")
        boxes(site, alice=1, bob=1)


def test_elsewhere(site):
    """A name for somebody elsewhere, and for both"""
    with FakeMx() as hop:
        site.aliases("away: x@far.test\nmixed: bob, y@far.test, \\alice\n")
        site.change(site.keys
                    + f"route far.test smtp://127.0.0.1:{hop.port}\n")
        site.receive("away@home.test")
        got = hop.wait()[0]
        check(got.sender.startswith("SRS0=") and
              got.sender.endswith("=example.com=carol@home.test"), got.sender)
        equal(got.rcpts, ["x@far.test"], "recipients")
        site.receive("mixed@home.test")
        equal(hop.wait(2)[1].rcpts, ["y@far.test"], "recipients")
        boxes(site, alice=1, bob=1)


def test_include(site):
    """:include: reads a list; one that anybody may write is not read"""
    site.aliases("list: :include:%DIR/list\n")
    path = site.dir / "list"
    path.write_text("# members\nalice\nbob@home.test\n")
    site.hand(path)
    site.receive("list@home.test")
    boxes(site, alice=1, bob=1)
    path.chmod(0o666)
    waits(site, "list")
    boxes(site)


def waits(site, name):
    """Mail for that one is not taken now, or stays in the queue."""
    with site.talk() as talker:
        talker.hello()
        talker.expect("250 ", f"MAIL FROM:<{CAROL}>")
        talker.send(f"RCPT TO:<{name}@home.test>\r\n")
        reply = talker.reply()
        if reply.code == 250:
            talker.expect("354 ", "DATA")
            talker.send("Subject: x\r\n\r\nx\r\n.\r\n")
            reply = talker.reply()
    if reply.code == 250:
        wait_for(lambda: [m for m in site.mailq()
                          if m["recipients"][0]["reply"]], "a reason")
        site.settled()
    else:
        check(reply.code // 100 == 4, f"{name}: {reply!r}")


def test_loops(site):
    """Names that lead to themselves never run for ever, nor lose mail"""
    site.aliases("a: b\nb: a\nself: self\nok: ok, bob\n"
                 + "".join(f"n{n}: n{n + 1}\n" for n in range(60)))
    for name in ("a", "n0"):
        waits(site, name)
    site.receive("bob@home.test")
    boxes(site, bob=1)


def test_command(site):
    """A command: no shell, its own words, a clean environment"""
    out = site.script("command")
    site.aliases('pipe: "|%DIR/command one \'two words\' ;id $(id) `id` '
                 '* >/tmp/x"\n')
    os.environ["LEAKED"] = "secret"
    try:
        site.change(site.keys)
    finally:
        del os.environ["LEAKED"]
    site.receive("pipe+ext@home.test", text="Subject: p\r\n\r\n.dot\r\nx\r\n")
    wait_for(out.exists, "the command's output")
    said = out.read_text()
    for word in ("one", "two words", ";id", "$(id)", "`id`", "*", ">/tmp/x"):
        check(f"arg [{word}]\n" in said, f"{word}: {said}")
    for line in (f"SENDER={CAROL}", "EXTENSION=ext", "LANG=C",
                 "PATH=/usr/local/bin:/usr/bin:/bin"):
        check(f"\n{line}\n" in said, f"{line}: {said}")
    for word in ("LEAKED", "\r"):
        check(word not in said, said)
    check(said.endswith("\n\n.dot\nx\n"), said)
    check("\nReturn-Path: <carol@example.com>\n" in said, said)
    check("\nFrom " not in said, said)
    boxes(site)


def test_command_status(site):
    """A command that fails for now, for good, is absent, or writes much"""
    for script, kind, words in (
            ("echo come back; exit 75", "later", "come back"),
            ("echo never; exit 67", "never", "never"),
            ("kill -9 $$", "later", "signal"),
            ("yes | head -c 100000; exit 75", "later", "y")):
        site.script("status", f"#!/bin/sh\n{script}\n")
        site.aliases('pipe: "|%DIR/status"\n')
        site.change(site.keys)
        site.send("alice@home.test", ["pipe@home.test"],
                  "Subject: x\r\n\r\nx\r\n")
        if kind == "later":
            site.waits_with(words)
        else:
            site.wait_empty()
            report = email.message_from_bytes(
                site.wait_mail("alice")[0].wire)
            check(words in str(report), str(report))
        site.settled()
    site.aliases('pipe: "|%DIR/absent"\n')
    site.receive("pipe@home.test")
    wait_for(lambda: [m for m in site.mailq() if m["recipients"][0]["reply"]],
             "a reason")
    site.settled()


def test_command_reads_nothing(site):
    """A command that does not read a large message has still taken it"""
    site.script("deaf", "#!/bin/sh\nexec <&-\ntouch \"$0.out\"\n")
    site.aliases('pipe: "|%DIR/deaf"\n')
    site.receive("pipe@home.test", text="Subject: x\r\n\r\n"
                 + ("x" * 70 + "\r\n") * 20000)
    wait_for((site.dir / "deaf.out").exists, "the command")
    boxes(site)


def test_file(site):
    """A file is appended to as a mailbox; a link or a FIFO is not"""
    archive = site.dir / "archive"
    site.aliases("keep: %DIR/archive, bob\nbad: %DIR/link\n"
                 "fifo: %DIR/fifo\nhole: /dev/null\n")
    for _ in range(2):
        site.receive("keep@home.test")
    wait_for(lambda: archive.exists() and len(mbox.read(archive)) == 2,
             "two messages in the file")
    equal(stat.S_IMODE(archive.stat().st_mode) & 0o077, 0, "its mode")
    boxes(site, bob=2)
    site.receive("hole@home.test")
    boxes(site)
    (site.dir / "link").symlink_to(archive)
    os.mkfifo(site.dir / "fifo")
    site.hand(site.dir / "fifo", 0o600)
    for name in ("bad", "fifo"):
        site.receive(f"{name}@home.test")
        wait_for(lambda: [m for m in site.mailq()
                          if m["recipients"][0]["reply"]], "a reason")
        site.settled()
    equal(len(mbox.read(archive)), 2, "messages in the file")


def test_catch_all(site):
    """@domain takes what nobody else does; an unknown user is else refused"""
    site.aliases("@home.test: bob\nsales: alice\n")
    for name, user in (("anything", "bob"), ("sales", "alice"),
                       ("alice", "alice")):
        site.receive(f"{name}@home.test")
        boxes(site, **{user: 1})
    site.aliases("sales: alice\n")
    wait_for(lambda: not unknown(site), "the new file to count")


def unknown(site):
    """What an unknown user is answered, or "" when it is 550 5.1.1."""
    last = site.refuses(("250", "550"), "anything@home.test")
    return "" if last.startswith("550 5.1.1") else last


def test_long(site):
    """A long file is read again while the server goes on, by its image"""
    lines = "".join(f"name{n}: alice\n" for n in range(6000))
    either = ("250", "550")

    def answer(name):
        return site.refuses(either, f"{name}@home.test")[:3]

    site.aliases(lines)
    wait_for(lambda: answer("name5999") == "250", "the long file to count")
    check(list(site.dir.rglob("aliases.image")), "it has no image")
    site.aliases(lines.replace("name5999:", "other:"))
    wait_for(lambda: answer("other") == "250", "the change to count")
    equal(answer("name5999"), "550", "the old name")
    site.aliases("name: alice\n")
    equal(answer("name"), "250", "a short file counts at once")
    site.receive("name@home.test")
    boxes(site, alice=1)


def test_virtual(site):
    """user@domain is that address alone; a virtual domain has no users"""
    site.aliases("info@home.test: alice\ninfo@shop.test: bob\n"
                 "info: alice, bob\n@cafe.test: alice\n")
    site.change(site.keys + "virtual-domains shop.test cafe.test\n")
    for address, got in (("info@shop.test", {"bob": 1}),
                         ("info@home.test", {"alice": 1}),
                         ("x@cafe.test", {"alice": 1})):
        site.receive(address)
        boxes(site, **got)
    site.refuses("550 5.1.1", "alice@shop.test")
    site.refuses("250", "postmaster@shop.test")


def test_subaddress(site):
    """user+anything, and other delimiters"""
    site.aliases("sales: alice\nbob+list: alice\n")
    for address, user in (("bob+x@home.test", "bob"),
                          ("sales+y+z@home.test", "alice"),
                          ("bob+list@home.test", "alice")):
        site.receive(address)
        boxes(site, **{user: 1})
    site.refuses("550 5.1.1", "bob-x@home.test")
    site.change(site.keys + "subaddress +-\n")
    site.receive("bob-x@home.test")
    boxes(site, bob=1)
    site.change(site.keys + "subaddress none\n")
    site.refuses("550 5.1.1", "bob+x@home.test")


def test_moved(site):
    """Who has moved: 551 tells where to; 251 takes it there"""
    with FakeMx() as hop:
        site.aliases("gone: :moved: gone@far.test\n"
                     "on: :forwarded: on@far.test\n")
        site.change(site.keys
                    + f"route far.test smtp://127.0.0.1:{hop.port}\n")
        check("gone@far.test" in site.refuses("551", "gone@home.test"), "551")
        with site.talk() as talker:
            talker.hello()
            talker.expect("250 ", f"MAIL FROM:<{CAROL}>")
            talker.expect("251", "RCPT TO:<on@home.test>")
            talker.expect("354 ", "DATA")
            talker.expect("250 ", "Subject: x\r\n\r\nx\r\n.")
        equal(hop.wait()[0].rcpts, ["on@far.test"], "recipients")
        boxes(site)


def test_root_and_postmaster(site):
    """root and postmaster lead somewhere, whatever the file says"""
    for text, got in (("", None), ("root: bob\npostmaster: root\n", "bob"),
                      ("root: bob\n", "bob")):
        site.aliases(text)
        for name in ("root", "postmaster", "Postmaster"):
            site.receive(f"{name}@home.test")
            if got:
                boxes(site, **{got: 1})
            else:
                wait_for(lambda: any(p.stat().st_size for p in
                                     site.mail.iterdir()), "it somewhere")
                site.settled()
    site.refuses("250", "Postmaster")
    said = site.call("smtpd", "--check")
    for name in ("root", "postmaster"):
        check(name in said.stdout + said.stderr, said.stdout + said.stderr)


def test_no_commands_from_outside(site):
    """What looks like a command or a file in an address never is one"""
    trap = site.dir / "trap"
    site.aliases("@home.test: bob\n")
    for local in (f'"|/usr/bin/touch {trap}"', f'"{trap}"',
                  f'":include:{trap}"', f"|touch${{IFS}}{trap}",
                  f"`touch {trap}`", f'"$(touch {trap})"', f"{trap}"):
        with site.talk() as talker:
            talker.hello()
            talker.send(f"MAIL FROM:<{CAROL}>\r\n"
                        f"RCPT TO:<{local}@home.test>\r\n")
            talker.expect("250 ")
            if talker.reply().code == 250:
                talker.expect("354 ", "DATA")
                talker.expect("250 ", "Subject: x\r\n\r\nx\r\n.")
    site.wait_empty()
    check(not trap.exists(), "it was run, or written")
    site.settled()


def test_explain(site):
    """-bt says each step, for a user, an alias and somebody elsewhere"""
    site.aliases('boss: staff\nstaff: alice, x@far.test, "|/bin/cat"\n')
    site.change(site.keys + "route far.test smtp://127.0.0.1:9\n")
    said = site.call("smtpd", "-bt", "boss@home.test", "y@far.test")
    for word in ("staff", "alice", "x@far.test", "/bin/cat", "127.0.0.1:9"):
        check(word in said.stdout, f"{word}: {said.stdout}{said.stderr}")
    equal(said.returncode, 0, "exit status")
    equal(site.call("smtpd", "-bt", "nosuch@home.test").returncode, 67,
          "exit status for an unknown user")
    boxes(site)


if __name__ == "__main__":
    tap.run_each(globals(), Home)
    tap.finish()
