# SPDX-License-Identifier: ISC
"""Next hops that are asked about recipients ("recipient-check next-hop"):
what a client is told, in whose words, what is remembered, and that whoever
tries a dictionary takes neither connections nor memory from others."""
import os
import re
import signal
import threading
from collections import Counter
from pathlib import Path

from lib import proc, queuefile
from lib.fakemx import DROP, ENDLESS, EXTENSIONS, RESET, STALL, FakeMx
from lib.later import Later
from lib.scratch import ALICE, AM_ROOT, Instance
from lib.talk import plain
from lib.tap import Skip, Tap, check, equal
from lib.wait import wait_for

tap = Tap()
UNKNOWN = "550 5.1.1 <{}> User doesn't exist: {}"
FULL = "552 5.2.2 <full@store.example> Quota exceeded (mailbox is full)"
CONFIG = """hostname mx.example.org
domains example.org store.example other.example
route store.example {hop}
route other.example {hop}
recipient-check {check}
auth off
penalties off
"""
USERS = {"erin", "carol", "postmaster", "b+x", "full"}


def no_user(_, argument):
    """The answer of a store that knows its users."""
    address = re.match(r"TO:<(.*)>", argument, re.I).group(1)
    local, _, domain = address.rpartition("@")
    if address == "full@store.example":
        return FULL
    return None if local in USERS and domain == "store.example" \
        else UNKNOWN.format(address, address)


class Front(Later, Instance):
    """A server in front of a store."""

    def __init__(self, script=None, lines="", how="next-hop", lmtp=True, port=0,
                 store=None, **settings):
        self.own_store = store is None
        self.store = store or FakeMx(
            {"rcpt": no_user} if script is None else script, lmtp=lmtp,
            port=port, **{k: settings.pop(k) for k in ("extensions",)
                          if k in settings})
        try:
            hop = ("lmtp:" if lmtp else "smtp://") + \
                f"127.0.0.1:{self.store.port}"
            super().__init__(CONFIG.format(hop=hop, check=how) + lines,
                             tls=False, **settings)
        except BaseException:
            self.store.stop()
            raise

    def __exit__(self, *_):
        super().__exit__()
        if self.own_store:
            self.store.stop()

    def stranger(self):
        """A client that has said MAIL."""
        talker = self.connect(self.smtp)
        talker.hello()
        talker.expect("250 ", "MAIL FROM:<stranger@example.com>")
        return talker

    def rcpt(self, *addresses):
        """The replies to these recipients; one: to that."""
        with self.stranger() as talker:
            said = []
            for address in addresses:
                talker.send(f"RCPT TO:<{address}>\r\n")
                said.append(talker.reply().last)
        return said if len(addresses) > 1 else said[0]

    def asked(self):
        """The recipients that the store was asked about."""
        return [re.match(r"RCPT TO:<(.*)>", line).group(1)
                for line in self.store.commands()
                if line.startswith("RCPT ")]

    def wait_for_log(self, pattern):
        """Waits until that is in the log."""
        return wait_for(lambda: re.search(pattern, self.smtpd.text()),
                        f"{pattern!r} in the log")


OK = "250 2.1.5 OK"
LATER = "451 4.4.1 Cannot ask the next hop about that user now, try again " \
    "later"


def test_words():
    """Who is unknown or full there is refused in the words of the store, and
    nobody gets a report"""
    with Front() as front:
        said = front.rcpt("erin@store.example", "nobody@store.example",
                          "full@store.example", "erin@other.example",
                          "b+x@store.example")
        equal(said, [OK, UNKNOWN.format(*["nobody@store.example"] * 2), FULL,
                     UNKNOWN.format(*["erin@other.example"] * 2), OK], "said")
        front.wait_for_log(
            r"NOQUEUE: reject: RCPT from unknown\[127\.0\.0\.1\]: 550 5\.1\.1 "
            r"<nobody@store\.example>: Recipient address rejected: "
            r"undeliverable address: <nobody@store\.example> User doesn't")
        with front.stranger() as talker:
            talker.expect("250 ", "RCPT TO:<erin@store.example>")
            talker.expect("550 ", "RCPT TO:<nobody@store.example>")
            talker.expect("354 ", "DATA")
            talker.expect("250 ", "Subject: x\r\n\r\nx\r\n.")
        front.store.wait()
        equal([m.rcpts for m in front.store.messages],
              [["erin@store.example"]], "delivered")
        wait_for(lambda: not queuefile.messages(front.dir / "queue"),
                 "the queue to be empty")
        equal(front.store.complaints, [], "complaints")
        equal({m.sender for m in front.store.messages},
              {"stranger@example.com"}, "no report")


