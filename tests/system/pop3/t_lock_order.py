# SPDX-License-Identifier: ISC
"""Lock orders that could deadlock, and dotlocks of the living and the dead.

Programs that take fcntl and dotlock one after the other, waiting for each
while they hold the first, work on a mailbox together with ours; all must get
their turns. Then a dotlock lies there, and ours must honour it or break it.
"""
import fcntl
import multiprocessing
import os
import socket
import subprocess
import threading
import time

from lib import mbox, proc, writers
from lib.opens import Opens
from lib.player import PASSWORDS
from lib.scratch import LONG, Instance, tool
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
ROUNDS = 1000 if LONG else 150
OLD = 400       # seconds; older than the 300 after which a lock is stale


def fcntl_lock(path):
    """Waits for the whole file; returns what lets go."""
    file = open(path, "r+b")
    fcntl.lockf(file, fcntl.LOCK_EX)
    return file.close


def dot_lock(path):
    """Waits for PATH.lock, which then is empty; returns what lets go."""
    lock = f"{path}.lock"
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL, 0o644))
            return lambda: os.unlink(lock)
        except FileExistsError:
            time.sleep(0.002)


def flock(path):
    """Waits for the lock that does not exclude us."""
    file = open(path, "r+b")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file.close


def peer(server, path, order, name):
    """A process of its own, since fcntl locks belong to processes."""
    if server.user:
        os.setgroups([])
        os.setgid(server.user.pw_gid)
        os.setuid(server.user.pw_uid)
    for turn in range(ROUNDS):
        held = [lock(path) for lock in order]
        if flock not in order:
            with open(path, "ab") as box:
                box.write(b"From p@x Mon Jan  6 10:00:00 2025\nX-Ledger: "
                          b"%s-%d\n\nbody\n\n" % (name.encode(), turn))
        for release in reversed(held):
            release()
        time.sleep(0.001)


def send(server, user, count=1, port=None):
    """Delivers so many messages in one session."""
    with server.connect(port or server.smtp, timeout=120) as talker:
        talker.hello()
        for number in range(count):
            talker.submit("carol@example.com", [f"{user}@example.org"],
                          f"X-Ledger: ours-{number}\r\n\r\nbody\r\n")


def login(server, user):
    """A Talker that has logged in; while another session is in, it waits."""
    while True:
        talker = server.connect(server.pop3, timeout=120)
        talker.pop("+OK")
        talker.pop("+OK", "USER " + user)
        answer = talker.pop(("+OK", "-ERR [IN-USE]"),
                            "PASS " + PASSWORDS["bob"])
        if answer.startswith("+OK"):
            return talker
        talker.close()


def empty(server, user, count):
    """Collects and deletes until so many messages have come."""
    seen = []
    while len(seen) < count:
        with login(server, user) as talker:
            sizes = talker.pop_block("LIST").decode().splitlines()
            for number in range(1, len(sizes) + 1):
                text = talker.pop_block(f"RETR {number}")
                seen.append(writers.ID.search(text).group(1).decode())
                talker.pop("+OK", f"DELE {number}")
            talker.pop("+OK", "QUIT")
    return seen


def together(server, user, order):
    """Two programs with that order, our senders and our reader."""
    server.mailbox(user).write_bytes(b"")
    server.own()
    writes = flock not in order
    fork = multiprocessing.get_context("fork")
    peers = [fork.Process(target=peer, daemon=True, args=(
        server, server.mailbox(user), order, name))
        for name in ("one", "two")]
    for process in peers:
        process.start()
    errors, seen = [], []
    expected = (2 * ROUNDS if writes else 0) + 20

    def guard(function, *args):
        try:
            seen.extend(function(server, user, *args) or [])
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=guard, args=args) for args in (
        (send, 10), (send, 10), (empty, expected))]
    for thread in threads:
        thread.start()
    for process in peers:
        process.join(200)
        equal(process.exitcode, 0, "exit status of a peer")
    for thread in threads[:2]:
        thread.join()
    if errors:
        raise errors[0]
    threads[2].join()
    if errors:
        raise errors[0]
    equal(len(seen), expected, "messages collected")
    if writes:
        wanted = {f"{name}-{n}" for name in ("one", "two")
                  for n in range(ROUNDS)}
        equal(wanted - set(seen), set(), "messages of the peers lost")


def test_fcntl_first(server):
    """No deadlock with programs that take fcntl, then dotlock"""
    together(server, "user0", (fcntl_lock, dot_lock))


def test_dotlock_first(server):
    """No deadlock with programs that take dotlock, then fcntl"""
    together(server, "user1", (dot_lock, fcntl_lock))


def test_flock(server):
    """Programs that take only flock do not hold us up"""
    together(server, "user2", (flock,))


def test_flock_held(server):
    """A flock that is never released stops neither delivery nor QUIT"""
    server.mailbox("user3").write_bytes(b"")
    server.own()
    with open(server.mailbox("user3"), "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        send(server, "user3", 3)
        equal(len(empty(server, "user3", 3)), 3, "messages")


# --- what lies there as a dotlock -------------------------------------------

def dotlock(server, user, text, age=0):
    """Puts a dotlock there; returns its path."""
    lock = server.mail / f"{user}.lock"
    lock.write_text(text or "")
    if text is None:
        lock.chmod(0)       # as mutt and postfix make them
    then = time.time() - age
    os.utime(lock, (then, then))
    return lock


def broken(server, user, text, age=0):
    """The dotlock is taken for dead: the delivery takes it away."""
    lock = dotlock(server, user, text, age)
    send(server, user)
    check(not lock.exists(), "the dotlock is still there")
    equal(len(mbox.read(server.mailbox(user))), 1, "messages")


def in_background(server, user, port=None):
    """Delivers a message: its thread, and a list for an error."""
    failed = []

    def deliver():
        try:
            send(server, user, 1, port)
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=deliver)
    thread.start()
    return thread, failed


