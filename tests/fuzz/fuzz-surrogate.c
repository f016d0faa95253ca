/* SPDX-License-Identifier: ISC */
/*
 * A message for readers without UTF-8: it has as many parts, with the bodies
 * that it had; what is done once needs not be done again; and the pieces that
 * it came in change nothing.
 */
#include "common/mime/surrogate.h"

#include "tests/fuzz/fuzz.h"

static struct multipart walk;
static char room[HEADER_KEPT];

struct text {
	char *data;
	size_t len;
	bool changed;
};

static void
drain(struct surrogate *s, struct text *out)
{
	const char *text;
	size_t len;

	while (surrogate_next(s, &text, &len)) {
		MUST(len > 0 && !s->failed);
		out->data = realloc(out->data, out->len + len);
		MUST(out->data != NULL);
		memcpy(out->data + out->len, text, len);
		out->len += len;
	}
}

static struct text
convert(const char *in, size_t len, size_t step)
{
	struct text out = { .data = malloc(1) };
	struct surrogate *s = surrogate_open();

	MUST(s != NULL && out.data != NULL);
	for (size_t at = 0; at < len; at += step) {
		surrogate_feed(s, in + at, len - at < step ? len - at : step);
		drain(s, &out);
	}
	surrogate_finish(s);
	drain(s, &out);
	out.changed = s->changed;
	surrogate_close(s);
	return out;
}

/* A sum of bodies and what is around them, and how many parts there are. */
static uint64_t
sum(const char *data, size_t len)
{
	enum multipart_event e;
	uint64_t sum = 0;

	multipart_init(&walk, room, sizeof(room));
	multipart_feed(&walk, data, len);
	while ((e = multipart_next(&walk)) != MULTIPART_DONE) {
		bool kept = e == MULTIPART_BODY || e == MULTIPART_AROUND;
		if (e == MULTIPART_MORE) {
			multipart_finish(&walk);
		}
		for (size_t i = 0; kept && i < walk.len; i++) {
			sum = (sum + (unsigned char)walk.text[i] + walk.depth) *
			      1099511628211U;
		}
	}
	return sum + walk.count;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *in = fuzz_text(data, size);
	struct text whole = convert(in, size, size + 1);

	for (size_t step = 1; step < 2000; step = step * 5 + 1) {
		struct text out = convert(in, size, step);
		MUST(out.len == whole.len && out.changed == whole.changed &&
		     memcmp(out.data, whole.data, out.len) == 0);
		free(out.data);
	}
	MUST(whole.changed ||
	     (whole.len == size && memcmp(whole.data, in, size) == 0));
	MUST(sum(whole.data, whole.len) == sum(in, size));
	struct text again = convert(whole.data, whole.len, whole.len + 1);
	MUST(!again.changed && again.len == whole.len);
	free(again.data);
	free(whole.data);
	free(in);
	return 0;
}
