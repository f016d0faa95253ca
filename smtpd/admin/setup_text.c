/* SPDX-License-Identifier: ISC */
/* Lines of configuration files, found and changed.  Pure. */
#include "common/text/address.h"
#include "smtpd/admin/setup_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct setup_provider providers[] = {
	{ "qq.com", "smtp.qq.com", "authorization code" },
	{ "foxmail.com", "smtp.qq.com", "authorization code" },
	{ "163.com", "smtp.163.com", "authorization code" },
	{ "126.com", "smtp.126.com", "authorization code" },
	{ "yeah.net", "smtp.yeah.net", "authorization code" },
	{ "gmail.com", "smtp.gmail.com", "app password" },
	{ "outlook.com", NULL, NULL },
	{ "hotmail.com", NULL, NULL },
	{ "live.com", NULL, NULL },
};

const struct setup_provider *
setup_provider(const char *domain)
{
	for (size_t i = 0; i < sizeof(providers) / sizeof(providers[0]); i++) {
		if (strcasecmp(providers[i].domain, domain) == 0) {
			return &providers[i];
		}
	}
	return NULL;
}

/* Finds the first line of the key; skip: characters before it in the line. */
static const char *
find_line(const char *text, const char *key, const char *skip)
{
	size_t n = strlen(key);

	for (const char *line = text; *line != '\0';) {
		const char *word = line + strspn(line, skip);
		bool good = skip[0] != '#' || word > line;
		if (good && strncmp(word, key, n) == 0 &&
		    (word[n] == ' ' || word[n] == '\t')) {
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
	const char *line = find_line(text, key, " \t");

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

char *
setup_set(const char *text, const char *key, const char *value)
{
	const char *at = find_line(text, key, " \t"), *after = at;
	char *made;

	if (at != NULL) {
		after += strcspn(at, "\n");
		after += *after == '\n';
	} else if ((at = find_line(text, key, "#")) != NULL) {
		at += strcspn(at, "\n");
		at += *at == '\n';
		after = at;
	} else {
		at = after = text + strlen(text);
	}
	bool apart = at > text && at[-1] != '\n';
	if (asprintf(&made, "%.*s%s%-15s %s\n%s", (int)(at - text), text,
		apart ? "\n" : "", key, value, after) == -1) {
		return NULL;
	}
	return made;
}

bool
setup_has_alias(const char *text, const char *name)
{
	size_t n = strlen(name);

	for (const char *line = text; *line != '\0';) {
		if (strncasecmp(line, name, n) == 0 &&
		    line[n + strspn(line + n, " \t")] == ':') {
			return true;
		}
		const char *end = strchr(line, '\n');
		line = end == NULL ? line + strlen(line) : end + 1;
	}
	return false;
}

bool
setup_address(const char *address, struct setup_answers *a)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	const char *at = strrchr(address, '@');

	if (at == NULL || at == address ||
	    (size_t)(at - address) > SETUP_LOCAL ||
	    strlen(at + 1) >= sizeof(a->domain) || !address_is_domain(at + 1)) {
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
	strlcpy(a->domain, at + 1, sizeof(a->domain));
	return strchr(a->domain, '.') != NULL;
}
