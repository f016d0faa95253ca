/* SPDX-License-Identifier: ISC */
/* Reads "key value" lines into struct config by a table of keys. */
#include "common/config.h"

#include "common/address.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum kind {
	KIND_NAME, /* a word into char[CONFIG_NAME] */
	KIND_TEXT, /* the whole value into char[CONFIG_NAME] */
	KIND_PATH, /* a word into char[PATH_MAX] */
	KIND_COUNT,
	KIND_SIZE,
	KIND_DOMAINS,
	KIND_TLS,
	KIND_PLAINTEXT,
	KIND_LOG,
	KIND_UIDL,
	KIND_MAILBOX,
	KIND_HOSTNAME,
};

struct key {
	const char *name;
	enum kind kind;
	size_t offset;
};

static const struct key keys[] = {
	{ "aliases", KIND_PATH, offsetof(struct config, aliases) },
	{ "domains", KIND_DOMAINS, 0 },
	{ "hostname", KIND_HOSTNAME, 0 },
	{ "idle-exit", KIND_COUNT, offsetof(struct config, idle_exit) },
	{ "log", KIND_LOG, offsetof(struct config, log) },
	{ "mailbox", KIND_MAILBOX, 0 },
	{ "mailbox-owner", KIND_NAME, offsetof(struct config, mailbox_owner) },
	{ "plaintext-login", KIND_PLAINTEXT,
	    offsetof(struct config, plaintext_login) },
	{ "queue", KIND_PATH, offsetof(struct config, queue) },
	{ "relay", KIND_TEXT, offsetof(struct config, relay) },
	{ "resolver", KIND_NAME, offsetof(struct config, resolver) },
	{ "sessions", KIND_COUNT, offsetof(struct config, sessions) },
	{ "sessions-per-source", KIND_COUNT,
	    offsetof(struct config, sessions_per_source) },
	{ "size-limit", KIND_SIZE, offsetof(struct config, size_limit) },
	{ "socket", KIND_PATH, offsetof(struct config, socket) },
	{ "state", KIND_PATH, offsetof(struct config, state) },
	{ "tls", KIND_TLS, 0 },
	{ "tls-priority", KIND_TEXT, offsetof(struct config, tls_priority) },
	{ "uidl", KIND_UIDL, offsetof(struct config, uidl) },
	{ "user", KIND_NAME, offsetof(struct config, user) },
	{ "users", KIND_PATH, offsetof(struct config, users) },
};

/* Where in the file we are, and the first thing that was wrong there. */
struct place {
	const char *file;
	unsigned line;
	char *error;
};

static int
fail(const struct place *at, const char *what, const char *value)
{
	snprintf(at->error, CONFIG_ERROR, "%s:%u: %s \"%s\"", at->file,
	    at->line, what, value);
	return -1;
}

static int
set_text(const struct place *at, char *dst, size_t size, const char *value)
{
	if (strlcpy(dst, value, size) >= size) {
		return fail(at, "value too long:", value);
	}
	return 0;
}

static int
set_word(const struct place *at, char *dst, size_t size, const char *value)
{
	if (strpbrk(value, " \t") != NULL) {
		return fail(at, "one word expected, not", value);
	}
	return set_text(at, dst, size, value);
}

static int
set_count(const struct place *at, unsigned *count, const char *value)
{
	const char *why = NULL;

	*count = (unsigned)strtonum(value, 1, 1000000, &why);
	return why == NULL
	           ? 0
	           : fail(
			 at, "a number from 1 to 1000000 expected, not", value);
}

