/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_RELAY_JUDGE_H
#define RESTANTE_SMTPD_RELAY_JUDGE_H

#include "smtpd/client/response.h"

#include <stdbool.h>

/* What to make of a reply.  Pure. */

enum phase {
	PHASE_GREETING,
	PHASE_HELLO,
	PHASE_STARTTLS,
	PHASE_AUTH,
	PHASE_RSET,
	PHASE_MAIL,
	PHASE_RCPT,
	PHASE_DATA,
	PHASE_DOT, /* what follows the message itself */
};

/* The command as people know it: "RCPT TO". */
const char *phase_name(enum phase);

enum judgement {
	JUDGE_GOOD,
	JUDGE_LATER,    /* refuses this for now */
	JUDGE_NEVER,    /* refuses this message or recipient for good */
	JUDGE_TOO_MANY, /* recipients in this transaction */
	JUDGE_DEAD,     /* refuses us, or everybody */
	JUDGE_NONSENSE, /* not an answer to that: the talk is out of step */
};

/*
 * Only a clear refusal of this message or recipient is JUDGE_NEVER.  What says
 * that we have to log in, or (smarthost) that it will not relay for us, is
 * about us and can be mended.
 */
enum judgement judge_response(
    const struct response *, enum phase, bool smarthost);

/* Whether it refuses the address that we come from (X.7.1, X.7.25 to 27). */
bool judge_is_policy(const struct response *);

#endif
