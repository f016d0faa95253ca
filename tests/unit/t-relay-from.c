/* SPDX-License-Identifier: ISC */
/*
 * A header section for a hop that takes mail from one address alone: From names
 * that and nobody else, answers still reach the author, a program's mail says
 * so, and all else stays octet for octet.
 */
#include "smtpd/relay/relay_from.h"

#include "tests/unit/tap.h"

#include <stdio.h>
#include <string.h>

#define ME "me@qq.example"
#define FROM_ME "From: me@qq.example\r\n"

enum { HEADER = 1, AUTOMATIC = 2, SIGNED = 4 };

static const struct {
	unsigned what;
	const char *head, *wanted; /* NULL: as it was */
	const char *former;
} cases[] = {
	/* The envelope alone. */
	{ 0, "From: a@x.example\r\n", NULL, "a@x.example" },
	{ 0, "", NULL, "" },
	/* The author is another. */
	{ HEADER, "From: a@x.example\r\nTo: b@y\r\n",
	    FROM_ME "Reply-To: a@x.example\r\nTo: b@y\r\n", "a@x.example" },
	{ HEADER, "From: Ann B. <a@x.example>\r\n",
	    "From: Ann B. <me@qq.example>\r\nReply-To: Ann B. "
	    "<a@x.example>\r\n",
	    "a@x.example" },
	{ HEADER, "From: \"Ann, B\"\r\n <a@x.example>\r\n",
	    "From: \"Ann, B\" <me@qq.example>\r\n"
	    "Reply-To: \"Ann, B\"\r\n <a@x.example>\r\n",
	    "a@x.example" },
	{ HEADER, "From: =?utf-8?q?J=C3=BCrgen?= <a@x.example>\n",
	    "From: =?utf-8?q?J=C3=BCrgen?= <me@qq.example>\r\n"
	    "Reply-To: =?utf-8?q?J=C3=BCrgen?= <a@x.example>\r\n",
	    "a@x.example" },
	{ HEADER, "From: J\xc3\xbcrgen <a@x.example>\r\n",
	    "From: J\xc3\xbcrgen <me@qq.example>\r\n"
	    "Reply-To: J\xc3\xbcrgen <a@x.example>\r\n",
	    "a@x.example" },
	{ HEADER, "FROM : a@x.example (Ann)\r\n",
	    FROM_ME "Reply-To: a@x.example (Ann)\r\n", "a@x.example" },
	/* Answers go where they went. */
	{ HEADER, "From: a@x.example\r\nReply-To: c@z\r\n",
	    FROM_ME "Reply-To: c@z\r\n", "a@x.example" },
	{ HEADER, "Reply-To: \r\nFrom: a@x.example\r\n",
	    FROM_ME "Reply-To: a@x.example\r\n", "a@x.example" },
	/* It is that author already. */
	{ HEADER, "From: me@qq.example\r\nSender: x@y\r\n", NULL, ME },
	{ HEADER, "From: Me <ME@QQ.Example>\r\n", NULL, "ME@QQ.Example" },
	{ HEADER, "From: <me@qq.example> (c)\r\n", NULL, ME },
	/* Several authors, and several fields. */
	{ HEADER, "From: a@x.example, Me <me@qq.example>\r\nSender: a@x\r\n",
	    FROM_ME "Reply-To: a@x.example, Me <me@qq.example>\r\n",
	    "a@x.example" },
	{ HEADER, "From: me@qq.example\r\nFrom: b@y.example\r\n", FROM_ME, ME },
	{ HEADER, "From: b@y.example\r\nX: y\r\nFrom: me@qq.example\r\n",
	    FROM_ME "Reply-To: b@y.example\r\nX: y\r\n", "b@y.example" },
	{ HEADER, "From: all: a@x.example, b@y.example;\r\n",
	    FROM_ME "Reply-To: all: a@x.example, b@y.example;\r\n",
	    "a@x.example" },
	/* Nobody whom an answer would reach. */
	{ HEADER, "From: root\r\n", FROM_ME, "root" },
	{ HEADER, "From: nobody:;\r\n", FROM_ME, "" },
	{ HEADER, "From: @@\r\n", FROM_ME, "" },
	{ HEADER, "From:\r\nTo: b@y\r\n", FROM_ME "To: b@y\r\n", "" },
	{ HEADER, "To: b@y\r\n", "To: b@y\r\n" FROM_ME, "" },
	{ HEADER, "", FROM_ME, "" },
	{ HEADER, "To: b@y", "To: b@y\r\n" FROM_ME, "" },
	/* Whoever sent it on, and a sender that is no address of the hop's. */
	{ HEADER,
	    "Resent-From: r@z\r\nFrom: a@x.example\r\nSender: s@x.example\r\n",
	    "Resent-From: r@z\r\n" FROM_ME "Reply-To: a@x.example\r\n",
	    "a@x.example" },
	/* A signature covers From. */
	{ HEADER | SIGNED, "DKIM-Signature: d=x\r\nFrom: a@x.example\r\n",
	    "DKIM-Signature: d=x\r\n" FROM_ME "Reply-To: a@x.example\r\n",
	    "a@x.example" },
	{ HEADER, "DKIM-Signature: d=x\r\n" FROM_ME, NULL, ME },
	/* Mail of programs. */
	{ AUTOMATIC, FROM_ME, FROM_ME "Auto-Submitted: auto-generated\r\n",
	    ME },
	{ AUTOMATIC, FROM_ME "auto-submitted: auto-replied\r\n", NULL, ME },
	{ AUTOMATIC, FROM_ME "Auto-Submitted: \r\n",
	    FROM_ME "Auto-Submitted: \r\nAuto-Submitted: auto-generated\r\n",
	    ME },
	{ AUTOMATIC | HEADER, "From: a@x.example\r\n",
	    FROM_ME
	    "Reply-To: a@x.example\r\nAuto-Submitted: auto-generated\r\n",
	    "a@x.example" },
};

