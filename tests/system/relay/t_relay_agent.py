"""The relay agent against a next hop that does the worst.

Nothing may be called sent that the next hop did not take in so many words,
nothing may bounce but by a clear refusal of the message or the recipient, and
what arrives is what was stored.
"""
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

from lib.fakemx import (DROP, ENDLESS, EXTENSIONS, LONG_LINE, RESET, STALL, FakeMx)
from lib.relaying import Relaying, queue_file, wire
from lib.scratch import AM_ROOT, make_certificate, tool
from lib.tap import Skip, Tap, check, equal

tap = Tap()
TEXT = "Message-ID: <1@x>\nSubject: dots\n\n.\n..two\nend.\n.\nlast\n"
LONG_LINES = ("x" * 78 + "\n") * 100000
PHASES = ("greeting", "ehlo", "mail", "rcpt", "data", "dot")
WITHOUT_CHUNKING = tuple(e for e in EXTENSIONS if e != "CHUNKING")


def hop(mx, tls="never"):
    """The URL of a fake next hop."""
    return f"smtp://{mx.address}?tls={tls}"


def kinds(outcomes):
    """What became of each, in short."""
    return [o.kind for o in outcomes]


def relay_one(script, *, text=TEXT, rcpts=("b@x",), url=None, config="",
              complain=True, **settings):
    """One message through one agent: (outcomes, FakeMx)."""
    with FakeMx(script, **settings) as mx, \
            Relaying(url or hop(mx), config) as relay:
        outcomes = relay.send(text, list(rcpts))
        relay.finish()
        if complain:
            equal(mx.complaints, [], "complaints of the next hop")
        return outcomes, mx


def test_good():
    """A message arrives as it was stored, whatever is offered"""
    offers = [EXTENSIONS, WITHOUT_CHUNKING, ("PIPELINING",), ("CHUNKING",),
              ("SIZE",), ()]
    for extensions in offers:
        outcomes, mx = relay_one({}, extensions=extensions)
        equal(kinds(outcomes), ["sent", "done"], str(extensions))
        equal(mx.messages[0].body, wire(TEXT), str(extensions))
        equal(mx.messages[0].verb,
              "BDAT" if "CHUNKING" in extensions else "DATA")
        equal(outcomes[0].text, "250 2.0.0 Taken")
        equal(outcomes[0].dsn, "2.0.0")
        check(mx.address in outcomes[0].host.replace("[", "").replace("]", "")
              or "127.0.0.1" in outcomes[0].host, outcomes[0].host)
        equal(mx.commands()[-1], "QUIT")


def test_helo():
    """A server that knows no EHLO is asked by HELO"""
    outcomes, mx = relay_one({"ehlo": "502 5.5.1 What?"})
    equal(kinds(outcomes), ["sent", "done"])
    equal(mx.messages[0].mail_params, "")


def test_server_limits():
    """LIMITS of RFC 9422 are kept, and those who wait for it lose nothing"""
    people = ["a@x", "b@y", "c@X", "d@z", "e@y"]
    for base in (EXTENSIONS, WITHOUT_CHUNKING, ()):
        for limits, groups, connections in (
                ("RCPTMAX=2", [["a@x", "b@y"], ["c@X", "d@z"], ["e@y"]], 1),
                ("MAILMAX=1 RCPTMAX=3",
                 [["a@x", "b@y", "c@X"], ["d@z", "e@y"]], 2),
                ("rcptdomainmax=1",
                 [["a@x", "c@X"], ["b@y", "e@y"], ["d@z"]], 1),
                ("RCPTDOMAINMAX=2 MAILMAX=2",
                 [["a@x", "b@y", "c@X", "e@y"], ["d@z"]], 1),
                ("RCPTMAX=no X=1", [people], 1), ("", [people], 1)):
            outcomes, mx = relay_one(
                {}, rcpts=people, extensions=(*base, f"LIMITS {limits}"))
            equal(kinds(outcomes), ["sent"] * 5 + ["done"], limits)
            equal([m.rcpts for m in mx.messages], groups, limits)
            equal(mx.connections, connections, limits)


def test_mail_limit():
    """MAILMAX: the next message goes over another connection"""
    with FakeMx(extensions=("LIMITS MAILMAX=2",)) as mx, \
            Relaying(hop(mx)) as relay:
        for _ in range(5):
            equal(kinds(relay.send(TEXT, ["b@x"])), ["sent", "done"])
        equal((mx.connections, len(mx.messages)), (3, 5))


def test_failing_command():
    """A command that gives no password is quoted: status, and first words"""
    for text, said in (
            ("echo 'token expired: run renew' >&2; echo more >&2; exit 3",
             " failed with status 3: token expired: run renew"),
            ("exit 5", " failed with status 5"),
            ("kill -9 $$", " was ended by signal 9")):
        with FakeMx(mechanisms=("PLAIN",), auth_needs_tls=False) as mx:
            def put(scratch, script=text):
                path = scratch.dir / "token"
                path.write_text(f"#!/bin/sh\n{script}\n")
                path.chmod(0o755)
                conf = scratch.conf.read_text()
                scratch.conf.write_text(
                    conf + f"relay-password 127.0.0.1 token:{path}\n")
            with Relaying(f"smtp://me@127.0.0.1:{mx.port}?tls=never",
                          prepare=put) as relay:
                outcomes = relay.send(TEXT, ["b@x"])
                equal(kinds(outcomes), ["dead"])
                check(outcomes[0].text.endswith('"' + said), outcomes[0].text)


