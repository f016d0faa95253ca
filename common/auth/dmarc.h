/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_AUTH_DMARC_H
#define RESTANTE_COMMON_AUTH_DMARC_H

#include "common/auth/verify_ask.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * DMARC (RFC 9989): does the domain in From vouch for a message, and what does
 * it ask for if not?  Organizational domains are found by walking up the DNS
 * tree; there is no list of suffixes.  A machine without I/O:
 *
 *   dmarc_begin(d, author);
 *   d->identifier[d->identifiers++] = ...;
 *   while ((n = dmarc_next(d, asks)) > 0)
 *           for each of them: dmarc_answer(d, name, answer);
 *   d->result, d->apply ...
 *
 * What is asked for at once may be asked at once.  It ends after DMARC_NAMES
 * names whatever it is told.
 */

enum dmarc_policy { DMARC_NO_POLICY, DMARC_QUARANTINE, DMARC_REJECT };

enum dmarc_result {
	DMARC_NONE,
	DMARC_PASS,
	DMARC_FAIL,
	DMARC_TEMPERROR,
};

enum {
	DMARC_STEPS = 8, /* questions of a walk, section 4.10 */
	DMARC_IDENTIFIERS = 12,
	DMARC_NAMES = (DMARC_IDENTIFIERS + 3) * DMARC_STEPS,
};

/* A domain that SPF or DKIM vouches for. */
struct dmarc_identifier {
	char domain[ASK_NAME]; /* as ask_name() has it */
	bool dkim;             /* else SPF */
	bool trouble;          /* nobody knows if it does: temperror */
};

/* A record, section 4.7. */
struct dmarc_record {
	enum dmarc_policy p, sp, np;
	bool strict_dkim, strict_spf;
	bool testing; /* t=y */
	char psd;     /* y, n or u */
};

struct dmarc_name {
	char name[ASK_NAME];
	enum ask_status status;
	bool has;
	struct dmarc_record record;
};

/* Large: allocated by its caller. */
struct dmarc {
	char author[ASK_NAME];
	struct dmarc_identifier identifier[DMARC_IDENTIFIERS];
	size_t identifiers;
	char list[ASK_NAME]; /* of List-Id or List-Post; "": no list */

	/* The outcome. */
	enum dmarc_result result;
	enum dmarc_policy published;  /* after p, sp and np */
	enum dmarc_policy apply;      /* after t; for a fail alone */
	char policy_domain[ASK_NAME]; /* whose record it is; "": none */
	char organization[ASK_NAME];  /* of the author, for its alignment: */
	bool strict_dkim, strict_spf;
	bool list_vouched; /* a fail, but the list itself is authenticated */
	bool list_trouble; /* a fail, and nobody can say if the list is */

	size_t names;
	struct dmarc_name name[DMARC_NAMES];
};

/* Begins; author is as ask_name() has it. */
void dmarc_begin(struct dmarc *, const char *author);

/* The next questions, all for TXT; 0: the outcome is known. */
size_t dmarc_next(struct dmarc *, struct ask asks[DMARC_STEPS]);

/* The answer to one of them. */
void dmarc_answer(struct dmarc *, const char *name, const struct ask_answer *);

/* Reads a record; false: it is none, or not to be used (section 4.10.1). */
bool dmarc_record_read(struct span text, struct dmarc_record *);

/* The words of RFC 8601 section 2.7 and of records. */
const char *dmarc_word(enum dmarc_result);
const char *dmarc_policy_word(enum dmarc_policy);

#endif
