/* SPDX-License-Identifier: ISC */
/*
 * One record in the file "append".  Written without a sync it is exact as long
 * as the machine runs, so it says in which boot it was written, and after
 * another one only a durable record counts: an old one on the disk might
 * belong to a message that was acknowledged long ago.
 */
#include "spool/append_note.h"

#include "common/text/hash.h"
#include "common/io/file.h"
#include "common/io/owned.h"
#include "spool/mbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FIRST = 512,
	LAST = APPEND_NOTE_LAST,
	BOOT = 40,
	WINDOW = 256 * 1024,
	BLOCK = 512
};

struct note {
	char magic[8]; /* all zero when nothing is pending */
	char boot[BOOT];
	uint64_t ino, size;
	uint32_t durable, len;
	char first[FIRST];
	uint64_t check; /* of what is above */
	struct append_progress wrote;
};

static const char magic[8] = "RSTAPP1";

static uint64_t
check(const struct note *r)
{
	return hash_add(HASH_START, r, offsetof(struct note, check));
}

static void
this_boot(char boot[BOOT])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	memset(boot, 0, BOOT);
	if (fd != -1) {
		if (read(fd, boot, BOOT - 1) == -1) {
			boot[0] = '\0';
		}
		close(fd);
	}
}

int
append_note_begin(struct append_note *n, int directory, int mailbox, off_t size,
    const char *first, size_t len, bool durable)
{
	struct note r = { .size = (uint64_t)size, .durable = durable };
	struct stat st;

	*n = (struct append_note){ .fd = -1, .durable = durable };
	if (fstat(mailbox, &st) == -1) {
		return 0;
	}
	memcpy(r.magic, magic, sizeof(magic));
	this_boot(r.boot);
	r.ino = (uint64_t)st.st_ino;
	r.len = (uint32_t)(len < FIRST ? len : FIRST);
	memcpy(r.first, first, r.len);
	r.check = check(&r);
	n->fd = owned_open(directory, "append", O_WRONLY | O_CREAT);
	if (n->fd == -1) {
		return 0;
	}
	/* A record that is written in part does not count. */
	if (file_write(n->fd, &r, sizeof(r), 0) == -1) {
		append_note_leave(n);
		return 0;
	}
	return durable && (fsync(n->fd) == -1 || fsync(directory) == -1) ? -1
	                                                                 : 0;
}

/* Without it more is looked at, and that is all. */
static void
write_progress(const struct append_note *n)
{
	if (n->fd != -1) {
		(void)!file_write(n->fd, &n->wrote, sizeof(n->wrote),
		    offsetof(struct note, wrote));
	}
}

void
append_note_wrote(
    struct append_note *n, uint64_t octets, const char *last, size_t len)
{
	struct append_progress *p = &n->wrote;
	size_t had = p->octets < LAST ? (size_t)p->octets : LAST;
	size_t has = octets < LAST ? (size_t)octets : LAST;
	size_t some = len < has ? len : has, rest = has - some;

	/* A short piece leaves some of those before it among the last. */
	rest = rest < had ? rest : had;
	memmove(p->last, p->last + had - rest, rest);
	memcpy(p->last + rest, last + len - some, some);
	p->octets = octets;
	p->len = 0;
	write_progress(n);
}

void
append_note_back(
    struct append_note *n, uint64_t octets, const char *last, size_t len)
{
	n->wrote.octets = octets;
	memcpy(n->wrote.last, last, len < LAST ? len : LAST);
	n->wrote.len = n->next;
	write_progress(n);
}

void
append_note_next(struct append_note *n, const char *first, size_t len)
{
	struct append_progress *p = &n->wrote;

	p->len = n->next = len < LAST ? len : LAST;
	memcpy(p->next, first, (size_t)p->len);
	write_progress(n);
}

void
append_note_leave(struct append_note *n)
{
	if (n->fd != -1) {
		int saved = errno;
		close(n->fd);
		errno = saved;
		n->fd = -1;
	}
}

