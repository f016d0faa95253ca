/* SPDX-License-Identifier: ISC */
/* Values of JSON, and where they stand. */
#include "common/text/json_read.h"

#include "common/text/bytes.h"

#include <string.h>

static enum json_event
wrong(struct json *j, const char *why)
{
	j->why = why;
	return JSON_WRONG;
}

static void
skip_space(struct json *j)
{
	while (j->at < j->end && is_space(*j->at)) {
		j->at++;
	}
}

/* Takes that octet, after blanks; false: it is another. */
static bool
take(struct json *j, char c)
{
	skip_space(j);
	if (j->at == j->end || *j->at != c) {
		return false;
	}
	j->at++;
	return true;
}

/* ---- texts ---- */

/* Takes what follows a backslash; -1: nothing that may. */
static int
take_escape(struct json *j)
{
	static const char names[] = "\"\\/bfnrt", octets[] = "\"\\/\b\f\n\r\t";
	unsigned number = 0;

	if (j->at == j->end) {
		return -1;
	}
	char c = *j->at++;
	const char *p = memchr(names, c, sizeof(names) - 1);
	if (p != NULL) {
		return octets[p - names];
	}
	if (c != 'u' || j->end - j->at < 4) {
		return -1;
	}
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(*j->at++);
		if (digit < 0) {
			return -1;
		}
		number = number << 4 | (unsigned)digit;
	}
	return number > 0 && number < 0x80 ? (int)number : '?';
}

/* Takes a text, from its quote on; false: it is broken. */
static bool
take_text(struct json *j, char *out, size_t size)
{
	size_t n = 0;

	j->at++;
	while (j->at < j->end && *j->at != '"') {
		int c = (unsigned char)*j->at++;
		if (c == '\\') {
			c = take_escape(j);
		} else if (c < ' ') {
			return false;
		}
		if (c == -1) {
			return false;
		}
		if (n + 1 < size) {
			out[n++] = c < 0x80 ? (char)c : '?';
		}
	}
	out[n] = '\0';
	if (j->at == j->end) {
		return false;
	}
	j->at++;
	return true;
}

/* A number, or a word: the octets that such ones are made of. */
static bool
take_word(struct json *j)
{
	static const char *const words[] = { "true", "false", "null" };
	static const char octets[] = "+-.0123456789"
				     "abcdefghijklmnopqrstuvwxyzE";
	size_t n = 0;

	while (j->at < j->end && *j->at != '\0' &&
	       strchr(octets, *j->at) != NULL) {
		if (n + 1 < sizeof(j->text)) {
			j->text[n++] = *j->at;
		}
		j->at++;
	}
	j->text[n] = '\0';
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(j->text, words[i]) == 0) {
			return true;
		}
	}
	return n > 0 && strspn(j->text, "+-.0123456789eE") == n &&
	       strpbrk(j->text, "0123456789") != NULL;
}

/* ---- values ---- */

/* Takes the value that begins here, whose name is in place. */
static enum json_event
take_value(struct json *j)
{
	skip_space(j);
	if (j->at == j->end) {
		return wrong(j, "it ends too early");
	}
	if (*j->at == '{' || *j->at == '[') {
		j->object[j->depth - 1] = *j->at++ == '{';
		j->first = true;
		return JSON_OPEN;
	}
	bool good = *j->at == '"' ? take_text(j, j->text, sizeof(j->text))
	                          : take_word(j);
	j->leaf = true;
	return good ? JSON_VALUE : wrong(j, "a value is broken");
}

/* Goes on in the object or array that is open. */
static enum json_event
take_member(struct json *j)
{
	bool object = j->object[j->depth - 1];

	if (take(j, object ? '}' : ']')) {
		j->closed = true;
		return JSON_CLOSE;
	}
	if (!j->first && !take(j, ',')) {
		return wrong(j, "a comma is missing");
	}
	if (j->depth == JSON_DEPTH) {
		return wrong(j, "values are nested too deeply");
	}
	j->first = false;
	char *name = j->names[j->depth];
	name[0] = '\0';
	skip_space(j);
	if (object && (j->at == j->end || *j->at != '"' ||
			  !take_text(j, name, JSON_NAME) || !take(j, ':'))) {
		return wrong(j, "a key is broken");
	}
	j->depth++;
	return take_value(j);
}

enum json_event
json_next(struct json *j)
{
	if (j->why != NULL) {
		return JSON_WRONG;
	}
	if (j->leaf || j->closed) {
		j->leaf = j->closed = j->first = false;
		j->depth--;
	}
	if (j->depth > 0) {
		return take_member(j);
	}
	if (!j->begun) {
		j->begun = true;
		j->names[0][0] = '\0';
		j->depth = 1;
		return take_value(j);
	}
	skip_space(j);
	return j->at == j->end ? JSON_DONE
	                       : wrong(j, "something follows the end");
}

bool
json_is(const struct json *j, const char *path)
{
	/* The first name is that of the whole, which has none. */
	for (unsigned i = 1; i < j->depth; i++) {
		size_t n = strcspn(path, "/");
		if (strlen(j->names[i]) != n ||
		    memcmp(j->names[i], path, n) != 0) {
			return false;
		}
		path += n;
		if (i + 1 < j->depth) {
			if (*path != '/') {
				return false;
			}
			path++;
		}
	}
	return *path == '\0';
}
