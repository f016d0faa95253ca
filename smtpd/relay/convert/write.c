/* SPDX-License-Identifier: ISC */
/* The second pass: the message as it was planned. */
#include "smtpd/relay/convert/convert.h"

#include "common/mime/field.h"

#include <string.h>

enum { BLOCK = 4096 };

static unsigned
plan(const struct convert *c)
{
	unsigned number = multipart_part(&c->walk)->number;

	return number < c->plans.len ? (unsigned char)c->plans.data[number]
	                             : ACTION_KEEP;
}

static enum convert_action
action(const struct convert *c)
{
	return (enum convert_action)(plan(c) & CONVERT_ACTION);
}

/* How the body of the part has come. */
static enum transfer
transfer(const struct convert *c)
{
	return (plan(c) & CONVERT_RAW) != 0
	           ? TRANSFER_8BIT
	           : multipart_part(&c->walk)->transfer;
}

/* The charset to be said; NULL: it stays. */
static const char *
charset(const struct convert *c)
{
	switch ((enum convert_charset)(
	    (plan(c) & ~(unsigned)CONVERT_RAW) >> CONVERT_CHARSET)) {
	case CHARSET_KEEP:
		break;
	case CHARSET_ASCII:
		return "us-ascii";
	case CHARSET_UTF8:
		return "utf-8";
	case CHARSET_UNKNOWN:
		return "unknown-8bit";
	}
	return NULL;
}

/* ---- bodies ---- */

static void
write_encoded(struct convert *c, const char *in, size_t len)
{
	bool qp = action(c) != ACTION_BASE64;
	char out[BLOCK];

	if (action(c) == ACTION_HEADER) {
		len = report_cut(&c->cut, in, len);
	}
	while (len > 0) {
		size_t n,
		    took = qp ? qp_encode(&c->qp, in, len, out, sizeof(out), &n)
		              : base64_encode_lines(
				    &c->base64, in, len, out, sizeof(out), &n);
		output_add(&c->out, out, n);
		in += took;
		len -= took;
	}
}

/* What was encoded before, and not as it should be, is undone first. */
static void
encode_again(struct convert *c, enum transfer from, const char *in, size_t len)
{
	char out[BLOCK];

	while (len > 0) {
		size_t n, took = from == TRANSFER_QP
		                     ? qp_decode(&c->from_qp, in, len, out,
					   sizeof(out), &n)
		                     : base64_decode_lines(&c->from_base64, in,
					   len, out, sizeof(out), &n);
		write_encoded(c, out, n);
		in += took;
		len -= took;
	}
}

static void
write_body(struct convert *c)
{
	enum transfer from = transfer(c);

	switch (action(c)) {
	case ACTION_QP:
	case ACTION_BASE64:
	case ACTION_HEADER:
		if (from == TRANSFER_QP || from == TRANSFER_BASE64) {
			encode_again(c, from, c->walk.text, c->walk.len);
		} else {
			write_encoded(c, c->walk.text, c->walk.len);
		}
		break;
	case ACTION_STATUS:
		report_text(&c->text, c->walk.text, c->walk.len, &c->out);
		break;
	case ACTION_KEEP:
	case ACTION_7BIT:
	case ACTION_8BIT:
		output_add(&c->out, c->walk.text, c->walk.len);
		break;
	}
}

static bool
is_encoded(enum convert_action how)
{
	return how == ACTION_QP || how == ACTION_BASE64 || how == ACTION_HEADER;
}

static void
end_body(struct convert *c)
{
	enum transfer from = transfer(c);
	enum convert_action how = action(c);
	char out[QP_ROOM];

	_Static_assert((int)QP_ROOM >= (int)BASE64_ROOM, "room for either");

	report_text_end(&c->text, &c->out);
	if (!is_encoded(how)) {
		return;
	}
	if (from == TRANSFER_QP) {
		write_encoded(c, out, qp_decode_end(&c->from_qp, out));
	} else if (from == TRANSFER_BASE64) {
		write_encoded(c, out, base64_decode_end(&c->from_base64, out));
	}
	size_t n = how != ACTION_BASE64 ? qp_encode_end(&c->qp, out)
	                                : base64_encode_end(&c->base64, out);
	/* The line end before a delimiter belongs to the delimiter. */
	if (how == ACTION_BASE64 && n >= 2 && out[n - 1] == '\n') {
		n -= 2;
		c->owed = true;
	}
	output_add(&c->out, out, n);
}

/* ---- around parts ---- */

