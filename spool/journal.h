/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_JOURNAL_H
#define RESTANTE_SPOOL_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The redo journal of a rewrite in place.  A kill or a power cut at any point
 * leaves the old mailbox, the new one, or one that journal_recover() makes
 * into the new one.  restante-spool(5) has the format; tests/lib/model.py is
 * the executable specification.
 */

enum range_source { RANGE_MAILBOX, RANGE_TEXT };

/* A piece of what stays, in order: of the mailbox, or of the plan's text. */
struct range {
	uint64_t from; /* offset; in the mailbox it is never below the target */
	uint64_t len;
	uint64_t is_text; /* an enum range_source */
};

/* Everything from offset start on becomes these ranges. */
struct plan {
	uint64_t start; /* of the first hole */
	uint64_t size;  /* of the mailbox */
	struct range *ranges;
	size_t count;
	const char *text;
	size_t text_len;
};

/* Called between steps of a long run, to keep the dotlock young. */
typedef void journal_touch(void *context);

/*
 * Rewrites the mailbox, which is locked for writing.  directory: of the user's
 * state.  0: done, durably.  -1 with errno: nothing has changed, or the journal
 * stays and the next lock finishes it.
 */
int journal_run(int directory, int mailbox, const struct plan *,
    journal_touch *, void *context) __attribute__((warn_unused_result));

/*
 * Makes sure that there is a small spare journal with its room, so that mail
 * can be deleted when the disk is full.  The mailbox is locked.
 */
void journal_keep_spare(int directory);

/* True if something is in the place of a journal. */
bool journal_exists(int directory);

/* True if it is a journal that journal_recover() would finish, or may be. */
bool journal_is_committed(int directory);

/*
 * Finishes what a journal says, on the mailbox, which is locked for writing.
 * What another program has appended since stays.  If another program has
 * rewritten the mailbox, that stays too, the journal is set aside under
 * another name, and the log says so.  0, or -1 with errno: try again later.
 */
int journal_recover(int directory, int mailbox, journal_touch *, void *context)
    __attribute__((warn_unused_result));

#endif
