/* SPDX-License-Identifier: ISC */
/* Reads the values of keys of the configuration. */
#include "common/config/config_private.h"

#include "common/text/address.h"
#include "common/text/idna.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int
config_fail(const struct config_place *at, const char *what, const char *value)
{
	snprintf(at->error, CONFIG_ERROR, "%s:%u: %s \"%s\"", at->file,
	    at->line, what, value);
	return -1;
}

int
config_fail_domain(
    const struct config_place *at, const char *what, const char *value)
{
	char ascii[CONFIG_NAME];

	config_fail(at, what, value);
	if (idna_domain(value, strlen(value), ascii, sizeof(ascii)) ==
		IDNA_OK &&
	    strcasecmp(ascii, value) != 0 && address_is_domain(ascii)) {
		size_t n = strlen(at->error);
		snprintf(at->error + n, CONFIG_ERROR - n,
		    "; write it as the DNS has it: %s", ascii);
	}
	return -1;
}

int
config_set_text(
    const struct config_place *at, char *dst, size_t size, const char *value)
{
	if (strlcpy(dst, value, size) >= size) {
		return config_fail(at, "value too long:", value);
	}
	return 0;
}

int
config_set_word(
    const struct config_place *at, char *dst, size_t size, const char *value)
{
	if (strpbrk(value, " \t") != NULL) {
		return config_fail(at, "one word expected, not", value);
	}
	return config_set_text(at, dst, size, value);
}

int
config_set_command(
    const struct config_place *at, char dst[CONFIG_VALUE], const char *value)
{
	return value[0] == '/' ? config_set_text(at, dst, CONFIG_VALUE, value)
	                       : config_fail(at,
				     "a command starts with its whole path, "
				     "not",
				     value);
}

int
config_set_count(
    const struct config_place *at, unsigned *count, const char *value)
{
	const char *why = NULL;

	*count = (unsigned)strtonum(value, 1, 1000000, &why);
	return why == NULL
	           ? 0
	           : config_fail(
			 at, "a number from 1 to 1000000 expected, not", value);
}

int
config_set_size(
    const struct config_place *at, uint64_t *size, const char *value)
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
		return config_fail(
		    at, "a size such as 50M expected, not", value);
	}
	for (size_t i = 0; i < digits; i++) {
		n = n * 10 + (uint64_t)(value[i] - '0');
	}
	for (const char *u = units; value[digits] != '\0' && u <= unit; u++) {
		if (n > UINT64_MAX / 1024 / 1024) {
			return config_fail(at, "size too large:", value);
		}
		n *= 1024;
	}
	*size = n;
	return 0;
}

int
config_set_limit(const struct config_place *at, struct limits *limits,
    bool is_size, const char *value)
{
	char number[CONFIG_NAME];
	const char *why = NULL, *user = value + strcspn(value, " \t");
	uint64_t n = 0;

	snprintf(number, sizeof(number), "%.*s", (int)(user - value), value);
	user += strspn(user, " \t");
	if (!is_size) {
		n = (uint64_t)strtonum(number, 0, 1000000, &why);
	} else if (config_set_size(at, &n, number) == -1) {
		return -1;
	}
	if (why != NULL) {
		return config_fail(
		    at, "a number from 0 to 1000000 expected, not", number);
	}
	for (const char *p = user; *p != '\0'; p++) {
		if (*p <= ' ' || (*p >= 'A' && *p <= 'Z')) {
			return config_fail(
			    at, "the name of a user expected, not", user);
		}
	}
	return limits_set(limits, user, n) == -1
	           ? config_fail(at, "too many users, or too long:", user)
	           : 0;
}

int
config_set_domains(const struct config_place *at,
    char list[CONFIG_LIST][CONFIG_NAME], size_t *count, const char *value)
{
	while (*value != '\0') {
		size_t n = strcspn(value, " \t");
		if (*count == CONFIG_LIST) {
			return config_fail(at, "too many domains from", value);
		}
		char *domain = list[*count];
		if (n >= CONFIG_NAME) {
			return config_fail(at, "domain too long:", value);
		}
		memcpy(domain, value, n);
		domain[n] = '\0';
		if (!address_is_domain(domain)) {
			return config_fail_domain(at, "not a domain:", domain);
		}
		++*count;
		value += n;
		value += strspn(value, " \t");
	}
	return 0;
}

int
config_set_networks(const struct config_place *at,
    struct network list[CONFIG_LIST], size_t *count, const char *value)
{
	char text[CONFIG_NAME];

	while (*value != '\0') {
		size_t n = strcspn(value, " \t");
		if (*count == CONFIG_LIST) {
			return config_fail(at, "too many networks from", value);
		}
		if (n >= sizeof(text)) {
			return config_fail(at, "not a network:", value);
		}
		memcpy(text, value, n);
		text[n] = '\0';
		if (!network_parse(text, &list[*count])) {
			return config_fail(at,
			    "a network such as 192.0.2.0/24 expected, not",
			    text);
		}
		++*count;
		value += n;
		value += strspn(value, " \t");
	}
	return 0;
}

