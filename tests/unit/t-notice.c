/* SPDX-License-Identifier: ISC */
/*
 * The small words of notices: a period that is misread, or a damaged memory
 * that is believed, holds back what somebody should have been told.
 */
#include "smtpd/send/related.h"
#include "smtpd/send/notice.h"
#include "smtpd/send/dedupe.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

static const struct {
	const char *text;
	int64_t seconds; /* 0: refused */
} periods[] = {
	{ "1s", 1 },
	{ "90s", 90 },
	{ "15m", 900 },
	{ "1h", 3600 },
	{ "2d", 172800 },
	{ "1h30m", 5400 },
	{ "366d", PERIOD_MAX },
	{ "367d", 0 },
	{ "366d1s", 0 },
	{ "99999999999999999999s", 0 },
	{ "", 0 },
	{ "0h", 0 },
	{ "1", 0 },
	{ "h", 0 },
	{ "1w", 0 },
	{ "1 h", 0 },
	{ " 1h", 0 },
	{ "-1h", 0 },
	{ "+1h", 0 },
	{ "1.5h", 0 },
	{ "1h ", 0 },
	{ "1hour", 0 },
};

static void
test_periods(void)
{
	for (size_t i = 0; i < sizeof(periods) / sizeof(periods[0]); i++) {
		int64_t seconds = 0;
		bool good = period_parse(periods[i].text, &seconds);
		ok(good == (periods[i].seconds > 0) &&
			(!good || seconds == periods[i].seconds),
		    "period \"%s\"", periods[i].text);
	}
}

static void
test_record(void)
{
	const struct notice_record r = { .sent = 1700000000, .held = 4000 };
	struct notice_record back;
	char text[RECORD_SIZE + 1];
	unsigned believed = 0;

	record_text(&r, text);
	ok(strlen(text) == RECORD_SIZE, "a record has its width");
	record_parse(text, RECORD_SIZE, &back);
	ok(back.sent == r.sent && back.held == r.held, "what was written");
	for (size_t n = 0; n < RECORD_SIZE; n++) {
		record_parse(text, n, &back);
		believed += back.sent != 0 || back.held != 0;
	}
	ok(believed == 0, "no part of a record is one");
	/* Each octet damaged: digits may become other digits, no more. */
	for (size_t i = 0; i < RECORD_SIZE; i++) {
		char damaged[RECORD_SIZE + 1];
		memcpy(damaged, text, sizeof(damaged));
		damaged[i] = '\0';
		record_parse(damaged, RECORD_SIZE, &back);
		believed += back.sent != 0 || back.held != 0;
		damaged[i] = (char)(text[i] ^ 0x40);
		record_parse(damaged, RECORD_SIZE, &back);
		believed += back.sent != 0 || back.held != 0;
	}
	ok(believed == 0, "no damaged record is one");
	memset(text, '9', sizeof(text));
	memcpy(text, "restante-notice 1 ", 18);
	text[37] = ' ';
	text[57] = ' ';
	text[58] = '\n';
	record_parse(text, RECORD_SIZE, &back);
	ok(back.sent == 0 && back.held == 0, "a number that overflows");
}

static const struct {
	const char *name;
	int64_t sent, now, period;
	bool due;
} times[] = {
	{ "never sent", 0, 1000, 60, true },
	{ "just sent", 1000, 1000, 60, false },
	{ "a second early", 1000, 1059, 60, false },
	{ "on time", 1000, 1060, 60, true },
	{ "long ago", 1000, INT64_MAX, 60, true },
	{ "in the future: the clock was set back", 1000, 999, 60, true },
};

static void
test_due(void)
{
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		const struct notice_record r = { .sent = times[i].sent };
		ok(record_due(&r, times[i].now, times[i].period) ==
			times[i].due,
		    "due: %s", times[i].name);
	}
}

