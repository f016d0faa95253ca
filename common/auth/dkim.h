/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_AUTH_DKIM_H
#define RESTANTE_COMMON_AUTH_DKIM_H

#include "common/auth/dkim_signature.h"
#include "common/text/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/*
 * DKIM signatures of a message, verified (RFC 6376, RFC 8301, RFC 8463).  No
 * I/O: the caller feeds the message in one pass, asks the DNS, and passes on
 * what it says.
 *
 *   d = dkim_open(header section);
 *   dkim_body(d, piece) ...; dkim_body_end(d);
 *   for each i below dkim_count(d) with dkim_question(d, i, name):
 *           dkim_answer(d, i, what the TXT records of name are);
 *   dkim_report(d, i) for each.
 *
 * The questions do not depend on each other, and may be asked at once.  What
 * has no answer in the end is temperror.
 */

enum {
	DKIM_MOST = 8,            /* signatures that are looked at */
	DKIM_HEADER = 256 * 1024, /* octets of a header section */
	DKIM_REASON = 64,
};

enum dkim_lookup {
	DKIM_LOOKUP_OK,        /* there are records */
	DKIM_LOOKUP_NONE,      /* no such name, or no TXT records there */
	DKIM_LOOKUP_TEMPORARY, /* nobody knows */
};

struct dkim_report {
	enum dkim_result result;  /* never DKIM_NONE */
	char reason[DKIM_REASON]; /* in words, no quotes in it; "": pass */
	/* As far as they could be read, "" otherwise; all fit to be written
	   into a header field. */
	const char *domain, *selector, *algorithm, *start;
	bool testing; /* the key says so: nothing should depend on it */
};

struct dkim;

/*
 * Begins with a header section, which must outlive it, and without its empty
 * line or with it; one above DKIM_HEADER octets makes all results neutral.
 * author: the domain of From, "" if there is none; signatures of it, and of
 * domains above or below it, are looked at first, so that nobody hides them.
 * now: for what expires.  NULL: no memory.
 */
struct dkim *dkim_open(
    const char *header, size_t len, const char *author, time_t now);
void dkim_close(struct dkim *);

/* How many signatures are looked at, and how many the message has. */
size_t dkim_count(const struct dkim *);
size_t dkim_seen(const struct dkim *);

/* True if the body need not be read: nothing depends on it. */
bool dkim_idle(const struct dkim *);

/* The body, with LF or CRLF, in pieces of any size; then its end. */
void dkim_body(struct dkim *, const char *data, size_t len);
void dkim_body_end(struct dkim *);

/* The name whose TXT records are needed, after the body.  false: none. */
bool dkim_question(const struct dkim *, size_t i, char name[DKIM_QUESTION]);

/* The answer: each record is all its strings, joined. */
void dkim_answer(struct dkim *, size_t i, enum dkim_lookup,
    const struct span *records, size_t count);

/* The result, top to bottom; strings live as long as the machine. */
void dkim_report(const struct dkim *, size_t i, struct dkim_report *);

#endif
