# SPDX-License-Identifier: ISC
"""Mail goes to servers that others wrote, and arrives as it was sent.

What only talks to its own tests may well talk to nobody else. The next hops
are smtp-sink, Postfix, Exim and Dovecot's LMTP, real and whole.
"""
import email
import random

from lib import nexthops
from lib.ledger import compose
from lib.site import Site
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
# What Postfix would add if it were not there.
HEAD = b"From: alice@home.test\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\n" \
    b"Message-ID: <peers@home.test>\r\n"
ALICE = "alice@home.test"


def message(ident):
    """A text that likes to break on the way: dots, long lines. No From_: each
    of them quotes that in its mailbox in a way of its own."""
    return HEAD + compose(ident, random.Random(ident)).replace(
        b"From ", b"Form ")


def arrived(site, hop, ident, get):
    """Waits for a message; it must be whole, octet for octet."""
    def there():
        found = [nexthops.text_of(w, ident) for w in get()]
        return [text for text in found if text]
    try:
        texts = wait_for(there, f"{ident} at {hop.name}", 60)
    except AssertionError as error:
        raise AssertionError(f"{error}; the queue: {site.mailq()}\n"
                             + site.notes()) from None
    equal(texts, [nexthops.text_of(message(ident), ident)], "texts")


def bounced(site, address, status, words):
    """Alice must have had one report, about that address."""
    box = site.wait_mail("alice")
    report = email.message_from_bytes(box[0].wire)
    parts = [p for p in report.walk()
             if p.get_content_type() == "message/delivery-status"]
    equal(len(parts), 1, "delivery-status parts")
    fields = [f for f in parts[0].get_payload() if "Final-Recipient" in f]
    equal([f["Final-Recipient"].split(";")[1].strip() for f in fields],
          [address], "recipients that failed")
    equal((fields[0]["Action"], fields[0]["Status"]), ("failed", status),
          "what became of it")
    check(words in fields[0]["Diagnostic-Code"], f"{fields[0].items()}")


def test_smtp_sink(site):
    """smtp-sink: thirty messages, each once and whole"""
    with nexthops.SmtpSink(site) as hop:
        site.change(f"route sink.test smtp://127.0.0.1:{hop.port}")
        idents = [f"sink-{n}" for n in range(30)]
        for ident in idents:
            site.send(ALICE, ["x@sink.test"], message(ident))
        site.wait_empty()
        wait_for(lambda: len(hop.messages()) >= 30, "30 files")
        for ident in idents:
            arrived(site, hop, ident, hop.messages)


def test_smtp_sink_plain(site):
    """smtp-sink without ESMTP, and without PIPELINING"""
    for options in (("-e",), ("-p",)):
        kind = type("Sink", (nexthops.SmtpSink,), {
            "name": "smtp-sink" + options[0], "options": options})
        with kind(site) as hop:
            site.change(f"route sink.test smtp://127.0.0.1:{hop.port}")
            ident = "plain" + options[0]
            site.send(ALICE, ["x@sink.test", "y@sink.test"], message(ident))
            arrived(site, hop, ident, hop.messages)
            site.wait_empty()


def test_postfix(site):
    """Postfix"""
    with nexthops.PostfixHop(site, "nobody") as hop:
        site.change(f"route example.org smtp://127.0.0.1:{hop.port}")
        site.send(ALICE, ["nobody@example.org"], message("postfix"))
        site.wait_empty()
        hop.settle()
        arrived(site, hop, "postfix",
                lambda: [m.wire for m in site.wait_mail("nobody")])
        text = site.mailbox("nobody").read_bytes()
        check(b"X-Ledger: postfix" in text, repr(text[:900]))


def test_exim(site):
    """Exim: by STARTTLS, since it offers that"""
    with nexthops.Exim(site) as hop:
        site.change(f"route exim.test smtp://127.0.0.1:{hop.port}")
        site.send(ALICE, ["joe@exim.test"], message("exim"))
        arrived(site, hop, "exim", hop.messages)
        site.wait_empty()
        check("P=esmtps X=TLS1." in hop.log(), hop.log())


def test_exim_recipients(site):
    """Exim: one recipient is taken, one refused, one deferred"""
    with nexthops.Exim(site) as hop:
        site.change(f"route exim.test smtp://127.0.0.1:{hop.port}")
        site.send(ALICE, [f"{user}@exim.test" for user in
                          ("nosuch", "joe", "later")], message("three"))
        arrived(site, hop, "three", hop.messages)
        bounced(site, "nosuch@exim.test", "5.1.1", "There is no such user")
        # The report may be in the queue for a moment, too.
        wait_for(lambda: ("later@exim.test", "waiting") in [
            (r["address"], r["state"])
            for m in site.mailq() for r in m["recipients"]],
                 "the deferred one to wait")
        check("Come back later" in str(site.mailq()), f"{site.mailq()}")


def test_lmtp(site):
    """Dovecot's LMTP: a result for each recipient, by port and by socket"""
    with nexthops.DovecotLmtp(site) as hop:
        for where in (f"127.0.0.1:{hop.port}", f"unix:{hop.socket}"):
            site.change(f"route lmtp.test lmtp:{where}")
            ident = "lmtp-" + where[:4]
            site.send(ALICE, ["joe@lmtp.test", "nosuch@lmtp.test",
                              "ann@lmtp.test"], message(ident))
            for user in ("joe", "ann"):
                arrived(site, hop, ident,
                        lambda box=user: hop.messages(box))
            bounced(site, "nosuch@lmtp.test", "5.1.1", "User doesn't exist")
            site.wait_empty()
            site.settled()


if __name__ == "__main__":
    tap.run_each(globals(), lambda: Site(2, "mx.home.test", "home.test"))
    tap.finish()