int
config_set_dnsbl(
    const struct config_place *at, struct config *c, const char *value)
{
	if (c->ndnsbl == CONFIG_LIST) {
		return config_fail(at, "too many lists from", value);
	}
	return blocklist_parse(value, &c->dnsbl[c->ndnsbl++])
	           ? 0
	           : config_fail(at,
			 "a zone such as bl.example.org or "
			 "bl.example.org=127.0.0.2-11,127.0.1.2 expected, not",
			 value);
}

int
config_set_names(const struct config_place *at,
    char list[CONFIG_LIST][CONFIG_NAME], size_t *count, const char *value)
{
	while (*value != '\0') {
		size_t n = strcspn(value, " \t");
		if (*count == CONFIG_LIST) {
			return config_fail(at, "too many domains from", value);
		}
		char *domain = list[*count];
		if (n >= CONFIG_NAME) {
			return config_fail_domain(at, "not a domain:", value);
		}
		memcpy(domain, value, n);
		domain[n] = '\0';
		if (!address_is_domain(domain)) {
			return config_fail_domain(at, "not a domain:", domain);
		}
		(*count)++;
		value += n;
		value += strspn(value, " \t");
	}
	return 0;
}

int
config_set_switch(const struct config_place *at, bool *field, const char *value)
{
	*field = strcasecmp(value, "on") == 0;
	return *field || strcasecmp(value, "off") == 0
	           ? 0
	           : config_fail(at, "on or off expected, not", value);
}

int
config_set_tls(
    const struct config_place *at, struct config *c, const char *value)
{
	size_t n = strcspn(value, " \t");
	const char *chain = value + n + strspn(value + n, " \t");

	if (c->ntls == CONFIG_LIST) {
		return config_fail(at, "too many certificates from", value);
	}
	if (strpbrk(chain, " \t") != NULL) {
		return config_fail(at, "one or two files expected, not", value);
	}
	if (n >= PATH_MAX || strlen(chain) >= PATH_MAX) {
		return config_fail(at, "value too long:", value);
	}
	char *key = c->tls[c->ntls];
	memcpy(key, value, n);
	key[n] = '\0';
	strlcpy(c->tls_chain[c->ntls], *chain != '\0' ? chain : key, PATH_MAX);
	c->ntls++;
	return 0;
}

int
config_set_choice(const struct config_place *at, unsigned *field,
    const char *const words[CONFIG_CHOICES], const char *expected,
    const char *value)
{
	for (unsigned i = 0; i < CONFIG_CHOICES && words[i] != NULL; i++) {
		if (strcasecmp(words[i], value) == 0) {
			*field = i;
			return 0;
		}
	}
	return config_fail(at, expected, value);
}

int
config_set_mailbox(
    const struct config_place *at, char path[PATH_MAX], const char *value)
{
	bool own = false;

	for (const char *p = value; (p = strchr(p, '%')) != NULL; p += 2) {
		if (p[1] == '\0' || strchr("udh", p[1]) == NULL) {
			return config_fail(
			    at, "only %u, %d and %h are known, not in", value);
		}
		own = own || p[1] != 'd';
	}
	if (!own) {
		return config_fail(at, "%u (or %h) must be in", value);
	}
	return config_set_word(at, path, PATH_MAX, value);
}

int
config_set_letter(
    const struct config_place *at, struct config *c, const char *value)
{
	if (strcmp(value, "off") == 0) {
		c->letter[0] = '\0';
		return 0;
	}
	return value[0] == '-'
	           ? config_fail(at, "an address or off expected, not", value)
	           : config_set_word(at, c->letter, CONFIG_NAME, value);
}

int
config_set_log(
    const struct config_place *at, struct config *c, const char *value)
{
	c->log = LOG_DEFAULT;
	c->log_json = false;
	for (const char *word = value; *word != '\0';) {
		size_t n = strcspn(word, " \t");
		if (n == 6 && strncasecmp(word, "syslog", n) == 0) {
			c->log = LOG_SYSLOG;
		} else if (n == 6 && strncasecmp(word, "stderr", n) == 0) {
			c->log = LOG_STDERR;
		} else if (n == 4 && strncasecmp(word, "json", n) == 0) {
			c->log_json = true;
		} else if (n != 4 || strncasecmp(word, "text", n) != 0) {
			return config_fail(at,
			    "syslog or stderr, text or json expected, not",
			    value);
		}
		word += n;
		word += strspn(word, " \t");
	}
	return 0;
}

int
config_set_log_name(
    const struct config_place *at, struct config *c, const char *value)
{
	if (strcasecmp(value, "none") == 0) {
		c->log_name[0] = '\0';
		return 0;
	}
	for (const char *p = value; *p != '\0'; p++) {
		if (!isalnum((unsigned char)*p) && *p != '-' && *p != '_') {
			return config_fail(at,
			    "letters, digits, - and _ make a name, not", value);
		}
	}
	return config_set_word(at, c->log_name, CONFIG_NAME, value);
}
