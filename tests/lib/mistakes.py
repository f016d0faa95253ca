# SPDX-License-Identifier: ISC
"""Deliberate mistakes in a set-up, each of which --check must find, with a
command to type that is safe.  Where that command is the whole remedy, it is
typed, and the finding has to be gone."""
import os
import pwd
import re
import shlex
import shutil
import subprocess

from lib.scratch import Scratch, make_certificate, tool
from lib.tap import Skip, check, equal

NOBODY = pwd.getpwnam("nobody").pw_uid
# What may be told to a person to type.  None of these destroys anything.
SAFE = re.compile(
    r"(mkdir -p -m \d+|install -d -g mail -m 3775|mv -n|find / -xdev "
    r"-samefile|chmod ([augo]*[-+][rwx]+|[67][0-5][0-5])|chown (-R -h )?"
    r"(root|\d+)|namei -l|ls -ld?|date|df -h|findmnt -T|command -v|ss -ltnp|"
    r"useradd --system|smtpd --?[a-z]+|chgrp mail|getent passwd|"
    r"certbot certonly --standalone -d)\b")


def write(path, text, mode=0o600):
    """A file."""
    path.write_text(text)
    path.chmod(mode)


def replace(scratch, old, new):
    """Changes the configuration."""
    text = scratch.conf.read_text()
    check(old in text, f"no {old} in {text}")
    scratch.conf.write_text(text.replace(old, new))


def alias(text):
    """Makes an aliases file."""
    def change(scratch):
        write(scratch.dir / "aliases", text + "\n", 0o644)
    return change


def mode(name, bits):
    """Changes a mode."""
    return lambda scratch: (scratch.dir / name).chmod(bits)


def owner(name, uid=NOBODY):
    """Gives a file away."""
    return lambda scratch: os.chown(scratch.dir / name, uid, -1)


def mailbox(make):
    """Does something with the path of alice's mailbox."""
    return lambda scratch: make(scratch.mailbox("alice"))


def hard_link(path):
    """A mailbox with two names."""
    write(path, "")
    os.chown(path, pwd.getpwnam("mail").pw_uid, -1)
    os.link(path, path.with_name(".other"))


def open_to_all(path):
    """A mailbox of mode 666."""
    write(path, "", 0o666)
    os.chown(path, pwd.getpwnam("mail").pw_uid, -1)
    path.chmod(0o666)


def of_another(path):
    """A mailbox that belongs to somebody else."""
    write(path, "")
    os.chown(path, NOBODY, -1)


def no_mbox(path):
    """A file that is no mailbox."""
    write(path, "Subject: one message\n\nHello.\n")
    os.chown(path, pwd.getpwnam("mail").pw_uid, -1)


def user_of(account):
    """A users file that names an owner."""
    def change(scratch):
        text = scratch.users.read_text()
        write(scratch.users, text.replace("\n", f":{account}\n", 1))
    return change


def state_of_another(scratch):
    """A user's own directory that belongs to somebody else."""
    path = scratch.dir / "state" / "users" / "alice"
    path.mkdir(parents=True)
    os.chown(path, NOBODY, -1)


def damaged(scratch):
    """A message that was set aside."""
    (scratch.dir / "queue" / "corrupt").mkdir(mode=0o700)
    write(scratch.dir / "queue" / "corrupt" / "X", "x")


def certificate(name, *options):
    """A certificate of its own for that name."""
    def change(scratch):
        if not tool("openssl"):
            raise Skip("no openssl")
        key, cert = scratch.dir / "key", scratch.dir / "cert"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out",
             cert, "-subj", "/CN=" + name, "-addext",
             "subjectAltName=DNS:" + name, *options],
            check=True, capture_output=True)
        write(scratch.pem, key.read_text() + cert.read_text())
    return change


