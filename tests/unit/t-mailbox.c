/* SPDX-License-Identifier: ISC */
/*
 * Mailboxes that other programs wrote, and odd ones: what is a message there,
 * and what a client sees of it.
 */
#include "spool/foreign.h"
#include "tests/unit/t-mailbox.h"
#include "tests/unit/tap.h"

#include <errno.h>

#define DATE " Sun Nov 22 07:00:00 2026"
#define PSEUDO                                                                 \
	"From MAILER-DAEMON" DATE "\nSubject: DO NOT DELETE\n"                 \
	"X-IMAP: 1 2\nStatus: RO\n\ninternal\n\n"

enum { MOST = 4 };

static const struct {
	const char *name, *box;
	const char *messages[MOST]; /* NULL ends them */
} boxes[] = {
	{ "an empty file", "", { NULL } },
	{ "an empty line", "\n", { NULL } },
	{ "a From_ line alone", "From a\n", { "" } },
	{ "a From_ line without end", "From a", { "" } },
	{ "a message", "From a" DATE "\nA: b\n\ntext\n\n",
	    { "A: b\n\ntext\n" } },
	{ "two messages", "From a\nA: b\n\nx\n\nFrom a\nC: d\n\ny\n\n",
	    { "A: b\n\nx\n", "C: d\n\ny\n" } },
	{ "empty messages", "From a\n\nFrom b" DATE "\n\nFrom c" DATE "\n\n",
	    { "", "", "" } },
	{ "empty lines in front", "\n\nFrom a\nA: b\n\nx\n\n",
	    { "A: b\n\nx\n" } },
	{ "half a word in front", "Fro\n\nFrom a\nA: b\n\nx\n\n",
	    { "A: b\n\nx\n" } },
	{ "half a From_ line in front",
	    "From al\n\nFrom a" DATE "\nA: b\n\nx\n\n", { "", "A: b\n\nx\n" } },
	{ "CRLF line ends",
	    "From a" DATE "\r\nA: b\r\n\r\nx\r\n\r\nFrom c" DATE
	    "\r\nC: d\r\n\r\ny\r\n\r\n",
	    { "A: b\n\nx\n", "C: d\n\ny\n" } },
	{ "CRLF and LF", "From a\r\nA: b\n\r\nx\n\r\nFrom c\nC: d\n\ny\r\n\n",
	    { "A: b\n\nx\n", "C: d\n\ny\n" } },
	{ "no empty line at the end", "From a\nA: b\n\nx\n",
	    { "A: b\n\nx\n" } },
	{ "no end of the last line", "From a\nA: b\n\nx", { "A: b\n\nx\n" } },
	{ "no end of the last line, CRLF", "From a\r\nA: b\r\n\r\nx",
	    { "A: b\n\nx\n" } },
	{ "no empty line before a From_ line with a date",
	    "From a\nA: b\n\nx\nFrom c" DATE "\nC: d\n\ny\n\n",
	    { "A: b\n\nx\n", "C: d\n\ny\n" } },
	{ "no empty line before one without",
	    "From a\nA: b\n\nx\nFrom c we learn\nC: d\n\n",
	    { "A: b\n\nx\nFrom c we learn\nC: d\n" } },
	{ "From without a date behind an empty line, before text",
	    "From a\nA: b\n\nx\n\nFrom c we learn\nthat it rains\n\n",
	    { "A: b\n\nx\n\nFrom c we learn\nthat it rains\n" } },
	{ "the same before an empty line",
	    "From a\nA: b\n\nx\n\nFrom c\n\ny\n\n",
	    { "A: b\n\nx\n\nFrom c\n\ny\n" } },
	{ "the same before a field",
	    "From a\nA: b\n\nx\n\nFrom c we learn\nC: d\n\n",
	    { "A: b\n\nx\n", "C: d\n" } },
	{ "the same before a field with a blank, CRLF",
	    "From a\r\nA: b\r\n\r\nx\r\n\r\nFrom c\r\nC : d\r\n\r\n",
	    { "A: b\n\nx\n", "C : d\n" } },
	{ "the same before the end of a line of text",
	    "From a\nA: b\n\nx\n\nFrom c: this\n",
	    { "A: b\n\nx\n\nFrom c: this\n" } },
	{ "the same in front of a quoted one and a field",
	    "From a\nA: b\n\nx\n\nFrom c\n>From d\nC: d\n\n",
	    { "A: b\n\nx\n", "From d\nC: d\n" } },
	{ "two From_ lines", "From a\nFrom c" DATE "\nC: d\n\n",
	    { "", "C: d\n" } },
	{ "empty lines at the end of a message",
	    "From a\nA: b\n\nx\n\n\n\nFrom c\nC: d\n\n\n\n",
	    { "A: b\n\nx\n\n\n", "C: d\n\n\n" } },
	{ "only a header", "From a\nA: b\n\nFrom c\nC: d\n\n",
	    { "A: b\n", "C: d\n" } },
	{ "only a body", "From a\n\nx\n\n", { "\nx\n" } },
	{ "quoted From_ lines", "From a\nA: b\n\n>From x\n>>From y\n> From\n\n",
	    { "A: b\n\nFrom x\n>From y\n> From\n" } },
	{ "a quoted From_ line with a date", "From a\n\n>From c" DATE "\n\n",
	    { "\nFrom c" DATE "\n" } },
	{ "notes of mail readers",
	    "From a\nA: b\nStatus: RO\nX-Status: A\nX-UID: 5\n"
	    "X-Keywords: \n k\nContent-Length: 99\n\nx\n\n",
	    { "A: b\n\nx\n" } },
	{ "nothing but those", "From a\nStatus: RO\n\nFrom c\nC: d\n\n",
	    { "", "C: d\n" } },
	{ "a Content-Length that lies is not believed",
	    "From a\nContent-Length: 500\n\nx\n\nFrom c\nC: d\n\n",
	    { "\nx\n", "C: d\n" } },
	{ "a pseudo message", PSEUDO "From a\nA: b\n\nx\n\n",
	    { "A: b\n\nx\n" } },
	{ "a pseudo message alone", PSEUDO, { NULL } },
	{ "one that is not the first", "From a\nA: b\n\nx\n\n" PSEUDO,
	    { "A: b\n\nx\n", "Subject: DO NOT DELETE\n\ninternal\n" } },
	{ "X-IMAPbase in the first message",
	    "From a\nX-IMAPbase: 1 2\nA: b\n\nx\n\n", { "A: b\n\nx\n" } },
	{ "X-IMAP in a body", "From a\nA: b\n\nX-IMAP: 1\n\n",
	    { "A: b\n\nX-IMAP: 1\n" } },
	{ "a torn tail", "From a\nA: b\n\nx\n\nFrom c" DATE "\nC: ",
	    { "A: b\n\nx\n", "C: \n" } },
	{ "a tail torn in a From_ line", "From a\nA: b\n\nx\n\nFrom c Su",
	    { "A: b\n\nx\n\nFrom c Su\n" } },
	{ "a tail torn in its first word", "From a\nA: b\n\nx\n\nFro",
	    { "A: b\n\nx\n\nFro\n" } },
};