int
append_note_end(struct append_note *n)
{
	static const char nothing[sizeof(magic)];

	if (n->fd == -1) {
		return 0;
	}
	int result = file_write(n->fd, nothing, sizeof(nothing), 0);
	if (result == 0 && n->durable) {
		result = fdatasync(n->fd);
	}
	append_note_leave(n);
	return result;
}

/* The same for a note that another process has left. */
static int
end_left(int directory, bool durable)
{
	struct append_note n = { .fd =
				     owned_open(directory, "append", O_WRONLY),
		.durable = durable };

	return n.fd == -1 ? -1 : append_note_end(&n);
}

/* Reads the record; false: nothing is pending. */
static bool
read_note(int directory, struct note *r)
{
	char boot[BOOT];
	int fd = owned_open(directory, "append", O_RDONLY);

	if (fd == -1) {
		return false;
	}
	memset(r, 0, sizeof(*r)); /* version 0.1 ended at the check */
	ssize_t n = file_read_some(fd, r, sizeof(*r), 0);
	close(fd);
	if (n < (ssize_t)offsetof(struct note, wrote) ||
	    memcmp(r->magic, magic, sizeof(magic)) != 0 ||
	    r->check != check(r) || r->len > FIRST) {
		return false;
	}
	this_boot(boot);
	bool same = memcmp(boot, r->boot, BOOT) == 0;
	if (!same) {
		r->wrote.octets = 0; /* perhaps they did not reach the disk */
	}
	return r->durable != 0 || same;
}

bool
append_note_pending(int directory)
{
	struct note r;

	return read_note(directory, &r);
}

/*
 * True if a message of ours, which starts at from, can have been torn there: a
 * write ends with its buffer, or is cut short at a block of the file.
 */
static bool
can_tear(off_t from, off_t at)
{
	return (at - from) % APPEND_NOTE_WRITE == 0 || at % BLOCK == 0;
}

/* True if there is nothing but our quoting before that place. */
static bool
is_quoted(const struct mbox_line *line, const char *place)
{
	const char *p = line->text;

	while (p < place && *p == '>') {
		p++;
	}
	return line->begins && p == place;
}

/* Where another program's From_ line begins in the line at that offset, or
   -1. */
static ssize_t
foreign_from(const struct mbox_line *line, off_t from, off_t at)
{
	struct mbox_line rest = *line;

	/* At the start: ours is quoted there.  In the middle, with a date
	   after it: glued to our torn end by a program that does not look;
	   unless it is a line of our own that we have quoted. */
	while (rest.len > 5) {
		const char *f = memmem(rest.text, rest.len, "From ", 5);
		if (f == NULL) {
			return -1;
		}
		rest.len -= (size_t)(f - rest.text);
		rest.text = f;
		rest.begins = true;
		if (mbox_is_from(&rest, f != line->text || !line->begins) &&
		    (f == line->text || !is_quoted(line, f) ||
			can_tear(from, at + (f - line->text)))) {
			return f - line->text;
		}
		rest.text++;
		rest.len--;
	}
	return -1;
}

/* True if a line ends before that offset. */
static bool
ends_line(int mailbox, off_t at)
{
	char c = '\0';

	return file_read(mailbox, &c, 1, at - 1) == 0 && c == '\n';
}

/*
 * Where the torn message, which starts at from and has its own From_ line
 * there, ends: the start of what another program has appended, or size.
 */
static int
torn_end(int mailbox, off_t from, off_t skip, off_t size, off_t *end)
{
	char *window = malloc(WINDOW);
	struct mbox_line line;
	bool begins = skip > 0 && ends_line(mailbox, from + skip);
	int result = window == NULL ? -1 : 0;

	*end = size;
	for (off_t at = from + skip; result == 0 && at < size;) {
		size_t want = size - at < WINDOW ? (size_t)(size - at) : WINDOW;
		struct mbox_window w = { .data = window,
			.len = want,
			.last = at + (off_t)want == size,
			.full = want == WINDOW,
			.begins = begins };
		result = file_read(mailbox, window, want, at);
		while (result == 0 && mbox_next_line(&w, &line)) {
			off_t start = at + (off_t)(w.done - line.size);
			ssize_t f = foreign_from(&line, from, start);
			if (f >= 0) {
				*end = start + f;
				free(window);
				return 0;
			}
		}
		begins = w.begins;
		at += (off_t)w.done;
	}
	free(window);
	return result;
}

