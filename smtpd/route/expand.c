/* SPDX-License-Identifier: ISC */
/* Follows aliases to the recipients of a message; may run as root. */
#include "smtpd/route/expand.h"

#include "common/keeper/srs_key.h"
#include "common/log/log.h"
#include "common/login/users.h"
#include "smtpd/route/route.h"
#include "smtpd/route/target.h"
#include "smtpd/route/walk_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static bool expand_address(const struct frame *, const struct address *);
static bool expand_target(void *context, const char *target);

/* STATUS_OK if there is such a user; system accounts count. */
static enum status
find_local_user(const struct expansion *w, const char *user)
{
	struct account account;

	if (names_have(w->e->names, user)) {
		return STATUS_OK;
	}
	return names_open(w->e->names)
	           ? account_find(w->e->config, w->e->names, user, &account)
	           : STATUS_NO;
}

/* "\user" means the mailbox, even if an alias has that name. */
static bool
add_mailbox(const struct frame *f, const char *text)
{
	char user[USER_NAME + 1];
	enum status found = STATUS_NO;
	struct address a;
	const char *rest;

	if (user_name(f->walk->e->config, text, user)) {
		found = find_local_user(f->walk, user);
	}
	if (found == STATUS_OK) {
		return walk_add_user(f, user, USER_MAILBOX);
	}
	if (found != STATUS_NO) {
		return walk_fail(f, EXPANDED_TEMPORARY);
	}
	if (address_path_utf8(text, &a, &rest) != PATH_OK || *rest != '\0') {
		return walk_broken(f, "a target is malformed");
	}
	return a.domain[0] == '\0' ||
	               config_is_ours(f->walk->e->config, a.domain)
	           ? walk_add_unknown(f, &a)
	           : expand_address(f, &a);
}

/* ---- lists ---- */

/* False if entering the list would not end; *enter: it is met first now. */
static bool
may_enter(const struct frame *f, const char *name, bool *enter)
{
	for (const struct frame *up = f; up != NULL; up = up->up) {
		if (up->name != NULL && strcmp(up->name, name) == 0) {
			return walk_broken(f, "a loop of aliases");
		}
	}
	if (f->depth >= EXPAND_DEPTH) {
		return walk_broken(f, "aliases are too deep");
	}
	int new = walk_is_new(f->walk, name);
	if (new == -1) {
		return walk_no_memory(f);
	}
	*enter = new == 1;
	return true;
}

static bool
expand_include(const struct frame *f, const char *path)
{
	struct expansion *w = f->walk;
	struct include list;
	bool enter, done = false;

	if (!may_enter(f, path, &enter) || !enter) {
		return w->result == EXPANDED_OK;
	}
	walk_step(f, "the list %s", path);
	switch (include_read(w->e->config, w->e->lists, path, &list)) {
	case INCLUDE_OK:
		break;
	case INCLUDE_TEMPORARY:
		return walk_fail(f, EXPANDED_TEMPORARY);
	case INCLUDE_REFUSED:
		return walk_fail(f, EXPANDED_BROKEN);
	}
	struct frame inner = { .up = f,
		.walk = w,
		.depth = f->depth + 1,
		.name = path,
		.owner = list.trusted ? f->owner : NULL,
		.include = list.trusted };
	done = aliases_targets(list.text, list.len, expand_target, &inner);
	free(list.text);
	if (!done && w->result == EXPANDED_OK) {
		return walk_broken(&inner, "a target is malformed");
	}
	return done;
}

/* An alias that names itself means the user of that name. */
static bool
is_itself(const struct frame *f, const char *name, char user[USER_NAME + 1])
{
	char local[ADDRESS_TEXT];

	if (f->name == NULL || strcmp(f->name, name) != 0) {
		return false;
	}
	strlcpy(local, name, sizeof(local));
	local[strcspn(local, "@")] = '\0';
	return user_name(f->walk->e->config, local, user) &&
	       find_local_user(f->walk, user) == STATUS_OK;
}

