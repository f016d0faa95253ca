/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_ASIDE_H
#define RESTANTE_SPOOL_ASIDE_H

#include "spool/mailbox.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/*
 * Deleted mail, kept aside for some days: the folder "deleted" in the user's
 * directory, with an mbox for each session that has deleted anything; its name
 * is the time.  restante-spool(5).
 */

struct aside {
	const char *directory; /* the user's */
	time_t now;
};

/*
 * For struct mailbox_update: keeps what is about to go, durably.  context: a
 * struct aside.  0, or -1 with errno, and then nothing was kept.
 */
int aside_keep(void *context, int mailbox, const struct message *list,
    const bool *gone, size_t count) __attribute__((warn_unused_result));

/* Removes what has been kept for so many days. */
void aside_prune(const char *directory, time_t days, time_t now);

enum { ASIDE_NAME = 32 };

/* The time that a name tells; 0: it is none of ours.  Pure. */
time_t aside_time(const char *name);

/*
 * The names in the folder, the newest first, to be freed; none: 0.  -1 with
 * errno: it cannot be read.
 */
struct aside_file {
	char name[ASIDE_NAME];
	time_t when;
};
int aside_list(const char *directory, struct aside_file **files);

#endif
