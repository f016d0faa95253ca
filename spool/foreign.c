/* SPDX-License-Identifier: ISC */
/*
 * Tells an mbox from other files by its first line that is not empty, which
 * has to be a From_ line.
 */
#include "spool/foreign.h"

#include "common/io/file.h"
#include "common/mime/header.h"
#include "common/text/bytes.h"
#include "spool/mbox.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WINDOW = 4096, BLOCK = 512 };

static const struct {
	const char *magic;
	size_t len;
	const char *like;
} kinds[] = {
	{ "\x1f\x8b", 2, "a file compressed by gzip" },
	{ "BZh", 3, "a file compressed by bzip2" },
	{ "\xfd"
	  "7zXZ",
	    5, "a file compressed by xz" },
	{ "\x28\xb5\x2f\xfd", 4, "a file compressed by zstd" },
	{ "PK\3\4", 4, "a zip archive" },
	{ "\1\1\1\1\n", 5, "an MMDF mailbox" },
	{ "*mbx*", 5, "an mbx mailbox" },
	{ "BABYL OPTIONS:", 14, "a Babyl mailbox" },
	{ "\xef\xbb\xbf", 3, "a text with a byte order mark" },
	{ "\xff\xfe", 2, "a text in UTF-16" },
	{ "\xfe\xff", 2, "a text in UTF-16" },
};

static bool
is_binary(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		if (c == '\0' ||
		    (c < ' ' && strchr("\t\n\v\f\r\033", c) == NULL)) {
			return true;
		}
	}
	return false;
}

/* What a file looks like that begins so. */
static const char *
name_kind(const char *text, size_t len)
{
	size_t lead;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (len >= kinds[i].len &&
		    memcmp(text, kinds[i].magic, kinds[i].len) == 0) {
			return kinds[i].like;
		}
	}
	if (is_binary(text, len)) {
		return "binary data";
	}
	return header_top(text, len, true, &lead) == HEADER_TOP_SECTION
	           ? "a single message, without a From_ line"
	           : "text";
}

/* True if a From_ line that has no date is one by what follows. */
static bool
is_followed(const char *text, size_t len, size_t size)
{
	const char *next = text + size, *end = text + len;
	size_t lead;

	next += next < end && *next == '\r';
	return next >= end || *next == '\n' ||
	       header_top(text, len, len < WINDOW, &lead) == HEADER_TOP_SECTION;
}

/* True if an mbox may begin with these octets, which begin a line. */
static bool
is_from(const char *text, size_t len)
{
	struct mbox_window w = { .data = text,
		.len = len,
		.last = len < WINDOW,
		.full = len == WINDOW,
		.begins = true };
	struct mbox_line line;

	if (!mbox_next_line(&w, &line)) {
		return false;
	}
	if (mbox_is_from(&line, false)) {
		return mbox_is_from(&line, true) ||
		       is_followed(text, len, line.size);
	}
	/* A crash, or another program's end, has cut it off. */
	return line.len <= 5 && memcmp("From ", line.text, line.len) == 0;
}

/* True if lines end in CR, as once on the Macintosh: all would be one line. */
static bool
ends_in_cr(const char *text, size_t len)
{
	const char *cr = memchr(text, '\r', len), *lf = memchr(text, '\n', len);
	const char *end = lf == NULL ? text + len : lf;

	return cr != NULL && cr + 1 < end;
}

static bool
may_precede(char c)
{
	return c == '\n' || c == '\r' || c == '\0' || is_blank(c);
}

/*
 * Passes over empty lines, and over NULs, which a power cut leaves in the place
 * of octets that have not reached the disk.  *at: where that ends, after the
 * octet last.  How many octets of something else are there, in the window; 0:
 * nothing is there; -1: errno.
 */
static ssize_t
skip_nothing(int fd, char window[WINDOW], off_t *at, char *last)
{
	ssize_t n, passed;

	while ((n = file_read_some(fd, window, WINDOW, *at)) > 0) {
		for (passed = 0; passed < n && may_precede(window[passed]);
		     passed++) {
			*last = window[passed];
		}
		if (passed == 0) {
			break;
		}
		*at += passed;
	}
	return n;
}

int
foreign_look(int fd, const char **like)
{
	char window[WINDOW], last = '\n';
	off_t at = 0;
	ssize_t n = skip_nothing(fd, window, &at, &last);

	*like = NULL;
	if (n <= 0 || (last == '\0' && at % BLOCK == 0)) {
		return n < 0 ? -1 : 0;
	}
	bool begins = last == '\n' || last == '\0';
	bool is_ours = begins && is_from(window, (size_t)n);
	bool cr = is_ours && ends_in_cr(window, (size_t)n);
	if (is_ours && !cr) {
		return 0;
	}
	*like = cr ? "a mailbox whose lines end in CR"
	           : name_kind(window, (size_t)n);
	errno = FOREIGN_FILE;
	return -1;
}

void
foreign_why(int error, const char *path, char text[FOREIGN_TEXT])
{
	const char *like = NULL;
	int fd =
	    error == FOREIGN_FILE
		? open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
		: -1;

	if (fd != -1) {
		if (foreign_look(fd, &like) == 0) {
			like = "something that has changed since";
		}
		close(fd);
	}
	if (error == FOREIGN_FILE) {
		snprintf(text, FOREIGN_TEXT,
		    "it is no mbox, but looks like %s: move it away or make it "
		    "an mbox; its mail waits until then",
		    like == NULL ? "something else" : like);
	} else {
		snprintf(text, FOREIGN_TEXT, "%s", strerror(error));
	}
}
