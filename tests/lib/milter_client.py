# SPDX-License-Identifier: ISC
"""The mail server's side of the milter protocol, version 6, in Python.

scan() asks a filter about a message and returns what it wants done with it;
apply() does that. A Recorder listens between a server and a filter and knows
what they have said. None of it knows anything of the C code. A packet is its
length in 4 octets, a letter, and data.
"""
import re
import socket
import struct
import threading

from .wait import wait_for

ACTIONS, STEPS = 0x1FF, 0x1FFFFF
# What is left out if the filter says so, and what it does not answer.
LEFT_OUT = {b"C": 0x1, b"H": 0x2, b"M": 0x4, b"R": 0x8, b"B": 0x10,
            b"L": 0x20, b"N": 0x40, b"T": 0x200}
UNANSWERED = {b"L": 0x80, b"C": 0x1000, b"H": 0x2000, b"M": 0x4000,
              b"R": 0x8000, b"T": 0x10000, b"N": 0x40000, b"B": 0x80000}
LEADING_BLANK = 0x100000
EDITS = b"him+2-ebq"
PIECE = 65535


class Envelope:
    """Who sends a message to whom."""

    def __init__(self, sender="someone@example.com",
                 recipients=("alice@example.org",), host="client.example.com",
                 address="192.0.2.1", helo="client.example.com", **macros):
        self.sender, self.recipients = sender, list(recipients)
        self.host, self.address, self.helo = host, address, helo
        self.macros = {"j": "mail.example.org", "i": "20261130T1",
                       "{daemon_name}": "smtpd", "v": "restante",
                       "_": f"{host} [{address}]", "{client_name}": host,
                       "{client_addr}": address, "{client_port}": "4711",
                       "{mail_addr}": sender, **macros}


class Verdict:
    """What a filter has said: a letter, the text of a reply, the edits."""

    def __init__(self, letter, text, edits, place, blank):
        self.letter, self.text, self.edits = letter, text, edits
        self.place = place      # the command that it was the answer to
        self.blank = blank      # header values are exact

    def __repr__(self):
        return f"<{self.letter} {self.text} at {self.place}: {self.edits}>"

    @property
    def accepted(self):
        """Whether the message is to be delivered."""
        return self.letter in (b"a", b"c")

    @property
    def reply(self):
        """The reply that the client has to get, or None if it is 250. For
        sendmail its text is a format: "%%" stands for "%"."""
        return {b"y": re.sub("%(.?)", r"\1", self.text), b"r": "550 5.7.1",
                b"t": "451 4.7.1"}.get(self.letter)


def connect(address, seconds=120):
    """A socket that is connected to "unix:PATH" or "inet:HOST:PORT"."""
    kind, _, where = address.partition(":")
    if kind == "inet":
        host, _, port = where.rpartition(":")
        return socket.create_connection((host, int(port)), seconds)
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(seconds)
    sock.connect(where)
    return sock


class Wire:
    """A connection to a filter: packets."""

    progress = False    # whether packets that only say this are read, too

    def __init__(self, sock):
        self.sock = sock

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, letter, data=b""):
        """One packet."""
        self.sock.sendall(struct.pack("!I", len(data) + 1) + letter + data)

    def octets(self, count):
        """So many octets; fewer are an error."""
        data = b""
        while len(data) < count:
            more = self.sock.recv(count - len(data))
            if not more:
                raise AssertionError(f"the filter hung up after {data!r}")
            data += more
        return data

    def read(self):
        """One packet: letter and data; progress is skipped."""
        while True:
            length = struct.unpack("!I", self.octets(4))[0]
            if not 0 < length <= 1 << 21:
                raise AssertionError(f"a packet of {length} octets")
            data = self.octets(length)
            if data[:1] != b"p" or self.progress:
                return data[:1], data[1:]


def strings(*texts):
    """Each ended by NUL."""
    return b"".join((t if isinstance(t, bytes) else t.encode()) + b"\0"
                    for t in texts)


def split(message):
    """([[name, value]], body): values begin after the colon and have LF where
    they are folded."""
    head, _, body = message.partition(b"\r\n\r\n")
    fields = []
    for line in head.split(b"\r\n"):
        if line[:1] in (b" ", b"\t") and fields:
            fields[-1][1] += b"\n" + line
        else:
            name, _, value = line.partition(b":")
            fields.append([name, value])
    return fields, body


