# SPDX-License-Identifier: ISC
"""What smtpd --setup finds out about the machine and the world: the name of the
machine, port 25 of others, the names of its addresses, lists that have these,
and where mail of the domain goes today. None of it stops the set-up.

The network is one of this test's own, in which 5.6.7.8 is an address of the
machine, and port 25 is open only on loopback. Needs root.
"""
import contextlib
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

from lib.dns import A, MX, NXDOMAIN, PTR, SERVFAIL, LyingDns, a, dead, \
    honest, mx, name, record, refuse
from lib.namespace import LOOPBACK, again
from lib.scratch import Scratch, sysconfdir
from lib.tap import Skip, Tap, check, equal
from lib.terminal import on_terminal

tap = Tap()
OWN, HOST, DOMAIN = "5.6.7.8", "mail.mine.example", "mine.example"
ADDRESS = f"alice@{DOMAIN}"
REVERSE, LISTED = "8.7.6.5.in-addr.arpa", "8.7.6.5.zen.spamhaus.org"
GOOGLE, QQ = "gmail-smtp-in.l.google.com", "mx3.qq.com"
NAMES = "127.0.0.1 localhost\n"
WARNING = re.compile(r"^warning: .*$", re.M)


def pointer(owner):
    """The reverse name of OWN is that."""
    return {(REVERSE, PTR): honest(record(REVERSE, PTR, name(owner)))}


def listed(number):
    """The list of spammers answers that."""
    return {(LISTED, A): honest(a(LISTED, number))}


def exchanger(host):
    """Mail for the domain goes there today."""
    return {(DOMAIN, MX): honest(mx(DOMAIN, 10, host))}


OPEN = {(GOOGLE, A): honest(a(GOOGLE)), (QQ, A): honest(a(QQ, "192.0.2.1"))}
SHUT = {(GOOGLE, A): honest(a(GOOGLE, "192.0.2.1")),
        (QQ, A): honest(a(QQ, "192.0.2.1"))}
GOOD = {**OPEN, **pointer(HOST)}


@contextlib.contextmanager
def machine(lies=None, called="vps1", hosts=NAMES, addresses=(OWN,)):
    """A Scratch and the path of its configuration, on a machine of that name,
    with a name server that lies."""
    with Scratch(tls=False) as scratch, LyingDns(
            lies or {}, refuse(NXDOMAIN)) as dns:
        socket.sethostname(called)
        Path("/etc/hosts").write_text(hosts)
        subprocess.run(["ip", "addr", "flush", "dev", "lo", "scope", "global"],
                       check=True)
        for address in addresses:
            subprocess.run(["ip", "addr", "add", address + "/32", "dev", "lo"],
                           check=True)
        conf = scratch.dir / "new" / "restante.conf"
        conf.parent.mkdir()
        conf.write_text("resolver "
                        f"{'127.0.0.1:1' if lies is None else dns.address}\n")
        scratch.program("pop3d")
        scratch.own()
        yield scratch, conf


def setup(scratch, conf, *words):
    """smtpd --setup to its end; (status, what it said)."""
    done = subprocess.run(
        [scratch.program("smtpd"), "-c", str(conf), "--setup", *words],
        capture_output=True, text=True, check=False, timeout=120, cwd="/",
        input="", env=scratch.environment(), **scratch.as_user())
    return done.returncode, done.stdout + done.stderr


FINDINGS = (
    # What the DNS has; lines that are said; how many warnings there are.
    ("all is well", GOOD, ("ok: port 25 of other servers can be reached",
                           f"ok: {OWN} is called {HOST}",
                           f"ok: {OWN} is not listed by zen"), 0),
    ("port 25 is closed", {**GOOD, **SHUT},
     ("warning: port 25 of other servers cannot be reached",
      f"smtpd --setup {ADDRESS} --relay URL"), 1),
    ("another reverse name", {**GOOD, **pointer("vps-7.provider.example")},
     (f"{OWN} is called vps-7.provider.example, not {HOST}: have its reverse "
      "name set by",), 1),
    ("no reverse name", OPEN, (f"{OWN} has no name, not {HOST}",), 1),
    ("a list has the address", {**GOOD, **listed("127.0.0.2")},
     (f"{OWN} is listed as a sender of spam by zen.spamhaus.org",), 1),
    ("a list does not answer us", {**GOOD, **listed("127.255.255.254")},
     ("zen.spamhaus.org does not say if",), 1),
    ("mail of the domain is elsewhere", {**GOOD, **exchanger("mx.old.example")},
     (f"mail for {DOMAIN} goes to mx.old.example today",), 1),
    ("mail of the domain is here", {**GOOD, **exchanger(HOST.upper())}, (), 0))


