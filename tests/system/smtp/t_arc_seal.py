# SPDX-License-Identifier: ISC
"""Sets that we add to an Authenticated Received Chain (RFC 8617).

Guards against sets that others cannot verify, that say more of the chain than
was found, or that are added where none may be. The suite of ARC's authors is of
a draft: what it says is compared but for tag h, which is the sealer's to choose
(RFC 8617 section 4.1.2), and tag b, which depends on it and on the order of
tags; instead the chain has to be valid to everybody.
"""
import random
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lib import dkimpeers                           # noqa: E402
from lib.authprobe import Probe, data               # noqa: E402
from lib.mails import Mail                          # noqa: E402
from lib.scratch import LONG, Scratch               # noqa: E402
from lib.tap import Skip, Tap, check, equal         # noqa: E402

tap = Tap()
ID = "lists.example.org"
SETS = 50
OURS = re.compile(rb"(?m)^Authentication-Results: %s;.*\r\n(?:[ \t].*\r\n)*"
                  % re.escape(ID.encode()))
# Cases of the suite that RFC 8617 contradicts: why.
DIFFERS = {}


def suite():
    """(name, case, document) of all of them."""
    try:
        import yaml
    except ImportError:
        raise Skip("PyYAML is not there (Debian package python3-yaml)") \
            from None
    for part in yaml.safe_load_all(data("arc-sign-tests.yml").read_text()):
        for name, case in part["tests"].items():
            yield name, case, part


def tags(text):
    """{name: value} of a tag list, without blanks."""
    pairs = (tag.split("=", 1) for tag in "".join(text.split()).split(";")
             if tag)
    return {name: value for name, value in pairs}


def fields(added):
    """{name: value} of what was added."""
    return dict(re.findall(r"(?m)^([A-Za-z-]+):((?:.*\r\n)(?:[ \t].*\r\n)*)",
                           added.decode()))


def results(text):
    """The parts of an ARC-Authentication-Results, without blanks."""
    return ["".join(part.split()) for part in text.split(";")]


def seal(probe, message, name=ID):
    """The message with one more set; fails if there is none."""
    added, why = probe.seal(message, name, now=int(time.time()))
    check(added, why)
    return added + message


def valid(probe, dkim, records, message):
    """What we and dkimpy find: "pass" twice, one would hope."""
    ours = probe.ask("arc", message)[0].split()[0]
    theirs = dkim.arc_verify(message, dnsfunc=dkimpeers.asks(records))[0]
    return ours, (theirs or b"fail").decode()


def compare(case, added):
    """The set is as the suite has it."""
    got = fields(added)
    for short, name in (("AS", "ARC-Seal"), ("AMS", "ARC-Message-Signature")):
        mine, wanted = tags(got[name]), tags(case[short])
        for each in (mine, wanted):
            each.pop("b")
            each.pop("h", None)
        equal(mine, wanted, name)
    equal(results(got["ARC-Authentication-Results"]), results(case["AAR"]),
          "results")


def cases_suite():
    """Each case of the suite"""
    dkim = dkimpeers.dkimpy()
    for name, case, part in suite():
        with tap.case(f"{name}: {case['description']}"):
            if name in DIFFERS:
                raise Skip(DIFFERS[name])
            records = {key: "".join(value.split("\n"))
                       for key, value in part["txt-records"].items()}
            key = part["privatekey"], part["domain"], part["sel"]
            message = case["message"].replace("\n", "\r\n").encode()
            with Probe({k: [v] for k, v in records.items()}, key) as probe:
                for piece in (1, 7, 65536):
                    added, why = probe.seal(message, case["srv-id"],
                                            now=int(case["t"]), piece=piece)
                    if not case["AS"].strip():
                        check(added is None, f"added {added}: {why}")
                        continue
                    check(added, why)
                    compare(case, added)
                    wanted = "fail" if "cv=fail" in case["AS"] else "pass"
                    got = valid(probe, dkim, records, added + message)
                    equal(got, (wanted, wanted), "who validates it")