/* Takes [from, end) out of the mailbox. */
static int
cut(int directory, int mailbox, off_t from, off_t end, off_t size,
    journal_touch *touch, void *context)
{
	struct range rest = { .from = (uint64_t)end,
		.len = (uint64_t)(size - end) };
	struct plan plan = { .start = (uint64_t)from,
		.size = (uint64_t)size,
		.ranges = &rest,
		.count = 1 };

	if (end == size) {
		return ftruncate(mailbox, from) == -1 ||
		               fdatasync(mailbox) == -1
		           ? -1
		           : 0;
	}
	return journal_run(directory, mailbox, &plan, touch, context);
}

/*
 * True if these are our octets.  A power cut may have left out blocks
 * of them: those are zero, and nobody appends a NUL.
 */
static bool
are_ours(const char *there, const char *first, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (there[i] != first[i] && there[i] != '\0') {
			return false;
		}
	}
	return true;
}

/*
 * How many octets at that place begin the next message of ours, which may be
 * torn, and be followed by another program's.
 */
static off_t
begun(const struct note *r, int mailbox, off_t size, off_t at)
{
	static const char from[] = "From ";
	char there[LAST + sizeof(from) - 1];
	size_t most = r->wrote.len < LAST ? (size_t)r->wrote.len : LAST, n = 0;
	size_t len = size - at < (off_t)sizeof(there) ? (size_t)(size - at)
	                                              : sizeof(there);

	if (file_read(mailbox, there, len, at) == -1) {
		return 0;
	}
	while (
	    n < most && n < len && are_ours(there + n, r->wrote.next + n, 1)) {
		n++;
	}
	bool whole = n == most || n == len;
	bool torn = len - n >= sizeof(from) - 1 &&
	            memcmp(there + n, from, sizeof(from) - 1) == 0;
	return whole || torn ? (off_t)n : 0;
}

/*
 * How many of the octets at from are ours for sure: all that we know to have
 * written, unless somebody has moved them since; at least those.
 */
static off_t
sure(const struct note *r, int mailbox, off_t size, size_t least)
{
	uint64_t wrote = r->wrote.octets;
	size_t len = wrote < LAST ? (size_t)wrote : LAST;
	char last[LAST];

	if (wrote < least || wrote > (uint64_t)size - r->size ||
	    file_read(mailbox, last, len, (off_t)(r->size + wrote - len)) ==
		-1 ||
	    memcmp(last, r->wrote.last, len) != 0) {
		return (off_t)least;
	}
	return (off_t)wrote + begun(r, mailbox, size, (off_t)(r->size + wrote));
}

int
append_note_recover(
    int directory, int mailbox, journal_touch *touch, void *context)
{
	char there[FIRST];
	struct note r;
	struct stat st;
	off_t end;

	if (!read_note(directory, &r)) {
		return 0;
	}
	if (fstat(mailbox, &st) == -1) {
		return -1;
	}
	off_t from = (off_t)r.size;
	if ((uint64_t)st.st_ino == r.ino && st.st_size > from) {
		size_t n = st.st_size - from < (off_t)r.len
		               ? (size_t)(st.st_size - from)
		               : r.len;
		if (file_read(mailbox, there, n, from) == -1) {
			return -1;
		}
		/* If these are not our octets, none of ours reached the disk.
		 */
		if (are_ours(there, r.first, n) &&
		    (torn_end(mailbox, from, sure(&r, mailbox, st.st_size, n),
			 st.st_size, &end) == -1 ||
			cut(directory, mailbox, from, end, st.st_size, touch,
			    context) == -1)) {
			return -1;
		}
	}
	return end_left(directory, r.durable != 0);
}