def test_alert():
    """--alert tells once that a list of spammers has the address, and once
    that it is gone; an answer that is none changes nothing"""
    mine = "8.7.6.5.bl.mine.example"
    gone = {(LISTED, A): refuse(NXDOMAIN), (mine, A): refuse(NXDOMAIN)}
    other = {**gone, (mine, A): honest(a(mine, "127.0.0.2"))}
    failing = {(LISTED, A): refuse(SERVFAIL), (mine, A): refuse(SERVFAIL)}
    with machine(gone) as (scratch, _):
        program, told = scratch.dir / "tell", scratch.dir / "told"
        program.write_text(f"#!/bin/sh\necho $* >>{told}\n")
        program.chmod(0o755)
        told.touch()
        for lies, events in (
                (gone, ""), ({**gone, **listed("127.0.0.2")}, "listed bad\n"),
                (failing, ""), ({**gone, **listed("127.0.0.4")}, ""),
                (gone, "listed well\n"), (other, "listed bad\n"),
                ({**gone, **listed("127.255.255.254")}, ""),
                ({(LISTED, A): dead, (mine, A): dead}, ""), (gone, "listed well\n"),
                ({**gone, (LISTED, A): dead}, "")):
            with LyingDns(lies, refuse(NXDOMAIN)) as dns:
                scratch.configure(f"alert {program}\nresolver {dns.address}\n"
                                  "dnsbl bl.mine.example", tls=False)
                scratch.own()
                told.write_text("")
                done = scratch.call("smtpd", "--alert")
            equal((done.returncode, told.read_text()), (0, events),
                  done.stdout + done.stderr)
            if "bad" in events:
                check(f"{OWN} is listed" in done.stdout, done.stdout)


def test_findings():
    """Each finding says what it is and what to do, with --dry-run, too"""
    for what, lies, texts, count in FINDINGS:
        for dry in (True, False):
            with machine(lies) as (scratch, conf):
                status, said = setup(scratch, conf, "--hostname", HOST,
                                     *(["--dry-run"] if dry else []), ADDRESS)
                equal(status, 0, f"{what}: {said}")
                for text in texts:
                    check(text in said, f"{what}: {text}: {said}")
                found = WARNING.findall(said.split("To do:")[0])
                equal(len(found), count, f"{what}: {found}")


def test_silence():
    """A name server that does not answer: a warning, and all else is done"""
    with machine() as (scratch, conf):
        status, said = setup(scratch, conf, "--hostname", HOST, ADDRESS)
        equal(status, 0, said)
        check("port 25 was not tried; see /etc/resolv.conf" in said, said)
        check("collected by POP3" in said, said)


def test_loopback():
    """Without loopback the test mail cannot be collected, which is said with
    what to type"""
    with machine() as (scratch, conf):
        done = subprocess.run(
            ["unshare", "-n", scratch.program("smtpd"), "-c", str(conf),
             "--setup", "--hostname", HOST, ADDRESS], capture_output=True,
            text=True, check=False, timeout=120, cwd="/", input="",
            env=scratch.environment())
        equal(done.returncode, 1, done.stdout + done.stderr)
        check("cannot connect to 127.0.0.1" in done.stderr, done.stderr)
        check("ip link set lo up" in done.stderr, done.stderr)


def test_router():
    """A machine behind a router is told so"""
    with machine(OPEN, addresses=("10.0.0.5",)) as (scratch, conf):
        status, said = setup(scratch, conf, "--hostname", HOST, "--dry-run",
                             ADDRESS)
        equal(status, 0, said)
        check("no address that the world can reach" in said, said)


def test_not_asked():
    """Nothing is asked where mail leaves by a provider, or the world has no
    such domain"""
    with machine(GOOD) as (scratch, conf):
        for words in (("--relay", "smtp://localhost:2", ADDRESS),
                      ("12345@qq.com",)):
            _, said = setup(scratch, conf, "--dry-run", *words)
            check("To do:" in said and "port 25 of" not in said, said)
        conf.write_text("")
        _, said = setup(scratch, conf, "--dry-run", "alice@example.org")
        check("To do:" in said and "port 25 of" not in said, said)


CALLED = (
    # The machine, /etc/hosts, the address, the name that is taken.
    ("vps1", NAMES, "12345@qq.com", "vps1.localdomain"),
    ("localhost", NAMES, "12345@qq.com", "localhost.localdomain"),
    ("vps1", NAMES, ADDRESS, HOST),
    ("vps1.far.example", NAMES, "12345@qq.com", "vps1.far.example"),
    ("vps1", NAMES + "127.0.1.1 vps1.far.example vps1\n", "12345@qq.com",
     "vps1.far.example"),
    ("vps1", NAMES + "127.0.1.1 vps1.far.example vps1\n", ADDRESS,
     "vps1.far.example"))


