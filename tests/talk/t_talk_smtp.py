# SPDX-License-Identifier: ISC
"""Plays the transcripts of tests/talk/smtp against smtpd."""
from pathlib import Path

from lib.player import play_folder
from lib.tap import Tap

tap = Tap()


def cases_transcripts():
    """One test for each transcript"""
    play_folder(tap, Path(__file__).resolve().parent / "smtp", "smtpd")


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