def test_short_name():
    """A machine without a full name gives the address that it comes from"""
    for script in ({}, {"ehlo": "502 5.5.1 What?"}):
        for name, said in (("nas", "[127.0.0.1]"),
                           ("nas.example.org", "nas.example.org")):
            outcomes, mx = relay_one(script, config=f"hostname {name}\n")
            equal(kinds(outcomes), ["sent", "done"])
            equal(mx.messages[0].name, said)


def test_short_name_6():
    """So it does with an IPv6 address"""
    try:
        mx = FakeMx(host="::1")
    except OSError as error:
        raise Skip("no IPv6") from error
    with mx, Relaying(f"smtp://[::1]:{mx.port}?tls=never",
                      "hostname nas\n") as relay:
        equal(kinds(relay.send(TEXT, ["b@x"])), ["sent", "done"])
        equal(mx.messages[0].name, "[IPv6:::1]")


def test_big():
    """Big messages, and lines that cross blocks, arrive as they are"""
    body = b"".join(b"." * (n % 7) + b"x" * (n % 991) + b"\r\n"
                    for n in range(6000))
    for extensions in (EXTENSIONS, WITHOUT_CHUNKING):
        outcomes, mx = relay_one({}, text=body, extensions=extensions)
        equal(kinds(outcomes), ["sent", "done"])
        check(mx.messages[0].body == body, "the body has changed")


def test_reuse():
    """Many messages go over one connection, without RSET between good ones"""
    with FakeMx() as mx, Relaying(hop(mx)) as relay:
        for number in range(5):
            outcomes = relay.send(f"Subject: {number}\n\n", ["b@x", "c@x"])
            equal(kinds(outcomes), ["sent", "sent", "done"])
        equal(relay.finish(), "exit\t0")
        equal((mx.connections, len(mx.messages)), (1, 5))
        check("RSET" not in mx.commands(), "RSET was said")


def test_stale():
    """A connection that has ended between two messages is made anew"""
    scripts = ({"dot": [("250 Ok", DROP)]},
               {"dot": [("250 Ok", "421 4.4.2 Idle", DROP)]},
               {"mail": [None, DROP]}, {"mail": [None, "421 Enough"]},
               {"rcpt": [None, DROP]}, {"rcpt": [None, "421 Enough"]},
               {"data": [None, DROP]}, {"data": [None, "421 Enough"]})
    for script in scripts:
        with FakeMx(script, extensions=WITHOUT_CHUNKING) as mx, \
                Relaying(hop(mx)) as relay:
            for _ in range(3):
                equal(kinds(relay.send(TEXT, ["b@x"])), ["sent", "done"],
                      str(script))
            equal((mx.connections, len(mx.messages)), (2, 3), str(script))


def test_stale_unused():
    """A connection that ended before anything was sent on it is made anew"""
    with FakeMx(extensions=("SIZE 1000",)) as mx, Relaying(hop(mx)) as relay:
        outcomes = relay.send("Subject: big\n\n" + "x" * 2000 + "\n", ["b@x"])
        equal(kinds(outcomes), ["failed", "done"])
        mx.hang_up(1)
        equal(kinds(relay.send(TEXT, ["b@x"])), ["sent", "done"])
        equal((mx.connections, len(mx.messages)), (2, 1))


def test_stale_socket():
    """A local socket that has ended between two messages is for another agent
    """
    with Relaying("lmtp:unix:/nowhere") as place:
        path = place.dir / "lmtp"
        with FakeMx({"dot": [("250 Ok", DROP)]}, unix=path, lmtp=True) as mx:
            path.chmod(0o777)
            with Relaying(f"lmtp:unix:{path}") as relay:
                equal(kinds(relay.send(TEXT, ["b@x"])), ["sent", "done"])
                equal(kinds(relay.send(TEXT, ["b@x"])), ["stale"])
            with Relaying(f"lmtp:unix:{path}") as relay:
                equal(kinds(relay.send(TEXT, ["b@x"])), ["sent", "done"])
            equal((mx.connections, len(mx.messages)), (2, 2))


def test_recipients():
    """Each recipient gets the answer to its own RCPT"""
    rcpts = {"no@x": "550-5.1.1 No such user\n5.1.1 Ask somebody",
             "later@x": "450 4.2.1 Busy", "odd@x": "252 Perhaps",
             "full@x": "552 5.2.2 Full"}
    for extensions in (EXTENSIONS, ()):
        outcomes, mx = relay_one(
            {"rcpt": rcpts}, extensions=extensions,
            rcpts=["yes@x", "no@x", "later@x", "odd@x", "full@x"])
        equal(kinds(outcomes),
              ["sent", "failed", "deferred", "sent", "failed", "done"])
        equal([o.dsn for o in outcomes[:5]],
              ["2.0.0", "5.1.1", "4.2.1", "2.0.0", "5.2.2"])
        equal(outcomes[1].text.replace(outcomes[1].host, "HOST"),
              "550 5.1.1 No such user / Ask somebody "
              "(in reply to RCPT TO)")
        equal(mx.messages[0].rcpts, ["yes@x", "odd@x"])


