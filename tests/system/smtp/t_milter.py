# SPDX-License-Identifier: ISC
"""Filters (milters): what they are sent, all that they may want, in their
order; and filters that fail, of which never half a list of edits is done."""
import contextlib
import inspect
import socket
import struct
import tempfile
from pathlib import Path

from lib import mbox, milter, proc
from lib.milter import Filter, Raw, add, change, insert, packet, reply, strings
from lib.scratch import ALICE
from lib.site import Site
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
TEXT = (b"From: Ann <ann@example.net>\r\nSubject: hello\r\n"
        b"X-Fold: one\r\n\ttwo\r\nReceived: from elsewhere\r\n"
        b"Received: from there\r\n\r\nfirst line\r\n..second\r\n")
BODY = b"first line\r\n.second\r\n"
SENDER = "ann@example.net"
LATER = "451 4.7.1 Cannot filter"


def send(site, text=TEXT, to=("bob@example.org",), sender=SENDER, user=None,
         mail=""):
    """Sends a message; the reply to its end."""
    port = site.submission if user else site.smtp
    with site.talk(port) as talker:
        talker.hello()
        if user:
            talker.login(*user)
        talker.expect("250 ", f"MAIL FROM:<{sender}>{mail}")
        for one in to:
            talker.expect("250 ", f"RCPT TO:<{one}>")
        talker.expect("354 ", "DATA")
        talker.send(text + b".\r\n")
        return talker.reply().last


def box(site, user="bob"):
    """The messages of a mailbox, which is then removed."""
    path = site.mailbox(user)
    found = mbox.read(path) if path.exists() else []
    path.unlink(missing_ok=True)
    return found


def delivered(site, text=TEXT, user="bob", **settings):
    """Sends a message; what is delivered of it, fields and body."""
    said = send(site, text, **settings)
    check(said.startswith("250 "), said)
    found = box(site, user)
    equal(len(found), 1, "messages")
    head, _, body = found[0].wire.partition(b"\r\n\r\n")
    fields = head.replace(b"\r\n\t", b" ").replace(b"\r\n ", b" ")
    return fields.decode("utf-8").split("\r\n"), body


def nothing(site):
    """There is no message anywhere."""
    for user in ("alice", "bob"):
        equal(box(site, user), [], f"messages of {user}")
    equal(site.queued(), 0, "messages in the queue")


def log_has(site, words):
    """Waits for words in the log."""
    wait_for(lambda: words in site.smtpd.text(), f"{words!r} in the log")


# ---- what a filter is sent ----

def test_replay(site, first, second):
    """A filter gets the session: commands, macros, fields, body"""
    first.reset()
    second.reset()
    delivered(site)
    equal(first.letters(), "OCHMRTLLLLLNBEQ", "commands")
    equal(first.fields(), [
        ("From", "Ann <ann@example.net>"), ("Subject", "hello"),
        ("X-Fold", "one\n\ttwo"), ("Received", "from elsewhere"),
        ("Received", "from there")], "fields")
    equal(first.body(), BODY, "body")
    host, rest = first.all("C")[0].split(b"\0", 1)
    equal((host, rest[:1], rest[3:]),
          (b"[127.0.0.1]", b"4", b"127.0.0.1\0"), "client")
    equal(first.all("H"), [b"client.example.net\0"], "HELO")
    check(first.all("M")[0].startswith(b"<ann@example.net>\0SIZE="), "MAIL")
    equal(first.all("R"), [b"<bob@example.org>\0"], "RCPT")
    got = first.macros("C")
    equal((got["j"], got["{daemon_name}"], got["_"], got["{client_addr}"]),
          ("mail.example.org", "MTA", "unknown [127.0.0.1]", "127.0.0.1"),
          "macros of the client")
    equal(len(first.macros("M")["i"]), 12, "id")
    equal(first.macros("R")["{rcpt_addr}"], "bob@example.org", "recipient")
    equal(first.macros("R")["{rcpt_mailer}"], "local", "mailer")


