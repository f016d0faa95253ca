/* SPDX-License-Identifier: ISC */
/* DATA and BDAT: two ways for a message to come in. */
#include "smtpd/session/chunk.h"
#include "smtpd/session/incoming.h"

#include <stdio.h>

/* Answers a message that has come in whole: the transaction ends with it. */
static enum next
conclude(struct incoming *in)
{
	struct session *s = in->session;
	bool leave;

	incoming_end(in);
	const char *fault = incoming_fault(in, &leave);
	enum next next = fault == NULL ? incoming_deliver(in)
	                               : session_reply(s, "%s", fault);
	session_reset(s);
	return leave ? NEXT_END : next;
}

static enum next
lost(struct session *s, const char *verb, enum line got)
{
	snprintf(s->verb, sizeof(s->verb), "%s (%llu bytes)", verb,
	    (unsigned long long)s->incoming->octets);
	return session_bad_line(s, got);
}

/* ---- DATA ---- */

/* Reads up to the end of the data. */
static enum line
receive(struct incoming *in)
{
	struct stream *stream = in->session->stream;
	const char *data;
	size_t len;

	while (in->dotstuff.state != DOTSTUFF_END) {
		enum line got = stream_peek(stream, &data, &len);
		if (got != LINE_OK) {
			return got;
		}
		stream_consume(stream, incoming_take(in, data, len));
	}
	return LINE_OK;
}

enum next
command_data(struct session *s, char *argument)
{
	(void)argument;
	if (s->binary) { /* RFC 3030 section 3 */
		return session_reply(s, "503 5.5.1 BINARYMIME comes by BDAT");
	}
	if (s->mail.count == 0) {
		return s->refused > 0
		           ? session_reply(s, "554 5.5.1 No valid recipients")
		           : session_reply(s, "503 5.5.1 RCPT comes first");
	}
	incoming_begin(s->incoming, s, false);
	session_reply(s, "354 End it with a dot on a line of its own");
	enum line got = receive(s->incoming);
	return got == LINE_OK ? conclude(s->incoming) : lost(s, "DATA", got);
}

/* ---- BDAT (RFC 3030 section 2) ---- */

/*
 * The first chunk of a message begins it.  What refuses it, or NULL; a refusal
 * stands until LAST or RSET, because the other chunks may be on their way.
 */
static const char *
begin_chunks(struct session *s)
{
	if (s->state <= STATE_READY) {
		return "503 5.5.1 MAIL, then RCPT, then BDAT";
	}
	if (s->state != STATE_CHUNKS) {
		incoming_begin(s->incoming, s, true);
		if (s->mail.count == 0) {
			s->incoming->refusal =
			    s->refused > 0 ? "554 5.5.1 No valid recipients"
					   : "503 5.5.1 RCPT comes first";
		}
		s->state = STATE_CHUNKS;
	}
	return s->incoming->refusal;
}

/* Reads all of a chunk; one that is refused, to find the command behind it. */
static enum line
receive_chunk(struct session *s, struct chunk chunk, bool refused)
{
	const char *data;
	size_t len;

	while (chunk.size > 0) {
		if (session_is_flood(s)) {
			return LINE_FLOOD;
		}
		enum line got = stream_peek(s->stream, &data, &len);
		if (got != LINE_OK) {
			return got;
		}
		size_t n = chunk_take(&chunk, len);
		for (size_t at = 0; at < n && !refused;) {
			at += incoming_take(s->incoming, data + at, n - at);
		}
		stream_consume(s->stream, n);
	}
	return LINE_OK;
}

/* Refuses a chunk, and those that follow it; again: as those ahead of it. */
static void
refuse_chunk(
    struct session *s, const struct chunk *chunk, const char *reply, bool again)
{
	session_reply(s, "%s", reply);
	/* A client that had sent them all already has made one error. */
	s->errors -= again;
	if (s->state == STATE_CHUNKS) {
		s->incoming->refusal = reply;
	}
	if (chunk->last) {
		session_reset(s);
	}
}

enum next
command_bdat(struct session *s, char *argument)
{
	struct chunk chunk;
	bool leave = false;

	if (!chunk_parse(argument, &chunk)) {
		/* What follows may be a message: it must not be obeyed. */
		session_reply(s, "501 5.5.4 Write BDAT and a number of octets, "
				 "then LAST or nothing; closing");
		return NEXT_END;
	}
	bool again = s->state == STATE_CHUNKS && s->incoming->refusal != NULL;
	const char *refusal = begin_chunks(s);
	enum line got = receive_chunk(s, chunk, refusal != NULL);
	if (got != LINE_OK) {
		return lost(s, "BDAT", got);
	}
	if (refusal == NULL && chunk.last) {
		return conclude(s->incoming);
	}
	if (refusal == NULL) {
		refusal = incoming_fault(s->incoming, &leave);
	}
	if (refusal != NULL) {
		refuse_chunk(s, &chunk, refusal, again);
		return leave ? NEXT_END : NEXT_COMMAND;
	}
	s->idle -= chunk.size > 0;
	return session_reply(
	    s, "250 2.0.0 %llu octets taken", (unsigned long long)chunk.size);
}