def test_control():
    """Control: without the key, a stranger gets a report"""
    with Front(how="local") as front:
        front.passwd("nobody", "opensesame")
        wait_for(lambda: front.rcpt("nobody@store.example") == OK,
                 "the user to be known")
        with front.stranger() as talker:
            talker.expect("250 ", "RCPT TO:<nobody@store.example>")
            talker.expect("354 ", "DATA")
            talker.expect("250 ", "Subject: x\r\n\r\nx\r\n.")
        wait_for(lambda: [m for m in queuefile.messages(front.dir / "queue")
                          if m.fields["sender"] == ""], "a report")


def test_one_connection():
    """Sessions of many recipients, pipelined or not, need one connection"""
    with Front({}) as front:
        many = [f"u{n}@store.example" for n in range(100)]
        more = [f"v{n}@store.example" for n in range(100)]
        front.rcpt(*many)
        with front.stranger() as talker:
            talker.send("".join(f"RCPT TO:<{to}>\r\n" for to in more))
            equal({talker.reply().code for _ in more}, {250}, "replies")
        equal(front.asked(), many + more, "asked")
        equal(front.store.connections, 1, "connections")
        equal(front.store.complaints, [], "complaints")


def test_remembered():
    """What is known is not asked for a while; a mailbox that fills up is
    noticed; another domain, or another case, is another recipient"""
    answers = {"erin@store.example": [None, FULL, None]}
    with Front({"rcpt": answers}) as front:
        rcpt = "erin@store.example"
        equal([front.rcpt(rcpt) for _ in range(3)], [OK] * 3, "said")
        equal(front.asked(), [rcpt], "asked")
        front.go_by(61)
        equal([front.rcpt(rcpt) for _ in range(3)], [FULL] * 3, "said")
        equal(front.asked(), [rcpt] * 2, "asked again")
        front.go_by(61)
        equal(front.rcpt("erin@STORE.example"), OK, "room again")
        equal(front.rcpt(rcpt), OK, "the same domain")
        equal(len(front.asked()), 3, "asked")
        front.rcpt("Bob@store.example", "erin@other.example")
        equal(front.asked()[3:], ["Bob@store.example", "erin@other.example"],
              "others")


def test_unknown_for_a_while():
    """An unknown name is asked for again after ten minutes"""
    said = UNKNOWN.format("x", "x")
    with Front({"rcpt": {"dora@store.example": [said]}}) as front:
        equal(front.rcpt("dora@store.example"), said, "said")
        front.go_by(590)
        equal(front.rcpt("dora@store.example"), said, "remembered")
        front.go_by(20)
        equal(front.rcpt("dora@store.example"), OK, "there is one now")


def test_down():
    """While the store is down, who was accepted before is accepted, and others
    are told to try again, without being refused; it is tried once in a while;
    a restart forgets nothing"""
    with Front() as front:
        port = front.store.port
        known, unknown = "erin@store.example", "carol@store.example"
        equal(front.rcpt(known, "x@store.example")[0], OK, "known")
        front.store.stop()
        front.go_by(86400)
        equal(front.rcpt(known, unknown, "x@store.example"),
              [OK, LATER, LATER], "down")
        front.wait_for_log("cannot ask lmtp:127.0.0.1:[0-9]+ about recipients")
        front.smtpd.stop()
        front.pop3d.stop()
        front.start()
        front.go_by(5 * 86400)
        equal(front.rcpt(known, unknown), [OK, LATER], "after a restart")
        front.store = FakeMx({"rcpt": no_user}, lmtp=True, port=port)
        front.own_store = True
        front.go_by(11)
        equal(front.rcpt(known, unknown, "x@store.example"),
              [OK, OK, UNKNOWN.format(*["x@store.example"] * 2)], "back")
        front.store.stop()
        front.go_by(8 * 86400)
        equal(front.rcpt(known), LATER, "too long ago")


