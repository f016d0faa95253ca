/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_VISIBLE_H
#define RESTANTE_SPOOL_VISIBLE_H

#include "common/tls/crypto.h"
#include "spool/mailbox.h"

/*
 * Finds what a client sees of one message, read from the mailbox open as fd.
 * Both return 0, or -1 with errno.
 */

/* Makes the id of the message: a digest of all that a client sees. */
int visible_digest(int fd, struct message *, struct crypto_hash *)
    __attribute__((warn_unused_result));

/*
 * Sees what becomes of the message for clients without UTF-8
 * (common/mime/surrogate.h): sets ascii, and raw if that is another form.
 */
int visible_measure(int fd, struct message *)
    __attribute__((warn_unused_result));

#endif
