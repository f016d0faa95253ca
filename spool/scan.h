/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_SCAN_H
#define RESTANTE_SPOOL_SCAN_H

#include "spool/mailbox.h"

#include <stddef.h>
#include <sys/types.h>

/* Where to begin: at the start of a message; all zero: the whole mailbox. */
struct scan_from {
	int64_t offset;
	/* The messages before that, so that copies are numbered rightly. */
	const struct message *before;
	size_t count;
};

/*
 * Finds the messages of the mailbox open as fd.  *list is the caller's to free,
 * and has the messages from before first.  0, or -1 with errno.
 */
int scan_mailbox(int fd, const struct scan_from *, struct message **list,
    size_t *count) __attribute__((warn_unused_result));

#endif
