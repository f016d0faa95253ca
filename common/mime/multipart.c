/* SPDX-License-Identifier: ISC */
/*
 * A walk through the parts of a message (RFC 2046): pure.
 *
 *   multipart = [preamble LF] delimiter part *(LF delimiter part)
 *               LF close-delimiter [epilogue]
 *   delimiter = "--" boundary *blank LF
 *
 * The delimiters of all open multiparts count, so that an outer one ends what
 * an inner one forgot to close.  A line end is held until it is known that no
 * delimiter follows, since it would belong to that.
 */
#include "common/mime/multipart.h"

#include <errno.h>
#include <string.h>

void
multipart_init(struct multipart *m, char *room, size_t size)
{
	memset(m, 0, sizeof(*m));
	m->header.room = room;
	m->header.size = size;
}

void
multipart_feed(struct multipart *m, const char *data, size_t len)
{
	m->in = data;
	m->end = data + len;
}

void
multipart_finish(struct multipart *m)
{
	m->over = true;
}

const struct multipart_part *
multipart_part(const struct multipart *m)
{
	return &m->parts[m->depth];
}

static enum multipart_event
give_event(struct multipart *m, enum multipart_event event, const char *text,
    size_t len)
{
	m->text = text;
	m->len = len;
	m->depth = m->top;
	return event;
}

/* ---- delimiters (RFC 2046 section 5.1.1) ---- */

/* Octets that were fed and not yet taken. */
static size_t
octets_left(const struct multipart *m)
{
	return (size_t)(m->end - m->in);
}

/* True if there is a multipart whose delimiter may come. */
static bool
is_watching(const struct multipart *m)
{
	for (unsigned i = 0; i <= m->top; i++) {
		if (m->parts[i].kind == MULTIPART_PARTS_INSIDE &&
		    !m->parts[i].closed) {
			return true;
		}
	}
	return false;
}

/* True if the line (from its "--" on) is a delimiter; notes whose and which. */
static bool
match(struct multipart *m, const char *line, size_t len)
{
	if (m->crlf && line[len - 1] == '\n') {
		len -= len > 1 && line[len - 2] == '\r' ? 2 : 0;
	}
	if (m->crlf && (line[len - 1] == '\r' || line[len - 1] == '\n')) {
		return false;
	}
	while (len > 0 && strchr(" \t\r\n", line[len - 1]) != NULL &&
	       line[len - 1] != '\0') {
		len--;
	}
	for (int i = (int)m->top; i >= 0 && len > 2; i--) {
		const struct multipart_part *p = &m->parts[i];
		size_t want = p->boundary_len;
		bool longer = len == want + 4;
		if (p->kind != MULTIPART_PARTS_INSIDE || p->closed ||
		    (!longer && len != want + 2) ||
		    memcmp(line + 2, p->boundary, want) != 0 ||
		    (longer && memcmp(line + 2 + want, "--", 2) != 0)) {
			continue;
		}
		if (!longer && m->count >= MULTIPART_PARTS) {
			m->limited = true;
			return false;
		}
		m->target = i;
		m->closing = longer;
		return true;
	}
	return false;
}

/* Octets of the line end that what is held begins with. */
static size_t
held_eol(const struct multipart *m)
{
	size_t cr = m->held_len > 0 && m->held[0] == '\r';

	return cr + (m->held_len > cr && m->held[cr] == '\n' &&
			cr >= (size_t)m->crlf);
}

/* Takes octets and holds them; there must be room. */
static void
hold_octets(struct multipart *m, size_t n)
{
	memcpy(m->held + m->held_len, m->in, n);
	m->held_len += n;
	m->in += n;
}

/* A step of gather(): takes octets while they may be a delimiter. */
static bool
gather_more(struct multipart *m, size_t eol)
{
	size_t at = m->held_len - eol;
	bool lone_cr = eol == 1 && m->held[0] == '\r';

	if (lone_cr || at < 2) {
		if (*m->in != (lone_cr ? '\n' : '-')) {
			return false;
		}
		hold_octets(m, 1);
		return true;
	}
	const char *lf = memchr(m->in, '\n', octets_left(m));
	size_t n = lf == NULL ? octets_left(m) : (size_t)(lf - m->in) + 1;
	size_t left = sizeof(m->held) - m->held_len;
	if (n > left) {
		return false;
	}
	hold_octets(m, n);
	return true;
}

/*
 * Holds a line end and a line as long as they may be a delimiter.  false: more
 * input is needed; else matched or plain says what it is.
 */
static bool
gather(struct multipart *m)
{
	bool more = true;

	while (more) {
		size_t eol = held_eol(m);
		bool whole =
		    m->held_len > eol && m->held[m->held_len - 1] == '\n';
		if (whole || (m->in == m->end && m->over)) {
			m->matched = m->held_len > eol + 2 &&
			             match(m, m->held + eol, m->held_len - eol);
			m->plain = !m->matched;
			return true;
		}
		if (m->in == m->end) {
			return false;
		}
		more = gather_more(m, eol);
	}
	m->plain = true;
	return true;
}

