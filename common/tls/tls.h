/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TLS_TLS_H
#define RESTANTE_COMMON_TLS_TLS_H

#include "common/config/config.h"
#include "common/io/deadline.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/*
 * TLS for servers: version 1.2 or later, no static RSA key exchange, no CBC
 * with SHA-1.  Certificates are files with key and chain in one PEM; the
 * client's SNI chooses among several.
 */

struct tls_server;  /* keys, shared by the sessions forked from here */
struct tls_session; /* one connection */
struct stream_transport;

/* Loads the library, so that processes forked from here have it already. */
void tls_preload(void);

/* True if it is loaded, so that using it costs nothing more. */
bool tls_loaded(void);

/*
 * Loads the certificates of the configuration.  check: also that each key
 * belongs to its certificate, which costs a signature.  NULL: error says why.
 */
struct tls_server *tls_server_open(
    const struct config *, bool check, char error[CONFIG_ERROR]);
void tls_server_close(struct tls_server *);

/* True if one of the files has changed since. */
bool tls_server_stale(const struct tls_server *, const struct config *);

/* Takes the files as they are now for not changed: they are no good. */
void tls_server_ignore(struct tls_server *, const struct config *);

/* When the first of the certificates expires. */
time_t tls_server_expiry(const struct tls_server *);

/*
 * Does the handshake on a connected descriptor pair; deadline as in
 * deadline_wait().  ask: the client may show a certificate, if the key
 * tls-client-ca names authorities for them.  NULL: error says why; else error
 * is empty.
 */
struct tls_session *tls_accept(const struct tls_server *, int rfd, int wfd,
    bool ask, int64_t deadline, char error[CONFIG_ERROR]);

/*
 * The SHA-256 of the client's certificate, in small hex digits; "" if it has
 * shown none, or one that is not good for us: of another authority, expired,
 * for another purpose.
 */
enum { TLS_FINGERPRINT = 64 };
void tls_client_fingerprint(
    struct tls_session *, char hex[TLS_FINGERPRINT + 1]);

/* As read(2) and write(2) on a non-blocking socket; EPROTO: broken TLS. */
ssize_t tls_receive(struct tls_session *, void *buf, size_t size);
ssize_t tls_send(struct tls_session *, const void *buf, size_t size);

/* Says good-bye and frees; the descriptors stay open. */
void tls_close(struct tls_session *);

/* These three, for stream_secure(). */
extern const struct stream_transport tls_transport;

/*
 * What ties a login to this connection (RFC 9266, RFC 5929 section 4).  How
 * many octets of data, or 0: this connection has none of the kind.
 */
enum tls_binding { TLS_BINDING_EXPORTER, TLS_BINDING_END_POINT };
enum { TLS_BINDING_SIZE = 64 };
size_t tls_binding(
    struct tls_session *, enum tls_binding, uint8_t data[TLS_BINDING_SIZE]);

/* "TLS1.3, AES-256-GCM" */
const char *tls_describe(struct tls_session *, char *buf, size_t size);

#endif
