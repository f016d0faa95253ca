# SPDX-License-Identifier: ISC
"""smtpd --alert: each kind of trouble is told once when it begins and once
when it has ended, by a command of the administrator's, and never by mail."""
import os
import pwd
import subprocess
import threading
import time

from lib.fakemx import FakeMx
from lib.queuefile import make, recipient
from lib.scratch import AM_ROOT, Scratch, make_certificate, tool
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
HOUR = 3600
# Says what it was told, and who it is; waits or fails when asked to.
PROGRAM = r"""#!/bin/sh
dir=$1
{
    echo "event $2 $3"
    echo "user $(id -u) $(id -G)"
    echo "files" $(ls /proc/self/fd)
    echo "environment" $(env | sed 's/=.*//' | sort)
    sed 's/^/text /'
} >>"$dir/told"
test ! -e "$dir/pipe" || read -r line <"$dir/pipe"
test ! -e "$dir/flood" || yes trouble | head -c 1000000 >&2
test ! -e "$dir/fails" || { echo 'nobody answers' >&2; exit 1; }
"""


class Place(Scratch):
    """A Scratch with the command."""

    def __init__(self, config="", **settings):
        super().__init__(f"alert %DIR/out/tell %DIR/out\n{config}", **settings)
        self.out = self.dir / "out"
        self.out.mkdir(exist_ok=True)
        (self.out / "tell").write_text(PROGRAM)
        (self.out / "tell").chmod(0o755)
        (self.out / "told").write_text("")
        self.own()
        self.queue = self.dir / "queue"

    def set(self, config):
        """Another configuration, beside the command."""
        self.configure(f"alert %DIR/out/tell %DIR/out\n{config}")
        self.own()

    def look(self, status=0):
        """One look: (events that the command was told of, all it said)."""
        before = len(self.told())
        done = self.call("smtpd", "--alert")
        equal(done.returncode, status, done.stdout + done.stderr)
        return self.events()[before:], done.stdout + done.stderr

    def told(self):
        """The lines that begin an event."""
        return [line for line in (self.out / "told").read_text().splitlines()
                if line.startswith("event ")]

    def events(self):
        """("WORD bad", ...)"""
        return [line.partition(" ")[2] for line in self.told()]

    def text(self):
        """The text of the last event."""
        return (self.out / "told").read_text().rpartition("\nevent ")[2] \
            .partition("\ntext ")[2]

    def reason(self, ident, text):
        """Writes down a last reply."""
        folder = self.queue / "reason"
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / ident).write_text(f"0 {text}\n")
        self.own()


def test_well():
    """Where nothing is wrong, nobody is told"""
    with Place() as place:
        events, said = place.look()
        equal(events, [], said)
        equal(said.splitlines(), [f"{kind}: well" for kind in (
            "queue", "relay-login", "disk", "certificate", "listed",
            "quota")])
        make(place.queue, recipients=["bob@example.net"])
        equal(place.look()[0], [], "mail that has just come")
        equal(sorted(p.name for p in place.queue.rglob("*") if p.is_file()),
              sorted(p.name for p in (place.queue / "active").iterdir()),
              "no mail was made")


def test_waiting():
    """Mail that waits for hours is told once, and once that it has left"""
    with Place() as place:
        ident = make(place.queue, "deferred", recipients=[
            recipient("bob@example.net", attempts=5, due=time.time() + 900)],
            arrival=time.time() - 5 * HOUR)
        place.reason(ident, "host a.example said: \x1b[31m451 4.2.0 later")
        events, said = place.look()
        equal(events, ["queue bad"], said)
        for word in ("mail.example.org: 1 message has waited", "451 4.2.0 later",
                     "type: mailq"):
            check(word in place.text(), f"{word}: {place.text()}")
        check("\x1b" not in place.text() + said, said)
        for _ in range(3):
            equal(place.look()[0], [], "it is told once")
        make(place.queue, "deferred", recipients=["carol@example.net"],
             arrival=time.time() - 9 * HOUR)
        equal(place.look()[0], [], "more of the same")
        for path in (place.queue / "deferred").iterdir():
            path.unlink()
        equal(place.look()[0], ["queue well"], "it has ended")
        check("all is well again" in place.text(), place.text())
        equal(place.look()[0], [], "that is told once, too")


def test_held():
    """Mail that the administrator holds does not wait for anybody"""
    with Place() as place:
        make(place.queue, "hold", recipients=["bob@example.net"],
             arrival=time.time() - 90 * HOUR)
        equal(place.look()[0], [], "held")
        make(place.queue, "deferred", arrival=time.time() - 90 * HOUR,
             recipients=[recipient("bob@example.net", state="s"),
                         "carol@example.net"])
        equal(place.look()[0], ["queue bad"], "of two one waits")


