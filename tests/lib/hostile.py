# SPDX-License-Identifier: ISC
"""Builds of a daemon in which a process has been taken over.

What an attacker would have the process do is written into a copy of one of its
sources; the program is linked with that in place of the file of the build.
"""
import os
import shlex
import subprocess

from .scratch import BUILD, SRC
from .tap import Skip, equal

DEPENDENCIES = {"-MD": 0, "-MP": 0, "-MT": 1, "-MF": 1}


def commands(target, newer):
    """What make would do for a target, each command split into words."""
    done = subprocess.run(
        ["make", "-n", "V=1", "-W", newer, target], cwd=BUILD,
        capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Skip(f"make cannot tell how to build: {done.stderr[-300:]}")
    lines = done.stdout.replace("\\\n", " ").splitlines()
    # Before the command, or after it, may stand what notes dependencies.
    lines = [line.split("`;")[-1].split("&&")[0] for line in lines]
    return [shlex.split(line) for line in lines if " -o " in line]


def run(command):
    """Runs a part of the build."""
    done = subprocess.run([*map(str, command)], cwd=BUILD, text=True,
                          capture_output=True, check=False)
    equal(done.returncode, 0, done.stderr[-2000:])


def compiler(source):
    """The command that compiles a source, up to the names of files."""
    for words in commands(source[:-1] + "o",
                          os.path.relpath(SRC / source, BUILD)):
        if "-c" not in words:
            continue
        command, skip = [], 0
        for word in words[:words.index("-c")]:
            if skip == 0 and word not in DEPENDENCIES:
                command.append(word)
            skip = skip - 1 if skip else DEPENDENCIES.get(word, 0)
        return command
    raise Skip(f"no command that compiles {source}")


def build(folder, daemon, edits):
    """Links DAEMON (smtpd or pop3d) as folder/DAEMON, with edited sources:
    {file: [(what stands there, what comes instead), ...]}."""
    objects = []
    for number, (source, changes) in enumerate(edits.items()):
        text = (SRC / source).read_text()
        for old, new in changes:
            equal(text.count(old), 1, f"{source}: places like {old!r}")
            text = text.replace(old, new)
        copy = folder / f"hostile-{number}.c"
        copy.write_text(text)
        objects.append(copy.with_suffix(".o"))
        run([*compiler(source), "-c", "-o", objects[-1], copy])
    main = f"{daemon}/main.o"
    (link,) = [words for words in commands(f"{daemon}/{daemon}", main)
               if main in words and "-c" not in words]
    at = link.index(main) + 1
    link[link.index("-o") + 1] = str(folder / daemon)
    run([*link[:at], *objects, *link[at:]])
    return folder / daemon
