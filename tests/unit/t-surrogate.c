/* SPDX-License-Identifier: ISC */
/*
 * Messages for readers without UTF-8: nothing but header fields may change, and
 * not all of these; no address may become that of somebody else.
 */
#include "common/mime/surrogate.h"

#include "tests/unit/tap.h"

#include <stdlib.h>
#include <string.h>

#define NOBODY "<invalid@internationalized-address.invalid>"
#define MIXED "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
#define SIGNED "Content-Type: multipart/signed; boundary=b\r\n\r\n"

static const struct {
	const char *name, *in, *want; /* NULL: it stays */
} cases[] = {
	{ "ASCII", "Subject: a\r\n\r\nb\r\n", NULL },
	{ "nothing", "", NULL },
	{ "a body in UTF-8", "Subject: a\r\n\r\n\xc3\xa9\r\n", NULL },
	{ "text", "Subject: caf\xc3\xa9\r\nA: b\r\n\r\n\xc3\xa9\r\n",
	    "Subject: =?utf-8?B?Y2Fmw6k=?=\r\nA: b\r\n\r\n\xc3\xa9\r\n" },
	{ "no body", "Subject: caf\xc3\xa9\r\n",
	    "Subject: =?utf-8?B?Y2Fmw6k=?=\r\n" },
	{ "Latin 1 stays", "Subject: caf\xe9\r\n\r\nb\r\n", NULL },
	{ "a name", "From: \xc3\xa9 <a@b.example>\r\n\r\n",
	    "From: =?utf-8?B?w6k=?= <a@b.example>\r\n\r\n" },
	{ "an address", "To: <\xc3\xa9@b.example>\r\n\r\n",
	    "To: =?utf-8?B?PMOpQGIuZXhhbXBsZT4=?=\r\n " NOBODY "\r\n\r\n" },
	{ "an address with a name, among others",
	    "To: a@b.example, x <\xc3\xa9@b.example>, c@d.example\r\n\r\n",
	    "To: a@b.example, x =?utf-8?B?PMOpQGIuZXhhbXBsZT4=?=\r\n " NOBODY
	    ", c@d.example\r\n\r\n" },
	{ "a domain", "Cc: a@\xc3\xa9.example\r\n\r\n",
	    "Cc: a@xn--9ca.example\r\n\r\n" },
	{ "domains among others",
	    "To: \xc3\xa9 <a@\xc3\xa9.example> (\xc3\xa9),\r\n"
	    "\tB <b@c>, \xc3\xa9@\xc3\xa9.example\r\n\r\n",
	    "To: =?utf-8?B?w6k=?= <a@xn--9ca.example> (=?utf-8?B?w6k=?=),\r\n"
	    "\tB <b@c>, =?utf-8?B?w6lAw6kuZXhhbXBsZQ==?=\r\n " NOBODY
	    "\r\n\r\n" },
	{ "a route beyond ASCII, which is left out",
	    "Cc: <@\xc3\xa9.example:a@b.example>, x <@c:d@e>\r\n\r\n",
	    "Cc: <a@b.example>, x <@c:d@e>\r\n\r\n" },
	{ "a domain that is none", "Cc: a@\xc3\xa9_.example\r\n\r\n",
	    "Cc: =?utf-8?B?YUDDqV8uZXhhbXBsZQ==?=\r\n " NOBODY "\r\n\r\n" },
	{ "a file name", "Content-Type: text/plain; name=\"\xc3\xa9\"\r\n\r\n",
	    "Content-Type: text/plain;\r\n name*=utf-8''%C3%A9\r\n\r\n" },
	{ "what has no place for it", "Message-ID: <\xc3\xa9@b>\r\n\r\n",
	    "Downgraded-Message-ID: =?utf-8?B?PMOpQGI+?=\r\n\r\n" },
	{ "the comment of a date",
	    "Date: Mon, 1 Jan 2024 00:00:00 +0100 (Mitteleurop\xc3\xa4ische"
	    " Zeit)\r\n\r\n",
	    "Date: Mon, 1 Jan 2024 00:00:00 +0100"
	    " (=?utf-8?Q?Mitteleurop=C3=A4ische?= Zeit)\r\n\r\n" },
	{ "comments in comments, and a blank before the colon",
	    "Resent-Date : 1 Jan 2024 (a) (x (\xc3\xa9) y)\r\n\r\n",
	    "Resent-Date: 1 Jan 2024 (a) (x =?utf-8?B?KMOpKQ==?= y)\r\n"
	    "\r\n" },
	{ "a comment without its end, folded",
	    "Message-ID: <a@b>\r\n (\xc3\xa9\\)\r\n\tx\r\n\r\n",
	    "Message-ID: <a@b>\r\n (=?utf-8?B?w6lcKQ==?=\tx)\r\n\r\n" },
	{ "no comment", "References: <\"(\xc3\xa9)\"@b>\r\n\r\n",
	    "Downgraded-References: =?utf-8?B?PCIow6kpIkBiPg==?=\r\n\r\n" },
	{ "a comment and more", "References: \xc3\xa9 (\xc3\xa9)\r\n\r\n",
	    "Downgraded-References: =?utf-8?B?w6kgKMOpKQ==?=\r\n\r\n" },
	{ "the zone of a date, in no comment",
	    "Date: Mon, 1 Jan 2024 00:00:00 +0100 Mitteleurop\xc3\xa4ische"
	    " Zeit\r\n\r\n",
	    "Date: Mon, 1 Jan 2024 00:00:00 +0100"
	    " (=?utf-8?Q?Mitteleurop=C3=A4ische?= Zeit)\r\n\r\n" },
	{ "a word that ends with a comment, and two in a row",
	    "Date: 1 Jan 2024 \xc3\xa9(a)\xc3\xa9\r\n \xc3\xa9\\\r\n\r\n",
	    "Date: 1 Jan 2024 (=?utf-8?B?w6k=?=)(a)(=?utf-8?B?w6k=?=)\r\n"
	    " (=?utf-8?B?w6lc?=)\r\n\r\n" },
	{ "Received may have no words",
	    "Received: from a (\xc3\xa9)\r\n\tby b (c); 1 Jan 2024\r\n\r\n",
	    "Received: from a \r\n\tby b (c); 1 Jan 2024\r\n\r\n" },
	{ "a line of an mbox on top",
	    ">From a Sun\r\nSubject: \xc3\xa9\r\n\r\n",
	    ">From a Sun\r\nSubject: =?utf-8?B?w6k=?=\r\n\r\n" },
	{ "a part",
	    MIXED "\xc3\xa9\r\n--b\r\nSubject: \xc3\xa9\r\n\r\n\xc3\xa9\r\n"
		  "--b--\r\n",
	    MIXED "\xc3\xa9\r\n--b\r\nSubject: =?utf-8?B?w6k=?=\r\n\r\n"
		  "\xc3\xa9\r\n--b--\r\n" },
	{ "what is signed stays",
	    SIGNED "--b\r\nSubject: \xc3\xa9\r\n\r\nx\r\n--b--\r\n", NULL },
	{ "but not what is around it",
	    "Subject: \xc3\xa9\r\n" SIGNED
	    "--b\r\nSubject: \xc3\xa9\r\n\r\nx\r\n--b--\r\n",
	    "Subject: =?utf-8?B?w6k=?=\r\n" SIGNED
	    "--b\r\nSubject: \xc3\xa9\r\n\r\nx\r\n--b--\r\n" },
	{ "bare CR stay, and empty lines at the end",
	    "Subject: \xc3\xa9\r\n\r\na\rb\r\r\n\r\n\r\n",
	    "Subject: =?utf-8?B?w6k=?=\r\n\r\na\rb\r\r\n\r\n\r\n" },
};