def test_crowd():
    """Those for whom there was no room come in another transaction"""
    def room(session, _):
        return "452 4.5.3 Too many recipients" if len(session.rcpts) == 3 \
            else None
    for extensions in (EXTENSIONS, WITHOUT_CHUNKING, ()):
        outcomes, mx = relay_one({"rcpt": room}, extensions=extensions,
                                 rcpts=[f"u{n}@x" for n in range(8)])
        equal(kinds(outcomes), ["sent"] * 8 + ["done"])
        equal([len(m.rcpts) for m in mx.messages], [3, 3, 2])
    outcomes, mx = relay_one({"rcpt": "452 4.5.3 Too many"},
                             rcpts=["a@x", "b@x"])
    equal(kinds(outcomes), ["deferred", "deferred", "done"])


def test_nobody():
    """DATA said ahead for nobody sends nothing, and the next message goes"""
    for data in ("354 Go ahead", "554 5.5.1 Nobody"):
        script = {"1:rcpt": ["550 5.1.1 No"], "1:data": [data]}
        with FakeMx(script, extensions=WITHOUT_CHUNKING) as mx, \
                Relaying(hop(mx)) as relay:
            equal(kinds(relay.send(TEXT, ["no@x"])), ["failed", "done"])
            equal(kinds(relay.send(TEXT, ["b@x"])), ["sent", "done"])
            equal((mx.connections, len(mx.received)), (1, 1))


def test_refusals():
    """What refuses the message fails or defers it, and the session goes on"""
    for phase in ("mail", "data", "dot"):
        for reply, kind in (("550 5.6.0 No", "failed"), ("554 No", "failed"),
                            ("451 4.3.0 Later", "deferred"),
                            ("452 Full", "deferred")):
            for extensions in (WITHOUT_CHUNKING, ()):
                with FakeMx({phase: [reply]}, extensions=extensions) as mx, \
                        Relaying(hop(mx)) as relay:
                    what = f"{reply} in reply to {phase}"
                    equal(kinds(relay.send(TEXT, ["b@x", "c@x"])),
                          [kind, kind, "done"], what)
                    equal(kinds(relay.send(TEXT, ["b@x"])),
                          ["sent", "done"], what)
                    equal(mx.connections, 1, what)
    outcomes, _ = relay_one({"dot": "552 5.3.4 Too big"})
    equal((outcomes[0].kind, outcomes[0].dsn), ("failed", "5.3.4"))


def test_about_us():
    """What refuses us, and not the mail, defers all"""
    for phase, reply in (
            ("greeting", "554 5.7.1 No"), ("greeting", "421 Busy"),
            ("ehlo", "421 Busy"), ("ehlo", "451 Later"),
            ("mail", "530 5.7.0 Log in first"), ("mail", "421 Busy"),
            ("rcpt", "530 5.7.0 Log in first"), ("rcpt", "421 Busy"),
            ("data", "421 Busy"), ("dot", "421 Busy")):
        outcomes, _ = relay_one({phase: reply}, rcpts=["a@x", "b@x"],
                                extensions=WITHOUT_CHUNKING)
        equal(kinds(outcomes), ["dead"], f"{reply} in reply to {phase}")
        check(reply.split()[0] in outcomes[0].text, outcomes[0].text)
        equal(outcomes[0].dsn[0], "4")


def test_drops():
    """A connection that breaks off defers, and the next one may be good"""
    for phase in PHASES + ("body",):
        for end in (DROP, RESET):
            for extensions in (WITHOUT_CHUNKING, ()):
                with FakeMx({"1:" + phase: end},
                            extensions=extensions) as mx, \
                        Relaying(hop(mx)) as relay:
                    what = f"{end} in reply to {phase}"
                    outcomes = relay.send(TEXT, ["b@x"])
                    check(kinds(outcomes) in (["deferred", "done"], ["dead"]),
                          f"{what}: {outcomes}")
                    check(outcomes[0].dsn == "4.4.2" or phase == "greeting"
                          and outcomes[0].dsn == "4.4.1", what)
                    if outcomes[-1].kind == "done":
                        equal(kinds(relay.send(TEXT, ["b@x"])),
                              ["sent", "done"], what)
                    else:
                        check(phase in ("greeting", "ehlo"), what)
    with FakeMx({"rcpt": DROP}) as mx, Relaying(hop(mx)) as relay:
        equal(kinds(relay.send(TEXT, ["b@x"])), ["deferred", "done"])
        equal(kinds(relay.send(TEXT, ["b@x"])), ["dead"])


def test_stalls():
    """A next hop that says nothing is dead, but not before its time"""
    times = {phase: 300 for phase in PHASES + ("body",)}
    times.update(data=120, dot=600, body=600)
    stalled = []
    try:
        for phase in times:
            mx = FakeMx({phase: STALL}, extensions=WITHOUT_CHUNKING)
            stalled.append((phase, mx, None, 0))
            relay = Relaying(hop(mx), speed=60)
            stalled[-1] = (phase, mx, relay, time.monotonic())
            path = relay.dir / "message"
            path.write_bytes(queue_file(wire(TEXT), ["b@x"]))
            path.chmod(0o644)
            relay.order(path, [0])
        for phase, mx, relay, begun in sorted(
                stalled, key=lambda s: times[s[0]]):
            outcomes = relay.hear()
            took = (time.monotonic() - begun) * 60
            # What may have arrived is settled: no fallback gets it as well.
            equal((kinds(outcomes), outcomes[0].dsn),
                  (["deferred"] * (phase in ("dot", "body")) + ["dead"],
                   "4.4.2"), phase)
            check("in time" in outcomes[0].text, outcomes[0].text)
            # Not a figure: patience is what is promised.
            check(took > times[phase] * 0.8, f"{phase}: {took} s")
    finally:
        for _, mx, relay, _ in stalled:
            mx.stop()
            if relay:
                relay.__exit__()