def join(fields, body):
    """The message again."""
    return b"".join(name + b":" + value.replace(b"\n", b"\r\n") + b"\r\n"
                    for name, value in fields) + b"\r\n" + body


class Session(Wire):
    """One message with one filter."""

    def __init__(self, address, envelope, seconds=120):
        super().__init__(connect(address, seconds))
        self.envelope = envelope
        self.send(b"O", struct.pack("!III", 6, ACTIONS, STEPS))
        letter, data = self.read()
        if letter != b"O":
            raise AssertionError(f"{letter!r} instead of a negotiation")
        self.version, self.actions, self.steps = struct.unpack(
            "!III", data[:12])
        self.blank = bool(self.steps & LEADING_BLANK)
        self.skipped = False

    def macros(self, letter):
        """All that there are, for each command."""
        pairs = [t for pair in self.envelope.macros.items() for t in pair]
        self.send(b"D", letter + strings(*pairs))

    def say(self, letter, data=b""):
        """A command; its answer if that is not to go on."""
        if self.steps & LEFT_OUT.get(letter, 0):
            return None
        self.send(letter, data)
        if self.steps & UNANSWERED.get(letter, 0):
            return None
        answer, text = self.read()
        if answer == b"s" and letter == b"B":
            self.skipped = True
            return None
        return None if answer == b"c" else Verdict(
            answer, text.rstrip(b"\0").decode(), [], letter, self.blank)

    def commands(self, message):
        """(letter, data) of all that is said before the end of the body."""
        who = self.envelope
        family = b"6" if ":" in who.address else b"4"
        yield b"C", strings(who.host) + family + struct.pack("!H", 4711) \
            + strings(who.address)
        yield b"H", strings(who.helo)
        yield b"M", strings(f"<{who.sender}>")
        for recipient in who.recipients:
            yield b"R", strings(f"<{recipient}>")
        yield b"T", b""
        fields, body = split(message)
        for name, value in fields:
            if not self.blank and value[:1] == b" ":
                value = value[1:]
            yield b"L", strings(name, value)
        yield b"N", b""
        for at in range(0, len(body), PIECE):
            if not self.skipped:
                yield b"B", body[at:at + PIECE]

    def scan(self, message):
        """What the filter wants done with it."""
        for letter, data in self.commands(message):
            if letter in b"CHMRTN":
                self.macros(letter)
            verdict = self.say(letter, data)
            if verdict:
                return verdict
        self.macros(b"E")
        self.send(b"E")
        edits = []
        while True:
            letter, data = self.read()
            if letter not in EDITS:
                return Verdict(letter, data.rstrip(b"\0").decode(), edits,
                               b"E", self.blank)
            edits.append((letter, data))


def scan(address, message, envelope=None, seconds=120):
    """Asks a filter, in a connection of its own."""
    with Session(address, envelope or Envelope(), seconds) as session:
        verdict = session.scan(message)
        session.send(b"Q")
        return verdict


def exact(value, blank):
    """A value that a filter has sent, as split() would have it."""
    value = re.sub(rb"\r\n|\r", b"\n", value)
    return value if blank else b" " + value


class Edited:
    """A message and its envelope while edits are made to it."""

    def __init__(self, message, envelope):
        self.fields, self.body = split(message)
        self.sender = envelope.sender
        self.recipients = list(envelope.recipients)
        self.quarantine = None
        self.pieces = []

    def change(self, index, name, value):
        """The instance of that number; a new one if there is none."""
        places = [at for at, (n, _) in enumerate(self.fields)
                  if n.lower() == name.lower()]
        if index <= len(places) and places:
            at = places[max(index, 1) - 1]
            # An empty field stays in place until all edits are made, so that
            # the numbers of those after it stay what they were.
            self.fields[at] = [name, value]
        elif value is not None:
            self.fields.append([name, value])

    def edit(self, letter, data, blank):
        """One of the things that a filter can ask for."""
        index, rest = 0, data
        if letter in b"im":
            index, rest = struct.unpack("!I", data[:4])[0], data[4:]
        words = rest.split(b"\0")
        if letter == b"b":
            self.pieces.append(data)
        elif letter == b"h":
            self.fields.append([words[0], exact(words[1], blank)])
        elif letter == b"i":
            self.fields.insert(index, [words[0], exact(words[1], blank)])
        elif letter == b"m":
            self.change(index, words[0],
                        exact(words[1], blank) if words[1] else None)
        elif letter in b"+2":
            self.recipients.append(words[0].decode().strip("<>"))
        elif letter == b"-":
            self.recipients.remove(words[0].decode().strip("<>"))
        elif letter == b"e":
            self.sender = words[0].decode().strip("<>")
        else:
            self.quarantine = words[0].decode()

    @property
    def replaced(self):
        """Whether there is another body."""
        return bool(self.pieces)

    @property
    def message(self):
        """It as it has to be delivered; lines end in CRLF."""
        body = self.body
        if self.replaced:
            body = re.sub(rb"\r\n|\r|\n", b"\r\n", b"".join(self.pieces))
            if body and not body.endswith(b"\r\n"):
                body += b"\r\n"
        return join([f for f in self.fields if f[1] is not None], body)


