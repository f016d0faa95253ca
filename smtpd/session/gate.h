/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_GATE_H
#define RESTANTE_SMTPD_SESSION_GATE_H

#include "smtpd/worker/dnsbl.h"

#include <stdbool.h>

struct address;
struct session;

/* What may keep a stranger's mail out, at RCPT. */

/* What a session has found out about its client. */
struct gate {
	bool asked, listed;
	bool ungreyed; /* nobody can say whether it was here before */
	struct dnsbl_answer answer; /* if listed */
};

enum { GATE_REPLY = 512 };

/*
 * Whether the client may send to that recipient; if not, reply says why.
 * Postmaster can always be reached (RFC 5321 section 4.5.1).
 */
bool gate_client(
    struct session *, const struct address *rcpt, char reply[GATE_REPLY]);

/* The same for that message, to somebody who is here: greylisting. */
bool gate_mail(
    struct session *, const struct address *rcpt, char reply[GATE_REPLY]);

#endif
