/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_BACKUP_H
#define RESTANTE_SPOOL_BACKUP_H

#include "spool/store.h"

#include <stddef.h>

/*
 * Copies the messages that a mailbox has at the beginning to a descriptor, as
 * they are stored, each of them whole.  The mailbox is locked while some of
 * them are read, and never while anything is written: mail is delivered
 * meanwhile, however slow the other end of a pipe is.  A message that is
 * deleted meanwhile is in the copy or not.
 *
 * 0 and how many, or -1 with errno: BACKUP_OUTPUT, what could not be written is
 * the copy, and *output says why; or as mailbox_open().
 */
#define BACKUP_OUTPUT EPIPE

int backup_mailbox(const struct store *, int out, int timeout, size_t *count,
    int *output) __attribute__((warn_unused_result));

#endif
