/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_POP3D_MAILBOX_UIDL_H
#define RESTANTE_POP3D_MAILBOX_UIDL_H

#include "common/config/config.h"
#include "spool/mailbox.h"

#include <stddef.h>

/* The UIDLs of the messages of a mailbox in another server's style. */

struct uidls;

/*
 * Reads the header of every message.  0, or -1 with errno: EWOULDBLOCK when the
 * mailbox is locked, ESTALE when another program has changed too much of it.
 */
int uidls_open(struct uidls **, struct mailbox *, enum uidl_style)
    __attribute__((warn_unused_result));
void uidls_close(struct uidls *);

/*
 * The UIDL of a message, which no other message of the mailbox has.  It is our
 * own, as without any uidls (NULL), if the other server had none for it.
 */
void uidls_text(const struct uidls *, const struct mailbox *, size_t index,
    char text[MAILBOX_UIDL + 1]);

#endif
