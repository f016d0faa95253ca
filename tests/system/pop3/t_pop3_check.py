# SPDX-License-Identifier: ISC
"""pop3d --check finds what keeps POP3 from working, in the words of smtpd
--check, and says nothing about what is smtpd's alone."""
import json
import os
import re

from lib.mistakes import (ANYBODY, ROOT, refused_cases, find, findings,
                          one_mistake)
from lib.scratch import AM_ROOT, Scratch
from lib.tap import Skip, Tap, check, equal

tap = Tap()
# What is about sending and receiving alone.
SMTP = re.compile(
    r"queue|damaged|room|file that the owner of aliases|a file in a folder|"
    r"program|list that|alias|relay|password file|socket|name server|465|587|"
    r"senders|short host|trust |archive|provider|users' mail|counts|reply address|commands")
TOKENS = "a program for tokens that its owner cannot run"


def rows(table):
    """The mistakes of a table that are POP3's as well."""
    return [row for row in table
            if row[0] == TOKENS or not SMTP.search(row[0])]


def cases_root():
    """Mistakes that root finds, as the owner of each thing"""
    for row in rows(ROOT):
        with tap.case(row[0]):
            if not AM_ROOT:
                raise Skip("not root")
            one_mistake(row, True, "pop3d")


def cases_anybody():
    """Mistakes that anybody finds"""
    for row in rows(ANYBODY):
        with tap.case(row[0]):
            one_mistake(row, False, "pop3d")


def test_enough():
    """There are some of each kind"""
    check(len(rows(ROOT)) > 20 and len(rows(ANYBODY)) > 8,
          f"{len(rows(ROOT))}, {len(rows(ANYBODY))}")


def cases_refused():
    """Mistakes with which nothing starts"""
    refused_cases(tap, "pop3d")


def without_figures(found):
    """The days that are left, for one, are those of some moment."""
    return [(kind, re.sub(r"[0-9]+", "N", text)) for kind, text in found]


def test_same_words():
    """Each finding is one of smtpd's, but for the name of the program"""
    with Scratch() as scratch:
        scratch.configure("plaintext-login always\nquota 1G nobody-here")
        (scratch.dir / "state").chmod(0o777)
        theirs = findings(scratch)
        ours = findings(scratch, program="pop3d")
        strange = set(without_figures(ours)) - set(without_figures(theirs))
        equal(strange, set(), "other words")
        for word in ("queue", "relay", "alias", "DNS", "dnsbl"):
            check(not any(word in text for kind, text in ours
                          if kind != "ok"), f"{word}: {ours}")


def test_not_root():
    """A user is told to ask as root"""
    if not AM_ROOT:
        raise Skip("not root")
    with Scratch() as scratch:
        os.chown(scratch.dir / "state", 0, 0)
        found, said = find(scratch, "warning",
                           "state .*run pop3d --check as that user", "pop3d")
        check(found, str(said))


def test_json():
    """--json, anywhere: one object for each finding"""
    with Scratch() as scratch:
        for words in (["--check", "--json"], ["-j", "--check"]):
            for _ in range(10):
                before = same(findings(scratch, program="pop3d"))
                done = scratch.call("pop3d", *words)
                found = [json.loads(line) for line in done.stdout.splitlines()]
                lines = same(findings(scratch, program="pop3d"))
                if before == lines:
                    break               # else others have taken a port, or so
            found = same((f["finding"], f["text"]) for f in found)
            equal([f for f in found if f not in lines], [], "in JSON alone")
            equal(found, lines, "findings")


def same(found):
    """Findings without their figures: the disk is not ours alone."""
    return [(kind, re.sub(r"\d+", "0", text)) for kind, text in found]


def test_options():
    """A slip in an option is answered by the nearest one, in both programs"""
    with Scratch() as scratch:
        for program in ("smtpd", "pop3d"):
            done = scratch.call(program, "--chekc")
            equal(done.returncode, 64, done.stderr)
            check("did you mean --check?" in done.stderr, done.stderr)
            done = scratch.call(program, "--help")
            check("test the configuration" in done.stdout, done.stdout)


tap.run(globals())
tap.finish()
