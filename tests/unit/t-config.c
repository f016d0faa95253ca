/* SPDX-License-Identifier: ISC */
/*
 * The configuration: each key with good values and bad ones.  A value that is
 * misread in silence shows when mail is lost.
 */
#include "common/config/config.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#define D63 "ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"

static char path[PATH_MAX];

/* What a key has been set to, as text. */
static const char *
value(const struct config *c, const char *key)
{
	static char text[64];
	const struct {
		const char *key, *text;
	} words[] = {
		{ "alias-owner", c->alias_owner },
		{ "aliases", c->aliases },
		{ "arc-trust 2", c->arc_trust[1] },
		{ "auth-id", c->auth_id },
		{ "junk", c->junk },
		{ "dmarc-exempt 2", c->dmarc_exempt[1] },
		{ "dnsbl 1", c->dnsbl[0].zone },
		{ "domain 1", c->domains[0] },
		{ "domain 2", c->domains[1] },
		{ "domain 3", c->domains[2] },
		{ "hostname", c->hostname },
		{ "letter", c->letter },
		{ "log-name", c->log_name },
		{ "stats-file", c->stats_file },
		{ "mailbox", c->mailbox },
		{ "mailbox-owner", c->mailbox_owner },
		{ "queue", c->queue },
		{ "fallback-relay", c->fallback_relay },
		{ "relay", c->relay },
		{ "relay-password 1", c->relay_passwords[0].value },
		{ "relay-password 1 for", c->relay_passwords[0].pattern },
		{ "resolver", c->resolver },
		{ "route 1", c->routes[0].value },
		{ "route 1 for", c->routes[0].pattern },
		{ "route 2 for", c->routes[1].pattern },
		{ "deliver-by", c->deliver_by },
		{ "forward", c->forward },
		{ "archive in", c->archive_in },
		{ "archive out", c->archive_out },
		{ "relay-from 1", c->relay_froms[0].value },
		{ "relay-from 1 for", c->relay_froms[0].pattern },
		{ "masquerade 1", c->masquerades[0].value },
		{ "masquerade 1 for", c->masquerades[0].pattern },
		{ "sender 2", c->senders[1].value },
		{ "sender 2 for", c->senders[1].pattern },
		{ "sender-relay 1", c->sender_relays[0].value },
		{ "sender-relay 1 for", c->sender_relays[0].pattern },
		{ "socket", c->socket },
		{ "state", c->state },
		{ "subaddress", c->subaddress },
		{ "tls 1", c->tls[0] },
		{ "tls 2", c->tls[1] },
		{ "tls chain 1", c->tls_chain[0] },
		{ "tls-priority", c->tls_priority },
		{ "tls-trust", c->tls_trust },
		{ "trust 1", c->trusts[0].text },
		{ "trust 1 as", c->trusts[0].name },
		{ "user", c->user },
		{ "users", c->users },
		{ "filter 2", c->filters[1] },
		{ "virtual 2", c->virtual_domains[1] },
	};
	const struct {
		const char *key;
		uint64_t number;
	} numbers[] = {
		{ "account-messages", c->account_messages.usual },
		{ "account-recipients", c->account_recipients.usual },
		{ "recipients", c->recipients },
		{ "recipients user", c->recipients_user },
		{ "hide-client", c->hide_client },
		{ "clients-imap", c->clients_imap },
		{ "trust", c->ntrusts },
		{ "ehlo-hide", c->nhidden },
		{ "auth", c->auth },
		{ "dmarc", c->dmarc },
		{ "dmarc-exempt", c->ndmarc_exempt },
		{ "arc-seal", c->arc_seal },
		{ "arc-trust", c->narc_trust },
		{ "auth-trust", c->nauth_trust },
		{ "received-spf", c->received_spf },
		{ "filter", c->nfilters },
		{ "filter-failure", c->filter_accept },
		{ "filter-timeout", c->filter_timeout },
		{ "filter-users", c->filter_users },
		{ "reports", c->reports },
		{ "mta-sts-mode", c->mta_sts_mode },
		{ "dnsbl", c->ndnsbl },
		{ "domains", c->ndomains },
		{ "greet-delay", c->greet_delay },
		{ "greylist", c->greylist },
		{ "idle-exit", c->idle_exit },
		{ "log", c->log },
		{ "log-json", c->log_json },
		{ "pipelining-check", c->pipelining_check },
		{ "channel-binding", c->channel_binding },
		{ "penalties", c->penalties },
		{ "proxy", c->nproxies },
		{ "penalties-exempt", c->npenalties_exempt },
		{ "plaintext-login", c->plaintext_login },
		{ "policy-exempt", c->npolicy_exempt },
		{ "policy-exempt 1", c->policy_exempt[0].bits },
		{ "queue-concurrency", c->queue_concurrency },
		{ "relay-concurrency", c->relay_concurrency },
		{ "relay-passwords", c->nrelay_passwords },
		{ "routes", c->nroutes },
		{ "sender-relays", c->nsender_relays },
		{ "profile mx", c->profile_mx },
		{ "profile submission", c->profile_submission },
		{ "sender-check", c->sender_check },
		{ "sender-check header", c->sender_check_header },
		{ "relay-from 1 header", c->relay_froms[0].more },
		{ "masquerade 1 login", c->masquerades[0].more },
		{ "sessions", c->sessions },
		{ "sessions-per-source", c->sessions_per_source },
		{ "sessions-per-user", c->sessions_per_user },
		{ "sessions-reserved", c->sessions_reserved },
		{ "size-limit", c->size_limit },
		{ "strangers-room", c->strangers_room },
		{ "recipient-check", c->recipient_check },
		{ "tls", c->ntls },
		{ "uidl", c->uidl },
		{ "virtual", c->nvirtual_domains },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].key, key) == 0) {
			return words[i].text;
		}
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (strcmp(numbers[i].key, key) == 0) {
			snprintf(text, sizeof(text), "%llu",
			    (unsigned long long)numbers[i].number);
			return text;
		}
	}
	return "no such key";
}

