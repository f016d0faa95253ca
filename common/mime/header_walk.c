/* SPDX-License-Identifier: ISC */
/*
 * A header section that comes in pieces: pure.  A field is known to be over
 * when the first octet of the next line is there.  Only the start of a line
 * that may be a name is ever held without knowing what it is.
 */
#include "common/mime/header.h"

#include <string.h>

static void
give(struct header_walk *h, const char *text, size_t len)
{
	h->text = text;
	h->len = len;
}

/* The field in hand is over, or the room is full. */
static enum header_event
give_field(struct header_walk *h, bool over)
{
	bool whole = over && !h->pieces;

	give(h, h->room, h->kept);
	h->first = !h->pieces;
	h->pieces = !over;
	h->inside = !over;
	h->spent = true;
	return whole ? HEADER_FIELD : HEADER_PIECE;
}

/* The section is over; so many octets in the room are its empty line. */
static enum header_event
give_end(struct header_walk *h, size_t empty)
{
	give(h, h->room, empty);
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

	if (c == '\n' && (first || cr)) {
		h->room[h->kept++] = c;
		return give_end(h, h->kept);
	}
	bool blank = c == ' ' || c == '\t';
	bool name = c > ' ' && c < 0x7f && c != ':' && !h->blank;
	if (cr || h->kept > HEADER_NAME ||
	    (first ? !name && c != '\r' : !name && !blank && c != ':')) {
		return give_end(h, 0);
	}
	h->blank = blank;
	h->room[h->kept++] = c;
	if (c == ':') {
		h->state = HEADER_AT_VALUE;
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
	if (h->inside && (c == ' ' || c == '\t')) {
		h->state = HEADER_AT_VALUE;
		return HEADER_MORE;
	}
	h->state = HEADER_AT_NAME;
	h->blank = false;
	return h->inside ? give_field(h, true) : HEADER_MORE;
}

/* What was given out is gone. */
static void
begin(struct header_walk *h)
{
	h->kept = h->spent ? 0 : h->kept;
	h->spent = false;
	h->body_len = 0;
	give(h, h->room, 0);
}

size_t
header_feed(struct header_walk *h, const char *data, size_t len,
    enum header_event *event)
{
	size_t used = 0;

	begin(h);
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
	begin(h);
	return h->inside ? give_field(h, true) : give_end(h, 0);
}