def test_options(site, first, second):
    """A filter leaves out what it does not want, and answers no more than it
    says"""
    second.reset()
    for letter in "CHMRTLNB":
        first.reset(milter.UNWANTED[letter])
        delivered(site)
        check(letter not in first.letters(), f"{letter} was not wanted")
    first.reset(sum(milter.SILENT.values()))
    delivered(site, TEXT + b"x" * 70 + b"\r\n" + b"y" * 200000 + b"\r\n")
    check(len(first.body()) > 200000, "the body is there")
    first.reset(milter.LEADING_SPACE)
    delivered(site)
    equal(first.fields()[1], ("Subject", " hello"), "with the blank")
    first.reset(milter.SKIP)
    first.say = {"B": [b"s"], "L": [b"s"]}
    delivered(site, TEXT + b"z" * 70 + b"\r\n" * 100000)
    equal(first.letters(), "OCHMRTLNBEQ", "commands")


def test_symbols(site, first, second):
    """A filter may ask for other macros"""
    first.reset()
    second.reset()
    first.symbols = (struct.pack(">I", 2) + strings("{client_addr} j {i} nix")
                     + struct.pack(">I", 5) + strings("{mail_addr}"))
    delivered(site)
    equal(sorted(first.macros("M")), ["i", "j", "{client_addr}"], "of MAIL")
    equal(first.macros("E"), {"{mail_addr}": SENDER}, "of the end")
    equal(sorted(first.macros("R")), ["i", "{rcpt_addr}", "{rcpt_host}",
                                      "{rcpt_mailer}"], "of RCPT")


def test_users(site, first, second):
    """Users' mail goes past filters by default"""
    first.reset()
    second.reset()
    said = send(site, user=ALICE, sender="alice@example.org")
    check(said.startswith("250 "), said)
    box(site)
    equal(first.seen, [], "what it has seen")


# ---- what it may want ----

def test_fields(site, first, second):
    """Fields are added, inserted, changed and deleted; the next filter sees
    that"""
    first.reset()
    second.reset()
    first.say["E"] = [add("X-End", "last"), insert(0, "X-Top", "a\n\tb"),
                      insert(3, "X-Third", "3"), change(1, "Subject", "new"),
                      change(2, "Received", ""), change(1, "X-New", "made"),
                      change(1, "X-None", ""), b"p", b"c"]
    fields, body = delivered(site)
    equal(body, BODY, "body")
    equal(fields[-8:], ["X-Top: a b", "From: Ann <ann@example.net>",
                        "Subject: new", "X-Third: 3", "X-Fold: one two",
                        "Received: from elsewhere", "X-End: last",
                        "X-New: made"], "fields")
    check(fields[-9].startswith("Received: ") or "Received" in fields[-9],
          "ours is above")
    equal([n for n, _ in second.fields()],
          ["X-Top", "From", "Subject", "X-Third", "X-Fold", "Received",
           "X-End", "X-New"], "what the next one sees")


def test_values(site, first, second):
    """A value is one field, whatever it has"""
    first.reset()
    second.reset()
    first.say["E"] = [add("X-A", "x\r\nTo: nobody\r\n\r\nbody"),
                      add("X-B", "a\rb"), add("X-C", ""),
                      add("X-D", "\x01\x7f\xe4"), b"a"]
    fields, body = delivered(site)
    equal(body, BODY, "body")
    equal(fields[-4:], ["X-A: x To: nobody body", "X-B: a b", "X-C: ",
                        "X-D: ??\xe4"], "fields")
    first.reset(milter.LEADING_SPACE)
    first.say["E"] = [add("X-A", "  two"), add("X-B", "none"), b"a"]
    fields, _ = delivered(site)
    equal(fields[-2:], ["X-A:  two", "X-B:none"], "blanks")


