/* SPDX-License-Identifier: ISC */
/* Answers of web servers. */
#include "common/text/http.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

/* What the fields say of the body. */
struct head {
	struct http_answer *answer;
	bool chunked, has_length;
	size_t length;
};

/* The next line without its CR LF, or LF; false: there is no end of it yet. */
static bool
next_line(struct span *rest, struct span *line)
{
	const char *end =
	    rest->len > 0 ? memchr(rest->at, '\n', rest->len) : NULL;

	if (end == NULL) {
		return false;
	}
	*line = (struct span){ rest->at, (size_t)(end - rest->at) };
	rest->at += line->len + 1;
	rest->len -= line->len + 1;
	if (line->len > 0 && line->at[line->len - 1] == '\r') {
		line->len--;
	}
	return true;
}

static bool
is_word(struct span s, const char *word)
{
	return s.len == strlen(word) && strncasecmp(s.at, word, s.len) == 0;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200 OK" */
static bool
read_status(struct span line, unsigned *status)
{
	static const char start[] = "HTTP/1.";
	const size_t n = sizeof(start) - 1;

	if (line.len < n + 5 || memcmp(line.at, start, n) != 0 ||
	    !is_digit(line.at[n]) || line.at[n + 1] != ' ' ||
	    (line.len > n + 5 && line.at[n + 5] != ' ')) {
		return false;
	}
	*status = 0;
	for (size_t i = n + 2; i < n + 5; i++) {
		if (!is_digit(line.at[i])) {
			return false;
		}
		*status = *status * 10 + (unsigned)(line.at[i] - '0');
	}
	return true;
}

/* A decimal number that a size_t holds. */
static bool
read_length(struct span text, size_t *number)
{
	*number = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (!is_digit(text.at[i]) || *number > SIZE_MAX / 10 - 1) {
			return false;
		}
		*number = *number * 10 + (size_t)(text.at[i] - '0');
	}
	return text.len > 0;
}

/* Takes a field into account; false: it leaves the end of the body in doubt. */
static bool
read_field(struct head *h, struct span line)
{
	const char *colon = memchr(line.at, ':', line.len);
	struct span value;
	size_t length;

	if (colon == NULL || colon == line.at) {
		return false;
	}
	struct span name = { line.at, (size_t)(colon - line.at) };
	value = (struct span){ colon + 1, line.len - name.len - 1 };
	while (value.len > 0 && is_blank(*value.at)) {
		value.at++;
		value.len--;
	}
	while (value.len > 0 && is_blank(value.at[value.len - 1])) {
		value.len--;
	}
	if (is_word(name, "content-length")) {
		bool good = read_length(value, &length) &&
		            (!h->has_length || h->length == length);
		h->has_length = true;
		h->length = length;
		return good;
	}
	if (is_word(name, "transfer-encoding")) {
		bool good = !h->chunked && is_word(value, "chunked");
		h->chunked = true;
		return good;
	}
	if (is_word(name, "content-encoding")) {
		return is_word(value, "identity");
	}
	if (is_word(name, "content-type")) {
		size_t n = 0;
		while (n < value.len && value.at[n] != ';' &&
		       !is_blank(value.at[n])) {
			n++;
		}
		h->answer->type = (struct span){ value.at, n };
	}
	return true;
}

/* Reads a status line and its fields. */
static enum http_read
read_head(struct span *rest, struct head *h)
{
	struct http_answer *answer = h->answer;
	struct span line;

	*h = (struct head){ .answer = answer };
	answer->type = (struct span){ "", 0 };
	if (!next_line(rest, &line)) {
		return HTTP_MORE;
	}
	if (!read_status(line, &answer->status)) {
		return HTTP_BAD;
	}
	while (next_line(rest, &line)) {
		if (line.len == 0) {
			return HTTP_DONE;
		}
		if (!read_field(h, line)) {
			return HTTP_BAD;
		}
	}
	return HTTP_MORE;
}

/* Takes octets of the body over. */
static bool
take(
    struct http_answer *a, struct span *rest, size_t n, char *body, size_t size)
{
	if (n > size - a->len) {
		return false;
	}
	if (n > 0) {
		memcpy(body + a->len, rest->at, n);
	}
	a->len += n;
	rest->at += n;
	rest->len -= n;
	return true;
}

/* The size of a chunk, which extensions may follow. */
static bool
chunk_size(struct span line, size_t *number)
{
	size_t i = 0;

	*number = 0;
	for (; i < line.len && hex_digit(line.at[i]) != -1; i++) {
		if (i == 8) {
			return false;
		}
		*number = *number * 16 + (size_t)hex_digit(line.at[i]);
	}
	return i > 0 &&
	       (i == line.len || line.at[i] == ';' || is_blank(line.at[i]));
}

static enum http_read
read_chunks(struct span rest, struct http_answer *a, char *body, size_t size)
{
	struct span line;
	size_t n;

	while (next_line(&rest, &line)) {
		if (!chunk_size(line, &n) || n > size - a->len) {
			return HTTP_BAD;
		}
		if (n == 0) {
			/* Fields that come last say nothing that counts. */
			while (next_line(&rest, &line)) {
				if (line.len == 0) {
					return HTTP_DONE;
				}
			}
			return HTTP_MORE;
		}
		if (rest.len < n) {
			return HTTP_MORE;
		}
		(void)take(a, &rest, n, body, size);
		if (rest.len > 0 && rest.at[0] != '\r' && rest.at[0] != '\n') {
			return HTTP_BAD;
		}
		if (!next_line(&rest, &line)) {
			return HTTP_MORE;
		}
		if (line.len > 0) {
			return HTTP_BAD;
		}
	}
	return HTTP_MORE;
}

static enum http_read
read_all(struct span text, bool closed, struct http_answer *a, char *body,
    size_t size)
{
	struct head h = { .answer = a };
	struct span rest = text;
	enum http_read r;

	do { /* replies of 1xx come before the one that counts */
		r = read_head(&rest, &h);
		if (r != HTTP_DONE || (size_t)(rest.at - text.at) > HTTP_HEAD) {
			return r == HTTP_BAD || text.len > HTTP_HEAD
			           ? HTTP_BAD
			           : HTTP_MORE;
		}
	} while (a->status / 100 == 1);
	if (h.chunked && h.has_length) {
		return HTTP_BAD; /* RFC 9112 section 6.3: two ends */
	}
	if (h.chunked) {
		return read_chunks(rest, a, body, size);
	}
	if (h.has_length && h.length > size) {
		return HTTP_BAD;
	}
	bool whole = h.has_length ? rest.len >= h.length : closed;
	size_t n = h.has_length && rest.len > h.length ? h.length : rest.len;
	if (!take(a, &rest, n, body, size)) {
		return HTTP_BAD;
	}
	return whole ? HTTP_DONE : HTTP_MORE;
}

enum http_read
http_read(struct span text, bool closed, struct http_answer *a, char *body,
    size_t size)
{
	*a = (struct http_answer){ .status = 0 };
	enum http_read r = read_all(text, closed, a, body, size);

	/* What has ended too early is not half a text. */
	return closed && r == HTTP_MORE ? HTTP_BAD : r;
}
