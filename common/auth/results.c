/* SPDX-License-Identifier: ISC */
/*
 * Fields as RFC 8601 section 2.2 has them:
 *
 *   authres-payload = [CFWS] authserv-id [ CFWS version ]
 *                     ( no-result / 1*resinfo ) [CFWS] CRLF
 *   resinfo         = [CFWS] ";" method "=" result [ reason ] *propspec
 */
#include "common/auth/results.h"

#include "common/text/idna.h"

#include <string.h>
#include <strings.h>

enum { LINE = 76 };

/* ---- writing ---- */

static const char specials[] = "()<>@,;:\\\"/[]?=";

static bool
is_token(const char *text)
{
	for (const char *p = text; *p != '\0'; p++) {
		if (*p <= ' ' || *p >= 0x7f || strchr(specials, *p) != NULL) {
			return false;
		}
	}
	return *text != '\0';
}

/* True if it may stand as it is: a token, or local@domain of such. */
static bool
is_value(const char *text)
{
	const char *at = strrchr(text, '@');
	char local[128];

	if (at == NULL) {
		return is_token(text);
	}
	if ((size_t)(at - text) >= sizeof(local)) {
		return false;
	}
	memcpy(local, text, (size_t)(at - text));
	local[at - text] = '\0';
	return (local[0] == '\0' || is_token(local)) && is_token(at + 1);
}

/* Adds a piece after a blank, or a fold if the line is full. */
static void
add_piece(struct results *r, const char *piece, size_t len)
{
	if (r->column + 1 + len > LINE) {
		writer_text(&r->w, "\n\t");
		r->column = 8;
	} else {
		writer_octet(&r->w, ' ');
		r->column++;
	}
	writer_add(&r->w, piece, len);
	r->column += len;
}

/* Adds name=value; what is quoted never ends the quotes. */
static void
add_pair(struct results *r, const char *name, const char *value, bool quoted)
{
	char text[1024];
	struct writer w = { .out = text, .size = sizeof(text) };

	writer_text(&w, name);
	writer_octet(&w, '=');
	if (quoted) {
		writer_octet(&w, '"');
	}
	for (const char *p = value; *p != '\0'; p++) {
		bool control = (unsigned char)*p < ' ' || *p == 0x7f;
		if (quoted && (*p == '"' || *p == '\\')) {
			writer_octet(&w, '\\');
		}
		writer_octet(&w, control ? '?' : *p);
	}
	if (quoted) {
		writer_octet(&w, '"');
	}
	ssize_t len = writer_finish(&w);
	if (len != -1) {
		add_piece(r, text, (size_t)len);
	}
}

static void
begin(struct results *r, const char *name, const char *word)
{
	memset(r, 0, sizeof(*r));
	r->w = (struct writer){ .out = r->text, .size = sizeof(r->text) - 2 };
	writer_text(&r->w, name);
	writer_text(&r->w, word);
	r->column = r->item_column = r->w.len;
	r->start = r->item = r->w.len;
}

/* The item in hand is over: it stays if it fits. */
static void
end_item(struct results *r)
{
	if (r->w.full) {
		r->w.len = r->item;
		r->column = r->item_column;
		r->w.full = false;
	}
	r->item = r->w.len;
	r->item_column = r->column;
}

void
results_begin(struct results *r, const char *id)
{
	begin(r, "Authentication-Results: ", id);
}

void
results_add(struct results *r, const char *method, const char *result,
    const char *comment, const char *reason)
{
	end_item(r);
	writer_text(&r->w, ";\n\t");
	r->column = 8;
	writer_text(&r->w, method);
	writer_octet(&r->w, '=');
	writer_text(&r->w, result);
	r->column += strlen(method) + 1 + strlen(result);
	if (comment != NULL && *comment != '\0') {
		char text[256] = "(";
		strlcat(text, comment, sizeof(text) - 1);
		strlcat(text, ")", sizeof(text));
		add_piece(r, text, strlen(text));
	}
	if (reason != NULL && *reason != '\0') {
		add_pair(r, "reason", reason, !is_value(reason));
	}
}

void
results_property(struct results *r, const char *property, const char *value)
{
	if (*value != '\0') {
		add_pair(r, property, value, !is_value(value));
	}
}

/* True if it is a dot-atom of the octets that names and addresses have. */
static bool
is_dot_atom(const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
	size_t n;

	while ((n = strspn(text, plain)) > 0 && text[n] == '.') {
		text += n + 1;
	}
	return n > 0 && text[n] == '\0';
}

