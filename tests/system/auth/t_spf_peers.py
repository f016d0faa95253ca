# SPDX-License-Identifier: ISC
"""Random SPF records: we come to the result that pyspf and Mail::SPF come to.

The DNS of each round is a handful of names with random records of all terms,
macros and mistakes. Where the two differ on purpose, the reason stands in
EXPLAINED. RESTANTE_LONG makes it many more rounds.
"""
import json
import os
import random
import socket
import subprocess

from lib.peers import module
from lib.scratch import LONG
from lib.spfsuite import Machine
from lib.tap import Skip, Tap, check, equal

tap = Tap()
ROUNDS = 10000 if LONG else 500
NAMES = ["a.test", "b.test", "c.a.test", "d.test", "e.d.test", "f.test"]
ADDRESSES = ["192.0.2.1", "192.0.2.77", "198.51.100.9", "203.0.113.200"]
# What pyspf says where it differs on purpose, and why we do otherwise.
EXPLAINED = {
    # It looks for this before it evaluates; terms after one that matches are
    # of no account (RFC 7208 section 4.6.2).
    "trivial recursion": "an include of the domain itself",
    # It counts hosts of an mx, too; section 4.6.4 counts terms.
    "void lookup": "more than two answers without records",
    "once: x=": "unknown modifiers, which count for nothing (section 6)",
    "once: moo": "the same",
}
# (ours, theirs, words of theirs or of ours, are they ours).
EXPLAINED_PERL = (
    # "/24" is no domain-spec: it ends neither in a label nor in a macro.
    ("permerror", "*", "unusable term: mx:/24", True),
    # It looks at the letter of a macro only when it expands it; a record with
    # a mistake is one wherever that is (section 4.6).
    ("permerror", "*", ":%{x}.test", True),
    ("permerror", "*", "=%{x}.test", True),
    # It counts hosts of an mx, too, as pyspf does.
    ("*", "permerror", "Maximum void DNS look-ups limit", False),
)
ADDRESSES6 = ["2001:db8::1", "2001:db8::77", "2001:db8:1::9"]


# Mail::SPF evaluates lines of JSON: {names, ip, helo, sender}.
PERL = r"""
use JSON::PP; use Mail::SPF; use Net::DNS;
package Zone;
sub errorstring { "" }
sub send {
    my ($self, $name, $type) = @_;
    # Net::DNS would die of an empty label, which no name server has.
    my $asked = $name =~ /\.\.|^\.|^$/ ? "invalid" : $name;
    my $packet = Net::DNS::Packet->new($asked, $type);
    $packet->header->qr(1);
    my $entry = $self->{names}{lc $name};
    my $below = grep { /\Q.$name\E$/i } keys %{$self->{names}};
    $packet->header->rcode($entry || $below ? "NOERROR" : "NXDOMAIN");
    for my $value (@{$entry->{$type} || []}) {
        my %data = $type eq "MX" ? (preference => 10, exchange => $value)
            : $type eq "TXT" ? (txtdata => [$value =~ /.{1,255}/gs])
            : $type eq "PTR" ? (ptrdname => $value) : (address => $value);
        $packet->push(answer => Net::DNS::RR->new(
            name => $name, type => $type, ttl => 60, class => "IN", %data));
    }
    return $packet;
}
package main;
$| = 1;
while (my $line = <STDIN>) {
    my $q = decode_json($line);
    my $server = Mail::SPF::Server->new(
        dns_resolver => bless({ names => $q->{names} }, "Zone"),
        hostname => "unknown");
    my $result = eval {
        $server->process(Mail::SPF::Request->new(
            versions => [1], scope => "mfrom", identity => $q->{sender},
            ip_address => $q->{ip}, helo_identity => $q->{helo}));
    };
    my $said = $result ? $result->code . " " . ($result->text // "") : "died $@";
    $said =~ s/\s+/ /g;
    print "$said\n";
}
"""


