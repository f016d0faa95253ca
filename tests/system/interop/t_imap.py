# SPDX-License-Identifier: ISC
"""Dovecot's imap serves a mailbox while POP3 deletes and smtpd delivers.

IMAP's promises must hold: a message keeps its UID, and UIDVALIDITY stays, even
when the first message goes, in whose header mbox programs keep it. POP3's
promise must hold, too: UIDLs do not follow flags.
"""
import threading

from lib import dovecot, writers
from lib.dovecot import Imap
from lib.player import PASSWORDS
from lib.scratch import LONG, Instance
from lib.talk import Closed
from lib.tap import Tap, check, equal

tap = Tap()
USER = "bob"
TURNS = 60 if LONG else 8


class Box:
    """The mailbox of one test, with its account."""

    def __init__(self, server, seed=0):
        self.server = server
        self.path = server.mailbox(USER)
        self.path.unlink(missing_ok=True)
        for path in sorted(dovecot.folder(server, USER).rglob("*"),
                           reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        self.account = writers.Account()
        self.chance = writers.chance(seed)
        self.count = 0

    def deliver(self, count=1):
        """So many messages by SMTP; returns their ids."""
        idents = []
        with self.server.connect(self.server.smtp, timeout=120) as talker:
            talker.hello()
            for _ in range(count):
                ident, data = self.account.new([USER], self.chance)
                talker.submit("carol@example.com", [f"{USER}@example.org"],
                              data)
                self.account.ack(ident)
                idents.append(ident)
        return idents

    def login(self):
        """A Talker that has logged in, as soon as no other session is in."""
        while True:
            talker = self.server.connect(self.server.pop3, timeout=120)
            talker.pop("+OK")
            talker.pop("+OK", "USER " + USER)
            if talker.pop(("+OK", "-ERR [IN-USE]"), "PASS "
                          + PASSWORDS[USER]).startswith("+OK"):
                return talker
            talker.close()

    def listing(self, talker):
        """[(id, UIDL, text)] as POP3 sees the mailbox."""
        uidls = [line.split()[1] for line in
                 talker.pop_block("UIDL").decode().splitlines()]
        sizes = [int(line.split()[1]) for line in
                 talker.pop_block("LIST").decode().splitlines()]
        found = []
        for number, uidl in enumerate(uidls, 1):
            text = talker.pop_block(f"RETR {number}")
            equal(len(text), sizes[number - 1], f"octets of {text!r:.500}")
            ident = writers.ID.search(text).group(1).decode()
            found.append((ident, uidl, text))
        return found

    def delete(self, choose):
        """A POP3 session that deletes the ids that choose(ids) returns."""
        with self.login() as talker:
            found = self.listing(talker)
            doomed = choose([ident for ident, _, _ in found])
            for number, (ident, _, _) in enumerate(found, 1):
                if ident in doomed:
                    talker.pop("+OK", f"DELE {number}")
            talker.pop("+OK", "QUIT")
        for ident, _, text in found:
            if ident in doomed:
                self.account.see(USER, text)
        return found

    def uids(self):
        """A new IMAP session: (UIDVALIDITY, UIDNEXT, {id: uid})."""
        with Imap(self.server, USER) as imap:
            seen = imap.uids()
            return imap.validity, imap.next, {
                ident: uid for ident, (uid, _) in seen.items()}

    def settled(self):
        """Nothing may be lost in the end."""
        writers.collect(self.account, self.path, USER)
        equal(self.account.trouble(), {}, "balance")


def test_first(server):
    """UIDVALIDITY and UIDs stay when POP3 deletes the first message"""
    box = Box(server)
    idents = box.deliver(4)
    validity, following, before = box.uids()
    equal(len(before), 4, "messages in IMAP")
    box.delete(lambda found: found[:1])
    after = box.uids()
    equal(after[0], validity, "UIDVALIDITY")
    equal(after[2], {i: before[i] for i in idents[1:]}, "UIDs")
    check(after[1] >= following, "UIDNEXT went back")
    box.settled()


def test_others(server):
    """UIDs stay when POP3 deletes messages in the middle and at the end"""
    box = Box(server)
    idents = box.deliver(6)
    validity, following, before = box.uids()
    box.delete(lambda found: [found[1], found[2], found[5]])
    after = box.uids()
    equal((after[0], after[2]), (validity, {
        idents[n]: before[idents[n]] for n in (0, 3, 4)}), "IMAP's view")
    check(after[1] >= following, "UIDNEXT went back")
    box.settled()


def test_last_uid(server):
    """The UID of a message that POP3 deleted is not given to the next"""
    box = Box(server)
    box.deliver(3)
    validity, _, before = box.uids()
    box.delete(lambda found: found[2:])
    new = box.deliver()[0]
    after = box.uids()
    equal(after[0], validity, "UIDVALIDITY")
    check(after[2][new] > max(before.values()), f"{before} -> {after}")
    box.settled()


def test_all(server):
    """When POP3 has deleted everything, new mail has no old UID"""
    box = Box(server)
    box.deliver(3)
    validity, following, before = box.uids()
    box.delete(lambda found: found)
    new = box.deliver()[0]
    after = box.uids()
    check(after[0] != validity or after[2][new] > max(before.values()),
          f"{validity}, {following}, {before} -> {after}")
    equal(list(after[2]), [new], "messages")
    box.settled()


def test_without_index(server):
    """The same without Dovecot's index, from the mailbox alone"""
    box = Box(server)
    idents = box.deliver(3)
    validity, following, before = box.uids()
    with Imap(server, USER) as imap:        # so that all is in the mailbox
        imap.say("STORE 1:* +FLAGS (\\Seen)")
    box.delete(lambda found: found[:1])
    for path in (dovecot.folder(server, USER) / "index").rglob("*"):
        if path.is_file():
            path.unlink()
    after = box.uids()
    equal((after[0], after[2]),
          (validity, {i: before[i] for i in idents[1:]}), "IMAP's view")
    check(after[1] >= following, "UIDNEXT went back")
    box.settled()


def test_flags(server):
    """Flags set by IMAP change no UIDL, size or text of POP3"""
    box = Box(server)
    box.deliver(5)
    with box.login() as talker:
        before = box.listing(talker)
        talker.pop("+OK", "QUIT")
    with Imap(server, USER) as imap:
        imap.say("STORE 1:2 +FLAGS (\\Seen \\Flagged)")
        imap.say("STORE 3 +FLAGS (\\Answered $Label1 Another)")
        with box.login() as talker:
            equal(box.listing(talker), before, "with IMAP logged in")
            imap.say("STORE 1:* FLAGS (\\Draft)")
            equal(box.listing(talker), before, "changed meanwhile")
            talker.pop("+OK", "QUIT")
    with box.login() as talker:
        equal(box.listing(talker), before, "ids, UIDLs and texts")
        talker.pop("+OK", "QUIT")
    box.settled()


def test_flags_kept(server):
    """Flags in the mailbox survive deletions and deliveries of ours"""
    box = Box(server)
    idents = box.deliver(4)
    with Imap(server, USER) as imap:
        imap.say("STORE 2 +FLAGS (\\Flagged)")
        imap.say("STORE 4 +FLAGS (\\Answered $Label1)")
    box.delete(lambda found: [found[0], found[2]])
    box.deliver()
    with Imap(server, USER) as imap:
        seen = imap.uids()
        check("\\Flagged" in seen[idents[1]][1], str(seen))
        check({"\\Answered", "$Label1"} <= seen[idents[3]][1], str(seen))
    box.settled()


def test_session(server):
    """An IMAP session sees POP3's deletions and new mail"""
    box = Box(server)
    idents = box.deliver(3)
    with Imap(server, USER) as imap:
        before = imap.uids()
        box.delete(lambda found: found[:1])
        idents += box.deliver(2)
        after = imap.uids()
        equal(sorted(after), sorted(idents[1:]), "ids")
        equal({i: after[i][0] for i in idents[1:3]},
              {i: before[i][0] for i in idents[1:3]}, "UIDs")
    box.settled()


def test_expunge(server):
    """A POP3 session survives IMAP's EXPUNGE, and deletes what it meant"""
    box = Box(server)
    box.deliver(5)
    with box.login() as talker:
        found = box.listing(talker)
        with Imap(server, USER) as imap:
            imap.say("STORE 2 +FLAGS (\\Deleted)")
            imap.say("EXPUNGE")
        box.account.see(USER, found[1][2])
        # What was read may still be at hand; nothing else may come.
        if talker.pop(("+OK", "-ERR"), "RETR 2").startswith("+OK"):
            equal(talker.block(), found[1][2], "text of the expunged one")
        for number in (1, 3, 4, 5):
            equal(talker.pop_block(f"RETR {number}"), found[number - 1][2],
                  "text")
        talker.pop("+OK", "DELE 4")
        talker.pop("+OK", "QUIT")
    box.account.see(USER, found[3][2])
    with box.login() as talker:
        equal(box.listing(talker), [found[0], found[2], found[4]], "left")
        talker.pop("+OK", "QUIT")
    box.settled()


def together(server, order):
    """IMAP, POP3 and deliveries at once, in one lock order."""
    box = Box(server, seed=7)
    box.deliver(6)
    errors, uids, uidls, validities = [], {}, {}, set()
    done = threading.Event()

    def guard(function):
        try:
            function()
        except Exception as error:
            errors.append(error)
        finally:
            if function is imap_client:
                done.set()

    def imap_client():
        ended = sum(not imap_session(turn) for turn in range(TURNS))
        check(ended < TURNS, "Dovecot ended every session")

    def imap_session(turn):
        """False if Dovecot ended it: mail was deleted under a FETCH."""
        try:
            with Imap(server, USER, order) as imap:
                validities.add(imap.validity)
                for _ in range(3):
                    for ident, (uid, _) in imap.uids().items():
                        equal(uids.setdefault(ident, uid), uid, "UID")
                    sign = "+-"[turn % 2]
                    imap.say(f"UID STORE 1:* {sign}FLAGS (\\Seen)")
                ident, data = box.account.new([USER], writers.chance(turn))
                if imap.append(data):
                    box.account.ack(ident)
            return True
        except Closed:
            return False

    def pop_client():
        while not done.is_set():
            found = box.delete(lambda ids: ids[:1] + ids[3::4])
            for ident, uidl, _ in found:
                equal(uidls.setdefault(ident, uidl), uidl, "UIDL")

    def sender():
        while not done.is_set():
            box.deliver()

    threads = [threading.Thread(target=guard, args=(function,))
               for function in (imap_client, pop_client, sender)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    tap.diag(f"{len(box.account.acked)} messages, {len(uids)} with UIDs, "
             f"UIDVALIDITY {validities}")
    equal(len(validities), 1, "values of UIDVALIDITY")
    box.settled()


def main():
    with Instance(tls=False) as server:
        tap.run(globals(), server)
        for order in (dovecot.DEBIAN, dovecot.UPSTREAM):
            with tap.case("IMAP, POP3 and deliveries at once, Dovecot with "
                          + dovecot.setting(order), server.notes):
                together(server, order)
    tap.finish()


if __name__ == "__main__":
    main()