NONSENSE = (b"\0", b"250 O\0k\r\n", b"000 What\r\n", b"999 What\r\n",
            b"150 What\r\n", b"hello\r\n", b"\r\n", b"25\r\n",
            b"250-a\r\n550 b\r\n", b"2500 x\r\n", ENDLESS, LONG_LINE)


def test_nonsense():
    """What is no reply never sends and never fails anything"""
    for phase in PHASES:
        for words in NONSENSE:
            outcomes, mx = relay_one({phase: words},
                                     extensions=WITHOUT_CHUNKING)
            check(set(kinds(outcomes)) <= {"deferred", "done", "dead"},
                  f"{words!r} in reply to {phase}: {outcomes}")
            if phase != "dot":
                equal(mx.received, [], f"{words!r} in reply to {phase}")
            check(outcomes[0].dsn[0] == "4", str(outcomes[0]))


def test_bare_codes():
    """Replies without text, and lines that end in LF, are good"""
    outcomes, mx = relay_one(
        {"greeting": b"220\n", "mail": b"250\r\n", "rcpt": b"250\n",
         "data": b"354\r\n", "dot": b"250\n"}, extensions=WITHOUT_CHUNKING)
    equal(kinds(outcomes), ["sent", "done"])
    equal(outcomes[0].text, "250")


def test_early():
    """A reply ahead of its command is none"""
    lies = {"greeting": b"220 x\r\n250 x\r\n", "ehlo": b"250 x\r\n250 y\r\n",
            "mail": b"250 x\r\n250 y\r\n250 z\r\n354 x\r\n250 x\r\n",
            "rcpt": b"250 x\r\n354 x\r\n250 x\r\n",
            "data": b"354 x\r\n250 Taken\r\n", "body": "250 2.0.0 Taken"}
    for phase, said in lies.items():
        for extensions in (WITHOUT_CHUNKING, ()):
            # The longer message is not at its end when the lie is there.
            text = TEXT + (LONG_LINES if phase == "body" else "")
            outcomes, mx = relay_one({phase: said}, extensions=extensions,
                                     text=text, complain=False)
            check(set(kinds(outcomes)) <= {"deferred", "done", "dead"},
                  f"{said!r} in reply to {phase}: {outcomes}")
            equal([m.replies for m in mx.received if m.accepted], [],
                  f"{said!r} in reply to {phase}")


def test_refused_meanwhile():
    """A refusal in the middle of a big message counts"""
    outcomes, _ = relay_one({"body": ("552 5.3.4 Too big", DROP)},
                            text=TEXT + LONG_LINES,
                            extensions=WITHOUT_CHUNKING)
    check(outcomes[0].kind in ("failed", "deferred"), str(outcomes))


def test_limits():
    """What the server cannot take is not sent"""
    outcomes, mx = relay_one({}, extensions=("SIZE 20",))
    equal([(o.kind, o.dsn) for o in outcomes[:1]], [("failed", "5.3.4")])
    equal(len(mx.received), 0)
    with FakeMx(extensions=("SIZE",)) as mx, Relaying(hop(mx)) as relay:
        outcomes = relay.send(TEXT, ["b@x"], head="utf8: yes",
                              sender="ä@x")
        equal((outcomes[0].kind, outcomes[0].dsn), ("failed", "5.6.7"))
        outcomes = relay.send(TEXT, ["b@x", '"a> X=Y"@x'])
        equal(kinds(outcomes), ["sent", "failed", "done"])
        equal(outcomes[1].dsn, "5.1.3")
        equal((mx.connections, len(mx.messages)), (1, 1))


def test_odd_orders():
    """What cannot be read or relayed is deferred, and the rest goes on"""
    with FakeMx() as mx, Relaying(hop(mx)) as relay:
        path = relay.dir / "odd"
        good = queue_file(wire(TEXT), ["b@x", "c@x"])
        for data, numbers, wanted in (
                (b"", [0], ["deferred", "done"]),
                (b"restante-queue 7\n" * 90, [0, 1],
                 ["deferred", "deferred", "done"]),
                (good[:-5], [0], ["deferred", "done"]),
                (good, [0, 7], ["deferred", "sent", "done"]),
                (good.replace(b"a c@x", b"u carol"), [1],
                 ["deferred", "done"]),
                (good, [1], ["sent", "done"])):
            path.write_bytes(data)
            path.chmod(0o644)
            relay.order(path, numbers)
            equal(kinds(relay.hear()), wanted, f"{data[:40]} {numbers}")
        equal([m.rcpts for m in mx.messages], [["b@x"], ["c@x"]])


