# SPDX-License-Identifier: ISC
"""mutt on the same mailbox: it changes flags while POP3 reads and deletes.

And mutt and neomutt, with no more than names and password set, as clients:
they choose their mechanism themselves.
"""
import subprocess
import threading

from lib import peers, writers
from lib.player import PASSWORDS
from lib.scratch import LONG, Instance, tool
from lib.tap import Skip, Tap, check, equal
from lib.terminal import on_terminal

tap = Tap()
USER = "bob"
TURNS = 100 if LONG else 12


def mutt(server, keys):
    """Runs mutt on the mailbox in batch; $ writes the changes."""
    program = tool("mutt")
    if not program:
        raise Skip("mutt is not there (Debian package mutt)")
    rc = server.dir / "muttrc"
    rc.write_text(
        "set quit=yes delete=yes move=no mark_old=no confirmappend=no "
        f'wait_key=no folder="{server.dir}" tmpdir="{server.dir}"\n'
        f'push "{keys}"\n')
    said, status = on_terminal(
        [program, "-n", "-F", str(rc), "-f", str(server.mailbox(USER))],
        cwd=server.dir, env=dict(server.environment(), TERM="vt100"),
        **server.as_user())
    return status == 0 and b"ould not lock" not in said \
        and b"ouldn't lock" not in said


def deliver(server, account, chance, count=1):
    """So many messages by SMTP."""
    with server.connect(server.smtp) as talker:
        talker.hello()
        for _ in range(count):
            ident, data = account.new([USER], chance)
            talker.submit("carol@example.com", [f"{USER}@example.org"], data)
            account.ack(ident)


def login(server):
    """A Talker that has logged in, as soon as no other session is in."""
    while True:
        talker = server.connect(server.pop3)
        talker.pop("+OK")
        talker.pop("+OK", "USER " + USER)
        if talker.pop(("+OK", "-ERR [IN-USE]"), "PASS "
                      + PASSWORDS[USER]).startswith("+OK"):
            return talker
        talker.close()


def listing(talker):
    """[(id, UIDL, text)] of the messages of a session."""
    uidls = [line.split()[1] for line in
             talker.pop_block("UIDL").decode().splitlines()]
    found = []
    for number, uidl in enumerate(uidls, 1):
        text = talker.pop_block(f"RETR {number}")
        ident = writers.ID.search(text)
        check(ident, f"no id in message {number} of {len(uidls)}: {text!r:.900}")
        ident = ident.group(1).decode()
        found.append((ident, uidl, text))
    return found


def test_flags(server):
    """Flags set by mutt leave UIDLs and texts as they were"""
    server.mailbox(USER).unlink(missing_ok=True)
    account, chance = writers.Account(), writers.chance(1)
    deliver(server, account, chance, 6)
    with login(server) as talker:
        before = listing(talker)
        talker.pop("+OK", "QUIT")
    keys = ("<first-entry><set-flag>r<next-entry><flag-message>"
            "<last-entry><set-flag>*<sync-mailbox><exit>")
    check(mutt(server, keys), "mutt failed")
    data = server.mailbox(USER).read_bytes()
    check(b"\nStatus: " in data and b"\nX-Status: " in data,
          f"mutt has set no flags: {data!r:.600}")
    with login(server) as talker:
        equal(listing(talker), before, "ids, UIDLs and texts")
        talker.pop("+OK", "QUIT")


def cases_clients():
    """Unconfigured, they read by POP3 and send"""
    with Instance() as server:
        for name in ("mutt", "neomutt"):
            for tls in (False, True):
                with tap.case(f"{name} reads and sends"
                              + (" over TLS" if tls else ""), server.notes):
                    reads_and_sends(server, name, tls)


