# SPDX-License-Identifier: ISC
"""A server that asks filters, with a Recorder before each."""
import json

from . import dkimpeers, filters, mbox
from .milter_client import Recorder, apply
from .site import Site
from .talk import stuff
from .tap import check, equal


HEAD = filters.HEADER + b"X-A: one\r\nX-Other:x\r\nX-A:two\r\nx-a:  three\r\n"
PLAIN = HEAD + b"\r\nhello\r\n.dot\r\nFrom me\r\n\r\n"
OURS = PLAIN.replace(b"example.com>", b"example.org>")
GTUBE, EICAR = filters.gtube(HEAD), filters.eicar(HEAD)
AGAIN = b"X-Again: yes\r\n" + PLAIN


def verified(signer, message, selector="test"):
    """dkimpy finds that the signature of a filter is valid."""
    dkim = dkimpeers.dkimpy()
    key = filters.public_key(signer.dir / "key.pem")
    name = f"{selector}._domainkey.example.org"
    check(dkim.verify(message, dnsfunc=dkimpeers.asks(
        {name: f"v=DKIM1; k=rsa; p={key}"})), message)


def asking(message, *todo):
    """The message, which asks every_action.py for all that."""
    return b"".join(b"X-Do: " + json.dumps(what).encode() + b"\r\n"
                    for what in todo) + message


class Filtered(Site):
    """A server that asks filters, which start later; each is recorded."""

    def __init__(self, filters=1, config=""):
        super().__init__(1, "mail.example.org", "example.org", "".join(
            f"filter unix:%DIR/recorder{n}\n" for n in range(filters))
            + "auth off\n" + config, tls=False)
        self.recorders = []

    def record(self, a_filter, number=0):
        """Puts a Recorder before a filter, which is that of the
        configuration; returns it."""
        self.recorders.append(Recorder(
            self.dir / f"recorder{number}", a_filter.address))
        return self.recorders[-1]

    def __exit__(self, *_):
        for recorder in self.recorders:
            recorder.__exit__()
        super().__exit__()

    def say(self, message, sender="someone@example.com",
            to=("alice@example.org",), helo="client.example.com", login=None):
        """Sends a message; the last line of the reply to its end."""
        with self.talk(self.submission if login else self.smtp) as talker:
            talker.hello(helo)
            if login:
                talker.login(*login)
            talker.expect("250 ", f"MAIL FROM:<{sender}>")
            for recipient in to:
                talker.expect("250 ", f"RCPT TO:<{recipient}>")
            talker.expect("354 ", "DATA")
            talker.send(stuff(message) + b".\r\n")
            return talker.reply().last

    def box(self, user="alice"):
        """The messages of a mailbox, which is then empty."""
        found = mbox.read(self.mailbox(user))
        self.mailbox(user).unlink(missing_ok=True)
        return found

    def refuses(self, message, reply, **settings):
        """The client gets that reply, and nobody the message."""
        said = self.say(message, **settings)
        check(said.startswith(reply), f"{said!r} is not {reply!r}")
        equal(self.box() + self.box("bob"), [], "what is delivered")
        equal(self.queued(), 0, "messages in the queue")

    def delivers(self, message, recorder, user="alice", mark=b"", **settings):
        """The filter sees what was sent, and its edits are delivered to the
        octet; mark: the field by which we mark what it calls spam otherwise.
        Returns the message as it is delivered, and the Edited one."""
        said = self.say(message, **settings)
        check(said.startswith("250 "), said)
        talk = recorder.last()
        equal(talk.message, talk.as_seen(message), "what the filter has seen")
        edited = apply(message, talk.verdict)
        box = self.box(user)
        equal(len(box), 1, "messages")
        equal(box[0].sent, mark + edited.message, "what is delivered")
        return box[0], edited