/* Nobody is shown this (RFC 2046 section 5.1.1), and nothing can encode it. */
static void
write_around(struct convert *c)
{
	for (size_t i = 0; i < c->walk.len; i++) {
		char octet = c->walk.text[i];
		if (octet == '\r' || octet == '\n') {
			c->column = 0;
		} else if (c->column++ == TRANSFER_LINE) {
			/* With a blank, so that it is no delimiter. */
			output_text(&c->out, "\r\n ");
			c->column = 2;
		}
		bool high = (octet & 0x80) != 0 && !c->terms.eight_bit;
		output_add(&c->out, high ? "?" : &octet, 1);
	}
}

/* ---- headers ---- */

static void
write_transfer(struct convert *c)
{
	static const char *const words[] = {
		[ACTION_KEEP] = "",
		[ACTION_QP] = "quoted-printable",
		[ACTION_BASE64] = "base64",
		[ACTION_7BIT] = "7bit",
		[ACTION_8BIT] = "8bit",
		[ACTION_HEADER] = "quoted-printable",
		[ACTION_STATUS] = "7bit",
	};

	output_text(&c->out, "Content-Transfer-Encoding: ");
	output_text(&c->out, words[action(c)]);
	output_text(&c->out, "\r\n");
}

static void
write_field(struct convert *c, struct convert_level *level)
{
	struct field field;
	size_t before = c->out.len;

	if (!header_split(c->walk.text, c->walk.len, &field)) {
		output_add(&c->out, c->walk.text, c->walk.len);
		return;
	}
	if ((action(c) == ACTION_HEADER || action(c) == ACTION_STATUS) &&
	    (header_is(&field, "Content-Type") ||
		(action(c) == ACTION_HEADER &&
		    header_is(&field, "Content-Description")))) {
		return; /* others are written at the end of the header */
	}
	bool first_type = !level->type;
	convert_note_field(level, &field);
	if (action(c) != ACTION_KEEP &&
	    header_is(&field, "Content-Transfer-Encoding")) {
		if (!level->transfer) {
			write_transfer(c);
		}
		level->transfer = true;
	} else if (first_type && level->type && charset(c) != NULL) {
		field_label(&field, charset(c), &c->out);
	} else if (field_convert(&field, c->terms.utf8, &c->out) !=
		   FIELD_CHANGED) {
		c->out.len = before;
		output_add(&c->out, c->walk.text, c->walk.len);
	}
}

static void
end_header(struct convert *c, struct convert_level *level)
{
	enum convert_action how = action(c);

	if (how == ACTION_HEADER || how == ACTION_STATUS) {
		report_label(how, charset(c), &c->out);
		level->type = true;
	}
	if (how != ACTION_KEEP) {
		if (level->message && !level->version) {
			output_text(&c->out, "MIME-Version: 1.0\r\n");
		}
		if (!level->type && charset(c) != NULL) {
			output_text(
			    &c->out, "Content-Type: text/plain; charset=");
			output_text(&c->out, charset(c));
			output_text(&c->out, "\r\n");
		}
		if (!level->transfer) {
			write_transfer(c);
		}
	}
	output_add(&c->out, c->walk.text, c->walk.len);
	if (c->walk.len == 0 && is_encoded(how)) {
		/* A body could be told from a header by its octets alone. */
		output_text(&c->out, "\r\n");
	}
	c->qp = (struct qp_encoder){ .crlf = true };
	c->base64 = (struct base64_encoder){ .crlf = true };
	c->from_qp = (struct qp_decoder){ 0 };
	c->from_base64 = (struct base64_decoder){ 0 };
	c->cut = (struct report_cut){ 0 };
	c->text = (struct report_text){ 0 };
}

void
convert_write_event(struct convert *c, enum multipart_event event)
{
	struct convert_level *level = &c->levels[c->walk.depth];

	switch (event) {
	case MULTIPART_BEGIN:
		*level = (struct convert_level){
			.message = c->walk.depth == 0 ||
			           c->walk.parts[c->walk.depth - 1].kind ==
			               MULTIPART_MESSAGE
		};
		c->column = 0;
		break;
	case MULTIPART_FIELD:
		write_field(c, level);
		break;
	case MULTIPART_HEADER:
		end_header(c, level);
		break;
	case MULTIPART_BODY:
		write_body(c);
		break;
	case MULTIPART_AROUND:
		write_around(c);
		break;
	case MULTIPART_PIECE:
	case MULTIPART_DELIMITER:
		c->owed = false;
		c->column = 0;
		output_add(&c->out, c->walk.text, c->walk.len);
		break;
	case MULTIPART_END:
		end_body(c);
		break;
	case MULTIPART_DONE:
		output_text(&c->out, c->owed ? "\r\n" : "");
		break;
	case MULTIPART_MORE:
		break;
	}
}
