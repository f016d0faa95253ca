/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_AUTH_ARC_PRIVATE_H
#define RESTANTE_COMMON_AUTH_ARC_PRIVATE_H

/* Shared by the code that validates a chain and the code that adds a set to
   it. */

#include "common/auth/arc.h"
#include "common/auth/dkim_private.h"

/* The three fields of a set, in the order in which they are sealed. */
enum arc_part { ARC_RESULTS, ARC_MESSAGE, ARC_SEAL, ARC_PARTS };

extern const char *const arc_part_names[ARC_PARTS];

struct arc_set {
	const struct field *fields[ARC_PARTS]; /* NULL: it is missing */
	struct span results;                   /* after "i=N;" */
};

struct arc_sets {
	struct arc_set *sets; /* from 1 to count; room for ARC_SETS */
	unsigned count;
	bool found;    /* there is any such field */
	bool complete; /* and of each set each field, once */
};

/* Sorts the fields of a section into sets.  0, or -1: no memory. */
int arc_sets_open(struct arc_sets *, const struct section *)
    __attribute__((warn_unused_result));
void arc_sets_close(struct arc_sets *);

/* True if the seal says that of the chain before it. */
bool arc_seal_says(const struct field *seal, const char *word);

/*
 * Hashes what a seal covers: the sets from one to another, and finally the seal
 * itself, without its b.
 */
void arc_seal_hash(const struct arc_sets *, unsigned first, unsigned last,
    uint8_t digest[CRYPTO_SHA256]);

#endif
