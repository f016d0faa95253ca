# SPDX-License-Identifier: ISC
"""tests/beside: a live installation is made, trespasses on it are seen, and
one program passes beside it."""
import subprocess

from lib.scratch import BUILD, SRC
from lib.tap import Skip, Tap, check, equal

tap = Tap()


def test_one():
    """beside a live installation one program passes, and trespasses are seen"""
    done = subprocess.run(
        [SRC / "tests/beside", "--build", BUILD, "t-address"],
        capture_output=True, text=True, check=False)
    if done.returncode == 77:
        raise Skip(done.stderr.splitlines()[-1])
    equal(done.returncode, 0, done.stdout + done.stderr[-900:])
    for text in ("trespasses are seen", "ok   t-address: ",
                 "; 0 programs have touched the live installation"):
        check(text in done.stdout, done.stdout)


tap.run(globals())
tap.finish()
