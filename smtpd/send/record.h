/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SEND_RECORD_H
#define RESTANTE_SMTPD_SEND_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What is remembered of a notice that is sent once in a period: one line of
 * fixed width, "restante-notice 1", when it was sent last (seconds since 1970)
 * and how many were held back since then.  Pure.
 */

struct record {
	int64_t sent; /* 0: never, or nobody knows */
	uint64_t held;
};

enum { RECORD_SIZE = 59 }; /* with its line end; there is no NUL */

/* Zero for what is no record: a damaged one must not hold anything back. */
void record_parse(const char *text, size_t len, struct record *);

void record_text(const struct record *, char text[RECORD_SIZE + 1]);

/*
 * Whether a notice is to be sent at this time.  One that was sent in the
 * future says that the clock was set back: it holds nothing back.
 */
bool record_due(const struct record *, int64_t now, int64_t period);

#endif