class Keys:
    """A new key, and what the DNS has of it."""

    def __init__(self, scratch):
        done = scratch.call("smtpd", "--dkim", "example.org")
        equal(done.returncode, 0, done.stderr)
        self.records = dkimpeers.published(scratch, "example.org")
        self.pems = {}
        for path in (scratch.dir / "state/dkim/example.org").iterdir():
            self.pems[path.stem] = path.read_text()

    def probe(self, kind="r"):
        """One that seals with it."""
        name = next(name for name in self.pems if name.startswith(kind))
        return Probe({k: [v] for k, v in self.records.items()},
                     (self.pems[name], "example.org", name))


def came(message, status):
    """As it is in the queue: with results of ours, and no others."""
    message = OURS.sub(b"", message)
    return (f"Received: from x\r\n\tby y; Mon, 6 Jan 2025 10:00:00 +0000\r\n"
            f"Authentication-Results: {ID};\r\n\tdmarc=pass (p=none; "
            f"action=none) header.from=example.org;\r\n\tspf=fail "
            f"smtp.mailfrom=\"a b\"@example.org;\r\n\tarc={status} (i=1)\r\n"
            ).encode() + message


def test_forms(keys, scratch):
    """Messages of many forms are valid to us, dkimpy and Mail::DKIM"""
    dkim = dkimpeers.dkimpy()
    dice = random.Random(21)
    sealed = []
    with keys.probe() as probe:
        for _ in range(300 if LONG else 60):
            message = Mail(dice, long_lines=dice.random() < 0.2).wire
            for number in range(dice.randint(1, 4)):
                message = seal(probe, came(message, "pass" if number else
                                           "none"))
            got = valid(probe, dkim, keys.records, message)
            equal(got, ("pass", "pass"), f"{got} {message!r:.3000}")
            sealed.append(message)
    lines = dkimpeers.perl(scratch, keys.records, sealed, "arc")
    for line, message in zip(lines, sealed):
        check(line.startswith("pass"), f"Mail::DKIM: {line} {message!r:.3000}")


def test_ed25519(keys):
    """A key of Ed25519 seals as well"""
    dkim = dkimpeers.dkimpy()
    with keys.probe("e") as probe:
        message = seal(probe, came(b"From: a@b.example\r\n\r\nx\r\n", "none"))
        equal(probe.ask("arc", message)[0].split()[0], "pass", "ours")
        got = dkim.arc_verify(message, dnsfunc=dkimpeers.asks(keys.records))
        check(got[0] == b"pass" or "unknown signature algorithm" in got[2],
              f"dkimpy's: {got}")     # 1.1.4 seals by RSA alone


def test_longest(keys):
    """Fifty sets are a chain, and nobody adds one more"""
    dkim = dkimpeers.dkimpy()
    with keys.probe() as probe:
        message = b"From: a@b.example\r\nSubject: x\r\n\r\ntext\r\n"
        for number in range(SETS):
            message = seal(probe, came(message, "pass" if number else "none"))
        got = probe.ask("arc", message)[0].split()
        equal(got[:3], ["pass", "i=50", "oldest=0"], "chain")
        equal(dkim.arc_verify(message, dnsfunc=dkimpeers.asks(keys.records))
              [0], b"pass", "dkimpy's")
        added, why = probe.seal(came(message, "pass"), ID)
        check(added is None and "as long as" in why, why)


def test_oldest(keys):
    """The oldest set since which nothing was changed"""
    with keys.probe() as probe:
        message = b"From: a@b.example\r\nSubject: x\r\n\r\ntext\r\n"
        message = seal(probe, came(message, "none"))
        message = seal(probe, came(message, "pass"))
        equal(probe.ask("arc", message)[0].split()[:3],
              ["pass", "i=2", "oldest=0"], "unchanged")
        listed = message.replace(b"Subject: x", b"Subject: [list] x") \
            + b"-- \r\nthe list\r\n"
        equal(probe.ask("arc", listed)[0].split()[0], "fail", "changed")
        message = seal(probe, came(listed, "pass"))
        equal(probe.ask("arc", message)[0].split()[:3],
              ["pass", "i=3", "oldest=3"], "sealed by the list")
        message = seal(probe, came(message, "pass"))
        equal(probe.ask("arc", message)[0].split()[:3],
              ["pass", "i=4", "oldest=3"], "and by who got it from there")


