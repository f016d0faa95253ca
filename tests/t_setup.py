# SPDX-License-Identifier: ISC
"""tests/setup, which installs and unpacks Debian packages: what it asks apt
for, by the names that a release has. Nothing is installed: apt and dpkg are
scripts that write down how they were called."""
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from lib.scratch import SRC
from lib.tap import Tap, check, equal

tap = Tap()
SCRIPT = (SRC / "tests/setup").read_text(encoding="utf-8")
# What the fakes know lies in files of the folder $WORLD: `installed`, `known`
# and `new` (known once the lists are there). A list is there if `lists` is.
FAKES = {
    "dpkg-query": 'sed "s/.*/have & installed/" "$WORLD/installed"',
    "apt-cache": 'cat "$WORLD/installed" "$WORLD/known"',
    "apt-config": """echo "lists='$WORLD/lists/'" """,
    "sudo": '[ -e "$WORLD/sudo" ] && exec "$@"',
    "npm": """
        echo "npm $*" >>"$WORLD/calls"
        for word; do
            case $word in
            *@*) mkdir -p "build/npm/node_modules/${word%@*}" ;;
            esac
        done""",
    "dpkg": 'mkdir "$3"',       # dpkg -x FILE root
    "apt-get": """
        echo "$*" >>"$WORLD/calls"
        case "$*" in
        *update)
            [ -e "$WORLD/network" ] || exit 100
            mkdir -p "$WORLD/lists"
            : >"$WORLD/lists/x_Packages"
            cat "$WORLD/new" >>"$WORLD/known" ;;
        *download*)
            [ -e "$WORLD/network" ] || exit 100
            for last; do :; done
            : >"$last.deb" ;;
        *install*)
            [ -e "$WORLD/network" ] || exit 100
            for word; do
                case $word in
                -* | *=* | install) continue ;;
                esac
                grep -qxF -e "$word" "$WORLD/known" || {
                    echo "E: Unable to locate package $word"
                    exit 100
                }
                echo "$word" >>"$WORLD/installed"
            done ;;
        esac""",
}


def names(which):
    """The entries of one of the lists in the script."""
    return re.search(rf"^{which}='([^']*)'", SCRIPT, re.M).group(1).split()


BUILD = names("build_packages")
TESTS = names("test_packages") + names("peer_libraries")
PEERS = names("peer_packages")


def plain(entries):
    """The names of entries, all alternatives of them."""
    return [n for e in entries for n in e.split("|") if n != "-"]


class World:
    """A machine: what is installed, what apt knows, and a copy of setup."""

    def __init__(self, installed=(), known=(), new=(), have=("lists", "network",
                                                             "sudo")):
        self.dir = Path(tempfile.mkdtemp(prefix="restante-setup-"))
        self.tree = self.dir / "tree"
        (self.tree / "tests").mkdir(parents=True)
        shutil.copy(SRC / "tests/setup", self.tree / "tests/setup")
        (self.dir / "bin").mkdir()
        for name, text in FAKES.items():
            path = self.dir / "bin" / name
            path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
            path.chmod(0o755)
        for name, lines in (("installed", installed), ("known", known),
                            ("new", new), ("calls", ())):
            (self.dir / name).write_text("".join(f"{x}\n" for x in lines),
                                         encoding="utf-8")
        for name in have:
            if name == "lists":
                (self.dir / "lists").mkdir()
                (self.dir / "lists/x_Packages").touch()
            else:
                (self.dir / name).touch()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir)

    def setup(self, what="test"):
        """Runs it: exit status and output."""
        done = subprocess.run(
            ["sh", self.tree / "tests/setup", what], capture_output=True,
            text=True, timeout=120, check=False, env=dict(
                os.environ, WORLD=str(self.dir),
                PATH=f"{self.dir}/bin:/usr/bin:/bin"))
        return done.returncode, done.stdout + done.stderr

    def lines(self, name):
        """The lines of one of the files."""
        return (self.dir / name).read_text(encoding="utf-8").splitlines()

    def unpacked(self):
        """The packages below build/peers."""
        return {p.name for p in (self.tree / "build/peers").iterdir()}


def test_build():
    """For a build, the packages of the build"""
    with World(known=plain(BUILD + TESTS)) as world:
        equal(world.setup("build")[0], 0, "status")
        equal(world.lines("installed"), BUILD, "installed")
        check(not (world.tree / "build/peers").exists(), "peers")


