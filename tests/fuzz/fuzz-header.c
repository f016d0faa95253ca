/* SPDX-License-Identifier: ISC */
/*
 * A header section: no octet is lost or invented, however it is cut in pieces,
 * and the walk in memory finds the same fields.
 */
#include "common/mime/header.h"

#include "tests/fuzz/fuzz.h"

struct copy {
	char *text;
	size_t len, fields;
};

static void
keep(struct copy *c, const char *text, size_t len)
{
	memcpy(c->text + c->len, text, len);
	c->len += len;
}

/* Feeds step octets at a time; answers where the body begins. */
static size_t
walk(const char *data, size_t size, size_t step, size_t room, struct copy *c)
{
	struct header_walk h = { .room = malloc(room), .size = room };
	enum header_event event = HEADER_MORE;
	size_t at = 0;

	MUST(h.room != NULL);
	while (event != HEADER_END) {
		size_t n = size - at < step ? size - at : step;
		if (at < size) {
			at += header_feed(&h, data + at, n, &event);
		} else {
			event = header_finish(&h);
		}
		keep(c, h.text, h.len);
		c->fields += event == HEADER_FIELD;
	}
	size_t body = at - h.body_len;
	MUST(memcmp(h.body, data + body, h.body_len) == 0);
	MUST(c->len == body && memcmp(c->text, data, body) == 0);
	free(h.room);
	return body;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	char *value = malloc(size + 1);
	struct copy c = { malloc(size + 1), 0, 0 };
	const char *at = text;
	struct field f;
	size_t fields = 0;

	MUST(value != NULL && c.text != NULL);
	while (header_next(&at, text + size, &f)) {
		ssize_t n = header_unfold(&f, value, f.value_len + 1);
		MUST(n >= 0 && strlen(value) == (size_t)n);
		MUST(
		    strchr(value, '\n') == NULL && strchr(value, '\r') == NULL);
		MUST(f.text + f.len == at);
		fields++;
	}
	for (size_t step = 1; step < 4000; step = step * 3 + 1) {
		c.len = c.fields = 0;
		MUST(walk(text, size, step, HEADER_KEPT, &c) ==
		     (size_t)(at - text));
		MUST(c.fields == fields || size > HEADER_KEPT);
		c.len = 0;
		MUST(walk(text, size, step, HEADER_NAME + 2, &c) ==
		     (size_t)(at - text));
	}
	free(c.text);
	free(value);
	free(text);
	return 0;
}
