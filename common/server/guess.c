/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "common/server/guess.h"

#include <stddef.h>

/* The place of a kind; GUESS_KINDS: none. */
static size_t
place_of(enum request_kind kind)
{
	return kind == REQUEST_LOGIN    ? 0
	       : kind == REQUEST_PROOF  ? 1
	       : kind == REQUEST_PASSWD ? 2
	                                : GUESS_KINDS;
}

bool
guess_is_excess(const struct guesses g[GUESS_KINDS], enum request_kind kind)
{
	size_t i = place_of(kind);

	return i < GUESS_KINDS && g[i].failed >= GUESS_MOST;
}

int64_t
guess_start(
    const struct guesses g[GUESS_KINDS], enum request_kind kind, int64_t now)
{
	size_t i = place_of(kind);

	return i < GUESS_KINDS && g[i].next > now ? g[i].next : now;
}

void
guess_started(
    struct guesses g[GUESS_KINDS], enum request_kind kind, int64_t now)
{
	size_t i = place_of(kind);

	if (i < GUESS_KINDS) {
		g[i].started = now;
	}
}

void
guess_failed(struct guesses g[GUESS_KINDS], enum request_kind kind)
{
	size_t i = place_of(kind);

	if (i < GUESS_KINDS) {
		g[i].failed++;
		g[i].next = g[i].started + GUESS_EVERY;
	}
}
