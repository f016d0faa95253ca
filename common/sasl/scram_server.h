/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SASL_SCRAM_SERVER_H
#define RESTANTE_COMMON_SASL_SCRAM_SERVER_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Takes the messages of a SCRAM client (RFC 5802 section 7) apart.  Pure; the
 * pointers go into the message.
 */

enum {
	SCRAM_SERVER_NAME = 255,
	SCRAM_SERVER_NONCE = 256, /* octets of a client's that we take */
};

struct scram_span {
	const char *at;
	size_t len;
};

struct scram_first {
	char flag; /* n: no channel binding; y: it has it, we not; p: binds */
	struct scram_span header;  /* up to the second comma, with it */
	struct scram_span binding; /* the name of its type, with p */
	struct scram_span bare;    /* the rest */
	struct scram_span nonce;
	char authzid[SCRAM_SERVER_NAME + 1]; /* or "" */
	char name[SCRAM_SERVER_NAME + 1];
};

struct scram_last {
	struct scram_span binding; /* base64 */
	struct scram_span nonce;
	struct scram_span proof; /* base64 */
	struct scram_span text;  /* all but the proof */
};

/* The client's first and last message.  false: malformed. */
bool scram_read_first(const char *message, size_t len, struct scram_first *);
bool scram_read_last(const char *message, size_t len, struct scram_last *);

#endif
