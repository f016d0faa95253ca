/* SPDX-License-Identifier: ISC */
/*
 * What the header section of a passing message tells: where it ends, and how
 * often the message was received (a loop must end).
 */
#include "smtpd/session/trace.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#define SIXTEEN "abcdefghijklmnop"
#define LONG_NAME SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN

static const struct {
	const char *name, *text;
	bool over;
	unsigned received; /* when the message is over */
} cases[] = {
	{ "nothing", "", false, 0 },
	{ "no end of line yet", "Subject: x", false, 0 },
	{ "an empty line first", "\nReceived: x\n", true, 0 },
	{ "received once", "Received: x\n", false, 1 },
	{ "with blanks before the colon", "Received : x\nReceived\t:y\n", false,
	    2 },
	{ "received thrice", "Received: x\nRECEIVED:y\nreceived:\n", false, 3 },
	{ "without a line end", "A: b\nReceived: x", false, 1 },
	{ "folded", "Received: from a\n\tby b\n by c\nReceived: x\n", false,
	    2 },
	{ "a folded line that looks like one", "A: b\n Received: x\n", false,
	    0 },
	{ "others of like names",
	    "Received-SPF: x\nX-Received: y\nReceive: z\n", false, 0 },
	{ "a long one", "Received: " LONG_NAME "\nReceived: x\n", false, 2 },
	{ "the name late in a long line",
	    "A: " SIXTEEN SIXTEEN SIXTEEN SIXTEEN "Received: x\n", false, 0 },
	{ "not in the body", "A: b\n\nReceived: x\nReceived: y\n", true, 0 },
	{ "up to the body", "Received: x\n\nReceived: y\n", true, 1 },
	{ "up to what is no field", "Received: x\nhello you\nReceived: y\n",
	    false, 1 },
	{ "and on to an empty line", "Received: x\nhello\n\nReceived: y\n",
	    true, 1 },
};

static bool
is(struct trace_header *t, size_t i)
{
	trace_header_end(t);
	return t->over == cases[i].over && t->received == cases[i].received;
}

/* At once, in two pieces at each place, and octet by octet. */
static bool
check(size_t i)
{
	const char *text = cases[i].text;
	size_t len = strlen(text);
	bool good = true;

	for (size_t split = 0; split <= len; split++) {
		struct trace_header t = { .over = false };
		trace_header(&t, text, split);
		trace_header(&t, text + split, len - split);
		good = good && is(&t, i);
	}
	struct trace_header t = { .over = false };
	for (size_t k = 0; k < len; k++) {
		trace_header(&t, text + k, 1);
	}
	return good && is(&t, i);
}

static const struct {
	const char *text, *id;
} ids[] = {
	{ "Message-ID: <a@b>\n", "a@b" },
	{ "MESSAGE-id:<a@b> (x)\n", "a@b" },
	{ "Message-ID:\n <a@b>\n", "a@b" },
	{ "Message-ID:\n\t\n <a@b>\n", "a@b" },
	{ "Message-ID:\nX: <a@b>\n", "" },
	{ "Message-ID:\nX: y\n <a@b>\n", "" },
	{ "Message-ID: a\n", "a" },
	{ "Message-ID : <a@b>\n", "a@b" },
	{ "Message-ID: <a>\nMessage-ID: <b>\n", "a" },
	{ "X-Message-ID: <a>\n", "" },
	{ "A: b\n\nMessage-ID: <a>\n", "" },
	{ "Message-ID: <" LONG_NAME LONG_NAME LONG_NAME LONG_NAME ">\n",
	    LONG_NAME LONG_NAME LONG_NAME "abcdefghijklmno" },
	{ "", "" },
};

static void
test_ids(void)
{
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct trace_header t = { .over = false };
		size_t len = strlen(ids[i].text);
		for (size_t k = 0; k < len; k++) {
			trace_header(&t, ids[i].text + k, 1);
		}
		trace_header_end(&t);
		if (!ok(strcmp(t.message_id, ids[i].id) == 0, "id %zu", i)) {
			note("%s", t.message_id);
		}
	}
}

