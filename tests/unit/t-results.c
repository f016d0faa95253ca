/* SPDX-License-Identifier: ISC */
/*
 * Authentication-Results (RFC 8601): what we write is read as that, whatever is
 * in it, and nobody brings a field in that has our name.  What others found
 * vouches for an author as DMARC would have it.
 */
#include "common/auth/results.h"

#include "common/auth/dmarc.h"
#include "common/auth/results_read.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

static const struct {
	const char *text;
	bool forged;
} fields[] = {
	{ "Authentication-Results: mx.example.net; spf=pass\n", true },
	{ "authentication-RESULTS :MX.Example.NET; spf=pass\n", true },
	{ "Authentication-Results: mx.example.net 1; none\n", true },
	{ "Authentication-Results: (x (y) \\) z) mx.example.net\n", true },
	{ "Authentication-Results:\n\tmx.example.net\n\t(c)1;dkim=pass\n",
	    true },
	{ "Authentication-Results: mx.example.net(a(b)c) 1;x=y\n", true },
	{ "Authentication-Results: \"mx.example.net\"; x=y\n", true },
	{ "Authentication-Results: \"mx\\.example\n .net\"; x=y\n", true },
	{ "Authentication-Results: \" mx.example.net \"; x=y\n", true },
	{ "Authentication-Results: mx.example.net.; x=y\n", true },
	{ "Authentication-Results: mx.example.net\n", true },
	{ "Authentication-Results:\n", true },
	{ "Authentication-Results: ; spf=pass\n", true },
	{ "Authentication-Results: (mx; spf=pass\n", true },
	{ "Authentication-Results: \"mx; spf=pass\n", true },
	{ "Authentication-Results: =?utf-8?q?mx?=; spf=pass\n", true },
	{ "Authentication-Results: mx.(x)example.net; a=b\n", true },
	{ "Authentication-Results: spf=pass smtp.mailfrom=x; a=b\n", true },
	{ "Authentication-Results: mx.example.net/1; spf=pass\n", true },
	{ "Authentication-Results: mx.example.net,x; spf=pass\n", true },
	{ "Authentication-Results: <mx.example.net>; spf=pass\n", true },
	{ "Authentication-Results: mx@mx.example.net; spf=pass\n", true },
	{ "Authentication-Results: mx.example.net=; spf=pass\n", true },
	{ "Authentication-Results: mx\xe2\x80\x8b.example.net; a=b\n", true },
	{ "Authentication-Results: mx.example.net\xff; a=b\n", true },
	{ "Authentication-Results: \xd0\xb6.example; spf=pass\n", false },
	{ "Authentication-Results: other_1.example; spf=pass\n", false },
	{ "Authentication-Results: other.example; spf=pass\n", false },
	{ "Authentication-Results: mx.example.net.evil; spf=pass\n", false },
	{ "Authentication-Results: example.net; spf=pass\n", false },
	{ "Authentication-Results: other 1; mx.example.net\n", false },
	{ "ARC-Authentication-Results: i=1; mx.example.net\n", false },
	{ "X-Authentication-Results: mx.example.net\n", false },
	{ "X-Spam-Flag: YES\n", true },
	{ "x-spam-status : No\n", true },
	{ "X-Spam: yes\n", true },
	{ "X-Spam-Score: 9\n", false },
	{ "Subject: Authentication-Results: mx.example.net\n", false },
};

static void
test_forged(void)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		struct field f;
		scratch_need(
		    header_split(fields[i].text, strlen(fields[i].text), &f),
		    "a field");
		ok(results_is_forged(&f, "mx.example.net") == fields[i].forged,
		    "field %zu %s", i, fields[i].forged ? "goes" : "stays");
	}
}

/* Whatever a value holds, it adds no line and no field. */
static void
test_values(void)
{
	static const char *const values[] = { "a@b.example", "a b@c.example",
		"\"q\\\"@c.example", "a\nX-Spam: no\n@c.example", "a;spf=pass",
		"(", "\\", "@" };
	struct results r;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		results_begin(&r, "mx.example.net");
		results_add(&r, "spf", "fail", NULL, values[i]);
		results_property(&r, "smtp.mailfrom", values[i]);
		size_t len = results_end(&r);
		const char *at = r.text;
		struct field f;
		bool one = header_next(&at, r.text + len, &f) &&
		           at == r.text + len && strlen(r.text) == len;
		ok(one && results_is_forged(&f, "mx.example.net"),
		    "value %zu is in one field of ours", i);
	}
	ok(strcmp(r.text, "Authentication-Results: mx.example.net;\n\t"
			  "spf=fail reason=\"@\" smtp.mailfrom=\"@\"\n") == 0,
	    "the text");
	note("%zu octets", strlen(r.text));
}

/* Received-SPF is a field with keys, whatever their values hold. */
static void
test_spf_field(void)
{
	static const char wanted[] =
	    "Received-SPF: pass client-ip=192.0.2.1; "
	    "envelope-from=\"a\\\"b@c.d\";\n\thelo=\"a..b\"; "
	    "receiver=mx.example.net\n";
	struct results r;

	results_begin_spf(&r, "pass");
	results_key(&r, "client-ip", "192.0.2.1");
	results_key(&r, "envelope-from", "a\"b@c.d");
	results_key(&r, "helo", "a..b");
	results_key(&r, "problem", "");
	results_key(&r, "receiver", "mx.example.net");
	size_t len = results_end(&r);
	ok(len == strlen(wanted) && strcmp(r.text, wanted) == 0, "%s", r.text);
}

