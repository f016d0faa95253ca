# SPDX-License-Identifier: ISC
"""Mail of strangers is verified, from port 25 to the mailbox.

A message that claims to be from a domain whose policy is reject must not come
in, one that the domain vouches for must, and what nobody can find out must
never keep mail out. What a message brings along in our name must go.
"""
import base64
import hashlib
import json
import os
import re
from pathlib import Path

from lib.scratch import Instance, Scratch
from lib.spfsuite import ZoneDns, records_of
from lib.talk import stuff
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
CLIENT = "198.51.100.7"
TEXT = "From: {author}\r\nTo: bob@example.org\r\nSubject: hello\r\n{more}\r\n" \
    "text\r\n"
FORGED = "Authentication-Results: mail.example.org; dmarc=pass\r\n" \
    "X-Spam-Flag: YES\r\n"
RECORDS = {
    "good.example": {"TXT": [f"v=spf1 ip4:{CLIENT} -all"]},
    "_dmarc.good.example": {"TXT": ["v=DMARC1; p=reject"]},
    "_dmarc.quarantine.example": {"TXT": ["v=DMARC1; p=quarantine"]},
    "_dmarc.none.example": {"TXT": ["v=DMARC1; p=none"]},
    "xn--bcher-kva.example": {"TXT": [f"v=spf1 ip4:{CLIENT} -all"]},
    "_dmarc.xn--bcher-kva.example": {"TXT": ["v=DMARC1; p=reject"]},
    "_dmarc.broken.example": "failed",
    "slow.example": "silent",
    "_dmarc.slow.example": {"TXT": ["v=DMARC1; p=reject"]},
    "long.example": {"TXT": ["x" * 3000, f"v=spf1 ip4:{CLIENT} -all"]},
    "_dmarc.long.example": {"TXT": ["v=DMARC1; p=reject"]},
    "lists.example": {"TXT": [f"v=spf1 ip4:{CLIENT} -all"]},
    "bounce.lists.example": "failed",
    "tired.example": "failed",
    "k._domainkey.lists.example": "failed",
    "k._domainkey.null.example": "failed",
    "_dmarc.null.example": {"TXT": ["v=DMARC1; p=none"]},
    "x.odd.example": {"TXT": [f"v=spf1 ip4:{CLIENT} -all"]},
    "_dmarc.odd.example": "failed",
    # Domains that send no mail: without an MX, and with a null one.
    "silent.example": {"TXT": ["v=spf1 -all"]},
    "null.example": {"TXT": ["v=spf1 -all"], "MX": [""]},
    "unlisted.example": {"TXT": ["v=spf1 -all"], "MX": ["mx.good.example"]},
    "7.100.51.198.in-addr.arpa": {"PTR": ["other.example", "mx.good.example"]},
    "8.100.51.198.in-addr.arpa": {"PTR": ["mx.good.example"]},
    "9.100.51.198.in-addr.arpa": "failed",
    "mx.good.example": {"A": [bytes([198, 51, 100, 7])]},
    "other.example": {"A": [bytes([198, 51, 100, 1])]},
}


class Server(Instance):
    """Strangers come to it by a proxy; records: what is in the DNS."""

    def __init__(self, records, config=""):
        self.dns = ZoneDns(records_of(records))
        try:
            super().__init__(
                f"resolver {self.dns.address}\nproxy 127.0.0.1\n"
                f"policy-exempt 192.0.2.200\n{config}\n")
        except BaseException:
            self.dns.__exit__()
            raise

    def __exit__(self, *_):
        super().__exit__()
        self.dns.__exit__()

    def bring(self, data, sender="a@good.example", client=CLIENT,
              helo="client.good.example", to="bob@example.org", params=""):
        """The reply to a message, which is octets."""
        with self.connect(self.smtp) as talker:
            family = "TCP6" if ":" in client else "TCP4"
            other = "2001:db8::1" if ":" in client else "192.0.2.1"
            talker.send(f"PROXY {family} {client} {other} 4711 25\r\n")
            talker.expect("220 ")
            talker.expect("250", f"EHLO {helo}")
            talker.expect("250 ", f"MAIL FROM:<{sender}>{params}")
            talker.expect("250 ", f"RCPT TO:<{to}>")
            talker.expect("354 ", "DATA")
            end = b"" if data.endswith(b"\r\n") else b"\r\n"
            talker.send(stuff(data) + end + b".\r\n")
            return talker.reply().last

    def write(self, author="a@good.example", more="", **settings):
        """The same, of a small message."""
        return self.bring(TEXT.format(author=author, more=more).encode(),
                          **settings)

    def totals(self):
        """What has been counted."""
        return json.loads(self.call("smtpd", "--stats", "--json").stdout)[
            "totals"]

    def last(self):
        """The last message in bob's mailbox."""
        return re.split(rb"(?m)^From ", self.mailbox("bob").read_bytes())[-1]


