# SPDX-License-Identifier: ISC
"""Programs that read reports understand each kind of ours.

They are what lists of subscribers are kept clean with: flufl.bounce, which
Mailman has, and Mail::DeliveryStatus::BounceParser. A failure must count as one
and name the recipient, a delay must not count as a failure, and news of success
must not count at all.
"""
import json
import subprocess

from lib import peers
from lib.queuefile import recipient
from lib.reports import (ACTIONS, DELAYED, DELIVERED, EXPANDED, FAILED, RELAYED,
                         Reports)
from lib.tap import Skip, Tap, check, equal

tap = Tap()
FLUFL = """
import email, email.policy, json, sys
from flufl.bounce import all_failures
for name in sys.stdin.read().split():
    with open(name, "rb") as file:
        message = email.message_from_binary_file(file)
    print(json.dumps([sorted(a.decode() for a in found)
                      for found in all_failures(message)]))
"""
PERL = """
use JSON::PP;
use Mail::DeliveryStatus::BounceParser;
for my $name (split ' ', join '', <STDIN>) {
	open(my $file, '<', $name) or die;
	local $/;
	my $b = Mail::DeliveryStatus::BounceParser->new(scalar <$file>);
	my @reports = map { { email => $_->get('email'),
	    reason => $_->get('std_reason') } } $b->reports;
	print encode_json({ bounce => $b->is_bounce ? 1 : 0,
	    id => $b->orig_message_id, reports => \\@reports }), "\\n";
}
"""
HEAD = ("From: alice@example.org\r\nMessage-ID: <1@example.org>\r\n"
        "Subject: hello\r\n\r\n")
BODIES = {"plain": HEAD.encode() + b"Dear Bob\r\n",
          "8-bit": HEAD.encode() + "grün\r\n".encode(),
          "large": HEAD.encode() + (b"y" * 70 + b"\r\n") * 20000,
          "no id": b"Subject: x\r\n\r\njust text\r\n"}
# Refusals: status, host, reply; what BounceParser calls them.
REFUSALS = [
    ("5.1.1", "mx.example.net[192.0.2.1]:25", "550 5.1.1 No such user",
     "user_unknown"),
    ("5.1.1", "mx.example.net[192.0.2.1]:25",
     "550 <bob@example.net>: Recipient address rejected: User unknown",
     "user_unknown"),
    ("5.2.2", "mx.example.net[192.0.2.1]:25", "552 5.2.2 Mailbox full",
     "over_quota"),
    ("5.7.1", "mx.example.net[192.0.2.1]:25",
     "554 5.7.1 Message looks like spam", "spam"),
    ("5.3.4", "mx.example.net[192.0.2.1]:25",
     "552 5.3.4 Message size exceeds limit", None),
    ("5.1.2", "", "there is no domain example.net", None),
    ("5.4.4", "", "example.net has no mail server", None),
    ("5.4.7", "mx.example.net[192.0.2.1]:25",
     "delivery time expired; last reply: 450 4.2.1 Busy", None),
    ("5.6.3", "mx.example.net[192.0.2.1]:25",
     "host does not take 8-bit text", None),
    ("5.7.30", "mx.example.net[192.0.2.1]:25",
     "host does not offer REQUIRETLS", None),
    ("5.1.1", "", "there is no such user here", None),
    ("", "local", "", None),
]


def ask(command, program, paths):
    """What it says of each file, as JSON in a line."""
    done = subprocess.run([*command, program], input="\n".join(paths),
                          capture_output=True, text=True, timeout=120,
                          check=False)
    check(done.returncode == 0, done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def flufl(paths):
    """[temporary, permanent failures] of each."""
    peers.files("usr/lib/python3/dist-packages/flufl/bounce/__init__.py",
                "python3-flufl.bounce")
    return ask(["/usr/bin/python3", "-c"], FLUFL, paths)


def parser(paths):
    """What Mail::DeliveryStatus::BounceParser says."""
    if subprocess.run(["perl", "-MMail::DeliveryStatus::BounceParser", "-e1"],
                      capture_output=True, check=False).returncode:
        raise Skip("Mail::DeliveryStatus::BounceParser is not there (Debian "
                   "package libmail-deliverystatus-bounceparser-perl)")
    return ask(["perl", "-e"], PERL, paths)


def every_report(reports, folder):
    """Rows: name, kind, recipient, body's name, reason, path."""
    number = 0
    for kind in (FAILED, DELAYED, DELIVERED, RELAYED, EXPANDED):
        for name, body in BODIES.items():
            for status, host, reply, reason in REFUSALS:
                if kind not in (FAILED, DELAYED) and reply:
                    continue
                if kind == DELAYED:
                    status, reply = (t.replace("5", "4", 1)
                                     for t in (status, reply))
                for ret in ("full", "hdrs"):
                    r = reports.one(
                        [(0, kind, status, host, reply)], body=body, ret=ret,
                        people=[recipient("bob@example.net",
                                          notify="success,failure,delay")])
                    path = folder / f"{number}.eml"
                    path.write_bytes(r.raw.replace(b"\r\n", b"\n"))
                    number += 1
                    yield (f"{ACTIONS[kind]}, {name}, RET={ret}, "
                           f"{reply or 'nothing'}", kind, name, reason,
                           str(path))


def cases_readers(reports):
    """Each report, to each reader."""
    folder = reports.scratch.dir / "reports"
    folder.mkdir()
    rows = list(every_report(reports, folder))
    paths = [row[-1] for row in rows]
    with tap.case(f"flufl.bounce: {len(rows)} reports"):
        wrong = []
        for (name, kind, *_), (temporary, permanent) in zip(rows, flufl(paths)):
            found = (temporary, permanent)
            wanted = {FAILED: ([], ["bob@example.net"]),
                      DELAYED: (["bob@example.net"], [])}.get(kind, ([], []))
            if found != wanted:
                wrong.append(f"{name}: {found}")
        check(not wrong, f"{len(wrong)} wrong:\n" + "\n".join(wrong[:9]))
    with tap.case(f"BounceParser: {len(rows)} reports"):
        wrong = []
        for (name, kind, body, reason, _), said in zip(rows, parser(paths)):
            people = [r["email"] for r in said["reports"]]
            good = bool(said["bounce"]) == (kind == FAILED)
            if kind == FAILED:
                good = good and people == ["bob@example.net"]
            if kind == FAILED and reason:
                good = good and said["reports"][0]["reason"] == reason
            if kind == FAILED and body != "no id":
                good = good and (said["id"] or "").strip() == \
                    "<1@example.org>"
            if not good:
                wrong.append(f"{name}: {said}")
        check(not wrong, f"{len(wrong)} wrong:\n" + "\n".join(wrong[:9]))


if __name__ == "__main__":
    try:
        the_reports = Reports()
    except Skip as reason:
        tap.skip("reports", str(reason))
    else:
        with the_reports.scratch:
            tap.run(globals(), the_reports)
    tap.finish()
