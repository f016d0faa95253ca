# SPDX-License-Identifier: ISC
# Collects messages by Net::POP3: see lib/libraries.py.

use strict;
use warnings;
use JSON::PP;
use Net::POP3;

my $job = do { local $/; decode_json(<STDIN>) };
my %tls = (SSL_verify_mode => 0);
my $pop = Net::POP3->new('127.0.0.1', Port => $job->{port}, Timeout => 60,
    SSL => $job->{kind} eq 'TLS', %tls) or die "no connection: $@";
if ($job->{kind} eq 'STARTTLS') {
	$pop->starttls(%tls) or die $pop->message;
}
my $count = $pop->login($job->{user}, $job->{password});
if (!defined $count) {
	print encode_json({ error => $pop->message });
	exit;
}
my $sizes = $pop->list;
my $uidls = $pop->uidl;
for my $number (sort { $a <=> $b } keys %$sizes) {
	my $lines = $pop->get($number) or die $pop->message;
	open my $file, '>', "$job->{folder}/$number" or die $!;
	print $file @$lines;
	close $file or die $!;
	my $top = $pop->top($number, 0) or die $pop->message;
	die "TOP $number" if join('', @$top) ne
	    join('', @$lines[0 .. $#$top]);
	$pop->delete($number) or die $pop->message if $job->{delete};
}
die 'message 999' if defined $pop->get(999);
my $missing = $pop->message;
$pop->quit or die $pop->message;
print encode_json({ count => $count + 0, sizes => $sizes, uidls => $uidls,
	missing => $missing });