def results(text):
    """Our field, unfolded: {method: [result and properties]}."""
    fields = re.findall(
        rb"(?ms)^Authentication-Results: mail\.example\.org;(.*?)\n(?=\S|\n)",
        text)
    equal(len(fields), 1, "fields of ours")
    found = {}
    text = re.sub(r"\([^)]*\)", lambda m: m[0].replace(";", ","),
                  fields[0].decode())
    for part in re.sub(r"\s+", " ", text).split(";"):
        match = re.match(r" ?([a-z]+)=(.*)", part)
        if match:
            found.setdefault(match[1], []).append(match[2])
    return found


def test_pass(server):
    """What its domain vouches for comes in, and the results say so"""
    check(server.write().startswith("250 "))
    found = results(server.last())
    check(found["spf"][0].startswith("pass smtp.mailfrom=a@good.example"),
          found)
    check(found["dmarc"][0].startswith("pass"), found)
    equal(found["dkim"], ["none"])
    order = re.findall(rb"(?m)^([A-Z][A-Za-z-]+):", server.last())
    check(order.index(b"Received") < order.index(b"Authentication-Results")
          < order.index(b"From"), order)


def test_reject(server):
    """What a policy refuses is refused, with whose policy it is, and logged"""
    reply = server.write(client="198.51.100.8")
    check(reply.startswith("550 5.7.26 The DMARC policy of good.example "),
          reply)
    wait_for(lambda: "auth spf=fail smtp.mailfrom=<a@good.example> dkim=none "
             "dmarc=fail p=reject header.from=good.example action=reject"
             in server.smtpd.text(), "the line of the log")


def test_subdomain(server):
    """A policy holds for the domains below it"""
    check(server.write("x@deep.down.good.example", client="198.51.100.8")
          .startswith("550 5.7.26 The DMARC policy of good.example "))


def test_quarantine(server):
    """What a policy distrusts is marked"""
    check(server.write("a@quarantine.example").startswith("250 "))
    check(b"\nX-Spam-Flag: YES\n" in server.last())
    check("action=mark" in results(server.last())["dmarc"][0])


def test_log_of_hostile_sender(server):
    """A sender writes no other words into the line of the log"""
    check(server.write("a@none.example", sender='"a> action=none x"@evil.test')
          .startswith("250 "))
    wait_for(lambda: "@evil.test> dkim=none " in server.smtpd.text(),
             "the line")
    check("a> action" not in server.smtpd.text().split("auth spf=")[-1]
          .splitlines()[0], "the sender ends early")


def cases_authors(server):
    """From that has no single author"""
    for name, text, code in (
            ("missing", "To: bob@example.org\r\n\r\ntext\r\n", "550 5.7.1 "),
            ("double", "From: a@none.example\r\nFrom: b@none.example\r\n\r\n",
             "550 5.7.1 "),
            ("a group", "From: nobody:;\r\n\r\n", "550 5.7.1 "),
            ("no address", "From: Alice\r\n\r\n", "550 5.7.1 "),
            ("two domains, one that refuses",
             "From: a@none.example, b@good.example\r\n\r\n",
             "550 5.7.26 The DMARC policy of good.example "),
            ("the same in the other order",
             "From: b@good.example, a@none.example\r\n\r\n",
             "550 5.7.26 The DMARC policy of good.example "),
            ("two domains, one that nobody vouches for",
             "From: a@none.example, b@lists.example\r\n\r\n", "550 5.7.1 "),
            ("two domains, one that nobody can say of",
             "From: a@broken.example, b@x.broken.example\r\n\r\n", "250 "),
            ("domain after domain", "From: " + ", ".join(
                f"a@{c}.example" for c in "abcde") + "\r\n\r\n",
             "550 5.7.1 "),
            ("two of one", "From: a@none.example, b@none.example\r\n\r\n",
             "250 "),
            ("hidden in words", "From: x@good.example <a@none.example>\r\n\r\n",
             "550 5.7.26 "),
            ("beside one that cannot be read", "From: "
             "<ceo@good.example\u200b>, <a@none.example>\r\n\r\n",
             "550 5.7.1 "),
            ("beside quotes that do not end", "From: <a@none.example>, "
             "\"<ceo@good.example>\r\n\r\n", "550 5.7.1 "),
            ("quoted", "From: \"x@good.example\" <a@none.example>\r\n\r\n",
             "250 "),
            ("no section", "text\r\n", "550 5.7.1 ")):
        with tap.case(f"From: {name}"):
            reply = server.bring(text.encode(), client="198.51.100.8")
            check(reply.startswith(code), reply)


