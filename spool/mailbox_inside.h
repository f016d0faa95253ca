/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_MAILBOX_INSIDE_H
#define RESTANTE_SPOOL_MAILBOX_INSIDE_H

#include "spool/listing.h"
#include "spool/mailbox.h"

#include <sys/stat.h>

/* What a mailbox is, for mailbox.c, which reads, and mailbox_update.c. */

enum { WINDOW = 1024 * 1024, READ_TIMEOUT = 20000 };

struct mailbox {
	struct store store;
	struct listing listing; /* at the opening; the numbers are its */
	struct message *moved;  /* the same with later offsets, or NULL */
	struct stat seen;       /* when the offsets were last right */
	int64_t window_at;
	size_t window_len;
	char window[WINDOW];
};

#endif
