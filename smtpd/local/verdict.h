/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_LOCAL_VERDICT_H
#define RESTANTE_SMTPD_LOCAL_VERDICT_H

#include "smtpd/agent/agent.h"

#include <stdint.h>

/*
 * What a delivery process, which has become some user, tells the local agent:
 * this, and after it the text of a ~/.forward.  The user may have a hand in
 * all of it.
 */
struct verdict {
	uint32_t kind;    /* SENT, DEFERRED, FAILED; EXPANDED: the text
	                     after it is that of a ~/.forward */
	uint32_t forward; /* octets of that text */
	char dsn[12];
	char text[OUTCOME_TEXT];
};

/* Sets all but the forward; the text is cut to fit. */
void verdict_set(struct verdict *, enum outcome_kind, const char *dsn,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
