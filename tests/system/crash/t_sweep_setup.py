# SPDX-License-Identifier: ISC
"""smtpd --setup is killed at a call that changes files, or that call fails, or
the disk is full from there on: in a folder of its own, and, in a namespace, for
the machine. What counts is the old state or the new one, no file is half
written, what failed is said, and the next run does the rest.
"""
import contextlib
import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from lib import namespace
from lib.scratch import AM_ROOT, LONG, Scratch, sysconfdir
from lib.shim import build_shim
from lib.sweep import sample
from lib.tap import Skip, Tap, check, equal

tap = Tap()
ADDRESS = "alice@example.org"
MOST = 4                # faults of a sweep, without RESTANTE_LONG
INSIDE = "inside"       # the argument of the program in its namespace
WHOLE = {"users": rb"(\w+:\S+\n)+",
         "tls.pem": rb"-----BEGIN PRIVATE KEY-----\n[^-]+"
                    rb"-----END PRIVATE KEY-----\n"
                    rb"-----BEGIN CERTIFICATE-----\n[^-]+"
                    rb"-----END CERTIFICATE-----\n",
         "restante.conf": rb"([a-z-]+ +\S.*\n)+"}


@contextlib.contextmanager
def library():
    """The path of the library that is preloaded."""
    with tempfile.TemporaryDirectory(prefix="restante-test-") as place:
        os.chmod(place, 0o755)
        path = Path(place, "shim.so")
        build_shim(path, "setup_shim.c")
        yield path


class Own:
    """A set-up in a folder of its own: nothing, or with a user."""

    def __init__(self, user):
        self.user = user
        self.scratch = Scratch(tls=False)
        self.scratch.program("pop3d")
        self.folder = self.scratch.dir / "new"
        self.files = self.folder
        self.command = [self.scratch.program("smtpd"), "-c",
                        str(self.folder / "restante.conf")]
        self.settings = dict(self.scratch.as_user())
        self.kept = None

    def begin(self):
        """Makes what is there before; once, then a copy."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.user and self.kept is None:
            status, said = self.run("carol@example.net")
            equal(status, 0, said)
            self.kept = self.scratch.dir / "kept"
            shutil.copytree(self.folder, self.kept)
        elif self.kept:
            shutil.copytree(self.kept, self.folder)
        self.scratch.own()

    def run(self, address=ADDRESS, env=None):
        """smtpd --setup; (status, what it said)."""
        done = subprocess.run(
            [*self.command, "--setup", "--yes", "--no-start", address],
            capture_output=True, text=True, check=False, timeout=180, cwd="/",
            input="", env=dict(self.scratch.environment(), **(env or {})),
            **self.settings)
        return done.returncode, done.stdout + done.stderr

    def left(self):
        """Names that only a run has that was killed."""
        return [p for p in self.folder.parent.rglob("*.setup-new")]

    def end(self):
        """Removes it."""
        self.scratch.__exit__(None, None, None)


class Machine(Own):
    """The machine's own set-up, in a namespace with folders of its own."""

    def __init__(self, user):
        super().__init__(user)
        self.etc = sysconfdir()
        self.folder = self.etc / "restante"
        self.command = [self.command[0]]
        self.settings = {}

    def begin(self):
        """Folders that are empty, or as a first run has left them."""
        for path in {self.etc, Path("/var/spool"), Path("/var/mail"),
                     Path("/var/lib/restante")}:
            path = path.resolve()
            for one in path.iterdir() if path.exists() else ():
                if one.name.startswith(("restante", "aliases", "alice",
                                        "carol")) or path.name == "restante":
                    (shutil.rmtree if one.is_dir() else os.unlink)(one)
        if self.user:
            status, said = self.run("carol@example.net")
            equal(status, 0, said)


def wrong(place, before):
    """What is neither old nor new, nor whole."""
    trouble = []
    for name, form in WHOLE.items():
        path = place.folder / name
        text = path.read_bytes() if path.exists() else None
        if text is not None and not re.fullmatch(form, text):
            trouble.append(f"half: {name}: {text!r}")
    conf = place.folder / "restante.conf"
    text = conf.read_text() if conf.exists() else ""
    # The machine, whose name is in the file, too, may be called anything.
    new = re.search(r"(?m)^domains .*\bexample\.org\b", text)
    if not new and text != before.get("restante.conf", b"").decode():
        trouble.append(f"neither old nor new: {text}")
    users = place.folder / "users"
    if new and "alice:" not in (users.read_text() if users.exists() else ""):
        trouble.append("the configuration is new, and nobody is there")
    return trouble


