# SPDX-License-Identifier: ISC
"""smtpd --stats: what it counts is what has happened.

The traffic of lib/traffic.py is made, and each count compared with it; sessions
are sandboxed all the while. Then the forms for programs: JSON, and Prometheus'
text by a strict reader and, where it is to be had, by promtool. And the file:
what is in it may be anything, and mail does not mind.
"""
import json
import os
import re
import subprocess
from pathlib import Path

from lib import proc
from lib.traffic import SCRIPT, Traffic, all_kinds
from lib.fakemx import FakeMx
from lib.peers import find
from lib.scratch import Instance, Scratch
from lib.tap import Tap, check, equal
from lib.wait import wait_for

tap = Tap()
HAPPENED = {
    "connections": 7, "tls": 2, "received": 4, "relayed": 1, "deferred": 1,
    "bounced": 1, "rejected_unknown_user": 2, "rejected_relay": 1,
    "rejected_size": 1, "rejected_syntax": 1, "rejected_policy": 0,
    "logins_plain": 5, "logins_login": 0, "failed_logins_plain": 3,
    "failed_logins_login": 1, "failed_logins_cram_md5": 1,
    "failed_logins_other": 0, "pop3_connections": 4, "pop3_tls": 1,
    "pop3_sessions": 3, "pop3_retrieved": 1, "pop3_deleted": 1,
    # Three of what came in, and the report to alice.
    "delivered": 4}


def stats(scratch, *args, status=0):
    """What smtpd --stats prints."""
    done = scratch.call("smtpd", "--stats", *args)
    equal(done.returncode, status, f"exit status; {done.stderr}")
    return done.stdout if status == 0 else done.stderr


def totals(scratch):
    """The counts so far."""
    return json.loads(stats(scratch, "--json"))["totals"]


def test_counts(traffic):
    """Each count is what was done"""
    with traffic.server.connect(traffic.server.pop3) as talker:
        talker.pop_login("bob", "two words, and a third")
        talker.pop("+OK", "DELE 1")
        talker.pop("+OK", "RSET")
        talker.pop("+OK", "DELE 2")
        talker.pop("+OK", "QUIT")
    want = dict(HAPPENED, pop3_connections=5, pop3_sessions=4,
                logins_plain=6)
    # Once it was said, it is counted; but for what follows the good-bye.
    got = totals(traffic.server)
    for name, count in want.items():
        equal(got[name], count, name)
    check(got["received_octets"] > 100, str(got))
    equal(got["pop3_retrieved_octets"], traffic.size, "octets")


def test_days(traffic):
    """JSON has the same by day"""
    said = json.loads(stats(traffic.server, "--json"))
    check(1 <= len(said["days"]) <= 2, str(said["days"]))   # past midnight
    for one in said["days"]:
        check(re.fullmatch(r"\d{4}-\d\d-\d\d", one["date"]), one["date"])
    for name, count in said["totals"].items():
        equal(sum(one[name] for one in said["days"]), count, name)


def test_text(traffic):
    """For people: a table of what is not 0"""
    lines = stats(traffic.server).splitlines()
    equal(lines[0].split("  ")[-1].strip(), "31 days", "heading")
    table = {line.split()[0]: line.split()[1:] for line in lines[1:]}
    equal(table["rejected_unknown_user"][2:], ["2", "2"], "7 and 31 days")
    check("rejected_policy" not in table, str(table))


def samples(text):
    """Prometheus' text format, strictly: {name{labels}: value}."""
    found, kinds, last, done = {}, {}, "", set()
    check(text.endswith("\n") and "\n\n" not in text, "lines")
    for line in text.splitlines():
        comment = re.fullmatch(r"# (HELP|TYPE) ([a-z_][a-z0-9_]*) (.+)", line)
        if comment:
            word, name, rest = comment.groups()
            check(name not in done, f"{name} comes twice")
            check(word == "HELP" or rest == "counter", line)
            check((name, word) not in kinds, line)
            kinds[name, word] = rest
            continue
        sample = re.fullmatch(r'([a-z_][a-z0-9_]*)(\{[a-z_]+="[^"\\\n]*"\})? '
                              r"(\d+)", line)
        check(sample, f"no sample: {line!r}")
        name, labels, value = sample.groups()
        check({(name, "HELP"), (name, "TYPE")} <= set(kinds), line)
        if name != last:
            check(name not in done, f"{name} is in two places")
            done.add(last)
        last = name
        check(name + (labels or "") not in found, f"twice: {line}")
        found[name + (labels or "")] = int(value)
    return found


def test_prometheus(traffic):
    """For Prometheus: well formed, and the same counts"""
    found = samples(stats(traffic.server, "--prometheus"))
    got = totals(traffic.server)
    for name, sample in (
            ("received", "restante_received_total"),
            ("rejected_relay", 'restante_rejected_total{reason="relay"}'),
            ("failed_logins_cram_md5",
             'restante_failed_logins_total{mechanism="CRAM-MD5"}'),
            ("pop3_deleted", "restante_pop3_deleted_total")):
        equal(found[sample], got[name], sample)
    equal(len(found), len(got), "samples")
    check(all(re.match(r"restante_\w+_total", name) for name in found), "names")