static void
check_box(const char *path, const char *name, const char *box, size_t len,
    const char *const *messages)
{
	struct mailbox *m;
	size_t count = 0;

	while (count < MOST && messages[count] != NULL) {
		count++;
	}
	scratch_write(path, box, len);
	m = mailbox_at(path);
	bool good = mailbox_count(m) == count && mailbox_scans_alike(m, path);
	if (!good) {
		note("%zu messages", mailbox_count(m));
	}
	for (size_t i = 0; good && i < count; i++) {
		good = mailbox_has(m, i, messages[i], strlen(messages[i]));
	}
	ok(good, "%s", name);
	mailbox_close(m);
}

static void
test_nul(const char *path)
{
	static const char box[] = "From a\nA: \0b\n\n\0\nx\0\n>From \0\n\n";
	static const char text[] = "A: \0b\n\n\0\nx\0\nFrom \0\n";
	struct mailbox *m;

	scratch_write(path, box, sizeof(box) - 1);
	m = mailbox_at(path);
	ok(mailbox_count(m) == 1 && mailbox_has(m, 0, text, sizeof(text) - 1),
	    "NUL in a message stays");
	mailbox_close(m);
}

/* UIDLs come from what a client sees: notes of mail readers change nothing. */
static void
test_uidl(const char *path)
{
	static const char before[] = "From a\nA: b\n\nx\n\nFrom c\nC: d\n\n"
				     "From e\nA: b\n\nx\n\n";
	static const char after[] =
	    "From z" DATE "\nA: b\nStatus: RO\n\nx\n\n"
	    "From y\nStatus: O\nC: d\n\nFrom e\nX-UID: 5\nA: b\n\nx\n\n";
	char uidl[2][3][MAILBOX_UIDL + 1];
	struct mailbox *m;

	for (int k = 0; k < 2; k++) {
		scratch_write(path, k == 0 ? before : after,
		    k == 0 ? sizeof(before) - 1 : sizeof(after) - 1);
		m = mailbox_at(path);
		for (size_t i = 0; i < 3; i++) {
			mailbox_uidl(mailbox_message(m, i), uidl[k][i]);
		}
		mailbox_close(m);
	}
	for (int i = 0; i < 3; i++) {
		size_t n = strlen(uidl[0][i]);
		bool graphic = n >= 1 && n <= MAILBOX_UIDL;
		for (size_t k = 0; k < n; k++) {
			graphic = graphic && uidl[0][i][k] > 0x20 &&
			          uidl[0][i][k] < 0x7f;
		}
		ok(strcmp(uidl[0][i], uidl[1][i]) == 0 && graphic,
		    "the UIDL of message %d survives the notes", i + 1);
	}
	ok(strcmp(uidl[0][0], uidl[0][1]) != 0 &&
		strcmp(uidl[0][0], uidl[0][2]) != 0,
	    "different messages and copies have different UIDLs");
}

