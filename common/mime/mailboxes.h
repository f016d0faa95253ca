/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_MIME_MAILBOXES_H
#define RESTANTE_COMMON_MIME_MAILBOXES_H

#include "common/text/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Lists of addresses in header fields (RFC 5322 section 3.4, with the obsolete
 * forms of 4.4, and UTF-8 as RFC 6532 has it): From, To, Cc, Sender, Reply-To.
 * Linear in time, without memory.
 */

enum mailboxes_kind {
	MAILBOXES_ONE,       /* a mailbox, or a bare name */
	MAILBOXES_GROUP,     /* "name:"; its members follow */
	MAILBOXES_GROUP_END, /* ";", or the end of the text */
	MAILBOXES_BROKEN,    /* an entry that is none: all of it is in all */
	MAILBOXES_END,
};

struct mailboxes_entry {
	struct span all;   /* the entry, without its comma and outer blanks */
	struct span name;  /* display name as written; empty: none */
	struct span note;  /* comment after a bare address, without () */
	struct span route; /* "@a,@b:" before the address; mostly empty */
	struct span spec;  /* from the local part to the end of the domain */
	struct span local;
	struct span
	    domain; /* empty for a bare name: append to spec to qualify */
};

/* Begins with text and end set, all else zero. */
struct mailboxes {
	const char *text; /* what is still to be read */
	const char *end;
	bool group;
};

/* The next entry; empty ones (",,") are passed over. */
enum mailboxes_kind mailboxes_next(
    struct mailboxes *, struct mailboxes_entry *);

/*
 * The address as SMTP writes it: without folds, comments and blanks, quotes
 * only where they are needed; "local" alone for a bare name.  Adds NUL.  The
 * length, or -1: does not fit (spec.len + 3 octets always do).
 */
ssize_t mailboxes_address(const struct mailboxes_entry *, char *out,
    size_t size) __attribute__((warn_unused_result));

/*
 * The display name in UTF-8, or the note if there is none; "" for neither.  -1:
 * does not fit.  WORD_DECODED() tells the room; as word_decode(), not for
 * sandboxes.
 */
ssize_t mailboxes_name(const struct mailboxes_entry *, char *out, size_t size)
    __attribute__((warn_unused_result));

/*
 * Writes "name <address>", the name encoded and folded as word_encode() does,
 * or the address alone if name is empty; adds NUL.  *column is how many octets
 * of the line are taken, before and after.  The length, or -1: does not fit.
 */
ssize_t mailboxes_write(const char *name, size_t name_len, const char *address,
    size_t *column, const char *eol, char *out, size_t size)
    __attribute__((warn_unused_result));

#endif
