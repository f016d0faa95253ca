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
A function cases_* is a table: it uses `with tap.case(name):`, one test for
each row.
"""
import inspect
import os
import shutil
import subprocess
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


def cannot_run(error):
    """Why an exception means that a test cannot run here, or None.

    It is what the tests use and this machine has not: a program that is called
    by its bare name, or a Python module that is none of ours.
    """
    if isinstance(error, Skip):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and error.name \
            and error.name.split(".")[0] != "lib":
        return f"the Python module {error.name} is not there"
    if isinstance(error, FileNotFoundError) and error.filename and any(
            frame.filename == subprocess.__file__
            for frame in traceback.extract_tb(error.__traceback__)):
        name = os.fsdecode(error.filename)
        if "/" not in name and shutil.which(name) is None:
            return f"{name} is not there"
    return None


class Tap:
    """Counts and prints the results of one test program."""

    def __init__(self):
        self.count = 0
        self.failed = 0
        self.prefix = ""    # of the tests' names
        sys.excepthook = self._stopped

    def _stopped(self, kind, error, trace):
        """Ends a program whose own preparations have failed."""
        reason = cannot_run(error)
        if reason is None:
            sys.__excepthook__(kind, error, trace)
        elif self.count == 0:
            self._print(f"1..0 # SKIP {reason}")
            os._exit(0)     # an exit status of 0 is not for a hook to give
        else:
            self.skip("what else there is", reason)
            self._print(f"1..{self.count}")
            os._exit(1 if self.failed else 0)

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
        name = self.prefix + name.replace("#", "\\#")
        self._print(f"{'ok' if condition else 'not ok'} {self.count} - {name}")
        if not condition and diagnosis:
            self.diag(diagnosis)
        return bool(condition)

    def skip(self, name, reason):
        """Reports a test that could not run here, and why."""
        self.count += 1
        name = self.prefix + name.replace("#", "\\#")
        self._print(f"ok {self.count} - {name} # SKIP {reason}")

    @contextmanager
    def case(self, name, notes=None, table=False):
        """One test: what its block raises makes it fail (or skip).

        notes() is called after a failure; its text helps to see why, for
        example the end of a server's log. The block of a table reports its
        own rows, so that its end is not a result.
        """
        try:
            yield
        except Exception as error:  # one failure must not end the program
            reason = cannot_run(error)
            if reason is not None:
                self.skip(name, reason)
                return
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
            if not table:
                self.ok(True, name)

    def _run_one(self, name, function, fixtures):
        """Runs a test or a table with those of the fixtures that it takes."""
        notes = getattr(fixtures[0], "notes", None) if fixtures else None
        title = (function.__doc__ or name).strip().splitlines()[0]
        with self.case(title.rstrip("."), notes, name.startswith("cases_")):
            function(*fixtures)

    def run(self, namespace, *fixtures, after=None, **named):
        """Runs all functions test_* and cases_* in the order written.

        Each is called with the first of the fixtures, as many as it has
        parameters, or with the named ones that its parameters name. after()
        is called after each.
        """
        for name, function in list(namespace.items()):
            if name.startswith(("test_", "cases_")) and callable(function):
                wanted = inspect.signature(function).parameters
                taken = [named[w] for w in wanted] if named \
                    else fixtures[:len(wanted)]
                self._run_one(name, function, taken)
                if after is not None:
                    after()

    def run_each(self, namespace, make):
        """The same with a fixture of its own for each: `with make() as it`."""
        for name, function in list(namespace.items()):
            if name.startswith(("test_", "cases_")) and callable(function):
                with make() as fixture:
                    self._run_one(name, function, (fixture,))

    def finish(self):
        """Prints the plan and ends the program."""
        self._print(f"1..{self.count}")
        sys.exit(1 if self.failed else 0)