def test_body(site, first, second):
    """Another body takes the place of the old one, be it shorter or longer"""
    second.reset()
    for text in (b"short", b"", b"a\nb\r\n", b"c\rd\r", b"x" * 300000 + b"\n",
                 b"From me\r\n.\r\n"):
        first.reset()
        half = len(text) // 2
        first.say["E"] = [b"b" + text[:half], b"b" + text[half:],
                          add("X-End", "last"), b"a"]
        fields, body = delivered(site)
        lines = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if lines and not lines.endswith(b"\n"):
            lines += b"\n"
        equal(body, lines.replace(b"\n", b"\r\n"), "body")
        equal(second.body(), body, "what the next one sees")
        equal(fields[-1], "X-End: last", "field")


def test_recipients(site, first, second):
    """Recipients are added and deleted; the next filter sees that"""
    first.reset()
    second.reset()
    first.say["E"] = [b"+" + strings("<alice@example.org>"),
                      b"-" + strings("<BOB@example.org>"), b"a"]
    delivered(site, user="alice")
    equal(second.all("R"), [b"<alice@example.org>\0"], "recipients")
    nothing(site)
    first.say["E"] = [b"2" + strings("<alice@example.org>", "NOTIFY=NEVER"),
                      b"-" + strings("<alice@example.org>"),
                      b"+" + strings("<bob@example.org>"), b"a"]
    delivered(site)
    nothing(site)


def test_no_recipient(site, first, second):
    """A message without recipients goes nowhere, and the client hears 250"""
    first.reset()
    second.reset()
    first.say["E"] = [b"-" + strings("<bob@example.org>"), b"a"]
    check(send(site).startswith("250 "), "250")
    equal(second.seen, [], "the next one is not asked")
    nothing(site)
    log_has(site, "milter-discard: END-OF-MESSAGE from unknown[127.0.0.1]")


def test_foreign_recipient(site, first, second):
    """No filter relays strangers' mail: the message waits with its sender"""
    second.reset()
    for who in ("x@elsewhere.example", "nobody@example.org"):
        first.reset()
        first.say["E"] = [add("X-A", "b"), b"+" + strings(f"<{who}>"), b"a"]
        check(send(site).startswith(LATER), "451")
        nothing(site)
    log_has(site, "adds the recipient <x@elsewhere.example>")


def test_sender(site, first, second):
    """The sender is changed"""
    first.reset()
    second.reset()
    first.say["E"] = [b"e" + strings("<other@example.net>"), b"a"]
    delivered(site)
    check(second.all("M")[0].startswith(b"<other@example.net>\0"), "sender")


def test_marked(site, first, second):
    """A field of a filter marks mail as spam; one of a stranger does not"""
    second.reset()
    for edit in (add("X-Spam", "Yes"), change(1, "X-Spam-Flag", "YES")):
        first.reset()
        first.say["E"] = [edit, b"a"]
        check(send(site, to=("away@example.org",)).startswith("550 "),
              "marked mail is not forwarded")
        nothing(site)
        fields, _ = delivered(site)
        equal([f.upper() for f in fields].count("X-SPAM-FLAG: YES"), 1,
              "the field by which mail is filed as junk")
    first.reset()
    first.say["E"] = [add("X-Spam", "No"), add("X-Spam-Flag", "NO"), b"a"]
    fields, _ = delivered(site)
    check("X-Spam-Flag: YES" not in fields, "mail that is not marked")


def test_quarantine(site, first, second):
    """A message is held, with the reason, until it is released"""
    first.reset()
    second.reset()
    first.say["E"] = [b"q" + strings("looks odd"), add("X-A", "b"), b"c"]
    check(send(site).startswith("250 "), "250")
    equal(box(site), [], "it is not in the mailbox")
    found = site.mailq()
    equal([(m["place"], m["held"]) for m in found], [("hold", "looks odd")],
          "the queue")
    check("looks odd" in site.mailq_text(), site.mailq_text())
    log_has(site, "milter-hold: END-OF-MESSAGE from unknown[127.0.0.1]: "
                  "looks odd")
    site.flush()
    equal(site.queued(), 1, "it is still there")
    equal(site.call("smtpd", "--release", found[0]["id"]).returncode, 0,
          "released")
    site.flush()
    site.wait_empty()
    check(b"X-A: b" in site.wait_mail("bob")[0].wire, "with the edits")
    box(site)


