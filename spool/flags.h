/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_FLAGS_H
#define RESTANTE_SPOOL_FLAGS_H

#include "spool/mailbox.h"

#include <stddef.h>

/*
 * The header field Status, in which mail readers keep what has been read: "R",
 * and "O" for a message that is not new any more.  It is changed in place,
 * where it has room; a byte of it that is written without the other harms
 * nothing.
 */

/* The line that a delivery adds for it: no flags, and room for two. */
#define FLAGS_ROOM "Status:   \n"

/*
 * Finds where in a header section the mark goes, and how many octets of "RO" to
 * write; 0: it is already marked, or there is no room.  Pure.
 */
size_t flags_room(const char *header, size_t len, size_t *octets);

/* Marks a message of the mailbox as read.  1, 0: no need or no room, or -1. */
int flags_mark_read(int mailbox, const struct message *);

#endif
