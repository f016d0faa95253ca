# SPDX-License-Identifier: ISC
"""Results of TLS that are noted, and reports of them that are sent, with a kill
or a fault at any call of those who do it.

Whatever is killed or fails, nobody misses his mail, no note tells of a session
that was not, no report is sent twice, and none is torn or has other sums than
its notes. A report that is lost is no harm; but without a kill the log says so.
"""
import datetime
import email
import gzip
import json
import re
import tempfile
from pathlib import Path

from lib import mbox
from lib.chain import Chain
from lib.dns import A, AAAA, MX, NXDOMAIN, TXT, LyingDns, a, mx, record
from lib.scratch import Scratch
from lib.site import Queue
from lib.sweep import sample
from lib.sweeprun import CALL, NO, Hop, Runner, points, traced
from lib.tap import Tap, check, equal
from lib.web import Web, answer

tap = Tap()
MOST = 8        # faults in one sweep, without RESTANTE_LONG
NEAR = 8        # and at calls near the notes
ERRORS = {
    "openat": ("EMFILE", "EIO"), "getdents64": ("EIO",), "read": ("EIO",),
    "pread64": ("EIO",), "write": ("ENOSPC", "EIO"), "mkdir": ("ENOSPC",),
    "rename": ("EIO",), "unlink": ("EIO",), "recvfrom": ("ENOMEM",),
    "sendto": ("EPIPE",), "recvmsg": ("ENOMEM",), "sendmsg": ("ENOMEM",),
    "socketpair": ("EMFILE",), "clone": ("EAGAIN",), "mmap": ("ENOMEM",),
    "seccomp": ("EFAULT",), "prctl": ("EPERM",), "fstat": ("EIO",),
    "newfstatat": ("EIO",), "socket": ("EMFILE",), "connect": ("EIO",),
    "ppoll": ("ENOMEM",), "poll": ("ENOMEM",), "close": ("EIO",),
    "prlimit64": ("EPERM",), "lseek": ("EIO",), "memfd_create": ("EMFILE",),
    "setresuid": ("EAGAIN",), "chroot": ("EIO",)}
DOMAIN, HOST = "far.test", "mx.far.test"
OTHER, WEB = "other.example", "web.other.example"
LINE = (f"{{}} sts version:+STSv1;mode:+enforce;mx:+{HOST};max_age:+86400 "
        f"{{}} {HOST} 192.0.2.1 192.0.2.99\n")
NOTES = "".join(LINE.format(d, "ok") * 3 + LINE.format(
    d, "certificate-expired") * 2 for d in (DOMAIN, OTHER))
NOTE = re.compile(rf"{re.escape(DOMAIN)} no-policy-found - ok "
                  rf"{re.escape(HOST)} 127\.0\.0\.1 127\.0\.0\.1\n")


def answers(web):
    """The name server: an exchanger, and two who ask for reports, one of them
    by HTTPS."""
    def text(name, uri):
        data = f"v=TLSRPTv1; rua={uri}".encode()
        return lambda q: q.answer(record(name, TXT, bytes([len(data)]) + data))
    names = {DOMAIN: "mailto:bob@home.test",
             OTHER: f"https://{WEB}:{web.port}/tls"}
    return {(DOMAIN, MX): lambda q: q.answer(mx(DOMAIN, 10, HOST)),
            (HOST, A): lambda q: q.answer(a(HOST)),
            (HOST, AAAA): lambda q: q.answer(),
            (WEB, A): lambda q: q.answer(a(WEB)),
            (WEB, AAAA): lambda q: q.answer(),
            **{(f"_smtp._tls.{d}", TXT): text(f"_smtp._tls.{d}", uri)
               for d, uri in names.items()}}