void
results_begin_spf(struct results *r, const char *result)
{
	begin(r, "Received-SPF: ", result);
}

void
results_key(struct results *r, const char *key, const char *value)
{
	if (*value == '\0') {
		return;
	}
	end_item(r);
	if (r->w.len > r->start) {
		writer_octet(&r->w, ';');
		r->column++;
	}
	add_pair(r, key, value, !is_dot_atom(value));
}

size_t
results_end(struct results *r)
{
	end_item(r);
	size_t len = r->w.len;
	r->text[len++] = '\n';
	r->text[len] = '\0';
	return r->w.len = len;
}

/* ---- reading ---- */

/* Passes over blanks, folds and comments; false: a comment has no end. */
static bool
skip_cfws(struct span *s)
{
	unsigned depth = 0;

	for (; s->len > 0; s->at++, s->len--) {
		char c = *s->at;
		if (c == '\\' && depth > 0 && s->len > 1) {
			s->at++;
			s->len--;
		} else if (c == '(') {
			depth++;
		} else if (c == ')' && depth > 0) {
			depth--;
		} else if (depth == 0 && !is_space(c)) {
			break;
		}
	}
	return depth == 0;
}

/* Reads the authserv-id; the length, or -1: it is none. */
static ssize_t
read_id(struct span *s, char *out, size_t size)
{
	bool quoted = s->len > 0 && *s->at == '"', closed = !quoted;
	size_t n = 0;

	if (quoted) {
		s->at++;
		s->len--;
	}
	for (; s->len > 0; s->at++, s->len--) {
		char c = *s->at;
		if (quoted && c == '"') {
			closed = true;
			s->at++;
			s->len--;
			break;
		}
		if (!quoted && (is_space(c) || c == ';' || c == '(')) {
			break;
		}
		if (quoted && c == '\\' && s->len > 1) {
			c = *++s->at;
			s->len--;
		}
		if (c == '\r' || c == '\n') {
			continue; /* a fold within quotes */
		}
		if ((unsigned char)c < ' ' || c == '"' || n + 1 >= size) {
			return -1;
		}
		out[n++] = c;
	}
	out[n] = '\0';
	return closed ? (ssize_t)n : -1;
}

/* True if nothing but a version comes between the id and the results. */
static bool
skip_version(struct span *s)
{
	if (!skip_cfws(s)) {
		return false;
	}
	while (s->len > 0 && *s->at >= '0' && *s->at <= '9') {
		s->at++;
		s->len--;
	}
	return skip_cfws(s) && (s->len == 0 || *s->at == ';');
}

/* True if it is the same name, or may be: what is no name can be taken for any,
   and a name with U-labels is another form of it. */
static bool
is_same(const char *found, const char *id)
{
	char ascii[512];

	if (strpbrk(found, specials) != NULL ||
	    idna_domain(found, strlen(found), ascii, sizeof(ascii)) !=
		IDNA_OK) {
		return true;
	}
	return strcasecmp(ascii, id) == 0;
}

/* True if it is our name, or nobody can tell whose it is. */
static bool
has_our_id(const struct field *f, const char *id)
{
	struct span s = { f->value, f->value_len };
	char found[512];

	if (!skip_cfws(&s)) {
		return true;
	}
	ssize_t n = read_id(&s, found, sizeof(found));
	if (n <= 0 || strncmp(found, "=?", 2) == 0 || !skip_version(&s)) {
		return true;
	}
	/* A quoted name may hold blanks, which no host has; one may end in a
	   dot. */
	size_t len = strlen(found);
	while (len > 0 && found[len - 1] == '.') {
		found[--len] = '\0';
	}
	return len == 0 || strpbrk(found, " \t") != NULL || is_same(found, id);
}

bool
results_is_ours(const struct field *f, const char *id)
{
	return header_is(f, "Authentication-Results") && has_our_id(f, id);
}

bool
results_is_mark(const struct field *f)
{
	char value[8];

	return header_is(f, "X-Spam-Flag") &&
	       header_unfold(f, value, sizeof(value)) != -1 &&
	       strcasecmp(value, "YES") == 0;
}

bool
results_is_forged(const struct field *f, const char *id)
{
	return header_is(f, "X-Spam") || header_is(f, "X-Spam-Flag") ||
	       header_is(f, "X-Spam-Status") || results_is_ours(f, id);
}
