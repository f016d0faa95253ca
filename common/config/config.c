/* SPDX-License-Identifier: ISC */
/* Reads "key value" lines into struct config by a table of keys. */
#include "common/config/config.h"

#include "common/config/config_private.h"
#include "common/text/address.h"
#include "common/text/nearest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum kind {
	KIND_NAME, /* a word into char[CONFIG_NAME] */
	KIND_TEXT, /* the whole value into char[CONFIG_NAME] */
	KIND_PATH, /* a word into char[PATH_MAX] */
	KIND_COUNT,
	KIND_SIZE,
	KIND_LIMIT, /* a number into struct limits */
	KIND_QUOTA, /* a size into struct limits */
	KIND_DOMAINS,
	KIND_VIRTUAL,
	KIND_HOP,
	KIND_ROUTE,
	KIND_SENDER,
	KIND_SECRET,
	KIND_PROFILE,
	KIND_SENDER_CHECK,
	KIND_USER_SENDER,
	KIND_RELAY_FROM,
	KIND_MASQUERADE,
	KIND_ARCHIVE,
	KIND_DELIVER_BY,
	KIND_SUBADDRESS,
	KIND_TLS,
	KIND_PLAINTEXT,
	KIND_PENALTIES,
	KIND_PENALTY_EXEMPT,
	KIND_PROXY,
	KIND_COMMAND,
	KIND_LOG,
	KIND_LOG_NAME,
	KIND_UIDL,
	KIND_DKIM_SIGN,
	KIND_SRS_DOMAIN,
	KIND_MAILBOX,
	KIND_HOSTNAME,
	KIND_LETTER,
	KIND_SWITCH,
	KIND_EXEMPT,
	KIND_DNSBL,
	KIND_DMARC,
	KIND_DMARC_EXEMPT,
	KIND_DANE,
	KIND_STS_MODE,
	KIND_RECIPIENT_CHECK,
	KIND_AUTH_TRUST,
	KIND_ARC_TRUST,
	KIND_FILTER,
	KIND_FILTER_FAILURE,
	KIND_FILTER_TIMEOUT,
	KIND_TRUST,
	KIND_EHLO_HIDE,
	KIND_RECIPIENTS,
	KINDS,
};

struct key {
	const char *name;
	enum kind kind;
	size_t offset;
};

