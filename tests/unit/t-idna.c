/* SPDX-License-Identifier: ISC */
/*
 * Domains outside ASCII: encoded wrongly, mail goes to another domain, which
 * somebody may have registered for that.
 */
#include "common/text/address.h"
#include "common/text/idna.h"
#include "common/tls/tls_idna.h"

#include "tests/unit/tap.h"

#include <string.h>

static const struct {
	const char *domain, *ascii; /* NULL: refused */
} cases[] = {
	{ "example.org", "example.org" },
	{ "Example.ORG.", "Example.ORG." },
	{ "", "" },
	{ "bücher.example", "xn--bcher-kva.example" },
	{ "BüCHER.example", "xn--bcher-kva.example" },
	{ "münchen.bücher.de", "xn--mnchen-3ya.xn--bcher-kva.de" },
	{ "例え.jp", "xn--r8jz45g.jp" },
	{ "пример.рф", "xn--e1afmkfd.xn--p1ai" },
	{ "faß.de", "xn--fa-hia.de" },
	{ "ÀÈŸŽ.example", "xn--0caq3e7z.example" },
	{ "ПРИМЕР.РФ", "xn--e1afmkfd.xn--p1ai" },
	{ "üüü", "xn--tdaaa" },
	{ "a-ü", "xn--a--yka" },
	{ "日本語.jp", "xn--wgv71a119e.jp" },
	{ "他们为什么不说中文", "xn--ihqwcrb4cv8a8dqg056pqjye" },
	{ "почемужеонинеговорятпорусски",
	    "xn--b1abfaaepdrnnbgefbadotcwatmq2g4l" },
	{ "3年b組金八先生", "xn--3b-ww4c5e180e575a65lsy2b" },
	{ "☃.example", "xn--n3h.example" },
	{ "𐍈.example", "xn--2c8c.example" },
	{ "b\xfc\x63her.example", NULL },
	{ "b\xc3.example", NULL },
	{ "\xc0\xaf.example", NULL },
	{ "\xed\xa0\x80.example", NULL },
	{ "a\xc2\x80.example", NULL },
	{ "a\xe2\x80\xae"
	  "b.example",
	    NULL },
};

/* Paths with SMTPUTF8. */
static const struct {
	const char *text;
	enum path result;
	const char *local, *domain;
} paths[] = {
	{ "<a@example.org>", PATH_OK, "a", "example.org" },
	{ "<>", PATH_OK, "", "" },
	{ "<jörg@example.org>", PATH_OK, "jörg", "example.org" },
	{ "<jörg@bücher.example>", PATH_OK, "jörg", "xn--bcher-kva.example" },
	{ "<a@ü.example>", PATH_OK, "a", "xn--tda.example" },
	{ "<a@bü.example.>", PATH_OK, "a", "xn--b-eha.example" },
	{ "<\"a ü\"@example.org>", PATH_OK, "\"a ü\"", "example.org" },
	{ "<用户@例え.jp>", PATH_OK, "用户", "xn--r8jz45g.jp" },
	{ "用户@例え.jp", PATH_OK, "用户", "xn--r8jz45g.jp" },
	{ "<a@ü..example>", PATH_SYNTAX, "", "" },
	{ "<a@ü[192.0.2.1]>", PATH_SYNTAX, "", "" },
	{ "<j\xf6rg@example.org>", PATH_8BIT, "", "" },
	{ "<j\xc3@example.org>", PATH_8BIT, "", "" },
	{ "<j\xc2\x85@example.org>", PATH_8BIT, "", "" },
	{ "<j\xe2\x80\xae@example.org>", PATH_8BIT, "", "" },
	{ "<a@b\xf6.example>", PATH_8BIT, "", "" },
	{ "<\"a \xff\"@example.org>", PATH_SYNTAX, "", "" },
};

/* Labels and names that are as long as they may be, and longer. */
static void
test_long(void)
{
	char text[300], out[ADDRESS_DOMAIN + 1];
	const size_t most = ADDRESS_DOMAIN;

	for (size_t n = 1; n < 140; n++) {
		for (size_t i = 0; i < n; i++) {
			memcpy(text + 2 * i, "ü", 2);
		}
		bool fits =
		    idna_domain(text, 2 * n, out, sizeof(out)) == IDNA_OK;
		if (fits != (n <= 57)) {
			ok(false, "a label of %zu", n);
		}
	}
	memset(text, 'a', sizeof(text));
	ok(idna_domain(text, most, out, sizeof(out)) == IDNA_OK &&
		strlen(out) == most &&
		idna_domain(text, most + 1, out, sizeof(out)) == IDNA_LONG,
	    "the length of a name");
	for (size_t n = 1; n < 20; n++) {
		char small[20];
		bool fits = idna_domain("bücher", 7, small, n) == IDNA_OK;
		if (fits != (n > strlen("xn--bcher-kva"))) {
			ok(false, "room for %zu", n);
		}
	}
}

