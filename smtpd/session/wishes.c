/* SPDX-License-Identifier: ISC */
/* The parameters of MAIL that say when a message is to be sent. */
#include "smtpd/session/wishes.h"

#include <time.h>

enum { HOLD_DAYS = 30 };
_Static_assert(MAIL_HOLD == HOLD_DAYS * 24 * 60 * 60, "see hold()");

static const char *
hold(const struct session *s, const struct mail_params *params,
    struct envelope *e)
{
	time_t now = time(NULL);

	if (params->hold_for == 0 && params->hold_until == 0) {
		return NULL;
	}
	if (!session_is_submission(s)) {
		return "555 5.5.4 Unknown parameter";
	}
	if (params->hold_for > MAIL_HOLD ||
	    params->hold_until > now + MAIL_HOLD) {
		return "501 5.5.4 Not held for more than 30 days";
	}
	e->hold = params->hold_for != 0 ? now + (time_t)params->hold_for
	                                : params->hold_until;
	e->hold = e->hold <= now ? 0 : e->hold;
	return NULL;
}

static const char *
deliver_by(const struct mail_by *by, struct envelope *e)
{
	if (by->mode == BY_RETURN && by->seconds < WISHES_SOONEST) {
		return "501 5.5.4 BY with R needs 60 seconds or more";
	}
	e->by = (struct deliver_by){ by->mode, by->trace, 0 };
	e->by.time =
	    by->mode == BY_UNSAID ? 0 : time(NULL) + (time_t)by->seconds;
	return NULL;
}

const char *
wishes_take(const struct session *s, const struct mail_params *params,
    struct envelope *e)
{
	e->priority =
	    params->priority > 0 && !session_is_user(s) ? 0 : params->priority;
	const char *refusal = deliver_by(&params->by, e);
	return refusal == NULL ? hold(s, params, e) : refusal;
}

const char *
wishes_reply(const struct mail_params *params, const struct envelope *e)
{
	/* RFC 6710 section 5.1 */
	return params->priority != e->priority ? "250 2.3.6 OK, with priority 0"
	                                       : "250 2.1.0 OK";
}
