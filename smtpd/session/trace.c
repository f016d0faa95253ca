/* SPDX-License-Identifier: ISC */
/* Trace headers. */
#include "smtpd/session/trace.h"

#include "common/text/date.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* RFC 3848, RFC 6531 section 4.3, and SMTP for those who did not say EHLO. */
static const char *
protocol(const struct session *s)
{
	bool tls = s->tls[0] != '\0', auth = s->user[0] != '\0';

	if (!s->esmtp) {
		return "SMTP";
	}
	if (s->mail.utf8) {
		return tls && auth ? "UTF8SMTPSA"
		       : tls       ? "UTF8SMTPS"
		       : auth      ? "UTF8SMTPA"
		                   : "UTF8SMTP";
	}
	return tls && auth ? "ESMTPSA"
	       : tls       ? "ESMTPS"
	       : auth      ? "ESMTPA"
	                   : "ESMTP";
}

/* True if nobody is to learn from where a user has written. */
static bool
is_hidden(const struct session *s)
{
	const struct connection *c = s->connection;

	return c->config->hide_client && c->role != ROLE_LOCAL &&
	       session_is_user(s);
}

size_t
trace_received(const struct session *s, const char *id, char text[TRACE_SIZE])
{
	const struct connection *c = s->connection;
	char when[DATE_SIZE], who[128], recipient[ADDRESS_TEXT + 16] = "";
	const char *address = c->peer.address, *from = s->helo;

	if (is_hidden(s)) {
		/* RFC 5321 section 4.4 wants a domain here: our own. */
		from = c->config->hostname;
		strlcpy(who, "a user", sizeof(who));
	} else if (strcmp(address, "local") == 0) {
		snprintf(who, sizeof(who), "local, uid %d", (int)c->peer.uid);
	} else {
		snprintf(who, sizeof(who), "[%s%s]",
		    strchr(address, ':') != NULL ? "IPv6:" : "", address);
	}
	/* With one recipient alone: it must not give Bcc away. */
	if (s->accepted == 1) {
		snprintf(recipient, sizeof(recipient), "\n\tfor <%s>",
		    s->mail.recipients[0].text);
	}
	date_text(time(NULL), when);
	int n = snprintf(text, TRACE_SIZE,
	    "Received: from %s (%s)\n"
	    "\t%s%s%sby %s (restante) with %s id %s%s;\n\t%s\n",
	    from[0] != '\0' ? from : "unknown", who,
	    s->tls[0] != '\0' ? "(" : "", s->tls,
	    s->tls[0] != '\0' ? ")\n\t" : "", c->config->hostname, protocol(s),
	    id, recipient, when);
	return n < 0 ? 0 : n < TRACE_SIZE ? (size_t)n : TRACE_SIZE - 1;
}

/* Keeps the first Message-ID, for the log. */
static void
take_id(struct trace_header *t, const struct field *f)
{
	const char *text = f->value, *end = f->value + f->value_len;

	while (text < end && strchr(" \t\r\n<", *text) != NULL) {
		text++;
	}
	size_t n = 0;
	while (text + n < end && strchr(">\r\n", text[n]) == NULL) {
		n++;
	}
	if (t->message_id[0] == '\0') {
		n = n < sizeof(t->message_id) ? n : sizeof(t->message_id) - 1;
		memcpy(t->message_id, text, n);
		t->message_id[n] = '\0';
	}
}

/* TLS-Required: No, which is all that the field may say. */
static bool
is_no(const struct field *f)
{
	char value[32];

	return header_unfold(f, value, sizeof(value)) != -1 &&
	       strcasecmp(value, "No") == 0;
}

/* A field, or the start of a long one. */
static void
take_field(struct trace_header *t)
{
	struct field f;

	if (!header_split(t->walk.text, t->walk.len, &f)) {
		return;
	}
	if (header_is(&f, "Received")) {
		t->received++;
	} else if (header_is(&f, "Message-ID")) {
		take_id(t, &f);
	} else if (header_is(&f, "TLS-Required")) {
		t->tls_optional = t->tls_optional || is_no(&f);
	} else if (header_is(&f, "Authentication-Results") ||
		   header_is(&f, "DKIM-Signature")) {
		t->vouched = true;
	}
}

static void
take_event(struct trace_header *t, enum header_event event)
{
	switch (event) {
	case HEADER_FIELD:
		take_field(t);
		break;
	case HEADER_PIECE:
		if (t->walk.first) {
			take_field(t);
		}
		break;
	case HEADER_END:
		t->ended = true;
		t->over = t->walk.len > 0;
		/* Some readers find fields after a line that is none. */
		t->vouched = t->vouched || !t->over;
		t->at_start = t->walk.body_len == 0;
		break;
	case HEADER_MORE:
		break;
	}
}

/* After a line that is no field. */
static void
look_for_empty_line(struct trace_header *t, const char *data, size_t len)
{
	while (len > 0 && !t->over) {
		const char *lf = memchr(data, '\n', len);
		size_t n = lf == NULL ? len : (size_t)(lf - data) + 1;
		t->over = t->at_start && *data == '\n';
		t->at_start = lf != NULL;
		data += n;
		len -= n;
	}
}

static void
lend_room(struct trace_header *t)
{
	t->walk.room = t->room;
	t->walk.size = sizeof(t->room);
}

void
trace_header(struct trace_header *t, const char *data, size_t len)
{
	enum header_event event;

	lend_room(t);
	while (len > 0 && !t->ended) {
		size_t n = header_feed(&t->walk, data, len, &event);
		take_event(t, event);
		data += n;
		len -= n;
	}
	look_for_empty_line(t, data, len);
}

void
trace_header_end(struct trace_header *t)
{
	lend_room(t);
	while (!t->ended) {
		take_event(t, header_finish(&t->walk));
	}
}
