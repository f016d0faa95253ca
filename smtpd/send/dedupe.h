/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SEND_DEDUPE_H
#define RESTANTE_SMTPD_SEND_DEDUPE_H

#include "common/config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/*
 * The record of a notice that is sent once in a period: one line of fixed
 * width, "restante-notice 1", when it was sent last (seconds since 1970) and
 * how many were held back since then.  Pure.
 */

struct notice_record {
	int64_t sent; /* 0: never, or nobody knows */
	uint64_t held;
};

enum { RECORD_SIZE = 59 }; /* with its line end; there is no NUL */

/* Zero for anything else: a damaged record must not hold a notice back. */
void record_parse(const char *text, size_t len, struct notice_record *);

void record_text(const struct notice_record *, char text[RECORD_SIZE + 1]);

/*
 * True if a notice is to be sent at this time.  A record from the future means
 * that the clock was set back: it holds nothing back.
 */
bool record_due(const struct notice_record *, int64_t now, int64_t period);

/*
 * A notice that is sent once in a period: for each user and key a small file,
 * in $XDG_STATE_HOME/restante/notices or ~/.local/state/restante/notices, or,
 * for root, in notices/ of `state`.  While it is open it is locked, so that of
 * two at once one is sent.
 *
 * Where nothing can be remembered every notice is due, after a warning on
 * stderr: a mail too many is better than none.
 */
struct dedupe {
	int fd; /* -1: nothing is remembered */
	struct notice_record record;
	bool due;
};

enum { DEDUPE_NOTE = 160 };

/*
 * Opens and locks it, and decides.  A notice that is not due is counted. EX_OK,
 * or EX_TEMPFAIL: another one of that key is under way for too long.
 */
int dedupe_begin(struct dedupe *, const struct config *, const char *key,
    int64_t period) __attribute__((warn_unused_result));

/* A line on the notices that were held back, "" if there were none. */
void dedupe_note(const struct dedupe *, char note[DEDUPE_NOTE]);

/* Unlocks; a notice that was sent is remembered. */
void dedupe_end(struct dedupe *, bool sent);

#endif
