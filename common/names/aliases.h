/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_NAMES_ALIASES_H
#define RESTANTE_COMMON_NAMES_ALIASES_H

#include "common/config/config.h"
#include "common/names/names.h"
#include "common/text/address.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The aliases file (aliases(5), with virtual addresses): "name: target, ..."
 * where name is a local part, user@domain, or @domain, and continued lines
 * start with a blank.  Loaded by the server (common/login/aliases_load.h) and
 * inherited by sessions, which ask if an address exists; workers expand
 * (smtpd/route/expand.h).
 */

enum { ALIAS_TARGET = 1024 };

struct aliases;

void aliases_free(struct aliases *);
/* How many lines were logged. */
size_t aliases_malformed(const struct aliases *);

enum alias_kind {
	ALIAS_NONE,
	ALIAS_LIST,      /* goes to its targets */
	ALIAS_MOVED,     /* ":moved: address": refused by 551, text tells */
	ALIAS_FORWARDED, /* ":forwarded: address": goes there, 251 tells */
};

/* The targets of a name as the file has them, unquoted; none for a malformed
 * line.  The other two kinds have one target, without the word.
 */
struct alias {
	enum alias_kind kind;
	const char *name;    /* the key that matched */
	const char *targets; /* the first one; "" after the last */
};

/* The target after that one. */
const char *alias_next(const char *target);

/* The alias of exactly that key (user, user@domain or @domain), any case. */
enum alias_kind aliases_find(
    const struct aliases *, const char *key, struct alias *);

/* True if a target has octets above 127. */
bool aliases_have_high(const struct aliases *);
/* True if a target may be a list in a file, ":include:". */
bool aliases_have_lists(const struct aliases *);

/* Every key, in order; NULL after the last.  For --check. */
const char *aliases_key(const struct aliases *, size_t i);

/*
 * What an address of one of our domains, or without a domain, is, before any
 * expansion: tried in this order, and each first with the whole local part,
 * then without the text after one of the delimiters of the key
 * "subaddress": user@domain of the aliases; then, unless the domain is one of
 *   "virtual-domains", the alias user, and the user himself; @domain;
 * postmaster and root always (RFC 5321 section 4.5.1), each as the other when
 * nothing is known of the one.
 */
enum resolved_kind {
	RESOLVED_NONE,  /* no such user here */
	RESOLVED_USER,  /* user */
	RESOLVED_ALIAS, /* alias */
	/*
	 * May be a user: a worker asks account_find() for whole, unless that
	 * is "", then for user; if there is neither it is the alias, if that
	 * is not ALIAS_NONE.
	 */
	RESOLVED_ASK,
};

struct resolved {
	enum resolved_kind kind;
	char user[USER_NAME + 1];
	char whole[USER_NAME + 1];         /* user with the extension */
	char extension[ADDRESS_LOCAL + 1]; /* after the delimiter, or "" */
	struct alias alias;
};

void aliases_resolve(const struct aliases *, const struct config *,
    const struct names *, const struct address *, struct resolved *);

/* ---- the grammar, also of ~/.forward; pure ---- */

/*
 * Cuts a list of targets into single ones: separated by commas or line ends,
 * "..." quoted (a leading | or / inside the quotes counts), # comments.  Calls
 * for each one; false from it ends the walk.  false: malformed (an open quote,
 * a control character, more than ALIAS_TARGET - 1 octets), or ended.
 */
bool aliases_targets(const char *text, size_t len,
    bool (*take)(void *context, const char *target), void *context);

#endif
