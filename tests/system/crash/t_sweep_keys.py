# SPDX-License-Identifier: ISC
"""Keys that sign mail are made and changed, with a kill or a fault in between.

smtpd --dkim and --rotate are killed as they enter their n-th system call, or
that call fails (by strace), or they have no memory from some allocation on.
What is there then is what was there before, or what there is to be: a key is
whole or is not there, each kind of key that signed has one that signs, and
typing the same again leads to the end. Whatever fails is said.
"""
import os
import re
import shutil
import subprocess

from lib import dkimpeers
from lib.hunger import Hunger
from lib.scratch import Scratch, tool
from lib.spfsuite import ZoneDns, records_of
from lib.sweep import sample
from lib.tap import Skip, Tap, check, equal

tap = Tap()
DOMAIN = "example.org"
LOADER = 40     # the first calls only load the program
MOST = 10       # faults in one sweep, without RESTANTE_LONG
CALL = re.compile(r"^(\w+)\(")
WHOLE = re.compile(r"-----BEGIN PRIVATE KEY-----\n[A-Za-z0-9+/=\n]+"
                   r"-----END PRIVATE KEY-----\n")
ERRORS = {
    "openat": ("ENOSPC", "EIO", "ENOMEM", "EMFILE"), "mkdir": ("ENOSPC",),
    "write": ("ENOSPC", "EIO"), "pwrite64": ("ENOSPC", "EIO"),
    "read": ("EIO",), "pread64": ("EIO",), "fsync": ("EIO", "ENOSPC"),
    "rename": ("ENOSPC", "EIO"), "link": ("ENOSPC", "EIO"),
    "unlink": ("EIO", "EROFS"), "getdents64": ("EIO", "ENOMEM"),
    "newfstatat": ("EIO",), "fstat": ("EIO",), "lstat": ("EIO",),
    "close": ("EIO",), "mmap": ("ENOMEM",), "brk": ("ENOMEM",),
    "chmod": ("EIO",), "getrandom": ("EINTR",), "socket": ("EMFILE",),
    "sendto": ("ENETUNREACH",), "recvfrom": ("EIO",)}


class Keys(Scratch):
    """A configuration, and the keys of a domain."""

    def __init__(self):
        self.records = {}
        self.dns = ZoneDns(records_of(self.records))
        super().__init__(f"hostname mx.example.org\ndomains {DOMAIN}\n"
                         f"resolver {self.dns.address}\n", tls=False,
                         users=False)
        self.folder = self.dir / "state/dkim" / DOMAIN
        self.hunger = Hunger(self)

    def __exit__(self, *_):
        super().__exit__()
        self.dns.__exit__()

    def publish(self, records):
        """Puts records into the DNS."""
        self.records.update({k: {"TXT": [v]} for k, v in records.items()})

    def run(self, *args, before=(), more=()):
        """The command, in more of an environment; its exit status, and what it
        says."""
        done = subprocess.run(
            [*before, *self.command("smtpd", "--dkim", DOMAIN, *args)],
            capture_output=True, text=True, cwd="/", timeout=180, check=False,
            env=dict(self.environment(), ASAN_OPTIONS="detect_leaks=0",
                     **dict(more)),
            **self.as_user())   # which does not work under strace
        return done.returncode, done.stdout + done.stderr

    def files(self):
        """{name: text} of the keys."""
        return {p.name: p.read_text() for p in self.folder.iterdir()} \
            if self.folder.is_dir() else {}

    def restore(self, files):
        """As it was before."""
        shutil.rmtree(self.folder.parent, ignore_errors=True)
        if files is None:
            return
        self.folder.mkdir(parents=True, mode=0o700)
        for name, text in files.items():
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o600)
        self.own()
        self.folder.chmod(0o700)

    def named(self, ending):
        """The selectors that have it."""
        return sorted(name.removesuffix(ending) for name in self.files()
                      if name.endswith(ending) and name[0] != ".")


