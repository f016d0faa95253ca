/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_MEASURE_H
#define RESTANTE_SPOOL_MEASURE_H

#include "spool/mailbox.h"

/*
 * Reads a message of the mailbox open as fd once more, to see what becomes of
 * it for clients without UTF-8 (common/mime/surrogate.h): sets ascii, and raw
 * if that is another message.  0, or -1 with errno.
 */
int measure_message(int fd, struct message *)
    __attribute__((warn_unused_result));

#endif
