/* SPDX-License-Identifier: ISC */
/*
 * Replies: what a next hop may say, and what none may.  A reply that is read
 * as more than it says loses mail, or bounces it without need.
 */
#include "smtpd/relay/judge.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#define T(text) text, sizeof(text) - 1

static const struct {
	const char *test, *data;
	size_t len;
	enum response_state state;
	unsigned code;
	const char *enhanced, *words;
	size_t left; /* octets that are not of it */
} replies[] = {
	{ "one line", T("250 Ok\r\n"), RESPONSE_DONE, 250, "", "250 Ok", 0 },
	{ "an enhanced code", T("550 5.1.1 No such user\r\n"), RESPONSE_DONE,
	    550, "5.1.1", "550 5.1.1 No such user", 0 },
	{ "no text", T("250\r\n"), RESPONSE_DONE, 250, "", "250", 0 },
	{ "a blank and no text", T("250 \r\n"), RESPONSE_DONE, 250, "", "250",
	    0 },
	{ "bare LF", T("250 Ok\n"), RESPONSE_DONE, 250, "", "250 Ok", 0 },
	{ "lines", T("550-5.7.1 No\r\n550-5.7.1 more\r\n550 5.7.1 end\r\n"),
	    RESPONSE_DONE, 550, "5.7.1", "550 5.7.1 No / more / end", 0 },
	{ "lines without text", T("250-\r\n250-\r\n250\r\n"), RESPONSE_DONE,
	    250, "", "250", 0 },
	{ "what follows", T("250 Ok\r\n250 and another\r\n"), RESPONSE_DONE,
	    250, "", "250 Ok", 17 },
	{ "an enhanced code alone", T("250 2.0.0\r\n"), RESPONSE_DONE, 250,
	    "2.0.0", "250 2.0.0", 0 },
	{ "of another class", T("250 5.1.1 Hm\r\n"), RESPONSE_DONE, 250, "",
	    "250 5.1.1 Hm", 0 },
	{ "not quite one", T("550 5.1.1x\r\n"), RESPONSE_DONE, 550, "",
	    "550 5.1.1x", 0 },
	{ "an address", T("550 5.1 No\r\n"), RESPONSE_DONE, 550, "",
	    "550 5.1 No", 0 },
	{ "too many digits", T("550 5.1.1234 No\r\n"), RESPONSE_DONE, 550, "",
	    "550 5.1.1234 No", 0 },
	{ "control characters", T("250 a\tb\033[1mc\r\n"), RESPONSE_DONE, 250,
	    "", "250 a?b?[1mc", 0 },
	{ "a CR inside", T("250 a\rb\r\n"), RESPONSE_DONE, 250, "", "250 a?b",
	    0 },
	{ "8-bit text", T("250 \303\274\r\n"), RESPONSE_DONE, 250, "",
	    "250 \303\274", 0 },
	{ "000", T("000 What\r\n"), RESPONSE_DONE, 0, "", "000 What", 0 },
	{ "999", T("999 What\r\n"), RESPONSE_DONE, 999, "", "999 What", 0 },
	{ "half a line", T("250 Ok"), RESPONSE_MORE, 0, "", NULL, 0 },
	{ "half a reply", T("250-Ok\r\n"), RESPONSE_MORE, 250, "", NULL, 0 },
	{ "nothing", T(""), RESPONSE_MORE, 0, "", NULL, 0 },
	{ "an empty line", T("\r\n"), RESPONSE_NONSENSE, 0, "", NULL, 0 },
	{ "two digits", T("25\r\n"), RESPONSE_NONSENSE, 0, "", NULL, 0 },
	{ "four digits", T("2500 Ok\r\n"), RESPONSE_NONSENSE, 0, "", NULL, 0 },
	{ "no code", T("Hello\r\n"), RESPONSE_NONSENSE, 0, "", NULL, 0 },
	{ "a sign", T("+50 Ok\r\n"), RESPONSE_NONSENSE, 0, "", NULL, 0 },
	{ "a blank ahead", T(" 250 Ok\r\n"), RESPONSE_NONSENSE, 0, "", NULL,
	    0 },
	{ "two codes", T("250-Ok\r\n550 No\r\n"), RESPONSE_NONSENSE, 250, "",
	    NULL, 0 },
	{ "a second line without one", T("250-Ok\r\nand so on\r\n"),
	    RESPONSE_NONSENSE, 250, "", NULL, 0 },
	{ "NUL in the text", T("250 O\0k\r\n"), RESPONSE_NONSENSE, 0, "", NULL,
	    0 },
	{ "NUL in the code", T("2\00050 Ok\r\n"), RESPONSE_NONSENSE, 0, "",
	    NULL, 0 },
	{ "NUL first", T("\000250 Ok\r\n"), RESPONSE_NONSENSE, 0, "", NULL, 0 },
};