/* Gives spam that an alias would send to other hosts alone to the user of its
   name, if there is one. */
static bool
keep_back(const struct frame *f, const struct address *a)
{
	const struct config *config = f->walk->e->config;
	char whole[ADDRESS_TEXT], user[USER_NAME + 1];

	address_text(a, whole, sizeof(whole));
	const char *const names[] = { whole, a->local };
	for (size_t i = 0; i < 2; i++) {
		enum status found = user_name(config, names[i], user)
		                        ? find_local_user(f->walk, user)
		                        : STATUS_NO;
		if (found == STATUS_OK) {
			return walk_add_user(f, user, USER_MAILBOX);
		}
		if (found != STATUS_NO) {
			return walk_fail(f, EXPANDED_TEMPORARY);
		}
	}
	return true; /* nobody has it yet */
}

static bool
expand_alias(
    const struct frame *f, const struct address *a, const struct alias *alias)
{
	struct expansion *w = f->walk;
	char user[USER_NAME + 1];
	bool enter;

	if (alias->kind == ALIAS_MOVED) {
		walk_step(f, "%s has moved to %s", alias->name, alias->targets);
		return walk_add_unknown(f, a);
	}
	if (is_itself(f, alias->name, user)) {
		return walk_add_user(f, user, USER_FORWARDED);
	}
	if (!may_enter(f, alias->name, &enter) || !enter) {
		return w->result == EXPANDED_OK;
	}
	walk_step(f, "the alias %s", alias->name);
	struct frame inner = { .up = f,
		.walk = w,
		.depth = f->depth + 1,
		.name = alias->name,
		.owner = geteuid() == 0 ? w->e->config->alias_owner : "",
		.include = true };
	if (alias->targets[0] == '\0') {
		return walk_broken(&inner, "the line is malformed");
	}
	size_t before = w->mail->count;
	for (const char *t = alias->targets; *t != '\0'; t = alias_next(t)) {
		if (!expand_target(&inner, t)) {
			return false;
		}
	}
	return !w->held || w->mail->count > before || keep_back(f, a);
}

static bool
hand_on(const struct frame *f, const struct address *a)
{
	char text[ROUTE_ADDRESS];

	walk_step(
	    f, "%s: handed on", route_address(f->walk->e->config, a, text));
	return walk_add(f, TARGET_ADDRESS, text, "");
}

/* Adds the user of that address; or the address, if its domain is routed. */
static bool
add_user(const struct frame *f, const struct address *a, const char *user)
{
	const struct config *config = f->walk->e->config;
	const char *domain =
	    a->domain[0] != '\0' ? a->domain : config->domains[0];

	return route_hands_on(config, domain)
	           ? hand_on(f, a)
	           : walk_add_user(f, user, USER_FORWARDED);
}

/* ---- senders of forwarded mail ---- */

enum srs_back
expand_rewritten(
    const struct expand *e, const char *text, char out[ADDRESS_TEXT])
{
	struct srs_keys keys = { .count = 0 };
	enum srs_back back = SRS_UNKNOWN;

	if (!srs_is_rewritten(text)) {
		return SRS_NONE;
	}
	if (e->srs == NULL && srs_key_read(e->config, &keys) == -1) {
		log_error("cannot read %s/srs.key: %s", e->config->state,
		    strerror(errno));
	} else {
		back = srs_reverse(text, e->srs != NULL ? e->srs : &keys,
		    time(NULL), out, ADDRESS_TEXT);
	}
	explicit_bzero(&keys, sizeof(keys));
	return back;
}

/*
 * It is no user: but it may be a sender that mail was forwarded with, to which
 * a report comes back.
 */
