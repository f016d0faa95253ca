# SPDX-License-Identifier: ISC
"""The end of data, in 64 forms, split at every octet, by every way in.

Servers that disagree about where a message ends can be made to forge mail for
each other: what is a message's text for the one is commands for the other
(CVE-2023-51764 to -51766). So whatever stands around a dot, and however the
network cuts it: exactly one message, or a refusal; and what we pass on holds
nothing that a server with lax ideas takes for an end.

RESTANTE_LONG=1 splits everywhere by every way; else everywhere around the dot
in the clear, and at one place, another for each form, by the other ways.
"""
import fcntl
import re
import socket
import struct
import subprocess
import termios

from lib import mbox
from lib.smuggling import FORMS, SECOND, TRUE_END, bare
from lib.fakemx import EXTENSIONS, FakeMx
from lib.player import PASSWORDS
from lib.scratch import LONG, Scratch, client_context
from lib.talk import Closed, Talker
from lib.tap import Tap, check, equal
from lib.wait import wait_for

PATIENCE = 16       # errors; a server ends the connection at 20
HEAD = b"Subject: %d\r\n\r\ntext"


def unread(descriptor, request):
    """What the other end has not taken yet."""
    answer = fcntl.ioctl(descriptor, request, struct.pack("i", 0))
    return struct.unpack("i", answer)[0]


def say(talker, data):
    """Sends it, and waits until the other end has read it."""
    try:
        talker.send(data)
    except Closed:
        return          # refused before we had said it all
    if isinstance(talker.sock, socket.socket) and \
            talker.sock.family == socket.AF_UNIX:
        wait_for(lambda: unread(talker.sock, termios.TIOCOUTQ) == 0,
                 "it to be read", pause=0)


class Client:
    """One way in; a connection serves until it is ended."""

    def __init__(self, scratch, role, ports=None):
        self.scratch, self.role, self.ports = scratch, role, ports
        self.talker, self.process, self.errors = None, None, 0

    def open(self):
        """A session that takes mail for bob."""
        if self.errors >= PATIENCE:
            self.close()
        if self.talker is not None:
            return self.talker
        if self.ports:
            self.talker = self.scratch.connect(self.ports[self.role],
                                               client_context())
        else:
            self.talker, self.process = self.scratch.session(
                "smtpd", "--role", self.role)
        self.talker.hello()
        if self.role == "submission":
            self.talker.login("alice", PASSWORDS["alice"])
        return self.talker

    def close(self):
        """The connection is over."""
        if self.talker is not None:
            self.talker.close()
        if self.process is not None:
            self.process.wait(60)       # thousands of dead ones fill a machine
            self.scratch.running.remove(self.process)
        self.talker, self.process, self.errors = None, None, 0

    def envelope(self, last=""):
        """What comes ahead of a message."""
        talker = self.open()
        talker.send("MAIL FROM:<alice@example.org>\r\n"
                    f"RCPT TO:<bob@example.org>\r\n{last}")
        talker.expect("250 ")
        talker.expect("250 ")
        if last:
            talker.expect("354 ")
        return talker

    def conclude(self, edge=b""):
        """The session must be over, or at the next command."""
        reply = self.talker.reply()
        self.errors += reply.last.startswith("5") or b"\0" in edge
        if reply.last.startswith("550 5.5.2"):
            self.talker.closed()
            self.close()
        elif edge.startswith(TRUE_END) and edge != TRUE_END:
            self.talker.expect("500 5.5.2", "NOOP")     # after a NUL
        else:
            self.talker.expect("250 2.0.0 OK", "NOOP")
        return reply.last

    def data(self, text, edge, cut):
        """By DATA; the last reply."""
        if not edge.startswith(TRUE_END):
            text += SECOND
        talker = self.envelope("DATA\r\n")
        say(talker, text[:cut])
        say(talker, text[cut:])
        return self.conclude(edge)

    def bdat(self, text, _, cut):
        """By BDAT, cut into two chunks; the last reply."""
        text += SECOND
        talker = self.envelope()
        say(talker, b"BDAT %d\r\n" % cut + text[:cut])
        say(talker, b"BDAT %d LAST\r\n" % (len(text) - cut) + text[cut:])
        first = talker.reply()
        self.errors += first.last.startswith("5")
        if first.last.startswith("550 5.5.2"):
            talker.closed()
            self.close()
            return first.last
        return self.conclude()