def test_trouble(server):
    """What nobody can find out keeps no mail out"""
    check(server.write("a@broken.example").startswith("250 "))
    check(results(server.last())["dmarc"][0].startswith("temperror"))
    check(b"X-Spam" not in server.last())


def test_long(server):
    """An answer that needs TCP is asked for by TCP"""
    check(server.write("a@long.example", sender="a@long.example")
          .startswith("250 "))
    check(("long.example", 16, "tcp") in server.dns.asked)
    check(results(server.last())["dmarc"][0].startswith("pass"))


def test_forged(server):
    """Fields in our name go, those of others stay, and the body is whole"""
    body = "".join(f"line {i} of the body\r\n" for i in range(9000))
    more = ("Authentication-Results: mail.example.org; dmarc=pass\r\n"
            "Authentication-Results: (c) MAIL.example.ORG\r\n\t1; spf=pass\r\n"
            "Authentication-Results: other.example; spf=fail\r\n"
            "X-Spam-Flag: NO\r\n")
    for pad in ("", "X-Long: " + "x" * 900 + "\r\n"):
        server.bring(("From: a@good.example\r\n" + more * 40 + pad + "\r\n"
                      + body).encode())
        text = server.last()
        found = results(text)
        check(found["dmarc"][0].startswith("pass"), found)
        equal(text.count(b"other.example; spf=fail"), 40, "those of others")
        check(b"X-Spam-Flag" not in text)
        equal(text.split(b"\n\n", 1)[1].strip(),
              body.replace("\r\n", "\n").encode().strip(), "the body")


def test_international(server):
    """A domain outside ASCII is read, be there a signature or not"""
    sender = "a@xn--bcher-kva.example"
    for author in ("J\xf6rg <a@b\xfccher.example>", "a@B\xdcCHER.example",
                   "a@\uff42\xfccher.example"):
        for more in ("", "Subject: gr\xfc\xdfe\r\n"):
            check(server.write(author, more, sender=sender)
                  .startswith("250 "), author)
            found = results(server.last())["dmarc"][0]
            check(found.startswith("pass"), found)
        check(server.write(author, sender=sender, client="198.51.100.8")
              .startswith("550 5.7.26 "), author)


def cases_no_field(server):
    """A line that is no field ends the section for all readers"""
    hidden = ("From: ceo@bank.example\r\nAuthentication-Results: "
              "mail.example.org; dmarc=pass header.from=bank.example\r\n"
              "X-Spam-Status: No\r\n\r\ntext\r\n")
    for name, line in (("words", "this is no field"), ("a name", "From"),
                       ("a blank in a name", "X Y: z"),
                       ("a line of an mbox", "From a@good.example"),
                       ("octets", "\xe4: x"), ("a long name", "x" * 999)):
        for client, code in ((CLIENT, "250 "), ("192.0.2.200", "250 "),
                             ("198.51.100.8", "550 5.7.26 ")):
            with tap.case(f"{name}, from {client}"):
                text = "From: a@good.example\r\n" + line + "\r\n" + hidden
                check(server.bring(text.encode("latin-1"), client=client)
                      .startswith(code))
                if code != "250 ":
                    continue
                section, body = server.last().split(b"\n\n", 1)
                equal(re.findall(rb"(?m)^From: .*", section),
                      [b"From: a@good.example"], "authors in the section")
                check(b"bank.example" not in section, section)
                check(line.encode("latin-1") in body.split(b"\n")[0], body)
                check(b"\nFrom: ceo@bank.example\n" in body, "the body")


def test_only_fields(server):
    """A message of fields alone gets an empty line, and one alone"""
    for text in (b"From: a@good.example\r\n",
                 b"From: a@good.example\r\n\r\n"):
        check(server.bring(text).startswith("250 "))
        section, body = server.last().split(b"\n\n", 1)
        check(section.endswith(b"From: a@good.example"), section)
        check(body in (b"", b"\n"), body)


