/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_COMPLETE_H
#define RESTANTE_SMTPD_SESSION_COMPLETE_H

#include "smtpd/session/session.h"

#include <stddef.h>

/*
 * What the header section of mail from users lacks (RFC 6409 section 8): Date,
 * Message-ID and From are added where they are missing, bare names in addresses
 * get the hostname, and Bcc goes.  All else stays, octet for octet; of a
 * message with a DKIM-Signature, everything does.
 */

/*
 * True for mail from users, and from programs that reach this machine's own
 * addresses from inside, unless it has a Received field already.
 */
bool complete_wanted(const struct session *);

enum complete {
	COMPLETE_SAME,
	COMPLETE_CHANGED,
	COMPLETE_FORBIDDEN, /* From is somebody else's, and that is checked */
	COMPLETE_MEMORY,
};

/*
 * Looks at the start of a message, whose header section is there as a whole;
 * lines end in LF.  COMPLETE_CHANGED: *fixed, to be freed, stands for the first
 * *head_len octets of it.
 */
enum complete complete_head(const struct session *, const char *id,
    const char *text, size_t len, size_t *head_len, char **fixed,
    size_t *fixed_len) __attribute__((warn_unused_result));

#endif