static const struct {
	const char *text, *key, *value;
} good[] = {
	{ "", "size-limit", "52428800" },
	{ "", "strangers-room", "0" },
	{ "strangers-room 300M\n", "strangers-room", "314572800" },
	{ "", "sessions", "1000" },
	{ "", "sessions-per-source", "0" },
	{ "", "sessions-per-user", "50" },
	{ "", "sessions-reserved", "0" },
	{ "", "idle-exit", "60" },
	{ "", "plaintext-login", "1" },
	{ "", "penalties", "1" },
	{ "penalties off\n", "penalties", "0" },
	{ "", "proxy", "0" },
	{ "proxy 192.0.2.1\nproxy ::1 10.0.0.0/8\n", "proxy", "3" },
	{ "penalties all\n", "penalties", "2" },
	{ "penalties-exempt 192.0.2.1 2001:db8::/32\n", "penalties-exempt",
	    "2" },
	{ "", "mailbox-owner", "" },
	{ "", "domains", "1" },
	{ "", "log", "0" },
	{ "", "uidl", "0" },
	{ "", "user", "" },
	{ "", "subaddress", "+" },
	{ "", "alias-owner", "nobody" },
	{ "", "relay-concurrency", "5" },
	{ "", "queue-concurrency", "50" },
	{ "", "relay", "" },
	{ "# a comment\n\n   \n\t# another\n", "sessions", "1000" },
	{ "sessions 5\n", "sessions", "5" },
	{ "sessions 5", "sessions", "5" },
	{ "  sessions\t \t5 \t\n", "sessions", "5" },
	{ "sessions 5\r\n", "sessions", "5" },
	{ "sessions 5 # a comment\n", "sessions", "5" },
	{ "sessions 5\t# a comment\n", "sessions", "5" },
	{ "sessions 5\nsessions 6\n", "sessions", "6" },
	{ "sessions 1\n", "sessions", "1" },
	{ "sessions 1000000\n", "sessions", "1000000" },
	{ "sessions-per-source 10\n", "sessions-per-source", "10" },
	{ "sessions-per-user 10\n", "sessions-per-user", "10" },
	{ "sessions-reserved 10\n", "sessions-reserved", "10" },
	{ "idle-exit 600\n", "idle-exit", "600" },
	{ "hostname mail.example.org\n", "hostname", "mail.example.org" },
	{ "hostname mail.example.org\n", "domain 1", "mail.example.org" },
	{ "\n", "letter", "postmaster" },
	{ "letter carol@example.org\n", "letter", "carol@example.org" },
	{ "letter off\n", "letter", "" },
	{ "domains example.org\n", "domain 1", "example.org" },
	{ "domains example.org a.b  c.d\n", "domain 3", "c.d" },
	{ "domains a.b\tc.d\n", "domain 2", "c.d" },
	{ "domains a.b\ndomains c.d\n", "domain 2", "c.d" },
	{ "domains a.b\ndomains c.d\n", "domains", "2" },
	{ "domains " D63 ".example\n", "domain 1", D63 ".example" },
	{ "domains a.b # c.d\n", "domains", "1" },
	{ "users /srv/users\n", "users", "/srv/users" },
	{ "users system\n", "users", "system" },
	{ "users /srv/#1\n", "users", "/srv/#1" },
	{ "mailbox /srv/%d/%u\n", "mailbox", "/srv/%d/%u" },
	{ "mailbox %h/mbox\n", "mailbox", "%h/mbox" },
	{ "mailbox-owner vmail\n", "mailbox-owner", "vmail" },
	{ "aliases /srv/aliases\n", "aliases", "/srv/aliases" },
	{ "queue /srv/queue\n", "queue", "/srv/queue" },
	{ "socket /srv/socket\n", "socket", "/srv/socket" },
	{ "state /srv/state\n", "state", "/srv/state" },
	{ "tls /srv/a.pem\ntls /srv/b.pem\n", "tls 2", "/srv/b.pem" },
	{ "tls /srv/a.pem\ntls /srv/b.pem\n", "tls", "2" },
	{ "tls /srv/a.pem\n", "tls chain 1", "/srv/a.pem" },
	{ "tls /srv/a.key \t/srv/a.crt\n", "tls chain 1", "/srv/a.crt" },
	{ "tls /srv/a.key \t/srv/a.crt\n", "tls 1", "/srv/a.key" },
	{ "tls /srv/a.key /srv/a.crt\n", "tls", "1" },
	{ "tls-priority -VERS-TLS1.2:+X\n", "tls-priority", "-VERS-TLS1.2:+X" },
	{ "relay smtps://u:p@smtp.example.net\n", "relay",
	    "smtps://u:p@smtp.example.net" },
	{ "relay smtp://u:p#q@h\n", "relay", "smtp://u:p#q@h" },
	{ "relay mx # none\n", "relay", "mx" },
	{ "fallback-relay mx:2525\n", "fallback-relay", "mx:2525" },
	{ "route example.org mx\n", "route 1", "mx" },
	{ "route example.org mx\n", "route 1 for", "example.org" },
	{ "route .example.org \tmx\n", "route 1 for", ".example.org" },
	{ "route [192.0.2.1] mx\n", "route 1 for", "[192.0.2.1]" },
	{ "route a.b mx\nroute * mx\n", "route 2 for", "*" },
	{ "route a.b mx\nroute * mx\n", "routes", "2" },
	{ "deliver-by lmtp:unix:/a\n", "deliver-by", "lmtp:unix:/a" },
	{ "", "forward", "%h/.forward" },
	{ "forward /a/%u\n", "forward", "/a/%u" },
	{ "archive a@b.c\n", "archive in", "a@b.c" },
	{ "archive a@b.c\n", "archive out", "a@b.c" },
	{ "archive a@b.c in\n", "archive out", "" },
	{ "archive a@b.c\narchive d@e.f \t out\n", "archive in", "a@b.c" },
	{ "archive a@b.c\narchive d@e.f \t out\n", "archive out", "d@e.f" },
	{ "masquerade a@b.c d@e.f\n", "masquerade 1 for", "a@b.c" },
	{ "masquerade a@b.c d@e.f\n", "masquerade 1", "d@e.f" },
	{ "masquerade @b.c @e.f\n", "masquerade 1", "@e.f" },
	{ "masquerade @b.c d@e.f\n", "masquerade 1 for", "@b.c" },
	{ "masquerade @b.c d@e.f\n", "masquerade 1 login", "0" },
	{ "masquerade @b.c @e.f for login\n", "masquerade 1", "@e.f" },
	{ "masquerade @b.c @e.f \tfor\tlogin\n", "masquerade 1 login", "1" },
	{ "relay-from h.example a@b.c\n", "relay-from 1 for", "h.example" },
	{ "relay-from h.example \ta@b.c\n", "relay-from 1", "a@b.c" },
	{ "relay-from h.example a@b.c\n", "relay-from 1 header", "0" },
	{ "relay-from h a@b.c \theader\n", "relay-from 1", "a@b.c" },
	{ "relay-from h a@b.c header\n", "relay-from 1 header", "1" },
	{ "relay-from a@b.c@h a@b.c\n", "relay-from 1 for", "a@b.c@h" },
	{ "relay-password h token-file:/t\n", "relay-password 1",
	    "token-file:/t" },
	{ "", "profile mx", "0" },
	{ "", "profile submission", "1" },
	{ "profile mx strict\n", "profile mx", "2" },
	{ "profile MX submission\n", "profile mx", "1" },
	{ "profile submission\tMX\n", "profile submission", "0" },
	{ "profile mx strict\n", "profile submission", "1" },
	{ "sender-check login\n", "sender-check", "2" },
	{ "sender-check login\n", "sender-check header", "0" },
	{ "sender-check DOMAIN  header\n", "sender-check", "1" },
	{ "sender-check DOMAIN  header\n", "sender-check header", "1" },
	{ "sender-check domain header\nsender-check off\n",
	    "sender-check header", "0" },
	{ "", "sender-check", "0" },
	{ "sender a x@y.z\nsender b@c.d x@y.z @c.d\n", "sender 2 for",
	    "b@c.d" },
	{ "sender a x@y.z\nsender b x@y.z  @c.d\n", "sender 2", "x@y.z  @c.d" },
	{ "sender-relay a@b.c mx\n", "sender-relay 1 for", "a@b.c" },
	{ "sender-relay a@b.c mx\n", "sender-relay 1", "mx" },
	{ "sender-relay @b.c mx\n", "sender-relay 1 for", "@b.c" },
	{ "sender-relay @b.c mx\n", "sender-relays", "1" },
	{ "relay-password h file:/a b\n", "relay-password 1", "file:/a b" },
	{ "relay-password a@b@h command:/x y\n", "relay-password 1 for",
	    "a@b@h" },
	{ "relay-password h token:/x\n", "relay-passwords", "1" },
	{ "relay-concurrency 7\n", "relay-concurrency", "7" },
	{ "queue-concurrency 7\n", "queue-concurrency", "7" },
	{ "subaddress none\n", "subaddress", "" },
	{ "subaddress +-=\n", "subaddress", "+-=" },
	{ "subaddress .#\n", "subaddress", ".#" },
	{ "alias-owner daemon\n", "alias-owner", "daemon" },
	{ "tls-trust /srv/ca.pem\n", "tls-trust", "/srv/ca.pem" },
	{ "virtual-domains a.b c.d\n", "virtual 2", "c.d" },
	{ "virtual-domains a.b\nvirtual-domains c.d\n", "virtual", "2" },
	{ "resolver 127.0.0.1:53\n", "resolver", "127.0.0.1:53" },
	{ "", "recipient-check", "0" },
	{ "recipient-check local\n", "recipient-check", "0" },
	{ "recipient-check next-hop\n", "recipient-check", "1" },
	{ "uidl native\n", "uidl", "0" },
	{ "uidl dovecot\n", "uidl", "1" },
	{ "uidl Popa3d\n", "uidl", "2" },
	{ "uidl header\n", "uidl", "3" },
	{ "", "arc-seal", "0" },
	{ "arc-seal on\n", "arc-seal", "1" },
	{ "", "arc-trust", "0" },
	{ "arc-trust a.b\narc-trust c.d\n", "arc-trust 2", "c.d" },
	{ "", "auth", "1" },
	{ "auth off\n", "auth", "0" },
	{ "hostname a.b\n", "auth-id", "a.b" },
	{ "hostname a.b\nauth-id c.d\n", "auth-id", "c.d" },
	{ "", "dmarc", "2" },
	{ "dmarc mark\n", "dmarc", "1" },
	{ "dmarc off\n", "dmarc", "0" },
	{ "dmarc-exempt a.b c.d\n", "dmarc-exempt 2", "c.d" },
	{ "", "auth-trust", "0" },
	{ "auth-trust 192.0.2.1 2001:db8::/32\n", "auth-trust", "2" },
	{ "", "received-spf", "0" },
	{ "", "reports", "0" },
	{ "", "mta-sts-mode", "1" },
	{ "mta-sts-mode none\n", "mta-sts-mode", "0" },
	{ "mta-sts-mode enforce\n", "mta-sts-mode", "2" },
	{ "", "junk", "" },
	{ "mailbox %h/mail\njunk %h/junk\n", "junk", "%h/junk" },
	{ "junk /var/mail/%u.junk\n", "junk", "/var/mail/%u.junk" },
	{ "received-spf on\n", "received-spf", "1" },
	{ "reports on\n", "reports", "1" },
	{ "", "filter", "0" },
	{ "filter unix:/a\nfilter inet:[::1]:1 unix:/b\n", "filter", "3" },
	{ "filter unix:/a inet:127.0.0.1:1\n", "filter 2", "inet:127.0.0.1:1" },
	{ "", "filter-failure", "0" },
	{ "filter-failure accept\n", "filter-failure", "1" },
	{ "filter-failure accept\nfilter-failure tempfail\n", "filter-failure",
	    "0" },
	{ "", "filter-timeout", "300" },
	{ "filter-timeout 500\n", "filter-timeout", "500" },
	{ "", "filter-users", "0" },
	{ "filter-users on\n", "filter-users", "1" },
	{ "dmarc-exempt a.b\ndmarc-exempt c.d\n", "dmarc-exempt", "2" },
	{ "", "dnsbl", "0" },
	{ "dnsbl bl.example=127.0.0.2\ndnsbl a.b\n", "dnsbl", "2" },
	{ "dnsbl bl.example=127.0.0.2\n", "dnsbl 1", "bl.example" },
	{ "", "account-messages", "0" },
	{ "account-messages 500\n", "account-messages", "500" },
	{ "account-messages 5\naccount-messages 6 bob\n", "account-messages",
	    "5" },
	{ "account-recipients 500\n", "account-recipients", "500" },
	{ "", "recipients", "100" },
	{ "", "recipients user", "1000" },
	{ "recipients 50\n", "recipients", "50" },
	{ "recipients 50\n", "recipients user", "1000" },
	{ "recipients 5000\n", "recipients user", "5000" },
	{ "recipients 20 user\n", "recipients user", "20" },
	{ "recipients 20\tUser\n", "recipients", "100" },
	{ "recipients 5 user\nrecipients 7\n", "recipients user", "5" },
	{ "", "hide-client", "1" },
	{ "hide-client off\n", "hide-client", "0" },
	{ "", "clients-imap", "0" },
	{ "clients-imap on\n", "clients-imap", "1" },
	{ "", "trust", "0" },
	{ "trust 192.0.2.0/24\ntrust ::1 printer\n", "trust", "2" },
	{ "trust 192.0.2.0/24\n", "trust 1", "192.0.2.0/24" },
	{ "trust 2001:DB8::/32\n", "trust 1", "2001:db8::/32" },
	{ "trust 192.0.2.0/24\n", "trust 1 as", "" },
	{ "trust 192.0.2.0/24  printer\n", "trust 1 as", "printer" },
	{ "", "ehlo-hide", "0" },
	{ "ehlo-hide starttls,Chunking\n", "ehlo-hide", "1" },
	{ "ehlo-hide STLS 127.0.0.0/8 ::1\nehlo-hide TOP\n", "ehlo-hide", "3" },
	{ "", "greet-delay", "0" },
	{ "", "greylist", "0" },
	{ "greylist 300\n", "greylist", "300" },
	{ "greet-delay 6\n", "greet-delay", "6" },
	{ "", "channel-binding", "0" },
	{ "channel-binding on\n", "channel-binding", "1" },
	{ "", "pipelining-check", "0" },
	{ "pipelining-check On\n", "pipelining-check", "1" },
	{ "pipelining-check on\npipelining-check off\n", "pipelining-check",
	    "0" },
	{ "", "policy-exempt", "8" },
	{ "policy-exempt ::1\n", "policy-exempt", "1" },
	{ "policy-exempt 192.0.2.0/24 ::1\n", "policy-exempt", "2" },
	{ "policy-exempt 192.0.2.0/24\n", "policy-exempt 1", "120" },
	{ "user nobody\n", "user", "nobody" },
	{ "plaintext-login never\n", "plaintext-login", "0" },
	{ "plaintext-login loopback\n", "plaintext-login", "1" },
	{ "plaintext-login always\n", "plaintext-login", "2" },
	{ "log syslog\n", "log", "1" },
	{ "log stderr\n", "log", "2" },
	{ "log json\n", "log", "0" },
	{ "log json\n", "log-json", "1" },
	{ "log stderr json\n", "log", "2" },
	{ "log JSON syslog\n", "log", "1" },
	{ "log JSON syslog\n", "log-json", "1" },
	{ "log stderr text\n", "log-json", "0" },
	{ "log stderr\n", "log-json", "0" },
	{ "", "log-name", "postfix" },
	{ "log-name restante\n", "log-name", "restante" },
	{ "log-name Mail_2-x\n", "log-name", "Mail_2-x" },
	{ "log-name none\n", "log-name", "" },
	{ "", "stats-file", "" },
	{ "stats-file /x/y.prom\n", "stats-file", "/x/y.prom" },
	{ "size-limit 0\n", "size-limit", "0" },
	{ "size-limit 1000\n", "size-limit", "1000" },
	{ "size-limit 1K\n", "size-limit", "1024" },
	{ "size-limit 1k\n", "size-limit", "1024" },
	{ "size-limit 50M\n", "size-limit", "52428800" },
	{ "size-limit 2G\n", "size-limit", "2147483648" },
	{ "size-limit 4G\n", "size-limit", "4294967296" },
	{ "size-limit 3t\n", "size-limit", "3298534883328" },
	{ "size-limit 999999999999\n", "size-limit", "999999999999" },
};