def expired(scratch):
    """A certificate whose time is over."""
    certificate("mail.example.org")(scratch)
    names = {name: scratch.dir / name for name in
             ("key", "cert", "request", "ca.conf", "index", "serial")}
    names["index"].touch()
    names["serial"].write_text("01\n")
    names["ca.conf"].write_text(
        "[ca]\ndefault_ca = a\n[a]\ndefault_md = sha256\npolicy = p\n"
        f"database = {names['index']}\nserial = {names['serial']}\n"
        f"new_certs_dir = {scratch.dir}\n[p]\ncommonName = supplied\n")
    for command in (
            ["req", "-new", "-key", names["key"], "-subj",
             "/CN=mail.example.org", "-out", names["request"]],
            ["ca", "-batch", "-config", names["ca.conf"], "-selfsign",
             "-keyfile", names["key"], "-in", names["request"], "-startdate",
             "20200101000000Z", "-enddate", "20200201000000Z", "-notext",
             "-out", names["cert"]]):
        subprocess.run(["openssl", *command], check=True, capture_output=True)
    write(scratch.pem, names["key"].read_text() + names["cert"].read_text())


def mismatched(scratch):
    """A key that is another one's."""
    other = scratch.dir / "other.pem"
    make_certificate(other, "mail.example.org")
    split = "-----BEGIN CERTIFICATE-----"
    write(scratch.pem, scratch.pem.read_text().split(split)[0] + split +
          other.read_text().split(split)[1])


def program(name, bits=0o755):
    """A program of an alias."""
    def change(scratch):
        path = scratch.dir / name
        write(path, "#!/bin/sh\n", bits)
        write(scratch.dir / "aliases", f'prog: "|{path} x"\n', 0o644)
    return change


def noted_uidls(scratch):
    """An import with UIDLs."""
    home = scratch.dir / "state/users/alice"
    home.mkdir(parents=True, exist_ok=True)
    write(home / "uidls", "")
    scratch.own()


def nothing(_):
    """The configuration is mistake enough."""