def test_dsn():
    """DSN, 8BITMIME and SMTPUTF8 are passed on when they are offered"""
    settings = {"head": "envid: QQ1\nret: hdrs\nbody: 8bit",
                "tags": {0: "orcpt: rfc822;b@x\nnotify: success,delay"}}
    with FakeMx() as mx, Relaying(hop(mx)) as relay:
        outcomes = relay.send(TEXT, ["b@x"], **settings)
        equal(outcomes[0].relayed, 2, "relayed")
        equal(mx.messages[0].mail_params.split(),
              [f"SIZE={len(wire(TEXT))}", "BODY=8BITMIME", "RET=HDRS",
               "ENVID=QQ1"])
        equal(mx.messages[0].rcpt_params["b@x"].split(),
              ["NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;b@x"])
    with FakeMx(extensions=()) as mx, Relaying(hop(mx)) as relay:
        outcomes = relay.send(TEXT, ["b@x", "c@x"], **settings)
        equal([o.relayed for o in outcomes[:2]], [3, 2])


def lmtp_cases(url, mx):
    """Results by recipient, in both ways to send."""
    with Relaying(url) as relay:
        outcomes = relay.send(TEXT, ["a@x", "no@x", "later@x", "never@x"])
        equal(kinds(outcomes),
              ["sent", "failed", "deferred", "failed", "done"])
        equal(mx.messages[0].body, wire(TEXT))
        equal(kinds(relay.send(TEXT, ["a@x"])), ["sent", "done"])
        equal(mx.connections, 1)


def test_lmtp():
    """LMTP: one result for each recipient"""
    for extensions in (EXTENSIONS, WITHOUT_CHUNKING, ()):
        script = {"dot": {"no@x": "550 5.2.2 Full", "later@x": "451 Later"},
                  "rcpt": {"never@x": "550 5.1.1 No"}}
        with FakeMx(script, lmtp=True, extensions=extensions) as mx:
            lmtp_cases(f"lmtp:{mx.address}", mx)


def test_lmtp_unix():
    """LMTP over a socket in the file system"""
    with Relaying("smtp://127.0.0.1:9") as folder:
        path = folder.dir / "lmtp"
        script = {"dot": {"no@x": "550 5.2.2 Full", "later@x": "451 Later"},
                  "rcpt": {"never@x": "550 5.1.1 No"}}
        with FakeMx(script, lmtp=True, unix=path) as mx:
            path.chmod(0o666)
            lmtp_cases(f"lmtp:unix:{path}", mx)
    outcomes, _ = relay_one({}, url="lmtp:unix:/nowhere/lmtp")
    equal((outcomes[0].kind, outcomes[0].dsn), ("dead", "4.4.1"))


def test_unreachable():
    """A hop that cannot be found or reached is dead, with the reason"""
    with FakeMx() as mx:
        mx.refuse()
        with Relaying(hop(mx)) as relay:
            outcomes = relay.send(TEXT, ["b@x"])
            equal((outcomes[0].kind, outcomes[0].dsn), ("dead", "4.4.1"))
            check("127.0.0.1" in outcomes[0].text, outcomes[0].text)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dead:
        dead.bind(("127.0.0.1", 0))
        port = dead.getsockname()[1]
    with Relaying("mx", f"resolver 127.0.0.1:{port}\n") as relay:
        outcomes = relay.send(TEXT, ["b@x"])
        equal((outcomes[0].kind, outcomes[0].dsn), ("dead", "4.4.3"))
        check("example.net" in outcomes[0].text, outcomes[0].text)


def test_starttls():
    """STARTTLS is used when offered, and what was said before is forgotten"""
    with Relaying("smtp://127.0.0.1:9") as folder:
        make_certificate(folder.pem, "mx.fake.test")
        outcomes, mx = relay_one({}, pem=folder.pem, url=None)
        check(not mx.messages[0].tls, "tls=never used TLS")
        for level in ("may", "must"):
            with FakeMx(pem=folder.pem) as mx, \
                    Relaying(hop(mx, level)) as relay:
                equal(kinds(relay.send(TEXT, ["b@x"])), ["sent", "done"])
                check(mx.messages[0].tls, "in the clear")
        attack = b"220 Go\r\n250-injected\r\n250 CHUNKING\r\n"
        for level in ("may", "must", "verify"):
            with FakeMx({"starttls": attack}, pem=folder.pem) as mx, \
                    Relaying(hop(mx, level)) as relay:
                outcomes = relay.send(TEXT, ["b@x"])
                equal(kinds(outcomes), ["dead"], level)
                equal(len(mx.received), 0)


def test_no_tls():
    """Without TLS mail goes in the clear only where it may"""
    cases = (({"starttls": "454 4.7.0 Not now"}, {}, "4.7.0"),
             ({"starttls": b"220 Go\r\n"}, {"tls_broken": True}, "4.7.5"),
             ({}, {"no_tls": True}, "4.7.4"))
    with Relaying("smtp://127.0.0.1:9") as folder:
        make_certificate(folder.pem, "mx.fake.test")
        for script, how, dsn in cases:
            script = dict(script)
            if how.get("tls_broken"):
                script = {"starttls": (b"220 Go\r\n", DROP)}
            settings = {} if how.get("no_tls") else {"pem": folder.pem}
            for level in ("may", "must"):
                with FakeMx(script, **settings) as mx, \
                        Relaying(hop(mx, level)) as relay:
                    outcomes = relay.send(TEXT, ["b@x"])
                    what = f"{script} {level}: {outcomes}"
                    if level == "may":
                        equal(kinds(outcomes), ["sent", "done"], what)
                        check(not mx.messages[0].tls, what)
                    else:
                        equal(kinds(outcomes), ["dead"], what)
                        equal(outcomes[0].dsn, dsn, what)
                        equal(len(mx.received), 0, what)


