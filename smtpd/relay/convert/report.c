/* SPDX-License-Identifier: ISC */
/*
 * Reports (RFC 6522, RFC 3464) for a server that takes less than they have: of
 * what they return the header section alone, and no parts of RFC 6533.
 */
#include "smtpd/relay/convert/convert.h"

#include "common/text/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool
is_one_of(const char *type, const char *const *types, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(type, types[i]) == 0) {
			return true;
		}
	}
	return false;
}

enum convert_action
report_action(const struct convert_terms *terms, const struct multipart *walk)
{
	static const char *const returned[] = { "message/rfc822",
		"message/global", "message/global-headers",
		"text/rfc822-headers" };
	const char *type = walk->parts[walk->depth].type;

	if (!terms->report || walk->depth != 1 ||
	    strcmp(walk->parts[0].type, "multipart/report") != 0) {
		return ACTION_KEEP;
	}
	if (is_one_of(type, returned, sizeof(returned) / sizeof(*returned))) {
		return ACTION_HEADER;
	}
	return strcmp(type, "message/global-delivery-status") == 0 &&
	               !terms->utf8
	           ? ACTION_STATUS
	           : ACTION_KEEP;
}

size_t
report_cut(struct report_cut *cut, const char *data, size_t len)
{
	size_t n = 0;

	while (n < len && !cut->over) {
		char octet = data[n++];
		cut->over = octet == '\n' && cut->column == 0;
		if (octet == '\n') {
			cut->column = 0;
		} else if (octet != '\r') {
			cut->column++;
		}
	}
	return n;
}

/* Writes what is held; false: more octets may make a character of it. */
static bool
put_held(struct report_text *t, bool last, struct output *out)
{
	size_t used;
	char text[16];
	int32_t c = utf8_next(t->held, t->len, &used);

	if (c == -1 && t->len < sizeof(t->held) && !last) {
		return false;
	}
	if (c == -1) {
		output_text(out, "?");
		used = 1;
	} else if (c < 0x80) {
		output_add(out, t->held, 1);
	} else {
		snprintf(text, sizeof(text), "\\x{%" PRIX32 "}", (uint32_t)c);
		output_text(out, text);
	}
	t->len -= used;
	memmove(t->held, t->held + used, t->len);
	return t->len > 0;
}

void
report_text(
    struct report_text *t, const char *data, size_t len, struct output *out)
{
	for (size_t i = 0; i < len; i++) {
		if (t->len == 0 && (data[i] & 0x80) == 0) {
			output_add(out, data + i, 1);
			continue;
		}
		t->held[t->len++] = data[i];
		while (put_held(t, (data[i] & 0x80) == 0, out)) {
		}
	}
}

void
report_text_end(struct report_text *t, struct output *out)
{
	while (t->len > 0) {
		(void)put_held(t, true, out);
	}
}

void
report_label(enum convert_action how, const char *charset, struct output *out)
{
	if (how == ACTION_STATUS) {
		output_text(out, "Content-Type: message/delivery-status\r\n");
		return;
	}
	output_text(out, "Content-Type: text/rfc822-headers");
	if (charset != NULL) {
		output_text(out, "; charset=");
		output_text(out, charset);
	}
	output_text(out, "\r\nContent-Description: Header of the message\r\n");
}
