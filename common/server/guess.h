/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SERVER_GUESS_H
#define RESTANTE_COMMON_SERVER_GUESS_H

#include "common/job/channel.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Guesses at passwords, as the server counts them, whatever the session says:
 * by the connection, so that STARTTLS begins no new count.  A session ends by
 * itself after GUESS_MOST failures, at the latest; one that asks once more has
 * been taken over.  Pure.
 */

enum {
	GUESS_MOST = 5,     /* failed logins; and as many proofs */
	GUESS_EVERY = 1000, /* ms from a failure's start to the next */
};

/* One for logins and one for proofs of SCRAM, since an attempt needs both; and
   one for changes of a password. */
struct guesses {
	unsigned failed;
	int64_t started; /* the last check */
	int64_t next;    /* when another one may start */
};

enum { GUESS_KINDS = 3 };

/* Requests of other kinds are no guesses: nothing is said against them. */

/* True if a request of that kind is one too many. */
bool guess_is_excess(const struct guesses[GUESS_KINDS], enum request_kind);

/* When a request of that kind may start: now, or later. */
int64_t guess_start(
    const struct guesses[GUESS_KINDS], enum request_kind, int64_t now);

/* A check has started, and was wrong in the end. */
void guess_started(struct guesses[GUESS_KINDS], enum request_kind, int64_t now);
void guess_failed(struct guesses[GUESS_KINDS], enum request_kind);

#endif