/* "": there is no reference. */
static const struct {
	const char *html, *found;
} references[] = {
	{ "<img src=\"cid:a.png\">", "a.png" },
	{ "<img src='cid:a.png'>", "a.png" },
	{ "<img src=cid:a.png>", "a.png" },
	{ "<img src=cid:a.png alt=x>", "a.png" },
	{ "<IMG SRC=\"CID:a.png\">", "a.png" },
	{ "<p style=\"background: url(cid:a.png)\">", "a.png" },
	{ "<p style=\"background: url('cid:a.png')\">", "a.png" },
	{ "<img src=\"cid:two words.png\">", "two words.png" },
	{ "<img src=\"cid:a&amp;b.png\">", "a&amp;b.png" },
	{ "<p style=\"background:url(&quot;cid:a.png&quot;)\">", "a.png" },
	{ "<p style='background:url(&#39;cid:a&amp;b.png&#39;)'>",
	    "a&amp;b.png" },
	{ "<img src=\" cid:a.png \">", "a.png" },
	{ "<img src = \tcid:a.png>", "a.png" },
	{ "<p style=\"background:url( cid:two words.png\t)\">",
	    "two words.png" },
	{ "<p style=\"background:url(&quot; cid:a.png &quot;)\">", "a.png" },
	{ " cid:a.png", "" },
	{ "x &amp; cid:a.png", "" },
	{ "x &amp;cid:a.png", "" },
	{ "<img src=\"cid:it's.png\">", "it's.png" },
	{ "<img src=\"cid:a.png", "a.png" },
	{ "<img src=\"cid:\">", "" },
	{ "a: b, \"acid:a.png\", cid:a.png", "" },
	{ "cid:a.png", "" },
	{ ":::::::", "" },
	{ "", "" },
	{ "<a href=\"http://cid:a.png/\"><img src=\"cid:b.png\">", "b.png" },
};

static void
test_references(void)
{
	for (size_t i = 0; i < sizeof(references) / sizeof(references[0]);
	     i++) {
		const char *html = references[i].html;
		struct cid cid = { 0 };
		bool found = cid_next(html, strlen(html), 0, &cid);
		size_t n = strlen(references[i].found);
		ok(n == 0 ? !found || cid.len == 0
			  : found && cid.len == n &&
				memcmp(html + cid.at, references[i].found, n) ==
				    0,
		    "reference in %s", html);
	}
}

static const struct {
	const char *reference, *name;
	bool same;
} names[] = {
	{ "a.png", "a.png", true },
	{ "a.png", "b.png", false },
	{ "a.png", "a.pn", false },
	{ "a.pn", "a.png", false },
	{ "my%20disk.png", "my disk.png", true },
	{ "%e5%9B%BE.png", "\345\233\276.png", true },
	{ "\345\233\276.png", "\345\233\276.png", true },
	{ "100%", "100%", true },
	{ "100%2", "100%2", true },
	{ "100%zz", "100%zz", true },
	{ "50%25", "50%", true },
	{ "50%25", "50%25", true },
	{ "a%00", "a", false },
	{ "a&amp;b.png", "a&b.png", true },
	{ "a&amp;b.png", "a&amp;b.png", true },
	{ "a&#38;b.png", "a&b.png", true },
	{ "a&#x26;b.png", "a&b.png", true },
	{ "a&lt;&gt;&quot;&apos;", "a<>\"'", true },
	{ "a%26amp;b.png", "a&amp;b.png", true },
	{ "a%26b&amp;c", "a&b&c", true },
	{ "M&uuml;ller.png", "M\303\274ller.png", true },
	{ "&#22270;.png", "\345\233\276.png", true },
	{ "&#x1F600;.png", "\360\237\230\200.png", true },
	{ "a&b.png", "a&b.png", true },
	{ "a&nix;b", "a&nix;b", true },
	{ "a&#xd800;b", "a&#xd800;b", true },
	{ "a&#0;b", "a", false },
	{ "a&#99999999999999999999;b", "ab", false },
	{ "&amp;", "", false },
	{ "", "a", false },
};

static void
test_names(void)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ok(cid_is(names[i].reference, strlen(names[i].reference),
		       names[i].name) == names[i].same,
		    "cid:%s and a file", names[i].reference);
	}
}

static void
test_options(void)
{
	static struct notice n;
	char error[CONFIG_ERROR];

	ok(notice_option(&n, "every", "often", error) == -1, "no period");
	for (int i = 0; i < NOTICE_FILES; i++) {
		ok(notice_option(&n, i % 2 == 0 ? "a" : "inline", "f", error) ==
			    0 &&
			n.files[i].shown == (i % 2 == 1),
		    "file %d", i);
	}
	ok(notice_option(&n, "a", "f", error) == -1, "one file too many");
}

int
main(void)
{
	test_periods();
	test_record();
	test_due();
	test_references();
	test_names();
	test_options();
	return tap_done();
}
