# SPDX-License-Identifier: ISC
"""A copy of each message for an archive (key archive).

Guards against an archive that refuses mail, or of which a sender hears; copies
of copies, without end between two servers; copies of what is the archive's own
anyway; and mail that a process delivers without one.
"""
from lib.dns import RealDns
from lib.fakemx import FakeMx
from lib.site import Site
from lib.tap import Tap, check, equal
from lib.two_sites import THIRD, ZONE, Opened

tap = Tap()
STRANGER = "carol@example.com"


class World(Opened):
    """a.test, b.test, and c.test: whatever a test puts there."""

    def __enter__(self):
        try:
            self.a = self.open(Site(2, "mx.a.test", "a.test", port=self.port,
                                    tls=False))
            zone = ZONE + ["example.com. 60 IN MX 10 mx.c.test."]
            self.dns = self.open(RealDns(self.a, zone))
            self.b = self.open(Site(3, "mx.b.test", "b.test", port=self.port,
                                    tls=False))
        except BaseException:
            self.__exit__()
            raise
        return self

    def set(self, a, b="", aliases=""):
        """The keys of both sites, and the aliases of a.test."""
        for site, keys in ((self.a, a), (self.b, b)):
            site.settled()
            path = site.dir / "aliases"
            path.write_text(aliases)
            site.hand(path)
            site.change(f"resolver {self.dns.address}\n"
                        f"route * mx:{self.port}\n"
                        f"aliases %DIR/aliases\nauth off\n{keys}")

    def notes(self):
        """Both sites' logs."""
        return f"A\n{self.a.notes()}\nB\n{self.b.notes()}"


def letter(name, *fields):
    """A short message."""
    return "\r\n".join((f"Subject: {name}", *fields, "", "Text.", ""))


def receive(site, name, *recipients, sender=STRANGER, fields=()):
    """A message from outside."""
    with site.talk() as talker:
        talker.hello()
        talker.submit(sender, recipients, letter(name, *fields))


def subjects(site, user, count):
    """What a mailbox has in the end."""
    site.wait_empty()
    return sorted(m.wire.split(b"Subject: ")[1].split(b"\r")[0].decode()
                  for m in (site.wait_mail(user, count) if count else []))


def no_mailbox(site, user):
    """Nothing has come to that mailbox."""
    site.wait_empty()
    path = site.mailbox(user)
    check(not path.exists() or path.stat().st_size == 0,
          path.exists() and path.read_text())


def cases_directions(world):
    """What comes in, what goes out, or both"""
    for word, copies in (("", ["came", "went"]), (" in", ["came"]),
                         (" out", ["went"])):
        with tap.case(f"archive ADDRESS{word}"), world.open(FakeMx(
                host=THIRD, port=world.port)) as hop:
            world.set(f"archive bob@a.test{word}\n")
            receive(world.a, "came", "alice@a.test")
            world.a.send("alice@a.test", ["x@c.test"], letter("went"))
            equal(subjects(world.a, "bob", len(copies)), copies, "copies")
            equal(subjects(world.a, "alice", 1), ["came"], "alice's")
            equal([m.rcpts for m in hop.messages], [["x@c.test"]], "c.test's")


def test_elsewhere(world):
    """Another server gets the copy from the null sender, and without NOTIFY"""
    world.set("archive box@c.test\n")
    with FakeMx(host=THIRD, port=world.port) as hop:
        receive(world.a, "one", "alice@a.test")
        world.a.send("alice@a.test", ["x@c.test"], letter("two"))
        got = hop.wait(3)
        equal(sorted((m.sender, m.rcpts) for m in got),
              [("", ["box@c.test"]), ("", ["box@c.test"]),
               ("alice@a.test", ["x@c.test"])], "copies")
        equal(subjects(world.a, "alice", 1), ["one"], "alice's")


def test_not_again(world):
    """No copy of the archive's own mail, of reports, nor a second one"""
    world.set("archive bob@a.test\n", aliases="all: alice, bob\n")
    receive(world.a, "own", "bob@a.test")
    receive(world.a, "report", "alice@a.test", sender="")
    receive(world.a, "both", "alice@a.test", "BOB@A.test")
    receive(world.a, "alias", "all@a.test")
    equal(subjects(world.a, "bob", 3), ["alias", "both", "own"], "bob's")
    equal(subjects(world.a, "alice", 3), ["alias", "both", "report"],
          "alice's")


def test_two_archives(world):
    """Servers that archive each other's mail stop at one copy"""
    world.set("archive bob@b.test\n", "archive bob@a.test\n")
    receive(world.a, "one", "alice@a.test")
    equal(subjects(world.a, "alice", 1), ["one"], "alice's")
    equal(subjects(world.b, "bob", 1), ["one"], "the copy")
    no_mailbox(world.a, "bob")


def test_archive_of_archive(world):
    """An archive that forwards to another one makes no more than that"""
    world.set("archive box@a.test\n", "archive bob@a.test\n",
              aliases="box: bob@b.test, alice\n")
    receive(world.a, "one", "bob@a.test")
    equal(subjects(world.b, "bob", 1), ["one"], "elsewhere")
    equal(subjects(world.a, "alice", 1), ["one"], "here")
    equal(subjects(world.a, "bob", 1), ["one"], "bob's own")


def cases_broken(world):
    """An archive that takes nothing refuses no mail; no sender hears of it"""
    for name, address, aliases in (
            ("no such user", "nobody@a.test", ""),
            ("a loop of aliases", "box@a.test", "box: box2\nbox2: box\n"),
            ("a list that is not there", "box@a.test",
             "box: :include:/nonexistent/list\n")):
        with tap.case(name), world.open(FakeMx(
                host=THIRD, port=world.port)) as hop:
            world.set(f"archive {address}\n", aliases=aliases)
            receive(world.a, "one", "alice@a.test")
            world.a.wait_mail("alice", 1)
            world.a.flush("-q")
            equal(hop.messages, [], "reports")
            world.a.settled()
    with tap.case("a server that refuses the copy"), world.open(FakeMx(
            {"rcpt": "550 5.1.1 no"}, host=THIRD, port=world.port)) as hop:
        world.set("archive box@c.test\n")
        receive(world.a, "one", "alice@a.test")
        world.a.send("bob@a.test", ["alice@a.test"], letter("two"))
        equal(subjects(world.a, "alice", 2), ["one", "two"], "alice's")
        no_mailbox(world.a, "bob")
        check(all(not m.accepted for m in hop.messages), hop.messages)


def test_every_message(world):
    """Mail that follows closely, some of it reports, has all its copies"""
    world.set("archive bob@a.test in\n")
    with world.a.talk() as talker:
        talker.hello()
        for n in range(12):
            talker.submit("" if n % 3 == 0 else STRANGER, ["alice@a.test"],
                          letter(f"{n:02}"))
    names = [f"{n:02}" for n in range(12)]
    equal(subjects(world.a, "alice", 12), names, "alice's")
    equal(subjects(world.a, "bob", 8), [n for n in names if int(n) % 3],
          "copies")


def test_check(world):
    """--check says who gets copies, and finds an archive that nobody reads"""
    world.set("archive bob@a.test in\narchive box@c.test out\n")
    done = world.a.call("smtpd", "--check")
    check("copies of mail that comes in go to bob@a.test" in done.stdout
          and "copies of mail that users send go to box@c.test"
          in done.stdout, done.stdout)
    world.set("archive none@a.test\n")
    done = world.a.call("smtpd", "--check")
    check("archive none@a.test: no such" in done.stdout, done.stdout)


if __name__ == "__main__":
    with World() as w:
        tap.run(globals(), w)
    tap.finish()
