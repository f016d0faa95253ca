/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_SESSION_RCPT_POLICY_H
#define RESTANTE_SMTPD_SESSION_RCPT_POLICY_H

#include "common/names/aliases.h"
#include "common/text/address.h"
#include "smtpd/job/requests.h"

#include <stdbool.h>

struct session;

/*
 * Decides about a recipient here: first, once for each client, lists in the
 * DNS; then what is known of the address, and what a worker is asked.
 */

/* The findings of a session about its client. */
struct rcpt_policy {
	bool asked, listed; /* by a list in the DNS */
	struct dnsbl_answer answer;
	bool greylist_failed; /* so that nobody is asked again */
	bool accepted; /* a rule of access accepts the recipient at hand */
	struct next_hop_answer said; /* about that, by its next hop */
};

/*
 * True if a list of the key dnsbl has the client, and the list counts for this
 * recipient: session->policy.answer tells which.  Postmaster can always be
 * reached (RFC 5321 section 4.5.1).
 */
bool rcpt_policy_listed(struct session *, const struct address *rcpt);

/*
 * Finds out whether an address of ours exists: RCPT_OK, RCPT_NO or
 * RCPT_TEMPORARY.  RESOLVED_ASK does not come out of it: what there is is a
 * user or an alias, or RESOLVED_NONE: its next hop knows.
 */
enum rcpt_result rcpt_policy_resolve(
    const struct session *, const struct address *, struct resolved *);

/*
 * Decides about a recipient of the transaction under way, with its quota, what
 * its next hop says, and greylisting.  A name whose alias tells of another
 * address has neither.
 */
enum rcpt_result rcpt_policy_check(
    struct session *, const struct address *, struct resolved *);

#endif
