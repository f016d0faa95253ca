# SPDX-License-Identifier: ISC
"""Keys of ours that are published, and other implementations of DKIM.

Each of these says of messages whether they pass; records is what the DNS has:
{name: text of the TXT record}.
"""
import os
import re
import subprocess
from pathlib import Path

from . import peers
from .dns import RealDns
from .tap import Skip, equal

PERL = """
use Mail::DKIM::Verifier;
use Mail::DKIM::ARC::Verifier;
use Mail::DKIM::DNS;
use Net::DNS::Resolver;
Mail::DKIM::DNS::resolver(Net::DNS::Resolver->new(
	nameservers => ['127.0.0.1'], port => $ARGV[0]));
for my $file (<STDIN>) {
	chomp $file;
	open(my $in, '<:raw', $file) or die "$file: $!";
	my $v = $ARGV[1] eq 'arc' ? Mail::DKIM::ARC::Verifier->new()
	    : Mail::DKIM::Verifier->new();
	while (<$in>) { s/\\r?\\n\\z//; $v->PRINT("$_\\015\\012"); }
	$v->CLOSE;
	print $ARGV[1] eq 'arc' ? $v->result_detail
	    : join(' ', map { $_->algorithm . '=' . $_->result }
	    $v->signatures), "\\n";
}
"""
FIELD = re.compile(rb"(?im)^DKIM-Signature:.*\r\n(?:[ \t].*\r\n)*")


def published(site, domain, *more, status=0):
    """Makes keys if need be; {name: record} of what is to be published."""
    done = site.call("smtpd", "--dkim", domain, *more)
    equal(done.returncode, status, done.stdout + done.stderr)
    return {name: "".join(re.findall(r'"([^"]*)"', text))
            for name, text in re.findall(
                r"(?m)^(\S+)\. IN TXT ((?:\(\n(?:\t.*\n)*\t.*\))|.*)$",
                done.stdout)}


def zone_lines(records):
    """The same as lines of a zone file."""
    return [f"{name}. 60 IN TXT " + " ".join(
        f'"{text[at:at + 255]}"' for at in range(0, len(text), 255))
            for name, text in records.items()]


def alone(body):
    """Copies of a message, each with one of its signatures; top first."""
    fields = FIELD.findall(body.split(b"\r\n\r\n", 1)[0] + b"\r\n")
    copies = []
    for keep in fields:
        copy = body
        for field in fields:
            if field != keep:
                copy = copy.replace(field, b"", 1)
        copies.append(copy)
    return copies


def dkimpy():
    """The module dkim, installed or unpacked."""
    for name in ("nacl", "dns"):    # without them it does less
        try:
            peers.module(name, f"python3-{name}*")
        except Skip:
            pass
    return peers.module("dkim", "python3-dkim")


def asks(records):
    """What dkimpy asks in place of the DNS."""
    zone = {f"{name}.": text.encode() for name, text in records.items()}

    def ask(name, timeout=5):
        name = name.decode() if isinstance(name, bytes) else name
        return zone.get(name if name.endswith(".") else name + ".")
    return ask


def write_all(folder, bodies):
    """The messages as files; their paths."""
    paths = []
    for number, body in enumerate(bodies):
        paths.append(folder / f"{number}.eml")
        paths[-1].write_bytes(body)
    return paths


def perl_modules():
    """Where its modules are, if they are only unpacked."""
    root = Path(os.environ.get("RESTANTE_PEERS", "/nonexistent"))
    return ":".join(str(path) for place in ("usr/share/perl5",
                                            "usr/lib/*/perl5/*")
                    for path in root.glob(f"lib*-perl/{place}"))


def perl(scratch, records, bodies, what="dkim"):
    """Mail::DKIM: a line for each message: "rsa-sha256=pass", or with what
    "arc": "pass"."""
    environment = dict(os.environ, PERL5LIB=perl_modules())
    try:
        subprocess.run(["perl", "-MMail::DKIM::Verifier", "-e", "1"],
                       env=environment, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        raise Skip("Mail::DKIM is not there (Debian package "
                   "libmail-dkim-perl)") from None
    with RealDns(scratch, zone_lines(records)) as dns:
        names = write_all(scratch.dir, bodies)
        done = subprocess.run(
            ["perl", "-e", PERL, str(dns.port), what], env=environment,
            text=True, input="".join(f"{name}\n" for name in names),
            capture_output=True, check=False)
    lines = done.stdout.splitlines()
    equal(len(lines), len(names), done.stderr)
    return lines


def opendkim(folder, records, bodies):
    """What opendkim says of each message: "succeeded", or words."""
    program = peers.find("opendkim", "opendkim")
    table, conf = folder / "keys.txt", folder / "opendkim.conf"
    table.write_text("".join(f"{n} {t}\n" for n, t in records.items()))
    conf.write_text(f"TestDNSData file:{table}\nRequireSafeKeys no\n"
                    "Mode v\nBackground no\n")
    said = []
    paths = write_all(folder, bodies)
    for at in range(0, len(paths), 100):
        done = subprocess.run(
            [program, "-x", conf, "-v", "-t",
             ",".join(map(str, paths[at:at + 100]))],
            capture_output=True, text=True, check=False)
        if done.returncode == 127:
            raise Skip(f"opendkim does not start: {done.stderr}")
        said += re.findall(
            r"(?m)^opendkim: \S+: (?:verification.* (succeeded|failed.*)|"
            r"(message not signed|.*error.*))$", done.stdout)
    equal(len(said), len(paths), "results of opendkim")
    return [a or b for a, b in said]
