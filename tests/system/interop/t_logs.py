# SPDX-License-Identifier: ISC
"""What smtpd and pop3d log, read by those who read mail logs.

Clients of all kinds work over real connections, from addresses that differ; the
lines that come of it go to Debian's fail2ban, logwatch and pflogsumm as they
are, and what these count must be what has happened. Then hostile names: no
line may make somebody else look guilty, end early, or hold a secret.
"""
import json
import re
from datetime import datetime

from lib import readers
from lib.traffic import (GOOD, GUESSER, SCRIPT, SPAMMER, Traffic, all_kinds,
                         connect)
from lib.fakemx import FakeMx
from lib.talk import b64, plain
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
SECRETS = ("opensesame", "two words, and a third", "Hunter2-SMTP",
           "Hunter2-POP3", "Hunter2-LOGIN")


def test_lines(traffic):
    """The lines are those of Postfix and Courier"""
    text = "\n".join(traffic.lines())
    client = r"unknown\[127\.0\.0\.\d\]"
    for pattern in (
            rf"postfix/smtpd\[\d+\]: connect from {client}$",
            rf"smtpd\[\d+\]: Anonymous TLS connection established from "
            rf"{client}: TLSv1\.[23] with cipher \S+$",
            rf"smtpd\[\d+\]: [0-9A-Z]{{12}}: client={client}$",
            rf"smtpd\[\d+\]: [0-9A-Z]{{12}}: client={client}, "
            r"sasl_method=PLAIN, sasl_username=alice$",
            r"cleanup\[\d+\]: [0-9A-Z]{12}: message-id=<one@example\.com>$",
            r"cleanup\[\d+\]: [0-9A-Z]{12}: message-id=<three@example\.org>$",
            r"qmgr\[\d+\]: [0-9A-Z]{12}: from=<x@example\.com>, size=\d+, "
            r"nrcpt=2 \(",
            r"smtp\[\d+\]: [0-9A-Z]{12}: to=<no@remote\.example>, relay="
            r"127\.0\.0\.1\[127\.0\.0\.1\]:\d+, delay=[\d.]+, delays=[\d.]+/"
            r"[\d.]+/[\d.]+/[\d.]+, dsn=5\.1\.1, status=bounced \(host ",
            r"local\[\d+\]: [0-9A-Z]{12}: to=<bob@example\.org>, "
            r"relay=local, delay=[\d.]+, delays=\S+, dsn=2\.0\.0, "
            r"status=sent \(delivered to mailbox\)$",
            r"qmgr\[\d+\]: [0-9A-Z]{12}: removed$",
            r"bounce\[\d+\]: [0-9A-Z]{12}: sender non-delivery "
            r"notification: [0-9A-Z]{12}$",
            rf"NOQUEUE: reject: RCPT from {client}: 550 5\.1\.1 "
            r"<nosuchuser@example\.org>: Recipient address rejected: User "
            r"unknown in local recipient table; from=<x@example\.com> "
            r"to=<nosuchuser@example\.org> proto=ESMTP helo=<\S+>$",
            rf"reject: RCPT from {client}: 550 5\.7\.1 <victim@elsewhere\."
            r"example>: Relay access denied; from=<",
            rf"reject: MAIL from {client}: 552 5\.3\.4 Message size exceeds",
            rf"warning: {client}: SASL PLAIN authentication failed: ",
            rf"lost connection after DATA \(\d+ bytes\) from {client}$",
            rf"disconnect from {client} ehlo=1 mail=1/2 rcpt=0/3 rset=1 "
            r"unknown=0/1 commands=3/8$",
            rf"disconnect from {client} ehlo=1 auth=0/3 quit=1 "
            r"commands=2/5$",
            rf"disconnect from {client} ehlo=1 starttls=1 auth=1 mail=1 "
            r"rcpt=2 data=1 quit=1 commands=8$",
            r"^pop3d\[\d+\]: LOGIN, user=bob, ip=\[127\.0\.0\.4\], "
            r"port=\[\d+\]$",
            rf"^pop3d\[\d+\]: LOGOUT, user=bob, ip=\[127\.0\.0\.4\], "
            rf"port=\[\d+\], top=0, retr={traffic.size}, rcvd=\d+, sent=\d+, "
            r"time=\d+$",
            r"^pop3d\[\d+\]: DISCONNECTED, user=bob, ",
            r"^pop3d\[\d+\]: LOGIN FAILED, user=nosuchuser, "
            r"ip=\[127\.0\.0\.2\]"):
        check(re.search(pattern, text, re.M), f"no {pattern} in\n{text}")


