/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_SHOW_H
#define RESTANTE_SMTPD_ADMIN_SHOW_H

#include "spool/queue.h"

#include <stdbool.h>

/*
 * Prints a message: its head as the file has it, the last replies, an empty
 * line, and the message with LF.  A damaged file is printed as it is.  On a
 * terminal no control character gets through.  Whether there is one in that
 * place; trouble is logged, and its exit status put into *result.
 */
bool show_message(
    struct queue *, enum queue_place, const char *name, int *result);

#endif