/* TLS-Required says No, or nothing. */
static void
test_tls_required(void)
{
	static const struct {
		const char *text;
		bool optional;
	} heads[] = {
		{ "TLS-Required: No\n\n", true },
		{ "A: b\ntls-required:NO \t\nB: c\n", true },
		{ "TLS-Required : no\n", true },
		{ "TLS-Required: No\nTLS-Required: Yes\n", true },
		{ "TLS-Required: Yes\n", false },
		{ "TLS-Required:\n", false },
		{ "TLS-Required: No, not at all\n", false },
		{ "X-TLS-Required: No\n", false },
		{ "A: b\n TLS-Required: No\n", false },
		{ "A: b\n\nTLS-Required: No\n", false },
		{ "TLS-Required: No", true },
	};

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		struct trace_header t = { .over = false };
		size_t len = strlen(heads[i].text);
		for (size_t k = 0; k < len; k++) {
			trace_header(&t, heads[i].text + k, 1);
		}
		trace_header_end(&t);
		ok(t.tls_optional == heads[i].optional, "TLS-Required %zu", i);
	}
}

static void
test_many(void)
{
	struct trace_header t = { .over = false };
	struct bytes b = { .len = 0 };

	for (int i = 0; i < 1000; i++) {
		bytes_text(&b, "Received: from a by b\n");
		bytes_fill(&b, ' ', random_below(300));
		bytes_text(&b, " Received: x\n");
	}
	bytes_text(&b, "\nReceived: x\n");
	for (size_t at = 0; at < b.len;) {
		size_t n = random_below(100);
		n = n < b.len - at ? n : b.len - at;
		trace_header(&t, b.data + at, n);
		at += n;
	}
	ok(t.received == 1000 && t.over, "1000 are counted, in any pieces");
	free(b.data);
}

/* The field that we write: whole lines, and no recipient where two are. */
static void
test_received(void)
{
	static struct config config = { .hostname = "mail.example.org" };
	static struct connection c = { .config = &config };
	static struct session s = { .connection = &c, .esmtp = true };
	char text[TRACE_SIZE], id[MAIL_ID + 1];

	strlcpy(c.peer.address, "192.0.2.1", sizeof(c.peer.address));
	strlcpy(s.helo, "client.example", sizeof(s.helo));
	const struct recipient bob = { .text = "bob@example.org" };
	ok(mail_add(&s.mail, &bob) == 0, "a recipient");
	s.accepted = 1;
	mail_new_id(id);
	ok(strlen(id) == MAIL_ID, "an id has %d characters", MAIL_ID);
	size_t n = trace_received(&s, id, text);
	ok(n == strlen(text) && text[n - 1] == '\n' &&
		strncmp(text, "Received: from client.example ([192.0.2.1])\n",
		    44) == 0 &&
		strstr(text, "by mail.example.org") != NULL &&
		strstr(text, " with ESMTP id ") != NULL &&
		strstr(text, id) != NULL,
	    "a field says from whom, by whom and how");
	ok(strstr(text, "for <bob@example.org>") != NULL, "and for whom");
	struct trace_header t = { .over = false };
	trace_header(&t, text, n);
	trace_header_end(&t);
	ok(t.received == 1 && !t.over, "it is one field, which we count");
	s.accepted = 2;
	trace_received(&s, id, text);
	ok(strstr(text, "bob") == NULL, "with two recipients it names none");
	s.esmtp = false;
	trace_received(&s, id, text);
	ok(strstr(text, " with SMTP id ") != NULL, "HELO is SMTP");
	s.esmtp = true;
	strlcpy(s.tls, "TLS1.3, AES-256-GCM", sizeof(s.tls));
	strlcpy(s.user, "alice", sizeof(s.user));
	trace_received(&s, id, text);
	ok(strstr(text, " with ESMTPSA id ") != NULL &&
		strstr(text, "alice") == NULL,
	    "TLS and a login are ESMTPSA, and the name stays ours");
	strlcpy(c.peer.address, "2001:db8::1", sizeof(c.peer.address));
	trace_received(&s, id, text);
	ok(strstr(text, "[IPv6:2001:db8::1]") != NULL, "IPv6 has its tag");
	mail_free(&s.mail);
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ok(check(i), "%s", cases[i].name);
	}
	test_many();
	test_ids();
	test_tls_required();
	test_received();
	return tap_done();
}
