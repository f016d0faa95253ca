# SPDX-License-Identifier: ISC
"""Programs that run themselves again in a namespace of their own."""
import os
import subprocess
import sys

from .tap import Skip, check

COMMAND = ["unshare", "-m", "--propagation", "private"]
NETWORK = ["unshare", "-n"]


def again(tap, argument, probe=("true",), timeout=None, command=None):
    """Runs this program with one argument more inside, and takes its results.

    probe: a command that must succeed inside; raises Skip if it does not.
    command: enters the namespace; one of mounts if it is left out.
    """
    command = command or COMMAND
    if subprocess.run([*command, *probe], capture_output=True,
                      check=False).returncode != 0:
        raise Skip(f"no right to a namespace with: {' '.join(probe)}")
    done = subprocess.run(
        [*command, sys.executable, "-B", os.path.abspath(sys.argv[0]),
         argument], capture_output=True, text=True, timeout=timeout,
        check=False)
    for line in done.stdout.splitlines():
        if line.startswith(("ok ", "not ok ")):
            name = line.split(" - ", 1)[1]
            if " # SKIP " in name:
                tap.skip(*name.split(" # SKIP ", 1))
            else:
                tap.ok(line.startswith("ok "), name)
        elif line.startswith("#"):
            print(line)
    check("1.." in done.stdout, f"no plan: {done.stdout} {done.stderr}")