/* True if it is one field, with whole results alone. */
static bool
is_whole(const struct results *r, size_t len, const char *last)
{
	const char *at = r->text;
	struct results_item item;
	struct span rest;
	struct field f;
	char value[64];

	if (len >= RESULTS_SIZE || !header_next(&at, r->text + len, &f) ||
	    at != r->text + len ||
	    !results_of((struct span){ f.value, f.value_len }, "mx.example.net",
		&rest)) {
		return false;
	}
	while (rest.len > 0) {
		if (!results_next(&rest, &item) ||
		    !results_is(&item, "dkim", "pass") ||
		    !results_value(&item, last, value, sizeof(value)) ||
		    strcmp(value, "example.org") != 0) {
			return false;
		}
	}
	return true;
}

/* What does not fit is left out whole, wherever the room ends. */
static void
test_long(void)
{
	struct results r;
	char pad[200] = "";
	bool good = true;

	for (size_t n = 0; n < sizeof(pad) - 1; n++, pad[n - 1] = 'x') {
		results_begin(&r, "mx.example.net");
		results_add(&r, "dkim", "pass", NULL, NULL);
		results_property(&r, "header.s", pad);
		results_property(&r, "header.d", "example.org");
		for (int i = 0; i < 100; i++) {
			results_add(&r, "dkim", "pass", "a comment", "a word");
			results_property(&r, "header.d", "example.org");
		}
		size_t len = results_end(&r);
		good = good && len > RESULTS_SIZE - 100 &&
		       is_whole(&r, len, "header.d");
	}
	ok(good, "whole results alone: %s", r.text + RESULTS_SIZE - 200);

	results_begin_spf(&r, "pass");
	for (int i = 0; i < 1000; i++) {
		results_key(&r, "helo", "client.example");
	}
	size_t len = results_end(&r);
	static const char end[] = " helo=client.example\n";
	ok(len < RESULTS_SIZE && len > RESULTS_SIZE - 60 &&
		strcmp(r.text + len - strlen(end), end) == 0,
	    "whole keys alone, %zu octets", len);
}

/* The author is a.example.com, of example.com. */
static const struct {
	const char *text;
	bool relaxed, strict;
} found[] = {
	{ "; dmarc=pass header.from=a.example.com", true, true },
	{ "; dmarc=pass header.from=A.example.COM.", true, true },
	{ "; dmarc=pass header.from=example.com", false, false },
	{ "; dmarc=pass", false, false },
	{ "; dkim=pass header.d=a.example.com", true, true },
	{ "; dkim=pass header.d=example.com", true, false },
	{ "; dkim=pass header.d=b.example.com", true, false },
	{ "; dkim=pass header.i=@a.example.com", true, true },
	{ "; dkim=pass header.i=u@x.a.example.com", true, false },
	{ "; dkim=pass header.i=@a.example.com header.d=example.com", true,
	    false },
	{ "; dkim=pass header.d=com", false, false },
	{ "; dkim=pass header.d=notexample.com", false, false },
	{ "; dkim=fail header.d=a.example.com", false, false },
	{ "; spf=pass smtp.mailfrom=u@a.example.com", true, true },
	{ "; spf=pass smtp.mailfrom=b.example.com", true, false },
	{ "; spf=pass smtp.mailfrom=u@com", false, false },
	{ "; dmarc=fail header.from=a.example.com; dkim=pass "
	  "header.d=a.example.com",
	    false, false },
	{ "; dkim=pass header.d=a.example.com; spf=pass "
	  "smtp.mailfrom=a.example.com; dmarc=fail (p=none) "
	  "header.from=A.example.com.",
	    false, false },
	{ "; dkim=pass header.d=a.example.com; dmarc=fail", false, false },
	{ "; dmarc=fail header.from=@; spf=pass smtp.mailfrom=a.example.com",
	    false, false },
	{ "; dmarc=pass header.from=a.example.com; dmarc=fail "
	  "header.from=a.example.com",
	    false, false },
	{ "; dmarc=fail header.from=b.example.com; dkim=pass "
	  "header.d=a.example.com",
	    true, true },
	{ "; dmarc=none header.from=a.example.com; dkim=pass "
	  "header.d=a.example.com",
	    true, true },
};

static void
test_vouch(void)
{
	static struct dmarc d = { .author = "a.example.com",
		.organization = "example.com" };

	for (size_t i = 0; i < sizeof(found) / sizeof(found[0]); i++) {
		struct span s = { found[i].text, strlen(found[i].text) };
		d.strict_dkim = d.strict_spf = false;
		bool relaxed = results_vouch(s, &d);
		d.strict_dkim = d.strict_spf = true;
		bool strict = results_vouch(s, &d);
		ok(relaxed == found[i].relaxed && strict == found[i].strict,
		    "what vouches: %s", found[i].text);
	}
}

/* Comments and folds may stand anywhere (RFC 8617 section 4.1.1). */
static void
test_instance(void)
{
	static const struct {
		const char *text, *digits;
	} rows[] = { { " i=1; mx.example; none", "1" }, { "i=50;x", "50" },
		{ "(a;b) i\n\t(c) = (d) 7 (e) ;x", "7" }, { "I=3;", "3" },
		{ "i=;", "" }, { "i=1", NULL }, { "i=1 2;", NULL },
		{ "j=1;", NULL }, { "1;", NULL }, { "mx.example; i=1;", NULL },
		{ "(i=1;", NULL }, { "", NULL } };
	struct span digits, rest;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span text = { rows[i].text, strlen(rows[i].text) };
		bool got = results_instance(text, &digits, &rest);
		ok(got == (rows[i].digits != NULL) &&
			(!got || (digits.len == strlen(rows[i].digits) &&
				     memcmp(digits.at, rows[i].digits,
					 digits.len) == 0)),
		    "\"%s\"", rows[i].text);
	}
}

int
main(void)
{
	test_instance();
	test_forged();
	test_values();
	test_spf_field();
	test_long();
	test_vouch();
	return tap_done();
}