class Records:
    """A random DNS."""

    def __init__(self, dice):
        self.dice = dice
        self.names = {}
        for name in NAMES:
            entry = self.names.setdefault(name, {})
            if dice.random() < 0.9:
                entry["TXT"] = [self.record()]
            if dice.random() < 0.1:
                entry.setdefault("TXT", []).append(self.record())
            if dice.random() < 0.6:
                entry["A"] = dice.sample(ADDRESSES, dice.randint(1, 3))
            if dice.random() < 0.5:
                entry["AAAA"] = dice.sample(ADDRESSES6, 1)
            if dice.random() < 0.6:
                entry["MX"] = [dice.choice(NAMES + ["none.test"])
                               for _ in range(dice.randint(1, 3))]
        for address in ADDRESSES:
            if dice.random() < 0.7:
                reverse = ".".join(reversed(address.split(".")))
                self.names[reverse + ".in-addr.arpa"] = {
                    "PTR": [dice.choice(NAMES)]}

    def domain(self):
        """A domain-spec."""
        return self.dice.choice(
            NAMES + ["none.test", "%{d}", "%{o}", "%{d1r}.a.test", "%{l}.test",
                     "%{i}._x.test", "%{h}", "%{d2}", "a", "%{x}.test", "a..b",
                     "%{ir}.%{v}.a.test", "%{l1r-}.test", "a.1", "%%.test"])

    def term(self):
        """A term, mostly right."""
        dice = self.dice
        kind = dice.choice(["a", "a", "mx", "ptr", "ip4", "ip4", "ip6",
                            "include", "include", "exists", "all", "redirect",
                            "exp", "unknown", "wrong"])
        sign = dice.choice(["", "", "+", "-", "~", "?"])
        bits = dice.choice(["", "", "/24", "/25//64", "//48", "/0", "/33",
                            "/024"])
        if kind in ("a", "mx"):
            place = dice.choice(["", ":" + self.domain()])
            return sign + kind + place + bits
        if kind == "ptr":
            return sign + kind + dice.choice(["", ":" + self.domain()])
        if kind == "ip4":
            return f"{sign}ip4:{dice.choice(ADDRESSES)}" + dice.choice(
                ["", "/24", "/8", "/33", "/"])
        if kind == "ip6":
            return f"{sign}ip6:{dice.choice(ADDRESSES6)}" + dice.choice(
                ["", "/64", "/32", "/129"])
        if kind in ("include", "exists"):
            return f"{sign}{kind}:{self.domain()}"
        if kind == "all":
            return sign + "all"
        if kind in ("redirect", "exp"):
            return f"{kind}={self.domain()}"
        if kind == "unknown":
            return dice.choice(["x=y", "x=%{d}", "moo.cow-1=a:b/c", "x="])
        return dice.choice(["foo", "a:", "ip4:1.2.3", "ip4", "all:x", "-x=y",
                            "include", "exists", "mx:/24", "a:b/c/24"])

    def record(self):
        """A record, mostly of SPF."""
        dice = self.dice
        start = dice.choice(["v=spf1"] * 9 + ["V=SPF1", "v=spf10", "spf2.0"])
        blank = dice.choice([" ", " ", "  "])
        terms = [self.term() for _ in range(dice.randint(0, 6))]
        return blank.join([start, *terms]) + dice.choice(["", "", " "])

    def ask(self, kind, name):
        """As Machine.check() asks."""
        entry = self.names.get(name.lower())
        if entry is None:
            below = any(n.endswith("." + name.lower()) for n in self.names)
            return ("no-data" if below else "no-name"), []
        family = {"A": socket.AF_INET, "AAAA": socket.AF_INET6}.get(kind)
        found = [socket.inet_pton(family, x) if family else x.encode()
                 for x in entry.get(kind, [])]
        return ("ok" if found else "no-data"), found

    def look_up(self, spf):
        """As pyspf asks."""
        def dns(name, kind, *_, **__):
            name = str(name).lower().rstrip(".")
            entry = self.names.get(name, {})
            found = []
            for value in entry.get(kind, []):
                if kind == "MX":
                    value = (10, value)
                elif kind == "TXT":
                    value = (value.encode(),)
                found.append(((name, kind), value))
            return found
        spf.DNSLookup = dns


