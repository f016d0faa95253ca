# SPDX-License-Identifier: ISC
"""smtpd -bt and --check tell the truth about addresses, and no secrets.

Who moves in tries both before the first message: what they do not say shows
when mail has gone to the wrong place, or waits.
"""
import os
import re
import socket
import struct
import subprocess
import threading

from lib.namespace import COMMAND
from lib.scratch import AM_ROOT, Scratch
from lib.tap import Skip, Tap, check, equal

tap = Tap()

ALIASES = """\
root: alice
postmaster: root
team: alice, \\bob, carol@there.example, "|/bin/true 'a, b'", /dev/null
gone: :moved: dave@there.example
list: :include:%DIR/list
info@virtual.example: alice
@example.net: bob
"""
HALF = """\
half: alice, left@example.org, bob
dead: left@example.org, "|/no/such/program"
nested: half, bob
team: alice, /dev/null
"""
KEYS = """\
aliases %DIR/aliases
virtual-domains virtual.example
route lmtp.example lmtp:unix:/run/lmtp
route auth.example smtps://user:secret@[127.0.0.8]:1
route other.example mx:2525
route wrong.example smtp://u:secret@a..b
sender-relay bob@example.org lmtp:[127.0.0.9]
fallback-relay smtp://u@[127.0.0.10]:1?tls=must
relay-password u@127.0.0.10 file:%DIR/password
"""
MX = {"there.example": [(20, "b.there.example"), (10, "a.there.example")],
      "other.example": [(0, "a.there.example")],
      "nomail.example": [(0, "")]}
ADDRESSES = {"a.there.example": "192.0.2.7", "b.there.example": "192.0.2.8"}


def wire(name):
    """A domain name as DNS messages have it."""
    labels = [part.encode() for part in name.split(".") if part]
    return b"".join(bytes([len(x)]) + x for x in labels) + b"\0"


def asked(query):
    """The name and the type of the question."""
    at, labels = 12, []
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode())
        at += 1 + query[at]
    return ".".join(labels).lower(), struct.unpack(">H", query[at + 1:at + 3])


def answer(query):
    """What the name server of this test says."""
    name, (kind,) = asked(query)
    records = []
    if kind == 15:
        records = [struct.pack(">H", n) + wire(host)
                   for n, host in MX.get(name, [])]
    elif kind == 1 and name in ADDRESSES:
        records = [socket.inet_aton(ADDRESSES[name])]
    known = name in MX or name in ADDRESSES
    body = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(r))
                    + r for r in records)
    end = 12 + len(wire(name)) + 4
    return (query[:2] + struct.pack(">HHHHH", 0x8580 | (0 if known else 3), 1,
                                    len(records), 0, 0)
            + query[12:end] + body)


class Server:
    """A name server on a loopback port."""

    def __enter__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def serve(self):
        """Answers until the socket is shut."""
        while True:
            try:
                query, peer = self.socket.recvfrom(4096)
                self.socket.sendto(answer(query), peer)
            except OSError:
                return

    def __exit__(self, *_):
        self.socket.close()


def explain(scratch, *addresses, status=0):
    """What -bt says, its lines without the indentation."""
    done = scratch.call("smtpd", *(() if "-bt" in addresses else ("-bt",)),
                        *addresses)
    text = done.stdout + done.stderr
    equal(done.returncode, status, text)
    check("secret" not in text, f"a password is printed:\n{text}")
    return [line.strip() for line in done.stdout.splitlines()]


def has(lines, *wanted):
    """Each of them is a line, in that order."""
    at = 0
    for line in wanted:
        check(line in lines[at:], f"no line {line!r} in\n" + "\n".join(lines))
        at += lines[at:].index(line) + 1


def test_here(scratch):
    """Users, aliases of aliases, and where it all ends"""
    box = scratch.mailbox("alice")
    has(explain(scratch, "alice@example.org"), "example.org is ours",
        "alice: a user here", f"alice is delivered to the mailbox {box}")
    has(explain(scratch, "postmaster"), "the alias postmaster",
        "the alias root", f"alice is delivered to the mailbox {box}")
    has(explain(scratch, "Info+x@Virtual.Example"),
        "Virtual.Example is ours, with aliases only",
        "the alias info@virtual.example",
        f"alice is delivered to the mailbox {box}")
    has(explain(scratch, "any@example.net"), "the alias @example.net",
        "bob: a user here")