/* How many of the last octets may begin a line end and a delimiter. */
static size_t
tail_length(const struct multipart *m, const char *text, size_t len)
{
	size_t n = 0;

	n += len > n + 1 && text[len - 1] == '-' && text[len - 2] == '\n';
	n += len > n && text[len - n - 1] == '\n';
	bool cr = len > n && text[len - n - 1] == '\r';
	return m->crlf && n > 0 && !cr ? 0 : n + cr;
}

/* ---- headers ---- */

static void
note_field(struct multipart *m)
{
	struct multipart_part *p = &m->parts[m->top];
	struct field f;

	if (!header_split(m->header.text, m->header.len, &f)) {
		return;
	}
	if (header_is(&f, "Content-Transfer-Encoding") && !p->encoded) {
		p->encoded = true;
		p->transfer = transfer_parse(f.value, f.value_len);
	}
	if (!header_is(&f, "Content-Type") || p->typed) {
		return;
	}
	p->typed = true;
	if (!param_type(f.value, f.value_len, p->type) ||
	    strchr(p->type, '/') == NULL) { /* RFC 2045 section 5.2 */
		strlcpy(p->type, "text/plain", sizeof(p->type));
	}
	ssize_t n = param_get(
	    f.value, f.value_len, "boundary", p->boundary, sizeof(p->boundary));
	m->limited |= n == -1 && errno == EMSGSIZE;
	while (n > 0 && p->boundary[n - 1] == ' ') {
		n--; /* RFC 2046 section 5.1.1: it does not end in a blank */
	}
	p->boundary_len = n == -1 ? 0 : (size_t)n;
	p->boundary[p->boundary_len] = '\0';
}

/* True for what a multipart/report gives back. */
static bool
is_returned(const struct multipart *m)
{
	return m->report && m->top == 1 &&
	       strcmp(m->parts[0].type, "multipart/report") == 0;
}

/* The header is over: what kind of part that was. */
static enum multipart_event
end_header(struct multipart *m)
{
	struct multipart_part *p = &m->parts[m->top];
	bool identity = p->transfer <= TRANSFER_BINARY;

	if (!p->typed) {
		strlcpy(p->type,
		    p->digest_child ? "message/rfc822" : "text/plain",
		    sizeof(p->type));
	}
	bool message = strcmp(p->type, "message/rfc822") == 0 ||
	               strcmp(p->type, "message/global") == 0;
	bool parts = strncmp(p->type, "multipart/", 10) == 0;
	p->kind = parts && p->boundary_len > 0 ? MULTIPART_PARTS_INSIDE
	          : message && identity && !is_returned(m) ? MULTIPART_MESSAGE
	                                                   : MULTIPART_LEAF;
	if (p->kind != MULTIPART_LEAF &&
	    (m->top == MULTIPART_DEPTH || m->count >= MULTIPART_PARTS)) {
		p->kind = MULTIPART_LEAF;
		m->limited = true;
	}
	/* What was taken and is no header comes again, before the rest. */
	size_t again = m->header.body_len;
	memmove(m->held + again, m->held, m->held_len);
	memcpy(m->held, m->header.body, again);
	m->held_len += again;
	m->plain |= again > 0;
	m->line_start = true;
	m->state = MULTIPART_AT_BODY;
	return give_event(m, MULTIPART_HEADER, m->header.text, m->header.len);
}

static enum multipart_event
header_event(struct multipart *m, enum header_event event)
{
	switch (event) {
	case HEADER_FIELD:
		note_field(m);
		return give_event(
		    m, MULTIPART_FIELD, m->header.text, m->header.len);
	case HEADER_PIECE:
		return give_event(
		    m, MULTIPART_PIECE, m->header.text, m->header.len);
	case HEADER_END:
		return end_header(m);
	case HEADER_MORE:
		break;
	}
	return MULTIPART_MORE;
}

/* Feeds the header from what is held, or a line of the input. */
static enum multipart_event
feed_header(struct multipart *m, bool watching)
{
	enum header_event event;

	if (m->held_len > 0) {
		m->given =
		    header_feed(&m->header, m->held, m->held_len, &event);
		m->plain = m->given < m->held_len;
		memmove(m->held, m->held + m->given, m->held_len - m->given);
		m->held_len -= m->given;
		m->given = 0;
	} else {
		const char *lf = memchr(m->in, '\n', octets_left(m));
		size_t n = lf == NULL || !watching ? octets_left(m)
		                                   : (size_t)(lf - m->in) + 1;
		m->in += header_feed(&m->header, m->in, n, &event);
	}
	return header_event(m, event);
}

static enum multipart_event
next_of_header(struct multipart *m)
{
	bool watching = is_watching(m);
	enum multipart_event event = MULTIPART_MORE;

	while (event == MULTIPART_MORE) {
		bool line = m->header.state == HEADER_AT_LINE;
		bool fresh = !m->plain && !m->matched;
		if (watching && line && fresh && !gather(m)) {
			return MULTIPART_MORE;
		}
		bool empty = m->held_len == 0 && m->in == m->end;
		if (m->matched || (empty && m->over)) {
			return header_event(m, header_finish(&m->header));
		}
		if (empty) {
			return MULTIPART_MORE;
		}
		event = feed_header(m, watching);
		m->plain = m->held_len > 0;
	}
	return event;
}

