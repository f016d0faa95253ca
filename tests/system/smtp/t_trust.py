# SPDX-License-Identifier: ISC
"""Who sends without a login, for its address: `trust`, and what goes with it;
what `ehlo-hide` keeps from whom; how many recipients there may be; and what
`hide-client` does not tell of users."""
import email
import re
import smtplib
import subprocess
import sys

from lib.namespace import COMMAND, again
from lib.scratch import ALICE, Instance, Scratch, client_context, tool
from lib.site import Queue
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
FAR = "x@far.example"
TEXT = "From: p@example.org\r\nSubject: x\r\n\r\nx\r\n"
RELAYING = "550 5.7.1 Relaying denied"
PRINTER, LAN, STRANGER = "127.0.0.7", "127.0.1.1", "127.0.0.9"
CONFIG = f"trust {PRINTER} printer\ntrust 127.0.1.0/24\nauth off\n"


class Server(Queue, Instance):
    """A server whose queue can be looked at."""


def keywords(talker):
    """What EHLO offers, as a dict of words and parameters."""
    return {line.partition(" ")[0]: line.partition(" ")[2]
            for line in talker.hello().words()}


def rcpt(server, source, *recipients, port=None, sender="p@example.org"):
    """The last reply to RCPT from that address."""
    with server.connect(port or server.smtp, source=source) as talker:
        talker.hello()
        talker.expect("250 ", f"MAIL FROM:<{sender}>")
        for recipient in recipients:
            talker.send(f"RCPT TO:<{recipient}>\r\n")
            last = talker.reply().last
        return last


def send(server, source, *recipients, port=None, text=TEXT, helo="device"):
    """A message without a login; the reply to it."""
    with server.connect(port or server.smtp, source=source) as talker:
        talker.hello(helo)
        talker.expect("250 ", "MAIL FROM:<p@example.org>")
        for recipient in recipients or (FAR,):
            talker.expect("250 ", f"RCPT TO:<{recipient}>")
        talker.expect("354 ", "DATA")
        talker.send(text + ".\r\n")
        return talker.reply().last


def raw(server, ident):
    """The queue file of a message."""
    return next(path.read_text() for path in server.queue_files()
                if path.name.startswith(ident))


# ---- trust ----

def test_ports():
    """A trusted client sends to everybody, on every port; others do not"""
    with Server(CONFIG) as server:
        for port in (server.smtp, server.submission):
            for source in (PRINTER, LAN):
                check(send(server, source, port=port).startswith("250 "))
        check(rcpt(server, STRANGER, FAR).startswith(RELAYING))
        with server.connect(server.submission, source=STRANGER) as talker:
            talker.hello()
            talker.expect("530 ", "MAIL FROM:<p@example.org>")
        equal(len(server.mailq()), 4, "messages in the queue")


def test_default():
    """By default nobody is trusted: not this machine, by TCP"""
    with Server() as server:
        check(rcpt(server, "127.0.0.1", FAR).startswith(RELAYING))


def test_counts_for():
    """Mail counts for the name, or for the network: queue file and limits"""
    with Server(CONFIG + "account-messages 1\n") as server:
        for source, name in ((PRINTER, "printer"), (LAN, "127.0.1.0/24")):
            first = send(server, source)
            check(f"\nuser: {name}\n" in raw(server, first.split()[-1]), name)
            check(send(server, source).startswith("450 4.7.1 "), name)
        wait_for(lambda: "sasl_username=<printer>" in server.smtpd.text(),
                 "the limit in the log")


def test_default_limit():
    """Without account-messages a trusted name has 200 in an hour, a user any"""
    with Server(CONFIG + "account-messages 0 127.0.1.0/24\n") as server:
        with server.connect(server.smtp, source=PRINTER) as talker:
            talker.hello()
            for _ in range(200):
                talker.submit("p@example.org", [FAR], TEXT)
            talker.expect("250 ", "MAIL FROM:<p@example.org>")
            talker.expect("250 ", f"RCPT TO:<{FAR}>")
            talker.expect("354 ", "DATA")
            talker.send(TEXT + ".\r\n")
            talker.expect("450 4.7.1 ")
        with server.connect(server.smtp, source=LAN) as talker:
            talker.hello()
            for _ in range(201):
                talker.submit("p@example.org", [FAR], TEXT)


