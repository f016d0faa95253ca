# SPDX-License-Identifier: ISC
"""The answer of a user with an account of the system who is away (smtpd
--vacation with "users system"), set by root and by the account itself.

Guards against a note that is root's, or that others can read or replace;
against answers in the name of an account that is gone, or is another's now; and
against a home that is not there, or that root may not look into, as on NFS.
"""
import email
import email.policy
import os
import subprocess

from lib import queuefile
from lib.fakemx import FakeMx
from lib.local import main
from lib.scratch import BUILD
from lib.tap import Tap, check, equal

tap = Tap()
STRANGER = "carol@example.com"
# Root of another machine has no more rights here than anybody.
SQUASHED = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search",
            "--inh-caps", "-all")


def say(place, user, *options, uid=0, text="I am away.\n", status=0,
        prefix=()):
    """smtpd --vacation, typed by root or by an account."""
    rights = {} if uid == 0 else {"user": uid, "group": uid,
                                  "extra_groups": []}
    done = subprocess.run(
        [*prefix, BUILD / "smtpd/smtpd", "-c", place.conf, "--vacation", user,
         *options], input=text, text=True, capture_output=True, timeout=100,
        check=False, cwd="/", umask=0, **rights)
    equal(done.returncode, status, done.stderr)
    return done.stderr


def answers(place, user, to=None, prefix=(), left=0, sender=STRANGER):
    """A message for a user, runs of the queue, and the answers that left."""
    to = to or f"{user}@example.org"
    with FakeMx() as hop:
        conf = place.dir / "away.conf"
        conf.write_text(place.conf.read_text() + "user user39\nsrs off\n"
                        "dkim-sign off\nsubaddress +\n"
                        f"relay smtp://127.0.0.1:{hop.port}?tls=never\n")
        queuefile.make(place.queue, sender=sender, client="192.0.2.9",
                       recipients=[to], body=f"To: {to}\r\nSubject: Lunch?"
                       "\r\n\r\nText.\r\n".encode())
        for _ in range(4):
            done = subprocess.run(
                [*prefix, BUILD / "smtpd/smtpd", "-c", conf, "-qf"], text=True,
                capture_output=True, timeout=100, check=False)
            with place.log.open("a") as log:
                log.write(done.stderr)
        ids = queuefile.ids(place.queue, "active", "deferred")
        equal(len(ids), left, f"left in the queue\n{place.notes()}")
        for ident in ids:
            queuefile.find(place.queue, ident).path.unlink()
        found = [(m.sender, m.rcpts, email.message_from_bytes(
            m.body, policy=email.policy.default)) for m in hop.messages]
    for from_, rcpts, _ in found:
        equal((from_, rcpts), ("", [STRANGER]), "envelope")
    return [mail for _, _, mail in found]


def answered(place, user, *args, **settings):
    """There is one answer; its address."""
    mail, = answers(place, user, *args, **settings)
    return mail["From"].addresses[0].addr_spec


def note(place, user):
    """The note of a user."""
    return place.dir / "state/users" / user / "vacation"


def is_owned(place, user):
    """The note and its folder are the account's alone."""
    uid = place.uids[user]
    for path, mode in ((note(place, user), 0o600),
                       (note(place, user).parent, 0o700)):
        st = path.lstat()
        equal((st.st_uid, st.st_gid, st.st_mode & 0o7777), (uid, uid, mode),
              str(path))


def account(place, user, line):
    """Replaces the line of an account, or removes it."""
    path = place.dir / "passwd"
    lines = [row for row in path.read_text().splitlines()
             if not row.startswith(user + ":")]
    path.write_text("\n".join(lines + ([line] if line else [])) + "\n")


def test_by_root(place):
    """Set by root: the note is the account's, and those who write are answered
    """
    user = next(place.unused)
    say(place, user)
    is_owned(place, user)
    equal(answered(place, user), f"{user}@example.org")
    equal(place.messages(user), 1, "messages")
    equal(answers(place, user), [], "a second time")
    seen = note(place, user).with_name("vacation.seen").lstat()
    equal((seen.st_uid, seen.st_mode & 0o7777), (place.uids[user], 0o600),
          "vacation.seen")
    say(place, user, "--off")
    equal(sorted(p.name for p in note(place, user).parent.glob("vacation*")),
          [], "files")


