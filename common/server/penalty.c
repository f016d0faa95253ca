/* SPDX-License-Identifier: ISC */
/*
 * The table of penalties, in memory.  Any octets may be in it: an entry counts
 * if its sum, made with the table's seed, is right.
 */
#include "common/server/penalty.h"

#include "common/text/siphash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char magic[8] = "penalty1";

/* Points for each offence. */
static const unsigned weights[OFFENCES] = {
	[OFFENCE_LOGIN] = 10,
	[OFFENCE_SYNTAX] = 2,
	[OFFENCE_RECIPIENT] = 5,
	[OFFENCE_ABUSE] = 30,
};

enum {
	UNIT = 1000,       /* of a score: a point */
	AHEAD = 60 * 1000, /* ms that a clock may be set back */
};

int64_t
penalty_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void
penalty_key(
    const uint8_t address[NETWORK_ADDRESS], uint8_t key[NETWORK_ADDRESS])
{
	memcpy(key, address, NETWORK_ADDRESS);
	if (!network_is_v4(address)) {
		memset(key + 56 / 8, 0, NETWORK_ADDRESS - 56 / 8);
	}
}

/* ---- sums ---- */

static uint64_t
table_sum(const struct penalty_image *t)
{
	return siphash(t->seed, t, offsetof(struct penalty_image, sum));
}

static uint64_t
entry_sum(const struct penalty_image *t, const struct penalty_entry *e)
{
	return siphash(t->seed, e, offsetof(struct penalty_entry, sum));
}

bool
penalty_is_table(const struct penalty_image *t)
{
	return memcmp(t->magic, magic, sizeof(magic)) == 0 &&
	       t->sum == table_sum(t);
}

void
penalty_reset(struct penalty_image *t)
{
	memset(t, 0, sizeof(*t));
	memcpy(t->magic, magic, sizeof(magic));
	arc4random_buf(t->seed, sizeof(t->seed));
	t->sum = table_sum(t);
}

/* ---- entries ---- */

/* What is left of the score; 0 also for what is no entry. */
static uint32_t
left(const struct penalty_image *t, const struct penalty_entry *e, int64_t now)
{
	if (e->score == 0 || e->sum != entry_sum(t, e) ||
	    e->score > PENALTY_MOST * UNIT || e->when < 0 ||
	    e->when > now + AHEAD) {
		return 0;
	}
	int64_t gone =
	    now <= e->when ? 0 : (now - e->when) / (PENALTY_POINT / UNIT);
	return gone >= e->score ? 0 : e->score - (uint32_t)gone;
}

static size_t
first_way(const struct penalty_image *t, const uint8_t key[NETWORK_ADDRESS])
{
	return (size_t)(siphash(t->seed, key, NETWORK_ADDRESS) % PENALTY_SETS) *
	       PENALTY_WAYS;
}

/* A copy of the key's entry, and what is left of it; 0: there is none. */
static uint32_t
find_entry(const struct penalty_image *t, const uint8_t key[NETWORK_ADDRESS],
    int64_t now, struct penalty_entry *e)
{
	size_t first = first_way(t, key);

	for (size_t i = first; i < first + PENALTY_WAYS; i++) {
		*e = t->entries[i]; /* others may be writing it */
		uint32_t score = left(t, e, now);
		if (score > 0 && memcmp(e->key, key, sizeof(e->key)) == 0) {
			return score;
		}
	}
	return 0;
}

/* Where the key's entry is or, if it has none, where it is to be. */
static struct penalty_entry *
place(struct penalty_image *t, const uint8_t key[NETWORK_ADDRESS], int64_t now)
{
	struct penalty_entry *set = &t->entries[first_way(t, key)], *mild = set;

	for (size_t i = 0; i < PENALTY_WAYS; i++) {
		uint32_t score = left(t, &set[i], now);
		if (score > 0 &&
		    memcmp(set[i].key, key, NETWORK_ADDRESS) == 0) {
			return &set[i];
		}
		mild = score < left(t, mild, now) ? &set[i] : mild;
	}
	memset(mild, 0, sizeof(*mild));
	memcpy(mild->key, key, NETWORK_ADDRESS);
	return mild;
}

static void
describe(const struct penalty_entry *e, uint32_t score, struct penalty *p)
{
	memcpy(p->key, e->key, sizeof(p->key));
	p->points = (score + UNIT - 1) / UNIT;
	for (size_t i = 0; i < OFFENCES; i++) {
		p->counts[i] = e->counts[i];
	}
}

