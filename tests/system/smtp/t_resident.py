# SPDX-License-Identifier: ISC
"""Workers that stay for the next messages to a mailbox: who gets one, what
ends it, and that nobody can use one for anything else."""
import os
import re
import shutil
import signal
import tempfile
from pathlib import Path

from lib import hostile, mbox, proc
from lib.scratch import ALICE, BOB, Instance
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
OFF = "auth off\n"      # so that nothing else is forked for a message


def message(number):
    """A message with that number in its subject."""
    return (f"From: a@example.com\r\nSubject: {number}\r\n\r\n"
            f"text {number}\r\n").encode()


def send(server, number, *to, login=None, sender="a@example.com"):
    """One session with one message."""
    port = server.submission if login else server.smtp
    with server.connect(port) as talker:
        talker.hello()
        if login:
            talker.login(*login)
        talker.expect("250 ", f"MAIL FROM:<{login[0]}@example.org>"
                      if login else f"MAIL FROM:<{sender}>")
        for address in to or ("bob@example.org",):
            talker.expect("250 ", f"RCPT TO:<{address}>")
        talker.expect("354 ", "DATA")
        talker.send(message(number) + b".\r\n")
        reply = talker.reply()
        talker.expect("221 ", "QUIT")
    return reply.code


def workers(server):
    """The processes that delivered, in turn, as the log tells."""
    return re.findall(r"postfix/local\[(\d+)\]", server.smtpd.text())


def subjects(server, user="bob"):
    """What lies in a mailbox, in order."""
    if not server.mailbox(user).exists():
        return []
    return [int(re.search(rb"^Subject: (\d+)", m.wire, re.M)[1])
            for m in mbox.read(server.mailbox(user))]


def resident(server, user="bob"):
    """Makes one stay for a user; its pid. Messages 0 and 1 are there then."""
    for number in range(2):
        equal(send(server, number, f"{user}@example.org"), 250, "reply")
    return int(workers(server)[-1])


def test_stays():
    """The second message in a second makes a worker stay for the next ones"""
    with Instance(OFF) as server:
        for number in range(24):
            equal(send(server, number), 250, "reply")
        equal(subjects(server), list(range(24)), "messages")
        found = workers(server)
        check(len(set(found)) < 12, f"as many workers as {len(set(found))}")
        most = max(found.count(pid) for pid in set(found))
        check(most <= 16, f"one has done {most} jobs")


def test_ends_when_idle():
    """After a second without a message it ends"""
    with Instance(OFF) as server:
        pid = resident(server)
        check(pid in proc.children(server.smtpd.pid), "it has not stayed")
        wait_for(lambda: pid not in proc.children(server.smtpd.pid), "its end")
        equal(send(server, 2), 250, "reply")
        check(int(workers(server)[-1]) != pid, "the same one")


def test_ends_with_the_server():
    """A server that is told to stop leaves none behind"""
    with Instance(OFF) as server:
        pid = resident(server)
        equal(server.smtpd.stop(), 0, "exit status")
        check(not proc.status(pid), "it is still there")


def test_rare_mail():
    """One message alone, or one for each of several users, makes none stay"""
    with Instance(OFF) as server:
        equal(send(server, 0, "bob@example.org"), 250, "reply")
        equal(send(server, 1, "alice@example.org"), 250, "reply")
        wait_for(lambda: not proc.children(server.smtpd.pid), "no process")


def cases_not_for_it():
    """What needs another worker gets one, beside a resident."""
    def case(name, act, expected):
        with tap.case(name), Instance(OFF) as server:
            pid = str(resident(server))
            act(server)
            equal(workers(server)[-1] == pid, expected, "the resident did it")

    case("control: it gets the next message to the same address",
         lambda s: equal(send(s, 2), 250, "reply"), True)
    case("a message to two users",
         lambda s: equal(send(s, 2, "bob@example.org", "alice@example.org"),
                         250, "reply"), False)
    case("one to another user",
         lambda s: equal(send(s, 2, "alice@example.org"), 250, "reply"), False)
    case("one of a user, whose mail is counted",
         lambda s: equal(send(s, 2, login=ALICE), 250, "reply"), False)

    def long(server):
        with server.connect(server.smtp) as talker:
            talker.hello()
            talker.submit("a@example.com", ["bob@example.org"],
                          b"Subject: 2\r\n\r\n" + 400 * (b"x" * 60 + b"\r\n"))
    case("a long one", long, False)


