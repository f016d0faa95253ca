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

int
main(void)
{
	scratch_make();
	scratch_path(path, "box");
	for (size_t i = 0; i < sizeof(lefts) / sizeof(lefts[0]); i++) {
		test_left(&lefts[i]);
	}
	return tap_done();
}