def test_postmaster(server):
    """Mail for the postmaster alone is not refused"""
    check(server.write(client="198.51.100.8", to="postmaster@example.org")
          .startswith("250 "))


def test_list(server):
    """A list that is authenticated itself may carry others' mail"""
    lines = "List-Id: <talk.lists.example>\r\n"
    check(server.write(more=lines, sender="b@lists.example")
          .startswith("250 "))
    check("the list is authenticated" in results(server.last())["dmarc"][0])
    check(server.write(more=lines, sender="b@evil.example")
          .startswith("550 "))


def signed(domain):
    """A signature of the text, by a key that has to be asked for."""
    digest = base64.b64encode(hashlib.sha256(b"text\r\n").digest()).decode()
    return (f"DKIM-Signature: v=1; a=rsa-sha256; d={domain}; s=k;\r\n"
            f" h=from; bh={digest}; b=AAAA\r\n")


def check_trouble(server, more, sender, **settings):
    """Such a message comes in, with a mark."""
    reply = server.write(more=more, sender=sender, client="198.51.100.8",
                         **settings)
    check(reply.startswith("250 "), reply)
    check(b"\nX-Spam-Flag: YES\n" in server.last())
    found = results(server.last())["dmarc"][0]
    check("nobody can say now if it is an exception" in found, found)


def test_list_trouble(server):
    """A list of which nobody can say if it is one may carry mail, marked"""
    lines = "List-Id: <talk.lists.example>\r\n"
    check_trouble(server, "List-Id: <talk.tired.example>\r\n",
                  "b@tired.example")
    check_trouble(server, lines + signed("lists.example"), "b@evil.example")
    more = "List-Id: <talk.odd.example>\r\n"
    check(server.write("a@good.example", more, sender="b@x.odd.example")
          .startswith("250 "))
    found = results(server.last())["dmarc"][0]
    check("nobody can say now" in found, found)
    for more, sender in (
            ("List-Id: <talk.odd.example>\r\n", "b@lists.example"),
            (signed("lists.example"), "b@bounce.lists.example"),
            (lines, "b@evil.example")):
        check(server.write(more=more, sender=sender)
              .startswith("550 5.7.26 "), more + sender)


def test_sends_no_mail_trouble(server):
    """Nor is a sender without mail a reason, if nobody can say who vouches"""
    check(server.write("a@null.example", signed("null.example"),
                       sender="a@null.example").startswith("250 "))
    check(results(server.last())["dmarc"][0].startswith("temperror"))
    check(server.write("a@null.example", sender="a@null.example")
          .startswith("550 5.7.27 "))


def test_sends_no_mail(server):
    """A sender of a domain that says it sends no mail is refused"""
    for domain in ("silent.example", "null.example"):
        reply = server.write("a@none.example", sender=f"a@{domain}")
        check(reply.startswith(f"550 5.7.27 {domain} sends no mail"), reply)
    for sender in ("a@unlisted.example", "a@good.example", ""):
        check(server.write("a@none.example", sender=sender,
                           client="198.51.100.8", helo="silent.example")
              .startswith("250 "), sender)
    check(server.write("a@none.example", sender="a@silent.example",
                       to="postmaster@example.org").startswith("250 "))


def test_several_authors(server):
    """Authors in several domains, each of which vouches for the message"""
    check(server.write("a@good.example, b@deep.good.example").startswith("250 "))
    check(results(server.last())["dmarc"][0].startswith("pass"))
    check(server.write("a@good.example, b@none.example")
          .startswith("550 5.7.1 "))


def test_reverse(server):
    """The client's name is looked up, and whether it leads back"""
    for client, wanted in (
            ("198.51.100.7", "pass policy.iprev=198.51.100.7"),
            ("198.51.100.8", "fail policy.iprev=198.51.100.8"),
            ("198.51.100.9", "temperror policy.iprev=198.51.100.9"),
            ("198.51.100.1", None)):
        check(server.write("a@none.example", client=client)
              .startswith("250 "), client)
        text = server.last()
        found = results(text).get("iprev", [None])[0]
        equal(found and found.replace("(mx.good.example) ", ""), wanted,
              client)
        equal(b"(mx.good.example)" in text, client == CLIENT, "the name")


