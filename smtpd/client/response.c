/* SPDX-License-Identifier: ISC */
/*
 * Reads replies, octet by octet as they come:
 *   *( code "-" [ text ] CRLF ) code [ SP text ] CRLF
 */
#include "smtpd/client/response.h"

#include "common/io/deadline.h"
#include "common/io/stream.h"

#include <stdio.h>
#include <string.h>

void
response_start(struct response *r)
{
	r->state = RESPONSE_MORE;
	r->code = r->line_code = r->lines = 0;
	r->enhanced[0] = r->text[0] = '\0';
	r->wrong = NULL;
	r->len = r->seen = r->column = 0;
	r->last = r->cr = false;
}

static void
mark_nonsense(struct response *r, const char *wrong)
{
	r->state = RESPONSE_NONSENSE;
	r->wrong = wrong;
}

static void
keep_octet(struct response *r, char c)
{
	if (r->len < RESPONSE_TEXT && r->lines < RESPONSE_LINES) {
		r->text[r->len++] = c;
		r->text[r->len] = '\0';
	}
}

/* Length of an enhanced status code (RFC 3463 section 2) at p, or 0. */
static size_t
enhanced_code(const char *p)
{
	size_t n = 1;

	if (*p != '2' && *p != '4' && *p != '5') {
		return 0;
	}
	for (int part = 0; part < 2; part++) {
		size_t digits =
		    p[n] == '.' ? strspn(p + n + 1, "0123456789") : 0;
		if (digits < 1 || digits > 3) {
			return 0;
		}
		n += 1 + digits;
	}
	return p[n] == '\0' || p[n] == ' ' || p[n] == '\n' ? n : 0;
}

static void
end_reply(struct response *r)
{
	size_t n = enhanced_code(r->text);

	r->state = RESPONSE_DONE;
	if (n > 0 && n < sizeof(r->enhanced) &&
	    (unsigned)(r->text[0] - '0') == r->code / 100) {
		memcpy(r->enhanced, r->text, n);
		r->enhanced[n] = '\0';
	}
}

static void
end_line(struct response *r)
{
	if (r->column < 3) {
		mark_nonsense(r, "a line without a code");
		return;
	}
	if (r->lines > 0 && r->line_code != r->code) {
		mark_nonsense(r, "lines with different codes");
		return;
	}
	r->code = r->line_code;
	bool last = r->column == 3 || r->last;
	if (last) {
		end_reply(r);
		return;
	}
	keep_octet(r, '\n');
	r->lines++;
	r->column = 0;
	r->line_code = 0;
}

/* An octet that is neither CR nor LF. */
static void
take_octet(struct response *r, char c)
{
	bool printable = (unsigned char)c >= ' ' && c != 0x7f;

	if (c == '\0') {
		mark_nonsense(r, "a NUL octet");
	} else if (r->column < 3) {
		if (c < '0' || c > '9') {
			mark_nonsense(r, "a line without a code");
			return;
		}
		r->line_code = r->line_code * 10 + (unsigned)(c - '0');
	} else if (r->column == 3) {
		r->last = c == ' ';
		if (c != ' ' && c != '-') {
			mark_nonsense(r, "a code of more than three digits");
		}
	} else {
		keep_octet(r, printable ? c : '?');
	}
	r->column++;
}

size_t
response_feed(struct response *r, const char *data, size_t len)
{
	size_t i = 0;

	while (i < len && r->state == RESPONSE_MORE) {
		char c = data[i++];
		bool cr = r->cr;
		r->cr = c == '\r';
		if (++r->seen > RESPONSE_FLOOD) {
			mark_nonsense(r, "a reply without an end");
		} else if (c == '\n') {
			end_line(r);
		} else {
			if (cr) {
				take_octet(r, '\r');
			}
			if (c != '\r' && r->state == RESPONSE_MORE) {
				take_octet(r, c);
			}
		}
	}
	return i;
}

const char *
response_words(const struct response *r, char *buf, size_t size)
{
	size_t same = strlen(r->enhanced);
	size_t n = (size_t)snprintf(buf, size, "%03u", r->code);
	const char *p = r->text, *before = " ";

	while (*p != '\0' && n < size) {
		size_t len = strcspn(p, "\n");
		/* Later lines often repeat the enhanced code. */
		if (p != r->text && same > 0 && len > same &&
		    strncmp(p, r->enhanced, same) == 0 && p[same] == ' ') {
			p += same + 1;
			len -= same + 1;
		}
		if (len > 0) {
			n += (size_t)snprintf(
			    buf + n, size - n, "%s%.*s", before, (int)len, p);
			before = " / ";
		}
		p += len;
		p += *p == '\n';
	}
	return buf;
}

/* Feeds what is buffered to the reply. */
static void
feed_buffered(struct response *r, struct stream *stream)
{
	const char *data;
	size_t len = stream_buffered(stream, &data);

	stream_consume(stream, response_feed(r, data, len));
}

/*
 * After an error of output: many servers send a reason before they close.  Such
 * a reply is never taken for a success: not all of the command has gone out.
 * Does not wait.
 */
static bool
last_words(struct response *r, struct stream *stream)
{
	while (r->state == RESPONSE_MORE && stream_poll(stream) == LINE_OK) {
		feed_buffered(r, stream);
	}
	return r->state == RESPONSE_DONE && r->code >= 400;
}

enum response_read
response_read(struct response *r, struct stream *stream, int timeout, int block)
{
	int64_t deadline = deadline_now() + timeout;
	const char *data;
	size_t len;

	response_start(r);
	while (r->state == RESPONSE_MORE) {
		/* One deadline for all of the reply, however it drips. */
		int64_t left = deadline - deadline_now();
		stream_set_timeout(stream, left > 0 ? (int)left : 0);
		enum line got = stream_peek(stream, &data, &len);
		stream_set_timeout(stream, block);
		if (got == LINE_TIMEOUT || got == LINE_LATE) {
			return RESPONSE_READ_LATE;
		}
		if (got != LINE_OK && !last_words(r, stream)) {
			return RESPONSE_READ_LOST;
		}
		feed_buffered(r, stream);
	}
	return r->state == RESPONSE_DONE ? RESPONSE_READ_OK
	                                 : RESPONSE_READ_NONSENSE;
}
