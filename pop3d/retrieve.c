/* SPDX-License-Identifier: ISC */
/* Sends a message, whole or its top, dots doubled (RFC 1939 section 3). */
#include "common/log.h"
#include "pop3d/session.h"

#include <errno.h>
#include <string.h>

/* A message on its way to the client. */
struct sending {
	struct session *session;
	size_t index;
	bool started; /* +OK is said */
	bool open;    /* the last line has not ended */
	bool body;    /* behind the header section */
	bool top;     /* stop behind so many lines of the body: */
	unsigned long lines;
	unsigned long long octets; /* of it so far, dots not doubled */
};

static void
start_sending(struct sending *out)
{
	if (!out->started) {
		out->started = true;
		if (out->top) {
			session_reply(out->session, "+OK");
		} else {
			session_reply(out->session, "+OK %llu octets",
			    (unsigned long long)mailbox_message(
				out->session->mailbox, out->index)
				->octets);
		}
	}
}

static bool
send_line(void *context, const struct mbox_line *line)
{
	struct sending *out = context;
	struct stream *stream = out->session->stream;

	start_sending(out);
	if (out->top && out->body && line->begins && out->lines-- == 0) {
		return false;
	}
	if (line->begins && line->len > 0 && line->text[0] == '.') {
		stream_write(stream, ".", 1);
	}
	stream_write(stream, line->text, line->len);
	if (line->ends) {
		stream_write(stream, "\r\n", 2);
	}
	out->octets += line->len + (line->ends ? 2 : 0);
	out->open = !line->ends;
	out->body = out->body || (line->begins && line->ends && line->len == 0);
	return true;
}

enum next
retrieve(struct session *s, size_t index, unsigned long lines)
{
	struct sending sending = { .session = s,
		.index = index,
		.top = lines != RETRIEVE_ALL,
		.lines = lines };
	struct sending *out = &sending;
	int result = mailbox_read(s->mailbox, out->index, send_line, out);

	if (result == -1 && !out->started) {
		log_warn("message %zu of %s: %s", out->index + 1, s->user,
		    errno == ESTALE ? "removed by another program"
				    : strerror(errno));
		return session_reply(s,
		    errno == EWOULDBLOCK
			? "-ERR [IN-USE] The mailbox is locked"
			: "-ERR [SYS/TEMP] That message is not there any more");
	}
	if (result == -1) {
		/* Half of it is sent: no reply can say so, an end can. */
		log_error("message %zu of %s cannot be read to its end: %s",
		    out->index + 1, s->user, strerror(errno));
		return NEXT_END;
	}
	start_sending(out);
	if (out->open) {
		stream_write(s->stream, "\r\n", 2);
	}
	stream_write(s->stream, ".\r\n", 3);
	*(out->top ? &s->topped : &s->retrieved) += out->octets;
	return NEXT_COMMAND;
}
