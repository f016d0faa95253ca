# SPDX-License-Identifier: ISC
"""smtpd --adopt: the queue of a machine that is gone is taken over, each message
once, whatever happens meanwhile: a second adopter, the machine that comes back,
a kill, a failing disk."""
import errno
import fcntl
import os
import struct
import subprocess
import tempfile
import threading
from pathlib import Path

from lib.fakemx import FakeMx
from lib.queuefile import QueueFile, make, recipient
from lib.scratch import LONG, Scratch
from lib.shim import build_shim
from lib.sweep import sample
from lib.tap import Tap, check, equal

tap = Tap()
PLACES = ("active", "deferred", "hold")


class Machine(Scratch):
    """A queue here, and that of a machine that is gone."""

    def __init__(self, config=""):
        super().__init__(config, tls=False, users=False)
        self.queue, self.gone = self.dir / "queue", self.dir / "gone"
        self.gone.mkdir()
        self.call("smtpd", "-q")
        self.own()

    def adopt(self, status=0, path=None, env=None):
        """One adoption: (the ids that it prints, all it says)."""
        done = subprocess.run(
            self.command("smtpd", "--adopt", path or self.gone),
            capture_output=True, text=True, check=False, timeout=120, cwd="/",
            env=dict(self.environment(), **(env or {})), **self.as_user())
        if status is not None:
            equal(done.returncode, status, done.stdout + done.stderr)
        return done.stdout.split(), done.stderr

    def ids(self, queue=None):
        """The messages of a queue, by place."""
        return {place: sorted(p.name for p in (queue or self.queue)
                              .joinpath(place).iterdir()
                              if "." not in p.name)
                if (queue or self.queue).joinpath(place).exists() else []
                for place in PLACES}

    def fill(self):
        """Two messages in each folder of the other queue; their files."""
        found = {}
        for place in PLACES:
            for n in range(2):
                ident = make(self.gone, place, body=b"%d\r\n" % n, recipients=[
                    recipient("bob@far.example", state="s"),
                    recipient("carol@far.example", attempts=3)])
                found[ident] = (self.gone / place / ident).read_bytes()
        self.own()
        return found


def test_all():
    """Every message is here, as it was, and no more there"""
    with Machine() as m:
        before, files = m.ids(m.gone), m.fill()
        there = m.ids(m.gone)
        equal(before, {place: [] for place in PLACES})
        ids, said = m.adopt()
        equal(sorted(ids), sorted(files), said)
        check("6 adopted, 0 left" in said and "smtpd -q" in said, said)
        equal(m.ids(), {"active": sorted(there["active"] + there["deferred"]),
                        "deferred": [], "hold": there["hold"]})
        equal(m.ids(m.gone), {place: [] for place in PLACES})
        for ident, data in files.items():
            paths = [p for p in m.queue.rglob(ident)]
            equal([p.read_bytes() for p in paths], [data], ident)
            kept = list(m.gone.rglob(ident))
            equal([(p.parent.name, p.read_bytes()) for p in kept],
                  [("adopted", data)], "what is kept")
        equal(m.adopt()[0], [], "a second time")


def test_sent():
    """What had been sent to one recipient goes to the other alone"""
    with FakeMx() as hop:
        with Machine(f"relay smtp://127.0.0.1:{hop.port}") as m:
            ids = [i for i in m.fill() if not (m.gone / "hold" / i).exists()]
            m.adopt()
            done = m.call("smtpd", "-qf")
            equal(done.returncode, 0, done.stderr)
            equal(sorted(r for one in hop.messages for r in one.rcpts),
                  ["carol@far.example"] * len(ids))
            # The machine comes back, with its disk.
            m.configure(f"relay smtp://127.0.0.1:{hop.port}\nqueue {m.gone}",
                        tls=False)
            m.own()
            done = m.call("smtpd", "-qf")
            equal(done.returncode, 0, done.stderr)
            equal(len(hop.messages), len(ids), "sent by both")
            equal(m.call("smtpd", "-bp").stdout, "Mail queue is empty\n")


def test_same_id():
    """A message that is here already is not overwritten, nor had twice"""
    with Machine() as m:
        ident = make(m.gone, recipients=["bob@far.example"], body=b"there\r\n")
        make(m.queue, "deferred", ident, recipients=["bob@far.example"],
             body=b"here\r\n")
        m.own()
        m.adopt()
        equal([p.parent.name for p in m.queue.rglob(ident)], ["deferred"])
        equal(QueueFile(m.queue / "deferred" / ident).body, b"here\r\n")