def subjects(scratch):
    """The messages by their subjects; the mailbox is emptied."""
    found = {}
    for message in mbox.read(scratch.mailbox("bob")):
        subject = re.search(rb"^Subject: ([^\r]*)", message.sent, re.M)
        name = subject.group(1) if subject else message.sent
        check(name not in found, f"{name!r} came twice")
        found[name] = message.sent
    scratch.mailbox("bob").unlink(missing_ok=True)
    return found


def cuts(edge, length, number, everywhere):
    """Where to split."""
    head = len(HEAD % 1000)
    if LONG:
        return range(1, length)
    near = range(head - 1, head + len(edge) + 2)
    return near if everywhere else [near[number % len(near)]]


def judge(role, chunks, edge, reply, text):
    """Whether it was rightly taken or refused; text is None if it is not
    there."""
    ends = edge.startswith(TRUE_END) and not chunks
    fine = ends or b"\0" not in edge and (role != "mx" or not bare(edge))
    what = f"{edge!r}: {reply!r}"
    check(reply.startswith("250 2.0.0 Delivered" if fine else "550 5."), what)
    check((text is not None) == fine, f"{what}, but {text!r}")
    if fine:
        check(ends or text.count(b"smuggled") == 2, f"cut: {text!r}")
        check(not bare(text), f"bare CR or LF: {text!r}")


def walk(scratch, client, chunks, everywhere):
    """All forms by one way; how many attempts that were."""
    count = 0
    for number, (name, edge) in enumerate(FORMS.items()):
        replies = {}
        size = len(HEAD % 1000) + len(edge)
        size += len(SECOND) if chunks or not edge.startswith(TRUE_END) else 0
        for cut in cuts(edge, size, number, everywhere):
            count += 1
            text = HEAD % (1000 + count) + edge
            replies[b"%d" % (1000 + count)] = \
                (client.bdat if chunks else client.data)(text, edge, cut)
        found = subjects(scratch)
        for subject, reply in replies.items():
            judge(client.role, chunks, edge, reply, found.pop(subject, None))
        equal(found, {}, f"messages that nobody sent, by {name}")
    client.close()
    return count


def pipe(scratch, options, text, cut):
    """The sendmail command, its input cut in two; the exit status."""
    process = scratch.popen(
        scratch.command("smtpd", "-f", "alice@example.org", *options),
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL)
    try:
        process.stdin.write(text[:cut])
        process.stdin.flush()
        wait_for(lambda: process.poll() is not None or unread(
            process.stdin, termios.FIONREAD) == 0, "it to be read", pause=0)
        process.stdin.write(text[cut:])
        process.stdin.close()
    except BrokenPipeError:
        pass            # it ended at a dot, and had no need of the rest
    return process.wait(60)


def command(scratch, options):
    """All forms through the command."""
    for number, (name, edge) in enumerate(FORMS.items()):
        text = b"Subject: x\n\ntext" + edge + SECOND
        for cut in cuts(edge, len(text), number, False):
            status = pipe(scratch, options, text, cut)
            found = subjects(scratch)
            fine = b"\0" not in edge or \
                status == 0         # after a dot alone it was not read
            equal(list(found), [b"x"] if fine else [], f"{name}, {status}")
            equal(status == 0, fine, f"{name}: exit status {status}")
            for message in found.values():
                check(not bare(message), repr(message))


def test_clear(scratch):
    """DATA in the clear, mx and submission"""
    for role in ("mx", "submission"):
        walk(scratch, Client(scratch, role), False, True)


def test_tls(scratch):
    """DATA and BDAT over TLS"""
    server = scratch.serve("smtpd", "127.0.0.1:0/tls=mx",
                           "127.0.0.1:0/tls=submission")
    ports = dict(zip(("mx", "submission"), server.ports))
    for role in ports:
        walk(scratch, Client(scratch, role, ports), False, False)
        walk(scratch, Client(scratch, role, ports), True, False)
    server.stop()


def test_bdat(scratch):
    """BDAT"""
    for role in ("mx", "submission"):
        walk(scratch, Client(scratch, role), True, True)


