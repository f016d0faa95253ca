/* SPDX-License-Identifier: ISC */
/* Bare names and names of this machine become what the world accepts. */
#include "smtpd/message/rewrite.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* People write [::1] for this machine, which lacks a tag (RFC 5321 4.1.3). */
static const char *
tag_loopback(const char *text, char tagged[ADDRESS_TEXT])
{
	static const char bare[] = "@[::1]";
	const char *at = strstr(text, bare);

	if (at == NULL) {
		return text;
	}
	int n = snprintf(tagged, ADDRESS_TEXT, "%.*s@[IPv6:::1]%s",
	    (int)(at - text), text, at + sizeof(bare) - 1);
	return n > 0 && n < ADDRESS_TEXT ? tagged : text;
}

enum path
rewrite_path(
    const struct config *config, const char *text, char out[ADDRESS_TEXT])
{
	struct address a;
	char tagged[ADDRESS_TEXT];
	const char *rest;
	enum path result =
	    address_path_utf8(tag_loopback(text, tagged), &a, &rest);

	if (result != PATH_OK) {
		return result;
	}
	if (*rest != '\0') {
		return PATH_SYNTAX;
	}
	if (!address_is_null(&a) && a.domain[0] == '\0') {
		strlcpy(a.domain, config->hostname, sizeof(a.domain));
	}
	address_text(&a, out, ADDRESS_TEXT);
	return PATH_OK;
}

/* The rule for an address, or for "@domain"; NULL: there is none. */
static const struct config_rule *
find_pattern(
    const struct config *config, enum rewrite_whose whose, const char *pattern)
{
	for (size_t i = 0; i < config->nmasquerades; i++) {
		const struct config_rule *rule = &config->masquerades[i];
		if ((whose == REWRITE_COMMAND || rule->more) &&
		    strcasecmp(rule->pattern, pattern) == 0) {
			return rule;
		}
	}
	return NULL;
}

bool
rewrite_masquerade(const struct config *config, enum rewrite_whose whose,
    const char *address, char out[ADDRESS_TEXT])
{
	const char *at = strrchr(address, '@');

	if (at == NULL || whose == REWRITE_OTHER) {
		return false;
	}
	const struct config_rule *rule = find_pattern(config, whose, address);
	if (rule == NULL) {
		rule = find_pattern(config, whose, at);
	}
	if (rule == NULL) {
		return false;
	}
	int local = rule->value[0] == '@' ? (int)(at - address) : 0;
	int n =
	    snprintf(out, ADDRESS_TEXT, "%.*s%s", local, address, rule->value);
	return n > 0 && n < ADDRESS_TEXT;
}
