/* SPDX-License-Identifier: ISC */
/*
 * What is left of an append whose process was killed: all of ours goes, and
 * what another program has appended after it stays, whatever our text says.
 */
#include "spool/append_note.h"

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
	return tap_done();
}
