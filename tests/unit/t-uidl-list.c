/* SPDX-License-Identifier: ISC */
/* Lists of UIDLs: what the servers that wrote them tell for these lines. */
#include "spool/uidl_list.h"

#include "tests/unit/tap.h"

#include <string.h>

#define DOVECOT "3 V1275660208 N25022 G3085f01b"
#define MANY "0123456789012345678901234567890123456789012345678901234567890123"

static const struct {
	const char *name, *format, *heading, *line;
	enum uidl_line what;
	uint32_t number;
	const char *file, *uidl;
} lines[] = {
	{ "Dovecot", NULL, DOVECOT, "25006 :1276528487.M364837P9451.kurkku",
	    UIDL_LINE_ENTRY, 25006, "1276528487.M364837P9451.kurkku",
	    "000061ae4c0907b0" },
	{ "with fields", NULL, DOVECOT, "7 W15 S7 :1.a,S=7:2,S",
	    UIDL_LINE_ENTRY, 7, "1.a,S=7", "000000074c0907b0" },
	{ "with a UIDL of its own", "%v.%u", DOVECOT, "7 O3 Pa.b W15 :1.a",
	    UIDL_LINE_ENTRY, 7, "1.a", "a.b" },
	{ "with an id", "%g", DOVECOT, "7 Gabc :1.a", UIDL_LINE_ENTRY, 7, "1.a",
	    "abc" },
	{ "without one", "%g", DOVECOT, "7 :1.a", UIDL_LINE_ENTRY, 7, "1.a",
	    "1.a" },
	{ "a blank in a name", NULL, DOVECOT, "7 :1 a", UIDL_LINE_ENTRY, 7,
	    "1 a", "000000074c0907b0" },
	{ "the order of the heading", NULL, "3 N9 V1 G3", "7 :a",
	    UIDL_LINE_ENTRY, 7, "a", "0000000700000001" },
	{ "its old form", NULL, "1 1275660208 25022", "7 1.a:2,S",
	    UIDL_LINE_ENTRY, 7, "1.a", "000000074c0907b0" },
	{ "a UID of 0x7fffffff", NULL, DOVECOT, "2147483647 :a",
	    UIDL_LINE_ENTRY, 2147483647, "a", "7fffffff4c0907b0" },
	{ "decimal numbers", "%v.%u", DOVECOT, "7 :a", UIDL_LINE_ENTRY, 7, "a",
	    "1275660208.7" },
	{ "a width", "%05u-%Xu", DOVECOT, "31 :a", UIDL_LINE_ENTRY, 31, "a",
	    "00031-1f" },
	{ "the name of the file", "x%f%%", DOVECOT, "31 :a,S=3:2,",
	    UIDL_LINE_ENTRY, 31, "a,S=3", "xa,S=3%" },
	{ "blanks", "%5u", DOVECOT, "7 :a", UIDL_LINE_ENTRY, 7, "a", "" },
	{ "the longest", "%070u", DOVECOT, "7 :a", UIDL_LINE_ENTRY, 7, "a",
	    MANY "000007" + 64 },
	{ "too long", "%070u.", DOVECOT, "7 :a", UIDL_LINE_ENTRY, 7, "a", "" },
	{ "no UID", NULL, DOVECOT, "x :a", UIDL_LINE_WRONG, 0, NULL, "" },
	{ "no file", NULL, DOVECOT, "7 W1", UIDL_LINE_WRONG, 0, NULL, "" },
	{ "no name", NULL, DOVECOT, "7 :", UIDL_LINE_WRONG, 0, NULL, "" },

	{ "Courier", NULL, "/3 12 1734567890", "1.a:2,S 10 7:1734567890:0",
	    UIDL_LINE_ENTRY, 7, "1.a", "UID7-1734567890" },
	{ "an older one", NULL, "/2 12 1734567890", "1.a 10 7:1734567890",
	    UIDL_LINE_ENTRY, 7, "1.a", "UID7-1734567890" },
	{ "the oldest", NULL, "/1 12", "1.a 10 7", UIDL_LINE_ENTRY, 7, "1.a",
	    "UID7" },
	{ "without UIDVALIDITY", NULL, "/3 12 0", "1.a 10 7:0:0",
	    UIDL_LINE_ENTRY, 7, "1.a", "UID7" },
	{ "by name", NULL, "/3 12 0", "1.a+'b 10 0:0:0", UIDL_LINE_ENTRY, 0,
	    "1.a+'b", "1.a+2B+27b" },
	{ "a blank in its name", NULL, "/3 12 0", "1 a 10 7:9:0",
	    UIDL_LINE_ENTRY, 7, "1 a", "UID7-9" },
	{ "no numbers", NULL, "/3 12 0", "1.a 10 x:9:0", UIDL_LINE_WRONG, 0,
	    NULL, "" },
	{ "no size", NULL, "/3 12 0", "1.a", UIDL_LINE_WRONG, 0, NULL, "" },

	{ "numbers", NULL, NULL, "3 abc", UIDL_LINE_ENTRY, 3, NULL, "abc" },
	{ "a long one", NULL, NULL, "3 " MANY "012345", UIDL_LINE_ENTRY, 3,
	    NULL, MANY "012345" },
	{ "too long a one", NULL, NULL, "3 " MANY "0123456", UIDL_LINE_ENTRY, 3,
	    NULL, "" },
	{ "two words", NULL, NULL, "3 a b", UIDL_LINE_ENTRY, 3, NULL, "" },
	{ "a number alone", NULL, NULL, "3", UIDL_LINE_ENTRY, 3, NULL, "" },
	{ "the status", NULL, NULL, "+OK 3 messages", UIDL_LINE_NONE, 0, NULL,
	    "" },
	{ "the end", NULL, NULL, ".", UIDL_LINE_NONE, 0, NULL, "" },
	{ "an empty line", NULL, NULL, "", UIDL_LINE_NONE, 0, NULL, "" },
	{ "the number 0", NULL, NULL, "0 a", UIDL_LINE_WRONG, 0, NULL, "" },
	{ "no number", NULL, NULL, "a b", UIDL_LINE_WRONG, 0, NULL, "" },
	{ "a large number", NULL, NULL, "4294967296 b", UIDL_LINE_WRONG, 0,
	    NULL, "" },
};

