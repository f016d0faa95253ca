/* SPDX-License-Identifier: ISC */
/* The canonical forms of RFC 6376 section 3.4: pure. */
#include "common/auth/canon.h"

#include "common/auth/tags.h"
#include "common/text/bytes.h"

#include <string.h>

/* ---- the header section ---- */

/* A field on its way out, which may come in parts. */
struct out_field {
	enum canon form;
	const struct canon_sink *sink;
	bool blank;   /* relaxed: blanks, until something follows */
	bool started; /* something of the value is out */
};

static void
put(const struct canon_sink *sink, const char *octets, size_t len)
{
	if (len > 0) {
		sink->put(sink->context, octets, len);
	}
}

/* Octets at p that are a line end: 0, 1 or 2. */
static size_t
line_end(const char *p, const char *end)
{
	if (*p == '\n') {
		return 1;
	}
	return *p == '\r' && p + 1 < end && p[1] == '\n' ? 2 : 0;
}

/* Octets up to the next one that is not text to this form. */
static size_t
run(const char *p, const char *end, enum canon form)
{
	const char *start = p;

	while (p < end && line_end(p, end) == 0 &&
	       (form == CANON_SIMPLE || !is_blank(*p))) {
		p++;
	}
	return (size_t)(p - start);
}

/* A part of a value. */
static void
put_value(struct out_field *f, const char *p, const char *end)
{
	while (p < end) {
		size_t n = run(p, end, f->form);
		if (n > 0) {
			if (f->blank && f->started) {
				put(f->sink, " ", 1);
			}
			f->blank = false;
			f->started = true;
			put(f->sink, p, n);
		} else if ((n = line_end(p, end)) > 0) {
			if (f->form == CANON_SIMPLE) {
				put(f->sink, "\r\n", 2);
			}
		} else {
			f->blank = true;
			n = 1;
		}
		p += n;
	}
}

/* What stands before the value. */
static void
put_name(const struct out_field *f, const struct field *field)
{
	char small[64];

	if (f->form == CANON_SIMPLE) {
		put(f->sink, field->text, (size_t)(field->value - field->text));
		return;
	}
	for (size_t i = 0, n; i < field->name_len; i += n) {
		for (n = 0; n < sizeof(small) && i + n < field->name_len; n++) {
			char c = field->name[i + n];
			small[n] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
		}
		put(f->sink, small, n);
	}
	put(f->sink, ":", 1);
}

void
canon_field(
    enum canon form, const struct field *field, const struct canon_sink *sink)
{
	struct out_field f = { .form = form, .sink = sink };

	put_name(&f, field);
	put_value(&f, field->value, field->value + field->value_len);
	put(sink, "\r\n", 2);
}

void
canon_signature(
    enum canon form, const struct field *field, const struct canon_sink *sink)
{
	struct out_field f = { .form = form, .sink = sink };
	const char *end = field->value + field->value_len;
	struct tags t = { field->value, end };
	const char *from = end, *to = end;
	struct tag tag;
	enum tags_result r;

	/* As a tag: the letter may be anywhere in other values. */
	while ((r = tags_next(&t, &tag)) != TAGS_END) {
		if (r == TAGS_TAG && tag.name.len == 1 && *tag.name.at == 'b') {
			from = memchr(
			    tag.name.at, '=', (size_t)(end - tag.name.at));
			from++;
			to = memchr(from, ';', (size_t)(end - from));
			to = to == NULL ? end : to;
			break;
		}
	}
	put_name(&f, field);
	put_value(&f, field->value, from);
	put_value(&f, to, end);
}

/* ---- the body ---- */

static void
flush(struct canon_body *b)
{
	put(&b->sink, b->out, b->held);
	b->held = 0;
}

static void
emit(struct canon_body *b, const char *octets, size_t len)
{
	uint64_t left = b->octets < b->limit ? b->limit - b->octets : 0;

	b->octets += len;
	len = len < left ? len : (size_t)left;
	while (len > 0) {
		size_t n = CANON_HELD - b->held;
		n = n < len ? n : len;
		memcpy(b->out + b->held, octets, n);
		b->held += n;
		octets += n;
		len -= n;
		if (b->held == CANON_HELD) {
			flush(b);
		}
	}
}

/* Text follows what was only counted. */
static void
emit_waiting(struct canon_body *b)
{
	for (; b->empty > 0; b->empty--) {
		emit(b, "\r\n", 2);
	}
	if (b->blank) {
		emit(b, " ", 1);
		b->blank = false;
	}
	b->text = true;
}

static void
end_line(struct canon_body *b)
{
	if (b->text) {
		emit(b, "\r\n", 2);
	} else {
		b->empty++;
	}
	b->text = b->blank = b->cr = false;
}

/* The CR that was waiting is an octet like others. */
static void
settle_cr(struct canon_body *b)
{
	if (b->cr) {
		b->cr = false;
		emit_waiting(b);
		emit(b, "\r", 1);
	}
}

/* Octets at p without line ends, CR and, in the relaxed form, blanks. */
static size_t
plain(const struct canon_body *b, const char *p, const char *end)
{
	const char *start = p;

	while (p < end && *p != '\n' && *p != '\r' &&
	       (b->form == CANON_SIMPLE || !is_blank(*p))) {
		p++;
	}
	return (size_t)(p - start);
}

void
canon_body_feed(struct canon_body *b, const char *data, size_t len)
{
	const char *end = data + len;

	while (data < end) {
		size_t n = plain(b, data, end);
		if (n > 0) {
			settle_cr(b);
			emit_waiting(b);
			emit(b, data, n);
		} else if (*data == '\n') {
			end_line(b);
			n = 1;
		} else {
			settle_cr(b);
			b->cr = *data == '\r';
			b->blank = b->blank || !b->cr;
			n = 1;
		}
		data += n;
	}
}

void
canon_body_end(struct canon_body *b)
{
	settle_cr(b);
	if (b->text) {
		end_line(b);
	}
	if (b->octets == 0 && b->form == CANON_SIMPLE) {
		emit(b, "\r\n", 2);
	}
	flush(b);
}
