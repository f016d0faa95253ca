/* SPDX-License-Identifier: ISC */
/*
 * Where a header section ends decides what is a field and what is text; and a
 * program that copies fields must not change those it does not mean.
 */
#include "common/mime/header.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

static const struct {
	const char *text, *fields, *body; /* fields: name=value| */
} cases[] = {
	{ "A: b\nC: d\n\nx\n", "A=b|C=d|", "x\n" },
	{ "A: b\r\nC: d\r\n\r\nx\r\n", "A=b|C=d|", "x\r\n" },
	{ "A: b\n c\n\td\n\n", "A=b c\td|", "" },
	{ "A: b\r\n  c\r\n\r\n", "A=b  c|", "" },
	{ "A:b\n \n c\n", "A=b  c|", "" },
	{ "A :b\n", "A=b|", "" },
	{ "A\t :  b \n", "A=b|", "" },
	{ "A:\n", "A=|", "" },
	{ "A: b\nno field\nC: d\n", "A=b|", "no field\nC: d\n" },
	{ "A: b\nC D: e\n", "A=b|", "C D: e\n" },
	{ "A: b\n: c\n", "A=b|", ": c\n" },
	{ " A: b\n", "", " A: b\n" },
	{ "\nA: b\n", "", "A: b\n" },
	{ "\r\nA: b\n", "", "A: b\n" },
	{ "\rA: b\n", "", "\rA: b\n" },
	{ "A: b\rc\n", "A=b c|", "" },
	{ "A: b", "A=b|", "" },
	{ "A: b\nC", "A=b|", "C" },
	{ "A: b\n\r", "A=b|", "\r" },
	{ "\303\251: b\n", "", "\303\251: b\n" },
	{ "", "", "" },
};

enum { COUNT = sizeof(cases) / sizeof(cases[0]) };

static void
add(char *out, size_t size, const struct field *f)
{
	char value[64];
	size_t n = strlen(out);

	if (header_unfold(f, value, sizeof(value)) == -1) {
		snprintf(value, sizeof(value), "?");
	}
	snprintf(
	    out + n, size - n, "%.*s=%s|", (int)f->name_len, f->name, value);
}

static void
test_memory(void)
{
	for (size_t i = 0; i < COUNT; i++) {
		const char *at = cases[i].text;
		const char *end = at + strlen(at);
		char seen[256] = "";
		struct field f;
		while (header_next(&at, end, &f)) {
			add(seen, sizeof(seen), &f);
		}
		if (!ok(strcmp(seen, cases[i].fields) == 0 &&
			    strcmp(at, cases[i].body) == 0,
			"in memory: case %zu", i)) {
			note("%s", seen);
		}
	}
}

/* Feeds one octet at a time. */
static void
test_pieces(void)
{
	static char room[HEADER_KEPT];

	for (size_t i = 0; i < COUNT; i++) {
		struct header_walk h = { .room = room, .size = sizeof(room) };
		const char *at = cases[i].text;
		enum header_event event = HEADER_MORE;
		char seen[256] = "";
		struct field f;
		while (event != HEADER_END) {
			if (*at != '\0') {
				at += header_feed(&h, at, 1, &event);
			} else {
				event = header_finish(&h);
			}
			if (event == HEADER_FIELD &&
			    header_split(h.text, h.len, &f)) {
				add(seen, sizeof(seen), &f);
			}
		}
		at -= h.body_len;
		ok(strcmp(seen, cases[i].fields) == 0 &&
			strcmp(at, cases[i].body) == 0,
		    "in pieces: case %zu", i);
	}
}

/* A field that is longer than the room goes by in pieces, the next is whole. */
static void
test_long(void)
{
	enum { LONG = 5000 };
	static char text[LONG], copy[LONG], room[HEADER_NAME + 2];
	struct header_walk h = { .room = room, .size = sizeof(room) };
	enum header_event event = HEADER_MORE;
	size_t at = 0, len = 0, firsts = 0, fields = 0;

	memset(text, 'x', sizeof(text));
	memcpy(text, "Bcc: ", 5);
	memcpy(text + LONG - 8, "\nA: b\n\nz", 8);
	while (event != HEADER_END) {
		at += header_feed(&h, text + at, LONG - at, &event);
		memcpy(copy + len, h.text, h.len);
		len += h.len;
		firsts += event == HEADER_PIECE && h.first;
		fields += event == HEADER_FIELD;
	}
	ok(firsts == 1 && fields == 1, "a long field, and one after it");
	ok(len == LONG - 1 && memcmp(copy, text, len) == 0 && at == len,
	    "nothing of a long field is lost");
}

int
main(void)
{
	struct field f;

	test_memory();
	test_pieces();
	test_long();
	ok(header_split("sUBJECT : x\n", 12, &f) && header_is(&f, "Subject"),
	    "names have no case");
	return tap_done();
}
