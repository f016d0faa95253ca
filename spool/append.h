/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_APPEND_H
#define RESTANTE_SPOOL_APPEND_H

#include "spool/mailbox.h"
#include "spool/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Delivery of one message into one mailbox. */

struct append {
	const struct store *store; /* its mailbox is made if there is none */
	const char *sender;        /* "" for the null path */
	time_t when;
	int message;      /* lines end in LF; read by pread(2) from the start */
	const char *text; /* or in memory, octets: */
	size_t len;
	/*
	 * Or a message of a mailbox, from its From_ line to its last line,
	 * which is put back as it is: sender and when do not matter.
	 */
	const struct message *stored;
	int timeout;     /* ms to wait for the lock */
	bool flags_room; /* leave FLAGS_ROOM before the message */
	uint64_t quota;  /* octets that the mailbox may have then; 0: any */
};

/*
 * Appends the message, with Return-Path on top, and makes it durable.  0, or
 * -1 with errno, and then the mailbox is as it was; EWOULDBLOCK: locked;
 * EDQUOT: also beyond the quota; FOREIGN_FILE: the file is no mbox.
 */
int append_message(const struct append *) __attribute__((warn_unused_result));

/*
 * Does the same for at most APPEND_MOST messages of one store and timeout, with
 * one lock and one sync for all.  0: errors has an errno for each that is not
 * in the mailbox, or 0; ECANCELED: a stored message before it is not, and
 * stored messages keep their order.  -1 with errno: it could not be locked.
 */
enum { APPEND_MOST = 16 };
int append_messages(const struct append *, size_t n, int *errors)
    __attribute__((warn_unused_result));

#endif
