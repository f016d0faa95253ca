# SPDX-License-Identifier: ISC
"""Random DMARC records: authheaders comes to the result that we come to.

It looks organizational domains up in the list of public suffixes, as RFC 7489
did, and we walk up the tree (RFC 9989). So there is a record at the domain below
the suffix wherever there is one below that; then both find the same domain.
Policies are compared where sp is p: it takes sp of the domain's own record, too.
"""
import functools
import os
import random

from lib.peers import module
from lib.scratch import LONG
from lib.spfsuite import Machine
from lib.tap import Tap, check, equal

tap = Tap()
ROUNDS = 10000 if LONG else 500
NAMES = ["example.com", "a.example.com", "b.a.example.com", "c.example.com",
         "example.net", "x.example.net", "example.org"]


def authheaders():
    """The module, which reads the list of suffixes anew for each question."""
    found = module("authheaders", "python3-authheaders")
    found.get_org_domain = found.dmarc_lookup.get_org_domain = \
        functools.cache(found.dmarc_lookup.get_org_domain)
    return found


def random_record(dice):
    """A record with tags of both standards."""
    tags = ["p=" + dice.choice(["none", "quarantine", "reject"])]
    tags += [f"{tag}={dice.choice('rs')}" for tag in ("adkim", "aspf")
             if dice.random() < 0.5]
    if dice.random() < 0.3:
        tags.append("rua=mailto:a@example.com")
    if dice.random() < 0.2:
        tags.append("unknown=x")
    dice.shuffle(tags)
    if not tags[0].startswith("p=") and dice.random() < 0.3:
        tags.append("ruf=mailto:b@example.com")
    return dice.choice([";", "; "]).join(["v=DMARC1", *tags]) \
        + dice.choice(["", ";"])


def random_zone(dice):
    """{name: [record]}, see above."""
    zone = {}
    for name in reversed(NAMES):
        top = ".".join(name.split(".")[-2:])
        below = any(n.endswith("." + top) for n in zone)
        if dice.random() < 0.5 or (name == top and below):
            zone["_dmarc." + name] = [random_record(dice)]
            zone.setdefault("_dmarc." + top, [random_record(dice)])
    return zone


def test_authheaders():
    """Random records, authors and identifiers"""
    peer = authheaders()
    seed = int(os.environ.get("SEED", "1"))
    different, seen = [], {}
    with Machine() as machine:
        for round_ in range(ROUNDS):
            dice = random.Random(f"{seed} {round_}")
            zone = random_zone(dice)
            author, spf, dkim = (dice.choice(NAMES) for _ in range(3))
            found = [(kind, name) for kind, name in
                     (("spf", spf), ("dkim", dkim)) if dice.random() < 0.6]
            kinds = dict(found)

            def ask(_, name, zone=zone):
                records = zone.get(name, [])
                return ("ok" if records else "no-name"), [
                    r.encode() for r in records]

            result, policy, _, _ = machine.dmarc(author, found, ask)
            theirs = peer.check_dmarc(
                f"From: a@{author}\r\n\r\n".encode(),
                peer.SPFAuthenticationResult(
                    result="pass" if "spf" in kinds else "fail",
                    smtp_mailfrom="x@" + spf),
                peer.DKIMAuthenticationResult(
                    result="pass" if "dkim" in kinds else "fail",
                    header_d=dkim),
                dnsfunc=lambda name, *_, zone=zone: (zone.get(
                    name.decode() if isinstance(name, bytes) else name)
                    or [""])[0])
            seen[result] = seen.get(result, 0) + 1
            wanted = getattr(theirs, "policy", None) or "none"
            if (result, policy) != (theirs.result, wanted):
                different.append((round_, author, found, result, policy,
                                  theirs.result, wanted, zone))
    for case in different[:10]:
        tap.diag(case)
    tap.diag(f"{ROUNDS} rounds, {len(different)} differ; ours: {seen}")
    check(len(seen) == 3, f"few kinds of results: {seen}")
    equal(len(different), 0, "differences")


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
