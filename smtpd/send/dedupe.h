/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SEND_DEDUPE_H
#define RESTANTE_SMTPD_SEND_DEDUPE_H

#include "common/config/config.h"
#include "smtpd/send/record.h"

#include <stdint.h>
#include <time.h>

/*
 * A notice that is sent once in a period: for each user and key a small file,
 * in $XDG_STATE_HOME/restante/notices or ~/.local/state/restante/notices, or,
 * for root, in notices/ of `state`.  While it is open it is locked, so that of
 * two at once one is sent.
 *
 * Where nothing can be remembered every notice is due, after a word on stderr:
 * a mail too many is better than none.
 */
struct dedupe {
	int fd; /* -1: nothing is remembered */
	struct record record;
	bool due;
};

enum { DEDUPE_NOTE = 160 };

/*
 * Opens and locks it, and decides.  What is not due is counted here.  EX_OK, or
 * EX_TEMPFAIL: another one of that key is under way for too long.
 */
int dedupe_begin(struct dedupe *, const struct config *, const char *key,
    int64_t period) __attribute__((warn_unused_result));

/* What to say of those that were held back, "" if there were none. */
void dedupe_note(const struct dedupe *, char note[DEDUPE_NOTE]);

/* Unlocks; a notice that was sent is remembered. */
void dedupe_end(struct dedupe *, bool sent);

#endif
