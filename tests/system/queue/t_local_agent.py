# SPDX-License-Identifier: ISC
"""Local delivery from the queue: mailboxes, and what ~/.forward says.

As root, to accounts made for this test. Guards against mail lost by a bad
~/.forward, against following what others wrote, and against loops and
duplicates.
"""
import os
import shutil
import socket
import stat

from lib.local import BODY, CROWD, main
from lib.tap import Skip, Tap, check, equal

tap = Tap()


def test_mailbox(place):
    """A mailbox gets the message, and belongs to its user"""
    user = next(place.unused)
    kind, dsn, text = place.one(user)
    equal((kind, dsn), ("sent", "2.0.0"), text)
    st = (place.mail / user).stat()
    equal((st.st_uid, stat.S_IMODE(st.st_mode)),
          (place.uids[user], 0o600), "owner and mode")
    content = (place.mail / user).read_bytes()
    check(content.startswith(b"From carol@example.com "), content)
    check(content.endswith(b"Return-Path: <carol@example.com>\n" + BODY
                           + b"\n"), content)


def test_many(place):
    """Many recipients of one order, one of which does not exist"""
    outcomes = place.deliver(*CROWD, "nobody-here", *CROWD[:1])
    equal({o[0] for o in outcomes}, set(range(len(CROWD) + 2)), "numbers")
    equal(len(outcomes), len(CROWD) + 2, "outcomes")
    for number, kind, dsn, _ in outcomes:
        equal((kind, dsn), ("deferred", "4.3.0") if number == len(CROWD)
              else ("sent", "2.0.0"), f"outcome {number}")
    equal(place.messages(CROWD[0]), 2, "messages of who is named twice")


def test_full(place):
    """A disk that is full defers, and leaves the mailbox as it was"""
    if not shutil.which("prlimit"):
        raise Skip("no prlimit")
    user = next(place.unused)
    body = b"Subject: big\n\n" + (b"x" * 70 + b"\n") * 3000
    equal(place.one(user, body=body)[0], "sent", "the first")
    before = (place.mail / user).read_bytes()
    # Room for the message, but not behind another one.
    limit = ["prlimit", f"--fsize={len(body) * 3 // 2}", "--"]
    kind, dsn, text = place.one(user, body=body, prefix=limit)
    equal((kind, dsn), ("deferred", "4.2.2"), text)
    equal((place.mail / user).read_bytes(), before, "the mailbox")


def test_locked(place):
    """A mailbox that stays locked defers"""
    user = next(place.unused)
    equal(place.one(user)[0], "sent", "the first")
    lock = place.mail / f"{user}.lock"
    lock.write_text(f"{os.getpid()}\n")
    kind, dsn, text = place.one(user)
    equal((kind, dsn), ("deferred", "4.2.0"), text)
    check("locked" in text, text)
    equal(place.messages(user), 1, "messages")
    lock.unlink()


def test_closed_folder(place):
    """A folder that takes no dotlock defers, and the reason says so"""
    user = next(place.unused)
    equal(place.one(user)[0], "sent", "the first")
    mode = place.mail.stat().st_mode
    try:
        for closed in (0o555, 0o111, 0o444, 0):
            place.mail.chmod(closed)
            kind, _, text = place.one(user)
            equal(kind, "deferred", f"{closed:o}: {text}")
            check(text.endswith("Permission denied"), f"{closed:o}: {text}")
    finally:
        place.mail.chmod(mode)
    equal(place.messages(user), 1, "messages")