def test_busy():
    """What somebody works on stays, and so does all where a runner is"""
    with Machine() as m:
        first = make(m.gone, recipients=["bob@far.example"])
        other = make(m.gone, recipients=["bob@far.example"])
        m.own()
        with open(m.gone / "active" / first, "r+b") as file:
            fcntl.fcntl(file, 37, struct.pack(     # F_OFD_SETLK
                "hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
            ids, said = m.adopt(75)
            equal(ids, [other])
            check(f"active/{first} stays there: another process" in said, said)
        equal(m.adopt()[0], [first], "when it is done")


def test_odd():
    """What is no message, damaged, or of a later version"""
    with Machine() as m:
        whole = make(m.gone, recipients=["bob@far.example"])
        torn = make(m.gone, recipients=["bob@far.example"])
        path = m.gone / "active" / torn
        path.write_bytes(path.read_bytes()[:40])
        later = make(m.gone, recipients=["bob@far.example"])
        path = m.gone / "active" / later
        path.write_bytes(path.read_bytes().replace(
            b"restante-queue 1", b"restante-queue 9", 1))
        (m.gone / "active" / ".tmp.X.1").write_text("unfinished")
        (m.gone / "active" / "notes.txt").write_text("no message")
        os.symlink("/etc/passwd", m.gone / "active" / "ABCDEFGHJKLM")
        m.own()
        ids, said = m.adopt(65)
        equal(ids, [whole], said)
        check("1 adopted" in said, said)
        equal(sum(len(v) for v in m.ids().values()), 1)


def test_refused():
    """The own queue, and no queue"""
    with Machine() as m:
        make(m.queue, recipients=["bob@far.example"])
        m.own()
        check("queue of this machine" in m.adopt(64, m.queue)[1], "own")
        check("No such file" in m.adopt(66, m.dir / "none")[1], "none")


def test_two_adopters():
    """Two at once: each message is taken by one of them"""
    with Machine() as m, Machine() as n:
        for _ in range(60):
            make(m.gone, recipients=["bob@far.example"])
        m.own()
        found = []

        def adopt(machine):
            found.append(machine.adopt(None, m.gone)[0])
        threads = [threading.Thread(target=adopt, args=(machine,))
                   for machine in (m, n, m, n)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found.append(m.adopt()[0])
        ids = [ident for some in found for ident in some]
        equal((len(ids), len(set(ids))), (60, 60))
        equal(len(m.ids()["active"]) + len(n.ids()["active"]), 60)


def sweep(what, env):
    """A kill, or a failure, at each call that changes files: after another run
    each message is here once, and none is there."""
    with tempfile.TemporaryDirectory(prefix="restante-test-") as place:
        os.chmod(place, 0o777)
        shim = Path(place, "shim.so")
        build_shim(shim, "setup_shim.c")
        with Machine() as m:
            m.fill()
            m.adopt(env={"LD_PRELOAD": str(shim),
                         "SETUP_COUNT": f"{place}/count"})
        calls = int(Path(place, "count").read_text())
        check(calls > 6, f"{calls} calls")
        wrong = []
        for at in sample(range(1, calls + 1), calls if LONG else 12):
            with Machine() as m:
                files = m.fill()
                done = m.adopt(None, env=dict(
                    env, LD_PRELOAD=str(shim), SETUP_AT=str(at)))
                m.adopt()
                here = sorted(p.name for place in PLACES
                              for p in (m.queue / place).iterdir()
                              if not p.name.startswith("."))
                if here != sorted(files) or any(m.ids(m.gone).values()):
                    wrong.append((at, here, m.ids(m.gone), done))
                wrong += [(at, ident) for ident, data in files.items()
                          if [p.read_bytes() for p in m.queue.rglob(ident)]
                          != [data]]
        equal(wrong[:3], [], f"{what}: {len(wrong)} of {calls} calls")


def test_killed():
    """Killed anywhere, and run again"""
    sweep("killed", {})


def test_failing():
    """A call fails, and the disk is full from some call on"""
    sweep("EIO", {"SETUP_ERROR": str(errno.EIO)})
    sweep("ENOSPC", {"SETUP_ERROR": str(errno.ENOSPC), "SETUP_FULL": "1"})


tap.run(globals())
tap.finish()
