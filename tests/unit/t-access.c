/* SPDX-License-Identifier: ISC */
/*
 * The rules of the access file: the first that fits counts, what is no rule is
 * said and does nothing, and nobody is refused who was not meant.
 */
#include "common/names/access.h"

#include "common/text/network.h"
#include "tests/unit/tap.h"

#include <stdlib.h>
#include <string.h>

static struct access *
read_text(const char *text, struct access_faults *faults)
{
	struct access *a = access_read(text, strlen(text), faults);

	if (a == NULL) {
		abort();
	}
	return a;
}

/* ---- lines ---- */

static const struct {
	const char *text;
	size_t rules, faults;
	unsigned line;
	const char *what;
} files[] = {
	{ "", 0, 0, 0, NULL },
	{ "\n  \n# refuse\n\t# x\n", 0, 0, 0, NULL },
	{ "refuse from a@b.example\n", 1, 0, 0, NULL },
	{ "refuse from a@b.example", 1, 0, 0, NULL },
	{ "refuse from a@b.example\r\naccept from c@d.example\r\n", 2, 0, 0,
	    NULL },
	{ "\t Refuse  FROM\t@b.example   go away  # why\n", 1, 0, 0, NULL },
	{ "refuse from @.b.example\nrefuse helo .b.example\n", 2, 0, 0, NULL },
	{ "accept client 192.0.2.0/24\naccept client ::1\n", 2, 0, 0, NULL },
	{ "refuse helo [192.0.2.1]\nrefuse helo ylmf-pc\n", 2, 0, 0, NULL },
	{ "refuse header @x.example\nrefuse to a@x.example\n", 2, 0, 0, NULL },
	{ "deny from @x.example\n", 0, 1, 1, "refuse or accept" },
	{ "\n\nrefuse\n", 0, 1, 3, "client, helo, from, to or header" },
	{ "refuse sender @x.example\n", 0, 1, 1, "client, helo" },
	{ "refuse from\n", 0, 1, 1, "an address" },
	{ "refuse from x.example\n", 0, 1, 1, "an address" },
	{ "refuse from a@\n", 0, 1, 1, "an address" },
	{ "refuse from @\n", 0, 1, 1, "an address" },
	{ "refuse from <>\n", 0, 1, 1, "an address" },
	{ "refuse from a@b\xc3\xbc.example\n", 0, 1, 1, "an address" },
	{ "refuse client mx.example\n", 0, 1, 1, "a network" },
	{ "refuse client 192.0.2.1/24\n", 0, 1, 1, "a network" },
	{ "refuse helo\n", 0, 1, 1, "a name" },
	{ "refuse from @x.example caf\xc3\xa9\n", 0, 1, 1, "not ASCII" },
	{ "refuse from @x.example a\tb\n", 0, 1, 1, "not ASCII" },
	{ "accept from @x.example text\n", 0, 1, 1, "nothing expected" },
	{ "refuse from @a.example\nx\nrefuse from @b.example\ny\n", 2, 2, 2,
	    "refuse or accept" },
};

static void
test_lines(void)
{
	struct access_faults faults;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct access *a = read_text(files[i].text, &faults);
		ok(access_count(a) == files[i].rules &&
			faults.count == files[i].faults &&
			faults.line == files[i].line &&
			(files[i].what == NULL ||
			    strstr(faults.what, files[i].what) != NULL),
		    "file %zu: %s", i,
		    faults.what == NULL ? "all right" : faults.what);
		access_free(a);
	}
	static const char nul[] = "refuse from @a.ex\0ample\nrefuse to a@b.c\n";
	struct access *a = access_read(nul, sizeof(nul) - 1, &faults);
	ok(access_count(a) == 1 && faults.count == 1 && faults.line == 1,
	    "a NUL makes its line one with a mistake");
	access_free(a);
	char text[ACCESS_TEXT + 32] = "refuse to a@b.c ";
	memset(text + 16, 'x', ACCESS_TEXT);
	a = read_text(text, &faults);
	ok(faults.count == 0, "a text as long as it may be");
	access_free(a);
	text[16 + ACCESS_TEXT] = 'x';
	a = read_text(text, &faults);
	ok(faults.count == 1, "a longer one");
	access_free(a);
}

/* ---- questions ---- */