def test_aliases_change():
    """New aliases count from the next message on"""
    with Instance(OFF) as server:
        aliases = server.dir / "aliases"
        aliases.write_text("info: bob\n")
        server.own()
        pid = resident(server, "info")
        aliases.with_suffix(".new").write_text("info: alice\n")
        aliases.with_suffix(".new").rename(aliases)
        server.own()
        equal(send(server, 2, "info@example.org"), 250, "reply")
        equal(subjects(server, "alice"), [2], "messages to alice")
        equal(subjects(server, "bob"), [0, 1], "messages to bob")
        check(int(workers(server)[-1]) != pid, "the resident did it")


def test_mailbox_replaced():
    """A mailbox that another program has replaced or removed gets the next
    message at once, and by another worker"""
    with Instance(OFF) as server:
        box = server.mailbox("bob")
        resident(server)
        box.with_suffix(".new").write_bytes(box.read_bytes())
        box.with_suffix(".new").rename(box)
        server.own()
        box.chmod(0o600)
        equal(send(server, 2), 250, "reply")
        equal(subjects(server), [0, 1, 2], "messages")
        box.unlink()
        equal(send(server, 3), 250, "reply")
        equal(subjects(server), [3], "messages")
        equal(server.queue_files(), [], "queued")


def test_quota():
    """A mailbox that becomes full meanwhile takes no more"""
    with Instance(OFF + "quota 1200\n") as server:
        resident(server)
        codes = [send(server, number) for number in range(2, 6)]
        check(250 in codes or 452 in codes, f"{codes}")
        kept = subjects(server)
        check(server.mailbox("bob").stat().st_size <= 1200, "it is larger")
        equal(kept, sorted(kept), "messages")
        equal(len(kept), len(set(kept)), "each is there once")


def test_killed():
    """One that is killed, or stopped, is nobody's loss"""
    for number in (signal.SIGKILL, signal.SIGSTOP):
        with Instance(OFF) as server:
            pid = resident(server)
            os.kill(pid, number)
            wait_for(lambda p=pid: p not in proc.children(server.smtpd.pid),
                     "its end")
            equal(send(server, 2), 250, "reply")
            equal(subjects(server), [0, 1, 2], "messages")


def holds(pid):
    """What a process has open: names of files, kinds of sockets."""
    found = []
    for path in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(os.readlink(path))
        except OSError:
            pass
    return found


def test_holds_little():
    """It has neither a body file nor a channel of a session"""
    with Instance(OFF) as server:
        with server.connect(server.smtp) as talker:
            talker.hello()
            for number in range(2):
                talker.submit("a@example.com", ["bob@example.org"],
                              message(number))
            pid = int(workers(server)[-1])
            has = holds(pid)
            check(not [f for f in has if "/queue/" in f], f"{has}")
            equal(len([f for f in has if f.startswith("socket:")]), 1,
                  f"sockets of {has}")


def test_stop_under_way():
    """Mail that waits for one when the server is told to stop is answered, and
    is there once"""
    with Instance(OFF) as server:
        for number in range(4):
            equal(send(server, number), 250, "reply")
        pid = int(workers(server)[-1])
        lock = server.mailbox("bob").with_name("bob.lock")
        lock.write_text(f"{os.getpid()}\n")
        talkers = [server.connect(server.smtp) for _ in range(3)]
        for number, talker in enumerate(talkers, 4):
            talker.hello()
            talker.expect("250 ", "MAIL FROM:<a@example.com>")
            talker.expect("250 ", "RCPT TO:<bob@example.org>")
            talker.expect("354 ", "DATA")
            talker.send(message(number) + b".\r\n")
        wait_for(lambda: server.smtpd.text().count(": message-id=") == 7,
                 "messages to be handed on")
        wait_for(lambda: f"qmgr[{pid}]" in server.smtpd.text(), "the first")
        server.smtpd.process.send_signal(signal.SIGTERM)
        wait_for(lambda: server.smtpd.process.poll() is not None or
                 not listening(server), "the end of listening")
        lock.unlink()
        equal([t.reply().code for t in talkers], [250] * 3, "replies")
        for talker in talkers:
            talker.close()
        equal(server.smtpd.stop(), 0, "exit status")
        equal(sorted(subjects(server)), list(range(7)), "messages")


