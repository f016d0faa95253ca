/* SPDX-License-Identifier: ISC */
/* Asks the system about accounts.  May run as root. */
#include "common/names/passwd.h"

#include "common/io/deadline.h"
#include "common/log/log.h"

#include <errno.h>
#include <netdb.h>
#include <shadow.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/*
 * The last answer.  A worker asks for the same name more than once, and each
 * time the system may ask several sources, some of them over the network.
 */
static struct {
	char name[256];
	pid_t asker; /* the process that has asked; not its children */
	int64_t when;
	bool found;
	struct passwd account;
	char text[1024]; /* of its members */
} last;

enum { LASTS = 1000 }; /* ms */

/* Copies a member.  false: there is no room. */
static bool
keep_text(char **member, size_t *used)
{
	size_t room = sizeof(last.text) - *used;
	size_t len =
	    strlcpy(last.text + *used, *member == NULL ? "" : *member, room);

	*member = last.text + *used;
	*used += len + 1;
	return len < room;
}

/* Remembers an answer; one that is too long is forgotten. */
static void
keep(const char *name, const struct passwd *pw)
{
	size_t used = 0;

	last.found = pw != NULL;
	last.account = pw != NULL ? *pw : (struct passwd){ .pw_name = NULL };
	bool fits =
	    strlcpy(last.name, name, sizeof(last.name)) < sizeof(last.name) &&
	    keep_text(&last.account.pw_name, &used) &&
	    keep_text(&last.account.pw_passwd, &used) &&
	    keep_text(&last.account.pw_gecos, &used) &&
	    keep_text(&last.account.pw_dir, &used) &&
	    keep_text(&last.account.pw_shell, &used);
	last.asker = getpid();
	last.when = fits ? deadline_coarse() : 0;
}

void
passwd_prepare(void)
{
	/* Nearly everywhere this is a file, and needs no module. */
	setnetent(0);
	endnetent();
}

const struct passwd *
passwd_by_name(const char *name)
{
	if (last.when != 0 && last.asker == getpid() &&
	    strcmp(name, last.name) == 0 &&
	    deadline_coarse() - last.when < LASTS) {
		errno = 0;
		return last.found ? &last.account : NULL;
	}
	errno = 0;
	const struct passwd *pw = getpwnam(name);

	if (pw == NULL && errno != 0) {
		int saved = errno;
		log_error("cannot find out now whether there is an account %s: "
			  "%s; see nsswitch.conf(5)",
		    name, strerror(saved));
		errno = saved;
		return NULL;
	}
	keep(name, pw);
	errno = 0;
	return last.when == 0 || pw == NULL ? pw : &last.account;
}

const struct passwd *
passwd_by_uid(uid_t uid)
{
	errno = 0;
	const struct passwd *pw = getpwuid(uid);

	if (pw == NULL && errno != 0) {
		int saved = errno;
		log_error("cannot find out now whose the uid %u is: %s; see "
			  "nsswitch.conf(5)",
		    (unsigned)uid, strerror(saved));
		errno = saved;
	}
	return pw;
}

const struct spwd *
passwd_shadow(const char *name)
{
	errno = 0;
	const struct spwd *sp = getspnam(name);

	if (sp == NULL && errno != 0) {
		int saved = errno;
		log_error("cannot find out now whether %s has a password: %s; "
			  "see nsswitch.conf(5)",
		    name, strerror(saved));
		errno = saved;
	}
	return sp;
}