def test_team(scratch):
    """One alias with a target of each kind"""
    has(explain(scratch, "team@example.org"),
        "bob: a user here, into the mailbox at once",
        "carol@there.example: elsewhere",
        "|/bin/true 'a, b': run as ourselves",
        "carol@there.example is sent on, by the DNS",
        "/bin/true 'a, b' is run, as ourselves",
        "/dev/null is appended to, as ourselves")


def test_nobody(scratch):
    """Who is not here is 67, and so is who has moved"""
    for address in ("eve@example.org", "alice@virtual.example", "|id",
                    "/etc/passwd"):
        has(explain(scratch, address, status=67),
            f"{address}: no such user here")
    has(explain(scratch, "gone@example.org", status=67),
        "gone has moved to dave@there.example")
    has(explain(scratch, "not an address", status=64), "not an address")
    explain(scratch, "-bt", status=64)


def verify(scratch, *addresses):
    """The status of -bv, and its lines."""
    done = scratch.call("smtpd", "-bv", *addresses)
    return done.returncode, done.stdout.splitlines()


def test_half(scratch):
    """-bv names the target of an alias that is not there, and counts others"""
    path = scratch.dir / "aliases"
    text = path.read_text()
    path.write_text(HALF)
    try:
        check_half(scratch)
    finally:
        path.write_text(text)


def check_half(scratch):
    """The same, with the aliases in place."""
    left = "no such user here: left@example.org"
    equal(verify(scratch, "half"),
          (67, [f"half: {left} (2 of 3 targets are deliverable)"]))
    equal(verify(scratch, "nested"),
          (67, [f"nested: {left} (2 of 3 targets are deliverable)"]))
    equal(verify(scratch, "dead"),
          (67, [f"dead: {left} (0 of 2 targets are deliverable)"]))
    equal(verify(scratch, "alice", "half", "bob", "eve"), (67, [
        "alice: deliverable",
        f"half: {left} (2 of 3 targets are deliverable)",
        "bob: deliverable", "eve: no such user here"]))
    equal(verify(scratch, "team")[0], 0)
    has(explain(scratch, "half", status=67),
        f"alice is delivered to the mailbox {scratch.mailbox('alice')}",
        "left@example.org does not exist here: mail would be returned",
        f"bob is delivered to the mailbox {scratch.mailbox('bob')}")


def test_dns(scratch):
    """Hosts in order, their addresses, and what follows if they fail"""
    has(explain(scratch, "x@there.example"), "there.example is elsewhere",
        "x@there.example is sent on, by the DNS",
        "next hop mx there.example",
        "TLS as the domain asks for (DANE), else if offered, with any "
        "certificate",
        "host a.there.example, preference 10", "192.0.2.7",
        "host b.there.example, preference 20", "192.0.2.8",
        "if that fails, smtp://u@127.0.0.10:1?tls=must",
        "login as u, with the password by the key relay-password")
    has(explain(scratch, "x@other.example"),
        "x@other.example is sent on, by the key route other.example",
        "next hop mx other.example:2525",
        "host a.there.example, preference 0")
    explain(scratch, "x@nomail.example", status=68)
    explain(scratch, "x@none.example", status=68)


def test_routes(scratch):
    """Rules by recipient and by sender; a broken one makes mail wait"""
    has(explain(scratch, "x@lmtp.example"),
        "x@lmtp.example is sent on, by the key route lmtp.example",
        "next hop lmtp:unix:/run/lmtp")
    has(explain(scratch, "x@auth.example"),
        "next hop smtps://user@127.0.0.8:1?tls=verify",
        "login as user, with the password of the hop", "host 127.0.0.8")
    has(explain(scratch, "-f", "bob@example.org", "-bt", "x@there.example"),
        "x@there.example is sent on, by the key sender-relay bob@example.org",
        "next hop lmtp:127.0.0.9:24")
    lines = explain(scratch, "x@wrong.example", status=78)
    check(any("x@wrong.example would wait: the key route" in line
              for line in lines), lines)


