/* SPDX-License-Identifier: ISC */
/* Elements and texts of XML, and nothing else of it. */
#include "common/text/xml.h"

#include "common/text/bytes.h"

#include <stdint.h>
#include <string.h>

static enum xml_event
wrong(struct xml *x, const char *why)
{
	x->why = why;
	return XML_WRONG;
}

static size_t
left(const struct xml *x)
{
	return (size_t)(x->end - x->at);
}

static bool
comes(const struct xml *x, const char *text)
{
	size_t n = strlen(text);

	return left(x) >= n && memcmp(x->at, text, n) == 0;
}

/* Goes past the next such text; false: there is none. */
static bool
skip_to(struct xml *x, const char *text)
{
	const char *p = memmem(x->at, left(x), text, strlen(text));

	if (p == NULL) {
		return false;
	}
	x->at = p + strlen(text);
	return true;
}

/* ---- texts ---- */

static void
add(struct xml *x, const char *octets, size_t n)
{
	/* Blanks in front of a text are not of it. */
	while (x->len == 0 && n > 0 && is_space(*octets)) {
		octets++;
		n--;
	}
	size_t room = sizeof(x->text) - 1 - x->len;
	n = n < room ? n : room;
	memcpy(x->text + x->len, octets, n);
	x->len += n;
}

/* The character of a reference by its number, between "&#" and ";"; "?" for
   what is not ASCII, which nothing in a report need be. */
static bool
add_number(struct xml *x, const char *digits, size_t n)
{
	bool hex = n > 0 && digits[0] == 'x';
	uint32_t c = 0;

	if (n == hex) {
		return false;
	}
	for (size_t i = hex; i < n; i++) {
		int d = hex_digit(digits[i]);
		if (d < 0 || (!hex && d > 9) || c > 0x10ffff) {
			return false;
		}
		c = c * (hex ? 16 : 10) + (uint32_t)d;
	}
	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) {
		return false;
	}
	add(x, c < 0x80 ? &(const char){ (char)c } : "?", 1);
	return true;
}

/* A reference, from "&" on. */
static bool
add_reference(struct xml *x)
{
	static const struct {
		const char *name, *text;
	} known[] = { { "&lt;", "<" }, { "&gt;", ">" }, { "&amp;", "&" },
		{ "&quot;", "\"" }, { "&apos;", "'" } };
	enum { LONGEST = 12 };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (comes(x, known[i].name)) {
			add(x, known[i].text, 1);
			x->at += strlen(known[i].name);
			return true;
		}
	}
	size_t room = left(x) < LONGEST ? left(x) : LONGEST;
	const char *end = memchr(x->at, ';', room);
	if (!comes(x, "&#") || end == NULL ||
	    !add_number(x, x->at + 2, (size_t)(end - x->at) - 2)) {
		return false;
	}
	x->at = end + 1;
	return true;
}

/* ---- tags ---- */

static bool
is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.' ||
	       c == ':' || (unsigned char)c >= 0x80;
}

/* Takes a name; its hash, 0: there is none.  out: the part after a prefix. */
static size_t
take_name(struct xml *x, char out[XML_NAME])
{
	const char *start = x->at, *local = start;
	size_t hash = 5381;

	for (; x->at < x->end && is_name(*x->at); x->at++) {
		hash = hash * 33 + (unsigned char)*x->at;
		local = *x->at == ':' ? x->at + 1 : local;
	}
	if (x->at == start) {
		return 0;
	}
	size_t n = (size_t)(x->at - local);
	n = n < XML_NAME - 1 ? n : XML_NAME - 1;
	memcpy(out, local, n);
	out[n] = '\0';
	return hash == 0 ? 1 : hash;
}

/* Passes over attributes; false: they are none, or do not end. */
static bool
skip_attributes(struct xml *x)
{
	while (x->at < x->end && *x->at != '>' && *x->at != '/') {
		if (*x->at == '<') {
			return false;
		}
		if (*x->at == '"' || *x->at == '\'') {
			const char *end =
			    memchr(x->at + 1, *x->at, left(x) - 1);
			if (end == NULL) {
				return false;
			}
			x->at = end;
		}
		x->at++;
	}
	return x->at < x->end;
}

