/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_COMMON_SESSION_SECURE_H
#define RESTANTE_COMMON_SESSION_SECURE_H

#include "common/io/stream.h"
#include "common/job/job.h"

#include <stdbool.h>

/* TLS in the sessions of both daemons. */

/*
 * Turns a connection to TLS, if it begins with that; go_ahead is said first
 * where STARTTLS asked for it.  false: it failed; error says how, or is "" if
 * the client is gone.
 */
bool secure_start(const struct connection *, struct stream *,
    const char *go_ahead, char error[CONFIG_ERROR])
    __attribute__((warn_unused_result));

/* True if a password may be sent: over TLS, or if plaintext-login allows. */
bool secure_for_passwords(const struct connection *, const struct stream *);

#endif
