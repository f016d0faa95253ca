/* SPDX-License-Identifier: ISC */
/*
 * A message in parts: every octet comes out once, parts begin and end in pairs,
 * and the pieces that it came in change nothing.
 */
#include "common/mime/multipart.h"

#include "tests/fuzz/fuzz.h"

static char room[HEADER_KEPT];

struct story {
	char *copy;
	size_t len;
	uint64_t sum; /* of events but for the cuts between bodies */
	unsigned open, begun;
};

static void
tell(struct story *s, const struct multipart *m, enum multipart_event e)
{
	bool body = e == MULTIPART_BODY || e == MULTIPART_AROUND;

	memcpy(s->copy + s->len, m->text, m->len);
	s->len += m->len;
	s->open += e == MULTIPART_BEGIN;
	s->begun += e == MULTIPART_BEGIN;
	MUST(s->open > m->depth || e == MULTIPART_DONE);
	s->open -= e == MULTIPART_END;
	for (size_t i = 0; i < (body ? m->len : 1); i++) {
		s->sum =
		    (s->sum + (unsigned)e * 97 + m->depth + 1) * 1099511628211U;
	}
}

static void
walk(const char *data, size_t size, size_t step, struct story *s)
{
	struct multipart *m = malloc(sizeof(*m));
	enum multipart_event e = MULTIPART_MORE;
	size_t at = 0;

	MUST(m != NULL);
	multipart_init(m, room, sizeof(room));
	while (e != MULTIPART_DONE) {
		e = multipart_next(m);
		if (e != MULTIPART_MORE) {
			tell(s, m, e);
			continue;
		}
		size_t n = size - at < step ? size - at : step;
		if (n == 0) {
			multipart_finish(m);
		}
		multipart_feed(m, data + at, n);
		at += n;
	}
	MUST(s->open == 0 && s->begun <= MULTIPART_PARTS);
	MUST(s->len == size && memcmp(s->copy, data, size) == 0);
	free(m);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct story whole = { .copy = malloc(size + 1) };

	MUST(whole.copy != NULL);
	walk(text, size, size + 1, &whole);
	for (size_t step = 1; step < 2000; step = step * 5 + 1) {
		struct story s = { .copy = whole.copy };
		walk(text, size, step, &s);
		MUST(s.sum == whole.sum);
	}
	free(whole.copy);
	free(text);
	return 0;
}