static enum xml_event
start_tag(struct xml *x)
{
	if (x->depth == XML_DEPTH) {
		return wrong(x, "elements are nested too deeply");
	}
	if (x->depth == 0 && x->begun) {
		return wrong(x, "something follows the end");
	}
	x->at++;
	size_t hash = take_name(x, x->names[x->depth]);
	if (hash == 0 || !skip_attributes(x)) {
		return wrong(x, "a tag is broken");
	}
	x->closing = *x->at == '/';
	x->at += x->closing;
	if (x->at == x->end || *x->at != '>') {
		return wrong(x, "a tag is broken");
	}
	x->at++;
	x->hashes[x->depth++] = hash;
	x->begun = true;
	x->len = 0;
	return XML_START;
}

static enum xml_event
end_element(struct xml *x)
{
	while (x->len > 0 && is_space(x->text[x->len - 1])) {
		x->len--;
	}
	x->text[x->len] = '\0';
	x->len = 0;
	x->ended = true;
	return XML_END;
}

static enum xml_event
end_tag(struct xml *x)
{
	char name[XML_NAME];

	x->at += 2;
	size_t hash = take_name(x, name);
	while (x->at < x->end && is_space(*x->at)) {
		x->at++;
	}
	if (hash == 0 || x->at == x->end || *x->at != '>') {
		return wrong(x, "a tag is broken");
	}
	if (x->depth == 0 || hash != x->hashes[x->depth - 1] ||
	    strcmp(name, x->names[x->depth - 1]) != 0) {
		return wrong(x, "the end of another element");
	}
	x->at++;
	return end_element(x);
}

/* What is passed over; false: it does not end, or is not taken. */
static bool
skip_rest(struct xml *x)
{
	if (comes(x, "<!--")) {
		x->at += 4;
		return skip_to(x, "-->");
	}
	if (comes(x, "<?")) {
		return skip_to(x, "?>");
	}
	if (comes(x, "<![CDATA[") && x->depth > 0) {
		const char *start = x->at + 9;
		x->at = start;
		if (!skip_to(x, "]]>")) {
			return false;
		}
		add(x, start, (size_t)(x->at - start) - 3);
		return true;
	}
	return false;
}

/* Text up to the next tag or reference. */
static bool
take_text(struct xml *x)
{
	const char *start = x->at;

	while (x->at < x->end && *x->at != '<' && *x->at != '&') {
		if (x->depth == 0 && !is_space(*x->at)) {
			return false;
		}
		x->at++;
	}
	if (x->depth > 0) {
		add(x, start, (size_t)(x->at - start));
	}
	return true;
}

enum xml_event
xml_next(struct xml *x)
{
	if (x->why != NULL) {
		return XML_WRONG;
	}
	if (x->ended) {
		x->ended = false;
		x->depth--;
	}
	if (x->closing) {
		x->closing = false;
		return end_element(x);
	}
	if (!x->begun && comes(x, "\xef\xbb\xbf")) {
		x->at += 3;
	}
	while (x->at < x->end) {
		if (*x->at == '&') {
			if (x->depth == 0 || !add_reference(x)) {
				return wrong(x, "an entity that is unknown");
			}
		} else if (*x->at != '<') {
			if (!take_text(x)) {
				return wrong(x, "text outside of elements");
			}
		} else if (comes(x, "</")) {
			return end_tag(x);
		} else if (comes(x, "<!DOCTYPE")) {
			return wrong(x, "it has a document type");
		} else if (comes(x, "<!") || comes(x, "<?")) {
			if (!skip_rest(x)) {
				return wrong(x, "a declaration is broken");
			}
		} else {
			return start_tag(x);
		}
	}
	return x->depth > 0 || !x->begun ? wrong(x, "it ends too early")
	                                 : XML_DONE;
}

bool
xml_is(const struct xml *x, const char *path)
{
	for (unsigned i = 0; i < x->depth; i++) {
		size_t n = strcspn(path, "/");
		if (strlen(x->names[i]) != n ||
		    memcmp(x->names[i], path, n) != 0) {
			return false;
		}
		path += n + (path[n] == '/');
	}
	return *path == '\0';
}
