/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_POP3D_MAILBOX_RETRIEVED_H
#define RESTANTE_POP3D_MAILBOX_RETRIEVED_H

#include "spool/mailbox.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/*
 * Which messages have been retrieved, and since when: the file "collected" in
 * the user's directory, restante-spool(5).  What it does not say, or no longer,
 * counts as never retrieved, so that nothing expires by its loss.
 */

struct retrieved;

/* Reads it.  NULL: no memory. */
struct retrieved *retrieved_open(const char *directory);
void retrieved_close(struct retrieved *);

/* When a message was retrieved first, by its mailbox_uidl(); 0: never. */
time_t retrieved_since(const struct retrieved *, const char *uidl);

/*
 * Writes down what was retrieved of the messages that stay: those that were,
 * and those whose fresh[index] is set, now.  0, or -1 with errno, and then the
 * file is as it was.
 */
int retrieved_write(const struct retrieved *, const char *directory,
    const struct mailbox *, const bool *gone, const bool *fresh, time_t now)
    __attribute__((warn_unused_result));

/* ---- pure ---- */

/*
 * Cuts the next line off the text: a UIDL and when.  false: there is none.  A
 * line that is not whole, or not right, is passed over.
 */
bool retrieved_line(
    const char **text, char uidl[MAILBOX_UIDL + 1], time_t *when);

#endif
