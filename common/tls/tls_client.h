/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TLS_TLS_CLIENT_H
#define RESTANTE_COMMON_TLS_TLS_CLIENT_H

#include "common/config/config.h"
#include "common/tls/tls.h"

#include <stdbool.h>
#include <stdint.h>

/* TLS for clients: version 1.2 or later. */

struct tls_client;

/*
 * verify: loads the certificates that we trust (the key tls-trust, else the
 * system's), which costs time.  Before the sandbox: reads files.  NULL: error.
 */
struct tls_client *tls_client_open(
    const struct config *, bool verify, char error[CONFIG_ERROR]);
void tls_client_close(struct tls_client *);

/*
 * Does the handshake on a connected, non-blocking socket; host for SNI, and,
 * when the client verifies, for the certificate: a name or an address.  NULL:
 * error says what is wrong, for people ("the certificate is for ...").
 */
struct tls_session *tls_connect(const struct tls_client *, int fd,
    const char *host, int64_t deadline, char error[CONFIG_ERROR]);

#endif
