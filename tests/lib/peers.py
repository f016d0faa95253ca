# SPDX-License-Identifier: ISC
"""Finds the programs that others wrote: launchers and mail clients.

$RESTANTE_PEERS may name a folder with unpacked Debian packages, one folder
for each: daemons that conflict with each other, or would start themselves,
need not be installed for the tests.
"""
import importlib
import os
import sys
from pathlib import Path

from .scratch import tool
from .tap import Skip


def find(name, *packages):
    """The path of a program; raises Skip if it is nowhere. Where releases of
    Debian differ, it is in one of several packages."""
    path = tool(name)
    if path:
        return path
    root = os.environ.get("RESTANTE_PEERS")
    for package in packages if root else ():
        for folder in ("usr/sbin", "usr/bin", "sbin", "bin"):
            candidate = Path(root, package, folder, name)
            if os.access(candidate, os.X_OK):
                return str(candidate)
    raise Skip(f"{name} is not there (Debian package {' or '.join(packages)})")


def php():
    """PHP, by any of its names."""
    for name in ("php", "php8.4", "php8.2"):
        try:
            return find(name, f"{name}-cli")
        except Skip:
            pass
    raise Skip("php is not there (Debian package php-cli)")


def files(pattern, packages):
    """The files of a package, installed or unpacked; both are patterns."""
    root = os.environ.get("RESTANTE_PEERS")
    for base in [Path("/"), *(Path(root).glob(packages) if root else ())]:
        found = sorted(base.glob(pattern))
        if found:
            return found
    raise Skip(f"{pattern} is not there (Debian package {packages})")


def module(name, package):
    """A Python module, installed or unpacked. The Python that runs the tests
    need not be Debian's, which alone looks into this folder."""
    try:
        return importlib.import_module(name)
    except ImportError:
        pass
    found = files(f"usr/lib/python3/dist-packages/{name}*", package)
    sys.path.append(str(found[0].parent))
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise Skip(f"{name} cannot be used: {error}") from None