static int
set_size(const struct place *at, uint64_t *size, const char *value)
{
	static const char units[] = "KMGT";
	size_t digits = strspn(value, "0123456789");
	const char *unit = value + digits;
	uint64_t n = 0;

	if (*unit != '\0') {
		unit = strchr(units, *unit & ~0x20);
	}
	if (digits == 0 || digits > 12 || unit == NULL ||
	    (value[digits] != '\0' && value[digits + 1] != '\0')) {
		return fail(at, "a size such as 50M expected, not", value);
	}
	for (size_t i = 0; i < digits; i++) {
		n = n * 10 + (uint64_t)(value[i] - '0');
	}
	for (const char *u = units; value[digits] != '\0' && u <= unit; u++) {
		if (n > UINT64_MAX / 1024 / 1024) {
			return fail(at, "size too large:", value);
		}
		n *= 1024;
	}
	*size = n;
	return 0;
}

static int
set_domains(const struct place *at, struct config *c, const char *value)
{
	while (*value != '\0') {
		size_t n = strcspn(value, " \t");
		if (c->ndomains == CONFIG_LIST) {
			return fail(at, "too many domains from", value);
		}
		char *domain = c->domains[c->ndomains];
		if (n >= CONFIG_NAME) {
			return fail(at, "domain too long:", value);
		}
		memcpy(domain, value, n);
		domain[n] = '\0';
		if (!address_is_domain(domain)) {
			return fail(at, "not a domain:", domain);
		}
		c->ndomains++;
		value += n;
		value += strspn(value, " \t");
	}
	return 0;
}

static int
set_tls(const struct place *at, struct config *c, const char *value)
{
	if (c->ntls == CONFIG_LIST) {
		return fail(at, "too many certificates from", value);
	}
	return set_word(at, c->tls[c->ntls++], PATH_MAX, value);
}

static const char *const plaintext_words[] = { "never", "loopback", "always" };
static const char *const log_words[] = { "default", "syslog", "stderr" };
static const char *const uidl_words[] = { "native", "dovecot", "popa3d" };

_Static_assert(sizeof(enum uidl_style) == sizeof(unsigned), "see set_choice");

/* One of three words, into an enum that has them in this order. */
static int
set_choice(const struct place *at, unsigned *field, const char *const words[3],
    const char *expected, const char *value)
{
	for (unsigned i = 0; i < 3; i++) {
		if (strcasecmp(words[i], value) == 0) {
			*field = i;
			return 0;
		}
	}
	return fail(at, expected, value);
}

/* %u and %d and %h stand for things; users must not share a mailbox. */
static int
set_mailbox(const struct place *at, struct config *c, const char *value)
{
	bool own = false;

	for (const char *p = value; (p = strchr(p, '%')) != NULL; p += 2) {
		if (p[1] == '\0' || strchr("udh", p[1]) == NULL) {
			return fail(
			    at, "only %u, %d and %h are known, not in", value);
		}
		own = own || p[1] != 'd';
	}
	if (!own) {
		return fail(at, "%u (or %h) must be in", value);
	}
	return set_word(at, c->mailbox, PATH_MAX, value);
}

static int
set(const struct place *at, struct config *c, const struct key *key,
    const char *value)
{
	void *field = (char *)c + key->offset;

	switch (key->kind) {
	case KIND_NAME:
		return set_word(at, field, CONFIG_NAME, value);
	case KIND_TEXT:
		return set_text(at, field, CONFIG_NAME, value);
	case KIND_PATH:
		return set_word(at, field, PATH_MAX, value);
	case KIND_COUNT:
		return set_count(at, field, value);
	case KIND_SIZE:
		return set_size(at, field, value);
	case KIND_DOMAINS:
		return set_domains(at, c, value);
	case KIND_TLS:
		return set_tls(at, c, value);
	case KIND_MAILBOX:
		return set_mailbox(at, c, value);
	case KIND_HOSTNAME:
		return address_is_domain(value)
		           ? set_word(at, c->hostname, CONFIG_NAME, value)
		           : fail(at, "not a host name:", value);
	case KIND_PLAINTEXT:
		return set_choice(at, field, plaintext_words,
		    "never, loopback or always expected, not", value);
	case KIND_LOG:
		return set_choice(at, field, log_words,
		    "syslog or stderr expected, not", value);
	case KIND_UIDL:
		return set_choice(at, field, uidl_words,
		    "native, dovecot or popa3d expected, not", value);
	}
	return -1;
}

