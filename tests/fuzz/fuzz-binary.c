/* SPDX-License-Identifier: ISC */
/*
 * A BINARYMIME message turned into lines: it has the same parts, whose bodies
 * decode to the same octets, and the pieces that it came in change nothing.
 */
#include "smtpd/session/binary.h"

#include "tests/fuzz/fuzz.h"

static struct binary binary;
static struct multipart walk;
static char room[HEADER_KEPT];

struct text {
	char *data;
	size_t len, room;
};

static void
add(struct text *t, const char *data, size_t len)
{
	if (t->room - t->len < len) {
		t->room = t->room * 2 + len;
		t->data = realloc(t->data, t->room);
		MUST(t->data != NULL);
	}
	if (len > 0) {
		memcpy(t->data + t->len, data, len);
	}
	t->len += len;
}

static void
drain(struct text *out)
{
	const char *text;
	size_t len;

	while (binary_next(&binary, &text, &len)) {
		MUST(len > 0);
		add(out, text, len);
	}
}

/* false: refused. */
static bool
convert(const char *in, size_t len, size_t step, struct text *out)
{
	out->len = 0;
	binary_begin(&binary);
	for (size_t at = 0; at < len; at += step) {
		binary_feed(
		    &binary, in + at, len - at < step ? len - at : step);
		drain(out);
	}
	binary_finish(&binary);
	drain(out);
	return binary.refusal == REPLY_NONE;
}

/* What is known of each part. */
struct part {
	char type[PARAM_TYPE];
	enum transfer transfer;
	bool encoded; /* its body is to be decoded */
	struct base64_decoder decoder;
	uint64_t octets, sum;
};

static void
count(struct part *p, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		p->sum = (p->sum + (unsigned char)data[i] + 1) * 1099511628211U;
	}
	p->octets += len;
}

static void
decode(struct part *p, const char *in, size_t len)
{
	char out[4096];

	while (len > 0) {
		size_t n, used = base64_decode_lines(
			      &p->decoder, in, len, out, sizeof(out), &n);
		count(p, out, n);
		in += used;
		len -= used;
	}
}

static void
note_part(struct part *p, enum multipart_event e, bool encoded)
{
	const struct multipart_part *part = multipart_part(&walk);

	if (e == MULTIPART_HEADER) {
		memcpy(p->type, part->type, sizeof(p->type));
		p->transfer = part->transfer;
		p->encoded = encoded;
	} else if (e == MULTIPART_BODY && p->encoded) {
		decode(p, walk.text, walk.len);
	} else if (e == MULTIPART_BODY || e == MULTIPART_AROUND) {
		count(p, walk.text, walk.len);
	}
}

/* True if a part that said binary is to be found in base64. */
static bool
is_encoded(const struct part *p)
{
	return p->transfer == TRANSFER_BINARY &&
	       strncmp(p->type, "multipart/", 10) != 0 &&
	       strncmp(p->type, "message/", 8) != 0;
}

/* Lists the parts; those that were binary are decoded.  How many. */
static size_t
list(const char *data, size_t len, struct part *parts, const struct part *was)
{
	enum multipart_event e = MULTIPART_MORE;

	multipart_init(&walk, room, sizeof(room));
	walk.crlf = true;
	multipart_feed(&walk, data, len);
	while ((e = multipart_next(&walk)) != MULTIPART_DONE) {
		if (e == MULTIPART_MORE) {
			multipart_finish(&walk);
			continue;
		}
		unsigned number = multipart_part(&walk)->number;
		note_part(
		    &parts[number], e, was != NULL && is_encoded(&was[number]));
	}
	return walk.count;
}

static void
compare(const char *in, size_t len, const struct text *out)
{
	size_t size = len + 2; /* a delimiter takes three octets */
	struct part *was = calloc(size, sizeof(*was));
	struct part *is = calloc(size, sizeof(*is));

	MUST(was != NULL && is != NULL);
	size_t n = list(in, len, was, NULL);
	MUST(list(out->data, out->len, is, was) == n);
	for (size_t i = 0; i < n; i++) {
		MUST(strcmp(was[i].type, is[i].type) == 0);
		MUST(was[i].octets == is[i].octets && was[i].sum == is[i].sum);
		MUST(is[i].transfer != TRANSFER_BINARY);
	}
	free(was);
	free(is);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *in = fuzz_text(data, size);
	struct text whole = { 0 }, out = { 0 };
	bool done = convert(in, size, size + 1, &whole);

	for (size_t step = 1; step < 2000; step = step * 5 + 1) {
		MUST(convert(in, size, step, &out) == done);
		MUST(!done || (out.len == whole.len &&
				  (out.len == 0 || memcmp(out.data, whole.data,
						       out.len) == 0)));
	}
	if (done) {
		compare(in, size, &whole);
	}
	free(whole.data);
	free(out.data);
	free(in);
	return 0;
}