static const struct {
	const char *text;
	unsigned line;
	const char *error; /* is in it */
} bad[] = {
	{ "foo bar\n", 1, "unknown key \"foo\"" },
	{ "\n# x\n\n  foo bar\n", 4, "unknown key \"foo\"" },
	{ "sessions 5\nfoo\n", 2, "unknown key \"foo\"" },
	{ "Sessions 5\n", 1,
	    "unknown key \"Sessions\"; did you mean sessions?" },
	{ "sessions=5\n", 1,
	    "unknown key \"sessions=5\"; did you mean sessions?" },
	{ "domains b\xc3\xbc"
	  "cher.example\n",
	    1, "write it as the DNS has it: xn--bcher-kva.example" },
	{ "hostnme x\n", 1, "unknown key \"hostnme\"; did you mean hostname?" },
	{ "sessions: 5\n", 1, "unknown key" },
	{ "session 5\n", 1, "unknown key" },
	{ "\xef\xbb\xbfsessions 5\n", 1, "unknown key" },
	{ "aliases\n", 1, "value is missing" },
	{ "aliases a b\n", 1, "\"a b\"" },
	{ "domains\n", 1, "value is missing" },
	{ "domains a..b\n", 1, "\"a..b\"" },
	{ "arc-seal yes\n", 1, "\"yes\"" },
	{ "arc-trust a..b\n", 1, "not a domain: \"a..b\"" },
	{ "auth-trust mx.example\n", 1, "\"mx.example\"" },
	{ "received-spf yes\n", 1, "\"yes\"" },
	{ "filter /run/x\n", 1, "\"/run/x\"" },
	{ "filter unix:/a inet:host.example:1\n", 1, "inet:host.example:1" },
	{ "filter-failure reject\n", 1, "\"reject\"" },
	{ "filter-timeout 501\n", 1, "\"501\"" },
	{ "filter-timeout 0\n", 1, "\"0\"" },
	{ "filter-users yes\n", 1, "\"yes\"" },
	{ "reports 1\n", 1, "\"1\"" },
	{ "junk /var/mail/junk\n", 1, "%u (or %h) must be in" },
	{ "domains a.b, c.d\n", 1, "\"a.b,\"" },
	{ "domains a@b\n", 1, "\"a@b\"" },
	{ "domains a.b \xc3\xbc.example\n", 1, "not a domain" },
	{ "domains example.org.\n", 1, "\"example.org.\"" },
	{ "domains " D63 "d.example\n", 1, "not a domain" },
	{ "domains " D63 "." D63 "." D63 "." D63 "." D63 "\n", 1, "domain" },
	{ "domains 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 "
	  "24 25 26 27 28 29 30 31 32 33\n",
	    1, "too many" },
	{ "dnsbl\n", 1, "value is missing" },
	{ "dnsbl a.b c.d\n", 1, "\"a.b c.d\"" },
	{ "dnsbl a.b=2\n", 1, "\"a.b=2\"" },
	{ "account-messages many\n", 1, "\"many\"" },
	{ "greet-delay 0\n", 1, "\"0\"" },
	{ "greet-delay 6s\n", 1, "\"6s\"" },
	{ "pipelining-check 1\n", 1, "on or off" },
	{ "pipelining-check\n", 1, "value is missing" },
	{ "trust printer\n", 1, "\"printer\"" },
	{ "trust 192.0.2.1/24\n", 1, "\"192.0.2.1/24\"" },
	{ "trust 192.0.2.1 Printer\n", 1, "\"Printer\"" },
	{ "trust 192.0.2.1 a b\n", 1, "\"a b\"" },
	{ "trust 127.0.0.0/8 ::1\n", 1, "a line for each network" },
	{ "ehlo-hide STARTLS\n", 1, "\"STARTLS\"" },
	{ "ehlo-hide STARTTLS,\n", 1, "\"STARTTLS,\"" },
	{ "ehlo-hide STARTTLS, TOP\n", 1, "\"STARTTLS,\"" },
	{ "ehlo-hide ,TOP\n", 1, "\"\"" },
	{ "ehlo-hide TOP 192.0.2.1/24\n", 1, "\"192.0.2.1/24\"" },
	{ "hide-client yes\n", 1, "\"yes\"" },
	{ "clients-imap 993\n", 1, "\"993\"" },
	{ "recipients 0\n", 1, "\"0\"" },
	{ "recipients x user\n", 1, "\"x\"" },
	{ "recipients 100 alice\n", 1, "\"alice\"" },
	{ "policy-exempt 192.0.2.1/24\n", 1, "\"192.0.2.1/24\"" },
	{ "policy-exempt ::1 example.org\n", 1, "\"example.org\"" },
	{ "greylist on\n", 1, "\"on\"" },
	{ "hostname\n", 1, "value is missing" },
	{ "hostname a b\n", 1, "\"a b\"" },
	{ "letter a b\n", 1, "\"a b\"" },
	{ "letter -x\n", 1, "\"-x\"" },
	{ "hostname a..b\n", 1, "\"a..b\"" },
	{ "hostname not!a!name\n", 1, "\"not!a!name\"" },
	{ "idle-exit\n", 1, "value is missing" },
	{ "idle-exit 0\n", 1, "\"0\"" },
	{ "idle-exit x\n", 1, "\"x\"" },
	{ "idle-exit -1\n", 1, "\"-1\"" },
	{ "idle-exit 60s\n", 1, "\"60s\"" },
	{ "log\n", 1, "value is missing" },
	{ "log-name a/b\n", 1, "letters, digits, - and _" },
	{ "stats-file /x y\n", 1, "\"/x y\"" },
	{ "log-name a b\n", 1, "letters, digits, - and _" },
	{ "log xml\n", 1, "text or json" },
	{ "log stderr jsonl\n", 1, "text or json" },
	{ "log /var/log/mail\n", 1, "\"/var/log/mail\"" },
	{ "mailbox\n", 1, "value is missing" },
	{ "mailbox /var/mail/all\n", 1, "%u" },
	{ "mailbox /var/mail/%d\n", 1, "%u" },
	{ "mailbox /var/mail/%q/%u\n", 1, "%q" },
	{ "mailbox /var/mail/%u%\n", 1, "%" },
	{ "mailbox /var/mail/%U\n", 1, "%U" },
	{ "mailbox /var/mail/%%u\n", 1, "%%u" },
	{ "mailbox a %u\n", 1, "a %u" },
	{ "mailbox-owner\n", 1, "value is missing" },
	{ "mailbox-owner a b\n", 1, "\"a b\"" },
	{ "plaintext-login\n", 1, "value is missing" },
	{ "plaintext-login yes\n", 1, "\"yes\"" },
	{ "plaintext-login never always\n", 1, "\"never always\"" },
	{ "queue\n", 1, "value is missing" },
	{ "queue a b\n", 1, "\"a b\"" },
	{ "relay\n", 1, "value is missing" },
	{ "relay a b\n", 1, "one word" },
	{ "fallback-relay a b\n", 1, "one word" },
	{ "route\n", 1, "value is missing" },
	{ "route example.org\n", 1, "two words" },
	{ "route example.org mx mx\n", 1, "one word" },
	{ "route a..b mx\n", 1, "\"a..b\"" },
	{ "route *.example.org mx\n", 1, "\"*.example.org\"" },
	{ "route . mx\n", 1, "\".\"" },
	{ "route a@b mx\n", 1, "\"a@b\"" },
	{ "deliver-by smtp://a.example\n", 1, "\"smtp://a.example\"" },
	{ "forward /a/b\n", 1, "\"/a/b\"" },
	{ "forward /a/%x%u\n", 1, "\"/a/%x%u\"" },
	{ "deliver-by lmtp:unix:/a b\n", 1, "a next hop" },
	{ "archive a\n", 1, "\"a\"" },
	{ "archive @b.c\n", 1, "\"@b.c\"" },
	{ "archive a@b.c both\n", 1, "\"both\"" },
	{ "archive a@b.c in out\n", 1, "\"in out\"" },
	{ "masquerade a@b.c\n", 1, "\"a@b.c\"" },
	{ "masquerade a d@e.f\n", 1, "\"a\"" },
	{ "masquerade a@b.c d\n", 1, "\"d\"" },
	{ "masquerade a@b.c d@e.f g@h.i\n", 1, "\"d@e.f g@h.i\"" },
	{ "masquerade a@b.c @\n", 1, "\"@\"" },
	{ "masquerade a@b.c d@e.f for\n", 1, "\"d@e.f for\"" },
	{ "masquerade a@b.c d@e.f login\n", 1, "\"d@e.f login\"" },
	{ "masquerade a@b.c d@e.f for login x\n", 1, "for login x\"" },
	{ "relay-from h\n", 1, "two words expected" },
	{ "relay-from @h a@b.c\n", 1, "\"@h\"" },
	{ "relay-from smtps://h a@b.c\n", 1, "\"smtps://h\"" },
	{ "relay-from h a\n", 1, "\"a\"" },
	{ "relay-from h <>\n", 1, "\"<>\"" },
	{ "relay-from h @b.c\n", 1, "\"@b.c\"" },
	{ "relay-from h a@b.c From\n", 1, "\"a@b.c From\"" },
	{ "relay-from h a@b.c header x\n", 1, "header x\"" },
	{ "relay-password h token-file:t\n", 1, "token-file:/path" },
	{ "profile strict\n", 1, "\"strict\"" },
	{ "profile mx\n", 1, "strict expected" },
	{ "profile mx lax\n", 1, "\"lax\"" },
	{ "profile local strict\n", 1, "\"local\"" },
	{ "profile mx strict now\n", 1, "\"strict now\"" },
	{ "sender-check yes\n", 1, "\"yes\"" },
	{ "sender-check\n", 1, "missing" },
	{ "sender-check login all\n", 1, "\"all\"" },
	{ "sender alice\n", 1, "two words" },
	{ "sender alice x\n", 1, "\"x\"" },
	{ "sender alice x@y.z, w@y.z\n", 1, "\"x@y.z,\"" },
	{ "sender-relay a mx\n", 1, "\"a\"" },
	{ "sender-relay <a@b> mx\n", 1, "\"<a@b>\"" },
	{ "sender-relay @ mx\n", 1, "\"@\"" },
	{ "sender-relay a@b.c\n", 1, "two words" },
	{ "relay-password h\n", 1, "two words" },
	{ "relay-password h secret\n", 1, "after \"h\"" },
	{ "relay-password h file:x\n", 1, "after \"h\"" },
	{ "relay-password @h file:/x\n", 1, "\"@h\"" },
	{ "relay-password u@ file:/x\n", 1, "\"u@\"" },
	{ "relay-concurrency 0\n", 1, "\"0\"" },
	{ "subaddress a\n", 1, "\"a\"" },
	{ "subaddress + -\n", 1, "\"+ -\"" },
	{ "subaddress @\n", 1, "\"@\"" },
	{ "tls-trust a b\n", 1, "\"a b\"" },
	{ "virtual-domains a..b\n", 1, "\"a..b\"" },
	{ "resolver\n", 1, "value is missing" },
	{ "resolver a b\n", 1, "\"a b\"" },
	{ "sessions\n", 1, "value is missing" },
	{ "sessions # 5\n", 1, "value is missing" },
	{ "sessions 0\n", 1, "\"0\"" },
	{ "sessions 1000001\n", 1, "\"1000001\"" },
	{ "sessions 4294967297\n", 1, "\"4294967297\"" },
	{ "sessions 99999999999999999999\n", 1, "\"99999999999999999999\"" },
	{ "sessions 5 6\n", 1, "\"5 6\"" },
	{ "sessions 5.5\n", 1, "\"5.5\"" },
	{ "sessions 0x5\n", 1, "\"0x5\"" },
	{ "sessions 5#6\n", 1, "\"5#6\"" },
	{ "sessions-per-source\n", 1, "value is missing" },
	{ "sessions-per-source 0\n", 1, "\"0\"" },
	{ "sessions-per-user 0\n", 1, "\"0\"" },
	{ "sessions-reserved 0\n", 1, "\"0\"" },
	{ "penalties yes\n", 1, "off, on or all" },
	{ "proxy on\n", 1, "\"on\"" },
	{ "penalties-exempt 192.0.2.1/24\n", 1, "192.0.2.0/24" },
	{ "penalties-exempt example.org\n", 1, "\"example.org\"" },
	{ "sessions-per-source many\n", 1, "\"many\"" },
	{ "size-limit\n", 1, "value is missing" },
	{ "size-limit M\n", 1, "\"M\"" },
	{ "size-limit 5X\n", 1, "\"5X\"" },
	{ "size-limit 5MB\n", 1, "\"5MB\"" },
	{ "size-limit 5 M\n", 1, "\"5 M\"" },
	{ "size-limit -5M\n", 1, "\"-5M\"" },
	{ "size-limit +5M\n", 1, "\"+5M\"" },
	{ "size-limit 1.5M\n", 1, "\"1.5M\"" },
	{ "size-limit 5\xcd\n", 1, "size" },
	{ "size-limit 99999999999999999999\n", 1, "size" },
	{ "size-limit 18446744073709551617\n", 1, "size" },
	{ "size-limit 999999999999T\n", 1, "too large" },
	{ "socket\n", 1, "value is missing" },
	{ "socket a b\n", 1, "\"a b\"" },
	{ "state\n", 1, "value is missing" },
	{ "state a b\n", 1, "\"a b\"" },
	{ "tls\n", 1, "value is missing" },
	{ "tls a b c\n", 1, "\"a b c\"" },
	{ "tls-priority\n", 1, "value is missing" },
	{ "recipient-check\n", 1, "value is missing" },
	{ "recipient-check on\n", 1, "\"on\"" },
	{ "uidl\n", 1, "value is missing" },
	{ "uidl courier\n", 1, "\"courier\"" },
	{ "user\n", 1, "value is missing" },
	{ "user a b\n", 1, "\"a b\"" },
	{ "users\n", 1, "value is missing" },
	{ "users a b\n", 1, "\"a b\"" },
};

