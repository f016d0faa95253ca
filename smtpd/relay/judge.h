/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_RELAY_JUDGE_H
#define RESTANTE_SMTPD_RELAY_JUDGE_H

#include "smtpd/client/response.h"

#include <stdbool.h>

/* Decides what a reply means.  Pure. */

enum phase {
	PHASE_GREETING,
	PHASE_HELLO,
	PHASE_STARTTLS,
	PHASE_AUTH,
	PHASE_RSET,
	PHASE_MAIL,
	PHASE_RCPT,
	PHASE_DATA,
	PHASE_DOT, /* the end of the message */
};

/* The usual name of the command: "RCPT TO". */
const char *phase_name(enum phase);

enum judgement {
	JUDGE_GOOD,
	JUDGE_LATER,    /* refuses this for now */
	JUDGE_NEVER,    /* refuses this message or recipient for good */
	JUDGE_TOO_MANY, /* recipients in this transaction */
	JUDGE_DEAD,     /* refuses us, or everybody */
	JUDGE_NONSENSE, /* no possible reply: the session is out of step */
};

/*
 * Only a clear refusal of this message or recipient is JUDGE_NEVER.  A reply
 * that asks for a login, or by which a smarthost refuses to relay for us, is
 * about us, and the administrator can mend that.
 */
enum judgement judge_response(
    const struct response *, enum phase, bool smarthost);

/* True if it refuses the address that we come from (X.7.1, X.7.25 to 27). */
bool judge_is_policy(const struct response *);

#endif
