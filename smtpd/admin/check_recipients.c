/* SPDX-License-Identifier: ISC */
/*
 * smtpd --check: whether the next hops that are asked about recipients say
 * something about them.
 */
#include "smtpd/admin/check_private.h"

#include "smtpd/relay/inquiry.h"
#include "smtpd/route/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KNOWN, INVENTED, QUESTIONS };
enum { ASK_TEXT = INQUIRY_WORDS + 32 };

static const char *
codes(const struct inquiry_answer *a, char text[ASK_TEXT])
{
	snprintf(text, ASK_TEXT, "%u%s%.12s %.320s", a->code,
	    a->enhanced[0] != '\0' ? " " : "", a->enhanced, a->words);
	return text;
}

static void
report_known(struct check *c, const char *hop, const char *name,
    const struct inquiry_answer *a)
{
	char text[ASK_TEXT];

	if (a->verdict == INQUIRY_REFUSES || a->verdict == INQUIRY_LATER) {
		check_finding(c, FINDING_WARNING,
		    "recipient-check: %s does not take mail for %s (%s), which "
		    "each domain must have: make it there, or an alias here",
		    hop, name, codes(a, text));
	}
}

static void
report_invented(struct check *c, const char *hop, const char *name,
    const struct inquiry_answer *a)
{
	char text[ASK_TEXT];

	switch ((enum inquiry_verdict)a->verdict) {
	case INQUIRY_TAKES:
		check_finding(c, FINDING_WARNING,
		    "recipient-check: %s takes mail for %s, which is invented: "
		    "as long as it takes every name, nobody is refused, and "
		    "strangers get reports",
		    hop, name);
		break;
	case INQUIRY_REFUSES:
		check_finding(c, FINDING_OK,
		    "recipient-check: %s refuses names that it does not know "
		    "(%s)",
		    hop, codes(a, text));
		break;
	case INQUIRY_LATER:
		check_finding(c, FINDING_WARNING,
		    "recipient-check: %s has no final answer about %s, which "
		    "is invented (%s): clients are told to try again",
		    hop, name, codes(a, text));
		break;
	case INQUIRY_FAILED:
		check_finding(c, FINDING_WARNING,
		    "recipient-check: %s cannot be asked now (%s): of "
		    "recipients that it has not accepted before, and that are "
		    "no users here, strangers are told to try again",
		    hop, a->words);
		break;
	}
}

/* Asks a hop about postmaster, and a name that nobody has. */
static void
check_recipients_of(
    struct check *c, const struct hop *hop, const char *at, const char *domain)
{
	struct inquiry_question q[QUESTIONS];
	struct inquiry_answer a[QUESTIONS];
	char name[HOP_TEXT];

	memset(q, 0, sizeof(q));
	memset(a, 0, sizeof(a));
	snprintf(q[KNOWN].text, sizeof(q[KNOWN].text), "postmaster%s%.255s", at,
	    domain);
	snprintf(q[INVENTED].text, sizeof(q[INVENTED].text),
	    "no-such-user-%08x%s%.255s", arc4random(), at, domain);
	inquiry_all(c->config, hop, q, QUESTIONS, a);
	hop_text(hop, name);
	if (domain[0] != '\0') {
		report_known(c, name, q[KNOWN].text, &a[KNOWN]);
	}
	report_invented(c, name, q[INVENTED].text, &a[INVENTED]);
}

void
check_recipients(struct check *c)
{
	const struct config *config = c->config;
	struct route route;
	bool any = false;

	if (config->recipient_check != RECIPIENT_CHECK_NEXT_HOP) {
		return;
	}
	for (size_t i = 0; i < config->ndomains; i++) {
		struct address a = { .local = "postmaster" };
		strlcpy(a.domain, config->domains[i], sizeof(a.domain));
		route_find(config, "", &a, &route);
		if (route.kind == ROUTE_HOP) {
			any = true;
			check_recipients_of(c, &route.hop, "@", a.domain);
		}
	}
	route_user(config, &route);
	if (route.kind == ROUTE_HOP) {
		any = true;
		check_recipients_of(c, &route.hop, "", "");
	}
	if (!any) {
		check_finding(c, FINDING_WARNING,
		    "recipient-check: there is no next hop to ask: no domain "
		    "of ours has a route, and deliver-by is not set");
	}
}
