# SPDX-License-Identifier: ISC
"""The queue as people and programs see it, and what they do with it.

Whoever cannot see why mail waits cannot help it; whoever is shown an escape
sequence of a stranger's server is helped too much. And nothing that is done by
hand may lose a message or send one that was taken back.
"""
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import time
from pathlib import Path

from lib import queuefile
from lib.queuefile import make, recipient
from lib.scratch import AM_ROOT, Scratch
from lib.tap import Skip, Tap, check, equal

tap = Tap()
EX_USAGE, EX_DATAERR, EX_UNAVAILABLE, EX_TEMPFAIL, EX_NOPERM = \
    64, 65, 69, 75, 77
HOSTILE = "550 no \x1b[2J\x9b \u202e \"quoted\" back\\slash \u00fc \x07"


class Queue:
    """An instance whose queue is filled by hand."""

    def __init__(self):
        self.scratch = Scratch(tls=False, users=False)
        self.dir = self.scratch.dir / "queue"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.scratch.__exit__()

    def call(self, *args, status=0):
        """Runs smtpd and checks its exit status; what it wrote, both."""
        done = self.scratch.call("smtpd", *args)
        equal(done.returncode, status, f"exit status ({done.stderr})")
        return done.stdout + done.stderr

    def objects(self):
        """mailq -j by id."""
        said = self.call("-bp", "-j")
        parsed = [json.loads(line) for line in said.splitlines()]
        return {one["id"]: one for one in parsed}

    def reason(self, id, *lines):
        """Writes down the last replies."""
        folder = self.dir / "reason"
        folder.mkdir(mode=0o700, exist_ok=True)
        path = folder / id
        path.write_bytes(b"".join(
            b"%d %s\n" % (i, line if isinstance(line, bytes)
                          else line.encode())
            for i, line in enumerate(lines)))
        self.scratch.own()

    def clear(self):
        """Empties the queue."""
        for path in self.dir.rglob("*"):
            if path.is_file():
                path.unlink()


def test_empty(queue):
    """An empty queue is said to be empty, whoever asks"""
    equal(queue.call("-bp"), "Mail queue is empty\n")
    equal(queue.call("-bp", "-j"), "")
    check(not list(queue.dir.iterdir()), "looking has made folders")
    make(queue.dir, "active", recipients=["bob@example.net"])
    queue.clear()
    equal(queue.call("-bp"), "Mail queue is empty\n")
    link = queue.scratch.dir / "mailq"
    link.symlink_to(queue.scratch.program("smtpd"))
    done = subprocess.run(
        [link, "-c", queue.scratch.conf], capture_output=True, text=True,
        check=True, env=queue.scratch.environment(),
        **queue.scratch.as_user())
    equal(done.stdout, "Mail queue is empty\n", "under its own name")
    queue.scratch.conf.write_text("queue /nonexistent/queue\n")
    equal(queue.call("-bp"), "Mail queue is empty\n", "no folder at all")
    queue.scratch.configure(tls=False)
    queue.scratch.own()


def test_one_folder(queue):
    """A restored folder alone is a queue"""
    for folder in queue.dir.iterdir():
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    id = make(queue.dir, "deferred", recipients=["bob@example.net"])
    check(id in queue.call("-bp"), "not listed")
    queue.clear()