def test_refusals(site, first, second):
    """A filter refuses, tempfails, discards and accepts at each stage"""
    second.reset()
    for letter in "CHMRTLNBE":
        for answer, expected in (
                (b"r", "550 5.7.1 "), (b"t", "451 4.7.1 "),
                (reply("554 5.7.9 not that"), "554 5.7.9 not that"),
                (b"d", "250 ")):
            first.reset()
            first.say[letter] = [answer]
            said = send(site)
            check(said.startswith(expected), f"{letter} {answer}: {said}")
            nothing(site)
        first.reset()
        first.say[letter] = [b"a"]
        check(send(site).startswith("250 "), "250")
        check(first.letters().endswith(letter + "Q"), first.letters())
        equal(len(box(site)), 1, "messages")
    log_has(site, "milter-reject: END-OF-MESSAGE from unknown[127.0.0.1]: "
                  "5.7.9 not that; from=<ann@example.net>")


def cases_replies(site, first, second):
    """Replies of a filter are made fit for SMTP"""
    second.reset()
    for text, expected in (
            ("550 no", "550 5.7.1 no"), ("450 5.1.1 no", "450 4.7.1 5.1.1 no"),
            ("550-5.7.0 one\r\n550 5.7.0 two", "550 5.7.0 one"),
            ("550", "550 5.7.1 The filter refuses the message"),
            ("421 4.3.0 bye", "451 4.3.0 bye"),
            ("554 5.7.1 a\x07b\x7f\xe4", "554 5.7.1 a?b???"),
            ("550 5.7.1 " + "x" * 1000, "550 5.7.1 xxx"),
            ("250 fine", LATER), ("5", LATER), ("", LATER),
            ("5500 x", LATER), ("600 x", LATER)):
        with tap.case(f"{text[:40]!r} is {expected}"):
            first.reset()
            first.say["E"] = [reply(text)]
            said = send(site)
            check(said.startswith(expected), said)
            nothing(site)


def test_some_recipients(site, first, second):
    """A filter that refuses one of two recipients marks the message"""
    first.reset()
    second.reset()
    first.say["R"] = [lambda c: c.answer(
        [reply("550 5.1.1 no")] if b"alice" in c.packets[-1] else [b"c"])]
    check(send(site, to=("bob@example.org", "alice@example.org"))
          .startswith("250 "), "250")
    for user in ("bob", "alice"):
        found = box(site, user)
        equal(len(found), 1, f"messages of {user}")
        check(b"\r\nX-Spam-Flag: YES\r\n" in found[0].headers, "the mark")
    check(send(site, to=("alice@example.org",)).startswith("550 5.1.1 no"),
          "all refused")
    nothing(site)


# ---- filters that fail ----

def hang_up(connection):
    """Closes the connection."""
    connection.sock.close()


