# SPDX-License-Identifier: ISC
"""The runner itself: a failure must never pass for a success."""
import importlib.machinery
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

from lib.tap import Tap, equal

HERE = Path(__file__).resolve().parent
tap = Tap()

# name: (what a program prints, its exit status, (passed, failed, skipped))
PROGRAMS = {
    "all well": ("1..2\nok 1 - a\nok 2 - b\n", 0, (2, 0, 0)),
    "plan at the end": ("ok 1 - a\n1..1\n", 0, (1, 0, 0)),
    "a failure": ("1..2\nok 1 - a\nnot ok 2 - b\n# why\n", 1, (1, 1, 0)),
    "a failure, status 0": ("1..1\nnot ok 1 - b\n", 0, (0, 1, 0)),
    "a skip": ("1..2\nok 1 - a # SKIP not here\nok 2 - b\n", 0, (1, 0, 1)),
    "all skipped": ("1..0 # SKIP no tool\n", 0, (0, 0, 1)),
    "no plan": ("ok 1 - a\n", 0, (1, 1, 0)),
    "too few": ("1..3\nok 1 - a\nok 2 - b\n", 0, (2, 1, 0)),
    "too many": ("1..1\nok 1 - a\nok 2 - b\n", 0, (2, 1, 0)),
    "nothing": ("", 0, (0, 1, 0)),
    "only a status": ("1..1\nok 1 - a\n", 1, (1, 1, 0)),
    "a crash": ("1..2\nok 1 - a\n", -11, (1, 1, 0)),
    "bail out": ("1..1\nok 1 - a\nBail out! no disk\n", 1, (1, 1, 0)),
    "noise": ("hello\n  ok 9 - indented\n1..1\nok 1 - a\n", 0, (1, 0, 0)),
    "no names": ("1..2\nok\nok 2\n", 0, (2, 0, 0)),
    "a skip that failed": ("1..1\nnot ok 1 - a # SKIP x\n", 1, (0, 1, 0)),
}


def load_runner():
    """tests/run as a module."""
    loader = importlib.machinery.SourceFileLoader("runner", str(HERE / "run"))
    spec = importlib.util.spec_from_loader("runner", loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def fake_build(work, programs):
    """A build tree with shell scripts for test programs."""
    for folder in ("smtpd", "tests/unit"):
        Path(work, folder).mkdir(parents=True)
    Path(work, "smtpd", "smtpd").touch()
    for name, text in programs.items():
        path = Path(work, "tests/unit", name)
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)


def runner(work, *args):
    """Runs tests/run on a build tree; returns (exit status, lines)."""
    done = subprocess.run(
        [sys.executable, "-B", HERE / "run", "--build", work, *args],
        capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout.splitlines()


def parsing():
    """The TAP table."""
    module = load_runner()
    for name, (text, status, expected) in PROGRAMS.items():
        with tap.case(f"TAP: {name}"):
            out = module.parse_tap(text, status)
            equal((out.passed, len(out.failures), len(out.skips)), expected,
                  "passed, failed, skipped")


def test_whole():
    """The last line and the exit status"""
    good = "echo 1..2; echo ok 1 - a; echo 'ok 2 - b # SKIP no c'"
    bad = "echo 1..1; echo not ok 1 - broken; echo '# because'; exit 1"
    with tempfile.TemporaryDirectory() as work:
        fake_build(work, {"t-good": good, "t-bad": bad, "t-plain": "exit 0"})
        status, lines = runner(work, "t-good")
        equal((status, lines[-1]), (0, "1 passed, 0 failed, 1 skipped"),
              "one program")
        equal(any("SKIPPED t-good: b: no c" in x for x in lines), True,
              "the skip is named")
        status, lines = runner(work, "t-*", "-j", "3")
        equal((status, lines[-1]), (1, "1 passed, 2 failed, 1 skipped"),
              "three programs")
        equal(any("FAILED t-bad: broken" in x for x in lines), True,
              "the failure is named")
        equal(any("because" in x for x in lines), True, "and explained")


def test_hanging():
    """A program that hangs is ended and counts as a failure"""
    with tempfile.TemporaryDirectory() as work:
        fake_build(work, {"t-hang": "echo 1..1; echo ok 1 - a; sleep 1000"})
        status, lines = runner(work, "--limit", "1", "t-hang")
        equal((status, lines[-1]), (1, "1 passed, 1 failed"), "the end")


def test_unknown_name():
    """A name that matches nothing is an error"""
    with tempfile.TemporaryDirectory() as work:
        fake_build(work, {"t-good": "echo 1..1; echo ok 1 - a"})
        status, _ = runner(work, "t-godo")
        equal(status != 0, True, "exit status is not 0")


# What a test meets: what the runner makes of it (passed, failed, skipped).
MISSING = {
    "raise Skip('no tool')": (1, 0, 1),
    "subprocess.run(['no-such-tool'])": (1, 0, 1),
    "import no_such_module": (1, 0, 1),
    "import lib.no_such_module": (1, 1, 0),
    "subprocess.run(['/no/such/tool'])": (1, 1, 0),
    "open('no-such-file')": (1, 1, 0),
    "raise AssertionError('x')": (1, 1, 0)}
FRAME = """import subprocess
from lib.tap import Skip, Tap
tap = Tap()
"""


def outcome(text):
    """What the runner makes of a program in Python."""
    with tempfile.TemporaryDirectory() as work:
        path = Path(work, "t_x.py")
        path.write_text(FRAME + text)
        done = subprocess.run([sys.executable, "-B", path],
                              capture_output=True, text=True, check=False)
        out = load_runner().parse_tap(done.stdout, done.returncode)
        return out.passed, len(out.failures), len(out.skips)


def test_missing():
    """What is not on this machine makes a test skipped, by name"""
    for what, wanted in MISSING.items():
        text = (f"with tap.case('good'):\n    pass\n"
                f"with tap.case('it'):\n    {what}\ntap.finish()\n")
        equal(outcome(text), wanted, what)


def test_missing_for_all():
    """If it is all that a program needs, the program is skipped"""
    for what in ("raise Skip('no tool')", "subprocess.run(['no-such-tool'])",
                 "import no_such_module"):
        equal(outcome(what + "\n"), (0, 0, 1), what)
        equal(outcome(f"tap.ok(True, 'a')\n{what}\n"), (1, 0, 1), what)
        equal(outcome(f"tap.ok(False, 'a')\n{what}\n"), (0, 1, 1), what)
    equal(outcome("import lib.no_such_module\n")[1], 1, "our own mistake")
    equal(outcome("1 / 0\n")[1], 1, "another error")


if __name__ == "__main__":
    parsing()
    tap.run(globals())
    tap.finish()
