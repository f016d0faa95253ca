/* SPDX-License-Identifier: ISC */
/* The names of users, which every process inherits. */
#include "common/names/names.h"

#include <stdlib.h>
#include <string.h>

static int
compare(const void *a, const void *b)
{
	const struct names_entry *x = a, *y = b;

	return strcmp(x->name, y->name);
}

void
names_sort(struct names *n)
{
	if (n->count > 0) {
		qsort(n->entries, n->count, sizeof(*n->entries), compare);
	}
}

void
names_free(struct names *n)
{
	if (n != NULL) {
		free(n->entries);
		free(n);
	}
}

const struct names_entry *
names_find(const struct names *n, const char *user)
{
	struct names_entry key;

	strlcpy(key.name, user, sizeof(key.name));
	return n->count == 0 ? NULL
	                     : bsearch(&key, n->entries, n->count,
				   sizeof(*n->entries), compare);
}

bool
names_listed(const struct names *n, const char *user)
{
	return names_find(n, user) != NULL;
}

bool
names_have(const struct names *n, const char *user)
{
	return strcmp(user, "postmaster") == 0 || names_listed(n, user);
}

bool
names_have_cram(const struct names *n)
{
	return n->cram;
}

bool
names_have_oauth(const struct names *n)
{
	return n->oauth || n->open;
}

bool
names_have_certificate(const struct names *n)
{
	return n->certificate;
}

bool
names_all_have_cram(const struct names *n)
{
	return n->cram && !n->not_cram;
}

bool
names_all_have_scram(const struct names *n, enum crypto_kind kind)
{
	return n->scram[kind] && !n->not_scram[kind];
}

bool
names_open(const struct names *n)
{
	return n->open;
}

bool
user_name(
    const struct config *config, const char *login, char user[USER_NAME + 1])
{
	const char *at = strrchr(login, '@');
	size_t n = at == NULL ? strlen(login) : (size_t)(at - login);

	if (n == 0 || n > USER_NAME || login[0] == '.' || login[0] == '-' ||
	    (at != NULL && !config_is_ours(config, at + 1))) {
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		char c = login[i];
		if (c >= 'A' && c <= 'Z') {
			c = (char)(c | 0x20);
		}
		/* The name becomes part of a path. */
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
		    strchr("._+-=", c) == NULL) {
			return false;
		}
		user[i] = c;
	}
	user[n] = '\0';
	return true;
}
