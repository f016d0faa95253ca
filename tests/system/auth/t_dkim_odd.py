# SPDX-License-Identifier: ISC
"""Signatures and keys in forms that are legal and rare, or look so (DKIM).

tests/lib/odd/dkim.json has messages that another signer made. Guards against
mail of those who write tags as nobody else does, and is refused here alone;
and against forms that count though RFC 6376 does not have them.
"""
import json
from pathlib import Path

from lib.authprobe import CLOCK, Probe
from lib.tap import Tap, equal

tap = Tap()
ODD = json.loads(
    (Path(__file__).parents[2] / "lib/odd/dkim.json").read_text())


def cases_forms(probe):
    """Each form, in pieces of any size, with either line end"""
    for case in ODD["cases"]:
        with tap.case(f"{case['about']}: {case['result']}"):
            wire = case["message"].encode("latin-1")
            for text in (wire, wire.replace(b"\r\n", b"\n")):
                for piece in (1, 3, 65536):
                    got = probe.dkim(text, piece=piece, now=CLOCK)
                    equal([one["result"] for one in got], [case["result"]],
                          got)


with Probe({name: [text] for name, text in ODD["records"].items()}) as asked:
    tap.run(globals(), asked)
tap.finish()