def test_table(queue):
    """The table says who waits, why, and until when"""
    now = int(time.time())
    long = " ".join(f"word{i}" for i in range(100))
    id = make(queue.dir, "deferred", sender="alice@example.org",
              arrival=now - 3 * 3600, body=b"x" * 12345, recipients=[
                  recipient("bob@example.net", attempts=3,
                            due=now + 700, last=now - 60),
                  recipient("carol@example.net", given="list@example.org",
                            attempts=1, due=now - 5),
                  recipient("dave@example.net", state="s"),
                  recipient("/usr/bin/vacation dave", kind="p",
                            given="dave@example.org", owner="dave")])
    queue.reason(id, "450 4.2.1 busy / 450 4.2.1 " + long)
    held = make(queue.dir, "hold", sender="", recipients=["eve@example.net"])
    fresh = make(queue.dir, "active", recipients=["fay@example.net"])
    said = queue.call("-bp")
    head, first = said.splitlines()[:2]
    equal(head.split(), ["Id", "Size", "Arrived", "Age", "Sender"])
    check(first.startswith(fresh), "the one to be sent now comes first")
    block = said[said.index(id):]
    check(re.match(rf"{id} +12345  \w+ +\d+ \d\d:\d\d +3 h  "
                   r"alice@example\.org\n", block), block[:90])
    for part in ("    bob@example.net\n        waits, tried 3 times, next try "
                 "in 12 min\n        450 4.2.1 busy\n        450 4.2.1 word0",
                 "    carol@example.net (for list@example.org)\n        "
                 "waits, tried 1 time, next try now\n",
                 "    dave@example.net\n        sent\n",
                 "    |/usr/bin/vacation dave (for dave@example.org)\n"):
        check(part in block, f"missing: {part}\nin:\n{block}")
    equal(re.findall(r"word\d+", block), long.split(), "the whole reply")
    check(max(map(len, said.splitlines())) <= 80, "lines are short")
    check(f"{held}!" in said and "waits, held" in said, "held")
    check("<>" in said, "no sender")
    equal(said.splitlines()[-1], "3 messages, 12393 octets")
    queue.clear()


def test_json(queue):
    """JSON has every key, and survives hostile words"""
    now = int(time.time())
    id = make(queue.dir, "deferred", sender="b\u00fcro@example.org",
              arrival=now, user="alice", client="127.0.0.1", body=b"x\r\n",
              recipients=[recipient("bob@example.net", attempts=9999,
                                    due=now + 100, last=now,
                                    given="bobby@example.net")])
    queue.reason(id, HOSTILE.encode("utf-8") + b" \xff\xc0\x80 end")
    one = queue.objects()[id]
    reply = one["recipients"][0].pop("reply")
    equal(one, {"id": id, "place": "deferred", "busy": False,
                "damaged": False, "size": 3, "arrival": now,
                "sender": "b\u00fcro@example.org", "user": "alice",
                "client": "127.0.0.1", "held": "", "recipients": [
                    {"address": "bob@example.net", "kind": "address",
                     "given": "bobby@example.net", "state": "waiting",
                     "attempts": 9999, "next": now + 100, "last": now}]})
    check('"quoted" back\\slash \u00fc' in reply, reply)
    check(reply.endswith("\ufffd\ufffd\ufffd end"), ascii(reply))
    raw = queue.call("-bp", "-j")
    check(not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", raw), "raw")
    queue.clear()


def test_hostile(queue):
    """A terminal gets no control characters"""
    try:
        primary, secondary = pty.openpty()
    except OSError as error:
        raise Skip(f"no terminal: {error}") from error
    body = b"Subject: \x1b[2J\r\n\r\n\xc2\x9b\xff\x07 fine\r\n"
    id = make(queue.dir, recipients=["bob@example.net"], body=body)
    queue.reason(id, HOSTILE)
    said = queue.call("-bp")
    check(not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", said), said)
    check("\u00fc" in said, "what is text stays")
    process = queue.scratch.popen(
        queue.scratch.command("smtpd", "--show", id), stdout=secondary)
    os.close(secondary)
    seen = b""
    while True:
        try:
            data = os.read(primary, 4096)
        except OSError:
            break
        if not data:
            break
        seen += data
    os.close(primary)
    equal(process.wait(), 0)
    text = seen.decode()
    check(not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202e]", text),
          ascii(text))
    check(" fine" in text and "reason: 0 550 no" in text, ascii(text))
    queue.clear()


def test_many(queue):
    """A thousand messages are listed, each once"""
    ids = {make(queue.dir, place, recipients=["bob@example.net"])
           for place in ("active", "deferred") for _ in range(500)}
    equal(set(queue.objects()), ids)
    said = queue.call("-bp")
    check(said.endswith("1000 messages, 24000 octets\n"), said[-80:])
    queue.clear()


def claim(path):
    """Locks a message as a runner does; the open file."""
    file = open(path, "r+b")
    lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)
    fcntl.fcntl(file, 37, lock)     # F_OFD_SETLK
    return file


