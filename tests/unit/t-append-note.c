/* SPDX-License-Identifier: ISC */
/*
 * What is left of an append whose process was killed: all of ours goes, and
 * what another program has appended after it stays, whatever our text says.
 */
#include "spool/append_note.h"

#include "common/text/hash.h"
#include "tests/unit/t-scratch.h"
#include "tests/unit/tap.h"

#include <fcntl.h>
#include <limits.h>

#define BEFORE "From a\nA: b\n\nx\n\n"
#define OTHER "From c@d Mon Nov 30 07:00:00 2026\nA: c\n\ny\n\n"
#define LINE ">From a@b Mon Jan  6 10:00:00 2025\n"

static char path[PATH_MAX];

/*
 * A message of ours whose quoted line lies so that the octet after the ">" is
 * one where a write can end: at that offset of the mailbox.
 */
static void
ours(struct bytes *b, size_t at)
{
	size_t before = strlen(BEFORE);

	bytes_text(b, "From s@x Mon Nov 30 07:00:00 2026\nA: b\n\n");
	bytes_fill(b, 'x', at - before - b->len - 2);
	bytes_text(b, "\n" LINE "\nthe end\n\n");
}

static void
touch(void *context)
{
	(void)context;
}

static const struct left {
	const char *name;
	size_t at;        /* of the quoted line's "From " */
	int torn;         /* octets after which it is; 0: at its end */
	bool silent;      /* nothing was noted of what was written */
	bool moved;       /* another program has changed it since */
	bool old;         /* the note is as version 0.1 wrote it */
	const char *then; /* what another program appended */
	const char *rest; /* what stays of all this */
} lefts[] = {
	{ "a quoted line of ours at the end of a block", 1024, 0, false, false,
	    false, "", "" },
	{ "the same, and another's message", 1024, 0, false, false, false,
	    OTHER, OTHER },
	{ "the same with an empty line before it", 1024, 0, false, false, false,
	    "\n" OTHER, OTHER },
	{ "the same, glued", 1024, 1029, false, false, false, OTHER, OTHER },
	{ "a quoted line elsewhere", 1030, 0, true, false, false, OTHER,
	    OTHER },
	{ "a message of more than a write", 70144, 0, false, false, false,
	    OTHER, OTHER },
	{ "torn after its quote, and another's is glued to it", 1024, 1024,
	    true, false, false, OTHER, OTHER },
	{ "what was noted has moved: no message of another's is lost", 1024, 0,
	    false, true, false, OTHER, LINE "\nthe end\n\n" OTHER },
	{ "a note of version 0.1", 1030, 0, false, false, true, OTHER, OTHER },
};

