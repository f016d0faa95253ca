/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_SCAN_H
#define RESTANTE_SPOOL_SCAN_H

#include "spool/mailbox.h"

#include <stddef.h>
#include <sys/types.h>

/*
 * Finds the messages of the mailbox open as fd from offset from on, where one
 * starts; before: those in front, so that copies are numbered rightly.  *list
 * is the caller's to free, and has the ones in front first.  0, or -1 with
 * errno.
 */
int scan_mailbox(int fd, const struct message *before, size_t nbefore,
    int64_t from, struct message **list, size_t *count)
    __attribute__((warn_unused_result));

#endif
