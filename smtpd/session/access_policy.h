/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_ACCESS_POLICY_H
#define RESTANTE_SMTPD_SESSION_ACCESS_POLICY_H

#include "smtpd/session/session.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Asks the rules of the access file.  The first that fits counts: for each
 * recipient, by what is known at RCPT; and for the message, by its authors,
 * unless each recipient has a rule before that accepts it.  Of users only the
 * recipients are looked at.  Nobody is kept from postmaster, and the null path
 * is no sender.
 */

/* Asks about a recipient, and notes the rule that accepts it. */
struct access_found access_rcpt(struct session *, const struct address *);

/* True if authors have to be looked at. */
bool access_wants_authors(const struct session *);

/* Asks about the authors in a header section, lines ended by LF. */
struct access_found access_authors(
    const struct session *, const char *text, size_t len);

/*
 * Replies and logs that a rule refuses; where, stage and rcpt as
 * event_reject() has them.
 */
enum next access_refuse(struct session *, const struct access_found *,
    const char *where, const char *stage, const struct address *rcpt);

#endif