def plant(place, user, kind):
    """Makes what is no mailbox of the user's where that should be."""
    box, target = place.mail / user, place.dir / f"target-{user}"
    target.write_bytes(b"precious\n")
    if kind == "another's":
        box.write_bytes(b"")
        os.chown(box, place.uids["bob"], place.uids["bob"])
        box.chmod(0o666)
    elif kind == "root's":
        box.write_bytes(b"")
        box.chmod(0o4666)
    elif kind == "unwritable":
        box.write_bytes(b"")
        os.chown(box, place.uids[user], place.uids[user])
        box.chmod(0)
    elif kind == "a link":
        box.symlink_to(target)
    elif kind == "a second name":
        os.link(target, box)
    elif kind == "a FIFO":
        os.mkfifo(box)
    elif kind == "a device":
        os.mknod(box, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    elif kind == "a folder":
        box.mkdir()
    return box, target


def test_foreign_mailboxes(place):
    """What is no mailbox of the user's gets no mail, which is not lost"""
    for kind in ("another's", "root's", "unwritable", "a link",
                 "a second name", "a FIFO", "a device", "a folder"):
        user = next(place.unused)
        box, target = plant(place, user, kind)
        before = box.lstat()
        outcome, _, text = place.one(user)
        equal(outcome, "deferred", f"{kind}: {text}")
        after = box.lstat()
        equal((after.st_ino, after.st_uid, after.st_mode, after.st_size),
              (before.st_ino, before.st_uid, before.st_mode, before.st_size),
              kind)
        equal(target.read_bytes(), b"precious\n", kind)


def test_forward(place):
    """A .forward sends the message on, once however often it is tried"""
    user = next(place.unused)
    place.forward(user, "dave@example.net, \\" + user + "\n")
    outcomes = place.deliver(user, times=2)
    equal([o[1:3] for o in outcomes], [("expanded", "2.0.0")] * 2, "outcomes")
    equal(place.messages(user), 0, "messages in the mailbox")
    queued = place.queued()
    equal(len(queued), 1, "messages in the queue")
    (name, text), = queued.items()
    head, _, body = text.partition("\n\n")
    check(f"id: {name}" in head and "sender: carol@example.com" in head, head)
    check("\nto: a dave@example.net\n" in head, head)
    check(f"\nto: u {user}\n" in head and f"\nowner: {user}\n" in head, head)
    equal(body, f"Delivered-To: {user}@mail.example.org\r\n"
          "Subject: x\r\n\r\nbody\r\n", "the body")


def test_mailbox_at_once(place):
    """A user with an owner is the mailbox, whatever .forward says"""
    user = next(place.unused)
    place.forward(user, "dave@example.net\n")
    equal(place.one(("u", user, user))[0], "sent", "outcome")
    equal(place.messages(user), 1, "messages")


def test_loop(place):
    """A message that was forwarded by the same user before is a loop"""
    user = next(place.unused)
    place.forward(user, "dave@example.net\n")
    line = f"delivered-to: {user.upper()}@mail.example.org\n".encode()
    kind, dsn, text = place.one(user, body=line + BODY)
    equal((kind, dsn), ("failed", "5.4.6"), text)
    outcomes = place.deliver(user, body=BODY + line)
    equal(outcomes[0][1], "expanded", "the line in the body")
    equal(len(place.queued()), 1, "messages in the queue")


def test_nobody(place):
    """A .forward that names nobody else is the mailbox"""
    user = next(place.unused)
    texts = ("", "\n", "# nothing\n\n", f"\\{user}\n", f"{user}\n",
             f"{user}@example.org, \\{user}\n")
    for number, text in enumerate(texts, 1):
        place.forward(user, text)
        equal(place.one(user)[0], "sent", repr(text))
        equal(place.messages(user), number, "messages")


def test_owned(place):
    """What a .forward says of files and commands is done as its user"""
    user = next(place.unused)
    place.forward(user, f'"|/bin/echo \'a b\'", {place.dir}/archive\n')
    equal(place.one(user)[0], "expanded", "outcome")
    (text,) = place.queued().values()
    head = text.partition("\n\n")[0]
    check("\nto: p /bin/echo 'a b'\n" in head
          and f"\nto: f {place.dir}/archive\n" in head, head)
    equal(head.count(f"\nowner: {user}\n"), 2, "owners")


def test_include(place):
    """A .forward includes no other file, whose lines it could show"""
    user = next(place.unused)
    place.forward(user, ":include:/etc/shadow\n")
    equal(place.one(user)[0], "deferred", "outcome")


def linked(place, user):
    """A second name of a file of root's."""
    target = place.dir / "roots"
    target.write_text("dave@example.net\n")
    os.link(target, place.home(user) / ".forward")


def open_home(place, user):
    """A home that everybody can write to."""
    place.forward(user, "dave@example.net\n")
    place.home(user).chmod(0o777)


def foreign_home(place, user):
    """A home of another user's."""
    place.forward(user, "dave@example.net\n")
    os.chown(place.home(user), place.uids["bob"], place.uids["bob"])


def foreign(place, user):
    """A file of another user's."""
    path = place.forward(user, "dave@example.net\n")
    os.chown(path, place.uids["bob"], place.uids["bob"])


def in_socket(place, user):
    """A socket."""
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(place.home(user) / ".forward"))


BAD = {
    "a FIFO": lambda place, user: os.mkfifo(place.home(user) / ".forward"),
    "a socket": in_socket,
    "a folder": lambda place, user: (place.home(user) / ".forward").mkdir(),
    "a link to /dev/zero": lambda place, user:
        (place.home(user) / ".forward").symlink_to("/dev/zero"),
    "a device": lambda place, user:
        os.mknod(place.home(user) / ".forward", 0o666 | stat.S_IFCHR,
                 os.makedev(1, 5)),
    "a file of root's with two names": linked,
    "another user's": foreign,
    "mode 0666": lambda place, user:
        place.forward(user, "dave@example.net\n", 0o666),
    "mode 0664": lambda place, user:
        place.forward(user, "dave@example.net\n", 0o664),
    "mode 0000": lambda place, user:
        place.forward(user, "dave@example.net\n", 0),
    "a home of mode 0777": open_home,
    "a home of another user": foreign_home,
    "a NUL": lambda place, user:
        place.forward(user, b"dave@example.net\0\n"),
    "1 MiB": lambda place, user:
        place.forward(user, "dave@example.net\n" * 65536),
    "64 KiB and one": lambda place, user:
        place.forward(user, "#" * 65536 + "\n"),
}


def test_bad_forwards(place):
    """What is wrong with .forward does not lose mail"""
    for title, make in BAD.items():
        user = next(place.unused)
        with tap.case(f".forward is ignored: {title}", place.notes):
            make(place, user)
            before = place.log.stat().st_size
            equal(place.one(user)[0], "sent", "outcome")
            equal(place.messages(user), 1, "messages")
            logged = place.log.read_bytes()[before:].decode()
            check(f"{user}: .forward is ignored" in logged, logged)


def test_largest(place):
    """A .forward of 64 KiB is followed"""
    user = next(place.unused)
    text = "dave@example.net\n"
    place.forward(user, text + "#" * (65536 - len(text)))
    outcomes = place.deliver(user)
    equal(outcomes[0][1], "expanded", outcomes)
    equal(len(place.queued()), 1, "messages in the queue")


def test_malformed(place):
    """A .forward that cannot be understood defers"""
    user = next(place.unused)
    place.forward(user, "\"dave@example.net\n")
    kind, _, text = place.one(user)
    equal(kind, "deferred", text)


def test_address(place):
    """An address is not delivered here, and not lost"""
    equal(place.one(("a", "alice@example.org", ""))[0], "deferred", "outcome")


if __name__ == "__main__":
    main(tap, globals())
