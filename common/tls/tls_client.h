/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TLS_TLS_CLIENT_H
#define RESTANTE_COMMON_TLS_TLS_CLIENT_H

#include "common/config/config.h"
#include "common/tls/tls.h"
#include "common/tls/tlsa.h"

#include <stdbool.h>
#include <stdint.h>

/* TLS for clients: version 1.2 or later. */

struct tls_client;

/*
 * trust: loads the certificates that we trust (the key tls-trust, else the
 * system's), which costs time.  Before the sandbox: reads files.  NULL: error.
 */
struct tls_client *tls_client_open(
    const struct config *, bool trust, char error[CONFIG_ERROR]);
void tls_client_close(struct tls_client *);

/*
 * Does once what all children would do that open a client: loads the library
 * and, if trust is wanted, the certificates, which are read again after a
 * minute.  What fails here is tried again, and told, by the child.
 */
void tls_client_prepare(const struct config *, bool trust);

/* How a server proves who it is. */
enum tls_proof {
	TLS_PROOF_NONE,  /* any certificate will do */
	TLS_PROOF_TRUST, /* one for the host, by an authority that we trust */
	TLS_PROOF_DANE,  /* one that a TLSA record names (RFC 7672) */
};

enum { TLS_NAMES = 4 };

struct tls_want {
	enum tls_proof proof;
	const struct tlsa_set *tlsa; /* DANE: at least one that can be used */
	/* DANE: a certificate by an authority must be for one of these (RFC
	   7672 section 3.2.3); NULL: no more. */
	const char *names[TLS_NAMES];
};

/* Why there is no session, as reports of TLS tell it (RFC 8460, 4.3). */
enum tls_fault {
	TLS_FAULT_OTHER,   /* no handshake, or an unusual certificate */
	TLS_FAULT_HOST,    /* the certificate is for another host */
	TLS_FAULT_EXPIRED, /* or not yet valid */
	TLS_FAULT_TRUST,   /* nobody that counts vouches for it */
};

/*
 * Does the handshake on a connected, non-blocking socket; host for SNI, and,
 * for TLS_PROOF_TRUST, for the certificate: a name or an address.  NULL: error
 * says what is wrong, for people ("the certificate is for ...").
 */
struct tls_session *tls_connect(const struct tls_client *, int fd,
    const char *host, const struct tls_want *, int64_t deadline,
    enum tls_fault *, char error[CONFIG_ERROR]);

/* True if a session has what TLS_PROOF_TRUST asks for, though it was not asked
   for that; else error says what is wrong. */
bool tls_is_trusted(struct tls_session *, const char *host, enum tls_fault *,
    char error[CONFIG_ERROR]);

#endif