def honoured(server, user, text, age=0):
    """Tries go by, and the dotlock is as it was; then the owner goes."""
    lock = dotlock(server, user, text, age)
    before = lock.stat()
    with Opens(server.mailbox(user)) as opens:
        thread, failed = in_background(server, user)
        # It is opened once before, to be confined to it, and at each try.
        wait_for(lambda: opens.count() > 4 or not thread.is_alive(),
                 "tries to lock, each of which opens the mailbox")
    after = lock.stat()
    equal((after.st_ino, after.st_mtime), (before.st_ino, before.st_mtime),
          "the lock")
    equal(mbox.read(server.mailbox(user)), [], "the mailbox meanwhile")
    lock.unlink()
    thread.join()
    if failed:
        raise failed[0]
    equal(len(mbox.read(server.mailbox(user))), 1, "messages")


def dead():
    """The number of a process that has ended."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    return gone.pid


ALIVE = f"{os.getpid()}\n"
LOCKS = (
    ("that names a dead process", broken, lambda: f"{dead()}\n", 0),
    ("that names a dead process, old", broken, lambda: f"{dead()}\n", OLD),
    ("that names a living process", honoured, lambda: ALIVE, 0),
    ("that is empty", honoured, lambda: "", 0),
    ("that is empty and old", broken, lambda: "", OLD),
    ("that is unreadable", honoured, lambda: None, 0),
    ("that is unreadable and old", broken, lambda: None, OLD),
    ("with liblockfile's 0", honoured, lambda: "0\n", 0),
    ("with liblockfile's 0, old", broken, lambda: "0\n", OLD),
    ("with procmail's 0, old", broken, lambda: "0", OLD),
    ("that names a process of another machine", honoured,
     lambda: f"{dead()}:elsewhere.example", 0),
    ("that names a process of another machine, old", broken,
     lambda: f"{dead()}:elsewhere.example", OLD),
    ("that names a living process in Dovecot's way", honoured,
     lambda: f"{os.getpid()}:{socket.gethostname()}", 0),
    ("that names a living process but is old", broken, lambda: ALIVE, OLD),
    ("with nonsense in it", honoured, lambda: "-1\n" * 20, 0),
    ("with nonsense in it, old", broken, lambda: "-1\n" * 20, OLD))


def each_dotlock(server):
    """One test for each row of the table."""
    for number, (what, rule, text, age) in enumerate(LOCKS):
        with tap.case(f"a dotlock {what} is {rule.__name__}", server.notes):
            rule(server, f"lock{number}", text(), age)


def changing_hands(server):
    """A stale dotlock that gives way to a fresh one is not broken"""
    strace = tool("strace")
    if not strace:
        raise Skip("strace is not there")
    user = "hands"
    gone = subprocess.Popen(["sleep", "600"], **server.as_user())
    lock = dotlock(server, user, f"{gone.pid}\n")
    server.own()
    # Each look at whether a process lives takes half a second longer.
    log = server.dir / "strace.out"
    tracer = server.popen(
        [strace, "-f", "-qq", "-e", "trace=kill", "-e",
         "inject=kill:delay_enter=500000", "-o", str(log)]
        + server.command("smtpd", "-l", "127.0.0.1:0"),
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        line = tracer.stderr.readline().decode()
        check(line.startswith("listening on "), f"smtpd says {line!r}")
        port = int(line.rpartition(":")[2])
        thread, failed = in_background(server, user, port)
        wait_for(lambda: log.exists() and f"kill({gone.pid}, 0"
                 in log.read_text(), "smtpd to look at the process")
        # Now it hangs in there, having read the old lock.
        fresh = server.mail / "fresh"
        fresh.write_text(ALIVE)
        lock.unlink()
        os.link(fresh, lock)
        gone.kill()
        gone.wait()
        with Opens(server.mailbox(user)) as opens:
            wait_for(lambda: opens.count() > 4 or not thread.is_alive(),
                     "more tries")
        # It may have been moved aside for a moment, to be looked at.
        wait_for(lambda: not thread.is_alive() or
                 (lock.exists() and lock.samefile(fresh)),
                 "the fresh dotlock of a living process to be there")
        check(not failed and mbox.read(server.mailbox(user)) == [],
              "the fresh dotlock of a living process was broken")
        lock.unlink()
        fresh.unlink()
        thread.join()
        if failed:
            raise failed[0]
    finally:
        gone.kill()
        gone.wait()
        for pid in proc.children(tracer.pid):
            os.kill(pid, 15)
        tracer.wait(60)


def main():
    with Instance(tls=False) as server:
        for user in [f"user{n}" for n in range(4)] + ["hands"] + [
                f"lock{n}" for n in range(len(LOCKS))]:
            server.passwd(user, PASSWORDS["bob"])
        server.own()
        tap.run(globals(), server)
        each_dotlock(server)
        with tap.case(changing_hands.__doc__, server.notes):
            changing_hands(server)
    tap.finish()


if __name__ == "__main__":
    main()
