/* SPDX-License-Identifier: ISC */
/* Quoted-printable (RFC 2045 section 6.7): pure. */
#include "common/mime/qp.h"

#include "common/text/bytes.h"

#include <string.h>

static const char hex[] = "0123456789ABCDEF";

static bool
is_printable(char c)
{
	return c > ' ' && c <= '~';
}

/* ---- encoding ---- */

struct out {
	char *at;
	size_t len;
};

static void
put_eol(const struct qp_encoder *e, struct out *o)
{
	if (e->crlf) {
		o->at[o->len++] = '\r';
	}
	o->at[o->len++] = '\n';
}

/* Makes room for that many octets and a "=" after them. */
static void
make_room(struct qp_encoder *e, struct out *o, unsigned octets)
{
	if (e->column + octets > QP_LINE - 1) {
		o->at[o->len++] = '=';
		put_eol(e, o);
		e->column = 0;
	}
}

/* Remembers how the line begins. */
static void
note_start(struct qp_encoder *e, const char *text, size_t len)
{
	for (size_t i = 0; i < len && e->column + i < sizeof(e->start); i++) {
		e->start[e->column + i] = text[i];
	}
	e->column += (unsigned)len;
}

static void
put_hex(struct qp_encoder *e, struct out *o, char c)
{
	make_room(e, o, 3);
	o->at[o->len++] = '=';
	o->at[o->len++] = hex[(unsigned char)c >> 4];
	o->at[o->len++] = hex[c & 15];
	note_start(e, "===", 3);
}

/* Octets that stand for themselves, but where they would make "From ". */
static void
put_plain(struct qp_encoder *e, struct out *o, char c)
{
	make_room(e, o, 1);
	if (c == ' ' && e->column == 4 && memcmp(e->start, "From", 4) == 0) {
		put_hex(e, o, c);
		return;
	}
	o->at[o->len++] = c;
	note_start(e, &c, 1);
}

static void
put_octet(struct qp_encoder *e, struct out *o, char c)
{
	bool fresh = e->column == 0 || e->column + 1 > QP_LINE - 1;

	if (c <= ' ' || c > '~' || c == '=' || (c == '.' && fresh)) {
		put_hex(e, o, c);
	} else {
		put_plain(e, o, c);
	}
}

/* What was held is neither at the end of a line nor a part of one. */
static void
release(struct qp_encoder *e, struct out *o)
{
	unsigned n = e->held_len;

	e->held_len = 0;
	for (unsigned i = 0; i < n; i++) {
		if (is_blank(e->held[i])) {
			put_plain(e, o, e->held[i]);
		} else {
			put_hex(e, o, e->held[i]);
		}
	}
}

/* A line end: a blank before it is encoded, a CR before it is part of it.
 */
static void
put_line_end(struct qp_encoder *e, struct out *o)
{
	if (e->held_len > 0 && is_blank(e->held[0])) {
		put_hex(e, o, e->held[0]);
	}
	e->held_len = 0;
	put_eol(e, o);
	e->column = 0;
}

/* Holds a blank, or a CR; a CR waits with the blank before it. */
static void
hold(struct qp_encoder *e, struct out *o, char c)
{
	if (c != '\r' || (e->held_len > 0 && !is_blank(e->held[0])) ||
	    e->held_len == 2) {
		release(e, o);
	}
	e->held[e->held_len++] = c;
}

/* How many octets stand for themselves in what is left of a line. */
static size_t
plain_run(unsigned column, unsigned line, const char *in, size_t len)
{
	size_t most = column < line ? line - column : 0;
	size_t n = 0;

	for (most = most < len ? most : len; n < most; n++) {
		/* A blank that ends no line, and is not that of "From ". */
		bool blank = in[n] == ' ' && column + n != 4 && n + 1 < len &&
		             is_printable(in[n + 1]);
		if ((!is_printable(in[n]) || in[n] == '=') && !blank) {
			break;
		}
	}
	return n;
}

size_t
qp_encode(struct qp_encoder *e, const char *in, size_t len, char *out,
    size_t size, size_t *outlen)
{
	struct out o = { out, 0 };
	size_t used = 0;

	while (used < len && size - o.len >= QP_ROOM) {
		char c = in[used];
		if (e->held_len == 0 && e->column > 0) {
			size_t n = plain_run(
			    e->column, QP_LINE - 1, in + used, len - used);
			if (n > 0) {
				memcpy(out + o.len, in + used, n);
				o.len += n;
				used += n;
				note_start(e, in + used - n, n);
				continue;
			}
		}
		used++;
		if (c == '\n' && !e->binary) {
			put_line_end(e, &o);
		} else if (is_blank(c) || (c == '\r' && !e->binary)) {
			hold(e, &o, c);
		} else {
			release(e, &o);
			put_octet(e, &o, c);
		}
	}
	*outlen = o.len;
	return used;
}

