/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_CONFIG_LIMITS_H
#define RESTANTE_COMMON_CONFIG_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A limit of the users' mailboxes: a number for everybody, and others for some,
 * as "expire 30" and "expire 0 alice" say.  0: no limit.
 */

enum { LIMITS_USER = 64, LIMITS_OWN = 32 };

struct limit {
	char user[LIMITS_USER + 1]; /* a user_name() */
	uint64_t value;
};

struct limits {
	uint64_t usual;
	size_t count;
	struct limit own[LIMITS_OWN];
};

/* A user's. */
uint64_t limits_of(const struct limits *, const char *user);

/* True if a limit is set for the user, or for everybody; "0 alice" is one. */
bool limits_say(const struct limits *, const char *user);

/*
 * The least and the most of all users that have a limit; both 0: no user has
 * one.  True if users differ.
 */
bool limits_range(const struct limits *, uint64_t *least, uint64_t *most);

/*
 * Sets a user's, or everybody's ("").  0, or -1: the name is too long, or the
 * list is.
 */
int limits_set(struct limits *, const char *user, uint64_t value)
    __attribute__((warn_unused_result));

#endif
