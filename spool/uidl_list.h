/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_UIDL_LIST_H
#define RESTANTE_SPOOL_UIDL_LIST_H

#include "spool/uidl.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Lists of the UIDLs that another server has given out, line by line; pure.
 * Lines come without their ends.
 */

enum uidl_list_kind {
	UIDL_LIST_NUMBERS, /* what a server answers to UIDL */
	UIDL_LIST_DOVECOT, /* dovecot-uidlist */
	UIDL_LIST_COURIER, /* courierpop3dsizelist */
};

struct uidl_list {
	enum uidl_list_kind kind;
	unsigned version;
	uint32_t validity;
	const char *format; /* of Dovecot's UIDLs */
};

/* Dovecot's own. */
#define UIDL_LIST_FORMAT "%08Xu%08Xv"

/*
 * True if a format has nothing that we do not know: %u, %v, %f and %g, as in
 * %08Xu.
 */
bool uidl_list_format(const char *format);

/*
 * Sees by the first line what kind it is; the format stays.  True: it is a
 * heading; else the list begins with it.
 */
bool uidl_list_begin(struct uidl_list *, const char *line, size_t len);

struct uidl_entry {
	uint32_t number;          /* of the message; Dovecot: its UID */
	const char *name;         /* of its file, in the line; or NULL */
	size_t len;               /* of that */
	char uidl[UIDL_MOST + 1]; /* empty: there is none that can be told */
};

enum uidl_line {
	UIDL_LINE_ENTRY,
	UIDL_LINE_NONE,  /* a status, an end, an empty line */
	UIDL_LINE_WRONG, /* it makes no sense */
};

/* Reads a line after the heading. */
enum uidl_line uidl_list_line(const struct uidl_list *, const char *line,
    size_t len, struct uidl_entry *);

#endif
