# SPDX-License-Identifier: ISC
"""A report fits the next hop that takes it.

Nobody is told of a report that is refused for its form, so that the sender
would never hear. What a report returns may be anything, and the hop may take
next to nothing: then its header section comes back, encoded, and the parts of
RFC 6533 become those of RFC 3464. Where the hop takes all of it, all of it
comes.
"""
import email
import email.policy

from lib.fakemx import FakeMx
from lib.site import Site
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
ME, NOBODY = "me@elsewhere.test", "nobody@far.test"
HEAD = (f"From: {ME}\r\nTo: x@far.test\r\nSubject: t\r\n"
        "Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n"
        "Message-ID: <1@b.test>\r\nMIME-Version: 1.0\r\n")


def sealed(text, encoding="8bit"):
    """A message that may not be changed."""
    return (HEAD + "Content-Type: multipart/signed; boundary=b; "
            "micalg=pgp-sha256;\r\n protocol=\"application/pgp-signature\""
            "\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Content-Transfer-Encoding: {encoding}\r\n\r\n{text}\r\n--b\r\n"
            "Content-Type: application/pgp-signature\r\n\r\nx\r\n--b--\r\n")


# name: (message, a recipient that is refused, parameters of MAIL)
MAILS = {
    "plain": (HEAD + "\r\nhello\r\n", NOBODY, ""),
    "8-bit": (HEAD + "\r\ngrün\r\n", NOBODY, " BODY=8BITMIME"),
    "signed": (sealed("grün"), NOBODY, " BODY=8BITMIME"),
    "long lines": (sealed("x" * 1500, "7bit"), NOBODY, ""),
    "a signed part inside": (
        HEAD + "Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n"
        + sealed("grün").split("1.0\r\n", 1)[1] + "--o--\r\n", NOBODY, ""),
    "an unknown encoding": (
        HEAD + "Content-Transfer-Encoding: x-zip\r\n\r\ngrün\r\n", NOBODY, ""),
    "8-bit header": (HEAD.replace(": t\r", ": grün\r") + "\r\nx\r\n", NOBODY,
                     ""),
    "large": (HEAD + "\r\n" + ("y" * 70 + "\r\n") * 400, NOBODY, ""),
    "UTF-8 fields": (HEAD.replace("x@far", "ü@far") + "\r\ngrün\r\n", NOBODY,
                     " SMTPUTF8 BODY=8BITMIME"),
    "a UTF-8 recipient": (HEAD + "\r\nx\r\n", "nobody-ü@far.test",
                          " SMTPUTF8"),
}
HOPS = {
    "nothing": (), "8BITMIME": ("8BITMIME",), "SIZE": ("SIZE 9000",),
    "BDAT": ("CHUNKING", "PIPELINING"),
    "SMTPUTF8": ("8BITMIME", "SMTPUTF8"),
}


def refuse(_, argument):
    """What the hop says to RCPT."""
    return "550 5.1.1 No such user" if "nobody" in argument else None


def reported(hop):
    """The report that came."""
    wait_for(lambda: any(ME in m.rcpts for m in hop.messages), "the report")
    return next(m for m in hop.messages if ME in m.rcpts)


def fits(got, extensions):
    """It asks for nothing that the hop does not have."""
    utf8 = "SMTPUTF8" in extensions
    if "8BITMIME" not in extensions:
        check(got.body.isascii(), f"{got.body!r}")
    check(utf8 or "SMTPUTF8" not in got.mail_params, got.mail_params)
    check(max(map(len, got.body.split(b"\r\n"))) <= 998, "long lines")
    if "SIZE 9000" in extensions:
        check(len(got.body) <= 9000, f"{len(got.body)} octets")
    message = email.message_from_bytes(got.body, policy=email.policy.default)
    equal(message.get_content_type(), "multipart/report", "type")
    equal(message.get_param("report-type"), "delivery-status", "it")
    text, status, original = message.iter_parts()
    check("could not be delivered" in text.get_content(), "the text")
    types = [p.get_content_type() for p in (status, original)]
    check(utf8 or not any("global" in t for t in types), f"{types}")
    returned = original.get_payload(decode=True) or \
        original.get_payload(0).as_bytes()
    check(b"<1@b.test>" in returned, f"{returned!r}")
    if not utf8:
        fields = status.get_payload()[1]
        equal((fields["Action"], fields["Status"][0]), ("failed", "5"))
        check(fields["Final-Recipient"], "whose it is")
    return types, fields["Final-Recipient"] if not utf8 else ""


def case(site, name, wire, rcpt, mail):
    """One message to every kind of hop: what the sender hears."""
    for offers, extensions in HOPS.items():
        with FakeMx({"rcpt": refuse}, extensions=extensions) as hop, \
                tap.case(f"{name}, {offers}", site.notes):
            site.change(f"route far.test smtp://127.0.0.1:{hop.port}\n"
                        f"route elsewhere.test smtp://127.0.0.1:{hop.port}")
            site.send(ME, [rcpt], wire, mail)
            got = reported(hop)
            types, final = fits(got, extensions)
            if name in ("signed", "long lines"):
                check(b"Status: 5.1.1" in got.body, "not why RCPT was refused")
            site.wait_empty()
            if name == "plain":
                equal(types[1], "message/rfc822", "all of it comes back")
            if name == "signed" and "8BITMIME" in extensions:
                equal(types[1], "message/rfc822", "all of it comes back")
            if name == "UTF-8 fields" and "SMTPUTF8" in extensions:
                equal(types, ["message/global-delivery-status",
                              "message/global"], "RFC 6533")
            if name == "a UTF-8 recipient" and final:
                equal(final, r"utf-8; nobody-\x{FC}@far.test", "RFC 6533")
        site.settled()


if __name__ == "__main__":
    with Site(2, "mx.home.test", "home.test") as instance:
        for key, (one, to, params) in MAILS.items():
            case(instance, key, one, to, params)
    tap.finish()