def strace():
    """Its path."""
    if not tool("strace"):
        raise Skip("strace is not there")
    return tool("strace")


def calls(keys, before, args):
    """(name, how often) of the system calls of the command."""
    keys.restore(before)
    trace = keys.dir / "trace"
    trace.write_text("")
    keys.own()
    status, said = keys.run(*args, before=[strace(), "-q", "-o", trace])
    equal(status, 0, said)
    found, seen = [], {}
    for line in trace.read_text(errors="replace").splitlines():
        match = CALL.match(line)
        if match:
            seen[match[1]] = seen.get(match[1], 0) + 1
            found.append((match[1], seen[match[1]]))
    check(len(found) > LOADER, f"strace says nothing: {said}")
    return found[LOADER:]


def wrong(keys, before):
    """What may never be."""
    found = keys.files()
    trouble = [f"HALF {name}" for name, text in found.items()
               if name[0] != "." and not WHOLE.fullmatch(text)]
    for kind in "re":
        had = [n for n in before or () if n[0] == kind and n.endswith(".pem")]
        has = [n for n in found if n[0] == kind and n.endswith(".pem")]
        if had and not has:
            trouble.append(f"no key of kind {kind} signs: {sorted(found)}")
    return trouble


class Sweep:
    """One command: what is there before, its arguments, and the end."""

    def __init__(self, keys, name, before, args, end):
        self.keys, self.name, self.before = keys, name, before
        self.args, self.end = args, end

    def one(self, inject):
        """One fault; what is wrong."""
        keys = self.keys
        keys.restore(self.before)
        status, said = keys.run(*self.args, before=[
            strace(), "-q", "-o", "/dev/null", "-e", "trace=" +
            inject.split(":")[0], "-e", f"inject={inject}"])
        trouble = wrong(keys, self.before)
        left = sorted(keys.files())
        if status == 0 and not self.end(keys):
            trouble.append(f"a success, and there is {left}: {said}")
        if status != 0 and "error=" in inject and not said:
            trouble.append(f"status {status}, and it says nothing")
        for _ in range(3):
            if self.end(keys):
                break
            status, said = keys.run(*self.args)
        if not self.end(keys):
            trouble.append(f"it does not go on from {left}: {said}, there is "
                           f"{sorted(keys.files())}")
        return trouble + wrong(keys, self.before)

    def starve(self, number):
        """No memory from an allocation on: (what is wrong, whether it had to
        do with less)."""
        keys = self.keys
        keys.restore(self.before)
        hungry = keys.hunger.environment(number)
        status, said = keys.run(*self.args, more=hungry)
        denied, faults = keys.hunger.read()     # those of GnuTLS's libraries
        trouble = wrong(keys, self.before)
        done = self.end(keys)
        if status == 0 and not done:
            trouble.append(f"a success, and there is {sorted(keys.files())}")
        if status != 0 and not re.search(r"memory|start a process", said):
            trouble.append(f"status {status}, and it says {said!r}")
        if faults and status == 0:
            trouble.append(f"a success after signals {faults}")
        for _ in range(3):
            if not self.end(keys):
                status, said = keys.run(*self.args)
        if not self.end(keys):
            trouble.append(f"it does not go on: {said}")
        return trouble + wrong(keys, self.before), denied > 0

    def hunger(self):
        """As many numbers as there is time for, the last ones among them."""
        end = 256
        while self.starve(end)[1]:
            end *= 2
        low, high = end // 2, end
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.starve(middle)[1] \
                else (low, middle)
        tap.diag(f"{low} allocations")
        with tap.case(f"{self.name}: there is no memory"):
            troubles = []
            for number in sorted({*sample(range(1, low + 1), 2 * MOST),
                                  *sample(range(1, 60), MOST),
                                  *range(max(1, low - 40), low + 2)}):
                found, _ = self.starve(number)
                troubles += [f"{number}: {found[:2]}"] if found else []
            equal(troubles[:5], [], f"{len(troubles)} troubles")

    def run(self):
        """Kills, then faults, then hunger."""
        self.hunger()
        every = calls(self.keys, self.before, self.args)
        check(self.end(self.keys), f"the end: {sorted(self.keys.files())}")
        kills = [f"{call}:signal=KILL:when={n}" for call, n in every]
        faults = [f"{call}:error={error}:when={n}" for call, n in every
                  for error in ERRORS.get(call, ())]
        matters = [x for x in kills if x.split(":")[0] in (
            "rename", "link", "unlink", "fsync", "mkdir")]
        for what, chosen in (("killed", {*sample(kills, MOST), *matters}),
                             ("a call fails", sample(faults, MOST))):
            with tap.case(f"{self.name}: {what}"):
                troubles = []
                for inject in sorted(chosen):
                    found = self.one(inject)
                    troubles += [f"{inject}: {found[:2]}"] if found else []
                equal(troubles[:5], [], f"{len(troubles)} troubles")


