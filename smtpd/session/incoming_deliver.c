/* SPDX-License-Identifier: ISC */
/* A message that has come in whole is handed on, and only then we say 250. */
#include "smtpd/session/incoming.h"

#include "common/job/resident.h"
#include "common/log/log.h"
#include "common/log/stats.h"
#include "smtpd/job/requests.h"
#include "smtpd/session/access_policy.h"
#include "smtpd/session/events.h"
#include "smtpd/session/filtering.h"
#include "smtpd/session/verification.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * The octets of a message that a resident may take (common/job/resident.h):
 * short, of a stranger, to one recipient; NULL: it is not one.  Nothing is left
 * to chance by that: the resident looks at all of it.
 */
static const char *
for_resident(const struct incoming *in, size_t head, size_t *len)
{
	static char text[RESIDENT_TEXT];
	const struct session *s = in->session;
	const struct recipient *r = s->mail.recipients;
	int body = s->connection->body;

	if (s->connection->resident_secret == NULL || s->mail.marked ||
	    s->connection->role != ROLE_MX || session_is_user(s) ||
	    s->mail.count != 1 || (r->notify & NOTIFY_SUCCESS) != 0 ||
	    s->mail.hold != 0 || s->mail.held[0] != '\0' ||
	    s->mail.priority > 0 || head > RESIDENT_HEAD ||
	    lseek(body, 0, SEEK_SET) == -1) {
		return NULL;
	}
	/* With one octet to spare it would be seen that it is longer. */
	ssize_t n = read(body, text, sizeof(text));
	if (n <= 0 || n == (ssize_t)sizeof(text)) {
		return NULL;
	}
	*len = (size_t)n;
	return text;
}

/* Has a worker deliver or queue it; the envelope goes as text. */
static enum status
deliver(struct incoming *in)
{
	struct session *s = in->session;
	size_t len;

	s->mail.size = in->octets;
	s->mail.tls_optional = in->header.tls_optional && !s->mail.need_tls;
	char *head = mail_head(&s->mail, &len);
	if (head == NULL) {
		log_error("%s: cannot write the envelope: %s", s->mail.id,
		    strerror(errno));
		return STATUS_TEMPORARY;
	}
	event_message(s, s->mail.id, in->header.message_id);
	size_t text = 0;
	const char *octets = for_resident(in, len, &text);
	int channel = s->connection->channel;
	enum status status =
	    octets == NULL ? channel_call(channel, REQUEST_DELIVER, head, len)
			   : channel_hand(channel, REQUEST_DELIVER,
				 resident_key(s->connection->resident_secret,
				     s->mail.recipients[0].text),
				 head, len, octets, text);
	free(head);
	return status;
}

/* Says that a message is ours now. */
static enum next
accept_message(struct incoming *in, enum smtp_reply reply)
{
	struct session *s = in->session;

	stats_add(STATS_RECEIVED, 1);
	stats_add(STATS_RECEIVED_OCTETS, in->octets);
	if (!session_is_user(s)) {
		const char *at = strrchr(s->mail.sender, '@');
		stats_sender(at != NULL ? at + 1 : "");
	}
	s->counts.idle = 0;
	s->counts.progress = true;
	return reply_send_with(s, reply, REPLY_ARGS(s->mail.id));
}

/* Says that a message that is here is none that we take. */
static enum next
refuse(struct incoming *in, enum smtp_reply refusal, const char *const *args)
{
	struct session *s = in->session;

	event_reject(s, s->mail.id, "END-OF-MESSAGE", refusal, args, NULL);
	return reply_send_with(s, refusal, args);
}

/* What is said of a message that is not delivered by the will of a filter. */
static enum next
filtered_reply(struct incoming *in, enum filtered filtered, const char *line)
{
	struct session *s = in->session;

	switch (filtered) {
	case FILTERED_REFUSED:
		return reply_send_line(s, REPLY_FILTER, line);
	case FILTERED_DISCARDED:
		return accept_message(in, REPLY_QUEUED);
	case FILTERED_HEADER:
		return refuse(in, REPLY_HEADER_LONG, NULL);
	case FILTERED_ON:
	case FILTERED_LATER:
		break;
	}
	return reply_send(s, REPLY_FILTER_LATER);
}

/* Has workers deliver or queue it. */
static enum next
hand_on(struct incoming *in)
{
	struct session *s = in->session;

	switch (deliver(in)) {
	case STATUS_OK:
		return accept_message(in, REPLY_DELIVERED);
	case STATUS_QUEUED:
		return accept_message(in, REPLY_QUEUED);
	case STATUS_FULL:
		return reply_send(s, REPLY_NO_ROOM);
	case STATUS_LIMITED:
		return reply_send(s, REPLY_ACCOUNT_LIMIT);
	case STATUS_NO:
		return refuse(in, REPLY_HELD_BACK, REPLY_ARGS(NULL));
	case STATUS_TEMPORARY:
	case STATUS_LOCKED:
	case STATUS_LATER:
		break;
	}
	return reply_send(s, REPLY_DELIVER_LATER);
}

enum next
incoming_deliver(struct incoming *in)
{
	struct session *s = in->session;
	struct verify_answer answer = { .outcome = VERIFY_ACCEPT,
		.head = in->head };
	char line[FILTER_LINE] = "";

	if (in->author.verdict == ACCESS_REFUSE) {
		return access_refuse(
		    s, &in->author, s->mail.id, "END-OF-MESSAGE", NULL);
	}
	enum smtp_reply refusal = verification_ask(in, &answer);
	if (refusal != REPLY_NONE) {
		return refuse(in, refusal, REPLY_ARGS(answer.domain));
	}
	s->mail.marked = answer.marked == 1;
	enum filtered filtered = filtering_run(in, answer.head, line);
	return filtered == FILTERED_ON ? hand_on(in)
	                               : filtered_reply(in, filtered, line);
}
