/* SPDX-License-Identifier: ISC */
/*
 * From BINARYMIME to lines: pure.  The label of a part is only known to be
 * wrong when its header is over, for its type may come after it: so the old
 * one is left out, and the new one is the last field.
 */
#include "smtpd/session/binary.h"

#include <string.h>
#include <strings.h>

void
binary_begin(struct binary *b)
{
	memset(b, 0, offsetof(struct binary, out));
	multipart_init(&b->walk, b->room, sizeof(b->room));
	b->walk.crlf = true;
}

void
binary_feed(struct binary *b, const char *data, size_t len)
{
	multipart_feed(&b->walk, data, len);
}

void
binary_finish(struct binary *b)
{
	multipart_finish(&b->walk);
}

static void
give(struct binary *b, const char *text, size_t len)
{
	b->text = text;
	b->len = len;
}

/* True if the current part says "binary", in the first field that counts. */
static bool
is_binary(const struct binary *b)
{
	const struct multipart_part *part = multipart_part(&b->walk);

	return part->encoded && part->transfer == TRANSFER_BINARY;
}

/* True if the part must not be changed: RFC 1847 section 2.1. */
static bool
is_sealed(const struct binary *b)
{
	for (unsigned i = 0; i < b->walk.depth; i++) {
		if (strcmp(b->walk.parts[i].type, "multipart/signed") == 0) {
			return true;
		}
	}
	return false;
}

/*
 * True if the part gets encoded.  Multiparts and messages never are (RFC 2046
 * sections 5.1 and 5.2), even if they have no parts that can be told.
 */
static bool
is_encodable(const struct multipart_part *part)
{
	return part->kind == MULTIPART_LEAF &&
	       strncmp(part->type, "multipart/", 10) != 0 &&
	       strncmp(part->type, "message/", 8) != 0;
}

/* ---- headers ---- */

static void
take_field(struct binary *b)
{
	struct field field;
	bool drop = false;

	if (header_split(b->walk.text, b->walk.len, &field)) {
		b->version |= header_is(&field, "MIME-Version");
		drop = is_binary(b) &&
		       header_is(&field, "Content-Transfer-Encoding");
	}
	give(b, b->walk.text, drop ? 0 : b->walk.len);
	b->cut = b->len > 0 && b->text[b->len - 1] != '\n';
}

/* A field that is not looked into: it must not be one that counts. */
static void
take_piece(struct binary *b)
{
	struct field field;

	if (b->walk.header.first &&
	    header_split(b->walk.text, b->walk.len, &field) &&
	    strncasecmp(field.name, "Content-", 8) == 0) {
		b->refusal = REPLY_BINARY_FIELD;
	}
	give(b, b->walk.text, b->walk.len);
	b->cut = b->len > 0 && b->text[b->len - 1] != '\n';
}

static void
add_text(struct binary *b, const char *text, size_t len)
{
	memcpy(b->out + b->len, text, len);
	b->len += len;
}

/* Writes the new label, and ends the header. */
static void
end_header(struct binary *b)
{
	static const char version[] = "MIME-Version: 1.0\r\n";
	static const char base64[] = "Content-Transfer-Encoding: base64\r\n";
	static const char lines[] = "Content-Transfer-Encoding: 8bit\r\n";
	unsigned depth = b->walk.depth;
	bool message =
	    depth == 0 || b->walk.parts[depth - 1].kind == MULTIPART_MESSAGE;

	if (!is_binary(b)) {
		give(b, b->walk.text, b->walk.len);
		return;
	}
	if (is_sealed(b)) {
		b->refusal = REPLY_BINARY_SIGNED;
	}
	b->encoding = is_encodable(multipart_part(&b->walk));
	b->base64 = (struct base64_encoder){ .crlf = true };
	give(b, b->out, 0);
	add_text(b, "\r\n", b->cut ? 2 : 0);
	if (message && !b->version) {
		add_text(b, version, sizeof(version) - 1);
	}
	if (b->encoding) {
		add_text(b, base64, sizeof(base64) - 1);
	} else {
		add_text(b, lines, sizeof(lines) - 1);
	}
	if (b->walk.len == 0 && b->encoding) {
		/* A body could be told from a header by its octets alone. */
		add_text(b, "\r\n", 2);
	}
	add_text(b, b->walk.text, b->walk.len);
}

/* ---- bodies ---- */

static void
take_body(struct binary *b)
{
	if (b->encoding) {
		b->body = b->walk.text;
		b->body_len = b->walk.len;
	} else {
		give(b, b->walk.text, b->walk.len);
	}
}

/* A block of the body. */
static void
encode(struct binary *b)
{
	size_t n, used = base64_encode_lines(&b->base64, b->body, b->body_len,
		      b->out, sizeof(b->out), &n);

	b->body += used;
	b->body_len -= used;
	give(b, b->out, n);
}

static void
end_part(struct binary *b)
{
	if (!b->encoding) {
		return;
	}
	size_t n = base64_encode_end(&b->base64, b->out);
	/* The line end before a delimiter belongs to the delimiter. */
	b->owed = n > 0;
	give(b, b->out, n > 0 ? n - 2 : 0);
	b->encoding = false;
}

static void
take_event(struct binary *b, enum multipart_event event)
{
	switch (event) {
	case MULTIPART_BEGIN:
		b->version = b->cut = false;
		break;
	case MULTIPART_FIELD:
		take_field(b);
		break;
	case MULTIPART_PIECE:
		take_piece(b);
		break;
	case MULTIPART_HEADER:
		end_header(b);
		break;
	case MULTIPART_BODY:
		take_body(b);
		break;
	case MULTIPART_DELIMITER:
		b->owed = false;
		give(b, b->walk.text, b->walk.len);
		break;
	case MULTIPART_AROUND:
		give(b, b->walk.text, b->walk.len);
		break;
	case MULTIPART_END:
		end_part(b);
		break;
	case MULTIPART_DONE:
		give(b, "\r\n", b->owed ? 2 : 0);
		b->owed = false;
		break;
	case MULTIPART_MORE:
		break;
	}
	if (b->walk.limited) {
		b->refusal = REPLY_BINARY_DEEP;
	}
}

bool
binary_next(struct binary *b, const char **text, size_t *len)
{
	enum multipart_event event = MULTIPART_BODY;

	b->len = 0;
	while (b->len == 0 && event != MULTIPART_MORE &&
	       event != MULTIPART_DONE && b->refusal == REPLY_NONE) {
		if (b->body_len > 0) {
			encode(b);
		} else {
			event = multipart_next(&b->walk);
			take_event(b, event);
		}
	}
	*text = b->text;
	*len = b->len;
	return b->len > 0 && b->refusal == REPLY_NONE;
}
