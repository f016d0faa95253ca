/* SPDX-License-Identifier: ISC */
/* Fast sums.  Pieces are gathered, so that long runs of words are summed. */
#include "spool/fingerprint.h"

#include <string.h>

enum { LANES = 4, STRIPE = LANES * (int)sizeof(uint64_t) };

static const uint64_t basis = 14695981039346656037ULL;
static const uint64_t prime = 1099511628211ULL;

static uint64_t
mix(uint64_t h, uint64_t word)
{
	h = (h ^ word) * prime;
	return h ^ h >> 29;
}

uint64_t
fingerprint_of(const void *data, size_t len)
{
	const unsigned char *p = data;
	uint64_t h = basis, word;

	for (; len >= sizeof(word); len -= sizeof(word), p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		h = mix(h, word);
	}
	for (; len > 0; len--, p++) {
		h = (h ^ *p) * prime;
	}
	return h ^ h >> 32;
}

/* Words go to the lanes in turn, because one sum would wait for itself. */
static void
sum_stage(struct fingerprint *f, size_t len)
{
	uint64_t a = f->lanes[0], b = f->lanes[1];
	uint64_t c = f->lanes[2], d = f->lanes[3];
	uint64_t words[LANES];

	for (size_t i = 0; i < len; i += STRIPE) {
		memcpy(words, f->stage + i, sizeof(words));
		a = mix(a, words[0]);
		b = mix(b, words[1]);
		c = mix(c, words[2]);
		d = mix(d, words[3]);
	}
	f->lanes[0] = a;
	f->lanes[1] = b;
	f->lanes[2] = c;
	f->lanes[3] = d;
}

void
fingerprint_start(struct fingerprint *f)
{
	for (size_t i = 0; i < LANES; i++) {
		f->lanes[i] = basis + i;
	}
	f->total = 0;
	f->staged = 0;
}

void
fingerprint_add(struct fingerprint *f, const char *text, size_t len)
{
	f->total += len;
	while (len > 0) {
		size_t room = FINGERPRINT_STAGE - f->staged;
		size_t n = len < room ? len : room;
		memcpy(f->stage + f->staged, text, n);
		f->staged += n;
		text += n;
		len -= n;
		if (f->staged == FINGERPRINT_STAGE) {
			sum_stage(f, FINGERPRINT_STAGE);
			f->staged = 0;
		}
	}
}

uint64_t
fingerprint_end(struct fingerprint *f)
{
	size_t whole = (f->staged + STRIPE - 1) / STRIPE * STRIPE;

	memset(f->stage + f->staged, 0, whole - f->staged);
	sum_stage(f, whole);
	uint64_t all[LANES + 1];
	memcpy(all, f->lanes, sizeof(f->lanes));
	all[LANES] = f->total; /* tells NULs at the end from none */
	fingerprint_start(f);
	return fingerprint_of(all, sizeof(all));
}