# name, lines of the configuration, what is done then, the kind of finding, what
# it says; "cure" if what it says to type is all that is missing.
ROOT = [
    ("queue 0777", "", mode("queue", 0o777), "error",
     "queue .* others can write there", "cure"),
    ("queue 0770", "", mode("queue", 0o770), "error",
     "queue .* others can write there", "cure"),
    ("queue 0755", "", mode("queue", 0o755), "warning",
     "queue .* others can list", "cure"),
    ("the queue of another user", "", owner("queue"), "error",
     "queue .* belongs to uid", "cure"),
    ("no queue", "", lambda s: shutil.rmtree(s.dir / "queue"), "error",
     "queue .*No such file", "cure"),
    ("a queue that is a file", "queue %DIR/users", nothing, "error",
     "queue .* is not a directory", ""),
    ("a relative queue", "queue spool/queue", nothing, "error",
     "queue spool/queue is no absolute path", ""),
    ("state 0777", "", mode("state", 0o777), "error",
     "state .* others can write there", "cure"),
    ("state 0700", "", mode("state", 0o700), "error",
     "state .* owners of mailboxes cannot reach", "cure"),
    ("the state of another user", "", owner("state"), "error",
     "state .* belongs to uid", "cure"),
    ("no state", "", lambda s: shutil.rmtree(s.dir / "state"), "error",
     "state .*No such file", "cure"),
    ("damaged messages", "", damaged, "warning",
     "1 messages in .*/corrupt are damaged", ""),
    ("no room", "minimum-free 900000G", nothing, "error",
     "minimum-free wants", ""),
    ("no folder for mailboxes", "", lambda s: shutil.rmtree(s.mail), "error",
     "mailboxes in .*No such file", "cure"),
    ("mailboxes that owners cannot make", "",
     lambda s: (os.chown(s.mail, 0, 0), s.mail.chmod(0o755)), "error",
     "cannot make a mailbox and locks in", ""),
    ("mailboxes that the system's accounts cannot make", "users system",
     lambda s: (os.chown(s.mail, 0, 0), s.mail.chmod(0o755)), "error",
     "cannot make a mailbox and locks in", ""),
    ("one mailbox that its owner cannot make", "",
     lambda s: (user_of("games")(s), s.mailbox("sub").mkdir(),
                replace(s, "/%u", "/sub/%u"), s.mailbox("sub").chmod(0o750),
                os.chown(s.mailbox("sub"), pwd.getpwnam("mail").pw_uid, -1)),
     "error", r"alice \(uid \d+\) cannot", ""),
    ("mailboxes that everybody can remove", "", mode("mail", 0o777), "error",
     "everybody can remove mailboxes", "cure"),
    ("mailboxes of a relative path", "mailbox mail/%u", nothing, "error",
     "needs an absolute path", ""),
    ("a mailbox that is a folder", "", mailbox(lambda p: p.mkdir()), "error",
     "the mailbox .*/alice is a directory", "cure"),
    ("a mailbox that is a link", "",
     mailbox(lambda p: p.symlink_to("/dev/null")), "error",
     "the mailbox .*/alice is a symbolic link", "cure"),
    ("a mailbox that is a FIFO", "", mailbox(os.mkfifo), "error",
     "the mailbox .*/alice is not a regular file", "cure"),
    ("a mailbox with two names", "", mailbox(hard_link), "error",
     "the mailbox .*/alice has another name", ""),
    ("a mailbox 0666", "", mailbox(open_to_all), "error",
     "everybody can write to the mailbox", "cure"),
    ("a mailbox of another user", "", mailbox(of_another), "error",
     "the mailbox .*/alice belongs to uid", "cure"),
    ("a mailbox that is no mbox", "", mailbox(no_mbox), "error",
     "the mailbox .*/alice is no mbox", "cure"),
    ("an owner of a mailbox who is nobody", "", user_of("no-such-user"),
     "error", "the owner of the mailbox of alice cannot be found", ""),
    ("an owner of a mailbox who is root", "", user_of("root"), "error",
     "the owner of the mailbox of alice cannot be found", ""),
    ("mailboxes that owners cannot reach", "",
     lambda s: s.dir.chmod(0o700), "error", "cannot reach .*namei", ""),
    ("a file that the owner of aliases cannot write", "",
     alias("f: /etc/shadow"), "error",
     "nobody cannot write to /etc/shadow: Permission denied", ""),
    ("a file in a folder that is not there", "",
     alias("f: /no/such/folder/f"), "error",
     "cannot write to /no/such/folder/f", ""),
    ("a program for tokens that its owner cannot run",
     "oauth-command %DIR/oauth\noauth-owner games",
     lambda s: write(s.dir / "oauth", "#!/bin/sh\n", 0o700), "error",
     "oauth, which games cannot run", ""),
    ("a user's directory of another user", "", state_of_another, "error",
     "users/alice belongs to uid", "cure"),
    ("a program that is not there", "", alias('prog: "|/no/such/prog x"'),
     "error", "cannot run /no/such/prog: No such file", ""),
    ("a program that the owner of aliases cannot run", "",
     program("prog", 0o700), "error", "cannot run .*Permission denied", ""),
    ("a program that is no program", "", program("prog", 0o644), "error",
     "cannot run .*Permission denied", ""),
    ("a program without its path", "", alias('prog: "|vacation bob"'),
     "error", "write vacation with its whole path", ""),
    ("a list that is not there", "", alias("list: :include:/no/such/list"),
     "error", "mail for list would wait", ""),
    ("an alias of nobody", "", alias("info: nobody-here"), "warning",
     "leads to nobody-here.*does not exist", ""),
    ("an archive of nobody", "archive nobody-here@example.org", nothing,
     "error", "nobody-here@example.org: no such address is here", ""),
    ("an archive in a loop", "archive a@example.org", alias("a: b\nb: a"),
     "error", "archive a@example.org: its mail would wait", ""),
    ("a server for users' mail that is not there",
     "deliver-by lmtp:unix:/no/such/socket", nothing, "warning",
     "deliver-by: no socket at /no/such/socket", ""),
    ("an alias for another domain", "", alias("a@else.example: alice"),
     "warning", "else.example is not one of our domains", ""),
    ("aliases that everybody can change", "",
     lambda s: write(s.dir / "aliases", "a: alice\n", 0o666), "error",
     "everybody can change the aliases", "cure"),
    ("a users file that everybody can read", "", mode("users", 0o644),
     "error", "everybody can read .*users", "cure"),
    ("a configuration that everybody can change", "",
     mode("restante.conf", 0o666), "error",
     "everybody can change the configuration", "cure"),
    ("no account for commands", "alias-owner no-such-user", nothing,
     "error", "alias-owner names no-such-user", ""),
    ("commands as root", "alias-owner root", nothing, "error",
     "commands are never run as root", ""),
    ("no account for sessions", "user no-such-user", nothing, "error",
     "there is no account no-such-user", ""),
]