static const struct key keys[] = {
	{ "access", KIND_PATH, offsetof(struct config, access) },
	{ "account-messages", KIND_LIMIT,
	    offsetof(struct config, account_messages) },
	{ "account-recipients", KIND_LIMIT,
	    offsetof(struct config, account_recipients) },
	{ "alert", KIND_COMMAND, offsetof(struct config, alert) },
	{ "alias-owner", KIND_NAME, offsetof(struct config, alias_owner) },
	{ "aliases", KIND_PATH, offsetof(struct config, aliases) },
	{ "arc-seal", KIND_SWITCH, offsetof(struct config, arc_seal) },
	{ "arc-trust", KIND_ARC_TRUST, 0 },
	{ "archive", KIND_ARCHIVE, 0 },
	{ "auth", KIND_SWITCH, offsetof(struct config, auth) },
	{ "auth-id", KIND_NAME, offsetof(struct config, auth_id) },
	{ "auth-trust", KIND_AUTH_TRUST, 0 },
	{ "channel-binding", KIND_SWITCH,
	    offsetof(struct config, channel_binding) },
	{ "clients-imap", KIND_SWITCH, offsetof(struct config, clients_imap) },
	{ "dane", KIND_DANE, offsetof(struct config, dane) },
	{ "deliver-by", KIND_DELIVER_BY, 0 },
	{ "dkim-sign", KIND_DKIM_SIGN, offsetof(struct config, dkim_sign) },
	{ "dmarc", KIND_DMARC, offsetof(struct config, dmarc) },
	{ "dmarc-exempt", KIND_DMARC_EXEMPT, 0 },
	{ "dnsbl", KIND_DNSBL, 0 },
	{ "domains", KIND_DOMAINS, 0 },
	{ "ehlo-hide", KIND_EHLO_HIDE, 0 },
	{ "expire", KIND_LIMIT, offsetof(struct config, expire) },
	{ "fallback-relay", KIND_HOP, offsetof(struct config, fallback_relay) },
	{ "filter", KIND_FILTER, 0 },
	{ "filter-failure", KIND_FILTER_FAILURE, 0 },
	{ "filter-timeout", KIND_FILTER_TIMEOUT, 0 },
	{ "filter-users", KIND_SWITCH, offsetof(struct config, filter_users) },
	{ "forward", KIND_MAILBOX, offsetof(struct config, forward) },
	{ "greet-delay", KIND_COUNT, offsetof(struct config, greet_delay) },
	{ "greylist", KIND_COUNT, offsetof(struct config, greylist) },
	{ "hide-client", KIND_SWITCH, offsetof(struct config, hide_client) },
	{ "hostname", KIND_HOSTNAME, 0 },
	{ "idle-exit", KIND_COUNT, offsetof(struct config, idle_exit) },
	{ "junk", KIND_MAILBOX, offsetof(struct config, junk) },
	{ "letter", KIND_LETTER, 0 },
	{ "log", KIND_LOG, 0 },
	{ "login-delay", KIND_LIMIT, offsetof(struct config, login_delay) },
	{ "log-name", KIND_LOG_NAME, 0 },
	{ "mailbox", KIND_MAILBOX, offsetof(struct config, mailbox) },
	{ "mailbox-owner", KIND_NAME, offsetof(struct config, mailbox_owner) },
	{ "mark-as-read", KIND_SWITCH, offsetof(struct config, mark_as_read) },
	{ "masquerade", KIND_MASQUERADE, 0 },
	{ "oauth-command", KIND_COMMAND,
	    offsetof(struct config, oauth_command) },
	{ "oauth-owner", KIND_NAME, offsetof(struct config, oauth_owner) },
	{ "password-minimum", KIND_COUNT,
	    offsetof(struct config, password_minimum) },
	{ "penalties", KIND_PENALTIES, offsetof(struct config, penalties) },
	{ "penalties-exempt", KIND_PENALTY_EXEMPT, 0 },
	{ "pipelining-check", KIND_SWITCH,
	    offsetof(struct config, pipelining_check) },
	{ "plaintext-login", KIND_PLAINTEXT,
	    offsetof(struct config, plaintext_login) },
	{ "policy-exempt", KIND_EXEMPT, 0 },
	{ "proxy", KIND_PROXY, 0 },
	{ "profile", KIND_PROFILE, 0 },
	{ "queue", KIND_PATH, offsetof(struct config, queue) },
	{ "queue-concurrency", KIND_COUNT,
	    offsetof(struct config, queue_concurrency) },
	{ "quota", KIND_QUOTA, offsetof(struct config, quota) },
	{ "received-spf", KIND_SWITCH, offsetof(struct config, received_spf) },
	{ "recipient-check", KIND_RECIPIENT_CHECK,
	    offsetof(struct config, recipient_check) },
	{ "recipients", KIND_RECIPIENTS, 0 },
	{ "relay", KIND_HOP, offsetof(struct config, relay) },
	{ "relay-concurrency", KIND_COUNT,
	    offsetof(struct config, relay_concurrency) },
	{ "relay-from", KIND_RELAY_FROM, 0 },
	{ "relay-password", KIND_SECRET, 0 },
	{ "reports", KIND_SWITCH, offsetof(struct config, reports) },
	{ "resolver", KIND_NAME, offsetof(struct config, resolver) },
	{ "route", KIND_ROUTE, 0 },
	{ "sender", KIND_USER_SENDER, 0 },
	{ "sender-check", KIND_SENDER_CHECK, 0 },
	{ "sender-relay", KIND_SENDER, 0 },
	{ "sessions", KIND_COUNT, offsetof(struct config, sessions) },
	{ "sessions-per-source", KIND_COUNT,
	    offsetof(struct config, sessions_per_source) },
	{ "sessions-per-user", KIND_COUNT,
	    offsetof(struct config, sessions_per_user) },
	{ "sessions-reserved", KIND_COUNT,
	    offsetof(struct config, sessions_reserved) },
	{ "size-limit", KIND_SIZE, offsetof(struct config, size_limit) },
	{ "mta-sts", KIND_SWITCH, offsetof(struct config, mta_sts) },
	{ "mta-sts-mode", KIND_STS_MODE,
	    offsetof(struct config, mta_sts_mode) },
	{ "minimum-free", KIND_SIZE, offsetof(struct config, minimum_free) },
	{ "socket", KIND_PATH, offsetof(struct config, socket) },
	{ "srs", KIND_SWITCH, offsetof(struct config, srs) },
	{ "srs-domain", KIND_SRS_DOMAIN, 0 },
	{ "state", KIND_PATH, offsetof(struct config, state) },
	{ "stats-file", KIND_PATH, offsetof(struct config, stats_file) },
	{ "strangers-room", KIND_SIZE,
	    offsetof(struct config, strangers_room) },
	{ "subaddress", KIND_SUBADDRESS, 0 },
	{ "tls", KIND_TLS, 0 },
	{ "tls-client-ca", KIND_PATH, offsetof(struct config, tls_client_ca) },
	{ "tls-priority", KIND_TEXT, offsetof(struct config, tls_priority) },
	{ "tls-trust", KIND_PATH, offsetof(struct config, tls_trust) },
	{ "trust", KIND_TRUST, 0 },
	{ "uidl", KIND_UIDL, offsetof(struct config, uidl) },
	{ "undelete", KIND_LIMIT, offsetof(struct config, undelete) },
	{ "user", KIND_NAME, offsetof(struct config, user) },
	{ "users", KIND_PATH, offsetof(struct config, users) },
	{ "virtual-domains", KIND_VIRTUAL, 0 },
};

