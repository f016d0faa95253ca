/* SPDX-License-Identifier: ISC */
/* Tag lists (RFC 6376 section 3.2): pure. */
#include "common/auth/tags.h"

#include "common/text/base64.h"

#include <string.h>
#include <strings.h>

static struct span
trim(struct span s)
{
	while (s.len > 0 && is_space(*s.at)) {
		s.at++, s.len--;
	}
	while (s.len > 0 && is_space(s.at[s.len - 1])) {
		s.len--;
	}
	return s;
}

/* Cuts s at the first c: the part before it, and *rest after it. */
static struct span
cut(struct span s, char c, struct span *rest)
{
	const char *found = s.len == 0 ? NULL : memchr(s.at, c, s.len);
	size_t len = found == NULL ? s.len : (size_t)(found - s.at);

	rest->at = found == NULL ? NULL : found + 1;
	rest->len = found == NULL ? 0 : s.len - len - 1;
	return (struct span){ s.at, len };
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
good_name(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];
		if (!is_letter(c) &&
		    (i == 0 || ((c < '0' || c > '9') && c != '_'))) {
			return false;
		}
	}
	return s.len > 0;
}

/* Octets beyond ASCII may be in domains and in patterns (RFC 8616). */
static bool
good_value(struct span s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.at[i];
		if ((c < ' ' && !is_space(s.at[i])) || c == 0x7f) {
			return false;
		}
	}
	return true;
}

enum tags_result
tags_next(struct tags *t, struct tag *tag)
{
	struct span all = { t->at, (size_t)(t->end - t->at) };

	while (all.len > 0 && is_space(*all.at)) {
		all.at++, all.len--;
	}
	if (all.len == 0) {
		return TAGS_END;
	}
	struct span rest, value, element = trim(cut(all, ';', &rest));
	t->at = rest.at == NULL ? t->end : rest.at;
	tag->name = trim(cut(element, '=', &value));
	tag->value = trim(value);
	return value.at != NULL && good_name(tag->name) &&
	               good_value(tag->value)
	           ? TAGS_TAG
	           : TAGS_BROKEN;
}

bool
tags_valid(const char *text, size_t len)
{
	struct tags t = { text, text + len };
	struct span seen[TAGS_MOST];
	size_t count = 0;
	struct tag tag;
	enum tags_result r;

	while ((r = tags_next(&t, &tag)) == TAGS_TAG) {
		if (count == TAGS_MOST) {
			return false;
		}
		for (size_t i = 0; i < count; i++) {
			if (seen[i].len == tag.name.len &&
			    memcmp(seen[i].at, tag.name.at, tag.name.len) ==
				0) {
				return false;
			}
		}
		seen[count++] = tag.name;
	}
	return r == TAGS_END && count > 0;
}

bool
tags_find(const char *text, size_t len, const char *name, struct span *value)
{
	struct tags t = { text, text + len };
	size_t name_len = strlen(name);
	struct tag tag;
	enum tags_result r;

	while ((r = tags_next(&t, &tag)) != TAGS_END) {
		if (r == TAGS_TAG && tag.name.len == name_len &&
		    memcmp(tag.name.at, name, name_len) == 0) {
			*value = tag.value;
			return true;
		}
	}
	return false;
}

bool
tags_is(struct span s, const char *text)
{
	return s.len == strlen(text) && strncasecmp(s.at, text, s.len) == 0;
}

bool
tags_number(struct span s, uint64_t *number)
{
	*number = 0;
	for (size_t i = 0; i < s.len; i++) {
		if (s.at[i] < '0' || s.at[i] > '9') {
			return false;
		}
		uint64_t digit = (uint64_t)(s.at[i] - '0');
		*number = *number > (UINT64_MAX - digit) / 10
		              ? UINT64_MAX
		              : *number * 10 + digit;
	}
	return s.len > 0;
}

bool
tags_item(struct span *rest, struct span *item)
{
	if (rest->at == NULL) {
		return false;
	}
	*item = trim(cut(*rest, ':', rest));
	return true;
}

bool
tags_lists(struct span list, const char *text)
{
	struct span item;

	while (tags_item(&list, &item)) {
		if (tags_is(item, text)) {
			return true;
		}
	}
	return false;
}

/* Decodes in pieces: of four digits each, so that no copy is needed. */
ssize_t
tags_base64(struct span s, void *out, size_t size)
{
	char four[4];
	size_t held = 0, len = 0;
	bool end = false;

	for (size_t i = 0; i < s.len; i++) {
		if (is_space(s.at[i])) {
			continue;
		}
		if (end) {
			return -1;
		}
		four[held++] = s.at[i];
		if (held < sizeof(four)) {
			continue;
		}
		ssize_t n =
		    base64_decode(four, held, (char *)out + len, size - len);
		if (n == -1) {
			return -1;
		}
		len += (size_t)n;
		end = n < 3;
		held = 0;
	}
	return held == 0 ? (ssize_t)len : -1;
}
