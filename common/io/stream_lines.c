/* SPDX-License-Identifier: ISC */
/* Lines: where they end, what they may not hold, and how long they may be. */
#include "common/io/stream.h"

#include "common/io/stream_state.h"

#include <string.h>

/* Drops input up to and with the next LF. */
static enum line
discard_line(struct stream *s)
{
	size_t dropped = 0;

	for (;;) {
		size_t len = s->in_len - s->in_pos;
		char *lf = memchr(s->in + s->in_pos, '\n', len);
		if (lf != NULL) {
			s->in_pos = (size_t)(lf - s->in) + 1;
			return LINE_LONG;
		}
		dropped += len;
		s->in_pos = s->in_len;
		if (dropped > FLOOD_SIZE) {
			return LINE_FLOOD;
		}
		enum line more = stream_fill(s);
		if (more != LINE_OK) {
			return more;
		}
	}
}

/* The line [p, p+n), which ended in LF, into buf. */
static enum line
take_line(struct stream *s, const char *p, size_t n, char *buf, size_t *len)
{
	bool crlf = n > 0 && p[n - 1] == '\r';

	n -= crlf;
	memcpy(buf, p, n);
	buf[n] = '\0';
	*len = n;
	if ((!crlf && !s->accept_lf) || memchr(p, '\0', n) != NULL ||
	    memchr(p, '\r', n) != NULL) {
		return LINE_BAD;
	}
	return LINE_OK;
}

enum line
stream_getline(struct stream *s, char *buf, size_t size, size_t *len)
{
	size_t seen = 0; /* of the line, without an LF in it */

	stream_be_patient(s);
	*len = 0;
	for (;;) {
		const char *p = s->in + s->in_pos;
		size_t n = s->in_len - s->in_pos;
		const char *lf = memchr(p + seen, '\n', n - seen);
		if (lf != NULL) {
			n = (size_t)(lf - p);
			if (n - (n > 0 && p[n - 1] == '\r') >= size) {
				return discard_line(s);
			}
			s->in_pos += n + 1;
			return take_line(s, p, n, buf, len);
		}
		if (n > size) {
			return discard_line(s);
		}
		seen = n;
		enum line more = stream_fill(s);
		if (more != LINE_OK) {
			return more;
		}
	}
}
