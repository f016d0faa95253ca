/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SERVER_TLS_STARTER_H
#define RESTANTE_COMMON_SERVER_TLS_STARTER_H

#include "common/server/slot.h"

#include <sys/types.h>

/*
 * The process that starts the sessions with TLS.  It has GnuTLS loaded, with
 * the certificates of one keeper; the server has neither, so that its own
 * forks are cheap.  It reads nothing but the server's orders, and what it
 * starts is the server's child.
 */

/* Forks one for a keeper whose certificates are here.  0, or -1: logged. */
int tls_starter_begin(struct server *, struct keeper *);

/*
 * Takes its report: 1 when it is ready, 0 if there is none yet, -1 with the
 * reason in error.
 */
int tls_starter_report(const struct tls_starter *, char error[CONFIG_ERROR]);

/*
 * Has a session started and waits for it, which takes as long as a fork does.
 * channel: the server's end of the connection's channel.  Its process id, or -1
 * with errno; a starter that does not answer is killed and let go, which is
 * logged, and a session that it may have started ends.
 */
pid_t tls_starter_start(
    struct tls_starter *, const struct connection *, int channel);

/* Lets it go: it ends when it sees its channel closed. */
void tls_starter_release(struct tls_starter *);

#endif
