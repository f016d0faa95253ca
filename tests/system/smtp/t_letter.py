# SPDX-License-Identifier: ISC
"""smtpd --letter and --stats --html: what an owner reads on Mondays.

Both parts of the letter tell the same figures, and these are the counts. In
Chromium no row is cut off and no text lies over another one, on a phone and on
a screen, whatever the names are. What strangers have written, a domain with
HTML in it or control characters, is text and nothing else. The page tells of
no people unless it is asked to, loads nothing, and is whole whenever somebody
reads it.
"""
import email
import email.policy
import html
import os
import re
import signal
import subprocess
import time
import xml.etree.ElementTree as xml

from lib import chromium
from lib.counts import Counts, today
from lib.peers import find
from lib.queuefile import make, recipient
from lib.scratch import Instance, Scratch, tool
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
HOSTILE = [b"<script>alert(1)</script>", b"a\x1b[31m\r\n.example",
           b"\"><img src=x onerror=alert(1)>", b"&lt;b&gt;.example",
           b"x\xe2\x80\xaemoc.elpmaxe", b"\xff\xfe.example",
           b"</style></svg></table>", b"y" * 96]
LONG = b"a-name-of-a-machine-that-nobody-would-ever-type.department." \
    b"subsidiary.example.org"
CHINESE = "\u90ae\u4ef6\u670d\u52a1\u5668.\u4f8b\u5b50".encode()
LETTER_ENDS = re.compile(r"restante \S+\. This letter.*", re.S)


def quiet(counts):
    """A week of a family."""
    for ago in range(15):
        counts.add(ago, delivered=3 + ago % 4, relayed=1 + ago % 3,
                   rejected_unknown_user=5, logins_plain=4)
        counts.senders[ago] = [(b"github.com", 3), (b"club.example", 1)] \
            if ago < 14 else []
    counts.senders = {a: r for a, r in counts.senders.items() if r}


def bad(counts):
    """A flood, and all that can be refused."""
    for ago in range(31):
        counts.add(ago, delivered=41233 + 977 * ago, relayed=12345,
                   rejected_unknown_user=999999, rejected_relay=203456,
                   rejected_dnsbl=124, rejected_greylist=39,
                   rejected_dmarc=47, rejected_rate=2, rejected_policy=3,
                   rejected_size=1, rejected_syntax=77, rejected_other=9,
                   filter_refused=6, logins_plain=212,
                   failed_logins_login=1840)
    for ago in range(14):
        counts.senders[ago] = [(b"spam%02d.example" % i, 900 - 7 * i)
                               for i in range(24)]
    # So much less that the disk is full within days.
    for ago in range(7, 31):
        counts.disk[ago] = 1


def empty(_):
    """The first week: nothing was ever counted."""


def long_names(counts):
    """Names as long as they can be."""
    quiet(counts)
    for ago in range(14):
        counts.senders[ago] = [(LONG, 5), (b"w" * 95, 4), (b"z." * 47, 2)]


def chinese(counts):
    """Names that are wide."""
    quiet(counts)
    for ago in range(14):
        counts.senders[ago] = [(CHINESE, 5), (CHINESE * 3, 2)]


def hostile(counts):
    """Names that are meant to do harm."""
    quiet(counts)
    for ago in range(14):
        counts.senders[ago] = [(name, 50 - i)
                               for i, name in enumerate(HOSTILE)]


SCENES = [quiet, bad, empty, long_names, chinese, hostile]


