/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_LOCAL_MAILBOX_H
#define RESTANTE_SMTPD_LOCAL_MAILBOX_H

#include "common/config/config.h"
#include "common/login/users.h"
#include "spool/append.h"
#include "spool/lock_stock.h"
#include "spool/store.h"

/*
 * A message into a user's mailbox: what a worker that serves a session and the
 * local agent have in common.
 */

enum {
	LOCAL_WHY = 512,
	/* ms that a delivery waits for a lock: one from the queue, and one that
	   a client waits for, which would send the message again. */
	LOCAL_LOCK = 30 * 1000,
	LOCAL_LOCK_AT_ONCE = 5 * 1000,
};

/*
 * become_owner(), with its failures in words.  STATUS_OK; or STATUS_TEMPORARY,
 * and then the process must end.
 */
enum status local_become(const struct config *, const struct names *,
    const char *name, struct account *, struct store *, char why[LOCAL_WHY])
    __attribute__((warn_unused_result));

/*
 * Confines the process, which has become the owner of the store, to that, for
 * so many times of locking it (spool/confine.h).  0, or -1 with the reason.
 */
int local_confine(struct store *, struct lock_stock *, size_t times,
    char why[LOCAL_WHY]) __attribute__((warn_unused_result));

/* A message with LF lines, from the start of a descriptor or in memory. */
struct local_mail {
	const char *sender;
	int fd;
	const char *text; /* NULL: by the descriptor */
	size_t len;
	/* The result: as of local_append(). */
	enum status status;
	char why[LOCAL_WHY];
	bool replaced; /* another mailbox is in the place of the one to which
	                  the process is confined */
};

/*
 * Does what local_append() does for at most APPEND_MOST messages to one
 * mailbox, in a confined process, under one lock and with one sync.
 */
void local_append_all(const struct config *, const char *user,
    const struct store *, struct local_mail *, size_t n, int patience);

/*
 * Appends the message, with LF lines from the start of the descriptor, and
 * makes it durable, unless the mailbox would be larger than the user's quota;
 * user: NULL for a file that is nobody's mailbox; patience: ms to wait for the
 * lock.  STATUS_OK; or STATUS_LOCKED,
 * STATUS_FULL, STATUS_TEMPORARY, or STATUS_NO if the message alone is more,
 * with the reason in words, and then the mailbox is as it was.  The process is
 * confined to these files (spool/confine.h) and must end soon.
 */
enum status local_append(const struct config *, const char *user,
    const struct store *, const char *sender, int message, int patience,
    char why[LOCAL_WHY]) __attribute__((warn_unused_result));

#endif