def test_one_process_a_connection(traffic):
    """All lines of a connection carry one number, STARTTLS or not"""
    open_ones = set()
    for line in traffic.lines():
        found = re.match(r"postfix/smtpd\[(\d+)\]: (connect|disconnect) "
                         "from", line)
        if found and found.group(2) == "connect":
            open_ones.add(found.group(1))
        elif found:
            check(found.group(1) in open_ones, f"never connected: {line}")
    check(open_ones, "no connections")


def test_fail2ban_postfix(traffic):
    """fail2ban's filter postfix finds who was refused, and who guessed"""
    fail2ban = readers.Fail2ban(traffic.server.dir)
    equal(fail2ban.hosts(traffic.lines(), "postfix"), [SPAMMER] * 3,
          "mode more")
    equal(fail2ban.hosts(traffic.lines(), "postfix", mode="auth"),
          [GUESSER] * 3, "mode auth")
    found = fail2ban.hosts(traffic.lines(), "postfix", mode="aggressive")
    check(set(found) == {SPAMMER, GUESSER}, str(found))


def test_fail2ban_courier(traffic):
    """fail2ban's filter courier-auth finds failed logins of POP3"""
    fail2ban = readers.Fail2ban(traffic.server.dir)
    equal(fail2ban.hosts(traffic.lines(), "courier-auth"), [GUESSER] * 2)


def test_log_name(_):
    """With log-name restante they must be told, as the manual says"""
    ours = {"_daemon": r"restante/\w+"}
    with FakeMx() as mx, Traffic(mx, "log-name restante\n") as traffic:
        traffic.guess()
        traffic.spam()
        traffic.wait("disconnect from", 3)
        lines = traffic.lines()
        fail2ban = readers.Fail2ban(traffic.server.dir)
        equal(fail2ban.hosts(lines, "postfix", **ours), [SPAMMER] * 3, "more")
        equal(fail2ban.hosts(lines, "postfix", mode="auth", **ours),
              [GUESSER] * 3)
        equal(fail2ban.hosts(lines, "postfix"), [], "without it (control)")
        report = readers.pflogsumm(lines, "--syslog-name=restante")
        equal(readers.number(report, "rejected"), 4, "pflogsumm: rejected")
        report = readers.logwatch(traffic.server.dir, lines, "postfix",
                                  postfix_syslog_name="restante")
        check("Unmatched" not in report, report)


def test_pflogsumm(traffic):
    """pflogsumm counts what has happened"""
    report = readers.pflogsumm(traffic.lines())
    for name, count in (("received", 4), ("delivered", 5), ("deferred", 1),
                        ("bounced", 1), ("rejected", 4), ("connections", 7)):
        equal(readers.number(report, name), count, f"{name} of\n{report}")
    check("no message size" not in report, report)


def test_logwatch_postfix(traffic):
    """logwatch's script postfix knows each line, and counts the same"""
    report = readers.logwatch(traffic.server.dir, traffic.lines(), "postfix")
    check("Unmatched" not in report, report)
    for name, count in (("Accepted", 4), ("Connections", 7),
                        ("Disconnections", 7),
                        ("Delivered", 4), ("Sent via SMTP", 1),
                        ("Bounced \\(local\\)", 1),
                        ("SASL authentication failed", 3),
                        ("SASL authenticated messages", 2),
                        ("5xx Reject unknown user", 2),
                        ("5xx Reject relay denied", 1),
                        ("5xx Reject message size", 1),
                        ("TLS connections \\(server\\)", 2),
                        ("Connections lost \\(inbound\\)", 2)):
        found = re.search(rf"^\s*(\d+) +{name} ", report, re.M)
        check(found and int(found.group(1)) == count,
              f"{count} {name} in\n{report}")