def test_by_the_account(place):
    """Set by the account itself, once it has had mail; and changed by root"""
    user = next(place.unused)
    equal(answers(place, user), [], "nobody is away")
    say(place, user, uid=place.uids[user])
    is_owned(place, user)
    equal(answered(place, user), f"{user}@example.org")
    say(place, user, text="Something else.\n")
    is_owned(place, user)
    mail, = answers(place, user)
    equal(mail.get_content().strip(), "Something else.", "text")
    say(place, user, "--off", uid=place.uids[user])
    equal(answers(place, user), [], "after --off")


def test_first(place):
    """An account that has had no mail yet is told what to do"""
    user = next(place.unused)
    said = say(place, user, uid=place.uids[user], status=73)
    equal(len(said.splitlines()), 1, said)
    check("no mail yet" in said and "sudo smtpd --vacation" in said, said)
    equal(say(place, user, "--off", uid=place.uids[user]), "", "--off")


def test_by_another(place):
    """Another account sets nothing, and removes nothing"""
    user, other = next(place.unused), next(place.unused)
    say(place, user)
    before = note(place, user).read_bytes()
    for options in ((), ("--off",)):
        said = say(place, user, *options, uid=place.uids[other], status=77)
        check("cannot become the owner" in said, said)
    equal(note(place, user).read_bytes(), before, "the note")


def test_addresses(place):
    """An alias of the account and its details are answered as such"""
    user = next(place.unused)
    (place.dir / "aliases").write_text(
        f"desk: {user}\npost: desk\nteam: {user}, user39\n")
    say(place, user)
    for to in (f"desk@example.org", "post@example.org",
               f"{user}+shop@example.org", "desk+shop@example.org"):
        note(place, user).with_name("vacation.seen").unlink(missing_ok=True)
        equal(answered(place, user, to), to)
    note(place, user).with_name("vacation.seen").unlink()
    equal(answers(place, user, "team@example.org"), [], "a list of two")
    (place.dir / "aliases").write_text("")


def test_no_home(place):
    """A home that is not there: the mail waits for it, and is answered then;
    the note does not lie there"""
    user = next(place.unused)
    home = place.home(user)
    home.rename(place.dir / "away")
    say(place, user)
    is_owned(place, user)
    first = answers(place, user)
    (place.dir / "away").rename(home)
    equal(len(first) + len(answers(place, user)), 1, "answers")
    equal(place.messages(user), 2, "messages")


def test_squashed(place):
    """A home that root may not look into, as over NFS"""
    user = next(place.unused)
    place.home(user).chmod(0o700)
    say(place, user, prefix=SQUASHED)
    is_owned(place, user)
    equal(answered(place, user, prefix=SQUASHED), f"{user}@example.org")
    # And where the folder of the state is the account's alone already.
    say(place, user, text="Something else.\n", prefix=SQUASHED)
    equal(answered(place, user, prefix=SQUASHED), f"{user}@example.org")


def test_removed(place):
    """An account that is gone answers nobody, and mail is no one's"""
    user = next(place.unused)
    uid = place.uids[user]
    say(place, user)
    account(place, user, None)
    found = answers(place, user)
    for mail in found:
        equal(mail.get_content_type(), "multipart/report", str(mail))
    say(place, user, status=67)
    equal(say(place, user, "--off", status=67).count("\n"), 1, "--off")
    # Its name is given to another one: that one has said nothing yet.
    account(place, user, f"{user}:x:{uid + 1000}:{uid + 1000}::"
            f"{place.home(user)}:/bin/sh")
    equal(answers(place, user), [], "the next account of that name")
    place.uids[user] = uid + 1000
    box = place.mail / user
    equal(box.stat().st_uid, uid + 1000, "the mailbox")
    said = say(place, user)
    equal(said, "", "the new account's own")
    is_owned(place, user)
    equal(answered(place, user), f"{user}@example.org")


def test_root(place):
    """Nobody is answered by a process that has root's rights"""
    said = say(place, "root", status=77)
    check("let an alias" in said, said)
    path = note(place, "root")
    check(not path.exists(), "a note of root's")
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text("\nI am root.\n")
    path.chmod(0o600)
    equal(answers(place, "root"), [], "a note that is there")
    path.unlink()


if __name__ == "__main__":
    main(tap, globals())
