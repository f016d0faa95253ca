/* SPDX-License-Identifier: ISC */
/* The names of users, which every process inherits. */
#include "common/names/names.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void
names_free(struct names *n)
{
	if (n != NULL) {
		if (n->map != NULL) {
			munmap(n->map, n->map_len);
		}
		free(n->owned_entries);
		free(n->owned_text);
		free(n);
	}
}

/* A text; "" for one that cannot be. */
static const char *
text_of(const struct names *n, uint32_t at)
{
	return at < n->text_len ? n->text + at : "";
}

size_t
names_lines(const struct names *n, const char *user, size_t *count)
{
	size_t low = 0, high = n->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(text_of(n, n->entries[middle].name), user) < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	for (high = low; high < n->count &&
			 strcmp(text_of(n, n->entries[high].name), user) == 0;
	     high++) {
		continue;
	}
	*count = high - low;
	return low;
}

bool
names_find(const struct names *n, const char *user, const char **owner)
{
	size_t count, first = names_lines(n, user, &count);

	if (count == 0 || n->entries[first].further) {
		return false;
	}
	if (owner != NULL) {
		*owner = text_of(n, n->entries[first].owner);
	}
	return true;
}

bool
names_listed(const struct names *n, const char *user)
{
	return names_find(n, user, NULL);
}

enum { FLAGS = 5 + 2 * NAMES_KINDS };

/* The flags in the order of their bits. */
static size_t
flags(struct names *n, bool *list[FLAGS])
{
	size_t k = 0;

	list[k++] = &n->cram;
	list[k++] = &n->not_cram;
	list[k++] = &n->oauth;
	list[k++] = &n->certificate;
	for (size_t i = 0; i < NAMES_KINDS; i++) {
		list[k++] = &n->scram[i];
		list[k++] = &n->not_scram[i];
	}
	list[k++] = &n->pam;
	return k;
}

unsigned
names_kinds(const struct names *n)
{
	struct names copy = *n;
	bool *list[FLAGS];
	unsigned kinds = 0;

	for (size_t i = flags(&copy, list); i-- > 0;) {
		kinds = kinds << 1 | *list[i];
	}
	return kinds;
}

void
names_set_kinds(struct names *n, unsigned kinds)
{
	bool *list[FLAGS];
	size_t count = flags(n, list);

	for (size_t i = 0; i < count; i++) {
		*list[i] = (kinds >> i & 1) != 0;
	}
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
names_have_pam(const struct names *n)
{
	return n->pam;
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