def test_logwatch_pop3(traffic):
    """logwatch's script pop3 knows each line of pop3d"""
    report = readers.logwatch(traffic.server.dir, traffic.lines(), "pop3")
    check("Unmatched" not in report, report)
    for name in ("alice", "nosuchuser"):
        check(re.search(rf"{GUESSER} \({name}\) \| +1$", report, re.M),
              report)
    check(re.search(r" bob \| +1 \|", report), report)
    check("Total 3 successful logins" in report, report)


# ---- those who would rather be somebody else in the log ----

def log_bytes(traffic):
    """The lines as octets."""
    return [line for daemon in (traffic.server.smtpd, traffic.server.pop3d)
            for line in daemon.log.read_bytes().splitlines()
            if not line.startswith(b"listening on ")]


def intrude(traffic, names):
    """Uses each name as HELO, sender, recipient and login, in SMTP and POP3."""
    for name in names:
        with connect(traffic.server.submission, GUESSER) as talker:
            talker.expect("220 ")
            talker.send(b"EHLO " + name + b"\r\n")
            talker.reply()
            talker.expect("250 ", "EHLO x")
            talker.send("AUTH PLAIN "
                        + b64(b"\0" + name + b"\0Hunter2-SMTP") + "\r\n")
            talker.reply()
        with connect(traffic.server.smtp, GUESSER) as talker:
            talker.expect("220 ")
            talker.send(b"HELO " + name + b"\r\n")
            talker.reply()
            for say in (b'MAIL FROM:<"%s"@example.com>', b"MAIL FROM:<x@y.z>",
                        b'RCPT TO:<"%s"@elsewhere.example>',
                        b'RCPT TO:<"%s"@example.org>', b"%s"):
                talker.send((say % name if b"%s" in say else say) + b"\r\n")
                talker.reply()
        with connect(traffic.server.pop3, GUESSER) as talker:
            talker.pop("+OK")
            talker.send(b"USER " + name + b"\r\n")
            if talker.line().startswith("+OK"):
                talker.pop("-ERR", "PASS Hunter2-POP3")


def test_controls(traffic):
    """Control characters of all kinds, from clients and next hops: escaped"""
    odd = bytes([*range(1, 10), 11, 12, *range(14, 32), *range(127, 160), 255])
    before = len(log_bytes(traffic))
    intrude(traffic, [b"a" + odd[i:i + 8] + b"z" for i in range(0, len(odd), 8)]
            + [b"\x1b[2J" + b"A" * 400])
    traffic.receive(["bob@example.org"], "odd\x1b]0;x\x07@example.com")
    traffic.send(["odd@remote.example"], "odd@example.org")
    traffic.wait(r"to=<odd@remote\.example>.*\?\[31m\?\\x9b\\xff no")
    traffic.wait(r"message-id=<odd\\x1b\]0;x\\x07@example\.com>")
    new = log_bytes(traffic)[before:]
    check(len(new) > 40, f"{len(new)} lines")
    for line in new:
        check(re.fullmatch(rb"(postfix/\w+|pop3d)\[\d+\]: [ -~]{1,1000}",
                           line), repr(line))
        check(len(line) < 1024, f"{len(line)} octets: {line!r:.200}")


def test_scapegoats(traffic):
    """No name makes fail2ban take somebody else for the guilty one"""
    goat = "203.0.113.9"
    lie = f"unknown[{goat}]: SASL PLAIN authentication failed: x"
    names = [f"x, ip=[{goat}]", f"x], ip=[{goat}", f"ip=[{goat}], user=x",
             f"x\\, ip=[{goat}], port=[1]", lie, f"warning: {lie}",
             f"x> from unknown[{goat}]: 550 5.1.1 User unknown",
             f"NOQUEUE: reject: RCPT from unknown[{goat}]: 550 5.1.1 <a>: "
             "Recipient address rejected: User unknown;",
             f"too many errors after RCPT from unknown[{goat}]"]
    intrude(traffic, [name.encode() for name in names])
    fail2ban = readers.Fail2ban(traffic.server.dir)
    for name, options in (("postfix", {"mode": "aggressive"}),
                          ("postfix", {"mode": "auth"}),
                          ("courier-auth", {})):
        found = set(fail2ban.hosts(traffic.lines(), name, **options))
        check(GUESSER in found and goat not in found, f"{name}: {found}")
    # The lines that would do it, were the names written as they came.
    equal(fail2ban.hosts([f"pop3d[1]: LOGIN FAILED, user=x, ip=[{goat}], "
                          "ip=[127.0.0.2]"], "courier-auth"), [goat],
          "a name as it came (control)")


