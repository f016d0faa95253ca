/* SPDX-License-Identifier: ISC */
/* See the header. */
#include "common/milter/edits.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FIRST_ROOM = 64 };

/* The text of a field that a filter has made. */
struct edit_text {
	struct edit_text *next;
	char text[];
};

/* ---- the list ---- */

static int
make_room(struct edits *e)
{
	if (e->count < e->room) {
		return 0;
	}
	size_t room = e->room == 0 ? FIRST_ROOM : e->room * 2;
	void *p = reallocarray(e->fields, room, sizeof(*e->fields));
	if (p == NULL) {
		return -1;
	}
	e->fields = p;
	e->room = room;
	return 0;
}

int
edits_open(struct edits *e, const char *section, size_t len, size_t *used)
{
	const char *at = section, *end = section + len;
	struct field f;

	memset(e, 0, sizeof(*e));
	while (header_next(&at, end, &f)) {
		if (e->count == EDITS_FIELDS) {
			edits_close(e);
			errno = E2BIG;
			return -1;
		}
		if (make_room(e) == -1) {
			edits_close(e);
			return -1;
		}
		e->fields[e->count++] = (struct edit_field){ .text = f.text,
			.len = f.len,
			.name_len = f.name_len,
			.hidden = f.name_len == 0 };
	}
	*used = (size_t)(at - section);
	return 0;
}

void
edits_close(struct edits *e)
{
	while (e->texts != NULL) {
		struct edit_text *next = e->texts->next;
		free(e->texts);
		e->texts = next;
	}
	free(e->fields);
	memset(e, 0, sizeof(*e));
}

size_t
edits_size(const struct edits *e)
{
	size_t size = 0;

	for (size_t i = 0; i < e->count; i++) {
		/* A last line may have no end. */
		size += e->fields[i].gone ? 0 : e->fields[i].len + 1;
	}
	return size;
}

void
edits_write(const struct edits *e, struct writer *w)
{
	for (size_t i = 0; i < e->count; i++) {
		const struct edit_field *f = &e->fields[i];
		if (f->gone) {
			continue;
		}
		writer_add(w, f->text, f->len);
		if (f->len > 0 && f->text[f->len - 1] != '\n') {
			writer_octet(w, '\n');
		}
	}
}

/* ---- a field ---- */

static bool
is_name(const struct span *name)
{
	for (size_t i = 0; i < name->len; i++) {
		if (name->at[i] <= ' ' || name->at[i] > '~' ||
		    name->at[i] == ':') {
			return false;
		}
	}
	return name->len > 0 && name->len <= EDITS_NAME;
}

/* Writes a line of a value; control characters could mean anything. */
static void
write_line(struct writer *w, const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)line[i];
		bool control = (c < ' ' && c != '\t') || c == 0x7f;
		writer_octet(w, control ? '?' : line[i]);
	}
}

/*
 * Writes a value.  Its lines end in LF or CRLF, or in a CR; whatever they begin
 * with, they become the folded lines of one field, and none of them is blank.
 * Others stay what they are, with the blanks at their ends: the filter may have
 * signed them.
 */
static void
write_value(struct writer *w, const struct span *value, bool exact)
{
	const char *at = value->at, *end = at + value->len;
	bool first = true;

	if (!exact || value->len == 0) {
		writer_octet(w, ' ');
	}
	while (at < end) {
		size_t n = 0;
		while (at + n < end && at[n] != '\r' && at[n] != '\n') {
			n++;
		}
		size_t blanks = 0;
		while (blanks < n && is_blank(at[blanks])) {
			blanks++;
		}
		if (first) {
			write_line(w, at, n);
		} else if (blanks < n) {
			writer_text(w, blanks > 0 ? "\n" : "\n\t");
			write_line(w, at, n);
		}
		first = false;
		at += n < (size_t)(end - at) ? n + 1 : n;
	}
	writer_octet(w, '\n');
}

/* Makes a field of an edit, and counts it. */
static enum edited
make_field(struct edits *e, const struct edit *edit, struct edit_field *f)
{
	if (!is_name(&edit->name)) {
		return EDITED_NAME;
	}
	/* Each line end may become two octets; a colon, a blank, LF, NUL. */
	size_t lines = 0;
	for (size_t i = 0; i < edit->value.len; i++) {
		lines += edit->value.at[i] == '\r' || edit->value.at[i] == '\n';
	}
	size_t size = edit->name.len + edit->value.len + lines + 4;
	if (e->number == EDITS_MOST || size > EDITS_OCTETS - e->octets) {
		return EDITED_EXCESS;
	}
	struct edit_text *t = malloc(sizeof(*t) + size);
	if (t == NULL) {
		return EDITED_MEMORY;
	}
	struct writer w = { .out = t->text, .size = size };
	writer_add(&w, edit->name.at, edit->name.len);
	writer_octet(&w, ':');
	write_value(&w, &edit->value, edit->exact);
	t->next = e->texts;
	e->texts = t;
	e->number++;
	e->octets += size;
	*f = (struct edit_field){
		.text = t->text, .len = w.len, .name_len = edit->name.len
	};
	return EDITED_OK;
}

/* ---- edits ---- */

static enum edited
put(struct edits *e, size_t at, const struct edit *edit)
{
	struct edit_field f;
	enum edited made = make_field(e, edit, &f);

	if (made != EDITED_OK) {
		return made;
	}
	if (make_room(e) == -1) {
		return EDITED_MEMORY;
	}
	memmove(e->fields + at + 1, e->fields + at,
	    (e->count - at) * sizeof(*e->fields));
	e->fields[at] = f;
	e->count++;
	return EDITED_OK;
}

enum edited
edits_add(struct edits *e, const struct edit *edit)
{
	return put(e, e->count, edit);
}

enum edited
edits_insert(struct edits *e, size_t index, const struct edit *edit)
{
	size_t at = 0;

	for (size_t seen = 0; at < e->count; at++) {
		if (!e->fields[at].hidden && seen++ == index) {
			break;
		}
	}
	return put(e, at, edit);
}

static bool
has_name(const struct edit_field *f, const struct span *name)
{
	return !f->hidden && f->name_len == name->len &&
	       strncasecmp(f->text, name->at, name->len) == 0;
}

enum edited
edits_change(struct edits *e, size_t index, const struct edit *edit)
{
	size_t at = 0;

	for (size_t seen = 0; at < e->count; at++) {
		if (has_name(&e->fields[at], &edit->name) && ++seen >= index) {
			break;
		}
	}
	bool there = at < e->count;
	if (edit->value.len > 0) {
		return there ? make_field(e, edit, &e->fields[at])
		             : edits_add(e, edit);
	}
	if (e->number == EDITS_MOST) {
		return EDITED_EXCESS;
	}
	e->number++;
	if (there) {
		e->fields[at].gone = true;
	}
	return is_name(&edit->name) ? EDITED_OK : EDITED_NAME;
}