class Scene(Scratch):
    """A server with a past, and a user or two."""

    def __init__(self, past):
        super().__init__()
        counts = Counts(self)
        if past is empty:
            self.today = counts.today
        past(counts)
        if past is not empty:
            counts.write()
        self.box("alice", b"From x Thu Jan  1 00:00:00 1970\n" * 123456)
        if past in (long_names, bad):
            for i in range(12):
                name = f"{'user-with-a-long-name' * 2}-{i}"
                self.passwd(name, "a password, and a good one")
                self.box(name, b"From x Thu Jan  1 00:00:00 1970\n" * (30 + i))
        if past is bad:
            # time(2) may be a tick late.
            make(self.dir / "queue", "deferred",
                 arrival=int(time.time()) - 3 * 86400 - 60, recipients=[
                     recipient(f"someone@{'long-host-name.' * 8}example",
                               due=int(time.time()) + 86400)])
        self.own()

    def box(self, name, data):
        """A mailbox as a delivery would have made it."""
        (self.mail / name).write_bytes(data)
        (self.mail / name).chmod(0o600)

    def text(self, *args):
        """The letter as text."""
        done = self.call("smtpd", "--letter", *args, seconds=240)
        equal(done.returncode, 0, f"exit status; {done.stderr}")
        return done.stdout

    def page(self, *args):
        """The page; it is left there."""
        self.target = self.dir / "web" / "mail.html"
        self.target.parent.mkdir(exist_ok=True)
        self.own()
        done = self.call("smtpd", "--stats", "--html", self.target, *args)
        equal((done.returncode, done.stdout, done.stderr), (0, "", ""),
              "--html")
        equal([p.name for p in self.target.parent.iterdir()],
              [self.target.name], "what is left beside it")
        equal(self.target.stat().st_mode & 0o777, 0o644, "mode")
        return self.target.read_text("utf-8")

    def letter(self, *args):
        """The letter as it is in bob's mailbox: octets, message."""
        done = self.call("smtpd", "--letter", "--to", "bob", *args,
                         seconds=240)
        equal((done.returncode, done.stdout), (0, ""),
              f"--to; {done.stderr}")
        wait_for(lambda: (self.mail / "bob").exists()
                 and (self.mail / "bob").stat().st_size > 0, "the letter")
        data = (self.mail / "bob").read_bytes()
        head, data = data.split(b"\n", 1)
        check(head.startswith(b"From "), head)
        return data, email.message_from_bytes(data,
                                              policy=email.policy.default)


def numbers(text):
    """All figures, in order, without those of the sentence at the end."""
    return re.findall(r"\d[\d,]*(?:\.\d+)?", LETTER_ENDS.sub("", text))


def words(page):
    """The text of HTML, as a reader sees it."""
    page = re.sub(r"<(style|title)\b.*?</\1>", " ", page, flags=re.S)
    return html.unescape(re.sub(r"<[^>]*>", " ", page))


def loads_nothing(page):
    """There is no script, image or address in it."""
    tags = " ".join(re.findall(r"<[^>]*>", page)) + \
        " ".join(re.findall(r"<style.*?</style>", page, re.S))
    for word in ("<script", "<img", "<link", "<iframe", "<object", "<a ",
                 "src=", "href=", "http:", "https:", "url(", "@import",
                 "onerror", "onload", "javascript:"):
        check(word not in tags.lower(), f"{word} is in it")


def well_formed(scratch, page):
    """xmllint, too, finds no element that is not closed."""
    page = re.sub(r"<(meta|br)\b([^>]*)>", r"<\1\2/>", page)
    page = page.replace("&nbsp;", "&#160;")
    page = re.sub(r"<!DOCTYPE html>\s*", "", page)
    xml.fromstring(page)
    copy = scratch.dir / "page.xml"
    copy.write_text(page, "utf-8")
    done = subprocess.run([find("xmllint", "libxml2-utils"), "--noout",
                           str(copy)], capture_output=True, text=True,
                          timeout=60, check=False)
    equal((done.returncode, done.stderr), (0, ""), "xmllint")


def cases_scenes():
    """Each past: the letter, its parts, and the page"""
    for past in SCENES:
        name = past.__doc__.rstrip(".").lower()
        with Scene(past) as scratch:
            data, message = scratch.letter()
            text = message.get_body(("plain",)).get_content()
            page = message.get_body(("html",)).get_content()
            with tap.case(f"{name}: both parts tell the same figures"):
                equal(numbers(words(page)), numbers(text), "figures")
                check(len(numbers(text)) > (5 if past is empty else 20), text)
            with tap.case(f"{name}: the letter is small, and loads nothing"):
                check(len(data) < 40000, f"{len(data)} octets")
                loads_nothing(page)
                check(max(map(len, data.splitlines())) <= 998, "line length")
            with tap.case(f"{name}: nothing but text comes from names"):
                for part in (text, page):
                    check(not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]",
                                        part), "control characters")
            with tap.case(f"{name}: the letter is well formed"):
                well_formed(scratch, page)
            whole = scratch.page("--names")
            with tap.case(f"{name}: the page is well formed, loads nothing"):
                loads_nothing(whole)
                well_formed(scratch, whole)
                check(len(whole.encode()) < 40000, f"{len(whole)}")
            for what, shown in (("letter", page), ("page", whole)):
                for width in (390, 760):
                    with tap.case(f"{name}: the {what} fits {width} pixels"):
                        got = chromium.measure(scratch, shown, width)
                        equal(got["found"], [], "found")
                        equal(got["scripts"], 0, "scripts")
                        check(got["texts"] > 15, str(got))
                        check("img" not in got["names"], str(got["names"]))