def snapshot(folder):
    """The files of a folder."""
    return {p.name: p.read_bytes() for p in folder.iterdir()
            if p.is_file()} if folder.exists() else {}


def fault(place, env):
    """One run with a fault, and one without: (status, what is wrong)."""
    place.begin()
    before = snapshot(place.folder)
    status, said = place.run(env=env)
    trouble = wrong(place, before)
    if "SETUP_ERROR" in env and status not in (0, 1) and \
            "cannot" not in said and "failed" not in said:
        trouble.append(f"status {status}, and it says {said!r}")
    if status in (0, 1) and "SETUP_ERROR" in env and \
            "alice:" not in (place.folder / "users").read_text():
        trouble.append(f"a success: {said}")
    if status == 0 and "SETUP_ERROR" not in env:
        return status, trouble
    again, more = place.run()
    if again != 0:
        trouble.append(f"the next run: status {again}: {more}")
    if place.left():
        trouble.append(f"left: {place.left()}")
    return status, trouble + wrong(place, before)


def count(place, shim):
    """How many calls a whole run makes."""
    with tempfile.TemporaryDirectory(prefix="restante-test-") as folder:
        os.chmod(folder, 0o777)
        place.begin()
        status, said = place.run(env={
            "LD_PRELOAD": str(shim), "SETUP_COUNT": f"{folder}/count"})
        equal(status, 0, said)
        return int(Path(folder, "count").read_text())


def sweep(place, name):
    """Kills, errors, a full disk."""
    with library() as shim:
        calls = count(place, shim)
        check(calls > 10, f"{calls} calls")
        tap.diag(f"{name}: {calls} calls")
        most = calls if LONG else MOST
        for what, more in (("it is killed", {}),
                           ("a call fails", {"SETUP_ERROR": errno.EIO}),
                           ("the disk is full", {"SETUP_ERROR": errno.ENOSPC,
                                                 "SETUP_FULL": 1})):
            with tap.case(f"{name}: {what}"):
                troubles = []
                for at in sample(range(1, calls + 1), most):
                    env = {k: str(v) for k, v in more.items()}
                    env.update(LD_PRELOAD=str(shim), SETUP_AT=str(at))
                    status, found = fault(place, env)
                    if not more and status != -signal.SIGKILL:
                        found.append(f"status {status}")
                    troubles += [f"{at}: {found[:2]}"] if found else []
                equal(troubles[:4], [], f"{len(troubles)} troubles")


def cases_own():
    """In a folder of its own, at first and with somebody there"""
    for user in (False, True):
        place = Own(user)
        try:
            sweep(place, "own, " + ("another user" if user else "first"))
        finally:
            place.end()


def cases_machine():
    """As root for the machine, whose folder is exchanged as a whole"""
    if not AM_ROOT:
        raise Skip("not root")
    namespace.again(tap, INSIDE, ("mount", "-t", "tmpfs", "x", "/mnt"), 1500,
                    ["unshare", "-m", "-n", "--propagation", "private"])


def cover(path):
    """Puts a folder with the same content over a folder, but for that of a live
    installation: nobody outside sees a change."""
    with tempfile.TemporaryDirectory(dir="/mnt") as copy:
        shutil.copytree(path, copy, symlinks=True, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("restante*", "aliases*"))
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "x", path],
                       check=True)
        shutil.copytree(copy, path, symlinks=True, dirs_exist_ok=True)


def inside():
    """In the namespace."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for path in ("/run", "/mnt", "/var/spool", "/var/mail", "/var/lib"):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "x",
                        os.path.realpath(path)], check=True)
    for path in sorted({"/etc", str(sysconfdir())}):
        cover(path)
    os.chmod(os.path.realpath("/var/mail"), 0o1777)
    for user in (False, True):
        place = Machine(user)
        try:
            sweep(place, "machine, " + ("another user" if user else "first"))
        finally:
            place.end()


if __name__ == "__main__":
    if sys.argv[1:] == [INSIDE]:
        inside()
    else:
        tap.run(globals())
    tap.finish()
