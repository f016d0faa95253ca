# SPDX-License-Identifier: ISC
"""A next hop that does what a script says, and remembers what it was sent.

    with FakeMx({"rcpt": {"no@x": "550 5.1.1 No such user"}}) as mx:
        ... relay to mx.port ...
        equal(mx.messages[0].rcpts, ["yes@x"])

The script has an action for any of these phases: greeting, ehlo (lhlo), helo,
starttls, auth, mail, rcpt, data, body, dot, bdat, rset, noop, vrfy, quit.
"body" happens when the first octets after DATA's 354 have come. What the
script does not name is answered as a good server does. An action is

    "550 5.1.1 No"      a reply; several lines are separated by LF and get
                        their hyphens
    b"..."              octets as they are: half lines, several replies, NUL
    DROP, RESET         the connection ends, in good order or not
    STALL               no answer, until the other side goes away
    ENDLESS             continuation lines without end
    LONG_LINE           one line without end
    (action, action)    one after the other; ("421 Bye", DROP)
    [action, action]    for the first, the second time; then as usual
    {address: action}   for rcpt, and for dot with LMTP
    None                as usual
    function(session, argument)     answers one of the above

A phase of one connection alone: {"1:mail": ...}, counted from 1. With lax=True
a message ends at whatever careless servers take for its end.
"""
import base64
import binascii
import re
import socket
import ssl
import struct
import threading
from collections import Counter
from dataclasses import dataclass, field

from .fakemx_auth import MECHANISMS
from .ports import free_port
from .wait import wait_for

DROP, RESET, STALL = "<drop>", "<reset>", "<stall>"
ENDLESS, LONG_LINE = "<endless>", "<long line>"
SPECIAL = (DROP, RESET, STALL, ENDLESS, LONG_LINE)
EXTENSIONS = ("PIPELINING", "SIZE 10485760", "8BITMIME", "SMTPUTF8", "DSN",
              "ENHANCEDSTATUSCODES", "CHUNKING")
FLOOD = 64 * 1024 * 1024
END = re.compile(rb"\r\n\.\r\n")
# What careless servers take for it.
LAX_END = re.compile(rb"[\r\n\0]\.(\r\n|[\r\n\0])")


class Over(Exception):
    """This connection is over."""


def first_words(action):
    """The first line that an action says, "" if it says none."""
    if isinstance(action, tuple):
        return next(filter(None, map(first_words, action)), "")
    if isinstance(action, bytes):
        return action.split(b"\r\n")[0].decode("latin-1")
    return "" if action in SPECIAL else action


@dataclass
class Message:
    """One message that was sent to its end, and how that was answered."""

    connection: int
    sender: str
    rcpts: list             # those that were accepted
    mail_params: str
    rcpt_params: dict       # by address
    tls: bool
    user: str               # who logged in, or ""
    name: str               # of EHLO
    verb: str               # DATA or BDAT
    body: bytes = b""       # without the doubled dots
    raw: bytes = b""        # as it came, with the final dot
    replies: list = field(default_factory=list)

    @property
    def accepted(self):
        """Whether the answer (with LMTP: one of them) was 2xx."""
        return any(r.startswith("2") for r in self.replies)

    @property
    def id(self):
        """What its Message-ID field says, or ""."""
        found = re.search(rb"^message-id:[ \t]*(\S+)", self.body,
                          re.I | re.M)
        return found.group(1).decode("ascii", "replace") if found else ""


class Lines:
    """Lines and octets from a socket, which may become a TLS one."""

    def __init__(self, sock, lax=False):
        self.sock, self.lax = sock, lax
        self.data = b""

    def fill(self):
        """Reads more."""
        try:
            more = self.sock.recv(65536)
        except (OSError, ValueError) as error:
            raise Over from error
        if not more:
            raise Over
        self.data += more

    def line(self):
        """One line with its end."""
        while b"\n" not in self.data:
            self.fill()
        line, _, self.data = self.data.partition(b"\n")
        return line + b"\n"

    def octets(self, count):
        """Exactly so many."""
        while len(self.data) < count:
            self.fill()
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def until_dot(self):
        """What comes after a 354, with the end."""
        taken = b"\r\n"     # the end of the command
        seen = 0
        while True:
            joined = taken + self.data
            found = (LAX_END if self.lax else END).search(
                joined, max(0, seen - 5))
            if found:
                self.data = joined[found.end():]
                return joined[2:found.end()]
            seen, taken, self.data = len(joined), joined, b""
            self.fill()


