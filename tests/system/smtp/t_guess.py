# SPDX-License-Identifier: ISC
"""Sessions that were taken over, and guess passwords: the server counts and
slows down the guesses, whatever the session says, and ends the session."""
from lib import hostile, proc
from lib.player import PASSWORDS
from lib.scratch import Instance
from lib.talk import Closed, plain
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
MOST = 5
KILLED = "goes on guessing passwords: killed"
# The sessions wait for nothing, and never have enough.
TIRELESS = {
    "smtpd": {"smtpd/session/auth.c": [
        ("deadline_sleep(started + AUTH_DELAY)", "(void)started"),
        ("++s->logins_failed >= most", "++s->logins_failed > 999 * most")]},
    "pop3d": {"pop3d/session/authorization.c": [
        ("deadline_sleep(started + FAILURE_DELAY)", "(void)started"),
        ("++s->failures >= MOST_FAILURES", "++s->failures > 999")]},
}
# With each login it sends as many proofs of its own as are answered.
PROVING = {
    "smtpd": {"smtpd/session/auth.c": [
        ("\tint64_t started = deadline_now();\n\tenum status status",
         "\tint64_t started = deadline_now();\n"
         "\tuint8_t digest[PASSWORD_DIGEST];\n"
         "\tstruct login l = sasl->login;\n"
         "\tl.mechanism = MECHANISM_SCRAM;\n"
         "\tfor (int i = 0; i < 9; i++) {\n"
         "\t\tif (channel_ask(s->connection->channel, REQUEST_PROOF, &l,\n"
         "\t\t\tLOGIN_SIZE(0), digest, sizeof(digest)) == STATUS_NO) {\n"
         "\t\t\treply_send(s, REPLY_LOGIN_WRONG);\n"
         "\t\t\tstream_flush(s->stream);\n"
         "\t\t}\n\t}\n"
         "\tenum status status")]},
}


class TakenOver(Instance):
    """Servers whose sessions were."""

    def __init__(self, edits, config=""):
        self.edits, self.ready = edits, False
        super().__init__(config, tls=False)

    def start(self):
        for name, sources in self.edits.items():
            folder = self.dir / f"hostile-{name}"
            folder.mkdir()
            hostile.build(folder, name, sources)
        self.own()
        self.ready = True
        super().start()

    def program(self, name):
        path = self.dir / f"hostile-{name}" / name
        return str(path) if self.ready and path.exists() \
            else super().program(name)


def replies(talker, start, *words):
    """How many such replies come until the connection ends; words are said
    before each."""
    found = 0
    while True:
        try:
            for word in words[:-1]:
                talker.pop("+OK", word)
            talker.send("".join(f"{word}\r\n" for word in words[-1:]))
            line = talker.line()
        except Closed:
            return found
        found += line.startswith(start)


def smtp(server):
    """SMTP: five guesses in a connection, and no more"""
    with server.connect(server.submission) as talker, \
            server.connect(server.submission) as polite:
        talker.hello()
        guess = "AUTH PLAIN " + plain("alice", "wrong")
        talker.expect("535 ", guess)
        polite.hello()
        polite.login("bob", PASSWORDS["bob"])
        equal(1 + replies(talker, "535 ", guess), MOST, "guesses")
        polite.expect("250 ", "NOOP")
    wait_for(lambda: KILLED in server.smtpd.text(), "a line in the log")


def pop3(server):
    """POP3: the same"""
    with server.connect(server.pop3) as talker:
        talker.pop("+OK")
        equal(replies(talker, "-ERR [AUTH]", "USER alice", "PASS wrong"),
              MOST, "guesses")
    wait_for(lambda: KILLED in server.pop3d.text(), "a line in the log")


def proofs(server):
    """Proofs of SCRAM that a session makes up are guesses as well"""
    with server.connect(server.submission) as talker:
        talker.hello()
        talker.send("AUTH PLAIN " + plain("alice", "wrong") + "\r\n")
        equal(replies(talker, "535 "), MOST, "guesses")
    wait_for(lambda: KILLED in server.smtpd.text(), "a line in the log")


def test_honest(server):
    """A session that was not taken over ends by itself, in words"""
    with server.connect(server.submission) as talker:
        talker.hello()
        for _ in range(MOST):
            talker.expect("535 ", "AUTH PLAIN " + plain("alice", "wrong"))
        talker.expect("421 ")
        talker.closed()
    check(KILLED not in server.smtpd.text(), "killed")


def taken_over(edits, *cases):
    """Cases with sessions of that kind."""
    server = None
    with tap.case(f"a hostile build for {cases[0].__name__}"):
        server = TakenOver(edits)
    if server is None:
        return
    with server:
        for case in cases:
            with tap.case(case.__doc__, server.notes):
                case(server)
        with tap.case("and no process is left"):
            for daemon in (server.smtpd, server.pop3d):
                wait_for(lambda d=daemon: not proc.children(d.pid),
                         "the children's end")


if __name__ == "__main__":
    with Instance() as fixture:
        tap.run(globals(), fixture)
    taken_over(TIRELESS, smtp, pop3)
    taken_over(PROVING, proofs)
    tap.finish()