/* What only tables can tell; alone, it is refused. */
static const struct {
	const char *domain, *ascii;
} tables[] = {
	{ "Bu\xcc\x88"
	  "cher.example",
	    "xn--bcher-kva.example" },
	{ "\xef\xbd\x82ücher.example", "xn--bcher-kva.example" },
	{ "\xef\xbc\xaa\xef\xbc\xb0.example", "jp.example" },
	{ "\xef\xac\x81.example", "fi.example" },
};

/* RFC 5892 forbids these, and labels that begin or end with a hyphen. */
static const char *const forbidden[] = { "b\xe2\x80\x8bü.example",
	"a\xe2\x80\x8b.example", "b\xe2\x81\xa0ü.example",
	"\xef\xbb\xbfü.example",
	"ü\xe3\x80\x82"
	"example",
	"ü\xef\xbc\x8e"
	"a.example",
	"ü\xef\xbd\xa1"
	"a.example",
	"b\xc2\xadü.example", "-ü.example", "ü-.example", "ab--ü.example",
	"ü_a.example", "ü!.example", "ü\xe3\x80\x80.example",
	"ü\xef\xb8\x8f.example", "ü\xe2\x92\x88.example",
	"\xf3\xa0\x80\xa1ü.example" };

static enum idna
late(const void *context, const char *label, size_t len,
    char out[IDNA_LABEL + 1])
{
	(void)context;
	(void)label;
	(void)len;
	(void)out;
	return IDNA_LATER;
}

static enum idna
evil(const void *context, const char *label, size_t len,
    char out[IDNA_LABEL + 1])
{
	(void)label;
	(void)len;
	strlcpy(out, context, IDNA_LABEL + 1);
	return IDNA_OK;
}

/* The answer of another process is checked, and trouble is no answer. */
static void
test_mappers(void)
{
	static const char *const bad[] = { "", "a.b", "a@b", "-a", "a-", "ü" };
	char out[ADDRESS_DOMAIN + 1];
	struct address a;
	const char *rest;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		idna_use(evil, bad[i]);
		ok(idna_domain("ü.de", 5, out, sizeof(out)) == IDNA_NO,
		    "no label: %s", bad[i]);
	}
	idna_use(late, NULL);
	ok(address_path_utf8("<a@ü.de>", &a, &rest) == PATH_LATER,
	    "a domain that cannot be mapped now");
	ok(address_path_utf8("<ü@a.de>", &a, &rest) == PATH_OK,
	    "and one that needs no mapping");
	idna_use(NULL, NULL);
}

static void
test_domains(bool by_tables)
{
	char out[ADDRESS_DOMAIN + 1];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *want = cases[i].ascii;
		bool good =
		    idna_domain(cases[i].domain, strlen(cases[i].domain), out,
			sizeof(out)) == IDNA_OK;
		ok(good == (want != NULL) && (!good || strcmp(out, want) == 0),
		    "domain %zu: %s", i, good ? out : "refused");
	}
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		bool good =
		    idna_domain(tables[i].domain, strlen(tables[i].domain), out,
			sizeof(out)) == IDNA_OK;
		ok(good == by_tables &&
			(!good || strcmp(out, tables[i].ascii) == 0),
		    "by tables %zu: %s", i, good ? out : "refused");
	}
	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
		ok(idna_domain(forbidden[i], strlen(forbidden[i]), out,
		       sizeof(out)) == IDNA_NO,
		    "forbidden %zu", i);
	}
}

int
main(void)
{
	struct address a;
	const char *rest;

	test_domains(false);
	idna_use(tls_idna_label, NULL);
	test_domains(true);
	idna_use(NULL, NULL);
	test_mappers();
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		enum path result = address_path_utf8(paths[i].text, &a, &rest);
		ok(result == paths[i].result &&
			(result != PATH_OK ||
			    (strcmp(a.local, paths[i].local) == 0 &&
				strcmp(a.domain, paths[i].domain) == 0 &&
				*rest == '\0')),
		    "path %zu", i);
	}
	test_long();
	return tap_done();
}