EDITS = [add("X-A", "b"), b"b" + b"other", b"-" + strings("<bob@example.org>")]
MANY = 20000
HOSTILE = {
    "an empty packet": [Raw(b"\0\0\0\0")],
    "a packet that is too long": [Raw(b"\x7f\xff\xff\xff" + b"c")],
    "octets that are no packet": [Raw(b"HTTP/1.0 200 OK\r\n\r\n")],
    "half a packet": [Raw(b"\0\0\0\5y"), hang_up],
    "an unknown answer": [b"Z"],
    "another offer": [b"O" + struct.pack(">III", 6, 0, 0)],
    "two answers": [b"c", b"c"],
    "an answer after the last": EDITS + [b"c", add("X-B", "c")],
    "too many edits": [add(f"X-{i}", "x") for i in range(MANY)] + [b"a"],
    "edits that are too long": [add("X-A", "x" * 60000)] * 20 + [b"a"],
    "a field without a name": EDITS + [add("", "x"), b"a"],
    "a field with a bad name": EDITS + [add("X A:", "x"), b"a"],
    "half an edit": EDITS + [b"hX-A", b"a"],
    "an edit without a number": EDITS + [b"m\0\0", b"a"],
    "an address that is none": EDITS + [b"+" + strings("<a b"), b"a"],
    "too many recipients": EDITS + [b"+" + strings(f"<a{i:090}@b.example>")
                                    for i in range(20)] + [b"a"],
    "a NUL in a body": EDITS + [b"ba\0b", b"a"],
    "a body that is too large": [b"b" + b"x" * 65000] * 50 + [b"a"],
    "a shutdown": EDITS + [b"4"],
    "a failure": EDITS + [b"f"],
    "a skip": EDITS + [b"s"],
    "the end in the middle of edits": EDITS + [hang_up],
}


def cases_hostile(site, first, second):
    """Of a filter that fails no edit is done, and the client gets 451"""
    second.reset()
    for name, answers in HOSTILE.items():
        with tap.case(f"{name}: 451, and nothing has happened"):
            first.reset()
            first.say["E"] = answers
            said = send(site)
            check(said.startswith(LATER), said)
            nothing(site)
    with tap.case("the log names the filter, and the message"):
        log_has(site, f"filter {first.place}: it makes too many edits")


def cases_lenient(lenient, only):
    """With filter-failure accept the message goes on as it was"""
    for name, answers in HOSTILE.items():
        with tap.case(f"{name}: the message goes on as it was"):
            only.reset()
            only.say["E"] = answers
            fields, body = delivered(lenient)
            equal(body, BODY, "body")
            check(not any(f.startswith("X-A") for f in fields), "no edit")
    with tap.case("the log says so"):
        log_has(lenient, "the message goes on without it")


def cases_death(site, first, second):
    """A filter ends, or says nonsense, at each step"""
    second.reset()
    for letter in "OCHMRTLNBE":
        for name, answers in (("ends", [hang_up]), ("says nonsense", [b"!"]),
                              ("answers twice", [b"c", b"c"])):
            with tap.case(f"{name} at {letter}: 451"):
                first.reset()
                first.say[letter] = answers
                said = send(site)
                check(said.startswith(LATER), said)
                nothing(site)


def cases_versions(site, first, second):
    """An offer is answered in another version"""
    second.reset()
    for version, good in ((2, True), (3, True), (4, True), (6, True),
                          (1, False), (7, False)):
        with tap.case(f"version {version}: {'good' if good else '451'}"):
            first.reset()
            first.say["O"] = [b"O" + struct.pack(">III", version, 0x1f, 0)]
            said = send(site)
            check(said.startswith("250 " if good else LATER), said)
            # Older ones may hang up at a command that they do not know.
            equal(any(p[:1] == b"T" for p in first.seen[-1]),
                  good and version >= 4, "DATA")
            box(site)


def cases_stall(lenient, only):
    """A filter that is silent, or never ends, is given up"""
    def progress(connection):
        with contextlib.suppress(OSError):
            while True:
                connection.sock.sendall(packet(b"p") * 1000)
    for letter in "OCBE":
        with tap.case(f"silent at {letter}: the message goes on"):
            only.reset()
            only.say[letter] = []
            delivered(lenient)
    with tap.case("progress without an end: the message goes on"):
        only.reset()
        only.say["E"] = [progress]
        delivered(lenient)
    log_has(lenient, "it does not answer in time")


def test_gone(site, first, second):
    """A filter that is not there is 451; and nobody has to be restarted"""
    second.reset()
    path = first.place[5:]
    aside = Path(path).rename(path + ".aside")
    try:
        check(send(site).startswith(LATER), "451")
    finally:
        aside.rename(path)
    nothing(site)
    first.reset()
    delivered(site)


