# SPDX-License-Identifier: ISC
"""A user's files on a file system that does not answer hold up nobody else.

Whoever may mount by fuse(4) can do that: a process of theirs that looks into
such a folder waits in the kernel, and not even SIGKILL ends it. The clock of
the programs goes faster than ours, see lib/fast_clock.py.
"""
import ctypes
import os
import socket
import struct
import subprocess
import threading

from lib import proc, queuefile
from lib.local import main
from lib.scratch import BUILD, Daemon
from lib.shim import build_shim
from lib.tap import Skip, Tap, check, equal
from lib.talk import Talker
from lib.wait import wait_for

tap = Tap()
SLOWLY, FAST = 5, 100        # times as fast
MOUNT_FLAGS = 2 | 4             # MS_NOSUID, MS_NODEV
LEFT = "is left to itself"


class Mute:
    """A folder where every question is read, and none answered."""

    def __init__(self, folder, uid):
        self.folder = folder
        try:
            self.device = os.open("/dev/fuse", os.O_RDWR)
        except OSError as error:
            raise Skip(f"/dev/fuse: {error.strerror}") from None
        mode = 0o40755 if folder.is_dir() else 0o100600
        options = f"fd={self.device},rootmode={mode:o},user_id={uid}," \
            f"group_id={uid}"
        if ctypes.CDLL(None).mount(b"mute", bytes(folder), b"fuse",
                                   MOUNT_FLAGS, options.encode()) != 0:
            os.close(self.device)
            raise Skip("no right to mount by fuse(4)")
        self.asked = 0
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        """Answers the first question, which is about the protocol."""
        serial, = struct.unpack_from("<8xQ", os.read(self.device, 1 << 17))
        told = struct.pack("<IIIIHHIIHHI", 7, 12, 0, 0, 12, 9, 4096, 1, 0, 0,
                           0).ljust(64, b"\0")
        os.write(self.device,
                 struct.pack("<IiQ", 16 + len(told), 0, serial) + told)
        try:
            while os.read(self.device, 1 << 17):
                self.asked += 1
        except OSError:
            pass                # it is mounted no longer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "-f", self.folder], check=False,
                       capture_output=True)
        subprocess.run(["umount", "-l", self.folder], check=False,
                       capture_output=True)
        self.thread.join(30)
        os.close(self.device)


class Site:
    """A server in that place."""

    def __init__(self, place, speed):
        self.place, self.dir = place, place.dir
        place.log = place.dir / "smtpd.log"
        self.conf = place.dir / "dead.conf"
        self.conf.write_text(place.conf.read_text() + "user user39\n"
                             "log stderr\nauth off\nsessions 16\n")
        shim = place.dir / "fast_clock.so"
        if not shim.exists():
            build_shim(shim, "fast_clock_shim.c")
        self.env = dict(os.environ, LD_PRELOAD=str(shim), CLOCK_COARSE="1",
                        CLOCK_SPEED=str(speed))
        self.command = [BUILD / "smtpd/smtpd", "-c", self.conf]
        self.daemon = Daemon(self, [*self.command, "-l", "127.0.0.1:0=mx"], 1,
                             "smtpd")

    def popen(self, command, **settings):
        """As Daemon wants it."""
        return subprocess.Popen(command, env=self.env, **settings)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.daemon.kill()
        wait_for(lambda: not proc.named(str(self.conf)), "all to end")

    def send(self, *users):
        """A session with one message; the code that it gets."""
        sock = socket.create_connection(("127.0.0.1", self.daemon.ports[0]),
                                        60)
        with Talker(sock, 60.0) as talker:
            talker.hello()
            talker.expect("250 ", "MAIL FROM:<a@example.com>")
            for user in users:
                talker.expect("250 ", f"RCPT TO:<{user}@example.org>")
            talker.expect("354 ", "DATA")
            talker.send("Subject: x\r\n\r\nx\r\n.\r\n")
            return talker.reply().code

    def run(self):
        """A run of the queue."""
        # Not by a pipe: who cannot be ended keeps it open.
        with open(self.place.log, "ab") as log:
            done = subprocess.run([*self.command, "-qf"], env=self.env,
                                  stderr=log, timeout=100, check=False)
        equal(done.returncode, 0, "exit status of the runner")


