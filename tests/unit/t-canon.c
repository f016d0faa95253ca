/* SPDX-License-Identifier: ISC */
/*
 * The canonical forms of RFC 6376 section 3.4.  Guards against octets that a
 * signer hashes and we do not: at every place where a message can be cut in
 * two, with either line end.
 */
#include "common/auth/canon.h"

#include "tests/unit/tap.h"

#include <stdlib.h>
#include <string.h>

struct text {
	char octets[512];
	size_t len;
};

static void
add(void *context, const char *octets, size_t len)
{
	struct text *t = context;

	if (len <= sizeof(t->octets) - t->len) {
		memcpy(t->octets + t->len, octets, len);
		t->len += len;
	}
}

static bool
is(const struct text *t, const char *want)
{
	return t->len == strlen(want) && memcmp(t->octets, want, t->len) == 0;
}

static const struct {
	const char *body, *simple, *relaxed;
} bodies[] = {
	{ "", "\r\n", "" },
	{ "\n", "\r\n", "" },
	{ "\n\n\n", "\r\n", "" },
	{ " \t \n\n", " \t \r\n", "" },
	{ " ", " \r\n", "" },
	{ "a", "a\r\n", "a\r\n" },
	{ "a\n", "a\r\n", "a\r\n" },
	{ "a\n\n\n", "a\r\n", "a\r\n" },
	{ "\n\na\n", "\r\n\r\na\r\n", "\r\n\r\na\r\n" },
	{ "a\n\nb\n", "a\r\n\r\nb\r\n", "a\r\n\r\nb\r\n" },
	{ " C \nD \t E\n\n\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n" },
	{ "a \t\n \n \n", "a \t\r\n \r\n \r\n", "a\r\n" },
	{ "a\n \t\nb", "a\r\n \t\r\nb\r\n", "a\r\n\r\nb\r\n" },
	{ "a\rb\n", "a\rb\r\n", "a\rb\r\n" },
	{ "a \rb \r", "a \rb \r\r\n", "a \rb \r\r\n" },
	{ "\r", "\r\r\n", "\r\r\n" },
	{ "\xc3\xa4  \x80\n", "\xc3\xa4  \x80\r\n", "\xc3\xa4 \x80\r\n" },
	{ ".\n..\n", ".\r\n..\r\n", ".\r\n..\r\n" },
};

/* The canonical form of a body that is cut at two places. */
static void
body_form(enum canon form, const char *body, size_t len, size_t cut1,
    size_t cut2, uint64_t limit, struct text *out, uint64_t *octets)
{
	struct canon_body b = {
		.form = form, .limit = limit, .sink = { add, out }
	};

	out->len = 0;
	canon_body_feed(&b, body, cut1);
	canon_body_feed(&b, body + cut1, cut2 - cut1);
	canon_body_feed(&b, body + cut2, len - cut2);
	canon_body_end(&b);
	*octets = b.octets;
}

/* The same with CRLF for each LF. */
static size_t
with_crlf(const char *body, char out[512])
{
	size_t n = 0;

	for (; *body != '\0'; body++) {
		if (*body == '\n') {
			out[n++] = '\r';
		}
		out[n++] = *body;
	}
	return n;
}

static bool
every_cut(enum canon form, const char *body, size_t len, const char *want)
{
	struct text out;
	uint64_t octets;
	bool good = true;

	for (size_t i = 0; i <= len; i++) {
		for (size_t j = i; j <= len; j++) {
			body_form(
			    form, body, len, i, j, UINT64_MAX, &out, &octets);
			good &= is(&out, want) && octets == strlen(want);
		}
	}
	return good;
}

static bool
every_limit(enum canon form, const char *body, const char *want)
{
	struct text out;
	uint64_t octets;
	bool good = true;

	for (size_t limit = 0; limit <= strlen(want) + 2; limit++) {
		size_t n = limit < strlen(want) ? limit : strlen(want);
		body_form(form, body, strlen(body), 0, 0, limit, &out, &octets);
		good &= out.len == n && memcmp(out.octets, want, n) == 0 &&
		        octets == strlen(want);
	}
	return good;
}