bool
penalty_look(const struct penalty_image *t, const uint8_t key[NETWORK_ADDRESS],
    int64_t now, struct penalty *p)
{
	struct penalty_entry e;
	uint32_t score = find_entry(t, key, now, &e);

	if (score == 0) {
		memset(p, 0, sizeof(*p));
		return false;
	}
	describe(&e, score, p);
	return true;
}

static void
add_points(struct penalty_image *t, struct penalty_entry *e,
    enum offence offence, int64_t now)
{
	uint32_t score = left(t, e, now) + weights[offence] * UNIT;

	e->score = score > PENALTY_MOST * UNIT ? PENALTY_MOST * UNIT : score;
	e->when = now;
	if (e->counts[offence] < UINT16_MAX) {
		e->counts[offence]++;
	}
	e->sum = entry_sum(t, e);
}

void
penalty_count(struct penalty_image *t, const uint8_t key[NETWORK_ADDRESS],
    enum offence offence, int64_t now)
{
	add_points(t, place(t, key, now), offence, now);
}

/* ---- failed logins ---- */

/* What is remembered of a name and a password: 32 bits, never 0. */
static uint32_t
remembered(const struct penalty_image *t, const char *name, const char *secret)
{
	/* The name makes the seed: "ab" and "c" are not "a" and "bc". */
	uint64_t seed[2] = { siphash(t->seed, name, strlen(name)),
		secret == NULL ? ~t->seed[1] : t->seed[1] };
	uint64_t hash =
	    siphash(seed, secret, secret == NULL ? 0 : strlen(secret));

	return (uint32_t)hash == 0 ? 1 : (uint32_t)hash;
}

/* Where it is among what is remembered, or PENALTY_ONCE. */
static size_t
recall(const struct penalty_entry *e, uint32_t what)
{
	size_t i = 0;

	while (i < PENALTY_ONCE && e->once[i] != what) {
		i++;
	}
	return i;
}

void
penalty_login(struct penalty_image *t, const uint8_t key[NETWORK_ADDRESS],
    const char *name, const char *secret, int64_t now)
{
	struct penalty_entry *e = place(t, key, now);
	uint32_t what = remembered(t, name, secret);
	size_t challenge = recall(e, remembered(t, name, NULL));

	if (secret != NULL && recall(e, what) < PENALTY_ONCE) {
		return;
	}
	bool same = secret != NULL && challenge < PENALTY_ONCE;
	if (same) {
		e->once[challenge] = what;
	} else if (recall(e, what) == PENALTY_ONCE) {
		e->once[e->next % PENALTY_ONCE] = what;
		e->next = (e->next + 1) % PENALTY_ONCE;
	}
	e->sum = entry_sum(t, e);
	if (!same) {
		add_points(t, e, OFFENCE_LOGIN, now);
	}
}

/* ---- for people ---- */

void
penalty_forgive(struct penalty_image *t, const uint8_t *key)
{
	for (size_t i = 0; i < PENALTY_ENTRIES; i++) {
		struct penalty_entry *e = &t->entries[i];
		if (key == NULL || memcmp(e->key, key, sizeof(e->key)) == 0) {
			memset(e, 0, sizeof(*e));
		}
	}
}

bool
penalty_next(
    const struct penalty_image *t, size_t *at, int64_t now, struct penalty *p)
{
	while (*at < PENALTY_ENTRIES) {
		struct penalty_entry e = t->entries[(*at)++];
		uint32_t score = left(t, &e, now);
		if (score > 0) {
			describe(&e, score, p);
			return true;
		}
	}
	return false;
}

unsigned
penalty_delay(unsigned points)
{
	unsigned delay =
	    points < PENALTY_SLOW ? 0 : 500 + (points - PENALTY_SLOW) * 50;

	return delay < PENALTY_DELAY ? delay : PENALTY_DELAY;
}

const char *
penalty_text(const struct penalty *p, char text[PENALTY_TEXT])
{
	static const char *const names[OFFENCES] = {
		[OFFENCE_LOGIN] = "failed logins",
		[OFFENCE_SYNTAX] = "syntax errors",
		[OFFENCE_RECIPIENT] = "wrong recipients",
		[OFFENCE_ABUSE] = "abuse",
	};
	const char *between = " for";

	snprintf(text, PENALTY_TEXT, "%u points", p->points);
	for (size_t i = 0; i < OFFENCES; i++) {
		size_t n = strlen(text);
		if (p->counts[i] > 0) {
			snprintf(text + n, PENALTY_TEXT - n, "%s %s: %u",
			    between, names[i], p->counts[i]);
			between = ",";
		}
	}
	return text;
}
