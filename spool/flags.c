/* SPDX-License-Identifier: ISC */
/* "Status: RO" in place. */
#include "spool/flags.h"

#include "common/io/file.h"
#include "spool/mbox.h"

#include <string.h>
#include <strings.h>

enum { HEADER = 64 * 1024 };

static const char name[] = "Status:";

/*
 * Finds the room after the name: all of the value, if it has nothing but
 * blanks and what we know.
 */
static size_t
value_room(const struct mbox_line *line, size_t *octets)
{
	size_t at = sizeof(name) - 1;

	if (at < line->len && line->text[at] == ' ') {
		at++;
	}
	*octets = line->len - at;
	for (size_t i = at; i < line->len; i++) {
		if (strchr(" \tNO", line->text[i]) == NULL) {
			*octets = 0;
		}
	}
	*octets = *octets > 2 ? 2 : *octets;
	return at;
}

size_t
flags_room(const char *header, size_t len, size_t *octets)
{
	struct mbox_window w = { .data = header, .len = len, .begins = true };
	struct mbox_line line;

	*octets = 0;
	while (mbox_next_line(&w, &line) && line.len > 0) {
		if (line.len >= sizeof(name) - 1 &&
		    strncasecmp(line.text, name, sizeof(name) - 1) == 0) {
			return w.done - line.size + value_room(&line, octets);
		}
	}
	return 0;
}

int
flags_mark_read(int mailbox, const struct message *m)
{
	char header[HEADER];
	size_t octets;
	int64_t all = m->end - m->text;
	size_t len = all < HEADER ? (size_t)all : HEADER;

	if (file_read(mailbox, header, len, m->text) == -1) {
		return -1;
	}
	size_t at = flags_room(header, len, &octets);
	if (octets == 0) {
		return 0;
	}
	return file_write(mailbox, "RO", octets, m->text + (off_t)at) == -1 ? -1
	                                                                    : 1;
}
