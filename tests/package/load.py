# SPDX-License-Identifier: ISC
"""usage: load.py FILE: connects to port 25, one client after the other, until
FILE is there, and 100 times at least; fails if one was refused."""
import socket
import sys
import time
from pathlib import Path

LEAST, MOST = 100, 5000


def connect():
    """One client: how long it took until the server said something."""
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", 25), timeout=60) as client:
        said = client.recv(512)
        client.sendall(b"QUIT\r\n")
    return said[:3], time.monotonic() - start


def main():
    """Returns the exit status."""
    done, refused, slowest = 0, 0, 0.0
    while done < MOST and (done < LEAST or not Path(sys.argv[1]).exists()):
        done += 1
        try:
            code, took = connect()
            refused += code not in (b"220", b"421")
            slowest = max(slowest, took)
        except OSError as error:
            print(error)
            refused += 1
    print(f"{done} connections, {refused} refused, slowest {slowest:.2f} s")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
