# SPDX-License-Identifier: ISC
"""A client that says exactly what a test wants said, and remembers it all."""
import base64
import select
import socket


def b64(data):
    """Base64 of text or bytes, as a str."""
    if isinstance(data, str):
        data = data.encode()
    return base64.b64encode(data).decode()


def plain(user, password, authzid=""):
    """The initial response of AUTH PLAIN."""
    return b64(f"{authzid}\0{user}\0{password}")


class Closed(AssertionError):
    """The other side ended the connection where a line was due."""


class Reply:
    """One SMTP reply of one or more lines."""

    def __init__(self, lines):
        self.lines = lines
        self.last = lines[-1]
        self.code = int(self.last[:3]) if self.last[:3].isdigit() else 0

    def words(self):
        """The text of each line, without the code."""
        return [line[4:] for line in self.lines]

    def startswith(self, prefix):
        """Whether the last line begins with prefix."""
        return self.last.startswith(prefix)

    def __repr__(self):
        return "\\n".join(self.lines)


class Talker:
    """Lines over a socket. Every failure shows the talk up to there."""

    def __init__(self, sock, timeout=60.0):
        self.sock = sock
        self.sock.settimeout(timeout)
        self.buffer = b""
        self.talk = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Hangs up."""
        self.sock.close()

    def _fail(self, text, kind=AssertionError):
        raise kind(text + "\n" + "\n".join(self.talk[-14:]))

    def _note(self, who, data):
        text = repr(data[:160])[2:-1] + ("..." if len(data) > 160 else "")
        self.talk.append(f"{who}: {text}")

    def send(self, data):
        """Sends text or bytes as they are."""
        if isinstance(data, str):
            data = data.encode("utf-8", "surrogateescape")
        self._note("C", data)
        try:
            self.sock.sendall(data)
        except OSError as error:
            self._fail(f"cannot send: {error}", Closed)

    def _fill(self):
        try:
            data = self.sock.recv(65536)
        except socket.timeout:
            self._fail("no answer in time")
        except OSError:
            data = b""
        self.buffer += data
        return bool(data)

    def raw_line(self):
        """The next line with its line end; Closed if none comes."""
        while b"\n" not in self.buffer:
            if not self._fill():
                self._fail("connection closed, after "
                           + repr(self.buffer[:80]), Closed)
        line, self.buffer = self.buffer.split(b"\n", 1)
        self._note("S", line + b"\n")
        return line + b"\n"

    def line(self):
        """The next line, which must end in CRLF, as text without it."""
        line = self.raw_line()
        if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
            self._fail(f"line end is not CRLF: {line[:200]!r}")
        return line[:-2].decode("utf-8", "surrogateescape")

    def reply(self):
        """The next SMTP reply; checks that it is well formed."""
        lines = [self.line()]
        while lines[-1][3:4] == "-":
            lines.append(self.line())
        for line in lines:
            if not line[:3].isdigit() or line[:3] != lines[0][:3] \
                    or len(line) > 510:
                self._fail(f"malformed reply line {line[:200]!r}")
        return Reply(lines)

    def expect(self, prefix, say=None):
        """Says a line (if given); the reply must begin with prefix.

        prefix may be a tuple of those that will do.
        """
        if say is not None:
            self.send(say + "\r\n")
        reply = self.reply()
        if not reply.last.startswith(prefix):
            self._fail(f"expected {prefix!r}, got {reply.last!r}")
        return reply

    def pop(self, prefix, say=None):
        """As expect(), for POP3: one line, returned as text."""
        if say is not None:
            self.send(say + "\r\n")
        line = self.line()
        if not line.startswith(prefix):
            self._fail(f"expected {prefix!r}, got {line!r}")
        return line

    def block(self):
        """A POP3 multi-line answer: its bytes, stuffing undone."""
        body = bytearray()
        while True:
            line = self.raw_line()
            del self.talk[-1]
            if line == b".\r\n":
                return bytes(body)
            if not line.endswith(b"\r\n"):
                self._fail(f"line of a block without CRLF: {line[:200]!r}")
            body += line[1:] if line.startswith(b".") else line

    def pop_block(self, say):
        """Says a POP3 command and returns the block after its +OK."""
        self.pop("+OK", say)
        return self.block()

    def closed(self):
        """The connection must end here, with nothing more said."""
        while True:
            if self.buffer:
                self._fail(f"unexpected {self.buffer[:200]!r}")
            if not self._fill():
                return

    def rest(self):
        """Everything up to the end of the connection."""
        while self._fill():
            pass
        rest, self.buffer = self.buffer, b""
        if rest:
            self._note("S", rest)
        return rest

    def quiet(self):
        """Whether nothing has been said that was not read yet."""
        return not self.buffer and \
            not select.select([self.sock], [], [], 0.05)[0]

    def hello(self, name="client.example.net"):
        """Reads the greeting and says EHLO; returns the reply to EHLO."""
        self.expect("220 ")
        return self.expect("250 ", "EHLO " + name)

    def login(self, user, password):
        """AUTH PLAIN with an initial response."""
        return self.expect("235 2.7.0", "AUTH PLAIN " + plain(user, password))

    def pop_login(self, user, password):
        """Reads the greeting and logs in with USER and PASS."""
        self.pop("+OK")
        self.pop("+OK", "USER " + user)
        return self.pop("+OK", "PASS " + password)

    def start_tls(self, context, name="mail.example.org"):
        """Turns the connection into a TLS one."""
        if self.buffer:
            self._fail(f"plaintext before the handshake: {self.buffer!r}")
        self.sock = context.wrap_socket(self.sock, server_hostname=name)

    def submit(self, sender, recipients, data):
        """One transaction; data is in wire form without the final dot."""
        self.expect("250 ", f"MAIL FROM:<{sender}>")
        for recipient in recipients:
            self.expect("250 ", f"RCPT TO:<{recipient}>")
        self.expect("354 ", "DATA")
        if isinstance(data, str):
            data = data.encode()
        self.send(stuff(data) + b".\r\n")
        return self.expect("250 2.0.0")


def stuff(data):
    """Dot-stuffing of a message whose lines end in CRLF."""
    if data.startswith(b"."):
        data = b"." + data
    return data.replace(b"\r\n.", b"\r\n..")
