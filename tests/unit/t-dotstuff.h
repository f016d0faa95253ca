/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_TESTS_UNIT_T_DOTSTUFF_H
#define RESTANTE_TESTS_UNIT_T_DOTSTUFF_H

#include "common/text/dotstuff.h"

#include <string.h>

/*
 * What the text after DATA means, written down a second time, octet by octet
 * and with the whole of it in view.  What is decided by octets that have not
 * come yet (a CR at the end) has no effect.
 */
struct reference {
	size_t taken, len;
	bool bare, nul, end;
};

static struct reference
reference_decode(const char *in, size_t len, char *out)
{
	struct reference r = { .len = 0 };
	bool start = true; /* of a line, after CR LF */
	size_t i = 0;

	while (i < len) {
		char next = i + 1 < len ? in[i + 1] : '\0';
		if (start && len - i >= 3 && memcmp(in + i, ".\r\n", 3) == 0) {
			r.end = true;
			i += 3;
			break;
		}
		size_t crs = 0;
		while (i + crs < len && in[i + crs] == '\r') {
			crs++;
		}
		if (crs > 0 && i + crs == len) {
			i = len;
			break;
		}
		if (crs > 1 && in[i + crs] == '\n') {
			r.bare = true;
			i += crs - 1;
			next = '\n';
		}
		bool crlf = in[i] == '\r' && next == '\n';
		bool line_end = in[i] == '\r' || in[i] == '\n';
		if (line_end) {
			out[r.len++] = '\n';
			r.bare = r.bare || !crlf;
		} else if (in[i] == '\0') {
			r.nul = true;
		} else if (!start || in[i] != '.') {
			out[r.len++] = in[i];
		}
		/* The octet after a dot that goes is not at a start. */
		start = crlf;
		i += crlf ? 2 : 1;
	}
	r.taken = i;
	return r;
}

/* True if the decoder says the same about it when it has said all this. */
static bool
reference_same(const struct reference *r, const char *want,
    const struct dotstuff *d, size_t taken, const char *got, size_t len)
{
	return r->taken == taken && r->len == len &&
	       memcmp(want, got, len) == 0 && r->bare == d->bare &&
	       r->nul == d->nul && r->end == (d->state == DOTSTUFF_END);
}

#endif
