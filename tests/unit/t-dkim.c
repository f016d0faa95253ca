/* SPDX-License-Identifier: ISC */
/*
 * DKIM signatures (RFC 6376): the message of RFC 8463 appendix A, with both
 * kinds of keys, and what happens to it when something is another.  Guards
 * against signatures that count though they should not.
 */
#include "common/auth/dkim.h"
#include "common/auth/dkim_key.h"
#include "common/auth/dkim_make.h"
#include "common/tls/private_key.h"

#include "tests/unit/tap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NOW = 1528637909 };

static const char message[] =
    "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\n"
    " d=football.example.com; i=@football.example.com;\n"
    " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\n"
    " subject : date : message-id : from : subject : date;\n"
    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\n"
    " b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\n"
    " Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\n"
    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\n"
    " d=football.example.com; i=@football.example.com;\n"
    " q=dns/txt; s=test; t=1528637909; h=from : to : subject :\n"
    " date : message-id : from : subject : date;\n"
    " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\n"
    " b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\n"
    " DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\n"
    " dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\n"
    "From: Joe SixPack <joe@football.example.com>\n"
    "To: Suzie Q <suzie@shopping.example.net>\n"
    "Subject: Is dinner ready?\n"
    "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\n"
    "Message-ID: <20030712040037.46341.5F8J@football.example.com>\n"
    "\n"
    "Hi.\n\nWe lost the game.  Are you hungry yet?\n\nJoe.\n";

static const char ed25519[] =
    "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
static const char rsa[] =
    "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6"
    "NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/"
    "8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l"
    "/K4w3QIDAQAB";

/* The same as an RSAPublicKey. */
static const char bare[] =
    "v=DKIM1; k=rsa; p=MIGJAoGBAOQeU5CgFPNZGIazlXo2k/eJ1jpaTTxrmqF1HrDLlt04pvaM"
    "tCJj8nXoliLRC/H9vJjMI1vdb3XLcW60AIN/PBD8EL97/y4GwJH7LPUvGP48vqUe+owqszesbi"
    "Gy1PlCO8c70/OjFnJVgvMF87YR4Lcincb7aSvI5MgpP6X8rjDdAgMBAAE=";

static struct dkim_report reports[DKIM_MOST];

/* Verifies a message; how many signatures were looked at. */
static size_t
verify(const char *text, size_t piece, const char *const keys[2],
    enum dkim_lookup lookup)
{
	const char *body = strstr(text, "\n\n") + 2;
	size_t len = strlen(body);
	static struct dkim *d;

	dkim_close(d); /* reports point into it */
	d = dkim_open(text, (size_t)(body - text), "", NOW);
	for (size_t i = 0; i < len; i += piece) {
		dkim_body(d, body + i, len - i < piece ? len - i : piece);
	}
	dkim_body_end(d);
	for (size_t i = 0; i < dkim_count(d); i++) {
		char name[DKIM_QUESTION];
		if (dkim_question(d, i, name)) {
			const char *key = strncmp(name, "brisbane.", 9) == 0
			                      ? keys[0]
			                      : keys[1];
			struct span record = { key, strlen(key) };
			dkim_answer(d, i, lookup, &record, 1);
		}
		dkim_report(d, i, &reports[i]);
	}
	return dkim_count(d);
}

static void
test_message(void)
{
	static const char *const keys[] = { ed25519, rsa };
	bool good = true;

	for (size_t piece = 1; piece < 200; piece++) {
		good &= verify(message, piece, keys, DKIM_LOOKUP_OK) == 2 &&
		        reports[0].result == DKIM_PASS &&
		        reports[1].result == DKIM_PASS;
	}
	ok(good, "RFC 8463 appendix A, in pieces of any size");
	ok(strcmp(reports[0].domain, "football.example.com") == 0 &&
		strcmp(reports[0].selector, "brisbane") == 0 &&
		strcmp(reports[0].algorithm, "ed25519-sha256") == 0 &&
		strcmp(reports[0].start, "/gCrinpc") == 0,
	    "what is reported");
	(void)verify(message, 99, keys, DKIM_LOOKUP_TEMPORARY);
	ok(reports[0].result == DKIM_TEMPERROR &&
		reports[1].result == DKIM_TEMPERROR,
	    "a name server that fails");
	(void)verify(message, 99, keys, DKIM_LOOKUP_NONE);
	ok(reports[0].result == DKIM_PERMERROR, "no key: %s",
	    reports[0].reason);
}