/* A name for TAP: the text in one line, and not too much of it. */
static const char *
shown(const char *text)
{
	static char out[64];
	size_t n = 0;

	for (; *text != '\0' && n < sizeof(out) - 1; text++) {
		out[n++] =
		    isgraph((unsigned char)*text) && *text != '#' ? *text : '_';
	}
	out[n] = '\0';
	return out;
}

/* 0 and what was read, or -1. */
static int
load(struct config *c, const char *file, char error[CONFIG_ERROR])
{
	struct config *read = config_load(file, error);

	if (read == NULL) {
		return -1;
	}
	*c = *read;
	free(read);
	return 0;
}

static void
test_tables(void)
{
	static struct config c;
	char error[CONFIG_ERROR], place[PATH_MAX + 16];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		scratch_write(path, good[i].text, strlen(good[i].text));
		bool read = load(&c, path, error) == 0;
		ok(read && strcmp(value(&c, good[i].key), good[i].value) == 0 &&
			strcmp(c.file, path) == 0,
		    "good: \"%s\": %s is \"%s\"", shown(good[i].text),
		    good[i].key, good[i].value);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		scratch_write(path, bad[i].text, strlen(bad[i].text));
		snprintf(place, sizeof(place), "%s:%u: ", path, bad[i].line);
		error[0] = '\0';
		bool failed = load(&c, path, error) == -1;
		ok(failed && strncmp(error, place, strlen(place)) == 0 &&
			strstr(error + strlen(place), bad[i].error) != NULL,
		    "bad: \"%s\"", shown(bad[i].text));
		if (!failed || strstr(error, bad[i].error) == NULL) {
			note("%s", error);
		}
	}
}

