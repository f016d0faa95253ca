/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_MILTER_EDITS_H
#define RESTANTE_COMMON_MILTER_EDITS_H

#include "common/mime/header.h"
#include "common/text/bytes.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * A header section in memory, as a filter changes it.  The message is written
 * again only when a filter has said its last word, so that nothing is ever done
 * by halves.  Pure but for memory.
 */

enum {
	EDITS_FIELDS = 16384,       /* of a section that is looked at */
	EDITS_MOST = 10000,         /* edits of one filter, */
	EDITS_OCTETS = 1024 * 1024, /* and octets of their fields */
	EDITS_NAME = 255,           /* octets of a name */
};

struct edit_field {
	const char *text; /* with its name and its line end */
	size_t len, name_len;
	/* A filter has deleted it.  It counts on: filters name fields by the
	   numbers that these had when they were sent. */
	bool gone;
	bool hidden; /* it has no name, and filters do not see it */
};

struct edit_text;

struct edits {
	struct edit_field *fields;
	size_t count, room;
	size_t number, octets; /* of edits so far */
	struct edit_text *texts;
};

enum edited {
	EDITED_OK,
	EDITED_NAME,   /* that is no name of a field */
	EDITED_EXCESS, /* more edits than a filter may make */
	EDITED_MEMORY,
};

/*
 * Reads the fields of a section, which must stay where it is; *used: its
 * octets, with the empty line.  0, or -1 with errno (E2BIG: too many fields).
 */
int edits_open(struct edits *, const char *section, size_t len, size_t *used)
    __attribute__((warn_unused_result));
void edits_close(struct edits *);

/* A value as a filter has it: exact means with the blanks after the colon. */
struct edit {
	struct span name, value;
	bool exact;
};

/* Adds a field at the end; or before the one with that index, from 0. */
enum edited edits_add(struct edits *, const struct edit *);
enum edited edits_insert(struct edits *, size_t index, const struct edit *);

/*
 * Changes the field of that name with that index among those of the name, from
 * 1; an empty value deletes it.  One that is not there is added.
 */
enum edited edits_change(struct edits *, size_t index, const struct edit *);

/* Octets of the section now, without the empty line; and writes them. */
size_t edits_size(const struct edits *);
void edits_write(const struct edits *, struct writer *);

#endif
