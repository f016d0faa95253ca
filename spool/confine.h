/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_CONFINE_H
#define RESTANTE_SPOOL_CONFINE_H

#include "spool/lock_stock.h"
#include "spool/store.h"

/*
 * Confines a process that has become the owner of a mailbox to its files, for
 * good, where the kernel can do that: the mailbox, which LOCK_TO_CREATE makes
 * if there is none; its locks; the folder of the store.  A mailbox that comes
 * later, or in place of this one, cannot be opened.
 *
 * locks: how often it will lock, LOCK_STOCK at most; a session (LOCK_TO_READ)
 * locks as often as it has to, one time after the other.
 *
 * The store is to be used with the stock from then on, which lives as long and
 * is closed by the end of the process.  0, or -1 with errno.
 */
int confine_to_store(struct store *, struct lock_stock *, enum lock_mode,
    size_t locks) __attribute__((warn_unused_result));

#endif
