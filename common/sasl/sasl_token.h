/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SASL_SASL_TOKEN_H
#define RESTANTE_COMMON_SASL_SASL_TOKEN_H

#include "common/sasl/scram_server.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Takes the message of a client with an OAuth token apart: OAUTHBEARER (RFC
 * 7628 section 3.1), and XOAUTH2, which is like it.  Pure; the pointers go into
 * the message, and what is not there has the length 0.
 */

struct sasl_token {
	char user[SCRAM_SERVER_NAME + 1]; /* or "" */
	struct scram_span token;          /* visible ASCII */
	struct scram_span host, port;     /* where the client believes to be */
};

/* false: malformed. */
bool sasl_token_bearer(const char *message, size_t len, struct sasl_token *);
bool sasl_token_xoauth2(const char *message, size_t len, struct sasl_token *);

#endif