/* Values at the limit of their room. */
static void
test_lengths(void)
{
	static const struct {
		const char *key;
		size_t most;
	} keys[] = {
		{ "relay ", CONFIG_VALUE - 1 },
		{ "route * ", CONFIG_VALUE - 1 },
		{ "tls-priority ", CONFIG_NAME - 1 },
		{ "user ", CONFIG_NAME - 1 },
		{ "queue ", PATH_MAX - 1 },
		{ "tls ", PATH_MAX - 1 },
		{ "users ", PATH_MAX - 1 },
	};
	static struct config c;
	char error[CONFIG_ERROR];

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]) * 2; i++) {
		size_t over = i % 2;
		struct bytes b = { .len = 0 };
		bytes_text(&b, keys[i / 2].key);
		bytes_fill(&b, 'x', keys[i / 2].most + over);
		bytes_text(&b, "\n");
		scratch_write(path, b.data, b.len);
		ok((load(&c, path, error) == 0) == (over == 0),
		    "%sof %zu octets is %s", keys[i / 2].key,
		    keys[i / 2].most + over, over ? "too long" : "good");
		free(b.data);
	}
	struct bytes b = { .len = 0 };
	for (int i = 0; i < CONFIG_LIST + 1; i++) {
		bytes_text(&b, "tls /a\n");
	}
	scratch_write(path, b.data, b.len);
	ok(load(&c, path, error) == -1 &&
		strstr(error, ":33: too many") != NULL,
	    "a certificate too many");
	scratch_write(path, b.data, b.len - 7);
	ok(load(&c, path, error) == 0 && c.ntls == CONFIG_LIST,
	    "as many certificates as there may be");
	free(b.data);
}