def test_late():
    """Mail is late after the same time for the alert and for the letter"""
    rows = (("3 hours", False, "deferred", 3, {}),
            ("5 hours", True, "deferred", 5, {}),
            ("5 hours, and not tried yet", True, "active", 5, {}),
            ("on hold for days", False, "hold", 90, {}),
            ("asked to be sent later", False, "deferred", 90,
             {"hold": int(time.time()) + 9 * HOUR}),
            ("asked to be sent an hour ago", False, "deferred", 90,
             {"hold": int(time.time()) - HOUR}),
            ("asked to be sent six hours ago", True, "deferred", 90,
             {"hold": int(time.time()) - 6 * HOUR}))
    for what, late, where, hours, fields in rows:
        with Place() as place:
            make(place.queue, where, recipients=["bob@example.net"],
                 arrival=time.time() - hours * HOUR, **fields)
            place.own()
            equal(place.look()[0], ["queue bad"] if late else [], what)
            letter = place.call("smtpd", "--letter", seconds=240).stdout
            equal("for example.net has waited" in letter, late,
                  f"{what}\n{letter}")
            equal("1 on hold" in letter, where == "hold", letter)


def test_several():
    """Several messages that are late are one thing to do"""
    with Place() as place:
        for hours in (1, 5, 30):
            make(place.queue, "deferred", arrival=time.time() - hours * HOUR,
                 recipients=[f"bob@h{hours}.example.net"])
        place.own()
        equal(place.look()[0], ["queue bad"])
        check("2 messages have waited" in place.text(), place.text())
        letter = " ".join(place.call("smtpd", "--letter",
                                     seconds=240).stdout.split())
        check("3 messages, the oldest for 30 hours" in letter, letter)
        check("2 messages have waited for more than 4 hours, one for "
              "h30.example.net for 30 hours" in letter, letter)


def test_login():
    """A login that the provider refuses is told at once"""
    with Place() as place:
        pem, trust = place.dir / "hop.pem", place.dir / "trust.pem"
        make_certificate(pem, "localhost")
        text = pem.read_text()
        trust.write_text(text[text.index("-----BEGIN CERT"):])
        refused_login(place, pem)


def refused_login(place, pem):
    """A message for a provider that has another password."""
    with FakeMx(users={"me": "good"}, pem=pem, wrapped=True,
                mechanisms=("LOGIN", "PLAIN")) as hop:
        place.set(f"relay smtps://me:bad@localhost:{hop.port}\n"
                  "tls-trust %DIR/trust.pem")
        done = place.call("smtpd", "bob@far.example", stdin="Subject: x\n\n")
        equal(done.returncode, 0, done.stderr)
        place.call("smtpd", "-q")
        events, said = place.look()
        equal(events, ["relay-login bad"], said + place.call(
            "smtpd", "-bp").stdout)
        check("535" in place.text() and "smtpd -q" in place.text(),
              place.text())
        equal(len(hop.messages), 0, "mail that got out")


def test_other_refusals():
    """Another reply is no refused login"""
    with Place() as place:
        for text in ("450 4.2.0 5350 messages are enough",
                     "host 10.5.35.1 said: 451 4.7.1 greylisted",
                     "connect to mx.example: timed out"):
            ident = make(place.queue, "deferred", recipients=["b@x.example"])
            place.reason(ident, text)
            equal(place.look()[0], [], text)


def test_disk():
    """A disk without the room that mail needs"""
    with Place() as place:
        place.set("minimum-free 900000000M")
        equal(place.look()[0], ["disk bad"])
        check("df -h" in place.text(), place.text())
        place.set("minimum-free 1M")
        equal(place.look()[0], ["disk well"])
        place.set("queue %DIR/none\nminimum-free 1M")
        equal(place.look()[0], [], "a queue that is not there yet")


def test_certificate():
    """A certificate that was not renewed, and one that cannot be read"""
    if not tool("openssl"):
        raise Skip("openssl is not there (Debian package openssl)")
    with Place() as place:
        for days, events in (("8", []), ("3", ["certificate bad"]),
                             ("2", []), ("40", ["certificate well"])):
            key = place.dir / "key"
            cert = subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:P-256", "-nodes", "-days", days, "-subj",
                 "/CN=mail.example.org", "-keyout", key], check=True,
                capture_output=True).stdout
            place.pem.write_bytes(key.read_bytes() + cert)
            place.own()
            equal(place.look()[0], events, f"{days} days")
        place.pem.write_text("nothing")
        equal(place.look()[0], ["certificate bad"], "no certificate")
        make_certificate(place.pem, "mail.example.org")
        place.own()
        equal(place.look()[0], ["certificate well"], "a new one")


def test_quota():
    """A mailbox that is almost full; while it is not clearly emptier, too"""
    with Place("quota 10000 bob\nquota 1M") as place:
        box = place.mail / "bob"
        for size, events in ((9000, []), (9600, ["quota bad"]), (9300, []),
                             (9600, []), (8000, ["quota well"])):
            box.write_bytes(b"From x\n\n" + b"x" * (size - 9) + b"\n")
            place.own()
            equal(place.look()[0], events, f"{size} octets")
        box.write_bytes(b"x" * 20000)
        place.own()
        equal(place.look()[0], ["quota bad"])
        check("bob" in place.text() and "alice" not in place.text(),
              place.text())


