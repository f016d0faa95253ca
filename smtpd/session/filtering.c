/* SPDX-License-Identifier: ISC */
/* The words of filters, which workers ask, become those of the session. */
#include "smtpd/session/filtering.h"

#include "common/io/deadline.h"
#include "common/log/log.h"
#include "common/log/stats.h"
#include "smtpd/session/events.h"
#include "smtpd/session/rcpt_policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- recipients ---- */

/* True if a filter may add that address: who is here; and others, for users'
   mail. */
static bool
may_add(const struct session *s, const struct address *a)
{
	struct resolved r;

	return a->domain[0] != '\0' &&
	               !config_is_ours(s->connection->config, a->domain)
	           ? session_is_user(s)
	           : rcpt_policy_resolve(s, a, &r) == RCPT_OK;
}

/* Adds recipients; false: one cannot be added, which is logged. */
static bool
add_recipients(struct session *s, const struct filter_answer *a)
{
	const char *at = a->added, *end = at + a->added_len, *rest;
	struct recipient r = { .target = TARGET_ADDRESS };
	char shown[ADDRESS_TEXT];
	struct address address;

	for (; at < end; at += strlen(at) + 1) {
		if (address_path_utf8(at, &address, &rest) != PATH_OK ||
		    *rest != '\0' || !may_add(s, &address)) {
			log_error("%s: a filter adds the recipient <%s>, who "
				  "is not here; the client is told to try "
				  "again (an alias may lead elsewhere)",
			    s->mail.id, log_path(at, shown, sizeof(shown)));
			return false;
		}
		r.text = at;
		if (mail_add(&s->mail, &r) == -1) {
			log_error("%s: cannot add a recipient: %s", s->mail.id,
			    strerror(errno));
			return false;
		}
	}
	return true;
}

static void
delete_recipients(struct mail *m, const uint8_t deleted[FILTER_RCPTS / 8])
{
	size_t left = 0;

	for (size_t i = 0; i < m->count; i++) {
		bool gone =
		    i < FILTER_RCPTS && (deleted[i / 8] >> i % 8 & 1) != 0;
		if (!gone) {
			m->recipients[left++] = m->recipients[i];
		}
	}
	m->count = left;
}

/* ---- one filter ---- */

/* Asks; the payload is the question and the envelope. */
static enum status
ask(struct session *s, struct filter_question *q, struct filter_answer *a)
{
	size_t len;
	char *head = mail_head(&s->mail, &len);
	char *payload = head == NULL ? NULL : malloc(sizeof(*q) + len);
	enum status status = STATUS_TEMPORARY;

	if (payload == NULL) {
		log_error(
		    "%s: cannot ask a filter: %s", s->mail.id, strerror(errno));
	} else {
		memcpy(payload, q, sizeof(*q));
		memcpy(payload + sizeof(*q), head, len);
		status = channel_ask(s->connection->channel, REQUEST_FILTER,
		    payload, sizeof(*q) + len, a, sizeof(*a));
	}
	free(payload);
	free(head);
	a->line[sizeof(a->line) - 1] = '\0';
	a->reason[sizeof(a->reason) - 1] = '\0';
	a->sender[sizeof(a->sender) - 1] = '\0';
	a->added[sizeof(a->added) - 1] = '\0';
	a->added_len =
	    a->added_len < sizeof(a->added) ? a->added_len : sizeof(a->added);
	return status;
}

/* Does to the envelope what the filter wants. */
static enum filtered
apply(struct session *s, const struct filter_answer *a)
{
	delete_recipients(&s->mail, a->deleted);
	if (!add_recipients(s, a)) {
		return FILTERED_LATER;
	}
	if (a->new_sender != 0) {
		strlcpy(s->mail.sender, a->sender, sizeof(s->mail.sender));
	}
	if (a->marked != 0 && !session_is_user(s)) {
		s->mail.marked = true;
	}
	if (a->reason[0] != '\0' && s->mail.held[0] == '\0') {
		strlcpy(s->mail.held, a->reason, sizeof(s->mail.held));
		stats_add(STATS_FILTER_HELD, 1);
		event_filter(s, "hold", a->reason);
	}
	if (s->mail.count > 0) {
		return FILTERED_ON;
	}
	stats_add(STATS_FILTER_DISCARDED, 1);
	event_filter(s, "discard", "a filter has deleted all recipients");
	return FILTERED_DISCARDED;
}

static enum filtered
run_one(struct session *s, struct filter_question *q, char line[FILTER_LINE])
{
	struct filter_answer a = { .outcome = FILTER_FAILED };
	bool go_on = s->connection->config->filter_accept;

	if (ask(s, q, &a) != STATUS_OK) {
		/* The worker may have left half a message. */
		stats_add(STATS_FILTER_FAILED, 1);
		return FILTERED_LATER;
	}
	switch ((enum filter_outcome)a.outcome) {
	case FILTER_ACCEPT:
		return apply(s, &a);
	case FILTER_REFUSE:
		strlcpy(line, a.line, FILTER_LINE);
		stats_add(STATS_FILTER_REFUSED, 1);
		event_filter(s, "reject", line + strcspn(line, " ") + 1);
		return FILTERED_REFUSED;
	case FILTER_DISCARD:
		stats_add(STATS_FILTER_DISCARDED, 1);
		event_filter(s, "discard", "a filter discards the message");
		return FILTERED_DISCARDED;
	case FILTER_HEADER:
		return FILTERED_HEADER;
	case FILTER_FAILED:
		stats_add(STATS_FILTER_FAILED, 1);
		return go_on ? FILTERED_ON : FILTERED_LATER;
	}
	return FILTERED_LATER;
}

enum filtered
filtering_run(struct incoming *in, uint64_t head, char line[FILTER_LINE])
{
	struct session *s = in->session;
	const struct config *config = s->connection->config;
	struct filter_question q = { .head = head };
	int64_t end = deadline_now() + FILTER_PATIENCE;
	enum filtered filtered = FILTERED_ON;

	if (config->nfilters == 0 ||
	    (session_is_user(s) && !config->filter_users)) {
		return FILTERED_ON;
	}
	strlcpy(q.helo, s->helo, sizeof(q.helo));
	strlcpy(q.tls, s->tls, sizeof(q.tls));
	if (s->user[0] != '\0') {
		strlcpy(q.method, s->method, sizeof(q.method));
	}
	for (size_t i = 0; i < config->nfilters && filtered == FILTERED_ON;
	     i++) {
		int64_t left = end - deadline_now();
		q.filter = (uint32_t)i;
		q.patience = left > 0 ? (uint32_t)left : 0;
		filtered = run_one(s, &q, line);
	}
	return filtered;
}
