/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_EXEMPT_H
#define RESTANTE_SMTPD_SESSION_EXEMPT_H

#include "common/config/config.h"

#include <stdbool.h>

struct session;

/*
 * True if greet-delay, pipelining-check, dnsbl and greylist do not apply to the
 * client: it is a user, did not come to port 25, or has an exempt address.
 */
bool exempt_client(const struct session *);

/* True if it is one that auth-trust names: what it says of mail stays. */
bool exempt_trusted(const struct session *);

#endif