/* What one text in the message, exchanged for another, makes of it. */
static const struct {
	const char *old, *new;
	enum dkim_result result;
} changes[] = {
	{ "v=1; a=ed", "v=2; a=ed", DKIM_PERMERROR },
	{ "v=1; a=ed", "a=ed", DKIM_PERMERROR },
	{ "ed25519-sha256", "rsa-sha1", DKIM_PERMERROR },
	{ "ed25519-sha256", "rsa-sha512", DKIM_PERMERROR },
	{ "c=relaxed/relaxed", "c=relaxed/other", DKIM_PERMERROR },
	{ "c=relaxed/relaxed", "c=relaxed/relaxed; c=relaxed/relaxed",
	    DKIM_PERMERROR },
	{ "c=relaxed/relaxed", "c=relaxed/relaxed;; x", DKIM_PERMERROR },
	{ "q=dns/txt", "q=finger", DKIM_PERMERROR },
	{ "q=dns/txt", "q=finger:dns/txt", DKIM_FAIL },
	{ "d=football.example.com", "d=com", DKIM_PERMERROR },
	{ "d=football.example.com", "d=foot_ball..com", DKIM_PERMERROR },
	{ "d=football.example.com", "d=other.example", DKIM_PERMERROR },
	{ "s=brisbane", "s=", DKIM_PERMERROR },
	{ "i=@football.example.com", "i=@example.com", DKIM_PERMERROR },
	{ "i=@football.example.com", "i=joe", DKIM_PERMERROR },
	{ "h=from : to", "h=to", DKIM_FAIL },
	{ "t=1528637909", "t=abc", DKIM_PERMERROR },
	{ "t=1528637909", "t=1528637909; x=1528637909", DKIM_PERMERROR },
	{ "t=1528637909", "t=1; x=1528637609", DKIM_FAIL },
	{ "t=1528637909", "t=1; x=1528637608", DKIM_FAIL },
	{ "t=1528637909", "t=1; l=100000", DKIM_PERMERROR },
	{ "t=1528637909", "t=1; l=-1", DKIM_PERMERROR },
	{ "t=1528637909", "t=1; l=0", DKIM_FAIL },
	{ "bh=2j", "bh=3j", DKIM_FAIL },
	{ "bh=2jUSOH", "bh=", DKIM_PERMERROR },
	{ "b=/gCrin", "b=/gCrio", DKIM_FAIL },
	{ "b=/gCrin", "b=*", DKIM_PERMERROR },
	{ "From: Joe", "From: Jim", DKIM_FAIL },
	{ "Subject: Is", "Subject: x\nSubject: Is", DKIM_FAIL },
	{ "Subject: Is", "subject :\n  Is", DKIM_PASS },
	{ "lost the game.  Are", "lost the game.  are", DKIM_FAIL },
	{ "lost the game.  Are", "lost the game. \t Are", DKIM_PASS },
	{ "Joe.\n", "Joe.\n\n\n", DKIM_PASS },
};

static void
test_changes(void)
{
	static const char *const keys[] = { ed25519, rsa };
	char text[4096];

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		const char *at = strstr(message, changes[i].old);
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - message),
		    message, changes[i].new, at + strlen(changes[i].old));
		(void)verify(text, 64, keys, DKIM_LOOKUP_OK);
		ok(reports[0].result == changes[i].result, "change %zu: %s %s",
		    i, dkim_result_name(reports[0].result), reports[0].reason);
	}
}

static const struct {
	const char *key;
	enum dkim_result result;
} records[] = {
	{ "p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", DKIM_PERMERROR },
	{ "k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo= ;",
	    DKIM_PASS },
	{ "k=ed25519; p=11qYAYKxCrfVS/7T yWQHOg7hcvPapiMlrwIaaPcHURo=",
	    DKIM_PASS },
	{ "v=DKIM2; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
	    DKIM_PERMERROR },
	{ "k=ed25519; t=s; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
	    DKIM_PASS },
	{ "k=ed25519; t=y; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
	    DKIM_PASS },
	{ "k=ed25519; s=tlsrpt; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
	    DKIM_PERMERROR },
	{ "k=ed25519; s=x:email; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo"
	  "=",
	    DKIM_PASS },
	{ "k=ed25519; h=sha1; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
	    DKIM_PERMERROR },
	{ "k=ed25519; p=21qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
	    DKIM_FAIL },
	{ "k=ed25519; p=11qY", DKIM_PERMERROR },
	{ "k=ed25519; p=", DKIM_PERMERROR },
	{ "k=ed25519; p=*", DKIM_PERMERROR },
	{ "v=spf1 -all", DKIM_PERMERROR },
	{ "", DKIM_PERMERROR },
};