static void
test_case(size_t i, const char *rest)
{
	const char *head = cases[i].head, *wanted = cases[i].wanted;
	const struct relay_from x = { .address = ME,
		.header = (cases[i].what & HEADER) != 0,
		.automatic = (cases[i].what & AUTOMATIC) != 0,
		.host = "mx.example" };
	struct relay_from_done done;
	struct output out = { 0 };
	char text[1024];

	snprintf(text, sizeof(text), "%s%s", head, rest);
	relay_from_head(&x, text, strlen(text), &out, &done);
	bool same = wanted == NULL
	                ? !done.changed && out.len == 0
	                : done.changed && out.len == strlen(wanted) &&
	                      memcmp(out.data, wanted, out.len) == 0;
	bool told = done.len == strlen(head) &&
	            strcmp(done.former, cases[i].former) == 0 &&
	            done.signature == ((cases[i].what & SIGNED) != 0);
	if (!ok(same && told, "section %zu, %s", i,
		rest[0] == '\0' ? "alone" : "and a body")) {
		note("%.*s, %s, %zu", (int)out.len, out.data, done.former,
		    done.len);
	}
	output_free(&out);
}

/* A name that fills its line. */
static void
test_long_name(void)
{
	static const char wanted[] = "n\r\n <me@qq.example>\r\nReply-To: n";
	char text[1200], name[1000];
	const struct relay_from x = {
		.address = ME, .header = true, .host = "mx.example"
	};
	struct relay_from_done done;
	struct output out = { 0 };

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	snprintf(
	    text, sizeof(text), "From: %.900s\r\n <a@x.example>\r\n", name);
	relay_from_head(&x, text, strlen(text), &out, &done);
	ok(memmem(out.data, out.len, wanted, sizeof(wanted) - 1) != NULL,
	    "no line gets longer for the address");
	output_free(&out);
}

/* How often we have received it, by our own fields alone. */
static void
test_received(void)
{
	static const char ours[] = "Received: from a (b)\r\n\tby mx.example "
				   "(restante) with SMTP id X;\r\n\tnow\r\n";
	static const struct {
		const char *more;
		unsigned received;
	} rows[] = {
		{ "", 1 },
		{ ours, 2 },
		{ "Received: by mx.example (restante) with ESMTP\n", 2 },
		{ "Received: by amx.example (restante) with ESMTP\n", 1 },
		{ "Received: by mx.example (Postfix) with ESMTP\n", 1 },
		{ "X-Received: by mx.example (restante) with ESMTP\n", 1 },
		{ "\r\nReceived: by mx.example (restante) with ESMTP\n", 1 },
	};
	const struct relay_from x = { .address = ME, .host = "mx.example" };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct relay_from_done done;
		struct output out = { 0 };
		char text[1024];
		snprintf(text, sizeof(text), "%s%s", ours, rows[i].more);
		relay_from_head(&x, text, strlen(text), &out, &done);
		if (!ok(done.received == rows[i].received, "Received, row %zu",
			i)) {
			note("it is %u", done.received);
		}
		output_free(&out);
	}
}

int
main(void)
{
	test_received();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		test_case(i, "");
		if (strchr(cases[i].head, '\n') != NULL) {
			test_case(i, "\r\nFrom: z@z\r\n");
		}
	}
	test_long_name();
	return tap_done();
}