def reads_and_sends(server, name, tls):
    """Sends a message to bob, who collects it into a folder."""
    program = peers.find(name, name)
    server.mailbox(USER).unlink(missing_ok=True)
    got = server.dir / f"{name}-{tls}"
    got.unlink(missing_ok=True)
    smtp, pop = (("smtps", server.submissions), ("pops", server.pop3s)) \
        if tls else (("smtp", server.submission), ("pop", server.pop3))
    rc = server.dir / f"{name}rc"
    rc.write_text(
        f'set smtp_url="{smtp[0]}://alice@127.0.0.1:{smtp[1]}/"\n'
        f'set smtp_pass="{PASSWORDS["alice"]}" from="alice@example.org"\n'
        f'set pop_pass="{PASSWORDS[USER]}"\n'
        f'set certificate_file="{server.pem}" tmpdir="{server.dir}"\n'
        "set ssl_verify_host=no copy=no quit=yes delete=yes wait_key=no\n"
        "set ssl_starttls=yes confirmappend=no confirmcreate=no\n"
        f'push "<tag-pattern>~A<enter><tag-prefix><copy-message>'
        f'<kill-line>{got}<enter><exit>"\n')
    base = [program, "-n", "-F", str(rc)]
    settings = {"cwd": server.dir,
                "env": dict(server.environment(), TERM="vt100"),
                **server.as_user()}
    sent = subprocess.run([*base, "-s", name, "bob@example.org"],
                          input=b"unconfigured\n", capture_output=True,
                          timeout=120, check=False, **settings)
    equal(sent.returncode, 0, sent.stderr.decode(errors="replace"))
    said, status = on_terminal(
        [*base, "-f", f"{pop[0]}://{USER}@127.0.0.1:{pop[1]}/"],
        (("(o)nce|(a)lways", "o"),) * 2, **settings)
    check(status == 0 and got.exists(), f"status {status}: {said[-800:]!r}")
    check(b"unconfigured" in got.read_bytes(), got.read_bytes())


def test_session(server):
    """Flags set by mutt in the middle of a session do not disturb it"""
    with login(server) as talker:
        before = listing(talker)
        check(mutt(server, "<last-entry><flag-message><previous-entry>"
                           "<clear-flag>N<sync-mailbox><exit>"), "mutt")
        equal(listing(talker), before, "ids, UIDLs and texts")
        talker.pop("+OK", "DELE 2")
        talker.pop("+OK", "QUIT")
    with login(server) as talker:
        equal(listing(talker), before[:1] + before[2:], "what is left")
        talker.pop("+OK", "QUIT")


def test_together(server):
    """mutt, deliveries and POP3 at once: nothing lost, UIDLs unchanged"""
    server.mailbox(USER).unlink(missing_ok=True)
    account, chance = writers.Account(), writers.chance(2)
    deliver(server, account, chance, 10)
    errors, known = [], {}
    done = threading.Event()
    wrote = []

    def guard(function):
        try:
            function()
        except Exception as error:
            errors.append(error)

    def flags():
        try:
            for turn in range(TURNS):
                wrote.append(mutt(
                    server, "<last-entry><set-flag>*<first-entry>"
                    f"<{('set', 'clear')[turn % 2]}-flag>!"
                    "<sync-mailbox><exit>"))
        finally:
            done.set()

    def send():
        while not done.is_set():
            deliver(server, account, chance)

    def collect():
        while not done.is_set():
            with login(server) as talker:
                found = listing(talker)
                for ident, uidl, _ in found:
                    equal(known.setdefault(ident, uidl), uidl, "UIDL")
                taken = [text for _, _, text in found[1::3]]
                for number in range(2, len(found) + 1, 3):
                    talker.pop("+OK", f"DELE {number}")
                talker.pop("+OK", "QUIT")
            for text in taken:
                account.see(USER, text)

    threads = [threading.Thread(target=guard, args=(function,))
               for function in (flags, send, collect)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    writers.collect(account, server.mailbox(USER), USER)
    equal(account.trouble(), {}, "balance")
    tap.diag(f"mutt wrote {sum(wrote)} times of {len(wrote)}, "
             f"{len(account.acked)} messages")
    check(any(wrote), "mutt never wrote")


if __name__ == "__main__":
    with Instance(tls=False) as fixture:
        tap.run(globals(), fixture)
    tap.finish()
