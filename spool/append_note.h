/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_APPEND_NOTE_H
#define RESTANTE_SPOOL_APPEND_NOTE_H

#include "spool/journal.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * The note of an append under way, in the user's directory: how long the
 * mailbox was, and how our bytes begin.  Whoever takes hold of the mailbox
 * after a crash cuts a torn message off again.
 */

/* Octets of each write of an append but the last. */
enum { APPEND_NOTE_WRITE = 64 * 1024 };

/*
 * Notes that we append to the mailbox, which has that size, bytes that begin
 * with these (as many as fit are noted).  durable: a power cut shall not lose
 * the note, which costs a sync; without, it outlives a kill alone.  0; 1: there
 * is no note; -1: there is one, but perhaps not durably: do not append.
 */
int append_note_begin(int directory, int mailbox, off_t size, const char *first,
    size_t len, bool durable) __attribute__((warn_unused_result));

/* The append is complete, and durable; so is this, if durable.  0 or -1. */
int append_note_end(int directory, bool durable)
    __attribute__((warn_unused_result));

/* True if an append was not completed. */
bool append_note_pending(int directory);

/*
 * Cuts the torn message off.  What another program has appended after it
 * stays.  0, or -1 with errno.
 */
int append_note_recover(int directory, int mailbox, journal_touch *,
    void *context) __attribute__((warn_unused_result));

#endif
