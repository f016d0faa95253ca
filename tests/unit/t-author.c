/* SPDX-License-Identifier: ISC */
/*
 * Who has written a message: readers that differ about it are what attacks on
 * DMARC live on.  And what a session that was taken over may ask for.
 */
#include "smtpd/auth/author.h"

#include "common/text/idna.h"
#include "smtpd/auth/verify.h"
#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

static const struct {
	const char *text;
	bool named;
	const char *domains; /* with blanks between them */
} cases[] = {
	{ "From: a@b.example\n", true, "b.example" },
	{ "FROM : a@B.Example.\r\n\r\n", true, "b.example" },
	{ "From: A <a@b.example>\n", true, "b.example" },
	{ "From: \"x@evil.example\" <a@b.example>\n", true, "b.example" },
	{ "From: a@b.example (x@evil.example)\n", true, "b.example" },
	{ "From: A\n <a@b.example>\n", true, "b.example" },
	{ "From: \"a@evil.example\"@b.example\n", true, "b.example" },
	{ "From: a@b.example, c@b.example\n", true, "b.example" },
	{ "From: a@b.example, c@d.example\n", true, "b.example d.example" },
	{ "From: x@evil.example <a@b.example>\n", true, NULL },
	{ "From: x @ evil.example <a@b.example>\n", true, NULL },
	{ "From: x@(c)evil.example <a@b.example>\n", true, NULL },
	{ "From: x (c)@\n (\\)c(d)) evil.example <a@b.example>\n", true, NULL },
	{ "From: x@ \"c\" evil.example <a@b.example>\n", true, "b.example" },
	{ "From: <a@b.example> <c@evil.example>\n", false, NULL },
	{ "From: g: a@b.example;\n", true, "b.example" },
	{ "From: g:;\n", false, "" },
	{ "From:\n", false, "" },
	{ "From: Alice\n", false, "" },
	{ "From: a@\n", false, "" },
	{ "To: a@b.example\n", false, "" },
	{ "From: a@b.x, a@c.x, a@d.x, a@e.x\n", true, "b.x c.x d.x e.x" },
	{ "From: a@b.x, a@c.x, a@d.x, a@e.x, a@f.x\n", false,
	    "b.x c.x d.x e.x" },
	{ "", false, "" },
	{ "From: a@b.example\nFrom: a@b.example\n", false, "b.example" },
	{ "From: a@b\xc3\xbc"
	  "cher.example\n",
	    true, "xn--bcher-kva.example" },
	{ "From: Alice, B <a@b.example>\n", true, "b.example" },
	{ "From: Inc. [B] (c) @ work <a@b.example>\n", true, "b.example" },
	/* Others may read these, and show whom they name. */
	{ "From: <c@d.example\xe2\x80\x8b>, <a@b.example>\n", false,
	    "b.example" },
	{ "From: <c@d.example\xff>, <a@b.example>\n", false, "b.example" },
	{ "From: c@d.example\xe2\x80\x8b <a@b.example>\n", false, "b.example" },
	{ "From: <c@d..example>, <a@b.example>\n", false, "b.example" },
	{ "From: <c@d.example\001>, <a@b.example>\n", false,
	    "b.example d.example" },
	{ "From: <c @ d.example> x, <a@b.example>\n", true,
	    "d.example b.example" },
	{ "From: <a@b.example>, \"<c@d.example>\n", false, "b.example" },
	{ "From: <a@b.example>, (<c@d.example>\n", false, "b.example" },
	{ "From: a@b.example \"c@d.example\n", false, "b.example" },
	{ "From: \"c@d.example\" \" <a@b.example>\n", false, "" },
	{ "From: <a@b.example>, <c@[d.example\n", false, "b.example" },
	{ "Subject: x\n\nFrom: a@b.example\n", false, "" },
	/* A name is a name, whatever it decodes to; alone it names nobody. */
	{ "From: =?utf-8?q?x=40evil.example?= <a@b.example>\n", true,
	    "b.example" },
	{ "From: =?utf-8?b?eEBldmlsLmV4YW1wbGU=?= <a@b.example>\n", true,
	    "b.example" },
	{ "From: =?utf-8?q?=3Cx=40evil.example=3E=2C?= <a@b.example>\n", true,
	    "b.example" },
	{ "From: a@b.example (=?utf-8?q?x=40evil.example?=)\n", true,
	    "b.example" },
	{ "From: \"=?utf-8?q?x=40evil.example?=\" <a@b.example>\n", true,
	    "b.example" },
	{ "From: =?utf-8?q?a@b.example?= <a@b.example>\n", true, "b.example" },
	{ "From: =?utf-8?q?x@evil.example?= <a@b.example>\n", true, NULL },
	{ "From: =?utf-8?q?x=40evil.example?=\n", false, "" },
	{ "From: =?utf-8?q?=3Cx=40evil.example=3E?=\n", false, "" },
};

