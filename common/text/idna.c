/* SPDX-License-Identifier: ISC */
/* Domain names outside ASCII, label by label. */
#include "common/text/idna.h"

#include "common/text/punycode.h"
#include "common/text/utf8.h"

#include <stdint.h>
#include <string.h>

/* A mapper of the whole process, as its log is. */
static struct {
	enum idna (*map)(const void *context, const char *label, size_t len,
	    char out[IDNA_LABEL + 1]);
	const void *context;
} mapper;

void
idna_use(enum idna (*map)(const void *context, const char *label, size_t len,
	     char out[IDNA_LABEL + 1]),
    const void *context)
{
	mapper.map = map;
	mapper.context = context;
}

struct range {
	int32_t from, to;
};

static bool
is_in(const struct range *ranges, size_t n, int32_t c)
{
	for (size_t i = 0; i < n; i++) {
		if (c >= ranges[i].from && c <= ranges[i].to) {
			return true;
		}
	}
	return false;
}

/*
 * What UTS 46 ignores, and its other dots: RFC 5892 allows none of them.  What
 * is not a letter, a digit or a hyphen in ASCII would be dropped, too.
 */
static bool
is_forbidden(int32_t c)
{
	static const struct range ranges[] = { { 0, ',' }, { '.', '/' },
		{ ':', '@' }, { '[', '`' }, { '{', 0x9f }, { 0xad, 0xad },
		{ 0x34f, 0x34f }, { 0x115f, 0x1160 }, { 0x17b4, 0x17b5 },
		{ 0x180b, 0x180f }, { 0x2000, 0x200b }, { 0x200e, 0x200f },
		{ 0x2024, 0x2026 }, { 0x2028, 0x202f }, { 0x205f, 0x206f },
		{ 0x3000, 0x3000 }, { 0x3002, 0x3002 }, { 0x3164, 0x3164 },
		{ 0xd800, 0xf8ff }, { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff },
		{ 0xff0e, 0xff0e }, { 0xff61, 0xff61 }, { 0xffa0, 0xffa0 },
		{ 0xfff0, 0xffff }, { 0x1bca0, 0x1bca3 },
		{ 0xe0000, 0x10ffff } };

	return is_in(ranges, sizeof(ranges) / sizeof(ranges[0]), c);
}

/* Characters for which there must be tables. */
static bool
needs_tables(int32_t c)
{
	static const struct range ranges[] = { { 0xaa, 0xaa }, { 0xb2, 0xb5 },
		{ 0xb9, 0xbe }, { 0x130, 0x133 }, { 0x13f, 0x140 },
		{ 0x149, 0x149 }, { 0x17f, 0x24f }, { 0x2b0, 0x386 },
		{ 0x388, 0x390 }, { 0x3cf, 0x3ff }, { 0x460, 0x482 },
		{ 0x483, 0x556 }, { 0x587, 0x587 }, { 0x590, 0x5cf },
		{ 0x600, 0x9ff }, { 0x10a0, 0x10ff }, { 0x1c80, 0x209f },
		{ 0x2100, 0x218f }, { 0x2460, 0x24ff }, { 0x2c00, 0x2dff },
		{ 0x2e80, 0x2fff }, { 0x3099, 0x309f }, { 0x30ff, 0x33ff },
		{ 0xa640, 0xabff }, { 0xf900, 0xfaff }, { 0xfb00, 0xfffd } };

	return is_in(ranges, sizeof(ranges) / sizeof(ranges[0]), c);
}

/* The small letter of an alphabet whose rule is simple. */
static int32_t
lower(int32_t c)
{
	if ((c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7) ||
	    (c >= 0x391 && c <= 0x3ab) || (c >= 0x410 && c <= 0x42f)) {
		return c + 32;
	}
	if (c >= 0x400 && c <= 0x40f) {
		return c + 80;
	}
	if ((c >= 0x100 && c <= 0x137) || (c >= 0x14a && c <= 0x177)) {
		return c | 1;
	}
	if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e)) {
		return c + (c & 1);
	}
	return c == 0x178 ? 0xff : c;
}

/* Encodes a label by itself. */
static enum idna
map_alone(const char *label, size_t len, char out[IDNA_LABEL + 1])
{
	uint32_t points[PUNYCODE_POINTS];
	size_t n = 0, used;

	if (label[0] == '-' || label[len - 1] == '-' ||
	    (len > 3 && memcmp(label + 2, "--", 2) == 0)) {
		return IDNA_NO; /* RFC 5891 section 4.2.3.1 */
	}
	for (size_t i = 0; i < len; i += used) {
		int32_t c = lower(utf8_next(label + i, len - i, &used));
		if (needs_tables(c)) {
			return IDNA_NO;
		}
		if (n == PUNYCODE_POINTS) {
			return IDNA_LONG;
		}
		points[n++] = (uint32_t)c;
	}
	return punycode_label(points, n, out, IDNA_LABEL + 1) ? IDNA_OK
	                                                      : IDNA_LONG;
}

bool
idna_is_ascii_label(const char *label, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = label[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && c != '-') {
			return false;
		}
	}
	return len > 0 && len <= IDNA_LABEL && label[0] != '-' &&
	       label[len - 1] != '-';
}

static enum idna
map_label(const char *label, size_t len, bool alone, char out[IDNA_LABEL + 1])
{
	size_t used;

	for (size_t i = 0; i < len; i += used) {
		int32_t c = utf8_next(label + i, len - i, &used);
		if (c == -1 || !utf8_is_text(c) || is_forbidden(c)) {
			return IDNA_NO;
		}
	}
	enum idna result = mapper.map != NULL && !alone
	                       ? mapper.map(mapper.context, label, len, out)
	                       : map_alone(label, len, out);
	return result != IDNA_OK || idna_is_ascii_label(out, strlen(out))
	           ? result
	           : IDNA_NO;
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

static enum idna
map_domain(const char *domain, size_t len, bool alone, char *out, size_t size)
{
	char mapped[IDNA_LABEL + 1];
	size_t n = 0;

	for (size_t at = 0; at < len;) {
		const char *p = domain + at;
		const char *dot = memchr(p, '.', len - at);
		size_t label = dot == NULL ? len - at : (size_t)(dot - p);
		at += label + (dot != NULL);
		if (!is_ascii(p, label)) {
			enum idna result = map_label(p, label, alone, mapped);
			if (result != IDNA_OK) {
				return result;
			}
			p = mapped;
			label = strlen(mapped);
		}
		if (n + label + (dot != NULL) >= size) {
			return IDNA_LONG;
		}
		memcpy(out + n, p, label);
		n += label;
		if (dot != NULL) {
			out[n++] = '.';
		}
	}
	if (size == 0) {
		return IDNA_LONG;
	}
	out[n] = '\0';
	return IDNA_OK;
}

enum idna
idna_domain(const char *domain, size_t len, char *out, size_t size)
{
	return map_domain(domain, len, false, out, size);
}

enum idna
idna_domain_alone(const char *domain, size_t len, char *out, size_t size)
{
	return map_domain(domain, len, true, out, size);
}