def test_unknown():
    """What cannot be found out is neither trouble nor its end"""
    with Place() as place:
        make(place.queue, "deferred", recipients=["bob@example.net"],
             arrival=time.time() - 5 * HOUR)
        equal(place.look()[0], ["queue bad"])
        folder = place.queue / "deferred"
        folder.rename(place.queue / "away")
        folder.write_text("no folder")
        place.own()
        equal(place.look()[0], [], "the queue cannot be read")
        folder.unlink()
        (place.queue / "away").rename(folder)
        equal(place.look()[0], [], "it is as it was")


def test_failing():
    """A command that fails has told nothing: the next look starts it again"""
    with Place("minimum-free 900000000M") as place:
        (place.out / "fails").write_text("")
        (place.out / "flood").write_text("")
        events, said = place.look(75)
        equal(events, ["disk bad"])
        check("status 1" in said and "started again" in said, said)
        equal(place.look(75)[0], ["disk bad"], "again")
        (place.out / "fails").unlink()
        equal(place.look()[0], ["disk bad"], "and now it is told")
        equal(place.look()[0], [], "once")
        (place.out / "tell").chmod(0o644)
        place.set("minimum-free 1M")
        done = place.call("smtpd", "--alert")
        equal(done.returncode, 75, done.stderr)
        check("Permission denied" in done.stderr, done.stderr)


def test_state():
    """What was told is kept; a state that is damaged or lost is told again"""
    with Place("minimum-free 900000000M") as place:
        state = place.dir / "state/alerts"
        equal(place.look()[0], ["disk bad"])
        check("disk bad\n" in state.read_text(), state.read_text())
        for text in ("", "\0" * 90, "disk ba", "x" * 5000):
            state.write_text(text)
            place.own()
            equal(place.look()[0], ["disk bad"], repr(text[:9]))
            equal(place.look()[0], [], repr(text[:9]))
        state.unlink()
        os.mkfifo(state)
        place.own()
        done = place.call("smtpd", "--alert")
        equal(done.returncode, 73, done.stderr)
        check("alerts" in done.stderr, done.stderr)


def test_two_at_once():
    """Of two that look at once one tells"""
    with Place("minimum-free 900000000M") as place:
        os.mkfifo(place.out / "pipe")
        place.own()
        thread = threading.Thread(target=place.look)
        thread.start()
        wait_for(place.told, "the first to tell")
        equal(place.call("smtpd", "--alert").returncode, 0)
        with open(place.out / "pipe", "w", encoding="ascii") as pipe:
            pipe.write("on\n")
        thread.join()
        (place.out / "pipe").unlink()
        equal(place.events(), ["disk bad"])
        equal(place.look()[0], [], "it has been told")


def test_killed():
    """Killed while it tells: it is told again, and not forgotten"""
    with Place("minimum-free 900000000M") as place:
        os.mkfifo(place.out / "pipe")
        place.own()
        process = place.popen(place.command("smtpd", "--alert"),
                              stdout=subprocess.DEVNULL)
        wait_for(place.told, "it to tell")
        process.kill()
        process.wait()
        (place.out / "pipe").unlink()
        equal(place.look()[0], ["disk bad"])
        equal(place.events(), ["disk bad", "disk bad"])
        equal(place.look()[0], [])


def test_rights():
    """The command is the user of the aliases' commands, and has nothing"""
    if not AM_ROOT:
        raise Skip("needs root")
    with Place("minimum-free 900000000M\nalias-owner nobody",
               as_root=True) as place:
        nobody = pwd.getpwnam("nobody")
        (place.out / "told").unlink()
        os.chown(place.out, nobody.pw_uid, nobody.pw_gid)
        done = place.call("smtpd", "--alert")
        equal(done.returncode, 0, done.stderr)
        told = (place.out / "told").read_text()
        for line in (f"user {nobody.pw_uid} {nobody.pw_gid}", "files 0 1 2 3",
                     "environment LANG PATH PWD"):
            check(f"\n{line}\n" in told, told)
        place.set("minimum-free 1M\nalias-owner root")
        done = place.call("smtpd", "--alert")
        equal(done.returncode, 78, done.stderr)
        check("never run as root" in done.stderr, done.stderr)


def test_no_command():
    """Without the key there is nothing to start"""
    with Scratch() as scratch:
        done = scratch.call("smtpd", "--alert")
        equal(done.returncode, 78, done.stderr)
        check("key alert" in done.stderr, done.stderr)
        scratch.configure("alert tell")
        scratch.own()
        done = scratch.call("smtpd", "--alert")
        equal(done.returncode, 78, done.stderr)
        check("whole path" in done.stderr, done.stderr)


tap.run(globals())
tap.finish()