def test_exempt(server):
    """For an exempt client nothing is asked, but forged results go"""
    asked = len(server.dns.asked)
    check(server.write(client="192.0.2.200").startswith("250 "))
    equal(len(server.dns.asked), asked)
    check(b"Authentication-Results" not in server.last())
    check(server.write(client="192.0.2.200", more=FORGED).startswith("250 "))
    equal(len(server.dns.asked), asked)
    check(b"mail.example.org; dmarc=pass" not in server.last())
    check(b"\nX-Spam-Flag: YES\n" in server.last(), "its own mark is gone")
    check(b"\nSubject: hello\n" in server.last())


def test_exempt_signed(server):
    """The signatures of an exempt client's mail are verified"""
    signature = ("DKIM-Signature: v=1; a=rsa-sha256; d=none.example; s=k;\r\n"
                 " h=from; bh=AAAA; b=AAAA\r\n")
    check(server.write(client="192.0.2.200", more=signature)
          .startswith("250 "))
    found = results(server.last())
    equal(list(found), ["dkim"])
    check("header.d=none.example" in found["dkim"][0], found)


def test_counts(server):
    """What was found is counted"""
    before = server.totals()
    check(server.write(client="198.51.100.8").startswith("550 "))
    check(server.write("a@quarantine.example").startswith("250 "))
    check(server.write(more=FORGED).startswith("250 "))
    now = server.totals()
    equal({k: now[k] - before[k] for k in (
        "auth_checked", "spf_pass", "spf_fail", "dmarc_pass", "dmarc_fail",
        "dmarc_refused", "dmarc_marked", "forged_ar")},
        {"auth_checked": 3, "spf_pass": 2, "spf_fail": 1, "dmarc_pass": 1,
         "dmarc_fail": 2, "dmarc_refused": 1, "dmarc_marked": 1,
         "forged_ar": 2})


def test_modes():
    """dmarc, dmarc-exempt, auth-id, auth-trust, received-spf, auth off"""
    with Server(RECORDS, "dmarc mark\nauth-id mx.test") as server:
        check(server.write(client="198.51.100.8").startswith("250 "))
        check(b"\nX-Spam-Flag: YES\n" in server.last())
        check(b"\nAuthentication-Results: mx.test;" in server.last())
    with Server(RECORDS, "dmarc off") as server:
        check(server.write(client="198.51.100.8").startswith("250 "))
        check("dmarc" not in results(server.last()))
    with Server(RECORDS, "dmarc-exempt lists.example") as server:
        check(server.write(sender="b@lists.example").startswith("250 "))
        check_trouble(server, "", "b@bounce.lists.example")
        check_trouble(server, signed("lists.example"), "b@evil.example")
        check(server.write("a@none.example", sender="a@silent.example")
              .startswith("550 5.7.27 "))
    with Server(RECORDS, "auth-trust 192.0.2.200") as server:
        check(server.write(client="192.0.2.200", more=FORGED)
              .startswith("250 "))
        check(b"mail.example.org; dmarc=pass" in server.last())
    with Server(RECORDS, "received-spf on") as server:
        check(server.write(client="198.51.100.8", author="a@none.example")
              .startswith("250 "))
        check(re.search(
            rb"\nReceived-SPF: fail client-ip=198\.51\.100\.8;\s+"
            rb"envelope-from=\"a@good\.example\";\s+"
            rb"helo=client\.good\.example;\s+receiver=mail\.example\.org;\s+"
            rb"identity=mailfrom\nReceived: ", server.last()), server.last())
        more = "Received-SPF: pass receiver=mail.example.org\r\n" \
            "received-spf :\r\n\tpass\r\n"
        check(server.write("a@none.example", more, client="198.51.100.8")
              .startswith("250 "))
        equal(re.findall(rb"(?i)\nreceived-spf ?:\s+(\w+)", server.last()),
              [b"fail"], "fields of the name")
        check(server.write(more=more, client="192.0.2.200")
              .startswith("250 "))
        equal(server.last().lower().count(b"\nreceived-spf"), 2, "exempt")
    with Server(RECORDS, "auth off") as server:
        check(server.write(client="198.51.100.8").startswith("250 "))
        check(b"Authentication-Results" not in server.last())


def delivered(path):
    """The messages of an mbox."""
    return path.read_bytes().count(b"\nSubject: hello\n") \
        if path.exists() else 0


