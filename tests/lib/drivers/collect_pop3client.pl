# SPDX-License-Identifier: ISC
# Collects messages by Mail::POP3Client: see lib/libraries.py.

use strict;
use warnings;
use IO::Socket::SSL;
use JSON::PP;
use Mail::POP3Client;

my $job = do { local $/; decode_json(<STDIN>) };
IO::Socket::SSL::set_defaults(SSL_verify_mode => 0);
my $pop = Mail::POP3Client->new(HOST => '127.0.0.1', PORT => $job->{port},
	USER => $job->{user}, PASSWORD => $job->{password}, TIMEOUT => 60,
	AUTH_MODE => $job->{mechanism}, USESSL => $job->{kind} eq 'TLS');
if ($pop->Count < 0) {
	print encode_json({ error => $pop->Message });
	exit;
}
my $count = $pop->Count;
my %sizes = map { split ' ' } $pop->List;
my @uidls = $pop->Uidl;
my %uidls = map { $_ => $uidls[$_] } 1 .. $#uidls;
for my $number (1 .. $count) {
	open my $file, '>', "$job->{folder}/$number" or die $!;
	$pop->RetrieveToFile($file, $number) or die $pop->Message;
	close $file or die $!;
	$pop->Delete($number) or die $pop->Message if $job->{delete};
}
my $text = $pop->Retrieve(999);
my $missing = $pop->Message;
die 'message 999' if $text;
$pop->Close or die $pop->Message;
print encode_json({ count => $count + 0, sizes => \%sizes, uidls => \%uidls,
	missing => $missing });
