/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SERVER_ROOM_H
#define RESTANTE_COMMON_SERVER_ROOM_H

#include "common/server/slot.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Room on the disk for messages that are coming in.  Those of clients that have
 * not logged in may hold so much together and no more; beyond, sessions are
 * told by SIGUSR1 to give theirs up (common/io/giveup.h), and one that does not
 * is killed.  What a session says about its file does not matter: the kernel is
 * asked what it holds.
 */

/* A file of a message. */
struct room_file {
	struct slot *slot;
	const uint8_t *network; /* its client's, NETWORK_ADDRESS octets */
	uint64_t octets;        /* that it has on the disk */
	bool goes;              /* its session has been told */
};

/*
 * Marks who else has to go until the others hold no more than cap: of the
 * network that holds most its largest file, again and again.  Changes the
 * order.  Pure.
 */
void room_choose(struct room_file *, size_t n, uint64_t cap);

/*
 * What the files may hold on a disk of which so much is free, and least must
 * stay so, while they hold so much, and a message may need so much: half of
 * what is there for them, but room for a message.  Pure.
 */
uint64_t room_share(
    uint64_t unused, uint64_t least, uint64_t held, uint64_t message);

/* Looks at the files if it is time, and tells sessions. */
void room_keep(struct server *);

/* How many ms there are until then; INT64_MAX: there is nothing to look at. */
int64_t room_left(const struct server *);

#endif