def listening(server):
    """True if the port of a server is open."""
    try:
        server.connect(server.smtp).close()
        return True
    except OSError:
        return False


# ---- who has been taken over ----

class Taken(Instance):
    """Servers whose smtpd is a hostile build."""

    def __init__(self, built):
        self.built = built
        super().__init__(OFF)

    def program(self, name):
        if name != "smtpd":
            return super().program(name)
        copy = self.dir / "smtpd"
        if not copy.exists():
            shutil.copy(self.built, copy)
            copy.chmod(0o755)
        return str(copy)


def taken(edits, run):
    """Runs a server with these edits."""
    with tempfile.TemporaryDirectory(prefix="restante-test-") as folder:
        with Taken(hostile.build(Path(folder), "smtpd", edits)) as server:
            run(server)


SAME = {"common/job/resident.c": [
    ("	return key != 0 ? key : 1;\n", "	return key != 0;\n")]}
MARKED = {"smtpd/session/incoming_deliver.c": [
    ("	s->mail.size = in->octets;\n",
     "	s->mail.size = in->octets;\n"
     "	s->mail.marked = s->mail.sender[0] == 'm';\n")]}
OTHERS = {"smtpd/session/incoming_deliver.c": [
    ("s->mail.recipients[0].text)", '"alice@example.org")')]}
STRANGE = {"smtpd/worker/at_once_stay.c": [
    ("	r.ticket = ticket;\n", "	r.ticket = ticket + 1000;\n")]}


def test_wrong_key():
    """A session that says its mail is like another's does not reach that
    mailbox"""
    def run(server):
        resident(server)
        for number in range(2, 8):
            user = ("alice", "bob")[number % 2]
            equal(send(server, number, f"{user}@example.org"), 250, "reply")
        equal(subjects(server, "alice"), [2, 4, 6], "messages to alice")
        equal(subjects(server), [0, 1, 3, 5, 7], "messages to bob")
    taken(SAME, run)


def test_own_key():
    """A session that names another's number makes nobody stay for it"""
    def run(server):
        for number in range(4):
            equal(send(server, number), 250, "reply")
        equal(len(set(workers(server))), 4, "a worker for each")
        equal(subjects(server), [0, 1, 2, 3], "messages")
    taken(OTHERS, run)


def test_kept_back():
    """Nobody stays after marked mail, which goes to fewer people than the
    next"""
    def run(server):
        (server.dir / "aliases").write_text("sales: bob, x@elsewhere.example\n")
        server.own()
        for number in range(3):
            equal(send(server, number, "sales@example.org",
                       sender="marked@example.com"), 250, "reply")
        equal(server.queue_files(), [], "of what is marked")
        equal(send(server, 3, "sales@example.org"), 250, "reply")
        equal(len(server.queue_files()), 1, "messages for elsewhere")
    taken(MARKED, run)


def test_wrong_ticket():
    """One that answers what nobody has asked is killed"""
    def run(server):
        equal(send(server, 0), 250, "reply")
        send(server, 1)
        wait_for(lambda: "answers what nobody has asked"
                 in server.smtpd.text(), "the line in the log")
        equal(send(server, 2, "alice@example.org"), 250, "reply")
        equal(subjects(server, "alice"), [2], "messages to alice")
        wait_for(lambda: not proc.children(server.smtpd.pid), "its end")
    taken(STRANGE, run)


if __name__ == "__main__":
    check(BOB[0] == "bob", "another user")
    tap.run(globals())
    tap.finish()