/* A "#" behind a blank, or first, starts a comment. */
static void
strip(char *line)
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
set_line(const struct place *at, struct config *c, char *line)
{
	strip(line);
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
			           ? fail(at, "a value is missing behind", name)
			           : set(at, c, &keys[i], value);
		}
	}
	return fail(at, "unknown key", name);
}

static void
defaults(struct config *c)
{
	*c = (struct config){
		.mailbox = "/var/mail/%u",
		.queue = "/var/spool/restante",
		.state = "/var/lib/restante",
		.socket = "/run/restante/submission",
		.aliases = SYSCONFDIR "/aliases",
		.size_limit = 50 << 20,
		.plaintext_login = PLAINTEXT_LOOPBACK,
		.sessions = 1000,
		.idle_exit = 60,
		.mailbox_owner = "mail",
	};
}

/* hostname: /etc/mailname, else gethostname(); domains: hostname. */
static void
finish(struct config *c)
{
	if (c->hostname[0] == '\0') {
		FILE *f = fopen("/etc/mailname", "re");
		if (f != NULL) {
			if (fgets(c->hostname, sizeof(c->hostname), f) ==
			    NULL) {
				c->hostname[0] = '\0';
			}
			fclose(f);
		}
		strip(c->hostname);
	}
	if (!address_is_domain(c->hostname) &&
	    (gethostname(c->hostname, sizeof(c->hostname) - 1) == -1 ||
		!address_is_domain(c->hostname))) {
		strlcpy(c->hostname, "localhost", sizeof(c->hostname));
	}
	if (c->ndomains == 0) {
		strlcpy(c->domains[c->ndomains++], c->hostname, CONFIG_NAME);
	}
	c->system_users = strcmp(c->users, "system") == 0;
	if (c->users[0] == '\0') {
		strlcpy(c->users, SYSCONFDIR "/restante/users", PATH_MAX);
		c->system_users =
		    access(c->users, F_OK) == -1 && errno == ENOENT;
	}
	if (c->ntls == 0 && access(SYSCONFDIR "/restante/tls.pem", F_OK) == 0) {
		strlcpy(c->tls[c->ntls++], SYSCONFDIR "/restante/tls.pem",
		    PATH_MAX);
	}
}

static int
read_lines(struct config *c, FILE *f, struct place *at)
{
	char *line = NULL;
	size_t size = 0;
	int result = 0;

	ssize_t n;
	while (result == 0 && (n = getline(&line, &size, f)) != -1) {
		at->line++;
		result = strlen(line) == (size_t)n
		             ? set_line(at, c, line)
		             : fail(at, "a NUL byte behind", line);
	}
	free(line);
	if (result == 0 && ferror(f)) {
		snprintf(at->error, CONFIG_ERROR, "cannot read %.300s: %s",
		    at->file, strerror(errno));
		result = -1;
	}
	return result;
}

int
config_load(struct config *c, const char *file, char error[CONFIG_ERROR])
{
	const char *path =
	    file != NULL ? file : SYSCONFDIR "/restante/restante.conf";
	struct place at = { .file = path, .error = error };
	FILE *f = fopen(path, "re");
	int result = 0;

	defaults(c);
	if (f != NULL) {
		strlcpy(c->file, path, sizeof(c->file));
		result = read_lines(c, f, &at);
		fclose(f);
	} else if (file != NULL || errno != ENOENT) {
		snprintf(error, CONFIG_ERROR, "cannot read %s: %s", path,
		    strerror(errno));
		return -1;
	}
	finish(c);
	return result;
}

bool
config_is_ours(const struct config *c, const char *domain)
{
	for (size_t i = 0; i < c->ndomains; i++) {
		if (strcasecmp(c->domains[i], domain) == 0) {
			return true;
		}
	}
	return strcasecmp(c->hostname, domain) == 0;
}

bool
config_system_users(const struct config *c)
{
	return c->system_users;
}
