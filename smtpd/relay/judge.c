/* SPDX-License-Identifier: ISC */
/* What a reply means for the message and for the connection. */
#include "smtpd/relay/judge.h"

#include <string.h>

const char *
phase_name(enum phase phase)
{
	static const char *const names[] = { "greeting", "EHLO", "STARTTLS",
		"AUTH", "RSET", "MAIL FROM", "RCPT TO", "DATA", "end of DATA" };

	return names[phase];
}

static bool
enhanced_is(const struct response *r, const char *detail)
{
	return r->enhanced[0] != '\0' && strcmp(r->enhanced + 2, detail) == 0;
}

bool
judge_is_policy(const struct response *r)
{
	return r->code >= 400 && r->code != 421 &&
	       (enhanced_is(r, "7.1") || enhanced_is(r, "7.25") ||
		   enhanced_is(r, "7.26") || enhanced_is(r, "7.27"));
}

/* True if a 5xx is about us, and not about the mail. */
static bool
about_us(const struct response *r, enum phase phase)
{
	switch (r->code) {
	case 530: /* log in first; STARTTLS first */
	case 534:
	case 535:
	case 538:
		return true;
	default:
		break;
	}
	return enhanced_is(r, "7.8") || enhanced_is(r, "7.9") ||
	       enhanced_is(r, "7.11") || enhanced_is(r, "7.14") ||
	       (enhanced_is(r, "7.0") && phase == PHASE_MAIL);
}

/* True if a smarthost refuses to relay for us. */
static bool
not_for_us(const struct response *r, enum phase phase)
{
	return enhanced_is(r, "7.1") &&
	       (phase == PHASE_MAIL ||
		   (phase == PHASE_RCPT &&
		       strcasestr(r->text, "relay") != NULL));
}

/*
 * RFC 5321 section 4.5.3.1.10: 452, and from old servers 552, say that there
 * are too many recipients; with another enhanced code a 552 is a full mailbox.
 */
static bool
too_many(const struct response *r)
{
	return (r->code == 452 &&
		   (r->enhanced[0] == '\0' || enhanced_is(r, "5.3"))) ||
	       (r->code == 552 &&
		   (r->enhanced[0] == '\0' || enhanced_is(r, "5.3")));
}

/* True if the server did not understand the command. */
static bool
misunderstood(const struct response *r)
{
	return r->code == 500 || r->code == 502 || r->code == 503 ||
	       r->code == 504 || r->code == 555;
}

enum judgement
judge_response(const struct response *r, enum phase phase, bool smarthost)
{
	unsigned good = phase == PHASE_DATA ? 3 : 2;

	if (r->code == 421) {
		return JUDGE_DEAD;
	}
	if (r->code < 200 || r->code >= 600) {
		return JUDGE_NONSENSE;
	}
	if (r->code / 100 <= 3) {
		return r->code / 100 == good ? JUDGE_GOOD : JUDGE_NONSENSE;
	}
	if (phase == PHASE_RCPT && too_many(r)) {
		return JUDGE_TOO_MANY;
	}
	if (r->code / 100 == 4) {
		return JUDGE_LATER;
	}
	if (about_us(r, phase)) {
		return JUDGE_DEAD;
	}
	if (smarthost && not_for_us(r, phase)) {
		return JUDGE_LATER;
	}
	return phase != PHASE_DOT && misunderstood(r) ? JUDGE_LATER
	                                              : JUDGE_NEVER;
}
