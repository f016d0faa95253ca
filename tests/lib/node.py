# SPDX-License-Identifier: ISC
"""Machines: namespaces of mounts and processes with copies of the system's
folders in memory, where lines of the manual are typed. All of them share the
network of this program, where each has an address."""
import os
import shutil
import signal
import subprocess
from pathlib import Path

from .proc import children
from .tap import Skip, check, equal
from .wait import wait_for

COVERED = ("etc", "usr", "var", "run", "mnt")
COVER = """set -e
for name in {names}; do
    lower=/$name
    for layer in {layers}; do
        [ ! -d "$layer/$name" ] || lower=$layer/$name:$lower
    done
    mkdir -p "{top}/upper/$name" "{top}/work/$name"
    mount -t overlay overlay -o "lowerdir=$lower,\\
upperdir={top}/upper/$name,workdir={top}/work/$name" "/$name"
done
echo ready
exec sleep infinity
"""


class Node:
    """One machine. top: a folder on a tmpfs; layers: folders with more files
    of a system."""

    def __init__(self, top, layers):
        self.top = Path(top)
        self.top.mkdir(parents=True)
        for name in COVERED:    # not the folder's own rights, but the system's
            (self.top / "upper" / name).mkdir(parents=True)
            shutil.copystat(f"/{name}", self.top / "upper" / name)
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child",
             "--mount-proc", "--propagation", "private", "sh", "-c",
             COVER.format(names=" ".join(COVERED), top=self.top,
                          layers=" ".join(map(str, layers)))],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        said = self.process.stdout.readline()
        if said != "ready\n":
            raise Skip("no overlays: " + said.strip())
        self.init = children(self.process.pid)[0]

    def command(self, *words):
        """The words of a command that runs there."""
        return ["nsenter", "-t", str(self.init), "-m", "-p", "--",
                *map(str, words)]

    def sh(self, script, status=0, **settings):
        """Runs lines there; what they have written to descriptor 3, which is
        where stand-ins say what they were asked for."""
        log = self.top / "asked"
        log.write_text("")
        done = subprocess.run(
            self.command("sh", "-eu", "-c", f"exec 3>>'{log}'\n{script}"),
            capture_output=True, text=True, check=False, timeout=240,
            **settings)
        equal(done.returncode, status, script + done.stdout + done.stderr)
        self.said = done.stdout
        return log.read_text()

    def start(self, *words):
        """Starts a program there; its log is NAME.log in the node's folder."""
        name = Path(str(words[0])).name
        with open(self.top / f"{name}.log", "ab") as log:
            subprocess.Popen(self.command(*words), stdin=subprocess.DEVNULL,
                             stdout=log, stderr=log, start_new_session=True)

    def path(self, path):
        """A file of the node, for this program."""
        return Path(f"/proc/{self.init}/root{path}")

    def notes(self):
        """The ends of its logs."""
        return "\n".join(f"--- {self.top.name} {path.name}:\n"
                         + path.read_text(errors="replace")[-1500:]
                         for path in self.top.glob("*.log"))

    def alive(self):
        """Whether it has not died."""
        return self.process.poll() is None

    def die(self):
        """All its processes are gone at once."""
        if self.alive():
            os.kill(self.init, signal.SIGKILL)
        self.process.wait()
        wait_for(lambda: not Path(f"/proc/{self.init}").exists(),
                 "the node to end", 60)
        check(not self.alive(), "it is gone")
