/* SPDX-License-Identifier: ISC */
/*
 * Notes for reports on TLS.  Guards against a line that brings octets of others
 * into a report, and against policies that do not fit.
 */
#include "smtpd/agent/tls_note.h"

#include "tests/unit/tap.h"

#include <stdio.h>
#include <string.h>

static const struct tls_note sample = {
	.policy = TLS_POLICY_STS,
	.result = TLS_RESULT_EXPIRED,
	.domain = "example.org",
	.text = "version:+STSv1;mx:+*.example.org",
	.host = "mx_1.example.org",
	.address = "2001:db8::1",
};

static void
test_lines(void)
{
	static const char text[] =
	    "example.org sts version:+STSv1;mx:+*.example.org "
	    "certificate-expired mx_1.example.org 2001:db8::1 -\n";
	struct tls_note read;
	char line[TLS_NOTE_LINE];

	ssize_t n = tls_note_write(&sample, line);
	ok(n == sizeof(text) - 1 && memcmp(line, text, (size_t)n) == 0,
	    "a line");
	ok(tls_note_read(line, (size_t)n - 1, &read) &&
		memcmp(&read, &sample, sizeof(sample)) == 0,
	    "the same again");
	size_t good = 0;
	for (size_t len = 0; len < (size_t)n - 1; len++) {
		good += tls_note_read(text, len, &read);
	}
	ok(good == 0, "cut anywhere: %zu", good);
	ok(!tls_note_read(line, (size_t)n, &read), "with its end");
	for (uint32_t p = 0; p < TLS_POLICIES; p++) {
		for (uint32_t r = 0; r < TLS_RESULTS; r++) {
			struct tls_note one = sample;
			one.policy = p;
			one.result = r;
			n = tls_note_write(&one, line);
			ok(n > 0 && tls_note_read(line, (size_t)n - 1, &read) &&
				read.policy == p && read.result == r,
			    "%s %s", tls_policy_words[p], tls_result_words[r]);
		}
	}
}

static void
test_wrong(void)
{
	static const char *const wrong[] = { "a b", "a<b", "a\nb", "a\"b",
		"a\\b", "-", "A.example", "a..b", ".", "\xc3\xa4", "a.b." };
	struct tls_note bad;
	char line[TLS_NOTE_LINE];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		bad = sample;
		strlcpy(bad.domain, wrong[i], sizeof(bad.domain));
		bool domain = tls_note_write(&bad, line) == -1;
		bad = sample;
		strlcpy(bad.host, wrong[i], sizeof(bad.host));
		ok(domain && tls_note_write(&bad, line) == -1, "\"%s\"",
		    wrong[i]);
	}
	bad = sample;
	bad.domain[0] = '\0';
	ok(!tls_note_valid(&bad), "no domain");
	bad = sample;
	bad.policy = TLS_POLICIES;
	ok(!tls_note_valid(&bad), "no policy");
	bad = sample;
	bad.result = TLS_RESULTS;
	ok(!tls_note_valid(&bad), "no result");
	memset(&bad, 'a', sizeof(bad));
	bad.policy = bad.result = 0;
	ok(!tls_note_valid(&bad), "without ends");
	bad = sample;
	strlcpy(bad.address, "1.2.3.4 x", sizeof(bad.address));
	ok(!tls_note_valid(&bad), "two words");
}

static void
test_policy(void)
{
	struct tls_note n = { .policy = TLS_POLICY_TLSA };
	char large[TLS_NOTE_TEXT];

	tls_note_add(&n, "3 1 1 00ff");
	tls_note_add(&n, "mx: *.a.example");
	ok(strcmp(n.text, "3+1+1+00ff;mx:+*.a.example") == 0, "%s", n.text);
	char before[sizeof(n.text)];
	strlcpy(before, n.text, sizeof(before));
	static const char *const wrong[] = { "", "a;b", "a+b", "a\"b",
		"a\x1b" };
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		tls_note_add(&n, wrong[i]);
		ok(strcmp(n.text, before) == 0, "\"%s\" is left out", wrong[i]);
	}
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	tls_note_add(&n, large);
	ok(strcmp(n.text, before) == 0, "what does not fit is left out");
	large[400] = '\0';
	for (size_t i = 0; i < 10; i++) {
		tls_note_add(&n, large);
	}
	ok(strlen(n.text) == strlen(before) + 2 * 401, "as many as fit");
	strlcpy(n.domain, "a.example", sizeof(n.domain));
	char line[TLS_NOTE_LINE];
	struct tls_note read;
	ssize_t len = tls_note_write(&n, line);
	ok(len > 0 && tls_note_read(line, (size_t)len - 1, &read) &&
		memcmp(&n, &read, sizeof(n)) == 0,
	    "a long one is read again");
}

int
main(void)
{
	test_lines();
	test_wrong();
	test_policy();
	return tap_done();
}
