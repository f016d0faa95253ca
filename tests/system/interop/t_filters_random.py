# SPDX-License-Identifier: ISC
"""Random edits of random messages, by a filter that uses libmilter: it sees
each message as it was sent, and what it wants is delivered to the octet.

RESTANTE_SEED repeats a run, RESTANTE_LONG makes it longer.
"""
import os
import random

from lib import filters
from lib.filtered import Filtered, asking
from lib.scratch import LONG
from lib.tap import Tap

tap = Tap()
MESSAGES = 3000 if LONG else 60
# The first field of a message is another one: trace fields on top are ours.
NAMES = ["X-A", "x-a", "Subject", "X-B", "Comments", "Received",
         "DKIM-Signature", "Content-Type", "Return-Path", "Delivered-To",
         "X-" + "n" * 60]
FOLDS = ["", "", "", "", "\n\t!", "\r\n !", "\n   !", "\n !a\r\n\t!"]
LENGTHS = [70, 998, 2000, 60000]
PIECES = ["a", "\r\n", "\n", "\r", ".", "From x\r\n", ">From y\n", " ",
          "long" * 300]


def text(dice):
    """Some characters; those that mean something among them."""
    return "".join(dice.choices("abcXYZ <>@\"();,:=\\\t%.äß",
                                k=dice.randrange(30)))


def value(dice):
    """A value of a field, perhaps folded, empty or long."""
    if dice.random() < 0.1:
        return "x" * dice.choice(LENGTHS)
    return dice.choice(["", "", " "]) + text(dice) + dice.choice(FOLDS) \
        + text(dice) + dice.choice(["", "", "  "])


def edit(dice):
    """What a filter may want done."""
    kind, name = dice.randrange(10), dice.choice(NAMES)
    if kind < 2:
        return ["addheader", name, value(dice)]
    if kind < 4:
        return ["addheader", name, value(dice), dice.randrange(1, 9)]
    if kind < 7:
        return ["chgheader", name, dice.randrange(4), value(dice)]
    if kind < 9:
        return ["chgheader", name, dice.randrange(4), ""]
    return ["replacebody", "".join(dice.choices(PIECES,
                                                k=dice.randrange(40)))]


def message(dice):
    """A message with all that one may have that is not malformed."""
    fields = "".join(
        f"{dice.choice(NAMES)}:{dice.choice([' ', '', '  '])}"
        f"{value(dice)}\n" for _ in range(dice.randrange(8)))
    body = "".join(dice.choices(PIECES, k=dice.randrange(30)))
    if dice.random() < 0.1:
        body = ("y" * 70 + "\n") * 4000
    lines = (fields + "Date: Mon, 30 Nov 2026 10:00:00 +0000\n"
             "Message-ID: <1@example.com>\nFrom: a@example.com\n\n"
             + body).replace("\r", "").split("\n")
    return "".join(f"{line}\r\n" for line in lines).encode()


def test_random(site):
    """Random edits of random messages"""
    seed = int(os.environ.get("RESTANTE_SEED", 0)) or random.randrange(1 << 32)
    dice = random.Random(seed)
    tap.diag(f"RESTANTE_SEED={seed}")
    with filters.EveryAction(site) as a_filter:
        recorder = site.record(a_filter)
        for _ in range(MESSAGES):
            todo = [edit(dice) for _ in range(dice.randrange(8))]
            site.delivers(b"X-First: x\r\n" + asking(message(dice), *todo),
                          recorder)


if __name__ == "__main__":
    tap.run_each(globals(), lambda: Filtered(config="size-limit 10M\n"))
    tap.finish()
