/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_CHECK_PRIVATE_H
#define RESTANTE_SMTPD_ADMIN_CHECK_PRIVATE_H

#include "smtpd/route/expand.h"
#include "smtpd/route/hop.h"
#include "spool/check/check.h"

/* The parts of --check that smtpd alone has. */

/* The queue, and room in it: check_queue.c. */
void check_queue(struct check *);

/* Next hops are noted, and then asked all at once: check_hops.c. */
void check_greeting(struct check *, const char *what, const struct hop *);
void check_greetings(struct check *);

/* The aliases, and where root and postmaster lead: check_aliases.c. */
void check_aliases(struct check *);

/* What else becomes of mail for users: check_delivery.c; for check_aliases.c.
 */
void check_delivery(struct check *, const struct expand *);

/* Next hops, their passwords, the name server: check_routes.c. */
void check_routes(struct check *);

/* Next hops that are asked about recipients: check_recipients.c. */
void check_recipients(struct check *);

/* Senders that users may use: check_senders.c. */
void check_senders(struct check *);

/* Keys of DKIM, and the senders of forwarded mail: check_signing.c. */
void check_signing(struct check *);

/* Checks the DNS records of our domains: check_dns.c. */
void check_dns(struct check *);

/*
 * Do the same in two steps: makes what the DNS should have, which reads files,
 * for each domain that it can have something about; how many there are, to be
 * freed by free(3).  And then compares that with what the DNS has.
 */
struct zone;
size_t check_make_zones(const struct config *, struct zone *zones[CONFIG_LIST]);
void check_zones(struct check *, struct zone *const *zones, size_t count);

/* Rules for strangers: check_policy.c. */
void check_policy(struct check *);

/* Who may send without a login: check_trust.c. */
void check_trust(struct check *);

/* Sends the filters a test: check_filters.c. */
void check_filters(struct check *);

#endif
