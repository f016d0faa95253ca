# SPDX-License-Identifier: ISC
"""Postfix's own tools against our servers: smtp-source, which sends much at
once, and posttls-finger, which looks at TLS as Postfix's client does."""
import os
import re
import subprocess

from lib import mbox, nexthops
from lib.mails import MAILS
from lib.postfix import GROUP, OWNER
from lib.scratch import Instance
from lib.tap import Tap, check, equal

tap = Tap()
FROM, TO = "alice@example.org", "bob@example.org"


def run(server, name, *args):
    """Runs one of the tools to its end: exit status and output."""
    program = nexthops.peer("postfix", f"usr/sbin/{name}")
    library = program.parents[1] / "lib/postfix"
    folder = server.dir / "postfix-etc"
    folder.mkdir(exist_ok=True)
    (folder / "main.cf").write_text(
        f"compatibility_level = 3.6\nshlib_directory = {library}\n"
        f"mail_owner = {OWNER}\nsetgid_group = {GROUP}\n"
        "inet_protocols = ipv4\nmyhostname = client.example.net\n")
    # They wait while that file is fresh, lest it still be written.
    os.utime(folder / "main.cf", (0, 0))
    done = subprocess.run(
        [str(program), *map(str, args)], capture_output=True, text=True,
        timeout=60, check=False, cwd=server.dir,
        env=dict(server.environment(), MAIL_CONFIG=str(folder),
                 LD_LIBRARY_PATH=str(library) if library.is_dir() else ""))
    return done.returncode, done.stdout + done.stderr


def source(server, *options, to=TO):
    """smtp-source to our port 25."""
    return run(server, "smtp-source", "-f", FROM, "-t", to, *options,
               f"127.0.0.1:{server.smtp}")


def texts(server):
    """The bodies in bob's mailbox, which is emptied."""
    found = [m.wire.partition(b"\r\n\r\n")[2]
             for m in mbox.read(server.mailbox("bob"))]
    server.mailbox("bob").unlink(missing_ok=True)
    return found


def test_source(server):
    """smtp-source: 60 messages in 10 sessions at once, none twice"""
    texts(server)
    for options in ((), ("-d",)):       # each on a connection of its own
        status, said = source(server, "-s", "10", "-m", "60", "-l", "5000",
                              *options)
        equal(status, 0, said)
        found = texts(server)
        equal(len(found), 60, f"messages {options}")
        check(all(len(text) > 4500 for text in found), "their sizes")


def test_source_files(server):
    """smtp-source: messages of all kinds, octet for octet"""
    for name, wire in MAILS.items():
        texts(server)
        path = server.dir / "message"
        path.write_bytes(wire.replace(b"\r\n", b"\n"))
        status, said = source(server, "-F", path)
        equal(status, 0, f"{name}: {said}")
        (got,) = mbox.read(server.mailbox("bob"))
        check(got.wire.rstrip(b"\r\n").endswith(wire.rstrip(b"\r\n")),
              f"{name}: {got.wire!r:.900}")


def test_source_refused(server):
    """smtp-source: a recipient who is refused ends it, with our words"""
    status, said = source(server, to="nobody@example.org")
    check(status != 0 and "550 5.1.1" in said, f"{status} {said}")


def finger(server, port, *options):
    """posttls-finger of a port."""
    return run(server, "posttls-finger", "-c", "-t", "20", *options,
               f"[127.0.0.1]:{port}", "mail.example.org")[1]


def test_finger(server):
    """posttls-finger: STARTTLS and TLS at once, untrusted and verified"""
    text = server.pem.read_text()
    trust = server.dir / "trust.pem"
    trust.write_text(text[text.index("-----BEGIN CERT"):])
    for port, *options in ((server.smtp,), (server.submission,),
                           (server.submissions, "-w")):
        said = finger(server, port, "-l", "encrypt", *options)
        check(re.search(r"(Untrusted|Anonymous) TLS connection established .*"
                        r"TLSv1\.3", said), said)
        said = finger(server, port, "-l", "secure", "-F", trust, *options)
        check("Verified TLS connection established" in said, said)


def test_finger_versions(server):
    """posttls-finger: TLS 1.2 is spoken, older versions are not"""
    said = finger(server, server.smtp, "-l", "encrypt", "-p", "<=TLSv1.2")
    check("established" in said and "TLSv1.2" in said, said)
    said = finger(server, server.smtp, "-l", "encrypt", "-p", "<=TLSv1.1")
    check("established" not in said, said)


if __name__ == "__main__":
    with Instance("penalties off\n") as fixture:
        tap.run(globals(), fixture)
    tap.finish()
