# SPDX-License-Identifier: ISC
"""DELIVERBY: late mail comes back, or its sender hears that it is late.

A server that offers it and tries on when the time is over delivers what nobody
wants any more; one that hands the message to somebody who forgets the time has
not kept its word either.
"""
import re
import time

from lib import mbox, queuefile
from lib.fakemx import EXTENSIONS, FakeMx
from lib.player import PASSWORDS
from lib.queuefile import recipient
from lib.scratch import Scratch
from lib.site import Queue
from lib.tap import Tap, check, equal

tap = Tap()
WITH = EXTENSIONS + ("DELIVERBY 100",)
LATER = {"mail": "451 4.3.0 Later"}
NO_DSN = tuple(e for e in EXTENSIONS if e != "DSN")


class Server(Queue, Scratch):
    """A queue, and the mailbox of who hears of it."""

    def __init__(self, mx):
        super().__init__(f"relay smtp://127.0.0.1:{mx.port}?tls=never\n")
        self.flush("-q")        # makes the folders

    def put(self, by, to="bob@far.example", age=0, **fields):
        """A message of alice's in the queue."""
        return queuefile.make(
            self.dir / "queue", sender="alice@example.org",
            arrival=time.time() - age, by=by,
            recipients=[recipient(to, **fields)])

    def reports(self):
        """What alice was told; her mailbox is emptied."""
        self.flush("-q")
        found = [m.wire.decode() for m in mbox.read(self.mailbox("alice"))]
        self.mailbox("alice").unlink(missing_ok=True)
        return found


def run(by, extensions=WITH, script=None, **fields):
    """One message; what the next hop got, reports, and what is left."""
    with FakeMx(script, extensions=extensions) as mx, Server(mx) as server:
        server.put(by, **fields)
        server.flush("-q")
        return list(mx.messages), server.reports(), server.mailq()


def soon(mode):
    """A time to come, as the queue has it."""
    return f"{mode.split()[0]} {int(time.time()) + 5000}" \
        + "".join(" " + word for word in mode.split()[1:])


def test_over():
    """What is late comes back, and is not tried any more; other mail is"""
    for mode in ("return 1", "return 1 trace"):
        got, reports, left = run(mode)
        equal((got, len(reports), left), ([], 1, []), mode)
        check("Status: 5.4.7\r\n" in reports[0], reports[0])
        check("Action: failed" in reports[0], reports[0])
        check("Deliver-By-Date: Thu, 1 Jan 1970 00:00:01" in reports[0],
              reports[0])
    got, reports, left = run("notify 1")
    equal((len(got), reports, left), (1, [], []), "late, and wanted")
    with FakeMx(LATER) as mx, Server(mx) as server:
        server.put("return 1", to="bob@example.org")
        equal(len(server.reports()), 1, "of mail for us, too")
        equal(mbox.read(server.mailbox("bob")), [], "mailbox")


def test_passed_on():
    """A next hop that knows it hears what is left of the time"""
    for mode, letters in (("return", "R"), ("return trace", "RT"),
                          ("notify", "N"), ("notify trace", "NT")):
        got, reports, left = run(soon(mode))
        found = re.search(r"BY=(\d+);(\w+)", got[0].mail_params)
        check(found and found[2] == letters and 4000 < int(found[1]) <= 5000,
              got[0].mail_params)
        equal((len(reports), left), (int("trace" in mode), []), mode)
        check(not reports or "Action: relayed" in reports[0], str(reports))
    got, _, _ = run("notify 1")
    check(re.search(r"BY=-\d+;N", got[0].mail_params), got[0].mail_params)


def test_unknown():
    """One that does not gets no mail that is to come back in time"""
    got, reports, left = run(soon("return"), EXTENSIONS)
    equal((got, len(reports), left), ([], 1, []))
    check("Status: 5.3.3\r\n" in reports[0], reports[0])
    for extensions in (EXTENSIONS, NO_DSN):
        got, reports, left = run(soon("notify"), extensions)
        equal((len(got), len(reports), left), (1, 1, []), str(extensions))
        check("BY=" not in got[0].mail_params, got[0].mail_params)
        check("Action: relayed" in reports[0], reports[0])