static const struct {
	const char *rules;
	const char *client, *helo, *from, *to, *author; /* NULL: not asked */
	uint32_t rule;                                  /* that fits, or 0 */
} questions[] = {
	{ "refuse from a@b.example\n", NULL, NULL, "<a@b.example>", NULL, NULL,
	    1 },
	{ "refuse from A@B.example\n", NULL, NULL, "<a@b.EXAMPLE>", NULL, NULL,
	    1 },
	{ "refuse from a@b.example\n", NULL, NULL, "<\"a\"@b.example>", NULL,
	    NULL, 1 },
	{ "refuse from a@b.example\n", NULL, NULL, "<aa@b.example>", NULL, NULL,
	    0 },
	{ "refuse from a@b.example\n", NULL, NULL, "<a+x@b.example>", NULL,
	    NULL, 0 },
	{ "refuse from a@b.example\n", NULL, NULL, NULL, "<a@b.example>", NULL,
	    0 },
	{ "refuse from @b.example\n", NULL, NULL, "<x@b.example>", NULL, NULL,
	    1 },
	{ "refuse from @b.example\n", NULL, NULL, "<x@c.b.example>", NULL, NULL,
	    0 },
	{ "refuse from @.b.example\n", NULL, NULL, "<x@c.b.example>", NULL,
	    NULL, 1 },
	{ "refuse from @.b.example\n", NULL, NULL, "<x@b.example>", NULL, NULL,
	    0 },
	{ "refuse from @.b.example\n", NULL, NULL, "<x@cb.example>", NULL, NULL,
	    0 },
	{ "refuse from @b.example\n", NULL, NULL, "<>", NULL, NULL, 0 },
	{ "refuse to a@b.example\n", NULL, NULL, NULL, "<a@b.example>", NULL,
	    1 },
	{ "refuse to a@b.example\n", NULL, NULL, NULL, "<a+x@b.example>", NULL,
	    1 },
	{ "refuse to a@b.example\n", NULL, NULL, NULL, "<a=x@b.example>", NULL,
	    0 },
	{ "refuse header @b.example\n", NULL, NULL, "<a@b.example>", NULL, NULL,
	    0 },
	{ "refuse header @b.example\n", NULL, NULL, NULL, NULL, "<a@b.example>",
	    1 },
	{ "refuse client 192.0.2.0/24\n", "192.0.2.9", NULL, NULL, NULL, NULL,
	    1 },
	{ "refuse client 192.0.2.0/24\n", "192.0.3.9", NULL, NULL, NULL, NULL,
	    0 },
	{ "refuse client 192.0.2.0/24\n", NULL, "192.0.2.9", NULL, NULL, NULL,
	    0 },
	{ "refuse client 2001:db8::/32\n", "2001:db8::9", NULL, NULL, NULL,
	    NULL, 1 },
	{ "refuse helo ylmf-pc\n", NULL, "YLMF-pc", NULL, NULL, NULL, 1 },
	{ "refuse helo ylmf-pc\n", NULL, "ylmf-pc2", NULL, NULL, NULL, 0 },
	{ "refuse helo .b.example\n", NULL, "mx.b.example", NULL, NULL, NULL,
	    1 },
	{ "accept from a@b.example\nrefuse from @b.example\n", NULL, NULL,
	    "<a@b.example>", NULL, NULL, 1 },
	{ "accept from a@b.example\nrefuse from @b.example\n", NULL, NULL,
	    "<c@b.example>", NULL, NULL, 2 },
	{ "refuse helo x\naccept client 192.0.2.1\n", "192.0.2.1", "x", NULL,
	    NULL, NULL, 1 },
};

static const struct address *
parse(const char *text, struct address *a)
{
	const char *rest;

	if (text == NULL) {
		return NULL;
	}
	if (address_path(text, a, &rest) != PATH_OK) {
		abort();
	}
	return a;
}

static void
test_questions(void)
{
	struct address from, to, author;
	struct access_faults faults;
	uint8_t ip[16];

	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		struct access *a = read_text(questions[i].rules, &faults);
		const char *client = questions[i].client;
		const struct access_about about = {
			.client = client != NULL && network_address(client, ip)
			              ? ip
			              : NULL,
			.helo = questions[i].helo,
			.from = parse(questions[i].from, &from),
			.to = parse(questions[i].to, &to),
			.author = parse(questions[i].author, &author),
			.delimiters = "+",
		};
		struct access_found f = access_find(a, &about, ACCESS_LAST);
		ok(f.rule == questions[i].rule &&
			(f.verdict == ACCESS_NOTHING) == (f.rule == 0),
		    "question %zu: rule %u", i, (unsigned)f.rule);
		access_free(a);
	}
}

static void
test_rest(void)
{
	static const char rules[] = "refuse from @a.example We do not want "
				    "this. # x\naccept from @a.example\n";
	struct access_faults faults;
	struct access *a = read_text(rules, &faults);
	struct address from;
	const struct access_about about = { .from =
						parse("<x@a.example>", &from) };

	struct access_found f = access_find(a, &about, ACCESS_LAST);
	ok(f.verdict == ACCESS_REFUSE && f.kind == ACCESS_FROM &&
		strcmp(f.text, "We do not want this.") == 0,
	    "a text without its comment: %s", f.text);
	f = access_find(a, &about, 1);
	ok(f.verdict == ACCESS_NOTHING, "no rule is before the first");
	ok(access_has(a, ACCESS_FROM) && !access_has(a, ACCESS_HEADER),
	    "which kinds there are");
	access_free(a);
	f = access_find(NULL, &about, ACCESS_LAST);
	ok(f.verdict == ACCESS_NOTHING && !access_has(NULL, ACCESS_FROM) &&
		access_count(NULL) == 0,
	    "no rules at all");
}

int
main(void)
{
	test_lines();
	test_questions();
	test_rest();
	return tap_done();
}
