/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ROUTE_TARGET_H
#define RESTANTE_SMTPD_ROUTE_TARGET_H

#include "common/config/config.h"
#include "common/names/aliases.h"
#include "common/text/address.h"
#include "spool/mail.h"

#include <stdbool.h>
#include <stddef.h>

/* The meaning of a target of an alias or a ~/.forward. */

enum meaning {
	MEANS_ADDRESS, /* address; without a domain it is local */
	MEANS_MAILBOX, /* "\user": text is the user; ~/.forward is ignored */
	MEANS_PIPE,    /* "|command": text is the command */
	MEANS_FILE,    /* "/path": text */
	MEANS_INCLUDE, /* ":include:/path": text is the path */
	MEANS_NOTHING, /* malformed */
};

struct target_parsed {
	struct address address;
	const char *text; /* in the target */
};

/* Pure. */
enum meaning target_parse(const char *target, struct target_parsed *);

/*
 * The NOTIFY (RFC 3461) of each of several targets that a recipient expands to:
 * failures are reported to the sender, but not every success.
 */
unsigned target_list_notify(unsigned notify);

/* "rfc822;" and the address as xtext, RFC 3461 section 4; "": too long. */
void target_orcpt(const char *address, char orcpt[MAIL_ORCPT + 1]);

/* ---- files of addresses ---- */

enum include_status { INCLUDE_OK, INCLUDE_TEMPORARY, INCLUDE_REFUSED };

struct include {
	char *text; /* to be freed */
	size_t len;
	bool trusted; /* only its owner can write it: may name commands */
};

/* Files that were read before, for a process that can open none any more. */
struct lists;

/* Reads the files that aliases name, and the files that these name.  NULL:
   no memory. */
struct lists *lists_read(const struct config *, const struct aliases *);
void lists_free(struct lists *);

/* True if one of them has an octet outside ASCII. */
bool lists_have_high(const struct lists *);

/*
 * Reads one, unless it is among the lists, which may be NULL.  Refused:
 * anything that is not a regular file, is too large, or can be written by
 * everybody.  Logs why, never the content, which may be somebody's secret.
 */
enum include_status include_read(const struct config *, const struct lists *,
    const char *path, struct include *);

#endif
