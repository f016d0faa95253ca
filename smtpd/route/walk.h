/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ROUTE_WALK_H
#define RESTANTE_SMTPD_ROUTE_WALK_H

#include "smtpd/route/expand.h"
#include "smtpd/route/seen.h"

#include <stdbool.h>

/*
 * An expansion under way.  The list of names that are being expanded (the
 * frames) shows loops; the set of all that was met shows what is there twice.
 * For expand.c.
 */

struct walk {
	const struct expand *e;
	const struct recipient *from;
	const char *given;   /* the address that all this stands for */
	const char *forward; /* the user whose ~/.forward it is, or NULL */
	char orcpt[MAIL_ORCPT + 1];
	struct mail *mail;
	struct seen seen;
	enum expanded result;
};

/* A list that is being expanded. */
struct frame {
	const struct frame *up;
	struct walk *walk;
	unsigned depth;
	const char *name;  /* its key, or its file; NULL: what we began with */
	const char *owner; /* of files and commands, "": who runs all this;
	                      NULL: there are none */
	bool include;      /* is allowed */
};

/* Tells the caller of the expansion, if it wants to know. */
void walk_step(const struct frame *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Each ends the expansion and answers false; the last two log why. */
bool walk_fail(const struct frame *, enum expanded);
bool walk_broken(const struct frame *, const char *why);
bool walk_no_memory(const struct frame *);

/* 1: a list of that name has not been met yet; 0: it has; -1: no memory. */
int walk_is_new(struct walk *, const char *name);

/*
 * Each adds a target, once, or a user, at_once: who must not have a ~/.forward
 * asked.  false: the expansion has ended.
 */
bool walk_add(
    const struct frame *, enum target, const char *text, const char *owner);
bool walk_add_user(const struct frame *, const char *user, bool at_once);

/*
 * Nobody here.  If it was a target the others still get their mail, and the
 * queue tells the sender about this one.
 */
bool walk_add_unknown(const struct frame *, const struct address *);

/* Notes what the message goes to already, which is not added again. */
bool walk_start(struct walk *, const struct frame *);

/* Takes back what a failed expansion has added; else sets NOTIFY of many. */
enum expanded walk_finish(struct walk *, size_t before);

#endif
