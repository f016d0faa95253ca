/* SPDX-License-Identifier: ISC */
/* Finds the reports in an attachment, by what it begins with. */
#include "smtpd/admin/reports_private.h"

#include "common/text/bytes.h"
#include "common/text/inflate.h"

#include <string.h>

enum { FILES = 8 }; /* of a zip that are looked at; one is the rule */

static const char *
explain(enum inflate_result result, const struct report_bound *bound)
{
	switch (result) {
	case INFLATE_OK:
	case INFLATE_NONE:
		return NULL;
	case INFLATE_DAMAGED:
		return "it is damaged";
	case INFLATE_LARGE:
		return bound->why;
	case INFLATE_UNKNOWN:
		return "it is packed in a way that is not known here";
	}
	return NULL;
}

/* The octets of a byte order mark. */
static size_t
mark(const char *data, size_t len)
{
	return len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

/* The first octet but for blanks, after a byte order mark; NUL: there is
   none. */
static char
first_octet(const char *data, size_t len)
{
	size_t i = mark(data, len);

	while (i < len && is_space(data[i])) {
		i++;
	}
	return i < len ? data[i] : '\0';
}

/* Reads what is not packed. */
static const char *
read_plain(const char *data, size_t len, struct report_sum *sum)
{
	size_t skip = mark(data, len);

	switch (first_octet(data, len)) {
	case '<':
		return report_read(data, len, sum);
	case '{':
		return report_tls_read(data + skip, len - skip, sum);
	default:
		return "it has no report in it";
	}
}

static void
add(const char *data, size_t len, struct report_sum *sum, const char *what,
    const char *why)
{
	if (why == NULL) {
		why = read_plain(data, len, sum);
	}
	if (why != NULL && what != NULL) {
		report_problem(sum, what, why);
	}
}

static void
unpack_zip(const char *data, size_t len, char *room, struct report_bound *bound,
    struct report_sum *sum, const char *what)
{
	size_t n;

	for (size_t i = 0; i < FILES; i++) {
		enum inflate_result result = inflate_zip((const uint8_t *)data,
		    len, i, (uint8_t *)room, bound->left, &n);
		if (result == INFLATE_NONE) {
			return;
		}
		bound->left -= n;
		/* Folders, and things of which only their system knows. */
		if (result == INFLATE_OK && n == 0) {
			continue;
		}
		add(room, n, sum, what, explain(result, bound));
		if (result != INFLATE_OK) {
			return;
		}
	}
}

bool
report_unpack(const char *data, size_t len, char *room,
    struct report_bound *bound, struct report_sum *sum, const char *what)
{
	size_t n;

	if (len >= 2 && memcmp(data, "\x1f\x8b", 2) == 0) {
		enum inflate_result result = inflate_gzip((const uint8_t *)data,
		    len, (uint8_t *)room, bound->left, &n);
		bound->left -= n;
		add(room, n, sum, what, explain(result, bound));
		return true;
	}
	if (len >= 4 && memcmp(data, "PK\3\4", 4) == 0) {
		unpack_zip(data, len, room, bound, sum, what);
		return true;
	}
	char first = first_octet(data, len);
	if (first == '<' || first == '{') {
		n = len < bound->left ? len : bound->left;
		bound->left -= n;
		add(data, n, sum, what, n < len ? bound->why : NULL);
		return true;
	}
	return false;
}