def test_busy(queue):
    """What is being sent is marked, and is not touched"""
    id = make(queue.dir, recipients=["bob@example.net"])
    path = queue.dir / "active" / id
    with claim(path):
        check(f"{id}*" in queue.call("-bp"), "no mark")
        check(queue.objects()[id]["busy"], "no mark in JSON")
        for verb in ("--hold", "--release", "--remove", "--bounce"):
            said = queue.call(verb, id, status=EX_TEMPFAIL)
            check("is being sent right now, try again" in said, said)
        check("Hello" in queue.call("--show", id), "showing needs no claim")
        said = queue.call("--remove", "all", status=EX_TEMPFAIL)
    equal(queuefile.read(path).states(), ["waiting"])
    check(f"{id} " in queue.call("-bp"), "still marked")
    queue.clear()


def test_hold(queue):
    """A message is held, and released to be tried at once"""
    late = int(time.time()) + 3000
    id = make(queue.dir, "deferred", recipients=[
        recipient("bob@example.net", due=late, attempts=4),
        recipient("carol@example.net", state="s")])
    check("on hold" in queue.call("--hold", id))
    found = queuefile.find(queue.dir, id)
    equal((found.place, found.recipients[0]["due"]), ("hold", late))
    check("on hold" in queue.call("--hold", id), "again")
    check("smtpd -q" in queue.call("--release", id), "says how")
    found = queuefile.find(queue.dir, id)
    equal(found.place, "active")
    equal([(r["state"], r["attempts"], r["due"]) for r in found.recipients],
          [("waiting", 4, 0), ("sent", 0, 0)])
    queue.clear()


def test_remove(queue):
    """A message is removed with its reasons, and nothing else is"""
    ids = [make(queue.dir, place, recipients=["bob@example.net"])
           for place in ("active", "deferred", "hold")]
    queue.reason(ids[0], "450 no")
    queue.reason(ids[1], "450 no")
    equal(queue.call("--remove", ids[0]), f"{ids[0]}: removed\n")
    equal(queuefile.ids(queue.dir), sorted(ids[1:]))
    check(not (queue.dir / "reason" / ids[0]).exists(), "its reason")
    check((queue.dir / "reason" / ids[1]).exists(), "another's reason")
    queue.call("--remove", ids[1], ids[2])
    equal(queue.call("-bp"), "Mail queue is empty\n")
    queue.clear()


def test_all(queue):
    """All are meant by all, but what is damaged needs its name"""
    ids = sorted(make(queue.dir, place, recipients=["bob@example.net"])
                 for place in ("active", "deferred", "hold"))
    bad = queue.dir / "corrupt"
    bad.mkdir(exist_ok=True)
    (bad / "rubbish").write_text("rubbish")
    queue.scratch.own()
    queue.call("--hold", "all")
    equal(queuefile.ids(queue.dir, "hold"), ids)
    queue.call("--release", "all")
    equal(queuefile.ids(queue.dir, "active"), ids)
    queue.call("--remove", "all")
    equal(queuefile.ids(queue.dir), ["rubbish"])
    equal(queue.call("--remove", "all"), "no message\n")
    queue.clear()


def test_unknown(queue):
    """Unknown ids are said to be unknown, and the others done"""
    id = make(queue.dir, recipients=["bob@example.net"])
    said = queue.call("--hold", "AAAAAAAAAAAA", id, status=EX_DATAERR)
    check("AAAAAAAAAAAA: there is no such message in the queue" in said, said)
    equal(queuefile.find(queue.dir, id).place, "hold")
    for name in ("../hold/" + id, "..", ".", "", "x" * 300):
        queue.call("--remove", name, status=EX_DATAERR)
        queue.call("--show", name, status=EX_DATAERR)
    queue.call("--remove", status=EX_USAGE)
    equal(queuefile.ids(queue.dir), [id])
    queue.clear()


