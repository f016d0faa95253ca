/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_RELAY_SECRET_H
#define RESTANTE_SMTPD_RELAY_SECRET_H

#include "common/config/config.h"
#include "smtpd/route/hop.h"

#include <stdbool.h>

/* The sources of a password for a smarthost. */

enum { SECRET_SIZE = 4096 };

struct secret {
	char text[SECRET_SIZE];
	bool token; /* for OAUTHBEARER or XOAUTH2 */
};

/* True if the configuration says where the hop's password comes from. */
bool secret_is_named(const struct config *, const struct hop *);

/*
 * The hop's own password, else that of the key relay-password for USER@HOST
 * or HOST: the first line of a file ("file:PATH", "token-file:PATH") or of what
 * a command writes ("command:PATH WORD...", "token:PATH WORD..."; no shell,
 * 30 s).  0, or -1: why is for people.  Reads files and runs commands with the
 * caller's rights.
 */
int secret_find(const struct config *, const struct hop *, struct secret *,
    char why[CONFIG_ERROR]) __attribute__((warn_unused_result));

#endif
