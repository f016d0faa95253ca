# SPDX-License-Identifier: ISC
"""The cases: each takes the site and returns what it found."""
import imaplib
import poplib
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from lib.repeating import PATIENCE
from lib.scratch import client_context
from lib.talk import Talker, plain
from lib.tap import check, equal
from lib.wait import wait_for

from machines import DISK, STRANGERS, US
from places import BALANCER, FULL, ON_S2, PAM, PAM_SSS, PEOPLE
from verdict import Round

FIRST, SECOND = PEOPLE[0], PEOPLE[1]    # of the first and the second store
LIBRARY = "no_sync.so"                  # what run makes of no_sync_shim.c


def connect(host, port, source=US, tls=False):
    """A client."""
    sock = socket.create_connection((host, port), PATIENCE, (source, 0))
    if tls:
        sock = client_context().wrap_socket(sock)
    return Talker(sock, PATIENCE)


def transaction(talker, sender, recipient, subject):
    """MAIL, RCPT, DATA; the dot is the caller's."""
    talker.expect("250", f"MAIL FROM:<{sender}>")
    talker.expect("250", f"RCPT TO:<{recipient}>")
    talker.expect("354", "DATA")
    talker.send(f"From: <{sender}>\r\nSubject: {subject}\r\n\r\nHello.\r\n")


def auth(host, user):
    """The answer to the user's password."""
    with connect(host, 465, tls=True) as talker:
        talker.expect("220")
        talker.expect("250", "EHLO client.example.net")
        talker.send(f"AUTH PLAIN {plain(user, 'pw-' + user)}\r\n")
        return talker.reply().last


def rcpt(host, address, source=US):
    """The greeting's name, and the answer to RCPT."""
    with connect(host, 25, source) as talker:
        name = talker.expect("220").last.split()[1]
        talker.expect("250", "EHLO client.example.net")
        talker.expect("250", "MAIL FROM:<a@ledger.example>")
        talker.send(f"RCPT TO:<{address}>\r\n")
        return name, talker.reply().last


# ---- nothing dies ----

def case_service(site):
    """strangers, submission by PAM, POP3 and IMAP, all by the balancer"""
    client = f"{STRANGERS}.77"
    with connect(BALANCER, 25, client) as talker:
        talker.expect("220")
        talker.expect("250", "EHLO client.example.net")
        transaction(talker, "a@ledger.example", f"{FIRST}@example.org", "one")
        talker.expect("250", ".")
    with connect(BALANCER, 465, client, True) as talker:
        talker.expect("220")
        talker.expect("250", "EHLO client.example.net")
        talker.expect("535", f"AUTH PLAIN {plain(FIRST, 'wrong')}")
        talker.expect("235", f"AUTH PLAIN {plain(FIRST, 'pw-' + FIRST)}")
        transaction(talker, f"{FIRST}@example.org", f"{SECOND}@example.org",
                    "two")
        talker.expect("250", ".")

    def collected():
        pop3 = poplib.POP3(BALANCER, 110, 120)
        pop3.user(FIRST)
        pop3.pass_(f"pw-{FIRST}")
        texts = [b"\n".join(pop3.retr(n + 1)[1])
                 for n in range(pop3.stat()[0])]
        pop3.quit()
        return texts
    text, = wait_for(collected, "mail by POP3", 60, 0.2)
    check(b"Subject: one" in text and f"[{client}]".encode() in text,
          f"the stranger's address is not in {text}")

    def fetched():
        imap = imaplib.IMAP4(BALANCER, 143, 120)
        imap.login(SECOND, f"pw-{SECOND}")
        imap.select()
        numbers = imap.search(None, "SUBJECT", "two")[1][0].split()
        imap.logout()
        return numbers
    wait_for(fetched, "mail by IMAP", 60, 0.2)
    logs = "".join(f.log("smtpd").read_text() for f in site.fronts)
    check(client in logs, "the stranger's address is in no log")
    return "mail in by 25 and 465, out by 110 and 143; Received and the logs " \
        "have the client's address"


def case_load(site):
    """nothing is killed: each message once"""
    work = Round(site, 2)
    with work.clients as clients:
        clients.more(300)
    text = work.verdict()
    check(work.clients.unsure or "DOUBLE 0," in text, text)
    return text


# ---- machines die ----

