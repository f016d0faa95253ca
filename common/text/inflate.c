/* SPDX-License-Identifier: ISC */
/* DEFLATE, RFC 1951; the sections are those of it. */
#include "common/text/inflate.h"

#include <stdbool.h>
#include <string.h>

enum {
	LONGEST = 15,   /* bits of a code */
	LITERALS = 288, /* codes of literals and lengths, 286 of them valid */
	DISTANCES = 32, /* 30 of them valid */
	LENGTH_CODES = 19, /* codes of lengths of codes */
	END_OF_BLOCK = 256,
	FIRST_LENGTH = 257,
	LAST_LENGTH = 285,
	LAST_DISTANCE = 29,
};

struct state {
	const uint8_t *in;
	size_t len, at;
	uint32_t bits; /* read and not yet taken, the next one lowest */
	unsigned nbits;
	uint8_t *out;
	size_t room, written;
	bool ended; /* more was wanted than there is */
	bool full;
};

/* Canonical Huffman codes (3.2.2): how many there are of each length, and the
   symbols in the order of their codes. */
struct codes {
	uint16_t count[LONGEST + 1];
	uint16_t symbol[LITERALS];
};

static unsigned
take_bits(struct state *s, unsigned n)
{
	while (s->nbits < n) {
		if (s->at == s->len) {
			s->ended = true;
			return 0;
		}
		s->bits |= (uint32_t)s->in[s->at++] << s->nbits;
		s->nbits += 8;
	}
	unsigned value = s->bits & ((1U << n) - 1);
	s->bits >>= n;
	s->nbits -= n;
	return value;
}

/* From the lengths of the codes of n symbols.  False: more codes than bits can
   tell apart, or fewer, which only a single code of one bit may be. */
static bool
make_codes(struct codes *c, const uint8_t *lengths, size_t n)
{
	uint16_t next[LONGEST + 1];
	int left = 1;
	size_t longest = 0;

	memset(c->count, 0, sizeof(c->count));
	for (size_t i = 0; i < n; i++) {
		c->count[lengths[i]]++;
		longest = lengths[i] > longest ? lengths[i] : longest;
	}
	c->count[0] = 0;
	for (size_t bits = 1; bits <= LONGEST; bits++) {
		left = (left << 1) - c->count[bits];
		if (left < 0) {
			return false;
		}
	}
	next[1] = 0;
	for (size_t bits = 1; bits < LONGEST; bits++) {
		next[bits + 1] = (uint16_t)(next[bits] + c->count[bits]);
	}
	for (size_t i = 0; i < n; i++) {
		if (lengths[i] != 0) {
			c->symbol[next[lengths[i]]++] = (uint16_t)i;
		}
	}
	return left == 0 || longest <= 1;
}

/* The symbol that comes next; -1: there is no such code. */
static int
take_symbol(struct state *s, const struct codes *c)
{
	int code = 0, first = 0, index = 0;

	for (size_t bits = 1; bits <= LONGEST; bits++) {
		code |= (int)take_bits(s, 1);
		int count = c->count[bits];
		if (code - first < count) {
			return s->ended ? -1 : c->symbol[index + code - first];
		}
		index += count;
		first = (first + count) << 1;
		code <<= 1;
	}
	return -1;
}

static bool
put(struct state *s, uint8_t octet)
{
	if (s->written == s->room) {
		s->full = true;
		return false;
	}
	s->out[s->written++] = octet;
	return true;
}

/* A block as it is (3.2.4). */
static bool
stored_block(struct state *s)
{
	s->bits = 0;
	s->nbits = 0;
	if (s->len - s->at < 4) {
		return false;
	}
	const uint8_t *p = s->in + s->at;
	size_t n = p[0] | (size_t)p[1] << 8;
	if ((n ^ 0xffff) != (p[2] | (size_t)p[3] << 8) ||
	    n > s->len - s->at - 4) {
		return false;
	}
	s->at += 4;
	size_t fits = s->room - s->written < n ? s->room - s->written : n;
	memcpy(s->out + s->written, s->in + s->at, fits);
	s->at += n;
	s->written += fits;
	s->full = fits < n;
	return !s->full;
}

