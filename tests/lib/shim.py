# SPDX-License-Identifier: ISC
"""Libraries that stand between a program and the C library."""
import subprocess
from pathlib import Path

from .scratch import tool
from .tap import Skip


def build_shim(path, source):
    """Compiles one: source is a file, by default in this folder. Raises Skip
    where that cannot be."""
    compiler = tool("cc") or tool("gcc")
    if not compiler:
        raise Skip("no C compiler for the preloaded library")
    done = subprocess.run(
        [compiler, "-O1", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", path,
         Path(__file__).parent / source, "-ldl", "-lpthread"],
        capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Skip("cannot compile the preloaded library: "
                   + done.stderr.strip()[:200])
    Path(path).chmod(0o755)


def shimmed(env, library, **more):
    """That environment, and more, for a program with the library."""
    said = env.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    return dict(env, LD_PRELOAD=str(library), ASAN_OPTIONS=said, **more)