ANYBODY = [
    ("a certificate for another name", "hostname other.example.org", nothing,
     "warning", "no certificate is for other.example.org", ""),
    ("a certificate that has expired", "", expired, "error",
     "has expired", ""),
    ("a certificate that soon expires", "",
     certificate("mail.example.org", "-days", "3"), "warning",
     "good for [23] more days", ""),
    ("a key of another certificate", "", mismatched, "error",
     "certificate: ", ""),
    ("a certificate that is not there", "tls %DIR/absent.pem", nothing,
     "error", "absent.pem", ""),
    ("a key that everybody can read", "", mode("tls.pem", 0o644), "error",
     "everybody can read the key", "cure"),
    ("an alert that nobody can run", "alert /nonexistent/tell", nothing,
     "error", "the key alert names /nonexistent/tell, which", ""),
    ("short passwords", "password-minimum 6", nothing, "warning",
     "password-minimum 6: so short a password", ""),
    ("logins in the clear", "plaintext-login always", nothing, "warning",
     "plaintext-login always: passwords cross the network", ""),
    # Names that no server knows: this machine may have a mail server.
    ("a relay that keeps mail for its own name",
     "domains example.org\nroute example.org lmtp:127.0.0.1:24", nothing,
     "warning", "mail for mail.example.org, which is always ours", ""),
    ("smtp:// to 465", "relay smtp://u:p@relay.example:465", nothing,
     "warning", "write smtps://", ""),
    ("a provider that takes one sender",
     "relay smtps://1%40qq.com:p@smtp.qq.com", nothing, "warning",
     "set: relay-from smtp.qq.com 1@qq.com header", ""),
    ("smtps:// to 587", "relay smtps://u:p@relay.example:587", nothing,
     "warning", "write smtp://", ""),
    ("no password for the relay", "relay smtps://u@127.0.0.1:1", nothing,
     "error", "no password for u", ""),
    ("a password file that is not there",
     "relay smtps://u@127.0.0.1:1\nrelay-password 127.0.0.1 file:/absent",
     nothing, "error", "/absent: No such file", ""),
    ("a relay that refuses connections", "relay smtp://127.0.0.1:1", nothing,
     "warning", "does not answer now .*Connection refused", ""),
    ("a socket that is not there", "relay lmtp:unix:/no/such/socket",
     nothing, "warning", "no socket at /no/such/socket", ""),
    ("a name server that is no address", "resolver nonsense", nothing,
     "error", "the name server nonsense", ""),
    ("a password of PAM's without PAM", "",
     lambda s: write(s.users, "alice:{PAM}\n"), "error",
     "{PAM}, but restante is built without PAM", ""),
    ("a users file without credentials", "",
     lambda s: write(s.users, "alice:{NONSENSE}x\n"), "error",
     "no credentials that can be checked", ""),
    ("a users file without users", "", lambda s: write(s.users, ""),
     "warning", "0 users", ""),
    ("UIDLs that are not reported", "", noted_uidls, "warning",
     "with the UIDLs of another server, .* set uidl header", ""),
    ("a quota for nobody", "quota 1G nobody-here", nothing, "warning",
     "nobody-here, which is not a user", ""),
    ("senders of nobody", "sender nobody-here x@example.org", nothing,
     "warning", "sender nobody-here: there is no such user", ""),
    ("trust for everybody", "trust 0.0.0.0/0", nothing, "error",
     "may send to everybody, and spammers will; name your own networks", ""),
    ("TLS hidden from everybody", "ehlo-hide STARTTLS", nothing, "error",
     "can be read on the way; name 127.0.0.0/8 ::1, or networks of trust",
     ""),
    ("a proxy that is everybody", "proxy 0.0.0.0/0", nothing, "error",
     "anybody may claim any address", ""),
    ("penalties for nobody", "penalties-exempt ::/0", nothing, "warning",
     "penalties-exempt: ::/0 contains everybody", ""),
    ("a short host name", "hostname mail", nothing, "warning",
     "the host name mail has no domain", ""),
    ("trust that is not there", "tls-trust /no/such/bundle", nothing,
     "error", "tls-trust /no/such/bundle: No such file", ""),
    ("a folder for counts that is not there", "stats-file /no/such/x.prom",
     nothing, "error", "the folder of stats-file", ""),
    ("a reply address that is not ours", "srs-domain else.example", nothing,
     "error", "srs-domain else.example is none of our domains", ""),
]

