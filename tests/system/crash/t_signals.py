# SPDX-License-Identifier: ISC
"""Limits and endings: too many sessions, SIGTERM, and killed sessions."""
import itertools
import os
import random
import re
import signal
import threading

from lib import mbox, proc
from lib.player import PASSWORDS
from lib.scratch import Instance, client_context
from lib.talk import Closed
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()


def plain(text):
    """A message without what is added to one of a program of this machine."""
    return re.sub(rb"(?m)^(From|Date|Message-ID): .*\r\n", b"", text)


def refused(server, port, smtp):
    """A connection beyond a limit: one line, and closed."""
    with server.connect(port) as talker:
        if smtp:
            talker.expect("421 4.7.0")
        else:
            talker.pop("-ERR")
        talker.closed()


def limits():
    """sessions and sessions-per-source."""
    for key in ("sessions 3", "sessions-per-source 3"):
        with tap.case(f"{key}: the fourth gets 421 or -ERR and is closed"):
            with Instance(key) as server:
                for port, smtp in ((server.smtp, True), (server.pop3, False)):
                    open_ones = [server.connect(port) for _ in range(3)]
                    for talker in open_ones:
                        talker.pop("220 " if smtp else "+OK")
                    refused(server, port, smtp)
                    refused(server, port, smtp)
                    for talker in open_ones[:2]:
                        talker.pop("221 " if smtp else "+OK", "QUIT")
                        talker.closed()
                        talker.close()

                    def again(number=port, hello=smtp):
                        with server.connect(number) as talker:
                            return talker.line().startswith(
                                "220 " if hello else "+OK")
                    wait_for(again, "room for another session")
                    open_ones[2].pop("250" if smtp else "+OK", "NOOP")
                    open_ones[2].close()


def test_loopback_is_not_counted(server):
    """By default more than fifty sessions from loopback are fine"""
    talkers = [server.connect(server.smtp) for _ in range(80)]
    for talker in talkers:
        talker.expect("220 ")
    for talker in talkers:
        talker.expect("221 ", "QUIT")
        talker.close()


def test_sessions_are_reaped(server):
    """Ended sessions leave no process behind, dead or alive"""
    for _ in range(20):
        with server.connect(server.smtp) as talker:
            talker.hello()
            talker.submit("a@example.com", ["bob@example.org"],
                          "Subject: x\r\n\r\nx\r\n")
        with server.connect(server.pop3) as talker:
            talker.pop_login("bob", PASSWORDS["bob"])
    for daemon in (server.smtpd, server.pop3d):
        wait_for(lambda pid=daemon.pid: not proc.children(pid),
                 f"the children of {daemon.pid} to end")


def test_killed_session(server):
    """A session that is killed harms no other and no mailbox"""
    with server.connect(server.smtp) as other, \
            server.connect(server.smtp) as victim:
        other.hello()
        victim.hello()
        before = set(proc.children(server.smtpd.pid))
        check(len(before) >= 2, f"children {before}")
        victim.expect("250 ", "MAIL FROM:<a@example.com>")
        victim.expect("250 ", "RCPT TO:<bob@example.org>")
        victim.expect("354 ", "DATA")
        victim.send("Subject: never\r\n\r\nx\r\n")
        pid = proc.session_of(victim, server.smtpd.pid)
        os.kill(pid, signal.SIGKILL)
        victim.closed()
        other.submit("a@example.com", ["bob@example.org"],
                     "Subject: other\r\n\r\nx\r\n")
    texts = [m.sent for m in mbox.read(server.mailbox("bob"))]
    equal(plain(texts[-1]), b"Subject: other\r\n\r\nx\r\n", "the last message")
    check(not any(b"never" in t for t in texts), "half a message")


