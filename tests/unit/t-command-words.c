/* SPDX-License-Identifier: ISC */
/* A command of the aliases is cut into words, and no shell is imitated. */
#include "smtpd/local/words.h"

#include "tests/unit/tap.h"

#include <string.h>

enum { ROOM = 1024 };

static const struct {
	const char *text;
	const char *words; /* each ended by a bar; NULL: refused */
} cases[] = {
	{ "/bin/true", "/bin/true|" },
	{ "  /bin/a \t b  c ", "/bin/a|b|c|" },
	{ "/bin/a 'b c' d", "/bin/a|b c|d|" },
	{ "/bin/a \"b c\" d", "/bin/a|b c|d|" },
	{ "/bin/a b' 'c\" \"d", "/bin/a|b c d|" },
	{ "/bin/a '' \"\"", "/bin/a|||" },
	{ "/bin/a ''", "/bin/a||" },
	{ "/bin/a b\\ c \\\"", "/bin/a|b c|\"|" },
	{ "/bin/a \"\\\"x\\\"\"", "/bin/a|\"x\"|" },
	{ "/bin/a \"\\\\\" '\\'", "/bin/a|\\|\\|" },
	{ "/bin/a \"\\n\"", "/bin/a|\\n|" },
	{ "/bin/a \"'\" '\"'", "/bin/a|'|\"|" },
	{ "/bin/a ; b & $(c) `d` * ? ~ >e <f #g ${h} !i",
	    "/bin/a|;|b|&|$(c)|`d`|*|?|~|>e|<f|#g|${h}|!i|" },
	{ "/bin/a;b|c", "/bin/a;b|c|" },
	{ "/bin/a \303\244", "/bin/a|\303\244|" },
	{ "", NULL },
	{ " \t ", NULL },
	{ "/bin/a 'b", NULL },
	{ "/bin/a \"b", NULL },
	{ "/bin/a \"b\\\"", NULL },
	{ "/bin/a '", NULL },
	{ "/bin/a b\\", NULL },
	{ "\\", NULL },
};

static void
join(char **words, char joined[ROOM])
{
	joined[0] = '\0';
	for (; *words != NULL; words++) {
		strlcat(joined, *words, ROOM);
		strlcat(joined, "|", ROOM);
	}
}

static void
test_many(size_t n, bool accepted)
{
	char text[ROOM] = "";
	char *words[WORDS_MOST + 1];

	for (size_t i = 0; i < n; i++) {
		strlcat(text, "/a ", sizeof(text));
	}
	ok(words_split(text, words) == accepted, "%zu words", n);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[ROOM], joined[ROOM] = "refused";
		char *words[WORDS_MOST + 1];
		const char *expected =
		    cases[i].words != NULL ? cases[i].words : "refused";
		strlcpy(text, cases[i].text, sizeof(text));
		if (words_split(text, words)) {
			join(words, joined);
		}
		if (!ok(strcmp(joined, expected) == 0, "words of: %s",
			cases[i].text)) {
			note("%s", joined);
		}
	}
	test_many(WORDS_MOST, true);
	test_many(WORDS_MOST + 1, false);
	return tap_done();
}