def test_json(_):
    """log json: objects alone, whatever was said, with the same message"""
    with FakeMx(SCRIPT) as mx, Traffic(mx, "log stderr json\n") as traffic:
        traffic.receive(["bob@example.org"], "one@example.com")
        traffic.send(["yes@remote.example", "odd@remote.example"],
                 "two@example.org")
        traffic.guess()
        traffic.spam()
        traffic.collect()
        intrude(traffic, [b"a\x01\x7f\x1b[2Jz", b'\\"}', b"A" * 400,
                      "\u00fc\u202e".encode(), b"\xc3\xff"])
        traffic.wait("status=sent", 2)
        traffic.wait("status=bounced")
        objects = [json.loads(line) for line in log_bytes(traffic)]
    for o in objects:
        check({"time", "program", "pid", "level", "message"} <= set(o), str(o))
        datetime.fromisoformat(o["time"].replace("Z", "+00:00"))
        check(o["level"] in ("info", "warning", "error"), str(o))
    has(objects, program="postfix/smtpd", event="connect",
        fields={"ip": GOOD})
    has(objects, program="postfix/smtpd", event="client", fields={
        "ip": GOOD, "client": f"unknown[{GOOD}]", "sasl_method": "PLAIN",
        "sasl_username": "alice"})
    has(objects, program="postfix/smtp", fields={
        "to": "yes@remote.example", "status": "sent"}, id=True)
    has(objects, event="reject", fields={
        "ip": SPAMMER, "from": "x@example.com", "proto": "ESMTP",
        "to": "victim@elsewhere.example"})
    has(objects, program="pop3d", event="LOGIN FAILED", level="warning",
        fields={"user": "nosuchuser", "ip": GUESSER})
    has(objects, message=f"LOGIN FAILED, user=a\x01\x7f\x1b?2Jz, "
        f"ip=[{GUESSER}]")


def has(objects, fields=None, message="", id=False, **members):
    """Some object has these members and fields."""
    def fits(o):
        return all(o.get(k) == v for k, v in members.items()) and all(
            o.get("fields", {}).get(k) == v
            for k, v in (fields or {}).items()) and \
            o["message"].startswith(message) and (not id or "id" in o)
    check(any(fits(o) for o in objects),
          f"none with {members} {fields} {message!r} in\n"
          + "\n".join(map(str, objects)))


def test_out_of_place(traffic):
    """A password where a command is due is no word of the log"""
    log = traffic.server.smtpd
    for said in ("Hunter2-LOGIN", b64("Hunter2-LOGIN"), "AUTHPLAIN x"):
        before = log.text().count("disconnect from")
        with connect(traffic.server.submission, GUESSER) as talker:
            talker.hello()
            talker.expect("500 ", said)
        wait_for(lambda: log.text().count("disconnect from") > before,
                 "the end of the session")
        equal(re.sub(r".*\]: ", "", log.text().splitlines()[-2]),
              f"lost connection after UNKNOWN from unknown[{GUESSER}]", said)


def test_no_secrets(traffic):
    """After all these logins no log holds a password, in any form"""
    text = "".join(path.read_text(errors="replace")
                   for path in traffic.server.dir.glob("*.log"))
    check("authentication failed" in text and "LOGIN FAILED" in text, "empty")
    for secret in SECRETS:
        for form in (secret, b64(secret), b64("\0" + secret),
                     secret.encode().hex()):
            check(form not in text, f"the log holds {form!r}")
        for user in ("alice", "bob"):
            check(plain(user, secret) not in text, f"{user}: AUTH PLAIN")


if __name__ == "__main__":
    with FakeMx(SCRIPT) as hop, Traffic(hop) as fixture:
        all_kinds(fixture)
        tap.run(globals(), fixture)
    tap.finish()