def test_hosts_file(_):
    """A host that /etc/hosts has needs no name server, as when mail is sent"""
    if not AM_ROOT:
        raise Skip("needs root")
    with Scratch("hostname a.example\nrelay smtps://u@relay.example\n"
                 "relay-password relay.example file:%DIR/password",
                 tls=False, as_root=True) as scratch:
        scratch.conf.write_text(re.sub(r"(?m)^resolver .*\n", "",
                                       scratch.conf.read_text()))
        hosts = scratch.dir / "hosts"
        hosts.write_text("192.0.2.9 relay.example relay\n"
                         "2001:db8::9 relay.example\n")
        password = scratch.dir / "password"
        password.write_text("secret\n")
        password.chmod(0o600)
        done = subprocess.run(
            [*COMMAND, "-n", "sh", "-c",
             'mount --bind "$0" /etc/hosts && "$@"',
             str(hosts), *scratch.command("smtpd", "-bt", "x@there.example")],
            capture_output=True, text=True, check=False,
            env=scratch.environment())
        if "mount: " in done.stderr or "unshare: " in done.stderr:
            raise Skip(done.stderr.strip())
        equal(done.returncode, 0, done.stdout + done.stderr)
        has([line.strip() for line in done.stdout.splitlines()],
            "host relay.example, in /etc/hosts", "192.0.2.9", "2001:db8::9")


def test_waits(scratch):
    """What cannot be expanded, or looked up, is 75"""
    path = scratch.dir / "list"
    has(explain(scratch, "list", status=75), "the alias list",
        f"the list {path}", "mail would wait: see the log")
    path.write_text("alice\nlist\n")
    has(explain(scratch, "list", status=75), f"{path}: a loop of aliases")
    path.write_text("bob\n")
    has(explain(scratch, "list"), "bob: a user here")
    path.unlink()
    scratch.configure("resolver 127.0.0.1:1")
    try:
        lines = explain(scratch, "x@there.example", status=75)
        check(any("mail would wait: " in line for line in lines), lines)
    finally:
        scratch.configure(scratch.keys)


def test_would_wait(scratch):
    """What would wait for a host, a password or a program is 75 or 78"""
    aliases = scratch.dir / "aliases"
    before = aliases.read_text()
    scratch.configure(scratch.keys + """
route nohost.example smtp://missing.example
route nologin.example smtps://carol@[192.0.2.9]
""")
    try:
        lines = explain(scratch, "x@nohost.example", status=75)
        has(lines, "mail would wait: no host has an address")
        has(explain(scratch, "x@nologin.example", status=78),
            "mail would wait: no password: set the key relay-password")
        file, folder = scratch.dir / "a file", scratch.dir
        file.write_text("text\n")
        file.chmod(0o644)
        for target, why in (
                ("|/no/such/program -x", "there is no /no/such/program"),
                ("|'/no/such program' x", "there is no /no/such program"),
                ("|program -x", "write program with its whole path"),
                ("|/bin/cat 'x", "a quote is open"),
                (f"|'{file}'", f"{file} is no program"),
                (f"|{folder} x", f"{folder} is no program"),
                (f"{folder}", "it is no file"),
                (f"{file}/x", f"there is no folder {file}"),
                ("/no/such/x", "there is no folder /no/such")):
            aliases.write_text(before + f'run: "{target}"\n')
            has(explain(scratch, "run", status=78), f"mail would wait: {why}")
        for target in ("|/bin/cat -u", "|'/bin/cat'", "/dev/null", str(file),
                       f"{folder}/new"):
            aliases.write_text(before + f'run: "{target}"\n')
            explain(scratch, "run")
    finally:
        aliases.write_text(before)
        scratch.configure(scratch.keys)


def findings(scratch):
    """What --check says."""
    done = scratch.call("smtpd", "--check")
    text = done.stdout + done.stderr
    check("secret" not in text, f"a password is printed:\n{text}")
    return done.stdout.splitlines(), done.stderr


def test_check(scratch):
    """--check: where root and postmaster lead, and each hop"""
    (scratch.dir / "list").write_text("bob\n")
    lines, said = findings(scratch)
    has(lines, "ok: 7 aliases in " + str(scratch.dir / "aliases"),
        "ok: mail for root goes to the mailbox of alice",
        "ok: mail for postmaster goes to the mailbox of alice",
        "ok: route lmtp.example: lmtp:unix:/run/lmtp",
        "warning: route lmtp.example: no socket at /run/lmtp",
        "ok: mail for other domains: as the DNS says",
        "ok: fallback-relay: smtp://u@127.0.0.10:1?tls=must",
        f"ok: relay-password u@127.0.0.10: {scratch.dir / 'password'}")
    for start in ("warning: route auth.example: everybody can read",
                  "error: route wrong.example: next hop: "):
        check(any(line.startswith(start) for line in lines), lines)
    equal(said, "", "the log")


