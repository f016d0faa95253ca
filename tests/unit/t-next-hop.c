/* SPDX-License-Identifier: ISC */
/*
 * What next hops say about recipients: made safe, whatever a process sends
 * that has read it; remembered for long enough; and never driven out by names
 * that nobody has.
 */
#include "smtpd/worker/hop_memory.h"
#include "smtpd/worker/next_hop.h"
#include "smtpd/worker/next_hop_private.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

enum { NOW = 1800000000, DAY = 24 * 60 * 60 };

static const struct {
	uint32_t verdict, code;
	const char *enhanced, *words, *line;
	bool full;
} said[] = {
	{ INQUIRY_REFUSES, 550, "5.1.1", "no", "550 5.1.1 no", false },
	{ INQUIRY_REFUSES, 550, "", "no", "550 5.1.1 no", false },
	{ INQUIRY_REFUSES, 571, "5.7.1", "no", "550 5.7.1 no", false },
	{ INQUIRY_REFUSES, 552, "5.2.2", "no", "552 5.2.2 no", true },
	{ INQUIRY_REFUSES, 552, "", "no", "552 5.2.2 no", true },
	{ INQUIRY_REFUSES, 550, "4.1.1", "no", "550 5.1.1 no", false },
	{ INQUIRY_REFUSES, 550, "5.1", "no", "550 5.1.1 no", false },
	{ INQUIRY_REFUSES, 550, "5.1.1234", "no", "550 5.1.1 no", false },
	{ INQUIRY_REFUSES, 550, "5.1.1 x", "no", "550 5.1.1 no", false },
	{ INQUIRY_REFUSES, 250, "5.1.1", "no", "550 5.1.1 no", false },
	{ INQUIRY_REFUSES, 0, "", "", "550 5.1.1 Not taken there", false },
	{ INQUIRY_REFUSES, 553, "", "a\r\n250 b\1\x80", "553 5.1.3 a??250 b??",
	    false },
	{ INQUIRY_LATER, 452, "4.2.2", "no", "452 4.2.2 no", true },
	{ INQUIRY_LATER, 452, "", "no", "452 4.2.2 no", true },
	{ INQUIRY_LATER, 452, "4.5.3", "no", "452 4.5.3 no", false },
	{ INQUIRY_LATER, 421, "5.1.1", "no", "451 4.2.0 no", false },
	{ INQUIRY_LATER, 550, "5.7.1", "no", "451 4.2.0 no", false },
	{ INQUIRY_TAKES, 250, "2.1.5", "OK", "", false },
	{ INQUIRY_FAILED, 0, "", "why\n", "why?", false },
	{ 77, 550, "5.1.1", "no", "no", false },
};

static void
test_read(void)
{
	static const enum next_hop_result results[] = {
		[INQUIRY_TAKES] = NEXT_HOP_TAKES,
		[INQUIRY_REFUSES] = NEXT_HOP_REFUSES,
		[INQUIRY_LATER] = NEXT_HOP_LATER,
		[INQUIRY_FAILED] = NEXT_HOP_SILENT,
	};

	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		struct inquiry_answer a = { .verdict = said[i].verdict,
			.code = said[i].code };
		struct next_hop_answer answer;
		bool full;
		uint32_t v = said[i].verdict;
		strlcpy(a.enhanced, said[i].enhanced, sizeof(a.enhanced));
		strlcpy(a.words, said[i].words, sizeof(a.words));
		next_hop_read(&a, &answer, &full);
		ok(strcmp(answer.line, said[i].line) == 0 &&
			full == said[i].full &&
			answer.result ==
			    results[v > INQUIRY_FAILED ? INQUIRY_FAILED : v],
		    "%zu: %s", i, answer.line);
	}
	/* Neither text ends, and both are of any octets. */
	struct inquiry_answer wild;
	struct next_hop_answer answer;
	bool full, good = true;
	for (unsigned i = 0; i < 256; i++) {
		memset(&wild, (int)i, sizeof(wild));
		wild.verdict = INQUIRY_REFUSES;
		next_hop_read(&wild, &answer, &full);
		good = good && strlen(answer.line) < NEXT_HOP_LINE &&
		       strncmp(answer.line, "550 5.1.1 ", 10) == 0 &&
		       strpbrk(answer.line, "\r\n") == NULL;
	}
	ok(good, "what does not end, of any octet, becomes one short line");
}

static void
test_valid(void)
{
	struct next_hop_question q = { .text = "a@b.example" };

	ok(next_hop_valid(&q, sizeof(q)), "a question");
	ok(!next_hop_valid(&q, sizeof(q) - 1) && !next_hop_valid(&q, 0),
	    "of another size");
	q.user = 2;
	ok(!next_hop_valid(&q, sizeof(q)), "about what there is not");
	q.user = 1;
	memset(q.text, 'a', sizeof(q.text));
	ok(!next_hop_valid(&q, sizeof(q)), "whose text does not end");
}

/* ---- what is remembered ---- */

static struct next_hop_question
about(const char *text)
{
	struct next_hop_question q = { .user = 0 };

	strlcpy(q.text, text, sizeof(q.text));
	return q;
}

