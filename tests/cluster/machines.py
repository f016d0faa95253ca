# SPDX-License-Identifier: ISC
"""Machines on one network: each a network, mount and process namespace of its
own, with a disk (an ext4 of its own) if it is to have one.

A machine can be killed: its programs end at once, and what they wrote is
written. Its power can be cut: the network is gone without a word, the disk
stops as it is, and what was only in memory is gone. All of it lives below the
namespaces of this process, and ends with them.
"""
import fcntl
import os
import signal
import struct
import subprocess
from pathlib import Path

from lib import proc
from lib.tap import check
from lib.wait import wait_for

US = "10.77.0.1"
# From any of these we talk; nobody else does.
STRANGERS = "198.51.100"
SHUTDOWN, NOLOGFLUSH = 0x8004587D, 2    # EXT4_IOC_SHUTDOWN
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
DISK = Path("/var/disk")
# Beside a process that waits for orphans, nothing runs by itself.
INIT = """set -e
echo ready
read -r go
mount -t overlay overlay -o lowerdir={usr}:/usr /usr
for name in etc var; do
    mount -t overlay overlay -o lowerdir=/$name,\
upperdir={top}/$name,workdir={top}/$name.work /$name
done
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p {disk}
if [ -e {top}/image ]; then
    mount -o loop,commit=300 {top}/image {disk}
    chmod 755 {disk}
fi
ip link set lo up
ip addr add {address}/24 dev eth0
ip link set eth0 up
ip route add {strangers}.0/24 via {us}
echo up
sleep infinity &
while :; do wait; done
"""


def run(*words, **more):
    """A command that has to work; what it says."""
    done = subprocess.run(list(map(str, words)), text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          **more)
    check(done.returncode == 0, f"{words}: {done.stdout}")
    return done.stdout


def make_network():
    """A switch, at which we are, too."""
    run("ip", "link", "set", "lo", "up")
    # With an address of its own: else it has that of one of its ports, and
    # another one when that is gone.
    run("ip", "link", "add", "br0", "address", "02:00:0a:4d:00:01", "type",
        "bridge")
    run("ip", "addr", "add", f"{US}/24", "dev", "br0")
    run("ip", "link", "set", "br0", "up")
    run("ip", "route", "add", "local", f"{STRANGERS}.0/24", "dev", "lo")