def test_show(queue):
    """A message is shown: head, reasons, and what it says"""
    body = b"Subject: x\r\n\r\n.dot\r\nbare \r cr\r\nend\xff\r\n"
    id = make(queue.dir, recipients=["bob@example.net"], body=body)
    queue.reason(id, "450 4.2.1 later")
    command = queue.scratch.command("smtpd", "--show", id)
    done = subprocess.run(command, capture_output=True, check=True,
                          **queue.scratch.as_user())
    head, _, text = done.stdout.partition(b"\n\n")
    check(head.startswith(b"restante-queue 1 "), head)
    check(b"\nto: a bob@example.net\n" in head, head)
    check(head.endswith(b"\nreason: 0 450 4.2.1 later"), head)
    equal(text, body.replace(b"\r\n", b"\n"))
    big = make(queue.dir, recipients=["bob@example.net"],
               body=b"\r\n" + b"0123456789abcde\r\n" * 10000)
    done = subprocess.run(
        queue.scratch.command("smtpd", "--show", big), check=True,
        capture_output=True, **queue.scratch.as_user())
    equal(done.stdout.partition(b"\n\n")[2],
          b"\n" + b"0123456789abcde\n" * 10000)
    queue.clear()


def test_corrupt(queue):
    """What is damaged is listed, shown, and removed by name"""
    bad = queue.dir / "corrupt"
    bad.mkdir(exist_ok=True)
    (bad / "AAAAAAAAAAAA").write_bytes(b"no head\r\n\x00\xff")
    (bad / "odd name\x1b").write_bytes(b"x")
    queue.scratch.own()
    said = queue.call("-bp")
    check("AAAAAAAAAAAA?" in said and "odd name?" in said, said)
    check(said.endswith("2 messages, 12 octets\n"), said)
    found = queue.objects()
    equal(found["AAAAAAAAAAAA"], {
        "id": "AAAAAAAAAAAA", "place": "corrupt", "busy": False,
        "damaged": True, "size": 11, "recipients": []})
    check("odd name\x1b" in found, "its name")
    done = subprocess.run(
        queue.scratch.command("smtpd", "--show", "AAAAAAAAAAAA"), check=True,
        capture_output=True, **queue.scratch.as_user())
    equal(done.stdout, b"no head\r\n\x00\xff", "as it is")
    for verb in ("--hold", "--release", "--bounce"):
        queue.call(verb, "AAAAAAAAAAAA", status=EX_DATAERR)
    queue.call("--remove", "AAAAAAAAAAAA", "odd name\x1b")
    equal(queue.call("-bp"), "Mail queue is empty\n")
    # Damaged where it waits: whoever claims it sets it aside first.
    path = queue.dir / "active" / "BBBBBBBBBBBB"
    path.write_text("rubbish")
    queue.scratch.own()
    said = queue.call("--hold", path.name, status=EX_DATAERR)
    check("can only be shown or removed" in said, said)
    equal(queuefile.ids(queue.dir), [path.name])
    # What was set aside by mistake goes on.
    id = make(queue.dir, "corrupt", recipients=["bob@example.net"])
    queue.call("--release", id)
    equal(queuefile.find(queue.dir, id).place, "active")
    queue.clear()


