# SPDX-License-Identifier: ISC
"""usage: load.py FILE: connects to the ports of mail, one client after the
other and four at a time, until FILE is there, and 500 times at least; fails if
one was refused."""
import itertools
import socket
import sys
import threading
import time
from pathlib import Path

LEAST, MOST, CLIENTS = 500, 50000, 4
PORTS = (25, 587, 110, 25)
# A server that ends says so to a client that has just come.
GREETINGS = (b"220", b"421", b"+OK", b"-ER")


class Load:
    """What the clients have seen."""

    def __init__(self, stop):
        self.stop, self.lock = stop, threading.Lock()
        self.numbers = itertools.count()
        self.done, self.refused, self.turned, self.slowest = 0, 0, 0, 0.0

    def goes_on(self):
        """Whether there is another client to come."""
        return self.done < MOST and \
            (self.done < LEAST or not self.stop.exists())

    def connect(self):
        """One client: what the server said, and when."""
        port = PORTS[next(self.numbers) % len(PORTS)]
        start = time.monotonic()
        try:
            with socket.create_connection(("127.0.0.1", port),
                                          timeout=60) as client:
                said = client.recv(512)[:3]
                client.sendall(b"QUIT\r\n")
        except OSError as error:
            said = str(error).encode()
        with self.lock:
            self.done += 1
            self.slowest = max(self.slowest, time.monotonic() - start)
            self.turned += said in (b"421", b"-ER")
            if said not in GREETINGS:
                self.refused += 1
                print(f"port {port}: {said!r}")

    def run(self):
        """Client after client."""
        while self.goes_on():
            self.connect()


def main():
    """Returns the exit status."""
    load = Load(Path(sys.argv[1]))
    threads = [threading.Thread(target=load.run) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{load.done} connections, {load.refused} refused, {load.turned} "
          f"asked to come again, slowest {load.slowest:.2f} s")
    return 1 if load.refused else 0


if __name__ == "__main__":
    sys.exit(main())
