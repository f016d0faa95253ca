/* SPDX-License-Identifier: ISC */
/* Finds the reports in an attachment, by what it begins with. */
#include "smtpd/admin/reports_private.h"

#include "common/text/bytes.h"
#include "common/text/inflate.h"

#include <string.h>

enum { FILES = 64 }; /* of a zip that are looked at; one is the rule */

static const char nothing[] = "it has no report in it";

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
		return nothing;
	}
}

/* Says what is wrong, if anything is. */
static void
say(struct report_sum *sum, const char *what, const char *why)
{
	if (why != NULL && what != NULL) {
		report_problem(sum, what, why);
	}
}

static void
add(const char *data, size_t len, struct report_sum *sum, const char *what,
    const char *why)
{
	say(sum, what, why == NULL ? read_plain(data, len, sum) : why);
}

/* True if the files that follow one in an archive can be found. */
static bool
may_go_on(enum inflate_result result)
{
	return result == INFLATE_OK || result == INFLATE_UNKNOWN;
}

/* Looks at the files of an archive.  What is beside a report is nobody's
   business. */
static void
unpack_zip(const char *data, size_t len, char *room, struct report_bound *bound,
    struct report_sum *sum, const char *what)
{
	enum inflate_result result = INFLATE_OK;
	bool found = false, others = false;
	size_t n;

	for (size_t i = 0; i < FILES && may_go_on(result); i++) {
		result = inflate_zip((const uint8_t *)data, len, i,
		    (uint8_t *)room, bound->left, &n);
		bound->left -= n;
		/* Folders, and things of which only their system knows. */
		if (result == INFLATE_NONE ||
		    (result == INFLATE_OK && n == 0)) {
			continue;
		}
		const char *why = explain(result, bound);
		why = why == NULL ? read_plain(room, n, sum) : why;
		if (why == nothing) {
			others = true;
		} else {
			say(sum, what, why);
			found = true;
		}
	}
	if (others && !found) {
		say(sum, what, nothing);
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
