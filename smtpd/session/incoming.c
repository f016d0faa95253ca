/* SPDX-License-Identifier: ISC */
/*
 * A message streams into the session's file, lines ended by LF, our trace
 * header on top.
 */
#include "smtpd/session/incoming.h"

#include "common/io/file.h"
#include "common/io/giveup.h"
#include "common/log/log.h"
#include "common/text/bytes.h"
#include "smtpd/session/access_policy.h"
#include "smtpd/session/complete.h"
#include "smtpd/session/events.h"
#include "smtpd/session/sender.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

enum {
	MOST_RECEIVED = 100, /* RFC 5321 section 6.3 */
	PACE = 30000,        /* octets in the time for one read: 100 a second */
	STRIDE = 1024 * 1024, /* octets from one look at the disk to the next */
};

struct incoming *
incoming_new(void)
{
	return calloc(1, sizeof(struct incoming));
}

void
incoming_free(struct incoming *in)
{
	if (in != NULL) {
		free(in->binary);
	}
	free(in);
}

bool
incoming_room(const struct session *s, uint64_t size)
{
	struct statfs fs;

	if (s->connection->body == -1 ||
	    fstatfs(s->connection->body, &fs) == -1) {
		return true; /* it will show when it is written */
	}
	uint64_t room = (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize;
	uint64_t least = s->connection->config->minimum_free;
	return room > least && room - least > size;
}

/* Gives back the room of a message that is not taken. */
static void
drop_octets(struct incoming *in)
{
	if (in->written > 0) {
		(void)!ftruncate(in->session->connection->body, 0);
		in->written = in->looked = 0;
	}
}

/* True if there is room for what comes next; looked at now and then. */
static bool
have_room(struct incoming *in)
{
	if (in->written - in->looked < STRIDE) {
		return true;
	}
	in->looked = in->written;
	return incoming_room(in->session, STRIDE);
}

static void
put_octets(struct incoming *in, const char *data, size_t len)
{
	size_t done = 0;

	if (in->error == 0 && giveup_asked()) {
		in->error = EDQUOT; /* the server has logged it */
		in->given_up = true;
	}
	if (in->error == 0 && !have_room(in)) {
		in->error = ENOSPC;
	}
	while (done < len && in->error == 0) {
		ssize_t n = pwrite(in->session->connection->body, data + done,
		    len - done, in->written);
		if (n > 0) {
			done += (size_t)n;
			in->written += n;
		} else if (n == 0 || errno != EINTR) {
			in->error = n == 0 ? EIO : errno;
		}
	}
}

static void
flush(struct incoming *in)
{
	put_octets(in, in->buffer, in->len);
	in->len = 0;
}

/* Starts the file. */
static void
write_trace(struct incoming *in)
{
	const struct connection *c = in->session->connection;
	char text[TRACE_SIZE];

	if (c->body == -1) {
		in->error = c->body_errno;
		return;
	}
	if (file_empty(c->body) == -1) {
		in->error = errno;
		return;
	}
	giveup_begin(c->body);
	size_t n = trace_received(in->session, in->session->mail.id, text);
	memcpy(in->buffer, text, n);
	in->len = in->head = n;
}

/* BINARYMIME is turned into lines; few clients need the memory for that. */
static void
begin_binary(struct incoming *in)
{
	if (in->binary == NULL) {
		in->binary = malloc(sizeof(*in->binary));
	}
	if (in->binary == NULL) {
		in->error = ENOMEM;
		return;
	}
	binary_begin(in->binary);
}

void
incoming_begin(struct incoming *in, struct session *s, bool chunks)
{
	struct binary *binary = in->binary;

	memset(in, 0, offsetof(struct incoming, buffer));
	in->binary = binary;
	in->session = s;
	in->dotstuff.chunks = chunks;
	/* Who ends commands so ends lines of the message so; nobody else can
	   mean it, and what looks like an end of it is text. */
	in->dotstuff.lf = s->connection->role == ROLE_LOCAL && !chunks &&
	                  stream_had_lf(s->stream);
	write_trace(in);
	stream_pace(s->stream, PACE);
	if (s->binary) {
		begin_binary(in);
	}
	in->at_head = session_is_ours(s) || access_wants_authors(s);
}

/* True if more has come than a message may have. */
static bool
too_big(const struct incoming *in)
{
	uint64_t limit = in->session->connection->config->size_limit;

	return limit != 0 && in->wire > limit;
}

/* The Message-ID that was added is the one for the log. */
static void
name(struct incoming *in)
{
	char *id = in->header.message_id;
	size_t size = sizeof(in->header.message_id);
	const char *host = in->session->connection->config->hostname;

	if (id[0] == '\0' && (size_t)snprintf(id, size, "%s@%s",
				 in->session->mail.id, host) >= size) {
		id[0] = '\0';
	}
}

/*
 * The header section of a user's message is in the buffer, or as much of it as
 * there is room for: it is completed if it is all there.  Of a stranger's,
 * rules may want to know who wrote it.
 */
static void
end_head(struct incoming *in)
{
	const char *text = in->buffer + in->head;
	size_t len = in->len - in->head, head_len, fixed_len;
	char *fixed = NULL;

	in->at_head = false;
	if (in->error != 0 || too_big(in)) {
		return;
	}
	in->author = access_authors(in->session, text, len);
	if (!session_is_ours(in->session)) {
		flush(in);
		return;
	}
	switch (complete_head(in->session, in->session->mail.id, text, len,
	    &head_len, &fixed, &fixed_len)) {
	case COMPLETE_CHANGED:
		put_octets(in, in->buffer, in->head);
		put_octets(in, fixed, fixed_len);
		in->len = len - head_len;
		memmove(in->buffer, text + head_len, in->len);
		name(in);
		break;
	case COMPLETE_FORBIDDEN:
		in->forbidden = true;
		break;
	case COMPLETE_MEMORY:
		in->error = ENOMEM;
		break;
	case COMPLETE_SAME:
		break;
	}
	free(fixed);
	flush(in);
}

/* Puts text into what is in the buffer. */
static void
insert(struct incoming *in, size_t at, const char *text)
{
	size_t n = strlen(text);

	memmove(in->buffer + at + n, in->buffer + at, in->len - at);
	memcpy(in->buffer + at, text, n);
	in->len += n;
}

/* Takes text out of what is in the buffer. */
static void
take_out(struct incoming *in, size_t at, size_t n)
{
	in->len -= n;
	memmove(in->buffer + at, in->buffer + at + n, in->len - at);
}

/*
 * Makes fields of the lines of an mbox on top, as Postfix does, and takes byte
 * order marks away: those who read on must agree on what the section is.
 */
static void
tidy_lead(struct incoming *in, size_t len)
{
	static const char name_of_it[] = "X-Mailbox-Line: ";
	size_t at = in->head, end = in->head + len;

	while (at < end) {
		size_t marks = header_marks(in->buffer + at, end - at);
		take_out(in, at, marks);
		end -= marks;
		if (at < end && !is_blank(in->buffer[at])) {
			insert(in, at, name_of_it);
			end += strlen(name_of_it);
		}
		const char *lf = memchr(in->buffer + at, '\n', end - at);
		at = lf == NULL ? end : (size_t)(lf - in->buffer) + 1;
	}
}

/*
 * Looks at the top of the message, which is in the buffer: without a header
 * section, ours must end.
 */
static void
settle_top(struct incoming *in, bool over)
{
	size_t lead;

	in->top =
	    header_top(in->buffer + in->head, in->len - in->head, over, &lead);
	switch (in->top) {
	case HEADER_TOP_MORE:
		return;
	case HEADER_TOP_TEXT:
		insert(in, in->head, "\n");
		break;
	case HEADER_TOP_SECTION:
		tidy_lead(in, lead);
		break;
	}
	trace_header(&in->header, in->buffer + in->head, in->len - in->head);
}

/* Octets of a piece as they are sent: of each line end, CR and LF (RFC 1870
   section 3). */
static size_t
wire_octets(const char *data, size_t len)
{
	size_t n = len;

	for (const char *lf = data, *end = data + len;
	     lf < end && (lf = memchr(lf, '\n', (size_t)(end - lf))) != NULL;
	     lf++) {
		n++;
	}
	return n;
}

/* Takes a decoded piece at the end of the buffer. */
static void
add_octets(struct incoming *in, size_t len)
{
	const char *data = in->buffer + in->len;

	if (len > 0) {
		in->last = data[len - 1];
	}
	if (!in->session->binary) {
		in->octets += len;
		in->wire += wire_octets(data, len);
	}
	in->len += len;
	if (too_big(in) || in->error != 0) {
		in->len = 0; /* read on to its end, and forget it */
		drop_octets(in);
		in->at_head = false;
		return;
	}
	if (in->top == HEADER_TOP_MORE) {
		settle_top(in, false);
	} else {
		trace_header(&in->header, data, len);
	}
	if (in->at_head && in->header.over) {
		end_head(in);
	}
}

/* Octets that the buffer may hold now. */
static size_t
room(const struct incoming *in)
{
	return in->at_head ? INCOMING_HEAD : INCOMING_BUFFER;
}

/* Takes what DATA has, or chunks of lines. */
static size_t
take_lines(struct incoming *in, const char *data, size_t len)
{
	size_t out;

	if (room(in) - in->len < INCOMING_BUFFER / 4) {
		/* Too long to be completed, and so to be checked. */
		in->forbidden =
		    in->forbidden ||
		    (in->at_head && sender_header_checked(in->session));
		in->head_long =
		    in->head_long ||
		    (in->at_head && access_wants_authors(in->session));
		in->at_head = false;
		flush(in);
	}
	size_t taken = dotstuff_decode(&in->dotstuff, data, len,
	    in->buffer + in->len, room(in) - in->len - INCOMING_SPARE, &out);
	add_octets(in, out);
	return taken;
}

/* Takes what has become lines. */
static void
take_converted(struct incoming *in)
{
	const char *data;
	size_t len;

	while (binary_next(in->binary, &data, &len)) {
		for (size_t at = 0; at < len;) {
			at += take_lines(in, data + at, len - at);
		}
	}
}

size_t
incoming_take(struct incoming *in, const char *data, size_t len)
{
	if (!in->session->binary) {
		return take_lines(in, data, len);
	}
	in->octets += len;
	in->wire += len;
	if (!too_big(in) && in->error == 0) {
		binary_feed(in->binary, data, len);
		take_converted(in);
	}
	return len;
}

void
incoming_end(struct incoming *in)
{
	if (in->session->binary && in->error == 0) {
		binary_finish(in->binary);
		take_converted(in);
	}
	bool cut = in->dotstuff.chunks && in->last != '\n' && in->last != '\0';
	if (in->dotstuff.state == DOTSTUFF_CR) {
		in->dotstuff.bare = cut = true;
	}
	if (cut) {
		/* A last chunk may end within a line; what we keep may not. */
		in->buffer[in->len] = '\n';
		in->wire -= in->session->binary ? 0 : 2; /* not the client's */
		add_octets(in, 1);
	}
	if (in->top == HEADER_TOP_MORE && in->error == 0 && !too_big(in)) {
		settle_top(in, true);
	}
	trace_header_end(&in->header);
	if (in->at_head) {
		end_head(in);
	}
	flush(in);
	giveup_end();
}

static enum smtp_reply
reject(struct incoming *in, enum smtp_reply reply)
{
	event_reject(in->session, in->session->mail.id, "END-OF-MESSAGE", reply,
	    NULL, NULL);
	return reply;
}

/* The message could not be written; the reply to that. */
static enum smtp_reply
cannot_write(const struct incoming *in)
{
	log_error("%s: cannot write the message to %s: %s",
	    in->session->mail.id, in->session->connection->config->queue,
	    strerror(in->error));
	return in->error == ENOSPC || in->error == EDQUOT || in->error == EFBIG
	           ? REPLY_NO_ROOM
	           : REPLY_STORE_LATER;
}

enum smtp_reply
incoming_fault(struct incoming *in, bool *leave)
{
	const struct session *s = in->session;

	/* Binary that is too big is not looked at to its end. */
	*leave = in->dotstuff.bare && !(s->binary && too_big(in)) &&
	         session_profile(s) != PROFILE_SUBMISSION;
	if (*leave) {
		/* Others may read the message, or what follows it,
		   differently: no more from this client. */
		return reject(in, REPLY_BARE);
	}
	if (too_big(in)) {
		return reject(in, REPLY_TOO_BIG);
	}
	if (in->dotstuff.nul) {
		return reject(in, REPLY_NUL);
	}
	if (s->binary && in->error == 0 && in->binary->refusal != REPLY_NONE) {
		return reject(in, in->binary->refusal);
	}
	if (in->forbidden) {
		return reject(in, REPLY_FROM_NOT_YOURS);
	}
	if (in->head_long) {
		return reject(in, REPLY_HEADER_LONG);
	}
	if (in->header.received > MOST_RECEIVED) {
		return reject(in, REPLY_HOPS);
	}
	if (in->given_up) {
		return reject(in, REPLY_NO_ROOM);
	}
	return in->error != 0 ? cannot_write(in) : REPLY_NONE;
}