/* Copies what was written before (3.2.5). */
static bool
copy_back(struct state *s, const struct codes *distances, unsigned symbol)
{
	static const uint16_t lengths[] = { 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15,
		17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163,
		195, 227, 258 };
	static const uint8_t length_bits[] = { 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1,
		1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0 };

	unsigned i = symbol - FIRST_LENGTH;
	size_t length = lengths[i] + take_bits(s, length_bits[i]);
	int d = take_symbol(s, distances);
	if (d < 0 || d > LAST_DISTANCE) {
		return false;
	}
	/* 1, 2, 3, 4, then two for each number of further bits. */
	unsigned more = d < 4 ? 0 : (unsigned)d / 2 - 1;
	size_t distance =
	    d < 4 ? (size_t)d + 1 : ((size_t)(2 + d % 2) << more) + 1;
	distance += take_bits(s, more);
	if (s->ended || distance > s->written) {
		return false;
	}
	for (; length > 0; length--) {
		if (!put(s, s->out[s->written - distance])) {
			return false;
		}
	}
	return true;
}

static bool
packed_block(struct state *s, const struct codes *literals,
    const struct codes *distances)
{
	for (;;) {
		int symbol = take_symbol(s, literals);
		if (symbol < 0 || symbol > LAST_LENGTH) {
			return false;
		}
		if (symbol == END_OF_BLOCK) {
			return true;
		}
		if (!(symbol < END_OF_BLOCK
			    ? put(s, (uint8_t)symbol)
			    : copy_back(s, distances, (unsigned)symbol))) {
			return false;
		}
	}
}

/* 3.2.6 */
static bool
fixed_block(struct state *s)
{
	uint8_t lengths[LITERALS];
	struct codes literals, distances;

	memset(lengths, 8, sizeof(lengths));
	memset(lengths + 144, 9, 256 - 144);
	memset(lengths + 256, 7, 280 - 256);
	(void)make_codes(&literals, lengths, LITERALS);
	memset(lengths, 5, DISTANCES);
	(void)make_codes(&distances, lengths, DISTANCES);
	return packed_block(s, &literals, &distances);
}

/* Reads lengths that are written in codes themselves (3.2.7). */
static bool
take_lengths(struct state *s, const struct codes *c, uint8_t *lengths, size_t n)
{
	for (size_t i = 0; i < n;) {
		int symbol = take_symbol(s, c);
		uint8_t value = 0;
		size_t times = 1;
		if (symbol < 0 || (symbol == 16 && i == 0)) {
			return false;
		}
		if (symbol < 16) {
			value = (uint8_t)symbol;
		} else if (symbol == 16) {
			value = lengths[i - 1];
			times = 3 + take_bits(s, 2);
		} else {
			times = symbol == 17 ? 3 + take_bits(s, 3)
			                     : 11 + take_bits(s, 7);
		}
		if (s->ended || times > n - i) {
			return false;
		}
		memset(lengths + i, value, times);
		i += times;
	}
	return true;
}

/* 3.2.7 */
static bool
dynamic_block(struct state *s)
{
	static const uint8_t order[LENGTH_CODES] = { 16, 17, 18, 0, 8, 7, 9, 6,
		10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 };
	uint8_t lengths[LITERALS + DISTANCES] = { 0 };
	struct codes codes, distances;

	size_t nliterals = take_bits(s, 5) + 257;
	size_t ndistances = take_bits(s, 5) + 1;
	size_t ncodes = take_bits(s, 4) + 4;
	if (nliterals > LAST_LENGTH + 1 || ndistances > LAST_DISTANCE + 1) {
		return false;
	}
	for (size_t i = 0; i < ncodes; i++) {
		lengths[order[i]] = (uint8_t)take_bits(s, 3);
	}
	if (s->ended || !make_codes(&codes, lengths, LENGTH_CODES)) {
		return false;
	}
	memset(lengths, 0, sizeof(lengths));
	if (!take_lengths(s, &codes, lengths, nliterals + ndistances) ||
	    lengths[END_OF_BLOCK] == 0 ||
	    !make_codes(&distances, lengths + nliterals, ndistances) ||
	    !make_codes(&codes, lengths, nliterals)) {
		return false;
	}
	return packed_block(s, &codes, &distances);
}

enum inflate_result
inflate_raw(const uint8_t *in, size_t len, uint8_t *out, size_t room,
    size_t *written, size_t *used)
{
	struct state s = { .in = in, .len = len, .out = out, .room = room };
	bool last = false, good = true;

	while (good && !last) {
		last = take_bits(&s, 1) == 1;
		unsigned type = take_bits(&s, 2);
		good = !s.ended && (type == 0      ? stored_block(&s)
				       : type == 1 ? fixed_block(&s)
				       : type == 2 ? dynamic_block(&s)
						   : false);
	}
	*written = s.written;
	if (used != NULL) {
		/* Whole octets that were read ahead belong to others. */
		*used = s.at - s.nbits / 8;
	}
	return good ? INFLATE_OK : s.full ? INFLATE_LARGE : INFLATE_DAMAGED;
}
