# SPDX-License-Identifier: ISC
"""Libraries that programs send and collect mail by: Net::SMTP and Net::POP3
of Perl, Mail::POP3Client, Twisted, node-pop3 and yapople of npm.

What they send is what arrives, what they collect is what is there, octet for
octet, by each mechanism and kind of connection; and what we refuse they
understand.
"""
import re

from lib import libraries, mbox
from lib.mails import MAILS
from lib.player import PASSWORDS
from lib.scratch import Instance
from lib.tap import Tap, check, equal

tap = Tap()
BOB = "bob@example.org"
ALL = [(wire, BOB) for wire in MAILS.values()]
FIELDS = re.compile(rb"(?:(?:Return-Path|Received|Delivered-To):.*\r\n"
                    rb"(?:[ \t].*\r\n)*)*")


def empty(server):
    """Nothing is left of the row before."""
    server.mailbox("bob").unlink(missing_ok=True)


def arrived(server, wires):
    """Bob has got these, in this order, and whole."""
    box = mbox.read(server.mailbox("bob"))
    equal(len(box), len(wires), "messages")
    for message, wire in zip(box, wires):
        got = message.wire[FIELDS.match(message.wire).end():]
        equal(got.rstrip(b"\r\n"), wire.rstrip(b"\r\n"), "octets")


def ways(all_libraries):
    """Each library by each kind of connection and by each mechanism."""
    for library in all_libraries:
        for kind in library.kinds:
            yield library, kind, library.mechanisms[0]
        for mechanism in library.mechanisms[1:]:
            yield library, library.kinds[-1], mechanism


def cases_send(server):
    """What is sent arrives"""
    for library, kind, mechanism in ways(libraries.SENDERS):
        with tap.case(f"{library.name}: {mechanism}, {kind}", server.notes):
            empty(server)
            said = library.send(server, kind, mechanism, ALL)
            equal(said, [""] * len(ALL), "answers")
            arrived(server, MAILS.values())


def cases_refused(server):
    """What we refuse is understood, and the next message arrives"""
    mail = MAILS["dots"]
    # It fills the data that are allowed, and a little more.
    large = mail + b"0123456789abcdef\r\n" * 70000
    for library in libraries.SENDERS:
        with tap.case(f"{library.name}: refusals", server.notes):
            empty(server)
            kind, mechanism = library.kinds[-1], library.mechanisms[0]
            said = library.send(server, kind, mechanism, [
                (mail, "nobody@example.org"), (large, BOB), (mail, BOB)])
            check(said[0].startswith("550") and "5.1.1" in said[0], said)
            check(said[1].startswith("552") and "5.3.4" in said[1], said)
            equal(said[2], "", "the third")
            arrived(server, [mail])
        with tap.case(f"{library.name}: a wrong password", server.notes):
            empty(server)
            (said,) = library.send(server, kind, mechanism, [(mail, BOB)],
                                   "wrong")
            check(said.startswith("535") or "5.7.8" in said, said)


def fill(server):
    """Each of the messages is in bob's mailbox."""
    empty(server)
    with server.connect(server.smtp) as talker:
        talker.hello()
        for wire in MAILS.values():
            talker.submit("alice@example.org", [BOB], wire)


def whole(library, said, got):
    """What was collected is what is there."""
    equal(said["count"], len(MAILS), "messages")
    equal(sorted(got), list(range(1, len(MAILS) + 1)), "numbers")
    for number, wire in enumerate(MAILS.values(), 1):
        text = got[number]
        expected = library.expected(wire)
        check(text.endswith(expected), f"{number}: {text[-200:]!r} instead "
              f"of {expected[-200:]!r}")
        head = text[:len(text) - len(expected)]
        check(FIELDS.fullmatch(head.replace(b"\n", b"\r\n")),
              f"{number}: {head!r}")
    if library.has_uidls:
        equal(len(set(said["uidls"].values())), len(MAILS), "UIDLs")
    check("no such message" in said["missing"].lower(), said["missing"])


def cases_collect(server):
    """What is there is collected, left and deleted"""
    for library, kind, mechanism in ways(libraries.READERS):
        with tap.case(f"{library.name}: {mechanism or 'USER'}, {kind}",
                      server.notes):
            fill(server)
            for delete in (False, True):
                whole(library, *library.collect(
                    server, kind, mechanism, PASSWORDS["bob"], delete))
                equal(len(mbox.read(server.mailbox("bob"))),
                      0 if delete else len(MAILS), "left")


def cases_wrong_password(server):
    """A wrong password is understood"""
    for library in libraries.READERS:
        with tap.case(f"{library.name}: a wrong password", server.notes):
            said, _ = library.collect(server, library.kinds[0],
                                      library.mechanisms[0], "wrong")
            check(said.get("error"), said)


if __name__ == "__main__":
    with Instance("plaintext-login always\nsize-limit 1M\n"
                  "penalties off\n") as fixture:
        fixture.passwd("bob", PASSWORDS["bob"], "--cram-md5")
        tap.run(globals(), fixture)
    tap.finish()
