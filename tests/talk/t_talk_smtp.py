# SPDX-License-Identifier: ISC
"""Plays the transcripts of tests/smtp against smtpd."""
from pathlib import Path

from lib.player import play_folder
from lib.tap import Tap

if __name__ == "__main__":
    tap = Tap()
    play_folder(tap, Path(__file__).resolve().parent / "smtp", "smtpd")
    tap.finish()
