# SPDX-License-Identifier: ISC
"""Two servers, each with an Rspamd of its own and one Redis for both, as
restante-cluster(7) configures them: what one has seen, the other knows.

The client is a stranger by the PROXY protocol, since Rspamd spares addresses
of this machine; the values of the page are smaller here, for a test has no
time.
"""
import re

from lib import filters
from lib.manual import files_of, lines_of
from lib.reputation import Redis, SharingRspamd
from lib.scratch import ALICE, BOB, Instance, client_context
from lib.talk import stuff
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
TITLE = "Reputation over all fronts"
BURST = 3
CONFIG = "auth off\nproxy 127.0.0.1\nfilter {}\nfilter-users on\n"


def page_files():
    """What the page writes below local.d, by name."""
    lines = lines_of("restante-cluster.7", TITLE, 1)
    check("filter-users on" in lines, lines)
    return {path.rpartition("/")[2]: text
            for path, text in files_of(lines).items()}


def local_files(port):
    """The files of the page, for a Redis at that port, with small values."""
    local = page_files()
    equal(sorted(local), ["greylist.conf", "ratelimit.conf", "redis.conf"],
          "files")
    for name, pattern, value in (
            ("redis.conf", r"10\.0\.0\.30:6379", f"127.0.0.1:{port}"),
            ("greylist.conf", r"(?<=timeout = )\w+", "1s"),
            ("ratelimit.conf", r"(?<=burst = )\d+", str(BURST))):
        local[name], count = re.subn(pattern, value, local[name])
        equal(count, 1, f"{pattern} in {name}")
    return local


class Front(Instance):
    """A server with an Rspamd that asks the Redis of the first one."""

    def __init__(self, first=None):
        self.redis = first and first.redis
        self.rspamd = None
        super().__init__()

    def start(self):
        if self.redis is None:
            self.redis = Redis(self, files_of(lines_of(
                "restante-cluster.7", TITLE))["/etc/redis/redis.conf"]
                .replace("10.0.0.30", "127.0.0.1"))
        self.rspamd = SharingRspamd(self, local_files(self.redis.port))
        self.configure(CONFIG.format(self.rspamd.address))
        self.own()
        super().start()

    def __exit__(self, *_):
        super().__exit__()
        for process in (self.rspamd, self.redis):
            if process is not None:
                process.kill()

    def say(self, head, number, client, user=None):
        """Sends a message as that client; the last line of the reply."""
        with self.connect(self.submissions if user else self.smtp) as talker:
            talker.send(f"PROXY TCP4 {client} 192.0.2.10 4711 25\r\n")
            if user:
                talker.start_tls(client_context())
            talker.hello("client.example.com")
            if user:
                talker.login(*user)
            talker.expect("250 ", "MAIL FROM:<someone@example.com>")
            talker.expect("250 ", "RCPT TO:<alice@example.org>")
            talker.expect("354 ", "DATA")
            talker.send(stuff(head + filters.HEADER + (
                f"\r\nnumber {number}\r\n").encode()) + b".\r\n")
            return talker.reply().last


class Pair:
    """Two of them, with one Redis."""

    def __init__(self):
        self.first = Front()
        try:
            self.second = Front(self.first)
        except BaseException:
            self.first.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.second.__exit__()
        self.first.__exit__()

    def notes(self):
        """The ends of the logs."""
        return "\n".join(front.notes() + front.rspamd.text()[-3000:]
                         for front in (self.first, self.second))


def test_greylisting(pair):
    """A doubtful message that has passed by one is accepted by the other"""
    head, client = b"X-Doubtful: yes\r\n", "198.51.100.7"
    said = pair.first.say(head, 1, client)
    check(said.startswith("451 4.7.1 Try again later"), said)
    wait_for(lambda: pair.first.say(head, 1, client).startswith("250 "),
             "it to be accepted", 60, 0.2)
    said = pair.second.say(head, 1, client)
    check(said.startswith("250 "), f"the other, at once: {said}")
    said = pair.second.say(head, 2, "203.0.113.9")
    check(said.startswith("451 4.7.1 Try again later"), said)
    said = pair.first.say(b"", 3, "192.0.2.99")
    check(said.startswith("250 "), f"nothing doubtful: {said}")


def test_limits(pair):
    """What a user sends by one counts at the other, and for no other user"""
    replies = []
    for number in range(4 * BURST):
        front = (pair.first, pair.second)[number % 2]
        replies.append(front.say(b"", number, "198.51.100.8", ALICE))
    accepted = [said[:4] for said in replies].count("250 ")
    check(BURST <= accepted <= BURST + 1, replies)
    check(all(said.startswith("451 4.7.1 Ratelimit ")
              for said in replies[accepted:]), replies)
    said = pair.first.say(b"", 0, "198.51.100.8", BOB)
    check(said.startswith("250 "), said)


def test_no_redis(pair):
    """Without Redis mail is accepted, doubtful or not"""
    pair.first.redis.kill()
    for front in (pair.first, pair.second):
        for head, user in ((b"X-Doubtful: yes\r\n", None), (b"", ALICE)):
            said = front.say(head, 1, "198.51.100.9", user)
            check(said.startswith("250 "), said)


if __name__ == "__main__":
    tap.run_each(globals(), Pair)
    tap.finish()
