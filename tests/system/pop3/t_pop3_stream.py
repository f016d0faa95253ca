# SPDX-License-Identifier: ISC
"""Large mails and mailboxes stream: memory does not grow with them, and TLS
records are full.

A server that holds a message in memory ends when it is large; one that sends a
TLS record for each line sends far more than it has to.
"""
import socket
import ssl

from lib.player import PASSWORDS
from lib.proc import status, tree
from lib.scratch import Instance, client_context
from lib.tap import Tap, check
from lib.wait import wait_for

tap = Tap()
FROM = b"From alice@example.com Sun Nov 22 07:00:00 2026\n"
RECORD = 16384
MIB = 1 << 20
LINES = (b"." + b"x" * 69 + b"\n") * 15000


class Records:
    """A client under TLS that counts the records of application data."""

    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), 60)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = client_context().wrap_bio(
            self.incoming, self.outgoing, server_hostname="mail.example.org")
        self.raw, self.data = bytearray(), bytearray()
        self.count = 0
        self.wait(self.tls.do_handshake)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def wait(self, step):
        """Does a step of TLS once it is possible."""
        while True:
            try:
                result = step()
                self.sock.sendall(self.outgoing.read())
                return result
            except ssl.SSLWantReadError:
                self.sock.sendall(self.outgoing.read())
                self.feed(self.sock.recv(65536))

    def feed(self, data):
        """Takes what came, and counts what is whole (RFC 8446 5.1)."""
        check(data, "the connection ended")
        self.incoming.write(data)
        self.raw += data
        while len(self.raw) >= 5:
            end = 5 + int.from_bytes(self.raw[3:5], "big")
            if len(self.raw) < end:
                break
            self.count += self.raw[0] == 23
            del self.raw[:end]

    def say(self, text):
        """Sends commands."""
        self.tls.write(text)
        self.sock.sendall(self.outgoing.read())

    def until(self, end):
        """Reads up to what ends so; how many octets that were."""
        total = 0
        self.data.clear()
        while not self.data.endswith(end):
            piece = self.wait(lambda: self.tls.read(MIB))
            total += len(piece)
            self.data += piece
            del self.data[:-len(end) - 1]
        return total

    def login(self):
        """As bob."""
        self.until(b"\r\n")
        self.say(b"USER bob\r\n")
        self.until(b"\r\n")
        self.say(b"PASS " + PASSWORDS["bob"].encode() + b"\r\n")
        self.until(b"\r\n")
        self.count = 0


def put(server, *messages):
    """Makes these bob's mailbox; a message is pieces, a number so many NULs,
    which take no room on the disk."""
    with open(server.mailbox("bob"), "wb") as box:
        for message in messages:
            box.write(FROM)
            for piece in message:
                if isinstance(piece, int):
                    box.truncate(box.seek(piece, 1))
                else:
                    box.write(piece)
            box.write(b"\n\n")
    server.own()


def test_records(server):
    """RETR of one large mail, and of many small ones: TLS records are full"""
    put(server, [b"Subject: large\n\n"] + [LINES] * 8)
    with Records(server.pop3s) as client:
        client.login()
        client.say(b"RETR 1\r\n")
        total = client.until(b"\r\n.\r\n")
        check(total > 8 * MIB, f"{total} octets")
        check(client.count * RECORD < total * 1.25 + 4 * RECORD,
              f"{client.count} records for {total} octets")
    put(server, *[[b"Subject: small\n\n", b"x" * 3000]] * 1000)
    with Records(server.pop3s) as client:
        client.login()
        client.say(b"".join(b"RETR %d\r\n" % n for n in range(1, 1001))
                   + b"NOOP\r\n")
        total = client.until(b".\r\n+OK\r\n")
        check(client.count * RECORD < total * 1.25 + 20 * RECORD,
              f"{client.count} records for {total} octets")


def test_cut_records(server):
    """A record that comes in two pieces, the second a short one"""
    put(server, [b"Subject: small\n\n", b"x" * 3000])
    with Records(server.pop3s) as client:
        client.login()
        for rest in (1, 20, 100, 511, 512):
            client.tls.write(b"STAT\r\n")
            first = client.outgoing.read()
            client.tls.write(b"NOOP\r\n" * 2729 + b"STAT\r\n")
            data = client.outgoing.read()
            client.sock.sendall(first + data[:-rest])
            client.until(b" 3020\r\n")
            client.sock.sendall(data[-rest:])
            client.until(b" 3020\r\n")


