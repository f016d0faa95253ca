/* SPDX-License-Identifier: ISC */
/*
 * What is taken for an mbox, and as what all else is named: a file of another
 * kind must not look like an empty mailbox, and what a crash leaves must not
 * look like a file of another kind.
 */
#include "spool/foreign.h"

#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#define DATE " Sun Nov 22 07:00:00 2026"
#define MBOX "From a" DATE "\nA: b\n\nx\n\n"

static const struct {
	const char *name, *text;
	size_t len;       /* 0: that of the text */
	const char *like; /* NULL: it is an mbox */
} files[] = {
	{ "an empty file", "", 0, NULL },
	{ "a message", MBOX, 0, NULL },
	{ "a message, CRLF", "From a" DATE "\r\nA: b\r\n\r\nx\r\n", 0, NULL },
	{ "a message after empty lines", "\n\r\n\n" MBOX, 0, NULL },
	{ "a message after a line of blanks", " \t\n" MBOX, 0, NULL },
	{ "empty lines alone", "\n\n\n", 0, NULL },
	{ "blanks alone", "  ", 0, NULL },
	{ "a From_ line without a date, and a field", "From a\nA: b\n", 0,
	    NULL },
	{ "the same, and a quoted one", "From a\n>From b\nA: b\n", 0, NULL },
	{ "the same, and an empty line", "From a\n\nx\n", 0, NULL },
	{ "the same, and an empty line, CRLF", "From a\r\n\r\nx\r\n", 0, NULL },
	{ "two From_ lines", "From a\n" MBOX, 0, NULL },

	/* from a crash */
	{ "half a From_ line", "From al", 0, NULL },
	{ "half its first word", "Fro", 0, NULL },
	{ "its first letter", "F", 0, NULL },
	{ "half a From_ line, and what came later", "From al\n\n" MBOX, 0,
	    NULL },
	{ "half its first word, and that", "Fro\n\n" MBOX, 0, NULL },
	{ "half a From_ line with a date", "From a Sun Nov", 0, NULL },
	{ "half a header", "From a" DATE "\nSubj", 0, NULL },
	{ "half a line end", "From a" DATE "\r", 0, NULL },
	{ "NULs", "\0\0\0\0\0", 5, NULL },

	/* files of another kind */
	{ "a field", "Subject: x\n\ntext\n", 0, "single message" },
	{ "From:", "From: a@b\nSubject: x\n\ntext\n", 0, "single message" },
	{ "a field after empty lines", "\n\nReceived: x\n", 0,
	    "single message" },
	{ "a single message that has another one in it",
	    "Subject: x\n\ntext\n\n" MBOX, 0, "single message" },
	{ "text", "text\n", 0, "text" },
	{ "text in front of a message", "text\n\n" MBOX, 0, "text" },
	{ "text that begins with From", "From the start\nit was text\n", 0,
	    "text" },
	{ "text with a From_ line's date in it",
	    "From then on, Sun Nov 22 07:00:00 2026 was a date\nof ours\n", 0,
	    "text" },
	{ "lines that end in CR", "From a" DATE "\rA: b\r\rx\r\r", 0,
	    "end in CR" },
	{ "the same, and LF later", "From a" DATE "\rA: b\r\rx\r\r" MBOX, 0,
	    "end in CR" },
	{ "a quoted From_ line", ">" MBOX, 0, "single message" },
	{ "a From_ line after a blank", " " MBOX, 0, "single message" },
	{ "one in lower case", "from a" DATE "\nA: b\n", 0, "text" },
	{ "two letters of its first word, and text", "Fr x\n", 0, "text" },
	{ "MMDF", "\1\1\1\1\n" MBOX "\1\1\1\1\n", 0, "MMDF" },
	{ "mbx", "*mbx*\r\n", 0, "mbx" },
	{ "Babyl", "BABYL OPTIONS: -*- rmail -*-\n", 0, "Babyl" },
	{ "gzip", "\x1f\x8b\x08\0\0\0\0\0\0\3", 10, "gzip" },
	{ "bzip2", "BZh91AY&SY", 0, "bzip2" },
	{ "xz", "\xfd\x37zXZ\0\0\4", 8, "xz" },
	{ "zstd", "\x28\xb5\x2f\xfd\4\x58", 6, "zstd" },
	{ "zip", "PK\3\4\x14\0", 6, "zip" },
	{ "a mark of the order of octets", "\xef\xbb\xbf" MBOX, 0,
	    "byte order mark" },
	{ "UTF-16",
	    "\xff\xfe"
	    "F\0r\0",
	    6, "UTF-16" },
	{ "a NUL in text", "te\0xt", 5, "binary" },
	{ "few NULs, and text",
	    "\0\0\0\x18"
	    "ftypmp42\0",
	    13, "binary" },
	{ "a control",
	    "\x7f"
	    "ELF\2\1\1",
	    0, "binary" },
};

