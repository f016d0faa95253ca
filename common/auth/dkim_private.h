/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_AUTH_DKIM_PRIVATE_H
#define RESTANTE_COMMON_AUTH_DKIM_PRIVATE_H

/* Shared by DKIM and ARC: fields that are signed, hashes of bodies. */

#include "common/auth/dkim.h"
#include "common/auth/dkim_key.h"
#include "common/auth/dkim_signature.h"
#include "common/text/output.h"

/* ---- dkim_section.c: the header section ---- */

struct section {
	struct field *fields; /* from the top down */
	size_t count;
	bool *used;    /* for the signature whose fields are chosen */
	size_t *above; /* the next one of that name, or count */
	/* Its names, each with its lowest field, so that one is found in little
	   time, however many fields there are. */
	struct section_name {
		struct span name;
		size_t lowest;
	} * names;
	void *tree; /* of them: tsearch(3) */
};

/* The text must outlive it.  0, or -1 with errno: ENOMEM; E2BIG: more than is
   looked at. */
int section_open(struct section *, const char *header, size_t len)
    __attribute__((warn_unused_result));
void section_close(struct section *);

/* Hashes the fields that a signature names, and that of the signature itself.
 */
void section_hash(struct section *, const struct dkim_signature *,
    uint8_t digest[CRYPTO_SHA256]);

/* A sink that adds to a struct crypto_hash. */
struct canon_sink section_sink(struct crypto_hash *);

/* ---- dkim_bodies.c: the hashes of a body, in one pass ---- */

enum { BODIES = 4 };

struct bodies {
	struct body_hash {
		struct crypto_hash hash;
		struct canon_body canon;
		uint8_t digest[CRYPTO_SHA256];
	} all[BODIES];
	size_t count;
};

/* Begins zeroed, and stays where it is.  The number of the hash that the
   signature needs, or -1: too many different ones. */
int bodies_want(struct bodies *, enum canon, uint64_t limit)
    __attribute__((warn_unused_result));
void bodies_feed(struct bodies *, const char *data, size_t len);
void bodies_end(struct bodies *);

/* ---- dkim_make.c: a message that is signed ---- */

struct dkim_make;

/* Its header section, once it is over. */
struct section *dkim_make_section(struct dkim_make *);

/*
 * Adds the tags h and bh, and the b that is to be completed; arc: for an
 * ARC-Message-Signature, which is of signatures, too.
 */
void dkim_make_tags(const struct dkim_make *, bool arc, struct output *);

/* Adds the name of an algorithm. */
void dkim_make_algorithm(enum public_key_kind, struct output *);

/* Adds the octets of a signature, and ends the field. */
void dkim_make_octets(const void *signature, size_t len, struct output *);

#endif
