# SPDX-License-Identifier: ISC
"""Faults that other mail servers have had, looked for here: SMTP and POP3.

Each test names the class of fault. tests/README has the list of all of them,
with the tests of those that are looked for elsewhere.
"""
import email
import email.utils
import itertools
import re
import socket
import threading

from lib import mbox, proc
from lib.fakemx import FakeMx
from lib.player import PASSWORDS
from lib.scratch import LONG, Instance, Scratch
from lib.talk import Closed, Talker, b64
from lib.tap import Tap, check, equal

tap = Tap()
PATIENCE = 15               # errors before a session is left for a new one
MEMORY = 16 * 1024          # KiB that a session may have at most
SIZES = sorted({n + d for n in (128, 512, 998, 1024, 2048, 4096, 8192, 12288,
                                16384, 32768, 65536) for d in range(-2, 3)}
               | {0, 1, 70000})


class Patient:
    """A submission session that starts again before it gets too many errors."""

    def __init__(self, scratch):
        self.scratch, self.talker, self.errors = scratch, None, 0

    def fresh(self):
        """The session, ready for MAIL."""
        if self.talker is None or self.errors >= PATIENCE:
            self.close()
            self.talker, _ = self.scratch.session("smtpd", "--role",
                                                  "submission")
            self.talker.hello()
            self.talker.login("alice", PASSWORDS["alice"])
            self.errors = 0
        return self.talker

    def say(self, line):
        """One line of octets; the reply's code."""
        self.talker.send(line + b"\r\n")
        code = self.talker.reply().code
        self.errors += code >= 400
        return code

    def close(self):
        """Hangs up."""
        if self.talker is not None:
            self.talker.close()


def carried(scratch, envelopes):
    """Sends one message for each (MAIL, RCPTs) and relays it; what the next
    hop saw, in the order in which it was sent."""
    with FakeMx() as mx:
        scratch.configure(f"relay smtp://127.0.0.1:{mx.port}?tls=never")
        patient = Patient(scratch)
        for mail, rcpts in envelopes:
            patient.fresh()
            equal(patient.say(mail), 250, repr(mail))
            for rcpt in rcpts:
                equal(patient.say(rcpt), 250, repr(rcpt))
            equal(patient.say(b"DATA"), 354)
            equal(patient.say(b"Subject: x\r\n\r\nx\r\n."), 250)
        patient.close()
        scratch.run_queue()
        equal(mx.complaints, [])
        return mx.messages


def taken(scratch, forms, ahead, around):
    """Those of the forms that get 250; all others get 5xx, and one reply."""
    good = []
    patient = Patient(scratch)
    for form in forms:
        talker = patient.fresh()
        for line in ahead:
            equal(patient.say(line), 250, repr(line))
        code = patient.say(around % form)
        check(code == 250 or 500 <= code < 600, f"{form!r}: {code}")
        if code == 250:
            good.append(form)
        talker.expect("250 ", "RSET")
    patient.close()
    return good


def test_octets(scratch):
    """Any octet anywhere in an address: refused, or carried as it is"""
    octets = [bytes((n,)) for n in range(256) if n not in b"\n"]
    forms = [f % octet for octet in octets for f in (
        b"<a%sb@elsewhere.example>", b'<"a%sb"@elsewhere.example>',
        b"<a@else%swhere.example>", b"<%s@elsewhere.example>")]
    good = taken(scratch, forms, [b"MAIL FROM:<alice@example.org>"],
                 b"RCPT TO:%s")
    check(b'<"a|b"@elsewhere.example>' in good, "too few are taken")
    for form in good:
        check(re.fullmatch(rb"[\x20-\x7e]+", form), f"{form!r} is taken")
    groups = [good[at:at + 90] for at in range(0, len(good), 90)]
    seen = [address for message in carried(scratch, [
        (b"MAIL FROM:<alice@example.org>", [b"RCPT TO:" + g for g in group])
        for group in groups]) for address in message.rcpts]
    check(len(seen) > 200, f"only {len(seen)} are taken")
    for address in seen:
        local, _, domain = address.rpartition("@")
        check(b"<" + address.encode() + b">" in good or
              f'<"{local}"@{domain}>'.encode() in good or
              local.startswith('"'), f"{address!r} was never said")


