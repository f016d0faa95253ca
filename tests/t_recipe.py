# SPDX-License-Identifier: ISC
"""The recipe of HACKING.md for a parameter of MAIL: it is true, and short.

A parameter that has to be copied from record to record is forgotten in one of
them. This one is made up, is added to a scratch copy in at most four files, and
gets from MAIL into the queue file and to the next hop.
"""
import shutil
import subprocess
import tempfile
from pathlib import Path

from lib import hostile
from lib.fakemx import EXTENSIONS, FakeMx
from lib.player import PASSWORDS
from lib.scratch import BUILD, SRC, Scratch
from lib.site import Queue
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
# File: what stands there, and what comes instead of it.
RECIPE = {
    "smtpd/session/params.c": [
        ("static const struct mail_param {",
         "static enum params\n"
         "read_made_up(const struct param *p, struct reading *r)\n"
         "{\n"
         "\tr->mail->made_up = true;\n"
         "\treturn is_ok(p->value == NULL);\n"
         "}\n\n"
         "static const struct mail_param {"),
        ("\t{ \"AUTH\", read_auth",
         "\t{ \"XMADEUP\", read_made_up, 0, \"XMADEUP\" },\n"
         "\t{ \"AUTH\", read_auth"),
    ],
    "spool/mail.h": [
        ("\tuint64_t size; ", "\tbool made_up;\n\tuint64_t size; "),
    ],
    "spool/mail_text.c": [
        ("\tKEY_TO, ", "\tKEY_MADE_UP,\n\tKEY_TO, "),
        ("\"priority\", \"to\"", "\"priority\", \"made-up\", \"to\""),
        ("\tcase KEY_TO:",
         "\tcase KEY_MADE_UP:\n"
         "\t\treturn read_flag(value, \"yes\", &m->made_up);\n"
         "\tcase KEY_TO:"),
        ("\tif (m->priority != 0) {",
         "\tput_line(f, \"made-up\", m->made_up ? \"yes\" : \"\");\n"
         "\tif (m->priority != 0) {"),
    ],
    "smtpd/relay/envelope.c": [
        ("\t{ \"MT-PRIORITY\", EXT_MT_PRIORITY },",
         "\t{ \"MT-PRIORITY\", EXT_MT_PRIORITY },\n"
         "\t{ \"XMADEUP\", EXT_OF_MAIL },"),
        ("\tif ((has & EXT_DSN) != 0) {",
         "\tif ((has & EXT_OF_MAIL) != 0 && mail->made_up) {\n"
         "\t\tgood = good && add_param(line, \"XMADEUP\", \"\");\n"
         "\t}\n"
         "\tif ((has & EXT_DSN) != 0) {"),
    ],
}
MOST_FILES = 4
# The new field lies where there was padding, so that other objects stay good.
PROBE = """#include "spool/mail.h"
#include <stdio.h>
int main(void) { printf("%zu %zu %zu", sizeof(struct mail),
offsetof(struct mail, size), offsetof(struct mail, texts)); return 0; }
"""


def change(tree):
    """Follows the recipe in a copy of the sources."""
    for folder in ("common", "spool", "smtpd"):
        shutil.copytree(SRC / folder, tree / folder,
                        ignore=lambda _, names: [
                            n for n in names if n.endswith((".o", ".a"))])
    for name, edits in RECIPE.items():
        path = tree / name
        text = path.read_text()
        for old, new in edits:
            equal(text.count(old), 1, f"{name}: places like {old!r}")
            text = text.replace(old, new)
        path.write_text(text)


def compiler(tree):
    """The compiler and its options, for the copy."""
    command = hostile.compiler("smtpd/session/params.c")
    command[command.index("-iquote") + 1] = str(tree)
    return command


def run(*command):
    """Runs a part of the build, or what it has made."""
    done = subprocess.run([*map(str, command)], cwd=BUILD, text=True,
                          capture_output=True, check=False)
    equal(done.returncode, 0, done.stderr[-2000:])
    return done.stdout


