# SPDX-License-Identifier: ISC
"""smtpd --check approves nothing that then fails: it finds the deliberate
mistakes of lib/mistakes.py, and what the DNS, next hops and ports have."""
import json
import os
import re
import socket
import subprocess
import threading

from lib import dns
from lib.mistakes import (ANYBODY, ROOT, refused_cases, find, findings,
                          one_mistake)
from lib.scratch import AM_ROOT, Scratch, tool
from lib.shim import build_shim
from lib.tap import Skip, Tap, check, equal

tap = Tap()


def cases_root():
    """Mistakes that root finds, as the owner of each thing"""
    for row in ROOT:
        with tap.case(f"{row[0]}"):
            if not AM_ROOT:
                raise Skip("not root")
            one_mistake(row, True)


def cases_anybody():
    """Mistakes that anybody finds"""
    for row in ANYBODY:
        with tap.case(f"{row[0]}"):
            one_mistake(row, False)


def cases_refused():
    """Mistakes with which nothing starts"""
    refused_cases(tap, "smtpd")


def test_own_set_up():
    """What the tests' own set-up is like: a certificate that signs itself, and
    a name server that does not answer"""
    with Scratch() as scratch:
        for pattern in ("signs itself", "the DNS cannot be asked"):
            found, said = find(scratch, "warning", pattern)
            equal(len(found), 1, f"{pattern}: {said}")


def test_unknown_relay():
    """A relay that the name server does not know is an error"""
    with Scratch() as scratch, dns.LyingDns({}) as server:
        scratch.configure(f"relay smtp://no.example\n"
                          f"resolver {server.address}")
        found, said = find(scratch, "error", "there is no host no.example")
        check(found, str(said))


def test_name_server_in_trouble():
    """What cannot be found out now is a warning, and no fault"""
    with Scratch() as scratch, dns.LyingDns(
            {}, dns.refuse(dns.SERVFAIL)) as server:
        scratch.configure(f"relay smtp://some.example\n"
                          f"resolver {server.address}")
        found, said = find(scratch, "warning", "cannot be asked now")
        check(found, str(said))
        equal([text for kind, text in said if kind == "error"], [], "errors")


def test_relay_without_welcome():
    """What a relay says instead of a welcome is shown"""
    for words, shown in ((b"554 5.7.1 Go \x1b[2J away\r\n", r"554 5.7.1 Go \?"),
                         (b"", "it closes the connection")):
        with Scratch() as scratch, \
                socket.create_server(("127.0.0.1", 0)) as server:
            def serve(server=server, words=words):
                peer, _ = server.accept()
                with peer:
                    peer.sendall(words)
            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            port = server.getsockname()[1]
            scratch.configure(f"relay smtp://127.0.0.1:{port}")
            found, said = find(scratch, "warning",
                               f"does not welcome us now .{shown}")
            check(found, str(said))
            thread.join(30)


def test_relay_with_welcome():
    """A relay that greets is not spoken of, and hears QUIT"""
    heard = []
    with Scratch() as scratch, \
            socket.create_server(("127.0.0.1", 0)) as server:
        def serve():
            peer, _ = server.accept()
            with peer:
                peer.sendall(b"220 relay.example ESMTP\r\n")
                heard.append(peer.recv(100))
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        scratch.configure(f"relay smtp://127.0.0.1:"
                          f"{server.getsockname()[1]}")
        found, said = find(scratch, ("warning", "error"), "now|no host")
        equal(found, [], str(said))
        thread.join(30)
        equal(heard, [b"QUIT\r\n"], "what it heard")


