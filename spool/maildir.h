/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_MAILDIR_H
#define RESTANTE_SPOOL_MAILDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Names of messages in a Maildir, pure.  A name begins with the seconds of the
 * delivery; after ":2," there are letters for flags.
 */

struct maildir_name {
	size_t base;   /* octets before the flags: these never change */
	uint64_t when; /* the number that it begins with; 0: none */
	bool read, replied, flagged, trashed, draft;
};

/* False: this is not the name of a message. */
bool maildir_name(const char *name, struct maildir_name *);

/* The order in which servers number the messages: by time, then by name. */
int maildir_compare(const char *, const char *);

/*
 * The header fields in which an mbox has these flags, with room for more; old:
 * a mail reader has seen that it is there (cur, not new).
 */
enum { MAILDIR_FIELDS = 32 };
void maildir_fields(
    const struct maildir_name *, bool old, char fields[MAILDIR_FIELDS]);

#endif
