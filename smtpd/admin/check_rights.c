/* SPDX-License-Identifier: ISC */
/*
 * smtpd --check: who runs what, and what confines it.  Processes of one uid can
 * signal each other, so what is trusted differently needs different accounts.
 */
#include "smtpd/admin/check_private.h"

#include "common/process/landlock.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#define MAKE_ACCOUNT                                                           \
	"useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin"

/* The account of the sessions. */
static void
check_session_user(struct check *c)
{
	const char *user = c->config->user;

	if (user[0] != '\0' && getpwnam(user) == NULL) {
		check_finding(c, FINDING_ERROR,
		    "there is no account %s; type: " MAKE_ACCOUNT " %s", user,
		    user);
	} else if (user[0] == '\0' && getpwnam("_restante") == NULL) {
		check_finding(c, FINDING_WARNING,
		    "sessions will run as nobody; an account of their own is "
		    "safer; type: " MAKE_ACCOUNT " _restante");
	} else {
		check_finding(c, FINDING_OK, "sessions run as %s",
		    user[0] != '\0' ? user : "_restante");
	}
}

/* What Landlock does here, or what it means that there is none. */
static void
check_landlock(struct check *c)
{
	int version = landlock_abi();

	if (version > 0) {
		check_finding(c, FINDING_OK,
		    "the kernel has Landlock (version %d): deliveries and POP3 "
		    "can open their own mailbox alone",
		    version);
	} else {
		check_finding(c, FINDING_OK,
		    "the kernel has no Landlock: deliveries and POP3 can open "
		    "what the owner of the mailbox may");
	}
}

void
check_rights(struct check *c)
{
	check_landlock(c);
	if (geteuid() != 0) {
		check_finding(c, FINDING_WARNING,
		    "not root: all files will belong to uid %d",
		    (int)geteuid());
		return;
	}
	check_session_user(c);
}
