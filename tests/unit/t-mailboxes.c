/* SPDX-License-Identifier: ISC */
/*
 * Lists of addresses: -t sends mail to each of them and to nobody else, and a
 * bare name is completed in place, where the comma in a quoted name is none.
 */
#include "common/mime/mailboxes.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

/* means: address|name, groups as [name and ], what is broken as !. */
static const struct {
	const char *text, *means;
} cases[] = {
	{ "", "" },
	{ " , ,", "" },
	{ "a@b", "a@b|;" },
	{ "root", "root|;" },
	{ "root, bob", "root|;bob|;" },
	{ "A B <a@b>, \"C, D\" <c@d>", "a@b|A B;c@d|C, D;" },
	{ "G: a@b, c;, e@f", "[Ga@b|;c|;]e@f|;" },
	{ "undisclosed-recipients:;", "[undisclosed-recipients]" },
	{ "G: a@b", "[Ga@b|;]" },
	{ "<@x,@y:a@b>", "a@b|;" },
	{ "a . b @ c . d (note)", "a.b@c.d|note;" },
	{ "(c) a@b (n (o) \\) x)", "a@b|n (o) ) x;" },
	{ "\"a b\"@c.d", "\"a b\"@c.d|;" },
	{ "\"a.b\"@c.d", "a.b@c.d|;" },
	{ "\"a\\\"b\"@c", "\"a\\\"b\"@c|;" },
	{ "a..b@c", "\"a..b\"@c|;" },
	{ "a@[127.0.0.1]", "a@[127.0.0.1]|;" },
	{ "a@[IPv6:::1], b", "a@[IPv6:::1]|;b|;" },
	{ "a@b\r\n ,\r\n\tc@d", "a@b|;c@d|;" },
	{ "a@b; c@d", "a@b|;c@d|;" },
	{ "John Smith", "!" },
	{ "John Smith, a", "!a|;" },
	{ "a@b@c", "!" },
	{ "<>", "!" },
	{ "a@, b", "!b|;" },
	{ "@b", "!" },
	{ "<a@b, c@d", "!c@d|;" },
	{ "\"open, a@b", "!" },
	{ "a (x", "!" },
	{ "a\001@b", "!" },
	{ "a@[\\\t]", "!" },
	{ "a@[1\\2]", "!" },
	{ "x <a@b> y", "a@b|x;" },
	{ "A. B. Cee <x@y>", "x@y|A. B. Cee;" },
	{ "=?utf-8?q?=C3=A9?= <e@f>", "e@f|\303\251;" },
	{ "\303\251@\303\251.de", "\303\251@\303\251.de|;" },
	/* What aliases may say means nothing in a field. */
	{ "/file, |pipe, -f", "/file|;|pipe|;-f|;" },
};

static void
tell(char *out, size_t size, const char *text)
{
	struct mailboxes m = { .text = text, .end = text + strlen(text) };
	struct mailboxes_entry e;
	char address[64], name[64];

	out[0] = '\0';
	for (enum mailboxes_kind kind;
	     (kind = mailboxes_next(&m, &e)) != MAILBOXES_END;) {
		size_t n = strlen(out);
		size -= n;
		out += n;
		if (mailboxes_address(&e, address, sizeof(address)) == -1 ||
		    mailboxes_name(&e, name, sizeof(name)) == -1) {
			return;
		}
		if (kind == MAILBOXES_ONE) {
			snprintf(out, size, "%s|%s;", address, name);
		} else {
			snprintf(out, size, "%s%s",
			    kind == MAILBOXES_GROUP    ? "["
			    : kind == MAILBOXES_BROKEN ? "!"
						       : "]",
			    name);
		}
	}
}

static void
test_read(void)
{
	char out[512];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tell(out, sizeof(out), cases[i].text);
		if (!ok(strcmp(out, cases[i].means) == 0, "case %zu: %s", i,
			cases[i].means)) {
			note("%s", out);
		}
	}
}

/* Completing a bare name in place: what a rewriter does. */
static void
test_qualify(void)
{
	const char *text = "\"root, me\" (x) < root (y) >, (z) cron (w)";
	struct mailboxes m = { .text = text, .end = text + strlen(text) };
	struct mailboxes_entry e;
	const char *at = text;
	char out[128] = "";

	while (mailboxes_next(&m, &e) == MAILBOXES_ONE) {
		const char *after = e.spec.at + e.spec.len;
		size_t n = strlen(out);
		snprintf(
		    out + n, sizeof(out) - n, "%.*s@h", (int)(after - at), at);
		at = after;
	}
	size_t n = strlen(out);
	snprintf(out + n, sizeof(out) - n, "%s", at);
	ok(strcmp(out, "\"root, me\" (x) < root@h (y) >, (z) cron@h (w)") == 0,
	    "in place: %s", out);
}

static void
test_write(void)
{
	static const struct {
		const char *name, *means;
	} names[] = {
		{ "", "a@b" },
		{ "Jane Doe", "Jane Doe <a@b>" },
		{ "Doe, J.", "\"Doe, J.\" <a@b>" },
		{ "\303\251", "=?utf-8?B?w6k=?= <a@b>" },
		{ "x\nBcc: y", "=?utf-8?Q?x_Bcc=3A_y?= <a@b>" },
		{ "sixty octets and some more, which is not at all unusual.",
		    "\"sixty octets and some more, which is not at all "
		    "unusual.\" <a@b>" },
	};
	char out[256];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t column = 6;
		ssize_t n =
		    mailboxes_write(names[i].name, strlen(names[i].name), "a@b",
			&column, "\n", out, sizeof(out));
		if (!ok(n > 0 && strcmp(out, names[i].means) == 0 &&
			    column == (size_t)n + 6,
			"written: case %zu", i)) {
			note("%s", n == -1 ? "does not fit" : out);
		}
	}
	size_t column = 70;
	ok(mailboxes_write("Jane", 4, "a@b", &column, "\n", out, sizeof(out)) >
		    0 &&
		strcmp(out, "Jane\n <a@b>") == 0 && column == 6,
	    "folded");
	ok(mailboxes_write("Jane", 4, "a@b", &column, "\n", out, 10) == -1,
	    "no room");
}

int
main(void)
{
	test_read();
	test_qualify();
	test_write();
	return tap_done();
}
