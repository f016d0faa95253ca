# SPDX-License-Identifier: ISC
"""What a ~/.forward sends to other hosts, from the queue to the next hop.

Guards against strangers' mail that goes on with a sender of theirs, so that SPF
fails there, against spam that ruins the forwarder's name, and against spam that
is lost because it is not forwarded.
"""
import re
import subprocess

from lib import mbox, queuefile
from lib.fakemx import FakeMx
from lib.local import main
from lib.scratch import BUILD
from lib.tap import Tap, check, equal

tap = Tap()
STRANGER = "carol@example.com"


def run(place, hop, user, more="", **fields):
    """A message for a user here, or an address, and runs of the queue until it
    is empty."""
    conf = place.dir / "forward.conf"
    conf.write_text(place.conf.read_text() + "user user39\ndkim-sign off\n"
                    f"relay smtp://127.0.0.1:{hop.port}?tls=never\n" + more)
    fields = {"sender": STRANGER, "client": "192.0.2.9", **fields}
    queuefile.make(place.queue, recipients=[user if "@" in user
        else queuefile.recipient(user, "u", given=f"{user}@example.org")],
                   **fields)
    for _ in range(3):
        done = subprocess.run(
            [BUILD / "smtpd/smtpd", "-c", conf, "-qf"], text=True,
            capture_output=True, timeout=100, check=False)
        equal(done.returncode, 0, done.stderr)
        place.log.open("a").write(done.stderr)
    left = [p.name for folder in ("active", "deferred", "hold")
            for p in (place.queue / folder).glob("[!.]*")]
    equal(left, [], "what is left in the queue")


def box(place, user):
    """The messages in a mailbox."""
    path = place.mail / user
    return mbox.read(path) if path.exists() else []


def test_srs(place):
    """It goes on with a sender of ours, that leads back to the real one"""
    user = next(place.unused)
    place.forward(user, f"x@c.test, \\{user}\n")
    with FakeMx() as hop:
        run(place, hop, user)
        got, = hop.wait(1)
        check(re.fullmatch(r"SRS0=\w{8}=\w\w=example\.com=carol@example\.org",
                           got.sender), got.sender)
        equal(got.rcpts, ["x@c.test"], "recipients")
    kept, = box(place, user)
    check(b"Return-Path: <carol@example.com>" in kept.wire, kept.wire)


def test_relay_from(place):
    """Through a host that takes one sender alone it goes with that one"""
    user = next(place.unused)
    place.forward(user, "x@c.test\n")
    with FakeMx() as hop:
        run(place, hop, user, "relay-from 127.0.0.1 me@qq.test header\n")
        got, = hop.wait(1)
        equal(got.sender, "me@qq.test", "the sender")
        check(b"From: me@qq.test\r\n" in got.body or
              b"From: me@qq.test\n" in got.body, got.body)


def test_log(place):
    """No sender makes the log say of another message what is not true"""
    user = next(place.unused)
    place.forward(user, "x@c.test\n")
    with FakeMx() as hop:
        run(place, hop, user, "log stderr\n",
            sender='"x> -> <y, status=sent"@example.com')
        hop.wait(1)
    said = re.findall(r"srs forward (.*)", place.log.read_text())[-1]
    equal(said, '<"x? -? ?y, status=sent"@example.com> -> '
          f"<{user}@example.org>")


def test_chain(place):
    """Of a sender that was rewritten elsewhere, that host is named"""
    user = next(place.unused)
    place.forward(user, "x@c.test\n")
    with FakeMx() as hop:
        run(place, hop, user,
            sender="SRS0=ABCDEFGH=AA=example.com=carol@b.test")
        check(re.fullmatch(r"SRS1=\w{8}=b\.test==ABCDEFGH=AA=example\.com="
                           r"carol@example\.org", hop.wait(1)[0].sender),
              hop.messages[0].sender)


def test_ours_and_off(place):
    """Senders of ours stay, and all of them with srs off; reports have none"""
    user = next(place.unused)
    place.forward(user, "x@c.test\n")
    with FakeMx() as hop:
        for more, sender in (("", "alice@example.org"), ("", ""),
                             ("srs off\n", STRANGER)):
            run(place, hop, user, more, sender=sender)
            equal(hop.messages[-1].sender, sender, "sender")
        equal(len(hop.messages), 3, "messages")


def test_domain(place):
    """A report to an alias of a domain outside ASCII finds its way"""
    aliases = place.dir / "forward.aliases"
    aliases.write_text("abroad: x@BÜCHER.test, y@مثال.test\n")
    aliases.chmod(0o644)
    with FakeMx() as hop:
        run(place, hop, "abroad@example.org", f"aliases {aliases}\n", sender="")
        got = [r for m in hop.messages for r in m.rcpts]
    equal(sorted(got), ["x@xn--bcher-kva.test", "y@xn--mgbh0fb.test"])


def test_spam(place):
    """What is marked as spam stays here: in the mailbox"""
    for text in ("x@c.test\n", "x@c.test, y@c.test\n",
                 "x@c.test, \\{user}\n"):
        user = next(place.unused)
        place.forward(user, text.format(user=user))
        with FakeMx() as hop:
            run(place, hop, user, marked="yes")
            equal(len(hop.messages), 0, f"messages forwarded by {text}")
        equal(len(box(place, user)), 1, f"messages in the mailbox, {text}")


def test_spam_program(place):
    """A program of the user's sees it all the same"""
    user = next(place.unused)
    place.forward(user, f"x@c.test, {place.dir}/home/{user}/archive\n")
    with FakeMx() as hop:
        run(place, hop, user, marked="yes")
        equal(len(hop.messages), 0, "messages forwarded")
    check((place.home(user) / "archive").exists(), "the file")
    equal(len(box(place, user)), 0, "messages in the mailbox")


if __name__ == "__main__":
    main(tap, globals())