/* One of up to four words, in the order of its enum. */
static const struct {
	const char *const words[CONFIG_CHOICES];
	const char *expected;
} choices[KINDS] = {
	[KIND_PLAINTEXT] = { { "never", "loopback", "always" },
	    "never, loopback or always expected, not" },
	[KIND_PENALTIES] = { { "off", "on", "all" },
	    "off, on or all expected, not" },
	[KIND_UIDL] = { { "native", "dovecot", "popa3d", "header" },
	    "native, dovecot, popa3d or header expected, not" },
	[KIND_DKIM_SIGN] = { { "rsa", "both", "off" },
	    "rsa, both or off expected, not" },
	[KIND_DMARC] = { { "off", "mark", "enforce" },
	    "off, mark or enforce expected, not" },
	[KIND_DANE] = { { "off", "auto", "on" },
	    "off, auto or on expected, not" },
	[KIND_RECIPIENT_CHECK] = { { "local", "next-hop" },
	    "local or next-hop expected, not" },
	[KIND_STS_MODE] = { { "none", "testing", "enforce" },
	    "none, testing or enforce expected, not" },
};

_Static_assert(sizeof(enum uidl_style) == sizeof(unsigned), "see set_key()");
_Static_assert(sizeof(enum dmarc_mode) == sizeof(unsigned), "the same");
_Static_assert(sizeof(enum dane_mode) == sizeof(unsigned), "the same");
_Static_assert(sizeof(enum recipient_check) == sizeof(unsigned), "the same");
_Static_assert(sizeof(enum sts_mode) == sizeof(unsigned), "the same");
_Static_assert(sizeof(enum dkim_sign) == sizeof(unsigned), "the same");

static int
set_domains(const struct config_place *at, struct config *c, const char *value)
{
	return config_set_domains(at, c->domains, &c->ndomains, value);
}

static int
set_virtual(const struct config_place *at, struct config *c, const char *value)
{
	return config_set_domains(
	    at, c->virtual_domains, &c->nvirtual_domains, value);
}

