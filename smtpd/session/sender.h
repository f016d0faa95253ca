/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_SENDER_H
#define RESTANTE_SMTPD_SESSION_SENDER_H

#include "smtpd/session/session.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * True if an address belongs to the user who has logged in: "sender-check" and
 * "sender" of restante.conf(5).  An address of ours does if it is the user's,
 * with a subaddress or without, or if an alias leads from it to the user, and
 * it is no other user's name; others do by the key "sender".  Nobody's is
 * everybody's, and who has not logged in is not asked.
 */
bool sender_allowed(const struct session *, const struct address *);

/* True if the header sections of a session's messages must be checked. */
bool sender_header_checked(const struct session *);

/*
 * Checks From of a header section, as far as that is to be checked: all
 * addresses there.  Lines end in LF; text goes up to an empty line, or is all
 * that there is.
 */
bool sender_header_allowed(
    const struct session *, const char *text, size_t len);

#endif
