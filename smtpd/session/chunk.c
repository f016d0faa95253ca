/* SPDX-License-Identifier: ISC */
/*
 *   argument = size [ blanks "LAST" ]
 *   size     = 1*20DIGIT
 *
 * A count that wraps around would have the rest of a chunk read as commands.
 */
#include "smtpd/session/chunk.h"

#include <string.h>
#include <strings.h>

enum { MOST_DIGITS = 20 }; /* of 2 to the power of 64 */

bool
chunk_parse(const char *argument, struct chunk *c)
{
	const char *p = argument + strspn(argument, " \t");
	size_t digits = strspn(p, "0123456789");

	*c = (struct chunk){ .size = 0 };
	if (digits == 0 || digits > MOST_DIGITS) {
		return false;
	}
	for (const char *end = p + digits; p < end; p++) {
		if (__builtin_mul_overflow(c->size, 10, &c->size) ||
		    __builtin_add_overflow(
			c->size, (uint64_t)(*p - '0'), &c->size)) {
			return false;
		}
	}
	size_t blanks = strspn(p, " \t");
	c->last = p[blanks] != '\0';
	return !c->last || (blanks > 0 && strcasecmp(p + blanks, "LAST") == 0);
}

size_t
chunk_take(struct chunk *c, size_t len)
{
	size_t n = c->size < len ? (size_t)c->size : len;

	c->size -= n;
	return n;
}