def test_login():
    """A trusted client may still log in, and is that user then"""
    with Server(CONFIG) as server, \
            server.connect(server.submission, source=PRINTER) as talker:
        check("AUTH" in keywords(talker), "AUTH is offered")
        check("Trusted as printer" in repr(talker.expect("211 ",
                                                         "HELP STATUS")))
        talker.login(*ALICE)
        check("Logged in as alice" in repr(talker.expect("211 ",
                                                         "HELP STATUS")))
        talker.expect("503 ", "AUTH PLAIN")
        talker.submit("alice@example.org", [FAR], TEXT)
        path, = server.queue_files()
        check("\nuser: alice\n" in path.read_text(), "the user counts")


def test_sender_check():
    """sender-check counts for the name; what is granted to it is allowed"""
    grant = "sender-check login\nsender printer scan@example.org\n" \
        "sender 127.0.1.0/24 lan@example.org\n"
    with Server(CONFIG + grant) as server:
        for source, sender, allowed in (
                (PRINTER, "scan@example.org", True),
                (PRINTER, "printer@example.org", True),
                (PRINTER, "alice@example.org", False),
                (LAN, "lan@example.org", True),
                (LAN, "scan@example.org", False)):
            with server.connect(server.smtp, source=source) as talker:
                talker.hello()
                talker.expect("250 " if allowed else "553 5.7.1 ",
                              f"MAIL FROM:<{sender}>")


def test_as_users():
    """Names are completed, the message is; no list and no waiting"""
    with Server(CONFIG + "greylist 300\npolicy-exempt 192.0.2.1\n"
                "dnsbl bl.test\n") as server:
        check(rcpt(server, STRANGER, "bob@example.org").startswith("450 "))
        send(server, PRINTER, "bob", text="From: me\r\nSubject: x\r\n\r\nx\r\n")
        message = email.message_from_bytes(server.mailbox("bob").read_bytes())
        equal(message["From"], "me@mail.example.org")
        check(message["Date"] and message["Message-ID"], "completed")


def test_name():
    """A name outside ASCII is no error of theirs; of a stranger it is"""
    name, octets = "MÜLLER-PC", b"HELO M\xdcLLER\r\n"
    with Server(CONFIG + "proxy 127.0.0.8\n") as server:
        for source in (PRINTER, "127.0.0.1"):
            check(send(server, source, "bob@example.org",
                       helo=name).startswith("250 "))
            with server.connect(server.smtp, source=source) as talker:
                talker.expect("220 ")
                talker.send(octets)
                talker.expect("250 ")
        with server.connect(server.smtp, source="127.0.0.8") as talker:
            talker.send(b"PROXY TCP4 192.0.2.7 192.0.2.9 4711 25\r\n")
            talker.expect("220 ")
            talker.send(octets)
            talker.expect("500 5.5.2")
        check(server.mailbox("bob").read_bytes().isascii(), "Received")


