/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SERVER_PENALTY_H
#define RESTANTE_COMMON_SERVER_PENALTY_H

#include "common/config/config.h"
#include "common/job/job.h"
#include "common/text/network.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Penalties: a table of what clients did, by address (IPv4 /32, IPv6 /56).
 * Points come with each offence and go with time.  The table is a file of fixed
 * size, mapped by all servers, so that it is the same for smtpd and pop3d and
 * outlives servers for one connection.  It is hashed with a seed of its own;
 * each entry has a sum, and what does not add up is nothing.  No password is
 * in it, only 32 bits of a hash by the seed.
 */

enum {
	PENALTY_SETS = 512, /* places that an address may hash to */
	PENALTY_WAYS = 8,   /* entries of each; the mildest gives way */
	PENALTY_ENTRIES = PENALTY_SETS * PENALTY_WAYS,
	PENALTY_ONCE = 4,          /* failed logins that are remembered */
	PENALTY_SLOW = 30,         /* points: replies to errors take longer */
	PENALTY_REFUSED = 100,     /* and from here on there is no service */
	PENALTY_MOST = 600,        /* no more than that */
	PENALTY_POINT = 10 * 1000, /* ms until a point is gone */
	PENALTY_DELAY = 5000,      /* ms, the longest */
	PENALTY_TEXT = 160,
};

struct penalty_entry {
	uint8_t key[NETWORK_ADDRESS];
	int64_t when;   /* ms since 1970, of the score */
	uint32_t score; /* thousandths of a point */
	uint32_t next;  /* of the places in once */
	uint32_t once[PENALTY_ONCE];
	uint16_t counts[OFFENCES];
	uint64_t sum;
};

struct penalty_image {
	char magic[8];
	uint64_t seed[2];
	uint64_t reserved[4];
	uint64_t sum;
	struct penalty_entry entries[PENALTY_ENTRIES];
};

/* The table's record of an address. */
struct penalty {
	uint8_t key[NETWORK_ADDRESS];
	unsigned points;
	unsigned counts[OFFENCES]; /* by enum offence */
};

/* ---- penalty.c: the table in memory; now is penalty_now() ---- */

/* The part of an address that is counted together. */
void penalty_key(
    const uint8_t address[NETWORK_ADDRESS], uint8_t key[NETWORK_ADDRESS]);

/* True if the table has a valid beginning; makes an empty one. */
bool penalty_is_table(const struct penalty_image *);
void penalty_reset(struct penalty_image *);

/* Finds what is known about a key.  false: nothing, or nothing any more. */
bool penalty_look(const struct penalty_image *,
    const uint8_t key[NETWORK_ADDRESS], int64_t now, struct penalty *);

/* Counts an offence. */
void penalty_count(struct penalty_image *, const uint8_t key[NETWORK_ADDRESS],
    enum offence, int64_t now);

/*
 * Counts a failed login, unless the same name and password have failed
 * before.  secret: NULL if it was not told, but an answer to a challenge; then
 * the next password for that name is taken to be the same, once.
 */
void penalty_login(struct penalty_image *, const uint8_t key[NETWORK_ADDRESS],
    const char *name, const char *secret, int64_t now);

/* Forgets a key, or everything (NULL). */
void penalty_forgive(struct penalty_image *, const uint8_t *key);

/* The first entry from *at on; *at is moved past it.  false: no more. */
bool penalty_next(
    const struct penalty_image *, size_t *at, int64_t now, struct penalty *);

/* How long an error's reply takes at so many points, in ms. */
unsigned penalty_delay(unsigned points);

/* "120 points for 9 failed logins, 15 syntax errors"; answers text. */
const char *penalty_text(const struct penalty *, char text[PENALTY_TEXT]);

int64_t penalty_now(void);

/* ---- penalty_file.c: where it is kept; may run as root ---- */

struct penalties {
	char path[PATH_MAX];
	int fd; /* -1: closed */
	struct penalty_image *image;
};

/*
 * Opens the table below the folder of the key state, and makes it if that is
 * wanted.  0; -1 with errno.  Children of this process do not have it mapped.
 */
int penalties_open(struct penalties *, const struct config *, bool make)
    __attribute__((warn_unused_result));
void penalties_close(struct penalties *);

/* True if it can be read now; opens a file that has replaced it. */
bool penalties_readable(struct penalties *);

/*
 * Locks it for a change, and makes an empty one of what is none.  false: not
 * now; nothing is waited for longer than some milliseconds.
 */
bool penalties_begin(struct penalties *) __attribute__((warn_unused_result));
void penalties_end(struct penalties *);

#endif