static bool
add_unknown(const struct frame *f, const struct address *a)
{
	char text[ADDRESS_TEXT], original[ADDRESS_TEXT];

	address_text(a, text, sizeof(text));
	if (f->walk->mail->sender[0] != '\0') {
		return walk_add_unknown(f, a);
	}
	switch (expand_rewritten(f->walk->e, text, original)) {
	case SRS_GOOD:
		walk_step(f, "%s: forwarded mail of %s", text, original);
		return walk_add(f, TARGET_ADDRESS, original, "");
	case SRS_UNKNOWN:
		return walk_fail(f, EXPANDED_TEMPORARY);
	case SRS_NONE:
	case SRS_FORGED:
	case SRS_EXPIRED:
		break;
	}
	return walk_add_unknown(f, a);
}

/* Asks the system if the address is one of its accounts. */
static bool
expand_account(
    const struct frame *f, const struct address *a, const struct resolved *r)
{
	const char *const users[] = { r->whole, r->user };

	for (size_t i = 0; i < 2; i++) {
		enum status found = users[i][0] == '\0'
		                        ? STATUS_NO
		                        : find_local_user(f->walk, users[i]);
		if (found == STATUS_OK) {
			return add_user(f, a, users[i]);
		}
		if (found != STATUS_NO) {
			return walk_fail(f, EXPANDED_TEMPORARY);
		}
	}
	return r->alias.kind == ALIAS_NONE ? add_unknown(f, a)
	                                   : expand_alias(f, a, &r->alias);
}

/* Whoever forwards spam is taken for who sends it. */
static bool
is_held_back(const struct frame *f)
{
	return f->walk->mail->marked &&
	       (f->name != NULL || f->walk->forward != NULL);
}

static bool
expand_address(const struct frame *f, const struct address *a)
{
	const struct expand *e = f->walk->e;
	char text[ADDRESS_TEXT];
	struct resolved r;

	if (a->domain[0] != '\0' && !config_is_ours(e->config, a->domain)) {
		address_text(a, text, sizeof(text));
		if (is_held_back(f)) {
			f->walk->held = true;
			walk_step(f, "%s: spam is not forwarded", text);
			return true;
		}
		walk_step(f, "%s: elsewhere", text);
		return walk_add(f, TARGET_ADDRESS, text, "");
	}
	aliases_resolve(e->aliases, e->config, e->names, a, &r);
	if (route_is_asked(e->config, a, &r)) {
		return hand_on(f, a);
	}
	switch (r.kind) {
	case RESOLVED_NONE:
		return add_unknown(f, a);
	case RESOLVED_USER:
		return add_user(f, a, r.user);
	case RESOLVED_ALIAS:
		return expand_alias(f, a, &r.alias);
	case RESOLVED_ASK:
		return expand_account(f, a, &r);
	}
	return false;
}

static bool
expand_owned(const struct frame *f, enum target target, const char *text)
{
	if (f->owner == NULL) {
		return walk_broken(f,
		    "a file or command, in a list that others "
		    "than root can write");
	}
	walk_step(f, "%s%s: %s %s", target == TARGET_PIPE ? "|" : "", text,
	    target == TARGET_PIPE ? "run as" : "written as",
	    f->owner[0] != '\0' ? f->owner : "ourselves");
	return walk_add(f, target, text, f->owner);
}

static bool
expand_target(void *context, const char *target)
{
	const struct frame *f = context;
	struct target_parsed t;

	switch (target_parse(target, &t)) {
	case MEANS_ADDRESS:
		return expand_address(f, &t.address);
	case MEANS_MAILBOX:
		return add_mailbox(f, t.text);
	case MEANS_PIPE:
		return expand_owned(f, TARGET_PIPE, t.text);
	case MEANS_FILE:
		return expand_owned(f, TARGET_FILE, t.text);
	case MEANS_INCLUDE:
		return f->include
		           ? expand_include(f, t.text)
		           : walk_broken(f, ":include: is not allowed here");
	case MEANS_NOTHING:
		break;
	}
	/* It is not logged: it may be a line of a file of somebody else. */
	return walk_broken(f, "a target is malformed");
}

/* ---- the whole ---- */