def test_figures():
    """They are the counts, of the days that are named"""
    with Scene(bad) as scratch:
        text = scratch.text()
        equal(re.search(r"no such user\s+#+ ([\d,]+)\n", text)[1],
              "6,999,993", "unknown users")
        total = 7 * (999999 + 203456 + 124 + 39 + 47 + 2 + 3 + 1 + 77 + 9 + 6)
        check(f"Refused: {total:,} attempts\n" in text, text)
        for words_, count in (("on a block list", 124), ("forged", 47),
                              ("too much at once", 2), ("by a filter", 6),
                              ("told to come again", 39)):
            equal(re.search(rf"{words_}.*? (\d+)\n", text)[1],
                  str(7 * count), words_)
        inn = sum(41233 + 977 * ago for ago in range(7))
        equal(re.search(r"in all +([\d,]+) +([\d,]+)", text).groups(),
              (f"{inn:,}", f"{7 * 12345:,}"), "the sums")
        check("spam00.example" in text and "spam09" not in text, "senders")
        check("1,484 successful, 12,880 failed" in text, "logins")


def test_first_week():
    """Where nothing was counted, words say so, and no rows of noughts"""
    with Scene(empty) as scratch:
        text = scratch.text()
        for section, said in (("Messages", "None came in or went out."),
                              ("Refused", "Nothing was refused.")):
            check(re.search(rf"^{section}\n-+\n  {re.escape(said)}\n", text,
                            re.M), text)
        check(re.search(r"^  logins +none$", text, re.M), text)
        page = scratch.page()
        check("<svg" not in page and "None came in" in page, page)


def test_unsure():
    """What cannot be found out is neither well nor something to do"""
    with Scene(quiet) as scratch:
        scratch.configure("dkim-sign off")
        certify(scratch)
        scratch.own()
        _, message = scratch.letter()
        text = message.get_body(("plain",)).get_content()
        page = message.get_body(("html",)).get_content()
        equal(message["subject"], "mail.example.org: all well, 30 in, 13 out",
              "subject")
        check("All is well, as far as could be seen. There is nothing to do."
              in text, text)
        check(re.search(r"^\? DNS +not all could be asked", text, re.M), text)
        check(re.search(r">\?</td><td[^>]*>DNS<", page), page)
        check(re.search(r"^  certificate +6[01] days left$", text, re.M), text)


def certify(scratch):
    """A certificate of an authority, not one that signs itself."""
    def openssl(*args):
        subprocess.run([tool("openssl"), *args], check=True,
                       capture_output=True, cwd=scratch.dir)
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    if not tool("openssl"):
        raise Skip("openssl is not there (Debian package openssl)")
    openssl("req", "-x509", *new, "-days", "90", "-subj", "/CN=authority",
            "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", *new, "-subj", "/CN=mail.example.org", "-addext",
            "subjectAltName=DNS:mail.example.org", "-keyout", "new.key",
            "-out", "new.csr")
    openssl("x509", "-req", "-in", "new.csr", "-CA", "ca.pem", "-CAkey",
            "ca.key", "-days", "61", "-copy_extensions", "copy", "-out",
            "new.pem")
    scratch.pem.write_bytes((scratch.dir / "new.key").read_bytes()
                            + (scratch.dir / "new.pem").read_bytes())


def test_week():
    """--week: the last one from Monday to Sunday"""
    with Scene(quiet) as scratch:
        monday = today() - (today() + 3) % 7
        want = sum(3 + (today() - day) % 4
                   for day in range(monday - 7, monday))
        _, message = scratch.letter("--week")
        text = message.get_body(("plain",)).get_content()
        check(re.search(r"^Monday .* to Sunday ", text, re.M), text)
        equal(re.search(r"in all +(\d+)", text)[1], str(want), "received")


