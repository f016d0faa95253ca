/* SPDX-License-Identifier: ISC */
/* See the header.  May run as root; what it keeps is hashed or not looked at.
 */
#include "smtpd/worker/hop_memory.h"

#include "common/log/log.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Values of a record: */
enum {
	TAKEN_AT = 0, /* when it took mail for that recipient; 0: it refused */
	NOTE_SUM = 1, /* of the line that it refused with */
};

enum kind {
	KIND_DOWN,
	KIND_PLACES,
	KIND_ADDRESS,
	KIND_USER,
};

/* What is hashed: nothing that one hop says is about another's. */
struct subject {
	uint32_t kind;
	char hop[HOP_TEXT];
	char text[ADDRESS_TEXT];
};

static struct table_key
key_of(const struct hop_memory *m, enum kind kind, const char *text)
{
	struct subject subject;

	memset(&subject, 0, sizeof(subject));
	subject.kind = kind;
	strlcpy(subject.hop, m->hop, sizeof(subject.hop));
	strlcpy(subject.text, text, sizeof(subject.text));
	/* The case of a domain does not matter; what that of a local part
	   means, only the hop knows. */
	char *at = strrchr(subject.text, '@');
	for (; at != NULL && *at != '\0'; at++) {
		*at = (char)tolower((unsigned char)*at);
	}
	return table_key(m->table.seed, &subject, sizeof(subject));
}

static struct table_key
key_of_question(const struct hop_memory *m, const struct next_hop_question *q)
{
	return key_of(m, q->user != 0 ? KIND_USER : KIND_ADDRESS, q->text);
}

static void
fail(struct hop_memory *m)
{
	log_error("what next hops say about recipients is not remembered: "
		  "%s: %s",
	    m->table.path, strerror(errno));
	hop_memory_close(m);
}

void
hop_memory_open(struct hop_memory *m, const struct config *config,
    const struct hop *hop, enum role role)
{
	snprintf(m->role, sizeof(m->role), "%d", (int)role);
	hop_text(hop, m->hop);
	m->open =
	    table_open_large(&m->table, config, "recipients", HOP_SETS) == 0;
	if (!m->open) {
		fail(m);
	}
}

void
hop_memory_close(struct hop_memory *m)
{
	table_close(&m->table);
	m->open = false;
}

/* Looks a record up, whose set is locked then.  false: there is no table. */
static bool
begin(struct hop_memory *m, struct table_key key, uint32_t now,
    struct table_entry *e)
{
	if (m->open && table_begin(&m->table, key, now, e) == -1) {
		fail(m);
	}
	return m->open;
}

bool
hop_memory_knows(struct hop_memory *m, const struct next_hop_question *q,
    uint32_t now, struct next_hop_answer *a)
{
	struct table_entry e;

	_Static_assert((int)NEXT_HOP_LINE == (int)TABLE_NOTE, "a note has it");
	if (!begin(m, key_of_question(m, q), now, &e)) {
		return false;
	}
	uint32_t taken = e.record.values[TAKEN_AT];
	bool knows = e.found;
	memset(a, 0, sizeof(*a));
	a->result = taken != 0 ? NEXT_HOP_TAKES : NEXT_HOP_REFUSES;
	if (knows && taken != 0) {
		knows = taken <= now && now - taken < HOP_FRESH;
	} else if (knows) {
		knows = table_read_note(
		    &m->table, &e, e.record.values[NOTE_SUM], a->line);
		a->result = a->line[0] == '4' ? NEXT_HOP_LATER : a->result;
	}
	table_leave(&m->table, &e);
	return knows;
}

bool
hop_memory_has_taken(
    struct hop_memory *m, const struct next_hop_question *q, uint32_t now)
{
	struct table_entry e;

	if (!begin(m, key_of_question(m, q), now, &e)) {
		return false;
	}
	table_leave(&m->table, &e);
	return e.found && e.record.values[TAKEN_AT] != 0;
}

/* Keeps a record, with a line, unless it would drive out what lasts longer. */
static int
keep(struct hop_memory *m, struct table_entry *e, uint32_t expires,
    const char *line)
{
	if (!e->found && e->until > expires) {
		table_leave(&m->table, e);
		return 0;
	}
	if (line != NULL && table_write_note(&m->table, e, line) == -1) {
		int saved = errno;
		table_leave(&m->table, e);
		errno = saved;
		return -1;
	}
	e->record.expires = expires;
	return table_keep(&m->table, e);
}

void
hop_memory_keep(struct hop_memory *m, const struct next_hop_question *q,
    uint32_t now, const struct next_hop_answer *a, bool full)
{
	bool takes = a->result == NEXT_HOP_TAKES;
	struct table_entry e;
	int result;

	if (!begin(m, key_of_question(m, q), now, &e)) {
		return;
	}
	e.record.values[TAKEN_AT] = takes ? now : 0;
	if (takes) {
		result = keep(m, &e, now + HOP_TAKEN, NULL);
	} else {
		e.record.values[NOTE_SUM] = table_note_sum(&m->table, a->line);
		result =
		    keep(m, &e, now + (full ? HOP_FULL : HOP_REFUSED), a->line);
	}
	if (result == -1) {
		fail(m);
	}
}

bool
hop_memory_is_down(struct hop_memory *m, uint32_t now)
{
	struct table_entry e;

	if (!begin(m, key_of(m, KIND_DOWN, m->role), now, &e)) {
		return false;
	}
	table_leave(&m->table, &e);
	return e.found;
}

bool
hop_memory_note_down(struct hop_memory *m, uint32_t now)
{
	struct table_entry e;

	if (!begin(m, key_of(m, KIND_DOWN, m->role), now, &e)) {
		return true;
	}
	bool known = e.found;
	if (keep(m, &e, now + HOP_DOWN, NULL) == -1) {
		fail(m);
	}
	return !known;
}

bool
hop_memory_take_place(struct hop_memory *m)
{
	return !m->open || table_take_place(&m->table,
			       key_of(m, KIND_PLACES, ""), HOP_PLACES) == 0;
}