/* In two parts, as the network would have it. */
static size_t
feed(struct response *r, const char *data, size_t len, size_t split)
{
	response_start(r);
	size_t n = response_feed(r, data, split);
	return n == split ? n + response_feed(r, data + n, len - n) : n;
}

static void
test_replies(void)
{
	struct response r;
	char words[200];

	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		bool good = true;
		for (size_t split = 0; split <= replies[i].len; split++) {
			size_t n =
			    feed(&r, replies[i].data, replies[i].len, split);
			good = good && r.state == replies[i].state;
			if (r.state != RESPONSE_DONE) {
				continue;
			}
			good = good && r.code == replies[i].code &&
			       strcmp(r.enhanced, replies[i].enhanced) == 0 &&
			       strcmp(response_words(&r, words, sizeof(words)),
				   replies[i].words) == 0 &&
			       n == replies[i].len - replies[i].left;
		}
		ok(good, "%s, split anywhere", replies[i].test);
	}
}

static void
test_bounds(void)
{
	static char line[RESPONSE_FLOOD * 2];
	struct response r;
	char words[RESPONSE_TEXT + 200], few[16];

	memset(line, 'x', sizeof(line));
	memcpy(line, "250 ", 4);
	response_start(&r);
	size_t n = response_feed(&r, line, sizeof(line));
	ok(r.state == RESPONSE_NONSENSE && n == RESPONSE_FLOOD + 1 &&
		r.len == RESPONSE_TEXT && r.text[r.len] == '\0',
	    "a line without end is given up");
	response_start(&r);
	for (n = 0; r.state == RESPONSE_MORE && n < 100000; n++) {
		(void)response_feed(&r, "250-\r\n", 6);
	}
	ok(r.state == RESPONSE_NONSENSE && n * 6 < RESPONSE_FLOOD + 12,
	    "so are lines without end");
	response_start(&r);
	for (n = 0; n < 1000; n++) {
		(void)response_feed(&r, "550-5.1.1 text\r\n", 16);
	}
	(void)response_feed(&r, "550 end\r\n", 9);
	ok(r.state == RESPONSE_DONE && r.lines == 1000 &&
		r.len < RESPONSE_TEXT && strstr(r.text, "end") == NULL,
	    "of many lines the first are kept");
	ok(strlen(response_words(&r, few, sizeof(few))) == sizeof(few) - 1 &&
		strlen(response_words(&r, words, sizeof(words))) <
		    sizeof(words),
	    "words are cut to their room");
}

