# SPDX-License-Identifier: ISC
"""Clients of POP3 from Debian's packages collect what there is, octet for
octet, leave it there or delete it, in the clear, with STLS and in TLS."""
import email
import mailbox
import poplib
import re
import subprocess

from lib import mbox, peers
from lib.clients import scram_in_tls
from lib.fakemx import FakeMx
from lib.player import PASSWORDS
from lib.scratch import Instance, client_context
from lib.tap import Tap, check, equal
from lib.terminal import on_terminal

tap = Tap()
NAMES = ("one", "two", "three")
BODY = "Hello.\n.\n..dots\n\n>From there\nlast of {}\n"
ALICE = PASSWORDS["alice"]


def fill(server, user="alice"):
    """Three messages in a mailbox."""
    server.mailbox(user).write_text("".join(
        f"From a@b Mon Jan  6 10:00:00 2025\nFrom: carol@example.com\n"
        f"To: {user}@example.org\nSubject: {name}\n"
        "Date: Mon, 06 Jan 2025 10:00:00 +0000\n"
        f"Message-ID: <{name}@example.com>\n\n"
        + BODY.format(name).replace("\n>From", "\n>>From") + "\n"
        for name in NAMES))
    server.own()


def left(server, user="alice"):
    """The subjects in a mailbox."""
    return [re.search(rb"^Subject: (.*?)\r", m.wire, re.M).group(1).decode()
            for m in mbox.read(server.mailbox(user))]


def arrived(path, names=NAMES):
    """What a client has stored in an mbox, as Python reads it."""
    box = mailbox.mbox(path, create=False)
    found = {}
    for message in box:
        text = message.get_payload()
        found[message["Subject"]] = re.sub(
            r"(?m)^>+From", ">From", text).rstrip("\n")
    box.close()
    same(found, names)


def same(found, names=NAMES):
    """These texts by subject are what was sent."""
    for name in names:
        check(name in found, f"{name} is not in {sorted(found)}")
        equal(found[name], BODY.format(name).rstrip("\n"), name)
    equal(len(found), len(names), "messages")


def program(name, package):
    """(path, environment) of a program that may only be unpacked."""
    path = peers.find(name, package)
    root = path.rpartition("/usr/")[0]
    if not root:
        return path, {}
    lib = root + "/usr/lib/x86_64-linux-gnu"
    return path, {"LD_LIBRARY_PATH": lib,
                  "PYTHONPATH": root + "/usr/lib/python3/dist-packages"}


def run(server, name, package, *args, stdin="", status=(0,)):
    """Runs a client to its end, as the test's user; its output."""
    path, more = program(name, package)
    server.own()
    done = subprocess.run(
        [path, *map(str, args)], input=stdin.encode(), capture_output=True,
        timeout=120, cwd=server.dir, check=False,
        env=dict(server.environment(), FETCHMAILHOME=str(server.dir), **more),
        **server.as_user())
    check(done.returncode in status, f"{name}: {done.returncode} "
          f"{done.stderr[-900:]!r} {done.stdout[-900:]!r}")
    return done.stdout


def ways(server):
    """(name, port, TLS from the start, STLS)."""
    return (("clear", server.pop3, False, False),
            ("STLS", server.pop3, False, True),
            ("TLS", server.pop3s, True, False))


def test_poplib(server):
    """poplib: all of its methods, over each kind of connection"""
    for name, port, tls, stls in ways(server):
        fill(server)
        pop = poplib.POP3_SSL("127.0.0.1", port, context=client_context()) \
            if tls else poplib.POP3("127.0.0.1", port)
        if stls:
            pop.stls(client_context())
        check("UTF8" in pop.capa(), name)
        pop.utf8()
        pop.user("alice")
        pop.pass_(ALICE)
        equal(pop.stat()[0], 3, name)
        sizes = [int(line.split()[1]) for line in pop.list()[1]]
        uidls = [line.split()[1] for line in pop.uidl()[1]]
        equal(len(set(uidls)), 3, "UIDLs")
        for number in (1, 2, 3):
            _, lines, octets = pop.retr(number)
            equal(octets, sizes[number - 1], "octets")
            check(b">From there" in lines, lines)
            top = pop.top(number, 1)[1]
            equal(top, lines[:len(top)], "TOP")
        pop.dele(1)
        pop.noop()
        pop.rset()
        pop.dele(2)
        pop.quit()
        equal(left(server), ["one", "three"], name)


