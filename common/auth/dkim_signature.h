/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_AUTH_DKIM_SIGNATURE_H
#define RESTANTE_COMMON_AUTH_DKIM_SIGNATURE_H

#include "common/auth/canon.h"
#include "common/mime/header.h"
#include "common/text/bytes.h"
#include "common/tls/public_key.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/*
 * Parses a signature field: DKIM-Signature (RFC 6376 section 3.5), and the two
 * of ARC that are like it (RFC 8617 section 4.1).  Pure.
 */

enum {
	DKIM_DOMAIN = 254,               /* octets of a name and its NUL */
	DKIM_FIELD = 16 * 1024,          /* octets of a field that is read */
	DKIM_NAMES = 512,                /* in its tag h */
	DKIM_DRIFT = 300,                /* s that clocks may differ by */
	DKIM_QUESTION = 2 * DKIM_DOMAIN, /* a key's name in the DNS */
};

enum dkim_kind { DKIM_SIGNATURE, DKIM_ARC_MESSAGE, DKIM_ARC_SEAL };

/* As Authentication-Results names them (RFC 8601 section 2.7.1). */
enum dkim_result {
	DKIM_NONE,
	DKIM_PASS,
	DKIM_FAIL,
	DKIM_POLICY,
	DKIM_NEUTRAL,
	DKIM_TEMPERROR,
	DKIM_PERMERROR,
};

const char *dkim_result_name(enum dkim_result);

struct dkim_signature {
	struct field field;         /* where it was read */
	char domain[DKIM_DOMAIN];   /* d, as an A-label in small letters */
	char selector[DKIM_DOMAIN]; /* s */
	char algorithm[24];         /* a, in small letters, to be reported */
	char start[9];              /* of b: 8 characters */
	enum public_key_kind key;
	enum canon header, body;
	struct span names;                    /* h */
	uint8_t hash[CRYPTO_SHA256];          /* bh */
	uint64_t limit;                       /* l; UINT64_MAX: none */
	bool below;                           /* i is of a domain below d */
	uint8_t octets[PUBLIC_KEY_SIGNATURE]; /* b */
	size_t len;
};

/*
 * Reads a field.  DKIM_NONE: all is well so far; else what it comes to, and
 * *why in words.  What is to be reported is filled in even then, as far as it
 * can be read; "" otherwise.
 */
enum dkim_result dkim_signature_read(struct dkim_signature *,
    const struct field *, enum dkim_kind, time_t now, const char **why);

/* The domain of a field alone; false: it has none that can be used. */
bool dkim_signature_domain(const struct field *, char domain[DKIM_DOMAIN]);

/* The name that has its key, as TXT records; 0 or -1: too long. */
int dkim_signature_question(const struct dkim_signature *,
    char name[DKIM_QUESTION]) __attribute__((warn_unused_result));

/* True if one is the other, or below it. */
bool dkim_is_below(const char *domain, const char *above);

#endif
