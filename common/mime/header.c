/* SPDX-License-Identifier: ISC */
/*
 * Header sections (RFC 5322 section 2.2): pure.
 *
 *   field = name *blank ":" rest-of-line *(blank rest-of-line)
 */
#include "common/mime/header.h"

#include <string.h>
#include <strings.h>

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* RFC 5322 section 3.6.8: ftext. */
static bool
is_name(char c)
{
	return c > ' ' && c < 0x7f && c != ':';
}

/* Behind the end of the line at p. */
static const char *
line_end(const char *p, const char *end)
{
	const char *lf = memchr(p, '\n', (size_t)(end - p));

	return lf == NULL ? end : lf + 1;
}

/* Where the colon is; NULL: the line is no field. */
static const char *
colon(const char *p, const char *end, size_t *name_len)
{
	const char *start = p;

	while (p < end && p - start <= HEADER_NAME && is_name(*p)) {
		p++;
	}
	*name_len = (size_t)(p - start);
	while (p < end && p - start <= HEADER_NAME && is_blank(*p)) {
		p++;
	}
	return *name_len > 0 && p - start <= HEADER_NAME && p < end && *p == ':'
	           ? p
	           : NULL;
}

bool
header_split(const char *text, size_t len, struct field *f)
{
	size_t name_len;
	const char *p = colon(text, text + len, &name_len);

	if (p == NULL) {
		return false;
	}
	*f = (struct field){ text, len, text, name_len, p + 1, 0 };
	const char *end = text + len;
	if (end > p + 1 && end[-1] == '\n') {
		end--;
		end -= end > p + 1 && end[-1] == '\r';
	}
	f->value_len = (size_t)(end - f->value);
	return true;
}

bool
header_next(const char **at, const char *end, struct field *f)
{
	const char *p = *at;
	size_t name_len;

	if (p == end || colon(p, end, &name_len) == NULL) {
		size_t cr = p < end && *p == '\r';
		if ((size_t)(end - p) > cr && p[cr] == '\n') {
			*at = p + cr + 1;
		}
		return false;
	}
	p = line_end(p, end);
	while (p < end && is_blank(*p)) {
		p = line_end(p, end);
	}
	bool split = header_split(*at, (size_t)(p - *at), f);
	*at = p;
	return split;
}

bool
header_is(const struct field *f, const char *name)
{
	return strlen(name) == f->name_len &&
	       strncasecmp(f->name, name, f->name_len) == 0;
}

ssize_t
header_unfold(const struct field *f, char *out, size_t size)
{
	size_t n = 0, keep = 0;

	for (size_t i = 0; i < f->value_len; i++) {
		char c = f->value[i];
		bool cr_lf = c == '\r' && i + 1 < f->value_len &&
		             f->value[i + 1] == '\n';
		if (c == '\n' || c == '\0' || cr_lf ||
		    (n == 0 && is_blank(c))) {
			continue;
		}
		if (n + 1 >= size) {
			return -1;
		}
		out[n++] = c == '\r' ? ' ' : c;
		keep = is_blank(out[n - 1]) ? keep : n;
	}
	if (size == 0) {
		return -1;
	}
	out[keep] = '\0';
	return (ssize_t)keep;
}
