# SPDX-License-Identifier: ISC
"""Plays the transcripts of tests/talk/pop3 against pop3d."""
from pathlib import Path

from lib.player import play_folder
from lib.tap import Tap

tap = Tap()


def cases_transcripts():
    """One test for each transcript"""
    play_folder(tap, Path(__file__).resolve().parent / "pop3", "pop3d")


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
