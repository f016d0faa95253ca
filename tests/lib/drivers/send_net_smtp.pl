# SPDX-License-Identifier: ISC
# Sends messages by Net::SMTP: see lib/libraries.py.

use strict;
use warnings;
use Authen::SASL;
use JSON::PP;
use Net::SMTP;

my $job = do { local $/; decode_json(<STDIN>) };
my %tls = (SSL_verify_mode => 0);
my $smtp = Net::SMTP->new('127.0.0.1', Port => $job->{port}, Timeout => 60,
    Hello => 'client.example.net', SSL => $job->{kind} eq 'TLS', %tls)
    or die "no connection: $@";
if ($job->{kind} eq 'STARTTLS') {
	$smtp->starttls(%tls) or die $smtp->message;
}
my $sasl = Authen::SASL->new(mechanism => $job->{mechanism}, callback => {
	user => $job->{user}, pass => $job->{password},
	authname => $job->{user} });
my @said;
if ($smtp->auth($sasl)) {
	for my $mail (@{ $job->{mails} }) {
		my ($path, $rcpt) = @$mail;
		open my $file, '<', $path or die "$path: $!";
		my $text = do { local $/; <$file> };
		my $done = $smtp->mail($job->{sender}, Bits => 8)
		    && $smtp->to($rcpt) && $smtp->data
		    && $smtp->datasend($text) && $smtp->dataend;
		push @said, $done ? '' : $smtp->code . ' ' . $smtp->message;
		$smtp->reset unless $done;
	}
	$smtp->quit or die $smtp->message;
} else {
	@said = ($smtp->code . ' ' . $smtp->message) x @{ $job->{mails} };
}
print encode_json(\@said);