def case_fronts(site):
    """a front is killed, and another one's power is cut; both come back"""
    work = Round(site, 3)
    _, second, third = site.fronts
    with work.clients as clients:
        clients.more(60)
        work.kill(second)
        clients.more(60)
        work.cut_power(third)
        clients.more(60)
        work.back(second)
        work.back(third)
        clients.more(60)
    site.settle()
    return work.verdict()


def case_stores(site):
    """the stores are killed, and a front's power is cut while mail waits there;
    all come back, and the mail goes on by itself"""
    work = Round(site, 4)
    third = site.fronts[2]
    with work.clients as clients:
        clients.more(60)
        for store in site.stores:
            work.kill(store)
        clients.more(120)
        wait_for(lambda: len(third.waiting()) >= 5, "mail that waits", 60)
        work.cut_power(third)
        clients.more(60)
        work.back(third)
        for store in site.stores:
            store.boot()
    site.settle()
    wait_for(lambda: not any(front.waiting() for front in site.fronts),
             "queues that get empty without a hand", 300, 0.5)
    return work.verdict()


def case_adopted(site):
    """no store answers, and a front is gone for good: another one adopts its
    queue, which it does not have any more when it comes back after all"""
    work = Round(site, 5)
    first, _, gone = site.fronts
    with work.clients as clients:
        clients.more(60)
        for store in site.stores:
            store.link("down")
        clients.more(120)
        wait_for(lambda: len(gone.waiting()) >= 5, "mail that waits", 60)
        work.cut_power(gone)
        clients.more(60)
    work.deaths += 1    # for the agents that wait for the stores
    for store in site.stores:
        store.link("up")
    gone.released()
    first.must("mount", "-o", "loop", gone.image, "/mnt")
    try:
        count = len(first.admin("--adopt", "/mnt/queue").split())
    finally:
        first.must("umount", "/mnt")
    check(count >= 5, f"{count} are adopted")
    text = work.verdict(site.fronts[:2])
    site.settle()
    equal(gone.waiting(), [], "what the dead one works on")
    equal(site.messages(), [], "what it has sent again")
    return f"{text}; {count} adopted"


def case_shards(site):
    """one store is dead: the mail of the other one's users is delivered"""
    work = Round(site, 6)
    dead = site.stores[1]
    with work.clients as clients:
        clients.more(40)
        work.kill(dead)
        clients.more(80)

    def users():
        return {r["text"].partition("@")[0] for front in site.fronts
                for m in front.waiting() for r in m.recipients
                if r["state"] == "waiting"}
    wait_for(lambda: users() <= ON_S2, "the others' mail to be delivered", 120,
             0.2)
    waiting = users()
    check(waiting, "nobody's mail waits")
    dead.boot()
    return f"{work.verdict()}; mail of {len(waiting)} users has waited"


# ---- the directory ----

def slapd_killed(site):
    """slapd killed"""
    site.directory.end("slapd")
    try:
        yield
    finally:
        site.directory.slapd()


def slapd_stopped(site):
    """slapd stopped"""
    site.directory.signal("slapd", signal.SIGSTOP)
    try:
        yield
    finally:
        site.directory.signal("slapd", signal.SIGCONT)


def nslcd_killed(site):
    """nslcd killed"""
    for front in site.fronts:
        front.end("nslcd")
    try:
        yield
    finally:
        for front in site.fronts:
            front.nslcd()


def nslcd_stopped(site):
    """nslcd stopped"""
    for front in site.fronts:
        front.signal("nslcd", signal.SIGSTOP)
    try:
        yield
    finally:
        for front in site.fronts:
            front.signal("nslcd", signal.SIGCONT)


SILENCES = {function.__doc__: contextmanager(function) for function in (
    slapd_killed, slapd_stopped, nslcd_killed, nslcd_stopped)}


def pop3_login(host):
    """The answer to a user's password."""
    with connect(host, 995, tls=True) as talker:
        talker.pop("+OK")
        talker.pop("+OK", f"USER {FIRST}")
        talker.send(f"PASS pw-{FIRST}\r\n")
        return talker.line()


def answers(site):
    """Waits until the directory answers everywhere."""
    for front in site.fronts:
        wait_for(lambda: rcpt(front.address, f"{FIRST}@example.org")[1]
                 .startswith("250"), "the directory", 120, 0.5)


def cases_directory(site):
    """nobody is told that a user does not exist, or that a password is wrong"""
    for name, silence in SILENCES.items():
        yield (f"directory: {name}: 451 and no report, logins are put off",
               lambda silence=silence: directory(site, silence))