def test_rights(site, first, second):
    """The worker has one socket and no files

    Besides, it has the message, the server and the log.
    """
    found = {}

    def look(connection):
        pid = struct.unpack("3i", connection.sock.getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        try:
            found["files"] = proc.descriptors(pid)
            found["status"] = Path(f"/proc/{pid}/status").read_text()
        except (Skip, OSError) as error:
            found["error"] = error
        connection.answer([b"a"])
    first.reset()
    second.reset()
    first.say["E"] = [look]
    delivered(site)
    if "error" in found:
        raise Skip(f"its descriptors cannot be seen: {found['error']}")
    status = dict(line.split(":\t", 1)
                  for line in found["status"].splitlines() if ":\t" in line)
    equal((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"), "its rights")
    kinds = sorted(target.split(":")[0] if target.startswith("socket:")
                   else "message" if target.endswith("(deleted)") else "other"
                   for number, target in found["files"].items()
                   if int(number) > 2)
    equal(kinds, ["message", "socket", "socket"], "its descriptors")


def test_results(folder):
    """A filter sees the results of verifying, and none of our other fields"""
    with Filter(folder, name="results") as filter, \
            Site(1, "mail.example.org", "example.org",
                 f"filter {filter.place}\nreceived-spf on\n"
                 "proxy 127.0.0.1\npenalties off\n", tls=False) as site:
        for client, family in (("198.51.100.7", b"4"), ("2001:db8::7", b"6")):
            filter.reset()
            filter.say["E"] = [insert(0, "X-Top", "1"), b"a"]
            kind = "TCP4" if family == b"4" else "TCP6"
            server = "192.0.2.1" if family == b"4" else "2001:db8::1"
            with site.talk() as talker:
                talker.send(f"PROXY {kind} {client} {server} 4711 25\r\n")
                talker.hello()
                talker.expect("250 ", f"MAIL FROM:<{SENDER}>")
                talker.expect("250 ", "RCPT TO:<bob@example.org>")
                talker.expect("354 ", "DATA")
                talker.send(TEXT + b".\r\n")
                talker.expect("250 ")
            equal([n for n, _ in filter.fields()][:3],
                  ["Authentication-Results", "From", "Subject"], "fields")
            host, rest = filter.all("C")[0].split(b"\0", 1)
            equal((host, rest), (f"[{client}]".encode(), family
                                 + struct.pack(">H", 4711)
                                 + client.encode() + b"\0"), "client")
            names = [line.split(":")[0] for line in
                     box(site)[0].headers.decode().split("\r\n")
                     if line[:1].strip()]
            at = names.index("X-Top")
            equal(names[at - 2:at + 2],
                  ["Received-SPF", "Received", "X-Top",
                   "Authentication-Results"], "what is delivered")


# ---- all ways in ----

def test_ways(lenient, only):
    """Users' mail, chunks, UTF-8, the command and -bs come by the filters"""
    only.reset()
    only.say["E"] = [add("X-Seen", "yes"), b"a"]
    said = send(lenient, user=ALICE, sender="alice@example.org")
    check(said.startswith("250 "), said)
    equal(only.macros("M")["{auth_authen}"], "alice", "user")
    equal(only.macros("M")["{auth_type}"], "PLAIN", "mechanism")
    equal(only.macros("C")["{daemon_name}"], "MSA", "daemon")
    check(b"X-Seen: yes" in box(lenient)[0].wire, "submission")
    with lenient.talk() as talker:
        talker.hello()
        talker.expect("250 ", f"MAIL FROM:<{SENDER}> SMTPUTF8 BODY=8BITMIME")
        talker.expect("250 ", "RCPT TO:<bob@example.org>")
        text = "Subject: \u00e4\r\n\r\n\u00f6\r\n".encode()
        talker.send(b"BDAT %d LAST\r\n" % len(text) + text)
        check(talker.reply().last.startswith("250 "), "BDAT")
    check(only.all("M")[0].endswith(b"BODY=8BITMIME\0SMTPUTF8\0"), "MAIL")
    equal(only.body(), "\u00f6\r\n".encode(), "body")
    check(b"X-Seen: yes" in box(lenient)[0].wire, "chunks")
    done = lenient.call("smtpd", "-i", "bob@example.org",
                        stdin="Subject: x\n\nby the command\n")
    equal(done.returncode, 0, done.stderr)
    check(b"X-Seen: yes" in lenient.wait_mail("bob")[0].wire, "the command")
    box(lenient)
    equal(only.body(), b"by the command\r\n", "body")
    dialogue = ("EHLO x.example.org\r\nMAIL FROM:<>\r\n"
                "RCPT TO:<bob@example.org>\r\nDATA\r\nSubject: y\r\n\r\n"
                "by -bs\r\n.\r\nQUIT\r\n")
    done = lenient.call("smtpd", "-bs", stdin=dialogue)
    check("\n250 2.0.0 " in done.stdout, done.stdout + done.stderr)
    check(b"X-Seen: yes" in lenient.wait_mail("bob")[0].wire, "-bs")
    box(lenient)


def test_more_recipients(lenient, only):
    """A filter may add recipients beyond what one client may name"""
    only.reset()
    only.say["E"] = [b"+" + strings("<alice@example.org>"), b"a"]
    delivered(lenient)
    equal(len(box(lenient, "alice")), 1, "messages of alice")


def test_users_recipient(lenient, only):
    """To users' mail a filter may add anybody"""
    only.reset()
    only.say["E"] = [b"+" + strings("<x@elsewhere.example>"), b"a"]
    said = send(lenient, user=ALICE, sender="alice@example.org")
    check(said.startswith("250 "), said)
    lenient.end_runners()
    equal(sorted(r["address"] for m in lenient.mailq()
                 for r in m["recipients"]),
          ["bob", "x@elsewhere.example"], "recipients")
    lenient.settled()


def test_counts(site, first, second):
    """What filters do is counted"""
    first.reset()
    second.reset()
    text = site.call("smtpd", "--stats").stdout
    for word in ("filter_refused", "filter_discarded", "filter_held",
                 "filter_failed"):
        check(word in text, f"{word} in {text}")


def test_check(site, first, second):
    """--check sends each filter a test for spam, and says what it answers"""
    first.reset()
    second.reset()
    first.say["E"] = [reply("554 5.7.1 Gtube pattern")]
    text = site.call("smtpd", "--check").stdout
    check(f"filter {first.place} refuses a test for spam: 554 5.7.1 Gtube"
          in text, text)
    check(f"filter {second.place} takes a test for spam" in text, text)
    check(b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*"
          b"C.34X" in second.body(), "the test")
    nothing(site)


def tests(number):
    """The tests here that have so many fixtures."""
    return {name: f for name, f in globals().items()
            if name.startswith(("test_", "cases_"))
            and len(inspect.signature(f).parameters) == number}


def main():
    """Two filters before one server, and one before another."""
    settings = {"tls": False}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        with Filter(folder) as first, Filter() as second, \
                Site(1, "mail.example.org", "example.org",
                     f"filter {first.place}\nfilter {second.place}\n"
                     "auth off\nsize-limit 1M\n", **settings) as site:
            (site.dir / "aliases").write_text("away: x@elsewhere.example\n")
            site.hand(site.dir / "aliases")
            tap.run(tests(3), site, first, second)
        with Filter(folder, name="only") as only, \
                Site(1, "mail.example.org", "example.org",
                     f"filter {only.place}\nfilter-failure accept\n"
                     "filter-timeout 3\nfilter-users on\nauth off\n"
                     "size-limit 1M\nrecipients 1\n", **settings) as lenient:
            tap.run(tests(2), lenient, only)
        tap.run(tests(1), folder)
    tap.finish()


if __name__ == "__main__":
    main()
