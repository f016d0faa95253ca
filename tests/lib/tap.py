# SPDX-License-Identifier: ISC
"""A test program in Python prints TAP: this is the whole of its frame.

    tap = Tap()

    def test_noop(server):
        \"\"\"NOOP with an argument is answered 250\"\"\"
        ...

    if __name__ == "__main__":
        with Instance() as server:
            tap.run(globals(), server)
        tap.finish()

Each function test_* is one test; the first line of its docstring is its name.
Tables of cases use `with tap.case(name):` instead, one test for each row.
"""
import os
import sys
import traceback
from contextlib import contextmanager


class Skip(Exception):
    """Raised by a test that cannot run here; the text says why."""


def check(condition, message="condition does not hold"):
    """Like assert, but never compiled away and always with a message."""
    if not condition:
        raise AssertionError(message)


def equal(got, expected, what="value"):
    """Two values must be the same; long ones are cut in the report."""
    if got != expected:
        raise AssertionError(
            f"{what}: expected {expected!r:.400}, got {got!r:.400}")


class Tap:
    """Counts and prints the results of one test program."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def _print(self, text):
        print(text, flush=True)

    def diag(self, text):
        """Prints text as TAP comments, which the runner keeps for failures."""
        for line in str(text).splitlines():
            self._print("# " + line)

    def ok(self, condition, name, diagnosis=""):
        """Reports one result; returns the condition."""
        self.count += 1
        if not condition:
            self.failed += 1
        name = name.replace("#", "\\#")
        self._print(f"{'ok' if condition else 'not ok'} {self.count} - {name}")
        if not condition and diagnosis:
            self.diag(diagnosis)
        return bool(condition)

    def skip(self, name, reason):
        """Reports a test that could not run here, and why."""
        self.count += 1
        name = name.replace("#", "\\#")
        self._print(f"ok {self.count} - {name} # SKIP {reason}")

    @contextmanager
    def case(self, name, notes=None):
        """One test: what its block raises makes it fail (or skip).

        notes() is called after a failure; its text helps to see why, for
        example the end of a server's log.
        """
        try:
            yield
        except Skip as reason:
            self.skip(name, reason)
        except Exception as error:  # one failure must not end the program
            where = traceback.extract_tb(error.__traceback__)
            here = [f for f in where if "/lib/" not in f.filename] or where
            text = f"{type(error).__name__}: {error}"
            if here:
                place = os.path.basename(here[-1].filename)
                text += f"\nat {place}:{here[-1].lineno}: {here[-1].line}"
            if notes is not None:
                text += "\n" + notes()
            self.ok(False, name, text)
        else:
            self.ok(True, name)

    def run(self, namespace, *fixture):
        """Runs every test_* function of a module in the order written."""
        notes = getattr(fixture[0], "notes", None) if fixture else None
        for name, function in list(namespace.items()):
            if name.startswith("test_") and callable(function):
                title = (function.__doc__ or name).strip().splitlines()[0]
                with self.case(title.rstrip("."), notes):
                    function(*fixture)

    def finish(self):
        """Prints the plan and ends the program."""
        self._print(f"1..{self.count}")
        sys.exit(1 if self.failed else 0)
