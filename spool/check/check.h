/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SPOOL_CHECK_CHECK_H
#define RESTANTE_SPOOL_CHECK_CHECK_H

#include "common/config/config.h"
#include "common/login/users.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * What --check tests for both programs: who runs what, folders, users,
 * mailboxes, logins, certificates, ports.  Each thing is tried as whoever will
 * do it, and a finding says what to type.
 */

enum finding {
	FINDING_OK,
	FINDING_UNKNOWN, /* it cannot be found out now: shown as a warning */
	FINDING_WARNING,
	FINDING_ERROR,
};

struct greeting;

struct check {
	const struct config *config;
	const char *program; /* "smtpd", "pop3d" */
	bool json;           /* findings are for programs */
	unsigned errors, warnings;
	/* For smtpd's own parts: */
	bool dns_trouble; /* said already */
	struct greeting *greetings;
	/* Who wants the findings, in place of printing them; or NULL. */
	void (*tell)(void *context, enum finding, const char *text);
	void *context;
};

/* Prints a finding and counts it: finding.c. */
void check_finding(struct check *, enum finding, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The sum of it, for people; the exit status. */
int check_end(const struct check *);

/* The name of the configuration file. */
void check_configuration(struct check *);

/* Checks who runs what, and what confines it: rights.c. */
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

/* A directory of the servers', which is to have that mode: folders.c. */
void check_directory(
    struct check *, const char *what, const char *path, mode_t mode);

/* A file that the servers believe; it may be missing. */
void check_believed(struct check *, const char *what, const char *path);

/* The configuration and the users as files, and the state. */
void check_state(struct check *);

/* Checks for disks and accounts on other machines: remote.c. */
void check_remote(struct check *);

/* Networks of a key that are to be few: says so if they are everybody. */
void check_everybody(struct check *, enum finding, const char *key,
    const char *effect, const struct network *, size_t count);

/* Proxies, and clients that are spared: clients.c. */
void check_clients(struct check *);

/* The users file: users.c. */
void check_users(struct check *);

/* Mailboxes, as their owners: mailboxes.c. */
void check_mailboxes(struct check *);

/* Quotas and other limits of users: limits.c. */
void check_limits(struct check *);

/* Checks what logins need besides users: logins.c. */
void check_logins(struct check *);

/* Certificates: tls.c. */
void check_tls(struct check *);

/* Other programs at these ports of ours, at most CHECK_PORTS: ports.c. */
enum { CHECK_PORTS = 8 };
void check_ports(struct check *, const unsigned *ports, size_t count);

/* The port where users change their passwords, if it is open: ports.c. */
void check_passwd_port(struct check *);

/*
 * The folder of a mailbox, an example, gives its group only if it is root's;
 * warns if it does not, and its owner needs that.
 */
void check_folder_group(
    struct check *, const struct account *, const char *mailbox);

#endif
