/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_POP3D_MAILBOX_TRANSACTION_H
#define RESTANTE_POP3D_MAILBOX_TRANSACTION_H

#include "common/session/command.h"
#include "pop3d/session/session.h"

#include <stddef.h>

/* What a session may do with an open mailbox. */

extern const struct command transaction_commands[];

/* How many messages are not deleted, and their octets. */
size_t transaction_remaining(
    const struct session *, unsigned long long *octets);

/* QUIT: update.c. */
enum next transaction_quit(struct session *, char *argument);

#endif
