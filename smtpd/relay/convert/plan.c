/* SPDX-License-Identifier: ISC */
/* The first pass: what is to be done with each part. */
#include "smtpd/relay/convert/convert.h"

#include "common/mime/field.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static void
impossible(struct convert *c, const char *dsn, const char *why)
{
	if (c->dsn == NULL) {
		c->dsn = dsn;
		c->why = why;
	}
}

/* Something of the part will be changed. */
static void
mark_changed(struct convert *c, struct convert_level *level)
{
	if (level->sealed) {
		impossible(c, "5.6.3",
		    "a part that is signed would have to be changed");
	}
	level->changed = true;
	c->changed = true;
}

/* True if the octets that were counted cannot be sent as they are. */
static bool
is_trouble(const struct convert *c, bool eight_bit)
{
	const struct transfer_count *n = &c->count;

	return (n->eight_bit > 0 && !eight_bit) || n->longest > TRANSFER_LINE ||
	       n->line > TRANSFER_LINE + 1; /* a CR may be in hand */
}

static void
begin_part(struct convert *c)
{
	unsigned depth = c->walk.depth;
	struct convert_level *level = &c->levels[depth];
	static const unsigned char keep = 0;

	*level = (struct convert_level){ .message = depth == 0 };
	if (depth > 0) {
		struct convert_level *up = &c->levels[depth - 1];
		level->message =
		    c->walk.parts[depth - 1].kind == MULTIPART_MESSAGE;
		level->sealed = up->sealed || up->seals;
		up->parts = true;
	}
	c->count = (struct transfer_count){ 0 };
	output_add(&c->plans, &keep, 1);
}

void
convert_note_field(struct convert_level *level, const struct field *field)
{
	char charset[16];

	if (header_is(field, "MIME-Version")) {
		level->version = true;
	} else if (header_is(field, "Content-Type") && !level->type) {
		level->type = true;
		ssize_t n = param_get(field->value, field->value_len, "charset",
		    charset, sizeof(charset));
		if (n == -1) {
			level->charset =
			    errno == ENOENT ? SAID_NOTHING : SAID_OTHER;
		} else {
			level->charset = strcasecmp(charset, "us-ascii") == 0
			                     ? SAID_ASCII
			                     : SAID_OTHER;
		}
	}
}

static void
plan_field(struct convert *c, struct convert_level *level)
{
	struct field field;

	if (!header_split(c->walk.text, c->walk.len, &field)) {
		return;
	}
	convert_note_field(level, &field);
	output_clear(&c->out);
	switch (field_convert(&field, c->terms.utf8, &c->out)) {
	case FIELD_SAME:
		break;
	case FIELD_CHANGED:
		mark_changed(c, level);
		break;
	case FIELD_ADDRESS:
		impossible(c, "5.6.7",
		    "a header field has an address that needs SMTPUTF8");
		break;
	}
}

/* A field too long for any memory: it can be copied, and nothing else. */
static void
plan_piece(struct convert *c)
{
	transfer_count(&c->count, c->walk.text, c->walk.len);
	if (is_trouble(c, c->terms.utf8)) {
		impossible(
		    c, "5.6.3", "a header field is too long to be converted");
	}
}

static void
plan_around(struct convert *c, struct convert_level *level)
{
	transfer_count(&c->count, c->walk.text, c->walk.len);
	if (is_trouble(c, c->terms.eight_bit)) {
		level->around = true;
		mark_changed(c, level);
	}
}

/* Nothing else can be written there: the parts would not be found. */
static void
plan_delimiter(struct convert *c)
{
	c->count = (struct transfer_count){ 0 };
	transfer_count(&c->count, c->walk.text, c->walk.len);
	if (is_trouble(c, c->terms.eight_bit)) {
		impossible(c, "5.6.3",
		    "a boundary between parts is not ASCII, or too long");
	}
	c->count = (struct transfer_count){ 0 };
}

static bool
is_text(const char *type)
{
	return strncmp(type, "text/", 5) == 0;
}

/* RFC 2046 section 5.1 and 5.2.2: these may not be encoded as a whole. */
static bool
is_rigid(const struct multipart_part *part)
{
	return strncmp(part->type, "multipart/", 10) == 0 ||
	       strcmp(part->type, "message/rfc822") == 0 ||
	       strcmp(part->type, "message/partial") == 0;
}

/* The charset that text is to be given. */
static enum convert_charset
choose_charset(const struct convert *c, const struct convert_level *level)
{
	if (c->count.eight_bit == 0) {
		return level->type ? CHARSET_KEEP : CHARSET_ASCII;
	}
	if (level->charset == SAID_OTHER) {
		return CHARSET_KEEP;
	}
	return c->count.no_utf8 ? CHARSET_UNKNOWN : CHARSET_UTF8;
}

/* True if that is no base64, but for an octet here and there. */
static bool
is_raw(const struct convert *c, const struct multipart_part *part)
{
	return part->transfer == TRANSFER_BASE64 &&
	       c->first.others > c->first.digits / 8;
}

