# SPDX-License-Identifier: ISC
"""Filters of others, from Debian: what they want is done to the octet.

Rspamd, clamav-milter, spamass-milter, opendkim, dkimpy-milter, pyspf-milter
and a filter by python3-milter that can ask for everything. Each is asked by
the tests' own side of the protocol first (lib/milter_client.py), so that a
fault is known to be ours or theirs.
"""
import base64
import json

from lib import dkimpeers, filters
from lib.milter_client import Envelope, apply, scan
from lib.scratch import Scratch
from lib.tap import Tap, check, equal

tap = Tap()
HEAD = (b"From: Someone <someone@example.com>\r\nTo: alice@example.org\r\n"
        b"Subject: a subject\r\n that is folded\r\n"
        b"Message-ID: <1@example.com>\r\nX-A: one\r\n"
        b"Date: Mon, 30 Nov 2026 10:00:00 +0000\r\nX-A:two\r\n"
        b"x-a:  three\r\n")
PLAIN = HEAD + b"\r\nhello\r\n.dot\r\nFrom me\r\n\r\n"
GTUBE = HEAD + b"\r\n" + filters.GTUBE.encode() + b"\r\n"
OURS = PLAIN.replace(b"example.com>", b"example.org>")
EICAR = HEAD + (
    b"MIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\n"
    + base64.b64encode(filters.EICAR.encode()) + b"\r\n")
AGAIN = b"X-Again: yes\r\n" + PLAIN


def like_gtube(letter):
    """Rspamd's other test patterns: GTUBE with another first letter."""
    return HEAD + b"\r\n" + letter + filters.GTUBE[1:].encode() + b"\r\n"


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
        has(scan(rspamd.address, like_gtube(b"Y")).edits,
            (b"m", b"\0\0\0\1X-Spam\0Yes\0"))
        has(scan(rspamd.address, like_gtube(b"Z")).edits,
            (b"m", b"\0\0\0\1Subject\0*** SPAM *** a subject"))


def verified(signer, message, selector="test"):
    """dkimpy finds that the signature of a filter is valid."""
    dkim = dkimpeers.dkimpy()
    key = filters.public_key(signer.dir / "key.pem")
    name = f"{selector}._domainkey.example.org"
    check(dkim.verify(message, dnsfunc=dkimpeers.asks(
        {name: f"v=DKIM1; k=rsa; p={key}"})), message)


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


def asking(*todo, message=PLAIN):
    """A message that asks every_action.py for all that."""
    return b"".join(b"X-Do: " + json.dumps(what).encode() + b"\r\n"
                    for what in todo) + message


def test_rig_every_action(scratch):
    """A filter by python3-milter, asked by the tests for every action"""
    with filters.EveryAction(scratch) as every:
        message = asking(["addheader", "X-New", "value\n\tfolded"],
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
            verdict = scan(every.address, asking(["return", name]))
            refused(verdict, reply)
            verdict = scan(every.address, PLAIN, Envelope(
                f"do-{name}@example.com"))
            equal((verdict.place, verdict.reply), (b"M", reply))


if __name__ == "__main__":
    tap.run_each(globals(), Scratch)
    tap.finish()