/* ---- bodies ---- */

static enum multipart_event
give_body(struct multipart *m, const char *text, size_t len)
{
	bool leaf = m->parts[m->top].kind == MULTIPART_LEAF;

	return give_event(
	    m, leaf ? MULTIPART_BODY : MULTIPART_AROUND, text, len);
}

/* What was held is no delimiter; its line end may be the next one's. */
static enum multipart_event
give_held(struct multipart *m)
{
	size_t eol = held_eol(m);
	size_t rest = m->held_len - eol;

	m->plain = false;
	m->given = m->held_len - tail_length(m, m->held + eol, rest);
	return give_body(m, m->held, m->given);
}

/* Octets of the input up to what may be a delimiter. */
static enum multipart_event
give_input(struct multipart *m, bool watching)
{
	const char *start = m->in;
	const char *end = m->crlf ? "\r\n--" : "\n--";
	const char *at =
	    watching ? memmem(start, octets_left(m), end, strlen(end)) : NULL;
	size_t n = at == NULL ? octets_left(m)
	                      : (size_t)(at - start) + strlen(end) - 2;

	n -= watching ? tail_length(m, start, n) : 0;
	m->in += n;
	return give_body(m, start, n);
}

static void
push(struct multipart *m, bool digest_child)
{
	struct multipart_part *p = &m->parts[++m->top];

	memset(p, 0, sizeof(*p));
	p->digest_child = digest_child;
	m->state = MULTIPART_AT_BEGIN;
}

static enum multipart_event
next_of_body(struct multipart *m)
{
	bool watching = is_watching(m);

	if (m->parts[m->top].kind == MULTIPART_MESSAGE) {
		push(m, false);
		return MULTIPART_MORE;
	}
	for (;;) {
		bool look = m->line_start || m->held_len > 0;
		if (watching && look && !m->plain && !m->matched &&
		    !gather(m)) {
			return MULTIPART_MORE;
		}
		if (m->matched) {
			m->state = MULTIPART_AT_END;
			return MULTIPART_MORE;
		}
		m->line_start = false;
		if (m->held_len > 0) {
			return give_held(m);
		}
		m->plain = false;
		if (m->in == m->end) {
			m->target = -1;
			m->state = m->over ? MULTIPART_AT_END : m->state;
			return MULTIPART_MORE;
		}
		enum multipart_event event = give_input(m, watching);
		if (m->len > 0) {
			return event;
		}
		hold_octets(
		    m, tail_length(m, m->in, octets_left(m) < 2 ? 1 : 2));
	}
}

/* ---- parts ---- */

static enum multipart_event
next_begin(struct multipart *m)
{
	char *room = m->header.room;
	size_t size = m->header.size;

	m->header = (struct header_walk){ .room = room, .size = size };
	m->parts[m->top].number = m->count++;
	m->state = MULTIPART_AT_HEADER;
	return give_event(m, MULTIPART_BEGIN, room, 0);
}

/* Ends a part, or has come to the one whose delimiter was met. */
static enum multipart_event
next_end(struct multipart *m)
{
	if (m->target == (int)m->top) {
		m->state = MULTIPART_AT_DELIMITER;
		return MULTIPART_MORE;
	}
	enum multipart_event event = give_event(m, MULTIPART_END, m->held, 0);
	if (m->top == 0) {
		m->state = MULTIPART_AT_DONE;
	} else {
		m->top--;
	}
	return event;
}

static enum multipart_event
next_delimiter(struct multipart *m)
{
	struct multipart_part *p = &m->parts[m->top];
	enum multipart_event event =
	    give_event(m, MULTIPART_DELIMITER, m->held, m->held_len);

	m->given = m->held_len;
	m->matched = false;
	p->closed = m->closing;
	m->line_start = true;
	m->state = MULTIPART_AT_BODY;
	if (!m->closing) {
		push(m, strcmp(p->type, "multipart/digest") == 0);
	}
	return event;
}

enum multipart_event
multipart_next(struct multipart *m)
{
	enum multipart_event event = MULTIPART_MORE;
	int before = -1;

	m->held_len -= m->given;
	memmove(m->held, m->held + m->given, m->held_len);
	m->given = 0;
	while (event == MULTIPART_MORE && before != (int)m->state) {
		before = (int)m->state;
		switch (m->state) {
		case MULTIPART_AT_BEGIN:
			event = next_begin(m);
			break;
		case MULTIPART_AT_HEADER:
			event = next_of_header(m);
			break;
		case MULTIPART_AT_BODY:
			event = next_of_body(m);
			break;
		case MULTIPART_AT_END:
			event = next_end(m);
			break;
		case MULTIPART_AT_DELIMITER:
			event = next_delimiter(m);
			break;
		case MULTIPART_AT_DONE:
			event = give_event(m, MULTIPART_DONE, m->held, 0);
			break;
		}
	}
	return event;
}
