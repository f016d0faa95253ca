/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_LOCAL_VERDICT_H
#define RESTANTE_SMTPD_LOCAL_VERDICT_H

#include "smtpd/agent/agent.h"

#include <stdint.h>

/*
 * The report of a delivery process, which has become some user, to the local
 * agent: this, followed by the text of a ~/.forward, or of what the user who is
 * away answers.  The user may have a hand in all of it.
 */
struct verdict {
	uint32_t kind;    /* SENT, DEFERRED, FAILED; EXPANDED: the text after
	                     it is that of a ~/.forward, or the message was
	                     sent on */
	uint32_t forward; /* octets of that text */
	uint32_t mailbox; /* not 0: EXPANDED, and the mailbox is meant */
	uint32_t away;    /* not 0: SENT, and the user may answer it */
	char dsn[12];
	char text[OUTCOME_TEXT];
};

/* Sets all but forward, mailbox and away, which are 0; the text is cut to fit.
 */
void verdict_set(struct verdict *, enum outcome_kind, const char *dsn,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
