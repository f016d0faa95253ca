/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SASL_SCRAM_H
#define RESTANTE_COMMON_SASL_SCRAM_H

#include "common/tls/crypto.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel
 * binding: the messages, one after the other.  Names and passwords are taken
 * as they are: ASCII needs no preparation, and others should be prepared.
 */

enum {
	SCRAM_NONCE = 32,       /* characters of ours */
	SCRAM_BARE = 1024,      /* client-first-message-bare */
	SCRAM_CHALLENGE = 2048, /* server-first-message */
	SCRAM_MESSAGE = 4096,
	SCRAM_ITERATIONS = 1000000, /* that we do for a server */
};

struct scram_client {
	char nonce[SCRAM_NONCE + 1];
	char bare[SCRAM_BARE];
	uint8_t
	    server[CRYPTO_SHA256]; /* the signature that proves the server */
};

/* Adds a name to a text as RFC 5802 section 5.1 has it.  false: no room. */
bool scram_add_name(char *text, size_t size, const char *user);

/* Writes the client's first message.  false: the name is too long. */
bool scram_first(struct scram_client *, const char *user, const char *nonce,
    char message[SCRAM_MESSAGE]);

/* Its answer to the challenge.  false: the server must not say that. */
bool scram_final(struct scram_client *, const char *password,
    const char *challenge, size_t len, char message[SCRAM_MESSAGE]);

/* True if the server's last message proves that it knows the password. */
bool scram_verify(const struct scram_client *, const char *words, size_t len);

#endif