def test_promtool(traffic):
    """promtool has nothing to say about it"""
    program = find("promtool", "promtool", "prometheus")
    done = subprocess.run([program, "check", "metrics"], text=True,
                          input=stats(traffic.server, "--prometheus"),
                          capture_output=True, timeout=60, check=False)
    equal((done.returncode, done.stdout + done.stderr), (0, ""), "promtool")


def test_stats_file(traffic):
    """stats-file is written by the queue runner, whole, for all to read"""
    target = traffic.server.dir / "metrics" / "restante.prom"
    target.parent.mkdir()
    traffic.server.own()
    traffic.server.configure(f"stats-file {target}")
    try:
        equal(traffic.server.call("smtpd", "-q").returncode, 0, "exit status")
        equal(target.stat().st_mode & 0o777, 0o644, "mode")
        equal(samples(target.read_text())["restante_received_total"],
              totals(traffic.server)["received"], "received")
        target.write_text("half of a li")
        equal(traffic.server.call("smtpd", "-q").returncode, 0, "exit status")
        samples(target.read_text())
        equal([p.name for p in target.parent.iterdir()], [target.name],
              "what is left there")
        traffic.server.configure("stats-file /proc/no/such")
        done = traffic.server.call("smtpd", "-q")
        equal(done.returncode, 0, "exit status without a folder")
        check("stats-file" in done.stderr, done.stderr)
        done = traffic.server.call("smtpd", "--check")
        check("error: the folder of stats-file" in done.stdout + done.stderr,
              done.stdout + done.stderr)
    finally:
        traffic.server.configure()


def test_sandboxed(traffic):
    """A session counts, has no descriptor of the file, and cannot get one"""
    path = traffic.server.dir / "state" / "stats"
    with traffic.server.connect(traffic.server.smtp) as talker:
        talker.hello()
        before = totals(traffic.server)["rejected_syntax"]
        talker.expect("500 ", "FROBNICATE")
        wait_for(lambda: totals(traffic.server)["rejected_syntax"]
                 == before + 1, "the count")
        pid, = [p for p in proc.children(traffic.server.smtpd.pid)
                if "stats" in Path(f"/proc/{p}/maps").read_text()]
        for fd in os.listdir(f"/proc/{pid}/fd"):
            check(os.readlink(f"/proc/{pid}/fd/{fd}") != str(path), fd)


def test_nowait():
    """One process for each connection: they count into one file"""
    with Scratch() as scratch:
        for _ in range(5):
            talker, process = scratch.session("smtpd")
            with talker:
                talker.hello()
                talker.expect("500 ", "FROBNICATE")
                talker.expect("221 ", "QUIT")
            process.wait(30)
        equal(totals(scratch)["connections"], 5, "connections")
        equal(totals(scratch)["rejected_syntax"], 5, "syntax")


def deliver(server):
    """Mail goes in and out, whatever is with the counts."""
    with server.connect(server.smtp) as talker:
        talker.hello()
        talker.submit("x@example.com", ["bob@example.org"],
                      "Subject: x\r\n\r\nx\r\n")
        talker.expect("221 ", "QUIT")
    with server.connect(server.pop3) as talker:
        talker.pop_login("bob", "two words, and a third")
        talker.pop("+OK", "RETR 1")
        talker.block()
        talker.pop("+OK", "DELE 1")
        talker.pop("+OK", "QUIT")


def cases_damage():
    """Whatever happens to the file, mail goes on, and a start mends it"""
    with Instance() as server:
        path = server.dir / "state" / "stats"
        deliver(server)
        whole = path.read_bytes()
        ways = {
            "cut to nothing": lambda: os.truncate(path, 0),
            "cut within": lambda: os.truncate(path, 5000),
            "noise": lambda: path.write_bytes(os.urandom(len(whole))),
            "noise, and shorter": lambda: path.write_bytes(os.urandom(99)),
            "all ones after the head": lambda: path.write_bytes(
                whole[:16] + b"\xff" * (len(whole) - 16)),
            "gone": path.unlink,
        }
        for name, spoil in ways.items():
            with tap.case(f"counts {name}: mail goes on"):
                spoil()
                deliver(server)
                for form in ((), ("--json",), ("--prometheus",)):
                    done = server.call("smtpd", "--stats", *form)
                    check(done.returncode in (0, 75), f"{form}: {done}")
                server.smtpd.stop()
                server.pop3d.stop()
                server.start()
                deliver(server)
                stats(server)
                check("signal" not in server.smtpd.text()
                      + server.pop3d.text(), server.smtpd.text())


def test_no_room():
    """No folder for the counts: mail goes on, and the log says it once"""
    with Instance() as server:
        server.smtpd.stop()
        path = server.dir / "state" / "stats"
        path.unlink()
        path.mkdir()
        server.start()
        deliver(server)
        check("will be incomplete" in server.smtpd.text(), "the log")
        check("cannot read" in stats(server, status=75), "--stats")
        path.rmdir()


if __name__ == "__main__":
    with FakeMx(SCRIPT) as hop, Traffic(hop) as fixture:
        all_kinds(fixture)
        tap.run(globals(), fixture)
    tap.finish()