def test_dead_once():
    """A store that is down is tried once for all who ask"""
    with Front({"greeting": "421 4.3.2 Shutting down"}) as front:
        equal(front.rcpt(*[f"u{n}@store.example" for n in range(50)]),
              [LATER] * 50, "said")
        equal(front.store.connections, 1, "connections")
        equal(len(re.findall("cannot ask", front.smtpd.text())), 1, "logged")


def test_moods():
    """A store that lies, is slow, dies or talks without end makes a client
    come again, and who was accepted before is accepted"""
    moods = {
        "drops": ("rcpt", DROP), "resets": ("rcpt", RESET),
        "dies at MAIL": ("mail", DROP), "no greeting": ("greeting", DROP),
        "is endless": ("rcpt", ENDLESS), "endless at EHLO": ("ehlo", ENDLESS),
        "is mute": ("rcpt", STALL), "has no code": ("rcpt", b"hello\r\n"),
        "says NUL": ("rcpt", b"250 \0\r\n"),
        "says 354": ("rcpt", "354 Go ahead"),
        "asks for a login": ("rcpt", "530 5.7.0 Log in first"),
        "is busy": ("rcpt", "421 4.3.2 Bye"),
        "refuses to relay": ("rcpt", "550 5.7.1 Relaying denied"),
        "refuses all senders": ("mail", "550 5.7.1 Not you")}
    for mood, (phase, action) in moods.items():
        with Front({}) as front:
            equal(front.rcpt("erin@store.example"), OK, mood)
            front.go_by(61)
            front.store.script[phase] = action
            front.store.hang_up(1)
            said = front.rcpt("erin@store.example", "carol@store.example")
            check(said[0] == OK and said[1].startswith("451 4."),
                  f"{mood}: {said}\n{front.smtpd.text()}")


def test_later():
    """4yz: in the words of the store, unless it has accepted before; a full
    mailbox counts at once"""
    grey = "450 4.2.0 Greylisted, come back"
    full = "452 4.2.2 Mailbox full"
    with Front({"rcpt": {"erin@store.example": [None, grey],
                         "carol@store.example": [grey],
                         "dora@store.example": [None, full]}}) as front:
        front.rcpt("erin@store.example", "dora@store.example")
        front.go_by(61)
        equal(front.rcpt("erin@store.example", "carol@store.example",
                         "dora@store.example"), [OK, grey, full], "said")
        equal(front.rcpt("carol@store.example"), OK, "it came back")


def test_safe_words():
    """What a store says reaches a client in one line of printable ASCII, with
    a code that fits"""
    table = {
        "a": (b"550-5.1.1 one\r\n550-5.1.1 two\x1b[31m\r\n550 5.1.1 \xff\r\n",
              "550 5.1.1 one / two?[31m / ?"),
        "b": (b"550 no code\r\n", "550 5.1.1 no code"),
        "c": (b"552 quota\r\n", "552 5.2.2 quota"),
        "d": (b"452 quota\r\n", "452 4.2.2 quota"),
        "e": (b"571 5.7.1 Blocked\r\n", "550 5.7.1 Blocked"),
        "f": (b"550 4.1.1 odd\r\n", None),
        "g": (b"551 5.1.6 moved to <x@y>\r\n", "550 5.1.6 moved to <x@y>"),
        "h": (b"550 5.1.1 " + b"x" * 400 + b"\r\n",
              "550 5.1.1 " + "x" * 160),
        "i": (b"550 5.1.1\r\n", "550 5.1.1 Not taken there"),
        "j": (b"252 2.0.0 cannot tell\r\n", OK),
        "k": (b"251 2.1.5 forwards\r\n", OK)}
    with Front({"rcpt": {f"{k}@store.example": v[0]
                         for k, v in table.items()}}) as front:
        for local, (_, wanted) in table.items():
            for _ in range(2):      # asked, and remembered
                said = front.rcpt(f"{local}@store.example")
                check(said == wanted or wanted is None and
                      re.match(r"550 5\.\d+\.\d+ ", said),
                      f"{local}: {said!r}")