def both(selectors):
    """One RSA key and one of Ed25519."""
    return sorted(s[0] for s in selectors) == ["e", "r"]


def cases_made():
    """The first keys, the next ones, and their change"""
    with Keys() as keys:
        Sweep(keys, "the first keys", None, (), lambda k: both(
            k.named(".pem")) and not k.named(".next")).run()
        keys.restore(None)
        first = dkimpeers.published(keys, DOMAIN)
        before = keys.files()
        Sweep(keys, "the next keys", before, ("--rotate",), lambda k: both(
            k.named(".next")) and all(k.files().get(name) == text for name,
                                      text in before.items())).run()
        keys.restore(before)
        fresh = dkimpeers.published(keys, DOMAIN, "--rotate")
        keys.publish({**first, **fresh})
        ready = keys.files()
        new = {n.removesuffix(".next"): t for n, t in ready.items()
               if n.endswith(".next")}
        old = {n.removesuffix(".pem"): t for n, t in before.items()}
        wanted = {**{f"{n}.pem": t for n, t in new.items()},
                  **{f"{n}.old": t for n, t in old.items()}}
        Sweep(keys, "their change", ready, ("--rotate",), lambda k: {
            n: t for n, t in k.files().items() if n[0] != "."
        } == wanted).run()


def test_by_hand():
    """A key of another name is replaced by one of its kind, and no other is"""
    with Keys() as keys:
        keys.restore(None)
        dkimpeers.published(keys, DOMAIN)
        rsa = next(n for n in keys.named(".pem") if n[0] == "r")
        (keys.folder / f"{rsa}.pem").rename(keys.folder / "zz.pem")
        (keys.folder / "note").write_text("by hand\n")
        fresh = dkimpeers.published(keys, DOMAIN, "--rotate")
        keys.publish(fresh)
        (keys.folder / next(f"{n}.next" for n in keys.named(".next")
                            if n[0] == "e")).rename(keys.dir / "away")
        # What is missing is made again, and has to be published.
        status, said = keys.run("--rotate")
        equal(status, 0, said)
        keys.publish(dkimpeers.published(keys, DOMAIN, "--rotate", status=75))
        status, said = keys.run("--rotate")
        equal(status, 0, said)
        check("zz" in keys.named(".old") and both(keys.named(".pem")),
              f"{sorted(keys.files())}")
        check((keys.folder / "note").exists(), "somebody's note")


def test_unread():
    """Records that nobody can read are said, and their keys are there"""
    with Keys() as keys:
        keys.own()
        reading, writing = os.pipe()
        os.close(reading)
        for place in (writing, os.open("/dev/full", os.O_WRONLY)):
            done = subprocess.run(
                keys.command("smtpd", "--dkim", DOMAIN), stdout=place,
                stderr=subprocess.PIPE, text=True, check=False, timeout=60,
                env=keys.environment(), **keys.as_user())
            os.close(place)
            equal(done.returncode, os.EX_IOERR, done.stderr)
            check("cannot print" in done.stderr, done.stderr)
        check(both(keys.named(".pem")), f"{sorted(keys.files())}")


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