@contextmanager
def pop3d(front):
    """Ours, at the port of Dovecot's that it does not use."""
    front.launch("pop3d", "/etc/restante/pop3d", "-c",
                 "/etc/restante/restante.conf", "-l", ":995/tls")
    front.listens(995)
    try:
        yield
    finally:
        front.end("pop3d")


def directory(site, silence):
    """While mail flows."""
    front = site.fronts[0]
    work = Round(site, 7)
    with pop3d(front):
        with work.clients as clients:
            clients.more(40)
            with silence(site):
                # At once: whoever is stopped lets each wait for a minute.
                with ThreadPoolExecutor() as pool:
                    login = pool.submit(auth, BALANCER, FIRST)
                    pop3 = pool.submit(pop3_login, front.address)
                    clients.told_no(10)
                said = login.result()
                check(said.startswith("454"), f"AUTH: {said}")
                said = pop3.result()
                check(said.startswith("-ERR [SYS/TEMP]"), f"POP3: {said}")
            clients.more(40)
        answers(site)
        said = auth(front.address, FIRST)
        check(said.startswith("235"), f"AUTH afterwards: {said}")
        said = pop3_login(front.address)
        check(said.startswith("+OK"), f"POP3 afterwards: {said}")
    check(work.clients.codes[451], f"no 451: {work.clients.codes}")
    return f"{work.verdict()}; RCPT {work.clients.codes[451]} times 451, " \
        "AUTH 454, POP3 [SYS/TEMP]"


def case_between(site):
    """the directory goes between RCPT and the dot, where mail is kept: it
    waits, and is not returned"""
    front = site.fronts[0]
    front.again(domains="example.org mx1.example.org here.example.org")
    try:
        with connect(front.address, 25) as talker:
            talker.expect("220")
            talker.expect("250", "EHLO client.example.net")
            transaction(talker, "a@ledger.example", f"{FIRST}@here.example.org",
                        "between")
            with slapd_away(site):
                talker.send(".\r\n")
                said = talker.reply().last
                check(said.startswith("250"), f"the dot: {said}")
                front.admin("-qf")
                equal([(m.fields["sender"], m.states())
                       for m in front.waiting()],
                      [("a@ledger.example", ["waiting"])], "the queue")
        answers(site)
        front.drain()
        box = front.inside(f"/var/mail/{FIRST}").read_text()
        equal(box.count("Subject: between"), 1, "in the mailbox")
    finally:
        front.again()
        site.settle()
    return "waits through a run of the queue, then delivered; no report"


def case_sssd(site):
    """sssd in place of nslcd: it knows whom it has seen; with {PAM} in the users
    file nobody is refused while it cannot ask"""
    front = site.fronts[0]
    front.end("nslcd")
    front.accounts("sss", PAM_SSS)
    front.sssd()
    front.again()
    try:
        answer = rcpt_answers(front)
        equal(answer(FIRST, SECOND, "stranger"), ["250", "250", "550"],
              "while it answers")
        check("{PAM}" in front.call("/etc/restante/smtpd", "-c",
                                    "/etc/restante/restante.conf",
                                    "--check")[1], "--check says nothing")
        with slapd_away(site):
            equal(answer(FIRST, SECOND), ["250", "250"], "whom it has seen")
            said = auth(front.address, FIRST)
            check(said.startswith("454"), f"AUTH: {said}")
        front.end("sssd")
        equal(answer(FIRST, "stranger"), ["250", "451"], "without sssd")
        front.write("/etc/restante/users", "".join(
            f"{name}:{{PAM}}\n" for name in PEOPLE), 0o600)
        front.again(users="/etc/restante/users")
        equal(set(answer(*PEOPLE)), {"250"}, "with names in a file")
        said = auth(front.address, FIRST)
        check(said.startswith("454"), f"AUTH: {said}")
        front.sssd()
        wait_for(lambda: auth(front.address, FIRST).startswith("235"),
                 "logins", 60, 0.5)
    finally:
        if "sssd" in front.programs:
            front.end("sssd")
        front.accounts("ldap", PAM)
        front.nslcd()
        front.again()
        site.settle()
    return "seen 250, AUTH 454; in a file 250, AUTH 454, then 235"


def rcpt_answers(front):
    """A function that tells what is said to RCPT for each of some names."""
    return lambda *names: [
        rcpt(front.address, f"{name}@example.org")[1][:3] for name in names]


slapd_away = SILENCES["slapd killed"]


