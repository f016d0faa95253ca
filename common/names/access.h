/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_NAMES_ACCESS_H
#define RESTANTE_COMMON_NAMES_ACCESS_H

#include "common/text/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The rules of the access file: who is refused, and who is accepted without
 * further questions.  common/login/access_load.h loads them, and sessions
 * inherit them.  Pure.
 *
 *	refuse | accept  client NETWORK | helo NAME | from ADDRESS |
 *	                 to ADDRESS | header ADDRESS  [TEXT]
 *
 * ADDRESS is a@b, @b for all of a domain, or @.b for all below it; NAME is
 * that of a host, or .b in the same way.
 */

enum access_kind {
	ACCESS_CLIENT,
	ACCESS_HELO,
	ACCESS_FROM,   /* the sender of the envelope */
	ACCESS_TO,     /* a recipient */
	ACCESS_HEADER, /* an author */
	ACCESS_KINDS,
};

enum access_verdict { ACCESS_NOTHING, ACCESS_REFUSE, ACCESS_ACCEPT };

enum { ACCESS_TEXT = 200 };

struct access;

/* The lines that are no rules. */
struct access_faults {
	size_t count;
	unsigned line;    /* the first of them, */
	const char *what; /* and what is wrong with it */
};

/*
 * Reads the octets of a file.  Lines that are no rules are left out, and
 * counted.  NULL: no memory.
 */
struct access *access_read(
    const char *data, size_t len, struct access_faults *);
void access_free(struct access *);

/* The number of rules, and if there are some of that kind. */
size_t access_count(const struct access *);
bool access_has(const struct access *, enum access_kind);

/* What the rules are asked about; NULL: rules of that kind do not count. */
struct access_about {
	const uint8_t *client; /* its address */
	const char *helo;
	const struct address *from, *to, *author;
	const char *delimiters; /* of extensions, which do not count in to */
};

#define ACCESS_LAST UINT32_MAX /* after all rules */

struct access_found {
	enum access_verdict verdict;
	enum access_kind kind;
	uint32_t rule;    /* its number, from 1 on */
	const char *text; /* for the reply, or "" */
};

/* The first rule that fits and has a number below the end. */
struct access_found access_find(
    const struct access *, const struct access_about *, uint32_t end);

#endif
