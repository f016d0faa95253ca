/* SPDX-License-Identifier: ISC */
/*
 * Header sections (RFC 5322 section 2.2): pure.
 *
 *   field = name *blank ":" rest-of-line *(blank rest-of-line)
 */
#include "common/mime/header.h"

#include "common/text/bytes.h"

#include <string.h>
#include <strings.h>

enum { MARK = 3 }; /* octets */
static const char mark[] = "\xef\xbb\xbf";

/* RFC 5322 section 3.6.8: ftext. */
static bool
is_name(char c)
{
	return c > ' ' && c < 0x7f && c != ':';
}

/* The end of the line at p, after its LF. */
static const char *
line_end(const char *p, const char *end)
{
	const char *lf = memchr(p, '\n', (size_t)(end - p));

	return lf == NULL ? end : lf + 1;
}

/* Where a name and the blanks after it end. */
static const char *
name_end(const char *p, const char *end, size_t *name_len)
{
	const char *start = p;

	while (p < end && p - start <= HEADER_NAME && is_name(*p)) {
		p++;
	}
	*name_len = (size_t)(p - start);
	while (*name_len > 0 && p < end && p - start <= HEADER_NAME &&
	       is_blank(*p)) {
		p++;
	}
	return p;
}

/* Where the colon is; NULL: the line is no field. */
static const char *
colon(const char *start, const char *end, size_t *name_len)
{
	const char *p = name_end(start, end, name_len);

	return p - start <= HEADER_NAME && p < end && *p == ':' ? p : NULL;
}

/* True for "From " or ">From ", the start of an mbox's line. */
static bool
is_mailbox_line(const char *p, const char *end)
{
	while (p < end && *p == '>') {
		p++;
	}
	return end - p >= 5 && memcmp(p, "From ", 5) == 0;
}

size_t
header_marks(const char *text, size_t len)
{
	size_t n = 0;

	while (len - n >= MARK && memcmp(text + n, mark, MARK) == 0) {
		n += MARK;
	}
	return n;
}

bool
header_split(const char *text, size_t len, struct field *f)
{
	size_t name_len;
	const char *p = colon(text, text + len, &name_len);

	if (p == NULL) {
		return false;
	}
	*f = (struct field){ text, len, text, name_len, p + 1, 0 };
	const char *end = text + len;
	if (end > p + 1 && end[-1] == '\n') {
		end--;
		end -= end > p + 1 && end[-1] == '\r';
	}
	f->value_len = (size_t)(end - f->value);
	return true;
}

bool
header_next(const char **at, const char *end, struct field *f)
{
	const char *p = *at;
	size_t name_len;

	if (p == end || colon(p, end, &name_len) == NULL) {
		size_t cr = p < end && *p == '\r';
		if ((size_t)(end - p) > cr && p[cr] == '\n') {
			*at = p + cr + 1;
		}
		return false;
	}
	p = line_end(p, end);
	while (p < end && is_blank(*p)) {
		p = line_end(p, end);
	}
	bool split = header_split(*at, (size_t)(p - *at), f);
	*at = p;
	return split;
}

bool
header_is(const struct field *f, const char *name)
{
	return strlen(name) == f->name_len &&
	       strncasecmp(f->name, name, f->name_len) == 0;
}

ssize_t
header_unfold(const struct field *f, char *out, size_t size)
{
	size_t n = 0, keep = 0;

	for (size_t i = 0; i < f->value_len; i++) {
		char c = f->value[i];
		bool cr_lf = c == '\r' && i + 1 < f->value_len &&
		             f->value[i + 1] == '\n';
		if (c == '\n' || c == '\0' || cr_lf ||
		    (n == 0 && is_blank(c))) {
			continue;
		}
		if (n + 1 >= size) {
			return -1;
		}
		out[n++] = c == '\r' ? ' ' : c;
		keep = is_blank(out[n - 1]) ? keep : n;
	}
	if (size == 0) {
		return -1;
	}
	out[keep] = '\0';
	return (ssize_t)keep;
}

bool
header_is_mailbox_line(const char *text, size_t len)
{
	return is_mailbox_line(text, text + len);
}

