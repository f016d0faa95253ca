/* SPDX-License-Identifier: ISC */
/* The encoder of RFC 3492, section 6.3, for the labels of a domain. */
#include "common/text/punycode.h"

#include "common/text/utf8.h"

#include <stdint.h>
#include <string.h>

enum {
	BASE = 36,
	T_MIN = 1,
	T_MAX = 26,
	SKEW = 38,
	DAMP = 700,
	FIRST_BIAS = 72,
	FIRST_POINT = 0x80,
	MOST_POINTS = 64, /* a label has at most 63 octets when encoded */
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

/* The code points of a label; 0: not UTF-8, no text, or too many. */
static size_t
decode(const char *label, size_t len, uint32_t points[MOST_POINTS])
{
	size_t count = 0, used;

	for (size_t i = 0; i < len; i += used) {
		int32_t c = utf8_next(label + i, len - i, &used);
		if (c == -1 || !utf8_is_text(c) || c == ' ' ||
		    count == MOST_POINTS) {
			return 0;
		}
		points[count++] = (uint32_t)(c >= 'A' && c <= 'Z' ? c + 32 : c);
	}
	return count;
}

static bool
is_ascii(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((text[i] & 0x80) != 0) {
			return false;
		}
	}
	return true;
}

bool
punycode_domain(const char *domain, size_t len, char *out, size_t size)
{
	struct output o = { .text = out, .size = size };
	uint32_t points[MOST_POINTS];
	size_t label;

	for (size_t at = 0; at < len; at += label + 1) {
		const char *p = domain + at;
		const char *dot = memchr(p, '.', len - at);
		label = dot == NULL ? len - at : (size_t)(dot - p);
		if (is_ascii(p, label)) {
			for (size_t i = 0; i < label; i++) {
				put_octet(&o, p[i]);
			}
		} else {
			size_t count = decode(p, label, points);
			if (count == 0) {
				return false;
			}
			for (const char *x = "xn--"; *x != '\0'; x++) {
				put_octet(&o, *x);
			}
			encode(&o, points, count);
		}
		if (dot != NULL) {
			put_octet(&o, '.');
		}
	}
	out[o.len] = '\0';
	return !o.full;
}
