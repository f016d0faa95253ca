# SPDX-License-Identifier: ISC
"""Our DKIM verifier and those of others agree, or it is known why not.

dkimpy signs messages of many forms, with each canonical form; most are spoilt
then: in the text, in its blanks and folds, and in the signature itself. We,
dkimpy and Mail::DKIM say pass or not. Guards against signatures that pass here
alone, or fail here alone. RESTANTE_DKIM_MESSAGES: how many messages;
RESTANTE_SEED: which.
"""
import os
import random
import re
import time
from collections import Counter

from lib import dkimpeers
from lib.authprobe import Probe
from lib.mails import Mail
from lib.scratch import Scratch
from lib.tap import Tap, check, equal

tap = Tap()
MANY = int(os.environ.get("RESTANTE_DKIM_MESSAGES", 400))
SEED = int(os.environ.get("RESTANTE_SEED", 31))
DOMAIN = "example.org"
FORMS = (b"simple", b"relaxed")
NOW = int(time.time())
FIELDS = (b"from", b"to", b"subject", b"date", b"message-id", b"mime-version",
          b"content-type", b"content-transfer-encoding")


class Signer:
    """Messages that dkimpy has signed; a few keys' worth of work is kept."""

    def __init__(self, dkim, scratch, dice):
        self.dkim, self.dice = dkim, dice
        self.records = dkimpeers.published(scratch, DOMAIN)
        path = next((scratch.dir / "state/dkim" / DOMAIN).glob("r*.pem"))
        self.pem, self.selector = path.read_bytes(), path.stem.encode()
        self.pool = [self.signed() for _ in range(min(MANY, 300))]

    def signed(self):
        """One of them."""
        dice = self.dice
        text = Mail(dice, long_lines=dice.random() < 0.1).wire
        if dice.random() < 0.3:
            head, body = text.split(b"\r\n\r\n", 1)
            text = head + b"\r\n\r\n" + dice.choice((
                b"", b"\r\n" * 3, b" \t\r\n \r\n", b"a  b\t \r\n\r\n\r\n",
                body + b" \r\n\r\n"))
        names = {f.split(b":")[0].lower() for f in
                 text.split(b"\r\n\r\n", 1)[0].split(b"\r\n")}
        chosen = [f for f in FIELDS if f in names
                  and (f == b"from" or dice.random() < 0.8)]
        if dice.random() < 0.4:
            chosen += dice.choices((b"from", b"x-none", b"cc", b"subject"), k=2)
        field = self.dkim.sign(
            text, self.selector, DOMAIN.encode(), self.pem,
            canonicalize=(dice.choice(FORMS), dice.choice(FORMS)),
            include_headers=chosen, length=dice.random() < 0.15)
        return field + text


# ---- spoiling: each answers the message, and what others see otherwise ----

def field_of(text):
    """(start, end) of the signature."""
    return dkimpeers.FIELD.search(text).span()


def in_field(text, change):
    """The message with a change in its signature."""
    start, end = field_of(text)
    return text[:start] + change(text[start:end]) + text[end:]


def tag_added(tag):
    """A tag behind the others."""
    def spoil(dice, text):
        return in_field(text, lambda f: f.rstrip(b"\r\n; ") + b"; " + tag
                        + b"\r\n")
    return spoil


def bit(dice, text):
    """One bit anywhere."""
    at = dice.randrange(len(text))
    new = bytes([text[at] ^ 1 << dice.randrange(7)])
    return text if new in b"\0\r\n" or text[at] in b"\r\n" else \
        text[:at] + new + text[at + 1:]


def blanks(dice, text):
    """More blanks somewhere in a line of the body, or at its end."""
    head, body = text.split(b"\r\n\r\n", 1)
    lines = body.split(b"\r\n")
    at = dice.randrange(len(lines))
    lines[at] = dice.choice((lines[at] + b"  ", lines[at].replace(
        b" ", b" \t", 1), lines[at].replace(b"  ", b" ", 1)))
    return head + b"\r\n\r\n" + b"\r\n".join(lines)


def refolded(dice, text):
    """A field of the message is folded elsewhere, or has more blanks."""
    start = field_of(text)[1]
    found = [m.start() for m in re.finditer(rb"[^\r\n:]( )\S", text[
        start:text.index(b"\r\n\r\n")])]
    if not found:
        return text
    at = start + dice.choice(found) + 1
    return text[:at] + dice.choice((b"\r\n ", b"\r\n\t", b"  ", b"\t")) \
        + text[at + 1:]


def cased(dice, text):
    """The name of a field in capitals."""
    start = field_of(text)[1]
    return text[:start] + re.sub(rb"(?m)^(Subject|To|Date)(?=:)",
                                 lambda m: m[0].upper(), text[start:], count=1)