def test_check_aliases(scratch):
    """--check: wrong lines, loops, targets that are nobody"""
    path = scratch.dir / "aliases"
    path.write_text("root alice\na: b\nb: a\nc: alice, eve\n"
                    "x@far.example: alice\n")
    try:
        lines, said = findings(scratch)
    finally:
        path.write_text(ALIASES.replace("%DIR", str(scratch.dir)))
    check(f"{path}:1: " in said, said)
    has(lines, f"error: 1 lines of {path} are malformed; the log says which",
        "error: mail for a would wait; type: smtpd -bt 'a'",
        "warning: the alias c leads to eve@mail.example.org, "
        "which does not exist here",
        "warning: the alias x@far.example has no effect: "
        "far.example is not one of our domains",
        "ok: mail for root goes to the mailbox of postmaster",
        "ok: mail for postmaster goes to the mailbox of postmaster")


def test_check_passwords(scratch):
    """--check: passwords that all can read, that nobody can, or missing"""
    path = scratch.dir / "password"
    path.chmod(0o644)
    lines, _ = findings(scratch)
    has(lines, f"error: everybody can read {path}; type: chmod 600 {path}")
    path.unlink()
    lines, _ = findings(scratch)
    has(lines, f"error: relay-password u@127.0.0.10: {path}: "
        "No such file or directory")
    path.write_text("secret\n")
    path.chmod(0o600)
    scratch.own()
    scratch.configure("relay smtp://u@h.example?tls=may\ntls-trust /none\n"
                      "resolver nonsense")
    try:
        lines, _ = findings(scratch)
    finally:
        scratch.configure(scratch.keys)
    for start in ("error: mail for other domains: no password for u",
                  "warning: mail for other domains: the password can be read",
                  "error: tls-trust /none: ", "error: the name server"):
        check(any(line.startswith(start) for line in lines), lines)


def test_check_ports(scratch):
    """--check: ports at which the other way of TLS is usual

    No address is named: a server of this machine would be asked.
    """
    scratch.configure("""
relay smtp://me:secret@smtp.example.net:465
fallback-relay smtps://me:secret@smtp.example.net:587
route a.example smtps://smtp.example.net:587
route b.example smtps://smtp.example.net:25
route c.example smtp://smtp.example.net:465
route d.example mx:465
sender-relay bob@example.org smtp://smtp.example.net:465?tls=must
route ok1.example smtps://smtp.example.net:465
route ok2.example smtp://smtp.example.net:587?tls=verify
route ok3.example smtps://smtp.example.net:2525
route ok4.example lmtp:smtp.example.net:465
route ok5.example smtp://smtp.example.net:2465
route ok6.example mx""")
    try:
        lines, _ = findings(scratch)
    finally:
        scratch.configure(scratch.keys)
    for what, port, remedy in (
            ("mail for other domains", 465, "write smtps:// instead of smtp:"),
            ("fallback-relay", 587, "write smtp:// instead of smtps://"),
            ("route a.example", 587, "?tls=verify"),
            ("route b.example", 25, "?tls=verify"),
            ("route c.example", 465, "without ?tls="),
            ("route d.example", 465, "write mx alone"),
            ("sender-relay bob@example.org", 465, "write smtps:// instead")):
        found = [line for line in lines
                 if line.startswith(f"warning: {what}: ")
                 and f" port {port}" in line and " now (" not in line]
        equal(len(found), 1, f"{what}: {lines}")
        check(remedy in found[0], found[0])
    # That nobody is there now is another matter.
    check(not any(": route ok" in line and not line.startswith("ok: ")
                  and " now (" not in line for line in lines), lines)


def test_writable_as_root(_):
    """As root, aliases that others can write are refused, and told"""
    if not AM_ROOT:
        raise Skip("needs root")
    with Scratch("aliases %DIR/aliases", tls=False, as_root=True) as scratch:
        path = scratch.dir / "aliases"
        path.write_text("root: alice\n")
        os.chmod(path, 0o664)
        lines, _ = findings(scratch)
        has(lines, f"error: the aliases {path}: can be written by others; "
            "type chmod go-w")
        explain(scratch, "root", status=78)
        os.chmod(path, 0o644)
        has(explain(scratch, "root"), "alice: a user here")


if __name__ == "__main__":
    with Server() as names, Scratch(tls=False) as fixture:
        fixture.keys = KEYS + f"resolver 127.0.0.1:{names.port}"
        fixture.configure(fixture.keys, tls=False)
        (fixture.dir / "aliases").write_text(
            ALIASES.replace("%DIR", str(fixture.dir)))
        (fixture.dir / "password").write_text("secret\n")
        (fixture.dir / "password").chmod(0o600)
        fixture.own()
        tap.run(globals(), fixture)
    tap.finish()
