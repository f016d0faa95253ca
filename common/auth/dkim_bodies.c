/* SPDX-License-Identifier: ISC */
/* The hashes of a body that signatures need, all in one pass. */
#include "common/auth/dkim_private.h"

int
bodies_want(struct bodies *b, enum canon form, uint64_t limit)
{
	size_t limited = 0;

	for (size_t i = 0; i < b->count; i++) {
		const struct canon_body *c = &b->all[i].canon;
		if (c->form == form && c->limit == limit) {
			return (int)i;
		}
		limited += c->limit != UINT64_MAX;
	}
	/* The two forms without a limit always have their places. */
	if (limit != UINT64_MAX && limited == BODIES - 2) {
		return -1;
	}
	struct body_hash *h = &b->all[b->count];
	crypto_hash_begin(&h->hash);
	h->canon = (struct canon_body){
		.form = form, .limit = limit, .sink = section_sink(&h->hash)
	};
	return (int)b->count++;
}

void
bodies_feed(struct bodies *b, const char *data, size_t len)
{
	for (size_t i = 0; i < b->count; i++) {
		canon_body_feed(&b->all[i].canon, data, len);
	}
}

void
bodies_end(struct bodies *b)
{
	for (size_t i = 0; i < b->count; i++) {
		canon_body_end(&b->all[i].canon);
		crypto_hash_result(&b->all[i].hash, b->all[i].digest);
	}
}
