/* SPDX-License-Identifier: ISC */
/* The aliases in memory, and what an address resolves to. */
#include "common/names/aliases.h"

#include "common/names/aliases_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>

void
aliases_free(struct aliases *a)
{
	if (a != NULL) {
		if (a->map != NULL) {
			munmap(a->map, a->map_len);
		}
		free(a->owned_entries);
		free(a->owned_table);
		free(a->owned_text);
		free(a);
	}
}

size_t
aliases_malformed(const struct aliases *a)
{
	return a->malformed;
}

bool
aliases_have_high(const struct aliases *a)
{
	return a->high;
}

bool
aliases_have_lists(const struct aliases *a)
{
	return a->lists;
}

const char *
aliases_key(const struct aliases *a, size_t i)
{
	return i < a->count ? aliases_text(a, a->entries[i].name) : NULL;
}

const char *
alias_next(const char *target)
{
	return target + strlen(target) + 1;
}

enum alias_kind
aliases_find(const struct aliases *a, const char *key, struct alias *found)
{
	char lower[ALIAS_KEY + 1];
	const struct alias_entry *e = NULL;

	if (aliases_lower(key, lower)) {
		e = aliases_entry(a, lower);
	}
	memset(found, 0, sizeof(*found));
	if (e != NULL) {
		found->kind = (enum alias_kind)e->kind;
		found->name = aliases_text(a, e->name);
		found->targets = aliases_text(a, e->targets);
	}
	return found->kind;
}

/* ---- resolving an address ---- */

struct lookup {
	const struct aliases *aliases;
	const struct config *config;
	const struct names *names;
	const char *domain;
	/* The local part without quotes, and without its extension; the same
	   when it has none. */
	char whole[ADDRESS_PATH + 1], base[ADDRESS_PATH + 1];
	struct resolved *r;
};

/* Cuts the extension off: at the first delimiter that is not in front. */
static void
cut(struct lookup *l)
{
	strlcpy(l->base, l->whole, sizeof(l->base));
	size_t n = strcspn(l->base + 1, l->config->subaddress) + 1;
	if (l->base[0] != '\0' && l->base[n] != '\0') {
		l->base[n] = '\0';
	}
}

static bool
has_extension(const struct lookup *l)
{
	return strlen(l->base) < strlen(l->whole);
}

/* Keeps the text after the delimiter, because base has matched. */
static void
set_extension(struct lookup *l)
{
	if (has_extension(l)) {
		strlcpy(l->r->extension, l->whole + strlen(l->base) + 1,
		    sizeof(l->r->extension));
	}
}

/* Finds the alias local or local@domain. */
static bool
find_alias(struct lookup *l, const char *local, const char *domain)
{
	char key[ADDRESS_TEXT];

	snprintf(key, sizeof(key), "%s%s%s", local,
	    domain[0] != '\0' ? "@" : "", domain);
	if (aliases_find(l->aliases, key, &l->r->alias) == ALIAS_NONE) {
		return false;
	}
	l->r->kind = RESOLVED_ALIAS;
	return true;
}

static bool
find_user(struct lookup *l, const char *local)
{
	char user[USER_NAME + 1];

	if (!user_name(l->config, local, user) || !names_have(l->names, user)) {
		return false;
	}
	strlcpy(l->r->user, user, sizeof(l->r->user));
	l->r->kind = RESOLVED_USER;
	return true;
}

static bool
find_catch_all(struct lookup *l)
{
	return l->domain[0] != '\0' && find_alias(l, "", l->domain);
}

/* Finds a name that may be a system account. */
static bool
find_open(struct lookup *l)
{
	struct resolved *r = l->r;

	if (!names_open(l->names) || !user_name(l->config, l->base, r->user)) {
		return false;
	}
	set_extension(l);
	if (!has_extension(l) || !user_name(l->config, l->whole, r->whole)) {
		r->whole[0] = '\0';
	}
	(void)find_catch_all(l);
	r->kind = RESOLVED_ASK;
	return true;
}

static bool
find_local(struct lookup *l)
{
	if (find_alias(l, l->whole, "") || find_user(l, l->whole)) {
		return true;
	}
	if (has_extension(l) &&
	    (find_alias(l, l->base, "") || find_user(l, l->base))) {
		set_extension(l);
		return true;
	}
	return find_open(l);
}

static bool
find_in_domain(struct lookup *l)
{
	if (l->domain[0] == '\0') {
		return false;
	}
	if (find_alias(l, l->whole, l->domain)) {
		return true;
	}
	if (has_extension(l) && find_alias(l, l->base, l->domain)) {
		set_extension(l);
		return true;
	}
	return false;
}

/* A postmaster without an alias or mailbox is root. */
static bool
find_postmaster(struct lookup *l)
{
	if (strcasecmp(l->base, "postmaster") != 0 ||
	    names_listed(l->names, "postmaster")) {
		return false;
	}
	set_extension(l);
	return find_alias(l, "postmaster", "") || find_alias(l, "root", "");
}

/* postmaster and root exist in each domain. */
static bool
find_duty(struct lookup *l)
{
	bool root = strcasecmp(l->base, "root") == 0;

	if (!root && strcasecmp(l->base, "postmaster") != 0) {
		return false;
	}
	set_extension(l);
	return (root && find_alias(l, "root", "")) ||
	       (root && find_user(l, "root")) || find_postmaster(l) ||
	       find_alias(l, "postmaster", "") || find_user(l, "postmaster");
}

/* Whom our reports come from (RFC 2142 has no such name): the postmaster reads
   it, unless an alias or a user has the name. */
static void
rename_daemon(struct lookup *l)
{
	if (strcasecmp(l->base, "mailer-daemon") == 0 &&
	    !config_is_virtual(l->config, l->domain) &&
	    !find_alias(l, l->base, "") && !find_user(l, l->base)) {
		strlcpy(l->whole, "postmaster", sizeof(l->whole));
		cut(l);
	}
	l->r->kind = RESOLVED_NONE;
}

void
aliases_resolve(const struct aliases *a, const struct config *config,
    const struct names *names, const struct address *address,
    struct resolved *r)
{
	struct lookup l = { .aliases = a,
		.config = config,
		.names = names,
		.domain = address->domain,
		.r = r };

	memset(r, 0, sizeof(*r));
	if (!address_unquote(address->local, l.whole, sizeof(l.whole)) ||
	    l.whole[0] == '\0' || address_is_routed(l.whole)) {
		return;
	}
	cut(&l);
	if (find_in_domain(&l)) {
		return;
	}
	rename_daemon(&l);
	if (find_in_domain(&l) ||
	    (!config_is_virtual(config, l.domain) &&
		(find_postmaster(&l) || find_local(&l))) ||
	    find_catch_all(&l) || find_duty(&l)) {
		return;
	}
	memset(r, 0, sizeof(*r));
}