def test_xtext(scratch):
    """What xtext stands for makes no lines, in MAIL and RCPT and after us"""
    codes = [b"+%02X" % n for n in range(256)]
    rcpt = [b"MAIL FROM:<alice@example.org>"]
    for ahead, around in (
            ([], b"MAIL FROM:<alice@example.org> ENVID=a%sb"),
            (rcpt, b"RCPT TO:<x@elsewhere.example> ORCPT=rfc822;a%sb")):
        good = taken(scratch, codes, ahead, around)
        for code in good:
            check(0x20 <= int(code[1:], 16) != 0x7f, f"{around % code!r}")
        raw = [bytes((n,)) for n in range(256) if n not in b"\n"]
        for octet in taken(scratch, raw, ahead, around):
            check(0x21 <= octet[0] < 0x7f and octet not in b"+=",
                  f"{around % octet!r}")
    good = taken(scratch, codes, [], b"MAIL FROM:<a@example.org> ENVID=a%sb")
    messages = carried(scratch, [
        (b"MAIL FROM:<alice@example.org> ENVID=a%sb" % code,
         [b"RCPT TO:<x@elsewhere.example> ORCPT=rfc822;a%sb" % code])
        for code in good])
    seen = set()
    for message in messages:
        envid = re.search(r"ENVID=a(\S*)b", message.mail_params).group(1)
        orcpt = message.rcpt_params["x@elsewhere.example"]
        check(f"ORCPT=rfc822;a{envid}b" in orcpt, f"{envid}: {orcpt}")
        seen.add(envid.encode())
    equal(seen, set(good))


def test_templates(scratch):
    """Formats, macros and commands in what a client says are text; so are
    control characters, in the log, too"""
    words = ("%s%n%x%99999d", "${run{/bin/id}}", "$(id)", "`id`", "%u@%h",
             "\x1b[2J", "a\tb", "x\x7fy", "\x9b2J")
    for word in words:
        with scratch.session("smtpd")[0] as talker:
            talker.expect("220 ")
            talker.send(f"EHLO {word}\r\n".encode())
            talker.reply()
            talker.expect("250 ", "HELO x")
            for line in (f"{word}", f"MAIL FROM:<{word}@b.c>",
                         f"AUTH PLAIN {b64(chr(0) + word + chr(0) + 'x')}",
                         "RSET", f"MAIL FROM:<a@b.c> {word}=1", "RSET",
                         "MAIL FROM:<a@b.c>", f"RCPT TO:<{word}@example.org>",
                         "RCPT TO:<bob@example.org>"):
                talker.send(line.encode() + b"\r\n")
                check(all(" " <= c <= "~" for c in talker.reply().last), line)
            talker.expect("354 ", "DATA")
            talker.send(f"Subject: {word}\r\n\r\n{word}\r\n.\r\n".encode())
            talker.expect("250 ")
        last = mbox.read(scratch.mailbox("bob"))[-1]
        equal(last.sent, f"Subject: {word}\r\n\r\n{word}\r\n".encode())
        check(re.fullmatch(rb"[\x20-\x7e\t\r\n]+", last.headers.replace(
            word.encode(), b"")), repr(last.headers))
    log = (scratch.dir / "session.log").read_bytes()
    check(re.fullmatch(rb"[\x20-\x7e\n]+", log), repr(log[-500:]))
    check(b"%s%n%x" in log and b"2J" in log, repr(log[-500:]))
    check(max(map(len, log.splitlines())) <= 1100, "long lines in the log")


def test_base64(scratch):
    """Base64 of every length, well and badly padded, logs nobody in"""
    lengths = [*range(0, 100), *range(1020, 1030), *range(9200, 9220)]
    patient = Patient(scratch)
    for length in lengths:
        good = b64("a" * length).encode()
        for text in (good, good[:-1], good + b"=", good[:-2] + b"\0",
                     good[:-1] + b"!", b"=" + good, good[:3] + b"\r"):
            if patient.talker is None or patient.errors >= PATIENCE:
                patient.close()
                patient.talker, _ = scratch.session("smtpd")
                patient.talker.hello()
                patient.errors = 0
            code = patient.say(b"AUTH PLAIN " + text if text else b"AUTH =")
            if code == 334:     # there was no initial response
                code = patient.say(b"*")
            check(500 <= code < 505, f"{length}, {text[-20:]!r}: {code}")
    patient.close()