def test_curl_mechanisms(server):
    """curl: each mechanism that it knows, with STLS and in TLS"""
    fill(server)
    expected = BODY.format("two").replace("\n", "\r\n").encode()
    known = subprocess.run([peers.find("curl", "curl"), "-V"], check=True,
                           capture_output=True).stdout
    mechanisms = ["PLAIN", "LOGIN", "CRAM-MD5"]
    mechanisms += ["SCRAM-SHA-256"] if b" gsasl" in known else []
    for mechanism in mechanisms:
        for scheme, port, more in (("pop3", server.pop3, ["--ssl-reqd"]),
                                   ("pop3s", server.pop3s, [])):
            out = run(server, "curl", "curl", "-sSk", "-u", f"alice:{ALICE}",
                      "--login-options", "AUTH=" + mechanism, *more,
                      f"{scheme}://127.0.0.1:{port}/2")
            check(out.endswith(expected), f"{mechanism} {scheme}: {out!r}")


def getmail(server, port, tls, delete, hop):
    """Runs getmail once; what it hands on by LMTP, texts by subject. Where it
    forks to deliver, as of version 6.19.07, it may wait for ever."""
    kind = "SimplePOP3SSLRetriever" if tls else "SimplePOP3Retriever"
    folder = server.dir / "getmail"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o700)
    (folder / "getmailrc").write_text(
        f"[retriever]\ntype = {kind}\nserver = 127.0.0.1\nport = {port}\n"
        f"username = alice\npassword = {ALICE}\n"
        "[destination]\ntype = MDA_lmtp\nhost = 127.0.0.1\n"
        f"port = {hop.port}\noverride = alice@example.org\n"
        f"[options]\nread_all = false\ndelete = {delete}\n"
        f"delivered_to = false\nreceived = false\n")
    before = len(hop.messages)
    run(server, "getmail", "getmail6", f"--getmaildir={folder}")
    texts = [email.message_from_bytes(m.body) for m in hop.messages[before:]]
    return {m["Subject"]: m.get_payload().replace("\r\n", "\n").rstrip("\n")
            for m in texts}


def test_getmail(server):
    """getmail6: leaves mail by UIDL, collects what is new, deletes"""
    with FakeMx(lmtp=True) as hop:
        for port, tls in ((server.pop3, False), (server.pop3s, True)):
            for old in server.dir.glob("getmail/oldmail-*"):
                old.unlink()
            fill(server)
            same(getmail(server, port, tls, "false", hop))
            equal(getmail(server, port, tls, "false", hop), {}, "again")
            equal(left(server), list(NAMES), "left on the server")
            getmail(server, port, tls, "true", hop)
            equal(left(server), [], "deleted")


def fetch(server, *options, status=(0,)):
    """fetchmail with STLS; what it delivers is appended to a file."""
    path = server.dir / "fetchmailrc"
    path.write_text(
        f"poll 127.0.0.1 protocol pop3 port {server.pop3} user alice "
        f'password "{ALICE}" sslproto tls1.2+ no sslcertck mda '
        f'"cat >> {server.dir}/fetched"\n')
    path.chmod(0o600)
    return run(server, "fetchmail", "fetchmail", "-f", path, "--nodetach",
               "--nosyslog", "--pidfile", server.dir / "fetchmail.pid",
               "-i", server.dir / "fetchids", *options, status=status)


