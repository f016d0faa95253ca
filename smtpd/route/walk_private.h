/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ROUTE_WALK_PRIVATE_H
#define RESTANTE_SMTPD_ROUTE_WALK_PRIVATE_H

#include "smtpd/route/expand.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * An expansion under way, for expand.c.  The names that are being expanded (the
 * frames) reveal loops; the set of all texts that were met reveals duplicates.
 */

struct seen {
	char **texts;
	size_t count, size; /* of the table, a power of 2; 0 at first */
};

struct expansion {
	const struct expand *e;
	const struct recipient *from;
	const char *given;   /* the address that is expanded */
	const char *forward; /* the user with this ~/.forward, or NULL */
	char orcpt[MAIL_ORCPT + 1];
	struct mail *mail;
	struct seen seen;
	bool held; /* spam was not added to another host's mail */
	bool met;  /* a target, if only one that the message has already */
	enum expanded result;
};

/* A list that is being expanded. */
struct frame {
	const struct frame *up;
	struct expansion *walk;
	unsigned depth;
	const char *name;  /* its key or file; NULL: the address at the start */
	const char *owner; /* of files and commands; "": the user that we are;
	                      NULL: none are allowed */
	bool include;      /* :include: is allowed */
};

/* Reports a step to the tracer, if there is one. */
void walk_step(const struct frame *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Each ends the expansion and returns false; the last two log why. */
bool walk_fail(const struct frame *, enum expanded);
bool walk_broken(const struct frame *, const char *why);
bool walk_no_memory(const struct frame *);

/* 1: a list of that name has not been met yet; 0: it has; -1: no memory. */
int walk_is_new(struct expansion *, const char *name);

/* Says whether a user's ~/.forward is followed. */
enum user_target { USER_FORWARDED, USER_MAILBOX };

/* Each adds a target or a user, once.  false: the expansion has ended. */
bool walk_add(
    const struct frame *, enum target, const char *text, const char *owner);
bool walk_add_user(const struct frame *, const char *user, enum user_target);

/*
 * The address is no user here.  If it was a target of a list, the other targets
 * still get their mail, and the queue tells the sender about this one.
 */
bool walk_add_unknown(const struct frame *, const struct address *);

/* Notes the targets that the message has already. */
bool walk_start(struct expansion *, const struct frame *);

/* Removes what a failed expansion has added; else sets NOTIFY of several. */
enum expanded walk_finish(struct expansion *, size_t before);

#endif