enum expanded
expand_recipient(
    const struct expand *e, const struct recipient *from, struct mail *mail)
{
	struct expansion w = { .e = e,
		.from = from,
		.given = from->given[0] != '\0' ? from->given : from->text,
		.mail = mail };
	const struct frame f = { .walk = &w };
	size_t before = mail->count;
	struct address a;
	const char *rest;

	if (walk_start(&w, &f)) {
		/* Text from outside is an address even if it looks like a
		   file or a command. */
		if (address_path_utf8(from->text, &a, &rest) != PATH_OK ||
		    *rest != '\0' || address_is_null(&a)) {
			(void)walk_broken(&f, "not an address");
		} else if (expand_address(&f, &a) && mail->count == before &&
			   (w.held || !w.met)) {
			/* Mail for nobody waits: it is not thrown away. */
			(void)(w.held
				   ? walk_fail(&f, EXPANDED_HELD)
				   : walk_broken(&f, "nobody is in its lists"));
		}
	}
	return walk_finish(&w, before);
}

enum expanded
expand_forward(const struct expand *e, const char *user, const char *owner,
    const char *text, size_t len, const struct recipient *from,
    struct mail *mail)
{
	struct expansion w = { .e = e,
		.from = from,
		.given = from->given[0] != '\0' ? from->given : from->text,
		.forward = user,
		.mail = mail };
	struct frame f = { .walk = &w, .owner = owner };
	size_t before = mail->count;

	if (walk_start(&w, &f)) {
		bool whole = aliases_targets(text, len, expand_target, &f);
		if (!whole && w.result == EXPANDED_OK) {
			(void)walk_broken(&f, "~/.forward is malformed");
		} else if (whole && mail->count == before) {
			(void)walk_add_user(&f, user, USER_MAILBOX);
		}
	}
	return walk_finish(&w, before);
}

/* ---- whose address ---- */

/* True if the alias has the name of the user: then it keeps mail, too. */
static bool
is_named_so(const struct alias *alias, const char *user)
{
	size_t n = strcspn(alias->name, "@");

	return n == strlen(user) && strncasecmp(alias->name, user, n) == 0;
}

/* True if there is one target alone, that *next then is, or the user. */
static bool
follow_alone(const struct expand *e, const struct alias *alias,
    const char *user, struct address *next, bool *found)
{
	const char *first = alias->targets;
	char name[USER_NAME + 1];
	struct target_parsed t;

	*found = alias->kind != ALIAS_MOVED && is_named_so(alias, user);
	if (*found || alias->kind == ALIAS_NONE || alias->kind == ALIAS_MOVED ||
	    first[0] == '\0' || *alias_next(first) != '\0') {
		return false;
	}
	switch (target_parse(first, &t)) {
	case MEANS_ADDRESS:
		*next = t.address;
		return true;
	case MEANS_MAILBOX:
		*found = user_name(e->config, t.text, name) &&
		         strcmp(name, user) == 0;
		return false;
	case MEANS_PIPE:
	case MEANS_FILE:
	case MEANS_INCLUDE:
	case MEANS_NOTHING:
		break;
	}
	return false;
}

bool
expand_is_user(
    const struct expand *e, const struct address *address, const char *user)
{
	struct address a = *address;
	struct resolved r;
	bool found = false;

	for (int depth = 0; depth < EXPAND_DEPTH; depth++) {
		if (a.domain[0] != '\0' &&
		    !config_is_ours(e->config, a.domain)) {
			return false;
		}
		aliases_resolve(e->aliases, e->config, e->names, &a, &r);
		if (r.kind == RESOLVED_NONE) {
			return false;
		}
		if (r.kind != RESOLVED_ALIAS &&
		    (strcmp(r.user, user) == 0 ||
			(r.kind == RESOLVED_ASK &&
			    strcmp(r.whole, user) == 0))) {
			return true;
		}
		if (r.kind == RESOLVED_USER ||
		    !follow_alone(e, &r.alias, user, &a, &found)) {
			return r.kind != RESOLVED_USER && found;
		}
	}
	return false;
}
