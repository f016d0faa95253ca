/* SPDX-License-Identifier: ISC */
/* Trace headers. */
#include "smtpd/session/trace.h"

#include "common/mime/header.h"
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

size_t
trace_received(const struct session *s, const char *id, char text[TRACE_SIZE])
{
	const struct connection *c = s->connection;
	char when[DATE_SIZE], who[128], recipient[ADDRESS_TEXT + 16] = "";
	const char *address = c->peer.address;

	if (strcmp(address, "local") == 0) {
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
	    s->helo[0] != '\0' ? s->helo : "unknown", who,
	    s->tls[0] != '\0' ? "(" : "", s->tls,
	    s->tls[0] != '\0' ? ")\n\t" : "", c->config->hostname, protocol(s),
	    id, recipient, when);
	return n < 0 ? 0 : n < TRACE_SIZE ? (size_t)n : TRACE_SIZE - 1;
}

enum { LONGEST_NAME = 997 }; /* RFC 5322 section 2.1.1 */

/* Looks at the first line, octet by octet, until it is known for a field. */
static void
first_line(struct trace_header *t, char c)
{
	bool end = c == ':' || c <= ' ' || c >= 0x7f;

	/* An empty first line is the end of an empty header section. */
	t->first_is_field =
	    (c == ':' && t->name > 0) || (c == '\n' && t->name == 0);
	t->name++;
	t->first_known = end || t->name > LONGEST_NAME;
}

/* Keeps the first Message-ID, for the log: text is the value, or its start. */
static void
take_id(struct trace_header *t, const char *text, size_t len)
{
	while (len > 0 && (*text == ' ' || *text == '\t' || *text == '<')) {
		text++;
		len--;
	}
	t->id_follows = len == 0;
	if (len > 0 && t->message_id[0] == '\0') {
		const char *end = memchr(text, '>', len);
		size_t n = end == NULL ? len : (size_t)(end - text);
		n = n < sizeof(t->message_id) ? n : sizeof(t->message_id) - 1;
		memcpy(t->message_id, text, n);
		t->message_id[n] = '\0';
	}
}

static void
look_for_id(struct trace_header *t)
{
	static const char field[] = "Message-ID:";
	size_t n = sizeof(field) - 1;
	bool folded = t->len > 0 && (t->line[0] == ' ' || t->line[0] == '\t');

	if (folded && t->id_follows) {
		take_id(t, t->line, t->len);
	} else if (t->len >= n && strncasecmp(t->line, field, n) == 0) {
		take_id(t, t->line + n, t->len - n);
	} else {
		t->id_follows = false;
	}
}

/* TLS-Required: No, which is all that the field may say. */
static bool
tls_optional(const struct trace_header *t)
{
	struct field f;
	char value[sizeof(t->line) + 1];

	return header_split(t->line, t->len, &f) &&
	       header_is(&f, "TLS-Required") &&
	       header_unfold(&f, value, sizeof(value)) != -1 &&
	       strcasecmp(value, "No") == 0;
}

static void
end_of_line(struct trace_header *t)
{
	look_for_id(t);
	t->body = t->len == 0;
	t->received += t->len >= 9 && strncasecmp(t->line, "Received:", 9) == 0;
	t->tls_optional = t->tls_optional || tls_optional(t);
	t->len = 0;
}

void
trace_header(struct trace_header *t, const char *data, size_t len)
{
	for (size_t i = 0; i < len && !t->first_known; i++) {
		first_line(t, data[i]);
	}
	while (len > 0 && !t->body) {
		const char *lf = memchr(data, '\n', len);
		size_t n = lf == NULL ? len : (size_t)(lf - data);
		size_t room = sizeof(t->line) - t->len;
		memcpy(t->line + t->len, data, n < room ? n : room);
		t->len += n < room ? n : room;
		if (lf == NULL) {
			return;
		}
		end_of_line(t);
		data += n + 1;
		len -= n + 1;
	}
}
