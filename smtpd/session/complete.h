/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_COMPLETE_H
#define RESTANTE_SMTPD_SESSION_COMPLETE_H

#include "smtpd/session/session.h"

#include <stddef.h>

/*
 * Completes the header section of mail from users (RFC 6409 section 8): adds
 * Date, Message-ID and From if they are missing, adds the hostname to bare
 * names in addresses, masquerades those that it is to, and removes Bcc.
 * Everything else stays, octet for octet; a message with a DKIM-Signature is
 * not changed at all.  A section that ends before a line that is no field gets
 * its empty line in any case.  For session_is_ours().
 */

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