class Session:
    """One connection."""

    def __init__(self, mx, sock, number):
        self.mx, self.sock, self.number = mx, sock, number
        self.lines = Lines(sock, mx.lax)
        self.tls, self.name, self.user = False, "", ""
        self.ended = False
        self.bdat = b""
        self.reset()

    def reset(self):
        """As RSET does."""
        self.sender, self.rcpts = None, []
        self.mail_params, self.rcpt_params = "", {}
        self.bdat = b""

    # ---- saying things ----

    def send(self, data):
        """Octets as they are."""
        try:
            self.sock.sendall(data)
        except (OSError, ValueError) as error:
            raise Over from error

    def reply(self, text):
        """A reply; hyphens are put in."""
        self.mx.note(self.number, "S: " + text)
        lines = text.split("\n")
        code = lines[0][:3]
        out = [lines[0]] + [f"{code} {line}" for line in lines[1:]]
        out = [line[:3] + "-" + line[4:] for line in out[:-1]] + out[-1:]
        self.send("".join(line + "\r\n" for line in out).encode())

    def flood(self, chunk):
        """Much of it, until the other side has had enough."""
        for _ in range(FLOOD // len(chunk)):
            self.send(chunk)
        raise Over

    def act(self, action):
        """Does it; returns the first line that was said, "" if none."""
        if isinstance(action, tuple):
            for one in action:
                self.act(one)
            return first_words(action)
        if isinstance(action, bytes):
            self.mx.note(self.number, f"S: {action!r:.200}")
            self.send(action)
            return first_words(action)
        if action not in SPECIAL:
            self.reply(action)
            return action
        self.mx.note(self.number, "S: " + action)
        if action == STALL:
            while True:
                self.lines.fill()
        if action == ENDLESS:
            self.flood(b"250-and more\r\n" * 4096)
        if action == LONG_LINE:
            self.flood(b"250 " + b"x" * 65536)
        if action == RESET:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                 struct.pack("ii", 1, 0))
        raise Over

    def scripted(self, phase, argument="", address=None):
        """The action that the script has for this, or None."""
        with self.mx.lock:
            for key in (f"{self.number}:{phase}", phase):
                action = self.mx.script.get(key)
                if isinstance(action, list):
                    action = action.pop(0) if action else None
                if isinstance(action, dict):
                    action = action.get(address)
                    if isinstance(action, list):
                        action = action.pop(0) if action else None
                if action is not None:
                    break
        if callable(action):
            action = action(self, argument)
        return action

    def answer(self, phase, usual, argument="", address=None):
        """As scripted, else as usual; returns what was said."""
        action = self.scripted(phase, argument, address)
        return self.act(usual if action is None else action)

    # ---- the commands ----

    def secure(self):
        """The handshake."""
        try:
            self.sock = self.mx.context.wrap_socket(
                self.sock, server_side=True, suppress_ragged_eofs=True)
        except (OSError, ValueError) as error:
            self.mx.note(self.number, f"TLS failed: {error}")
            raise Over from error
        self.mx.replace(self.number, self.sock)
        self.lines = Lines(self.sock, self.mx.lax)
        self.tls, self.name, self.user = True, "", ""
        self.reset()

    def hello(self, argument, verb):
        """EHLO, LHLO, HELO"""
        self.name = argument
        self.reset()
        if verb == "HELO":
            self.answer("helo", "250 " + self.mx.name, argument)
            return
        lines = [self.mx.name, *self.mx.extensions]
        if self.mx.context and not self.tls and self.mx.starttls:
            lines.append("STARTTLS")
        if self.mx.mechanisms and (self.tls or not self.mx.auth_needs_tls):
            lines.append("AUTH " + " ".join(self.mx.mechanisms))
        self.answer("ehlo", "250 " + "\n".join(lines), argument)

    def start_tls(self):
        """STARTTLS"""
        said = self.answer("starttls", "220 2.0.0 Go ahead"
                           if self.mx.context else "502 5.5.1 No TLS here")
        if said.startswith("220"):
            self.secure()

    def auth(self, argument):
        """AUTH"""
        mechanism, _, initial = argument.partition(" ")
        mechanism = mechanism.upper()
        action = self.scripted("auth", argument)
        if action is not None:
            self.mx.logins.append((mechanism, "", False))
            self.act(action)
            return
        if mechanism not in self.mx.mechanisms or \
                mechanism not in MECHANISMS:
            self.act("504 5.5.4 No such mechanism")
            return
        first = None
        if initial:
            first = b"" if initial == "=" else base64.b64decode(initial)
        user, good = self.exchange(mechanism, first)
        self.mx.logins.append((mechanism, user, good))
        self.user = user if good else ""
        self.act("235 2.7.0 Welcome" if good else
                 "535 5.7.8 Authentication credentials invalid")

    def exchange(self, mechanism, first):
        """Challenges and answers."""
        steps = MECHANISMS[mechanism](self.mx.users, first)
        try:
            challenge = next(steps)
            while True:
                self.send(b"334 " + base64.b64encode(challenge) + b"\r\n")
                answer = self.lines.line().strip()
                if answer == b"*":
                    return "", False
                challenge = steps.send(base64.b64decode(answer, None, True))
        except StopIteration as end:
            return end.value
        except (ValueError, KeyError, binascii.Error):
            return "", False

    def path(self, argument, word):
        """(address, parameters) of MAIL and RCPT; the brackets must be."""
        found = re.fullmatch(word + r':<("(?:\\.|[^"\\])*"@[^>]*|[^>]*)>'
                             r"(?: (.*))?", argument, re.I)
        return (found.group(1), found.group(2) or "") if found \
            else (None, None)

    def mail(self, argument):
        """MAIL"""
        sender, params = self.path(argument, "FROM")
        if sender is None:
            self.act("501 5.5.4 Syntax")
            return
        if self.sender is not None:
            self.act("503 5.5.1 Nested MAIL")
            return
        said = self.answer("mail", "250 2.1.0 Ok", argument, sender)
        if said.startswith("2"):
            self.sender, self.mail_params = sender, params

    def rcpt(self, argument):
        """RCPT"""
        address, params = self.path(argument, "TO")
        if address is None:
            self.act("501 5.5.4 Syntax")
            return
        if self.sender is None:
            self.act("503 5.5.1 MAIL first")
            return
        said = self.answer("rcpt", "250 2.1.5 Ok", argument, address)
        if said.startswith("2"):
            self.rcpts.append(address)
            self.rcpt_params[address] = params

    def data(self):
        """DATA"""
        usual = "354 Go ahead" if self.rcpts else \
            "554 5.5.1 No valid recipients"
        said = self.answer("data", usual)
        if not said.startswith("354"):
            return
        if not self.lines.data:
            self.lines.fill()
        action = self.scripted("body")
        if action is not None:
            self.act(action)
        raw = self.lines.until_dot()
        body = raw[:-3]
        if not self.rcpts and raw == b".\r\n":
            self.act("554 5.5.1 No valid recipients")
            self.reset()
            return
        body = re.sub(rb"(\A|\r\n)\.", rb"\1", body)
        self.complete("DATA", body, raw)

    def bdat_chunk(self, argument):
        """BDAT"""
        found = re.fullmatch(r"(\d+)( LAST)?", argument, re.I)
        if not found:
            raise Over
        chunk = self.lines.octets(int(found.group(1)))
        action = self.scripted("bdat", argument)
        if action is not None:
            self.act(action)
            return
        if not self.rcpts:
            self.act("503 5.5.1 No valid recipients")
            return
        self.bdat += chunk
        if found.group(2):
            self.complete("BDAT", self.bdat, self.bdat)
        else:
            self.act("250 2.0.0 Chunk taken")

    def complete(self, verb, body, raw):
        """A message is there: remembers it, then answers."""
        message = Message(
            connection=self.number, sender=self.sender,
            rcpts=list(self.rcpts), mail_params=self.mail_params,
            rcpt_params=dict(self.rcpt_params), tls=self.tls,
            user=self.user, name=self.name, verb=verb, body=body, raw=raw)
        with self.mx.lock:
            self.mx.received.append(message)
        try:
            for address in (self.rcpts if self.mx.lmtp else [None]):
                # Noted first: who has read the reply may look at once.
                action = self.scripted("dot", "", address)
                action = "250 2.0.0 Taken" if action is None else action
                message.replies.append(first_words(action))
                self.act(action)
        finally:
            self.reset()

    def command(self, line):
        """One line."""
        text = line.decode("utf-8", "surrogateescape")
        self.mx.note(self.number, "C: " + text.rstrip("\r\n"))
        if not line.endswith(b"\r\n") or b"\0" in line:
            self.mx.complain(f"not a CR LF line: {line!r}")
        verb, _, argument = text.rstrip("\r\n").partition(" ")
        verb = verb.upper()
        if self.lines.data and verb != "BDAT" and \
                "PIPELINING" not in self.mx.extensions:
            self.mx.complain(f"pipelined after {text!r}")
        if verb in ("EHLO", "HELO", "LHLO"):
            if (verb == "LHLO") != self.mx.lmtp:
                self.act("500 5.5.1 Wrong protocol")
            else:
                self.hello(argument, verb)
        elif verb == "STARTTLS":
            self.start_tls()
        elif verb == "AUTH":
            self.auth(argument)
        elif verb == "MAIL":
            self.mail(argument)
        elif verb == "RCPT":
            self.rcpt(argument)
        elif verb == "DATA":
            self.data()
        elif verb == "BDAT":
            self.bdat_chunk(argument)
        elif verb == "RSET":
            self.reset()
            self.answer("rset", "250 2.0.0 Ok")
        elif verb == "QUIT":
            self.answer("quit", "221 2.0.0 Bye")
            raise Over
        else:
            self.answer(verb.lower(), "250 2.0.0 Ok" if verb == "NOOP"
                        else "502 5.5.1 Unknown")

    def run(self):
        """Until it is over."""
        try:
            if self.mx.wrapped:
                self.secure()
            self.answer("greeting", f"220 {self.mx.name} ESMTP fake")
            while True:
                self.command(self.lines.line())
        except Over:
            pass
        finally:
            try:
                self.sock.close()
            except OSError:
                pass


