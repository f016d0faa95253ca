/* SPDX-License-Identifier: ISC */
/* Lines of configuration files, found and changed.  Pure. */
#include "common/text/address.h"
#include "common/text/idna.h"
#include "smtpd/admin/setup_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* True if a value begins with that word. */
static bool
begins(const char *value, const char *word)
{
	size_t n = strlen(word);

	value += strspn(value, " \t");
	return strncmp(value, word, n) == 0 &&
	       (value[n] == ' ' || value[n] == '\t');
}

/*
 * Finds the first line of the key, whose value begins with the word unless that
 * is NULL; skip: characters before the key.
 */
static const char *
find_line(const char *text, const char *key, const char *word, const char *skip)
{
	size_t n = strlen(key);

	for (const char *line = text; *line != '\0';) {
		const char *at = line + strspn(line, skip);
		bool good = skip[0] != '#' || at > line;
		if (good && strncmp(at, key, n) == 0 &&
		    (at[n] == ' ' || at[n] == '\t') &&
		    (word == NULL || begins(at + n, word))) {
			return line;
		}
		const char *end = strchr(line, '\n');
		line = end == NULL ? line + strlen(line) : end + 1;
	}
	return NULL;
}

const char *
setup_value(const char *text, const char *key, size_t *len)
{
	return setup_rule(text, key, NULL, len);
}

const char *
setup_rule(const char *text, const char *key, const char *word, size_t *len)
{
	const char *line = find_line(text, key, word, " \t");

	if (line == NULL) {
		return NULL;
	}
	line += strspn(line, " \t");
	line += strlen(key);
	line += strspn(line, " \t");
	*len = strcspn(line, "\n");
	for (size_t i = 1; i < *len; i++) {
		if (line[i] == '#' &&
		    (line[i - 1] == ' ' || line[i - 1] == '\t')) {
			*len = i;
		}
	}
	while (*len > 0 && strchr(" \t\r", line[*len - 1]) != NULL) {
		--*len;
	}
	return line;
}

/* The end of the last line of the key, or NULL. */
static const char *
after_last(const char *text, const char *key, const char *skip)
{
	const char *after = NULL, *line;

	for (; (line = find_line(text, key, NULL, skip)) != NULL;
	     text = after) {
		after = line + strcspn(line, "\n");
		after += *after == '\n';
	}
	return after;
}

char *
setup_set(
    const char *text, const char *key, const char *word, const char *value)
{
	const char *at = find_line(text, key, word, " \t"), *after = at;
	char *made;

	if (at != NULL) {
		after += strcspn(at, "\n");
		after += *after == '\n';
	} else {
		/* Beside its like, or below the comment that shows it. */
		at = after_last(text, key, " \t");
		at = at == NULL ? after_last(text, key, "#") : at;
		at = at == NULL ? text + strlen(text) : at;
		after = at;
	}
	bool apart = at > text && at[-1] != '\n';
	if (asprintf(&made, "%.*s%s%-15s %s\n%s", (int)(at - text), text,
		apart ? "\n" : "", key, value, after) == -1) {
		return NULL;
	}
	return made;
}

const char *
setup_alias(const char *text, const char *name, size_t *len)
{
	size_t n = strlen(name);

	for (const char *line = text; *line != '\0';) {
		if (strncasecmp(line, name, n) == 0) {
			const char *at = line + n + strspn(line + n, " \t");
			if (*at == ':') {
				at += 1 + strspn(at + 1, " \t");
				*len = strcspn(at, "\r\n");
				return at;
			}
		}
		const char *end = strchr(line, '\n');
		line = end == NULL ? line + strlen(line) : end + 1;
	}
	return NULL;
}

bool
setup_has_alias(const char *text, const char *name)
{
	size_t len;

	return setup_alias(text, name, &len) != NULL;
}

bool
setup_domain(const char *text, char out[CONFIG_NAME])
{
	return idna_domain(text, strlen(text), out, CONFIG_NAME) == IDNA_OK &&
	       address_is_domain(out) && strchr(out, '.') != NULL;
}

void
setup_guess_name(const struct setup_facts *f, const char *domain, bool hosted,
    char out[CONFIG_NAME])
{
	bool full = strchr(f->name, '.') != NULL;

	/* The provider's domain has no machine of ours in it; "localdomain" is
	   what Debian calls the domain of a machine that has none. */
	strlcpy(out, full || hosted ? f->name : "mail", CONFIG_NAME);
	if (!full) {
		strlcat(out, ".", CONFIG_NAME);
		strlcat(out, hosted ? "localdomain" : domain, CONFIG_NAME);
	}
}

bool
setup_address(const char *address, struct setup_answers *a)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	const char *at = strrchr(address, '@');

	if (at == NULL || at == address ||
	    (size_t)(at - address) > SETUP_LOCAL ||
	    !setup_domain(at + 1, a->domain)) {
		return false;
	}
	for (const char *c = address; c < at; c++) {
		if (strchr(letters, *c) == NULL &&
		    (c == address || strchr("._+-=", *c) == NULL)) {
			return false;
		}
	}
	snprintf(
	    a->user, sizeof(a->user), "%.*s", (int)(at - address), address);
	return true;
}
