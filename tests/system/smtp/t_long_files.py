# SPDX-License-Identifier: ISC
"""A users file that is so long that a process of its own reads it again: the
server answers at once meanwhile, by the names from before, and whatever becomes
of that process."""
import os
import signal
import time

from lib import proc
from lib.later import Later
from lib.scratch import Scratch
from lib.shim import build_shim
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
MANY = 9000     # lines
SOON = 5        # seconds: nobody waits for a process that reads


class Long(Later, Scratch):
    """A server with such a file. To put an image in its place takes as long as
    a test wants, see lib/late_shim.c."""

    monotonic = True

    def __init__(self):
        super().__init__("auth off\npenalties off", tls=False)
        self.late = self.image.with_suffix(".image.late")
        self.here = self.image.with_suffix(".image.here")
        self.write("first")
        self.server = self.serve("smtpd", "127.0.0.1:0")
        check(self.image.exists(), "a long file has no image")
        # The queue run of the start reads the names, too.
        self.knows("first")
        wait_for(lambda: not proc.children(self.server.pid), "its end")

    @property
    def image(self):
        """What a server makes of the file."""
        return self.dir / "state/users.image"

    def environment(self):
        env = super().environment()
        if not (self.dir / "late.so").exists():
            build_shim(self.dir / "late.so", "late_shim.c")
        return dict(env, LATE=str(self.image),
                    LD_PRELOAD=f"{env['LD_PRELOAD']}:{self.dir / 'late.so'}")

    def write(self, *more):
        """Another users file takes the place of the one that is there."""
        with open(self.dir / "users.new", "w", encoding="ascii") as file:
            file.write("".join(
                f"name{n}:!\n" for n in range(MANY)))
            file.writelines(f"{name}:!\n" for name in more)
        os.chmod(self.dir / "users.new", 0o600)
        self.own()
        os.rename(self.dir / "users.new", self.users)

    def knows(self, name):
        """Whether mail for a name is taken; the server answers soon."""
        begun = time.monotonic()
        with self.connect(self.server.ports[0]) as talker:
            talker.hello()
            talker.expect("250 ", "MAIL FROM:<a@example.com>")
            talker.send(f"RCPT TO:<{name}@example.org>\r\n")
            code = talker.reply().code
        check(time.monotonic() - begun < SOON, "it took long")
        check(code in (250, 550), str(code))
        return code == 250

    def change(self, *names):
        """The file is another one, and a process is about to have its image;
        the pid of that."""
        self.here.unlink(missing_ok=True)
        self.late.touch()
        self.own()
        self.write(*names)
        self.knows("first")
        return wait_for(lambda: self.here.exists() and
                        int(self.here.read_text() or 0),
                        "the process that reads the file")

    def holds(self, name):
        """A new name is not known yet, and an old one is, still."""
        check(not self.knows(name), f"{name} is known")
        check(self.knows("first"), "an old name is gone")

    def comes(self, name):
        """A new name is known before long."""
        wait_for(lambda: self.knows(name), f"{name} to count")


def test_serves():
    """While the file is read the names from before hold"""
    with Long() as site:
        site.change("first", "second")
        site.holds("second")
        site.late.unlink()
        site.comes("second")
        equal(site.server.text().count("error"), 0, "errors")


def test_killed():
    """A reading process that is killed, as for want of memory, is not made up
    for by the server: another one tries a minute later"""
    with Long() as site:
        maker = site.change("first", "second")
        os.kill(maker, signal.SIGKILL)
        wait_for(lambda: "ended by signal 9" in site.server.text(), "the log")
        site.late.unlink()
        for _ in range(3):
            site.holds("second")
        equal(site.server.text().count("ended by signal"), 1, "lines")
        site.go_by(61)
        site.comes("second")


def test_slow():
    """One that takes longer than ten minutes is ended, and the names from
    before hold; another one tries"""
    with Long() as site:
        maker = site.change("first", "second")
        site.go_by(590)
        site.holds("second")
        check(proc.name(maker), "it was ended too early")
        site.go_by(20)
        wait_for(lambda: site.holds("second") or not proc.name(maker),
                 "its end")
        wait_for(lambda: "ended by signal 9" in site.server.text(), "the log")
        site.holds("second")
        # From here on a run of the queue, which is due, may do it, too.
        site.late.unlink()
        site.go_by(61)
        site.comes("second")


def test_changed_meanwhile():
    """A file that changes while it is read is read again, without a word"""
    with Long() as site:
        site.change("first", "second")
        site.write("first", "second", "third")
        site.holds("second")
        site.late.unlink()
        site.comes("third")
        check(site.knows("second"), "the second is not known")
        check("image" not in site.server.text(), site.server.text())


def test_no_image():
    """Where no image can be kept the server reads the lines, and says so"""
    with Long() as site:
        site.image.unlink()
        site.image.mkdir()
        (site.image / "x").touch()
        site.own()
        site.write("first", "second")
        site.comes("second")
        check("no image of the users file" in site.server.text()
              and "smtpd --check" in site.server.text(), site.server.text())


tap.run(globals())
tap.finish()