def apply(message, verdict, envelope=None):
    """The Edited message that a verdict asks for."""
    edited = Edited(message, envelope or Envelope())
    for letter, data in verdict.edits:
        edited.edit(letter, data, verdict.blank)
    return edited


def pairs(data):
    """The macros of a packet, without its first letter."""
    words = data[1:].split(b"\0")
    return {words[at].decode(): words[at + 1].decode()
            for at in range(0, len(words) - 1, 2)}


class Talk:
    """What was said in one connection."""

    def __init__(self):
        self.sent, self.said = [], []       # (letter, data)
        self.over = False

    def of(self, letter):
        """The data of all commands with that letter."""
        return [data for command, data in self.sent if command == letter]

    @property
    def blank(self):
        """Whether header values are exact."""
        return bool(struct.unpack("!I", self.said[0][1][8:12])[0]
                    & LEADING_BLANK)

    @property
    def macros(self):
        """{letter of the command: {name: value}}; the first of each."""
        found = {}
        for data in self.of(b"D"):
            found.setdefault(data[:1].decode(), pairs(data))
        return found

    @property
    def message(self):
        """The message as the filter saw it."""
        fields = [data.split(b"\0")[:2] for data in self.of(b"L")]
        return join([[name, exact(value, self.blank)]
                     for name, value in fields], b"".join(self.of(b"B")))

    def as_seen(self, message):
        """How this filter sees a message: some cannot tell whether there is a
        blank after the colon."""
        fields, body = split(message)
        return message if self.blank else join(
            [[name, exact(value.removeprefix(b" "), False)]
             for name, value in fields], body)

    @property
    def verdict(self):
        """What the filter wanted done."""
        edits = [(a, d) for a, d in self.said if a in EDITS]
        letter, data = self.said[-1]
        return Verdict(letter, data.rstrip(b"\0").decode(), edits, b"E",
                       self.blank)


class Recorder:
    """Listens at a path, and passes on what is said to and by a filter."""

    def __init__(self, path, address):
        self.path, self.target = path, address
        path.unlink(missing_ok=True)
        self.talks = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        path.chmod(0o666)
        self.listener.listen(16)
        threading.Thread(target=self.run, daemon=True).start()

    @property
    def address(self):
        """As the key "filter" has it."""
        return f"unix:{self.path}"

    def run(self):
        """Until close()."""
        while True:
            try:
                sock = self.listener.accept()[0]
            except OSError:
                return
            talk = Talk()
            self.talks.append(talk)
            try:
                far = connect(self.target)
            except OSError:
                sock.close()
                talk.over = True
                continue
            for one, other, said in ((sock, far, talk.sent),
                                     (far, sock, talk.said)):
                threading.Thread(target=self.carry, daemon=True,
                                 args=(one, other, said, talk)).start()

    @staticmethod
    def carry(one, other, said, talk):
        """Packets from one to the other."""
        wire, out = Wire(one), Wire(other)
        wire.progress = True
        try:
            while True:
                letter, data = wire.read()
                if letter != b"p":
                    said.append((letter, data))
                out.send(letter, data)
        except (OSError, AssertionError):
            talk.over = True
        for sock in (one, other):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def last(self):
        """The latest Talk, when it is over."""
        talk = self.talks[-1]
        wait_for(lambda: talk.over, "the filter's connection to end")
        return talk

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Closing alone would not wake the thread that accepts.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
