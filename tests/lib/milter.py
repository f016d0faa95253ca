# SPDX-License-Identifier: ISC
"""A filter (milter) that does what a test tells it to.

    with Filter(folder) as filter:
        filter.say["E"] = [insert(0, "X-Seen", " yes"), b"c"]

What it is sent is in filter.seen, one list of packets for each connection. An
answer is a packet, by its letter and data (reply() and the others make them),
Raw octets, or a function that gets the connection.
"""
import contextlib
import socket
import struct
import threading

ANSWERED = "CHMRTLNBE"
# The bits by which a filter does not answer, or does not want, a command.
SILENT = dict(zip("CHMRTLNB", (0x1000, 0x2000, 0x4000, 0x8000, 0x10000,
                               0x80, 0x40000, 0x80000)))
UNWANTED = dict(zip("CHMRTLNB", (1, 2, 4, 8, 0x200, 0x20, 0x40, 0x10)))
SKIP, LEADING_SPACE = 0x400, 0x100000


class Raw(bytes):
    """Octets that are sent as they are."""


def packet(data):
    """A packet: its length, then the command and its data."""
    return struct.pack(">I", len(data)) + data


def strings(*texts):
    """Strings with NUL."""
    return b"".join((t if isinstance(t, bytes) else t.encode()) + b"\0"
                    for t in texts)


def reply(text):
    """A reply of SMTP."""
    return b"y" + strings(text)


def add(name, value):
    """A field at the end of the header section."""
    return b"h" + strings(name, value)


def insert(index, name, value):
    """A field before that one."""
    return b"i" + struct.pack(">I", index) + strings(name, value)


def change(index, name, value):
    """Another value for a field, or none: it is deleted."""
    return b"m" + struct.pack(">I", index) + strings(name, value)


class Connection:
    """One message that the filter sees."""

    def __init__(self, sock, filter):
        self.sock, self.filter, self.data = sock, filter, b""
        self.packets = []

    def read(self):
        """The next packet; None: the server is gone."""
        while True:
            if len(self.data) >= 4:
                size = struct.unpack(">I", self.data[:4])[0]
                if len(self.data) >= 4 + size:
                    found = self.data[4:4 + size]
                    self.data = self.data[4 + size:]
                    return found
            more = self.sock.recv(65536)
            if not more:
                return None
            self.data += more

    def answer(self, answers):
        """Sends answers in one piece, as far as they are octets."""
        out = b""
        for one in answers:
            if callable(one):
                self.sock.sendall(out)
                out = b""
                one(self)
            else:
                out += one if isinstance(one, Raw) else packet(one)
        self.sock.sendall(out)

    def run(self):
        """Talks until the server is gone."""
        steps = self.filter.steps
        while (got := self.read()) is not None:
            command = chr(got[0])
            self.packets.append(got)
            if command == "O":
                self.answer(self.filter.say.get("O", [
                    b"O" + struct.pack(">III", 6, 0x1ff, steps)
                    + self.filter.symbols]))
            elif command == "Q":
                return
            elif command in ANSWERED and not steps & SILENT.get(command, 0):
                self.answer(self.filter.say.get(command, [b"c"]))


class Filter:
    """Listens at a local socket in a folder, or a port of this machine."""

    def __init__(self, folder=None, steps=0, name="filter"):
        self.steps, self.symbols = steps, b""
        self.say, self.seen, self.ends = {}, [], []
        if folder is None:
            self.listener = socket.create_server(("127.0.0.1", 0))
            self.place = "inet:127.0.0.1:%d" % self.listener.getsockname()[1]
        else:
            self.listener = socket.socket(socket.AF_UNIX)
            path = str(folder / name)
            self.listener.bind(path)
            folder.joinpath(name).chmod(0o777)
            self.place = "unix:" + path
        self.listener.listen(16)
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,),
                             daemon=True).start()

    def _serve(self, sock):
        connection = Connection(sock, self)
        self.seen.append(connection.packets)
        with sock, contextlib.suppress(OSError):
            connection.run()
        self.ends.append(connection)

    def reset(self, steps=0, **say):
        """Forgets what it has seen, and answers otherwise from now on."""
        self.say, self.steps, self.symbols = say, steps, b""
        self.seen.clear()

    def stop(self):
        """Listens no more."""
        # Who waits in accept(2) does not hear of close(2).
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # ---- what it has seen of the last message ----

    def letters(self):
        """The commands of the last message, without macros."""
        return "".join(chr(p[0]) for p in self.seen[-1] if p[0:1] != b"D")

    def all(self, letter):
        """The data of all commands of that letter."""
        return [p[1:] for p in self.seen[-1] if p[0:1] == letter.encode()]

    def fields(self):
        """The fields, by name and value."""
        return [tuple(x.decode("utf-8", "surrogateescape")
                      for x in p.split(b"\0")[:2]) for p in self.all("L")]

    def body(self):
        """The body, as it was sent."""
        return b"".join(self.all("B"))

    def macros(self, letter):
        """The macros before the first command of that letter."""
        for p in self.all("D"):
            if p[0:1] == letter.encode():
                words = p[1:].split(b"\0")[:-1]
                return {k.decode(): v.decode()
                        for k, v in zip(words[::2], words[1::2])}
        return {}