def read(talker, command):
    """The octets of an answer of many lines, none of which is kept."""
    talker.pop("+OK", command)
    total, data = len(talker.buffer), talker.buffer
    while not data.endswith(b"\r\n.\r\n"):
        piece = talker.sock.recv(MIB)
        check(piece, "the connection ended")
        total += len(piece)
        data = (data + piece)[-5:]
    talker.buffer = b""
    return total


def memory(server, *commands):
    """KiB that the largest process of a session took, and that it has at the
    end without what it maps; and the octets of each answer."""
    talker, process = server.session("pop3d")
    with talker:
        talker.pop_login("bob", PASSWORDS["bob"])
        totals = [read(talker, command) for command in commands]
        states = [status(pid) for pid in [process.pid, *tree(process.pid)]]
        peak, now = (max(int(state[key].split()[0]) for state in states
                         if key in state) for key in ("VmHWM", "RssAnon"))
        talker.pop("+OK", "QUIT")
    wait_for(lambda: process.poll() is not None, "the end of the session")
    return peak, now, totals


def flat(server, name, *messages, size):
    """Whether RETR and TOP take no more memory than for a small mail."""
    put(server, [b"Subject: small\n\nx"])
    usual, _, _ = memory(server, "RETR 1", "TOP 1 999999999", "LIST")
    put(server, *messages)
    # The first session reads the mailbox, the second one has its index.
    for _ in range(2):
        peak, _, totals = memory(server, "RETR 1", "TOP 1 999999999", "LIST")
        check(totals[0] > size and abs(totals[1] - totals[0]) < 100,
              f"{name}: {totals}")
        check(peak < usual + 3 * 1024, f"{name}: {peak} KiB, usual {usual}")


def test_large_mail(server):
    """RETR and TOP of huge mails: memory is that for small ones"""
    flat(server, "lines", [b"Subject: x\n\n"] + [LINES] * 40, size=40 * MIB)
    flat(server, "one line", [b"Subject: x\n\n", 100 * MIB], size=100 * MIB)
    flat(server, "a header", [b"Subject: x\n", b"X: y\n" * 4000000],
         size=16 * MIB)
    flat(server, "UTF-8 in the header",
         ["Subject: Grüße\n\n".encode()] + [LINES] * 40, size=40 * MIB)
    flat(server, "a field of UTF-8", [b"Subject: ", "é".encode() * 8 * MIB],
         size=16 * MIB)


def test_beyond_32_bits(server):
    """A mail of 5 GiB: its size is said, and what is after it is found"""
    large = 5 << 30
    put(server, [b"Subject: first\n\n1"], [b"Subject: large\n\n", large, b"x"],
        [b"Subject: last\n\n3"])
    for _ in range(2):      # read, which takes a while, and from the index
        with server.connect(server.pop3, timeout=600) as talker:
            talker.pop_login("bob", PASSWORDS["bob"])
            count, total = talker.pop("+OK", "STAT").split()[1:]
            size = int(talker.pop("+OK", "LIST 2").split()[2])
            check(large < size < large + 100 and count == "3"
                  and size < int(total) < size + 200, f"{count} {total} {size}")
            check(b"Subject: large" in talker.pop_block("TOP 2 0"), "TOP")
            check(talker.pop_block("RETR 3").endswith(b"last\r\n\r\n3\r\n"),
                  "RETR")
            talker.pop("-ERR", f"LIST {(1 << 32) + 1}")
            talker.pop("+OK", "QUIT")


def test_large_mailbox(server):
    """LIST and UIDL of 100000 messages, which the index has"""
    put(server, *[[b"Subject: x\n\nx"]] * 10)
    memory(server, "LIST")
    _, usual, _ = memory(server, "LIST", "UIDL")
    put(server, *[[b"Subject: x\n\nx"]] * 100000)
    memory(server, "LIST")
    _, now, totals = memory(server, "LIST", "UIDL")
    check(totals[0] > 800000 and totals[1] > 3000000, f"{totals}")
    check(now < usual + 1024, f"{now} KiB, usual {usual}")


if __name__ == "__main__":
    with Instance() as instance:
        tap.run(globals(), instance)
    tap.finish()