def test_relays_at_once():
    """Next hops are asked all at once: each greets when all are connected"""
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(5)]
    ports = [server.getsockname()[1] for server in servers]

    def serve():
        peers = [server.accept()[0] for server in servers]
        for peer in peers:
            with peer:
                peer.sendall(b"220 relay.example ESMTP\r\n")
                peer.recv(100)
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with Scratch() as scratch:
        scratch.configure(
            f"relay smtp://127.0.0.1:{ports[0]}\n"
            f"fallback-relay smtp://127.0.0.1:{ports[1]}\n"
            f"route a.example smtp://127.0.0.1:{ports[2]}\n"
            f"route b.example smtp://127.0.0.1:{ports[3]}\n"
            f"route c.example smtp://127.0.0.1:{ports[2]}\n"
            f"sender-relay @d.example smtp://127.0.0.1:{ports[4]}")
        found, said = find(scratch, ("warning", "error"), "now|no host")
        equal(found, [], str(said))
    thread.join(30)
    check(not thread.is_alive(), "one was not asked")
    for server in servers:
        server.close()


def test_not_root():
    """A user is told to ask as root, not to take root's folders"""
    if not AM_ROOT:
        raise Skip("not root")
    with Scratch() as scratch:
        for name in ("queue", "state"):
            os.chown(scratch.dir / name, 0, 0)
        said = findings(scratch)
        for name in ("queue", "state"):
            check(any(kind == "warning" and name in text
                      and "run smtpd --check as that user" in text
                      for kind, text in said), str(said))
        check(not any("chown" in text for _, text in said), str(said))


def test_ports():
    """Another program at one of our ports is named"""
    if not AM_ROOT or not tool("unshare") or not tool("ip"):
        raise Skip("no network namespace")
    script = ("import socket, subprocess, sys\n"
              "s = socket.create_server(('127.0.0.1', 25))\n"
              "sys.stdout.write(subprocess.run(sys.argv[1:],"
              " capture_output=True, text=True).stdout)")
    with Scratch(as_root=True) as scratch:
        done = subprocess.run(
            ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"',
             "sh", "python3", "-c", script,
             *scratch.command("smtpd", "--check")],
            capture_output=True, text=True, check=False, timeout=60)
        if "Operation not permitted" in done.stderr:
            raise Skip("no network namespace")
        check(re.search(r"^warning: port 25 is taken by python3 ",
                        done.stdout, re.M), done.stdout + done.stderr)
        check("port 587" not in done.stdout, done.stdout)


def test_network_disk():
    """Folders on the disk of another machine are warned of, whatever it is"""
    with Scratch() as scratch:
        shim = scratch.dir / "shim.so"
        build_shim(shim, "network_disk_shim.c")
        scratch.own()
        for kind, name, below, whats in (
                ("0x6969", "NFS", "", ("queue", "state", "the folder of")),
                ("0xff534d42", "CIFS", "/state", ("state",)),
                ("0xff534d42", "CIFS", "/mail", ("the folder of",)),
                ("0xef53", "", "", ())):
            for program in ("smtpd", "pop3d"):
                done = subprocess.run(
                    scratch.command(program, "--check"), text=True, cwd="/",
                    capture_output=True, check=False, timeout=120,
                    env=dict(scratch.environment(), LD_PRELOAD=str(shim),
                             NETWORK_DISK=kind,
                             NETWORK_BELOW=f"{scratch.dir}{below}"),
                    **scratch.as_user())
                said = [line for line in done.stdout.splitlines()
                        if "another machine's disk" in line]
                equal(len(said), len(whats), done.stdout)
                for line, what in zip(said, whats):
                    check(line.startswith(f"warning: {what}")
                          and f"({name})" in line, line)


def test_json():
    """--json: one object for each finding, the same as the lines"""
    with Scratch() as scratch:
        scratch.configure("plaintext-login always")
        lines = findings(scratch)
        done = scratch.call("smtpd", "--check", "--json")
        found = [json.loads(line) for line in done.stdout.splitlines()]
        found = [(f["finding"], f["text"]) for f in found]
        equal(len(found), len(lines), "findings")
        # Which of several questions fails first is another matter, and so
        # is how much room the disk has from one moment to the next.
        def same(list_):
            return [(kind, re.sub(r"\d+", "0", text))
                    for kind, text in list_ if "DNS" not in text]
        equal(same(found), same(lines), "findings")


tap.run(globals())
tap.finish()
