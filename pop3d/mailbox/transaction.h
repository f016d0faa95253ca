/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_POP3D_MAILBOX_TRANSACTION_H
#define RESTANTE_POP3D_MAILBOX_TRANSACTION_H

#include "common/session/command.h"
#include "pop3d/mailbox/uidl.h"
#include "pop3d/session/session.h"
#include "spool/lock_stock.h"
#include "spool/mailbox.h"
#include "spool/session_lock.h"
#include "spool/store.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* The commands of a session with an open mailbox, in the mailbox process. */

/* The open mailbox of a session. */
struct transaction {
	struct store store;
	struct lock_stock locks;
	struct mailbox *mailbox;
	struct session_lock *lock;
	enum uidl_style uidl_style;
	struct uidls *uidls; /* in this style, once asked for; or NULL */
	bool *was_retrieved; /* by message: by RETR in this session */
	bool *deleted;       /* by message */
	size_t ndeleted;
};

/* The worker of REQUEST_MAILBOX: mailbox.c. */
enum status mailbox_run(const struct task *);

/*
 * Sends a message with its reply, or the reply that it is gone: retrieve.c.
 * lines: of its body, or RETRIEVE_ALL.
 */
#define RETRIEVE_ALL ULONG_MAX
enum next retrieve(struct session *, size_t index, unsigned long lines);

/* Octets of a message as this client gets it; asks for mailbox_check(). */
unsigned long long retrieve_octets(const struct session *, size_t index);

extern const struct command transaction_commands[];

/* How many messages are not deleted, and their octets. */
size_t transaction_remaining(
    const struct session *, unsigned long long *octets);

/* QUIT: update.c. */
enum next transaction_quit(struct session *, char *argument);

#endif
