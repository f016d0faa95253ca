# SPDX-License-Identifier: ISC
"""Messages that others signed, and what should be found (DKIM, RFC 6376).

Guards against signatures that pass though something that they sign was
changed, and against honest ones that fail: at every size of pieces, with
either line end.
"""
import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from lib.authprobe import Probe, data, zone_of      # noqa: E402
from lib.tap import Skip, Tap, check, equal         # noqa: E402

tap = Tap()
VECTORS = ("vectors", "handed")
GOOD = ("01-py-rsa-relaxed-relaxed", "02-py-rsa-relaxed-simple",
        "03-py-rsa-simple-relaxed", "04-py-rsa-simple-simple",
        "05-py-ed25519")


def message(folder, name):
    """A message as it is stored: with LF."""
    return (folder / f"{name}.eml").read_bytes().replace(b"\r\n", b"\n")


def cases_vectors(probe, folder):
    """Each message, each of its signatures"""
    for case in json.loads((folder / "expect.json").read_text())["cases"]:
        name = case["file"]
        with tap.case(f"{name}: {case['about']}"):
            wire = (folder / name).read_bytes()
            for piece in (1, 2, 3, 7, 65536):
                for text in (wire, wire.replace(b"\r\n", b"\n")):
                    got = probe.dkim(text, piece=piece)
                    wanted = case["dkim"][:8]       # as many are looked at
                    equal(len(got), len(wanted), "signatures")
                    for one, want in zip(got, wanted):
                        check(one["result"] in
                              [want["result"], *want.get("also", ())],
                              f"{one} is not {want}")
                        for tag in "dsa":
                            equal(one[tag], want[tag], tag)


def flips(text):
    """All copies of a text in which one bit of a part is another."""
    for at in range(len(text)):
        bit = 1 << at % 7
        yield at, text[:at] + bytes([text[at] ^ bit]) + text[at + 1:]


def signed_parts(text):
    """(start, end) of the values of signed fields, and of the body."""
    head, body = text.split(b"\n\n", 1)
    unfolded = re.sub(rb"\n[ \t]+", b" ", head)
    names = re.search(rb"(?m)^DKIM-Signature:.*?[; ]h=([^;]*)", unfolded)[1]
    for name in {n.strip().lower() for n in names.split(b":")}:
        for field in re.finditer(rb"(?im)^" + re.escape(name) +
                                 rb":[ \t]*(\S.*)$", head):
            yield field.span(1)
    yield len(head) + 2, len(head) + 2 + len(body.rstrip(b"\n \t"))


def cases_flips(probe, folder):
    """A bit of anything that is signed"""
    for name in GOOD:
        with tap.case(f"{name}: every bit flipped fails"):
            text = message(folder, name)
            equal(probe.results(text), ["pass"], "as it came")
            tried = 0
            for start, end in signed_parts(text):
                for at, spoilt in flips(text[start:end]):
                    old, new = text[start + at], spoilt[at]
                    if bytes([old]).isspace() or bytes([new]).isspace() or \
                            new in b"\r\n\0":
                        continue    # another shape, not only other octets
                    spoilt = text[:start] + spoilt + text[end:]
                    equal(probe.results(spoilt), ["fail"],
                          f"octet {start + at}")
                    tried += 1
            check(tried > 100, f"only {tried} were tried")


def test_signature_itself(probe, folder):
    """A changed tag of the signature never passes"""
    for name in GOOD:
        text = message(folder, name)
        found = re.search(rb"(?m)^DKIM-Signature:((?:.*\n)(?:[ \t].*\n)*)",
                          text)
        start, end = found.span(1)
        for at, spoilt in flips(text[start:end]):
            if bytes([text[start + at]]).isspace() or \
                    bytes([spoilt[at]]).isspace():
                continue
            spoilt = text[:start] + spoilt + text[end:]
            check(probe.results(spoilt) != ["pass"],
                  f"{name}: octet {start + at}: {spoilt[start:end]}")


def test_many_first(probe, folder):
    """Signatures of others on top do not hide the author's"""
    text = message(folder, GOOD[0])
    junk = b"".join(b"DKIM-Signature: v=1; a=rsa-sha256; d=junk%d.example; "
                    b"s=x; h=from; bh=; b=\n" % i for i in range(1000))
    got = probe.dkim(junk + text, author="aster.example")
    equal(len(got), 8, "signatures that are looked at")
    equal(got[-1]["result"], "pass", "the author's")
    check("pass" not in probe.results(junk + text, author="birch.example"),
          "without the author's name it is one of many")
    equal(probe.ask("dkim", junk + text)[-1], "seen 1001", "count")


def test_large(probe, folder):
    """Ten megabytes of empty lines, a hundred thousand fields"""
    text = message(folder, GOOD[0])
    equal(probe.results(text + b"\n" * 10_000_000), ["pass"], "empty lines")
    many = b"X: y\n" * 40_000
    equal(probe.results(many + text), ["pass"], "fields on top")
    equal(probe.results(b"X: y\n" * 100_000 + text), ["neutral"],
          "a section that is too long")


def main():
    """Skips by name what cannot be done without the data."""
    try:
        handed = data(*VECTORS)
    except Skip as reason:
        tap.skip("messages that others signed", reason)
    else:
        with Probe(zone_of(handed / "dns.json")) as probe:
            tap.run(globals(), probe, handed)
    tap.finish()


if __name__ == "__main__":
    main()
