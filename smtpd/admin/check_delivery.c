/* SPDX-License-Identifier: ISC */
/* Checks where mail for users goes besides, or in place of, their mailboxes. */
#include "smtpd/admin/check_private.h"

#include "smtpd/route/archive.h"

#include <string.h>

/* What would hinder the copies; NULL: nothing that we can know. */
static const char *
why_no_copy(const struct expand *e, const char *to)
{
	const struct recipient r = archive_recipient(to);
	struct mail mail;

	mail_init(&mail);
	enum expanded expanded = expand_recipient(e, &r, &mail);
	const char *at =
	    mail.count == 1 ? strrchr(mail.recipients[0].text, '@') : NULL;
	bool lost = at != NULL && mail.recipients[0].target == TARGET_ADDRESS &&
	            config_is_ours(e->config, at + 1);
	mail_free(&mail);
	switch (expanded) {
	case EXPANDED_OK:
		return lost ? "no such address is here" : NULL;
	case EXPANDED_NONE:
		return "no such address is here";
	case EXPANDED_HELD:
		return NULL;
	case EXPANDED_TEMPORARY:
	case EXPANDED_BROKEN:
		break;
	}
	return "its mail would wait";
}

static void
check_copies(
    struct check *c, const struct expand *e, const char *to, const char *what)
{
	if (to[0] == '\0') {
		return;
	}
	const char *why = why_no_copy(e, to);
	if (why != NULL) {
		check_finding(c, FINDING_ERROR,
		    "archive %s: %s, and copies are lost; type: smtpd -bt %s",
		    to, why, to);
	} else {
		check_finding(
		    c, FINDING_OK, "copies of mail that %s go to %s", what, to);
	}
}

void
check_delivery(struct check *c, const struct expand *e)
{
	check_copies(c, e, c->config->archive_in, "comes in");
	check_copies(c, e, c->config->archive_out, "users send");
}
