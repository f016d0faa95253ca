/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_DNS_RESOLVER_H
#define RESTANTE_COMMON_DNS_RESOLVER_H

#include "common/config/config.h"
#include "common/dns/dns_lookup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Name servers are asked by another process, the resolver, so that whoever
 * wants to know something needs no network.  Its socket is of SOCK_SEQPACKET: a
 * message is one of these structs.  A connection begins with a greeting, which
 * says what server to ask; it is sent before anything that a stranger wrote is
 * read.  Then come batches of questions, one at a time; each question is
 * answered by a message: a head, and the answer of the server as it came.
 */

enum {
	RESOLVER_VERSION = 1,
	RESOLVER_LONGEST = 20 * 1000, /* ms that a batch may take */
	RESOLVER_TYPES = 128,         /* from here on they are no data */
};

struct resolver_greeting {
	uint32_t version;
	char server[CONFIG_NAME]; /* the key resolver, or "" */
};

struct resolver_question {
	uint32_t type;
	char name[DNS_NAME];
};

struct resolver_batch {
	uint32_t serial; /* of the connection's batches */
	uint32_t count;
	uint32_t patience; /* ms */
	struct resolver_question questions[DNS_LOOKUP_MOST];
};

/* In front of an answer; without one after it: there is none. */
struct resolver_head {
	uint32_t serial; /* of the batch */
	uint32_t number; /* of the question in it */
};

enum { RESOLVER_MESSAGE = sizeof(struct resolver_head) + DNS_LOOKUP_ROOM };

/* ---- who asks ---- */

struct resolver;

/* Connects to a path, and says what server to ask.  NULL with errno. */
struct resolver *resolver_open(const char *path, const char *server);
void resolver_close(struct resolver *);

/* Does what dns_look_up() does, through the resolver. */
void resolver_ask(
    struct resolver *, struct dns_lookup *, size_t n, int64_t deadline);

/* ---- pure ---- */

/* The questions answered so far, a bit for each. */
struct resolver_progress {
	uint32_t serial;
	size_t count, answered;
	uint32_t bits;
};

enum resolver_word {
	RESOLVER_TAKEN,
	RESOLVER_OLD,   /* about an earlier batch */
	RESOLVER_BREACH /* it does not keep to the above */
};

/* Takes a message of the resolver in.  What is no answer to the question leaves
   that without one. */
enum resolver_word resolver_take(struct resolver_progress *,
    struct dns_lookup *, const unsigned char *message, size_t len);

/* Checks what the resolver is sent. */
bool resolver_greeting_valid(const struct resolver_greeting *, size_t size);
bool resolver_batch_valid(const struct resolver_batch *, size_t size);

#endif
