# SPDX-License-Identifier: ISC
"""Finds the programs that others wrote: launchers and mail clients.

$RESTANTE_PEERS may name a folder with unpacked Debian packages, one folder
for each: daemons that conflict with each other, or would start themselves,
need not be installed for the tests.
"""
import os
from pathlib import Path

from .scratch import tool
from .tap import Skip


def find(name, package):
    """The path of a program; raises Skip if it is nowhere."""
    path = tool(name)
    if path:
        return path
    root = os.environ.get("RESTANTE_PEERS")
    if root:
        for folder in ("usr/sbin", "usr/bin", "sbin", "bin"):
            candidate = Path(root, package, folder, name)
            if os.access(candidate, os.X_OK):
                return str(candidate)
    raise Skip(f"{name} is not there (Debian package {package})")
