/* SPDX-License-Identifier: ISC */
/* Parameters of Content-Type and Content-Disposition, in ASCII. */
#include "common/mime/field.h"

#include "common/mime/field_private.h"
#include "common/mime/param.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* How far it is to the next semicolon outside quotes and comments. */
static size_t
section(const char *text, size_t len)
{
	bool quoted = false;
	unsigned comments = 0;
	size_t i = 0;

	for (; i < len; i++) {
		if (text[i] == '\\' && (quoted || comments > 0)) {
			i++;
		} else if (text[i] == '"' && comments == 0) {
			quoted = !quoted;
		} else if (!quoted && text[i] == '(') {
			comments++;
		} else if (!quoted && text[i] == ')' && comments > 0) {
			comments--;
		} else if (!quoted && comments == 0 && text[i] == ';') {
			break;
		}
	}
	return i < len ? i : len;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The name before "=" in a section after its semicolon; 0: there is none. */
static size_t
name_of(const char *text, size_t len, const char **name)
{
	const char *equal = memchr(text, '=', len);

	if (equal == NULL) {
		return 0;
	}
	const char *at = text, *end = equal;
	while (at < end && is_space(*at)) {
		at++;
	}
	while (end > at && is_space(end[-1])) {
		end--;
	}
	*name = at;
	return (size_t)(end - at);
}

/* True if that is a parameter's name, extended or continued or not. */
static bool
is_called(const char *name, size_t len, const char *wanted)
{
	size_t n = strlen(wanted);

	return len >= n && strncasecmp(name, wanted, n) == 0 &&
	       (len == n || name[n] == '*');
}

/* A section with octets beyond ASCII in its value, as RFC 2231 has it. */
static bool
write_encoded(struct output *o, const char *text, size_t len)
{
	char name[64];
	const char *at;
	size_t name_len = name_of(text, len, &at);

	if (name_len == 0 || name_len >= sizeof(name) ||
	    memchr(at, '*', name_len) != NULL || words_high(at, name_len)) {
		return false;
	}
	memcpy(name, at, name_len);
	name[name_len] = '\0';
	/* Read it as what it is: the one parameter of a value. */
	size_t room = PARAM_ENCODED(name_len, len);
	char *copy = malloc(len + 3), *value = malloc(len + 4);
	char *encoded = malloc(room);
	bool done = false;
	if (copy == NULL || value == NULL || encoded == NULL) {
		o->failed = true;
	} else {
		memcpy(copy, "x;", 2);
		memcpy(copy + 2, text, len);
		ssize_t n = param_get(copy, len + 2, name, value, len + 4);
		n = n == -1 ? -1
		            : param_encode(name, value, (size_t)n, "\r\n",
				  encoded, room);
		done = n > 0 && !words_high(encoded, (size_t)n);
		output_add(o, encoded, done ? (size_t)n : 0);
	}
	free(copy);
	free(value);
	free(encoded);
	return done;
}

static void
write_charset(struct output *o, const char *charset)
{
	output_text(o, ";\r\n charset=");
	output_text(o, charset);
}

/* Its length without blanks at its end. */
static size_t
trimmed(const char *text, size_t len)
{
	while (len > 0 && is_space(text[len - 1])) {
		len--;
	}
	return len;
}

/* What stands before the parameters: it must be read as it was. */
static void
write_head(struct output *o, const char *value, size_t len, bool typed)
{
	char type[PARAM_TYPE];
	bool readable = param_type(value, len, type);

	if (!words_high(value, len) && (readable || !typed)) {
		output_add(o, value, trimmed(value, len));
		return;
	}
	for (char *p = type; *p != '\0'; p++) {
		*p = (*p & 0x80) != 0 ? '_' : *p;
	}
	output_text(o, " ");
	output_text(o, readable ? type : typed ? "text/plain" : "attachment");
}

void
params_write(struct output *o, const char *value, size_t len, bool typed,
    const char *charset)
{
	size_t n = section(value, len);
	const char *end = value + len, *name = NULL;

	write_head(o, value, n, typed);
	for (value += n; value < end; value += n) {
		value++; /* the semicolon */
		n = section(value, (size_t)(end - value));
		size_t name_len = name_of(value, n, &name);
		if (trimmed(value, n) == 0) {
			continue;
		}
		if (charset != NULL && is_called(name, name_len, "charset")) {
			continue;
		}
		if (!words_high(value, n) || !write_encoded(o, value, n)) {
			output_text(o, ";");
			words_ascii(o, value, trimmed(value, n));
		}
	}
	if (charset != NULL) {
		write_charset(o, charset);
	}
}