def case_names_in_a_file(site):
    """{PAM} in the users file: mail comes in while the directory is dead, and
    only logins are put off"""
    for front in site.fronts:
        front.write("/etc/restante/users", "".join(
            f"{name}:{{PAM}}\n" for name in PEOPLE), 0o600)
    work = Round(site, 8)
    with site.configured(users="/etc/restante/users"):
        with work.clients as clients:
            clients.more(40)
            with slapd_away(site):
                clients.more(60)
                said = auth(BALANCER, FIRST)
                check(said.startswith("454"), f"AUTH: {said}")
            clients.more(40)
        equal([code for code in work.clients.codes if code >= 400], [],
              "refusals")
        wait_for(lambda: auth(BALANCER, FIRST).startswith("235"),
                 "logins", 120, 0.5)
        return f"{work.verdict()}; AUTH 454 meanwhile, then 235"


def case_recipients(site):
    """the stores say who exists and has room ("recipient-check next-hop");
    while they are dead, whoever was known is accepted"""
    work = Round(site, 10, PEOPLE[:-1])
    late, first = PEOPLE[-1], site.stores[0]
    box = f"{DISK}/mail/{FULL}/Maildir"
    first.must("sh", "-c", f"mkdir -p {box}/new {box}/cur {box}/tmp && head -c "
               f"9999 /dev/zero | tr '\\0' x >{box}/new/1.x.y && "
               f"chown -R vmail:vmail {DISK}/mail/{FULL}")
    for front in site.fronts:
        front.write("/etc/restante/nobody", "", 0o600)
    with site.configured(users="/etc/restante/nobody",
                         recipient_check="next-hop"):
        for front in site.fronts:
            for name, begins in (("stranger", "550 5.1.1 <stranger@"),
                                 (FULL, f"552 5.2.2 <{FULL}@"),
                                 *((name, "250") for name in work.people)):
                said = rcpt(front.address, f"{name}@example.org")[1]
                check(said.startswith(begins), f"{name}: {said}")
        with work.clients as clients:
            clients.more(60)
            for store in site.stores:
                work.kill(store)
            clients.more(60)
            said = rcpt(BALANCER, f"{late}@example.org")[1]
            check(said.startswith("451"), f"{late}: {said}")
            refused = clients.codes[451]
            for store in site.stores:
                store.boot()
            clients.more(60)
        equal(refused, 0, "451 to those who were known")
        first.must("rm", "-r", f"{DISK}/mail/{FULL}")
        wait_for(lambda: rcpt(BALANCER, f"{late}@example.org")[1][:3] == "250",
                 "the store to be asked again", 60, 0.5)
        return f"{work.verdict()}; unknown 550, full 552 in the store's words"


# ---- policy ----

def case_greylist(site):
    """greylisting with tables of their own: the balancer leaves a client at its
    front"""
    tries, names = [], set()
    with site.configured(greylist="1"):
        for number in range(6):
            source, seen, count = f"{STRANGERS}.{10 + number}", set(), 0

            def accepted():
                nonlocal count
                name, said = rcpt(BALANCER, f"{PEOPLE[number]}@example.org",
                                  source)
                seen.add(name)
                count += 1
                check(said[:3] in ("250", "450"), said)
                return said.startswith("250")
            wait_for(accepted, "a retry to be accepted", 60, 1.2)
            equal(len(seen), 1, f"fronts that {source} has met: {seen}")
            tries.append(count)
            names |= seen
        # Its network passes, once two combinations have.
        check(tries[0] > 1, f"tries: {tries}")
    return f"tries until accepted: {tries}; one front each, {len(names)} in all"


# ---- the control ----

def case_control(site):
    """where fsync does nothing, mail is LOST"""
    work = Round(site, 9)
    third = site.fronts[2]
    for front in site.fronts:
        front.preload = f"/etc/restante/{LIBRARY}"
    try:
        with site.configured():
            with work.clients as clients:
                for store in site.stores:
                    store.link("down")
                clients.more(100)
                wait_for(lambda: len(third.waiting()) >= 10,
                         "mail that waits", 60)
                work.cut_power(third)
            for front in site.fronts:
                front.preload = None
            for store in site.stores:
                store.link("up")
            site.settle()
            found, text = work.count()
            site.messages()
    finally:
        for front in site.fronts:
            front.preload = None
    equal(found["TORN"], [], "TORN")
    check(found["LOST"], f"{text}: the test would not notice a loss")
    return text
