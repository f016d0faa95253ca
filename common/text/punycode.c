/* SPDX-License-Identifier: ISC */
/* The encoder of RFC 3492, section 6.3. */
#include "common/text/punycode.h"

enum {
	BASE = 36,
	T_MIN = 1,
	T_MAX = 26,
	SKEW = 38,
	DAMP = 700,
	FIRST_BIAS = 72,
	FIRST_POINT = 0x80,
};

struct output {
	char *text;
	size_t len, size;
	bool full;
};

static void
put_octet(struct output *o, char c)
{
	if (o->len + 1 >= o->size) {
		o->full = true;
		return;
	}
	o->text[o->len++] = c;
}

/* RFC 3492 section 6.1 */
static uint32_t
adapt(uint32_t delta, uint32_t points, bool first)
{
	uint32_t k = 0;

	delta = first ? delta / DAMP : delta / 2;
	delta += delta / points;
	while (delta > (BASE - T_MIN) * T_MAX / 2) {
		delta /= BASE - T_MIN;
		k += BASE;
	}
	return k + (BASE - T_MIN + 1) * delta / (delta + SKEW);
}

/* A number as digits whose weights depend on the bias. */
static void
put_number(struct output *o, uint32_t n, uint32_t bias)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz0123456789";

	for (uint32_t k = BASE;; k += BASE) {
		uint32_t t = k <= bias           ? T_MIN
		             : k >= bias + T_MAX ? T_MAX
		                                 : k - bias;
		if (n < t) {
			put_octet(o, digits[n]);
			return;
		}
		put_octet(o, digits[t + (n - t) % (BASE - t)]);
		n = (n - t) / (BASE - t);
	}
}

/* The least code point that is not below n. */
static uint32_t
next_point(const uint32_t *points, size_t count, uint32_t n)
{
	uint32_t least = UINT32_MAX;

	for (size_t i = 0; i < count; i++) {
		if (points[i] >= n && points[i] < least) {
			least = points[i];
		}
	}
	return least;
}

/* Nothing overflows: 64 points below 0x110000 make less than 2 to the 27. */
static void
encode(struct output *o, const uint32_t *points, size_t count)
{
	uint32_t n = FIRST_POINT, delta = 0, bias = FIRST_BIAS;
	uint32_t basic = 0;

	for (size_t i = 0; i < count; i++) {
		if (points[i] < FIRST_POINT) {
			put_octet(o, (char)points[i]);
			basic++;
		}
	}
	if (basic > 0) {
		put_octet(o, '-');
	}
	for (uint32_t done = basic; done < count; delta++, n++) {
		uint32_t m = next_point(points, count, n);
		delta += (m - n) * (done + 1);
		n = m;
		for (size_t i = 0; i < count; i++) {
			delta += points[i] < n;
			if (points[i] == n) {
				put_number(o, delta, bias);
				bias = adapt(delta, done + 1, done == basic);
				delta = 0;
				done++;
			}
		}
	}
}

bool
punycode_label(const uint32_t *points, size_t count, char *out, size_t size)
{
	struct output o = { .text = out, .size = size };

	for (const char *x = "xn--"; *x != '\0'; x++) {
		put_octet(&o, *x);
	}
	encode(&o, points, count);
	out[o.len] = '\0';
	return !o.full;
}