class Reporting(Runner):
    """A Runner that notes the results of TLS."""

    def __init__(self, hop, web, trust):
        self.web = web
        self.dns = LyingDns(answers(web), lambda q: q.answer(code=NXDOMAIN))
        self.dns.__enter__()
        try:
            Scratch.__init__(
                self, "hostname mx.home.test\ndomains home.test\n"
                f"relay-concurrency 1\nroute {DOMAIN} mx:{hop.port}\n"
                f"resolver {self.dns.address}\nreports on\n"
                f"tls-trust {trust}\n", tls=False)
        except BaseException:
            self.dns.__exit__()
            raise
        self.hop = hop
        self.folder = self.dir / "state" / "reports"

    def __exit__(self, *args):
        super().__exit__(*args)
        self.dns.__exit__(*args)

    def fill(self):
        """No notes, either."""
        super().fill()
        self.hop.connections = 0
        if self.folder.is_dir():
            for path in self.folder.iterdir():
                path.unlink()
            self.folder.rmdir()

    def noted(self):
        """The lines of today's notes."""
        return [line for path in self.folder.glob("tls.*")
                for line in path.read_text().splitlines(True)] \
            if self.folder.is_dir() else []

    def trouble(self, kills):
        """Of the mail, and of the notes."""
        wrong = super().trouble(kills)
        notes = self.noted()
        # One that is torn is passed over; what follows it may be lost.
        wrong += [f"NOTE {line}" for line in notes if not NOTE.fullmatch(line)
                  and not kills]
        whole = [line for line in notes if NOTE.fullmatch(line)]
        if len(whole) > self.hop.connections:
            wrong.append(f"NOTES {len(whole)}, {self.hop.connections} "
                         "sessions")
        if not kills and not whole:
            wrong.append("NOTHING is noted")
        return wrong


def unpacked(octets):
    """The report in them; None: it is torn."""
    try:
        return json.loads(gzip.decompress(octets))
    except (OSError, ValueError, EOFError):
        return None


class Sending(Reporting):
    """The same with notes of yesterday, of which reports are made."""

    sums = {"total-successful-session-count": 3,
            "total-failure-session-count": 2}

    def fill(self):
        """Mail, and yesterday's notes."""
        super().fill()
        self.web.bodies.clear()
        self.folder.mkdir(mode=0o700)
        day = datetime.datetime.now(datetime.timezone.utc) \
            - datetime.timedelta(1)
        (self.folder / f"tls.{day:%Y%m%d}").write_text(NOTES)
        self.own()

    def reports(self):
        """What each has got: [(who, id, report or None)]; those in the mailbox
        are taken out of it, because Runner looks at it."""
        found = [("web", (unpacked(body) or {}).get("report-id"),
                  unpacked(body)) for body in self.web.bodies]
        path = self.mailbox("bob")
        raw = path.read_bytes() if path.exists() else b""
        for message in mbox.read(path) if raw else []:
            mail = email.message_from_bytes(message.wire)
            if mail.get_param("report-type") == "tlsrpt":
                part = mail.get_payload()[1].get_payload(decode=True)
                found.append(("bob", mail["Subject"], unpacked(part)))
        path.write_bytes(b"".join(
            part for part in re.split(rb"(?m)^(?=From )", raw)
            if b"report-type=tlsrpt" not in part.replace(b'"', b"")))
        return found

    def judge(self, kills, reports):
        """What is wrong with the reports."""
        wrong = []
        for user in ("web", "bob"):
            mine = [r for r in reports if r[0] == user]
            if len({r[1] for r in mine}) > 1 or len(mine) > (
                    1 if user == "web" else 1 + kills):
                wrong.append(f"TWICE to {user}: {mine}")
        for user, _, report in reports:
            policies = (report or {}).get("policies", [])
            if [p["summary"] for p in policies] != [self.sums]:
                wrong.append(f"SUMS for {user}: {report}")
        left = [p.name for p in self.folder.glob("tls.*")
                if not p.name.endswith(".sending")
                and p.stat().st_size == len(NOTES)]
        if left:
            wrong.append(f"UNCLAIMED {left}")
        return wrong

    def trouble(self, kills):
        """Of the mail, and of the reports."""
        self.found = self.reports()
        wrong = [w for w in super().trouble(kills)
                 if not w.startswith(("NOTE", "NOTHING"))]
        if kills == 0 and len(self.found) != 2:
            wrong.append(f"MISSING: {self.found}")
        return wrong + self.judge(kills, self.found)