static int
set_proxies(const struct config_place *at, struct config *c, const char *value)
{
	return config_set_networks(at, c->proxies, &c->nproxies, value);
}

static int
set_exempt(const struct config_place *at, struct config *c, const char *value)
{
	return config_set_networks(
	    at, c->policy_exempt, &c->npolicy_exempt, value);
}

static int
set_auth_trust(
    const struct config_place *at, struct config *c, const char *value)
{
	return config_set_networks(at, c->auth_trust, &c->nauth_trust, value);
}

static int
set_penalty_exempt(
    const struct config_place *at, struct config *c, const char *value)
{
	return config_set_networks(
	    at, c->penalties_exempt, &c->npenalties_exempt, value);
}

static int
set_dmarc_exempt(
    const struct config_place *at, struct config *c, const char *value)
{
	return config_set_names(at, c->dmarc_exempt, &c->ndmarc_exempt, value);
}

static int
set_arc_trust(
    const struct config_place *at, struct config *c, const char *value)
{
	return config_set_names(at, c->arc_trust, &c->narc_trust, value);
}

static int
set_hostname(const struct config_place *at, struct config *c, const char *value)
{
	return address_is_domain(value)
	           ? config_set_word(at, c->hostname, CONFIG_NAME, value)
	           : config_fail_domain(at, "not a host name:", value);
}

static int
set_srs_domain(
    const struct config_place *at, struct config *c, const char *value)
{
	return address_is_domain(value) && value[0] != '['
	           ? config_set_word(at, c->srs_domain, CONFIG_NAME, value)
	           : config_fail_domain(at, "not a domain:", value);
}

/* Kinds with a function of their own, which knows its field. */
static int (*const setters[KINDS])(
    const struct config_place *, struct config *, const char *value) = {
	[KIND_DOMAINS] = set_domains,
	[KIND_VIRTUAL] = set_virtual,
	[KIND_ROUTE] = config_set_route,
	[KIND_SENDER] = config_set_sender,
	[KIND_SECRET] = config_set_secret,
	[KIND_PROFILE] = config_set_profile,
	[KIND_SENDER_CHECK] = config_set_sender_check,
	[KIND_USER_SENDER] = config_set_user_sender,
	[KIND_RELAY_FROM] = config_set_relay_from,
	[KIND_MASQUERADE] = config_set_masquerade,
	[KIND_ARCHIVE] = config_set_archive,
	[KIND_DELIVER_BY] = config_set_deliver_by,
	[KIND_SUBADDRESS] = config_set_subaddress,
	[KIND_TLS] = config_set_tls,
	[KIND_DNSBL] = config_set_dnsbl,
	[KIND_LOG] = config_set_log,
	[KIND_LOG_NAME] = config_set_log_name,
	[KIND_PROXY] = set_proxies,
	[KIND_HOSTNAME] = set_hostname,
	[KIND_LETTER] = config_set_letter,
	[KIND_SRS_DOMAIN] = set_srs_domain,
	[KIND_DMARC_EXEMPT] = set_dmarc_exempt,
	[KIND_ARC_TRUST] = set_arc_trust,
	[KIND_EXEMPT] = set_exempt,
	[KIND_AUTH_TRUST] = set_auth_trust,
	[KIND_PENALTY_EXEMPT] = set_penalty_exempt,
	[KIND_FILTER] = config_set_filter,
	[KIND_FILTER_FAILURE] = config_set_filter_failure,
	[KIND_FILTER_TIMEOUT] = config_set_filter_timeout,
	[KIND_TRUST] = config_set_trust,
	[KIND_EHLO_HIDE] = config_set_ehlo_hide,
	[KIND_RECIPIENTS] = config_set_recipients,
};