static void
test_records(void)
{
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		const char *const keys[] = { records[i].key, rsa };
		(void)verify(message, 64, keys, DKIM_LOOKUP_OK);
		ok(reports[0].result == records[i].result &&
			reports[1].result == DKIM_PASS,
		    "key %zu: %s %s", i, dkim_result_name(reports[0].result),
		    reports[0].reason);
	}
	const char *const keys[] = { ed25519, bare };
	(void)verify(message, 64, keys, DKIM_LOOKUP_OK);
	ok(reports[1].result == DKIM_PASS, "an RSAPublicKey: %s",
	    reports[1].reason);
	struct span two[] = { { ed25519, strlen(ed25519) },
		{ "v=spf1 -all", 11 }, { ed25519, strlen(ed25519) } };
	struct dkim_key key;
	ok(dkim_key_read(two, 2, PUBLIC_KEY_ED25519, &key) == NULL &&
		dkim_key_read(two, 3, PUBLIC_KEY_ED25519, &key) != NULL,
	    "one key among other records, but not two");
}

/* What we sign, we verify; with a key that was written and read. */
static void
test_own(enum public_key_kind kind)
{
	static const char own[] = "From: a@Example.ORG\nSubject: x\n\nhello\n";
	char pem[PRIVATE_KEY_PEM], public[PRIVATE_KEY_PUBLIC];
	char record[PRIVATE_KEY_PUBLIC + 64], author[DKIM_DOMAIN];
	struct output text = { 0 };
	struct signature s;
	uint8_t digest[CRYPTO_SHA256];
	const char *why = "";

	struct private_key *made = private_key_make(kind, &why);
	ssize_t n = made == NULL ? -1 : private_key_pem(made, pem, sizeof(pem));
	struct private_key *key =
	    n == -1 ? NULL : private_key_read(pem, (size_t)n, &why);
	struct dkim_make *m = dkim_make_open();
	if (!ok(key != NULL && m != NULL &&
		    private_key_public(key, public) == 0,
		"a key of kind %d: %s", kind, why)) {
		return;
	}
	snprintf(record, sizeof(record), "k=%s; p=%s",
	    kind == PUBLIC_KEY_RSA ? "rsa" : "ed25519", public);
	dkim_make_feed(m, own, strlen(own));
	const struct dkim_make_key by = { "example.org", "brisbane", kind };
	ok(dkim_make_end(m) && dkim_make_author(m, author) &&
		strcmp(author, "example.org") == 0 &&
		dkim_make_digest(m, &by, NOW, digest) &&
		private_key_sign(key, digest, &s),
	    "a signature of kind %d", kind);
	dkim_make_field(m, s.octets, s.size, &text);
	output_add(&text, own, sizeof(own));
	const char *const keys[] = { record, record };
	ok(verify(text.data, 7, keys, DKIM_LOOKUP_OK) == 1 &&
		reports[0].result == DKIM_PASS,
	    "it is verified: %s", reports[0].reason);
	output_free(&text);
	dkim_make_close(m);
	private_key_close(key);
	private_key_close(made);
}

/* Of many Subjects not all would be signed, and one more could be added. */
static void
test_too_many(void)
{
	static const char *const names[] = { "Subject", "SUBJECT", "To",
		"References", "List-Id", "Resent-To" };
	char line[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (int many = 20; many <= 21; many++) {
			struct dkim_make *m = dkim_make_open();
			for (int n = 0; m != NULL && n < many; n++) {
				snprintf(line, sizeof(line), "%s: %d\n",
				    names[i], n);
				dkim_make_feed(m, line, strlen(line));
			}
			ok(m != NULL && dkim_make_end(m) == (many == 20) &&
				(many == 20 || errno == E2BIG),
			    "%d fields %s", many, names[i]);
			dkim_make_close(m);
		}
	}
}

/* Signatures of more names than there are fields, of many fields. */
static void
test_many_names(void)
{
	static const char *const keys[] = { ed25519, rsa };
	static const char names[] = " h=from : to :\n"
				    " subject : date : message-id : from :"
				    " subject : date;\n";
	struct output text = { 0 };
	char name[16];

	const char *h = strstr(message, names);
	output_add(&text, message, (size_t)(h - message));
	output_add(&text, " h=from", 7);
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), ":%s%d", i % 2 ? "b" : "c", i);
		output_add(&text, name, strlen(name));
	}
	output_add(&text, ";\n", 2);
	h += strlen(names);
	const char *end = strstr(h, "\n\n") + 1;
	output_add(&text, h, (size_t)(end - h));
	for (int i = 0; i < 60000; i++) {
		output_add(&text, "b:\n", 3);
	}
	output_add(&text, end, strlen(end) + 1);
	ok(verify(text.data, 999, keys, DKIM_LOOKUP_OK) == 2 &&
		reports[0].result == DKIM_FAIL &&
		reports[1].result == DKIM_PASS,
	    "500 names and 60000 fields: %s, %s", reports[0].reason,
	    reports[1].reason);
	output_free(&text);
}

int
main(void)
{
	test_too_many();
	test_message();
	test_changes();
	test_many_names();
	test_records();
	test_own(PUBLIC_KEY_RSA);
	test_own(PUBLIC_KEY_ED25519);
	return tap_done();
}