def near(runner, word):
    """(call, how often) of calls around those that name a file so, in a run
    that has just been traced."""
    lines = (runner.dir / "trace").read_text(errors="replace").splitlines()
    seen, calls = {}, {}
    for line in lines:
        match = CALL.match(line)
        if match:
            pid, name = match.groups()
            seen[pid, name] = seen.get((pid, name), 0) + 1
            calls.setdefault(pid, []).append(
                (name, seen[pid, name], word in line))
    found = {}
    for mine in calls.values():
        for at, (_, _, hit) in enumerate(mine):
            if hit:
                for name, number, _ in mine[max(0, at - 2):at + 6]:
                    found[name, number] = True
    return list(found)


def sweep(runner, name, injections):
    """Each of them, in all processes of the family, then ordinary runs."""
    with tap.case(name, runner.notes):
        troubles, hit, unfinished, lost = [], 0, 0, 0
        for inject in injections:
            runner.fill()
            path = runner.dir / "trace"
            path.write_text("")
            runner.own()
            said, _ = runner.run(*traced(True), "-o", path, "-e",
                                 f"trace={inject.split(':')[0]}", "-e",
                                 f"inject={inject}")
            runner.still()
            text = path.read_text(errors="replace")
            killed = text.count("+++ killed by")
            hits = killed + text.count("(INJECTED)")
            hit += hits > 0
            unfinished += runner.queued() > 0
            for _ in range(4):
                if runner.queued() or list(runner.folder.glob("tls.????????")):
                    runner.run()
                    runner.still()
            wrong = runner.trouble(max(hits, 1))
            if isinstance(runner, Sending) and len(runner.found) < 2:
                lost += 1
                if not killed and not re.search(
                        r"error|warn|panic|fatal", said):
                    wrong.append(f"SILENT: {said}")
            if wrong:
                troubles.append(f"{inject} ({hits}): {wrong[:3]}")
        tap.diag(f"{len(injections)} faults, {hit} came; {unfinished} left "
                 f"mail, {lost} lost a report")
        check(hit > len(injections) * 0.5, "hardly a fault")
        equal(troubles[:6], [], f"{len(troubles)} troubles")


def chosen(runner):
    """(kills, faults): some of all calls, and those near the notes."""
    every = points(runner, True)
    close = near(runner, "tls.2")
    check(close, "no notes in the trace")
    kills = [f"{call}:signal=KILL:when={n}" for call, n in dict.fromkeys(
        sample(every, MOST) + sample(close, NEAR))]
    faults = [f"{call}:error={error}:when={n}" for call, n in every
              for error in ERRORS.get(call, ())]
    closer = [f"{call}:error={error}:when={n}" for call, n in close
              for error in ERRORS.get(call, ())]
    return kills, list(dict.fromkeys(sample(faults, MOST)
                                     + sample(closer, NEAR)))


def cases_noting(hop, web, trust):
    """What a session with an exchanger was is noted"""
    with Reporting(hop, web, trust) as runner:
        kills, faults = chosen(runner)
        sweep(runner, "who notes results is killed", kills)
        sweep(runner, "calls of those who note results fail", faults)


def cases_sending(hop, web, trust):
    """A day's notes become reports"""
    with Sending(hop, web, trust) as runner:
        with tap.case("control: torn, doubled and missing reports are seen"):
            runner.fill()
            runner.run()
            runner.still()
            equal(runner.trouble(0), [], "without a fault")
            good = runner.found
            check("TWICE" in str(runner.judge(0, good + good)), "twice")
            other = [(u, s + "x", r) for u, s, r in good]
            check("TWICE" in str(runner.judge(9, good + other)), "another")
            check("SUMS" in str(runner.judge(0, [(*good[0][:2], None)])),
                  "torn")
            runner.sums = dict(runner.sums, **{
                "total-failure-session-count": 3})
            check("SUMS" in str(runner.judge(0, good)), "sums")
            del runner.sums
        kills, faults = chosen(runner)
        sweep(runner, "who makes and sends reports is killed", kills)
        sweep(runner, "calls of those who make and send reports fail", faults)


def main():
    """An exchanger and a web server, each with its certificate."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        chain = Chain(folder)
        trust = chain.file("trust.pem", chain.ca.read_bytes())
        folder.chmod(0o755)
        trust.chmod(0o644)
        web = Web(chain.server(WEB, file="web.pem"), 0)
        web.says = answer("", "201 Created")
        with Hop(NO, pem=chain.server(HOST)) as hop:
            tap.run(globals(), hop, web, trust)
    tap.finish()


if __name__ == "__main__":
    main()
