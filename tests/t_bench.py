# SPDX-License-Identifier: ISC
"""tests/bench/table: its runs, with little to do, so that it works when
somebody wants figures. It verifies what was delivered; no time is asserted."""
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from lib.scratch import AM_ROOT, BUILD, LONG, SRC
from lib.tap import Skip, Tap, check, equal

tap = Tap()
TABLE = SRC / "tests/bench/table"
PEERS = os.environ.get("RESTANTE_PEERS", "")
# Those that show each of the parts; the others are alike.
SHORT = ("nowait", "stls", "relay")
# The peer without which there is nothing to be measured, our own included.
NEEDS = {"nowait": "xinetd", "relay": "postfix", "drain": "postfix"}


def runs():
    """The names of all runs, as the program has them."""
    return re.findall(r'^    "(\w+)": \("\w+", \[', TABLE.read_text(), re.M)


def run(name, work):
    """Measures it; returns the lines of the table."""
    if name in NEEDS and not Path(PEERS, NEEDS[name]).is_dir():
        raise Skip(f"{NEEDS[name]} is not below RESTANTE_PEERS")
    done = subprocess.run(
        [TABLE, "-q", "-b", BUILD, "-c", name, "-w", work, "-o",
         f"{work}/raw"], env=dict(os.environ, RESTANTE_OFFLINE="1"),
        capture_output=True, text=True, check=False)
    equal(done.returncode, 0, done.stdout[-900:] + done.stderr[-900:])
    return done.stdout.splitlines()


def cases_runs(work):
    """Each has our figure, and keeps what it has measured"""
    for name in runs() if LONG else SHORT:
        with tap.case(f"{name}: figures of ours, all messages found"):
            lines = [line for line in run(name, work) if line[:1] == "|"][2:]
            check(lines and not any("not measured" in x for x in lines),
                  str(lines))
            rows = [json.loads(line) for line in
                    Path(work, f"raw/{name}.jsonl").read_text().splitlines()]
            check(any(r["server"].startswith("restante") for r in rows),
                  "no raw figures")


def main():
    """Needs what the benchmarks need."""
    with tap.case("benchmarks", table=True):
        if not AM_ROOT:
            raise Skip("needs root, for namespaces and many users")
        if subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork",
                           "--mount-proc", "mount", "-t", "tmpfs", "x",
                           "/mnt"], capture_output=True,
                          check=False).returncode != 0:
            raise Skip("no right to mounts and namespaces")
        with tempfile.TemporaryDirectory(prefix="restante-bench-") as work:
            tap.run({"cases_runs": cases_runs}, work)
    tap.finish()


if __name__ == "__main__":
    sys.exit(main())