def test_proxy():
    """What counts is the proxy's client; not the proxy; no claimed loopback"""
    local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"
    with Server("proxy 127.0.0.0/8\ntrust 127.0.0.0/8\n"
                "trust 192.0.2.7 printer\nauth off\n") as server:
        for header, trusted in (
                (b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n", True),
                (b"PROXY TCP4 192.0.2.8 192.0.2.1 4711 25\r\n", False),
                (b"PROXY TCP4 127.0.0.1 192.0.2.1 4711 25\r\n", False),
                (b"PROXY UNKNOWN\r\n", False),
                (local, False)):
            with server.connect(server.smtp) as talker:
                talker.send(header)
                talker.expect("220 ")
                talker.expect("250 ", "EHLO device")
                talker.expect("250 ", "MAIL FROM:<p@example.org>")
                talker.expect("250 " if trusted else RELAYING,
                              f"RCPT TO:<{FAR}>")


def test_starttls():
    """After STARTTLS the client is trusted as before"""
    with Server(CONFIG) as server, \
            server.connect(server.smtp, source=PRINTER) as talker:
        talker.hello()
        talker.expect("220 ", "STARTTLS")
        talker.start_tls(client_context())
        talker.expect("250 ", "EHLO device")
        talker.submit("p@example.org", [FAR], TEXT)


def test_programs():
    """smtplib, swaks and msmtp send as a printer does: no TLS, no login"""
    with Server("trust 127.0.0.0/8 app\n") as server:
        with smtplib.SMTP("127.0.0.1", server.smtp) as client:
            client.sendmail("app@example.org", [FAR], TEXT)
        sent = 1
        if tool("swaks"):
            subprocess.run(
                ["swaks", "--server", f"127.0.0.1:{server.smtp}", "--from",
                 "app@example.org", "--to", FAR, "--hide-all"], check=True)
            sent += 1
        if tool("msmtp"):
            subprocess.run(
                ["msmtp", "--file=/dev/null", "--host=127.0.0.1",
                 f"--port={server.smtp}", "--from=app@example.org", FAR],
                input=TEXT.encode(), check=True)
            sent += 1
        equal(len(server.mailq()), sent, "messages in the queue")
        if sent < 3:
            raise Skip("swaks or msmtp is not there (Debian packages of these "
                       "names)")


# ---- ehlo-hide ----

def test_hide():
    """A hidden extension is not offered to these; STARTTLS is refused, too"""
    with Instance("ehlo-hide STARTTLS,STLS 127.0.0.7 ::1\n"
                  "ehlo-hide CHUNKING\n") as server:
        with server.connect(server.smtp, source=PRINTER) as talker:
            offered = keywords(talker)
            check("STARTTLS" not in offered and "AUTH" in offered, offered)
            check("CHUNKING" not in offered, offered)
            check("BINARYMIME" not in offered, "it needs CHUNKING")
            talker.expect("502 5.5.1 There is no TLS here", "STARTTLS")
        with server.connect(server.smtp, source=STRANGER) as talker:
            offered = keywords(talker)
            check("STARTTLS" in offered and "CHUNKING" not in offered, offered)
            talker.expect("220 ", "STARTTLS")
        for source, hidden in ((PRINTER, True), (STRANGER, False)):
            with server.connect(server.pop3, source=source) as talker:
                talker.pop("+OK")
                lines = talker.pop_block("CAPA")
                equal("STLS" in repr(lines), not hidden, repr(lines))
                talker.pop("-ERR" if hidden else "+OK", "STLS")


def test_hide_smtplib():
    """smtplib that wants TLS where it is offered does without"""
    with Instance("ehlo-hide STARTTLS 127.0.0.0/8\n") as server, \
            smtplib.SMTP("127.0.0.1", server.submission) as client:
        client.ehlo()
        check(not client.has_extn("starttls"))
        client.login(*ALICE)
        client.sendmail("alice@example.org", ["bob@example.org"], TEXT)


def test_hide_proxy():
    """A client that is said to be on this machine gets all extensions"""
    with Instance("proxy 127.0.0.1\nehlo-hide STARTTLS 127.0.0.0/8 192.0.2.7\n"
                  ) as server:
        for address, offered in (("127.0.0.1", True), ("192.0.2.7", False),
                                 ("192.0.2.8", True)):
            with server.connect(server.smtp) as talker:
                talker.send(f"PROXY TCP4 {address} 192.0.2.1 4711 25\r\n")
                equal("STARTTLS" in keywords(talker), offered, address)


# ---- recipients ----

def test_recipients():
    """recipients: for strangers, for users; LIMITS says so; then 452"""
    with Server(CONFIG + "recipients 2\nrecipients 3 user\n") as server:
        many = [f"bob+{n}@example.org" for n in range(4)]
        for source, most in ((STRANGER, 2), (PRINTER, 3)):
            with server.connect(server.smtp, source=source) as talker:
                equal(keywords(talker)["LIMITS"], f"RCPTMAX={most}", source)
            check(rcpt(server, source, *many[:most]).startswith("250 "))
            check(rcpt(server, source, *many[:most + 1]).startswith(
                "452 4.5.3 "), source)
        with server.connect(server.submission, source=STRANGER) as talker:
            equal(keywords(talker)["LIMITS"], "RCPTMAX=3", "submission")
        with server.connect(server.smtp, source=STRANGER) as talker:
            talker.hello()
            talker.login(*ALICE)
            check("250-LIMITS RCPTMAX=3" in repr(talker.expect(
                "250 ", "EHLO client.example.net")), "a login")
            talker.submit("alice@example.org", many[:3], TEXT)


def test_local_recipients():
    """A script's message has more, whatever users on the network have"""
    with Server("recipients 2\nrecipients 3 user\n") as server:
        names = [f"x{n}@far.example" for n in range(1100)]
        done = server.call("smtpd", "-t", stdin="Subject: x\nBcc: "
                           + ",\n ".join(names) + "\n\nx\n")
        equal(done.returncode, 0, done.stderr)
        equal(sum(len(entry["recipients"]) for entry in server.mailq()), 1100,
              "recipients")
        done = server.call("smtpd", "-bs", stdin="EHLO x\r\nQUIT\r\n")
        check("LIMITS RCPTMAX=10000" in done.stdout, done.stdout)


# ---- hide-client ----

def received(server, user="bob"):
    """The Received field of the one message of a mailbox, which is emptied."""
    path = server.mailbox(user)
    message = email.message_from_bytes(path.read_bytes())
    path.unlink()
    field, = message.get_all("Received")
    return re.sub(r"\s+", " ", field)


# Extended-Domain, by and the rest, as RFC 5321 section 4.4 has them.
STAMP = re.compile(
    r"from \S+ \([^()]*\) (?:\([^()]*\) )?by \S+ \(restante\) "
    r"with \w+ id \w+(?: for <\S+>)?; \w+, \d+ \w+ \d{4} [\d:]+ [+-]\d{4}")


def test_hide_client():
    """Where a user is, and its HELO, are in the log alone; strangers' stay"""
    with Server(CONFIG) as server:
        with server.connect(server.submissions, client_context(),
                            source=STRANGER) as talker:
            talker.hello("[10.9.8.7]")
            talker.login(*ALICE)
            talker.submit("alice@example.org", ["bob@example.org"], TEXT)
        stamp = received(server)
        check(STAMP.fullmatch(stamp), stamp)
        check(STRANGER not in stamp and "10.9.8.7" not in stamp, stamp)
        check(stamp.startswith("from mail.example.org (a user) "), stamp)
        check(" with ESMTPSA id " in stamp and "alice" not in stamp, stamp)
        ident = re.search(r" id (\w+)", stamp)[1]
        wait_for(lambda: f"{ident}: client=unknown[{STRANGER}]"
                 in server.smtpd.text(), "the address in the log")
        send(server, PRINTER, "bob@example.org", helo="printer.lan")
        stamp = received(server)
        check(STAMP.fullmatch(stamp), stamp)
        check(PRINTER not in stamp and "printer" not in stamp, stamp)
        send(server, STRANGER, "bob@example.org", helo="mx.far.example")
        stamp = received(server)
        check(STAMP.fullmatch(stamp), stamp)
        check(stamp.startswith(f"from mx.far.example ([{STRANGER}]) "), stamp)


def test_show_client():
    """hide-client off: as for strangers"""
    with Server("hide-client off\n") as server:
        with server.connect(server.submission, source=STRANGER) as talker:
            talker.hello("[10.9.8.7]")
            talker.login(*ALICE)
            talker.submit("alice@example.org", ["bob@example.org"], TEXT)
        check(received(server).startswith(f"from [10.9.8.7] ([{STRANGER}]) "))


# ---- --check ----

WORLD = "error: trust {}: a large part of the world "
NEAR = "warning: trust {}: this is not a private network"
CHECKS = [
    ("trust 0.0.0.0/0", WORLD.format("0.0.0.0/0")),
    ("trust 0.0.0.0/7", WORLD.format("0.0.0.0/7")),
    ("trust ::/0", WORLD.format("::/0")),
    ("trust 2000::/3", WORLD.format("2000::/3")),
    ("trust 11.0.0.0/8", NEAR.format("11.0.0.0/8")),
    ("trust 192.0.2.7 app", NEAR.format("192.0.2.7")),
    ("trust 2001:db8::/48", NEAR.format("2001:db8::/48")),
    ("trust 127.0.0.0/8 app", "ok: clients from 127.0.0.0/8 may send to "
     "everybody without a login, as app"),
    ("trust 10.255.255.0/24", "ok: clients from 10.255.255.0/24 may send to "
     "everybody without a login, as 10.255.255.0/24"),
    ("ehlo-hide STARTTLS", "error: ehlo-hide STARTTLS: clients elsewhere"),
    ("ehlo-hide STLS", "error: ehlo-hide STLS: clients elsewhere"),
    ("ehlo-hide STARTTLS 10.0.0.0/8", "error: ehlo-hide STARTTLS: "),
    ("ehlo-hide STARTTLS 126.0.0.0/7", "error: ehlo-hide STARTTLS: "),
    ("recipients 50", "warning: recipients 50: "),
]
FINE = ["sender-check login\n"
        "trust 10.255.0.1 scan\nsender scan s@example.org\n"
        "trust 10.255.1.0/24\nsender 10.255.1.0/24 t@example.org",
        "ehlo-hide STARTTLS,STLS 127.0.0.0/8 ::1",
        "ehlo-hide CHUNKING",
        "trust 10.255.0.0/16\nehlo-hide STARTTLS 10.255.3.0/24"]


def checks():
    """Each of these, and what nothing is wrong with."""
    with Scratch() as scratch:
        for config, begins in CHECKS:
            with tap.case(f"--check: {config!r}"):
                scratch.configure(config)
                lines = scratch.call("smtpd", "--check").stdout.splitlines()
                found = [x for x in lines if x.startswith(begins)]
                equal(len(found), 1, str(lines))
        for config in FINE:
            with tap.case(f"--check, fine: {config!r}"):
                scratch.configure(config)
                lines = scratch.call("smtpd", "--check").stdout.splitlines()
                check(not [x for x in lines if re.match(
                    "(error|warning): (trust|ehlo-hide|sender)", x)], str(lines))


# ---- a bridge and a router, in a network of our own ----

BRIDGE = ["ip link set lo up", "ip link add br9 type bridge",
          "ip address add 10.255.7.1/24 dev br9", "ip link set br9 up",
          "ip route add default via 10.255.7.254"]
SYSFS = ("mount", "-t", "sysfs", "sysfs", "/sys")
BEHIND = ("error: trust {} contains 10.255.7.1, the address of this machine "
          "at the bridge br9: ",
          "warning: trust {} contains the router 10.255.7.254: ")


def inside():
    """--check finds whom others can hide behind, and nothing else"""
    with Scratch() as scratch:
        for network, found in (("10.255.7.0/24", 2), ("10.255.7.1", 1),
                               ("10.255.7.9", 0)):
            scratch.configure(f"trust {network}")
            lines = scratch.call("smtpd", "--check").stdout.splitlines()
            equal(sum(x.startswith(tuple(b.format(network) for b in BEHIND))
                      for x in lines), found, str(lines))


def main():
    """All of it, or what is run again in a network of its own."""
    if sys.argv[1:] == ["inside"]:
        for command in (SYSFS, *map(str.split, BRIDGE)):
            subprocess.run(command, check=True)
        with tap.case(inside.__doc__):
            inside()
        tap.finish()
    checks()
    tap.run(globals())
    try:
        again(tap, "inside", SYSFS, command=["unshare", "-n", *COMMAND[1:]])
    except Skip as reason:
        tap.skip("a bridge and a router", str(reason))
    tap.finish()


main()
