# SPDX-License-Identifier: ISC
"""systemd's units: how far they shut the servers in, that the servers work
with what that leaves them, and that a server has its queue run by a unit of its
own, in which commands of aliases get what they need.

The rights that a unit leaves are read from the unit, and taken away by
unshare(1) and setpriv(1): so this runs where systemd does not.
"""
import contextlib
import os
import platform
import re
import select
import subprocess
import sys
import tempfile
from pathlib import Path

from lib import launch, mbox, peers
from lib.player import PASSWORDS
from lib.resolver import Resolver
from lib.scratch import AM_ROOT, BUILD, SRC, Scratch, tool
from lib.spfsuite import ZoneDns, records_of
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
# Servers, and how far they may be exposed at most.
SERVICES = {"smtpd/restante-smtp": 2.0, "smtpd/restante-submission": 2.0,
            "smtpd/restante-local": 2.0, "pop3d/restante-pop3": 1.5,
            "pop3d/restante-passwd": 1.5}
RESOLVER = "smtpd/restante-resolver"
EXPOSURE = {**SERVICES, RESOLVER: 1.5}
SOCKETS = ("smtpd/restante-smtp", "smtpd/restante-submission",
           "smtpd/restante-local", "smtpd/restante-queue",
           "pop3d/restante-pop3")
FALLBACK = "pop3d/restante-recover.service"


def unit(name):
    """The text of a unit, as it is installed."""
    built = BUILD / name
    return (built if built.exists() else SRC / name).read_text()


def value(name, key):
    """What a key of a unit is set to, the last time."""
    return re.findall(rf"(?m)^{key}=(.*)$", unit(name))[-1]


@contextlib.contextmanager
def all_units():
    """A folder with the units, whose programs are there."""
    with tempfile.TemporaryDirectory(prefix="restante-test-") as folder:
        names = [p for f in ("smtpd", "pop3d") for place in (BUILD, SRC)
                 for p in (place / f).glob("restante-*.*")
                 if p.suffix in (".service", ".socket", ".path", ".timer")]
        for path in names:
            text = re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true",
                          path.read_text())
            (Path(folder) / path.name).write_text(text)
        yield Path(folder)


def analyze(folder, *words):
    """What systemd-analyze says.  Where systemd is only unpacked, its own units
    are beside it."""
    program = peers.find("systemd-analyze", "systemd")
    own = [Path(program).parents[up] / "lib/systemd/system" for up in (1, 2)]
    path = ":".join(map(str, [folder, *own]))
    done = subprocess.run(
        [program, *map(str, words)], capture_output=True, text=True,
        env={**os.environ, "SYSTEMD_UNIT_PATH": path}, check=False)
    return done.returncode, done.stdout + done.stderr


def test_exposure():
    """systemd-analyze security: 2.0 at most, 1.5 for pop3d"""
    with all_units() as folder:
        for name, most in EXPOSURE.items():
            path = folder / (Path(name).name + ".service")
            _, said = analyze(folder, "security", "--offline=true",
                              "--no-pager", path)
            found = re.search(r"exposure level for \S+: ([\d.]+)", said)
            if not found:
                raise Skip("systemd-analyze does not do this: " + said[-200:])
            check(float(found[1]) <= most, f"{name}: {found[1]}")
            loose = path.with_name("loose.service")
            loose.write_text(path.read_text().replace("ProtectClock=yes", ""))
            _, said = analyze(folder, "security", "--offline=true",
                              "--no-pager", loose)
            worse = re.search(r"exposure level for \S+: ([\d.]+)", said)
            check(float(worse[1]) > float(found[1]), "it can tell no units")


def test_verify():
    """systemd-analyze verify has nothing to say about any of them"""
    with all_units() as folder:
        status, said = analyze(folder, "verify", "--man=no",
                               *folder.iterdir())
        equal((status, said), (0, ""), "systemd-analyze verify")


def test_recovery_cannot_stop_the_boot():
    """Recovery at boot has a time-out, and nothing requires it"""
    text = unit(FALLBACK)
    check(int(value(FALLBACK, "TimeoutStartSec")) <= 120, text)
    for name in SOCKETS:
        check(f"{Path(name).name}.socket" in text, f"not before {name}")
        check("recover" not in unit(name + ".socket"), name)
    for name in SERVICES:
        check("recover" not in unit(name + ".service"), name)
    page = SRC / "doc/by-hand.md"
    check(Path(FALLBACK).name in page.read_text(), f"{page} does not enable it")


def test_restart():
    """systemctl restart of a socket restarts its service, too"""
    # systemd starts no socket whose service runs.
    for name in (*SOCKETS, RESOLVER):
        own = Path(name).name + ".socket"
        for line in (f"PartOf={own}", f"After={own}"):
            check(f"\n{line}\n" in unit(name + ".service"),
                  f"{name}.service without {line}")


