/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SERVER_PLACE_H
#define RESTANTE_COMMON_SERVER_PLACE_H

#include "common/server/slot.h"

#include <stdbool.h>

/*
 * Decides who gets a place when there are few.  Some are kept for submission,
 * for users of this machine, and for addresses from which somebody has logged
 * in; the programs of this machine never get all.  If no place is left for a
 * newcomer, the server sends SIGTERM to the connection that has submitted
 * nothing for the longest time; a session in the middle of a transaction
 * ignores it.  Users who have logged in keep their places.
 */

enum place {
	PLACE_FREE,
	PLACE_TAKEN,      /* none now: ask again when somebody has left */
	PLACE_PER_SOURCE, /* that address has all that it may have */
};

/* Finds out which place there is for a client of that role. */
enum place place_ask(const struct server *, const struct peer *, enum role);

/*
 * Tells somebody to leave who is in the way of such a client.  false: there is
 * nobody.
 */
bool place_seek(struct server *, const struct peer *);

/* True if there are so many places that waiting for one makes sense. */
bool place_may_be_soon(const struct server *);

/*
 * True if strangers have some of the places that are kept for others: as their
 * proxies do not tell who they are before they have one.
 */
bool place_is_crammed(const struct server *);

/* True if somebody had to be told so within the last minute. */
bool place_is_scarce(const struct server *);

/* Somebody has logged in from there: that address is known for a day. */
void place_remember(struct server *, const struct peer *);

/*
 * True if somebody has, or "trust" has it; of this machine, which is
 * everybody's, never.
 */
bool place_is_known(const struct server *, const struct peer *);

/* True if the slot's user has as many other sessions as a user may have. */
bool place_user_has_all(const struct server *, const struct slot *);

/*
 * When what has been done for a stranger since one time, and may last until
 * another, must be over: sooner when places are scarce.
 */
int64_t place_patience(const struct server *, int64_t since, int64_t until);

#endif