def test_verify():
    """A certificate that must be right is"""
    with Relaying("smtp://127.0.0.1:9") as folder:
        make_certificate(folder.pem, "localhost")
        folder.pem.chmod(0o644)
        for wrapped in (False, True):
            with FakeMx(pem=folder.pem, wrapped=wrapped) as mx:
                scheme = "smtps" if wrapped else "smtp"
                trust = f"tls-trust {folder.pem}\n"
                for host, config, kind in (
                        ("localhost", trust, "sent"),
                        ("localhost", "", "dead"),
                        ("127.0.0.1", trust, "dead")):
                    url = f"{scheme}://{host}:{mx.port}?tls=verify"
                    with Relaying(url, config) as relay:
                        outcomes = relay.send(TEXT, ["b@x"])
                        equal(outcomes[0].kind, kind,
                              f"{url} {config}: {outcomes}")
                        if kind == "dead":
                            equal(outcomes[0].dsn, "4.7.5")


SECRET = "two words, and = %"
URL_SECRET = "two%20words,%20and%20%3D%20%25"


def login(mechanisms, *, script=None, source=None, secret=URL_SECRET,
          prepare=None, user="joe"):
    """One message to a smarthost: (outcomes, FakeMx)."""
    with FakeMx(script, mechanisms=mechanisms,
                users={"joe": SECRET}) as mx:
        password = f":{secret}" if source is None else ""
        config = f"relay-password {user}@127.0.0.1 {source}\n" if source \
            else ""
        url = f"smtp://{user}{password}@{mx.address}?tls=never"
        with Relaying(url, config, prepare=prepare) as relay:
            outcomes = relay.send(TEXT, ["b@x"])
            relay.finish()
        equal(mx.complaints, [])
        return outcomes, mx


def test_mechanisms():
    """Each mechanism logs in, and the best one is taken"""
    for name in ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"):
        outcomes, mx = login((name,))
        equal(kinds(outcomes), ["sent", "done"], name)
        equal(mx.messages[0].user, "joe", name)
    outcomes, mx = login(("LOGIN", "PLAIN", "CRAM-MD5", "SCRAM-SHA-256"))
    equal(mx.logins, [("SCRAM-SHA-256", "joe", True)])
    equal(len(mx.messages), 1)


def test_next_mechanism():
    """A mechanism that is rejected makes room for the next one"""
    outcomes, mx = login(("SCRAM-SHA-256", "PLAIN"),
                         script={"auth": ["504 5.5.4 Not that one"]})
    equal(kinds(outcomes), ["sent", "done"])
    equal([m for m, _, _ in mx.logins], ["SCRAM-SHA-256", "PLAIN"])
    outcomes, mx = login(("PLAIN", "LOGIN"), script={
        "auth": ["535 5.7.8 No", "535 5.7.8 Still not"]})
    equal((kinds(outcomes), outcomes[0].dsn), (["dead"], "4.7.8"))
    check("Still not" in outcomes[0].text, outcomes[0].text)


def test_no_mechanism():
    """What is told where no login is possible, or the server hangs up on one"""
    for mechanisms, words in (
            ((), "does not offer AUTH, and we have to log in there as joe"),
            (("GSSAPI", "NTLM"), "offers AUTH with GSSAPI NTLM, of which none "
             "can be used")):
        outcomes, mx = login(mechanisms)
        equal((kinds(outcomes), outcomes[0].dsn), (["dead"], "4.7.0"))
        check(outcomes[0].text.endswith(words), outcomes[0].text)
        equal(mx.logins, [])
    # The first refusal says more than that the connection has ended since.
    for end in (DROP, RESET):
        outcomes, _ = login(("PLAIN", "LOGIN"), script={
            "auth": ["535 5.7.8 No such account", end]})
        equal((kinds(outcomes), outcomes[0].dsn), (["dead"], "4.7.8"))
        check("No such account" in outcomes[0].text, outcomes[0].text)


def test_last_mechanism():
    """After a temporary refusal, or without a connection, none is tried"""
    later = "454 4.7.0 Later"
    for answers, words in (
            ([later], later), (["535 5.7.8 No", later], later),
            ([DROP], "lost connection"),
            ([RESET], "lost connection")):
        outcomes, mx = login(("PLAIN", "LOGIN"),
                             script={"auth": list(answers)})
        equal(kinds(outcomes), ["dead"], str(answers))
        check(words in outcomes[0].text, outcomes[0].text)
        equal(len(mx.logins), len(answers), str(answers))


def test_wrong_password():
    """A wrong password bounces nothing, and the server's words are kept"""
    outcomes, mx = login(("PLAIN",), secret="wrong")
    equal((kinds(outcomes), outcomes[0].dsn), (["dead"], "4.7.8"))
    check("535 5.7.8 Authentication credentials invalid" in outcomes[0].text,
          outcomes[0].text)
    equal(len(mx.received), 0)
    outcomes, mx = login((), secret="wrong")
    equal(kinds(outcomes), ["dead"])
    check("AUTH" in outcomes[0].text, outcomes[0].text)
    for reply in ("454 4.7.0 Later", "421 Bye", b"334 !!!\r\n", b"\0",
                  b"334 \r\n334 \r\n334 \r\n334 \r\n" * 9, ENDLESS, DROP):
        outcomes, mx = login(("PLAIN", "CRAM-MD5"), script={"auth": reply})
        equal(kinds(outcomes), ["dead"], str(reply))