def test_local_socket():
    """The socket of the sendmail command opens no port, and is no TCP one"""
    text = unit("smtpd/restante-local.socket")
    equal(re.findall(r"(?m)^Listen\w+=(.*)", text),
          ["/run/restante/submission"], "what it listens on")
    check("NoDelay" not in text, "NoDelay on a socket that is not TCP")
    check("/run/" not in unit("smtpd/restante-submission.socket"),
          "the submission socket is in two units")


# ---- with the rights that a unit leaves ----

# Starts a program that can open no sockets but those of the families that the
# first argument names: RestrictAddressFamilies=, as systemd has it.
FAMILIES = """
import ctypes, os, platform, struct, sys
call = {"x86_64": 41, "aarch64": 198}[platform.machine()]
allowed = [{"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}[f]
           for f in sys.argv[1].split()]
n = len(allowed)
code = [(0x20, 0, 0, 0), (0x15, 0, n + 2, call), (0x20, 0, 0, 16)]
code += [(0x15, n - i, 0, f) for i, f in enumerate(allowed)]
code += [(0x06, 0, 0, 0x50000 | 97), (0x06, 0, 0, 0x7fff0000)]
text = ctypes.create_string_buffer(
    b"".join(struct.pack("HBBI", *c) for c in code))
class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
program = Program(len(code), ctypes.addressof(text))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(program)):
    sys.exit("prctl: " + os.strerror(ctypes.get_errno()))
os.execv(sys.argv[2], sys.argv[2:])
"""


def confined(name, user=None):
    """A command line's beginning: what the unit takes away. user: instead of
    one that systemd makes."""
    for needed in ("unshare", "setpriv"):
        if not tool(needed):
            raise Skip(f"no {needed}")
    bounding = ",".join(["-all"] + [
        "+" + c.removeprefix("CAP_").lower()
        for c in value(name, "CapabilityBoundingSet").split()])
    words = ["setpriv", "--bounding-set", bounding]
    if user:
        words += ["--reuid", user, "--regid", user, "--clear-groups"]
    if value(name, "NoNewPrivileges") == "yes":
        words.append("--no-new-privs")
    if re.search(r"(?m)^PrivateNetwork=yes$", unit(name)):
        words = ["unshare", "--net", *words]
    if platform.machine() not in ("x86_64", "aarch64"):
        raise Skip("socket(2) has another number here")
    return [*words, sys.executable, "-c", FAMILIES,
            value(name, "RestrictAddressFamilies")]


def activated(scratch, daemon, name):
    """A server behind a socket of systemd's, with the rights of its unit."""
    program = peers.find("systemd-socket-activate", "systemd")
    return launch.Launcher(scratch, lambda port: [
        program, "-l", f"127.0.0.1:{port}", *confined(name),
        *scratch.command(daemon)])


def test_rights():
    """With what their units leave them, mail comes in and is collected"""
    if not AM_ROOT:
        raise Skip("needs root")
    with Scratch("idle-exit 5", as_root=True) as scratch, \
            activated(scratch, "smtpd", "smtpd/restante-smtp.service") as mx, \
            activated(scratch, "pop3d", "pop3d/restante-pop3.service") as pop:
        for _ in range(3):
            launch.exchange(scratch, mx.ports[0], pop.ports[0],
                            PASSWORDS["bob"])
        said = mx.log.read_text() + pop.log.read_text()
        check("ermission" not in said and "not permitted" not in said, said)


def test_network():
    """No server has a network: the resolver has, and no right"""
    for name in EXPOSURE:
        text, asks = unit(name + ".service"), name == RESOLVER
        equal("\nPrivateNetwork=yes\n" in text, not asks, name)
        equal("\nIPAddressDeny=any\n" in text, not asks, name)
        equal("AF_INET " in value(name + ".service",
                                  "RestrictAddressFamilies"), asks, name)
    text = unit(RESOLVER + ".service")
    for line in ("DynamicUser=yes", "CapabilityBoundingSet=",
                 "NoNewPrivileges=yes"):
        check(f"\n{line}\n" in text, line)
    equal(value(RESOLVER + ".socket", "SocketMode"), "0600")
    for name in ("smtpd/restante-smtp.socket", "smtpd/restante-smtp.service"):
        check("\nWants=restante-resolver.socket\n" in unit(name), name)