def test_none_to_add(keys):
    """Where nothing is known, or it is not the same, there is no set"""
    plain = b"From: a@b.example\r\n\r\nx\r\n"
    forms = {
        "no results": plain,
        "results of others": came(plain, "none").replace(
            ID.encode(), b"mx.elsewhere.example"),
        "a longer name": came(plain, "none").replace(
            ID.encode(), ID.encode() + b".example"),
        "pass without a chain": came(plain, "pass"),
        "too long": came(plain, "none").replace(b"(i=1)", b"(" + b"x" * 5000
                                                + b")"),
    }
    with keys.probe() as probe:
        good = seal(probe, came(plain, "none"))
        forms.update({
            "no word of the chain": came(good, "none").replace(b"arc=", b"x="),
            "temporary trouble": came(good, "temperror"),
            "in a comment": came(good, "x").replace(b"(i=1)",
                                                    b"(; arc=pass)"),
            "in quotes": came(good, "x").replace(b"a b", b"; arc=pass ;"),
            "none with a chain": came(good, "none")})
        forms["pass with half a chain"] = came(good.replace(
            b"ARC-Seal", b"X-Seal", 1), "pass")
        broken = seal(probe, came(good.replace(b"\r\nx", b"\r\ny"), "fail"))
        check(b"cv=fail" in broken, broken)
        forms["after a broken one"] = came(broken, "fail")
        for name, message in forms.items():
            added, why = probe.seal(message, ID)
            check(added is None, f"{name}: {added}")
            check(why.startswith("none "), f"{name}: {why}")


def test_broken(keys):
    """A broken chain gets one last set, of which the seal covers that alone"""
    dkim = dkimpeers.dkimpy()
    with keys.probe() as probe:
        good = seal(probe, came(b"From: a@b.example\r\n\r\nx\r\n", "none"))
        for spoilt in (good.replace(b"i=1", b"i=7", 1),
                       good.replace(b"ARC-Message", b"X-Message", 1),
                       good + b"changed\r\n"):
            message = seal(probe, came(spoilt, "fail"))
            equal(valid(probe, dkim, keys.records, message),
                  ("fail", "fail"), "who validates it")


def test_changes(keys):
    """A bit changed in a set, or in what it signs, is noticed"""
    dice = random.Random(22)
    with keys.probe() as probe:
        message = seal(probe, came(
            b"From: a@b.example\r\nSubject: words\r\n\r\ntext of it\r\n",
            "none"))
        message = seal(probe, came(message, "pass"))
        equal(probe.ask("arc", message)[0].split()[0], "pass", "as it is")
        tried = 0
        for start, end in signed(message):
            for at in range(start, end):
                new = bytes([message[at] ^ 1 << dice.randrange(7)])
                if message[at:at + 1].isspace() or new.isspace() or \
                        new == b"\0":
                    continue
                spoilt = message[:at] + new + message[at + 1:]
                got = probe.ask("arc", spoilt)[0]
                check(not got.startswith("pass"), f"octet {at}: {got} "
                      f"{spoilt[start:end]}")
                tried += 1
        check(tried > 1000, f"only {tried} were tried")


def signed(message):
    """(start, end) of values in the sets and of From and Subject, and of the
    body."""
    for field in re.finditer(rb"(?m)^(ARC-[^\s:]+|From|Subject):"
                             rb"((?:.*\r\n)(?:[ \t].*\r\n)*)", message):
        yield field.span(2)
    yield message.index(b"\r\n\r\n") + 4, len(message.rstrip())


if __name__ == "__main__":
    with Scratch("hostname mx.example.org\ndomains example.org\n") as there:
        tap.run(globals(), Keys(there), there)
    tap.finish()
