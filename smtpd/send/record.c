/* SPDX-License-Identifier: ISC */
/* The memory of a notice: pure. */
#include "smtpd/send/record.h"

#include <stdio.h>
#include <string.h>

static const char magic[] = "restante-notice 1 ";
enum { MAGIC = sizeof(magic) - 1, DIGITS = 19 };

/* DIGITS digits, and the character that ends them. */
static bool
number(const char *text, char end, uint64_t *value)
{
	uint64_t v = 0;

	for (int i = 0; i < DIGITS; i++) {
		if (text[i] < '0' || text[i] > '9') {
			return false;
		}
		v = v * 10 + (uint64_t)(text[i] - '0');
	}
	*value = v;
	return v <= INT64_MAX && text[DIGITS] == end;
}

void
record_parse(const char *text, size_t len, struct record *r)
{
	uint64_t sent, held;

	memset(r, 0, sizeof(*r));
	if (len != RECORD_SIZE || memcmp(text, magic, MAGIC) != 0 ||
	    text[MAGIC + DIGITS] != ' ' || text[RECORD_SIZE - 1] != '\n') {
		return;
	}
	if (number(text + MAGIC, ' ', &sent) &&
	    number(text + MAGIC + DIGITS + 1, ' ', &held)) {
		r->sent = (int64_t)sent;
		r->held = held;
	}
}

void
record_text(const struct record *r, char text[RECORD_SIZE + 1])
{
	snprintf(text, RECORD_SIZE + 1, "%s%019lld %019llu \n", magic,
	    (long long)r->sent, (unsigned long long)r->held);
}

bool
record_due(const struct record *r, int64_t now, int64_t period)
{
	return r->sent == 0 || now < r->sent || now - r->sent >= period;
}
