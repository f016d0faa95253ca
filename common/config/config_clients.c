/* SPDX-License-Identifier: ISC */
/* Reads the keys that give some clients more, or less, than others. */
#include "common/config/config_private.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Cuts the next word off; false: there is none, or it is too long. */
static bool
next_word(const char **text, char word[CONFIG_NAME])
{
	size_t n = strcspn(*text, " \t");

	if (n == 0 || n >= CONFIG_NAME) {
		return false;
	}
	memcpy(word, *text, n);
	word[n] = '\0';
	*text += n + strspn(*text + n, " \t");
	return true;
}

/* True for the name of a user, as limits have it. */
static bool
is_name(const char *text)
{
	for (const char *p = text; *p != '\0'; p++) {
		if (*p <= ' ' || (*p >= 'A' && *p <= 'Z') || *p == 0x7f) {
			return false;
		}
	}
	return strlen(text) <= LIMITS_USER;
}

/* "192.0.2.0/24 printer" */
int
config_set_trust(
    const struct config_place *at, struct config *c, const char *value)
{
	char word[CONFIG_NAME];

	if (c->ntrusts == CONFIG_LIST) {
		return config_fail(at, "too many networks from", value);
	}
	struct trusted *t = &c->trusts[c->ntrusts];
	if (!next_word(&value, word) || strlen(word) >= sizeof(t->text) ||
	    !network_parse(word, &t->network)) {
		return config_fail(
		    at, "a network such as 192.0.2.0/24 expected, not", word);
	}
	for (size_t i = 0; i <= strlen(word); i++) {
		t->text[i] = (char)tolower((unsigned char)word[i]);
	}
	struct network second;
	if (network_parse(value, &second)) {
		return config_fail(at, "a line for each network, not", value);
	}
	if (!is_name(value)) {
		return config_fail(at,
		    "the name of a user expected, in lower case, not", value);
	}
	strlcpy(t->name, value, sizeof(t->name));
	c->ntrusts++;
	return 0;
}

/* ---- extensions ---- */

/* Those of both programs that are announced; the first word counts. */
static const char *const extensions[] = { "8BITMIME", "AUTH", "AUTH-RESP-CODE",
	"BINARYMIME", "CHUNKING", "DELIVERBY", "DSN", "ENHANCEDSTATUSCODES",
	"ETRN", "EXPIRE", "FUTURERELEASE", "HELP", "LANG", "LIMITS",
	"LOGIN-DELAY", "MT-PRIORITY", "PIPELINING", "REQUIRETLS", "RESP-CODES",
	"SASL", "SIZE", "SMTPUTF8", "STARTTLS", "STLS", "TOP", "UIDL", "USER",
	"UTF8" };

uint64_t
config_extension(const char *line)
{
	size_t n = strcspn(line, " ");

	for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]);
	     i++) {
		if (strlen(extensions[i]) == n &&
		    strncasecmp(extensions[i], line, n) == 0) {
			return UINT64_C(1) << i;
		}
	}
	return 0;
}

/* "STARTTLS,CHUNKING" */
static int
read_extensions(
    const struct config_place *at, const char *word, uint64_t *which)
{
	char name[CONFIG_NAME];
	size_t len = strlen(word);

	*which = 0;
	if (word[len - 1] == ',') {
		return config_fail(
		    at, "no blank and nothing is to follow the comma of", word);
	}
	while (*word != '\0') {
		size_t n = strcspn(word, ",");
		snprintf(name, sizeof(name), "%.*s", (int)n, word);
		uint64_t one = config_extension(name);
		if (one == 0) {
			return config_fail(at,
			    "extensions such as STARTTLS,CHUNKING expected, "
			    "not",
			    name);
		}
		*which |= one;
		word += n + (word[n] == ',');
	}
	return 0;
}

/* "STARTTLS 127.0.0.0/8 ::1" */
int
config_set_ehlo_hide(
    const struct config_place *at, struct config *c, const char *value)
{
	struct network networks[CONFIG_LIST];
	char word[CONFIG_NAME];
	uint64_t which;
	size_t n = 0;

	if (!next_word(&value, word)) {
		return config_fail(at, "value too long:", value);
	}
	if (read_extensions(at, word, &which) == -1 ||
	    config_set_networks(at, networks, &n, value) == -1) {
		return -1;
	}
	if (c->nhidden + (n == 0 ? 1 : n) > CONFIG_LIST) {
		return config_fail(at, "too many networks from", word);
	}
	if (n == 0) {
		c->hidden[c->nhidden++] =
		    (struct hidden){ .extensions = which, .everybody = true };
	}
	for (size_t i = 0; i < n; i++) {
		c->hidden[c->nhidden++] = (struct hidden){ .extensions = which,
			.network = networks[i] };
	}
	return 0;
}

/* ---- recipients ---- */

/* "100", or "1000 user" */
int
config_set_recipients(
    const struct config_place *at, struct config *c, const char *value)
{
	char number[CONFIG_NAME];

	if (!next_word(&value, number)) {
		return config_fail(at, "value too long:", value);
	}
	if (*value != '\0' && strcasecmp(value, "user") != 0) {
		return config_fail(at, "nothing or user expected, not", value);
	}
	return config_set_count(
	    at, *value != '\0' ? &c->recipients_user : &c->recipients, number);
}

/* ---- defaults ---- */

/* This machine and the networks that are private (RFC 1918, RFC 4193). */
static void
exempt_neighbours(struct config *c)
{
	static const char *const own[] = { "127.0.0.0/8", "::1", "10.0.0.0/8",
		"172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
		"fe80::/10", "fc00::/7" };

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (network_parse(own[i], &c->policy_exempt[i])) {
			c->npolicy_exempt++;
		}
	}
}

void
config_finish_clients(struct config *c)
{
	enum { USERS = 1000 };

	if (c->npolicy_exempt == 0) {
		exempt_neighbours(c);
	}
	if (c->recipients_user == 0) {
		c->recipients_user =
		    c->recipients > USERS ? c->recipients : USERS;
	}
}
