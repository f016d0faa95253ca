/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_CHECK_PRIVATE_H
#define RESTANTE_SMTPD_ADMIN_CHECK_PRIVATE_H

#include "common/config/config.h"
#include "common/login/users.h"

/* The parts of smtpd --check. */

enum finding { FINDING_OK, FINDING_WARNING, FINDING_ERROR };

struct check {
	const struct config *config;
	unsigned errors, warnings;
};

/* Prints a finding and counts it: check_finding.c. */
void check_finding(struct check *, enum finding, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Who runs what, and what confines it: check_rights.c. */
void check_rights(struct check *);

/*
 * The folder of a mailbox, an example, gives its group only if it is root's;
 * warns if it does not, and its owner needs that.
 */
void check_folder_group(
    struct check *, const struct account *, const char *mailbox);

/* The aliases, and where root and postmaster lead: check_aliases.c. */
void check_aliases(struct check *);

/* Next hops, their passwords, the name server: check_routes.c. */
void check_routes(struct check *);

/* Quotas and other limits of users: check_limits.c. */
void check_limits(struct check *);

/* What logins need besides users: check_logins.c. */
void check_logins(struct check *);

/* Senders that users may use: check_senders.c. */
void check_senders(struct check *);

/* Keys of DKIM, and the senders of forwarded mail: check_signing.c. */
void check_signing(struct check *);

/* What the DNS has about our domains: check_dns.c. */
void check_dns(struct check *);

/* Rules for strangers: check_policy.c. */
void check_policy(struct check *);

#endif