def test_minimum():
    """Nor does one that takes longer than there is time"""
    got, reports, left = run(f"return {int(time.time()) + 5000}",
                             EXTENSIONS + ("DELIVERBY 9000",))
    equal((got, len(reports), left), ([], 1, []))
    check("Status: 5.4.7\r\n" in reports[0], reports[0])


def test_lmtp():
    """Who hands it to an LMTP server has delivered it"""
    with FakeMx(lmtp=True, extensions=EXTENSIONS) as mx, Scratch(
            f"relay lmtp:127.0.0.1:{mx.port}\n") as scratch:
        scratch.call("smtpd", "-q")
        queuefile.make(scratch.dir / "queue", sender="alice@example.org",
                       recipients=["bob@far.example"], by=soon("return"))
        scratch.run_queue()
        equal(len(mx.messages), 1)
        equal(mbox.read(scratch.mailbox("alice")), [])


def test_late():
    """The sender hears once that it is late, and it is tried on"""
    for notify, count in (({}, 1), ({"notify": "delay"}, 1),
                          ({"notify": "never"}, 0),
                          ({"notify": "failure"}, 0)):
        with FakeMx(LATER) as mx, Server(mx) as server:
            server.put(f"notify {int(time.time()) - 100}", age=200, **notify)
            reports = server.reports()
            equal(len(reports), count, str(notify))
            check(not count or "Status: 4.4.7\r\n" in reports[0]
                  and "Action: delayed" in reports[0], str(reports))
            server.flush("-qf")
            equal((server.reports(), len(server.mailq())), ([], 1), "again")
            mx.script.clear()
            server.flush("-qf")
            equal(len(mx.messages), 1, "messages in the end")


def test_not_early():
    """Before that the sender hears nothing, however long it takes"""
    for by, count in (({"by": soon("notify")}, 0), ({}, 1)):
        with FakeMx(LATER) as mx, Server(mx) as server:
            queuefile.make(
                server.dir / "queue", sender="alice@example.org",
                arrival=time.time() - 50000,
                recipients=[recipient("bob@far.example", attempts=5)], **by)
            equal(len(server.reports()), count, str(by))


def test_next_try():
    """The last try is when the time is over, not hours later"""
    with FakeMx(LATER, extensions=WITH) as mx, Server(mx) as server:
        by = int(time.time()) + 1000
        server.put(f"return {by}", attempts=7)
        server.flush("-q")
        (message,) = server.mailq()
        equal(message["recipients"][0]["next"], by)
        server.put(f"notify {by + 90000}", attempts=7)
        server.flush("-q")
        (late,) = [m for m in server.mailq() if m["id"] != message["id"]]
        check(late["recipients"][0]["next"] != by + 90000, str(late))


def test_kept():
    """What a client says is kept in the queue, also by an alias"""
    with FakeMx(LATER) as mx, Server(mx) as server:
        (server.dir / "aliases").write_text("far: x@far.example\n")
        server.own()
        for said, mode in (("120;R", "return \\d+"),
                           ("120;NT", "notify \\d+ trace")):
            before = int(time.time())
            with server.session("smtpd", "--role", "submission")[0] as talker:
                talker.hello()
                talker.login("alice", PASSWORDS["alice"])
                talker.expect("250 ",
                              f"MAIL FROM:<alice@example.org> BY={said}")
                talker.expect("250 ", "RCPT TO:<far@example.org>")
                talker.expect("354 ", "DATA")
                talker.send("Subject: x\r\n\r\n.\r\n")
                name = talker.expect("250 2.0.0 Queued").last.split()[-1]
            by = queuefile.find(server.dir / "queue", name).fields["by"]
            check(re.fullmatch(mode, by), by)
            check(before + 120 <= int(by.split()[1]) <= time.time() + 120, by)


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
