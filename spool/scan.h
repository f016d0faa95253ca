/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_SCAN_H
#define RESTANTE_SPOOL_SCAN_H

#include "spool/mailbox.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Finds the messages of the mailbox open as fd, from an offset on at which one
 * begins.  Their ids are not known then: that takes longer (visible.h).  *list
 * is the caller's to free.  0, or -1 with errno.
 */
int scan_mailbox(int fd, int64_t from, struct message **list, size_t *count)
    __attribute__((warn_unused_result));

#endif
