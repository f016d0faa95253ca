/* SPDX-License-Identifier: ISC */
/* Notes what a report to the domain in From will say of a message. */
#include "common/io/file.h"
#include "smtpd/auth/report_note.h"
#include "smtpd/auth/verify_private.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* True if it is a report itself: reports on these would never end. */
static bool
is_report(const struct verification *v)
{
	const char *at = v->header + v->question.head;
	const char *end = v->header + v->header_len;
	char subject[64];
	struct field f;

	while (header_next(&at, end, &f)) {
		if (header_is(&f, "Subject")) {
			f.value_len = f.value_len < sizeof(subject) - 1
			                  ? f.value_len
			                  : sizeof(subject) - 1;
			return header_unfold(&f, subject, sizeof(subject)) !=
			           -1 &&
			       strncasecmp(subject, "Report Domain:", 14) == 0;
		}
	}
	return false;
}

/* True if what vouches is the author's, or of the same organization. */
static bool
is_aligned(const struct dmarc *d, const char *domain, bool strict)
{
	char name[ASK_NAME];

	return d->result == DMARC_PASS &&
	       ask_name(domain, strlen(domain), name) &&
	       (strcmp(name, d->author) == 0 ||
		   (!strict && ask_is_below(name, d->organization)));
}

static void
note_signatures(const struct verification *v, struct report_note *n)
{
	struct dkim_report r;

	for (size_t i = 0; i < dkim_count(v->dkim); i++) {
		dkim_report(v->dkim, i, &r);
		n->dkim = n->dkim || (r.result == DKIM_PASS &&
					 is_aligned(&v->dmarc, r.domain,
					     v->dmarc.strict_dkim));
		if (n->signatures == REPORT_NOTE_SIGNATURES ||
		    strlen(r.selector) >= REPORT_NOTE_SELECTOR ||
		    r.selector[0] == '\0' || r.domain[0] == '\0') {
			continue;
		}
		struct report_signature *s = &n->signature[n->signatures++];
		strlcpy(s->domain, r.domain, sizeof(s->domain));
		strlcpy(s->selector, r.selector, sizeof(s->selector));
		strlcpy(
		    s->result, dkim_result_name(r.result), sizeof(s->result));
	}
}

static const char *
reason(const struct verification *v)
{
	return v->dmarc.result != DMARC_FAIL ||
	               v->dmarc.apply == DMARC_NO_POLICY
	           ? (v->vouched ? "trusted_forwarder" : "")
	       : v->dmarc.list_vouched ? "mailing_list"
	       : v->spared != NULL || v->config->dmarc != DMARC_ENFORCE
	           ? "local_policy"
	           : "";
}

void
verify_note(struct verification *v)
{
	const struct dmarc *d = &v->dmarc;
	struct report_note n = { .dkim = false };
	char line[REPORT_NOTE_LINE];

	/* Several authors are several policies: nobody's report has that. */
	if (v->notes == -1 || v->policy_domain[0] == '\0' ||
	    v->author.count != 1 || is_report(v) ||
	    (d->result != DMARC_PASS && d->result != DMARC_FAIL)) {
		return;
	}
	strlcpy(n.policy, v->policy_domain, sizeof(n.policy));
	strlcpy(n.author, v->from, sizeof(n.author));
	strlcpy(n.address, v->peer->address, sizeof(n.address));
	strlcpy(n.done,
	    v->outcome == VERIFY_POLICY ? "reject"
	    : v->marked                 ? "quarantine"
					: "none",
	    sizeof(n.done));
	strlcpy(n.reason, reason(v), sizeof(n.reason));
	n.helo = v->question.sender[0] == '\0';
	strlcpy(n.sender, v->sender.domain, sizeof(n.sender));
	strlcpy(n.sender_result, spf_word(v->sender.result),
	    sizeof(n.sender_result));
	n.spf = v->sender.result == SPF_PASS &&
	        is_aligned(d, v->sender.domain, d->strict_spf);
	note_signatures(v, &n);
	ssize_t len = report_note_write(&n, line);
	/* A report that misses a message is no harm. */
	(void)!(len > 0 && file_append(v->notes, line, (size_t)len) == 0);
}