static void
test_files(void)
{
	static struct config c;
	char error[CONFIG_ERROR] = "", missing[PATH_MAX];

	scratch_path(missing, "missing");
	ok(load(&c, missing, error) == -1 && strstr(error, missing) != NULL &&
		strstr(error, strerror(ENOENT)) != NULL,
	    "a file that is missing is named");
	ok(load(&c, scratch_dir, error) == -1 &&
		strstr(error, scratch_dir) != NULL &&
		strstr(error, strerror(EISDIR)) != NULL,
	    "a folder is no configuration");
	ok(load(&c, "/dev/null", error) == 0 && c.hostname[0] != '\0' &&
		c.ndomains == 1 && strcmp(c.domains[0], c.hostname) == 0,
	    "with an empty file there is a host name, which is our domain");
	static const char nul[] = "hostname good.example\0bad\n";
	scratch_write(path, nul, sizeof(nul) - 1);
	ok(load(&c, path, error) == -1, "NUL in a line is an error");
}

static void
test_ours(void)
{
	static const char text[] = "hostname Mail.example\n"
				   "domains a.example B.example\n"
				   "virtual-domains V.example\n";
	static struct config c;
	char error[CONFIG_ERROR];

	scratch_write(path, text, sizeof(text) - 1);
	scratch_need(load(&c, path, error) == 0, "config_load");
	ok(config_is_ours(&c, "a.example"), "a domain is ours");
	ok(config_is_ours(&c, "A.EXAMPLE"), "whatever its case");
	ok(config_is_ours(&c, "b.example"), "here, too");
	ok(config_is_ours(&c, "mail.example"), "the host name is");
	ok(config_is_ours(&c, "v.example"), "a virtual domain is");
	ok(config_is_virtual(&c, "v.example") &&
		!config_is_virtual(&c, "a.example"),
	    "and only that is virtual");
	static const char *const here[] = { "localhost", "LocalHost",
		"localhost.localdomain", "[127.0.0.1]", "[IPv6:::1]",
		"[ipv6:0:0:0:0:0:0:0:1]" };
	for (size_t i = 0; i < sizeof(here) / sizeof(here[0]); i++) {
		ok(config_is_ours(&c, here[i]) &&
			!config_is_ours_to_all(&c, here[i]),
		    "%s is ours, but no stranger's", here[i]);
	}
	static const char *const away[] = { "[127.0.0.2]", "[192.0.2.1]",
		"[IPv6:::2]", "[IPv6:::ffff:127.0.0.1]", "127.0.0.1", "[]",
		"[IPv6:]", "localhost.example", "x.localhost" };
	for (size_t i = 0; i < sizeof(away) / sizeof(away[0]); i++) {
		ok(!config_is_ours(&c, away[i]), "%s is not", away[i]);
	}
	strlcpy(c.system_name, "box7", sizeof(c.system_name));
	ok(config_is_ours(&c, "BOX7") && !config_is_ours_to_all(&c, "box7"),
	    "the system's name is, too");
	ok(config_is_ours_to_all(&c, "b.example"), "a domain is everybody's");
	ok(!config_is_ours(&c, "c.example"), "another is not");
	ok(!config_is_ours(&c, "x.a.example"), "nor is one below");
	ok(!config_is_ours(&c, "example"), "nor one above");
	ok(!config_is_ours(&c, ""), "nor none");
}

