/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_INTAKE_H
#define RESTANTE_SPOOL_INTAKE_H

#include "spool/mailbox.h"
#include "spool/store.h"

#include <stddef.h>

/*
 * Brings many messages into a mailbox, each once: what it has already is left
 * out, so that whoever was interrupted begins again at the front.  Copies that
 * are the same are counted.
 *
 * An import also remembers what it has brought, in the file "imported" of the
 * user's directory, and does not bring back what was deleted since.
 */

enum intake_kind {
	INTAKE_IMPORT,  /* remembers */
	INTAKE_RESTORE, /* brings back all that is not there */
};

struct intake;

/*
 * Looks at what is there.  0, or -1 with errno: EBUSY, another process is at
 * it; or as mailbox_open().
 */
int intake_open(struct intake **, const struct store *, enum intake_kind,
    int timeout) __attribute__((warn_unused_result));
void intake_close(struct intake *);

/*
 * Adds a message that a file has in the form of a mailbox; the file must stay
 * as it is until intake_pending() is 0.  Several are written together: an error
 * may be that of one before.  0, or -1 with errno, as append_message().
 */
int intake_add(struct intake *, int fd, const struct message *)
    __attribute__((warn_unused_result));

/* Adds one whatever there is: the one that IMAP servers keep notes in. */
int intake_add_hidden(struct intake *, int fd, const struct message *)
    __attribute__((warn_unused_result));

/* Writes all that was added. */
int intake_flush(struct intake *) __attribute__((warn_unused_result));

size_t intake_pending(const struct intake *);

/* Messages that have come, and those that were there. */
size_t intake_taken(const struct intake *);
size_t intake_known(const struct intake *);

/* True if the mailbox was empty at the beginning. */
bool intake_was_empty(const struct intake *);

#endif