def test_fetchmail(server):
    """fetchmail: keep by UIDL, what is new only, flush, with STLS"""
    fill(server)
    fetched = server.dir / "fetched"
    fetch(server, "--keep", "--uidl")
    equal(fetched.read_text().count("last of "), 3, "collected")
    fetch(server, "--keep", "--uidl", status=(1,))
    with server.connect(server.smtp) as talker:
        talker.hello()
        talker.submit("carol@example.com", ["alice@example.org"],
                      "Subject: four\r\n\r\nlast of four\r\n")
    fetch(server, "--keep", "--uidl")
    equal(fetched.read_text().count("last of "), 4, "and what was new")
    fetch(server, "--flush", "--uidl", "--keep", status=(0, 1))
    equal(left(server), [], "flushed")


def binding():
    """A server that offers to bind a login to the connection."""
    return Instance("plaintext-login always\nchannel-binding on")


def test_mpop(server):
    """mpop: pipelining, each mechanism, delete"""
    for mechanism in ("user", "plain", "login", "cram-md5"):
        mpop(server, mechanism)
    with binding() as other:
        mpop(other, scram_in_tls("mpop"))


def mpop(server, mechanism):
    """Collects mail with it once, by one mechanism."""
    fill(server)
    target = server.dir / "mpop.mbox"
    target.unlink(missing_ok=True)
    (server.dir / "mpop-uidls").unlink(missing_ok=True)
    path = server.dir / "mpoprc"
    path.write_text(
        "account x\nhost 127.0.0.1\n"
        f"port {server.pop3}\ntls on\ntls_starttls on\n"
        f"tls_certcheck off\nauth {mechanism}\nuser alice\n"
        f"password {ALICE}\npipelining on\nreceived_header off\n"
        f"uidls_file {server.dir}/mpop-uidls\n"
        f"delivery mbox {target}\naccount default : x\n")
    path.chmod(0o600)
    run(server, "mpop", "mpop", "-C", path, "--keep=off")
    arrived(target)
    equal(left(server), [], mechanism)


def mutts(server, name, package, tls, more=""):
    """mutt or neomutt: opens the mailbox by POP, saves two, deletes one."""
    fill(server)
    path, env = program(name, package)
    scheme, port = ("pops", server.pop3s) if tls else ("pop", server.pop3)
    saved = server.dir / f"{name}-{scheme}.mbox"
    rc, trusted = server.dir / "poprc", server.dir / "trusted"
    trusted.write_text(re.search(r"-----BEGIN CERT[^$]*",
                                 server.pem.read_text()).group(0))
    keys = (f"<copy-message>{saved}<enter><next-undeleted>"
            f"<copy-message>{saved}<enter><delete-message><sync-mailbox><quit>")
    rc.write_text(
        f'{more}\nset pop_pass="{ALICE}" quit=yes delete=yes confirmappend=no '
        "confirmcreate=no ssl_force_tls=no ssl_starttls=no pop_delete=yes "
        f'ssl_verify_host=no ssl_verify_dates=no move=no wait_key=no '
        f'copy=no folder="{server.dir}" tmpdir="{server.dir}" '
        f'certificate_file="{trusted}"\npush "{keys}"\n')
    said, status = on_terminal(
        [path, "-n", "-F", str(rc), "-f",
         f"{scheme}://alice@127.0.0.1:{port}"],
        cwd=server.dir,
        env=dict(server.environment(), TERM="vt100", **env))
    equal(status, 0, f"{name}: {said[-600:]!r}")
    check(saved.exists(), f"{name}: {said[-2500:]!r}")
    arrived(saved, NAMES[:2])
    equal(left(server), ["one", "three"], f"after {name}")


def test_mutt(server):
    """mutt over POP, in the clear and in TLS: reads, saves, deletes"""
    mutts(server, "mutt", "mutt", False)
    # It takes a mechanism with channel binding, and then has none.
    mutts(server, "mutt", "mutt", True, "set pop_authenticators=plain")


