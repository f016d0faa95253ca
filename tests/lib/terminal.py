# SPDX-License-Identifier: ISC
"""Programs that talk to a person."""
import fcntl
import os
import select
import struct
import subprocess
import termios

from .tap import Skip


def control():
    """Makes the terminal on descriptor 0 that of the new session, which
    /dev/tty is then: passwords are read there."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def on_terminal(command, talk=(), **settings):
    """Runs a program that wants a terminal; (what it showed, status).

    talk: pairs of text to wait for ("|" between alternatives), and keys to
    press then.
    """
    talk, seen = list(talk), 0
    try:
        master, slave = os.openpty()
    except OSError as error:
        raise Skip(f"no terminal: {error}") from error
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    process = subprocess.Popen(command, stdin=slave, stdout=slave,
                               stderr=slave, start_new_session=True,
                               preexec_fn=control, **settings)
    os.close(slave)
    said = b""
    try:
        while True:
            ready, _, _ = select.select([master], [], [], 120)
            if not ready:
                process.kill()
                raise AssertionError(f"it hangs: {said[-400:]!r}")
            said += os.read(master, 65536)
            if talk and any(text.encode() in said[seen:]
                            for text in talk[0][0].split("|")):
                seen = len(said)
                os.write(master, talk.pop(0)[1].encode())
    except OSError:
        pass        # how a terminal says that all have left
    finally:
        os.close(master)
        process.wait()
    return said, process.returncode
