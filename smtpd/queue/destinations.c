/* SPDX-License-Identifier: ISC */
/* Next hops: what waits for each, and whether it works. */
#include "smtpd/queue/scheduler_private.h"

#include "common/io/deadline.h"
#include "common/text/hash.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint32_t
destination_hash(const char *key)
{
	uint64_t hash = hash_add(HASH_START, key, strlen(key));

	return (uint32_t)(hash ^ hash >> 32);
}

struct destination *
destination_find(const struct runner *r, uint32_t hash)
{
	struct destination *d = r->table[hash % DESTINATION_TABLE];

	while (d != NULL && d->hash != hash) {
		d = d->chain;
	}
	return d;
}

struct destination *
destination_get(struct runner *r, const char *key)
{
	uint32_t hash = destination_hash(key);
	struct destination **chain = &r->table[hash % DESTINATION_TABLE];

	for (struct destination *d = *chain; d != NULL; d = d->chain) {
		if (d->hash == hash && strcmp(d->key, key) == 0) {
			return d;
		}
	}
	struct destination *d = calloc(1, sizeof(*d));
	if (d == NULL || (d->key = strdup(key)) == NULL) {
		free(d);
		return NULL;
	}
	d->hash = hash;
	d->wanted = -1;
	TAILQ_INIT(&d->waiting);
	window_init(&d->window, 1, r->config->relay_concurrency);
	d->chain = *chain;
	*chain = d;
	return d;
}

int
message_rank(const struct claimed *m)
{
	int priority = m->file.mail.priority;

	return m->standing == STANDING_REPORT
	           ? priority - 10 * MAIL_PRIORITY
	           : 4 * priority + 2 * (m->standing == STANDING_USER);
}

struct batch *
destination_last(const struct destination *d, int rank)
{
	struct batch *b = TAILQ_LAST(&d->waiting, batches);

	while (b != NULL && message_rank(b->message) < rank) {
		b = TAILQ_PREV(b, batches, link);
	}
	return b;
}

void
destination_put(struct runner *r, struct destination *d, struct batch *b)
{
	b->local = d->local;
	b->named = d->named;
	b->store = d->store;
	b->destination = d;
	TAILQ_INSERT_TAIL(&b->message->waiting, b, peer);
	if (d->nwaiting++ == 0) {
		TAILQ_INSERT_TAIL(&r->ready, d, link);
	}
	/* A batch that came back is older than others of its rank. */
	struct batch *before =
	    destination_last(d, message_rank(b->message) + b->again);
	if (before == NULL) {
		TAILQ_INSERT_HEAD(&d->waiting, b, link);
	} else {
		TAILQ_INSERT_AFTER(&d->waiting, before, b, link);
	}
}

void
destination_remove(struct runner *r, struct batch *b)
{
	struct destination *d = b->destination;

	TAILQ_REMOVE(&d->waiting, b, link);
	TAILQ_REMOVE(&b->message->waiting, b, peer);
	b->destination = NULL;
	if (--d->nwaiting == 0) {
		TAILQ_REMOVE(&r->ready, d, link);
		destination_satisfied(d);
	}
	r->intake.look_aside = true;
}

struct batch *
destination_take(struct runner *r, struct destination *d)
{
	struct batch *b = TAILQ_FIRST(&d->waiting);

	if (b != NULL) {
		destination_remove(r, b);
	}
	return b;
}

size_t
destination_share(const struct runner *r)
{
	size_t left = (r->most_messages - r->messages) / 4;

	return left >= r->share ? r->share : left < 2 ? 2 : left;
}

void
destination_success(struct destination *d)
{
	d->succeeded = deadline_now();
	d->crashes = d->deaths = 0;
	d->dead_until = 0;
}

bool
destination_alive(const struct destination *d)
{
	/* All of its connections may have been cut off at once, for a reason
	   that is gone; but not one more. */
	return d->succeeded != 0 && d->deaths <= d->agents &&
	       deadline_now() - d->succeeded < ALIVE_TIME;
}

static bool
forgettable(const struct destination *d, int64_t now)
{
	return d->nwaiting == 0 && d->agents == 0 && now >= d->dead_until &&
	       (d->succeeded == 0 || now - d->succeeded > DEAD_TIME);
}

void
destination_satisfied(struct destination *d)
{
	if (d->wanted != -1) {
		close(d->wanted);
		d->wanted = -1;
	}
}

static void
free_destination(struct destination *d)
{
	destination_satisfied(d);
	result_free(&d->why);
	free(d->key);
	free(d);
}

void
destinations_sweep(struct runner *r)
{
	int64_t now = deadline_now();

	for (size_t i = 0; i < DESTINATION_TABLE; i++) {
		struct destination **chain = &r->table[i];
		while (*chain != NULL) {
			struct destination *d = *chain;
			if (!forgettable(d, now)) {
				chain = &d->chain;
				continue;
			}
			*chain = d->chain;
			free_destination(d);
		}
	}
}

void
destinations_free(struct runner *r)
{
	for (size_t i = 0; i < DESTINATION_TABLE; i++) {
		while (r->table[i] != NULL) {
			struct destination *d = r->table[i];
			r->table[i] = d->chain;
			free_destination(d);
		}
	}
}