def test_null_sender():
    """A store that refuses the null sender is asked in postmaster's name; one
    without PIPELINING gets a command at a time"""
    def mail(_, argument):
        return "550 5.7.1 No reports" if "<>" in argument else None
    with Front({"mail": mail, "rcpt": no_user},
               extensions=("8BITMIME",)) as front:
        said = front.rcpt("erin@store.example", "x@store.example")
        equal([line[:9] for line in said], ["250 2.1.5", "550 5.1.1"], "said")
        check("MAIL FROM:<postmaster@mx.example.org>" in
              front.store.commands(), front.store.notes())
        equal(front.store.complaints, [], "complaints")


def test_smtputf8():
    """An address outside ASCII is asked for where the store takes such, and
    refused where it does not"""
    for extensions, wanted in ((EXTENSIONS, "250 2.1.5"),
                               (("PIPELINING",), "553 5.6.7")):
        with Front({}, extensions=extensions) as front, \
                front.connect(front.smtp) as talker:
            talker.hello()
            talker.expect("250 ", "MAIL FROM:<a@example.com> SMTPUTF8")
            talker.send("RCPT TO:<b\u00f6b@store.example>\r\n".encode())
            equal(talker.reply().last[:9], wanted, front.store.notes())


def test_aliases():
    """An alias is no question of the store's, unless it leads to one address
    there; an unknown name in a domain that is not handed on is unknown"""
    with Front() as front:
        (front.dir / "aliases").write_text(
            "one@example.org: nobody@store.example\n"
            "good@example.org: erin@store.example\n"
            "two@example.org: nobody@store.example, erin@store.example\n"
            "sales@store.example: bob\n")
        front.own()
        front.smtpd.stop()
        front.pop3d.stop()
        front.configure(CONFIG.format(
            hop=f"lmtp:127.0.0.1:{front.store.port}", check="next-hop")
            + f"aliases {front.dir}/aliases", False)
        front.own()
        front.start()
        said = front.rcpt("one@example.org", "good@example.org",
                          "two@example.org", "sales@store.example",
                          "nobody@example.org")
        equal([line[:9] for line in said],
              ["550 5.1.1"] + ["250 2.1.5"] * 3 + ["550 5.1.1"], str(said))
        equal(front.asked(), ["nobody@store.example", "erin@store.example"],
              "asked")


def test_deliver_by():
    """With deliver-by, users exist here, and the store says who is full"""
    with FakeMx({"rcpt": {"bob": FULL}}, lmtp=True) as other, \
            Front(lines=f"deliver-by lmtp:127.0.0.1:{other.port}") as front:
        equal(front.rcpt("alice@example.org", "bob@example.org"),
              [OK, FULL], other.notes())
        check(front.rcpt("nobody@example.org").startswith("550 5.1.1 No such"),
              "who is no user here")


def test_users_mail():
    """Users are told who is unknown, but their mail is taken while the store is
    down; programs of this machine are told nothing"""
    with Front(lines="plaintext-login always") as front:
        with front.connect(front.submission) as talker:
            talker.hello()
            talker.expect("235 ", "AUTH PLAIN " + plain(*ALICE))
            talker.expect("252 ", "VRFY x@store.example")
            talker.expect("250 ", "MAIL FROM:<alice@example.org>")
            talker.expect("550 5.1.1 <x@store.example> User doesn't",
                          "RCPT TO:<x@store.example>")
            front.store.script["rcpt"] = "451 4.3.0 Later"
            talker.expect("250 ", "RCPT TO:<erin@store.example>")
            front.store.stop()
            talker.expect("250 ", "RCPT TO:<carol@store.example>")
        asked = len(front.asked())
        done = front.call("smtpd", "-i", "x@store.example", stdin="x\n")
        equal((done.returncode, len(front.asked())), (0, asked), done.stderr)