/* Where the users are: the file named, or the system's accounts. */
static void
test_users(void)
{
	static const struct {
		const char *text;
		bool system;
	} table[] = {
		{ "users /nonexistent/users\n", false },
		{ "users system\n", true },
	};
	static struct config c;
	char error[CONFIG_ERROR];

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		scratch_write(path, table[i].text, strlen(table[i].text));
		scratch_need(load(&c, path, error) == 0, "config_load");
		ok(config_system_users(&c) == table[i].system, "%s",
		    table[i].system ? "users of the system"
				    : "users in a file");
	}
}

/* What a file leaves out is in its folder; only the installed file, or none,
   stands for the installed system. */
static void
test_places(void)
{
	static struct config c, none;
	char error[CONFIG_ERROR], folder[PATH_MAX], name[PATH_MAX];

	strlcpy(folder, path, sizeof(folder));
	*strrchr(folder, '/') = '\0';
	scratch_write(path, "", 0);
	scratch_need(load(&c, path, error) == 0, "config_load");
	const struct {
		const char *found, *name;
	} table[] = { { c.mailbox, "mail/%u" }, { c.queue, "queue" },
		{ c.state, "state" }, { c.socket, "submission" },
		{ c.aliases, "aliases" }, { c.users, "users" },
		{ c.tls_default, "tls.pem" } };
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		scratch_need(snprintf(name, sizeof(name), "%s/%s", folder,
				 table[i].name) < (int)sizeof(name),
		    "the name of a file");
		ok(strcmp(table[i].found, name) == 0, "%s is in its folder: %s",
		    table[i].name, table[i].found);
	}
	ok(config_system_users(&c) && c.ntls == 0,
	    "without these files, no certificate and the system's accounts");
	scratch_need(chdir(folder) == 0 && load(&c, "config", error) == 0,
	    "a relative name");
	ok(strcmp(c.folder, folder) == 0, "also of a name without a folder");
	scratch_write("tls.pem", "x", 1);
	scratch_write("users", "", 0);
	scratch_need(load(&c, path, error) == 0, "config_load");
	ok(!config_system_users(&c) && c.ntls == 1,
	    "with these files, users and certificate are theirs");
	unlink("tls.pem");
	unlink("users");
	if (access(SYSCONFDIR "/restante/restante.conf", F_OK) == 0) {
		return; /* what it says is its own */
	}
	scratch_need(load(&none, NULL, error) == 0, "no file");
	ok(strcmp(none.mailbox, "/var/mail/%u") == 0 &&
		strcmp(none.queue, "/var/spool/restante") == 0 &&
		strcmp(none.state, "/var/lib/restante") == 0 &&
		strcmp(none.socket, "/run/restante/submission") == 0,
	    "without -c the places are the system's");
}

