# SPDX-License-Identifier: ISC
"""Filters of others, from Debian: what they want is done to the octet.

Rspamd, clamav-milter, spamass-milter, opendkim, dkimpy-milter, pyspf-milter
and a filter by python3-milter that can ask for everything. A server asks each,
and what the two say is recorded: the message must reach the filter as it was
sent, and the mailbox as the filter wants it. See t_filters_rig, too.
"""
import concurrent.futures
import contextlib
import json

from lib import filters
from lib.filtered import (AGAIN, EICAR, GTUBE, HEAD, OURS, PLAIN, Filtered,
                          asking, verified)
from lib.milter_client import apply
from lib.scratch import ALICE
from lib.tap import Tap, check, equal

tap = Tap()
@contextlib.contextmanager
def clamav(site):
    """clamav-milter and its daemon."""
    with filters.Clamd(site) as clamd, \
            filters.ClamavMilter(site, clamd) as a_filter:
        yield clamd, a_filter


def test_clamav(site):
    """clamav-milter: fields, a refusal; its daemon is down, and it is"""
    with clamav(site) as (clamd, a_filter):
        recorder = site.record(a_filter)
        _, edited = site.delivers(PLAIN, recorder)
        check(b"\r\nX-Virus-Status: Clean\r\n" in edited.message, edited)
        site.refuses(EICAR, "550 5.7.1 Found Eicar-Test-Signature.UNOFFICIAL")
        talk = recorder.last()
        equal(talk.message, talk.as_seen(EICAR), "what the filter has seen")
        clamd.kill()
        site.refuses(PLAIN, "451 4.7.1")
        a_filter.kill()
        site.refuses(PLAIN, "451 4.7.1")
    with clamav(site) as (_, a_filter):
        recorder.target = a_filter.address
        site.delivers(PLAIN, recorder)


def test_spamassassin(site):
    """spamass-milter: fields, a refusal"""
    with filters.Spamd(site) as spamd, \
            filters.SpamassMilter(site, spamd) as a_filter:
        recorder = site.record(a_filter)
        _, edited = site.delivers(PLAIN, recorder)
        check(b"\r\nX-Spam-Status: No, score=" in edited.message, edited)
        site.refuses(GTUBE, "550 5.7.1 Blocked by SpamAssassin")


def test_spamassassin_body(site):
    """spamass-milter puts a report in place of the body"""
    with filters.Spamd(site) as spamd, \
            filters.SpamassMilter(site, spamd, "-r", "9999") as a_filter:
        _, edited = site.delivers(GTUBE, site.record(a_filter))
        check(edited.replaced and b"Spam detection software" in edited.message,
              edited.message)


def test_rspamd(site):
    """Rspamd: fields, another subject, a refusal, another time"""
    with filters.Rspamd(site) as a_filter:
        recorder = site.record(a_filter)
        site.delivers(PLAIN, recorder)
        site.refuses(GTUBE, "554 5.7.1 Gtube pattern")
        site.refuses(AGAIN, "451 4.7.1 Try again later")
        site.delivers(filters.gtube(HEAD, "Y"), recorder,
                      mark=b"X-Spam-Flag: YES\r\n")
        _, edited = site.delivers(filters.gtube(HEAD, "Z"), recorder)
        check(b"\r\nSubject: *** SPAM *** a subject that is folded\r\n"
              in edited.message, edited.message)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            equal(set(pool.map(lambda n: site.say(PLAIN)[:4], range(16))),
                  {"250 "}, "replies")
        box = site.box()
        equal([m.sent for m in box],
              [apply(PLAIN, recorder.last().verdict).message] * 16,
              "sixteen messages at once")


def cases_signers(users):
    """Signers of users' mail: what is delivered has a valid signature"""
    for kind in (filters.Opendkim, filters.DkimpyMilter):
        with tap.case(kind.__name__, users.notes), kind(users) as signer:
            message, _ = users.delivers(
                OURS, users.record(signer), user="bob", login=ALICE,
                sender="alice@example.org", to=["bob@example.org"])
            verified(signer, message.sent)


def test_spf(site):
    """pyspf-milter: a field; a no to MAIL is said at the end"""
    with filters.PyspfMilter(site) as a_filter:
        recorder = site.record(a_filter)
        _, edited = site.delivers(PLAIN, recorder, sender="x@pass.test")
        check(edited.message.startswith(
            b"Authentication-Results: spf.example.org; spf=pass"),
            edited.message)
        site.refuses(PLAIN, "550 5.7.23 ", sender="x@fail.test")


def test_every_action(site):
    """A filter by python3-milter: everything at once"""
    (site.dir / "aliases").write_text("do-reject: bob\ndo-discard: bob\n")
    with filters.EveryAction(site) as a_filter:
        recorder = site.record(a_filter)
        message, edited = site.delivers(asking(
            PLAIN, ["addheader", "X-New", "value\n\tfolded\n  twice"],
            ["addheader", "X-Top", "first", 0],
            ["addheader", "X-Second", "", 1],
            ["addheader", "X-Empty", ""], ["addheader", "X-Far", "x", 99],
            ["chgheader", "X-A", 2, "changed"], ["chgheader", "x-A", 3, ""],
            ["chgheader", "X-A", 9, "a fourth one"],
            ["chgheader", "Subject", 1, "another\n\tfolded"],
            ["chgheader", "Message-ID", 1, ""],
            ["chgheader", "X-Not-There", 1, ""],
            ["chgfrom", "<other@example.com>"],
            ["addrcpt", "<bob@example.org>"],
            ["delrcpt", "<alice@example.org>"],
            ["replacebody", "another\r\n.dot\r\nFrom here\r"],
            ["replacebody", "\nbody\r\n\r\n"],
            ["progress"], ["return", "accept"]), recorder, user="bob")
        equal(site.box("alice"), [], "who is deleted")
        equal(edited.recipients, ["bob@example.org"], "recipients")
        check(message.wire.startswith(b"Return-Path: <other@example.com>"),
              message.wire)