def layout(cc, tree, root):
    """Where the fields of struct mail lie, by the headers of that tree."""
    (tree / "probe.c").write_text(PROBE)
    command = [str(root) if word == str(tree) else word for word in cc]
    run(*command, "-c", "-o", tree / "probe.o", tree / "probe.c")
    run(*command, "-o", tree / "probe", tree / "probe.o")
    return run(tree / "probe")


def build(tree):
    """Compiles what the recipe touches, and links smtpd with it."""
    change(tree)
    cc = compiler(tree)
    equal(layout(cc, tree, SRC), layout(cc, tree, tree), "struct mail")
    objects = []
    for name in RECIPE:
        if name.endswith(".c"):
            objects.append(tree / (name[:-1] + "o"))
            run(*cc, "-c", "-o", objects[-1], tree / name)
    (link,) = [words for words in hostile.commands("smtpd/smtpd", "smtpd/main.o")
               if "smtpd/main.o" in words and "-c" not in words]
    at = link.index("smtpd/main.o") + 1
    link[link.index("-o") + 1] = str(tree / "made-up")
    run(*link[:at], *objects, *link[at:])
    return tree / "made-up"


class Server(Queue, Scratch):
    """A queue, and the program that was made by the recipe."""

    def __init__(self, made, mx):
        self.made = made
        super().__init__(f"relay smtp://127.0.0.1:{mx.port}?tls=never\n")

    def program(self, name):
        if name != "smtpd":
            return super().program(name)
        copy = self.dir / "bin" / "made-up"
        if not copy.exists():
            copy.parent.mkdir(exist_ok=True)
            shutil.copy(self.made, copy)
            copy.chmod(0o755)
        return str(copy)


def submit(server, params):
    """Submits a message; returns what EHLO has offered."""
    with server.session("smtpd", "--role", "submission")[0] as talker:
        offer = talker.hello()
        talker.login("alice", PASSWORDS["alice"])
        talker.expect("250 ", f"MAIL FROM:<alice@example.org>{params}")
        talker.expect("250 ", "RCPT TO:<bob@far.example>")
        talker.expect("354 ", "DATA")
        talker.send("Subject: made up\r\n\r\n.\r\n")
        talker.expect("250 2.0.0 Queued")
    return offer


def read_head(server):
    """The head of the one queue file; None if the runner just moves it."""
    try:
        (path,) = server.queue_files()
        return Path(path).read_bytes().split(b"\n\n")[0].split(b"\n")
    except (FileNotFoundError, ValueError):
        return None


def carry(made):
    """From MAIL to the next hop, with and without the parameter."""
    with FakeMx(extensions=EXTENSIONS + ("XMADEUP",)) as mx, \
            Server(made, mx) as server:
        submit(server, " XMADEUP HOLDFOR=100000")
        head = wait_for(lambda: read_head(server), "a file of the queue")
        check(b"made-up: yes" in head, f"{head}")
        (message,) = server.mailq()
        equal(server.call("smtpd", "--release", message["id"]).returncode, 0)
        server.flush("-q")
        server.wait_empty(60)
        equal([("XMADEUP" in m.mail_params.split()) for m in mx.messages],
              [True], "the next hop")
        submit(server, "")
        server.flush("-q")
        server.wait_empty(60)
        equal([("XMADEUP" in m.mail_params.split()) for m in mx.messages],
              [True, False], "one without it")


def test_touched():
    """A parameter of MAIL touches at most four files"""
    check(len(RECIPE) <= MOST_FILES, f"{list(RECIPE)}")
    text = (SRC / "HACKING.md").read_text()
    for name in RECIPE:
        check(name in text, f"HACKING.md does not name {name}")


def test_carried():
    """It gets into the queue file and to the next hop"""
    with tempfile.TemporaryDirectory() as work:
        carry(build(Path(work)))


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