static bool
has(const struct author *a, const char *domains)
{
	char text[AUTHOR_MOST * ASK_NAME] = "";

	for (size_t i = 0; i < a->count; i++) {
		strlcat(text, i > 0 ? " " : "", sizeof(text));
		strlcat(text, a->domain[i], sizeof(text));
	}
	if (domains == NULL) {
		return strstr(text, "evil.example") != NULL &&
		       strstr(text, "b.example") != NULL;
	}
	if (strcmp(text, domains) != 0) {
		note("got %s", text);
	}
	return strcmp(text, domains) == 0;
}

static void
test_authors(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct author a;
		author_read(cases[i].text, strlen(cases[i].text), &a);
		ok(author_is_named(&a) == cases[i].named &&
			has(&a, cases[i].domains),
		    "author %zu", i);
	}
}

static unsigned mapped;

static enum idna
map_and_count(
    const void *none, const char *label, size_t len, char out[IDNA_LABEL + 1])
{
	(void)none, (void)label, (void)len;
	mapped++;
	strcpy(out, "xn--b-xga");
	return IDNA_OK;
}

/* However many addresses there are, few domains are read. */
static void
test_many(void)
{
	static const char *const addresses[] = { "a@b\xc3\xbc.example, ",
		"a@b\xc3\xbc.example\nFrom: " };
	enum { SIZE = 1 << 20 };
	char *text = malloc(SIZE);
	struct author a;

	idna_use(map_and_count, NULL);
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		size_t n = strlen(addresses[i]), at = strlen("From: ");
		memcpy(text, "From: ", at);
		for (; at + n < SIZE; at += n) {
			memcpy(text + at, addresses[i], n);
		}
		mapped = 0;
		author_read(text, at, &a);
		ok(!author_is_named(&a) && mapped <= AUTHOR_LOOKS,
		    "%u domains are read", mapped);
	}
	idna_use(NULL, NULL);
	free(text);
}

/* As a process that cannot load the tables. */
static enum idna
map_later(
    const void *none, const char *label, size_t len, char out[IDNA_LABEL + 1])
{
	(void)none, (void)label, (void)len, (void)out;
	return IDNA_LATER;
}

static void
test_later(void)
{
	static const struct {
		const char *text;
		bool named, later;
		const char *domains;
	} texts[] = {
		{ "From: a@b\xc3\xbc.example\n", true, true, "" },
		{ "From: a@b\xc3\xbc.example, a@b.example\n", true, true,
		    "b.example" },
		{ "From: \xc3\xbc <a@b.example>\n", true, false, "b.example" },
		{ "From: a@b\xc3\xbc.example\nFrom: a@b.example\n", false, true,
		    "b.example" },
	};

	idna_use(map_later, NULL);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct author a;
		author_read(texts[i].text, strlen(texts[i].text), &a);
		ok(author_is_named(&a) == texts[i].named &&
			a.later == texts[i].later && has(&a, texts[i].domains),
		    "author %zu, without tables", i);
	}
	idna_use(NULL, NULL);
}

static void
test_lists(void)
{
	static const struct {
		const char *text, *list;
	} lists[] = {
		{ "List-Id: a <x.lists.example>\n", "x.lists.example" },
		{ "List-Post: <mailto:x@Lists.example?y=z>\n",
		    "lists.example" },
		{ "List-Id: <i.example>\nList-Post: <mailto:a@b.example>\n",
		    "i.example" },
		{ "List-Id: \n", "" },
		{ "List-Post: NO\n", "" },
		{ "List-Id: <a..b>\n", "" },
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct author a;
		author_read(lists[i].text, strlen(lists[i].text), &a);
		ok(strcmp(a.list, lists[i].list) == 0, "list %zu: %s", i,
		    a.list);
	}
}

static void
test_valid(void)
{
	struct verify_question q = { .head = 100 };

	ok(verify_valid(&q, sizeof(q)), "a question");
	ok(!verify_valid(&q, sizeof(q) - 1), "one that is too short");
	memset(q.sender, 'x', sizeof(q.sender));
	ok(!verify_valid(&q, sizeof(q)), "one whose text has no end");
	q.sender[0] = '\0';
	q.spared = VERIFY_SPARED_ACCESS + 1;
	ok(!verify_valid(&q, sizeof(q)), "a number that means nothing");
	q.spared = 1;
	q.exempt = 2;
	ok(!verify_valid(&q, sizeof(q)), "another one");
}

int
main(void)
{
	test_authors();
	test_later();
	test_many();
	test_lists();
	test_valid();
	return tap_done();
}