static void
keep(struct hop_memory *m, const char *text, uint32_t now, const char *line)
{
	struct next_hop_question q = about(text);
	struct next_hop_answer a = { .result = line[0] == '\0' ? NEXT_HOP_TAKES
		                               : line[0] == '4'
		                                   ? NEXT_HOP_LATER
		                                   : NEXT_HOP_REFUSES };

	strlcpy(a.line, line, sizeof(a.line));
	hop_memory_keep(m, &q, now, &a, strstr(line, ".2.2 ") != NULL);
}

/* "": takes it; a line; "?": it has to be asked; "!": the same, but it has
   taken mail for that. */
static const char *
known(struct hop_memory *m, const char *text, uint32_t now)
{
	static struct next_hop_answer a;
	struct next_hop_question q = about(text);

	if (hop_memory_knows(m, &q, now, &a)) {
		return a.line;
	}
	return hop_memory_has_taken(m, &q, now) ? "!" : "?";
}

static void
is(struct hop_memory *m, const char *text, uint32_t now, const char *wanted)
{
	const char *got = known(m, text, now);

	ok(strcmp(got, wanted) == 0, "%s after %u s: \"%s\"", text, now - NOW,
	    got);
}

static void
test_times(struct hop_memory *m)
{
	is(m, "a@b.example", NOW, "?");
	keep(m, "a@b.example", NOW, "");
	is(m, "a@b.example", NOW + 59, "");
	is(m, "a@B.example", NOW + 59, "");
	is(m, "A@b.example", NOW + 59, "?");
	is(m, "a@c.example", NOW + 59, "?");
	is(m, "a@b.example", NOW + 60, "!");
	is(m, "a@b.example", NOW - 60, "!");
	is(m, "a@b.example", NOW + 7 * DAY - 1, "!");
	is(m, "a@b.example", NOW + 7 * DAY, "?");
	keep(m, "a@b.example", NOW, "552 5.2.2 full");
	is(m, "a@b.example", NOW + 59, "552 5.2.2 full");
	is(m, "a@b.example", NOW + 60, "?");
	keep(m, "a@b.example", NOW, "452 4.2.2 full");
	is(m, "a@b.example", NOW + 59, "452 4.2.2 full");
	keep(m, "a@b.example", NOW, "550 5.1.1 no");
	is(m, "a@b.example", NOW + 599, "550 5.1.1 no");
	is(m, "a@b.example", NOW + 600, "?");
	keep(m, "a@b.example", NOW, "");
	is(m, "a@b.example", NOW, "");
}

static void
test_hops(struct hop_memory *m, const struct config *config)
{
	static struct hop other = { .host = "other.example", .port = 24 };
	struct hop_memory second;

	hop_memory_open(&second, config, &other, ROLE_MX);
	keep(m, "d@b.example", NOW, "");
	is(m, "d@b.example", NOW, "");
	is(&second, "d@b.example", NOW, "?");
	ok(!hop_memory_is_down(m, NOW) && hop_memory_note_down(m, NOW) &&
		!hop_memory_note_down(m, NOW) &&
		hop_memory_is_down(m, NOW + 9) &&
		!hop_memory_is_down(m, NOW + 10),
	    "a hop is down for a while");
	ok(!hop_memory_is_down(&second, NOW), "and another one is not");
	bool places = true;
	struct hop_memory more[HOP_PLACES + 1];
	for (int i = 0; i < HOP_PLACES + 1; i++) {
		hop_memory_open(&more[i], config, &other, ROLE_MX);
		places = places &&
		         hop_memory_take_place(&more[i]) == (i < HOP_PLACES);
	}
	ok(places && hop_memory_take_place(m), "each has so many connections");
	hop_memory_close(&more[0]);
	ok(hop_memory_take_place(&more[HOP_PLACES]),
	    "a place can be had again");
	for (int i = 1; i < HOP_PLACES + 1; i++) {
		hop_memory_close(&more[i]);
	}
	hop_memory_close(&second);
}

/* Many more names than there is room for. */
static void
test_dictionary(struct hop_memory *m)
{
	enum { REAL = 1000, TRIED = 400000 };
	char text[64];
	int lost = 0, kept = 0;

	for (int i = 0; i < REAL; i++) {
		snprintf(text, sizeof(text), "real%d@b.example", i);
		keep(m, text, NOW, "");
	}
	for (int i = 0; i < TRIED; i++) {
		snprintf(text, sizeof(text), "try%d@b.example", i);
		keep(m, text, NOW + 1, "550 5.1.1 no");
	}
	for (int i = 0; i < REAL; i++) {
		snprintf(text, sizeof(text), "real%d@b.example", i);
		lost += strcmp(known(m, text, NOW + 61), "!") != 0;
	}
	for (int i = 0; i < REAL; i++) {
		snprintf(text, sizeof(text), "try%d@b.example", TRIED - 1 - i);
		kept += known(m, text, NOW + 2)[0] == '5';
	}
	ok(lost == 0, "%d of those who exist are forgotten", lost);
	ok(kept > REAL / 2, "%d of the last that were tried are known", kept);
}

int
main(void)
{
	static struct config config;
	static struct hop hop = { .host = "store.example", .port = 24 };
	struct hop_memory memory;

	test_read();
	test_valid();
	scratch_make();
	scratch_path(config.state, "");
	hop_memory_open(&memory, &config, &hop, ROLE_MX);
	test_times(&memory);
	test_hops(&memory, &config);
	test_dictionary(&memory);
	hop_memory_close(&memory);
	is(&memory, "a@b.example", NOW, "?");
	return tap_done();
}
