# SPDX-License-Identifier: ISC
"""Programs that run themselves again in a namespace of their own."""
import os
import shutil
import subprocess
import sys
import tempfile

from .tap import Skip, check

COMMAND = ["unshare", "-m", "--propagation", "private"]
NETWORK = ["unshare", "-n"]
LOOPBACK = ["ip", "link", "set", "lo", "up"]


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


def in_network(tap, name, tests, make):
    """Runs tests with what make(folder) makes, in a network of their own, where
    every port is free; skips name where that cannot be had. Needs root."""
    if sys.argv[1:] == ["inside"]:
        subprocess.run(LOOPBACK, check=True)
        with tempfile.TemporaryDirectory(prefix="restante-test-") as folder:
            tap.run(tests, make(folder))
        tap.finish()
    try:
        if os.getuid() != 0:
            raise Skip("needs root")
        if not shutil.which("ip"):
            raise Skip("ip is not there")
        again(tap, "inside", LOOPBACK, 280, NETWORK)
    except Skip as reason:
        tap.skip(name, str(reason))
    tap.finish()


def with_mount(script, argument):
    """Words before a command that sees a mount of its own, which the script
    makes of its argument, $0; raises Skip where that cannot be."""
    enter = ["unshare", "--mount"]
    if os.geteuid() != 0:
        enter.append("--map-root-user")
    if subprocess.run([*enter, "true"], capture_output=True,
                      check=False).returncode != 0:
        raise Skip("no right to a mount namespace")
    return [*enter, "sh", "-c", f'{script} && exec "$@"', str(argument)]
