# SPDX-License-Identifier: ISC
"""A thousand connections from twenty-five addresses, as many as there are
places and none with too many: a polite client is served while they are there,
users too, and afterwards the server holds no more than before."""
import contextlib
import resource
import socket

from lib import holdings
from lib.player import PASSWORDS
from lib.scratch import Instance
from lib.tap import Skip, Tap, check
from lib.traffic import connect

tap = Tap()
ADDRESSES, EACH = 25, 40
CONFIG = "sessions-per-source 48\nplaintext-login always\n"
TEXT = "Subject: polite\r\n\r\nx\r\n"
SAYS = {"nothing": b"", "EHLO": b"EHLO greedy\r\n"}


def need_descriptors(count):
    """This program holds one for each of the crowd."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise Skip(f"no right to {count} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))


@contextlib.contextmanager
def crowd(port, says):
    """All of them, who stay and say no more."""
    socks = []
    try:
        for number in range(ADDRESSES * EACH):
            sock = socket.socket()
            socks.append(sock)
            sock.settimeout(60)
            sock.bind((f"127.0.2.{number // EACH + 1}", 0))
            sock.connect(("127.0.0.1", port))
            with contextlib.suppress(OSError):  # it may be refused by now
                sock.sendall(says)
        yield socks
    finally:
        for sock in socks:
            sock.close()


def polite(port, user=None):
    """A message that is taken."""
    with connect(port, "127.0.3.1") as talker:
        talker.hello()
        if user:
            talker.login(user, PASSWORDS[user])
        talker.submit("bob@example.org", ["bob@example.org"], TEXT)
        talker.expect("221 ", "QUIT")


def cases_crowd(server):
    """Whatever the crowd says, and wherever"""
    before = holdings.measure(server.smtpd)
    for said, octets in SAYS.items():
        with tap.case(f"a crowd that says {said}", server.notes), \
                crowd(server.smtp, octets) as socks:
            polite(server.smtp)
            polite(server.submission, "bob")
            polite(server.smtp)
            check(len(socks) == ADDRESSES * EACH, "a control: who is there")
        with tap.case(f"what is left of a crowd that says {said}"):
            holdings.check_returned(server.smtpd, before)


def test_control(server):
    """A control: the crowds did take the places"""
    check("few places are left" in server.smtpd.text(), "no line in the log")


if __name__ == "__main__":
    with tap.case("A crowd", table=True):
        need_descriptors(ADDRESSES * EACH + 200)
        with Instance(CONFIG) as fixture:
            tap.run({k: v for k, v in globals().items()
                     if k.startswith(("cases_", "test_"))}, fixture)
    tap.finish()