def test_known_here():
    """Who is a user here is accepted while the store cannot be asked"""
    with Front({"greeting": DROP}) as front:
        equal(front.rcpt("bob@store.example", "carol@store.example"),
              [OK, LATER], "said")


def askers(front):
    """The processes that ask, and those that have their answers."""
    server = front.smtpd.pid
    workers = [pid for pid in proc.children(server) if proc.children(pid)]
    return workers, [p for w in workers for p in proc.children(w)]


def only_asker(front):
    """The same, once nobody else has a child, as the queue run of the start."""
    def found():
        workers, asks = askers(front)
        return len(workers) == len(asks) == 1 and (workers, asks)
    return wait_for(found, "one process that asks")


def slept(pid):
    """How often a process has waited for something."""
    return int(proc.status(pid)["voluntary_ctxt_switches"])


def test_killed():
    """The processes that ask are killed: a client comes again, or is answered
    by the next ones"""
    with Front() as front:
        front.rcpt("erin@store.example")
        _, asks = only_asker(front)
        os.kill(asks[0], signal.SIGKILL)
        equal(front.rcpt("carol@store.example"), OK, "idle, and killed")
        workers, asks = only_asker(front)
        os.kill(asks[0], signal.SIGSTOP)
        count = slept(workers[0])
        with front.stranger() as talker:
            talker.send("RCPT TO:<dave@store.example>\r\n")
            wait_for(lambda: slept(workers[0]) > count, "the question")
            os.kill(asks[0], signal.SIGKILL)
            equal(talker.reply().last[:9], "550 5.1.1",
                  "killed before it could ask")
        os.kill(workers[0], signal.SIGKILL)
        wait_for(lambda: not workers[0] in askers(front)[0], "its end")
        equal(front.rcpt("x@store.example")[:9], "550 5.1.1", "the next one")
        for which in (0, 1):
            front.store.script["rcpt"] = STALL
            with front.stranger() as talker:
                count = len(front.asked())
                talker.send(f"RCPT TO:<y{which}@store.example>\r\n")
                wait_for(lambda: len(front.asked()) > count, "the question")
                for pid in askers(front)[which]:
                    os.kill(pid, signal.SIGKILL)
                equal(talker.reply().last, LATER, "killed while it asks")
            front.store.script["rcpt"] = no_user
            front.go_by(11)
        equal(front.rcpt("b+x@store.example"), OK, "afterwards")


def test_slow():
    """A store that is slow for one makes others wait for so long, and no
    longer; who is known does not wait"""
    with Front({}) as front:
        equal(front.rcpt("erin@store.example"), OK, "known")
        front.store.script["rcpt"] = {"slow@store.example": STALL}
        with front.stranger() as slow, front.stranger() as other:
            slow.send("RCPT TO:<slow@store.example>\r\n")
            wait_for(lambda: "slow@store.example" in front.asked(),
                     "the question")
            other.send("RCPT TO:<carol@store.example>\r\n")
            equal(front.rcpt("erin@store.example"), OK, "at once")
            equal((slow.reply().last, other.reply().last), (LATER, LATER),
                  "said")


