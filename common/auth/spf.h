/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_AUTH_SPF_H
#define RESTANTE_COMMON_AUTH_SPF_H

#include "common/auth/verify_ask.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * SPF (RFC 7208): may a client send mail for a domain?  A machine without I/O:
 * it says what it wants to know of the DNS, is told, and comes to a result.
 * Whatever it is told, it ends after SPF_QUESTIONS questions at most.
 */

enum spf_result {
	SPF_NONE,
	SPF_NEUTRAL,
	SPF_PASS,
	SPF_FAIL,
	SPF_SOFTFAIL,
	SPF_TEMPERROR,
	SPF_PERMERROR,
};

enum {
	SPF_TERMS = 10,      /* that ask the DNS, section 4.6.4 */
	SPF_VOIDS = 2,       /* answers without a record, the same */
	SPF_EXCHANGERS = 10, /* of an mx, the same */
	SPF_POINTERS = 10,   /* names of the client, the same */
	SPF_QUESTIONS = 120, /* in all */
	SPF_ARENA = 65536,   /* octets of all records that are being read */
	SPF_DEPTH = SPF_TERMS + 1,
	SPF_LOCAL = 320,        /* octets of a local part */
	SPF_EXPLANATION = 1024, /* octets, with the NUL */
	SPF_REASON = 160,
};

/* The client and its sender.  The strings are not needed after spf_begin(). */
struct spf_question {
	uint8_t address[16]; /* of the client; IPv4 as ::ffff:192.0.2.1 */
	const char *helo;
	const char *sender;   /* local@domain, or "" */
	const char *receiver; /* our name, for %{r} */
	uint64_t time;        /* in seconds, for %{t} */
	bool explain;         /* ask for the explanation of a fail, too */
};

/* A record that is being read, and those that it was included by. */
struct spf_frame {
	char domain[ASK_NAME];
	struct span record; /* in the arena */
	struct span rest;   /* of it; starts with the term that is read */
	struct span redirect, explanation; /* domain-specs; at NULL: none */
	bool redirected; /* the domain comes from a redirect, or an include */
	bool counted;    /* the term has been counted */
};

enum spf_state {
	SPF_AT_RECORD,
	SPF_AT_ADDRESS,
	SPF_AT_EXISTS,
	SPF_AT_EXCHANGERS,
	SPF_AT_EXCHANGER,
	SPF_AT_POINTERS,
	SPF_AT_POINTER,
	SPF_AT_EXPLANATION,
	SPF_AT_END,
};

/* Large: one is allocated by whoever runs it.  All in it is the machine's. */
struct spf {
	uint8_t address[16];
	bool v4, explain;
	uint64_t time;
	char helo[ASK_NAME], receiver[ASK_NAME];
	char local[SPF_LOCAL], origin[ASK_NAME]; /* the sender */

	enum spf_state state;
	struct ask ask;
	enum spf_result result;
	char explanation[SPF_EXPLANATION]; /* hostile; ASCII, or "" */
	char reason[SPF_REASON];           /* of an error, for people */

	unsigned terms, voids, questions;
	size_t depth;
	struct spf_frame frame[SPF_DEPTH];
	char name[SPF_EXCHANGERS][ASK_NAME]; /* to be looked up, of an mx */
	size_t names, next;
	bool pointers_known, pointers_void;
	char candidate[SPF_POINTERS][ASK_NAME];
	size_t candidates, validating;
	bool valid[SPF_POINTERS]; /* of candidate: it leads to the client */
	size_t used;              /* of the arena */
	char arena[SPF_ARENA];
};

/*
 * Begins.  True: spf->ask is to be asked; false: spf->result is known.  A null
 * sender is postmaster at the HELO name, section 2.4.
 */
bool spf_begin(struct spf *, const struct spf_question *);

/* Takes the answer to spf->ask, and returns as spf_begin() does. */
bool spf_answer(struct spf *, const struct ask_answer *);

/*
 * True after a fail if the record of the sender's domain is "v=spf1 -all" and
 * nothing else: nobody may send for it.
 */
bool spf_denies_all(const struct spf *);

/* The word of RFC 8601 section 2.7.2. */
const char *spf_word(enum spf_result);

#endif