bool
header_is_common(const struct field *f)
{
	static const char *const names[] = { "From", "Sender", "Reply-To", "To",
		"Cc", "Bcc", "Subject", "Date", "Message-ID", "In-Reply-To",
		"References", "MIME-Version", "Received", "Return-Path",
		"Delivered-To", "DKIM-Signature", "Auto-Submitted",
		"Precedence", "User-Agent", "Errors-To", "Mail-Followup-To",
		"Disposition-Notification-To", "Return-Receipt-To",
		"Organization", "Content-", "Resent-", "List-", "X-", "ARC-" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t n = strlen(names[i]);
		bool prefix = names[i][n - 1] == '-' && f->name_len > n;
		if ((prefix || f->name_len == n) &&
		    strncasecmp(f->name, names[i], n) == 0) {
			return true;
		}
	}
	return false;
}

/*
 * ---- the top of a message ----
 */

enum top_line {
	TOP_OPEN, /* its start can be that of several */
	TOP_FIELD,
	TOP_NAMELESS, /* begins with the colon */
	TOP_FOLDED,
	TOP_MAILBOX,
	TOP_EMPTY,
	TOP_TEXT,
};

static enum top_line
look_at_line(const char *p, const char *end)
{
	size_t name_len;

	if ((end - p == 1 && *p == '\r') ||
	    (end - p < MARK && memcmp(p, mark, (size_t)(end - p)) == 0)) {
		return TOP_OPEN;
	}
	if (*p == '\n' || (*p == '\r' && p[1] == '\n')) {
		return TOP_EMPTY;
	}
	if (is_blank(*p)) {
		return TOP_FOLDED;
	}
	const char *after = name_end(p, end, &name_len);
	if (after - p > HEADER_NAME) {
		return TOP_TEXT;
	}
	if (after == end) {
		return TOP_OPEN;
	}
	if (*after == ':') {
		return name_len > 0 ? TOP_FIELD : TOP_NAMELESS;
	}
	return is_mailbox_line(p, end) ? TOP_MAILBOX : TOP_TEXT;
}

/* What a line decides, where it is the first one or a later one. */
static enum header_top
judge(enum top_line line, bool first, bool nameless)
{
	switch (line) {
	case TOP_FIELD:
		return HEADER_TOP_SECTION;
	case TOP_EMPTY:
		return first ? HEADER_TOP_SECTION : HEADER_TOP_TEXT;
	case TOP_MAILBOX:
		return nameless ? HEADER_TOP_TEXT : HEADER_TOP_MORE;
	case TOP_FOLDED:
		return first ? HEADER_TOP_TEXT : HEADER_TOP_MORE;
	case TOP_OPEN:
	case TOP_NAMELESS:
		return HEADER_TOP_MORE;
	case TOP_TEXT:
		break;
	}
	return HEADER_TOP_TEXT;
}

enum header_top
header_top(const char *text, size_t len, bool over, size_t *lead)
{
	const char *p = text, *end = text + len;
	bool nameless = false;

	*lead = 0;
	over = over || len >= HEADER_TOP_MOST;
	for (unsigned lines = 0; lines < HEADER_TOP_LINES; lines++) {
		bool first = p == text;
		p += nameless ? 0 : header_marks(p, (size_t)(end - p));
		*lead = nameless ? *lead : (size_t)(p - text);
		enum top_line line = look_at_line(p, end);
		enum header_top top = judge(line, first, nameless);
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		if (top != HEADER_TOP_MORE) {
			return top;
		}
		if (line == TOP_OPEN || lf == NULL) {
			/* An empty message has an empty section. */
			return !over      ? HEADER_TOP_MORE
			       : len == 0 ? HEADER_TOP_SECTION
			                  : HEADER_TOP_TEXT;
		}
		p = lf + 1;
		nameless = nameless || line == TOP_NAMELESS;
	}
	return HEADER_TOP_TEXT;
}

/*
 * A section that comes in pieces.  A field is known to be over when the first
 * octet of the next line is there.  Only the start of a line that may be a name
 * is ever held without knowing what it is.
 */

static void
give_text(struct header_walk *h, const char *text, size_t len)
{
	h->text = text;
	h->len = len;
}