def test_sources():
    """Passwords come from a file or a command, tokens from a command"""
    def write(relay):
        path = relay.dir / "secret"
        path.write_text(SECRET + "\nnot this\n")
        path.chmod(0o644)
        text = relay.conf.read_text()
        relay.conf.write_text(text.replace("SECRETFILE", str(path)))
    for source in ("file:SECRETFILE", "command:/usr/bin/head -n 1 SECRETFILE"):
        outcomes, mx = login(("PLAIN",), source=source, prepare=write)
        equal(kinds(outcomes), ["sent", "done"], f"{source}: {outcomes}")
    outcomes, mx = login(("XOAUTH2", "PLAIN"), prepare=write,
                         source="token:/bin/cat SECRETFILE")
    equal(mx.logins[:1], [("XOAUTH2", "joe", True)])
    for source in ("file:/nowhere/secret", "command:/bin/false",
                   "command:/nowhere/secret", "command:/bin/true"):
        outcomes, mx = login(("PLAIN",), source=source)
        equal((kinds(outcomes), outcomes[0].dsn), (["dead"], "4.7.8"), source)
        equal(mx.connections, 0, source)


OUTSIDE = "192.0.2.9"


def in_the_clear():
    """Runs in a network namespace where OUTSIDE is an address."""
    with FakeMx(host=OUTSIDE, mechanisms=("PLAIN", "LOGIN"),
                users={"joe": "x"}) as mx, \
            Relaying(f"smtp://joe:x@{mx.address}?tls=may") as relay:
        outcomes = relay.send(TEXT, ["b@x"])
        equal(kinds(outcomes), ["dead"])
        check(outcomes[0].text.endswith(
            "of which none can be used without TLS"), outcomes[0].text)
        equal(mx.logins, [])
    with FakeMx(host=OUTSIDE, mechanisms=("PLAIN", "CRAM-MD5"),
                users={"joe": "x"}) as mx, \
            Relaying(f"smtp://joe:x@{mx.address}?tls=may") as relay:
        equal(kinds(relay.send(TEXT, ["b@x"])), ["sent", "done"])
        equal(mx.logins, [("CRAM-MD5", "joe", True)])


def test_in_the_clear():
    """A password is not sent where others may listen"""
    command = ["unshare", "-n", "sh", "-c",
               f"ip link set lo up && ip addr add {OUTSIDE}/32 dev lo && "
               'exec "$@"', "sh"]
    if not AM_ROOT or not tool("unshare") or not tool("ip") or \
            subprocess.run([*command, "true"], capture_output=True,
                           check=False).returncode != 0:
        raise Skip("no right to a network namespace")
    done = subprocess.run(
        [*command, sys.executable, "-B", os.path.abspath(sys.argv[0]),
         "in_the_clear"], capture_output=True, text=True, check=False)
    check(done.returncode == 0, done.stdout + done.stderr)


def both_families(script):
    """A server on ::1 with the script, and a good one on 127.0.0.1."""
    try:
        v6 = FakeMx(script, host="::1")
    except OSError:
        raise Skip("no IPv6") from None
    try:
        return v6, FakeMx(host="127.0.0.1", port=v6.port)
    except OSError:
        v6.stop()
        raise Skip("the port is taken") from None


def test_other_family():
    """Refused for its address, it comes once from the other one"""
    for script in ({"greeting": "554 5.7.1 No PTR record"},
                   {"mail": "550 5.7.25 No PTR record"},
                   {"rcpt": "550 5.7.1 Blocked"},
                   {"dot": "550 5.7.26 Not you"}):
        v6, v4 = both_families(script)
        with v6, v4, Relaying(
                f"smtp://localhost:{v4.port}?tls=never") as relay:
            outcomes = relay.send(TEXT, ["b@x", "c@x"])
            equal(kinds(outcomes), ["sent", "sent", "done"], str(script))
            equal(kinds(relay.send(TEXT, ["b@x"])), ["sent", "done"])
            equal((v6.connections, v4.connections), (1, 1), str(script))
    v6, v4 = both_families({"rcpt": "550 5.7.1 Blocked"})
    v4.script["rcpt"] = "550 5.7.1 Blocked here, too"
    with v6, v4, Relaying(f"smtp://localhost:{v4.port}?tls=never") as relay:
        outcomes = relay.send(TEXT, ["b@x"])
        equal(kinds(outcomes), ["failed", "done"])
        check("too" in outcomes[0].text, outcomes[0].text)


def both_kinds():
    """A UDP and a TCP socket of one port that is free for both."""
    for _ in range(50):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        tcp = socket.socket()
        udp.bind(("127.0.0.1", 0))
        try:
            tcp.bind(udp.getsockname())
            return udp, tcp
        except OSError:
            udp.close()
            tcp.close()
    raise AssertionError("no port is free for UDP and TCP")