def test_mechanisms(scratch):
    """A mechanism after another one that was broken off: the login works"""
    with scratch.session("smtpd")[0] as talker:
        offer = talker.hello()
    names = next(w.split()[1:] for w in offer.words() if w.startswith("AUTH "))
    check(len(names) >= 4, str(names))
    for first, second in itertools.product(names, names):
        for answer in ("*", "!", "AAAA"):
            with scratch.session("smtpd")[0] as talker:
                talker.hello()
                for name in (first, second):
                    talker.expect("334 ", "AUTH " + name)
                    talker.send(answer + "\r\n")
                    if talker.reply().code == 334:
                        talker.expect("501 ", "*")
                talker.login("alice", PASSWORDS["alice"])
                check("Logged in as alice" in talker.expect(
                    "211 ", "HELP STATUS").last)


def test_users(server):
    """Two users who log in at once: each is himself, and reads his own"""
    for user in ("alice", "bob"):
        with server.connect(server.smtp) as talker:
            talker.hello()
            talker.submit("x@example.com", [f"{user}@example.org"],
                          f"Subject: for {user}\r\n\r\n")
    both = {user: server.connect(server.pop3) for user in ("alice", "bob")}
    for say in ("USER {0}", "PASS {1}"):
        for user, talker in both.items():
            if say.startswith("USER"):
                talker.pop("+OK")
            talker.pop("+OK", say.format(user, PASSWORDS[user]))
    for user, talker in both.items():
        check(f"for {user}".encode() in talker.pop_block("RETR 1"), user)
        talker.pop("+OK", "QUIT")
        talker.close()
    both = {user: server.connect(server.submission)
            for user in ("alice", "bob")}
    for step in range(4):
        for user, talker in both.items():
            if step == 0:
                talker.hello()
            elif step == 1:
                talker.expect("334 ", "AUTH LOGIN")
            elif step == 2:
                talker.expect("334 ", b64(user))
            else:
                talker.expect("235 ", b64(PASSWORDS[user]))
    for user, talker in both.items():
        check(talker.expect("211 ", "HELP STATUS").last.endswith(user), user)
        talker.close()


def batches(things, size=4):
    """So many of them at a time: servers have limits for errors."""
    return [things[at:at + size] for at in range(0, len(things), size)]


def test_long_smtp(server):
    """Every verb with an argument of every length: one reply, or the end"""
    verbs = ("EHLO HELO MAIL RCPT DATA RSET VRFY EXPN HELP NOOP QUIT STARTTLS "
             "AUTH ETRN FOO").split()
    for verb, sizes in itertools.product(verbs, batches(SIZES[1:])):
        with server.connect(server.smtp) as talker:
            talker.hello()
            for size in sizes:
                talker.send(f"{verb} {'x' * size}\r\n")
                code = talker.reply().code
                check(200 <= code < 600, f"{verb} {size}: {code}")
                if size < 60000:
                    talker.expect("250 2.0.0 OK", "NOOP")


def test_long_pop3(server):
    """The same with POP3, before a login and after it"""
    verbs = ("USER APOP AUTH STAT LIST RETR DELE TOP UIDL RSET NOOP UTF8 LANG "
             "FOO").split()
    for verb, sizes in itertools.product(verbs, batches(SIZES[1:])):
        for logged_in in (False, True):
            with server.connect(server.pop3) as talker:
                if logged_in:
                    talker.pop_login("bob", PASSWORDS["bob"])
                else:
                    talker.pop("+OK")
                # So much is too much of a stranger: in sum, 64 KiB.
                for size in sizes if logged_in or sum(sizes) < 60000 \
                        else sizes[:1]:
                    talker.pop(("+OK", "-ERR"), f"{verb} {'9' * size}")
                    if size < 60000:
                        talker.pop("-ERR", "FOO")


def test_long_passwords(server):
    """A PASS of any length: one answer, whoever it is for, and no login"""
    sizes = [n + d for n in (128, 256, 512, 998, 2048, 12288)
             for d in (-1, 0, 1)] + [70000]
    for user in ("alice", "nobody-there"):
        talkers = [server.connect(server.pop3) for _ in sizes]
        for talker, size in zip(talkers, sizes):    # each takes its second
            talker.send(f"USER {user}\r\nPASS {'x' * size}\r\nSTAT\r\n")
        for talker, size in zip(talkers, sizes):
            with talker:
                talker.pop("+OK")
                talker.pop("+OK")
                talker.pop("-ERR")
                if size < 60000:        # that is too much of a stranger
                    talker.pop("-ERR")


