# SPDX-License-Identifier: ISC
"""Many users who are logged in and wait: what each of them costs must not grow
with their number, and the server must not remember what they have said."""
import re
from pathlib import Path

from lib import proc
from lib.player import PASSWORDS
from lib.scratch import Instance
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
USERS = [f"user{n:02}" for n in range(24)]
MOST = 64           # KiB; what one of them has said is at least 4


def own(pid):
    """The KiB of memory that a process has written and shares with nobody."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except PermissionError:
        raise Skip("reading another process's memory map needs root") from None
    return int(re.search(r"^Private_Dirty: +(\d+)", text, re.M).group(1))


def log_in(server, user, known):
    """Logs in; the Talker, and the process that has the mailbox."""
    talker = server.connect(server.pop3)
    talker.pop_login(user, PASSWORDS["bob"])
    talker.pop("+OK", "STAT")

    def mailbox():
        """Once the session has ended, the mailbox's is the only new one."""
        new = [p for p in proc.children(server.pop3d.pid) if p not in known]
        return new if len(new) == 1 else None

    return talker, wait_for(mailbox, "the process of a mailbox")[0]


def test_memory(server):
    """The process of a mailbox has no memory for the others' requests"""
    lines = server.users.read_text()
    password = re.search(r"^bob:(.*)$", lines, re.M).group(1)
    server.users.write_text(
        lines + "".join(f"{user}:{password}\n" for user in USERS))
    known = set(proc.children(server.pop3d.pid))
    talkers, pids = [], []
    for user in USERS:
        talker, pid = log_in(server, user, known | set(pids))
        talkers.append(talker)
        pids.append(pid)
    equal(len(set(pids)), len(USERS), "processes")
    sizes = [own(pid) for pid in pids]
    for talker in talkers:
        with talker:
            talker.pop("+OK", "QUIT")
    check(sizes[-1] < sizes[0] + MOST, f"KiB of each: {sizes}")


if __name__ == "__main__":
    with Instance() as instance:
        tap.run(globals(), instance)
    tap.finish()
