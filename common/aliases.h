/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_ALIASES_H
#define RESTANTE_COMMON_ALIASES_H

#include "common/address.h"
#include "common/config.h"
#include "common/users.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The aliases file (aliases(5), with virtual addresses): "name: target, ..."
 * where name is a local part, user@domain, or @domain, and continued lines
 * start with a blank.  Loaded by the server and inherited by sessions, which
 * ask whether an address exists; workers expand (smtpd/route/expand.h).
 */

enum { ALIAS_TARGET = 1024 };

struct aliases;

/*
 * NULL: error says why, with file and line.  A missing file is an empty one.
 * What is malformed in single lines is logged and skipped.
 */
struct aliases *aliases_load(const struct config *, char error[CONFIG_ERROR]);
void aliases_free(struct aliases *);
bool aliases_stale(const struct aliases *, const struct config *);

enum alias_kind {
	ALIAS_NONE,
	ALIAS_LIST,      /* goes to its targets */
	ALIAS_MOVED,     /* ":moved: address": refused by 551, text tells */
	ALIAS_FORWARDED, /* ":forwarded: address": goes there, 251 tells */
};

/* What a name goes to: its targets as they stand in the file, unquoted. */
struct alias {
	enum alias_kind kind;
	const char *name;           /* the key that matched */
	const char *const *targets; /* NULL at the end */
};

/* The alias of exactly that key (user, user@domain or @domain), any case. */
enum alias_kind aliases_find(
    const struct aliases *, const char *key, struct alias *);

/* Every key, in order; NULL behind the last.  For --check. */
const char *aliases_key(const struct aliases *, size_t i);

/*
 * What an address of one of our domains is, before any expansion: tried in
 * this order, and each first with the whole local part, then without what
 * stands behind one of the delimiters of the key "subaddress":
 *   user@domain of the aliases; then, unless the domain is one of
 *   "virtual-domains", the alias user, and the user himself; @domain;
 * postmaster and root always (RFC 5321 section 4.5.1).
 */
enum resolved_kind {
	RESOLVED_NONE,  /* no such user here */
	RESOLVED_USER,  /* user */
	RESOLVED_ALIAS, /* alias */
	RESOLVED_ASK,   /* user may be one: ask account_find() in a worker */
};

struct resolved {
	enum resolved_kind kind;
	char user[USER_NAME + 1];
	char extension[ADDRESS_LOCAL + 1]; /* behind the delimiter, or "" */
	struct alias alias;
};

void aliases_resolve(const struct aliases *, const struct config *,
    const struct names *, const struct address *, struct resolved *);

/* ---- the grammar, which ~/.forward has too; pure ---- */

/*
 * Cuts a list of targets into single ones: separated by commas or line ends,
 * "..." quoted (a leading | or / inside the quotes counts), # comments.  Calls
 * for each one; false from it ends the walk.  false: malformed, or ended.
 */
bool aliases_targets(const char *text, size_t len,
    bool (*take)(void *context, const char *target), void *context);

#endif
