# SPDX-License-Identifier: ISC
"""A build --with-pam, below the build folder; tests that need it share it."""
import ctypes.util
import fcntl
import re
import subprocess
from pathlib import Path

from .peers import files
from .scratch import BUILD, SRC, tool
from .tap import Skip

LIBRARY = ctypes.util.find_library("pam")


def modules():
    """The folder of the system's modules."""
    for pattern in ("lib/*/security/pam_succeed_if.so",
                    "usr/lib/*/security/pam_succeed_if.so"):
        found = sorted(Path("/").glob(pattern))
        if found:
            return found[0].parent
    raise Skip("pam_succeed_if.so is not there (Debian package libpam-modules)")


def needed():
    """The folders of the header and of the library; Skip if one is absent."""
    header = files("usr/include/security/pam_appl.h", "libpam0g-dev")[0]
    for what, there in (("libpam", LIBRARY), ("make", tool("make"))):
        if not there:
            raise Skip(f"{what} is not there")
    return header.parent.parent, modules().parent


def build():
    """Makes the programs with PAM; the folder that they are in. One at a
    time makes them."""
    include, libraries = needed()
    folder = BUILD / "with-pam"
    folder.mkdir(exist_ok=True)
    with open(folder / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "Makefile").exists():
            configure(folder, include, libraries)
        subprocess.run(["make", "-s", "-j2", "smtpd/smtpd", "pop3d/pop3d"],
                       cwd=folder, check=True, capture_output=True,
                       timeout=1200)
    return folder


def configure(folder, include, libraries):
    """As the other build, but for PAM."""
    # The package has a link for the linker that leads out of it.
    link = folder / "libpam.so"
    link.unlink(missing_ok=True)
    link.symlink_to(sorted(libraries.glob(LIBRARY))[0])
    compiler = re.search(r"(?m)^CC = (.*)$",
                         (BUILD / "Makefile").read_text()).group(1)
    subprocess.run(
        [SRC / "configure", "--quiet", "--with-pam", "CC=" + compiler,
         "CFLAGS=-O0", f"CPPFLAGS=-I{include}", f"LDFLAGS=-L{folder}"],
        cwd=folder, check=True, capture_output=True, timeout=600)