size_t
qp_encode_end(struct qp_encoder *e, char out[QP_ROOM])
{
	struct out o = { out, 0 };

	for (unsigned i = 0; i < e->held_len; i++) {
		put_hex(e, &o, e->held[i]);
	}
	e->held_len = 0;
	return o.len;
}

/* ---- decoding ---- */

static int
digit(struct qp_decoder *d, char c)
{
	const char *at = c == '\0' ? NULL : strchr(hex, c);

	if (at != NULL) {
		return (int)(at - hex);
	}
	if (c >= 'a' && c <= 'f') {
		d->bad = true; /* RFC 2045 section 6.7 (1): upper case must */
		return c - 'a' + 10;
	}
	return -1;
}

/* What is held comes out as it is. */
static size_t
flush(struct qp_decoder *d, char *out)
{
	size_t n = d->held_len;

	memcpy(out, d->held, n);
	d->held_len = 0;
	return n;
}

static size_t
decode_plain(struct qp_decoder *d, char c, char *out)
{
	bool cr = d->held_len > 0 && d->held[d->held_len - 1] == '\r';

	d->bad |= cr && c != '\n';
	if (c == '=' || is_blank(c) || c == '\r') {
		/* Blanks wait on for the line end after the CR. */
		size_t n = cr || c == '=' || d->held_len == QP_LINE
		               ? flush(d, out)
		               : 0;
		d->held[d->held_len++] = c;
		return n;
	}
	if (c == '\n') {
		d->bad |= d->held_len > cr; /* blanks at the end of a line */
		d->held_len = 0;
		d->column = 0;
		memcpy(out, cr ? "\r\n" : "\n", 2);
		return cr ? 2 : 1;
	}
	d->bad |= c < ' ' || c == 0x7f;
	size_t n = flush(d, out);
	out[n] = c;
	return n + 1;
}

/* Behind "=": two digits, or blanks and a line end. */
static size_t
decode_escape(struct qp_decoder *d, char c, char *out)
{
	char first = d->held_len > 1 ? d->held[1] : '\0';
	int high = first == '\0' ? -1 : digit(d, first);
	int low = high == -1 ? -1 : digit(d, c);

	if (c == '\n' && high == -1) {
		d->bad |=
		    d->held_len > 2 || (d->held_len == 2 && first != '\r');
		d->held_len = 0;
		d->column = 0;
		return 0;
	}
	if (low != -1) {
		d->held_len = 0;
		out[0] = (char)(high << 4 | low);
		return 1;
	}
	bool blanks = d->held_len == 1 || is_blank(d->held[d->held_len - 1]);
	if ((d->held_len == 1 && digit(d, c) != -1) ||
	    (high == -1 && blanks && d->held_len < QP_LINE &&
		(is_blank(c) || c == '\r'))) {
		d->held[d->held_len++] = c;
		return 0;
	}
	d->bad = true;
	size_t n = flush(d, out);
	return n + decode_plain(d, c, out + n);
}

size_t
qp_decode(struct qp_decoder *d, const char *in, size_t len, char *out,
    size_t size, size_t *outlen)
{
	size_t used = 0, n = 0;

	while (used < len && size - n >= QP_ROOM) {
		if (d->held_len == 0) {
			size_t run = plain_run(
			    d->column, QP_LINE, in + used, len - used);
			memcpy(out + n, in + used, run);
			n += run;
			used += run;
			d->column += (unsigned)run;
			if (run > 0) {
				continue;
			}
		}
		char c = in[used++];
		d->column++;
		d->bad |= d->column > QP_LINE && c != '\r' && c != '\n';
		if (d->held_len == 0 && is_printable(c) && c != '=') {
			out[n++] = c;
		} else if (d->held_len > 0 && d->held[0] == '=') {
			n += decode_escape(d, c, out + n);
		} else {
			n += decode_plain(d, c, out + n);
		}
	}
	*outlen = n;
	return used;
}

size_t
qp_decode_end(struct qp_decoder *d, char out[QP_ROOM])
{
	bool soft = d->held_len > 0 && d->held[0] == '=';
	size_t n = 0;

	d->bad |= d->held_len > 0;
	/* Blanks at the end go; a "=" with nothing after it was a soft break.
	 */
	if (soft
		? d->held_len > 1 && !is_blank(d->held[1]) && d->held[1] != '\r'
		: d->held_len > 0 && d->held[d->held_len - 1] == '\r') {
		n = flush(d, out);
	}
	d->held_len = 0;
	return n;
}
