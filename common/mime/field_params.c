/* SPDX-License-Identifier: ISC */
/* Parameters of Content-Type and Content-Disposition, in ASCII. */
#include "common/mime/field.h"

#include "common/mime/charset.h"
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

/* Its length without blanks at its end. */
static size_t
trimmed(const char *text, size_t len)
{
	while (len > 0 && is_space(text[len - 1])) {
		len--;
	}
	return len;
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

/* An octet as RFC 2231 section 4 has it. */
static void
write_percent(struct output *o, char c)
{
	static const char hex[] = "0123456789ABCDEF";
	char escape[3] = { '%', hex[(unsigned char)c >> 4], hex[c & 15] };

	output_add(o, escape, sizeof(escape));
}

/*
 * The value of a section that is continued becomes an extended one, and says
 * in the first which charset that is.
 */
static void
write_extended(struct output *o, const char *value, size_t len, bool first)
{
	if (first) {
		output_text(o,
		    charset_is_utf8(value, len) ? "utf-8''" : "unknown-8bit''");
	}
	for (size_t i = 0; i < len; i++) {
		if (value[i] == '"') {
			continue; /* around it */
		}
		i += value[i] == '\\' && i + 1 < len;
		char c = value[i];
		/* RFC 2231 section 7: attribute-char. */
		if ((c & 0x80) == 0 && c > ' ' && c != 0x7f &&
		    strchr("()<>@,;:\\\"/[]?=*'%", c) == NULL) {
			output_add(o, &c, 1);
		} else {
			write_percent(o, c);
		}
	}
}

/*
 * A section of a parameter that is extended (name*=) or continued (name*1=)
 * already, though its octets are as nobody may send them.  Each is written by
 * itself, however many there are.  false: it is none of these.
 */
static bool
write_section(struct output *o, const char *text, size_t len)
{
	const char *name, *value;
	size_t name_len = name_of(text, len, &name);
	const char *star = memchr(name_len > 0 ? name : "", '*', name_len);

	if (star == NULL || words_high(name, name_len)) {
		return false;
	}
	output_text(o, ";\r\n ");
	output_add(o, name, name_len);
	value = (const char *)memchr(text, '=', len) + 1;
	len = trimmed(value, (size_t)(text + len - value));
	for (; len > 0 && is_space(*value); len--) {
		value++;
	}
	if (name[name_len - 1] != '*') {
		output_text(o, "*=");
		write_extended(o, value, len,
		    name + name_len - star == 2 && star[1] == '0');
		return true;
	}
	output_text(o, "=");
	for (size_t i = 0; i < len; i++) {
		if ((value[i] & 0x80) != 0) {
			write_percent(o, value[i]);
		} else {
			output_add(o, value + i, 1);
		}
	}
	return true;
}

static void
write_charset(struct output *o, const char *charset)
{
	output_text(o, ";\r\n charset=");
	output_text(o, charset);
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
		if (!words_high(value, n) || (!write_encoded(o, value, n) &&
						 !write_section(o, value, n))) {
			output_text(o, ";");
			words_ascii(o, value, trimmed(value, n));
		}
	}
	if (charset != NULL) {
		write_charset(o, charset);
	}
}