def test_killed_pop3_session(server):
    """A POP3 session killed after DELE deletes nothing"""
    server.mailbox("bob").unlink(missing_ok=True)
    with server.connect(server.smtp) as talker:
        talker.hello()
        talker.submit("a@example.com", ["bob@example.org"],
                      "Subject: stays\r\n\r\nx\r\n")
    with server.connect(server.pop3) as talker:
        talker.pop_login("bob", PASSWORDS["bob"])
        talker.pop("+OK", "DELE 1")
        for pid in proc.children(server.pop3d.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        talker.closed()
    with server.connect(server.pop3) as talker:
        talker.pop_login("bob", PASSWORDS["bob"])
        talker.pop("+OK 1 ", "STAT")
        talker.pop("+OK", "QUIT")


def sigterm():
    """SIGTERM in every state of a session."""
    with tap.case("SIGTERM: idle sessions get 421 4.3.2, exit status 0"):
        with Instance() as server:
            fresh = server.connect(server.smtp)
            fresh.expect("220 ")
            greeted = server.connect(server.smtp)
            greeted.hello()
            secure = server.connect(server.submissions, client_context())
            secure.hello()
            server.smtpd.process.send_signal(signal.SIGTERM)
            for talker in (fresh, greeted, secure):
                talker.expect("421 4.3.2")
                talker.closed()
            equal(server.smtpd.stop(), 0, "exit status")
            try:
                server.connect(server.smtp).close()
            except ConnectionRefusedError:
                pass
            else:
                raise AssertionError("still listening")
    with tap.case("SIGTERM: a transaction under way may finish"):
        with Instance() as server:
            talker = server.connect(server.smtp)
            talker.hello()
            talker.expect("250 ", "MAIL FROM:<a@example.com>")
            talker.expect("250 ", "RCPT TO:<bob@example.org>")
            talker.expect("354 ", "DATA")
            talker.send("Subject: in time\r\n\r\nhalf\r\n")
            server.smtpd.process.send_signal(signal.SIGTERM)
            wait_for(lambda: not listening(server), "the end of listening")
            talker.send("done\r\n.\r\n")
            talker.expect("250 2.0.0")
            talker.expect("421 4.3.2")
            talker.closed()
            equal(server.smtpd.stop(), 0, "exit status")
            equal([plain(m.sent) for m in mbox.read(server.mailbox("bob"))],
                  [b"Subject: in time\r\n\r\nhalf\r\ndone\r\n"], "mailbox")
    with tap.case("SIGTERM: a transaction that stalls gets 421"):
        with Instance() as server:
            talker = server.connect(server.smtp)
            talker.hello()
            talker.expect("250 ", "MAIL FROM:<a@example.com>")
            talker.expect("250 ", "RCPT TO:<bob@example.org>")
            talker.expect("354 ", "DATA")
            talker.send("Subject: never\r\n\r\nhalf\r\n")
            server.smtpd.process.send_signal(signal.SIGTERM)
            talker.expect("421 4.3.2")
            talker.closed()
            equal(server.smtpd.stop(), 0, "exit status")
            equal(mbox.read(server.mailbox("bob")), [], "mailbox")
    with tap.case("SIGTERM: POP3 sessions end and delete nothing"):
        with Instance() as server:
            with server.connect(server.smtp) as talker:
                talker.hello()
                talker.submit("a@example.com", ["bob@example.org"],
                              "Subject: stays\r\n\r\nx\r\n")
            talker = server.connect(server.pop3)
            talker.pop_login("bob", PASSWORDS["bob"])
            talker.pop("+OK", "DELE 1")
            server.pop3d.process.send_signal(signal.SIGTERM)
            rest = talker.rest()
            check(rest == b"" or rest.startswith(b"-ERR"), repr(rest))
            equal(server.pop3d.stop(), 0, "exit status")
            equal(len(mbox.read(server.mailbox("bob"))), 1, "messages")
    with tap.case("SIGTERM in one session by itself ends it politely"):
        with Instance() as server:
            talker, process = server.session("smtpd")
            talker.hello()
            process.send_signal(signal.SIGTERM)
            talker.expect("421 4.3.2")
            talker.closed()
            equal(process.wait(30), 0, "exit status")


def listening(server):
    """Whether smtpd's port still takes connections."""
    try:
        server.connect(server.smtp).close()
        return True
    except ConnectionRefusedError:
        return False


def test_half_closed(server):
    """A client that closes its half after QUIT still gets every answer"""
    with server.connect(server.smtp) as talker:
        talker.send("EHLO x\r\nNOOP\r\nQUIT\r\n")
        talker.sock.shutdown(1)
        text = talker.rest()
        check(b"\r\n221 " in text, repr(text))


QUIET = ("CHLD", "PIPE", "XFSZ", "URG", "WINCH", "CONT")


def test_storm(server):
    """Signals by the thousand, to server and sessions: nothing is lost, twice
    there, or out of its mind"""
    server.mailbox("bob").unlink(missing_ok=True)
    numbers = [getattr(signal, "SIG" + name) for name in QUIET]
    over, sent = threading.Event(), itertools.count()
    before = len(server.smtpd.text())

    def storm():
        while not over.is_set():
            for pid in [server.smtpd.pid, *proc.tree(server.smtpd.pid)]:
                for number in numbers:
                    try:
                        os.kill(pid, number)
                        next(sent)
                    except ProcessLookupError:
                        pass
    thread = threading.Thread(target=storm)
    thread.start()
    try:
        for n in range(100):
            with server.connect(server.smtp) as talker:
                talker.hello()
                talker.submit("a@example.com", ["bob@example.org"],
                              f"Subject: {n}\r\n\r\nx\r\n")
                talker.expect("221 ", "QUIT")
    finally:
        over.set()
        thread.join()
    check(next(sent) > 1000, "too few signals")
    equal([plain(m.sent) for m in mbox.read(server.mailbox("bob"))],
          [f"Subject: {n}\r\n\r\nx\r\n".encode() for n in range(100)], "mail")
    check("signal" not in server.smtpd.text()[before:], server.smtpd.text())


def test_term_anywhere(server):
    """SIGTERM at any moment of a session: 250 if, and only if, the message is
    there"""
    rng = random.Random(1)
    server.mailbox("bob").unlink(missing_ok=True)
    taken = []
    for n in range(61):     # the last one undisturbed
        text = f"Subject: {n}\r\n\r\n"
        said = ("EHLO x\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<bob@example.org>\r\n"
                f"BDAT {len(text)} LAST\r\n{text}QUIT\r\n")
        cut = rng.randrange(len(said))
        with server.connect(server.smtp) as talker:
            talker.expect("220 ")
            talker.send(said[:cut])
            for pid in proc.children(server.smtpd.pid) if n < 60 else ():
                try:
                    os.kill(pid, signal.SIGTERM)
                except ProcessLookupError:
                    pass
            try:
                talker.send(said[cut:])
            except Closed:
                pass
            if b"\r\n250 2.0.0 Delivered" in talker.rest():
                taken.append(n)
    check(60 in taken, f"taken: {taken}")
    equal([plain(m.sent) for m in mbox.read(server.mailbox("bob"))]
          if server.mailbox("bob").exists() else [],
          [f"Subject: {n}\r\n\r\n".encode() for n in taken], "mail")


if __name__ == "__main__":
    with Instance() as fixture:
        tap.run(globals(), fixture)
    limits()
    sigterm()
    tap.finish()
