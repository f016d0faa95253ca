/* SPDX-License-Identifier: ISC */
/* Runs as root until it has become the owner. */
#include "smtpd/local/owner.h"

#include "common/names/passwd.h"
#include "spool/become.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int
owner_find(const char *name, struct account *a, char why[LOCAL_WHY])
{
	uid_t me = geteuid();

	const struct passwd *pw =
	    *name == '\0' ? passwd_by_uid(me) : passwd_by_name(name);
	if (pw == NULL && errno != 0) {
		snprintf(why, LOCAL_WHY,
		    "cannot find out now whether there is an account %.100s: "
		    "%.100s",
		    name, strerror(errno));
		return -1;
	}
	if (pw == NULL) {
		snprintf(why, LOCAL_WHY, "there is no account %.100s", name);
		return -1;
	}
	if (pw->pw_uid == 0) {
		snprintf(why, LOCAL_WHY, "nothing is written or run as root");
		return -1;
	}
	if (me != 0 && pw->pw_uid != me) {
		snprintf(why, LOCAL_WHY,
		    "belongs to %.100s: only root can deliver as another user",
		    pw->pw_name);
		return -1;
	}
	memset(a, 0, sizeof(*a));
	a->uid = pw->pw_uid;
	a->gid = pw->pw_gid;
	if (strlcpy(a->name, pw->pw_name, sizeof(a->name)) >= sizeof(a->name) ||
	    strlcpy(a->home, pw->pw_dir, sizeof(a->home)) >= sizeof(a->home)) {
		snprintf(why, LOCAL_WHY,
		    "the name or home of the account %.100s "
		    "is too long",
		    pw->pw_name);
		return -1;
	}
	return 0;
}

int
owner_become(const struct config *config, const struct account *a,
    const char *mailbox, char why[LOCAL_WHY])
{
	if (become_account(config, a, mailbox) == -1) {
		snprintf(why, LOCAL_WHY, "cannot become %s", a->name);
		return -1;
	}
	return 0;
}