class FakeMx:
    """The server: listens at once, one thread for each connection."""

    def __init__(self, script=None, *, host="127.0.0.1", port=0, unix=None,
                 lmtp=False, pem=None, starttls=True, wrapped=False,
                 name="mx.fake.test", extensions=EXTENSIONS, users=None,
                 mechanisms=(), auth_needs_tls=False, lax=False):
        self.script = dict(script or {})
        self.lmtp, self.wrapped, self.name = lmtp, wrapped, name
        self.starttls, self.lax = starttls, lax
        self.extensions = tuple(extensions)
        self.users = dict(users or {})
        self.mechanisms = tuple(mechanisms)
        self.auth_needs_tls = auth_needs_tls
        self.context = None
        if pem:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(str(pem))
        self.lock = threading.RLock()
        self.received = []      # every Message that came to its end
        self.logins = []        # (mechanism, user, succeeded)
        self.transcript = []    # (connection, "C: ..." or "S: ...")
        self.complaints = []    # what no client may do
        self.connections = 0
        self._sockets = {}
        self._threads = []
        if unix:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.bind(str(unix))
            self.port, self.address = None, f"unix:{unix}"
        else:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self.socket = socket.socket(family)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.port = port or free_port()
            self.socket.bind((host, self.port))
            self.address = f"{host}:{self.port}"
        self.socket.listen(128)
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.socket.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                number = self.connections
                self._sockets[number] = sock
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=Session(self, sock, number).run,
                                      daemon=True)
            self._threads.append(thread)
            thread.start()

    def replace(self, number, sock):
        """A connection's socket has changed."""
        with self.lock:
            self._sockets[number] = sock

    def hang_up(self, number):
        """Ends a connection, whatever it is doing; waits until it is over."""
        with self.lock:
            self._sockets[number].shutdown(socket.SHUT_RDWR)
        self._threads[number - 1].join(30)

    def note(self, number, text):
        """Adds to the transcript."""
        with self.lock:
            self.transcript.append((number, text))

    def complain(self, text):
        """Notes down what no client may do."""
        with self.lock:
            self.complaints.append(text)

    @property
    def messages(self):
        """Those that were accepted."""
        with self.lock:
            return [m for m in self.received if m.accepted]

    def bodies_by_id(self):
        """How often each message was accepted, by its Message-ID."""
        return Counter(m.id for m in self.messages)

    def commands(self, connection=None):
        """The clients' lines."""
        with self.lock:
            return [t[3:] for n, t in self.transcript if t.startswith("C: ")
                    and connection in (None, n)]

    def wait(self, count=1, seconds=30.0):
        """Waits until that many messages were accepted; returns them."""
        wait_for(lambda: len(self.messages) >= count,
                 f"{count} messages at the fake next hop", seconds)
        return self.messages

    def notes(self):
        """The transcript, for reports of failures."""
        with self.lock:
            return "\n".join(f"{n} {t:.300}" for n, t in
                             self.transcript[-200:])

    def refuse(self):
        """From here on connections are refused."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def stop(self):
        """Ends it with all connections."""
        self.refuse()
        with self.lock:
            sockets = list(self._sockets.values())
        for sock in sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except (OSError, ValueError):
                pass
        for thread in [self._acceptor, *self._threads]:
            thread.join(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
