# SPDX-License-Identifier: ISC
"""Filters of others, from Debian, asked by the tests' own side of the milter
protocol (lib/milter_client.py), so that a fault that t_filters_peers finds is
known to be ours or theirs."""
from lib import filters
from lib.filtered import (AGAIN, EICAR, GTUBE, HEAD, OURS, PLAIN, asking,
                          verified)
from lib.milter_client import Envelope, apply, scan
from lib.scratch import Scratch
from lib.tap import Tap, check, equal

tap = Tap()


def has(edits, *wanted):
    """Each of these (letter, beginning of the data) is among the edits."""
    for letter, data in wanted:
        check(any(e[0] == letter and e[1].startswith(data) for e in edits),
              f"{letter} {data} is not among {edits}")


def refused(verdict, reply):
    """The answer is that reply."""
    equal(verdict.reply, reply, f"reply of {verdict}")


def test_rig_clamav(scratch):
    """clamav-milter, asked by the tests: fields, EICAR"""
    with filters.Clamd(scratch) as clamd, \
            filters.ClamavMilter(scratch, clamd) as clamav:
        verdict = scan(clamav.address, PLAIN)
        check(verdict.accepted, verdict)
        has(verdict.edits, (b"h", b"X-Virus-Status\0Clean"))
        verdict = scan(clamav.address, EICAR)
        refused(verdict, "550 5.7.1 Found Eicar-Test-Signature.UNOFFICIAL")
        clamd.kill()
        refused(scan(clamav.address, PLAIN), "451 4.7.1")


def test_rig_spamassassin(scratch):
    """spamass-milter, asked by the tests: fields, another body, GTUBE"""
    with filters.Spamd(scratch) as spamd, \
            filters.SpamassMilter(scratch, spamd) as spamass:
        verdict = scan(spamass.address, PLAIN)
        check(verdict.accepted, verdict)
        has(verdict.edits, (b"h", b"X-Spam-Status\0No, score="))
        verdict = scan(spamass.address, GTUBE)
        refused(verdict, "550 5.7.1 Blocked by SpamAssassin")
    with filters.Spamd(scratch) as spamd, \
            filters.SpamassMilter(scratch, spamd, "-r", "9999") as spamass:
        verdict = scan(spamass.address, GTUBE)
        check(verdict.accepted, verdict)
        edited = apply(GTUBE, verdict)
        check(edited.replaced and b"Spam detection software" in edited.message
              and b"X-Spam-Flag: YES" in edited.message, edited.message)


def test_rig_rspamd(scratch):
    """Rspamd, asked by the tests: fields, another subject, GTUBE, later"""
    with filters.Rspamd(scratch) as rspamd:
        verdict = scan(rspamd.address, PLAIN)
        check(verdict.accepted, verdict)
        has(verdict.edits, (b"h", b"X-Spamd-Bar\0"))
        refused(scan(rspamd.address, GTUBE), "554 5.7.1 Gtube pattern")
        refused(scan(rspamd.address, AGAIN), "451 4.7.1 Try again later")
        has(scan(rspamd.address, filters.gtube(HEAD, "Y")).edits,
            (b"m", b"\0\0\0\1X-Spam\0Yes\0"))
        has(scan(rspamd.address, filters.gtube(HEAD, "Z")).edits,
            (b"m", b"\0\0\0\1Subject\0*** SPAM *** a subject"))


def test_rig_signers(scratch):
    """opendkim and dkimpy-milter, asked by the tests: valid signatures"""
    for kind in (filters.Opendkim, filters.DkimpyMilter):
        with kind(scratch) as signer:
            verdict = scan(signer.address, OURS)
            check(verdict.accepted, verdict)
            has(verdict.edits, (b"i", b"\0\0\0\0DKIM-Signature\0"))
            verified(signer, apply(OURS, verdict).message)


def test_rig_spf(scratch):
    """pyspf-milter, asked by the tests: a field, and a no to MAIL"""
    with filters.PyspfMilter(scratch) as spf:
        verdict = scan(spf.address, PLAIN, Envelope("x@pass.test"))
        check(verdict.accepted, verdict)
        has(verdict.edits, (b"i", b"\0\0\0\0Authentication-Results\0"
                            b"spf.example.org; spf=pass"))
        verdict = scan(spf.address, PLAIN, Envelope("x@fail.test"))
        equal((verdict.place, verdict.reply.split()[:2]),
              (b"M", ["550", "5.7.23"]), str(verdict))


def test_rig_every_action(scratch):
    """A filter by python3-milter, asked by the tests for every action"""
    with filters.EveryAction(scratch) as every:
        message = asking(PLAIN, ["addheader", "X-New", "value\n\tfolded"],
                         ["addheader", "X-Top", "first", 0],
                         ["chgheader", "X-A", 2, "changed"],
                         ["chgheader", "Message-ID", 1, ""],
                         ["chgfrom", "<other@example.com>"],
                         ["addrcpt", "<bob@example.org>"],
                         ["delrcpt", "<alice@example.org>"],
                         ["replacebody", "another\r\n"],
                         ["replacebody", "body\r\n"],
                         ["quarantine", "to be looked at"],
                         ["progress"], ["return", "accept"])
        verdict = scan(every.address, message)
        equal(verdict.letter, b"a", str(verdict))
        edited = apply(message, verdict)
        equal(edited.message, b"X-Top: first\r\n" + message.replace(
            b"X-A:two", b"X-A: changed").replace(
            b"Message-ID: <1@example.com>\r\n", b"").split(
            b"\r\n\r\n")[0] + b"\r\nX-New: value\r\n\tfolded\r\n\r\n"
            b"another\r\nbody\r\n", "the message")
        equal((edited.sender, edited.recipients, edited.quarantine),
              ("other@example.com", ["bob@example.org"], "to be looked at"))
        for name, reply in (("reject", "550 5.7.1"),
                            ("tempfail", "451 4.7.1"), ("discard", None)):
            verdict = scan(every.address, asking(PLAIN, ["return", name]))
            refused(verdict, reply)
            verdict = scan(every.address, PLAIN, Envelope(
                f"do-{name}@example.com"))
            equal((verdict.place, verdict.reply), (b"M", reply))


if __name__ == "__main__":
    tap.run_each(globals(), Scratch)
    tap.finish()