def test_stages(site):
    """A filter by python3-milter answers at each stage"""
    (site.dir / "aliases").write_text("do-reject: bob\ndo-tempfail: bob\n")
    site.hand(site.dir / "aliases")
    with filters.EveryAction(site) as a_filter:
        recorder = site.record(a_filter)
        for name, reply in (("reject", "550 5.7.1"),
                            ("tempfail", "451 4.7.1"), ("discard", "250 ")):
            site.refuses(PLAIN, reply, sender=f"do-{name}@example.com")
            site.refuses(PLAIN, reply, helo=f"do-{name}.example.com")
            site.refuses(asking(PLAIN, ["addheader", "X", "y"],
                                ["return", name]), reply)
            for stage in ("header", "eoh", "body"):
                do = json.dumps([stage, name]).encode()
                site.refuses(b"X-Do-At: " + do + b"\r\n" + PLAIN, reply)
        for name in ("reject", "tempfail"):
            to = f"do-{name}@example.org"
            site.refuses(PLAIN, "550" if name == "reject" else "451",
                         to=[to])
        site.refuses(asking(PLAIN, ["setreply", "554", "5.7.9", "no, 100%%"],
                            ["return", "reject"]), "554 5.7.9 no, 100%")
        skipped = b'X-Do-At: ["body", "skip"]\r\n' + asking(
            PLAIN, ["addheader", "X-Skipped", "yes"])
        site.say(skipped)
        equal(site.box()[0].sent, apply(
            skipped, recorder.last().verdict).message, "after a skip")


def test_quarantine(site):
    """A filter by python3-milter has a message held, with its reason"""
    with filters.EveryAction(site) as a_filter:
        site.record(a_filter)
        said = site.say(asking(PLAIN, ["quarantine", "to be looked at"],
                               ["addheader", "X-New", "value"]))
        check(said.startswith("250 "), said)
        equal(site.box(), [], "what is delivered")
        check("to be looked at" in site.mailq_text(), site.mailq_text())


def test_faults(site):
    """A filter floods, or ends in the middle: nothing of it is done"""
    with filters.EveryAction(site) as a_filter:
        recorder = site.record(a_filter)
        site.refuses(asking(PLAIN, ["addheader", "X-New", "value"],
                            ["flood", 1000000]), "451 4.7.1")
        site.refuses(asking(PLAIN, ["addheader", "X-New", "value"],
                            ["replacebody", "other\r\n"], ["die"]),
                     "451 4.7.1")
    with filters.EveryAction(site) as a_filter:
        recorder.target = a_filter.address
        site.delivers(PLAIN, recorder)


def test_stall(lenient):
    """With filter-failure accept, the message goes on as it was"""
    for what in ("stall", "die"):
        with filters.EveryAction(lenient) as a_filter:
            lenient.record(a_filter)
            message = asking(PLAIN, ["addheader", "X-New", "value"],
                             ["replacebody", "other\r\n"], [what])
            said = lenient.say(message)
            check(said.startswith("250 "), said)
            equal(lenient.box()[0].sent, message, "what is delivered")


def test_order(both):
    """The second filter sees what the first has made of a message"""
    with clamav(both) as (_, first), filters.EveryAction(both) as second:
        one, two = both.record(first), both.record(second, 1)
        message = asking(PLAIN, ["chgheader", "X-Virus-Status", 1, "changed"])
        said = both.say(message)
        check(said.startswith("250 "), said)
        edited = apply(message, one.last().verdict).message
        equal(two.last().message, two.last().as_seen(edited),
              "what the second has seen")
        equal(both.box()[0].sent, apply(
            edited, two.last().verdict).message, "what is delivered")


def test_check(both):
    """--check sends GTUBE through filters, and says which of them refuse"""
    with clamav(both) as (_, first), filters.Rspamd(both) as second:
        both.record(first)
        both.record(second, 1)
        done = both.call("smtpd", "--check")
        check("Gtube pattern" in done.stdout + done.stderr,
              done.stdout + done.stderr)


MAKERS = {"site": Filtered,
          "both": lambda: Filtered(2),
          "users": lambda: Filtered(config="filter-users on\n"),
          "lenient": lambda: Filtered(
              config="filter-failure accept\nfilter-timeout 3\n")}


def main():
    """A machine of its own for each test."""
    for name, function in list(globals().items()):
        if name.startswith(("test_", "cases_")):
            wanted = function.__code__.co_varnames[0]
            tap.run_each({name: function}, MAKERS[wanted])
    tap.finish()


if __name__ == "__main__":
    main()
