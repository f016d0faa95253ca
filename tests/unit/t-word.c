/* SPDX-License-Identifier: ISC */
/*
 * Subjects and names in any script must arrive as they were, in lines that
 * every program takes, and must never become a field of their own.
 */
#include "common/mime/word.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

static const struct {
	const char *text, *means;
} decoded[] = {
	{ "plain", "plain" },
	{ " a  b\n c ", "a  b c" },
	{ "=?utf-8?q?=C3=A9?=", "\303\251" },
	{ "=?UTF-8?B?w6k=?= x", "\303\251 x" },
	{ "=?utf-8?q?a?= =?utf-8?q?b?=", "ab" },
	{ "=?utf-8?q?a?=\r\n\t=?utf-8?q?_b?=", "a b" },
	{ "=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c" },
	{ "=?iso-8859-1*de?Q?=E9?=", "\303\251" },
	{ "=?windows-1252?Q?=80?=", "\342\202\254" },
	{ "=?utf-8?q?=E6=BC?= =?utf-8?q?=A2?=", "\346\274\242" },
	{ "=?utf-8?q?=E6=BC?=", "\357\277\275\357\277\275" },
	{ "=?koi8-r?B?0A==?=", "\320\277" },
	{ "=?no-such?q?a?=", "=?no-such?q?a?=" },
	{ "=?../etc//x?q?a?=", "=?../etc//x?q?a?=" },
	{ "=?utf-8?x?a?=", "=?utf-8?x?a?=" },
	{ "=?utf-8?q?a", "=?utf-8?q?a" },
	{ "=?utf-8?q?\?=", "" },
	{ "a=?utf-8?q?b?=c", "abc" },
	{ "a\377b", "a\357\277\275b" },
	{ "caf\303\251", "caf\303\251" },
};

static const struct {
	enum word_context context;
	const char *text, *means;
} encoded[] = {
	{ WORD_TEXT, "", "" },
	{ WORD_TEXT, "plain text, \"quoted\"", "plain text, \"quoted\"" },
	{ WORD_TEXT, "a  b", "a  b" },
	{ WORD_TEXT, "\303\251", "=?utf-8?B?w6k=?=" },
	{ WORD_TEXT, "disk \303\251t\303\251 full",
	    "disk =?utf-8?B?w6l0w6k=?= full" },
	{ WORD_TEXT, "a\nBcc: b", "a Bcc: b" },
	{ WORD_TEXT, "a\r\nBcc: b", "a =?utf-8?Q?_Bcc:?= b" },
	{ WORD_TEXT, "\377", "=?unknown-8bit?Q?=FF?=" },
	{ WORD_TEXT, "a =?x?=", "a =?utf-8?B?PT94Pz0=?=" },
	{ WORD_TEXT, " a", "=?utf-8?Q?_a?=" },
	{ WORD_PHRASE, "Jane Doe", "Jane Doe" },
	{ WORD_PHRASE, "Doe, J.", "\"Doe, J.\"" },
	{ WORD_PHRASE, "a\"b\\c", "\"a\\\"b\\\\c\"" },
	{ WORD_PHRASE, "a\nb", "=?utf-8?Q?a_b?=" },
	{ WORD_PHRASE, "\303\251 (x)", "=?utf-8?B?w6kgKHgp?=" },
	{ WORD_WORDS, "a;b", "=?utf-8?B?YTti?=" },
};

static void
test_decode(void)
{
	char out[256];

	for (size_t i = 0; i < sizeof(decoded) / sizeof(decoded[0]); i++) {
		ssize_t n = word_decode(
		    decoded[i].text, strlen(decoded[i].text), out, sizeof(out));
		if (!ok(n == (ssize_t)strlen(decoded[i].means) &&
			    strcmp(out, decoded[i].means) == 0,
			"read: case %zu", i)) {
			note("%s", n == -1 ? "does not fit" : out);
		}
	}
	ok(word_decode("abc", 3, out, 3) == -1, "no room for the NUL");
	ok(word_decode("abc", 3, out, 4) == 3, "just enough room");
	ok(word_decode_phrase(
	       "\"a \\\"b\" =?utf-8?q?=22?=", 23, out, sizeof(out)) == 6 &&
		strcmp(out, "a \"b \"") == 0,
	    "quotes of a phrase go, those inside of words stay");
}

static void
test_encode(void)
{
	char out[512];

	for (size_t i = 0; i < sizeof(encoded) / sizeof(encoded[0]); i++) {
		ssize_t n = word_encode(encoded[i].context, encoded[i].text,
		    strlen(encoded[i].text), 9, "\n", out, sizeof(out));
		if (!ok(n == (ssize_t)strlen(encoded[i].means) &&
			    strcmp(out, encoded[i].means) == 0,
			"written: case %zu", i)) {
			note("%s", n == -1 ? "does not fit" : out);
		}
	}
}

/* The longest line of a folded value. */
static size_t
longest(const char *text, size_t column)
{
	size_t most = 0;

	for (;;) {
		size_t n = strcspn(text, "\n");
		most = n + column > most ? n + column : most;
		if (text[n] == '\0') {
			return most;
		}
		text += n + 1;
		column = 0;
	}
}

static void
test_folds(void)
{
	char text[301], out[WORD_ENCODED(300)], back[1000];

	for (size_t i = 0; i + 3 <= 300; i += 3) {
		memcpy(text + i, "\346\274\242", 3);
	}
	text[300] = '\0';
	ssize_t n =
	    word_encode(WORD_TEXT, text, 300, 70, "\n", out, sizeof(out));
	ok(n > 0 && longest(out, 70) <= WORD_LINE, "words are folded");
	ok(strstr(out, "\n =?") != NULL, "at blanks");
	ok(word_decode(out, (size_t)n, back, sizeof(back)) == 300 &&
		strcmp(back, text) == 0,
	    "and mean the same");
	for (size_t i = 0; i < 300; i++) {
		text[i] = i % 7 == 6 ? ' ' : 'x';
	}
	n = word_encode(WORD_TEXT, text, 300, 9, "\n", out, sizeof(out));
	ok(n > 0 && longest(out, 9) <= WORD_LINE && strstr(out, "=?") == NULL,
	    "plain text is folded, and stays plain");
	ok(word_encode(WORD_TEXT, text, 300, 9, "\n", out, 300) == -1,
	    "no room");
}

int
main(void)
{
	test_decode();
	test_encode();
	test_folds();
	return tap_done();
}