/* The field in hand is over, or the room is full. */
static enum header_event
give_field(struct header_walk *h, bool over)
{
	bool whole = over && !h->pieces;

	give_text(h, h->room, h->kept);
	h->begun = h->begun || !is_mailbox_line(h->room, h->room + h->kept);
	h->first = !h->pieces;
	h->pieces = !over;
	h->inside = !over;
	h->spent = true;
	return whole ? HEADER_FIELD : HEADER_PIECE;
}

/* The section is over; empty is the length of its empty line in the room. */
static enum header_event
give_end(struct header_walk *h, size_t empty)
{
	give_text(h, h->room, empty);
	h->body = h->room + empty;
	h->body_len = h->kept - empty;
	h->state = HEADER_AT_END;
	h->spent = true;
	return HEADER_END;
}

/*
 * One octet of what may be a name or the empty line.  HEADER_MORE: taken;
 * HEADER_END: taken if it completes the empty line, which h->len tells.
 */
static enum header_event
name_octet(struct header_walk *h, char c)
{
	bool first = h->kept == 0;
	bool cr = !first && h->room[0] == '\r';
	bool part = !first && h->room[0] == mark[0]; /* and no more of it */

	if (!h->begun && h->kept < MARK && c == mark[h->kept] &&
	    memcmp(h->room, mark, h->kept) == 0) {
		h->room[h->kept++] = c;
		h->inside = h->kept == MARK;
		h->state = h->inside ? HEADER_AT_VALUE : HEADER_AT_NAME;
		return HEADER_MORE;
	}
	if (c == '\n' && (first || cr)) {
		h->room[h->kept++] = c;
		return give_end(h, h->kept);
	}
	bool blank = is_blank(c);
	bool name = c > ' ' && c < 0x7f && c != ':' && !h->blank;
	if (cr || part || h->kept > HEADER_NAME ||
	    (!name && c != ':' && (first ? c != '\r' : !blank))) {
		if (h->begun || !is_mailbox_line(h->room, h->room + h->kept)) {
			return give_end(h, 0);
		}
		h->inside = true;
	}
	h->blank = blank;
	h->room[h->kept++] = c;
	if (c == ':' || h->inside) {
		h->state = c == '\n' ? HEADER_AT_LINE : HEADER_AT_VALUE;
		h->inside = true;
	}
	return HEADER_MORE;
}

/* Octets of a value, up to the end of the line; answers how many. */
static size_t
value_octets(struct header_walk *h, const char *data, size_t len,
    enum header_event *event)
{
	size_t left = h->size - h->kept;
	const char *lf = memchr(data, '\n', len);
	size_t n = lf == NULL ? len : (size_t)(lf - data) + 1;

	if (left == 0) {
		*event = give_field(h, false);
		return 0;
	}
	n = n < left ? n : left;
	memcpy(h->room + h->kept, data, n);
	h->kept += n;
	if (h->room[h->kept - 1] == '\n') {
		h->state = HEADER_AT_LINE;
	}
	return n;
}

/* The first octet of a line, which is looked at and not taken. */
static enum header_event
line_octet(struct header_walk *h, char c)
{
	if (h->inside && is_blank(c)) {
		h->state = HEADER_AT_VALUE;
		return HEADER_MORE;
	}
	h->state = HEADER_AT_NAME;
	h->blank = false;
	return h->inside ? give_field(h, true) : HEADER_MORE;
}

/* Forgets what was given out by the call before. */
static void
start_feed(struct header_walk *h)
{
	h->kept = h->spent ? 0 : h->kept;
	h->spent = false;
	h->body_len = 0;
	give_text(h, h->room, 0);
}

size_t
header_feed(struct header_walk *h, const char *data, size_t len,
    enum header_event *event)
{
	size_t used = 0;

	start_feed(h);
	*event = HEADER_MORE;
	while (used < len && *event == HEADER_MORE) {
		switch (h->state) {
		case HEADER_AT_LINE:
			*event = line_octet(h, data[used]);
			break;
		case HEADER_AT_NAME:
			*event = name_octet(h, data[used]);
			used += *event == HEADER_MORE || h->len > 0;
			break;
		case HEADER_AT_VALUE:
			used += value_octets(h, data + used, len - used, event);
			break;
		case HEADER_AT_END:
			*event = HEADER_END;
			break;
		}
	}
	return used;
}

enum header_event
header_finish(struct header_walk *h)
{
	start_feed(h);
	return h->inside ? give_field(h, true) : give_end(h, 0);
}