static void
test_bodies(void)
{
	char crlf[512];

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		const char *body = bodies[i].body;
		size_t n = with_crlf(body, crlf);
		const char *want[] = { bodies[i].simple, bodies[i].relaxed };
		for (enum canon f = CANON_SIMPLE; f <= CANON_RELAXED; f++) {
			ok(every_cut(f, body, strlen(body), want[f]) &&
				every_cut(f, crlf, n, want[f]),
			    "body %zu, form %d: at every cut", i, f);
			ok(every_limit(f, body, want[f]),
			    "body %zu, form %d: at every limit", i, f);
		}
	}
}

static void
test_long_body(void)
{
	enum { LINES = 100000 };
	struct text out = { .len = 0 };
	struct canon_body b = {
		.form = CANON_RELAXED, .limit = 4, .sink = { add, &out }
	};

	for (int i = 0; i < LINES; i++) {
		canon_body_feed(&b, "\n", 1);
	}
	ok(b.octets == 0 && b.empty == LINES, "empty lines are counted");
	canon_body_feed(&b, "x", 1);
	canon_body_end(&b);
	ok(b.octets == 2 * LINES + 3 && is(&out, "\r\n\r\n"),
	    "and written when text follows");
}

static const struct {
	const char *field, *simple, *relaxed;
} fields[] = {
	{ "A: X\n", "A: X\r\n", "a:X\r\n" },
	{ "B : Y\t\n\tZ  \n", "B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n" },
	{ "SUBJECT:\n", "SUBJECT:\r\n", "subject:\r\n" },
	{ "S: \n", "S: \r\n", "s:\r\n" },
	{ "S: a", "S: a\r\n", "s:a\r\n" },
	{ "S:\n a\n  b\n", "S:\r\n a\r\n  b\r\n", "s:a b\r\n" },
	{ "S: a\n \n b\n", "S: a\r\n \r\n b\r\n", "s:a b\r\n" },
	{ "S: a\rb\n", "S: a\rb\r\n", "s:a\rb\r\n" },
	{ "S: \xc3\xa4 \xff\n", "S: \xc3\xa4 \xff\r\n", "s:\xc3\xa4 \xff\r\n" },
}, signatures[] = {
	{ "D: a=b; b=xyz; c=d\n", "D: a=b; b=; c=d", "d:a=b; b=; c=d" },
	{ "D: b=xyz\n", "D: b=", "d:b=" },
	{ "D: b = x\n y\n ;bh=b=q\n", "D: b =;bh=b=q", "d:b =;bh=b=q" },
	{ "D: bh=b=q; x=b; b=1==\n", "D: bh=b=q; x=b; b=", "d:bh=b=q; x=b; b=" },
	{ "D: a=b; b= x \n", "D: a=b; b=", "d:a=b; b=" },
	{ "D: a=b\n", "D: a=b", "d:a=b" },
	{ "D: B=1;  b=2;\n", "D: B=1;  b=;", "d:B=1; b=;" },
	{ "D: b=1 ; b=2\n", "D: b=; b=2", "d:b=; b=2" },
};

static void
test_fields(void)
{
	struct field f;
	struct text out;
	char crlf[512];

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const char *want[] = { fields[i].simple, fields[i].relaxed };
		size_t n = with_crlf(fields[i].field, crlf);
		for (enum canon c = CANON_SIMPLE; c <= CANON_RELAXED; c++) {
			struct canon_sink sink = { add, &out };
			out.len = 0;
			bool good = header_split(
			    fields[i].field, strlen(fields[i].field), &f);
			canon_field(c, &f, &sink);
			good &= is(&out, want[c]);
			out.len = 0;
			good &= header_split(crlf, n, &f);
			canon_field(c, &f, &sink);
			ok(good && is(&out, want[c]), "field %zu, form %d", i,
			    c);
		}
	}
	for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]);
	     i++) {
		const char *want[] = { signatures[i].simple,
			signatures[i].relaxed };
		const char *text = signatures[i].field;
		for (enum canon c = CANON_SIMPLE; c <= CANON_RELAXED; c++) {
			struct canon_sink sink = { add, &out };
			out.len = 0;
			bool good = header_split(text, strlen(text), &f);
			canon_signature(c, &f, &sink);
			ok(good && is(&out, want[c]), "signature %zu, form %d",
			    i, c);
		}
	}
}

int
main(void)
{
	test_bodies();
	test_long_body();
	test_fields();
	return tap_done();
}