static const struct {
	const char *text;
	enum phase phase;
	bool smarthost;
	enum judgement judgement;
} judged[] = {
	{ "250 Ok", PHASE_MAIL, false, JUDGE_GOOD },
	{ "252 Perhaps", PHASE_RCPT, false, JUDGE_GOOD },
	{ "251 Elsewhere", PHASE_RCPT, false, JUDGE_GOOD },
	{ "354 Go", PHASE_DATA, false, JUDGE_GOOD },
	{ "250 Go", PHASE_DATA, false, JUDGE_NONSENSE },
	{ "354 Go", PHASE_RCPT, false, JUDGE_NONSENSE },
	{ "354 Go", PHASE_DOT, false, JUDGE_NONSENSE },
	{ "150 Hm", PHASE_DOT, false, JUDGE_NONSENSE },
	{ "000 Hm", PHASE_DOT, false, JUDGE_NONSENSE },
	{ "999 Hm", PHASE_DOT, false, JUDGE_NONSENSE },
	{ "600 Hm", PHASE_MAIL, false, JUDGE_NONSENSE },
	{ "450 4.2.1 Busy", PHASE_RCPT, false, JUDGE_LATER },
	{ "451 4.3.0 Hm", PHASE_DOT, false, JUDGE_LATER },
	{ "550 5.1.1 No", PHASE_RCPT, false, JUDGE_NEVER },
	{ "550 No", PHASE_MAIL, false, JUDGE_NEVER },
	{ "554 5.7.1 Spam", PHASE_DOT, false, JUDGE_NEVER },
	{ "554 5.7.1 Spam", PHASE_DOT, true, JUDGE_NEVER },
	{ "554 5.7.1 Not you", PHASE_MAIL, true, JUDGE_LATER },
	{ "554 5.7.1 Relay access denied", PHASE_RCPT, true, JUDGE_LATER },
	{ "554 5.7.1 Relay access denied", PHASE_RCPT, false, JUDGE_NEVER },
	{ "550 5.7.1 Spam", PHASE_RCPT, true, JUDGE_NEVER },
	{ "554 5.7.1 Not you", PHASE_MAIL, false, JUDGE_NEVER },
	{ "452 4.5.3 Too many", PHASE_RCPT, false, JUDGE_TOO_MANY },
	{ "552 Too many recipients", PHASE_RCPT, false, JUDGE_TOO_MANY },
	{ "552 5.2.2 Full", PHASE_RCPT, false, JUDGE_NEVER },
	{ "452 4.2.2 Full", PHASE_RCPT, false, JUDGE_LATER },
	{ "552 5.3.4 Too big", PHASE_DOT, false, JUDGE_NEVER },
	{ "421 4.3.2 Bye", PHASE_RCPT, false, JUDGE_DEAD },
	{ "421 Bye", PHASE_DOT, false, JUDGE_DEAD },
	{ "530 5.7.0 Log in first", PHASE_MAIL, false, JUDGE_DEAD },
	{ "535 5.7.8 Wrong", PHASE_MAIL, true, JUDGE_DEAD },
	{ "550 5.7.0 Log in first", PHASE_MAIL, true, JUDGE_DEAD },
	{ "503 5.5.1 Sequence", PHASE_RCPT, false, JUDGE_LATER },
	{ "500 What?", PHASE_MAIL, false, JUDGE_LATER },
	{ "555 What?", PHASE_MAIL, false, JUDGE_LATER },
	{ "500 Line too long", PHASE_DOT, false, JUDGE_NEVER },
	{ "501 5.1.3 Bad address", PHASE_RCPT, false, JUDGE_NEVER },
};

static void
test_judgements(void)
{
	struct response r;

	for (size_t i = 0; i < sizeof(judged) / sizeof(judged[0]); i++) {
		response_start(&r);
		(void)response_feed(&r, judged[i].text, strlen(judged[i].text));
		(void)response_feed(&r, "\r\n", 2);
		enum judgement j =
		    judge_response(&r, judged[i].phase, judged[i].smarthost);
		ok(j == judged[i].judgement, "%s in reply to %s%s",
		    judged[i].text, phase_name(judged[i].phase),
		    judged[i].smarthost ? " of a smarthost" : "");
	}
}

int
main(void)
{
	test_replies();
	test_bounds();
	test_judgements();
	return tap_done();
}