def test_everything():
    """For the tests everything, and peers unpacked, not installed"""
    entries = BUILD + TESTS + PEERS
    with World(known=[e.split("|")[0] for e in entries]) as world:
        status, said = world.setup()
        equal((status, "Not to be had" in said), (0, False), said)
        equal(set(world.lines("installed")),
              {e.split("|")[0] for e in BUILD + TESTS}, "installed")
        equal(world.unpacked(), {e.split("|")[0] for e in PEERS}, "unpacked")
        equal({f"{p.name}@" for p in
               (world.tree / "build/npm/node_modules").iterdir()},
              {re.sub("@.*", "@", n) for n in names("npm_packages")}, "npm")


def test_npm():
    """A package of npm that has come into the list is fetched, too"""
    with World(known=plain(BUILD + TESTS + PEERS)) as world:
        equal(world.setup()[0], 0, "status")
        gone = next((world.tree / "build/npm/node_modules").iterdir())
        gone.rmdir()
        equal(world.setup(), (0, ""), "status, output")
        check(gone.exists(), f"{gone.name} is not there")


def test_again():
    """A second time apt installs and downloads nothing, network or not"""
    with World(known=plain(BUILD + TESTS + PEERS)) as world:
        equal(world.setup()[0], 0, "status")
        calls = world.lines("calls")
        for network in (True, False):
            if not network:
                (world.dir / "network").unlink()
            status, said = world.setup()
            equal((status, said), (0, ""), "status, output")
            equal(world.lines("calls"), calls, "calls of apt-get")


def test_t64():
    """Libraries that are called t64 now, by their old names"""
    known = [n + "t64" if n.startswith("lib") else n
             for n in plain(BUILD + TESTS)]
    with World(known=known) as world:
        status, said = world.setup()
        equal(status, 0, said)
        check("libmagic1t64" in world.lines("installed"), said)
        check("libmagic1" not in world.lines("installed"), said)


def test_alternatives():
    """Of two names the one that the release has"""
    old = [e.split("|")[-1] for e in BUILD + TESTS + PEERS]
    with World(known=[n for n in old if n != "-"]) as world:
        status, said = world.setup()
        equal((status, "Not to be had" in said), (0, False), said)
        check("libicu72" in world.lines("installed"), "libicu72")
        check("php8.2-cli" in world.unpacked(), "php8.2-cli")
        check("php8.4-cli" not in world.unpacked(), "php8.4-cli")


def test_installed_alternative():
    """A name that is installed will do, though another would come first"""
    with World(installed=[e.split("|")[-1] for e in BUILD + TESTS],
               known=plain(BUILD + TESTS)) as world:
        equal(world.setup()[0], 0, "status")
        check("libicu76" not in world.lines("installed"), "libicu76")


def test_lacking():
    """What a release lacks is named and skipped, the rest is installed"""
    known = set(plain(BUILD + TESTS + PEERS)) - {"alpine", "libidn12", "nsd"}
    with World(known=known) as world:
        status, said = world.setup()
        equal(status, 0, said)
        for name in ("alpine", "libidn12", "nsd"):
            check(f"Not to be had: {name} (tests" in said, said)
        equal(set(TESTS) - set(world.lines("installed")) - {
            e for e in TESTS if "|" in e}, {"alpine", "libidn12"}, "missing")


def test_no_lists():
    """A machine without package lists gets them first"""
    with World(new=plain(BUILD + TESTS + PEERS),
               have=("network", "sudo")) as world:
        status, said = world.setup()
        equal((status, "Not to be had" in said), (0, False), said)
        equal(world.lines("calls")[0].split()[-1], "update", "first call")


def test_build_needs_all():
    """Without a package of the build it says what to type"""
    for have in (("lists", "network", "sudo"), ("lists", "sudo"), ()):
        with World(known=set(BUILD) - {"gcc"}, have=have) as world:
            status, said = world.setup("build")
            equal(status, 1, said)
            check("as root, type:\n    apt-get update && apt-get install "
                  in said and "gcc" in said, said)


def test_usage():
    """Anything else is a usage error"""
    with World() as world:
        equal(world.setup("all")[0], 64, "status")


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