class Machine:
    """One that can be booted more than once."""

    number = 0      # of cables, which are never reused

    def __init__(self, work, name, address, megabytes=0):
        self.name, self.address = name, address
        self.top = Path(work, name)
        self.usr = Path(work, "usr")
        self.process = self.pid = self.cable = None
        self.programs = {}
        for folder in ("etc", "etc.work", "var", "var.work"):
            (self.top / folder).mkdir(parents=True)
        self.image, self.megabytes = self.top / "image", megabytes
        self.format()

    def format(self):
        """An empty disk; the last one is not in use any more."""
        if self.megabytes:
            self.released()
            self.image.unlink(missing_ok=True)
            with self.image.open("wb") as file:
                file.truncate(self.megabytes << 20)
            run("mkfs.ext4", "-q", "-m", "0", self.image)

    def write(self, path, text, mode=0o644):
        """A file of its, which must lie in /etc or /var, but not on the disk;
        it need not be up."""
        place = self.top / path.lstrip("/") if self.pid is None \
            else self.inside(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(mode)

    def inside(self, path):
        """A path as we see it, while it is up."""
        return Path(f"/proc/{self.pid}/root", str(path).lstrip("/"))

    def on_disk(self, path=""):
        """A path on its disk."""
        return self.inside(DISK / path)

    # ---- power ----

    def boot(self):
        """Until its network and its disk are there."""
        self.released()
        script = INIT.format(
            usr=self.usr, top=self.top, disk=DISK, address=self.address,
            strangers=STRANGERS, us=US)
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child",
             "--mount-proc", "--propagation", "private", "sh", "-c", script],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            stderr=(self.top / "init.log").open("a"),
            env={"PATH": PATH, "LC_ALL": "C"})
        self.hear("ready")
        self.pid, = proc.all_children(self.process.pid)
        self.plug_in()
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        self.hear("up")
        self.start()

    def hear(self, word):
        """Its init gets that far."""
        said = self.process.stdout.readline().strip()
        check(said == word, f"{self.name}: {said!r}, not {word}: "
              + (self.top / "init.log").read_text())

    def plug_in(self):
        """A cable of its own to the switch. Its hardware address stays, so
        that nobody has to look for it again."""
        Machine.number += 1
        self.cable = f"{self.name}-{Machine.number}"
        last = int(self.address.rpartition(".")[2])
        run("ip", "link", "add", self.cable, "type", "veth", "peer", "name",
            "eth0", "address", f"02:00:0a:4d:00:{last:02x}", "netns", self.pid)
        run("ip", "link", "set", self.cable, "master", "br0", "up")

    def link(self, state):
        """Its cable is unplugged ("down"), or plugged in again ("up")."""
        run("ip", "link", "set", self.cable, state)

    def kill(self):
        """All its processes end at once, of which the network tells."""
        if self.pid is None:
            return
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        # First those through which we entered: one that is stopped, as its
        # program was, would never take note of its end.
        for program in self.programs.values():
            program.kill()
            program.wait()
        self.process.wait()     # which it is when all of them have ended
        self.programs.clear()
        self.process.stdin.close()
        self.process.stdout.close()
        self.pid = None

    def cut_power(self):
        """Nobody hears of it, and nothing more gets to the disk."""
        self.link("down")
        if self.image.exists():
            disk = os.open(self.on_disk(), os.O_RDONLY)
            try:
                fcntl.ioctl(disk, SHUTDOWN, struct.pack("I", NOLOGFLUSH))
            finally:
                os.close(disk)
        self.kill()

    def released(self):
        """The kernel lets go of the disk after the last process."""
        if self.image.exists():
            wait_for(lambda: not run("losetup", "-j", self.image),
                     f"the disk of {self.name}", 60)

    # ---- programs ----

    def enter(self, *words):
        """A command line that runs there."""
        return ["nsenter", "-t", str(self.pid), "-m", "-n", "-p", "--", "env",
                "-i", f"PATH={PATH}", "LC_ALL=C.UTF-8", "HOME=/root",
                *map(str, words)]

    def call(self, *words, **more):
        """A command to its end: (exit status, what it said)."""
        done = subprocess.run(
            self.enter(*words), text=True, check=False, timeout=300,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)
        return done.returncode, done.stdout

    def must(self, *words, **more):
        """A command that has to work."""
        status, said = self.call(*words, **more)
        check(status == 0, f"{self.name}: {words}: {status}: {said}")
        return said

    def launch(self, name, *words):
        """A program that stays."""
        log = self.log(name).open("ab")
        self.programs[name] = subprocess.Popen(
            self.enter(*words), stdin=subprocess.DEVNULL, stdout=log,
            stderr=log, cwd="/")
        log.close()

    def log(self, name):
        """What a program said, in all its lives."""
        return self.top / f"{name}.log"

    def signal(self, name, number):
        """To a program that stays, and to nsenter, its parent, which stops
        with it."""
        program = self.programs[name]
        for pid in (*proc.all_children(program.pid), program.pid):
            os.kill(pid, number)

    def end(self, name):
        """It is killed, and what it has started with it."""
        program = self.programs.pop(name)
        pids = proc.tree(program.pid)
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        program.kill()
        program.wait()

    def listens(self, port):
        """Waits until somebody does at that port."""
        def there():
            return any(fields[1].endswith(f":{port:04X}") and fields[3] == "0A"
                       for kind in ("tcp", "tcp6") for fields in map(
                           str.split, Path(f"/proc/{self.pid}/net/{kind}")
                           .read_text().splitlines()))
        wait_for(there, f"{self.name} to listen at {port}", 60, 0.05)

    def start(self):
        """What runs on it."""

    def notes(self):
        """The ends of its logs."""
        return "\n".join(
            f"--- {log.parent.name}/{log.name}:\n" + "\n".join(
                log.read_text(errors="replace").splitlines()[-8:])
            for log in sorted(self.top.glob("*.log"))
            if log.stat().st_size)
