/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_VIEW_PRIVATE_H
#define RESTANTE_SMTPD_ADMIN_VIEW_PRIVATE_H

#include "common/config/config.h"
#include "smtpd/queue/report/wrap_text.h"
#include "spool/queue.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

/* Shared by the commands that list the queue and change it. */

enum { VIEW_NONE = -1 };

/*
 * Opens the queue without creating it.  EX_OK; VIEW_NONE: there is none yet; or
 * an exit status, with an error that suggests the command after "sudo".  Root
 * becomes the user that owns the queue, so that no file in it is root's.
 */
int view_open(const struct config *, struct queue *, const char *sudo);

/*
 * The process goes on to read alone: what it prints is what strangers have
 * written.  Called before any of that is read.
 */
void view_confine(void);

/* True if another process has claimed it. */
bool view_is_busy(const struct queue_file *);

/*
 * Calls back for each message of a place, with its name, until one call answers
 * other than 0.  In corrupt/ a name need not be an id.  0, that, or -1 with
 * errno.
 */
int view_each(struct queue *, enum queue_place,
    int (*call)(void *, enum queue_place, const char *name), void *);

/* "12 min", "3 h", "2 days" */
enum { VIEW_SHORT = 24 };

/* Print one message: for people (name, recipients, replies), or as one line of
   JSON.  One that cannot be read, because it is damaged or of a
   later version, has only a name and a size. */
void view_text(FILE *, struct queue_file *, time_t now);
void view_text_unreadable(FILE *, const char *name, uint64_t size, bool later);
void view_json(FILE *, struct queue_file *);
void view_json_unreadable(
    FILE *, enum queue_place, const char *name, uint64_t size, bool later);

/*
 * Prints a message: its head as the file has it, the last replies, an empty
 * line, and the message with LF.  A damaged file is printed as it is.  On a
 * terminal no control character gets through.  True if there is one in that
 * place; trouble is logged, and its exit status put into *result.
 */
bool show_message(
    struct queue *, enum queue_place, const char *name, int *result);

#endif
