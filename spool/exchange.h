/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_EXCHANGE_H
#define RESTANTE_SPOOL_EXCHANGE_H

#include "spool/journal.h"
#include "spool/lock.h"

#include <stdbool.h>

/* True if the file system of that folder or file may be one that exchanges. */
bool exchange_is_possible(int fd);

/*
 * The rewrite of a plan where the file system can exchange the contents of two
 * files in one atomic step (XFS, made with exchange=1, since Linux 6.10): the
 * new end of the mailbox is written to an unnamed file, and changes places
 * with the old one.  The mailbox keeps its inode.
 *
 * The lock is that of the mailbox.  0: done, durably.  -1 with errno: nothing
 * has changed, or *unsynced: the contents have changed places, but perhaps not
 * for good; ENOTSUP: the file system cannot do this.
 */
int exchange_run(const struct lock *, const struct plan *, bool *unsynced)
    __attribute__((warn_unused_result));

#endif
