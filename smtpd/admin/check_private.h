/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_CHECK_PRIVATE_H
#define RESTANTE_SMTPD_ADMIN_CHECK_PRIVATE_H

#include "common/config/config.h"
#include "common/login/users.h"
#include "smtpd/route/hop.h"

#include <stdbool.h>
#include <sys/types.h>

/* The parts of smtpd --check. */

enum finding { FINDING_OK, FINDING_WARNING, FINDING_ERROR };

struct check {
	const struct config *config;
	bool json;        /* findings are for programs */
	bool dns_trouble; /* said already */
	struct greeting *greetings;
	unsigned errors, warnings;
};

/* Prints a finding and counts it: check_finding.c. */
void check_finding(struct check *, enum finding, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Checks who runs what, and what confines it: check_rights.c. */
void check_rights(struct check *);

/*
 * Returns what try() returns when run as the account, with the rights that its
 * mailbox needs (NULL: none): 0, or an errno; -1: that cannot be found out,
 * which is reported.
 */
int check_as(struct check *, const struct account *, const char *mailbox,
    int (*try)(void *context), void *context);

/* Checks, for check_as(): 0, or the errno why the program at that path
   cannot be run. */
int check_runnable(void *path);

/* A directory of the servers', which is to have that mode; queue, state, and
   room in them: check_folders.c. */
void check_directory(
    struct check *, const char *what, const char *path, mode_t mode);
void check_folders(struct check *);

/* Mailboxes, as their owners: check_mailboxes.c. */
void check_mailboxes(struct check *);

/* Certificates: check_tls.c. */
void check_tls(struct check *);

/* Other programs at our ports: check_ports.c. */
void check_ports(struct check *);

/* Next hops are noted, and then asked all at once: check_hops.c. */
void check_greeting(struct check *, const char *what, const struct hop *);
void check_greetings(struct check *);

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

/* Checks what logins need besides users: check_logins.c. */
void check_logins(struct check *);

/* Senders that users may use: check_senders.c. */
void check_senders(struct check *);

/* Keys of DKIM, and the senders of forwarded mail: check_signing.c. */
void check_signing(struct check *);

/* Checks the DNS records of our domains: check_dns.c. */
void check_dns(struct check *);

/* Rules for strangers: check_policy.c. */
void check_policy(struct check *);

/* Sends the filters a test: check_filters.c. */
void check_filters(struct check *);

#endif
