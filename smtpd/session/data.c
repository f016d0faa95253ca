/* SPDX-License-Identifier: ISC */
/* DATA and BDAT: two ways for a message to come in. */
#include "smtpd/session/bad_line.h"
#include "smtpd/session/chunk.h"
#include "smtpd/session/commands.h"
#include "smtpd/session/incoming.h"
#include "smtpd/session/reply.h"

#include <stdio.h>

/* Answers a message that has come in whole: the transaction ends with it. */
static enum next
conclude(struct incoming *in)
{
	struct session *s = in->session;
	bool leave;

	incoming_end(in);
	enum smtp_reply fault = incoming_fault(in, &leave);
	enum next next =
	    fault == REPLY_NONE ? incoming_deliver(in) : reply_send(s, fault);
	session_reset(s);
	return leave ? NEXT_END : next;
}

static enum next
lost(struct session *s, const char *verb, enum line got)
{
	snprintf(s->verb, sizeof(s->verb), "%s (%llu bytes)", verb,
	    (unsigned long long)s->incoming->octets);
	return bad_line_answer(s, got);
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

/* The reply to data for a message without a recipient. */
static enum smtp_reply
no_recipient(const struct session *s)
{
	return s->refused > 0 ? REPLY_NO_RCPT : REPLY_RCPT_FIRST;
}

enum next
command_data(struct session *s, char *argument)
{
	(void)argument;
	if (s->binary) { /* RFC 3030 section 3 */
		return reply_send(s, REPLY_BINARY_BDAT);
	}
	if (s->mail.count == 0) {
		return reply_send(s, no_recipient(s));
	}
	incoming_begin(s->incoming, s, false);
	reply_send(s, REPLY_START_DATA);
	enum line got = receive(s->incoming);
	return got == LINE_OK ? conclude(s->incoming) : lost(s, "DATA", got);
}

/* ---- BDAT (RFC 3030 section 2) ---- */

/*
 * Begins a message with its first chunk.  The reply that refuses the chunk, or
 * REPLY_NONE; a refusal stands until LAST or RSET, because the other chunks may
 * be on their way.
 */
static enum smtp_reply
begin_chunks(struct session *s)
{
	if (s->state <= STATE_READY) {
		return REPLY_BDAT_SEQUENCE;
	}
	if (s->state != STATE_CHUNKS) {
		incoming_begin(s->incoming, s, true);
		if (s->mail.count == 0) {
			s->incoming->refusal = no_recipient(s);
		}
		s->state = STATE_CHUNKS;
	}
	return s->incoming->refusal;
}

/* Reads all of a chunk; a refused one, too, to find the command after it. */
static enum line
receive_chunk(struct session *s, struct chunk chunk, bool refused)
{
	const char *data;
	size_t len;

	while (chunk.size > 0) {
		if (session_must_log_in(s) && dialogue_is_flood(s->stream)) {
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

/*
 * Refuses a chunk, and those that follow it.  A client that had sent them all
 * already has made one error: repeated refusals are not counted.
 */
static void
refuse_chunk(struct session *s, const struct chunk *chunk,
    enum smtp_reply reply, bool repeated)
{
	if (repeated) {
		reply_repeat(s, reply);
	} else {
		reply_send(s, reply);
	}
	if (s->state == STATE_CHUNKS) {
		s->incoming->refusal = reply;
	}
	if (chunk->last) {
		session_reset(s);
	}
}

static enum next
accept_chunk(struct session *s, uint64_t size)
{
	char octets[24];

	s->counts.progress = size > 0;
	snprintf(octets, sizeof(octets), "%llu", (unsigned long long)size);
	return reply_send_with(s, REPLY_CHUNK, REPLY_ARGS(octets));
}

enum next
command_bdat(struct session *s, char *argument)
{
	struct chunk chunk;
	bool leave = false;

	if (!chunk_parse(argument, &chunk)) {
		/* What follows may be a message: it must not be obeyed. */
		reply_send(s, REPLY_BDAT_SYNTAX);
		return NEXT_END;
	}
	bool repeated =
	    s->state == STATE_CHUNKS && s->incoming->refusal != REPLY_NONE;
	enum smtp_reply refusal = begin_chunks(s);
	enum line got = receive_chunk(s, chunk, refusal != REPLY_NONE);
	if (got != LINE_OK) {
		return lost(s, "BDAT", got);
	}
	if (refusal == REPLY_NONE && chunk.last) {
		return conclude(s->incoming);
	}
	if (refusal == REPLY_NONE) {
		refusal = incoming_fault(s->incoming, &leave);
	}
	if (refusal != REPLY_NONE) {
		refuse_chunk(s, &chunk, refusal, repeated);
		return leave ? NEXT_END : NEXT_COMMAND;
	}
	return accept_chunk(s, chunk.size);
}
