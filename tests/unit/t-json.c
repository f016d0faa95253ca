/* SPDX-License-Identifier: ISC */
/*
 * JSON as it is read.  Guards against a reader that takes for a value what is
 * none, or recurses as deeply as a text wants.
 */
#include "common/text/json_read.h"

#include "tests/unit/tap.h"

#include <stdio.h>
#include <string.h>

/* Writes what is read: "a{b=1 []}", or "!why" for what is wrong. */
static void
read_all(const char *text, char *out, size_t size)
{
	struct json j = { .at = text, .end = text + strlen(text) };
	enum json_event event;

	out[0] = '\0';
	while ((event = json_next(&j)) < JSON_DONE) {
		if (event == JSON_CLOSE) {
			strlcat(out, "}", size);
			continue;
		}
		strlcat(out, j.names[j.depth - 1], size);
		strlcat(out, event == JSON_OPEN ? "{" : "=", size);
		if (event == JSON_VALUE) {
			strlcat(out, j.text, size);
			strlcat(out, " ", size);
		}
	}
	if (event == JSON_WRONG) {
		strlcpy(out, "!", size);
		strlcat(out, j.why, size);
	}
	ok(json_next(&j) == event, "the end is the end");
}

static const struct {
	const char *text, *read;
} cases[] = {
	{ "{}", "{}" },
	{ " [ ] ", "{}" },
	{ "\"a\"", "=a " },
	{ "-1.5e+3", "=-1.5e+3 " },
	{ "true", "=true " },
	{ "{\"a\":1,\"b\":[true,null,\"x\"],\"c\":{}}",
	    "{a=1 b{=true =null =x }c{}}" },
	{ "[[],[[]],{}]", "{{}{{}}{}}" },
	{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e4\\u0000\"",
	    "=\"\\/\b\f\n\r\tA?? " },
	{ "\"\xc3\xa4\"", "=?? " },
	{ "", "!it ends too early" },
	{ "{", "!a key is broken" },
	{ "[", "!it ends too early" },
	{ "{\"a\"", "!a key is broken" },
	{ "{\"a\":", "!it ends too early" },
	{ "{\"a\":1", "!a comma is missing" },
	{ "{\"a\":1,}", "!a key is broken" },
	{ "[1,]", "!a value is broken" },
	{ "[,1]", "!a value is broken" },
	{ "[1 2]", "!a comma is missing" },
	{ "[1}", "!a comma is missing" },
	{ "{a:1}", "!a key is broken" },
	{ "{1:1}", "!a key is broken" },
	{ "nul", "!a value is broken" },
	{ "nulle", "!a value is broken" },
	{ "True", "!a value is broken" },
	{ "e", "!a value is broken" },
	{ "'a'", "!a value is broken" },
	{ "\"a", "!a value is broken" },
	{ "\"a\n\"", "!a value is broken" },
	{ "\"\\x\"", "!a value is broken" },
	{ "\"\\u12\"", "!a value is broken" },
	{ "\"\\u12g4\"", "!a value is broken" },
	{ "\"\\", "!a value is broken" },
	{ "{}{}", "!something follows the end" },
	{ "1 2", "!something follows the end" },
};

int
main(void)
{
	char out[256], text[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		read_all(cases[i].text, out, sizeof(out));
		ok(strcmp(out, cases[i].read) == 0, "%s: %s", cases[i].text,
		    out);
	}
	for (size_t depth = JSON_DEPTH; depth <= JSON_DEPTH + 1; depth++) {
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		text[2 * depth] = '\0';
		read_all(text, out, sizeof(out));
		ok((out[0] == '!') == (depth > JSON_DEPTH), "depth %zu", depth);
	}
	struct json j = { .depth = 4, .names = { "", "a", "", "b" } };
	ok(json_is(&j, "a//b") && !json_is(&j, "a/b") && !json_is(&j, "a/") &&
		!json_is(&j, "a//bc") && !json_is(&j, "") &&
		!json_is(&j, "a//b/"),
	    "paths");
	return tap_done();
}
