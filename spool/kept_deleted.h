/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_KEPT_DELETED_H
#define RESTANTE_SPOOL_KEPT_DELETED_H

#include "spool/mailbox.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/*
 * Deleted mail that is kept for some days: the folder "deleted" in the user's
 * directory, with an mbox for each session that has deleted anything; its name
 * is the time.  restante-spool(5).
 */

struct kept_deleted {
	const char *directory; /* the user's */
	time_t now;
};

/*
 * For struct mailbox_update: durably keeps messages that are about to be
 * deleted.  context: a struct kept_deleted.  0, or -1 with errno, and then
 * nothing was kept.
 */
int kept_deleted_add(void *context, int mailbox, const struct message *list,
    const bool *gone, size_t count) __attribute__((warn_unused_result));

/* Removes what has been kept for that many days. */
void kept_deleted_prune(const char *directory, time_t days, time_t now);

enum { KEPT_DELETED_NAME = 32 };

/*
 * The names in the folder, the newest first, to be freed; none: 0.  -1 with
 * errno: it cannot be read.
 */
struct kept_deleted_file {
	char name[KEPT_DELETED_NAME];
	time_t when;
};
int kept_deleted_list(const char *directory, struct kept_deleted_file **files);

#endif
