/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TLS_TLS_H
#define RESTANTE_COMMON_TLS_TLS_H

#include "common/config/config.h"
#include "common/io/deadline.h"
#include "common/tls/signature.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/*
 * TLS for servers: version 1.2 or later, no static RSA key exchange, no CBC
 * with SHA-1.  Certificates are files with key and chain in one PEM, which are
 * read in a process of their own (common/keeper/); the client's SNI chooses
 * among several.
 */

struct tls_server;  /* certificates, for the sessions forked from here */
struct tls_session; /* one connection */
struct stream_transport;

/* Loads the library, so that processes forked from here have it already. */
void tls_preload(void);

/* True if it is loaded, so that using it costs nothing more. */
bool tls_loaded(void);

/* The public part of a key, for processes that do not have the key. */
enum { TLS_CHAIN = 16, TLS_CHAIN_OCTETS = 60 * 1024 };
struct tls_chain {
	uint32_t algorithm, bits; /* of the key; the number is GnuTLS' */
	uint32_t count, size;     /* certificates, and octets of them all */
	uint32_t sizes[TLS_CHAIN];
	uint8_t der[TLS_CHAIN_OCTETS];
};

/* True if the first octets are a chain whose numbers are good. */
bool tls_chain_valid(const struct tls_chain *, size_t octets);

/* Octets of a chain that are in use. */
size_t tls_chain_octets(const struct tls_chain *);

/* Opens a server without certificates.  NULL: error says why. */
struct tls_server *tls_server_open(
    const struct config *, char error[CONFIG_ERROR]);
/* Adds the certificates of the next key.  0, or -1 with a message. */
int tls_server_add(struct tls_server *, const struct tls_chain *,
    char error[CONFIG_ERROR]) __attribute__((warn_unused_result));
void tls_server_close(struct tls_server *);
/* Opens one with all these.  NULL: error says why. */
struct tls_server *tls_server_make(const struct config *,
    struct tls_chain *const *, size_t n, char error[CONFIG_ERROR]);

/*
 * To be called in a process that clone(2) made from one that has loaded the
 * library: otherwise both would draw the same random numbers.  It is not needed
 * after fork(3).
 */
void tls_forked(void);

/* The files of keys and authorities, as they were at one time. */
struct tls_files {
	/* Of keys, their certificates, and last of tls-client-ca. */
	struct stat files[2 * CONFIG_LIST + 1];
};
void tls_files_note(struct tls_files *, const struct config *);
/* True if one of them has changed since; one that is gone has not. */
bool tls_files_changed(const struct tls_files *, const struct config *);

/* The function that signs: 0, or -1 if there is no signature. */
struct tls_signer {
	int (*sign)(void *context, const struct signature_question *,
	    struct signature *);
	void *context;
};

/*
 * Does the handshake on a connected descriptor pair; deadline as in
 * deadline_wait().  ask: the client may show a certificate, if the key
 * tls-client-ca names authorities for them.  The signer is asked once.  NULL:
 * error says why; else error is empty.
 */
struct tls_session *tls_accept(const struct tls_server *,
    const struct tls_signer *, int rfd, int wfd, bool ask, int64_t deadline,
    char error[CONFIG_ERROR]);

/*
 * The SHA-256 of the client's certificate, in small hex digits; "" if it has
 * shown none, or one that is not good for us: of another authority, expired,
 * for another purpose.
 */
enum { TLS_FINGERPRINT = 64 };
void tls_client_fingerprint(
    struct tls_session *, char hex[TLS_FINGERPRINT + 1]);

/* Work as read(2) and write(2) on a non-blocking socket; EPROTO: broken TLS. */
ssize_t tls_receive(struct tls_session *, void *buf, size_t size);
ssize_t tls_send(struct tls_session *, const void *buf, size_t size);

/* True if there was an end without a good-bye: anybody on the way may have made
   it, and more may have been meant to come. */
bool tls_is_cut(const struct tls_session *);

/* Answers as stream_drained() does. */
bool tls_drained(struct tls_session *);

/* Says good-bye and frees; the descriptors stay open. */
void tls_close(struct tls_session *);

/* These four, for stream_secure(). */
extern const struct stream_transport tls_transport;

/*
 * Gets the data that binds a login to this connection (RFC 9266, RFC 5929
 * section 4).  Returns the number of octets, or 0 if this connection has no
 * such data.
 */
enum tls_binding { TLS_BINDING_EXPORTER, TLS_BINDING_END_POINT };
enum { TLS_BINDING_SIZE = 64 };
size_t tls_binding(
    struct tls_session *, enum tls_binding, uint8_t data[TLS_BINDING_SIZE]);

/* "TLS1.3, AES-256-GCM" */
const char *tls_describe(struct tls_session *, char *buf, size_t size);

#endif
