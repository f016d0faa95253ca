/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_TLS_TLS_SESSION_H
#define RESTANTE_COMMON_TLS_TLS_SESSION_H

#include "common/config/config.h"

#include <gnutls/gnutls.h>
#include <stdint.h>

/* What servers and clients share of a session.  For tls.c and tls_client.c. */

struct tls_session {
	gnutls_session_t gnutls;
	int rfd, wfd;
};

/*
 * The priorities of base, and of the key tls-priority behind them.  0, or -1
 * with a message for people.
 */
int tls_session_priority(const struct config *, const char *base,
    gnutls_priority_t *, char error[CONFIG_ERROR]);

/* flags as of gnutls_init().  NULL: no memory. */
struct tls_session *tls_session_open(unsigned flags, gnutls_priority_t,
    gnutls_certificate_credentials_t, int rfd, int wfd);
/* Without a good-bye. */
void tls_session_free(struct tls_session *);

/* 0, or GnuTLS' error code with a message for people in error. */
int tls_session_handshake(
    struct tls_session *, int64_t deadline, char error[CONFIG_ERROR]);

#endif