def users(place, count):
    """So many who have had no mail."""
    return [next(place.unused) for _ in range(count)]


def cases_others(place):
    """The others of a message get theirs, once, and the sender has an answer"""
    for name, find in (("home", place.home),
                       ("state", lambda user: place.dir / "state/users" / user),
                       ("mailbox", lambda user: place.mail / user)):
        with tap.case(f"dead: a user's {name}", place.notes):
            others(place, find)


def others(place, find):
    """Mail to somebody with such a thing, and to somebody else."""
    eve, carl = users(place, 2)
    with Site(place, SLOWLY) as site:
        equal([site.send(eve), site.send(carl)], [250, 250], "before")
        with Mute(find(eve), place.uids[eve]) as mute:
            equal(site.send(eve, carl), 250, "reply")
            check(mute.asked, "control: nobody has asked")
            equal(place.messages(carl), 2, "messages of the other one")
            wait_for(lambda: LEFT in site.daemon.text(), "the line in the log")
            equal(site.send(carl), 250, "reply for the other one")
            equal(place.messages(carl), 3, "messages of the other one")
        # The server's own runner may have the message for a moment.
        wait_for(lambda: site.run() or place.messages(eve) == 2,
                 "the message, once it answers")


def test_places(place):
    """Who cannot be ended holds no place, and many make mail go through the
    queue"""
    eve, carl = users(place, 2)
    codes = []
    with Site(place, FAST) as site:
        with Mute(place.home(eve), place.uids[eve]):
            senders = [threading.Thread(target=lambda: codes.append(
                site.send(eve))) for _ in range(4)]
            for sender in senders:
                sender.start()
            for sender in senders:
                sender.join(60)
            equal(codes, [451] * 4, "replies")
            equal(site.daemon.text().count(LEFT), 4, "lines in the log")
            equal([site.send(eve) for _ in range(20)], [250] * 20, "replies")
            equal(site.send(carl), 250, "reply for another one")
            wait_for(lambda: place.messages(carl) == 1,
                     "the message of another one")
            check("mail goes through the queue" in site.daemon.text(),
                  site.daemon.text()[-500:])
        wait_for(lambda: not any(
            proc.status(p).get("State", "")[:1] == "D"
            for p in proc.all_children(site.daemon.pid)), "their end")
        equal(site.send(carl), 250, "reply")
        equal(place.messages(carl), 2, "messages at once")


def test_queue(place):
    """From the queue the others of the message get theirs, and the run ends"""
    eve, carl = users(place, 2)
    with Site(place, FAST) as site, Mute(place.home(eve), place.uids[eve]):
        site.daemon.kill()      # its own runner might be as fast
        id = queuefile.make(
            place.queue, sender="a@example.com", client="192.0.2.9",
            recipients=[queuefile.recipient(user, "u",
                                            given=f"{user}@example.org")
                        for user in (eve, carl)])
        site.run()
        equal(place.messages(carl), 1, "messages of the other one")
        why = list(queuefile.reason(place.queue, id).values())
        check(len(why) == 1 and "does not answer" in why[0], f"{why}")


def test_recovery(place):
    """pop3d --recover ends, and names whom it has not seen to"""
    eve, = users(place, 1)
    with Site(place, FAST) as site:
        equal(site.send(eve), 250, "before")
        site.daemon.kill()
        with Mute(place.dir / "state/users" / eve, place.uids[eve]), \
                open(place.log, "ab") as log:
            done = subprocess.run(
                [BUILD / "pop3d/pop3d", "-c", site.conf, "--recover"],
                env=site.env, stdout=log, stderr=log, timeout=100, check=False)
        check(done.returncode != 0, "exit status")
        check(eve in place.notes(), place.notes())


if __name__ == "__main__":
    main(tap, globals())