static char path[PATH_MAX];

/* What is found of these octets; "": an mbox. */
static const char *
look(const char *text, size_t len)
{
	const char *like = NULL;

	scratch_write(path, text, len);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int result = foreign_look(fd, &like);
	close(fd);
	if (result == 0) {
		return like == NULL ? "" : "both";
	}
	return errno == FOREIGN_FILE && like != NULL ? like : "neither";
}

static void
test_files(void)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		size_t len =
		    files[i].len > 0 ? files[i].len : strlen(files[i].text);
		const char *like = look(files[i].text, len);
		bool good = files[i].like == NULL
		                ? like[0] == '\0'
		                : strstr(like, files[i].like) != NULL;
		if (!ok(good, "%s", files[i].name)) {
			note("\"%s\"", like);
		}
	}
}

/* A block that did not reach the disk reads as NULs, however many. */
static void
test_lost_blocks(void)
{
	static const size_t sizes[] = { 512, 4096, 65536, 70144 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct bytes b = { .len = 0 };
		bytes_fill(&b, '\0', sizes[i]);
		bytes_text(&b, "the rest of it\n\n" MBOX);
		ok(look(b.data, b.len)[0] == '\0', "%zu NULs, and the rest",
		    sizes[i]);
		memmove(b.data, b.data + 1, --b.len);
		ok(strstr(look(b.data, b.len), "text") != NULL,
		    "one less is no block");
		free(b.data);
	}
	struct bytes b = { .len = 0 };
	bytes_fill(&b, '\0', 1000);
	bytes_text(&b, "\n\n" MBOX);
	ok(look(b.data, b.len)[0] == '\0', "a message of NULs, and another");
	b.len = 0;
	bytes_fill(&b, '\n', 10000);
	bytes_text(&b, "text\n");
	ok(strcmp(look(b.data, b.len), "text") == 0,
	    "text after many empty lines");
	b.len = 0;
	bytes_text(&b, "From ");
	bytes_fill(&b, 'a', 10000);
	bytes_text(&b, DATE "\nA: b\n\n");
	ok(look(b.data, b.len)[0] == '\0', "a From_ line that is very long");
	free(b.data);
}

static void
test_why(void)
{
	char text[FOREIGN_TEXT];

	scratch_write(path, "PK\3\4", 4);
	foreign_why(FOREIGN_FILE, path, text);
	ok(strstr(text, "a zip archive: move it away") != NULL, "%s", text);
	foreign_why(ENOSPC, path, text);
	ok(strcmp(text, strerror(ENOSPC)) == 0, "another trouble: %s", text);
	unlink(path);
	foreign_why(FOREIGN_FILE, path, text);
	ok(strstr(text, "no mbox") != NULL, "one that has gone: %s", text);
	const char *like;
	ok(foreign_look(-1, &like) == -1 && errno == EBADF,
	    "a file that cannot be read");
}

int
main(void)
{
	scratch_make();
	scratch_path(path, "file");
	test_files();
	test_lost_blocks();
	test_why();
	return tap_done();
}