def test_called():
    """The name of the machine is its own; a provider's domain has no machine
    of ours"""
    for called, hosts, address, wanted in CALLED:
        with machine(GOOD, called, hosts) as (scratch, conf):
            _, said = setup(scratch, conf, "--dry-run", address)
            check(f"hostname {wanted}" in said, f"{called} {address}: {said}")


def test_person():
    """A person sees the findings before the question about the way out"""
    with machine({**GOOD, **SHUT}) as (scratch, conf):
        said, status = on_terminal(
            [scratch.program("smtpd"), "-c", str(conf), "--setup", "--dry-run",
             ADDRESS],
            [("Full name", HOST + "\n"), ("Provider", "\n"),
             ("Certificate [", "\n")],
            env=scratch.environment(), cwd="/", **scratch.as_user())
        text = said.decode()
        equal(status, 0, text)
        check(0 < text.find("port 25 of other servers cannot")
              < text.find("How does mail leave?"), text)


def test_accounts():
    """Accounts that lose their mailboxes to a users file are named, but not
    those that an alias has"""
    etc = sysconfdir()
    with machine(GOOD) as (scratch, _):
        if str(etc) == "/etc" or not etc.is_dir():
            raise Skip(f"configurations are in {etc}")
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(etc)], check=True)
        passwd = scratch.dir / "passwd"
        passwd.write_text(Path("/etc/passwd").read_text()
                          + "".join(f"{who}:x:{uid}:{uid}::/:/bin/sh\n"
                                    for who, uid in (("ann", 4001),
                                                     ("ben", 4002))))
        subprocess.run(["mount", "--bind", str(passwd), "/etc/passwd"],
                       check=True)
        (etc / "aliases").write_text("ben: root\n")
        done = subprocess.run(
            [scratch.program("smtpd"), "--setup", "--dry-run", "--yes",
             "alice@example.org"], capture_output=True, text=True, check=False,
            timeout=120, cwd="/", env=scratch.environment())
        said = done.stdout + done.stderr
        equal(done.returncode, 0, said)
        found = re.search("accounts have no mailbox.* is refused: (.*?)\\.",
                          said)
        check(found, said)
        check("ann" in found.group(1).split(", "), said)
        check("ben" not in found.group(1), said)


def test_layers():
    """A folder of the configuration that cannot be exchanged, as in the image
    of a container or as its volume, gets its files one by one"""
    with machine() as (scratch, conf):
        for kind in ("overlay", "bind"):
            top = scratch.dir / kind
            for name in ("lower/etc", "upper", "work", "all/etc"):
                (top / name).mkdir(parents=True)
            (top / "lower/etc/restante.conf").write_text(conf.read_text())
            command = ["mount", "--bind", str(top / "lower/etc"),
                       str(top / "all/etc")] if kind == "bind" else [
                "mount", "-t", "overlay", "overlay", "-o",
                f"lowerdir={top}/lower,upperdir={top}/upper,"
                f"workdir={top}/work,redirect_dir=off", str(top / "all")]
            scratch.own()
            done = subprocess.run(command, capture_output=True, check=False)
            if done.returncode != 0:
                raise Skip(f"no mount: {done.stderr}")
            there = top / "all/etc/restante.conf"
            try:
                _, said = setup(scratch, there, "--hostname", HOST, ADDRESS)
                check("cannot replace" not in said, f"{kind}: {said}")
                check(f"hostname        {HOST}" in there.read_text(), said)
                check((there.parent / "users").exists(), said)
            finally:
                # What was started may still be there: it does not matter.
                subprocess.run(["umount", "-lR", str(
                    top / "all/etc" if kind == "bind" else top / "all")],
                               check=True)


def alone():
    """Files of the machine's name, which only this test sees."""
    subprocess.run(LOOPBACK, check=True)
    with Scratch(tls=False) as scratch:
        for path in ("/etc/hosts", "/etc/mailname"):
            if os.path.exists(path):
                mine = scratch.dir / os.path.basename(path)
                mine.write_text("")
                subprocess.run(["mount", "--bind", str(mine), path],
                               check=True)
        with socket.create_server(("127.0.0.1", 25), backlog=100):
            tap.run(globals())
    tap.finish()


if __name__ == "__main__":
    if sys.argv[1:] == ["inside"]:
        alone()
    try:
        if os.getuid() != 0:
            raise Skip("needs root")
        again(tap, "inside", LOOPBACK, 280,
              ["unshare", "-n", "-u", "-m", "--propagation", "private"])
    except Skip as reason:
        tap.skip("a network of its own", str(reason))
    tap.finish()