def test_pyspf():
    """Random records, senders and clients"""
    spf = module("spf", "python3-spf")
    seed = int(os.environ.get("SEED", "1"))
    different, seen, explained = [], {}, 0
    with Machine() as machine:
        for round_ in range(ROUNDS):
            dice = random.Random(f"{seed} {round_}")
            records = Records(dice)
            records.look_up(spf)
            client = dice.choice(ADDRESSES + ADDRESSES6[:2])
            local = dice.choice(["a", "x-y", "a.b", "a+b"])
            sender = f"{local}@{dice.choice(NAMES)}"
            ours, _ = machine.check(client, "d.test", sender, records.ask)
            theirs, why = spf.check2(i=client, s=sender, h="d.test",
                                     querytime=60, timeout=60)
            theirs = theirs.lower()
            seen[ours] = seen.get(ours, 0) + 1
            if ours != theirs and theirs == "permerror" and any(
                    words in why.lower() for words in EXPLAINED):
                explained += 1
            elif ours != theirs:
                different.append((round_, sender, client, ours, theirs, why,
                                  machine.reason, records.names))
    for case in different[:20]:
        tap.diag(case)
    tap.diag(f"{ROUNDS} rounds, {len(different)} differ, "
             f"{explained} as explained; ours: {seen}")
    check(len(seen) >= 5, f"few kinds of results: {seen}")
    equal(len(different), 0, "differences")


class MailSpf:
    """Mail::SPF in a process of its own."""

    def __init__(self):
        try:
            subprocess.run(["perl", "-MMail::SPF", "-MNet::DNS", "-e", "1"],
                           capture_output=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            raise Skip("Mail::SPF is not there (Debian package "
                       "libmail-spf-perl)") from None
        self.process = subprocess.Popen(
            ["perl", "-e", PERL], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def check(self, names, client, helo, sender):
        """(result, why)."""
        self.process.stdin.write(json.dumps({
            "names": names, "ip": client, "helo": helo,
            "sender": sender}) + "\n")
        self.process.stdin.flush()
        result, _, why = self.process.stdout.readline().partition(" ")
        return result, why.strip()


def explain_perl(ours, theirs, why, reason):
    """True if Mail::SPF differs on purpose, or by a mistake of its own."""
    return any(o in (ours, "*") and t in (theirs, "*") and w in where
               for o, t, w, where in (
                   (o, t, w, reason if whose else why)
                   for o, t, w, whose in EXPLAINED_PERL))


def test_mail_spf():
    """The same beside Mail::SPF"""
    seed = int(os.environ.get("SEED", "1"))
    different, explained, seen = [], 0, {}
    with Machine() as machine, MailSpf() as perl:
        for round_ in range(ROUNDS):
            dice = random.Random(f"perl {seed} {round_}")
            records = Records(dice)
            client = dice.choice(ADDRESSES + ADDRESSES6[:2])
            local = dice.choice(["a", "x-y", "a.b", "a+b"])
            sender = f"{local}@{dice.choice(NAMES)}"
            ours, _ = machine.check(client, "d.test", sender, records.ask)
            theirs, why = perl.check(records.names, client, "d.test", sender)
            seen[ours] = seen.get(ours, 0) + 1
            if ours != theirs:
                if explain_perl(ours, theirs, why, machine.reason):
                    explained += 1
                else:
                    different.append((round_, sender, client, ours, theirs,
                                      why, machine.reason, records.names))
    for case in different[:20]:
        tap.diag(case)
    tap.diag(f"{ROUNDS} rounds, {len(different)} differ, "
             f"{explained} as explained; ours: {seen}")
    equal(len(different), 0, "differences")


if __name__ == "__main__":
    tap.run(globals())
    tap.finish()