@contextlib.contextmanager
def stranger(config, answers):
    """A server of port 25 in its unit, with a DNS; a stranger comes to it.
    answers: whether the resolver runs, in its unit."""
    if not AM_ROOT:
        raise Skip("needs root")
    zone = {"example.com": {"TXT": ["v=spf1 ip4:127.0.0.1 -all"]},
            "1.0.0.127.bl.test": {"A": [b"\x7f\0\0\2"],
                                  "TXT": ["listed here"]}}
    with contextlib.ExitStack() as stack:
        dns = stack.enter_context(ZoneDns(records_of(zone)))
        scratch = stack.enter_context(Scratch(
            f"idle-exit 5\npolicy-exempt 192.0.2.1\n{config}\n"
            f"resolver {dns.address}", as_root=True))
        if answers:
            stack.enter_context(Resolver(
                scratch, confined(RESOLVER + ".service", "games")))
        mx = stack.enter_context(activated(
            scratch, "smtpd", "smtpd/restante-smtp.service"))
        yield scratch, mx, stack.enter_context(scratch.connect(mx.ports[0]))


def test_verified():
    """A stranger's mail is verified by the resolver, and by it alone"""
    for answers, result in ((True, b"pass"), (False, b"temperror")):
        with stranger("", answers) as (scratch, mx, talker):
            talker.hello()
            talker.submit("carol@example.com", ["bob@example.org"],
                          "From: carol@example.com\r\n\r\nx\r\n")
            check(b" spf=" + result + b" " in scratch.mailbox("bob")
                  .read_bytes().replace(b"\n\t", b" "), mx.log.read_text())


def test_listed():
    """A DNS list is asked by the resolver, and by it alone"""
    for answers in (True, False):
        with stranger("dnsbl bl.test", answers) as (_, mx, talker):
            talker.hello()
            talker.expect("250 ", "MAIL FROM:<carol@example.com>")
            talker.send("RCPT TO:<bob@example.org>\r\n")
            said = talker.reply().last
            equal(said.startswith("554 5.7.1 ") and "listed here" in said,
                  answers, said + "\n" + mx.log.read_text())
            check(answers or said.startswith("250 "), said)


# ---- runs by another unit ----

@contextlib.contextmanager
def served(scratch):
    """A port of a running smtpd."""
    daemon = scratch.serve("smtpd", "127.0.0.1:0")
    try:
        yield daemon.ports[0]
    finally:
        daemon.stop()


def start_reader(scratch):
    """The FIFO as systemd opens it; a descriptor."""
    path = scratch.dir / "queue" / "wake"
    os.mkfifo(path, 0o600)
    scratch.own()
    return os.open(path, os.O_RDWR | os.O_NONBLOCK)


def submit(scratch, port, to):
    """A message that has to be queued."""
    with scratch.connect(port) as talker:
        talker.hello()
        talker.submit("a@example.com", [to], "Subject: x\r\n\r\nx\r\n")


def test_woken():
    """A server asks for a run by the FIFO, and one woken takes that away"""
    with Scratch("domains example.org") as scratch:
        (scratch.dir / "aliases").write_text("list: |/bin/cat, bob\n")
        fifo = start_reader(scratch)
        with served(scratch) as port:
            submit(scratch, port, "list@example.org")
            check(select.select([fifo], [], [], 20)[0], "nobody was asked")
            equal(len(list((scratch.dir / "queue" / "active").iterdir())), 1,
                  "messages that wait")
        # The server, which may ask again at any time, has ended.
        run = subprocess.run(
            ["/bin/sh", "-c",
             "exec 3<>$0; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\"",
             scratch.dir / "queue" / "wake",
             *scratch.command("smtpd", "-q5m")],
            env=scratch.environment(), capture_output=True, text=True,
            check=False, **scratch.as_user())
        equal(run.returncode, 0, run.stderr)
        check(not select.select([fifo], [], [], 0)[0],
              "the request is still there: systemd would start it again")
        equal(len(mbox.read(scratch.mailbox("bob"))), 1, "messages")
        os.close(fifo)


def test_nobody_to_wake():
    """Where nobody reads from the FIFO the server makes the run itself"""
    with Scratch("domains example.org") as scratch:
        (scratch.dir / "aliases").write_text("list: |/bin/cat, bob\n")
        os.close(start_reader(scratch))
        with served(scratch) as port:
            submit(scratch, port, "list@example.org")
            wait_for(lambda: scratch.mailbox("bob").exists() and
                     len(mbox.read(scratch.mailbox("bob"))) == 1, "the mail")


def test_not_a_fifo():
    """A file, a link in its place: the server makes the run itself"""
    for kind in ("file", "link"):
        with Scratch("domains example.org") as scratch:
            (scratch.dir / "aliases").write_text("list: |/bin/cat, bob\n")
            path = scratch.dir / "queue" / "wake"
            if kind == "file":
                path.write_text("")
            else:
                path.symlink_to("/dev/null")
            scratch.own()
            with served(scratch) as port:
                submit(scratch, port, "list@example.org")
                wait_for(lambda s=scratch: s.mailbox("bob").exists() and
                         len(mbox.read(s.mailbox("bob"))) == 1, "the mail")
            equal(path.read_text(), "", "what was written there")


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