/* What is in memory once the passwords of next hops are hidden. */
static void
test_hidden(void)
{
	static const struct {
		const char *hop, *hidden;
	} table[] = {
		{ "smtp://user:secret@h", "smtp://user:\001@h" },
		{ "SMTPS://u:secret@h:465/?tls=must",
		    "SMTPS://u:\001@h:465/?tls=must" },
		{ "smtp://u:secret@secret:/?secret@h", "smtp://u:\001@h" },
		{ "user:secret@h", "user:\001@h" }, /* a scheme is missing */
		{ "smtp//u:secret@h", "smtp//u:\001@h" },
		{ "smtp://u:s@h", "smtp://u:\001@h" },
		{ "smtp://u:@h", "smtp://u:@h" },
		{ "smtp://user@h:25", "smtp://user@h:25" },
		{ "smtp://h:25", "smtp://h:25" },
		{ "lmtp:unix:/run/a:b@c", "lmtp:unix:/run/a:b@c" },
		{ "mx", "mx" },
		{ "", "" },
	};
	static struct config c;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const char *hop = table[i].hop, *hidden = table[i].hidden;
		memset(&c, 0, sizeof(c));
		c.nroutes = c.nsender_relays = CONFIG_LIST;
		char *const places[] = { c.relay, c.fallback_relay,
			c.routes[0].value, c.routes[CONFIG_LIST - 1].value,
			c.sender_relays[0].value,
			c.sender_relays[CONFIG_LIST - 1].value };
		for (size_t j = 0; j < 6; j++) {
			strlcpy(places[j], hop, CONFIG_VALUE);
		}
		config_hide_passwords(&c);
		config_hide_passwords(&c); /* the second time nothing is left */
		for (size_t j = 0; j < 6; j++) {
			ok(strcmp(places[j], hidden) == 0,
			    "\"%s\" is hidden in place %zu", shown(hop), j);
		}
		ok(memmem(&c, sizeof(c), "secret", 6) == NULL,
		    "and nothing of it is left");
	}
}

int
main(void)
{
	scratch_make();
	scratch_path(path, "config");
	test_tables();
	test_lengths();
	test_files();
	test_ours();
	test_users();
	test_places();
	test_hidden();
	return tap_done();
}