def test_later(queue):
    """What a later version has written is held for it, and not damaged"""
    id = make(queue.dir, "active", recipients=["bob@example.net"])
    path = queue.dir / "active" / id
    path.write_bytes(path.read_bytes().replace(
        b"restante-queue 1 ", b"restante-queue 2 ", 1))
    before = path.read_bytes()
    said = queue.call("-bp")
    check(f"{id}!" in said and "of a later version" in said
          and "damaged" not in said, said)
    equal(queue.objects()[id], {
        "id": id, "place": "active", "busy": False, "damaged": False,
        "later": True, "size": len(before), "recipients": []})
    said = queue.call("-q")
    check("later version" in said and f"smtpd --release {id}" in said, said)
    held = queue.dir / "hold" / id
    equal(held.read_bytes(), before, "the file on hold")
    check("of a later version" in queue.call("-bp"), "mailq")
    for verb in ("--hold", "--release", "--bounce"):
        said = queue.call(verb, id, status=EX_DATAERR)
        check("later version" in said, said)
    queue.call("--remove", "all", status=EX_DATAERR)
    equal(held.read_bytes(), before, "after --remove all")
    held.write_bytes(before.replace(b"queue 2 ", b"queue 1 ", 1))
    queue.call("--release", id)
    equal(queuefile.find(queue.dir, id).place, "active")
    path.write_bytes(before)
    queue.scratch.own()
    queue.call("--remove", id)
    equal(queue.call("-bp"), "Mail queue is empty\n")


def test_bounce(queue):
    """Giving up tells the sender, and nobody who did not want to be told"""
    id = make(queue.dir, "deferred", sender="alice@example.org",
              arrival=int(time.time()) - 7200, recipients=[
                  recipient("bob@example.net", attempts=3),
                  recipient("carol@example.net", state="s"),
                  recipient("dave@example.net", notify="never")])
    queue.reason(id, "450 4.2.1 busy", "250 ok", "450 dave")
    check("reported" in queue.call("--bounce", id))
    report, = queuefile.messages(queue.dir)
    equal(report.fields["sender"], "")
    equal([r["text"] for r in report.recipients], ["alice@example.org"])
    check(b"450 4.2.1 busy" in report.body, report.body)
    check(b"carol" not in report.body and b"dave" not in report.body,
          "others are in it")
    queue.clear()
    make(queue.dir, recipients=[recipient("x@example.net", notify="never")])
    queue.call("--bounce", "all")
    equal(queuefile.ids(queue.dir), [], "nobody is told")


def test_double_bounce(queue):
    """A report that fails goes to postmaster, and one of his is held"""
    id = make(queue.dir, sender="", recipients=["bob@example.net"])
    queue.call("--bounce", id)
    report, = queuefile.messages(queue.dir)
    equal([r["text"] for r in report.recipients],
          ["postmaster@mail.example.org"])
    said = queue.call("--bounce", report.id, status=EX_UNAVAILABLE)
    check("check where that alias leads" in said, said)
    held, = queuefile.messages(queue.dir)
    equal((held.place, held.states(), held.id),
          ("hold", ["waiting"], report.id))
    queue.clear()


def test_permission(queue):
    """Who may not see the queue is told how to"""
    if not AM_ROOT:
        raise Skip("not root: nobody to forbid it to")
    os.chown(queue.dir, 0, 0)
    queue.dir.chmod(0o700)
    try:
        said = queue.call("-bp", status=EX_NOPERM)
        check("only root may see the queue; type: sudo mailq" in said, said)
        queue.call("--remove", "all", status=EX_NOPERM)
    finally:
        queue.dir.chmod(0o755)
        queue.scratch.own()


def test_root(queue):
    """What root does leaves no file that the queue's owner cannot read"""
    if not AM_ROOT:
        raise Skip("not root")
    id = make(queue.dir, "active", recipients=["bob@example.net"])
    queue.scratch.own()
    done = subprocess.run(
        queue.scratch.command("smtpd", "--bounce", id), text=True,
        capture_output=True, check=False, env=queue.scratch.environment())
    equal(done.returncode, 0, done.stderr)
    owners = {p.stat().st_uid for p in Path(queue.dir).rglob("*")}
    equal(owners, {queue.scratch.user.pw_uid})
    queue.clear()


def test_full_disk(queue):
    """A listing that cannot be written is no success"""
    make(queue.dir, recipients=["bob@example.net"])
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            queue.scratch.command("smtpd", "-bp"), stdout=full, check=False,
            stderr=subprocess.DEVNULL, **queue.scratch.as_user())
    equal(done.returncode, 74)
    queue.clear()


if __name__ == "__main__":
    with Queue() as the_queue:
        tap.run(globals(), the_queue)
    tap.finish()