def test_junk():
    """Marked mail is filed apart, at once and from the queue"""
    with Server(RECORDS, "junk %DIR/junk/%u") as server:
        folder = server.dir / "junk"
        check(server.write("a@quarantine.example").startswith("250 "))
        equal((delivered(server.mailbox("bob")), delivered(folder / "bob")),
              (1, 0), "without a folder: mailbox and junk")
        wait_for(lambda: "junk: " in server.smtpd.text(), "a line in the log")
        folder.mkdir()
        server.own()
        for _ in range(3):
            check(server.write("a@quarantine.example").startswith("250 "))
        check(server.write().startswith("250 "))
        equal((delivered(server.mailbox("bob")), delivered(folder / "bob")),
              (2, 3), "mailbox and junk")
        wait_for(lambda: "(delivered to junk)" in server.smtpd.text(),
                 "a line in the log")
        # An alias of a user and an address leads through the queue.
        (server.dir / "aliases").write_text("both: bob, |/bin/cat\n")
        server.own()
        check(server.write("a@quarantine.example", to="both@example.org")
              .startswith("250 "))
        wait_for(lambda: delivered(folder / "bob") == 4, "the fourth message")
        equal(delivered(server.mailbox("bob")), 2, "messages in the mailbox")
        wait_for(lambda: server.totals()["junk"] == 4, "the fourth count")


def test_check():
    """--check tells what is done, and what cannot work"""
    for config, words in (
            ("", "ok: strangers' mail is verified as mail.example.org"),
            ("dmarc mark", "what DMARC does not vouch for is marked"),
            ("auth off", "warning: auth off"),
            ("auth-trust 192.0.2.1", "network 1 is not in policy-exempt"),
            ("junk %DIR/none/%u", "until it is there, mailboxes get marked"),
            ("junk %DIR/%u", "ok: marked mail goes into files such as")):
        with Scratch(config) as scratch:
            done = scratch.call("smtpd", "--check")
            check(words in done.stdout, done.stdout + done.stderr)


def handed():
    """The folder of signed and spoilt messages."""
    path = Path(os.environ.get("RESTANTE_DATA", "/nowhere"), "vectors/handed")
    if not path.exists():
        raise Skip("RESTANTE_DATA has no vectors/handed")
    return path


def zone_of(path):
    """Its DNS, as records_of() has it."""
    import socket
    records = {}
    for name, entry in json.loads((path / "dns.json").read_text()).items():
        name = name.lower().rstrip(".")
        if entry.get("RCODE"):
            records[name] = "failed"
            continue
        records[name] = {
            "TXT": ["".join(r) for r in entry.get("TXT", [])],
            "A": [socket.inet_aton(a) for a in entry.get("A", [])],
            "MX": [m.split()[-1].rstrip(".") for m in entry.get("MX", [])]}
    return records


def check_vector(server, case, data):
    """One message: the reply, and the results if it came in."""
    peer, dmarc = case["peer"], case["dmarc"]
    before = server.mailbox("bob").stat().st_size \
        if server.mailbox("bob").exists() else 0
    reply = server.bring(data, sender=peer["mail_from"], client=peer["ip"],
                         helo=peer["helo"],
                         params=" SMTPUTF8" if case.get("smtputf8") else "")
    refused = dmarc["apply"] == "reject"
    check(reply.startswith("550 5.7." if refused else "250 "), reply)
    size = server.mailbox("bob").stat().st_size \
        if server.mailbox("bob").exists() else 0
    equal(size > before, not refused, "delivered")
    if refused:
        return
    found = results(server.last())
    equal(found["spf"][0].split()[0], case["spf"], "spf")
    allowed = [dmarc["result"], *dmarc.get("also", [])]
    check(found["dmarc"][0].split()[0] in allowed, found["dmarc"])
    equal(b"X-Spam-Flag: YES" in server.last(),
          dmarc["apply"] == "quarantine", "marked")
    got = [d.split()[0] for d in found["dkim"]]
    wanted = case["dkim"] or [{"result": "none"}]
    for result, want in zip(got, wanted):
        check(result in [want["result"], *want.get("also", [])],
              f"dkim: {found['dkim']}, not {wanted}")


def cases_handed():
    """Messages that others have signed, and spoilt"""
    path = handed()
    cases = json.loads((path / "expect.json").read_text())["cases"]
    with Server(zone_of(path)) as server:
        for case in cases:
            with tap.case(f"{case['file']}: {case['about']}"):
                check_vector(server, case,
                             (path / case["file"]).read_bytes())


if __name__ == "__main__":
    with Server(RECORDS) as shared:
        tap.run(globals(), shared)
    tap.finish()