class NameServer:
    """Answers MX with mx.DOMAIN, A with 127.0.0.1, and all else with nothing;
    the names in nullmx take no mail, those in none do not exist. big: only
    over TCP."""

    def __init__(self, nullmx=(), none=(), big=False):
        self.nullmx, self.none, self.big = nullmx, none, big
        self.connections = 0
        self.socket, self.listener = both_kinds()
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.asked = []
        self.listener.listen(16)
        self.threads = [threading.Thread(target=serve, daemon=True)
                        for serve in (self._serve, self._serve_tcp)]
        for thread in self.threads:
            thread.start()

    def _answer(self, query):
        at, labels = 12, []
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        question = query[12:at + 5]
        name, kind = ".".join(labels), query[at + 2]
        self.asked.append((name, kind))
        data = {15: b"\0\x0a\2mx\xc0\x0c", 1: b"\x7f\0\0\1"}.get(kind)
        if kind == 15 and name in self.nullmx:
            data = b"\0\0\0"
        if name in self.none:
            data = None
        answer = b"" if data is None else b"\xc0\x0c" + struct.pack(
            ">HHIH", kind, 1, 60, len(data)) + data
        return query[:2] + struct.pack(
            ">HHHHH", 0x8183 if name in self.none else 0x8180, 1,
            1 if answer else 0, 0, 0) + question + answer

    def _serve(self):
        while True:
            query, peer = self.socket.recvfrom(4096)
            if not query:
                return
            answer = bytearray(self._answer(query))
            if self.big:
                answer[2] |= 2      # cut off: ask again over TCP
            self.socket.sendto(answer, peer)

    def _serve_tcp(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            with peer, peer.makefile("rwb") as file:
                while len(head := file.read(2)) == 2:
                    answer = self._answer(file.read(*struct.unpack(">H",
                                                                   head)))
                    file.write(struct.pack(">H", len(answer)) + answer)
                    file.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        host, port = self.address.split(":")
        self.socket.sendto(b"", (host, int(port)))
        self.listener.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(10)
        self.socket.close()
        self.listener.close()


def test_mx():
    """Mail goes where the DNS says, and what cannot be is said at once"""
    with NameServer(nullmx=["null.example"], none=["no.example"]) as dns:
        config = f"resolver {dns.address}\n"
        with FakeMx() as mx:
            for domain, kind, dsn in (
                    ("example.com", "sent", "2.0.0"),
                    ("null.example", "failed", "5.1.10"),
                    ("no.example", "failed", "5.1.2")):
                with Relaying(f"mx:{mx.port}", config, domain) as relay:
                    for _ in range(2):
                        outcomes = relay.send(TEXT, ["b@" + domain])
                        equal(kinds(outcomes), [kind, "done"],
                              str(outcomes))
                        equal(outcomes[0].dsn, dsn, domain)
            check(mx.messages[0].tls is False, "TLS")
            equal(len(mx.messages), 2)
            check("mx.example.com" in [n for n, _ in dns.asked], "no MX")
    with NameServer(big=True) as dns, FakeMx() as mx, Relaying(
            f"mx:{mx.port}", f"resolver {dns.address}\n") as relay:
        equal(kinds(relay.send(TEXT, ["b@x"])), ["sent", "done"])
        check(dns.connections > 0, "not asked over TCP")


def test_root():
    """Started as root, it is nobody in an empty folder, and in a sandbox"""
    if not AM_ROOT:
        raise Skip("only root can tell")
    with NameServer() as dns, Relaying("smtp://127.0.0.1:9") as folder:
        make_certificate(folder.pem, "localhost")
        secret = folder.dir / "secret"
        secret.write_text("x\n")
        with FakeMx(pem=folder.pem, users={"joe": "x"},
                    mechanisms=("SCRAM-SHA-256",)) as mx:
            config = (f"tls-trust {folder.pem}\n"
                      f"relay-password localhost file:{secret}\n")
            with Relaying(f"smtp://joe@localhost:{mx.port}", config,
                          as_root=True) as relay:
                equal(kinds(relay.send(TEXT, ["b@x"])), ["sent", "done"])
                look_inside(relay)
            check(mx.messages[0].tls and mx.messages[0].user == "joe",
                  mx.notes())
            with Relaying(f"mx:{mx.port}", f"resolver {dns.address}\n",
                          as_root=True) as relay:
                equal(kinds(relay.send(TEXT, ["b@x"])), ["sent", "done"])
            check(mx.messages[1].tls, "no TLS")


def look_inside(relay):
    """What the kernel says of the agent."""
    task = Path(f"/proc/{relay.agent.pid}/task/{relay.agent.pid}/children")
    agent = Path("/proc", task.read_text().split()[0])
    status = dict(line.split(":\t", 1) for line in
                  (agent / "status").read_text().splitlines())
    uids = status["Uid"].split()
    check("0" not in uids, f"uids {uids}")
    equal((status["Seccomp"], status["NoNewPrivs"]), ("2", "1"))
    for kind in ("CapEff", "CapBnd"):
        equal(int(status[kind], 16), 0, kind)
    equal(os.listdir(agent / "root"), [], "its root folder")
    # Standard ones, the channel, the connection, perhaps the log.
    check(len(os.listdir(agent / "fd")) <= 7, os.listdir(agent / "fd"))


if __name__ == "__main__":
    if sys.argv[1:] == ["in_the_clear"]:
        in_the_clear()
        sys.exit()
    tap.run(globals())
    tap.finish()