SPOILERS = {
    "nothing": lambda dice, text: text,
    "a bit": bit,
    "blanks": blanks,
    "folds": refolded,
    "names": cased,
    "lines at the end": lambda dice, text: text + b"\r\n" * 3,
    "text at the end": lambda dice, text: text + b"more\r\n",
    "a field on top": lambda dice, text: dice.choice((
        b"Subject: x\r\n", b"From: x@y.example\r\n", b"X-None: x\r\n",
        b"Received: x\r\n")) + text,
    "no field": lambda dice, text: re.sub(
        rb"(?m)^(?:Date|Subject):.*\r\n(?:[ \t].*\r\n)*", b"", text, count=1),
    "an unknown tag": tag_added(b"foo=bar"),
    "i of a subdomain": tag_added(b"i=@sub.example.org"),
    "i of another": tag_added(b"i=@example.net"),
    "d twice": tag_added(b"d=example.org"),
    "expired": tag_added(b"x=%d" % (NOW - 100000)),
    "folds of the signature": lambda dice, text: in_field(
        text, lambda f: f.replace(b"; ", b";\r\n\t", 1)),
    "blanks in b": lambda dice, text: in_field(text, lambda f: re.sub(
        rb"(; ?\s*b=.{8})", rb"\1 \r\n ", f, count=1)),
    "another c": lambda dice, text: in_field(text, lambda f: re.sub(
        rb"c=[a-z]+", b"c=" + dice.choice(FORMS), f)),
}
# What others see otherwise: why.
KNOWN = {
    "l": "tag l leaves a part of the body unsigned, which we do not let pass "
         "(RFC 6376 section 8.2)",
    "l above": "tag l is more than the body has: a verifier may refuse that "
               "(RFC 6376 section 3.5), and we do",
    "From": "dkimpy passes nothing that has two From; to us and Mail::DKIM a "
            "signature of one of them is good (RFC 6376 section 8.15), and "
            "DMARC refuses the message",
    "end": "blanks behind the last line end, which only a file can have: "
           "dkimpy takes them for a line, and RFC 6376 section 3.4.4 removes "
           "them first",
    "base64": "Mail::DKIM passes over octets in tag b or bh that are no base64",
    "name": "a line of the header section is no field (RFC 5322 section 2.2): "
            "to us and dkimpy it is where the body begins",
}


def known(text, ours, said):
    """The reason for a difference, or None."""
    head = text.split(b"\r\n\r\n", 1)[0]
    tags = re.sub(rb"\s", b"", dkimpeers.FIELD.search(head + b"\r\n")[0])
    limited = re.search(rb";l=\d", tags)
    if limited and ours in ("policy", "permerror"):
        return "l" if ours == "policy" else "l above"
    if ours != "pass" and said == ["fail", "pass"]:
        if re.search(rb";bh?=[^;]*[^A-Za-z0-9+/=;]", tags):
            return "base64"
        return "name" if re.search(rb"(?m)^(?![ \t]|[!-9;-~]+[ \t]*:)", head) \
            else None
    if [ours, *said] != ["pass", "fail", "pass"]:
        return None
    if len(re.findall(rb"(?im)^From[ \t]*:", head)) > 1:
        return "From"
    return "end" if not text.endswith(b"\r\n") and b"/relaxed" in tags \
        else None


def test_agree():
    """All three say the same of each message, but for what is known"""
    dkim = dkimpeers.dkimpy()
    dice = random.Random(SEED)
    with Scratch(f"domains {DOMAIN}\n") as scratch:
        signer = Signer(dkim, scratch, dice)
        ask = dkimpeers.asks(signer.records)
        made = []
        names = list(SPOILERS)
        for number in range(MANY):
            name = names[number % len(names)]
            text = SPOILERS[name](dice, dice.choice(signer.pool))
            if dkimpeers.FIELD.search(text.split(b"\r\n\r\n", 1)[0]
                                      + b"\r\n"):
                made.append((name, text))
        perl = dkimpeers.perl(scratch, signer.records, [t for _, t in made])
        counts, troubles = Counter(), []
        with Probe({k: [v] for k, v in signer.records.items()}) as probe:
            for (name, text), line in zip(made, perl):
                got = probe.dkim(text, now=NOW)
                ours = got[0]["result"]
                try:
                    theirs = bool(dkim.verify(text, dnsfunc=ask))
                except Exception:       # it raises some of its results
                    theirs = False
                said = ["pass" if theirs else "fail",
                        "pass" if line.endswith("=pass") else "fail"]
                if [ours == "pass"] * 2 == [s == "pass" for s in said]:
                    counts["pass" if ours == "pass" else "fail"] += 1
                    continue
                why = known(text, ours, said)
                counts[why or "unknown"] += 1
                if why is None:
                    troubles.append(f"{name}: we {ours} ({got[0]['reason']}), "
                                    f"dkimpy and Mail::DKIM {said} ({line}): "
                                    f"{text[:900]!r}")
    tap.diag(f"{dict(counts)}")
    for why in counts:
        if why in KNOWN:
            tap.diag(f"{counts[why]}: {KNOWN[why]}")
    check(counts["pass"] > MANY // 20 and counts["fail"] > MANY // 5, counts)
    equal(troubles[:4], [], f"{len(troubles)} differences")


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
