/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_AUTH_ARC_H
#define RESTANTE_COMMON_AUTH_ARC_H

#include "common/auth/dkim.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/*
 * The Authenticated Received Chain of a message, validated (RFC 8617 section
 * 5.2).  Driven as dkim.h is, over the same reading of the message:
 *
 *   a = arc_open(header section);
 *   arc_body(a, piece) ...; arc_body_end(a);
 *   for i below arc_questions(a) with arc_question(a, i, name): arc_answer();
 *   arc_report(a).
 *
 * A chain that is valid says who sealed it, and nothing more: anybody can seal.
 */

enum { ARC_SETS = 50 }; /* of a chain that is looked at */

enum arc_result {
	ARC_NONE, /* there is no chain */
	ARC_PASS,
	ARC_FAIL,
	ARC_TEMPERROR, /* nobody can say now: as if there were none */
};

const char *arc_result_name(enum arc_result);

struct arc_report {
	enum arc_result result;
	char reason[DKIM_REASON]; /* in words; "": none or pass */
	unsigned sets;            /* of a chain that is well formed */
	unsigned oldest; /* pass: the oldest set since which nothing signed was
	                    changed; 0: nothing ever was */
};

struct arc;
struct dmarc;

/* The header section must outlive it.  NULL: no memory. */
struct arc *arc_open(const char *header, size_t len, time_t now);
void arc_close(struct arc *);

/* True if the body need not be read. */
bool arc_idle(const struct arc *);

void arc_body(struct arc *, const char *data, size_t len);
void arc_body_end(struct arc *);

/*
 * Keys that may be needed: at most 2 * ARC_SETS, many of them the same.  false:
 * that one is not.
 */
size_t arc_questions(const struct arc *);
bool arc_question(const struct arc *, size_t i, char name[DKIM_QUESTION]);
void arc_answer(struct arc *, size_t i, enum dkim_lookup,
    const struct span *records, size_t count);

void arc_report(const struct arc *, struct arc_report *);

/* The domain that sealed set i, from 1 on; "" for none.  What it says it found:
   the value of its ARC-Authentication-Results, after "i=N;". */
const char *arc_sealer(const struct arc *, unsigned i);
struct span arc_results(const struct arc *, unsigned i);

/*
 * True if the author's domain vouched for the message when some sealer got it,
 * by what that one found and the outcome of the author's policy here, and that
 * one and all that sealed it later are trusted, and signed From and the whole
 * body.  Of a chain that is not valid
 * nothing is believed.
 */
bool arc_vouches(const struct arc *, const struct dmarc *,
    bool (*trusts)(const void *context, const char *sealer),
    const void *context);

#endif
