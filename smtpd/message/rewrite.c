/* SPDX-License-Identifier: ISC */
/* Bare names and names of this machine become what the world accepts. */
#include "smtpd/message/rewrite.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum path
rewrite_path(
    const struct config *config, const char *text, char out[ADDRESS_TEXT])
{
	struct address a;
	const char *rest;
	enum path result = address_path_utf8(text, &a, &rest);

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
find_pattern(const struct config *config, const char *pattern)
{
	for (size_t i = 0; i < config->nmasquerades; i++) {
		const struct config_rule *rule = &config->masquerades[i];
		if (strcasecmp(rule->pattern, pattern) == 0) {
			return rule;
		}
	}
	return NULL;
}

bool
rewrite_masquerade(
    const struct config *config, const char *address, char out[ADDRESS_TEXT])
{
	const char *at = strrchr(address, '@');

	if (at == NULL) {
		return false;
	}
	const struct config_rule *rule = find_pattern(config, address);
	if (rule == NULL) {
		rule = find_pattern(config, at);
	}
	if (rule == NULL) {
		return false;
	}
	int local = rule->value[0] == '@' ? (int)(at - address) : 0;
	int n =
	    snprintf(out, ADDRESS_TEXT, "%.*s%s", local, address, rule->value);
	return n > 0 && n < ADDRESS_TEXT;
}
