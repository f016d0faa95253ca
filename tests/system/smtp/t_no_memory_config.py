# SPDX-License-Identifier: ISC
"""getline(3) ends without memory as it does at the end of a file. Half a
configuration is another one: mail would go into the default queue."""
import os
import subprocess
from contextlib import contextmanager

from lib.scratch import Scratch
from lib.shim import build_shim
from lib.tap import Skip, Tap, check, equal

tap = Tap()
SHIM = r"""
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

ssize_t
__getdelim(char **line, size_t *size, int end, FILE *f)
{
	static ssize_t (*next)(char **, size_t *, int, FILE *);
	static int calls;

	if (next == NULL) {
		*(void **)&next = dlsym(RTLD_NEXT, "__getdelim");
	}
	if (++calls > atoi(getenv("LINES_READ"))) {
		errno = ENOMEM;
		return -1;
	}
	return next(line, size, end, f);
}

ssize_t
getline(char **line, size_t *size, FILE *f)
{
	return __getdelim(line, size, '\n', f);
}
"""


@contextmanager
def shim():
    """An instance, and the library that ends getline(3)."""
    if "SAN_OPTIONS" in " ".join(os.environ):
        raise Skip("nothing can be preloaded into a sanitizer build")
    with Scratch() as scratch:
        source, library = scratch.dir / "shim.c", scratch.dir / "shim.so"
        source.write_text(SHIM)
        build_shim(library, source)
        yield scratch, library


def test_config():
    """A configuration that cannot be read to its end is an error"""
    with shim() as (scratch, library):
        lines = len(scratch.conf.read_text().splitlines())
        for count in range(lines + 1):
            env = dict(scratch.environment(), LD_PRELOAD=str(library),
                       LINES_READ=str(count))
            done = subprocess.run([*scratch.command("smtpd"), "-bp"], env=env,
                                  capture_output=True, check=False,
                                  **scratch.as_user())
            equal(done.returncode, 78, f"{count} lines: {done}")
            check(b"cannot read" in done.stderr, done.stderr)


def test_password():
    """A password that cannot be read is not taken for an empty one"""
    with shim() as (scratch, library):
        said = set()
        for count in range(200):
            env = dict(scratch.environment(), LD_PRELOAD=str(library),
                       LINES_READ=str(count))
            done = subprocess.run(
                [*scratch.command("smtpd"), "--passwd", "carol"], env=env,
                input=b"secret of carol\n", capture_output=True, check=False,
                **scratch.as_user())
            if done.returncode == 0:
                break
            check(b"cannot read" in done.stderr, done.stderr)
            said.add(b"cannot read the password" in done.stderr)
        equal(done.returncode, 0, "with all lines")
        equal(said, {False, True}, "of the configuration, of the password")


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
