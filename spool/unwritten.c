/* SPDX-License-Identifier: ISC */
/*
 * Without this they would be the last lines of the message before them, which
 * may have been acknowledged long ago.  Nobody ends a message with a NUL.
 */
#include "spool/unwritten.h"

#include "common/io/file.h"
#include "spool/foreign.h"

#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { WINDOW = 4096 };

bool
unwritten_is_there(int mailbox)
{
	struct stat st;
	char last;

	return fstat(mailbox, &st) == 0 && st.st_size > 0 &&
	       file_read(mailbox, &last, 1, st.st_size - 1) == 0 &&
	       last == '\0';
}

/* Where the NULs at the end of a file of that size begin, or -1. */
static off_t
find(int mailbox, off_t size)
{
	char window[WINDOW];

	for (off_t end = size; end > 0;) {
		size_t n = end < WINDOW ? (size_t)end : (size_t)WINDOW;
		if (file_read(mailbox, window, n, end - (off_t)n) == -1) {
			return -1;
		}
		end -= (off_t)n;
		while (n > 0 && window[n - 1] == '\0') {
			n--;
		}
		if (n > 0) {
			return end + (off_t)n;
		}
	}
	return 0;
}

void
unwritten_cut(int mailbox)
{
	const char *like;
	struct stat st;

	if (!unwritten_is_there(mailbox) || fstat(mailbox, &st) == -1 ||
	    foreign_look(mailbox, &like) == -1) {
		return;
	}
	off_t end = find(mailbox, st.st_size);
	if (end != -1) {
		/* Not synced: after another power cut they are found again. */
		(void)!ftruncate(mailbox, end);
	}
}