struct result {
	char *data;
	size_t len;
	bool changed;
};

static void
drain(struct surrogate *s, struct result *r)
{
	const char *text;
	size_t len;

	while (surrogate_next(s, &text, &len)) {
		char *data = realloc(r->data, r->len + len + 1);
		if (data == NULL) {
			abort();
		}
		memcpy(data + r->len, text, len);
		r->data = data;
		r->len += len;
	}
}

static struct result
convert(const char *in, size_t len, size_t step)
{
	struct result r = { .data = calloc(1, 1) };
	struct surrogate *s = surrogate_open();

	if (s == NULL || r.data == NULL) {
		abort();
	}
	for (size_t at = 0; at < len; at += step) {
		surrogate_feed(s, in + at, len - at < step ? len - at : step);
		drain(s, &r);
	}
	surrogate_finish(s);
	drain(s, &r);
	r.changed = s->changed;
	surrogate_close(s);
	return r;
}

static void
test_case(size_t i)
{
	size_t len = strlen(cases[i].in);
	const char *want = cases[i].want == NULL ? cases[i].in : cases[i].want;
	bool good = true;

	for (size_t step = 1; step <= len + 1 && good; step++) {
		struct result r = convert(cases[i].in, len, step);
		good = r.len == strlen(want) &&
		       memcmp(r.data, want, r.len) == 0 &&
		       r.changed == (cases[i].want != NULL);
		if (!good) {
			note("in steps of %zu: %.*s", step, (int)r.len, r.data);
		}
		free(r.data);
	}
	ok(good, "%s", cases[i].name);
}

/* A field beyond all memory: it stays, and so does what is after it. */
static void
test_endless(void)
{
	size_t len = (size_t)HEADER_KEPT * 3;
	char *in = malloc(len);

	if (in == NULL) {
		abort();
	}
	memset(in, 'x', len);
	memcpy(in, "Subject: \xc3\xa9", 11);
	memcpy(in + len - 6, "\r\n\r\nb\n", 6);
	struct result r = convert(in, len, 1000);
	ok(!r.changed && r.len == len && memcmp(r.data, in, len) == 0,
	    "a field that is endless stays");
	free(r.data);
	free(in);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		test_case(i);
	}
	test_endless();
	return tap_done();
}
