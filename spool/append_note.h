/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_APPEND_NOTE_H
#define RESTANTE_SPOOL_APPEND_NOTE_H

#include "spool/journal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The note of an append under way, in the user's directory: how long the
 * mailbox was, and how our bytes begin.  Whoever takes hold of the mailbox
 * after a crash cuts a torn message off again.
 */

/* Octets of each write of an append but the last. */
enum { APPEND_NOTE_WRITE = 64 * 1024 };

enum { APPEND_NOTE_LAST = 64 };

/* How far an append has come. */
struct append_progress {
	uint64_t octets;             /* of ours are in the mailbox */
	char last[APPEND_NOTE_LAST]; /* of them, or fewer */
	/* What then is written begins so, if it is another message: */
	uint64_t len; /* 0: it is not */
	char next[APPEND_NOTE_LAST];
};

struct append_note {
	int fd;       /* -1: there is none */
	bool durable; /* a power cut shall not lose it, which costs a sync */
	struct append_progress wrote;
	uint64_t next; /* octets of wrote.next that were noted last */
};

/*
 * Notes that we append to the mailbox, which has that size, octets that begin
 * with these (as many as fit are noted).  What is not durable outlives a kill
 * alone.  0, also without a note; -1: there is one, but perhaps not durably: do
 * not append.
 */
int append_note_begin(struct append_note *, int directory, int mailbox,
    off_t size, const char *first, size_t len, bool durable)
    __attribute__((warn_unused_result));

/*
 * So many octets of ours are in the mailbox by now, and these are the last of
 * them: after a kill, what looks like another program's message among them is
 * none.
 */
void append_note_wrote(
    struct append_note *, uint64_t octets, const char *last, size_t len);

/*
 * Another message of ours follows, and begins so: its From_ line is not another
 * program's.
 */
void append_note_next(struct append_note *, const char *first, size_t len);

/*
 * The message that was noted last will be cut off again: so many octets of ours
 * stay, and these are the last of them, as for append_note_wrote().
 */
void append_note_back(
    struct append_note *, uint64_t octets, const char *last, size_t len);

/*
 * The append is complete, and durable; so is this, if the note is.  0 or -1;
 * it is closed in any case.
 */
int append_note_end(struct append_note *) __attribute__((warn_unused_result));

/* Leaves it for the next process that takes hold of the mailbox. */
void append_note_leave(struct append_note *);

/* True if an append was not completed. */
bool append_note_pending(int directory);

/*
 * Cuts the torn message off.  What another program has appended after it
 * stays.  0, or -1 with errno.
 */
int append_note_recover(int directory, int mailbox, journal_touch *,
    void *context) __attribute__((warn_unused_result));

#endif
