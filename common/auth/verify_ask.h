/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_AUTH_VERIFY_ASK_H
#define RESTANTE_COMMON_AUTH_VERIFY_ASK_H

#include "common/text/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The questions of this room's machines to the DNS, and the answers.  The
 * machines do not ask themselves: their caller does, in a worker or in a test.
 */

enum {
	ASK_NAME = 254,    /* a name with dots, without the last one, and NUL */
	ASK_RECORDS = 512, /* of an answer */
};

enum ask_type { ASK_TXT, ASK_A, ASK_AAAA, ASK_MX, ASK_PTR };

/* The name is in no escaped form: a backslash in it is one. */
struct ask {
	enum ask_type type;
	char name[ASK_NAME];
};

enum ask_status {
	ASK_OK,      /* there are records */
	ASK_NO_DATA, /* the name exists, but has no such records */
	ASK_NO_NAME, /* there is no such name */
	ASK_FAILED,  /* nobody can say */
};

/*
 * An answer; the records belong to the caller that asked.  TXT: the strings of
 * each record, joined.  A, AAAA: 4 or 16 octets.  MX, PTR: a name without its
 * last dot, "" for the root.  n is 0 unless the status is ASK_OK.
 */
struct ask_answer {
	enum ask_status status;
	size_t n;
	struct span record[ASK_RECORDS];
};

/*
 * Brings a domain into the form in which machines compare and ask: lower case,
 * no last dot.  False: it is no name that can be asked for (an empty label,
 * one of more than 63 octets, more than 253 in all).
 */
bool ask_name(const char *domain, size_t len, char name[ASK_NAME]);

/* The name below which the names of an address are; IPv4 as
   ::ffff:192.0.2.1. */
void ask_reverse(const uint8_t address[16], char name[ASK_NAME]);

/* True if name is domain or below it; both in the form of ask_name(). */
bool ask_is_below(const char *name, const char *domain);

#endif