static bool
stop(void *context, const struct mbox_line *line)
{
	(void)line;
	return --*(int *)context > 0;
}

static void
test_calls(const char *path)
{
	static const char box[] = "From a\nA: b\n\n1\n2\n3\n\n";
	bool deleted[1] = { true };
	struct mailbox *m;
	char missing[PATH_MAX];

	scratch_path(missing, "missing");
	ok(mailbox_open(&m, store_of(missing), 0) == 0 && mailbox_count(m) == 0,
	    "a mailbox that does not exist is empty");
	ok(expunge_from(m, deleted) == 0, "and can be expunged");
	mailbox_close(m);
	ok(access(missing, F_OK) == -1, "and is not made by that");
	scratch_write(path, box, sizeof(box) - 1);
	m = mailbox_at(path);
	int lines = 3;
	ok(mailbox_read(m, 0, stop, &lines) == 0 && lines == 0,
	    "reading ends when it is told to");
	scratch_write(path, "", 0);
	lines = 99;
	ok(mailbox_read(m, 0, stop, &lines) == 0 ||
		(errno == ESTALE && lines == 99),
	    "a message that is gone is ESTALE, or was at hand");
	mailbox_close(m);
	ok(mailbox_open(&m, store_of(scratch_dir), 0) == -1,
	    "a folder is no mailbox");
	char link[PATH_MAX];
	scratch_path(link, "link");
	scratch_need(symlink(path, link) == 0, "symlink");
	ok(mailbox_open(&m, store_of(link), 0) == -1, "nor is a symbolic link");
	scratch_write(path, "Subject: x\n\ntext\n", 17);
	ok(mailbox_open(&m, store_of(path), 0) == -1 && errno == FOREIGN_FILE,
	    "nor is a file that begins without a From_ line");
}

int
main(void)
{
	char path[PATH_MAX];

	scratch_make();
	scratch_path(path, "box");
	for (size_t i = 0; i < sizeof(boxes) / sizeof(boxes[0]); i++) {
		check_box(path, boxes[i].name, boxes[i].box,
		    strlen(boxes[i].box), boxes[i].messages);
	}
	test_nul(path);
	test_uidl(path);
	test_calls(path);
	return tap_done();
}