def test_command(scratch):
    """The command, where a dot ends the message and where it does not"""
    command(scratch, ("bob@example.org",))
    command(scratch, ("-i", "bob@example.org"))


def test_session(scratch):
    """-bs, on pipes"""
    for number, (name, edge) in enumerate(FORMS.items()):
        text = b"Subject: x\r\n\r\ntext" + edge + SECOND
        for cut in cuts(edge, len(text), number, False):
            ahead = (b"EHLO x\r\nMAIL FROM:<alice@example.org>\r\n"
                       b"RCPT TO:<bob@example.org>\r\nDATA\r\n")
            equal(pipe(scratch, ("-bs",), ahead + text + b"QUIT\r\n",
                       len(ahead) + cut), 0, "exit status")
            found = subjects(scratch)
            equal(sorted(found), [b"smuggled", b"x"] if edge == TRUE_END
                  else [b"x"] if edge.startswith(TRUE_END)
                  or b"\0" not in edge else [], f"{name}")


def hand_over(client, number, edge):
    """Sends a form to be relayed, by DATA and by BDAT; whether it was taken,
    each time."""
    text = HEAD % number + edge + SECOND
    taken = []
    for chunks in (False, True):
        talker = client.open()
        talker.expect("250 ", "MAIL FROM:<alice@example.org>")
        talker.expect("250 ", "RCPT TO:<x@elsewhere.example>")
        if chunks:
            say(talker, b"BDAT %d LAST\r\n" % len(text) + text)
        else:
            talker.expect("354 ", "DATA")
            say(talker, text)
        taken.append(client.conclude().startswith("250 "))
    return taken


def relay(extensions):
    """All forms through us to a server that ends messages laxly."""
    with FakeMx(extensions=extensions, lax=True) as mx, \
            Scratch(f"relay smtp://127.0.0.1:{mx.port}?tls=never") as scratch:
        client = Client(scratch, "submission")
        sent = 0
        for number, edge in enumerate(FORMS.values()):
            if not edge.startswith(TRUE_END):
                sent += sum(hand_over(client, number, edge))
        client.close()
        for edge in filter(lambda e: b"\0" not in e, FORMS.values()):
            text = b"Subject: x\n\ntext" + edge + SECOND
            done = subprocess.run(
                scratch.command("smtpd", "-i", "-f", "alice@example.org",
                                "x@elsewhere.example"), input=text,
                env=scratch.environment(), check=False, cwd="/",
                **scratch.as_user())
            equal(done.returncode, 0, f"the command's status, {edge!r}")
            sent += 1
        scratch.run_queue()
        check(sent > len(FORMS), f"only {sent} were taken")
        equal(len(mx.messages), sent, "messages")
        equal({m.sender for m in mx.messages}, {"alice@example.org"})
        equal(mx.complaints, [], "complaints")
        for message in mx.messages:
            check(not bare(message.raw), repr(message.raw))
            equal(message.body.count(b"smuggled"), 2, repr(message.body))


def test_relay_data(_):
    """What is relayed by DATA has one end, for lax servers, too"""
    relay([e for e in EXTENSIONS if e != "CHUNKING"])


def test_relay_bdat(_):
    """What is relayed by BDAT likewise"""
    relay(EXTENSIONS)


def test_control(_):
    """The lax server would have noticed"""
    for edge in (b"\n.\n", b"\n.\r\n", b"\r\n.\r", b"\r.\r", b"\r\n.\n"):
        with FakeMx(lax=True) as mx:
            talker = Talker(socket.create_connection(("127.0.0.1", mx.port)))
            with talker:
                talker.hello()
                talker.expect("250 ", "MAIL FROM:<alice@example.org>")
                talker.expect("250 ", "RCPT TO:<bob@example.org>")
                talker.expect("354 ", "DATA")
                talker.send(HEAD % 1 + edge + SECOND + b"QUIT\r\n")
                talker.rest()
            equal([m.sender for m in mx.messages],
                  ["alice@example.org", "evil@example.com"], repr(edge))


def main():
    """All of it."""
    tap = Tap()
    with Scratch() as scratch:
        tap.run(globals(), scratch)
    tap.finish()


if __name__ == "__main__":
    main()
