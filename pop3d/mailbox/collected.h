/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_POP3D_MAILBOX_COLLECTED_H
#define RESTANTE_POP3D_MAILBOX_COLLECTED_H

#include "spool/mailbox.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/*
 * Which messages have been collected, and since when: the file "collected" in
 * the user's directory, restante-spool(5).  What it does not say, or no longer,
 * counts as never collected, so that nothing expires by its loss.
 */

struct collected;

/* Reads it.  NULL: no memory. */
struct collected *collected_open(const char *directory);
void collected_close(struct collected *);

/* When a message was collected first, by its mailbox_uidl(); 0: never. */
time_t collected_since(const struct collected *, const char *uidl);

/*
 * Writes down what was collected of the messages that stay: those that were,
 * and those whose fresh[index] is set, now.  0, or -1 with errno, and then the
 * file is as it was.
 */
int collected_write(const struct collected *, const char *directory,
    const struct mailbox *, const bool *gone, const bool *fresh, time_t now)
    __attribute__((warn_unused_result));

/* ---- pure ---- */

/*
 * Cuts the next line off the text: a UIDL and when.  false: there is none.  A
 * line that is not whole, or not right, is passed over.
 */
bool collected_line(
    const char **text, char uidl[MAILBOX_UIDL + 1], time_t *when);

#endif