def test_numbers(server):
    """Numbers that wrap, have signs or forms of other bases are none"""
    wrong = [str(n + d) for n in (2**31, 2**32, 2**63, 2**64)
             for d in (-1, 0, 1)] + \
        "-1 +1 0 0x1 1e0 1.0 \u0661 99999999999999999999999 1x x".split()
    with server.connect(server.smtp) as talker:
        talker.hello()
        talker.submit("x@example.com", ["bob@example.org"], "Subject: 1\r\n")
    for verb, numbers in itertools.product(
            ("LIST", "RETR", "DELE", "UIDL", "TOP"), batches(wrong)):
        with server.connect(server.pop3) as talker:
            talker.pop_login("bob", PASSWORDS["bob"])
            for number in numbers:
                talker.pop("-ERR", f"{verb} {number}"
                           + (" 1" if verb == "TOP" else ""))
            check(talker.pop("+OK", "STAT") != "+OK 0 0", f"after {verb}")
            talker.pop("+OK", "QUIT")
    for number in wrong:
        with server.connect(server.smtp) as talker:
            talker.hello()
            talker.expect("250 " if number == "0" else ("501 ", "552 "),
                          f"MAIL FROM:<a@b.c> SIZE={number}")


def test_tiny_chunks(scratch):
    """Very many chunks of one octet: all of them, in little memory"""
    text = b"Subject: x\r\n\r\n" + b"abcdefg\r\n" * (20000 if LONG else 2000)
    talker, process = scratch.session("smtpd")
    with talker:
        talker.hello()
        talker.expect("250 ", "MAIL FROM:<a@b.c>")
        talker.expect("250 ", "RCPT TO:<bob@example.org>")
        chunks = b"".join(b"BDAT 1\r\n%c" % c for c in text)
        sender = threading.Thread(target=talker.sock.sendall,
                                  args=(chunks + b"BDAT 0 LAST\r\n",))
        sender.start()
        for _ in text:
            talker.expect("250 2.0.0 1 ")
        talker.expect("250 2.0.0 Delivered")
        sender.join()
        small(process)
    equal(mbox.read(scratch.mailbox("bob"))[-1].sent, text)


def small(process):
    """A session's processes have never had much memory."""
    for pid in [process.pid, *proc.tree(process.pid)]:
        peak = proc.status(pid).get("VmHWM", "0 kB").split()[0]
        check(int(peak) < MEMORY, f"{peak} KiB at its peak")


def test_odd_paths(scratch):
    """Empty and half-open paths are refused, the session goes on"""
    odd = ('<"">', '<""@example.org>', '<"', '<"a@example.org>', "<@>", "<>",
           "<a@>", "<@a>", "<a@b@c>", "<\\>", "<a\\>", "<a@[>", "<a@[]>",
           "<a@[1.2.3.4>", "<a@[IPv6:>", "<" * 200, ">" * 200, "(" * 200,
           "<" + "(" * 200 + "a@example.org>", "<a@example.org", "a@b>",
           "<@a,@b>", "<@a,@b:>", "<" + "@a," * 80 + "@b:c@example.org>")
    patient = Patient(scratch)
    for path in odd:
        talker = patient.fresh()
        equal(patient.say(b"MAIL FROM:<>"), 250)
        code = patient.say(f"RCPT TO:{path}".encode())
        check(code in (501, 550, 553), f"{path}: {code}")
        talker.expect("250 ", "RSET")
    patient.close()


def test_floods(scratch):
    """Empty lines by the thousand end the session, and NOOPs of strangers do;
    those of users do not"""
    count = 1000000 if LONG else 20000
    for line, user, most, end in (
            (b"\r\n", True, 20, "421 4.7.0"),
            (b"NOOP\r\n", False, 98, "421 4.7.0"),
            (b"NOOP\r\n", True, count, "221 ")):
        talker, process = scratch.session("smtpd")
        with talker:
            talker.hello()
            if user:
                talker.login("alice", PASSWORDS["alice"])
            sender = threading.Thread(target=pour, args=(
                talker.sock, line * count + b"QUIT\r\n"))
            sender.start()
            reply = talker.reply()
            for seen in range(1, count + 1):
                if seen == most:
                    small(process)
                reply = talker.reply()
                if reply.startswith(end):
                    break
            check(reply.startswith(end) and seen >= most,
                  f"{line!r}: {reply} after {seen}")
            talker.close()
            sender.join()