static bool
is(const char *text, size_t len, const char *expected)
{
	return expected == NULL ||
	       (strlen(expected) == len && memcmp(text, expected, len) == 0);
}

static void
test_lines(void)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct uidl_list list = { .format = lines[i].format == NULL
			                                ? UIDL_LIST_FORMAT
			                                : lines[i].format };
		const char *first =
		    lines[i].heading == NULL ? lines[i].line : lines[i].heading;
		struct uidl_entry e;
		bool heading = uidl_list_begin(&list, first, strlen(first));
		enum uidl_line what = uidl_list_line(
		    &list, lines[i].line, strlen(lines[i].line), &e);
		bool same =
		    what != UIDL_LINE_ENTRY ||
		    (e.number == lines[i].number &&
			is(e.name, e.len, lines[i].file) &&
			(strcmp(e.uidl, lines[i].uidl) == 0 ||
			    (strlen(e.uidl) == 70 &&
				strcmp(e.uidl + 64, lines[i].uidl) == 0)));
		ok(heading == (lines[i].heading != NULL) &&
			what == lines[i].what && same,
		    "%s", lines[i].name);
	}
}

static void
test_formats(void)
{
	static const char *const good[] = { "", "x", "%u", "%08Xu%08Xv",
		"%f%g%%", "%70u", "%Xf" };
	static const char *const bad[] = { "%", "%m", "%71u", "%u%", "%08",
		"%{uid}", "%999999999999u", "%xu" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ok(uidl_list_format(good[i]), "the format \"%s\"", good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ok(!uidl_list_format(bad[i]), "no format: \"%s\"", bad[i]);
	}
}

int
main(void)
{
	test_lines();
	test_formats();
	return tap_done();
}
