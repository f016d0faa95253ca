/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SASL_SASL_H
#define RESTANTE_COMMON_SASL_SASL_H

#include "common/config/config.h"
#include "common/job/login.h"
#include "common/sasl/scram_server.h"
#include "common/tls/tls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The server's side of a SASL exchange, which fills in a login: PLAIN (RFC
 * 4616), LOGIN, CRAM-MD5 (RFC 2195), SCRAM-SHA-256, SCRAM-SHA-1 and their -PLUS
 * (RFC 5802, RFC 7677), OAUTHBEARER (RFC 7628) and XOAUTH2, EXTERNAL (RFC 4422
 * appendix A).  Pure, but for
 * random numbers; octets in, octets out.
 */

enum {
	SASL_PROMPT = 1024,
	SASL_NONCE = 24, /* characters that we add to a client's */
	SASL_NONCES = SCRAM_SERVER_NONCE + SASL_NONCE,
	SASL_HEADER = 2048,
	SASL_BINDINGS = 2,
};

/* The channel that a login can be bound to; see tls_binding(). */
struct sasl_binding {
	const char *name;
	size_t size;
	uint8_t data[TLS_BINDING_SIZE];
};

struct sasl {
	struct login login;
	/* By which names of users are compared; NULL: as they are written. */
	const struct config *config;
	unsigned step;
	char prompt[SASL_PROMPT]; /* the server's next challenge */
	/* Why this login fails, whatever the password; or NULL. */
	const char *wrong;
	/* EXTERNAL: of the client's certificate; "": there is none. */
	char certificate[TLS_FINGERPRINT + 1];
	/* SCRAM: */
	struct sasl_binding bindings[SASL_BINDINGS];
	size_t nbindings;
	char nonce[SASL_NONCE + 1]; /* our part, at the start */
	char both[SASL_NONCES + 1]; /* the client's, and ours */
	char binding[SASL_HEADER];  /* what it will say again, base64 */
};

enum sasl_result {
	SASL_CONTINUE, /* send sasl.prompt (base64), read the answer */
	SASL_DONE,     /* sasl.login is complete */
	SASL_MALFORMED,
	SASL_SALT,  /* sasl_salt() with the salt for sasl.login.name */
	SASL_NAME,  /* sasl_name_is() with the name of sasl.login.secret */
	SASL_PROOF, /* sasl_signature() if sasl.login is right, or done */
};

/* "PLAIN" */
const char *sasl_name(uint32_t mechanism);

/* false: a mechanism that we do not have. */
bool sasl_start(struct sasl *, const char *mechanism, const char *hostname);

/* True if the client may send its first answer along with the start. */
bool sasl_client_first(const struct sasl *);

/*
 * Another thing that the login may be tied to; data as tls_binding() gives
 * it.  With any, a client that believes there is none has been lied to.
 */
void sasl_bind(
    struct sasl *, const char *name, const uint8_t *data, size_t size);

/* True if both names mean the same user. */
bool sasl_same_user(const struct sasl *, const char *a, const char *b);

/* Takes the client's answer, decoded.  NULL: it sent none yet. */
enum sasl_result sasl_step(struct sasl *, const char *data, size_t len);

/* Goes on after SASL_SALT, SASL_NAME and SASL_PROOF.  No name: "". */
enum sasl_result sasl_salt(struct sasl *, const struct password_salt *);
enum sasl_result sasl_name_is(struct sasl *, const char *name);
enum sasl_result sasl_signature(
    struct sasl *, const uint8_t signature[PASSWORD_DIGEST]);

#endif
