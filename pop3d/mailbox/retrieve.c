/* SPDX-License-Identifier: ISC */
/*
 * Sends a message, whole or its top, dots doubled (RFC 1939 section 3); for
 * clients that did not say UTF8, one with UTF-8 in its header in the form that
 * they know (RFC 6856 section 7).
 */
#include "common/log/log.h"
#include "common/log/stats.h"
#include "common/mime/surrogate.h"
#include "pop3d/mailbox/transaction.h"
#include "spool/foreign.h"

#include <errno.h>
#include <string.h>

/* A message on its way to the client. */
struct sending {
	struct session *session;
	size_t index;
	bool started; /* +OK is said */
	bool open;    /* the last line has not ended */
	bool body;    /* past the header section */
	bool top;     /* stop after that many lines of the body: */
	unsigned long lines;
	bool enough;
	unsigned long long octets;   /* of it so far, dots not doubled */
	struct surrogate *surrogate; /* or NULL: it goes as it is */
	size_t line;                 /* octets of its line in hand */
};

unsigned long long
retrieve_octets(const struct session *s, size_t index)
{
	const struct message *m =
	    mailbox_message(s->transaction->mailbox, index);

	return s->utf8 ? m->octets : m->ascii;
}

static void
start_sending(struct sending *out)
{
	if (!out->started) {
		out->started = true;
		if (out->top) {
			reply_ok(out->session);
		} else {
			reply_ok_with(out->session, "%llu octets",
			    retrieve_octets(out->session, out->index));
		}
	}
}

/* Called before a line; dot: it begins with one.  false: TOP is over. */
static bool
begin_line(struct sending *out, bool dot)
{
	if (out->top && out->body && out->lines-- == 0) {
		out->enough = true;
		return false;
	}
	if (dot) {
		stream_write(out->session->stream, ".", 1);
	}
	return true;
}

/* A line as it is stored. */
static bool
send_line(struct sending *out, const struct mbox_line *line)
{
	struct stream *stream = out->session->stream;

	if (line->begins &&
	    !begin_line(out, line->len > 0 && line->text[0] == '.')) {
		return false;
	}
	stream_write(stream, line->text, line->len);
	if (line->ends) {
		stream_write(stream, "\r\n", 2);
	}
	out->octets += line->len + (line->ends ? 2 : 0);
	out->body = out->body || (line->begins && line->ends && line->len == 0);
	return true;
}

/* Octets of the other form, whose lines end in CR LF. */
static bool
send_octets(struct sending *out, const char *text, size_t len)
{
	while (len > 0) {
		const char *lf = memchr(text, '\n', len);
		size_t n = lf == NULL ? len : (size_t)(lf - text) + 1;
		if (out->line == 0 && !begin_line(out, text[0] == '.')) {
			return false;
		}
		stream_write(out->session->stream, text, n);
		out->octets += n;
		out->line += n;
		text += n;
		len -= n;
		if (lf != NULL) {
			out->body = out->body || out->line == 2;
			out->line = 0;
		}
	}
	return true;
}

/* The next octets of a message that goes in the other form. */
static bool
send_surrogate(struct sending *out, const char *text, size_t len)
{
	const char *piece;
	size_t n;

	surrogate_feed(out->surrogate, text, len);
	while (surrogate_next(out->surrogate, &piece, &n)) {
		if (out->surrogate->failed || !send_octets(out, piece, n)) {
			return false;
		}
	}
	return true;
}

static bool
take_line(void *context, const struct mbox_line *line)
{
	struct sending *out = context;

	start_sending(out);
	out->open = !line->ends;
	if (out->surrogate == NULL) {
		return send_line(out, line);
	}
	return send_surrogate(out, line->text, line->len) &&
	       send_surrogate(out, "\r\n", line->ends ? 2 : 0);
}

/* Called after the last line. */
static void
end_sending(struct sending *out)
{
	bool open = out->open && !out->enough;

	start_sending(out);
	if (out->surrogate == NULL) {
		stream_write(out->session->stream, "\r\n", open ? 2 : 0);
	} else if (!out->enough) {
		(void)send_surrogate(out, "\r\n", open ? 2 : 0);
		surrogate_finish(out->surrogate);
		(void)send_surrogate(out, NULL, 0);
	}
}

/* Nothing is sent yet. */
static enum next
refuse(const struct sending *out)
{
	int error = errno;
	char why[FOREIGN_TEXT];

	foreign_why(error, out->session->transaction->store.mailbox, why);
	log_warn("message %zu of %s: %s", out->index + 1, out->session->user,
	    error == ESTALE ? "removed by another program" : why);
	return reply_error(out->session, error == EWOULDBLOCK ? REPLY_LOCKED
					 : error == ENOMEM
					     ? REPLY_MESSAGE_MEMORY
					     : REPLY_GONE);
}

/* Half of it is sent: no reply can say so, an end can. */
static enum next
give_up(const struct sending *out, int error)
{
	log_error("message %zu of %s cannot be read to its end: %s",
	    out->index + 1, out->session->user, strerror(error));
	return NEXT_END;
}

static enum next
send_message(struct sending *out)
{
	struct session *s = out->session;
	int result =
	    mailbox_read(s->transaction->mailbox, out->index, take_line, out);

	if (result == -1) {
		return out->started ? give_up(out, errno) : refuse(out);
	}
	end_sending(out);
	if (out->surrogate != NULL && out->surrogate->failed) {
		return give_up(out, ENOMEM);
	}
	stream_write(s->stream, ".\r\n", 3);
	if (!out->top) {
		stats_add(STATS_POP3_RETRIEVED, 1);
		stats_add(STATS_POP3_OCTETS, out->octets);
	}
	*(out->top ? &s->topped : &s->retrieved) += out->octets;
	s->transaction->was_retrieved[out->index] =
	    s->transaction->was_retrieved[out->index] || !out->top;
	return NEXT_COMMAND;
}

enum next
retrieve(struct session *s, size_t index, unsigned long lines)
{
	struct sending out = { .session = s,
		.index = index,
		.top = lines != RETRIEVE_ALL,
		.lines = lines };

	if (!s->utf8 && mailbox_message(s->transaction->mailbox, index)->raw) {
		out.surrogate = surrogate_open();
		if (out.surrogate == NULL) {
			errno = ENOMEM;
			return refuse(&out);
		}
	}
	enum next next = send_message(&out);
	surrogate_close(out.surrogate);
	return next;
}
