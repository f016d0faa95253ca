/* SPDX-License-Identifier: ISC */
/*
 * XML as reports have it.  Guards against a reader that another document, or
 * half of one, can make believe something; and against what makes it name
 * files, multiply text, or recurse.
 */
#include "common/text/xml.h"

#include "tests/unit/tap.h"

#include <stdio.h>
#include <string.h>

/* Writes what is read: "a( b(text) )", or "!why" for what is wrong. */
static void
read_all(const char *text, size_t len, char *out, size_t size)
{
	struct xml x = { .at = text, .end = text + len };
	enum xml_event event;

	out[0] = '\0';
	while ((event = xml_next(&x)) < XML_DONE) {
		strlcat(out, event == XML_START ? x.names[x.depth - 1] : x.text,
		    size);
		strlcat(out, event == XML_START ? "(" : ")", size);
	}
	if (event == XML_WRONG) {
		strlcpy(out, "!", size);
		strlcat(out, x.why, size);
	}
	ok(xml_next(&x) == event, "the end is the end");
}

static const struct {
	const char *text, *read;
} cases[] = {
	{ "<a/>", "a()" },
	{ "<a></a>", "a()" },
	{ "<a >x</a >", "a(x)" },
	{ "\xef\xbb\xbf<?xml version='1.0'?>\n<a> x \r\n y\t</a>\n",
	    "a(x \r\n y)" },
	{ "<a><b>1</b><b/><c>2</c></a>", "a(b(1)b()c(2))" },
	{ "<n:a xmlns:n='x'><n:b c=\">\" d='/'>1</n:b></n:a>", "a(b(1))" },
	{ "<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x42;&#x20AC;</a>",
	    "a(<>&\"'AB?)" },
	{ "<a><![CDATA[<b>&amp;]]]]></a>", "a(<b>&amp;]])" },
	{ "<!-- <x> --><a>1<!-- 2 -->3</a><!-- - -->", "a(13)" },
	{ "<a><?php <b> ?></a>", "a()" },
	{ "<!DOCTYPE a><a/>", "!it has a document type" },
	{ "<a><!DOCTYPE a></a>", "!it has a document type" },
	{ "<a><!ENTITY b 'c'></a>", "!a declaration is broken" },
	{ "<a>&b;</a>", "!an entity that is unknown" },
	{ "<a>&#0;</a>", "!an entity that is unknown" },
	{ "<a>&#xd800;</a>", "!an entity that is unknown" },
	{ "<a>&#x110000;</a>", "!an entity that is unknown" },
	{ "<a>&#99999999999999;</a>", "!an entity that is unknown" },
	{ "<a>&#;</a>", "!an entity that is unknown" },
	{ "<a>&#x;</a>", "!an entity that is unknown" },
	{ "<a>&#1a;</a>", "!an entity that is unknown" },
	{ "<a>& </a>", "!an entity that is unknown" },
	{ "&lt;<a/>", "!an entity that is unknown" },
	{ "<a>", "!it ends too early" },
	{ "", "!it ends too early" },
	{ "<a><b></a></b>", "!the end of another element" },
	{ "<a></n:a>", "!the end of another element" },
	{ "</a>", "!the end of another element" },
	{ "<a/><b/>", "!something follows the end" },
	{ "<a/>b", "!text outside of elements" },
	{ "b<a/>", "!text outside of elements" },
	{ "<a", "!a tag is broken" },
	{ "<a b", "!a tag is broken" },
	{ "<a b='", "!a tag is broken" },
	{ "<a b='<'/>", "a()" },
	{ "<a<b>", "!a tag is broken" },
	{ "<a/", "!a tag is broken" },
	{ "<a/ >", "!a tag is broken" },
	{ "<>", "!a tag is broken" },
	{ "< a>", "!a tag is broken" },
	{ "<a></>", "!a tag is broken" },
	{ "<!-- a", "!a declaration is broken" },
	{ "<a><![CDATA[x]]</a>", "!a declaration is broken" },
	{ "<?xml", "!a declaration is broken" },
	{ "{}", "!text outside of elements" },
};

/* Depth is limited, long names and texts are cut, and compared as a whole. */
static void
test_limits(void)
{
	static char text[2 * XML_TEXT], out[4 * XML_TEXT];
	char first[XML_NAME + 8], second[XML_NAME + 8];

	for (int depth = XML_DEPTH; depth <= XML_DEPTH + 1; depth++) {
		text[0] = '\0';
		for (int i = 0; i < depth; i++) {
			strlcat(text, "<a>", sizeof(text));
		}
		for (int i = 0; i < depth; i++) {
			strlcat(text, "</a>", sizeof(text));
		}
		read_all(text, strlen(text), out, sizeof(out));
		ok((out[0] == '!') == (depth > XML_DEPTH), "depth %d", depth);
	}
	memset(first, 'n', sizeof(first));
	first[sizeof(first) - 1] = '\0';
	memcpy(second, first, sizeof(second));
	second[sizeof(second) - 2] = 'm';
	snprintf(text, sizeof(text), "<%s></%s>", first, first);
	read_all(text, strlen(text), out, sizeof(out));
	ok(strlen(out) == XML_NAME - 1 + 2, "a long name is cut");
	snprintf(text, sizeof(text), "<%s></%s>", first, second);
	read_all(text, strlen(text), out, sizeof(out));
	ok(out[0] == '!', "another long name is another");
	strlcpy(text, "<a>", sizeof(text));
	memset(text + 3, 'x', XML_TEXT + 10);
	strlcpy(text + 3 + XML_TEXT + 10, "</a>", 8);
	read_all(text, strlen(text), out, sizeof(out));
	ok(strlen(out) == XML_TEXT - 1 + 3, "a long text is cut");
}

int
main(void)
{
	char out[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *text = cases[i].text;
		read_all(text, strlen(text), out, sizeof(out));
		ok(strcmp(out, cases[i].read) == 0, "%s: %s", text, out);
	}
	test_limits();
	struct xml x = { .depth = 2, .names = { "a", "b" } };
	ok(xml_is(&x, "a/b") && !xml_is(&x, "a") && !xml_is(&x, "a/b/c") &&
		!xml_is(&x, "a/bc") && !xml_is(&x, "") && !xml_is(&x, "/a/b"),
	    "paths");
	return tap_done();
}