static void
test_left(const struct left *l)
{
	struct bytes mail = { .len = 0 }, want = { .len = 0 };
	size_t before = strlen(BEFORE), len;
	struct append_note n;

	ours(&mail, l->at);
	if (l->torn > 0) {
		mail.len = (size_t)l->torn - before;
	}
	scratch_write(path, BEFORE, before);
	int dir = open(scratch_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	scratch_need(lseek(fd, 0, SEEK_END) == (off_t)before, "lseek");
	bool good = append_note_begin(&n, dir, fd, (off_t)before, mail.data,
			mail.len, false) == 0;
	good = good && write(fd, mail.data, mail.len) == (ssize_t)mail.len;
	if (!l->silent) {
		append_note_wrote(
		    &n, mail.len - (l->moved ? 20 : 0), mail.data, mail.len);
	}
	append_note_leave(&n);
	good = good && append_note_pending(dir);
	if (l->old) {
		good = good && truncate(scratch_path(path, "append"), 592) == 0;
		scratch_path(path, "box");
	}
	size_t then = strlen(l->then);
	good = good && write(fd, l->then, then) == (ssize_t)then;
	good = good && append_note_recover(dir, fd, touch, NULL) == 0 &&
	       !append_note_pending(dir);
	bytes_text(&want, BEFORE);
	bytes_text(&want, *l->rest == '>' ? l->rest + 1 : l->rest);
	char *data = scratch_read(path, &len);
	ok(good && len == want.len && memcmp(data, want.data, len) == 0, "%s",
	    l->name);
	free(data);
	free(mail.data);
	free(want.data);
	close(fd);
	close(dir);
}

/* ---- the second message of a batch ---- */

#define FIRST "From s@x Mon Nov 30 07:00:00 2026\nA: 1\n\nx\n\n"
#define SECOND                                                                 \
	"From s@x Mon Nov 30 07:00:00 2026\nReturn-Path: <s@x>\n"              \
	"A: 2\n\ny\n\n"

static const struct second {
	const char *name;
	size_t there;     /* octets of the second message in the mailbox */
	bool told;        /* the note says that it comes, and how it begins */
	const char *then; /* what another program appended */
	const char *rest; /* what stays after BEFORE */
} seconds[] = {
	{ "nothing of the second message", 0, true, "", "" },
	{ "nothing of it, and another's", 0, true, OTHER, OTHER },
	{ "half its From_ line", 20, true, "", "" },
	{ "its From_ line", 35, true, "", "" },
	{ "its From_ line, and another's", 35, true, OTHER, OTHER },
	{ "more of it", 60, true, "", "" },
	{ "all of it", sizeof(SECOND) - 1, true, "", "" },
	{ "all of it, and another's", sizeof(SECOND) - 1, true, OTHER, OTHER },
	{ "control: it is another's if the note says nothing", 60, false, "",
	    SECOND },
};

static void
test_second(const struct second *s)
{
	char text[1024];
	struct append_note n;
	size_t len;

	scratch_write(path, BEFORE, strlen(BEFORE));
	int dir = open(scratch_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	scratch_need(lseek(fd, 0, SEEK_END) != -1, "lseek");
	bool good = append_note_begin(&n, dir, fd, (off_t)strlen(BEFORE), FIRST,
			strlen(FIRST), false) == 0 &&
	            write(fd, FIRST, strlen(FIRST)) == (ssize_t)strlen(FIRST);
	append_note_wrote(&n, strlen(FIRST), FIRST, strlen(FIRST));
	if (s->told) {
		append_note_next(&n, SECOND, strlen(SECOND));
	}
	append_note_leave(&n);
	size_t then = strlen(s->then);
	good = good && write(fd, SECOND, s->there) == (ssize_t)s->there &&
	       write(fd, s->then, then) == (ssize_t)then &&
	       append_note_recover(dir, fd, touch, NULL) == 0;
	snprintf(text, sizeof(text), "%s%s", BEFORE, s->rest);
	if (!s->told) {
		text[strlen(BEFORE) + s->there] = '\0';
	}
	char *data = scratch_read(path, &len);
	ok(good && strcmp(data, text) == 0, "%s", s->name);
	free(data);
	close(fd);
	close(dir);
}

/* ---- what looks like another's, and what is ours after a power cut ---- */

#define DATED "From c@d Mon Nov 30 07:00:00 2026"
#define HEAD "From s@x Mon Nov 30 07:00:00 2026\nA: b\n\n"

enum {
	FIRST_OCTETS = 512, /* of ours that a note holds */
	WINDOW = 256 * 1024 /* octets that are looked at together */
};

/* A mailbox with something after a message of ours, and a note of that. */
struct rig {
	struct append_note n;
	int dir, fd;
};

static void
rig_begin(struct rig *r, const char *first, size_t len, bool durable)
{
	scratch_write(path, BEFORE, strlen(BEFORE));
	r->dir = open(scratch_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r->fd = open(path, O_RDWR | O_CLOEXEC);
	scratch_need(lseek(r->fd, 0, SEEK_END) != -1, "lseek");
	scratch_need(append_note_begin(&r->n, r->dir, r->fd,
			 (off_t)strlen(BEFORE), first, len, durable) == 0,
	    "append_note_begin");
}

static void
rig_add(const struct rig *r, const char *text, size_t len)
{
	scratch_need(write(r->fd, text, len) == (ssize_t)len, "write");
}

/* Recovers; true if that is what is left after BEFORE. */
static bool
rig_leaves(struct rig *r, const char *rest, size_t rest_len)
{
	size_t before = strlen(BEFORE), len;

	append_note_leave(&r->n);
	bool good = append_note_recover(r->dir, r->fd, touch, NULL) == 0;
	char *data = scratch_read(path, &len);
	good = good && len == before + rest_len &&
	       memcmp(data, BEFORE, before) == 0 &&
	       memcmp(data + before, rest, rest_len) == 0;
	free(data);
	close(r->fd);
	close(r->dir);
	return good;
}

/* The text of ours that is filled up with lines to that many octets. */
static void
filled(struct bytes *b, size_t octets)
{
	bytes_text(b, HEAD);
	while (b->len + 2 <= octets) {
		bytes_text(b, "x\n");
	}
	if (b->len < octets) {
		b->data[b->len - 1] = 'x';
		bytes_text(b, "\n");
	}
}

static const struct look {
	const char *name;
	size_t ours;      /* octets of lines, */
	size_t wide;      /* of one without an end after them, */
	const char *more; /* and then this: all ours */
	const char *then; /* what another program appended */
	const char *rest; /* what stays */
} looks[] = {
	{ "a From_ line without a date at the start of a line", 600, 0, "",
	    "From c\n\ny\n\n", "From c\n\ny\n\n" },
	{ "\"From \" without a date in a line of ours", 600, 0,
	    "said From me to you\n\n", "", "" },
	{ "the same, and another's From_ line glued to it", 600, 0,
	    "said From me ", OTHER, OTHER },
	{ "what the note holds ends a line, and a From_ line follows",
	    FIRST_OCTETS, 0, "", "From c\n\ny\n\n", "From c\n\ny\n\n" },
	{ "what it holds ends in a line, and \"From \" follows",
	    FIRST_OCTETS - 1, 0, "yFrom me\n\n", "", "" },
	{ "what is read at once ends in a From_ line",
	    FIRST_OCTETS + WINDOW - 3, 0, "", OTHER, OTHER },
	{ "it ends before one", FIRST_OCTETS + WINDOW, 0, "", "From c\n\ny\n\n",
	    "From c\n\ny\n\n" },
	{ "it ends in a line of ours, and \"From \" follows", FIRST_OCTETS,
	    WINDOW, "From me to you\n\n", "", "" },
	{ "it ends in a line of ours, and another's is glued to a \">\"",
	    FIRST_OCTETS, WINDOW, ">", OTHER, OTHER },
	{ "a line of ours that is longer", FIRST_OCTETS, 3 * WINDOW + 7, "",
	    OTHER, OTHER },
	{ "another's From_ line that has no end", 600, 0, "", DATED, DATED },
	{ "a quote at the end of a write, and another's is glued to it",
	    2 * APPEND_NOTE_WRITE - 2, 0, "\n>", OTHER, OTHER },
};

static void
test_look(const struct look *l)
{
	struct bytes b = { .len = 0 };
	struct rig r;

	filled(&b, l->ours);
	bytes_fill(&b, 'x', l->wide);
	bytes_text(&b, l->more);
	rig_begin(&r, b.data, b.len, false);
	rig_add(&r, b.data, b.len);
	rig_add(&r, l->then, strlen(l->then));
	ok(rig_leaves(&r, l->rest, strlen(l->rest)), "%s", l->name);
	free(b.data);
}

/* ---- notes of another boot, of another file, and broken ones ---- */

enum { BOOT_AT = 8, INODE_AT = 48, CHECK_AT = 584, NOTE = 736 };

static const struct changed {
	const char *name;
	bool durable;
	int at;    /* the octet of the note that is another; -1: none is */
	bool sum;  /* it has the sum for that */
	bool goes; /* ours does, up to what looks like another's */
	bool all;  /* and that, as it is noted */
} changes[] = {
	{ "control: a note of this boot", false, -1, false, true, true },
	{ "one of another boot counts for nothing", false, BOOT_AT, true, false,
	    false },
	{ "unless it is durable, and then its start alone", true, BOOT_AT, true,
	    true, false },
	{ "a note of another file", true, INODE_AT, true, false, false },
	{ "a note with a wrong sum", true, CHECK_AT, false, false, false },
	{ "a note of a mailbox, with a wrong sum", true, INODE_AT, false, false,
	    false },
	{ "something else with a right sum", true, 0, true, false, false },
};

static void
change_note(const struct changed *c)
{
	char note[PATH_MAX];
	size_t len;
	char *data = scratch_read(scratch_path(note, "append"), &len);

	scratch_need(len == NOTE, "the size of a note");
	if (c->at >= 0) {
		data[c->at] ^= 1;
	}
	if (c->sum) {
		uint64_t sum = hash_add(HASH_START, data, CHECK_AT);
		memcpy(data + CHECK_AT, &sum, sizeof(sum));
	}
	scratch_write(note, data, len);
	free(data);
}

static void
test_changed(const struct changed *c)
{
	struct bytes b = { .len = 0 };
	struct rig r;

	filled(&b, 600);
	bytes_text(&b, OTHER);
	rig_begin(&r, b.data, b.len, c->durable);
	rig_add(&r, b.data, b.len);
	append_note_wrote(&r.n, b.len, b.data, b.len);
	change_note(c);
	size_t gone = c->all ? b.len : c->goes ? 600 : 0;
	ok(rig_leaves(&r, b.data + gone, b.len - gone), "%s", c->name);
	free(b.data);
}

/* Blocks that a power cut has left out, of which the note is durable. */
static void
test_zeros(void)
{
	struct bytes b = { .len = 0 };
	struct rig r;

	filled(&b, 2000);
	rig_begin(&r, b.data, b.len, true);
	memset(b.data + 100, 0, 1500);
	rig_add(&r, b.data, b.len);
	ok(rig_leaves(&r, "", 0), "ours with zeros in it goes");
	free(b.data);
}

/* ---- how far it has come ---- */

static void
test_pieces(void)
{
	static const size_t lasts[] = { 1, 10, APPEND_NOTE_LAST - 1,
		APPEND_NOTE_LAST, APPEND_NOTE_LAST + 1 };

	for (size_t i = 0; i < sizeof(lasts) / sizeof(lasts[0]); i++) {
		struct bytes b = { .len = 0 };
		struct rig r;
		filled(&b, 600);
		bytes_text(&b, OTHER);
		size_t rest = b.len - lasts[i];
		rig_begin(&r, b.data, b.len, false);
		rig_add(&r, b.data, b.len);
		append_note_wrote(&r.n, rest, b.data, rest);
		append_note_wrote(&r.n, b.len, b.data + rest, lasts[i]);
		ok(rig_leaves(&r, "", 0), "the last piece has %zu octets",
		    lasts[i]);
		free(b.data);
	}
}

/* The second of two messages is to be cut off again, and we are killed. */
static void
test_back(bool cut)
{
	struct bytes b = { .len = 0 };
	size_t second = strlen(SECOND);
	struct rig r;

	filled(&b, 600);
	bytes_text(&b, OTHER);
	rig_begin(&r, b.data, b.len, false);
	rig_add(&r, b.data, b.len);
	append_note_wrote(&r.n, b.len, b.data, b.len);
	append_note_next(&r.n, SECOND, second);
	append_note_wrote(&r.n, b.len + second, SECOND, second);
	append_note_back(
	    &r.n, b.len, b.data + b.len - APPEND_NOTE_LAST, APPEND_NOTE_LAST);
	if (!cut) {
		rig_add(&r, SECOND, second);
	}
	ok(rig_leaves(&r, "", 0), "%s",
	    cut ? "a message that was cut off again"
		: "one that was about to be");
	free(b.data);
}

int
main(void)
{
	scratch_make();
	scratch_path(path, "box");
	for (size_t i = 0; i < sizeof(lefts) / sizeof(lefts[0]); i++) {
		test_left(&lefts[i]);
	}
	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
		test_second(&seconds[i]);
	}
	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
		test_look(&looks[i]);
	}
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		test_changed(&changes[i]);
	}
	test_zeros();
	test_pieces();
	test_back(false);
	test_back(true);
	return tap_done();
}
