/* SPDX-License-Identifier: ISC */
/* The table in memory: keys, sums, and which record is replaced. */
#include "smtpd/worker/table.h"

#include "common/text/siphash.h"

#include <stdlib.h>
#include <string.h>

static const char magic[8] = "rstbl 1";

struct table_key
table_key(const uint64_t seed[2], const void *data, size_t len)
{
	const uint64_t other[2] = { seed[1], ~seed[0] };

	return (struct table_key){ .half = { siphash(seed, data, len),
				       siphash(other, data, len) } };
}

uint64_t
table_record_sum(const uint64_t seed[2], const struct table_record *r)
{
	return siphash(seed, r, offsetof(struct table_record, sum));
}

static uint64_t
table_header_sum(const struct table_header *h)
{
	return siphash(h->seed, h, offsetof(struct table_header, sum));
}

bool
table_is_header(const struct table_header *h)
{
	return memcmp(h->magic, magic, sizeof(magic)) == 0 &&
	       h->sum == table_header_sum(h);
}

void
table_new_header(struct table_header *h)
{
	memcpy(h->magic, magic, sizeof(magic));
	arc4random_buf(h->seed, sizeof(h->seed));
	h->sum = table_header_sum(h);
}

/* True if it is a record, and still of some use. */
static bool
counts(const struct table_record *r, const uint64_t seed[2], uint32_t now)
{
	return r->expires > now && r->expires - now <= TABLE_LONGEST &&
	       r->sum == table_record_sum(seed, r);
}

void
table_look(const struct table_set *set, const uint64_t seed[2],
    struct table_key key, uint32_t now, struct table_entry *e)
{
	uint32_t least = UINT32_MAX;

	memset(&e->record, 0, sizeof(e->record));
	e->record.key = key;
	e->found = false;
	e->until = 0;
	e->way = 0;
	for (size_t i = 0; i < TABLE_WAYS; i++) {
		const struct table_record *r = &set->ways[i];
		bool good = counts(r, seed, now);
		if (good && memcmp(&r->key, &key, sizeof(key)) == 0) {
			e->record = *r;
			e->found = true;
			e->until = r->expires;
			e->way = i;
			return;
		}
		uint32_t expires = good ? r->expires : 0;
		if (expires < least) {
			least = e->until = expires;
			e->way = i;
		}
	}
}
