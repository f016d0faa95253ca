# SPDX-License-Identifier: ISC
"""Queue files written and read by hand, as restante-queue(5) has them.

They are made without any code of the programs, so that a test that uses them
also guards the format.
"""
import os
import random
import string
import time
from pathlib import Path

PLACES = ("active", "deferred", "hold", "corrupt")
LINE = 32
STATES = {"w": "waiting", "s": "sent", "x": "expanded", "f": "failed",
          "r": "removed"}
# The order of the lines that need not be there.
OF_MESSAGE = ("user", "client", "envid", "ret", "body", "utf8", "tls",
              "marked", "held", "hold", "by", "priority")
OF_RECIPIENT = ("given", "owner", "orcpt", "notify")


def new_id():
    """A name for a message."""
    return "".join(random.choices(string.ascii_uppercase + string.digits,
                                  k=12))


def line32(text):
    """Text as one of the lines of fixed length."""
    if len(text) > LINE - 1:
        raise ValueError(f"{text!r} is too long")
    return text.ljust(LINE - 1) + "\n"


def slot(state="w", notice=False, attempts=0, due=0, last=0):
    """The line of a recipient's state."""
    return line32(f"{state}{'d' if notice else '-'} {attempts:04d} "
                  f"{int(due):010d} {int(last):010d} ")


def lines_of(fields, order):
    """Lines of a head, in their order; what has none comes last, as is."""
    known = [key for key in order if key in fields]
    return [f"{key}: {fields[key]}\n" for key in
            [*known, *(key for key in fields if key not in order)]]


def recipient(text, kind="a", **fields):
    """A recipient: its address (or user, path, command) and what belongs to
    it: given, owner, orcpt, notify; state, notice, attempts, due, last."""
    return dict(fields, text=text, kind=kind)


def make(queue, place="active", id=None, sender="sender@example.org",
         recipients=(), body=b"Subject: test\r\n\r\nHello\r\n", arrival=None,
         **fields):
    """Writes a message into a folder of the queue and returns its id.

    recipients are addresses or what recipient() returns. fields are more lines
    of the head: user, client, envid, ret ("full", "hdrs"), utf8 ("yes"), and
    eight_bit for the line "body: 8bit". The file appears
    whole, and belongs to the owner of the queue; in deferred/ its time is the
    earliest one of its waiting recipients.
    """
    queue = Path(queue)
    id = id or new_id()
    if fields.pop("eight_bit", False):
        fields["body"] = "8bit"
    people = [recipient(r) if isinstance(r, str) else dict(r)
              for r in recipients]
    slots, lines, dues = [], [], []
    for person in people:
        state = {key: person.pop(key) for key in
                 ("state", "notice", "attempts", "due", "last")
                 if key in person}
        slots.append(slot(**state))
        if state.get("state", "w") == "w":
            dues.append(state.get("due", 0))
        lines.append(f"to: {person.pop('kind')} {person.pop('text')}\n")
        lines += lines_of(person, OF_RECIPIENT)
    arrival = int(time.time() if arrival is None else arrival)
    head = [line32(f"restante-queue 1  {len(people):06d}"), *slots,
            f"id: {id}\n", f"arrival: {arrival}\n", f"sender: {sender}\n",
            *lines_of(fields, OF_MESSAGE), *lines,
            f"size: {len(body):012d}\n", "\n"]
    folder = queue / place
    owner = queue.stat()
    if not folder.exists():
        folder.mkdir(mode=0o700)
        os.chown(folder, owner.st_uid, owner.st_gid)
    temporary = queue / f".tmp.{id}"
    temporary.write_bytes("".join(head).encode() + body)
    temporary.chmod(0o600)
    os.chown(temporary, owner.st_uid, owner.st_gid)
    if place == "deferred":
        os.utime(temporary, (min(dues, default=0),) * 2)
    temporary.rename(folder / id)
    return id


class QueueFile:
    """A message of the queue, as its file says it."""

    def __init__(self, path):
        self.path = Path(path)
        self.place = self.path.parent.name
        self.due = self.path.stat().st_mtime
        data = self.path.read_bytes()
        head, _, self.body = data.partition(b"\n\n")
        first = head[:LINE].decode()
        if not first.startswith("restante-queue 1 ") or first[-1] != "\n":
            raise ValueError(f"{path}: first line {first!r}")
        count = int(first.split()[2])
        self.fields, self.recipients = {}, []
        states = [self._slot(head[LINE * (i + 1):LINE * (i + 2)].decode())
                  for i in range(count)]
        for text in head[LINE * (count + 1):].decode().splitlines():
            key, _, value = text.partition(":")
            value = value.strip()
            if key == "to":
                kind, _, name = value.partition(" ")
                self.recipients.append(dict(
                    states[len(self.recipients)], kind=kind, text=name))
            elif key in ("given", "owner", "orcpt", "notify"):
                self.recipients[-1][key] = value
            else:
                self.fields[key] = value
        if len(self.recipients) != count:
            raise ValueError(f"{path}: {len(self.recipients)} recipients, "
                             f"{count} slots")
        self.id = self.fields["id"]

    @staticmethod
    def _slot(line):
        if len(line) != LINE or line[-1] != "\n":
            raise ValueError(f"slot {line!r}")
        flags, attempts, due, last = line.split()
        return {"state": STATES[flags[0]], "notice": flags[1] == "d",
                "attempts": int(attempts), "due": int(due),
                "last": int(last)}

    def states(self):
        """The states of its recipients, as letters' names."""
        return [r["state"] for r in self.recipients]


def read(path):
    """The message in the file at path."""
    return QueueFile(path)


def find(queue, id):
    """The message with that id wherever it lies, or None."""
    for place in PLACES:
        path = Path(queue, place, id)
        try:
            return QueueFile(path)
        except FileNotFoundError:
            continue
    return None


def ids(queue, *places):
    """The ids in these folders (all of them), sorted."""
    return sorted(p.name for place in places or PLACES
                  for p in Path(queue, place).glob("*")
                  if not p.name.startswith("."))


def messages(queue, *places):
    """The messages in these folders; those that go meanwhile are left out."""
    found = []
    for place in places or PLACES:
        for path in sorted(Path(queue, place).glob("[!.]*")):
            try:
                found.append(QueueFile(path))
            except FileNotFoundError:
                continue
    return found


def reason(queue, id):
    """The last replies by recipient number, as reason/ has them."""
    try:
        text = Path(queue, "reason", id).read_text()
    except FileNotFoundError:
        return {}
    return {int(n): why for n, _, why in
            (line.partition(" ") for line in text.splitlines())}