def test_tasks():
    """What is to be done, each with its command, and a verdict for it"""
    with Scene(bad) as scratch:
        _, message = scratch.letter()
        check(re.fullmatch(r"mail\.example\.org: \w+ things to do",
                           message["subject"]), message["subject"])
        equal(message["auto-submitted"], "auto-generated", "Auto-Submitted")
        text = message.get_body(("plain",)).get_content()
        check(re.search(r"\* A message for\s+long-host-name\S+ *\n? *has\s"
                        r"+waited\s+for 3\s+days\n +smtpd --show \w+\n",
                        text), text)
        check(re.search(r"! queue +1 message, the oldest for 3 days", text),
              text)
        check(re.search(r"^! certificate +\d+ days left; it signs itself$",
                        text, re.M), text)
        check("\n      certbot certonly --standalone -d mail.example.org\n"
              in text, text)
        # Bars of what was received and sent have one scale.
        page = message.get_body(("html",)).get_content()
        bars = [len(b) for b in
                re.search(r"^  \w{3} [ \d]\d .*?(#+) .*?(#+) ", text,
                          re.M).groups()]
        equal(bars, [20, 5], "marks for 47,095 and 12,345")
        wide = [int(w) for w in re.findall(
            r'width="(\d+)"><tr><td bgcolor="#(?:3b6ea5|8fb3d9)"', page)]
        equal(wide[:2], [100, 26], "pixels for the same")


def test_private():
    """Without --names the page tells of no user, domain or file"""
    for past in (bad, hostile):
        with Scene(past) as scratch:
            page = scratch.page()
            for word in ("alice", "spam00", "long-host-name", "script",
                         str(scratch.dir), "user-with", "tls.pem"):
                check(word not in page, f"{word} is on the page")
            page = scratch.page("--names")
            check("alice" in page, "alice is not, with --names")


def test_counts():
    """Strangers' domains are counted, users' are not; both fit into a day"""
    with Instance() as server:
        with server.connect(server.smtp) as talker:
            talker.hello()
            for i in range(30):
                talker.submit(f"x@d{i}.example", ["bob@example.org"],
                              "Subject: x\r\n\r\nx\r\n")
            for _ in range(40):
                talker.submit("x@Often.Example", ["bob@example.org"],
                              "Subject: x\r\n\r\nx\r\n")
            talker.submit("", ["bob@example.org"], "Subject: x\r\n\r\nx\r\n")
            talker.expect("221 ", "QUIT")
        text = server.call("smtpd", "--letter", seconds=240).stdout
        found = re.search(r"Who wrote most \(messages\)\n-+\n  often\.example +#+ (\d+)\n",
                          text)
        check(found and 40 <= int(found[1]) <= 44, text)


def test_killed():
    """A page that is being written is the old one or the new one"""
    with Scene(bad) as scratch:
        scratch.page()
        seen = set()
        for i in range(60):
            process = scratch.popen(
                scratch.command("smtpd", "--stats", "--html",
                                scratch.target, "--names"),
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            deadline = time.monotonic() + i * 0.0007
            while process.poll() is None and time.monotonic() < deadline:
                pass
            process.send_signal(signal.SIGKILL)
            process.wait()
            page = scratch.target.read_text("utf-8")
            check(page.startswith("<!DOCTYPE html>")
                  and page.endswith("</body></html>\n"), page[-80:])
            seen.add("alice" in page)
        check(True in seen or False in seen, "nothing was seen")


def test_no_folder():
    """Without the folder an error says so, and nothing else happens"""
    with Scene(quiet) as scratch:
        done = scratch.call("smtpd", "--stats", "--html", "/proc/no/page")
        equal(done.returncode, 73, "exit status")
        check("cannot write /proc/no/page" in done.stderr, done.stderr)


def test_off():
    """letter off: --week sends nothing; else its address is the key's"""
    with Scene(quiet) as scratch:
        scratch.configure("letter off")
        scratch.own()
        done = scratch.call("smtpd", "--letter", "--week", seconds=240)
        equal((done.returncode, done.stdout), (0, ""), "off")
        check(not (scratch.mail / "bob").exists(), "bob has mail")
        scratch.configure("letter bob")
        scratch.own()
        done = scratch.call("smtpd", "--letter", "--week", seconds=240)
        equal((done.returncode, done.stdout), (0, ""), done.stderr)
        wait_for(lambda: (scratch.mail / "bob").exists(), "the letter")


if __name__ == "__main__":
    os.umask(0o022)
    tap.run(globals())
    tap.finish()
