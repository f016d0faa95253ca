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
	{ "A: b\n: c\nD: e\n", "A=b|=c|D=e|", "" },
	{ "A: b\nFrom c\nD: e\n", "A=b|", "From c\nD: e\n" },
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

/* A byte order mark. */
#define MARK "\357\273\277"

/* What a message begins with, however it comes. */
static const struct {
	const char *text;
	enum header_top top; /* when it is over */
	size_t mailbox;
} tops[] = {
	{ "", HEADER_TOP_SECTION, 0 },
	{ "\nx\n", HEADER_TOP_SECTION, 0 },
	{ "\r\nx\n", HEADER_TOP_SECTION, 0 },
	{ "Subject: x", HEADER_TOP_SECTION, 0 },
	{ "Subject : x\n", HEADER_TOP_SECTION, 0 },
	{ "Subject\t \t: x\n", HEADER_TOP_SECTION, 0 },
	{ "From : x\n", HEADER_TOP_SECTION, 0 },
	{ "!~-_/%:\n", HEADER_TOP_SECTION, 0 },
	{ "Dear Bob: x\n", HEADER_TOP_TEXT, 0 },
	{ "Hello\n", HEADER_TOP_TEXT, 0 },
	{ "Hello", HEADER_TOP_TEXT, 0 },
	{ " Subject: x\n", HEADER_TOP_TEXT, 0 },
	{ "S\303\274bject: x\n", HEADER_TOP_TEXT, 0 },
	{ "S\001: x\n", HEADER_TOP_TEXT, 0 },
	{ "From a Sun\nSubject: x\n", HEADER_TOP_SECTION, 11 },
	{ ">From a Sun\nSubject: x\n", HEADER_TOP_SECTION, 12 },
	{ ">>From a\nFrom b\n c\nX : x\n", HEADER_TOP_SECTION, 19 },
	{ "From a Sun\r\nSubject: x\r\n", HEADER_TOP_SECTION, 12 },
	{ "From now on\nthere is none\n", HEADER_TOP_TEXT, 0 },
	{ "From now on\n\nX: x\n", HEADER_TOP_TEXT, 0 },
	{ "From now on", HEADER_TOP_TEXT, 0 },
	{ "From\nX: x\n", HEADER_TOP_TEXT, 0 },
	{ ": x\nSubject: x\n", HEADER_TOP_SECTION, 0 },
	{ ": x\n y\nSubject : x\n", HEADER_TOP_SECTION, 0 },
	{ "From a\n: x\nSubject: x\n", HEADER_TOP_SECTION, 7 },
	{ ":-) hello\n", HEADER_TOP_TEXT, 0 },
	{ ":-) hello\nyou\n", HEADER_TOP_TEXT, 0 },
	{ ":-)\nFrom a\nX: x\n", HEADER_TOP_TEXT, 0 },
	{ MARK "Subject: x\n", HEADER_TOP_SECTION, 3 },
	{ MARK MARK "Subject : x\n", HEADER_TOP_SECTION, 6 },
	{ MARK "\nx\n", HEADER_TOP_SECTION, 3 },
	{ MARK "From a\nSubject: x\n", HEADER_TOP_SECTION, 10 },
	{ "From a\n" MARK "Subject: x\n", HEADER_TOP_SECTION, 10 },
	{ MARK "From a\n" MARK ": x\nX: x\n", HEADER_TOP_SECTION, 13 },
	{ MARK ": x\n" MARK "Subject: x\n", HEADER_TOP_TEXT, 0 },
	{ MARK "Hello\n", HEADER_TOP_TEXT, 0 },
	{ MARK " Subject: x\n", HEADER_TOP_TEXT, 0 },
	{ MARK, HEADER_TOP_TEXT, 0 },
	{ "\357\273Subject: x\n", HEADER_TOP_TEXT, 0 },
	{ "\357\274\214: x\n", HEADER_TOP_TEXT, 0 },
};

static void
test_top(void)
{
	static char big[HEADER_TOP_MOST + 1];
	size_t mailbox;

	for (size_t i = 0; i < sizeof(tops) / sizeof(tops[0]); i++) {
		const char *text = tops[i].text;
		size_t len = strlen(text);
		bool good = true;
		/* Nothing is said too early. */
		for (size_t n = 0; n < len; n++) {
			enum header_top top =
			    header_top(text, n, false, &mailbox);
			good = good &&
			       (top == HEADER_TOP_MORE || top == tops[i].top);
		}
		good = good &&
		       header_top(text, len, true, &mailbox) == tops[i].top &&
		       (tops[i].top == HEADER_TOP_TEXT ||
			   mailbox == tops[i].mailbox);
		if (!ok(good, "the top of case %zu", i)) {
			note("%s: %zu", text, mailbox);
		}
	}
	memset(big, 'x', sizeof(big));
	memcpy(big, "From ", 5);
	ok(header_top(big, HEADER_TOP_MOST - 1, false, &mailbox) ==
		    HEADER_TOP_MORE &&
		header_top(big, sizeof(big), false, &mailbox) ==
		    HEADER_TOP_TEXT,
	    "a line of an mbox without an end is text");
}

/* Octet by octet: the fields, those that can be split, and the end. */
static void
walk_lead(const char *text, unsigned fields, unsigned split)
{
	static char room[HEADER_KEPT];
	struct header_walk h = { .room = room, .size = sizeof(room) };
	enum header_event event = HEADER_MORE;
	size_t at = 0, len = 0;
	char copy[64];
	struct field f;

	while (event != HEADER_END) {
		at += header_feed(&h, text + at, 1, &event);
		memcpy(copy + len, h.text, h.len);
		len += h.len;
		fields -= event == HEADER_FIELD;
		split -=
		    event == HEADER_FIELD && header_split(h.text, h.len, &f);
	}
	memcpy(copy + len, h.body, h.body_len);
	len += h.body_len;
	ok(fields == 0 && split == 0 && len == at &&
		memcmp(copy, text, len) == 0,
	    "the lead of %s", text);
}

/* Mailboxes of other programs have their lines on top, or a mark. */
static void
test_walk_lead(void)
{
	static const struct {
		const char *text;
		unsigned fields, split;
	} leads[] = {
		{ ">From a Sun 1:2\nFrom b\nC : d\n\nx", 3, 1 },
		{ MARK "A: b\nC : d\n\nx", 2, 1 },
		{ MARK "A: b\n c\nC: d\n\nx", 2, 1 },
		{ "From a\n" MARK "A: b\nC: d\n\nx", 3, 1 },
		{ "A: b\n" MARK "C: d\n\nx", 1, 1 },
		{ "\357\273A: b\n\nx", 0, 0 },
		{ "\357\274\214: b\n\nx", 0, 0 },
	};

	for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++) {
		walk_lead(leads[i].text, leads[i].fields, leads[i].split);
	}
}

int
main(void)
{
	struct field f;

	test_memory();
	test_pieces();
	test_long();
	test_top();
	test_walk_lead();
	ok(header_split("sUBJECT : x\n", 12, &f) && header_is(&f, "Subject"),
	    "names have no case");
	return tap_done();
}