def pour(sock, data):
    """Sends it, or what is taken of it; how much that was."""
    sent = 0
    try:
        while sent < len(data):
            sent += sock.send(data[sent:sent + 65536])
    except OSError:
        pass
    return sent


def test_endless(server):
    """A line without end gets an end, in each state, by either server"""
    states = {
        server.smtp: ([], ["EHLO x"], ["EHLO x", "MAIL FROM:<a@b.c>"],
                      ["EHLO x", "AUTH LOGIN"]),
        server.pop3: ([], ["USER bob"], ["AUTH LOGIN"],
                      ["USER bob", "PASS " + PASSWORDS["bob"]])}
    for port, beginnings in states.items():
        for beginning in beginnings:
            with server.connect(port) as talker:
                for line in beginning:
                    talker.send(line + "\r\n")
                sock = talker.sock.dup()
                heard = []
                listener = threading.Thread(
                    target=lambda h=heard, t=talker: h.append(t.rest()))
                listener.start()
                pour(sock, b"x" * (1 << 24))
                listener.join()
                sock.close()
                check(heard[0].splitlines()[-1].startswith(
                    (b"421", b"5", b"-ERR")),
                      f"{beginning}: {heard[0][-200:]!r}")


def test_headers(scratch):
    """Headers without measure come through, in little memory"""
    scale = 20 if LONG else 2
    texts = {
        "one field": b"X: " + b"y" * (1 << 20) * scale + b"\r\n\r\nx\r\n",
        "many fields": b"X: y\r\n" * 50000 * scale + b"\r\nx\r\n",
        "many addresses": b"To: a@b.c" + b",\r\n a@b.c" * 50000 * scale
                          + b"\r\n\r\nx\r\n",
        "one line": b"X: y\r\n\r\n" + b"y" * (1 << 20) * scale + b"\r\n",
        "From lines": b"X: y\r\n\r\n" + b"From x\r\n" * 100000 * scale,
        "no header": b"From x\r\n" + b">From\r\n\r\n" * 1000,
    }
    for name, text in texts.items():
        scratch.mailbox("bob").unlink(missing_ok=True)
        talker, process = scratch.session("smtpd")
        with talker:
            talker.hello()
            talker.submit("a@b.c", ["bob@example.org"], text)
            small(process)
        box = mbox.read(scratch.mailbox("bob"))
        equal(len(box), 1, f"{name}: messages")
        check(box[0].sent.endswith(text), f"{name}: {box[0].sent[:80]!r}")


def test_locale(scratch):
    """No locale and no time zone changes commands and dates"""
    for language, zone in (("tr_TR.UTF-8", "Pacific/Apia"), ("de_DE", ""),
                           ("ja_JP.eucJP", "right/UTC"),
                           ("../../etc/passwd", ":/etc/passwd"),
                           ("C", "XXX-13:45"), ("C", "\x1b[2J")):
        ours, theirs = socket.socketpair()
        process = scratch.popen(
            scratch.command("smtpd"), stdin=theirs, stdout=theirs,
            env=dict(scratch.environment(), LC_ALL=language, LANG=language,
                     LANGUAGE=language, TZ=zone))
        theirs.close()
        with Talker(ours) as talker:
            talker.expect("220 ")
            for line in ("ehlo istanbul", "mail from:<i@i.i> size=1",
                         "rcpt to:<BOB@EXAMPLE.ORG>"):
                talker.expect("250 ", line)
            talker.send("bdat 6 last\r\nX: i\r\nquit\r\n")
            talker.expect("250 2.0.0 Delivered")
            talker.expect("221 ")
        equal(process.wait(30), 0)
        head = mbox.read(scratch.mailbox("bob"))[-1].headers
        received = email.message_from_bytes(head)["Received"]
        date = email.utils.parsedate_to_datetime(received.split(";")[-1])
        check(date.utcoffset() is not None and date.year >= 2024, received)


if __name__ == "__main__":
    with Instance() as instance, Scratch() as bare:
        tap.run(globals(), server=instance, scratch=bare)
    tap.finish()
