/* SPDX-License-Identifier: ISC */
/* A header field for a server that takes only ASCII, or only short lines. */
#include "common/mime/field.h"

#include "common/mime/field_private.h"
#include "common/text/bytes.h"
#include "common/text/transfer.h"
#include "common/text/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum kind {
	KIND_TEXT,
	KIND_ADDRESSES,
	KIND_PARAMS,
	KIND_MARKS, /* machines read it: "?" for what is not ASCII */
	KIND_DATE,  /* a comment may be anywhere */
	KIND_OTHER, /* no place for encoded words, or a rare one */
};

/* Names by kind; what is not here is text.  "-" at the end: a prefix. */
static const struct {
	const char *name;
	enum kind kind;
} known[] = {
	{ "From", KIND_ADDRESSES },
	{ "Sender", KIND_ADDRESSES },
	{ "Reply-To", KIND_ADDRESSES },
	{ "To", KIND_ADDRESSES },
	{ "Cc", KIND_ADDRESSES },
	{ "Bcc", KIND_ADDRESSES },
	{ "Resent-From", KIND_ADDRESSES },
	{ "Resent-Sender", KIND_ADDRESSES },
	{ "Resent-Reply-To", KIND_ADDRESSES },
	{ "Resent-To", KIND_ADDRESSES },
	{ "Resent-Cc", KIND_ADDRESSES },
	{ "Resent-Bcc", KIND_ADDRESSES },
	{ "Errors-To", KIND_ADDRESSES },
	{ "Return-Receipt-To", KIND_ADDRESSES },
	{ "Disposition-Notification-To", KIND_ADDRESSES },
	{ "Mail-Followup-To", KIND_ADDRESSES },
	{ "Mail-Reply-To", KIND_ADDRESSES },
	{ "Content-Type", KIND_PARAMS },
	{ "Content-Disposition", KIND_PARAMS },
	{ "Content-ID", KIND_OTHER },
	{ "Content-Transfer-Encoding", KIND_MARKS },
	{ "MIME-Version", KIND_MARKS },
	{ "Date", KIND_DATE },
	{ "Resent-Date", KIND_DATE },
	{ "Message-ID", KIND_OTHER },
	{ "Resent-Message-ID", KIND_OTHER },
	{ "In-Reply-To", KIND_OTHER },
	{ "References", KIND_OTHER },
	{ "Return-Path", KIND_OTHER },
	{ "Received", KIND_OTHER },
	{ "Received-SPF", KIND_OTHER },
	{ "Delivered-To", KIND_OTHER },
	{ "Authentication-Results", KIND_OTHER },
	{ "DKIM-Signature", KIND_OTHER },
	{ "ARC-", KIND_OTHER },
	{ "List-", KIND_OTHER },
};

static enum kind
kind_of(const struct field *field)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		size_t len = strlen(known[i].name);
		bool prefix =
		    known[i].name[len - 1] == '-' && field->name_len > len;
		if ((prefix || field->name_len == len) &&
		    strncasecmp(field->name, known[i].name, len) == 0) {
			return known[i].kind;
		}
	}
	return KIND_TEXT;
}

/* ---- long lines ---- */

/* Octets up to the line end, and up to the next line. */
static size_t
line_length(const char *text, size_t len, size_t *whole)
{
	const char *lf = memchr(text, '\n', len);
	size_t n = lf == NULL ? len : (size_t)(lf - text);

	*whole = lf == NULL ? len : n + 1;
	return lf != NULL && n > 0 && text[n - 1] == '\r' ? n - 1 : n;
}

static bool
has_long_line(const char *text, size_t len)
{
	size_t whole;

	for (; len > 0; text += whole, len -= whole) {
		if (line_length(text, len, &whole) > TRANSFER_LINE) {
			return true;
		}
	}
	return false;
}

/* Where a line that is too long is folded: before its last blank with
   something on both sides; 0: there is none. */
static size_t
fold_at(const char *line, size_t most)
{
	for (size_t i = most; i > 1; i--) {
		if (is_blank(line[i - 1]) && !is_blank(line[i]) &&
		    !is_blank(line[i - 2]) && line[i - 2] != ':') {
			return i - 1;
		}
	}
	return 0;
}

/* RFC 5322 section 2.2.3.  A line that has no blank gets one: what would be
   cut, or refused, is rather read by people with a blank in it. */