# What is refused by everything, --check included: exit status 78.
REFUSED = [
    ("a domain outside ASCII", "domains bücher.example",
     "write it as the DNS has it: xn--bcher-kva.example"),
    ("a host name outside ASCII", "hostname mail.bücher.example",
     "write it as the DNS has it: mail.xn--bcher-kva.example"),
    ("a key with a slip", "hostnme mail.example.org",
     "did you mean hostname?"),
    ("a number out of range", "sessions 0", "from 1 to 1000000"),
    ("a letter to an option", "letter -x", "an address or off expected"),
    ("an unknown word", "plaintext-login maybe", "never, loopback or always"),
]


def findings(scratch, *options, program="smtpd"):
    """What --check says: [(kind, text)]; the exit status is that of errors."""
    done = scratch.call(program, "--check", *options)
    lines = done.stdout.splitlines()
    found = [tuple(line.split(": ", 1)) for line in lines[:-1]]
    errors = [text for kind, text in found if kind == "error"]
    equal(done.returncode, 1 if errors else 0, f"status: {errors}")
    check(lines[-1].startswith(f"{len(errors)} errors"), lines[-1])
    return found


def commands(text):
    """What a finding says to type."""
    return [part.split("; ")[0] for part in text.split("type: ")[1:]]


def find(scratch, kind, pattern, program="smtpd"):
    """The findings that a pattern describes, of one kind or several."""
    said = findings(scratch, program=program)
    kinds = (kind,) if isinstance(kind, str) else kind
    return [text for k, text in said
            if k in kinds and re.search(pattern, text)], said


def type_it(scratch, text):
    """Does what a finding says; a person might do it in any folder."""
    for command in commands(text):
        subprocess.run(shlex.split(command), check=True, cwd="/",
                       capture_output=True, **scratch.as_user())


def one_mistake(row, as_root, program="smtpd"):
    """Makes a mistake, and looks for it."""
    _, config, change, kind, pattern, cure = row
    with Scratch(as_root=as_root) as scratch:
        found, _ = find(scratch, kind, pattern, program)
        equal(found, [], "found before")
        scratch.configure(config)
        change(scratch)
        if scratch.user:
            scratch.own()
        found, said = find(scratch, kind, pattern, program)
        check(found, "not found in:\n" + "\n".join(map(str, said)))
        for text in (text for _, text in said):
            for command in commands(text):
                check(SAFE.match(command), f"not safe to type: {command}")
        if cure:
            check("type: " in found[0], f"nothing to type: {found[0]}")
            type_it(scratch, found[0])
            left, _ = find(scratch, kind, pattern, program)
            equal(left, [], "found after the cure")


def refused_cases(tap, program):
    """Mistakes with which nothing starts: each is a case."""
    for name, line, words in REFUSED:
        with tap.case(name), Scratch(users=False) as scratch:
            scratch.configure(line)
            done = scratch.call(program, "--check")
            equal(done.returncode, 78, done.stdout)
            check(words in done.stderr, done.stderr)