static int
set_key(const struct config_place *at, struct config *c, const struct key *key,
    const char *value)
{
	void *field = (char *)c + key->offset;

	if (setters[key->kind] != NULL) {
		return setters[key->kind](at, c, value);
	}
	if (choices[key->kind].expected != NULL) {
		return config_set_choice(at, field, choices[key->kind].words,
		    choices[key->kind].expected, value);
	}
	switch ((int)key->kind) {
	case KIND_NAME:
		return config_set_word(at, field, CONFIG_NAME, value);
	case KIND_TEXT:
		return config_set_text(at, field, CONFIG_NAME, value);
	case KIND_PATH:
		return config_set_word(at, field, PATH_MAX, value);
	case KIND_MAILBOX:
		return config_set_mailbox(at, field, value);
	case KIND_COMMAND:
		return config_set_command(at, field, value);
	case KIND_COUNT:
		return config_set_count(at, field, value);
	case KIND_SIZE:
		return config_set_size(at, field, value);
	case KIND_LIMIT:
	case KIND_QUOTA:
		return config_set_limit(
		    at, field, key->kind == KIND_QUOTA, value);
	case KIND_HOP:
		return config_set_hop(at, field, value);
	case KIND_SWITCH:
		return config_set_switch(at, field, value);
	default: /* those of the tables */
		return -1;
	}
}

/* ---- the file ---- */

/* Cuts off a comment ("#" after a blank, or first) and blanks at the end. */
static void
strip_comment(char *line)
{
	for (char *p = line; *p != '\0'; p++) {
		if (*p == '#' && (p == line || p[-1] == ' ' || p[-1] == '\t')) {
			*p = '\0';
			break;
		}
	}
	size_t n = strlen(line);
	while (n > 0 && strchr(" \t\r\n", line[n - 1]) != NULL) {
		line[--n] = '\0';
	}
}

static int
unknown_key(const struct config_place *at, const char *name)
{
	struct nearest nearest = { .word = name };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		nearest_offer(&nearest, keys[i].name);
	}
	config_fail(at, "unknown key", name);
	if (nearest.best != NULL) {
		size_t n = strlen(at->error);
		snprintf(at->error + n, CONFIG_ERROR - n, "; did you mean %s?",
		    nearest.best);
	}
	return -1;
}

/* Lines up to this have no copy left in memory: none has a longer password. */
enum { LONGEST_LINE = 16 * 1024 };

static int
set_line(const struct config_place *at, struct config *c, char *line)
{
	strip_comment(line);
	char *name = line + strspn(line, " \t");
	if (*name == '\0') {
		return 0;
	}
	char *value = name + strcspn(name, " \t");
	if (*value != '\0') {
		*value++ = '\0';
		value += strspn(value, " \t");
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(keys[i].name, name) == 0) {
			return *value == '\0'
			           ? config_fail(
					 at, "a value is missing after", name)
			           : set_key(at, c, &keys[i], value);
		}
	}
	return unknown_key(at, name);
}

static int
read_lines(struct config *c, FILE *f, struct config_place *at)
{
	size_t size = LONGEST_LINE;
	char *line = malloc(size);
	int result = 0;

	ssize_t n;
	while (result == 0 && (n = getline(&line, &size, f)) != -1) {
		at->line++;
		result = strlen(line) == (size_t)n
		             ? set_line(at, c, line)
		             : config_fail(at, "a NUL byte after", line);
	}
	if (line != NULL) {
		explicit_bzero(line, size);
	}
	free(line);
	/* Without memory getline(3) ends, too, and sets no error of the
	   stream: only the end of the file is its end. */
	if (result == 0 && (ferror(f) || !feof(f))) {
		snprintf(at->error, CONFIG_ERROR, "cannot read %.300s: %s",
		    at->file, strerror(errno));
		result = -1;
	}
	return result;
}

/* Reads the file, if it is there or was named. */
static int
read_file(struct config *c, const char *file, char error[CONFIG_ERROR])
{
	const char *path = config_file(file);
	struct config_place at = { .file = path, .error = error };
	char buffer[BUFSIZ];
	FILE *f = fopen(path, "re");

	if (f != NULL) {
		strlcpy(c->file, path, sizeof(c->file));
		/* Ours, so that no password is left in what is freed. */
		setvbuf(f, buffer, _IOFBF, sizeof(buffer));
		int result = read_lines(c, f, &at);
		fclose(f);
		explicit_bzero(buffer, sizeof(buffer));
		return result;
	}
	if (file != NULL || errno != ENOENT) {
		snprintf(error, CONFIG_ERROR, "cannot read %s: %s", path,
		    strerror(errno));
		return -1;
	}
	return 0;
}