def test_dictionary():
    """10^4 names from many clients: few connections, no more room on disk than
    there is to be, and nobody who exists is forgotten"""
    with Front() as front:
        real = [f"{name}@store.example" for name in ("erin", "carol", "b+x")]
        equal(front.rcpt(*real), [OK] * 3, "real")
        codes = Counter()

        def attack(number):
            for first in range(0, 1250, 10):
                with front.stranger() as talker:
                    talker.send("".join(
                        f"RCPT TO:<w{number}.{first + n}@store.example>\r\n"
                        for n in range(10)))
                    for _ in range(10):
                        codes[talker.reply().code] += 1

        threads = [threading.Thread(target=attack, args=(n,))
                   for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        equal(dict(codes), {550: 10000}, front.notes())
        tap.diag(f"{front.store.connections} connections")
        check(front.store.connections <= 4 * 12,
              f"{front.store.connections} connections")
        size = (front.dir / "state" / "recipients").stat().st_size
        check(size <= 64 << 20, f"{size} octets")
        front.store.stop()
        front.go_by(86400)
        equal(front.rcpt(*real), [OK] * 3, "real, and the store is down")


def test_two_fronts():
    """Two fronts of one store ask for themselves"""
    with Front() as one, Front(store=one.store) as two:
        equal([f.rcpt("erin@store.example", "x@store.example")[1][:9]
               for f in (one, two)], ["550 5.1.1"] * 2, "said")
        equal(Counter(one.asked()), {"erin@store.example": 2,
                                     "x@store.example": 2}, "asked")


def test_no_state():
    """Where nothing can be remembered, the store is asked each time"""
    with Front() as front:
        (front.dir / "state" / "recipients").mkdir()
        equal(front.rcpt("erin@store.example", "erin@store.example",
                         "x@store.example"),
              [OK, OK, UNKNOWN.format(*["x@store.example"] * 2)], "said")
        equal(len(front.asked()), 3, "asked")
        front.wait_for_log("is not remembered")


def test_check():
    """--check asks, and says what of it is of no use"""
    def checked(front):
        done = front.call("smtpd", "--check", seconds=120)
        return [line for line in (done.stdout + done.stderr).splitlines()
                if "recipient-check" in line]

    with Front() as front:
        good = checked(front)
        port = front.store.port
        check(any(f"lmtp:127.0.0.1:{port} refuses names" in line and
                  "550 5.1.1 <no-such-user-" in line for line in good), good)
        check(any("does not take mail for postmaster@other.example" in line
                  for line in good), good)
        front.store.script["rcpt"] = None
        check(any("which is invented" in line for line in checked(front)),
              "takes all")
        front.store.stop()
        check(any("cannot be asked now" in line for line in checked(front)),
              "is down")
        front.configure("recipient-check next-hop", False)
        front.own()
        check(any("there is no next hop" in line for line in checked(front)),
              "no route")


def test_root():
    """As root: who asks has become another user, and who writes the table has
    no connection"""
    if not AM_ROOT:
        raise Skip("needs root")
    with Front(as_root=True) as front:
        equal([line[:9] for line in front.rcpt("erin@store.example",
                                               "x@store.example")],
              ["250 2.1.5", "550 5.1.1"], "said")
        workers, asks = askers(front)
        equal((proc.status(workers[0])["Uid"].split()[0],
               proc.status(asks[0])["Uid"].split()[0] != "0"), ("0", True),
              "users")
        equal(os.readlink(f"/proc/{asks[0]}/root"),
              str(front.dir / "state" / "empty"), "the jail")
        sockets = {p: proc.sockets(p) for p in workers + asks}
        ours = {row.split()[9] for row in
                Path("/proc/net/tcp").read_text().splitlines()
                if f":{front.store.port:04X}" in row.split()[2]}
        check(not ours.intersection(sockets[workers[0]]) and
              ours.intersection(sockets[asks[0]]), f"{ours}: {sockets}")


def test_single():
    """A server for one connection asks, too"""
    with Front() as front:
        talker, process = front.session()
        with talker:
            talker.hello()
            talker.expect("250 ", "MAIL FROM:<a@example.com>")
            talker.expect("250 ", "RCPT TO:<erin@store.example>")
            talker.expect("550 5.1.1 <x@store", "RCPT TO:<x@store.example>")
            talker.expect("221 ", "QUIT")
        process.wait(60)


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
