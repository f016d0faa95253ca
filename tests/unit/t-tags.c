/* SPDX-License-Identifier: ISC */
/*
 * Tag lists (RFC 6376 section 3.2).  Guards against lists that two readers
 * understand differently: a tag twice, something that is no tag, a name inside
 * the value of another tag.
 */
#include "common/auth/tags.h"

#include "tests/unit/tap.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *text;
	bool valid;
	const char *name, *value; /* NULL: it must not be found */
} lists[] = {
	{ "v=1; a=rsa-sha256", true, "a", "rsa-sha256" },
	{ "v=1;a=b;", true, "a", "b" },
	{ "v=1;a=b; \t\r\n ", true, "a", "b" },
	{ " \r\n\t v \r\n\t = \r\n\t 1 \r\n\t ; a\n =\n b c\n d ", true, "a",
	    "b c\n d" },
	{ "p=", true, "p", "" },
	{ "p=;", true, "p", "" },
	{ "bh=b=c; b=d==", true, "b", "d==" },
	{ "bh=x;B=y", true, "b", NULL },
	{ "a_1=x", true, "a_1", "x" },
	{ "n=\xc3\xa4.example", true, "n", "\xc3\xa4.example" },
	{ "a=1; a=2", false, "a", "1" },
	{ "a=1; A=2", true, "A", "2" },
	{ "a=1;; b=2", false, "b", "2" },
	{ "a=1;;", false, "a", "1" },
	{ ";a=1", false, "a", "1" },
	{ "", false, "a", NULL },
	{ " \n ", false, "a", NULL },
	{ "a", false, "a", NULL },
	{ "a=1; b", false, "b", NULL },
	{ "a=1; =2", false, "a", "1" },
	{ "a b=1", false, "a b", NULL },
	{ "1a=x", false, "1a", NULL },
	{ "_a=x", false, "_a", NULL },
	{ "a-b=x", false, "a-b", NULL },
	{ "a=x\001y", false, "a", NULL },
	{ "a=x\177", false, "a", NULL },
	{ "\xc3\xa4=x", false, "a", NULL },
	{ "x=1 a=2; b=3", true, "x", "1 a=2" },
};

static void
test_lists(void)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const char *text = lists[i].text, *want = lists[i].value;
		struct span s = { NULL, 0 };
		bool found = tags_find(text, strlen(text), lists[i].name, &s);
		ok(tags_valid(text, strlen(text)) == lists[i].valid &&
			found == (want != NULL) &&
			(!found || (s.len == strlen(want) &&
				       memcmp(s.at, want, s.len) == 0)),
		    "list %zu", i);
	}
	ok(!tags_valid("a=\0", 3) && tags_valid("a=\0", 2),
	    "a NUL is no value");

	char text[4 * (TAGS_MOST + 1) + 1];
	for (int i = 0; i <= TAGS_MOST; i++) {
		snprintf(text + 4 * i, 5, "%c%c=;", 'a' + i / 10, '0' + i % 10);
	}
	ok(tags_valid(text, 4 * TAGS_MOST) &&
		!tags_valid(text, 4 * (TAGS_MOST + 1)),
	    "at most %d tags", TAGS_MOST);
}

/* What took hours when the rest was read anew for each element. */
static void
test_long(void)
{
	enum { EACH = 1 << 20 };
	static const char *const elements[] = { ";", ";x=", "; ", ";=" };
	size_t size = 2 * EACH;
	char *text = malloc(size);
	struct span value;

	for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++) {
		size_t n = strlen(elements[i]);
		memset(text, ' ', size);
		for (size_t at = 0; at + n <= EACH; at += n) {
			memcpy(text + at, elements[i], n);
		}
		ok(!tags_find(text, size, "d", &value) &&
			!tags_valid(text, size),
		    "a long list of %s, and blanks", elements[i]);
	}
	free(text);
}

static struct span
span(const char *text)
{
	return (struct span){ text, strlen(text) };
}

static void
test_numbers(void)
{
	uint64_t n = 1;

	ok(tags_number(span("0"), &n) && n == 0, "0");
	ok(tags_number(span("0012"), &n) && n == 12, "leading zeros");
	ok(tags_number(span("18446744073709551615"), &n) && n == UINT64_MAX,
	    "the largest number");
	ok(tags_number(span("18446744073709551616"), &n) && n == UINT64_MAX,
	    "one more");
	ok(tags_number(span("99999999999999999999999999"), &n) &&
		n == UINT64_MAX,
	    "many more");
	ok(!tags_number(span(""), &n) && !tags_number(span("-1"), &n) &&
		!tags_number(span("+1"), &n) && !tags_number(span("1 2"), &n),
	    "no numbers");
}

static void
test_items(void)
{
	static const char *const want[] = { "From", "to", "", "x" };
	struct span rest = span("From:\r\n\tto :: x"), item;
	size_t n = 0;
	bool good = true;

	while (tags_item(&rest, &item)) {
		good &= n < 4 && tags_is(item, want[n]);
		n++;
	}
	ok(good && n == 4, "items");
	rest = span("");
	ok(tags_item(&rest, &item) && item.len == 0 && !tags_item(&rest, &item),
	    "one empty item");
	ok(tags_lists(span("dns/txt:x"), "X") &&
		!tags_lists(span("dns/txt"), "txt"),
	    "whole items, in any case");
}

static const struct {
	const char *text;
	ssize_t len;
	const char *octets;
} codes[] = {
	{ "", 0, "" },
	{ "YWJj", 3, "abc" },
	{ " Y\r\n\tW J\tj ", 3, "abc" },
	{ "YWI=", 2, "ab" },
	{ "YWJjYQ = =", 4, "abca" },
	{ "YQ==YQ==", -1, NULL },
	{ "YWJ", -1, NULL },
	{ "YW-j", -1, NULL },
	{ "YR==", -1, NULL },
	{ "=", -1, NULL },
};

static void
test_base64(void)
{
	char out[16];

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		ssize_t n = tags_base64(span(codes[i].text), out, sizeof(out));
		ok(n == codes[i].len && (n <= 0 || memcmp(out, codes[i].octets,
						       (size_t)n) == 0),
		    "base64 %zu", i);
	}
	ok(tags_base64(span("YWJjYWJj"), out, 5) == -1 &&
		tags_base64(span("YWJjYWJj"), out, 6) == 6,
	    "room");
}

int
main(void)
{
	test_lists();
	test_long();
	test_numbers();
	test_items();
	test_base64();
	return tap_done();
}
