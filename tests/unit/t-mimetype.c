/* SPDX-License-Identifier: ISC */
/* A wrong type, and a reader offers no way to open the attachment. */
#include "common/mime/mimetype.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#define OFFICE "application/vnd.openxmlformats-officedocument."

static const struct {
	const char *name, *type;
} cases[] = {
	{ "a.html", "text/html" },
	{ "a.txt", "text/plain" },
	{ "df.log", "text/plain" },
	{ "A.JPG", "image/jpeg" },
	{ "a.jpeg", "image/jpeg" },
	{ "a.gif", "image/gif" },
	{ "a.png", "image/png" },
	{ "a.webp", "image/webp" },
	{ "a.svg", "image/svg+xml" },
	{ "a.pdf", "application/pdf" },
	{ "a.zip", "application/zip" },
	{ "a.rar", "application/vnd.rar" },
	{ "a.doc", "application/msword" },
	{ "a.xls", "application/vnd.ms-excel" },
	{ "a.ppt", "application/vnd.ms-powerpoint" },
	{ "a.docx", OFFICE "wordprocessingml.document" },
	{ "a.xlsx", OFFICE "spreadsheetml.sheet" },
	{ "a.pptx", OFFICE "presentationml.presentation" },
	{ "a.bin", "application/octet-stream" },
	{ "a.mp4", "video/mp4" },
	{ "a.eml", "message/rfc822" },
	{ "/x.png/a", "application/octet-stream" },
	{ "x/.png", "application/octet-stream" },
	{ "a.", "application/octet-stream" },
	{ "", "application/octet-stream" },
	{ "backup.tar.gz", "application/gzip" },
};

int
main(void)
{
	static const char table[] = "# a comment\n"
				    "text/x-one\n"
				    "text/x-two\t\ttwo Deux # zwei\r\n"
				    "bad\r\ttype three\n"
				    "text/x;y\tfour\n"
				    "text/\tfive\n"
				    "text/x-last two six";
	char type[MIMETYPE_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ok(strcmp(mimetype_builtin(cases[i].name), cases[i].type) == 0,
		    "%s", cases[i].name);
		mimetype_find(cases[i].name, type);
		ok(strcmp(type, cases[i].type) == 0, "%s, with the file",
		    cases[i].name);
	}
	size_t len = sizeof(table) - 1;
	ok(mimetype_lookup(table, len, "a.two", type) &&
		strcmp(type, "text/x-two") == 0,
	    "the first line that knows");
	ok(mimetype_lookup(table, len, "a.DEUX", type), "whatever the case");
	ok(mimetype_lookup(table, len, "a.six", type) &&
		strcmp(type, "text/x-last") == 0,
	    "a last line without an end");
	ok(!mimetype_lookup(table, len, "a.zwei", type), "comments");
	ok(!mimetype_lookup(table, len, "a.four", type) &&
		!mimetype_lookup(table, len, "a.five", type),
	    "types that are none");
	ok(!mimetype_lookup(table, len, "two", type), "no extension");
	return tap_done();
}
