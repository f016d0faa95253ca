/* SPDX-License-Identifier: ISC */
/* Commands and replies of one connection, and verdicts made of them. */
#include "smtpd/relay/client_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void
client_send_command(struct client *c, const char *fmt, ...)
{
	char line[ENVELOPE_LINE];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(line)) {
		/* No caller sends that much; half a command would be a
		   different one. */
		n = 0;
	}
	stream_write(c->stream, line, (size_t)n);
	stream_write(c->stream, "\r\n", 2);
}

static int
reply_timeout(const struct client *c, enum phase phase)
{
	switch (phase) {
	case PHASE_GREETING:
	case PHASE_HELLO:
	case PHASE_STARTTLS:
	case PHASE_AUTH:
	case PHASE_RSET:
	case PHASE_MAIL:
	case PHASE_RCPT:
		return c->timeouts.command;
	case PHASE_DATA:
		return c->timeouts.data;
	case PHASE_DOT:
		return c->timeouts.dot;
	}
	return c->timeouts.command;
}

bool
client_read_response(struct client *c, enum phase phase)
{
	switch (response_read(&c->response, c->stream, reply_timeout(c, phase),
	    c->timeouts.block)) {
	case RESPONSE_READ_OK:
		return true;
	case RESPONSE_READ_LATE:
		client_set_verdict(c, OUTCOME_DEAD, "4.4.2",
		    "host %s does not answer %s in time", c->peer.peer,
		    phase_name(phase));
		break;
	case RESPONSE_READ_LOST:
		client_set_verdict(c, OUTCOME_DEFERRED, "4.4.2",
		    "lost connection %s%s while waiting for the reply to %s",
		    phase == PHASE_GREETING ? "" : "with ", c->peer.peer,
		    phase_name(phase));
		break;
	case RESPONSE_READ_NONSENSE:
		client_set_verdict(c, OUTCOME_DEAD, "4.5.0",
		    "host %s sent %s as the reply to %s", c->peer.peer,
		    c->response.wrong, phase_name(phase));
		break;
	}
	return false;
}

bool
client_has_input(struct client *c)
{
	return stream_poll(c->stream) != LINE_TIMEOUT;
}

void
client_set_verdict(struct client *c, enum outcome_kind kind, const char *dsn,
    const char *fmt, ...)
{
	struct outcome *v = &c->verdict;
	va_list ap;

	memset(v, 0, sizeof(*v));
	v->kind = kind;
	strlcpy(v->dsn, dsn, sizeof(v->dsn));
	strlcpy(v->host, c->peer.peer, sizeof(v->host));
	va_start(ap, fmt);
	vsnprintf(v->text, sizeof(v->text), fmt, ap);
	va_end(ap);
}

void
client_response_outcome(const struct client *c, struct outcome *o,
    enum outcome_kind kind, enum phase phase)
{
	const struct response *r = &c->response;
	char words[OUTCOME_TEXT];
	char class = kind == OUTCOME_SENT     ? '2'
	             : kind == OUTCOME_FAILED ? '5'
	                                      : '4';

	memset(o, 0, sizeof(*o));
	o->kind = kind;
	snprintf(o->dsn, sizeof(o->dsn), "%s",
	    r->enhanced[0] != '\0' ? r->enhanced : "x.0.0");
	o->dsn[0] = class;
	strlcpy(o->host, c->peer.peer, sizeof(o->host));
	response_words(r, words, sizeof(words));
	if (kind == OUTCOME_SENT) {
		strlcpy(o->text, words, sizeof(o->text));
		return;
	}
	/* Cuts the end of a long reply, and not what it replies to. */
	char about[64];
	int n = snprintf(
	    about, sizeof(about), " (in reply to %s)", phase_name(phase));
	int room = (int)sizeof(o->text) - n - 1;
	snprintf(o->text, sizeof(o->text), "%.*s%s", room, words, about);
}

void
client_set_verdict_response(
    struct client *c, enum outcome_kind kind, enum phase phase, const char *dsn)
{
	client_response_outcome(c, &c->verdict, kind, phase);
	if (dsn != NULL && c->response.enhanced[0] == '\0') {
		strlcpy(c->verdict.dsn, dsn, sizeof(c->verdict.dsn));
	}
}

void
client_drop(struct client *c)
{
	if (c->stream != NULL) {
		stream_close(c->stream);
		close(c->peer.fd);
		c->stream = NULL;
		c->peer.fd = -1;
	}
}

void
client_quit(struct client *c)
{
	const char *data;
	size_t len;

	if (c->stream == NULL) {
		return;
	}
	client_send_command(c, "QUIT");
	stream_set_timeout(c->stream, c->timeouts.quit);
	/* RFC 5321 section 4.1.1.10: the reply is waited for. */
	if (stream_peek(c->stream, &data, &len) == LINE_OK) {
		stream_consume(c->stream, len);
	}
	client_drop(c);
}
