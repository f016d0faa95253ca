/* SPDX-License-Identifier: ISC */
#ifndef RESTANTE_SMTPD_ADMIN_ADMIN_H
#define RESTANTE_SMTPD_ADMIN_ADMIN_H

#include "common/config/config.h"
#include "common/log/stats_report.h"

/*
 * The administrator's commands of smtpd; the queue has its own manage.h, and
 * the users file passwd.h.  All return an exit status of sysexits.h.
 */

/* The directory in which systemd lists enabled sockets. */
#define ADMIN_SOCKETS "/etc/systemd/system/sockets.target.wants/"

/* That of the weekly letter, if it is enabled. */
#define ADMIN_LETTER_TIMER                                                     \
	"/etc/systemd/system/timers.target.wants/restante-letter.timer"

/* --check: tests the whole set-up, and says what to type next. */
int admin_check(const struct config *, bool json);

/* --stats */
int admin_stats(const struct config *, enum stats_form);

/* --penalties: prints which addresses are slowed down or refused. */
int admin_penalties(const struct config *);

/* --forgive: address is one that --penalties prints, or "all". */
int admin_forgive(const struct config *, const char *address);

/*
 * -bt: prints what would happen to mail from sender (or NULL) for each of the
 * addresses, which end with NULL; sends nothing.  EX_OK, or what went wrong
 * first: EX_NOUSER (no such user here), EX_NOHOST (a domain that takes no
 * mail), EX_TEMPFAIL (mail would wait), EX_CONFIG (mail would wait until the
 * configuration is corrected), EX_USAGE.
 */
int admin_explain(const struct config *, const char *sender, char **addresses);

/*
 * -bv: prints one line for each address, saying if mail for it would be
 * delivered; sends nothing.  The status is that of admin_explain().
 */
int admin_verify(const struct config *, const char *sender, char **addresses);

#endif