static void
set_plan(struct convert *c, const struct multipart_part *part,
    enum convert_action action, enum convert_charset charset)
{
	if (part->number < c->plans.len) {
		c->plans.data[part->number] =
		    (char)((unsigned)charset << CONVERT_CHARSET |
			   (unsigned)action |
			   (is_raw(c, part) ? CONVERT_RAW : 0U));
	}
}

static void
decide_leaf(struct convert *c, struct convert_level *level,
    const struct multipart_part *part)
{
	enum convert_action of_report = report_action(&c->terms, &c->walk);

	transfer_count_end(&c->count);
	if (of_report != ACTION_KEEP) {
		mark_changed(c, level);
		level->charset = SAID_NOTHING;
		set_plan(c, part, of_report,
		    c->count.eight_bit > 0 ? choose_charset(c, level)
					   : CHARSET_KEEP);
		return;
	}
	if (!is_trouble(c, c->terms.eight_bit)) {
		level->high = c->count.eight_bit > 0;
		return;
	}
	mark_changed(c, level);
	if (part->transfer == TRANSFER_OTHER) {
		impossible(c, "5.6.3",
		    "a part has a transfer encoding that is not known here");
	} else if (is_rigid(part)) {
		impossible(c, "5.6.3",
		    "a part cannot be read, and so it cannot be encoded");
	}
	/* Text, and what else people can read: RFC 3464, RFC 6532. */
	bool readable =
	    is_text(part->type) || strncmp(part->type, "message/", 8) == 0;
	bool encoded = part->transfer == TRANSFER_QP ||
	               (part->transfer == TRANSFER_BASE64 && !is_raw(c, part));
	set_plan(c, part, readable && !encoded ? ACTION_QP : ACTION_BASE64,
	    is_text(part->type) ? choose_charset(c, level) : CHARSET_KEEP);
}

/* A multipart or message: RFC 2045 section 6.4, its label is that of the worst
   of its parts. */
static void
decide_whole(struct convert *c, const struct convert_level *level,
    const struct multipart_part *part)
{
	if (level->around && !level->parts) {
		impossible(c, "5.6.3",
		    "a multipart without parts cannot be converted");
	}
	if (!level->changed || part->transfer == TRANSFER_7BIT ||
	    (part->transfer == TRANSFER_8BIT && c->terms.eight_bit)) {
		return;
	}
	set_plan(
	    c, part, level->high ? ACTION_8BIT : ACTION_7BIT, CHARSET_KEEP);
}

static void
end_part(struct convert *c, struct convert_level *level)
{
	const struct multipart_part *part = multipart_part(&c->walk);

	if (part->kind == MULTIPART_LEAF) {
		decide_leaf(c, level, part);
	} else {
		decide_whole(c, level, part);
	}
	if (c->walk.depth > 0) {
		struct convert_level *up = &c->levels[c->walk.depth - 1];
		up->changed = up->changed || level->changed;
		up->high = up->high || level->high;
	}
	c->count = (struct transfer_count){ 0 };
	c->first = (struct convert_first){ 0 };
}

static void
look_at(struct convert_first *f, const char *text, size_t len)
{
	for (size_t i = 0; i < len && !f->over; i++) {
		char c = text[i];
		bool digit = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		             (c >= '0' && c <= '9') || c == '+' || c == '/' ||
		             (c == '=' && f->digits > 0);
		if (c == '\n') {
			f->blanks = 0;
			f->over = f->digits + f->others > 0;
		} else if (c == ' ' || c == '\t' || c == '\r') {
			f->blanks += f->digits + f->others > 0;
		} else {
			f->digits += digit;
			f->others += !digit + f->blanks;
			f->blanks = 0;
		}
	}
}

static void
plan_body(struct convert *c)
{
	size_t len = c->walk.len;

	if (report_action(&c->terms, &c->walk) == ACTION_HEADER) {
		len = report_cut(&c->cut, c->walk.text, len);
	}
	look_at(&c->first, c->walk.text, len);
	transfer_count(&c->count, c->walk.text, len);
}

void
convert_plan_event(struct convert *c, enum multipart_event event)
{
	struct convert_level *level = &c->levels[c->walk.depth];

	switch (event) {
	case MULTIPART_BEGIN:
		begin_part(c);
		break;
	case MULTIPART_FIELD:
		plan_field(c, level);
		break;
	case MULTIPART_PIECE:
		plan_piece(c);
		break;
	case MULTIPART_HEADER:
		level->seals = strcmp(multipart_part(&c->walk)->type,
				   "multipart/signed") == 0;
		c->count = (struct transfer_count){ 0 };
		c->first = (struct convert_first){ 0 };
		c->cut = (struct report_cut){ 0 };
		break;
	case MULTIPART_BODY:
		plan_body(c);
		break;
	case MULTIPART_AROUND:
		plan_around(c, level);
		break;
	case MULTIPART_END:
		end_part(c, level);
		break;
	case MULTIPART_DELIMITER:
		plan_delimiter(c);
		break;
	case MULTIPART_MORE:
	case MULTIPART_DONE:
		break;
	}
}