static void
fold(struct output *o, const char *text, size_t len)
{
	size_t whole;

	for (; len > 0; text += whole, len -= whole) {
		size_t n = line_length(text, len, &whole);
		size_t room = TRANSFER_LINE;
		while (n > room) {
			size_t at = fold_at(text, room);
			bool found = at > 0;
			at = found ? at : room;
			output_add(o, text, at);
			output_text(o, found ? "\r\n" : "\r\n ");
			text += at;
			n -= at;
			len -= at;
			whole -= at;
			room = TRANSFER_LINE - !found;
		}
		output_add(o, text, whole);
	}
}

/* ---- text beyond ASCII ---- */

/* The name and the colon. */
static void
write_name(struct output *o, const struct field *field)
{
	output_add(o, field->name, field->name_len);
	output_text(o, ":");
}

static void
write_text(struct output *o, const struct field *field)
{
	char *line = malloc(field->value_len + 1);
	ssize_t n = line == NULL
	                ? -1
	                : header_unfold(field, line, field->value_len + 1);

	if (n == -1) {
		o->failed = true;
	} else {
		output_text(o, " ");
		words_write(o, WORDS_TEXT, line, (size_t)n);
	}
	free(line);
}

/* A field that has a place for words in its comments at most. */
static void
write_other(struct output *o, const struct field *field)
{
	struct output value = { 0 };
	/* RFC 2047 section 5: not in Received. */
	enum comments how =
	    header_is(field, "Received") ? COMMENTS_GO : COMMENTS_WORDS;

	write_name(&value, field);
	if (comments_write(&value, field->value, field->value_len, how)) {
		output_add(o, value.data, value.len);
	} else {
		output_text(o, "Downgraded-");
		write_name(o, field);
		write_text(o, field);
	}
	o->failed = o->failed || value.failed;
	output_free(&value);
}

/* Everything but the line end; false: FIELD_ADDRESS. */
static bool
write_field(struct output *o, const struct field *field, bool surrogate)
{
	switch (kind_of(field)) {
	case KIND_TEXT:
		write_name(o, field);
		write_text(o, field);
		break;
	case KIND_ADDRESSES:
		write_name(o, field);
		return addresses_write(
		    o, field->value, field->value_len, surrogate);
	case KIND_PARAMS:
		write_name(o, field);
		params_write(o, field->value, field->value_len,
		    header_is(field, "Content-Type"), NULL);
		break;
	case KIND_MARKS:
		write_name(o, field);
		words_ascii(o, field->value, field->value_len);
		break;
	case KIND_DATE:
		write_name(o, field);
		(void)comments_write(
		    o, field->value, field->value_len, COMMENTS_MORE);
		break;
	case KIND_OTHER:
		write_other(o, field);
		break;
	}
	return true;
}

/* Emits it folded, with its line end. */
static enum field_result
write_folded(struct output *o, const struct field *field, bool surrogate)
{
	struct output plain = { 0 };
	enum field_result result = FIELD_CHANGED;

	if (write_field(&plain, field, surrogate)) {
		output_text(&plain, "\r\n");
		fold(o, plain.data, plain.len);
	} else {
		result = FIELD_ADDRESS;
	}
	o->failed = o->failed || plain.failed;
	output_free(&plain);
	return result;
}

enum field_result
field_convert(const struct field *field, bool utf8, struct output *o)
{
	if (utf8 || !words_high(field->text, field->len)) {
		if (!has_long_line(field->text, field->len)) {
			return FIELD_SAME;
		}
		fold(o, field->text, field->len);
		return FIELD_CHANGED;
	}
	return write_folded(o, field, false);
}

static bool
is_utf8(const char *text, size_t len)
{
	size_t used;

	for (; len > 0; text += used, len -= used) {
		if (utf8_next(text, len, &used) < 0) {
			return false;
		}
	}
	return true;
}

enum field_result
field_surrogate(const struct field *field, struct output *o)
{
	if (!words_high(field->text, field->len) ||
	    !is_utf8(field->text, field->len)) {
		return FIELD_SAME;
	}
	return write_folded(o, field, true);
}

void
field_label(const struct field *field, const char *charset, struct output *o)
{
	struct output plain = { 0 };

	write_name(&plain, field);
	params_write(&plain, field->value, field->value_len, true, charset);
	output_text(&plain, "\r\n");
	fold(o, plain.data, plain.len);
	o->failed = o->failed || plain.failed;
	output_free(&plain);
}