def test_neomutt(server):
    """neomutt over POP: reads, saves, deletes"""
    mutts(server, "neomutt", "neomutt", False)


def test_snail(server):
    """s-nail over POP, with STLS: lists, saves, deletes"""
    fill(server)
    saved = server.dir / "s-nail.mbox"
    out = run(server, "s-nail", "s-nail", "-n", "-Sv15-compat", "-S",
              "pop3-use-starttls", "-Stls-verify=ignore",
              "-Spop3-auth=plain", f"-Sfolder={server.dir}", "-f",
              f"pop3://alice:{ALICE}@127.0.0.1:{server.pop3}",
              stdin=f"from *\ncopy 1 2 {saved}\ndelete 2\nquit\n")
    check(b"three" in out, out)
    arrived(saved, NAMES[:2])
    equal(left(server), ["one", "three"], "after s-nail")


def mailutils_url(server, tls, password=ALICE):
    """Where a program of mailutils finds alice's mailbox."""
    scheme, port = ("pops", server.pop3s) if tls else ("pop", server.pop3)
    return f"{scheme}://alice:{password}@127.0.0.1:{port}"


def test_movemail(server):
    """movemail of mailutils: keeps by UIDL, collects what is new, moves"""
    target = server.dir / "movemail.mbox"
    for tls in (False, True):
        target.unlink(missing_ok=True)
        fill(server)
        for _ in range(2):
            run(server, "movemail.mailutils", "mailutils", "--no-config",
                "--preserve", "--uidl", mailutils_url(server, tls), target)
            arrived(target)
        equal(left(server), list(NAMES), "left on the server")
        target.unlink()
        run(server, "movemail.mailutils", "mailutils", "--no-config",
            mailutils_url(server, tls), target)
        arrived(target)
        equal(left(server), [], "moved")
    run(server, "movemail.mailutils", "mailutils", "--no-config",
        mailutils_url(server, False, "wrong"), target, status=(1,))


def test_mailutils(server):
    """mail of mailutils over POP: lists, saves, deletes"""
    saved = server.dir / "mailutils.mbox"
    for tls in (False, True):
        fill(server)
        saved.unlink(missing_ok=True)
        out = run(server, "mail.mailutils", "mailutils", "-n", "--no-config",
                  "-f", mailutils_url(server, tls),
                  stdin=f"headers\ncopy 1 2 {saved}\ndelete 2\nquit\n")
        check(b"three" in out, out)
        arrived(saved, NAMES[:2])
        equal(left(server), ["one", "three"], "after mail")


def test_alpine(server):
    """alpine over POP: opens the mailbox"""
    fill(server)
    path, env = program("alpine", "alpine")
    folder = f"{{127.0.0.1:{server.pop3}/pop3/user=alice/novalidate-cert}}"
    (server.dir / ".pinerc").write_text(
        "user-domain=example.org\nfeature-list=quit-without-confirm,"
        "enable-delete-before-writing\nlast-version-used=7.00\n"
        "last-time-prune-questioned=999.1\n")
    server.own()
    said, _ = on_terminal(
        [path, "-n", "2", "-p", str(server.dir / ".pinerc"),
         "-f", folder + "INBOX"],
        talk=[("PASSWORD", ALICE + "\r"), ("on DISK", "n"),
              ("with 3|DONE]", "q")],
        cwd=server.dir, env=dict(server.environment(), TERM="xterm", **env),
        **server.as_user())
    # When it is kept waiting, only its last words tell how many there are.
    check(re.search(rb"opened with 3|all 3 messages", said), said[-900:])
    equal(left(server), list(NAMES), "left on the server")


if __name__ == "__main__":
    with Instance("plaintext-login always") as instance:
        instance.passwd("alice", ALICE, "--cram-md5")
        instance.passwd("bob", PASSWORDS["bob"], "--cram-md5")
        tap.run(globals(), instance)
    tap.finish()