/* ---- defaults ---- */

/* Sets, before the file is read, all that is not zero by default. */
static void
config_defaults(struct config *c)
{
	strlcpy(c->log_name, "postfix", sizeof(c->log_name));
	strlcpy(c->alias_owner, "nobody", sizeof(c->alias_owner));
	strlcpy(c->forward, "%h/.forward", sizeof(c->forward));
	strlcpy(c->subaddress, "+", sizeof(c->subaddress));
	strlcpy(c->letter, "postmaster", sizeof(c->letter));
	c->profile_mx = PROFILE_MX;
	c->profile_submission = PROFILE_SUBMISSION;
	c->relay_concurrency = 5;
	c->queue_concurrency = 50;
	c->size_limit = 50 << 20;
	c->minimum_free = 10 << 20;
	c->plaintext_login = PLAINTEXT_LOOPBACK;
	c->auth = true;
	c->dmarc = DMARC_ENFORCE;
	c->dane = DANE_AUTO;
	c->mta_sts = true;
	c->mta_sts_mode = STS_TESTING;
	c->srs = true;
	c->penalties = PENALTIES_ON;
	c->recipients = 100;
	c->hide_client = true;
	c->sessions = 1000;
	c->sessions_per_user = 50;
	c->idle_exit = 60;
	c->filter_timeout = 300;
}

static void
find_hostname(struct config *c)
{
	FILE *f = fopen("/etc/mailname", "re");

	if (f != NULL) {
		if (fgets(c->hostname, sizeof(c->hostname), f) == NULL) {
			c->hostname[0] = '\0';
		}
		fclose(f);
		strip_comment(c->hostname);
	}
	if (!address_is_domain(c->hostname) &&
	    (gethostname(c->hostname, sizeof(c->hostname) - 1) == -1 ||
		!address_is_domain(c->hostname))) {
		strlcpy(c->hostname, "localhost", sizeof(c->hostname));
	}
}

/*
 * Fills in, after the file was read, what depends on it and on this machine:
 * hostname is that of /etc/mailname, or gethostname(2)'s; domains are hostname.
 */
static void
config_finish(struct config *c)
{
	if (c->hostname[0] == '\0') {
		find_hostname(c);
	}
	if (c->auth_id[0] == '\0') {
		strlcpy(c->auth_id, c->hostname, sizeof(c->auth_id));
	}
	if (c->ndomains == 0) {
		strlcpy(c->domains[c->ndomains++], c->hostname, CONFIG_NAME);
	}
	if (c->srs_domain[0] == '\0') {
		strlcpy(c->srs_domain, c->domains[0], CONFIG_NAME);
	}
	if (gethostname(c->system_name, sizeof(c->system_name) - 1) == -1) {
		c->system_name[0] = '\0';
	}
	config_finish_clients(c);
}

struct config *
config_load(const char *file, char error[CONFIG_ERROR])
{
	struct config *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		strlcpy(error, "no memory for a configuration", CONFIG_ERROR);
		return NULL;
	}
	config_defaults(c);
	if (read_file(c, file, error) == -1 ||
	    config_places(c, file, error) == -1) {
		free(c);
		return NULL;
	}
	config_finish(c);
	return c;
}

/* ---- questions ---- */

bool
config_system_users(const struct config *c)
{
	return c->system_users;
}

uint64_t
config_body_limit(const struct config *c)
{
	enum { OURS = 1024 * 1024 };

	return c->size_limit == 0 || c->size_limit > UINT64_MAX / 4
	           ? 0
	           : c->size_limit + c->size_limit / 2 + OURS;
}
